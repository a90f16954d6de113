"""Measure the latencies of models: how long they take to answer a call.

In a closed loop, each call starts when the call before has ended. In an open loop, calls are sent
at scheduled times.
"""

import gc
import os
import platform
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.process_state import restored
from mlgates.redaction import describe
from mlgates.runtime.answers import MalformedError, computed, predictions, probabilities
from mlgates.tables.rows import Rows, rows_like

__all__ = ["Floats", "Measured", "Plan", "measure"]

Floats = npt.NDArray[np.float64]
Predict = Callable[[Any], object]
#: Calls to make: for each call, the number of the model and the input.
Turns = Iterable[tuple[int, Any]]

#: Nanoseconds in one second.
SECOND = 1_000_000_000
#: Nanoseconds by which the operating system may wake a sleeping thread too late. The last part of a
#: wait is therefore a busy loop.
_COARSE = 2_000_000
#: An open loop is saturated if the achieved rate is below this share of the requested rate.
_LEAST_RATE = 0.95
#: A scheduled call is late if it is sent this many seconds late although no other call was running.
_LATE = 0.001
#: Largest number of batches that are drawn. If there are more calls, the batches are used again.
_POOL = 1_000
#: If the number of calls is not fixed: number of calls, and number of seconds, after which the
#: latencies are evaluated for the first time. They are evaluated again each time the number of
#: calls has doubled, up to the largest number.
_FIRST_LOOK, _FIRST_SECONDS, _MOST_CALLS = 1_000, 2.0, 200_000
#: Number of calls in the first block. The size of the next blocks is computed from its latencies.
_FIRST_BLOCK = 30
#: If the number of calls is not fixed: longest warm-up in seconds, and number of calls after which
#: the time is checked.
_MOST_WARMUP, _WARMUP_BLOCK = 2.0, 5
#: If all of this number of warm-up calls fail, the measurement ends.
_ENOUGH_FAILED = 10


class Clock:
    """A monotonic clock in nanoseconds, with which calls are started at scheduled times.

    Examples
    --------
    >>> clock = Clock()
    >>> before = clock.now()
    >>> clock.wait_until(before + SECOND // 1_000)
    >>> clock.now() - before >= SECOND // 1_000
    True
    """

    def now(self) -> int:
        """Return the current time in nanoseconds."""
        return time.perf_counter_ns()

    def wait_until(self, moment: int) -> None:
        """Wait until the time `moment`, in nanoseconds as `now` returns them.

        The thread sleeps at first, and uses a busy loop for the last 2 ms.
        """
        ahead = moment - self.now()
        if ahead > _COARSE:
            time.sleep((ahead - _COARSE) / SECOND)
        while self.now() < moment:
            pass


@dataclass(frozen=True, eq=False)
class Timing:
    """The times of the calls of one model in seconds, in the order of the calls.

    Parameters
    ----------
    latencies : array of float
        Closed loop (each call starts when the last one has ended): time from the start of each call
        to its end. Open loop (calls are sent at scheduled times): time from the scheduled start of
        each call to its end. Infinite for a call that failed.
    service : array of float
        Time from the start of each call to its end, even for calls that failed.
    late : int
        Number of scheduled calls that were sent late although no other call was running.
    elapsed : float
        Time from the first scheduled start to the end of the last call. 0 in a closed loop.
    rate : float
        Number of scheduled calls per second. 0 in a closed loop.
    failure : str
        Description of the first exception. Empty if no call failed.
    """

    latencies: Floats
    service: Floats
    late: int = 0
    elapsed: float = 0.0
    rate: float = 0.0
    failure: str = ""

    @property
    def achieved(self) -> float:
        """Number of calls that were answered per second.

        It is measured only if calls were sent at scheduled times (open loop); otherwise it is 0.
        """
        return len(self.service) / self.elapsed if self.elapsed > 0 else 0.0

    @property
    def saturated(self) -> bool:
        """Whether the model was too slow for the rate at which calls were scheduled.

        If so, calls had to wait longer and longer, and latencies grew during the measurement. False
        if calls were not sent at scheduled times.
        """
        if not self.rate:
            return False
        busy = float(self.service.sum()) * self.rate / max(len(self.service), 1)
        return self.achieved < _LEAST_RATE * self.rate or busy >= 1


