"""How well scores rank rows: areas under ROC curves with DeLong's covariance, average precision."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Codes, Floats, Mask, Values
from mlgates.stats.proportions import boundary


def auc(true: npt.ArrayLike, score: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the chance that a positive row has the higher score than a negative one.

    Ties count half; it is the area under the ROC curve. Labels, scores without NaN, and weights
    that are not negative are of shape (n,); a pair of rows weighs the product of theirs. NaN where
    a class has no row, or no weight.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    positive = np.asarray(true, np.bool_)
    if weight is None:
        return _area(*_twice_won(positive, np.asarray(score)), positive)
    weights = np.asarray(weight, np.float64)
    return _weighted_area(placements(positive, np.asarray(score), weights), positive, weights)


def delong(
    true: npt.ArrayLike,
    scores: Sequence[npt.ArrayLike] | Values,
    weight: npt.ArrayLike | None = None,
    *,
    difference: bool = False,
) -> tuple[Floats, Floats]:
    """Return the areas of several scores on the same rows, and DeLong's covariance of them.

    Each positive row is placed at the share of negative rows that its score beats, each negative
    row at the share of positive ones that beat it; the covariance is that of the placements of the
    ``m`` positive rows, divided by ``m``, plus that of the ``n`` negative ones, divided by ``n``.
    With weights, placements are weighted, and their squares by the squares of the weights; equal
    weights change nothing, and rows of weight 0 do not count.

    Labels and weights are of shape (n,), scores of (k, n), areas of (k,), NaN where a class has no
    row, and the covariance of (k, k), NaN where one has less than two. For a `difference` it is the
    variance of the first area minus the second, shape (1, 1), taken from the differences of the
    placements row by row, so that scores which rank the rows alike have a variance of exactly 0.

    References
    ----------
    .. [1] Sun, X. and Xu, W. (2014). Fast implementation of DeLong's algorithm for comparing the
       areas under correlated receiver operating characteristic curves. IEEE Signal Processing
       Letters 21, 1389-1393.

    Examples
    --------
    >>> areas, covariance = delong([0, 0, 1, 1], [[0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.3, 0.4]])
    >>> areas.tolist(), covariance.tolist()
    ([0.75, 1.0], [[0.125, 0.0], [0.0, 0.0]])
    """
    positive, vectors = np.asarray(true, np.bool_), [np.asarray(score) for score in scores]
    if weight is None:
        weights = None
        won = [_twice_won(positive, vector) for vector in vectors]
        areas = [_area(*each, positive) for each in won]
        placed = np.array([each for each, _ in won])
    else:
        weights = np.asarray(weight, np.float64)
        kept = weights > 0
        positive, weights = positive[kept], weights[kept]
        placed = np.array([placements(positive, vector[kept], weights) for vector in vectors])
        areas = [_weighted_area(each, positive, weights) for each in placed]
    if difference:
        placed = placed[:1] - placed[1:]
    if weights is None:
        placed = _shares(placed, won[0][1], positive)
    with np.errstate(invalid="ignore"):  # of a class without rows
        return np.array(areas, np.float64), _covariance(placed, positive, weights)


def same_ranking(score: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    """Return whether two scores put the same rows in the same order, ties included.

    Examples
    --------
    >>> same_ranking([0.1, 0.2, 0.2], [-5, 7, 7]), same_ranking([0.1, 0.2, 0.2], [-5, 7, 8])
    (True, False)
    """
    first, second = np.asarray(score), np.asarray(other)
    order = np.argsort(first)
    mine, theirs = first[order], second[order]
    return bool(
        np.array_equal(mine[1:] > mine[:-1], theirs[1:] > theirs[:-1])
        and np.all(theirs[1:] >= theirs[:-1])
    )


def hanley_interval(
    area: float, positives: float, negatives: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of an area from its sizes: all areas that a score test accepts.

    The variance of an area ``a`` of ``m`` positive and ``n`` negative rows is taken as
    ``a (1 - a) / (m n) * (1 + s (1 - a) / (2 - a) + s a / (1 + a))`` with
    ``s = (m + n) / 2 - 1``, and the ends are where ``(area - a)**2 = z**2 variance(a)``. It serves
    where all placements are alike, so that DeLong's variance is 0: areas of 0 and 1. `positives`
    and `negatives` are rows, or effective rows.

    References
    ----------
    .. [1] Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the
       Mann-Whitney statistic. Part 2: asymptotic methods and evaluation. Statistics in Medicine
       25, 559-573 (method 5).

    Examples
    --------
    >>> low, high = hanley_interval(1.0, 20, 30)
    >>> round(low, 4), high
    (0.9159, 1.0)
    """
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    rest = (positives + negatives) / 2 - 1

    def is_rejected(a: float) -> bool:
        spread = 1 + rest * ((1 - a) / (2 - a) + a / (1 + a))
        # (NaN is rejected everywhere)
        return not (area - a) ** 2 - z2 * a * (1 - a) / (positives * negatives) * spread <= 0

    low, high = (
        boundary(is_rejected, end, area) if is_rejected(end) else end for end in (0.0, 1.0)
    )
    return low, high


def placements(positive: Mask, score: Values, weight: Floats) -> Floats:
    """Return the share of the other class's weight that each row beats, ties by half."""
    return _shares(*_twice_won(positive, score, weight), positive)


