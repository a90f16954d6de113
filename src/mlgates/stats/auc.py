"""Area under the ROC curve: exact with ties, with DeLong's covariance, by one sort a score."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "AucDifference",
    "auc",
    "auc_difference",
    "delong",
    "hanley_interval",
    "placements",
    "same_ranking",
]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[Any]


class AucDifference(NamedTuple):
    """Two areas on the same rows, and the variance of the first minus the second."""

    auc: float
    other: float
    variance: float


def auc(true: npt.ArrayLike, score: npt.ArrayLike, weight: npt.ArrayLike | None = None) -> float:
    """Chance that a positive row has the higher score than a negative one, ties counting half.

    Parameters
    ----------
    true : array_like of bool
        Whether a row is positive; 0 and 1 serve too.
    score : array_like of int or float
        Without NaN.
    weight : array_like of float, optional
        Not negative. A pair of rows weighs the product of theirs.

    Returns
    -------
    float
        NaN where one of the two classes has no row, or no weight.

    Examples
    --------
    >>> auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    >>> auc([0, 1, 1], [0.5, 0.5, 0.9], weight=[1, 1, 3])
    0.875
    """
    positive = np.asarray(true, np.bool_)
    if weight is None:
        return _mean(_twice_won(positive, np.asarray(score)), positive)
    sums = np.asarray(weight, np.float64)
    return _weighted_mean(placements(positive, np.asarray(score), sums), positive, sums)


def delong(
    true: npt.ArrayLike,
    scores: Sequence[npt.ArrayLike] | Values,
    weight: npt.ArrayLike | None = None,
) -> tuple[Floats, Floats]:
    """Areas of several scores on the same rows, with DeLong's covariance of them.

    Each positive row is placed at the share of negative rows that its score beats, each negative
    row at the share of positive ones that beat it; the covariance is that of the placements of the
    ``m`` positive rows, divided by ``m``, plus that of the ``n`` negative ones, divided by ``n``.

    Parameters
    ----------
    true : array_like of bool
        Whether a row is positive.
    scores : sequence of array_like, or array of shape (k, rows)
        One score a row for each of ``k`` models.
    weight : array_like of float, optional
        Not negative. Placements are then weighted, and so are their squares, by the weights'
        squares; equal weights change nothing. Rows of weight 0 do not count.

    Returns
    -------
    areas : numpy.ndarray of float64
        One a score; NaN where one of the two classes has no row.
    covariance : numpy.ndarray of float64
        Of shape (k, k); NaN where one of the two classes has less than two rows.

    References
    ----------
    .. [1] DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under
       two or more correlated receiver operating characteristic curves: a nonparametric approach.
       Biometrics 44, 837-845.
    .. [2] Sun, X. and Xu, W. (2014). Fast implementation of DeLong's algorithm for comparing the
       areas under correlated receiver operating characteristic curves. IEEE Signal Processing
       Letters 21, 1389-1393.

    Examples
    --------
    >>> areas, covariance = delong([0, 0, 1, 1], [[0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.3, 0.4]])
    >>> areas.tolist(), covariance.tolist()
    ([0.75, 1.0], [[0.125, 0.0], [0.0, 0.0]])
    """
    positive, sums = _rows(true, weight)
    vectors = [_kept(score, weight) for score in scores]
    if sums is None:
        won = [_twice_won(positive, vector) for vector in vectors]
        areas = [_mean(places, positive) for places in won]
        placed = np.array([_shares(places, positive) for places in won])
    else:
        placed = np.array([placements(positive, vector, sums) for vector in vectors])
        areas = [_weighted_mean(places, positive, sums) for places in placed]
    return np.array(areas, np.float64), _covariance(placed, positive, sums)


def auc_difference(
    true: npt.ArrayLike,
    score: npt.ArrayLike,
    other: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
) -> AucDifference:
    """Two areas on the same rows, and DeLong's variance of their difference.

    The variance is had from the differences of the placements row by row, so that scores which
    rank the rows alike have a variance of exactly 0.

    Parameters
    ----------
    true, score, other, weight : array_like
        As of `delong`; `other` is the score whose area is subtracted.

    Returns
    -------
    AucDifference
        NaN where it is undefined, as in `delong`.

    Examples
    --------
    >>> auc_difference([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], [0.1, 0.2, 0.3, 0.4])
    AucDifference(auc=0.75, other=1.0, variance=0.125)
    """
    positive, sums = _rows(true, weight)
    first, second = _kept(score, weight), _kept(other, weight)
    if sums is None:
        won, lost = _twice_won(positive, first), _twice_won(positive, second)
        areas = _mean(won, positive), _mean(lost, positive)
        change = _shares(won - lost, positive)
    else:
        here, there = placements(positive, first, sums), placements(positive, second, sums)
        areas = _weighted_mean(here, positive, sums), _weighted_mean(there, positive, sums)
        change = here - there
    return AucDifference(*areas, float(_covariance(change[None], positive, sums)[0, 0]))


def same_ranking(score: npt.ArrayLike, other: npt.ArrayLike) -> bool:
    """Whether two scores put the same rows in the same order, ties included.

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
    """Interval of an area from its size alone: every area that a score test does not reject.

    The variance of an area ``a`` of ``m`` positive and ``n`` negative rows is taken as
    ``a (1 - a) / (m n) * (1 + s (1 - a) / (2 - a) + s a / (1 + a))`` with
    ``s = (m + n) / 2 - 1``, and the ends are where ``(area - a)**2 = z**2 variance(a)``. It serves
    where all placements are alike, which leaves DeLong's variance at 0: areas of 0 and 1.

    Parameters
    ----------
    area : float
        From 0 to 1.
    positives, negatives : float
        Rows, or effective rows.
    confidence : float, default 0.95
        Of the two-sided interval.

    References
    ----------
    .. [1] Hanley, J. A. and McNeil, B. J. (1982). The meaning and use of the area under a receiver
       operating characteristic (ROC) curve. Radiology 143, 29-36.
    .. [2] Newcombe, R. G. (2006). Confidence intervals for an effect size measure based on the
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

    def beyond(a: float) -> float:
        spread = 1 + rest * ((1 - a) / (2 - a) + a / (1 + a))
        return (area - a) ** 2 - z2 * a * (1 - a) / (positives * negatives) * spread

    return _root(beyond, 0.0, area), _root(beyond, 1.0, area)


def _root(beyond: Callable[[float], float], outside: float, inside: float) -> float:
    """The point between two where a function changes its sign; the outer one where it doesn't."""
    if beyond(outside) <= 0:
        return outside
    for _ in range(100):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if beyond(middle) > 0 else (outside, middle)
    return (outside + inside) / 2


