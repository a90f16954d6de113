"""Call a model in this process, or in a child process that can be killed after a time limit.

The child process is a new interpreter that does not run the user's program again: a script without
``if __name__ == "__main__":`` is not executed a second time, and no lock or thread is inherited.
The model is pickled and sent to the child. The child sends back plain values and arrays, which are
never unpickled. If a model can't be pickled (such as a lambda, or a function or class of a
notebook), it is called in a fork of this process, if the system supports forks.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from multiprocessing.reduction import ForkingPickler
from pkgutil import resolve_name
from typing import IO, Any, NamedTuple, cast

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.process_state import after_fork
from mlgates.redaction import describe
from mlgates.runtime.calls import Job, Reply, perform
from mlgates.runtime.wire import decode, encode
from mlgates.verdict import format_number

__all__ = ["START", "Serve", "Stored", "by_name", "served"]

Serve = Callable[[Job], list[Reply]]

#: Seconds that a new interpreter may take to start, and to load the model and its packages.
START = 120.0
_EXIT = 5.0
_CHILD = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from mlgates.runtime.process import main; main()"
)


class Stored(NamedTuple):
    """A model that is stored in a file, and that a child process loads itself.

    `load` is the name of a function, as "module:function". The child process calls it with `path`,
    and it returns the model.
    """

    load: str
    path: str


class SubprocessHost:
    """A child process in which a model is called with a time limit.

    A `Stored` model is loaded by the child process. Any other model is pickled and sent to it. The
    calls are given as jobs: a `Job` is a set of calls of the model. The child performs one job at a
    time. If a job takes longer than `timeout` seconds per call, the child and all processes that it
    started are killed, and the next job gets a new child.

    Examples
    --------
    >>> import os, numpy as np
    >>> host = SubprocessHost(os._exit, timeout=20)
    >>> [reply.problem for reply in host.perform(Job("application", (3,)))]
    ['ended with exit code 3']
    >>> host.close()
    """

    def __init__(self, model: object, timeout: float) -> None:
        self._model = model
        self._timeout = timeout
        self._child: _Child | None = None
        self._not_sent = ""  # why the model can't be sent to a new interpreter

    def perform(self, job: Job) -> list[Reply]:
        """Make the calls of a job in the child process, and return a `Reply` for each call.

        If the child process ends before it answers, all replies have the kind "stopped".
        EvidenceError is raised if the child process can't load the model.
        """
        calls = len(job.inputs) * max(job.rounds, 1)
        timeout = self._timeout * calls
        request = ForkingPickler.dumps(job)
        if self._child is None:
            self._child = self._start()
        replies = self._child.request(request, timeout)
        if replies is not None:
            return [Reply(*reply) for reply in replies]
        problem = self._child.ending(timeout)
        if self._child.overdue and self._not_sent:
            problem += (
                " (in a fork of this process, as the model can't be sent to a new interpreter: "
                f"{self._not_sent}; a fork of a process with threads can hang)"
            )
        self.close()
        return [Reply("stopped", problem=problem)] * calls

    def close(self) -> None:
        """Kill the child process and all processes that it started."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _start(self) -> "_Child":
        """Start a child process that has the model, and return it.

        It is a new interpreter, or a fork of this process if the model can't be pickled.
        """
        if not self._not_sent:
            with suppress_errors() as caught:  # a class may raise any exception when pickled
                request = ForkingPickler.dumps(self._model)
            if caught.error is not None:
                self._not_sent = describe(caught.error)
            else:
                child = _spawn()
                problem = child.request(request, START)
                if problem == "":
                    return child
                self._not_sent = f"it {child.ending(START)}" if problem is None else problem
                child.kill()
        problem = self._not_sent
        advice = "define the class of the model (or, if the model is a function, the function) in "
        advice += "a module that can be imported"
        if isinstance(self._model, Stored):
            msg = f"a new process can't load the model: {problem}"
            msg += f"; {advice}" if "'__main__'" in problem else ""
            raise EvidenceError(msg)
        if not hasattr(os, "fork"):
            raise EvidenceError(f"the model can't be sent to another process: {problem}; {advice}")
        return _fork(self._model)


@contextmanager
def served(model: object, timeout: float | None) -> Iterator[Serve]:
    """Yield a function that calls a model, in this process or in a child process.

    Use it as a context manager: ``with served(model, timeout) as serve:``. The function
    ``serve(job)`` makes the calls in `job`, and returns a `Reply` for each of them. If `timeout` is
    None, they are made in this process, without a time limit. Otherwise they are made in a child
    process, and `timeout` is the limit for each call in seconds. The child process is killed at the
    end of the ``with`` block.
    """
    if timeout is None:
        yield partial(perform, model)
    else:
        with closing(SubprocessHost(model, timeout)) as host:
            yield host.perform


