"""Two sides of a column: what drift is measured between, from rows or from a stored baseline."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mlgates.data.baseline import Baseline, is_identifier
from mlgates.data.cells import CellCounts, InCells
from mlgates.data.counters import Counter, Distribution, Numbers
from mlgates.data.ecdf import Ecdf
from mlgates.data.frequencies import Frequencies
from mlgates.data.knots import AtKnots, Knots
from mlgates.data.profile import Profile
from mlgates.data.sample import Sample
from mlgates.kernels.binning import (
    Cells,
    Edges,
    category_cells,
    cells_to_test,
    count_sorted,
    count_stored,
    quantile_edges,
    stored_edges,
)
from mlgates.kernels.buckets import Grid

__all__ = [
    "Cut",
    "Reference",
    "Side",
    "counted",
    "current_counter",
    "cut",
    "distribution_of",
    "edges_of",
]

#: Longer texts are cut off in a report.
_LONGEST = 80
_UNSEEN = "(not in the reference)"
Reference = Profile | Baseline
Side = Ecdf | Sample | Knots | Frequencies


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Both sides of a column counted in the same cells.

    Parameters
    ----------
    cells : Cells
        Counts of both sides.
    labels : tuple of str
        The cells in words.
    tested : Cells
        The cells of a test: each category that the reference lacks is then one of its own, and no
        edge is one that may be so by chance.
    """

    cells: Cells
    labels: tuple[str, ...]
    tested: Cells


def distribution_of(reference: Reference, name: str) -> Side | None:
    """Return a column's distribution on the reference's side; None where none was kept."""
    if isinstance(reference, Baseline):
        return reference.distributions.get(name)
    for counter in (Distribution(name), Numbers(name)):
        if counter in reference:
            found: Side = reference[counter]
            return found
    return None


def edges_of(side: Side | None, bins: int) -> Edges | None:
    """Return where the reference's side cuts an ordered column; None for categories."""
    if isinstance(side, Knots):
        return stored_edges(side.points, side.low, side.high, side.ends, bins)
    if isinstance(side, Sample):
        return side.edges(bins)
    return quantile_edges(side.values, bins) if isinstance(side, Ecdf) else None


def current_counter(name: str, side: Side | None, edges: Edges | None = None) -> Counter:
    """Return what must be counted of the current side of a column.

    Parameters
    ----------
    name : str
        The column.
    side : Ecdf, Sample, Knots, Frequencies or None
        The reference's.
    edges : Edges, optional
        Where to cut, when only the cells are asked for: then nothing is sorted.
    """
    finer: Counter = Numbers(name) if isinstance(side, Sample) else Distribution(name)
    if isinstance(side, Knots):
        finer = AtKnots(name, tuple(side.points.tolist()), tails=True)
    return finer if edges is None else InCells.of(name, edges, finer)


def counted(profile: Profile, counter: Counter) -> Any:
    """Return what a profile has of a counter, or of one that it can be read off."""
    while counter not in profile:
        counter = counter.finer  # type: ignore[attr-defined]
    return profile[counter]


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
    tested = cells_to_test(a, b, edges, bins) if edges.atoms.any() else cells
    return Cut(cells, tuple(labels[position] for position in cells.positions.tolist()), tested)


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
    side: Ecdf | Sample | Knots | CellCounts, edges: Edges, grid: Grid | None
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
    tested = category_cells(reference.counts, counts, unseen, together=False)
    names = [*_names(reference), _UNSEEN]
    return Cut(cells, tuple(names[position] for position in cells.positions.tolist()), tested)


def _names(categories: Frequencies) -> list[str]:
    values = categories.values.to_pylist()
    if is_identifier(categories):
        # Names of persons are no names of cells.
        return [f"text {i}" for i in range(1, len(values) + 1)]
    return [_shortened(str(value)) for value in values]


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
