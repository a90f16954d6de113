"""What every renderer tells: the headline, the rows worst first, and what a report rests on.

All texts here are clean: names and reasons come from data, so control characters in them are shown
as escapes, and one finding is one line. A renderer escapes what means something in its own form.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mlgates.limits import format_limit, format_number, format_value
from mlgates.render.clean import clean
from mlgates.render.figures import cells
from mlgates.report import GateResult, Report, forgiven
from mlgates.verdict import Check, Verdict, worst_first

__all__ = [
    "GLYPHS",
    "Folded",
    "Head",
    "Row",
    "Space",
    "alike",
    "aside",
    "fold",
    "headline",
    "is_short",
    "number_of",
    "ordered",
    "row",
    "rows",
    "told_by_provenance",
    "unjudged",
]

GLYPHS = {
    Verdict.PASS: "✓",
    Verdict.INCONCLUSIVE: "?",
    Verdict.FAIL: "✗",
    Verdict.ERROR: "!",
    Verdict.SKIP: "–",  # noqa: RUF001  (a dash that is as wide as the other signs)
}

_ALIKE = 4  # so many checks without enough rows become one row
_NAMED = 8  # of which so many are named
_MOVED = 3  # cells that are named of those that moved
_UNJUDGED = 160  # characters of a list of columns that were not judged


class Space(NamedTuple):
    """How much a form has room for.

    Attributes
    ----------
    most : int or None
        Rows of one gate; None when all are shown, folded by nothing.
    name, reason : int
        Characters of one name, and of one reason.
    """

    most: int | None = 20
    name: int = 48
    reason: int = 1_000


class Head(NamedTuple):
    """The first line: whose report it is, its verdict, what stands aside, what holds it back."""

    name: str
    verdict: Verdict
    aside: str
    told: str


class Row(NamedTuple):
    """One finding, or several that are alike.

    Attributes
    ----------
    verdict : Verdict or None
        None for a row that only says how many more there are.
    aside : {"", "advisory", "allowed"}
        Why it doesn't count.
    gate, subject, measured, limit : str
        The cells.
    reason : str
        The sentence under it; empty where the cells say it all.
    note : str
        What a reader should know beside it: which cells of a distribution moved, what was not
        judged.
    check : Check or None
        The check, where the row tells of one.
    """

    verdict: Verdict | None
    aside: str
    gate: str
    subject: str
    measured: str = ""
    limit: str = ""
    reason: str = ""
    note: str = ""
    check: Check | None = None


class Folded(NamedTuple):
    """The checks of a gate, worst first: shown one by one, alike, and passed."""

    shown: tuple[Check, ...]
    alike: tuple[Check, ...]
    passed: tuple[Check, ...]


def headline(thing: Report | GateResult, space: Space) -> Head:
    """Return the first line of a report or of one gate's result."""
    name, verdict = clean(thing.name, space.name), thing.verdict
    if isinstance(thing, GateResult):
        return Head(name, verdict, "advisory" if thing.advisory else "", "")
    held, gates = len(thing.failures), number_of(len(thing), "gate")
    told = f"{held} of {gates} hold{'s' if held == 1 else ''} it back" if held else gates
    return Head(name, verdict, thing.aside(), told)


def ordered(report: Report) -> list[GateResult]:
    """Return the results, the worst that counts first; what stands aside comes last."""

    def key(result: GateResult) -> tuple[bool, int, int]:
        counted = result.counted or result.verdict
        return result.counted is None, worst_first(counted), worst_first(result.verdict)

    return sorted(report.results, key=key)


def rows(result: GateResult, space: Space) -> Iterator[Row]:
    """Yield a gate's checks, worst first; with `space.most`, those alike in one row."""
    if space.most is None:
        for check in sorted(result.checks, key=lambda check: worst_first(check.verdict)):
            yield row(result, check, space)
        return
    told, note = _folded_rows(result, space), unjudged(result)
    *first, last = told
    yield from first
    yield last._replace(note="; ".join(filter(None, [last.note, note])))


def _folded_rows(result: GateResult, space: Space) -> list[Row]:
    """Return a gate's rows, those alike in one."""
    folded, gate = fold(result), clean(result.name, space.name)
    shown = folded.shown[: space.most]
    told = [row(result, check, space) for check in shown]
    if folded.alike:
        told.append(alike(result, folded.alike, space))
    if len(folded.shown) > len(shown):
        more = f"... {len(folded.shown) - len(shown)} more"
        told.append(Row(None, "", gate, more, reason="to_frame() lists them all"))
    if folded.passed:
        every = len(folded.passed) == len(result.checks)
        many = f"{'all ' if every else ''}{len(folded.passed)} checks"
        told.append(Row(Verdict.PASS, aside(result), gate, many))
    return told


def fold(result: GateResult) -> Folded:
    """Sort a gate's checks into those to show, those alike, and those that passed.

    Alike are those that passed, if more than one did, and those too short of rows to be told, if
    they are many. What passed with a hint is shown.
    """
    checks = sorted(result.checks, key=lambda check: worst_first(check.verdict))
    several = sum(check.passed for check in checks) > 1
    passed = [c for c in checks if several and c.passed and "(hint:" not in c.reason]
    short = [check for check in checks if is_short(check)]
    same = {id(check) for check in (*passed, *(short if len(short) >= _ALIKE else ()))}
    shown = [check for check in checks if id(check) not in same]
    return Folded(tuple(shown), tuple(short if len(short) >= _ALIKE else ()), tuple(passed))


