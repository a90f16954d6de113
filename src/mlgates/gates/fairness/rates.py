"""A metric of each group: its values, their intervals, and what a group lacks to be judged."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics import CountMetric, Metric
from mlgates.metrics.metric import few
from mlgates.predictions import Groups, Outcomes, confusion
from mlgates.stats.proportions import wilson_interval
from mlgates.verdict import NO_INTERVAL, Measurement

__all__ = ["Grouped", "Rates", "normal"]

Floats = npt.NDArray[np.float64]

Again = Callable[[npt.NDArray[np.intp], float], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class Rates:
    """A metric of each group; an array has one element a group, NaN where it is undefined.

    Parameters
    ----------
    metric : str
        Its name.
    groups : tuple of str
        Names of the groups.
    rows : array
        Rows of each group; those of weight 0 don't count.
    value, low, high : array
        The metric and its interval at `confidence`.
    denominator : array
        Rows that it is a share of, with weights Kish's effective number; NaN where it is none.
    successes : array
        Of these rows those that count, whole numbers where rows have no weights; NaN too.
    lacking : tuple of str
        What each group lacks to be judged, as a clause; an empty text when it lacks nothing.
    confidence : float
        Of the intervals.
    share : bool
        Whether the metric is a share of `denominator` rows.
    method : str
        How the intervals were had.
    index : array
        Places of the groups among all of them.
    again : callable, optional
        Intervals of the groups at these places at another level, where they are not stretched.
    """

    metric: str
    groups: tuple[str, ...]
    rows: npt.NDArray[np.intp]
    value: Floats
    low: Floats
    high: Floats
    denominator: Floats
    successes: Floats
    lacking: tuple[str, ...]
    confidence: float
    share: bool
    method: str
    index: npt.NDArray[np.intp]
    again: Again | None = None

    @cached_property
    def judged(self) -> npt.NDArray[np.bool_]:
        """Which groups can be judged."""
        return np.array([not why for why in self.lacking], np.bool_)

    def only(self, kept: npt.NDArray[np.bool_]) -> "Rates":
        """Return the rates of some groups."""
        arrays = ("rows", "value", "low", "high", "denominator", "successes", "index")
        chosen: dict[str, Any] = {name: getattr(self, name)[kept] for name in arrays}
        for name in ("groups", "lacking"):
            chosen[name] = tuple(compress(getattr(self, name), kept))
        return replace(self, **chosen)

    def limits(self, confidence: float) -> tuple[Floats, Floats]:
        """Return the intervals at another level; those by resampling are stretched.

        The far quantiles of so few draws mean nothing, so that both arms grow by the ratio of the
        normal quantiles.
        """
        if self.share:
            return wilson_interval(self.successes, self.denominator, confidence)
        if self.again is not None:
            return self.again(self.index, confidence)
        stretch = normal(confidence) / normal(self.confidence)
        low, high = self.value - self.low, self.high - self.value
        return self.value - stretch * low, self.value + stretch * high

    def told(self) -> Iterator[dict[str, object]]:
        """Yield each group as a report shows it."""
        for g, name in enumerate(self.groups):
            yield {
                "group": name,
                "value": float(self.value[g]),
                "low": float(self.low[g]),
                "high": float(self.high[g]),
                "n": int(self.rows[g]),
                "denominator": float(self.denominator[g]),
                "note": self.lacking[g],
            }


def normal(confidence: float) -> float:
    """Return the normal quantile of a two-sided interval.

    Examples
    --------
    >>> round(normal(0.95), 2)
    1.96
    """
    return -float(special.ndtri((1 - confidence) / 2))


class Grouped:
    """Outcomes cut into groups, counted once for all rates.

    Parameters
    ----------
    outcomes : Outcomes
        Of all rows.
    groups : Groups
        Group of each of the rows given.
    """

    def __init__(self, outcomes: Outcomes, groups: Groups) -> None:
        self.outcomes = outcomes
        self.groups = groups
        self.names = groups.names
        kept = outcomes.kept
        self._codes = groups.codes if kept is None else groups.codes[kept]
        weight = outcomes.weight
        # squares of small weights would vanish
        largest = 0.0 if weight is None else float(weight.max(initial=0.0))
        self._weight = weight if weight is None or largest == 0 else weight / largest
        self._parts: dict[int, Outcomes] = {}

    @cached_property
    def rows(self) -> npt.NDArray[np.intp]:
        """Rows of each group; those of weight 0 don't count."""
        codes = self._codes if self._weight is None else self._codes[self._weight > 0]
        return np.bincount(codes, minlength=len(self.names))

    @cached_property
    def size(self) -> Floats:
        """Rows that each group is worth: with weights, Kish's effective number."""
        if self._weight is None:
            return self.rows.astype(np.float64)
        k = len(self.names)
        return _kish(
            np.bincount(self._codes, self._weight, minlength=k),
            np.bincount(self._codes, self._weight**2, minlength=k),
        )

    @cached_property
    def _cells(self) -> Floats:
        return self._counted(self._weight)

    @cached_property
    def _squares(self) -> Floats:
        return self._cells if self._weight is None else self._counted(self._weight**2)

    def _counted(self, weight: Floats | None) -> Floats:
        found = self.outcomes
        if found.pred is None:
            msg = f"outcomes of {found.need} have no predictions"
            raise EvidenceError(msg)
        k, n = len(found.classes), len(self.names)
        return confusion(found.true, found.pred, k, weight, self._codes, n)

    def rates(
        self, metric: Metric, confidence: float, least: int, *, bounded: bool = True
    ) -> Rates:
        """Return a metric of each group.

        Parameters
        ----------
        metric : Metric
            Of the kind that the outcomes serve.
        confidence : float
            Of the intervals.
        least : int
            Rows that a group needs to be judged.
        bounded : bool
            Whether it needs an interval too.
        """
        if isinstance(metric, CountMetric) and self.outcomes.need == "labels":
            positive = metric.positive(self.outcomes)
            parts = metric.fraction(self._cells, positive)
            if parts is not None:
                whole = metric.fraction(self._squares, positive)
                squares = parts[1] if whole is None else whole[1]
                return self._shares(metric, parts, squares, confidence, least)
        return self._measured(metric, confidence, least, bounded=bounded)

    def _shares(
        self,
        metric: CountMetric,
        parts: tuple[Floats, Floats],
        squares: Floats,
        confidence: float,
        least: int,
    ) -> Rates:
        some, all_ = parts
        effective = all_ if self._weight is None else _kish(all_, squares)
        value = some / np.where(all_ > 0, all_, np.nan)
        hits = some if self._weight is None else value * effective
        low, high = wilson_interval(hits, effective, confidence)
        what = metric.counted
        lacking = [
            self._thin(g, least) or few(float(effective[g]), what) for g in range(len(self.names))
        ]
        return Rates(
            metric.name,
            self.names,
            self.rows,
            value,
            low,
            high,
            effective,
            np.asarray(hits),
            tuple(lacking),
            confidence,
            share=True,
            method="Wilson",
            index=np.arange(len(self.names)),
        )

    def _measured(self, metric: Metric, confidence: float, least: int, *, bounded: bool) -> Rates:
        """Return a metric that is no share of rows: measured group by group."""
        k = len(self.names)
        value, low, high, denominator = np.full((4, k), np.nan)
        lacking, found = [self._thin(g, least) for g in range(k)], {}
        for g in np.flatnonzero(self.rows).tolist():
            found[g] = one = self._one(metric, g, confidence)
            value[g] = np.nan if one.value is None else one.value
            low[g], high[g] = one.interval or (np.nan, np.nan)
            divided = one.details.get("denominator")
            denominator[g] = divided if isinstance(divided, float | int) else np.nan
            lacking[g] = lacking[g] or _lack(one, bounded=bounded)
        drawn = any("resamples" in one.details for one in found.values())

        def again(index: npt.NDArray[np.intp], level: float) -> tuple[Floats, Floats]:
            ends = [self._one(metric, g, level).interval for g in index.tolist()]
            known = np.array([end or (np.nan, np.nan) for end in ends]).reshape(-1, 2)
            return known[:, 0], known[:, 1]

        return Rates(
            metric.name,
            self.names,
            self.rows,
            value,
            low,
            high,
            denominator,
            np.full(k, np.nan),
            tuple(lacking),
            confidence,
            share=False,
            method=next((one.method for one in found.values() if one.method), ""),
            index=np.arange(k),
            again=None if drawn else again,
        )

    def _one(self, metric: Metric, group: int, confidence: float) -> Measurement:
        return metric.measure(self._part(group), confidence=confidence)

    def _part(self, group: int) -> Outcomes:
        if group not in self._parts:
            self._parts[group] = self.outcomes.take(self.groups.codes == group)
        return self._parts[group]

    def _thin(self, group: int, least: int) -> str:
        """Return that a group has too few rows; an empty text when it has enough."""
        rows, size = int(self.rows[group]), float(self.size[group])
        if rows == 0:
            return "no rows"
        if not size < least:
            return ""
        worth = "" if self._weight is None else f", by their weights worth {math.floor(size):,}"
        return f"{_counted_rows(rows)}{worth}, at least {least:,} are needed"

    def small(self, least: int) -> npt.NDArray[np.bool_]:
        """Return which groups have too few rows to be judged."""
        return np.asarray(~(self.size >= least))


def _counted_rows(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"


def _lack(found: Measurement, *, bounded: bool) -> str:
    """Return what a measurement of a group lacks; an empty text when it lacks nothing."""
    why = str(found.details.get("undefined" if found.value is None else "lacking") or "")
    if found.value is None:
        return why or "undefined"
    if found.interval is None and bounded:
        return why or NO_INTERVAL
    return why


def _kish(total: npt.NDArray[Any], squares: npt.NDArray[Any]) -> Floats:
    """Return Kish's effective number of rows; 0 where nothing has a weight."""
    return np.asarray(total**2 / np.where(squares > 0, squares, 1.0))
