"""Quantiles of latencies: intervals that no distribution is assumed for, of calls that may depend.

A quantile's interval is a pair of order statistics; which ones says the binomial distribution. It
is the one that Clopper and Pearson's interval of the share of calls beyond a limit gives: the upper
end is within the limit exactly when that share is shown to be small enough. Calls that follow one
another are seldom independent, so the binomial distribution is that of an effective number.
"""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "Dependence",
    "Interval",
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

Floats = npt.NDArray[np.float64]
Interval = tuple[float, float]

#: Independent calls give an inflation beyond 1 + 12 / sqrt(n), and a lag-1 autocorrelation beyond
#: 2.33 / sqrt(n), one time in a hundred each; what is below both is taken for chance.
_BY_CHANCE = 12.0
_LAG_BY_CHANCE = 2.33
#: However few clusters there are, an interval twice as wide as it would be is wide enough.
_LEAST_FREEDOM = 2.0
#: Lags that are looked at one by one.
_NEAR = 64
#: More corrected latencies than this are no measurement but a wrong unit of the interval.
MOST_CORRECTED = 50_000_000
_CRUMB = 1e-9


def quantile(ordered: Floats, share: Fraction) -> float:
    """Smallest value that at least `share` of the values don't exceed: one that was observed.

    Parameters
    ----------
    ordered : numpy.ndarray of float64, shape (n,)
        Values in ascending order; infinite ones are values.
    share : Fraction
        Between 0 and 1; exact, so that the rank of p99.9 is that of 999 in 1,000.

    Examples
    --------
    >>> quantile(np.arange(1.0, 101.0), Fraction(99, 100))
    99.0
    """
    return float(ordered[math.ceil(len(ordered) * share) - 1])


def order_ranks(n: int, share: float, confidence: float = 0.95) -> tuple[int, int]:
    """Ranks, from 1, of the order statistics that hold a quantile: 0 or n + 1 where none does.

    The lower is the binomial quantile of (1 - confidence) / 2, the upper that of
    (1 + confidence) / 2, plus 1.

    Parameters
    ----------
    n : int
        Independent values.
    share : float
        Which quantile.
    confidence : float, default 0.95
        Of the two-sided interval; it holds at least that.

    References
    ----------
    .. [1] David, H. A. and Nagaraja, H. N. (2003). Order Statistics, 3rd ed., section 7.1. Wiley.

    Examples
    --------
    >>> order_ranks(1_000, 0.99)
    (983, 997)
    >>> order_ranks(300, 0.99)  # no value of so few is surely beyond the 99 % quantile
    (293, 301)
    """
    alpha = (1 - confidence) / 2
    return _binomial_quantile(alpha, n, share), _binomial_quantile(1 - alpha, n, share) + 1


def _binomial_quantile(level: float, n: int, share: float) -> int:
    """Smallest k that a binomial count doesn't exceed with chance `level`."""
    low, high = -1, n  # the chance of at most n is 1
    while high - low > 1:
        middle = (low + high) // 2
        # the chance of at most `middle` successes
        if special.betainc(n - middle, middle + 1, 1 - share) >= level:
            high = middle
        else:
            low = middle
    return high


def least_calls(share: float, confidence: float = 0.95) -> int:
    """Fewest independent calls of which the order statistics can hold a quantile on both sides.

    Examples
    --------
    >>> [least_calls(share) for share in (0.5, 0.95, 0.99, 0.999)]
    [6, 72, 368, 3688]
    """
    further = max(share, 1 - share)
    found = math.ceil(math.log((1 - confidence) / 2) / math.log(further))
    # the logarithms may have lost the last digit
    while not _is_held(found, share, confidence):
        found += 1
    return found


def _is_held(n: int, share: float, confidence: float) -> bool:
    low, high = order_ranks(n, share, confidence)
    return low >= 1 and high <= n


