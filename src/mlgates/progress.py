"""Show the progress of long runs: a bar of ``tqdm`` in a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlgates.printable import clean, without_commands

__all__ = ["Progress", "show_progress"]


class Progress:
    """Progress of a run; this base class shows nothing."""

    def begin(self, name: str) -> None:
        """Show that the gate with this name begins."""

    def describe(self, text: str) -> None:
        """Show what is being done, in the description of a bar."""

    def step(self) -> None:
        """Count one step as done, such as one gate or one call."""


class _Bar(Progress):
    """Progress as a bar of ``tqdm``."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def begin(self, name: str) -> None:
        self.describe(name)

    def describe(self, text: str) -> None:
        self._bar.set_description_str(clean(text))

    def step(self) -> None:
        self._bar.update()


class _Lines(Progress):
    """Progress as one line on standard error for each gate, without control characters."""

    def __init__(self, steps: int) -> None:
        self._steps, self._begun = steps, 0

    def begin(self, name: str) -> None:
        self._begun += 1
        line = f"mlgates: gate {self._begun} of {self._steps}: {clean(name)}"
        sys.stderr.write(f"{without_commands(line)}\n")
        sys.stderr.flush()


@contextmanager
def show_progress(
    steps: int | None, *, unit: str = "gate", shown: bool = True
) -> Iterator[Progress]:
    """Show the progress of `steps` steps on standard error.

    In a terminal or a notebook this is a bar, if ``tqdm`` is installed. Elsewhere, such as in the
    log of a CI server, it is one line for each gate; steps of another unit show nothing. Nothing is
    shown in pytest, which captures the terminal.

    Parameters
    ----------
    steps : int, optional
        Number of steps, if it is known.
    unit : str
        What a step is: "gate" or, for example, "call".
    shown : bool
        Whether to show anything.
    """
    if not shown or "pytest" in sys.modules or sys.stderr is None:
        yield Progress()
    elif sys.stderr.isatty() or "ipykernel" in sys.modules:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            yield Progress()
            return
        with tqdm(total=steps, unit=unit) as bar:
            yield _Bar(bar)
    else:
        yield _Lines(steps or 0) if unit == "gate" else Progress()
