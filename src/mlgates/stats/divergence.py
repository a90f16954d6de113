"""How far apart two sets of counts in the same cells are, and what chance alone would do."""

import math
from bisect import bisect_left
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.binning import Cells, quantile_ranks
from mlgates.stats.proportions import THIN, fisher_exact

__all__ = [
    "cells_together",
    "chi_square_pvalue",
    "cramers_v",
    "hellinger",
    "jensen_shannon",
    "one_sided_pvalue",
    "psi",
    "psi_chance",
    "rows_needed_psi",
    "total_variation",
]

#: With so many expected in each cell on both sides, chi-square is the distribution of Pearson's
#: statistic as far out as tests look.
_MANY = 100
#: Minus the logarithm of one in a hundred thousand.
_DOUBTLESS = math.log(1e5)

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def psi(reference: Counts, current: Counts) -> float:
    """Population stability index ``sum (q - p) ln(q / p)``, from shares that are never 0.

    ``p = (a + 1/2) / (m + B/2)`` and ``q = (b + 1/2) / (n + B/2)`` for counts ``a`` of ``m`` and
    ``b`` of ``n`` in ``B`` cells. Half a count is added in every cell, always, so that nothing
    jumps when a cell becomes empty or a rare category appears elsewhere.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts in the same cells, none of them empty on both sides.

    Returns
    -------
    float
        0 or more, the same with sides swapped. NaN when a side is empty.

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
    """Population stability index that samples of one distribution exceed with chance `alpha`.

    The quantile of chi-square with ``cells - 1`` degrees of freedom, times ``1 / n + 1 / m``. The
    mean without drift is ``(cells - 1) (1 / n + 1 / m)``.

    Parameters
    ----------
    cells : int
        Number of cells.
    n, m : int
        Sizes of the samples.
    alpha : float
        Between 0 and 1.

    Returns
    -------
    float
        0 for one cell, NaN when a sample is empty.

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
    return _chi_square_quantile(cells - 1, alpha) * (1 / n + 1 / m)


def rows_needed_psi(value: float, cells: int, m: int, alpha: float) -> int | None:
    """The least size of a sample for which chance gives at most `value` against `m` rows.

    The solution of ``psi_chance(cells, n, m, alpha) <= value`` for ``n``.

    Returns
    -------
    int or None
        None when no number of rows is enough, because `m` is too small.

    Examples
    --------
    >>> rows_needed_psi(0.2, 10, 30_000, 0.05), rows_needed_psi(0.2, 10, 80, 0.05)
    (85, None)
    """
    if m <= 0 or not value > 0:
        return None
    quantile = _chi_square_quantile(cells - 1, alpha)
    if quantile == 0:
        return 1
    left = value / quantile - 1 / m
    return math.ceil(1 / left) if left > 0 else None


