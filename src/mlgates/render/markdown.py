"""Markdown for pull requests and step summaries: a headline, a table worst first, the rest folded.

`escape` is applied to every text from data: a name can't end a cell, become a link or an image,
mention a person, or open HTML.
"""

import re
from collections.abc import Sequence

from mlgates.render import pieces
from mlgates.render.rows import GLYPHS, headline, ordered, provenance_clauses, rows
from mlgates.report import GateResult, Report

_NAME = 80
_SYNTAX = re.compile(r"[\\`*_\[\]<>|~&$#!(){}]")
# what GitHub turns into a mention, a reference or a link even where it is escaped
_LINKED = re.compile(r"@|#(?=\d)|:(?=//)|www(?=\.)|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)
_BREAK = "\u200b"  # a space without width


def to_markdown(thing: Report | GateResult) -> str:
    """Return a report, or one gate's result, in GitHub's flavour of Markdown."""
    results = [thing] if isinstance(thing, GateResult) else ordered(thing)
    head = headline(thing, _NAME)
    parts = [f"### {GLYPHS[head.verdict]} {head.verdict.upper()} {_code(head.name)}"]
    parts.append(escape("; ".join(filter(None, [head.summary, head.aside]))))
    table = ["| verdict | gate | subject | measured | limit |", "| --- | --- | --- | ---: | ---: |"]
    reasons = []
    for row in (row for result in results for row in rows(result, _NAME)):
        verdict = ""
        if row.verdict is not None:
            verdict = f"{GLYPHS[row.verdict]} {row.verdict.upper()}"
            verdict += f" ({row.aside})" if row.aside else ""
        gate, subject = _code(row.gate), _code(row.subject)
        cells = (verdict, gate, subject, escape(row.measured), escape(row.limit))
        table.append(f"| {' | '.join(cells)} |")
        clauses = "; ".join(sentence(text) for text in (row.reason, row.note) if text)
        if clauses:
            where = ", ".join(filter(None, (gate, subject)))
            reasons.append(f"- **{verdict or 'more'}** {where}: {clauses}")
    parts += ["\n".join(table), _folded("Reasons", reasons)]
    if isinstance(thing, Report):
        rests = [f"- {escape(clause)}" for clause in provenance_clauses(thing.provenance)]
        parts.append(_folded("What this rests on", rests))
    return "\n\n".join(filter(None, parts)) + "\n"


def _folded(summary: str, lines: Sequence[str]) -> str:
    inside = "\n".join(lines)
    return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>" if lines else ""


def sentence(text: str) -> str:
    """Return a sentence in Markdown, with code between its backticks."""
    return "".join(_code(part) if code else escape(part) for part, code in pieces(text))


def _code(text: str) -> str:
    # a tag instead of backticks, between which nothing can be escaped
    return f"<code>{escape(text)}</code>" if text else ""


def escape(text: str) -> str:
    r"""Return clean text as Markdown that is read as nothing but this text.

    Examples
    --------
    >>> print(escape("a|b"), escape("<img>"))
    a\|b \<img\>
    """
    broken = _LINKED.sub(lambda match: f"{match[0]}{_BREAK}", text)
    return _SYNTAX.sub(lambda match: f"\\{match[0]}", broken)
