"""Suites in TOML, written with the names of the gates and of their options."""

import dataclasses
import inspect
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import mlgates
from mlgates._gate import FunctionGate, Gate
from mlgates.errors import EvidenceError, OptionError
from mlgates.gates.schema import Column
from mlgates.options import did_you_mean, shown
from mlgates.suite import GateSuite

MAX_BYTES = 2**20


def read_toml(path: Path) -> GateSuite:
    """Return the suite in a TOML file.

    Raises
    ------
    EvidenceError
        When the file can't be read, is larger than `MAX_BYTES`, or is not TOML in UTF-8.
    OptionError
        For an unknown key or gate (the message names the nearest), or a value that a gate
        refuses.
    """
    written = None
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        why = f"larger than {MAX_BYTES:,} bytes"
        if len(raw) <= MAX_BYTES:  # editors of Windows write a byte order mark
            written = tomllib.loads(raw.decode("utf-8-sig"))  # or with a mark
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "not UTF-8 text"
    except RecursionError:
        why = "not readable as TOML: nested too deeply"
    except ValueError as error:  # TOMLDecodeError, or an integer of more digits than Python reads
        why = f"not readable as TOML: {error}"
    if written is None:
        msg = f"{path}: {why}"
        raise EvidenceError(msg)
    try:
        return suite_of(written)
    except OptionError as error:
        msg = f"{path}: {error}"
        raise OptionError(msg) from error


def suite_of(written: Mapping[str, Any]) -> GateSuite:
    """Return the suite of the tables ``[suite]`` and ``[[gates]]``.

    Examples
    --------
    >>> suite_of({"suite": {"name": "nightly"}, "gates": [{"gate": "Completeness"}]})
    GateSuite([Completeness()], name='nightly')
    """
    _check_keys("the file", written, ("suite", "gates"))
    head, tables = written.get("suite", {}), written.get("gates")
    if not isinstance(head, dict):
        msg = f"`suite` must be a table, [suite], got {shown(head)}"
        raise OptionError(msg)
    _check_keys("[suite]", head, ("name",))
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        msg = f"`gates` must be one or more tables, [[gates]], got {shown(tables)}"
        raise OptionError(msg)
    gates = []
    for number, table in enumerate(tables, 1):
        where = f"gate {number}"
        if "gate" not in table:
            msg = f'{where}: `gate` is missing; write the name of a gate, such as gate = "Drift"'
            raise OptionError(msg)
        name, public = table["gate"], mlgates.__all__
        kind = getattr(mlgates, name) if isinstance(name, str) and name in public else None
        if not _is_gate(kind):
            known = [each for each in public if _is_gate(getattr(mlgates, each))]
            near = did_you_mean(name, known) or f"; gates are {', '.join(known)}"
            msg = f"{where}: `gate` must name a gate, got {shown(name)}{near}"
            raise OptionError(msg)
        where = f"{where} ({name})"
        options = {key: value for key, value in table.items() if key != "gate"}
        if name == "Schema" and isinstance(options.get("columns"), dict):
            options["columns"] = {
                name: _build(f"{where}: column {name!r}", Column, column)
                if isinstance(column, dict)
                else column
                for name, column in options["columns"].items()
            }
        gates.append(_build(where, kind, options))
    return GateSuite(gates, **head)


def _is_gate(thing: object) -> TypeGuard[type[Gate]]:
    own = (Gate, FunctionGate)
    return inspect.isclass(thing) and issubclass(thing, Gate) and thing not in own


def _build(where: str, kind: type[Any], options: Mapping[str, Any]) -> Any:
    """Return a gate or a column; errors name its place in the file."""
    fields = [field for field in dataclasses.fields(kind) if field.init]
    _check_keys(where, options, [field.name for field in fields])
    for field in fields:
        needed = field.default is field.default_factory is dataclasses.MISSING
        if needed and field.name not in options:
            msg = f"{where}: `{field.name}` is missing"
            raise OptionError(msg)
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        msg = f"{where}: {error}"
        raise OptionError(msg) from error


def _check_keys(where: str, given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = did_you_mean(name, known) or f"; allowed: {', '.join(known)}"
            msg = f"{where}: unknown key {name!r}{near}"
            raise OptionError(msg)
