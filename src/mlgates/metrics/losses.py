"""Metrics that are means of a loss per row, such as log loss, and other metrics of regression.

The other metrics are R squared, the median error and the largest error.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics.clustered import Linear
from mlgates.metrics.difference import Change, Ends, tango_change
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, scores, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.stats.arrays import Floats, Values
from mlgates.stats.means import mean_interval, median_interval, weighted_median
from mlgates.stats.proportions import wilson_interval

_EPSILON = float(np.finfo(np.float64).eps)
#: Number of digits to which numbers of discordant rows are computed.
_DIGITS = 9
#: A variance below this share of the numbers that it is computed from is rounding error.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, kw_only=True)
class LossMetric(Metric):
    """A metric that is the mean of one number per row, or the square root of that mean.

    Parameters
    ----------
    row : callable
        A function of `Outcomes` of n rows. It returns n losses. If one of them is NaN, the metric
        is undefined.
    root : bool
        Whether the metric is the square root of the mean.
    unless : str
        The reason to report if the metric is undefined.
    need, greater_is_better, high, interval
        As in `Metric`.
    """

    need: Need = "values"
    greater_is_better: bool | None = False
    row: Callable[[Outcomes], Floats] = field(repr=False)
    root: bool = False
    unless: str = ""
    high: float = np.inf
    interval: str = "Student's t of the mean, corrected for skewness"

    def of_mean(self, mean: float) -> float:
        """Return the value of the metric for a given mean of the losses."""
        return math.sqrt(max(mean, 0.0)) if self.root else float(mean)

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value of the metric and its confidence interval.

        The value is the mean of the losses; if `root` is true, it is the square root of this mean,
        and the ends of the interval are the square roots of the ends for the mean. The metric is
        undefined if a loss is NaN.
        """
        losses, weight = self.row(outcomes), outcomes.weight
        if weight is not None:
            losses, weight = losses[weight > 0], weight[weight > 0]
        if np.isnan(losses).any():
            return undefined(self.unless)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(losses, weights=weight)
            if not np.isfinite(mean):
                return Estimate(np.inf)  # `measure` raises an error that names the metric
            if not confidence:
                return Estimate(self.of_mean(mean))
            ends = mean_interval(losses, weight, confidence)
        interval = None if ends is None else (self.of_mean(ends[0]), self.of_mean(ends[1]))
        return Estimate(self.of_mean(mean), interval, "t")

    def linear(self, outcomes: Outcomes) -> Linear:
        """Return the mean of the losses, and the influence of each row on it.

        The influence of a row is ``weight * (loss - mean) / sum(weights)``. `Metric.linear`
        explains its use. If the metric is the root of a mean, the result has the mean, and its
        `to_metric` takes the root.
        """
        losses = self.row(outcomes)
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        mean = float(np.average(losses, weights=weight))
        slope = 1.0
        if self.root:
            slope = 1 / (2 * math.sqrt(mean)) if mean > 0 else 0.0
        influence = weight * (losses - mean) / weight.sum()
        return Linear(mean, influence, weight, to_metric=self.of_mean, slope=slope)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models.

        Both use Student's t distribution for the mean difference of the losses. If the metric is
        the root of a mean, the difference is linearized first (delta method).
        """
        sides, weight = [self.row(candidate), self.row(production)], candidate.weight
        if weight is not None:
            sides, weight = [side[weight > 0] for side in sides], weight[weight > 0]
        if self.root:
            # Delta method: convert the losses so that their mean is the root of the mean loss, and
            # the standard error of their mean is that of the root.
            roots = [math.sqrt(float(np.average(side, weights=weight))) for side in sides]
            sides = [
                side / (2 * root) + root / 2 if root else side
                for side, root in zip(sides, roots, strict=True)
            ]
        change, n = sides[0] - sides[1], candidate.effective
        change[np.abs(change) <= _ROUNDING * np.maximum(*map(np.abs, sides))] = 0.0
        mean = float(np.average(change, weights=weight))

        def ends(confidence: float) -> Ends:
            # `mean_interval` is None if all rows differ by the same amount, which is `mean`.
            return mean_interval(change, weight, confidence) or (mean, mean)

        if n < 2:
            return Change("t")
        error = math.sqrt(float(np.average((change - mean) ** 2, weights=weight)) / (n - 1))
        certain = not error > _ROUNDING * abs(mean)
        t = math.copysign(math.inf, mean) if certain else mean / error
        p_value = 1.0 if mean == 0 else 2 * float(special.stdtr(n - 1, -abs(t)))
        return Change("t", ends, p_value=p_value, details={"standard_error": error})


@dataclass(frozen=True, eq=False, kw_only=True)
class RowShare(LossMetric):
    """A metric that is the mean of one number from 0 to 1 per row, usually 0 or 1.

    The interval is Wilson's interval, as for a share of rows. If the numbers are not only 0 and 1,
    the interval is too long rather than too short, because zeros and ones have the largest variance
    for a given mean.
    """

    greater_is_better: bool | None = True
    high: float = 1.0
    interval: str = "Wilson"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the mean and its confidence interval by Wilson's method."""
        share = float(np.average(self.row(outcomes), weights=outcomes.weight))
        n = outcomes.effective
        if not confidence:
            return Estimate(share)
        low, high = wilson_interval(n if share == 1 else share * n, n, confidence)
        return Estimate(share, (float(low), float(high)), "Wilson", {"denominator": n})

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the difference of the metric between two models, with its interval and test.

        The interval is Tango's, and the test is McNemar's.
        """
        return tango_change(*self.discordant(candidate, production))

    def discordant(self, candidate: Outcomes, production: Outcomes) -> tuple[float, float, float]:
        """Return three numbers ``(b, c, n)`` for paired tests.

        ``n`` is the number of rows; with weights, the effective number. The other two numbers are
        ``b = n mean(max(x - y, 0))`` and ``c = n mean(max(y - x, 0))``, where ``x`` is the value of
        a row for the candidate and ``y`` its value for production. With weights, the means are
        weighted. If all values are 0 or 1, ``b`` is the number of rows with 1 for the candidate
        only, and ``c`` the number of rows with 1 for production only.
        """
        moved, n = self.row(candidate) - self.row(production), candidate.effective
        b, c = (
            n * float(np.average(np.maximum(sign * moved, 0), weights=candidate.weight))
            for sign in (1, -1)
        )
        if candidate.weight is None:
            b, c = round(b, _DIGITS), round(c, _DIGITS)
        return b, c, n

    def linear(self, outcomes: Outcomes) -> Linear:
        """Return the mean of the values of the rows, and the influence of each row on it.

        The value of a row is from 0 to 1, such as 1 for a right answer and 0 for a wrong one. The
        mean is weighted if the rows have weights. The influence of a row with the value ``x`` is
        ``weight * (x - mean) / sum(weights)``. The `scale` of the result is "share", so that
        Wilson's method is used for the intervals of rows in clusters.
        """
        return super().linear(outcomes)._replace(scale="share")


def _error(outcomes: Outcomes) -> Floats:
    """Return the predicted value minus the true value of each row."""
    if outcomes.pred is None:
        raise EvidenceError(
            f"the metric needs Outcomes with need='values', got need={outcomes.need!r}"
        )
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
    one_hot = outcomes.true[:, None] == np.arange(score.shape[1])
    return np.asarray(((score - one_hot) ** 2).sum(1))


def _ends(outcomes: Outcomes) -> tuple[Floats, Floats]:
    """Return the lower and the upper end of the interval that is predicted for each row."""
    if outcomes.need != "interval" or outcomes.pred is None:
        raise EvidenceError(
            f"the metric needs Outcomes with need='interval', got need={outcomes.need!r}"
        )
    return outcomes.pred[:, 0], outcomes.pred[:, 1]


def _covered(outcomes: Outcomes) -> Floats:
    low, high = _ends(outcomes)
    return ((low <= outcomes.true) & (outcomes.true <= high)).astype(np.float64)


def _width(outcomes: Outcomes) -> Floats:
    low, high = _ends(outcomes)
    with np.errstate(over="ignore"):
        return high - low


def pinball_loss(name: str, quantile: float) -> LossMetric:
    """Return the metric of predicted quantiles: the mean pinball loss.

    `name` is the name of the metric, and `quantile` the predicted quantile, from 0 to 1. The loss
    of a row is ``quantile * (y - p)`` if the true value ``y`` is above the prediction ``p``, and
    ``(1 - quantile) * (p - y)`` if it is below.
    """

    def row(outcomes: Outcomes) -> Floats:
        error = _error(outcomes)
        return np.maximum(-quantile * error, (1 - quantile) * error)

    return LossMetric(name=name, row=row)


INTERVALS: tuple[LossMetric, ...] = (
    RowShare(name="interval_coverage", need="interval", row=_covered),
    LossMetric(name="interval_width", need="interval", row=_width),
)

LOSSES: tuple[LossMetric, ...] = (
    LossMetric(name="log_loss", need="probabilities", binary=True, row=_logarithmic),
    LossMetric(name="brier_score", need="probabilities", binary=True, high=2.0, row=_brier),
    LossMetric(name="mean_absolute_error", row=lambda outcomes: np.abs(_error(outcomes))),
    LossMetric(name="mean_squared_error", row=_squared),
    LossMetric(name="root_mean_squared_error", row=_squared, root=True),
    LossMetric(name="mean_absolute_percentage_error", row=_relative, unless="`y_true` has zeros"),
    LossMetric(name="mean_error", greater_is_better=None, low=-np.inf, row=_error),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class R2(RowMetric):
    """The coefficient of determination, R squared.

    It is one minus the sum of squared errors divided by the sum of squared deviations of the true
    values from their mean. A Student's t interval for ``log(1 - r2)`` is converted to an interval
    for R squared. The variance of ``log(1 - r2)`` is the sum of the squared influences of the rows,
    times ``n / (n - 1)`` for n rows. The influence of a row is the derivative of ``log(1 - r2)``
    with respect to the weight of the row, times that weight. If there are few rows, this interval
    contains the true value more reliably than one from resampling. `Metric` describes the fields.
    """

    need: Need = "values"
    low: float = -np.inf
    interval: str = "linearized, Student's t on the scale of log(1 - r2)"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return R squared and its confidence interval."""
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        counted = weight > 0
        true, errors, weight = outcomes.true[counted], _error(outcomes)[counted], weight[counted]
        if true.max() == true.min():
            return undefined("`y_true` is constant")
        with np.errstate(over="ignore", invalid="ignore"):
            squared_errors = weight * errors**2
            deviations = weight * (true - np.average(true, weights=weight)) ** 2
            residual, total = squared_errors.sum(), deviations.sum()
            if not np.isfinite(residual + total):
                return Estimate(np.inf)  # `measure` raises an error that names the metric
        value, n = 1 - float(residual) / float(total), outcomes.effective
        if not confidence:
            return Estimate(value)
        if not residual > 0 or not n > 1:
            return Estimate(value, None, "linearized")
        influence = squared_errors / residual - deviations / total
        error = np.sqrt(float(np.dot(influence, influence)) * n / (n - 1))
        half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
        centre = np.log(residual / total)
        with np.errstate(over="ignore"):  # little more than one effective row: no lower bound
            low, high = 1 - np.exp([centre + half, centre - half])
        return Estimate(value, (float(low), float(high)), "linearized")

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return a function that computes R squared on resamples of the rows.

        Its argument is a matrix of the shape (number of resamples, number of rows), which says how
        often each row is drawn in each resample. It returns an array with R squared of each
        resample, NaN if undefined.
        """
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        centred = outcomes.true - np.average(outcomes.true, weights=weight)
        columns = np.column_stack(
            [weight * _error(outcomes) ** 2, weight * centred**2, weight * centred, weight]
        )

        def r2(counts: Values) -> Floats:
            residual, squares, distances, weights = (counts @ columns).T
            total = squares - distances**2 / np.where(weights > 0, weights, np.nan)
            # undefined where all drawn rows have the same true value, but for rounding
            total = np.where(total > _ROUNDING * squares, total, np.nan)
            return np.asarray(1 - residual / total)

        return r2


@dataclass(frozen=True, eq=False, kw_only=True)
class MedianError(RowMetric):
    """The median of the absolute errors, with an interval between two order statistics.

    `Metric` describes the fields.
    """

    need: Need = "values"
    high: float = np.inf
    interval: str = "order statistics"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the median of the absolute errors and its confidence interval."""
        errors, weight = np.abs(_error(outcomes)), outcomes.weight
        if weight is not None:
            errors, weight = errors[weight > 0], weight[weight > 0]
        ends = median_interval(errors, weight, confidence)
        return Estimate(weighted_median(errors, weight), ends, "order statistics")

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return a function that computes the median error on resamples of the rows.

        Its argument is a matrix of the shape (number of resamples, number of rows), which says how
        often each row is drawn in each resample. It returns an array with the median error
        of each resample, NaN if undefined.
        """
        errors = np.abs(_error(outcomes))
        order = np.argsort(errors, kind="stable")
        ranked = errors[order]
        weight = None if outcomes.weight is None else outcomes.weight[order]

        def medians(counts: Values) -> Floats:
            drawn = counts[:, order] if weight is None else counts[:, order] * weight
            sums = np.cumsum(drawn, axis=1, dtype=np.float64)
            half = sums[:, -1:] / 2
            # the first error at which half of the weight is reached, and the first beyond half
            last = len(ranked) - 1
            ends = np.minimum([(sums < half).sum(1), (sums <= half).sum(1)], last)
            return np.where(half[:, 0] > 0, ranked[ends].mean(0), np.nan)

        return medians


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxError(Metric):
    """The largest absolute error of the rows with a weight above 0; it has no interval.

    `Metric` describes the fields.
    """

    need: Need = "values"
    high: float = np.inf
    interval: str = "none"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the largest absolute error, without an interval."""
        del confidence
        errors = np.abs(_error(outcomes))
        counted = errors if outcomes.weight is None else errors[outcomes.weight > 0]
        return Estimate(float(counted.max()), None, "maximum")


VALUES: tuple[Metric, ...] = (
    R2(name="r2", greater_is_better=True),
    MedianError(name="median_absolute_error", greater_is_better=False),
    MaxError(name="max_error", greater_is_better=False),
)
