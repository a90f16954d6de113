"""Latency: answers come within a limit, and not slower than those of the model in production."""

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import OptionError
from mlgates.evidence import Evidence
from mlgates.gates._shared import confidence_of, rounded_up, rows_needed
from mlgates.gates.latency.series import MODELS, Series, read_series
from mlgates.gates.latency.statistics import (
    Latencies,
    Statistic,
    format_interval,
    format_latency,
    histograms,
    slowdown_of,
    table,
)
from mlgates.limits import Limit, format_number, format_value
from mlgates.options import Duration, seconds
from mlgates.runtime.measure import Plan
from mlgates.stats.quantiles import Interval, exceedance_interval
from mlgates.verdict import Check, Measurement

__all__ = ["Latency"]

_OWNER = "Latency"
_SUBJECT = "latency"
_LEAST_CALLS = 1_000
#: Calls measured, of the fewest that decide: there is room for calls that depend on each other.
_MARGIN = 2
#: Independent calls that show a quantile to be beyond a limit, where too few for one within it.
_FEW = 30
#: A limit so many times the median was written in another unit; so was one that is a fraction.
_ODD = 1_000
_ODD_GIVEN = 100
#: A large bare number is rarely meant in seconds: fewer times are odd then.
_LARGE, _ODD_LARGE = 5, 100


