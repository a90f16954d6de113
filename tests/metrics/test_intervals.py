"""Intervals of metrics: published numbers, laws, and what has none."""

import numpy as np
import pytest
from metric_outcomes import outcomes

from mlgates.errors import EvidenceError, OptionError
from mlgates.metrics import NAMES, find

# the ovarian cancer data of DeLong and others (1988), as SAS prints them: alb, tp, score, indicator
OVARIAN = """
3.0 5.8 10 0 3.2 6.3 5 1 3.9 6.8 3 1 2.8 4.8 6 0 3.2 5.8 3 1 0.9 4.0 5 0 2.5 5.7 8 0 1.6 5.6 5 1
3.8 5.7 5 1 3.7 6.7 6 1 3.2 5.4 4 1 3.8 6.6 6 1 4.1 6.6 5 1 3.6 5.7 5 1 4.3 7.0 4 1 3.6 6.7 4 0
2.3 4.4 6 1 4.2 7.6 4 0 4.0 6.6 6 0 3.5 5.8 6 1 3.8 6.8 7 1 3.0 4.7 8 0 4.5 7.4 5 1 3.7 7.4 5 1
3.1 6.6 6 1 4.1 8.2 6 1 4.3 7.0 5 1 4.3 6.5 4 1 3.2 5.1 5 1 2.6 4.7 6 1 3.3 6.8 6 0 1.7 4.0 7 0
3.7 6.1 5 1 3.3 6.3 7 1 4.2 7.7 6 1 3.5 6.2 5 1 2.9 5.7 9 0 2.1 4.8 7 1 2.8 6.2 8 0 4.0 7.0 7 1
3.3 5.7 6 1 3.7 6.9 5 1 3.6 6.6 5 1
"""


@pytest.mark.parametrize(
    ("column", "area", "low", "high"),
    [(0, 0.7366, 0.5549, 0.9182), (1, 0.6478, 0.4518, 0.8439), (2, 0.7258, 0.5243, 0.9273)],
)
def test_delong_of_the_ovarian_cancer_data(column, area, low, high):
    table = np.array(OVARIAN.split(), float).reshape(-1, 4)
    table[:, 2] = 10 - table[:, 2]
    found = find("roc_auc", "t").measure(outcomes("scores", table[:, 3], score=table[:, column]))
    assert (found.value, *found.interval) == pytest.approx((area, low, high), abs=5e-5)
    assert found.method == "DeLong"
    assert (found.n, found.confidence) == (43, 0.95)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (19, 20, 0.7639, 0.9911),
    ],
)
@pytest.mark.parametrize("name", ["recall", "precision", "accuracy", "specificity"])
def test_wilson_with_the_metrics_own_denominator(name, hits, n, low, high):
    right = np.arange(n) < hits
    inside = {"recall": (1, right), "precision": (right, 1), "specificity": (0, ~right)}
    true, pred = inside.get(name, (right, 1))
    others = {"recall": (0, 1), "precision": (1, 0), "specificity": (1, 1)}.get(name)
    true, pred = (np.broadcast_to(side, n).astype(int) for side in (true, pred))
    if others:  # rows that the denominator leaves out
        true, pred = (
            np.append(side, np.full(57, other))
            for side, other in zip((true, pred), others, strict=True)
        )
    found = find(name, "t").measure(outcomes("labels", true, pred))
    assert found.interval == pytest.approx((low, high), abs=5e-5)
    assert found.details["denominator"] == n
    assert found.n == len(true)


def drawn(seed=0, n=300, rate=0.3):
    rng = np.random.default_rng(seed)
    true = (rng.random(n) < rate).astype(int)
    x = rng.normal(size=n) + 1.5 * true
    return true, (x > 0.8).astype(int), 1 / (1 + np.exp(-x))


def measured(name, weight=None, seed=0, **options):
    true, pred, score = drawn(seed)
    metric = find(name, "t")
    if metric.need == "values":
        rng = np.random.default_rng(seed)
        values = rng.normal(5, 1, 300)
        return metric.measure(
            outcomes("values", values, values + rng.normal(size=300), weight=weight), **options
        )
    return metric.measure(outcomes(metric.need, true, pred, score=score, weight=weight), **options)


