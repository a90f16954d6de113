"""Metrics of predicted numbers that are no means: r2, the median and the largest error."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.kernels.means import median_interval, weighted_median
from mlgates.kernels.resampling import MANY, RESAMPLES, bca_interval, row_counts
from mlgates.metrics.losses import difference
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, undefined
from mlgates.outcomes import Need, Outcomes

__all__ = ["R2", "VALUES", "MaxError", "MedianError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class R2(RowMetric):
    """One minus the squared errors by the squared distances of the truth from its mean."""

    need: Need = "values"
    low: float = -np.inf
    interval: str = "bootstrap of the rows, BCa"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return r2 and its interval."""
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
        columns = np.column_stack([*squares, weight * centred, weight])
        rng = np.random.default_rng(seed)
        sums = columns.sum(0)
        if len(true) < MANY:
            batches = row_counts(len(true), RESAMPLES, rng)
            draws = np.concatenate([_r2(counts @ columns) for counts in batches])
        else:  # the sums have a normal law by then
            draws = _r2(_drawn_sums(columns, sums, rng))
        found = bca_interval(value, draws, _r2(sums - columns), confidence)
        details = {"seed": seed, "resamples": RESAMPLES}
        return Estimate(value, found.interval, f"bootstrap ({found.how})", details)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return r2 of resamples."""
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        centred = outcomes.true - np.average(outcomes.true, weights=weight)
        squares = weight * difference(outcomes) ** 2, weight * centred**2
        columns = np.column_stack([*squares, weight * centred, weight])
        return lambda counts: _r2(counts @ columns)


def _drawn_sums(columns: Floats, sums: Floats, rng: np.random.Generator) -> Floats:
    """Sums of resampled rows by their normal law, each column brought to a like size before."""
    sizes = np.sqrt((columns**2).sum(0))
    like = columns / np.where(sizes > 0, sizes, 1.0)
    moved = rng.multivariate_normal(
        np.zeros(len(sums)), like.T @ like, RESAMPLES, check_valid="ignore", method="eigh"
    )
    return np.asarray(sums + moved * sizes)


def _r2(sums: Floats) -> Floats:
    """r2 from sums of squared errors, squared distances, distances and weights; NaN: undefined."""
    missed, squares, distances, weight = sums.T
    spread = squares - distances**2 / np.where(weight > 0, weight, np.nan)
    return np.asarray(1 - missed / np.where(spread > 0, spread, np.nan))


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
