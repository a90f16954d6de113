"""How far two samples counted in the same cells are apart, and what chance alone would do."""

import math
from bisect import bisect_left

import numpy as np
from scipy import special

from mlgates.stats.arrays import Counts, Floats
from mlgates.stats.counting import Cells, quantile_ranks
from mlgates.stats.proportions import THIN, fisher_exact

__all__ = ["psi_chance"]

#: With so many expected in each cell on both sides, Pearson's statistic follows chi-square as far
#: out as tests look.
_MANY = 100
#: Minus the logarithm of one in a hundred thousand.
_DOUBTLESS = math.log(1e5)


def cells_together(reference: Counts, current: Counts, bins: int) -> Cells:
    """Return cells of a test that both samples cut together.

    Of many equal values some have, among few rows, a cell's share by chance. As cells of their own
    they would seem to have lost it in the other sample. So a value is a cell of its own where both
    samples together have half a cell's share of it, as they have of what fills a cell of one and is
    missing in another of the same size; and where one sample has more of it, or of what lies
    between two values, than chance explains. The counts are those of `count_stored`, at values each
    of which is a cell of its own.

    Examples
    --------
    >>> from mlgates.stats.counting import Edges, count_sorted
    >>> x = np.repeat(np.arange(10), [8, 9, 9, 9, 20, 9, 9, 9, 9, 9])
    >>> each = Edges(np.arange(10), np.ones(10, np.bool_))
    >>> counts = (count_sorted(values, each) for values in (x, np.arange(10).repeat(10)))
    >>> cells_together(*counts, 5).reference.tolist()
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
    counts = np.add.reduceat(reference, starts), np.add.reduceat(current, starts)
    return Cells.of(*counts, ordered=True)


def psi(reference: Counts, current: Counts) -> float:
    """Return the population stability index ``sum (q - p) ln(q / p)``, with smoothed shares.

    ``p = (a + 1/2) / (m + B/2)`` and ``q = (b + 1/2) / (n + B/2)`` for counts ``a`` of ``m`` and
    ``b`` of ``n`` in ``B`` cells, none of them empty in both samples. Half a count is added in
    every cell, always, so that nothing jumps when a cell becomes empty or a rare category appears
    elsewhere. Symmetric, 0 or more; NaN when a sample is empty.

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
    """Return the PSI that samples of `n` and `m` rows of one distribution exceed by chance `alpha`.

    The quantile of chi-square with ``cells - 1`` degrees of freedom, times ``1 / n + 1 / m``; 0 for
    one cell, NaN when a sample is empty.

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
    quantile = float(special.chdtri(cells - 1, alpha)) if cells > 1 else 0.0
    return quantile * (1 / n + 1 / m)


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Return the Jensen-Shannon distance, base 2: ``sqrt((KL(p, s) + KL(q, s)) / 2)``.

    With ``s = (p + q) / 2``. From 0 to 1 (no common cell); NaN when a sample is empty. Unlike its
    square it is a metric, and `scipy.spatial.distance.jensenshannon` gives the same.

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
    entropy = float(special.rel_entr(p, middle).sum() + special.rel_entr(q, middle).sum())
    return math.sqrt(_clipped(entropy / math.log(4)))


def hellinger(reference: Counts, current: Counts) -> float:
    """Return the Hellinger distance ``sqrt(sum (sqrt(p) - sqrt(q))**2 / 2)``.

    From 0 to 1 (no common cell); NaN when a sample is empty.

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
    return math.sqrt(_clipped(float(apart @ apart) / 2))


def total_variation(reference: Counts, current: Counts) -> float:
    """Return the total variation distance ``sum |p - q| / 2``: the share of rows that moved.

    From 0 to 1 (no common cell); NaN when a sample is empty.

    Examples
    --------
    >>> round(total_variation(np.array([500, 500]), np.array([600, 400])), 4)
    0.1
    """
    p, q = _shares(reference, current)
    return _clipped(float(np.abs(p - q).sum()) / 2)


