"""Measuring models with a clock that only they move: rows, turns, warm-up, blocks of calls."""

import gc
import math
import os
import random
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

import mlgates as mg
from mlgates.runtime.timing import (
    SECOND,
    Clock,
    Plan,
    machine_facts,
    machine_load,
    measure,
)

MS = SECOND // 1_000
TABLE = np.arange(20.0).reshape(10, 2)


class FakeClock(Clock):
    """A clock that moves only when a model answers or the measurement waits."""

    def __init__(self):
        self.moment = 0

    def now(self):
        return self.moment

    def wait_until(self, moment):
        self.moment = max(self.moment, moment)


class Model:
    """A model whose calls take the given milliseconds, one after another."""

    def __init__(self, clock, times=(1,), log=None, name="model"):
        self.clock, self.times, self.calls = clock, times, []
        self.log, self.name = [] if log is None else log, name

    def __call__(self, batch):
        took = self.times[min(len(self.calls), len(self.times) - 1)]
        self.calls.append(batch)
        self.log.append(self.name)
        self.clock.moment += round(took * MS)
        return np.zeros(len(batch))


def run(model, plan, table=TABLE, **others):
    (found,) = measure({"`model`": model}, table, plan, clock=model.clock, **others)
    return found


def test_warm_up_is_left_out_and_reported():
    model = Model(FakeClock(), [500, 20, 20, 20, 1])
    found = run(model, Plan(10, warmup=4))
    assert found.timing.latencies.tolist() == [0.001] * 10
    assert found.first == 0.5
    assert found.details["first_call"] == 0.5
    assert found.details["warmup"] == 4
    assert found.details["warmup_median"] == 0.02
    # and one for its memory
    assert len(model.calls) == 4 + 10 + 1


def test_without_a_warm_up_the_first_call_counts():
    found = run(Model(FakeClock(), [500, 1]), Plan(10, warmup=0))
    assert found.timing.latencies.tolist() == [0.5] + [0.001] * 9
    assert found.first == 0.5
    assert found.details["warmup_median"] is None


def test_rows_are_drawn_with_a_seed_and_taken_before_the_clock_runs():
    first, again, other = (
        run_and_keep(Plan(20, warmup=2, batch_size=3, seed=seed)) for seed in (1, 1, 2)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert {batch.shape for batch in first} == {(3, 2)}


def run_and_keep(plan):
    model = Model(FakeClock())
    run(model, plan)
    return model.calls


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame(TABLE, columns=["a", "b"]),
        pl.DataFrame({"a": TABLE[:, 0], "b": TABLE[:, 1]}),
        pa.table({"a": TABLE[:, 0], "b": TABLE[:, 1]}),
        TABLE,
        TABLE.tolist(),
        [{"a": 1.0, "b": 2.0}] * 10,
    ],
    ids=["pandas", "polars", "arrow", "numpy", "lists", "dicts"],
)
def test_model_gets_rows_of_the_type_given(table):
    model = Model(FakeClock())
    run(model, Plan(5, warmup=1, batch_size=4), table)
    assert {type(batch) for batch in model.calls} == {type(table)}
    assert {len(batch) for batch in model.calls} == {4}


def test_model_gets_sparse_rows():
    clock = FakeClock()
    seen = set()

    def predict(batch):
        clock.moment += MS
        seen.add((batch.shape, sparse.issparse(batch)))
        return np.zeros(batch.shape[0])

    measure({"`model`": predict}, sparse.csr_matrix(TABLE), Plan(5), clock=clock)
    assert seen == {((1, 2), True)}


def test_rows_of_the_caller_are_not_changed():
    clock = FakeClock()

    def predict(batch):
        clock.moment += MS
        batch[:] = -1
        return [0]

    before = TABLE.copy()
    measure({"`model`": predict}, TABLE, Plan(5), clock=clock)
    assert np.array_equal(TABLE, before)


def test_two_models_take_turns():
    clock, log = FakeClock(), []
    first, second = Model(clock, log=log, name="a"), Model(clock, log=log, name="b")
    pair = {"`model`": first, "`production_model`": second}
    found = measure(pair, TABLE, Plan(8, warmup=0), clock=clock)
    assert "".join(log[:16]) == "ab" + "ba" + "abbaabbaabba"
    assert [len(one.timing.latencies) for one in found] == [8, 8]
    assert all(np.array_equal(a, b) for a, b in zip(first.calls, second.calls, strict=True))


def test_two_models_on_a_schedule_are_called_in_blocks():
    clock, log = FakeClock(), []
    pair = {
        "`model`": Model(clock, log=log, name="a"),
        "`production_model`": Model(clock, [2], log=log, name="b"),
    }
    found = measure(pair, TABLE, Plan(7, warmup=1, rate=100), clock=clock)
    assert "".join(log[2:16]) == "aaa" + "bbb" + "bbbb" + "aaaa"
    assert found[0].timing.latencies.tolist() == [0.001] * 7
    assert found[1].timing.latencies.tolist() == [0.002] * 7
    assert found[0].details["rate"] == 100
    assert found[0].details["achieved_rate"] == pytest.approx(100)
    assert found[0].details["late_sends"] == 0


