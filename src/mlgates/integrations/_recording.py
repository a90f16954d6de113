"""Import the package of an integration, and report its failures without changing a verdict."""

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
    """A report could not be recorded, or only in part; its verdict is unchanged."""


def load(owner: str, module: str, package: str) -> Any:
    """Import a module; if that fails, raise an ImportError that says what to install.

    Parameters
    ----------
    owner : str
        The function that needs the module, for the message.
    module, package : str
        The module to import, and the name of the package that contains it. The message names the
        extra of mlgates, which has the name of the module in which `owner` is.
    """
    extra = owner.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{owner} needs {package}: pip install 'mlgates[{extra}]' ({error})"
        raise ImportError(msg, name=module) from error


def attempt(owner: str, report: Report, write: Callable[[], None]) -> bool:
    """Call `write` and return True; if it raises, warn and return False.

    A program that has its verdict must go on, and show it, if a tracker can't be reached.
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
    """Return the report; OptionError for any other value."""
    if type(report) is not Report:
        raise options.refuse(owner, "report", "a Report", report)
    return report


def run_verdicts(
    report: Report, prefix: str, suite: str, recorded: Mapping[str, object]
) -> dict[str, str]:
    """Return two named verdicts: that of a suite, and the worst one of all suites of a run.

    Parameters
    ----------
    report : Report
        The report that is being recorded.
    prefix : str
        Name of the worst verdict. With a separator at its end and the name of a suite after it, it
        is the name of the verdict of this suite.
    suite : str
        Name of the suite, as the tracker accepts it.
    recorded : Mapping
        What was recorded for the run before, by name. An earlier verdict of this suite is ignored.

    Examples
    --------
    >>> report = Report(name="release", results=())
    >>> run_verdicts(report, "mlgates.verdict.", "release", {"mlgates.verdict.data": "fail"})
    {'mlgates.verdict': 'fail', 'mlgates.verdict.release': 'inconclusive'}
    """
    own = prefix + suite
    others = [
        # a value that is no verdict was written by someone else and shows nothing
        Verdict(str(value)) if value in set(Verdict) else Verdict.ERROR
        for key, value in recorded.items()
        if key.startswith(prefix) and key != own
    ]
    worst = Verdict.worst([*others, report.verdict])
    return {prefix[:-1]: str(worst), own: str(report.verdict)}
