"""A suite in TOML: the gates' own names and options, nothing more and nothing guessed."""

import dataclasses
import inspect
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import mlgates
from mlgates._gate import FunctionGate, Gate
from mlgates.errors import EvidenceError, OptionError
from mlgates.gates.schema.column import Column
from mlgates.options import did_you_mean, shown
from mlgates.suite import GateSuite

__all__ = ["MAX_BYTES", "read_toml"]

MAX_BYTES = 2**20
_TOP = ("suite", "gates")


def read_toml(path: Path) -> GateSuite:
    """Return the suite that a TOML file writes down.

    Raises
    ------
    EvidenceError
        When the file can't be read, is larger than `MAX_BYTES`, or is no TOML in UTF-8.
    OptionError
        For an unknown key (the nearest are named), a gate that is none, a value that a gate
        refuses.
    """
    try:
        return suite_of(_parsed(path))
    except OptionError as error:
        msg = f"{path}: {error}"
        raise OptionError(msg) from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) <= MAX_BYTES:
            return tomllib.loads(raw.decode("utf-8-sig"))  # editors of Windows begin so
        why = f"larger than {MAX_BYTES:,} bytes"
    except OSError as error:
        why = error.strerror or type(error).__name__
    except UnicodeDecodeError:
        why = "not UTF-8 text"
    except RecursionError:
        why = "not readable as TOML: nested too deeply"
    except ValueError as error:  # tomllib's own, and integers of more digits than Python reads
        why = f"not readable as TOML: {error}"
    msg = f"{path}: {why}"
    raise EvidenceError(msg)


def suite_of(written: Mapping[str, Any]) -> GateSuite:
    """Return the suite that ``[suite]`` and ``[[gates]]`` say.

    Examples
    --------
    >>> suite_of({"suite": {"name": "nightly"}, "gates": [{"gate": "Completeness"}]})
    GateSuite([Completeness()], name='nightly')
    """
    _known("the file", written, _TOP)
    head = written.get("suite", {})
    if not isinstance(head, dict):
        msg = f"`suite` must be a table: [suite], got {shown(head)}"
        raise OptionError(msg)
    _known("[suite]", head, ("name",))
    gates = written.get("gates")
    if not isinstance(gates, list) or not gates or not all(isinstance(g, dict) for g in gates):
        msg = f"`gates` must be tables, at least one: [[gates]], got {shown(gates)}"
        raise OptionError(msg)
    return GateSuite([_gate(number, given) for number, given in enumerate(gates, 1)], **head)


def _gate(number: int, given: Mapping[str, Any]) -> Gate:
    where = f"gate {number}"
    if "gate" not in given:
        msg = f'{where}: `gate` is missing: which one it is, such as gate = "Drift"'
        raise OptionError(msg)
    kind = _kind(where, given["gate"])
    where = f"{where} ({kind.__name__})"
    options = {name: value for name, value in given.items() if name != "gate"}
    if kind.__name__ == "Schema" and isinstance(options.get("columns"), dict):
        options["columns"] = {
            name: _column(f"{where}: column {name!r}", column)
            for name, column in options["columns"].items()
        }
    gate: Gate = _built(where, kind, options)
    return gate


def _kind(where: str, name: object) -> type[Gate]:
    """Return a gate's class by its public name."""
    found = getattr(mlgates, name) if isinstance(name, str) and name in mlgates.__all__ else None
    if _is_gate(found):
        return found
    known = [public for public in mlgates.__all__ if _is_gate(getattr(mlgates, public))]
    near = did_you_mean(name, known) or f"; there are {', '.join(known)}"
    msg = f"{where}: `gate` must name a gate, got {shown(name)}{near}"
    raise OptionError(msg)


def _is_gate(thing: object) -> TypeGuard[type[Gate]]:
    own = (Gate, FunctionGate)
    return inspect.isclass(thing) and issubclass(thing, Gate) and thing not in own


def _column(where: str, given: object) -> object:
    return _built(where, Column, given) if isinstance(given, dict) else given


def _built(where: str, kind: type[Any], options: Mapping[str, Any]) -> Any:
    """Return a gate or a column; what it refuses is told with where it stands."""
    fields = [field for field in dataclasses.fields(kind) if field.init]
    _known(where, options, [field.name for field in fields])
    for field in fields:
        without = (field.default, field.default_factory) == (dataclasses.MISSING,) * 2
        if without and field.name not in options:
            msg = f"{where}: `{field.name}` is missing"
            raise OptionError(msg)
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        msg = f"{where}: {error}"
        raise OptionError(msg) from error


def _known(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in given:
        if name not in known:
            near = did_you_mean(name, known) or f"; known are {', '.join(known)}"
            msg = f"{where}: unknown key {name!r}{near}"
            raise OptionError(msg)
