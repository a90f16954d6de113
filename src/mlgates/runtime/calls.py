"""One call of a model, or several at once: what it answered and what else it did.

A job is performed where the model is: in this process or in a child; its reply is made of plain
values and arrays, so that it can travel.
"""

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

import numpy as np

from mlgates.redaction import describe
from mlgates.runtime.answers import MalformedError, predictions, probabilities
from mlgates.runtime.state import watched
from mlgates.runtime.wire import NotPlainError, plain
from mlgates.tables.rows import rows_like

__all__ = ["Job", "Method", "Reply", "method_of", "perform"]

Method = Literal["predict", "predict_proba", "application"]
Kind = Literal["answer", "malformed", "raised", "stopped"]

_PHASES = 3
_HASTE = 1e-5  # seconds after which threads take turns, so that those that disturb each other do


@dataclass(frozen=True)
class Job:
    """What to ask of a model.

    Parameters
    ----------
    method : {"predict", "predict_proba", "application"}
        What to call.
    inputs : tuple
        One table for each call; for an application one request.
    rows : tuple of int
        How many answers each is due.
    rounds : int
        0 to call once for each input, one after another; more to call at the same time from a
        thread for each input, so many times each.
    phase : int
        Where above 0, the one input is called so many times in each of three phases, and the answer
        is the memory in use after each, in bytes.
    stir : bool
        As in `watched`.
    known : frozenset of str
        Names that the message of an exception may show.
    """

    method: Method
    inputs: tuple[Any, ...]
    rows: tuple[int, ...]
    rounds: int = 0
    phase: int = 0
    stir: bool = False
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Reply:
    """What came of one call.

    Parameters
    ----------
    kind : {"answer", "malformed", "raised", "stopped"}
        "stopped" when its process ended, or was ended, before it answered.
    answer : array or plain value
        Of an "answer".
    said : str
        Otherwise what happened, as a clause.
    clear : bool
        Whether what it raised says something to a caller.
    inputs : tuple of str
        What it changed of its input.
    state : tuple of str
        What it changed of the process's state.
    printed : int
        Characters it wrote to the standard streams.
    """

    kind: Kind
    answer: Any = None
    said: str = ""
    clear: bool = False
    inputs: tuple[str, ...] = ()
    state: tuple[str, ...] = ()
    printed: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return the reply as `from_dict` reads it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> "Reply":
        """Return the reply that `as_dict` wrote."""
        tuples = {name: tuple(given[name]) for name in ("inputs", "state")}
        return cls(**{**given, **tuples})


class _Outcome(NamedTuple):
    kind: Kind
    answer: Any = None
    said: str = ""
    clear: bool = False


def method_of(model: Any, method: Method) -> Callable[[Any], object]:
    """Return what is called: a method of the model, or the model where it is a function."""
    if method == "predict_proba":
        found: Callable[[Any], object] = model.predict_proba
    else:
        found = model if method == "application" else getattr(model, "predict", model)
    return found


def perform(model: Any, job: Job) -> list[Reply]:
    """Return a reply for each call of a job, in the order of its inputs.

    The model gets copies of its inputs, which are compared with the originals afterwards; what it
    changes of the process's state is put back.
    """
    if job.phase:
        return [_memory_in_use(model, job)]
    calls = job.inputs * max(job.rounds, 1)
    copies = [_copied(job.method, value) for value in calls]
    rows = job.rows * max(job.rounds, 1)
    outcomes: list[_Outcome] = [_Outcome("raised", said="was not called")] * len(calls)

    def one(i: int) -> None:
        outcomes[i] = _called(model, job.method, copies[i], rows[i], job.known)

    with watched(stir=job.stir, threads=job.rounds > 0) as watch:
        if job.rounds:
            _together(one, len(job.inputs), job.rounds)
        else:
            for i in range(len(calls)):
                one(i)
    return [
        Reply(
            *outcome,
            inputs=_changes(job.method, given, copy),
            state=watch.changed,
            printed=watch.printed,
        )
        for given, copy, outcome in zip(calls, copies, outcomes, strict=True)
    ]


def _memory_in_use(model: Any, job: Job) -> Reply:
    """Return the memory of Python and numpy after each of three phases of calls, one as another.

    The first phase takes what is kept once, such as modules that are imported and caches.
    """
    (given,), (rows,) = job.inputs, job.rows
    in_use = []
    ours = not tracemalloc.is_tracing()
    if ours:
        tracemalloc.start()
    try:
        with watched() as watch:
            for _ in range(_PHASES):
                for _ in range(job.phase):
                    copy = _copied(job.method, given)
                    outcome = _called(model, job.method, copy, rows, job.known)
                    if outcome.kind != "answer":
                        return Reply(*outcome)
                del copy, outcome
                gc.collect()
                in_use.append(tracemalloc.get_traced_memory()[0])
    finally:
        if ours:
            tracemalloc.stop()
    answer = np.array(in_use, dtype=np.float64)
    return Reply("answer", answer, state=watch.changed, printed=watch.printed)


def _together(one: Callable[[int], None], threads: int, rounds: int) -> None:
    """Call in a thread for each input, all at the same time, round after round."""
    start = threading.Barrier(threads)

    def several(thread: int) -> None:
        start.wait()
        for turn in range(rounds):
            one(turn * threads + thread)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(_HASTE)
    try:
        workers = [threading.Thread(target=several, args=(i,)) for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)


def _called(model: Any, method: Method, given: Any, rows: int, known: Collection[str]) -> _Outcome:
    try:
        answer = method_of(model, method)(given)
    except SystemExit as error:
        return _Outcome("raised", said=f"asked the process to exit with code {error.code!r:.40}")
    except Exception as error:  # noqa: BLE001  (whatever a model raises is an observation)
        unclear = isinstance(error, MemoryError | RecursionError) or not _message(error)
        return _Outcome("raised", said=f"raised {describe(error, known)}", clear=not unclear)
    try:
        return _Outcome("answer", _read(method, answer, rows))
    except MalformedError as error:
        return _Outcome("malformed", said=str(error))


def _message(error: Exception) -> str:
    try:
        return str(error).strip()
    except Exception:  # noqa: BLE001  (an exception that can't be printed says nothing)
        return ""


def _read(method: Method, answer: Any, rows: int) -> object:
    if method == "predict":
        return predictions(answer, rows)
    if method == "predict_proba":
        return probabilities(answer, rows)
    if isinstance(answer, Coroutine):
        answer.close()
        msg = "gave a coroutine: an asynchronous application must be called by a plain function"
        raise MalformedError(msg)
    try:
        return plain(answer)
    except NotPlainError as error:
        wanted = "numbers, texts, lists and mappings are wanted, such as the body of a response"
        msg = f"gave {error}; {wanted}"
        raise MalformedError(msg) from None


def _copied(method: Method, value: Any) -> Any:
    return rows_like(value, request=method == "application").copy()


def _changes(method: Method, given: Any, copy: Any) -> tuple[str, ...]:
    return rows_like(given, request=method == "application").differences(copy)