def timed_calls(
    models: Sequence[Predict], turns: Turns, clock: Clock, rate: float | None = None
) -> list[Timing]:
    """Call models in the order of `turns`, and return a `Timing` for each model.

    A turn is a pair: the position of a model in `models`, and the input of the call. `clock`
    measures the times.

    If `rate` is None, each call starts when the call before it has ended (closed loop). So no call
    has to wait, and if the model pauses, only one latency is longer. In production, the pause would
    delay all requests that arrive during it.

    If a `rate` is given, call i is scheduled ``i / rate`` seconds after the first call, however
    long earlier calls take (open loop). If another call is still running at that time, call i
    waits, and its latency includes the wait.

    References
    ----------
    .. [1] Schroeder, B., Wierman, A. and Harchol-Balter, M. (2006). Open versus closed: a
       cautionary tale. NSDI 2006.
    """
    logs, failures = [list[int]() for _ in models], [""] * len(models)
    late, calls, now = 0, 0, clock.now
    first = free = now()
    for which, batch in turns:
        predict, answer, due = models[which], None, 0
        if rate is not None:
            due = first + round(calls / rate * SECOND)
            clock.wait_until(due)
        start = now()
        if rate is not None:
            late += start - max(due, free) > _LATE * SECOND
        with suppress_errors() as caught:  # a failed call is a result
            answer = predict(batch)
        free, failed = now(), caught.error is not None
        if caught.error is not None:
            failures[which] = failures[which] or describe(caught.error)
        del answer  # freeing memory is not part of a call
        logs[which] += (start if rate is None else due, start, free, failed)
        calls += 1
    elapsed = 0.0 if rate is None else max((free - first) / SECOND, calls / rate)
    timings = []
    for log, failure in zip(logs, failures, strict=True):
        due_at, start_at, end_at, wrong = np.array(log, np.int64).reshape(-1, 4).T
        latencies = np.where(wrong, np.inf, (end_at - due_at) / SECOND)
        service = (end_at - start_at) / SECOND
        timings.append(Timing(latencies, service, late, elapsed, rate or 0.0, failure))
    return timings


def joined(parts: Sequence[Timing]) -> Timing:
    """Join the timings of several blocks of calls of one model to one `Timing`.

    `parts` has a `Timing` for each block, in the order of the blocks.
    """
    return Timing(
        np.concatenate([part.latencies for part in parts]),
        np.concatenate([part.service for part in parts]),
        sum(part.late for part in parts),
        sum(part.elapsed for part in parts),
        parts[0].rate,
        next((part.failure for part in parts if part.failure), ""),
    )


@contextmanager
def tracing() -> Iterator[None]:
    """Trace the memory that Python and numpy allocate in a block of code.

    If memory was already traced before the block, it is also traced after the block.
    """
    running = tracemalloc.is_tracing()
    if not running:
        tracemalloc.start()
    try:
        yield
    finally:
        if not running:
            tracemalloc.stop()


def peak_memory(predict: Predict, batch: object) -> int | None:
    """Return the peak memory of the call ``predict(batch)`` in bytes.

    The result is None if the call raised an exception. The call is not timed, because tracing makes
    it slow.
    """
    with tracing():
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with suppress_errors():
            answer = predict(batch)
            _, peak = tracemalloc.get_traced_memory()
            del answer
            return max(peak - before, 0)
    return None


@dataclass(frozen=True)
class Plan:
    """How to measure latencies: number of calls, rows per call, and schedule.

    Parameters
    ----------
    calls : int
        Number of calls of each model. If `fixed` is False, more calls may be made.
    fixed : bool
        If True, exactly `calls` calls are made. If False, calls are made until the latencies are
        enough for a verdict, as the argument `decided` of `measure` says, or until `seconds` are
        over.
    seconds : float
        Time limit of the measurement in seconds, including the warm-up. It is exceeded if `calls`
        calls take longer.
    warmup : int
        Number of calls of each model that are made before those that count.
    batch_size : int
        Number of rows per call.
    rate : float or None
        Number of scheduled calls per second. None if each call starts when the last one has ended.
    seed : int
        Seed of the random draws of rows.
    disable_gc : bool
        Whether the garbage collector is disabled during the calls that count.
    """

    calls: int
    fixed: bool = True
    seconds: float = 8.0
    warmup: int = 50
    batch_size: int = 1
    rate: float | None = None
    seed: int = 0
    disable_gc: bool = False


