"""Fairness: check that no two groups of people differ by more than a limit."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Unpack

import numpy as np

from mlgates import metrics, options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError, OptionError, suppress_errors
from mlgates.evidence import Evidence, EvidenceNames
from mlgates.gates._metric_gate import require_binary
from mlgates.gates._shared import (
    By,
    bounded,
    confidence_of,
    enough,
    error_check,
    rounded_up,
    short_name,
    slices_of,
    unlabelled,
)
from mlgates.gates.fairness.comparison import Comparison, Over, Rule, rows_that_decide
from mlgates.gates.fairness.frame import metric_frame_of, strata_of_frame
from mlgates.gates.fairness.rates import CountedRows, Flags, GroupedOutcomes, GroupRates, in_words
from mlgates.gates.fairness.strata import Stratum, find_reference, reference_option
from mlgates.metrics import Metric
from mlgates.metrics.classification import Share
from mlgates.metrics.functions import FEWEST_RESAMPLES, FunctionMetric
from mlgates.metrics.retrieval import QueryMetric
from mlgates.predictions import Groups, Outcomes
from mlgates.predictions.groups import MAX_GROUPS, GroupRequest, Slice
from mlgates.predictions.labels import label_text
from mlgates.printable import first_of, number_of
from mlgates.progress import show_progress
from mlgates.stats.multiplicity import holm, holm_levels
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Verdict,
    before_rounding,
    format_interval,
    format_number,
    format_value,
    slice_clause,
)

__all__ = ["Fairness"]

_OWNER = "Fairness"

#: With more groups the arrays of all pairs would not fit into memory.
_MOST_GROUPS = 1_000
#: Largest number of names of groups in one sentence.
_MOST_NAMED = 5
_OVERS: tuple[Over, ...] = ("difference", "ratio", "group_min", "group_max")
#: Definitions of fairness, and the rates that they compare.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
}
#: What was measured in a stratum, the exception that it raised, or why the stratum is excluded.
StratumResult = Stratum | BaseException | str
#: The option that limits each comparison, and the reason that a message gives.
_SIDES: Mapping[Over, tuple[str, str]] = {
    "difference": ("at_most", "a difference of 0 means equal groups"),
    "ratio": ("at_least", "a ratio of 1 means equal groups"),
    "group_min": ("at_least", "the smallest value of any group has a lower limit"),
    "group_max": ("at_most", "the largest value of any group has an upper limit"),
}


class Definition(NamedTuple):
    """What the option `metric` of `Fairness` means: the rates, and how groups are compared.

    `name` is the value of the option. `rates` are the metrics that are compared between groups, and
    `over` is the comparison, such as "difference" or "ratio". If there are several rates, the gate
    judges the one with the worst value.
    """

    name: str
    over: Over
    rates: tuple[Metric, ...]


_ZERO_ONE_LOSS = Share(
    name="zero_one_loss",
    greater_is_better=False,
    share=lambda cells, _: (
        cells.sum((-2, -1)) - np.trace(cells, axis1=-2, axis2=-1),
        cells.sum((-2, -1)),
    ),
)


@dataclass(frozen=True, repr=False)
class Fairness(Gate):
    """Check that a rate or a metric differs between groups by no more than a limit.

    A difference between two groups beyond the limit is a FAIL if it is significantly different from
    0 (a ratio: from 1), and INCONCLUSIVE otherwise. The p-value is corrected for the number of
    pairs of groups. A group with too few rows has its own check, which is INCONCLUSIVE; it is never
    left out silently.

    Parameters
    ----------
    metric : str or callable
        The definition of fairness:

        - ``"demographic_parity_difference"`` compares selection rates,
          ``"equal_opportunity_difference"`` true positive rates, and
          ``"equalized_odds_difference"`` both true and false positive rates, of which the worse
          difference is judged. With ``_ratio`` at the end instead of ``_difference``, the ratio of
          the rates of two groups is judged.
        - The name of a metric with ``_difference``, ``_ratio``, ``_group_min`` (the smallest value
          of any group) or ``_group_max`` at the end, such as ``"recall_group_min"`` or
          ``"ndcg@10_difference"``. Fairlearn's names are accepted too.
        - A function of ``y_true`` and ``y_pred`` (or ``y_score``); the difference of its values
          between groups is judged.
    at_most : float, optional
        Inclusive limit of a difference, or of the largest value of any group.
    at_least : float, optional
        Inclusive limit of a ratio, or of the smallest value of any group.
    sensitive : str or sequence of str, optional
        Names of the sensitive features that define the groups: columns of `sensitive_features`, `X`
        or `data`. Several features are crossed: each combination of their values is a group. By
        default all columns of `sensitive_features` are used.
    label : int, bool or str, optional
        The class for which the metric is measured, if there are more than two classes, as in
        `Performance`.
    by : str, sequence of str, or mapping, optional
        Compare groups only within each stratum (subset of the rows) instead of in all rows. Columns
        of `X` or `data`, given by name, define one stratum for each combination of their values; a
        missing value counts as a value. A mapping defines strata by conditions, as in ``{"old":
        "age > 60"}``.
    reference_group : str, number, bool, date or mapping, optional
        The group with which each other group is compared. By default all pairs of groups are
        compared. Give the value of the sensitive feature, the name of the group in the report such
        as ``"sex=f"`` or, if several features are crossed, a mapping from each feature to a value.
    min_group_size : int
        Smallest number of rows in a group. If rows have weights, Kish's effective number of rows
        counts.
    small_groups : {"inconclusive", "exclude"}
        What happens with a group that has too few rows. "inconclusive": it makes the gate
        INCONCLUSIVE. "exclude": groups with fewer than `min_group_size` rows, or too few for the
        metric, are not compared, and neither are strata in which fewer than two groups remain; the
        reason lists them.
    empty_queries : {"inconclusive", "exclude"}
        For metrics of rankings: what happens with queries without a relevant document, as in
        `Performance`.
    missing_group : {"own", "error"}
        What happens with rows in which a sensitive feature is missing. "own": they form their own
        group. "error": they are an ERROR.
    decide_by : {"significance", "interval", "estimate"}
        "significance": a difference beyond the limit is a FAIL if it is significant, otherwise
        INCONCLUSIVE. "interval": PASS if the confidence intervals of all pairs are within the
        limit, FAIL if one is wholly beyond, otherwise INCONCLUSIVE. "estimate": the largest
        difference itself is compared with the limit.
    significance : float
        Largest probability of a FAIL, for the gate as a whole, if all groups are equal.
    confidence : float or None
        Confidence level of the interval of the largest difference, for all pairs of groups
        together, and of the interval of each group. None means no intervals; it is allowed only
        with ``decide_by="estimate"``.
    greater_is_better : bool, optional
        Whether larger values are better, for a metric given as a function.
    resamples : int, optional
        Number of bootstrap resamples for each group, for metrics whose interval is computed by
        resampling. The default is that of `Performance`.
    max_groups : int
        Largest number of groups that the sensitive features may define; a larger number is an
        ERROR.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The share of a group has Wilson's interval [1]_. The difference of two shares has Newcombe's
    interval [2]_, and the ratio of two shares Koopman's [3]_. For other metrics, Newcombe's formula
    combines the intervals of two groups. A group in which the metric is computed from fewer than 10
    rows (fewer than 10 positives for recall) is INCONCLUSIVE. For metrics of rankings, queries with
    a relevant document are counted instead of rows, and all documents of a query must be in the
    same group. Demographic parity and selection rates don't need `y_true`.

    The intervals of all pairs of groups hold simultaneously: in each interval, the normal quantile
    is replaced by that of the studentized range, divided by the square root of 2 [4]_. With
    `reference_group`, Sidak's correction [5]_ for the number of other groups is used instead; for
    the smallest or largest value of any group, it is Sidak's correction for the number of groups.
    With `by`, the p-values are also corrected for the number of strata, by Holm's method [6]_. With
    ``decide_by="interval"``, the confidence level of each stratum's intervals comes from the same
    method. So `significance` and `confidence` hold for the gate as a whole.

    If the evidence `clusters` is given, rows with the same value of `clusters` may depend on each
    other. Each group then has a cluster-robust interval, as in `Performance`. Newcombe's formula
    combines the intervals of two groups, and takes into account that groups with rows of the same
    clusters are correlated [7]_. A metric that has no cluster-robust interval is INCONCLUSIVE,
    unless ``decide_by="estimate"``.

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.
    .. [2] Newcombe, R. G. (1998). Interval estimation for the difference between independent
       proportions: comparison of eleven methods. Statistics in Medicine 17, 873-890.
    .. [3] Koopman, P. A. R. (1984). Confidence intervals for the ratio of two binomial
       proportions. Biometrics 40, 513-517.
    .. [4] Tukey, J. W. (1953). The problem of multiple comparisons. Princeton University.
    .. [5] Sidak, Z. (1967). Rectangular confidence regions for the means of multivariate normal
       distributions. Journal of the American Statistical Association 62, 626-633.
    .. [6] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
       Journal of Statistics 6, 65-70.
    .. [7] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> sex = ["f"] * 400 + ["m"] * 400
    >>> hired = [1, 0] * 200 + [1, 1, 1, 0] * 100
    >>> gate = Fairness("demographic_parity_difference", at_most=0.1)
    >>> result = gate.run(y_true=hired, y_pred=hired, sensitive_features={"sex": sex})
    >>> print(result.reason)
    `demographic_parity_difference` is 0.25 between sex=f (0.5) and sex=m (0.75) (n = 800 in 2
    groups); the limit is at most 0.1
    """

    needs: ClassVar[frozenset[str]] = frozenset({"y_true", "sensitive_features"})
    optional_evidence: ClassVar[frozenset[str]] = frozenset({"metric_frame"})
    info = GateInfo(
        summary="groups of people are treated equally: no two groups differ significantly by more "
        "than a limit",
        metrics={"(only the value)": "the metric that the gate is named after"},
        fewest_rows="two groups of 30 rows each (set by `min_group_size`), and 10 rows of each "
        "that the metric is based on",
        allowed="a difference beyond the limit that is not significant; with "
        "`decide_by='interval'`, a difference whose interval contains the limit. A group that is "
        "too small always blocks",
        needs="`sensitive_features`, `y_true` (not for selection rates), and one of these: "
        "`y_pred`, `y_score`, `model` with `X`. `metric_frame` replaces all of them",
        uses="`sample_weight`, `row_counts`, `clusters`, `pos_label`, `classes`, `data`",
    )
    metric: str | Callable[..., object]
    _: KW_ONLY
    at_most: float | None = None
    at_least: float | None = None
    sensitive: str | Sequence[str] | None = None
    label: int | str | None = None
    by: By | None = None
    reference_group: Any = field(default=None, metadata={"mapping": True})
    min_group_size: int = 30
    small_groups: Literal["inconclusive", "exclude"] = "inconclusive"
    empty_queries: Literal["inconclusive", "exclude"] = "inconclusive"
    missing_group: Literal["own", "error"] = "own"
    decide_by: Literal["significance", "interval", "estimate"] = "significance"
    significance: float = 0.05
    confidence: float | None = 0.95
    greater_is_better: bool | None = None
    resamples: int | None = None
    max_groups: int = MAX_GROUPS

    def __post_init__(self) -> None:
        self._convert("greater_is_better", options.flag)
        defined = self._definition
        side, why = _SIDES[defined.over]
        other = "at_most" if side == "at_least" else "at_least"
        given = {"at_least": self.at_least, "at_most": self.at_most}
        if given[other] is not None:
            hint = f"; `{defined.name}` takes `{side}`: {why}"
            raise options.refuse(_OWNER, other, "left out", given[other], hint)
        if given[side] is None:
            hint = f"; there is no default limit for `{defined.name}`"
            raise options.refuse(_OWNER, side, "given", None, hint)
        low = max(rate.low for rate in defined.rates)
        high = min(rate.high for rate in defined.rates)
        if defined.over in ("difference", "ratio"):
            low, high = 0.0, 1.0 if defined.over == "ratio" else high - low
        self._convert(side, bounded, low, math.inf if math.isnan(high) else high)
        self._convert("label", options.label)
        require_binary(_OWNER, self.label, *defined.rates)
        self._convert("sensitive", options.some)
        self._convert("by", slices_of)
        self._convert("reference_group", reference_option, self.sensitive)
        if self.reference_group is not None and defined.over not in ("difference", "ratio"):
            allowed = f"left out for `{defined.name}`"
            hint = ": single groups are compared with the limit, not with each other"
            raise options.refuse(_OWNER, "reference_group", allowed, self.reference_group, hint)
        needs = {"y_true"} if any(rate.uses_labels for rate in defined.rates) else set()
        # the columns in `sensitive` may be in `X` or `data`
        needs |= {"sensitive_features"} if self.sensitive is None else set()
        self._set("needs", frozenset(needs))
        self._convert("min_group_size", options.count, at_least=1)
        self._convert("max_groups", options.count, at_least=2)
        self._convert("small_groups", options.choice, ("inconclusive", "exclude"))
        self._convert("empty_queries", options.choice, ("inconclusive", "exclude"))
        if self.empty_queries == "exclude" and not isinstance(defined.rates[0], QueryMetric):
            allowed = f"left out for `{defined.name}`, which is not measured by query"
            raise options.refuse(_OWNER, "empty_queries", allowed, "exclude")
        self._convert("missing_group", options.choice, ("own", "error"))
        self._convert("decide_by", options.choice, ("significance", "interval", "estimate"))
        self._convert("significance", options.number, at_least=1e-9, at_most=0.5)
        self._convert("resamples", options.count, at_least=FEWEST_RESAMPLES)
        if self.confidence is not None:
            self._convert("confidence", confidence_of)
        elif self.decide_by != "estimate":
            hint = f"; decide_by={self.decide_by!r} needs intervals"
            raise options.refuse(_OWNER, "confidence", "from 0.5 to less than 1", None, hint)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind of the gate, the metric, the label if one is given, and the sensitive features.

        For example ``"fairness:recall_ratio:sex+region"``.
        """
        label = "" if self.label is None else f":{short_name(str(self.label))}"
        features = "" if self.sensitive is None else ":" + "+".join(self.sensitive)
        return f"{self.kind}:{self._definition.name}{label}{features}"

    @property
    def _definition(self) -> Definition:
        defined = definition(self.metric, self.greater_is_better)
        if self.empty_queries != "exclude":
            return defined
        rates = tuple(
            replace(rate, exclude_empty=True) if isinstance(rate, QueryMetric) else rate
            for rate in defined.rates
        )
        return defined._replace(rates=rates)

    def request_counts(self, evidence: Evidence) -> None:
        """Register the features that define the groups.

        The rows are then divided into groups only once for all gates of the run.
        """
        super().request_counts(evidence)
        evidence.register(GroupRequest(tuple(self.sensitive or ()), self.by, self.max_groups))

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield one check that compares the groups, and one for each group that is too small.

        The first check has the largest difference, the smallest ratio, or the worst value of a
        group, according to the metric. A group with too few rows can't be compared, so its check is
        INCONCLUSIVE. With the option `by`, there are such checks for each stratum (subset of the
        rows).
        """
        name, results = self._definition.name, self._results(evidence)
        for stratum, result in results:
            if isinstance(result, BaseException):
                yield error_check(name, name, result, stratum)
        measured = [one for _, one in results if isinstance(one, Stratum)]
        if not measured and any(isinstance(result, str) for _, result in results):
            reason = f"`{name}` can't be checked: all slices of `by` are excluded, because fewer "
            reason += "than two of their groups have enough rows"
            undecided = Verdict.INCONCLUSIVE
            yield Check(subject=name, metric=name, verdict=undecided, reason=reason)
        m, confidence = len(measured), self.confidence or 0.95
        levels = (confidence,) * m
        if self.decide_by == "interval" and m > 1:
            beyond = [partial(self._is_beyond, one, m) for one in measured]
            levels = holm_levels(beyond, confidence)
        rules = [self._rule(one, level, m) for one, level in zip(measured, levels, strict=True)]
        compared = [one.compare(rule) for one, rule in zip(measured, rules, strict=True)]
        p_values = holm([_smallest_p_value(every) for every in compared]).tolist()
        for found in zip(measured, rules, levels, compared, p_values, strict=True):
            yield self._gap_check(*found)
            yield from self._group_checks(found[0], found[3])

    def note(self, evidence: Evidence) -> str:
        """Return a remark that lists the excluded groups and strata, and why they are excluded."""
        why: dict[str, str] = {}
        for stratum, one in self._results(evidence):
            if isinstance(one, str):
                why[stratum or ""] = one
            if not isinstance(one, Stratum):
                continue
            for rates in one.rates:
                for g in np.flatnonzero(self._excluded(rates)).tolist():
                    reason = in_words(int(rates.rows[g]), rates.noun)
                    if one.size[g] >= self.min_group_size:
                        reason = f"`{rates.metric}`: {rates.insufficient[g]}"
                    why.setdefault(one.named(rates.groups[g]), reason)
        small = [f"{group} ({reason})" for group, reason in why.items()]
        return f"excluded groups: {first_of(small, _MOST_NAMED)}" if small else ""

    def _results(self, evidence: Evidence) -> list[tuple[str | None, StratumResult]]:
        """Return pairs of a stratum's name and its rates; without `by`, one pair with None."""
        # cached, because `check` and `note` use the same rates
        return evidence.cached("group rates", self, partial(self._measure, evidence))

    def _measure(self, evidence: Evidence) -> list[tuple[str | None, StratumResult]]:
        if "metric_frame" in evidence:
            for given in ("clusters", "sample_weight", "row_counts"):
                if given in evidence:
                    msg = f"`{given}` can't be given with `metric_frame`, which has no rows; "
                    msg += "give one of the two"
                    raise EvidenceError(msg)
            return list(self._of_frame(evidence["metric_frame"]))
        outcomes = self._outcomes(evidence)
        groups = self._groups(evidence, self.by)
        if self.missing_group == "error":
            rows = int(np.isin(groups.codes, np.flatnonzero(groups.missing)).sum())
            if rows:
                features = " or ".join(f"`{name}`" for name in groups.features)
                text = number_of(rows, "row has", "rows have")
                raise EvidenceError(
                    f"{text} no value of {features}; missing_group='own' makes such rows a group"
                )
        of_groups = groups.features, groups.names, groups.values
        reference = find_reference(self.reference_group, *of_groups)
        # counted once for all gates of a run
        make = partial(CountedRows, outcomes, groups.crossing)
        counted = evidence.cached("counted rows", (outcomes, groups.crossing), make)
        parts: tuple[Slice | None, ...] = groups.strata or (None,)
        results: list[tuple[str | None, StratumResult]] = []
        k = max(1, len(groups.names) * len(parts))
        with self._shown_metrics(evidence, k, outcomes) as every:
            for part in parts:
                name = None if part is None else part.name
                with suppress_errors() as caught:  # the other strata are still measured
                    grouped = GroupedOutcomes(counted, groups, None if part is None else part.rows)
                    rates = tuple(grouped.rates(metric, **self._measured_with) for metric in every)
                    stratum = Stratum(
                        name,
                        rates,
                        reference,
                        grouped.size,
                        grouped.dropped,
                        grouped.empty_queries,
                    )
                    result = self._unless_small(stratum)
                if caught.error is not None and part is None:
                    raise caught.error
                results.append((name, caught.error or result))
        return results

    def _of_frame(self, frame: object) -> Iterator[tuple[str | None, StratumResult]]:
        """Yield the name and the rates of each stratum of a `MetricFrame`."""
        if self.label is not None:
            raise EvidenceError("`label` can't be applied to `metric_frame`, which has no labels")
        if isinstance(self._definition.rates[0], QueryMetric):
            msg = (
                f"`{self._definition.name}` is measured by query, but `metric_frame` counts rows; "
            )
            msg += "pass `y_true`, `y_score`, `query_id` and the sensitive features instead"
            raise EvidenceError(msg)
        sensitive, by, rates = self.sensitive or (), self.by or (), self._definition.rates
        for part in strata_of_frame(frame, rates, tuple(sensitive), tuple(by), self._measured_with):
            names = part.rates[0].groups
            reference = find_reference(self.reference_group, part.features, names, part.values)
            stratum = Stratum(part.name, part.rates, reference, part.size)
            yield part.name, self._unless_small(stratum)

    def _unless_small(self, stratum: Stratum) -> StratumResult:
        """Return the stratum, or a reason if it is excluded because its groups are too small."""
        k = max(int(rates.comparable.sum()) for rates in stratum.rates)
        if k > _MOST_GROUPS:
            raise EvidenceError(
                f"{k:,} groups are too many to compare; at most {_MOST_GROUPS:,} are allowed"
            )
        if stratum.name is not None and self.small_groups == "exclude" and stratum.too_small:
            return "fewer than two groups have enough rows"
        return stratum

    def _outcomes(self, evidence: Evidence) -> Outcomes:
        wanted = self._definition.rates
        return evidence.outcomes(
            wanted[0].need,
            scores=wanted[0].scores,
            label=self.label,
            uses_labels=any(metric.uses_labels for metric in wanted),
        )

    def _groups(self, evidence: Evidence, by: Any) -> Groups:
        names = tuple(self.sensitive or ())
        return evidence.groups(names=names, by=by, max_groups=self.max_groups)

    def missing_evidence(self, evidence: Evidence) -> list[str]:
        """Return the names of the required arguments of `run` that were not given.

        If `metric_frame` was given, no other argument is required.
        """
        return [] if "metric_frame" in evidence else super().missing_evidence(evidence)

    def metric_frame(self, **evidence: Unpack[EvidenceNames]) -> Any:
        """Return a `MetricFrame` of fairlearn with the rates of this gate in each group.

        The frame has two kinds of counts: the metric `count` is the number of rows of each group,
        and for each rate that is a share of rows, a metric such as `true_positive_rate_count` is
        the number of rows in the denominator. The columns in `by` are the control features.

        You can give this frame to `run` as ``metric_frame=`` instead of all other evidence. The
        verdict is the same, except in two cases, because the frame has no rows:

        - A metric that is not a share of rows, such as F1, has no interval. Its checks are
          INCONCLUSIVE, unless the gate has ``decide_by="estimate"``.
        - If `clusters` was given to this method, the intervals do not take clusters into account.

        Parameters
        ----------
        **evidence
            The arguments of `run`, such as ``y_true=`` and ``sensitive_features=``.

        Returns
        -------
        fairlearn.metrics.MetricFrame
            The frame. In its index, a missing value of a feature is replaced by the string
            "missing".

        Raises
        ------
        EvidenceError
            For evidence that is missing or invalid.
        OptionError
            If `by` has conditions, because only columns can be control features, and for metrics of
            rankings, because the frame counts rows instead of queries.

        Examples
        --------
        >>> gate = Fairness("demographic_parity_difference", at_most=0.1)
        >>> sex = ["f", "m", "f", "m"]
        >>> frame = gate.metric_frame(y_pred=[0, 1, 1, 1], sensitive_features={"sex": sex})
        >>> print(frame.difference()["selection_rate"])
        0.5
        """
        if not all(isinstance(item, str) for item in self.by or ()):
            raise OptionError(
                f"{self.name}: a MetricFrame can't have slices that are conditions; name columns "
                "in `by`"
            )
        if isinstance(self._definition.rates[0], QueryMetric):
            raise OptionError(
                f"{self.name}: a MetricFrame counts rows, but the metric is measured by query"
            )
        given = Evidence(evidence, also=self.needs | self.optional_evidence)
        missing = super().missing_evidence(given)
        if missing:
            raise EvidenceError(given.lacking(missing))
        control = None
        if self.by:
            control = given.groups(tuple(self.by), max_groups=self.max_groups)
        outcomes, groups = self._outcomes(given), self._groups(given, None)
        return metric_frame_of(self._definition.rates, outcomes, groups, control)

    @contextmanager
    def _shown_metrics(
        self, evidence: Evidence, groups: int, outcomes: Outcomes
    ) -> Iterator[list[Metric]]:
        """Yield the metrics of the definition; a progress bar counts calls of a user's function.

        The total of the bar is estimated from the number of `groups` and of all rows. Rows in
        clusters are not resampled.
        """
        decides = self.decide_by != "estimate"
        every = [
            replace(metric, resamples=self.resamples, decides=decides)
            for metric in self._definition.rates
        ]
        called = [metric for metric in every if isinstance(metric, FunctionMetric)]
        if not (self.confidence and called and outcomes.cluster is None):
            yield every
            return
        calls = groups * sum(metric.calls(outcomes.n // groups) for metric in called)
        with show_progress(calls, unit="call", shown=evidence.progress) as shown:
            yield [
                replace(metric, on_calls=shown.step)
                if isinstance(metric, FunctionMetric)
                else metric
                for metric in every
            ]

    @property
    def _measured_with(self) -> dict[str, Any]:
        """Options of `GroupedOutcomes.rates`."""
        confidence, bounded = self.confidence or 0.0, self.decide_by != "estimate"
        return {"confidence": confidence, "least": self.min_group_size, "bounded": bounded}

    def _excluded(self, rates: GroupRates) -> Flags:
        """Return which groups are excluded because they are too small, as one bool per group."""
        return rates.small if self.small_groups == "exclude" else np.zeros_like(rates.small)

    def _rule(self, stratum: Stratum, level: float, strata: int) -> Rule:
        """Return how the groups of a stratum are compared, with intervals at a `level`."""
        defined = self._definition
        of = len(defined.rates)
        limit, significance = Limit(self.at_least, self.at_most), self.significance / of / strata
        reference = stratum.reference.group
        confidence = 1 - (1 - level) / of
        return Rule(defined.over, limit, self.decide_by, significance, confidence, reference)

    def _is_beyond(self, stratum: Stratum, strata: int, level: float) -> bool:
        """Return whether the interval of a rate at a `level` is beyond the limit."""
        rule = self._rule(stratum, level, strata)
        intervals = [one.interval for one in stratum.compare(rule)]
        return any(ends is not None and rule.limit.excludes(ends) for ends in intervals)

    def _group_checks(self, stratum: Stratum, every: list[Comparison]) -> Iterator[Check]:
        """Yield a check for each group, and each rate, that can't be compared."""
        name = self._definition.name
        if stratum.name is not None and not stratum.size.any():
            return  # the check of the stratum says that it has no rows
        for rates, value, *_ in every:
            excluded = self._excluded(rates)
            details = rates.details(excluded)
            undecided = partial(
                Check, subject=name, metric=rates.metric, verdict=Verdict.INCONCLUSIVE
            )
            for g in np.flatnonzero(~(rates.comparable | excluded)).tolist():
                group = stratum.named(rates.groups[g])
                where = f"`{rates.metric}`{slice_clause(stratum.name)}"
                why = f"can't be compared for {rates.groups[g]}: {rates.insufficient[g]}"
                yield undecided(
                    reason=f"{where} {why}",
                    group=group,
                    n=int(rates.rows[g]),
                    details={"groups": (details[g],)},
                )
            if len(every) > 1 and value is None:
                few = np.count_nonzero(rates.comparable) < 2
                why = (
                    "fewer than two groups can be compared" if few else stratum.insufficient(rates)
                )
                why = why or "the metric is 0 in every group"
                over = self._definition.over
                reason = f"the {over} of `{rates.metric}` between groups is undefined: {why}"
                yield undecided(reason=reason, group=stratum.name, n=int(rates.rows.sum()))

    def _gap_check(
        self,
        stratum: Stratum,
        rule: Rule,
        level: float,
        every: list[Comparison],
        p_value: float,
    ) -> Check:
        """Return the check of the rate with the worst value over the comparable groups.

        `every` has the comparison of each rate of the definition, and `p_value` is adjusted for all
        of them and for the strata.
        """
        name, limit, over = self._definition.name, rule.limit, rule.over
        gaps = [one for one in every if one.value is not None]
        # of differences and largest values the largest is the worst, otherwise the smallest
        extreme = min if over in ("ratio", "group_min") else max
        worst = extreme(gaps, key=lambda one: one.value or 0.0) if gaps else None
        rates = (worst or every[0]).rates
        n = int((rates.rows if worst is None else rates.rows[rates.comparable]).sum())
        ends = [one.interval for one in gaps if one.interval is not None]
        interval = None
        if gaps and len(ends) == len(gaps) and self.confidence:
            interval = extreme(low for low, _ in ends), extreme(high for _, high in ends)
        method = rates.method
        if rates.is_share and over in ("difference", "ratio"):
            method = "Koopman" if over == "ratio" else "Newcombe"
        groups = {one.rates.metric: one.rates.details(self._excluded(one.rates)) for one in every}
        details: dict[str, object] = {"groups": groups[rates.metric]}
        if len(every) > 1:
            details["rates"] = groups
        if rates.clusters is not None:
            details["clusters"] = rates.clusters
        if stratum.reference.group is not None:
            details["reference"] = rates.groups[stratum.reference.group]
        if worst is not None:
            details |= before_rounding(worst.exact, worst.value or 0.0, limit)
            details["rate"] = rates.metric
            details["worst"] = tuple(rates.groups[g] for g in sorted(set(worst.worst)))
            if worst.chance is not None:
                details["chance"] = worst.chance
        among = "groups" if over.startswith("group") else "pairs"
        among += "" if self.reference_group is None else " with the reference group"
        measurement = Measurement(
            None if worst is None else worst.value,
            n=n,
            dropped=stratum.dropped,
            interval=interval,
            confidence=level if self.confidence else None,
            p_value=p_value if gaps and self.confidence else None,
            method=f"{method} for all {among}",
            details=details,
        )
        shown = ""
        if self.decide_by == "interval" and interval is not None:
            shown = f"{format_interval(interval, level, limit=limit)}, "
        left_out = int(self._excluded(rates).sum())
        text, insufficient = self._describe(stratum, worst, left_out, shown)
        present = [group for group, n in zip(rates.groups, stratum.size, strict=True) if n]
        if len(present) == 1:
            insufficient = f"{present[0]} is the only group; at least two are needed"
        judge = partial(
            Check.judge,
            name,
            name,
            limit=limit,
            rule=self.decide_by,
            significance=self.significance,
            group=stratum.name,
            insufficient=insufficient,
        )
        check = judge(measurement, said=text)
        if worst is None or not check.by_chance:
            return check
        chance = ""
        if self.decide_by == "significance" and worst.chance is not None:
            bound = "differences up to" if over == "difference" else "ratios down to"
            chance = f"{bound} {format_number(worst.chance)}"
        elif self.decide_by == "interval":
            text += self._far_end(worst, gaps)
        if self.decide_by == "interval":  # one rate that is beyond the limit is enough for a FAIL
            beyond = [one for one in gaps if not limit.holds(one.value or 0.0)]
            gaps = [min(beyond, key=lambda one: one.p_value)] if beyond else gaps
        # a PASS of several rates needs a decision on each of them
        rows = max(rows_that_decide(one.rates, rule, n) or math.inf for one in gaps)
        remedy = ""
        if n < rows < 1e12:
            noun = rates.noun
            if rates.clusters is not None:
                rows, noun = rounded_up(rates.clusters * rows / n), "clusters"
            remedy = enough(int(rows), noun)
            measurement = replace(measurement, details={**details, f"{noun}_needed": rows})
        return judge(measurement, said=text, chance=chance, remedy=remedy)

    def _far_end(self, worst: Comparison, gaps: list[Comparison]) -> str:
        """Return a clause that names the groups of the worse end of the interval of the check.

        The clause is empty if these are the groups with the worst value. `gaps` has the comparisons
        of all rates, and `worst` is the one with the worst value.
        """
        least = self._definition.over in ("ratio", "group_min")
        known = [(one.interval, one) for one in gaps if one.interval is not None]
        if least:
            far = min(known, key=lambda pair: pair[0][0])[1]
        else:
            far = max(known, key=lambda pair: pair[0][1])[1]
        if far is worst and set(far.widest) == set(far.worst):
            return ""
        names = " and ".join(far.rates.groups[g] for g in sorted(set(far.widest)))
        metric = f" (`{far.rates.metric}`)" if len(gaps) > 1 else ""
        end = "lower" if least else "upper"
        return f"; the {end} end of the interval comes from {names}{metric}"

    def _describe(
        self, stratum: Stratum, worst: Comparison | None, left_out: int, interval: str
    ) -> tuple[str, str]:
        """Return a sentence on what was measured, and a clause on why it can't be decided.

        `worst` is the comparison with the worst value; it is None if the metric is undefined.
        `left_out` is the number of excluded groups. `interval` is the interval in words, or "". The
        clause is "" if a decision is possible.
        """
        name, limit = f"`{self._definition.name}`", Limit(self.at_least, self.at_most)
        name += "" if self.label is None else f" of {label_text(self.label)}"
        name += slice_clause(stratum.name)
        dropped, need = unlabelled(stratum.dropped, stratum.rates[0].noun)
        if worst is None and not any(rates.rows.any() for rates in stratum.rates):
            return f"{name} is undefined{dropped}", need
        if worst is None:
            whys = [stratum.insufficient(rates) for rates in stratum.rates]
            most = max(stratum.rates, key=lambda rates: int(rates.comparable.sum()))
            why = "a ratio needs a metric that is above 0 in at least one group and below 0 in none"
            return f"{name} is undefined{dropped}", stratum.insufficient(most) if all(whys) else why
        rates, pair, insufficient = worst.rates, sorted(set(worst.worst)), ""
        if rates.metric == "selection_rate" and not rates.value[rates.comparable].any():
            insufficient = "nothing to compare: no row of any group is predicted positive"
        text = f"{name} is {format_value(worst.value, limit)}"
        count = f"{rates.rows[rates.comparable].sum():,}"
        count += " queries" if rates.noun == "queries" else ""
        if stratum.empty_queries:
            count += f" and {stratum.empty_queries:,} without a relevant document"
        sizes = f"({interval}n = {count} in {rates.comparable.sum():,} groups"
        if rates.clusters is not None:
            sizes += f" and {number_of(rates.clusters, 'cluster')}"
        if left_out:
            sizes += f", {number_of(left_out, 'group')} excluded as too small"
        sizes += f"){dropped}"
        if len(pair) == 1:
            return f"{text}, in {rates.groups[pair[0]]} {sizes}", insufficient or need
        metric = f"{rates.metric} " if len(stratum.rates) > 1 else ""
        one, other = (
            f"{rates.groups[g]} ({metric}{format_number(float(rates.value[g]))})" for g in pair
        )
        return f"{text} between {one} and {other} {sizes}", insufficient or need


def _smallest_p_value(every: list[Comparison]) -> float:
    """Return the smallest p-value of the rates, adjusted for their number; NaN if there is none."""
    p_values = [one.p_value for one in every if one.value is not None]
    return min(1.0, len(every) * min(p_values)) if p_values else math.nan


def definition(metric: object, greater_is_better: bool | None) -> Definition:  # noqa: FBT001
    """Return the definition of fairness with a given name, or for a function of the user.

    A name has two parts. The first is a definition such as "demographic_parity", or a metric of
    this library, scikit-learn or fairlearn. The second is ``_difference`` or ``_ratio``, or for a
    metric also ``_group_min`` or ``_group_max``. For a function, the difference of its values
    between groups is judged.

    Raises
    ------
    OptionError
        If the name is unknown or lacks the second part; the message suggests the nearest known
        name. Also if `greater_is_better` is given for a definition such as "demographic_parity".

    Examples
    --------
    >>> odds = definition("equalized_odds_ratio", None)
    >>> odds.over, [rate.name for rate in odds.rates]
    ('ratio', ['true_positive_rate', 'false_positive_rate'])
    >>> definition("demographic_parity", None)
    Traceback (most recent call last):
    mlgates.errors.OptionError: Fairness: `metric` must be ...; did you mean 'demographic_parity...
    """
    if not isinstance(metric, str) and callable(metric):
        wrapped = metrics.find(metric, _OWNER, greater_is_better)
        return Definition(f"{wrapped.name}_difference", "difference", (wrapped,))
    for over in _OVERS if isinstance(metric, str) else ():
        name = str(metric).removesuffix(f"_{over}")
        # a minimum over different rates has no meaning
        if name == metric or (name in _NAMED and over in ("group_min", "group_max")):
            continue
        if name in _NAMED:
            if greater_is_better is not None:
                allowed = f"left out for `{name}`"
                raise options.refuse(_OWNER, "greater_is_better", allowed, greater_is_better)
            rates = tuple(metrics.METRICS[rate] for rate in _NAMED[name])
            return Definition(str(metric), over, rates)
        if name == _ZERO_ONE_LOSS.name:
            return Definition(str(metric), over, (_ZERO_ONE_LOSS,))
        if "@" in name and metrics.named(name) is not None:
            return Definition(str(metric), over, (metrics.find(name, _OWNER, greater_is_better),))
        for spelling in (name, name.removesuffix("_score"), name.removesuffix("_loss")):
            if spelling in metrics.NAMES:
                rate = metrics.find(spelling, _OWNER, greater_is_better)
                return Definition(str(metric), over, (rate,))
        other = metrics.library_metric(name, greater_is_better=greater_is_better)
        if other is not None:
            return Definition(str(metric), over, (other,))
    names = [f"{name}_{over}" for name in _NAMED for over in ("difference", "ratio")]
    names += [f"{name}_{over}" for name in metrics.NAMES for over in _OVERS]
    allowed = "a definition such as 'demographic_parity_difference', '<metric>_difference', "
    allowed += "'<metric>_ratio', '<metric>_group_min', '<metric>_group_max', or a function"
    raise options.refuse(_OWNER, "metric", allowed, metric, options.did_you_mean(metric, names))
