"""Where a model runs: in this process, or in a child that can be killed.

A child is a fresh interpreter that runs no line of the program that started it: a script without
``if __name__ == "__main__":`` is not run again, and no lock or thread is inherited. The model
travels there pickled, over a pipe, by the process that has it; what comes back is plain values and
arrays, and is never unpickled. A model that can't travel so (a function or a class of a notebook,
a lambda) is served by a fork of this process where the system has forks.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from multiprocessing.reduction import ForkingPickler
from typing import IO, Any, NamedTuple, Protocol

from mlgates.errors import EvidenceError
from mlgates.limits import format_number
from mlgates.redaction import describe
from mlgates.runtime.calls import Job, Reply, perform
from mlgates.runtime.state import after_fork
from mlgates.runtime.wire import decode, encode

__all__ = ["Apart", "Here", "Host", "Live", "Stored", "by_name", "main"]

#: seconds that an interpreter may take to start, import what the model needs, and load it
START = 120.0
_GOODBYE = 5.0
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from mlgates.runtime.process import main; main()"
)


class Host(Protocol):
    """Where a model is called."""

    def perform(self, job: Job) -> list[Reply]:
        """Return a reply for each call of the job."""

    def close(self) -> None:
        """Let go of whatever serves the model."""


class Here:
    """A model called in this process: what it does to the process, it does."""

    def __init__(self, model: object) -> None:
        self._model = model

    def perform(self, job: Job) -> list[Reply]:
        """Return a reply for each call of the job."""
        return perform(self._model, job)

    def close(self) -> None:
        """Nothing has to be let go."""


class Live(NamedTuple):
    """A model that is here, to be handed to a child."""

    model: object


class Stored(NamedTuple):
    """A model that a child loads: the name of the function that loads it, and the path."""

    load: str
    path: str


class _Unloadable(Exception):  # an answer, not a fault
    """A fresh interpreter can't get hold of the model."""


class Apart:
    """A model served by a child, one call at a time, each within its time.

    Parameters
    ----------
    source : Live or Stored
        The model.
    timeout : float
        Seconds that one call may take; then the child and all that it started is killed. The next
        call gets a new child.

    Examples
    --------
    >>> import os, numpy as np
    >>> host = Apart(Live(os._exit), timeout=20)
    >>> [reply.said for reply in host.perform(Job("application", (3,), (1,)))]
    ['ended its process with exit code 3']
    >>> host.close()
    """

    def __init__(self, source: Live | Stored, timeout: float) -> None:
        self._source = source
        self._timeout = timeout
        self._child: _Child | None = None
        self._forks: str | None = None

    def perform(self, job: Job) -> list[Reply]:
        """Return a reply for each call of the job; all "stopped" when the child did not live.

        Raises
        ------
        EvidenceError
            When no child can get hold of the model.
        """
        calls = len(job.inputs) * max(job.rounds, 1)
        request = ForkingPickler.dumps(job)
        if self._child is None:
            self._child = self._start()
        reply = self._child.ask(request, self._timeout * calls)
        if reply is None:
            said = self._child.ending(self._timeout * calls)
            hint = self._hint() if self._child.overdue else ""
            self.close()
            return [Reply("stopped", said=said + hint)] * calls
        return [Reply.from_dict(given) for given in reply["replies"]]

    def close(self) -> None:
        """End the child, if there is one, with all that it started."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _hint(self) -> str:
        if self._forks is None:
            return ""
        return (
            " (in a fork of this process, because the model can't be handed to a fresh one: "
            f"{self._forks}; a fork of a process with threads can hang)"
        )

    def _start(self) -> "_Child":
        if self._forks is None:
            try:
                return self._fresh()
            except _Unloadable as error:
                if isinstance(self._source, Stored):
                    msg = f"a fresh process can't load the model: {error}"
                    if "'__main__'" in msg:
                        msg += "; define its class, or the function, in a module"
                    raise EvidenceError(msg) from None
                self._forks = str(error)
        if not hasattr(os, "fork"):
            how = "define its class, or the function, in a module that can be imported"
            msg = f"the model can't be handed to another process: {self._forks}; {how}"
            raise EvidenceError(msg)
        return _forked(self._source[0])

    def _fresh(self) -> "_Child":
        """Return a fresh interpreter that has the model."""
        try:
            first = ForkingPickler.dumps(self._source)
        except Exception as error:  # noqa: BLE001  (whatever a class raises when it is pickled)
            raise _Unloadable(describe(error)) from None
        child = _spawned()
        reply = child.ask(first, START)
        if reply is not None and reply["said"] is None:
            return child
        said = child.ending(START) if reply is None else reply["said"]
        child.kill()
        raise _Unloadable(said)


class _Child:
    """A process at the other end of two pipes, the leader of its own group."""

    def __init__(self, process: "_Process", to: IO[bytes], back: IO[bytes]) -> None:
        self._process = process
        self._to, self._back = to, back
        self.overdue = False

    def ask(self, request: Any, timeout: float) -> Any:
        """Return the child's answer; None when it ended, or was ended, before it gave one."""
        timer = threading.Timer(min(timeout, threading.TIMEOUT_MAX), self._expire)
        timer.daemon = True
        timer.start()
        try:
            _write(self._to, request)
            return decode(_read(self._back))
        except (OSError, EOFError, ValueError):  # it is gone, or wrote half an answer
            return None
        finally:
            timer.cancel()
            timer.join()

    def _expire(self) -> None:
        self.overdue = self._process.poll() is None
        self._end()

    def ending(self, timeout: float) -> str:
        """Return how the child came to its end, as a clause."""
        code = self._process.wait(_GOODBYE)
        if self.overdue:
            return f"took longer than {format_number(timeout, 's')} and was stopped"
        if code is None:
            return "closed the pipe on which its answer was due"
        if code < 0:
            name = next((s.name for s in signal.Signals if s == -code), "an unknown signal")
            return f"ended its process by signal {-code} ({name})"
        return f"ended its process with exit code {code}"

    def _end(self) -> None:
        """Kill the group that the child leads: workers that it started, too."""
        if hasattr(os, "killpg"):
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._process.kill()

    def kill(self) -> None:
        """End the child and close the pipes."""
        self._end()
        self._process.wait(_GOODBYE)
        for pipe in (self._to, self._back):
            with suppress(OSError):
                pipe.close()


