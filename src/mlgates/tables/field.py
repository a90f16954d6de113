"""One column as Arrow delivers it: what its type is called, and its values in a plain form.

The rest of mlgates meets few Arrow types. Here views become large strings, run ends are decoded,
extension types give way to their storage, half floats are widened; what has no plain form is
described as unreadable and delivered as the type names of its cells.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "ArrowColumn",
    "Field",
    "TableSchema",
    "as_chunked",
    "field_of",
    "from_arrow",
    "no_plain_form",
    "normalise",
    "unreadable",
]

# Their storage (a count of periods, two ends, bytes of an unknown system) is not the value.
_OPAQUE = frozenset({"pandas.period", "pandas.interval", "arrow.opaque"})
_DECIMAL128 = pa.decimal128(1).bit_width
_EXTENSION_NAME = b"ARROW:extension:name"


@dataclass(frozen=True, slots=True)
class Field:
    """Name and type of one column, of its values rather than of their encoding.

    Parameters
    ----------
    name : str
        Name of the column.
    kind : str
        Kind of the values: ``"int"``, ``"float"``, ``"decimal"``, ``"bool"``, ``"string"``,
        ``"date"``, ``"time"``, ``"timestamp"``, ``"duration"``, ``"binary"``, ``"nested"``,
        ``"null"`` (no value seen that has a type) or ``"unreadable"``.
    type : str
        Name of the Arrow type as the container delivered it; for an unreadable column a short
        description of what it holds.
    encoded : bool, default False
        Whether the column is dictionary-encoded (categorical).
    unit : str, optional
        ``"s"``, ``"ms"``, ``"us"`` or ``"ns"``, for times, timestamps and durations.
    zone : str, optional
        Name of the time zone of timestamps; None for naive ones.
    problem : str, optional
        For an unreadable column: what is wrong with it and what to do.

    Examples
    --------
    >>> Field("age", "int", "int64")
    Field(name='age', kind='int', type='int64', encoded=False, unit=None, zone=None, problem=None)
    """

    name: str
    kind: str
    type: str
    encoded: bool = False
    unit: str | None = None
    zone: str | None = None
    problem: str | None = None


TableSchema = Mapping[str, Field]


class ArrowColumn(NamedTuple):
    """One normalised column and what it was."""

    array: pa.ChunkedArray
    field: Field


def field_of(
    name: str, arrow_type: pa.DataType, metadata: Mapping[bytes, bytes] | None = None
) -> Field:
    """Field of a column of this Arrow type, of kind ``"unreadable"`` where it has no plain form.

    `metadata` is that of the Arrow field: it names an extension type that isn't registered here.

    Examples
    --------
    >>> field_of("t", pa.timestamp("us", "UTC")).zone
    'UTC'
    >>> field = field_of("c", pa.dictionary(pa.int8(), pa.string()))
    >>> field.kind, field.encoded
    ('string', True)
    """
    label = str(arrow_type)
    opaque = (metadata or {}).get(_EXTENSION_NAME, b"").decode()
    encoded, inner = False, arrow_type
    while opaque not in _OPAQUE:
        if pa.types.is_dictionary(inner):
            encoded, inner = True, inner.value_type
        elif pa.types.is_run_end_encoded(inner):
            inner = inner.value_type
        elif isinstance(inner, pa.BaseExtensionType):
            opaque = inner.extension_name
            inner = pa.bool_() if opaque == "arrow.bool8" else inner.storage_type
        else:
            break
    kind = "unreadable" if opaque in _OPAQUE else _kind(inner)
    if kind == "unreadable":
        label = opaque if opaque in _OPAQUE else label
        return Field(name, kind, label, problem=no_plain_form(name, label))
    return Field(
        name,
        kind,
        label,
        encoded=encoded,
        unit=inner.unit if kind in {"time", "timestamp", "duration"} else None,
        zone=inner.tz if kind == "timestamp" else None,
    )


def from_arrow(
    name: str, array: pa.Array | pa.ChunkedArray, metadata: Mapping[bytes, bytes] | None = None
) -> ArrowColumn:
    """Column of an Arrow array in plain types; `metadata` as in `field_of`.

    Examples
    --------
    >>> array, field = from_arrow("x", pa.array(["a", None], pa.string_view()))
    >>> str(array.type), field.type
    ('large_string', 'string_view')
    """
    field = field_of(name, array.type, metadata)
    try:
        return ArrowColumn(normalise(as_chunked(array), field), field)
    except pa.ArrowInvalid:  # a date64 that is no midnight, or beyond the range of days
        problem = f"column {name!r} holds values that its type {field.type} doesn't allow"
        cells = _named(as_chunked(array).is_valid(), field.type).to_pylist()
        return unreadable(name, field.type, f"{problem}; cast it to another type first", cells)


def normalise(array: pa.ChunkedArray, field: Field) -> pa.ChunkedArray:
    """Values of a column in plain types, chunk by chunk; zero copy where they are plain already.

    Of an unreadable column: the type's name where a cell has a value.

    Examples
    --------
    >>> halves = pa.chunked_array([pa.array(np.array([1.5], "f2"))])
    >>> str(normalise(halves, field_of("x", halves.type)).type)
    'float'
    """
    if field.kind == "unreadable":
        return as_chunked(_named(array.is_valid(), field.type))
    if field.kind == "null":
        return as_chunked(pa.nulls(len(array)))
    if _is_plain(array.type):
        return array
    chunks = array.chunks or [pa.nulls(0, array.type)]
    return pa.chunked_array([_plain(chunk) for chunk in chunks])


def unreadable(name: str, label: str, problem: str, cells: Iterable[str | None]) -> ArrowColumn:
    """Column that can't be read, as the type names of its cells (None: missing).

    Parameters
    ----------
    name : str
        Name of the column.
    label : str
        Short description of what it holds.
    problem : str
        What is wrong and what to do, in one sentence.
    cells : iterable of str or None
        The type name of each cell.

    Examples
    --------
    >>> column = unreadable("x", "mixed (int, str)", "it mixes types", ["int", None, "str"])
    >>> column.array.null_count, column.field.kind
    (1, 'unreadable')
    """
    field = Field(name, "unreadable", label, problem=problem)
    return ArrowColumn(as_chunked(pa.array(cells, pa.string())), field)


def no_plain_form(name: str, label: str) -> str:
    """Return the problem of a column whose type can't be read: what is wrong and what to do.

    Examples
    --------
    >>> no_plain_form("z", "complex128")
    "column 'z' is of type complex128, which can't be read; \
convert it to numbers, text or timestamps first"
    """
    return (
        f"column {name!r} is of type {label}, which can't be read; "
        "convert it to numbers, text or timestamps first"
    )


def as_chunked(array: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """Chunked array of an array; one that is chunked already is returned as it is."""
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


@lru_cache(maxsize=256)
def _kind(arrow_type: pa.DataType) -> str:
    """Kind of the values of a type that is no dictionary, run-end or extension type."""
    types = pa.types
    tests = {
        "int": (types.is_integer,),
        "float": (types.is_floating,),
        "bool": (types.is_boolean,),
        "string": (types.is_string, types.is_large_string, types.is_string_view),
        "timestamp": (types.is_timestamp,),
        "date": (types.is_date,),
        "decimal": (types.is_decimal,),
        "duration": (types.is_duration,),
        "time": (types.is_time,),
        "binary": (
            types.is_binary,
            types.is_large_binary,
            types.is_fixed_size_binary,
            types.is_binary_view,
        ),
        "nested": (types.is_nested,),
        "null": (types.is_null,),
    }
    return next(
        (kind for kind, of in tests.items() if any(t(arrow_type) for t in of)), "unreadable"
    )


def _target(arrow_type: pa.DataType) -> pa.DataType:
    """Plain type that values of this type are cast to; the same one when it is plain."""
    types = pa.types
    if types.is_string_view(arrow_type):
        return pa.large_string()
    if types.is_binary_view(arrow_type):
        return pa.large_binary()
    if types.is_float16(arrow_type):
        return pa.float32()
    if types.is_date64(arrow_type):
        return pa.date32()
    return _plain_decimal(arrow_type) if types.is_decimal(arrow_type) else arrow_type


def _plain_decimal(decimal: pa.DataType) -> pa.DataType:
    """At least 128 bits, and no negative scale, which Arrow's own functions refuse."""
    scale = max(decimal.scale, 0)
    if decimal.bit_width >= _DECIMAL128 and scale == decimal.scale:
        return decimal
    precision = min(decimal.precision + scale - decimal.scale, 76)
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _is_plain(arrow_type: pa.DataType) -> bool:
    return (
        not pa.types.is_dictionary(arrow_type)
        and not pa.types.is_run_end_encoded(arrow_type)
        and not isinstance(arrow_type, pa.BaseExtensionType)
        and _target(arrow_type) == arrow_type
    )


