"""Compute what all forms of a report show: the headline, the table, the provenance.

All returned strings are on one line and have no control characters. Each renderer escapes the
characters that have a meaning in its output.
"""

import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mlgates.jsonfile import plain
from mlgates.printable import clean, distinct, first_of, number_of
from mlgates.render.figures import bins, title
from mlgates.report import GateResult, Report, severity
from mlgates.verdict import (
    Check,
    Limit,
    Verdict,
    format_interval,
    format_limit,
    format_number,
    format_value,
    worst_first,
)

GLYPHS = {
    Verdict.PASS: "✓",
    Verdict.INCONCLUSIVE: "?",
    Verdict.FAIL: "✗",
    Verdict.ERROR: "!",
    Verdict.SKIP: "–",  # noqa: RUF001  (a dash as wide as the other signs)
}

_MOST = 20  # rows of one gate
_EXPLAINED = 5  # failed checks of one gate that get a sentence below their row
_UNMEASURED = 4  # from this number on, checks that could not be measured share one row
_NAMED = 8  # checks that this row lists
_MOVED = 3  # changed bins that are listed
_NOTE = 160  # characters of a gate's note, such as the list of columns that were not judged
_REASON = 2_000
_METADATA = 20  # entries of the metadata
_LONGEST_GATE = 2_000


class Head(NamedTuple):
    """The parts of the first line of a report.

    `name` is the name of the suite or gate. `aside` says how many gates and checks the verdict
    ignores, as in ``"1 advisory"``. It is empty if the verdict ignores none. `summary` is the
    number of gates, or of gates that block the release, as in ``"3 gates"`` or ``"1 of 3 gates
    blocks release"``. It is empty for the result of one gate.
    """

    name: str
    verdict: Verdict
    aside: str
    summary: str


class Row(NamedTuple):
    """One row of the table of a report, for one check or for several similar checks.

    Attributes
    ----------
    verdict : Verdict or None
        Verdict of the check. None for a row that only says how many checks are not shown.
    aside : {"", "advisory", "allowed"}
        Why the verdict of the report ignores the check; "" if it does not.
    gate, subject, measured, limit : str
        The strings in the columns of the row.
    reason : str
        The sentence below the row; "" if there is none.
    note : str
        A remark below the row: the bins that changed, and the columns or groups that were not
        judged.
    n : int
        Number of data rows from which the value was computed; 0 for a row of several checks.
    interval : str
        The interval of the value, as in ``"95 % interval 0.81 to 0.85"``; "" if there is none.
    """

    verdict: Verdict | None
    aside: str
    gate: str
    subject: str
    measured: str = ""
    limit: str = ""
    reason: str = ""
    note: str = ""
    n: int = 0
    interval: str = ""


def headline(thing: Report | GateResult) -> Head:
    """Return the first line of a report, or of the result of one gate."""
    name, verdict = clean(thing.name), thing.verdict
    if isinstance(thing, GateResult):
        return Head(name, verdict, aside(thing), "")
    blocking, gates = len(thing.failures), number_of(len(thing.results), "gate")
    verb = "blocks" if blocking == 1 else "block"
    summary = f"{blocking} of {gates} {verb} release" if blocking else gates
    return Head(name, verdict, thing.aside(), summary)


def ordered(report: Report) -> list[GateResult]:
    """Return the results in the order in which a report shows them.

    The results that block the release come first, then the results that passed, then those that the
    verdict of the report ignores. The worst verdict comes first in each of these parts.
    """
    blocking = {id(result): place for place, result in enumerate(report.failures)}

    def place(result: GateResult) -> tuple[int, int]:
        if id(result) in blocking:
            return 0, blocking[id(result)]
        return (1, 0) if result.counted is not None else (2, worst_first(result.verdict))

    return sorted(report.results, key=place)


def gate_names(results: Sequence[GateResult]) -> dict[str, str]:
    """Return a dict from the full name of each gate to the name that a report shows.

    Very long names are shortened.
    """
    return distinct((result.name for result in results), _LONGEST_GATE)


