"""Work on columns, spread over threads."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["MANY_ROWS", "each", "threads_for"]

T = TypeVar("T")
R = TypeVar("R")

#: From so many rows on, threads gain more than they cost.
MANY_ROWS = 100_000


def threads_for(n_jobs: int | None, *, is_large: bool) -> int:
    """Return the number of threads: `n_jobs`, or for large work one for each processor.

    Examples
    --------
    >>> threads_for(3, is_large=False), threads_for(None, is_large=False)
    (3, 1)
    """
    if n_jobs is not None:
        return max(1, n_jobs)
    return (os.cpu_count() or 1) if is_large else 1


def each(do: Callable[[T], R], items: Iterable[T], threads: int) -> list[R]:
    """Return the results of a function for each item, in their order.

    Examples
    --------
    >>> each(abs, [-2, 1], threads=2)
    [2, 1]
    """
    if threads == 1:
        return [do(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(do, items))
