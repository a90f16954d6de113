"""Quantiles of latencies: intervals without an assumed distribution, of calls that may depend.

A quantile's interval is a pair of order statistics, chosen by the binomial distribution. It agrees
with Clopper and Pearson's interval of the share of calls beyond a limit: the upper end is within
the limit exactly when that share is shown to be small enough. Successive calls are seldom
independent, so the binomial distribution is that of an effective number of calls.
"""

import math
from bisect import bisect_left
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Floats

__all__ = ["exceedance_interval"]

Interval = tuple[float, float]

#: Independent calls give an inflation beyond 1 + 12 / sqrt(n), and a lag-1 autocorrelation beyond
#: 2.33 / sqrt(n), one time in a hundred each; below both it is taken as chance.
_BY_CHANCE = 12.0
_LAG_BY_CHANCE = 2.33
#: However few clusters there are, an interval twice as wide as it would be is wide enough.
_LEAST_FREEDOM = 2.0
#: Lags that are computed one by one.
_NEAR = 64
#: More corrected latencies than this mean a wrong unit of the interval.
MOST_CORRECTED = 50_000_000
_CRUMB = 1e-9


def quantile(ordered: Floats, share: Fraction) -> float:
    """Return the smallest value that at least `share` of the values don't exceed.

    `ordered` ascends and may hold infinite values; `share` is exact, so that the rank of p99.9 is
    that of 999 in 1,000.

    Examples
    --------
    >>> quantile(np.arange(1.0, 101.0), Fraction(99, 100))
    99.0
    """
    return float(ordered[math.ceil(len(ordered) * share) - 1])


def order_ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int, int]:
    """Return the ranks, from 1, of the order statistics that hold a quantile.

    The lower is the binomial quantile of (1 - confidence) / 2, the upper that of
    (1 + confidence) / 2, plus 1; 0 or n + 1 where no value of `n` independent ones is certain
    enough.

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
        """Return the chance of at most k of n, k less than n."""
        return float(special.betainc(n - k, k + 1, 1 - share))

    low, high = (bisect_left(range(n), level, key=at_most) for level in (alpha, 1 - alpha))
    return low, high + 1


def least_calls(share: float, confidence: float = 0.95) -> int:
    """Return the fewest independent calls whose order statistics bound a quantile on both sides.

    Examples
    --------
    >>> [least_calls(share) for share in (0.5, 0.95, 0.99, 0.999)]
    [6, 72, 368, 3688]
    """
    n = math.ceil(math.log((1 - confidence) / 2) / math.log(max(share, 1 - share)))
    while True:  # the logarithms may have lost the last digit
        low, high = order_ranks(n, share, confidence)
        if low >= 1 and high <= n:
            return n
        n += 1


def exceedance_interval(exceeding: float, n: float, confidence: float = 0.95) -> Interval:
    """Return Clopper and Pearson's interval of the share of calls beyond a limit.

    `exceeding` of `n` calls are beyond; of an effective number of calls both are fractions. The
    two-sided interval holds at least `confidence`.

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
    """Autocorrelation of calls, inflation of the variance, and the effective number of calls."""

    lag_1: float
    inflation: float
    effective: int


