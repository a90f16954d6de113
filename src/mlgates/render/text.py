"""Render a report as plain text: a table with the worst gates first, and reasons below it."""

import unicodedata
from collections.abc import Sequence
from shutil import get_terminal_size
from textwrap import wrap

from mlgates.printable import without_commands
from mlgates.render.rows import (
    Row,
    check_rows,
    gate_names,
    headline,
    metadata_clauses,
    ordered,
    provenance_clauses,
    rows,
    shorten_list,
)
from mlgates.report import GateResult, Report, severity
from mlgates.verdict import Verdict

_NARROWEST, _WIDEST = 60, 200
_PROSE = 120  # characters of a line of prose
_LEAST = 16  # smallest width of a column with wrapped lines
_TRIED = 20  # number of widths tried for the column of gates
_HEAD = ("VERDICT", "GATE", "SUBJECT", "MEASURED", "LIMIT")
_GAP = "  "
_DIM = "2"
_COLOURS = {
    Verdict.PASS: "32",
    Verdict.INCONCLUSIVE: "33",
    Verdict.FAIL: "1;31",
    Verdict.ERROR: "1;35",
    Verdict.SKIP: _DIM,
}


def to_text(thing: Report | GateResult, *, colour: bool = False) -> str:
    """Return a report, or the result of one gate, as a table that fits the terminal.

    Long subjects are wrapped. The name of a gate is not wrapped or shortened. If it does not fit
    into its column, it is written on a line of its own. With `colour`, verdicts are coloured by
    ANSI escape codes.
    """

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text else text

    width = max(min(get_terminal_size((100, 24)).columns, _WIDEST), _NARROWEST)
    head = headline(thing)
    name = without_commands(head.name)
    first = f"{name}: {paint(head.verdict.upper(), _COLOURS[head.verdict])}"
    if isinstance(thing, GateResult):
        checks = sorted(thing.checks, key=severity)
        lines = check_rows(thing, checks, gate_names([thing])[thing.name])
        foot = shorten_list(thing.note)
    else:
        first += f"{f' ({head.aside})' if head.aside else ''} - {head.summary}"
        results = ordered(thing)
        names = gate_names(results)
        lines = [each for result in results for each in rows(result, names[result.name])]
        foot = "; ".join(provenance_clauses(thing.provenance))

    cells = [_HEAD, *map(_cells, lines)]
    sizes = _sizes(cells, width)
    table = [_layout(line, sizes) for line in cells]
    about = wrap("; ".join(metadata_clauses(thing.metadata)), width)
    shown = [first, *map(without_commands, about), "", *(paint(line, _DIM) for line in table[0])]
    indent = " " * (sizes[0] + len(_GAP))
    for each, parts in zip(lines, table[1:], strict=True):
        code = "" if each.verdict is None else _DIM if each.aside else _COLOURS[each.verdict]
        shown.append(paint(parts[0][: sizes[0]], code) + parts[0][sizes[0] :])
        shown += parts[1:]
        for sentence in filter(None, (each.reason, each.note)):
            prose = wrap(
                sentence.replace(" %", "\0%"),  # keeps a share on one line
                min(width, len(indent) + _PROSE),
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,  # keeps a date on one line
            )
            shown += [paint(without_commands(part.replace("\0", " ")), _DIM) for part in prose]
    if foot:
        shown += ["", *map(without_commands, wrap(foot, width))]
    return "\n".join(shown)


def _cells(row: Row) -> tuple[str, ...]:
    verdict = "" if row.verdict is None else row.verdict.upper()
    verdict += f" ({row.aside})" if row.aside else ""
    return verdict, row.gate, row.subject, row.measured, row.limit


def _sizes(lines: Sequence[Sequence[str]], width: int) -> list[int]:
    """Return the widths of the columns of a table that is at most `width` characters wide.

    If the columns fit in full width, their full widths are returned. Otherwise the widths are
    chosen so that the table has as few lines as possible.
    """
    sizes = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    gaps = len(_GAP) * (len(sizes) - 1)
    if sum(sizes) + gaps <= width:
        return sizes
    sizes[3] = min(sizes[3], max(_LEAST, width // 4))
    space = width - gaps - sizes[0] - sizes[3] - sizes[4]  # for gates and subjects
    needed = [(_width(gate), _width(subject)) for _, gate, subject, *_ in lines]

    def total(gate: int, subject: int) -> int:
        reaches = (gate + len(_GAP) + subject, gate)
        return sum((a > reaches[b > 0]) + max(1, -(-b // subject)) for a, b in needed)

    widths = sorted({gate for gate, subject in needed if subject})
    widths = widths[:: 1 + len(widths) // _TRIED]
    pairs = [(gate, min(sizes[2], max(space - gate, _LEAST))) for gate in widths]
    gate, subject = min(pairs, key=lambda pair: (max(0, sum(pair) - space), total(*pair), pair))
    # The name of a gate without a subject may extend into the column of subjects.
    alone = max((a for a, b in needed if not b), default=0)
    spare = space - gate - subject
    return [
        sizes[0],
        gate + max(0, min(spare, alone - gate - len(_GAP) - subject)),
        subject,
        *sizes[3:],
    ]


def _layout(cells: Sequence[str], sizes: Sequence[int]) -> list[str]:
    """Return the lines of text for one row of the table."""
    verdict, gate, subject, measured, limit = cells
    parts = [_wrapped(subject, sizes[2]), _wrapped(measured, sizes[3]), [limit]]
    lines = []
    reach = sizes[1] if subject else sizes[1] + len(_GAP) + sizes[2]
    if _width(gate) > reach:  # the name has a line of its own
        lines.append(f"{_padded(verdict, sizes[0])}{_GAP}{gate}")
        verdict = gate = ""
    for i in range(max(map(len, parts))):
        verdict, gate = (verdict, gate) if i == 0 else ("", "")
        subject, *others = (part[i] if i < len(part) else "" for part in parts)
        # Without a subject, the name of the gate extends into the next column.
        names = _padded(gate, sizes[1] + len(_GAP) + sizes[2])
        if subject:
            names = f"{_padded(gate, sizes[1])}{_GAP}{_padded(subject, sizes[2])}"
        ends = [_padded(cell, size) for cell, size in zip(others, sizes[3:], strict=True)]
        lines.append(_GAP.join([_padded(verdict, sizes[0]), names, *ends]))
    return [without_commands(line.rstrip()) for line in lines]


def _wrapped(text: str, size: int) -> list[str]:
    wide = _width(text)
    return [text] if wide <= size else wrap(text, size * len(text) // wide, break_on_hyphens=False)


def _padded(text: str, size: int) -> str:
    return text + " " * (size - _width(text))


def _width(text: str) -> int:
    """Return the number of columns that a string needs in a terminal; wide characters need two."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
