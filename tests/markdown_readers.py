"""Three readers of Markdown, with all the extensions that could find something in a name."""

import markdown
import mistune
from markdown_it import MarkdownIt

_MISTUNE = (
    *("strikethrough", "footnotes", "table", "url", "task_lists", "def_list", "abbr", "mark"),
    *("insert", "superscript", "subscript", "math", "spoiler", "ruby"),
)
_PYTHON_MARKDOWN = ["extra", "admonition", "sane_lists", "toc", "wikilinks"]

#: Functions from Markdown to HTML, by name: CommonMark, Python-Markdown (MkDocs) and mistune.
READERS = {
    "commonmark": MarkdownIt("commonmark", {"html": True})
    .enable(["table", "strikethrough"])
    .render,
    "python-markdown": lambda text: markdown.markdown(text, extensions=_PYTHON_MARKDOWN),
    "mistune": mistune.create_markdown(escape=False, plugins=_MISTUNE),
}
