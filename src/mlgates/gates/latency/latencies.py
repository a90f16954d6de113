"""Read or measure the latencies (answer times) of models, and compute statistics of them."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from mlgates import options
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence, rows_of
from mlgates.predictions.lookup import column_of, prediction_method
from mlgates.predictions.numbers import seconds_of
from mlgates.progress import show_progress
from mlgates.runtime.timing import Floats, Measured, Plan, measure
from mlgates.stats import quantiles as stats
from mlgates.verdict import Limit, format_number, format_value

_OWNER = "Latency"
_QUANTILE = re.compile(r"p([0-9]{1,2}(?:\.[0-9]{1,6})?)", re.ASCII)
_WORDS = {"median": "p50", "average": "mean", "avg": "mean", "maximum": "max", "p100": "max"}
#: Fewest calls whose mean or largest latency predicts that of the next ones.
_LEAST = 30
_BINS = 60
#: The model to measure when latencies are not given.
MODELS = {"latencies": "model", "production_latencies": "production_model"}
#: Confidence of the intervals that can end a measurement early. It is high because the interval is
#: computed many times, and each time it can be wrong.
_EARLY = 0.999


def quantile_share(given: object) -> Fraction | None:
    """Return the quantile with a given name as a share: 99/100 for "p99".

    It is None for "mean" and "max". OptionError is raised for other names, and for "p0" and "p100".

    Examples
    --------
    >>> quantile_share("p99.9")
    Fraction(999, 1000)
    >>> quantile_share(0.99)
    Traceback (most recent call last):
    mlgates.errors.OptionError: Latency: `quantile` must be ..., got 0.99; did you mean 'p99'?
    """
    if given in ("mean", "max"):
        return None
    match = _QUANTILE.fullmatch(given) if isinstance(given, str) else None
    if match is not None and Fraction(match[1]) > 0:
        return Fraction(match[1]) / 100
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
    raise options.refuse(_OWNER, "quantile", allowed, given, hint)


@dataclass(frozen=True, eq=False)
class Latencies:
    """The latencies of one model in the order of the calls, and one statistic of them.

    Parameters
    ----------
    seconds : ndarray
        The latencies, which are positive; that of a failed call is infinite. With the option
        `expected_interval`, they include latencies of calls that a client would have sent while it
        waited for a slow answer (the correction for coordinated omission).
    quantile : str
        The statistic: a quantile such as ``"p99"``, ``"mean"`` or ``"max"``.
    confidence : float
        Level of the interval of the statistic.
    how : str
        How the latencies were obtained, in words for the report.
    calls : int
        The number of calls that were made; without the added latencies.
    is_given : bool
        Whether the user gave the latencies; False if they were measured.
    details : mapping
        More about the latencies, for the report.
    measured : Measured, optional
        The measurement; None if the latencies were given.
    """

    seconds: Floats
    quantile: str
    confidence: float
    how: str = "given latencies"
    calls: int = 0
    is_given: bool = True
    details: Mapping[str, object] = field(default_factory=dict)
    measured: Measured | None = None

    @property
    def n(self) -> int:
        """The number of latencies."""
        return len(self.seconds)

    @cached_property
    def share(self) -> Fraction | None:
        """The quantile as a share of calls, such as 0.99 for "p99"; None for "mean" and "max"."""
        return quantile_share(self.quantile)

    @property
    def least(self) -> int:
        """The smallest number of calls with which a check of this statistic can be decided."""
        share = self.share
        return _LEAST if share is None else stats.least_calls(float(share), self.confidence)

    @cached_property
    def failed(self) -> int:
        """The number of failed calls."""
        return int(np.count_nonzero(np.isinf(self.seconds)))

    @cached_property
    def ordered(self) -> Floats:
        """The latencies in ascending order."""
        return np.sort(self.seconds)

    @cached_property
    def dependence(self) -> stats.Dependence:
        """How much latencies depend on earlier ones, and the effective number of calls.

        The effective number is the number of independent calls from which the quantile (for "mean"
        and "max" the median) could be estimated with the same precision.
        """
        share = 0.5 if self.share is None else float(self.share)
        return stats.dependence(self.seconds, share, self.confidence)

    @cached_property
    def value(self) -> float | None:
        """The statistic: the quantile, the mean or the maximum; None if there are no calls."""
        if not self.n:
            return None
        if self.share is not None:
            return stats.quantile(self.ordered, self.share)
        return float(self.seconds.mean() if self.quantile == "mean" else self.ordered[-1])

    @cached_property
    def interval(self) -> stats.Interval | None:
        """The confidence interval of the statistic; its ends can be infinite.

        It is None for the maximum, and if there are no calls.
        """
        if not self.n or self.quantile == "max":
            return None
        if self.share is None:
            return stats.mean_interval(self.seconds, self.confidence)
        if self.by_blocks is not None:
            return self.by_blocks
        share, effective = float(self.share), self.dependence.effective
        return stats.quantile_interval(self.ordered, share, effective, self.confidence)

    @cached_property
    def by_blocks(self) -> stats.Interval | None:
        """The interval from quantiles of blocks of calls; None if it is not used.

        It is used if calls depend on earlier calls and the effective number of calls (see
        `dependence`) is too small. It is not used if slow calls come in clusters while the other
        calls are independent: most blocks then contain no cluster, and their quantiles do not show
        how slow the next cluster is.
        """
        share, calls = self.share, self.dependence
        if share is None or calls.inflation <= 1 or self.n < self.least or self.is_sorted:
            return None
        if calls.effective >= max(self.least, _LEAST):
            return None
        if calls.effective_beyond <= calls.effective < self.least:
            return None
        return stats.block_interval(self.seconds, float(share), self.confidence)

    @property
    def is_sorted(self) -> bool:
        """Whether the latencies only rise or only fall, so that they were probably sorted."""
        if self.n < 3 or self.ordered[0] == self.ordered[-1]:
            return False
        orders = self.ordered, self.ordered[::-1]
        return any(np.array_equal(self.seconds, order) for order in orders)

    @property
    def saturated(self) -> str:
        """Why the latencies allow no decision, if the model did not keep up with the rate; else "".

        If the model answers fewer calls per second than are sent, the latencies are those of a
        growing queue, and say nothing about the model.
        """
        timing = None if self.measured is None else self.measured.timing
        if timing is None or not timing.saturated:
            return ""
        served, rate = format_number(timing.achieved), format_number(timing.rate)
        kept = f"it answered {served} of {rate} calls a second"
        return f"saturated: {kept}, so the latencies grow with the length of the measurement"


def table(ordered: Floats) -> dict[str, float]:
    """Return the usual quantiles by name, from latencies in ascending order.

    Examples
    --------
    >>> table(np.arange(1.0, 1_001.0))
    {'p50': 500.0, 'p90': 900.0, 'p95': 950.0, 'p99': 990.0, 'max': 1000.0}
    """
    if not len(ordered):
        return {}
    quantiles = {f"p{p}": stats.quantile(ordered, Fraction(p, 100)) for p in (50, 90, 95, 99)}
    return {**quantiles, "max": float(ordered[-1])}


def histograms(*series: Floats) -> list[dict[str, tuple[float, ...]]]:
    """Return a histogram of each series of latencies, with logarithmic bins.

    Each histogram is a dict with the ``"edges"`` of at most 60 bins, which are the same for all
    series, and the ``"counts"`` of the bins. Infinite latencies are not counted. The dicts are
    empty if no latency is finite.

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


