"""Distances between two samples counted in the same cells (bins), and tests of their equality."""

import math
from bisect import bisect_left

import numpy as np

from mlgates.stats.arrays import Counts, Floats
from mlgates.stats.counting import Cells, quantile_ranks
from mlgates.stats.tails import chi_square_sf, relative_entropy
from mlgates.stats.two_by_two import THIN, fisher_exact

__all__ = [
    "cells_together",
    "chi_square_pvalue",
    "cramers_v",
    "hellinger",
    "jensen_shannon",
    "largest_change_pvalue",
    "psi",
    "psi_chance",
    "total_variation",
]

#: If the expected count of each cell is at least this in both samples, Pearson's statistic follows
#: the chi-square distribution closely enough, even for the smallest p-values that are used.
_MANY = 100
#: ``-log(0.00001)``. A cell counts as changed if its counts have a probability below 0.00001.
_CHANGED = math.log(1e5)


def cells_together(reference: Counts, current: Counts, bins: int) -> Cells:
    """Count two samples in the same cells (bins) for a test, given their counts in narrow ranges.

    Some points define the ranges: there is one range for the values equal to each point, one for
    the values between each two neighbouring points, one below the first point, and one above the
    last point. Ranges are joined to cells in two steps:

    1. The quantiles of both samples together divide the finite values into at most `bins` cells.
       The values -inf and the values inf are further cells.
    2. A range becomes a cell of its own, which divides its old cell, if its counts in the two
       samples differ so much that an upper bound of the p-value is below 0.00001. The range of a
       point also becomes a cell of its own if it is frequent: if it has at least five values of
       both samples together, and at least a share of ``1 / (2 * bins)`` of all values.

    The cells are not chosen from one sample alone. In a small sample, some values are frequent by
    chance. If such values had cells of their own, they would seem rarer in the other sample.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64, shape (k,)
        Number of values of each sample that are -inf, below the first point, equal to it, between
        the first and the second point, and so on, above the last point, and inf.
    bins : int
        Largest number of cells in the first step.

    Returns
    -------
    Cells
        The counts of both samples in each cell, in ascending order, without cells that are empty in
        both.

    Examples
    --------
    There are ten points, numbered from 1 to 10, and no values between them. The first step gives
    five cells with the points {1, 2, 3}, {4, 5}, {6}, {7, 8} and {9, 10}. Point 5 has 15 % of all
    values, so {4, 5} is divided into the cells {4} and {5}. The elements 2, 4, ..., 20 of an array
    of counts are those of the points.

    >>> reference, current = np.zeros((2, 23), np.int64)
    >>> reference[2:-2:2] = [8, 9, 9, 9, 20, 9, 9, 9, 9, 9]
    >>> current[2:-2:2] = 10
    >>> cells_together(reference, current, bins=5).reference.tolist()
    [26, 9, 20, 9, 18, 18]
    """
    both, m = reference + current, int(reference.sum())
    n = int(both.sum()) - m
    last = np.searchsorted(np.cumsum(both), quantile_ranks(m + n, bins))
    # Values between two points go to the cell of the upper point. So a value of the reference that
    # is far from all others does not get a cell of its own.
    last += last % 2
    neg_log = _neg_log_pvalues(reference, current, m, n)
    # The p-value of a cell with T values is corrected for (m + n) / T cells. For ranges between
    # points, correct for m cells instead if m is larger, because the number of ranges depends on
    # the number of points and not on T.
    neg_log[1::2] -= np.log(np.maximum(m * both[1::2] / (m + n), 1))
    own = neg_log > _CHANGED
    own[::2] |= both[::2] >= max((m + n) / (2 * bins), THIN)
    alone = np.flatnonzero(own)
    starts = np.unique(np.concatenate([[0, 1, len(both) - 1], last + 1, alone, alone + 1]))
    starts = starts[starts < len(both)]
    counts = np.add.reduceat(reference, starts), np.add.reduceat(current, starts)
    return Cells.of(*counts, ordered=True)


