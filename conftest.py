"""Runs the Python examples of the README and of the documentation as tests.

The ``python`` blocks of one file share a namespace and run in order. A ``text`` block that follows
one that prints must be what it printed, at 80 characters a line; ``...`` stands for anything. Every
other ``text`` block is only there to be shown.
"""

import gc
from collections.abc import Generator
from contextlib import redirect_stdout, suppress
from doctest import ELLIPSIS, OutputChecker
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from os import environ
from pathlib import Path
from unittest.mock import patch

import pytest
from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser, SkipParser

# The tests of the mlgates plugin need `pytester`. The plugin is named here because some
# environments run the examples without installing mlgates.
pytest_plugins = ["pytester", "mlgates.pytest_plugin"]

SOURCE = Path(__file__).parent / "src"

run = PythonEvaluator()


def evaluate(example: Example) -> None:
    """Run a block, and keep what it prints for the block that follows."""
    printed = StringIO()
    with redirect_stdout(printed), patch.dict(environ, COLUMNS="80"):
        run(example)
    example.namespace["__printed__"] = printed.getvalue()


def compare(example: Example) -> str | None:
    """Return how a block differs from what the block before it printed; None when nothing was."""
    printed = example.namespace.pop("__printed__", "")
    if not printed or OutputChecker().check_output(example.parsed, printed, ELLIPSIS):
        return None
    return f"shown:\n{example.parsed}\nprinted:\n{printed}"


# Pages with examples for packages that are no dependency. The sessions `integrations`, `spark` and
# `clusters` run them.
PAGES_OF = {
    "dask": "docs/howto/dask-and-ray.md",
    "feast": "docs/howto/feast.md",
    "mlflow": "docs/howto/mlflow.md",
    "pyspark": "docs/howto/spark.md",
    "wandb": "docs/howto/wandb.md",
}

pytest_collect_file = Sybil(
    parsers=[
        CodeBlockParser("python", evaluate),
        CodeBlockParser("text", compare),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md", "docs/**/*.md"],
    excludes=[
        "docs/_build/**",
        *(page for package, page in PAGES_OF.items() if find_spec(package) is None),
    ],
).pytest()

# Its models are called hundreds of times, and saved and loaded in new processes.
SLOW_PAGES = {"docs/howto/integration.md"}


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the examples of slow pages."""
    if item.nodeid.partition("::")[0] in SLOW_PAGES:
        item.add_marker(pytest.mark.slow)


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Import the package of a module of the library, which pytest may load a second time."""
    if isinstance(collector, pytest.Module) and collector.path.is_relative_to(SOURCE):
        # an error is reported when pytest imports the module itself
        with suppress(Exception):
            import_module(".".join(collector.path.parent.relative_to(SOURCE).parts))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, object], dict[str, object]]:
    """Send reports between processes without keywords: they are a third of it, and never read."""
    sent = yield
    return sent | {"keywords": {}} if sent and "keywords" in sent else sent


def pytest_collection_finish() -> None:
    """Exempt what pytest holds from the garbage collections that tests make."""
    gc.collect()
    gc.freeze()


# `docs/conf.py` needs Sphinx, and `tests/real_*.py` packages of other sessions; what is in
# `tests/typing` is read by type checkers, never run.
collect_ignore = ["docs/conf.py", "tests/typing"]
collect_ignore_glob = ["tests/real_*.py"]
