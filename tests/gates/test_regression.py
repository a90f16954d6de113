"""Regression: verdicts by each rule, reasons, slices, rows needed, options."""

import math

import numpy as np
import pandas as pd
import pytest
from example_counts import examples
from gate_examples import ROWS, Example, adults, younger
from hypothesis import example, given
from hypothesis import strategies as st
from sampling import in_turn

import mlgates as mg
from mlgates.metrics import METRICS, NAMES
from mlgates.verdict import Limit, Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
RNG = np.random.default_rng(8)
N = 2_000
TRUE = (RNG.random(N) < 0.3).astype(int)
SCORE = 1 / (1 + np.exp(-(2.5 * TRUE - 1.2 + RNG.normal(size=N))))
NOISY = np.clip(SCORE + RNG.normal(0, 0.02, N), 0, 1)
WORSE = np.clip(SCORE + RNG.normal(0, 0.35, N), 0, 1)
GROUP = RNG.choice(["a", "b", "c"], N)


def discordant(gained, lost, n, right=0.9):
    """Evidence of two classifiers with so many discordant rows."""
    true = np.ones(n, int)
    mine, theirs = true.copy(), true.copy()
    mine[: n - int(right * n)] = theirs[: n - int(right * n)] = 0
    theirs[n - gained :] = 0
    mine[n - gained - lost : n - gained] = 0
    return {"y_true": true, "y_pred": mine, "production_pred": theirs}


def scores(mine, theirs):
    return {"y_true": TRUE, "y_score": mine, "production_score": theirs}


# By the interval


def test_reason_of_a_pass_has_both_values_and_the_interval():
    result = mg.Regression("roc_auc", tolerance=0.01).run(**scores(NOISY, SCORE))
    assert result.verdict is P
    (check,) = result.checks
    assert check.metric == check.subject == "roc_auc"
    assert check.limit == Limit(at_least=-0.01)
    assert check.value == pytest.approx(check.details["candidate"] - check.details["production"])
    assert check.details["tolerance"] == 0.01
    assert check.interval[0] <= check.value <= check.interval[1]
    assert (check.confidence, check.n, check.method) == (0.95, N, "DeLong")
    assert 0 < check.p_value <= 1
    assert check.reason.startswith("`roc_auc` changed by ")
    assert "in production; 95 % interval" in check.reason
    assert check.reason.endswith("n = 2,000); the limit is at least -0.01")


def test_fail_when_all_of_the_interval_is_beyond():
    result = mg.Regression("roc_auc", tolerance=0.01).run(**scores(WORSE, SCORE))
    assert result.verdict is F
    assert result.checks[0].interval[1] < -0.01


def test_undecided_reports_how_many_rows_are_enough():
    check = mg.Regression("accuracy", tolerance=0.01).run(**discordant(10, 10, 500)).checks[0]
    assert check.verdict is U
    assert check.by_chance
    assert check.details["rows_needed"] == 3_400  # (z_a + z_b)^2 0.04 / 0.01^2 is 3,140
    low, high = check.interval
    assert check.reason == (
        "`accuracy` changed by 0 (0.88 against 0.88 in production; 95 % interval "
        f"{low:.4g} to {high:.4g}, n = 500); the interval contains the limit; about 3,400 rows "
        "would be enough to decide (limit: at least -0.01)"
    )
    assert (check.details["b"], check.details["c"]) == (10, 10)


def test_no_number_of_rows_is_enough_on_the_limit():
    check = mg.Regression("accuracy", tolerance=0.02).run(**discordant(5, 15, 500)).checks[0]
    assert check.verdict is U
    assert "rows_needed" not in check.details
    assert "enough to decide" not in check.reason


@examples(60)
@given(
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(150, 5_000),
    st.sampled_from([0.0, 0.001, 0.01, 0.05, 1.0]),
)
@example(0, 10, 389, 0.01)
def test_verdict_follows_from_the_interval(gained, lost, n, tolerance):
    evidence = discordant(gained, lost, n, right=1.0)
    check = mg.Regression("accuracy", tolerance=tolerance).run(**evidence).checks[0]
    low, high = check.interval
    expected = P if low >= -tolerance else F if high < -tolerance else U
    assert check.verdict is expected
    if "rows_needed" in check.details:
        assert check.verdict is U
        assert check.details["rows_needed"] >= n


