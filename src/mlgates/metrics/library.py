"""Metrics of scikit-learn and fairlearn for which this library has no formula, by name."""

import inspect
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Any

from mlgates import options
from mlgates.metrics.functions import FunctionMetric, takes_pos_label
from mlgates.metrics.metric import Estimate, undefined
from mlgates.predictions import Outcomes

__all__ = ["library_metric"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Endings of scikit-learn's metrics: greater values are better or worse.
_ENDINGS = {"_score": True, "_error": False, "_loss": False, "_deviance": False}
#: Averages over classes, which follow the name of a metric as in scikit-learn's scorers.
_AVERAGES = ("macro", "micro", "weighted")
#: Names of the arguments with the true labels, and of those with predictions and scores.
_TRUE = ("y_true", "y1", "labels_true")
_PRED = ("y_pred", "y2", "labels_pred")
#: Metrics of rows with several labels, and metrics of values of a decision function. Top-k accuracy
#: is excluded because its default k = 2 always gives 1 for two classes.
_EXCLUDED = frozenset(
    {
        "coverage_error",
        "dcg_score",
        "hinge_loss",
        "label_ranking_average_precision_score",
        "label_ranking_loss",
        "ndcg_score",
        "top_k_accuracy_score",
    }
)
#: Metrics that compare the errors with the spread of the true values.
_RELATIVE = ("d2_", "explained_variance")


@dataclass(frozen=True, eq=False, kw_only=True)
class LibraryMetric(FunctionMetric):
    """A metric of another library, undefined if its value is infinite or NaN."""

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value of `function`, and a confidence interval from resampled rows.

        The metric is undefined if its value is infinite or NaN. If it compares the errors with the
        spread of the true values, it is also undefined if all true values are equal.
        """
        arrays, constants = self._arguments(outcomes)
        true = arrays[next(name for name, role in self.roles.items() if role == "true")]
        if self.name.startswith(_RELATIVE) and (true == true[0]).all():
            return undefined("`y_true` is constant")
        if not math.isfinite(options.real(self.function(**arrays, **constants)) or 0.0):
            return undefined("no value for these rows")
        return super().estimate(outcomes, confidence)


def library_metric(name: str, *, greater_is_better: bool | None = None) -> LibraryMetric | None:
    """Return the metric of scikit-learn or fairlearn with the given name; None if there is none.

    The name is that of a function, such as ``"jaccard_score"``, or of a scorer, such as
    ``"jaccard"`` or ``"jaccard_macro"``. The function must take one label and one prediction or
    score of each row. `greater_is_better` says whether greater values are better. By default this
    is True for functions with names that end in ``_score``, False for ``_error``, ``_loss`` and
    ``_deviance``, and None (not known) for all others.

    Examples
    --------
    >>> metric = library_metric("cohen_kappa_score")
    >>> metric.greater_is_better, dict(metric.roles)
    (True, {'y1': 'true', 'y2': 'pred', 'sample_weight': 'weight'})
    >>> library_metric("roc_curve")
    """
    if not _NAME.fullmatch(name):
        return None
    found = _find(name)
    if found is None:
        return None
    function, roles = found
    inside = getattr(function, "func", function).__name__
    if greater_is_better is None:
        ends = (up for ending, up in _ENDINGS.items() if inside.endswith(ending))
        greater_is_better = next(ends, None)
    return LibraryMetric(
        name=name,
        greater_is_better=greater_is_better,
        function=function,
        roles=roles,
        pos_label=takes_pos_label(function, inspect.signature(function).parameters.values()),
        scores="score" in roles.values(),
    )


@cache
def _find(name: str) -> tuple[Callable[..., Any], Mapping[str, str]] | None:
    """Return the function with a name, and the array of `Outcomes` for each of its arguments."""
    from sklearn import metrics

    base, _, average = name.rpartition("_")
    fixed = {"average": average} if average in _AVERAGES else {}
    for spelling in (base, f"{base}_score") if fixed else (name, f"{name}_score"):
        if spelling in _EXCLUDED or not spelling.endswith(tuple(_ENDINGS)):
            continue
        if spelling in metrics.__all__:
            return _with_roles(getattr(metrics, spelling), fixed)
    if fixed or name.endswith(("_difference", "_ratio", "_group_min", "_group_max")):
        return None
    import fairlearn.metrics

    if name not in fairlearn.metrics.__all__:
        return None
    return _with_roles(getattr(fairlearn.metrics, name), fixed)


def _with_roles(
    function: Any, fixed: Mapping[str, object]
) -> tuple[Callable[..., Any], Mapping[str, str]] | None:
    """Return a function with some arguments `fixed`, and the array for each other argument.

    Returns None for a function that takes anything else than one label and one prediction or score
    of each row.
    """
    if not inspect.isfunction(function):
        return None
    parameters = inspect.signature(function).parameters
    names = list(parameters)
    required = [p.name for p in parameters.values() if p.default is p.empty]
    if len(names) < 2 or names[0] not in _TRUE or set(required) - set(names[:2]):
        return None
    if not set(fixed) <= set(names):
        return None
    scored = names[1].startswith(("y_prob", "y_score")) or "log_loss" in function.__name__
    if not scored and names[1] not in _PRED:
        return None
    roles = {names[0]: "true", names[1]: "score" if scored else "pred"}
    if "sample_weight" in names:
        roles["sample_weight"] = "weight"
    if "zero_division" in names:
        function = _without_division_by_zero(function)
    return (partial(function, **fixed) if fixed else function), roles


def _without_division_by_zero(function: Callable[..., float]) -> Callable[..., float]:
    """Return a function that is NaN where `function` depends on its option `zero_division`."""

    @wraps(function)
    def defined(*args: Any, **options: Any) -> float:
        low, high = (function(*args, **options, zero_division=value) for value in (0.0, 1.0))
        return low if low == high else math.nan

    return defined
