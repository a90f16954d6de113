"""Shadow: the join of two logs, each measure, slices, labels that arrive later, options."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from gate_examples import Example, adults, people

import mlgates as mg
from mlgates.stats.proportions import tango_interval, wilson_interval
from mlgates.verdict import Limit, Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
N = 1_000


def live(**columns):
    """A log of production: ids, answers, and further columns."""
    return {"request_id": list(range(N)), "prediction": ["yes", "no"] * (N // 2), **columns}


def mirrored(changed=0, **columns):
    """The candidate's log of the same requests, of which the first few are answered otherwise."""
    answers = ["other"] * changed + live()["prediction"][changed:]
    return live(**{"prediction": answers, **columns})


def run(candidate=None, production=None, on="request_id", pos_label=None, **options):
    return mg.Shadow(on, **options).run(
        candidate_log=mirrored() if candidate is None else candidate,
        production_log=live() if production is None else production,
        pos_label=pos_label,
    )


def only(result, metric):
    (check,) = (check for check in result.checks if check.metric == metric)
    return check


# The join


def test_rows_are_joined_by_id_in_any_order():
    order = np.random.default_rng(0).permutation(N)
    candidate = pd.DataFrame(mirrored(5)).iloc[order]
    result = run(candidate.reset_index(drop=True))
    assert result.verdict is P
    check = only(result, "disagreement")
    low, high = wilson_interval(5, N)
    assert (check.value, check.n, check.method) == (0.005, N, "Wilson")
    assert check.interval == (low, high)
    assert check.details["count"] == 5
    assert check.reason == (
        "0.5 % of the answers in `prediction` differ from those of production (95 % interval "
        f"{100 * low:.3g} % to {100 * high:.3g} %, 5 of 1,000 requests); the limit is at most 2 %"
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pa.array(range(N), pa.int32()), pa.array(map(float, range(N)), pa.float64())),
        (pa.array(map(str, range(N))), pa.array(map(str, range(N))).dictionary_encode()),
        (pl.Series(range(N)).cast(pl.Decimal(20, 2)), np.arange(N, dtype=np.uint64)),
        (
            pa.array([b"%09d" % i for i in range(N)], pa.binary(9)),
            pa.array([b"%09d" % i for i in range(N)]),
        ),
    ],
    ids=["int-float", "texts", "decimal-int", "binary"],
)
def test_ids_are_compared_by_value(ours, theirs):
    result = run(mirrored(request_id=ours), live(request_id=theirs))
    assert only(result, "unmatched").details == {
        "matched": N,
        "candidate_only": 0,
        "production_only": 0,
    }
    assert result.verdict is P


def test_ids_of_different_types_are_an_error_with_a_hint():
    result = run(mirrored(request_id=[str(i) for i in range(N)]))
    assert result.verdict is E
    assert result.reason == (
        "the ids in `request_id` are strings in `candidate_log`, but numbers in `production_log`: "
        "convert one log to the type of the other, for example numbers to strings by .astype(str)"
    )


def test_repeated_and_missing_ids_are_an_error():
    ids = [*range(N - 2), 7, 8]
    result = run(mirrored(request_id=ids))
    assert result.verdict is E
    assert result.reason == (
        "2 rows repeat the `request_id` of an earlier row of `candidate_log`, the first is row "
        "998; keep one row per request, for example the last try of each"
    )
    result = run(production=live(request_id=[0, 1, None, *range(3, N)]))
    assert result.verdict is E
    assert result.reason == (
        "1 of 1,000 rows of `production_log` has no id in `request_id`, the first is row 2"
    )


def test_requests_in_one_log_are_counted_and_never_fail():
    half = {name: values[500:] for name, values in mirrored().items()}
    check = only(run(half), "unmatched")
    assert (check.verdict, check.value, check.n, check.by_chance) == (U, 0.5, N, False)
    assert check.reason == (
        "500 of 1,000 requests (50 %) are in one log only: 0 in that of the candidate, 500 in that "
        "of production (hint: remove from `production_log` the requests that were not sent to the "
        "candidate, and add to `candidate_log` those that it did not answer); the logs don't match "
        "well enough to compare the models (limit: at most 5 %)"
    )
    assert only(run(half, max_unmatched=0.5), "unmatched").verdict is P
    shifted = mirrored(request_id=list(range(50, N + 50)))
    check = only(run(shifted), "unmatched")
    assert check.details == {"matched": 950, "candidate_only": 50, "production_only": 50}
    assert check.value == 100 / 1_050
    assert "(hint: give logs of the same period of time)" in check.reason


