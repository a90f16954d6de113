"""Progress bars of long runs, by ``tqdm`` where it is installed."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(steps: int, *, unit: str = "gate") -> AbstractContextManager[Any | None]:
    """Return a context that gives a ``tqdm`` bar of so many steps, or None.

    It is None without ``tqdm``, and in pytest, which captures the terminal. The run is the same
    with and without.
    """
    if "pytest" in sys.modules:
        return nullcontext()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return nullcontext()
    bar: AbstractContextManager[Any] = tqdm(total=steps, unit=unit)
    return bar
