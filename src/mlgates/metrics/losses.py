"""Metrics that are the mean of one number a row, perhaps transformed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mlgates.metrics.metric import Estimate, Metric

if TYPE_CHECKING:
    from mlgates.outcomes import Outcomes

__all__ = ["LOSSES", "LossMetric"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class LossMetric(Metric):
    """A mean over rows.

    Parameters
    ----------
    row : callable
        Of outcomes: one number a row.
    root : bool
        Whether the metric is the root of the mean.
    """

    row: "Callable[[Outcomes], Floats]" = field(repr=False)
    root: bool = False

    def losses(self, outcomes: "Outcomes") -> Floats:
        """Return one number a row, whose (weighted) mean makes the metric."""
        return self.row(outcomes)

    def settle(self, mean: Floats) -> Floats:
        """Return the metric for the mean of the losses."""
        return np.sqrt(mean) if self.root else mean

    def estimate(self, outcomes: "Outcomes", confidence: float, seed: int) -> Estimate:
        """Return value and interval of the mean."""
        del confidence, seed
        mean = np.average(self.losses(outcomes), weights=outcomes.weight)
        return Estimate(float(self.settle(mean)))


def _difference(outcomes: "Outcomes") -> Floats:
    return np.asarray(outcomes.pred - outcomes.true, np.float64)


LOSSES: tuple[LossMetric, ...] = (
    LossMetric(
        name="mean_absolute_error",
        need="values",
        greater_is_better=False,
        high=np.inf,
        row=lambda outcomes: np.abs(_difference(outcomes)),
    ),
    LossMetric(
        name="mean_squared_error",
        need="values",
        greater_is_better=False,
        high=np.inf,
        row=lambda outcomes: _difference(outcomes) ** 2,
    ),
)
