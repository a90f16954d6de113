"""Intervals and tests of metrics for rows in clusters.

Rows of the same cluster, such as those of one patient, may depend on each other.
"""

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
from scipy import special

from mlgates.metrics.difference import MANY, Change, Ends, tango_ends
from mlgates.predictions import Outcomes
from mlgates.stats.arrays import Codes, Floats
from mlgates.stats.clusters import (
    ClusterVariance,
    cluster_variance,
    clustered_share_interval,
    normal_equivalent,
    t_quantile,
)
from mlgates.stats.proportions import mcnemar
from mlgates.stats.ranking import hanley_interval

Scale = Literal["share", "logit", "plain"]
_METHODS: dict[Scale, str] = {
    "share": "Wilson, cluster-robust",
    "logit": "t (logit), cluster-robust",
    "plain": "t, cluster-robust",
}
#: A variance below this is rounding error of areas under curves.
_ROUNDING = 1e-28
#: A standard error below this share of the difference is rounding error.
_RELATIVE = 1e-12
_ONE_CLUSTER = "all counted rows are in one cluster; an interval needs several"


class Linear(NamedTuple):
    """A metric, and the influence of each row on it.

    `Metric.linear` returns it. Intervals for rows in clusters are computed from it. This is
    possible because the sampling error of the metric (its deviation from the true value) is nearly
    a sum over the rows.

    Parameters
    ----------
    value : float
        The value from which the interval is computed. It may differ from the metric: for a root
        mean square, it is the mean of the squares.
    influence : ndarray of shape (n,)
        The derivative of `value` with respect to the weight of each row, times that weight.
    weight : ndarray of shape (n,)
        The weight of each row in the denominator of the metric; 0 for a row that is not in it.
    part : ndarray of int, shape (n,), optional
        The class of each row, for a metric with one denominator per class.
    scale : {"share", "logit", "plain"}
        Which interval the metric has: Wilson's for "share", Student's t on the logit scale for
        "logit", and Student's t for "plain".
    to_metric : callable
        A function that converts `value` to the metric.
    slope : float
        The derivative of `to_metric` at `value`.
    """

    value: float
    influence: Floats
    weight: Floats
    part: Codes | None = None
    scale: Scale = "plain"
    to_metric: Callable[[float], float] = float
    slope: float = 1.0

    @property
    def method(self) -> str:
        """The name of the method of the interval, for reports."""
        return _METHODS[self.scale]


def no_interval(name: str) -> str:
    """Return the reason, in words, why the metric `name` has no interval for rows in clusters."""
    return (
        f"`{name}` has no interval for rows in clusters; set decide_by='estimate', or use a "
        "share such as accuracy, an area under the ROC curve or a mean of losses"
    )


def clustered_interval(
    linear: Linear, cluster: Codes, confidence: float
) -> tuple[Ends, dict[str, object]]:
    """Return the confidence interval of a metric for rows in clusters, and details for the report.

    `cluster` has the number of the cluster of each row. If there is no interval,
    ``details["no_interval"]`` is the reason.
    """
    variance = cluster_variance(linear.influence, cluster, linear.weight, linear.part)
    if not variance.freedom > 0:
        return None, {"no_interval": _ONE_CLUSTER}
    value, error = linear.value, math.sqrt(variance.variance)
    details: dict[str, object] = {
        "standard_error": linear.slope * error,
        "degrees_of_freedom": variance.freedom,
    }
    t = t_quantile(confidence, variance.freedom)
    ends: Ends = None
    if linear.scale == "share":
        details["denominator"] = linear.weight.sum() ** 2 / float((linear.weight**2).sum())
        ends = clustered_share_interval(value, variance, confidence)
    elif linear.scale == "logit" and (not 0 < value < 1 or variance.variance <= _ROUNDING):
        smallest = min(variance.effective)
        rest = sum(variance.effective) - smallest
        ends = hanley_interval(value, smallest, rest, confidence)
    elif linear.scale == "logit":
        centre, half = float(special.logit(value)), t * error / (value * (1 - value))
        ends = float(special.expit(centre - half)), float(special.expit(centre + half))
    elif error > 0:
        ends = value - t * error, value + t * error
    if ends is not None:
        ends = linear.to_metric(ends[0]), linear.to_metric(ends[1])
    return ends, details


class LinearChange(NamedTuple):
    """The influence of each row on the difference of a metric between two models.

    `moved` has the influence of each row on the difference: the derivative of the difference with
    respect to the weight of the row, times that weight. `variance` is the variance of the
    difference for rows in clusters.
    """

    moved: Floats
    variance: ClusterVariance


