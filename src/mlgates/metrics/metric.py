"""The base classes of all metrics."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.metrics.clustered import (
    Linear,
    clustered_change,
    clustered_interval,
    clustered_share_change,
    no_interval,
)
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
_PLURAL = re.compile(r"\b(?:(positive|negative|row|prediction)s|queries)\b")
#: Bootstrap of large data: rows of a subset, rows of its smallest class, number of subsets.
_SUBSET = 10_000
_OF_A_CLASS = 200
_SUBSETS = 10
#: Largest number of blocks of the jackknife. With at most this many rows, each row is a block.
_BLOCKS = 200


class Estimate(NamedTuple):
    """The value of a metric and its confidence interval, as `Metric.estimate` returns them.

    `value` is None if the metric is undefined, and `interval` is None if there is none. `method` is
    the name of the statistical method of the interval. `details` has further values for the report.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    method: str = ""
    details: Mapping[str, object] = {}


def undefined(why: str) -> Estimate:
    """Return an estimate without a value, for a metric that is undefined; `why` is the reason."""
    return Estimate(None, details={"undefined": why})


def few(rows: float, what: str) -> str:
    """Return the reason if there are too few rows for a metric; "" if there are enough.

    `rows` is the number of rows, and `what` the word for them in the plural.

    Examples
    --------
    >>> few(3, "predicted positives")
    '3 predicted positives, at least 10 are needed'
    >>> few(1, "rows of class 'b'")
    "1 row of class 'b', at least 10 are needed"
    """
    if rows >= _LEAST - _TOLERANCE:
        return ""
    count = math.floor(rows + _TOLERANCE)
    if count == 1:
        what = _PLURAL.sub(lambda found: found[1] or "query", what, count=1)
    number = f"{count:,}" if rows > 0 else "no"
    return f"{number} {what}, at least {_LEAST} are needed"


