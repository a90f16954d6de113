"""Render a report as Markdown: a headline, a table, and details that can be unfolded.

`escape` is applied to every string that comes from data. So a name can't end a table cell, become a
link or an image, mention a person, or start HTML. `escape` writes HTML entities, because all
Markdown processors support them. Only some of them support backslashes. Folded details are written
in HTML, in which Markdown is not interpreted.
"""

import re
from collections.abc import Sequence

from mlgates.render import split_code
from mlgates.render.rows import (
    GLYPHS,
    gate_names,
    headline,
    metadata_clauses,
    ordered,
    provenance_clauses,
    rows,
)
from mlgates.report import GateResult, Report

# (An underscore between letters is not escaped, because it has no meaning there. So most names of
# columns stay readable in the source.)
_SYNTAX = re.compile(r"[&<>|`*\[\]\\~$#!{}^\"']|_(?![^\W_])|(?<![^\W_])_|(?<==)=|(?<=\+)\+|(?<=-)-")
# GitHub turns these into mentions, references or links even if they are escaped.
_LINKED = re.compile(r"@|#(?=\d)|:(?=//)|www(?=\.)|(?<=mailto):|(?<=xmpp):", re.IGNORECASE)
_BREAK = "\u200b"  # a zero-width space


def to_markdown(thing: Report | GateResult) -> str:
    """Return a report, or the result of one gate, in GitHub's flavour of Markdown."""
    results = [thing] if isinstance(thing, GateResult) else ordered(thing)
    head, names = headline(thing), gate_names(results)
    parts = [f"### {GLYPHS[head.verdict]} {head.verdict.upper()} {_code(head.name)}"]
    parts.append(escape("; ".join(filter(None, [head.summary, head.aside]))))
    parts.append(escape("; ".join(metadata_clauses(thing.metadata))))
    table = ["| verdict | gate | subject | measured | limit |", "| --- | --- | --- | ---: | ---: |"]
    reasons = []
    for row in (row for result in results for row in rows(result, names[result.name])):
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
            reasons.append(f"<b>{verdict or 'more'}</b> {where}: {clauses}")
    parts += ["\n".join(table), _folded("Reasons", reasons)]
    if isinstance(thing, Report):
        provenance = [escape(clause) for clause in provenance_clauses(thing.provenance)]
        parts.append(_folded("Provenance", provenance))
    return "\n\n".join(filter(None, parts)) + "\n"


def _folded(summary: str, items: Sequence[str]) -> str:
    if not items:
        return ""
    listed = "\n".join(f"<li>{item}</li>" for item in items)
    return f"<details><summary>{summary}</summary>\n<ul>\n{listed}\n</ul>\n</details>"


def sentence(text: str) -> str:
    """Convert a sentence to Markdown; text between backticks becomes code."""
    return "".join(_code(part) if code else escape(part) for part, code in split_code(text))


def _code(text: str) -> str:
    # Use an HTML tag, because text between backticks can't be escaped.
    return f"<code>{escape(text)}</code>" if text else ""


def escape(text: str) -> str:
    """Escape a string so that every Markdown processor, and a browser, shows it unchanged.

    Examples
    --------
    >>> print(escape("a|b"), escape("<img>"))
    a&#124;b &lt;img&gt;
    """
    broken = _LINKED.sub(lambda match: f"{match[0]}{_BREAK}", text)
    return _SYNTAX.sub(lambda match: _ENTITIES.get(match[0], f"&#{ord(match[0])};"), broken)


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
