"""Performance: a metric of one model is within a limit, in total or in every slice."""

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from typing import ClassVar, Literal

from scipy import special

from mlgates import options
from mlgates._gate import GateInfo
from mlgates.errors import OptionError
from mlgates.gates._metric_gate import By, MetricGate, SliceEstimate, snapped
from mlgates.gates._shared import bounded
from mlgates.metrics import Metric
from mlgates.predictions import Outcomes
from mlgates.verdict import Limit, Measurement, Rule

__all__ = ["Performance"]

_OWNER = "Performance"


@dataclass(frozen=True, repr=False)
class Performance(MetricGate):
    """Check that a metric of the model is within a limit.

    Parameters
    ----------
    metric : str or callable
        Scikit-learn's name (``"roc_auc"``, ``"f1_macro"``, ``"mean_absolute_error"``), or a
        function of ``y_true`` and ``y_pred`` or ``y_score``, and ``sample_weight`` if it can.
    at_least, at_most : float, optional
        The inclusive limit; one of them, or both.
    by : str, sequence of str, or mapping of str to callable, optional
        Judge each slice instead of the total: by the values of columns, or by conditions on the
        table that give one bool a row.
    min_samples : int
        Fewest rows, in each slice; with weights, fewest effective rows.
    decide_by : {"estimate", "interval", "significance"}
        "estimate": the value decides. "interval": PASS when the whole interval is within the
        limit, FAIL when all of it is beyond. "significance": a value beyond the limit is a FAIL
        only when it is significant at 1 - `confidence`.
    confidence : float
        Of the two-sided interval.
    greater_is_better : bool, optional
        The direction of a function.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    An undefined metric is INCONCLUSIVE, never 0 or 1: no predicted positives for precision, one
    class for an area under the ROC curve, a constant target for r2. So is one that rests on fewer
    than 10 rows: positives for recall, predicted positives for precision, rows of a class for
    balanced accuracy and for ranking.

    A predicted label that is not in `y_true` counts as wrong and is reported. It is an ERROR for
    metrics that would count it as negative (specificity, false positive rate, selection rate),
    because it may be a misspelt positive.

    With `by`, a FAIL by interval has the level of Holm's correction over all slices, and its check
    shows the interval at that level; a PASS of all slices needs no correction. By significance, the
    p-values are corrected in the same way. Rows are taken as independent.

    An INCONCLUSIVE check gives the rows that would decide in four of five samples, if the value and
    its spread stay as they are. A gate with a lambda works, but can't be pickled.

    Examples
    --------
    >>> gate = Performance("recall", at_least=0.8)
    >>> print(gate.run(y_true=[1, 0] * 50, y_pred=[1, 0] * 45 + [0, 0] * 5).reason)
    `recall` is 0.9 (95 % interval 0.7864 to 0.9565, n = 100); the limit is at least 0.8
    """

    _rules: ClassVar[tuple[Rule, ...]] = ("estimate", "interval", "significance")
    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {"X", "data", "model", "y_pred", "y_score", "sample_weight", "pos_label"}
    )
    info = GateInfo(
        summary="a metric of the model, with its interval, also by slice",
        metrics={"not repeated": "the metric that the gate is named after"},
        fewest_rows="30, in each slice: `min_samples`",
        forgives="a value that is undecided by its interval or p-value, where `decide_by` is not "
        "the estimate",
        uses="`y_pred` or `y_score`, or `model` and `X`; `sample_weight`, `pos_label`, `data`",
    )
    metric: str | Callable[..., object]
    _: KW_ONLY
    at_least: float | None = None
    at_most: float | None = None
    by: By | None = None
    min_samples: int = 30
    decide_by: Literal["estimate", "interval", "significance"] = "estimate"
    confidence: float = 0.95
    greater_is_better: bool | None = None

    def __post_init__(self) -> None:
        metric = self._metric
        for option in ("at_least", "at_most"):
            self._convert(option, bounded, metric.low, metric.high)
        at_least, at_most, better = self.at_least, self.at_most, metric.greater_is_better
        if at_least is None and at_most is None:
            side = {True: "`at_least`", False: "`at_most`", None: "`at_least` or `at_most`"}
            msg = f"{_OWNER}: a limit for `{metric.name}` must be given: {side[better]}"
            raise OptionError(msg)
        options.in_order(_OWNER, at_least=at_least, at_most=at_most)
        # a limit that only caps how good the model may be is a mistake
        if better is True and at_least is None:
            msg = f"{_OWNER}: `at_most` alone caps `{metric.name}`, of which more is better; "
            msg += f"did you mean at_least={at_most!r}?"
            raise OptionError(msg)
        if better is False and at_most is None:
            msg = f"{_OWNER}: `at_least` alone caps how good `{metric.name}`, of which less is "
            msg += f"better, may be; did you mean at_most={at_least!r}?"
            raise OptionError(msg)
        super().__post_init__()

    @property
    def _limit(self) -> Limit:
        """The limit of the metric."""
        return Limit(self.at_least, self.at_most)

    def _estimate(self, metric: Metric, *models: Outcomes) -> SliceEstimate:
        """Return the metric of one slice, with the p-value that its interval gives."""
        (outcomes,), limit = models, self._limit

        @cache
        def at(level: float) -> Measurement:
            measured = snapped(metric.measure(outcomes, confidence=level), limit)
            if self.decide_by != "significance":
                return measured
            alone = None if _insufficient(measured) else self._p_value(measured)
            details = {**measured.details, "p_value_alone": alone}
            return replace(measured, p_value=alone, details=details)

        insufficient = _insufficient(at(self.confidence))
        return SliceEstimate(at, insufficient, limit, "is {value} ({interval}{n})")

    def _p_value(self, measured: Measurement) -> float | None:
        """Return the chance of a value as far from the limit, by the interval's own spread.

        It is 1 - `confidence` where the interval just reaches the limit, and unknown where it does
        not even reach the value, as resamples of a function may not.
        """
        value, ends, limit = measured.value, measured.interval, self._limit
        if value is None or ends is None or measured.n < self.min_samples:
            return None
        if limit.holds(value):
            return 1.0
        below = value < limit.low
        reach = ends[1] - value if below else value - ends[0]
        distance = limit.low - value if below else value - limit.high
        if reach < 0:
            return None
        z = float(special.ndtri((1 + self.confidence) / 2))
        return math.erfc(distance / reach * z / math.sqrt(2)) if reach else 0.0


def _insufficient(measured: Measurement) -> str:
    """Return why the rows allow no decision; empty where they do."""
    details = measured.details
    return str(details.get("undefined") or details.get("lacking") or "")
