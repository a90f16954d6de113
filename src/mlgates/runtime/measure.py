"""Measure how long models take to answer: draw rows, warm up, call, and describe the machine."""

import os
import platform
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.runtime.answers import MalformedError, predictions, probabilities
from mlgates.runtime.timing import (
    SECOND,
    Clock,
    Timing,
    Turn,
    closed_loop,
    collecting,
    joined,
    open_loop,
    peak_memory,
)
from mlgates.tables.rows import rows_like

__all__ = [
    "MachineLoad",
    "Measured",
    "Plan",
    "Subject",
    "is_busy",
    "machine_facts",
    "machine_load",
    "measure",
    "processors",
    "thread_pools",
]

Floats = npt.NDArray[np.float64]

#: Batches drawn at most; more calls use them again.
_POOL = 1_000
#: Without a number of calls more are made, while calls depend on each other, up to so many times
#: the first ones and up to so many seconds.
_MOST_ROUNDS = 10
_MOST_SECONDS = 60.0
#: So many warm-up calls that all failed show that the rest would.
_ENOUGH_FAILED = 10


class Subject(NamedTuple):
    """A model to measure: its name in messages, and its function."""

    name: str
    predict: Callable[[Any], object]


@dataclass(frozen=True)
class Plan:
    """Options of a measurement.

    Parameters
    ----------
    calls : int
        Calls of each model.
    fixed : bool
        Whether there are to be exactly so many; else more are made until they are `enough`.
    warmup : int
        Calls before, of each model.
    batch_size : int
        Rows a call.
    rate : float, optional
        Calls a second; without one the next call follows the answer.
    seed : int
        For drawing the rows.
    disable_gc : bool
        Whether to keep the garbage collector from running.
    """

    calls: int
    fixed: bool = True
    warmup: int = 50
    batch_size: int = 1
    rate: float | None = None
    seed: int = 0
    disable_gc: bool = False


@dataclass(frozen=True, eq=False)
class Measured:
    """The measurement of one model.

    Parameters
    ----------
    timing : Timing
        Of the calls, without the warm-up.
    first : float
        Seconds of the first call of all; infinite when it failed.
    details : dict
        For the report: plain values.
    busy : bool
        Whether more processes wanted to run than the machine has processors.
    """

    timing: Timing
    first: float
    details: dict[str, object] = field(default_factory=dict)
    busy: bool = False


def measure(
    subjects: Sequence[Subject],
    table: object,
    plan: Plan,
    *,
    enough: Callable[[Floats], bool] = lambda latencies: True,  # noqa: ARG005
    step: Callable[[], object] = lambda: None,
    clock: Clock | None = None,
) -> list[Measured]:
    """Measure how long one or two models take to answer on rows of a table.

    Two models take turns, each first in every other pair of calls, so that the load of the machine
    is the same for both.

    Parameters
    ----------
    subjects : sequence of Subject
        One or two.
    table : object
        Rows of features, of any kind that the models take; its own type is kept.
    plan : Plan
        Options.
    enough : callable
        Whether latencies are enough, for each model; where the number of calls isn't fixed.
    step : callable
        Called after each call that counts.
    clock : Clock, optional
        The clock of the system by default.

    Raises
    ------
    EvidenceError
        When an answer is malformed, when all calls fail, and when the clock is too coarse.
    """
    clock, rows = clock or Clock(), rows_like(table)
    size = (max(min(plan.calls + plan.warmup, _POOL), 1), plan.batch_size)
    places = np.random.default_rng(plan.seed).integers(rows.n, size=size)
    # nothing of a batch is shared by two models
    bench = _Bench(subjects, [[rows.take(at) for at in places] for _ in subjects], clock)
    first = [
        _first_call(subject, batches[0], plan.batch_size, clock)
        for subject, batches in zip(subjects, bench.batches, strict=True)
    ]
    warm = bench.closed(1, max(plan.warmup - 1, 0))
    for subject, cold, rest in zip(subjects, first, warm, strict=True):
        _refuse_failed(subject, joined([cold, rest]), _ENOUGH_FAILED)
    # without a warm-up the first call is one of those that count
    parts = [[timing] if plan.warmup == 0 and plan.rate is None else [] for timing in first]
    done = len(parts[0])
    due, before, began = plan.calls - done, machine_load(), clock.now()
    with collecting(disabled=plan.disable_gc):
        while True:
            if plan.rate is None:
                new = bench.closed(done, due, step)
            else:
                new = bench.open(due, plan.rate, step)
            parts = [[*part, timing] for part, timing in zip(parts, new, strict=True)]
            done, due = done + due, plan.calls
            timings = [joined(part) for part in parts]
            spent = (clock.now() - began) / SECOND
            if done >= _MOST_ROUNDS * plan.calls or spent > _MOST_SECONDS:
                break
            if plan.fixed or all(enough(timing.latencies) for timing in timings):
                break
    after = machine_load()
    machine, busy = machine_facts(before, after), is_busy(before, after)
    measured = []
    for i, (subject, timing) in enumerate(zip(subjects, timings, strict=True)):
        _refuse_failed(subject, timing, 1)
        if none := int(np.count_nonzero(timing.latencies <= 0)):
            msg = f"{none:,} calls of {subject.name} took no time by the clock, which can't be"
            raise EvidenceError(msg)
        served, warm_up = float(timing.service.sum()), warm[i].latencies
        answered = int(np.count_nonzero(np.isfinite(timing.latencies)))
        details: dict[str, object] = {
            "warmup": plan.warmup,
            "first_call": float(first[i].latencies[0]),
            "warmup_median": float(np.median(warm_up)) if len(warm_up) else None,
            "batch_size": plan.batch_size,
            "throughput": answered * plan.batch_size / served if served > 0 else None,
            "seed": plan.seed,
            "gc": "disabled" if plan.disable_gc else "as in production",
        }
        if plan.rate is not None:
            details["rate"], details["achieved_rate"] = plan.rate, timing.achieved
            details["late_sends"] = timing.late
        details["peak_memory"] = peak_memory(subject.predict, bench.batches[i][0])
        details["machine"] = machine
        measured.append(Measured(timing, float(first[i].latencies[0]), details, busy))
    return measured


