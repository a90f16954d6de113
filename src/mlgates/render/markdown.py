"""Markdown for pull requests and step summaries: a headline, a table worst first, the rest folded.

Names and reasons come from data. Whatever Markdown or GitHub could take for more than text is
escaped: a name can't end a cell, become a link or an image, mention a person, or open HTML.
"""

import re
from collections.abc import Iterator

from mlgates.render.clean import pieces
from mlgates.render.rows import GLYPHS, Row, Space, headline, ordered, rows, told_by_provenance
from mlgates.report import GateResult, Report

__all__ = ["to_markdown"]

_SPACE = Space(name=80)
_MEANS_MORE = re.compile(r"[\\`*_\[\]<>|~&$#!(){}]")
# what is made a mention, a reference or a link after Markdown was read, entities and all
_MADE_MORE = re.compile(r"@|#(?=\d)|:(?=//)|www(?=\.)|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)
_BREAK = "\u200b"  # a space without width


def to_markdown(thing: Report | GateResult) -> str:
    """Return a report, or one gate's result, in GitHub's flavour of Markdown.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    """
    results = [thing] if isinstance(thing, GateResult) else ordered(thing)
    told = [row for result in results for row in rows(result, _SPACE)]
    parts = [_headline(thing), "\n".join(_table(told)), *_folded("Reasons", _reasons(told))]
    if isinstance(thing, Report):
        rests = (f"- {escape(clause)}" for clause in told_by_provenance(thing.provenance))
        parts += _folded("What this rests on", rests)
    return "\n\n".join(filter(None, parts)) + "\n"


def _headline(thing: Report | GateResult) -> str:
    head = headline(thing, _SPACE)
    told = "; ".join(filter(None, [head.told, head.aside]))
    first = f"### {GLYPHS[head.verdict]} {head.verdict.upper()} {_code(head.name)}"
    return f"{first}\n\n{escape(told)}" if told else first


def _table(told: list[Row]) -> Iterator[str]:
    yield "| verdict | gate | subject | measured | limit |"
    yield "| --- | --- | --- | ---: | ---: |"
    for row in told:
        cells = (_verdict(row), _code(row.gate), _code(row.subject), row.measured, row.limit)
        measured, limit = map(escape, cells[3:])
        yield f"| {' | '.join([*cells[:3], measured, limit])} |"


def _verdict(row: Row) -> str:
    if row.verdict is None:
        return ""
    aside = f" ({row.aside})" if row.aside else ""
    return f"{GLYPHS[row.verdict]} {row.verdict.upper()}{aside}"


def _reasons(told: list[Row]) -> Iterator[str]:
    for row in told:
        clauses = [sentence(text) for text in (row.reason, row.note) if text]
        if clauses:
            where = ", ".join(_code(name) for name in (row.gate, row.subject) if name)
            yield f"- **{_verdict(row) or 'more'}** {where}: {'; '.join(clauses)}"


def _folded(summary: str, lines: Iterator[str]) -> Iterator[str]:
    inside = list(lines)
    if inside:
        yield f"<details><summary>{summary}</summary>"
        yield "\n".join(inside)
        yield "</details>"


def sentence(text: str) -> str:
    """Return a sentence in Markdown; what stands between backticks becomes code."""
    return "".join(_code(part) if code else escape(part) for part, code in pieces(text))


def _code(text: str) -> str:
    # not between backticks, where nothing can be escaped
    return f"<code>{escape(text)}</code>" if text else ""


def escape(text: str) -> str:
    r"""Return clean text that no reader of Markdown takes for more.

    Examples
    --------
    >>> print(escape("a|b"), escape("<img>"))
    a\|b \<img\>
    """
    broken = _MADE_MORE.sub(lambda found: f"{found[0]}{_BREAK}", text)
    return _MEANS_MORE.sub(lambda found: f"\\{found[0]}", broken)
