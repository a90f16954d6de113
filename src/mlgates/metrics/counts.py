"""Metrics that are functions of the confusion cells: how often which label was told as which."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.metrics.metric import Estimate, Metric, few, undefined
from mlgates.predictions import Need, Outcomes, confusion
from mlgates.predictions.labels import list_labels
from mlgates.stats.proportions import wilson_interval

__all__ = ["COUNTS", "CountMetric", "Overlap", "Share", "divided", "squared_cells"]

Floats = npt.NDArray[np.float64]
Fraction = Callable[[Floats, int], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False, kw_only=True)
class CountMetric(Metric):
    """A function of the cells ``[true, predicted]``, each the rows (or weight) of that pair.

    Parameters
    ----------
    binary : bool
        Whether it asks which class is the positive one.
    strict : bool
        Whether it takes every label that is not the positive one for the other, so that one that
        `y_true` lacks, such as a misspelt positive, would count in the model's favour.
    alike : bool
        Whether a rare class counts for as much as the others.
    unless : str
        Why it is undefined where it is.
    """

    need: Need = "labels"
    binary: bool = False
    strict: bool = False
    alike: bool = False
    unless: str = "no rows"

    @abstractmethod
    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the values of many tables at once: ``(..., k, k)`` gives ``(...)``.

        NaN where the metric is undefined.
        """

    def fraction(self, cells: Floats, positive: int | None) -> tuple[Floats, Floats] | None:
        """Return numerators and denominators where the metric is a share of rows, else None."""
        del cells, positive
        return None

    def positive(self, outcomes: Outcomes) -> int | None:
        """Return the code of the positive class where the metric asks for one."""
        if self.strict and outcomes.unseen:
            msg = f"predicted, but not in `y_true`: {list_labels(outcomes.unseen)}; "
            msg += f"`{self.name}` can't tell whether that is the positive label: "
            msg += "predict labels of `y_true` alone"
            raise EvidenceError(msg)
        return outcomes.binary(self.name) if self.binary else None

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return value and interval from the cells."""
        positive = self.positive(outcomes)
        value = float(self.of_cells(outcomes.cells, positive))
        if np.isnan(value):
            return undefined(self.unless)
        why = self.lacking(outcomes, positive)
        details = {"lacking": why} if why else {}
        if not confidence:
            return Estimate(value, details=details)
        found = self.bounded(value, outcomes, positive, confidence, seed)
        return found._replace(details={**found.details, **details})

    @abstractmethod
    def lacking(self, outcomes: Outcomes, positive: int | None) -> str:
        """Return that too few of the rows were seen that a share is of; an empty text if not.

        All rows are counted by the gate, whose user says how many are enough.
        """

    @abstractmethod
    def bounded(
        self, value: float, outcomes: Outcomes, positive: int | None, confidence: float, seed: int
    ) -> Estimate:
        """Return the estimate with its interval."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Share(CountMetric):
    """The share of some rows among others, with Wilson's interval of it."""

    share: Fraction = field(repr=False)
    interval: str = "Wilson"

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return numerators divided by denominators."""
        return divided(*self.fraction(cells, positive))

    def fraction(self, cells: Floats, positive: int | None) -> tuple[Floats, Floats]:
        """Return numerators and denominators."""
        return self.share(cells, -1 if positive is None else positive)

    def lacking(self, outcomes: Outcomes, positive: int | None) -> str:
        """Return that its denominator is too small."""
        what = self.unless.removeprefix("no ")
        if what == "rows":
            return ""
        return few(_worth(lambda cells: self.fraction(cells, positive), outcomes), what)

    def bounded(
        self, value: float, outcomes: Outcomes, positive: int | None, confidence: float, seed: int
    ) -> Estimate:
        """Return Wilson's interval by the rows of the denominator."""
        del seed
        interval, n = wilson(lambda cells: self.fraction(cells, positive), outcomes, confidence)
        return Estimate(value, interval, "Wilson", {"denominator": n})


