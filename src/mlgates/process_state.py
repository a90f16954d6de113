"""Record and restore global state of the process that a block of code changes.

Examples of global state are the random number generators, the environment variables and the warning
filters.

No other module of the library reads or writes this state. All threads share the state, so two
blocks at the same time would each record the changes of the other. A lock therefore allows only one
block at a time. A change by another thread of the user's program is recorded as a change of the
block.
"""

import decimal
import gc
import io
import locale
import logging
import os
import random
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlgates.errors import suppress_errors

__all__ = ["restored", "unset_variables", "watched"]

_FILTERS = "warnings filters"

_LOCK = [threading.RLock()]


@dataclass
class Watch:
    """The side effects of a block of code, recorded by `watched`.

    `changed` has the names of the kinds of global state that the block changed, such as
    "environment". `printed` is the number of characters that the block wrote to the standard
    streams.
    """

    changed: tuple[str, ...] = ()  # kinds of state that were changed, and restored
    printed: int = 0  # characters written to the standard streams, which were not shown


def after_fork() -> None:
    """Make `watched` and `restored` usable in a forked process, by replacing their lock.

    The lock allows only one block of `watched` or `restored` at a time. If another thread of the
    parent process held it at the time of the fork, it would never be released, because this thread
    does not exist in the forked process.
    """
    _LOCK[0] = threading.RLock()


def unset_variables(names: Iterable[str]) -> list[str]:
    """Return those of the given environment variables that are not set.

    PYTHONHASHSEED also counts as not set if its value is "random".
    """
    return [name for name in names if os.environ.get(name, "") in ("", "random")]


@contextmanager
def restored() -> Iterator[None]:
    """Restore, at the end of a `with` block, the state of the process at the start of the block.

    The global state consists of the environment variables, the working directory, the module search
    path, the locale, the warnings filters, the logging settings, the standard output streams, the
    recursion limit, the settings of the garbage collector, the random states of Python and numpy,
    the error state of numpy, and the decimal context.

    Examples
    --------
    >>> import os
    >>> with restored():
    ...     os.environ["A_VARIABLE_OF_A_MODEL"] = "1"
    >>> "A_VARIABLE_OF_A_MODEL" in os.environ
    False
    """
    with _LOCK[0], np.errstate(), decimal.localcontext():
        before, streams = _snapshot(), (sys.stdout, sys.stderr)
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            after = _snapshot()
            for name, state in before.items():
                if _comparable(after[name]) != _comparable(state):
                    with suppress_errors():
                        _restore(name, state)


@contextmanager
def watched(*, advance_rng: bool = False, threads: bool = False) -> Iterator[Watch]:
    """Record which global state a block of code changes, and restore it at the end.

    The state of the global random number generators is restored, too. So a model that uses them
    would give the same answers in each block. With `advance_rng`, the generators are advanced
    before the block, so that such a model gives other answers.

    Use `threads` if the block uses threads. Warnings are then ignored in the block. Otherwise,
    threads that change and restore the warning filters would disturb each other, and a warning
    could be raised as an error.

    Examples
    --------
    >>> with watched() as watch:
    ...     print("hello")
    ...     random.shuffle([1, 2, 3])
    >>> watch
    Watch(changed=('random state',), printed=6)
    """
    watch = Watch()
    with _LOCK[0], np.errstate(), decimal.localcontext():
        original = _snapshot()
        if advance_rng:
            np.random.random(3)  # noqa: NPY002
            random.random()  # noqa: S311
        show = warnings.showwarning
        if threads:
            warnings.filters = [("ignore", None, Warning, None, 0)]
            warnings.showwarning = lambda *_, **__: None
        before = _snapshot()
        modules = len(sys.modules)
        me = threading.get_ident()
        others = frozenset(thread.ident for thread in threading.enumerate()) - {me}
        streams = [sys.stdout, sys.stderr]
        silenced = [_SilentStream(stream, others) for stream in streams]
        sys.stdout, sys.stderr = silenced
        try:
            yield watch
        finally:
            changed = [] if [sys.stdout, sys.stderr] == silenced else ["standard streams"]
            sys.stdout, sys.stderr = streams
            for stream in silenced:
                stream.open = False
            if threads:
                warnings.showwarning = show
            after = _snapshot()
            # A module that is imported in the block may add filters.
            allowed = threads or len(sys.modules) > modules
            for name, now in after.items():
                if _comparable(now) != _comparable(before[name]):
                    changed += [] if name == _FILTERS and allowed else [name]
                if _comparable(now) != _comparable(original[name]):
                    with suppress_errors():
                        _restore(name, original[name])
            watch.printed = sum(stream.count for stream in silenced)
            watch.changed = tuple(changed)


