"""The model half of evidence: labels, predictions and scores of one model, row beside row."""

from mlgates.outcomes.groups import Groups, Slice
from mlgates.outcomes.outcomes import Need, Outcomes, confusion

__all__ = ["Groups", "Need", "Outcomes", "Slice", "confusion"]
