"""Areas under ROC curves with DeLong's covariance, and average precision."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Codes, Floats, Mask, Values
from mlgates.stats.proportions import boundary

#: `unseen_variance` is added in full if at most a share of `_SPARSE` of the rows moves between two
#: scores. It decreases to 0 for a share of `_DENSE`.
_SPARSE = 0.04
_DENSE = 0.08


def auc(true: npt.ArrayLike, score: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Return the area under the ROC curve.

    The area is the probability that a random positive row has a higher score than a random negative
    row. A tie counts one half.

    Parameters
    ----------
    true : array_like of shape (n,)
        Whether each row is positive.
    score : array_like of shape (n,)
        Scores without NaN.
    weight : array_like of shape (n,), optional
        Weights that are not negative. The weight of a pair of rows is the product of both weights.

    Returns
    -------
    float
        The area, from 0 to 1. NaN if a class has no rows or a total weight of 0.

    References
    ----------
    .. [1] Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a receiver
       operating characteristic (ROC) curve. Radiology 143, 29-36.

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
    """Return the areas under the ROC curves of k scores, and DeLong's covariance matrix.

    The placement of a positive row is the share of negative rows with a lower score. The placement
    of a negative row is the share of positive rows with a higher score. In each class, the
    covariance matrix of the placements is divided by the number of rows of the class. DeLong's
    covariance is the sum of these two matrices. With weights, the mean placement of a class is
    weighted, and a row counts in the covariance with the square of its weight. Rows of weight 0 are
    left out.

    Parameters
    ----------
    true : array_like of shape (n,)
        Whether each row is positive.
    scores : array_like of shape (k, n)
        Scores without NaN.
    weight : array_like of shape (n,), optional
        Weights that are not negative.
    difference : bool
        If True, return the variance of the first area minus the second area instead of the
        covariance matrix. It is computed from the differences of the placements, so that it is
        exactly 0 if both scores give the rows the same order. Default False.

    Returns
    -------
    areas : ndarray of shape (k,)
        The areas. NaN if a class has no rows.
    covariance : ndarray of shape (k, k), or (1, 1) for a `difference`
        The covariance matrix, or the variance of the difference. NaN if a class has fewer than two
        rows.

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
    areas, placed, positive, weights = _areas_and_placements(
        true, scores, weight, difference=difference
    )
    with np.errstate(invalid="ignore"):  # NaN for a class without rows
        return areas, _covariance(placed, positive, weights)


class AreaDifference(NamedTuple):
    """The areas under the ROC curves (AUC) of two scores, and the variance of their difference.

    `area_difference` returns this object.

    Attributes
    ----------
    areas : (float, float)
        The area of the first and of the second score; NaN if a class has no rows.
    variance : float
        DeLong's variance of the first area minus the second. NaN if a class has fewer than two
        rows.
    unseen : float
        The amount to add to `variance`. It is more than 0 only if the two scores differ on few
        rows: DeLong's variance is then too small. See `unseen_variance`.
    """

    areas: tuple[float, float]
    #: DeLong's variance, and the amount to add to it if the scores differ on few rows only.
    variance: float
    unseen: float


def area_difference(
    true: npt.ArrayLike,
    score: npt.ArrayLike,
    other: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
) -> AreaDifference:
    """Return the areas under the ROC curves (AUC) of two scores, and their difference's variance.

    `score` and `other` are two scores of the same rows. `true` says for each row whether it is
    positive, and `weight` has weights of the rows, which are not negative. The result also has the
    amount `unseen` to add to the variance, see `AreaDifference`.

    Examples
    --------
    >>> area_difference([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.3, 0.4])
    AreaDifference(areas=(0.75, 1.0), variance=0.125, unseen=0.0)
    """
    areas, placed, positive, weights = _areas_and_placements(
        true, (score, other), weight, difference=True
    )
    with np.errstate(invalid="ignore"):  # NaN for a class without rows
        variance = float(_covariance(placed, positive, weights)[0, 0])
    if not variance > 0:
        return AreaDifference((float(areas[0]), float(areas[1])), variance, 0.0)
    classes = (positive, ~positive)
    sizes = [float(np.count_nonzero(rows)) for rows in classes]
    if weights is not None:
        sums = [(weights[rows].sum(), (weights[rows] ** 2).sum()) for rows in classes]
        sizes = [float(total**2 / squares) for total, squares in sums]
    unseen = unseen_variance([placed[0, rows] for rows in classes], sizes)
    return AreaDifference((float(areas[0]), float(areas[1])), variance, unseen)


