"""Base classes of all metrics."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.metrics.clustered import Linear, clustered_change, clustered_interval, no_interval
from mlgates.metrics.difference import Change, resampled_change
from mlgates.predictions import Need, Outcomes
from mlgates.stats.arrays import Floats, Mask, Values
from mlgates.stats.resampling import RESAMPLES, SEED, THIN, row_counts
from mlgates.verdict import Measurement, format_number

__all__ = ["Estimate", "Metric", "few"]

#: Maps counts of each row in each resample, ``(b, n)``, to ``(b,)`` values, NaN if undefined.
Statistic = Callable[[Values], Floats]

#: Minimal number of rows for a share of them, and for the ranking of a class.
_LEAST = 10
#: Rounding errors may move a value this far out of its range.
_TOLERANCE = 1e-9
_PLURAL = re.compile(r"\b(positive|negative|row|prediction)s\b")
#: Bootstrap of large data: rows of a subset, rows of its smallest class, number of subsets.
_SUBSET = 10_000
_OF_A_CLASS = 200
_SUBSETS = 10
#: Maximal number of blocks of the jackknife; each of at most so many rows is its own block.
_BLOCKS = 200


class Estimate(NamedTuple):
    """The value of a metric and its confidence interval.

    `value` is None if the metric is undefined, and `interval` is None if there is none. `method` is
    the name of the interval's method. `details` are further plain values for the report.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    method: str = ""
    details: Mapping[str, object] = {}


def undefined(why: str) -> Estimate:
    """Return the estimate of a metric that is undefined for these rows; `why` is the reason."""
    return Estimate(None, details={"undefined": why})


def few(rows: float, what: str) -> str:
    """Return the reason why rows are too few for a metric; an empty string if they are enough.

    `rows` is their number, and `what` says in the plural what they are, for the reason.

    Examples
    --------
    >>> few(3, "predicted positives")
    '3 predicted positives, at least 10 are needed'
    >>> few(1, "rows of a class")
    '1 row of a class, at least 10 are needed'
    """
    if rows >= _LEAST - _TOLERANCE:
        return ""
    count = math.floor(rows + _TOLERANCE)
    if count == 1:
        what = _PLURAL.sub(r"\1", what).replace("queries", "query")
    number = f"{count:,}" if rows > 0 else "no"
    return f"{number} {what}, at least {_LEAST} are needed"


