"""Load a suite from a Python or TOML file."""

import sys
import traceback
from contextlib import suppress
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from mlgates.errors import EvidenceError, OptionError
from mlgates.jsonfile import read_text
from mlgates.options import did_you_mean, shown
from mlgates.suite import GateSuite

_NAME = "SUITE"
_MAX_BYTES = 2**20


def load(where: str) -> GateSuite:
    """Return the suite in a file.

    `where` is the path, such as ``gates.toml`` or ``gates.py``. If a Python file has several
    suites, the name of one follows the path: ``gates.py:NAME``.

    Raises
    ------
    EvidenceError
        If the file does not exist, can't be read, or raises an exception when it is run.
    OptionError
        If the file defines no suite or does not define the suite NAME, or if it defines several and
        no name was given.
    """
    file, _, chosen = where.rpartition(":")
    path, name = (Path(file), chosen) if file.endswith(".py") else (Path(where), None)
    if path.suffix not in (".py", ".toml"):
        raise OptionError(
            "SUITE must be a .toml file, a .py file, or a name in a .py file, such as "
            f"gates.py:NAME, got {where!r}"
        )
    if not path.is_file():
        raise EvidenceError(f"{path}: file not found")
    if path.suffix == ".toml":
        return _read_toml(path)
    defined = _run(path)
    suites = {name: thing for name, thing in defined.items() if isinstance(thing, GateSuite)}
    listed = ", ".join(sorted(suites))
    if name is None:
        if _NAME in defined:
            name = _NAME
        elif len({id(suite) for suite in suites.values()}) == 1:
            name = next(iter(suites))
        else:
            example = f"{_NAME} = mg.GateSuite([...])"
            msg = f"{path}: no GateSuite is defined; define one, such as {example}"
            if suites:
                msg = f"{path}: several suites are defined: {listed}; choose one: {path}:NAME"
            raise OptionError(msg)
    if name not in defined:
        near = did_you_mean(name, suites) or (f"; suites are {listed}" if suites else "")
        raise OptionError(f"{path}: {name!r} is not defined{near}")
    if name not in suites:
        raise OptionError(f"{path}: {name} must be a GateSuite, got {shown(defined[name])}")
    return suites[name]


def _read_toml(path: Path) -> GateSuite:
    """Return the suite in a TOML file, which must be UTF-8 and have at most `_MAX_BYTES` bytes."""
    # Windows editors write a byte order mark
    text = read_text(path, _MAX_BYTES, encoding="utf-8-sig")
    try:
        return GateSuite.from_toml(text)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


def _run(path: Path) -> dict[str, object]:
    """Run a Python file and return its global variables; it can import files of its folder."""
    name = path.stem if path.stem not in sys.modules else f"_mlgates_suite_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise EvidenceError(f"{path}: can't be loaded as Python")
    module = module_from_spec(spec)
    sys.modules[name] = module  # pickled gates refer to the module by name
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == path.resolve()]
        at = f"line {lines[-1]}: " if lines else ""
        raise EvidenceError(f"{path}: {at}{type(error).__name__}: {error}") from error
    finally:
        # Move the folder to the end of the path: a file pandas.py in it must not replace pandas in
        # later imports.
        with suppress(ValueError):
            sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)
    return vars(module)
