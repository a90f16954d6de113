"""Compute a statistic of a column, its confidence interval, and its change from a reference."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from mlgates.errors import EvidenceError
from mlgates.gates._shared import Part
from mlgates.profile.baseline import Baseline
from mlgates.profile.counter import Counter
from mlgates.profile.counters import Distribution, ValueCounts
from mlgates.profile.distributions import Ecdf, Frequencies
from mlgates.profile.grouped import Grouped
from mlgates.profile.groups import RowCondition
from mlgates.profile.rules import RuleCounter, RuleGroup
from mlgates.profile.sketch import QuantileSketch
from mlgates.profile.summaries import Extremes, ExtremeState, MomentCounter, MomentState
from mlgates.stats.changes import deviation_interval, ratio_interval, welch_intervals
from mlgates.stats.means import hall_interval
from mlgates.stats.moments import Moments
from mlgates.stats.proportions import square_and_add, wilson_interval
from mlgates.stats.quantiles import order_ranks

__all__ = ["Estimate", "change", "counter_of", "estimate", "from_baseline", "kinds_of"]

Interval = tuple[float, float]
#: Integers and fractions are exact.
Number = int | float | Fraction

_NUMBERS = frozenset({"int", "float", "decimal", "null"})
_VALUES = _NUMBERS | {"bool", "string", "binary", "date", "time", "timestamp", "duration"}


@dataclass(frozen=True)
class Estimate:
    """The value of a statistic of some rows, and its confidence interval.

    Attributes
    ----------
    n, missing : int
        Number of values, and number of rows in which the value is missing.
    value : int, float, Fraction or None
        The statistic; None if it is not defined.
    interval : callable
        Takes a confidence level, and returns the interval, or None if there is no interval.
    method : str
        Name of the statistical method of the interval, for reports.
    moments : Moments, optional
        Moments of the values, for a mean.
    bounds : (float, float), optional
        Smallest and largest possible value, if the exact value can't be computed from a stored
        baseline.
    is_constant : bool
        Whether there are several values and all are equal, so that a mean, sum or standard
        deviation has no interval.
    """

    n: int
    missing: int
    value: Number | None = None
    interval: Callable[[float], Interval | None] = lambda _: None
    method: str = "count"
    moments: Moments | None = None
    bounds: Interval | None = None
    is_constant: bool = False


def kinds_of(of: str) -> frozenset[str]:
    """Return the kinds of columns for which the statistic `of` is defined."""
    if of == "rate":
        return frozenset({"bool", "null"})
    return _VALUES if of == "distinct" else _NUMBERS


def counter_of(of: str, column: str, condition: RowCondition | None, part: Part) -> Counter:
    """Return the counter that says what to count for a statistic of a column.

    Parameters
    ----------
    of : str
        Name of the statistic, such as ``"mean"`` or ``"rate"``.
    column : str
        Name of the column; not used if there is a `condition`.
    condition : Condition or None
        For ``"rate"``, a condition: the rate is the share of rows for which the condition is true.
        For ``"rows"``, a condition that is true in each row. None for all other statistics.
    part : Part
        The rows to count: all rows, each slice of some columns, or one slice.
    """
    if condition is not None:
        read = part.read if part.slice else ()
        return RuleCounter(condition, part.by, part.slice, read)
    counter = _COUNTERS.get(of, Distribution)(column)
    is_whole = not part.by and part.slice is None
    return counter if is_whole else Grouped(counter, part.by, part.slice, part.read)


def estimate(of: str, state: Any, rows: int) -> Estimate:
    """Return the value of a statistic of one column, and its confidence interval.

    `of` is the name of the statistic. `counter_of` returns a counter for it; `state` is the result
    of this counter for some rows, and `rows` is the number of these rows.
    """
    if of.startswith("quantile:"):
        return _quantile(state, rows, Fraction(of.removeprefix("quantile:")))
    return _ESTIMATES[of](state, rows)


def _mean(state: MomentState, rows: int) -> Estimate:
    sample = _finite(state)
    interval = partial(_mean_interval, sample)
    n, missing = sample.n, rows - sample.n
    value = sample.mean if n else None
    constant = n > 1 and not sample.variance
    method = "mean, Hall's interval"
    return Estimate(n, missing, value, interval, method, sample, is_constant=constant)


def _mean_interval(sample: Moments, confidence: float, times: int = 1) -> Interval | None:
    """Return Hall's interval of the mean, multiplied by `times`."""
    if sample.n < 2:
        return None
    deviation, skewness = math.sqrt(sample.powers[0] / sample.n), sample.skewness
    if not (deviation > 1e-12 * abs(sample.mean) and math.isfinite(skewness)):
        return None
    low, high = hall_interval(sample.n, sample.mean, deviation, skewness, confidence)
    return times * low, times * high


