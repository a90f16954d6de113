"""Latency: verdicts, missing evidence, measurements of models, and reasons."""

import json
import math
import time
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from gate_examples import Example

import mlgates as mg
from mlgates.runtime.timing import SECOND, Clock
from mlgates.stats.quantiles import exceedance_interval
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
X = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0)})


def drawn(n=2_000, seed=1, median=0.004, spread=0.4):
    return np.random.default_rng(seed).lognormal(math.log(median), spread, n)


def run(gate, latencies=None, **others):
    return gate.run(latencies=drawn() if latencies is None else latencies, **others)


def only(result):
    (check,) = result.checks
    return check


class Served:
    """A model that takes given times on a clock that only the model and the gate advance."""

    def __init__(self, monkeypatch):
        self.moment = 0
        self.patch = monkeypatch
        monkeypatch.setattr(Clock, "now", lambda _: self.moment)
        monkeypatch.setattr(Clock, "wait_until", lambda _, moment: self.wait(moment))

    def wait(self, moment):
        self.moment = max(self.moment, moment)

    def model(self, seconds, fails=()):
        """Return a model with calls that take these times in turn; those in `fails` fail."""
        made = []

        class Model:
            calls = made

            def predict(_, batch):  # noqa: N805
                i = len(made)
                made.append(len(batch))
                self.moment += round(seconds[i % len(seconds)] * SECOND)
                if i in fails:
                    raise ValueError("no such row: 'Ann'")
                return np.zeros(len(batch))

        return Model()


@pytest.fixture
def served(monkeypatch):
    return Served(monkeypatch)


# What decides


def test_passes_only_when_the_whole_interval_is_within():
    low, high = only(run(mg.Latency("p99", at_most=1))).interval
    value = only(run(mg.Latency("p99", at_most=1))).value
    assert low < value < high
    for limit, verdict in [
        (high, P),
        (high * (1 - 1e-9), U),
        (value, U),
        (low, U),
        (low * (1 - 1e-9), F),
    ]:
        assert run(mg.Latency("p99", at_most=limit)).verdict is verdict


@pytest.mark.parametrize("k", [0, 1, 2])
def test_verdict_is_that_of_clopper_and_pearson(k):
    """With k calls beyond the limit it passes from the size on that shows at most 1 % to be."""
    enough = next(n for n in range(300, 2_000) if exceedance_interval(k, n)[1] <= 0.01)
    for size, verdict in [(enough, P), (enough - 1, U)]:
        seconds = np.full(size, 0.001)
        seconds[[50, 210][:k]] = 0.1
        assert run(mg.Latency("p99", at_most="20ms"), seconds).verdict is verdict


@pytest.mark.parametrize(("name", "least"), [("p95", 72), ("p99", 368), ("p99.9", 3_688)])
def test_too_few_calls_say_how_many_are_needed(name, least):
    gate = mg.Latency(name, at_most="20ms")
    enough = [0.001] * least
    assert run(gate, enough).verdict is P
    check = only(run(gate, enough[1:]))
    assert check.verdict is U
    assert check.interval == (0.001, math.inf)
    assert (
        f"too few for `{name}`: at least {least:,} are needed for a confidence of 95 %"
        in check.reason
    )
    # slow ones are too few as well
    assert run(gate, [0.1] * (least - 1)).verdict is U
    assert run(gate, [0.1] * least).verdict is F


def test_undecided_says_how_many_calls_would_decide():
    seconds = drawn(1_000)
    limit = float(np.quantile(seconds, 0.993))
    check = only(run(mg.Latency("p99", at_most=limit), seconds))
    assert check.verdict is U
    assert check.by_chance is True
    needed = check.details["rows_needed"]
    enough = f"about {needed:,} calls would be enough to decide"
    assert f"; the interval contains the limit; {enough} (limit: at most" in check.reason
    assert 2_000 < needed < 20_000
    more = np.random.default_rng(0).choice(seconds, needed)
    assert run(mg.Latency("p99", at_most=limit), more).verdict is P