def exceedance_interval(exceeding: float, n: float, confidence: float = 0.95) -> Interval:
    """Clopper and Pearson's interval of the share of calls beyond a limit.

    Parameters
    ----------
    exceeding, n : float
        Calls beyond, and in all; of an effective number of calls both are fractions.
    confidence : float, default 0.95
        Of the two-sided interval; it holds at least that.

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
    """How much calls depend on those before them, and how many independent ones they are worth."""

    lag_1: float
    inflation: float
    effective: int


def dependence(values: Floats, share: float, confidence: float = 0.95) -> Dependence:
    """How many independent calls as many calls in a row are worth for a quantile.

    The inflation of a share's variance, ``1 + 2 * (sum of autocorrelations)``, is the largest of
    four: that of the ranks, that of the indicators of calls beyond the quantile, and those of calls
    beyond the quantiles halfway and three quarters of the way from it to the end. The sum is
    Geyer's initial monotone sequence. Below what independent calls give by chance it counts as 1.
    Of calls beyond that come in few clusters it is known badly, for which it is widened as
    Student's t widens the normal distribution.

    Parameters
    ----------
    values : numpy.ndarray of float64, shape (n,)
        Latencies in the order of the calls; infinite ones are values.
    share : float
        Which quantile.
    confidence : float, default 0.95
        Of the interval that is to be had.

    Returns
    -------
    Dependence
        `lag_1` is the autocorrelation of the ranks of neighbours, 0 where all values are one.

    References
    ----------
    .. [1] Geyer, C. J. (1992). Practical Markov chain Monte Carlo. Statistical Science 7, 473-483.
    .. [2] Vehtari, A., Gelman, A., Simpson, D., Carpenter, B. and Bürkner, P.-C. (2021).
       Rank-normalization, folding, and localization: an improved R-hat. Bayesian Analysis 16,
       667-718 (effective sample size of quantiles).

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(size=1_000)
    >>> dependence(noise, 0.99).effective
    1000
    >>> dependence(np.cumsum(noise), 0.99).effective < 20
    True
    """
    n = len(values)
    if n < 2:
        return Dependence(0.0, 1.0, n)
    ordered = np.sort(values)
    inflation, lag_1 = _inflation(_ranks(values, ordered))
    worst = _beyond_chance(inflation, lag_1, n)
    end = float(share >= 0.5)
    for level in (share, (share + end) / 2, (share + 3 * end) / 4):
        beyond = values > ordered[min(math.ceil(n * level), n) - 1]
        inflation, _ = _inflation(beyond.astype(np.float64))
        if inflation > 1 + _BY_CHANCE / math.sqrt(n):
            clusters = n * min(share, 1 - share) / inflation
            worst = max(worst, inflation * _widening(clusters, confidence))
    return Dependence(lag_1, worst, max(int(n / worst), 1))


def _beyond_chance(inflation: float, lag_1: float, n: int) -> float:
    """Return an inflation of at least 1; 1 where independent calls give the same by chance."""
    chance = inflation <= 1 + _BY_CHANCE / math.sqrt(n) and lag_1 <= _LAG_BY_CHANCE / math.sqrt(n)
    return 1.0 if chance else max(inflation, 1.0)


def _ranks(values: Floats, ordered: Floats) -> Floats:
    """Ranks of the values, those that are equal with their mean rank."""
    low = np.searchsorted(ordered, values, side="left")
    return (low + np.searchsorted(ordered, values, side="right")) / 2


def _inflation(series: Floats) -> tuple[float, float]:
    """Return 1 + 2 * (sum of autocorrelations), and the first of them; (1, 0) of a constant."""
    centred = series - series.mean()
    square = float(centred @ centred)
    if not square > 0:
        return 1.0, 0.0
    # sums of neighbours decrease, save by chance, until they are lost in noise; that is soon
    # where calls are independent, and a few products are cheaper than a transform
    near = min(_NEAR, len(series))
    products = np.array([centred[lag:] @ centred[: len(centred) - lag] for lag in range(near)])
    pairs = _pairs(products / square)
    if (pairs > 0).all():
        pairs = _pairs(_covariance(centred) / square)
    lost = np.flatnonzero(pairs <= 0)
    kept = np.minimum.accumulate(pairs[: lost[0] if len(lost) else len(pairs)])
    following = float(products[1] / square) if near > 1 else 0.0
    return float(2 * kept.sum() - 1), following


def _pairs(correlation: Floats) -> Floats:
    """Return the sums of neighbours: of the lags 0 and 1, 2 and 3, and so on."""
    pairs: Floats = correlation[: len(correlation) // 2 * 2].reshape(-1, 2).sum(axis=1)
    return pairs


def _covariance(centred: Floats) -> Floats:
    """Return the sums of products at each lag."""
    n = len(centred)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    return np.fft.irfft(spectrum * spectrum.conj(), size)[:n]


def _widening(clusters: float, confidence: float) -> float:
    """Square of how much wider Student's t is than the normal distribution."""
    level = (1 + confidence) / 2
    freedom = max(clusters - 1, _LEAST_FREEDOM)
    return float((special.stdtrit(freedom, level) / special.ndtri(level)) ** 2)


def quantile_interval(
    ordered: Floats, share: float, effective: int, confidence: float = 0.95
) -> Interval:
    """Order statistics that hold a quantile; infinite ends where the calls are too few for one.

    Parameters
    ----------
    ordered : numpy.ndarray of float64, shape (n,)
        Values in ascending order.
    share : float
        Which quantile.
    effective : int
        How many independent values they are worth.
    confidence : float, default 0.95
        Of the two-sided interval.

    Examples
    --------
    >>> values = np.arange(1.0, 1_001.0)
    >>> quantile_interval(values, 0.99, 1_000)
    (983.0, 997.0)
    >>> quantile_interval(values, 0.99, 500)
    (979.0, 1000.0)
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
    """Student's interval of a mean, widened where the values depend on those before them.

    Returns
    -------
    (float, float) or None
        None of fewer than two values, and where one is infinite.
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
    """Interval of the ratio of two positive numbers from the interval of each.

    On the scale of logarithms the distances of the ends are added as squares, as Newcombe does for
    proportions; what the two have in common is not taken off, which makes it wide rather than
    narrow.

    Parameters
    ----------
    value, other : float
        The two numbers, finite.
    ends, other_ends : (float, float)
        Their intervals; the ends may be infinite.

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
    """Distance of two numbers on the scale of logarithms."""
    return abs(math.log(end / value)) if 0 < end < math.inf else math.inf


def corrected_for_omission(latencies: npt.ArrayLike, expected_interval: float) -> Floats:
    """Latencies with those of the calls that were never sent while a slow one was waited for.

    Who sends the next call only when the last has been answered sends none while the server stalls.
    After each latency above `expected_interval` come those that calls sent meanwhile would have
    had: shorter by one interval each, down to the interval. It mends what was measured in a closed
    loop; sending by the clock measures it.

    Parameters
    ----------
    latencies : array_like of float
        In the order of the calls. Infinite ones (failed calls) stay as they are.
    expected_interval : float
        Time between two calls of one sender, in the unit of the latencies.

    Returns
    -------
    numpy.ndarray of float64

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
    mended: Floats = np.repeat(given, copies) - place * expected_interval
    return mended
