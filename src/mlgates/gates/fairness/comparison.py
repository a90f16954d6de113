"""Compare a metric between groups: find the worst value, its interval and its p-value.

The worst value is the largest difference or the smallest ratio of two groups, or the smallest or
largest value of any group. The interval and the p-value are corrected for the number of pairs or
groups.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.gates._shared import rounded_up, rows_needed, rows_until_significant
from mlgates.gates.fairness.rates import Floats, GroupRates, normal
from mlgates.stats import proportions, two_by_two
from mlgates.verdict import ROUNDING, Limit

Ints = npt.NDArray[np.intp]
Over = Literal["difference", "ratio", "group_min", "group_max"]

#: Largest number of pairs that get Fisher's exact test. The others count as not significant.
_MOST_EXACT = 2_000
#: Number of pairs or groups nearest to the limit that the sample size is computed from.
_NEAREST = 20
#: Probability of a decision that the sample size aims at: a little more than the promised four of
#: five, because the normal approximation is optimistic.
_DECIDED = 0.85
#: Uncertainty of a shrunken value, as a share of its standard error.
_SPREAD = 0.7
#: Nodes and weights for the mean over a normal distribution (Gauss-Hermite quadrature).
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_MEAN = _WEIGHTS / _WEIGHTS.sum()


class Rule(NamedTuple):
    """How `compare` compares groups: with which limit, and at which levels of tests and intervals.

    `over` is the comparison, such as "difference" or "ratio". `reference` is the index of the group
    with which the others are compared; None if all pairs are compared. `decide_by`, `significance`
    and `confidence` are the options of `Fairness` with these names.
    """

    over: Over
    limit: Limit
    decide_by: str
    significance: float
    confidence: float
    reference: int | None = None

    def pairs(self, kept: Ints) -> tuple[Ints, Ints]:
        """Return the pairs of groups to compare, as two arrays with one item for each pair.

        `kept` has the indices of the groups that can be compared. The first array has the position
        in `kept` of the first group of each pair, and the second array that of the second group.
        """
        if self.reference is None:
            return np.triu_indices(len(kept), 1)
        others = np.flatnonzero(kept != self.reference)
        return others, np.full(len(others), np.flatnonzero(kept == self.reference)[0])

    def pair_level(self, confidence: float, k: int) -> float:
        """Return the level of each pair of k groups so that all pairs together have `confidence`.

        If all pairs are compared, it is Tukey's level. For the k - 1 pairs with a reference group
        it is Sidak's level, which also holds for dependent intervals.
        """
        if self.reference is None:
            return proportions.pair_level(confidence, k)
        return proportions.group_level(confidence, k - 1)

    def adjusted(self, p_value: float, k: int) -> float:
        """Return the p-value of one pair, corrected for the number of all pairs of k groups."""
        if self.reference is None:
            return float(proportions.pair_pvalues(p_value, k))
        return _sidak(p_value, k - 1)


class Comparison(NamedTuple):
    """The result of `compare`: the worst value of a metric among groups, and its uncertainty.

    Depending on `Rule.over`, the worst value is the largest difference or the smallest ratio of two
    groups, or the smallest or the largest value of a single group.

    Parameters
    ----------
    rates : GroupRates
        The metric in each group.
    value : float or None
        The worst value, or the limit if they differ only by rounding; None if it is undefined.
    worst : tuple of int
        Indices of the two groups with the worst value, first the group with the smaller metric. If
        it is the value of a single group, this is the same index twice.
    interval : tuple of float or None
        Interval of the worst value. Its level is chosen so that the intervals of all pairs (or
        groups) hold simultaneously.
    p_value : float
        The smallest adjusted p-value of the pairs (or groups) with a value beyond the limit; of all
        pairs if none is beyond.
    widest : tuple of int
        Indices of the two groups with the interval that reaches farthest towards worse values. If
        single groups are judged, this is the same index twice.
    chance : float or None
        Largest difference (or smallest ratio) of the two groups `worst` that is expected by chance
        if their true values are equal. None if single groups are judged.
    exact : float
        The worst value, not set to the limit if they differ only by rounding.
    """

    rates: GroupRates
    value: float | None
    worst: tuple[int, int]
    interval: tuple[float, float] | None = None
    p_value: float = math.nan
    widest: tuple[int, int] = (0, 0)
    chance: float | None = None
    exact: float = math.nan


def compare(rates: GroupRates, rule: Rule) -> Comparison:
    """Find the worst value of a metric among groups, and compute its interval and p-value.

    The field `over` of the rule says which value is the worst: the largest difference or the
    smallest ratio of two groups, or the smallest or the largest value of a single group. The value
    is None if fewer than two groups can be compared, or if a ratio is undefined.

    For shares, a pair of groups has Newcombe's interval of the difference or Koopman's interval of
    the ratio. For other metrics, and for shares of rows in clusters, Newcombe's formula combines
    the intervals of the two groups. For ratios it combines the intervals of the logarithms. The
    level is chosen so that the intervals of all pairs hold simultaneously.
    """
    alone = rule.reference is not None and not rates.comparable[rule.reference]
    if alone or np.count_nonzero(rates.comparable) < 2:
        return Comparison(rates, None, (0, 0))
    if rule.over in ("group_min", "group_max"):
        return _worst_group(rates, rule)
    kept, limit, ratio = np.flatnonzero(rates.comparable), rule.limit, rule.over == "ratio"
    v, k = rates.value[kept], len(kept)
    if ratio and (v.max() == 0 or v.min() < 0):
        return Comparison(rates, None, (0, 0))
    i, j = rule.pairs(kept)
    v1, v2 = v[i], v[j]
    x1, x2 = rates.successes[kept[i]], rates.successes[kept[j]]
    n1, n2 = rates.denominator[kept[i]], rates.denominator[kept[j]]

    # The gaps; those of shares are computed from counts, to avoid the rounding of shares.
    left, right, unit = (
        (x1 * n2, x2 * n1, n1 * n2) if rates.is_share else (v1, v2, np.ones_like(v1))
    )
    least, most = np.minimum(left, right), np.maximum(left, right)
    if ratio:
        exact = least / np.where(most > 0, most, np.nan)
        gaps = _snapped(exact, limit.low)
        beyond = gaps < limit.low
    else:
        exact = (most - least) / unit
        gaps = _snapped(exact, limit.high, np.maximum(np.abs(v1), np.abs(v2)))
        beyond = gaps > limit.high
    at = int(np.nanargmin(exact) if ratio else np.argmax(exact))
    value = float(gaps[at])
    worst = sorted((int(kept[i[at]]), int(kept[j[at]])), key=lambda g: float(rates.value[g]))

    # Intervals of |v1 - v2| or |log(v1 / v2)|; both are 0 for equal groups.
    level = rule.pair_level(rule.confidence, k)
    low, high = (ends[kept] for ends in rates.at(level))
    low1, high1, low2, high2 = low[i], high[i], low[j], high[j]
    r = rates.correlation(kept[i], kept[j])
    with np.errstate(divide="ignore", invalid="ignore"):
        if not ratio:
            lower, upper = proportions.square_and_add(v1, (low1, high1), v2, (low2, high2), r)
        elif rates.is_share:
            lower, upper = map(np.log, proportions.koopman_interval(x1, n1, x2, n2, level))
        else:
            logs = [np.log(np.maximum(ends, 0.0)) for ends in (v1, low1, high1, v2, low2, high2)]
            lower, upper = proportions.square_and_add(
                logs[0], (logs[1], logs[2]), logs[3], (logs[4], logs[5]), r
            )
    near, far = np.maximum(lower, -upper), np.maximum(upper, -lower)
    undefined = np.isnan(near) | np.isnan(far)  # a ratio 0 / 0 may be anything
    nearest = float(np.where(undefined, 0.0, np.maximum(near, 0.0)).max())
    far = np.where(undefined, np.inf, far)
    widest, farthest = int(np.argmax(far)), float(far.max())
    interval = (math.exp(-farthest), math.exp(-nearest)) if ratio else (nearest, farthest)
    interval = min(interval[0], value), max(interval[1], value)

    # The test of equality, and the gap that is expected by chance.
    z = normal(rule.pair_level(1 - rule.significance, k))
    if rates.is_share:
        pooled = (x1 + x2) / (n1 + n2)
        errors = np.sqrt(np.maximum(pooled * (1 - pooled), 0.0) * (1 / n1 + 1 / n2))
        error = float(_pooled_error(rates, kept[[i[at]]], kept[[j[at]]], z)[0])
    else:
        up = v1 > v2
        arms = np.where(up, v1 - low1, high1 - v1), np.where(up, high2 - v2, v2 - low2)
        errors = proportions.combined(*arms, r) / normal(level)
        error = float(errors[at])
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.where(v1 != v2, 2 * special.ndtr(-np.abs(v1 - v2) / errors), 1.0)
    among = np.flatnonzero(beyond) if beyond.any() else np.arange(len(i))
    counts = (v1[among], n1[among], v2[among], n2[among]) if rates.is_share else None
    chance = max(1 - z * error / max(float(v1[at]), float(v2[at])), 0.0) if ratio else z * error
    return Comparison(
        rates,
        value,
        (worst[0], worst[1]),
        interval if math.isfinite(sum(interval)) else None,
        rule.adjusted(_smallest_pvalue(p_values[among], counts), k),
        (int(kept[i[widest]]), int(kept[j[widest]])),
        chance,
        float(exact[at]),
    )


def _snapped(values: Floats, bound: float, scale: npt.ArrayLike = 0.0) -> Floats:
    """Return the values, with each one within rounding error of the limit replaced by the limit.

    `bound` is the limit. The rounding error is relative to the value or, if it is larger, to
    `scale`: the size of the numbers that were subtracted to compute the value.
    """
    rounding = ROUNDING * np.maximum(np.abs(values), scale)
    return np.where(np.abs(values - bound) <= rounding, bound, values)


def _pooled_error(
    rates: GroupRates, i: Ints, j: Ints, z: float, wanted: Floats | float = 0.0
) -> Floats:
    """Return the standard error of the difference of shares for each pair of groups.

    Both groups of a pair are assumed to have the same true share. `i` and `j` have the index of the
    first and of the second group of each pair, and `z` is the normal quantile of the level. The
    common share of a pair is moved towards 1/2 like the centre of Wilson's interval. It is also
    kept far enough from 0 and 1 for a difference of `wanted` between the groups to be possible.
    """
    x, n1, n2 = rates.successes, rates.denominator[i], rates.denominator[j]
    share = (x[i] + x[j] + z**2 / 2) / (n1 + n2 + z**2)
    least = np.minimum(wanted * np.maximum(n1, n2) / (n1 + n2), 0.5)
    share = np.clip(share, least, 1 - least)
    return np.asarray(np.sqrt(share * (1 - share) * (1 / n1 + 1 / n2)))


def _smallest_pvalue(p_values: Floats, counts: tuple[Floats, ...] | None) -> float:
    """Return the smallest p-value of all pairs of groups.

    For shares, `counts` has four arrays with one item per pair: the share and the size of the first
    group, and those of the second. If an expected count of a pair is small, the p-value of the pair
    is raised to that of Fisher's exact test. For other metrics `counts` is None.
    """
    best, exact = 1.0, 0
    for at in np.argsort(p_values, kind="stable").tolist():
        if p_values[at] >= best or exact == _MOST_EXACT:
            break
        p_value = float(p_values[at])
        if counts is not None:
            v1, n1, v2, n2 = (float(each[at]) for each in counts)
            trials = max(round(n1), 1), max(round(n2), 1)
            hits = round(v1 * trials[0]), round(v2 * trials[1])
            rare = min(sum(hits), sum(trials) - sum(hits))
            if min(trials) * rare < two_by_two.THIN * sum(trials):
                exact += 1
                fisher = two_by_two.two_proportions_pvalue(hits[0], trials[0], hits[1], trials[1])
                p_value = max(p_value, fisher)
        best = min(best, p_value)
    return best


def _worst_group(rates: GroupRates, rule: Rule) -> Comparison:
    """Return the smallest or the largest value of any group, tested against the limit.

    The intervals of all groups hold simultaneously. So the interval of the smallest value is from
    the smallest lower end to the smallest upper end; that of the largest value is from the largest
    lower end to the largest upper end.
    """
    kept, at_least = np.flatnonzero(rates.comparable), rule.over == "group_min"
    v, k = rates.value[kept], len(kept)
    bound = rule.limit.low if at_least else rule.limit.high
    extreme, place = (np.min, np.argmin) if at_least else (np.max, np.argmax)
    values, level = _snapped(v, bound), proportions.group_level(rule.confidence, k)
    group = int(place(v))
    value = float(values[group])
    low, high = (ends[kept] for ends in rates.at(level))
    ends = float(extreme(low)), float(extreme(high))
    if rates.is_share:  # the score test
        errors = np.sqrt(max(bound * (1 - bound), 0.0) / rates.denominator[kept])
    else:
        errors = np.where(v < bound, high - v, v - low) / normal(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values = np.where(v != bound, 2 * special.ndtr(-np.abs(v - bound) / errors), 1.0)
    beyond = values < bound if at_least else values > bound
    p_value = float(np.min(p_values[beyond] if beyond.any() else p_values))
    widest = int(kept[place(low if at_least else high)])
    return Comparison(
        rates,
        value,
        (int(kept[group]),) * 2,
        None if math.isnan(sum(ends)) else (min(ends[0], value), max(ends[1], value)),
        _sidak(p_value, k),
        (widest, widest),
        exact=float(v[group]),
    )


def _sidak(p_value: float, k: int) -> float:
    """Return a p-value adjusted for k tests by Sidak's method."""
    return -math.expm1(k * math.log1p(-p_value)) if p_value < 1 else 1.0


