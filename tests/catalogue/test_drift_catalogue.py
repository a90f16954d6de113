"""Bad inputs of drift and their right verdicts, and inputs that other libraries pass.

Each trap was observed on an installed release: Evidently 0.7, Deepchecks 0.19, Pointblank 1.1,
frouros 0.9, alibi-detect 0.13, NannyML 0.13, TFDV 1.17, whylogs 1.6.
"""

import json
import math
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
NUMERIC = ("ks", "wasserstein")
BINNED = ("psi", "jensen_shannon", "hellinger", "total_variation", "chi2")
EVERY = (*NUMERIC, *BINNED)
N = 1_000
INF, NAN = math.inf, math.nan
NORMAL = np.random.default_rng(1).normal(size=5_000)
SAME = np.random.default_rng(2).normal(size=N)
WORDS = np.random.default_rng(3).choice(["a", "b", "c"], 5_000)


def run(data, reference, method="psi", **options):
    return mg.Drift(method, **options).run(data={"x": data}, reference={"x": reference})


def verdicts(result):
    return {check.metric: check.verdict for check in result.checks}


# Size and values: the table of bad inputs


def with_missing(values, share):
    return [None if i < share * len(values) else value for i, value in enumerate(values)]


CASES = {
    # name, data, reference, verdict of the gate, methods
    "no rows": ([], NORMAL, U, EVERY),
    "one row": ([0.0], NORMAL, U, EVERY),
    "fewer rows than the least": (NORMAL[:29], NORMAL, U, EVERY),
    "fewer values than the least": ([*NORMAL[:29], *[None] * 500], NORMAL, F, EVERY),
    "reference smaller than the least": (NORMAL, NORMAL[:29], U, EVERY),
    "reference without rows": (NORMAL, [], E, EVERY),
    "reference all null": (NORMAL, [None] * N, E, EVERY),
    "reference all NaN": (NORMAL, [NAN] * N, E, EVERY),
    "current a thousand times larger, no shift": (np.tile(SAME, 1_000), SAME, P, EVERY),
    "current a thousand times larger, shift": (np.tile(SAME, 1_000) + 1, SAME, F, EVERY),
    "all null": ([None] * N, NORMAL, F, EVERY),
    "all NaN": ([NAN] * N, NORMAL, F, EVERY),
    "category all null": ([None] * N, WORDS, F, BINNED),
    "missing share from 2 % to 98 %": (
        with_missing(SAME, 0.98),
        with_missing(SAME, 0.02),
        F,
        EVERY,
    ),
    "half infinite": ([*SAME[:500], *[INF] * 500], NORMAL, F, ("psi", "ks", "chi2")),
    "half infinite, wasserstein": ([*SAME[:500], *[INF] * 500], NORMAL, U, ("wasserstein",)),
    "all infinite": ([-INF] * N, NORMAL, F, ("psi", "ks", "chi2")),
    "infinite on both sides alike": ([1.0, INF] * 500, [1.0, INF] * 500, P, (*BINNED, "ks")),
    "constant on both sides": ([3.0] * N, [3.0] * N, P, EVERY),
    "constant reference, other constant": ([4.0] * N, [3.0] * N, F, EVERY),
    "constant reference, other values": (SAME, [3.0] * N, F, EVERY),
    "constant data": ([0.0] * N, NORMAL, F, EVERY),
    "zeros of both signs": ([-0.0] * N, [0.0] * N, P, EVERY),
    "integers beyond doubles": ([2**53 + 1] * N, [2**53] * N, F, EVERY),
    "unsigned against signed": (
        np.full(N, 2**64 - 1, np.uint64),
        np.full(N, -1, np.int64),
        F,
        EVERY,
    ),
    "decimals": ([Decimal(1)] * N, [Decimal("1.00")] * N, P, EVERY),
    "decimals that moved": ([Decimal("1.5")] * N, [Decimal("1.25")] * N, F, EVERY),
    "bools": ([True, False] * 500, [True, False] * 500, P, BINNED),
    "bools that moved": ([True] * N, [True, False] * 500, F, BINNED),
    "bools have no order": ([True, False] * 500, [True, False] * 500, E, NUMERIC),
    "bool became number": ([1, 0] * 500, [True, False] * 500, E, BINNED),
    "integers became floats by one null": ([*range(999), None], range(N), P, EVERY),
    "texts that hold numbers": ([str(i) for i in range(N)], range(N), E, EVERY),
    "numbers where texts were": (range(N), ["a", "b"] * 500, E, BINNED),
    "mixed objects": ([1, "a"] * 500, range(N), E, EVERY),
    "mixed objects in the reference": (range(N), [1, "a"] * 500, E, EVERY),
    "nested": ([[1]] * N, range(N), E, EVERY),
    "nested in the reference": (range(N), [{"k": 1}] * N, E, EVERY),
    "unseen category": ([*"ab" * 250, *"z" * 500], [*"ab" * 500], F, BINNED),
    "vanished category": ([*"a" * N], [*"ab" * 500], F, BINNED),
    "category in other case": ([*"Ab" * 500], [*"ab" * 500], F, BINNED),
    "category with a space": (["a ", "b"] * 500, [*"ab" * 500], F, BINNED),
    "category in another form of Unicode": (
        ["e\u0301", "b"] * 500,
        ["\u00e9", "b"] * 500,
        F,
        BINNED,
    ),
    "as many categories as rows, now": ([f"c{i}" for i in range(N)], [*"ab" * 500], F, BINNED),
    "more categories than can be judged": (
        [f"c{i}" for i in range(N + 1)],
        [f"c{i}" for i in range(N + 1)],
        E,
        EVERY,
    ),
    "unused levels": (
        pd.Categorical([*"ab" * 500], categories=["z", "b", "a"]),
        [*"ab" * 500],
        P,
        BINNED,
    ),
    "masked values are no data": (np.ma.masked_greater(SAME, 9), SAME, P, EVERY),
    "sparse": (pd.arrays.SparseArray([0.0, 0.0, 1.0, 2.0] * 250), [0, 0, 1, 2] * 250, P, EVERY),
    "texts of 1 MB": (["x" * 10**6, "y"] * 50, [*"ab" * 500], F, ("psi",)),
    "text with NUL": (["a\0", "b"] * 500, ["a", "b"] * 500, F, BINNED),
    "days before 1970": ([-1] * N, pa.array([-1] * N, pa.date32()), E, EVERY),
}
# `tests` judges each case by one of its methods, in turn, `slow` by all of them
ROWS = [
    pytest.param(
        what,
        method,
        id=f"{what}-{method}",
        marks=() if (i - j) % len(methods) == 0 else pytest.mark.slow,
    )
    for i, (what, (*_, methods)) in enumerate(CASES.items())
    for j, method in enumerate(methods)
]


