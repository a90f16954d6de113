"""Canary: check that events are not more frequent with a candidate than in production.

In this module, a look is a period in which the candidate's share of the traffic did not change.
Only looks with a share above 0 and below 1 compare the two models.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.deploy.traffic import REQUESTS, Look, Traffic
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, enough, error_check, rounded_up
from mlgates.stats import sequential
from mlgates.stats.sequential import Side
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Verdict,
    format_interval,
    format_number,
    format_value,
    snap_to_limit,
)

__all__ = ["Canary"]

_OWNER = "Canary"
_INCREASE = 0.5
#: e-value at which the requests are not split as stated
_SPLIT = 1_000
#: weight of the stated share in the test of the split, as a number of requests
_SPLIT_PRIOR = 2_000
#: the most looks in the details, for a figure
_MOST_LOOKS = 40
#: no forecast of more requests than this
_MOST_NEEDED = 1e12
_METHOD = "mixture of likelihood ratios"


class _Event(NamedTuple):
    """An event to judge, with its looks and the reasons why it can't pass or fail.

    A look is a stretch of time in which the candidate's share of the traffic did not change.
    `looks` has those in which both models could get requests and the event was counted. `noun` is
    what is counted, "requests" or "units". `wrong` says in a clause why the event can neither pass
    nor fail, and `gap` why it can't pass; both are "" if there is no reason. `starts` has for each
    stage of a rollout the sums of the traffic before it, or None if there was no traffic.
    """

    name: str
    looks: Sequence[Look]
    noun: str
    wrong: str
    gap: str
    starts: Sequence[Traffic | None]


class _Counts(NamedTuple):
    """Counts of one event in the looks in which both models could get requests.

    A look is a period of time in which the candidate's share of the traffic did not change.

    `events` has three sequences with one item per look: how often the event happened with the
    candidate, how often with production, and the share of the candidate. `requests` has the sums of
    the requests of the candidate and of production.
    """

    events: tuple[Sequence[int], Sequence[int], Sequence[float]]
    requests: tuple[int, int]

    @property
    def happened(self) -> tuple[int, int]:
        """How often the event happened with the candidate, and with production."""
        return sum(self.events[0]), sum(self.events[1])

    @property
    def rates(self) -> tuple[float | None, ...]:
        """The share of requests with the event, or None without requests, for each model."""
        pairs = zip(self.happened, self.requests, strict=True)
        return tuple(x / n if n else None for x, n in pairs)

    def text(self, noun: str) -> str:
        """Return the counts in words, as in ``"3 of 100 requests against 9 of 900"``."""
        (x, y), (n, m) = self.happened, self.requests
        return f"{x:,} of {n:,} {noun} against {y:,} of {m:,}"


@dataclass(frozen=True, repr=False)
class Canary(Gate):
    """Check that events such as errors are not much more frequent with a candidate model.

    The candidate answers a share of the requests, and the model in production answers the rest.
    PASS means that the candidate may get a larger share, FAIL that it should be rolled back, and
    INCONCLUSIVE that more requests are needed. ERROR means, for example, that the requests were not
    routed to the two models in the stated shares. You can run the gate as often as you like while
    requests come in: the options `rollback_error` and `promote_error` limit the error probabilities
    of all runs together.

    Parameters
    ----------
    events : str or sequence of str
        Names of the events to judge, such as ``"errors"``. Each is a count in the evidence
        `traffic`.
    max_increase : float
        How much more frequent each event may be with the candidate, as a share: with 0.5, its rate
        may be at most 1.5 times that of production. Default 0.5. It must be left out if
        `max_decrease` is given.
    max_decrease : float, optional
        For events that are wanted, such as sales: how much rarer each may be with the candidate, as
        a share. It replaces `max_increase`. With 0.05, its rate must be at least 0.95 times that of
        production.
    min_requests : int
        Number of requests that each of the two models must have for a PASS.
    rollback_error : float
        Largest probability of any FAIL, at any time, if the candidate is as good as production.
    promote_error : float
        Largest probability of a PASS, at any time, if the ratio of the rates is at its limit or
        beyond.
    negligible : float, optional
        A rate of an event, as a share of the requests, that does not matter. An event also passes
        if its rate with the candidate is shown to be below `negligible`, even if the ratio is
        beyond its limit. Without this option, an event that never happens stays INCONCLUSIVE. With
        this option, the probability of a wrong PASS is at most twice `promote_error`.
    name, advisory, inconclusive, after
        As in `Gate`. The default name is ``"canary:"`` and the events.

    Notes
    -----
    The value of a check is the rate of an event with the candidate, divided by the rate with
    production. When an event happens, the probability that it happens to the candidate depends only
    on this ratio and on the candidate's share of the requests. So the rate of events itself may
    change at any time, for example at night. Requests and events are counted for each period in
    which the share did not change. The tests use e-values. If a hypothesis is true, its e-value is
    at least ``x`` with a probability of at most ``1 / x``, so a large e-value refutes the
    hypothesis.

    - FAIL: the ratio is beyond the limit, and the hypothesis "not worse than production" is refuted
      by an e-value of at least k / `rollback_error`, where k is the number of events.
    - PASS: the hypothesis "worse by more than the limit" is refuted by an e-value of at least 1 /
      `promote_error`, and each model has at least `min_requests` requests. All events must pass.
    - ERROR: the check ``split`` refutes the hypothesis "the requests were divided by the stated
      shares", by an e-value of at least 1,000.
    - INCONCLUSIVE: all other cases, for example traffic without requests, or an event that
      happened with neither model. If more requests can decide, the reason says how many would
      probably be enough.

    An event that was not counted in all periods can FAIL, but can't PASS. If an event happened with
    the candidate but not with production, the ratio is infinite. Such an event can FAIL, but can
    PASS only if its rate is shown to be below `negligible`.

    In a `Rollout`, an e-value is computed for each stage, from the requests since the stage began.
    The e-value of a stage that has not begun is 1. FAIL uses the mean of the e-values of all
    stages.

    The e-values are mixtures of likelihood ratios [1]_ [2]_. The interval contains the ratios that
    they do not refute. Its confidence level, for all runs together, is 1 - `rollback_error` / k -
    `promote_error` [3]_. These error probabilities hold if each request is routed at random and
    counted once. Requests of the same user are not independent: if users return, count users
    instead of requests, with ``Traffic.from_log(unit=)``.

    References
    ----------
    .. [1] Lindon, M. and Malek, A. (2022). Anytime-valid inference for multinomial count data.
       Advances in Neural Information Processing Systems 35.
    .. [2] Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm.
       Annals of Mathematical Statistics 41, 1397-1409.
    .. [3] Howard, S. R., Ramdas, A., McAuliffe, J. and Sekhon, J. (2021). Time-uniform,
       nonparametric, nonasymptotic confidence sequences. Annals of Statistics 49, 1055-1080.

    Examples
    --------
    >>> from mlgates import Traffic
    >>> traffic = Traffic().add(
    ...     candidate={"requests": 1_000, "errors": 45},
    ...     production={"requests": 9_000, "errors": 150},
    ...     share=0.1,
    ... )
    >>> print(Canary("errors").run(traffic=traffic).reason)
    the rate of `errors` is 2.7 times that of production (45 of 1,000 requests against 150 of
    9,000; 94 % interval 1.47 to 4.277); the limit is at most 1.5
    """

    needs: ClassVar[frozenset[str]] = frozenset({"traffic"})
    info = GateInfo(
        summary="events, such as errors, are not much more frequent with a new model that answers "
        "a share of the requests",
        metrics={
            "`rate_ratio`": "rate of an event with the candidate, divided by that of production",
            "`rate`": "share of the candidate's requests in which the event happened",
            "`e_value`": "how strongly the numbers of requests speak against the candidate's "
            "share of the requests, as you stated it in `Traffic`. If the e-value is 1,000 or "
            "more, the gate is an ERROR",
        },
        fewest_rows="1,000 requests of each model (set by `min_requests`)",
        allowed="a ratio of the rates for which there are too few requests to decide whether it "
        "is within the limit",
        rule="its own, by e-values",
    )
    events: str | Iterable[str]
    _: KW_ONLY
    max_increase: float | None = _INCREASE
    max_decrease: float | None = None
    min_requests: int = 1_000
    rollback_error: float = 0.01
    promote_error: float = 0.05
    negligible: float | None = None

    def __post_init__(self) -> None:
        self._convert("events", options.some)
        if REQUESTS in self._names:
            raise options.refuse(_OWNER, "events", "names other than 'requests'", self.events)
        self._convert("max_decrease", options.number, at_least=0, at_most=0.99)
        if self.max_decrease is None or self.max_increase is not None:
            self._set(
                "max_increase",
                options.number(_OWNER, "max_increase", self.max_increase, at_least=0, at_most=1e3),
            )
        if self.max_decrease is not None and self.max_increase not in (None, _INCREASE):
            allowed, hint = "left out if `max_decrease` is given", "; use one gate for each"
            raise options.refuse(_OWNER, "max_increase", allowed, self.max_increase, hint)
        options.count(_OWNER, "min_requests", self.min_requests, at_least=1)
        for option in ("rollback_error", "promote_error"):
            self._convert(option, options.number, at_least=1e-12, at_most=0.5)
        self._convert("negligible", options.number, at_least=1e-12, at_most=0.5)
        if self.negligible is not None and self.max_decrease is not None:
            allowed = "None if `max_decrease` is given"
            raise options.refuse(_OWNER, "negligible", allowed, self.negligible)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """``"canary:"`` and the names of the events, such as ``"canary:errors,slow"``."""
        return f"{self.kind}:{','.join(self._names)}"

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(self.events)

    @property
    def _limit(self) -> Limit:
        """The limit of the ratio."""
        if self.max_decrease is not None:
            return Limit(at_least=1 - self.max_decrease)
        return Limit(at_most=1 + (self.max_increase or 0))

    @property
    def _worse(self) -> float:
        """The smallest e-value that refutes the claim "not worse than production" for an event."""
        return len(self._names) / self.rollback_error

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check ``split``, and one check for each event in `events`, such as "errors".

        ``split`` is an ERROR if the numbers of requests of the two models contradict the shares of
        the traffic that `Traffic` states. The check of an event compares its rate with the
        candidate and with production.
        """
        traffic = _traffic(evidence)
        looks = [look for look in traffic.looks if look.is_comparison]
        noun = "units" if traffic.unit else REQUESTS
        split = _split_check(looks, noun)
        yield split
        wrong = ""
        if split.verdict is Verdict.ERROR:
            wrong = f"the {noun} were not divided as stated, see the check `split`"
        near = Near(self._names, traffic.events)
        for event in self._names:
            if traffic.looks and event not in traffic.events:
                msg = f"`{event}` was not counted in the traffic{near.hint(event)}"
                if not near.hint(event):
                    msg += f"; it has {', '.join(f'`{name}`' for name in traffic.events) or 'none'}"
                yield error_check(event, "rate_ratio", EvidenceError(msg))
                continue
            counted = [look for look in looks if look.of(event) is not None]
            gap = ""
            if len(counted) < len(looks):
                other = "period" if len(looks) - len(counted) == 1 else "periods"
                gap = f"`{event}` was counted in only {len(counted):,} of {len(looks):,} "
                gap += f"periods; add its counts for the other {other}, or leave the {other} "
                gap += "without counts out of the traffic"
            yield self._check(_Event(event, counted, noun, wrong, gap, traffic.stage_starts))

    def note(self, evidence: Evidence) -> str:
        """Return a remark with the number of rows of a log that `Traffic.from_log` left out.

        The remark is empty if no rows were left out.
        """
        lost = _traffic(evidence).left_out
        rows = "row of the log was" if lost == 1 else "rows of the log were"
        why = "because the model or the share of the unit had changed"
        return f"{lost:,} {rows} not counted, {why}" if lost else ""

    def _check(self, event: _Event) -> Check:
        """Return the check of one event: of its rate if that is negligible, else of the ratio."""
        counts, limit = _counts(event.name, event.looks), self._limit
        side, other, bound = self._sides(limit)
        worse = sequential.ratio_log_e(*counts.events, side=side)
        not_worse = sequential.ratio_log_e(*counts.events, bound, side=other)
        details: dict[str, object] = {
            "e_worse": _exp(worse),
            "e_not_worse": _exp(not_worse),
            "counts": _by_arm(counts.happened),
            "requests": _by_arm(counts.requests),
            "rates": _by_arm(counts.rates),
        }
        few = self._few(counts.requests, event.noun)
        negligible = self._negligible_check(event, counts, details, few)
        if negligible is not None:
            return negligible
        if len(event.looks) > 1:
            details["looks"] = self._history(event, counts)
        ratio, when = sequential.ratio_estimate(*counts.events), ""
        if event.starts:
            worse, strongest, stage = _stages(event, side)
            details["e_worse_stages"] = _exp(worse)
            of_stage = sequential.ratio_estimate(*strongest.events)
            if self._significant(worse) and limit.holds(ratio) and not limit.holds(of_stage):
                counts, ratio, when = strongest, of_stage, f", counted since stage {stage} began"
        ends = self._interval(counts)
        insufficient, remedy = event.wrong, ""
        if math.isnan(ratio):
            said = f"the rate of `{event.name}` can't be computed"
            insufficient = event.wrong
            if sum(counts.requests):
                said = f"`{event.name}` did not happen ({counts.text(event.noun)})"
                insufficient = insufficient or self._until_negligible(
                    counts.requests[0], event.noun
                )
        else:
            ratio = snap_to_limit(ratio, limit)
            times = f"{format_value(ratio, limit)} times that of production"
            said = f"the rate of `{event.name}` is {times}{when}"
            interval = format_interval(ends, self._confidence)
            if math.isinf(ratio):
                said = f"`{event.name}` happened only with the candidate{when}"
                interval = f"the ratio of the rates is infinite, {interval}"
            interval = f"; {interval}"
            if not counts.requests[1]:
                said = f"`{event.name}` can't be compared, because production has no {event.noun}"
                interval = ""
            said += f" ({counts.text(event.noun)}{interval})"
            needed = self._needed(counts, ratio)
            remedy = enough(needed, event.noun)
            if few and remedy:
                few = f"{few}; {remedy}"
            shown_worse = self._significant(worse) and not limit.holds(ratio)
            if math.isinf(ratio) and not shown_worse:
                insufficient = event.wrong or "a PASS needs at least one such event in production"
                if remedy and not limit.holds(ratio):
                    insufficient += f"; {remedy}"
            if needed and not shown_worse:
                details["requests_needed"] = needed
        return Check.judge(
            event.name,
            "rate_ratio",
            Measurement(
                ratio,
                n=sum(counts.requests),
                interval=ends,
                confidence=self._confidence,
                p_value=_p_value(worse, len(self._names)),
                method=_METHOD,
                details=details,
            ),
            limit,
            said=said,
            rule="significance",
            significance=self.rollback_error,
            pass_p_value=_p_value(not_worse),
            pass_significance=self.promote_error,
            insufficient=insufficient,
            insufficient_for_pass=event.gap or few,
            remedy=remedy,
            noun=event.noun,
        )

    def _negligible_check(
        self, event: _Event, counts: _Counts, details: dict[str, object], few: str
    ) -> Check | None:
        """Return a check of the rate itself if the rate is shown to be negligible, else None.

        The e-value of the test is added to `details`. `few` is a clause on too few requests, which
        prevent a PASS; it is empty if there are enough.
        """
        if self.negligible is None:
            return None
        log_e = sequential.rate_log_e(counts.happened[0], counts.requests[0], self.negligible)
        details["e_negligible"] = _exp(log_e)
        if _p_value(log_e) > self.promote_error:
            return None
        rate, limit = counts.rates[0], Limit(at_most=self.negligible)
        said = f"the rate of `{event.name}` is negligible: {format_value(rate, limit, 'share')}"
        return Check.judge(
            event.name,
            "rate",
            Measurement(rate, n=counts.requests[0], method=_METHOD, details=details),
            limit,
            unit="share",
            said=f"{said} ({counts.text(event.noun)})",
            rule="significance",
            pass_p_value=_p_value(log_e),
            pass_significance=self.promote_error,
            insufficient=event.wrong,
            insufficient_for_pass=event.gap or few,
            noun=event.noun,
        )

    def _significant(self, log_e: float) -> bool:
        """Return whether an e-value, given as its logarithm, is enough for a FAIL."""
        return _p_value(log_e, len(self._names)) <= self.rollback_error

    @property
    def _confidence(self) -> float:
        return 1 - 1 / self._worse - self.promote_error

    def _sides(self, limit: Limit) -> tuple[Side, Side, float]:
        """Return the direction in which the ratio gets worse, the other direction, and the limit.

        For unwanted events, such as errors, "greater" is worse; for wanted events, "less" is worse.
        """
        if self.max_decrease is None:
            return "greater", "less", limit.high
        return "less", "greater", limit.low

    def _interval(self, counts: _Counts) -> tuple[float, float]:
        """Return the interval of the ratio of rates: all ratios that the counts don't refute."""
        lower, upper = self._worse, 1 / self.promote_error
        if self.max_decrease is not None:
            lower, upper = upper, lower
        return sequential.ratio_interval(*counts.events, lower=lower, upper=upper)

    def _few(self, requests: tuple[int, int], noun: str) -> str:
        """Return a clause that a model has fewer requests than `min_requests`; "" if none has."""
        for arm, n in zip(("the candidate", "production"), requests, strict=True):
            if n < self.min_requests:
                return f"{arm} has {n:,} {noun}, at least {self.min_requests:,} are needed to pass"
        return ""

    def _needed(self, counts: _Counts, ratio: float) -> int | None:
        """Return how many requests, of both models together, would probably be enough to decide.

        `ratio` is the measured ratio. The rates are assumed to stay as they are. The result is None
        if no number of requests up to 10**12 is enough.
        """
        limit, least = self._limit, min(counts.requests)
        side, other, bound = self._sides(limit)
        if limit.holds(ratio):
            level = 1 / self.promote_error
            scale = sequential.ratio_scale_needed(*counts.events, bound, side=other, e_value=level)
            scale = scale and max(scale, self.min_requests / least if least else math.inf)
        else:
            scale = sequential.ratio_scale_needed(*counts.events, side=side, e_value=self._worse)
        total = (scale or math.inf) * sum(counts.requests)
        return rounded_up(total) if total < _MOST_NEEDED else None

    def _until_negligible(self, requests: int, noun: str) -> str:
        """Return a clause on how an event that happened with neither model can pass.

        If the option `negligible` is not set, the clause says to set it. Otherwise it says how many
        requests without the event are needed.
        """
        said = "a ratio of rates needs at least one event"
        if self.negligible is None:
            said += (
                "; to allow a PASS without events, set `negligible` to a rate that is too small "
            )
            return f"{said}to matter"
        scale = sequential.rate_scale_needed(
            0, max(requests, 1), self.negligible, e_value=1 / self.promote_error
        )
        needed = rounded_up((scale or 0) * max(requests, 1))
        rate = format_number(self.negligible, "share")
        said += f"; if there is still none when the candidate has about {needed:,} {noun} in total"
        return f"{said}, its rate is below {rate} (`negligible`), which is a PASS"

    def _history(self, event: _Event, counts: _Counts) -> list[dict[str, object]]:
        """Return the rate ratio and its interval after each look, for the picture of the report.

        If there are more than 41 looks, 41 are selected at even distances, including the first and
        the last one.
        """
        looks, found = event.looks, []
        last = len(looks) - 1
        for place in sorted({round(i * last / _MOST_LOOKS) for i in range(_MOST_LOOKS + 1)}):
            candidate, production, share = counts.events
            columns = candidate[: place + 1], production[: place + 1], share[: place + 1]
            until = _Counts(columns, counts.requests)
            low, high = self._interval(until)
            ratio = sequential.ratio_estimate(*until.events)
            name = looks[place].identity or f"look {place + 1}"
            found.append({"look": name, "value": ratio, "low": low, "high": high})
        return found