def psi(reference: Counts, current: Counts) -> float:
    """Return the population stability index ``sum (q - p) ln(q / p)``, with smoothed shares.

    The sum is over ``B`` cells (bins). None of them may be empty in both samples. For a cell with
    the counts ``a`` and ``b`` in samples of ``m`` and ``n`` values, the smoothed shares are ``p =
    (a + 1/2) / (m + B/2)`` and ``q = (b + 1/2) / (n + B/2)``. Because 1/2 is added to each count,
    the index is finite and does not jump when a cell becomes empty. The index is symmetric and at
    least 0. It is NaN if a sample is empty.

    References
    ----------
    .. [1] Siddiqi, N. (2006). Credit risk scorecards. Wiley.

    Examples
    --------
    >>> round(psi(np.array([500, 500]), np.array([600, 400])), 4)
    0.0405
    """
    m, n = int(reference.sum()), int(current.sum())
    if m == 0 or n == 0:
        return math.nan
    half = len(reference) / 2
    p, q = (reference + 0.5) / (m + half), (current + 0.5) / (n + half)
    return float((q - p) @ np.log(q / p))


def psi_chance(cells: int, n: int, m: int, alpha: float) -> float:
    """Return the PSI that two samples of one distribution exceed with probability `alpha`.

    It is the ``1 - alpha`` quantile of the chi-square distribution with ``cells - 1`` degrees of
    freedom, times ``1 / n + 1 / m``. `cells` is the number of cells (bins), and `n` and `m` are the
    sizes of the samples. The result is 0 for one cell, and NaN if a sample is empty.

    References
    ----------
    .. [1] Yurdakul, B. and Naranjo, J. (2020). Statistical properties of the population stability
       index. Journal of Risk Model Validation 14 (4), 89-100.

    Examples
    --------
    >>> round(psi_chance(10, 100, 100, 0.05), 4)
    0.3384
    """
    if n <= 0 or m <= 0:
        return math.nan
    if cells == 1:
        return 0.0
    from scipy import special  # (imported here, because few columns need it)

    quantile = float(special.chdtri(cells - 1, alpha))
    return quantile * (1 / n + 1 / m)


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Return the Jensen-Shannon distance of two samples, in base 2.

    It is ``sqrt((KL(p, s) + KL(q, s)) / 2)`` with ``s = (p + q) / 2``. ``p`` and ``q`` are the
    shares of each cell (bin) in the samples, and ``KL`` is the Kullback-Leibler divergence. The
    distance is from 0 to 1; it is 1 if the samples have no cell in common, and NaN if a sample is
    empty. It is a metric, unlike its square, and equals `scipy.spatial.distance.jensenshannon` with
    base 2.

    References
    ----------
    .. [1] Endres, D. M. and Schindelin, J. E. (2003). A new metric for probability distributions.
       IEEE Transactions on Information Theory 49, 1858-1860.

    Examples
    --------
    >>> round(jensen_shannon(np.array([500, 500]), np.array([600, 400])), 4)
    0.0854
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    entropy = float(sum(relative_entropy(side, middle).sum() for side in (p, q)))
    return math.sqrt(_clipped(entropy / math.log(4)))


def hellinger(reference: Counts, current: Counts) -> float:
    """Return the Hellinger distance of two samples.

    It is ``sqrt(sum (sqrt(p) - sqrt(q))**2 / 2)``, where ``p`` and ``q`` are the shares of each
    cell (bin) in the samples. It is from 0 to 1; it is 1 if the samples have no cell in common, and
    NaN if a sample is empty.

    References
    ----------
    .. [1] Le Cam, L. and Yang, G. L. (2000). Asymptotics in statistics. Springer.

    Examples
    --------
    >>> round(hellinger(np.array([500, 500]), np.array([600, 400])), 4)
    0.0712
    """
    p, q = _shares(reference, current)
    difference = np.sqrt(p) - np.sqrt(q)
    return math.sqrt(_clipped(float(difference @ difference) / 2))


def total_variation(reference: Counts, current: Counts) -> float:
    """Return the total variation distance of two samples.

    It is ``sum |p - q| / 2``, where ``p`` and ``q`` are the shares of each cell (bin) in the
    samples. This is the share of rows that would have to change their cell to make both samples
    equal. It is from 0 to 1; it is 1 if the samples have no cell in common, and NaN if a sample is
    empty.

    References
    ----------
    .. [1] Levin, D. A. and Peres, Y. (2017). Markov Chains and Mixing Times, 2nd ed., section 4.1.
       American Mathematical Society.

    Examples
    --------
    >>> round(total_variation(np.array([500, 500]), np.array([600, 400])), 4)
    0.1
    """
    p, q = _shares(reference, current)
    return _clipped(float(np.abs(p - q).sum()) / 2)


