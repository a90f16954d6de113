"""The public names: they resolve, are documented, and change only where a reviewer sees it.

After a change that is meant, ``uvx nox -s register`` renews the snapshot.
"""

import ast
import enum
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mlgates

SNAPSHOT = Path(__file__).with_name("public_api.txt")
REFERENCE = Path(__file__).parents[1] / "docs" / "reference" / "api.md"


def describe(name: str) -> Iterator[str]:
    """Lines of the snapshot for one public name: what it is, its signature, its public members."""
    value = getattr(mlgates, name)
    if not inspect.isclass(value):
        yield f"{name}{signature(value)}" if callable(value) else name
        return
    if issubclass(value, enum.Enum):
        yield f"{name}: {', '.join(f'{m.name}={m.value!r}' for m in value)}"
    elif issubclass(value, Exception):
        bases = [base.__name__ for base in value.__mro__[1:] if base is not object]
        own = signature(value) if inspect.isfunction(value.__init__) else ""
        yield f"{name}{own}: {', '.join(bases)}"
    else:
        yield f"{name}{signature(value)}"
    for member in public_members(value):
        attribute = inspect.getattr_static(value, member, None)
        if isinstance(attribute, classmethod | staticmethod):
            attribute = attribute.__func__
        shown = signature(attribute) if inspect.isfunction(attribute) else ""
        yield f"    {name}.{member}{shown}"


def public_members(value: type) -> list[str]:
    """Names of the methods, properties and fields that mlgates itself gives a class."""
    owners = [base for base in value.__mro__ if base.__module__.partition(".")[0] == "mlgates"]
    names = {
        name
        for owner in owners
        for name in [*vars(owner), *vars(owner).get("__annotations__", {})]
        if not name.startswith("_")
    }
    fields = {
        field: None for owner in owners for field in getattr(owner, "__dataclass_fields__", {})
    }
    members = set(getattr(value, "__members__", {}))
    return sorted((names | {field for field in fields if not field.startswith("_")}) - members)


def signature(value: object) -> str:
    """Names, kinds and defaults of the parameters.

    Annotations are left out, because their text depends on the version of Python; so are addresses.
    """
    try:
        found = inspect.signature(value)
    except (TypeError, ValueError):
        return "(...)"
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(inspect.Signature(bare))
    return re.sub(r"<(\w[\w.]*)[^<>]*>", r"<\1>", text)


def snapshot() -> str:
    """Text of the snapshot as the library stands now."""
    return "".join(f"{line}\n" for name in sorted(mlgates.__all__) for line in describe(name))


def test_snapshot_of_names_and_signatures_is_current():
    current = snapshot() == SNAPSHOT.read_text(encoding="utf-8")
    assert current, "the public API changed: run `uvx nox -s register` and read the difference"


def test_type_checkers_see_every_public_name():
    """Names are loaded when they are used, so checkers see only what is imported for them."""
    tree = ast.parse(Path(mlgates.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.asname
        for block in blocks
        if ast.unparse(block.test) == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen | {"__version__"} == set(mlgates.__all__)


def test_names_are_listed_once():
    assert len(set(mlgates.__all__)) == len(mlgates.__all__)


@pytest.mark.parametrize("name", mlgates.__all__)
def test_name_resolves_and_is_documented(name):
    value = getattr(mlgates, name)
    if not callable(value):
        return
    doc = inspect.getdoc(value)
    assert doc, f"{name} has no docstring"
    first = doc.splitlines()[0]
    assert first.endswith((".", ":")), f"the first line of {name} is no sentence: {first!r}"
    if inspect.isclass(value):
        inherited = [inspect.getdoc(base) for base in value.__mro__[1:]]
        assert doc not in inherited, f"{name} has the docstring of an ancestor"


@pytest.mark.parametrize("name", mlgates.__all__)
def test_name_is_the_same_object_each_time(name):
    assert getattr(mlgates, name) is getattr(mlgates, name)


def test_dir_lists_the_public_names_alone():
    assert [name for name in dir(mlgates) if not name.startswith("_")] == sorted(
        name for name in mlgates.__all__ if not name.startswith("_")
    )


def test_unknown_attribute_raises_attribute_error():
    with pytest.raises(AttributeError, match="module 'mlgates' has no attribute 'Nope'"):
        _ = mlgates.Nope


def test_star_import_gives_the_public_names():
    namespace = {}
    exec("from mlgates import *", namespace)  # noqa: S102
    assert set(mlgates.__all__) <= set(namespace)


def test_reference_page_lists_what_the_library_lists():
    assert "```{eval-rst}\n.. public-names::\n```" in REFERENCE.read_text(encoding="utf-8")


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
