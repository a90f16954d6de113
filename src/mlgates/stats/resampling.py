"""Bootstrap intervals, computed by resampling counts where possible, and rows otherwise.

Random numbers come from a generator with a fixed seed. Resamples are drawn in batches, so that the
memory is bounded.
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

#: Seed of all resampling. It is fixed, so that the same rows give the same interval.
SEED = 0
#: Number of resamples for an interval.
RESAMPLES = 2_000
#: If a class has fewer rows than this, rows are resampled within each class, so that every resample
#: contains all classes.
THIN = 30
#: Largest number of values in one batch of resamples.
_BATCH = 1 << 21
#: The jackknife is skipped for tables with more cells than this, because leaving out one row hardly
#: changes their result.
_MOST_CELLS = 4_096
#: With at least this many rows, the count of each row in a resample is drawn from a Poisson
#: distribution. Sums over rows are then nearly normal, so metrics that depend on a few sums draw
#: these sums instead of rows.
MANY = 10_000
#: Largest share of resamples for which the statistic may be undefined.
_UNDEFINED = 0.1
#: Poisson distribution of mean 1: how often a row is drawn, indexed by a random integer of 16 bits.
_POISSON = np.searchsorted(
    special.pdtr(np.arange(9), 1.0), (np.arange(1 << 16) + 0.5) / (1 << 16)
).astype(np.uint8)


class Resampled(NamedTuple):
    """A bootstrap interval, and the name of the method that computed it.

    `how` is "BCa" or "percentile" if there is an interval. Otherwise `interval` is None, and `how`
    gives the reason: "degenerate" if the statistic has the same value in all resamples, and
    "undefined" if it cannot be computed (is NaN) in more than 10 % of them.
    """

    interval: tuple[float, float] | None
    how: Literal["BCa", "percentile", "degenerate", "undefined"]


def bca_interval(
    value: float,
    draws: npt.ArrayLike,
    left_out: npt.ArrayLike | None,
    confidence: float = 0.95,
    times: npt.ArrayLike = 1.0,
) -> Resampled:
    """Return Efron's bias-corrected and accelerated (BCa) bootstrap interval.

    The ends are the quantiles of `draws` at ``Phi(z0 + (z0 + z) / (1 - a (z0 + z)))``. ``Phi`` is
    the normal distribution function, and ``z`` are the two normal quantiles of the confidence
    level. ``z0`` is the normal quantile of the share of `draws` below `value`; a draw equal to
    `value` counts half. The acceleration is ``a = sum(d**3) / (6 sum(d**2)**1.5)``, where ``d`` are
    the differences between the mean of `left_out` and each of its elements.

    Parameters
    ----------
    value : float
        The statistic computed from all rows.
    draws : array_like of shape (b,)
        The statistic computed from each resample; NaN where it is undefined.
    left_out : array_like or None
        The statistic computed without one row, for each row, or without one block of rows, for each
        block. If None, the ends are the plain quantiles of `draws`.
    confidence : float
        Level of the two-sided interval, by default 0.95.
    times : array_like
        Number of equal rows that each element of `left_out` counts for. Default 1.

    Returns
    -------
    Resampled
        ``how`` is "percentile" if the quantiles are not corrected: `left_out` is None, or all draws
        are on one side of `value`, or the formula above is undefined. There is no interval if all
        draws are equal ("degenerate") or more than 10 % of them are NaN ("undefined").

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
    defined = np.sort(all_draws[~np.isnan(all_draws)])
    if len(defined) < (1 - _UNDEFINED) * len(all_draws):
        return Resampled(None, "undefined")
    rounding = 1e-12 * max(1.0, abs(value))
    if defined[-1] - defined[0] <= rounding:
        return Resampled(None, "degenerate")
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    z = special.ndtri(tails)
    levels = tails if left_out is None else special.ndtr(z)
    how: Literal["BCa", "percentile"] = "percentile"
    below = np.searchsorted(defined, value - rounding, "left")
    up_to = np.searchsorted(defined, value + rounding, "right")
    z0 = float(special.ndtri((below + up_to) / (2 * len(defined))))
    if left_out is not None and math.isfinite(z0):
        # The acceleration is a sixth of the skewness of the jackknife influences. It is 0 if all of
        # them are equal.
        values = np.asarray(left_out, np.float64)
        weight = np.broadcast_to(np.asarray(times, np.float64), values.shape)
        used = ~np.isnan(values) & (weight > 0)
        values, weight, acceleration = values[used], weight[used], 0.0
        spread = np.average(values, weights=weight) - values if len(values) else values
        squares = float(np.sum(weight * spread**2))
        if squares > 0:
            acceleration = float(np.sum(weight * spread**3)) / (6 * math.pow(squares, 1.5))
        denominator = 1 - acceleration * (z0 + z)
        if np.all(denominator > 0):
            levels, how = special.ndtr(z0 + (z0 + z) / denominator), "BCa"
    low, high = np.quantile(defined, levels)
    return Resampled((float(low), float(high)), how)


