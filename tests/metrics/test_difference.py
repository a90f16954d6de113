"""Differences between two models: published numbers, scipy, resampled rows, laws of all metrics."""

import math

import numpy as np
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from mlgates.evidence import Evidence
from mlgates.metrics import NAMES, find
from mlgates.metrics.difference import difference
from mlgates.stats.proportions import tango_interval
from mlgates.stats.resampling import multinomial_cells

RNG = np.random.default_rng(3)
N = 400
TRUE = (RNG.random(N) < 0.35).astype(int)
SCORE = np.clip(0.5 * TRUE + RNG.normal(0.25, 0.2, N), 0, 1)
OTHER = np.clip(SCORE + RNG.normal(0, 0.08, N), 0, 1)
THREE = RNG.integers(0, 3, N)
TARGET = RNG.normal(10, 3, N)


def between(name, true, mine, theirs, **more):
    """The difference between two arrays of answers, as predictions or as scores."""
    metric = find(name, "test")
    scored = metric.need in ("scores", "probabilities")
    names = ("y_score", "production_score") if scored else ("y_pred", "production_pred")
    if metric.need == "interval":
        names = ("y_interval", "production_interval")
        mine, theirs = (np.column_stack([s - 0.5, s + 0.5 + np.abs(s)]) for s in (mine, theirs))
    evidence = Evidence({"y_true": true, names[0]: mine, names[1]: theirs, **more})
    sides = [evidence.outcomes(metric.need, production=side) for side in (False, True)]
    return difference(metric, *sides)


# shares of the same rows


def table(b, c, n):
    """Answers of two models with so many discordant rows."""
    true = np.ones(n, int)
    mine, theirs = true.copy(), true.copy()
    theirs[:b], mine[b : b + c] = 0, 0
    return true, mine, theirs


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [((12, 2, 50), 0.0611, 0.3447), ((86, 150, 1600), -0.0590, -0.0214)],
)
def test_accuracy_has_tangos_interval(counts, low, high):
    found = between("accuracy", *table(*counts))
    b, c, n = counts
    assert found.value == pytest.approx((b - c) / n)
    assert [round(end, 4) for end in found.change.ends(0.95)] == [low, high]
    assert found.change.method == "Tango"
    assert found.change.p_value == pytest.approx(stats.binomtest(b, b + c).pvalue)
    assert found.change.details["b"] == b
    assert found.change.details["c"] == c


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("accuracy", slice(None)),
        ("recall", TRUE == 1),
        ("true_positive_rate", TRUE == 1),
        ("false_negative_rate", TRUE == 1),
        ("specificity", TRUE == 0),
        ("true_negative_rate", TRUE == 0),
        ("false_positive_rate", TRUE == 0),
        ("selection_rate", slice(None)),
    ],
)
def test_shares_count_discordant_rows_of_their_denominator(name, rows):
    mine, theirs = (SCORE > 0.5).astype(int), (OTHER > 0.5).astype(int)
    found = between(name, TRUE, mine, theirs)
    counts = {"accuracy": TRUE, "selection_rate": np.ones(N, int)}.get(name, TRUE)
    right = [answers == counts for answers in (mine, theirs)]
    if name in ("false_negative_rate", "false_positive_rate"):
        right = [~each for each in right]
    here, there = (each[rows] for each in right)
    b, c = int((here & ~there).sum()), int((there & ~here).sum())
    assert (found.change.details["b"], found.change.details["c"]) == (b, c)
    assert found.value == pytest.approx((b - c) / len(here))
    assert found.change.ends(0.9) == pytest.approx(tango_interval(b, c, len(here), 0.9))


def test_accuracy_of_several_classes_counts_right_rows():
    mine = np.where(RNG.random(N) < 0.8, THREE, (THREE + 1) % 3)
    theirs = np.where(RNG.random(N) < 0.8, THREE, (THREE + 2) % 3)
    found = between("accuracy", THREE, mine, theirs)
    b, c = np.sum((mine == THREE) & (theirs != THREE)), np.sum((mine != THREE) & (theirs == THREE))
    assert (found.change.details["b"], found.change.details["c"]) == (b, c)


