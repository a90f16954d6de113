"""Regression: check that a candidate is not worse than the model in production."""

from dataclasses import dataclass
from typing import ClassVar

from mlgates._gate import GateInfo
from mlgates.gates._metric_gate import ComparisonGate

__all__ = ["Regression"]


@dataclass(frozen=True, repr=False)
class Regression(ComparisonGate):
    """Check that a candidate model is not worse than production by more than a tolerance.

    Both models are measured on the same rows, and the comparison is paired: rows on which both
    models give the same answer do not make the interval of the difference wider.

    Parameters
    ----------
    metric : str or callable
        As in `Performance`.
    tolerance : float
        How much worse the candidate may be, in units of the metric. With 0, a PASS requires that no
        value in the confidence interval of the difference is worse than 0.
    label : int, bool or str, optional
        The class for which the metric is measured, if there are more than two classes, as in
        `Performance`.
    by : str, sequence of str, or mapping of str to str or callable, optional
        Compare in each slice (subset of the rows) instead of on all rows; slices are defined as in
        `Performance`.
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
    decide_by : {"interval", "estimate", "significance"}
        "interval": PASS if the whole confidence interval of the difference is within the tolerance,
        FAIL if the whole interval is beyond, otherwise INCONCLUSIVE. "estimate": the difference
        itself is compared with the tolerance. "significance": PASS if the difference is within the
        tolerance; a difference beyond it is a FAIL if it is significant at the level 1 -
        `confidence`, otherwise INCONCLUSIVE.
    confidence : float or None
        Confidence level of the two-sided interval. None means no interval; it is allowed only with
        `decide_by="estimate"`.
    greater_is_better : bool, optional
        Whether larger values of the metric are better; required for a callable, and for a metric
        that has no direction.
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
    The value of a check is the difference: the metric of the candidate minus the metric of
    production. It must be at least ``-tolerance``, or at most ``tolerance`` if smaller values of
    the metric are better.

    - Accuracy, recall, false positive rate and other shares with the same denominator for both
      models have Tango's interval [1]_, which depends on the rows that only one of the models gets
      right. For a mean of such shares over classes (balanced accuracy) the intervals of the classes
      are combined.
    - An area under the ROC curve has DeLong's interval for paired scores [2]_.
    - Means of losses have Student's t interval of the differences per row, corrected for skewness.
    - For other metrics computed from the confusion matrix, the counts of (true label, candidate's
      label, production's label) are resampled. For all other metrics, rows are resampled.

    If the evidence `clusters` is given, rows with the same value of `clusters` may depend on each
    other. The interval is then Student's t. The contributions of the rows to the difference are
    summed in each cluster, and the variance is computed from these sums [3]_. A share with the same
    denominator for both models has Tango's interval for the effective numbers of rows.
    `Performance` lists the metrics that have an interval with `clusters`.

    With several slices, Holm's correction for their number is applied. With `decide_by="interval"`,
    a slice FAILs only if its whole interval at the corrected confidence level is beyond the limit;
    its check shows this interval. With "significance", the p-values are corrected. PASS needs no
    correction, because every slice must pass.

    If both models give the same answers on all rows, the difference is 0 with the interval (0, 0).

    An INCONCLUSIVE check reports how many rows would be enough for a decision with a probability of
    80 %, if the difference and its spread stay the same. If the metric is computed from fewer than
    10 rows, the verdict is INCONCLUSIVE, as in `Performance`.

    References
    ----------
    .. [1] Tango, T. (1998). Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design. Statistics in Medicine 17, 891-908.
    .. [2] DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under
       two or more correlated receiver operating characteristic curves. Biometrics 44, 837-845.
    .. [3] Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust
       inference. Journal of Human Resources 50, 317-372.

    Examples
    --------
    >>> y_true = [0, 1] * 200
    >>> production = [0, 1] * 180 + [1, 0] * 20
    >>> candidate = [0, 1] * 150 + [1, 0] * 50
    >>> gate = Regression("accuracy", tolerance=0.02)
    >>> result = gate.run(y_true=y_true, y_pred=candidate, production_pred=production)
    >>> print(result.reason)
    `accuracy` changed by -0.15 (0.75 against 0.9 in production; 95 % interval -0.1883 to -0.1183,
    n = 400); the limit is at least -0.02
    """

    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {
            *("X", "data", "model", "production_model", "sample_weight", "clusters"),
            *("row_counts", "pos_label", "classes"),
            *("y_pred", "y_score", "production_pred", "production_score"),
            *("query_id", "y_interval", "production_interval"),
        }
    )
    info = GateInfo(
        summary="a new model is not worse than the model in production, on the same rows",
        metrics={"(only the value)": "the metric of the candidate minus that of production"},
        fewest_rows="30 rows in each slice (set by `min_samples`)",
        allowed="an interval of the difference that contains the limit",
        needs="the same as `Performance`, and one of these: `production_pred`, "
        "`production_score`, `production_interval`, `production_model`",
        uses="the same as `Performance`",
    )