def test_without_a_common_request_nothing_is_decided():
    result = run(mirrored(request_id=list(range(N, 2 * N))))
    assert result.verdict is U
    assert "no id in `request_id` is in both logs; are the ids written in the same way?" in str(
        only(result, "unmatched").reason
    )
    check = only(result, "disagreement")
    assert (check.verdict, check.n) == (U, 0)
    assert check.reason == (
        "`disagreement` of `prediction` is undefined; no requests to measure (limit: at most 2 %)"
    )
    for empty in ({"request_id": [], "prediction": []}, pa.table(live()).slice(0, 0)):
        for options in ({}, {"max_unmatched": 1.0}, {"max_unmatched": 1.0, "by": "prediction"}):
            for logs in ((empty, live()), (live(), empty), (empty, empty)):
                result = run(*logs, **options)
                assert result.verdict is U
                assert all(check.verdict is U for check in result.checks)


def test_a_log_that_is_missing_or_lacks_a_column_is_an_error():
    result = mg.Shadow().run(candidate_log=live())
    assert (result.verdict, result.reason) == (
        E,
        "the gate needs `production_log`, which was not given",
    )
    result = run(mirrored(), {"request_id": [1], "predicton": ["yes"]})
    assert result.verdict is E
    assert result.reason == (
        "column `prediction` is not in `production_log`; did you mean 'predicton'?"
    )


# Disagreement


@pytest.mark.parametrize(
    ("changed", "verdict", "by_estimate"), [(5, P, P), (15, U, P), (25, U, F), (40, F, F)]
)
def test_the_interval_or_the_estimate_decides(changed, verdict, by_estimate):
    assert run(mirrored(changed)).verdict is verdict
    assert run(mirrored(changed), decide_by="estimate").verdict is by_estimate


def test_undecided_disagreement_says_how_many_requests_would_decide():
    few = {name: values[:100] for name, values in live().items()}
    check = only(run(few, few), "disagreement")
    assert (check.verdict, check.by_chance, check.value) == (U, True, 0)
    assert check.details["rows_needed"] == 190  # z**2 (1 - .02) / .02
    assert wilson_interval(0, 190)[1] <= 0.02 < wilson_interval(0, 185)[1]
    assert "about 190 requests would be enough to decide" in check.reason
    check = only(run(mirrored(15)), "disagreement")
    assert check.details["rows_needed"] == pytest.approx(4_700, rel=0.1)


def test_fewer_requests_than_min_samples_are_undecided_by_the_estimate_too():
    few = {name: values[:29] for name, values in live().items()}
    check = only(run(few, few, decide_by="estimate"), "disagreement")
    assert (check.verdict, check.by_chance) == (U, False)
    assert "too few requests: 29, at least 30 are needed" in check.reason
    assert run(few, few, decide_by="estimate", min_samples=29).verdict is P


@pytest.mark.parametrize(
    "container",
    [dict, pd.DataFrame, pl.DataFrame, pa.table],
    ids=["dict", "pandas", "polars", "arrow"],
)
def test_a_missing_answer_of_the_candidate_is_a_disagreement(container):
    answers = [None, *live()["prediction"][1:]]
    check = only(run(container(mirrored(prediction=answers)), container(live())), "disagreement")
    assert (check.details["count"], check.details["errors"], check.n) == (1, 1, N)
    assert (
        "1 of 1,000 requests); 1 of these differences is an error of the candidate" in check.reason
    )