@pytest.mark.parametrize("name", ["balanced_accuracy", "recall_macro"])
def test_a_mean_of_recalls_combines_the_intervals_of_the_classes(name):
    mine = np.where(RNG.random(N) < 0.8, THREE, (THREE + 1) % 3)
    theirs = np.where(RNG.random(N) < 0.8, mine, (THREE + 2) % 3)
    found = between(name, THREE, mine, theirs)
    value, down, up, errors = 0.0, 0.0, 0.0, 0.0
    for label in range(3):
        some = label == THREE
        b = int((some & (mine == THREE) & (theirs != THREE)).sum())
        c = int((some & (mine != THREE) & (theirs == THREE)).sum())
        n = int(some.sum())
        low, high = tango_interval(b, c, n, 0.9)
        change = (b - c) / n
        value += change / 3
        down, up = math.hypot(down, change - low), math.hypot(up, high - change)
        errors += (b + c - (b - c) ** 2 / n) / n**2
    assert found.value == pytest.approx(value)
    assert found.change.ends(0.9) == pytest.approx((value - down / 3, value + up / 3))
    assert found.change.details["standard_error"] == pytest.approx(math.sqrt(errors) / 3)


def test_no_change_of_classes_of_one_size_is_tested_by_mcnemar():
    true = np.repeat([0, 1], 50)
    mine, theirs = true.copy(), true.copy()
    mine[[0, 1, 50]] = 1 - true[[0, 1, 50]]
    theirs[10:15], theirs[60:62] = 1, 0
    found = between("balanced_accuracy", true, mine, theirs)
    assert found.change.p_value == pytest.approx(math.erfc(math.sqrt((7 - 3) ** 2 / (7 + 3) / 2)))
    swapped = np.where(true == 0, 2, 0)  # (wrong in another way: nothing is discordant)
    alike = between("balanced_accuracy", np.append(true, 2), np.append(1 - true, 2), [*swapped, 2])
    assert (alike.value, alike.change.p_value) == (0, 1)
    assert "standard_error" not in alike.change.details
    low, high = alike.change.ends(0.95)
    assert low < -0.05 < 0.05 < high


@pytest.mark.slow
@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr"])
def test_few_scores_that_are_lost_make_no_interval_too_narrow(name):
    """Of 3 % of the scores, the smaller class often has none: DeLong's misses in 25 % of draws."""
    truth, above, draws = -0.0097, 0, 200
    for draw in range(draws):
        rng = np.random.default_rng(draw)
        true = (np.arange(300) < 30).astype(int)
        theirs = 2 * true + rng.normal(size=300)
        mine = np.where(rng.random(300) < 0.03, 1 + rng.normal(size=300), theirs)
        ends = between(name, true, mine, theirs).change.ends(0.95)
        above += ends[0] > truth
    assert above <= 0.05 * draws


@pytest.mark.slow
def test_a_rare_class_makes_no_interval_too_narrow():
    rng, above, draws = np.random.default_rng(2), 0, 300
    for _ in range(draws):
        true = (np.arange(200) < 20).astype(int)
        kind = rng.random(200)
        gained = np.where(true == 1, 0.02, 0.01)
        lost = gained + np.where(true == 1, 0.08, 0.02)
        theirs = np.where(kind < gained, 1 - true, true)
        mine = np.where((kind >= gained) & (kind < lost), 1 - true, true)
        found = between("balanced_accuracy", true, mine, theirs)
        above += found.change.ends(0.95)[0] > -0.035  # the truth
    assert above <= 0.04 * draws


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("matthews_corrcoef", [1, 1, 1]),
        ("f1_macro", [1, 1, 1]),
        ("precision_macro", [1, 1, 1]),
        ("f1_weighted", [0.75, 0.2, 0.05]),
    ],
)
def test_a_row_is_added_to_each_class_that_counts_for_as_much(name, more, monkeypatch):
    true = np.repeat([0, 1, 2], [150, 40, 10])
    mine, theirs = (np.where(RNG.random(200) < 0.8, true, (true + 1) % 3) for _ in range(2))
    seen = []

    def drawn(counts, resamples):
        seen.append(counts)
        return multinomial_cells(counts, resamples)

    monkeypatch.setattr("mlgates.stats.resampling.multinomial_cells", drawn)
    between(name, true, mine, theirs)
    added = seen[0][-6:].reshape(2, 3)  # (gained, then lost, by class)
    assert added == pytest.approx(np.array([more, more]) / 2)
    assert seen[0].sum() == pytest.approx(200 + sum(more))


