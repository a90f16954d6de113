"""Fairness: groups of people are treated alike, as far as chance lets one tell."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import confidence_of
from mlgates.gates.fairness.definitions import Notion, limit_of, notion
from mlgates.gates.fairness.extremes import worst_group
from mlgates.gates.fairness.pairwise import Gap, Rule, largest
from mlgates.gates.fairness.rates import Grouped, Rates
from mlgates.limits import Limit, format_number, format_value
from mlgates.predictions import Groups
from mlgates.verdict import Check, Decision, Measurement, Verdict, decide

__all__ = ["Fairness"]

Flags = npt.NDArray[np.bool_]
_OWNER = "Fairness"

#: Pairs of more groups than these would not fit into memory, and no report could show them.
_MOST_GROUPS = 1_000
#: Names of groups in one sentence.
_MOST_NAMED = 5


@dataclass(frozen=True, repr=False)
class Fairness(Gate):
    """No two groups differ in a rate or a metric by more than a limit.

    A gap beyond the limit is a FAIL when it is significant, on the scale of the largest gap of so
    many groups: `significance` is the chance of a FAIL where all groups are alike. Beyond the limit
    but within what equal groups of these sizes show is INCONCLUSIVE, and so is a group that is too
    small, or lacks what the rate is a share of: it is named, never left out without a word.

    Parameters
    ----------
    metric : str or callable
        A notion, ``"demographic_parity_difference"``, ``"equalized_odds_difference"`` (the worse of
        the true and the false positive rate), ``"equal_opportunity_difference"``, each also as
        ``..._ratio``; or any metric with ``_difference``, ``_ratio``, ``_group_min`` or
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
        if self.greater_is_better is not None:
            options.flag(_OWNER, "greater_is_better", self.greater_is_better)
        limit = limit_of(self._notion, _OWNER, self.at_least, self.at_most)
        self._set("at_least", limit.at_least)
        self._set("at_most", limit.at_most)
        least = options.count(_OWNER, "min_group_size", self.min_group_size, at_least=1)
        self._set("min_group_size", least)
        options.choice(_OWNER, "small_groups", self.small_groups, ("inconclusive", "exclude"))
        options.choice(_OWNER, "missing_group", self.missing_group, ("own", "error"))
        rules = ("significance", "interval", "estimate")
        options.choice(_OWNER, "decide_by", self.decide_by, rules)
        level = options.number(
            _OWNER, "significance", self.significance, at_least=1e-9, at_most=0.5
        )
        self._set("significance", level)
        self._set("confidence", confidence_of(_OWNER, self.confidence))
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """The kind, with what is compared."""
        return f"{self.kind}:{self._notion.name}"

    @property
    def _notion(self) -> Notion:
        return notion(self.metric, _OWNER, self.greater_is_better)

    @property
    def _limit(self) -> Limit:
        return Limit(at_least=self.at_least, at_most=self.at_most)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the largest gap, then what keeps each group from being judged."""
        notion = self._notion
        grouped = self._grouped(evidence, notion)
        self._refuse_missing(grouped.groups)
        bounded = self.decide_by != "estimate"
        every = [
            grouped.rates(rate, self.confidence, self.min_group_size, bounded=bounded)
            for rate in notion.rates
        ]
        gaps = [self._gap(notion, rates) for rates in every]
        excluded = self._excluded(grouped)
        yield self._judged(notion, every, gaps, grouped, excluded)
        for rates, gap in zip(every, gaps, strict=True):
            yield from self._unjudged(notion, rates, gap, excluded)

    def note(self, evidence: Evidence) -> str:
        """Return which groups were not judged because they are small."""
        grouped = self._grouped(evidence, self._notion)
        small = [
            f"{name} ({rows:,} {'row' if rows == 1 else 'rows'})"
            for name, rows, out in zip(
                grouped.names, grouped.rows.tolist(), self._excluded(grouped), strict=True
            )
            if out
        ]
        return f"not judged: {_listed(small)}" if small else ""

    def _grouped(self, evidence: Evidence, notion: Notion) -> Grouped:
        need, scores = notion.rates[0].need, notion.rates[0].scores

        def cut() -> Grouped:
            return Grouped(evidence.outcomes(need, scores=scores), evidence.groups())

        # several gates of a run count the same groups once
        found: Grouped = evidence.cached("grouped outcomes", (need, scores), cut)
        return found

    def _refuse_missing(self, groups: Groups) -> None:
        if self.missing_group == "own":
            return
        codes = [g for g, missing in enumerate(groups.missing) if missing]
        rows = int(np.isin(groups.codes, codes).sum())
        if rows:
            features = " or ".join(f"`{name}`" for name in groups.features)
            said = "1 row has" if rows == 1 else f"{rows:,} rows have"
            msg = f"{said} no value of {features}, and `missing_group` is 'error'"
            raise EvidenceError(msg)

    def _excluded(self, grouped: Grouped) -> Flags:
        small = grouped.small(self.min_group_size)
        return small if self.small_groups == "exclude" else np.zeros_like(small)

    # the gap

    def _judged(
        self,
        notion: Notion,
        every: list[Rates],
        gaps: list[Gap | None],
        grouped: Grouped,
        excluded: Flags,
    ) -> Check:
        """Return the check of the largest gap over the groups that can be judged."""
        known = [gap for gap in gaps if gap is not None and gap.value is not None]
        worst = _worst(notion, known)
        rates = every[0] if worst is None else worst.rates
        n = int((rates.rows if worst is None else rates.rows[rates.judged]).sum())
        lacking = self._lacking(every, grouped, worst)
        measurement = Measurement(
            None if worst is None else worst.value,
            n=n,
            dropped=grouped.outcomes.dropped,
            interval=_interval(notion, known),
            confidence=self.confidence,
            p_value=_p_value(known, len(every)),
            method=_method(notion, rates),
            details=_details(every, worst, excluded),
        )
        said = self._said(notion, worst, n, int(excluded.sum()))
        if self._decide(measurement, lacking).by_chance:
            rows = self._rows_needed(known, n)
            said += self._advice(notion, worst, rows)
            if rows is not None:
                told = {**measurement.details, "rows_needed": rows}
                measurement = replace(measurement, details=told)
        return Check.judge(
            notion.name,
            notion.name,
            measurement,
            self._limit,
            rule=self.decide_by,
            significance=self.significance,
            insufficient=lacking,
            said=said,
        )

    def _gap(self, notion: Notion, rates: Rates) -> Gap | None:
        """Return the gap of one rate; None where fewer than two groups can be judged."""
        judged = rates.only(rates.judged)
        k, of = len(judged.groups), len(notion.rates)
        if k < 2:
            return None
        if k > _MOST_GROUPS:
            msg = f"{k:,} groups are too many to be compared; at most {_MOST_GROUPS:,} can be"
            raise EvidenceError(msg)
        rule = Rule(
            self._limit,
            self.decide_by,
            self.significance / of,
            1 - (1 - self.confidence) / of,
        )
        if notion.over in ("difference", "ratio"):
            return largest(judged, notion.over, rule)
        return worst_group(judged, notion.over, rule)

    def _lacking(self, every: list[Rates], grouped: Grouped, worst: Gap | None) -> str:
        """Return why nothing can be decided, where `decide` could not know."""
        present = [name for name, rows in zip(grouped.names, grouped.rows, strict=True) if rows]
        if len(present) == 1:
            return f"{present[0]} is the only group, and one alone can't be compared"
        if worst is not None:
            alike = worst.rates.metric == "selection_rate" and not worst.rates.value.any()
            return "nothing to compare: no row of any group is selected" if alike else ""
        most = max(int(rates.judged.sum()) for rates in every)
        if most < 2:
            return f"{'one group' if most else 'no group'} can be judged, two are needed"
        return "a ratio needs values of which one is above 0, and none below"

    def _decide(self, measurement: Measurement, lacking: str) -> Decision:
        return decide(
            measurement,
            self._limit,
            self.decide_by,
            significance=self.significance,
            insufficient=lacking,
        )

    def _said(self, notion: Notion, worst: Gap | None, n: int, left_out: int) -> str:
        """Return what was measured: the gap, its two groups and their values."""
        if worst is None:
            return f"`{notion.name}` is undefined"
        rates, (low, high) = worst.rates, worst.worst
        value = format_value(worst.value, self._limit)
        sizes = f"n = {n:,} in {len(rates.groups)} groups"
        sizes += f", {left_out:,} left out" if left_out else ""
        of = f" {rates.metric}" if len(notion.rates) > 1 else ""
        if low == high:
            between = f"that of {rates.groups[low]}"
            return f"`{notion.name}` is {value}, {between} ({sizes})"
        ends = [
            f"{rates.groups[g]} "
            f"({of.strip() + ' ' if of else ''}{format_number(float(rates.value[g]))})"
            for g in sorted((low, high))
        ]
        return f"`{notion.name}` is {value} between {ends[0]} and {ends[1]} ({sizes})"

    def _advice(self, notion: Notion, worst: Gap | None, rows: int | None) -> str:
        """Return what chance gives, which pair is undecided, and how many rows would decide."""
        told = ""
        if worst is not None and self.decide_by == "significance" and worst.chance is not None:
            bound = "up to" if notion.over == "difference" else "down to"
            told = f"; chance alone gives {bound} {format_number(worst.chance)} here"
        elif worst is not None and set(worst.reach) != set(worst.worst):
            names = [worst.rates.groups[g] for g in sorted(set(worst.reach))]
            told = f"; the interval reaches farthest for {' and '.join(names)}"
        return told if rows is None else f"{told}{',' if told else ';'} {rows:,} rows would decide"

    def _rows_needed(self, known: list[Gap], n: int) -> int | None:
        """Return how many rows decide, rounded up to two digits."""
        if self.decide_by == "interval":  # one rate that is shown to be beyond is enough
            beyond = [gap for gap in known if not self._limit.holds(gap.value or 0.0)]
            known = [min(beyond, key=lambda gap: gap.p_value)] if beyond else known
        growths = [gap.growth() for gap in known]
        if not growths or None in growths:
            return None
        rows = n * max(growth for growth in growths if growth is not None)
        if not n < rows < 1e12:
            return None
        unit = 10 ** max(len(str(math.ceil(rows))) - 2, 0)
        return int(math.ceil(rows / unit) * unit)

    # groups that can't be judged

    def _unjudged(
        self, notion: Notion, rates: Rates, gap: Gap | None, excluded: Flags
    ) -> Iterator[Check]:
        """Yield an INCONCLUSIVE for each group that can't be judged, and for an undefined ratio."""
        told = _told(rates, excluded)
        for g, name in enumerate(rates.groups):
            if rates.judged[g] or excluded[g]:
                continue
            yield Check(
                subject=notion.name,
                metric=rates.metric,
                verdict=Verdict.INCONCLUSIVE,
                reason=f"`{rates.metric}` can't be judged for {name}: {rates.lacking[g]}",
                group=name,
                n=int(rates.rows[g]),
                details={"groups": (told[g],)},
            )
        if len(notion.rates) > 1:
            yield from self._undefined(notion, rates, gap)

    def _undefined(self, notion: Notion, rates: Rates, gap: Gap | None) -> Iterator[Check]:
        """Yield an INCONCLUSIVE for a rate of several that has no gap."""
        if gap is not None and gap.value is not None:
            return
        why = "fewer than two groups can be judged" if gap is None else "it is 0 in every group"
        yield Check(
            subject=notion.name,
            metric=rates.metric,
            verdict=Verdict.INCONCLUSIVE,
            reason=f"`{rates.metric}` has no {notion.over} between groups: {why}",
            n=int(rates.rows.sum()),
        )


