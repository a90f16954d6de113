"""Import the package of an integration, and report its failures without changing a verdict."""

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

from mlgates import options
from mlgates.errors import suppress_errors
from mlgates.redaction import describe
from mlgates.report import Report

__all__ = ["NotRecordedWarning", "checked", "load", "record"]


class NotRecordedWarning(UserWarning):
    """A report could not be recorded, or only in part; its verdict is unchanged."""


def load(owner: str, module: str, package: str) -> Any:
    """Import a module; if that fails, raise an ImportError that says what to install.

    Parameters
    ----------
    owner : str
        The function that needs the module, for the message.
    module, package : str
        The module, and the package that contains it. The extra of mlgates is named like the last
        part of `owner`'s module.
    """
    extra = owner.partition(".")[0]
    try:
        return import_module(module)
    except ImportError as error:
        msg = f"{owner} needs {package}: pip install 'mlgates[{extra}]' ({error})"
        raise ImportError(msg, name=module) from error


def record(owner: str, report: Report, write: Callable[[], None]) -> bool:
    """Call `write`, and return whether it succeeded; if it raises, warn instead.

    A tracker that can't be reached must neither end a program that has its verdict, nor hide it.
    """
    with suppress_errors() as caught:
        write()
    if caught.error is None:
        return True
    warnings.warn(
        f"{owner}: the report of {report.name!r} was not recorded, or only in part "
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
