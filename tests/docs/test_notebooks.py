"""The notebooks of the documentation run, and are stored without outputs.

The documentation's build executes them in a kernel; here their cells run one after another, so that
a change which breaks them is noticed without one.
"""

import ast
import json
from pathlib import Path

import matplotlib as mpl
import pytest

DOCS = Path(__file__).parents[2] / "docs"
NOTEBOOKS = sorted(path for path in DOCS.rglob("*.ipynb") if "_build" not in path.parts)
IDS = [path.stem for path in NOTEBOOKS]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Run each notebook in a temporary folder, and close its figures afterwards."""
    monkeypatch.chdir(tmp_path)
    mpl.use("agg")
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


def cells(path, kind):
    book = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in book["cells"] if cell["cell_type"] == kind]


def show(source, namespace):
    """Run a cell, and return what a notebook would show below it."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), namespace)  # noqa: S102
    if last is None:
        return ""
    value = eval(compile(ast.Expression(last.value), "cell", "eval"), namespace)  # noqa: S307
    return value._repr_html_() if hasattr(value, "_repr_html_") else repr(value)


def test_there_is_a_notebook():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_cells_run_and_reports_are_shown(path):
    namespace = {"__name__": "__main__"}
    shown = [show("".join(cell["source"]), namespace) for cell in cells(path, "code")]
    assert any('class="mlgates"' in each for each in shown)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=IDS)
def test_nothing_is_kept_of_a_run(path):
    book = json.loads(path.read_text(encoding="utf-8"))
    assert book["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    for cell in book["cells"]:
        assert not set(cell["metadata"]) - {"mystnb"}  # words for a picture
        assert cell.get("outputs", []) == []
        assert cell.get("execution_count") is None
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
