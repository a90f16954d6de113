"""Intervals of the mean and of the median of independent rows, weighted or not."""

import math

import numpy as np
from scipy import special

from mlgates.stats.arrays import Floats
from mlgates.stats.quantiles import order_ranks

#: Upper bound of Hall's ``c`` (see `mean_interval`) for unweighted rows.
_MOST_SKEWED = 1 / 3


def mean_interval(
    values: Floats, weight: Floats | None = None, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return Student's t interval of a mean, with Hall's correction for skewness.

    If the values are skewed, the statistic ``t = sqrt(n) (mean - mu) / s`` is skewed, too. Here
    ``mu`` is the true mean, and ``s`` the standard deviation of the values with the divisor ``n -
    1``. Hall's function ``g(t) = t + c t**2 + c**2 t**3 / 3 + c / 2`` with ``c = skewness / (3
    sqrt(n))`` makes it nearly symmetric, and has an inverse. The ends of the interval are those
    values of ``mu`` for which ``g(t)`` equals a quantile of Student's t distribution.

    The correction is accurate for small ``c``. For unweighted rows, ``c`` is less than 1/3. For
    weighted rows, an outlier of little weight can make ``c`` so large that the interval would not
    contain the mean. If ``c`` is outside of -1/3 to 1/3, the nearer of these bounds is used, and
    each end is at least as far from the mean as without the correction.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Finite numbers.
    weight : ndarray of shape (n,), optional
        Weights ``w``, at least 0. With weights, ``n`` is the effective number of rows, ``(sum w)**2
        / sum w**2``. By default all rows have the same weight.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    (float, float) or None
        Lower and upper end. None if there are fewer than two rows, or if all values are equal.

    References
    ----------
    .. [1] Hall, P. (1992). On the removal of skewness by transformation. Journal of the Royal
       Statistical Society B 54, 221-228.

    Examples
    --------
    >>> low, high = mean_interval(np.array([1.0, 2.0, 3.0, 4.0]))
    >>> round(low, 3), round(high, 3)
    (0.446, 4.554)
    """
    shares = np.full(len(values), 1 / len(values)) if weight is None else weight / weight.sum()
    n = 1 / float(np.dot(shares, shares))
    mean = float(np.dot(shares, values))
    centred = values - mean
    variance = float(np.dot(shares, centred**2))
    deviation = math.sqrt(variance)
    if n < 2 or not deviation > 1e-12 * abs(mean):
        return None
    skewness = float(np.dot(shares, (centred / deviation) ** 3))
    return hall_interval(n, mean, deviation, skewness, confidence)


def hall_interval(
    n: float, mean: float, deviation: float, skewness: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Return Hall's interval of a mean, computed from the moments of the sample.

    `mean_interval` computes the same interval from the values, and describes it.

    Parameters
    ----------
    n : float
        Number of rows, at least 2; with weights the effective number of rows.
    mean, deviation, skewness : float
        Mean, standard deviation (with the divisor n, greater than 0) and skewness of the values.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    (float, float)
        Lower and upper end.

    References
    ----------
    .. [1] Hall, P. (1992). On the removal of skewness by transformation. Journal of the Royal
       Statistical Society B 54, 221-228.

    Examples
    --------
    >>> low, high = hall_interval(4, 2.5, 1.25**0.5, 0.0)
    >>> round(low, 3), round(high, 3)
    (0.446, 4.554)
    """
    error = deviation / math.sqrt(n - 1)
    t = float(special.stdtrit(n - 1, (1 + confidence) / 2))
    c = skewness / (3 * math.sqrt(n))
    least = t if abs(c) > _MOST_SKEWED else 0.0
    c = min(max(c, -_MOST_SKEWED), _MOST_SKEWED)
    down, up = max(_untransformed(t, c), least), max(-_untransformed(-t, c), least)
    return float(mean - error * down), float(mean + error * up)


def _untransformed(x: float, c: float) -> float:
    """Return the ``t`` for which Hall's ``g(t)``, defined in `mean_interval`, equals `x`."""
    if abs(c) < 1e-9:
        return x
    # g(t) = ((1 + c t)**3 - 1) / (3 c) + c / 2
    return float((np.cbrt(1 + 3 * c * (x - c / 2)) - 1) / c)


def median_interval(
    values: Floats, weight: Floats | None = None, confidence: float = 0.95
) -> tuple[float, float] | None:
    """Return a confidence interval of the median; both ends are values of the sample.

    The ranks of these two values are quantiles of the binomial distribution. With weights ``w``,
    its number of trials is the effective number of rows, ``(sum w)**2 / sum w**2``, and the ends
    are weighted quantiles.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Numbers without NaN.
    weight : ndarray of shape (n,), optional
        Weights that are not negative.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    (float, float) or None
        Lower and upper end. None if there are too few rows: at a level of 0.95, fewer than 6.

    References
    ----------
    .. [1] Conover, W. J. (1999). Practical nonparametric statistics, 3rd edition, section 3.2.
       Wiley.

    Examples
    --------
    >>> median_interval(np.arange(1.0, 101.0))
    (40.0, 61.0)
    """
    weight = np.ones(len(values)) if weight is None else weight
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weight[order])
    n = int(sums[-1] ** 2 / float(np.dot(weight, weight)) * (1 + 1e-9))
    low, high = order_ranks(n, 0.5, confidence)
    if low < 1:
        return None
    at = np.searchsorted(sums / sums[-1], [(low - 0.5) / n, (high - 0.5) / n])
    first, last = values[order[np.minimum(at, len(values) - 1)]].tolist()
    return first, last


def weighted_median(values: Floats, weight: Floats | None = None) -> float:
    """Return the weighted median: half of the total weight lies below it, and half above it.

    If a range of values satisfies this, the mean of the range's two ends is returned. `values` and
    `weight` have shape (n,). Without `weight` the result is the ordinary median.

    Examples
    --------
    >>> weighted_median(np.array([1.0, 2.0, 9.0]), np.array([1.0, 1.0, 2.0]))
    5.5
    """
    if weight is None:
        return float(np.median(values))
    order = np.argsort(values, kind="stable")
    order = order[weight[order] > 0]
    sums = np.cumsum(weight[order])
    half = sums[-1] / 2
    slack = 1e-12 * sums[-1]
    first = int(np.searchsorted(sums, half - slack))
    tied = abs(sums[first] - half) <= slack and first + 1 < len(order)
    return float((values[order[first]] + values[order[first + tied]]) / 2)
