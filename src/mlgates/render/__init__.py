"""Render a report as text, Markdown, HTML, JUnit XML or JSON.

Names, reasons and details in a report can come from the user's data. So `printable.clean` puts
every string on one line and escapes control characters. Each renderer also escapes the characters
that have a meaning in its output: by Jinja2's autoescape in `html`, by `escape` in `markdown`, by
ElementTree in `junit`, and by `printable.without_commands` in `text`.
"""

from mlgates.errors import OptionError
from mlgates.options import did_you_mean
from mlgates.report import GateResult, Report

__all__ = ["render"]

FORMS = ("text", "markdown", "html", "junit", "json")


def render(thing: Report | GateResult, form: str, *, colour: bool = False) -> str:
    """Return a report, or the result of one gate, as a string in one of five forms.

    Parameters
    ----------
    thing : Report or GateResult
        What to render.
    form : {"text", "markdown", "html", "junit", "json"}
        "text" is plain text for a terminal. "markdown" is for pull requests and step summaries.
        "html" is one page that loads no other files. "junit" is JUnit XML, with one test case for
        each check. A check compares one value, such as a metric, with a limit. "json" is JSON.
    colour : bool
        Whether the verdicts in the form "text" are coloured with ANSI escape codes. Default False.
        It has no effect on the other forms.

    Returns
    -------
    str

    Raises
    ------
    OptionError
        If `form` is unknown.

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
    if form in ("html", "fragment"):  # a fragment is the body with its styles, for notebooks
        from mlgates.render.html import to_html

        return to_html(thing, fragment=form == "fragment")
    if form == "junit":
        from mlgates.render.junit import to_junit_xml

        return to_junit_xml(thing)
    if form == "json":
        return thing.to_json()
    known = ", ".join(map(repr, FORMS))
    raise OptionError(
        f"render: `form` must be one of {known}, got {form!r}{did_you_mean(form, FORMS)}"
    )


def split_code(text: str) -> list[tuple[str, bool]]:
    """Split a sentence at its backticks, and return for each part its text and whether it is code.

    Examples
    --------
    >>> split_code("`psi` of `age`")
    [('psi', True), (' of ', False), ('age', True)]
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name contains a backtick: no pairs
        return [(text, False)]
    return [(part, i % 2 == 1) for i, part in enumerate(parts) if part]
