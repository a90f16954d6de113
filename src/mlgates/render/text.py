"""Plain text for a terminal: a table, worst first, with the reason under what did not pass."""

from collections.abc import Iterator, Mapping
from shutil import get_terminal_size
from textwrap import wrap
from typing import NamedTuple

from mlgates.limits import beside, quantity, spell
from mlgates.report import GateResult, Report, forgiven
from mlgates.verdict import Check, Verdict, worst_first

__all__ = ["to_text"]

_MOST = 20  # rows of one gate in a report; the frame has them all
_ALIKE = 4  # so many checks without enough rows become one row
_NAMED = 8  # of which so many are named
_NAME = 48  # characters of one name
_LEAST = 13  # characters that a column of names keeps in a narrow terminal
_LONGEST = 1_000  # characters of one reason
_HEAD = ("VERDICT", "GATE", "SUBJECT", "MEASURED", "LIMIT")
_GAP = "  "


class Row(NamedTuple):
    """A line of the table and the sentence under it."""

    cells: tuple[str, ...]
    under: str = ""


def to_text(thing: Report | GateResult) -> str:
    """Return the table of a report, or of one gate's result, as wide as the terminal.

    Names and reasons come from data: control characters in them are shown as escapes, so that one
    finding is one line and none can forge another.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    """
    if isinstance(thing, GateResult):
        head = f"{clean(thing.name)}: {thing.verdict.upper()}"
        lines = [head, "", *_table(list(_result_rows(thing, most=None)))]
    else:
        lines = [_header(thing), "", *_table(list(_report_rows(thing)))]
        lines += _footer(thing.provenance)
    return "\n".join(lines)


def _header(report: Report) -> str:
    aside = report.aside()
    held = len(report.failures)
    gates = f"{len(report)} gate{'s' if len(report) != 1 else ''}"
    told = f"{held} of {gates} hold{'s' if held == 1 else ''} it back" if held else gates
    return (
        f"{clean(report.name)}: {report.verdict.upper()}{f' ({aside})' if aside else ''} - {told}"
    )


def _report_rows(report: Report) -> Iterator[Row]:
    for result in sorted(report.results, key=lambda r: (r.counted is None, worst_first(r.verdict))):
        yield from _result_rows(result, most=_MOST)


def _result_rows(result: GateResult, most: int | None) -> Iterator[Row]:
    """Yield a gate's checks, worst first; with `most`, those alike in one row.

    Alike are those that passed, and those too short of rows to be told, if they are many.
    """
    checks = sorted(result.checks, key=lambda check: worst_first(check.verdict))
    fold = most is not None and sum(c.passed for c in checks) > 1
    shown = [check for check in checks if not (fold and check.passed) or "(hint:" in check.reason]
    short = [check for check in shown if _is_short(check)]
    folded = short if most is not None and len(short) >= _ALIKE else []
    rest = [check for check in shown if not (folded and _is_short(check))]
    for check in rest[:most]:
        yield _row(result, check)
    if folded:
        yield _alike(result, folded)
    if len(rest) > len(rest[:most]):
        more = f"... {len(rest) - len(rest[:most])} more"
        yield Row(("", clean(result.name), more, "", ""), "to_frame() lists them all")
    if fold:
        passed = len(checks) - len(shown)
        told = f"{'all ' if not shown else ''}{passed} checks"
        note = "".join(result.reason.partition("not judged: ")[1:])
        yield Row(
            (f"PASS{_aside(result)}", clean(result.name), told, "", ""), clean(note, _LONGEST)
        )


def _is_short(check: Check) -> bool:
    """Whether a check is undecided for want of evidence, not by chance."""
    return check.verdict is Verdict.INCONCLUSIVE and not check.by_chance


def _alike(result: GateResult, checks: list[Check]) -> Row:
    first, *others = checks
    names = list(dict.fromkeys(f"`{check.subject}`" for check in others))
    told = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" * (len(names) > _NAMED))
    cells = (f"{first.verdict.upper()}{_aside(result)}", clean(result.name))
    under = f"{first.reason}; nor can these be told: {told}"
    return Row((*cells, f"{len(checks)} checks", "", ""), clean(under, _LONGEST))


def _row(result: GateResult, check: Check) -> Row:
    subject = check.subject if check.group is None else f"{check.subject} [{check.group}]"
    allowed = " (allowed)" if forgiven(result, check) else ""
    measured = ""
    if check.limit is not None:
        value = beside(check.value, check.limit, check.unit)
        measured = value if check.metric == check.subject else f"{clean(check.metric)} {value}"
    return Row(
        (
            f"{check.verdict.upper()}{_aside(result) or allowed}",
            clean(result.name),
            clean(subject) if subject != result.name else "",
            measured,
            "" if check.limit is None else spell(check.limit, check.unit),
        ),
        "" if check.passed and "hint" not in check.reason else clean(check.reason, _LONGEST),
    )


def _aside(result: GateResult) -> str:
    return " (advisory)" if result.advisory else ""


def _width() -> int:
    return max(min(get_terminal_size((100, 24)).columns, 160), 60)


def _table(rows: list[Row]) -> list[str]:
    cells = [_HEAD, *(row.cells for row in rows)]
    width = _width()
    sizes = _fitting([max(map(len, column)) for column in zip(*cells, strict=True)], width)
    lines = [_line(_HEAD, sizes)]
    for row in rows:
        lines.append(_line(row.cells, sizes))
        under = " " * (sizes[0] + len(_GAP))
        lines += wrap(
            row.under,
            width,
            initial_indent=under,
            subsequent_indent=under,
            break_on_hyphens=False,  # a date stays whole
        )
    return lines


def _fitting(sizes: list[int], width: int) -> list[int]:
    """Return sizes of the columns by which a line fits, as far as names can give way for it."""
    over = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    while over > 0 and max(sizes[1], sizes[2]) > _LEAST:
        sizes[1 if sizes[1] > sizes[2] else 2] -= 1
        over -= 1
    return sizes


def _line(cells: tuple[str, ...], sizes: list[int]) -> str:
    shown = (_cut(cell, size).ljust(size) for cell, size in zip(cells, sizes, strict=True))
    return _GAP.join(shown).rstrip()


def _footer(provenance: Mapping[str, object]) -> list[str]:
    tables = provenance.get("tables")
    told = []
    for name, known in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(known, Mapping):
            told.append(f"{name}: {_size(known)}")
    started, seconds = provenance.get("started"), provenance.get("seconds")
    if isinstance(started, str) and isinstance(seconds, float):
        told.append(f"run {started[:19]} UTC in {quantity(seconds, 's')}")
    commit = provenance.get("commit")
    if isinstance(commit, str):
        told.append(f"commit {commit[:12]}")
    return ["", *wrap(clean("; ".join(told), most=_LONGEST), _width())] if told else []


def _size(known: Mapping[str, object]) -> str:
    counts = [
        f"{count:,} {what if count != 1 else what[:-1]}"
        for what in ("rows", "columns")
        if isinstance(count := known.get(what), int)
    ]
    mark = known.get("fingerprint")
    return " x ".join(counts) + (f", fingerprint {mark[:12]}" if isinstance(mark, str) else "")


def clean(text: str, most: int = _NAME) -> str:
    r"""Return text on one line: what can't be printed as an escape, what is too long cut.

    Examples
    --------
    >>> print(clean("age\x1b[31m"))
    age\x1b[31m
    """
    # (an escape is longer than what it stands for, so that no more than `most` are needed)
    shown = "".join(c if c.isprintable() else _escape(c) for c in text[: most + 1])
    return _cut(shown, most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