def test_identical_models_pass_with_a_reason_of_their_own():
    for metric, arrays in {
        "accuracy": discordant(0, 0, 30),
        "roc_auc": scores(SCORE, SCORE.copy()),
        "f1": discordant(0, 0, 100),
        "r2": {"y_true": SCORE, "y_pred": TRUE, "production_pred": TRUE},
    }.items():
        check = mg.Regression(metric, tolerance=0).run(**arrays).checks[0]
        assert (check.verdict, check.value, check.interval) == (P, 0, (0, 0))
        assert check.method == "identical"
        assert (
            "did not change: candidate and production give the same answers on all rows"
            in check.reason
        )
    few = mg.Regression("accuracy", tolerance=0).run(**discordant(0, 0, 29)).checks[0]
    assert few.verdict is U
    ranked = mg.Regression("roc_auc", tolerance=0).run(**scores(SCORE**2, SCORE)).checks[0]
    assert (ranked.verdict, ranked.method) == (P, "identical ranking")
    assert "rank all rows in the same order" in ranked.reason


def rounded_noisy_and_swapped(rows, seed=7):
    """A score, and the same one in single precision, with noise, or with two rows swapped."""
    rng = np.random.default_rng(seed)
    true = (rng.random(rows) < 0.1).astype(int)
    score = 1 / (1 + np.exp(2 - 2 * true - rng.normal(size=rows)))
    order = np.argsort(score)
    alike = np.flatnonzero(true[order][1:] == true[order][:-1])[-1]
    others = {
        "float32": score.astype(np.float32),
        "noise": np.clip(score + rng.normal(0, 2e-6, rows), 0, 1),
    }
    for name, place in (("one class", alike), ("anywhere", rows // 2)):
        pair = order[place : place + 2]
        others[name] = score.copy()
        others[name][pair] = score[pair[::-1]]
    return true, score, others


def hits_above_half(y_true, y_score):
    return float(np.mean((np.asarray(y_score) > 0.5) == np.asarray(y_true)))


def precision_of_top(y_true, y_score):
    top = np.argsort(-np.asarray(y_score), kind="stable")[: len(y_score) // 10]
    return float(np.mean(np.asarray(y_true)[top]))


ALMOST_THE_SAME = ["roc_auc", "roc_auc_ovr", "average_precision", "log_loss"]


@pytest.mark.parametrize(
    ("metric", "rows"),
    in_turn(
        {name: name for name in ALMOST_THE_SAME} | {"own": hits_above_half},
        {"300": 300, "3000": 3_000},
    ),
)
def test_almost_the_same_scores_pass(metric, rows):
    true, score, others = rounded_noisy_and_swapped(rows)
    gate = mg.Regression(metric, tolerance=0.01, greater_is_better=metric != "log_loss")
    for name, other in others.items():
        check = gate.run(y_true=true, y_score=other, production_score=score).checks[0]
        assert check.verdict is P, (name, check.reason)
        assert -0.01 <= check.interval[0] <= check.value <= check.interval[1]


@pytest.mark.parametrize("metric", ["roc_auc", "roc_auc_ovr", "average_precision"])
def test_a_swap_within_a_class_is_no_change(metric):
    true, score, others = rounded_noisy_and_swapped(3_000)
    gate = mg.Regression(metric, tolerance=0)
    check = gate.run(y_true=true, y_score=others["one class"], production_score=score).checks[0]
    assert (check.verdict, check.value, check.interval) == (P, 0, (0, 0))
    same = gate.run(y_true=true, y_score=score**3, production_score=score).checks[0]
    assert (same.verdict, same.value, same.interval) == (P, 0, (0, 0))
    assert same.method == "identical ranking"


@pytest.mark.parametrize("function", [hits_above_half, precision_of_top])
def test_a_function_that_no_resample_changes_differs_by_exactly_0(function):
    true, score, others = rounded_noisy_and_swapped(300)
    gate = mg.Regression(function, tolerance=0, greater_is_better=True)
    check = gate.run(y_true=true, y_score=others["float32"], production_score=score).checks[0]
    assert (check.verdict, check.value, check.interval, check.p_value) == (P, 0, (0, 0), 1)


def test_two_perfect_but_different_scores_stay_undecided_on_few_rows():
    rng = np.random.default_rng(3)
    true = (np.arange(200) % 10 == 0).astype(int)
    scores = {"y_score": true + rng.random(200) / 2, "production_score": true + rng.random(200) / 2}
    for metric in ("roc_auc", "average_precision"):
        check = mg.Regression(metric, tolerance=0.01).run(y_true=true, **scores).checks[0]
        assert (check.verdict, check.value) == (U, 0)
        assert check.interval[0] < -0.03
    near = {"y_score": scores["production_score"] + rng.normal(0, 1e-6, 200)}
    for metric in ("roc_auc", "average_precision"):
        check = mg.Regression(metric, tolerance=0.01).run(y_true=true, **(scores | near)).checks[0]
        assert check.verdict is P, check.reason


def test_less_is_better_for_losses():
    true = RNG.normal(size=500)
    close, far = true + RNG.normal(0, 0.5, 500), true + RNG.normal(0, 1, 500)
    gate = mg.Regression("mean_absolute_error", tolerance=0.05)
    worse = gate.run(y_true=true, y_pred=far, production_pred=close).checks[0]
    better = gate.run(y_true=true, y_pred=close, production_pred=far).checks[0]
    assert (worse.verdict, better.verdict) == (F, P)
    assert worse.limit == better.limit == Limit(at_most=0.05)
    assert worse.value > 0 > better.value


def test_better_candidate_passes_with_no_tolerance():
    assert mg.Regression("roc_auc", tolerance=0).run(**scores(SCORE, WORSE)).verdict is P
    assert mg.Regression("roc_auc", tolerance=0).run(**scores(WORSE, SCORE)).verdict is F


# By the other rules


def test_estimate_decides_by_the_difference_alone():
    gate = mg.Regression("accuracy", tolerance=0.01, decide_by="estimate")
    assert gate.run(**discordant(10, 15, 500)).verdict is P  # 0.01 is still acceptable
    assert gate.run(**discordant(10, 16, 500)).verdict is F
    assert gate.run(**discordant(0, 0, 20)).verdict is U


def test_significance_fails_a_significant_change_only():
    gate = mg.Regression("accuracy", tolerance=0.01, decide_by="significance")
    assert gate.run(**discordant(10, 15, 500)).verdict is P
    chance = gate.run(**discordant(10, 17, 500)).checks[0]
    assert chance.verdict is U
    assert "not significant at this sample size" in chance.reason
    assert chance.details["rows_needed"] > 500
    changed = gate.run(**discordant(5, 30, 500)).checks[0]
    assert changed.verdict is F
    assert changed.p_value <= 0.05


def test_confidence_widens_the_interval():
    intervals = [
        mg.Regression("accuracy", tolerance=0.1, confidence=level)
        .run(**discordant(10, 20, 500))
        .checks[0]
        .interval
        for level in (0.5, 0.8, 0.95, 0.99)
    ]
    widths = [high - low for low, high in intervals]
    assert widths == sorted(widths)


# Slices


def test_each_slice_has_a_check_and_the_total_has_none():
    mine = np.where(GROUP == "a", WORSE, SCORE)
    result = mg.Regression("roc_auc", tolerance=0.02, by="group").run(
        data={"group": GROUP}, **scores(mine, SCORE)
    )
    found = {check.group: check for check in result.checks}
    assert {name: check.verdict for name, check in found.items()} == {
        "group=a": F,
        "group=b": P,
        "group=c": P,
    }
    assert found["group=b"].method == "identical"
    assert "`roc_auc` where group=a changed by" in result.reason


def test_fail_in_a_slice_must_hold_at_holms_level():
    """A slice that fails by itself is undecided as one of twelve."""
    n = 400
    bad = discordant(2, 19, n, right=1.0)
    alone = mg.Regression("accuracy", tolerance=0.02).run(**bad).checks[0]
    assert alone.verdict is F
    good = discordant(0, 0, n, right=1.0)
    evidence = {name: np.concatenate([bad[name]] + [good[name]] * 11) for name in bad}
    slices = np.repeat(np.arange(12), n)
    gate = mg.Regression("accuracy", tolerance=0.02, by="s")
    checks = gate.run(data={"s": slices}, **evidence).checks
    assert [check.verdict for check in checks] == [U] + [P] * 11
    assert checks[0].confidence == pytest.approx(1 - 0.05 / 12)
    assert {check.confidence for check in checks[1:]} == {0.95}
    worst = discordant(0, 40, n, right=1.0)
    evidence = {name: np.concatenate([worst[name]] + [good[name]] * 11) for name in bad}
    assert gate.run(data={"s": slices}, **evidence).checks[0].verdict is F


def test_empty_and_thin_slices_are_undecided():
    conditions = {
        "nobody": lambda table: [False] * N,
        "few": lambda table: [True] * 10 + [False] * (N - 10),
    }
    result = mg.Regression("accuracy", tolerance=0.5, by=conditions).run(
        data={"group": GROUP},
        y_true=TRUE,
        y_pred=(NOISY > 0.5).astype(int),
        production_pred=(SCORE > 0.5).astype(int),
    )
    assert [check.verdict for check in result.checks] == [U, U]
    assert "no rows to measure" in result.checks[0].reason
    assert "too few rows: 10" in result.checks[1].reason


# 400 rows in a, 60 with 4 positives in b, 12 in c, 1 in d
PART = np.repeat(["a", "b", "c", "d"], [400, 60, 12, 1])
PART_TRUE = np.concatenate([[1, 0] * 200, [1] * 4 + [0] * 56, [1, 0] * 6, [1]])
PARTS = {"data": {"part": PART}, "y_true": PART_TRUE, "y_pred": PART_TRUE}
GATES = {
    "performance": lambda **options: mg.Performance("recall", at_least=0.5, **options),
    "regression": lambda **options: mg.Regression("recall", tolerance=0.1, **options),
}


@pytest.mark.parametrize("kind", GATES)
def test_small_slices_are_excluded_and_listed(kind):
    evidence = PARTS | ({"production_pred": PART_TRUE} if kind == "regression" else {})
    blocked = GATES[kind](by="part").run(**evidence)
    assert [check.verdict for check in blocked.checks] == [P, U, U, U]
    result = GATES[kind](by="part", small_slices="exclude").run(**evidence)
    assert result.verdict is P
    assert [check.group for check in result.checks] == ["part=a"]
    assert result.reason.endswith(
        "; excluded slices: part=b (4 positives in `y_true`, at least 10 are needed), part=c (12 "
        "rows), "
        "part=d (1 row)"
    )


@pytest.mark.parametrize("kind", GATES)
def test_excluding_all_slices_is_undecided(kind):
    evidence = PARTS | ({"production_pred": PART_TRUE} if kind == "regression" else {})
    gate = GATES[kind](by="part", small_slices="exclude", min_samples=1_000)
    result = gate.run(**evidence)
    assert result.verdict is U
    assert "all slices are too small and excluded" in result.reason
    assert "part=a (400 rows)" in result.reason
    gate = GATES[kind](by="part", small_slices="exclude", inconclusive="allow", min_samples=1_000)
    assert gate.run(**evidence).verdict is U
    assert not mg.GateSuite([gate]).run(**evidence).passed


@pytest.mark.parametrize("kind", GATES)
def test_a_bad_slice_is_never_excluded(kind):
    wrong = np.where(PART == "a", 1 - PART_TRUE, PART_TRUE)
    evidence = PARTS | {"y_pred": wrong}
    evidence |= {"production_pred": PART_TRUE} if kind == "regression" else {}
    assert GATES[kind](by="part", small_slices="exclude").run(**evidence).verdict is F


def test_a_slice_where_a_model_predicts_no_positives_is_not_excluded():
    silent = np.where(PART == "a", 0, PART_TRUE)
    gate = mg.Performance("precision", at_least=0.5, by="part", small_slices="exclude")
    result = gate.run(**PARTS | {"y_pred": silent})
    assert result.verdict is U
    assert "no predicted positives" in result.checks[0].reason
    assert "excluded slices: part=b" in result.reason
    paired = mg.Regression("precision", tolerance=0.5, by="part", small_slices="exclude")
    assert paired.run(**PARTS | {"y_pred": silent, "production_pred": PART_TRUE}).verdict is U


def test_an_excluded_slice_is_not_measured():
    def touchy(y_true, y_pred):
        if len(y_true) < 30:
            msg = "too few"
            raise ValueError(msg)
        return float((y_true == y_pred).mean())

    options = {"at_least": 0.5, "greater_is_better": True, "by": "part"}
    assert mg.Performance(touchy, **options).run(**PARTS).verdict is E
    result = mg.Performance(touchy, **options, small_slices="exclude").run(**PARTS)
    assert result.verdict is P, result.reason


def test_rows_that_are_enough_are_counted_as_given():
    """The effective number of rows widens the interval; the report counts given rows."""
    evidence = discordant(10, 12, 500)
    weight = np.where(np.arange(500) % 5 == 0, 10.0, 1.0)
    gate = mg.Regression("accuracy", tolerance=0.02)
    check = gate.run(**evidence, sample_weight=weight).checks[0]
    worth = weight.sum() ** 2 / (weight**2).sum()
    assert (check.verdict, check.n) == (U, int(worth))
    assert f"effective n = {check.n} because of the weights of 500 rows" in check.reason
    needed = check.details["rows_needed"]
    times = math.ceil(needed / 500)
    many = {name: np.tile(array, times) for name, array in evidence.items()}
    again = gate.run(**many, sample_weight=np.tile(weight, times)).checks[0]
    assert again.verdict is not U
    assert needed > 500


def test_condition_that_breaks_is_the_error_of_its_slice():
    conditions = {"a": lambda table: table["group"] == "a", "typo": lambda table: table["grp"]}
    result = mg.Regression("accuracy", tolerance=0.5, by=conditions).run(
        data=pd.DataFrame({"group": GROUP}),
        y_true=TRUE,
        y_pred=(NOISY > 0.5).astype(int),
        production_pred=(SCORE > 0.5).astype(int),
    )
    assert {check.group: check.verdict for check in result.checks} == {"a": P, "typo": E}


def test_slice_that_breaks_hides_no_other():
    def touchy(y_true, y_pred):
        if len(np.unique(GROUP[:1])) and y_true.sum() == TRUE[GROUP == "a"].sum():
            msg = "no"
            raise RuntimeError(msg)
        return float((y_true == y_pred).mean())

    gate = mg.Regression(touchy, tolerance=0.5, greater_is_better=True, by="group")
    result = gate.run(
        data={"group": GROUP},
        y_true=TRUE,
        y_pred=(NOISY > 0.5).astype(int),
        production_pred=(SCORE > 0.5).astype(int),
    )
    assert [check.verdict for check in result.checks] == [E, P, P]


# Models, functions, weights


class Threshold:
    """A model of one column."""

    def __init__(self, at):
        self.at, self.calls = at, 0

    def predict(self, X):
        self.calls += 1
        return (np.asarray(X)[:, 0] > self.at).astype(int)

    def predict_proba(self, X):
        self.calls += 1
        chance = np.clip(np.asarray(X)[:, 0] - self.at + 0.5, 0, 1)
        return np.column_stack([1 - chance, chance])


def test_models_are_called_once_for_a_suite():
    candidate, production = Threshold(0.52), Threshold(0.5)
    suite = mg.GateSuite(
        [
            mg.Regression("accuracy", tolerance=0.05),
            mg.Regression("f1", tolerance=0.1),
            mg.Regression("roc_auc", tolerance=0.01),
        ]
    )
    report = suite.run(X=SCORE[:, None], y_true=TRUE, model=candidate, production_model=production)
    assert report.verdict is P, str(report)
    assert (candidate.calls, production.calls) == (2, 2)


def test_functions_are_compared_by_paired_resampling():
    def hits(y_true, y_pred):
        return float((y_true == y_pred).mean())

    evidence = discordant(30, 34, 600)
    gate = mg.Regression(hits, tolerance=0.1, greater_is_better=True)
    check = gate.run(**evidence).checks[0]
    counted = mg.Regression("accuracy", tolerance=0.1).run(**evidence).checks[0]
    assert gate.name == "regression:hits"
    assert check.value == pytest.approx(counted.value)
    assert check.interval == pytest.approx(counted.interval, abs=0.006)
    assert check.method == "paired bootstrap (BCa)"


def test_weights_change_the_difference():
    evidence = discordant(20, 60, 400)
    lost = (evidence["y_pred"] == 0) & (evidence["production_pred"] == 1)
    gate = mg.Regression("accuracy", tolerance=0.05)
    assert gate.run(**evidence).verdict is not P
    weight = np.where(lost, 1e-6, 1.0)
    weighted = gate.run(**evidence, sample_weight=weight).checks[0]
    assert weighted.verdict is P
    assert weighted.n == 340


def test_a_far_row_of_little_weight_passes_no_candidate():
    rng = np.random.default_rng(5)
    production = np.append(np.full(1_000, 10.0), 1e5)
    candidate = production + np.append(rng.normal(0.008, 0.2, 1_000), -1e4)
    weight = np.append(np.ones(1_000), 1e-3)
    gate = mg.Regression("mean_absolute_error", tolerance=0.015)
    for k in (1_000, 1_001):
        check = gate.run(
            y_true=np.zeros(k),
            y_pred=candidate[:k],
            production_pred=production[:k],
            sample_weight=weight[:k],
        ).checks[0]
        assert check.verdict is U
        assert check.interval[0] <= check.value <= check.interval[1]


@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 5),
    st.sampled_from(["mean_absolute_error", "root_mean_squared_error"]),
)
def test_an_interval_of_weighted_losses_holds_the_difference(seed, tail, metric):
    rng = np.random.default_rng(seed)
    mine, theirs = rng.lognormal(sigma=tail, size=(2, 200))
    weight = 10 ** rng.uniform(-4, 0, 200)
    evidence = {"y_true": np.zeros(200), "y_pred": mine, "production_pred": theirs}
    gate = mg.Regression(metric, tolerance=1)
    check = gate.run(**evidence, sample_weight=weight).checks[0]
    slack = 1e-9 * (check.details["candidate"] + check.details["production"])
    assert check.interval[0] - slack <= check.value <= check.interval[1] + slack


@pytest.mark.parametrize("name", ["recall", "f1", "balanced_accuracy", "matthews_corrcoef"])
@pytest.mark.parametrize("positives", [9, 10])
def test_few_rows_that_a_metric_is_based_on_pass_no_candidate(name, positives):
    true = np.append(np.ones(positives, int), np.zeros(200, int))
    evidence = {"y_true": true, "y_pred": true, "production_pred": true}
    result = mg.Regression(name, tolerance=0.5).run(**evidence)
    assert result.verdict is (P if positives == 10 else U)
    assert ("9 " in result.reason and "at least 10 are needed" in result.reason) is (positives == 9)


def test_either_model_may_predict_too_few_positives():
    true = np.array([1] * 50 + [0] * 50)
    few = np.append(np.ones(5, int), np.zeros(95, int))
    gate = mg.Regression("precision", tolerance=0.1)
    for pair in (
        {"y_pred": few, "production_pred": true},
        {"y_pred": true, "production_pred": few},
    ):
        result = gate.run(y_true=true, **pair)
        assert result.verdict is U
        assert "5 predicted positives, at least 10 are needed" in result.reason


def test_unseen_labels_of_either_model_are_noted():
    true = ["a", "b"] * 30
    result = mg.Regression("accuracy", tolerance=0.5).run(
        y_true=true, y_pred=["a", "z", *true[2:]], production_pred=[*true[:-1], "y"]
    )
    assert "labels predicted, but not in `y_true`: 'z'" in result.reason
    assert "labels predicted in production, but not in `y_true`: 'y'" in result.reason


def test_a_misspelt_positive_lowers_no_false_positive_rate():
    true = ["yes", "no"] * 40
    wrong = ["yes", "yes", "yes", "no"] * 20
    misspelt = ["Yes" if label == "yes" else label for label in wrong]
    gate = mg.Regression("false_positive_rate", tolerance=0.05)
    result = gate.run(y_true=true, y_pred=misspelt, production_pred=wrong, pos_label="yes")
    assert result.verdict is E
    assert "got 'Yes', which may be a misspelt positive label" in result.reason
    turned = gate.run(y_true=true, y_pred=wrong, production_pred=misspelt, pos_label="yes")
    assert turned.reason.startswith("for the predictions of production, ")
    assert "got 'Yes', which may be a misspelt positive label" in turned.reason


@pytest.mark.parametrize("tolerance", [0.01, 0.05, 0.1, 0.2, 0.3])
def test_a_shift_by_the_tolerance_is_within_it(tolerance):
    given = {"y_true": np.zeros(40), "production_pred": np.full(40, 0.4)}
    gate = mg.Regression("mean_absolute_error", tolerance=tolerance)
    check = gate.run(**given, y_pred=np.full(40, 0.4 + tolerance)).checks[0]
    assert (check.verdict, check.value, check.interval) == (P, tolerance, (tolerance, tolerance))
    assert gate.run(**given, y_pred=np.full(40, 0.4 + tolerance + 1e-9)).verdict is F


def test_without_an_interval_the_reason_names_the_rule_that_needs_none():
    given = {"y_true": TRUE, "y_pred": SCORE, "production_pred": NOISY}
    result = mg.Regression("max_error", tolerance=1).run(**given)
    assert result.verdict is U
    assert "no confidence interval can be computed; set decide_by='estimate'" in result.reason
    assert mg.Regression("max_error", tolerance=1, decide_by="estimate").run(**given).passed


# The reported number of rows decides


@pytest.mark.slow
def test_rows_needed_decide_in_four_of_five_draws():
    """Rows are resampled from the first ones, so that difference and spread stay the same."""
    gate = mg.Regression("accuracy", tolerance=0.02)
    for gained, lost in ((12, 12), (10, 26), (2, 5)):
        seen = discordant(gained, lost, 400)
        needed = gate.run(**seen).checks[0].details["rows_needed"]
        decided = 0
        for draw in range(100):
            rows = np.random.default_rng([draw, gained]).integers(400, size=needed)
            again = gate.run(**{name: array[rows] for name, array in seen.items()})
            decided += again.verdict is not U
        assert decided >= 72  # 80 less two standard errors


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "AUC"}, "did you mean 'roc_auc'"),
        ({"metric": "neg_log_loss"}, "did you mean 'log_loss'"),
        ({"tolerance": 5}, "shares are not percentages: write 0.05"),
        ({"tolerance": -0.01}, "`tolerance` must be"),
        ({"tolerance": math.inf}, "`tolerance` must be"),
        ({"tolerance": True}, "`tolerance` must be"),
        ({"tolerance": "0.01"}, "`tolerance` must be"),
        ({"metric": "matthews_corrcoef", "tolerance": 2.5}, "at most 2"),
        ({"metric": "mean_error"}, "did you mean metric='mean_absolute_error'"),
        ({"metric": "selection_rate"}, "`greater_is_better` must be True or False"),
        ({"metric": lambda y_true, y_pred: 0.0}, "`greater_is_better` must be True or False"),
        ({"greater_is_better": False}, "`greater_is_better` must be True or None for `accuracy`"),
        ({"min_samples": 0}, "`min_samples` must be"),
        ({"small_slices": "drop"}, "`small_slices` must be"),
        ({"decide_by": "p-value"}, "`decide_by` must be"),
        ({"confidence": 95}, "write 0.95"),
        ({"by": []}, "`by` must be"),
    ],
)
def test_wrong_options_raise(options, message):
    with pytest.raises(mg.OptionError, match=message.replace("(", r"\(")):
        mg.Regression(**({"metric": "accuracy", "tolerance": 0.01} | options))


