"""Fairness and the `MetricFrame` of fairlearn, in both directions."""

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from fairlearn.metrics import MetricFrame
from sklearn import metrics as sk

import mlgates as mg

RNG = np.random.default_rng(8)
N = 1_200
PEOPLE = pd.DataFrame(
    {
        "sex": RNG.choice(list("fm"), N),
        "race": RNG.choice(["u", "v", "w"], N),
        "dept": RNG.choice(list("ab"), N),
        "y": RNG.integers(0, 2, N),
    }
)
PEOPLE["p"] = (RNG.random(N) < 0.3 + 0.3 * PEOPLE["y"] + 0.1 * (PEOPLE["sex"] == "f")).astype(int)
ROWS = {"X": PEOPLE, "y_true": "y", "y_pred": "p"}
WEIGHTS = RNG.integers(1, 4, N).astype(float)


def frame(functions: object, features: object = ("sex",), control: object = None) -> MetricFrame:
    return MetricFrame(
        metrics=functions,
        y_true=PEOPLE["y"],
        y_pred=PEOPLE["p"],
        sensitive_features=PEOPLE[list(features)],
        control_features=None if control is None else PEOPLE[control],
    )


def compared(check: mg.Check) -> tuple[object, ...]:
    interval = None if check.interval is None else tuple(np.round(check.interval, 12))
    value = None if check.value is None else round(check.value, 12)
    p_value = None if check.p_value is None else round(check.p_value, 12)
    return check.group, check.verdict, value, interval, p_value, check.n, check.reason


GATES = [
    mg.Fairness("demographic_parity_difference", at_most=0.05, sensitive="sex"),
    mg.Fairness("demographic_parity_ratio", at_least=0.7, sensitive=["sex", "race"]),
    mg.Fairness("equalized_odds_difference", at_most=0.1, sensitive="race", reference_group="v"),
    mg.Fairness("recall_group_min", at_least=0.4, sensitive="race", decide_by="interval"),
    mg.Fairness("accuracy_difference", at_most=0.1, sensitive="sex", by="dept"),
    mg.Fairness("precision_difference", at_most=0.1, sensitive="sex", by=["dept", "race"]),
    mg.Fairness("demographic_parity_difference", at_most=0.3, sensitive="sex", min_group_size=590),
    mg.Fairness("f1_difference", at_most=0.4, sensitive="sex", decide_by="estimate"),
    mg.Fairness("mean_absolute_error_difference", at_most=1, sensitive="sex", decide_by="estimate"),
]


@pytest.mark.parametrize("gate", GATES, ids=range(len(GATES)))
def test_a_frame_has_the_same_verdict_as_its_rows(gate):
    made = gate.metric_frame(**ROWS)
    theirs = gate.run(metric_frame=made)
    ours = gate.run(**ROWS)
    if gate.decide_by == "estimate":  # a frame has no intervals of these metrics
        assert [(c.verdict, c.value, c.n) for c in theirs.checks] == [
            (c.verdict, pytest.approx(c.value), c.n) for c in ours.checks
        ]
    else:
        assert [compared(c) for c in theirs.checks] == [compared(c) for c in ours.checks]
    assert theirs.note == ours.note


def test_a_frame_with_weights_has_effective_counts():
    gate = mg.Fairness("equal_opportunity_difference", at_most=0.1, sensitive="race")
    made = gate.metric_frame(**ROWS, sample_weight=WEIGHTS)
    theirs, ours = gate.run(metric_frame=made), gate.run(**ROWS, sample_weight=WEIGHTS)
    assert theirs.checks[0].interval == pytest.approx(ours.checks[0].interval)
    weighted = MetricFrame(
        metrics=fairlearn.true_positive_rate,
        y_true=PEOPLE["y"],
        y_pred=PEOPLE["p"],
        sensitive_features=PEOPLE["race"],
        sample_params={"sample_weight": WEIGHTS},
    )
    assert made.by_group["true_positive_rate"].tolist() == pytest.approx(weighted.by_group.tolist())


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("selection_rate", fairlearn.selection_rate),
        ("recall", sk.recall_score),
        ("false_positive_rate", fairlearn.false_positive_rate),
        ("matthews_corrcoef", sk.matthews_corrcoef),
        ("mean_absolute_error", sk.mean_absolute_error),
        ("cohen_kappa_score", sk.cohen_kappa_score),
    ],
)
def test_the_values_of_a_frame_are_fairlearns(name, function):
    gate = mg.Fairness(f"{name}_difference", at_most=1, sensitive=["sex", "race"], by="dept")
    ours = gate.metric_frame(**ROWS)
    theirs = frame(function, ("sex", "race"), ["dept"])
    assert ours.by_group[name].tolist() == pytest.approx(theirs.by_group.tolist(), rel=1e-12)
    assert ours.difference()[name].tolist() == pytest.approx(theirs.difference().tolist())
    assert ours.by_group.index.equals(theirs.by_group.index)
    assert ours.overall[name].tolist() == pytest.approx(theirs.overall.tolist())


