"""Read Parquet files in batches with a bounded number of rows and bytes."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlgates.errors import EvidenceError
from mlgates.tables.field import Field, check_names, field_of, normalise
from mlgates.tables.source import BATCH_BYTES, BATCH_ROWS, Source, at_least_one, joined, row_bytes

#: Number of bytes of each column that are buffered while a file is read.
_BUFFER_BYTES = 1 << 16
#: A file of at most this many bytes is read at once.
_SMALL_BYTES = 1 << 18
_MAGIC = b"PAR1"
#: The number of rows in a footer: a 64-bit integer as the third field, with a list as the fourth.
_ROWS = re.compile(rb"\x16([\x80-\xff]*[\x00-\x7f])\x19")
#: Size of the shortest Parquet file in bytes: 4 at the start, 4 at the end, and 4 for the length of
#: the footer.
_LEAST_BYTES = 12
#: Number of rows to read at a time if single rows may be large, and their size is not known.
_FEW_ROWS = 512
#: A file with at most this many values is read without threads.
_FEW_CELLS = 1 << 16
#: A row of more bytes than this is refused.
_MOST_ROW_BYTES = 1 << 30
#: Number of bytes of one value in memory, by physical type. For decimals, the size in Arrow.
_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_DICTIONARY = frozenset({"RLE_DICTIONARY", "PLAIN_DICTIONARY"})


def open_file(path: str) -> Source:
    """Open a Parquet file as a `Source`; raise EvidenceError for other files.

    Examples
    --------
    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/a.parquet"
    >>> pq.write_table(pa.table({"x": [1.5]}), path)
    >>> open_file(path)
    Source(parquet file, 1 rows, x: float)
    """
    problem, footer = footer_of(path)
    if problem:
        msg = f"the file {path!r:.200} {problem}"
        if problem == NOT_PARQUET:
            msg += "; read the file yourself and give the table"
        raise EvidenceError(msg)
    contents = described(path, footer)
    columns = contents.columns
    check_names(columns.fields)
    fields = MappingProxyType(columns.fields)
    return Source("parquet file", fields, contents.rows, partial(_read_file, path, contents))


NOT_PARQUET = "is not a Parquet file"


def footer_of(path: str) -> tuple[str, bytes]:
    """Return why a file can't be read as Parquet, and its footer.

    The reason is the end of a sentence about the file, or "" if the file can be read. OSError is
    raised if it can't be opened.
    """
    with pa.OSFile(os.fsencode(path)) as file:
        size = file.size()
        head, tail = file.read_at(4, 0), file.read_at(8, max(0, size - 8))
        start = size - 8 - int.from_bytes(tail[:4], "little")
        footer = file.read_at(size - 8 - start, start) if start > 0 else b""
    if head == b"PARE":
        return "is an encrypted Parquet file, which can't be read", b""
    if head != _MAGIC:
        return NOT_PARQUET, b""
    if not tail.endswith(_MAGIC) or size < _LEAST_BYTES:
        return "is not a complete Parquet file (perhaps still being written)", b""
    return "", footer


class _Leaf(NamedTuple):
    """A column of the file, or a part of a nested column.

    `position` is its number in the file, and `path` its name, with dots for a part of a nested
    column. `width` is the number of bytes per value, or None if it varies. `is_flat` is False for
    values inside of lists or structs.
    """

    position: int
    path: str
    width: int | None
    is_flat: bool


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a Parquet file, as its footer describes them.

    `schema` is the Arrow schema. `fields` has the `Field` (name and type) of each column. `leaves`
    are the physical columns of the file: a nested column, such as a struct, has several. `stored`
    is the schema in Parquet's own form, `printed` is the same schema as text, and `written` is the
    metadata that the writer of the file added.
    """

    schema: pa.Schema
    fields: dict[str, Field]
    leaves: list[_Leaf]
    stored: pq.ParquetSchema
    printed: str
    written: dict[bytes, bytes] | None

    @classmethod
    def of(cls, file: pq.ParquetFile, like: "Columns | None" = None) -> "Columns":
        """Return the columns of an open file.

        `like` are the columns of another file. If the columns of both files are equal, `like`
        itself is returned. This saves time, because the files of a folder mostly have equal
        schemas.
        """
        stored, written = file.schema, file.metadata.metadata
        # The first line is the address of the object.
        printed = str(stored).partition("\n")[2]
        # `equals` compares only the leaves of the schemas. The printed schemas have their structs
        # and lists, too.
        is_stored_like = like and stored.equals(like.stored) and printed == like.printed
        if like and is_stored_like and written == like.written:
            return like
        # Equal schemas can have different metadata, because pandas writes the number of rows there.
        schema: pa.Schema = file.schema_arrow.remove_metadata()
        if like and is_stored_like and schema.equals(like.schema, check_metadata=True):
            return like
        names = schema.names
        if len(set(names)) < len(names):
            check_names(names)
        fields = {f.name: field_of(f.name, f.type, f.metadata) for f in schema}
        return cls(schema, fields, _leaves(stored, names), stored, printed, written)