def _worst(notion: Notion, known: list[Gap]) -> Gap | None:
    """Return the gap that counts: the largest, of ratios and of smallest values the smallest."""
    if not known:
        return None
    smallest = notion.over in ("ratio", "group_min")
    return min(known, key=lambda gap: (gap.value or 0.0) * (1 if smallest else -1))


def _interval(notion: Notion, known: list[Gap]) -> tuple[float, float] | None:
    """Return the interval of the worst of several gaps, each at its share of the level."""
    ends = [gap.interval for gap in known]
    if not ends or None in ends:
        return None
    worst = min if notion.over in ("ratio", "group_min") else max
    return worst(e[0] for e in ends if e), worst(e[1] for e in ends if e)


def _p_value(known: list[Gap], of: int) -> float | None:
    """Return the smallest p-value, adjusted for all rates that are looked at."""
    return min(1.0, of * min(gap.p_value for gap in known)) if known else None


def _method(notion: Notion, rates: Rates) -> str:
    """Return how the interval was had."""
    if notion.over in ("group_min", "group_max"):
        return f"{rates.method} for all groups"
    if rates.share:
        return f"{'Koopman' if notion.over == 'ratio' else 'Newcombe'} for all pairs"
    return f"{rates.method} for all pairs"


def _details(every: list[Rates], worst: Gap | None, excluded: Flags) -> dict[str, object]:
    """Return the values of all groups, and which of them are farthest apart."""
    told = {rates.metric: _told(rates, excluded) for rates in every}
    shown = every[0] if worst is None else worst.rates
    details: dict[str, object] = {"groups": told[shown.metric]}
    if len(every) > 1:
        details["rates"] = told
    if worst is not None:
        details["rate"] = worst.rates.metric
        details["worst"] = tuple(worst.rates.groups[g] for g in sorted(set(worst.worst)))
    if worst is not None and worst.chance is not None:
        details["chance"] = worst.chance
    return details


def _told(rates: Rates, excluded: Flags) -> tuple[Mapping[str, object], ...]:
    """Return the groups as a report shows them, with why one is not judged."""
    return tuple(
        group | ({"note": f"excluded: {group['note']}"} if out else {})
        for group, out in zip(rates.told(), excluded, strict=True)
    )


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more:,} more" if more > 0 else "")