def _twice_won(
    positive: Mask, score: Values, weight: Floats | None = None
) -> tuple[Values, tuple[Any, Any]]:
    """Return twice what each row beats of the other class, a tie being half, and both sums.

    Rows (whole numbers, so that no sum is rounded), or their weights.
    """
    order, rows = np.argsort(score), len(score)
    ranked, labels = score[order], positive[order]
    ends = np.flatnonzero(ranked[1:] != ranked[:-1])
    is_tied = len(ends) < rows - 1
    bounds = np.concatenate(([0], ends + 1, [rows])) if is_tied else np.arange(rows + 1)
    # The size of each class before each run of equal scores, last in all. (In place where it can
    # be: new arrays take longer than what is computed.)
    if weight is None:
        hits: Values = np.zeros(rows + 1, np.int64)
        np.cumsum(labels, out=hits[1:])
        if is_tied:
            hits = hits[bounds]
        misses: Values = np.subtract(bounds, hits, out=None if is_tied else bounds)
    else:
        weights, hits, misses = weight[order], np.zeros(rows + 1), np.zeros(rows + 1)
        np.cumsum(np.where(labels, weights, 0.0), out=hits[1:])
        np.cumsum(np.where(labels, 0.0, weights), out=misses[1:])
        if is_tied:
            hits, misses = hits[bounds], misses[bounds]
    won, beaten = hits[:-1] + hits[1:], misses[:-1] + misses[1:]
    np.subtract(2 * hits[-1], won, out=won)
    if is_tied:
        sizes = bounds[1:] - bounds[:-1]
        won, beaten = np.repeat(won, sizes), np.repeat(beaten, sizes)
    np.copyto(won, beaten, where=labels)
    beaten[order] = won
    return beaten, (hits[-1], misses[-1])


def _shares(won: Values, totals: tuple[Any, Any], positive: Mask) -> Floats:
    """Return the placements: shares of the other class."""
    hits, misses = totals
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(won / np.where(positive, 2 * misses, 2 * hits))


def _area(won: Values, totals: tuple[Any, Any], positive: Mask) -> float:
    pairs = int(totals[0]) * int(totals[1])
    return int(np.dot(won, positive)) / (2 * pairs) if pairs else math.nan


def _weighted_area(placed: Floats, positive: Mask, weight: Floats) -> float:
    weights = weight[positive]
    total = float(weights.sum())
    return float(np.dot(weights, placed[positive])) / total if total > 0 else math.nan


def _covariance(placed: Floats, positive: Mask, weight: Floats | None) -> Floats:
    """Return the covariance of mean placements, shape (k, k): the sum of that in both classes."""
    total = np.zeros((len(placed), len(placed)))
    for rows in (positive, ~positive):
        values, n = placed[:, rows], 0.0
        if values.shape[1] > 1:
            if weight is None:
                n = float(values.shape[1])
                centred = values - values.mean(axis=1, keepdims=True)
                centred /= n
            else:
                shares = weight[rows] / weight[rows].sum()
                n = 1 / float(np.dot(shares, shares))
                centred = values - (values @ shares)[:, None]
                centred *= shares
        if not n > 1:  # all the weight lies on one row
            return np.full(total.shape, np.nan)
        total += np.einsum("ir,jr->ij", centred, centred) * (n / (n - 1))
    return total


def auc_influence(true: npt.ArrayLike, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """Return the area under the ROC curve, and by how much each row moves it.

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


class PrecisionCurve(NamedTuple):
    """Rows by falling score, and where each run of equal scores with a positive row ends."""

    order: Codes
    positive: Mask
    weight: Floats | None
    ends: Codes

    def value(self) -> float:
        """Return ``sum((R_i - R_(i-1)) P_i)`` over thresholds; NaN without positive rows."""
        return float(self.values(np.ones((1, len(self.positive)), np.uint8))[0])

    def values(self, counts: Values) -> Floats:
        """Return the average precision of resamples, shape (b,), from `counts`, shape (b, n)."""
        weighted, kind = (counts, np.int32) if self.weight is None else (counts * self.weight, None)
        if not len(self.ends):
            return np.full(len(counts), math.nan)
        hits, ranked = (
            np.cumsum(each, axis=1, dtype=kind)[:, self.ends].astype(np.float64)
            for each in (weighted * self.positive, weighted)
        )
        steps = np.diff(hits, axis=1, prepend=0.0)
        precision = hits / np.where(ranked > 0, ranked, 1.0)
        total = hits[:, -1]
        return np.asarray((steps * precision).sum(1) / np.where(total > 0, total, np.nan))

    def influence(self) -> Floats:
        """Return the derivative of the value by the weight of each row, times the rows."""
        weight = np.ones(len(self.positive)) if self.weight is None else self.weight
        hits, ranked = np.cumsum(weight * self.positive)[self.ends], np.cumsum(weight)[self.ends]
        precision, steps = hits / ranked, np.diff(hits, prepend=0.0)
        total = hits[-1]
        value = float((steps * precision).sum()) / total
        # A row counts for all thresholds at or below its score.
        runs = np.searchsorted(self.ends, np.arange(len(self.positive)))
        gain, loss = (
            np.append(np.cumsum(each[::-1])[::-1], 0.0)
            for each in (steps / ranked, steps * precision / ranked)
        )
        own = np.append(precision, 0.0)
        moved = self.positive * (own[runs] - value + gain[runs]) - loss[runs]
        return np.asarray(weight * moved / total)


def precision_curve(
    true: npt.ArrayLike, score: npt.ArrayLike, weight: Floats | None = None
) -> PrecisionCurve:
    """Sort rows once for average precision and any number of resamples of it.

    Labels, scores without NaN, and weights that are not negative: each of shape (n,).

    Examples
    --------
    >>> round(precision_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).value(), 4)
    0.8333
    """
    positive, scores = np.asarray(true, np.bool_), np.asarray(score)
    order = np.argsort(-scores, kind="stable")
    ranked, positive = scores[order], positive[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    ends = ends[: len(ranked)]
    kept = ends[np.diff(np.cumsum(positive)[ends], prepend=0) > 0]
    return PrecisionCurve(order, positive, None if weight is None else weight[order], kept)
