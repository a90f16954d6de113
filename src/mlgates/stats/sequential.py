"""Tests that may be repeated at any time as data come in: e-values of counts, and a detector.

Events are counted in looks. A look has the counts of all requests since the look before it. An
e-value is at least 0 and has an expectation of at most 1 if the null hypothesis is true. The
e-values here are valid over all looks together: the probability that any of them reaches ``1 /
alpha`` is at most alpha. They are returned as logarithms, which never overflow.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Floats, Mask

__all__ = [
    "beta_log_e",
    "rate_log_e",
    "rate_scale_needed",
    "ratio_estimate",
    "ratio_interval",
    "ratio_log_e",
    "ratio_scale_needed",
    "shiryaev_roberts",
]

#: The two sides of a null hypothesis about a ratio or a rate.
Side = Literal["greater", "less"]

# the mixture over log ratios: a cube, so that it is dense at 0 and finds small changes, too
_PLACES = (np.arange(32) + 0.5) / 32
_LOG_RATIOS = 3 * _PLACES**3
_WEIGHTS = _PLACES**2 * np.exp(-((_LOG_RATIOS / 0.7) ** 2) / 2)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
#: Beyond this distance on the logit scale an e-value of up to 10**12 counts is at its limit.
_FAR = 100.0
#: A smaller mass of a tail is computed by a series.
_TINY = 1e-280


def ratio_log_e(
    candidate: npt.ArrayLike,
    production: npt.ArrayLike,
    share: npt.ArrayLike,
    ratio: float = 1.0,
    *,
    side: Side,
) -> float:
    r"""Return the log e-value against the hypothesis that a ratio of rates is at most `ratio`.

    The ratio is the event rate of the candidate divided by that of production. With
    ``side="less"``, the hypothesis is that the ratio is at least `ratio`. Counts are given by look:
    a look is a stretch of time in which the candidate gets one share of the traffic.

    An event comes from the candidate or from production. If the candidate's share of the traffic is
    :math:`\rho` and the ratio is :math:`r`, it comes from the candidate with probability
    :math:`\theta(r) = \rho r / (\rho r + 1 - \rho)`, also if the event rate of production changes.
    The e-value is the mean of 32 likelihood ratios. Each of them compares a ratio :math:`r_j` with
    `ratio`; all :math:`r_j` are greater than `ratio`, or less for ``side="less"``. The e-value is
    valid at any number of looks if requests are routed at random. If the numbers of requests of
    candidate and production are fixed in advance, it is conservative.

    Parameters
    ----------
    candidate, production : array_like of shape (looks,)
        Number of events in each look, among the requests of the candidate and of production.
    share : array_like of shape (looks,)
        Probability, in each look, that a request was routed to the candidate. Looks with a share of
        0 or 1 compare nothing and don't count.
    ratio : float
        The ratio of the null hypothesis, greater than 0.
    side : {"greater", "less"}
        "greater" tests that the ratio is at most `ratio`, "less" that it is at least `ratio`.

    Returns
    -------
    float
        Natural logarithm of the e-value; 0 without events.

    References
    ----------
    .. [1] Lindon, M. and Malek, A. (2022). Anytime-valid inference for multinomial count data.
       Advances in Neural Information Processing Systems 35.
    .. [2] Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm.
       Annals of Mathematical Statistics 41, 1397-1409.

    Examples
    --------
    >>> round(math.exp(ratio_log_e([30], [135], [0.1], side="greater")), 2)
    56.98
    """
    looks = _Looks(candidate, production, share)
    return float(_log_mean(looks.exponents(math.log(ratio), side)))


def ratio_estimate(
    candidate: npt.ArrayLike, production: npt.ArrayLike, share: npt.ArrayLike
) -> float:
    """Return an estimate of the event rate of the candidate divided by that of production.

    For a given ratio, the expected number of candidate events is computed in each look, from the
    share of the traffic in this look, and added up. The result is the ratio for which this sum is
    the number of candidate events that was counted. It would be wrong to divide the rates of all
    looks together, because both the share and the event rate may change between looks.

    Parameters
    ----------
    candidate, production, share : array_like of shape (looks,)
        As in `ratio_log_e`.

    Returns
    -------
    float
        0 if only production had events, infinity if only the candidate had, NaN without events.

    Examples
    --------
    >>> ratio_estimate([20], [20], [0.2])
    4.0
    >>> round(ratio_estimate([2, 60], [98, 140], [0.01, 0.25]), 3)
    1.307
    """
    looks = _Looks(candidate, production, share)
    events = float(looks.candidate.sum())
    others = float(looks.total.sum()) - events
    if not (events and others):
        return math.nan if events == others else 0.0 if others else math.inf
    if len(looks.share) == 1:
        rho = float(looks.share[0])
        return events * (1 - rho) / (others * rho)

    def excess(log_ratio: Floats) -> Floats:
        return special.expit(log_ratio[:, None] + looks.logit) @ looks.total - events

    low, high = looks.bracket()
    return _exp(_root(excess, low, high))


def ratio_interval(
    candidate: npt.ArrayLike,
    production: npt.ArrayLike,
    share: npt.ArrayLike,
    *,
    lower: float,
    upper: float,
) -> tuple[float, float]:
    """Return an interval of the ratio of event rates, valid at any number of looks.

    It contains the ratios that no e-value refutes.

    Parameters
    ----------
    candidate, production, share : array_like of shape (looks,)
        As in `ratio_log_e`.
    lower, upper : float
        E-values, greater than 1, at which a ratio is refuted: `lower` for the lower end of the
        interval, `upper` for its upper end. The interval has a confidence of
        ``1 - 1 / lower - 1 / upper`` over all looks together.

    Returns
    -------
    (float, float)
        The largest ratio for which the e-value with ``side="greater"`` is at least `lower`, or 0;
        and the smallest ratio for which the e-value with ``side="less"`` is at least `upper`, or
        infinity.

    References
    ----------
    .. [1] Howard, S. R., Ramdas, A., McAuliffe, J. and Sekhon, J. (2021). Time-uniform,
       nonparametric, nonasymptotic confidence sequences. Annals of Statistics 49, 1055-1080.

    Examples
    --------
    >>> low, high = ratio_interval([30], [135], [0.1], lower=100, upper=20)
    >>> round(low, 3), round(high, 3)
    (0.956, 3.404)
    """
    looks = _Looks(candidate, production, share)
    low, high = looks.bracket()

    # both e-values are monotone in the ratio
    def above(log_ratio: Floats) -> Floats:
        return math.log(lower) - _log_mean(looks.exponents(log_ratio, "greater"))

    def below(log_ratio: Floats) -> Floats:
        return _log_mean(looks.exponents(log_ratio, "less")) - math.log(upper)

    ends = np.array([low, high])
    has_low, has_high = above(ends)[0] <= 0, below(ends)[1] >= 0
    return (
        _exp(_root(above, low, high)) if has_low else 0.0,
        _exp(_root(below, low, high)) if has_high else math.inf,
    )


def ratio_scale_needed(
    candidate: npt.ArrayLike,
    production: npt.ArrayLike,
    share: npt.ArrayLike,
    ratio: float = 1.0,
    *,
    side: Side,
    e_value: float,
) -> float | None:
    """Return the factor by which all counts must grow to reach an e-value.

    Parameters
    ----------
    candidate, production, share, ratio, side
        As in `ratio_log_e`.
    e_value : float
        The e-value to reach, greater than 1.

    Returns
    -------
    float or None
        The smallest factor, at most 1 if the e-value is already reached; None if no factor is
        enough.

    Notes
    -----
    The log e-value is convex in the factor and 0 at 0, so it reaches a positive number once.

    Examples
    --------
    >>> round(ratio_scale_needed([41], [360], [0.1], 1.5, side="less", e_value=20), 3)
    1.382
    """
    looks = _Looks(candidate, production, share)
    return _scale_needed(looks.exponents(math.log(ratio), side), e_value)


def _scale_needed(slopes: Floats, e_value: float) -> float | None:
    """Return the factor by which the counts must grow to reach an e-value.

    The e-value is the mean of 32 likelihood ratios. Their logarithms grow in proportion to the
    counts; `slopes`, of shape (32,), are these logarithms for the present counts. The result is
    None if no growth is enough.
    """
    wanted, rising = math.log(e_value), slopes > 0
    if not rising.any():
        return None
    most = float(np.min((wanted - _LOG_WEIGHTS[rising]) / slopes[rising]))
    return _root(lambda factor: _log_mean(factor[:, None] * slopes) - wanted, 0.0, most)


def beta_log_e(
    first: int,
    second: int,
    share: float,
    prior: tuple[float, float] = (1.0, 1.0),
    *,
    side: Side | Literal["both"] = "both",
) -> float:
    r"""Return the log e-value against the hypothesis that two counts are split by a stated share.

    The e-value is the mean likelihood ratio of other shares against the stated one. The other
    shares have a beta distribution. For ``side="both"`` the whole distribution is used, for example
    to test whether requests were routed as stated. For "greater" or "less", only its part above or
    below `share` is used; with a prior of (1, 1), the test is then the count test of Lindon and
    Malek, which compares the event rates of two groups of requests.

    Parameters
    ----------
    first, second : int
        The two counts.
    share : float
        Stated share of `first`, between 0 and 1, both excluded.
    prior : (float, float)
        Parameters of the beta distribution, both positive.
    side : {"both", "greater", "less"}
        "greater" and "less" take the part of the distribution above or below `share`.

    Returns
    -------
    float
        Natural logarithm of the e-value. Its error is below 0.01 at counts of 10**12.

    References
    ----------
    .. [1] Lindon, M. and Malek, A. (2022). Anytime-valid inference for multinomial count data.
       Advances in Neural Information Processing Systems 35.

    Examples
    --------
    >>> round(math.exp(beta_log_e(10, 0, 0.5)), 2)
    93.09
    >>> round(math.exp(beta_log_e(30, 15, 0.5, side="greater")), 3)
    4.378
    """
    if side == "less":  # exact also for a share near 0
        return _beta_log_e(second, first, 1 - share, share, prior[::-1], one_sided=True)
    return _beta_log_e(first, second, share, 1 - share, prior, one_sided=side == "greater")


def _beta_log_e(
    first: int, second: int, p: float, q: float, prior: tuple[float, float], *, one_sided: bool
) -> float:
    """Return the log e-value against the share `p` of `first`; `q` is ``1 - p`` without rounding.

    The other shares, those of the alternative, are on both sides of `p`, or with `one_sided` only
    above it. `prior` has the parameters of their beta distribution.
    """
    a, b = first + prior[0], second + prior[1]
    log_p, log_q = math.log(p), math.log(q)
    whole = float(special.betaln(a, b) - special.betaln(*prior))
    whole -= first * log_p + second * log_q
    if not one_sided:
        return whole

    def log_above(x: float, y: float) -> float:
        # the mass above p is that of the mirrored distribution below q
        mass = float(special.betainc(y, x, q))
        if mass > _TINY:
            return math.log(mass)
        # the first terms of its series, a geometric one far in the tail
        edge = y * log_q + x * log_p - float(special.betaln(y, x))
        return edge - math.log(y - (x + y) * q)

    return whole + log_above(a, b) - log_above(*prior)


def rate_log_e(events: int, requests: int, limit: float) -> float:
    """Return the log e-value that the rate of events is below a limit.

    The e-value is a weighted mean, over 32 rates smaller than `limit`, of the likelihood ratio of
    that rate against `limit`. The 32 rates are between ``0.05 * limit`` and `limit`, and most of
    them are near `limit`. Without an event, about ``5.83 / limit`` requests give an e-value of 20.

    Parameters
    ----------
    events, requests : int
        Number of requests with the event, and of all requests.
    limit : float
        The rate of the null hypothesis, between 0 and 1, both excluded.

    Returns
    -------
    float
        Natural logarithm of the e-value.

    Examples
    --------
    >>> round(math.exp(rate_log_e(0, 5_830, 0.001)), 2)
    20.05
    """
    return float(_log_mean(_rate_exponents(events, requests, limit)))


def rate_scale_needed(events: int, requests: int, limit: float, *, e_value: float) -> float | None:
    """Return the factor by which both counts must grow for `rate_log_e` to reach an e-value.

    Parameters
    ----------
    events, requests, limit
        As in `rate_log_e`.
    e_value : float
        The e-value to reach, greater than 1.

    Returns
    -------
    float or None
        The least factor; None if no factor is enough.

    Examples
    --------
    >>> round(rate_scale_needed(0, 1_000, 0.001, e_value=20), 2)
    5.83
    """
    return _scale_needed(_rate_exponents(events, requests, limit), e_value)


def _rate_exponents(events: int, requests: int, limit: float) -> Floats:
    """Return the log likelihood ratios of 32 rates, each smaller than a limit, against the limit.

    The 32 rates are ``limit / r`` for the fixed ratios ``r`` of this module, which are above 1. The
    result has shape (32,). `events` of `requests` requests have the event.
    """
    others: Floats = np.log1p(-np.expm1(-_LOG_RATIOS) * limit / (1 - limit))
    return -events * _LOG_RATIOS + (requests - events) * others


def shiryaev_roberts(p_values: npt.ArrayLike, threshold: float) -> tuple[Floats, Mask, Floats]:
    """Return the mean Shiryaev-Roberts statistic after each window, and whether it is an alarm.

    Each stream has a statistic, which starts at 0. A p-value of the stream is converted to the
    e-value ``e = p ** -0.5 / 2``, and the statistic becomes ``(statistic + 1) * e``. An alarm is
    raised after a window if the mean statistic of all streams reaches the threshold; all statistics
    then start again at 0. Without a change, the expected number of windows until an alarm is at
    least `threshold`, for any dependence between the streams of a window.

    Parameters
    ----------
    p_values : array_like of shape (windows, streams)
        Unadjusted p-values in order of time. A NaN means that there is no p-value, and does not
        change the statistic of the stream. A p-value of 0 counts as 1e-300.
    threshold : float
        The smallest expected number of windows between false alarms.

    Returns
    -------
    means : ndarray of shape (windows,)
        The mean statistic, before it starts again.
    alarms : ndarray of bool of shape (windows,)
        Whether the mean reached the threshold.
    last : ndarray of shape (streams,)
        The statistic of each stream after the last window, before it starts again.

    References
    ----------
    .. [1] Shin, J., Ramdas, A. and Rinaldo, A. (2024). E-detectors: a nonparametric framework for
       sequential change detection. New England Journal of Statistics in Data Science 2, 229-260.
    .. [2] Pollak, M. (1985). Optimal detection of a change in distribution. Annals of Statistics
       13, 206-227.

    Examples
    --------
    >>> means, alarms, _ = shiryaev_roberts([[0.25], [0.01], [0.01]], threshold=30)
    >>> means.tolist(), alarms.tolist()
    ([1.0, 10.0, 55.0], [False, False, True])
    """
    e_values = np.maximum(np.asarray(p_values, np.float64), 1e-300) ** -0.5 / 2
    means = np.zeros(len(e_values))
    last = statistic = np.zeros(e_values.shape[1])
    for window, e in enumerate(e_values):
        # a statistic that could overflow has raised an alarm long before
        statistic = np.where(np.isnan(e), statistic, (statistic + 1) * e)
        last = statistic
        means[window] = statistic.mean() if len(statistic) else 0.0
        if means[window] >= threshold:
            statistic = np.zeros_like(statistic)
    return means, means >= threshold, last


class _Looks:
    """The event counts of many looks; looks with the same share are added up.

    The share of a look is the probability that a request was routed to the candidate. Looks with a
    share of 0 or 1 are left out, because they compare nothing.
    """

    def __init__(
        self, candidate: npt.ArrayLike, production: npt.ArrayLike, share: npt.ArrayLike
    ) -> None:
        given = [np.asarray(each, np.float64) for each in (candidate, production, share)]
        kept = (given[2] > 0) & (given[2] < 1)
        events, others, shares = (each[kept] for each in given)
        self.share, place = np.unique(shares, return_inverse=True)
        self.candidate = np.bincount(place, events, len(self.share))
        self.total = self.candidate + np.bincount(place, others, len(self.share))
        self.logit: Floats = special.logit(self.share)

    def bracket(self) -> tuple[float, float]:
        """Return the limits of the search for an estimate or an interval end, as log ratios.

        The likelihood hardly changes below the lower limit or above the upper one.
        """
        if not len(self.logit):
            return -_FAR, _FAR
        return -float(self.logit.max()) - _FAR, -float(self.logit.min()) + _FAR

    def exponents(self, log_ratio: "float | Floats", side: Side) -> Floats:
        """Return the log likelihood ratios of 32 ratios of rates against a null ratio.

        `log_ratio` is the logarithm of the null ratio, or an array of such logarithms. The 32
        ratios are greater or less than it, according to `side`. The result has the shape of
        `log_ratio`, followed by 32.
        """
        steps = _LOG_RATIOS if side == "greater" else -_LOG_RATIOS
        theta: Floats = special.expit(np.asarray(log_ratio)[..., None] + self.logit)
        change = np.log1p(theta[..., None] * np.expm1(steps))
        exponents: Floats = self.candidate.sum() * steps - np.tensordot(change, self.total, (-2, 0))
        return exponents


def _log_mean(exponents: Floats) -> Floats:
    """Return the logarithm of a weighted mean of likelihood ratios.

    `exponents` has the logarithms of the ratios, in the shape ``(..., 32)``. The result has the
    shape ``(...)``. The 32 weights are fixed and sum to 1.
    """
    terms = exponents + _LOG_WEIGHTS
    most = terms.max(axis=-1)
    return np.asarray(most + np.log(np.exp(terms - most[..., None]).sum(axis=-1)))


def _root(function: Callable[[Floats], Floats], low: float, high: float) -> float:
    """Return the root of an increasing function between two numbers, to 13 digits.

    `function` takes an array of points and returns its value at each point. It is negative at
    `low`, and 0 or positive at `high`.
    """
    while high - low > 1e-13 * max(1.0, abs(low), abs(high)):
        points = np.linspace(low, high, 17)
        # the number of inner points at which the function is negative
        below = int(np.count_nonzero(function(points[1:-1]) < 0))
        low, high = float(points[below]), float(points[below + 1])
    return high


def _exp(log: float) -> float:
    return math.exp(log) if log < 709 else math.inf