def _sum(state: MomentState, rows: int) -> Estimate:
    sample = _finite(state)
    n, total = sample.n, sample.total
    value: Number | None = None
    if n and state.is_exact:
        value = int(total) if total.denominator == 1 else total
    elif n:
        value = sample.sum
    interval = partial(_mean_interval, sample, times=n)
    constant = n > 1 and not sample.variance
    method = "sum, n times Hall's interval of the mean"
    return Estimate(n, rows - n, value, interval, method, is_constant=constant)


def _std(state: MomentState, rows: int) -> Estimate:
    sample = _finite(state)
    n, deviation = sample.n, math.sqrt(sample.variance) if sample.n > 1 else None

    def interval(confidence: float) -> Interval | None:
        return deviation_interval(sample.powers, n, confidence) if deviation else None

    method = "standard deviation, Hall's interval"
    return Estimate(n, rows - n, deviation, interval, method, is_constant=deviation == 0)


def _finite(state: MomentState) -> Moments:
    """Return the moments; raise EvidenceError if a value is infinite."""
    if state.infinite:
        are = "is" if state.infinite == 1 else "are"
        n = state.infinite + state.moments.n
        them = "it" if state.infinite == 1 else "them"
        msg = f"{state.infinite:,} of {n:,} values {are} infinite; correct {them}, or use a "
        msg += "statistic that allows infinite values, such as the median"
        raise EvidenceError(msg)
    return state.moments


def _extreme(name: str, state: ExtremeState, rows: int) -> Estimate:
    value = state.low if name == "min" else state.high
    return Estimate(state.n, rows - state.n, value, method=f"{name} of all values")


