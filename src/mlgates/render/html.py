"""HTML: one page that loads nothing and runs nothing, and its body for a notebook.

Every text is escaped by Jinja2's autoescape; only the style sheet, our own file, is not. The page
has no script, and its content-security policy names the hash of its one style. The body is scoped
to one class, takes its colours of text from the page around it, and repeats pictures in words, for
notebooks that strip styles and pictures.
"""

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING

from mlgates.render import clean, pieces, rows
from mlgates.render.figures import figures
from mlgates.render.svg import WIDTH, draw
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Verdict, format_number, worst_first

if TYPE_CHECKING:
    from jinja2 import Environment

_NAME = 120  # characters of a name
_FIRST = 12  # rows of a gate before the rest is folded, if that is more than a few
_FEW = 4
_MOST = 1_000  # rows of a gate at all
_DRAWN = 12  # pictures of a gate
_BLOCKING = 8  # gates that the head names
_NAMED = 3  # subjects that it names of each
_SUITE = 20_000  # characters of the suite as written


def to_html(thing: Report | GateResult, *, fragment: bool = False) -> str:
    """Return one self-contained page, or its body with styles for a notebook."""
    results = [thing] if isinstance(thing, GateResult) else rows.ordered(thing)
    gates = [_gate(result, place) for place, result in enumerate(results, 1)]
    alone = isinstance(thing, GateResult)
    provenance = thing.provenance if isinstance(thing, Report) else {}
    suite, versions = provenance.get("suite"), provenance.get("versions")
    template = _environment().get_template("fragment.html.j2" if fragment else "page.html.j2")
    page = template.render(
        head=rows.headline(thing, _NAME),
        alone=alone,
        gates=gates,
        blocking=[] if alone else [gate for gate in gates if gate["blocks"]][:_BLOCKING],
        rests=rows.provenance_clauses(provenance),
        versions=[
            clean(f"{name} {version}", 80)
            for name, version in (versions.items() if isinstance(versions, Mapping) else ())
            if isinstance(version, str)
        ][:40],
        suite=clean(suite, _SUITE) if isinstance(suite, str) else "",
    )
    return f"{page}\n"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    folder = resources.files("mlgates.render") / "templates"
    environment = Environment(
        loader=FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (folder / "report.css").read_text(encoding="utf-8").strip()
    environment.globals.update(
        GLYPHS=rows.GLYPHS,
        WIDTH=WIDTH,
        digest=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        number_of=rows.number_of,
        pieces=pieces,
        style=Markup(style),  # noqa: S704  (our own file)
    )
    return environment


def _gate(result: GateResult, place: int) -> dict[str, object]:
    """Return what the template shows of a gate."""
    shown, short, passed = rows.fold(result)
    held = [rows.row(result, check, _NAME) for check in shown[:_MOST]]
    if short:
        held.append(rows.alike(result, short, _NAME))
    first = len(held) if len(held) <= _FIRST + _FEW else _FIRST
    folded, hidden = (
        f"{len(rest):,} more: {', '.join(_counts(rest))}" if rest else ""
        for rest in ([*shown[first:_MOST], *short], [*shown[_MOST:], *passed[_MOST:]])
    )
    drawn = list(islice(figures(result), _DRAWN + 1))
    pictures = [(figure, draw(figure)) for figure in drawn[:_DRAWN]]
    blocks = result.counted not in (None, Verdict.PASS)
    return {
        "name": clean(result.name, _NAME),
        "verdict": result.verdict,
        "aside": rows.aside(result) or ("allowed" if result.allowed and not blocks else ""),
        "place": place,
        "blocks": blocks,
        "failed": _failed(result) if blocks else "",
        "is_open": result.verdict not in (Verdict.PASS, Verdict.SKIP),
        "tally": " · ".join(_counts(result.checks)),
        "seconds": format_number(result.seconds, "s") if result.seconds else "",
        "held": held[:first],
        "more": held[first:],
        "folded": folded,
        "passed": [rows.row(result, check, _NAME) for check in passed[:_MOST]],
        "hidden": hidden,
        "note": rows.shorten_list(result.note, 2_000) if result.note else "",
        "pictures": pictures,
        "legend": dict.fromkeys(sign for _, picture in pictures for sign in picture.legend),
        "undrawn": len(drawn) > _DRAWN,
    }


def _counts(checks: Sequence[Check]) -> list[str]:
    """Return how many checks there are of each verdict, worst first."""
    counts = Counter(check.verdict for check in checks)
    return [f"{counts[verdict]:,} {verdict}" for verdict in sorted(counts, key=worst_first)]


def _failed(result: GateResult) -> str:
    """Return the worst checks in a line: measured values, limits missed, groups compared."""
    blocking = [check for check in result.checks if check.verdict is result.verdict]
    clauses = []
    for check in blocking[:_NAMED]:
        cells = rows.row(result, check, _NAME)
        measured = ", ".join(filter(None, [cells.measured, cells.limit]))
        worst = check.details.get("worst")
        names = worst if isinstance(worst, tuple) else ()
        groups = " against ".join(clean(name) for name in names if isinstance(name, str))
        clauses.append(" ".join(filter(None, [cells.subject, measured, groups and f"({groups})"])))
    more = [f"{len(blocking) - _NAMED} more"] if len(blocking) > _NAMED else []
    return "; ".join([*filter(None, clauses), *more])
