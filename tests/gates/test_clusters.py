"""Rows in clusters: what `Performance`, `Regression` and `Fairness` make of `clusters`."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import stats

import mlgates as mg

P, F, U, E = mg.Verdict.PASS, mg.Verdict.FAIL, mg.Verdict.INCONCLUSIVE, mg.Verdict.ERROR
SIZE = 20


def visits(patients=60, share=0.8, seed=0):
    """Return labels of patients of 20 visits each; some patients are mostly predicted wrongly."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), SIZE)
    right = rng.random(len(patient)) < rng.beta(2.3 * share, 2.3 * (1 - share), patients)[patient]
    y_true = rng.integers(0, 2, len(patient))
    return {"y_true": y_true, "y_pred": np.where(right, y_true, 1 - y_true), "clusters": patient}


def why(gate, **evidence):
    """Return the verdict and the reason."""
    result = gate.run(**evidence)
    return result.verdict, result.reason


def test_the_reason_has_the_rows_and_the_clusters():
    given = visits()
    gate = mg.Performance("accuracy", at_least=0.5)
    check = gate.run(**given).checks[0]
    low, high = check.interval
    assert check.reason == (
        f"`accuracy` is {check.value:.4g} (95 % interval {low:.4g} to {high:.4g}, n = 1,200 in 60 "
        "clusters); the limit is at least 0.5"
    )
    assert (check.n, check.details["clusters"], check.method) == (
        1_200,
        60,
        "Wilson, cluster-robust",
    )
    assert check.details["degrees_of_freedom"] == pytest.approx(59)
    alone = gate.run(**given | {"clusters": None}).checks[0]
    assert (alone.value, "clusters" in alone.details) == (check.value, False)
    assert high - low > 2 * (alone.interval[1] - alone.interval[0])


def test_dependent_rows_do_not_pass_or_fail_by_their_number():
    given = visits(seed=3)
    value = np.mean(given["y_true"] == given["y_pred"])
    for limit, wrong in ((value - 0.04, P), (value + 0.04, F)):
        gate = mg.Performance("accuracy", at_least=float(limit), decide_by="interval")
        assert gate.run(**given | {"clusters": None}).verdict is wrong
        check = gate.run(**given).checks[0]
        assert check.verdict is U
        needed = check.details["clusters_needed"]
        assert f"about {needed:,} clusters would be enough to decide" in check.reason
        assert "rows_needed" not in check.details
        assert 60 < needed < 2_000


def test_significance_uses_students_t():
    given = visits(patients=8, seed=5)
    value = float(np.mean(given["y_true"] == given["y_pred"]))
    gate = mg.Performance("accuracy", at_least=min(value + 0.1, 0.99), decide_by="significance")
    check = gate.run(**given).checks[0]
    reach = check.interval[1] - check.value
    t = 0.1 / reach * stats.t.isf(0.025, 7)
    assert check.p_value == pytest.approx(2 * stats.t.sf(t, 7), rel=1e-6)


ONE = np.full(1_200, "a")
MOST = np.where(np.arange(1_200) < 1_180, "a", "b")


@pytest.mark.parametrize("decide_by", ["interval", "significance"])
def test_one_cluster_is_undecided(decide_by):
    given = visits() | {"clusters": ONE}
    gate = mg.Performance("accuracy", at_least=0.95, decide_by=decide_by, inconclusive="allow")
    verdict, reason = why(gate, **given)
    value = np.mean(given["y_true"] == given["y_pred"])
    assert (verdict, reason) == (
        U,
        (
            f"`accuracy` is {value:.4g} (n = 1,200 in 1 cluster); all counted rows are in one "
            "cluster; an interval needs several (limit: at least 0.95)"
        ),
    )
    suite = mg.GateSuite([gate, mg.Performance("recall", at_least=0)])
    assert suite.run(**given).verdict is U  # `allow` forgives nothing that can't be measured


def test_a_cluster_with_most_rows_leaves_the_interval_open():
    gate = mg.Performance("accuracy", at_least=0.5, decide_by="interval")
    check = gate.run(**visits() | {"clusters": MOST}).checks[0]
    assert (check.verdict, check.details["clusters"]) == (U, 2)
    assert check.interval == pytest.approx((0, 1), abs=1e-3)
    check = mg.Performance("accuracy", at_least=0.5).run(**visits() | {"clusters": MOST}).checks[0]
    assert check.verdict is P  # by the estimate


