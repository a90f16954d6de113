"""The statistics of samples given as arrays, in any order."""

from mlgates.stats import buckets, twosample
from mlgates.stats.buckets import Bucketed, grid_of
from mlgates.stats.counting import Cells


def counted(*samples):
    """Return the samples counted in the grid that fits all of them."""
    grid = grid_of(*samples)
    return [Bucketed(sample, grid, sums=True) for sample in samples]


def ks_distance(x, y):
    return buckets.ks(*counted(x, y))


def wasserstein(x, y):
    return buckets.wasserstein(*counted(x, y))


def spread(x):
    return twosample.spread(*counted(x))


def quantile_edges(values, bins):
    return counted(values)[0].edges(bins)


def count_at(values, points):
    return counted(values)[0].count(points)


def count_in(values, edges):
    return counted(values)[0].cells(edges)


def ordered_cells(reference, current, bins):
    """Return both samples in the cells that the quantiles of the first one cut."""
    edges = quantile_edges(reference, bins)
    return Cells.of(count_in(reference, edges), count_in(current, edges), ordered=True)
