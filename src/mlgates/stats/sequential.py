"""Tests that may be repeated as data come in: e-values of counts, and detection of a change.

Counts are given by look. A look is a period, and its counts are those of the requests in this
period. After each look, an e-value is computed from the counts of all looks so far. An e-value is
at least 0, and its expectation is at most 1 if the null hypothesis is true. The e-values in this
module are valid over all looks together: if the null hypothesis is true, the probability that the
e-value reaches ``1 / alpha`` after any look is at most alpha. The functions return the natural
logarithms of e-values, because these never overflow.
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

#: The side on which the alternative is: the ratio or rate is greater, or less, than that of the
#: null hypothesis.
Side = Literal["greater", "less"]

# The ratios of the mixture, on a logarithmic scale. They are cubes of evenly spaced numbers, so
# many of them are close to 0, and small changes are found, too.
_PLACES = (np.arange(32) + 0.5) / 32
_LOG_RATIOS = 3 * _PLACES**3
_WEIGHTS = _PLACES**2 * np.exp(-((_LOG_RATIOS / 0.7) ** 2) / 2)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())
#: With up to 10**12 counts, an e-value no longer changes if a ratio is farther than this from the
#: null hypothesis, on the logit scale.
_FAR = 100.0
#: If the probability of a tail is smaller than this, it is computed by a series.
_TINY = 1e-280


def ratio_log_e(
    candidate: npt.ArrayLike,
    production: npt.ArrayLike,
    share: npt.ArrayLike,
    ratio: float = 1.0,
    *,
    side: Side,
) -> float:
    r"""Return the log e-value of a test of the ratio of two event rates.

    The ratio is the event rate of the candidate divided by that of production. The null hypothesis
    is that it is at most `ratio`, or with ``side="less"`` that it is at least `ratio`. Counts are
    given by look. A look is a period in which the candidate's share of the traffic is constant.

    Let :math:`\rho` be the candidate's share of the traffic, and :math:`r` the ratio. An event then
    comes from the candidate with probability :math:`\theta(r) = \rho r / (\rho r + 1 - \rho)`, even
    if the event rate of production changes. The e-value is a weighted mean of 32 likelihood ratios.
    Each of them compares a ratio :math:`r_j` with `ratio`. All :math:`r_j` are greater than
    `ratio`, or less for ``side="less"``. The e-value is valid for any number of looks if requests
    are routed at random. It is conservative if the numbers of requests of candidate and production
    are fixed in advance.

    Parameters
    ----------
    candidate, production : array_like of shape (looks,)
        Number of events in each look, among the requests of the candidate and of production.
    share : array_like of shape (looks,)
        Probability, in each look, that a request was routed to the candidate. Looks with a share of
        0 or 1 are left out, because they compare nothing.
    ratio : float
        The ratio of the null hypothesis, greater than 0.
    side : {"greater", "less"}
        "greater" tests the hypothesis that the ratio is at most `ratio`, and "less" that it is at
        least `ratio`. A large e-value is evidence against the hypothesis.

    Returns
    -------
    float
        Natural logarithm of the e-value. It is 0 if there are no events.

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
    """Return an estimate of the candidate's event rate divided by production's event rate.

    A look is a period in which the candidate's share of the traffic is constant. For a given ratio,
    this share and the number of events of both models in the look give the expected number of
    events of the candidate. The result is the ratio for which the sum of these expected numbers
    over all looks equals the number of events of the candidate that were counted. It would be wrong
    to add up the counts of all looks and to divide the two rates, because the share and the event
    rate can change between looks.

    Parameters
    ----------
    candidate, production, share : array_like of shape (looks,)
        For each look, the number of events of candidate and production, and the probability that a
        request was routed to the candidate.

    Returns
    -------
    float
        The ratio. It is 0 if only production had events, infinity if only the candidate had events,
        and NaN if there were no events.

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
    """Return an interval of the ratio of event rates that is valid for any number of looks.

    A look is a period in which the candidate's share of the traffic is constant. The interval
    contains all ratios that are not refuted by the e-value of `ratio_log_e`.

    Parameters
    ----------
    candidate, production, share : array_like of shape (looks,)
        For each look, the number of events of candidate and production, and the probability that a
        request was routed to the candidate.
    lower, upper : float
        A ratio is refuted if its e-value reaches `lower` (for the lower end of the interval) or
        `upper` (for the upper end). Both are greater than 1. The interval has a confidence of ``1 -
        1 / lower - 1 / upper`` over all looks together.

    Returns
    -------
    (float, float)
        The lower end is the largest ratio for which the e-value with ``side="greater"`` is at least
        `lower`, or 0 if there is none. The upper end is the smallest ratio for which the e-value
        with ``side="less"`` is at least `upper`, or infinity if there is none.

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

    # Both e-values are monotone functions of the ratio.
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
    """Return the factor by which all counts must grow to reach an e-value in the test of a ratio.

    The test is that of `ratio_log_e`. The larger its e-value, the stronger is the evidence against
    the null hypothesis. With the factor, a gate estimates how many requests would be enough for a
    decision.

    Parameters
    ----------
    candidate, production, share, ratio, side
        Arguments of `ratio_log_e`: for each look, the numbers of events of candidate and production
        and the candidate's share of the traffic; and the null hypothesis.
    e_value : float
        The e-value to reach, greater than 1. An e-value of 20 is enough for a level of 5 %.

    Returns
    -------
    float or None
        The smallest factor. It is at most 1 if the e-value is already reached, and None if no
        factor is enough.

    Notes
    -----
    The log e-value is a convex function of the factor, and is 0 for a factor of 0. So it reaches a
    positive number at exactly one factor, or at none.

    Examples
    --------
    >>> round(ratio_scale_needed([41], [360], [0.1], 1.5, side="less", e_value=20), 3)
    1.382
    """
    looks = _Looks(candidate, production, share)
    return _scale_needed(looks.exponents(math.log(ratio), side), e_value)


