"""Latencies that were measured elsewhere, as they are given: positive seconds, one a request."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables import encoding
from mlgates.tables.columns import NUMBERS, Column

__all__ = ["latencies_of"]

_A_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def latencies_of(column: Column) -> npt.NDArray[np.float64]:
    """Return latencies in seconds; an infinite one is a request that failed.

    Durations have a unit of their own, which is heeded.

    Raises
    ------
    EvidenceError
        For what is no positive number: missing values, negative ones and zeros among them.

    Examples
    --------
    >>> from mlgates.tables.columns import as_column
    >>> latencies_of(as_column("`latencies`", [0.02, 0.03, float("inf")])).tolist()
    [0.02, 0.03, inf]
    >>> latencies_of(as_column("`latencies`", [0.02, 0.0]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `latencies` holds 1 of 2 values that are zero: no answer takes ...
    """
    kind = column.field.kind
    empty = kind == "null" and not column.rows
    if kind == "bool" or (kind not in NUMBERS | {"duration"} and not empty):
        held = f"values of type {column.field.type}" if column.rows else "no numbers"
        msg = f"{column.said} holds {held}; seconds are due, infinite for a request that failed"
        raise EvidenceError(msg)
    seconds = _durations(column) if kind == "duration" else column.floats
    _refuse(column, np.isnan(seconds), "missing: a request that failed is infinite")
    _refuse(column, seconds < 0, "negative: no answer comes before its request")
    zero = "zero: no answer takes no time, so the clock they were taken with is too coarse"
    _refuse(column, seconds == 0, zero)
    return seconds


def _durations(column: Column) -> npt.NDArray[np.float64]:
    plain: Any = encoding.decode(column.array)
    missing = encoding.is_null(plain)
    ticks = np.asarray(plain.cast(pa.int64()).fill_null(0)).astype(np.float64)
    return np.where(missing, np.nan, ticks / _A_SECOND[column.field.unit or "us"])


def _refuse(column: Column, bad: npt.NDArray[np.bool_], what: str) -> None:
    count = int(np.count_nonzero(bad))
    if count:
        msg = f"{column.said} holds {count:,} of {len(bad):,} values that are {what}"
        raise EvidenceError(msg)
