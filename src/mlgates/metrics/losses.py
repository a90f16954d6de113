"""Metrics that are a mean of one number per row, and other metrics of predicted numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics.difference import Change, Ends
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, scores, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.stats.arrays import Floats, Values
from mlgates.stats.means import mean_interval, median_interval, weighted_median

_EPSILON = float(np.finfo(np.float64).eps)
#: A variance that is a smaller share of the numbers that it is the difference of is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class LossMetric(Metric):
    """A mean over rows.

    Parameters
    ----------
    row : callable
        Of outcomes: one number per row, whose (weighted) mean makes the metric; NaN: undefined.
    root : bool
        Whether the metric is the root of the mean.
    unless : str
        Why it is undefined where it is.
    """

    need: Need = "values"
    greater_is_better: bool | None = False
    row: Callable[[Outcomes], Floats] = field(repr=False)
    root: bool = False
    unless: str = ""
    high: float = np.inf
    interval: str = "t of the mean, corrected for skewness"

    def of_mean(self, mean: float) -> float:
        """Return the metric for a mean of losses."""
        return math.sqrt(max(mean, 0.0)) if self.root else float(mean)

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the mean and its interval."""
        losses, weight = self.row(outcomes), outcomes.weight
        if weight is not None:
            losses, weight = losses[weight > 0], weight[weight > 0]
        if np.isnan(losses).any():
            return undefined(self.unless)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(losses, weights=weight)
            if not np.isfinite(mean):
                return Estimate(np.inf)  # which is refused, with the metric's name
            if not confidence:
                return Estimate(self.of_mean(mean))
            ends = mean_interval(losses, weight, confidence)
        interval = None if ends is None else (self.of_mean(ends[0]), self.of_mean(ends[1]))
        return Estimate(self.of_mean(mean), interval, "t")

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return Student's interval of the mean difference by row; of roots, the delta method's."""
        sides, weight = [self.row(candidate), self.row(production)], candidate.weight
        if weight is not None:
            sides, weight = [side[weight > 0] for side in sides], weight[weight > 0]
        if self.root:  # numbers whose mean is the root of the mean, with the spread of the root
            roots = [math.sqrt(float(np.average(side, weights=weight))) for side in sides]
            sides = [
                side / (2 * root) + root / 2 if root else side
                for side, root in zip(sides, roots, strict=True)
            ]
        change, n = sides[0] - sides[1], candidate.effective
        mean = float(np.average(change, weights=weight))

        def ends(confidence: float) -> Ends:
            # rows that all differ by the same have no spread
            return mean_interval(change, weight, confidence) or (mean, mean)

        if n < 2:
            return Change("t")
        error = math.sqrt(float(np.average((change - mean) ** 2, weights=weight)) / (n - 1))
        certain = not error > _ROUNDING * abs(mean)
        t = math.copysign(math.inf, mean) if certain else mean / error
        p_value = 1.0 if mean == 0 else 2 * float(special.stdtr(n - 1, -abs(t)))
        return Change("t", ends, p_value=p_value, details={"standard_error": error})


def _error(outcomes: Outcomes) -> Floats:
    """Return prediction minus truth."""
    if outcomes.pred is None:
        msg = f"outcomes of {outcomes.need} have no predicted values"
        raise EvidenceError(msg)
    with np.errstate(over="ignore"):
        return np.asarray(outcomes.pred - outcomes.true, np.float64)


def _squared(outcomes: Outcomes) -> Floats:
    with np.errstate(over="ignore"):
        return _error(outcomes) ** 2


def _relative(outcomes: Outcomes) -> Floats:
    size = np.abs(outcomes.true)
    with np.errstate(over="ignore"):
        return np.abs(_error(outcomes)) / np.where(size > 0, size, np.nan)


def _logarithmic(outcomes: Outcomes) -> Floats:
    score = scores(outcomes)
    if score.ndim == 2:
        probability = score[np.arange(len(score)), outcomes.true]
    else:
        probability = np.where(outcomes.true == outcomes.binary("log_loss"), score, 1 - score)
    return np.asarray(-np.log(np.clip(probability, _EPSILON, 1 - _EPSILON)))


def _brier(outcomes: Outcomes) -> Floats:
    score = scores(outcomes)
    if score.ndim == 1:
        return np.asarray((score - (outcomes.true == outcomes.binary("brier_score"))) ** 2)
    known = outcomes.true[:, None] == np.arange(score.shape[1])
    return np.asarray(((score - known) ** 2).sum(1))


LOSSES: tuple[LossMetric, ...] = (
    LossMetric(name="log_loss", need="probabilities", row=_logarithmic),
    LossMetric(name="brier_score", need="probabilities", high=2.0, row=_brier),
    LossMetric(name="mean_absolute_error", row=lambda outcomes: np.abs(_error(outcomes))),
    LossMetric(name="mean_squared_error", row=_squared),
    LossMetric(name="root_mean_squared_error", row=_squared, root=True),
    LossMetric(name="mean_absolute_percentage_error", row=_relative, unless="`y_true` has zeros"),
    LossMetric(name="mean_error", greater_is_better=None, low=-np.inf, row=_error),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class R2(RowMetric):
    """One minus the squared errors by the squared distances of the truth from its mean.

    The interval is Student's on the scale of ``log(1 - r2)``, with the variance that the influence
    of each row gives: for few rows it covers better than resampling.
    """

    need: Need = "values"
    low: float = -np.inf
    interval: str = "linearized, t on the scale of log(1 - r2)"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return r2 and its interval."""
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        some = weight > 0
        true, errors, weight = outcomes.true[some], _error(outcomes)[some], weight[some]
        if true.max() == true.min():
            return undefined("`y_true` is constant")
        with np.errstate(over="ignore", invalid="ignore"):
            squared = weight * errors**2
            squares = weight * (true - np.average(true, weights=weight)) ** 2
            missed, spread = squared.sum(), squares.sum()
            if not np.isfinite(missed + spread):
                return Estimate(np.inf)  # which is refused, with the metric's name
        value, n = 1 - float(missed) / float(spread), outcomes.effective
        if not confidence:
            return Estimate(value)
        if not missed > 0 or not n > 1:
            return Estimate(value, None, "linearized")
        moves = squared / missed - squares / spread
        error = np.sqrt(float(np.dot(moves, moves)) * n / (n - 1))
        half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
        centre = np.log(missed / spread)
        with np.errstate(over="ignore"):  # with hardly more than one effective row it is unbounded
            low, high = 1 - np.exp([centre + half, centre - half])
        return Estimate(value, (float(low), float(high)), "linearized")

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return r2 of resamples."""
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        centred = outcomes.true - np.average(outcomes.true, weights=weight)
        columns = np.column_stack(
            [weight * _error(outcomes) ** 2, weight * centred**2, weight * centred, weight]
        )

        def r2(counts: Values) -> Floats:
            missed, squares, distances, total = (counts @ columns).T
            spread = squares - distances**2 / np.where(total > 0, total, np.nan)
            # rounding leaves a remainder where a resample has one true value only
            spread = np.where(spread > _ROUNDING * squares, spread, np.nan)
            return np.asarray(1 - missed / spread)

        return r2


@dataclass(frozen=True, eq=False, kw_only=True)
class MedianError(RowMetric):
    """The median of the absolute errors, with an interval between two of them."""

    need: Need = "values"
    high: float = np.inf
    interval: str = "order statistics"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the median and its interval."""
        errors, weight = np.abs(_error(outcomes)), outcomes.weight
        if weight is not None:
            errors, weight = errors[weight > 0], weight[weight > 0]
        ends = median_interval(errors, weight, confidence)
        return Estimate(weighted_median(errors, weight), ends, "order statistics")

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the median errors of resamples."""
        errors = np.abs(_error(outcomes))
        order = np.argsort(errors, kind="stable")
        ranked = errors[order]
        weight = None if outcomes.weight is None else outcomes.weight[order]

        def medians(counts: Values) -> Floats:
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
    """The largest absolute error of a row that has weight; rows give no interval of it."""

    need: Need = "values"
    high: float = np.inf
    interval: str = "none"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the largest error."""
        del confidence
        errors = np.abs(_error(outcomes))
        some = errors if outcomes.weight is None else errors[outcomes.weight > 0]
        return Estimate(float(some.max()), None, "maximum")


VALUES: tuple[Metric, ...] = (
    R2(name="r2", greater_is_better=True),
    MedianError(name="median_absolute_error", greater_is_better=False),
    MaxError(name="max_error", greater_is_better=False),
)
