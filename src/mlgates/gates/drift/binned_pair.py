"""Both sides of a column in the same cells, cut where the reference says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mlgates.profile.baseline import is_identifier
from mlgates.profile.cells import CellCounts
from mlgates.profile.ecdf import Ecdf
from mlgates.profile.frequencies import Frequencies
from mlgates.profile.knots import PARTS, Knots
from mlgates.profile.reference import Ordered, Side, cuts_together
from mlgates.profile.sample import Sample
from mlgates.stats.buckets import Grid
from mlgates.stats.counting import (
    Cells,
    Edges,
    category_cells,
    count_sorted,
    count_stored,
)
from mlgates.stats.divergence import cells_together

__all__ = ["Cut", "cut"]

#: Longer texts are cut off in a report.
_LONGEST = 80
_UNSEEN = "(not in the reference)"


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Both sides of a column counted in the same cells.

    Parameters
    ----------
    cells : Cells
        Counts of both sides.
    labels : tuple of str
        The cells in words.
    tested : callable
        Gives the cells of a test: each category that the reference lacks is then one of its own,
        and no edge is one by chance.
    """

    cells: Cells
    labels: tuple[str, ...]
    tested: Callable[[], Cells]


def cut(reference: Side, current: Any, edges: Edges | None, bins: int) -> Cut:
    """Return both sides in the same cells, cut where the reference says.

    Parameters
    ----------
    reference : Ecdf, Sample, Knots or Frequencies
        The reference's side.
    current : Ecdf, Sample, Knots, Frequencies or CellCounts
        The current side, as `current_counter` asked for it.
    edges : Edges or None
        As of `edges_of`.
    bins : int
        Into how many cells they cut.
    """
    if isinstance(reference, Frequencies) or edges is None:
        return _categories(reference, current)  # type: ignore[arg-type]
    grid = reference.grid if isinstance(reference, Sample) else None
    a, b = (_counted(side, edges, grid) for side in (reference, current))
    cells = Cells.of(a, b, ordered=True)
    labels = edges.labels(_written(edges.points))
    told = tuple(labels[position] for position in cells.positions.tolist())
    if cuts_together(reference, edges):
        return Cut(cells, told, lambda: _cut_together(reference, current, bins))
    return Cut(cells, told, lambda: cells)


def _cut_together(reference: Ordered, current: Ordered, bins: int) -> Cells:
    """Return cells that both sides make, so that what is many on one of them makes none.

    They are cut at knots of both sides where all values of the reference are known, else at its
    own, so that rows and a stored baseline cut alike.
    """
    known = reference if isinstance(reference, Knots) else Knots.of(_whole(reference))
    if isinstance(current, Knots):
        data = current
    elif reference.n <= PARTS:
        points = Knots.of(_whole(current)).points
        # Of two types a common one might not hold all: then the reference's are enough.
        alike = points.dtype == known.points.dtype
        points = np.union1d(known.points, points) if alike else known.points
        known, data = (Knots.at(points, _whole(side)) for side in (reference, current))
    else:
        data = Knots.at(known.points, _whole(current))
    each = Edges(known.points, np.ones(len(known.points), np.bool_))
    a, b = (count_stored(side.low, side.high, side.ends, each) for side in (known, data))
    return cells_together(a, b, bins)


def _whole(side: Ordered) -> Ecdf:
    return side.whole if isinstance(side, Knots) else Ecdf([side.values])


def _written(points: npt.NDArray[Any]) -> list[str]:
    """Points with as many digits as tell them apart."""
    known = points.tolist()
    if points.dtype.kind != "f":
        return [f"{x:,}" for x in known]
    texts = [f"{x:,.6g}" for x in known]
    for digits in range(7, 18):
        if len(set(texts)) == len(texts):
            break
        texts = [f"{x:,.{digits}g}" for x in known]
    return texts


def _counted(
    side: Ordered | CellCounts, edges: Edges, grid: Grid | None = None
) -> npt.NDArray[np.int64]:
    if isinstance(side, CellCounts):
        return side.counts
    if isinstance(side, Sample):
        return side.count(edges, grid)
    if isinstance(side, Ecdf):
        return count_sorted(side.values, edges)
    at = np.searchsorted(side.points, edges.points)
    return count_stored(side.low[at], side.high[at], side.ends, edges)


def _categories(reference: Frequencies, current: Frequencies) -> Cut:
    """Return categories of the reference as cells, those it lacks together as one."""
    counts = np.zeros(len(reference.counts), np.int64)
    found = pc.index_in(current.values, value_set=reference.values)
    where = np.asarray(found.fill_null(-1).to_numpy(), np.int64)
    counts[where[where >= 0]] = current.counts[where >= 0]
    unseen = current.counts[where < 0]
    cells = category_cells(reference.counts, counts, unseen)
    names = [*_names(reference), _UNSEEN]
    told = tuple(names[position] for position in cells.positions.tolist())
    return Cut(
        cells, told, lambda: category_cells(reference.counts, counts, unseen, together=False)
    )


def _names(categories: Frequencies) -> list[str]:
    values = categories.values.to_pylist()
    if is_identifier(categories):
        # Names of persons are no names of cells.
        return [f"text {i}" for i in range(1, len(values) + 1)]
    return [_shortened(str(value)) for value in values]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
