"""Metrics of rows in clusters: the influence of each row, intervals, paired differences."""

import math
from dataclasses import replace

import numpy as np
import pytest
from metric_outcomes import outcomes
from scipy import special, stats

from mlgates.metrics import METRICS
from mlgates.metrics.difference import difference
from mlgates.stats.clusters import cluster_variance
from mlgates.stats.proportions import tango_interval

N = 240
LINEAR = (
    *("accuracy", "precision", "recall", "specificity", "false_positive_rate", "f1"),
    *("false_negative_rate", "selection_rate", "precision_micro", "recall_weighted"),
    *("balanced_accuracy", "recall_macro", "precision_macro"),
    *("roc_auc", "roc_auc_ovr", "roc_auc_ovr_weighted"),
    *("log_loss", "brier_score"),
    *("mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "mean_error"),
    *("mean_absolute_percentage_error", "interval_coverage", "interval_width"),
)
NONE = (
    *("f1_macro", "f1_weighted", "precision_weighted", "matthews_corrcoef", "average_precision"),
    *("expected_calibration_error", "r2", "median_absolute_error", "max_error"),
)


def made(need, seed=0, *, weight=None, cluster=None, k=2):
    """Return outcomes whose rows are alike in each of 30 clusters."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=30)[np.arange(N) % 30]
    cluster = np.arange(N) % 30 if cluster is None else cluster
    if need in ("values", "interval"):
        true = rng.normal(10, 1, N)
        pred = true + shared + rng.normal(size=N) / 2
        if need == "interval":  # ends from `pred - 0.5` to `2 * pred + 0.5`
            true, pred = true - 10, np.abs(pred - 10)
        found = outcomes(need, true, pred, weight=weight)
    else:
        true = rng.integers(0, k, N)
        right = shared + rng.normal(size=N) > -0.8
        pred = np.where(right, true, (true + 1) % k)
        score = special.expit((2 * true - 1) * (0.7 + shared) + rng.normal(size=N))
        if need == "labels":
            found = outcomes(need, true, pred, weight=weight, k=k)
        else:
            found = outcomes(need, true, score=score, weight=weight, k=k)
    return replace(found, cluster=cluster)


def test_every_metric_has_an_interval_or_none():
    others = {"true_positive_rate", "true_negative_rate", "recall_micro", "f1_micro"}
    assert {*LINEAR, *NONE, *others} == set(METRICS)


@pytest.mark.parametrize("name", LINEAR)
def test_influences_are_the_derivatives_with_respect_to_the_weights(name):
    metric, weight = METRICS[name], np.random.default_rng(5).uniform(0.5, 2, N)
    k = 3 if name in ("balanced_accuracy", "recall_macro", "precision_macro") else 2
    given = made(metric.need, weight=weight, k=k)
    linear, value = metric.linear(given), metric.measure(given, confidence=0).value
    assert linear.to_metric(linear.value) == pytest.approx(value, rel=1e-12)
    assert linear.influence.sum() == pytest.approx(0, abs=1e-12)
    for row in range(0, N, 17):
        step = 1e-5 * weight[row]
        moved = [
            metric.measure(
                replace(given, weight=np.where(np.arange(N) == row, weight + s, weight)),
                confidence=0,
            ).value
            for s in (step, -step)
        ]
        derivative = (moved[0] - moved[1]) / (2 * step)
        expected = linear.slope * linear.influence[row] / weight[row]
        assert expected == pytest.approx(derivative, rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("name", NONE)
def test_metrics_without_a_method_have_no_interval(name):
    found = METRICS[name].measure(made(METRICS[name].need))
    assert (found.interval, found.n, found.details["clusters"]) == (None, N, 30)
    assert found.details["no_interval"] == (
        f"`{name}` has no interval for rows in clusters; set decide_by='estimate', or use a "
        "share such as accuracy, an area under the ROC curve or a mean of losses"
    )
    assert METRICS[name].measure(made(METRICS[name].need), confidence=0).value == found.value


def test_the_interval_of_a_mean_is_students_t():
    given, metric = made("values"), METRICS["mean_absolute_error"]
    losses = np.abs(given.pred - given.true)
    variance = cluster_variance((losses - losses.mean()) / N, given.cluster, np.ones(N))
    half = stats.t.isf(0.025, 29) * math.sqrt(variance.variance)
    found = metric.measure(given)
    assert found.interval == pytest.approx((losses.mean() - half, losses.mean() + half))
    assert found.method == "t, cluster-robust"
    assert found.details["degrees_of_freedom"] == pytest.approx(29)
    squares = METRICS["mean_squared_error"].measure(given).interval
    roots = METRICS["root_mean_squared_error"].measure(given).interval
    assert roots == pytest.approx(np.sqrt(squares))


def test_the_interval_of_an_area_is_on_the_logit_scale():
    given, metric = made("scores"), METRICS["roc_auc"]
    found, linear = metric.measure(given), metric.linear(given)
    variance = cluster_variance(
        linear.influence, given.cluster, np.ones(N), (given.true == 1).astype(int)
    )
    error = math.sqrt(variance.variance) / (found.value * (1 - found.value))
    half = stats.t.isf(0.025, variance.freedom) * error
    ends = special.expit(special.logit(found.value) + np.array([-half, half]))
    assert found.interval == pytest.approx(ends)
    assert found.method == "t (logit), cluster-robust"


@pytest.mark.parametrize("name", [name for name in LINEAR if name != "selection_rate"])
def test_dependent_rows_have_longer_intervals(name):
    metric = METRICS[name]
    k = 3 if name in ("balanced_accuracy", "recall_macro", "precision_macro") else 2
    given = made(metric.need, k=k)
    low, high = metric.measure(given).interval
    apart = metric.measure(replace(given, cluster=np.arange(N))).interval
    assert high - low > 1.1 * (apart[1] - apart[0])
    alone = metric.measure(replace(given, cluster=None)).interval
    assert apart == pytest.approx(alone, abs=0.15 * (alone[1] - alone[0]))


@pytest.mark.parametrize("name", LINEAR)
def test_one_cluster_has_no_interval(name):
    metric = METRICS[name]
    found = metric.measure(made(metric.need, cluster=np.zeros(N, int)))
    assert found.interval is None
    assert found.details["no_interval"] == (
        "all counted rows are in one cluster; an interval needs several"
    )


def test_all_rows_right_count_as_one_row_a_cluster():
    true = np.arange(N) % 2
    given = replace(outcomes("labels", true, true), cluster=np.arange(N) // 12)
    low, high = METRICS["accuracy"].measure(given).interval
    alone = METRICS["accuracy"].measure(replace(given, cluster=None)).interval
    assert high == 1
    assert (low < 0.85, alone[0] > 0.98) == (True, True)


@pytest.mark.parametrize("score", [np.full(N, 0.5), np.arange(N) % 2], ids=["constant", "perfect"])
def test_an_area_without_variance_is_bounded_by_the_numbers_of_clusters(score):
    given = replace(outcomes("scores", np.arange(N) % 2, score=score), cluster=np.arange(N) // 12)
    found = METRICS["roc_auc"].measure(given)
    alone = METRICS["roc_auc"].measure(replace(given, cluster=None))
    assert alone.interval[0] - found.interval[0] > 0.05
    assert found.interval[0] < found.value <= found.interval[1]


# differences


def pair(need, seed=0, **options):
    """Return outcomes of two models on the same rows."""
    mine = made(need, seed, **options)
    rng = np.random.default_rng(seed + 100)
    moved = rng.random(N) < 0.3
    if need == "labels":
        return mine, replace(mine, pred=np.where(moved, rng.integers(0, 2, N), mine.pred))
    if need == "interval":
        step = np.where(moved, 3 * rng.normal(size=N), 0)
        return mine, replace(mine, pred=mine.pred + np.column_stack([-np.abs(step), 0 * step]))
    name = "pred" if need == "values" else "score"
    array = getattr(mine, name) + 0.1 * np.where(moved, rng.normal(size=N), 0)
    return mine, replace(mine, **{name: np.clip(array, 0.01, None if need == "values" else 0.99)})


PAIRED = [name for name in LINEAR if METRICS[name].need != "probabilities"]


@pytest.mark.parametrize("name", PAIRED)
def test_differences_have_the_variance_of_the_difference_of_the_influences(name):
    metric = METRICS[name]
    mine, theirs = pair(metric.need)
    sides = metric.linear(mine), metric.linear(theirs)
    moved = sides[0].slope * sides[0].influence - sides[1].slope * sides[1].influence
    weight = np.maximum(sides[0].weight, sides[1].weight)
    variance = cluster_variance(moved, mine.cluster, weight, sides[0].part)
    found = difference(metric, mine, theirs)
    assert found.change.details["standard_error"] == pytest.approx(math.sqrt(variance.variance))
    low, high = found.change.ends(0.95)
    assert low < found.value < high
    half = stats.t.isf(0.025, variance.freedom) * math.sqrt(variance.variance)
    assert high - low == pytest.approx(2 * half, rel=0.15)
    exact = 2 * stats.t.sf(abs(found.value) / math.sqrt(variance.variance), variance.freedom)
    assert found.change.p_value >= exact * (1 - 1e-9)
    assert found.change.p_value == pytest.approx(exact, abs=0.2)  # McNemar's may be larger


@pytest.mark.parametrize("name", PAIRED)
def test_differences_approach_those_of_independent_rows(name):
    metric = METRICS[name]
    mine, theirs = pair(metric.need, cluster=np.arange(N))
    found = difference(metric, mine, theirs)
    alone = difference(metric, replace(mine, cluster=None), replace(theirs, cluster=None))
    width = alone.change.ends(0.95)[1] - alone.change.ends(0.95)[0]
    assert found.value == pytest.approx(alone.value, rel=1e-12)
    assert found.change.ends(0.95) == pytest.approx(alone.change.ends(0.95), abs=0.15 * width)


def test_a_difference_of_shares_has_tangos_interval_for_effective_rows():
    mine, theirs = pair("labels")
    metric = METRICS["accuracy"]
    found = difference(metric, mine, theirs).change
    b, c = found.details["b"], found.details["c"]
    moved = metric.linear(mine).influence - metric.linear(theirs).influence
    variance = cluster_variance(moved, mine.cluster, np.ones(N))
    share = variance.of_rows / variance.variance
    share *= (stats.norm.isf(0.025) / stats.t.isf(0.025, 29)) ** 2
    assert found.ends(0.95) == pytest.approx(tango_interval(share * b, share * c, share * N))
    assert found.method == "Tango, cluster-robust"


def test_models_that_differ_on_few_rows_have_no_short_interval():
    mine, metric = made("labels"), METRICS["accuracy"]
    # (both wrong, with different labels)
    third = replace(mine, classes=(0, 1, 2))
    wrong = np.flatnonzero(mine.pred != mine.true)[0]
    pred = np.where(np.arange(N) == wrong, 2, mine.pred)
    found = difference(metric, third, replace(third, pred=pred)).change
    assert (found.details["b"], found.details["c"], found.p_value) == (0, 0, 1.0)
    low, high = found.ends(0.95)
    assert high == -low
    assert high > 0.1


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "mean_absolute_error"])
def test_identical_answers_differ_by_0(name):
    mine, metric = made(METRICS[name].need), METRICS[name]
    found = difference(metric, mine, replace(mine, weight=None))
    assert (found.change.alike, found.change.ends(0.95)) == ("answers", (0.0, 0.0))
    if name == "roc_auc":
        found = difference(metric, mine, replace(mine, score=mine.score / 2))
        assert (found.change.alike, found.change.ends(0.95)) == ("rankings", (0.0, 0.0))


def test_scores_that_rank_no_pair_of_classes_differently():
    mine, rng = made("scores"), np.random.default_rng(3)
    # both models put all rows of a step in one class, and rank the rows of a class differently
    step = np.sort(rng.integers(0, 20, N))
    true = step % 2
    scores = [step + rng.uniform(0.1, 0.9, N) for _ in range(2)]
    both = [replace(mine, true=true, score=score, cluster=np.arange(N) % 30) for score in scores]
    found = difference(METRICS["roc_auc"], *both)
    assert (found.value, found.change.p_value, found.change.method) == (
        0,
        1,
        "Tango, cluster-robust",
    )
    low, high = found.change.ends(0.95)
    assert high == -low
    assert 0.05 < high < 0.3


def test_a_constant_difference_has_an_interval_without_length():
    true = np.arange(N, dtype=float)
    mine = replace(outcomes("values", true, true + 2), cluster=np.arange(N) % 30)
    found = difference(METRICS["mean_absolute_error"], mine, replace(mine, pred=true + 1))
    assert (found.value, found.change.ends(0.95), found.change.p_value) == (1, (1, 1), 0)


@pytest.mark.parametrize("name", ["accuracy", "mean_error", "matthews_corrcoef"])
def test_a_difference_without_an_interval_says_why(name):
    metric = METRICS[name]
    one = np.zeros(N, int) if name != "matthews_corrcoef" else None
    found = difference(metric, *pair(metric.need, cluster=one)).change
    why = "all counted rows are in one cluster" if one is not None else "`matthews_corrcoef` has no"
    assert (found.ends(0.95), found.p_value) == (None, None)
    assert found.details["no_interval"].startswith(why)
