"""Metrics of several classes at once: averages over classes, and Matthews' correlation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.metrics.counts import CountMetric, divided, squared_cells
from mlgates.metrics.metric import Estimate, few
from mlgates.predictions import Outcomes
from mlgates.stats.proportions import wilson_interval
from mlgates.stats.resampling import (
    RESAMPLES,
    cells_interval,
    percentile_interval,
    smoothed_cells,
)

__all__ = ["AVERAGES", "MeanOfShares", "OfMargins", "of_mean"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
#: Of right rows, true rows and predicted rows by class, each ``(..., k)``.
Formula = Callable[[Floats, Floats, Floats], Floats]
#: Where every row is right, tables are smoothed up to this many classes.
_MOST_CLASSES = 64


class Behind(NamedTuple):
    """The rows that the part of each class rests on: of the cells ``(k, k)``, and in words."""

    rows: Callable[[Floats], Floats]
    what: str


@dataclass(frozen=True, eq=False, kw_only=True)
class OfMargins(CountMetric):
    """A function of right, true and predicted rows by class, whose cells are resampled.

    With two classes, quantiles under the posterior law of the cells' shares by Jeffreys' prior,
    which also serves where a class is rare; with more, BCa of multinomial draws. Either costs the
    same for any number of rows.
    """

    formula: Formula = field(repr=False)
    behind: Behind | None = field(default=None, repr=False)
    interval: str = "multinomial, smoothed (two classes) or BCa"

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the formula's values."""
        del positive
        right = np.diagonal(cells, axis1=-2, axis2=-1)
        return self.formula(right, cells.sum(-1), cells.sum(-2))

    def lacking(self, outcomes: Outcomes, positive: int | None) -> str:
        """Return that the part of a class rests on too few rows."""
        del positive
        if self.behind is None:
            return ""
        there = outcomes.cells.sum(1) > 0  # the part of a class without rows is 0, not seen by few
        tables = outcomes.cells, squared_cells(outcomes)
        sums, squares = (self.behind.rows(table)[there] for table in tables)
        return few(float((sums**2 / squares).min()), self.behind.what)

    def bounded(
        self, value: float, outcomes: Outcomes, positive: int | None, confidence: float, seed: int
    ) -> Estimate:
        """Return the interval by resampling the cells."""
        del positive
        cells = outcomes.cells * (outcomes.effective / outcomes.cells.sum())
        drawn: dict[str, object] = {"seed": seed, "resamples": RESAMPLES}
        k = len(cells)
        if k == 2:
            ends = self._smoothed(value, cells, confidence, seed)
            return Estimate(value, ends, "multinomial (smoothed)", drawn)
        filled = _Filled(k, *np.nonzero(cells))
        found = cells_interval(
            lambda counts: self.formula(*filled.margins(counts)),
            cells[filled.true, filled.pred],
            confidence=confidence,
            seed=seed,
        )
        if found.how != "degenerate" or k > _MOST_CLASSES:
            return Estimate(value, found.interval, f"multinomial ({found.how})", drawn)
        # every draw is alike (each row is right, or none is): what could have been seen instead
        ends = self._smoothed(value, cells, confidence, seed)
        return Estimate(value, ends, "multinomial (smoothed)", drawn)

    def _smoothed(
        self, value: float, cells: Floats, confidence: float, seed: int
    ) -> tuple[float, float] | None:
        """Return quantiles under what is known of the cells' shares, the value among them."""
        tables = smoothed_cells(cells, RESAMPLES, np.random.default_rng(seed))
        seen = np.concatenate([self.of_cells(table, None) for table in tables])
        found = percentile_interval(seen, confidence).interval
        return None if found is None else (min(found[0], value), max(found[1], value))


@dataclass(frozen=True, eq=False)
class _Filled:
    """The cells that have rows: of a thousand classes not a million are looked at."""

    k: int
    true: Codes
    pred: Codes

    def margins(self, counts: Floats) -> tuple[Floats, Floats, Floats]:
        """Return right, true and predicted rows by class from the counts of the filled cells."""
        right = np.zeros((len(counts), self.k))
        on = self.true == self.pred
        right[:, self.true[on]] = counts[:, on]
        return right, self._sums(counts, self.true), self._sums(counts, self.pred)

    def _sums(self, counts: Floats, codes: Codes) -> Floats:
        order = np.argsort(codes, kind="stable")
        found, starts = np.unique(codes[order], return_index=True)
        sums = np.zeros((len(counts), self.k))
        sums[:, found] = np.add.reduceat(counts[:, order], starts, axis=1)
        return sums


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanOfShares(OfMargins):
    """A plain mean of one share a class, whose Wilson intervals are added up in squares."""

    of: Literal["true", "pred"]
    interval: str = "Wilson a class, combined"

    def bounded(
        self, value: float, outcomes: Outcomes, positive: int | None, confidence: float, seed: int
    ) -> Estimate:
        """Return the interval from those of the classes."""
        del positive, seed
        axis = 1 if self.of == "true" else 0
        cells = outcomes.cells
        rows = cells.sum(axis)
        some = rows > 0
        part, whole = np.diagonal(cells)[some], rows[some]
        n = whole**2 / squared_cells(outcomes).sum(axis)[some]
        hits = np.where(part == whole, n, part * (n / whole))
        low, high = wilson_interval(hits, n, confidence)
        return Estimate(value, of_mean(part / whole, low, high), "Wilson, combined")


