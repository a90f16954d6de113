"""The base of all metrics: a name, a direction, a possible range, a value with its interval."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.metrics.difference import Change, resampled_change
from mlgates.predictions import Need, Outcomes
from mlgates.stats.arrays import Floats, Mask, Values
from mlgates.stats.resampling import RESAMPLES, SEED, THIN, row_counts
from mlgates.verdict import Measurement, format_number

__all__ = ["Estimate", "Metric", "few"]

#: Of how often each row came up in each resample, ``(b, n)``: ``(b,)`` values, NaN if undefined.
Statistic = Callable[[Values], Floats]

#: Fewer rows than these decide nothing about a share of them, or about how a class is ranked.
_LEAST = 10
#: Rounding may move a value this far beyond its possible range.
_TOLERANCE = 1e-9
_PLURAL = re.compile(r"\b(positive|negative|row|prediction)s\b")
#: Rows of a subset that represents many rows, rows of its smallest class, and number of subsets.
_SUBSET = 10_000
_OF_A_CLASS = 200
_SUBSETS = 10
#: Blocks of rows that are left out in turn, where there are more rows than that.
_BLOCKS = 200


class Estimate(NamedTuple):
    """A metric's value, its interval, and the method and details of both."""

    value: float | None
    interval: tuple[float, float] | None = None
    method: str = ""
    details: Mapping[str, object] = {}


def undefined(why: str) -> Estimate:
    """Return the estimate of a metric that is undefined for these rows."""
    return Estimate(None, details={"undefined": why})


def few(rows: float, what: str) -> str:
    """Return the clause for a metric that rests on too few rows; an empty string otherwise.

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
        what = _PLURAL.sub(r"\1", what)
    number = f"{count:,}" if rows > 0 else "no"
    return f"{number} {what}, at least {_LEAST} are needed"


@dataclass(frozen=True, eq=False, kw_only=True)
class Metric(ABC):
    """One number that measures how good a model is on given rows.

    Parameters
    ----------
    name : str
        Scikit-learn's name, where it has one.
    need : {"labels", "scores", "probabilities", "values", "given"}
        What it reads of the outcomes.
    greater_is_better : bool or None
        None when neither direction is better.
    low, high : float
        The possible range: a value outside it is an error.
    scores : bool
        Whether a metric of what was given reads the scores, not the predictions.
    interval : str
        Method of the interval, for the reference page.
    """

    name: str
    need: Need
    greater_is_better: bool | None
    low: float = 0.0
    high: float = 1.0
    scores: bool = False
    interval: str = field(default="", repr=False)

    def measure(self, outcomes: Outcomes, *, confidence: float = 0.95) -> Measurement:
        """Return the metric of these outcomes.

        Parameters
        ----------
        outcomes : Outcomes
            Of the kind that the metric needs.
        confidence : float
            Of the two-sided interval; 0 for the value alone, which saves the resampling.

        Returns
        -------
        Measurement
            The value is None where the metric is undefined, with the cause as
            ``details["undefined"]``; ``details["lacking"]`` is what the rows lack for a decision.

        Raises
        ------
        EvidenceError
            For a value that is not possible, and for outcomes that the metric can't read.
        """
        found = undefined("no rows")
        if outcomes.effective > 0:
            found = self.estimate(outcomes, confidence)
        value, interval = found.value, None
        if value is not None:
            if not math.isfinite(value):
                msg = f"`{self.name}` is not finite: the values are too large to be added up"
                raise EvidenceError(msg)
            slack = _TOLERANCE * max(1.0, abs(value))
            if not self.low - slack <= value <= self.high + slack:
                msg = f"`{self.name}` is {format_number(value)}, which is impossible: its range is "
                msg += f"{format_number(self.low)} to {format_number(self.high)}"
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

    @abstractmethod
    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return value and interval of at least one row."""

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return interval and test of the difference between two models on the same rows."""
        del candidate, production
        return Change("difference")


@dataclass(frozen=True, eq=False, kw_only=True)
class RowMetric(Metric):
    """A metric that is neither a function of counts nor a mean, so that rows are resampled."""

    @abstractmethod
    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the metric as a function of resamples; the same counts serve two models."""

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Bootstrap the rows, the same ones for both models; many rows by random subsets.

        About its mean, the spread in a subset of ``m`` of ``n`` rows is ``sqrt(n / m)`` times that
        of all.

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
            draws = self._draws(statistic, candidate, RESAMPLES, rng)
            left = [statistic(rows[None].astype(np.uint8)) for rows in rows_left(n)]
            left_out = np.concatenate([np.empty(0), *left])
            return resampled_change(value, draws, "paired bootstrap", left_out)
        kept, subsets, order = candidate.kept, min(n // size, _SUBSETS), rng.permutation(n)
        given = np.arange(n) if kept is None else np.flatnonzero(kept)
        parts = []
        for start in range(0, subsets * size, size):
            rows = np.zeros(n if kept is None else len(kept), np.bool_)
            rows[given[order[start : start + size]]] = True
            part = candidate.take(rows)
            statistic = self._paired(part, production.take(rows))
            draws = self._draws(statistic, part, RESAMPLES // subsets, rng)
            known = draws[~np.isnan(draws)]
            centre = known.mean() if len(known) else math.nan
            parts.append(value + (draws - centre) * math.sqrt(size / n))
        return resampled_change(value, np.concatenate(parts), "paired bootstrap")

    def _paired(self, candidate: Outcomes, production: Outcomes) -> Statistic:
        """Return the difference between two models as a function of resamples."""
        here, there = self.of_counts(candidate), self.of_counts(production)
        return lambda counts: np.asarray(here(counts) - there(counts))

    def _draws(
        self, statistic: Statistic, outcomes: Outcomes, resamples: int, rng: np.random.Generator
    ) -> Floats:
        """Return a statistic of resamples, by class where a resample might lack a rare one."""
        smallest = self._smallest_class(outcomes)
        strata = outcomes.true if smallest is not None and smallest < THIN else None
        batches = row_counts(outcomes.n, resamples, rng, strata)
        return np.concatenate([statistic(batch) for batch in batches])

    def subset_size(self, outcomes: Outcomes) -> int:
        """Return how many rows show the spread as well as all; more where a class is rare."""
        smallest = self._smallest_class(outcomes)
        if smallest is None:
            return _SUBSET
        return max(_SUBSET, math.ceil(_OF_A_CLASS * outcomes.n / smallest))

    def _smallest_class(self, outcomes: Outcomes) -> int | None:
        """Return the rows of the smallest class; None for a metric of numbers."""
        if self.need not in ("scores", "probabilities"):
            return None
        sizes = np.bincount(outcomes.true)
        return int(np.min(sizes[sizes > 0]))


def rows_left(n: int) -> Iterator[Mask]:
    """Yield which rows are left without one of them each, or of many without one block each."""
    blocks = np.arange(n) % min(n, _BLOCKS)
    for block in range(min(n, _BLOCKS) if n > 1 else 0):
        yield blocks != block


def scores(outcomes: Outcomes) -> Floats:
    """Return the scores of outcomes that have some."""
    if outcomes.score is None:
        msg = f"outcomes of {outcomes.need} have no scores"
        raise EvidenceError(msg)
    return outcomes.score
