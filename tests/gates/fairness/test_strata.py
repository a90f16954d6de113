"""Fairness within strata, with a reference group, and without labels."""

import numpy as np
import pandas as pd
import pytest
from example_counts import examples
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate
from hypothesis import given
from hypothesis import strategies as st
from newcombe import newcombe_interval

import mlgates as mg
from mlgates.gates.fairness import rates
from mlgates.predictions import crossing

PARITY = "demographic_parity_difference"


def shares(*groups: tuple[str, ...], rows: int = 100, **columns: str) -> pd.DataFrame:
    """Return a table of rows; each group is (share of 1 in `p`, value of each column)."""
    names = ["p", *columns]
    parts = [
        pd.DataFrame(dict(zip(names, [np.arange(rows) < float(g[0]) * rows, *g[1:]], strict=True)))
        for g in groups
    ]
    table = pd.concat(parts, ignore_index=True)
    table["p"] = table["p"].astype(int)
    return table


#: Overall equal; within each department men are selected more often.
DEPARTMENTS = shares(
    ("0.2", "f", "a"), ("0.5", "m", "a"), ("0.5", "f", "b"), ("0.6", "m", "b"), sex="", dept=""
)


def run(gate: mg.Fairness, table: pd.DataFrame, **others: object) -> mg.GateResult:
    return gate.run(X=table, y_pred="p", **others)


def parity(at_most: float = 0.15, **options: object) -> mg.Fairness:
    return mg.Fairness(PARITY, at_most=at_most, sensitive="sex", **options)


def reasons(result: mg.GateResult) -> list[str]:
    return [check.reason for check in result.checks]


# Strata


def test_each_stratum_has_a_check():
    result = run(parity(by="dept"), DEPARTMENTS)
    assert [(check.group, check.verdict, check.value) for check in result.checks] == [
        ("dept=a", "fail", 0.3),
        ("dept=b", "pass", 0.1),
    ]
    assert reasons(result) == [
        (
            f"`{PARITY}` where dept=a is 0.3 between sex=f (0.2) and sex=m (0.5) (n = 200 in 2 "
            "groups); the limit is at most 0.15"
        ),
        (
            f"`{PARITY}` where dept=b is 0.1 between sex=f (0.5) and sex=m (0.6) (n = 200 in 2 "
            "groups); the limit is at most 0.15"
        ),
    ]


def test_strata_by_conditions_may_overlap_and_fail_alone():
    by = {
        "all": "true or dept == 'a'",
        "a": "dept == 'a'",
        "typo": "dpt == 'a'",
        "c": "dept == 'c'",
    }
    result = run(parity(by=by), DEPARTMENTS)
    assert [(check.group, check.verdict, check.n) for check in result.checks] == [
        ("typo", "error", 0),
        ("all", "fail", 400),
        ("a", "fail", 200),
        ("c", "inconclusive", 0),
    ]
    assert reasons(result)[0] == (
        f"`{PARITY}` in slice `typo` could not be judged: the condition of slice 'typo': column "
        "'dpt' was not found in `X`; did you mean 'dept'?"
    )
    assert reasons(result)[3] == (
        f"`{PARITY}` in slice `c` is undefined; no rows to measure (limit: at most 0.15)"
    )


def test_rows_without_a_value_are_a_stratum():
    table = DEPARTMENTS.assign(dept=DEPARTMENTS["dept"].where(DEPARTMENTS["dept"] == "a"))
    assert [check.group for check in run(parity(by="dept"), table).checks] == [
        "dept=a",
        "dept=missing",
    ]


def test_a_stratum_with_one_group_is_undecided_or_excluded():
    table = pd.concat([DEPARTMENTS, shares(("0.5", "m", "c"), sex="", dept="")])
    table = table.reset_index(drop=True)
    result = run(parity(0.4, by="dept"), table)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert reasons(result)[2:] == [
        (
            f"`{PARITY}` where dept=c is undefined; sex=m is the only group; at least two are "
            "needed (limit: at most 0.4)"
        ),
        "`selection_rate` where dept=c can't be compared for sex=f: no rows",
    ]
    assert [check.group for check in result.checks][2:] == ["dept=c", "dept=c, sex=f"]
    rest = run(parity(0.4, by="dept", small_groups="exclude"), table)
    assert rest.verdict is mg.Verdict.PASS
    assert rest.note == "excluded groups: dept=c (fewer than two groups have enough rows)"
    nothing = run(parity(by="dept", small_groups="exclude", min_group_size=101), table)
    assert reasons(nothing) == [
        (
            f"`{PARITY}` can't be checked: all slices of `by` are excluded, because fewer than two "
            "of their groups have enough rows"
        )
    ]