def of_mean(parts: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    """Return the interval of the mean of shares, or of changes of them, one a class, from theirs.

    Given how many rows each class has, they are independent: with the intervals ``(l, u)`` of the
    parts ``p`` the mean ``m`` of ``k`` lies in ``m - sqrt(sum((p - l)**2)) / k`` to
    ``m + sqrt(sum((u - p)**2)) / k`` (the method of variance estimates recovery).

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> low, high = of_mean(np.array([0.8, 0.6]), np.array([0.74, 0.52]), np.array([0.86, 0.68]))
    >>> round(low, 3), round(high, 3)
    (0.65, 0.75)
    """
    mean, k = float(parts.mean()), len(parts)
    down, up = float(np.hypot.reduce(parts - low)) / k, float(np.hypot.reduce(high - parts)) / k
    return mean - down, mean + up


def _mean(parts: Floats, true: Floats, pred: Floats) -> Floats:
    """The mean over classes that are there at all; NaN where one of them is undefined."""
    there = true + pred > 0
    return divided(np.where(there, parts, 0.0).sum(-1), there.sum(-1))


def _weighted(parts: Floats, true: Floats) -> Floats:
    return divided(np.where(true > 0, true * parts, 0.0).sum(-1), true.sum(-1))


def _precision_macro(right: Floats, true: Floats, pred: Floats) -> Floats:
    return _mean(divided(right, pred), true, pred)


def _recall_macro(right: Floats, true: Floats, pred: Floats) -> Floats:
    return _mean(divided(right, true), true, pred)


def _f1_macro(right: Floats, true: Floats, pred: Floats) -> Floats:
    return _mean(divided(2 * right, true + pred), true, pred)


def _precision_weighted(right: Floats, true: Floats, pred: Floats) -> Floats:
    return _weighted(divided(right, pred), true)


def _f1_weighted(right: Floats, true: Floats, pred: Floats) -> Floats:
    return _weighted(divided(2 * right, true + pred), true)


def _balanced_accuracy(right: Floats, true: Floats, pred: Floats) -> Floats:
    del pred
    classes = (true > 0).sum(-1)
    shares = np.where(true > 0, divided(right, true), 0.0).sum(-1)
    return divided(shares, np.where(classes > 1, classes, 0))


def _matthews(right: Floats, true: Floats, pred: Floats) -> Floats:
    n = true.sum(-1)
    shared = right.sum(-1) * n - (true * pred).sum(-1)
    spread = n**2 - (true**2).sum(-1), n**2 - (pred**2).sum(-1)
    # rounding leaves a crumb where all rows are of one class
    alone = ((true > 0).sum(-1) < 2) | ((pred > 0).sum(-1) < 2)
    return divided(shared, np.where(alone, 0.0, np.sqrt(spread[0]) * np.sqrt(spread[1])))


_TRUE = Behind(lambda cells: cells.sum(1), "rows of a class")
_TOLD = Behind(lambda cells: cells.sum(0), "rows predicted as a class")
_EITHER = Behind(
    lambda cells: cells.sum(1) + cells.sum(0) - np.diagonal(cells),
    "rows of a class, true or predicted",
)
# each class weighs as its rows do: small ones do no harm, where the largest one is not nearly all
_OTHERS = Behind(lambda cells: cells.sum() - cells.sum(1), "rows outside the largest class")

_ONE = "only one class in `y_true`"
_NEVER = "a class is never predicted"
_ABSENT = "a predicted class is not in `y_true`"

AVERAGES: tuple[CountMetric, ...] = (
    MeanOfShares(
        name="balanced_accuracy",
        greater_is_better=True,
        formula=_balanced_accuracy,
        behind=_TRUE,
        of="true",
        unless=_ONE,
    ),
    MeanOfShares(
        name="precision_macro",
        greater_is_better=True,
        formula=_precision_macro,
        behind=_TOLD,
        alike=True,
        of="pred",
        unless=_NEVER,
    ),
    MeanOfShares(
        name="recall_macro",
        greater_is_better=True,
        formula=_recall_macro,
        behind=_TRUE,
        of="true",
        unless=_ABSENT,
    ),
    OfMargins(
        name="f1_macro", greater_is_better=True, formula=_f1_macro, behind=_EITHER, alike=True
    ),
    OfMargins(
        name="precision_weighted",
        greater_is_better=True,
        formula=_precision_weighted,
        behind=_TOLD,
        unless=_NEVER,
    ),
    OfMargins(name="f1_weighted", greater_is_better=True, formula=_f1_weighted),
    OfMargins(
        name="matthews_corrcoef",
        greater_is_better=True,
        low=-1.0,
        formula=_matthews,
        behind=_OTHERS,
        alike=True,
        unless="only one class in `y_true`, or only one predicted",
    ),
)