@pytest.mark.parametrize("metric", ["f1_macro", "matthews_corrcoef"])
@pytest.mark.parametrize("decide_by", ["interval", "significance"])
def test_a_metric_without_an_interval_is_undecided_and_says_what_helps(metric, decide_by):
    gate = mg.Performance(metric, at_least=0.2, decide_by=decide_by)
    check = gate.run(**visits()).checks[0]
    assert (check.verdict, check.interval) == (U, None)
    assert check.reason == (
        f"`{metric}` is {check.value:.4g} (n = 1,200 in 60 clusters); `{metric}` has no interval "
        "for rows in clusters; set decide_by='estimate', or use a share such as accuracy, an area "
        "under the ROC curve or a mean of losses (limit: at least 0.2)"
    )
    assert mg.Performance(metric, at_least=0.2).run(**visits()).verdict is P


def test_an_own_metric_is_called_once():
    calls = []

    def own(y_true, y_pred):
        calls.append(len(y_true))
        return np.mean(y_true == y_pred)

    check = mg.Performance(own, at_least=0.5).run(**visits()).checks[0]
    assert (check.verdict, check.interval, calls) == (P, None, [1_200])
    check = mg.Performance(own, at_least=0.5, decide_by="interval").run(**visits()).checks[0]
    assert (check.verdict, len(calls)) == (U, 2)


def test_slices_have_the_clusters_of_their_rows():
    given = visits()
    ward = np.where(given["clusters"] < 12, "a", "b")
    X = pd.DataFrame({"ward": ward, "patient": given["clusters"]})
    gate = mg.Performance("accuracy", at_least=0.3, by="ward")
    checks = gate.run(**given | {"X": X, "clusters": "patient"}).checks
    assert [(c.group, c.n, c.details["clusters"]) for c in checks] == [
        ("ward=a", 240, 12),
        ("ward=b", 960, 48),
    ]
    rows = ward == "a"
    alone = mg.Performance("accuracy", at_least=0.3).run(
        **{name: array[rows] for name, array in given.items()}
    )
    assert checks[0].interval == alone.checks[0].interval


def test_weights_count_in_clusters():
    given = visits()
    weight = np.random.default_rng(1).uniform(0, 2, 1_200)
    weight[given["clusters"] < 10] = 0
    check = mg.Performance("accuracy", at_least=0.3).run(**given, sample_weight=weight).checks[0]
    assert check.details["clusters"] == 50
    assert " because of the weights of 1,000 rows in 50 clusters" in check.reason
    kept = weight > 0
    fewer = {name: array[kept] for name, array in given.items()}
    again = mg.Performance("accuracy", at_least=0.3).run(**fewer, sample_weight=weight[kept])
    assert check.interval == pytest.approx(again.checks[0].interval)


def test_rows_without_a_label_are_left_out():
    given = visits()
    true = np.where(np.arange(1_200) < 40, np.nan, given["y_true"])
    check = mg.Performance("accuracy", at_least=0.3).run(**given | {"y_true": true}).checks[0]
    assert (check.dropped, check.n, check.details["clusters"]) == (40, 1_160, 58)


# the forms of clusters


def forms(patient, path):
    text = np.array([f"p{i}" for i in patient])
    pq.write_table(pa.table({"patient": patient}), path)
    return {
        "list": patient.tolist(),
        "text": text,
        "series": pd.Series(patient),
        "category": pd.Series(text).astype("category"),
        "polars": pl.Series("patient", text),
        "arrow": pa.chunked_array([pa.array(patient[:7]), pa.array(patient[7:])]),
        "dictionary": pa.array(text).dictionary_encode(),
        "float": patient + 0.5,
        "bytes": pa.array([t.encode() for t in text.tolist()]),
        "time": pd.Timestamp("2026-01-01") + pd.to_timedelta(patient, unit="D"),
        "column": patient[:, None],
        "table": pd.DataFrame({"patient": patient}),
        "file": path,
    }


