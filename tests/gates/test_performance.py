"""Performance: limits, slices, decision rules, and evidence that must not pass."""

import contextlib
import functools
import math
import pickle

import hypothesis
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk
from gate_examples import ROWS, Example, adults, younger
from hypothesis import strategies as st

import mlgates as mg
from mlgates.metrics import METRICS, NAMES, find
from mlgates.progress import Progress


def labels(right: int, wrong: int) -> dict[str, list[int]]:
    """Return labels with some positives found and as many negatives, all predicted correctly."""
    n = right + wrong
    return {"y_true": [1] * n + [0] * n, "y_pred": [1] * right + [0] * (wrong + n)}


def accuracy(y_true, y_pred, sample_weight=None):
    return np.average(y_true == y_pred, weights=sample_weight)


def half_auc(y_true, y_score):
    return sk.roc_auc_score(y_true, y_score) / 2


def broken(y_true, y_pred):
    raise RuntimeError("no")


def undefined(y_true, y_pred):
    return math.nan


def one_a_row(y_true, y_pred):
    return y_true == y_pred


def always_true(y_true, y_pred):
    return True


def nothing(y_true, y_pred):
    return None


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Performance: `at_least` is required as the limit of `recall`"),
        ({"at_least": 95}, "not percentages: write 0.95"),
        ({"at_least": math.nan}, "`at_least`"),
        ({"at_most": 0.9}, "did you mean at_least=0.9?"),
        ({"at_least": 0.9, "at_most": 0.8}, "`at_least` must not be greater than `at_most`"),
        ({"at_least": 0.9, "by": []}, "`by`"),
        ({"at_least": 0.9, "by": {"a": 1}}, "`by['a']`"),
        ({"at_least": 0.9, "min_samples": 0}, "`min_samples`"),
        ({"at_least": 0.9, "decide_by": "interva"}, "did you mean 'interval'?"),
        ({"at_least": 0.9, "confidence": 95}, "write 0.95"),
        ({"at_least": 0.9, "greater_is_better": False}, "`greater_is_better`"),
    ],
)
def test_wrong_options_raise_when_the_gate_is_built(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Performance("recall", **options)
    assert message in str(caught.value)
    assert "Performance" in str(caught.value)


def test_sides_of_losses_and_of_metrics_without_a_direction():
    with pytest.raises(mg.OptionError, match="did you mean at_most=2"):
        mg.Performance("mean_absolute_error", at_least=2)
    with pytest.raises(mg.OptionError, match="`at_most` must be"):
        mg.Performance("mean_absolute_error", at_most=-1)
    with pytest.raises(mg.OptionError, match="`at_least` or `at_most`"):
        mg.Performance("mean_error")
    mg.Performance("mean_error", at_most=1)
    mg.Performance("mean_error", at_least=-1)
    mg.Performance("selection_rate", at_most=0.3)
    mg.Performance("roc_auc", at_least=0.7, at_most=0.99)
    mg.Performance("matthews_corrcoef", at_least=-0.2)
    with pytest.raises(mg.OptionError, match="at least -1 and at most 1"):
        mg.Performance("matthews_corrcoef", at_least=-2)


def names_of_its_own(a, b):
    return 0


def no_prediction(y_true):
    return 0


@pytest.mark.parametrize("metric", ["AUC", "f2", 7, None, len, names_of_its_own, no_prediction])
def test_wrong_metrics_raise(metric):
    with pytest.raises(mg.OptionError, match="Performance: `metric` must be"):
        mg.Performance(metric, at_least=0.5)


def test_names():
    assert mg.Performance("roc_auc", at_least=0.8).name == "performance:roc_auc"
    assert mg.Performance(accuracy, at_least=0.8).name == "performance:accuracy"
    partial = functools.partial(sk.fbeta_score, beta=2)
    assert mg.Performance(partial, at_least=0.8).name == "performance:fbeta_score"


# Decision rules


def test_estimate_decides_by_default_and_the_interval_is_shown():
    check = mg.Performance("recall", at_least=0.8).run(**labels(90, 10)).checks[0]
    assert check.verdict is mg.Verdict.PASS
    assert (check.subject, check.metric, check.group) == ("recall", "recall", None)
    assert check.interval == pytest.approx((0.8256, 0.9448), abs=1e-4)
    assert (check.confidence, check.method, check.n) == (0.95, "Wilson", 200)
    assert check.reason == (
        "`recall` is 0.9 (95 % interval 0.8256 to 0.9448, n = 200); the limit is at least 0.8"
    )
    assert mg.Performance("recall", at_least=0.9).run(**labels(90, 10)).passed
    assert mg.Performance("recall", at_least=0.91).run(**labels(90, 10)).verdict == "fail"


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [
        (0.8, "pass"),
        (0.84, "inconclusive"),
        (0.9, "inconclusive"),
        (0.94, "inconclusive"),
        (0.95, "fail"),
    ],
)
def test_interval_decides_when_all_of_it_is_on_one_side(limit, verdict):
    gate = mg.Performance("recall", at_least=limit, decide_by="interval")
    result = gate.run(**labels(90, 10))
    assert result.verdict == verdict
    needed = result.checks[0].details.get("rows_needed")
    if limit == 0.9:
        assert needed is None  # the value lies on the limit
    else:
        assert (needed is not None) is (verdict == "inconclusive")
    if needed:
        assert f"about {needed:,} rows would be enough to decide" in result.reason


@pytest.mark.parametrize(
    ("limit", "verdict"),
    [(0.8, "pass"), (0.9, "pass"), (0.94, "inconclusive"), (0.95, "fail")],
)
def test_significance_fails_only_significant_values(limit, verdict):
    gate = mg.Performance("recall", at_least=limit, decide_by="significance")
    check = gate.run(**labels(90, 10)).checks[0]
    assert check.verdict == verdict
    assert (check.p_value < 0.05) is (verdict == "fail")
    if verdict == "inconclusive":
        assert "not significant at this sample size" in check.reason
        assert check.details["rows_needed"] > 200


