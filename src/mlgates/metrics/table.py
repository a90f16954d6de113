"""The table of metrics, and how one is found by its name."""

from collections.abc import Mapping
from types import MappingProxyType

from mlgates import options
from mlgates.metrics.counts import COUNTS
from mlgates.metrics.losses import LOSSES
from mlgates.metrics.metric import Metric

__all__ = ["METRICS", "NAMES", "find"]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {metric.name: metric for metric in (*COUNTS, *LOSSES)}
)
NAMES: tuple[str, ...] = tuple(METRICS)


def find(metric: object, owner: str, greater_is_better: bool | None = None) -> Metric:
    """Return the metric of this name.

    Parameters
    ----------
    metric : str or callable
        A name of `NAMES`, or a function of ``y_true`` and ``y_pred`` or ``y_score``.
    owner : str
        Who asks, for the message.
    greater_is_better : bool, optional
        The direction of a callable.

    Raises
    ------
    OptionError
        For an unknown name, with the nearest ones.
    """
    del greater_is_better
    return METRICS[options.choice(owner, "metric", metric, NAMES)]