def test_requests_without_an_answer_of_production_are_left_out():
    answers = [None] * 50 + live()["prediction"][50:]
    check = only(run(production=live(prediction=answers)), "disagreement")
    assert (check.verdict, check.value, check.n, check.dropped) == (P, 0, 950, 50)
    assert "; 50 requests are left out, because production has no answer" in check.reason
    # neither model answered
    check = only(run(mirrored(prediction=answers), live(prediction=answers)), "disagreement")
    assert (check.verdict, check.n, check.dropped) == (P, 950, 50)
    more = [None] * 51 + live()["prediction"][51:]
    check = only(run(production=live(prediction=more)), "disagreement")
    assert (check.verdict, check.by_chance) == (U, False)
    assert (
        "51 of 1,000 requests (5.1 %) could not be used, more than the allowed 5 %" in check.reason
    )
    nothing = live(prediction=[None] * N)
    assert run(nothing, nothing).verdict is U


def test_floats_are_compared_with_rtol_and_labels_exactly():
    values = np.linspace(1, 2, N)
    production, candidate = live(prediction=values), live(prediction=values * (1 + 1e-9))
    assert run(candidate, production).verdict is F
    assert run(candidate, production, rtol=1e-8).verdict is P
    assert run(candidate, production, rtol=1e-10).verdict is F
    whole = live(prediction=np.arange(1_000, 1_000 + N))
    other = live(prediction=np.arange(1_001, 1_001 + N))
    assert only(run(other, whole, rtol=0.5), "disagreement").value == 1
    # whole numbers beyond 2**53
    large, larger = live(prediction=[2**60] * N), live(prediction=[2**60 + 1] * N)
    assert only(run(larger, large), "disagreement").value == 1
    assert (
        only(run(live(prediction=[1.0] * N), live(prediction=[1] * N)), "disagreement").value == 0
    )
    infinite = live(prediction=[np.inf] * N)
    assert only(run(infinite, infinite, rtol=0.1), "disagreement").value == 0
    assert only(run(infinite, production, rtol=0.1), "disagreement").value == 1
    assert only(run(production, infinite, rtol=0.1), "disagreement").value == 1


def test_predictions_of_different_types_are_an_error():
    result = run(mirrored(prediction=["1", "0"] * 500), live(prediction=[1, 0] * 500))
    assert result.verdict is E
    assert (
        "the predictions are strings in `candidate_log`, but numbers in `production_log`"
        in only(result, "disagreement").reason
    )
    assert run(mirrored(prediction=[True] * N), live(prediction=[1] * N)).verdict is E
    assert run(mirrored(prediction=[[1]] * N)).verdict is E
    assert only(run(mirrored(prediction=[None] * N)), "disagreement").value == 1


# Errors


def test_an_error_is_a_disagreement_and_an_error():
    errors = [True] * 4 + [False] * (N - 4)
    options = {"error": "error", "max_error_increase": 0.02}
    result = run(mirrored(error=errors), live(error=[False] * N), **options)
    assert only(result, "disagreement").details["count"] == 4
    check = only(result, "error_increase")
    low, high = tango_interval(4, 0, N)
    assert (check.verdict, check.value, check.interval) == (P, 0.004, (low, high))
    assert check.limit == Limit(at_most=0.02)
    assert (check.details["b"], check.details["c"]) == (4, 0)
    assert check.reason == (
        "the error rate of the candidate minus that of production is 0.4 % (0.4 % against 0 % in "
        f"production; 95 % interval {100 * low:.3g} % to {100 * high:.3g} %, n = 1,000); the limit "
        "is at most 2 %"
    )


def test_error_rates_are_compared_per_request():
    both = [True] * 100 + [False] * (N - 100)
    options = {"error": "error", "max_error_increase": 0.01, "max_unmatched": 0.1}
    assert run(mirrored(error=both), live(error=both), **options).verdict is P
    more = [True] * 160 + [False] * (N - 160)
    check = only(run(mirrored(error=more), live(error=both), **options), "error_increase")
    assert (check.verdict, check.value) == (F, 0.06)
    check = only(run(mirrored(error=both), live(error=more), **options), "error_increase")
    assert (check.verdict, check.value) == (P, -0.06)
    none = only(
        run(mirrored(error=[False] * N), live(error=[False] * N), **options), "error_increase"
    )
    assert none.verdict is P
    none = {"error": [False] * 100, **{k: v[:100] for k, v in live().items()}}
    check = only(run(none, none, **options), "error_increase")
    assert (check.verdict, check.details["rows_needed"]) == (U, 390)


