"""Metrics of several classes at once: averages over classes, and Matthews' correlation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlgates.kernels.proportions import wilson_interval
from mlgates.kernels.resampling import RESAMPLES, cells_interval, smoothed_cells
from mlgates.metrics.counts import CountMetric, divided, squared_cells
from mlgates.metrics.metric import Estimate
from mlgates.outcomes import Outcomes

__all__ = ["AVERAGES", "MeanOfShares", "OfMargins"]

Floats = npt.NDArray[np.float64]
#: Of right rows, true rows and predicted rows by class, each ``(..., k)``.
Formula = Callable[[Floats, Floats, Floats], Floats]
#: Up to this many classes the table of counts itself is resampled, beyond only its filled cells.
_MOST_CLASSES = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class OfMargins(CountMetric):
    """A function of right, true and predicted rows by class; its cells are resampled."""

    formula: Formula = field(repr=False)
    interval: str = "multinomial resampling of the cells, BCa"

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the formula's values."""
        del positive
        right = np.diagonal(cells, axis1=-2, axis2=-1)
        return self.formula(right, cells.sum(-1), cells.sum(-2))

    def bounded(
        self, value: float, outcomes: Outcomes, positive: int | None, confidence: float, seed: int
    ) -> Estimate:
        """Return the interval by resampling the cells."""
        cells = outcomes.cells * (outcomes.effective / outcomes.cells.sum())
        k = len(cells)
        true, pred = np.nonzero(cells)
        kinds, counts = np.arange(k), cells[true, pred]
        drawn: dict[str, object] = {"seed": seed, "resamples": RESAMPLES}

        def whole(filled: Floats) -> Floats:
            tables = np.zeros((len(filled), k, k))
            tables[:, true, pred] = filled
            return self.of_cells(tables, positive)

        def sparse(filled: Floats) -> Floats:
            right = true == pred
            margins = [np.zeros((len(filled), k)) for _ in range(3)]
            margins[0][:, true[right]] = filled[:, right]
            for margin, codes in ((margins[1], true), (margins[2], pred)):
                order = np.argsort(codes, kind="stable")
                found, starts = np.unique(codes[order], return_index=True)
                margin[:, kinds[found]] = np.add.reduceat(filled[:, order], starts, axis=1)
            return self.formula(margins[0], margins[1], margins[2])

        few = k <= _MOST_CLASSES
        statistic = whole if few else sparse
        found = cells_interval(statistic, counts, strata=true, confidence=confidence, seed=seed)
        if found.how != "degenerate" or not few:
            return Estimate(value, found.interval, f"multinomial ({found.how})", drawn)
        # every draw is alike (each row is right, or none is): what could have been seen instead
        rng = np.random.default_rng(seed)
        seen = [self.of_cells(tables, None) for tables in smoothed_cells(cells, RESAMPLES, rng)]
        low, high = np.quantile(np.concatenate(seen), [(1 - confidence) / 2, (1 + confidence) / 2])
        ends = min(float(low), value), max(float(high), value)
        return Estimate(value, ends, "multinomial (smoothed)", drawn)


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanOfShares(OfMargins):
    """A plain mean of one share a class, whose Wilson intervals are added up in squares.

    Given how many rows each class has, the shares are independent: with the intervals ``(l, u)`` of
    the shares ``p`` the mean ``m`` of ``k`` lies in ``m - sqrt(sum((p - l)**2)) / k`` to
    ``m + sqrt(sum((u - p)**2)) / k`` (the method of variance estimates recovery).

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.
    """

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
        share = part / whole
        down = float(np.hypot.reduce(share - low)) / len(share)
        up = float(np.hypot.reduce(high - share)) / len(share)
        return Estimate(value, (value - down, value + up), "Wilson, combined")


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


_ONE = "only one class in `y_true`"
_NEVER = "a class is never predicted"
_ABSENT = "a predicted class is not in `y_true`"

AVERAGES: tuple[CountMetric, ...] = (
    MeanOfShares(
        name="balanced_accuracy",
        greater_is_better=True,
        formula=_balanced_accuracy,
        of="true",
        unless=_ONE,
    ),
    MeanOfShares(
        name="precision_macro",
        greater_is_better=True,
        formula=_precision_macro,
        of="pred",
        unless=_NEVER,
    ),
    MeanOfShares(
        name="recall_macro",
        greater_is_better=True,
        formula=_recall_macro,
        of="true",
        unless=_ABSENT,
    ),
    OfMargins(name="f1_macro", greater_is_better=True, formula=_f1_macro),
    OfMargins(
        name="precision_weighted",
        greater_is_better=True,
        formula=_precision_weighted,
        unless=_NEVER,
    ),
    OfMargins(name="f1_weighted", greater_is_better=True, formula=_f1_weighted),
    OfMargins(
        name="matthews_corrcoef",
        greater_is_better=True,
        low=-1.0,
        formula=_matthews,
        unless="only one class in `y_true`, or only one predicted",
    ),
)