def cramers_v(reference: Counts, current: Counts) -> float:
    """Return Cramér's V between sample and cell, both samples weighing the same.

    ``sqrt(sum (p - q)**2 / (p + q) / 2)``: for samples of equal size ``sqrt(chi2 / N)`` of the
    table of counts, which otherwise depends on the sizes: a share that moves from 50 to 90 % gives
    0.44 here, and there 0.44 or, of 1,000 rows against a million, 0.025. From 0 to 1 (no common
    cell); NaN when a sample is empty. For small changes its square is a quarter of `psi`.

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
    """Return the shares of both samples; one NaN each when a sample is empty."""
    m, n = int(reference.sum()), int(current.sum())
    if m == 0 or n == 0:
        return np.full(1, math.nan), np.full(1, math.nan)
    return reference / m, current / n


def _clipped(value: float) -> float:
    """Clip what rounding moved beyond 0 and 1; NaN stays."""
    return value if math.isnan(value) else min(max(value, 0.0), 1.0)


def chi_square_pvalue(reference: Counts, current: Counts, *, ordered: bool) -> float:
    """Return the p-value of Pearson's chi-square test that both samples have the same shares.

    Cells whose expected count is below 5 on a side are merged: ordered ones with their neighbour,
    categories by their frequency in both samples together (equal ones in a fixed random order).
    What is merged depends on the sum of both samples alone, which keeps the size of the test: of
    1,000 categories, 200 rows against 20,000 are rejected in 0.1 % of cases at a nominal 0.1 %,
    where plain chi-square rejects about 13 %. Quantile cells must not be merged by frequency: the
    reference's counts are alike in them, so that the sum reveals the current sample's.

    Merging hides that values moved from one cell to its neighbour. Where a thin cell is so much
    one-sided that chance does it less than once in 100,000 times, the p-value is at most
    Hoeffding's bound for any of as many such cells as there can be (`one_sided_pvalue`).

    Where a cell is expected to hold less than 100 on a side, Pearson's statistic exceeds the far
    quantiles of its limit too often: of shares 50, 20, 10, 10, 5 and 5 %, 100 rows against 20,000,
    2.1 times as often as the nominal 0.025 % that a correction for 200 columns looks at. There the
    p-value is the greater one of Pearson's and of Cressie's and Read's statistic with a power of
    1/3, and for two cells that of Fisher's exact test.

    Each category that the reference lacks needs its own cell. 1 for a single cell, NaN when a
    sample is empty.

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
    # Both samples are expected to hold 5 in a cell when its sum is at least this.
    enough = THIN * (m + n) / min(m, n)
    bound = 1.0
    if pooled.min() < enough:
        bound = one_sided_pvalue(reference[pooled < enough], current[pooled < enough], m, n)
        if not ordered:
            # In random order first: categories are often given with those of one sample first, and
            # to merge the rare ones of one sample with each other would make every test reject.
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
    # Two by B: the current sample's squared deviations, scaled for both samples.
    expected = pooled * (n / (m + n))
    away = current - expected
    statistic = float((away * away / expected).sum()) * ((m + n) / m)
    if are_few:
        other = np.cbrt(reference / (pooled - expected)) - 1
        cressie_read = reference @ other + current @ (np.cbrt(current / expected) - 1)
        statistic = min(statistic, 4.5 * float(cressie_read))
    return min(bound, float(special.chdtrc(len(pooled) - 1, statistic)))


def _group_starts(pooled: Counts, enough: float) -> Counts:
    """Return where groups of neighbours begin that each sum to `enough`; at least two groups."""
    sums = np.cumsum(pooled)
    # What precedes the first thin cell stays as it is.
    start = int(np.argmax(pooled < enough))
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


def one_sided_pvalue(reference: Counts, current: Counts, m: int, n: int) -> float:
    """Return a bound of the chance of a cell as one-sided as any of these; 1 above 0.00001.

    The counts are those of some cells of samples of `m` and `n` values.

    References
    ----------
    .. [1] Hoeffding, W. (1963). Probability inequalities for sums of bounded random variables.
       Journal of the American Statistical Association 58, 13-30 (section 6).

    Examples
    --------
    >>> one_sided_pvalue(np.array([30]), np.array([0]), 100, 900) < 1e-20
    True
    """
    most = float(_doubt(reference, current, m, n).max())
    return math.exp(-most) if most > _DOUBTLESS else 1.0


def _doubt(reference: Counts, current: Counts, m: int, n: int) -> Floats:
    """Return minus the logarithm of a bound of the chance of any cell as one-sided as each."""
    both = reference + current
    # Sampling without replacement strays no further than with it: exp(-T KL(a / T, m / (m + n))).
    surprise = special.rel_entr(reference, both * (m / (m + n)))
    surprise += special.rel_entr(current, both * (n / (m + n)))
    # On either side, and of cells of T of all m + n values there can be (m + n) / T.
    doubt: Floats = surprise - np.log(2 * (m + n) / np.maximum(both, 1))
    return doubt
