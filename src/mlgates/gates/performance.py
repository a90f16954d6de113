"""Performance: a metric of one model is within a limit, in total or in every slice."""

import math
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Literal, NamedTuple

from scipy import special

from mlgates import options
from mlgates._gate import Gate
from mlgates.errors import OptionError
from mlgates.evidence import Evidence
from mlgates.gates._shared import By, checked, in_slices, rows_needed, settled
from mlgates.limits import Limit, format_number, format_value
from mlgates.metrics import Metric, find
from mlgates.predictions import Outcomes, Slice
from mlgates.predictions.labels import list_labels
from mlgates.stats.multiplicity import holm, holm_levels
from mlgates.verdict import Check, Measurement

__all__ = ["Performance"]

_OWNER = "Performance"
_RULES = ("estimate", "interval", "significance")
_MAY_READ = frozenset({"X", "data", "model", "y_pred", "y_score", "sample_weight", "pos_label"})


class _Found(NamedTuple):
    """A metric of some rows, and how to have it at another level."""

    group: str | None
    measured: Measurement
    at: Callable[[float], Measurement]


@dataclass(frozen=True, repr=False)
class Performance(Gate):
    """A metric of the model is at least, or at most, a limit.

    Parameters
    ----------
    metric : str or callable
        Scikit-learn's name (``"roc_auc"``, ``"f1_macro"``, ``"mean_absolute_error"``), or a
        function of ``y_true`` and ``y_pred`` or ``y_score``, and ``sample_weight`` if it can.
    at_least, at_most : float, optional
        The inclusive limit; one of them, or both.
    by : str, sequence of str, or mapping of str to callable, optional
        Judge each slice instead of the total: by the values of columns, or by conditions on the
        table that give one bool a row.
    min_samples : int
        Fewest rows, in each slice; with weights, fewest effective rows.
    decide_by : {"estimate", "interval", "significance"}
        "estimate": the value decides. "interval": PASS when the whole interval is within the
        limit, FAIL when all of it is beyond. "significance": a value beyond the limit is a FAIL
        only when chance alone would hardly bring it there, at 1 - `confidence`.
    confidence : float
        Of the two-sided interval.
    greater_is_better : bool, optional
        The direction of a function.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    An undefined metric is INCONCLUSIVE, never 0 or 1: no predicted positives for precision, one
    class for an area under the ROC curve, a constant target for r2. So is one that rests on less
    than 10 rows: positives for recall, predicted positives for precision, rows of a class for
    balanced accuracy and for ranking.

    A predicted label that `y_true` lacks counts as wrong, and is told. Metrics that would take it
    for a negative (specificity, false positive rate, selection rate) refuse it: it may be a
    misspelt positive.

    With `by`, a FAIL by interval is held to the level of Holm's correction over all slices, and its
    check shows the interval at that level; a PASS of all slices needs no correction. By
    significance, the p-values are corrected in the same way.

    An INCONCLUSIVE says how many rows would decide in four of five samples, if the value and its
    spread stay as they are. Rows are taken as independent.

    A gate with a lambda works, but can't be pickled.

    Examples
    --------
    >>> gate = Performance("recall", at_least=0.8)
    >>> print(gate.run(y_true=[1, 0] * 50, y_pred=[1, 0] * 45 + [0, 0] * 5).reason)
    `recall` is 0.9 (95 % interval 0.7864 to 0.9565, n = 100); the limit is at least 0.8
    """

    needs: ClassVar[frozenset[str]] = frozenset({"y_true"})
    optional_evidence: ClassVar[frozenset[str]] = _MAY_READ
    metric: str | Callable[..., object]
    _: KW_ONLY
    at_least: float | None = None
    at_most: float | None = None
    by: By | None = None
    min_samples: int = 30
    decide_by: Literal["estimate", "interval", "significance"] = "estimate"
    confidence: float = 0.95
    greater_is_better: bool | None = None

    def __post_init__(self) -> None:
        metric = find(self.metric, _OWNER, self.greater_is_better)
        for option in ("at_least", "at_most"):
            if getattr(self, option) is not None:
                self._set(option, _bound(metric, option, getattr(self, option)))
        _check_sides(metric, self.at_least, self.at_most)
        for option, value in checked(_OWNER, self, _RULES).items():
            self._set(option, value)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind and the metric's name, of a function too."""
        return f"{self.kind}:{self._metric.name}"

    @property
    def _metric(self) -> Metric:
        return find(self.metric, _OWNER, self.greater_is_better)

    @property
    def _limit(self) -> Limit:
        return Limit(self.at_least, self.at_most)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the metric in total, or in each slice."""
        metric = self._metric
        outcomes = evidence.outcomes(metric.need, scores=metric.scores)
        slices = () if self.by is None else evidence.slices(self.by)

        def measure(part: Slice | None) -> _Found:
            if part is None:
                return self._found(metric, outcomes, None)
            return self._found(metric, outcomes.take(part.rows), part.name)

        found, wrong = in_slices(metric.name, slices, measure)
        yield from wrong
        yield from self._judged(metric, found)

    def note(self, evidence: Evidence) -> str:
        """Return which predicted labels are no labels of the truth: they count as wrong."""
        metric = self._metric
        unseen = evidence.outcomes(metric.need, scores=metric.scores).unseen
        return f"predicted, but not in `y_true`: {list_labels(unseen)}" if unseen else ""

    def _found(self, metric: Metric, outcomes: Outcomes, group: str | None) -> _Found:
        def at(level: float) -> Measurement:
            return settled(metric.measure(outcomes, confidence=level), self._limit)

        return _Found(group, at(self.confidence), at)

    def _judged(self, metric: Metric, found: list[_Found]) -> Iterator[Check]:
        measured = [each.measured for each in found]
        if self.decide_by == "interval":
            levels = holm_levels([self._beyond(each) for each in found], self.confidence)
            measured = [
                each.measured if level == self.confidence else each.at(level)
                for each, level in zip(found, levels, strict=True)
            ]
        if self.decide_by == "significance":
            alone = [self._p_value(each) for each in measured]
            adjusted = holm(alone).tolist()
            measured = [
                replace(each, p_value=p_value, details={**each.details, "p_value_alone": p})
                for each, p_value, p in zip(measured, adjusted, alone, strict=True)
            ]
        for each, measurement in zip(found, measured, strict=True):
            yield self._check(metric.name, each.group, measurement)

    def _beyond(self, found: _Found) -> Callable[[float], bool]:
        """Return whether an interval at a level shows that the metric is beyond the limit."""

        def is_beyond(level: float) -> bool:
            same = level == self.confidence
            measured = found.measured if same else found.at(level)
            enough = measured.n >= self.min_samples and not _lacking(measured)
            ends = measured.interval
            return enough and ends is not None and self._limit.excludes(ends)

        return is_beyond

    def _p_value(self, measured: Measurement) -> float:
        """Return the chance of a value as far from the limit, by the interval's own spread.

        It is 1 - `confidence` where the interval just reaches the limit, and unknown where it does
        not even reach the value, as resamples of a function may not.
        """
        value, ends, limit = measured.value, measured.interval, self._limit
        if value is None or ends is None or measured.n < self.min_samples or _lacking(measured):
            return math.nan
        if limit.holds(value):
            return 1.0
        below = value < limit.low
        reach = ends[1] - value if below else value - ends[0]
        distance = limit.low - value if below else value - limit.high
        if reach < 0:
            return math.nan
        z = float(special.ndtri((1 + self.confidence) / 2))
        return math.erfc(distance / reach * z / math.sqrt(2)) if reach else 0.0

    def _check(self, name: str, group: str | None, measurement: Measurement) -> Check:
        lacks = _lacking(measurement)
        said = self._said(name, group, measurement)
        needed = None if lacks else self._needed(measurement)
        if needed is not None:
            details = {**measurement.details, "rows_needed": needed}
            measurement = replace(measurement, details=details)
            said += f"; {needed:,} rows would decide"
        return Check.judge(
            name,
            name,
            measurement,
            self._limit,
            rule=self.decide_by,
            min_n=self.min_samples,
            significance=1 - self.confidence,
            group=group,
            insufficient=lacks,
            said=said,
        )

    def _needed(self, measurement: Measurement) -> int | None:
        """Return how many rows would decide what these leave open."""
        value, n, p_value = measurement.value, measurement.n, measurement.p_value
        undecided = self.decide_by != "estimate" and n >= self.min_samples
        if self.decide_by == "significance":
            beyond = value is not None and not self._limit.holds(value)
            undecided &= beyond and p_value is not None and p_value > 1 - self.confidence
        level = measurement.confidence or self.confidence
        ends = measurement.interval
        return rows_needed(value, ends, self._limit, n, level) if undecided else None

    def _said(self, name: str, group: str | None, measurement: Measurement) -> str:
        """Return what was measured, as a clause."""
        where = f"`{name}`" if group is None else f"`{name}` where {group}"
        spread, n = "", f"n = {measurement.n:,}"
        if measurement.interval is not None:
            low, high = (format_value(end, self._limit) for end in measurement.interval)
            level = format_number(measurement.confidence or 0, "share")
            spread = f"{level} interval {low} to {high}, "
        return f"{where} is {format_value(measurement.value, self._limit)} ({spread}{n})"


def _lacking(measurement: Measurement) -> str:
    """Return why the rows allow no decision, as the metric says; an empty text where they do."""
    details = measurement.details
    return str(details.get("undefined") or details.get("lacking") or "")


def _bound(metric: Metric, option: str, given: object) -> float:
    """Return a limit that the metric's range has room for."""
    if (metric.low, metric.high) == (0, 1):
        return options.share(_OWNER, option, given)
    return options.number(_OWNER, option, given, at_least=metric.low, at_most=metric.high)


def _check_sides(metric: Metric, at_least: float | None, at_most: float | None) -> None:
    """Refuse a gate without a limit, and one that only caps how good the model may be."""
    if at_least is None and at_most is None:
        side = {True: "`at_least`", False: "`at_most`"}
        which = side.get(bool(metric.greater_is_better), "")
        which = "`at_least` or `at_most`" if metric.greater_is_better is None else which
        msg = f"{_OWNER}: a limit for `{metric.name}` must be given: {which}"
        raise OptionError(msg)
    if at_least is not None and at_most is not None:
        if at_least > at_most:
            got = f"got {at_least!r} and {at_most!r}"
            msg = f"{_OWNER}: `at_least` must not be greater than `at_most`, {got}"
            raise OptionError(msg)
        return
    better = metric.greater_is_better
    if better is True and at_least is None:
        caps = f"{_OWNER}: `at_most` alone caps `{metric.name}`, of which more is better"
        msg = f"{caps}; did you mean at_least={at_most!r}?"
        raise OptionError(msg)
    if better is False and at_most is None:
        caps = f"{_OWNER}: `at_least` alone caps how good `{metric.name}`, of which less is better,"
        msg = f"{caps} may be; did you mean at_most={at_least!r}?"
        raise OptionError(msg)
