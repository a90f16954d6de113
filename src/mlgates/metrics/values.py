"""Metrics of predicted numbers that are no means: r2, the median and the largest error."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.metrics.losses import difference
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.stats.means import median_interval, weighted_median

__all__ = ["R2", "VALUES", "MaxError", "MedianError"]

Floats = npt.NDArray[np.float64]

#: A spread that is a smaller share of what it is the difference of is rounding.
_CRUMB = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class R2(RowMetric):
    """One minus the squared errors by the squared distances of the truth from its mean.

    The interval is Student's on the scale of ``log(1 - r2)``, with the variance that the influence
    of each row gives: for few rows it covers better than resampling.
    """

    need: Need = "values"
    low: float = -np.inf
    interval: str = "linearized, t on the scale of log(1 - r2)"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return r2 and its interval."""
        del seed
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        some = weight > 0
        true, missed, weight = outcomes.true[some], difference(outcomes)[some], weight[some]
        if true.max() == true.min():
            return undefined("`y_true` is constant")
        with np.errstate(over="ignore", invalid="ignore"):
            centred = true - np.average(true, weights=weight)
            squares = weight * missed**2, weight * centred**2
            if not np.isfinite(squares[0].sum() + squares[1].sum()):
                return Estimate(np.inf)  # which is refused, with the metric's name
        value = 1 - float(squares[0].sum()) / float(squares[1].sum())
        if not confidence:
            return Estimate(value)
        return Estimate(value, _r2_interval(squares, outcomes.effective, confidence), "linearized")

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return r2 of resamples."""
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        centred = outcomes.true - np.average(outcomes.true, weights=weight)
        squares = weight * difference(outcomes) ** 2, weight * centred**2
        columns = np.column_stack([*squares, weight * centred, weight])
        return lambda counts: _r2(counts @ columns)


def _r2_interval(
    squares: tuple[Floats, Floats], n: float, confidence: float
) -> tuple[float, float] | None:
    """Student's interval of ``log(1 - r2)``, by the effective rows; None where r2 is 1."""
    missed, spread = (column.sum() for column in squares)
    if not missed > 0 or not n > 1:
        return None
    moves = squares[0] / missed - squares[1] / spread
    error = np.sqrt(float(np.dot(moves, moves)) * n / (n - 1))
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
    centre = np.log(missed / spread)
    with np.errstate(over="ignore"):
        # With hardly more than one effective row it may be anything.
        low, high = 1 - np.exp([centre + half, centre - half])
    return float(low), float(high)


def _r2(sums: Floats) -> Floats:
    """r2 from sums of squared errors, squared distances, distances and weights; NaN: undefined."""
    missed, squares, distances, weight = sums.T
    spread = squares - distances**2 / np.where(weight > 0, weight, np.nan)
    # rounding leaves a crumb where a resample has one true value only
    return np.asarray(1 - missed / np.where(spread > _CRUMB * squares, spread, np.nan))


@dataclass(frozen=True, eq=False, kw_only=True)
class MedianError(RowMetric):
    """The median of the absolute errors, with an interval between two of them."""

    need: Need = "values"
    high: float = np.inf
    interval: str = "order statistics"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the median and its interval."""
        del seed
        errors, weight = np.abs(difference(outcomes)), outcomes.weight
        if weight is not None:
            errors, weight = errors[weight > 0], weight[weight > 0]
        ends = median_interval(errors, weight, confidence)
        return Estimate(weighted_median(errors, weight), ends, "order statistics")

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the median errors of resamples."""
        errors = np.abs(difference(outcomes))
        order = np.argsort(errors, kind="stable")
        ranked = errors[order]
        weight = None if outcomes.weight is None else outcomes.weight[order]

        def medians(counts: npt.NDArray[Any]) -> Floats:
            drawn = counts[:, order] if weight is None else counts[:, order] * weight
            sums = np.cumsum(drawn, axis=1, dtype=np.float64)
            half = sums[:, -1:] / 2
            # the first with half of the weight up to it, and the first with more than that
            last = len(ranked) - 1
            ends = np.minimum([(sums < half).sum(1), (sums <= half).sum(1)], last)
            return np.where(half[:, 0] > 0, ranked[ends].mean(0), np.nan)

        return medians


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxError(Metric):
    """The largest absolute error; no interval of it can be had from rows."""

    need: Need = "values"
    high: float = np.inf
    interval: str = "none"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the largest error of a row that has weight."""
        del confidence, seed
        errors = np.abs(difference(outcomes))
        some = errors if outcomes.weight is None else errors[outcomes.weight > 0]
        return Estimate(float(some.max()), None, "maximum")


VALUES: tuple[Metric, ...] = (
    R2(name="r2", greater_is_better=True),
    MedianError(name="median_absolute_error", greater_is_better=False),
    MaxError(name="max_error", greater_is_better=False),
)
