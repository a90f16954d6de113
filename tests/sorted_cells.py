"""Two sorted arrays in the cells that the quantiles of the first one cut."""

from mlgates.stats.counting import Cells, count_sorted, quantile_edges


def ordered_cells(reference, current, bins):
    edges = quantile_edges(reference, bins)
    return Cells.of(count_sorted(reference, edges), count_sorted(current, edges), ordered=True)
