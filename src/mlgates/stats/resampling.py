"""Resampling: intervals by the bootstrap, of counts where that is possible, of rows otherwise.

Everything is drawn from a generator with a given seed, in batches of bounded memory.
"""

import math
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.stats.arrays import Counts, Floats, Values

__all__ = ["MANY", "RESAMPLES", "SEED", "THIN", "bca_interval", "row_counts", "row_indices"]

Statistic = Callable[[Floats], Floats]

#: Of all resampling: the same rows give the same interval.
SEED = 0
#: Draws of an interval.
RESAMPLES = 2_000
#: A class with fewer rows is resampled separately, so that no draw lacks it.
THIN = 30
#: Numbers in one batch.
_BATCH = 1 << 21
#: With more cells there are so many rows that a single one changes nothing: no jackknife.
_MOST_CELLS = 4_096
#: From this many rows on, each row's count is drawn from Poisson's law; sums over independent rows
#: are then nearly normal, and metrics that are functions of few sums draw these.
MANY = 10_000
#: Share of the draws that may be undefined.
_UNDEFINED = 0.1
#: Number of times that a row is drawn, by 16 random bits.
_POISSON = np.searchsorted(
    special.pdtr(np.arange(9), 1.0), (np.arange(1 << 16) + 0.5) / (1 << 16)
).astype(np.uint8)


class Resampled(NamedTuple):
    """An interval from draws, and how it was computed."""

    interval: tuple[float, float] | None
    how: Literal["BCa", "percentile", "degenerate", "undefined"]


def bca_interval(
    value: float,
    draws: npt.ArrayLike,
    left_out: npt.ArrayLike | None,
    confidence: float = 0.95,
    times: npt.ArrayLike = 1.0,
) -> Resampled:
    """Return Efron's bias-corrected and accelerated interval, or the draws' own quantiles.

    The ends are the draws' quantiles at ``Phi(z0 + (z0 + z) / (1 - a (z0 + z)))``, where ``z0`` is
    the normal quantile of the share of draws below the value (a draw equal to it counts half) and
    ``a = sum(d**3) / 6 sum(d**2)**1.5`` with ``d`` the mean of the left-out values minus each.

    `left_out` are the values without one row (or block of rows) each, `times` the rows that give
    each; None for no correction. NaN draws (undefined) are left out; above 10 % there is no
    interval. ``how`` is "percentile" where the correction is undefined (all draws on one side), and
    "degenerate", without an interval, where all draws are alike.

    References
    ----------
    .. [1] Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American
       Statistical Association 82, 171-185.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(5, 1, 2_000)
    >>> bca_interval(5.0, draws, [4.9, 5.0, 5.1]).how
    'BCa'
    """
    all_draws = np.asarray(draws, np.float64)
    known = np.sort(all_draws[~np.isnan(all_draws)])
    if len(known) < (1 - _UNDEFINED) * len(all_draws):
        return Resampled(None, "undefined")
    crumb = 1e-12 * max(1.0, abs(value))
    if known[-1] - known[0] <= crumb:
        return Resampled(None, "degenerate")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    z = special.ndtri(tails)
    levels = tails if left_out is None else special.ndtr(z)
    how: Literal["BCa", "percentile"] = "percentile"
    below = np.searchsorted(known, value - crumb, "left")
    upto = np.searchsorted(known, value + crumb, "right")
    z0 = float(special.ndtri((below + upto) / (2 * len(known))))
    if left_out is not None and math.isfinite(z0):
        # A sixth of the skewness of the jackknife's influences; 0 where all are alike.
        values = np.asarray(left_out, np.float64)
        weight = np.broadcast_to(np.asarray(times, np.float64), values.shape)
        used = ~np.isnan(values) & (weight > 0)
        values, weight, acceleration = values[used], weight[used], 0.0
        spread = np.average(values, weights=weight) - values if len(values) else values
        squares = float(np.sum(weight * spread**2))
        if squares > 0:
            acceleration = float(np.sum(weight * spread**3)) / (6 * math.pow(squares, 1.5))
        pulled = 1 - acceleration * (z0 + z)
        if np.all(pulled > 0):
            levels, how = special.ndtr(z0 + (z0 + z) / pulled), "BCa"
    low, high = np.quantile(known, levels)
    return Resampled((float(low), float(high)), how)


