"""How long a model takes to answer: rows drawn, warm-up, calls, and what else is to be known."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.runtime.answers import MalformedError, predictions, probabilities
from mlgates.runtime.clock import SECOND, Clock
from mlgates.runtime.machine import facts, is_busy, observe
from mlgates.runtime.timing import (
    Timing,
    Turn,
    closed_loop,
    collecting,
    joined,
    open_loop,
    peak_memory,
)
from mlgates.tables.rows import rows_like

__all__ = ["Measured", "Plan", "Subject", "measure"]

Floats = npt.NDArray[np.float64]

#: Batches drawn at most; more calls take them again.
_POOL = 1_000
#: Without a number of calls more are made, while calls depend on each other, up to so many times
#: the first ones and up to so many seconds.
_MOST_ROUNDS = 10
_MOST_SECONDS = 60.0
#: So many warm-up calls that all failed show that the rest would.
_ENOUGH_FAILED = 10


class Subject(NamedTuple):
    """A model to measure: what messages call it, and what is called."""

    said: str
    predict: Callable[[Any], object]


@dataclass(frozen=True)
class Plan:
    """How to measure.

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
    """What was measured of one model.

    Parameters
    ----------
    timing : Timing
        Of the calls, without the warm-up.
    first : float
        Seconds of the first call of all; infinite when it failed.
    details : dict
        For the report: plain values.
    busy : bool
        Whether more wanted to run on the machine than it has processors.
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
    step: Callable[[], None] = lambda: None,
    clock: Clock | None = None,
) -> list[Measured]:
    """Measure how long models take to answer on rows of a table.

    Two models take turns, each first in every other pair of calls, so that what the machine does
    meanwhile meets both alike.

    Parameters
    ----------
    subjects : sequence of Subject
        One or two.
    table : object
        Rows of features, of any kind that the models take; its own type is kept.
    plan : Plan
        How.
    enough : callable
        Whether latencies tell enough; asked of each model where the number of calls isn't fixed.
    step : callable
        Called after each call that counts.
    clock : Clock, optional
        Tells the time.

    Returns
    -------
    list of Measured
        One for each subject.

    Raises
    ------
    EvidenceError
        When a model answers with what is no answer, when all its calls fail, and when the clock
        can't tell a call's end from its start.
    """
    bench = _Bench(tuple(subjects), _drawn(len(subjects), table, plan), plan, clock or Clock())
    first = bench.first()
    warm = bench.closed(1, max(plan.warmup - 1, 0))
    for subject, cold, rest in zip(subjects, first, warm, strict=True):
        _refuse_failed(subject, joined([cold, rest]), _ENOUGH_FAILED)
    before = observe()
    with collecting(disabled=plan.disable_gc):
        timings = bench.rounds(first, enough, step)
    after = observe()
    machine, busy = facts(before, after), is_busy(before, after)
    found = []
    for i, (subject, timing) in enumerate(zip(subjects, timings, strict=True)):
        _refuse_failed(subject, timing, 1)
        _refuse_timeless(subject, timing)
        details = {
            **_told(first[i], warm[i], timing, plan),
            "peak_memory": peak_memory(subject.predict, bench.batches[i][0]),
            "machine": machine,
        }
        found.append(Measured(timing, float(first[i].latencies[0]), details, busy))
    return found


def _drawn(models: int, table: object, plan: Plan) -> list[list[Any]]:
    """Return batches of rows, the same for each model; nothing of a batch is shared."""
    rows = rows_like(table)
    pool = max(min(plan.calls + plan.warmup, _POOL), 1)
    rng = np.random.default_rng(plan.seed)
    places = rng.integers(rows.n, size=(pool, plan.batch_size))
    return [[rows.take(where) for where in places] for _ in range(models)]


@dataclass(frozen=True, eq=False)
class _Bench:
    """Models with what they are called with."""

    subjects: tuple[Subject, ...]
    batches: list[list[Any]]
    plan: Plan
    clock: Clock

    def first(self) -> list[Timing]:
        """Return the timing of each model's first call, having looked at its answer."""
        rows = self.plan.batch_size
        found = []
        for subject, own in zip(self.subjects, self.batches, strict=True):
            kept: list[object] = []

            def predict(batch: object, kept: list[object] = kept, ask: Any = subject) -> None:
                kept.append(ask.predict(batch))

            found += closed_loop([predict], [Turn(0, own[0])], self.clock)
            for answer in kept:
                _refuse_malformed(subject, answer, rows)
        return found

    def rounds(
        self, first: list[Timing], enough: Callable[[Floats], bool], step: Callable[[], None]
    ) -> list[Timing]:
        """Return the timings of as many calls as are due; of more where they aren't enough."""
        plan, began = self.plan, self.clock.now()
        # without a warm-up the first call is one of those that count
        cold = plan.warmup == 0 and plan.rate is None
        parts: list[list[Timing]] = [[timing] if cold else [] for timing in first]
        done = int(cold)
        due = plan.calls - done
        while True:
            new = self.closed(done, due, step) if plan.rate is None else self.opened(due, step)
            for part, timing in zip(parts, new, strict=True):
                part.append(timing)
            done, due = done + due, plan.calls
            told = plan.fixed or all(enough(joined(part).latencies) for part in parts)
            spent = (self.clock.now() - began) / SECOND
            if told or done >= _MOST_ROUNDS * plan.calls or spent > _MOST_SECONDS:
                return [joined(part) for part in parts]

    def closed(
        self, start: int, calls: int, step: Callable[[], None] = lambda: None
    ) -> list[Timing]:
        """Return the timing of calls of which each follows the answer of the last."""

        def turns() -> Iterator[Turn]:
            for i in range(start, start + calls):
                order = range(len(self.subjects))
                for which in order if i % 2 == 0 else reversed(order):
                    yield Turn(which, self._batch(which, i))
                    step()

        return closed_loop([subject.predict for subject in self.subjects], turns(), self.clock)

    def opened(self, calls: int, step: Callable[[], None]) -> list[Timing]:
        """Return the timing of calls sent by the schedule, to one model after another."""
        half = calls // 2
        blocks = [(0, half), (1, half), (1, calls - half), (0, calls - half)]
        parts: list[list[Timing]] = [[] for _ in self.subjects]
        for which, block in blocks if len(self.subjects) > 1 else [(0, calls)]:
            sent = self._sent(which, block, step)
            predict, rate = self.subjects[which].predict, self.plan.rate or 1.0
            parts[which].append(open_loop(predict, sent, rate, self.clock))
        return [joined(part) for part in parts]

    def _sent(self, which: int, calls: int, step: Callable[[], None]) -> Iterator[Any]:
        for i in range(calls):
            yield self._batch(which, i)
            step()

    def _batch(self, which: int, i: int) -> Any:
        return self.batches[which][i % len(self.batches[which])]


