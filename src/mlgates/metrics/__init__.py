"""Metrics of models, each with its direction, possible range, interval and paired difference."""

from mlgates.metrics.classification import CountMetric
from mlgates.metrics.losses import LossMetric
from mlgates.metrics.metric import Estimate, Metric
from mlgates.metrics.table import METRICS, NAMES, find

__all__ = ["METRICS", "NAMES", "CountMetric", "Estimate", "LossMetric", "Metric", "find"]
