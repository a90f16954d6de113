"""Write what is derived from the gates and the names of evidence: ``uvx nox -s register``.

The static names of the package, the tables of the documentation and the snapshot of the public
API. Each text stands between two marks, which end in its name.
"""

import dataclasses
import importlib
import pkgutil
import re
import subprocess
import sys
import typing
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import mlgates as mg
import mlgates.gates
from mlgates._gate import FunctionGate
from mlgates.evidence_names import NAMES

ROOT = Path(__file__).parents[1]
PACKAGE = "src/mlgates/__init__.py"
INDEX = "docs/howto/index.md"
EVIDENCE = "docs/reference/evidence.md"
MORE_PAGES = ("own-gate", "gate-class", "own-counter")
MARK = "written by nox -s register, "


def gate_modules() -> dict[str, type[mg.Gate]]:
    """Return the module names below `mlgates.gates` that define a gate, with their gates."""
    found = {}
    for module in pkgutil.iter_modules(mlgates.gates.__path__):
        if module.name.startswith("_"):
            continue
        for value in vars(importlib.import_module(f"mlgates.gates.{module.name}")).values():
            of_it = isinstance(value, type) and issubclass(value, mg.Gate)
            if of_it and value.__module__ == f"mlgates.gates.{module.name}":
                found[module.name] = value
    return found


GATES = gate_modules()


def described() -> dict[str, type[mg.Gate]]:
    """Return gates by their label in tables: those of data, of labels, others, functions."""

    def place(item: tuple[str, type[mg.Gate]]) -> tuple[int, str]:
        needs = item[1].needs
        return (0 if "data" in needs else 1 if "y_true" in needs else 2, item[0])

    gates = {f"`{gate.__name__}`": gate for _, gate in sorted(GATES.items(), key=place)}
    return gates | {"a function": FunctionGate}


def table(head: tuple[str, ...], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(re.sub(" +", " ", f"| {' | '.join(cells)} |") for cells in lines)


def shared(rows: Iterable[tuple[str, tuple[str, ...]]]) -> list[tuple[str, ...]]:
    """Return rows of labels and cells, one for all labels that have the same cells."""
    labels: dict[tuple[str, ...], list[str]] = {}
    for label, cells in rows:
        labels.setdefault(cells, []).append(label)
    return [(", ".join(of_cells), *cells) for cells, of_cells in labels.items()]


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def rules(gate: type[mg.Gate]) -> tuple[str, str]:
    """Return the default of `decide_by` and its alternatives; without it, the gate's rule."""
    options = {field.name: field for field in dataclasses.fields(gate)}
    if "decide_by" not in options:
        return gate.info.rule, ""
    default = options["decide_by"].default
    values = typing.get_args(typing.get_type_hints(gate)["decide_by"])
    return f'`"{default}"`', ", ".join(f'`"{value}"`' for value in values if value != default)


def allowed(gate: type[mg.Gate]) -> str:
    default = next(f.default for f in dataclasses.fields(gate) if f.name == "inconclusive")
    return gate.info.allowed + (" (the default of this gate)" if default == "allow" else "")


def link(label: str, gate: type[mg.Gate]) -> str:
    pages = {value: name for name, value in GATES.items()}
    return f"[{label}](docs/howto/{pages.get(gate, 'own-gate')}.md)"


def regions() -> dict[tuple[str, str], str]:
    """Return the text of each region, by file and name."""
    gates = described()
    public = {
        module: importlib.import_module(f"mlgates.gates.{module}").__all__ for module in GATES
    }
    by_metric: dict[tuple[str, str], list[str]] = {}
    for label, gate in gates.items():
        for cells in gate.info.metrics.items():
            by_metric.setdefault(cells, []).append(label)
    return {
        (PACKAGE, "imports"): "".join(
            f"    from mlgates.gates.{module} import {name} as {name}\n"
            for module, names in public.items()
            for name in names
        ),
        (PACKAGE, "names"): "\n".join(
            ["__all__ += [", *(f'    "{name}",' for name in sorted(chain(*public.values()))), "]"]
        ),
        (PACKAGE, "homes"): "\n".join(
            f'        "gates.{module}": {tuple(names)},'.replace("'", '"')
            for module, names in public.items()
        ),
        ("README.md", "gates"): table(
            ("gate", "what it checks"),
            ((link(label, gate), gate.info.summary) for label, gate in gates.items()),
        ),
        (INDEX, "gates"): "\n".join(
            [
                "```{toctree}",
                ":caption: Gates",
                ":maxdepth: 1",
                "",
                *(module for gate in gates.values() for module in GATES if GATES[module] is gate),
                *MORE_PAGES,
                "```",
            ]
        ),
        (EVIDENCE, "names"): table(
            ("name", "what it is"), ((f"`{each.name}`", each.summary) for each in NAMES.values())
        ),
        (EVIDENCE, "gates"): table(
            ("gate", "needs", "uses if given"),
            (
                (
                    label,
                    gate.info.needs or listed(gate.needs),
                    gate.info.uses or listed(gate.optional_evidence),
                )
                for label, gate in gates.items()
            ),
        ),
        ("docs/reference/verdicts.md", "rules"): table(
            ("gate", "`decide_by`", "other values", "smallest number of rows, by default"),
            shared((label, (*rules(gate), gate.info.fewest_rows)) for label, gate in gates.items()),
        ),
        ("docs/reference/verdicts.md", "allowed"): table(
            ("gate", 'checks that do not block a release with `"allow"`'),
            shared((label, (allowed(gate),)) for label, gate in gates.items()),
        ),
        ("docs/howto/reading-a-report.md", "metrics"): table(
            ("metric", "gate", "value"),
            ((metric, ", ".join(labels), value) for (metric, value), labels in by_metric.items()),
        ),
    }


def renewed(path: str, text: str) -> str:
    """Return a file's text with its regions written anew."""
    start, end, gap = ("<!-- ", " -->", "\n") if path.endswith(".md") else ("# ", "", "")
    for (file, name), region in regions().items():
        if file == path:
            head, tail = f"{start}{MARK}{name}{end}\n", f"{start}end of {name}{end}\n"
            before, found, rest = text.partition(head)
            old, closed, after = rest.partition(tail)
            if not found or not closed:
                msg = f"{path} has no region between {head.strip()!r} and {tail.strip()!r}"
                raise ValueError(msg)
            indent = old.rpartition("\n")[2]
            text = f"{before}{head}{gap}{region}\n{gap}{indent}{tail}{after}"
    return text


FILES = tuple(dict.fromkeys(path for path, _ in regions()))


def main() -> None:
    """Write every file that is not current, and the snapshot of the public API."""
    for path in FILES:
        before = (ROOT / path).read_text(encoding="utf-8")
        after = renewed(path, before)
        if after != before:
            (ROOT / path).write_text(after, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
    # in another process, for this one has imported the package as it was
    subprocess.run([sys.executable, ROOT / "tests" / "test_public_api.py"], check=True)


if __name__ == "__main__":
    main()