def cramers_v(reference: Counts, current: Counts) -> float:
    """Return Cramér's V of two samples counted in cells (bins), with equal weights of both samples.

    It is ``sqrt(sum (p - q)**2 / (p + q) / 2)``, where ``p`` and ``q`` are the shares of each cell
    in the samples. For samples of equal size it equals the usual ``sqrt(chi2 / N)`` of the table of
    counts, where ``chi2`` is Pearson's statistic and ``N`` the number of rows. Unlike the usual
    value, it does not depend on the ratio of the sizes. If a share changes from 50 % to 90 %, this
    value is 0.44 for samples of any sizes. The usual value is 0.44 for equal sizes, but 0.025 for
    1,000 rows against a million.

    The result is from 0 to 1; it is 1 if the samples have no cell in common, and NaN if a sample is
    empty. For small changes its square is a quarter of `psi`.

    References
    ----------
    .. [1] Cramér, H. (1946). Mathematical methods of statistics. Princeton University Press.

    Examples
    --------
    >>> round(cramers_v(np.array([500, 500]), np.array([600, 400])), 4)
    0.1005
    """
    p, q = _shares(reference, current)
    both = p + q
    return math.sqrt(_clipped(float(((p - q) ** 2 / np.where(both == 0, 1.0, both)).sum()) / 2))


def _shares(reference: Counts, current: Counts) -> tuple[Floats, Floats]:
    """Return two arrays: the share of each cell (bin) in the reference and in the current sample.

    If a sample is empty, both arrays are a single NaN.
    """
    m, n = int(reference.sum()), int(current.sum())
    if m == 0 or n == 0:
        return np.full(1, math.nan), np.full(1, math.nan)
    return reference / m, current / n


def _clipped(value: float) -> float:
    """Clip a value to the range from 0 to 1, to remove rounding errors; NaN stays NaN."""
    return value if math.isnan(value) else min(max(value, 0.0), 1.0)


def chi_square_pvalue(
    reference: Counts, current: Counts, *, ordered: bool, least: float = THIN
) -> float:
    """Return the p-value of a chi-square test of whether two samples have the same distribution.

    The samples are counted in cells (bins or categories). The p-value is 1 for a single cell, and
    NaN if a sample is empty. Each category that is not in the reference must be a cell of its own.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64, shape (k,)
        Counts of both samples. No cell may be empty in both.
    ordered : bool
        Whether the cells have an order, such as quantile cells; False for categories.
    least : float
        Cells are merged if their expected count in a sample is less than this. Tests at
        significance levels of 0.1 % and less need about 20.

    Notes
    -----
    Cells with an expected count below `least` in a sample are merged. Ordered cells are
    merged with neighbours. Categories are merged with those of similar frequency in both samples
    together; if frequencies are equal, a fixed random order decides. Which cells are merged depends
    only on the sum of both samples, so that the p-value stays valid: with 1,000 categories and 200
    rows against 20,000, 0.1 % of tests reject at a nominal 0.1 %, where the plain chi-square test
    rejects about 13 %. Quantile cells must not be merged by frequency: the reference has the same
    count in each of them, so the sums would depend only on the current sample, and the p-value
    would not be valid.

    Merging can hide that values moved between neighbouring cells. Therefore `largest_change_pvalue`
    is computed from the original counts of the cells that are merged. If it is less than 0.00001,
    the smaller of the two p-values is returned.

    If an expected count is below 100, Pearson's test rejects too often at low levels. For example,
    at a level of 0.025 % (5 %, corrected for 200 columns), it rejects 2.1 times too often for
    shares of 50, 20, 10, 10, 5 and 5 % and 100 rows against 20,000. So it is not used alone if an
    expected count is below 100. For two cells, the p-value is then that of Fisher's exact test. For
    more cells, it is the larger one of two p-values: Pearson's, and Cressie and Read's with a power
    of 1/3 [1]_.

    References
    ----------
    .. [1] Cressie, N. and Read, T. R. C. (1984). Multinomial goodness-of-fit tests. Journal of the
       Royal Statistical Society B 46, 440-464.

    Examples
    --------
    >>> round(chi_square_pvalue(np.array([500, 500]), np.array([600, 400]), ordered=False), 8)
    6.97e-06
    """
    m, n = int(reference.sum()), int(current.sum())
    if m == 0 or n == 0:
        return math.nan
    pooled = reference + current
    if len(pooled) < 2:
        return 1.0
    # If a cell has this many values in both samples together, both of its expected counts are at
    # least `least`.
    enough = least * (m + n) / min(m, n)
    bound = 1.0
    if pooled.min() < enough:
        bound = largest_change_pvalue(reference[pooled < enough], current[pooled < enough], m, n)
        if not ordered:
            # Shuffle the cells before sorting. Categories are often given with those of one sample
            # first. Without shuffling, rare categories of the same sample would be merged with each
            # other, and every test would reject.
            order = np.random.default_rng(0).permutation(len(pooled))
            order = order[np.argsort(-pooled[order], kind="stable")]
            reference, current, pooled = reference[order], current[order], pooled[order]
        starts = _group_starts(pooled, enough)
        reference = np.add.reduceat(reference, starts)
        current = np.add.reduceat(current, starts)
        pooled = reference + current
    are_few = int(pooled.min()) * min(m, n) < _MANY * (m + n)
    if are_few and len(pooled) == 2:
        (a, b), (c, d) = reference.tolist(), current.tolist()
        return min(bound, fisher_exact(a, b, c, d))
    # The deviations of both samples from the expected counts have equal sizes. Compute those of one
    # sample, and scale the sum.
    expected = pooled * (n / (m + n))
    away = current - expected
    statistic = float((away * away / expected).sum()) * ((m + n) / m)
    if are_few:
        other = np.cbrt(reference / (pooled - expected)) - 1
        cressie_read = reference @ other + current @ (np.cbrt(current / expected) - 1)
        statistic = min(statistic, 4.5 * float(cressie_read))
    return min(bound, chi_square_sf(statistic, len(pooled) - 1))


