"""Render a report as text, Markdown, HTML, JUnit XML or JSON.

Names, reasons and details can come from data. So `printable.clean` puts every text on one line and
escapes its control characters. Each renderer also escapes the characters that have a meaning in its
form: by Jinja2's autoescape in `html`, `escape` in `markdown`, ElementTree in `junit`, and
`printable.without_commands` in `text`.
"""

from mlgates.errors import OptionError
from mlgates.options import did_you_mean
from mlgates.report import GateResult, Report

__all__ = ["render"]

FORMS = ("text", "markdown", "html", "junit", "json")


def render(thing: Report | GateResult, form: str, *, colour: bool = False) -> str:
    """Render a report, or the result of one gate, in one of five forms.

    Parameters
    ----------
    thing : Report or GateResult
        What to render.
    form : {"text", "markdown", "html", "junit", "json"}
        Plain text for a terminal; Markdown for a pull request or a step summary; one HTML page
        that loads nothing else; JUnit XML with one test case per check; JSON.
    colour : bool
        Whether to colour the verdicts in "text" by ANSI escapes, for a terminal;
        ``str(report)`` has no colours. The other forms ignore it.

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
    if form in ("html", "fragment"):  # a fragment is the body with its styles, for notebooks
        from mlgates.render.html import to_html

        return to_html(thing, fragment=form == "fragment")
    if form == "junit":
        from mlgates.render.junit import to_junit_xml

        return to_junit_xml(thing)
    if form == "json":
        return thing.to_json()
    known = ", ".join(map(repr, FORMS))
    msg = f"render: `form` must be one of {known}, got {form!r}{did_you_mean(form, FORMS)}"
    raise OptionError(msg)


def split_code(text: str) -> list[tuple[str, bool]]:
    """Split a sentence at its backticks; return each part and whether it is code.

    Examples
    --------
    >>> split_code("`psi` of `age`")
    [('psi', True), (' of ', False), ('age', True)]
    """
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a name contains a backtick, so they can't be paired
        return [(text, False)]
    return [(part, i % 2 == 1) for i, part in enumerate(parts) if part]