def _traffic(evidence: Evidence) -> Traffic:
    """Return the traffic from the evidence; if it is given as a path, load the file."""
    given = evidence["traffic"]
    if isinstance(given, Traffic):
        return given
    if isinstance(given, str | Path):
        traffic: Traffic = evidence.cached("traffic", str(given), lambda: Traffic.load(given))
        return traffic
    raise EvidenceError(
        f"`traffic` must be a Traffic or the path of its file, got {type(given).__name__}"
    )


def _counts(event: str, looks: Sequence[Look]) -> _Counts:
    """Return the counts of an event in each look, and the sums of the requests over looks."""
    pairs = [look.of(event) or (0, 0) for look in looks]
    requests = [look.of(REQUESTS) or (0, 0) for look in looks]
    events = [c for c, _ in pairs], [p for _, p in pairs], [look.share for look in looks]
    return _Counts(events, (sum(c for c, _ in requests), sum(p for _, p in requests)))


def _stages(event: _Event, side: Side) -> tuple[float, _Counts, int]:
    """Return the log of the mean e-value over stages, and counts and number of the strongest stage.

    The stages are those of a rollout. The e-value of a stage is computed from the traffic since the
    stage began. It tests whether the event is more frequent with the candidate than in production
    (`side` "greater") or less frequent ("less"). The strongest stage has the largest e-value.
    """
    since = [s if s is None else _since(event.name, event.looks, s) for s in event.starts]
    # A stage that has not begun has the e-value 1 (logarithm 0), because the mean must always be
    # over the same number of stages.
    logs = [sequential.ratio_log_e(*c.events, side=side) if c else 0.0 for c in since]
    most = max(logs)
    mean = most + math.log(sum(math.exp(log_e - most) for log_e in logs) / len(logs))
    begun = [(log_e, c, i) for i, (log_e, c) in enumerate(zip(logs, since, strict=True), 1) if c]
    return mean, *max(begun, key=lambda each: each[0])[1:]


