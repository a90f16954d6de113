"""Metrics that are the mean of one number a row, perhaps transformed."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.metrics.metric import Estimate, Metric, scores, undefined
from mlgates.predictions import Outcomes
from mlgates.stats.means import mean_interval

__all__ = ["LOSSES", "LossMetric", "difference"]

Floats = npt.NDArray[np.float64]
_EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False, kw_only=True)
class LossMetric(Metric):
    """A mean over rows.

    Parameters
    ----------
    row : callable
        Of outcomes: one number a row, NaN where it is undefined.
    root : bool
        Whether the metric is the root of the mean.
    unless : str
        Why it is undefined where it is.
    """

    row: Callable[[Outcomes], Floats] = field(repr=False)
    root: bool = False
    unless: str = ""
    high: float = np.inf
    interval: str = "t of the mean, corrected for skewness"

    def losses(self, outcomes: Outcomes) -> Floats:
        """Return one number a row, whose (weighted) mean makes the metric; NaN: undefined."""
        return self.row(outcomes)

    def settle(self, mean: npt.ArrayLike) -> Floats:
        """Return the metric for the mean of the losses."""
        means = np.asarray(mean, np.float64)
        return np.sqrt(np.maximum(means, 0)) if self.root else means

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the mean and its interval."""
        del seed
        losses, weight = self.losses(outcomes), outcomes.weight
        if weight is not None:
            losses, weight = losses[weight > 0], weight[weight > 0]
        if np.isnan(losses).any():
            return undefined(self.unless)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(losses, weights=weight)
            if not np.isfinite(mean):
                return Estimate(np.inf)  # which is refused, with the metric's name
            if not confidence:
                return Estimate(float(self.settle(mean)))
            ends = mean_interval(losses, weight, confidence)
        interval = None if ends is None else tuple(float(self.settle(end)) for end in ends)
        return Estimate(float(self.settle(mean)), interval, "t")  # type: ignore[arg-type]


def difference(outcomes: Outcomes) -> Floats:
    """Return prediction minus truth."""
    if outcomes.pred is None:
        msg = f"outcomes of {outcomes.need} have no predicted values"
        raise EvidenceError(msg)
    with np.errstate(over="ignore"):
        return np.asarray(outcomes.pred - outcomes.true, np.float64)


def _squared(outcomes: Outcomes) -> Floats:
    with np.errstate(over="ignore"):
        return difference(outcomes) ** 2


def _relative(outcomes: Outcomes) -> Floats:
    size = np.abs(outcomes.true)
    with np.errstate(over="ignore"):
        return np.abs(difference(outcomes)) / np.where(size > 0, size, np.nan)


def _logarithmic(outcomes: Outcomes) -> Floats:
    told = told_probability(outcomes)
    return -np.log(np.clip(told, _EPSILON, 1 - _EPSILON))


def told_probability(outcomes: Outcomes) -> Floats:
    """Return the probability that each row's own class was given."""
    score = scores(outcomes)
    if score.ndim == 2:
        return np.asarray(score[np.arange(len(score)), outcomes.true])
    positive = outcomes.true == outcomes.binary("log_loss")
    return np.where(positive, score, 1 - score)


def _brier(outcomes: Outcomes) -> Floats:
    score = scores(outcomes)
    if score.ndim == 1:
        return np.asarray((score - (outcomes.true == outcomes.binary("brier_score"))) ** 2)
    known = outcomes.true[:, None] == np.arange(score.shape[1])
    return np.asarray(((score - known) ** 2).sum(1))


LOSSES: tuple[LossMetric, ...] = (
    LossMetric(
        name="log_loss",
        need="probabilities",
        greater_is_better=False,
        row=_logarithmic,
    ),
    LossMetric(
        name="brier_score", need="probabilities", greater_is_better=False, high=2.0, row=_brier
    ),
    LossMetric(
        name="mean_absolute_error",
        need="values",
        greater_is_better=False,
        row=lambda outcomes: np.abs(difference(outcomes)),
    ),
    LossMetric(
        name="mean_squared_error",
        need="values",
        greater_is_better=False,
        row=_squared,
    ),
    LossMetric(
        name="root_mean_squared_error",
        need="values",
        greater_is_better=False,
        row=_squared,
        root=True,
    ),
    LossMetric(
        name="mean_absolute_percentage_error",
        need="values",
        greater_is_better=False,
        row=_relative,
        unless="`y_true` has zeros",
    ),
    LossMetric(
        name="mean_error",
        need="values",
        greater_is_better=None,
        low=-np.inf,
        row=difference,
    ),
)