def test_p_value_is_that_of_the_interval():
    check = mg.Performance("recall", at_least=0.91, decide_by="significance", confidence=0.9)
    found = check.run(**labels(90, 10)).checks[0]
    reach = found.interval[1] - found.value
    at_the_end = mg.Performance(
        "recall", at_least=found.value + reach, decide_by="significance", confidence=0.9
    )
    assert at_the_end.run(**labels(90, 10)).checks[0].p_value == pytest.approx(0.1)


@pytest.mark.parametrize("decide_by", ["interval", "significance"])
def test_an_outlier_with_a_small_weight_decides_nothing(decide_by):
    error = np.abs(np.random.default_rng(5).normal(size=1_000)) * 0.01 + 1
    error[0] = 1e4
    gate = mg.Performance("mean_absolute_error", at_most=1.0079, decide_by=decide_by)
    for light in (1.0, 1e-3):
        weight = np.append(light, np.ones(999))
        given = {"y_true": np.zeros(1_000), "y_pred": error, "sample_weight": weight}
        check = gate.run(**given).checks[0]
        assert check.verdict == "inconclusive"
        assert check.by_chance
        assert check.interval[0] <= check.value <= check.interval[1]


@hypothesis.given(
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 5),
    st.sampled_from(["mean_absolute_error", "root_mean_squared_error", "mean_error"]),
)
def test_an_interval_of_weighted_losses_contains_the_value(seed, tail, metric):
    rng = np.random.default_rng(seed)
    given = {"y_true": np.zeros(500), "y_pred": rng.lognormal(sigma=tail, size=500)}
    weight = 10 ** rng.uniform(-4, 0, 500)
    gate = mg.Performance(metric, at_most=1)
    check = gate.run(**given, sample_weight=weight).checks[0]
    assert check.interval[0] <= check.value <= check.interval[1]


def test_losses_and_both_limits():
    rng = np.random.default_rng(0)
    y_true = rng.normal(size=200)
    given = {"y_true": y_true, "y_pred": y_true + rng.normal(size=200)}
    theirs = sk.mean_absolute_error(**given)
    check = mg.Performance("mean_absolute_error", at_most=1.0).run(**given).checks[0]
    assert check.passed
    assert check.value == pytest.approx(theirs, rel=1e-12)
    assert mg.Performance("mean_absolute_error", at_most=0.5).run(**given).verdict == "fail"
    assert mg.Performance("mean_error", at_least=-0.5, at_most=0.5).run(**given).passed
    assert mg.Performance("mean_error", at_least=0.5, at_most=0.6).run(**given).verdict == "fail"


# Too few rows, undefined and invalid values


def test_few_rows_are_inconclusive():
    result = mg.Performance("recall", at_least=0.5).run(**labels(14, 0))
    assert result.verdict == "inconclusive"
    assert "too few rows: 28, at least 30 are needed" in result.reason
    assert mg.Performance("recall", at_least=0.5, min_samples=28).run(**labels(14, 0)).passed
    assert mg.Performance("recall", at_least=0.5).run(y_true=[], y_pred=[]).verdict != "pass"


def test_weights_count_as_effective_rows():
    given = labels(20, 0) | {"sample_weight": [100.0] + [0.1] * 39}
    result = mg.Performance("accuracy", at_least=0.5).run(**given)
    assert result.verdict == "inconclusive"
    assert "too few effective rows: 1" in result.reason


@pytest.mark.parametrize("decide_by", ["estimate", "interval", "significance"])
def test_undefined_is_inconclusive_with_a_reason(decide_by):
    given = {"y_true": [0, 1] * 30, "y_pred": [0, 0] * 30}
    for limit in (0.0, 1.0):
        result = mg.Performance("precision", at_least=limit, decide_by=decide_by).run(**given)
        assert result.verdict == "inconclusive"
        assert result.reason == (
            f"`precision` is undefined (n = 60); no predicted positives (limit: at least {limit:g})"
        )
        assert not result.checks[0].by_chance
        assert result.checks[0].value is None


def test_ranking_with_few_of_a_class_is_inconclusive():
    given = {"y_true": [1] * 8 + [0] * 60, "y_score": np.arange(68)[::-1] / 68}
    for name in ("roc_auc", "average_precision"):
        result = mg.Performance(name, at_least=0.5).run(**given)
        assert result.verdict == "inconclusive"
        assert "8 positives, at least 10 are needed" in result.reason


#: Of two classes, what of the cells ``[true, predicted]`` a metric rests on, and its name.
RESTS = {
    "recall": (lambda cells: cells[1].sum(), "positives in `y_true`"),
    "true_positive_rate": (lambda cells: cells[1].sum(), "positives in `y_true`"),
    "false_negative_rate": (lambda cells: cells[1].sum(), "positives in `y_true`"),
    "precision": (lambda cells: cells[:, 1].sum(), "predicted positives"),
    "specificity": (lambda cells: cells[0].sum(), "negatives in `y_true`"),
    "true_negative_rate": (lambda cells: cells[0].sum(), "negatives in `y_true`"),
    "false_positive_rate": (lambda cells: cells[0].sum(), "negatives in `y_true`"),
    "f1": (
        lambda cells: cells.sum() - cells[0, 0],
        "positives in `y_true` or among the predictions",
    ),
    "balanced_accuracy": (lambda cells: cells.sum(1), "rows of class {}"),
    "recall_macro": (lambda cells: cells.sum(1), "rows of class {}"),
    "precision_macro": (lambda cells: cells.sum(0), "rows predicted as class {}"),
    "precision_weighted": (lambda cells: cells.sum(0), "rows predicted as class {}"),
    "f1_macro": (
        lambda cells: cells.sum() - cells.diagonal()[::-1],
        "rows of class {} (true or predicted)",
    ),
    "matthews_corrcoef": (lambda cells: cells.sum(1).min(), "rows outside the largest class"),
}
#: Metrics of all rows, of which the gate's `min_samples` says how many are enough.
OF_ALL = {
    *("accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted"),
    *("f1_weighted", "selection_rate"),
}