def rows_that_decide(rates: GroupRates, rule: Rule, n: int) -> int | None:
    """Return how many rows in total would be enough to decide; None if no number is enough.

    It is assumed that all groups grow by the same factor. `n` is the present number of rows. With
    the rule "significance", the rows are enough if every difference beyond the limit is
    significant. With the rule "interval", they are enough if no confidence interval contains the
    limit. The second condition is also used if the gate judges the worst value of a group instead
    of a difference.
    """
    kept, limit, ratio = np.flatnonzero(rates.comparable), rule.limit, rule.over == "ratio"
    v, k, is_pairs = rates.value[kept], len(kept), rule.over in ("difference", "ratio")
    level = (rule.pair_level if is_pairs else proportions.group_level)(rule.confidence, k)
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [np.log(np.maximum(e, 0.0)) if ratio else e for e in (v, *rates.at(level))]
    estimates, low, high = (ends[0], *(end[kept] for end in ends[1:]))
    errors = (high - low) / (2 * normal(level))
    i, j = rule.pairs(kept)
    if is_pairs and rule.decide_by == "significance":
        level = rule.pair_level(1 - rule.significance, k)
        z, most = normal(level), np.maximum(v[i], v[j])
        wanted = (1 - limit.low) * most if ratio else np.full(len(i), limit.high)
        if rates.is_share:
            pair_errors = _pooled_error(rates, kept[i], kept[j], z, wanted)
        else:
            pair_errors = np.hypot(errors[i], errors[j]) * (most if ratio else 1.0)
        some = wanted > 0
        if some.any():
            times = np.where(some, pair_errors / np.where(some, wanted, 1.0), 0.0)
            at = int(np.argmax(times))
            return rows_until_significant(z * float(pair_errors[at]), float(wanted[at]), n)
        # the limit allows no gap: rows at which the most significant gap is significant
        gaps = np.abs(v[i] - v[j])
        at = int(np.argmax(gaps / pair_errors))
        gap, reach = float(gaps[at]), z * float(pair_errors[at])
        return rows_needed(gap, (gap - reach, gap + reach), Limit(0, 0), n, level)
    known = np.isfinite(estimates) & np.isfinite(errors) & (errors > 0)
    if not known.all() or (ratio and limit.low == 0):
        return None
    true, farthest = shrunk(estimates, errors), float(special.ndtri(0.5 ** (1 / k)))
    if is_pairs:
        true, errors = np.abs(true[i] - true[j]), np.hypot(errors[i], errors[j])
        farthest = proportions.range_quantile(0.5, k) / math.sqrt(2)
        if rule.reference is not None:
            farthest = normal(rule.pair_level(0.5, k))
        beyond = true - (-math.log(limit.low) if ratio else limit.high)
    else:
        beyond = limit.low - true if limit.at_least is not None else true - limit.high
    # a FAIL needs proof for one pair or group only, a PASS for all of them
    far = beyond / errors
    near = np.argsort(-far)[: 1 if far.max() > 0 else _NEAREST]
    growth = decisive_growth(beyond[near], errors[near], normal(level), farthest).max()
    return rounded_up(n * float(growth)) if math.isfinite(growth) else None