class Selection(NamedTuple):
    """The columns of a Parquet file that are to be read.

    Attributes
    ----------
    columns : Columns
        All columns of the file.
    names : list of str
        Names of the columns to read.
    fixed : int
        Number of bytes per row of those columns to read that are not nested and have values of a
        fixed width, such as numbers.
    varying : list of _Leaf
        The other columns to read, such as strings, and the parts of nested columns to read.
    """

    columns: Columns
    names: list[str]
    fixed: int
    varying: list[_Leaf]

    @classmethod
    def of(cls, columns: Columns, names: list[str]) -> "Selection":
        """Select columns by their names.

        If `names` is empty, the first column is selected, because `pyarrow.concat_tables` loses the
        number of rows of tables without columns.
        """
        names = names or columns.schema.names[:1]
        chosen, prefixes = set(names), tuple(f"{name}." for name in names)
        fixed, varying = 0, []
        for leaf in columns.leaves:
            if leaf.path in chosen or leaf.path.startswith(prefixes):
                if leaf.width is not None and leaf.is_flat:
                    fixed += leaf.width
                else:
                    varying.append(leaf)
        return cls(columns, names, fixed, varying)


class Contents(NamedTuple):
    """What the footer of a Parquet file says: its columns, and its number of rows.

    `start` has the bytes of the footer before the number of rows, which describe the columns. `end`
    has those from the Arrow schema to the end of the footer, or none if there is no such schema.
    """

    columns: Columns
    rows: int
    start: bytes
    end: bytes


def described(path: str, footer: bytes, like: Contents | None = None) -> Contents:
    """Return the columns of a Parquet file and its number of rows, given its footer.

    `like` are the contents of another file, for example of the same folder. They save time: if the
    footers of both files differ only in the number of rows and the description of the row groups,
    the columns are taken from `like`, and Arrow does not read the file. If the columns of both
    files are equal, the result has the object ``like.columns``.
    """
    end = footer[footer.rfind(b"ARROW:schema") :] if b"ARROW:schema" in footer else b""
    if like is not None and footer.startswith(like.start) and end == like.end:
        number = _ROWS.match(footer, len(like.start))
        if number is not None:
            return like._replace(rows=_whole_number(number[1]))
    with _opened(path) as file:
        columns, rows = Columns.of(file, like and like.columns), file.metadata.num_rows
    numbers = (match for match in _ROWS.finditer(footer) if _whole_number(match[1]) == rows)
    start = next((match.start() for match in numbers), len(footer))
    if any(char < " " for leaf in columns.leaves for char in leaf.path):
        start = len(footer)  # a name could be taken for the number of rows
    return Contents(columns, rows, footer[:start], end)


def _whole_number(digits: bytes) -> int:
    """Decode an integer of at least 0 from the bytes of Thrift's compact protocol (zigzag varint).

    Examples
    --------
    >>> _whole_number(bytes([0b1101_0000, 0b0000_1111]))
    1000
    """
    return sum((digit & 127) << 7 * i for i, digit in enumerate(digits)) >> 1