def test_forecast_where_failed_calls_leave_the_interval_open_and_where_none_decide():
    seconds = drawn(1_000)
    seconds[100::200] = math.inf
    check = run(mg.Latency("p99", at_most="20ms"), seconds).checks[0]
    assert check.interval[1] == math.inf
    assert 1_518 < check.details["rows_needed"] < 6_000
    assert check.details["rows_needed"] % 100 == 0
    seconds[50::200] = math.inf  # just as many as may be
    check = run(mg.Latency("p99", at_most="20ms"), seconds).checks[0]
    assert check.verdict is U
    assert "enough to decide" not in check.reason


def test_estimate_decides_if_decide_by_says_so():
    value = only(run(mg.Latency("p99", at_most=1))).value
    for limit, verdict in [(value, P), (value * 0.999, F)]:
        gate = mg.Latency("p99", at_most=limit, decide_by="estimate")
        assert run(gate).verdict is verdict
    assert run(mg.Latency("p99", at_most=1, decide_by="estimate"), drawn(300)).verdict is U


@pytest.mark.parametrize("name", ["mean", "max"])
def test_mean_and_largest_decide_by_the_estimate(name):
    seconds = drawn()
    value = seconds.mean() if name == "mean" else seconds.max()
    check = only(run(mg.Latency(name, at_most=value), seconds))
    assert check.verdict is P
    assert check.value == pytest.approx(value)
    assert (check.interval is None) is (name == "max")
    assert run(mg.Latency(name, at_most=value * 0.999), seconds).verdict is F
    assert run(mg.Latency(name, at_most=1), seconds[:29]).verdict is U


def test_two_limits_are_two_checks():
    result = mg.Latency("p95", at_most="20ms", max_slowdown=0.5).run(
        latencies=drawn(), production_latencies=drawn(seed=2)
    )
    assert [(c.subject, c.metric, c.unit) for c in result.checks] == [
        ("latency", "p95", "s"),
        ("latency", "slowdown", "share"),
    ]
    assert result.verdict is P


def test_nothing_was_measured():
    check = only(run(mg.Latency("p99", at_most=1), []))
    assert check.verdict is U
    assert "no calls to measure" in check.reason
    empty = mg.Latency("p99", max_slowdown=0.1).run(latencies=[], production_latencies=[])
    assert empty.verdict is U
    no_rows = mg.Latency("p99", at_most=1).run(model=lambda batch: batch, X=X.iloc[:0])
    assert no_rows.verdict is U


# Failed calls


def test_failed_calls_are_infinitely_slow_and_a_check_of_their_own():
    seconds = drawn(10_000)
    seconds[::500] = math.inf
    result = run(mg.Latency("p99", at_most="20ms"), seconds)
    assert [(c.metric, c.verdict) for c in result.checks] == [("p99", P), ("failed", P)]
    assert "; 20 failed calls count as infinitely slow" in result.checks[0].reason
    assert result.checks[1].reason == "20 of 10,000 calls failed (0.2 %); the limit is at most 1 %"
    assert run(mg.Latency("p99", at_most="20ms", max_failed=0.001), seconds).verdict is F


def test_median_does_not_hide_that_half_of_the_calls_fail():
    seconds = drawn(1_000)
    seconds[::3] = math.inf
    result = run(mg.Latency("p50", at_most="20ms"), seconds)
    assert [(c.metric, c.verdict) for c in result.checks] == [("p50", P), ("failed", F)]


def test_quantile_among_failed_calls_fails():
    seconds = drawn(1_000)
    seconds[::50] = math.inf
    check = run(mg.Latency("p99", at_most="20ms"), seconds).checks[0]
    assert (check.value, check.verdict) == (math.inf, F)
    assert check.reason.startswith("`p99` is infinite (n = 1,000), median 4 ms, p95 8.28 ms; ")
    assert "; 20 failed calls count as infinitely slow; " in check.reason