def slowdown_of(
    candidate: Latencies, production: Latencies
) -> tuple[float | None, stats.Interval | None]:
    """Return the slowdown of the candidate against production, and its confidence interval.

    The slowdown is a share: 0.1 is 10 %. Each of the two results is None if it is undefined.
    """
    value, base = candidate.value, production.value
    if value is None or base is None or math.isinf(base):
        return None, None
    ends, others = candidate.interval, production.interval
    if ends is None or others is None or math.isinf(value):
        return value / base - 1, None
    low, high = stats.ratio_interval(value, ends, base, others)
    return value / base - 1, (low - 1, high - 1)


def format_latency(value: float | None, limit: Limit | None = None) -> str:
    """Return a time as a string, with enough digits to distinguish it from a limit.

    Examples
    --------
    >>> format_latency(0.0204, Limit(at_most=0.02)), format_latency(math.inf)
    ('20.4 ms', 'infinite')
    """
    if value is None or math.isinf(value):  # (`format_number` writes "never" for infinite)
        return "undefined" if value is None else "infinite"
    return format_number(value, "s") if limit is None else format_value(value, limit, "s")


def format_interval(interval: stats.Interval | None, unit: str, confidence: float) -> str:
    """Return a confidence interval in words, for a report; an infinite end is left out.

    `unit` is the unit of the ends. The result is "" if there is no interval, or if both ends are
    infinite.

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


def read_latencies(
    evidence: Evidence,
    names: list[str],
    empty: Latencies,
    plan: Plan,
    interval: float | None,
    *,
    is_decided: Callable[[dict[str, Latencies]], bool],
) -> dict[str, Latencies]:
    """Return the latencies of one or two models, as given in the evidence or measured.

    `names` are the keys of the result: "latencies" for the model that is checked, and
    "production_latencies" for the model in production. Latencies that are not in the evidence are
    measured: the models are called in turns, as `plan` says. If `plan` has no fixed number of
    calls, the calls end as soon as ``is_decided(latencies)`` returns true for the latencies so far.

    `empty` is a `Latencies` object without values. Its statistic and confidence are copied to the
    results. `interval` is the option `expected_interval` in seconds.
    """
    rest = [name for name in names if name not in evidence]
    missing = [name for name in rest if not (MODELS[name] in evidence and "X" in evidence)]
    if missing:
        needed = "; and ".join(f"`{name}`, or `{MODELS[name]}` and `X`" for name in missing)
        none = "neither" if len(missing) == 1 else "none of these"
        raise EvidenceError(f"the gate needs {needed}; {none} was given")

    given = {
        name: replace(empty, seconds=seconds_of(column_of(evidence, name)))
        for name in names
        if name in evidence
    }
    given = {name: replace(one, calls=one.n) for name, one in given.items()}

    def decided(seconds: Sequence[Floats]) -> bool:
        samples = dict(given)
        for name, latencies in zip(rest, seconds, strict=True):
            samples[name] = replace(empty, seconds=latencies, calls=len(latencies), is_given=False)
        # at the confidence of the report, too: it may need another method
        levels = {max(_EARLY, empty.confidence), empty.confidence}
        return all(
            is_decided({k: replace(one, confidence=level) for k, one in samples.items()})
            for level in levels
        )

    measured: dict[str, Measured] = {}
    if rest and rows_of(evidence.in_memory("X")) != 0:
        models = {}
        for name in rest:
            model: Any = evidence[MODELS[name]]
            method = prediction_method(MODELS[name], model)
            models[f"`{MODELS[name]}`"] = getattr(model, method) if method else model
        steps = plan.calls * len(rest) if plan.fixed else None
        with show_progress(steps, unit="call", shown=evidence.progress) as shown:
            shown.describe(f"latency of {' and '.join(MODELS[n] for n in rest)}")
            rows = evidence.in_memory("X")
            found = measure(models, rows, plan, decided=decided, step=shown.step)
        measured = dict(zip(rest, found, strict=True))
    series = {}
    for name in names:
        one = measured.get(name)
        if name in evidence:
            loop, how = "given", "given latencies"
            latencies = given[name].seconds
        else:
            loop, how = "closed", "service time (closed loop)"
            if plan.rate is not None:
                loop = "open"
                how = f"open loop at {format_number(plan.rate)} calls a second"
            latencies = empty.seconds if one is None else one.timing.latencies
        calls = len(latencies)
        details = {"loop": loop, **({} if one is None else one.details)}
        if interval is not None:
            try:
                latencies = stats.corrected_for_omission(latencies, interval)
            except ValueError as error:
                got = format_number(interval, "s")
                raise EvidenceError(
                    f"`expected_interval` is too short, got {got}: {error}"
                ) from None
            how += (
                f", with added calls that were planned every {format_number(interval, 's')} and "
                "not sent"
            )
            details["omitted"] = len(latencies) - calls
        series[name] = replace(
            empty,
            seconds=latencies,
            how=how,
            calls=calls,
            is_given=name in evidence,
            details=details,
            measured=one,
        )
    return series
