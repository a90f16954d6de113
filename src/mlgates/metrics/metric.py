"""What a metric is: a name, a direction, a possible range, and how it is measured."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.limits import format_number
from mlgates.predictions import Need, Outcomes
from mlgates.verdict import Measurement

__all__ = [
    "Estimate",
    "Metric",
    "RowMetric",
    "Statistic",
    "few",
    "rows",
    "scores",
    "undefined",
]

#: Of how often each row came up in each resample, ``(b, n)``: ``(b,)`` values, NaN if undefined.
Statistic = Callable[[npt.NDArray[Any]], npt.NDArray[np.float64]]

#: Fewer rows than these decide nothing about a share of them, nor how a class is ranked.
_LEAST = 10
#: Rounding may carry a value this far beyond what is possible.
_CRUMB = 1e-9
_PLURAL = re.compile(r"\b(positive|negative|row|prediction)s\b")


class Estimate(NamedTuple):
    """What a metric finds: a value, its interval and how both were had."""

    value: float | None
    interval: tuple[float, float] | None = None
    method: str = ""
    details: Mapping[str, object] = {}


def undefined(why: str) -> Estimate:
    """Return the estimate of a metric that is undefined for these rows, and why it is."""
    return Estimate(None, details={"undefined": why})


def few(rows: float, what: str) -> str:
    """Return that a metric rests on too few rows, as a clause; an empty text when it does not.

    Examples
    --------
    >>> few(3, "predicted positives")
    '3 predicted positives, at least 10 are needed'
    >>> few(1, "rows of a class")
    '1 row of a class, at least 10 are needed'
    """
    if rows >= _LEAST - _CRUMB:
        return ""
    count = math.floor(rows + _CRUMB)
    if count == 1:
        what = _PLURAL.sub(r"\1", what)
    number = f"{count:,}" if rows > 0 else "no"
    return f"{number} {what}, at least {_LEAST} are needed"


@dataclass(frozen=True, eq=False, kw_only=True)
class Metric(ABC):
    """One number that tells how good a model is on given rows.

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
        How the interval is had, for the reference page.
    """

    name: str
    need: Need
    greater_is_better: bool | None
    low: float = 0.0
    high: float = 1.0
    scores: bool = False
    interval: str = field(default="", repr=False)

    def measure(
        self, outcomes: Outcomes, *, confidence: float = 0.95, seed: int = 0
    ) -> Measurement:
        """Return the metric of these outcomes.

        Parameters
        ----------
        outcomes : Outcomes
            Of the kind that the metric needs.
        confidence : float
            Of the two-sided interval; 0 for the value alone, which spares what resampling takes.
        seed : int
            Where the interval is had by resampling: the same seed gives the same interval.

        Returns
        -------
        Measurement
            The value is None where the metric is undefined, with the cause as
            ``details["undefined"]``. ``details["lacking"]`` says what the rows lack for a decision.

        Raises
        ------
        EvidenceError
            For a value that is not possible, and for outcomes that the metric can't read.
        """
        nothing = outcomes.effective == 0
        found = undefined("no rows") if nothing else self.estimate(outcomes, confidence, seed)
        value = None if found.value is None else self._possible(found.value)
        return Measurement(
            value,
            n=rows(outcomes),
            dropped=outcomes.dropped,
            interval=None if value is None or not confidence else self._within(found.interval),
            confidence=confidence or None,
            method=found.method,
            details=found.details,
        )

    @abstractmethod
    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return value and interval of at least one row."""

    def _possible(self, value: float) -> float:
        if not math.isfinite(value):
            msg = f"`{self.name}` is not finite: the values are too large to be added up"
            raise EvidenceError(msg)
        slack = _CRUMB * max(1.0, abs(value))
        if not self.low - slack <= value <= self.high + slack:
            ends = f"{format_number(self.low)} to {format_number(self.high)}"
            msg = (
                f"`{self.name}` is {format_number(value)}, which is impossible: its range is {ends}"
            )
            raise EvidenceError(msg)
        return min(max(value, self.low), self.high)

    def _within(self, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        """Return an interval within the possible range; None where it has an undefined end."""
        if interval is None or not all(map(math.isfinite, interval)):
            return None
        low, high = interval
        return min(max(low, self.low), self.high), max(min(high, self.high), self.low)


@dataclass(frozen=True, eq=False, kw_only=True)
class RowMetric(Metric):
    """A metric that is no function of counts and no mean, so that rows are resampled."""

    @abstractmethod
    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return what the metric is of resamples of the rows; the same counts serve two models."""


def rows(outcomes: Outcomes) -> int:
    """Return how many rows outcomes are worth: all of them, with weights Kish's effective n."""
    if outcomes.weight is None:
        return outcomes.n
    return math.floor(outcomes.effective * (1 + _CRUMB))


def scores(outcomes: Outcomes) -> npt.NDArray[np.float64]:
    """Return the scores of outcomes that have some."""
    if outcomes.score is None:
        msg = f"outcomes of {outcomes.need} have no scores"
        raise EvidenceError(msg)
    return outcomes.score
