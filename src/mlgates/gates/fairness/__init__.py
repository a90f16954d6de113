"""Fairness: no two groups differ significantly by more than a limit."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from typing import ClassVar, Literal, NamedTuple

import numpy as np

from mlgates import metrics, options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import bounded, confidence_of
from mlgates.gates.fairness.comparison import Comparison, Over, Rule, compare, rows_that_decide
from mlgates.gates.fairness.rates import Flags, GroupedOutcomes
from mlgates.metrics import Metric
from mlgates.metrics.classification import Share
from mlgates.verdict import Check, Limit, Measurement, Verdict, format_number, format_value

__all__ = ["Fairness"]

_OWNER = "Fairness"

#: Pairs of more groups than these would not fit into memory, and no report could show them.
_MOST_GROUPS = 1_000
#: Names of groups in one sentence.
_MOST_NAMED = 5
_OVERS: tuple[Over, ...] = ("difference", "ratio", "group_min", "group_max")
#: Named definitions: the rates of which the worst gap counts.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
}
#: The side of the limit, and why it is that one.
_SIDES: Mapping[Over, tuple[str, str]] = {
    "difference": ("at_most", "a difference is 0 where all groups are alike"),
    "ratio": ("at_least", "a ratio is 1 where all groups are alike"),
    "group_min": ("at_least", "it is the smallest value of any group"),
    "group_max": ("at_most", "it is the largest value of any group"),
}


class Definition(NamedTuple):
    """What is compared between groups: one rate, or several of which the worst counts."""

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
    """Check that no two groups differ in a rate or a metric by more than a limit.

    A gap beyond the limit is a FAIL when it is significant, corrected for all pairs of groups:
    `significance` is the chance of a FAIL where all groups are alike. A gap beyond the limit that
    is not significant is INCONCLUSIVE, and so is a group that is too small or has no rows for the
    rate: it is named in a check, never left out silently.

    Parameters
    ----------
    metric : str or callable
        A definition, ``"demographic_parity_difference"``, ``"equalized_odds_difference"`` (the
        worse of the true and the false positive rate), ``"equal_opportunity_difference"``, each
        also as ``..._ratio``; or any metric with ``_difference``, ``_ratio``, ``_group_min`` or
        ``_group_max``, such as ``"recall_group_min"``; fairlearn's spellings too. A function of
        ``y_true`` and ``y_pred`` (or ``y_score``) is judged by its difference.
    at_most : float, optional
        The inclusive limit of a difference, and of a largest value of any group.
    at_least : float, optional
        The inclusive limit of a ratio, and of a smallest value of any group.
    min_group_size : int
        Fewest rows of a group.
    small_groups : {"inconclusive", "exclude"}
        "exclude": groups under `min_group_size` are listed and not judged.
    missing_group : {"own", "error"}
        "own": rows without a value of a sensitive feature are a group. "error": they are an ERROR.
    decide_by : {"significance", "interval", "estimate"}
        "interval": PASS when the intervals of all pairs are within the limit, FAIL when that of one
        is beyond. "estimate": the largest gap itself decides.
    significance : float
        Chance of a FAIL where all groups are alike, for the gate as a whole.
    confidence : float
        Of the intervals: of the largest gap over all pairs together, and of each group's value.
    greater_is_better : bool, optional
        The direction of a function.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    A share has Wilson's interval by the rows that it is a share of, a difference of two Newcombe's
    and a ratio Koopman's, at the level of the studentized range, at which all pairs hold together.
    Other metrics have their own intervals, joined in the same way. A metric that rests on fewer
    than 10 rows of a group is not estimable. Several sensitive features are crossed.

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
    info = GateInfo(
        summary="no two groups differ by more than a limit, as far as chance lets one tell",
        metrics={"not repeated": "the metric that the gate is named after"},
        fewest_rows="30 in each group: `min_group_size`; 10 that the metric rests on; two groups",
        forgives="a gap beyond the limit, but not significantly; by intervals, one whose interval "
        "reaches across. Never a group that is too small",
        uses="`y_pred` or `y_score`, or `model` and `X`; `sample_weight`, `pos_label`, `data`",
    )
    metric: str | Callable[..., object]
    _: KW_ONLY
    at_most: float | None = None
    at_least: float | None = None
    min_group_size: int = 30
    small_groups: Literal["inconclusive", "exclude"] = "inconclusive"
    missing_group: Literal["own", "error"] = "own"
    decide_by: Literal["significance", "interval", "estimate"] = "significance"
    significance: float = 0.05
    confidence: float = 0.95
    greater_is_better: bool | None = None

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
            hint = f"; `{defined.name}` has no default limit"
            raise options.refuse(_OWNER, side, "given", None, hint)
        low = max(rate.low for rate in defined.rates)
        high = min(rate.high for rate in defined.rates)
        if defined.over in ("difference", "ratio"):
            low, high = 0.0, 1.0 if defined.over == "ratio" else high - low
        self._convert(side, bounded, low, math.inf if math.isnan(high) else high)
        self._convert("min_group_size", options.count, at_least=1)
        self._convert("small_groups", options.choice, ("inconclusive", "exclude"))
        self._convert("missing_group", options.choice, ("own", "error"))
        self._convert("decide_by", options.choice, ("significance", "interval", "estimate"))
        self._convert("significance", options.number, at_least=1e-9, at_most=0.5)
        self._convert("confidence", confidence_of)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind, with what is compared."""
        return f"{self.kind}:{self._definition.name}"

    @property
    def _definition(self) -> Definition:
        return definition(self.metric, self.greater_is_better)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the largest gap, then what keeps each group from being judged."""
        defined, of = self._definition, len(self._definition.rates)
        grouped, excluded = self._grouped(evidence)
        if self.missing_group == "error":
            groups = grouped.groups
            missing = np.isin(groups.codes, np.flatnonzero(groups.missing))
            rows = int(missing.sum())
            if rows:
                features = " or ".join(f"`{name}`" for name in groups.features)
                text = "1 row has" if rows == 1 else f"{rows:,} rows have"
                msg = f"{text} no value of {features}, and `missing_group` is 'error'"
                raise EvidenceError(msg)
        limit, level = Limit(self.at_least, self.at_most), 1 - (1 - self.confidence) / of
        rule = Rule(defined.over, limit, self.decide_by, self.significance / of, level)
        every: list[Comparison] = []
        for metric in defined.rates:
            is_bounded = self.decide_by != "estimate"
            rates = grouped.rates(metric, self.confidence, self.min_group_size, bounded=is_bounded)
            k = int(rates.judged.sum())
            if k > _MOST_GROUPS:
                msg = f"{k:,} groups are too many to be compared; at most {_MOST_GROUPS:,} can be"
                raise EvidenceError(msg)
            every.append(compare(rates, rule))
        yield self._gap_check(rule, every, grouped, excluded)
        for rates, value, *_ in every:
            details, name = rates.details(excluded), defined.name
            undecided = partial(
                Check, subject=name, metric=rates.metric, verdict=Verdict.INCONCLUSIVE
            )
            for g in np.flatnonzero(~(rates.judged | excluded)).tolist():
                why = f"can't be judged for {rates.groups[g]}: {rates.insufficient[g]}"
                yield undecided(
                    reason=f"`{rates.metric}` {why}",
                    group=rates.groups[g],
                    n=int(rates.rows[g]),
                    details={"groups": (details[g],)},
                )
            if of > 1 and value is None:
                few = np.count_nonzero(rates.judged) < 2
                why = "fewer than two groups can be judged" if few else "it is 0 in every group"
                reason = f"`{rates.metric}` has no {defined.over} between groups: {why}"
                yield undecided(reason=reason, n=int(rates.rows.sum()))

    def note(self, evidence: Evidence) -> str:
        """Return which groups were not judged because they are small."""
        grouped, excluded = self._grouped(evidence)
        small = [
            f"{grouped.names[g]} ({grouped.rows[g]:,} {'row' if grouped.rows[g] == 1 else 'rows'})"
            for g in np.flatnonzero(excluded)
        ]
        more = len(small) - _MOST_NAMED
        named = ", ".join(small[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
        return f"not judged: {named}" if small else ""

    def _grouped(self, evidence: Evidence) -> tuple[GroupedOutcomes, Flags]:
        """Return the outcomes by group, and which groups are excluded because they are small."""
        first = self._definition.rates[0]
        outcomes, groups = evidence.outcomes(first.need, scores=first.scores), evidence.groups()
        # several gates of a run count the same groups once
        key, make = (first.need, first.scores), partial(GroupedOutcomes, outcomes, groups)
        grouped: GroupedOutcomes = evidence.cached("grouped outcomes", key, make)
        small = grouped.size < self.min_group_size
        return grouped, small if self.small_groups == "exclude" else np.zeros_like(small)

    def _gap_check(
        self, rule: Rule, every: list[Comparison], grouped: GroupedOutcomes, excluded: Flags
    ) -> Check:
        """Return the check of the worst rate over the groups that can be judged."""
        name, limit, over = self._definition.name, rule.limit, rule.over
        gaps = [one for one in every if one.value is not None]
        # the largest counts; of ratios and of smallest values the smallest
        extreme = min if over in ("ratio", "group_min") else max
        worst = extreme(gaps, key=lambda one: one.value or 0.0) if gaps else None
        rates = (worst or every[0]).rates
        n = int((rates.rows if worst is None else rates.rows[rates.judged]).sum())
        ends = [one.interval for one in gaps if one.interval is not None]
        interval = None
        if gaps and len(ends) == len(gaps):
            interval = extreme(low for low, _ in ends), extreme(high for _, high in ends)
        method = rates.method
        if rates.is_share and over in ("difference", "ratio"):
            method = "Koopman" if over == "ratio" else "Newcombe"
        groups = {one.rates.metric: one.rates.details(excluded) for one in every}
        details: dict[str, object] = {"groups": groups[rates.metric]}
        if len(every) > 1:
            details["rates"] = groups
        if worst is not None:
            details["rate"] = rates.metric
            details["worst"] = tuple(rates.groups[g] for g in sorted(set(worst.worst)))
            if worst.chance is not None:
                details["chance"] = worst.chance
        p_values = [one.p_value for one in gaps]
        measurement = Measurement(
            None if worst is None else worst.value,
            n=n,
            dropped=grouped.outcomes.dropped,
            interval=interval,
            confidence=self.confidence,
            p_value=min(1.0, len(every) * min(p_values)) if gaps else None,
            method=f"{method} for all {'groups' if over.startswith('group') else 'pairs'}",
            details=details,
        )
        text, insufficient = self._describe(every, worst, int(excluded.sum()))
        present = [group for group, n in zip(grouped.names, grouped.rows, strict=True) if n]
        if len(present) == 1:
            insufficient = f"{present[0]} is the only group, and one alone can't be compared"
        judge = partial(
            Check.judge,
            name,
            name,
            limit=limit,
            rule=self.decide_by,
            significance=self.significance,
            insufficient=insufficient,
        )
        check = judge(measurement, said=text)
        if worst is None or not check.by_chance:
            return check
        advice = ""
        if self.decide_by == "significance" and worst.chance is not None:
            bound = "up to" if over == "difference" else "down to"
            advice = f"; chance alone gives {bound} {format_number(worst.chance)} here"
        elif set(worst.widest) != set(worst.worst):
            names = " and ".join(rates.groups[g] for g in sorted(set(worst.widest)))
            advice = f"; the interval reaches farthest for {names}"
        if self.decide_by == "interval":  # one that is shown to be beyond decides
            beyond = [one for one in gaps if not limit.holds(one.value or 0.0)]
            gaps = [min(beyond, key=lambda one: one.p_value)] if beyond else gaps
        # of several rates all must be decided
        rows = max(rows_that_decide(one.rates, rule, n) or math.inf for one in gaps)
        if n < rows < 1e12:
            advice += f"{',' if advice else ';'} {rows:,} rows would decide"
            measurement = replace(measurement, details={**details, "rows_needed": rows})
        return judge(measurement, said=text + advice)

    def _describe(
        self, every: list[Comparison], worst: Comparison | None, left_out: int
    ) -> tuple[str, str]:
        """Return what was measured, and why nothing can be decided beyond what the value shows."""
        name, limit = self._definition.name, Limit(self.at_least, self.at_most)
        if worst is None:
            most = max(int(one.rates.judged.sum()) for one in every)
            why = "a ratio needs values of which one is above 0, and none below"
            if most < 2:
                why = f"{'one group' if most else 'no group'} can be judged, two are needed"
            return f"`{name}` is undefined", why
        rates, pair, insufficient = worst.rates, sorted(set(worst.worst)), ""
        if rates.metric == "selection_rate" and not rates.value[rates.judged].any():
            insufficient = "nothing to compare: no row of any group is selected"
        text = f"`{name}` is {format_value(worst.value, limit)}"
        sizes = f"(n = {rates.rows[rates.judged].sum():,} in {rates.judged.sum():,} groups"
        sizes += f", {left_out:,} left out)" if left_out else ")"
        if len(pair) == 1:
            return f"{text}, that of {rates.groups[pair[0]]} {sizes}", insufficient
        metric = f"{rates.metric} " if len(every) > 1 else ""
        one, other = (
            f"{rates.groups[g]} ({metric}{format_number(float(rates.value[g]))})" for g in pair
        )
        return f"{text} between {one} and {other} {sizes}", insufficient


def definition(metric: object, greater_is_better: bool | None) -> Definition:  # noqa: FBT001
    """Return the definition of this name; of a function its difference between groups.

    A name is that of a definition or a metric (scikit-learn's and fairlearn's spellings too), with
    ``_difference``, ``_ratio``, ``_group_min`` or ``_group_max``.

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
        # the smallest of two different rates has no meaning
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
        for spelling in (name, name.removesuffix("_score"), name.removesuffix("_loss")):
            if spelling in metrics.NAMES:
                rate = metrics.find(spelling, _OWNER, greater_is_better)
                return Definition(str(metric), over, (rate,))
    names = [f"{name}_{over}" for name in _NAMED for over in ("difference", "ratio")]
    names += [f"{name}_{over}" for name in metrics.NAMES for over in _OVERS]
    allowed = "'demographic_parity_difference' or another notion, '<metric>_difference', "
    allowed += "'<metric>_ratio', '<metric>_group_min', '<metric>_group_max', or a function"
    raise options.refuse(_OWNER, "metric", allowed, metric, options.did_you_mean(metric, names))
