"""Divide the rows of a run into cells by the values of several features.

This is done once for all gates of a run. Each gate then adds up the cells of its own groups.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.tables.columns import RowAxis, require_same_rows

__all__ = ["Coded", "Crossing", "cross", "renumber"]

Ints = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Coded(RowAxis):
    """A feature with encoded values: its distinct values, sorted, and a code for each row.

    `codes` has for each row the position of its value in `values`. If rows have no value, the last
    element of `values` is None, and these rows have its position.
    """

    codes: Ints
    values: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Crossing:
    """A division of the rows into cells; the rows of a cell have the same value of each feature.

    `cross` creates it. Rows are counted by cell, and each gate adds up the cells of its own groups.

    Parameters
    ----------
    cell : array of int, shape (n,)
        The number of the cell of each row.
    codes : mapping of Hashable to array of int, shape (c,)
        For each feature, the code of its value in each of the c cells. The keys are those that were
        passed to `cross`.
    """

    cell: Ints
    codes: Mapping[Hashable, Ints]


def cross(features: Mapping[Hashable, Coded]) -> Crossing:
    """Divide the rows into cells, in which all rows have the same value of each feature.

    In the result, `codes` has the same keys as `features`.

    Raises
    ------
    EvidenceError
        If the features have different numbers of rows.

    Examples
    --------
    >>> sexes, ages = ("f", "m"), ("old", "young")
    >>> sex = Coded(title="sex", rows=3, index=None, codes=np.array([0, 1, 0]), values=sexes)
    >>> age = Coded(title="age", rows=3, index=None, codes=np.array([1, 1, 1]), values=ages)
    >>> found = cross({"sex": sex, "age": age})
    >>> found.cell.tolist()  # the first and the third row are in the same cell
    [0, 1, 0]
    >>> {key: codes.tolist() for key, codes in found.codes.items()}  # for each cell
    {'sex': [0, 1], 'age': [1, 1]}
    """
    require_same_rows(*features.values())
    rows = next((coded.rows for coded in features.values()), 0)
    cell, codes, cells = np.zeros(rows, np.intp), dict[Hashable, Ints](), min(rows, 1)
    for key, coded in features.items():
        size = len(coded.values)
        cell, distinct = renumber(cell * size + coded.codes, cells * size)
        cells = len(distinct)
        codes = {other: of_cells[distinct // size] for other, of_cells in codes.items()}
        codes[key] = distinct % size if size else distinct
    return Crossing(cell, codes)


def renumber(codes: Ints, size: int) -> tuple[Ints, Ints]:
    """Return codes renumbered from 0 without gaps, and the distinct codes in ascending order.

    The given codes are from 0 to `size` - 1.

    Examples
    --------
    >>> numbers, distinct = renumber(np.array([7, 2, 7]), 9)
    >>> numbers.tolist(), distinct.tolist()
    ([1, 0, 1], [2, 7])
    """
    if size > 4 * len(codes) + 1_000:  # an array of all possible codes would be large
        distinct, numbers = np.unique(codes, return_inverse=True)
        return numbers.ravel(), distinct
    present = np.zeros(size, np.bool_)
    present[codes] = True
    return (np.cumsum(present) - 1)[codes], np.flatnonzero(present)
