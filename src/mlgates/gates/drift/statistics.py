"""The methods of drift: how far apart two sides of a column are, and what chance would give."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from mlgates.gates.drift.binned_pair import Cut
from mlgates.profile.knots import Knots
from mlgates.profile.sample import Sample
from mlgates.stats import divergence, twosample
from mlgates.stats.counting import ranks_of
from mlgates.stats.twosample import Bounded, PointCounts, ks_between, wasserstein_between

__all__ = ["METHODS", "NUMBERS", "Method", "Shift", "told_cells"]

NUMBERS = frozenset({"int", "float", "decimal"})
CATEGORIES = frozenset({"bool", "string"})
_SHOWN_CELLS = 30
_MANY = 10**9  # rows, as good as endless


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
    p_least : float
        The least that the p-value can then be.
    tested : float
        What the p-value is of, where that is another distance: Kolmogorov's and Smirnov's.
    """

    value: float
    p_value: float
    low: float
    high: float
    p_least: float
    tested: float = math.nan


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
        ``chance(cells, n, m, alpha)``: what chance alone exceeds with that probability, of what is
        tested.
    needed : callable
        ``needed(limit, cells, m, alpha, floor)``: rows from which chance stays within the limit;
        None when no number is enough. `floor` is the distance that any number of rows keeps.
    least : int
        Fewest rows a side by default.
    binned : bool
        Whether it compares counts in cells alone.
    sorts : bool
        Whether it needs sorted numbers: then they tell all other methods what they need, too.
    most : float
        The largest value possible.
    unseen : callable, optional
        ``unseen(single, m)``: the distance that a reference of `m` values gives without any drift
        by the categories it lacks, when `single` of those it has stand once.
    """

    at_most: float
    kinds: frozenset[str]
    measure: Callable[[Cut, Any, Any], Shift]
    chance: Callable[[int, int, int, float], float]
    needed: Callable[[float, int, int, float, float], int | None]
    least: int = 30
    binned: bool = False
    sorts: bool = False
    most: float = 1.0
    unseen: Callable[[int, int], float] | None = None


def _on_cells(distance: Callable[..., float]) -> Callable[[Cut, Any, Any], Shift]:
    def measure(cut: Cut, reference: Any, current: Any) -> Shift:
        del reference, current
        a, b = cut.cells.reference, cut.cells.current
        value = distance(a, b)
        test = cut.tested()
        p_value = divergence.chi_square_pvalue(test.reference, test.current, ordered=test.ordered)
        if test is not cut.cells and test.ordered:
            # Cells that both sides make may join what is beyond chance in those of the reference.
            bound = divergence.one_sided_pvalue(a, b, int(a.sum()), int(b.sum()))
            p_value = min(p_value, bound)
        return Shift(value, p_value, value, value, p_value)

    return measure


def _ks(cut: Cut, reference: Any, current: Any) -> Shift:
    del cut
    if isinstance(reference, Knots):
        found, n, m = _ks_at_knots(reference, current)
    else:
        if isinstance(reference, Sample) and isinstance(current, Sample):
            exact = reference.ks(current)
        else:
            exact = twosample.ks_distance(reference.values, current.values)
        found, n, m = Bounded(exact, exact, exact), current.n, reference.n
    p_value = twosample.ks_pvalue(found.low, m, n)
    p_least = p_value if found.high == found.low else twosample.ks_pvalue(found.high, m, n)
    return Shift(found.value, p_value, found.low, found.high, p_least)


def _ks_at_knots(reference: Knots, current: Knots) -> tuple[Bounded, int, int]:
    between = ks_between(_known(reference), _known(current))
    return between, current.ends.n, reference.ends.n


def _wasserstein(cut: Cut, reference: Any, current: Any) -> Shift:
    """In units of the reference's spread; where that is 0, infinite unless both sides are equal."""
    test = _ks(cut, reference, current)
    extreme = twosample.beyond_pvalue(*_beyond(reference, current))
    if isinstance(reference, Knots):
        found, unit = _wasserstein_at_knots(reference, current), reference.spread
    else:
        exact = twosample.wasserstein(reference.values, current.values)
        found, unit = Bounded(exact, exact, exact), twosample.spread(reference.values)
    value, low, high = (_in_units(x, unit) for x in found)
    p_values = (_either(p, extreme) for p in (test.p_value, test.p_least))
    p_value, p_least = p_values
    return Shift(value, p_value, low, high, p_least, test.value)


def _either(ks: float, extreme: float) -> float:
    """Return the p-value of two tests, of which the second is given a twentieth of the level.

    A few values far outside move the mean distance, and no test of the whole distribution sees
    them; how many lie beyond the reference's ends is known without any assumption.
    """
    return min(1.0, ks / 0.95, extreme / 0.05)


def _beyond(reference: Any, current: Any) -> tuple[int, int, int, int]:
    """Return how many values lie below and above the reference's ends, and both sizes."""
    if isinstance(reference, Knots):
        low, high = (int(current.low[0]), int(current.high[-1])) if len(current.low) else (0, 0)
        return low, current.ends.n - high, current.ends.n, reference.ends.n
    ends, values = reference.values[[0, -1]], current.values
    (low, _), (_, high) = (counts.tolist() for counts in ranks_of(values, ends))
    return low, len(values) - high, len(values), len(reference.values)