def test_an_excluded_group_is_named_with_its_stratum():
    table = pd.concat([DEPARTMENTS, shares(("0.5", "x", "a"), sex="", dept="", rows=20)])
    table = table.reset_index(drop=True)
    result = run(parity(0.4, by="dept", small_groups="exclude"), table)
    assert result.note == "excluded groups: dept=a, sex=x (20 rows), dept=b, sex=x (0 rows)"
    blocked = run(parity(0.4, by="dept"), table)
    assert reasons(blocked)[1] == (
        "`selection_rate` where dept=a can't be compared for sex=x: 20 rows, at least 30 are needed"
    )


def test_crossed_groups_without_rows_in_a_stratum_are_named():
    table = shares(("0.5", "f", "u", "a"), ("0.5", "m", "v", "a"), sex="", race="", dept="")
    other = shares(("0.5", "f", "u", "b"), ("0.5", "f", "v", "b"), sex="", race="", dept="")
    table = pd.concat([table, other], ignore_index=True)
    gate = mg.Fairness(PARITY, at_most=0.1, sensitive=["sex", "race"], by="dept")
    assert [check.group for check in run(gate, table).checks] == [
        "dept=a",
        "dept=a, sex=f, race=v",
        "dept=b",
        "dept=b, sex=m, race=v",
    ]


def test_p_values_are_adjusted_by_holm_over_the_strata():
    alone = [
        run(parity(0.02), DEPARTMENTS[DEPARTMENTS["dept"] == dept].reset_index(drop=True)).checks[0]
        for dept in "ab"
    ]
    within = run(parity(0.02, by="dept"), DEPARTMENTS).checks
    p_values = [check.p_value for check in alone]
    assert [check.p_value for check in within] == pytest.approx([2 * p_values[0], p_values[1]])
    # the gap that is expected by chance is that of the smallest level
    assert within[1].details["chance"] > alone[1].details["chance"]


def test_intervals_have_holms_levels_over_the_strata():
    within = run(parity(0.1, by="dept", decide_by="interval"), DEPARTMENTS).checks
    assert [check.confidence for check in within] == [0.975, 0.95]
    assert [check.verdict for check in within] == ["fail", "inconclusive"]
    low, high = newcombe_interval(50, 100, 20, 100, 0.975)
    assert within[0].interval == pytest.approx((low, high))


def test_strata_of_two_rates_name_the_rate_that_has_no_ratio():
    table = DEPARTMENTS.assign(y=1)
    gate = mg.Fairness("equalized_odds_ratio", at_least=0.2, sensitive="sex", by="dept")
    result = run(gate, table, y_true="y")
    assert [check.group for check in result.checks][:4] == [
        "dept=a",
        "dept=a, sex=f",
        "dept=a, sex=m",
        "dept=a",
    ]
    assert reasons(result)[3] == (
        "the ratio of `false_positive_rate` between groups is undefined: fewer than two groups "
        "can be compared"
    )


@examples(30)
@given(st.integers(0, 10_000), st.sampled_from(["selection_rate", "true_positive_rate"]))
def test_values_in_strata_are_fairlearns(seed, name):
    rng = np.random.default_rng(seed)
    n = 1_200  # enough that each group has 10 positives
    table = pd.DataFrame(
        {"sex": rng.choice(list("fmx"), n), "dept": rng.choice(list("abc"), n)}
        | {"p": rng.integers(0, 2, n), "y": rng.integers(0, 2, n)}
    )
    function = {"selection_rate": selection_rate, "true_positive_rate": true_positive_rate}[name]
    frame = MetricFrame(
        metrics=function,
        y_true=table["y"],
        y_pred=table["p"],
        sensitive_features=table["sex"],
        control_features=table["dept"],
    )
    options = {"sensitive": "sex", "by": "dept", "min_group_size": 1, "decide_by": "estimate"}
    gates = [
        mg.Fairness(f"{name}_difference", at_most=1, **options),
        mg.Fairness(f"{name}_ratio", at_least=0, **options),
    ]
    for gate, theirs in zip(gates, [frame.difference(), frame.ratio()], strict=True):
        ours = {
            c.group: c.value for c in run(gate, table, y_true="y").checks if c.metric == gate.metric
        }
        known = {group: value for group, value in ours.items() if value is not None}
        assert known == pytest.approx(
            {k: theirs[k.removeprefix("dept=")] for k in known}, rel=1e-12
        )


