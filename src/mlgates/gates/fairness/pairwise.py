"""The largest gap between groups, with an interval that holds for all pairs at once."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.gates.fairness.definitions import Over
from mlgates.gates.fairness.rates import Rates, normal
from mlgates.gates.fairness.sample_size import growth_of, shrunk
from mlgates.limits import ROUNDING, Limit
from mlgates.stats.multiplicity import pair_level, pair_pvalues, range_quantile
from mlgates.stats.proportions import THIN, koopman_interval, square_and_add, two_proportions_pvalue

__all__ = ["Gap", "Rule", "largest", "settled"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

#: More pairs than these are not tested exactly; those left out count as not significant.
_MOST_EXACT = 2_000
#: So that the rows told decide in at least four of five draws, also where few pairs are close.
_POWER = 0.9


class Rule(NamedTuple):
    """What is allowed and how it is decided: the limit, the rule and its levels for one rate."""

    limit: Limit
    decide_by: str
    significance: float
    confidence: float


class Gap(NamedTuple):
    """The worst of a rate over groups: what a check shows, and what would decide it.

    Parameters
    ----------
    value : float or None
        None where it is undefined.
    interval : (float, float) or None
        Of the worst over all pairs, or all groups.
    p_value : float
        Smallest of the pairs beyond the limit, or of all pairs where none is, adjusted for all.
    worst : (int, int)
        Groups of the smallest and of the largest value; of an extreme the one group, twice.
    reach : (int, int)
        Groups whose interval reaches farthest.
    chance : float or None
        What equal groups of these sizes give at most (of a ratio: at least), for the worst pair.
    growth : callable
        Gives how many times these rows would decide; None where no number does.
    """

    rates: Rates
    value: float | None
    interval: tuple[float, float] | None = None
    p_value: float = math.nan
    worst: tuple[int, int] = (0, 0)
    reach: tuple[int, int] = (0, 0)
    chance: float | None = None
    growth: Callable[[], float | None] = lambda: None


def largest(rates: Rates, over: Over, rule: Rule) -> Gap:
    """Return the largest difference, or the smallest ratio, of at least two groups.

    Differences have Newcombe's interval for each pair and ratios Koopman's, at the level at which
    all pairs hold together; metrics that are no shares the same from their own intervals.
    """
    smallest, greatest = int(np.argmin(rates.value)), int(np.argmax(rates.value))
    low, high = float(rates.value[smallest]), float(rates.value[greatest])
    if smallest == greatest:  # all are alike
        greatest = 1
    ratio = over == "ratio"
    if ratio and (high == 0 or low < 0):
        return Gap(rates, None, worst=(smallest, greatest))
    pairs = _Pairs(rates, rule, ratio=ratio)
    at = pairs.place(smallest, greatest)
    value = float(pairs.observed[at])
    near, far = pairs.ends
    ends = float(near.max()), float(far.max())
    if ratio:
        interval = min(math.exp(-ends[1]), value), max(math.exp(-ends[0]), value)
    else:
        interval = min(ends[0], value), max(ends[1], value)
    widest = int(np.argmax(far))
    return Gap(
        rates,
        value,
        None if math.isnan(sum(interval)) else interval,
        pairs.p_value,
        (smallest, greatest),
        (int(pairs.i[widest]), int(pairs.j[widest])),
        pairs.chance(at),
        pairs.growth,
    )


def settled(values: Floats, bound: float, scale: npt.ArrayLike = 0.0) -> Floats:
    """Return values, or the limit where they miss it by no more than rounding does.

    Examples
    --------
    >>> settled(np.array([0.4 - 0.3, 0.2]), 0.1, 0.4).tolist()
    [0.1, 0.2]
    """
    crumb = ROUNDING * np.maximum(np.abs(values), scale)
    return np.where(np.abs(values - bound) <= crumb, bound, values)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All pairs of groups. Gaps are ``|v1 - v2|``, of ratios ``|log(v1 / v2)|``: 0 where equal."""

    rates: Rates
    rule: Rule
    ratio: bool

    @cached_property
    def _both(self) -> tuple[Ints, Ints]:
        return np.triu_indices(len(self.rates.groups), 1)

    @property
    def i(self) -> Ints:
        return self._both[0]

    @property
    def j(self) -> Ints:
        return self._both[1]

    @cached_property
    def level(self) -> float:
        """Confidence of each pair's interval."""
        return pair_level(self.rule.confidence, len(self.rates.groups))

    @cached_property
    def _limits(self) -> tuple[Floats, Floats]:
        return self.rates.limits(self.level)

    def place(self, one: int, other: int) -> int:
        """Return where the pair of two groups stands."""
        is_it = (self.i == min(one, other)) & (self.j == max(one, other))
        return int(np.argmax(is_it))

    @cached_property
    def observed(self) -> Floats:
        """The difference, or the ratio, of each pair; of counts without the rounding of shares."""
        v, i, j, one = self.rates.value, self.i, self.j, np.ones(len(self.i))
        left, right = v[i], v[j]
        if self.rates.share:
            x, n = self.rates.successes, self.rates.denominator
            left, right, one = x[i] * n[j], x[j] * n[i], n[i] * n[j]
        least, most = np.minimum(left, right), np.maximum(left, right)
        if not self.ratio:
            return settled(
                (most - least) / one, self.rule.limit.high, np.maximum(abs(v[i]), abs(v[j]))
            )
        return settled(least / np.where(most > 0, most, np.nan), self.rule.limit.low)

    @cached_property
    def ends(self) -> tuple[Floats, Floats]:
        """The interval of each pair's gap."""
        low, high = self._ratios if self.ratio else self._differences
        near, far = np.maximum(low, -high), np.maximum(high, -low)
        # nothing is known of 0 / 0
        unknown = np.isnan(near) | np.isnan(far)
        return np.where(unknown, 0.0, np.maximum(near, 0.0)), np.where(unknown, np.inf, far)

    @property
    def _differences(self) -> tuple[Floats, Floats]:
        v, (low, high), i, j = self.rates.value, self._limits, self.i, self.j
        return square_and_add(v[i], (low[i], high[i]), v[j], (low[j], high[j]))

    @property
    def _ratios(self) -> tuple[Floats, Floats]:
        i, j, rates = self.i, self.j, self.rates
        with np.errstate(divide="ignore", invalid="ignore"):
            if rates.share:
                x, n = rates.successes, rates.denominator
                low, high = koopman_interval(x[i], n[i], x[j], n[j], self.level)
                return np.log(low), np.log(high)
            v, (low, high) = np.log(rates.value), self._limits
            low, high = np.log(np.maximum(low, 0.0)), np.log(high)
            return square_and_add(v[i], (low[i], high[i]), v[j], (low[j], high[j]))

    @cached_property
    def _allowed(self) -> float:
        """The largest gap that is within the limit."""
        limit = self.rule.limit
        if not self.ratio:
            return limit.high
        return math.inf if limit.low == 0 else -math.log(limit.low)

    @cached_property
    def beyond(self) -> npt.NDArray[np.bool_]:
        """Which pairs are beyond the limit; nothing divided by nothing is not."""
        limit = self.rule.limit
        return self.observed < limit.low if self.ratio else self.observed > limit.high

    # the test of equality

    @cached_property
    def _errors(self) -> Floats:
        """Standard errors of the differences of metrics that are no shares."""
        v, (low, high), i, j = self.rates.value, self._limits, self.i, self.j
        up = v[i] > v[j]
        above, below = np.where(up, i, j), np.where(up, j, i)
        reach = np.hypot(v[above] - low[above], high[below] - v[below])
        return np.asarray(reach / normal(self.level))

    @cached_property
    def single(self) -> Floats:
        """p-values of the pairs, each alone, by the normal approximation."""
        rates, i, j = self.rates, self.i, self.j
        difference = np.abs(rates.value[i] - rates.value[j])
        if rates.share:
            x, n = rates.successes, rates.denominator
            pooled = (x[i] + x[j]) / (n[i] + n[j])
            error = np.sqrt(np.maximum(pooled * (1 - pooled), 0.0) * (1 / n[i] + 1 / n[j]))
        else:
            error = self._errors
        with np.errstate(divide="ignore", invalid="ignore"):
            z = difference / error
        return np.where(difference > 0, 2 * special.ndtr(-z), 1.0)

    @cached_property
    def p_value(self) -> float:
        """Smallest p-value of the pairs beyond the limit, adjusted for all pairs.

        Where few successes or failures are expected, Fisher's exact test must reject too.
        """
        among = np.flatnonzero(self.beyond) if self.beyond.any() else np.arange(len(self.i))
        alone = self.single[among]
        best, exact = 1.0, 0
        for at in np.argsort(alone, kind="stable"):
            if alone[at] >= best or exact == _MOST_EXACT:
                break
            found = float(alone[at])
            counts = self._counts(int(among[at]))
            if counts is not None:
                exact += 1
                found = max(found, two_proportions_pvalue(*counts))
            best = min(best, found)
        return float(pair_pvalues(best, len(self.rates.groups)))

    def _counts(self, pair: int) -> tuple[int, int, int, int] | None:
        """Return the counts of a pair in which few are expected; None in others."""
        if not self.rates.share:
            return None
        groups = self.i[pair], self.j[pair]
        trials = [max(round(float(self.rates.denominator[g])), 1) for g in groups]
        shares = [float(self.rates.value[g]) for g in groups]
        hits = [round(s * n) for s, n in zip(shares, trials, strict=True)]
        rare = min(sum(hits), sum(trials) - sum(hits))
        thin = min(trials) * rare < THIN * sum(trials)
        return (hits[0], trials[0], hits[1], trials[1]) if thin else None

    # what chance gives, and what would decide

    @cached_property
    def _critical(self) -> Floats:
        """The differences at which pairs become significant, were their true gap at the limit."""
        rates, i, j = self.rates, self.i, self.j
        if not rates.share:
            return self._quantile * self._errors
        n, pooled = rates.denominator, self._pooled
        # a gap as large as the limit is itself part of the pooled share
        least = self._wanted * np.maximum(n[i], n[j]) / (n[i] + n[j])
        share = np.clip(pooled, np.minimum(least, 0.5), np.maximum(1 - least, 0.5))
        return self._quantile * np.sqrt(share * (1 - share) * (1 / n[i] + 1 / n[j]))

    @cached_property
    def _quantile(self) -> float:
        """Normal quantile of the test of one pair."""
        return normal(pair_level(1 - self.rule.significance, len(self.rates.groups)))

    @cached_property
    def _pooled(self) -> Floats:
        """Pooled shares of the pairs, shrunk as Wilson's centre is."""
        x, n, i, j = self.rates.successes, self.rates.denominator, self.i, self.j
        more = self._quantile**2
        return np.asarray((x[i] + x[j] + more / 2) / (n[i] + n[j] + more))

    @cached_property
    def _wanted(self) -> Floats:
        """The smallest difference of each pair that is beyond the limit."""
        if not self.ratio:
            return np.full(len(self.i), float(self.rule.limit.high))
        v = self.rates.value
        return np.asarray((1 - self.rule.limit.low) * np.maximum(v[self.i], v[self.j]))

    def chance(self, at: int) -> float:
        """Return what equal groups of these sizes give at most, for one pair."""
        rates, quantile, pair = self.rates, self._quantile, [self.i[at], self.j[at]]
        error = float(self._errors[at]) if not rates.share else 0.0
        if rates.share:
            pooled = float(self._pooled[at])
            error = math.sqrt(pooled * (1 - pooled) * float((1 / rates.denominator[pair]).sum()))
        most = quantile * error
        return max(1 - most / float(rates.value[pair].max()), 0.0) if self.ratio else most

    def growth(self) -> float | None:
        """How many times these rows would decide, in at least four of five draws."""
        if self.rule.decide_by == "interval":
            return self._interval_growth()
        return self._significant_growth()

    def _significant_growth(self) -> float | None:
        """Rows at which every gap beyond the limit is significant, so that nothing is undecided."""
        wanted = self._wanted
        some = wanted > 0
        if not some.any():  # no gap is within the limit: rows at which this one is significant
            return self._power_growth()
        times = np.where(some, self._critical / np.where(some, wanted, 1.0), 0.0) ** 2
        at = int(np.argmax(times))
        growth = float(times[at])
        while self.rates.share and not self._is_shown(at, growth) and growth < 1e6:
            growth *= 1.1
        return growth

    def _is_shown(self, pair: int, growth: float) -> bool:
        """Whether a gap just beyond the limit is significant with so many times the rows."""
        n = [math.ceil(growth * float(self.rates.denominator[g[pair]])) for g in (self.i, self.j)]
        wanted = float(self._wanted[pair])
        low = min(max(float(self._pooled[pair]) - wanted / 2, 0.0), 1 - wanted)
        counts = math.floor(low * n[0]), math.ceil((low + wanted) * n[1])
        alone = two_proportions_pvalue(counts[0], n[0], counts[1], n[1])
        return float(pair_pvalues(alone, len(self.rates.groups))) <= self.rule.significance

    def _power_growth(self) -> float | None:
        z = -float(special.ndtri(self.single.min() / 2))
        return None if z <= 0 else ((self._quantile + float(special.ndtri(_POWER))) / z) ** 2

    def _interval_growth(self) -> float | None:
        """Rows at which the intervals leave the limit, if the groups are as they seem."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values, ends = self.rates.value, self._limits
            if self.ratio:
                values, ends = np.log(values), (np.log(np.maximum(ends[0], 0.0)), np.log(ends[1]))
            errors = (ends[1] - ends[0]) / (2 * normal(self.level))
        known = np.isfinite(values) & np.isfinite(errors) & (errors > 0)
        if not known.all() or not math.isfinite(self._allowed):
            return None
        true, i, j = shrunk(values, errors), self.i, self.j
        gap, error = np.abs(true[i] - true[j]), np.hypot(errors[i], errors[j])
        farthest = range_quantile(0.5, len(values)) / math.sqrt(2)
        return growth_of(gap - self._allowed, error, normal(self.level), farthest)