EVERY = pytest.mark.parametrize("name", NAMES)


@EVERY
def test_interval_holds_the_value_and_widens_with_confidence(name):
    found = measured(name)
    if name == "max_error":
        assert found.interval is None
        return
    low, high = found.interval
    assert low < found.value < high
    metric = find(name, "t")
    assert metric.low <= low
    assert high <= metric.high
    wide = measured(name, confidence=0.99).interval
    assert wide[0] < low
    assert wide[1] > high


@EVERY
def test_measurement_is_deterministic_and_says_its_seed(name):
    found = measured(name)
    assert measured(name) == found
    if "multinomial" in found.method or "bootstrap" in found.method:
        assert found.details["seed"] == 0
        assert found.details["resamples"] == 2_000


@EVERY
def test_equal_weights_change_nothing(name):
    found, weighted = measured(name), measured(name, np.full(300, 0.1))
    assert weighted.n == found.n == 300
    assert weighted.value == pytest.approx(found.value, rel=1e-12)
    if found.interval is not None:
        assert weighted.interval == pytest.approx(found.interval, rel=0.02, abs=1e-3)


@EVERY
def test_unequal_weights_widen_the_interval_and_lower_n(name):
    weight = np.where(np.arange(300) % 3 == 0, 10.0, 0.5)
    found, weighted = measured(name), measured(name, weight)
    assert weighted.n == int(weight.sum() ** 2 / (weight**2).sum())
    if found.interval is not None:
        assert np.ptp(weighted.interval) > np.ptp(found.interval)


@EVERY
def test_rows_without_weight_count_for_nothing(name):
    true, pred, score = drawn(n=200)
    metric = find(name, "t")
    if metric.need == "values":
        true, pred = true + 2.0 + score, pred + 1.0
    weight = np.where(np.arange(200) < 150, 1.0, 0.0)
    some = [side[:150] for side in (true, pred, score)]
    short = metric.measure(outcomes(metric.need, *some[:2], score=some[2]))
    long = metric.measure(outcomes(metric.need, true, pred, score=score, weight=weight))
    assert long.n == short.n == 150
    assert long.value == pytest.approx(short.value, rel=1e-12)


@EVERY
def test_no_rows_are_undefined(name):
    metric = find(name, "t")
    for weight in (None, np.zeros(0)):
        nothing = outcomes(metric.need, [], [], score=[], weight=weight)
        found = metric.measure(nothing)
        assert (found.value, found.n, found.details["undefined"]) == (None, 0, "no rows")


UNDEFINED = [
    ("precision", [0, 1, 1], [0, 0, 0], "no predicted positives"),
    ("recall", [0, 0, 0], [0, 1, 0], "no positives in `y_true`"),
    ("true_positive_rate", [0, 0, 0], [0, 1, 0], "no positives in `y_true`"),
    ("false_negative_rate", [0, 0, 0], [0, 1, 0], "no positives in `y_true`"),
    ("specificity", [1, 1, 1], [0, 1, 0], "no negatives in `y_true`"),
    ("false_positive_rate", [1, 1, 1], [0, 1, 0], "no negatives in `y_true`"),
    ("f1", [0, 0, 0], [0, 0, 0], "no positives in `y_true` or among the predictions"),
    ("balanced_accuracy", [1, 1, 1], [0, 1, 0], "only one class in `y_true`"),
    (
        "matthews_corrcoef",
        [1, 1, 1],
        [0, 1, 0],
        "only one class in `y_true`, or only one predicted",
    ),
    (
        "matthews_corrcoef",
        [1, 0, 1],
        [1, 1, 1],
        "only one class in `y_true`, or only one predicted",
    ),
    ("precision_macro", [0, 1, 1], [0, 0, 0], "a class is never predicted"),
    ("precision_weighted", [0, 1, 1], [0, 0, 0], "a class is never predicted"),
    ("recall_macro", [0, 0, 0], [0, 1, 0], "a predicted class is not in `y_true`"),
]


@pytest.mark.parametrize(("name", "true", "pred", "why"), UNDEFINED)
def test_undefined_is_no_number(name, true, pred, why):
    found = find(name, "t").measure(outcomes("labels", true, pred))
    assert (found.value, found.interval, found.details["undefined"]) == (None, None, why)