# A reference group


THREE = shares(("0.3", "f"), ("0.5", "m"), ("0.6", "x"), sex="")


@pytest.mark.parametrize("reference", ["m", "sex=m", {"sex": "m"}, (("sex", "m"),)])
def test_groups_are_compared_with_the_reference_alone(reference):
    gate = parity(0.25, reference_group=reference)
    check = run(gate, THREE).checks[0]
    assert (check.verdict, check.value) == ("pass", 0.2)
    assert check.details["reference"] == "sex=m"
    assert check.details["worst"] == ("sex=f", "sex=m")
    assert check.method == "Newcombe for all pairs with the reference group"
    assert run(parity(0.25), THREE).checks[0].value == 0.3
    assert eval(repr(gate), {"Fairness": mg.Fairness}) == gate  # noqa: S307
    suite = mg.GateSuite([gate])
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


def test_pairs_with_the_reference_have_sidaks_level():
    check = run(parity(0.1, reference_group="m"), THREE).checks[0]
    level = 0.95**0.5
    (low, high) = newcombe_interval(50, 100, 30, 100, level)
    far = newcombe_interval(60, 100, 50, 100, level)
    assert check.interval == pytest.approx((max(low, far[0], 0), max(high, far[1])))
    two = run(parity(0.1, reference_group="f"), THREE[THREE["sex"] != "x"].reset_index(drop=True))
    plain = run(parity(0.1), THREE[THREE["sex"] != "x"].reset_index(drop=True)).checks[0]
    assert (two.checks[0].interval, two.checks[0].p_value) == (plain.interval, plain.p_value)
    pair = run(parity(0.1), THREE[THREE["sex"] != "x"].reset_index(drop=True)).checks[0].p_value
    assert check.p_value == pytest.approx(1 - (1 - pair) ** 2)


def test_ratios_with_the_reference():
    gate = mg.Fairness(
        "demographic_parity_ratio", at_least=0.8, sensitive="sex", reference_group="f"
    )
    check = run(gate, THREE).checks[0]
    assert (check.value, check.details["worst"]) == (0.5, ("sex=f", "sex=x"))
    nobody = shares(("0", "f"), ("0", "m"), ("0.6", "x"), sex="")
    assert run(gate, nobody).checks[0].value == 0


@pytest.mark.parametrize(
    ("reference", "options", "reason"),
    [
        (
            "n",
            {},
            "the reference group sex=n has no rows; the groups are sex=f, sex=m, sex=x",
        ),
        (
            "M",
            {},
            (
                "the reference group sex=M has no rows; the groups are sex=f, sex=m, sex=x; did "
                "you mean 'm'?"
            ),
        ),
        (
            "m",
            {"min_group_size": 101},
            "the reference group sex=m can't be compared: 100 rows, at least 101 are needed",
        ),
        (
            "m",
            {"min_group_size": 101, "small_groups": "exclude"},
            "the reference group sex=m can't be compared: 100 rows, at least 101 are needed",
        ),
    ],
)
def test_without_its_reference_group_nothing_is_compared(reference, options, reason):
    result = run(parity(0.9, reference_group=reference, inconclusive="allow", **options), THREE)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert reasons(result)[0] == f"`{PARITY}` is undefined; {reason} (limit: at most 0.9)"
    suite = mg.GateSuite([parity(0.9, reference_group=reference, inconclusive="allow", **options)])
    assert not suite.run(X=THREE, y_pred="p").passed


def test_a_stratum_without_the_reference_group_is_undecided_or_excluded():
    table = shares(("0.3", "f", "a"), ("0.3", "m", "a"), ("0.3", "f", "b"), sex="", dept="")
    result = run(parity(by="dept", reference_group="m"), table)
    assert reasons(result)[1] == (
        f"`{PARITY}` where dept=b is undefined; sex=f is the only group; at least two are needed "
        "(limit: at most 0.15)"
    )
    rest = run(parity(by="dept", reference_group="m", small_groups="exclude"), table)
    assert rest.verdict is mg.Verdict.PASS
    assert rest.note == "excluded groups: dept=b (fewer than two groups have enough rows)"


