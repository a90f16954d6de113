"""HTML: one page that loads nothing and runs nothing, and its body for a notebook."""

from mlgates.report import GateResult, Report

__all__ = ["to_fragment", "to_html"]


def to_html(thing: Report | GateResult) -> str:
    """Return one self-contained page."""
    return f"<!doctype html>\n{to_fragment(thing)}"


def to_fragment(thing: Report | GateResult) -> str:
    """Return the body of the page, for a notebook."""
    from markupsafe import escape

    return f"<pre>{escape(str(thing))}</pre>"
