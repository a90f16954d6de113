"""Compute a metric and its interval in each group of rows.

If a group can't be compared with the others, the result says why.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.metrics import Metric
from mlgates.metrics.classification import Share
from mlgates.metrics.metric import few
from mlgates.predictions import Groups, Outcomes, confusion
from mlgates.predictions.crossing import Crossing, renumber
from mlgates.stats.clusters import cluster_correlations
from mlgates.stats.proportions import wilson_interval
from mlgates.verdict import NO_INTERVAL, Measurement

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupRates:
    """A metric measured in each of k groups, as `GroupedOutcomes.rates` returns it.

    Arrays have the shape (k,) unless another shape is given, and NaN where a value is undefined.

    Parameters
    ----------
    metric : str
        Name of the metric.
    groups : tuple of str
        Names of the groups.
    rows : array of int
        Number of rows of each group, without those of weight 0.
    value, low, high : array
        The metric of each group, and its interval at the confidence of the gate.
    denominator, successes : array
        If the metric is a share of rows: the number of rows of which it is a share, and the number
        of rows that it counts. If the rows have weights, these are effective numbers.
    insufficient : tuple of str
        Why a group can't be compared, as a clause; "" if it can.
    comparable : array of bool
        Whether each group can be compared with other groups.
    small : array of bool
        Whether a group can't be compared whatever the model predicts, because it has too few rows
        or too few labels for the metric.
    is_share : bool
        Whether the metric is a share of rows.
    method : str
        Name of the statistical method of the intervals.
    at : callable
        A function that takes a level of confidence, and returns the lower and upper ends of the
        intervals of all groups at this level.
    noun : {"rows", "queries"}
        What `rows` counts. It is "queries" for metrics of rankings.
    clusters : int or None
        Number of clusters in the groups that can be compared; None if the rows are independent.
    correlations : array of shape (k, k) or None
        Correlations between the estimates of the metric in the groups. None if they count as 0, for
        example because no cluster has rows of several groups.
    """

    metric: str
    groups: tuple[str, ...]
    rows: npt.NDArray[np.intp]
    value: Floats
    low: Floats
    high: Floats
    denominator: Floats
    successes: Floats
    insufficient: tuple[str, ...]
    comparable: Flags
    small: Flags
    is_share: bool
    method: str
    at: Callable[[float], tuple[Floats, Floats]]
    noun: str = "rows"
    clusters: int | None = None
    correlations: Floats | None = None

    def correlation(self, i: npt.NDArray[np.intp], j: npt.NDArray[np.intp]) -> Floats | float:
        """Return the correlation between the metric's estimates in two groups, for pairs of groups.

        `i` and `j` have the index of the first and of the second group of each pair. The estimates
        are correlated if rows of both groups are in the same cluster. If `correlations` is None,
        the result is the number 0.0, for all pairs.
        """
        return 0.0 if self.correlations is None else self.correlations[i, j]

    def details(self, excluded: Flags) -> tuple[dict[str, object], ...]:
        """Return one dict for each group, for the details of the report.

        It has the metric of the group, its interval, numbers of rows, and a note that says why the
        group can't be compared; "" if it can. `excluded` says for each group whether it is left out
        of the comparison. The note of such a group begins with "excluded".
        """
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
    """Return the normal quantile of a two-sided confidence level, such as 1.96 for 0.95."""
    return -float(special.ndtri((1 - confidence) / 2))


class CountedRows:
    """Counts of labels and predictions in all rows, made once for all gates of a run.

    The rows are divided into cells. All rows of a cell have the same label, the same prediction and
    the same value of each feature that the gates compare. If there are no predicted labels, only
    the features divide the rows.
    """

    def __init__(self, outcomes: Outcomes, crossing: Crossing) -> None:
        self.outcomes = outcomes
        cell = crossing.cell if outcomes.kept is None else crossing.cell[outcomes.kept]
        cells = len(next(iter(crossing.codes.values())))
        k = len(outcomes.classes) if outcomes.need == "labels" else 0
        if outcomes.pred is not None and k:
            cell = (cell * k + outcomes.true) * k + outcomes.pred
            cells *= k * k
        weight = outcomes.weight
        if outcomes.query is not None:  # one row for each query
            first = outcomes.queries.order[outcomes.queries.starts[outcomes.judged]]
            cell, weight = cell[first], None if weight is None else weight[first]
        number, distinct = renumber(cell, cells)
        #: Cell of the crossing, true label and predicted label of each cell.
        self.crossing = distinct // (k * k) if k else distinct
        self.true, self.pred = (distinct // k % k, distinct % k) if k else (distinct, distinct)
        count = partial(np.bincount, minlength=len(distinct))
        if weight is None:
            self.rows = count(number)
            self.sums: tuple[npt.NDArray[Any], npt.NDArray[Any]] = (self.rows, self.rows)
            return
        if outcomes.counts:
            self.rows = count(number, weight).astype(np.intp)
            self.sums = self.rows, self.rows
            return
        # scaled, because squares of very small weights would underflow
        weight = weight / (float(weight.max(initial=0.0)) or 1.0)
        #: Number of rows with a weight above 0 in each cell, sum of the weights and of the squares.
        self.rows = count(number[weight > 0])
        self.sums = count(number, weight), count(number, weight**2)


class GroupedOutcomes:
    """Labels and predictions by group, in all rows or in one stratum (subset of the rows).

    `rows` has the number of rows of each group. `size` has Kish's effective number of rows, which
    is smaller if weights differ. `dropped` is the number of rows without a label.

    A group is defined by one or more sensitive features, such as sex and country. All rows with the
    same values of all features that any gate of the run uses are called a cell, so a group consists
    of one or more cells. `stratum` has one bool for each cell: whether it belongs to the stratum.
    It is None for all rows.
    """

    def __init__(self, counted: CountedRows, groups: Groups, stratum: Flags | None = None) -> None:
        self.outcomes, self.names, self._groups = counted.outcomes, groups.names, groups
        self._counted, self._stratum = counted, stratum
        self._parts: dict[int, Outcomes] = {}
        inside = np.ones(len(groups.of_cells), np.bool_) if stratum is None else stratum
        self._cells = np.flatnonzero(inside[counted.crossing])
        self._codes = groups.of_cells[counted.crossing[self._cells]]
        self.rows = self._sums(counted.rows).astype(np.intp)
        self.size = self.rows.astype(np.float64)
        if self.outcomes.is_weighted:
            self.size = _effective(*map(self._sums, counted.sums))
        self.dropped = self.outcomes.dropped
        if stratum is not None and self.outcomes.missing is not None:
            self.dropped = int((self.outcomes.missing * stratum[groups.crossing.cell]).sum())

    def _sums(self, of_cells: npt.NDArray[Any]) -> Floats:
        """Add up numbers of cells by group."""
        sums = np.bincount(self._codes, of_cells[self._cells], minlength=len(self.names))
        return np.asarray(sums, np.float64)

    @property
    def empty_queries(self) -> int:
        """The number of queries without a relevant document; 0 if the rows are not ranked."""
        if self.outcomes.query is None:
            return 0
        return sum(self._part(g).empty_queries for g in range(len(self.names)))

    @cached_property
    def cells(self) -> tuple[Floats, Floats]:
        """Confusion matrices of all groups: the sums of the weights, and of their squares.

        The shape of each array is (group, true class, predicted class).
        """
        outcomes, counted = self.outcomes, self._counted
        true, pred = counted.true[self._cells], counted.pred[self._cells]
        k, n = len(outcomes.classes), len(self.names)
        cells = [
            confusion(true, pred, k, sums[self._cells].astype(np.float64), self._codes, n)
            for sums in counted.sums[: 2 if outcomes.is_weighted else 1]
        ]
        return cells[0], cells[-1]

    def rates(self, metric: Metric, confidence: float, least: int, *, bounded: bool) -> GroupRates:
        """Return a metric of each group, with its confidence interval.

        `confidence` is the level of the intervals; 0 means no intervals. A group with fewer than
        `least` rows can't be compared with other groups. If `bounded` is true, a group without an
        interval can't be compared either. Shares of independent rows are computed for all groups at
        once, and all other metrics group by group.

        ``result.at(level)`` returns the intervals at another level. If an interval was computed by
        resampling, the resampling is not repeated, because extreme quantiles of a few thousand
        resamples are inaccurate. Instead, the distances of its ends from the value are multiplied
        by the ratio of the normal quantiles of the two levels.
        """
        k, is_share = len(self.names), False
        at: Callable[[float], tuple[Floats, Floats]]
        counts = self.outcomes.need == "labels" and self.outcomes.cluster is None
        if isinstance(metric, Share) and not metric.overlap and counts:
            is_share, positive = True, metric.positive(self.outcomes)
            (successes, denominator), (_, squares) = (
                metric.share(cells, positive) for cells in self.cells
            )
            value = successes / np.where(denominator > 0, denominator, np.nan)
            if self.outcomes.is_weighted:
                denominator = _effective(denominator, squares)
                successes = value * denominator
            method, at = "Wilson", partial(wilson_interval, successes, denominator)
            # the number of rows that the metric would count if all predictions were right
            right = (cells.sum(2)[:, :, None] * np.eye(cells.shape[1]) for cells in self.cells)
            (_, labelled), (_, labelled_squares) = (metric.share(each, positive) for each in right)
            short = [bool(few(n, "rows")) for n in _effective(labelled, labelled_squares).tolist()]
            low, high = at(confidence) if confidence else np.full((2, k), np.nan)
            reasons = [few(n, metric.counted) for n in denominator.tolist()]
        if not is_share:
            value, low, high, denominator, successes = np.full((5, k), np.nan)
            reasons, short, method, drawn = [""] * k, [False] * k, "", False
            for g in np.flatnonzero(self.rows).tolist():
                measured = self._measure(metric, g, confidence)
                value[g] = np.nan if measured.value is None else measured.value
                low[g], high[g] = measured.interval or (np.nan, np.nan)
                rows = measured.details.get("denominator")
                denominator[g] = rows if isinstance(rows, float | int) else np.nan
                reason = measured.details.get("undefined" if measured.value is None else "lacking")
                if measured.value is None:
                    reason = reason or "the metric is undefined for this group"
                elif measured.interval is None and bounded:
                    reason = reason or measured.details.get("no_interval", NO_INTERVAL)
                reasons[g] = str(reason or "")
                short[g] = bool(reason) and metric.is_short_of_labels(self._part(g))
                method, drawn = method or measured.method, drawn or "resamples" in measured.details

            @cache
            def measured_at(level: float) -> tuple[Floats, Floats]:
                if not confidence or np.isnan(low).all():
                    return low, high
                if drawn:
                    stretch = normal(level) / normal(confidence)
                    return value - stretch * (value - low), value + stretch * (high - value)
                ends = np.full((2, k), np.nan)
                for g in np.flatnonzero(comparable).tolist():
                    ends[:, g] = self._measure(metric, g, level).interval or (np.nan, np.nan)
                return ends[0], ends[1]

            at = measured_at

        for g, (n, size) in enumerate(zip(self.rows.tolist(), self.size.tolist(), strict=True)):
            short[g] |= size < least
            weighted = self.outcomes.is_weighted
            reasons[g] = too_few(n, size, least, metric.noun, weighted=weighted) or reasons[g]
        comparable = np.array([not reason for reason in reasons], np.bool_)
        return GroupRates(
            metric=metric.name,
            groups=self.names,
            rows=self.rows,
            value=value,
            low=low,
            high=high,
            denominator=denominator,
            successes=successes,
            insufficient=tuple(reasons),
            comparable=comparable,
            small=np.array(short, np.bool_) & ~comparable,
            is_share=is_share,
            method=method,
            at=at,
            noun=metric.noun,
            **self._dependence(metric, comparable),
        )

    def _dependence(self, metric: Metric, comparable: Flags) -> dict[str, Any]:
        """Return the fields `clusters` and `correlations` of the rates of a metric.

        `comparable` says which groups can be compared.
        """
        if self.outcomes.cluster is None:
            return {}
        kept = np.flatnonzero(comparable).tolist()
        parts = [self._part(g) for g in kept]
        sides = [(metric.linear(part), part.cluster) for part in parts]
        influences = [linear.influence for linear, _ in sides if linear is not None]
        clusters = [cluster for _, cluster in sides if cluster is not None]
        correlations, k = None, len(self.names)
        present = np.unique(np.concatenate([np.empty(0, np.intp), *clusters]))
        found = cluster_correlations(influences, clusters) if len(influences) == len(kept) else None
        if found is not None:
            correlations = np.zeros((k, k))
            correlations[np.ix_(kept, kept)] = found
        return {"clusters": len(present), "correlations": correlations}

    def _measure(self, metric: Metric, group: int, confidence: float) -> Measurement:
        return metric.measure(self._part(group), confidence=confidence)

    def _part(self, group: int) -> Outcomes:
        """Return the labels and predictions of the rows of one group."""
        if group not in self._parts:
            inside = self._groups.of_cells == group
            if self._stratum is not None:
                inside &= self._stratum
            self._parts[group] = self.outcomes.take(inside[self._groups.crossing.cell])
        return self._parts[group]


def in_words(n: int, noun: str) -> str:
    """Return a number of rows or queries in words, such as "1 row" for 1 and `noun` "rows"."""
    if n == 1:
        return "1 query" if noun == "queries" else "1 row"
    return f"{n:,} {noun}"


def too_few(n: int, size: float, least: int, noun: str = "rows", *, weighted: bool = False) -> str:
    """Return the reason if a group has too few rows, as words; "" if it has enough.

    `n` is the number of rows, and `size` the effective number if rows are `weighted`. `least` is
    the number needed. With the `noun` "queries", these are numbers of queries.
    """
    if not n:
        return f"no {noun}"
    if size >= least:
        return ""
    count = in_words(n, noun)
    if weighted and int(size) != n:
        count += f" that count as {int(size):,} because of their weights"
    return f"{count}, at least {least:,} are needed"


def _effective(total: npt.NDArray[Any], squares: npt.NDArray[Any]) -> Floats:
    """Return Kish's effective number of rows, ``sum(w)**2 / sum(w**2)``; 0 if all weights are 0."""
    return np.asarray(total**2 / np.where(squares > 0, squares, 1.0))
