"""Read and write strict JSON, in files that are written completely or not at all.

JSON has no infinity, and many JSON readers round integers beyond 2**53. So infinities are written
as the strings "Infinity" and "-Infinity", integers beyond 2**53 as strings of digits, and undefined
values as null.
"""

import errno
import json
import math
import os
import re
import secrets
import stat
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from mlgates.errors import EvidenceError

__all__ = [
    "MAX_BYTES",
    "append_line",
    "dumps",
    "fields",
    "items",
    "load",
    "loads",
    "locked_folder",
    "mapping",
    "number",
    "plain",
    "read",
    "read_bounded",
    "read_text",
    "text",
    "unquoted",
    "versioned",
    "whole",
    "write_atomic",
]

T = TypeVar("T")

MAX_BYTES = 256 * 2**20
_EXACT = 2**53
_DEEPEST = 100
_NESTS = frozenset({dict, list})
_TOKEN = re.compile(r"[0-9a-f]{16}")
_DIGITS = re.compile(r"-?[1-9][0-9]{15,399}", re.ASCII)


def plain(value: object, *, quote: bool = False) -> object:
    """Convert a value to JSON types.

    The value is None, a bool, string, int or float, or a list, tuple or mapping of such values.
    Infinities and integers beyond 2**53 become strings. TypeError is raised for NaN, for keys that
    are not strings, and for values of other types.

    With ``quote=True``, a string that looks like such a number gets a quote (') in front. Use this
    for values that can be either numbers or strings. `unquoted` restores the original values.

    Examples
    --------
    >>> plain({"gap": float("inf"), "rows": (1, 2**60)})
    {'gap': 'Infinity', 'rows': [1, '1152921504606846976']}
    >>> plain({"worst": "Infinity"}, quote=True)
    {'worst': "'Infinity"}
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return f"'{value}" if quote and _is_numeral(value.lstrip("'")) else str(value)
    if isinstance(value, int):
        return int(value) if abs(value) <= _EXACT else str(int(value))
    if isinstance(value, float) and value == value:  # noqa: PLR0124
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return float(value)
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {str(key): plain(item, quote=quote) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, quote=quote) for item in value]
    raise TypeError(f"{value!r} ({type(value).__name__}) can't be written as JSON")


def unquoted(value: Any) -> Any:
    """Return the original value, given the result of ``plain(original, quote=True)``.

    The quote at the start of a string is removed if the rest of the string looks like a number.
    """
    if isinstance(value, Mapping):
        return {key: unquoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [unquoted(item) for item in value]
    if not isinstance(value, str) or not _is_numeral(value.lstrip("'")):
        return value
    return value[1:] if value.startswith("'") else _read_numeral(value)


def _is_numeral(text: str) -> bool:
    """Return whether a string is one that `plain` writes for a number, such as "-Infinity"."""
    if _DIGITS.fullmatch(text):
        return abs(int(text)) > _EXACT
    return text in ("Infinity", "-Infinity")


def _read_numeral(text: str) -> float:
    """Return the number for which `plain` writes this string."""
    return float(text) if text.endswith("Infinity") else int(text)


def number(value: object, what: str) -> float | None:
    """Read a number that `plain` wrote as a JSON value; return None for null.

    Numbers are returned unchanged. Strings are allowed only for infinities and for integers beyond
    2**53, because `plain` writes such numbers as strings. EvidenceError is raised for any other
    string, and for values of other types. `what` is the key of the value, for the message.
    """
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and _is_numeral(value):
        return _read_numeral(value)
    raise EvidenceError(f"`{what}` must be a number, got {value!r}")


def dumps(value: object, *, indent: int | None = 1) -> str:
    """Return a value as a string of strict JSON.

    Infinities and integers beyond 2**53 are written as strings (see `plain`). TypeError is raised
    for NaN and for values of types that JSON does not have.

    The string has only ASCII characters, so it is the same in any encoding. With ``indent=None`` it
    is one line.
    """
    return json.dumps(plain(value), allow_nan=False, indent=indent)


def _refuse_constant(token: str) -> NoReturn:
    raise EvidenceError(f"not strict JSON: numbers must be finite, got {token}")


def _finite(token: str) -> float:
    value = float(token)
    if math.isfinite(value):
        return value
    raise EvidenceError(f"not strict JSON: the number {token[:40]} is too large for a float")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = min(name for name, count in counts.items() if count > 1)
        raise EvidenceError(f"not strict JSON: the key {twice!r} occurs twice")
    return found


def loads(text: str) -> object:
    """Read a value from a string of strict JSON.

    Raises
    ------
    EvidenceError
        If the string is not valid JSON, or contains NaN or Infinity, a number too large for a
        float, duplicate keys, or more than 100 nested levels.
    """
    try:
        value = _parsed(text, float)
        levels = _levels(value)
        if any(end in values for values in levels for end in (math.inf, -math.inf)):
            # The slow parser raises an exception that names the token.
            _parsed(text, _finite)
    except RecursionError:
        raise EvidenceError("not readable as JSON: nested too deeply") from None
    except EvidenceError:
        raise
    except ValueError as error:  # JSONDecodeError, or an integer of too many digits
        raise EvidenceError(f"not readable as JSON: {error}") from error
    return value


def _parsed(text: str, parse_float: Callable[[str], float]) -> object:
    return json.loads(
        text,
        parse_constant=_refuse_constant,
        parse_float=parse_float,
        object_pairs_hook=_unique,
    )


def _levels(value: object) -> list[Collection[Any]]:
    """Return all lists, and the values of all objects, that a JSON value contains.

    RecursionError is raised if they are nested too deeply.
    """
    found: list[Collection[Any]] = []
    level: list[Collection[Any]] = [(value,)]
    for _ in range(_DEEPEST):
        found += level
        nests = [item for values in level for item in values if type(item) in _NESTS]
        level = [nest.values() if type(nest) is dict else nest for nest in nests]
        if not level:
            return found
    raise RecursionError


def load(
    path: str | os.PathLike[str], make: Callable[[object], T], *, max_bytes: int = MAX_BYTES
) -> T:
    """Read a value from a strict JSON file, and convert it by ``make(value)``.

    EvidenceError is raised if the file can't be read. If `make` raises EvidenceError, the path is
    added to its message.
    """
    text = read_text(path, max_bytes)
    try:
        return make(loads(text))
    except EvidenceError as error:
        raise EvidenceError(f"{os.fspath(path)}: {error}") from error


def read(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> object:
    """Read a value from a strict JSON file in UTF-8; raise EvidenceError if this fails."""
    return load(path, lambda value: value, max_bytes=max_bytes)


def read_text(path: str | os.PathLike[str], max_bytes: int, encoding: str = "utf-8") -> str:
    """Return the content of a text file.

    EvidenceError is raised if the file has more than `max_bytes` bytes, or if it can't be read or
    decoded.
    """
    try:
        return read_bounded(path, max_bytes).decode(encoding)
    except OSError as error:
        raise EvidenceError(f"{path}: {error.strerror or type(error).__name__}") from error
    except UnicodeDecodeError as error:
        raise EvidenceError(f"{path}: not UTF-8 text") from error
    except EvidenceError as error:
        raise EvidenceError(f"{path}: {error}") from error
    except ValueError as error:  # such as a null byte in the path
        raise EvidenceError(f"the path {str(path)!r} is invalid: {error}") from error


def read_bounded(path: str | os.PathLike[str], max_bytes: int) -> bytes:
    """Return the content of a regular file of at most `max_bytes` bytes.

    Raises
    ------
    OSError
        If the file can't be read.
    EvidenceError
        If the file is longer, or is a folder, pipe or device. (Pipes and devices may never end.)
    """
    # Without O_NONBLOCK, opening a pipe would wait for a writer.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise EvidenceError(f"not a file but {_kind_of(found.st_mode)}")
            # The size of the file is not reliable: it is 0 for files in /proc, and a file can grow.
            content = file.read(max_bytes + 1)
            if len(content) > max_bytes:
                size = max(found.st_size, len(content))
                raise EvidenceError(
                    f"the file has {size:,} bytes, at most {max_bytes:,} are allowed"
                )
    except IsADirectoryError:
        raise EvidenceError("not a file but a folder") from None
    return content


def _kind_of(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device"


def write_atomic(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file so that readers always see either the old or the complete new content.

    The content (bytes, or a string that is encoded in UTF-8) is written to a temporary file in the
    same folder, which then replaces the file. The file keeps its permissions. If the path is a
    symbolic link, the link is kept. Temporary files of processes that were killed are removed.

    Raises
    ------
    OSError
        If the file can't be written. The old file is then unchanged.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    mode = None
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, f"not a file but {_kind_of(mode)}", os.fspath(path))
    # The temporary file is in the same folder, because os.replace is atomic only within one file
    # system. Its name is cut, because a file name can have 255 bytes, and a character up to four.
    prefix = f".{target.name[:50]}."
    _remove_dead_drafts(target.parent, prefix)
    with _draft(target.parent, prefix) as (draft, descriptor):
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if mode is not None:
                draft.chmod(stat.S_IMODE(mode))
            os.fsync(descriptor)
        draft.replace(target)


def append_line(path: str | os.PathLike[str], line: str) -> None:
    """Append one line to a text file; the file is created if it does not exist.

    The file is locked, so that several processes can write to it. If a process was killed while it
    wrote a line, the file does not end with a line break. In this case, a line break is added
    before the new line.

    Raises
    ------
    OSError
        If the file can't be written. It is then unchanged.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
    # Without O_NONBLOCK, opening a pipe would wait for a reader.
    flags |= getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        _lock(descriptor, wait=True)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, f"not a file but {_kind_of(found.st_mode)}", str(path))
        size = found.st_size
        os.lseek(descriptor, max(size - 1, 0), os.SEEK_SET)
        torn = size > 0 and os.read(descriptor, 1) != b"\n"
        content = memoryview((b"\n" if torn else b"") + line.encode() + b"\n")
        try:
            while content:
                content = content[os.write(descriptor, content) :]
            os.fsync(descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


@contextmanager
def locked_folder(path: str | os.PathLike[str]) -> Iterator[None]:
    """Lock the folder of a file, as a context manager, so that other processes and threads wait.

    Nothing is locked on Windows, and on file systems that have no locks.

    Raises
    ------
    OSError
        If there is no such folder.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(Path(os.path.realpath(path)).parent, os.O_RDONLY)
    try:
        _lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _draft(folder: Path, prefix: str) -> Iterator[tuple[Path, int]]:
    """Create and lock a temporary file in a folder, and yield its path and file descriptor.

    The file's name begins with `prefix`. At the end of the block, the file is removed if it is
    still there.
    """
    while True:
        draft = folder / f"{prefix}{secrets.token_hex(8)}"
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        _lock(descriptor, wait=True)
        # Another process may have removed the file before it was locked.
        if draft.exists():
            break
        os.close(descriptor)
    try:
        yield draft, descriptor
    finally:
        os.close(descriptor)
        with suppress(OSError):
            draft.unlink()


def _remove_dead_drafts(folder: Path, prefix: str) -> None:
    """Remove temporary files of killed processes: those that no process has locked."""
    with suppress(OSError):
        for draft in folder.iterdir():
            if draft.name.startswith(prefix) and _TOKEN.fullmatch(draft.name[len(prefix) :]):
                with suppress(OSError):
                    descriptor = os.open(draft, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
                    try:
                        if _lock(descriptor, wait=False):
                            draft.unlink()
                    finally:
                        os.close(descriptor)


def _lock(descriptor: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed; return whether this succeeded.

    If another process has locked the file, the function waits with ``wait=True``, and else returns
    False at once. It also returns False on file systems that have no locks. On Windows nothing is
    locked, and the result is True.
    """
    if sys.platform == "win32":
        return True  # an open file can't be removed there
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:  # or the file system has no locks
        return False
    return True


def versioned(data: object, what: str, form: str, version: int) -> Mapping[str, object]:
    """Check that a JSON object has the given format and version, and return it.

    `form` and `version` are the expected values of the object's keys `format` and `version`.
    EvidenceError is raised for other values. `what` is the name of the object in messages.
    """
    found = mapping(data, what)
    if found.get("format") != form:
        raise EvidenceError(f"`format` must be {form!r}, got {found.get('format')!r}")
    if repr(found.get("version")) != str(version):  # (in Python, True == 1.0 == 1)
        got = found.get("version")
        msg = f"`version` must be {version}, got {got!r}"
        if type(got) is int and got > version:
            msg += ", which a newer mlgates wrote; upgrade mlgates"
        raise EvidenceError(msg)
    return found


def fields(
    data: object, keys: frozenset[str], what: str, optional: frozenset[str] = frozenset()
) -> Mapping[str, object]:
    """Check the keys of a JSON object, and return the object.

    The object must have all of `keys`, may have those in `optional`, and must have no others.
    `what` is the name of the object in messages.
    """
    found = mapping(data, what)
    missing = sorted(keys - set(found))
    unknown = sorted(map(repr, set(found) - keys - optional))
    faults = [f"the key `{name}` is missing" for name in missing[:1]]
    faults += [f"the key {name} is unknown" for name in unknown[:1]]
    if faults:
        raise EvidenceError(f"{what}: {' and '.join(faults)}")
    return found


def text(value: object, what: str) -> str:
    """Check that a JSON value is a string, and return it; `what` is its key, for the message."""
    if not isinstance(value, str):
        raise EvidenceError(f"`{what}` must be a string, got {value!r}")
    return value


def items(value: object, what: str) -> list[object]:
    """Check that a JSON value is a list, and return it; `what` is its key, for the message."""
    if not isinstance(value, list | tuple):
        raise EvidenceError(f"`{what}` must be a list, got {type(value).__name__}")
    return list(value)


def mapping(value: object, what: str) -> Mapping[str, object]:
    """Check that a JSON value is an object, and return it; `what` is its key, for the message."""
    if not isinstance(value, Mapping):
        raise EvidenceError(f"`{what}` must be a JSON object, got {type(value).__name__}")
    return value


def whole(value: object, what: str) -> int:
    """Check that a JSON value is an integer of at least 0, and return it.

    `what` is the key of the value, for the message.
    """
    is_numeral = isinstance(value, str) and _is_numeral(value)
    found: object = number(value, what) if is_numeral else value
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise EvidenceError(f"`{what}` must be a whole number of at least 0, got {value!r}")
    return found