@pytest.mark.parametrize(("what", "method"), ROWS)
def test_case(what, method):
    data, reference, verdict, _ = CASES[what]
    options = {"min_samples": 50} if "1 MB" in what else {}
    result = run(data, reference, method, **options)
    assert result.verdict is verdict, result.reason
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False))


def test_many_categories_in_the_data_are_one_cell():
    many = pa.array(np.arange(300_000).astype(str))
    result = run(many, WORDS)
    assert result.verdict is F
    (check,) = result.checks
    assert len(check.details["bins"]) == 4


def test_bad_columns_do_not_affect_the_others():
    reference = {
        "good": SAME,
        "text": SAME,
        "gone": SAME,
        "void": SAME,
        "nested": SAME,
        "empty": [None] * N,
    }
    data = {
        "good": SAME,
        "text": ["a"] * N,
        "void": [None] * N,
        "nested": [[1]] * N,
        "empty": SAME,
    }
    result = mg.Drift("ks").run(data=data, reference=reference)
    assert {(c.subject, c.metric): c.verdict for c in result.checks} == {
        ("good", "ks"): P,
        ("text", "ks"): E,
        ("gone", "ks"): E,
        ("void", "ks"): U,
        ("void", "missing_shift"): F,
        ("nested", "ks"): E,
    }
    assert "columns not judged: `empty` (no values)" in result.reason


# Evidently


@pytest.mark.parametrize(
    "n", [50, *(pytest.param(n, marks=pytest.mark.slow) for n in (30, 100, 300))]
)
def test_evidently_default_by_the_size_of_the_reference_calls_small_batches_drift(n):
    rng = np.random.default_rng(n)
    reference = {f"x{i}": rng.normal(size=5_000) for i in range(10)}
    for method in ("ks", "wasserstein", "jensen_shannon"):
        alarms = 0
        for _ in range(20):
            data = {name: rng.normal(size=n) for name in reference}
            result = mg.Drift(method).run(data=data, reference=reference)
            alarms += result.verdict is F
            forgiven = [check.by_chance for check in result.checks if check.verdict is U]
            assert all(forgiven)
        assert alarms <= 5  # of 20 at a level of 5 %: more has a chance of 0.0003


@pytest.mark.parametrize("side", ["data", "reference", "both"])
@pytest.mark.parametrize("method", ["psi", "ks", "jensen_shannon", "wasserstein"])
def test_evidently_one_outlier_hides_or_makes_drift(method, side):
    rng = np.random.default_rng(4)
    reference, data = rng.normal(size=5_000), rng.normal(size=5_000)
    if side != "reference":
        data[0] = 1e6
    if side != "data":
        reference[0] = 1e6
    assert run(data + 0.5, reference, method).verdict is F
    # one value can move a mean, but is not significant
    assert run(data, reference, method).verdict is not F
    assert run(data, reference, method).verdict is P or method == "wasserstein"