@dataclass(frozen=True, eq=False, kw_only=True)
class Overlap(CountMetric):
    """F1, which rises with the share ``j`` of rows that are both among those that are either.

    ``f1 = 2 j / (1 + j)``, and of the rows that are positive or predicted to be, those that are
    both have a binomial law: Wilson's interval of ``j`` gives that of F1.
    """

    interval: str = "Wilson, of the overlap"

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return twice the rows that are both, divided by the sum of either."""
        both, either = _overlap(cells, -1 if positive is None else positive)
        return divided(2 * both, either + both)

    def lacking(self, outcomes: Outcomes, positive: int | None) -> str:
        """Return that too few rows are positive or predicted to be."""
        code = -1 if positive is None else positive
        n = _worth(lambda cells: _overlap(cells, code), outcomes)
        return few(n, "positives, true or predicted")

    def bounded(
        self, value: float, outcomes: Outcomes, positive: int | None, confidence: float, seed: int
    ) -> Estimate:
        """Return Wilson's interval of the overlap, as one of F1."""
        del seed
        code = -1 if positive is None else positive
        (low, high), n = wilson(lambda cells: _overlap(cells, code), outcomes, confidence)
        ends = 2 * low / (1 + low), 2 * high / (1 + high)
        return Estimate(value, ends, "Wilson", {"denominator": n})


def wilson(
    share: Callable[[Floats], tuple[Floats, Floats]], outcomes: Outcomes, confidence: float
) -> tuple[tuple[float, float], float]:
    """Return Wilson's interval of a share and the effective rows that it is a share of."""
    part, whole = map(float, share(outcomes.cells))
    n = _worth(share, outcomes)
    hits = n if part == whole else part * (n / whole)
    low, high = wilson_interval(hits, n, confidence)
    return (float(low), float(high)), n


def _worth(share: Callable[[Floats], tuple[Floats, Floats]], outcomes: Outcomes) -> float:
    """Return how many rows a share is of, with weights what they are worth."""
    whole = float(share(outcomes.cells)[1])
    if outcomes.weight is None:
        return whole
    return whole**2 / float(share(squared_cells(outcomes))[1])


def squared_cells(outcomes: Outcomes) -> Floats:
    """Return the sums of the squared weights by cell; the counts where there are no weights."""
    if outcomes.weight is None or outcomes.pred is None:
        return outcomes.cells
    k = len(outcomes.classes)
    return confusion(outcomes.true, outcomes.pred, k, outcomes.weight**2)


def divided(numerator: Floats, denominator: Floats) -> Floats:
    """Return quotients that are NaN, and say nothing, where the denominator is 0."""
    return np.asarray(numerator / np.where(denominator > 0, denominator, np.nan))


def _right(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    del positive
    return np.trace(cells, axis1=-2, axis2=-1), cells.sum((-2, -1))


def _recall(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    return cells[..., positive, positive], cells[..., positive, :].sum(-1)


def _miss(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    missed = np.delete(cells[..., positive, :], positive, axis=-1).sum(-1)
    return missed, cells[..., positive, :].sum(-1)


def _precision(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    return cells[..., positive, positive], cells[..., :, positive].sum(-1)


def _false_alarm(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    negatives = np.delete(cells, positive, axis=-2)
    return negatives[..., positive].sum(-1), negatives.sum((-2, -1))


def _specificity(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    negatives = np.delete(cells, positive, axis=-2)
    return np.delete(negatives, positive, axis=-1).sum((-2, -1)), negatives.sum((-2, -1))


def _selected(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    return cells[..., positive].sum(-1), cells.sum((-2, -1))


def _overlap(cells: Floats, positive: int) -> tuple[Floats, Floats]:
    both = cells[..., positive, positive]
    return both, cells[..., positive, :].sum(-1) + cells[..., positive].sum(-1) - both


_POSITIVES = "no positives in `y_true`"
_NEGATIVES = "no negatives in `y_true`"
_SHARES: tuple[tuple[str, Fraction, bool | None, str], ...] = (
    ("precision", _precision, True, "no predicted positives"),
    ("recall", _recall, True, _POSITIVES),
    ("true_positive_rate", _recall, True, _POSITIVES),
    ("false_negative_rate", _miss, False, _POSITIVES),
    ("specificity", _specificity, True, _NEGATIVES),
    ("true_negative_rate", _specificity, True, _NEGATIVES),
    ("false_positive_rate", _false_alarm, False, _NEGATIVES),
    ("selection_rate", _selected, None, "no rows"),
)
_STRICT = {"specificity", "true_negative_rate", "false_positive_rate", "selection_rate"}
# with one label a row, all of these count right rows among all rows
_RIGHT = ("accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted")

COUNTS: tuple[CountMetric, ...] = (
    *(Share(name=name, greater_is_better=True, share=_right) for name in _RIGHT),
    *(
        Share(
            name=name,
            greater_is_better=better,
            share=share,
            binary=True,
            strict=name in _STRICT,
            unless=why,
        )
        for name, share, better, why in _SHARES
    ),
    Overlap(
        name="f1",
        greater_is_better=True,
        binary=True,
        unless="no positives, neither in `y_true` nor predicted",
    ),
)
