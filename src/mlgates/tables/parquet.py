"""Parquet files, streamed in small batches: a file need not fit into memory."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlgates.errors import EvidenceError
from mlgates.tables.field import Field, field_of, normalise
from mlgates.tables.names import check_names

__all__ = ["fields_of", "is_parquet", "read_batches"]

_MAGIC = b"PAR1"
_BATCH_ROWS = 131_072
_BUFFER_BYTES = 1 << 20


def is_parquet(path: Path) -> bool:
    """Whether an existing file begins as Parquet files do.

    Examples
    --------
    >>> is_parquet(Path(__file__))
    False
    """
    with path.open("rb") as stream:
        return stream.read(len(_MAGIC)) == _MAGIC


def fields_of(path: Path) -> tuple[dict[str, Field], int]:
    """Columns in the order of the file, and number of rows, from its footer alone.

    Raises
    ------
    EvidenceError
        If the footer can't be read, or the names of the columns aren't different.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "x.parquet"
    >>> pq.write_table(pa.table({"x": [1, 2]}), path)
    >>> fields, rows = fields_of(path)
    >>> fields["x"].kind, rows
    ('int', 2)
    """
    with _opened(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    check_names(schema.names)
    return {field.name: field_of(field.name, field.type, field.metadata) for field in schema}, rows


def read_batches(path: Path, fields: Mapping[str, Field]) -> Iterator[pa.Table]:
    """Rows of a file in order, in plain types, at least one table.

    Parameters
    ----------
    path : pathlib.Path
        A Parquet file.
    fields : mapping of str to Field
        The columns to read, as `fields_of` describes them.

    Yields
    ------
    pyarrow.Table
        At most 131,072 rows; one table without rows for an empty file.

    Raises
    ------
    EvidenceError
        If the file can't be read, or its columns changed since it was described.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "x.parquet"
    >>> pq.write_table(pa.table({"x": [1, 2]}), path)
    >>> [table.num_rows for table in read_batches(path, fields_of(path)[0])]
    [2]
    """
    with _opened(path) as file:
        found = {f.name: field_of(f.name, f.type, f.metadata) for f in file.schema_arrow}
        if any(found.get(name) != field for name, field in fields.items()):
            msg = f"the columns of {str(path)!r} changed while it was in use; read it anew"
            raise EvidenceError(msg)
        # Without any column the file would give no rows either.
        names = list(fields) or file.schema_arrow.names[:1]
        empty = True
        for batch in file.iter_batches(_BATCH_ROWS, columns=names):
            empty = False
            yield _plain(pa.Table.from_batches([batch]), fields)
        if empty:
            yield _plain(file.schema_arrow.empty_table(), fields)


def _plain(table: pa.Table, fields: Mapping[str, Field]) -> pa.Table:
    """Only these columns (a dotted name selects more), normalised."""
    if not fields:
        return table.select([])
    columns = [normalise(table.column(name), field) for name, field in fields.items()]
    return pa.Table.from_arrays(columns, names=list(fields))


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a file with little memory; what its reader raises becomes `EvidenceError`."""
    try:
        # INT96 timestamps in nanoseconds would wrap around after 2262.
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
