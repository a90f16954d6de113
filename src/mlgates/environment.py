"""The environment of this process: git commit, uncommitted changes, versions, platform."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from platform import machine, python_version

from mlgates.errors import suppress_errors
from mlgates.jsonfile import read_bounded

__all__ = ["environment"]

#: Packages whose version is not always a plain attribute.
_LAZY = ("numpy", "pyarrow", "pandas", "polars", "scipy", "sklearn", "fairlearn")
_SHA = frozenset("0123456789abcdef")
_MOST_BYTES = 64 * 2**20  # largest size of a file that is read, such as packed-refs
_MOST_VERSIONS = 500
_LONGEST = 100  # largest number of characters of a name or version
_TIMEOUT = 2.0  # time limit of git in seconds


def environment() -> dict[str, object]:
    """Return the git commit, whether files differ from it, versions of packages, and the platform.

    The commit and the changes are those of the git repository of the working folder. They are read
    once for each folder in a process. They are None if they can't be found. The versions are those
    of Python, of mlgates, and of all imported top-level modules that have a version.

    Examples
    --------
    >>> found = environment()
    >>> sorted(found)
    ['commit', 'dirty', 'platform', 'versions']
    """
    try:
        folder = str(Path.cwd())
    except OSError:  # the working folder was deleted
        folder = os.devnull
    return {
        "commit": commit(folder),
        "dirty": is_dirty(folder),
        "versions": _versions(),
        "platform": f"{sys.platform} {machine()}".strip(),
    }


def _versions() -> dict[str, str]:
    """Return the version of Python, of mlgates, and of each imported package that has one."""
    import mlgates

    found: dict[str, object] = {}
    known = sys.stdlib_module_names
    for name in [name for name in tuple(sys.modules) if "." not in name and name not in known]:
        with suppress_errors():  # anything can be in `sys.modules`
            # Reading an attribute that a module computes can warn, import packages, or raise.
            if name in _LAZY:
                found[name] = sys.modules[name].__version__
            else:
                found[name] = vars(sys.modules[name]).get("__version__")
    named = {
        name: version
        for name, version in sorted(found.items())
        if isinstance(version, str) and 0 < len(version) <= _LONGEST >= len(name)
    }
    named = dict(list(named.items())[:_MOST_VERSIONS])
    return {**named, "python": python_version(), "mlgates": mlgates.__version__}


@cache
def is_dirty(folder: str) -> bool | None:
    """Return whether files of a folder's git repository have uncommitted changes; None if unknown.

    Files that git does not track are ignored. The result is None if there is no commit, or if git
    is not installed, fails, or takes more than two seconds. It is also None if git reports another
    commit than the function `commit`, for example because the variable ``GIT_DIR`` is set.
    """
    known = commit(folder)
    if known is None:
        return None
    # With these options, git changes no file of the repository, and does not run the file monitor
    # that the repository's settings can name.
    command = ["git", "-C", folder, "--no-optional-locks", "-c", "core.fsmonitor=false"]
    command += ["status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    with suppress_errors():
        done = subprocess.run(  # noqa: S603  (the folder is the only value that varies)
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=True,
        )
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        if f"# branch.oid {known}" in lines:
            return any(not line.startswith("#") for line in lines)
    return None


@cache
def commit(folder: str) -> str | None:
    """Return the hash of the commit that is checked out in a git repository; None if there is none.

    The hash is read from the files in ``.git``, so git need not be installed.
    """
    try:
        here = Path(folder).resolve(strict=True)
    except OSError:  # the working folder was deleted
        return None
    for parent in (here, *here.parents):
        git = parent / ".git"
        try:
            if git.is_file():  # a file with the path, in worktrees and submodules
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
