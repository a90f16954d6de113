"""Import the package of an integration, and turn its exceptions into warnings."""

import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from mlgates import options
from mlgates.errors import suppress_errors
from mlgates.printable import visible
from mlgates.redaction import describe
from mlgates.report import Report
from mlgates.verdict import Verdict

__all__ = ["NotRecordedWarning", "attempt", "checked", "load", "run_verdicts"]


class NotRecordedWarning(UserWarning):
    """A report was not recorded, or only in part. Its verdict is not affected."""


def load(owner: str, module: str, package: str) -> Any:
    """Import a module; if this fails, raise an ImportError that says what to install.

    Parameters
    ----------
    owner : str
        Name of the function that needs the module, such as ``"mlflow.log_report"``. The part before
        the point is the name of the extra of mlgates to install.
    module, package : str
        Name of the module to import, and name of the package that contains it, for the message.
    """
    extra = owner.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{owner} needs {package}: pip install 'mlgates[{extra}]' ({error})", name=module
        ) from error


def attempt(owner: str, report: Report, write: Callable[[], None]) -> bool:
    """Call `write`, and return True; if it raises an exception, give a warning and return False.

    `owner` is the name of the called function, such as ``"mlflow.log_report"``, and `report` is the
    report that `write` records. A program must continue and show its verdict even if a tracker
    can't be reached.
    """
    with suppress_errors() as caught:
        write()
    if caught.error is None:
        return True
    warnings.warn(
        f"{owner}: the report of {visible(report.name)!r} was not recorded, or only in part "
        f"({describe(caught.error)}); its verdict is still {report.verdict.upper()}",
        NotRecordedWarning,
        stacklevel=3,
    )
    return False


def checked(owner: str, report: object) -> Report:
    """Return the report; raise OptionError if it is not a `Report`.

    `owner` is the name of the called function, such as ``"mlflow.log_report"``, for the message.
    """
    if type(report) is not Report:
        raise options.refuse(owner, "report", "a Report", report)
    return report


def run_verdicts(
    report: Report, prefix: str, suite: str, recorded: Mapping[str, object]
) -> dict[str, str]:
    """Return a dict of two verdicts: that of a suite, and the worst of all suites of a run.

    Parameters
    ----------
    report : Report
        The report that is being recorded.
    prefix : str
        The beginning of the names of all verdicts, with a separator at its end. The name of a
        suite's verdict is the prefix followed by the suite. The name of the worst verdict is the
        prefix without the separator.
    suite : str
        Name of the suite, in a form that the tracker accepts.
    recorded : Mapping
        Names and values that the tracker already has for this run. An older verdict of the same
        suite among them is not used.

    Examples
    --------
    The suite "data" failed in the same run. The report has no results, so it is inconclusive.

    >>> report = Report(name="release", results=())
    >>> run_verdicts(report, "mlgates.verdict.", "release", {"mlgates.verdict.data": "fail"})
    {'mlgates.verdict': 'fail', 'mlgates.verdict.release': 'inconclusive'}
    """
    own = prefix + suite
    others = [
        # Another program wrote a value that is not a verdict, so it counts as ERROR.
        Verdict(str(value)) if value in set(Verdict) else Verdict.ERROR
        for key, value in recorded.items()
        if key.startswith(prefix) and key != own
    ]
    worst = Verdict.worst([*others, report.verdict])
    return {prefix[:-1]: str(worst), own: str(report.verdict)}
