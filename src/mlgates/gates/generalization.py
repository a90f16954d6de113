"""Generalization: check that a model is not much better on its training rows than on others."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cache, partial
from typing import ClassVar, Literal

import numpy as np

from mlgates import options
from mlgates._gate import GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._metric_gate import MetricGate, SliceEstimate, snapped
from mlgates.gates._shared import bounded
from mlgates.metrics import Metric
from mlgates.predictions import Outcomes
from mlgates.predictions.groups import Slice
from mlgates.stats.proportions import square_and_add
from mlgates.verdict import Limit, Measurement, Rule, format_number

__all__ = ["Generalization"]

#: The names under which the evidence of the training rows is read.
_TRAINING = {
    "X": "X_train",
    "y_true": "y_train",
    "y_pred": "train_pred",
    "y_score": "train_score",
    **{name: name for name in ("model", "pos_label", "classes")},
}
#: Arguments that must be the name of a column of both tables, because an array would have values
#: for the test rows only.
_OF_COLUMNS = ("sample_weight", "clusters")


@dataclass(frozen=True, repr=False)
class Generalization(MetricGate):
    """Check that a model is not much better on the rows it was trained on than on other rows.

    Parameters
    ----------
    metric : str or callable
        As in `Performance`.
    max_gap : float
        How much better the metric may be on the training rows than on the test rows, in units of
        the metric.
    label : int, bool or str, optional
        The class for which the metric is measured, if there are more than two classes, as in
        `Performance`.
    by : str, sequence of str, or mapping of str to str or callable, optional
        Compare in each slice (subset of the rows) instead of on all rows; slices are defined as in
        `Performance`. A slice has the training rows and the test rows with the same values of the
        columns, or for which the same condition is true.
    min_samples : int
        Smallest number of training rows and of test rows, in each slice if there are slices; with
        fewer, the check is INCONCLUSIVE.
    small_slices : {"inconclusive", "exclude"}
        What happens with a slice that has too few rows. "inconclusive": it makes the gate
        INCONCLUSIVE. "exclude": slices with fewer than `min_samples` test rows, or with too few
        test rows for the metric, are not checked; the reason lists them. A slice that only has too
        few training rows is still INCONCLUSIVE.
    decide_by : {"interval", "estimate"}
        "interval": PASS if the whole confidence interval of the difference is within the limit,
        FAIL if the whole interval is beyond, otherwise INCONCLUSIVE. "estimate": the difference
        itself is compared with the limit.
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
        default is that of `Performance`.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The arguments of `run` are `X_train` and `y_train` for the training rows, `X` and `y_true` for
    the test rows, and `model`, which predicts both. Predictions can be given instead of a model:
    `train_pred` or `train_score`, and `y_pred` or `y_score`. If `sample_weight` or `clusters` is
    given, it must be the name of a column of both `X` and `X_train`; an array is an ERROR, because
    it has values for the test rows only. If a training row or a test row has no label, the gate is
    INCONCLUSIVE. Metrics of rankings and of predicted intervals are refused.

    The value of a check is the gap: the metric on the training rows minus the metric on the test
    rows, or the reverse if smaller values of the metric are better. So a positive gap means that
    the model is better on the training rows. The gap can be negative.

    The interval of the gap combines the intervals of the two values, which are those of
    `Performance` [1]_. For a share of rows this gives Newcombe's interval [2]_. The training rows
    and the test rows are assumed to be independent samples. The metric on the training rows has an
    interval too, because it varies by chance as on any sample of the same size.

    With several slices, the confidence level is corrected for their number by Holm's method: a
    slice FAILs only if its whole interval at the corrected level is beyond the limit. PASS needs no
    correction, because every slice must pass.

    A check is INCONCLUSIVE if the metric is undefined on the training rows or on the test rows, or
    is computed from fewer than 10 rows. An INCONCLUSIVE check reports how many test rows would be
    enough to decide, if the number of training rows grows in the same proportion.

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.
    .. [2] Newcombe, R. G. (1998). Interval estimation for the difference between independent
       proportions. Statistics in Medicine 17, 873-890.

    Examples
    --------
    >>> gate = Generalization("accuracy", max_gap=0.05)
    >>> result = gate.run(
    ...     y_train=[0, 1] * 800, train_pred=[0, 1] * 800,
    ...     y_true=[0, 1] * 200, y_pred=[0, 1] * 150 + [1, 0] * 50,
    ... )
    >>> print(result.reason)
    `accuracy` has a gap of 0.25 (1 in training, 0.75 in test; 95 % interval 0.21 to 0.2947,
    n = 400 against 1,600 in training); the limit is at most 0.05
    """

    _rules: ClassVar[tuple[Rule, ...]] = ("interval", "estimate")
    _sides: ClassVar[tuple[str, ...]] = ("", " in training")
    _labels: ClassVar[tuple[str, ...]] = ("y_true", "y_train")
    needs: ClassVar[frozenset[str]] = frozenset({"y_true", "y_train"})
    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {
            *("X", "X_train", "data", "model", "pos_label", "classes", "clusters", "sample_weight"),
            *("y_pred", "y_score", "train_pred", "train_score", "row_counts"),
        }
    )
    info = GateInfo(
        summary="the model is not much better on its training rows than on other rows",
        metrics={"(only the value)": "how much better the metric is on the training rows"},
        fewest_rows="30 rows in training and in test, in each slice (set by `min_samples`)",
        allowed="an interval of the gap that contains the limit",
        needs="`y_train`, `y_true`, and one of these: `model` with `X_train` and `X`; "
        "`train_pred` and `y_pred`; `train_score` and `y_score`",
        uses="`pos_label`, `classes`, `data`; `sample_weight` and `clusters`, as names of columns "
        "of `X` and `X_train`",
    )
    _: KW_ONLY
    max_gap: float
    decide_by: Literal["interval", "estimate"] = "interval"

    def __post_init__(self) -> None:
        metric = self._require_direction()
        if metric.need in ("relevance", "interval"):
            name = "query_id" if metric.need == "relevance" else "y_interval"
            allowed = "a metric of predictions or scores"
            hint = f"; {metric.name!r} is computed from `{name}`, which can be given for the test "
            hint += "rows only, not for the training rows"
            raise options.refuse(type(self).__name__, "metric", allowed, metric.name, hint)
        self._convert("max_gap", bounded, 0, metric.high - metric.low)
        super().__post_init__()
        if not metric.uses_labels:
            self._set("needs", self.needs - {"y_train"})

    @property
    def _limit(self) -> Limit:
        """The limit of the gap."""
        return Limit(at_most=self.max_gap)

    def _outcomes(self, evidence: Evidence) -> list[Outcomes]:
        """Return the outcomes of the test rows and those of the training rows."""
        metric, training = self._metric, self._training(evidence)
        read = partial(
            Evidence.outcomes,
            need=metric.need,
            scores=metric.scores,
            label=self.label,
            uses_labels=metric.uses_labels,
        )
        if "row_counts" in evidence:
            raise EvidenceError(
                "`row_counts` can't be used, because there are none for the training rows; repeat "
                "the rows instead, for example with `numpy.repeat`"
            )
        test = read(evidence)
        if not {"model", "y_pred", "y_score"} & {name for name in _TRAINING if name in training}:
            raise EvidenceError(
                "the gate needs `train_pred` or `train_score`, or `model` and `X_train`; none "
                "was given"
            )
        try:
            train = read(training)
        except EvidenceError as error:
            raise EvidenceError(f"training rows: {error}") from error
        return [test, train]

    def _training(self, evidence: Evidence) -> Evidence:
        """Return the evidence of the training rows, under the names used for test rows."""

        def make() -> Evidence:
            names = {name: given for name, given in _TRAINING.items() if given in evidence}
            names |= {name: name for name in self._of_columns(evidence)}
            rows = {name: evidence[given] for name, given in names.items()}
            return Evidence(rows, shown=names)

        return evidence.cached("training", "", make)

    @staticmethod
    def _of_columns(evidence: Evidence) -> list[str]:
        """Return the names of weights and clusters that are columns, so that both sides have them.

        EvidenceError is raised for values, which only the test rows would have.
        """
        given = [name for name in _OF_COLUMNS if name in evidence]
        for name in given:
            if not isinstance(evidence[name], str):
                raise EvidenceError(
                    f"`{name}` has values for the test rows alone: give the name of a column of "
                    "`X` and `X_train`"
                )
        return given

    def _slices(
        self, evidence: Evidence, models: list[Outcomes]
    ) -> Sequence[tuple[str, Sequence[Slice]]]:
        """Return the slices that test rows or training rows have, matched by name."""
        sides = [
            {part.name: part for part in given.slices(self.by, self.max_groups)}
            for given in (evidence, self._training(evidence))
        ]
        rows = [each.n if each.kept is None else len(each.kept) for each in models]
        found = []
        for name in dict.fromkeys((*sides[0], *sides[1])):
            empty = [Slice(name, np.zeros(n, np.bool_)) for n in rows]
            parts = [side.get(name, none) for side, none in zip(sides, empty, strict=True)]
            found.append((name, parts))
        return found

    def _estimate(self, metric: Metric, *models: Outcomes) -> SliceEstimate:
        """Return the gap of one slice from its test rows and its training rows."""
        test, train = models

        @cache
        def both(level: float) -> tuple[Measurement, Measurement]:
            there, here = (metric.measure(side, confidence=level) for side in (train, test))
            return there, here

        def at(level: float) -> Measurement:
            there, here = both(level)
            better, other = (there, here) if metric.greater_is_better else (here, there)
            gap = interval = None
            if better.value is not None and other.value is not None:
                gap = better.value - other.value
                if better.interval is not None and other.interval is not None:
                    ends = square_and_add(
                        better.value, better.interval, other.value, other.interval
                    )
                    interval = float(ends[0]), float(ends[1])
            details: dict[str, object] = {
                "train": there.value,
                "test": here.value,
                "train_rows": train.n,
            }
            for side in (there, here):
                if "no_interval" in side.details:
                    details["no_interval"] = side.details["no_interval"]
            measured = Measurement(
                gap,
                n=here.n,
                dropped=test.dropped,
                interval=interval,
                confidence=level or None,
                method=f"square and add: {here.method}" if here.method else "",
                details={**details, **_reasons(there, here)},
            )
            return snapped(
                measured, self._limit, max(map(abs, (there.value or 0, here.value or 0)))
            )

        there, here = both(self._level)
        reasons = list(_reasons(there, here).values())
        if train.effective_rows < self.min_samples and not reasons:
            few = f"{train.effective_rows:,} rows in training"
            reasons.append(f"{few}, at least {self.min_samples:,} are needed")
        if train.dropped:
            rows, have = train.n + train.dropped, "has" if train.dropped == 1 else "have"
            share = f"{train.dropped:,} of {rows:,} rows in training {have} no label in `y_train`"
            reasons.append(f"{share}; leave such rows out of `X_train` and `y_train`")
            if not train.n:
                reasons = [f"none of the {rows:,} rows in training has a label in `y_train`"]
        if there.value is None or here.value is None:
            sentence = f"can't be compared ({{n}} against {train.n:,} in training)"
        else:
            values = (
                f"{format_number(there.value)} in training, {format_number(here.value)} in test"
            )
            sentence = (
                f"has a gap of {{value}} ({values}; {{interval}}{{n}} against {train.n:,} in "
                "training)"
            )
        return SliceEstimate(at, "; ".join(reasons), self._limit, sentence)


def _reasons(there: Measurement, here: Measurement) -> dict[str, str]:
    """Return why the metric on the training rows or on the test rows allows no decision."""
    found = {}
    for key in ("undefined", "lacking"):
        lead = "undefined" if key == "undefined" else ""
        sides = {lead: here.details.get(key), f"{lead} in training".strip(): there.details.get(key)}
        texts = [f"{side}: {why}" if side else str(why) for side, why in sides.items() if why]
        if texts:
            found[key] = "; ".join(texts)
    return found