def _linear_change(mine: Linear, theirs: Linear, cluster: Codes) -> LinearChange:
    """Return the influence of each row on the difference of a metric between two models.

    The result also has the variance of the difference.
    """
    moved = mine.slope * mine.influence - theirs.slope * theirs.influence
    weight = np.maximum(mine.weight, theirs.weight)
    return LinearChange(moved, cluster_variance(moved, cluster, weight, mine.part))


def clustered_change(
    name: str,
    mine: Linear | None,
    theirs: Linear | None,
    candidate: Outcomes,
    *,
    widest: float = math.inf,
    unseen: Callable[[Floats], float] = lambda _: 0.0,
) -> Change:
    """Return the interval and test of the difference between two models, for rows in clusters.

    Both use Student's t distribution, with a variance that is computed from the sums of the
    influences in each cluster.

    Parameters
    ----------
    name : str
        The name of the metric, for messages.
    mine, theirs : Linear or None
        The results of `Metric.linear` for the candidate and for production. If they are None, the
        result has no interval.
    candidate : Outcomes
        The labels and predictions of the candidate, with the clusters of the rows.
    widest : float
        The largest possible difference; the interval is cut off there.
    unseen : callable
        A function that takes the influence of each row on the difference, and returns a number to
        add to the variance. The number is for independent rows, so it is first multiplied by the
        design effect of the clusters. It is more than 0 if the models differ on few rows only: a
        sample may contain none of such rows, and its variance is then too small. See
        `mlgates.stats.ranking.unseen_variance`. By default nothing is added.
    """
    cluster = candidate.cluster
    details: dict[str, object] = {"clusters": candidate.clusters}
    if mine is None or theirs is None or cluster is None:
        return Change("", details={**details, "no_interval": no_interval(name)})
    moved, variance = _linear_change(mine, theirs, cluster)
    method, freedom = _METHODS["plain"], variance.freedom
    if not freedom > 0:
        return Change(method, details={**details, "no_interval": _ONE_CLUSTER})
    value = mine.to_metric(mine.value) - theirs.to_metric(theirs.value)
    error = math.sqrt(variance.variance)
    # All rows differ by the same amount.
    if mine.scale == "plain" and not error > _RELATIVE * abs(value):
        return Change(method, lambda _: (value, value), p_value=float(value == 0), details=details)
    if mine.scale != "plain" and error**2 <= _ROUNDING:  # no row differs
        if abs(value) > _RELATIVE:
            return Change(method, details=details)
        ends = tango_ends(0, 0, min(variance.effective))
        return Change("Tango, cluster-robust", ends, p_value=1.0, details=details)
    more = unseen(moved) * max(variance.variance / variance.of_rows, 1.0)
    wider = math.sqrt(variance.variance + more)

    def ends_at(confidence: float) -> Ends:
        half = t_quantile(confidence, freedom) * wider
        return max(value - half, -widest), min(value + half, widest)

    p_value = 2 * float(special.stdtr(freedom, -abs(value) / error))
    details |= {"standard_error": error, "degrees_of_freedom": freedom}
    return Change(method, ends_at, p_value=p_value, details=details)


def clustered_share_change(
    change: Change, counts: tuple[float, float, float], mine: Linear, theirs: Linear, cluster: Codes
) -> Change:
    """Return the interval and test of the difference of a share, for rows in clusters.

    The design effect is the variance of the difference, divided by the variance for independent
    rows. For Tango's interval and McNemar's test, the number of discordant rows (in the numerator
    for one model only) is divided by it. If no row is discordant, the design effect is not known,
    and each cluster counts as one row. The p-value is the larger one of McNemar's test and
    Student's t.

    Parameters
    ----------
    change : Change
        The difference with its interval and test by Student's t.
    counts : (float, float, float)
        Three numbers of rows: those in the numerator of the candidate but not of production, those
        in the numerator of production but not of the candidate, and those in the denominator.
    mine, theirs : Linear
        The results of `Metric.linear` for the candidate and for production.
    cluster : ndarray of int
        The cluster of each row.
    """
    variance, (b, c, n) = _linear_change(mine, theirs, cluster).variance, counts
    share = min(variance.effective) / n
    if variance.variance > 0:
        share = variance.of_rows / variance.variance

    def ends(confidence: float) -> Ends:
        kept = share * float(normal_equivalent(confidence, variance.freedom))
        return tango_ends(kept * b, kept * c, kept * n)(confidence) if kept else (-1.0, 1.0)

    p_value = max(change.p_value or 0.0, mcnemar(share * b, share * c)[0])
    details = {"b": b, "c": c, "rows_compared": n, **change.details}
    if b + c < MANY:
        details.pop("standard_error", None)
    return Change("Tango, cluster-robust", ends, (b - c) / n, p_value, details)
