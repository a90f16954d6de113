"""Read tables from a Parquet or CSV file, a folder of Parquet files, or a list of files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mlgates.errors import EvidenceError
from mlgates.tables.field import few
from mlgates.tables.folder import check_format, open_folder
from mlgates.tables.parquet import open_file
from mlgates.tables.source import Source, as_source

__all__ = ["open_files"]

_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_COMPRESSED = (".gz", ".bz2", ".zst", ".lz4")

AnyPath = str | PathLike[str]


def open_files(paths: AnyPath | Sequence[AnyPath]) -> Source:
    r"""Open a file, a folder, or several files that are read one after another, as a `Source`.

    Parameters
    ----------
    paths : path or sequence of paths
        Files, or folders of Parquet files. A file with a name that ends in ``.csv`` or ``.tsv``,
        compressed or not, is read into memory. The types of its columns are inferred from all rows:
        numbers, true and false, ISO dates and times, else strings. Integers with leading zeros,
        such as postal codes, are strings. Empty cells are missing values, and so are ``NA``,
        ``N/A``, ``NaN`` and ``NULL`` in columns that are not strings. Any other file must be
        Parquet, and is read in batches.

    Raises
    ------
    EvidenceError
        If a file can't be read, or if the files have different columns.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "people.csv"
    >>> path.write_text("age,city\n31,Bonn\nNA,\n")
    21
    >>> open_files([path, path])
    Source(2 files, 4 rows, age: int, city: string)
    """
    if isinstance(paths, str | PathLike):
        path = Path(paths)
        delimiter = _delimiter(path)
        return _read_csv(path, delimiter) if delimiter else _open_path(path)
    sources = [open_files(path) for path in paths]
    if len(sources) == 1:
        return sources[0]
    first = sources[0].schema
    for source, other in zip(sources, paths, strict=True):
        names = {*first, *source.schema}
        different = [name for name in names if first.get(name) != source.schema.get(name)]
        if different:
            raise EvidenceError(
                f"the files {str(paths[0])!r} and {str(other)!r} have different columns or "
                f"types: {few(sorted(different))}; all files must have the same"
            )

    def read(columns: list[str]) -> Iterator[pa.Table]:
        for source in sources:
            yield from source.read(columns)

    rows = [source.rows for source in sources if source.rows is not None]
    total = sum(rows) if len(rows) == len(sources) else None
    return Source(f"{len(sources):,} files", first, total, read)


def _open_path(path: Path) -> Source:
    """Open a Parquet file, or a folder of Parquet files, as a `Source`."""
    first, *more = str(path).split("\n")  # a string with several lines may be data
    shown = f"{first + '...' if more else first!r:.200}"
    try:
        if path.is_dir():
            return open_folder(path)
        if path.is_file():
            check_format(path)
            return open_file(str(path))
    except OSError as error:  # the name is too long, or access is denied
        raise EvidenceError(f"the file {shown} can't be read: {type(error).__name__}") from error
    raise EvidenceError(f"there is no file {shown}")


def _delimiter(path: Path) -> str | None:
    """Return the delimiter of a CSV or TSV file, known from its name; None for other files."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    return _DELIMITERS.get(suffixes[-1]) if suffixes and not path.is_dir() else None


def _read_csv(path: Path, delimiter: str) -> Source:
    try:
        if not path.is_file():
            raise EvidenceError(f"there is no file {str(path)!r}")
        parse = csv.ParseOptions(delimiter=delimiter)
        table = _keep_leading_zeros(csv.read_csv(path, parse_options=parse), path, parse)
    except (pa.ArrowException, OSError) as error:
        why = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise EvidenceError(f"the CSV file {str(path)!r} can't be read: {why}") from error
    for place, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):  # the reader's type for text that is not UTF-8
            raise EvidenceError(
                f"column {field.name!r} of the CSV file {str(path)!r} holds text that is not "
                "valid UTF-8; decode it with its own encoding, such as Latin-1, and give the table"
            )
        if pa.types.is_string(field.type):
            cells = table.column(place)
            missing = pc.if_else(pc.equal(cells, ""), pa.scalar(None, field.type), cells)
            table = table.set_column(place, field, missing)
    return replace(as_source(table), origin="csv file", native=None)


def _keep_leading_zeros(table: pa.Table, path: Path, parse: csv.ParseOptions) -> pa.Table:
    """Replace columns of integers by strings if integers were written with leading zeros (01234).

    The file is read again for these columns. Other columns of `table` are unchanged.
    """
    names = [field.name for field in table.schema if pa.types.is_integer(field.type)]
    if not names or len(set(table.column_names)) < len(table.column_names):
        return table
    as_written = csv.ConvertOptions(
        include_columns=names, column_types=dict.fromkeys(names, pa.string())
    )
    written = csv.read_csv(path, parse_options=parse, convert_options=as_written)
    for name in names:
        if pc.any(pc.match_substring_regex(written.column(name), "^[+-]?0[0-9]")).as_py():
            place = table.column_names.index(name)
            table = table.set_column(place, name, written.column(name))
    return table
