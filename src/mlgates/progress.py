"""Progress bars of long runs, with ``tqdm`` if it is installed."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(steps: int, *, unit: str = "gate") -> AbstractContextManager[Any | None]:
    """Return a context manager whose value is a ``tqdm`` bar, or None.

    It is None if ``tqdm`` is not installed, and in pytest, which captures the terminal.
    """
    if "pytest" in sys.modules:
        return nullcontext()
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return nullcontext()
    bar: AbstractContextManager[Any] = tqdm(total=steps, unit=unit)
    return bar