@dataclass(frozen=True, eq=False)
class Measured:
    """The measured latencies of one model, and information about the measurement.

    `measure` returns it. `timing` has the times of the calls, without the calls of the warm-up.
    `first` is the time of the first call in seconds, or infinite if this call failed. `details` are
    shown in the report. `busy` is True if more processes were ready to run than the machine has
    processors.
    """

    timing: Timing
    first: float
    details: dict[str, object] = field(default_factory=dict)
    busy: bool = False


def measure(
    models: Mapping[str, Predict],
    table: object,
    plan: Plan,
    *,
    decided: Callable[[Sequence[Floats]], bool] = lambda latencies: True,  # noqa: ARG005
    step: Callable[[], object] = lambda: None,
    clock: Clock | None = None,
) -> list[Measured]:
    """Measure how long one or two models take to answer for rows of a table.

    `models` has the models by name, and `plan` the number of calls and the rows per call. If there
    are two models, they are called in pairs, and each is the first in every other pair, so that the
    load of the machine affects both in the same way. If the plan's number of calls is not fixed,
    calls are made until `decided` returns True, or until the time limit of the plan is over.
    `decided` takes the latencies so far, and returns whether they are enough for a verdict. `step`
    is called after each call that counts, for example for a progress bar. `clock` measures the
    times.

    EvidenceError is raised if an answer is malformed, if all calls fail, or if the resolution of
    the clock is too low.
    """

    def checked(latencies: Sequence[Floats]) -> bool:
        for name, of_model in zip(models, latencies, strict=True):
            _refuse_instant(name, of_model)
        return decided(latencies)

    with restored():
        session = _Session(models, rows_like(table), plan, clock or Clock(), step)
        first = session.first_calls()
        warm = session.warm_up()
        for name, cold, rest in zip(models, first, warm, strict=True):
            _refuse_failed(name, joined([cold, rest]), _ENOUGH_FAILED)
        before = machine_load()
        with _garbage_collector(disabled=plan.disable_gc):
            timings = session.counted_calls(first, checked)
        machine, busy = machine_facts(before, machine_load())
        measured = []
        for i, (name, timing) in enumerate(zip(models, timings, strict=True)):
            _refuse_failed(name, timing, 1)
            _refuse_instant(name, timing.latencies)
            seconds = float(first[i].latencies[0])
            details = _details(plan, timing, seconds, warm[i].latencies)
            details["peak_memory"] = peak_memory(session.predicts[i], session.batches[i][0])
            details["machine"] = machine
            measured.append(Measured(timing, seconds, details, busy))
        return measured


