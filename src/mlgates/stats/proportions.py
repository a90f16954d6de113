"""Shares of successes: intervals, and tests of two of them against each other."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["fisher_exact", "two_proportions_pvalue", "wilson_interval"]

Floats = npt.NDArray[np.float64]

#: An expected count below this is too thin for the normal or chi-square approximation.
THIN = 5
#: Two tables are equally likely when their chances agree to this share.
_EQUAL = 1e-10


def wilson_interval(
    successes: npt.ArrayLike, trials: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Wilson's score interval of a proportion: all shares that a score test does not reject.

    Centre ``(p + z**2 / 2n) / (1 + z**2 / n)``, half width
    ``z / (1 + z**2 / n) * sqrt(p (1 - p) / n + z**2 / 4 n**2)``.

    Parameters
    ----------
    successes, trials : array_like of int
        Counts; of several proportions, arrays that broadcast.
    confidence : float, default 0.95
        Of the two-sided interval.

    Returns
    -------
    low, high : numpy.ndarray of float64
        Scalars for scalars. NaN where there is no trial.

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
    x, n = _counts(successes, trials)
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    centre = x + z2 / 2
    half = np.sqrt(z2 * (x * ((n - x) / n) + z2 / 4))
    # At the ends rounding would leave a crumb beyond 0 and 1.
    low = np.where(x == 0, 0.0, (centre - half) / (n + z2))
    high = np.where(x == n, 1.0, (centre + half) / (n + z2))
    nothing = np.isnan(n)
    return np.where(nothing, np.nan, low)[()], np.where(nothing, np.nan, high)[()]


def _counts(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Counts as doubles; no trials are NaN, so that a share of them is."""
    n = np.asarray(trials, np.float64)
    return np.asarray(successes, np.float64), np.where(n > 0, n, np.nan)


def two_proportions_pvalue(
    successes: int, trials: int, other_successes: int, other_trials: int
) -> float:
    """Two-sided p-value of equal proportions: pooled z-test, Fisher's test where it is thin.

    ``z = (p1 - p2) / sqrt(p (1 - p) (1 / n1 + 1 / n2))`` with the pooled share ``p``; its square is
    Pearson's chi-square of the table, without correction. Thin is an expected count below 5.

    Returns
    -------
    float
        1 when both proportions are 0 or both are 1; NaN when one of them has no trial.

    Examples
    --------
    >>> round(two_proportions_pvalue(30, 1_000, 50, 1_000), 4)
    0.0225
    >>> round(two_proportions_pvalue(0, 30, 4, 1_000), 4)
    1.0
    """
    n, m = trials, other_trials
    if n <= 0 or m <= 0:
        return math.nan
    hits = successes + other_successes
    misses = n + m - hits
    if hits == 0 or misses == 0:
        return 1.0
    if min(n, m) * min(hits, misses) < THIN * (n + m):
        return fisher_exact(successes, n - successes, other_successes, m - other_successes)
    difference = successes / n - other_successes / m
    pooled = (hits / (n + m)) * (misses / (n + m)) * (1 / n + 1 / m)
    return math.erfc(abs(difference) / math.sqrt(2 * pooled))


def fisher_exact(a: int, b: int, c: int, d: int) -> float:
    """Two-sided p-value of Fisher's exact test of the table ``[[a, b], [c, d]]``.

    The chance, given the margins, of a table that is no more likely than this one. Chances follow
    from ratios of neighbours, so that counts of millions cost no precision.

    Parameters
    ----------
    a, b, c, d : int
        Counts.

    Returns
    -------
    float
        1 when a margin is empty: no other table is possible.

    References
    ----------
    .. [1] Fisher, R. A. (1935). The logic of inductive inference. Journal of the Royal Statistical
       Society 98, 39-82.

    Examples
    --------
    >>> round(fisher_exact(8, 2, 1, 5), 5)
    0.03497
    """
    row, column, rest = a + b, a + c, d - a
    least, most = max(0, -rest), min(row, column)
    # Table k has the counts k, row - k, column - k, rest + k.
    k = np.arange(least, most, dtype=np.float64)
    with np.errstate(divide="ignore"):
        ratios = np.log((row - k) * (column - k)) - np.log((k + 1) * (rest + k + 1))
    logs = np.concatenate(([0.0], np.cumsum(ratios)))
    chances = np.exp(logs - logs.max())
    no_likelier = chances <= chances[a - least] * (1 + _EQUAL)
    return min(1.0, float(chances[no_likelier].sum() / chances.sum()))