def test_labels_of_two_models_may_have_other_codes():
    true = ["a", "b", "c"] * 40
    mine = ["a", "b", "c"] * 39 + ["a", "b", "z"]
    theirs = ["b", "b", "c"] * 40
    for name in ("accuracy", "f1_macro", "balanced_accuracy", "f1_weighted"):
        found = between(name, true, mine, theirs)
        assert found.value > 0
        low, high = found.change.ends(0.95)
        assert 0 < low <= found.value <= high
    same = between("f1_macro", true, mine, list(mine))
    assert same.change.method == "identical"


@examples(30)
@given(st.integers(0, 10**6))
def test_whole_weights_are_as_repeated_rows_to_the_value(seed):
    rng = np.random.default_rng(seed)
    true, mine, theirs = (rng.integers(0, 2, 60) for _ in range(3))
    weight = rng.integers(0, 4, 60)
    found = between("accuracy", true, mine, theirs, sample_weight=weight)
    repeated = [np.repeat(each, weight) for each in (true, mine, theirs)]
    assert found.value == pytest.approx(between("accuracy", *repeated).value)


def test_weights_count_through_the_effective_rows():
    mine, theirs = (SCORE > 0.5).astype(int), (OTHER > 0.5).astype(int)
    for name in ("accuracy", "recall", "f1", "balanced_accuracy"):
        alone = between(name, TRUE, mine, theirs)
        equal = between(name, TRUE, mine, theirs, sample_weight=np.full(N, 2.5))
        assert equal.n == N
        assert equal.change.ends(0.95) == pytest.approx(alone.change.ends(0.95), abs=1e-9)
        padded = [np.append(each, [0, 1] * 30) for each in (TRUE, mine, 1 - theirs)]
        padded[2][:N] = theirs
        none = between(name, *padded, sample_weight=np.append(np.ones(N), np.zeros(60)))
        assert none.n == N
        assert none.change.ends(0.95) == pytest.approx(alone.change.ends(0.95), abs=1e-9)


# areas, losses


def test_area_has_delongs_interval_and_test():
    from mlgates.stats.ranking import delong

    found = between("roc_auc", TRUE, SCORE, OTHER)
    areas, covariance = delong(TRUE, [SCORE, OTHER])
    error = math.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    change = sk.roc_auc_score(TRUE, SCORE) - sk.roc_auc_score(TRUE, OTHER)
    assert found.value == pytest.approx(change, abs=1e-12)
    half = stats.norm.isf(0.025) * error
    assert found.change.ends(0.95) == pytest.approx((change - half, change + half), abs=1e-10)
    assert found.change.p_value == pytest.approx(2 * stats.norm.sf(abs(change) / error))
    assert areas[0] - areas[1] == pytest.approx(change)


def test_equal_rankings_are_identical_and_two_perfect_scores_are_not():
    found = between("roc_auc", TRUE, SCORE, SCORE**3)
    assert (found.value, found.change.method) == (0, "identical ranking")
    assert found.change.alike == "rankings"
    assert found.change.ends(0.95) == (0, 0)
    lowest = SCORE[TRUE == 1].min()  # below it the order of negatives is all that changes
    unlike = between("roc_auc", TRUE, SCORE, np.where(lowest > SCORE, -SCORE, SCORE))
    assert (unlike.value, unlike.change.method, unlike.change.p_value) == (0, "Tango", 1)
    low, high = unlike.change.ends(0.95)
    moved = stats.rankdata(SCORE) - stats.rankdata(np.where(lowest > SCORE, -SCORE, SCORE))
    assert (low, high) == pytest.approx((-np.mean(abs(moved)) / N, np.mean(abs(moved)) / N))
    assert high < tango_interval(0, 0, TRUE.sum())[1]
    one = TRUE + RNG.random(N) / 2
    two = TRUE + RNG.random(N) / 2
    perfect = between("roc_auc", TRUE, one, two)
    low, high = perfect.change.ends(0.95)
    assert (perfect.value, perfect.change.method) == (0, "Hanley")
    assert -0.05 < low < 0 < high < 0.05
    for name in ("roc_auc", "roc_auc_ovr"):
        useless = between(name, TRUE, np.zeros(N), one)
        low, high = useless.change.ends(0.95)
        assert useless.value == pytest.approx(-0.5)
        assert low < -0.51 < -0.49 < high < -0.4