class _Session:
    """All calls of one measurement: calls the models in turn with random batches of rows.

    `plan` says how many calls are made and when, and `step` is called after each of them, to show
    progress.
    """

    def __init__(
        self,
        models: Mapping[str, Predict],
        rows: Rows,
        plan: Plan,
        clock: Clock,
        step: Callable[[], object],
    ) -> None:
        self.names, self.plan, self.clock, self.step = list(models), plan, clock, step
        self.began = clock.now()
        self.end = None if plan.fixed else self.began + round(plan.seconds * SECOND)
        pool = max(min(plan.calls + plan.warmup, _POOL), 1) if plan.fixed else _POOL
        size = (pool, plan.batch_size)
        places = np.random.default_rng(plan.seed).integers(rows.n, size=size)
        #: Each model has its own batches, so that no model gets rows that another one changed.
        self.batches = [[rows.take(at) for at in places] for _ in models]
        self.predicts = [_computing(predict) for predict in models.values()]

    def turns(self, order: Sequence[int], calls: range, *, counted: bool = True) -> Turns:
        """Yield for each call the number of the model, and its batch of rows.

        `calls` are the numbers of the rounds. In each round, every model is called once: in even
        rounds in the order of `order`, and in odd rounds in reverse order. With ``counted=True``,
        each call is reported as progress.
        """
        for i in calls:
            if self.end is not None and i >= self.plan.calls and self.clock.now() >= self.end:
                return
            for which in order if i % 2 == 0 else reversed(order):
                yield which, self.batches[which][i % len(self.batches[which])]
                if counted:
                    self.step()

    def closed(self, start: int, calls: int, *, counted: bool = True) -> list[Timing]:
        """Time calls in a closed loop: each call starts when the last one has ended.

        `start` is the number of the first call.
        """
        numbers = range(start, start + calls)
        sent = self.turns(range(len(self.predicts)), numbers, counted=counted)
        return timed_calls(self.predicts, sent, self.clock)

    def scheduled(self, calls: int) -> list[Timing]:
        """Time calls in an open loop (at scheduled times), `calls` of them for each model.

        Two models get two blocks of calls each, in the order first, second, second, first.
        """
        half = calls // 2
        blocks = [(0, half), (1, half), (1, calls - half), (0, calls - half)]
        parts: list[list[Timing]] = [[] for _ in self.predicts]
        for which, block in blocks if len(self.predicts) > 1 else [(0, calls)]:
            sent = self.turns([which], range(block))
            timings = timed_calls(self.predicts, sent, self.clock, self.plan.rate)
            parts[which].append(timings[which])
        return [joined(part) for part in parts]

    def first_calls(self) -> list[Timing]:
        """Time the first call of each model; raise EvidenceError if an answer is malformed."""
        triples = zip(self.names, self.predicts, self.batches, strict=True)
        rows, clock = self.plan.batch_size, self.clock
        return [_first_call(name, predict, own[0], rows, clock) for name, predict, own in triples]

    def warm_up(self) -> list[Timing]:
        """Time the calls of the warm-up, which come after the first call and do not count.

        If a model is slow, there are fewer of them.
        """
        calls, done, parts = self.plan.warmup - 1, 0, [self.closed(1, 0)]
        end = self.began + _MOST_WARMUP * SECOND
        while done < calls and (self.end is None or self.clock.now() < end):
            block = min(_WARMUP_BLOCK, calls - done)
            parts.append(self.closed(1 + done, block, counted=False))
            done += block
        return [joined(part) for part in zip(*parts, strict=True)]

    def counted_calls(
        self, first: list[Timing], decided: Callable[[Sequence[Floats]], bool]
    ) -> list[Timing]:
        """Time the calls that count, in blocks, until `decided` returns True or the time is over.

        `first` has the timings of the first calls. `decided` takes the latencies of the models and
        returns whether they are enough for a verdict.
        """
        plan, start = self.plan, self.clock.now()
        # Without a warm-up, the first call counts.
        parts = [[timing] if plan.warmup == 0 and plan.rate is None else [] for timing in first]
        done = len(parts[0])
        due = max((plan.calls if plan.fixed else self._first_block()) - done, 0)
        while True:
            new = self.closed(done, due) if plan.rate is None else self.scheduled(due)
            parts = [[*part, timing] for part, timing in zip(parts, new, strict=True)]
            timings = [joined(part) for part in parts]
            done, now = len(timings[0].latencies), self.clock.now()
            if self.end is None or done >= _MOST_CALLS or (done >= plan.calls and now >= self.end):
                return timings
            is_usual = done >= _FIRST_LOOK or now - start >= _FIRST_SECONDS * SECOND
            if is_usual and decided([timing.latencies for timing in timings]):
                return timings
            affordable = int((self.end - now) / max(now - start, 1) * done)
            due = max(min(done, max(affordable, plan.calls - done)), 1)
            if done < _FIRST_LOOK:
                due = min(due, _FIRST_LOOK - done)

    def _first_block(self) -> int:
        """Return the number of calls of each model before `decided` is first called."""
        if self.plan.rate is None:
            return _FIRST_BLOCK
        # An open loop must run for some time, because its queue is empty at the start.
        affordable = int(self.plan.rate * self.plan.seconds / len(self.predicts))
        return max(self.plan.calls, min(_FIRST_LOOK, affordable))


@contextmanager
def _garbage_collector(*, disabled: bool) -> Iterator[None]:
    """Disable the garbage collector in a block of code if `disabled` is True."""
    runs = gc.isenabled()
    if disabled:
        gc.collect()
        gc.disable()
    try:
        yield
    finally:
        if runs:
            gc.enable()