def _refuse_malformed(subject: Subject, answer: object, rows: int) -> None:
    """Raise unless an answer holds predictions, or scores, for each row."""
    try:
        predictions(answer, rows)
    except MalformedError as error:
        with suppress(MalformedError):
            probabilities(answer, rows)
            return
        msg = f"{subject.said} {error}"
        raise EvidenceError(msg) from None


def _refuse_failed(subject: Subject, timing: Timing, least: int) -> None:
    """Raise when all of at least so many calls failed."""
    calls = len(timing.latencies)
    if calls >= least and np.isinf(timing.latencies).all():
        msg = f"each of {calls:,} calls of {subject.said} failed: {timing.failure}"
        raise EvidenceError(msg)


def _refuse_timeless(subject: Subject, timing: Timing) -> None:
    none = int(np.count_nonzero(timing.latencies <= 0))
    if none:
        msg = f"{none:,} calls of {subject.said} took no time by the clock, which can't be"
        raise EvidenceError(msg)


def _told(cold: Timing, rest: Timing, timing: Timing, plan: Plan) -> dict[str, object]:
    """Return what a report keeps of the calls, beside their latencies."""
    busy = float(timing.service.sum())
    answered = int(np.count_nonzero(np.isfinite(timing.latencies)))
    told: dict[str, object] = {
        "warmup": plan.warmup,
        "first_call": float(cold.latencies[0]),
        "warmup_median": float(np.median(rest.latencies)) if len(rest.latencies) else None,
        "batch_size": plan.batch_size,
        "throughput": answered * plan.batch_size / busy if busy > 0 else None,
        "seed": plan.seed,
        "gc": "disabled" if plan.disable_gc else "as in production",
    }
    if plan.rate is not None:
        told |= {"rate": plan.rate, "achieved_rate": timing.achieved, "late_sends": timing.late}
    return told