def _in_units(distance: float, unit: float) -> float:
    if not math.isfinite(unit):
        return math.nan
    if unit > 0 or math.isnan(distance):
        return distance / (unit or 1.0)
    return 0.0 if distance == 0 else math.inf


def _wasserstein_at_knots(reference: Knots, current: Knots) -> Bounded:
    infinite = any(side.ends.neg_inf + side.ends.pos_inf for side in (reference, current))
    beyond = math.nan if infinite else current.beyond
    return wasserstein_between(reference.points, _known(reference), _known(current), beyond)


def _known(side: Knots) -> PointCounts:
    return PointCounts(side.low, side.high, *side.ends)


def _like_psi(to_psi: float) -> tuple[Callable[..., float], Callable[..., int | None]]:
    """Return chance and rows needed of a distance whose square is near a PSI over `to_psi`.

    For small changes PSI is near ``sum (q - p)**2 / p``, Jensen-Shannon's distance near the root of
    that over ``8 ln 2``, Hellinger's over 8, Cramer's V over 4, and the total variation at most
    that of a quarter.
    """

    def chance(cells: int, n: int, m: int, alpha: float) -> float:
        return math.sqrt(divergence.psi_chance(cells, n, m, alpha) / to_psi)

    def needed(limit: float, cells: int, m: int, alpha: float, floor: float) -> int | None:
        return divergence.rows_needed_psi(to_psi * (limit**2 - floor**2), cells, m, alpha)

    return chance, needed


def _ks_chance(cells: int, n: int, m: int, alpha: float) -> float:
    del cells
    return twosample.ks_chance(n, m, alpha)


def _psi_needed(limit: float, cells: int, m: int, alpha: float, floor: float) -> int | None:
    return divergence.rows_needed_psi(limit - floor, cells, m, alpha)


def _ks_needed(limit: float, cells: int, m: int, alpha: float, floor: float) -> int | None:
    del cells, floor
    return twosample.rows_needed_ks(limit, m, alpha)


def _binned(
    distance: Callable[..., float],
    at_most: float,
    bounds: tuple[Callable[..., float], Callable[..., int | None]],
    least: int = 30,
    most: float = 1.0,
) -> Method:
    return Method(
        at_most,
        NUMBERS | CATEGORIES,
        _on_cells(distance),
        *bounds,
        least,
        binned=True,
        most=most,
        unseen=_unseen(distance),
    )


def _unseen(distance: Callable[..., float]) -> Callable[[int, int], float]:
    """Return what categories that the reference lacks add, however many rows the data have.

    By Good and Turing those that stand once in `m` values tell the share of what is lacking.
    """

    def floor(single: int, m: int) -> float:
        lacking = _MANY * single // m
        return distance(np.array([m, 0]), np.array([_MANY - lacking, lacking])) if lacking else 0.0

    return floor


METHODS: dict[str, Method] = {
    "psi": _binned(
        divergence.psi,
        0.2,
        (divergence.psi_chance, _psi_needed),
        least=100,
        most=math.inf,
    ),
    "ks": Method(0.1, NUMBERS, _ks, _ks_chance, _ks_needed),
    "jensen_shannon": _binned(divergence.jensen_shannon, 0.1, _like_psi(8 * math.log(2))),
    "wasserstein": Method(
        0.1, NUMBERS, _wasserstein, _ks_chance, _ks_needed, sorts=True, most=math.inf
    ),
    "hellinger": _binned(divergence.hellinger, 0.1, _like_psi(8)),
    "total_variation": _binned(divergence.total_variation, 0.1, _like_psi(4)),
    "chi2": _binned(divergence.cramers_v, 0.1, _like_psi(4)),
}


def told_cells(both: Cut, significance: float) -> list[dict[str, object]]:
    """Return the cells with both shares, and which moved: the largest changes, in order of cells.

    A cell moved when its share differs beyond what chance gives any of the cells (Bonferroni).
    """
    a, b = both.cells.reference, both.cells.current
    m, n = int(a.sum()), int(b.sum())
    p, q, expected = a / m, b / n, a / m
    if not both.cells.ordered:
        # By Good and Turing the reference lacks as many as stand there once.
        expected = np.where(a == 0, np.count_nonzero(a == 1) / m, expected)
    pooled = (m * expected + b) / (m + n)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    moved = np.abs(q - expected) > special.ndtri(1 - significance / (2 * len(p))) * deviation
    told: list[dict[str, object]] = [
        {"cell": label, "reference": before, "current": now, "moved": has_moved}
        for label, before, now, has_moved in zip(
            both.labels, p.tolist(), q.tolist(), moved.tolist(), strict=True
        )
    ]
    if len(told) <= _SHOWN_CELLS:
        return told
    largest = np.argsort(-np.abs(q - p), kind="stable")[:_SHOWN_CELLS]
    return [told[i] for i in sorted(largest.tolist())]
