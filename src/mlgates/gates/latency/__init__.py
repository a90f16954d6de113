"""Latency: answers come within a limit, and not slower than those of the model in production."""

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import OptionError
from mlgates.evidence import Evidence
from mlgates.gates._shared import confidence_of, rounded_up, rows_needed
from mlgates.gates.latency.series import MODELS, Asked, Series, series_of
from mlgates.gates.latency.statistics import (
    Latencies,
    Statistic,
    failed_calls,
    histograms,
    shown,
    slowdown_of,
    span,
    table,
)
from mlgates.limits import Limit, format_number, format_value
from mlgates.options import Duration, seconds
from mlgates.runtime.measure import Plan
from mlgates.stats.quantiles import Interval, calls_to_decide
from mlgates.verdict import Check, Measurement

__all__ = ["Latency"]

_OWNER = "Latency"
_SUBJECT = "latency"
_LEAST_CALLS = 1_000
#: Calls measured, of the fewest that decide: there is room for calls that depend on each other.
_MARGIN = 2
#: Independent calls that show a quantile to be beyond a limit, where too few for one within it.
_FEW = 30
#: A limit so much above the median was written in another unit, or a median above it measured so.
_ODD = 1_000
_ODD_GIVEN = 100

#: A bare number rarely meant in seconds: less is odd then, or a model too slow would get no hint.
_LARGE, _ODD_LARGE = 5, 100


