"""Labels, predictions, scores, weights and groups of one model, all in the same row order."""

from mlgates.predictions.groups import Groups, Slice
from mlgates.predictions.outcomes import Need, Outcomes, confusion

__all__ = ["Groups", "Need", "Outcomes", "Slice", "confusion"]
