"""Latency: check the answer times of a model against a limit or against production."""

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import OptionError
from mlgates.evidence import Evidence
from mlgates.gates._shared import confidence_of, enough, rounded_up, rows_needed
from mlgates.gates.latency import latencies
from mlgates.gates.latency.latencies import MODELS, Latencies
from mlgates.options import Duration, seconds
from mlgates.runtime.timing import Plan
from mlgates.stats.quantiles import exceedance_interval
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Verdict,
    before_rounding,
    format_number,
    format_value,
    snap_to_limit,
)

__all__ = ["Latency"]

_OWNER = "Latency"
_SUBJECT = "latency"
#: Number of independent calls that is enough if the interval does not contain the limit.
_FEW = 10
#: A limit above this multiple of the median, or below this fraction of it, suggests a wrong unit.
_ODD = 1_000
_ODD_GIVEN = 100
#: A large bare number is rarely meant in seconds, so a smaller multiple suggests a wrong unit.
_LARGE, _ODD_LARGE = 5, 100


@dataclass(frozen=True, repr=False)
class Latency(Gate):
    """Check that a quantile of a model's answer times is within a limit, or close to production's.

    If `latencies` are given to `run`, they are judged. Otherwise calls of `model` with rows of `X`
    are measured. The ends of the confidence interval are order statistics, so that no distribution
    is assumed. With too few calls for the quantile the verdict is INCONCLUSIVE, and the reason says
    how many are needed.

    Parameters
    ----------
    quantile : str
        The statistic that is compared with the limit: "p50" (the median), "p95", "p99", "p99.9",
        ..., or "mean" or "max". For "mean" and "max", the value itself is compared, without an
        interval.
    at_most : str, timedelta or float, optional
        Largest allowed value of the quantile, such as "20ms"; a number means seconds. At least one
        of `at_most` and `max_slowdown` is required; each has its own check.
    max_slowdown : float, optional
        Largest slowdown of the quantile against the model in production, as a share: 0.1 is 10 %.
        The evidence `production_latencies` or `production_model` is then required. A given
        `production_model` is called in turns with `model`.
    calls : int, optional
        Number of calls to measure. By default calls are made until the verdict is clear, for at
        most about 8 seconds. The smallest number of calls that the quantile needs for a PASS is
        made even if this takes longer.
    warmup : int
        Number of calls before the measurement, which do not count. The duration of the first of
        them is reported separately. If `calls` is not given, these calls end after 2 seconds at the
        latest.
    batch_size : int
        Rows per call.
    rate : float, optional
        Number of calls per second. The calls are sent on this schedule, whether or not the model
        keeps up, and the latency of a call is measured from its scheduled time. Without `rate`,
        each call starts after the answer to the call before.
    decide_by : {"interval", "estimate"}
        "interval": PASS if the whole confidence interval is within the limit, FAIL if the whole
        interval is beyond, otherwise INCONCLUSIVE. "estimate": the quantile itself is compared with
        the limit.
    confidence : float
        Confidence level of the two-sided interval.
    cold_at_most : str, timedelta or float, optional
        Largest allowed duration of the very first call, which is the first call of the warm-up. By
        default it is not checked. If `latencies` are given, this duration is not known, and the
        check is INCONCLUSIVE.
    max_failed : float
        Largest share of the calls that may fail. If any call fails, the report has one more check,
        of the share of failed calls. The latency of a failed call is infinite.
    expected_interval : str, timedelta or float, optional
        The planned time between two calls, for given or measured latencies. Give it if each call
        waited for the answer to the call before it: during a slow call, planned calls were then not
        sent, and their long latencies are missing. These latencies are added, as HdrHistogram does
        to correct coordinated omission. By default nothing is added.
    seed : int
        Seed of the random generator that draws the rows for the calls.
    disable_gc : bool
        Whether to disable Python's garbage collector during the calls. In production it usually
        runs.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    If latencies depend on those of earlier calls, the calls count as a smaller number of
    independent calls, and the interval is longer. If this number is too small, the interval is
    computed from the quantiles of blocks of calls. For independent calls, the verdict is the same
    as with Clopper and Pearson's interval of the share of calls that take longer than the limit.

    The model is called in this process, one call at a time, without a time limit. If an answer is
    lazy, the call ends when its values have been computed. The state of the process (working
    directory, environment, random states, ...) is restored afterwards. Latencies that are not
    positive numbers are an ERROR.

    Examples
    --------
    >>> import numpy as np
    >>> seconds = np.random.default_rng(0).lognormal(np.log(0.004), 0.4, 2_000)
    >>> result = Latency("p99", at_most="20ms").run(latencies=seconds)
    >>> print(result.reason)
    `p99` is 9.86 ms (95 % interval 9.35 ms to 10.5 ms, n = 2,000), median ... ms, p95 ... ms; ...
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    optional_evidence: ClassVar[frozenset[str]] = frozenset({*MODELS, *MODELS.values(), "X"})
    info = GateInfo(
        summary="a quantile of the answer times of a model is within a limit, or not much larger "
        "than that of production",
        metrics={
            "`p95` and other quantiles": "quantile of the times of the calls",
            "`first_call`": "time of the first call",
            "`slowdown`": "how much slower than production, as a share: 0.1 means 10 %",
            "`failed`": "share of the calls that failed",
        },
        fewest_rows='as many calls as the quantile needs: 368 for `"p99"` at 95 %',
        allowed="an interval of the quantile, or of the slowdown, that contains the limit. Too "
        "few independent calls, or a model that was too slow for `rate`, always block",
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
        latencies.quantile_share(self.quantile)
        for option in ("at_most", "cold_at_most", "expected_interval"):
            if getattr(self, option) is not None:
                self._set(option, options.duration(_OWNER, option, getattr(self, option)))
        for option, least in (("calls", 1), ("warmup", 0), ("batch_size", 1), ("seed", 0)):
            given = getattr(self, option)
            if option != "calls" or given is not None:
                self._set(option, options.count(_OWNER, option, given, at_least=least))
        if self.max_slowdown is not None:
            self._set("max_slowdown", options.share(_OWNER, "max_slowdown", self.max_slowdown))
        self._set("max_failed", options.share(_OWNER, "max_failed", self.max_failed))
        if self.rate is not None:
            self._set("rate", options.number(_OWNER, "rate", self.rate, at_least=1e-6))
        options.choice(_OWNER, "decide_by", self.decide_by, ("interval", "estimate"))
        self._convert("confidence", confidence_of)
        options.flag(_OWNER, "disable_gc", self.disable_gc)
        if self.at_most is None and self.max_slowdown is None:
            raise OptionError(
                f"{_OWNER}: give `at_most`, such as '20ms', or `max_slowdown`, such as 0.1"
            )
        if self.rate is not None and self.expected_interval is not None:
            raise OptionError(f"{_OWNER}: give `rate` or `expected_interval`, not both")
        super().__post_init__()

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks of the quantile, the slowdown, the first call and the failed calls."""
        empty = Latencies(np.empty(0), self.quantile, self.confidence)
        plan = Plan(
            calls=self.calls or empty.least,
            fixed=self.calls is not None,
            warmup=self.warmup,
            batch_size=self.batch_size,
            rate=self.rate,
            seed=self.seed,
            disable_gc=self.disable_gc,
        )
        names = list(MODELS)[: 1 if self.max_slowdown is None else 2]
        expected = None if self.expected_interval is None else seconds(self.expected_interval)

        def is_decided(series: dict[str, Latencies]) -> bool:
            checks = self._limit_checks(series)
            return all(check.verdict is not Verdict.INCONCLUSIVE for check in checks)

        series = latencies.read_latencies(
            evidence, names, empty, plan, expected, is_decided=is_decided
        )
        candidate = series["latencies"]
        measured = candidate.measured
        yield from self._limit_checks(series)
        if self.cold_at_most is not None:
            limit = Limit(at_most=seconds(self.cold_at_most))
            first = None if measured is None else measured.first
            text, insufficient = "the first call failed", ""
            if first is None:
                text = "the duration of the first call is not known"
                insufficient = "given latencies do not include it; give a model instead"
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
        if failed := candidate.failed:
            limit, share = Limit(at_most=self.max_failed), failed / candidate.calls
            text = f"{failed:,} of {candidate.calls:,} calls failed"
            text += f" ({format_value(share, limit, 'share')})"
            if measured is not None:
                text += f", the first with {measured.timing.failure}"
            details = {"count": failed}
            measurement = Measurement(share, n=candidate.calls, method="count", details=details)
            yield Check.judge(_SUBJECT, "failed", measurement, limit, unit="share", said=text)

    def _limit_checks(self, series: dict[str, Latencies]) -> Iterator[Check]:
        """Yield the checks of the quantile against `at_most` and of the slowdown."""
        candidate = series["latencies"]
        if self.at_most is not None:
            yield self._check(candidate, Limit(at_most=seconds(self.at_most)))
        if self.max_slowdown is not None:
            limit = Limit(at_most=self.max_slowdown)
            yield self._check(candidate, limit, series["production_latencies"])

    def _check(self, series: Latencies, limit: Limit, production: Latencies | None = None) -> Check:
        """Return the check of the quantile of `series`, or of its slowdown against `production`."""
        share, level = series.share, series.confidence
        unit: Literal["s", "share"] = "s" if production is None else "share"
        details: dict[str, object]
        if production is None:
            metric, value, ends = self.quantile, series.value, series.interval
            beyond = int(np.count_nonzero(series.seconds > limit.high))
            text = f"`{metric}` is {latencies.format_latency(value, limit)}"
            sizes = f"n = {series.n:,}" if series.n else ""
            if series.n > series.calls:
                sizes += f", of which {series.n - series.calls:,} were added for calls not sent"
            (histogram,) = latencies.histograms(series.seconds)
            details = {"beyond": beyond, "histogram": histogram}
        else:
            metric, (exact, ends) = "slowdown", latencies.slowdown_of(series, production)
            value = None if exact is None else snap_to_limit(exact, limit, scale=1.0)
            text = f"`{self.quantile}` {_compared(series, production, value, limit)}"
            sizes = f"n = {series.n:,} against {production.n:,}"
            ours, theirs = latencies.histograms(series.seconds, production.seconds)
            details = {
                "candidate": _finite(series.value),
                "production": _finite(production.value),
                "n_production": production.n,
                "failed_production": production.failed,
                "effective_calls_production": production.dependence.effective,
                "histogram": ours,
                "histogram_production": theirs,
            }
            if exact is not None and value is not None:
                details |= before_rounding(exact, value, limit)
        clear, hint = ends is not None and limit.excludes(ends), ""
        if production is not None and production.value == math.inf:
            insufficient = (
                "so many calls of the model in production failed that there is no slowdown"
            )
        else:
            insufficient = f"the model is {series.saturated}" if series.saturated else ""
            if production is not None and production.saturated and not insufficient:
                insufficient = f"the model in production is {production.saturated}"
            for one, of_model in ((series, ""), (production, "of the model in production ")):
                if one is not None and not insufficient:
                    insufficient, hint = self._insufficient(one, of_model, clear=clear)
        if basis := ", ".join(filter(None, [latencies.format_interval(ends, unit, level), sizes])):
            text += f" ({basis})"
        if production is None:
            others = latencies.table(series.ordered)
            names = {"median": "p50", "p95": "p95"}
            shown = {
                said: latencies.format_latency(others[name])
                for said, name in names.items()
                if name != self.quantile and others.get(name, math.inf) < math.inf
            }
            text += "".join(f", {said} {time}" for said, time in shown.items())
        if production is not None and series.is_given != production.is_given:
            text += "; the two models were not called in turns, so the slowdown includes changes "
            text += "of the machine between the two measurements"
        remedy, decided = "", clear or (ends is not None and all(map(limit.holds, ends)))
        if not insufficient and not decided and self.decide_by == "interval" and share is not None:
            needed = self._calls_needed(series, limit, value, ends, production)
            if needed is not None:
                details["rows_needed"] = needed
                remedy = _remedy(series, needed)
        if series.failed == series.n > 1:
            text += f"; all {series.n:,} calls failed, so the latency is infinite"
        elif series.failed:
            calls = "call counts" if series.failed == 1 else "calls count"
            text += f"; {series.failed:,} failed {calls} as infinitely slow"
        effective = series.dependence.effective
        if share is not None and series.dependence.inflation > 1 and not decided:
            calls = "call" if effective == 1 else "calls"
            of_model = "" if production is None else " of the candidate"
            text += f"; the calls{of_model} depend on earlier ones, so they count as only "
            text += f"{effective:,} independent {calls}"
        busy = series.measured is not None and series.measured.busy
        retry = "other processes kept the machine busy; measure again on an idle machine"
        hints = [hint, retry if busy else ""]
        if production is None:
            hints.append(self._unit_hint(series, limit))
        how = {"mean": f"Student; {series.how}", "max": series.how}
        by = "order statistics" if series.by_blocks is None else "quantiles of blocks of calls"
        quantiles = latencies.table(series.ordered)
        measurement = Measurement(
            value,
            n=series.n,
            interval=ends,
            confidence=None if ends is None else level,
            method=how.get(self.quantile, f"{by}; {series.how}"),
            details={
                **{name: _finite(item) for name, item in series.details.items()},
                "calls": series.calls,
                "failed": series.failed,
                "calls_needed": series.least,
                "lag_1": series.dependence.lag_1,
                "effective_calls": effective,
                "quantiles": {name: _finite(item) for name, item in quantiles.items()},
                **details,
            },
        )
        return Check.judge(
            _SUBJECT,
            metric,
            measurement,
            limit,
            rule="estimate" if share is None else self.decide_by,
            insufficient=insufficient if series.n else "",
            remedy=remedy,
            noun="calls",
            unit=unit,
            said=text,
            hint="; ".join(filter(None, hints)),
        )

    def _insufficient(self, series: Latencies, of_model: str, *, clear: bool) -> tuple[str, str]:
        """Return a clause that says why calls are too few to decide, and a hint.

        Both are empty if there are enough calls. `of_model` names the model in the clause. `clear`
        says that the interval does not contain the limit; then fewer independent calls are enough.
        """
        least, effective = series.least, series.dependence.effective
        if clear and not series.is_given and effective >= _FEW:
            return "", ""
        if series.calls < least:
            calls, are = ("call", "is") if series.calls == 1 else ("calls", "are")
            few = f"{series.calls:,} {calls} {of_model}{are} too few for `{self.quantile}`"
            level = format_number(series.confidence, "share")
            return f"{few}: at least {least:,} are needed for a confidence of {level}", ""
        if (
            series.share is None
            or self.decide_by == "estimate"
            or series.value == math.inf
            or series.by_blocks is not None
            or effective >= (min(_FEW, least) if clear else least)
        ):
            return "", ""
        text = f"`{self.quantile}` needs {least:,} independent calls"
        if of_model:  # the text of the check counts only the candidate's calls
            counted = f"{series.n:,} calls {of_model}depend on earlier ones and count as"
            text = f"{counted} {effective:,} independent calls, {text}"
        needed = rounded_up(max(least / effective, 1.25) * series.n)
        hint = "the latencies are sorted; give them in the order of the calls"
        return f"{text}; {_remedy(series, needed)}", hint if series.is_sorted else ""

    def _calls_needed(
        self,
        series: Latencies,
        limit: Limit,
        value: float | None,
        ends: tuple[float, float] | None,
        production: Latencies | None,
    ) -> int | None:
        """Return how many calls would be enough to decide; None if the number is not known.

        `value` is the quantile or, if `production` is given, the slowdown. `ends` is its interval.
        """
        n, level = series.n, series.confidence
        if production is not None:
            needed = rows_needed(value, ends, limit, n, level)
        elif series.by_blocks is not None and value is not None:
            low, high = map(math.log, series.by_blocks)
            most = Limit(at_most=math.log(limit.high))
            needed = rows_needed(math.log(value), (low, high), most, n, level)
        else:
            # the quantile is within the limit when few enough calls are beyond it
            beyond = float(np.count_nonzero(series.seconds > limit.high))
            inflation = n / series.dependence.effective
            exceeding = exceedance_interval(beyond / inflation, n / inflation, level)
            most = Limit(at_most=float(1 - (series.share or 0)))
            needed = rows_needed(beyond / n, exceeding, most, n, level)
        # fewer than a quarter more would hardly change the interval
        return None if needed is None else max(needed, rounded_up(1.25 * n))

    def _unit_hint(self, series: Latencies, limit: Limit) -> str:
        """Return a hint if the limit or the latencies seem to be in milliseconds, else ""."""
        median = latencies.table(series.ordered).get("p50", math.inf)
        if math.isinf(median):
            return ""
        times, bare = limit.high / median, options.real(self.at_most)
        if bare is not None and times > (_ODD_LARGE if bare >= _LARGE else _ODD):
            most = f"the limit of {format_number(limit.high, 's')} is {times:,.0f} times the median"
            write = f"write '{bare:g}ms' for milliseconds"
            return f"{most}; a number without a unit is in seconds: {write}"
        if times * _ODD_GIVEN < 1 and median >= 1:
            return "latencies are read as seconds; are these milliseconds?"
        return ""


def _compared(
    series: Latencies, production: Latencies, slowdown: float | None, limit: Limit
) -> str:
    """Return a clause that says the latencies of two models, and the slowdown if it is known."""
    if series.value is None or production.value is None:
        return "can't be compared with that of production"
    ours, theirs = map(latencies.format_latency, (series.value, production.value))
    text = f"is {ours} against {theirs} in production"
    if slowdown is None:
        return text
    if math.isinf(slowdown):
        return f"{text}: an infinite slowdown"
    kind = "slowdown" if slowdown >= 0 else "change"
    return f"{text}: a {kind} of {format_value(slowdown, limit, 'share')}"


def _remedy(series: Latencies, needed: int) -> str:
    """Return a clause that `needed` calls would be enough to decide.

    If the calls were timed, it names the option that sets their number.
    """
    text, timing = enough(needed, "calls"), series.measured and series.measured.timing
    if timing:
        took = format_number(float(timing.service.mean()) * needed, "s")
        text += f": set `calls={needed}` (about {took})"
    return text


def _finite(value: object) -> object:
    """Return the value, or None if it is infinite, for the details in JSON."""
    return None if value == math.inf else value