class _Claim(NamedTuple):
    """A number with its limit, what was said of it, and what is lacking to decide."""

    metric: str
    value: float | None
    interval: Interval | None
    limit: Limit
    said: str
    lack: str
    details: dict[str, object]


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

    @property
    def _statistic(self) -> Statistic:
        return Statistic.named(_OWNER, self.quantile)

    @property
    def _least(self) -> int:
        return self._statistic.least(self.confidence)

    @property
    def _asked(self) -> Asked:
        return Asked(
            self._statistic,
            self.confidence,
            Plan(
                calls=self.calls or max(_LEAST_CALLS, _MARGIN * self._least),
                fixed=self.calls is not None,
                warmup=self.warmup,
                batch_size=self.batch_size,
                rate=self.rate,
                seed=self.seed,
                disable_gc=self.disable_gc,
            ),
            None if self.expected_interval is None else seconds(self.expected_interval),
        )

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the limit and the slowdown asked for, the first call, and failed calls."""
        names = list(MODELS)[: 1 if self.max_slowdown is None else 2]
        series = series_of(evidence, names, self._asked)
        candidate = series["latencies"]
        if self.at_most is not None:
            yield self._judged(candidate, self._limited(candidate, seconds(self.at_most)))
        if self.max_slowdown is not None:
            compared = self._compared(candidate, series["production_latencies"])
            yield self._judged(candidate, compared)
        if self.cold_at_most is not None:
            yield self._cold(candidate, seconds(self.cold_at_most))
        if candidate.found.failed:
            yield self._failures(candidate)

    def _limited(self, series: Series, most: float) -> _Claim:
        found, limit = series.found, Limit(at_most=most)
        beyond = int(np.count_nonzero(found.seconds > most))
        clear = found.interval is not None and limit.excludes(found.interval)
        lack = series.saturated or self._lacking(series, clear=clear)
        needed = None if lack else self._needed(found, limit, beyond)
        said = f"`{self.quantile}` is {shown(found.value, limit)}{self._basis(found)}"
        said += "" if needed is None else f"; {needed:,} calls would decide"
        said += _remarks(series) + self._odd_unit(found, limit)
        (histogram,) = histograms(found.seconds)
        details = self._details(series) | {"beyond": beyond, "histogram": histogram}
        details |= {} if needed is None else {"rows_needed": needed}
        return _Claim(self.quantile, found.value, found.interval, limit, said, lack, details)

    def _needed(self, found: Latencies, limit: Limit, beyond: int) -> int | None:
        """Return how many calls would decide; None where they do, or none would."""
        share, ends = found.statistic.share, found.interval
        if share is None or ends is None or self.decide_by == "estimate":
            return None
        if found.value == math.inf or limit.holds(ends[1]) or limit.excludes(ends):
            return None
        inflation = found.dependence.inflation
        return calls_to_decide(beyond, found.n, float(share), inflation, self.confidence)

    def _compared(self, series: Series, production: Series) -> _Claim:
        found, other = series.found, production.found
        limit = Limit(at_most=self.max_slowdown)
        slowdown, interval = slowdown_of(found, other)
        lack = self._lacking_to_compare(series, production, limit, interval)
        needed = None
        if not lack and self.decide_by == "interval" and found.statistic.share is not None:
            needed = rows_needed(slowdown, interval, limit, found.n, self.confidence)
        said = f"`{self.quantile}` is {shown(found.value)} against {shown(other.value)}"
        said += " in production"
        if slowdown is not None:
            said += f": a slowdown of {format_value(slowdown, limit, 'share')}"
        spanned = span(interval, "share", self.confidence)
        sizes = f"n = {found.n:,} against {other.n:,}"
        said += f" ({', '.join(filter(None, [spanned, sizes]))})"
        if (series.measured is None) != (production.measured is None):
            said += ", which were not measured in turns: the machine is in the ratio"
        said += "" if needed is None else f"; about {needed:,} calls would decide"
        said += _remarks(series)
        histogram, histogram_production = histograms(found.seconds, other.seconds)
        details = self._details(series) | {
            "candidate": _finite(found.value),
            "production": _finite(other.value),
            "n_production": other.n,
            "failed_production": other.failed,
            "effective_calls_production": other.dependence.effective,
            "histogram": histogram,
            "histogram_production": histogram_production,
        }
        details |= {} if needed is None else {"rows_needed": needed}
        return _Claim("slowdown", slowdown, interval, limit, said, lack, details)

    def _lacking_to_compare(
        self, series: Series, production: Series, limit: Limit, interval: Interval | None
    ) -> str:
        clear = interval is not None and limit.excludes(interval)
        whose = "of the model in production "
        if production.found.value == math.inf:
            return "too many calls of the model in production failed to compare with"
        return (
            series.saturated
            or (production.saturated and f"the model in production is {production.saturated}")
            or self._lacking(series, clear=clear)
            or self._lacking(production, whose, clear=clear)
        )

    def _lacking(self, series: Series, whose: str = "", *, clear: bool) -> str:
        """Return what calls lack to decide; an empty text when they lack nothing."""
        least, found = self._least, series.found
        if series.calls < least:
            calls, are = ("call", "is") if series.calls == 1 else ("calls", "are")
            few = f"{series.calls:,} {calls} {whose}{are} too few for `{self.quantile}`"
            level = format_number(self.confidence, "share")
            return f"{few}: at {level} at least {least:,} are needed"
        depends = found.dependence
        if self._statistic.share is None or self.decide_by == "estimate" or found.value == math.inf:
            return ""
        if depends.effective >= least or (clear and depends.effective >= _FEW):
            return ""
        lack = f"`{self.quantile}` needs {least:,} independent ones"
        if whose:  # of the candidate's calls that is said anyway
            worth = f"{found.n:,} calls {whose}that depend on those before them are worth"
            lack = f"{worth} {depends.effective:,}, {lack}"
        lack += f"; about {rounded_up(least * depends.inflation):,} such calls would do"
        lack += ", or a quieter machine; decide_by='estimate' asks for neither"
        if found.is_sorted:
            lack += " (hint: the latencies are sorted; give them in the order of the calls)"
        return lack

    def _cold(self, series: Series, most: float) -> Check:
        limit, lack = Limit(at_most=most), ""
        first = None if series.measured is None else series.measured.first
        if first is None:
            said = "the first call of all is not known"
            lack = "latencies that are given don't tell it; measure a model"
        else:
            said = f"the first call took {format_value(first, limit, 's')}"
            said = "the first call failed" if math.isinf(first) else said
        n, method = int(first is not None), "first call of the model by this gate"
        return Check.judge(
            _SUBJECT,
            "first_call",
            Measurement(first, n=n, method=method),
            limit,
            min_n=0,
            insufficient=lack,
            unit="s",
            said=said,
        )

    def _failures(self, series: Series) -> Check:
        limit, failed, calls = Limit(at_most=self.max_failed), series.found.failed, series.calls
        share = failed / calls
        said = f"{failed:,} of {calls:,} calls failed ({format_value(share, limit, 'share')})"
        if series.measured is not None:
            said += f", the first with {series.measured.timing.failure}"
        measured = Measurement(share, n=calls, method="count", details={"count": failed})
        return Check.judge(_SUBJECT, "failed", measured, limit, unit="share", said=said)

    def _judged(self, series: Series, claim: _Claim) -> Check:
        is_quantile = self._statistic.share is not None
        if self.quantile == "max":
            method = series.how
        else:
            method = f"{'order statistics' if is_quantile else 'Student'}; {series.how}"
        measurement = Measurement(
            claim.value,
            n=series.found.n,
            interval=claim.interval,
            confidence=None if claim.interval is None else self.confidence,
            method=method,
            details=claim.details,
        )
        return Check.judge(
            _SUBJECT,
            claim.metric,
            measurement,
            claim.limit,
            rule=self.decide_by if is_quantile else "estimate",
            insufficient=claim.lack if series.found.n else "",
            unit="share" if claim.metric == "slowdown" else "s",
            said=claim.said,
        )

    def _basis(self, found: Latencies) -> str:
        spanned = span(found.interval, "s", self.confidence)
        return f" ({', '.join(filter(None, [spanned, f'n = {found.n:,}']))})" if found.n else ""

    def _odd_unit(self, found: Latencies, limit: Limit) -> str:
        """Return a hint where a limit or latencies look as if they were in another unit."""
        if not found.n or not math.isfinite(found.median):
            return ""
        times, bare = limit.high / found.median, options.real(self.at_most)
        if bare is not None and times > (_ODD_LARGE if bare >= _LARGE else _ODD):
            most = f"at most {format_number(limit.high, 's')} is {times:,.0f} times the median"
            write = f"write '{bare:g}ms' for milliseconds"
            return f" (hint: {most}; a bare number is seconds: {write})"
        if times * _ODD_GIVEN < 1 and found.median >= 1:
            return " (hint: latencies are in seconds; are these milliseconds?)"
        return ""

    def _details(self, series: Series) -> dict[str, object]:
        found = series.found
        known = {name: _finite(value) for name, value in series.details.items()}
        return {
            **known,
            "calls": series.calls,
            "failed": found.failed,
            "calls_needed": self._least,
            "lag_1": found.dependence.lag_1,
            "effective_calls": found.dependence.effective,
            "quantiles": {name: _finite(value) for name, value in table(found.ordered).items()},
        }


def _remarks(series: Series) -> str:
    """Return what a reader should know of the calls, each with its semicolon."""
    found, said = series.found, ""
    if found.failed:
        said += f"; {failed_calls(found.failed, found.n)}"
    if found.statistic.share is not None and found.dependence.inflation > 1:
        said += f"; calls depend on those before them and are worth {found.dependence.effective:,}"
    if series.measured is not None and series.measured.busy:
        said += " (hint: the machine was busy with more than this)"
    return said


def _finite(value: object) -> object:
    """Return a value as details keep it: what failed calls make infinite is undefined there."""
    return None if value == math.inf else value
