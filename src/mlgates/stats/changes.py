"""Intervals of a standard deviation, and of changes between two independent samples."""

import math
from collections.abc import Sequence

from scipy import special

from mlgates.stats.means import hall_interval

__all__ = ["deviation_interval", "ratio_interval", "welch_intervals"]

Interval = tuple[float, float]


def deviation_interval(
    powers: Sequence[float], n: int, confidence: float = 0.95
) -> Interval | None:
    """Return the interval of a standard deviation, for values of any distribution.

    The variance of a sample is the mean of the squared deviations. So Hall's interval of a mean is
    computed for the variance, and the square roots of both ends are returned. Hall's interval needs
    the variance and the skewness of the squared deviations. The former is computed as in Bonett's
    interval, ``s**4 (kurtosis - (n - 3) / (n - 1))``, where ``s`` is the standard deviation of the
    values. The skewness is computed from the sixth moment. Bonett's interval ignores the skewness.
    For 30 exponential values, it contains the true value in 81 % of samples, and the interval of
    this function in 91 %.

    Parameters
    ----------
    powers : sequence of five floats
        Sums of the second to sixth powers of the deviations from the mean.
    n : int
        Number of values.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    (float, float) or None
        Lower and upper end. None if there are fewer than two values, or if all values are equal.

    References
    ----------
    .. [1] Hall, P. (1992). On the removal of skewness by transformation. Journal of the Royal
       Statistical Society B 54, 221-228.
    .. [2] Bonett, D. G. (2006). Approximate confidence interval for standard deviation of nonnormal
       distributions. Computational Statistics and Data Analysis 50, 775-782.

    Examples
    --------
    >>> low, high = deviation_interval((800.0, 0.0, 9_600.0, 0.0, 192_000.0), 200)
    >>> round(low, 3), round(high, 3)
    (1.822, 2.23)
    """
    m2, _, m4, _, m6 = (power / n for power in powers)
    square, cube = m2 * m2, m2 * m2 * m2
    if n < 2 or not 0 < cube < math.inf or not math.isfinite(m6):
        return None
    variance, fourth, sixth = m2 * n / (n - 1), m4 / square, m6 / cube
    apart = max(fourth - 1, 0.0)  # the variance of the squares / m2**2
    skewness = (sixth - 3 * fourth + 2) / apart**1.5 if apart > 1e-9 else 0.0
    spread = variance * math.sqrt(apart + 2 / (n - 1))
    low, high = hall_interval(n, variance, spread, skewness, confidence)
    return math.sqrt(max(low, 0.0)), math.sqrt(high)


def welch_intervals(
    samples: tuple[tuple[float, float, int], tuple[float, float, int]],
    confidence: float = 0.95,
    ratio: float = 1.0,
) -> tuple[Interval, Interval] | None:
    """Return the intervals of two means, for an interval of their difference or ratio.

    `square_and_add` computes Welch's interval of the difference of the means from these two
    intervals. For this purpose, both intervals use the degrees of freedom of the difference.
    `ratio_interval` computes Fieller's interval of the ratio of the means from them. For this
    purpose, `ratio` must be the ratio of the means, so that both intervals use the degrees of
    freedom of ``mean1 - ratio * mean2``.

    Parameters
    ----------
    samples : pair of (float, float, int)
        Mean, variance (with the divisor n - 1) and number of values of both samples.
    confidence : float
        Level of the two-sided interval, by default 0.95.
    ratio : float
        Factor of the second mean. 1, the default, is for a difference.

    Returns
    -------
    pair of (float, float), or None
        Lower and upper end of each interval. None if a sample has fewer than two values, or if both
        samples are constant.

    References
    ----------
    .. [1] Welch, B. L. (1947). The generalization of Student's problem when several different
       population variances are involved. Biometrika 34, 28-35.

    Examples
    --------
    >>> (low, high), _ = welch_intervals(((5.0, 4.0, 10), (4.0, 9.0, 20)))
    >>> round(low, 3), round(high, 3)
    (3.698, 6.302)
    """
    (mean, variance, n), (other, other_variance, m) = samples
    if n < 2 or m < 2:
        return None
    v, w = variance / n, other_variance / m
    total = v + ratio * ratio * w
    if not 0 < total < math.inf:
        return None
    # Shares of the variance are used, because their squares can't overflow.
    p, q = v / total, ratio * ratio * w / total
    freedom = 1 / (p * p / (n - 1) + q * q / (m - 1))
    t = float(special.stdtrit(freedom, (1 + confidence) / 2))
    half, other_half = t * math.sqrt(v), t * math.sqrt(w)
    return (mean - half, mean + half), (other - other_half, other + other_half)


def ratio_interval(
    value: float, interval: Interval, other: float, other_interval: Interval
) -> Interval | None:
    """Return the interval of ``value / other`` from the intervals of two independent estimates.

    The interval contains each ratio ``r`` for which the interval of ``value - r * other``, computed
    by `square_and_add`, contains 0. With symmetric intervals this is Fieller's interval.

    Parameters
    ----------
    value, other : float
        The estimates.
    interval, other_interval : (float, float)
        The interval of each estimate, with the same confidence level. The result has this level.

    Returns
    -------
    (float, float) or None
        Lower and upper end. None if `other_interval` contains 0, because the ratio then has no
        bound, or if an end of an interval is infinite.

    References
    ----------
    .. [1] Donner, A. and Zou, G. Y. (2012). Closed-form confidence intervals for functions of the
       normal mean and standard deviation. Statistical Methods in Medical Research 21, 347-359.
    .. [2] Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal
       Statistical Society B 16, 175-185.

    Examples
    --------
    >>> low, high = ratio_interval(6.0, (5.0, 7.0), 4.0, (3.0, 5.0))
    >>> round(low, 3), round(high, 3)
    (1.124, 2.076)
    >>> ratio_interval(6.0, (5.0, 7.0), 1.0, (-1.0, 3.0)) is None
    True
    """
    (low, high), (below, above) = interval, other_interval
    if below <= 0 <= above or not all(map(math.isfinite, (low, high, below, above))):
        return None
    if above < 0:
        value, low, high = -value, -high, -low
        other, below, above = -other, -above, -below
    return _bound(value, low, other, (below, above), -1), _bound(
        value, high, other, (above, below), 1
    )


def _bound(value: float, end: float, other: float, ends: Interval, side: int) -> float:
    """Return one end of the interval of `ratio_interval`.

    If `side` is -1, the result is the lower end. `end` is then the lower end of the interval of
    `value`, and `ends` are the lower and the upper end of the interval of `other`. If `side` is 1,
    the result is the upper end, `end` is the upper end, and `ends` are in reverse order.

    The result ``r`` solves ``(value - r other)**2 = (value - end)**2 + r**2 (other - x)**2``. Here
    ``x`` is the first of `ends` if `end` is below 0, and otherwise the second.
    """
    x = ends[end >= 0]
    a, b, c = x * (2 * other - x), value * other, end * (2 * value - end)
    root = math.sqrt(max(b * b - a * c, 0.0))
    if b * side > 0:  # no cancellation in this form; a > 0 here
        return (b + side * root) / a
    divisor = b - side * root
    return c / divisor if divisor else 0.0
