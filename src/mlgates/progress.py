"""Progress bars of long runs, by ``tqdm`` where it is installed."""

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

__all__ = ["progress_bar"]


def progress_bar(
    steps: int, *, wanted: bool, unit: str = "gate"
) -> AbstractContextManager[Any | None]:
    """Return a context that gives a ``tqdm`` bar, or None where none is shown.

    None is shown when it is not wanted, without ``tqdm``, and in pytest, which captures the
    terminal. The run is the same with and without.

    Parameters
    ----------
    steps : int
        How many steps there are.
    wanted : bool
        Whether to show a bar.
    unit : str
        Name of a step.

    Examples
    --------
    >>> with progress_bar(2, wanted=False) as bar:
    ...     bar is None
    True
    """
    if wanted and "pytest" not in sys.modules:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return nullcontext()
        bar: AbstractContextManager[Any] = tqdm(total=steps, unit=unit)
        return bar
    return nullcontext()
