"""Configuration of the documentation. It builds offline, and every warning is an error.

Notebooks are kept without outputs and are executed here.
"""

from importlib.metadata import version as installed_version
from inspect import isclass
from pathlib import Path
from typing import ClassVar

from docutils.nodes import Node, SkipNode, math, math_block
from docutils.statemachine import StringList
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.ext.autosummary import Autosummary
from sphinx.writers.html5 import HTML5Translator

import mlgates

project = "mlgates"
author = "The mlgates maintainers"
project_copyright = author
version = release = installed_version("mlgates")

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 120

# The pages of names are written below, from `mlgates.__all__`.
autosummary_generate = False
autodoc_typehints = "none"
numpydoc_show_class_members = False

html_math_renderer = "mathml"
html_theme = "pydata_sphinx_theme"
html_title = f"mlgates {version}"
html_static_path = ["_static"]
html_css_files = ["notebook.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": False, "show_toc_level": 2}


class PublicNames(Autosummary):
    """A table of the public names, one page each, read from the library when this is built."""

    has_content: ClassVar[bool] = False
    option_spec = None

    def run(self) -> list[Node]:
        """Render as an ``autosummary`` of these names would."""
        self.content = StringList([f"mlgates.{name}" for name in public_names()], "mlgates.__all__")
        self.options = {"toctree": "generated", "nosignatures": None}
        return super().run()


def public_names() -> list[str]:
    """Public classes and functions, in the order in which the library lists them."""
    return [name for name in mlgates.__all__ if callable(getattr(mlgates, name))]


def write_pages(app: Sphinx) -> None:
    """One page for each public name; a page of a name that is gone goes away."""
    folder = Path(app.srcdir, "reference", "generated")
    folder.mkdir(exist_ok=True)
    pages = {f"mlgates.{name}.rst": page(name) for name in public_names()}
    for path in folder.iterdir():
        if path.name not in pages:
            path.unlink()
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def page(name: str) -> str:
    """Reference page of one public name, as reStructuredText."""
    title = f"{name}\n{'=' * len(name)}\n\n"
    if isclass(getattr(mlgates, name)):
        return f"{title}.. autoclass:: mlgates.{name}\n   :members:\n"
    return f"{title}.. autofunction:: mlgates.{name}\n"


def write_formula(translator: HTML5Translator, node: math | math_block) -> None:
    """Write a formula as MathML, which browsers show without fetching a script."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, math_block)))
    raise SkipNode


def setup(app: Sphinx) -> None:
    """Register what is above, and write the pages before Sphinx looks for files."""
    app.add_directive("public-names", PublicNames)
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("builder-inited", write_pages)
