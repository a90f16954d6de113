"""A suite that is written down in a file: in Python, or in TOML."""

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from mlgates.cli.tomlfile import read_toml
from mlgates.errors import EvidenceError, OptionError
from mlgates.options import did_you_mean, shown
from mlgates.suite import GateSuite

__all__ = ["load"]

_NAME = "SUITE"


def load(where: str) -> GateSuite:
    """Return the suite of ``gates.toml``, ``gates.py`` or ``gates.py:NAME``.

    Raises
    ------
    EvidenceError
        When there is no such file, or it can't be read or run.
    OptionError
        When it holds no suite, or no single one, or one that is written wrongly.
    """
    path, name = _parted(where)
    if not path.is_file():
        msg = f"{path}: there is no such file"
        raise EvidenceError(msg)
    if path.suffix == ".toml":
        return read_toml(path)
    return _chosen(_run(path), path, name)


def _parted(where: str) -> tuple[Path, str | None]:
    file, colon, name = where.rpartition(":")
    path, chosen = (Path(file), name) if colon and file.endswith(".py") else (Path(where), None)
    if path.suffix not in (".py", ".toml"):
        msg = f"a suite is in a .toml or .py file, or in gates.py:NAME, got {where!r}"
        raise OptionError(msg)
    return path, chosen


def _run(path: Path) -> ModuleType:
    """Return a file as a module that its gates can be found in, beside what it imports."""
    name = path.stem if path.stem not in sys.modules else f"_mlgates_suite_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path}: can't be read as Python"
        raise EvidenceError(msg)
    module = module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        msg = f"{path}: {_told(error, path)}"
        raise EvidenceError(msg) from error
    return module


def _told(error: BaseException, path: Path) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == path.resolve()]
    at = f"line {lines[-1]}: " if lines else ""
    return f"{at}{type(error).__name__}: {error}"


def _chosen(module: ModuleType, path: Path, name: str | None) -> GateSuite:
    found = {n: thing for n, thing in vars(module).items() if isinstance(thing, GateSuite)}
    if name is None and (_NAME in vars(module) or len({id(s) for s in found.values()}) != 1):
        name = _NAME
        if name not in vars(module):
            there = f"it has {', '.join(sorted(found))}" if found else "it has none"
            which = "name one: gates.py:NAME" if found else "give it one"
            msg = f"{path}: a GateSuite called {_NAME} or a single one is wanted; {there}; {which}"
            raise OptionError(msg)
    if name is None:
        return next(iter(found.values()))
    if name not in vars(module):
        near = did_you_mean(name, found) or (f"; it has {', '.join(sorted(found))}" * bool(found))
        msg = f"{path}: there is no {name!r}{near}"
        raise OptionError(msg)
    if name not in found:
        msg = f"{path}: {name} must be a GateSuite, got {shown(vars(module)[name])}"
        raise OptionError(msg)
    return found[name]