@pytest.mark.parametrize(
    ("calls", "told"),
    [
        (
            400,
            "`p99` is infinite (n = 400); all 400 calls failed, so the latency is infinite",
        ),
        (
            1,
            "`p99` is infinite (n = 1); 1 failed call counts as infinitely slow; 1 call is too ",
        ),
    ],
)
def test_calls_that_all_failed_are_reported_as_infinite(calls, told):
    check = run(mg.Latency("p99", at_most="20ms"), [math.inf] * calls).checks[0]
    assert check.reason.startswith(told)


def test_interval_that_reaches_into_failed_calls_is_no_pass():
    seconds = drawn(1_000)
    seconds[[100, 300, 500, 700, 900]] = math.inf
    check = run(mg.Latency("p99", at_most="20ms"), seconds).checks[0]
    assert check.interval[1] == math.inf
    assert check.verdict is U


# Dependence


def autoregressive(n, rho, seed=0):
    first, *others = np.random.default_rng(seed).normal(size=n).tolist()
    found, scale = [first], math.sqrt(1 - rho**2)
    for noise in others:
        found.append(rho * found[-1] + scale * noise)
    return 0.004 * np.exp(0.3 * np.array(found))


def test_dependent_calls_count_as_fewer():
    check = only(run(mg.Latency("p99", at_most="20ms"), autoregressive(2_000, 0.9)))
    assert check.verdict is U
    assert check.details["lag_1"] > 0.8
    assert check.details["effective_calls"] < 368
    assert check.reason.count("the calls depend on earlier ones, so they count as only") == 1
    assert "`p99` needs 368 independent calls; about" in check.reason
    more = only(run(mg.Latency("p99", at_most="20ms"), autoregressive(20_000, 0.9)))
    assert more.verdict is P
    assert more.details["effective_calls"] < 20_000 / 10


def test_interval_beyond_the_limit_fails_with_few_independent_calls():
    check = only(run(mg.Latency("p99", at_most="1ms"), autoregressive(2_000, 0.9)))
    assert 30 <= check.details["effective_calls"] < 368
    assert check.verdict is F


def test_sorted_latencies_get_a_hint():
    check = only(run(mg.Latency("p99", at_most="20ms"), np.sort(drawn())))
    assert check.verdict is U
    assert check.hint == "the latencies are sorted; give them in the order of the calls"
    assert f"(hint: {check.hint})" in check.reason


def test_open_loop_trace_fails_where_the_closed_one_passes():
    """13,500 requests at 450 a second, 1 ms each, every 500th 200 ms."""
    service = np.where(np.arange(13_500) % 500 == 499, 0.2, 0.001)
    due, free, waited = np.arange(13_500) / 450, 0.0, []
    for moment, took in zip(due, service, strict=True):
        free = max(free, moment) + took
        waited.append(free - moment)
    gate = mg.Latency("p99", at_most="20ms")
    closed, opened = only(run(gate, service)), only(run(gate, waited))
    assert (closed.value, closed.verdict) == (0.001, P)
    assert (round(opened.value, 4), opened.verdict) == (0.1939, F)


# Against production


def test_slowdown_is_the_ratio_of_the_quantiles():
    production = drawn(5_000, seed=2, spread=0.1)
    gate = mg.Latency("p95", max_slowdown=0.1)
    for factor, verdict in [(1.0, P), (0.8, P), (1.1, U), (1.3, F)]:
        given = factor * drawn(5_000, seed=3, spread=0.1)
        check = only(run(gate, given, production_latencies=production))
        assert check.verdict is verdict
        assert check.value == pytest.approx(factor - 1, abs=0.03)
        assert check.interval[0] < check.value < check.interval[1]
        details = check.details
        assert details["candidate"] / details["production"] - 1 == pytest.approx(check.value)
        edges = details["histogram"]["edges"]
        assert edges == details["histogram_production"]["edges"]


def test_slowdown_that_is_undecided_says_how_many_calls_would_decide():
    production = drawn(500, seed=2)
    check = only(
        run(mg.Latency("p95", max_slowdown=0.02), drawn(500), production_latencies=production)
    )
    assert check.verdict is U
    needed = check.details["rows_needed"]
    assert f"; about {needed:,} calls would be enough to decide (" in check.reason