def test_frames_of_functions_scores_labels_and_missing_values():
    def hits(y_true, y_pred):
        return np.mean(y_true == y_pred)

    made = mg.Fairness(hits, at_most=1, sensitive="sex").metric_frame(**ROWS)
    assert made.by_group["hits"].tolist() == pytest.approx(
        frame(sk.accuracy_score).by_group.tolist()
    )
    scored = mg.Fairness("roc_auc_difference", at_most=1, sensitive="sex")
    score = RNG.random(N)
    by_group = scored.metric_frame(X=PEOPLE, y_true="y", y_score=score).by_group["roc_auc"]
    inside = (PEOPLE["sex"] == "f").to_numpy()
    assert by_group["f"] == pytest.approx(sk.roc_auc_score(PEOPLE["y"][inside], score[inside]))
    three = np.column_stack([score, 1 - score, np.zeros(N)])
    ovr = mg.Fairness("roc_auc_ovr_difference", at_most=1, sensitive="sex")
    labels = PEOPLE["race"]
    found = ovr.metric_frame(X=PEOPLE, y_true=labels, y_score=three).by_group["roc_auc_ovr"]
    assert found["f"] == pytest.approx(
        sk.roc_auc_score(labels[inside], three[inside], multi_class="ovr")
    )
    some = PEOPLE.assign(sex=PEOPLE["sex"].where(PEOPLE.index > 99))
    parity = mg.Fairness("demographic_parity_difference", at_most=1, sensitive="sex")
    made = parity.metric_frame(X=some, y_pred="p")
    assert made.by_group["count"]["missing"] == 100
    assert (
        parity.run(metric_frame=made).checks[0].value
        == parity.run(X=some, y_pred="p").checks[0].value
    )
    unlabelled = PEOPLE["y"].astype(float).where(PEOPLE.index > 99)
    gate = mg.Fairness("accuracy_difference", at_most=1, sensitive="sex")
    assert (
        gate.metric_frame(X=PEOPLE, y_true=unlabelled, y_pred="p").by_group["count"].sum() == 1_100
    )


def test_metric_frame_raises_for_bad_evidence():
    gate = mg.Fairness("accuracy_difference", at_most=1, sensitive="sex")
    with pytest.raises(mg.EvidenceError) as caught:
        gate.metric_frame(X=PEOPLE, y_pred="p")
    assert str(caught.value) == "the gate needs `y_true`, which was not given"
    with pytest.raises(mg.EvidenceError, match="unknown evidence 'y_prd'; did you mean 'y_pred'"):
        gate.metric_frame(X=PEOPLE, y_prd="p")
    by = mg.Fairness("accuracy_difference", at_most=1, sensitive="sex", by={"a": "dept == 'a'"})
    with pytest.raises(mg.OptionError) as caught:
        by.metric_frame(**ROWS)
    assert str(caught.value) == (
        "fairness:accuracy_difference:sex: a MetricFrame can't have slices that are conditions; "
        "name columns in `by`"
    )


# Frames of users


def parity(**options: object) -> mg.Fairness:
    return mg.Fairness("demographic_parity_difference", at_most=0.3, **options)


RATE = {"selection_rate": fairlearn.selection_rate}
COUNT = {"count": fairlearn.count}


def test_the_counts_of_a_frame_give_the_interval():
    check = parity().run(metric_frame=frame(RATE | COUNT)).checks[0]
    ours = parity(sensitive="sex").run(**ROWS).checks[0]
    assert compared(check) == compared(ours)
    assert check.verdict is mg.Verdict.PASS


