"""Read a folder of Parquet files as one table."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.arrow_arrays import array_of, from_numpy, scalar
from mlgates.errors import EvidenceError
from mlgates.tables import encoding
from mlgates.tables.field import check_names, few, field_of, is_unicode, normalise
from mlgates.tables.objects import is_missing
from mlgates.tables.parquet import (
    NOT_PARQUET,
    Columns,
    Selection,
    described,
    footer_of,
    in_plain_types,
    read_parts,
)
from mlgates.tables.source import Source, at_least_one, joined

_NULL = "__HIVE_DEFAULT_PARTITION__"
_WHOLE = re.compile(r"-?[0-9]{1,38}", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
# Formats of tables whose files can also contain rows that are no longer part of the table.
_FORMATS = {
    "_delta_log": ("a Delta table", "polars.scan_delta(path)"),
    "metadata": ("an Iceberg table", "polars.scan_iceberg(path)"),
    ".hoodie": ("a Hudi table", 'spark.read.format("hudi").load(path)'),
    "_spark_metadata": ("the output of a Spark stream", "spark.read.parquet(path)"),
}


@dataclass(frozen=True)
class _Part:
    """One Parquet file of a folder.

    `path` is the path of the file, and `shown` its path below the folder, for messages. `columns`
    describes its columns, and `rows` is its number of rows. `keys` is a dict of the keys and values
    in the names of its parent folders: ``{"year": "2025"}`` for a folder ``year=2025``.
    """

    path: str
    shown: str
    columns: Columns
    rows: int
    keys: dict[str, str | None]


def open_folder(folder: Path, types: Mapping[str, pa.DataType] | None = None) -> Source:
    """Open all Parquet files below a folder, in the order of their paths, as one `Source`.

    If the path of a file contains a folder named ``key=value``, all rows of the file have this
    value in a column ``key``. (This is Hive's form, in which ``%20`` is a space.) The type of the
    column is integer if all values of the key are integers, date if all are ISO dates, and else
    string. `types` can give other types. If the files also have a column with the name of a key,
    all values of this column must equal the value in the name of the folder.

    Files and folders with names that begin with a dot or an underscore are ignored, except folders
    ``_key=value``. EvidenceError is raised if any other file is not a Parquet file or can't be
    read. Such a file is not ignored, because its rows could be those that break a rule.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow.parquet as pq
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "year=2025").mkdir()
    >>> pq.write_table(pa.table({"x": [1.5]}), root / "year=2025" / "a.parquet")
    >>> table = open_folder(root)
    >>> table.rows, {name: field.kind for name, field in table.schema.items()}
    (1, {'x': 'float', 'year': 'int'})
    """
    check_format(folder)
    parts: list[_Part] = []
    contents = parent = None
    for path, shown, footer in _files(folder):
        contents = described(path, footer, contents)
        if parent != (parent := shown.rpartition("/")[0]):
            keys = _keys_of(shown)
        parts.append(_Part(path, shown, contents.columns, contents.rows, keys))
    if not parts:
        raise EvidenceError(f"there is no Parquet file in the folder {str(folder)!r:.200}")
    return _source(parts, types or {})


def check_format(path: Path) -> None:
    """Raise EvidenceError if a file or folder belongs to a Delta, Iceberg, Hudi or similar table.

    The files of such a table can contain deleted rows. Only the table's log says which rows are
    valid.
    """
    folder = (path if path.is_dir() else path.parent).resolve()
    _check_format(folder)
    while "=" in folder.name or folder.name == "data":
        folder = folder.parent
        _check_format(folder)


def _check_format(folder: Path) -> None:
    for name, (what, remedy) in _FORMATS.items():
        log = folder / name
        if log.is_dir() and (name != "metadata" or _is_iceberg(log)):
            raise EvidenceError(
                f"the folder {str(folder)!r:.200} is {what} (it has {name!r}): its files may also "
                f"hold rows that were deleted; read the current rows, such as by {remedy}, and "
                "give the result"
            )


def _is_iceberg(metadata: Path) -> bool:
    ends = (".metadata.json", ".avro", "version-hint.text")
    return any(file.name.endswith(ends) for file in metadata.iterdir())


def _files(folder: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield the Parquet files below a folder in the order of their paths.

    Each file comes with its path relative to the folder, and with its footer.
    """
    waiting: list[tuple[str, str, os.DirEntry[str] | None]] = [(str(folder), "", None)]
    while waiting:
        path, shown, entry = waiting.pop()
        try:
            if entry is None or entry.is_dir():
                _check_format(Path(path))
                with os.scandir(path) as entries:
                    found = sorted(entries, key=attrgetter("name"), reverse=True)
                for entry in found:
                    here = f"{shown}/{entry.name}" if shown else entry.name
                    if not _is_hidden(entry, here):
                        waiting.append((entry.path, here, entry))
                continue
            problem = "is not a regular file"
            if entry.is_file():
                problem, footer = footer_of(path)
        except OSError as error:
            problem = f"can't be read: {type(error).__name__}"
        if problem:
            msg = f"{shown or path!r:.200} {problem}"
            if problem == NOT_PARQUET:
                msg += (
                    "; a folder may have only Parquet files: move this file away, or begin its "
                    "name with '_' to leave it out"
                )
            raise EvidenceError(msg)
        yield path, shown, footer


