"""Metrics that are functions of the confusion cells: how often which label was told as which."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mlgates.metrics.metric import Estimate, Metric, undefined

if TYPE_CHECKING:
    from mlgates.outcomes import Outcomes

__all__ = ["COUNTS", "CountMetric"]

Floats = npt.NDArray[np.float64]
Fraction = Callable[[Floats, int], tuple[Floats, Floats]]
Formula = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False, kw_only=True)
class CountMetric(Metric):
    """A function of the cells ``[true, predicted]``, each the rows (or weight) of that pair.

    Parameters
    ----------
    share : callable, optional
        Of cells and the positive class: numerator and denominator, where the metric is the share
        of some rows among others.
    formula : callable, optional
        Of cells: the value, where it is no share. NaN where it is undefined.
    binary : bool
        Whether it asks which class is the positive one.
    unless : str
        Why it is undefined where it is.
    """

    share: Fraction | None = field(default=None, repr=False)
    formula: Formula | None = field(default=None, repr=False)
    binary: bool = False
    unless: str = "no rows"

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the values of many tables at once: ``(..., k, k)`` gives ``(...)``.

        NaN where the metric is undefined.
        """
        parts = self.fraction(cells, positive)
        if parts is not None:
            return divided(*parts)
        if self.formula is None:
            raise NotImplementedError
        return self.formula(cells)

    def fraction(self, cells: Floats, positive: int | None) -> tuple[Floats, Floats] | None:
        """Return numerators and denominators where the metric is a share of rows, else None."""
        if self.share is None:
            return None
        return self.share(cells, -1 if positive is None else positive)

    def positive(self, outcomes: "Outcomes") -> int | None:
        """Return the code of the positive class where the metric asks for one."""
        return outcomes.binary(self.name) if self.binary else None

    def estimate(self, outcomes: "Outcomes", confidence: float, seed: int) -> Estimate:
        """Return value and interval from the cells."""
        del confidence, seed
        value = float(self.of_cells(outcomes.cells, self.positive(outcomes)))
        return undefined(self.unless) if np.isnan(value) else Estimate(value)


def divided(numerator: Floats, denominator: Floats) -> Floats:
    """Return a quotient that is NaN, and says nothing, where the denominator is 0."""
    safe = np.where(denominator > 0, denominator, np.nan)
    return np.asarray(numerator / safe)


# shares: numerator and denominator


def _right(cells: Floats, _: int) -> tuple[Floats, Floats]:
    return np.trace(cells, axis1=-2, axis2=-1), cells.sum((-2, -1))


def _recall(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return cells[..., p, p], cells[..., p, :].sum(-1)


def _miss(cells: Floats, p: int) -> tuple[Floats, Floats]:
    positives = cells[..., p, :].sum(-1)
    return _others(cells, p)[..., p, :].sum(-1), positives


def _precision(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return cells[..., p, p], cells[..., :, p].sum(-1)


def _false_alarm(cells: Floats, p: int) -> tuple[Floats, Floats]:
    negatives = np.delete(cells, p, axis=-2)
    return negatives[..., p].sum(-1), negatives.sum((-2, -1))


def _specificity(cells: Floats, p: int) -> tuple[Floats, Floats]:
    negatives = np.delete(cells, p, axis=-2)
    return np.delete(negatives, p, axis=-1).sum((-2, -1)), negatives.sum((-2, -1))


def _selected(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return cells[..., p].sum(-1), cells.sum((-2, -1))


def _others(cells: Floats, p: int) -> Floats:
    """Return the cells with those of predicted positives at 0."""
    kept = cells.copy()
    kept[..., p] = 0
    return kept


_BINARY = {
    "precision": (_precision, True, "no predicted positives"),
    "recall": (_recall, True, "no positives in `y_true`"),
    "true_positive_rate": (_recall, True, "no positives in `y_true`"),
    "false_negative_rate": (_miss, False, "no positives in `y_true`"),
    "specificity": (_specificity, True, "no negatives in `y_true`"),
    "true_negative_rate": (_specificity, True, "no negatives in `y_true`"),
    "false_positive_rate": (_false_alarm, False, "no negatives in `y_true`"),
    "selection_rate": (_selected, None, "no rows"),
}
# with one label a row, all of these count right rows among all rows
_RIGHT = ("accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted")

COUNTS: tuple[CountMetric, ...] = (
    *(
        CountMetric(
            name=name, need="labels", greater_is_better=True, share=_right, interval="Wilson"
        )
        for name in _RIGHT
    ),
    *(
        CountMetric(
            name=name,
            need="labels",
            greater_is_better=better,
            share=share,
            binary=True,
            unless=why,
            interval="Wilson",
        )
        for name, (share, better, why) in _BINARY.items()
    ),
)
