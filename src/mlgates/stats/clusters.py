"""Variances and intervals for rows in clusters, where rows of the same cluster are dependent.

For example, a row is a visit and a cluster is a patient. Only the clusters are assumed to be
independent. The variance of an estimate is computed from the influence of each row. The influence
is the derivative of the estimate with respect to the row's weight, times that weight. For a mean of
n rows, the influence of a row with the value ``y`` is ``(y - mean) / n``.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from mlgates.stats.arrays import Codes, Floats
from mlgates.stats.proportions import wilson_interval

__all__ = [
    "ClusterVariance",
    "cluster_correlations",
    "cluster_variance",
    "clustered_share_interval",
    "effective_rows",
    "normal_equivalent",
    "t_quantile",
]

#: If a variance divided by the variance of independent rows is below this, it is only rounding
#: error.
_ROUNDING = 1e-12


class ClusterVariance(NamedTuple):
    """The variance of an estimate from rows in clusters; the result of `cluster_variance`.

    Rows of the same cluster may depend on each other, such as visits of the same patient.
    `variance` takes this into account. `of_rows` is the variance that the estimate would have if
    all rows were independent. `effective` is a tuple with the effective number of clusters: it
    equals the number of clusters if all have the same size, and is smaller otherwise. It has more
    than one element if the estimate consists of means over several parts of the rows, such as the
    classes.
    """

    variance: float
    of_rows: float
    effective: tuple[float, ...]

    @property
    def freedom(self) -> float:
        """Degrees of freedom of Student's t distribution for an interval with this variance.

        They are the smallest element of `effective`, minus 1.
        """
        freedom = min(self.effective, default=1.0) - 1
        return freedom if freedom > _ROUNDING else 0.0


def cluster_variance(
    influence: Floats, cluster: Codes, weight: Floats, part: Codes | None = None
) -> ClusterVariance:
    """Return the variance of an estimate that is computed from rows in clusters.

    The variance is ``sum(s**2 / (1 - share))``, a sum over clusters: ``s`` is the sum of the
    influences of the rows in a cluster, and ``share`` is the number of these rows divided by the
    number of all counted rows. The effective number of clusters is ``1 / sum(share**2)``; it is the
    number of clusters if all have the same size [1]_. The degrees of freedom are the effective
    number of clusters minus 1.

    Some estimates consist of several means, each over one part of the rows. An example is the area
    under the ROC curve; its parts are the classes. In this case, ``share`` is computed in each
    part, and the largest of these shares of a cluster is used. The degrees of freedom are those of
    the part with the fewest effective clusters.

    Parameters
    ----------
    influence : ndarray of shape (n,)
        Influence of each row on the estimate: the derivative of the estimate with respect to the
        weight of the row, times that weight. The sum of all influences is 0.
    cluster : ndarray of int, shape (n,)
        Number of each row's cluster, at least 0. The numbers need not be consecutive.
    weight : ndarray of shape (n,)
        How many rows each row counts as; 1 without weights. Rows of weight 0 are left out.
    part : ndarray of int, shape (n,), optional
        Number of the part to which each row belongs, from 0. By default all rows are one part.

    Returns
    -------
    ClusterVariance
        Three values: `variance`, the variance as above; `of_rows`, the variance if all rows were
        independent; and `effective`, from which `freedom`, the degrees of freedom, is computed. If
        the influences in each cluster sum to 0 but are not all 0, the formula would give a variance
        of 0, which is too small. `variance` is then equal to `of_rows`.

    References
    ----------
    .. [1] Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust
       inference. Journal of Human Resources 50, 317-372.

    Examples
    --------
    >>> y = np.array([1.0, 1, 0, 0, 1, 0])
    >>> found = cluster_variance((y - 0.5) / 6, np.array([0, 0, 1, 1, 2, 2]), np.ones(6))
    >>> round(found.variance, 4), round(found.of_rows, 4), round(found.freedom, 9)
    (0.0833, 0.05, 2.0)
    """
    counted = weight > 0
    if not counted.all():
        influence, cluster, weight = influence[counted], cluster[counted], weight[counted]
        part = None if part is None else part[counted]
    if not len(cluster):
        return ClusterVariance(math.nan, math.nan, ())
    count = int(cluster.max()) + 1
    if part is None:
        sizes = np.bincount(cluster, weight, count)
        largest = sizes / sizes.sum()
        squares = np.array([np.dot(largest, largest)])
        row_shares = weight / sizes.sum()
    else:
        totals = np.bincount(part, weight)
        pairs, at = np.unique(part * count + cluster, return_inverse=True)
        shares = np.bincount(at.ravel(), weight) / totals[pairs // count]
        largest = np.zeros(count)
        np.maximum.at(largest, pairs % count, shares)
        squares = np.bincount(pairs // count, shares**2)
        row_shares = weight / totals[part]
    sums = np.asarray(np.bincount(cluster, influence, count), np.float64)
    of_rows = _sum_of_squares(influence, row_shares)
    variance = _sum_of_squares(sums, largest)
    if not variance > _ROUNDING * of_rows:
        variance = of_rows
    effective = tuple((1 / squares[squares > 0]).tolist())
    return ClusterVariance(variance, of_rows, effective)


def _sum_of_squares(sums: Floats, shares: Floats) -> float:
    """Return ``sum(sums**2 / (1 - shares))`` over the elements whose share is less than 1."""
    rest = 1 - shares
    known = rest > _ROUNDING
    return float(np.sum(sums[known] ** 2 / rest[known]))


def cluster_correlations(influences: Sequence[Floats], clusters: Sequence[Codes]) -> Floats | None:
    """Return the correlations between the estimates for k groups of rows that may share clusters.

    The influence of a row is the derivative of its group's estimate with respect to the row's
    weight, times that weight. For a mean of n rows, a row with the value ``y`` has the influence
    ``(y - mean) / n``.

    Parameters
    ----------
    influences : sequence of k ndarrays
        For each group, the influence of each of its rows on its estimate.
    clusters : sequence of k ndarrays of int
        For each group, the number of the cluster of each of its rows.

    Returns
    -------
    ndarray of shape (k, k), or None
        None if no cluster has rows of several groups. The estimates are then independent.

    Examples
    --------
    >>> first, second = np.array([2.0, -1, -1]), np.array([1.0, -2, 1])
    >>> found = cluster_correlations([first, second], [np.arange(3), np.arange(3)])
    >>> round(float(found[0, 1]), 9)
    0.5
    >>> cluster_correlations([first, second], [np.arange(3), np.arange(3, 6)]) is None
    True
    """
    found = [np.unique(cluster) for cluster in clusters]
    every = np.concatenate([np.empty(0, np.intp), *found])
    if len(np.unique(every)) == len(every):
        return None
    from scipy import sparse

    count = int(every.max()) + 1
    sums = sparse.vstack(
        [
            sparse.csr_array(np.bincount(cluster, influence, count)[None])
            for influence, cluster in zip(influences, clusters, strict=True)
        ]
    )
    products = (sums @ sums.T).toarray()
    spread = np.sqrt(np.where(products.diagonal() > 0, products.diagonal(), np.inf))
    return np.asarray(np.clip(products / np.outer(spread, spread), -1.0, 1.0))


def t_quantile(confidence: float, freedom: float) -> float:
    """Return the quantile of Student's t distribution for a two-sided confidence level.

    `freedom` is the number of degrees of freedom. If it is 0, the result is infinite.

    Examples
    --------
    >>> round(t_quantile(0.95, 39), 4), t_quantile(0.95, 0)
    (2.0227, inf)
    """
    return float(special.stdtrit(freedom, (1 + confidence) / 2)) if freedom > 0 else math.inf


def normal_equivalent(confidence: float, freedom: Floats | float) -> Floats:
    """Return the factor ``(z / t)**2`` for numbers of rows in confidence intervals of proportions.

    ``z`` is the two-sided quantile of the normal distribution at this confidence, and ``t`` that of
    Student's t distribution with `freedom` degrees of freedom. Some intervals, such as Wilson's,
    are defined with ``z``. If the number of rows is multiplied by this factor, they become about as
    long as an interval with ``t`` for the original number of rows [1]_. The factor is 0 if
    `freedom` is 0.

    References
    ----------
    .. [1] Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small
       expected number of positive counts estimated from survey data. Survey Methodology 24,
       193-201.

    Examples
    --------
    >>> normal_equivalent(0.95, np.array([0.0, 39.0, np.inf])).round(4).tolist()
    [0.0, 0.9389, 1.0]
    """
    given = np.asarray(freedom, np.float64)
    z = float(special.ndtri((1 + confidence) / 2))
    t = special.stdtrit(np.where(given > 0, given, 1.0), (1 + confidence) / 2)
    return np.where(given > 0, np.minimum((z / t) ** 2, 1.0), 0.0)[()]


def effective_rows(
    share: Floats | float, variance: Floats | float, freedom: Floats | float
) -> Floats:
    """Return the number of independent rows with which a share would have a given variance.

    It is ``p (1 - p) / variance`` for a share ``p``. If the share is 0 or 1, the variance is 0 and
    does not show how rows depend on each other. The result is then the effective number of
    clusters, which is `freedom` plus 1.

    Examples
    --------
    >>> effective_rows(np.array([0.8, 1]), np.array([0.004, 0]), np.array([39.0, 39])).round(9)
    array([40., 40.])
    """
    p, v = np.asarray(share, np.float64), np.asarray(variance, np.float64)
    return np.where(v > 0, p * (1 - p) / np.where(v > 0, v, 1.0), np.asarray(freedom) + 1)[()]


def clustered_share_interval(
    share: float, variance: ClusterVariance, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return Wilson's interval of a share that is computed from rows in clusters.

    The number of rows is replaced by the effective number of rows, and the normal quantile by that
    of Student's t distribution.

    Parameters
    ----------
    share : float
        The observed share, from 0 to 1.
    variance : ClusterVariance
        Variance of the share, from `cluster_variance`.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    (float, float) or None
        Lower and upper end. None if all rows are in one cluster.

    References
    ----------
    .. [1] Korn, E. L. and Graubard, B. I. (1998). Confidence intervals for proportions with small
       expected number of positive counts estimated from survey data. Survey Methodology 24,
       193-201.

    Examples
    --------
    >>> rows = np.repeat(np.arange(40), 5)  # 40 clusters of 5 rows that are all right or all wrong
    >>> influence = (np.where(rows < 32, 1.0, 0.0) - 0.8) / 200
    >>> found = cluster_variance(influence, rows, np.ones(200))
    >>> low, high = clustered_share_interval(0.8, found)
    >>> round(low, 3), round(high, 3)
    (0.645, 0.898)
    """
    if not variance.freedom > 0:
        return None
    n = float(effective_rows(share, variance.variance, variance.freedom))
    n *= float(normal_equivalent(confidence, variance.freedom))
    if not n > 0:
        return 0.0, 1.0
    low, high = wilson_interval(n if share == 1 else share * n, n, confidence)
    return float(low), float(high)
