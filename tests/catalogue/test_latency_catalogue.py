"""Unusual latencies and models, each with its right verdict."""

import math
import os
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mlgates as mg
from mlgates.runtime.timing import SECOND, Clock

P, U, F, E = "pass", "inconclusive", "fail", "error"  # U: undecided
NAN, INF = math.nan, math.inf
X = pd.DataFrame({"a": np.arange(30.0)})
MS = SECOND // 1_000


def calls(n: int, median: float = 0.004, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).lognormal(math.log(median), 0.4, n)


def put(values: dict[int, float], n: int = 2_000) -> np.ndarray:
    """Return the latencies with some values replaced."""
    found = calls(n)
    for place, value in values.items():
        found[place] = value
    return found


def every(step: int, value: float, n: int = 20_000) -> np.ndarray:
    found = calls(n)
    found[step // 2 :: step] = value
    return found


def state_that_lasts(n: int) -> np.ndarray:
    first, *others = np.random.default_rng(2).normal(size=n).tolist()
    found, scale = [first], math.sqrt(1 - 0.81)
    for noise in others:
        found.append(0.9 * found[-1] + scale * noise)
    return 0.004 * np.exp(0.3 * np.array(found))


def step_up(n: int) -> np.ndarray:
    return calls(n) * np.where(np.arange(n) < n // 2, 1.0, 3.0)


GIVEN = {
    # size
    "no calls": ("p99", [], U),
    "one call": ("p99", [0.001], U),
    "one call, mean": ("mean", [0.001], U),
    "one call, max": ("max", [0.001], U),
    "71 calls, p95": ("p95", calls(71), U),
    "72 equal calls, p95": ("p95", [0.004] * 72, P),
    "367 calls, p99": ("p99", calls(367), U),
    "368 equal calls, p99": ("p99", [0.004] * 368, P),
    "3,687 calls, p99.9": ("p99.9", calls(3_687), U),
    "3,688 equal calls, p99.9": ("p99.9", [0.004] * 3_688, P),
    "enough and fast": ("p99", calls(2_000), P),
    "enough and slow": ("p99", calls(2_000, 0.04), F),
    "across the limit": ("p99", calls(2_000, 0.0078), U),
    "few and slow": ("p99", calls(100, 1.0), U),
    # values
    "a missing one": ("p99", put({3: NAN}), E),
    "all missing": ("p99", [NAN] * 400, E),
    "None": ("p99", [None] * 400, E),
    "a negative one": ("p99", put({3: -0.001}), E),
    "minus infinite": ("p99", put({3: -INF}), E),
    "a zero": ("p99", put({3: 0.0}), E),
    "all zero": ("p99", np.zeros(400), E),
    "texts": ("p99", ["20ms"] * 400, E),
    "bools": ("p99", [True] * 400, E),
    "two columns": ("p99", np.ones((400, 2)), E),
    "a generator": ("p99", (x for x in [0.001] * 400), E),
    "a number": ("p99", 0.001, E),
    "name of no column": ("p99", "seconds", E),
    "all infinite": ("p99", [INF] * 400, F),
    "2 % failed": ("p99", every(50, INF), F),
    "half of a percent failed": ("p99", every(200, INF), P),
    "half of a percent of 1,000 failed": ("p99", every(200, INF, 1_000), U),
    "a third failed behind a median": ("p50", every(3, INF), F),
    "one failed, max": ("max", put({3: INF}), F),
    "one failed, mean": ("mean", put({3: INF}), F),
    # pauses stay in
    "pauses at each 1,000th call": ("p99", every(1_000, 0.5), P),
    "pauses at each 50th call": ("p99", every(50, 0.5), F),
    "pauses and the largest": ("max", every(1_000, 0.5), F),
    # calls that depend
    "a state that lasts": ("p99", state_that_lasts(2_000), P),
    "a state that lasts, many calls": ("p99", state_that_lasts(20_000), P),
    "slower from the middle on": ("p99", step_up(2_000), U),
    "sorted": ("p99", np.sort(calls(2_000)), U),
    # units
    "milliseconds": ("p99", 1_000 * calls(2_000), F),
    "microseconds, far beyond": ("p99", 1e6 * calls(2_000), F),
    "durations": ("p99", pd.to_timedelta(calls(2_000), unit="s"), P),
}


@pytest.mark.parametrize(("name", "latencies", "verdict"), GIVEN.values(), ids=GIVEN)
def test_given_latencies(name, latencies, verdict):
    assert mg.Latency(name, at_most="20ms").run(latencies=latencies).verdict == verdict


AGAINST = {
    "as fast": (calls(20_000), calls(20_000, seed=2), P),
    "faster": (calls(20_000, 0.002), calls(20_000, seed=2), P),
    "twice as slow": (calls(20_000, 0.008), calls(20_000, seed=2), F),
    "few calls": (calls(300), calls(20_000), U),
    "few calls of production": (calls(20_000), calls(300), U),
    "no calls of production": (calls(20_000), [], U),
    "all of production failed": (calls(2_000), [INF] * 2_000, U),
    "all of both failed": ([INF] * 2_000, [INF] * 2_000, U),
    "production missing": (calls(2_000), [NAN] * 2_000, E),
    "production zero": (calls(2_000), [0.0] * 2_000, E),
    "no production": (calls(2_000), None, E),
}


@pytest.mark.parametrize(("mine", "theirs", "verdict"), AGAINST.values(), ids=AGAINST)
def test_against_production(mine, theirs, verdict):
    gate = mg.Latency("p99", max_slowdown=0.2)
    result = gate.run(latencies=mine, production_latencies=theirs)
    failed = {check.verdict for check in result.checks if check.metric != "failed"}
    assert failed == {verdict}
    if verdict != P:
        assert result.verdict != P


# Models, under a clock that only they move


@pytest.fixture
def clock(monkeypatch):
    class Moment:
        now = 0

    monkeypatch.setattr(Clock, "now", lambda _: Moment.now)
    monkeypatch.setattr(
        Clock,
        "wait_until",
        lambda _, moment: setattr(Moment, "now", max(Moment.now, moment)),
    )
    return Moment


def after(clock, answer: Callable[[object, int], object], took: float = 4.0):
    """A model that answers after the milliseconds given for each of its calls."""
    made = []

    def predict(batch):
        made.append(1)
        clock.now += round(took * MS)
        return answer(batch, len(made))

    return predict


def raises(batch, call):
    raise RuntimeError("no connection to postgres://db.example.org")


def raises_at_times(batch, call):
    if call % 500 == 0:
        raise RuntimeError("no connection")
    return np.zeros(len(batch))


def raises_often(batch, call):
    if call % 20 == 0:
        raise RuntimeError("no connection")
    return np.zeros(len(batch))


def leaves(batch, call):
    raise SystemExit(3)


def eats_memory(batch, call):
    raise MemoryError


async def later(batch, call):
    return np.zeros(len(batch))


def changes_its_input(batch, call):
    batch["a"] = -1.0
    return np.zeros(len(batch))


MODELS = {
    "answers": (lambda batch, call: np.zeros(len(batch)), P),
    "answers with scores": (lambda batch, call: np.zeros((len(batch), 2)), P),
    "answers with a list": (lambda batch, call: [0] * len(batch), P),
    "answers with a Series": (lambda batch, call: batch["a"], P),
    "always raises": (raises, E),
    "raises at times": (raises_at_times, P),
    "raises often": (raises_often, F),
    "ends the process": (leaves, E),
    "runs out of memory": (eats_memory, E),
    "answers None": (lambda batch, call: None, E),
    "answers too much": (lambda batch, call: np.zeros(len(batch) + 1), E),
    "answers nothing": (lambda batch, call: [], E),
    "answers with a DataFrame": (lambda batch, call: batch, P),
    "answers with a generator": (lambda batch, call: (0 for _ in range(len(batch))), E),
    "answers with a cube": (lambda batch, call: np.zeros((len(batch), 2, 2)), E),
    "answers later": (later, E),
    "changes its input": (changes_its_input, P),
}


@pytest.mark.parametrize(("answer", "verdict"), MODELS.values(), ids=MODELS)
def test_models(clock, answer, verdict):
    before = X.copy()
    gate = mg.Latency("p95", at_most="20ms")
    result = gate.run(model=after(clock, answer), X=X)
    assert result.verdict == verdict, result.reason
    assert "db.example.org" not in str(result)
    pd.testing.assert_frame_equal(X, before)


def test_one_models_trouble_is_not_anothers(clock):
    good = after(clock, lambda batch, call: np.zeros(len(batch)))
    suite = mg.GateSuite(
        [mg.Latency("p95", at_most="20ms"), mg.Latency("p95", max_slowdown=0.1, name="relative")]
    )
    report = suite.run(model=good, production_model=after(clock, raises), X=X)
    assert report["latency:p95"].verdict == P
    assert report["relative"].verdict == E
    assert "of `production_model` failed" in report["relative"].reason


@pytest.mark.parametrize(
    ("model", "table"),
    [(7, X), (dict, X), (len, 7), (len, "table.csv"), (len, iter([[1.0]]))],
    ids=["no model", "a class", "X is a number", "X is a path", "X is a generator"],
)
def test_models_and_rows_that_can_not_be_used_are_errors(model, table):
    assert mg.Latency("p95", at_most=1).run(model=model, X=table).verdict == E


def test_clock_that_does_not_advance(clock):
    model = after(clock, lambda batch, call: np.zeros(len(batch)), took=0)
    result = mg.Latency("p95", at_most=1).run(model=model, X=X)
    assert result.verdict == E
    assert "calls of `model` took 0 s by the clock of this machine" in result.reason


def test_changes_of_the_system_time_do_not_matter(clock, monkeypatch):
    """Calls are timed by a clock that never goes back."""
    monkeypatch.setattr("time.time", lambda: -1e9)
    model = after(clock, lambda batch, call: np.zeros(len(batch)))
    assert mg.Latency("p95", at_most="20ms").run(model=model, X=X).verdict == P


def test_warm_up_and_garbage_collector_are_recorded(clock):
    model = after(clock, lambda batch, call: np.zeros(len(batch)))
    gate = mg.Latency("p95", at_most="20ms", warmup=7, disable_gc=True)
    details = gate.run(model=model, X=X).checks[0].details
    assert (details["warmup"], details["gc"]) == (7, "disabled")


def test_load_of_the_machine_is_recorded(clock, monkeypatch):
    monkeypatch.setattr(os, "getloadavg", lambda: (1_000.0, 0.0, 0.0), raising=False)
    model = after(clock, lambda batch, call: np.zeros(len(batch)))
    check = mg.Latency("p95", at_most="20ms").run(model=model, X=X).checks[0]
    assert check.details["machine"]["load_after"] == 1_000
    assert (
        "(hint: other processes kept the machine busy; measure again on an idle machine)"
        in check.reason
    )


PAUSING = [0.2 if i == 499 else 0.001 for i in range(500)]


@pytest.mark.parametrize(
    ("rate", "verdict"), [(None, P), (450, F), (900, U)], ids=["closed", "open", "saturated"]
)
def test_open_loop_measures_waiting_that_a_closed_loop_does_not(clock, rate, verdict):
    made = []

    def predict(batch):
        clock.now += round(PAUSING[len(made) % 500] * SECOND)
        made.append(1)
        return [0]

    gate = mg.Latency("p99", at_most="20ms", calls=13_500, rate=rate)
    assert gate.run(model=predict, X=X).verdict == verdict