@pytest.mark.parametrize("name", ["roc_auc", "average_precision"])
def test_ranking_needs_both_classes_and_ten_of_each(name):
    metric = find(name, "t")
    one = metric.measure(outcomes("scores", [1, 1], score=[0.1, 0.2]))
    assert one.details["undefined"] == "only one class in `y_true`"
    few = metric.measure(outcomes("scores", [1] * 8 + [0] * 40, score=np.arange(48.0)))
    assert few.details["lacking"] == "8 positives, at least 10 are needed"
    few = metric.measure(outcomes("scores", [1] * 40 + [0] * 9, score=np.arange(49.0)))
    assert few.details["lacking"] == "9 negatives, at least 10 are needed"
    few = metric.measure(outcomes("scores", [1] + [0] * 40, score=np.arange(41.0)))
    assert few.details["lacking"] == "1 positive, at least 10 are needed"
    weight = np.where(np.arange(40) < 12, np.where(np.arange(40) < 2, 100.0, 1.0), 1.0)
    few = metric.measure(
        outcomes("scores", [1] * 12 + [0] * 28, score=np.arange(40.0) % 7, weight=weight)
    )
    assert few.details["lacking"] == "2 positives, at least 10 are needed"


def test_undefined_values():
    r2 = find("r2", "t").measure(outcomes("values", [0.1] * 3, [1.0, 2.0, 3.0]))
    assert r2.details["undefined"] == "`y_true` is constant"
    mape = find("mean_absolute_percentage_error", "t")
    found = mape.measure(outcomes("values", [0.0, 1.0], [1.0, 1.0]))
    assert found.details["undefined"] == "`y_true` has zeros"
    weighed = mape.measure(outcomes("values", [0.0, 1.0], [1.0, 1.5], weight=[0.0, 1.0]))
    assert weighed.value == 0.5


@pytest.mark.parametrize("name", ["mean_squared_error", "root_mean_squared_error", "r2"])
def test_values_too_large_to_be_added_are_refused(name):
    with pytest.raises(EvidenceError, match=f"`{name}` must be finite"):
        find(name, "t").measure(outcomes("values", [1.0, 2.0], [1e200, 1e200]))


def test_perfect_models_have_intervals_that_are_no_points():
    true = np.arange(100) % 2
    for name in ("roc_auc", "average_precision"):
        found = find(name, "t").measure(outcomes("scores", true, score=true + 0.1))
        assert found.value == 1
        assert 0.8 < found.interval[0] < 0.98
        assert found.interval[1] == 1
    worst = find("roc_auc", "t").measure(outcomes("scores", true, score=1.0 - true))
    assert worst.value == 0
    assert 0.02 < worst.interval[1] < 0.1
    labels = ("accuracy", "f1", "balanced_accuracy", "f1_macro", "matthews_corrcoef", "f1_weighted")
    for name in labels:
        found = find(name, "t").measure(outcomes("labels", true, true))
        assert found.value == 1
        assert 0.8 < found.interval[0] < 0.99
        assert found.interval[1] == 1
        many = np.arange(100) % 5
        found = find("f1_macro", "t").measure(outcomes("labels", many, many, k=5))
        assert 0.7 < found.interval[0] < 0.99
    nothing = find("mean_absolute_error", "t").measure(outcomes("values", [1.0, 2.0], [1.0, 2.0]))
    assert (nothing.value, nothing.interval) == (0, None)


@pytest.mark.parametrize("name", ["roc_auc", "roc_auc_ovr"])
def test_constant_scores_have_an_interval_by_size(name):
    found = find(name, "t").measure(outcomes("scores", np.arange(60) % 2, score=np.ones(60)))
    assert found.value == pytest.approx(0.5)
    assert found.interval == pytest.approx((0.36, 0.64), abs=0.01)
    assert found.method == "Hanley and McNeil"
    perfect = outcomes("scores", np.arange(60) % 2, score=np.arange(60) % 2 + 0.1)
    low, high = find(name, "t").measure(perfect).interval
    assert 0.8 < low < high == 1


