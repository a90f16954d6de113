"""Numbers of the rows: values, weights and scores, as float64; what is not finite is refused."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.tables.columns import (
    NUMBERS,
    Column,
    as_array,
    as_column,
    columns_of,
    index_of,
    is_table,
)

__all__ = ["Scores", "as_scores", "check_probabilities", "finite", "values_of", "weights_of"]

Floats = npt.NDArray[np.float64]
_TOLERANCE = 1e-6
#: Of two: squares of weights as large as that, or as small, are still added up exactly enough.
_LARGEST_POWER = 200


def values_of(column: Column, *, missing: bool = False) -> Floats:
    """Return the numbers of a column; NaN where they are missing, if that is allowed.

    Raises
    ------
    EvidenceError
        For texts and other kinds, infinities, and missing values unless `missing`.

    Examples
    --------
    >>> values_of(as_column("`y_pred`", ["a"]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_pred` holds values of type string, and numbers are due
    """
    kind = column.field.kind
    if kind not in NUMBERS and not (kind == "null" and (missing or not column.rows)):
        held = (
            "nothing but missing values"
            if kind == "null"
            else f"values of type {column.field.type}"
        )
        msg = f"{column.said} holds {held}, and numbers are due"
        raise EvidenceError(msg)
    finite(column.said, column.floats, missing=missing)
    return column.floats


def finite(said: str, values: Floats, *, missing: bool = False) -> None:
    """Raise unless all values are finite; NaN may be allowed.

    Examples
    --------
    >>> finite("`y_pred`", np.array([1.0, np.inf, np.nan]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_pred` holds 2 of 3 values that are missing or infinite
    """
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    count = int(np.count_nonzero(bad))
    if not count:
        return
    infinite = int(np.count_nonzero(np.isinf(values)))
    what = "missing or infinite"
    if infinite in (0, count):
        what = "infinite" if infinite else "missing"
    msg = f"{said} holds {count:,} of {values.size:,} values that are {what}"
    raise EvidenceError(msg)


def weights_of(column: Column) -> Floats:
    """Return weights: finite, none negative, not all zero.

    Where their squares or sums would be no numbers, they are scaled by a power of two.

    Examples
    --------
    >>> weights_of(as_column("`sample_weight`", [1, -1]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `sample_weight` holds 1 of 2 weights that are negative
    """
    weights = values_of(column)
    negative = int(np.count_nonzero(weights < 0))
    if negative:
        msg = f"{column.said} holds {negative:,} of {weights.size:,} weights that are negative"
        raise EvidenceError(msg)
    if weights.size and not weights.any():
        msg = f"{column.said} holds nothing but zeros: no row would count"
        raise EvidenceError(msg)
    power = int(np.frexp(weights.max(initial=0.0))[1])
    return np.ldexp(weights, -power) if abs(power) > _LARGEST_POWER else weights


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of the rows: one number each, or one for each class.

    Parameters
    ----------
    said : str
        What messages call them.
    values : array
        Of shape (n,) or (n, k), finite.
    index : pandas.Index, optional
        The names of the rows.
    names : tuple
        Names of the columns of a table; empty otherwise.
    """

    said: str
    values: Floats
    index: Any = None
    names: tuple[Any, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.values)


def as_scores(said: str, value: Any) -> Scores:
    """Return scores of whatever holds them.

    Raises
    ------
    EvidenceError
        For what is neither one column nor a table of numbers, or holds what is not finite.

    Examples
    --------
    >>> as_scores("`y_score`", [[0.2, 0.8], [0.6, 0.4]]).values.shape
    (2, 2)
    """
    if is_table(value):
        inside = columns_of(said, value)
        if len(inside) > 1:
            columns = [values_of(as_column(said, column)) for column in inside.values()]
            if len({len(column) for column in columns}) > 1:
                msg = f"the columns of {said} differ in length"
                raise EvidenceError(msg)
            return Scores(said, np.column_stack(columns), index_of(value), tuple(inside))
    matrix = _matrix(said, value)
    if matrix is not None:
        finite(said, matrix)
        return Scores(said, matrix)
    column = as_column(said, value)
    return Scores(said, values_of(column), column.index)


def _matrix(said: str, value: Any) -> Floats | None:
    """Return an array of several columns as float64; None for anything else."""
    if isinstance(value, list | tuple):
        if not value or not isinstance(value[0], list | tuple | np.ndarray):
            return None
        if len({np.shape(row) for row in value}) > 1:
            msg = f"the rows of {said} differ in length"
            raise EvidenceError(msg)
    elif not isinstance(value, np.ndarray) and not hasattr(value, "__array__"):
        return None
    array = as_array(said, value)
    if array.ndim != 2 or array.shape[1] < 2:
        return None
    if array.dtype.kind not in "biuf":
        return np.column_stack(
            [values_of(as_column(said, array[:, i])) for i in range(array.shape[1])]
        )
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(np.float64), np.nan)
    return np.asarray(array, np.float64)


def check_probabilities(said: str, score: Floats) -> None:
    """Raise unless scores are probabilities: within [0, 1], and rows of several adding up to 1.

    Examples
    --------
    >>> check_probabilities("`y_score`", np.array([0.5, 1.5]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_score` holds 1 of 2 values outside [0, 1], and \
probabilities are due
    """
    outside = int(np.count_nonzero((score < 0) | (score > 1)))
    if outside:
        msg = (
            f"{said} holds {outside:,} of {score.size:,} values outside [0, 1], and probabilities "
        )
        msg += "are due"
        raise EvidenceError(msg)
    if score.ndim == 2:
        odd = int(np.count_nonzero(np.abs(score.sum(axis=1) - 1) > _TOLERANCE))
        if odd:
            msg = f"{said} holds {odd:,} of {len(score):,} rows whose probabilities do not add up "
            msg += "to 1"
            raise EvidenceError(msg)