def rows_of(cells):
    pairs = [[t, p] for t in (0, 1) for p in (0, 1) for _ in range(cells[t][p])]
    return dict(zip(("y_true", "y_pred"), np.array(pairs).T, strict=True))


def test_every_metric_of_labels_is_of_all_rows_or_of_some():
    assert {name for name in NAMES if METRICS[name].need == "labels"} == {*RESTS, *OF_ALL}


@pytest.mark.parametrize("name", RESTS)
@pytest.mark.parametrize("decide_by", ["estimate", "interval", "significance"])
def test_few_rows_behind_a_metric_decide_nothing(name, decide_by):
    number, what = RESTS[name]
    limit = {"at_least": 0.0} if METRICS[name].greater_is_better else {"at_most": 1.0}
    gate = mg.Performance(name, decide_by=decide_by, **limit)
    for cells in (
        [[90, 0], [0, 9]],
        [[90, 0], [0, 10]],
        [[9, 0], [0, 90]],
        [[10, 0], [0, 90]],
        [[80, 1], [11, 8]],
        [[80, 1], [11, 9]],
        [[90, 8], [1, 1]],
    ):
        numbers = np.atleast_1d(number(np.array(cells)))  # of each class, or of all
        rows, label = int(numbers.min()), int(numbers.argmin())
        result = gate.run(**rows_of(cells))
        assert result.passed is (rows >= 10), cells
        few = f"; {rows} {what.format(label)}, at least 10 are needed (" in result.reason
        assert few is (rows < 10), cells
        if rows < 10:
            assert result.verdict == "inconclusive", cells
            assert not result.checks[0].by_chance, cells


@pytest.mark.parametrize("name", sorted(OF_ALL))
def test_metrics_of_all_rows_need_min_samples_only(name):
    limits = {"at_least": 0.0, "at_most": 1.0}
    gate = mg.Performance(name, min_samples=5, **limits)
    assert gate.run(**rows_of([[4, 0], [0, 1]])).passed


def test_rows_behind_a_metric_are_counted_by_weights():
    given = rows_of([[90, 0], [0, 12]])
    gate = mg.Performance("recall", at_least=0.5)
    assert gate.run(**given, sample_weight=np.full(102, 1e-9)).passed
    heavy = np.append(np.full(101, 1.0), 12.0)
    result = gate.run(**given, sample_weight=heavy)
    assert "3 positives in `y_true`, at least 10 are needed" in result.reason
    result = mg.Performance("f1_macro", at_least=0.5).run(**given, sample_weight=heavy)
    assert "3 rows of class 1 (true or predicted)" in result.reason


def test_classes_weighted_by_rows_may_be_small():
    true = np.repeat([0, 1, 2], [50, 45, 5])
    given = {"y_true": true, "y_pred": true}
    assert mg.Performance("matthews_corrcoef", at_least=0.5).run(**given).passed
    assert mg.Performance("f1_weighted", at_least=0.5).run(**given).passed
    for name in ("balanced_accuracy", "f1_macro", "precision_macro"):
        assert "5 rows" in mg.Performance(name, at_least=0.5).run(**given).reason


def test_a_label_not_in_y_true_is_wrong():
    true = np.repeat(["a", "b"], 50)
    pred = np.append(true[:-1], "B")
    for name in ("f1_macro", "precision_macro"):
        result = mg.Performance(name, at_least=0.9).run(y_true=true, y_pred=pred)
        assert result.verdict == "fail", result.reason


def test_small_denominators_block_slices():
    given = rows_of([[90, 0], [0, 12]])
    given["X"] = {"part": np.append(["a"] * 90, ["a"] * 11 + ["b"])}
    given["X"]["part"][:40] = "b"
    result = mg.Performance("recall", at_least=0.5, by="part").run(**given)
    verdicts = {check.group: check.verdict for check in result.checks}
    assert verdicts == {"part=a": "pass", "part=b": "inconclusive"}
    assert result.verdict == "inconclusive"


def test_missing_labels_are_inconclusive():
    given = {"y_true": [1.0, 0.0] * 40 + [None], "y_pred": [1, 0] * 40 + [1]}
    result = mg.Performance("accuracy", at_least=0.5).run(**given)
    assert result.verdict == "inconclusive"
    assert result.reason == (
        "`accuracy` is 1 (95 % interval 0.9542 to 1, n = 80); 1 row has no value in `y_true`; "
        "every row needs one (limit: at least 0.5)"
    )


def test_unseen_labels_are_noted_and_wrong():
    given = {"y_true": ["a", "b"] * 40, "y_pred": ["a", "b"] * 39 + ["a", "c" * 100]}
    result = mg.Performance("accuracy", at_least=0.9).run(**given)
    assert result.passed
    assert result.checks[0].value == 79 / 80
    assert "labels predicted, but not in `y_true`: 'ccc" in result.reason
    assert "c" * 50 not in result.reason


