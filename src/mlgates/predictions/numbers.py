"""Read numbers (targets, weights, scores) as finite float64 values, and times as seconds."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables import columns, encoding
from mlgates.tables.containers import kind_of

Floats = npt.NDArray[np.float64]
#: Methods of a model; an empty name means that the model itself is called.
Method = Literal["predict", "predict_proba", "decision_function", ""]

#: Allowed distance of a sum of probabilities from 1, unless they were rounded.
_TOLERANCE = 1e-6
#: Decimal places that probabilities may have been rounded to, and bits of short floats.
_PLACES = range(2, 7)
_BITS = (8, 11)
#: Integers up to here are exact as float64.
_LARGEST_EXACT = 2.0**53
#: Weights up to two to this power can be squared and added up without overflow.
_LARGEST_POWER = 200
#: Ticks of a second in each unit of durations.
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def values_of(column: columns.Column, *, missing: bool = False) -> Floats:
    """Return the numbers of a column as float64; missing values are allowed if `missing` is true.

    Missing values are returned as NaN.

    Raises
    ------
    EvidenceError
        If the column is not numeric, has infinite values or integers that float64 can't represent,
        or has missing values and `missing` is false.
    """
    kind = column.field.kind
    if kind not in columns.NUMBERS and not (kind == "null" and (missing or not column.rows)):
        is_empty = kind == "null"
        got = "holds only missing values" if is_empty else f"has type {column.field.type}"
        raise EvidenceError(f"{column.title} {got}, but numbers are required")
    check_finite(column.title, column.floats, missing=missing)
    check_exact(column)
    return column.floats


def check_exact(column: columns.Column) -> None:
    """Raise EvidenceError if float64 can't represent a whole number of a column exactly.

    Only integers and decimals beyond 2**53 are tested, because float64 represents all smaller
    integers.
    """
    if column.field.kind not in ("int", "decimal"):
        return
    large = np.flatnonzero(np.abs(column.floats) >= _LARGEST_EXACT)  # False for NaN
    if not len(large):
        return
    given = encoding.decode(column.array).take(pa.array(large)).to_pylist()
    pairs = zip(given, column.floats[large].tolist(), strict=True)
    inexact = np.zeros(column.rows, np.bool_)
    inexact[large] = [value != double for value, double in pairs]  # Python compares exactly
    problem = "beyond 2**53 and not exact as float64: subtract the same constant from all labels "
    problem += "and predictions, or round them by converting them to float"
    refuse_where(inexact, column.title, problem)


def refuse_where(
    bad: npt.NDArray[np.bool_], title: str, problem: str, noun: str = "values", *, verb: str = "are"
) -> None:
    """Raise EvidenceError if there is a bad value, and say how many there are.

    `bad` is a mask of the bad values of the column or argument `title`. `problem` says what is
    wrong with them, after the plural `verb`.

    Examples
    --------
    >>> refuse_where(np.array([True, False]), "`x`", "negative")
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: 1 of 2 values of `x` is negative
    """
    count = int(np.count_nonzero(bad))
    if count:
        verb = {"are": "is", "have": "has"}[verb] if count == 1 else verb
        raise EvidenceError(f"{count:,} of {bad.size:,} {noun} of {title} {verb} {problem}")


def check_finite(name: str, values: Floats, *, missing: bool = False) -> None:
    """Raise EvidenceError if a value is infinite, or is NaN and `missing` is False.

    `name` is the name of the values in messages.
    """
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    if bad.any():
        count, infinite = (int(np.count_nonzero(mask)) for mask in (bad, np.isinf(values)))
        what = {0: "missing", count: "infinite"}.get(infinite, "missing or infinite")
        refuse_where(bad, name, what)


def weights_of(column: columns.Column) -> Floats:
    """Return the weights of the rows; raise EvidenceError if one is negative or all are 0.

    If the largest weight is about 2**200 or more, or about 2**-200 or less, all weights are
    multiplied by the same power of two, so that sums of their squares neither overflow nor
    underflow.
    """
    weights = values_of(column)
    refuse_where(weights < 0, column.title, "negative; weights must be at least 0")
    if weights.size and not weights.any():
        raise EvidenceError(
            f"all values of {column.title} are 0; at least one weight must be positive"
        )
    power = int(np.frexp(weights.max(initial=0.0))[1])
    return np.ldexp(weights, -power) if abs(power) > _LARGEST_POWER else weights


def counts_of(column: columns.Column) -> Floats:
    """Return a column of counts as floats; each count says how many rows its row represents.

    EvidenceError is raised unless all counts are whole numbers of at least 1, and their sum is
    below 2**53. So sums of the counts are exact.
    """
    counts = values_of(column)
    wrong = (counts < 1) | (counts != np.floor(counts))
    whole = "a whole number" if np.count_nonzero(wrong) == 1 else "whole numbers"
    refuse_where(wrong, column.title, f"not {whole} of at least 1")
    if counts.sum() >= _LARGEST_EXACT:
        raise EvidenceError(f"the sum of {column.title} must be below 2**53")
    return counts


def relevance_of(column: columns.Column) -> Floats:
    """Return the relevance of each document as a number of at least 0; NaN if it is missing.

    EvidenceError is raised for negative numbers.
    """
    relevance = values_of(column, missing=True)
    problem = "negative; the relevance of a document must be at least 0"
    refuse_where(relevance < 0, column.title, problem)
    return relevance


def check_intervals(ends: "Scores") -> None:
    """Raise EvidenceError unless each row has the two ends of an interval, the lower one first."""
    if ends.rows and ends.values.shape[1:] != (2,):
        got = ends.values.shape[1] if ends.values.ndim > 1 else 1
        raise EvidenceError(
            f"{ends.title} must have two columns, the lower and the upper ends, got {got} "
            f"column{'' if got == 1 else 's'}"
        )
    if ends.rows:
        swapped = ends.values[:, 0] > ends.values[:, 1]
        problem = "a lower end that is greater than the upper end"
        refuse_where(swapped, ends.title, problem, "rows", verb="have")


def seconds_of(column: columns.Column) -> Floats:
    """Return latencies in seconds.

    Numbers are seconds already, and durations are converted to seconds. A failed request must be
    given as infinity, which is returned unchanged. EvidenceError is raised for values that are
    missing, zero or negative.

    Examples
    --------
    >>> seconds_of(columns.as_column("`latencies`", [0.02, 0.03, float("inf")])).tolist()
    [0.02, 0.03, inf]
    >>> seconds_of(columns.as_column("`latencies`", [0.02, 0.0]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: 1 of 2 values of `latencies` is zero: the clock that measured ...
    """
    kind = column.field.kind
    empty = kind == "null" and not column.rows
    if kind == "bool" or (kind not in columns.NUMBERS | {"duration"} and not empty):
        held = f"values of type {column.field.type}" if column.rows else "no numbers"
        raise EvidenceError(
            f"{column.title} has {held}, expected seconds (infinite for a failed request)"
        )
    if kind == "duration":
        plain: Any = encoding.decode(column.array)
        ticks = np.asarray(plain.cast(pa.int64()).cast(pa.float64(), safe=False))
        values = ticks / _PER_SECOND[column.field.unit or "us"]
    else:
        values = column.floats
    coarse = "zero: the clock that measured the latencies is too coarse"
    for bad, description in (
        (np.isnan(values), "missing; write infinity for a failed request"),
        (values < 0, "negative; a latency must be greater than 0"),
        (values == 0, coarse),
    ):
        refuse_where(bad, column.title, description)
    return values


@dataclass(frozen=True, eq=False)
class Scores(columns.RowAxis):
    """The scores of a model, all finite: one per row, or one per row and class.

    `values` has shape (n,) for n rows, or (n, k) with one column for each of k classes. `names` are
    the names of the columns if the scores were given as a table, or the name of a Series; it is
    empty for values without names. `method` is the method of the model that computed the scores, or
    None if the scores were given.
    """

    values: Floats
    names: tuple[Any, ...] = ()
    method: Method | None = None


def as_scores(name: str, value: Any) -> Scores:
    """Read scores from any container: one value per row, or a column for each class.

    `name` is the name of the scores in messages.

    Raises
    ------
    EvidenceError
        If the value is not a column, a table or a 2-D array of finite numbers.
    """
    inside = columns.columns_of(name, value) if columns.is_table(value) else {}
    if len(inside) > 1:
        parts = [values_of(columns.as_column(name, column)) for column in inside.values()]
        if len(set(map(len, parts))) > 1:
            raise EvidenceError(f"the columns of {name} differ in length")
        matrix = np.column_stack(parts)
        return Scores(name, len(matrix), columns.index_of(value), matrix, tuple(inside))
    is_list, array = isinstance(value, list | tuple), None
    if is_list and value and isinstance(value[0], list | tuple | np.ndarray):
        if len({np.shape(row) for row in value}) > 1:
            raise EvidenceError(f"the rows of {name} differ in length")
        array = columns.as_array(name, value)
    elif not is_list and hasattr(value, "__array__") and not kind_of(value).endswith("column"):
        array = columns.as_array(name, value)
    if is_list and array is not None and array.ndim > 2:
        raise EvidenceError(
            f"{name} must have one row per row of the data and one column per class, got a list "
            f"of {len(value)} array{'' if len(value) == 1 else 's'}. For several labels or "
            "outputs per row, make a long table: repeat each row once for each label, write the "
            "name of the label to a column `label` of `data`, and use by='label'"
        )
    if array is None or array.ndim != 2 or array.shape[1] < 2:
        column = columns.as_column(name, value)
        names = (*inside, getattr(value, "name", None))[:1]
        named = tuple(name for name in names if isinstance(name, str))
        return Scores(name, column.rows, column.index, values_of(column), named)
    if array.dtype.kind not in "bf":  # integers are checked, objects are read one by one
        array = np.column_stack([values_of(columns.as_column(name, column)) for column in array.T])
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(np.float64), np.nan)
    matrix = np.asarray(array, np.float64)
    check_finite(name, matrix)
    return Scores(name, len(matrix), None, matrix)


def check_probabilities(name: str, score: Floats) -> None:
    """Raise EvidenceError unless all scores can be probabilities.

    All must be from 0 to 1. If there is one column per class, each row must also sum to 1, apart
    from rounding errors. `name` is the name of the scores in messages.
    """
    problem = "outside [0, 1], but probabilities are required"
    refuse_where((score < 0) | (score > 1), name, problem)
    if score.ndim == 2:
        off = np.abs(score.sum(axis=1) - 1)
        if off.max(initial=0.0) > _TOLERANCE:
            off -= score.shape[1] * _rounding(score)
        odd = int(np.count_nonzero(off > _TOLERANCE))
        if odd:
            verb = "does" if odd == 1 else "do"
            raise EvidenceError(
                f"probabilities must add up to 1 in each row; {odd:,} of {len(score):,} rows of "
                f"{name} {verb} not"
            )


def _rounding(score: Floats) -> float:
    """Return the largest rounding error of probabilities, estimated from the digits they have.

    They may be rounded to 2 to 6 decimal places, to 11 bits (float16) or to 8 bits (bfloat16).
    """
    for places in _PLACES:
        if np.allclose(score, np.round(score, places), rtol=0, atol=1e-12):
            return float(0.5 * 10.0**-places)
    mantissa, _ = np.frexp(score)
    for bits in _BITS:
        scaled = np.ldexp(mantissa, bits)
        if np.array_equal(scaled, np.round(scaled)):
            return float(2.0**-bits)
    return 0.0