@dataclass(frozen=True, eq=False, kw_only=True)
class Metric(ABC):
    """A number that measures how good a model is.

    Parameters
    ----------
    name : str
        Scikit-learn's name, where it has one.
    need : {"labels", "scores", "probabilities", "values", "given"}
        Kind of `Outcomes` that it is computed from; "given" for a user's function, which gets
        labels and answers as the user gave them.
    greater_is_better : bool or None
        None if neither direction is better.
    low, high : float
        Range of possible values; a value outside it raises.
    scores : bool
        For ``need="given"``: whether the function takes scores instead of predictions.
    binary : bool
        Whether it is defined for a positive class, so that it can be that of one class of several.
    uses_labels : bool
        Whether it is computed from the true labels; a selection rate is not.
    interval : str
        Method of the interval, shown on the reference page.
    resamples : int, optional
        Number of resamples for intervals that need them; by default 2,000.
    """

    name: str
    need: Need
    greater_is_better: bool | None
    low: float = 0.0
    high: float = 1.0
    scores: bool = False
    binary: bool = False
    uses_labels: bool = True
    interval: str = field(default="", repr=False)
    resamples: int | None = None
    #: what the number of a measurement counts, in the plural
    noun: ClassVar[str] = "rows"
    #: resamples for an interval that decides nothing; None for as many as otherwise
    few_resamples: ClassVar[int | None] = None

    def measure(self, outcomes: Outcomes, *, confidence: float = 0.95) -> Measurement:
        """Return the value of the metric and its confidence interval.

        Parameters
        ----------
        outcomes : Outcomes
            Of the kind `need`.
        confidence : float
            Confidence level of the two-sided interval; 0 for no interval, without resampling.

        Returns
        -------
        Measurement
            The value is None if the metric is undefined, with the reason in
            ``details["undefined"]``. ``details["lacking"]`` is the reason if there are too few rows
            for a decision.

        Raises
        ------
        EvidenceError
            For a value outside the range, and for outcomes that the metric can't be computed from.
        """
        found = self.nothing(outcomes)
        if outcomes.effective > 0:
            found = self.estimate(outcomes, 0.0 if outcomes.cluster is not None else confidence)
            if outcomes.cluster is not None and found.value is not None and confidence:
                found = self._in_clusters(found, outcomes, confidence)
        value, interval = found.value, None
        if value is not None:
            if not math.isfinite(value):
                msg = f"`{self.name}` must be finite, got {value}: the sum of the values overflows"
                raise EvidenceError(msg)
            slack = _TOLERANCE * max(1.0, abs(value))
            if not self.low - slack <= value <= self.high + slack:
                msg = (
                    f"`{self.name}` must be between {format_number(self.low)} and "
                    f"{format_number(self.high)}, got {format_number(value)}"
                )
                raise EvidenceError(msg)
            value = min(max(value, self.low), self.high)
            if confidence and found.interval and all(map(math.isfinite, found.interval)):
                low, high = found.interval
                interval = min(max(low, self.low), self.high), max(min(high, self.high), self.low)
        return Measurement(
            value,
            n=outcomes.effective_rows,
            dropped=outcomes.dropped,
            interval=interval,
            confidence=confidence or None,
            method=found.method,
            details=found.details,
        )

    def is_short_of_labels(self, outcomes: Outcomes) -> bool:
        """Return whether there are too few labels for the metric, whatever a model predicts.

        If the predictions are at fault, the result is False: precision is also undefined if there
        are enough labels but the model predicts no positives.
        """
        if outcomes.need == "labels":
            outcomes = replace(outcomes, pred=outcomes.true, unseen=())
        details = self.measure(outcomes, confidence=0).details
        return "undefined" in details or "lacking" in details

    def nothing(self, outcomes: Outcomes) -> Estimate:
        """Return the estimate if there are no rows with a weight above 0."""
        del outcomes
        return undefined("no rows")

    @abstractmethod
    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value and its confidence interval; it is only called if there are rows."""

    def linear(self, outcomes: Outcomes) -> Linear | None:
        """Return the metric as a sum over rows, for rows in clusters; None if it is no such sum.

        It is only called if the metric is defined.
        """
        del outcomes
        return None

    def _in_clusters(self, found: Estimate, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return an estimate with an interval for rows in clusters, if the metric has one."""
        linear, cluster = self.linear(outcomes), outcomes.cluster
        details = {**found.details, "clusters": outcomes.clusters}
        if linear is None or cluster is None or not math.isfinite(found.value or 0.0):
            details["no_interval"] = no_interval(self.name)
            return found._replace(interval=None, details=details)
        interval, more = clustered_interval(linear, cluster, confidence)
        return found._replace(interval=interval, method=linear.method, details=details | more)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and the test of the difference of two models on the same rows."""
        del candidate, production
        return Change("difference")

    def clustered_change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the same for rows in clusters."""
        sides = self.linear(candidate), self.linear(production)
        return clustered_change(self.name, *sides, candidate, widest=self.high - self.low)