@dataclass(frozen=True, repr=False)
class Latency(Gate):
    """A quantile of the time that answers take is within a limit, or near that of production.

    Judged are `latencies` as given, or, without any, calls of `model` on rows of `X`. The verdict
    is on an interval of order statistics, which assumes no distribution: it is Clopper and
    Pearson's of the share of calls beyond the limit. Calls that depend on those before them count
    for fewer. What is too few for the quantile is INCONCLUSIVE and says how many are needed.

    Parameters
    ----------
    quantile : str
        "p50", "p95", "p99", "p99.9", ..., or "mean" or "max", which decide by the estimate.
    at_most : str, timedelta or float, optional
        Largest latency: "20ms", a ``timedelta`` or seconds. At least one of `at_most` and
        `max_slowdown` is given; each is a check.
    max_slowdown : float, optional
        How much slower than the model in production, as a share: 0.1 is 10 %. It asks for
        `production_model`, whose calls take turns with those of `model`, or for
        `production_latencies`.
    calls : int, optional
        Calls to measure. By default at least 1,000 and twice as many as the quantile needs, and up
        to ten times that, for at most a minute, while calls depend too much on each other.
    warmup : int
        Calls before, which don't count; the first of them is reported apart.
    batch_size : int
        Rows a call.
    rate : float, optional
        Calls a second, sent by the clock to one server whether or not it keeps up: latency then
        counts from the moment a call was due. Without it the next call follows the answer, and
        what is measured is service time.
    decide_by : {"interval", "estimate"}
        "estimate": the quantile of the calls decides, whatever chance does.
    confidence : float
        Of the two-sided interval.
    cold_at_most : str, timedelta or float, optional
        Largest duration of the first call of all, a check of its own.
    max_failed : float
        Largest share of calls that may fail; a check where one does. A failed call is infinitely
        slow.
    expected_interval : str, timedelta or float, optional
        Of latencies that were measured in a closed loop: the time between two calls of one sender.
        What was not sent while a call was waited for is then added, as HdrHistogram does.
    seed : int
        For drawing rows, before the clock runs.
    disable_gc : bool
        Whether to keep the garbage collector from running; production has one.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The model is called in this process, one call at a time; a call that hangs hangs the run.
    Latencies that are not positive numbers are an ERROR.

    Examples
    --------
    >>> import numpy as np
    >>> seconds = np.random.default_rng(0).lognormal(np.log(0.004), 0.4, 2_000)
    >>> result = Latency("p99", at_most="20ms").run(latencies=seconds)
    >>> print(result.reason)
    `p99` is 9.86 ms (95 % interval 9.35 ms to 10.5 ms, n = 2,000); the limit is at most 20 ms
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    optional_evidence: ClassVar[frozenset[str]] = frozenset({*MODELS, *MODELS.values(), "X"})
    info = GateInfo(
        summary="a quantile of the time of an answer, given or measured, alone or beside "
        "production",
        metrics={
            "`p95` and the like, `first_call`": "a time",
            "`slowdown`, `failed`": "share of production's time; share of the calls",
        },
        fewest_rows='the calls that can show the quantile: 368 for `"p99"` at 95 %',
        forgives="an interval of the quantile, or of the slowdown, that reaches across the limit. "
        "Never too few independent calls, or a server that did not keep up",
        needs="`latencies`, or `model` and `X`",
        uses="with `max_slowdown` also `production_latencies` or `production_model`",
    )
    quantile: str
    _: KW_ONLY
    at_most: Duration | None = None
    max_slowdown: float | None = None
    calls: int | None = None
    warmup: int = 50
    batch_size: int = 1
    rate: float | None = None
    decide_by: Literal["interval", "estimate"] = "interval"
    confidence: float = 0.95
    cold_at_most: Duration | None = None
    max_failed: float = 0.01
    expected_interval: Duration | None = None
    seed: int = 0
    disable_gc: bool = False

    def __post_init__(self) -> None:
        Statistic.named(_OWNER, self.quantile)
        for option in ("at_most", "cold_at_most", "expected_interval"):
            if getattr(self, option) is not None:
                self._set(option, options.duration(_OWNER, option, getattr(self, option)))
        if self.max_slowdown is not None:
            self._set("max_slowdown", options.share(_OWNER, "max_slowdown", self.max_slowdown))
        if self.calls is not None:
            self._set("calls", options.count(_OWNER, "calls", self.calls, at_least=1))
        self._set("warmup", options.count(_OWNER, "warmup", self.warmup))
        self._set("batch_size", options.count(_OWNER, "batch_size", self.batch_size, at_least=1))
        if self.rate is not None:
            self._set("rate", options.number(_OWNER, "rate", self.rate, at_least=1e-6))
        options.choice(_OWNER, "decide_by", self.decide_by, ("interval", "estimate"))
        self._set("confidence", confidence_of(_OWNER, self.confidence))
        self._set("max_failed", options.share(_OWNER, "max_failed", self.max_failed))
        self._set("seed", options.count(_OWNER, "seed", self.seed))
        options.flag(_OWNER, "disable_gc", self.disable_gc)
        if self.at_most is None and self.max_slowdown is None:
            msg = f"{_OWNER}: give `at_most`, such as '20ms', or `max_slowdown`, such as 0.1"
            raise OptionError(msg)
        if self.rate is not None and self.expected_interval is not None:
            msg = f"{_OWNER}: with `rate` no call is omitted, so `expected_interval` has no meaning"
            raise OptionError(msg)
        super().__post_init__()

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield checks of the limit and the slowdown, of the first call, and of failed calls."""
        statistic = Statistic.named(_OWNER, self.quantile)
        plan = Plan(
            calls=self.calls or max(_LEAST_CALLS, _MARGIN * statistic.least(self.confidence)),
            fixed=self.calls is not None,
            warmup=self.warmup,
            batch_size=self.batch_size,
            rate=self.rate,
            seed=self.seed,
            disable_gc=self.disable_gc,
        )
        names = list(MODELS)[: 1 if self.max_slowdown is None else 2]
        expected = None if self.expected_interval is None else seconds(self.expected_interval)
        make = partial(Latencies, statistic=statistic, confidence=self.confidence)
        series = read_series(evidence, names, make, plan, expected)
        candidate = series["latencies"]
        found, measured = candidate.found, candidate.measured
        if self.at_most is not None:
            yield self._limit_check(candidate, Limit(at_most=seconds(self.at_most)))
        if self.max_slowdown is not None:
            yield self._slowdown_check(candidate, series["production_latencies"])
        if self.cold_at_most is not None:
            limit = Limit(at_most=seconds(self.cold_at_most))
            first = None if measured is None else measured.first
            text, insufficient = "the first call failed", ""
            if first is None:
                text = "the first call of all is not known"
                insufficient = "latencies that are given don't tell it; measure a model"
            elif math.isfinite(first):
                text = f"the first call took {format_value(first, limit, 's')}"
            method = "first call of the model by this gate"
            yield Check.judge(
                _SUBJECT,
                "first_call",
                Measurement(first, n=int(first is not None), method=method),
                limit,
                min_n=0,
                insufficient=insufficient,
                unit="s",
                said=text,
            )
        if found.failed:
            limit, share = Limit(at_most=self.max_failed), found.failed / candidate.calls
            text = f"{found.failed:,} of {candidate.calls:,} calls failed"
            text += f" ({format_value(share, limit, 'share')})"
            if measured is not None:
                text += f", the first with {measured.timing.failure}"
            details = {"count": found.failed}
            measurement = Measurement(share, n=candidate.calls, method="count", details=details)
            yield Check.judge(_SUBJECT, "failed", measurement, limit, unit="share", said=text)

    def _limit_check(self, series: Series, limit: Limit) -> Check:
        found, ends = series.found, series.found.interval
        clear = ends is not None and limit.excludes(ends)
        insufficient = series.saturated or self._insufficient(series, clear=clear)
        beyond = int(np.count_nonzero(found.seconds > limit.high))
        text = f"`{self.quantile}` is {format_latency(found.value, limit)}"
        if found.n:
            interval = format_interval(ends, "s", self.confidence)
            text += f" ({', '.join(filter(None, [interval, f'n = {found.n:,}']))})"
        (histogram,) = histograms(found.seconds)
        details: dict[str, object] = {"beyond": beyond, "histogram": histogram}
        share, undecided = found.statistic.share, ends is not None and not limit.holds(ends[1])
        if undecided and not clear and not insufficient and share is not None:
            # the quantile is within the limit when few enough calls are beyond it
            inflation, level = found.dependence.inflation, self.confidence
            exceeding = exceedance_interval(beyond / inflation, found.n / inflation, level)
            allowed = Limit(at_most=float(1 - share))
            needed = rows_needed(beyond / found.n, exceeding, allowed, found.n, level)
            text += self._forecast(needed, details)
        text += _remarks(series)
        hint = self._unit_hint(series, limit)
        return self._check(
            series, self.quantile, found.value, ends, limit, text, insufficient, details, hint
        )

    def _slowdown_check(self, series: Series, production: Series) -> Check:
        found, other = series.found, production.found
        limit = Limit(at_most=self.max_slowdown)
        slowdown, ends = slowdown_of(found, other)
        clear, of_production = (
            ends is not None and limit.excludes(ends),
            "of the model in production ",
        )
        if other.value == math.inf:
            insufficient = "too many calls of the model in production failed to compare with"
        else:
            insufficient = (
                series.saturated
                or (production.saturated and f"the model in production is {production.saturated}")
                or self._insufficient(series, clear=clear)
                or self._insufficient(production, of_production, clear=clear)
            )
        text = f"`{self.quantile}` is {format_latency(found.value)} against"
        text += f" {format_latency(other.value)} in production"
        if slowdown is not None:
            text += f": a slowdown of {format_value(slowdown, limit, 'share')}"
        interval = format_interval(ends, "share", self.confidence)
        sizes = f"n = {found.n:,} against {other.n:,}"
        text += f" ({', '.join(filter(None, [interval, sizes]))})"
        if (series.measured is None) != (production.measured is None):
            text += ", which were not measured in turns: the machine is in the ratio"
        histogram, histogram_production = histograms(found.seconds, other.seconds)
        details = {
            "candidate": _finite(found.value),
            "production": _finite(other.value),
            "n_production": other.n,
            "failed_production": other.failed,
            "effective_calls_production": other.dependence.effective,
            "histogram": histogram,
            "histogram_production": histogram_production,
        }
        if not insufficient and found.statistic.share is not None:
            needed = rows_needed(slowdown, ends, limit, found.n, self.confidence)
            text += self._forecast(needed, details)
        text += _remarks(series)
        return self._check(series, "slowdown", slowdown, ends, limit, text, insufficient, details)

    def _insufficient(self, series: Series, whose: str = "", *, clear: bool) -> str:
        """Return why calls are too few to decide; empty when they are enough.

        Fewer independent calls are enough where the interval is clearly beyond the limit.
        """
        found, least = series.found, series.found.least
        if series.calls < least:
            calls, are = ("call", "is") if series.calls == 1 else ("calls", "are")
            few = f"{series.calls:,} {calls} {whose}{are} too few for `{self.quantile}`"
            level = format_number(self.confidence, "share")
            return f"{few}: at {level} at least {least:,} are needed"
        if (
            found.statistic.share is None
            or self.decide_by == "estimate"
            or found.value == math.inf
            or found.dependence.effective >= (_FEW if clear else least)
        ):
            return ""
        text = f"`{self.quantile}` needs {least:,} independent ones"
        if whose:  # of the candidate's calls a remark says that
            worth = f"{found.n:,} calls {whose}that depend on those before them are worth"
            text = f"{worth} {found.dependence.effective:,}, {text}"
        text += f"; about {rounded_up(least * found.dependence.inflation):,} such calls would do"
        text += ", or a quieter machine; decide_by='estimate' asks for neither"
        if found.is_sorted:
            text += " (hint: the latencies are sorted; give them in the order of the calls)"
        return text

    def _forecast(self, needed: int | None, details: dict[str, object]) -> str:
        """Return how many calls would decide, as a clause, and add it to the details."""
        if needed is None or self.decide_by == "estimate":
            return ""
        details["rows_needed"] = needed
        return f"; about {needed:,} calls would decide"

    def _check(  # noqa: PLR0917
        self,
        series: Series,
        metric: str,
        value: float | None,
        interval: Interval | None,
        limit: Limit,
        text: str,
        insufficient: str,
        details: dict[str, object],
        hint: str = "",
    ) -> Check:
        found, is_quantile = series.found, series.found.statistic.share is not None
        if series.measured is not None and series.measured.busy:
            hint = "; ".join(filter(None, ["the machine was busy with more than this", hint]))
        method = f"{'order statistics' if is_quantile else 'Student'}; {series.how}"
        quantiles = table(found.ordered)
        details = {
            **{name: _finite(item) for name, item in series.details.items()},
            "calls": series.calls,
            "failed": found.failed,
            "calls_needed": found.least,
            "lag_1": found.dependence.lag_1,
            "effective_calls": found.dependence.effective,
            "quantiles": {name: _finite(item) for name, item in quantiles.items()},
            **details,
        }
        measurement = Measurement(
            value,
            n=found.n,
            interval=interval,
            confidence=None if interval is None else self.confidence,
            method=series.how if self.quantile == "max" else method,
            details=details,
        )
        return Check.judge(
            _SUBJECT,
            metric,
            measurement,
            limit,
            rule=self.decide_by if is_quantile else "estimate",
            insufficient=insufficient if found.n else "",
            unit="share" if metric == "slowdown" else "s",
            said=text,
            hint=hint,
        )

    def _unit_hint(self, series: Series, limit: Limit) -> str:
        """Return a hint where a limit or latencies look as if they were in another unit."""
        found = series.found
        if not found.n or not math.isfinite(found.median):
            return ""
        times, bare = limit.high / found.median, options.real(self.at_most)
        if bare is not None and times > (_ODD_LARGE if bare >= _LARGE else _ODD):
            most = f"at most {format_number(limit.high, 's')} is {times:,.0f} times the median"
            write = f"write '{bare:g}ms' for milliseconds"
            return f"{most}; a bare number is seconds: {write}"
        if times * _ODD_GIVEN < 1 and found.median >= 1:
            return "latencies are in seconds; are these milliseconds?"
        return ""


def _remarks(series: Series) -> str:
    """Return remarks on failed calls and on the dependence of calls."""
    found, text = series.found, ""
    if found.failed == found.n > 1:
        text += f"; all {found.n:,} calls failed, which counts as infinite"
    elif found.failed:
        calls = "call counts" if found.failed == 1 else "calls count"
        text += f"; {found.failed:,} failed {calls} as infinite"
    if found.statistic.share is not None and found.dependence.inflation > 1:
        text += f"; calls depend on those before them and are worth {found.dependence.effective:,}"
    return text


def _finite(value: object) -> object:
    """Return a value for the details: None in place of infinite."""
    return None if value == math.inf else value