def rows(result: GateResult, gate: str) -> list[Row]:
    """Return the rows of one gate in the table of a report.

    `fold` divides the checks into three lists. The checks of the first list have one row each, the
    worst first; after 20 of them, one row says how many more there are. The checks that could not
    be measured share one row, and so do the checks that passed. `gate` is the name that is shown
    for the gate.
    """
    shown, unmeasured, passed = fold(result)
    lines = check_rows(result, shown[:_MOST], gate)
    for place, check in enumerate(shown[_EXPLAINED:_MOST], _EXPLAINED):
        if check.verdict is Verdict.FAIL and check.value is not None:
            lines[place] = lines[place]._replace(reason="", note="")
    if unmeasured:
        lines.append(unmeasured_row(result, unmeasured, gate))
    if len(shown) > _MOST:
        more = f"... {len(shown) - _MOST} more"
        lines.append(Row(None, "", gate, more, reason="to_frame() lists them all"))
    if passed:
        every = "all " if len(passed) == len(result.checks) else ""
        nearest, note = closest(passed), ""
        if every and nearest is not None and nearest.value:
            note = f"closest to its limit: {value_in_line(check_rows(result, [nearest], gate)[0])}"
        line = Row(Verdict.PASS, aside(result), gate, f"{every}{len(passed)} checks", note=note)
        lines.append(line)
    if result.note:
        notes = filter(None, [lines[-1].note, shorten_list(result.note)])
        lines[-1] = lines[-1]._replace(note="; ".join(notes))
    return lines


def closest(checks: Sequence[Check]) -> Check | None:
    """Return the check whose value is closest to its limit.

    Checks without a value or a limit are left out. So are checks with the limit "at most 0" and the
    value 0: a number of violations, for example, can't be below 0, so the value 0 does not mean
    that the check nearly failed. The result is None if no check remains.
    """
    near = [c for c in checks if c.limit and (c.value or c.limit != Limit(at_most=0))]
    return min(near, key=severity, default=None)


def value_in_line(row: Row) -> str:
    """Return the subject, value, interval and limit of a table row in one line."""
    value = " ".join(
        filter(None, [row.subject, row.measured, row.interval and f"({row.interval})"])
    )
    return ", ".join(filter(None, [value, row.limit]))


def fold(result: GateResult) -> tuple[list[Check], list[Check], list[Check]]:
    """Divide the checks of a result into three lists, each with the worst check first.

    In a report, each check of the first list gets a row of its own. All checks of the second list
    share one row, and so do all checks of the third list.

    - The second list has the INCONCLUSIVE checks that could not be measured, for example because of
      too few rows. It is empty if there are fewer than four.
    - The third list has the checks that passed and have an empty field `hint`. It is empty if fewer
      than two checks passed.
    - The first list has all other checks. Among them are INCONCLUSIVE checks that need more rows,
      because the interval contains the limit or the p-value is too large.
    """
    checks = sorted(result.checks, key=severity)
    passed = [check for check in checks if check.passed and not check.hint]
    if sum(check.passed for check in checks) < 2:
        passed = []
    unmeasured = [c for c in checks if c.verdict is Verdict.INCONCLUSIVE and not c.by_chance]
    if len(unmeasured) < _UNMEASURED:
        unmeasured = []
    folded = {id(check) for check in (*passed, *unmeasured)}
    return [check for check in checks if id(check) not in folded], unmeasured, passed


def unmeasured_row(result: GateResult, checks: Sequence[Check], gate: str) -> Row:
    """Return one row for all INCONCLUSIVE checks of a result that could not be measured.

    `checks` are these checks. The row has the reason of the first one, and lists up to eight
    others. A check is listed by its slice, its subject, or both, so that checks can be
    distinguished. `gate` is the name that is shown for the gate.
    """
    sliced = [check for check in checks if check.group is not None]
    subjects, metrics = {check.subject for check in sliced}, {check.metric for check in sliced}
    labels = []
    for check in checks:
        if check.group is None:
            labels.append(f"`{check.subject}`")
            continue
        named = check.subject if len(subjects) > 1 else check.metric if len(metrics) > 1 else ""
        labels.append(f"{named and f'`{named}` where '}{check.group} (n = {check.n:,})")
    others = list(dict.fromkeys(labels))[1:]
    reason = clean(f"{checks[0].reason}; also undecided: {first_of(others, _NAMED)}", _REASON)
    return Row(checks[0].verdict, aside(result), gate, f"{len(checks)} checks", reason=reason)


def check_rows(result: GateResult, checks: Sequence[Check], gate: str) -> list[Row]:
    """Return a table row for each check.

    Different subjects or groups stay different when they are shortened.
    """
    # Leave out the subject if it is the name of the gate in every check.
    names = {result.name, result.kind, result.name.partition(":")[2]}
    repeated = {check.subject for check in result.checks} <= names
    titles = [
        # A gate that raised an exception or was skipped has one check, whose subject is the gate.
        check.group
        if repeated or (check.subject, check.metric) == (result.name, result.kind)
        else title(check)
        for check in checks
    ]
    shown = distinct(name for name in titles if name is not None)
    return [
        _row(result, check, gate, "" if name is None else shown[name])
        for check, name in zip(checks, titles, strict=True)
    ]


