"""Compute a metric of each group, with intervals and the reason if a group can't be compared."""

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
    """A metric of each of k groups. All arrays have shape (k,); undefined numbers are NaN."""

    metric: str
    groups: tuple[str, ...]
    #: Rows of each group, without those of weight 0.
    rows: npt.NDArray[np.intp]
    #: The metric and its interval at the confidence of the gate.
    value: Floats
    low: Floats
    high: Floats
    #: Denominator and numerator of a share in rows; in effective rows if there are weights.
    denominator: Floats
    successes: Floats
    #: Why a group can't be compared, as a clause; "" if it can.
    insufficient: tuple[str, ...]
    #: Whether each group can be compared.
    comparable: Flags
    #: Whether each group has too few rows, or too few labels for the metric, whatever the model
    #: predicts.
    small: Flags
    #: Whether the metric is a share of rows.
    is_share: bool
    method: str
    #: Takes a level and returns the lower and upper ends of all intervals.
    at: Callable[[float], tuple[Floats, Floats]]

    def details(self, excluded: Flags) -> tuple[dict[str, object], ...]:
        """Return the details of each group for reports, with the reason if it is not compared."""
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
    """Return the normal quantile of a two-sided confidence level: 1.96 for 0.95."""
    return -float(special.ndtri((1 - confidence) / 2))


class GroupedOutcomes:
    """Labels and predictions with the group of each row, counted once for all rates.

    `rows` has the number of rows of each group, and `size` the effective number (Kish's), which is
    smaller if weights differ.
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
        # scaled, because squares of very small weights would underflow
        self._weight = weight = weight / (float(weight.max(initial=0.0)) or 1.0)
        self.rows = np.bincount(self._codes[weight > 0], minlength=k)
        sums = (np.bincount(self._codes, weight**power, minlength=k) for power in (1, 2))
        self.size = _effective(*sums)

    @cached_property
    def cells(self) -> tuple[Floats, Floats]:
        """Confusion matrices, shape (group, true, predicted), of weights and of their squares."""
        outcomes, weight = self.outcomes, self._weight
        if outcomes.pred is None:
            msg = (
                f"a confusion matrix needs Outcomes with need='labels', got need={outcomes.need!r}"
            )
            raise EvidenceError(msg)
        k, codes, n = len(outcomes.classes), self._codes, len(self.names)
        cells = confusion(outcomes.true, outcomes.pred, k, weight, codes, n)
        if weight is None:
            return cells, cells
        return cells, confusion(outcomes.true, outcomes.pred, k, weight**2, codes, n)

    def rates(self, metric: Metric, confidence: float, least: int, *, bounded: bool) -> GroupRates:
        """Return a metric of each group, with intervals at `confidence` (0 for no intervals).

        A group can be compared if it has at least `least` rows and, with `bounded`, an interval.
        Metrics that are not shares of rows are computed for each group alone. The result can also
        give intervals at other levels. For intervals from resamples, it stretches the interval at
        `confidence` by the ratio of the normal quantiles of the two levels, because extreme
        quantiles of a few thousand resamples are inaccurate.
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
                    reason = reason or "undefined"
                elif measured.interval is None and bounded:
                    reason = reason or NO_INTERVAL
                reasons[g] = str(reason or "")
                short[g] = bool(reason) and metric.is_short_of_labels(self._part(g))
                method, drawn = method or measured.method, drawn or "resamples" in measured.details

            @cache
            def measured_at(level: float) -> tuple[Floats, Floats]:
                if not confidence:
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
            if not n:
                reasons[g] = "no rows"
            elif size < least:
                count = "1 row" if n == 1 else f"{n:,} rows"
                if self._weight is not None:
                    count += f" (effective number by weight: {int(size):,})"
                reasons[g] = f"{count}, at least {least:,} are needed"
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
        )

    def _measure(self, metric: Metric, group: int, confidence: float) -> Measurement:
        return metric.measure(self._part(group), confidence=confidence)

    def _part(self, group: int) -> Outcomes:
        """Return the labels and predictions of the rows of one group."""
        if group not in self._parts:
            self._parts[group] = self.outcomes.take(self.groups.codes == group)
        return self._parts[group]


def _effective(total: npt.NDArray[Any], squares: npt.NDArray[Any]) -> Floats:
    """Return Kish's effective number of rows, ``sum(w)**2 / sum(w**2)``; 0 if all weights are 0."""
    return np.asarray(total**2 / np.where(squares > 0, squares, 1.0))
