"""Several groups at once: intervals of all their differences and ratios that hold together.

The range of k equal groups grows with k, so that each pair is judged on the scale of the
studentized range (Tukey's), not on that of two groups.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "group_level",
    "koopman_interval",
    "pair_level",
    "pair_pvalues",
    "range_quantile",
    "range_sf",
    "square_and_add",
]

Floats = npt.NDArray[np.float64]

#: Step and reach of the trapezoid rule. The integrands are entire and fall like a normal density:
#: the error is below 1e-14 of the value (measured against twice and half the step).
_STEP = 0.125
_REACH = 12.0
#: Halvings of an interval of 160 on the log scale: to 1e-15.
_HALVINGS = 58
_WIDEST = 80.0


def range_sf(q: npt.ArrayLike, k: int) -> Floats:
    """Chance that k independent standard normals spread over more than q.

    The studentized range for infinitely many degrees of freedom: ``k`` times the integral of
    ``phi(z) (Phi(z)**(k - 1) - (Phi(z) - Phi(z - q))**(k - 1))``, in which no digits cancel, so
    that small chances are as precise as large ones.

    Parameters
    ----------
    q : array_like of float
        Ranges; NaN gives NaN.
    k : int
        Number of normals, at least 2.

    Returns
    -------
    numpy.ndarray of float64
        A scalar for a scalar; 1 for q up to 0.

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
    found = np.array([_upper_tail(float(each), k) for each in flat])
    return found.reshape(at.shape)[()]


def _upper_tail(q: float, k: int) -> float:
    if math.isnan(q) or q == 0:
        return math.nan if math.isnan(q) else 1.0
    if q > 76:  # less than the smallest double
        return 0.0
    z = np.arange(-_REACH, _REACH + q, _STEP)
    below = special.log_ndtr(z)
    with np.errstate(divide="ignore"):  # a range so small that rounding leaves nothing within
        within = np.log1p(-np.minimum(np.exp(special.log_ndtr(z - q) - below), 1.0))
    height = np.exp((k - 1) * below - z * z / 2) * -np.expm1((k - 1) * within)
    return min(1.0, float(height.sum()) * k * _STEP / math.sqrt(2 * math.pi))


def _density(q: float, k: int) -> float:
    z = np.arange(-_REACH, _REACH + q, _STEP)
    below = special.log_ndtr(z)
    with np.errstate(divide="ignore"):
        between = below + np.log1p(-np.minimum(np.exp(special.log_ndtr(z - q) - below), 1.0))
    height = np.exp((k - 2) * between - z * z / 2 - (z - q) ** 2 / 2)
    return float(height.sum()) * k * (k - 1) * _STEP / (2 * math.pi)


@lru_cache(maxsize=256)
def range_quantile(significance: float, k: int) -> float:
    """Range that k independent standard normals exceed with this chance.

    Newton's method on the logarithm of `range_sf`, which is concave: from Bonferroni's bound it
    comes down to the quantile without ever passing it.

    Parameters
    ----------
    significance : float
        Above 0, below 1.
    k : int
        Number of normals, at least 2.

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
        step = tail * math.log(tail / significance) / _density(q, k)
        q += step
        if abs(step) <= 1e-14 * q:
            break
    return q


def pair_level(confidence: float, k: int) -> float:
    """Confidence of each pair's interval at which those of all pairs of k groups hold together.

    Tukey's: the quantile of the studentized range over the square root of 2 takes the place of the
    normal quantile. For two groups it is `confidence` itself.

    Examples
    --------
    >>> round(pair_level(0.95, 2), 6), round(pair_level(0.95, 5), 4)
    (0.95, 0.9936)
    """
    if k <= 2:
        return confidence
    return 1 - 2 * float(special.ndtr(-range_quantile(1 - confidence, k) / math.sqrt(2)))


def group_level(confidence: float, k: int) -> float:
    """Confidence of each group's interval at which those of k independent groups hold together.

    Sidak's: ``confidence ** (1 / k)``.

    Examples
    --------
    >>> round(group_level(0.95, 5), 4)
    0.9898
    """
    return float(confidence ** (1 / max(k, 1)))


def pair_pvalues(p_values: npt.ArrayLike, k: int) -> Floats:
    """Two-sided p-values of pairs of k groups, adjusted for all pairs on Tukey's scale.

    Each is taken to the normal quantile that it stands for, and that to the chance that the
    studentized range of k equal groups is at least as far. Two groups need no adjustment.

    Parameters
    ----------
    p_values : array_like of float
        Of single pairs; NaN stays NaN.
    k : int
        Number of groups, of which all pairs could be looked at.

    Examples
    --------
    >>> pair_pvalues([0.04, 0.001], 2).tolist()
    [0.04, 0.001]
    >>> pair_pvalues([0.04, 0.001], 5).round(4).tolist()
    [0.2405, 0.0089]
    """
    p = np.asarray(p_values, np.float64)
    if k <= 2:
        return p
    # never below the p-value of the pair itself, which a rounded quadrature could be
    return np.maximum(range_sf(-math.sqrt(2) * special.ndtri(p / 2), k), p)


def square_and_add(
    value: npt.ArrayLike,
    interval: tuple[npt.ArrayLike, npt.ArrayLike],
    other: npt.ArrayLike,
    other_interval: tuple[npt.ArrayLike, npt.ArrayLike],
) -> tuple[Floats, Floats]:
    """Interval of a difference of two independent values, from the intervals of both.

    ``d - sqrt((v1 - l1)**2 + (u2 - v2)**2)`` to ``d + sqrt((u1 - v1)**2 + (v2 - l2)**2)``: with
    Wilson's intervals of two proportions this is Newcombe's, and with symmetric ones the usual sum
    of variances.

    Parameters
    ----------
    value, other : array_like of float
        The value, and the one that is subtracted.
    interval, other_interval : (array_like, array_like)
        Their intervals, at the confidence of the result.

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
    return difference - np.hypot(v1 - l1, u2 - v2), difference + np.hypot(u1 - v1, v2 - l2)


