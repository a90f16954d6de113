"""All metrics by name; each has its direction, range and confidence interval.

Each metric also has the interval and the test of its difference between two models.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from mlgates import options
from mlgates.metrics.classification import AVERAGES, COUNTS
from mlgates.metrics.functions import function_metric
from mlgates.metrics.library import library_metric
from mlgates.metrics.losses import INTERVALS, LOSSES, VALUES, pinball_loss
from mlgates.metrics.metric import Metric
from mlgates.metrics.ranking import CALIBRATION, RANKING
from mlgates.metrics.retrieval import RETRIEVAL

__all__ = [
    "METRICS",
    "NAMES",
    "NUMBERED",
    "Metric",
    "find",
    "library_metric",
    "named",
    "own_name",
]

_FAMILIES = (*COUNTS, *AVERAGES, *RANKING, *LOSSES, *CALIBRATION, *VALUES, *INTERVALS)
METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _FAMILIES})
NAMES: tuple[str, ...] = tuple(METRICS)
#: An example of each name with a number, such as "ndcg@10".
NUMBERED = (*(f"{name}@10" for name in RETRIEVAL), "pinball_loss@0.9")
_FIRST = re.compile(r"[1-9]\d{0,8}")
_QUANTILE = re.compile(r"0?\.\d+")

# names in other libraries, for hints
_ALSO = {
    "accuracy_score": "accuracy",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "bias": "mean_error",
    "coverage": "interval_coverage",
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
    """Return the metric for the option `metric` of a gate: the name of a metric, or a function.

    A name that is not in `NAMES` can be the name of a metric of scikit-learn or fairlearn. `owner`
    is the name of the gate, for messages. `greater_is_better` says whether greater values are
    better. It must be given for functions, and for metrics that do not define it themselves.

    Raises
    ------
    OptionError
        For an unknown name, and if `greater_is_better` is wrong for the metric.

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
    known = named(metric) if isinstance(metric, str) else None
    if isinstance(metric, str) and known is None and not own_name(metric):
        known = library_metric(metric, greater_is_better=greater_is_better)
        if known is not None:
            return known
    if known is None:
        near = ""
        if isinstance(metric, str):
            name, meant = metric.casefold().removeprefix("neg_").strip(), own_name(metric)
            every = (*NAMES, *NUMBERED)
            near = options.did_you_mean(name, every) or f"; known names are {', '.join(every)}"
            near = f"; did you mean {meant!r}?" if meant else near
        allowed = "the name of a metric or a function"
        raise options.refuse(owner, "metric", allowed, metric, near)
    if greater_is_better is None or greater_is_better is known.greater_is_better:
        return known
    if known.greater_is_better is None:
        return replace(known, greater_is_better=greater_is_better)
    allowed = f"{known.greater_is_better} or None for `{metric}`"
    raise options.refuse(owner, "greater_is_better", allowed, greater_is_better)


def own_name(name: str) -> str:
    """Return the name in this library of a metric that has another name in another library.

    The result is "" if there is none. If the name in this library contains a number, an example is
    returned: "ndcg@10" for "ndcg_score".

    Examples
    --------
    >>> own_name("recall_score"), own_name("tpr"), own_name("gain")
    ('recall', 'true_positive_rate', '')
    """
    name = name.casefold().removeprefix("neg_").strip()
    plain = name.removesuffix("_score")  # scikit-learn's name of the function
    if name in _ALSO or plain in NAMES:
        return _ALSO.get(name) or plain
    kind = plain.partition("@")[0]
    return next((example for example in NUMBERED if example.startswith(f"{kind}@")), "")


def named(name: str) -> Metric | None:
    """Return the metric with the given name; None if there is none.

    Some names have a number after an "@": the number of ranked documents that are counted, or the
    quantile that is predicted.

    Examples
    --------
    >>> named("ndcg@10").k, named("pinball_loss@0.9").name, named("ndcg@0"), named("ndcg")
    (10, 'pinball_loss@0.9', None, None)
    """
    if name in METRICS:
        return METRICS[name]
    kind, _, number = name.partition("@")
    if kind in RETRIEVAL and _FIRST.fullmatch(number):
        return replace(RETRIEVAL[kind], name=name, k=int(number))
    if kind == "pinball_loss" and _QUANTILE.fullmatch(number) and float(number) > 0:
        return pinball_loss(name, float(number))
    return None
