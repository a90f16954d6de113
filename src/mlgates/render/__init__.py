"""Renderers: a report in, text out. They read the report and know nothing else of the house."""

from mlgates.errors import OptionError
from mlgates.options import did_you_mean
from mlgates.report import GateResult, Report

__all__ = ["FORMS", "render"]

FORMS = ("text", "markdown", "html", "junit", "json")


def render(thing: Report | GateResult, form: str, *, colour: bool = False) -> str:
    """Return a report or a gate's result in a form.

    Parameters
    ----------
    thing : Report or GateResult
        What to draw.
    form : {"text", "markdown", "html", "junit", "json"}
        Plain text for a terminal; Markdown for a pull request or a step summary; one HTML page
        that loads nothing; JUnit XML, a test case a check; JSON.
    colour : bool
        Whether verdicts in "text" are coloured by ANSI escapes: for a terminal alone, which who
        prints knows and the text doesn't. ``str(report)`` is plain.

    Returns
    -------
    str

    Raises
    ------
    OptionError
        For an unknown form.

    Examples
    --------
    >>> import mlgates as mg
    >>> result = mg.Completeness().run(data={"x": [1, 2, 3]})
    >>> print(render(result, "markdown").splitlines()[0])
    ### ✓ PASS <code>completeness</code>
    """
    if form == "text":
        from mlgates.render.text import to_text

        return to_text(thing, colour=colour)
    if form == "markdown":
        from mlgates.render.markdown import to_markdown

        return to_markdown(thing)
    if form == "html":
        from mlgates.render.html import to_html

        return to_html(thing)
    if form == "fragment":  # what a notebook shows: the page's body, with its styles
        from mlgates.render.html import to_fragment

        return to_fragment(thing)
    if form == "junit":
        from mlgates.render.junit import to_junit_xml

        return to_junit_xml(thing)
    if form == "json":
        return thing.to_json()
    known = ", ".join(map(repr, FORMS))
    msg = f"render: `form` must be one of {known}, got {form!r}{did_you_mean(form, FORMS)}"
    raise OptionError(msg)