def decisive_growth(beyond: Floats, errors: Floats, quantile: float, farthest: float) -> Floats:
    """Return by what factor the rows must grow so that each value's interval excludes its limit.

    Let ``d`` be the true distance of a value from its limit. With ``f`` times as many rows, the
    interval excludes the limit with the probability ``p = Phi(|d| sqrt(f) / error - q)``. The
    estimate of ``d`` is in `beyond`. The uncertainty of this estimate is taken into account by a
    normal distribution of ``d`` with this mean and the standard deviation ``0.7 error``. The
    returned factor is the ``f`` for which the expected value of ``p`` is 85 %. In practice about
    four of five cases are then decided.

    If ``d`` is at least 0, ``q = quantile``. If ``d`` is negative, ``q = quantile + farthest``: the
    gate is a PASS only if all intervals are within the limit, so the value with the largest random
    error decides.

    Parameters
    ----------
    beyond : ndarray of shape (m,)
        Distance of each value from its limit; negative within the limit.
    errors : ndarray of shape (m,)
        Standard errors of the values.
    quantile : float
        Normal quantile of the confidence level of the intervals, such as 1.96.
    farthest : float
        The median of the largest random deviation among all values, in standard errors.

    Returns
    -------
    ndarray of shape (m,)
        The factor for each value; infinite if it is above a million.

    Examples
    --------
    >>> decisive_growth(np.array([-0.1, -0.05]), np.full(2, 0.05), 1.96, 0.67).round(1).tolist()
    [5.3, 52.7]
    """
    distance = beyond[:, None] / errors[:, None] + _SPREAD * _NODES
    least = quantile + np.where(distance < 0, farthest, 0.0)

    def decided(logarithm: Floats) -> Floats:
        growth = np.exp(logarithm / 2)[:, None]
        return np.asarray(special.ndtr(np.abs(distance) * growth - least) @ _MEAN)

    low, high = np.full(len(beyond), -4.0), np.full(len(beyond), 14.0)
    out_of_reach = decided(high) < _DECIDED
    for _ in range(30):
        middle = (low + high) / 2
        enough = decided(middle) >= _DECIDED
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(out_of_reach, np.inf, np.exp(high))


def shrunk(values: Floats, errors: Floats) -> Floats:
    """Return the values of groups, moved towards their mean to remove the part that is chance.

    The largest of several values is partly large by chance. Each value becomes ``mean + (value -
    mean) t / (t + error**2)``, where ``t`` is the variance between groups, estimated by the method
    of moments of DerSimonian and Laird [1]_. `values` and their standard `errors` have shape (k,)
    for k groups.

    References
    ----------
    .. [1] DerSimonian, R. and Laird, N. (1986). Meta-analysis in clinical trials. Controlled
       Clinical Trials 7, 177-188.

    Examples
    --------
    >>> shrunk(np.array([0.2, 0.6]), np.array([0.05, 0.05])).round(3).tolist()
    [0.206, 0.594]
    """
    weight = 1 / errors**2
    mean = (weight * values).sum() / weight.sum()
    spread = float((weight * (values - mean) ** 2).sum())
    between = spread - (len(values) - 1)
    between /= float(weight.sum() - (weight**2).sum() / weight.sum())
    kept = max(between, 0.0)
    return np.asarray(mean + (values - mean) * kept / (kept + errors**2))