CROSSED = shares(("0.3", "f", "u"), ("0.5", "m", "u"), ("0.5", "m", "v"), sex="", race="")


def test_the_reference_of_crossed_features():
    gate = mg.Fairness(PARITY, at_most=0.25, sensitive=["sex", "race"])
    for reference in ({"race": "u", "sex": "m"}, "sex=m, race=u"):
        check = run(mg.Fairness(PARITY, at_most=0.25, sensitive=gate.sensitive,
                                reference_group=reference), CROSSED).checks[0]  # fmt: skip
        assert check.details["reference"] == "sex=m, race=u"
    result = run(
        mg.Fairness(PARITY, at_most=0.25, sensitive=gate.sensitive, reference_group="sex=m"),
        CROSSED,
    )
    assert result.verdict is mg.Verdict.ERROR
    assert result.reason == (
        "`reference_group` must be one group of sex and race: pass a mapping of each feature to a "
        "value, or the name of a group, got 'sex=m'"
    )
    result = mg.Fairness(PARITY, at_most=0.25, reference_group={"sex": "m"}).run(
        y_pred=CROSSED["p"], sensitive_features=CROSSED[["sex", "race"]]
    )
    assert result.reason == (
        "`reference_group` must have one value of each sensitive feature (sex, race), got values "
        "of sex"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"reference_group": ["m"]},
            (
                "Fairness: `reference_group` must be a value, the name of a group, or a mapping of "
                "each sensitive feature to a value, got ['m']"
            ),
        ),
        (
            {"reference_group": {}},
            (
                "Fairness: `reference_group` must be a value, the name of a group, or a mapping of "
                "each sensitive feature to a value, got {}"
            ),
        ),
        (
            {"reference_group": {"sex": "m"}, "sensitive": ["sex", "race"]},
            (
                "Fairness: `reference_group` must be a mapping with one value for each name in "
                "`sensitive` ('sex', 'race'), got {'sex': 'm'}"
            ),
        ),
        (
            {"reference_group": float("nan")},
            (
                "Fairness: `reference_group` must be a finite number, string, bool, date or "
                "datetime, got nan"
            ),
        ),
        (
            {"by": {"a": "sex = 'm'"}},
            "Fairness: `by['a']`: at character 5 of \"sex = 'm'\": unexpected '='; write `==`",
        ),
        (
            {"by": []},
            "Fairness: `by` must be a name or a non-empty sequence of names, got []",
        ),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Fairness(PARITY, at_most=0.1, **options)
    assert str(caught.value) == message


def test_the_worst_group_has_no_reference():
    with pytest.raises(mg.OptionError) as caught:
        mg.Fairness("recall_group_min", at_least=0.1, reference_group="m")
    assert str(caught.value) == (
        "Fairness: `reference_group` must be left out for `recall_group_min`, got 'm': single "
        "groups are compared with the limit, not with each other"
    )


# Selection rates without labels


@pytest.mark.parametrize("metric", [PARITY, "selection_rate_ratio", "selection_rate_group_min"])
def test_selection_rates_need_no_labels(metric):
    side = {"at_most": 0.25} if metric == PARITY else {"at_least": 0.2}
    gate = mg.Fairness(metric, **side, sensitive="sex")
    assert gate.needs == frozenset()
    with_labels = run(gate, THREE, y_true=1 - THREE["p"])
    assert run(gate, THREE).checks == with_labels.checks


def test_other_rates_need_labels():
    gate = mg.Fairness("equal_opportunity_difference", at_most=0.25, sensitive="sex")
    assert gate.needs == {"y_true"}
    assert run(gate, THREE).reason == "the gate needs `y_true`, which was not given"
    assert mg.Fairness(PARITY, at_most=0.1).needs == {"sensitive_features"}


class Selects:
    classes_ = np.array(["no", "yes"])

    def predict(self, table):
        return np.where(table["p"] == 1, "yes", "no")