def _read_file(path: str, contents: Contents, names: list[str]) -> Iterator[pa.Table]:
    """Yield the rows of a file in order, as tables in plain types.

    Plain types are the few Arrow types that the rest of mlgates handles. `names` are the columns to
    read, and `contents` is what the footer says. At least one table is yielded. Each table has at
    most `BATCH_ROWS` rows and about `BATCH_BYTES` bytes.
    """
    known = contents.columns
    wanted = {name: known.fields[name] for name in names}
    parts = read_parts(path, contents.rows, Selection.of(known, names))
    tables = at_least_one(joined(parts), known.schema.empty_table)
    return map(partial(in_plain_types, wanted), tables)


def read_parts(path: str, rows: int, selection: Selection) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in order, in batches with the column types of the file.

    `rows` is the number of rows that the file had when it was opened first. `selection` says which
    columns to read. EvidenceError is raised if the file has other columns or another number of rows
    now, or if fewer rows can be read than its footer says. `joined` makes tables of the batches,
    and `in_plain_types` converts the columns of these to plain types. Small row groups are read
    together. For a file without rows, nothing is yielded.
    """
    with _opened(path) as file:
        known, names = selection.columns, selection.names
        present = Columns.of(file, known)
        if present is not known:
            if any(present.fields.get(name) != known.fields[name] for name in names):
                raise EvidenceError(
                    f"the columns of {path!r} changed while it was in use; read the file again"
                )
            selection = Selection.of(present, names)
        if file.metadata.num_rows != rows:
            raise EvidenceError(
                f"the number of rows of {path!r} changed from {rows:,} to "
                f"{file.metadata.num_rows:,} while it was in use; read the file again"
            )
        yield from _pieces(_Layout(path, file, selection))


def in_plain_types(fields: Mapping[str, Field], table: pa.Table) -> pa.Table:
    """Return a table with only the columns in `fields`, converted to plain types.

    Plain types are the few Arrow types that the rest of mlgates handles. `table` can have more
    columns than were requested: for a column named ``a.b``, Arrow also reads the field ``b`` of a
    struct column ``a``.
    """
    if not fields:
        return table.select([])
    arrays = [normalise(table.column(name), field) for name, field in fields.items()]
    return pa.Table.from_arrays(arrays, names=list(fields))


@contextmanager
def _opened(path: str, **options: Any) -> Iterator[pq.ParquetFile]:
    """Open a file for reading with little memory; raise errors of the reader as EvidenceError."""
    try:
        with pa.OSFile(os.fsencode(path)) as stored:
            # Read a small file at once, because each read takes some time of its own.
            is_small = stored.size() <= _SMALL_BYTES
            # Read INT96 timestamps in microseconds, because those after 2262 would overflow in
            # nanoseconds.
            with pq.ParquetFile(
                pa.BufferReader(stored.read_buffer()) if is_small else stored,
                pre_buffer=False,
                buffer_size=0 if is_small else _BUFFER_BYTES,
                coerce_int96_timestamp_unit="us",
                page_checksum_verification=True,
                **options,
            ) as file:
                yield file
    except EvidenceError:
        raise
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        msg = f"the Parquet file {path!r} can't be read: {type(error).__name__}"
        if "CRC" in str(error):
            msg += " (a page does not match its checksum: the file is damaged)"
        raise EvidenceError(msg) from error


class _Plan(NamedTuple):
    """How to read one row group: how many rows at a time, and which columns to keep encoded.

    `rows` is the number of rows of the group, and `at_a_time` the number of rows to read at once.
    `packed` has the paths of the columns to keep dictionary-encoded. `largest` is an upper bound of
    the bytes that the group takes in memory.
    """

    rows: int
    at_a_time: int
    packed: frozenset[str]
    largest: float


@dataclass
class _Layout:
    """The columns to read from a file, and how to read its row groups with bounded memory.

    The size of a column in the file says little about its size in memory. If a long string is
    repeated a million times, the file stores it once in a dictionary, but in memory it would be
    stored a million times. Columns of strings are therefore kept dictionary-encoded if they would
    be many times larger in memory. The number of rows to read at a time is computed from the
    longest string.

    `path` is the path of the file, and `file` the opened file. `selection` says which columns to
    read.
    """

    path: str
    file: pq.ParquetFile
    selection: Selection

    def plan(self, group: int) -> _Plan:
        """Return the plan for reading a row group; `group` is its number."""
        row_group = self.file.metadata.row_group(group)
        rows = row_group.num_rows
        most, packed, row_bytes = BATCH_ROWS, set(), float(self.selection.fixed)
        largest = row_bytes * rows
        for leaf in self.selection.varying if rows else ():
            chunk = row_group.column(leaf.position)
            values_per_row = max(1.0, chunk.num_values / rows)
            if leaf.width is not None:
                size = at_most = chunk.num_values * leaf.width
            else:
                size = chunk.total_uncompressed_size
                at_most = chunk.num_values * size  # a value is at most as long as the chunk
                if at_most > BATCH_BYTES:
                    few, is_packed = self._rows_of_texts(group, leaf, chunk, values_per_row)
                    most = min(most, few)
                    if is_packed:
                        packed.add(leaf.path)
                        row_bytes += 4
            largest += at_most
            row_bytes += size / rows
            if size > 8 * BATCH_BYTES:
                most = min(most, _FEW_ROWS)  # a single row may have most of the bytes
        if row_bytes > _MOST_ROW_BYTES:
            raise EvidenceError(
                f"rows of the Parquet file {self.path!r} take {row_bytes / 2**30:,.1f} GiB "
                "of memory each; only rows of at most 1 GiB can be read"
            )
        most = max(1, min(most, int(BATCH_BYTES / max(1.0, row_bytes))))
        return _Plan(rows, most, frozenset(packed), largest)

    def _rows_of_texts(
        self, group: int, leaf: _Leaf, chunk: Any, values_per_row: float
    ) -> tuple[int, bool]:
        """Return how many rows of a string column to read at once, and whether to keep it encoded.

        `group` is the number of the row group, and `chunk` is the metadata of the column in it.
        `values_per_row` is the mean number of strings in a row, which is above 1 for lists. The
        second result is True if the column must stay dictionary-encoded.
        """
        size, encodings = chunk.total_uncompressed_size, set(chunk.encodings)
        if encodings & _DICTIONARY:
            if leaf.is_flat and size <= 4 * chunk.num_values:
                return BATCH_ROWS, True  # nearly only codes, which are read quickly
            longest = self._longest(group, leaf) or size
            rows = int(BATCH_BYTES / (longest * values_per_row))
            if leaf.is_flat and rows < _FEW_ROWS:
                return BATCH_ROWS, True
            return max(1, rows), False
        if "DELTA_BYTE_ARRAY" in encodings:  # a value can include the one before
            return max(_FEW_ROWS // 8, int(BATCH_BYTES / (size * values_per_row))), False
        return BATCH_ROWS, False

    def _longest(self, group: int, leaf: _Leaf) -> int:
        """Return the length in bytes of the longest string in a dictionary of one row group."""
        with _opened(self.path, metadata=self.file.metadata, read_dictionary=[leaf.path]) as file:
            batch = next(file.iter_batches(1, row_groups=[group], columns=[leaf.path]))
        lengths = [_longest_of(array) for array in batch.columns]
        return max(lengths, default=0)


def _leaves(stored: pq.ParquetSchema, names: list[str]) -> list[_Leaf]:
    """Return the leaves of a file, given its own schema and the names of its columns."""
    leaves, all_names = [], set(names)
    for position, column in enumerate(stored):
        where, physical = column.path, column.physical_type
        width = _WIDTHS.get(physical)
        if physical == "FIXED_LEN_BYTE_ARRAY" or column.logical_type.type == "DECIMAL":
            width = max(16, column.length)
        is_flat = where in all_names and column.max_repetition_level == 0
        leaves.append(_Leaf(position, where, width, is_flat))
    return leaves


def _longest_of(array: pa.Array) -> int:
    """Return the length in bytes of the longest string in the dictionaries of an array.

    Dictionaries inside of structs, lists and maps are included.
    """
    if pa.types.is_dictionary(array.type):
        return pc.max(pc.binary_length(array.dictionary)).as_py() or 0
    if pa.types.is_struct(array.type):
        return max((_longest_of(child) for child in array.flatten()), default=0)
    if pa.types.is_map(array.type):
        return max(_longest_of(array.keys), _longest_of(array.items))
    if hasattr(array, "values") and pa.types.is_nested(array.type):
        return _longest_of(array.values)
    return 0


def _pieces(layout: _Layout) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a file in order, in batches of about `BATCH_BYTES` bytes.

    Small row groups are read together.
    """
    metadata = layout.file.metadata
    in_groups = sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups))
    if in_groups != metadata.num_rows:
        raise _damaged(layout.path, metadata.num_rows, in_groups)
    small: list[int] = []  # row groups that fit into one batch
    rows, size = 0, 0.0
    for group in range(metadata.num_row_groups):
        plan = layout.plan(group)
        if rows + plan.rows > BATCH_ROWS or size + plan.largest > BATCH_BYTES:
            yield from _read(layout, small, BATCH_ROWS, frozenset())
            small, rows, size = [], 0, 0.0
        if plan.rows > BATCH_ROWS or plan.largest > BATCH_BYTES:
            for batch in _read(layout, [group], plan.at_a_time, plan.packed):
                yield from _unpacked(batch, plan.packed, layout.selection.columns.schema)
                del batch  # free its memory before the next one is read
        else:
            small.append(group)
            rows, size = rows + plan.rows, size + plan.largest
    yield from _read(layout, small, BATCH_ROWS, frozenset())