def _is_hidden(entry: os.DirEntry[str], shown: str) -> bool:
    """Return whether a file or folder is ignored; raise EvidenceError for a link to a folder.

    Names that begin with a dot or an underscore are ignored, except those of folders
    ``_key=value``. `shown` is the path below the folder that is read, for messages.
    """
    is_folder = entry.is_dir()
    if entry.name.startswith(".") or (
        entry.name.startswith("_") and not (is_folder and "=" in entry.name)
    ):
        return True
    if is_folder and entry.is_symlink():
        raise EvidenceError(
            f"{shown!r} is a link to a folder; links are not followed, so give the folder itself"
        )
    return False


def _keys_of(shown: str) -> dict[str, str | None]:
    """Return a dict of the keys and values in the names of a file's parent folders.

    An example of such a name is ``year=2025``. `shown` is the path of the file below the folder
    that is read.
    """
    keys: dict[str, str | None] = {}
    for part in shown.split("/")[:-1]:
        raw_name, equals, raw_value = part.partition("=")
        if equals:
            name, value = (
                unquote(text, errors="surrogateescape") for text in (raw_name, raw_value)
            )
            for raw, text in ((raw_name, name), (raw_value, value)):
                if not is_unicode(text):
                    raise EvidenceError(f"{raw!r} in the name of a folder is not valid UTF-8")
            if name in keys:
                raise EvidenceError(f"two folders in the path {shown!r} have the same key {name!r}")
            keys[name] = None if value == _NULL else value
    return keys


