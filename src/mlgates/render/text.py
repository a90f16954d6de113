"""Plain text for a terminal: a table, worst first, with the reason below what did not pass."""

from shutil import get_terminal_size
from textwrap import wrap

from mlgates.render import abbreviated
from mlgates.render.rows import headline, ordered, provenance_clauses, row, rows, shorten_list
from mlgates.report import GateResult, Report
from mlgates.verdict import Verdict, worst_first

_NARROWEST, _WIDEST = 60, 200
_PROSE = 120  # characters of a line of prose
_LEAST = 13  # fewest characters of a column of names
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

    `colour` adds ANSI escapes.
    """

    def paint(text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text else text

    width = max(min(get_terminal_size((100, 24)).columns, _WIDEST), _NARROWEST)
    head = headline(thing)
    first = f"{head.name}: {paint(head.verdict.upper(), _COLOURS[head.verdict])}"
    if isinstance(thing, GateResult):
        checks = sorted(thing.checks, key=lambda check: worst_first(check.verdict))
        lines = [row(thing, check) for check in checks]
        foot = shorten_list(thing.note)
    else:
        first += f"{f' ({head.aside})' if head.aside else ''} - {head.summary}"
        lines = [each for result in ordered(thing) for each in rows(result)]
        foot = "; ".join(provenance_clauses(thing.provenance))

    cells = [_HEAD]
    for each in lines:
        verdict = "" if each.verdict is None else each.verdict.upper()
        verdict += f" ({each.aside})" if each.aside else ""
        cells.append((verdict, each.gate, each.subject, each.measured, each.limit))
    sizes = [max(map(len, column)) for column in zip(*cells, strict=True)]
    over = sum(sizes) + len(_GAP) * (len(sizes) - 1) - width
    while over > 0 and max(sizes[1], sizes[2]) > _LEAST:  # names are shortened
        sizes[1 if sizes[1] > sizes[2] else 2] -= 1
        over -= 1
    table = [
        _GAP.join(abbreviated(*cell).ljust(cell[1]) for cell in zip(line, sizes, strict=True))
        for line in cells
    ]

    shown = [first, "", paint(table[0].rstrip(), _DIM)]
    indent = " " * (sizes[0] + len(_GAP))
    for each, line in zip(lines, map(str.rstrip, table[1:]), strict=True):
        code = "" if each.verdict is None else _DIM if each.aside else _COLOURS[each.verdict]
        shown.append(paint(line[: sizes[0]], code) + line[sizes[0] :])
        for sentence in filter(None, (each.reason, each.note)):
            parts = wrap(
                sentence.replace(" %", "\0%"),  # keeps a share on one line
                min(width, len(indent) + _PROSE),
                initial_indent=indent,
                subsequent_indent=indent,
                break_on_hyphens=False,  # keeps a date on one line
            )
            shown += [paint(part.replace("\0", " "), _DIM) for part in parts]
    return "\n".join([*shown, *(["", *wrap(foot, width)] if foot else [])])
