"""Suites in Python or TOML files."""

import sys
import traceback
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from mlgates.cli.tomlfile import read_toml
from mlgates.errors import EvidenceError, OptionError
from mlgates.options import did_you_mean, shown
from mlgates.suite import GateSuite

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
    file, _, chosen = where.rpartition(":")
    path, name = (Path(file), chosen) if file.endswith(".py") else (Path(where), None)
    if path.suffix not in (".py", ".toml"):
        msg = f"a suite is in a .toml or .py file, or in gates.py:NAME, got {where!r}"
        raise OptionError(msg)
    if not path.is_file():
        msg = f"{path}: there is no such file"
        raise EvidenceError(msg)
    if path.suffix == ".toml":
        return read_toml(path)
    defined = _run(path)
    suites = {name: thing for name, thing in defined.items() if isinstance(thing, GateSuite)}
    listed = ", ".join(sorted(suites))
    if name is None:
        if _NAME in defined:
            name = _NAME
        elif len({id(suite) for suite in suites.values()}) == 1:
            name = next(iter(suites))
        else:
            there = "it has none; give it one"
            if suites:
                there = f"it has {listed}; name one: gates.py:NAME"
            msg = f"{path}: a GateSuite called {_NAME} or a single one is wanted; {there}"
            raise OptionError(msg)
    if name not in defined:
        near = did_you_mean(name, suites) or (f"; it has {listed}" if suites else "")
        msg = f"{path}: there is no {name!r}{near}"
        raise OptionError(msg)
    if name not in suites:
        msg = f"{path}: {name} must be a GateSuite, got {shown(defined[name])}"
        raise OptionError(msg)
    return suites[name]


def _run(path: Path) -> dict[str, object]:
    """Return what a file defines, run as a module that can import its neighbours."""
    name = path.stem if path.stem not in sys.modules else f"_mlgates_suite_{path.stem}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        msg = f"{path}: can't be read as Python"
        raise EvidenceError(msg)
    module = module_from_spec(spec)
    sys.modules[name] = module  # so that its gates can be found, and pickled
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if Path(frame.filename) == path.resolve()]
        at = f"line {lines[-1]}: " if lines else ""
        msg = f"{path}: {at}{type(error).__name__}: {error}"
        raise EvidenceError(msg) from error
    return vars(module)