@pytest.mark.parametrize(
    ("name", "row", "arrays"),
    [
        ("mean_absolute_error", lambda t, p: abs(t - p), "values"),
        ("mean_squared_error", lambda t, p: (t - p) ** 2, "values"),
        ("mean_absolute_percentage_error", lambda t, p: abs(t - p) / abs(t), "values"),
        ("brier_score", lambda t, p: (t - p) ** 2, "scores"),
        ("log_loss", lambda t, p: -np.log(np.clip(np.where(t, p, 1 - p), 2.2e-16, 1)), "scores"),
    ],
)
def test_means_of_losses_have_students_test_of_the_pairs(name, row, arrays):
    true, mine, theirs = TRUE, SCORE, OTHER
    if arrays == "values":
        true, mine, theirs = TARGET, TARGET + RNG.normal(0, 1, N), TARGET + RNG.normal(0, 1, N)
    found = between(name, true, mine, theirs)
    here, there = row(true, mine), row(true, theirs)
    test = stats.ttest_rel(here, there)
    ends = test.confidence_interval(0.95)
    assert found.value == pytest.approx(here.mean() - there.mean(), abs=1e-12)
    assert found.change.p_value == pytest.approx(test.pvalue, rel=1e-9)
    spread = ends.high - ends.low
    assert found.change.ends(0.95) == pytest.approx(tuple(ends), abs=0.05 * spread)  # (skewness)


def test_root_has_the_delta_methods_interval():
    mine, theirs = TARGET + RNG.normal(0, 1, N), TARGET + RNG.normal(0, 1.2, N)
    found = between("root_mean_squared_error", TARGET, mine, theirs)
    roots = [sk.root_mean_squared_error(TARGET, each) for each in (mine, theirs)]
    assert found.value == pytest.approx(roots[0] - roots[1])
    rng = np.random.default_rng(0)
    drawn = rng.integers(N, size=(4000, N))
    squares = [(TARGET - each) ** 2 for each in (mine, theirs)]
    draws = np.sqrt(squares[0][drawn].mean(1)) - np.sqrt(squares[1][drawn].mean(1))
    assert found.change.ends(0.95) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.015)
    perfect = between("root_mean_squared_error", TARGET, TARGET, theirs)
    low, high = perfect.change.ends(0.95)
    assert low < -roots[1] < high < 0


def test_losses_that_differ_by_a_constant_have_no_spread():
    found = between("mean_absolute_error", np.zeros(50), np.arange(1.0, 51), np.arange(0.0, 50))
    assert found.value == pytest.approx(1)
    assert found.change.ends(0.95) == pytest.approx((1, 1))
    assert found.change.p_value == 0
    mirrored = between("mean_absolute_error", np.zeros(50), np.ones(50), -np.ones(50))
    assert (mirrored.value, mirrored.change.ends(0.95), mirrored.change.p_value) == (0, (0, 0), 1)


# metrics that are resampled

ROWS = np.random.default_rng(11).integers(N, size=(400, N))


def f1_of(tables, positive):
    hits = tables[:, positive, positive]
    return 2 * hits / (tables[:, positive].sum(1) + tables[:, :, positive].sum(1))


def correlation_of(tables):
    (a, b), (c, d) = np.moveaxis(tables.astype(float), 0, 2)
    return (a * d - b * c) / np.sqrt((a + b) * (c + d) * (a + c) * (b + d))


@pytest.mark.parametrize(
    ("name", "function", "of_tables"),
    [
        ("precision", sk.precision_score, lambda t: t[:, 1, 1] / t[:, :, 1].sum(1)),
        ("f1", sk.f1_score, lambda t: f1_of(t, 1)),
        (
            "balanced_accuracy",
            sk.balanced_accuracy_score,
            lambda t: (t[:, 0, 0] / t[:, 0].sum(1) + t[:, 1, 1] / t[:, 1].sum(1)) / 2,
        ),
        ("matthews_corrcoef", sk.matthews_corrcoef, correlation_of),
        (
            "f1_macro",
            lambda t, p: sk.f1_score(t, p, average="macro"),
            lambda t: (f1_of(t, 0) + f1_of(t, 1)) / 2,
        ),
    ],
)
def test_interval_of_labels_is_near_that_of_resampled_rows(name, function, of_tables):
    """Multinomial draws of (true, mine, theirs) have the distribution of resampled rows."""
    mine, theirs = (SCORE > 0.5).astype(int), (OTHER > 0.5).astype(int)
    found = between(name, TRUE, mine, theirs)
    assert found.value == pytest.approx(function(TRUE, mine) - function(TRUE, theirs), abs=1e-12)
    cells = np.bincount(4 * TRUE + 2 * mine + theirs, minlength=8)
    drawn = np.random.default_rng(11).multinomial(N, cells / N, 4_000).reshape(-1, 2, 2, 2)
    draws = of_tables(drawn.sum(3)) - of_tables(drawn.sum(2))
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.change.ends(0.95) == pytest.approx((low, high), abs=0.25 * (high - low))
    if name == "balanced_accuracy":
        assert found.change.method == "Tango, combined"
    else:
        assert found.change.details["seed"] == 0
        assert found.change.details["resamples"] == 2000


