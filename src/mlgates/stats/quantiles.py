"""Quantiles of latencies, with distribution-free intervals that allow for autocorrelated calls.

The ends of the interval of a quantile are two of the sorted values (order statistics). Their ranks
are computed from the binomial distribution. The result agrees with Clopper and Pearson's interval
of the share of calls beyond a limit. For the 99 % quantile, for example, the upper end is within
the limit exactly if Clopper and Pearson's interval shows that at most 1 % of calls are beyond the
limit. Because successive calls are seldom independent, the binomial distribution is computed for
the effective number of calls.
"""

import math
from bisect import bisect_left
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Floats

__all__ = [
    "corrected_for_omission",
    "dependence",
    "exceedance_interval",
    "least_calls",
    "mean_interval",
    "order_ranks",
    "quantile",
    "quantile_interval",
    "ratio_interval",
]

Interval = tuple[float, float]

#: For n independent calls, the inflation exceeds 1 + 12 / sqrt(n) with a probability of 1 %. The
#: lag-1 autocorrelation exceeds 2.33 / sqrt(n) with the same probability. Calls count as
#: independent if neither is exceeded.
_BY_CHANCE = 12.0
_LAG_BY_CHANCE = 2.33
#: Smallest degrees of freedom that are used, so that an interval is at most twice as wide if there
#: are few clusters.
_LEAST_FREEDOM = 2.0
#: Number of lags whose autocorrelations are computed one by one.
_NEAR = 64
#: Largest number of corrected latencies. If there would be more, the interval probably has a wrong
#: unit.
MOST_CORRECTED = 50_000_000
#: Added to a number before it is rounded down, to allow for rounding errors.
_CRUMB = 1e-9
#: Smallest and largest number of blocks of calls, and the factor by which their interval is
#: widened, see `block_interval`.
_LEAST_BLOCKS, _BLOCKS, _WIDER = 4, 20, 2.0
#: Smallest number of calls that must be expected beyond the quantile. The 99 % quantile, for
#: example, needs 368 calls, of which 3.68 are expected beyond it.
_LEAST_BEYOND = 3.5


def quantile(ordered: Floats, share: Fraction) -> float:
    """Return the smallest value v such that at least a given share of all values is at most v.

    This definition of a quantile is called the inverted distribution function.

    Parameters
    ----------
    ordered : numpy.ndarray of float64, shape (n,)
        Values in increasing order, at least one; infinities are allowed.
    share : Fraction
        Share of the values, above 0 and at most 1. It is a fraction, so that the 99.9 % quantile of
        1,000 values is exactly the 999th value.

    References
    ----------
    .. [1] Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The American
       Statistician 50, 361-365 (definition 1).

    Examples
    --------
    >>> quantile(np.arange(1.0, 101.0), Fraction(99, 100))
    99.0
    """
    return float(ordered[math.ceil(len(ordered) * share) - 1])


def order_ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int, int]:
    """Return the ranks of the two sorted values that are the ends of a quantile's interval.

    The rank of the least value is 1. `n` is the number of independent values, `share` is the
    position of the quantile (0.99 for the 99 % quantile), and `confidence` is the confidence level
    of the interval. The lower rank is the binomial quantile of ``(1 - confidence) / 2``. The upper
    rank is the binomial quantile of ``(1 + confidence) / 2``, plus 1. A rank of 0 or ``n + 1``
    means that there are too few values for this end.

    References
    ----------
    .. [1] David, H. A. and Nagaraja, H. N. (2003). Order Statistics, 3rd ed., section 7.1. Wiley.

    Examples
    --------
    >>> order_ranks(1_000, 0.99), order_ranks(300, 0.99)
    ((983, 997), (293, 301))
    """
    alpha = (1 - confidence) / 2

    def at_most(k: int) -> float:
        """Return the binomial probability of at most k successes in n trials, for k less than n."""
        return float(special.betainc(n - k, k + 1, 1 - share))

    low, high = (bisect_left(range(n), level, key=at_most) for level in (alpha, 1 - alpha))
    return low, high + 1


