"""A folder of Parquet files as one table, streamed file by file."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.tables.field import Field, field_of
from mlgates.tables.names import check_names, few
from mlgates.tables.parquet import fields_of, is_parquet, read_batches

__all__ = ["Folder"]

_SUFFIXES = frozenset({".parquet", ".pq"})
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,17})", re.ASCII)
_NULL = "__HIVE_DEFAULT_PARTITION__"
Keys = Mapping[str, str | None]


class Folder:
    """Parquet files of one schema below a folder, in the order of their paths.

    A folder named ``key=value`` on the way to a file is a column of that file's rows (Hive's
    form, in which ``%20`` is a space): whole numbers where all values are, else texts. Files and
    folders whose names begin with a dot or an underscore are left out, as Spark and Arrow leave
    them.

    Parameters
    ----------
    path : pathlib.Path
        The folder.

    Raises
    ------
    EvidenceError
        When there is no Parquet file, one can't be read, or columns differ between files.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow.parquet as pq
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "year=2025").mkdir()
    >>> pq.write_table(pa.table({"x": [1.5]}), root / "year=2025" / "a.parquet")
    >>> folder = Folder(root)
    >>> folder.rows, {name: field.kind for name, field in folder.fields.items()}
    (1, {'x': 'float', 'year': 'int'})
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        files = [file for file in sorted(path.rglob("*")) if self._counts(file)]
        if not files:
            msg = f"there is no Parquet file in the folder {str(path)!r:.200}"
            raise EvidenceError(msg)
        known = [fields_of(file) for file in files]
        self._files = files
        self._stored = known[0][0]
        self.rows = sum(rows for _, rows in known)
        for file, (fields, _) in zip(files, known, strict=True):
            self._refuse_difference(file, fields)
        self._keys = [self._keys_of(file) for file in files]
        self._partitions = {name: self._type_of(name) for name in self._keys[0]}
        check_names([*self._stored, *self._partitions])
        partitions = {name: field_of(name, type_) for name, type_ in self._partitions.items()}
        self.fields: dict[str, Field] = {**self._stored, **partitions}

    def _counts(self, file: Path) -> bool:
        """Whether a file is part of the table; one that seems to be and can't be read is refused.

        Rows that are left out without a word could be those that drifted.
        """
        shown = file.relative_to(self.path)
        if any(part.startswith((".", "_")) for part in shown.parts):
            return False
        if file.is_dir():
            if file.is_symlink():
                msg = f"{str(shown)!r} is a link to a folder, which is not followed"
                raise EvidenceError(msg)
            return False
        if file.suffix.lower() not in _SUFFIXES:
            return False
        if not file.is_file() or not is_parquet(file):
            msg = f"{str(shown)!r} is no Parquet file that can be read, such as one half written"
            raise EvidenceError(msg)
        return True

    def _refuse_difference(self, file: Path, fields: Mapping[str, Field]) -> None:
        names = {*fields, *self._stored}
        other = [name for name in names if fields.get(name) != self._stored.get(name)]
        if other:
            first = self._files[0].relative_to(self.path)
            here = file.relative_to(self.path)
            what = f"differ in {few(sorted(other))}"
            msg = f"the files {str(first)!r} and {str(here)!r} {what}; a table has one schema"
            raise EvidenceError(msg)

    def _keys_of(self, file: Path) -> Keys:
        folders = file.relative_to(self.path).parts[:-1]
        pairs = [folder.split("=", 1) for folder in folders if "=" in folder]
        keys = {
            _decoded(name): None if value == _NULL else _decoded(value) for name, value in pairs
        }
        first = self._files[0]
        if file != first and list(keys) != list(self._keys_of(first)):
            msg = f"the folders of {str(first)!r} and {str(file)!r} have different keys"
            raise EvidenceError(msg)
        return keys

    def _type_of(self, name: str) -> pa.DataType:
        values = [keys[name] for keys in self._keys]
        whole = all(value is None or _WHOLE.fullmatch(value) for value in values)
        return pa.int64() if whole else pa.large_string()

    def read(self, names: list[str]) -> Iterator[pa.Table]:
        """Rows of the files in order, at least one table.

        Parameters
        ----------
        names : list of str
            The columns to read.
        """
        stored = {name: self._stored[name] for name in names if name in self._stored}
        for file, keys in zip(self._files, self._keys, strict=True):
            # without a column of its own a file gives no rows: its first one stands in
            wanted = stored or dict(list(self._stored.items())[:1])
            for table in read_batches(file, wanted):
                yield self._with_keys(table, keys, names)

    def _with_keys(self, table: pa.Table, keys: Keys, names: list[str]) -> pa.Table:
        for name, type_ in self._partitions.items():
            if name in names:
                value = keys[name]
                typed = int(value) if value is not None and type_ == pa.int64() else value
                table = table.append_column(name, pa.repeat(pa.scalar(typed, type_), len(table)))
        return table.select(names) if names else table


def _decoded(text: str) -> str:
    """What writers of folders mean by a key or value, in which they write ``%2F`` for a slash."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        msg = f"{text!r} in the name of a folder is no UTF-8 text"
        raise EvidenceError(msg) from error
