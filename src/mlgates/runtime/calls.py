"""Call a model, also from several threads, and record its answers and side effects.

A job is a set of calls that are made in this process or in a child process. The replies are plain
values and arrays, so that a child process can send them back.
"""

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from mlgates.errors import suppress_errors
from mlgates.process_state import watched
from mlgates.redaction import describe
from mlgates.runtime.answers import MalformedError, predictions, probabilities, response
from mlgates.runtime.timing import tracing
from mlgates.tables.rows import rows_like

__all__ = ["Job", "Method", "Reply"]

Method = Literal["predict", "predict_proba", "application"]

_PHASES = 3
_SWITCH_INTERVAL = 1e-5  # seconds between switches of threads: short, to provoke race conditions


@dataclass(frozen=True)
class Job:
    """Says which calls of one method of a model to make; `perform` makes them.

    A job can be sent to a child process. `method` is the name of the called method. An input is a
    table, or one request to an application. The calls are made in one of three ways:

    - By default, there is one call for each input, one after another.
    - With `rounds` above 0, there is a thread for each input. Each thread makes this number of
      calls, and all threads start each call together.
    - With `phase` above 0, there is only one input. It is used for this number of calls in each of
      three phases, and the answer is the memory in use after each phase, in bytes.

    With `advance_rng`, the global random number generators are advanced before the calls, so that
    an answer which depends on them changes. In messages of exceptions, strings are hidden, because
    they could be values of the data; names in `column_names` are not hidden.
    """

    method: Method
    inputs: tuple[Any, ...]
    rounds: int = 0
    phase: int = 0
    advance_rng: bool = False
    column_names: frozenset[str] = frozenset()


class Reply(NamedTuple):
    """The answer to one call, and the side effects of the call and of its job.

    A job is a set of calls, as `Job` describes. Effects on the process, such as printed characters,
    are recorded for the whole job instead of for each call.

    Parameters
    ----------
    kind : {"answer", "malformed", "raised", "stopped"}
        "answer": the model answered. "malformed": its answer has the wrong form for the method.
        "raised": the call raised an exception. "stopped": the process ended or was killed before it
        answered.
    answer : array or plain value
        The answer. None for the other kinds.
    problem : str
        What happened, as a part of a sentence. Empty for the kind "answer".
    explained : bool
        For the kind "raised": whether the exception has a message, which can tell the caller what
        is wrong. False for exceptions such as MemoryError.
    changed_inputs : sequence of str
        Parts of the input that the call changed, such as "index".
    changed_state : sequence of str
        Global state of the process that any call of the job changed, such as "random state".
    printed : int
        Number of characters that all calls of the job together wrote to the standard streams.
    """

    kind: Literal["answer", "malformed", "raised", "stopped"]
    answer: Any = None
    problem: str = ""
    explained: bool = False
    changed_inputs: Sequence[str] = ()
    changed_state: Sequence[str] = ()
    printed: int = 0


def perform(model: Any, job: Job) -> list[Reply]:
    """Make all calls of a job in this process, and return a `Reply` for each call.

    The replies are in the order of the inputs; with several rounds, those of the first round come
    first. The model gets copies of the inputs. Afterwards, these copies are compared with the
    originals. Global state of the process that the calls changed is restored.
    """
    if job.phase:
        return [_memory_in_use(model, job)]
    threads = len(job.inputs)
    request = job.method == "application"
    originals = [rows_like(value, request=request) for value in job.inputs] * max(job.rounds, 1)
    copies = [original.copy() for original in originals]
    replies = [Reply("raised", problem="was not called")] * len(copies)

    def call(i: int) -> None:
        replies[i] = _call(model, job, copies[i], originals[i].n)

    with watched(advance_rng=job.advance_rng, threads=job.rounds > 0) as watch:
        if job.rounds:
            _in_threads(call, [range(i, len(copies), threads) for i in range(threads)])
        else:
            for i in range(len(copies)):
                call(i)
    return [
        reply._replace(
            changed_inputs=original.differences(copy),
            changed_state=watch.changed,
            printed=watch.printed,
        )
        for original, copy, reply in zip(originals, copies, replies, strict=True)
    ]


def _memory_in_use(model: Any, job: Job) -> Reply:
    """Return a reply with the memory that Python and numpy use after each of three phases.

    The same number of calls with the same input is made in each phase. Modules and caches that are
    loaded once and then kept are usually loaded in the first phase. If a call fails, its reply is
    returned instead.
    """
    original = rows_like(job.inputs[0], request=job.method == "application")
    in_use = []
    with tracing(), watched() as watch:
        for _ in range(_PHASES):
            for _ in range(job.phase):
                copy = original.copy()
                reply = _call(model, job, copy, original.n)
                if reply.kind != "answer":
                    return reply
            del copy, reply
            gc.collect()
            in_use.append(tracemalloc.get_traced_memory()[0])
    answer = np.array(in_use, dtype=np.float64)
    return Reply("answer", answer, changed_state=watch.changed, printed=watch.printed)


def _in_threads(call: Callable[[int], None], parts: Sequence[range]) -> None:
    """Make numbered calls in several threads.

    There is one thread for each element of `parts`. It makes the calls with the numbers in this
    range. All threads start their first call together, then their second call, and so on.
    """
    barrier = threading.Barrier(len(parts))

    def start(part: range) -> None:
        for i in part:
            barrier.wait()
            call(i)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_INTERVAL)
    try:
        workers = [threading.Thread(target=start, args=(part,)) for part in parts]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)


def _call(model: Any, job: Job, value: Any, rows: int) -> Reply:
    """Make one call, check the form of the answer, and return the reply.

    The reply does not include the side effects of the call; the caller adds them. `rows` is the
    expected number of rows of the answer.
    """
    with suppress_errors() as caught:  # an exception of the model is a result
        if job.method == "application":
            answer = model(value)
        elif job.method == "predict_proba":
            answer = model.predict_proba(value)
        else:
            answer = getattr(model, "predict", model)(value)
    error = caught.error
    if isinstance(error, SystemExit):
        return Reply("raised", problem=f"raised SystemExit with code {error.code!r:.40}")
    if error is not None:
        explained = False
        with suppress_errors():  # `str` may raise, too
            kind = MemoryError | RecursionError
            explained = bool(str(error).strip()) and not isinstance(error, kind)
        problem = f"raised {describe(error, job.column_names)}"
        return Reply("raised", problem=problem, explained=explained)
    try:
        if job.method == "application":
            return Reply("answer", response(answer))
        if job.method == "predict":
            return Reply("answer", predictions(answer, rows))
        return Reply("answer", probabilities(answer, rows, _classes(model)))
    except MalformedError as error:
        return Reply("malformed", problem=f"gave {error}")


def _classes(model: Any) -> list[object]:
    """Return the `classes_` of a model as a list; an empty list if it has none."""
    with suppress_errors():  # no attribute, or a property that raises
        return list(getattr(model.classes_, "tolist", lambda: model.classes_)())
    return []