def cells_interval(
    statistic: Statistic, cells: Floats, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Resampled:
    """Return the BCa bootstrap interval of a statistic that is computed from a table of counts.

    The tables of the resamples are drawn from the multinomial distribution. This is equivalent to
    resampling rows and counting them, but the time does not depend on the number of rows.

    Parameters
    ----------
    statistic : callable
        Computes the statistic of m tables at once: takes an array of shape ``(m, *cells.shape)``
        and returns m values, NaN where undefined.
    cells : ndarray
        The observed table of counts, of any shape. For weighted rows, sums of weights, scaled so
        that their total is the effective number of rows.
    confidence : float
        Level of the two-sided interval, by default 0.95.
    resamples : int
        Number of resamples.

    References
    ----------
    .. [1] Efron, B. (1987). Better bootstrap confidence intervals. Journal of the American
       Statistical Association 82, 171-185.

    Examples
    --------
    >>> resampled = cells_interval(lambda c: c[:, 0] / c.sum(1), np.array([60.0, 40.0]))
    >>> resampled.how, [round(end, 1) for end in resampled.interval]
    ('BCa', [0.5, 0.7])
    """
    value = float(statistic(cells[None])[0])
    draws = [statistic(tables) for tables in multinomial_cells(cells, resamples)]
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


def multinomial_cells(cells: Floats, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """Yield resamples of a table of counts, drawn from the multinomial distribution, in batches.

    The total of each resample is that of the table, rounded to a whole number. A batch of b
    resamples has shape ``(b, *cells.shape)``.
    """
    rng, flat = np.random.default_rng(SEED), cells.ravel()
    filled = np.flatnonzero(flat)
    total = flat[filled].sum()
    shares = flat[filled] / total
    for size in _sizes(resamples, cells.size):
        drawn = np.zeros((size, cells.size))
        drawn[:, filled] = rng.multinomial(max(1, round(total)), shares / shares.sum(), size)
        yield drawn.reshape(size, *cells.shape)


def smoothed_cells(cells: Floats, resamples: int = RESAMPLES) -> Iterator[Floats]:
    """Yield resamples of a table of counts, drawn from a Dirichlet distribution, in batches.

    A batch of b resamples has shape ``(b, *cells.shape)``. First, ``2 / cells.size`` is added to
    each count, so the counts of each resample add up to the total of the table plus 2. For a table
    of four cells (two classes), 1/2 is added, and the shares of the cells in a resample have the
    posterior distribution under Jeffreys' prior. The function is used for two classes, and for more
    classes if all multinomial draws from the table would be the same.

    References
    ----------
    .. [1] Brown, L. D., Cai, T. T. and DasGupta, A. (2001). Interval estimation for a binomial
       proportion. Statistical Science 16, 101-133.
    """
    rng, alpha = np.random.default_rng(SEED), (cells + 2 / cells.size).ravel()
    for size in _sizes(resamples, cells.size):
        yield rng.dirichlet(alpha, size).reshape(size, *cells.shape) * alpha.sum()


def row_counts(
    n: int,
    resamples: int,
    rng: np.random.Generator,
    strata: Values | None = None,
) -> Iterator[Values]:
    """Yield how often each of n rows is drawn in each resample, in batches of shape ``(b, n)``.

    A batch has b resamples, and all batches together have `resamples` of them. `strata` has one
    code per row, for example its class. If it is given, each resample has as many rows of each code
    as the sample. If it is None and there are at least 10,000 rows, each count is drawn from the
    Poisson distribution of mean 1, the limit of the multinomial distribution. The size of a
    resample then varies, with standard deviation ``sqrt(n)``.

    References
    ----------
    .. [1] Hanley, J. A. and MacGibbon, B. (2006). Creating non-parametric bootstrap samples using
       Poisson frequencies. Computer Methods and Programs in Biomedicine 83, 57-62.
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
    """Yield positions of rows drawn with replacement, in batches of shape ``(b, n)``.

    A batch has b resamples of n rows, and all batches together have `resamples` of them. `strata`
    has one code per row, for example its class. If it is given, each resample has as many rows of
    each code as the sample.
    """
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
    """Yield the number of resamples in each batch, so that the memory of a batch is bounded.

    `width` is the number of values in one resample.
    """
    most = max(1, _BATCH // max(1, width))
    for start in range(0, resamples, most):
        yield min(most, resamples - start)