def _since(event: str, looks: Sequence[Look], start: Traffic) -> _Counts:
    """Return the counts of an event since a stage of a rollout began.

    `looks` are all looks up to now, and `start` is the traffic before the stage, which is
    subtracted from them. Looks with the same share of the candidate are added up. EvidenceError is
    raised if `start` has higher counts than `looks`.
    """
    sums: dict[float, list[int]] = {}
    for sign, part in ((1, looks), (-1, [each for each in start.looks if each.is_comparison])):
        for look in part:
            pairs = look.of(event) or (0, 0), look.of(REQUESTS) or (0, 0)
            before = sums.get(look.share, [0] * 4)
            counts = (*pairs[0], *pairs[1])
            sums[look.share] = [a + sign * b for a, b in zip(before, counts, strict=True)]
    if any(min(counts) < 0 for counts in sums.values()):
        msg = "the traffic counts fewer requests or events than at the start of a stage of the "
        msg += (
            "rollout; give the counts of all looks since the rollout began, not only the new ones"
        )
        raise EvidenceError(msg)
    columns = [[counts[i] for counts in sums.values()] for i in range(4)]
    return _Counts((columns[0], columns[1], list(sums)), (sum(columns[2]), sum(columns[3])))


def _split_check(looks: Sequence[Look], noun: str) -> Check:
    """Return the check that the requests were divided between the models by the stated shares.

    `noun` is what is counted, "requests" or "units".
    """
    by_share: dict[float, tuple[int, int]] = {}
    for look in looks:
        pair = look.of(REQUESTS) or (0, 0)
        before = by_share.get(look.share, (0, 0))
        by_share[look.share] = before[0] + pair[0], before[1] + pair[1]
    log_e = {}
    for share, (first, second) in by_share.items():
        prior = _SPLIT_PRIOR * share, _SPLIT_PRIOR * (1 - share)
        log_e[share] = sequential.beta_log_e(first, second, share, prior)
    e_value = _exp(math.fsum(log_e.values()))
    n = sum(map(sum, by_share.values()))
    shares = [
        {"stated": share, "observed": pair[0] / sum(pair) if sum(pair) else None, "n": sum(pair)}
        for share, pair in sorted(by_share.items())
    ]
    said = f"the traffic has no {noun} that were divided between the candidate and production"
    if n:
        # of several shares, the one with the most evidence against it
        share = max(log_e, key=lambda each: log_e[each])
        pair = by_share[share]
        observed, stated = (format_number(s, "share") for s in (pair[0] / (sum(pair) or 1), share))
        said = (
            f"{observed} of {sum(pair):,} {noun} went to the candidate, the stated share is "
            f"{stated}"
        )
    limit, details = Limit(at_most=_SPLIT), {"shares": shares}
    if e_value < _SPLIT:
        said += f"; the e-value against this share is {format_number(e_value)}" if n else ""
        measured = Measurement(e_value if n else None, n=n, method="beta mixture", details=details)
        return Check.judge(
            "split",
            "e_value",
            measured,
            limit,
            said=said,
            min_n=0,
            insufficient="" if n else "so there is no e-value against the stated shares",
            noun=noun,
        )
    shown = format_number(e_value)
    reason = f"{said}: the {noun} were not divided as stated (e-value {shown}, limit {_SPLIT:,})"
    return Check(
        subject="split",
        metric="e_value",
        verdict=Verdict.ERROR,
        reason=f"{reason}; check the routing, and the share of the candidate that was given with "
        "the counts",
        value=e_value,
        limit=limit,
        n=n,
        method="beta mixture",
        details=details,
    )


def _by_arm(values: Iterable[object]) -> dict[str, object]:
    return dict(zip(("candidate", "production"), values, strict=True))


def _p_value(log_e: float, tests: int = 1) -> float:
    """Return the p-value ``tests / e`` of an e-value, at most 1, corrected for several tests.

    `log_e` is the logarithm of the e-value.
    """
    return math.exp(min(0.0, math.log(tests) - log_e))


def _exp(log: float) -> float:
    return math.exp(log) if log < 709 else math.inf
