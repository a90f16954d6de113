"""Names and types of columns, and their conversion to a few plain Arrow types.

The rest of mlgates handles only few Arrow types, the plain types. Columns of other types are
converted. String views become large strings, and binary views large binary. Half floats become
float32, and 64-bit dates become 32-bit dates. Decimals of less than 128 bits, or with a negative
scale, become decimals of 128 or 256 bits. Run-end encoding is decoded, and dictionary encoding is
kept. Extension types are replaced by their storage. A column that can't be converted is
"unreadable": each of its values is replaced by the name of the value's type.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import is_malformed, malformed
from mlgates.errors import EvidenceError
from mlgates.options import did_you_mean

__all__ = [
    "Field",
    "TableSchema",
    "check_names",
    "few",
    "is_unicode",
    "is_unsupported",
    "no_column",
    "stored_kind",
]

# Extension types that can't be replaced by their storage: a number of periods, two ends of an
# interval, or unknown bytes.
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
#: Names that users write for types, where Arrow's name differs.
_TYPE_NAMES = {
    "double": "float64",
    "float": "float32",
    "halffloat": "float16",
    "large_string": "string",
    "string_view": "string",
    "date32[day]": "date",
    "date64[ms]": "date",
}
_DICTIONARY = re.compile(r"dictionary<values=(.*), indices=\w+, ordered=[01]>", re.DOTALL)
# (older versions of Arrow lack some types)
_KINDS = {
    getattr(pa.lib, f"Type_{name}", name): kind
    for kind, names in _TYPE_IDS.items()
    for name in names.split()
}


@dataclass(frozen=True, slots=True)
class Field:
    """The name and type of a column.

    Parameters
    ----------
    name : str
        Name of the column.
    kind : str
        Kind of the column's values: "int", "float", "decimal", "bool", "string", "timestamp",
        "date", "time", "duration", "binary" or "nested". "null" is a column of nulls without a
        type. "unreadable" is a column that can't be read.
    type : str
        Arrow's name of the type that the column has in the user's table. For an unreadable column,
        the types of its values.
    encoded : bool
        Whether the column is dictionary-encoded (categorical).
    unit : str or None
        "s", "ms", "us" or "ns" for times, timestamps and durations, else None.
    zone : str or None
        Time zone of timestamps. None if they have none, and for other kinds.
    problem : str or None
        For an unreadable column, why it can't be read and what to do. Else None.
    """

    name: str
    kind: str
    type: str
    encoded: bool = False
    unit: str | None = None
    zone: str | None = None
    problem: str | None = None

    @property
    def type_name(self) -> str:
        """The name of the column's type for messages, such as 'int64' or 'float64 (Arrow double)'.

        If Arrow's name of the type is not the usual one, it follows in parentheses, except for
        categories.

        Examples
        --------
        >>> field_of("x", pa.float64()).type_name
        'float64 (Arrow double)'
        >>> field_of("x", pa.dictionary(pa.int8(), pa.large_string())).type_name
        'category of string'
        """
        encoded = _DICTIONARY.fullmatch(self.type)
        if encoded:
            values = encoded[1]
            return f"category of {_TYPE_NAMES.get(values, values)}"
        name = _TYPE_NAMES.get(self.type)
        if self.kind == "int" and self.type.startswith("decimal"):
            name = "int"  # beyond 64 bits
        return self.type if name is None else f"{name} (Arrow {self.type})"


TableSchema = Mapping[str, Field]


class ArrowColumn(NamedTuple):
    """A column in plain Arrow types (`array`), and its name and type (`field`).

    Functions that convert a column of any container, such as `from_arrow`, return an `ArrowColumn`.
    Plain types are the few Arrow types to which this module converts all others.
    """

    array: pa.ChunkedArray
    field: Field


def check_names(names: Iterable[object], remedy: str = "rename them") -> None:
    """Raise EvidenceError if a table has no columns, or if their names are not distinct strings.

    `remedy` is the advice that the message gives for names that are not strings.
    """
    names = list(names)
    if not names:
        raise EvidenceError("the table has no columns")
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        kinds = ", ".join(sorted({type(name).__name__ for name in odd}))
        raise EvidenceError(f"column names must be strings, got {kinds}: {few(odd)}; {remedy}")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise EvidenceError(
            f"the table has several columns named {few(repeated)}; rename or drop all but one"
        )
    broken = [n for n in map(str, names) if not n.isascii() and not is_unicode(n)]
    if broken:
        raise EvidenceError(
            f"column names must be valid Unicode, got lone surrogates in {few(broken)}"
        )


def no_column(absent: Sequence[str], names: Iterable[str]) -> EvidenceError:
    """Return an EvidenceError that says which columns a table lacks.

    `absent` are these columns, and `names` are the columns that the table has. The message suggests
    a similar name.
    """
    names = list(names)
    short = [name for name in names[:1_000] if len(name) <= 200]  # long names take long
    near = did_you_mean(absent[0], short) if len(absent) == 1 else ""
    return EvidenceError(
        f"the table has no column {few(absent)}{near or f'; it has {few(names, 20)}'}"
    )


def few(names: Iterable[object], most: int = 5) -> str:
    """Format a list of names for a message: the first `most` names, and how many others there are.

    Examples
    --------
    >>> few("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    names = list(names)
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(f"{name!r:.80}" for name in names[:most]) + rest


def is_unicode(text: str) -> bool:
    """Return whether a string is valid Unicode (without lone surrogates), which Arrow requires."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def field_of(
    name: str, arrow_type: pa.DataType, metadata: Mapping[bytes, bytes] | None = None
) -> Field:
    """Return the name and type of a column, as a `Field`, from its Arrow type.

    If the type is not supported, the kind is "unreadable". `metadata` is the metadata of the Arrow
    field. If the column's extension type is not registered in this process, its name is in the
    metadata.

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
    if kind == "decimal" and inner.scale <= 0:
        kind = "int"  # integers beyond 64 bits, such as sums of DuckDB
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


def stored_kind(field: Field, array: pa.ChunkedArray) -> str:
    """Return the kind of the values that Arrow stores for a column.

    This is the kind of the field in all but one case: integers of more than 64 bits are stored as
    decimals, so for these the result is "decimal", while the kind of the field is "int".

    Examples
    --------
    >>> sums = pa.chunked_array([pa.array([2**70], pa.decimal128(38, 0))])
    >>> field = field_of("sum", sums.type)
    >>> field.kind, stored_kind(field, sums)
    ('int', 'decimal')
    """
    if field.kind != "int":
        return field.kind
    type_ = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    return "decimal" if pa.types.is_decimal(type_) else "int"


def from_arrow(
    name: str,
    array: pa.Array | pa.ChunkedArray,
    metadata: Mapping[bytes, bytes] | None = None,
    *,
    is_valid: bool = False,
) -> ArrowColumn:
    """Convert an Arrow array to a plain type, and return it with its name and type.

    Plain types are the few Arrow types that the rest of mlgates handles. `metadata` is the metadata
    of the Arrow field, see `field_of`. If the array must be converted or is a union, it is
    validated first, and EvidenceError is raised if it is malformed. ``is_valid=True`` leaves out
    this validation. Other arrays that have a plain type already are not validated here. If a value
    does not fit into the plain type, such as a 64-bit date with a time of day, the returned column
    is unreadable.
    """
    field = field_of(name, array.type, metadata)
    chunked = array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])
    is_checked = _plain_type(array.type) != array.type or pa.types.is_union(array.type)
    if is_checked and not is_valid and any(map(is_malformed, chunked.chunks)):
        raise EvidenceError(malformed(f"column {name!r}"))
    try:
        return ArrowColumn(normalise(chunked, field), field)
    except pa.ArrowInvalid:  # a date64 with a time of day or out of range, or a huge decimal
        problem = f"column {name!r} of type {field.type} has "
        if field.kind == "date":
            problem += "a value that is not a whole day or not in the range of dates; correct the "
            problem += "value, or cast the column to timestamp[ms]"
        else:
            problem += "a value of more than 76 digits; cast the column to double"
        cells = _type_names(chunked, field.type).to_pylist()
        return unreadable(name, field.type, problem, cells)