def test_clusters_of_any_form_are_the_same(tmp_path):
    given = visits()
    gate = mg.Performance("accuracy", at_least=0.3)
    expected = gate.run(**given).checks[0]
    for name, clusters in forms(given["clusters"], tmp_path / "patients.parquet").items():
        found = gate.run(**given | {"clusters": clusters}).checks[0]
        assert found == expected, name
    for table in ("X", "data"):
        named = given | {"clusters": "patient", table: pd.DataFrame({"patient": given["clusters"]})}
        assert gate.run(**named).checks[0] == expected


def test_order_and_names_of_clusters_do_not_matter():
    given, order = visits(), np.random.default_rng(0).permutation(1_200)
    shuffled = {name: array[order] for name, array in given.items()}
    shuffled["clusters"] = (shuffled["clusters"] * 7919) % 1_009
    for gate in (mg.Performance("accuracy", at_least=0.3), mg.Performance("recall", at_least=0.3)):
        one, other = gate.run(**given).checks[0], gate.run(**shuffled).checks[0]
        assert one.interval == pytest.approx(other.interval, rel=1e-12)


WITHOUT = [
    (pd.Series([None, *[f"p{i}" for i in range(1_199)]]), "`clusters` has no value in 1 row"),
    (np.where(np.arange(1_200) < 3, np.nan, 1.0), "`clusters` has no value in 3 rows"),
    ([None] * 1_200, "`clusters` has no value in 1,200 rows"),
]


@pytest.mark.parametrize(("clusters", "message"), WITHOUT)
@pytest.mark.parametrize(
    "gate",
    [
        mg.Performance("accuracy", at_least=0.1),
        mg.Regression("accuracy", tolerance=0.5),
        mg.Fairness("accuracy_difference", at_most=0.9),
    ],
    ids=lambda gate: gate.kind,
)
def test_a_row_without_a_cluster_is_an_error(gate, clusters, message):
    given = visits() | {"clusters": clusters}
    given |= {"production_pred": given["y_pred"], "sensitive_features": given["y_true"]}
    verdict, reason = why(gate, **given)
    assert (verdict, reason) == (
        E,
        (
            f"{message}: leave out the rows without a cluster, or give each of them a cluster of "
            "its own if they are independent"
        ),
    )


@pytest.mark.parametrize(
    ("clusters", "message"),
    [
        (np.arange(1_199), "`y_true` has 1,200 rows and `clusters` has 1,199"),
        ("patient", "`clusters` names column 'patient', which was not found: neither `X` nor "),
        (
            np.zeros((1_200, 2)),
            "`clusters` has shape (1200, 2): give one value per row, for example ",
        ),
        (pd.DataFrame({"a": ONE, "b": ONE}), "`clusters` is a table of 2 columns ('a', 'b'); "),
        (pd.Series(ONE, index=range(1, 1_201)), "the indexes of `y_true` and `clusters` differ"),
        ([[1]] * 1_199 + [[1, 2]], "`clusters` holds lists or dicts"),
    ],
)
def test_clusters_that_do_not_fit_are_an_error(clusters, message):
    given = visits()
    given["y_true"] = pd.Series(given["y_true"])
    verdict, reason = why(
        mg.Performance("accuracy", at_least=0.1), **given | {"clusters": clusters}
    )
    assert (verdict, reason[: len(message)]) == (E, message)


# Regression


def compared(seed=0, patients=60):
    given, rng = visits(patients, seed=seed), np.random.default_rng(seed)
    right = given["y_true"] == given["y_pred"]
    worse = rng.random(patients)[given["clusters"]] < 0.1
    other = np.where(worse, rng.random(len(right)) < 0.7, right)
    return given | {"production_pred": np.where(other, given["y_true"], 1 - given["y_true"])}


def test_a_difference_has_the_interval_of_clusters():
    given = compared()
    check = mg.Regression("accuracy", tolerance=0.2).run(**given).checks[0]
    alone = mg.Regression("accuracy", tolerance=0.2).run(**given | {"clusters": None}).checks[0]
    assert (check.verdict, check.method) == (P, "Tango, cluster-robust")
    assert "n = 1,200 in 60 clusters); the limit is at least -0.2" in check.reason
    lengths = [c.interval[1] - c.interval[0] for c in (check, alone)]
    assert lengths[0] > 1.3 * lengths[1]
    assert check.value == alone.value


