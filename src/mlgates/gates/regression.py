"""Regression: the candidate is not worse than the model in production, on the same rows."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar, Literal

from mlgates import options
from mlgates._gate import GateInfo
from mlgates.gates._metric_gate import By, MetricGate, SliceEstimate, snapped
from mlgates.gates._shared import bounded
from mlgates.metrics import Metric
from mlgates.metrics.difference import difference
from mlgates.predictions import Outcomes
from mlgates.verdict import Limit, Measurement, Rule, format_number

__all__ = ["Regression"]

_OWNER = "Regression"


@dataclass(frozen=True, repr=False)
class Regression(MetricGate):
    """Check that the candidate is not worse than production by more than a tolerance.

    Both models are measured on the same rows, and the interval of the difference is that of a
    paired comparison: rows on which both agree add nothing to it.

    Parameters
    ----------
    metric : str or callable
        As of `Performance`.
    tolerance : float
        How much worse is still acceptable, in the metric's units; with 0 the candidate must be
        shown to be no worse at all.
    by : str, sequence of str, or mapping of str to callable, optional
        Compare in each slice instead of in total: by the values of columns, or by conditions on
        the table that give one bool a row.
    min_samples : int
        Fewest rows, in each slice.
    decide_by : {"interval", "estimate", "significance"}
        "interval": PASS when the whole interval of the difference is within the tolerance, FAIL
        when all of it is beyond. "estimate": the difference itself decides. "significance": a
        difference beyond the tolerance is a FAIL only when it is significant at
        1 - `confidence`.
    confidence : float
        Of the two-sided interval.
    greater_is_better : bool, optional
        The direction, for a callable and for a metric that has none of its own.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The value is the candidate's minus production's; the limit is ``-tolerance`` at least, or
    ``tolerance`` at most where less is better. Shares of the same rows (accuracy, recall, false
    positive rate) have Tango's interval from the rows that one model alone has right, and their
    means over classes (balanced accuracy) have those of the classes, combined; an area under the
    ROC curve has DeLong's for paired scores; means of losses have Student's of the differences row
    by row, corrected for skewness; other functions of counts are resampled from the cells of (true,
    candidate's, production's label), and everything else from the rows.

    Over several slices, a FAIL has the level of Holm's correction, and the check shows the interval
    at that level; a PASS of all slices needs no correction. Models that answer alike on every row
    differ by 0, with the interval (0, 0).

    An INCONCLUSIVE check gives the rows that would decide in four of five samples, if the
    difference and its spread stay as they are. Metrics that rest on fewer than 10 rows decide
    nothing, as in `Performance`.

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

    _rules: ClassVar[tuple[Rule, ...]] = ("interval", "estimate", "significance")
    _models: ClassVar[tuple[bool, ...]] = (False, True)
    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {
            *("X", "data", "model", "production_model", "sample_weight", "pos_label"),
            *("y_pred", "y_score", "production_pred", "production_score"),
        }
    )
    info = GateInfo(
        summary="the candidate is no worse than production on the same rows, also by slice",
        metrics={"not repeated": "the metric of the candidate minus that of production"},
        fewest_rows="30, in each slice: `min_samples`",
        forgives="an interval of the difference that reaches across the tolerance",
        uses="the same as `Performance`, and `production_pred` or `production_score`, or "
        "`production_model`",
    )
    metric: str | Callable[..., object]
    _: KW_ONLY
    tolerance: float
    by: By | None = None
    min_samples: int = 30
    decide_by: Literal["interval", "estimate", "significance"] = "interval"
    confidence: float = 0.95
    greater_is_better: bool | None = None

    def __post_init__(self) -> None:
        metric = self._metric
        if metric.greater_is_better is None:
            hint = f"; `{metric.name}` has no better direction of its own"
            hint += ": 'mean_absolute_error' has one" if metric.name == "mean_error" else ""
            raise options.refuse(_OWNER, "greater_is_better", "True or False", None, hint)
        self._convert("tolerance", bounded, 0, metric.high - metric.low)
        super().__post_init__()

    @property
    def _limit(self) -> Limit:
        """The limit of the candidate's metric minus production's."""
        if self._metric.greater_is_better:
            return Limit(at_least=-self.tolerance)
        return Limit(at_most=self.tolerance)

    def _estimate(self, metric: Metric, *models: Outcomes) -> SliceEstimate:
        """Return the difference between the two models in one slice."""
        paired, limit = difference(metric, *models), self._limit
        scale = abs(paired.candidate or 0) + abs(paired.production or 0)
        details: dict[str, object] = {
            "candidate": paired.candidate,
            "production": paired.production,
            "tolerance": self.tolerance,
            "p_value": paired.change.p_value,
            **paired.change.details,
        }

        def at(level: float) -> Measurement:
            measured = Measurement(
                paired.value,
                n=paired.n,
                dropped=paired.dropped,
                interval=paired.change.ends(level),
                confidence=level,
                p_value=paired.change.p_value,
                method=paired.change.method,
                details=details,
            )
            return snapped(measured, limit, scale)

        if paired.candidate is None or paired.production is None:
            sentence = "can't be compared ({n})"
        elif paired.change.alike is not None:
            same = "rank" if paired.change.alike == "rankings" else "answer"
            sentence = f"did not change: candidate and production {same} all rows alike "
            sentence += f"({format_number(paired.candidate)} for both, {{n}})"
        else:
            both = f"{format_number(paired.candidate)} against {format_number(paired.production)}"
            sentence = f"changed by {{value}} ({both} in production; {{interval}}{{n}})"
        # significant is a difference from 0, not one from the tolerance
        return SliceEstimate(at, paired.undefined or paired.lacking, Limit(0, 0), sentence)
