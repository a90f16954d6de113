"""One column as Arrow delivers it: its name and type, and its values in a plain form.

The rest of mlgates handles few Arrow types. Views become large strings, run ends are decoded,
extension types are replaced by their storage, half floats are widened; a column without a plain
form is described as unreadable and delivered as the type names of its cells.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError

__all__ = ["Field", "TableSchema", "check_names", "few", "is_unicode"]

# Their storage (a count of periods, two ends, bytes of an unknown system) is not the value.
_OPAQUE = frozenset({"pandas.period", "pandas.interval", "arrow.opaque"})
_EXTENSION_NAME = b"ARROW:extension:name"
_TYPE_IDS = {
    "int": "INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64",
    "float": "HALF_FLOAT FLOAT DOUBLE",
    "bool": "BOOL",
    "string": "STRING LARGE_STRING STRING_VIEW",
    "timestamp": "TIMESTAMP",
    "date": "DATE32 DATE64",
    "decimal": "DECIMAL32 DECIMAL64 DECIMAL128 DECIMAL256",
    "duration": "DURATION",
    "time": "TIME32 TIME64",
    "binary": "BINARY LARGE_BINARY FIXED_SIZE_BINARY BINARY_VIEW",
    "nested": "LIST LARGE_LIST FIXED_SIZE_LIST LIST_VIEW LARGE_LIST_VIEW STRUCT MAP "
    "DENSE_UNION SPARSE_UNION",
    "null": "NA",
}
# (older versions of Arrow lack some types)
_KINDS = {
    getattr(pa.lib, f"Type_{name}", name): kind
    for kind, names in _TYPE_IDS.items()
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class Field:
    """Name and type of one column, of its values rather than of their encoding."""

    name: str
    #: a key of `_TYPE_IDS`, or "unreadable"; "null" where no value has a type
    kind: str
    #: Arrow's name of the type as delivered; of an unreadable column what its cells are
    type: str
    #: whether the column is dictionary-encoded (categorical)
    encoded: bool = False
    #: "s", "ms", "us" or "ns", of times, timestamps and durations
    unit: str | None = None
    #: time zone of timestamps; None for naive ones
    zone: str | None = None
    #: of an unreadable column: what is wrong with it and what to do
    problem: str | None = None


TableSchema = Mapping[str, Field]


class ArrowColumn(NamedTuple):
    """One normalised column and its description."""

    array: pa.ChunkedArray
    field: Field


def check_names(names: Iterable[object], remedy: str = "rename them") -> None:
    """Raise EvidenceError unless a table's column names are different texts, at least one."""
    names = list(names)
    if not names:
        msg = "the table has no columns"
        raise EvidenceError(msg)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        kinds = ", ".join(sorted({type(name).__name__ for name in odd}))
        msg = f"names of columns must be str, got {kinds}: {few(odd)}; {remedy}"
        raise EvidenceError(msg)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        msg = f"the table has several columns named {few(repeated)}; rename or drop all but one"
        raise EvidenceError(msg)
    broken = [n for n in map(str, names) if not n.isascii() and not is_unicode(n)]
    if broken:
        msg = f"names of columns must be valid Unicode, got lone surrogates in {few(broken)}"
        raise EvidenceError(msg)