def _chi_square_quantile(freedom: int, alpha: float) -> float:
    return float(special.chdtri(freedom, alpha)) if freedom > 0 else 0.0


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance, base 2: the root of the mean relative entropy to the mid-point.

    ``sqrt((KL(p, s) + KL(q, s)) / 2)`` with ``s = (p + q) / 2`` and logarithms to base 2. Unlike
    its square it is a metric, and `scipy.spatial.distance.jensenshannon` gives the same.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts in the same cells.

    Returns
    -------
    float
        From 0 to 1, which is reached by sides without a common cell. NaN when a side is empty.

    References
    ----------
    .. [1] Endres, D. M. and Schindelin, J. E. (2003). A new metric for probability distributions.
       IEEE Transactions on Information Theory 49, 1858-1860.

    Examples
    --------
    >>> round(jensen_shannon(np.array([500, 500]), np.array([600, 400])), 4)
    0.0854
    >>> jensen_shannon(np.array([3, 0]), np.array([0, 7]))
    1.0
    """
    p, q = _shares(reference, current)
    middle = (p + q) / 2
    entropy = float(special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum())
    return math.sqrt(_between(entropy / math.log(4)))


def hellinger(reference: Counts, current: Counts) -> float:
    """Hellinger distance ``sqrt(sum (sqrt(p) - sqrt(q))**2 / 2)``.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts in the same cells.

    Returns
    -------
    float
        From 0 to 1, which is reached by sides without a common cell. NaN when a side is empty.

    References
    ----------
    .. [1] Le Cam, L. and Yang, G. L. (2000). Asymptotics in statistics. Springer.

    Examples
    --------
    >>> round(hellinger(np.array([500, 500]), np.array([600, 400])), 4)
    0.0712
    """
    p, q = _shares(reference, current)
    apart = np.sqrt(p) - np.sqrt(q)
    return math.sqrt(_between(float(apart @ apart) / 2))


def total_variation(reference: Counts, current: Counts) -> float:
    """Total variation distance ``sum |p - q| / 2``: the share of rows that would have to move.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts in the same cells.

    Returns
    -------
    float
        From 0 to 1, which is reached by sides without a common cell. NaN when a side is empty.

    Examples
    --------
    >>> round(total_variation(np.array([500, 500]), np.array([600, 400])), 4)
    0.1
    """
    p, q = _shares(reference, current)
    return _between(float(np.abs(p - q).sum()) / 2)


def cramers_v(reference: Counts, current: Counts) -> float:
    """Cramér's V between side and cell, both sides weighing the same.

    ``sqrt(sum (p - q)**2 / (p + q) / 2)``. For sides of equal size it is ``sqrt(chi2 / N)`` of the
    table of counts. For others that would depend on the sizes: a share that moves from 50 to 90 %
    gives 0.44 here, and there 0.44 or, of 1,000 rows against a million, 0.025.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts in the same cells.

    Returns
    -------
    float
        From 0 to 1, which is reached by sides without a common cell. NaN when a side is empty.

    Notes
    -----
    For small changes its square is a quarter of `psi`: without drift it exceeds
    ``sqrt(psi_chance(cells, n, m, alpha)) / 2`` with chance `alpha`.

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
    return math.sqrt(_between(float(((p - q) ** 2 / np.where(both == 0, 1.0, both)).sum()) / 2))


def _shares(reference: Counts, current: Counts) -> tuple[Floats, Floats]:
    """Shares of both sides; one that is NaN of a side that is empty."""
    m, n = int(reference.sum()), int(current.sum())
    if m == 0 or n == 0:
        return np.full(1, math.nan), np.full(1, math.nan)
    return reference / m, current / n


def _between(value: float) -> float:
    """What rounding moved beyond 0 and 1 is moved back; NaN stays."""
    return value if math.isnan(value) else min(max(value, 0.0), 1.0)


