"""Regression: check that the candidate is not worse than the model in production."""

from dataclasses import dataclass
from typing import ClassVar

from mlgates._gate import GateInfo
from mlgates.gates._metric_gate import ComparisonGate

__all__ = ["Regression"]


@dataclass(frozen=True, repr=False)
class Regression(ComparisonGate):
    """Check that the candidate is not worse than production by more than a tolerance.

    Both models are measured on the same rows, and the comparison is paired: rows on which both
    models agree do not widen the interval of the difference.

    Parameters
    ----------
    metric : str or callable
        As in `Performance`.
    tolerance : float
        How much worse the candidate may be, in the metric's units. With 0, a PASS by interval
        needs an interval in which no difference is worse than 0.
    label : int, bool or str, optional
        Compare the metric of one class of several, as in `Performance`.
    by : str, sequence of str, or mapping of str to str or callable, optional
        Compare in each slice instead of on all rows, as in `Performance`.
    min_samples : int
        Smallest number of rows, in each slice; with weights, of effective rows (Kish's).
    small_slices : {"inconclusive", "exclude"}
        "inconclusive": a slice with too few rows makes the gate INCONCLUSIVE. "exclude": slices
        with fewer than `min_samples` rows, or too few for the metric, are listed and not checked.
    empty_queries : {"inconclusive", "exclude"}
        For metrics of rankings. "inconclusive": queries without a relevant document make the gate
        INCONCLUSIVE. "exclude": they are left out and counted.
    decide_by : {"interval", "estimate", "significance"}
        "interval": PASS if the whole interval of the difference is within the tolerance, FAIL if
        all of it is beyond. "estimate": PASS or FAIL by the difference itself. "significance": a
        difference beyond the tolerance is a FAIL only if it is significant at the level
        1 - `confidence`.
    confidence : float or None
        Level of the two-sided interval; None for no interval, with `decide_by="estimate"` only.
    greater_is_better : bool, optional
        Whether larger values of the metric are better; required for a callable, and for a metric
        that has no direction.
    max_groups : int
        Largest number of slices that columns named in `by` may make; more are an ERROR.
    resamples : int, optional
        Number of resamples if an interval needs resampling. The default is 2,000 (500 from 10,000
        rows on for a function). For a function with `decide_by="estimate"` it is 200, because each
        resample is one call.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The value is the candidate's metric minus production's. The limit is at least ``-tolerance``, or
    at most ``tolerance`` if smaller values of the metric are better.

    - Accuracy, recall, false positive rate and other shares of the same rows have Tango's interval
      [1]_, which depends on the rows that only one of the models gets right. For a mean of such
      shares over classes (balanced accuracy) the intervals of the classes are combined.
    - An area under the ROC curve has DeLong's interval for paired scores [2]_.
    - Means of losses have Student's t interval of the differences per row, corrected for skewness.
    - Other functions of the confusion matrix resample the counts of (true label, candidate's label,
      production's label). All other metrics resample rows.

    If `clusters` is given, rows with the same value may depend on each other. The interval is then
    Student's t, with a variance computed from the sums of the clusters [3]_; for shares it is
    Tango's interval for the effective numbers of rows. Other functions of the confusion matrix, and
    metrics that resample rows, have no interval then.

    With several slices, a FAIL must hold at the level of Holm's correction, and the check shows the
    interval at that level. PASS needs no correction, because every slice must pass. If both models
    give the same answers on all rows, the difference is 0 with the interval (0, 0).

    An INCONCLUSIVE check reports how many rows would give a decision with a probability of 80 %, if
    the difference and its spread stay the same. A metric based on fewer than 10 rows is
    INCONCLUSIVE, as in `Performance`.

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
            *("pos_label", "classes"),
            *("y_pred", "y_score", "production_pred", "production_score"),
            *("query_id", "y_interval", "production_interval"),
        }
    )
    info = GateInfo(
        summary="the candidate is not worse than production on the same rows, also by slice",
        metrics={"not repeated": "the metric of the candidate minus that of production"},
        fewest_rows="30 rows in each slice (set by `min_samples`)",
        forgives="an interval of the difference that contains the limit",
        uses="the same as `Performance`, and `production_pred`, `production_score` or "
        "`production_model`",
    )