def test_many_classes_are_resampled_by_their_filled_cells():
    rng = np.random.default_rng(0)
    true = rng.integers(300, size=3_000)
    pred = np.where(rng.random(3_000) < 0.7, true, rng.integers(300, size=3_000))
    found = find("f1_macro", "t").measure(outcomes("labels", true, pred, k=300))
    low, high = found.interval
    assert low < found.value < high
    assert high - low < 0.06


def test_f1_interval_is_that_of_the_overlap():
    true, pred, _ = drawn()
    f1 = find("f1", "t").measure(outcomes("labels", true, pred))
    either = (true | pred) == 1
    overlap = find("accuracy", "t").measure(outcomes("labels", true[either], pred[either]))
    assert f1.value == pytest.approx(2 * overlap.value / (1 + overlap.value))
    ends = tuple(2 * end / (1 + end) for end in overlap.interval)
    assert f1.interval == pytest.approx(ends)
    assert f1.details["denominator"] == either.sum()


def test_expected_calibration_error_by_hand():
    score = [0.0, 0.1, 0.15, 0.95, 1.0, 0.95]
    true = [0, 1, 0, 1, 1, 0]
    found = find("expected_calibration_error", "t").measure(
        outcomes("probabilities", true, score=score)
    )
    # bins [0, 0.1], (0.1, 0.2], (0.9, 1]
    by_hand = abs(0.0 + 0.1 - 1) / 6 + 0.15 / 6 + abs(0.95 + 1.0 + 0.95 - 2) / 6
    assert found.value == pytest.approx(by_hand, rel=1e-12)
    several = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7], [0.4, 0.3, 0.3]])
    found = find("expected_calibration_error", "t").measure(
        outcomes("probabilities", [0, 1, 0], score=several, k=3)
    )
    assert found.value == pytest.approx((abs(1.4 - 1) + abs(0.4 - 1)) / 3, rel=1e-12)


def test_unknown_names_raise_with_the_nearest():
    for said, meant in [
        ("AUC", "roc_auc"),
        ("rmse", "root_mean_squared_error"),
        ("neg_mean_squared_error", "mean_squared_error"),
        ("F1", "f1"),
        ("f1_score", "did you mean 'f1'"),
        ("roc_auc_score", "did you mean 'roc_auc'"),
        ("presicion", "precision"),
    ]:
        with pytest.raises(OptionError, match=f"Gate: `metric` must be .*{said}.*{meant}"):
            find(said, "Gate")
    with pytest.raises(OptionError, match="`metric`"):
        find(7, "Gate")
    with pytest.raises(OptionError, match="known names are"):
        find("zzz", "Gate")


def test_directions():
    assert find("mean_error", "t").greater_is_better is None
    assert find("mean_error", "t", greater_is_better=True).greater_is_better is True
    assert find("recall", "t", greater_is_better=True).greater_is_better is True
    with pytest.raises(OptionError, match="`greater_is_better` must be True or None for `recall`"):
        find("recall", "t", greater_is_better=False)
    with pytest.raises(OptionError, match="`greater_is_better`"):
        find("recall", "t", greater_is_better=1)


def test_many_rows_draw_sums_and_few_draw_rows(monkeypatch):
    """From 10,000 rows on sums are drawn by their normal law: the intervals agree."""
    rng = np.random.default_rng(0)
    told = rng.random(12_000)
    given_to = outcomes("probabilities", rng.random(12_000) < told**1.2, score=told)
    metric = find("expected_calibration_error", "t")
    sums = metric.measure(given_to).interval
    monkeypatch.setattr("mlgates.metrics.ranking.MANY", 10**9)
    rows = metric.measure(given_to).interval
    assert sums == pytest.approx(rows, abs=0.1 * np.ptp(rows))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_r2_interval_is_that_of_resampled_rows(scale):
    rng = np.random.default_rng(0)
    true = rng.gamma(2, 2, 2_000)
    given_to = outcomes("values", scale * true, scale * (true + rng.standard_t(5, 2_000)))
    metric = find("r2", "t")
    rows = [rng.integers(2_000, size=2_000) for _ in range(2_000)]
    draws = metric.of_counts(given_to)(np.array([np.bincount(r, minlength=2_000) for r in rows]))
    ends = metric.measure(given_to).interval
    assert ends == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.1 * np.ptp(ends))
    assert metric.measure(outcomes("values", true, true)).interval is None
