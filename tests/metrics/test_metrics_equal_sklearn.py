"""Values of metrics equal scikit-learn's wherever both define them, weights included."""

import numpy as np
import pytest
import sklearn.metrics as sk
from example_counts import examples
from hypothesis import example, given
from hypothesis import strategies as st
from metric_outcomes import outcomes

from mlgates.metrics import NAMES, find

BINARY = {
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": sk.balanced_accuracy_score,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "true_positive_rate": sk.recall_score,
    "f1": sk.f1_score,
    "matthews_corrcoef": sk.matthews_corrcoef,
    "specificity": lambda *a, **k: sk.recall_score(*a, pos_label=0, **k),
    "true_negative_rate": lambda *a, **k: sk.recall_score(*a, pos_label=0, **k),
    "false_positive_rate": lambda *a, **k: 1 - sk.recall_score(*a, pos_label=0, **k),
    "false_negative_rate": lambda *a, **k: 1 - sk.recall_score(*a, **k),
    "selection_rate": lambda t, p, sample_weight=None: np.average(p, weights=sample_weight),
}
AVERAGES = {
    f"{name}_{average}": (function, average)
    for name, function in {
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
    }.items()
    for average in ("macro", "micro", "weighted")
}
SCORES = {
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "log_loss": lambda t, s, **k: sk.log_loss(t, s, labels=[0, 1], **k),
    "brier_score": sk.brier_score_loss,
}


def median_error(true, pred, sample_weight=None):
    """As of scikit-learn; older versions take the lower of two middle values of equal weight."""
    if sample_weight is None or sk.median_absolute_error([0, 0], [0, 1], sample_weight=[1, 1]):
        return sk.median_absolute_error(true, pred, sample_weight=sample_weight)
    errors = np.abs(true - pred)
    order = errors.argsort()
    reached = sample_weight[order].cumsum()
    middle = [reached.searchsorted(reached[-1] / 2, side) for side in ("left", "right")]
    return errors[order][middle].mean()


VALUES = {
    "r2": sk.r2_score,
    "mean_absolute_error": sk.mean_absolute_error,
    "mean_squared_error": sk.mean_squared_error,
    "root_mean_squared_error": sk.root_mean_squared_error,
    "median_absolute_error": median_error,
    "mean_absolute_percentage_error": sk.mean_absolute_percentage_error,
    "mean_error": lambda t, p, sample_weight=None: np.average(p - t, weights=sample_weight),
    "max_error": lambda t, p, sample_weight=None: sk.max_error(t, p),
}
ELSEWHERE = {"expected_calibration_error", "roc_auc_ovr", "roc_auc_ovr_weighted"}
ELSEWHERE |= {"interval_coverage", "interval_width"}


def test_every_metric_is_compared():
    compared = {*BINARY, *AVERAGES, *SCORES, *VALUES, *ELSEWHERE}
    assert compared == set(NAMES)


@st.composite
def tables(draw, classes=2):
    """Labels, predictions, scores and perhaps weights, with every class true and predicted."""
    label = st.integers(0, classes - 1)
    rows = draw(st.integers(2, 40))
    every = list(range(classes))
    true = every + draw(st.lists(label, min_size=rows, max_size=rows))
    pred = every[::-1] + draw(st.lists(label, min_size=rows, max_size=rows))
    step = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.99, 1.0]) | st.floats(0, 1)
    score = draw(st.lists(step, min_size=len(true), max_size=len(true)))
    weight = None
    if draw(st.booleans()):
        weights = st.lists(st.floats(0.01, 50), min_size=len(true), max_size=len(true))
        weight = np.array(draw(weights))
    return np.array(true), np.array(pred), np.array(score), weight


def near(theirs):
    return pytest.approx(theirs, rel=1e-12, abs=1e-12)


@examples(25)
@given(tables())
def test_binary_metrics(table):
    true, pred, _, weight = table
    given_to = outcomes("labels", true, pred, weight=weight)
    for name, function in BINARY.items():
        value = find(name, "test").measure(given_to, confidence=0).value
        if weight is None and name == "matthews_corrcoef":
            assert value == near(function(true, pred))
        assert value == near(function(true, pred, sample_weight=weight)), name