def test_tolerance_is_required():
    with pytest.raises(TypeError, match="tolerance"):
        mg.Regression("accuracy")


def test_direction_may_be_given_where_it_is_known():
    mg.Regression("accuracy", tolerance=0.01, greater_is_better=True)
    mg.Regression("mean_squared_error", tolerance=1e6, greater_is_better=False)
    assert mg.Regression("mean_error", tolerance=3, greater_is_better=False).tolerance == 3


@pytest.mark.parametrize("name", NAMES)
def test_every_metric_has_a_verdict(name):
    metric = METRICS[name]
    direction = {} if metric.greater_is_better is not None else {"greater_is_better": True}
    gate = mg.Regression(name, tolerance=1, **direction)
    if metric.need == "values":
        given_arrays = {"y_true": SCORE, "y_pred": NOISY, "production_pred": WORSE}
    elif metric.need == "interval":
        ends = [np.column_stack([s - 0.5, s + 0.5]) for s in (NOISY, WORSE)]
        given_arrays = {"y_true": SCORE, "y_interval": ends[0], "production_interval": ends[1]}
    elif metric.need == "labels":
        mine, theirs = (NOISY > 0.5).astype(int), (SCORE > 0.5).astype(int)
        given_arrays = {"y_true": TRUE, "y_pred": mine, "production_pred": theirs}
    else:
        given_arrays = scores(NOISY, SCORE)
    few = {key: array[:300] for key, array in given_arrays.items()}
    result = gate.run(**few)
    assert result.verdict is (U if name == "max_error" else P), result.reason
    backwards = gate.run(**{key: array[::-1] for key, array in few.items()}).checks[0]
    assert backwards.value == pytest.approx(result.checks[0].value, abs=1e-12)


