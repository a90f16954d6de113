"""Fairness: names, limits, values against fairlearn, and the three rules."""

import math
import re

import numpy as np
import pandas as pd
import pytest
from example_counts import examples
from fairlearn import metrics as fairlearn
from gate_examples import ROWS, Example
from hypothesis import given
from hypothesis import strategies as st
from newcombe import newcombe_interval
from sampling import in_turn
from scipy import stats
from sklearn import metrics as sklearn

import mlgates as mg
from mlgates.gates.fairness import definition
from mlgates.stats.proportions import pair_level, range_sf, wilson_interval
from mlgates.stats.two_by_two import two_proportions_pvalue

DEFINITIONS = [
    f"{name}_{over}"
    for name in ("demographic_parity", "equalized_odds", "equal_opportunity")
    for over in ("difference", "ratio")
]
GENERATED = [
    "true_positive_rate_difference",
    "true_positive_rate_ratio",
    "true_negative_rate_difference",
    "true_negative_rate_ratio",
    "false_positive_rate_difference",
    "false_positive_rate_ratio",
    "false_negative_rate_difference",
    "false_negative_rate_ratio",
    "selection_rate_difference",
    "selection_rate_ratio",
    "accuracy_score_difference",
    "accuracy_score_ratio",
    "accuracy_score_group_min",
    "zero_one_loss_difference",
    "zero_one_loss_ratio",
    "zero_one_loss_group_max",
    "balanced_accuracy_score_group_min",
    "precision_score_group_min",
    "recall_score_group_min",
    "f1_score_group_min",
]
ON_SCORES = ["roc_auc_score_group_min", "log_loss_group_max"]
ON_VALUES = [
    "mean_absolute_error_group_max",
    "mean_squared_error_group_max",
    "root_mean_squared_error_group_max",
    "r2_score_group_min",
]


def fair(metric: object, limit: float | None = None, **options: object) -> mg.Fairness:
    """Return a gate with the limit as `at_most` or `at_least`, as its metric requires."""
    named = metric if isinstance(metric, str) else "difference"
    side = "at_least" if named.endswith(("_ratio", "_group_min")) else "at_most"
    loose = {"_ratio": 0.0, "_group_min": 0.0}.get("_ratio" if "_ratio" in named else "", 1.0)
    return mg.Fairness(metric, **{side: loose if limit is None else limit}, **options)