@pytest.mark.parametrize(
    ("mine", "theirs", "verdict", "said"),
    [
        (drawn(300), drawn(), U, "300 calls are too few for `p99`: at least 368 are"),
        (drawn(), drawn(300), U, "300 calls of the model in production are too few for `p99`"),
        (
            drawn(),
            autoregressive(2_000, 0.9),
            U,
            "2,000 calls of the model in production depend on earlier ones",
        ),
        (
            drawn(),
            np.append(drawn(50), [math.inf] * 450),
            U,
            "so many calls of the model in production failed that there is no slowdown",
        ),
        (
            np.append([math.inf] * 30, drawn(500)),
            drawn(),
            F,
            "in production: an infinite slowdown (",
        ),
        (
            [],
            drawn(),
            U,
            (
                "`p99` can't be compared with that of production (n = 0 against 2,000); no calls "
                "to measure"
            ),
        ),
        (drawn(), [], U, "0 calls of the model in production are too few"),
    ],
)
def test_slowdown_that_can_not_be_computed(mine, theirs, verdict, said):
    gate = mg.Latency("p99", max_slowdown=0.1)
    check = run(gate, mine, production_latencies=theirs).checks[0]
    assert check.verdict is verdict
    assert said in check.reason


@pytest.mark.parametrize("name", ["mean", "max"])
def test_slowdown_of_the_mean_and_the_largest(name):
    production = drawn(seed=2)
    gate = mg.Latency(name, max_slowdown=0.1)
    assert run(gate, 1.05 * production, production_latencies=production).verdict is P
    assert run(gate, 1.2 * production, production_latencies=production).verdict is F


def test_slowdown_between_given_and_measured_says_so(served):
    model = served.model(drawn().tolist())
    check = (
        mg.Latency("p50", max_slowdown=0.5, calls=500)
        .run(latencies=drawn(seed=2), production_model=model, X=X)
        .checks[0]
    )
    assert check.verdict is P
    assert (
        "; the two models were not called in turns, so the slowdown includes changes of the "
        "machine between the two measurements" in check.reason
    )


# How many calls


def test_a_forecast_is_in_calls_that_depend_alike():
    seconds = autoregressive(2_000, 0.9)
    limit = float(np.quantile(seconds, 0.98))
    check = only(run(mg.Latency("p95", at_most=limit), seconds))
    assert check.verdict is U
    assert check.details["effective_calls"] < 200
    needed = check.details["rows_needed"]
    assert needed >= 1.25 * 2_000
    verdicts = [
        run(mg.Latency("p95", at_most=limit), autoregressive(needed, 0.9, seed)).verdict
        for seed in range(1, 6)
    ]
    assert U not in verdicts


@pytest.mark.parametrize("name", ["p50", "p95", "p99"])
@pytest.mark.parametrize(("factor", "verdict"), [(3, P), (1 / 3, F)])
def test_a_model_far_from_the_limit_is_decided_soon(served, name, factor, verdict):
    """The simulated calls depend on earlier ones, as on a shared machine."""
    seconds = autoregressive(30_000, 0.6)
    true = float(np.quantile(seconds, float(name[1:]) / 100))
    model = served.model(seconds.tolist())
    check = only(mg.Latency(name, at_most=factor * true).run(model=model, X=X))
    assert check.verdict is verdict
    assert sum(seconds[: len(model.calls)]) < 9


def test_a_slow_model_fails_before_the_quantile_is_known(served):
    model = served.model([0.3])
    check = only(mg.Latency("p99", at_most="100ms").run(model=model, X=X))
    assert check.verdict is F
    assert check.n < 368
    assert served.moment < 15 * SECOND
    # calls that are fewer than needed never pass
    check = only(mg.Latency("p99", at_most="900ms").run(model=served.model([0.3]), X=X))
    assert (check.verdict, check.n) == (P, 368)


def test_an_undecided_measurement_names_the_option_that_helps(served):
    seconds = drawn(30_000)
    limit = float(np.quantile(seconds, 0.991))
    check = only(mg.Latency("p99", at_most=limit).run(model=served.model(seconds.tolist()), X=X))
    assert check.verdict is U
    needed = check.details["rows_needed"]
    assert f"about {needed:,} calls would be enough to decide: set `calls={needed}` (about " in (
        check.reason
    )