def test_evidently_zero_fill_cliff():
    reference = ["a"] * 5_000 + ["b"] * 5_000
    data = ["a"] * 4_750 + ["b"] * 4_750 + ["new"] * 500
    before = run(data, reference).checks[0].value
    after = run([*data, "rare"], [*reference, "rare"]).checks[0].value
    assert before == pytest.approx(after, rel=0.01)
    # and PSI does not jump when a cell becomes empty
    one, none = (run(["a"] * (N - k) + ["b"] * k, reference).checks[0].value for k in (1, 0))
    assert none / one < 1.2


@pytest.mark.parametrize("n", [50, 100, 200])
def test_evidently_psi_of_the_same_distribution(n):
    rng = np.random.default_rng(n)
    tried = [
        run(rng.normal(size=n), rng.normal(size=n), at_most=0.1, min_samples=30).verdict
        for _ in range(40)
    ]
    assert tried.count(F) <= 8  # at a level of 5 %: more has a chance of 0.0002


def test_evidently_half_of_the_columns_may_drift():
    reference = {f"x{i}": SAME for i in range(11)}
    data = {name: SAME + 3 * (i < 4) for i, name in enumerate(reference)}
    result = mg.Drift("ks").run(data=data, reference=reference)
    assert result.verdict is F
    assert [check.verdict for check in result.checks] == [F] * 4 + [P] * 7


def test_evidently_nan_is_dropped_first():
    for method in EVERY:
        result = run(np.where(np.arange(N) % 100 < 94, NAN, SAME), SAME, method)
        assert verdicts(result)["missing_shift"] is F


def test_evidently_infinite_values_are_dropped_first():
    data = np.where(np.arange(N) % 2, INF, SAME)
    assert run(data, NORMAL, "ks").checks[0].value > 0.4
    assert run(data, NORMAL, "psi").checks[0].value > 1


def test_evidently_missing_column_vanishes_from_the_report():
    result = mg.Drift("ks").run(data={"y": SAME}, reference={"x": SAME, "y": SAME})
    assert result.verdict is E
    assert result.checks[0].reason == (
        "`x` is not in the data; to leave the column out, list it in `exclude`"
    )


def test_evidently_all_nan_or_text_aborts_the_whole_report():
    reference = {"x": SAME, "y": SAME}
    for bad in ([NAN] * N, ["a"] * N):
        result = mg.Drift("ks").run(data={"x": bad, "y": SAME}, reference=reference)
        assert result.checks[-1].subject == "y"
        assert result.checks[-1].verdict is P


def test_evidently_constant_column_moves_by_a_thousand():
    assert run([2.0] * N, [1.0] * N, "wasserstein").checks[0].value == INF
    assert run([1.0] * N, [1.0] * N, "wasserstein").checks[0].value == 0


def test_evidently_bins_depend_on_the_data_judged():
    (a,), (b,) = (run(data, NORMAL).checks for data in (SAME, SAME * 50))
    edges = [[each["bin"] for each in check.details["bins"]] for check in (a, b)]
    assert edges[0] == edges[1]


# Deepchecks


def test_deepchecks_all_nan_in_test_passes():
    suite = mg.GateSuite([mg.Drift("psi")])
    evidence = {"data": {"x": [NAN] * N, "y": SAME}, "reference": {"x": SAME, "y": SAME}}
    assert suite.run(**evidence).verdict is F


def test_deepchecks_floor_of_one_percent():
    reference = ["a"] * 9_950 + ["b"] * 50
    hundredth = ["a"] * 9_999 + ["b"]
    more = ["a"] * 9_900 + ["b"] * 100
    new = [*reference[:9_910], *["new"] * 90]
    values = [run(data, reference).checks[0].value for data in (hundredth, more, new)]
    assert values == pytest.approx([0.017, 0.0034, 0.07], rel=0.05)
    strict = [run(data, reference, at_most=0.002).verdict for data in (hundredth, more, new)]
    assert strict == [F, F, F]


def test_deepchecks_total_replacement_of_identifiers_is_no_drift():
    reference = [f"s{i % 500}" for i in range(N)]
    data = [f"t{i % 500}" for i in range(N)]
    for method in BINNED:
        check = run(data, reference, method).checks[0]
        assert check.verdict is F
        assert check.value == pytest.approx(1) or method == "psi"


def test_deepchecks_bare_ks_of_twenty_rows():
    rng = np.random.default_rng(6)
    for _ in range(20):
        data, reference = rng.normal(size=20), rng.normal(size=20)
        result = run(data, reference, "ks", min_samples=20, at_most=0.2, significance=0.001)
        assert result.verdict is not F