def _rows(true: npt.ArrayLike, weight: npt.ArrayLike | None) -> tuple[Mask, Floats | None]:
    """Which rows are positive, and their weights; those of weight 0 left out."""
    positive = np.asarray(true, np.bool_)
    if weight is None:
        return positive, None
    sums = np.asarray(weight, np.float64)
    counts = sums > 0
    return positive[counts], sums[counts]


def _kept(score: npt.ArrayLike, weight: npt.ArrayLike | None) -> Values:
    values = np.asarray(score)
    return values if weight is None else values[np.asarray(weight) > 0]


def _runs(score: Values) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows in the order of their scores, and where each run of equal scores starts."""
    order = np.argsort(score)
    ranked = score[order]
    starts = np.flatnonzero(np.concatenate(([True], ranked[1:] != ranked[:-1])))
    return order, starts[: len(score)]


def _twice_won(positive: Mask, score: Values) -> npt.NDArray[np.int64]:
    """Twice the rows of the other class that each row is on the right side of; a tie is half one.

    Whole numbers, so that no sum of them is rounded.
    """
    order, starts = _runs(score)
    labels = positive[order]
    rows = len(score)
    before = np.concatenate(([0], np.cumsum(labels)))
    if len(starts) == rows:  # no ties
        below = before[:-1]  # positive rows below each
        places = np.where(labels, 2 * (np.arange(rows) - below), 2 * (before[-1] - below))
    else:
        ends = np.append(starts[1:], rows)
        hits = before[starts] + before[ends]  # twice those below, and those tied
        lengths = ends - starts
        misses = np.repeat(starts + ends - hits, lengths)
        places = np.where(labels, misses, np.repeat(2 * before[-1] - hits, lengths))
    won = np.empty(rows, np.int64)
    won[order] = places
    return won


def _mean(won: npt.NDArray[np.int64], positive: Mask) -> float:
    hits = int(np.count_nonzero(positive))
    pairs = hits * (len(positive) - hits)
    return int(won[positive].sum()) / (2 * pairs) if pairs else math.nan


def _shares(won: npt.NDArray[np.int64], positive: Mask) -> Floats:
    """Placements: shares of the other class."""
    hits = int(np.count_nonzero(positive))
    with np.errstate(invalid="ignore", divide="ignore"):
        return won / np.where(positive, 2 * (len(positive) - hits), 2 * hits)


def placements(positive: Mask, score: Values, weight: Floats) -> Floats:
    """Placements by weight: the share of the other class's weight, ties by half."""
    order, starts = _runs(score)
    rows = len(score)
    ends = np.append(starts[1:], rows)[: len(starts)]
    labels, sums = positive[order], weight[order]
    lengths = ends - starts

    def middles(mask: Mask) -> tuple[Floats, Any]:
        before = np.concatenate(([0.0], np.cumsum(np.where(mask, sums, 0.0))))
        return np.repeat((before[starts] + before[ends]) / 2, lengths), before[-1]

    (hits, all_hits), (misses, all_misses) = middles(labels), middles(~labels)
    placed = np.empty(rows, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        placed[order] = np.where(labels, misses / all_misses, (all_hits - hits) / all_hits)
    return placed


def _weighted_mean(placed: Floats, positive: Mask, weight: Floats) -> float:
    sums = weight[positive]
    total = float(sums.sum())
    return float(np.dot(sums, placed[positive])) / total if total > 0 else math.nan


def _covariance(placed: Floats, positive: Mask, weight: Floats | None) -> Floats:
    """Covariance of the mean placements: that among positive rows plus that among negative ones."""
    return _of_means(placed, positive, weight) + _of_means(placed, ~positive, weight)


def _of_means(placed: Floats, rows: Mask, weight: Floats | None) -> Floats:
    values = placed[:, rows]
    if values.shape[1] < 2:
        return np.full((len(placed), len(placed)), np.nan)
    if weight is None:
        n = float(values.shape[1])
        centred = (values - values.mean(axis=1, keepdims=True)) / n
    else:
        shares = weight[rows] / weight[rows].sum()
        n = 1 / float(np.dot(shares, shares))
        centred = (values - (values @ shares)[:, None]) * shares
    if not n > 1:  # all the weight lies on one row
        return np.full((len(placed), len(placed)), np.nan)
    with np.errstate(invalid="ignore"):  # of an empty other class
        squares: Floats = np.einsum("ir,jr->ij", centred, centred)
        return squares * (n / (n - 1))