def unseen_variance(moves: Sequence[Floats], sizes: Sequence[float]) -> float:
    """Return the amount to add to DeLong's variance if two scores differ on few rows only.

    DeLong's variance is that of the difference between two areas under the ROC curve. The placement
    of a row is the share of rows of the other class against which the row is ranked correctly. The
    move of a row is its placement by the first score minus its placement by the second score.

    If only few rows of the population move, the sample may contain none of these rows by chance.
    DeLong's variance is then too small. As Agresti and Min do for paired proportions [1]_, two rows
    are added to each class: one that moves up and one that moves down. The result is what the added
    rows contribute to the variance, times a weight: ``weight * 2 * square * sum(1 / size**2)``. The
    sum is over the two classes, and the other two factors are:

    - ``square = sum(move**4) / sum(move**2)`` is the squared move of an added row. Both sums are
      over the rows of both classes. If no row moves, the result is 0.
    - ``weight`` is 1 if at most 4 % of the rows move, and 0 if at least 8 % move. Between the two,
      it decreases linearly. The share of moving rows is ``sum(move**2)**2 / sum(move**4) / n`` for
      a class of ``n`` rows, and the smaller share of the two classes is used.

    Parameters
    ----------
    moves : sequence of ndarray
        One array per class: the moves of its rows.
    sizes : sequence of float
        One number per class: its number of rows, or with weights its effective number of rows.

    References
    ----------
    .. [1] Agresti, A. and Min, Y. (2005). Simple improved confidence intervals for comparing
       matched proportions. Statistics in Medicine 24, 729-740.

    Examples
    --------
    >>> few = np.where(np.arange(100) < 2, 0.5, 0.0)
    >>> unseen_variance([few, np.zeros(20)], [100, 20]), unseen_variance([few[:5]] * 2, [5, 5])
    (0.0013, 0.0)
    """
    squares = [float((move**2).sum()) for move in moves]
    fourths = [float((move**4).sum()) for move in moves]
    if not sum(squares) > 0:
        return 0.0
    shares = [
        square**2 / fourth / len(move) if fourth > 0 else 0.0
        for square, fourth, move in zip(squares, fourths, moves, strict=True)
    ]
    part = min(max((_DENSE - min(shares)) / (_DENSE - _SPARSE), 0.0), 1.0)
    typical = sum(fourths) / sum(squares)
    return part * 2 * typical * sum(1 / size**2 for size in sizes)


