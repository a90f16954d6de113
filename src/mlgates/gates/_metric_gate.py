"""Base classes of gates that compare one metric of a model with a limit.

The metric is measured on all rows, or in each slice (subset of the rows). With several slices,
Holm's correction for multiple tests is applied.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import ClassVar, Literal, NamedTuple

from mlgates import options
from mlgates._gate import Gate
from mlgates.errors import suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import (
    By,
    bounded,
    confidence_of,
    enough,
    error_check,
    rows_needed,
    short_name,
    slices_of,
    unlabelled,
)
from mlgates.metrics import Metric, find
from mlgates.metrics.difference import difference
from mlgates.metrics.functions import FEWEST_RESAMPLES, FunctionMetric
from mlgates.metrics.retrieval import QueryMetric
from mlgates.predictions import Outcomes
from mlgates.predictions.groups import MAX_GROUPS, Slice
from mlgates.predictions.labels import label_text, list_labels
from mlgates.printable import first_of, number_of
from mlgates.progress import show_progress
from mlgates.stats.multiplicity import holm, holm_levels
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Rule,
    Verdict,
    before_rounding,
    format_interval,
    format_number,
    format_value,
    slice_clause,
    snap_to_limit,
)

__all__ = ["ComparisonGate", "MetricGate", "SliceEstimate", "require_binary", "snapped"]


class SliceEstimate(NamedTuple):
    """What a gate measured in one slice (subset of the rows) or in all rows, before it decides.

    The measured value is a metric, or the difference of a metric between two models.

    Parameters
    ----------
    at : callable
        A function that takes a level of confidence, and returns the measurement with its interval
        at this level and its p-value.
    insufficient : str
        Why these rows allow no decision, as a clause; "" if they allow one.
    tested : Limit
        The limit that the p-value is for: it tests whether the true value is at this limit.
    sentence : str
        The verb phrase of the reason, in which the result of the measurement is inserted at
        ``{value}``, ``{interval}`` and ``{n}``.
    rows : int
        Number of rows that have a label and a weight above 0.
    clusters : int or None
        Number of clusters of these rows; None if the rows are independent.
    """

    at: Callable[[float], Measurement]
    insufficient: str
    tested: Limit
    sentence: str
    rows: int = 0
    clusters: int | None = None


#: The estimate of a slice, the exception that it raised, or why the slice is excluded.
SliceResult = SliceEstimate | BaseException | str
#: Largest number of names of excluded slices in a note.
_MOST_NAMED = 5


def require_binary(owner: str, label: object, *metrics: Metric) -> None:
    """Raise OptionError if `label` chooses one class, but a metric has no value for one class.

    For example, recall has a value for one class, and accuracy has not. `label` is None if all
    classes are judged together. `owner` is the name of the gate, for the message.
    """
    for metric in metrics:
        if label is not None and not metric.binary:
            hint = "; metrics of one class are, for example, recall, precision, f1 and roc_auc"
            raise options.refuse(owner, "label", f"left out for `{metric.name}`", label, hint)


def snapped(measured: Measurement, limit: Limit, scale: float = 0.0) -> Measurement:
    """Return a measurement whose value and interval have no rounding errors at a limit.

    If the value, or an end of its interval, differs from a bound of the limit only by a rounding
    error, it is set to this bound. `scale` is the size of the numbers that were subtracted to
    compute the value.

    Examples
    --------
    >>> snapped(Measurement(0.4 - 0.3, n=9), Limit(at_most=0.1), scale=0.4).value
    0.1
    """
    value = measured.value
    if value is None:
        return measured
    snap = partial(snap_to_limit, limit=limit, scale=scale)
    ends = measured.interval and (snap(measured.interval[0]), snap(measured.interval[1]))
    details = {**measured.details, **before_rounding(value, snap(value), limit)}
    return replace(measured, value=snap(value), interval=ends, details=details)


@dataclass(frozen=True, repr=False)
class MetricGate(Gate):
    """Base class of gates that compare a metric with a limit, on all rows or in each slice.

    A slice is a subset of the rows. `Performance` describes the options; a subclass can add others.
    A subclass implements the property `_limit`, which returns the limit, and the method
    `_estimate`, which measures one slice. A subclass has these class attributes:

    - `_rules`: the allowed values of the option `decide_by`.
    - `_sides`: one string for each measured model: "" for the candidate, " in production" for the
      production model. The note of the result has this string after the words "labels predicted".
      A subclass that measures a third model has another string for it, such as " in training", and
      overrides `_outcomes`, which reads the predictions.
    - `_labels`: the arguments of a run that have the true labels of each measured model.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"y_true"})
    _rules: ClassVar[tuple[Rule, ...]]
    _sides: ClassVar[tuple[str, ...]] = ("",)
    _labels: ClassVar[tuple[str, ...]] = ("y_true",)
    #: an option only of gates that can judge queries
    empty_queries = "inconclusive"
    metric: str | Callable[..., object]
    _: KW_ONLY
    label: int | str | None = None
    by: By | None = None
    min_samples: int = 30
    small_slices: Literal["inconclusive", "exclude"] = "inconclusive"
    decide_by: Rule = "interval"
    confidence: float | None = 0.95
    greater_is_better: bool | None = None
    max_groups: int = MAX_GROUPS
    resamples: int | None = None

    def __post_init__(self) -> None:
        self._convert("decide_by", options.choice, self._rules)
        self._convert("label", options.label)
        require_binary(type(self).__name__, self.label, self._metric)
        self._convert("by", slices_of)
        self._convert("min_samples", options.count, at_least=1)
        self._convert("small_slices", options.choice, ("inconclusive", "exclude"))
        self._convert("empty_queries", options.choice, ("inconclusive", "exclude"))
        if self.empty_queries == "exclude" and not isinstance(self._metric, QueryMetric):
            allowed = f"left out for `{self._metric.name}`, which is not measured by query"
            raise options.refuse(type(self).__name__, "empty_queries", allowed, "exclude")
        self._convert("max_groups", options.count, at_least=1)
        self._convert("resamples", options.count, at_least=FEWEST_RESAMPLES)
        if self.confidence is not None:
            self._convert("confidence", confidence_of)
        elif self.decide_by != "estimate":
            hint = f"; decide_by={self.decide_by!r} needs an interval"
            allowed = "from 0.5 to less than 1"
            raise options.refuse(type(self).__name__, "confidence", allowed, None, hint)
        if not self._metric.uses_labels:
            self._set("needs", self.needs - {"y_true"})
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind of the gate, the name of the metric or function, and the label if one is given.

        For example ``"performance:recall"``, or ``"performance:recall:b"`` for the label ``"b"``.
        """
        label = () if self.label is None else (short_name(str(self.label)),)
        return ":".join([self.kind, self._metric.name, *label])

    @property
    def _metric(self) -> Metric:
        """The metric with the given name, or one that calls the given function."""
        metric = find(self.metric, type(self).__name__, self.greater_is_better)
        if isinstance(metric, QueryMetric):
            return replace(metric, exclude_empty=self.empty_queries == "exclude")
        return replace(metric, resamples=self.resamples, decides=self.decide_by != "estimate")

    def _require_direction(self) -> Metric:
        """Return the metric; raise OptionError unless it is known which values are better."""
        metric = self._metric
        if metric.greater_is_better is None:
            hint = f"; it is required for `{metric.name}`"
            if metric.name == "mean_error":
                hint += "; did you mean metric='mean_absolute_error'?"
            raise options.refuse(
                type(self).__name__, "greater_is_better", "True or False", None, hint
            )
        return metric

    @property
    def _level(self) -> float:
        """The confidence level of the intervals; 0 for no intervals."""
        return self.confidence or 0.0

    @property
    def _limit(self) -> Limit:
        """The limit of the metric or of the difference, as the options set it."""
        raise NotImplementedError

    def _estimate(self, metric: Metric, *models: Outcomes) -> SliceEstimate:
        """Return the estimate of one slice from the labels and predictions of each model."""
        raise NotImplementedError

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check of the metric on all rows, or one check for each slice."""
        metric, limit = self._metric, self._limit
        results = self._results(evidence)
        for name, result in results:
            if isinstance(result, BaseException):
                yield error_check(metric.name, metric.name, result, name)
        estimates = [(name, one) for name, one in results if isinstance(one, SliceEstimate)]
        excluded = sum(isinstance(result, str) for _, result in results)
        if excluded and not estimates:
            reason = f"`{metric.name}` can't be checked: all slices are too small and excluded"
            undecided = Verdict.INCONCLUSIVE
            yield Check(subject=metric.name, metric=metric.name, verdict=undecided, reason=reason)

        def is_beyond(estimate: SliceEstimate, level: float) -> bool:
            measured = estimate.at(level)
            enough = measured.n >= self.min_samples and not estimate.insufficient
            return enough and measured.interval is not None and limit.excludes(measured.interval)

        confidences = (self._level,) * len(estimates)
        if self.decide_by == "interval":
            beyond = [partial(is_beyond, estimate) for _, estimate in estimates]
            confidences = holm_levels(beyond, self._level)
        every = [one.at(level) for (_, one), level in zip(estimates, confidences, strict=True)]
        adjusted = holm([float("nan") if m.p_value is None else m.p_value for m in every]).tolist()
        for (group, estimate), one, p_value in zip(estimates, every, adjusted, strict=True):
            measured, interval = replace(one, p_value=p_value), ""
            if measured.interval is not None:
                ends = format_interval(measured.interval, measured.confidence, limit=limit)
                interval = f"{ends}, "
                if (measured.confidence or 0) > self._level:
                    interval = f"{ends}, corrected for {len(estimates):,} slices, "
            text = f"`{metric.name}`"
            text += "" if self.label is None else f" of {label_text(self.label)}"
            text += f"{slice_clause(group)} "
            value, n = format_value(measured.value, limit), f"n = {measured.n:,}"
            if estimate.rows != measured.n:
                n = f"effective n = {measured.n:,} because of the weights of {estimate.rows:,} "
                n += metric.noun
            elif isinstance(metric, QueryMetric):
                n += " query" if measured.n == 1 else " queries"
            empty = measured.details.get("empty_queries")
            if empty:
                n += f" and {empty:,} without a relevant document"
            if estimate.clusters is not None:
                n += f" in {number_of(estimate.clusters, 'cluster')}"
            text += estimate.sentence.format(value=value, interval=interval, n=n)
            dropped, need = unlabelled(measured.dropped, metric.noun)
            text += dropped
            needed, noun = self._rows_needed(estimate, measured), metric.noun
            if estimate.clusters is not None:
                noun = "clusters"
            if needed is not None:
                details = {**measured.details, f"{noun}_needed": needed}
                measured = replace(measured, details=details)
            counted = metric.noun
            if estimate.rows != measured.n:
                counted = f"effective {metric.noun}"
            insufficient = estimate.insufficient if measured.n else ""
            if self.decide_by != "estimate" and measured.interval is None:
                insufficient = insufficient or str(measured.details.get("no_interval", ""))
            yield Check.judge(
                metric.name,
                metric.name,
                measured,
                limit,
                rule=self.decide_by,
                min_n=self.min_samples,
                significance=1 - (self.confidence or 0.95),
                group=group,
                insufficient=insufficient or need,
                remedy=enough(needed, noun),
                noun=counted,
                said=text,
            )

    def note(self, evidence: Evidence) -> str:
        """Return a remark on predicted labels that `y_true` lacks, and on excluded slices."""
        notes = [
            f"labels predicted{side}, but not in `{true}`: {list_labels(outcomes.unseen)}"
            for side, true, outcomes in zip(
                self._sides, self._labels, self._outcomes(evidence), strict=True
            )
            if outcomes.unseen
        ]
        excluded = [f"{name} ({why})" for name, why in self._results(evidence) if type(why) is str]
        if excluded:
            notes.append(f"excluded slices: {first_of(excluded, _MOST_NAMED)}")
        return "; ".join(notes)

    def _results(self, evidence: Evidence) -> list[tuple[str | None, SliceResult]]:
        """Return pairs of a slice's name and its result; without slices, one pair with None."""
        # cached, because `check` and `note` use the same results
        return evidence.cached("slice results", self, partial(self._measure_slices, evidence))

    def _measure_slices(self, evidence: Evidence) -> list[tuple[str | None, SliceResult]]:
        models = self._outcomes(evidence)
        slices = () if self.by is None else self._slices(evidence, models)
        exclude = self.small_slices == "exclude"
        results: list[tuple[str | None, SliceResult]] = []
        with self._shown_metric(evidence, max(1, len(slices)), models[0]) as metric:
            if not slices:  # none were declared, or there are no rows
                return [(None, self._measure_slice(metric, models))]
            for name, parts in slices:
                with suppress_errors() as caught:  # the other slices are still measured
                    here = [
                        outcomes.take(part.rows)
                        for outcomes, part in zip(models, parts, strict=True)
                    ]
                    result: SliceResult = self._measure_slice(metric, here, exclude=exclude)
                results.append((name, result if caught.error is None else caught.error))
        return results

    def _slices(
        self, evidence: Evidence, models: list[Outcomes]
    ) -> Sequence[tuple[str, Sequence[Slice]]]:
        """Return the name of each slice and, for each of the `models`, the rows of the slice."""
        slices = evidence.slices(self.by, self.max_groups)
        return [(part.name, [part] * len(models)) for part in slices]

    @contextmanager
    def _shown_metric(
        self, evidence: Evidence, slices: int, outcomes: Outcomes
    ) -> Iterator[Metric]:
        """Yield the metric; if it is a user's function, a progress bar counts its calls.

        The total of the bar is estimated from the number of `slices` and of all rows. Rows in
        clusters are not resampled.
        """
        metric = self._metric
        is_resampled = isinstance(metric, FunctionMetric) and outcomes.cluster is None
        if not (self._level and is_resampled and isinstance(metric, FunctionMetric)):
            yield metric
            return
        calls = slices * metric.calls(outcomes.n // slices)
        with show_progress(calls, unit="call", shown=evidence.progress) as shown:
            yield replace(metric, on_calls=shown.step)

    def _measure_slice(
        self, metric: Metric, models: list[Outcomes], *, exclude: bool = False
    ) -> SliceResult:
        """Return the estimate of a slice from the labels and predictions of each model.

        With ``exclude=True``, a slice with too few rows or labels is excluded: the result is then a
        clause that says why. A slice that has only too few predicted positives is not excluded,
        because their number depends on the model.
        """
        outcomes = models[0]
        n = outcomes.effective_rows
        if exclude and n < self.min_samples:
            one = "1 row" if outcomes.query is None else "1 query"
            return one if n == 1 else f"{n:,} {metric.noun}"
        estimate = self._estimate(metric, *models)
        if exclude and estimate.insufficient and metric.is_short_of_labels(outcomes):
            return estimate.insufficient
        return estimate._replace(rows=outcomes.counted, clusters=outcomes.clusters)

    def _outcomes(self, evidence: Evidence) -> list[Outcomes]:
        metric = self._metric
        return [
            evidence.outcomes(
                metric.need,
                production=bool(side),
                scores=metric.scores,
                label=self.label,
                uses_labels=metric.uses_labels,
            )
            for side in self._sides
        ]

    def _rows_needed(self, estimate: SliceEstimate, measured: Measurement) -> int | None:
        """Return how many rows would be enough to decide; None if more rows would not help.

        If the rows are in clusters, the result is a number of clusters.
        """
        value, p_value, limit = measured.value, measured.p_value, self._limit
        few = measured.n < self.min_samples or estimate.insufficient
        if few or value is None or self.decide_by == "estimate":
            return None
        error = measured.details.get("standard_error")
        if self.decide_by == "significance":
            if limit.holds(value) or p_value is None or p_value <= 1 - self._level:
                return None
            limit, error = estimate.tested, None
        error = error if isinstance(error, float) else None
        level = measured.confidence or self._level
        # the result is a number of given rows; `measured.n` is the effective number, for weights
        n = estimate.rows if estimate.clusters is None else estimate.clusters
        return rows_needed(value, measured.interval, limit, n, level, error=error)


@dataclass(frozen=True, repr=False)
class ComparisonGate(MetricGate):
    """Base class of gates that compare a metric of the candidate with that of production.

    Both models are measured on the same rows. `Regression` documents the options.
    """

    _rules: ClassVar[tuple[Rule, ...]] = ("interval", "estimate", "significance")
    _sides: ClassVar[tuple[str, ...]] = ("", " in production")
    _labels: ClassVar[tuple[str, ...]] = ("y_true", "y_true")
    _: KW_ONLY
    tolerance: float
    empty_queries: Literal["inconclusive", "exclude"] = "inconclusive"

    def __post_init__(self) -> None:
        metric = self._require_direction()
        self._convert("tolerance", bounded, 0, metric.high - metric.low)
        super().__post_init__()

    @property
    def _limit(self) -> Limit:
        """The limit of the difference: the candidate's metric minus production's."""
        if self._metric.greater_is_better:
            return Limit(at_least=-self.tolerance)
        return Limit(at_most=self.tolerance)

    def _estimate(self, metric: Metric, *models: Outcomes) -> SliceEstimate:
        """Return the difference between the two models in one slice."""
        limit = self._limit
        paired = difference(metric, *models, interval=self.confidence is not None)
        scale = abs(paired.candidate or 0) + abs(paired.production or 0)
        details: dict[str, object] = {
            "candidate": paired.candidate,
            "production": paired.production,
            "tolerance": self.tolerance,
            "p_value": paired.change.p_value,
            **paired.change.details,
        }

        def at(level: float) -> Measurement:
            measured = Measurement(
                paired.value,
                n=paired.n,
                dropped=paired.dropped,
                interval=paired.change.ends(level) if level else None,
                confidence=level or None,
                p_value=paired.change.p_value,
                method=paired.change.method,
                details=details,
            )
            return snapped(measured, limit, scale)

        if paired.candidate is None or paired.production is None:
            sentence = "can't be compared ({n})"
        elif paired.change.alike is not None:
            same = "give the same answers on all rows"
            if self.label is not None:
                same = "agree on this label in all rows"
            if paired.change.alike == "rankings":
                same = "rank all rows in the same order"
            sentence = f"did not change: candidate and production {same} "
            sentence += f"({format_number(paired.candidate)} for both, {{n}})"
        else:
            both = f"{format_number(paired.candidate)} against {format_number(paired.production)}"
            sentence = f"changed by {{value}} ({both} in production; {{interval}}{{n}})"
        # the p-value tests a difference of 0, not one of the tolerance
        return SliceEstimate(at, paired.undefined or paired.lacking, Limit(0, 0), sentence)
