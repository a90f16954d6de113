"""Rules that the source of the library follows, checked in its syntax trees.

Linters check some of this too, but a linter can be told to look away.
"""

import ast
import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import mlgates

PACKAGE = Path(mlgates.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

Rule = Callable[[ast.Module], Iterator[ast.AST]]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@functools.cache
def walk(tree: ast.AST) -> tuple[ast.AST, ...]:
    """Return all nodes of a tree, which no rule changes."""
    return tuple(ast.walk(tree))


def name_of(node: ast.AST) -> str:
    """Dotted name of an expression: ``os.environ``; empty where it has none."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = name_of(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


@functools.cache
def all_calls(tree: ast.Module) -> list[tuple[ast.Call, str]]:
    """All calls, each with the name of what is called."""
    return [(node, name_of(node.func)) for node in walk(tree) if isinstance(node, ast.Call)]


def calls(tree: ast.Module, *names: str) -> Iterator[ast.Call]:
    """Calls of these functions, whatever the module in front of them."""
    for node, called in all_calls(tree):
        if any(called == name or called.endswith(f".{name}") for name in names):
            yield node


def imported(node: ast.AST) -> Iterator[str]:
    """Full names of what an import statement asks for."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def all_imports(tree: ast.AST) -> list[tuple[ast.AST, list[str]]]:
    """All import statements, each with the full names of what it asks for."""
    return [(node, names) for node in walk(tree) if (names := list(imported(node)))]


def imports(tree: ast.AST, *modules: str) -> Iterator[ast.AST]:
    """Import statements that ask for one of these modules or for what is in them."""
    for node, names in all_imports(tree):
        if any(
            name == module or name.startswith(f"{module}.") for name in names for module in modules
        ):
            yield node


def asserts(tree: ast.Module) -> Iterator[ast.AST]:
    return (node for node in walk(tree) if isinstance(node, ast.Assert))


def prints(tree: ast.Module) -> Iterator[ast.AST]:
    return (node for node in calls(tree, "print") if name_of(node.func) == "print")


def pickles(tree: ast.Module) -> Iterator[ast.AST]:
    return imports(tree, "pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve")


def evaluates(tree: ast.Module) -> Iterator[ast.AST]:
    return (node for node in calls(tree, "eval", "exec") if isinstance(node.func, ast.Name))


def swallows(tree: ast.Module) -> Iterator[ast.AST]:
    """``except`` for all exceptions: it misses those that are no Exception, or catches interrupts.

    `suppress_errors` does neither. What raises again may catch anything.
    """
    for node in calls(tree, "suppress"):
        if any(name_of(arg) in {"Exception", "BaseException"} for arg in node.args):
            yield node
    for node in walk(tree):
        for place, handler in enumerate(node.handlers if isinstance(node, ast.Try) else []):
            before = " ".join(ast.unparse(h.type) for h in node.handlers[:place] if h.type)
            stops = "KeyboardInterrupt" in before
            stops |= any(isinstance(inner, ast.Raise) for inner in walk(handler))
            kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
            names = {"" if kind is None else name_of(kind) for kind in kinds}
            if names & {"", "Exception"} or ("BaseException" in names and not stops):
                yield handler


def hides_warnings(tree: ast.Module) -> Iterator[ast.AST]:
    """Filters of warnings belong to the process and all its threads: no library changes them."""
    return calls(tree, "catch_warnings", "simplefilter", "filterwarnings")


def reads_environment(tree: ast.Module) -> Iterator[ast.AST]:
    yield from calls(tree, "getenv", "getenvb")
    for node in walk(tree):
        if isinstance(node, ast.Attribute) and name_of(node) in {"os.environ", "os.environb"}:
            yield node
    yield from imports(tree, "os.environ", "os.getenv")


def reads_local_time(tree: ast.Module) -> Iterator[ast.AST]:
    yield from calls(tree, "utcnow", "utcfromtimestamp", "datetime.today", "date.today")
    for node in calls(tree, "datetime.now"):
        if not node.args and not node.keywords:
            yield node
    for node in calls(tree, "fromtimestamp"):
        if len(node.args) + len(node.keywords) < 2:
            yield node


def zips_loosely(tree: ast.Module) -> Iterator[ast.AST]:
    for node in calls(tree, "zip"):
        if name_of(node.func) == "zip" and not any(k.arg == "strict" for k in node.keywords):
            yield node


def seeds_globally(tree: ast.Module) -> Iterator[ast.AST]:
    yield from calls(tree, "random.seed", "random.set_state")


def opens_network(tree: ast.Module) -> Iterator[ast.AST]:
    return imports(tree, "socket", "urllib.request", "http.client", "requests", "httpx", "ftplib")


def starts_processes(tree: ast.Module) -> Iterator[ast.AST]:
    yield from imports(tree, "subprocess", "multiprocessing")
    yield from calls(tree, "os.system", "os.popen", "os.fork", "os.execv", "os.spawnv")


def imports_heavily_at_head(tree: ast.Module) -> Iterator[ast.AST]:
    """Slow packages imported with the module, other than for type checkers."""
    for node in at_head(tree.body):
        yield from imports(
            node, "duckdb", "fairlearn", "jinja2", "pandas", "polars", "pyspark", "scipy.stats"
        )
        yield from imports(node, "sklearn", "matplotlib", "pyarrow.dataset")
        yield from imports(node, "mlflow", "opentelemetry", "prometheus_client", "wandb")


def at_head(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Import statements that run when the module is imported."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Try | ast.With):
            yield from at_head(node.body)
        elif isinstance(node, ast.If):
            if name_of(node.test).rpartition(".")[2] != "TYPE_CHECKING":
                yield from at_head(node.body)
            yield from at_head(node.orelse)


def deprecates_anonymously(tree: ast.Module) -> Iterator[ast.AST]:
    """Deprecations whose message does not name mlgates: tests would take them for another's."""
    for node in calls(tree, "warn"):
        category = [name_of(arg) for arg in [*node.args[1:], *(k.value for k in node.keywords)]]
        if any(name.endswith(("DeprecationWarning", "FutureWarning")) for name in category):
            message = ast.unparse(node.args[0]) if node.args else ""
            if "mlgates" not in message:
                yield node


# Each rule, with code that breaks it and code that does not.
RULES: list[tuple[Rule, str, str]] = [
    (asserts, "assert x", "raise ValueError(x)"),
    (prints, "print(x)", "page.print(x)"),
    (pickles, "from pickle import loads", "import json"),
    (evaluates, "eval('1')", "model.eval()"),
    (swallows, "try:\n    f()\nexcept:\n    pass", "with suppress_errors(): f()"),
    (
        swallows,
        "try:\n    f()\nexcept (Exception, SystemExit):\n    pass",
        "try:\n    f()\nexcept OSError:\n    pass",
    ),
    (swallows, "with suppress(Exception): f()", "with suppress(OSError): f()"),
    (
        swallows,
        "try:\n    f()\nexcept BaseException:\n    pass",
        "try:\n    f()\nexcept KeyboardInterrupt:\n    raise\nexcept BaseException:\n    pass",
    ),
    (hides_warnings, "with warnings.catch_warnings(): f()", "with numpy.errstate(): f()"),
    (reads_environment, "os.environ['HOME']", "os.fspath(x)"),
    (reads_environment, "from os import getenv", "from os import fspath"),
    (reads_local_time, "datetime.now()", "datetime.now(UTC)"),
    (reads_local_time, "datetime.datetime.utcnow()", "datetime.datetime.now(tz=UTC)"),
    (reads_local_time, "datetime.fromtimestamp(0)", "datetime.fromtimestamp(0, UTC)"),
    (zips_loosely, "zip(a, b)", "zip(a, b, strict=True)"),
    (seeds_globally, "np.random.seed(0)", "np.random.default_rng(0)"),
    (opens_network, "import urllib.request", "import urllib.parse"),
    (starts_processes, "import subprocess", "import threading"),
    (imports_heavily_at_head, "import pandas as pd", "def f():\n    import pandas as pd"),
    (imports_heavily_at_head, "from scipy import stats", "from scipy import special"),
    (
        imports_heavily_at_head,
        "try:\n    import polars\nexcept ImportError:\n    pass",
        "if TYPE_CHECKING:\n    import polars",
    ),
    (
        deprecates_anonymously,
        "warnings.warn('old', DeprecationWarning, stacklevel=2)",
        "warnings.warn('mlgates 2 drops x', category=DeprecationWarning)",
    ),
]

# What runs over its time, a model or git, can only be stopped from outside; what a model did to the
# state of the process is found and put back in one file.
EXCEPTIONS = {
    (starts_processes, "environment.py"),
    (starts_processes, "runtime/process.py"),
    (reads_environment, "process_state.py"),
    (reads_environment, "cli/arguments.py"),
    (seeds_globally, "process_state.py"),
}


@pytest.mark.parametrize(
    ("rule", "broken", "kept"),
    RULES,
    ids=[f"{i}-{rule[0].__name__}" for i, rule in enumerate(RULES)],
)
def test_rule_tells_broken_from_kept(rule, broken, kept):
    assert list(rule(ast.parse(broken)))
    assert not list(rule(ast.parse(kept)))


@pytest.mark.parametrize("rule", sorted({rule[0] for rule in RULES}, key=lambda r: r.__name__))
def test_no_file_breaks_rule(rule):
    found = [
        f"{path.relative_to(PACKAGE).as_posix()}:{node.lineno}: {ast.unparse(node)}"
        for path in FILES
        if (rule, path.relative_to(PACKAGE).as_posix()) not in EXCEPTIONS
        for node in rule(tree_of(path))
    ]
    assert found == []


def offered_by(node: ast.stmt) -> list[str]:
    """Names that a statement of a module offers: functions, classes, and what `__all__` lists."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [] if node.name.startswith("__") else [node.name]
    if isinstance(node, ast.Assign) and name_of(node.targets[0]) == "__all__":
        return [item.value for item in getattr(node.value, "elts", [])]
    return []


def test_every_function_and_class_is_used():
    """A function or class that nothing uses is deleted, unless users may import it."""
    trees = {path: tree_of(path) for path in FILES}
    used = {
        name
        for tree in trees.values()
        for node in walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else [node.attr]
            if isinstance(node, ast.Attribute)
            else [node.id]
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
            else []
        )
    }
    offered = {
        f"{path.relative_to(PACKAGE).as_posix()}: {name}"
        for path, tree in trees.items()
        if path.name not in {"display.py", "pytest_plugin.py"}
        and path.parent.name != "integrations"
        for node in tree.body
        for name in offered_by(node)
        if name not in used | set(mlgates.__all__)
    }
    assert offered == set()


def test_no_module_has_the_name_of_a_public_object():
    """``mlgates.gate`` would become the module once anything imports it."""
    modules = {path.stem for path in FILES} | {path.name for path in PACKAGE.iterdir()}
    assert modules & set(mlgates.__all__) == set()


def test_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").read_text(encoding="utf-8") == ""


def test_architecture_page_names_every_file():
    root = Path(__file__).parents[1]
    page = (root / "docs/explanation/architecture.md").read_text(encoding="utf-8")
    # gates and integrations have one file each, which the page does not list
    listed = [path for path in FILES if path.parent.name not in {"gates", "integrations"}]
    names = {path.parent.name if path.stem == "__init__" else path.stem for path in listed}
    assert sorted(name for name in names if f"`{name}`" not in page and name != "mlgates") == []
