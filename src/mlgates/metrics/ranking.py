"""Metrics of scores, which rank rows: areas under the ROC curve, average precision."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, few, scores, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.stats.proportions import wilson_interval
from mlgates.stats.ranking import (
    auc,
    auc_influence,
    delong,
    falling,
    hanley_interval,
    precision_curve,
)

__all__ = ["RANKING", "AveragePrecision", "RocAuc", "RocAucOneVsRest"]

Floats = npt.NDArray[np.float64]
_ONE = "only one class in `y_true`"
#: This near to 0 and 1, and within so many standard errors of them, the interval of an area is had
#: on the logit scale: there DeLong's covers too seldom, and reaches beyond what is possible.
_NEAR = 0.2
_ERRORS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class RocAuc(Metric):
    """The area under the ROC curve of two classes, with DeLong's interval."""

    need: Need = "scores"
    interval: str = "DeLong; on the logit scale near 0 and 1"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the area and its interval."""
        del seed
        true, score, weight = binary(self, outcomes)
        sizes = effective_sizes(true, weight)
        if min(sizes) == 0:
            return undefined(_ONE)
        if not confidence:
            return Estimate(auc(true, score, weight), details=lacking(sizes))
        areas, covariance = delong(true, score[None], weight)
        area, variance = float(areas[0]), float(covariance[0, 0])
        details = lacking(sizes)
        by_size = hanley_interval(area, sizes[0], sizes[1], confidence)
        if area in (0.0, 1.0):  # all placements are alike
            return Estimate(area, by_size, "Hanley and McNeil", details)
        ends = area_interval(area, variance, min(sizes), confidence)
        if variance > 0 and not is_far(area, math.sqrt(variance), confidence):
            return Estimate(area, with_room(ends, area, by_size), "DeLong (logit)", details)
        return Estimate(area, ends, "DeLong", details)


@dataclass(frozen=True, eq=False, kw_only=True)
class RocAucOneVsRest(Metric):
    """The mean over classes of the area under the ROC curve of one class against the rest."""

    need: Need = "scores"
    by_size: bool = False
    interval: str = "DeLong of the mean; on the logit scale near 0 and 1"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the mean area and its interval."""
        del seed
        sizes = self.sizes(outcomes)
        if min(sizes) == 0:
            return undefined("a class is not in `y_true`")
        area, moves = self.influence(outcomes)
        variance = float(np.dot(moves, moves)) * inflation(sizes)
        ends = area_interval(area, variance, min(sizes), confidence)
        return Estimate(area, ends, "DeLong", lacking(sizes, "rows of a class"))

    def sizes(self, outcomes: Outcomes) -> list[float]:
        """Return how many rows each class is worth."""
        width = scores(outcomes).shape[1:]
        classes = range(width[0] if width else 2)
        return [effective_sizes(outcomes.true == c, outcomes.weight)[0] for c in classes]

    def influence(self, outcomes: Outcomes) -> tuple[float, Floats]:
        """Return the mean area, and by how much each row moves it."""
        score, weight = scores(outcomes), outcomes.weight
        if score.ndim == 1:
            positive = outcomes.binary(self.name)
            score = np.column_stack([score if c == positive else -score for c in (0, 1)])
        rows = np.ones(outcomes.n) if weight is None else weight
        k = score.shape[1]
        totals = np.bincount(outcomes.true, rows, minlength=k)
        shares = totals / totals.sum() if self.by_size else np.full(k, 1 / k)
        area, moves = 0.0, np.zeros(outcomes.n)
        for c in range(k):
            one, moved = auc_influence(outcomes.true == c, score[:, c], rows)
            area += shares[c] * one
            moves += shares[c] * moved
            if self.by_size:  # the share of the class is observed too
                moves += rows / rows.sum() * ((outcomes.true == c) - shares[c]) * one
        return area, moves


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePrecision(RowMetric):
    """The mean of the precisions at each positive row, with a linearized interval.

    The variance is the sum of the squares of what each row moves (the infinitesimal jackknife, as
    of DeLong's); the interval is Student's on the logit scale, with the rows of the smaller class,
    which covers better than resampling where they are few. Of an average precision of 1, where
    nothing varies, the lower end is the product of two bounds: the share of positive rows that are
    as well ranked, by Wilson, and their precision if as many negative rows lie above them as
    Wilson's bound of none allows.

    References
    ----------
    .. [1] Boyd, K., Eng, K. H. and Page, C. D. (2013). Area under the precision-recall curve: point
       estimates and confidence intervals. ECML PKDD 2013, 451-466.
    """

    need: Need = "scores"
    interval: str = "linearized, t on the logit scale"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the average precision and its interval."""
        del seed
        true, score, weight = binary(self, outcomes)
        sizes = effective_sizes(true, weight)
        if min(sizes) == 0:
            return undefined(_ONE)
        curve = precision_curve(true, score, weight)
        value, details = curve.value(), lacking(sizes)
        if not confidence:
            return Estimate(value, details=details)
        positives, negatives = sizes
        if value >= 1:
            well = float(wilson_interval(positives, positives, confidence)[0])
            above = negatives * float(wilson_interval(0, negatives, confidence)[1])
            ends = well * positives / (positives + above), 1.0
            return Estimate(value, ends, "Wilson, combined", details)
        if min(sizes) <= 1:
            return Estimate(value, None, "linearized", details)
        moves = curve.influence()
        error = math.sqrt(float(np.dot(moves, moves)) * inflation(list(sizes)))
        t = float(special.stdtrit(min(sizes) - 1, (1 + confidence) / 2))
        return Estimate(value, on_logits(value, t * error), "linearized", details)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the average precisions of resamples."""
        true, score, weight = binary(self, outcomes)
        curve, order = precision_curve(true, score, weight), falling(score)
        return lambda counts: curve.values(counts[:, order])


