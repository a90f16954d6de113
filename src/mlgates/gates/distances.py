"""The methods of drift: how far apart two sides of a column are, and what chance would give."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from mlgates.data.ecdf import Ecdf
from mlgates.data.knots import Knots
from mlgates.data.reference import Cut
from mlgates.kernels import divergence, twosample
from mlgates.kernels.knots import Between, Known, ks_between, wasserstein_between

__all__ = ["METHODS", "Method", "Shift"]

NUMBERS = frozenset({"int", "float", "decimal"})
CATEGORIES = frozenset({"bool", "string"})


class Shift(NamedTuple):
    """How far a column moved.

    Attributes
    ----------
    value : float
        In the method's unit; NaN when undefined.
    p_value : float
        Chance of so much without a change; NaN when undefined.
    low, high : float
        The least and greatest that the value can be, where it is known only so.
    """

    value: float
    p_value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Method:
    """A way to measure drift.

    Parameters
    ----------
    at_most : float
        The default limit.
    kinds : frozenset of str
        Kinds of columns it serves.
    measure : callable
        ``measure(cut, reference, current)`` gives a `Shift`.
    chance : callable
        ``chance(cells, n, m, alpha)``: what chance alone exceeds with that probability.
    needed : callable
        ``needed(limit, cells, m, alpha)``: rows from which chance stays within the limit; None when
        no number is enough.
    least : int
        Fewest rows a side by default.
    binned : bool
        Whether it compares counts in cells alone.
    """

    at_most: float
    kinds: frozenset[str]
    measure: Callable[[Cut, Any, Any], Shift]
    chance: Callable[[int, int, int, float], float]
    needed: Callable[[float, int, int, float], int | None]
    least: int = 30
    binned: bool = False


def _on_cells(distance: Callable[..., float]) -> Callable[[Cut, Any, Any], Shift]:
    def measure(cut: Cut, reference: Any, current: Any) -> Shift:
        del reference, current
        a, b = cut.cells.reference, cut.cells.current
        value = distance(a, b)
        test = cut.tested
        p_value = divergence.chi_square_pvalue(test.reference, test.current, ordered=test.ordered)
        return Shift(value, p_value, value, value)

    return measure


def _ks(cut: Cut, reference: Ecdf | Knots, current: Ecdf | Knots) -> Shift:
    del cut
    if isinstance(reference, Ecdf) and isinstance(current, Ecdf):
        exact = twosample.ks_distance(reference.values, current.values).distance
        found = Between(exact, exact, exact)
    else:
        found = ks_between(_known(reference), _known(current))
    p_value = twosample.ks_pvalue(found.low, _size(reference), _size(current))
    return Shift(found.value, p_value, found.low, found.high)


def _wasserstein(cut: Cut, reference: Ecdf | Knots, current: Ecdf | Knots) -> Shift:
    """In units of the reference's spread; where that is 0, infinite unless both sides are equal."""
    p_value = _ks(cut, reference, current).p_value
    if isinstance(reference, Ecdf) and isinstance(current, Ecdf):
        exact = twosample.wasserstein(reference.values, current.values)
        found, unit = Between(exact, exact, exact), twosample.spread(reference.values)
    else:
        found, unit = _wasserstein_at_knots(reference, current), _spread(reference)
    scaled = (_in_units(x, unit) for x in found)
    return Shift(next(scaled), p_value, *scaled)


def _in_units(distance: float, unit: float) -> float:
    if unit > 0 or math.isnan(distance) or math.isnan(unit):
        return distance / unit
    return 0.0 if distance == 0 else math.inf


def _wasserstein_at_knots(reference: Ecdf | Knots, current: Ecdf | Knots) -> Between:
    stored = reference if isinstance(reference, Knots) else current
    if not isinstance(stored, Knots):
        return Between(math.nan, math.nan, math.nan)
    infinite = any(_infinite(side) for side in (reference, current))
    ends = [end for side in (reference, current) for end in _ends(side)]
    outer = (min(ends), max(ends)) if ends and not infinite else (math.nan, math.nan)
    return wasserstein_between(stored.points, _known(reference), _known(current), outer)


def _known(side: Ecdf | Knots) -> Known:
    if isinstance(side, Ecdf):
        side = Knots.of(side)
    return Known(side.low, side.high, side.ends.n)


def _size(side: Ecdf | Knots) -> int:
    return side.n if isinstance(side, Ecdf) else side.ends.n


def _infinite(side: Ecdf | Knots) -> bool:
    if isinstance(side, Ecdf):
        return side.n > 0 and not np.isfinite(side.values[[0, -1]]).all()
    return side.ends.neg_inf + side.ends.pos_inf > 0


def _ends(side: Ecdf | Knots) -> tuple[float, ...]:
    """The smallest and largest value; of a side counted at knots, those that are known."""
    values = side.values if isinstance(side, Ecdf) else side.points
    return (float(values[0]), float(values[-1])) if len(values) else ()


def _spread(side: Ecdf | Knots) -> float:
    return twosample.spread(side.values) if isinstance(side, Ecdf) else side.spread


def _like_psi(to_psi: float) -> tuple[Callable[..., float], Callable[..., int | None]]:
    """Return chance and rows needed of a distance whose square is near a PSI over `to_psi`.

    For small changes PSI is near ``sum (q - p)**2 / p``, Jensen-Shannon's distance near the root of
    that over ``8 ln 2``, Hellinger's over 8, Cramer's V over 4, and the total variation at most
    that of a quarter.
    """

    def chance(cells: int, n: int, m: int, alpha: float) -> float:
        return math.sqrt(divergence.psi_chance(cells, n, m, alpha) / to_psi)

    def needed(limit: float, cells: int, m: int, alpha: float) -> int | None:
        return divergence.rows_needed_psi(to_psi * limit**2, cells, m, alpha)

    return chance, needed


def _ks_chance(cells: int, n: int, m: int, alpha: float) -> float:
    del cells
    return twosample.ks_chance(n, m, alpha)


def _ks_needed(limit: float, cells: int, m: int, alpha: float) -> int | None:
    del cells
    return twosample.rows_needed_ks(limit, m, alpha)


def _binned(
    distance: Callable[..., float],
    at_most: float,
    bounds: tuple[Callable[..., float], Callable[..., int | None]],
    least: int = 30,
) -> Method:
    kinds = NUMBERS | CATEGORIES
    return Method(at_most, kinds, _on_cells(distance), *bounds, least, binned=True)


METHODS: dict[str, Method] = {
    "psi": _binned(
        divergence.psi, 0.2, (divergence.psi_chance, divergence.rows_needed_psi), least=100
    ),
    "ks": Method(0.1, NUMBERS, _ks, _ks_chance, _ks_needed),
    "jensen_shannon": _binned(divergence.jensen_shannon, 0.1, _like_psi(8 * math.log(2))),
    "wasserstein": Method(0.1, NUMBERS, _wasserstein, _ks_chance, _ks_needed),
    "hellinger": _binned(divergence.hellinger, 0.1, _like_psi(8)),
    "total_variation": _binned(divergence.total_variation, 0.1, _like_psi(4)),
    "chi2": _binned(divergence.cramers_v, 0.1, _like_psi(4)),
}