# Measuring


def test_model_is_measured_in_a_closed_loop(served):
    model = served.model([0.5, *drawn(5_000).tolist()])
    check = only(mg.Latency("p99", at_most="20ms").run(model=model, X=X))
    assert check.verdict is P
    assert check.n == 960  # after 480 calls, and two seconds, `p99` can't be decided yet
    assert check.method == "order statistics; service time (closed loop)"
    details = check.details
    assert details["loop"] == "closed"
    assert details["first_call"] == 0.5
    assert details["warmup"] == 50
    assert details["gc"] == "as in production"
    assert details["throughput"] == pytest.approx(1 / drawn(5_000).mean(), rel=0.1)
    assert details["machine"]["processors"] >= 1
    assert set(details["quantiles"]) == {"p50", "p90", "p95", "p99", "max"}
    assert sum(details["histogram"]["counts"]) == 960
    assert set(model.calls) == {1}


def test_callable_is_a_model_and_gets_batch_size_rows_per_call(served):
    predict = served.model(drawn().tolist()).predict
    check = only(mg.Latency("p95", at_most="20ms", batch_size=16).run(model=predict, X=X))
    assert check.details["batch_size"] == 16


@pytest.mark.parametrize(
    ("name", "calls"), [("p50", 480), ("p99", 960), ("p99.9", 3_688), ("max", 480)]
)
def test_calls_are_enough_for_the_quantile(served, name, calls):
    gate = mg.Latency(name, at_most="20s")
    check = gate.run(model=served.model(drawn(9_973).tolist()), X=X).checks[0]
    assert check.n == calls
    assert check.verdict is P


def test_dependent_calls_are_decided_by_blocks(served):
    model = served.model(autoregressive(30_000, 0.8).tolist())
    check = only(mg.Latency("p99", at_most="30ms").run(model=model, X=X))
    assert check.n > 1_000
    assert check.details["effective_calls"] < 368
    assert check.method == "quantiles of blocks of calls; service time (closed loop)"
    assert check.verdict is P


def test_open_loop_counts_from_the_scheduled_time(served):
    times = [0.2 if i % 500 == 499 else 0.001 for i in range(500)]
    gate = mg.Latency("p99", at_most="20ms", calls=13_500, rate=450)
    check = only(gate.run(model=served.model(times), X=X))
    assert check.verdict is F
    assert check.value == pytest.approx(0.1939, abs=1e-4)
    assert check.method == "quantiles of blocks of calls; open loop at 450 calls a second"
    assert check.details["loop"] == "open"
    assert check.details["achieved_rate"] == pytest.approx(450, rel=0.01)


def test_saturated_generator_is_inconclusive(served):
    gate = mg.Latency("p99", at_most="1h", rate=450)
    check = only(gate.run(model=served.model([0.003]), X=X))
    assert check.verdict is U
    said = "the model is saturated: it answered 333.3 of 450 calls a second, so the latencies grow"
    assert said in check.reason
    both = mg.Latency("p99", max_slowdown=1.0, rate=450)
    fast, slow = served.model([0.001]), served.model([0.003])
    check = only(both.run(model=fast, production_model=slow, X=X))
    assert check.verdict is U
    assert "the model in production is saturated" in check.reason


def test_two_models_in_turns_are_slowed_down_alike(served):
    """The machine slows down while both are measured; the ratio stays the same."""
    drift = np.linspace(1, 3, 2_200)

    def slower(factor):
        return served.model((factor * drift * drawn(2_200, seed=5, spread=0.05)).tolist())

    gate = mg.Latency("p50", max_slowdown=0.1, calls=2_000)
    check = only(gate.run(model=slower(1.5), production_model=slower(1.0), X=X))
    assert check.value == pytest.approx(0.5, abs=0.02)