class _Child:
    """A child process with its own process group, to which two pipes are connected."""

    def __init__(
        self, process: "subprocess.Popen[bytes] | _Fork", to: IO[bytes], back: IO[bytes]
    ) -> None:
        self._process = process
        self._to, self._back = to, back
        self.overdue = False

    def request(self, data: Any, timeout: float) -> Any:
        """Send a message to the child and return its answer.

        The result is None if the child ended before it answered, or was killed after `timeout`
        seconds.
        """
        timer = threading.Timer(min(timeout, threading.TIMEOUT_MAX), self._expire)
        timer.daemon = True
        timer.start()
        try:
            _write(self._to, data)
            return decode(_read(self._back))
        except (OSError, EOFError, ValueError):  # it ended, or wrote only a part of an answer
            return None
        finally:
            timer.cancel()
            timer.join()

    def _expire(self) -> None:
        self.overdue = self._process.poll() is None
        self._kill_group()

    def ending(self, timeout: float) -> str:
        """Return how the child process ended, such as "ended with exit code 1", for a message."""
        code = None
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(_EXIT)
        if self.overdue:
            return f"took longer than {format_number(timeout, 's')} and was stopped"
        if code is None:
            return "closed its pipe before it answered"
        if code < 0:
            name = next((s.name for s in signal.Signals if s == -code), "an unknown signal")
            return f"ended by signal {-code} ({name})"
        return f"ended with exit code {code}"

    def _kill_group(self) -> None:
        """Kill the child and all processes that it started."""
        if hasattr(os, "killpg"):
            with suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(OSError):
            self._process.kill()

    def kill(self) -> None:
        """Kill the child and all processes that it started, and close the pipes."""
        self._kill_group()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_EXIT)
        for pipe in (self._to, self._back):
            with suppress(OSError):
                pipe.close()


class _Fork:
    """A process started by `os.fork`, with the methods of `subprocess.Popen` that are used here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._code: int | None = None

    def poll(self) -> int | None:
        if self._code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # the user's program has waited for it already
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


def _spawn() -> _Child:
    """Start a new Python interpreter that runs `main` of this module."""
    if not sys.executable:
        raise EvidenceError(
            "a child process needs a Python interpreter, and `sys.executable` is empty"
        )
    flags = [f"-W{option}" for option in sys.warnoptions]
    popen = subprocess.Popen(  # noqa: S603  (this interpreter, fixed code)
        [sys.executable, *flags, "-c", _CHILD, json.dumps(sys.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    return _Child(popen, cast("IO[bytes]", popen.stdin), cast("IO[bytes]", popen.stdout))


def _fork(model: object) -> _Child:
    """Fork this process; the child process makes calls of the model."""
    requests, to = os.pipe()
    back, answers = os.pipe()
    for stream in (sys.stdout, sys.stderr):
        with suppress_errors():
            stream.flush()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setsid()
            os.close(to)
            os.close(back)
            after_fork()
            _detach()
            _serve(model, os.fdopen(requests, "rb"), os.fdopen(answers, "wb"))
            code = 0
        finally:
            os._exit(code)
    os.close(requests)
    os.close(answers)
    return _Child(_Fork(pid), os.fdopen(to, "wb"), os.fdopen(back, "rb"))


def main() -> None:
    """Run the child process that calls a model for another process.

    It reads the model from a pipe. Then it reads jobs (sets of calls), performs them and writes the
    replies, until the pipe is closed. The first reply is "" if the model was loaded, and otherwise
    says what is wrong.
    """
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    first = _read(requests)
    _detach()
    model, problem = None, ""
    with suppress_errors() as caught:  # a class or `load` may raise any exception
        model = ForkingPickler.loads(first)  # from the process that started this one
        if isinstance(model, Stored):
            model = by_name(model.load)(model.path)
    if caught.error is not None:
        problem = describe(caught.error)
    _write(answers, encode(problem))
    _serve(model, requests, answers)


def _detach() -> None:
    """Discard all output, and end this process as soon as its parent process ends."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _serve(model: object, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Read jobs (sets of calls) from a pipe and write replies, until the pipe is closed."""
    with suppress(EOFError, OSError):
        while True:
            job = ForkingPickler.loads(_read(requests))
            _write(answers, encode(perform(model, job)))


def by_name(name: str) -> Callable[..., Any]:
    """Import a function given as ``"module:function"``; raise EvidenceError if that fails."""
    try:
        function = resolve_name(name)
    except (ImportError, AttributeError, ValueError) as error:
        raise EvidenceError(f"`{name}` can't be imported: {type(error).__name__}") from error
    if not callable(function):
        raise EvidenceError(f"`{name}` is a {type(function).__name__}, which can't be called")
    return function  # type: ignore[no-any-return]


def _write(pipe: IO[bytes], data: Any) -> None:
    """Write the size of a message to a pipe, and then the message."""
    data = memoryview(data)
    pipe.write(len(data).to_bytes(8, "big"))
    pipe.write(data)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """Read one message from a pipe; raise EOFError if the pipe ends within the message."""
    header = pipe.read(8)
    size = int.from_bytes(header, "big")
    data = pipe.read(size) if len(header) == 8 else b""
    if len(header) < 8 or len(data) < size:
        raise EOFError
    return data
