"""Draw a random sample of a table's rows that does not depend on the order of the rows."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from mlgates.tables.hashing import mixed, row_hashes
from mlgates.tables.source import Source

__all__ = ["sampled"]

_STEP = np.uint64(0x9E3779B97F4A7C15)


def sampled(source: Source, columns: Sequence[str], rows: int, most: int, seed: int) -> pa.Table:
    """Return some columns of a table, for all rows or for a random sample of rows.

    The sample is drawn without replacement. It depends on the values of the rows and on the seed,
    not on the order of the rows. A table of more than `most` rows is read twice: first to compute a
    hash of each row, and then to read the rows of the sample. Only the hashes and the sample are
    kept in memory.

    Parameters
    ----------
    source : Source
        The table.
    columns : sequence of str
        Names of the columns to return. They must not be nested.
    rows : int
        Number of rows of the table.
    most : int
        Largest number of rows to return.
    seed : int
        Seed of the random numbers.

    Examples
    --------
    >>> from mlgates.tables.source import as_source
    >>> numbers = list(range(100))
    >>> drawn = sampled(as_source({"x": numbers}), ["x"], rows=100, most=5, seed=0)
    >>> again = sampled(as_source({"x": numbers[::-1]}), ["x"], rows=100, most=5, seed=0)
    >>> drawn.num_rows, set(drawn["x"].to_pylist()) == set(again["x"].to_pylist())
    (5, True)
    """
    if rows <= most:
        return source.arrow(columns)
    fields = [source.schema[name] for name in columns]
    parts = [
        row_hashes([(batch[field.name], field) for field in fields])[0].copy()
        for batch in source.batches(columns)
    ]
    hashes = np.concatenate(parts)
    order = np.argsort(hashes)
    ordered = hashes[order]
    # Number equal rows, so that each row has its own key.
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    number = np.arange(len(order)) - np.repeat(first, np.diff(np.append(first, len(order))))
    keys = mixed(ordered + mixed(number.astype(np.uint64) * _STEP + np.uint64(seed % (1 << 64))))
    drawn = np.sort(order[np.argpartition(keys, most)[:most]])
    return source.arrow(columns, drawn)