def dependence(values: Floats, share: float, confidence: float = 0.95) -> Dependence:
    """Return how many independent calls a series of calls is worth for a quantile.

    The inflation of a share's variance, ``1 + 2 * (sum of autocorrelations)``, is the largest of
    four: that of the ranks, that of the indicators of calls beyond the quantile, and those of calls
    beyond the quantiles halfway and three quarters of the way from it to the end. The sum is
    Geyer's initial monotone sequence. Below what independent calls give by chance it counts as 1.
    Where the calls beyond come in few clusters the estimate is poor, so it is widened as Student's
    t widens the normal distribution. The latencies are in the order of the calls, and may be
    infinite; `lag_1` is the autocorrelation of the ranks of neighbours, 0 where all are equal.

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
        return Dependence(0.0, 1.0, n)
    ordered = np.sort(values)
    # Equal values have their mean rank.
    low = np.searchsorted(ordered, values, side="left")
    inflation, lag_1 = _inflation((low + np.searchsorted(ordered, values, side="right")) / 2)
    worst = _beyond_chance(inflation, lag_1, n)
    end, level = float(share >= 0.5), (1 + confidence) / 2
    for tail in (share, (share + end) / 2, (share + 3 * end) / 4):
        beyond = values > ordered[min(math.ceil(n * tail), n) - 1]
        inflation, _ = _inflation(beyond.astype(np.float64))
        if inflation > 1 + _BY_CHANCE / math.sqrt(n):
            clusters = n * min(share, 1 - share) / inflation
            freedom = max(clusters - 1, _LEAST_FREEDOM)
            wider = float(special.stdtrit(freedom, level) / special.ndtri(level))
            worst = max(worst, inflation * wider**2)
    return Dependence(lag_1, worst, max(int(n / worst), 1))


def _beyond_chance(inflation: float, lag_1: float, n: int) -> float:
    """Return an inflation of at least 1; 1 where independent calls give the same by chance."""
    chance = inflation <= 1 + _BY_CHANCE / math.sqrt(n) and lag_1 <= _LAG_BY_CHANCE / math.sqrt(n)
    return 1.0 if chance else max(inflation, 1.0)


def _inflation(series: Floats) -> tuple[float, float]:
    """Return 1 + 2 * (sum of autocorrelations), and the first of them; (1, 0) of a constant."""
    centred, n = series - series.mean(), len(series)
    square = float(centred @ centred)
    if not square > 0:
        return 1.0, 0.0
    # Sums of neighbours decrease, except by chance, until they are lost in noise; that is soon
    # where calls are independent, and a few products are cheaper than a transform.
    products = np.array([centred[lag:] @ centred[: n - lag] for lag in range(min(_NEAR, n))])
    first = float(products[1] / square) if n > 1 else 0.0
    pairs = _pairs(products / square)
    if (pairs > 0).all():
        size = 1 << (2 * n - 1).bit_length()
        spectrum = np.fft.rfft(centred, size)
        pairs = _pairs(np.fft.irfft(spectrum * spectrum.conj(), size)[:n] / square)
    lost = np.flatnonzero(pairs <= 0)
    kept = np.minimum.accumulate(pairs[: lost[0] if len(lost) else len(pairs)])
    return float(2 * kept.sum() - 1), first


def _pairs(correlation: Floats) -> Floats:
    """Return the sums of neighbours: of the lags 0 and 1, 2 and 3, and so on."""
    pairs: Floats = correlation[: len(correlation) // 2 * 2].reshape(-1, 2).sum(axis=1)
    return pairs


def quantile_interval(
    ordered: Floats, share: float, effective: int, confidence: float = 0.95
) -> Interval:
    """Return the order statistics that hold a quantile; infinite ends where calls are too few.

    `ordered` ascends; its values are worth `effective` independent ones.

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


def mean_interval(values: Floats, confidence: float = 0.95) -> Interval | None:
    """Return Student's interval of a mean, widened where the values are autocorrelated.

    None for fewer than two values, or an infinite one.
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
    """Return the interval of the ratio of two finite positive numbers from the interval of each.

    On the scale of logarithms the distances of the ends are added as squares, as Newcombe does for
    proportions; a correlation of the two is not subtracted, so that it is wide rather than narrow.
    Ends may be infinite.

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
    """Return the distance of two numbers on the scale of logarithms."""
    return abs(math.log(end / value)) if 0 < end < math.inf else math.inf


def corrected_for_omission(latencies: npt.ArrayLike, expected_interval: float) -> Floats:
    """Return latencies with those of the calls that were not sent during a slow one.

    A sender that waits for each answer sends nothing while the server stalls. After each latency
    above `expected_interval`, the time between two calls of one sender, come those that calls sent
    meanwhile would have had: shorter by one interval each, down to the interval. Infinite latencies
    (failed calls) are kept.

    Raises
    ------
    ValueError
        When there would be more than 50 million.

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
        by = f"corrected by an interval of {expected_interval:g}"
        msg = f"{by} there would be {total:,.0f} latencies, at most {MOST_CORRECTED:,} are made"
        raise ValueError(msg)
    copies = omitted.astype(np.int64) + 1
    place = np.arange(int(copies.sum())) - np.repeat(np.cumsum(copies) - copies, copies)
    corrected: Floats = np.repeat(given, copies) - place * expected_interval
    return corrected