def _scale_needed(slopes: Floats, e_value: float) -> float | None:
    """Return the factor by which all counts must grow to reach an e-value.

    The e-value is a weighted mean of 32 likelihood ratios, whose logarithms are proportional to the
    counts. `slopes`, of shape (32,), has these logarithms for the present counts. The result is
    None if no factor is enough.
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
    r"""Return the log e-value of a test of whether two counts are split by a stated share.

    The null hypothesis is that each event belongs to the first count with probability `share`. The
    e-value is the mean of the likelihood ratios of other shares against `share`. The other shares
    have a beta distribution. With ``side="both"``, the whole distribution is used, for example to
    test whether requests were routed as stated. With "greater" or "less", only its part above or
    below `share` is used. With a prior of (1, 1), this is the count test of Lindon and Malek, which
    compares the event rates of two groups of requests.

    Parameters
    ----------
    first, second : int
        The two counts.
    share : float
        Stated share of `first` in the sum of both counts, greater than 0 and less than 1.
    prior : (float, float)
        Parameters of the beta distribution, both positive.
    side : {"both", "greater", "less"}
        "greater" and "less" use only the part of the distribution above or below `share`.

    Returns
    -------
    float
        Natural logarithm of the e-value. Its error is below 0.01 for counts of 10**12.

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
    if side == "less":  # stays exact if the share is near 0
        return _beta_log_e(second, first, 1 - share, share, prior[::-1], one_sided=True)
    return _beta_log_e(first, second, share, 1 - share, prior, one_sided=side == "greater")


def _beta_log_e(
    first: int, second: int, p: float, q: float, prior: tuple[float, float], *, one_sided: bool
) -> float:
    """Return the log e-value of a test of whether the share of `first` is `p`.

    `q` is ``1 - p`` without rounding. The other shares, those of the alternative, have a beta
    distribution with the parameters `prior`. With `one_sided`, only its part above `p` is used.
    """
    a, b = first + prior[0], second + prior[1]
    log_p, log_q = math.log(p), math.log(q)
    whole = float(special.betaln(a, b) - special.betaln(*prior))
    whole -= first * log_p + second * log_q
    if not one_sided:
        return whole

    def log_above(x: float, y: float) -> float:
        # The probability above p is the probability of the mirrored distribution below q.
        mass = float(special.betainc(y, x, q))
        if mass > _TINY:
            return math.log(mass)
        # Use the first terms of the series of this probability, which is geometric far in the tail.
        edge = y * log_q + x * log_p - float(special.betaln(y, x))
        return edge - math.log(y - (x + y) * q)

    return whole + log_above(a, b) - log_above(*prior)


