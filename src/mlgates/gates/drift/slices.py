"""The slices of both tables in which a drift gate compares the columns."""

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import (
    Near,
    Part,
    described_type,
    error_check,
    named_groups,
    parts_of,
)
from mlgates.gates.drift.statistics import NUMBERS
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView
from mlgates.profile.grouped import GroupState
from mlgates.profile.groups import columns_of, group_keys
from mlgates.tables.field import TableSchema
from mlgates.tables.source import Source
from mlgates.verdict import Check

__all__ = ["DriftSlice", "drift_slices", "read_columns"]


class DriftSlice(NamedTuple):
    """One slice of the data and of the reference.

    `evidence` has the rows of both; it is None if one of the tables has no row in the slice.
    """

    name: str
    rows: tuple[int, int]
    evidence: Evidence | None


def drift_slices(
    evidence: Evidence, by: Any, columns: Collection[str], most: int
) -> Iterator[DriftSlice | Check]:
    """Yield the slices that `by` makes in either table, those of the reference first.

    If slices can't be formed, for example because there are more than `most` of them, an ERROR
    check is yielded in their place. Both tables are held in memory, with the `columns` to compare
    and those from which slices are made.
    """
    sources = [evidence.source(name) for name in ("data", "reference")]
    each = [list(parts_of(by, source.schema)) for source in sources]
    tables: list[pa.Table] = []
    for parts in zip(*each, strict=True):
        with suppress_errors() as caught:  # the other slices are still compared
            _check_columns(parts[0], *sources)
            tables = tables or [
                source.arrow(read_columns(parts_of_it, columns, source.schema))
                for parts_of_it, source in zip(each, sources, strict=True)
            ]
            ours, theirs = (
                _rows_by_key(part, table, source)
                for part, table, source in zip(parts, tables, sources, strict=True)
            )
            keys = dict.fromkeys((*theirs, *ours))
            pairs = [(ours.get(key), theirs.get(key)) for key in keys]
            groups = [GroupState(key, 0, pair) for key, pair in zip(keys, pairs, strict=True)]
            named = list(named_groups(parts[0], groups, most))
        if caught.error is not None:
            yield error_check("by", "drift", caught.error, parts[0].name)
            continue
        for name, group in named:
            n, m = (0 if side is None else side.rows for side in group.state)
            some = evidence.of_rows(*group.state) if n and m else None
            yield DriftSlice(str(name), (n, m), some)


def _check_columns(part: Part, data: Source, reference: Source) -> None:
    """Raise EvidenceError if a table can't be divided into the slices of `part`.

    This is so if a column of the slices is missing in a table, or has values of different kinds in
    the two tables.
    """
    needed = (*part.by, *(columns_of(part.slice[1]) if part.slice else ()))
    for name in needed:
        for table, source in (("data", data), ("reference", reference)):
            if name not in source.schema:
                hint = Near([name], source.schema).hint(name)
                msg = f"`{name}` is not in the {table}{hint}"
                raise EvidenceError(msg)
    for name in part.by:
        fields = reference.schema[name], data.schema[name]
        if len({"number" if field.kind in NUMBERS else field.kind for field in fields}) > 1:
            theirs, ours = map(described_type, fields)
            msg = f"`{name}` has {theirs} in the reference, but {ours} in the data; convert one"
            raise EvidenceError(msg)


def read_columns(parts: Iterable[Part], columns: Iterable[str], schema: TableSchema) -> list[str]:
    """Return the names of the columns to read from a table.

    These are the `columns` to compare, and those from which the slices (`parts`) are made.
    """
    needed = {*columns, *(name for part in parts for name in part.by)}
    for part in parts:
        needed.update(columns_of(part.slice[1], part.read) if part.slice else ())
    return [name for name in schema if name in needed]


def _rows_by_key(part: Part, table: pa.Table, source: Source) -> dict[tuple[object, ...], Source]:
    """Split a table into groups: return a source of the rows of each group, by its key.

    The key of a group has its value in each column by which the table is grouped.
    """
    views = {name: ColumnView(table[name], source.schema[name]) for name in table.column_names}
    batch = BatchView(views, rows=len(table))
    numbers, keys = group_keys(batch, part.by, part.slice, part.read)
    order = np.argsort(numbers, kind="stable")
    ends = np.searchsorted(numbers[order], np.arange(len(keys) + 1)).tolist()
    ordered = table.combine_chunks().take(pa.array(order))
    schema = {name: source.schema[name] for name in table.column_names}
    return {
        key: Source("rows", schema, end - start, partial(_read, ordered.slice(start, end - start)))
        for key, start, end in zip(keys, ends[:-1], ends[1:], strict=True)
    }


def _read(table: pa.Table, names: list[str]) -> Iterator[pa.Table]:
    yield table.select(names)