def test_failed_calls_are_reported(served):
    model = served.model(drawn().tolist(), fails={100, 300, 500})
    result = mg.Latency("p95", at_most="20ms", calls=1_000).run(model=model, X=X)
    assert [(c.metric, c.verdict) for c in result.checks] == [("p95", P), ("failed", P)]
    assert result.checks[1].reason == (
        "3 of 1,000 calls failed (0.3 %), the first with ValueError: no such row: '<text>'; "
        "the limit is at most 1 %"
    )
    broken = served.model([0.001], fails=range(10**6))
    result = mg.Latency("p95", at_most="20ms").run(model=broken, X=X)
    assert result.verdict is E
    assert result.reason == ("all 50 calls of `model` failed: ValueError: no such row: '<text>'")


def test_first_call_is_a_check_of_its_own_with_cold_at_most(served):
    model = served.model([0.5, *[0.001] * 5_000])
    gate = mg.Latency("p99", at_most="20ms", cold_at_most="1s")
    result = gate.run(model=model, X=X)
    assert [(c.metric, c.verdict) for c in result.checks] == [("p99", P), ("first_call", P)]
    assert result.checks[1].reason == "the first call took 500 ms; the limit is at most 1 s"
    tight = mg.Latency("p99", at_most="20ms", cold_at_most="100ms")
    assert tight.run(model=served.model([0.5, *[0.001] * 5_000]), X=X).verdict is F
    failing = served.model([0.001], fails={0})
    check = tight.run(model=failing, X=X).checks[1]
    assert check.verdict is F
    assert check.reason == "the first call failed; the limit is at most 100 ms"
    given = run(tight, [0.001] * 400).checks[1]
    assert given.verdict is U
    assert "given latencies do not include it; give a model instead" in given.reason


def test_given_latencies_are_used_where_a_model_is_given_too():
    def model(batch):
        raise AssertionError

    check = only(run(mg.Latency("p99", at_most="20ms"), model=model, X=X))
    assert check.details["loop"] == "given"
    assert check.verdict is P


def test_column_of_the_data_holds_latencies():
    log = pd.DataFrame({"seconds": drawn(), "old": drawn(seed=2)})
    gate = mg.Latency("p95", at_most="20ms", max_slowdown=0.5)
    result = gate.run(data=log, latencies="seconds", production_latencies="old")
    assert result.verdict is P
    missing = gate.run(data=log, latencies="second", production_latencies="old")
    assert missing.verdict is E
    assert "did you mean 'seconds'?" in missing.reason


def test_real_clock_measures_a_real_model():
    """Sleeping 2 ms takes at least 2 ms, on every machine."""

    def model(batch):
        time.sleep(0.002)
        return [0]

    gate = mg.Latency("p50", at_most="10s", calls=40, warmup=2)
    check = only(gate.run(model=model, X=X))
    assert check.verdict in (P, U)  # on a busy machine 40 calls may be worth too few
    assert check.value >= 0.002
    opened = mg.Latency("p50", at_most="10s", calls=20, warmup=2, rate=100)
    assert only(opened.run(model=model, X=X)).value >= 0.002


# Corrected for omission


def test_expected_interval_adds_the_calls_that_were_not_sent():
    seconds = np.array([0.001] * 10_000 + [100.0])
    gate = mg.Latency("p99", at_most="20ms", expected_interval="10ms")
    plain = only(run(mg.Latency("p99", at_most="20ms"), seconds))
    check = only(run(gate, seconds))
    assert (plain.value, plain.verdict) == (0.001, P)
    assert check.value == pytest.approx(98.0)
    assert check.verdict is not P
    assert check.n == 20_000
    assert check.details["calls"] == 10_001
    assert check.details["omitted"] == 9_999
    assert "with added calls that were planned every 10 ms and not sent" in check.method
    # what was added makes no few calls many
    few = only(run(gate, [*[0.001] * 300, 10.0]))
    assert "301 calls are too few" in few.reason


def test_expected_interval_in_a_wrong_unit_is_an_error():
    gate = mg.Latency("p99", at_most="20ms", expected_interval="1us")
    result = run(gate, [1_000.0] * 400)
    assert result.verdict is E
    assert "`expected_interval` is too short, got 1 us: with a latency for each" in result.reason


