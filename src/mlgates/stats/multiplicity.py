"""Many tests or intervals at once: adjusted so that the whole family has one error rate.

The range of k equal groups grows with k, so that each pair of groups is judged on the scale of the
studentized range (Tukey's), not on that of two groups.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "group_level",
    "holm",
    "holm_levels",
    "pair_level",
    "pair_pvalues",
    "range_quantile",
    "range_sf",
]

Floats = npt.NDArray[np.float64]

#: Step and reach of the trapezoid rule. The integrands are entire and fall like a normal density:
#: the error is below 1e-14 of the value (measured against twice and half the step).
_STEP = 0.125
_REACH = 12.0


def holm(pvalues: npt.ArrayLike) -> Floats:
    """Return Holm's adjusted p-values, in the order given.

    The i-th smallest of m is ``max_(j <= i) min(1, (m - j + 1) p_(j))``. Rejecting those up to
    alpha keeps the chance of any false rejection at alpha, however the tests depend on each other.
    NaN is a test that could not be made: it stays NaN and does not count.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
       Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.01, np.nan, 0.04, 0.03]).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    p = np.asarray(pvalues, np.float64)
    order = np.argsort(p, kind="stable")
    m = len(p) - int(np.count_nonzero(np.isnan(p)))
    kept = order[:m]
    adjusted = np.full_like(p, np.nan)
    adjusted[kept] = np.minimum(np.maximum.accumulate(p[kept] * np.arange(m, 0, -1)), 1.0)
    return adjusted


def holm_levels(
    beyond: Sequence[Callable[[float], bool]], confidence: float = 0.95
) -> tuple[float, ...]:
    """Return the levels of the intervals of a family of claims, one each, by Holm's steps.

    Of m claims, each is first held to ``1 - alpha / m`` with ``alpha = 1 - confidence``; when some
    are shown at a level, the others are held to ``1 - alpha / k`` for the ``k`` that are left. The
    chance that any claim is shown wrongly is then at most alpha. Each callable returns whether the
    interval at a level shows the claim; the last level used is returned, `confidence` for a claim
    that is not shown even at that.

    Examples
    --------
    >>> far, near = (lambda level: True), (lambda level: level < 0.97)
    >>> holm_levels([far, near, near]), holm_levels([far, near])
    ((0.983..., 0.975, 0.975), (0.975, 0.95))
    """
    alpha, shown = 1 - confidence, 0
    levels = [confidence] * len(beyond)
    left = [i for i, is_beyond in enumerate(beyond) if is_beyond(confidence)]
    while left:
        level = 1 - alpha / (len(beyond) - shown) if len(beyond) - shown > 1 else confidence
        found = {i for i in left if beyond[i](level)}
        for i in left:
            levels[i] = level
        if not found:
            break
        shown += len(found)
        left = [i for i in left if i not in found]
    return tuple(levels)


def range_sf(q: npt.ArrayLike, k: int) -> Floats:
    """Return the chance that k independent standard normals spread over more than q.

    The studentized range for infinitely many degrees of freedom: ``k`` times the integral of
    ``phi(z) (Phi(z)**(k - 1) - (Phi(z) - Phi(z - q))**(k - 1))``, in which no digits cancel, so
    that small chances are as precise as large ones. Of the shape of `q`, a scalar for a scalar; 1
    for q up to 0, NaN for NaN; `k` is at least 2.

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
    chances = np.where(np.isnan(flat), np.nan, np.where(flat == 0, 1.0, 0.0))
    for i in np.flatnonzero((flat > 0) & (flat <= 76)):  # beyond is less than the smallest double
        z, below, within = _range_parts(float(flat[i]))
        height = np.exp((k - 1) * below - z * z / 2) * -np.expm1((k - 1) * within)
        chances[i] = min(1.0, float(height.sum()) * k * _STEP / math.sqrt(2 * math.pi))
    return chances.reshape(at.shape)[()]


def _range_parts(q: float) -> tuple[Floats, Floats, Floats]:
    """Return points ``z``, ``log Phi(z)`` and ``log(1 - Phi(z - q) / Phi(z))`` at them."""
    z = np.arange(-_REACH, _REACH + q, _STEP)
    below = special.log_ndtr(z)
    with np.errstate(divide="ignore"):  # a range so small that rounding leaves nothing within
        return z, below, np.log1p(-np.minimum(np.exp(special.log_ndtr(z - q) - below), 1.0))


@lru_cache(maxsize=256)
def range_quantile(significance: float, k: int) -> float:
    """Return the range that k (at least 2) independent standard normals exceed with this chance.

    Newton's method on the logarithm of `range_sf`, which is concave: from Bonferroni's bound it
    comes down to the quantile without ever passing it.

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
    """Return the confidence of each interval with which those of all pairs of k groups hold.

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
    """Return the confidence of each interval with which those of k independent groups hold.

    Sidak's: ``confidence ** (1 / k)``.

    Examples
    --------
    >>> round(group_level(0.95, 5), 4)
    0.9898
    """
    return float(confidence ** (1 / max(k, 1)))


def pair_pvalues(p_values: npt.ArrayLike, k: int) -> Floats:
    """Return two-sided p-values of pairs of k groups, adjusted for all pairs on Tukey's scale.

    Each is converted to its normal quantile, and that to the chance that the studentized range of k
    equal groups is at least as far. Two groups need no adjustment; NaN stays NaN.

    Examples
    --------
    >>> pair_pvalues([0.04, 0.001], 5).round(4).tolist()
    [0.2405, 0.0089]
    """
    p = np.asarray(p_values, np.float64)
    if k <= 2:
        return p
    # A rounded quadrature could be below the p-value of the pair itself.
    return np.maximum(range_sf(-math.sqrt(2) * special.ndtri(p / 2), k), p)