def area_interval(
    area: float, variance: float, smallest: float, confidence: float
) -> tuple[float, float] | None:
    """Return the interval of an area; None where the variance is 0 or undefined.

    Near 0 and 1 it is Student's on the logit scale, with the rows of the smallest class.
    """
    if not variance > 0:
        return None
    error = math.sqrt(variance)
    if is_far(area, error, confidence):
        z = float(special.ndtri((1 + confidence) / 2))
        return area - z * error, area + z * error
    return on_logits(area, error * float(special.stdtrit(smallest - 1, (1 + confidence) / 2)))


def is_far(area: float, error: float, confidence: float) -> bool:
    """Whether an area is so far from 0 and 1 that its interval is symmetric."""
    room = min(area, 1 - area)
    z = float(special.ndtri((1 + confidence) / 2))
    return room > min(_NEAR, _ERRORS * error) and room > z * error


def with_room(
    ends: tuple[float, float] | None, area: float, by_size: tuple[float, float]
) -> tuple[float, float] | None:
    """Return an interval near 0 or 1 whose inner end is halfway to that of the area's size alone.

    The variance of placements misses the few badly ranked rows that a small class does not show.
    """
    if ends is None:
        return None
    (low, high), (lower, upper) = ends, by_size
    return ((low + lower) / 2, high) if area > 0.5 else (low, (high + upper) / 2)


def on_logits(share: float, reach: float) -> tuple[float, float]:
    """Return the interval of a share on the logit scale, whose reach is given on its own."""
    centre, half = float(special.logit(share)), reach / (share * (1 - share))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def inflation(sizes: list[float]) -> float:
    """Return by how much the squares of influences fall short of a variance; NaN for one row."""
    return min(sizes) / (min(sizes) - 1) if min(sizes) > 1 else math.nan


def binary(
    metric: Metric, outcomes: Outcomes
) -> tuple[npt.NDArray[np.bool_], Floats, Floats | None]:
    """Return whether each row is positive, its score and its weight, of two classes."""
    positive, score = outcomes.binary(metric.name), scores(outcomes)
    if score.ndim != 1:
        msg = f"`{metric.name}` is for two classes and one score a row, got {score.shape[1]} a row"
        raise EvidenceError(msg)
    return outcomes.true == positive, score, outcomes.weight


def effective_sizes(positive: npt.NDArray[np.bool_], weight: Floats | None) -> tuple[float, float]:
    """Return how many rows positives and negatives are worth."""

    def worth(rows: npt.NDArray[np.bool_]) -> float:
        if weight is None:
            return float(np.count_nonzero(rows))
        total = float(weight[rows].sum())
        return total**2 / float((weight[rows] ** 2).sum()) if total > 0 else 0.0

    return worth(positive), worth(~positive)


def lacking(sizes: "list[float] | tuple[float, ...]", what: str = "") -> dict[str, object]:
    """Return the detail that says that a class is too small to decide by; nothing if none is."""
    smallest = min(sizes)
    why = few(smallest, what or ("positives" if smallest == sizes[0] else "negatives"))
    return {"lacking": why} if why else {}


RANKING: tuple[Metric, ...] = (
    RocAuc(name="roc_auc", greater_is_better=True),
    RocAucOneVsRest(name="roc_auc_ovr", greater_is_better=True),
    RocAucOneVsRest(name="roc_auc_ovr_weighted", greater_is_better=True, by_size=True),
    AveragePrecision(name="average_precision", greater_is_better=True),
)
