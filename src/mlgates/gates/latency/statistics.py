"""Which number latencies are judged by: a quantile, their mean or their largest, with intervals."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mlgates import options
from mlgates.limits import Limit, format_number, format_value
from mlgates.stats.quantiles import (
    Dependence,
    Interval,
    dependence,
    least_calls,
    mean_interval,
    quantile,
    quantile_interval,
    ratio_interval,
)

__all__ = [
    "Latencies",
    "Statistic",
    "failed_calls",
    "histograms",
    "shown",
    "slowdown_of",
    "span",
    "table",
]

Floats = npt.NDArray[np.float64]

_QUANTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,6})?)", re.ASCII)
#: Fewest calls whose mean or largest latency says something of the next ones.
_LEAST = 30
_BINS = 60


@dataclass(frozen=True)
class Statistic:
    """A quantile, the mean or the largest of latencies.

    Parameters
    ----------
    name : str
        As it was written.
    share : Fraction, optional
        Which quantile; None for "mean" and "max".

    Examples
    --------
    >>> Statistic.named("Latency", "p99.9").share
    Fraction(999, 1000)
    >>> Statistic.named("Latency", 0.99)
    Traceback (most recent call last):
    mlgates.errors.OptionError: Latency: `quantile` must be ..., got 0.99; did you mean 'p99'?
    """

    name: str
    share: Fraction | None = None

    @classmethod
    def named(cls, owner: str, given: object) -> "Statistic":
        """Return the statistic that a name means.

        Raises
        ------
        OptionError
            For another name; 0 and 100 are no quantiles.
        """
        if given in ("mean", "max"):
            return cls(str(given))
        found = _QUANTILE.fullmatch(given) if isinstance(given, str) else None
        if found is not None and Fraction(found[1]) > 0:
            return cls(str(given), Fraction(found[1]) / 100)
        allowed = "a quantile such as 'p95', 'p99' or 'p99.9', or 'mean' or 'max'"
        raise options.refuse(owner, "quantile", allowed, given, _meant(given))

    def least(self, confidence: float) -> int:
        """Fewest calls that can show something."""
        return _LEAST if self.share is None else least_calls(float(self.share), confidence)


def _meant(given: object) -> str:
    """Return what a wrong name of a statistic may have meant."""
    number = options.real(given)
    if isinstance(given, str):
        folded = given.strip().casefold().removesuffix("%")
        words = {"median": "p50", "average": "mean", "avg": "mean", "maximum": "max", "p100": "max"}
        words |= {"mean": "mean", "max": "max"}
        near = words.get(folded, f"p{folded.removeprefix('p')}")
        known = near in ("mean", "max") or _QUANTILE.fullmatch(near)
        return f"; did you mean {near!r}?" if known and near != given else ""
    if number is not None and 0 < number < 100:
        percent = 100 * number if number < 1 else number
        return f"; did you mean 'p{percent:g}'?"
    return ""


@dataclass(frozen=True, eq=False)
class Latencies:
    """Latencies in the order of the calls, and what one statistic of them is.

    Parameters
    ----------
    seconds : numpy.ndarray of float64
        Positive; infinite for a failed call.
    statistic : Statistic
        What is asked of them.
    confidence : float
        Of the intervals.
    """

    seconds: Floats
    statistic: Statistic
    confidence: float

    @property
    def n(self) -> int:
        """Number of calls."""
        return len(self.seconds)

    @cached_property
    def failed(self) -> int:
        """Number of failed calls."""
        return int(np.count_nonzero(np.isinf(self.seconds)))

    @cached_property
    def ordered(self) -> Floats:
        """Latencies in ascending order."""
        return np.sort(self.seconds)

    @cached_property
    def dependence(self) -> Dependence:
        """How much calls depend on those before them, for this statistic."""
        share = 0.5 if self.statistic.share is None else float(self.statistic.share)
        return dependence(self.seconds, share, self.confidence)

    @cached_property
    def value(self) -> float | None:
        """The statistic; None without calls."""
        if not self.n:
            return None
        if self.statistic.share is not None:
            return quantile(self.ordered, self.statistic.share)
        return float(self.seconds.mean() if self.statistic.name == "mean" else self.ordered[-1])

    @cached_property
    def interval(self) -> Interval | None:
        """Its interval; of a quantile an end may be infinite, of the largest there is none."""
        if self.statistic.share is not None and self.n:
            share, effective = float(self.statistic.share), self.dependence.effective
            return quantile_interval(self.ordered, share, effective, self.confidence)
        known = self.statistic.name == "mean" and self.n
        return mean_interval(self.seconds, self.confidence) if known else None

    @cached_property
    def median(self) -> float:
        """The median of at least one call."""
        return quantile(self.ordered, Fraction(1, 2))

    @property
    def is_sorted(self) -> bool:
        """Whether the order of the calls was lost: they rise or fall from first to last."""
        if self.n < 3 or self.ordered[0] == self.ordered[-1]:
            return False
        rise = np.array_equal(self.seconds, self.ordered)
        return rise or np.array_equal(self.seconds, self.ordered[::-1])


def table(ordered: Floats) -> dict[str, float]:
    """Return the usual quantiles of latencies in ascending order.

    Examples
    --------
    >>> table(np.arange(1.0, 1_001.0))
    {'p50': 500.0, 'p90': 900.0, 'p95': 950.0, 'p99': 990.0, 'max': 1000.0}
    """
    if not len(ordered):
        return {}
    found = {f"p{p}": quantile(ordered, Fraction(p, 100)) for p in (50, 90, 95, 99)}
    return {**found, "max": float(ordered[-1])}


def histograms(*series: Floats) -> list[dict[str, tuple[float, ...]]]:
    """Return counts of finite latencies in bins of equal width on a logarithmic scale.

    All series have the same edges, at most 60 bins. None where no latency is finite.

    Examples
    --------
    >>> (found,) = histograms(np.array([0.001, 0.002, 0.1, np.inf]))
    >>> len(found["edges"]), sum(found["counts"])
    (6, 3)
    """
    finite = [seconds[np.isfinite(seconds)] for seconds in series]
    every = np.concatenate(finite)
    if not len(every):
        return [{} for _ in series]
    low, high = float(every.min()), float(every.max())
    if not low < high:
        low, high = low / 1.05, high * 1.05
    bins = min(max(math.ceil(math.sqrt(max(map(len, finite)))), 5), _BINS)
    edges = np.geomspace(low, high, bins + 1)
    edges[0], edges[-1] = low, high
    return [
        {
            "edges": tuple(edges.tolist()),
            "counts": tuple(int(count) for count in np.histogram(seconds, edges)[0]),
        }
        for seconds in finite
    ]


def slowdown_of(found: Latencies, other: Latencies) -> tuple[float | None, Interval | None]:
    """Return by what share one is slower, and its interval; None where there is none."""
    value, base = found.value, other.value
    if value is None or base is None or math.isinf(base):
        return None, None
    ends, others = found.interval, other.interval
    if ends is None or others is None or math.isinf(value):
        return value / base - 1, None
    low, high = ratio_interval(value, ends, base, others)
    return value / base - 1, (low - 1, high - 1)


def shown(value: float | None, limit: Limit | None = None) -> str:
    """Return a time as a person reads it, beside its limit; one among failed calls is infinite.

    Examples
    --------
    >>> shown(0.0204, Limit(at_most=0.02)), shown(math.inf)
    ('20.4 ms', 'infinite')
    """
    if value is None or math.isinf(value):  # ("never", as of a moment, is no length of time)
        return "undefined" if value is None else "infinite"
    return format_number(value, "s") if limit is None else format_value(value, limit, "s")


def failed_calls(failed: int, calls: int) -> str:
    """Return how many calls failed, and what that means, as a clause.

    Examples
    --------
    >>> failed_calls(1, 9), failed_calls(9, 9)
    ('1 failed call counts as infinite', 'all 9 calls failed, which counts as infinite')
    """
    if failed == calls > 1:
        return f"all {calls:,} calls failed, which counts as infinite"
    return f"{failed:,} failed {'call counts' if failed == 1 else 'calls count'} as infinite"


def span(interval: Interval | None, unit: str, confidence: float) -> str:
    """Return an interval as a person reads it; an end that isn't known is left open.

    Examples
    --------
    >>> span((0.001, 0.002), "s", 0.95), span((0.001, math.inf), "s", 0.95)
    ('95 % interval 1 ms to 2 ms', '95 % interval from 1 ms upwards')
    """
    if interval is None or interval[0] == math.inf:  # (from infinite upwards tells nothing)
        return ""
    (low, high), level = interval, format_number(confidence, "share")
    unknown = low == -math.inf or (unit == "share" and low == -1)
    if high == math.inf:
        return "" if unknown else f"{level} interval from {format_number(low, unit)} upwards"
    start = "up" if unknown else format_number(low, unit)
    return f"{level} interval {start} to {format_number(high, unit)}"
