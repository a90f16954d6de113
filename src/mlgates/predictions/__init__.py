"""The model half of evidence: labels, predictions and scores of one model, row beside row."""

from mlgates.predictions.groups import Groups, Slice
from mlgates.predictions.outcomes import Need, Outcomes, confusion

__all__ = ["Groups", "Need", "Outcomes", "Slice", "confusion"]
