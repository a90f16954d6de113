"""Loops of calls under a clock that only the tests move: nothing here waits, nothing is flaky."""

import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest

from mlgates.runtime.timing import (
    SECOND,
    Clock,
    joined,
    peak_memory,
    timed_calls,
)
from mlgates.stats.quantiles import quantile

MS = SECOND // 1_000


class FakeClock(Clock):
    """A clock that advances only when somebody sleeps, waits or serves."""

    def __init__(self):
        self.moment = 1_000
        self.slept = []

    def now(self):
        return self.moment

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.moment += round(seconds * SECOND)

    def wait_until(self, moment):
        self.moment = max(self.moment, moment)


def open_loop(predict, batches, rate, clock):
    (timing,) = timed_calls([predict], [(0, batch) for batch in batches], clock, rate)
    return timing


def served(clock):
    """A model that takes as long as the batch says."""

    def predict(batch):
        clock.moment += batch
        return [0]

    return predict


def pausing(calls):
    """A call of 1 ms, every 500th of 200 ms."""
    return [200 * MS if i % 500 == 499 else MS for i in range(calls)]


def p99(latencies):
    return quantile(np.sort(latencies), Fraction(99, 100))


def test_closed_loop_does_not_measure_calls_delayed_by_a_pause():
    clock = FakeClock()
    (timing,) = timed_calls([served(clock)], [(0, t) for t in pausing(13_500)], clock)
    assert p99(timing.latencies) == 0.001
    assert timing.latencies.tolist() == timing.service.tolist()
    assert timing.saturated is False


def test_open_loop_counts_from_the_scheduled_time_of_a_call():
    clock = FakeClock()
    timing = open_loop(served(clock), pausing(13_500), 450, clock)
    assert round(p99(timing.latencies), 4) == 0.1939
    assert p99(timing.service) == 0.001
    assert timing.saturated is False
    assert timing.achieved == pytest.approx(450, rel=0.01)
    assert timing.late == 0


def test_open_loop_keeps_its_schedule_whatever_the_calls_take():
    clock = FakeClock()
    starts = []

    def predict(batch):
        starts.append(clock.moment)
        clock.moment += batch

    open_loop(predict, [3 * MS, MS, MS, 25 * MS, MS, MS], 100, clock)
    due = [1_000 + i * 10 * MS for i in range(6)]
    # the fifth was due while the fourth was served, the sixth is on its moment again
    assert starts == [*due[:4], due[3] + 25 * MS, due[3] + 26 * MS]


def test_open_loop_of_a_server_that_is_too_slow_is_saturated():
    clock = FakeClock()
    timing = open_loop(served(clock), [3 * MS] * 1_000, 500, clock)
    assert timing.saturated is True
    assert timing.achieved == pytest.approx(1_000 / 3)
    assert timing.latencies[-1] == pytest.approx(1.002)


def test_open_loop_that_is_only_just_kept_up_with_is_saturated():
    """Short of the schedule by 2 % it would fall behind for ever."""
    clock = FakeClock()
    timing = open_loop(served(clock), [round(1.02 * MS)] * 1_000, 1_000, clock)
    assert timing.achieved > 950
    assert timing.saturated is True


def test_one_pause_at_the_end_is_no_saturation_of_a_long_run():
    clock = FakeClock()
    timing = open_loop(served(clock), [MS] * 999 + [100 * MS], 100, clock)
    assert timing.saturated is False


def test_late_sends_are_attributed_to_the_generator():
    clock = FakeClock()

    def oversleep(moment):
        clock.moment = max(clock.moment, moment + 2 * MS)

    clock.wait_until = oversleep
    timing = open_loop(served(clock), [MS] * 10, 100, clock)
    assert timing.late == 10
    # they count in the latency all the same: who waited, waited
    assert timing.latencies.tolist() == pytest.approx([0.003] * 10)


def test_failed_calls_are_infinite_and_the_first_failure_is_reported():
    clock = FakeClock()

    def predict(batch):
        clock.moment += MS
        if batch == "bad":
            msg = "could not convert 'Ann'"
            raise ValueError(msg)
        if batch == "leave":
            raise SystemExit(3)

    turns = [(0, batch) for batch in ["good", "bad", "leave", "good"]]
    (closed,) = timed_calls([predict], turns, clock)
    assert closed.latencies.tolist() == [0.001, math.inf, math.inf, 0.001]
    assert closed.service.tolist() == [0.001] * 4
    assert closed.failure == "ValueError: could not convert '<text>'"
    opened = open_loop(predict, ["good", "bad"], 100, clock)
    assert opened.latencies.tolist() == [0.001, math.inf]
    assert opened.failure == closed.failure


def test_interrupt_is_not_a_failed_call():
    def predict(batch):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        timed_calls([predict], [(0, 1)], FakeClock())
    with pytest.raises(KeyboardInterrupt):
        open_loop(predict, [1], 1, FakeClock())


def test_two_models_take_turns():
    clock = FakeClock()
    turns = [(which, which * MS + MS) for which in (0, 1, 1, 0)]
    first, second = timed_calls([served(clock), served(clock)], turns, clock)
    assert first.latencies.tolist() == [0.001, 0.001]
    assert second.latencies.tolist() == [0.002, 0.002]


def test_joined_runs_are_one():
    clock = FakeClock()
    parts = [open_loop(served(clock), [MS] * 10, 100, clock) for _ in range(2)]
    both = joined(parts)
    assert len(both.latencies) == len(both.service) == 20
    assert both.elapsed == pytest.approx(0.2)
    assert both.rate == 100
    assert both.saturated is False


def test_clock_sleeps_coarsely_and_waits_for_the_rest_awake(monkeypatch):
    clock = FakeClock()
    monkeypatch.setattr("time.sleep", clock.sleep)
    ticks = iter(range(10**6))

    def now():
        clock.moment += next(ticks) and 100_000  # looking at it takes a tenth of a millisecond
        return clock.moment

    clock.now = now
    Clock.wait_until(clock, clock.moment + 50 * MS)
    assert clock.slept == [pytest.approx(0.048, abs=1e-3)]
    assert clock.moment >= 50 * MS
    slept = len(clock.slept)
    Clock.wait_until(clock, clock.moment + MS)
    Clock.wait_until(clock, clock.moment - MS)
    assert len(clock.slept) == slept


def test_clock_of_the_system_does_not_go_back():
    clock = Clock()
    before = clock.now()
    clock.wait_until(before)
    assert clock.now() >= before


def test_peak_memory_is_the_largest_memory_in_use_during_a_call():
    held = peak_memory(lambda batch: np.zeros(batch).sum(), 1_000_000)
    assert 8_000_000 <= held < 8_200_000
    assert tracemalloc.is_tracing() is False


def test_peak_memory_keeps_a_running_tracer_and_is_none_for_a_failed_call():
    def fails(batch):
        raise ValueError

    assert peak_memory(fails, 1) is None
    assert tracemalloc.is_tracing() is False
    tracemalloc.start()
    try:
        assert peak_memory(lambda batch: None, 1) >= 0
        assert tracemalloc.is_tracing() is True
    finally:
        tracemalloc.stop()