def drawn(seed: int, sizes: list[int], shares: list[float], signal: float = 0.3):
    """Labels, predictions, groups."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    true = (rng.random(len(group)) < 0.5).astype(int)
    told = rng.random(len(group)) < np.array(shares)[group] + signal * (true - 0.5)
    return true, told.astype(int), group


def counted(*shares: tuple[int, int]) -> dict[str, object]:
    """Return evidence with the given numbers of selected rows and of all rows in each group."""
    told = np.concatenate([np.arange(n) < x for x, n in shares]).astype(int)
    group = np.repeat([f"g{i}" for i in range(len(shares))], [n for _, n in shares])
    return {"y_true": told, "y_pred": told, "sensitive_features": {"g": group}}


PARITY = "demographic_parity_difference"


# Names


@pytest.mark.parametrize("name", DEFINITIONS + GENERATED + ON_SCORES + ON_VALUES)
def test_fairlearns_names_are_known(name):
    assert fair(name).name == f"fairness:{name}"


def test_every_metric_has_four_definitions():
    from mlgates.metrics import NAMES

    for name in NAMES:
        for over in ("difference", "ratio", "group_min", "group_max"):
            assert definition(f"{name}_{over}", None).rates[0].name == name


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("demographic_parity", "demographic_parity_"),
        ("demografic_parity_difference", "'demographic_parity_difference'"),
        ("Equalized_Odds_Ratio", "'equalized_odds_ratio'"),
        ("accuracy", "'accuracy_"),
        ("equalized_odds_group_min", "equalized_odds_"),
        ("recal_group_min", "'recall_group_min'"),
        ("roc_auc_diff", "'roc_auc_difference'"),
        ("_difference", ""),
        ("difference", ""),
    ],
)
def test_unknown_name_shows_the_nearest(name, near):
    with pytest.raises(mg.OptionError, match="Fairness: `metric` must be") as caught:
        mg.Fairness(name, at_most=0.1)
    assert near in str(caught.value).rpartition("got")[2]


# Limits


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        (PARITY, {"at_least": 0.8}, "`at_least` must be left out.*takes `at_most`"),
        ("demographic_parity_ratio", {"at_most": 0.8}, "`at_most` must be left out.*`at_least`"),
        ("accuracy_group_min", {"at_most": 0.8}, "`at_most` must be left out.*`at_least`"),
        ("accuracy_group_max", {"at_least": 0.8}, "`at_least` must be left out.*`at_most`"),
        (PARITY, {}, "`at_most` must be given"),
        ("demographic_parity_ratio", {}, "`at_least` must be given"),
        (PARITY, {"at_most": 10}, "shares are not percentages: write 0.1"),
        (PARITY, {"at_most": -0.1}, "at least 0 and at most 1"),
        ("demographic_parity_ratio", {"at_least": 80}, "write 0.8"),
        ("demographic_parity_ratio", {"at_least": 1.25}, "must be between 0 and 1"),
        ("recall_group_min", {"at_least": 95}, "write 0.95"),
        ("matthews_corrcoef_difference", {"at_most": 3}, "at most 2"),
        ("mean_absolute_error_difference", {"at_most": -1}, "at least 0"),
        ("r2_group_min", {"at_least": 1.5}, "at most 1"),
        (PARITY, {"at_most": 0.1, "at_least": 0.0}, "`at_least` must be left out"),
        (PARITY, {"at_most": 0.1, "greater_is_better": True}, "`greater_is_better`.*left out"),
        (PARITY, {"at_most": 0.1, "min_group_size": 0}, "`min_group_size`"),
        (PARITY, {"at_most": 0.1, "significance": 0.9}, "`significance`"),
        (PARITY, {"at_most": 0.1, "confidence": 95}, "`confidence`.*0.95"),
        (PARITY, {"at_most": 0.1, "confidence": None}, "`confidence` must be .*needs intervals"),
        (PARITY, {"at_most": 0.1, "resamples": 10}, "`resamples` must be"),
        (PARITY, {"at_most": 0.1, "small_groups": "drop"}, "`small_groups`"),
    ],
)
def test_wrong_limits_and_options_are_refused(name, given, message):
    with pytest.raises(mg.OptionError, match=message):
        mg.Fairness(name, **given)


def test_limits_of_unbounded_metrics():
    assert mg.Fairness("mean_absolute_error_difference", at_most=250).at_most == 250
    assert mg.Fairness("r2_group_min", at_least=-3).at_least == -3


# Values


def value_of(name: str, evidence: dict[str, object], **options: object) -> float:
    options = {"min_group_size": 1, "decide_by": "estimate"} | options
    result = fair(name, **options).run(**evidence)
    assert result.checks[0].value is not None, result.reason
    return result.checks[0].value


def assert_fairlearns(name: str, seed: int, sizes: list[int], share: float, weighted: bool) -> None:
    shares = np.linspace(share, 0.5, len(sizes)).tolist()
    true, told, group = drawn(seed, sizes, shares)
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": group}
    theirs = {}
    if weighted:
        weight = np.random.default_rng(seed).uniform(0.5, 2, len(true))
        evidence["sample_weight"] = theirs["sample_weight"] = weight
    expected = getattr(fairlearn, name)(true, told, sensitive_features=group, **theirs)
    assert value_of(name, evidence) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "weighted"),
    in_turn({name: name for name in DEFINITIONS + GENERATED}, {"plain": False, "weighted": True}),
)
def test_value_is_fairlearns(name, weighted):
    assert_fairlearns(name, 41, [130, 90, 200], 0.4, weighted)


@pytest.mark.slow
@examples(50)
@given(
    name=st.sampled_from(DEFINITIONS + GENERATED),
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(60, 300), min_size=2, max_size=6),
    share=st.floats(0.3, 0.7),
    weighted=st.booleans(),
)
def test_value_is_fairlearns_of_any_groups(name, seed, sizes, share, weighted):
    assert_fairlearns(name, seed, sizes, share, weighted)


@pytest.mark.parametrize("name", ON_SCORES)
def test_value_of_scores_is_fairlearns(name):
    true, _, group = drawn(3, [150, 200, 90], [0.5] * 3)
    score = np.clip(0.5 + 0.2 * (true - 0.5) + 0.1 * np.sin(np.arange(len(true))), 0, 1)
    expected = getattr(fairlearn, name)(true, score, sensitive_features=group)
    evidence = {"y_true": true, "y_score": score, "sensitive_features": group}
    assert value_of(name, evidence) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ON_VALUES)
def test_value_of_numbers_is_fairlearns(name):
    rng = np.random.default_rng(5)
    group = rng.choice(["a", "b", "c"], 400)
    true = rng.normal(0, 1, 400)
    told = true + rng.normal(0, 0.4, 400)
    function = getattr(sklearn, name.removesuffix("_group_max").removesuffix("_group_min"))
    frame = fairlearn.MetricFrame(
        metrics=function, y_true=true, y_pred=told, sensitive_features=group
    )
    expected = frame.group_max() if name.endswith("max") else frame.group_min()
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": group}
    assert value_of(name, evidence) == pytest.approx(expected, abs=1e-12)


def test_several_features_are_crossed_as_in_fairlearn():
    true, told, _ = drawn(7, [900], [0.5])
    rng = np.random.default_rng(7)
    features = pd.DataFrame(
        {"sex": rng.choice(["f", "m"], 900), "race": rng.choice([1, 2, 3], 900)}
    )
    expected = fairlearn.equalized_odds_difference(true, told, sensitive_features=features)
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": features}
    assert value_of("equalized_odds_difference", evidence) == pytest.approx(expected, abs=1e-12)
    groups = fair(PARITY).run(**evidence).checks[0].details["groups"]
    assert len(groups) == 6
    assert groups[0]["group"] == "sex=f, race=1"


def test_function_is_judged_by_its_difference():
    def hits(y_true, y_pred):
        return float(np.mean(y_true == y_pred))

    true, told, group = drawn(9, [200, 300], [0.4, 0.5])
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": group}
    gate = mg.Fairness(hits, at_most=0.5, greater_is_better=True)
    result = gate.run(**evidence)
    assert gate.name == "fairness:hits_difference"
    assert result.passed
    expected = fairlearn.MetricFrame(
        metrics=sklearn.accuracy_score, y_true=true, y_pred=told, sensitive_features=group
    ).difference()
    assert result.checks[0].value == pytest.approx(expected, abs=1e-12)
    assert result.checks[0].interval is not None


@pytest.mark.parametrize(
    ("given", "calls"),
    [
        ({"decide_by": "estimate", "confidence": None}, 3),
        ({"decide_by": "estimate"}, 3 * 251),
        ({"resamples": 100}, 3 * 126),
        ({"resamples": 2_000}, 3 * 2_201),
    ],
)
@pytest.mark.parametrize("rows_differ", [True, False])
def test_a_function_is_called_as_often_as_the_interval_needs(given, calls, rows_differ):
    counted = []

    def hits(y_true, y_pred):
        counted.append(len(y_true))
        return float(np.mean(y_true == (y_pred > 0.5)))

    true, told, group = drawn(9, [200, 200, 200], [0.5] * 3)
    if rows_differ:
        told = (told + np.random.default_rng(9).random(600)) / 2
    gate = mg.Fairness(hits, at_most=0.5, greater_is_better=True, **given)
    check = gate.run(y_true=true, y_pred=told, sensitive_features=group).checks[0]
    assert check.passed
    if rows_differ or "confidence" in given:
        assert len(counted) == pytest.approx(calls, abs=3)
    else:
        assert len(counted) <= 3 * 66
    assert (check.interval is None) is (check.p_value is None) is ("confidence" in given)


def test_without_confidence_no_metric_has_an_interval():
    evidence = counted((60, 100), (70, 100))
    for name in (PARITY, "demographic_parity_ratio", "accuracy_group_min", "f1_difference"):
        gate = fair(name, decide_by="estimate", confidence=None)
        with_interval = fair(name, decide_by="estimate").run(**evidence).checks[0]
        check = gate.run(**evidence).checks[0]
        assert (check.verdict, check.value) == (with_interval.verdict, with_interval.value)
        assert (check.interval, check.p_value) == (None, None)


# Intervals


def test_groups_have_wilsons_intervals_by_their_own_denominator():
    true, told, group = drawn(11, [200, 260], [0.4, 0.5])
    check = (
        fair("recall_difference")
        .run(y_true=true, y_pred=told, sensitive_features={"sex": group})
        .checks[0]
    )
    for g, shown in enumerate(check.details["groups"]):
        positives = int(true[group == g].sum())
        hits = int((true * told)[group == g].sum())
        low, high = wilson_interval(hits, positives)
        assert shown["group"] == f"sex={g}"
        assert shown["n"] == (group == g).sum()
        assert shown["denominator"] == positives
        assert shown["value"] == pytest.approx(hits / positives)
        assert (shown["low"], shown["high"]) == pytest.approx((float(low), float(high)))
        assert shown["note"] == ""
    assert check.details["worst"] == ("sex=0", "sex=1")


@pytest.mark.parametrize(("counts", "newcombe"), [((56, 70, 48, 80), (0.0524, 0.3339))])
def test_interval_of_two_groups_is_newcombes(counts, newcombe):
    x1, n1, x2, n2 = counts
    check = fair(PARITY).run(**counted((x1, n1), (x2, n2))).checks[0]
    assert check.interval == pytest.approx(newcombe, abs=6e-5)
    assert check.p_value == pytest.approx(two_proportions_pvalue(x1, n1, x2, n2))
    assert check.confidence == 0.95
    assert check.method == "Newcombe for all pairs"


def test_interval_of_many_groups_is_the_widest_of_all_pairs():
    shares = [(40, 100), (50, 100), (30, 60), (200, 500)]
    check = fair(PARITY).run(**counted(*shares)).checks[0]
    level = pair_level(0.95, 4)
    ends = [
        newcombe_interval(*shares[i], *shares[j], level)
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    assert check.interval == pytest.approx(
        (max(0.0, *(low for low, _ in ends)), max(high for _, high in ends))
    )


def test_p_value_is_that_of_the_studentized_range():
    check = fair(PARITY).run(**counted((50, 100), (50, 100), (70, 100))).checks[0]
    z = 0.2 / math.sqrt(0.6 * 0.4 * 2 / 100)
    assert check.p_value == pytest.approx(float(range_sf(z * math.sqrt(2), 3)))


def test_equalized_odds_share_the_level_between_two_rates():
    true, told, group = drawn(13, [300, 300], [0.4, 0.5])
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": group}
    check = fair("equalized_odds_difference").run(**evidence).checks[0]
    parts = [
        fair(f"{rate}_difference", confidence=0.975).run(**evidence).checks[0]
        for rate in ("true_positive_rate", "false_positive_rate")
    ]
    assert check.value == max(part.value for part in parts)
    assert check.interval == tuple(max(part.interval[end] for part in parts) for end in (0, 1))
    assert check.p_value == pytest.approx(min(1, 2 * min(part.p_value for part in parts)))
    assert set(check.details["rates"]) == {"true_positive_rate", "false_positive_rate"}


def test_interval_of_a_ratio_is_koopmans():
    check = fair("demographic_parity_ratio").run(**counted((48, 80), (56, 70))).checks[0]
    # statsmodels 0.15.0, score interval of (56 / 70) / (48 / 80): 1.079822 to 1.670806
    assert check.interval == pytest.approx((1 / 1.670806, 1 / 1.079822), rel=1e-5)
    assert check.value == pytest.approx(0.75)


def test_ratio_with_nobody_selected_in_one_group_has_an_upper_bound():
    check = fair("demographic_parity_ratio", 0.8).run(**counted((0, 60), (30, 60))).checks[0]
    assert check.value == 0
    assert check.interval[0] == 0
    assert 0 < check.interval[1] < 0.3
    assert check.verdict is mg.Verdict.FAIL


def test_metrics_that_are_no_shares_combine_their_own_intervals():
    rng = np.random.default_rng(17)
    group = np.repeat(["a", "b"], 200)
    true = rng.normal(0, 1, 400)
    told = true + rng.normal(0, 1, 400) * np.where(group == "a", 1, 1.5)
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": group}
    check = fair("mean_absolute_error_difference", 0.1).run(**evidence).checks[0]
    errors = [np.abs(true - told)[group == g] for g in ("a", "b")]
    welch = stats.ttest_ind(*errors, equal_var=False).confidence_interval()
    assert check.interval == pytest.approx((-welch.high, -welch.low), abs=0.03)
    assert check.verdict is mg.Verdict.FAIL
    ratio = fair("mean_absolute_error_ratio", 0.9).run(**evidence).checks[0]
    low, high = ratio.interval
    assert low < ratio.value < high < 0.9


def test_smallest_and_largest_of_groups():
    evidence = counted((60, 100), (75, 100), (80, 100))
    least = fair("selection_rate_group_min", 0.5).run(**evidence).checks[0]
    assert least.value == 0.6
    level = 0.95 ** (1 / 3)
    assert least.interval == pytest.approx(wilson_interval(60, 100, level))
    most = fair("selection_rate_group_max", 0.9).run(**evidence).checks[0]
    assert most.value == 0.8
    assert most.interval == pytest.approx(wilson_interval(80, 100, level))
    assert least.details["worst"] == ("g=g0",)


# Verdicts


@pytest.mark.parametrize(
    ("shares", "limit", "verdict"),
    [
        (((31, 100), (49, 100)), 0.1, "fail"),
        (((310, 1_000), (490, 1_000)), 0.1, "fail"),
        (((40, 100), (49, 100)), 0.1, "pass"),
        (((40, 100), (52, 100)), 0.1, "inconclusive"),
        (((40, 100), (50, 100)), 0.1, "pass"),
        (((310, 1_000), (490, 1_000)), 0.18, "pass"),
    ],
)
def test_significance_decides_beyond_the_limit_only(shares, limit, verdict):
    result = fair(PARITY, limit).run(**counted(*shares))
    assert result.verdict == verdict, result.reason


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        (((3_100, 10_000), (4_900, 10_000)), "fail"),
        (((31, 100), (49, 100)), "inconclusive"),
        (((4_000, 10_000), (4_100, 10_000)), "pass"),
        (((40, 100), (41, 100)), "inconclusive"),
    ],
)
def test_interval_decides_on_both_sides(shares, verdict):
    result = fair(PARITY, 0.1, decide_by="interval").run(**counted(*shares))
    assert result.verdict == verdict, result.reason


@pytest.mark.parametrize("rule", ["significance", "estimate"])
def test_limit_is_inclusive_for_shares_that_are_no_floats(rule):
    # 0.4 - 0.3 is more than 0.1, and 0.24 / 0.3 less than 0.8, in floats
    assert fair(PARITY, 0.1, decide_by=rule).run(**counted((30, 100), (40, 100))).passed
    gate = fair("demographic_parity_ratio", 0.8, decide_by=rule)
    assert gate.run(**counted((24, 100), (30, 100))).passed
    assert not gate.run(**counted((23_000, 100_000), (30_000, 100_000))).passed


def test_equal_groups_differ_by_0():
    result = fair(PARITY, 0.1).run(**counted((50, 100), (50, 100), (50, 100)))
    assert result.reason.startswith(
        "`demographic_parity_difference` is 0 between g=g0 (0.5) and g=g1 (0.5)"
    )
    assert result.checks[0].p_value == 1


def test_reason_names_both_groups_with_their_values():
    result = fair(PARITY, 0.1).run(**counted((310, 1_000), (490, 1_000)))
    assert result.reason == (
        "`demographic_parity_difference` is 0.18 between g=g0 (0.31) and g=g1 (0.49) "
        "(n = 2,000 in 2 groups); the limit is at most 0.1"
    )


def test_undecided_reports_the_gap_by_chance_and_how_many_rows_are_enough():
    check = fair(PARITY, 0.1).run(**counted((40, 100), (52, 100))).checks[0]
    assert check.by_chance
    assert "; not significant: differences up to 0.13" in check.reason
    enough = f"about {check.details['rows_needed']:,} rows would be enough to decide"
    assert f" are expected by chance at this sample size; {enough} (" in check.reason
    assert 200 < check.details["rows_needed"] < 600


def test_undecided_by_interval_names_the_widest_pair():
    shares = [(4_000, 10_000), (4_300, 10_000), (21, 50)]
    check = fair(PARITY, 0.1, decide_by="interval").run(**counted(*shares)).checks[0]
    assert check.by_chance
    assert "between g=g0 (0.4) and g=g1 (0.43)" in check.reason
    assert re.search(
        r"\(95 % interval 0\.\d+ to 0\.\d+, n = 20,050 in 3 groups\); the upper end of the "
        r"interval "
        r"comes "
        r"from g=g\d and g=g2; the interval contains the limit; about",
        check.reason,
    )
    assert check.details["rows_needed"] > 20_050


@pytest.mark.parametrize("rule", ["significance", "interval"])
def test_rows_that_are_enough_are_counted_as_given(rule):
    """With weights the effective number of rows is smaller, and the intervals are wider."""
    evidence = counted((80, 200), (104, 200))
    weight = np.where(np.arange(400) % 5 == 0, 10.0, 1.0)
    evidence["sample_weight"] = weight
    gate = fair(PARITY, 0.05, decide_by=rule)
    check = gate.run(**evidence).checks[0]
    assert check.verdict == "inconclusive"
    needed = check.details["rows_needed"]
    assert needed > 400
    times = math.ceil(needed / 400)
    many = {name: np.tile(evidence[name], times) for name in ("y_true", "y_pred", "sample_weight")}
    many["sensitive_features"] = {"g": np.tile(evidence["sensitive_features"]["g"], times)}
    assert gate.run(**many).checks[0].verdict != "inconclusive"


def test_near_the_limit_many_rows_are_needed():
    gate = fair(PARITY, 0.1, decide_by="interval")
    on = gate.run(**counted((40, 100), (50, 100))).checks[0]
    within = gate.run(**counted((45, 100), (45, 100))).checks[0]
    assert on.verdict is within.verdict is mg.Verdict.INCONCLUSIVE
    assert on.details["rows_needed"] > 5 * within.details["rows_needed"]
    exact = fair(PARITY, 0.0).run(**counted((50, 100), (51, 100))).checks[0]
    assert exact.by_chance


@examples(60)
@given(
    sizes=st.lists(st.integers(30, 400), min_size=2, max_size=5),
    shares=st.lists(st.floats(0, 1), min_size=5, max_size=5),
    rule=st.sampled_from(["significance", "interval", "estimate"]),
    over=st.sampled_from(["difference", "ratio", "group_min", "group_max"]),
    limits=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_tighter_limit_never_turns_another_verdict_into_pass(sizes, shares, rule, over, limits):
    counts = [(round(n * s), n) for n, s in zip(sizes, shares, strict=False)]
    evidence = counted(*counts)
    loose, tight = sorted(limits, reverse=over in ("difference", "group_max"))
    name = f"selection_rate_{over}"
    first, second = (fair(name, limit, decide_by=rule).run(**evidence) for limit in (loose, tight))
    assert first.passed or not second.passed
    low, high = first.checks[0].interval or (-math.inf, math.inf)
    value = first.checks[0].value
    assert value is None or low <= value <= high


@examples(40)
@given(
    seed=st.integers(0, 2**32),
    sizes=st.lists(st.integers(20, 200), min_size=1, max_size=5),
    name=st.sampled_from(DEFINITIONS),
    rule=st.sampled_from(["significance", "interval", "estimate"]),
)
def test_equal_weights_change_nothing_but_rounding(seed, sizes, name, rule):
    true, told, group = drawn(seed, sizes, [0.5] * len(sizes))
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": group}
    gate = fair(name, 0.5, decide_by=rule)
    plain, weighted = (
        gate.run(**evidence),
        gate.run(**evidence, sample_weight=np.full(len(true), 1e-200)),
    )
    assert plain.verdict == weighted.verdict
    for one, other in zip(plain.checks, weighted.checks, strict=True):
        assert one.verdict is other.verdict
        if one.value is None:
            assert other.value is None
        else:
            assert one.value == pytest.approx(other.value, abs=1e-9)
            assert one.interval == pytest.approx(other.interval, abs=1e-6)
            assert one.p_value == pytest.approx(other.p_value, abs=1e-6)


def test_order_of_groups_and_their_names_make_no_difference():
    true, told, group = drawn(23, [80, 120, 200], [0.3, 0.5, 0.6])
    renamed = np.array(["z", "y", "x"])[group]
    for name in DEFINITIONS:
        first, second = (
            fair(name, 0.5).run(y_true=true, y_pred=told, sensitive_features=g).checks[0]
            for g in (group, renamed)
        )
        assert first.value == second.value
        assert first.interval == pytest.approx(second.interval)


# Groups that can't be compared


def test_small_group_is_named_and_blocks():
    result = fair(PARITY, 0.5).run(**counted((40, 100), (50, 100), (3, 12)))
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    gap, small = result.checks
    assert gap.verdict is mg.Verdict.PASS
    assert gap.value == pytest.approx(0.1)
    assert small.group == "g=g2"
    assert small.metric == "selection_rate"
    assert small.reason == (
        "`selection_rate` can't be compared for g=g2: 12 rows, at least 30 are needed"
    )
    assert not small.by_chance
    note = gap.details["groups"][2]
    assert note["note"] == "12 rows, at least 30 are needed"
    assert note["value"] == 0.25
    allowed = fair(PARITY, 0.5, inconclusive="allow").run(**counted((40, 100), (50, 100), (3, 12)))
    assert not allowed.passed


def test_excluded_group_is_listed_and_not_compared():
    gate = fair(PARITY, 0.5, small_groups="exclude")
    result = gate.run(**counted((40, 100), (50, 100), (0, 12), (1, 1)))
    assert result.verdict is mg.Verdict.PASS
    assert len(result.checks) == 1
    assert result.checks[0].reason == (
        "`demographic_parity_difference` is 0.1 between g=g0 (0.4) and g=g1 (0.5) "
        "(n = 200 in 2 groups, 2 groups excluded as too small); the limit is at most 0.5"
    )
    assert result.reason.endswith("excluded groups: g=g2 (12 rows), g=g3 (1 row)")
    notes = [group["note"] for group in result.checks[0].details["groups"]]
    assert notes == [
        "",
        "",
        "excluded: 12 rows, at least 30 are needed",
        "excluded: 1 row, at least 30 are needed",
    ]


def test_all_groups_small_is_undecided():
    for small_groups in ("inconclusive", "exclude"):
        gate = fair(PARITY, 0.5, small_groups=small_groups)
        result = gate.run(**counted((4, 10), (5, 10)))
        assert result.verdict is mg.Verdict.INCONCLUSIVE
        assert result.checks[0].value is None


def test_group_of_few_positives_has_no_f1():
    true, told, group = drawn(29, [200, 200, 200], [0.5] * 3)
    true[group == 2] = told[group == 2] = np.arange(200) < 9
    result = fair("f1_difference", 1).run(
        y_true=true, y_pred=told, sensitive_features={"sex": group}
    )
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert result.checks[1].reason == (
        "`f1` can't be compared for sex=2: 9 positives in `y_true` or among the predictions, "
        "at least 10 are needed"
    )


def test_group_without_positives_is_not_estimable():
    true, told, group = drawn(29, [200, 200, 200], [0.5] * 3)
    true[group == 2] = 0
    gate = fair("equal_opportunity_difference", 0.5)
    result = gate.run(y_true=true, y_pred=told, sensitive_features={"sex": group})
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert result.checks[1].reason == (
        "`true_positive_rate` can't be compared for sex=2: no positives in `y_true`, "
        "at least 10 are needed"
    )
    assert result.checks[0].value == pytest.approx(
        fairlearn.equal_opportunity_difference(
            true[group < 2], told[group < 2], sensitive_features=group[group < 2]
        )
    )
    true[np.flatnonzero(group == 2)[0]] = 1
    result = gate.run(y_true=true, y_pred=told, sensitive_features={"sex": group})
    assert "sex=2: 1 positive in `y_true`, at least 10 are needed" in result.checks[1].reason
    excluding = fair("equal_opportunity_difference", 0.5, small_groups="exclude")
    again = excluding.run(y_true=true, y_pred=told, sensitive_features={"sex": group})
    assert again.verdict is mg.Verdict.PASS
    assert again.reason.endswith(
        "excluded groups: sex=2 (`true_positive_rate`: 1 positive in `y_true`, at least 10 are "
        "needed)"
    )


def test_exclude_leaves_out_a_group_that_is_too_small_for_one_rate_only():
    true, told, group = drawn(29, [200, 200, 60], [0.5] * 3)
    true[group == 2] = np.arange(60) < 4
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": {"sex": group}}
    gate = fair("equalized_odds_difference", 1, small_groups="exclude")
    result = gate.run(**evidence)
    assert result.verdict is mg.Verdict.PASS
    assert len(result.checks) == 1
    rates = result.checks[0].details["rates"]
    notes = {rate: [each["note"] for each in groups] for rate, groups in rates.items()}
    short = "excluded: 4 positives in `y_true`, at least 10 are needed"
    assert notes == {"true_positive_rate": ["", "", short], "false_positive_rate": ["", "", ""]}
    assert "excluded groups: sex=2 (`true_positive_rate`: 4 positives" in result.reason
    nobody = fair("equal_opportunity_difference", 1, small_groups="exclude")
    true[:] = np.arange(len(true)) < 4
    assert nobody.run(**evidence | {"y_true": true}).verdict is mg.Verdict.INCONCLUSIVE


@pytest.mark.parametrize("metric", ["precision_difference", "matthews_corrcoef_difference"])
def test_exclude_keeps_a_group_where_the_model_predicts_no_positives(metric):
    """Such a group has enough labels: leaving it out would hide a model that is useless for it."""
    true, told, group = drawn(29, [200, 200, 200], [0.5] * 3)
    told[group == 2] = 0
    evidence = {"y_true": true, "y_pred": told, "sensitive_features": {"sex": group}}
    result = fair(metric, 1, small_groups="exclude").run(**evidence)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert result.checks[1].group == "sex=2"
    true[group == 2] = 0
    rest = fair(metric, 1, small_groups="exclude").run(**evidence | {"y_true": true})
    assert rest.verdict is mg.Verdict.PASS
    assert "excluded groups: sex=2 (`" in rest.reason


# One feature of several

PEOPLE = {
    "sex": np.tile(["f", "m"], 300),
    "age": np.repeat(["old", "young"], 300),
    "income": np.arange(600.0),
}
HIRED = (np.tile([1, 0, 1, 1], 150) == 1).astype(int)  # by sex: everyone, or every second


@pytest.mark.parametrize(
    "given",
    [
        {"sensitive_features": PEOPLE},
        {"sensitive_features": pd.DataFrame(PEOPLE)},
        {"data": PEOPLE},
        {"X": pd.DataFrame(PEOPLE)},
        {"sensitive_features": ["sex", "age"], "data": PEOPLE},
        {"sensitive_features": {"sex": PEOPLE["sex"]}, "X": PEOPLE},
    ],
)
def test_features_are_compared_one_by_one_or_crossed(given):
    gates = [
        fair(PARITY, 0.1, sensitive="sex"),
        fair(PARITY, 0.1, sensitive=["age"]),
        fair(PARITY, 0.1, sensitive=["sex", "age"]),
    ]
    suite = mg.GateSuite(gates)
    report = suite.run(y_true=HIRED, y_pred=HIRED, **given)
    names = [f"fairness:{PARITY}:{features}" for features in ("sex", "age", "sex+age")]
    assert [gate.name for gate in gates] == names
    assert [report[name].verdict for name in names] == ["fail", "pass", "fail"]
    groups = [
        [group["group"] for group in report[name].checks[0].details["groups"]] for name in names
    ]
    assert groups == [
        ["sex=f", "sex=m"],
        ["age=old", "age=young"],
        ["sex=f, age=old", "sex=f, age=young", "sex=m, age=old", "sex=m, age=young"],
    ]


def test_series_and_unknown_names_of_features():
    series = pd.Series(PEOPLE["age"], name="age")
    evidence = {"y_true": HIRED, "y_pred": HIRED, "sensitive_features": series}
    assert fair(PARITY, 0.1, sensitive="age").run(**evidence).passed
    wrong = fair(PARITY, 0.1, sensitive="agee").run(**evidence)
    assert wrong.verdict is mg.Verdict.ERROR
    assert "`sensitive` names column 'agee', which was not found" in wrong.reason
    assert "it is not in `sensitive_features` either" in wrong.reason
    near = fair(PARITY, 0.1, sensitive="agee").run(y_true=HIRED, y_pred=HIRED, data=PEOPLE)
    assert "did you mean 'age'?" in near.reason
    nothing = fair(PARITY, 0.1, sensitive="age").run(y_true=HIRED, y_pred=HIRED)
    assert nothing.verdict is mg.Verdict.ERROR
    assert "neither `X` nor `data` was given" in nothing.reason
    for name in ("", [], 3, {"sex"}, ["sex", "sex"]):
        with pytest.raises(mg.OptionError, match="`sensitive` must be"):
            fair(PARITY, 0.1, sensitive=name)


def test_proven_gap_fails_although_a_group_can_not_be_compared():
    result = fair(PARITY, 0.1).run(**counted((100, 1_000), (900, 1_000), (1, 3)))
    assert result.verdict is mg.Verdict.FAIL


def test_ten_rows_of_a_denominator_are_enough():
    for positives, judged in ((9, False), (10, True)):
        true = np.tile(np.r_[np.ones(positives), np.zeros(90)], 2).astype(int)
        group = np.repeat([0, 1], positives + 90)
        gate = fair("recall_difference", 1.0)
        result = gate.run(y_true=true, y_pred=true, sensitive_features=group)
        assert result.passed is judged, result.reason


def test_rate_that_is_0_everywhere_has_no_ratio():
    true = np.tile([0, 1], 200)
    group = np.repeat([0, 1], 200)
    evidence = {"y_true": true, "y_pred": true, "sensitive_features": group}
    result = fair("equalized_odds_ratio", 0.8).run(**evidence)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert (
        "the ratio of `false_positive_rate` between groups is undefined: the metric is 0 in"
        in result.reason
    )
    assert result.checks[0].value == 1
    assert fair("equalized_odds_difference", 0.0).run(**evidence).passed
    alone = fair("false_positive_rate_ratio", 0.8).run(**evidence)
    assert alone.verdict is mg.Verdict.INCONCLUSIVE
    assert alone.checks[0].value is None


def test_ratio_of_values_below_0_is_undefined():
    rng = np.random.default_rng(31)
    true, told, group = rng.normal(size=200), rng.normal(size=200), np.repeat([0, 1], 100)
    result = fair("r2_ratio", 0.5).run(y_true=true, y_pred=told, sensitive_features=group)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert "a ratio needs a metric that is above 0 in at least one group" in result.reason


def test_rows_without_a_label_are_counted():
    evidence = counted((40, 100), (45, 100))
    evidence["y_true"] = [None, *evidence["y_true"].tolist()[1:]]
    check = fair(PARITY, 0.5).run(**evidence).checks[0]
    assert check.dropped == 1
    assert check.verdict is mg.Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("metric", "limit"),
    [("max_error_difference", 2.0), ("max_error_ratio", 0.5), ("max_error_group_max", 9.0)],
)
def test_metrics_without_an_interval_are_decided_by_the_estimate(metric, limit):
    true, group = np.zeros(80), np.repeat(["a", "b"], 40)
    given = {"y_true": true, "y_pred": np.repeat([3.0, 4.0], 40), "sensitive_features": group}
    assert fair(metric, limit, decide_by="estimate").run(**given).passed
    tight = {"max_error_difference": 0.9, "max_error_ratio": 0.8, "max_error_group_max": 3.9}
    gate = fair(metric, tight[metric], decide_by="estimate")
    assert gate.run(**given).verdict is mg.Verdict.FAIL
    result = fair(metric, limit).run(**given)
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert "set decide_by='estimate'" in result.checks[1].reason


def test_a_gap_on_the_limit_passes_however_it_was_rounded():
    """0.8 - 0.7 and 0.4 - 0.3 are slightly more than 0.1 in floats."""
    group = np.repeat(["a", "b"], 40)
    for high in (0.8, 0.4):
        given = {"y_true": np.zeros(80), "sensitive_features": group}
        given["y_pred"] = np.repeat([high, round(high - 0.1, 1)], 40)
        given["y_pred"] = given["y_pred"] + np.tile([0.25, -0.25], 40)
        for metric in ("mean_absolute_error_difference", "mean_error_difference"):
            for rule in ("estimate", "significance"):
                check = fair(metric, 0.1, decide_by=rule).run(**given).checks[0]
                assert (check.passed, check.value) == (True, 0.1)
            check = fair(metric, 0.1 - 1e-9, decide_by="estimate").run(**given).checks[0]
            assert not check.passed
        check = fair("mean_error_group_max", high, decide_by="estimate").run(**given).checks[0]
        assert check.passed


# Calibration


@pytest.mark.slow
@pytest.mark.parametrize(("k", "n", "share"), [(2, 60, 0.5), (5, 100, 0.5), (8, 50, 0.1)])
def test_equal_groups_fail_at_most_at_the_level(k, n, share):
    gate = fair(PARITY, 0.02)
    rng = np.random.default_rng(37)
    draws = rng.binomial(n, share, (200, k))
    results = [gate.run(**counted(*((int(x), n) for x in row))) for row in draws]
    failed = sum(result.verdict is mg.Verdict.FAIL for result in results)
    assert failed <= stats.binom.ppf(0.999, 200, 0.05)
    # where the point rule would fail nearly all
    beyond = sum(not result.passed for result in results)
    assert beyond > 100


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "fairness",
        mg.Fairness("demographic_parity_difference", at_most=0.1),
        others={"y_true": "member", "y_pred": "member", "sensitive_features": "country"},
        ladders={
            "min_group_size": (1, 40, 41, 10**6),
            "small_groups": ("exclude", "inconclusive"),
        },
    ),
    Example(
        "fairness-options",
        mg.Fairness(
            "selection_rate_ratio",
            at_least=0.5,
            label=True,
            sensitive="country",
            min_group_size=25,
            small_groups="exclude",
            missing_group="error",
            decide_by="interval",
            significance=0.01,
            confidence=0.9,
            resamples=500,
            greater_is_better=True,
            max_groups=20,
            name="chosen",
            after="schema",
        ),
        others={"y_true": "member", "y_pred": "member"},
        ladders={
            "at_least": (0.0, 0.5, 0.99, 1.0),
            "confidence": (0.5, 0.9, 1 - 1e-9),
            "missing_group": ("own", "error"),
        },
    ),
    Example(
        "fairness-strata",
        mg.Fairness(
            "demographic_parity_difference",
            at_most=0.5,
            by={"rich": "income > 3000", "poor": "income <= 3000"},
            reference_group="DE",
            min_group_size=10,
        ),
        others={"y_pred": "member", "sensitive_features": "country"},
        ladders={"at_most": (0.5, 0.2, 0.001)},
    ),
    Example(
        "fairness-ranking",
        mg.Fairness("map@5_difference", at_most=0.9, empty_queries="exclude", min_group_size=1),
        others={
            "y_true": "member",
            "y_score": "income",
            "query_id": [i // 4 for i in range(ROWS)],
            "sensitive_features": [i // 4 % 2 for i in range(ROWS)],
        },
    ),
    Example(
        "fairness-values",
        mg.Fairness("mean_absolute_error_group_max", at_most=1e4),
        others={"y_true": "age", "y_pred": "income", "sensitive_features": ["member"]},
        ladders={"at_most": (1e6, 1e4, 100.0, 0.0)},
    ),
)


@pytest.mark.parametrize(
    ("metric", "limit", "exact"),
    [
        ("demographic_parity_difference", {"at_most": 0.1 - 1e-14}, 0.1),
        ("demographic_parity_ratio", {"at_least": 0.75 + 1e-14}, 0.75),
        ("selection_rate_group_min", {"at_least": 0.3 + 1e-14}, 0.3),
    ],
)
def test_a_gap_that_is_rounded_to_the_limit_is_shown_before_rounding(metric, limit, exact):
    labels = np.repeat([1, 0, 1, 0], [40, 60, 30, 70])
    given = {"y_true": labels, "y_pred": labels, "sensitive_features": np.repeat(["a", "b"], 100)}
    check = mg.Fairness(metric, **limit, decide_by="estimate").run(**given).checks[0]
    assert (check.verdict, check.value) == ("pass", *limit.values())
    assert check.details["before_rounding"] == exact
    assert f"; the computed value, {exact}, counts as equal to the limit, because" in check.reason


def ranked(seed: int = 0, queries: int = 400) -> dict[str, np.ndarray]:
    """Return rankings of ten documents, which are better for the users of group a."""
    rng = np.random.default_rng(seed)
    relevant = (rng.random((queries, 10)) < 0.3).astype(int)
    relevant[:, 0] = 1
    group = rng.choice(["a", "b"], queries)
    apart = np.where(group == "a", 1.5, 0.3)[:, None]
    return {
        "y_true": relevant.ravel(),
        "y_score": (relevant * apart + rng.normal(size=relevant.shape)).ravel(),
        "query_id": np.repeat(np.arange(queries), 10),
        "sensitive_features": np.repeat(group, 10),
    }


@pytest.mark.parametrize("metric", ["ndcg@5", "map@5", "precision@3", "recall@3", "hit_rate@1"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
def test_rankings_are_compared_by_group(metric, weighted):
    given = ranked()
    if weighted:
        given["sample_weight"] = np.repeat(np.random.default_rng(1).random(400), 10)
    by_group = []
    for name in ("a", "b"):
        inside = given["sensitive_features"] == name
        part = {k: v[inside] for k, v in given.items() if k != "sensitive_features"}
        by_group.append(mg.Performance(metric, at_least=0).run(**part).checks[0])
    gate = mg.Fairness(f"{metric}_difference", at_most=0.05)
    check = gate.run(**given).checks[0]
    assert check.value == pytest.approx(by_group[0].value - by_group[1].value, abs=1e-12)
    for theirs, ours in zip(check.details["groups"], by_group, strict=True):
        assert theirs["value"] == pytest.approx(ours.value, abs=1e-12)
        assert (theirs["low"], theirs["high"]) == pytest.approx(ours.interval, abs=1e-12)
    assert (check.verdict, check.n) == ("fail", 400)
    assert "(n = 400 queries in 2 groups)" in check.reason


def test_a_group_of_few_queries_is_not_compared_although_it_has_many_documents():
    given = ranked()
    given["sensitive_features"] = np.repeat(["a", "b"], [3_800, 200])
    reasons = [c.reason for c in mg.Fairness("ndcg@5_difference", at_most=1).run(**given).checks]
    assert reasons[1:] == [
        "`ndcg@5` can't be compared for group=b: 20 queries, at least 30 are needed",
    ]
    gate = mg.Fairness("ndcg@5_group_min", at_least=0.3, small_groups="exclude")
    assert gate.run(**given).note == "excluded groups: group=b (20 queries)"


def test_empty_queries_are_undecided_or_left_out_by_group():
    given = ranked()
    given["y_true"][:50] = 0
    gate = mg.Fairness("ndcg@5_difference", at_most=0.5)
    result = gate.run(**given)
    assert result.verdict == "inconclusive"
    assert "empty_queries='exclude' leaves them out" in result.checks[-1].reason
    result = mg.Fairness("ndcg@5_difference", at_most=0.5, empty_queries="exclude").run(**given)
    assert (result.verdict, result.checks[0].n) == ("pass", 395)
    text = "(n = 395 queries and 5 without a relevant document in 2 groups)"
    assert text in result.checks[0].reason


def test_a_query_in_two_groups_is_an_error():
    given = ranked()
    given["sensitive_features"][0] = "b" if given["sensitive_features"][0] == "a" else "a"
    result = mg.Fairness("ndcg@5_difference", at_most=1).run(**given)
    assert result.verdict == "error"
    assert result.reason == (
        "1 query has rows both inside and outside of a slice or group; a slice or group must have "
        "all rows of a query or none"
    )


def test_empty_queries_of_other_metrics_are_refused():
    with pytest.raises(mg.OptionError) as caught:
        mg.Fairness("accuracy_difference", at_most=0.1, empty_queries="exclude")
    assert str(caught.value) == (
        "Fairness: `empty_queries` must be left out for `accuracy_difference`, which is not "
        "measured by query, got 'exclude'"
    )


def test_rankings_have_no_metric_frame():
    gate = mg.Fairness("ndcg@5_difference", at_most=0.1)
    with pytest.raises(mg.OptionError, match="counts rows, but the metric is measured by query"):
        gate.metric_frame(**ranked())
    frame = mg.Fairness("accuracy_difference", at_most=1).metric_frame(
        y_true=[0, 1] * 50, y_pred=[0, 1] * 50, sensitive_features=["a", "b"] * 50
    )
    assert gate.run(metric_frame=frame).reason == (
        "`ndcg@5_difference` is measured by query, but `metric_frame` counts rows; pass `y_true`, "
        "`y_score`, `query_id` and the sensitive features instead"
    )


def test_predicted_quantiles_and_intervals_are_compared_by_group():
    rng = np.random.default_rng(0)
    true, group = rng.normal(size=2_000), rng.choice(["a", "b"], 2_000)
    pred = np.where(group == "a", 1.2, 0.2)
    given = {"y_true": true, "y_pred": pred, "sensitive_features": group}
    expected = [
        sklearn.mean_pinball_loss(true[group == name], pred[group == name], alpha=0.9)
        for name in "ab"
    ]
    check = mg.Fairness("pinball_loss@0.9_difference", at_most=0.01).run(**given).checks[0]
    assert check.verdict == "fail"
    assert check.value == pytest.approx(expected[1] - expected[0], abs=1e-12)
    ends = np.column_stack([-pred - 1, pred + 1])
    given = {"y_true": true, "y_interval": ends, "sensitive_features": group}
    check = mg.Fairness("interval_coverage_difference", at_most=0.05).run(**given).checks[0]
    inside = (true >= ends[:, 0]) & (true <= ends[:, 1])
    shares = [inside[group == name].mean() for name in "ab"]
    assert check.verdict == "fail"
    assert check.value == pytest.approx(shares[0] - shares[1], abs=1e-12)


@pytest.mark.parametrize("name", ["clusters", "sample_weight"])
def test_evidence_by_row_is_refused_beside_a_metric_frame(name):
    true = [0, 1] * 50
    given = {"y_true": true, "y_pred": true, "sensitive_features": ["a", "b"] * 50}
    gate = mg.Fairness("accuracy_difference", at_most=1)
    frame = gate.metric_frame(**given)
    assert gate.run(metric_frame=frame).passed
    result = gate.run(metric_frame=frame, **{name: np.ones(100)})
    assert (result.verdict, result.reason) == (
        "error",
        f"`{name}` can't be given with `metric_frame`, which has no rows; give one of the two",
    )
