"""The exceptions of mlgates: a base class, and a class for each kind of error."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mlgates.report import GateResult, Report

__all__ = ["EvidenceError", "GateFailure", "MlgatesError", "OptionError", "suppress_errors"]


class MlgatesError(Exception):
    """Base class of all exceptions that mlgates defines."""


class OptionError(MlgatesError, ValueError):
    """An option of a gate or suite is invalid. Raised when the gate or suite is created."""


class EvidenceError(MlgatesError, ValueError):
    """An input of a run (a table, labels, a model, ...) or the content of a file is invalid.

    In a run, the gates that need the input get the verdict ERROR, and nothing is raised. The
    exception is raised outside of a run, for example by ``Report.load``, and for an unknown name of
    an input.
    """


class GateFailure(MlgatesError, AssertionError):
    """A report or result did not pass. Raised by its method ``raise_for_verdict``.

    Parameters
    ----------
    report : Report or GateResult
        The report or result. It is stored in the attribute ``report``, and the message of the
        exception is its printed table.
    """

    report: "Report | GateResult"

    def __init__(self, report: "Report | GateResult") -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)


class suppress_errors:  # noqa: N801  (used like `contextlib.suppress`)
    """Suppress every exception except ``KeyboardInterrupt`` and ``GeneratorExit``.

    User code and compiled libraries also raise exceptions that are not subclasses of ``Exception``:
    ``SystemExit``, ``asyncio.CancelledError``, skips of pytest, panics of Rust.

    Attributes
    ----------
    error : BaseException or None
        The exception that was suppressed. None if the block raised none.

    Examples
    --------
    >>> with suppress_errors() as caught:
    ...     raise SystemExit(0)
    >>> caught.error
    SystemExit(0)
    """

    error: BaseException | None = None

    def __enter__(self) -> "Self":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: "TracebackType | None",
    ) -> bool:
        if kind is None or issubclass(kind, KeyboardInterrupt | GeneratorExit):
            return False
        self.error = error
        return True
