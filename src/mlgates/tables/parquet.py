"""Stream Parquet files, and folders of them, in small batches that need little memory."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq

from mlgates.errors import EvidenceError
from mlgates.tables.field import Field, check_names, few, field_of, is_unicode, normalise
from mlgates.tables.source import BATCH_ROWS, Source, as_tables

_BUFFER_BYTES = 1 << 20
_SUFFIXES = frozenset({".parquet", ".pq"})
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NULL = "__HIVE_DEFAULT_PARTITION__"


def open_path(path: Path) -> Source:
    """Return the source of a Parquet file or folder; raise EvidenceError for other paths.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "year=2025").mkdir()
    >>> pq.write_table(pa.table({"x": [1.5]}), root / "year=2025" / "a.parquet")
    >>> table = open_path(root)
    >>> table.rows, {name: field.kind for name, field in table.schema.items()}
    (1, {'x': 'float', 'year': 'int'})
    """
    first, *more = str(path).split("\n")  # a string that is no path may be data
    shown = f"{first + '...' if more else first!r:.200}"
    problem = ""
    try:
        if not path.is_dir() and not path.is_file():
            problem = f"there is no file {shown}"
        elif not path.is_dir() and not _is_parquet(path):
            problem = f"the file {shown} is not a Parquet file; read it first and give the table"
    except OSError as error:  # the name is too long, or access is denied
        problem = f"the file {shown} can't be read: {type(error).__name__}"
    if problem:
        raise EvidenceError(problem)
    if path.is_dir():
        return _open_folder(path)
    fields, rows = _described(path)
    return Source("parquet file", MappingProxyType(fields), rows, partial(_read_file, path, fields))


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def _described(path: Path) -> tuple[dict[str, Field], int]:
    """Return the columns and the number of rows of a file, from its footer."""
    with _opened(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    check_names(schema.names)
    return {field.name: field_of(field.name, field.type, field.metadata) for field in schema}, rows


def _read_file(path: Path, fields: Mapping[str, Field], names: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of a file in order, in plain types; at least one table."""
    wanted = {name: fields[name] for name in names}
    with _opened(path) as file:
        schema = file.schema_arrow
        present = {f.name: field_of(f.name, f.type, f.metadata) for f in schema}
        if any(present.get(name) != field for name, field in wanted.items()):
            msg = f"the columns of {str(path)!r} changed while it was in use; read it anew"
            raise EvidenceError(msg)
        # Without columns the file would yield no rows.
        batches = file.iter_batches(BATCH_ROWS, columns=names or schema.names[:1])
        for table in as_tables(batches, schema):
            if names:  # a name with a dot may have selected more columns
                columns = [normalise(table.column(name), wanted[name]) for name in names]
                yield pa.Table.from_arrays(columns, names=names)
            else:
                yield table.select([])


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file to be read with little memory; turn errors of the reader into EvidenceError."""
    try:
        # In nanoseconds, INT96 timestamps after 2262 would overflow.
        with pq.ParquetFile(
            path,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            coerce_int96_timestamp_unit="us",
        ) as file:
            yield file
    except EvidenceError:
        raise
    except (pa.ArrowException, OSError) as error:
        msg = f"the Parquet file {str(path)!r} can't be read: {type(error).__name__}"
        raise EvidenceError(msg) from error


def _open_folder(folder: Path) -> Source:
    """Return the Parquet files of one schema below a folder, in the order of their paths.

    A folder named ``key=value`` on the way to a file is a column of that file's rows (Hive's
    form, in which ``%20`` is a space): whole numbers where all values are, else texts. Files and
    folders whose names begin with a dot or an underscore are left out, as Spark and Arrow leave
    them.
    """
    files = [file for file in sorted(folder.rglob("*")) if _is_part(file.relative_to(folder), file)]
    if not files:
        msg = f"there is no Parquet file in the folder {str(folder)!r:.200}"
        raise EvidenceError(msg)
    described = [_described(file) for file in files]
    stored = described[0][0]
    keys = [_keys_of(file.relative_to(folder)) for file in files]
    for file, (fields, _), own in zip(files, described, keys, strict=True):
        different = [n for n in {*fields, *stored} if fields.get(n) != stored.get(n)]
        if different:
            first, here = (str(f.relative_to(folder)) for f in (files[0], file))
            what = f"differ in {few(sorted(different))}"
            msg = f"the files {first!r} and {here!r} {what}; all must have one schema"
            raise EvidenceError(msg)
        if list(own) != list(keys[0]):
            msg = f"the folders of {str(files[0])!r} and {str(file)!r} have different keys"
            raise EvidenceError(msg)
    types: dict[str, pa.DataType] = {}
    for name in keys[0]:
        values = [own[name] for own in keys]
        whole = all(value is None or _WHOLE.fullmatch(value) for value in values)
        types[name] = pa.int64() if whole else pa.large_string()
    check_names([*stored, *types])

    def read(names: list[str]) -> Iterator[pa.Table]:
        # a file gives no rows without a column of its own: its first one is read then
        wanted = [name for name in names if name in stored] or list(stored)[:1]
        for file, own in zip(files, keys, strict=True):
            for table in _read_file(file, stored, wanted):
                whole = table
                for name in [name for name in names if name in types]:
                    value, type_ = own[name], types[name]
                    typed = int(value) if value is not None and type_ == pa.int64() else value
                    cells = pa.repeat(pa.scalar(typed, type_), len(table))
                    whole = whole.append_column(name, cells)
                yield whole.select(names) if names else whole

    partitions = {name: field_of(name, type_) for name, type_ in types.items()}
    rows = sum(rows for _, rows in described)
    schema = MappingProxyType({**stored, **partitions})
    return Source("folder of parquet files", schema, rows, read)


def _is_part(shown: Path, file: Path) -> bool:
    """Return whether a file is part of the table; refuse one that seems to be and can't be read.

    Rows that are left out without a message could be those that drifted.
    """
    if any(part.startswith((".", "_")) for part in shown.parts):
        return False
    if file.is_dir():
        if file.is_symlink():
            msg = f"{str(shown)!r} is a link to a folder, which is not followed"
            raise EvidenceError(msg)
        return False
    if file.suffix.lower() not in _SUFFIXES:
        return False
    if not file.is_file() or not _is_parquet(file):
        msg = f"{str(shown)!r} is not a complete Parquet file (perhaps still being written)"
        raise EvidenceError(msg)
    return True


def _keys_of(shown: Path) -> dict[str, str | None]:
    """Return the keys and values in the names of a file's parent folders."""
    keys: dict[str, str | None] = {}
    for part in shown.parts[:-1]:
        name, equals, value = part.partition("=")
        if equals:
            texts = [unquote(text, errors="surrogateescape") for text in (name, value)]
            for raw, text in zip((name, value), texts, strict=True):
                if not is_unicode(text):
                    msg = f"{raw!r} in the name of a folder is not valid UTF-8"
                    raise EvidenceError(msg)
            keys[texts[0]] = None if value == _NULL else texts[1]
    return keys