def test_an_undecided_difference_says_how_many_clusters_are_enough():
    given = compared(seed=2)
    check = mg.Regression("accuracy", tolerance=0.0).run(**given).checks[0]
    if check.value < 0:
        given |= {"y_pred": given["production_pred"], "production_pred": given["y_pred"]}
        check = mg.Regression("accuracy", tolerance=0.0).run(**given).checks[0]
    assert check.verdict is U
    needed = check.details["clusters_needed"]
    assert f"the interval contains the limit; about {needed:,} clusters would be" in check.reason


@pytest.mark.parametrize("decide_by", ["interval", "significance"])
def test_a_difference_without_an_interval_is_undecided(decide_by):
    gate = mg.Regression("f1_macro", tolerance=0.0, decide_by=decide_by)
    given = compared()
    verdict, reason = why(gate, **given)
    assert verdict is U
    assert "`f1_macro` has no interval for rows in clusters; set decide_by='estimate'" in reason
    one = mg.Regression("accuracy", tolerance=0.0, decide_by=decide_by)
    verdict, reason = why(one, **given | {"clusters": ONE})
    assert verdict is U
    assert "all counted rows are in one cluster; an interval needs several" in reason


def test_equal_models_pass():
    given = visits()
    gate = mg.Regression("accuracy", tolerance=0.01)
    verdict, reason = why(gate, **given, production_pred=given["y_pred"])
    assert verdict is P
    assert "give the same answers on all rows" in reason
    assert "n = 1,200 in 60 clusters" in reason


def test_progress_counts_no_calls_that_are_not_made(monkeypatch):
    monkeypatch.delattr("mlgates.gates._metric_gate.show_progress")

    def own(y_true, y_pred):
        return np.mean(y_true == y_pred)

    assert mg.Performance(own, at_least=0.5).run(**visits()).verdict is P
    resampled = mg.Performance(own, at_least=0.5).run(**visits() | {"clusters": None})
    assert "show_progress" in resampled.reason


# Fairness


def fair(seed=0, *, nested=True):
    """Return visits with a group for each patient, or for each visit."""
    given = visits(seed=seed)
    group = given["clusters"] % 2
    if not nested:
        group = np.random.default_rng(seed).integers(0, 2, len(group))
    return given | {"sensitive_features": pd.Series(np.where(group, "f", "m"), name="sex")}


def test_groups_of_patients_do_not_differ_by_their_visits():
    given = next(
        given
        for given in map(fair, range(50))
        if mg.Fairness("accuracy_difference", at_most=0.01)
        .run(**given | {"clusters": None})
        .verdict
        is F
    )
    check = mg.Fairness("accuracy_difference", at_most=0.01).run(**given).checks[0]
    assert check.verdict is U
    needed = check.details["clusters_needed"]
    text = check.reason
    assert "(n = 1,200 in 2 groups and 60 clusters); not significant: differences up to " in text
    assert f"about {needed:,} clusters would be enough to decide" in text
    assert check.details["clusters"] == 60
    assert check.method == "Wilson, cluster-robust for all pairs"
    groups = check.details["groups"]
    for name, details in zip("fm", groups, strict=True):
        rows = given["sensitive_features"] == name
        part = {key: given[key][rows.to_numpy()] for key in ("y_true", "y_pred", "clusters")}
        alone = mg.Performance("accuracy", at_least=0.1).run(**part).checks[0]
        assert (details["low"], details["high"]) == pytest.approx(alone.interval)
        assert details["denominator"] == pytest.approx(600)


@pytest.mark.parametrize("metric", ["accuracy_difference", "accuracy_ratio"])
def test_groups_within_patients_are_compared_within_them(metric):
    limit = {"at_most": 0.01} if metric.endswith("difference") else {"at_least": 0.99}
    given = fair(nested=False)
    check = mg.Fairness(metric, **limit).run(**given).checks[0]
    alone = mg.Fairness(metric, **limit).run(**given | {"clusters": None}).checks[0]
    # a patient's two groups are right and wrong together, which does not widen their difference
    lengths = [each.interval[1] - each.interval[0] for each in (check, alone)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.35)
    apart = given | {
        "clusters": [
            f"{c}{s}" for c, s in zip(given["clusters"], given["sensitive_features"], strict=True)
        ]
    }
    wider = mg.Fairness(metric, **limit).run(**apart).checks[0]
    assert wider.interval[1] - wider.interval[0] > 1.3 * lengths[0]