def is_short(check: Check) -> bool:
    """Whether a check is undecided for want of evidence, not by chance."""
    return check.verdict is Verdict.INCONCLUSIVE and not check.by_chance


def alike(result: GateResult, checks: Sequence[Check], space: Space) -> Row:
    """Return the one row of many checks that can't be told."""
    first = checks[0]
    names = list(dict.fromkeys(_labels(checks)))[1:]
    told = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" * (len(names) > _NAMED))
    reason = clean(f"{first.reason}; nor can these be told: {told}", space.reason)
    gate, many = clean(result.name, space.name), f"{len(checks)} checks"
    return Row(first.verdict, aside(result), gate, many, reason=reason)


def _labels(checks: Sequence[Check]) -> Iterator[str]:
    """Yield what tells each of several checks from the others: its slice, its subject, or both."""
    in_groups = [check for check in checks if check.group is not None]
    subjects, metrics = ({getattr(c, name) for c in in_groups} for name in ("subject", "metric"))
    for check in checks:
        if check.group is None:
            yield f"`{check.subject}`"
            continue
        named = check.subject if len(subjects) > 1 else check.metric if len(metrics) > 1 else ""
        yield f"{named and f'`{named}` where '}{check.group} (n = {check.n:,})"


def row(result: GateResult, check: Check, space: Space) -> Row:
    """Return the row of one check."""
    measured = ""
    if check.limit is not None:
        value = format_value(check.value, check.limit, check.unit)
        same = check.metric == check.subject
        measured = value if same else f"{clean(check.metric, space.name)} {value}"
    silent = check.passed and "hint" not in check.reason
    return Row(
        check.verdict,
        aside(result) or ("allowed" if forgiven(result, check) else ""),
        clean(result.name, space.name),
        clean(_subject(result, check), space.name),
        measured,
        "" if check.limit is None else format_limit(check.limit, check.unit),
        "" if silent else clean(check.reason, space.reason),
        "" if silent else _moved_clause(check),
        check,
    )


def _subject(result: GateResult, check: Check) -> str:
    """Return what was judged, without what the gate's name says already."""
    known = (result.name, result.kind, result.name.partition(":")[2])
    if check.subject in known:
        return check.group or ""
    return check.subject if check.group is None else f"{check.subject} [{check.group}]"


def aside(result: GateResult) -> str:
    """Return why a whole result doesn't count, in a word; skipped checks say so themselves."""
    return "advisory" if result.advisory else ""


def unjudged(result: GateResult, most: int = _UNJUDGED) -> str:
    """Return which columns were not judged, a long list cut where a name ends."""
    note = "".join(result.reason.partition("not judged: ")[1:])
    shown = clean(note, most)
    if len(note) <= most:
        return shown
    whole = shown.rpartition("), ")[0]
    more = note[len(whole) :].count("), ")
    return f"{whole}) and {more} more" if whole and more else shown


def _moved_clause(check: Check) -> str:
    moved = [cell for cell in cells(check) if cell.moved]
    moved.sort(key=lambda cell: -abs(cell.current - cell.reference))
    told = [
        f"`{cell.label}` from {format_number(cell.reference, 'share')} to "
        f"{format_number(cell.current, 'share')}"
        for cell in moved[:_MOVED]
    ]
    more = [f"{len(moved) - _MOVED} more"] if len(moved) > _MOVED else []
    return f"moved: {', '.join([*told, *more])}" if told else ""


def told_by_provenance(provenance: Mapping[str, object]) -> list[str]:
    """Return what a report rests on, a clause each: its tables, when it was run, the commit."""
    tables = provenance.get("tables")
    told = []
    for name, known in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(known, Mapping):
            told.append(f"{name}: {_size(known)}")
    started, seconds = provenance.get("started"), provenance.get("seconds")
    if isinstance(started, str) and isinstance(seconds, float):
        told.append(f"run {started[:19]} UTC in {format_number(seconds, 's')}")
    commit = provenance.get("commit")
    if isinstance(commit, str):
        told.append(f"commit {commit[:12]}")
    return [clean(clause, 500) for clause in told]


def _size(known: Mapping[str, object]) -> str:
    counts = [
        number_of(count, what)
        for what in ("row", "column")
        if isinstance(count := known.get(f"{what}s"), int)
    ]
    mark = known.get("fingerprint")
    return " x ".join(counts) + (f", fingerprint {mark[:12]}" if isinstance(mark, str) else "")


def number_of(count: int, what: str) -> str:
    """Return ``"1 gate"`` or ``"2 gates"``."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def tally(verdicts: Sequence[Verdict]) -> list[tuple[Verdict, int]]:
    """Return how many there are of each verdict, worst first."""
    counts = Counter(verdicts)
    return [(verdict, counts[verdict]) for verdict in sorted(counts, key=worst_first)]
