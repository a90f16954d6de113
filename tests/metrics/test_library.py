"""Metrics of scikit-learn and fairlearn by name: their values, directions, and when undefined."""

import math

import numpy as np
import pytest
from fairlearn import metrics as fairlearn
from sampling import in_turn
from sklearn import metrics as sk

import mlgates as mg
from mlgates.metrics import NAMES, library_metric
from mlgates.metrics.library import _ENDINGS, _EXCLUDED

RNG = np.random.default_rng(5)
Y = RNG.integers(0, 2, 300)
P = np.where(RNG.random(300) < 0.8, Y, 1 - Y)
S = np.clip(0.5 * P + 0.25 + RNG.normal(0, 0.05, 300), 0.01, 0.99)
W = RNG.integers(1, 4, 300).astype(float)


def measured(name: str, **others: object) -> mg.Check:
    gate = mg.Performance(name, at_least=-1e9, resamples=50, greater_is_better=True)
    return gate.run(y_true=Y, y_pred=P, y_score=S, **others).checks[0]


OF_LABELS = [
    ("cohen_kappa_score", sk.cohen_kappa_score),
    ("jaccard_score", sk.jaccard_score),
    ("jaccard", sk.jaccard_score),
    ("jaccard_macro", lambda *a, **k: sk.jaccard_score(*a, **k, average="macro")),
    ("hamming_loss", sk.hamming_loss),
    ("explained_variance", sk.explained_variance_score),
    ("explained_variance_score", sk.explained_variance_score),
    ("d2_absolute_error_score", sk.d2_absolute_error_score),
    ("mean_squared_log_error", sk.mean_squared_log_error),
    ("mean_prediction", fairlearn.mean_prediction),
]


@pytest.mark.parametrize(
    ("of_labels", "others"),
    in_turn(
        {name: (name, function) for name, function in OF_LABELS},
        {"plain": {}, "weighted": {"sample_weight": W}},
    ),
)
def test_a_name_is_that_of_scikit_learn_or_fairlearn(of_labels, others):
    name, function = of_labels
    check = measured(name, **others)
    assert check.value == pytest.approx(function(Y, P, **others), rel=1e-12)
    assert check.method.startswith("bootstrap (")
    low, high = check.interval
    assert low < check.value < high


def test_metrics_of_scores_and_of_clusters():
    assert measured("d2_log_loss_score").value == pytest.approx(sk.d2_log_loss_score(Y, S))
    assert measured("adjusted_rand_score").value == pytest.approx(sk.adjusted_rand_score(Y, P))
    check = measured("adjusted_rand_score", sample_weight=W)
    assert check.verdict is mg.Verdict.ERROR
    assert check.reason == (
        "`sample_weight` was given, but `adjusted_rand_score` has no parameter `sample_weight`"
    )


def test_the_direction_follows_from_the_name():
    ups = {name: library_metric(name).greater_is_better for name in (
        "cohen_kappa_score", "jaccard_micro", "hamming_loss", "mean_poisson_deviance",
        "mean_squared_log_error", "mean_prediction",
    )}  # fmt: skip
    assert list(ups.values()) == [True, True, False, False, False, None]
    assert library_metric("mean_prediction", greater_is_better=False).greater_is_better is False
    regression = mg.Regression("cohen_kappa_score", tolerance=0.1, resamples=60)
    assert regression.run(y_true=Y, y_pred=P, production_pred=P).verdict is mg.Verdict.PASS


def test_every_metric_of_scikit_learn_is_ours_theirs_or_refused():
    unknown = []
    for name in sk.__all__:
        ours = name in NAMES or name.removesuffix("_score") in NAMES
        if name.endswith(tuple(_ENDINGS)) and not ours and library_metric(name) is None:
            unknown.append(name)
    # scores of clusters take no predictions; fbeta has a parameter without a default
    others = {"calinski_harabasz_score", "consensus_score", "davies_bouldin_score", "fbeta_score"}
    others |= {"silhouette_score"}
    assert set(unknown) <= others | _EXCLUDED


@pytest.mark.parametrize(
    "name", ["roc_curve", "fbeta_score", "top_k_accuracy", "hinge_loss", "r2_macro", "Jaccard", ""]
)
def test_other_functions_are_unknown_names(name):
    with pytest.raises(mg.OptionError, match="must be the name of a metric or a function"):
        mg.Performance(name, at_least=0.1)


@pytest.mark.parametrize(
    ("name", "y", "reason"),
    [
        ("jaccard", [0] * 100, "no value for these rows"),
        ("explained_variance", [3] * 100, "`y_true` is constant"),
        ("d2_absolute_error_score", [3] * 100, "`y_true` is constant"),
    ],
)
def test_an_undefined_metric_is_neither_0_nor_1(name, y, reason):
    gate = mg.Performance(name, at_least=-10)
    result = gate.run(y_true=y, y_pred=y)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert result.reason == f"`{name}` is undefined (n = 100); {reason} (limit: at least -10)"
    # where scikit-learn has a number
    theirs = {"jaccard": 0.0}.get(name, 1.0)
    options = {"zero_division": 0} if name == "jaccard" else {}
    function = getattr(sk, name if name.endswith("_score") else f"{name}_score")
    assert function(y, y, **options) == theirs
    assert not math.isnan(theirs)


def test_fairness_compares_them_between_groups():
    groups = np.arange(300) % 2
    gate = mg.Fairness("cohen_kappa_score_difference", at_most=0.9, resamples=50)
    check = gate.run(y_true=Y, y_pred=P, sensitive_features=groups).checks[0]
    kappa = [sk.cohen_kappa_score(Y[groups == g], P[groups == g]) for g in (0, 1)]
    assert check.value == pytest.approx(abs(kappa[0] - kappa[1]))
    mean = mg.Fairness("mean_prediction_ratio", at_least=0.1, resamples=50)
    frame = fairlearn.MetricFrame(
        metrics=fairlearn.mean_prediction, y_true=Y, y_pred=P, sensitive_features=groups
    )
    value = mean.run(y_true=Y, y_pred=P, sensitive_features=groups).checks[0].value
    assert value == pytest.approx(frame.ratio())
