"""Two sides of a column: what drift is measured between, from rows or from a stored baseline."""

from typing import Any, TypeGuard

from mlgates.profile.baseline import Baseline
from mlgates.profile.counters import AtPoints, BinCounts, Counter, Distribution, NumericSample
from mlgates.profile.distributions import Ecdf, Frequencies, Sample
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import PARTS, QuantileSketch
from mlgates.stats.counting import Edges, quantile_edges, stored_edges

__all__ = [
    "Ordered",
    "Reference",
    "Side",
    "counted",
    "current_counter",
    "cuts_together",
    "distribution_of",
    "edges_of",
]

Reference = Profile | Baseline
Ordered = Ecdf | Sample | QuantileSketch
Side = Ordered | Frequencies

#: With so many values in each cell, chance plays a part in edges only where several are equal,
_FEW_A_CELL = 200
#: and of more than so many values one that is too small to be told.
_FEW = 10_000


def distribution_of(reference: Reference, name: str) -> Side | None:
    """Return a column's distribution on the reference's side; None where none was kept."""
    if isinstance(reference, Baseline):
        return reference.distributions.get(name)
    for counter in (Distribution(name), NumericSample(name)):
        if counter in reference:
            found: Side = reference[counter]
            return found
    return None


def edges_of(side: Side | None, bins: int) -> Edges | None:
    """Return where the reference's side cuts an ordered column; None for categories."""
    if isinstance(side, QuantileSketch):
        return stored_edges(side.points, side.low, side.high, side.ends, bins)
    if isinstance(side, Sample):
        return side.edges(bins)
    return quantile_edges(side.values, bins) if isinstance(side, Ecdf) else None


def current_counter(name: str, side: Side | None, edges: Edges | None = None) -> Counter:
    """Return what must be counted of the current side of a column.

    More than the cells of a small reference, for then both sides make those of a test.

    Parameters
    ----------
    name : str
        The column.
    side : Ecdf, Sample, QuantileSketch, Frequencies or None
        The reference's.
    edges : Edges, optional
        Where to cut, when only the cells are asked for: then nothing is sorted.
    """
    finer: Counter = NumericSample(name) if isinstance(side, Sample) else Distribution(name)
    if isinstance(side, QuantileSketch):
        finer = AtPoints(name, tuple(side.points.tolist()), tails=True)
    if edges is None or not cuts_together(side, edges):
        return finer if edges is None else BinCounts.of(name, edges, finer)
    return Distribution(name) if isinstance(side, QuantileSketch) and side.n <= PARTS else finer


def cuts_together(side: Side | None, edges: Edges) -> TypeGuard[Ordered]:
    """Whether a reference is so small that chance makes some of its edges.

    Of many equal values some have, among few, a cell's share by chance; made cells because of that,
    they seem to have lost it in the data. Then both sides together say where a test cuts.
    """
    if not isinstance(side, Ordered):
        return False
    is_thin = side.n < _FEW_A_CELL * (len(edges.points) + 1)
    return is_thin or (edges.tied and side.n <= _FEW)


def counted(profile: Profile, counter: Counter) -> Any:
    """Return what a profile has of a counter, or of one that it can be read off."""
    return profile[counter]