def _plain(array: pa.Array) -> pa.Array:
    """Values of one chunk in plain types; a dictionary stays one."""
    if isinstance(array.type, pa.BaseExtensionType):
        storage = array.storage
        return (
            storage.cast(pa.bool_())
            if array.type.extension_name == "arrow.bool8"
            else _plain(storage)
        )
    if pa.types.is_run_end_encoded(array.type):
        return _plain(array.values).take(_run_of_each_row(array))
    if not pa.types.is_dictionary(array.type):
        return array.cast(_target(array.type))
    if array.dictionary.null_count:
        return _plain(_without_null_value(array))
    if _is_plain(array.type.value_type):
        return array
    values = _plain(array.dictionary)
    return pa.DictionaryArray.from_arrays(array.indices, values, ordered=array.type.ordered)


def _without_null_value(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """Dictionary array whose missing cells are missing codes, not codes of a null."""
    valid = array.dictionary.is_valid().to_numpy(zero_copy_only=False)
    codes = pa.array(np.cumsum(valid) - 1, array.type.index_type, mask=~valid)
    return pa.DictionaryArray.from_arrays(
        codes.take(array.indices), array.dictionary.drop_null(), ordered=array.type.ordered
    )


def _run_of_each_row(array: pa.RunEndEncodedArray) -> pa.Array:
    """Position in ``array.values`` of the run that each row belongs to."""
    first, last = array.offset, array.offset + len(array)
    ends = np.clip(array.run_ends.to_numpy().astype(np.int64), first, last)
    return pa.array(np.repeat(np.arange(len(ends)), np.diff(ends, prepend=first)))


def _named(valid: pa.ChunkedArray, label: str) -> pa.ChunkedArray:
    """`label` where `valid`, null elsewhere."""
    return pc.if_else(valid, pa.scalar(label), pa.scalar(None, pa.string()))
