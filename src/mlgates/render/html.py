"""Render a report as HTML: one page without scripts, or only its body for notebooks.

Jinja2's autoescape escapes every string except the style sheet, which is a file of this package.
The content-security policy of the page allows only this style sheet, by its hash. The styles apply
only inside of elements of the class "mlgates", so they do not change the rest of a notebook. The
text has the colour of the surrounding page. Each picture is also described in words, because some
notebooks remove styles and pictures.
"""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING

from mlgates.printable import clean, number_of
from mlgates.render import rows, split_code
from mlgates.render.figures import figures
from mlgates.render.svg import WIDTH, draw
from mlgates.report import GateResult, Report, severity
from mlgates.verdict import Check, Verdict, format_number, worst_first

if TYPE_CHECKING:
    from jinja2 import Environment

# If a gate has more than _FIRST + _FEW rows, all rows after the first _FIRST are folded.
_FIRST = 12
_FEW = 4
_MOST = 1_000  # largest number of rows of a gate
_DRAWN = 12  # largest number of pictures of a gate
_BLOCKING = 8  # blocking gates that are listed at the top
_NAMED = 3  # checks that are listed there for each gate
_SUITE = 20_000  # largest number of characters of the suite's repr


def to_html(thing: Report | GateResult, *, fragment: bool = False) -> str:
    """Return a report, or the result of one gate, as one HTML page.

    With `fragment`, the result has only the styles and the body, to be put into another page.
    """
    results = [thing] if isinstance(thing, GateResult) else rows.ordered(thing)
    names = rows.gate_names(results)
    gates = [_gate(each, names[each.name], place) for place, each in enumerate(results, 1)]
    alone = isinstance(thing, GateResult)
    blocking = [] if alone else [gate for gate in gates if gate["blocks"]]
    provenance = thing.provenance if isinstance(thing, Report) else {}
    suite, versions = provenance.get("suite"), provenance.get("versions")
    return filled(
        "fragment.html.j2" if fragment else "page.html.j2",
        head=rows.headline(thing),
        alone=alone,
        gates=gates,
        blocking=blocking[:_BLOCKING],
        others=len(blocking) - _BLOCKING,
        metadata=rows.metadata_clauses(thing.metadata),
        provenance=rows.provenance_clauses(provenance),
        versions=[
            clean(f"{name} {version}", 80)
            for name, version in (versions.items() if isinstance(versions, Mapping) else ())
            if isinstance(version, str)
        ][:40],
        suite=clean(suite, _SUITE) if isinstance(suite, str) else "",
    )


def filled(template: str, **variables: object) -> str:
    """Fill the template file `template` with variables, escape all strings, and return the HTML."""
    page = _environment().get_template(template).render(**variables)
    # In the log of a CI server, "##[" and "##vso[" would be commands.
    return re.sub("#(?=#)", "&#35;", page) + "\n"


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
        number_of=number_of,
        split_code=split_code,
        style=Markup(style),  # noqa: S704  (our own file)
    )
    return environment


def _gate(result: GateResult, name: str, place: int) -> dict[str, object]:
    """Return the variables of the HTML template for the section of one gate.

    `name` is the name that is shown for the gate, and `place` its position in the report.
    """
    shown, unmeasured, passed = rows.fold(result)
    listed = rows.check_rows(result, shown[:_MOST], name)
    if unmeasured:
        listed.append(rows.unmeasured_row(result, unmeasured, name))
    first = len(listed) if len(listed) <= _FIRST + _FEW else _FIRST
    folded, hidden = (
        f"{len(rest):,} more: {', '.join(_counts(rest))}" if rest else ""
        for rest in ([*shown[first:_MOST], *unmeasured], [*shown[_MOST:], *passed[_MOST:]])
    )
    drawn = list(islice(figures(result), _DRAWN + 1))
    pictures = [(figure, draw(figure)) for figure in drawn[:_DRAWN]]
    blocks = result.counted not in (None, Verdict.PASS)
    return {
        "name": name,
        "verdict": result.verdict,
        "aside": rows.aside(result) or ("allowed" if result.allowed and not blocks else ""),
        "place": place,
        "blocks": blocks,
        "failed": _worst(result, name) if blocks else "",
        "measured": "" if blocks else _closest(result, name),
        "is_open": result.verdict not in (Verdict.PASS, Verdict.SKIP),
        "tally": " · ".join(_counts(result.checks)),
        "count": len(result.checks),
        "seconds": format_number(result.seconds, "s") if result.seconds else "",
        "rows": listed[:first],
        "more": listed[first:],
        "folded": folded,
        "passed": rows.check_rows(result, passed[:_MOST], name),
        "hidden": hidden,
        "note": rows.shorten_list(result.note, 2_000) if result.note else "",
        "pictures": pictures,
        "legend": dict.fromkeys(sign for _, picture in pictures for sign in picture.legend),
        "undrawn": len(drawn) > _DRAWN,
    }


def _counts(checks: Sequence[Check]) -> list[str]:
    """Return the number of checks of each verdict, worst first, as in ``["2 fail"]``."""
    counts = Counter(check.verdict for check in checks)
    return [f"{counts[verdict]:,} {verdict}" for verdict in sorted(counts, key=worst_first)]


def _worst(result: GateResult, name: str) -> str:
    """Return the worst checks of a gate as one line, with their values, limits and groups."""
    checks, verdict = sorted(result.checks, key=severity), result.verdict
    blocking = [check for check in checks if check.verdict is verdict]
    clauses = []
    for check, row in zip(blocking, rows.check_rows(result, blocking[:_NAMED], name), strict=False):
        worst = check.details.get("worst")
        names = worst if isinstance(worst, tuple) else ()
        groups = " against ".join(clean(name) for name in names if isinstance(name, str))
        clauses.append(" ".join(filter(None, [rows.value_in_line(row), groups and f"({groups})"])))
    more = [f"{len(blocking) - _NAMED:,} more"] if len(blocking) > _NAMED else []
    return "; ".join([*filter(None, clauses), *more])


def _closest(result: GateResult, name: str) -> str:
    """Return one line for the check that is closest to its limit: value, interval and limit."""
    verdict = result.verdict  # read once, because the property goes through all checks
    checks = [check for check in result.checks if check.verdict is verdict and check.limit]
    nearest = rows.closest(checks)
    if nearest is None:
        return "no violations" if checks else ""
    text = rows.value_in_line(rows.check_rows(result, [nearest], name)[0])
    return f"closest to its limit: {text}" if len(checks) > 1 else text