@dataclass(frozen=True, eq=False, kw_only=True)
class RowMetric(Metric):
    """A metric that compares two models by resampling rows.

    Other metrics compare them by resampling counts, or by a formula for the variance.
    """

    @abstractmethod
    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return a function that computes the metric, given how often each row is drawn."""

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Compare two models by the bootstrap, with the same resampled rows for both.

        For large data, the rows are divided at random into subsets, and some of these are
        resampled.

        The standard error on a subset of ``m`` of ``n`` rows is ``sqrt(n / m)`` times that on all
        rows, so the deviations of the resamples from their mean are divided by this factor.

        References
        ----------
        .. [1] Kleiner, A., Talwalkar, A., Sarkar, P. and Jordan, M. I. (2014). A scalable bootstrap
           for massive data. Journal of the Royal Statistical Society B 76, 795-816.
        """
        n, rng, statistic = (
            candidate.n,
            np.random.default_rng(SEED),
            self._paired(candidate, production),
        )
        value = float(statistic(np.ones((1, n), np.uint8))[0])
        size = self.subset_size(candidate)
        if 2 * size > n:
            draws = self._draws(statistic, candidate, self.resamples or RESAMPLES, rng)
            left = [statistic(rows[None].astype(np.uint8)) for rows in rows_left(n)]
            left_out = np.concatenate([np.empty(0), *left])
            return resampled_change(value, draws, "paired bootstrap", left_out)
        kept, subsets, order = candidate.kept, min(n // size, _SUBSETS), rng.permutation(n)
        resamples = max(self.resamples or RESAMPLES, subsets)
        given = np.arange(n) if kept is None else np.flatnonzero(kept)
        parts = []
        for start in range(0, subsets * size, size):
            rows = np.zeros(n if kept is None else len(kept), np.bool_)
            rows[given[order[start : start + size]]] = True
            part = candidate.take(rows)
            statistic = self._paired(part, production.take(rows))
            draws = self._draws(statistic, part, resamples // subsets, rng)
            known = draws[~np.isnan(draws)]
            centre = known.mean() if len(known) else math.nan
            parts.append(value + (draws - centre) * math.sqrt(size / n))
        return resampled_change(value, np.concatenate(parts), "paired bootstrap")

    def _paired(self, candidate: Outcomes, production: Outcomes) -> Statistic:
        """Return a function that computes the difference of two models for resamples."""
        here, there = self.of_counts(candidate), self.of_counts(production)
        return lambda counts: np.asarray(here(counts) - there(counts))

    def _draws(
        self, statistic: Statistic, outcomes: Outcomes, resamples: int, rng: np.random.Generator
    ) -> Floats:
        """Return the statistic of each resample.

        If a class is rare, rows are resampled within each class.
        """
        smallest = self._smallest_class(outcomes)
        strata = outcomes.true if smallest is not None and smallest < THIN else None
        batches = row_counts(outcomes.n, resamples, rng, strata)
        return np.concatenate([statistic(batch) for batch in batches])

    def subset_size(self, outcomes: Outcomes) -> int:
        """Return the number of rows of each subset in which large data is resampled.

        It is larger if a class is rare, so that each subset has enough rows of that class.
        """
        smallest = self._smallest_class(outcomes)
        if smallest is None:
            return _SUBSET
        return max(_SUBSET, math.ceil(_OF_A_CLASS * outcomes.n / smallest))

    def _smallest_class(self, outcomes: Outcomes) -> int | None:
        """Return the number of rows of the smallest class; None for a metric of numbers."""
        if self.need not in ("scores", "probabilities"):
            return None
        sizes = np.bincount(outcomes.true)
        return int(np.min(sizes[sizes > 0]))


def rows_left(n: int, most: int = _BLOCKS) -> Iterator[Mask]:
    """Yield masks of rows for the jackknife: each one leaves out one block of rows.

    There are `most` blocks. If there are fewer rows than that, each row is a block.
    """
    blocks = np.arange(n) % min(n, most)
    for block in range(min(n, most) if n > 1 else 0):
        yield blocks != block


def scores(outcomes: Outcomes) -> Floats:
    """Return the scores of outcomes; raise EvidenceError if they have none."""
    if outcomes.score is None:
        msg = f"the metric needs Outcomes with scores, got Outcomes with need={outcomes.need!r}"
        raise EvidenceError(msg)
    return outcomes.score