@dataclass(frozen=True, eq=False)
class _Bench:
    """Models with the batches that each is called with, over and over."""

    subjects: Sequence[Subject]
    batches: list[list[Any]]
    clock: Clock

    def closed(
        self, start: int, calls: int, step: Callable[[], object] = lambda: None
    ) -> list[Timing]:
        """Time calls of which each follows the answer of the last."""

        def turns() -> Iterator[Turn]:
            for i in range(start, start + calls):
                order = range(len(self.subjects))
                for which in order if i % 2 == 0 else reversed(order):
                    batches = self.batches[which]
                    yield Turn(which, batches[i % len(batches)])
                    step()

        return closed_loop([subject.predict for subject in self.subjects], turns(), self.clock)

    def open(self, calls: int, rate: float, step: Callable[[], object]) -> list[Timing]:
        """Time calls sent by the schedule, to one model after another."""

        def batches(which: int, block: int) -> Iterator[Any]:
            for i in range(block):
                yield self.batches[which][i % len(self.batches[which])]
                step()

        half = calls // 2
        blocks = [(0, half), (1, half), (1, calls - half), (0, calls - half)]
        parts: list[list[Timing]] = [[] for _ in self.subjects]
        for which, block in blocks if len(self.subjects) > 1 else [(0, calls)]:
            predict = self.subjects[which].predict
            parts[which].append(open_loop(predict, batches(which, block), rate, self.clock))
        return [joined(part) for part in parts]


def _first_call(subject: Subject, batch: object, rows: int, clock: Clock) -> Timing:
    """Time the first call of a model; raise unless its answer is predictions or scores."""
    answers: list[object] = []
    predicts = [lambda batch: answers.append(subject.predict(batch))]
    (timing,) = closed_loop(predicts, [Turn(0, batch)], clock)
    for answer in answers:
        try:
            predictions(answer, rows)
        except MalformedError as error:
            try:
                probabilities(answer, rows)
            except MalformedError:
                msg = f"{subject.name} gave {error}"
                raise EvidenceError(msg) from None
    return timing


def _refuse_failed(subject: Subject, timing: Timing, least: int) -> None:
    """Raise when all of at least so many calls failed."""
    calls = len(timing.latencies)
    if calls >= least and np.isinf(timing.latencies).all():
        msg = f"each of {calls:,} calls of {subject.name} failed: {timing.failure}"
        raise EvidenceError(msg)


class MachineLoad(NamedTuple):
    """Load of the last minute, and involuntary context switches so far; None where unknown."""

    load: float | None
    preempted: int | None


def machine_load() -> MachineLoad:
    """Return the load of the machine, as far as the system tells it."""
    load = preempted = None
    with suppress(AttributeError, OSError):  # not every system has it
        load = os.getloadavg()[0]
    with suppress(ImportError):
        import resource

        preempted = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
    return MachineLoad(load, preempted)


def machine_facts(before: MachineLoad, after: MachineLoad) -> dict[str, object]:
    """Return the details of a report about the machine, and its load in between.

    Examples
    --------
    >>> machine_facts(MachineLoad(0.5, 10), MachineLoad(1.5, 12))["preempted"]
    2
    """
    known = before.preempted is not None and after.preempted is not None
    return {
        "processors": processors(),
        "load_before": before.load,
        "load_after": after.load,
        "preempted": after.preempted - before.preempted if known else None,  # type: ignore[operator]
        "python_threads": threading.active_count(),
        "pools": thread_pools(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}".strip(),
    }


def processors() -> int:
    """Return how many processors this process may use."""
    with suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_pools() -> dict[str, int]:
    """Return the number of threads of each native library, where threadpoolctl is installed."""
    pools: dict[str, int] = {}
    with suppress(Exception):  # not installed; or a library that can't be inspected
        from threadpoolctl import threadpool_info

        libraries: list[dict[str, Any]] = threadpool_info()
        for library in libraries:
            name = str(library.get("internal_api", "unknown"))
            pools[name] = max(pools.get(name, 0), int(library.get("num_threads", 0)))
    return pools


def is_busy(before: MachineLoad, after: MachineLoad) -> bool:
    """Return whether more processes wanted to run than there are processors."""
    loads = [moment.load for moment in (before, after) if moment.load is not None]
    return bool(loads) and max(loads) > processors()