def _group_starts(pooled: Counts, enough: float) -> Counts:
    """Divide cells (bins) into groups of neighbours, and return the first cell of each group.

    `pooled` has the counts of both samples together. Each group has at least `enough` values. If
    the total is too small for two groups of this size, the cells are divided into two halves.
    """
    sums = np.cumsum(pooled)
    # Cells before the first small one are not merged.
    start = int(np.argmax(pooled < enough))
    starts = list(range(start))
    before, total = (int(sums[start - 1]) if start else 0), int(sums[-1])
    reached = sums.tolist()
    while start < len(reached) and total - before >= enough:
        starts.append(start)
        start = bisect_left(reached, before + enough, lo=start) + 1
        before = reached[start - 1]
    # The remaining cells are added to the last group, unless there would be only one group.
    if start < len(reached) and len(starts) == 1:
        starts.append(start)
    if len(starts) < 2:
        # There are too few values for two groups, so make two halves that are as equal as possible.
        balance = np.abs(2 * sums[:-1] - total)
        starts = [0, int(balance.argmin()) + 1]
    return np.array(starts)


def largest_change_pvalue(reference: Counts, current: Counts, m: int, n: int) -> float:
    """Return an upper bound of the p-value of the cell (bin) in which two samples differ most.

    The p-value is the probability that the counts of two samples from one distribution differ at
    least as much in any cell. If the bound is 0.00001 or more, it is too coarse, and 1 is returned
    instead. A chi-square test in which small cells are merged can miss such a difference.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64, shape (k,)
        Counts of the cells to compare, at least one; other cells of the samples can be left out.
    m, n : int
        Number of values of the reference and of the current sample.

    References
    ----------
    .. [1] Hoeffding, W. (1963). Probability inequalities for sums of bounded random variables.
       Journal of the American Statistical Association 58, 13-30 (section 6).

    Examples
    --------
    >>> largest_change_pvalue(np.array([30]), np.array([0]), 100, 900) < 1e-20
    True
    """
    most = float(_neg_log_pvalues(reference, current, m, n).max())
    return math.exp(-most) if most > _CHANGED else 1.0


def _neg_log_pvalues(reference: Counts, current: Counts, m: int, n: int) -> Floats:
    """Return ``-log(p)`` for each cell (bin), where ``p`` is an upper bound of the cell's p-value.

    `m` and `n` are the sizes of the two samples. `largest_change_pvalue` uses the largest result,
    and describes the p-value.
    """
    both = reference + current
    # Hoeffding's bound for sampling without replacement, exp(-T KL(a / T, m / (m + n))), for a cell
    # with a of its T values in the reference. KL is the Kullback-Leibler divergence.
    surprise = relative_entropy(reference, both * (m / (m + n)))
    surprise += relative_entropy(current, both * (n / (m + n)))
    # Correct for the two sides, and for the largest number of cells with T values, (m + n) / T.
    neg_log: Floats = surprise - np.log(2 * (m + n) / np.maximum(both, 1))
    return neg_log
