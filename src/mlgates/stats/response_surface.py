"""Approximate a statistic that takes long to compute, for each of many tables of counts.

The statistic is computed for few of the tables. A quadratic polynomial in the counts of a table is
fitted to the results, and gives the approximate statistic of each other table.
"""

import math
from collections.abc import Callable

import numpy as np

from mlgates.stats.arrays import Counts, Floats

__all__ = ["resampled_statistic"]

#: Fewest tables that the polynomial is fitted to, and fewest tables for each coefficient of it.
_LEAST = 40
_PER_COEFFICIENT = 3
#: The fit is tested with this many tables that have the smallest predicted values, and with as many
#: that have the largest.
_AT_EACH_END = 10
#: Number of times that the tables of a test that failed are added to the fit, to test it again.
_ROUNDS = 3
#: Largest allowed standard deviation of the residuals, as a share of the standard deviation of the
#: statistic over the tables of the fit.
_RESIDUAL = 0.1
#: Largest allowed error for a table that tests the fit, as a share of the standard deviation of the
#: predicted statistic over all tables.
_AT_ENDS = 0.25


def resampled_statistic(
    statistic: Callable[[Counts], float], tables: Counts, most: int, parts: int = 1
) -> Floats:
    """Return a statistic for each of many resampled tables of counts, and call it for few of them.

    The statistic is computed for the first tables, and a quadratic polynomial in the counts is
    fitted to the results, a *response surface* [1]_. This polynomial predicts the statistic of all
    other tables. To test it, the statistic is computed for the tables with the ten smallest and the
    ten largest predictions, on which the ends of a bootstrap interval depend. If the polynomial is
    not good enough there, these tables are added to the fit, and the next ones are tested.

    If the statistic is not nearly quadratic, or is NaN for one of the tables for which it is
    computed, nothing is predicted.

    Parameters
    ----------
    statistic : callable
        Takes one table, and returns its value, or NaN if it is undefined.
    tables : ndarray of shape (b, k)
        The resampled tables.
    most : int
        If the statistic can't be predicted, it is computed for the first `most` tables.
    parts : int
        If rows are resampled within classes, the number of classes: the sum of the counts of each
        class is then the same in all tables. By default 1: only the sum of all counts is the same.

    Returns
    -------
    ndarray
        The statistic of all tables; of the first `most` tables if it can't be predicted.

    References
    ----------
    .. [1] Box, G. E. P. and Wilson, K. B. (1951). On the experimental attainment of optimum
       conditions. Journal of the Royal Statistical Society B 13, 1-45.

    Examples
    --------
    >>> tables = np.random.default_rng(0).multinomial(200, [0.3, 0.1, 0.6], 2_000)
    >>> calls = []
    >>> def share(table):
    ...     calls.append(table)
    ...     return table[0] / (table[0] + table[1])
    >>> values = resampled_statistic(share, tables, 2_000)
    >>> len(values), len(calls) < 100
    (2000, True)
    """
    distinct, place = np.unique(tables, axis=0, return_inverse=True)
    place = place.ravel()
    known, called = np.full(len(distinct), math.nan), np.zeros(len(distinct), np.bool_)

    def compute(which: Counts) -> None:
        for i in dict.fromkeys(which.tolist()):
            if not called[i]:
                known[i], called[i] = statistic(distinct[i]), True

    dimensions = tables.shape[1] - parts
    first = max(_LEAST, _PER_COEFFICIENT * (dimensions + 1) * (dimensions + 2) // 2)
    if first + 2 * _AT_EACH_END < most:
        compute(place[:first])
        terms = _quadratic(distinct)
        for _ in range(_ROUNDS):
            predicted = _fit(terms, known, called)
            spread = float(predicted[place].std()) if predicted is not None else 0.0
            if predicted is None or not spread > 1e-9 * float(np.abs(predicted).max()):
                break
            order = np.argsort(predicted, kind="stable")
            ends = np.concatenate([order[:_AT_EACH_END], order[-_AT_EACH_END:]])
            compute(ends)
            if (np.abs(known[ends] - predicted[ends]) <= _AT_ENDS * spread).all():
                return np.where(called, known, predicted)[place]
    compute(place[:most])
    return known[place[:most]]


def _quadratic(tables: Counts) -> Floats:
    """Return all products of at most two counts of each table, as one row per table."""
    scale = tables.std(axis=0)
    counts = (tables - tables.mean(axis=0)) / np.where(scale > 0, scale, 1.0)
    i, j = np.triu_indices(counts.shape[1])
    return np.column_stack([np.ones(len(counts)), counts, counts[:, i] * counts[:, j]])


def _fit(terms: Floats, known: Floats, called: np.ndarray) -> Floats | None:
    """Return the predictions of a polynomial for all tables, or None if it is not good enough.

    `known` has the values of the tables that were `called`.
    """
    values = known[called]
    if not np.isfinite(values).all():
        return None
    coefficients, _, rank, _ = np.linalg.lstsq(terms[called], values, rcond=1e-9)
    predicted: Floats = terms @ coefficients
    residuals = values - predicted[called]
    freedom = len(values) - int(rank)
    if freedom < 1 or not math.sqrt(residuals @ residuals / freedom) <= _RESIDUAL * values.std():
        return None
    return predicted