@pytest.mark.parametrize(
    "metric", ["false_positive_rate", "specificity", "true_negative_rate", "selection_rate"]
)
@pytest.mark.parametrize("stray", ["Yes", "maybe"])
def test_a_misspelt_positive_is_not_taken_for_a_negative(metric, stray):
    """If "Yes" counted as negative, no row would be a false positive, and the gate would pass."""
    given = {"y_true": ["yes", "no"] * 40, "y_pred": [stray, "no", stray, stray] * 20}
    side = "at_least" if metric in {"specificity", "true_negative_rate"} else "at_most"
    gate = mg.Performance(metric, **{side: 0.5})
    result = gate.run(**given, pos_label="yes")
    assert result.verdict == "error"
    assert result.reason == (
        f"`{metric}` needs predicted labels that are in `y_true`, got '{stray}', which may be a "
        "misspelt positive label"
    )
    assert not mg.Performance("recall", at_least=0.1).run(**given, pos_label="yes").passed


def test_a_value_that_is_rounded_to_the_limit_is_shown_before_rounding():
    error = 1_000_000.0000004
    gate = mg.Performance("mean_absolute_error", at_most=1_000_000)
    (check,) = gate.run(y_true=[0.0] * 40, y_pred=[error] * 40).checks
    assert (check.verdict, check.value) == ("pass", 1_000_000)
    assert check.details["before_rounding"] == pytest.approx(error, rel=1e-15)
    assert (
        f"; the computed value, {check.details['before_rounding']!r}, counts as equal to "
        "the limit, " in check.reason
    )
    (clear,) = gate.run(y_true=[0.0] * 40, y_pred=[999_999.0] * 40).checks
    assert "before_rounding" not in clear.details


def test_a_value_on_the_limit_passes_however_it_was_rounded():
    given = {"y_true": [1] * 40 + [0] * 40, "y_pred": [1] * 28 + [0] * 12 + [1] * 38 + [0] * 2}
    for metric, limit in (("balanced_accuracy", 0.375), ("accuracy", 0.375)):
        weighed = {**given, "sample_weight": [0.1] * 80}
        assert mg.Performance(metric, at_least=limit).run(**weighed).passed
        assert not mg.Performance(metric, at_least=limit + 1e-6).run(**weighed).passed
    for limit in (0.1, 0.2, 0.3, 0.7):
        numbers = {"y_true": [0.3] * 40, "y_pred": [0.3 + limit] * 40}
        for rule in ("estimate", "significance"):
            gate = mg.Performance("mean_absolute_error", at_most=limit, decide_by=rule)
            assert gate.run(**numbers).passed
        tighter = mg.Performance("mean_absolute_error", at_most=limit - 1e-9)
        assert tighter.run(**numbers).verdict == "fail"


# Slices


def by_sex(n=200, seed=0):
    rng = np.random.default_rng(seed)
    y_true = rng.integers(2, size=n)
    sex = np.where(np.arange(n) % 4 == 0, "f", "m")
    wrong = rng.random(n) < np.where(sex == "f", 0.5, 0.02)
    table = pd.DataFrame({"sex": sex, "age": rng.integers(18, 80, n)})
    return {"X": table, "y_true": y_true, "y_pred": np.where(wrong, 1 - y_true, y_true)}


def test_slices_are_checks_and_there_is_no_total():
    given = by_sex()
    result = mg.Performance("accuracy", at_least=0.8, by="sex").run(**given)
    assert [(c.group, str(c.verdict)) for c in result.checks] == [
        ("sex=f", "fail"),
        ("sex=m", "pass"),
    ]
    rows = given["X"]["sex"] == "f"
    alone = mg.Performance("accuracy", at_least=0.8).run(
        y_true=given["y_true"][rows], y_pred=given["y_pred"][rows]
    )
    mine, total = result.checks[0], alone.checks[0]
    assert (mine.value, mine.interval, mine.n) == (total.value, total.interval, total.n)
    assert "`accuracy` where sex=f is" in mine.reason
    assert mg.Performance("accuracy", at_least=0.8).run(**given).passed


def test_small_and_empty_slices_are_inconclusive():
    given = by_sex()
    by = {
        "nobody": lambda table: table["age"] > 200,
        "few": lambda table: np.arange(len(table)) < 5,
        "all": lambda table: table["age"] > 0,
    }
    result = mg.Performance("accuracy", at_least=0.1, by=by).run(**given)
    assert [str(c.verdict) for c in result.checks] == ["inconclusive", "inconclusive", "pass"]
    assert "no rows to measure" in result.checks[0].reason
    assert result.verdict == "inconclusive"


def test_slices_by_texts_are_those_by_functions():
    texts = {"women": "sex == 'f'", "men": "sex == 'm'"}
    functions = {"women": lambda X: X["sex"] == "f", "men": lambda X: X["sex"] == "m"}
    by_text, by_function = (
        mg.Performance("accuracy", at_least=0.1, by=by).run(**by_sex()) for by in (texts, functions)
    )
    assert by_text.checks == by_function.checks
    suite = mg.GateSuite([mg.Performance("accuracy", at_least=0.1, by=texts)])
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


def test_a_text_that_is_no_condition_is_refused():
    with pytest.raises(mg.OptionError) as caught:
        mg.Performance("accuracy", at_least=0.1, by={"women": "sex = 'f'"})
    assert str(caught.value).startswith("Performance: `by['women']`: ")


def test_condition_that_breaks_is_the_error_of_its_slice():
    by = {
        "women": lambda table: table["sex"] == "f",
        "typo": lambda table: table["sexx"] == "f",
        "short": lambda table: [True],
        "men": lambda table: table["sex"] == "m",
    }
    result = mg.Performance("accuracy", at_least=0.1, by=by).run(**by_sex())
    assert {c.group: str(c.verdict) for c in result.checks} == {
        "women": "pass",
        "typo": "error",
        "short": "error",
        "men": "pass",
    }
    reasons = {c.group: c.reason for c in result.checks}
    assert reasons["typo"] == (
        "`accuracy` in slice `typo` could not be judged: the condition of slice 'typo' raised "
        "KeyError: '<text>', an unknown name; did you mean 'sex'?"
    )
    assert result.verdict == "error"


