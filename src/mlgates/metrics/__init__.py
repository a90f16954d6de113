"""Metrics of models: each knows its direction, its possible range, and its interval."""

from mlgates.metrics.counts import CountMetric
from mlgates.metrics.losses import LossMetric
from mlgates.metrics.metric import Estimate, Metric
from mlgates.metrics.table import METRICS, NAMES, find

__all__ = ["METRICS", "NAMES", "CountMetric", "Estimate", "LossMetric", "Metric", "find"]
