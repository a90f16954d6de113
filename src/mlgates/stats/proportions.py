"""Intervals and tests of proportions: one sample, two samples (also paired), several groups.

The results of two models on the same rows are a paired sample. Discordant rows are those that
exactly one model gets right. `gained` is the number of rows that only the first model gets right,
and `lost` the number of rows that only the second model gets right. For rows with weights ``w``,
such a number is the share of the total weight that these rows have, times the effective number of
rows ``(sum w)**2 / sum w**2``. So it can be a fraction.

Among k groups whose true values are equal, the largest observed difference grows with k. Pairs of
groups are therefore compared with quantiles of Tukey's studentized range, not with quantiles of the
normal distribution.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Floats

__all__ = [
    "combined",
    "group_level",
    "koopman_interval",
    "mcnemar",
    "pair_level",
    "pair_pvalues",
    "range_quantile",
    "rows_to_decide",
    "square_and_add",
    "tango_interval",
    "wilson_interval",
]


#: Number of bisection steps. It is enough to shrink an interval of length 160 to less than 1e-15.
_HALVINGS = 60
#: Logarithms of ratios are searched between ``-_WIDEST`` and ``_WIDEST``.
_WIDEST = 80.0
#: Step of the trapezoid rule, and the largest absolute value at which the integrand is computed.
#: The integrands are smooth and fall like a normal density. The relative error is below 1e-14,
#: measured with twice and with half the step.
_STEP = 0.125
_REACH = 12.0


def wilson_interval(
    successes: npt.ArrayLike, trials: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return Wilson's score interval of a proportion.

    The interval contains all proportions that a score test does not reject. Its centre is ``(p +
    z**2 / 2n) / (1 + z**2 / n)``, and its half-width is ``z / (1 + z**2 / n) * sqrt(p (1 - p) / n +
    z**2 / 4 n**2)``. Here ``n`` is the number of trials, ``p`` the share of successes, and ``z``
    the two-sided normal quantile of `confidence`.

    Parameters
    ----------
    successes, trials : float or array_like
        Numbers of successes and of trials, which may be fractions. The two arrays are broadcast.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    low, high : float or ndarray
        The two ends, from 0 to 1, in the broadcast shape. NaN if there are no trials.

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> low, high = wilson_interval([81, 0], [263, 20])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([0.2553, 0.0], [0.3662, 0.1611])
    """
    x, n = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    n = np.where(n > 0, n, np.nan)
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    centre = x + z2 / 2
    half = np.sqrt(z2 * (x * ((n - x) / n) + z2 / 4))
    # Set ends to exactly 0 and 1 where rounding would give slightly different numbers.
    low = np.where(x == 0, 0.0, (centre - half) / (n + z2))
    high = np.where(x == n, 1.0, (centre + half) / (n + z2))
    empty = np.isnan(n)
    return np.where(empty, np.nan, low)[()], np.where(empty, np.nan, high)[()]


def boundary(is_beyond: Callable[[Any], Any], outside: Any, inside: Any) -> Any:
    """Return the point between `outside` and `inside` where a condition changes, by bisection.

    `is_beyond` is a function that is true at `outside` and false at `inside`. Both points are
    floats, or arrays of the same shape.

    Examples
    --------
    >>> round(boundary(lambda x: x * x > 2, 2.0, 1.0), 4)
    1.4142
    """
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        beyond = is_beyond(middle)
        if isinstance(beyond, bool):
            outside, inside = (middle, inside) if beyond else (outside, middle)
        else:
            outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
    return (outside + inside) / 2


