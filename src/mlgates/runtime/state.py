"""State that a whole process shares: what a call changed of it, put back as it was.

It is read and written here and nowhere else in the library, and only to find out what a model
changed and to undo it. Calls are watched one at a time: the state belongs to all threads, so what
another thread of the program changes meanwhile would be taken for the model's doing.
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Watch", "after_fork", "watched"]

FILTERS = "warnings filters"

_ALONE = [threading.RLock()]


@dataclass
class Watch:
    """What a watched block did beside its work.

    Parameters
    ----------
    changed : tuple of str
        Names of the state that was changed, and put back.
    printed : int
        Characters written to the standard streams, which nobody saw.
    """

    changed: tuple[str, ...] = ()
    printed: int = 0


class _Part(NamedTuple):
    """One kind of state: how it is read, in a form that can be compared, and put back."""

    name: str
    read: Callable[[], Any]
    restore: Callable[[Any], object]
    compared: Callable[[Any], object] = lambda state: state


def after_fork() -> None:
    """Forget who was watching: the thread that was is not in a forked process."""
    _ALONE[0] = threading.RLock()


@contextmanager
def watched(*, stir: bool = False, threads: bool = False) -> Iterator[Watch]:
    """Note what a block changes of the process's state, and put it back when the block ends.

    Parameters
    ----------
    stir : bool
        Whether the random numbers that all share continue elsewhere than they would: what draws
        from them then gives another answer, though their state is put back.
    threads : bool
        Whether the block calls from several threads. Warnings are ignored in it: threads that
        suppress some of them put one another's filters back, and where warnings are errors would
        raise what they raise nowhere else.

    Examples
    --------
    >>> with watched() as watch:
    ...     print("hello")
    ...     random.seed(7)
    >>> watch
    Watch(changed=('random state',), printed=6)
    """
    watch = Watch()
    with _ALONE[0], np.errstate(), decimal.localcontext():
        kept = [part.read() for part in _PARTS]
        if stir:
            np.random.random(3)  # noqa: NPY002
            random.random()  # noqa: S311
        show = warnings.showwarning
        if threads:
            warnings.filters = [("ignore", None, Warning, None, 0)]
            warnings.showwarning = _show_nothing
        before = [part.compared(part.read()) for part in _PARTS]
        loaded = len(sys.modules)
        ears = Ears()
        try:
            yield watch
        finally:
            changed = [*ears.close()]
            if threads:
                warnings.showwarning = show
            watch.printed = ears.heard
            for part, was, compared in zip(_PARTS, kept, before, strict=True):
                now = part.read()
                # a module that is imported may add filters of its own, once
                excused = part.name == FILTERS and (threads or len(sys.modules) > loaded)
                if part.compared(now) != compared and not excused:
                    changed.append(part.name)
                if part.compared(now) != part.compared(was):
                    with suppress(Exception):
                        part.restore(was)
            watch.changed = tuple(changed)


def _show_nothing(*args: object, **options: object) -> None:
    """Show no warning."""


class Ears:
    """Both standard streams, heard and kept silent until they are closed."""

    def __init__(self) -> None:
        here = threading.get_ident()
        others = frozenset(t.ident for t in threading.enumerate() if t.ident != here)
        self._streams = [sys.stdout, sys.stderr]
        self._ears = [_Ear(stream, others) for stream in self._streams]
        sys.stdout, sys.stderr = self._ears

    @property
    def heard(self) -> int:
        """Characters that were written."""
        return sum(ear.heard for ear in self._ears)

    def close(self) -> Iterator[str]:
        """Put the streams back; yield the name of one that was put in their place meanwhile."""
        for ear in self._ears:
            ear.open = False
        if [sys.stdout, sys.stderr] != self._ears:
            yield "standard streams"
        sys.stdout, sys.stderr = self._streams


class _Ear(io.TextIOBase):
    """A stream that swallows what is written; threads from before it still reach the old one."""

    def __init__(self, stream: Any, others: frozenset[int | None]) -> None:
        self.heard = 0
        self.open = True
        self._stream = stream
        self._others = others

    def write(self, text: str, /) -> int:
        if self._stream is not None and (not self.open or threading.get_ident() in self._others):
            return int(self._stream.write(text))
        self.heard += len(text)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None:
            self._stream.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation
        return int(self._stream.fileno())

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def buffer(self) -> "_Swallow":
        return _Swallow(self)


@dataclass
class _Swallow:
    """Where bytes are written to a stream that swallows them."""

    ear: _Ear = field(repr=False)

    def write(self, data: bytes) -> int:
        self.ear.heard += len(data)
        return len(data)

    def flush(self) -> None:
        self.ear.flush()


def _cwd() -> str | None:
    with suppress(OSError):
        return os.getcwd()  # noqa: PTH109
    return None


def _set_cwd(was: str | None) -> None:
    if was is not None:
        os.chdir(was)


def _set_path(was: list[str]) -> None:
    sys.path[:] = was


def _context() -> tuple[object, ...]:
    c = decimal.getcontext()
    traps = tuple(sorted(signal.__name__ for signal, on in c.traps.items() if on))
    return (c.prec, c.rounding, c.Emin, c.Emax, c.capitals, c.clamp, traps)


def _set_environment(was: dict[str, str]) -> None:
    for name in set(os.environ) - set(was):
        del os.environ[name]
    for name, value in was.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


def _set_filters(was: tuple[list[Any], tuple[Any, ...]]) -> None:
    owner, filters = was
    warnings.filters = owner
    warnings.resetwarnings()  # which tells the caches of modules that something changed
    owner[:] = filters


def _logging() -> tuple[object, ...]:
    root = logging.getLogger()
    return (root.level, tuple(root.handlers), root.disabled, root.manager.disable)


def _set_logging(was: Any) -> None:
    root = logging.getLogger()
    level, root.handlers[:], root.disabled, root.manager.disable = was
    root.setLevel(level)


def _set_gc(was: Any) -> None:
    enabled, thresholds = was
    gc.set_threshold(*thresholds)
    (gc.enable if enabled else gc.disable)()


def _frozen(state: Any) -> object:
    """Return a state that can be compared: dicts as pairs, arrays as their bytes."""
    if isinstance(state, dict):
        return tuple((key, _frozen(value)) for key, value in state.items())
    return state.tobytes() if isinstance(state, np.ndarray) else state


def _nothing(was: object) -> None:
    """Restore nothing: leaving `np.errstate` and `decimal.localcontext` does."""


_PARTS = (
    _Part("numpy error state", np.geterr, _nothing),
    _Part(
        "numpy random state",
        lambda: np.random.get_state(legacy=False),  # noqa: NPY002
        np.random.set_state,
        _frozen,
    ),
    _Part("random state", random.getstate, random.setstate),
    _Part("environment", lambda: dict(os.environ), _set_environment),
    _Part("working directory", _cwd, _set_cwd),
    _Part(
        "locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda was: locale.setlocale(locale.LC_ALL, was),
    ),
    _Part(
        FILTERS,
        lambda: (warnings.filters, tuple(warnings.filters)),
        _set_filters,
        lambda state: state[1],
    ),
    _Part("decimal context", _context, _nothing),
    _Part("module search path", lambda: list(sys.path), _set_path),
    _Part("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Part("logging", _logging, _set_logging),
    _Part("garbage collector", lambda: (gc.isenabled(), gc.get_threshold()), _set_gc),
)