def test_control_features_are_strata():
    within = frame(RATE | COUNT, control=["dept"])
    ours = parity(sensitive="sex", by="dept").run(**ROWS)
    for gate in (parity(), parity(by="dept"), parity(by=["dept"], sensitive="sex")):
        assert [compared(c) for c in gate.run(metric_frame=within).checks] == [
            compared(c) for c in ours.checks
        ]


def test_a_gate_of_a_suite_takes_the_frame_and_others_the_rows():
    suite = mg.GateSuite([parity(), mg.Performance("accuracy", at_least=0.1)])
    report = suite.run(**ROWS, metric_frame=frame(RATE | COUNT))
    assert [result.verdict for result in report.results] == ["pass", "pass"]
    assert suite.needs == {"sensitive_features", "y_true"}


ODDS = {"true_positive_rate": fairlearn.true_positive_rate} | {
    "false_positive_rate": fairlearn.false_positive_rate
}


@pytest.mark.parametrize(
    ("gate", "functions", "reasons"),
    [
        (
            parity(),
            RATE,
            [
                (
                    "`demographic_parity_difference` is undefined; no rows to measure "
                    "(limit: at most 0.3)"
                ),
                (
                    "`selection_rate` can't be compared for sex=f: `metric_frame` has no counts: "
                    "add the metric `count` (fairlearn.metrics.count)"
                ),
            ],
        ),
        (
            parity(decide_by="estimate"),
            fairlearn.selection_rate,
            [
                (
                    "`demographic_parity_difference` is undefined; no rows to measure "
                    "(limit: at most 0.3)"
                ),
                (
                    "`selection_rate` can't be compared for sex=f: `metric_frame` has no counts: "
                    "add the metric `count` (fairlearn.metrics.count)"
                ),
            ],
        ),
        (
            mg.Fairness("equal_opportunity_difference", at_most=0.3),
            ODDS | COUNT,
            [
                (
                    "`equal_opportunity_difference` is undefined; no group can be compared; two "
                    "are needed (limit: at most 0.3)"
                ),
                (
                    "`true_positive_rate` can't be compared for sex=f: the number of positives "
                    "in `y_true` is unknown; add it to `metric_frame` as the metric "
                    "`true_positive_rate_count`"
                ),
            ],
        ),
        (
            mg.Fairness("mean_absolute_error_difference", at_most=0.3),
            {"mae": sk.mean_absolute_error} | COUNT,
            [
                (
                    "`mean_absolute_error_difference` is undefined; no group can be compared; two "
                    "are needed (limit: at most 0.3)"
                ),
                (
                    "`mean_absolute_error` can't be compared for sex=f: no interval can be "
                    "computed from the values in `metric_frame`; pass the labels and predictions "
                    "of the rows instead"
                ),
            ],
        ),
    ],
    ids=["no counts", "one metric", "no positives", "no interval"],
)
def test_without_counts_nothing_is_decided(gate, functions, reasons):
    result = gate.run(metric_frame=frame(functions))
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert [check.reason for check in result.checks][:2] == reasons
    strata = gate.run(metric_frame=frame(functions, control=["dept"]))
    groups = {check.group for check in strata.checks}
    assert groups >= {"dept=a", "dept=a, sex=f", "dept=b, sex=m"}
    allowed = mg.GateSuite([type(gate)(gate.metric, at_most=0.3, inconclusive="allow")])
    assert not allowed.run(metric_frame=frame(functions)).passed