def test_a_model_selects_without_labels():
    given = {"X": THREE, "model": Selects()}
    assert parity(0.9).run(**given, pos_label="yes").checks[0].value == 0.3
    assert parity(0.9).run(**given).reason == (
        "`selection_rate` needs `pos_label`, for example pos_label='yes'; the labels are 'no', "
        "'yes'"
    )
    nobody = parity(0.9).run(X=THREE.assign(p=0), y_pred="p")
    assert reasons(nobody) == [
        (
            f"`{PARITY}` is 0 between sex=f (0) and sex=m (0) (n = 300 in 3 groups); nothing to "
            "compare: no row of any group is predicted positive (limit: at most 0.9)"
        )
    ]


def test_performance_of_a_selection_rate_needs_no_labels():
    gate = mg.Performance("selection_rate", at_least=0.2, by="sex")
    assert [check.value for check in run(gate, THREE).checks] == [0.3, 0.5, 0.6]
    assert gate.needs == frozenset()
    assert mg.Performance("recall", at_least=0.2).needs == {"y_true"}


# One pass over the rows


def test_gates_over_different_features_share_one_pass(monkeypatch):
    rng = np.random.default_rng(0)
    n = 5_000
    table = pd.DataFrame({name: rng.choice(list("abc"), n) for name in ("u", "v", "w")})
    table["p"], table["y"] = rng.integers(0, 2, n), rng.integers(0, 2, n)
    table["age"] = rng.integers(0, 99, n)
    calls = {"columns": 0, "counts": 0, "cells": []}

    def counting(name, function):
        def counted(codes, *args):
            calls[name] += len(codes) == n
            return function(codes, *args)

        return counted

    def confusion(true, *args):
        calls["cells"].append(len(true))
        return plain(true, *args)

    plain = rates.confusion
    monkeypatch.setattr(crossing, "renumber", counting("columns", crossing.renumber))
    monkeypatch.setattr(rates, "renumber", counting("counts", rates.renumber))
    monkeypatch.setattr(rates, "confusion", confusion)
    gates = [
        parity_of("u"),
        parity_of("v"),
        parity_of(["u", "w"]),
        parity_of("u", by="v"),
        parity_of("v", by={"old": "age > 60", "young": "age < 30"}),
        mg.Fairness("equalized_odds_difference", at_most=0.5, sensitive="w"),
        mg.Fairness("recall_group_min", at_least=0.1, sensitive="v"),
        parity_of("not there"),
    ]
    report = mg.GateSuite(gates).run(X=table, y_true="y", y_pred="p")
    verdicts = [str(result.verdict) for result in report.results]
    assert verdicts == ["pass"] * 7 + ["error"]
    # three features, a column and two conditions are read once, and rows are counted once
    assert (calls["columns"], calls["counts"]) == (6, 1)
    # after that, only the cells are added up: 27 of columns, by two conditions and two labels
    assert max(calls["cells"]) <= 27 * 3 * 4
    alone = [gate.run(X=table, y_true="y", y_pred="p") for gate in gates]
    assert [one.checks for one in alone] == [result.checks for result in report.results]


def parity_of(sensitive, **options):
    name = f"{sensitive}/{options.get('by')}"
    return mg.Fairness(PARITY, at_most=0.3, sensitive=sensitive, name=name, **options)


@examples(40)
@given(st.integers(0, 10_000))
def test_cells_are_counted_as_rows_are(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    table = {name: rng.choice(["a", "b", None], n).tolist() for name in ("u", "v")}
    y, p = (rng.integers(0, 2, n) for _ in range(2))
    weight = rng.random(n) * (rng.random(n) < 0.8) if seed % 2 else None
    options = {"min_group_size": 1, "decide_by": "estimate"}
    gates = [
        mg.Fairness(PARITY, at_most=0.5, sensitive="u", by="v", **options),
        mg.Fairness("equalized_odds_difference", at_most=0.5, sensitive=["u", "v"], **options),
    ]
    evidence = {"X": table, "y_true": y, "y_pred": p, "sample_weight": weight}
    shared = mg.GateSuite(gates).run(**evidence)
    u, v = (np.array(["missing" if x is None else x for x in table[name]]) for name in table)
    w = np.ones(n) if weight is None else weight
    for check in shared.results[0].checks:
        for group in check.details.get("groups", ()):
            stratum = check.group.split(",")[0].removeprefix("v=")
            inside = (v == stratum) & (u == group["group"].removeprefix("u="))
            assert group["n"] == np.count_nonzero(inside & (w > 0))
            if w[inside].sum() > 0:
                assert group["value"] == pytest.approx((w * p)[inside].sum() / w[inside].sum())