def _computing(predict: Predict) -> Predict:
    """Wrap a model so that lazy answers are computed within the call, whose time includes it."""
    return lambda batch: computed(predict(batch))


def _details(plan: Plan, timing: Timing, first: float, warm_up: Floats) -> dict[str, object]:
    """Return the details of a model's measurement for the report.

    `first` is the time of the first call in seconds. `warm_up` has the latencies of the other calls
    of the warm-up.
    """
    served = float(timing.service.sum())
    answered = int(np.count_nonzero(np.isfinite(timing.latencies)))
    details: dict[str, object] = {
        "warmup": len(warm_up) + 1 if plan.warmup else 0,
        "first_call": first,
        "warmup_median": float(np.median(warm_up)) if len(warm_up) else None,
        "batch_size": plan.batch_size,
        "throughput": answered * plan.batch_size / served if served > 0 else None,
        "seed": plan.seed,
        "gc": "disabled" if plan.disable_gc else "as in production",
    }
    if plan.rate is not None:
        details["rate"], details["achieved_rate"] = plan.rate, timing.achieved
        details["late_sends"] = timing.late
    return details


def _first_call(name: str, predict: Predict, batch: object, rows: int, clock: Clock) -> Timing:
    """Time the first call of a model; raise EvidenceError if its answer is malformed."""
    answers: list[object] = []
    predicts = [lambda batch: answers.append(predict(batch))]
    (timing,) = timed_calls(predicts, [(0, batch)], clock)
    for answer in answers:
        try:
            predictions(answer, rows)
        except MalformedError as error:
            try:
                probabilities(answer, rows)
            except MalformedError:
                raise EvidenceError(f"{name} gave {error}") from None
    return timing


def _refuse_failed(name: str, timing: Timing, least: int) -> None:
    """Raise EvidenceError if all calls of a model failed.

    If there are fewer than `least` calls, nothing is raised, because these are too few to give up.
    """
    calls = len(timing.latencies)
    if calls >= least and np.isinf(timing.latencies).all():
        raise EvidenceError(f"all {calls:,} calls of {name} failed: {timing.failure}")


def _refuse_instant(name: str, latencies: Floats) -> None:
    """Raise EvidenceError if calls of a model ended before the clock advanced."""
    instant = int(np.count_nonzero(latencies <= 0))
    if instant:
        raise EvidenceError(
            f"{instant:,} of {len(latencies):,} calls of {name} took 0 s by the clock of this "
            "machine; give more rows per call by `batch_size`"
        )


def machine_load() -> tuple[float | None, int | None]:
    """Return the machine's load, and the number of this process's involuntary context switches.

    The load is the mean number of processes that were ready to run in the last minute. A number
    that the operating system does not provide is None.
    """
    load = preempted = None
    with suppress(AttributeError, OSError):  # not on every system
        load = os.getloadavg()[0]
    with suppress(ImportError):
        import resource

        preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    return load, preempted


def machine_facts(
    before: tuple[float | None, int | None], after: tuple[float | None, int | None]
) -> tuple[dict[str, object], bool]:
    """Return details about the machine for the report, and whether it was busy.

    `before` and `after` are the results of `machine_load` before and after a measurement. The
    machine was busy if more processes were ready to run than it has processors.

    Examples
    --------
    >>> details, busy = machine_facts((0.5, 10), (10_000.0, 12))
    >>> details["preempted"], busy
    (2, True)
    """
    processors = os.cpu_count() or 1
    with suppress(AttributeError):
        processors = len(os.sched_getaffinity(0))
    pools: dict[str, int] = {}
    with suppress_errors():  # not installed, or it can't inspect a library
        from threadpoolctl import threadpool_info

        for library in threadpool_info():
            name = str(library.get("internal_api", "unknown"))
            pools[name] = max(pools.get(name, 0), int(library.get("num_threads", 0)))
    (load, switches), (load_after, switches_after) = before, after
    known = switches is not None and switches_after is not None
    details = {
        "processors": processors,
        "load_before": load,
        "load_after": load_after,
        "preempted": switches_after - switches if known else None,  # type: ignore[operator]
        "python_threads": threading.active_count(),
        "pools": pools,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}".strip(),
    }
    return details, max(load or 0.0, load_after or 0.0) > processors