def square_and_add(
    value: npt.ArrayLike,
    interval: tuple[npt.ArrayLike, npt.ArrayLike],
    other: npt.ArrayLike,
    other_interval: tuple[npt.ArrayLike, npt.ArrayLike],
    correlation: npt.ArrayLike = 0.0,
) -> tuple[Floats, Floats]:
    """Return the interval of ``value - other`` from the intervals of two estimates.

    Let ``v1`` and ``v2`` be the estimates, ``d = v1 - v2`` their difference, and ``(l1, u1)`` and
    ``(l2, u2)`` their intervals. If the estimates are independent, the interval of ``d`` is from
    ``d - sqrt((v1 - l1)**2 + (u2 - v2)**2)`` to ``d + sqrt((u1 - v1)**2 + (v2 - l2)**2)``. With
    Wilson's intervals of two proportions this is Newcombe's interval. With symmetric intervals,
    variances are added. If the estimates have the `correlation` ``r``, the sum ``a**2 + b**2``
    under each root becomes ``a**2 + b**2 - 2 r a b``. All arguments are broadcast. The result has
    the confidence level of the two intervals.

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> low, high = square_and_add(5.0, (4.0, 7.0), 2.0, (1.0, 2.0))
    >>> float(low), round(float(high), 3)
    (2.0, 5.236)
    """
    v1, l1, u1 = (np.asarray(each, np.float64) for each in (value, *interval))
    v2, l2, u2 = (np.asarray(each, np.float64) for each in (other, *other_interval))
    difference = v1 - v2
    down, up = combined(v1 - l1, u2 - v2, correlation), combined(u1 - v1, v2 - l2, correlation)
    return difference - down, difference + up


def combined(one: npt.ArrayLike, other: npt.ArrayLike, correlation: npt.ArrayLike = 0.0) -> Floats:
    """Return the standard error of the difference of two estimates from the standard error of each.

    `correlation` is the correlation of the two estimates. All arguments are broadcast.

    Examples
    --------
    >>> float(combined(3.0, 4.0)), float(combined(3.0, 4.0, 1.0))
    (5.0, 1.0)
    """
    first, second, r = (np.asarray(each, np.float64) for each in (one, other, correlation))
    if not r.any():
        return np.asarray(np.hypot(first, second))
    return np.asarray(np.sqrt(np.maximum(first**2 + second**2 - 2 * r * first * second, 0.0)))


def koopman_interval(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    other_successes: npt.ArrayLike,
    other_trials: npt.ArrayLike,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Return Koopman's score interval of the ratio of two independent proportions.

    The interval contains all ratios ``r`` for which a score test does not reject ``p1 = r p2``,
    where ``p1`` and ``p2`` are the two proportions.

    Parameters
    ----------
    successes, trials : float or array_like
        Numbers of successes and trials of the first proportion, the numerator.
    other_successes, other_trials : float or array_like
        The same numbers of the second proportion, the denominator. All four arrays are broadcast.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    low, high : float or ndarray
        The two ends, in the broadcast shape. `low` is 0 if the numerator has no successes, and
        `high` is infinite if the denominator has none. Both are NaN if neither has successes, or if
        one of them has no trials.

    References
    ----------
    .. [1] Koopman, P. A. R. (1984). Confidence intervals for the ratio of two binomial
       proportions. Biometrics 40, 513-517.

    Examples
    --------
    >>> low, high = koopman_interval([56, 0], [70, 20], [48, 5], [80, 20])
    >>> low.round(4).tolist(), high.round(4).tolist()
    ([1.0798, 0.0], [1.6708, 0.6883])
    """
    given = np.broadcast_arrays(successes, trials, other_successes, other_trials)
    x1, n1, x2, n2 = (np.asarray(each, np.float64) for each in given)
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    ends = []
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = np.clip(np.log((x1 / n1) / (x2 / n2)), -_WIDEST, _WIDEST)
        for widest in (-_WIDEST, _WIDEST):
            end = boundary(
                lambda log: _koopman_chi2(x1, n1, x2, n2, np.exp(log)) > z2,
                np.full_like(centre, widest),
                centre,
            )
            ends.append(np.exp(end))
    undefined = (n1 <= 0) | (n2 <= 0) | ((x1 <= 0) & (x2 <= 0))
    low = np.where(undefined, np.nan, np.where(x1 <= 0, 0.0, ends[0]))
    high = np.where(undefined, np.nan, np.where(x2 <= 0, np.inf, ends[1]))
    return low[()], high[()]


def _koopman_chi2(x1: Floats, n1: Floats, x2: Floats, n2: Floats, ratio: Floats) -> Floats:
    """Return Koopman's chi-square statistic of the hypothesis ``p1 = ratio * p2``."""
    a = (n1 + n2) * ratio
    b = (n1 + x2) * ratio + x1 + n2
    c = x1 + x2
    # The smaller root of the quadratic equation, in a form without cancellation.
    p2 = 2 * c / (b + np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)))
    p1, p2 = np.minimum(ratio * p2, 1.0), np.minimum(p2, 1.0)
    first = (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1))
    second = (x2 - n2 * p2) ** 2 / (n2 * p2 * (1 - p2))
    # A term is 0 / 0 if a proportion is 0 or 1 both in the hypothesis and in the sample. It counts
    # as 0.
    return np.where(np.isnan(first), 0.0, first) + np.where(np.isnan(second), 0.0, second)


