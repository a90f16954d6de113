"""A metric of each group: values, intervals, and what a group lacks to be judged."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics import Metric
from mlgates.metrics.classification import Share
from mlgates.metrics.metric import few
from mlgates.predictions import Groups, Outcomes, confusion
from mlgates.stats.proportions import wilson_interval
from mlgates.verdict import NO_INTERVAL, Measurement

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupRates:
    """A metric of each group; an array has one element a group, NaN where it is undefined."""

    metric: str
    groups: tuple[str, ...]
    #: Rows of each group; those of weight 0 don't count.
    rows: npt.NDArray[np.intp]
    #: The metric and its interval at the confidence of the gate.
    value: Floats
    low: Floats
    high: Floats
    #: Rows that it is a share of (with weights Kish's effective number), and how many of them
    #: count; without weights whole numbers.
    denominator: Floats
    successes: Floats
    #: Why a group can't be judged, as a clause; empty where it can.
    insufficient: tuple[str, ...]
    #: Which groups can be judged.
    judged: Flags
    #: Whether the metric is a share of rows.
    is_share: bool
    method: str
    #: Gives the lower and upper ends of all intervals at another level.
    at: Callable[[float], tuple[Floats, Floats]]

    def details(self, excluded: Flags) -> tuple[dict[str, object], ...]:
        """Return each group as a report shows it, with a note why one is not judged."""
        return tuple(
            {
                "group": name,
                "value": float(self.value[g]),
                "low": float(self.low[g]),
                "high": float(self.high[g]),
                "n": int(self.rows[g]),
                "denominator": float(self.denominator[g]),
                "note": f"excluded: {note}" if excluded[g] else note,
            }
            for g, (name, note) in enumerate(zip(self.groups, self.insufficient, strict=True))
        )


def normal(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval: 1.96 for 0.95."""
    return -float(special.ndtri((1 - confidence) / 2))


class GroupedOutcomes:
    """Outcomes with the group of each row, counted once for all rates.

    `size` is the number of rows of each group, with weights Kish's effective number.
    """

    def __init__(self, outcomes: Outcomes, groups: Groups) -> None:
        self.outcomes, self.groups, self.names = outcomes, groups, groups.names
        k, weight = len(groups.names), outcomes.weight
        self._codes = groups.codes if outcomes.kept is None else groups.codes[outcomes.kept]
        self._parts: dict[int, Outcomes] = {}
        if weight is None:
            self.rows = np.bincount(self._codes, minlength=k)
            self.size = self.rows.astype(np.float64)
            self._weight = None
            return
        # squares of small weights would vanish
        self._weight = weight = weight / (float(weight.max(initial=0.0)) or 1.0)
        self.rows = np.bincount(self._codes[weight > 0], minlength=k)
        sums = (np.bincount(self._codes, weight**power, minlength=k) for power in (1, 2))
        self.size = _effective(*sums)

    @cached_property
    def cells(self) -> tuple[Floats, Floats]:
        """Confusion cells ``(group, true, predicted)``: sums of weights, and of their squares."""
        outcomes, weight = self.outcomes, self._weight
        if outcomes.pred is None:
            msg = f"outcomes of {outcomes.need} have no predictions"
            raise EvidenceError(msg)
        k, codes, n = len(outcomes.classes), self._codes, len(self.names)
        cells = confusion(outcomes.true, outcomes.pred, k, weight, codes, n)
        if weight is None:
            return cells, cells
        return cells, confusion(outcomes.true, outcomes.pred, k, weight**2, codes, n)

    def rates(self, metric: Metric, confidence: float, least: int, *, bounded: bool) -> GroupRates:
        """Return a metric of each group with intervals at `confidence`.

        A group needs `least` rows to be judged and, where `bounded`, an interval. A metric that is
        no share of rows is measured group by group. Its intervals by resampling are stretched to
        other levels by the ratio of normal quantiles: the far quantiles of so few draws mean
        nothing.
        """
        k, is_share = len(self.names), False
        at: Callable[[float], tuple[Floats, Floats]]
        if isinstance(metric, Share) and not metric.overlap and self.outcomes.need == "labels":
            is_share, positive = True, metric.positive(self.outcomes)
            (successes, denominator), (_, squares) = (
                metric.share(cells, positive) for cells in self.cells
            )
            value = successes / np.where(denominator > 0, denominator, np.nan)
            if self._weight is not None:
                denominator = _effective(denominator, squares)
                successes = value * denominator
            method, at = "Wilson", partial(wilson_interval, successes, denominator)
            low, high = at(confidence)
            lacks = [few(n, metric.counted) for n in denominator.tolist()]
        if not is_share:
            value, low, high, denominator, successes = np.full((5, k), np.nan)
            lacks, method, drawn = [""] * k, "", False
            for g in np.flatnonzero(self.rows).tolist():
                one = self._measure(metric, g, confidence)
                value[g] = np.nan if one.value is None else one.value
                low[g], high[g] = one.interval or (np.nan, np.nan)
                rows = one.details.get("denominator")
                denominator[g] = rows if isinstance(rows, float | int) else np.nan
                why = one.details.get("undefined" if one.value is None else "lacking")
                if one.value is None:
                    why = why or "undefined"
                elif one.interval is None and bounded:
                    why = why or NO_INTERVAL
                lacks[g] = str(why or "")
                method, drawn = method or one.method, drawn or "resamples" in one.details

            @cache
            def measured_at(level: float) -> tuple[Floats, Floats]:
                if drawn:
                    stretch = normal(level) / normal(confidence)
                    return value - stretch * (value - low), value + stretch * (high - value)
                ends = np.full((2, k), np.nan)
                for g in np.flatnonzero(judged).tolist():
                    ends[:, g] = self._measure(metric, g, level).interval or (np.nan, np.nan)
                return ends[0], ends[1]

            at = measured_at

        for g, (n, size) in enumerate(zip(self.rows.tolist(), self.size.tolist(), strict=True)):
            if not n:
                lacks[g] = "no rows"
            elif size < least:
                worth = "" if self._weight is None else f", by their weights worth {int(size):,}"
                count = "1 row" if n == 1 else f"{n:,} rows"
                lacks[g] = f"{count}{worth}, at least {least:,} are needed"
        judged = np.array([not why for why in lacks], np.bool_)
        return GroupRates(
            metric=metric.name,
            groups=self.names,
            rows=self.rows,
            value=value,
            low=low,
            high=high,
            denominator=denominator,
            successes=successes,
            insufficient=tuple(lacks),
            judged=judged,
            is_share=is_share,
            method=method,
            at=at,
        )

    def _measure(self, metric: Metric, group: int, confidence: float) -> Measurement:
        if group not in self._parts:
            self._parts[group] = self.outcomes.take(self.groups.codes == group)
        return metric.measure(self._parts[group], confidence=confidence)


def _effective(total: npt.NDArray[Any], squares: npt.NDArray[Any]) -> Floats:
    """Return Kish's effective number of rows, ``sum(w)^2 / sum(w^2)``; 0 without any weight."""
    return np.asarray(total**2 / np.where(squares > 0, squares, 1.0))