def _areas_and_placements(
    true: npt.ArrayLike,
    scores: Sequence[npt.ArrayLike] | Values,
    weight: npt.ArrayLike | None,
    *,
    difference: bool,
) -> tuple[Floats, Floats, Mask, Floats | None]:
    """Return the areas of k scores, the placements of the rows, their classes and their weights.

    The placement of a row is the share of rows of the other class against which it is ranked
    correctly. The areas have shape (k,), and the placements shape (k, n). With ``difference=True``,
    the second result has shape (k - 1, n): the placements by the first score minus those by each
    other score. The third result is a mask that is True for positive rows. The last result is None
    if there are no weights. Rows of weight 0 are left out of the last three results.
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
    return np.array(areas, np.float64), placed, positive, weights


def same_ranking(score: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    """Return whether two scores of the same rows give these rows the same order and the same ties.

    Examples
    --------
    >>> same_ranking([0.1, 0.2, 0.2], [-5, 7, 7]), same_ranking([0.1, 0.2, 0.2], [-5, 7, 8])
    (True, False)
    """
    unsorted = np.asarray(score)
    order = np.argsort(unsorted)
    first, second = unsorted[order], np.asarray(other)[order]
    return bool(
        np.array_equal(first[1:] > first[:-1], second[1:] > second[:-1])
        and np.all(second[1:] >= second[:-1])
    )


def mid_ranks(values: npt.ArrayLike) -> Floats:
    """Return the rank of each value, counted from 0.5; equal values get their mean rank.

    Examples
    --------
    >>> mid_ranks([3.0, 1.0, 3.0]).tolist()
    [2.0, 0.5, 2.0]
    """
    array = np.asarray(values)
    ordered = np.sort(array)
    ends = (np.searchsorted(ordered, array, side) for side in ("left", "right"))
    return np.asarray(sum(ends) / 2)


def hanley_interval(
    area: float, positives: float, negatives: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Return a score interval of an area under the ROC curve, for areas of 0 and 1.

    DeLong's variance is 0 for these areas. This interval needs only the area and the sizes of the
    classes. It contains all areas ``a`` that a score test does not reject. For ``m`` positive and
    ``n`` negative rows, the variance is ``a (1 - a) / (m n) * (1 + s (1 - a) / (2 - a) + s a / (1 +
    a))`` with ``s = (m + n) / 2 - 1``. The ends solve ``(area - a)**2 = z**2 variance(a)``, where
    ``z`` is the two-sided normal quantile of `confidence`. `positives` and `negatives` are the
    numbers of rows, or with weights the effective numbers.

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
        # "not <=" is also true for NaN.
        return not (area - a) ** 2 - z2 * a * (1 - a) / (positives * negatives) * spread <= 0

    low, high = (
        boundary(is_rejected, end, area) if is_rejected(end) else end for end in (0.0, 1.0)
    )
    return low, high


def placements(positive: Mask, score: Values, weight: Floats) -> Floats:
    """Return for each row the share of the other class against which it is ranked correctly.

    A positive row is ranked correctly against a negative row if its score is higher. A tie counts
    one half. In the share, each row of the other class counts with its weight.
    """
    return _shares(*_twice_won(positive, score, weight), positive)


def _twice_won(
    positive: Mask, score: Values, weight: Floats | None = None
) -> tuple[Values, tuple[Any, Any]]:
    """Return twice the number of pairs that each row wins, and the sizes of both classes.

    A pair is one positive and one negative row. Both of its rows win it if the positive row has the
    higher score. A tie counts half. Twice the number is returned because it is an integer, so that
    nothing is rounded. With weights, the number of pairs and the sizes are sums of weights.
    """
    order, rows = np.argsort(score), len(score)
    ranked, labels = score[order], positive[order]
    ends = np.flatnonzero(ranked[1:] != ranked[:-1])
    is_tied = len(ends) < rows - 1
    bounds = np.concatenate(([0], ends + 1, [rows])) if is_tied else np.arange(rows + 1)
    # Count the rows of each class before each run of equal scores, and in total. Results are
    # written into existing arrays, because allocating new arrays would take longer than the
    # computation.
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
    """Return the share of pairs that each row wins, from the two results of `_twice_won`.

    `won` is twice the number of pairs that each row wins, and `totals` has the sizes of both
    classes. A pair is one positive and one negative row.
    """
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
    """Return the covariance matrix of the areas of k scores, from the placements of the rows.

    `placed` has shape (k, n). It is the share of rows of the other class against which each row is
    ranked correctly. The area of a score is the mean placement in each class. The result has shape
    (k, k). It is the sum of the covariance matrices of these means in the two classes.
    """
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
        if not n > 1:  # a single row has all the weight
            return np.full(total.shape, np.nan)
        total += np.einsum("ir,jr->ij", centred, centred) * (n / (n - 1))
    return total


def auc_influence(true: npt.ArrayLike, score: Floats, weight: Floats) -> tuple[float, Floats]:
    """Return the area under the ROC curve, and the influence of each row on it.

    The influence of a row is the derivative of the area with respect to the row's weight, times
    that weight. DeLong's variance is a sum of two parts, one for each class. The part of a class of
    ``m`` rows is ``m / (m - 1)`` times the sum of its squared influences. All arguments and the
    influences have shape (n,).

    Examples
    --------
    >>> area, influence = auc_influence([0, 0, 1, 1], np.array([0.1, 0.4, 0.35, 0.8]), np.ones(4))
    >>> area, influence.tolist()
    (0.75, [0.125, -0.125, -0.125, 0.125])
    """
    positive = np.asarray(true, np.bool_)
    placed = placements(positive, score, weight)
    shares = np.where(positive, weight / weight[positive].sum(), weight / weight[~positive].sum())
    area = float(np.dot(shares[positive], placed[positive]))
    return area, shares * (placed - area)


class PrecisionCurve(NamedTuple):
    """Rows sorted by descending score, from which average precision is computed.

    `precision_curve` returns this object. `order` has the positions of the sorted rows in the given
    arrays. `positive` and `weight` have the class and the weight of each sorted row; `weight` is
    None if all rows have the same weight. `ends` has the position of the last row of each run of
    equal scores, for all runs that contain a positive row.
    """

    order: Codes
    positive: Mask
    weight: Floats | None
    ends: Codes

    def value(self) -> float:
        """Return the average precision, ``sum((R_i - R_(i-1)) P_i)``; NaN if no row is positive.

        ``R_i`` and ``P_i`` are recall and precision at the i-th threshold. Each distinct score of a
        positive row is a threshold.
        """
        return float(self.values(np.ones((1, len(self.positive)), np.uint8))[0])

    def values(self, counts: Values) -> Floats:
        """Return the average precision of each of b resamples, shape (b,).

        `counts`, of shape (b, n), has the number of times that each sorted row was drawn in each
        resample.
        """
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
        """Return the influence of each sorted row on the average precision.

        The influence is the derivative of the average precision with respect to the row's weight,
        times that weight.
        """
        weight = np.ones(len(self.positive)) if self.weight is None else self.weight
        hits, ranked = np.cumsum(weight * self.positive)[self.ends], np.cumsum(weight)[self.ends]
        precision, steps = hits / ranked, np.diff(hits, prepend=0.0)
        total = hits[-1]
        value = float((steps * precision).sum()) / total
        # A row counts at all thresholds that are at most equal to its score.
        runs = np.searchsorted(self.ends, np.arange(len(self.positive)))
        gain, loss = (
            np.append(np.cumsum(each[::-1])[::-1], 0.0)
            for each in (steps / ranked, steps * precision / ranked)
        )
        own = np.append(precision, 0.0)
        derivative = self.positive * (own[runs] - value + gain[runs]) - loss[runs]
        return np.asarray(weight * derivative / total)


def precision_curve(
    true: npt.ArrayLike, score: npt.ArrayLike, weight: Floats | None = None
) -> PrecisionCurve:
    """Sort rows by descending score, and return them as a `PrecisionCurve`.

    The average precision of these rows, and of resamples of them, is computed from it.

    Parameters
    ----------
    true : array_like of shape (n,)
        Whether each row is positive.
    score : array_like of shape (n,)
        Scores without NaN.
    weight : ndarray of shape (n,), optional
        Weights that are not negative.

    References
    ----------
    .. [1] Boyd, K., Eng, K. H. and Page, C. D. (2013). Area under the precision-recall curve: point
       estimates and confidence intervals. ECML PKDD 2013, 451-466.

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