def test_texts_of_errors_are_missing_where_there_was_none():
    texts = ["time-out", "", " ", None] * (N // 4)
    options = {"error": "error", "max_error_increase": 0.5}
    result = run(mirrored(error=texts), live(error=[None] * N), **options)
    assert only(result, "error_increase").details["errors"] == N // 4
    assert only(result, "disagreement").details["count"] == N // 4
    result = run(mirrored(error=[None, *[False] * (N - 1)]), live(error=[False] * N), **options)
    assert result.verdict is E
    assert result.reason.startswith(
        "1 of 1,000 values of column 'error' of `candidate_log` is missing; write false where "
        "there was no error"
    )
    result = run(mirrored(error=[200] * N), live(error=[200] * N), **options)
    assert "expected bools, or strings" in result.reason
    assert "convert status codes to bools, for example by status >= 500" in result.reason


# Scores


def test_score_shift_is_the_mean_difference_per_request():
    score = np.random.default_rng(1).random(N)
    noise = np.random.default_rng(2).normal(0.002, 0.01, N)
    options = {"score": "score", "max_score_shift": 0.005}
    check = only(run(mirrored(score=score + noise), live(score=score), **options), "score_shift")
    assert check.verdict is P
    assert check.value == pytest.approx(noise.mean())
    assert check.limit == Limit(at_least=-0.005, at_most=0.005)
    assert check.details["p95_shift"] == pytest.approx(np.sort(np.abs(noise))[949])
    assert check.interval[0] < noise.mean() < check.interval[1]
    assert "95 % of the scores shifted by at most" in check.reason
    for sign in (1, -1):
        result = run(mirrored(score=score + sign * 0.01), live(score=score), **options)
        assert only(result, "score_shift").verdict is F
    same = only(run(mirrored(score=score), live(score=score), **options), "score_shift")
    assert (same.verdict, same.value, same.interval) == (P, 0, (0, 0))


def test_scores_that_are_missing_or_no_numbers():
    options = {"score": "score", "max_score_shift": 0.005}
    score = [None] * 60 + [0.5] * (N - 60)
    check = only(run(mirrored(score=score), live(score=[0.5] * N), **options), "score_shift")
    assert (check.verdict, check.n, check.dropped) == (U, 940, 60)
    assert (
        "; 60 requests are left out, because a score is missing; 60 of 1,000 requests (6 %) could"
        in check.reason
    )
    result = run(mirrored(score=["a"] * N), live(score=[0.5] * N), **options)
    assert only(result, "score_shift").verdict is E
    result = run(mirrored(score=[np.inf] * N), live(score=[0.5] * N), **options)
    assert only(result, "score_shift").reason == (
        "`score_shift` of `score` could not be judged: 1,000 of 1,000 values of column 'score' of "
        "`candidate_log` are infinite"
    )
    none = [None] * N
    result = run(mirrored(score=none), live(score=none), **options)
    assert (result.verdict, only(result, "score_shift").n) == (U, 0)


# Latency


def seconds(seed, scale=0.02, rows=N):
    return scale * np.random.default_rng(seed).lognormal(0, 0.3, rows)


def test_slowdown_is_a_ratio_of_95th_percentiles():
    options = {"latency": "latency", "max_slowdown": 0.2}
    result = run(mirrored(latency=seconds(1)), live(latency=seconds(2)), **options)
    check = only(result, "slowdown")
    assert check.verdict is P
    here, there = np.sort(seconds(1))[949], np.sort(seconds(2))[949]
    assert check.value == pytest.approx(here / there - 1)
    assert check.interval[0] < check.value < check.interval[1]
    assert result.note == "each request was answered twice: latencies include the load of mirroring"
    slow = run(mirrored(latency=seconds(1, 0.04)), live(latency=seconds(2)), **options)
    assert only(slow, "slowdown").verdict is F
    assert only(slow, "slowdown").reason.startswith("the p95 of `latency` changed by ")
    near = run(mirrored(latency=seconds(1, 0.0235)), live(latency=seconds(2)), **options)
    check = only(near, "slowdown")
    assert (check.verdict, check.by_chance) == (U, True)
    assert check.details["rows_needed"] > N


def test_a_request_without_an_answer_takes_infinitely_long():
    options = {"latency": "latency", "max_slowdown": 0.2, "max_disagreement": 1.0}
    options |= {"error": "error", "max_error_increase": 1.0}
    for every, verdict in ((100, P), (10, F)):
        errors = np.arange(N) % every == 0
        latency = np.where(errors, np.nan, seconds(1))
        candidate = mirrored(latency=latency, error=errors)
        production = live(latency=seconds(2), error=[False] * N)
        assert only(run(candidate, production, **options), "slowdown").verdict is verdict
    check = only(run(production, candidate, **options), "slowdown")
    assert check.verdict is U
    assert "more than 5 % of the requests have no answer of production" in check.reason
    few = {name: values[:71] for name, values in mirrored(latency=seconds(1)).items()}
    check = only(run(few, few, latency="latency", max_slowdown=1.0), "slowdown")
    assert check.verdict is U
    assert "too few requests for a p95: 71, at least 72 are needed" in check.reason
    result = run(
        mirrored(latency=[0.0] * N), live(latency=seconds(2)), latency="latency", max_slowdown=1.0
    )
    assert "1,000 of 1,000 values of column 'latency' of `candidate_log` are zero:" in str(
        result.reason
    )


def test_latencies_keep_the_order_of_their_own_log():
    """Calls that depend on earlier ones count as fewer, whatever the order of the other log."""
    slow = np.repeat(seconds(1, rows=20), 50)
    order = np.random.default_rng(3).permutation(N)
    shuffled = {k: [v[i] for i in order] for k, v in mirrored(latency=seconds(4)).items()}
    options = {"latency": "latency", "max_slowdown": 1.0}
    check = only(run(shuffled, live(latency=slow), **options), "slowdown")
    assert check.details["effective_calls"] == N
    assert check.details["effective_calls_production"] < 72
    assert re.search(
        r"; latencies depend on earlier ones, so 1,000 latencies of production count as \d+ "
        r"independent ones; with fewer than 72 independent ones of production, the interval has no "
        r"lower end above -100 %; the limit",
        check.reason,
    )


# Labels that arrive later


def labelled(rows=N, seed=5):
    true = np.random.default_rng(seed).integers(0, 2, rows)
    return true, np.where(np.random.default_rng(seed + 1).random(rows) < 0.9, true, 1 - true)


def test_the_metric_is_that_of_regression_on_the_labelled_requests():
    true, answers = labelled()
    mine = np.where(np.arange(N) % 100 == 3, 1 - answers, answers)
    known = np.arange(N) % 2 == 0
    label = pd.array(np.where(known, true, -1), "Int64")
    label[~known] = pd.NA
    production = pd.DataFrame(live(prediction=answers, label=label))
    candidate = pd.DataFrame(mirrored(prediction=mine)).sample(frac=1, random_state=0)
    options = {"y_true": "label", "metric": "accuracy", "tolerance": 0.02}
    check = only(run(candidate, production, **options), "accuracy")
    other = mg.Regression("accuracy", tolerance=0.02).run(
        y_true=true[known], y_pred=mine[known], production_pred=answers[known]
    )
    expected = other.checks[0]
    same = ("verdict", "value", "interval", "n", "limit", "method", "p_value", "confidence")
    for name in same:
        assert getattr(check, name) == getattr(expected, name), name
    assert check.reason == f"{expected.reason}; 500 of 1,000 requests have a label"
    assert (check.details["labelled"], check.details["labelled_share"]) == (500, 0.5)


def test_metrics_of_scores_and_values():
    true, answers = labelled()
    score = np.clip(0.5 * answers + 0.5 * np.random.default_rng(7).random(N), 0, 1)
    options = {"y_true": "label", "tolerance": 0.05, "max_disagreement": 1.0}
    result = run(
        mirrored(score=score**2),
        live(score=score, label=true),
        score="score",
        metric="roc_auc",
        **options,
    )
    assert only(result, "roc_auc").verdict is P
    assert [c.metric for c in result.checks] == ["unmatched", "disagreement", "roc_auc"]
    result = run(
        mirrored(prediction=score + 0.1),
        live(prediction=score, label=true),
        metric="mean_absolute_error",
        **options,
    )
    assert only(result, "mean_absolute_error").limit == Limit(at_most=0.05)
    texts = live(prediction=np.where(answers, "y", "n"), label=np.where(true, "y", "n"))
    assert run(texts, texts, metric="recall", pos_label="y", **options).verdict is P
    result = run(texts, texts, metric="recall", **options)
    assert "needs `pos_label`" in only(result, "recall").reason


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "D"])
def test_the_age_of_the_labelled_requests_is_reported(unit):
    true, answers = labelled()
    days = np.arange(N) // 100  # ten days, and labels for the first four
    times = (np.datetime64("2026-01-01") + days).astype(f"datetime64[{unit}]")
    label = [int(t) if day < 4 else None for t, day in zip(true, days, strict=True)]
    production = pa.table(live(prediction=answers, label=label, at=pa.array(times)))
    options = {"y_true": "label", "metric": "accuracy", "tolerance": 0.05, "time": "at"}
    check = only(run(mirrored(prediction=answers), production, **options), "accuracy")
    assert check.reason.endswith(
        "; 400 of 1,000 requests have a label; their median age is 7.5 d, that of all requests "
        "4.5 d"
    )
    assert check.details["labelled_age"] == 7.5 * 86_400
    assert check.details["requests_age"] == 4.5 * 86_400