def test_other_slices_are_checked_after_an_exception():
    def shy(y_true, y_pred):
        if len(y_true) < 60:
            raise ValueError("shy")
        return 0.9

    result = mg.Performance(shy, at_least=0.8, by="sex").run(**by_sex())
    assert [(c.group, str(c.verdict)) for c in result.checks] == [
        ("sex=f", "error"),
        ("sex=m", "pass"),
    ]
    assert result.verdict == "error"


def test_failing_slices_must_fail_at_holms_level():
    """A slice a little beyond the limit would FAIL alone, but does not among ten."""
    n, parts = 100, 10
    y_true = np.ones(n * parts, int)
    wrong = np.where(np.arange(n) < 10, 1, 0)  # recall 0.9 in nine slices
    worse = np.where(np.arange(n) < 29, 1, 0)  # 0.71 in one
    y_pred = 1 - np.concatenate([worse, *[wrong] * 9])
    given = {"y_true": y_true, "y_pred": y_pred, "data": {"part": np.repeat(np.arange(parts), n)}}
    options = {"at_least": 0.8, "decide_by": "interval"}
    alone = mg.Performance("recall", **options).run(y_true=y_true[:n], y_pred=y_pred[:n])
    assert alone.verdict == "fail"
    assert alone.checks[0].interval[1] < 0.8
    among = mg.Performance("recall", **options, by="part").run(**given)
    first = among.checks[0]
    assert first.verdict == "inconclusive"
    assert first.confidence == pytest.approx(1 - 0.05 / 10)
    assert first.interval[1] > 0.8
    assert all(check.passed and check.confidence == 0.95 for check in among.checks[1:])
    clear = np.concatenate([np.ones(60, int), np.zeros(40, int)])
    given["y_pred"] = 1 - np.concatenate([clear, *[wrong] * 9])
    assert mg.Performance("recall", **options, by="part").run(**given).verdict == "fail"
    by_chance = mg.Performance("recall", at_least=0.8, decide_by="significance", by="part")
    check = by_chance.run(**given).checks[0]
    assert check.p_value == pytest.approx(min(1, 10 * check.details["p_value_alone"]))


# Functions


def test_function_metrics():
    rng = np.random.default_rng(0)
    y_true = rng.integers(2, size=120)
    y_pred = np.where(rng.random(120) < 0.8, y_true, 1 - y_true)
    given = {"y_true": y_true, "y_pred": y_pred}
    check = mg.Performance(accuracy, at_least=0.5, decide_by="interval").run(**given).checks[0]
    assert check.passed
    assert check.value == (y_true == y_pred).mean()
    wilson = mg.Performance("accuracy", at_least=0.5).run(**given).checks[0].interval
    assert check.interval == pytest.approx(wilson, abs=0.02)
    assert check.method == "bootstrap (BCa)"
    assert (check.details["seed"], check.details["resamples"]) == (0, 2_000)
    weight = rng.uniform(1, 2, 120)
    weights = {"sample_weight": weight}
    weighted = mg.Performance(accuracy, at_least=0.5).run(**given, **weights).checks[0]
    assert weighted.value == pytest.approx(np.average(y_true == y_pred, weights=weight))
    f2 = functools.partial(sk.fbeta_score, beta=2)
    f2 = mg.Performance(f2, at_least=0.5, confidence=None).run(**given)
    assert f2.checks[0].value == sk.fbeta_score(y_true, y_pred, beta=2)
    again = pickle.loads(pickle.dumps(mg.Performance(accuracy, at_least=0.5)))
    assert again == mg.Performance(accuracy, at_least=0.5)


def test_function_metrics_of_scores():
    rng = np.random.default_rng(0)
    y_true = rng.integers(2, size=100)
    score = rng.random(100) + y_true
    gate = mg.Performance(half_auc, at_least=0.2, resamples=40)
    check = gate.run(y_true=y_true, y_score=score).checks[0]
    assert check.value == half_auc(y_true, score)
    assert check.details["resamples"] == 40
    assert check.passed


class Counted:
    """A metric that counts its calls."""

    __name__ = "counted"

    def __init__(self):
        self.calls = 0

    def __call__(self, y_true, y_pred):
        self.calls += 1
        return (y_true == (y_pred > 0.5)).mean()


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        ({}, 251),  # the value, 200 resamples, and 50 blocks of rows left out
        ({"confidence": None}, 1),
        ({"resamples": 400}, 501),
        ({"resamples": 40}, 51),
        ({"decide_by": "interval"}, 2_201),
        ({"decide_by": "significance", "resamples": 100}, 126),
        ({"by": "part"}, 4 * 251),
        ({"by": "part", "decide_by": "interval", "resamples": 100}, 4 * 126),
        ({"by": "part", "confidence": None}, 4),
    ],
)
def test_a_function_is_called_no_more_often_than_needed(options, calls):
    rng = np.random.default_rng(7)
    true = rng.integers(2, size=1_200)
    pred = np.where(rng.random(1_200) < 0.8, true, 1 - true)
    given = {"y_true": true, "y_pred": (pred + rng.random(1_200)) / 2}  # all rows differ
    metric = Counted()
    result = mg.Performance(metric, at_least=0.5, **options).run(
        X={"part": np.arange(1_200) % 4}, **given
    )
    assert result.passed
    # another level of confidence needs the value, but no other resamples
    assert calls <= metric.calls <= calls + 4 * (options.get("decide_by") == "interval")
    has_interval = "confidence" not in options
    assert all((check.interval is not None) == has_interval for check in result.checks)
    assert all((check.confidence is not None) == has_interval for check in result.checks)
    metric = Counted()
    other = {"production_pred": true} if "by" not in options else {}
    if other:
        options = {"decide_by": "estimate"} | options
        gate = mg.Regression(metric, tolerance=0.5, greater_is_better=True, **options)
        assert gate.run(**given, **other).passed
        assert metric.calls <= 2 * calls + 2