def r2_of(true, pred):
    total = ((true - true.mean(-1, keepdims=True)) ** 2).sum(-1)
    return 1 - ((true - pred) ** 2).sum(-1) / total


@pytest.mark.parametrize(
    ("name", "function", "of_rows"),
    [
        (
            "average_precision",
            sk.average_precision_score,
            lambda t, p: np.array(
                [sk.average_precision_score(*pair) for pair in zip(t, p, strict=True)]
            ),
        ),
        ("r2", sk.r2_score, r2_of),
        (
            "median_absolute_error",
            sk.median_absolute_error,
            lambda t, p: np.median(abs(t - p), axis=1),
        ),
    ],
)
def test_interval_is_near_that_of_resampled_rows(name, function, of_rows):
    true, mine, theirs, rows = TRUE, SCORE, OTHER, ROWS[:150]
    if name != "average_precision":
        true, mine, rows = TARGET, TARGET + RNG.normal(0, 1, N), ROWS
        theirs = mine + RNG.normal(0, 0.3, N)
    found = between(name, true, mine, theirs)
    assert found.value == pytest.approx(function(true, mine) - function(true, theirs), abs=1e-12)
    draws = of_rows(true[rows], mine[rows]) - of_rows(true[rows], theirs[rows])
    low, high = np.quantile(draws, [0.025, 0.975])
    assert found.change.ends(0.95) == pytest.approx((low, high), abs=0.25 * (high - low))
    assert found.change.details["seed"] == 0
    assert found.change.details["resamples"] == 2000


@pytest.mark.parametrize(
    ("name", "weighted"),
    [
        ("r2", False),
        *(
            pytest.param(name, weighted, marks=pytest.mark.slow)
            for name in ("average_precision", "expected_calibration_error", "median_absolute_error")
            for weighted in (False, True)
        ),
        pytest.param("r2", True, marks=pytest.mark.slow),
    ],
)
def test_subsets_of_many_rows_show_the_spread_of_all(name, weighted, monkeypatch):
    rng = np.random.default_rng(11)
    true = (rng.random(8_000) < 0.2).astype(float)
    true[rng.random(8_000) < 0.1] = np.nan  # (rows that are dropped)
    score = 1 / (1 + np.exp(1.5 - 1.5 * np.nan_to_num(true) - rng.normal(size=8_000)))
    other = np.clip(score + rng.normal(0, 0.1, 8_000), 0, 1)
    given = {"y_true": true, "y_score": score, "production_score": other}
    if find(name, "test").need == "values":
        given = {"y_true": true, "y_pred": score, "production_pred": other}
    if weighted:
        given["sample_weight"] = rng.random(8_000) + 0.1
    evidence, metric = Evidence(given), find(name, "test")
    need = metric.need
    sides = evidence.outcomes(need), evidence.outcomes(need, production=True)
    whole = difference(metric, *sides)
    monkeypatch.setattr("mlgates.metrics.metric._SUBSET", 1_000)
    part = difference(metric, *sides)
    assert part.value == whole.value
    assert part.change.ends(0.95) == difference(metric, *sides).change.ends(0.95)
    (low, high), (lower, upper) = part.change.ends(0.95), whole.change.ends(0.95)
    assert high - low == pytest.approx(upper - lower, rel=0.2)
    assert (low + high) / 2 == pytest.approx((lower + upper) / 2, abs=0.2 * (high - low))


def test_a_rare_class_makes_subsets_larger():
    true = np.arange(30_000) % 300 == 0
    scores = np.linspace(0, 1, 30_000)
    evidence = Evidence({"y_true": true, "y_score": scores})
    assert find("average_precision", "test").subset_size(evidence.outcomes("scores")) == 60_000
    evidence = Evidence({"y_true": scores > 0.3, "y_score": scores})
    assert find("average_precision", "test").subset_size(evidence.outcomes("scores")) == 10_000


