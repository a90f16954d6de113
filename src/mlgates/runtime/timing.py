"""Time calls of a model: one after another, or sent by a schedule that does not wait for it."""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.redaction import describe

__all__ = [
    "SECOND",
    "Clock",
    "Timing",
    "Turn",
    "closed_loop",
    "collecting",
    "joined",
    "open_loop",
    "peak_memory",
]

Floats = npt.NDArray[np.float64]
Predict = Callable[[Any], object]

#: In ticks of the clock, which are nanoseconds.
SECOND = 1_000_000_000
#: The system may wake a sleeping thread so much too late; the rest of a wait is spent awake.
_COARSE = 2_000_000
#: Share of the requested rate below which an open loop is saturated.
_LEAST_RATE = 0.95
#: Seconds of delay, though the server was free, that make a call late.
_LATE = 0.001


class Clock:
    """A monotonic clock in nanoseconds.

    Examples
    --------
    >>> clock = Clock()
    >>> before = clock.now()
    >>> clock.wait_until(before + SECOND // 1_000)
    >>> clock.now() - before >= SECOND // 1_000
    True
    """

    def now(self) -> int:
        """Return the present moment."""
        return time.perf_counter_ns()

    def sleep(self, seconds: float) -> None:
        """Sleep for at least so long."""
        time.sleep(seconds)

    def wait_until(self, moment: int) -> None:
        """Wait until a moment: sleep, then loop for the last 2 ms."""
        ahead = moment - self.now()
        if ahead > _COARSE:
            self.sleep((ahead - _COARSE) / SECOND)
        while self.now() < moment:
            pass


class Turn(NamedTuple):
    """The model to call next, and its input."""

    model: int
    batch: Any


@dataclass(frozen=True, eq=False)
class Timing:
    """Times of the calls of one model, in their order.

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
        Requested calls a second; 0 in a closed loop.
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
        """Whether an open loop fell behind its schedule, so that latencies grow with its length."""
        if not self.rate:
            return False
        busy = float(self.service.sum()) * self.rate / max(len(self.service), 1)
        return self.achieved < _LEAST_RATE * self.rate or busy >= 1


@dataclass
class _Log:
    """Moments of calls, and the numbers of those that failed."""

    start: list[int] = field(default_factory=list)
    end: list[int] = field(default_factory=list)
    failed: list[int] = field(default_factory=list)
    failure: str = ""

    def fail(self, error: BaseException) -> None:
        """Record that the call to be logged next failed."""
        self.failed.append(len(self.end))
        self.failure = self.failure or describe(error)

    def timing(self, due: Sequence[int]) -> Timing:
        """Return the timing, with latencies from the moments that calls were due."""
        start, end = np.array(self.start, np.int64), np.array(self.end, np.int64)
        latencies = (end - np.array(due, np.int64)) / SECOND
        latencies[self.failed] = np.inf
        return Timing(latencies, (end - start) / SECOND, failure=self.failure)


def closed_loop(models: Sequence[Predict], turns: Iterable[Turn], clock: Clock) -> list[Timing]:
    """Call models in turns, each call after the answer of the last; return a timing for each.

    Only service time is measured: no request waits while a call lasts, so that a pause is seen
    once, however many requests it would have delayed.
    """
    logs = [_Log() for _ in models]
    now = clock.now
    for which, batch in turns:
        predict, log = models[which], logs[which]
        start = now()
        try:
            answer = predict(batch)
            end = now()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a failed call is a finding)
            answer, end = None, now()
            log.fail(error)
        del answer  # freeing the answer is not part of a call
        log.start.append(start)
        log.end.append(end)
    return [log.timing(log.start) for log in logs]


def open_loop(predict: Predict, batches: Iterable[Any], rate: float, clock: Clock) -> Timing:
    """Send calls by a schedule to one server; latencies count from the moment each was due.

    Call i is due ``i / rate`` seconds after the first, however long the calls before it take; one
    that finds the server busy waits, and its latency includes the wait.

    References
    ----------
    .. [1] Schroeder, B., Wierman, A. and Harchol-Balter, M. (2006). Open versus closed: a
       cautionary tale. NSDI 2006.
    """
    log, due = _Log(), list[int]()
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
            log.fail(error)
        del answer
        due.append(moment)
        log.start.append(start)
        log.end.append(free)
    # the last call has its time of the schedule too
    elapsed = max((free - first) / SECOND, len(due) / rate)
    return replace(log.timing(due), late=late, elapsed=elapsed, rate=rate)


def joined(parts: Sequence[Timing]) -> Timing:
    """Join the timings of runs that followed one another."""
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

    Only allocations by Python and numpy are traced. Tracing makes a call slow: none that is timed
    is traced.
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