def chi_square_pvalue(reference: Counts, current: Counts, *, ordered: bool) -> float:
    """P-value of Pearson's chi-square test that both sides have the same shares.

    Cells whose expected count is below 5 on a side are merged: ordered ones with their neighbour,
    categories by their frequency on both sides together (equal ones by lot). What is merged depends
    on the sum of both sides alone, which keeps the size of the test: of 1,000 categories, 200 rows
    against 20,000 are rejected in 0.1 % of cases at a nominal 0.1 %, where plain chi-square rejects
    about 13 %.

    Merging hides that values moved from one cell to its neighbour. Where a thin cell is so much
    one-sided that chance does it less than once in 100,000 times, a bound of that chance is the
    p-value if it is less: Hoeffding's, for any of as many such cells as there can be.

    Where a cell is expected to hold less than 100 on a side, Pearson's statistic exceeds the far
    quantiles of its limit too often: of shares 50, 20, 10, 10, 5 and 5 %, 100 rows against 20,000,
    2.1 times as often as the nominal 0.025 % that a correction for 200 columns looks at. There the
    p-value is the greater one of Pearson's and of Cressie's and Read's statistic with a power of
    1/3, and of two cells that of Fisher's exact test.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts in the same cells. Categories that the reference lacks are a cell each, not one
        together: 1,000 rows of 1,000 categories lack many, whose sum no chance explains.
    ordered : bool
        Whether neighbouring cells are neighbours. Quantile cells must not be merged by frequency:
        the reference's counts are alike in them, so that the sum tells the current side's.

    Returns
    -------
    float
        1 for a single cell, NaN when a side is empty.

    References
    ----------
    .. [1] Cochran, W. G. (1954). Some methods for strengthening the common chi-square tests.
       Biometrics 10, 417-451.
    .. [2] Hoeffding, W. (1963). Probability inequalities for sums of bounded random variables.
       Journal of the American Statistical Association 58, 13-30 (section 6).
    .. [3] Cressie, N. and Read, T. R. C. (1984). Multinomial goodness-of-fit tests. Journal of the
       Royal Statistical Society B 46, 440-464.

    Examples
    --------
    >>> round(chi_square_pvalue(np.array([500, 500]), np.array([600, 400]), ordered=False), 8)
    6.97e-06
    >>> round(chi_square_pvalue(np.array([9, 1]), np.array([2, 8]), ordered=False), 4)
    0.0055
    """
    m, n = int(reference.sum()), int(current.sum())
    if m == 0 or n == 0:
        return math.nan
    pooled = reference + current
    if len(pooled) < 2:
        return 1.0
    # Both sides of a cell are expected to hold 5 when its sum is at least this.
    enough = THIN * (m + n) / min(m, n)
    bound = 1.0
    if pooled.min() < enough:
        bound = one_sided_pvalue(reference[pooled < enough], current[pooled < enough], m, n)
        if not ordered:
            order = _by_frequency(pooled)
            reference, current, pooled = reference[order], current[order], pooled[order]
        starts = _merged(pooled, enough)
        reference = np.add.reduceat(reference, starts)
        current = np.add.reduceat(current, starts)
        pooled = reference + current
    are_few = int(pooled.min()) * min(m, n) < _MANY * (m + n)
    if are_few and len(pooled) == 2:
        (a, b), (c, d) = reference.tolist(), current.tolist()
        return min(bound, fisher_exact(a, b, c, d))
    # Twice two by B: the current side's squared deviations, scaled for both sides.
    expected = pooled * (n / (m + n))
    away = current - expected
    statistic = float((away * away / expected).sum()) * ((m + n) / m)
    if are_few:
        statistic = min(statistic, _cressie_read(reference, current, expected))
    return min(bound, float(special.chdtrc(len(pooled) - 1, statistic)))


def _cressie_read(reference: Counts, current: Counts, expected: npt.NDArray[Any]) -> float:
    """Cressie's and Read's statistic with a power of 1/3, of which chi-square is the limit too."""
    before = reference + current - expected
    apart = reference @ (np.cbrt(reference / before) - 1) + current @ (
        np.cbrt(current / expected) - 1
    )
    return 4.5 * float(apart)


def one_sided_pvalue(reference: Counts, current: Counts, m: int, n: int) -> float:
    """Bound of the chance of a cell as one-sided as any of these; 1 where chance may do it.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts of some cells.
    m, n : int
        Sizes of both sides.

    References
    ----------
    .. [1] Hoeffding, W. (1963). Probability inequalities for sums of bounded random variables.
       Journal of the American Statistical Association 58, 13-30 (section 6).

    Examples
    --------
    >>> one_sided_pvalue(np.array([10, 10]), np.array([0, 9]), 100, 100)
    1.0
    >>> one_sided_pvalue(np.array([30]), np.array([0]), 100, 900) < 1e-20
    True
    """
    most = float(_doubt(reference, current, m, n).max())
    return math.exp(-most) if most > _DOUBTLESS else 1.0