@pytest.mark.parametrize("name", ["f1", "average_precision", "r2"])
def test_seed_gives_the_same_interval(name):
    arrays = {
        "f1": (TRUE, SCORE > 0.5, OTHER > 0.5),
        "r2": (TARGET, TARGET + SCORE, TARGET + OTHER),
    }
    given_arrays = arrays.get(name, (TRUE, SCORE, OTHER))
    given_arrays = tuple(np.asarray(each, float if name == "r2" else None) for each in given_arrays)
    if name == "f1":
        given_arrays = tuple(each.astype(int) for each in given_arrays)
    one, two = between(name, *given_arrays), between(name, *given_arrays)
    assert one.change.ends(0.95) == two.change.ends(0.95)


def test_means_of_areas_have_delongs_interval():
    chances = np.eye(3)[THREE] + RNG.exponential(size=(N, 3))
    others = chances + RNG.exponential(0.1, (N, 3))
    chances, others = (each / each.sum(1, keepdims=True) for each in (chances, others))
    for name, average in (("roc_auc_ovr", "macro"), ("roc_auc_ovr_weighted", "weighted")):
        found = between(name, THREE, chances, others)

        def area(true, score, average=average):
            return sk.roc_auc_score(true, score, multi_class="ovr", average=average)

        assert found.value == pytest.approx(area(THREE, chances) - area(THREE, others), abs=1e-12)
        draws = [
            area(THREE[rows], chances[rows]) - area(THREE[rows], others[rows]) for rows in ROWS[:20]
        ]
        half = 1.96 * np.std(draws)
        ends = found.value - half, found.value + half
        assert found.change.ends(0.95) == pytest.approx(ends, abs=0.25 * 2 * half)


def test_largest_error_has_no_interval():
    found = between("max_error", TARGET, TARGET + 1, TARGET + RNG.normal(size=N))
    assert found.value is not None
    assert found.change.ends(0.95) is None


# laws


def answers(name, which):
    metric = find(name, "test")
    if metric.need == "values":
        return TARGET, *((TARGET + 1 + SCORE, TARGET + 2 * OTHER)[:: 1 if which else -1])
    if name.startswith("roc_auc_ov"):
        return TRUE, *((SCORE, OTHER)[:: 1 if which else -1])
    if metric.need in ("scores", "probabilities"):
        return TRUE, *((SCORE, OTHER)[:: 1 if which else -1])
    both = [(each > 0.5).astype(int) for each in (SCORE, OTHER)]
    return TRUE, *(both[:: 1 if which else -1])


@pytest.mark.parametrize("name", NAMES)
def test_mirrors_when_the_models_change_places(name):
    here, there = between(name, *answers(name, which=True)), between(name, *answers(name, False))
    assert here.value == pytest.approx(-there.value, abs=1e-12)
    assert here.candidate == there.production
    ends, mirrored = here.change.ends(0.95), there.change.ends(0.95)
    if ends is not None:
        spread = ends[1] - ends[0]
        assert ends[0] <= here.value <= ends[1]
        assert ends == pytest.approx((-mirrored[1], -mirrored[0]), abs=0.1 * spread + 1e-12)
        wider = here.change.ends(0.99)
        assert wider[0] <= ends[0]
        assert ends[1] <= wider[1]


@pytest.mark.parametrize("name", NAMES)
def test_models_with_the_same_answers_are_identical(name):
    true, mine, _ = answers(name, which=True)
    found = between(name, true, mine, mine.copy())
    assert (found.value, found.change.method) == (0, "identical")
    assert (found.change.ends(0.95), found.change.p_value) == ((0, 0), 1)
    assert found.change.alike == "answers"


@pytest.mark.parametrize(
    ("name", "true", "mine", "theirs", "why"),
    [
        ("roc_auc", [1] * 40, SCORE[:40], OTHER[:40], "only one class"),
        ("recall", [0] * 40, [0, 1] * 20, [1, 0] * 20, "no positives"),
        (
            "precision",
            [0, 1] * 20,
            [0] * 40,
            [1] * 40,
            "undefined for the candidate: no predicted positives",
        ),
        ("precision", [0, 1] * 20, [1] * 40, [0] * 40, "undefined for production: no predicted"),
        ("r2", [1.0] * 40, SCORE[:40], OTHER[:40], "constant"),
    ],
)
def test_undefined_names_the_model(name, true, mine, theirs, why):
    found = between(name, true, mine, theirs)
    assert found.value is None
    assert why in found.undefined
    assert found.change.ends(0.95) is None


def test_small_classes_are_insufficient():
    true = [1] * 4 + [0] * 60
    found = between("roc_auc", true, SCORE[:64], OTHER[:64])
    assert found.lacking == "4 positives, at least 10 are needed"