def least_calls(share: float, confidence: float = 0.95) -> int:
    """Return the smallest number of calls for which the interval of a quantile has two finite ends.

    The calls are assumed to be independent. `share` is the position of the quantile of their
    latencies: 0.99 for the 99 % quantile.

    References
    ----------
    .. [1] David, H. A. and Nagaraja, H. N. (2003). Order Statistics, 3rd ed., section 7.1. Wiley.

    Examples
    --------
    >>> [least_calls(share) for share in (0.5, 0.95, 0.99, 0.999)]
    [6, 72, 368, 3688]
    """
    n = math.ceil(math.log((1 - confidence) / 2) / math.log(max(share, 1 - share)))
    while True:  # (the first n can be too small, because logarithms are rounded)
        low, high = order_ranks(n, share, confidence)
        if low >= 1 and high <= n:
            return n
        n += 1


def exceedance_interval(exceeding: float, n: float, confidence: float = 0.95) -> Interval:
    """Return Clopper and Pearson's two-sided interval of the share of calls beyond a limit.

    `exceeding` is the number of calls beyond the limit, and `n` the number of all calls. If the
    calls are not independent, `n` is the effective number of calls; then both can be fractions. The
    interval contains the true share with a probability of at least `confidence`.

    References
    ----------
    .. [1] Clopper, C. J. and Pearson, E. S. (1934). The use of confidence or fiducial limits
       illustrated in the case of the binomial. Biometrika 26, 404-413.

    Examples
    --------
    >>> low, high = exceedance_interval(0, 368)
    >>> low, high < 0.01
    (0.0, True)
    """
    alpha, rest = (1 - confidence) / 2, n - exceeding
    low = special.betaincinv(exceeding, rest + 1, alpha) if exceeding > 0 else 0.0
    high = special.betaincinv(exceeding + 1, rest, 1 - alpha) if rest > 0 else 1.0
    return float(low), float(high)


class Dependence(NamedTuple):
    """How much successive calls depend on each other, and how many independent calls they equal.

    `dependence` returns this object. `lag_1` is the autocorrelation of successive calls.
    `inflation` is the factor by which dependence increases the variance of the share of calls above
    the quantile that is measured. `effective` is the number of calls divided by this factor, which
    is the number of independent calls that would give the same variance.

    The factor is the largest of four estimates. The first is computed from the ranks of the
    latencies. The other three belong to three quantiles: the measured one and two that are more
    extreme. Each is computed from one bool per call: whether its latency is above the quantile.
    `effective_beyond` is like `effective`, but is computed without the first estimate.
    """

    lag_1: float
    inflation: float
    effective: int
    effective_beyond: int