def _doubt(reference: Counts, current: Counts, m: int, n: int) -> Floats:
    """Minus the logarithm of a bound of the chance of any cell as one-sided as each of these."""
    both = reference + current
    # Sampling without replacement strays no further than with it: exp(-T KL(a / T, m / (m + n))).
    surprise = special.rel_entr(reference, both * (m / (m + n)))
    surprise += special.rel_entr(current, both * (n / (m + n)))
    # On either side, and of cells of T of all m + n values there can be (m + n) / T.
    doubt: Floats = surprise - np.log(2 * (m + n) / np.maximum(both, 1))
    return doubt


def cells_together(reference: Counts, current: Counts, bins: int) -> Cells:
    """The cells of a test, cut where both sides together say, so that chance on one makes none.

    Of many equal values some have, among few rows, a cell's share by chance alone. Made cells
    because of that, they seem to have lost it on the other side. So values are cells of their own
    where both sides together have half a cell's share of them, as they have of what fills a cell of
    one side and is missing on another of the same size; and where one side has more of them, or of
    what lies between two, than chance explains.

    Parameters
    ----------
    reference, current : numpy.ndarray of int64
        Counts of `count_stored`, at values of which each is a cell of its own.
    bins : int
        Into how many cells of equal size.

    Examples
    --------
    >>> from mlgates.stats.binning import Edges, count_sorted
    >>> x = np.repeat(np.arange(10), [8, 9, 9, 9, 20, 9, 9, 9, 9, 9])
    >>> each = Edges(np.arange(10), np.ones(10, np.bool_))
    >>> sides = (count_sorted(values, each) for values in (x, np.arange(10).repeat(10)))
    >>> cells_together(*sides, 5).reference.tolist()
    [26, 9, 20, 9, 18, 18]
    """
    both, m = reference + current, int(reference.sum())
    n = int(both.sum()) - m
    last = np.searchsorted(np.cumsum(both), quantile_ranks(m + n, bins))
    # What lies between two values belongs to the cell of the upper one: that one of the reference
    # is far from others makes no cell.
    last += last % 2
    doubt = _doubt(reference, current, m, n)
    # Places between values are as many as values, however much lies there.
    doubt[1::2] -= np.log(np.maximum(m * both[1::2] / (m + n), 1))
    own = doubt > _DOUBTLESS
    own[::2] |= both[::2] >= max((m + n) / (2 * bins), THIN)
    alone = np.flatnonzero(own)
    starts = np.unique(np.concatenate([[0, 1, len(both) - 1], last + 1, alone, alone + 1]))
    starts = starts[starts < len(both)]
    return Cells.of(
        np.add.reduceat(reference, starts), np.add.reduceat(current, starts), ordered=True
    )


def _by_frequency(pooled: Counts) -> Counts:
    """From the most frequent to the rarest; equal ones in an order drawn by lot, always the same.

    Categories are often given with those of one side first. To keep that order where sums are equal
    would merge the rare ones of one side with each other, and every test would reject.
    """
    drawn = np.random.default_rng(0).permutation(len(pooled))
    return drawn[np.argsort(-pooled[drawn], kind="stable")]


def _merged(pooled: Counts, enough: float) -> Counts:
    """Where groups of neighbours begin, each summing to `enough` or more; at least two groups."""
    sums = np.cumsum(pooled)
    thin = np.flatnonzero(pooled < enough)
    # What precedes the first thin cell stays as it is.
    start = int(thin[0])
    starts = list(range(start))
    before, total = (int(sums[start - 1]) if start else 0), int(sums[-1])
    reached = sums.tolist()
    while start < len(reached) and total - before >= enough:
        starts.append(start)
        start = bisect_left(reached, before + enough, lo=start) + 1
        before = reached[start - 1]
    # What is left over joins the last group, unless that one would be alone.
    if start < len(reached) and len(starts) == 1:
        starts.append(start)
    if len(starts) < 2:
        # Too few rows for any group: the halves that are most alike.
        balance = np.abs(2 * sums[:-1] - total)
        starts = [0, int(balance.argmin()) + 1]
    return np.array(starts)