# What is said


def test_bare_number_far_above_the_median_gets_a_hint():
    hint = (
        "(hint: the limit of 20 s is 5,015 times the median; a number without a unit is in "
        "seconds: "
    )
    check = only(run(mg.Latency("p99", at_most=20)))
    assert hint.replace("5,015", f"{20 / np.sort(drawn())[999]:,.0f}") in check.reason
    assert check.verdict is P
    assert "hint" not in only(run(mg.Latency("p99", at_most="20s"))).reason
    assert "hint" not in only(run(mg.Latency("p99", at_most=0.02))).reason


def test_large_bare_number_gets_a_hint_though_the_model_is_slower_than_that_in_milliseconds():
    slow = 40 * drawn()  # some 160 ms, where at most 50 ms are meant
    check = only(run(mg.Latency("p99", at_most=50), slow))
    assert check.verdict is P
    assert "a number without a unit is in seconds: write '50ms' for milliseconds" in check.reason
    assert "hint" not in only(run(mg.Latency("p99", at_most=10), slow)).reason
    assert "hint" not in only(run(mg.Latency("p99", at_most=3), drawn())).reason


def test_latencies_in_milliseconds_get_a_hint():
    check = only(run(mg.Latency("p99", at_most="20ms"), 1_000 * drawn()))
    assert check.verdict is F
    assert "(hint: latencies are read as seconds; are these milliseconds?)" in check.reason


def test_busy_machine_is_reported(served, monkeypatch):
    monkeypatch.setattr("mlgates.runtime.timing.machine_load", lambda: (1e6, None))
    check = only(mg.Latency("p99", at_most="20ms").run(model=served.model([0.001]), X=X))
    assert (
        "(hint: other processes kept the machine busy; measure again on an idle machine)"
        in check.reason
    )


def test_reason_has_value_interval_calls_and_limit():
    reason = run(mg.Latency("p99", at_most="20ms"), drawn(seed=0)).reason
    assert reason == (
        "`p99` is 9.86 ms (95 % interval 9.35 ms to 10.5 ms, n = 2,000), median 3.95 ms, "
        "p95 7.58 ms; the limit is at most 20 ms"
    )


def test_report_survives_json():
    seconds = drawn()
    seconds[::200] = math.inf
    gate = mg.Latency("p99.9", at_most="20ms", max_slowdown=0.1)
    report = mg.GateSuite([gate]).run(latencies=seconds, production_latencies=drawn(seed=2))
    assert mg.Report.from_dict(json.loads(report.to_json())) == report


# What is lacking or wrong