@pytest.mark.parametrize(
    ("gate", "given", "reason"),
    [
        (
            parity(),
            frame(COUNT | {"selection": fairlearn.selection_rate}),
            (
                "`metric_frame` has no metric `selection_rate`; its metrics are: count, selection; "
                "did you mean 'selection'?"
            ),
        ),
        (
            mg.Fairness("recall_difference", at_most=0.3),
            frame({"recall": sk.recall_score, "recall_score": sk.recall_score} | COUNT),
            "`metric_frame` has several metrics for `recall`: recall, recall_score; keep one",
        ),
        (
            parity(sensitive="sx"),
            frame(RATE | COUNT),
            (
                "`sensitive` names 'sx', but the sensitive features of `metric_frame` are: sex; "
                "did you mean 'sex'?"
            ),
        ),
        (
            parity(sensitive="sex"),
            frame(RATE | COUNT, ("sex", "race")),
            (
                "`sensitive` must name all sensitive features of `metric_frame` (sex, race), "
                "because the metrics of its groups can't be combined; got sex"
            ),
        ),
        (
            parity(by="dept"),
            frame(RATE | COUNT),
            "`by` names 'dept', but `metric_frame` has no control features",
        ),
        (
            parity(by={"a": "dept == 'a'"}),
            frame(RATE | COUNT),
            (
                "`by` has the condition 'a', but a MetricFrame has no rows: give it control "
                "features instead"
            ),
        ),
        (
            parity(label="a"),
            frame(RATE | COUNT),
            "`label` can't be applied to `metric_frame`, which has no labels",
        ),
        (
            parity(),
            frame(RATE | COUNT).by_group,
            "`metric_frame` must be a fairlearn MetricFrame, got pandas.DataFrame",
        ),
        (
            parity(),
            frame({"selection_rate": lambda y_true, y_pred: 1.5} | COUNT),
            "`selection_rate` of `metric_frame` must be from 0 to 1, got 1.5 for sex=f",
        ),
        (
            parity(),
            frame({"selection_rate": lambda y_true, y_pred: np.inf} | COUNT),
            "`selection_rate` of `metric_frame` must be finite",
        ),
        (
            parity(),
            frame({"selection_rate": lambda y_true, y_pred: "half"} | COUNT),
            "`selection_rate` of `metric_frame` must have one number for each group",
        ),
        (
            parity(),
            frame({"selection_rate": lambda y_true, y_pred: 0.123456} | COUNT),
            (
                "`selection_rate` times `count` of `metric_frame` must be whole numbers; for rates "
                "with weights add the effective number of rows as the metric `selection_rate_count`"
            ),
        ),
    ],
)
def test_wrong_frames_are_errors(gate, given, reason):
    result = gate.run(metric_frame=given)
    assert (result.verdict, result.reason) == (mg.Verdict.ERROR, reason)


def test_groups_without_a_value():
    def undefined_for_m(y_true, y_pred):
        return np.nan if len(y_true) == (PEOPLE["sex"] == "m").sum() else np.mean(y_pred)

    result = parity().run(metric_frame=frame({"selection_rate": undefined_for_m} | COUNT))
    assert [check.reason for check in result.checks] == [
        (
            "`demographic_parity_difference` is undefined; only one group can be compared; two are "
            "needed (limit: at most 0.3)"
        ),
        "`selection_rate` can't be compared for sex=m: its value in `metric_frame` is NaN",
    ]


def test_combinations_that_do_not_occur():
    table = PEOPLE[(PEOPLE["sex"] == "f") | (PEOPLE["race"] == "u")]
    options = {"y_true": table["y"], "y_pred": table["p"]}
    crossed = MetricFrame(
        metrics=RATE | COUNT, sensitive_features=table[["sex", "race"]], **options
    )
    assert crossed.by_group["count"].isna().sum() + (crossed.by_group["count"] == 0).sum() == 2
    result = parity().run(metric_frame=crossed)
    assert [group["group"] for group in result.checks[0].details["groups"]] == [
        "sex=f, race=u",
        "sex=f, race=v",
        "sex=f, race=w",
        "sex=m, race=u",
    ]
    within = MetricFrame(
        metrics=RATE | COUNT,
        sensitive_features=table["sex"],
        control_features=table["race"],
        **options,
    )
    result = parity().run(metric_frame=within)
    ours = parity(sensitive="sex", by="race").run(X=table.reset_index(drop=True), y_pred="p")
    assert [compared(c) for c in result.checks] == [compared(c) for c in ours.checks]
    assert result.checks[1].reason == (
        "`demographic_parity_difference` where race=v is undefined; sex=f is the only group; at "
        "least two are needed (limit: at most 0.3)"
    )
    rest = parity(small_groups="exclude").run(metric_frame=within)
    assert rest.note == (
        "excluded groups: race=v (fewer than two groups have enough rows), race=w (fewer than "
        "two groups "
        "have enough rows)"
    )