def test_a_cluster_for_each_row_approaches_independent_groups():
    for metric, limit in (
        ("accuracy_difference", {"at_most": 0.01}),
        ("recall_ratio", {"at_least": 0.99}),
        ("accuracy_group_min", {"at_least": 0.8}),
        ("equalized_odds_difference", {"at_most": 0.01}),
    ):
        given = fair(seed=4)
        apart = mg.Fairness(metric, **limit).run(**given | {"clusters": np.arange(1_200)}).checks[0]
        alone = mg.Fairness(metric, **limit).run(**given | {"clusters": None}).checks[0]
        assert apart.value == pytest.approx(alone.value)
        assert apart.interval == pytest.approx(alone.interval, abs=0.004)
        assert apart.p_value == pytest.approx(alone.p_value, abs=0.02)


@pytest.mark.parametrize("decide_by", ["significance", "interval"])
def test_a_gap_without_an_interval_is_undecided_and_says_what_helps(decide_by):
    gate = mg.Fairness("f1_macro_difference", at_most=0.9, decide_by=decide_by)
    check = gate.run(**fair()).checks[0]
    assert check.verdict is U
    assert check.reason == (
        "`f1_macro_difference` is undefined; no group can be compared: `f1_macro` has no interval "
        "for rows in clusters; set decide_by='estimate', or use a share such as accuracy, an area "
        "under the ROC curve or a mean of losses (limit: at most 0.9)"
    )
    assert (
        mg.Fairness("f1_macro_difference", at_most=0.9, decide_by="estimate").run(**fair()).passed
    )


def test_an_own_metric_is_called_once_for_each_group():
    calls = []

    def own(y_true, y_pred):
        calls.append(len(y_true))
        return np.mean(y_true == y_pred)

    assert mg.Fairness(own, at_most=0.9, decide_by="estimate").run(**fair()).passed
    assert calls == [600, 600]


def test_a_group_in_one_cluster_can_not_be_compared():
    given = fair()
    given["clusters"] = np.where(given["sensitive_features"] == "f", 0, given["clusters"] + 1)
    checks = mg.Fairness("accuracy_difference", at_most=0.9).run(**given).checks
    assert [check.verdict for check in checks] == [U, U]
    assert checks[1].reason == (
        "`accuracy` can't be compared for sex=f: all counted rows are in one cluster; an interval "
        "needs several"
    )


def test_strata_have_the_clusters_of_their_rows():
    given = fair(nested=False)
    X = pd.DataFrame({"ward": np.where(given["clusters"] < 20, "a", "b")})
    gate = mg.Fairness("accuracy_difference", at_most=0.5, by="ward")
    checks = gate.run(**given, X=X).checks
    assert [(c.group, c.n, c.details["clusters"]) for c in checks] == [
        ("ward=a", 400, 20),
        ("ward=b", 800, 40),
    ]


def test_losses_and_areas_of_groups_have_intervals_of_clusters():
    given, rng = fair(), np.random.default_rng(0)
    signal = rng.normal(size=60)[given["clusters"]]
    score = given["y_true"] * (0.5 + signal) + rng.normal(size=1_200)
    check = mg.Fairness("roc_auc_difference", at_most=0.5).run(**given, y_score=score).checks[0]
    assert check.method == "t (logit), cluster-robust for all pairs"
    values = given | {"y_true": score, "y_pred": score + signal}
    check = mg.Fairness("mean_absolute_error_difference", at_most=0.5).run(**values).checks[0]
    assert check.method == "t, cluster-robust for all pairs"
    assert check.details["clusters"] == 60


def test_a_frame_has_no_clusters():
    gate, given = mg.Fairness("accuracy_difference", at_most=0.9), fair()
    rows = {name: value for name, value in given.items() if name != "clusters"}
    frame = gate.metric_frame(**rows)
    assert gate.run(metric_frame=frame).passed
    assert why(gate, metric_frame=frame, clusters=given["clusters"]) == (
        E,
        "`clusters` can't be given with `metric_frame`, which has no rows; give one of the two",
    )
