"""Calls of a model, timed: one after another, or sent by a schedule whether or not it keeps up."""

import gc
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.redaction import describe
from mlgates.runtime.clock import SECOND, Clock

__all__ = ["Timing", "Turn", "closed_loop", "collecting", "joined", "open_loop", "peak_memory"]

Floats = npt.NDArray[np.float64]
Predict = Callable[[Any], object]

#: Of the rate that was asked for; below it the generator is saturated.
LEAST_RATE = 0.95
#: A send so much after its moment, though the server was free, is the generator's fault.
_LATE = 0.001


class Turn(NamedTuple):
    """Which of the models is called next, and with what."""

    model: int
    batch: Any


@dataclass(frozen=True, eq=False)
class Timing:
    """What the calls of one model took, in their order.

    Parameters
    ----------
    latencies : numpy.ndarray of float64
        Seconds; infinite for a call that failed. In a closed loop from the start of the call
        (service time), in an open loop from the moment it was due.
    service : numpy.ndarray of float64
        Seconds from the start of each call to its end, failed or not.
    late : int
        Calls that were sent late though the server was free; only in an open loop.
    elapsed : float
        Seconds from the first moment due to the end of the last call.
    rate : float
        Calls a second that were asked for; 0 in a closed loop.
    failure : str
        The first exception, described; empty when no call failed.
    """

    latencies: Floats
    service: Floats
    late: int = 0
    elapsed: float = 0.0
    rate: float = 0.0
    failure: str = ""

    @property
    def achieved(self) -> float:
        """Calls a second that were answered."""
        return len(self.service) / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def saturated(self) -> bool:
        """Whether an open loop fell behind its schedule: its latencies grow with its length."""
        if not self.rate:
            return False
        busy = float(self.service.sum()) * self.rate / max(len(self.service), 1)
        return self.achieved < LEAST_RATE * self.rate or busy >= 1


@dataclass
class _Notes:
    """What is written down while calls are made."""

    start: list[int]
    end: list[int]
    failed: list[int]
    failure: str = ""

    def fail(self, error: BaseException) -> None:
        self.failed.append(len(self.end))
        self.failure = self.failure or describe(error)

    def timing(self, since: Sequence[int]) -> Timing:
        """Return the timing with latencies that count from these moments."""
        start, end = (np.array(moments, np.int64) for moments in (self.start, self.end))
        latencies = (end - np.array(since, np.int64)) / SECOND
        latencies[self.failed] = np.inf
        return Timing(latencies, (end - start) / SECOND, failure=self.failure)


def closed_loop(models: Sequence[Predict], turns: Iterable[Turn], clock: Clock) -> list[Timing]:
    """Call models in turns, each call after the answer of the last; return a timing for each.

    Parameters
    ----------
    models : sequence of callable
        Each takes one batch.
    turns : iterable of Turn
        Whose turn it is, and with what.
    clock : Clock
        Tells the time.

    Notes
    -----
    What is timed is the service alone: while a call lasts none waits, so that a pause is seen once,
    however many requests it would have held up.
    """
    notes = [_Notes([], [], []) for _ in models]
    now = clock.now
    for which, batch in turns:
        predict, note = models[which], notes[which]
        start = now()
        try:
            answer = predict(batch)
            end = now()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a failed call is a finding)
            answer, end = None, now()
            note.fail(error)
        del answer  # what it takes to forget the answer is not part of a call
        note.start.append(start)
        note.end.append(end)
    return [note.timing(note.start) for note in notes]


def open_loop(predict: Predict, batches: Iterable[Any], rate: float, clock: Clock) -> Timing:
    """Send calls by a schedule to one server; latencies count from the moment each was due.

    Call i is due ``i / rate`` seconds after the first, whatever the calls before it took; one that
    finds the server busy waits, and the waiting counts.

    Parameters
    ----------
    predict : callable
        Takes one batch; one call at a time, as one worker serves.
    batches : iterable
        What the calls are made with.
    rate : float
        Calls a second.
    clock : Clock
        Tells the time and waits.

    References
    ----------
    .. [1] Schroeder, B., Wierman, A. and Harchol-Balter, M. (2006). Open versus closed: a
       cautionary tale. NSDI 2006.
    """
    note, due = _Notes([], [], []), list[int]()
    late, now = 0, clock.now
    first = free = now()
    for i, batch in enumerate(batches):
        moment = first + round(i / rate * SECOND)
        clock.wait_until(moment)
        start = now()
        late += start - max(moment, free) > _LATE * SECOND
        try:
            answer = predict(batch)
            free = now()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a failed call is a finding)
            answer, free = None, now()
            note.fail(error)
        del answer
        due.append(moment)
        note.start.append(start)
        note.end.append(free)
    timing = note.timing(due)
    # the last call is given its time of the schedule too
    elapsed = max((free - first) / SECOND, len(due) / rate)
    return Timing(timing.latencies, timing.service, late, elapsed, rate, timing.failure)


def joined(parts: Sequence[Timing]) -> Timing:
    """Return runs that followed one another as one."""
    return Timing(
        np.concatenate([part.latencies for part in parts]),
        np.concatenate([part.service for part in parts]),
        sum(part.late for part in parts),
        sum(part.elapsed for part in parts),
        parts[0].rate,
        next((part.failure for part in parts if part.failure), ""),
    )


@contextmanager
def collecting(*, disabled: bool) -> Iterator[None]:
    """Leave the garbage collector as it is, or keep it from running."""
    was = gc.isenabled()
    if disabled:
        gc.collect()
        gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def peak_memory(predict: Predict, batch: object) -> int | None:
    """Return the most bytes that one call held at a time; None when it raised.

    What Python and numpy allocate is counted, not what other libraries take from the system
    themselves. Counting makes a call slow: it is made apart from those that are timed.
    """
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with suppress(Exception, SystemExit):
            answer = predict(batch)
            _, peak = tracemalloc.get_traced_memory()
            del answer
            return max(peak - before, 0)
    finally:
        if not running:
            tracemalloc.stop()
    return None
