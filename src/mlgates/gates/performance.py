"""Performance: check a metric of a model against a limit, on all rows or in each slice."""

import math
from dataclasses import KW_ONLY, dataclass, replace
from functools import cache
from typing import ClassVar, Literal

from scipy import special

from mlgates import options
from mlgates._gate import GateInfo
from mlgates.errors import OptionError
from mlgates.gates._metric_gate import MetricGate, SliceEstimate, snapped
from mlgates.gates._shared import bounded
from mlgates.metrics import Metric
from mlgates.predictions import Outcomes
from mlgates.stats.clusters import t_quantile
from mlgates.verdict import Limit, Measurement, Rule

__all__ = ["Performance"]

_OWNER = "Performance"


@dataclass(frozen=True, repr=False)
class Performance(MetricGate):
    """Check that a metric of the model is within a limit.

    Parameters
    ----------
    metric : str or callable
        The name of a metric, as in scikit-learn (``"roc_auc"``, ``"f1_macro"``,
        ``"mean_absolute_error"``). There are also metrics of rankings (``"ndcg@10"``), of predicted
        intervals (``"interval_coverage"``) and of predicted quantiles (``"pinball_loss@0.9"``). Or
        a function that returns a number. Its parameters are ``y_true``, ``y_pred`` or ``y_score``,
        and optionally ``sample_weight`` and ``pos_label``.
    at_least, at_most : float, optional
        Smallest and largest allowed value of the metric, inclusive. At least one of them is
        required.
    label : int, bool or str, optional
        The class for which the metric is measured, if there are more than two classes:
        ``metric="recall", label="b"`` is the recall of the label ``"b"``. This label counts as
        positive, and all others as negative. If scores have a column for each label, the column of
        this label is used. A function gets 1 for this label and 0 for the others. Averages over
        classes can't be measured for one class.
    by : str, sequence of str, or mapping of str to str or callable, optional
        Check each slice (subset of the rows) instead of all rows. Columns, given by name, define
        one slice for each combination of their values. A mapping defines slices by conditions, as
        in ``{"old": "age > 60"}``. A condition is a string in the language of
        :doc:`/reference/conditions`, or a function of the table that returns one bool per row.
    min_samples : int
        Smallest number of rows, in each slice if there are slices; with fewer, the check is
        INCONCLUSIVE. If rows have weights, Kish's effective number of rows counts.
    small_slices : {"inconclusive", "exclude"}
        What happens with a slice that has too few rows. "inconclusive": it makes the gate
        INCONCLUSIVE. "exclude": slices with fewer than `min_samples` rows, or too few for the
        metric, are not checked; the reason lists them.
    empty_queries : {"inconclusive", "exclude"}
        For metrics of rankings: what happens with queries that have no relevant document.
        "inconclusive": they make the gate INCONCLUSIVE. "exclude": they are left out, and the
        reason says how many.
    decide_by : {"estimate", "interval", "significance"}
        "estimate": the value itself is compared with the limit. "interval": PASS if the whole
        confidence interval is within the limit, FAIL if the whole interval is beyond, otherwise
        INCONCLUSIVE. "significance": PASS if the value is within the limit; a value beyond the
        limit is a FAIL if it is significant at the level 1 - `confidence`, otherwise INCONCLUSIVE.
    confidence : float or None
        Confidence level of the two-sided interval. None means no interval; it is allowed only with
        `decide_by="estimate"`.
    greater_is_better : bool, optional
        Whether larger values are better, for a metric given as a function.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    resamples : int, optional
        Number of bootstrap resamples, for metrics whose interval is computed by resampling. The
        default is 2,000. For a metric that is a function of the user or of scikit-learn, it is
        2,000 below 10,000 rows, 500 from 10,000 rows on, and always 200 with
        `decide_by="estimate"`.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    If the metric is undefined, the verdict is INCONCLUSIVE; the value is not replaced by 0 or 1.
    Precision is undefined without predicted positives, the area under the ROC curve with only one
    class, and r2 with a constant target. If the metric is computed from fewer than 10 rows, the
    verdict is INCONCLUSIVE too: 10 positives are needed for recall, 10 predicted positives for
    precision, and 10 rows of each class for balanced accuracy and areas under curves.

    A predicted label that is not in `y_true` counts as an error of the model, and the reason names
    it. For specificity, false positive rate and selection rate it makes the verdict ERROR, because
    it could be a misspelt positive label.

    With several slices, Holm's correction for their number is applied. With `decide_by="interval"`,
    a slice FAILs only if its whole interval at the corrected confidence level is beyond the limit;
    its check shows this interval. With "significance", the p-values are corrected. PASS needs no
    correction, because every slice must pass.

    Rows are assumed to be independent, unless the evidence `clusters` is given. Then rows with the
    same value of `clusters` may depend on each other, and intervals and p-values are cluster-robust
    [1]_: the variance is computed from one sum for each cluster, and the degrees of freedom of
    Student's t are the effective number of clusters minus 1. With `clusters`, these metrics have an
    interval:

    - shares, F1, means of shares over classes, and metrics of rankings: Wilson's interval for the
      effective number of rows (or queries)
    - areas under the ROC curve: Student's t on the logit scale
    - means of losses, and their square roots: Student's t

    All other metrics, such as ``"f1_macro"``, R squared and functions, have no interval with
    `clusters`, and need ``decide_by="estimate"``.

    An INCONCLUSIVE check reports how many rows would be enough for a decision with a probability of
    80 %, if the value and its spread stay the same. A gate with a lambda can't be pickled.

    References
    ----------
    .. [1] Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust
       inference. Journal of Human Resources 50, 317-372.

    Examples
    --------
    >>> gate = Performance("recall", at_least=0.75)
    >>> print(gate.run(y_true=[1, 0] * 50, y_pred=[1, 0] * 45 + [0, 0] * 5).reason)
    `recall` is 0.9 (95 % interval 0.7864 to 0.9565, n = 100); the limit is at least 0.75
    """

    _rules: ClassVar[tuple[Rule, ...]] = ("estimate", "interval", "significance")
    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {
            *("X", "data", "model", "y_pred", "y_score", "y_interval"),
            *("sample_weight", "row_counts", "clusters", "pos_label", "classes", "query_id"),
        }
    )
    info = GateInfo(
        summary="a metric of the model is within a limit, on all rows or in each slice",
        metrics={"(only the value)": "the metric that the gate is named after"},
        fewest_rows="30 rows in each slice (set by `min_samples`)",
        allowed="an interval that contains the limit, or a value outside it that is not "
        "significant; with `decide_by='estimate'` nothing",
        needs="`y_true`, and one of these: `y_pred`, `y_score`, `y_interval`, `model` with `X`",
        uses="`sample_weight`, `row_counts`, `clusters`, `pos_label`, `classes`, `query_id`, "
        "`data`",
    )
    _: KW_ONLY
    at_least: float | None = None
    at_most: float | None = None
    empty_queries: Literal["inconclusive", "exclude"] = "inconclusive"
    decide_by: Literal["estimate", "interval", "significance"] = "estimate"

    def __post_init__(self) -> None:
        metric = self._metric
        for option in ("at_least", "at_most"):
            self._convert(option, bounded, metric.low, metric.high)
        at_least, at_most, better = self.at_least, self.at_most, metric.greater_is_better
        if at_least is None and at_most is None:
            side = {True: "`at_least`", False: "`at_most`", None: "`at_least` or `at_most`"}
            raise OptionError(
                f"{_OWNER}: {side[better]} is required as the limit of `{metric.name}`"
            )
        options.in_order(_OWNER, at_least=at_least, at_most=at_most)
        # If greater values are better, `at_most` without `at_least` is probably a mistake. If
        # smaller values are better, `at_least` without `at_most` is.
        if better is True and at_least is None:
            msg = (
                f"{_OWNER}: `at_least` is required, because greater values of `{metric.name}` are "
            )
            msg += f"better; did you mean at_least={at_most!r}?"
            raise OptionError(msg)
        if better is False and at_most is None:
            msg = f"{_OWNER}: `at_most` is required, because smaller values of `{metric.name}` are "
            msg += f"better; did you mean at_most={at_least!r}?"
            raise OptionError(msg)
        super().__post_init__()

    @property
    def _limit(self) -> Limit:
        """The limit of the metric, from `at_least` and `at_most`."""
        return Limit(self.at_least, self.at_most)

    def _estimate(self, metric: Metric, *models: Outcomes) -> SliceEstimate:
        """Return the metric of one slice.

        If the gate decides by significance (``decide_by="significance"``), the measurement also has
        a p-value, which is computed from its interval.
        """
        (outcomes,), limit = models, self._limit

        @cache
        def at(level: float) -> Measurement:
            measured = snapped(metric.measure(outcomes, confidence=level), limit)
            if self.decide_by != "significance":
                return measured
            p_value = None if _insufficient(measured) else self._p_value(measured)
            details = {**measured.details, "p_value_alone": p_value}
            return replace(measured, p_value=p_value, details=details)

        insufficient = _insufficient(at(self._level))
        return SliceEstimate(at, insufficient, limit, "is {value} ({interval}{n})")

    def _p_value(self, measured: Measurement) -> float | None:
        """Return the two-sided p-value of the test that the true value is at the limit.

        The p-value is 1 if the value is within the limit. Otherwise it is computed from the
        distance between value and limit, relative to the width of the interval. An interval that
        ends exactly at the limit gives 1 - `confidence`. For rows in clusters the distribution is
        Student's t.

        The p-value is None if the value or its interval is undefined, and if there are fewer than
        `min_samples` rows. It is also None if the interval does not contain the value, which is
        possible for a bootstrap interval.
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
        freedom = measured.details.get("degrees_of_freedom")
        if isinstance(freedom, float) and reach:
            t = t_quantile(self._level, freedom)
            return 2 * float(special.stdtr(freedom, -distance / reach * t))
        z = float(special.ndtri((1 + self._level) / 2))
        return math.erfc(distance / reach * z / math.sqrt(2)) if reach else 0.0


def _insufficient(measured: Measurement) -> str:
    """Return a clause on why the rows allow no decision; "" if they allow one."""
    details = measured.details
    return str(details.get("undefined") or details.get("lacking") or "")