def dependence(values: Floats, share: float, confidence: float = 0.95) -> Dependence:
    """Estimate the effective number of independent calls in a series, for a quantile's interval.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Latencies in the order of the calls; infinities are allowed.
    share : float
        Position of the quantile, between 0 and 1; 0.99 for the 99 % quantile.
    confidence : float
        Level of the interval, by default 0.95.

    Returns
    -------
    Dependence
        `lag_1` is the autocorrelation of the ranks of successive calls, or 0 if all latencies are
        equal. `inflation`, at least 1, is the factor by which dependence increases the variance of
        a share of calls. `effective`, at least 1, is the number of calls divided by `inflation`.
        `effective_beyond` is computed in the same way, but without the first of the four series in
        the notes.

    Notes
    -----
    The inflation of a series is ``1 + 2 * (sum of autocorrelations)``. The sum is computed by
    Geyer's initial monotone sequence method. The inflation is computed for four series, and the
    largest result is returned. The first series has the ranks of the latencies. Each other series
    has a 1 for each call above a certain quantile, and a 0 for each other call. There are three
    such quantiles: the one at `share`, and two that are closer to 0 or 1. They are at 0.9, 0.95 and
    0.975 if `share` is 0.9, and at 0.1, 0.05 and 0.025 if `share` is 0.1.

    An inflation that independent calls could have by chance counts as 1. Any other inflation of the
    last three series is multiplied by ``(t / z)**2``, because the inflation is only a rough
    estimate if the calls above the quantile occur in few clusters. ``t`` is the quantile of
    Student's t distribution at ``(1 + confidence) / 2``, and ``z`` that of the normal distribution.
    The degrees of freedom are the number of clusters minus 1, but at least 2. The number of
    clusters is estimated as ``n * min(share, 1 - share) / inflation``.

    References
    ----------
    .. [1] Geyer, C. J. (1992). Practical Markov chain Monte Carlo. Statistical Science 7, 473-483.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=1_000)
    >>> dependence(noise, 0.99).effective, dependence(np.cumsum(noise), 0.99).effective < 20
    (1000, True)
    """
    n = len(values)
    if n < 2:
        return Dependence(0.0, 1.0, n, n)
    ordered = np.sort(values)
    # Equal values get their mean rank.
    low = np.searchsorted(ordered, values, side="left")
    inflation, lag_1 = _inflation((low + np.searchsorted(ordered, values, side="right")) / 2)
    of_ranks, worst = _beyond_chance(inflation, lag_1, n), 1.0
    end, level = float(share >= 0.5), (1 + confidence) / 2
    for tail in (share, (share + end) / 2, (share + 3 * end) / 4):
        beyond = values > ordered[min(math.ceil(n * tail), n) - 1]
        inflation, _ = _inflation(beyond.astype(np.float64))
        if inflation > 1 + _BY_CHANCE / math.sqrt(n):
            clusters = n * min(share, 1 - share) / inflation
            freedom = max(clusters - 1, _LEAST_FREEDOM)
            wider = float(special.stdtrit(freedom, level) / special.ndtri(level))
            worst = max(worst, inflation * wider**2)
    largest = max(of_ranks, worst)
    return Dependence(lag_1, largest, max(int(n / largest), 1), max(int(n / worst), 1))


def _beyond_chance(inflation: float, lag_1: float, n: int) -> float:
    """Return an inflation of the variance, or 1 if independent calls could have it by chance.

    `inflation` and the autocorrelation `lag_1` are the results of `_inflation` for a series of `n`
    calls. The result is at least 1.
    """
    chance = inflation <= 1 + _BY_CHANCE / math.sqrt(n) and lag_1 <= _LAG_BY_CHANCE / math.sqrt(n)
    return 1.0 if chance else max(inflation, 1.0)


def _inflation(series: Floats) -> tuple[float, float]:
    """Return the factor by which autocorrelation increases the variance of a mean.

    The factor is 1 + 2 * (sum of autocorrelations). The second result is the autocorrelation of
    successive calls (lag 1). For a constant series the result is (1, 0).
    """
    centred, n = series - series.mean(), len(series)
    square = float(centred @ centred)
    if not square > 0:
        return 1.0, 0.0
    # The sum ends at the first pair of neighbouring autocorrelations whose sum is not positive. For
    # independent calls this is soon, and computing a few autocorrelations takes less time than a
    # Fourier transform.
    products: list[Any] = []
    for lag in range(min(_NEAR, n)):
        products.append(centred[lag:] @ centred[: n - lag])
        if lag % 2 and products[-1] + products[-2] <= 0:
            break
    first = float(products[1] / square) if n > 1 else 0.0
    pairs = _pairs(np.array(products) / square)
    if (pairs > 0).all():
        size = 1 << (2 * n - 1).bit_length()
        spectrum = np.fft.rfft(centred, size)
        pairs = _pairs(np.fft.irfft(spectrum * spectrum.conj(), size)[:n] / square)
    ends = np.flatnonzero(pairs <= 0)
    monotone = np.minimum.accumulate(pairs[: ends[0] if len(ends) else len(pairs)])
    return float(2 * monotone.sum() - 1), first