def cells_interval(statistic: Statistic, cells: Floats, confidence: float = 0.95) -> Resampled:
    """Return the BCa interval of a function of counts, at a cost that is independent of the rows.

    A multinomial draw of the cells has the law of resampling the rows they count. `statistic` maps
    tables ``(m, *cells.shape)`` to ``(m,)`` values, NaN where undefined. Of weighted rows `cells`
    are weights, scaled to sum up to the effective rows.

    Examples
    --------
    >>> found = cells_interval(lambda c: c[:, 0] / c.sum(1), np.array([60.0, 40.0]))
    >>> found.how, [round(end, 1) for end in found.interval]
    ('BCa', [0.5, 0.7])
    """
    value = float(statistic(cells[None])[0])
    draws = [statistic(tables) for tables in multinomial_cells(cells)]
    left_out, times = [np.empty(0)], [np.empty(0)]
    flat = cells.ravel()
    filled = np.flatnonzero(flat)
    step = max(1, _BATCH // cells.size)
    for start in range(0, len(filled) if len(filled) <= _MOST_CELLS else 0, step):
        which = filled[start : start + step]
        tables = np.repeat(flat[None], len(which), axis=0)
        at = np.arange(len(which)), which
        tables[at] = np.maximum(tables[at] - 1, 0.0)
        left_out.append(statistic(tables.reshape(len(which), *cells.shape)))
        times.append(flat[which])
    return bca_interval(
        value, np.concatenate(draws), np.concatenate(left_out), confidence, np.concatenate(times)
    )


def multinomial_cells(cells: Floats) -> Iterator[Floats]:
    """Yield batches ``(b, *cells.shape)`` of tables of counts drawn as resampled rows give them."""
    rng, flat = np.random.default_rng(SEED), cells.ravel()
    filled = np.flatnonzero(flat)
    total = flat[filled].sum()
    shares = flat[filled] / total
    for size in _sizes(RESAMPLES, cells.size):
        drawn = np.zeros((size, cells.size))
        drawn[:, filled] = rng.multinomial(max(1, round(total)), shares / shares.sum(), size)
        yield drawn.reshape(size, *cells.shape)


def smoothed_cells(cells: Floats) -> Iterator[Floats]:
    """Yield batches of tables from the Dirichlet law of the cells with two rows spread over them.

    With two classes this is the posterior law under Jeffreys' prior, a half for each of the four
    cells. It serves where resampled rows are all alike.
    """
    rng, alpha = np.random.default_rng(SEED), (cells + 2 / cells.size).ravel()
    for size in _sizes(RESAMPLES, cells.size):
        yield rng.dirichlet(alpha, size).reshape(size, *cells.shape) * alpha.sum()


def row_counts(
    n: int,
    resamples: int,
    rng: np.random.Generator,
    strata: Values | None = None,
) -> Iterator[Values]:
    """Yield batches ``(b, n)``: how many times each row is drawn in each resample.

    From 10,000 rows on each count is drawn from Poisson's law of mean 1, the limit of the
    multinomial law; the number of rows then varies from draw to draw by its root. `strata` is one
    code per row; as many rows of each are drawn as there are.
    """
    if n >= MANY and strata is None:
        for size in _sizes(resamples, n):
            yield _POISSON[rng.integers(1 << 16, size=(size, n), dtype=np.uint16)]
        return
    for drawn in row_indices(n, resamples, rng, strata):
        offsets = np.arange(len(drawn))[:, None] * n
        yield np.bincount((drawn + offsets).ravel(), minlength=drawn.size).reshape(-1, n)


def row_indices(
    n: int,
    resamples: int,
    rng: np.random.Generator,
    strata: Values | None = None,
) -> Iterator[Counts]:
    """Yield batches ``(b, n)`` of the rows drawn, with replacement; within `strata` where given."""
    if strata is None:
        for size in _sizes(resamples, n):
            yield rng.integers(n, size=(size, n))
        return
    codes = np.unique(strata, return_inverse=True)[1].ravel()
    members = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
    spans = np.repeat(sizes, sizes)
    for size in _sizes(resamples, n):
        yield members[starts + rng.integers(spans, size=(size, n))]


def _sizes(resamples: int, width: int) -> Iterator[int]:
    """Yield the number of draws of each batch."""
    most = max(1, _BATCH // max(1, width))
    for start in range(0, resamples, most):
        yield min(most, resamples - start)
