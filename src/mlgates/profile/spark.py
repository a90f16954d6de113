"""Count in a Spark DataFrame on its workers, and merge the results.

Counters say what to count in which column, see `mlgates.profile.counter`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from typing import Any

import pyarrow as pa

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.profile.counter import Counter
from mlgates.profile.scan import Profile
from mlgates.tables.source import BATCH_ROWS, Source

__all__ = ["chosen_rows", "profile_of"]

_ABSENT = re.compile(r"No module named '(\w+)")


def profile_of(source: Source, counters: Iterable[Counter], columns: Sequence[str]) -> Profile:
    """Return the profile of a Spark DataFrame, counted on its workers.

    The profile has the results of `counters`, which say what to count, and the number of missing
    values, the extremes and a checksum of `columns`. Only `columns` and the columns of the counters
    are read. Counters that need the whole table as one batch are left out: the profile has no
    results for them.

    Parameters
    ----------
    source : Source
        The table; ``source.native`` is the ``pyspark.sql.DataFrame``.
    counters : iterable of Counter
        What to count.
    columns : sequence of str
        The columns to profile.

    Raises
    ------
    EvidenceError
        If Spark can't compute the DataFrame, or its workers can't import mlgates.
    """
    frame: Any = source.native
    counted = [counter for counter in counters if not counter.needs_all_rows]
    read = dict.fromkeys((*columns, *(name for c in counted for name in c.columns)))
    # Read at least one column, so that rows can be counted.
    names = [name for name in source.schema if name in read] or list(source.schema)[:1]

    def count(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tables = (table.rename_columns(names) for table in _joined(batches))
        parts = (Profile.of(table, counted, columns=columns, n_jobs=1) for table in tables)
        planned = (part.planned() for part in parts)
        first = next(planned, None)
        if first is not None:  # a partition can be empty
            whole = reduce(Profile.merge, planned, first)
            yield pa.RecordBatch.from_pydict({"part": [whole.to_bytes()]})

    with suppress_errors() as caught:
        chosen = _renamed(frame, names)
        empty = chosen.limit(0).toArrow().rename_columns(names)
        found = [bytes(row.part) for row in chosen.mapInArrow(count, "part binary").collect()]
    if caught.error is not None:
        msg = f"Spark could not count the DataFrame: {type(caught.error).__name__}"
        if absent := _ABSENT.search(str(caught.error)):
            msg = f"the Python of Spark's workers can't import {absent[1]}; install it there, for "
            msg += "example in the environment of the cluster, or set PYSPARK_PYTHON"
        raise EvidenceError(msg) from caught.error
    parts = [Profile.of(empty, counted, columns=columns).planned(), *map(Profile.from_bytes, found)]
    return reduce(Profile.merge, parts).of_table(source.schema)


def chosen_rows(frame: Any, choose: Callable[[pa.Table], pa.Table]) -> Any:
    """Return the rows of a Spark DataFrame that a function chooses, as a Spark DataFrame.

    `choose` is called on the workers with some rows at a time, as an Arrow table, and returns the
    rows that it chooses. Before that it is called once with a table without rows, so that an
    exception for a table of these columns is raised at once.
    """
    names = list(frame.columns)
    renamed = _renamed(frame, names)
    inside = [f"c{i}" for i in range(len(names))]
    choose(renamed.limit(0).toArrow().rename_columns(names))

    def chosen(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            table = pa.Table.from_batches([batch]).rename_columns(names)
            yield from choose(table).rename_columns(inside).to_batches()

    return renamed.mapInArrow(chosen, renamed.schema).toDF(*names)


def _renamed(frame: Any, names: Iterable[str]) -> Any:
    """Return some columns of a DataFrame, named "c0", "c1" and so on.

    `mapInArrow` does not quote names with dots.
    """
    quoted = (f"`{name.replace('`', '``')}` as c{i}" for i, name in enumerate(names))
    return frame.selectExpr(*quoted)


def _joined(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Join small batches to tables of about `BATCH_ROWS` rows, because these are counted faster."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(each.num_rows for each in waiting) >= BATCH_ROWS:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting).combine_chunks()