class _Process(Protocol):
    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int | None: ...
    def kill(self) -> None: ...


class _Spawned:
    """A process that `subprocess` started."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self._popen = popen
        self.pid = popen.pid

    def poll(self) -> int | None:
        return self._popen.poll()

    def wait(self, timeout: float) -> int | None:
        with suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout)
        return None

    def kill(self) -> None:
        self._popen.kill()


class _Forked:
    """A process that `os.fork` started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # the program has its children collected
                self._code = 0
            else:
                self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def wait(self, timeout: float) -> int | None:
        end = time.monotonic() + timeout
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.005)
        return self._code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


def _spawned() -> _Child:
    if not sys.executable:
        msg = "a model is served apart by a Python interpreter, and there is none to start"
        raise EvidenceError(msg)
    flags = [f"-W{option}" for option in sys.warnoptions]
    popen = subprocess.Popen(  # noqa: S603  (this interpreter, fixed code)
        [sys.executable, *flags, "-c", _CHILD, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if popen.stdin is None or popen.stdout is None:
        msg = "a process without pipes"
        raise EvidenceError(msg)
    return _Child(_Spawned(popen), popen.stdin, popen.stdout)


def _forked(model: object) -> _Child:
    there, to = os.pipe()
    back, here = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setsid()
            os.close(to)
            os.close(back)
            after_fork()
            _serve(os.fdopen(there, "rb"), os.fdopen(here, "wb"), lambda: model)
            code = 0
        finally:
            os._exit(code)
    os.close(there)
    os.close(here)
    return _Child(_Forked(pid), os.fdopen(to, "wb"), os.fdopen(back, "rb"))


def main() -> None:
    """Serve the model that comes first on the standard input; the start of a child."""
    there = os.fdopen(os.dup(0), "rb")
    here = os.fdopen(os.dup(1), "wb")
    source = ForkingPickler.loads  # of what the process that started this one wrote
    first = _read(there)

    def model() -> object:
        given = source(first)
        return by_name(given.load)(given.path) if isinstance(given, Stored) else given.model

    _serve(there, here, model, ready=True)


def _serve(
    there: IO[bytes], here: IO[bytes], get: Callable[[], object], *, ready: bool = False
) -> None:
    """Answer jobs until the other end closes the pipe; what the model prints goes nowhere."""
    _silence()
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    said = None
    try:
        model = get()
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever a class or `load` raises)
        said, model = describe(error), None
    if ready:
        _write(here, encode({"said": said}))
    with suppress(EOFError, OSError):
        while True:
            job = ForkingPickler.loads(_read(there))
            replies = [reply.as_dict() for reply in perform(model, job)]
            _write(here, encode({"replies": replies}))


def _silence() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)


def _leave_with(parent: int) -> None:
    """End this process when the one that started it is gone."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def by_name(name: str) -> Callable[..., Any]:
    """Return what a name ``"module:function"`` stands for.

    Raises
    ------
    EvidenceError
        When nothing callable has that name.

    Examples
    --------
    >>> by_name("os.path:join")("a", "b")
    'a/b'
    """
    module, _, path = name.partition(":")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        msg = f"`{name}` can't be imported: {type(error).__name__}"
        raise EvidenceError(msg) from error
    if not callable(found):
        msg = f"`{name}` is a {type(found).__name__}, which can't be called"
        raise EvidenceError(msg)
    return found  # type: ignore[no-any-return]


def _write(pipe: IO[bytes], data: Any) -> None:
    data = memoryview(data)
    pipe.write(len(data).to_bytes(8, "big"))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    data = pipe.read(size := int.from_bytes(_exactly(pipe, 8), "big"))
    if len(data) < size:
        raise EOFError
    return data


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise EOFError
    return data