def few(names: Iterable[object], most: int = 5) -> str:
    """Return the first of these names as literals, shortened, and how many more there are.

    Examples
    --------
    >>> few("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    names = list(names)
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(f"{name!r:.80}" for name in names[:most]) + rest


def is_unicode(text: str) -> bool:
    """Return whether a text has no lone surrogates, which no column of Arrow can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def field_of(
    name: str, arrow_type: pa.DataType, metadata: Mapping[bytes, bytes] | None = None
) -> Field:
    """Return the field of a column of this Arrow type, "unreadable" if it has no plain form.

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
    kind = _KINDS.get(inner.id, "unreadable")
    if opaque in _OPAQUE:
        kind, label = "unreadable", opaque
    if kind == "unreadable":
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
    """Return the column of an Arrow array in plain types; `metadata` as in `field_of`."""
    field = field_of(name, array.type, metadata)
    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    try:
        return ArrowColumn(normalise(chunked, field), field)
    except pa.ArrowInvalid:  # a date64 that is no midnight, or beyond the range of days
        problem = f"column {name!r} holds values that its type {field.type} doesn't allow"
        cells = _where_valid(chunked, field.type).to_pylist()
        return unreadable(name, field.type, f"{problem}; cast it to another type first", cells)


def normalise(array: pa.ChunkedArray, field: Field) -> pa.ChunkedArray:
    """Return a column in plain types, chunk by chunk; zero copy where they are plain already.

    An unreadable column has the type's name in each cell that has a value.
    """
    if field.kind == "unreadable":
        return _where_valid(array, field.type)
    if field.kind == "null":
        return pa.chunked_array([pa.nulls(len(array))])
    if _plain_type(array.type) == array.type:
        return array
    chunks = array.chunks or [pa.nulls(0, array.type)]
    return pa.chunked_array([_plain(chunk) for chunk in chunks])


def unreadable(name: str, label: str, problem: str, cells: Iterable[str | None]) -> ArrowColumn:
    """Return a column that can't be read, as the type names of its cells (None: missing).

    `label` describes the cells briefly, `problem` is a sentence on what is wrong and what to do.
    """
    field = Field(name, "unreadable", label, problem=problem)
    return ArrowColumn(pa.chunked_array([pa.array(cells, pa.string())]), field)


def no_plain_form(name: str, label: str) -> str:
    """Return the problem of a column whose type can't be read: what is wrong and what to do."""
    return (
        f"column {name!r} is of type {label}, which can't be read; "
        "convert it to numbers, text or timestamps first"
    )


#: Plain types of those that a cast makes plain.
_CASTS = {
    pa.lib.Type_STRING_VIEW: pa.large_string(),
    pa.lib.Type_BINARY_VIEW: pa.large_binary(),
    pa.lib.Type_HALF_FLOAT: pa.float32(),
    pa.lib.Type_DATE64: pa.date32(),
}


def _plain_type(arrow_type: pa.DataType) -> pa.DataType | None:
    """Return the plain type to cast to; None for encoded and extension types, which need more."""
    encoded = arrow_type.id in (pa.lib.Type_DICTIONARY, pa.lib.Type_RUN_END_ENCODED)
    if encoded or isinstance(arrow_type, pa.BaseExtensionType):
        return None
    is_decimal = _KINDS.get(arrow_type.id) == "decimal"
    if is_decimal and (arrow_type.bit_width < 128 or arrow_type.scale < 0):
        # (Arrow's own functions refuse a negative scale)
        scale = max(arrow_type.scale, 0)
        precision = min(arrow_type.precision + scale - arrow_type.scale, 76)
        make = pa.decimal128 if precision <= 38 else pa.decimal256
        return make(precision, scale)
    return _CASTS.get(arrow_type.id, arrow_type)


def _plain(array: pa.Array) -> pa.Array:
    """Return one chunk in plain types; a dictionary stays one."""
    if isinstance(array.type, pa.BaseExtensionType):
        if array.type.extension_name == "arrow.bool8":
            return array.storage.cast(pa.bool_())
        return _plain(array.storage)
    if pa.types.is_run_end_encoded(array.type):
        first, last = array.offset, array.offset + len(array)
        ends = np.clip(array.run_ends.to_numpy().astype(np.int64), first, last)
        run_of_each_row = np.repeat(np.arange(len(ends)), np.diff(ends, prepend=first))
        return _plain(array.values).take(pa.array(run_of_each_row))
    if not pa.types.is_dictionary(array.type):
        return array.cast(_plain_type(array.type))
    codes, values, ordered = array.indices, array.dictionary, array.type.ordered
    if values.null_count:  # missing cells become missing codes instead of codes of a null
        valid = values.is_valid().to_numpy(zero_copy_only=False)
        codes = pa.array(np.cumsum(valid) - 1, codes.type, mask=~valid).take(codes)
        values = values.drop_null()
    elif _plain_type(values.type) == values.type:
        return array
    if _plain_type(values.type) != values.type:
        values = _plain(values)
    return pa.DictionaryArray.from_arrays(codes, values, ordered=ordered)


def _where_valid(array: pa.ChunkedArray, label: str) -> pa.ChunkedArray:
    """Return `label` in each cell that has a value, null elsewhere."""
    return pc.if_else(array.is_valid(), pa.scalar(label), pa.scalar(None, pa.string()))