@examples(15)
@given(st.integers(2, 5).flatmap(tables))
def test_averages_over_classes(table):
    true, pred, _, weight = table
    k = int(true.max()) + 1
    given_to = outcomes("labels", true, pred, weight=weight, k=k)
    for name, (function, average) in AVERAGES.items():
        theirs = function(true, pred, average=average, sample_weight=weight)
        assert find(name, "test").measure(given_to, confidence=0).value == near(theirs), name
    for name in ("accuracy", "balanced_accuracy", "matthews_corrcoef"):
        theirs = BINARY[name](true, pred, sample_weight=weight)
        assert find(name, "test").measure(given_to, confidence=0).value == near(theirs), name


@examples(25)
@given(tables())
def test_metrics_of_scores(table):
    true, _, score, weight = table
    for name, function in SCORES.items():
        metric = find(name, "test")
        given_to = outcomes(metric.need, true, score=score, weight=weight)
        value = metric.measure(given_to, confidence=0).value
        assert value == near(function(true, score, sample_weight=weight)), name


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("ties", [False, True])
def test_metrics_of_scores_of_several_classes(weighted, ties):
    rng = np.random.default_rng(3)
    true = np.concatenate([np.arange(4), rng.integers(4, size=200)])
    score = rng.dirichlet(np.ones(4), len(true)) + 0.2 * np.eye(4)[true]
    score = np.round(score, 1) + 0.01 if ties else score
    score /= score.sum(1, keepdims=True)
    weight = rng.uniform(0.1, 3, len(true)) if weighted else None

    def value(name):
        metric = find(name, "test")
        given_to = outcomes(metric.need, true, score=score, weight=weight, k=4)
        return metric.measure(given_to, confidence=0).value

    options = {"multi_class": "ovr", "sample_weight": weight}
    theirs = sk.roc_auc_score(true, score, average="macro", **options)
    assert value("roc_auc_ovr") == near(theirs)
    if not weighted:  # (scikit-learn weighs the classes by rows, whatever the weights)
        theirs = sk.roc_auc_score(true, score, average="weighted", **options)
        assert value("roc_auc_ovr_weighted") == near(theirs)
    assert value("log_loss") == near(sk.log_loss(true, score, sample_weight=weight))
    brier = np.average(((score - np.eye(4)[true]) ** 2).sum(1), weights=weight)
    assert value("brier_score") == near(brier)


@st.composite
def numbers(draw):
    rows = draw(st.integers(2, 30))
    size = st.floats(1e-3, 1e3, exclude_min=True)
    number = size | size.map(lambda x: -x)
    true = draw(st.lists(number, min_size=rows, max_size=rows))
    pred = draw(st.lists(number, min_size=rows, max_size=rows))
    weight = None
    if draw(st.booleans()):
        weights = st.floats(0.1, 10) | st.integers(1, 3)
        weight = np.array(draw(st.lists(weights, min_size=rows, max_size=rows)), np.float64)
    return np.array(true), np.array(pred), weight


@examples(25)
@given(numbers())
@example((np.array([2.0, 1.0]), np.array([1.0, 1.0]), np.array([5.0, 1.0])))
@example((np.array([1.0, 1.0, 1.0]), np.array([2.0, 2.0, 1.0]), np.array([1.0, 1.0, 2.0])))
def test_metrics_of_values(table):
    true, pred, weight = table
    given_to = outcomes("values", true, pred, weight=weight)
    for name, function in VALUES.items():
        value = find(name, "test").measure(given_to, confidence=0).value
        if name == "r2" and np.ptp(true) < 1e-6 * np.abs(true).max():
            assert value is None or np.ptp(true) > 0
            continue
        theirs = function(true, pred, sample_weight=weight)
        assert value == pytest.approx(theirs, rel=1e-11, abs=1e-11), name