# Pointblank


def test_pointblank_underflow_goes_to_the_top_bin():
    reference = np.arange(10_000.0)
    data = np.where(reference >= 9_000, -50.0, reference)
    check = run(data, reference).checks[0]
    assert check.verdict is F
    assert check.value > 0.8
    assert check.details["bins"][-1]["current"] == 0


def test_pointblank_loaded_baseline_loses_drift(tmp_path):
    mg.Baseline.from_data({"x": NORMAL}).save(tmp_path / "b.json")
    result = mg.Drift("psi").run(data={"x": SAME + 1}, reference=tmp_path / "b.json")
    assert (len(result.checks), result.verdict) == (1, F)


@pytest.mark.parametrize("method", EVERY)
def test_pointblank_zero_inflated_is_dropped(method):
    rng = np.random.default_rng(9)
    reference = np.where(rng.random(5_000) < 0.95, 0, rng.lognormal(size=5_000))
    data = np.where(rng.random(5_000) < 0.5, 0, rng.lognormal(size=5_000))
    check = run(data, reference, method).checks[0]
    assert check.verdict is F
    if method in BINNED:
        zero = next(each for each in check.details["bins"] if each["bin"] == "x = 0")
        assert (zero["reference"], zero["current"]) == pytest.approx((0.95, 0.5), abs=0.02)


def test_pointblank_missing_column_raises_a_type_error():
    with pytest.raises(mg.GateFailure, match="`x` is not in the data"):
        mg.Drift().run(data={"y": SAME}, reference={"x": SAME}).raise_for_verdict()


# Others


def test_frouros_empty_bins_are_filled_with_the_smallest_float():
    rng = np.random.default_rng(10)
    same, moved = (run(rng.normal(by, 1, 2_000), rng.normal(size=2_000)) for by in (0, 0.5))
    assert same.checks[0].value < 0.02
    assert moved.checks[0].value > 0.2


def test_frouros_nan_makes_the_p_value_nan():
    check = run([NAN, *SAME + 3], SAME, "ks").checks[0]
    assert (check.verdict, check.n, check.dropped) == (F, N, 1)


@pytest.mark.parametrize("where", ["data", "reference"])
def test_alibi_one_nan_makes_everything_no_drift(where):
    data, reference = SAME + 3, SAME.copy()
    (data if where == "data" else reference)[0] = NAN
    for method in EVERY:
        assert verdicts(run(data, reference, method))[method] is F


def test_alibi_small_reference_silently_limits_the_power():
    rng = np.random.default_rng(12)
    large, small = rng.normal(0.05, 1, 100_000), rng.normal(size=100)
    check = run(large, small, "ks", at_most=0.03).checks[0]
    assert check.verdict is U
    assert "more rows can't decide this, because the reference is too small" in check.reason


def test_nannyml_value_nan_alerts_false():
    for method in ("jensen_shannon", "ks", "wasserstein"):
        result = run([NAN] * N, SAME, method)
        assert verdicts(result) == {method: U, "missing_shift": F}


def test_tfdv_infinity_norm_of_numbers_is_zero():
    for method in EVERY:
        assert run(SAME + 1, SAME, method).checks[0].value > 0.1


def test_tfdv_jensen_shannon_of_ten_rows():
    rng = np.random.default_rng(13)
    check = run(rng.normal(size=10), rng.normal(size=10), "jensen_shannon").checks[0]
    assert (check.verdict, check.by_chance) == (U, False)


def test_whylogs_no_threshold_and_no_correction():
    rng = np.random.default_rng(14)
    reference = {f"x{i}": rng.normal(size=400) for i in range(50)}
    data = {name: rng.normal(size=400) for name in reference}
    result = mg.Drift("ks").run(data=data, reference=reference)
    alone = sum(check.details["p_value_alone"] < 0.05 for check in result.checks)
    assert alone > 0  # one by one, some would alarm
    assert result.verdict is not F
    assert all(check.limit.at_most == 0.1 for check in result.checks)


def test_naive_psi_loses_what_lies_beyond_the_reference():
    data = np.where(np.arange(N) % 10 < 4, 99.0, SAME)
    check = run(data, NORMAL).checks[0]
    assert check.verdict is F
    assert check.details["bins"][-1]["current"] > 0.4


def test_scipy_ks_casts_integers_to_doubles():
    data, reference = np.full(N, 2**53 + 1, np.uint64), np.full(N, 2**53, np.int64)
    assert run(data, reference, "ks").checks[0].value == 1


def test_significance_alone_is_no_gate():
    rng = np.random.default_rng(15)
    check = run(rng.normal(0.02, 1, 500_000), rng.normal(size=500_000), "ks").checks[0]
    assert check.p_value < 1e-10
    assert check.verdict is P
