"""Shadow: compare the answers of a candidate with those of production to the same requests."""

import math
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, cast

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import OptionError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._metric_gate import ComparisonGate, snapped
from mlgates.gates._shared import (
    By,
    bounded,
    confidence_of,
    enough,
    error_check,
    max_groups_of,
    slices_of,
)
from mlgates.gates.shadow.labelled import Labelled, labelled_requests
from mlgates.gates.shadow.measures import (
    Estimate,
    Measure,
    MeasureSlice,
    disagreement_of,
    error_increase_of,
    score_shift_of,
    slowdown_of,
)
from mlgates.gates.shadow.requests import Requests, read_requests
from mlgates.metrics import Metric, find
from mlgates.predictions.groups import MAX_GROUPS
from mlgates.stats.multiplicity import holm_levels
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    format_interval,
    format_value,
    slice_clause,
)

__all__ = ["Shadow"]

_OWNER = "Shadow"
#: The limit that belongs to each column.
_LIMITS = {
    "score": "max_score_shift",
    "error": "max_error_increase",
    "latency": "max_slowdown",
}


@dataclass(frozen=True, repr=False)
class Shadow(Gate):
    """Check that a candidate answers mirrored requests like the model in production.

    Each request is answered by production and is also sent to the candidate, whose answer users
    don't see. The evidence `candidate_log` and `production_log` are tables with one row per
    request. Their rows are joined by the column `on`. A column that is given as an option must be
    in both logs, unless the description of the option says otherwise.

    Parameters
    ----------
    on : str
        Column with the id of the request. The ids 7 and 7.0 are equal. If one log has the number 7
        and the other the string "7", the verdict is ERROR.
    prediction : str
        Column with the answer. If the candidate's answer is missing, this counts as an error of the
        candidate.
    max_disagreement : float
        Largest share of the requests that the candidate may answer differently from production, or
        not at all.
    rtol : float
        Largest relative difference between two floats that count as the same answer, as a share of
        the larger one. Other values are compared exactly. By default floats are compared exactly
        too.
    max_unmatched : float
        Largest share of the requests that may be in only one of the logs. Above it, the check
        ``unmatched`` is INCONCLUSIVE. Two other checks use the same limit. ``disagreement`` is
        INCONCLUSIVE if the share of requests that production did not answer is above it.
        ``score_shift`` is INCONCLUSIVE if, of the requests that both models answered, the share
        without a score is above it.
    score : str, optional
        Column with the score, a number. The option `max_score_shift` is then required, unless
        `metric` needs scores.
    max_score_shift : float, optional
        Largest allowed absolute value of the mean change of the score, which is the candidate's
        score minus that of production.
    error : str, optional
        Column that says which requests failed or timed out. It has bools, or strings that are empty
        or missing if there was no error. A failed request counts as a request without an answer.
    max_error_increase : float, optional
        Largest allowed value of the candidate's error rate minus that of production.
    latency : str, optional
        Column with the time that the answer took: numbers of seconds, or durations.
    max_slowdown : float, optional
        Largest slowdown of the 95th percentile of the latency, as a share: 0.1 is 10 %.
    y_true : str, optional
        Column of `production_log` with the true label of the request. It is missing for requests
        whose label has not arrived yet.
    metric : str, optional
        Name of a metric, as in `Regression`. The two models are compared by it on the requests with
        a label. It is computed from `prediction`, or from `score` if it needs scores. The positive
        label is the evidence `pos_label`.
    tolerance : float, optional
        How much worse the metric of the candidate may be, in units of the metric.
    time : str, optional
        Column of `production_log` with the time of the request. If it is given, the report says how
        old the requests with a label are.
    by : str, sequence of str, or mapping of str to condition, optional
        Judge each slice (subset of the requests) instead of all requests. Columns of
        `production_log`, given by name, define one slice for each combination of their values. A
        mapping defines slices by conditions, as in ``{"old": "age > 60"}``.
    min_samples : int
        Smallest number of requests that are in both logs, in each slice if there are slices. With
        fewer, the check is INCONCLUSIVE.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    decide_by : {"interval", "estimate"}
        "interval": PASS if the whole confidence interval is within the limit, FAIL if the whole
        interval is beyond, otherwise INCONCLUSIVE. "estimate": the value itself is compared with
        the limit.
    confidence : float
        Confidence level of the two-sided intervals.
    name, advisory, inconclusive, after
        As in `Gate`.

    Raises
    ------
    OptionError
        If a column is given without its limit, or a limit without its column; only `score` needs no
        limit if `metric` needs scores. Also if only some of `y_true`, `metric` and `tolerance` are
        given.

    Notes
    -----
    The gate has these checks, each on all requests or for each slice:

    - ``unmatched``: the share of the requests that are in only one of the logs. It is not judged by
      slice, and is never a FAIL: above `max_unmatched` it is INCONCLUSIVE.
    - ``disagreement``: the share of the requests with different answers, with Wilson's interval
      [1]_. An error of the candidate counts as a different answer. Requests that production did not
      answer are left out.
    - ``score_shift``: the mean over the requests of the candidate's score minus that of production,
      with Student's t interval corrected for skewness. ``details["p95_shift"]`` is the 95th
      percentile of the absolute differences.
    - ``error_increase``: the candidate's error rate minus that of production, with Tango's interval
      of a paired difference [2]_.
    - ``slowdown``: the 95th percentile of the candidate's latencies divided by that of production,
      minus 1, with the interval of `Latency`. The latencies of the two models are assumed to be
      independent, which makes the interval too long rather than too short. A failed request has an
      infinite latency.
    - The metric: its difference, as in `Regression`. If the metric needs predicted labels, a failed
      request counts as a wrong label. For other metrics it is left out.

    With several slices and ``decide_by="interval"``, the confidence level is corrected for the
    number of slices by Holm's method: a slice FAILs only if its whole interval at the corrected
    level is beyond the limit. Missing or repeated ids are an ERROR. If no request is in both logs,
    the gate is INCONCLUSIVE.

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.
    .. [2] Tango, T. (1998). Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design. Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> production = {"request_id": range(1_000), "prediction": ["yes", "no"] * 500}
    >>> candidate = {"request_id": range(1_000), "prediction": ["yes", "no"] * 495 + ["no"] * 10}
    >>> result = Shadow("request_id").run(candidate_log=candidate, production_log=production)
    >>> print(result.checks[1].reason)
    0.5 % of the answers in `prediction` differ from those of production (95 % interval 0.214 % to
    1.17 %, 5 of 1,000 requests); the limit is at most 2 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"candidate_log", "production_log"})
    optional_evidence: ClassVar[frozenset[str]] = frozenset({"pos_label"})
    info = GateInfo(
        summary="a new model answers copies of the requests like the model in production",
        metrics={
            "`unmatched`": "share of the requests with an answer of only one model",
            "`disagreement`": "share of the requests with different answers",
            "`score_shift`": "mean difference of the scores",
            "`error_increase`": "difference of the error rates",
            "`slowdown`": "how much slower than production, as a share: 0.1 means 10 %",
            "(only the value)": "the metric of the candidate minus that of production",
        },
        fewest_rows="30 requests that are in both logs, in each slice (set by `min_samples`); 72 "
        "for `max_slowdown`",
        allowed="an interval that contains the limit",
    )
    on: str = "request_id"
    _: KW_ONLY
    prediction: str = "prediction"
    max_disagreement: float = 0.02
    rtol: float = 0.0
    max_unmatched: float = 0.05
    score: str | None = None
    max_score_shift: float | None = None
    error: str | None = None
    max_error_increase: float | None = None
    latency: str | None = None
    max_slowdown: float | None = None
    y_true: str | None = None
    metric: str | None = None
    tolerance: float | None = None
    time: str | None = None
    by: By | None = None
    min_samples: int = 30
    max_groups: int = MAX_GROUPS
    decide_by: Literal["interval", "estimate"] = "interval"
    confidence: float = 0.95

    def __post_init__(self) -> None:
        for option in ("on", "prediction", "score", "error", "latency", "y_true", "time"):
            self._convert(option, options.text)
        for option in ("max_disagreement", "max_unmatched", "max_error_increase", "max_slowdown"):
            self._convert(option, options.share)
        self._convert("rtol", bounded, 0, 1)
        self._convert("max_score_shift", options.number, at_least=0)
        self._convert("by", slices_of)
        self._convert("min_samples", options.count, at_least=1)
        self._convert("max_groups", max_groups_of)
        self._convert("decide_by", options.choice, ("interval", "estimate"))
        self._convert("confidence", confidence_of)
        if self.prediction == self.on:
            raise options.refuse(_OWNER, "prediction", "another column than `on`", self.prediction)
        metric = self._metric
        high = np.inf if metric is None else metric.high - metric.low
        self._convert("tolerance", options.number, at_least=0, at_most=high)
        labelled = ("y_true", "metric", "tolerance")
        given = [option for option in labelled if getattr(self, option) is not None]
        if len(given) in (1, 2):
            absent = next(option for option in labelled if option not in given)
            msg = (
                f"{_OWNER}: `{absent}` is required with `{given[0]}`: give `y_true`, `metric` and "
            )
            msg += "`tolerance` together"
            raise OptionError(msg)
        if self.time is not None and self.y_true is None:
            raise OptionError(f"{_OWNER}: `y_true` is required with `time`")
        of_scores = metric is not None and metric.need in ("scores", "probabilities")
        if of_scores and self.score is None:
            raise OptionError(
                f"{_OWNER}: `score` is required with metric={self.metric!r}, a metric of scores"
            )
        for column, limit in _LIMITS.items():
            is_given = [getattr(self, option) is not None for option in (column, limit)]
            if is_given[0] != is_given[1] and not (column == "score" and of_scores and is_given[0]):
                absent, other = (limit, column) if is_given[0] else (column, limit)
                raise OptionError(f"{_OWNER}: `{absent}` is required with `{other}`")
        super().__post_init__()

    @property
    def _metric(self) -> Metric | None:
        """The metric to compare on the requests with a label; None if the option is not given."""
        if self.metric is None:
            return None
        known = isinstance(self.metric, str)
        found = find(self.metric, _OWNER) if known else None
        if found is None or found.greater_is_better is None:
            hint = "; use `Regression` with `greater_is_better` for others" if known else ""
            allowed = (
                "the name of a metric for which it is known whether greater or smaller is better"
            )
            raise options.refuse(_OWNER, "metric", allowed, self.metric, hint)
        return found

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield a check of the requests that are in one log only, and then checks of each slice.

        In each slice, there is a check of each measure, such as the disagreement of the models, and
        of the metric on requests with a label, if the option `metric` is given.
        """
        requests = self._requests(evidence)
        yield self._unmatched(requests)
        for measure in self._measures(requests):
            with suppress_errors() as caught:  # the other measures are still judged
                checks = list(self._checks(measure, requests))
            if caught.error is not None:
                checks = [error_check(measure.subject, measure.metric, caught.error)]
            yield from checks
        if self.metric is not None:
            yield from self._labelled_checks(evidence, requests)

    def note(self, evidence: Evidence) -> str:
        """Return the remarks on latencies and on the metric, for the end of the reason.

        The remark on latencies says that they were measured while each request was sent to both
        models, which can make them longer.
        """
        notes = []
        if self.latency is not None:
            notes.append("each request was answered twice: latencies include the load of mirroring")
        if self.metric is not None:
            with suppress_errors():  # its checks report the error
                labelled = self._labelled(evidence, self._requests(evidence))
                notes.append(self._comparison(labelled).note(labelled.evidence))
        return "; ".join(filter(None, notes))

    def _requests(self, evidence: Evidence) -> Requests:
        shared = {"prediction": self.prediction}
        shared |= {name: c for name in _LIMITS if (c := getattr(self, name)) is not None}
        added = {"y_true": self.y_true, "time": self.time}
        live = shared | {option: name for option, name in added.items() if name is not None}
        make = partial(
            read_requests,
            evidence,
            self.on,
            candidate=shared,
            production=live,
            by=self.by,
            max_groups=self.max_groups,
        )
        return evidence.cached("requests", self, make)

    def _unmatched(self, requests: Requests) -> Check:
        """Return the check of requests that are in one log only."""
        ours, theirs = requests.unmatched
        n, limit = requests.n + ours + theirs, Limit(at_most=self.max_unmatched)
        value = (ours + theirs) / n if n else None
        said, hint, insufficient = "", "", ""
        if value is not None:
            said = f"{ours + theirs:,} of {n:,} requests ({format_value(value, limit, 'share')}) "
            said += f"are in one log only: {ours:,} in that of the candidate, "
            said += f"{theirs:,} in that of production"
            if not (limit.holds(value) and requests.n):
                insufficient = "the logs don't match well enough to compare the models"
            if not requests.n and all(requests.rows):
                hint = f"no id in `{self.on}` is in both logs; are the ids written in the same way?"
            elif insufficient and theirs > ours:
                hint = "remove from `production_log` the requests that were not sent to the "
                hint += "candidate, and add to `candidate_log` those that it did not answer"
            elif insufficient:
                hint = "give logs of the same period of time"
        details = {"matched": requests.n, "candidate_only": ours, "production_only": theirs}
        check = Check.judge(
            self.on,
            "unmatched",
            Measurement(value, n=n, method="count", details=details),
            limit,
            unit="share",
            said=said,
            hint=hint,
            insufficient=insufficient,
            noun="requests",
        )
        return check if n else replace(check, reason="both logs are empty; give logs with requests")

    def _measures(self, requests: Requests) -> Iterator[Measure]:
        """Yield what to measure: disagreement, and score, errors and latency if they are given."""
        name, limit = self.prediction, Limit(at_most=self.max_disagreement)
        make: Callable[[], MeasureSlice] = partial(disagreement_of, requests, self.rtol, name)
        yield Measure(name, "disagreement", limit, make)
        if self.score is not None and self.max_score_shift is not None:
            limit = Limit(at_least=0.0 - self.max_score_shift, at_most=self.max_score_shift)
            make = partial(score_shift_of, requests, self.score)
            yield Measure(self.score, "score_shift", limit, make)
        if self.error is not None:
            limit = Limit(at_most=self.max_error_increase)
            make = partial(error_increase_of, requests)
            yield Measure(self.error, "error_increase", limit, make)
        if self.latency is not None:
            limit = Limit(at_most=self.max_slowdown)
            make = partial(slowdown_of, requests, self.latency, self.confidence)
            yield Measure(self.latency, "slowdown", limit, make)

    def _checks(self, measure: Measure, requests: Requests) -> Iterator[Check]:
        """Yield one check of a measure for each slice; FAILs have Holm's correction for slices."""
        limit, estimates, measure_slice = measure.limit, [], measure.prepare()
        for name, rows in requests.slices:
            with suppress_errors() as caught:  # the other slices are still judged
                if isinstance(rows, BaseException):
                    raise rows.with_traceback(None)
                estimates.append((name, measure_slice(rows, slice_clause(name))))
            if caught.error is not None:
                yield error_check(measure.subject, measure.metric, caught.error, name)

        def is_beyond(estimate: Estimate, level: float) -> bool:
            ends = estimate.ends(level)
            enough_rows = estimate.n >= self.min_samples and not estimate.insufficient
            return enough_rows and ends is not None and limit.excludes(ends)

        confidences = (self.confidence,) * len(estimates)
        if self.decide_by == "interval":
            beyond = [partial(is_beyond, estimate) for _, estimate in estimates]
            confidences = holm_levels(beyond, self.confidence)
        for (name, estimate), level in zip(estimates, confidences, strict=True):
            ends, needed = estimate.ends(level), None
            undecided = ends is not None and not limit.excludes(ends)
            if self.decide_by == "interval" and undecided and not all(map(limit.holds, ends or ())):
                needed = estimate.needed(limit, ends, level)
            details = dict(estimate.details)
            if needed is not None:
                details["rows_needed"] = needed
            measured = Measurement(
                estimate.value,
                n=estimate.n,
                dropped=estimate.dropped,
                interval=ends,
                confidence=None if ends is None else level,
                method=estimate.method,
                details=details,
            )
            measured, shown = snapped(measured, limit, scale=1.0), ""
            if measured.interval is not None and not math.isinf(measured.interval[0]):
                shown = f"{format_interval(measured.interval, level, estimate.unit, limit)}, "
                if level > self.confidence:
                    shown += f"corrected for {len(estimates):,} slices, "
            value = format_value(measured.value, limit, estimate.unit)
            said = f"{estimate.said[0]}{value}{estimate.said[1]}"
            said += f" ({estimate.basis}{shown}{estimate.sizes})"
            if not estimate.n:
                said = f"`{measure.metric}` of `{measure.subject}`{slice_clause(name)} is undefined"
            yield Check.judge(
                measure.subject,
                measure.metric,
                measured,
                limit,
                rule=self.decide_by,
                min_n=self.min_samples,
                max_dropped=self.max_unmatched,
                group=name,
                unit=estimate.unit,
                said=said + estimate.more,
                insufficient=estimate.insufficient,
                remedy=enough(needed, "requests"),
                noun="requests",
            )

    def _labelled(self, evidence: Evidence, requests: Requests) -> Labelled:
        pos_label = evidence["pos_label"] if "pos_label" in evidence else None  # noqa: SIM401
        metric = cast("Metric", self._metric)
        make = partial(labelled_requests, requests, metric.need, pos_label)
        return evidence.cached("labelled requests", self, make)

    def _comparison(self, labelled: Labelled) -> ComparisonGate:
        """Return the gate that compares the metric of both models on the labelled requests."""
        slices: Any = tuple(
            (name, lambda _, mask=mask: mask) for name, mask in labelled.slices if name is not None
        )
        return ComparisonGate(
            metric=cast("str", self.metric),
            tolerance=cast("float", self.tolerance),
            by=slices or None,
            min_samples=self.min_samples,
            decide_by=self.decide_by,
            confidence=self.confidence,
        )

    def _labelled_checks(self, evidence: Evidence, requests: Requests) -> Iterator[Check]:
        """Yield the checks of the metric on the requests with a label."""
        name = cast("str", self.metric)
        for group, error in requests.slices:
            if isinstance(error, BaseException):
                yield error_check(name, name, error, group)
        with suppress_errors() as caught:
            labelled = self._labelled(evidence, requests)
            gate = self._comparison(labelled)
            checks = list(gate.check(labelled.evidence)) if labelled.slices else []
        if caught.error is not None:
            yield error_check(name, name, caught.error)
            return
        for check in checks:
            counts = labelled.counts[check.group]
            details = {**check.details, **counts.details}
            yield replace(check, details=details, reason=f"{check.reason}; {counts.said}")