@pytest.mark.parametrize(("rows", "resamples"), [(9_999, 2_000), (10_000, 500)])
def test_a_function_gets_fewer_resamples_of_many_rows(rows, resamples):
    gate = mg.Performance(Counted(), at_least=0.4, decide_by="interval")
    pred = np.arange(rows) % 3 % 2 + np.linspace(0, 0.4, rows)  # all rows differ
    (check,) = gate.run(y_true=np.arange(rows) % 2, y_pred=pred).checks
    assert check.details["resamples"] == resamples


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        ({}, 60, 70),  # the value twice, 40 resamples, 20 at the ends, and 4 rows left out
        ({"decide_by": "interval"}, 60, 70),
        ({"resamples": 40}, 40, 46),
        ({"by": "part"}, 4 * 60, 4 * 70),
        ({"by": "part", "decide_by": "interval"}, 4 * 60, 4 * 74),
    ],
)
def test_a_function_of_labels_is_called_for_few_of_the_resamples(options, least, most):
    rng = np.random.default_rng(7)
    true = rng.integers(2, size=1_200)
    pred = np.where(rng.random(1_200) < 0.8, true, 1 - true)
    given = {"y_true": true, "y_pred": pred, "X": {"part": np.arange(1_200) % 4}}
    metric = Counted()
    result = mg.Performance(metric, at_least=0.5, **options).run(**given)
    assert least <= metric.calls <= most
    for check in result.checks:
        assert check.method == "bootstrap (BCa)"
        assert check.details["resamples"] == options.get("resamples", 2_000)
        rows = slice(None) if check.group is None else np.arange(1_200) % 4 == int(check.group[-1])
        right = true[rows] == pred[rows]
        wilson = mg.Performance("accuracy", at_least=0.5).run(y_true=true[rows], y_pred=pred[rows])
        assert check.value == right.mean()
        assert check.interval == pytest.approx(
            wilson.checks[0].interval, abs=0.02 if "resamples" in options else 0.008
        )
    if "by" not in options:
        metric = Counted()
        gate = mg.Regression(metric, tolerance=0.5, greater_is_better=True, **options)
        other = np.where(rng.random(1_200) < 0.1, 1 - pred, pred)
        check = gate.run(**given, production_pred=other).checks[0]
        named = mg.Regression("accuracy", tolerance=0.5).run(**given, production_pred=other)
        assert check.value == pytest.approx(named.checks[0].value)
        assert metric.calls <= 2 * 150
        if "resamples" not in options:
            assert check.interval == pytest.approx(named.checks[0].interval, abs=0.005)


def first_half(y_true, y_pred):
    half = len(y_true) // 2
    return float((y_true == y_pred)[:half].mean())


def test_a_function_that_depends_on_the_order_of_rows_is_called_on_resampled_rows():
    rng = np.random.default_rng(7)
    true = rng.integers(2, size=400)
    given = {"y_true": true, "y_pred": np.where(rng.random(400) < 0.8, true, 1 - true)}
    low, high = mg.Performance(first_half, at_least=0.5).run(**given).checks[0].interval
    assert 0.05 < high - low < 0.15


def test_a_function_gets_resampled_labels_of_a_rare_class():
    labels = np.array(["no", "yes"])
    rng = np.random.default_rng(7)
    true = np.arange(300) < 12
    pred = labels[(true ^ (rng.random(300) < 0.2)).astype(int)]
    seen = []

    def recall(y_true, y_pred):
        positive = y_true == labels[1]
        seen.append(positive.sum())
        return float((y_pred == labels[1])[positive].mean())

    check = mg.Performance(recall, at_least=0.1).run(y_true=labels[true.astype(int)], y_pred=pred)
    check = check.checks[0]
    assert check.interval[0] < check.value < check.interval[1]
    assert set(seen) == {11, 12}  # resampled within each class; 11 if one row is left out


def test_fewer_resamples_give_nearly_the_same_interval():
    rng = np.random.default_rng(7)
    true = rng.integers(2, size=1_000)
    given = {"y_true": true, "y_pred": np.where(rng.random(1_000) < 0.8, true, 1 - true)}
    few, many = (
        mg.Performance(accuracy, at_least=0.5, resamples=resamples).run(**given).checks[0].interval
        for resamples in (None, 2_000)
    )
    assert few == pytest.approx(many, abs=0.01)


@pytest.mark.parametrize("metric", ["f1_macro", "expected_calibration_error"])
def test_resamples_of_metrics_of_the_library(metric):
    rng = np.random.default_rng(7)
    true = rng.integers(2, size=200)
    given = {"y_true": true, "y_pred": true ^ (rng.random(200) < 0.2), "y_score": rng.random(200)}
    gate = mg.Performance(metric, at_most=1, at_least=0, resamples=300)
    assert len(gate.run(**given).checks[0].interval) == 2
    if metric != "f1_macro":
        assert gate.run(**given).checks[0].details["resamples"] == 300
    gate = mg.Regression(metric, tolerance=0.5, resamples=300)
    check = gate.run(**given, production_pred=true, production_score=rng.random(200)).checks[0]
    assert check.details["resamples"] == 300