def test_pandas_with_the_same_index_is_read_like_arrays():
    index = pd.RangeIndex(10, 10 + N)
    arrays = scores(NOISY, SCORE)
    series = {name: pd.Series(array, index=index) for name, array in arrays.items()}
    gate = mg.Regression("roc_auc", tolerance=0.01)
    assert gate.run(**series).checks == gate.run(**arrays).checks


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "regression",
        mg.Regression("accuracy", tolerance=0.05),
        others={"y_true": "member", "y_pred": "member", "production_pred": "member"},
        ladders={"min_samples": (1, ROWS, ROWS + 1, 10**6)},
    ),
    Example(
        "regression-options",
        mg.Regression(
            "selection_rate",
            tolerance=0.4,
            label=True,
            by=["country"],
            min_samples=20,
            small_slices="exclude",
            decide_by="significance",
            confidence=0.9,
            greater_is_better=False,
            max_groups=20,
            resamples=100,
            name="told",
            after="schema",
        ),
        others={"y_true": "member", "y_pred": "member", "production_pred": [True] * ROWS},
    ),
    Example(
        "regression-loss",
        mg.Regression(
            "mean_absolute_error",
            tolerance=1e4,
            by={"old": adults, "young": younger},
            min_samples=20,
        ),
        others={"y_true": "age", "y_pred": "income", "production_pred": "age"},
        literal=False,
        ladders={"tolerance": (1e5, 1e4, 2e3, 100.0, 0), "confidence": (0.5, 0.9, 0.999)},
    ),
    Example(
        "regression-ranking",
        mg.Regression("hit_rate@2", tolerance=0.4, empty_queries="exclude"),
        others={
            "y_true": "member",
            "y_score": "income",
            "production_score": "age",
            "query_id": [i // 4 for i in range(ROWS)],
        },
    ),
)
