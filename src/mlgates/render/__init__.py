"""Renderers: a report in, text out. They read the report and know nothing else of the house."""

from collections.abc import Callable

from mlgates.errors import OptionError
from mlgates.options import did_you_mean
from mlgates.render.text import to_text
from mlgates.report import GateResult, Report

__all__ = ["render"]

_FORMS: dict[str, Callable[[Report | GateResult], str]] = {"text": to_text}


def render(thing: Report | GateResult, form: str) -> str:
    """Return a report or a gate's result in a form.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    form : {"text"}
        Plain text for a terminal.

    Raises
    ------
    OptionError
        For an unknown form.
    """
    if form not in _FORMS:
        known = ", ".join(map(repr, _FORMS))
        msg = f"render: `form` must be one of {known}, got {form!r}{did_you_mean(form, _FORMS)}"
        raise OptionError(msg)
    return _FORMS[form](thing)