def test_without_a_level_of_confidence_the_estimate_decides():
    for decide_by in ("interval", "significance"):
        message = "`confidence` must be from 0.5 to less than 1, got None; "
        message += f"decide_by='{decide_by}' needs an interval"
        with pytest.raises(mg.OptionError, match=message):
            mg.Performance("f1", at_least=0.5, decide_by=decide_by, confidence=None)
    with pytest.raises(mg.OptionError, match="`resamples` must be a whole number of at least 40"):
        mg.Performance("f1", at_least=0.5, resamples=10)
    for name in NAMES:
        side = "at_most" if METRICS[name].greater_is_better is False else "at_least"
        gate = mg.Performance(name, **{side: 0.5}, confidence=None)
        rng = np.random.default_rng(7)
        true = rng.integers(2, size=100)
        ends = np.column_stack([true, true + 0.1])
        answers = {"y_pred": true, "y_score": np.clip(true, 0.1, 0.9), "y_interval": ends}
        result = gate.run(y_true=true, **answers)
        (check,) = result.checks
        assert (check.interval, check.confidence) == (None, None)
        assert "interval" not in check.reason.replace(f"`{name}`", "")
        assert check.value is not None or name.startswith("mean_absolute_percentage")


def test_calls_of_a_function_are_shown(monkeypatch):
    counted = []

    class Shown(Progress):
        def step(self, steps=1):
            counted[-1][2] += steps

    @contextlib.contextmanager
    def show(steps, *, unit, shown):
        counted.append([steps, unit, 0])
        yield Shown() if shown else Progress()

    monkeypatch.setattr("mlgates.gates._metric_gate.show_progress", show)
    gates = [
        mg.Performance(accuracy, at_least=0.5, by="part", name="a"),
        mg.Performance("accuracy", at_least=0.5, name="b"),
        mg.Performance(accuracy, at_least=0.5, confidence=None, name="c"),
    ]
    given = {"X": {"part": np.arange(400) % 4}, "y_true": [0, 1] * 200, "y_pred": [0, 1] * 200}
    assert mg.GateSuite(gates).run(**given, progress=True).passed
    assert counted == [[1_000, "call", 1_000]]
    assert mg.GateSuite(gates).run(**given).passed
    assert counted[1:] == [[1_000, "call", 0]]


@pytest.mark.parametrize("values", [np.arange(400) % 70, np.arange(400) % 70 / 7])
def test_more_slices_than_the_option_allows_are_an_error(values):
    given = {"X": {"fare": values}, "y_true": [0, 1] * 200, "y_pred": [0, 1] * 200}
    result = mg.Performance("accuracy", at_least=0.5, by="fare").run(**given)
    assert result.verdict == "error"
    assert result.reason == (
        "the 70 groups of column 'fare' of `X` are more than the 50 allowed: bin the values "
        "first, or "
        "raise `max_groups`"
    )
    gate = mg.Performance("accuracy", at_least=0.5, by="fare", max_groups=70, min_samples=1)
    assert len(gate.run(**given).checks) == 70


# The positive label of a function


def of_label(y_true, y_pred, pos_label):
    return ((y_true == pos_label) & (y_pred == pos_label)).sum() / (y_true == pos_label).sum()


YES = {"y_true": ["no", "yes", "yes", "yes"] * 25, "y_pred": ["no", "yes", "yes", "no"] * 25}


def test_a_function_is_given_the_positive_label():
    for label, value in (("yes", 2 / 3), ("no", 1.0)):
        for metric in (of_label, sk.recall_score):
            gate = mg.Performance(metric, at_least=0.5, confidence=None)
            check = gate.run(**YES, pos_label=label).checks[0]
            assert check.value == pytest.approx(value)
    gate = mg.Performance(of_label, at_least=0.5)
    assert gate.run(**YES).reason.endswith("`of_label` needs `pos_label`")
    fixed = functools.partial(of_label, pos_label="no")
    gate = mg.Performance(fixed, at_least=0.5, confidence=None)
    assert gate.run(**YES, pos_label="yes").checks[0].value == 1
    macro = functools.partial(sk.recall_score, average="macro")
    gate = mg.Performance(macro, at_least=0.5, confidence=None)
    assert gate.run(**YES, pos_label="yes").checks[0].value == pytest.approx(5 / 6)
    message = "`pos_label` must be one of the labels 'no', 'yes', got 'Yes'"
    assert message in mg.Performance(of_label, at_least=0.5).run(**YES, pos_label="Yes").reason


def test_the_positive_label_of_a_function_of_scores():
    score = np.linspace(0, 1, 100)
    given = {"y_true": np.where(score > 0.5, "yes", "no"), "y_score": score, "pos_label": "yes"}
    gate = mg.Performance(sk.average_precision_score, at_least=0.5, confidence=None)
    assert gate.run(**given).checks[0].value == pytest.approx(1)
    gate = mg.Performance(sk.roc_auc_score, at_least=0.5, confidence=None)
    assert gate.run(**given).checks[0].value == 1
    given |= {"pos_label": "no", "y_score": 1 - score}
    assert gate.run(**given).reason == (
        "the scores are those of the label 'no', but `roc_auc_score` has no parameter `pos_label` "
        "and expects scores of the other label: pass `y_true` as 0 and 1, with 1 for 'no'"
    )


def test_a_target_of_numbers_has_no_positive_label():
    def error(y_true, y_pred, pos_label=None):
        return abs(y_true - y_pred).mean() if pos_label is None else math.nan

    gate = mg.Performance(error, at_most=1, confidence=None)
    given = {"y_true": np.arange(40) / 7, "y_pred": np.arange(40) / 7}
    assert gate.run(**given, pos_label=1).passed


