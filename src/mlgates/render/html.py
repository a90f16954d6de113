"""HTML: one page that loads nothing and runs nothing, and its body for a notebook.

The page has no script and no style but its own, whose hash its content-security policy names. The
body is scoped to one class, takes its colours of text from the page around it, and says all in
words: a notebook that strips styles and pictures still shows every number.
"""

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlgates.limits import format_number
from mlgates.render.clean import clean, pieces
from mlgates.render.figures import figures
from mlgates.render.kinds import Table
from mlgates.render.rows import (
    GLYPHS,
    Head,
    Row,
    Space,
    alike,
    aside,
    fold,
    headline,
    number_of,
    ordered,
    row,
    tally,
    told_by_provenance,
    unjudged,
)
from mlgates.render.svg import Picture, draw
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Verdict

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["to_fragment", "to_html"]

_SPACE = Space(name=120)
_FIRST = 12  # rows of a gate before the rest is folded, if that is more than a few
_FEW = 4
_MOST = 1_000  # rows of a gate at all
_DRAWN = 12  # pictures of a gate
_HOLDING = 8  # gates that the head names
_NAMED = 3  # subjects that it names of each
_SUITE = 20_000  # characters of the suite as written


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A picture, and its numbers as a table."""

    picture: Picture
    table: Table


@dataclass(frozen=True, slots=True)
class _Gate:
    """What the template shows of a gate."""

    head: Head
    place: int
    told: str
    seconds: str
    held: tuple[Row, ...]
    more: tuple[Row, ...]
    passed: tuple[Row, ...]
    folded: str
    hidden: str
    unjudged: str
    drawn: tuple[_Drawn, ...]
    legend: tuple[tuple[str, str], ...]
    undrawn: bool

    @property
    def is_open(self) -> bool:
        """Whether there is something to see at once."""
        return self.head.verdict not in (Verdict.PASS, Verdict.SKIP)


@dataclass(frozen=True, slots=True)
class _Holding:
    """A gate that holds a release back, and by what."""

    verdict: Verdict
    gate: str
    place: int
    told: str


def to_html(thing: Report | GateResult) -> str:
    """Return one self-contained page.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    """
    return _write("page.html.j2", thing)


def to_fragment(thing: Report | GateResult) -> str:
    """Return the body of the page with its styles, for a notebook.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    """
    return _write("fragment.html.j2", thing)


def _write(template: str, thing: Report | GateResult) -> str:
    from markupsafe import Markup

    results = [thing] if isinstance(thing, GateResult) else ordered(thing)
    gates = [_gate(result, place) for place, result in enumerate(results, 1)]
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    provenance = thing.provenance if isinstance(thing, Report) else {}
    suite = provenance.get("suite")
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704  (our own file)
            digest=digest,
            head=headline(thing, _SPACE),
            alone=isinstance(thing, GateResult),
            gates=gates,
            holding=_holding(thing, gates),
            rests=told_by_provenance(provenance),
            versions=_versions(provenance),
            suite=clean(suite, _SUITE) if isinstance(suite, str) else "",
        )
        + "\n"
    )


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    helpers: Mapping[str, Callable[..., Any]] = {"number_of": number_of, "pieces": pieces}
    environment.globals.update(helpers)
    environment.globals["GLYPHS"] = GLYPHS
    return environment


def _template(name: str) -> str:
    return (resources.files("mlgates.render") / "templates" / name).read_text(encoding="utf-8")


@cache
def _style() -> str:
    return _template("report.css").strip()


def _counts(checks: Iterable[Check]) -> list[str]:
    """Return how many there are of each verdict, a text each."""
    return [f"{count:,} {verdict}" for verdict, count in tally([c.verdict for c in checks])]


def _more(checks: Sequence[Check]) -> str:
    """Return how many checks more there are, and of which verdicts."""
    return f"{len(checks):,} more: {', '.join(_counts(checks))}" if checks else ""


def _gate(result: GateResult, place: int) -> _Gate:
    folded = fold(result)
    held = [row(result, check, _SPACE) for check in folded.shown[:_MOST]]
    if folded.alike:
        held.append(alike(result, folded.alike, _SPACE))
    passed = tuple(row(result, check, _SPACE) for check in folded.passed[:_MOST])
    drawn = [_Drawn(draw(figure), figure.table()) for figure in islice(figures(result), _DRAWN)]
    first = len(held) if len(held) <= _FIRST + _FEW else _FIRST
    more = (*folded.shown[first:_MOST], *folded.alike)
    hidden = (*folded.shown[_MOST:], *folded.passed[_MOST:])
    return _Gate(
        head=Head(clean(result.name, _SPACE.name), result.verdict, _aside(result), ""),
        place=place,
        told=" · ".join(_counts(result.checks)),
        seconds=format_number(result.seconds, "s") if result.seconds else "",
        held=tuple(held[:first]),
        more=tuple(held[first:]),
        passed=passed,
        folded=_more(more),
        hidden=_more(hidden),
        unjudged=unjudged(result, 2_000),
        drawn=tuple(drawn),
        legend=tuple(dict.fromkeys(sign for each in drawn for sign in each.picture.legend)),
        undrawn=len(drawn) == _DRAWN and any(True for _ in islice(figures(result), _DRAWN, None)),
    )


def _aside(result: GateResult) -> str:
    return aside(result) or (
        "allowed" if result.allowed and result.counted in (None, Verdict.PASS) else ""
    )


def _holding(thing: Report | GateResult, gates: list[_Gate]) -> list[_Holding]:
    if isinstance(thing, GateResult):
        return []
    places = {gate.head.name: gate.place for gate in gates}
    return [_held(result, places) for result in thing.failures[:_HOLDING]]


def _held(result: GateResult, places: Mapping[str, int]) -> _Holding:
    name, verdict = clean(result.name, _SPACE.name), result.counted or result.verdict
    holding = [check for check in result.checks if check.verdict is verdict]
    told = [_briefly(row(result, check, _SPACE)) for check in holding[:_NAMED]]
    more = [f"{len(holding) - _NAMED} more"] if len(holding) > _NAMED else []
    return _Holding(verdict, name, places.get(name, 0), "; ".join([*filter(None, told), *more]))


def _briefly(each: Row) -> str:
    """Return what was measured of what, the limit that it missed, and the groups that did it."""
    measured = ", ".join(filter(None, [each.measured, each.limit]))
    worst = None if each.check is None else each.check.details.get("worst")
    names = worst if isinstance(worst, tuple) else ()
    groups = " against ".join(clean(name) for name in names if isinstance(name, str))
    return " ".join(filter(None, [each.subject, measured, groups and f"({groups})"]))


def _versions(provenance: Mapping[str, object]) -> list[str]:
    found = provenance.get("versions")
    if not isinstance(found, Mapping):
        return []
    return [
        clean(f"{name} {version}", 80)
        for name, version in islice(found.items(), 40)
        if isinstance(name, str) and isinstance(version, str)
    ]
