"""Show the progress of long runs: a ``tqdm`` bar in a terminal, plain lines elsewhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mlgates.printable import clean, without_commands

__all__ = ["Progress", "show_progress"]


class Progress:
    """The progress of a run. This base class shows nothing; subclasses show it."""

    def begin(self, name: str) -> None:
        """Show that the gate with this name is being run."""

    def describe(self, text: str) -> None:
        """Show `text` as the description of the progress bar."""

    def step(self, steps: int = 1) -> None:
        """Count one or more steps, such as gates or calls, as done."""


class _Bar(Progress):
    """Shows the progress as a ``tqdm`` bar."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def begin(self, name: str) -> None:
        self.describe(name)

    def describe(self, text: str) -> None:
        self._bar.set_description_str(clean(text))

    def step(self, steps: int = 1) -> None:
        self._bar.update(steps)


class _Lines(Progress):
    """Shows the progress as one line per gate on standard error, without control characters."""

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
    """Show the progress of a block of code on standard error; yield the object to report steps to.

    In a terminal or a notebook, a bar is shown if ``tqdm`` is installed. Elsewhere, such as in the
    log of a CI server, one line is shown for each gate, and nothing for steps of another unit.
    Nothing is shown in pytest, which captures the output.

    Parameters
    ----------
    steps : int, optional
        Number of steps. None if it is not known.
    unit : str
        What a step is, such as "gate" or "call".
    shown : bool
        If False, nothing is shown.
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