@pytest.mark.parametrize(
    ("labels", "pos_label"),
    [
        ([False, True], "true"),
        ([False, True], "True"),
        ([False, True], True),
        ([False, True], 1),
        (["false", "true"], True),
        (["False", "True"], True),
        (["FALSE", "TRUE"], np.True_),
        ([0, 1], True),
    ],
)
def test_booleans_have_one_reading(labels, pos_label):
    y_true, y_pred = np.array(labels * 40), np.array([labels[0], *labels[1:]] * 40)
    for metric in ("recall", sk.recall_score):
        gate = mg.Performance(metric, at_least=0.9, confidence=None)
        result = gate.run(y_true=y_true, y_pred=y_pred, pos_label=pos_label)
        assert result.checks[0].value == 1, result.reason


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (broken, "RuntimeError"),
        (undefined, "`undefined` must return one finite number, got nan"),
        (one_a_row, "`one_a_row` must return one finite number, got ndarray"),
        (always_true, "must return one finite number, got bool"),
        (nothing, "got NoneType"),
    ],
)
def test_functions_that_give_no_number_are_errors(metric, reason):
    result = mg.Performance(metric, at_least=0).run(**labels(40, 0))
    assert result.verdict == "error"
    assert reason in result.reason


def test_weights_that_a_function_can_not_take_are_an_error():
    given = labels(40, 0) | {"sample_weight": np.ones(80)}
    result = mg.Performance(lambda y_true, y_pred: 1.0, at_least=0).run(**given)
    assert result.verdict == "error"
    assert "has no parameter `sample_weight`" in result.reason


# Rows needed


@pytest.mark.parametrize(("recall", "limit"), [(0.85, 0.8), (0.75, 0.8)])
def test_rows_needed_decide_in_four_of_five_samples(recall, limit):
    hits = round(200 * recall)
    gate = mg.Performance("accuracy", at_least=limit, decide_by="interval", confidence=0.99)
    found = gate.run(y_true=[1] * 200, y_pred=[1] * hits + [0] * (200 - hits), pos_label=1)
    n = found.checks[0].details["rows_needed"]
    rng = np.random.default_rng(0)
    decided = [
        gate.run(y_true=np.ones(n, int), y_pred=(rng.random(n) < recall).astype(int)).verdict
        is not mg.Verdict.INCONCLUSIVE
        for _ in range(200)
    ]
    assert np.mean(decided) >= 0.75  # 0.8 but for three standard errors of 200 draws
    assert np.mean(decided) <= 0.95


def test_values_are_those_of_the_metrics_table():
    rng = np.random.default_rng(0)
    y_true = rng.integers(2, size=100)
    given = {"y_true": y_true, "y_pred": 1 - y_true * rng.integers(2, size=100)}
    for name in ("accuracy", "f1", "matthews_corrcoef"):
        check = mg.Performance(name, at_least=0).run(**given).checks[0]
        theirs = getattr(sk, {"accuracy": "accuracy_score", "f1": "f1_score"}.get(name, name))
        assert check.value == pytest.approx(theirs(**given), abs=1e-12)
        assert find(name, "t").name == check.metric


def test_slices_of_no_rows_are_undecided():
    X = {"sex": np.array([], dtype=str)}
    gate = mg.Performance("accuracy", at_least=0.5, by="sex")
    (check,) = gate.run(X=X, y_true=[], y_pred=[]).checks
    assert check.verdict is mg.Verdict.INCONCLUSIVE
    assert check.reason == (
        "`accuracy` is undefined (n = 0); no rows to measure (limit: at least 0.5)"
    )


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "performance",
        mg.Performance("accuracy", at_least=0.4),
        others={"y_true": "member", "y_pred": [True] * ROWS},
        ladders={
            "at_least": (0, 0.3, 0.5, 0.6, 1.0),
            "min_samples": (1, ROWS, ROWS + 1, 10**6),
        },
    ),
    Example(
        "performance-options",
        mg.Performance(
            "selection_rate",
            at_least=0.4,
            at_most=1,
            label=True,
            by=["country", "member"],
            min_samples=20,
            small_slices="exclude",
            decide_by="interval",
            confidence=0.9,
            greater_is_better=True,
            max_groups=20,
            resamples=100,
            name="named",
            after="schema",
        ),
        others={"y_true": "member", "y_pred": [True] * ROWS},
        ladders={"at_least": (0.0, 0.8, 0.9, 1.0), "confidence": (0.5, 0.9, 1 - 1e-9)},
    ),
    Example(
        "performance-values",
        mg.Performance(
            "r2", at_least=0.9, min_samples=20, by={"adults": adults, "younger": younger}
        ),
        others={"y_true": "income", "y_pred": "income"},
        literal=False,
    ),
    Example(
        "performance-ranking",
        mg.Performance("map@5", at_least=0.1, empty_queries="exclude"),
        others={"y_true": "member", "y_score": "income", "query_id": [i // 4 for i in range(ROWS)]},
    ),
)


def test_function_that_resamples_change_has_no_interval():
    """The number of distinct values is smaller in each resample than in all rows."""

    def kinds(y_true, y_pred):
        return float(len(np.unique(y_pred)))

    rows = {"y_true": np.arange(100.0), "y_pred": np.arange(100.0)}
    by_interval = mg.Performance(
        kinds, at_least=80, greater_is_better=True, decide_by="interval"
    ).run(**rows)
    assert by_interval.verdict is mg.Verdict.INCONCLUSIVE
    assert by_interval.reason == (
        "`kinds` is 100 (n = 100); resampling gives no interval for it: the value computed from "
        "all rows is outside the interval of the resamples (57 to 70); set decide_by='estimate' "
        "(limit: at least 80)"
    )
    by_value = mg.Performance(kinds, at_least=80, greater_is_better=True, decide_by="estimate")
    assert by_value.run(**rows).reason == "`kinds` is 100 (n = 100); the limit is at least 80"