def test_times_of_requests_that_are_missing_or_no_times():
    true, answers = labelled()
    options = {"y_true": "label", "metric": "accuracy", "tolerance": 0.05, "time": "at"}
    candidate, logged = mirrored(prediction=answers), live(prediction=answers, label=true)
    nothing = pa.nulls(N, pa.timestamp("us", "UTC"))
    check = only(run(candidate, pa.table(logged | {"at": nothing}), **options), "accuracy")
    assert check.reason.endswith("; 1,000 of 1,000 requests have a label")
    assert "labelled_age" not in check.details
    check = only(run(candidate, logged | {"at": range(N)}, **options), "accuracy")
    assert check.verdict is E
    assert check.reason == (
        "`accuracy` could not be judged: column 'at' of `production_log` has type int64, expected "
        "timestamps or dates"
    )
    result = run(candidate, logged, **options)
    assert result.reason == "column `at` is not in `production_log`"


def test_a_failed_request_counts_as_a_wrong_label():
    true = np.array([0, 1] * (N // 2))
    answers = [None, None, *true[2:].tolist()]
    options = {"y_true": "label", "metric": "accuracy", "tolerance": 0.01}
    result = run(mirrored(prediction=answers), live(prediction=true, label=true), **options)
    check = only(result, "accuracy")
    assert check.value == -0.002
    assert check.reason.endswith(
        "1,000 of 1,000 requests have a label; for 2 of these, one of the models gave no answer "
        "(counted as wrong)"
    )
    values = run(
        mirrored(prediction=answers),
        live(prediction=true, label=true),
        **(options | {"metric": "mean_absolute_error"}),
    )
    check = only(values, "mean_absolute_error")
    assert (check.value, check.n, check.details["unanswered"]) == (0, 998, 2)
    assert check.reason.endswith("(left out)")
    # one label alone: no other label can be wrong
    ones = run(
        mirrored(prediction=[None, *[1] * (N - 1)]),
        live(prediction=[1] * N, label=[1] * N),
        **options,
    )
    assert (only(ones, "accuracy").n, only(ones, "accuracy").details["unanswered"]) == (999, 1)


def test_labels_that_have_not_arrived_or_make_no_sense():
    options = {"y_true": "label", "metric": "accuracy", "tolerance": 0.01}
    for nothing in ([None] * N, pa.nulls(N, pa.string())):
        check = only(run(production=live(label=nothing)), "disagreement")
        assert check.verdict is P
        check = only(run(production=live(label=nothing), **options), "accuracy")
        assert (check.verdict, check.n, check.by_chance) == (U, 0, False)
        assert "0 of 1,000 requests have a label" in check.reason
    result = run(production=live(label=["maybe"] * N), **options)
    check = only(result, "accuracy")
    assert check.verdict is E
    assert "column 'prediction' of `candidate_log`" in check.reason
    result = run(
        mirrored(prediction=["no", *["yes"] * (N - 1)]),
        live(prediction=["yes"] * N, label=["yes"] * N),
        **options,
    )
    assert result.note == "labels predicted, but not in `y_true`: 'no'"


# Slices


def test_slices_are_those_of_productions_log():
    country = ["DE"] * 500 + ["FR"] * 500
    result = run(mirrored(40), live(country=country), by="country")
    of_slice = {check.group: check for check in result.checks if check.metric == "disagreement"}
    assert list(of_slice) == ["country=DE", "country=FR"]
    assert of_slice["country=DE"].verdict is F
    assert of_slice["country=DE"].value == 0.08
    assert of_slice["country=FR"].verdict is P
    assert "in `prediction` where country=DE differ" in of_slice["country=DE"].reason
    assert of_slice["country=DE"].confidence == 0.975  # Holm's level for the first of two
    result = run(
        mirrored(40), live(country=country), by={"german": "country == 'DE'", "old": "age > 60"}
    )
    verdicts = {(c.group, c.metric): c.verdict for c in result.checks}
    assert verdicts["german", "disagreement"] is F
    assert verdicts["old", "disagreement"] is E
    reasons = [check.reason for check in result.checks if check.group == "old"]
    assert reasons == [
        (
            "`disagreement` of `prediction` in slice `old` could not be judged: column `age` is "
            "not in `production_log`"
        )
    ]


def test_every_measure_has_a_check_in_every_slice():
    true, answers = labelled()
    both = {"score": [0.5] * N, "error": [False] * N, "prediction": answers}
    production = live(**both, latency=seconds(1), label=true, country=["DE", "FR"] * 500)
    result = mg.Shadow(
        "request_id",
        max_disagreement=0.05,
        score="score",
        max_score_shift=0.01,
        error="error",
        max_error_increase=0.02,
        latency="latency",
        max_slowdown=0.5,
        y_true="label",
        metric="accuracy",
        tolerance=0.02,
        by="country",
    ).run(candidate_log=mirrored(**both, latency=seconds(2)), production_log=production)
    assert result.verdict is P
    names = ("disagreement", "score_shift", "error_increase", "slowdown", "accuracy")
    expected = [(name, group) for name in names for group in ("country=DE", "country=FR")]
    assert [(c.metric, c.group) for c in result.checks] == [("unmatched", None), *expected]


def test_a_slice_without_mirrored_requests_is_undecided():
    country = ["DE"] * 960 + ["FR"] * 40
    part = {name: values[:960] for name, values in mirrored().items()}
    result = run(part, live(country=country), by="country")
    check = next(c for c in result.checks if c.group == "country=FR")
    assert (check.verdict, check.n) == (U, 0)
    assert result.verdict is U
    result = run(production=live(country=list(range(N))), by="country")
    assert result.verdict is E
    assert "the 1,000 groups of `by` are more than the 50 allowed" in result.reason
    assert (
        run(
            production=live(country=[i % 60 for i in range(N)]),
            by="country",
            max_groups=60,
            min_samples=1,
            decide_by="estimate",
        ).verdict
        is P
    )


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prediction": "request_id"}, "`prediction` must be another column than `on`"),
        ({"score": "score"}, "Shadow: `max_score_shift` is required with `score`"),
        ({"max_score_shift": 0.1}, "Shadow: `score` is required with `max_score_shift`"),
        ({"error": "error"}, "Shadow: `max_error_increase` is required with `error`"),
        ({"max_error_increase": 0.1}, "Shadow: `error` is required with `max_error_increase`"),
        ({"latency": "ms"}, "Shadow: `max_slowdown` is required with `latency`"),
        ({"max_slowdown": 0.1}, "Shadow: `latency` is required with `max_slowdown`"),
        (
            {"metric": "accuracy"},
            "Shadow: `y_true` is required with `metric`: give `y_true`, `metric` and `tolerance`",
        ),
        (
            {"y_true": "label", "metric": "accuracy"},
            "Shadow: `tolerance` is required with `y_true`: give `y_true`, `metric` and",
        ),
        (
            {"y_true": "label", "metric": "roc_auc", "tolerance": 0.1},
            "Shadow: `score` is required with metric='roc_auc', a metric of scores",
        ),
        (
            {"y_true": "label", "metric": "selection_rate", "tolerance": 0.1},
            "got 'selection_rate'; use `Regression` with `greater_is_better` for others",
        ),
        ({"time": "at"}, "Shadow: `y_true` is required with `time`"),
        ({"max_disagreement": 5}, "write 0.05"),
        ({"decide_by": "significance"}, "Shadow: `decide_by` must be one of"),
        ({"by": {"old": "age >"}}, "Shadow: `by['old']`"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options, message):
    with pytest.raises(mg.OptionError, match=re.escape(message)):
        mg.Shadow(**options)


def test_name_repr_and_toml():
    gate = mg.Shadow("id", by={"old": "age > 60"}, max_unmatched=0.1)
    assert gate.name == "shadow:id"
    assert mg.Shadow().name == "shadow:request_id"
    suite = mg.GateSuite([gate, mg.Shadow()])
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


def test_report_renders_and_names_the_logs(tmp_path):
    suite = mg.GateSuite([mg.Shadow(latency="latency", max_slowdown=0.2)])
    report = suite.run(
        candidate_log=mirrored(50, latency=seconds(1)), production_log=live(latency=seconds(2))
    )
    for suffix in ("txt", "html", "md", "json", "xml"):
        report.save(tmp_path / f"report.{suffix}")
        assert "disagreement" in (tmp_path / f"report.{suffix}").read_text(encoding="utf-8")
    assert mg.Report.load(tmp_path / "report.json") == report
    tables = report.provenance["tables"]
    assert tables["candidate_log"]["rows"] == tables["production_log"]["rows"] == N
    assert len(tables["candidate_log"]["fingerprint"]) == 64


def logs_of(rows):
    return {"request_id": list(range(rows)), "prediction": ["yes", "no"] * (rows // 2)}


EXAMPLES = (
    Example(
        "shadow",
        mg.Shadow(),
        others={"candidate_log": logs_of(400), "production_log": logs_of(400)},
        place="",
    ),
    Example(
        "shadow-options",
        mg.Shadow(
            "id",
            prediction="member",
            max_disagreement=0.1,
            max_unmatched=0.04,
            rtol=1e-6,
            score="income",
            max_score_shift=10,
            latency="age",
            max_slowdown=0.9,
            y_true="member",
            metric="accuracy",
            tolerance=0.1,
            time="joined",
            min_samples=20,
            confidence=0.9,
            name="shadow",
            after="schema",
        ),
        others={"production_log": people()},
        place="candidate_log",
        ladders={"max_disagreement": (1.0, 0.5, 0.0), "confidence": (0.8, 0.95, 0.999)},
    ),
    Example(
        "shadow-slices",
        mg.Shadow(
            "id",
            prediction="country",
            error="member",
            max_error_increase=0.2,
            max_unmatched=1.0,
            decide_by="estimate",
            by="country",
            max_groups=10,
            min_samples=15,
        ),
        others={"production_log": people()},
        place="candidate_log",
    ),
    Example(
        "shadow-conditions",
        mg.Shadow("id", prediction="age", decide_by="estimate", by={"adults": adults}),
        others={"production_log": people()},
        place="candidate_log",
        literal=False,
    ),
)