def _source(parts: list[_Part], types: Mapping[str, pa.DataType]) -> Source:
    """Return the `Source` of all files of a folder.

    Keys in folder names become columns. `types` has the types of such columns by name. For other
    keys, the type is inferred from the values.
    """
    first = parts[0]
    stored, keys = first.columns.fields, list(first.keys)
    for part in parts:
        fields = part.columns.fields
        if fields is not stored and fields != stored:
            different = [n for n in {*fields, *stored} if fields.get(n) != stored.get(n)]
            raise EvidenceError(
                f"the files {first.shown!r} and {part.shown!r} have different columns or "
                f"types: {few(sorted(different))}; all files must have the same"
            )
        if list(part.keys) != keys:
            raise EvidenceError(
                f"the folders of {first.shown!r} and {part.shown!r} have different keys; "
                "all files must have the same keys in their paths"
            )
    cells = {
        name: _parsed_keys([part.keys[name] for part in parts], types.get(name))
        for name in keys
        if name not in stored
    }
    check_names([*stored, *cells])

    def read(names: list[str]) -> Iterator[pa.Table]:
        # Read at least one column of the file, because otherwise no rows would be returned.
        own = {name: stored[name] for name in names if name in stored} or dict(
            [*stored.items()][:1]
        )
        selection = Selection.of(first.columns, list(own))
        in_both = [name for name in own if name in first.keys]
        origins: list[int] = []  # the file of each table that is not yet joined
        sizes: list[int] = []  # and its number of rows

        def pieces() -> Iterator[pa.Table]:
            for position, part in enumerate(parts):
                for table in read_parts(part.path, part.rows, selection):
                    for name in in_both:
                        _check_key(part, name, normalise(table.column(name), own[name]))
                    origins.append(position)
                    sizes.append(len(table))
                    yield table

        def tables() -> Iterator[pa.Table]:
            for table in at_least_one(joined(pieces()), first.columns.schema.empty_table):
                used = int(np.searchsorted(np.cumsum(sizes), len(table))) + 1
                numbers = np.array(origins[:used], np.int64)
                files = from_numpy(np.repeat(numbers, np.array(sizes[:used], np.int64)))
                del origins[:used], sizes[:used]
                whole = in_plain_types(own, table)
                for name in [name for name in names if name in cells]:
                    whole = whole.append_column(name, cells[name].take(files))
                yield whole.select(names)

        # again, because tables of different types in Arrow were not joined
        return joined(tables())

    fields = {name: field_of(name, array.type) for name, array in cells.items()}
    rows = sum(part.rows for part in parts)
    schema = MappingProxyType({**stored, **fields})
    retyped = partial(_source, parts) if cells else None
    return Source("folder of parquet files", schema, rows, read, None, frozenset(cells), retyped)


def _parsed_keys(values: list[str | None], wanted: pa.DataType | None) -> pa.Array:
    """Convert the values of a key, one per file, to an Arrow array of a type that fits all of them.

    `wanted` is the type to try first; None if there is none.
    """
    texts = array_of([value or "" for value in values], pa.large_string())
    if None in values:
        missing = from_numpy(np.array([value is None for value in values]))
        texts = pc.if_else(missing, scalar(None, texts.type), texts)
    known = [value for value in values if value is not None]
    types: list[pa.DataType] = [] if wanted is None else [wanted]
    if not known:
        types.append(pa.null())
    elif all(map(_WHOLE.fullmatch, known)):
        types += [pa.int64(), pa.uint64(), pa.decimal128(38, 0)]
    elif all(map(_DAY.fullmatch, known)):
        types.append(pa.date32())
    for type_ in types:
        if pa.types.is_dictionary(type_):
            return texts.dictionary_encode()
        try:
            return pa.nulls(len(texts)) if pa.types.is_null(type_) else texts.cast(type_)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            continue
    return texts


def _check_key(part: _Part, name: str, column: pa.ChunkedArray) -> None:
    """Raise EvidenceError if values of a column differ from the value in the folder's name.

    `part` is a file, `name` is the key in the name of its folder, and `column` is the column with
    this name.
    """
    text = part.keys[name]
    values = encoding.decode(column).unique().to_pylist()
    if not all(_matches_name(value, text) for value in values):
        shown = "null" if text is None else repr(text)
        raise EvidenceError(
            f"{part.shown!r} holds values of {name!r} other than {shown}, the value in the name of "
            "its folder"
        )


def _matches_name(value: Any, text: str | None) -> bool:
    """Return whether a value of a file equals the value in the name of its folder.

    Examples
    --------
    >>> march = date(2026, 3, 2)
    >>> _matches_name(1, "01"), _matches_name(march, "2026-03-02"), _matches_name(None, "0")
    (True, True, False)
    """
    if text is None or is_missing(value):
        return is_missing(value) and text in (None, "NaN", "nan", "NaT")
    if isinstance(value, bool):
        return text.lower() == str(value).lower()
    try:
        if isinstance(value, int | Decimal):
            return Decimal(text) == value
        if isinstance(value, float):
            return float(text) == value
        if isinstance(value, date):  # or a datetime
            return type(value).fromisoformat(text) == value
    except (ValueError, InvalidOperation, TypeError):
        return False
    return text == (value.decode(errors="replace") if isinstance(value, bytes) else str(value))