def rate_log_e(events: int, requests: int, limit: float) -> float:
    """Return the log e-value for the claim that the rate of events is below a limit.

    The null hypothesis is that the rate is at least `limit`. The e-value is a weighted mean of 32
    likelihood ratios. Each of them compares a smaller rate with `limit`. The 32 rates are between
    ``0.05 * limit`` and `limit`, and most of them are near `limit`. If there are no events, about
    ``5.83 / limit`` requests give an e-value of 20.

    Parameters
    ----------
    events, requests : int
        Number of requests with the event, and number of all requests.
    limit : float
        The rate of the null hypothesis, greater than 0 and less than 1.

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
    """Return the factor by which both counts must grow to reach an e-value in the test of a rate.

    The test is that of `rate_log_e`. The larger its e-value, the stronger is the evidence against
    the null hypothesis. With the factor, a gate estimates how many requests would be enough for a
    decision.

    Parameters
    ----------
    events, requests, limit
        Arguments of `rate_log_e`: the number of requests with the event, the number of all
        requests, and the rate of the null hypothesis.
    e_value : float
        The e-value to reach, greater than 1.

    Returns
    -------
    float or None
        The smallest factor. None if no factor is enough.

    Examples
    --------
    >>> round(rate_scale_needed(0, 1_000, 0.001, e_value=20), 2)
    5.83
    """
    return _scale_needed(_rate_exponents(events, requests, limit), e_value)


def _rate_exponents(events: int, requests: int, limit: float) -> Floats:
    """Return the log likelihood ratios of 32 rates against a limit, shape (32,).

    The 32 rates are ``limit / r`` for the fixed ratios ``r`` of this module, which are above 1. So
    each rate is below the limit. `events` of `requests` requests have the event.
    """
    others: Floats = np.log1p(-np.expm1(-_LOG_RATIOS) * limit / (1 - limit))
    return -events * _LOG_RATIOS + (requests - events) * others


def shiryaev_roberts(p_values: npt.ArrayLike, threshold: float) -> tuple[Floats, Mask, Floats]:
    """Return the mean Shiryaev-Roberts statistic after each window, and whether it raises an alarm.

    The function detects a change in several streams of p-values, such as one stream for each
    column. A window is a point in time with one p-value of each stream. Each stream has a
    statistic, which starts at 0. In each window, the p-value ``p`` of the stream is converted to
    the e-value ``e = p ** -0.5 / 2``, and the statistic becomes ``(statistic + 1) * e``. An alarm
    is raised after a window if the mean of the statistics of all streams reaches `threshold`. All
    statistics then start again at 0. If nothing changes, the expected number of windows until an
    alarm is at least `threshold`, for any dependence between the streams in a window.

    Parameters
    ----------
    p_values : array_like of shape (windows, streams)
        Unadjusted p-values in order of time. NaN means that there is no p-value; the statistic of
        the stream then stays the same. A p-value of 0 counts as 1e-300.
    threshold : float
        The smallest expected number of windows between false alarms.

    Returns
    -------
    means : ndarray of shape (windows,)
        The mean of the statistics of all streams, before they start again.
    alarms : ndarray of bool of shape (windows,)
        Whether the mean reached `threshold`.
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
        # The statistic does not overflow, because it raises an alarm long before.
        statistic = np.where(np.isnan(e), statistic, (statistic + 1) * e)
        last = statistic
        means[window] = statistic.mean() if len(statistic) else 0.0
        if means[window] >= threshold:
            statistic = np.zeros_like(statistic)
    return means, means >= threshold, last


class _Looks:
    """The event counts of several looks; the counts of looks with the same share are added.

    A look is a period of time in which the candidate's share of the traffic did not change. This
    share is the probability that a request was routed to the candidate. Looks with a share of 0 or
    1 are left out, because they compare nothing.
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
        """Return the limits of the search for an estimate or an interval's end, as logs of ratios.

        The likelihood hardly changes below the lower limit or above the upper limit.
        """
        if not len(self.logit):
            return -_FAR, _FAR
        return -float(self.logit.max()) - _FAR, -float(self.logit.min()) + _FAR

    def exponents(self, log_ratio: "float | Floats", side: Side) -> Floats:
        """Return the log likelihood ratios of 32 ratios of event rates against a null ratio.

        `log_ratio` is the logarithm of the null ratio, or an array of such logarithms. The 32
        ratios are greater than the null ratio, or less for ``side="less"``. The result has the
        shape of `log_ratio`, with a last axis of length 32.
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
    """Return the root of an increasing function between `low` and `high`, to 13 digits.

    `function` takes an array of points and returns its value at each point. It is negative at
    `low`, and 0 or positive at `high`.
    """
    while high - low > 1e-13 * max(1.0, abs(low), abs(high)):
        points = np.linspace(low, high, 17)
        # Number of inner points at which the function is negative.
        below = int(np.count_nonzero(function(points[1:-1]) < 0))
        low, high = float(points[below]), float(points[below + 1])
    return high


def _exp(log: float) -> float:
    return math.exp(log) if log < 709 else math.inf