def test_a_fixed_number_of_calls_is_made():
    model = Model(FakeClock())
    assert len(run(model, Plan(30), decided=lambda seen: False).timing.latencies) == 30


def test_calls_are_made_until_they_decide():
    plan, looks = Plan(30, fixed=False), []

    def decided(seen):
        looks.append(len(seen[0]))
        return looks[-1] >= 3_000

    found = run(Model(FakeClock()), plan, decided=decided)
    # the first look is after 1,000 calls, others when their number has doubled
    assert looks == [1_000, 2_000, 4_000]
    assert len(found.timing.latencies) == 4_000


def test_undecided_calls_end_when_the_time_is_over():
    found = run(Model(FakeClock(), [20]), Plan(30, fixed=False), decided=lambda seen: False)
    assert 7.9 <= 0.02 * (len(found.timing.latencies) + 50) <= 8.1


def test_slow_calls_are_judged_early_and_are_never_fewer_than_needed():
    looks = []

    def decided(seen):
        looks.append(len(seen[0]))
        return False

    found = run(Model(FakeClock(), [100]), Plan(368, fixed=False), decided=decided)
    assert looks[0] == 30
    assert len(found.timing.latencies) == 368
    # the warm-up is cut short, too
    assert found.details["warmup"] < 50


class Lazy:
    """An array whose values are computed when they are needed."""

    def __init__(self, clock, method):
        self.clock, self.method = clock, method

    def later(self, *args, **options):
        self.clock.moment += 60 * MS
        return np.zeros(1)


WAYS = ["__array__", "compute", "block_until_ready", "collect", "result", "to_numpy"]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("method", WAYS)
def test_lazy_answers_are_computed_within_the_call(method, wrapped):
    clock = FakeClock()
    kind = type("Lazy", (Lazy,), {method: Lazy.later})

    def predict(batch):
        answer = kind(clock, method)
        return [answer] if wrapped else answer

    (found,) = measure({"`model`": predict}, TABLE, Plan(5), clock=clock)
    assert found.timing.latencies.tolist() == [0.06] * 5
    assert found.first == 0.06


class Protocol:
    """An answer that is computed when it is read."""

    def __init__(self, clock):
        self.clock = clock

    def later(self, answer):
        self.clock.moment += 60 * MS
        return answer


class LikeList(Protocol):
    def __len__(self):
        return 1

    def __getitem__(self, place):
        return self.later([0.5])[place]


class LikeDict(LikeList, Mapping):
    def __iter__(self):
        return iter([0])

    def __getitem__(self, name):
        return self.later(np.zeros(1))


class Stream(Protocol):
    def __arrow_c_stream__(self, requested_schema=None):
        return self.later(pa.table({"p": [0.5]})).__arrow_c_stream__()


class ArrowArray(Protocol):
    def __arrow_c_array__(self, requested_schema=None):
        return self.later(pa.array([0.5])).__arrow_c_array__()


@pytest.mark.parametrize("kind", [LikeList, LikeDict, Stream, ArrowArray])
def test_answers_that_are_read_through_a_protocol_are_computed_within_the_call(kind):
    clock = FakeClock()
    (found,) = measure({"`model`": lambda _: kind(clock)}, TABLE, Plan(5), clock=clock)
    assert found.timing.latencies.min() >= 0.06


def test_a_lazy_answer_that_can_not_be_computed_is_a_failed_call():
    class Broken:
        def compute(self):
            raise ValueError("no worker")

    with pytest.raises(mg.EvidenceError, match="calls of `model` failed: ValueError: no worker"):
        measure({"`model`": lambda batch: Broken()}, TABLE, Plan(5))


def test_state_of_the_process_is_restored(monkeypatch):
    clock, folder, random_state = FakeClock(), Path.cwd(), random.getstate()

    def predict(batch):
        clock.moment += MS
        os.chdir("/")
        os.environ["A_VARIABLE_OF_A_MODEL"] = "1"
        random.seed(1)
        warnings.simplefilter("ignore")
        sys.stdout = None
        return [0]

    filters, stdout = list(warnings.filters), sys.stdout
    measure({"`model`": predict}, TABLE, Plan(5), clock=clock)
    assert (Path.cwd(), random.getstate()) == (folder, random_state)
    assert (warnings.filters, sys.stdout) == (filters, stdout)
    assert "A_VARIABLE_OF_A_MODEL" not in os.environ


def test_each_call_is_a_step():
    steps = []
    run(Model(FakeClock()), Plan(7), step=lambda: steps.append(1))
    run(Model(FakeClock()), Plan(7, rate=10), step=lambda: steps.append(1))
    assert len(steps) == 14


