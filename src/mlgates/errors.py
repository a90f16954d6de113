"""The exceptions of mlgates: a base class, and one class for each kind of error."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mlgates.report import GateResult, Report

__all__ = ["EvidenceError", "GateFailure", "MlgatesError", "OptionError", "suppress_errors"]


class MlgatesError(Exception):
    """Base class of all exceptions that mlgates raises itself."""


class OptionError(MlgatesError, ValueError):
    """An option of a gate or suite is invalid; raised when the gate or suite is created."""


class EvidenceError(MlgatesError, ValueError):
    """A value that was given to a run, or read from a file, is invalid.

    In a run, the gates that need the value get the verdict ERROR. Outside of a run, as in
    ``Report.load``, the exception is raised. It is also raised for an unknown *name* of evidence.
    """


class GateFailure(MlgatesError, AssertionError):
    """A report or result did not pass; raised by its method ``raise_for_verdict``.

    Parameters
    ----------
    report : Report or GateResult
        Kept in the attribute ``report``. The message of the exception is its printed table.
    """

    report: "Report | GateResult"

    def __init__(self, report: "Report | GateResult") -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)


class suppress_errors:  # noqa: N801  (used like `contextlib.suppress`)
    """Suppress every exception except ``KeyboardInterrupt`` and ``GeneratorExit``.

    Code of users and of compiled libraries also raises exceptions that are no ``Exception``:
    ``SystemExit``, ``asyncio.CancelledError``, skips of pytest, panics of Rust.

    Attributes
    ----------
    error : BaseException or None
        The exception that the block raised and that was suppressed.

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