def _read(
    layout: _Layout, groups: list[int], rows: int, packed: frozenset[str]
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of some row groups, in batches of at most `rows` rows.

    Columns in `packed` stay dictionary-encoded.
    """
    if not groups:
        return
    file, names = layout.file, layout.selection.names
    options = {"metadata": file.metadata, "read_dictionary": sorted(packed)}
    with _opened(layout.path, **options) if packed else nullcontext(file) as file:
        # For a small file, starting threads takes longer than reading it.
        threads = file.metadata.num_rows * len(names) > _FEW_CELLS
        expected, found = sum(file.metadata.row_group(group).num_rows for group in groups), 0
        for batch in file.iter_batches(rows, row_groups=groups, columns=names, use_threads=threads):
            found += batch.num_rows
            yield batch
            del batch  # free its memory before the next one is read
        if found != expected:  # of a damaged file, Arrow can read fewer rows without an exception
            raise _damaged(layout.path, expected, found)


def _damaged(path: str, expected: int, found: int) -> EvidenceError:
    return EvidenceError(
        f"the Parquet file {path!r} is damaged: by its footer, it has {expected:,} rows, but "
        f"{found:,} were found; write the file again"
    )


def _unpacked(
    batch: pa.RecordBatch, packed: frozenset[str], schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Decode the columns in `packed`, and yield the batch in parts of about `BATCH_BYTES` bytes.

    A column that takes more than `BATCH_BYTES` bytes when decoded stays encoded. The parts are then
    larger. `schema` has the types of the columns.
    """
    sizes = {name: row_bytes(batch.column(name)) for name in packed}
    decoded = {name: float(size.sum()) for name, size in sizes.items()}
    small = [name for name in packed if decoded[name] <= BATCH_BYTES]
    total = sum(decoded.values()) + batch.nbytes
    ends, names = [batch.num_rows], batch.schema.names
    if total > 2 * BATCH_BYTES:
        each = np.zeros(batch.num_rows)
        for name in names:
            each += sizes[name] if name in sizes else row_bytes(batch.column(name))
        is_packed = len(small) < len(packed)
        ends = _cuts(each, BATCH_BYTES * (4 if is_packed else 1))
    start = 0
    for end in ends:
        part = batch.slice(start, end - start)
        for name in small:
            type_ = schema.field(name).type
            if not pa.types.is_dictionary(type_):
                array = part.column(name).dictionary_decode().cast(type_)
                part = part.set_column(names.index(name), name, array)
        yield part
        start = end


def _cuts(each: npt.NDArray[np.float64], most: int) -> list[int]:
    """Divide rows into parts of at most `most` bytes, and return the end of each part.

    `each` has the number of bytes of each row. A part has at least one row.
    """
    sums, ends = np.cumsum(each), []
    end = 0
    while end < len(sums):
        before = float(sums[end - 1]) if end else 0.0
        end = max(end + 1, int(np.searchsorted(sums, before + most, side="right")))
        ends.append(end)
    return ends
