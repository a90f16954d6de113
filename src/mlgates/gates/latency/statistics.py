"""Statistics of latencies: a quantile, the mean or the largest, with intervals and histograms."""

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
    "format_interval",
    "format_latency",
    "histograms",
    "slowdown_of",
    "table",
]

Floats = npt.NDArray[np.float64]

_QUANTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,6})?)", re.ASCII)
_WORDS = {"median": "p50", "average": "mean", "avg": "mean", "maximum": "max", "p100": "max"}
#: Fewest calls whose mean or largest latency predicts that of the next ones.
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
        The level of a quantile; None for "mean" and "max".

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
        """Return the statistic with a name; raise OptionError for another name, p0 and p100."""
        if given in ("mean", "max"):
            return cls(str(given))
        match = _QUANTILE.fullmatch(given) if isinstance(given, str) else None
        if match is not None and Fraction(match[1]) > 0:
            return cls(str(given), Fraction(match[1]) / 100)
        hint, number = "", options.real(given)
        if isinstance(given, str):
            folded = given.strip().casefold().removesuffix("%")
            meant = _WORDS.get(folded, folded)
            if meant not in ("mean", "max"):
                meant = f"p{meant.removeprefix('p')}"
            is_name = meant in ("mean", "max") or _QUANTILE.fullmatch(meant)
            hint = f"; did you mean {meant!r}?" if is_name and meant != given else ""
        elif number is not None and 0 < number < 100:
            hint = f"; did you mean 'p{100 * number if number < 1 else number:g}'?"
        allowed = "a quantile such as 'p95', 'p99' or 'p99.9', or 'mean' or 'max'"
        raise options.refuse(owner, "quantile", allowed, given, hint)

    def least(self, confidence: float) -> int:
        """Return the fewest calls that can decide."""
        return _LEAST if self.share is None else least_calls(float(self.share), confidence)


@dataclass(frozen=True, eq=False)
class Latencies:
    """Latencies in the order of the calls, with one statistic of them.

    Parameters
    ----------
    seconds : numpy.ndarray of float64
        Positive; infinite for a failed call.
    statistic : Statistic
        The statistic.
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

    @property
    def least(self) -> int:
        """Fewest calls that can decide."""
        return self.statistic.least(self.confidence)

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
        """Dependence of calls on those before them, for this statistic."""
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
        if not self.n or self.statistic.name == "max":
            return None
        if self.statistic.share is None:
            return mean_interval(self.seconds, self.confidence)
        share, effective = float(self.statistic.share), self.dependence.effective
        return quantile_interval(self.ordered, share, effective, self.confidence)

    @cached_property
    def median(self) -> float:
        """The median of at least one call."""
        return quantile(self.ordered, Fraction(1, 2))

    @property
    def is_sorted(self) -> bool:
        """Whether latencies rise or fall from first to last: the order of the calls was lost."""
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
    quantiles = {f"p{p}": quantile(ordered, Fraction(p, 100)) for p in (50, 90, 95, 99)}
    return {**quantiles, "max": float(ordered[-1])}


def histograms(*series: Floats) -> list[dict[str, tuple[float, ...]]]:
    """Count finite latencies in bins of equal width on a logarithmic scale.

    All series have the same edges, at most 60 bins. Empty dicts where no latency is finite.

    Examples
    --------
    >>> (one,) = histograms(np.array([0.001, 0.002, 0.1, np.inf]))
    >>> len(one["edges"]), sum(one["counts"])
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
    counts = [np.histogram(seconds, edges)[0] for seconds in finite]
    return [{"edges": tuple(edges.tolist()), "counts": tuple(one.tolist())} for one in counts]


def slowdown_of(found: Latencies, other: Latencies) -> tuple[float | None, Interval | None]:
    """Return by what share one is slower than another, and its interval; None when undefined."""
    value, base = found.value, other.value
    if value is None or base is None or math.isinf(base):
        return None, None
    ends, others = found.interval, other.interval
    if ends is None or others is None or math.isinf(value):
        return value / base - 1, None
    low, high = ratio_interval(value, ends, base, others)
    return value / base - 1, (low - 1, high - 1)


def format_latency(value: float | None, limit: Limit | None = None) -> str:
    """Format a time, with the digits that distinguish it from a limit.

    Examples
    --------
    >>> format_latency(0.0204, Limit(at_most=0.02)), format_latency(math.inf)
    ('20.4 ms', 'infinite')
    """
    if value is None or math.isinf(value):  # (`format_number` writes "never" for infinite)
        return "undefined" if value is None else "infinite"
    return format_number(value, "s") if limit is None else format_value(value, limit, "s")


def format_interval(interval: Interval | None, unit: str, confidence: float) -> str:
    """Format an interval; an end that isn't known is left open.

    Examples
    --------
    >>> format_interval((0.001, 0.002), "s", 0.95), format_interval((0.001, math.inf), "s", 0.95)
    ('95 % interval 1 ms to 2 ms', '95 % interval from 1 ms upwards')
    """
    if interval is None or interval[0] == math.inf:
        return ""
    (low, high), level = interval, format_number(confidence, "share")
    unknown = low == -math.inf or (unit == "share" and low == -1)
    if high == math.inf:
        return "" if unknown else f"{level} interval from {format_number(low, unit)} upwards"
    start = "up" if unknown else format_number(low, unit)
    return f"{level} interval {start} to {format_number(high, unit)}"
