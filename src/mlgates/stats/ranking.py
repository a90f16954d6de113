"""Average precision and averaged areas under ROC curves, with what each row adds to them."""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.auc import placements

__all__ = ["PrecisionCurve", "auc_influence", "falling", "precision_curve"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


class PrecisionCurve(NamedTuple):
    """Rows in falling order of their scores, with what average precision reads of them.

    Parameters
    ----------
    positive : numpy.ndarray of bool
        Whether each row is positive.
    weight : numpy.ndarray of float64 or None
        Weight of each row.
    ends : numpy.ndarray of int
        Last row of each run of equal scores that holds a positive row.
    """

    positive: Mask
    weight: Floats | None
    ends: npt.NDArray[np.intp]

    def value(self) -> float:
        """Return ``sum((R_i - R_(i-1)) P_i)`` over thresholds; NaN without positive rows."""
        return float(self.values(np.ones((1, len(self.positive)), np.uint8))[0])

    def values(self, counts: npt.NDArray[Any]) -> Floats:
        """Return the average precision of resamples: `counts` of each row, in this order."""
        if self.weight is None:
            hits = np.cumsum(counts * self.positive, axis=1, dtype=np.int32)
            told = np.cumsum(counts, axis=1, dtype=np.int32)
        else:
            weighted = counts * self.weight
            hits = np.cumsum(weighted * self.positive, axis=1)
            told = np.cumsum(weighted, axis=1)
        if not len(self.ends):
            return np.full(len(counts), math.nan)
        hits, told = hits[:, self.ends].astype(np.float64), told[:, self.ends].astype(np.float64)
        steps = np.diff(hits, axis=1, prepend=0.0)
        precision = hits / np.where(told > 0, told, 1.0)
        total = hits[:, -1]
        return np.asarray((steps * precision).sum(1) / np.where(total > 0, total, np.nan))

    def influence(self) -> Floats:
        """Return by how much each row moves the value, times the rows: derivatives by weight."""
        weight = np.ones(len(self.positive)) if self.weight is None else self.weight
        hits, told = np.cumsum(weight * self.positive)[self.ends], np.cumsum(weight)[self.ends]
        precision, steps = hits / told, np.diff(hits, prepend=0.0)
        total = hits[-1]
        value = float((steps * precision).sum()) / total
        # a row counts for all thresholds at or below its score
        runs = np.searchsorted(self.ends, np.arange(len(self.positive)))
        inside = np.append(_from_the_end(steps / told), 0.0)
        beside = np.append(_from_the_end(steps * precision / told), 0.0)
        own = np.append(precision, 0.0)
        moved = self.positive * (own[runs] - value + inside[runs]) - beside[runs]
        return np.asarray(weight * moved / total)


def precision_curve(
    true: npt.ArrayLike, score: npt.ArrayLike, weight: Floats | None = None
) -> PrecisionCurve:
    """Sort rows once for average precision and any number of resamples of it.

    Parameters
    ----------
    true : array_like of bool
        Whether a row is positive.
    score : array_like of float
        Without NaN.
    weight : numpy.ndarray of float64, optional
        Not negative.

    Examples
    --------
    >>> round(precision_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value(), 4)
    0.8333
    """
    positive, scores = np.asarray(true, np.bool_), np.asarray(score)
    order = falling(scores)
    ranked, positive = scores[order], positive[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    ends = ends[: len(ranked)]
    kept = ends[np.diff(np.cumsum(positive)[ends], prepend=0) > 0]
    return PrecisionCurve(positive, None if weight is None else weight[order], kept)


def falling(score: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Rows in falling order of their scores: the order of a `PrecisionCurve`."""
    return np.argsort(-score, kind="stable")


def _from_the_end(values: Floats) -> Floats:
    return np.cumsum(values[::-1])[::-1]


def auc_influence(true: npt.ArrayLike, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """The area under the ROC curve, and by how much each row moves it.

    The sum of the squares is DeLong's variance, but for ``n / (n - 1)`` in each class. Influences
    on several areas add up row by row, which gives the variance of their mean.

    Examples
    --------
    >>> area, moves = auc_influence([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]), np.ones(4))
    >>> area, moves.tolist()
    (0.75, [0.125, -0.125, -0.125, 0.125])
    """
    positive = np.asarray(true, np.bool_)
    placed = placements(positive, score, weight)
    shares = np.where(positive, weight / weight[positive].sum(), weight / weight[~positive].sum())
    area = float(np.dot(shares[positive], placed[positive]))
    return area, shares * (placed - area)