@dataclass(frozen=True, eq=False, kw_only=True)
class Metric(ABC):
    """Base class of metrics: a metric is a number that measures how good a model is.

    Parameters
    ----------
    name : str
        The name of the metric; it is scikit-learn's name, if scikit-learn has the metric.
    need : {"labels", "scores", "probabilities", "values", "interval", "relevance", "given"}
        Kind of the labels and predictions from which the metric is computed; `Outcomes` describes
        all kinds. "given" is for a function of the user, which gets labels and predictions as the
        user gave them.
    greater_is_better : bool or None
        Whether greater values are better; None if neither greater nor smaller values are.
    low, high : float
        Smallest and largest possible value. A value outside this range raises EvidenceError.
    scores : bool
        For ``need="given"``: whether the function takes scores instead of predictions.
    binary : bool
        Whether the metric is defined for a positive class. If there are more than two classes, it
        can then be measured for each of them.
    uses_labels : bool
        Whether the metric is computed from the true labels; a selection rate is not.
    interval : str
        Name of the statistical method of the interval, for the reference page.
    resamples : int, optional
        Number of bootstrap resamples, if the interval needs resampling; by default 2,000.
    decides : bool
        Whether a decision depends on the interval. If it is only shown, a metric that is slow may
        compute it less exactly.
    noun : str
        What the field `n` of a measurement counts, as a plural noun for messages: "rows", or
        "queries" for metrics of rankings.
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
    decides: bool = field(default=True, repr=False)
    noun: ClassVar[str] = "rows"

    def measure(self, outcomes: Outcomes, *, confidence: float = 0.95) -> Measurement:
        """Return the value of the metric and its confidence interval.

        Parameters
        ----------
        outcomes : Outcomes
            Labels and predictions of the kind that the metric needs (its attribute `need`).
        confidence : float
            Confidence level of the two-sided interval. With 0, no interval is computed.

        Returns
        -------
        Measurement
            The value and its interval. If the metric is undefined, the value is None, and
            ``details["undefined"]`` is the reason. If there are too few rows for a decision,
            ``details["lacking"]`` is the reason.

        Raises
        ------
        EvidenceError
            If the value is outside the range of the metric, or if the metric can't be computed from
            the outcomes.
        """
        found = self.without_rows(outcomes)
        if outcomes.effective > 0:
            found = self.estimate(outcomes, 0.0 if outcomes.cluster is not None else confidence)
            if outcomes.cluster is not None and found.value is not None and confidence:
                found = self._in_clusters(found, outcomes, confidence)
        value, interval = found.value, None
        if value is not None:
            if not math.isfinite(value):
                raise EvidenceError(
                    f"`{self.name}` must be finite, got {value}: the sum of the values overflows"
                )
            slack = _TOLERANCE * max(1.0, abs(value))
            if not self.low - slack <= value <= self.high + slack:
                raise EvidenceError(
                    f"`{self.name}` must be between {format_number(self.low)} and "
                    f"{format_number(self.high)}, got {format_number(value)}"
                )
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

        If the metric is undefined because of the predictions, the result is False. For example,
        precision is also undefined if there are enough labels but the model predicts no positives.
        """
        if outcomes.need == "labels":
            outcomes = replace(outcomes, pred=outcomes.true, unseen=())
        details = self.measure(outcomes, confidence=0).details
        return "undefined" in details or "lacking" in details

    def without_rows(self, outcomes: Outcomes) -> Estimate:
        """Return the estimate for outcomes in which no row has a weight above 0.

        It has no value, only the reason why the metric is undefined.
        """
        del outcomes
        return undefined("no rows")

    @abstractmethod
    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value of the metric and its confidence interval.

        It is only called if there are rows with a weight above 0.
        """

    def linear(self, outcomes: Outcomes) -> Linear | None:
        """Return the metric, and the influence of each row on it, for intervals with clusters.

        The influence is the derivative of the metric with respect to the weight of the row, times
        that weight. The sampling error of the metric (its deviation from the true value) is nearly
        a sum over the rows. The influences estimate the terms of this sum. So the variance of the
        metric is computed from the sums of the influences in each cluster.

        The result is None if a metric, such as a median, can't be written in this way. The method
        is only called if the metric is defined.
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
        """Return the interval and test of the difference between two models on the same rows."""
        del candidate, production
        return Change("difference")

    def clustered_change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models, for rows in clusters.

        Rows of the same cluster may depend on each other.
        """
        mine, theirs, counts = self.linear(candidate), self.linear(production), None
        widest = self.high - self.low
        change = clustered_change(self.name, mine, theirs, candidate, widest=widest)
        if "no_interval" not in change.details:
            counts = self.discordant(candidate, production)
        if counts is None or mine is None or theirs is None or candidate.cluster is None:
            return change
        return clustered_share_change(change, counts, mine, theirs, candidate.cluster)

    def discordant(
        self, candidate: Outcomes, production: Outcomes
    ) -> tuple[float, float, float] | None:
        """Return three numbers of rows ``(b, c, n)`` for paired tests of a metric that is a share.

        ``n`` is the number of rows in the denominator of the share, which must be the same rows for
        both models. ``b`` is the number of rows that are in the numerator for the candidate, but
        not for production, and ``c`` the number of rows for which the opposite is true. The metrics
        of the two models differ by ``(b - c) / n``. With weights, all three are effective numbers.

        The result is None if the metric is not such a share. This base class returns None.
        """
        del candidate, production
        return None


@dataclass(frozen=True, eq=False, kw_only=True)
class RowMetric(Metric):
    """Base class of metrics whose difference between two models is tested by resampling rows.

    A subclass implements `of_counts`.
    """

    @abstractmethod
    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return a function that computes the metric on resamples of the rows.

        Its argument is a matrix of the shape (number of resamples, number of rows), which says how
        often each row is drawn in each resample. It returns an array with the metric of each
        resample, NaN if undefined.
        """

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models, by the bootstrap.

        The same rows are resampled for both models. If there are many rows, they are divided at
        random into subsets, and some of these subsets are resampled [1]_.

        The standard error on a subset of ``m`` of ``n`` rows is ``sqrt(n / m)`` times that on all
        rows. So the deviations of the resamples from their mean are divided by this factor.

        References
        ----------
        .. [1] Kleiner, A., Talwalkar, A., Sarkar, P. and Jordan, M. I. (2014). A scalable bootstrap
           for massive data. Journal of the Royal Statistical Society B 76, 795-816.
        """
        n, rng = candidate.n, np.random.default_rng(SEED)
        statistic = self._paired(candidate, production)
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
        """Return the number of rows in each subset that is resampled instead of all rows.

        It is larger if a class is rare, so that each subset has enough rows of this class.
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
    """Yield masks of rows for the jackknife; each mask leaves out one block of rows.

    `n` is the number of rows, and `most` the number of blocks. If there are fewer rows than blocks,
    each row is a block.
    """
    blocks = np.arange(n) % min(n, most)
    for block in range(min(n, most) if n > 1 else 0):
        yield blocks != block


def scores(outcomes: Outcomes) -> Floats:
    """Return the scores of the rows; raise EvidenceError if the outcomes have none."""
    if outcomes.score is None:
        raise EvidenceError(
            f"the metric needs Outcomes with scores, got Outcomes with need={outcomes.need!r}"
        )
    return outcomes.score