def _quantile(ecdf: Ecdf, rows: int, share: Fraction | None) -> Estimate:
    """Return the estimate of a quantile, or of the median if `share` is None.

    The quantile is the smallest value ``v`` such that a share of at least `share` of all values is
    less than or equal to ``v``.
    """
    n, values = ecdf.n, ecdf.values

    def at(rank: int) -> float:
        return float(values[rank - 1]) if 1 <= rank <= n else math.copysign(math.inf, rank - 1)

    def interval(confidence: float) -> Interval | None:
        low, high = order_ranks(n, float(share or Fraction(1, 2)), confidence)
        return at(low), at(high)

    if not n:
        return Estimate(0, rows)
    if share is None:
        low, high = values[(n - 1) // 2].item(), values[n // 2].item()
        value = low if low == high else (low + high) / 2
    else:
        value = values[math.ceil(n * share) - 1].item()
    return Estimate(n, rows - n, value, interval, "order statistics")


def _distinct(counts: Frequencies, rows: int) -> Estimate:
    value = len(counts) if counts.n else None
    return Estimate(counts.n, rows - counts.n, value, method="count of distinct values")


def _rate(group: RuleGroup, rows: int) -> Estimate:
    n = rows - group.missing
    return _share(n - group.broken, n, group.missing)


def _share(count: int, n: int, missing: int) -> Estimate:
    if not n:
        return Estimate(0, missing)

    def interval(confidence: float) -> Interval:
        low, high = wilson_interval(count, n, confidence)
        return float(low), float(high)

    return Estimate(n, missing, count / n, interval, "Wilson's interval")


def _rows(_: RuleGroup, rows: int) -> Estimate:
    return Estimate(rows, 0, rows, method="count of rows")


_COUNTERS: dict[str, Callable[[str], Counter]] = {
    "mean": MomentCounter,
    "std": partial(MomentCounter, squares=True),
    "sum": MomentCounter,
    "min": Extremes,
    "max": Extremes,
    "distinct": ValueCounts,
}
_ESTIMATES: dict[str, Callable[[Any, int], Estimate]] = {
    "mean": _mean,
    "std": _std,
    "sum": _sum,
    "min": partial(_extreme, "min"),
    "max": partial(_extreme, "max"),
    "median": partial(_quantile, share=None),
    "distinct": _distinct,
    "rate": _rate,
    "rows": _rows,
}


def from_baseline(of: str, baseline: Baseline, column: str) -> Estimate:
    """Return a statistic of a column of a stored baseline.

    `of` is the name of the statistic.

    Raises
    ------
    EvidenceError
        For a statistic that can't be computed from a baseline.
    """
    if of == "rows":
        return _rows(RuleGroup((), 0, 0, 0), baseline.rows)
    profile, kept = baseline.columns[column], baseline.distributions.get(column)
    if of in ("min", "max"):
        low, high = profile.min, profile.max
        return _extreme(of, ExtremeState(profile.valid, low, high), baseline.rows)  # type: ignore[arg-type]
    if of in ("mean", "std", "sum"):
        moments = baseline.moments.get(column)
        if moments is None:
            msg = f"the baseline has no moments of `{column}`, because an older mlgates wrote it; "
            msg += "write it again from its table with `Baseline.from_data`"
            raise EvidenceError(msg)
        state = MomentState(profile.infinite, moments, profile.field.kind == "int")
        return estimate(of, state, baseline.rows)
    if of == "rate" and isinstance(kept, Frequencies):
        return _share(kept[True], kept.n, baseline.rows - kept.n)
    if of != "distinct" and isinstance(kept, QuantileSketch):
        return _stored_quantile(of, kept, baseline.rows)
    raise EvidenceError(
        f"a baseline does not have `{of}` of `{column}`; pass the table itself as `reference`"
    )


def _stored_quantile(of: str, sketch: QuantileSketch, rows: int) -> Estimate:
    """Return a quantile of a baseline, and its bounds if the baseline has no exact value."""
    share = Fraction(1, 2) if of == "median" else Fraction(of.removeprefix("quantile:"))
    n = sketch.n

    def at(rank: int) -> Interval:
        """Return two numbers between which the value with this rank is.

        They are neighbouring stored values. Both are the value itself if it is stored.
        """
        points, (_, negative, positive) = sketch.points, sketch.ends
        if rank <= negative or rank < 1:
            return -math.inf, -math.inf
        if rank > n - positive:
            return math.inf, math.inf
        place = int((sketch.high >= rank).argmax())
        exact = sketch.low[place] < rank
        return float(points[place if exact else place - 1]), float(points[place])

    def interval(confidence: float) -> Interval:
        low, high = order_ranks(n, float(share), confidence)
        return at(low)[0], at(high)[1]

    if not n:
        return Estimate(0, rows)
    ranks = (math.ceil(n * share), n // 2 + 1 if of == "median" else math.ceil(n * share))
    low, high = (sum(ends) / 2 for ends in zip(*map(at, ranks), strict=True))
    value = low if low == high else (low + high) / 2
    bounds = None if low == high else (low, high)
    return Estimate(n, rows - n, value, interval, "order statistics", bounds=bounds)


def change(
    ours: Estimate, theirs: Estimate, *, relative: bool
) -> tuple[Number, Callable[[float], Interval | None]]:
    """Return the change of a statistic from the reference, and a function for its interval.

    `ours` is the statistic of the data, and `theirs` that of the reference.

    The change is `ours` minus `theirs`. If it is `relative`, it is divided by the absolute value of
    `theirs`. The function takes a confidence level, and returns the confidence interval of the
    change, or None if it has none.

    Raises
    ------
    EvidenceError
        If one of the statistics has no value, or if the change is relative and the statistic of the
        reference is 0.
    """
    value, other = ours.value, theirs.value
    if value is None or other is None:
        raise EvidenceError("a change needs two values")
    if not all(isinstance(number, int | Fraction) for number in (value, other)):
        value, other = float(value), float(other)
    if relative and other == 0:
        msg = "the statistic of the reference is 0, so a relative change is not defined; "
        msg += "use `max_change`"
        raise EvidenceError(msg)
    difference: Any = value - other
    if relative:
        # a quotient of integers is a fraction
        difference = difference / abs(other if isinstance(value, float) else Fraction(other))
    numbers = float(value), float(other)

    def interval(confidence: float) -> Interval | None:
        ends = _both_intervals(ours, theirs, confidence, numbers if relative else None)
        if ends is None:
            return None
        if not relative:
            added = square_and_add(numbers[0], ends[0], numbers[1], ends[1])
            low, high = map(float, added)
            return None if math.isnan(low + high) else (low, high)
        ratio = ratio_interval(numbers[0], ends[0], numbers[1], ends[1])
        if ratio is None:
            return None
        low, high = (end - 1 for end in ratio)
        return (low, high) if numbers[1] > 0 else (-high, -low)

    return difference, interval


def _both_intervals(
    ours: Estimate, theirs: Estimate, confidence: float, relative: tuple[float, float] | None
) -> tuple[Interval, Interval] | None:
    """Return the intervals of two statistics, from which the interval of their change is computed.

    `relative` has the values of the two statistics if the change is relative, otherwise it is None.
    The result is None if a statistic has no interval.
    """
    if ours.moments is not None and theirs.moments is not None:
        samples = ((m.mean, m.variance, m.n) for m in (ours.moments, theirs.moments))
        ratio = relative[0] / relative[1] if relative else 1.0
        return welch_intervals((*samples,), confidence, ratio)  # type: ignore[arg-type]
    ends = ours.interval(confidence), theirs.interval(confidence)
    return None if ends[0] is None or ends[1] is None else (ends[0], ends[1])