@pytest.mark.parametrize(
    ("gate", "given", "said"),
    [
        (mg.Latency("p99", at_most=1), {}, "needs `latencies`, or `model` and `X`; neither"),
        (mg.Latency("p99", at_most=1), {"X": X}, "needs `latencies`, or `model` and `X`"),
        (mg.Latency("p99", at_most=1), {"model": len}, "needs `latencies`, or `model` and `X`"),
        (
            mg.Latency("p99", max_slowdown=0.1),
            {"latencies": [1.0]},
            "needs `production_latencies`, or `production_model` and `X`; neither",
        ),
        (
            mg.Latency("p99", max_slowdown=0.1),
            {},
            "needs `latencies`, or `model` and `X`; and `production_latencies`, or",
        ),
        (
            mg.Latency("p99", at_most=1),
            {"model": 7, "X": X},
            "must have a `predict` method or be callable, got",
        ),
        (
            mg.Latency("p99", at_most=1),
            {"model": dict, "X": X},
            "must be a fitted instance, got the class dict",
        ),
        (mg.Latency("p99", at_most=1), {"model": len, "X": 7}, "columns, got a value of type int"),
        (
            mg.Latency("p99", at_most=1),
            {"model": len, "X": "a.csv"},
            "there is no file 'a.csv'",
        ),
    ],
)
def test_lacking_or_wrong_evidence_is_an_error(gate, given, said):
    result = gate.run(**given)
    assert result.verdict is E
    assert said in result.reason


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "Latency: give `at_most`, such as '20ms', or `max_slowdown`, such as 0.1"),
        ({"at_most": "20"}, "`at_most` must be a duration"),
        ({"at_most": 0}, "`at_most` must be .* got 0"),
        ({"at_most": -1}, "`at_most` must be a duration"),
        ({"max_slowdown": 10}, "`max_slowdown` .*: write 0.1"),
        ({"max_slowdown": -0.1}, "`max_slowdown`"),
        ({"calls": 0}, "`calls` must be a whole number of at least 1"),
        ({"warmup": -1}, "`warmup`"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"rate": 0}, "`rate`"),
        ({"decide_by": "significance"}, "`decide_by` must be one of 'interval', 'estimate'"),
        ({"confidence": 95}, "`confidence` .* write 0.95"),
        ({"confidence": 0.4}, "`confidence` must be from 0.5 to less than 1"),
        ({"cold_at_most": 0}, "`cold_at_most`"),
        ({"max_failed": 5}, "`max_failed` .* write 0.05"),
        ({"expected_interval": 0}, "`expected_interval`"),
        ({"rate": 10, "expected_interval": 1}, "give `rate` or `expected_interval`, not both"),
        ({"seed": -1}, "`seed`"),
        ({"disable_gc": 1}, "`disable_gc`"),
    ],
)
def test_bad_options_raise(options, said):
    limit = {} if "at_most" in options or not options else {"at_most": 1}
    with pytest.raises(mg.OptionError, match=said):
        mg.Latency("p99", **(limit | options))


def test_default_name_and_equality():
    gate = mg.Latency("p99", at_most="20ms")
    assert gate.name == "latency:p99"
    assert gate == mg.Latency("p99", at_most="20ms", warmup=50)
    assert repr(gate) == "Latency('p99', at_most='20ms')"


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "latency",
        mg.Latency("p50", at_most=60),
        others={"latencies": "age"},
        ladders={
            "at_most": ("1h", 80, "60s", 45.0, timedelta(seconds=1)),
            "confidence": (0.5, 0.95, 0.999, 1 - 1e-9),
            "decide_by": ("estimate", "interval"),
            "expected_interval": (None, "60s", "20s", "1s"),
        },
    ),
    Example(
        "latency-options",
        mg.Latency(
            "p90",
            at_most="80s",
            max_slowdown=0.5,
            calls=500,
            warmup=5,
            batch_size=32,
            rate=100,
            decide_by="estimate",
            confidence=0.9,
            max_failed=0.0,
            seed=7,
            disable_gc=True,
            name="waiting",
            after="schema",
        ),
        others={"latencies": "age", "production_latencies": "age"},
        ladders={"at_most": ("1h", "80s", "1s"), "max_slowdown": (1.0, 0.5, 0.0)},
    ),
    Example(
        "latency-slowdown",
        mg.Latency("p50", max_slowdown=0.5, expected_interval="60s"),
        others={"latencies": "age", "production_latencies": "age"},
        ladders={"max_slowdown": (1.0, 0.5, 0.01, 0.0)},
    ),
)


def test_a_slowdown_that_is_rounded_to_the_limit_passes_and_is_shown_before_rounding():
    gate = mg.Latency("mean", max_slowdown=0.1)
    check = only(run(gate, [0.11] * 100, production_latencies=[0.1] * 100))
    assert (check.verdict, check.value) == (P, 0.1)  # 0.11 / 0.1 - 1 is more than 0.1
    assert (
        f"; the computed value, {100 * check.details['before_rounding']!r} %, counts as "
        in check.reason
    )
    assert only(run(gate, [0.1101] * 100, production_latencies=[0.1] * 100)).verdict is F


def test_a_latency_just_beyond_the_limit_does_not_read_as_the_limit():
    check = only(run(mg.Latency("max", at_most=0.059), [math.nextafter(0.059, 1)] * 100))
    assert check.verdict is F
    assert "`max` is 59 ms (0.059000000000000004) (n = 100)" in check.reason
