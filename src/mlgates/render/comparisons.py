"""Render a `Comparison` of two reports as text and as Markdown."""

from collections.abc import Mapping, Sequence

from mlgates.comparison import AREAS, Change, Comparison, started
from mlgates.printable import clean, distinct, number_of, without_commands
from mlgates.render.markdown import escape
from mlgates.render.rows import GLYPHS
from mlgates.report import Report
from mlgates.verdict import Verdict, format_number

_MOST = 30  # largest number of changes in one table
_NAME = 44  # characters of a name
_VALUE = 32  # characters of a value
_CONTEXT = 10  # characters shown around the part of a string that differs
_MOST_PARAMS = 4  # parameters shown if only one model has them
_HASH = 12
_HASHES = ("fingerprint", "sha256", "commit")
_UNKNOWN = "not known"


def to_text(comparison: Comparison) -> str:
    """Return a comparison as a table for a terminal."""
    lines = [_head(comparison)]
    runs = [_run(report) for report in (comparison.old, comparison.new)]
    lines += [f"{side}: {run}" for side, run in zip(("old", "new"), runs, strict=True) if run]
    shown = [
        (((title.upper(), "OLD", "NEW"), *rows), more) for title, rows, more in _tables(comparison)
    ]
    every = [row for rows, _ in shown for row in rows]
    first, second = (max((len(row[i]) for row in every), default=0) for i in (0, 1))
    for rows, more in shown:
        lines.append("")
        lines += [f"{name:{first}}  {old:{second}}  {new}".rstrip() for name, old, new in rows]
        lines += [f"{more:,} more"] if more else []
    if same := _same(comparison):
        lines += ["", f"the same: {', '.join(same)}"]
    return "\n".join(map(without_commands, lines))


def to_markdown(comparison: Comparison) -> str:
    """Return a comparison in GitHub's flavour of Markdown."""
    parts = [f"### {escape(_head(comparison))}"]
    runs = [_run(report) for report in (comparison.old, comparison.new)]
    parts += [escape(f"old: {runs[0]}; new: {runs[1]}")] if all(runs) else []
    for title, rows, more in _tables(comparison):
        table = [f"| {title} | old | new |", "| --- | --- | --- |"]
        table += [f"| {' | '.join(map(escape, row))} |" for row in rows]
        parts.append("\n".join(table))
        parts += [f"{more:,} more"] if more else []
    if same := _same(comparison):
        parts.append(f"The same: {', '.join(same)}.")
    return "\n\n".join(parts) + "\n"


def _head(comparison: Comparison) -> str:
    old, new = comparison.old, comparison.new
    name = clean(new.name)
    if new.name != old.name:
        name = f"{clean(old.name)} and {name}"
    known = sum(change.what != "unknown" for change in comparison.changes)
    verdicts = " to ".join(dict.fromkeys(f"{each.verdict.upper()}" for each in (old, new)))
    return f"{name}: {verdicts} - {number_of(known, 'change') if known else 'no changes'}"


def _run(report: Report) -> str:
    at = started(report)
    return "" if at is None else f"run {clean(at[:19])} UTC"


def _tables(comparison: Comparison) -> list[tuple[str, list[tuple[str, str, str]], int]]:
    """Return for each table its title, its rows, and the number of rows that were left out.

    A row is a tuple of a name, the old and the new value.
    """
    known = [change for change in comparison.changes if change.what != "unknown"]
    groups = {area: [each for each in known if each.area == area] for area in AREAS}
    groups[_UNKNOWN] = [each for each in comparison.changes if each.what == "unknown"]
    tables = []
    for title, changes in groups.items():
        if changes:
            folded, rest = _folded(changes)
            shown = distinct((change.name for change in rest), _NAME)
            rows = [(shown[each.name], *_values(each)) for each in rest[:_MOST]]
            tables.append((title, rows + folded, max(0, len(rest) - _MOST)))
    return tables


def _folded(changes: Sequence[Change]) -> tuple[list[tuple[str, str, str]], list[Change]]:
    """Collect the changed parameters of each model whose class changed in one row.

    Returns these rows, and the remaining changes.
    """
    apart: dict[str, list[Change]] = {}
    for change in changes:
        owner, params, _ = change.name.partition(".params.")
        if change.area == "models" and params and change.what in ("added", "removed"):
            apart.setdefault(f"{owner}{params}".removesuffix("."), []).append(change)
    apart = {name: each for name, each in apart.items() if len(each) > _MOST_PARAMS}
    rows = []
    for name, each in apart.items():
        removed = sum(change.what == "removed" for change in each)
        old, new = (number_of(n, "other") if n else "-" for n in (removed, len(each) - removed))
        rows.append((clean(name, _NAME), old, new))
    hidden = {id(change) for each in apart.values() for change in each}
    return rows, [change for change in changes if id(change) not in hidden]


def _values(change: Change) -> tuple[str, str]:
    """Return the old and the new value of a change as strings."""
    old, new = change.old, change.new
    hashed = change.name.rpartition(".")[2] in _HASHES
    if isinstance(old, str) and isinstance(new, str) and len(max(old, new, key=len)) > _VALUE:
        return (old[:_HASH], new[:_HASH]) if hashed else _differing(old, new)
    return _value(change, old), _value(change, new)


def _value(change: Change, value: object) -> str:
    if value is None:
        return "-"
    if change.area == "verdicts":
        verdict = Verdict(str(value))
        return f"{GLYPHS[verdict]} {verdict.upper()}"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return format_number(value, change.unit)
    if isinstance(value, Mapping):
        return number_of(len(value), "value")
    text = str(value)
    return text[:_HASH] if change.name.rpartition(".")[2] in _HASHES else clean(text, _VALUE)


def _differing(old: str, new: str) -> tuple[str, str]:
    """Return the parts in which two strings differ, with some characters around them."""
    start = _common(old, new)
    end = _common(old[start:][::-1], new[start:][::-1])
    first = max(0, start - _CONTEXT)
    found = []
    for text in (old, new):
        last = min(len(text), len(text) - end + _CONTEXT)
        part = clean(text[first:last], _VALUE)
        found.append(f"{'...' if first else ''}{part}{'...' if last < len(text) else ''}")
    return found[0], found[1]


def _common(one: str, other: str) -> int:
    """Return the number of equal characters at the start of two strings."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _same(comparison: Comparison) -> Sequence[str]:
    apart = {*comparison.changed, *comparison.unknown}
    return [area for area in AREAS if area not in apart]
