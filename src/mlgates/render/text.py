"""Plain text for a terminal: a table, worst first, with the reason under what did not pass."""

from shutil import get_terminal_size
from textwrap import wrap
from typing import NamedTuple

from mlgates.render.clean import abbreviated
from mlgates.render.rows import (
    Row,
    Space,
    headline,
    ordered,
    rows,
    told_by_provenance,
    unjudged,
)
from mlgates.report import GateResult, Report
from mlgates.verdict import Verdict

__all__ = ["to_text"]

_SPACE = Space()
_EVERY = Space(most=None)
_NARROWEST, _WIDEST = 60, 200
_PROSE = 120  # characters of a line of prose that the eye can follow
_LEAST = 13  # characters that a column of names keeps in a narrow terminal
_HEAD = ("VERDICT", "GATE", "SUBJECT", "MEASURED", "LIMIT")
_GAP = "  "
_COLOURS = {
    Verdict.PASS: "32",
    Verdict.INCONCLUSIVE: "33",
    Verdict.FAIL: "1;31",
    Verdict.ERROR: "1;35",
    Verdict.SKIP: "2",
}


class _Paint(NamedTuple):
    """Words in colour, or plain."""

    colour: bool

    def __call__(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and code and text else text


def to_text(thing: Report | GateResult, *, colour: bool = False) -> str:
    """Return the table of a report, or of one gate's result, as wide as the terminal.

    Names and reasons come from data: control characters in them are shown as escapes, so that one
    finding is one line and none can forge another.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    colour : bool
        Whether verdicts are coloured by ANSI escapes; for a terminal alone.
    """
    paint, head = _Paint(colour), headline(thing, _SPACE)
    word = paint(head.verdict.upper(), _COLOURS[head.verdict])
    if isinstance(thing, GateResult):
        lines = [f"{head.name}: {word}", "", *_table(list(rows(thing, _EVERY)), paint)]
        left_out = unjudged(thing)
        return "\n".join([*lines, "", *wrap(left_out, _width())] if left_out else lines)
    told = [row for result in ordered(thing) for row in rows(result, _SPACE)]
    first = f"{head.name}: {word}{f' ({head.aside})' if head.aside else ''} - {head.told}"
    return "\n".join([first, "", *_table(told, paint), *_footer(thing)])


def _footer(report: Report) -> list[str]:
    told = "; ".join(told_by_provenance(report.provenance))
    return ["", *wrap(told, _width())] if told else []


def _width() -> int:
    return max(min(get_terminal_size((100, 24)).columns, _WIDEST), _NARROWEST)


def _table(told: list[Row], paint: _Paint) -> list[str]:
    cells = [_HEAD, *map(_cells, told)]
    width = _width()
    sizes = _fitting([max(map(len, column)) for column in zip(*cells, strict=True)], width)
    lines = [paint(_line(_HEAD, sizes), "2")]
    for row, line in zip(told, cells[1:], strict=True):
        verdict, rest = _line(line, sizes)[: sizes[0]], _line(line, sizes)[sizes[0] :]
        code = "" if row.verdict is None else "2" if row.aside else _COLOURS[row.verdict]
        lines.append(paint(verdict, code) + rest)
        for under in filter(None, (row.reason, row.note)):
            lines += [paint(part, "2") for part in _prose(under, sizes[0] + len(_GAP), width)]
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    aside = f" ({row.aside})" if row.aside else ""
    word = "" if row.verdict is None else f"{row.verdict.upper()}{aside}"
    return (word, row.gate, row.subject, row.measured, row.limit)


def _prose(text: str, indent: int, width: int) -> list[str]:
    under = " " * indent
    lines = wrap(
        text.replace(" %", "\0%"),  # a share stays whole
        min(width, indent + _PROSE),
        initial_indent=under,
        subsequent_indent=under,
        break_on_hyphens=False,  # and so does a date
    )
    return [line.replace("\0", " ") for line in lines]


def _fitting(sizes: list[int], width: int) -> list[int]:
    """Return sizes of the columns by which a line fits, as far as names can give way for it."""
    over = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    while over > 0 and max(sizes[1], sizes[2]) > _LEAST:
        sizes[1 if sizes[1] > sizes[2] else 2] -= 1
        over -= 1
    return sizes


def _line(cells: tuple[str, ...], sizes: list[int]) -> str:
    shown = (abbreviated(cell, size).ljust(size) for cell, size in zip(cells, sizes, strict=True))
    return _GAP.join(shown).rstrip()
