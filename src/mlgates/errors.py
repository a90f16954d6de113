"""What mlgates raises: one root, and one class for each thing a caller can get wrong."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlgates.report import GateResult, Report

__all__ = ["EvidenceError", "GateFailure", "MlgatesError", "OptionError"]


class MlgatesError(Exception):
    """Root of every exception that mlgates raises on purpose."""


class OptionError(MlgatesError, ValueError):
    """An option of a gate or suite is not allowed; raised when it is built."""


class EvidenceError(MlgatesError, ValueError):
    """What was given to a run, or read from a file, breaks its contract.

    Inside a run it becomes the ERROR of the gates that needed it; a wrong *name* of evidence, and
    direct calls such as ``Report.load``, raise it.
    """


class GateFailure(MlgatesError, AssertionError):
    """A report or result that was required to pass did not; it is kept in ``report``.

    Parameters
    ----------
    report : Report or GateResult
        What was judged. The message is its printed table.
    """

    report: "Report | GateResult"

    def __init__(self, report: "Report | GateResult") -> None:
        super().__init__(report)
        self.report = report

    def __str__(self) -> str:
        return str(self.report)
