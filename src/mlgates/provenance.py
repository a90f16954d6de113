"""What identifies a run: versions, git commit, time, fingerprints of tables, and the suite."""

import os
import sys
from datetime import datetime
from functools import cache
from pathlib import Path
from platform import python_version

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.jsonfile import read_bounded

__all__ = ["provenance"]

_PACKAGES = ("numpy", "pyarrow", "pandas", "polars", "scipy", "sklearn", "fairlearn")
_SHA = frozenset("0123456789abcdef")
_MOST_BYTES = 64 * 2**20  # of packed-refs, the largest file that is read


def provenance(
    evidence: Evidence, suite: str, started: datetime, seconds: float, seed: int | None = None
) -> dict[str, object]:
    """Return what identifies a run (versions, commit, tables, suite), as plain values.

    Parameters
    ----------
    evidence : Evidence
        The evidence of the run; tables that were scanned are not read again.
    suite : str
        The repr of the suite.
    started : datetime
        Start of the run, with a time zone.
    seconds : float
        Duration of the run.
    seed : int, optional
        Seed of the random numbers, if any were drawn.
    """
    import mlgates

    try:
        now: str | None = evidence.now.isoformat()
    except EvidenceError:
        now = None
    try:
        folder = str(Path.cwd())
    except OSError:  # the working folder was deleted
        folder = os.devnull
    loaded = {name: sys.modules.get(name) for name in _PACKAGES}
    versions = {"python": python_version(), "mlgates": mlgates.__version__}
    versions |= {
        n: str(getattr(module, "__version__", "")) for n, module in loaded.items() if module
    }
    return {
        "started": started.isoformat(),
        "seconds": seconds,
        "now": now,
        "commit": commit(folder),
        "versions": versions,
        "tables": evidence.tables(),
        "seed": seed,
        "suite": suite,
    }


@cache
def commit(folder: str) -> str | None:
    """Return the commit that is checked out in a folder's git repository; None if there is none.

    It is read from the files in ``.git``, once for each folder in a process.
    """
    try:
        here = Path(folder).resolve(strict=True)
    except OSError:  # the working folder was deleted
        return None
    for parent in (here, *here.parents):
        git = parent / ".git"
        try:
            if git.is_file():  # a worktree or submodule: a file with the path
                git = (parent / _text_of(git).removeprefix("gitdir:").strip()).resolve()
            if git.is_dir():
                return _head(git)
        except (OSError, ValueError):
            return None
    return None


def _head(git: Path) -> str | None:
    head = _text_of(git / "HEAD").strip()
    if not head.startswith("ref:"):
        return _sha(head)
    ref = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    folders = [git, (git / _text_of(shared).strip()).resolve()] if shared.is_file() else [git]
    for folder in folders:
        if (folder / ref).is_file():
            return _sha(_text_of(folder / ref).strip())
        packed = folder / "packed-refs"
        lines = _text_of(packed).splitlines() if packed.is_file() else []
        for line in lines:
            if line.endswith(f" {ref}"):
                return _sha(line.split(" ")[0])
    return None


def _text_of(file: Path) -> str:
    return read_bounded(file, _MOST_BYTES).decode("utf-8")


def _sha(text: str) -> str | None:
    return text if len(text) in (40, 64) and set(text) <= _SHA else None