def normalise(array: pa.ChunkedArray, field: Field) -> pa.ChunkedArray:
    """Convert the array of a column to plain types, chunk by chunk.

    Plain types are the few Arrow types that the rest of mlgates handles. Chunks that already have a
    plain type are not copied. If `field` says that the column is unreadable, each value is replaced
    by the string ``field.type``.
    """
    if field.kind == "unreadable":
        return _type_names(array, field.type)
    if field.kind == "null":
        return pa.chunked_array([pa.nulls(len(array))])
    if _plain_type(array.type) == array.type:
        return array
    chunks = array.chunks or [pa.nulls(0, array.type)]
    return pa.chunked_array([_plain(chunk) for chunk in chunks])


def unreadable(name: str, label: str, problem: str, cells: Iterable[str | None]) -> ArrowColumn:
    """Create a column that stands for one that can't be read.

    Each value is replaced by the name of its type. `cells` has this name for each row, or None if
    the value is missing. `name` is the column. `label` is the type of the whole column, for
    messages. `problem` is a sentence that says why the column can't be read and what to do.
    """
    field = Field(name, "unreadable", label, problem=problem)
    return ArrowColumn(pa.chunked_array([pa.array(cells, pa.string())]), field)


def no_plain_form(name: str, label: str) -> str:
    """Return a message which says that the type of a column is not supported, and what to do.

    `name` is the column and `label` the name of its type.
    """
    return (
        f"column {name!r} has type {label}, which can't be read; "
        "convert it to numbers, strings, dates or timestamps"
    )


