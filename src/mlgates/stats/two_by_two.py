"""Tests of whether two proportions are equal, from counts in two rows and two columns."""

import math

import numpy as np

__all__ = ["THIN", "fisher_exact", "two_proportions_pvalue"]

#: If an expected count is below this, the normal and the chi-square approximation are not used.
THIN = 5
#: Two tables count as equally likely if the relative difference of their probabilities is at most
#: this.
_EQUAL = 1e-10


def two_proportions_pvalue(
    successes: int, trials: int, other_successes: int, other_trials: int
) -> float:
    """Return the two-sided p-value of a test of whether two proportions are equal.

    The test is the z-test: ``z = (p1 - p2) / sqrt(p (1 - p) (1 / n1 + 1 / n2))``. ``p1`` and ``p2``
    are the proportions in ``n1`` and ``n2`` trials, and ``p`` is the proportion in all trials. The
    square of ``z`` is Pearson's chi-square without continuity correction. If an expected count is
    below 5, Fisher's exact test is used instead. The p-value is 1 if both proportions are 0 or both
    are 1. It is NaN if one of them has no trials.

    References
    ----------
    .. [1] Agresti, A. (2013). Categorical data analysis, 3rd edition, section 3.2. Wiley.

    Examples
    --------
    >>> round(two_proportions_pvalue(30, 1_000, 50, 1_000), 4)
    0.0225
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
    """Return the two-sided p-value of Fisher's exact test for the table ``[[a, b], [c, d]]``.

    The p-value is the probability of all tables with the same margins that are at most as likely as
    this table. It is 1 if a margin is 0. The probability of a table is computed from that of the
    neighbouring table. This is precise even for counts of millions.

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
    # Table k has the counts k, row - k, column - k and rest + k.
    k = np.arange(least, most, dtype=np.float64)
    with np.errstate(divide="ignore"):
        ratios = np.log((row - k) * (column - k)) - np.log((k + 1) * (rest + k + 1))
    logs = np.concatenate(([0.0], np.cumsum(ratios)))
    likelihoods = np.exp(logs - logs.max())
    at_most_as_likely = likelihoods <= likelihoods[a - least] * (1 + _EQUAL)
    return min(1.0, float(likelihoods[at_most_as_likely].sum() / likelihoods.sum()))
