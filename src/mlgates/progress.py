"""What a long run is at, for who waits for it: a bar of steps by ``tqdm``, where that is wanted."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Progress"]


class Progress:
    """A bar of steps, each with a word for what it is; nothing where it is not wanted.

    Nor is there one without ``tqdm``, or in pytest, whose terminal is taken: a run is the same
    with and without.

    Parameters
    ----------
    steps : int
        How many there are.
    wanted : bool
        Whether to show anything.
    unit : str
        What a step is called.

    Examples
    --------
    >>> with Progress(2, wanted=False) as progress:
    ...     progress.at("schema")
    ...     progress.done()
    """

    def __init__(self, steps: int, *, wanted: bool, unit: str = "gate") -> None:
        self._bar = _bar(steps, unit) if wanted and "pytest" not in sys.modules else None

    def at(self, what: str) -> None:
        """Say what comes now."""
        if self._bar is not None:
            self._bar.set_description_str(what)

    def done(self) -> None:
        """Count a step that is over."""
        if self._bar is not None:
            self._bar.update()

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def _bar(steps: int, unit: str) -> Any:
    """Return a bar, a widget in a notebook; None without tqdm."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, unit=unit)