def _pairs(correlation: Floats) -> Floats:
    """Return the sums of two successive autocorrelations: lags 0 and 1, lags 2 and 3, and so on."""
    pairs: Floats = correlation[: len(correlation) // 2 * 2].reshape(-1, 2).sum(axis=1)
    return pairs


def quantile_interval(
    ordered: Floats, share: float, effective: int, confidence: float = 0.95
) -> Interval:
    """Return the confidence interval of a quantile, for values that may depend on each other.

    If there are too few values for an end, this end is infinite.

    Parameters
    ----------
    ordered : numpy.ndarray of float64, shape (n,)
        Values in increasing order.
    share : float
        Position of the quantile, between 0 and 1; 0.99 for the 99 % quantile.
    effective : int
        Effective number of independent values, see `dependence`.
    confidence : float
        Level of the interval, by default 0.95.

    References
    ----------
    .. [1] David, H. A. and Nagaraja, H. N. (2003). Order Statistics, 3rd ed., section 7.1. Wiley.

    Examples
    --------
    >>> values = np.arange(1.0, 1_001.0)
    >>> quantile_interval(values, 0.99, 1_000), quantile_interval(values, 0.99, 500)
    ((983.0, 997.0), (979.0, 1000.0))
    """
    n, (low, high) = len(ordered), order_ranks(effective, share, confidence)
    inflation = n / effective
    below = math.floor((low - 1) * inflation + _CRUMB)
    above = math.floor((effective - high) * inflation + _CRUMB)
    return (
        float(ordered[below]) if low >= 1 else -math.inf,
        float(ordered[n - above - 1]) if high <= effective else math.inf,
    )


def block_interval(values: Floats, share: float, confidence: float = 0.95) -> Interval | None:
    """Return an interval of a quantile from the quantiles of blocks of successive calls.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Latencies in the order of the calls, greater than 0.
    share : float
        Position of the quantile, between 0 and 1; 0.99 for the 99 % quantile.
    confidence : float
        Level of the interval, by default 0.95.

    Returns
    -------
    tuple of float, or None
        Lower and upper end. None if there are too few values, or if the quantile of a block is
        infinite.

    Notes
    -----
    The values are divided into 4 to 20 blocks of successive calls. Each block has about one value
    or more beyond the quantile. The quantile is computed for each block and for all values. On the
    logarithmic scale, the half-width of Student's t interval is computed from the squared
    differences between the quantiles of the blocks and that of all values. The half-width is
    doubled, because the quantiles of short blocks are biased, and because successive blocks may
    depend on each other.

    References
    ----------
    .. [1] Nakayama, M. K. (2014). Confidence intervals for quantiles using sectioning when applying
       variance-reduction techniques. ACM TOMACS 24, 19.

    Examples
    --------
    >>> values = np.random.default_rng(0).lognormal(size=2_000)
    >>> low, high = block_interval(values, 0.95)
    >>> round(low, 2), round(high, 2)
    (4.05, 6.04)
    """
    beyond = len(values) * min(share, 1 - share)
    if beyond < _LEAST_BEYOND:
        return None
    blocks = min(max(int(beyond + _CRUMB), _LEAST_BLOCKS), _BLOCKS)
    exact = Fraction(share).limit_denominator(10**8)
    middle = quantile(np.sort(values), exact)
    each = [quantile(np.sort(block), exact) for block in np.array_split(values, blocks)]
    if not np.isfinite([middle, *each]).all():
        return None
    distances = np.log(each) - math.log(middle)
    error = math.sqrt(float(distances @ distances) / (blocks - 1) / blocks)
    half = _WIDER * float(special.stdtrit(blocks - 1, (1 + confidence) / 2)) * error
    return middle * math.exp(-half), middle * math.exp(half)


def mean_interval(values: Floats, confidence: float = 0.95) -> Interval | None:
    """Return Student's t interval of a mean, widened if the values are autocorrelated.

    `values` are in the order of the calls. The result is None if there are fewer than two values,
    or if one of them is infinite.
    """
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return None
    inflation = _beyond_chance(*_inflation(values), n)
    freedom = max(n / inflation - 1, 1.0)
    error = float(values.std(ddof=1)) * math.sqrt(inflation / n)
    half = float(special.stdtrit(freedom, (1 + confidence) / 2)) * error
    mean = float(values.mean())
    return mean - half, mean + half


def ratio_interval(value: float, ends: Interval, other: float, other_ends: Interval) -> Interval:
    """Return the interval of ``value / other`` from the intervals of two positive estimates.

    The computation uses the logarithms of all numbers. The distance of the lower end of the result
    from the ratio is ``sqrt(a**2 + b**2)``, where ``a`` is the distance of the lower end of `ends`
    from `value`, and ``b`` that of the upper end of `other_ends` from `other`. For the upper end of
    the result, the upper end of `ends` and the lower end of `other_ends` are used. Newcombe's
    method for proportions does the same. The estimates should be independent. If they are
    positively correlated, the interval is wider than needed.

    Parameters
    ----------
    value, other : float
        The two estimates, positive and finite.
    ends, other_ends : tuple of float
        The interval of each estimate. Ends may be infinite.

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> low, high = ratio_interval(2.0, (1.8, 2.2), 1.0, (0.9, 1.1))
    >>> round(low, 3), round(high, 3)
    (1.735, 2.305)
    """
    ratio = value / other
    down = math.hypot(_distance(value, ends[0]), _distance(other, other_ends[1]))
    up = math.hypot(_distance(value, ends[1]), _distance(other, other_ends[0]))
    return ratio * math.exp(-down), (math.inf if math.isinf(up) else ratio * math.exp(min(up, 700)))


def _distance(value: float, end: float) -> float:
    """Return ``abs(log(end / value))``; infinite if `end` is 0, negative or infinite."""
    return abs(math.log(end / value)) if 0 < end < math.inf else math.inf


def corrected_for_omission(latencies: npt.ArrayLike, expected_interval: float) -> Floats:
    """Return latencies corrected for coordinated omission.

    A client that waits for each answer sends no other calls during a slow call. This function adds
    the latencies that these calls would have had. After each latency above `expected_interval` it
    adds latencies that are shorter by one, two, three, ... intervals, as long as they are not
    shorter than `expected_interval`. Infinite latencies (failed calls) are kept, and nothing is
    added after them.

    Parameters
    ----------
    latencies : array_like of float, shape (n,)
        Latencies of one client, in the order of the calls.
    expected_interval : float
        Intended time between the starts of two calls, in the unit of the latencies.

    Returns
    -------
    numpy.ndarray of float64, shape (k,), k at least n

    Raises
    ------
    ValueError
        If there would be more than 50 million latencies.

    References
    ----------
    .. [1] Tene, G. HdrHistogram: corrected recording of values (coordinated omission).

    Examples
    --------
    >>> corrected_for_omission([1.0, 5.0, 1.0], 2.0).tolist()
    [1.0, 5.0, 3.0, 1.0]
    """
    given = np.asarray(latencies, np.float64)
    finite = np.where(np.isfinite(given), given, 0.0)
    steps = finite / expected_interval
    omitted = np.maximum(np.floor(steps * (1 + 1e-12)) - 1, 0)
    total = len(given) + float(omitted.sum())
    if not total <= MOST_CORRECTED:
        raise ValueError(
            "with a latency for each call that was not sent during a slow call, there would be "
            f"{total:,.0f} latencies; at most {MOST_CORRECTED:,} are allowed"
        )
    copies = omitted.astype(np.int64) + 1
    place = np.arange(int(copies.sum())) - np.repeat(np.cumsum(copies) - copies, copies)
    corrected: Floats = np.repeat(given, copies) - place * expected_interval
    return corrected
