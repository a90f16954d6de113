"""Runs the Python examples of the README and of the documentation as tests.

The ``python`` blocks of one file share a namespace and run in order. A block that is only there to
be shown is a ``text`` block.
"""

from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["README.md", "docs/**/*.md"],
    excludes=["docs/_build/**"],
).pytest()

# `docs/conf.py` needs Sphinx; what is in `tests/typing` is read by type checkers, never run.
collect_ignore = ["docs/conf.py", "tests/typing"]
