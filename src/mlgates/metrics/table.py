"""The table of metrics, and how one is found by its name."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from mlgates import options
from mlgates.metrics.averages import AVERAGES
from mlgates.metrics.calibration import CALIBRATION
from mlgates.metrics.counts import COUNTS
from mlgates.metrics.functions import function_metric
from mlgates.metrics.losses import LOSSES
from mlgates.metrics.metric import Metric
from mlgates.metrics.ranking import RANKING
from mlgates.metrics.values import VALUES

__all__ = ["METRICS", "NAMES", "find"]

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (*COUNTS, *AVERAGES, *RANKING, *LOSSES, *CALIBRATION, *VALUES)
    }
)
NAMES: tuple[str, ...] = tuple(METRICS)

# what else a metric is called, for those who look for it
_ALSO = {
    "accuracy_score": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "bias": "mean_error",
    "brier": "brier_score",
    "brier_score_loss": "brier_score",
    "ece": "expected_calibration_error",
    "fnr": "false_negative_rate",
    "fpr": "false_positive_rate",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "mcc": "matthews_corrcoef",
    "mse": "mean_squared_error",
    "pr_auc": "average_precision",
    "rmse": "root_mean_squared_error",
    "sensitivity": "recall",
    "tnr": "true_negative_rate",
    "tpr": "true_positive_rate",
}


def find(
    metric: object,
    owner: str,
    greater_is_better: bool | None = None,  # noqa: FBT001
) -> Metric:
    """Return the metric of this name, or the one that a function makes.

    Parameters
    ----------
    metric : str or callable
        A name of `NAMES`, or a function of ``y_true`` and ``y_pred`` or ``y_score``.
    owner : str
        Who asks, for the message.
    greater_is_better : bool, optional
        The direction of a callable, and of a metric that has none. Where the metric knows its
        direction, another one is refused.

    Raises
    ------
    OptionError
        For an unknown name, with the nearest ones.

    Examples
    --------
    >>> find("recall", "Performance").greater_is_better
    True
    >>> find("AUC", "Performance")
    Traceback (most recent call last):
    mlgates.errors.OptionError: Performance: `metric` must be the name of a metric or a function,
    got 'AUC'; did you mean 'roc_auc'?
    """
    if greater_is_better is not None:
        options.flag(owner, "greater_is_better", greater_is_better)
    if callable(metric):
        return function_metric(metric, owner, greater_is_better=greater_is_better)
    if not isinstance(metric, str) or metric not in METRICS:
        allowed = "the name of a metric or a function"
        raise options.refuse(owner, "metric", allowed, metric, _nearest(metric))
    found = METRICS[metric]
    if greater_is_better is None or greater_is_better is found.greater_is_better:
        return found
    if found.greater_is_better is None:
        return replace(found, greater_is_better=greater_is_better)
    allowed = f"{found.greater_is_better} for `{metric}`, or left out"
    raise options.refuse(owner, "greater_is_better", allowed, greater_is_better)


def _nearest(metric: object) -> str:
    if not isinstance(metric, str):
        return ""
    said = metric.casefold().removeprefix("neg_").strip()
    if said in _ALSO:
        return f"; did you mean {_ALSO[said]!r}?"
    if (plain := said.removesuffix("_score")) in NAMES:  # scikit-learn's name of the function
        return f"; did you mean {plain!r}?"
    return options.did_you_mean(said, NAMES) or f"; known are {', '.join(NAMES)}"
