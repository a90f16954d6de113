"""Read and write suites in TOML: a gate is a table with the name of its class and its options."""

import dataclasses
import inspect
import json
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, time, timedelta
from typing import Any, NamedTuple, TypeGuard

import mlgates
from mlgates._gate import FunctionGate, Gate
from mlgates.errors import OptionError
from mlgates.options import did_you_mean, shown

__all__ = ["WrittenGate", "read_suite", "write_suite"]

MAX_CHARACTERS = 2**20

_BARE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_WIDTH = 100


class WrittenGate(NamedTuple):
    """A gate that was read from, or is to be written to, a suite in TOML.

    `suite` is the name of the inner suite, or "" if the gate belongs to none. `skip` is the reason
    why the gate is skipped, or None if it is not skipped.
    """

    gate: Gate
    suite: str = ""
    skip: str | None = None


def read_suite(text: str) -> tuple[str, list[WrittenGate]]:
    r"""Read a suite from a string in TOML, and return the name of the suite and its gates.

    Raises
    ------
    OptionError
        For a string that is not TOML, for an unknown key or gate (the message suggests a similar
        name), and for an invalid value of an option.

    Examples
    --------
    >>> read_suite('[suite]\nname = "nightly"\n[[gates]]\ngate = "Completeness"')
    ('nightly', [WrittenGate(gate=Completeness(), suite='', skip=None)])
    """
    if len(text) > MAX_CHARACTERS:
        raise OptionError(
            f"the text has {len(text):,} characters, at most {MAX_CHARACTERS:,} are allowed"
        )
    try:
        written = tomllib.loads(text)
    except RecursionError:
        raise OptionError("not readable as TOML: nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, or an integer of more digits than Python reads
        raise OptionError(f"not readable as TOML: {error}") from error
    _check_keys("top level", written, ("suite", "gates"))
    head, tables = written.get("suite", {}), written.get("gates")
    if not isinstance(head, dict):
        raise OptionError(f"`suite` must be a table, [suite], got {shown(head)}")
    _check_keys("[suite]", head, ("name",))
    if not isinstance(tables, list) or not tables or not all(isinstance(t, dict) for t in tables):
        raise OptionError(f"`gates` must be one or more tables, [[gates]], got {shown(tables)}")
    gates = [_read_gate(f"gate {number}", table) for number, table in enumerate(tables, 1)]
    return head.get("name", "suite"), gates


def _read_gate(where: str, table: Mapping[str, Any]) -> WrittenGate:
    if "gate" not in table:
        raise OptionError(
            f'{where}: `gate` is missing; write the name of a gate, such as gate = "Drift"'
        )
    name, public = table["gate"], mlgates.__all__
    kind = getattr(mlgates, name) if isinstance(name, str) and name in public else None
    if not _is_gate(kind):
        known = [each for each in public if _is_gate(getattr(mlgates, each))]
        near = did_you_mean(name, known) or f"; gates are {', '.join(known)}"
        raise OptionError(f"{where}: `gate` must name a gate, got {shown(name)}{near}")
    where = f"{where} ({name})"
    options = {key: value for key, value in table.items() if key not in ("gate", "suite", "skip")}
    place = {key: table[key] for key in ("suite", "skip") if key in table}
    for key, text in place.items():
        if not isinstance(text, str) or not text:
            raise OptionError(f"{where}: `{key}` must be a non-empty string, got {shown(text)}")
    if name == "Schema" and isinstance(options.get("columns"), dict):
        options["columns"] = {
            name: _build(f"{where}: column {name!r}", mlgates.Column, column)
            if isinstance(column, dict)
            else column
            for name, column in options["columns"].items()
        }
    return WrittenGate(_build(where, kind, options), **place)


def _is_gate(thing: object) -> TypeGuard[type[Gate]]:
    own = (Gate, FunctionGate)
    return inspect.isclass(thing) and issubclass(thing, Gate) and thing not in own


def _build(where: str, kind: type[Any], options: Mapping[str, Any]) -> Any:
    """Make a gate or a column of the class `kind` from its options.

    `where` is its place in the file, for the messages of errors.
    """
    fields = [field for field in dataclasses.fields(kind) if field.init]
    _check_keys(where, options, [field.name for field in fields])
    for field in fields:
        needed = field.default is field.default_factory is dataclasses.MISSING
        if needed and field.name not in options:
            raise OptionError(f"{where}: `{field.name}` is missing")
    try:
        return kind(**options)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{where}: {error}") from error


def _check_keys(where: str, given: Iterable[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            near = did_you_mean(name, known) or f"; allowed: {', '.join(known)}"
            raise OptionError(f"{where}: unknown key {name!r}{near}")


def write_suite(name: str, gates: Iterable[WrittenGate]) -> str:
    """Return a suite as a string in TOML; options with their default value are left out.

    Raises
    ------
    OptionError
        For a gate or a value of an option that can't be written in TOML, such as a function.

    Examples
    --------
    >>> import mlgates as mg
    >>> print(write_suite("nightly", [WrittenGate(mg.Completeness(max_missing=0.05))]))
    [suite]
    name = "nightly"
    <BLANKLINE>
    [[gates]]
    gate = "Completeness"
    max_missing = 0.05
    <BLANKLINE>
    """
    blocks = [f"[suite]\nname = {_value(name)}\n"]
    for gate, suite, skip in gates:
        kind = type(gate).__name__
        if getattr(mlgates, kind, None) is not type(gate) or kind not in mlgates.__all__:
            raise OptionError(
                f"{gate.name}: only gates of mlgates can be written in TOML, got {kind}"
            )
        place = [("suite", suite)] if suite else []
        place += [("skip", skip)] if skip is not None else []
        lines, tables = [f"[[gates]]\ngate = {_value(kind)}"], []
        for key, value in [*place, *_options(gate)]:
            try:
                text = f"{_key(key)} = {_value(value)}"
            except OptionError as error:
                raise OptionError(
                    f"{gate.name}: `{key}` can't be written in TOML: {error}"
                ) from None
            if isinstance(value, dict) and len(text) > _WIDTH:
                # A long mapping is a table with one entry per line. The tables are written last,
                # because in TOML they must follow the plain keys.
                entries = (f"{_key(each)} = {_value(item)}" for each, item in value.items())
                tables.append("\n".join([f"\n[gates.{_key(key)}]", *entries]))
            else:
                lines.append(text)
        blocks.append("\n".join([*lines, *tables]) + "\n")
    return "\n".join(blocks)


def _options(value: Any) -> Iterable[tuple[str, Any]]:
    """Yield the names and values of the options that differ from their defaults, for TOML."""
    for field in dataclasses.fields(value):
        given = getattr(value, field.name)
        if not field.init or given is None:
            continue
        default = getattr(value, "default_name", None) if field.name == "name" else field.default
        if given == default and type(given) is type(default):
            continue
        if isinstance(given, tuple) and given and all(_is_pair(item) for item in given):
            given = {key: _short(item) for key, item in given}
        yield field.name, given


def _is_pair(item: object) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)


def _short(item: Any) -> Any:
    """Return a column of a schema as a dict of its options, or as its type if that is all."""
    if not dataclasses.is_dataclass(item):
        return item
    options = dict(_options(item))
    return options["dtype"] if set(options) == {"dtype"} else options


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    """Return a value as a string in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, timedelta):
        raise OptionError(f"write the duration as a text, '{value.total_seconds():g}s'")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {_value(v)}' for key, v in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    raise OptionError(f"got {shown(value)}" if not callable(value) else "it is a function")