def koopman_interval(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    other_successes: npt.ArrayLike,
    other_trials: npt.ArrayLike,
    confidence: float = 0.95,
) -> tuple[Floats, Floats]:
    """Koopman's score interval of the ratio of two independent proportions.

    All ratios r that the score test of ``p1 = r p2`` does not reject, with the shares that are
    likeliest under it.

    Parameters
    ----------
    successes, trials : array_like of float
        Counts of the first proportion, the numerator.
    other_successes, other_trials : array_like of float
        Counts of the one that is divided by.
    confidence : float, default 0.95
        Of the two-sided interval.

    Returns
    -------
    low, high : numpy.ndarray of float64
        Scalars for scalars. Without successes in the first, low is 0; without any in the second,
        high is infinite; without any in both, or without trials, both are NaN.

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
    counts = np.broadcast_arrays(successes, trials, other_successes, other_trials)
    both = _Pair(*(np.asarray(each, np.float64) for each in counts))
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (both.x1 / both.n1) / (both.x2 / both.n2)
        middle = np.clip(np.log(ratio), -_WIDEST, _WIDEST)
        low = np.exp(_crossing(both, z2, np.full_like(middle, -_WIDEST), middle))
        high = np.exp(_crossing(both, z2, np.full_like(middle, _WIDEST), middle))
    nothing = (both.n1 <= 0) | (both.n2 <= 0) | ((both.x1 <= 0) & (both.x2 <= 0))
    low = np.where(nothing, np.nan, np.where(both.x1 <= 0, 0.0, low))
    high = np.where(nothing, np.nan, np.where(both.x2 <= 0, np.inf, high))
    return low[()], high[()]


class _Pair(NamedTuple):
    x1: Floats
    n1: Floats
    x2: Floats
    n2: Floats


def _crossing(both: _Pair, z2: float, outside: Floats, inside: Floats) -> Floats:
    """Where the score statistic crosses z2 between two logarithms of ratios, by halving."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        beyond = _score(both, np.exp(middle)) > z2
        outside, inside = np.where(beyond, middle, outside), np.where(beyond, inside, middle)
    return np.asarray((outside + inside) / 2)


def _score(both: _Pair, ratio: Floats) -> Floats:
    """Koopman's chi-square of ``p1 = ratio * p2``."""
    x1, n1, x2, n2 = both
    a = (n1 + n2) * ratio
    b = (n1 + x2) * ratio + x1 + n2
    c = x1 + x2
    # the smaller root, in the form in which no digits cancel
    p2 = 2 * c / (b + np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)))
    p1, p2 = np.minimum(ratio * p2, 1.0), np.minimum(p2, 1.0)
    far1 = (x1 - n1 * p1) ** 2 / (n1 * p1 * (1 - p1))
    far2 = (x2 - n2 * p2) ** 2 / (n2 * p2 * (1 - p2))
    # where a share is exactly met at 0 or 1, nothing is far from it
    return np.where(np.isnan(far1), 0.0, far1) + np.where(np.isnan(far2), 0.0, far2)