def is_unsupported(field: Field) -> bool:
    """Return whether a column can't be read because of its type, and not because of some values.

    Examples
    --------
    >>> is_unsupported(field_of("x", pa.month_day_nano_interval()))
    True
    """
    return field.problem == no_plain_form(field.name, field.type)


#: Types that are converted to plain types by a cast, and these plain types.
_CASTS = {
    pa.lib.Type_STRING_VIEW: pa.large_string(),
    pa.lib.Type_BINARY_VIEW: pa.large_binary(),
    pa.lib.Type_HALF_FLOAT: pa.float32(),
    pa.lib.Type_DATE64: pa.date32(),
}


def _plain_type(arrow_type: pa.DataType) -> pa.DataType | None:
    """Return the plain type to which a type is cast; None if a cast is not enough."""
    encoded = arrow_type.id in (pa.lib.Type_DICTIONARY, pa.lib.Type_RUN_END_ENCODED)
    if encoded or isinstance(arrow_type, pa.BaseExtensionType):
        return None
    is_decimal = _KINDS.get(arrow_type.id) == "decimal"
    if is_decimal and (arrow_type.bit_width < 128 or arrow_type.scale < 0):
        # Arrow's functions refuse decimals with a negative scale.
        scale = max(arrow_type.scale, 0)
        precision = min(arrow_type.precision + scale - arrow_type.scale, 76)
        make = pa.decimal128 if precision <= 38 else pa.decimal256
        return make(precision, scale)
    return _CASTS.get(arrow_type.id, arrow_type)


def _plain(array: pa.Array) -> pa.Array:
    """Convert one chunk to plain types; a dictionary-encoded chunk stays dictionary-encoded."""
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
    # Codes of a null in the dictionary become null, so that missing values are marked in one way.
    if values.null_count:
        valid = values.is_valid().to_numpy(zero_copy_only=False)
        codes = pa.array(np.cumsum(valid) - 1, codes.type, mask=~valid).take(codes)
        values = values.drop_null()
    elif _plain_type(values.type) == values.type:
        return array
    if _plain_type(values.type) != values.type:
        values = _plain(values)
    return pa.DictionaryArray.from_arrays(codes, values, ordered=ordered)


def _type_names(array: pa.ChunkedArray, label: str) -> pa.ChunkedArray:
    """Return an array that has the string `label` in place of each value; nulls stay null."""
    return pc.if_else(array.is_valid(), pa.scalar(label), pa.scalar(None, pa.string()))