def tango_interval(
    gained: npt.ArrayLike, lost: npt.ArrayLike, rows: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Return Tango's score interval of the difference between the accuracies of two models.

    Both models were applied to the same rows. A row is `gained` if only the first model gets it
    right, and `lost` if only the second model gets it right.

    The interval contains all differences ``d`` that a score test does not reject. If ``b`` of ``n``
    rows are gained and ``c`` are lost, the two ends solve ``(b - c - n d) / sqrt(n (2 q + d (1 -
    d))) = +-z``. Here ``z`` is the two-sided normal quantile of `confidence`, and ``q`` is the
    maximum likelihood estimate of the share of lost rows if the difference is ``d``. It is
    ``(sqrt(B**2 - 4 A C) - B) / (2 A)`` with ``A = 2 n``, ``B = -b - c + (2 n - b + c) d`` and ``C
    = -c d (1 - d)``.

    Parameters
    ----------
    gained, lost, rows : float or array_like
        Number of gained rows, of lost rows, and of all rows. The three arrays are broadcast.
    confidence : float
        Level of the two-sided interval, by default 0.95.

    Returns
    -------
    low, high : float or ndarray
        The two ends, from -1 to 1, in the broadcast shape. NaN if there are no rows.

    References
    ----------
    .. [1] Tango, T. (1998). Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design. Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> low, high = tango_interval(12, 2, 50)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0611, 0.3447)
    """
    b, c, n = np.broadcast_arrays(gained, lost, np.asarray(rows, np.float64))
    n = np.where(n > 0, n, np.nan)
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    high = _tango_upper(b, c, n, z2)
    return -_tango_upper(c, b, n, z2)[()], high[()]


def _tango_upper(b: Any, c: Any, n: Any, z2: float) -> Floats:
    """Return the upper end of Tango's interval, the largest difference that is not rejected.

    `b` of `n` rows are gained and `c` are lost. `z2` is the square of the normal quantile.
    """
    if b.ndim == 0:
        # Plain floats are a hundred times as fast as arrays of one element.
        b, c, n = float(b), float(c), float(n)

    def is_rejected(difference: Any) -> Any:
        spread = difference * (1 - difference)
        linear = (2 * n - b + c) * difference - b - c
        twice_q = (linear * linear + 8 * n * c * spread) ** 0.5 - linear
        twice_q = (twice_q + abs(twice_q)) / (4 * n)
        return (b - c - n * difference) ** 2 > z2 * n * (twice_q + spread)

    # The largest possible difference is 1: all rows are gained.
    end = boundary(is_rejected, 1.0, (b - c) / n)
    return np.where(np.isnan(n), np.nan, np.where(b == n, 1.0, end))


def mcnemar(gained: float, lost: float) -> tuple[float, float]:
    """Return the exact p-value and the mid-p-value of McNemar's test for two models.

    `gained` is the number of rows that only the first model gets right, and `lost` the number of
    rows that only the second model gets right.

    The null hypothesis is that a row is as likely to be gained as to be lost. Let ``b`` be `gained`
    and ``c`` be `lost`. The exact p-value is twice the probability of at most ``min(b, c)`` heads
    in ``b + c`` tosses of a fair coin, but not more than 1. The mid-p-value counts the probability
    of exactly ``min(b, c)`` heads once instead of twice. Both p-values are 1 if ``b`` and ``c`` are
    0.

    References
    ----------
    .. [1] Fagerland, M. W., Lydersen, S. and Laake, P. (2013). The McNemar test for binary
       matched-pairs data: mid-p and asymptotic are better than exact conditional. BMC Medical
       Research Methodology 13, 91.

    Examples
    --------
    >>> [round(p_value, 7) for p_value in mcnemar(11, 1)]
    [0.0063477, 0.003418]
    """
    tosses, fewer = gained + lost, min(gained, lost)
    if tosses <= 0:
        return 1.0, 1.0
    exact = 2 * float(special.betainc(tosses - fewer, fewer + 1, 0.5))
    log_combinations = -math.log1p(tosses) - special.betaln(fewer + 1, tosses - fewer + 1)
    point = math.exp(float(log_combinations) - tosses * math.log(2))
    return min(1.0, exact), min(1.0, exact - point)


def rows_to_decide(
    rows: float, error: float, distance: float, confidence: float = 0.95, power: float = 0.8
) -> float:
    """Return the number of rows that are needed until the interval of a value excludes a limit.

    The result is ``n ((z_a + z_b) se / distance)**2``. Here ``n`` is the number of observed rows,
    ``se`` the standard error, and ``z_a`` and ``z_b`` are the normal quantiles of the confidence
    (two-sided) and of the power.

    Parameters
    ----------
    rows : float
        Number of observed rows.
    error : float
        Standard error of the value, estimated from these rows.
    distance : float
        Difference between the value and the limit. Its sign does not matter.
    confidence : float
        Level of the two-sided interval, by default 0.95.
    power : float
        Probability that the interval excludes the limit, if the true value and standard error are
        the observed ones.

    Returns
    -------
    float
        Number of rows. Infinite if `distance` is 0.

    References
    ----------
    .. [1] Chow, S.-C., Shao, J. and Wang, H. (2008). Sample size calculations in clinical research,
       2nd edition, section 3.1. Chapman and Hall.

    Examples
    --------
    >>> round(rows_to_decide(1_000, 0.0063, 0.01))
    3115
    """
    if distance == 0:
        return math.inf
    z = float(special.ndtri(1 - (1 - confidence) / 2)) + float(special.ndtri(power))
    return rows * (z * error / distance) ** 2


def range_sf(q: npt.ArrayLike, k: int) -> Floats:
    """Return the probability that the range of k independent standard normal values exceeds q.

    The range is the largest minus the smallest value. This is the studentized range for infinitely
    many degrees of freedom. The probability is ``k`` times the integral over ``z`` of ``phi(z)
    (Phi(z)**(k - 1) - (Phi(z) - Phi(z - q))**(k - 1))``, where ``phi`` is the normal density and
    ``Phi`` the normal distribution function. It is computed without cancellation, so that small
    probabilities have the same relative precision as large ones. The result has the shape of `q`.
    It is 1 where `q` is 0 or less, and NaN where `q` is NaN. `k` must be at least 2.

    References
    ----------
    .. [1] Tukey, J. W. (1953). The problem of multiple comparisons. Princeton University.

    Examples
    --------
    >>> round(float(range_sf(3.8577, 5)), 5)
    0.05
    """
    at = np.maximum(np.asarray(q, np.float64), 0.0)
    flat = at.ravel()
    if k == 2:
        return np.asarray(2 * special.ndtr(-flat / math.sqrt(2))).reshape(at.shape)[()]
    tails = np.where(np.isnan(flat), np.nan, np.where(flat == 0, 1.0, 0.0))
    for i in np.flatnonzero((flat > 0) & (flat <= 76)):  # beyond 76 the result is 0
        z, below, within = _range_parts(float(flat[i]))
        height = np.exp((k - 1) * below - z * z / 2) * -np.expm1((k - 1) * within)
        tails[i] = min(1.0, float(height.sum()) * k * _STEP / math.sqrt(2 * math.pi))
    return tails.reshape(at.shape)[()]


def _range_parts(q: float) -> tuple[Floats, Floats, Floats]:
    """Return three arrays from which `range_sf` computes the integral for one range `q`.

    The first has the points ``z`` at which the integrand is computed. The others have ``log
    Phi(z)`` and ``log(1 - Phi(z - q) / Phi(z))`` at these points, where ``Phi`` is the normal
    distribution function.
    """
    z = np.arange(-_REACH, _REACH + q, _STEP)
    below = special.log_ndtr(z)
    with np.errstate(divide="ignore"):  # log(0) if `q` is too small to change z
        return z, below, np.log1p(-np.minimum(np.exp(special.log_ndtr(z - q) - below), 1.0))


@lru_cache(maxsize=256)
def range_quantile(significance: float, k: int) -> float:
    """Return the value that the range of k normal values exceeds with a given probability.

    `significance` is this probability. The normal values are independent and standard, and their
    range is the largest minus the smallest of them. The function is the inverse of `range_sf`; `k`
    must be at least 2. The result is computed by Newton's method on the logarithm of `range_sf`.
    The iteration starts at Bonferroni's bound, which is too large. Because the logarithm is
    concave, each step comes closer to the result, and none goes below it.

    References
    ----------
    .. [1] Tukey, J. W. (1953). The problem of multiple comparisons. Princeton University.

    Examples
    --------
    >>> [round(range_quantile(0.05, k), 4) for k in (2, 3, 5, 10)]
    [2.7718, 3.3145, 3.8577, 4.4741]
    """
    q = -math.sqrt(2) * float(special.ndtri(significance / (k * (k - 1))))
    if k == 2:
        return q
    for _ in range(60):
        tail = float(range_sf(q, k))
        z, below, within = _range_parts(q)
        height = np.exp((k - 2) * (below + within) - z * z / 2 - (z - q) ** 2 / 2)
        density = float(height.sum()) * k * (k - 1) * _STEP / (2 * math.pi)
        step = tail * math.log(tail / significance) / density
        q += step
        if abs(step) <= 1e-14 * q:
            break
    return q


def pair_level(confidence: float, k: int) -> float:
    """Return the confidence level for the interval of each pair of k groups.

    With this level, the intervals of all pairs together have the level `confidence`. Tukey's method
    is used: the quantile of the studentized range, divided by the square root of 2, replaces the
    normal quantile. For two groups the result is `confidence`.

    References
    ----------
    .. [1] Tukey, J. W. (1953). The problem of multiple comparisons. Princeton University.

    Examples
    --------
    >>> round(pair_level(0.95, 2), 6), round(pair_level(0.95, 5), 4)
    (0.95, 0.9936)
    """
    if k <= 2:
        return confidence
    return 1 - 2 * float(special.ndtr(-range_quantile(1 - confidence, k) / math.sqrt(2)))


def group_level(confidence: float, k: int) -> float:
    """Return the confidence level for the interval of each of k independent groups.

    With this level, the intervals of all groups together have the level `confidence`. Sidak's
    method is used: ``confidence ** (1 / k)``.

    References
    ----------
    .. [1] Sidak, Z. (1967). Rectangular confidence regions for the means of multivariate normal
       distributions. Journal of the American Statistical Association 62, 626-633.

    Examples
    --------
    >>> round(group_level(0.95, 5), 4)
    0.9898
    """
    return float(confidence ** (1 / max(k, 1)))


def pair_pvalues(p_values: npt.ArrayLike, k: int) -> Floats:
    """Adjust the two-sided p-values of pairs of k groups for the number of pairs.

    Tukey's method is used. Each p-value is converted to the difference between two groups that has
    this p-value. The adjusted p-value is the probability that the largest difference among k groups
    is at least as large if all groups are equal. If `k` is 2, the p-values are returned unchanged.
    NaN stays NaN.

    References
    ----------
    .. [1] Tukey, J. W. (1953). The problem of multiple comparisons. Princeton University.

    Examples
    --------
    >>> pair_pvalues([0.04, 0.001], 5).round(4).tolist()
    [0.2405, 0.0089]
    """
    p = np.asarray(p_values, np.float64)
    if k <= 2:
        return p
    # The exact result is at least `p`, but rounding could make it smaller.
    return np.maximum(range_sf(-math.sqrt(2) * special.ndtri(p / 2), k), p)
