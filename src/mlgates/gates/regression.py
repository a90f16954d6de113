"""Regression: the candidate is not worse than the model in production, on the same rows."""

import math
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Literal, NamedTuple

from scipy import special

from mlgates import options
from mlgates._gate import Gate
from mlgates.evidence import Evidence
from mlgates.gates._shared import By, checked, in_slices, rows_needed, settled
from mlgates.limits import Limit, format_number, format_value
from mlgates.metrics import Metric, find
from mlgates.metrics.difference import Difference, difference
from mlgates.predictions import Slice
from mlgates.predictions.labels import list_labels
from mlgates.stats.multiplicity import holm, holm_levels
from mlgates.verdict import Check, Measurement

__all__ = ["Regression"]

_OWNER = "Regression"
_RULES = ("interval", "estimate", "significance")
_MAY_READ = frozenset(
    {
        *("X", "data", "model", "production_model", "sample_weight", "pos_label"),
        *("y_pred", "y_score", "production_pred", "production_score"),
    }
)


class _Found(NamedTuple):
    """The difference in one slice, or in all rows."""

    group: str | None
    difference: Difference


@dataclass(frozen=True, repr=False)
class Regression(Gate):
    """The candidate's metric is not worse than production's by more than a tolerance.

    Both models are measured on the same rows, and the interval of the difference is that of a
    paired comparison: rows that both take alike add nothing to it.

    Parameters
    ----------
    metric : str or callable
        As of `Performance`.
    tolerance : float
        How much worse is still acceptable, in the metric's units; 0 asks that the candidate be
        shown to be no worse at all.
    by : str, sequence of str, or mapping of str to callable, optional
        Compare in each slice instead of in total: by the values of columns, or by conditions on
        the table that give one bool a row.
    min_samples : int
        Fewest rows, in each slice.
    decide_by : {"interval", "estimate", "significance"}
        "interval": PASS when the whole interval of the difference is within the tolerance, FAIL
        when all of it is beyond. "estimate": the difference itself decides. "significance": a
        difference beyond the tolerance is a FAIL only when it is a change at all, significant at
        1 - `confidence`.
    confidence : float
        Of the two-sided interval.
    greater_is_better : bool, optional
        The direction, for a callable and for a metric that has none of its own.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The value is the candidate's minus production's; the limit is ``-tolerance`` at least, or
    ``tolerance`` at most where less is better. Shares of the same rows (accuracy, recall, false
    positive rate) have Tango's interval from the rows that one model alone has right, and their
    means over classes (balanced accuracy) have those of the classes, combined; an area under the
    ROC curve has DeLong's for paired scores; means of losses have Student's of the differences row
    by row, corrected for skewness; other functions of counts are resampled from the cells of (true,
    candidate's, production's label), and everything else from the rows.

    Over several slices, a FAIL is held to the level of Holm's correction, and the check shows the
    interval at that level; a PASS of all slices needs no correction. Models that answer alike on
    every row differ by 0, with the interval (0, 0).

    An INCONCLUSIVE says how many rows would decide in four of five samples, if the difference and
    its spread stay as they are. Metrics that rest on less than 10 rows decide nothing, as in
    `Performance`.

    Examples
    --------
    >>> y_true = [0, 1] * 200
    >>> production = [0, 1] * 180 + [1, 0] * 20
    >>> candidate = [0, 1] * 150 + [1, 0] * 50
    >>> gate = Regression("accuracy", tolerance=0.02)
    >>> result = gate.run(y_true=y_true, y_pred=candidate, production_pred=production)
    >>> print(result.reason)
    `accuracy` changed by -0.15 (0.75 against 0.9 in production; 95 % interval -0.1883 to -0.1183,
    n = 400); the limit is at least -0.02
    """

    needs: ClassVar[frozenset[str]] = frozenset({"y_true"})
    optional_evidence: ClassVar[frozenset[str]] = _MAY_READ
    metric: str | Callable[..., object]
    _: KW_ONLY
    tolerance: float
    by: By | None = None
    min_samples: int = 30
    decide_by: Literal["interval", "estimate", "significance"] = "interval"
    confidence: float = 0.95
    greater_is_better: bool | None = None

    def __post_init__(self) -> None:
        metric = self._metric
        _check_direction(metric)
        self._set("tolerance", _tolerance(metric, self.tolerance))
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
        if self._metric.greater_is_better:
            return Limit(at_least=-self.tolerance)
        return Limit(at_most=self.tolerance)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the difference between the two models, or the differences by slice."""
        metric = self._metric
        need, scores = metric.need, metric.scores
        candidate = evidence.outcomes(need, scores=scores)
        production = evidence.outcomes(need, production=True, scores=scores)
        slices = () if self.by is None else evidence.slices(self.by)

        def measure(part: Slice | None) -> _Found:
            if part is None:
                return _Found(None, difference(metric, candidate, production))
            here, there = candidate.take(part.rows), production.take(part.rows)
            return _Found(part.name, difference(metric, here, there))

        found, wrong = in_slices(metric.name, slices, measure)
        yield from wrong
        yield from self._judged(metric, found)

    def note(self, evidence: Evidence) -> str:
        """Return which predicted labels are no labels of the truth: they count as wrong."""
        metric = self._metric
        need, scores = metric.need, metric.scores
        said = []
        for production in (False, True):
            unseen = evidence.outcomes(need, production=production, scores=scores).unseen
            whose = "predicted in production" if production else "predicted"
            if unseen:
                said.append(f"{whose}, but not in `y_true`: {list_labels(unseen)}")
        return "; ".join(said)

    def _judged(self, metric: Metric, found: list[_Found]) -> Iterator[Check]:
        p_values = [each.difference.change.p_value for each in found]
        adjusted = holm([math.nan if p is None else p for p in p_values]).tolist()
        levels = self._levels(found)
        for each, p_value, level in zip(found, adjusted, levels, strict=True):
            yield self._check(metric.name, each, p_value, level)

    def _levels(self, found: list[_Found]) -> tuple[float, ...]:
        """The level of each interval: of those that show a FAIL, by Holm's steps."""
        if self.decide_by != "interval":
            return (self.confidence,) * len(found)

        def beyond(each: Difference) -> Callable[[float], bool]:
            return lambda level: self._is_beyond(each, level)

        return holm_levels([beyond(each.difference) for each in found], self.confidence)

    def _is_beyond(self, found: Difference, level: float) -> bool:
        ends = found.change.ends(level)
        enough = found.n >= self.min_samples and not found.lacking
        return enough and ends is not None and self._limit.excludes(ends)

    def _check(self, what: str, found: _Found, p_value: float, level: float) -> Check:
        each, limit = found.difference, self._limit
        details: dict[str, object] = {
            "candidate": each.candidate,
            "production": each.production,
            "tolerance": self.tolerance,
            "p_value": each.change.p_value,
            **each.change.details,
        }
        measurement = Measurement(
            each.value,
            n=each.n,
            dropped=each.dropped,
            interval=each.change.ends(level),
            confidence=level,
            p_value=p_value,
            method=each.change.method,
            details=details,
        )
        measurement = settled(
            measurement, limit, abs(each.candidate or 0) + abs(each.production or 0)
        )
        said = self._said(what, found, measurement)
        needed = self._needed(measurement) if not each.lacking else None
        if needed is not None and each.n >= self.min_samples:
            measurement = replace(measurement, details={**details, "rows_needed": needed})
            said += f"; {needed:,} rows would decide"
        return Check.judge(
            what,
            what,
            measurement,
            limit,
            rule=self.decide_by,
            min_n=self.min_samples,
            significance=1 - self.confidence,
            group=found.group,
            insufficient=each.undefined or each.lacking,
            said=said,
        )

    def _needed(self, measurement: Measurement) -> int | None:
        """How many rows would decide what these leave open."""
        value, n = measurement.value, measurement.n
        level = measurement.confidence or self.confidence
        if self.decide_by == "interval":
            ends = measurement.interval
            needed = rows_needed(value, ends, self._limit, n, level)
            # of few discordant rows the interval shrinks faster than by the root of the rows
            spread = _plain(measurement, level)
            plain = rows_needed(value, spread, self._limit, n, level)
            undecided = needed is not None and plain is not None and plain > n
            return plain if undecided else needed
        p_value = measurement.p_value
        beyond = value is not None and not self._limit.holds(value)
        if self.decide_by == "estimate" or p_value is None or not beyond or p_value <= 1 - level:
            return None
        nothing = Limit(at_least=0, at_most=0)
        return rows_needed(value, measurement.interval, nothing, n, level)

    def _said(self, what: str, found: _Found, measurement: Measurement) -> str:
        """What was measured, as a clause."""
        each, limit = found.difference, self._limit
        where = f"`{what}`" if found.group is None else f"`{what}` where {found.group}"
        n = f"n = {each.n:,}"
        if each.candidate is None or each.production is None:
            return f"{where} can't be compared ({n})"
        if each.identical:
            rank = "rank" if "ranking" in each.change.method else "answer"
            told = f"{format_number(each.candidate)} for both"
            both = "candidate and production"
            return f"{where} did not change: {both} {rank} all rows alike ({told}, {n})"
        candidate, production = format_number(each.candidate), format_number(each.production)
        values = f"{candidate} against {production} in production"
        spread = ""
        if measurement.interval is not None:
            low, high = (format_value(end, limit) for end in measurement.interval)
            share = format_number(measurement.confidence or 0, "share")
            spread = f"{share} interval {low} to {high}, "
        return (
            f"{where} changed by {format_value(measurement.value, limit)} ({values}; {spread}{n})"
        )


def _plain(measurement: Measurement, level: float) -> tuple[float, float] | None:
    """Return the interval that the standard error gives; None where there is none."""
    error, value = measurement.details.get("standard_error"), measurement.value
    if not isinstance(error, float) or value is None:
        return None
    half = float(special.ndtri((1 + level) / 2)) * error
    return value - half, value + half


def _tolerance(metric: Metric, given: object) -> float:
    """Return a tolerance that the metric's range has room for."""
    if (metric.low, metric.high) == (0, 1):
        return options.share(_OWNER, "tolerance", given)
    return options.number(_OWNER, "tolerance", given, at_least=0, at_most=metric.high - metric.low)


def _check_direction(metric: Metric) -> None:
    """Refuse a metric of which nobody said whether more of it is better."""
    if metric.greater_is_better is None:
        hint = f"; `{metric.name}` has no better direction of its own"
        hint += ": 'mean_absolute_error' has one" if metric.name == "mean_error" else ""
        raise options.refuse(_OWNER, "greater_is_better", "True or False", None, hint)