def test_failed_calls_are_kept_and_all_failed_is_an_error():
    clock = FakeClock()

    def fails(every):
        made = []

        def predict(batch):
            clock.moment += MS
            made.append(1)
            if len(made) % every == 0:
                raise ValueError("could not convert 'Ann'")
            return [0]

        return predict

    (found,) = measure({"`model`": fails(5)}, TABLE, Plan(50), clock=clock)
    assert np.isinf(found.timing.latencies).sum() == 10
    assert found.details["throughput"] == pytest.approx(800)
    for plan in (Plan(50), Plan(50, warmup=0)):
        with pytest.raises(mg.EvidenceError, match=r"all 50 calls of `model` failed: ValueErr"):
            measure({"`model`": fails(1)}, TABLE, plan, clock=clock)


def test_a_failed_first_call_is_infinite():
    clock, made = FakeClock(), []

    def predict(batch):
        clock.moment += MS
        made.append(1)
        if len(made) == 1:
            raise ValueError
        return [0]

    (found,) = measure({"`model`": predict}, TABLE, Plan(5), clock=clock)
    assert found.first == math.inf


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (None, "`model` gave None; expected an array of one answer per row"),
        (iter([1]), "`model` gave a list_iterator"),
        ([1, 2], "`model` gave 2 answers for 1 row"),
        (pd.DataFrame({"y": [1, 2]}), "`model` gave 2 answers for 1 row"),
        ({"y": 1}, "`model` gave a dict"),
        ("yes", "`model` gave a str"),
        (np.zeros((1, 1, 1)), r"`model` gave an array of shape \(1, 1, 1\)"),
    ],
)
def test_malformed_answers_are_an_error(answer, said):
    with pytest.raises(mg.EvidenceError, match=said):
        measure({"`model`": lambda batch: answer}, TABLE, Plan(5))


def test_a_coroutine_is_an_error():
    async def predict(batch):
        return [0]

    with pytest.raises(mg.EvidenceError, match="`model` gave a coroutine"):
        measure({"`model`": predict}, TABLE, Plan(5))


@pytest.mark.parametrize(
    "answer",
    [[0], np.zeros(1), np.zeros((1, 3)), pd.Series([0.5]), pd.DataFrame({"y": [1]})],
)
def test_predictions_and_scores_are_answers(answer):
    clock = FakeClock()

    def predict(batch):
        clock.moment += MS
        return answer

    (found,) = measure({"`model`": predict}, TABLE, Plan(5), clock=clock)
    assert len(found.timing.latencies) == 5


def test_calls_that_take_no_time_are_an_error():
    with pytest.raises(mg.EvidenceError, match=r"5 calls of `model` took 0 s"):
        measure({"`model`": lambda batch: [0]}, TABLE, Plan(5), clock=FakeClock())


def test_rows_that_can_not_be_taken_are_refused():
    with pytest.raises(
        mg.EvidenceError, match=r"must be a data frame, .*, got a value of type int"
    ):
        measure({"`model`": len}, 7, Plan(5))


def test_details_have_throughput_memory_collector_and_machine():
    details = run(Model(FakeClock(), [4]), Plan(10, batch_size=2, disable_gc=True, seed=3)).details
    assert details["throughput"] == pytest.approx(500)
    assert details["batch_size"] == 2
    assert details["seed"] == 3
    assert details["gc"] == "disabled"
    assert details["peak_memory"] >= 0
    assert details["machine"]["processors"] >= 1
    assert run(Model(FakeClock()), Plan(10)).details["gc"] == "as in production"


def stops_at(last):
    calls = iter(range(1, last))

    def predict(batch):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return [0]

    return predict


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("disabled", [True, False])
def test_garbage_collector_is_restored(enabled, disabled):
    clock, seen, was = FakeClock(), [], gc.isenabled()

    def predict(batch):
        clock.moment += MS
        seen.append(gc.isenabled())
        return [0]

    try:
        gc.enable() if enabled else gc.disable()
        measure({"`model`": predict}, TABLE, Plan(3, warmup=1, disable_gc=disabled), clock=clock)
        assert seen == [enabled] + [enabled and not disabled] * 3 + [enabled]
        assert gc.isenabled() is enabled
        with pytest.raises(KeyboardInterrupt):
            measure({"`model`": stops_at(2)}, TABLE, Plan(3, warmup=1, disable_gc=disabled))
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was else gc.disable()


def test_facts_of_the_machine(monkeypatch):
    assert machine_facts((0.5, None), (1_000.0, None))[1] is True
    assert machine_facts((0.0, None), (0.5, None))[1] is False
    details, busy = machine_facts((None, None), (None, 3))
    assert (details["preempted"], busy) == (None, False)
    assert all(isinstance(threads, int) for threads in details["pools"].values())
    monkeypatch.delattr(os, "getloadavg", raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert machine_load() == (None, None)
    details, _ = machine_facts(machine_load(), machine_load())
    assert details["pools"] == {}
    assert details["processors"] >= 1