class _SilentStream(io.TextIOBase):
    """A stream that replaces a standard stream in a block of code, and counts the characters.

    `stream` is the original stream. `others` has the identifiers of the threads that ran before the
    block began. These threads still write to the original.
    """

    def __init__(self, stream: Any, others: frozenset[int | None]) -> None:
        self.count = 0
        self.open = True
        self._stream = io.StringIO() if stream is None else stream
        self._others = others

    def write(self, text: str | bytes, /) -> int:
        if isinstance(text, str) and (not self.open or threading.get_ident() in self._others):
            return int(self._stream.write(text))
        self.count += len(text)
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._stream.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> "_SilentStream":
        return self  # `write` also takes bytes


def _snapshot() -> dict[str, Any]:
    """Return a dict of all recorded state of the process, with values that `_restore` can set."""
    root, context, folder = logging.getLogger(), decimal.getcontext().copy(), None
    context.clear_flags()  # flags are set by earlier operations
    with suppress(OSError):
        folder = os.getcwd()  # noqa: PTH109
    return {
        "numpy error state": np.geterr(),
        "numpy random state": np.random.get_state(legacy=False),  # noqa: NPY002
        "random state": random.getstate(),
        "environment": dict(os.environ),
        "working directory": folder,
        "locale": locale.setlocale(locale.LC_ALL),
        _FILTERS: (warnings.filters, tuple(warnings.filters)),
        "decimal context": repr(context),
        "module search path": list(sys.path),
        "recursion limit": sys.getrecursionlimit(),
        "logging": (root.level, tuple(root.handlers), root.disabled, root.manager.disable),
        "garbage collector": (gc.isenabled(), gc.get_threshold()),
    }


def _comparable(state: Any) -> object:
    """Convert a state to a value that can be compared with ``==``: arrays become bytes."""
    if isinstance(state, dict):
        return {key: _comparable(value) for key, value in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state


def _restore(name: str, state: Any) -> None:
    """Set one kind of global state to the value that `_snapshot` recorded; `name` is the kind.

    The error state of numpy and the decimal context are not set here, because context managers
    restore them.
    """
    match name:
        case "numpy random state":
            np.random.set_state(state)  # noqa: NPY002
        case "random state":
            random.setstate(state)
        case "environment":
            for key in set(os.environ) - set(state):
                del os.environ[key]
            os.environ.update({k: v for k, v in state.items() if os.environ.get(k) != v})
        case "working directory":
            os.chdir(state)
        case "locale":
            locale.setlocale(locale.LC_ALL, state)
        case "warnings filters":
            warnings.filters, filters = state
            warnings.resetwarnings()  # modules cache the filters; this clears the caches
            warnings.filters[:] = filters  # type: ignore[index]
        case "module search path":
            sys.path[:] = state
        case "recursion limit":
            sys.setrecursionlimit(state)
        case "logging":
            root = logging.getLogger()
            level, root.handlers[:], root.disabled, root.manager.disable = state
            root.setLevel(level)
        case "garbage collector":
            enabled, thresholds = state
            gc.set_threshold(*thresholds)
            (gc.enable if enabled else gc.disable)()