def _row(result: GateResult, check: Check, gate: str, subject: str) -> Row:
    reason = note = ""
    if not check.passed or check.hint:
        reason = clean(check.reason, _REASON)
        moved = [each for each in bins(check) if each.moved]
        moved.sort(key=lambda each: -abs(each.current - each.reference))
        clauses = [
            f"`{label}` from {format_number(before, 'share')} to {format_number(now, 'share')}"
            for label, before, now, _ in moved[:_MOVED]
        ]
        clauses += [f"{len(moved) - _MOVED} more"] if len(moved) > _MOVED else []
        note = f"moved: {', '.join(clauses)}" if clauses else ""
    limit = "" if check.limit is None else format_limit(check.limit, check.unit, check.value)
    return Row(
        check.verdict,
        aside(result, check),
        gate,
        subject,
        measured(check),
        limit,
        reason,
        note,
        check.n,
        interval(check),
    )


def measured(check: Check) -> str:
    """Return what a check measured, as in ``"psi 0.31"``: its summary, or its metric and value."""
    if check.limit is None:
        return ""
    if check.summary:
        return clean(check.summary)
    value = format_value(check.value, check.limit, check.unit)
    if check.value is None:
        value = "not measured"
    return value if check.metric == check.subject else f"{clean(check.metric)} {value}"


def interval(check: Check) -> str:
    """Return the interval of a check's value in words; "" if it has none."""
    if check.interval is None or check.value is None:
        return ""
    if all(map(math.isinf, check.interval)):
        return ""
    return format_interval(check.interval, check.confidence, check.unit)


def aside(result: GateResult, check: Check | None = None) -> str:
    """Return why the verdict of a suite ignores a result or a check: "advisory" or "allowed".

    "advisory" means that the gate is advisory. "allowed" is only returned for a check: the check is
    INCONCLUSIVE only because more rows are needed to decide, and the gate has
    ``inconclusive="allow"``. The result is "" if the verdict does not ignore it.
    """
    if result.advisory:
        return "advisory"
    allowed = check is not None and check.by_chance and result.inconclusive == "allow"
    return "allowed" if allowed else ""


def shorten_list(listed: str, most: int = _NOTE) -> str:
    """Shorten a list such as ``"`a` (dates), `b` (times)"`` to about `most` characters.

    Items at the end are left out, and their number is given. If the list has one very long item,
    its middle is left out.
    """
    if len(listed) <= most:
        return clean(listed)
    whole = listed[:most].rpartition("), ")[0]
    more = listed[len(whole) :].count("), ")
    return f"{clean(whole, most)}) and {more} more" if whole and more else clean(listed, most)


def provenance_clauses(provenance: Mapping[str, object]) -> list[str]:
    """Return clauses about the provenance of a run: the tables, the time, the commit.

    A report that was loaded from a file can have entries in an unknown form. They are left out.
    """
    clauses = []
    tables = provenance.get("tables")
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            counts = {what: table.get(f"{what}s") for what in ("row", "column")}
            sizes = [number_of(n, what) for what, n in counts.items() if isinstance(n, int)]
            mark = table.get("fingerprint")
            fingerprint = f", fingerprint {mark[:12]}" if isinstance(mark, str) else ""
            clauses.append(f"{name}: {' x '.join(sizes)}{fingerprint}")
    started, seconds = provenance.get("started"), provenance.get("seconds")
    if isinstance(started, str) and isinstance(seconds, float):
        clauses.append(f"run {started[:19]} UTC in {format_number(seconds, 's')}")
    deselected = provenance.get("deselected")
    if isinstance(deselected, tuple) and deselected:
        names = ", ".join(name for name in deselected if isinstance(name, str))
        clauses.append(f"{number_of(len(deselected), 'gate')} not selected in pytest: {names}")
    commit = provenance.get("commit")
    if isinstance(commit, str):
        changed = " with uncommitted changes" if provenance.get("dirty") is True else ""
        clauses.append(f"commit {commit[:12]}{changed}")
    return [clean(clause, 500) for clause in clauses]


def metadata_clauses(metadata: Mapping[str, object]) -> list[str]:
    """Return the metadata of a run as clauses, such as ``"version: 7"``."""
    clauses = []
    for name, value in metadata.items():
        shown = value if isinstance(value, str) else json.dumps(plain(value), ensure_ascii=False)
        clauses.append(clean(f"{name}: {shown}", 500))
    more = len(clauses) - _METADATA
    return [*clauses[:_METADATA], f"{more:,} more"] if more > 0 else clauses
