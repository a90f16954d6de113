"""Over how many threads work on columns is spread, and the spreading."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["each", "threads_for"]

T = TypeVar("T")
R = TypeVar("R")

#: Below so many rows threads cost more than they gain.
_MANY_ROWS = 100_000


def threads_for(rows: int | None, n_jobs: int | None) -> int:
    """How many threads serve a table: as many as asked for, or processors where it is large.

    Parameters
    ----------
    rows : int or None
        Of the table; None when unknown before reading.
    n_jobs : int or None
        What the user asked for.

    Examples
    --------
    >>> threads_for(1_000, None), threads_for(1_000_000, 3)
    (1, 3)
    """
    if n_jobs is not None:
        return max(1, n_jobs)
    return (os.cpu_count() or 1) if rows is None or rows >= _MANY_ROWS else 1


def each(do: Callable[[T], R], items: Iterable[T], threads: int) -> list[R]:
    """What a function gives of each item, in their order.

    Examples
    --------
    >>> each(abs, [-2, 1], threads=2)
    [2, 1]
    """
    if threads == 1:
        return [do(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, items))
