"""The verdicts and messages of `Drift`."""

import dataclasses
import json
import math
import warnings
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_counts import examples
from gate_examples import ROWS, Example, people
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

import mlgates as mg
from mlgates.evidence import Evidence
from mlgates.gates._shared import rounded_up
from mlgates.profile import counters as sides_of_drift
from mlgates.profile import distributions
from mlgates.profile.counters import Distribution, NumericSample
from mlgates.stats import buckets, many_columns
from mlgates.stats.buckets import Bucketed
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
NUMERIC = ("ks", "wasserstein")
BINNED = ("psi", "jensen_shannon", "hellinger", "total_variation", "chi2")
EVERY = (*NUMERIC, *BINNED)
#: All methods; those that differ from another only in their formula are slow tests.
SAMPLED = [
    pytest.param(method, marks=() if method in ("ks", "psi") else pytest.mark.slow)
    for method in EVERY
]
N = 2_000
RNG = np.random.default_rng(20260301)
NORMAL = RNG.normal(40, 10, N)
WORDS = np.array(["a", "b", "c"])[RNG.integers(0, 3, N)]


def table(rows=N, **columns):
    """A table with a column of each kind."""
    given_ = {
        "x": NORMAL[:rows],
        "i": np.arange(rows) % 50,
        "b": np.arange(rows) % 3 == 0,
        "c": WORDS[:rows],
    }
    return given_ | columns


def found(result):
    """Verdict of each check."""
    return {(check.subject, check.metric): check.verdict for check in result.checks}


def only(result):
    (check,) = result.checks
    return check


def run(data, reference, method="ks", **options):
    return mg.Drift(method, **options).run(data=data, reference=reference)


# Which columns are judged


@pytest.mark.parametrize("method", EVERY)
def test_columns_that_a_method_applies_to(method):
    judged = {subject for subject, _ in found(run(table(), table(), method))}
    assert judged == ({"x", "i"} if method in NUMERIC else {"x", "i", "b", "c"})


@pytest.mark.parametrize("method", EVERY)
def test_equal_tables_pass(method):
    result = run(table(), table(), method)
    assert result.verdict is P
    assert {check.value for check in result.checks} == {0.0}
    assert {check.p_value for check in result.checks} == {1.0}


def odd_columns():
    return pa.table(
        {
            "x": NORMAL,
            "day": pa.array([0] * N, pa.date32()),
            "stamp": pa.array([0] * N, pa.timestamp("us", "UTC")),
            "clock": pa.array([0] * N, pa.time64("us")),
            "span": pa.array([0] * N, pa.duration("s")),
            "raw": pa.array([b"a"] * N),
            "tags": [["a"]] * N,
            "record": [{"k": 1}] * N,
            "void": pa.nulls(N),
            "unset": pa.nulls(N, pa.string()),
            "gone": [math.nan] * N,
            "month": pa.array([(1, 0, 0)] * N, pa.month_day_nano_interval()),
            "id": [f"user{i}" for i in range(N)],
            "twice": [f"user{i // 2 * 3}" for i in range(N)],
            "pair": [f"user{i % 1001}" for i in range(N)],
        }
    )


def test_columns_that_are_not_judged_are_listed_with_their_kind():
    listed = (
        "`day` (dates), `stamp` (timestamps), `clock` (times of day), `span` (durations), "
        "`raw` (bytes), `tags` (nested values), `record` (nested values), `void` (no values), "
        "{unset}, `gone` (no values), `month` (month_day_nano_interval)"
    )
    result = run(odd_columns(), odd_columns(), "psi")
    assert found(result) == {("x", "psi"): P, ("twice", "psi"): P}
    many = ", ".join(
        f"`{name}` (strings with too many different values)" for name in ("id", "pair")
    )
    assert result.reason.endswith(
        f"; columns not judged: {listed.format(unset='`unset` (no values)')}, {many}"
    )
    result = run(odd_columns(), odd_columns(), "ks")
    strings = ", ".join(f"`{name}` (strings)" for name in ("id", "twice", "pair"))
    assert result.reason.endswith(
        f"; columns not judged: {listed.format(unset='`unset` (strings)')}, {strings}"
    )


@pytest.mark.parametrize("method", ["psi", "ks"])
def test_stored_reference_lists_the_same_columns_as_not_judged(method, tmp_path):
    mg.Baseline.from_data(odd_columns()).save(tmp_path / "odd.json")
    stored = run(odd_columns(), tmp_path / "odd.json", method)
    assert stored.reason == run(odd_columns(), odd_columns(), method).reason


def test_no_column_to_judge_is_an_error_with_the_reasons():
    days = odd_columns().select(["day", "id"])
    result = run(days, days, "psi")
    assert result.verdict is E
    assert result.reason == (
        "'psi' applies to no column of the reference; "
        "columns not judged: `day` (dates), `id` (strings with too many different values)"
    )


@pytest.mark.parametrize(
    ("name", "method", "why"),
    [
        (
            "day",
            "psi",
            "'psi' does not apply to `day`, which holds dates; remove it from `columns`",
        ),
        (
            "id",
            "psi",
            (
                "'psi' does not apply to `id`, which holds strings with too many different values; "
                "remove it from `columns`"
            ),
        ),
        ("id", "ks", "'ks' does not apply to `id`, which holds strings; use 'psi' or 'chi2'"),
        ("X", "ks", "`X` is not in the reference; did you mean 'x'?"),
        (
            "tags",
            "psi",
            "'psi' does not apply to `tags`, which holds nested values; remove it from `columns`",
        ),
        (
            "record",
            "ks",
            "'ks' does not apply to `record`, which holds nested values; remove it from `columns`",
        ),
        ("void", "psi", "`void` has no values in the reference; remove it from `columns`"),
        ("unset", "psi", "`unset` has no values in the reference; remove it from `columns`"),
        ("unset", "ks", "'ks' does not apply to `unset`, which holds strings; use 'psi' or 'chi2'"),
        ("gone", "ks", "`gone` has no values in the reference; remove it from `columns`"),
        (
            "month",
            "psi",
            (
                "'psi' does not apply to `month`, which holds month_day_nano_interval; "
                "remove it from `columns`"
            ),
        ),
    ],
)
def test_named_column_that_cannot_be_judged_is_an_error(name, method, why):
    result = run(odd_columns(), odd_columns(), method, columns=["x", name])
    assert found(result) == {("x", method): P, (name, method): E}
    assert result.reason == why


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([1, "a", None], "column 'odd' mixes values of the types int, str; "),
        ([{1}, {2}, None], "column 'odd' holds Python objects of type set; "),
        ([10**80, 1, None], "column 'odd' holds integers of more than 76 digits; "),
    ],
)
def test_columns_with_errors_are_an_error_until_they_are_excluded(cells, why):
    reference = {"x": NORMAL[:3], "odd": cells}
    data = {"x": NORMAL, "odd": [1.0] * N}
    result = run(data, reference, min_samples=1)
    assert found(result)["odd", "ks"] is E
    (reason,) = [check.reason for check in result.checks if check.subject == "odd"]
    assert reason.startswith(why)
    assert reason.endswith("; to leave the column out, list it in `exclude`")
    assert set(found(run(data, reference, exclude="odd"))) == {("x", "ks")}


def test_excluded_columns_are_not_judged_and_not_listed():
    result = run(table(), table(), exclude=["i", "c"])
    assert found(result) == {("x", "ks"): P}
    assert "`c`" not in result.reason


def test_excluded_name_that_is_not_in_the_reference_is_an_error():
    result = run(table(), table(), exclude="hour")
    assert found(result) == {("hour", "ks"): E, ("x", "ks"): P, ("i", "ks"): P}
    assert result.reason.startswith(
        "`hour` in `exclude` is not in the reference; columns not judged:"
    )


def test_column_missing_from_data_is_an_error_and_the_others_are_judged():
    data = table()
    del data["x"]
    result = run(data, table())
    assert found(result) == {("x", "ks"): E, ("i", "ks"): P}
    assert result.reason.startswith(
        "`x` is not in the data; to leave the column out, list it in `exclude`; columns not judged:"
    )
    renamed = run({"X": NORMAL}, {"x": NORMAL})
    assert renamed.reason == "`x` is not in the data; did you mean 'X'?"


def test_columns_that_only_the_data_have_are_ignored():
    assert run(table(more=NORMAL + 99), table()).verdict is P


@pytest.mark.parametrize(
    ("reference", "data", "why"),
    [
        ([1.0, 2.0], ["1", "2"], "`x` holds numbers in the reference, but strings in the data"),
        (["1", "2"], [1.0, 2.0], "`x` holds strings in the reference, but numbers in the data"),
        ([True, False], [1, 0], "`x` holds bools in the reference, but numbers in the data"),
        ([1, 0], [True, False], "`x` holds numbers in the reference, but bools in the data"),
        (["True"], [True], "`x` holds strings in the reference, but bools in the data"),
        ([True], ["true"], "`x` holds bools in the reference, but strings in the data"),
        (
            [1, 2],
            pa.array([1, 2], pa.date32()),
            "`x` holds numbers in the reference, but dates in the data",
        ),
        ([1, 2], [[1], [2]], "`x` holds numbers in the reference, but nested values"),
        (
            ["a", "b"],
            [1, "b"],
            "`x` holds strings in the reference; in the data, column 'x' mixes",
        ),
    ],
)
def test_changed_kind_is_an_error(reference, data, why):
    result = run({"x": data}, {"x": reference}, "psi", min_samples=1)
    assert found(result) == {("x", "psi"): E}
    assert result.reason.startswith(why)


@pytest.mark.parametrize(
    "same",
    [
        np.arange(100, dtype=np.int8),
        np.arange(100, dtype=np.uint64),
        np.arange(100.0, dtype=np.float32),
        [Decimal(i) for i in range(100)],
        pd.array([*range(100)], dtype="Int32"),
        pl.Series(range(100)),
    ],
)
@pytest.mark.parametrize("method", EVERY)
def test_numbers_are_numbers_whatever_their_type(method, same):
    reference = {"x": np.arange(100)}
    assert only(run({"x": same}, reference, method)).value == 0
    assert only(run(reference, {"x": same}, method)).value == 0


def test_texts_are_texts_however_they_are_encoded():
    plain = {"c": WORDS}
    levels = pd.Categorical(WORDS, categories=["z", "c", "a", "unused", "b"])
    for same in (
        levels,
        pl.Series(WORDS, dtype=pl.Categorical),
        pa.array(list(WORDS), pa.large_string()),
    ):
        for data, reference in (({"c": same}, plain), (plain, {"c": same})):
            check = only(run(data, reference, "psi"))
            assert (check.value, len(check.details["bins"])) == (0, 3)


def test_integers_beyond_doubles_are_distinguished():
    reference = {"x": np.full(50, 2**53, np.int64)}
    data = {"x": np.full(50, 2**53 + 1, np.uint64)}
    for method in EVERY:
        check = only(run(data, reference, method, min_samples=1))
        assert check.verdict is F, method
    assert only(run(data, reference)).value == 1


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("data", [[10**20 + 900] * 50, [10**20 + i for i in range(50)]])
def test_decimals_that_are_equal_as_doubles_are_an_error(data, method):
    digits = pa.decimal128(21)
    column = {"x": pa.array(data, digits)}
    told = {"x": pa.array([10**20] * 50, digits)}
    assert only(run(told, told, method, min_samples=1)).value == 0
    for check in (only(run(column, told, method)), only(run(told, column, method))):
        assert check.verdict is E
        assert "that are equal when rounded to doubles; round them to fewer digits" in check.reason
    with pytest.raises(mg.EvidenceError, match="distinct values that are equal when rounded"):
        mg.Baseline.from_data(column)


# Missing values


def with_missing(share, rows=N):
    return {"x": np.where(np.arange(rows) < share * rows, np.nan, NORMAL[:rows])}


def test_no_check_of_missing_cells_without_any():
    assert set(found(run({"x": NORMAL}, {"x": NORMAL}))) == {("x", "ks")}


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [(0.0, 0.1, P), (0.0, 0.11, F), (0.3, 0.41, F), (0.41, 0.3, F), (0.3, 0.3, P), (0.2, 0.0, F)],
)
def test_shift_of_the_missing_share(before, now, verdict):
    result = run(with_missing(now), with_missing(before))
    check = result.checks[1]
    assert (check.metric, check.verdict, check.unit) == ("missing_shift", verdict, "share")
    assert check.value == pytest.approx(abs(now - before))
    assert (check.n, check.details["n_reference"]) == (N, N)
    assert (check.details["before"], check.details["now"]) == (before, now)
    assert result.checks[0].dropped == now * N


def test_shift_of_the_missing_share_must_be_significant():
    few = {"x": [*NORMAL[:87], *[None] * 13]}
    check = run(few, with_missing(0.0, 100)).checks[1]
    assert (check.verdict, check.method) == (F, "two proportions")
    p_value = stats.fisher_exact([[13, 87], [0, 100]]).pvalue
    assert check.details["p_value_alone"] == pytest.approx(p_value, rel=0.2)
    check = run({"x": [*NORMAL[:26], *[None] * 4]}, with_missing(0.0, 30)).checks[1]
    assert (check.verdict, check.by_chance) == (U, True)
    assert check.reason == (
        "0 % of `x` is missing in the reference, 13.3 % in the data: an absolute change of "
        "13.3 %; not significant at this sample size (limit: at most 10 %)"
    )


def test_reasons_of_the_missing_share():
    check = run(with_missing(0.5), with_missing(0.25)).checks[1]
    assert check.reason == (
        "25 % of `x` is missing in the reference, 50 % in the data: an absolute change of "
        "25 %; the limit is at most 10 %"
    )
    check = run({"x": [*[None] * 10_003, *range(89_997)]}, {"x": range(100)}).checks[1]
    assert check.verdict is F
    assert "10 % in the data: an absolute change of 10.003 %; the limit is" in check.reason


def test_value_is_shown_on_its_side_of_the_limit():
    check = only(run({"x": range(20_002, 120_002)}, {"x": range(100_000)}, at_most=0.2))
    assert check.verdict is F
    assert check.reason.startswith(
        "`ks` of `x` is 0.20002 (n = 100,000 against 100,000 in the reference); "
    )


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize(
    "nothing", [[math.nan] * N, [None] * N, pa.nulls(N), pa.nulls(N, pa.string())]
)
def test_all_missing_in_data(method, nothing):
    result = run({"x": nothing}, {"x": NORMAL}, method)
    assert found(result) == {("x", method): U, ("x", "missing_shift"): F}
    assert not result.checks[0].by_chance
    assert result.checks[0].reason.startswith(
        "`x` has no values in the data; to leave the column out, list it in `exclude`; nothing "
        "can be compared"
    )


@pytest.mark.parametrize("nothing", [[math.nan] * N, [None] * N, pa.nulls(N, pa.string())])
def test_all_missing_in_the_reference_is_an_error(nothing):
    for method in ("psi", "ks"):
        kind_is_known = method == "ks" and not isinstance(nothing, list)
        result = run(table(), table(x=nothing), method, columns=["x", "i"])
        assert found(result) == {("x", method): E, ("i", method): P}
        why = "`x` has no values in the reference; remove it from `columns`"
        if kind_is_known:
            why = "'ks' does not apply to `x`, which holds strings; use 'psi' or 'chi2'"
        assert result.reason == why


@pytest.mark.parametrize("data", [{"x": []}, {"x": np.array([])}, {"x": pa.nulls(0, pa.date32())}])
def test_data_without_rows_are_inconclusive(data):
    check = only(run(data, {"x": NORMAL}))
    assert (check.verdict, check.by_chance, check.n) == (U, False, 0)
    result = run({"x": NORMAL}, data)
    assert result.verdict is E
    assert result.reason == (
        "the reference has no rows; pass the rows of the training data, or a baseline"
    )


def test_missing_share_against_no_rows():
    result = run({"x": []}, with_missing(0.5))
    assert found(result) == {("x", "ks"): U, ("x", "missing_shift"): U}
    assert result.checks[1].reason.startswith(
        "50 % of `x` is missing in the reference, but the data has no rows; nothing can be compared"
    )


# The rule


def shifted(by, rows=N):
    return {"x": RNG.normal(40, 10, rows) + by}


def test_fail_needs_effect_and_significance():
    rng = np.random.default_rng(5)
    large = {"x": rng.normal(0, 1, 200_000)}
    trivial = {"x": rng.normal(0.03, 1, 200_000)}
    check = only(run(trivial, large))
    assert (check.verdict, check.p_value < 1e-6) == (P, True)  # significant, but no effect
    small = {"x": rng.normal(0, 1, 30)}
    check = only(run(small, large, at_most=0.05))
    assert (check.verdict, check.by_chance) == (U, True)  # effect, but not significant
    check = only(run({"x": rng.normal(1, 1, 200)}, large))
    assert check.verdict is F


def test_undecided_reason_has_the_chance_level_and_the_rows_needed():
    data = {"x": NORMAL[:100] + 1}
    check = only(run(data, {"x": NORMAL}, at_most=0.04))
    value = stats.ks_2samp(data["x"], NORMAL).statistic
    chance = math.sqrt(-math.log(0.025) / 2 * (100 + N) / (100 * N))
    rows = rounded_up(1 / (2 * 0.04**2 / -math.log(0.025) - 1 / N))
    assert check.verdict is U
    assert check.reason == (
        f"`ks` of `x` is {value:.4g} (n = 100 against 2,000 in the reference); "
        f"not significant: differences up to {chance:.4g} are expected by chance at this sample "
        f"size; about {rows:,} rows would be enough to decide (limit: at most 0.04)"
    )


def test_undecided_against_a_reference_that_is_too_small():
    check = only(run({"x": NORMAL[:100] + 1}, {"x": NORMAL[:200]}, at_most=0.01))
    assert check.verdict is U
    assert "more rows can't decide this, because the reference is too small" in check.reason


def test_undecided_wasserstein_reports_its_test():
    data = {"x": NORMAL[:50] + 1}
    check = only(run(data, {"x": NORMAL}, "wasserstein", at_most=0.01))
    ks = stats.ks_2samp(data["x"], NORMAL).statistic
    assert check.verdict is U
    found = (
        f"; not significant: the test uses `ks`, which is {ks:.4g}, and differences of `ks` up to "
        "0.1945"
    )
    assert found in check.reason
    assert check.reason.count("rows would be enough to decide") == 1


def test_chance_level_below_the_value_is_not_shown():
    old, new = ([f"{age}{i}" for i in range(1_000)] for age in ("o", "n"))
    draws = np.random.default_rng(1)
    rare, few = ([f"c{i}" for i in draws.zipf(1.5, rows).clip(0, 300)] for rows in (5_000, 100))
    for data, reference in ((new, old), (rare, few)):
        check = only(run({"t": data}, {"t": reference}, "psi"))
        assert (check.verdict, check.by_chance) == (U, True)
        assert "; not significant at this sample size; more rows can't decide" in check.reason
        unseen = [x for x in check.details["bins"] if x["bin"] == "(not in the reference)"]
        assert [each["moved"] for each in unseen] == [False]


def test_a_category_that_is_new_has_moved():
    known, data = {"t": ["a", "b", "c"] * 60}, {"t": ["a", "b", "c", "d"] * 50}
    bins = only(run(data, known, "psi")).details["bins"]
    assert [each["bin"] for each in bins if each["moved"]] == ["(not in the reference)"]


def test_bounds_across_the_limit_are_undecided_by_chance_after_holm():
    others = {f"z{i}": RNG.normal(size=420) for i in range(9)}
    draws = np.random.default_rng(198)
    known = {"x": draws.normal(0, 1, 420), **others}
    data = {"x": draws.normal(0.12, 1, 420), **others}
    rows = mg.GateSuite([mg.Drift("ks")]).run(data=data, reference=known)
    stored = mg.GateSuite([mg.Drift("ks")]).run(data=data, reference=mg.Baseline.from_data(known))
    check = stored["drift"].checks[0]
    assert rows.verdict is stored.verdict is P
    assert check.by_chance
    assert "the stored baseline only shows" in check.reason


def test_no_number_of_rows_is_enough_for_a_limit_of_zero():
    check = only(run({"x": NORMAL[:50]}, {"x": NORMAL}, at_most=0))
    assert check.verdict is U
    assert "are expected by chance" in check.reason
    assert "decide" not in check.reason


def test_undecided_by_chance_is_allowed_by_default_and_can_be_blocked():
    evidence = {"data": {"x": NORMAL[:100] + 1, "i": NORMAL[:100]}}
    evidence["reference"] = {"x": NORMAL, "i": NORMAL}
    gate = mg.Drift("ks", at_most=0.12)
    assert found(gate.run(**evidence)) == {("x", "ks"): U, ("i", "ks"): P}
    report = mg.GateSuite([gate]).run(**evidence)
    assert report.verdict is P
    assert "1 undecided, allowed" in str(report)
    blocked = dataclasses.replace(gate, inconclusive="block")
    assert mg.GateSuite([blocked]).run(**evidence).verdict is U


def test_too_few_rows_always_block():
    for data, reference in ((29, N), (N, 29)):
        evidence = {"data": {"x": NORMAL[:data]}, "reference": {"x": NORMAL[:reference]}}
        assert mg.GateSuite([mg.Drift("ks")]).run(**evidence).verdict is U
        assert mg.GateSuite([mg.Drift("ks", min_samples=29)]).run(**evidence).verdict is P


@pytest.mark.parametrize("method", EVERY)
def test_min_samples_applies_to_both_sides(method):
    least = 100 if method == "psi" else 30
    for data, reference in ((least, least), (least - 1, N), (N, least - 1)):
        check = only(run({"x": NORMAL[:data]}, {"x": NORMAL[:reference]}, method, at_most=0.99))
        enough = data == reference
        assert (check.verdict, check.by_chance) == (P if enough else U, False)
        assert check.value is not None
        assert ("too few" in check.reason) is not enough
    few = f"{least - 1:,}, at least {least:,} are needed (limit: at most 0.99)"
    assert check.reason.endswith(f"too few values in the reference: {few}")


def test_missing_cells_do_not_count_as_samples():
    few = {"x": [*NORMAL[:29], *[None] * 500]}
    result = run(few, {"x": NORMAL}, max_missing_shift=1)
    assert found(result) == {("x", "ks"): U, ("x", "missing_shift"): P}
    assert (result.checks[0].n, result.checks[0].dropped) == (29, 500)


@pytest.mark.parametrize(("limit", "verdict"), [(0.2, P), (0.19, F)])
def test_decided_by_the_estimate(limit, verdict):
    data = {"x": [*range(8), 10, 10]}
    reference = {"x": range(10)}
    result = run(data, reference, at_most=limit, decide_by="estimate", min_samples=10)
    check = only(result)
    assert check.value == 0.2
    assert check.verdict is verdict
    assert check.p_value > 0.9
    assert "chance" not in check.reason


def test_limit_is_inclusive():
    data, reference = {"x": [*range(50), *range(150, 200)]}, {"x": range(100)}
    value = only(run(data, reference)).value
    assert value == 0.5
    assert run(data, reference, at_most=value).verdict is P
    assert run(data, reference, at_most=value - 1e-9).verdict is F


@pytest.mark.parametrize(
    "share", [pytest.param(n, marks=() if n % 8 == 0 else pytest.mark.slow) for n in range(89)]
)
def test_values_that_miss_the_limit_by_rounding_are_on_it(share, tmp_path):
    def texts(count):
        return {"t": np.repeat(["a", "b"], [count, 100 - count])}

    options = {"at_most": 0.1, "decide_by": "estimate", "max_missing_shift": 0.1}
    check = only(run(texts(share + 11), texts(share + 1), "total_variation", **options))
    assert (check.value, check.verdict) == (0.1, P)
    beyond = only(run(texts(share + 12), texts(share + 1), "total_variation", **options))
    assert beyond.verdict is F
    gaps = {count: np.where(np.arange(100) < count, np.nan, NORMAL[:100]) for count in range(100)}
    known, data = {"x": gaps[share]}, {"x": gaps[share + 10]}
    assert run(data, known, at_most=1, decide_by="estimate").checks[-1].verdict is P


def test_rows_and_a_stored_reference_agree_at_the_limit():
    known, data = {"x": np.repeat([0, 1], [900, 100])}, {"x": np.repeat([0, 1], [8_700, 1_300])}
    for reference in (known, mg.Baseline.from_data(known)):
        check = only(run(data, reference, "wasserstein", at_most=0.1, decide_by="estimate"))
        assert (check.value, check.verdict) == (0.1, P)


@pytest.mark.parametrize("method", EVERY)
def test_default_limits(method):
    check = only(run({"x": NORMAL}, {"x": NORMAL}, method))
    assert check.limit == mg.Limit(at_most=0.2 if method == "psi" else 0.1)


def test_holm_over_all_checks_of_the_gate():
    rng = np.random.default_rng(2)
    reference = {f"x{i}": rng.normal(size=300) for i in range(6)}
    data = {name: values + 0.08 * i for i, (name, values) in enumerate(reference.items())}
    data["x0"] = np.where(np.arange(300) < 8, np.nan, data["x0"])
    result = run(data, reference)
    alone = [check.details["p_value_alone"] for check in result.checks]
    assert len(alone) == 7
    order = np.argsort(alone)
    raised = np.maximum.accumulate(np.array(alone)[order] * np.arange(7, 0, -1)).clip(max=1)
    adjusted = dict(zip(order.tolist(), raised.tolist(), strict=True))
    assert [check.p_value for check in result.checks] == pytest.approx(
        [adjusted[i] for i in range(7)], rel=1e-12
    )


def test_a_column_without_values_does_not_count_among_the_tests():
    data = {"x": NORMAL[:100] + 3, "y": [None] * 100}
    result = run(data, {"x": NORMAL, "y": NORMAL}, at_most=0.0)
    x, y, missing = result.checks
    assert (y.p_value, missing.p_value < 1e-50) == (None, True)
    assert x.p_value == x.details["p_value_alone"]  # Holm: the second of two


@pytest.mark.slow
def test_false_alarms_stay_below_the_level_over_all_columns():
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(100):
        reference = {f"x{i}": rng.normal(size=200) for i in range(10)}
        data = {f"x{i}": rng.normal(size=100) for i in range(10)}
        alarms += run(data, reference, at_most=0.01).verdict is F
    assert alarms <= 13  # 5 expected at most; more than 13 has a chance of 0.0005


# Distances against other implementations


ties = st.lists(st.integers(-5, 5) | st.sampled_from([0.5, -math.inf, math.inf]), min_size=1)


@examples(60)
@given(ties, ties)
def test_ks_against_scipy(a, b):
    check = only(run({"x": a}, {"x": b}, min_samples=1, at_most=1.0))
    # old versions of scipy refuse infinities: clipping keeps the order of these values
    finite = [np.clip(np.array(x, float), -100, 100) for x in (b, a)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy's p-value fails for some sizes
        expected = stats.ks_2samp(*finite)
    assert check.value == pytest.approx(expected.statistic, abs=1e-12)


@pytest.mark.parametrize("sizes", [(30, 30), (200, 5_000), (5_000, 200)])
def test_ks_of_floats_against_scipy(sizes):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=sizes[0]), rng.normal(0.2, 1.1, sizes[1])
    check = only(run({"x": a}, {"x": b}))
    assert check.value == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)


def cells_of(reference, data, bins):
    """Counts of both sides in quantile cells, written from the definition, value by value."""
    ordered = sorted(reference)
    m = len(ordered)
    edges = sorted({ordered[-(-i * m // bins) - 1] for i in range(1, bins)})
    edges = [edge for edge in edges if math.isfinite(edge)]
    atoms = {edge for edge in edges if ordered.count(edge) * bins >= m}

    def cell(value):
        if math.isinf(value):
            return value
        return sum(1 for edge in edges if edge < value), value in atoms

    counts: dict = {}
    for side, values in enumerate((reference, data)):
        for value in values:
            counts.setdefault(cell(value), [0, 0])[side] += 1
    return list(counts.values())


def psi_of(counts):
    m, n, half = sum(a for a, _ in counts), sum(b for _, b in counts), len(counts) / 2
    total = 0.0
    for a, b in counts:
        p, q = (a + 0.5) / (m + half), (b + 0.5) / (n + half)
        total += (q - p) * math.log(q / p)
    return total


#: Floats that are not within rounding of an integer, which would count as equal to it.
apart = st.floats(-9, 9).map(lambda x: round(x, 6))
values = st.lists(
    st.integers(-3, 3) | apart | st.sampled_from([math.inf, -math.inf]),
    min_size=1,
    max_size=60,
)


@examples(80)
@given(values, values, st.integers(2, 12))
def test_psi_against_a_plain_computation(reference, data, bins):
    check = only(run({"x": data}, {"x": reference}, "psi", bins=bins, min_samples=1, at_most=99))
    counts = cells_of(reference, data, bins)
    assert check.value == pytest.approx(psi_of(counts), rel=1e-9, abs=1e-12)
    assert len(check.details["bins"]) == min(len(counts), 30)
    shown = sum(each["current"] for each in check.details["bins"])
    assert shown == pytest.approx(1) or len(counts) > 30


categories = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=80)


@examples(40)
@given(categories, categories)
def test_distances_of_categories_against_plain_computations(reference, data):
    known = sorted(set(reference))
    counts = [[reference.count(c), data.count(c)] for c in known]
    unseen = sum(c not in known for c in data)
    counts += [[0, unseen]] if unseen else []
    p, q = (np.array(side) / sum(side) for side in zip(*counts, strict=True))
    both = p + q
    expected = {
        "psi": psi_of(counts),
        "jensen_shannon": distance.jensenshannon(p, q, base=2),
        "hellinger": math.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2),
        "total_variation": abs(p - q).sum() / 2,
        "chi2": math.sqrt(((p - q) ** 2 / both).sum() / 2),
    }
    for method, value in expected.items():
        check = only(run({"c": data}, {"c": reference}, method, min_samples=1))
        assert check.value == pytest.approx(value, rel=1e-9, abs=1e-7), method


def test_wasserstein_is_in_units_of_the_references_spread():
    data = {"x": NORMAL * 1.1}
    quartiles = np.sort(NORMAL)[[N // 4 - 1, 3 * N // 4 - 1]]
    expected = stats.wasserstein_distance(NORMAL, data["x"]) / (np.ptp(quartiles) / 1.349)
    assert only(run(data, {"x": NORMAL}, "wasserstein")).value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("bins", [2, 4, 5, 20])
def test_bins_are_of_equal_size_in_the_reference(bins):
    check = only(run({"x": NORMAL}, {"x": NORMAL}, "psi", bins=bins))
    shares = [each["reference"] for each in check.details["bins"]]
    assert shares == pytest.approx([1 / bins] * bins)


# Infinities and constants


def test_infinities_have_their_own_cells():
    reference = {"x": np.where(np.arange(N) % 4 == 0, np.inf, NORMAL)}
    for method in ("psi", "ks"):
        assert run(reference, reference, method).verdict is P
        assert run({"x": NORMAL}, reference, method).verdict is F
        assert run({"x": -reference["x"]}, reference, method).verdict is F
    bins = only(run(reference, reference, "psi")).details["bins"]
    assert bins[-1] == {"bin": "x = inf", "reference": 0.25, "current": 0.25, "moved": False}


def test_wasserstein_is_undefined_where_values_are_infinite():
    data = {"x": np.where(np.arange(N) < 7, np.inf, NORMAL)}
    check = only(run(data, {"x": NORMAL}, "wasserstein"))
    assert (check.verdict, check.value, check.by_chance) == (U, None, False)
    assert check.reason.startswith(
        "`wasserstein` of `x` is undefined (n = 2,000 against 2,000 in the reference) because of "
        "infinite values, "
        "7 in the data and 0 in the reference; remove them, or use the method 'ks', which allows "
        "infinite values (limit: "
    )


@pytest.mark.parametrize("method", EVERY)
def test_constant_reference(method):
    reference = {"x": np.full(500, 7.0)}
    assert only(run({"x": np.full(300, 7.0)}, reference, method)).value == 0
    assert run({"x": np.full(300, 7.5)}, reference, method).verdict is F
    assert run({"x": NORMAL}, reference, method).verdict is F


def test_one_other_value_than_a_constant_can_be_chance():
    reference, data = {"x": np.zeros(500)}, {"x": np.eye(1, 500)[0]}
    for method in EVERY:
        assert run(data, reference, method).verdict is (U if method == "wasserstein" else P), method
    check = only(run(data, reference, "wasserstein"))
    assert (check.value, check.by_chance) == (math.inf, False)
    assert check.reason == (
        "`wasserstein` of `x` is infinite (n = 500 against 500 in the reference), because the "
        "distance is divided by the spread of the reference, where all values are equal; only a "
        "few values of the data differ from this value, which can be by chance; pass more rows to "
        "decide (limit: at most 0.1)"
    )
    decided = run(data, reference, "wasserstein", decide_by="estimate")
    assert decided.verdict is F


# What is shown


@pytest.mark.parametrize("method", BINNED)
@pytest.mark.parametrize(("rows", "before"), [(200, 100_000), (200, 2_000), (100_000, 200)])
def test_another_number_for_unknown_is_drift(method, rows, before):
    def side(size, unknown):
        amounts = np.random.default_rng(size).gamma(2, 50, size)
        return {"x": np.where(np.arange(size) < 0.15 * size, unknown, amounts)}

    check = only(run(side(rows, -1.0), side(before, 0.0), method))
    assert check.verdict is F
    assert check.p_value < 1e-20


@pytest.mark.parametrize("stored", [False, True])
def test_rounded_numbers_drift_from_a_small_reference(stored):
    rng = np.random.default_rng(1)
    reference = {"x": rng.normal(size=100)}
    data = {"x": np.round(rng.normal(size=5_000) * 2) / 2}
    known = mg.Baseline.from_data(reference) if stored else reference
    check = only(run(data, known, "psi", at_most=0.05))
    assert check.verdict is F


@pytest.mark.parametrize("method", BINNED)
def test_vanished_values_are_significant(method):
    rng = np.random.default_rng(2)
    reference, data = {"x": rng.random(200)}, {"x": 0.85 * rng.random(20_000)}
    check = only(run(data, reference, method))
    assert check.verdict is F
    assert check.p_value < 1e-10


def test_large_integers_of_two_types_are_distinguished():
    rng = np.random.default_rng(0)
    reference = 2**60 + rng.integers(0, 20, 300)
    even = 2**60 + 2 * rng.integers(0, 10, 300)
    data = np.append(even.astype(np.uint64), np.uint64(2**63))
    check = only(run({"x": data}, {"x": reference}, "psi", bins=20))
    assert check.p_value < 1e-20


def test_reference_beyond_the_type_of_the_data():
    stored = mg.Baseline.from_data({"x": np.full(400, 1.7e308)})
    with np.errstate(all="raise"):
        check = only(run({"x": np.zeros(400, np.float32)}, stored, "psi"))
    assert check.verdict is F


def test_more_bins_than_values_are_not_significant():
    rng = np.random.default_rng(3)
    sides = ({str(i): rng.normal(size=500) for i in range(100)} for _ in range(2))
    gate = mg.Drift("psi", bins=500, at_most=0)
    result = gate.run(**dict(zip(("data", "reference"), sides, strict=True)))
    significant = sum(check.details["p_value_alone"] <= 0.05 for check in result.checks)
    # at 5 %, more than 13 of 100 have a chance of 0.0005
    assert significant <= 13


@pytest.mark.slow
def test_small_reference_with_ties_keeps_the_level():
    rng = np.random.default_rng(20261128)
    gate, fails = mg.Drift("total_variation"), 0
    for _ in range(100):
        sides = ({str(i): rng.integers(0, 18, rows) for i in range(10)} for rows in (1_000, 100))
        fails += gate.run(**dict(zip(("data", "reference"), sides, strict=True))).verdict is F
    # by the cells of the reference 16 of 100; at 5 %, more than 12 have a chance of 0.0004
    assert fails <= 12


def test_details_list_the_cells_that_moved():
    reference = {"c": ["a"] * 500 + ["b"] * 300 + ["c"] * 200}
    data = {"c": ["a"] * 500 + ["b"] * 100 + ["c"] * 201 + ["d"] * 199}
    check = only(run(data, reference, "psi"))
    assert check.verdict is F
    assert (check.n, check.details["n_reference"], check.method) == (1_000, 1_000, "psi")
    assert check.details["bins"] == (
        {"bin": "a", "reference": 0.5, "current": 0.5, "moved": False},
        {"bin": "b", "reference": 0.3, "current": 0.1, "moved": True},
        {"bin": "c", "reference": 0.2, "current": 0.201, "moved": False},
        {"bin": "(not in the reference)", "reference": 0.0, "current": 0.199, "moved": True},
    )
    assert check.details["p_value_alone"] == check.p_value < 1e-20


def test_details_show_the_largest_changes_of_many_cells_and_sum_up_the_others():
    reference = {"c": [f"c{i:03}" for i in range(100)] * 10}
    data = {"c": ["c050"] * 500 + [f"c{i:03}" for i in range(100)] * 5}
    *bins, other = only(run(data, reference, "psi")).details["bins"]
    assert len(bins) == 30
    assert [each["bin"] for each in bins if each["moved"]] == ["c050"]
    assert [each["bin"] for each in bins] == sorted(each["bin"] for each in bins)
    assert other["bin"] == "(other)"
    for side in ("reference", "current"):
        assert sum(each[side] for each in (*bins, other)) == pytest.approx(1)


def test_cells_that_print_alike_get_more_digits():
    stamps = 1.7e9 + np.arange(100) / 8
    bins = only(run({"x": stamps}, {"x": stamps}, "psi")).details["bins"]
    assert len({each["bin"] for each in bins}) == 10
    assert bins[0]["bin"] == "x <= 1,700,000,001"


def test_only_categories_of_the_reference_are_shown_and_shortened():
    long = "x" * 150
    reference = {"c": [long] * 100 + ["b"] * 100}
    data = {"c": ["ann@example.org"] * 100 + ["b"] * 100}
    result = run(data, reference, "psi")
    assert result.verdict is F
    text = json.dumps(result.to_dict())
    assert "ann@example.org" not in text
    assert long not in text
    assert f"{'x' * 51}...{'x' * 26}" in text


@pytest.mark.parametrize("method", SAMPLED)
def test_every_report_is_valid_json(method):
    sides = (
        table(),
        table(x=NORMAL + 50),
        table(x=[math.inf] * N),
        table(x=[math.nan] * N),
        table(x=[None] * N),
        table(x=WORDS),
        table(x=[10**30 + i for i in range(N)]),
        {"x": []},
        {"y": [1]},
    )
    for data in sides:
        for reference in (sides[0], data):
            report = mg.GateSuite([mg.Drift(method)]).run(data=data, reference=reference)
            again = json.loads(report.to_json(), parse_constant=pytest.fail)
            assert mg.Report.from_dict(again) == report


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"method": "k"},
            (
                "Drift: `method` must be one of 'psi', 'ks', 'jensen_shannon', 'wasserstein', "
                "'hellinger', 'total_variation', 'chi2', got 'k'; did you mean 'ks'?"
            ),
        ),
        ({"at_most": -0.1}, "Drift: `at_most` must be a finite number of at least 0, got -0.1"),
        (
            {"method": "ks", "at_most": 10},
            (
                "Drift: `at_most` must be between 0 and 1, got 10; "
                "shares are not percentages: write 0.1"
            ),
        ),
        (
            {"columns": []},
            "Drift: `columns` must be a name or a non-empty sequence of names, got []",
        ),
        (
            {"columns": ["x"], "exclude": ["x"]},
            "Drift: `exclude` must be names that are not in `columns`, got ('x',)",
        ),
        ({"bins": 1}, "Drift: `bins` must be a whole number of at least 2, got 1"),
        ({"min_samples": 0}, "Drift: `min_samples` must be a whole number of at least 1, got 0"),
        (
            {"significance": 0},
            (
                "Drift: `significance` must be a finite number of at least 1e-09 and at most 0.5, "
                "got 0"
            ),
        ),
        (
            {"max_missing_shift": 5},
            (
                "Drift: `max_missing_shift` must be between 0 and 1, got 5; "
                "shares are not percentages: write 0.05"
            ),
        ),
        (
            {"decide_by": "interval"},
            "Drift: `decide_by` must be one of 'significance', 'estimate', got 'interval'",
        ),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Drift(**options)
    assert str(caught.value) == message


def test_name_and_repr():
    gate = mg.Drift("ks", columns="x")
    assert gate.name == "drift:ks"
    assert repr(gate) == "Drift('ks', columns=('x',))"
    assert mg.Drift().name == "drift:psi"
    assert mg.Drift().inconclusive == "allow"


# Kinds of references


def references(tmp_path):
    reference = table()
    arrow = pa.table(reference)
    pq.write_table(arrow, tmp_path / "reference.parquet", row_group_size=300)
    baseline = mg.Baseline.from_data(reference)
    baseline.save(tmp_path / "baseline.json")
    halves = (mg.Profile.of(arrow.slice(0, 700)), mg.Profile.of(arrow.slice(700)))
    return {
        "dict": reference,
        "pandas": pd.DataFrame(reference),
        "polars": pl.DataFrame(reference),
        "arrow": arrow,
        "reader": arrow.to_reader(max_chunksize=99),
        "Parquet path": tmp_path / "reference.parquet",
        "Parquet name": str(tmp_path / "reference.parquet"),
        "profile": mg.Profile.of(reference),
        "merged profiles": halves[0].merge(halves[1]),
        "baseline": baseline,
        "baseline path": tmp_path / "baseline.json",
        "baseline name": str(tmp_path / "baseline.json"),
        "baseline of merged profiles": mg.Baseline.from_data(halves[0].merge(halves[1])),
    }


@pytest.mark.parametrize("method", SAMPLED)
def test_reference_may_be_a_table_a_profile_or_a_baseline(method, tmp_path):
    rng = np.random.default_rng(8)
    data = {
        "x": rng.normal(43, 10, 500),
        "i": rng.integers(0, 50, 500),
        "b": rng.random(500) < 0.4,
        "c": rng.choice(["a", "b", "d"], 500),
    }
    first = run(data, table(), method)
    assert first.verdict is F
    for kind, reference in references(tmp_path).items():
        result = run(data, reference, method)
        assert found(result) == found(first), kind
        assert result.reason.split(";")[1:] == first.reason.split(";")[1:], kind
        for check, known in zip(result.checks, first.checks, strict=True):
            exact = method in BINNED or "baseline" not in kind
            close = {"abs": 1e-12} if exact else {"rel": 0.02, "abs": 1 / 360}
            assert check.value == pytest.approx(known.value, **close), kind


def test_profile_without_distributions_is_an_error():
    profile = mg.Profile.of(table(), [], columns=["x"])
    result = run(table(), profile)
    assert set(found(result).values()) == {E}
    assert result.checks[0].reason == (
        "the profile of the reference has no distribution of `x`; pass the rows of the reference, "
        "or a baseline; "
        "to leave the column out, list it in `exclude`"
    )


@pytest.mark.parametrize("column", ["x", "c"])
def test_distribution_that_raises_does_not_affect_other_columns(column, monkeypatch):
    def break_off(kind):
        count = kind.count

        def broken(self, batch):
            if self.column == column:
                msg = "the disk is gone"
                raise OSError(msg)
            return count(self, batch)

        monkeypatch.setattr(kind, "count", broken)

    break_off(Distribution)
    break_off(NumericSample)
    for reference in (table(), mg.Profile.of(table())):
        result = run(table(), reference, "psi")
        verdicts = {(name, "psi"): P for name in ("x", "i", "b", "c")}
        assert found(result) == verdicts | {(column, "psi"): E}
        why = "` of the reference could not be read: OSError: the disk is gone"
        assert result.reason == f"`{column}{why}"


def test_provenance_has_the_reference(tmp_path):
    for kind, reference in references(tmp_path).items():
        report = mg.GateSuite([mg.Drift("ks")]).run(data=table(), reference=reference)
        known = report.provenance["tables"]["reference"]
        assert known["rows"] == N, kind
        assert len(known["fingerprint"]) == 64, kind


def test_several_gates_share_one_scan():
    gates = [mg.Drift(method) for method in EVERY] + [mg.Drift("psi", bins=7, name="seven")]
    report = mg.GateSuite(gates).run(data=table(x=NORMAL + 2), reference=table())
    for gate in gates:
        alone = gate.run(data=table(x=NORMAL + 2), reference=table())
        assert report[gate.name] == dataclasses.replace(alone, seconds=0), gate.name


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_numpy_set_to_raise_changes_no_verdict(n_jobs):
    rng = np.random.default_rng(0)
    values = rng.choice([1e308, 1e-300, 5e-324, -1e308], 1_000) * rng.random(1_000)
    sides = {"data": {"x": values}, "reference": {"x": values}, "n_jobs": n_jobs}
    with np.errstate(all="raise"):
        for method in EVERY:
            assert mg.GateSuite([mg.Drift(method)]).run(**sides).passed, method


@pytest.fixture
def none_is_small(monkeypatch):
    """Let references of 5,000 values cut a test alone, as large ones do, column by column."""
    monkeypatch.setattr(sides_of_drift, "_FEW", 1_000)
    monkeypatch.setattr(many_columns, "_LONGEST", 0)


def large_columns():
    """Both sides of columns that buckets serve, and of some that they do not."""
    rng = np.random.default_rng(20261123)

    def side(move, rows):
        normal = rng.normal(size=rows)
        return {
            "same": normal + 5,
            "moved": normal + move,
            "stamp": 1.7e9 + rng.uniform(size=rows) * (1 + move),
            "whole": rng.integers(0, 10**6, rows),
            "levels": rng.integers(0, 9, rows),
            "tails": rng.standard_cauchy(rows),
            "far": np.where(np.arange(rows) < 3, 1e9 * (1 + move), normal),
            "infinite": np.where(np.arange(rows) < 3, np.inf, normal),
            "elsewhere": normal + 1e6 * move,
        }

    return side(0.0, 6_000), side(0.3, 5_000)


def told(report):
    return [(result.name, check) for result in report.results for check in result.checks]


@pytest.mark.parametrize(
    "gates",
    [
        [mg.Drift("wasserstein")],
        [mg.Drift("ks"), mg.Drift("psi"), mg.Drift("wasserstein")],
        [mg.Drift("psi", bins=7), mg.Drift("wasserstein"), mg.Drift("chi2"), mg.Drift("ks")],
        [mg.Drift("wasserstein", columns=["same", "levels"]), mg.Drift("psi")],
        [mg.Drift("ks", columns="lacking"), mg.Drift("psi"), mg.Drift("wasserstein")],
    ],
)
@pytest.mark.usefixtures("none_is_small")
def test_large_columns_give_the_results_of_sorted_ones(gates, monkeypatch):
    reference, data = large_columns()
    suite = mg.GateSuite(gates)
    with monkeypatch.context() as few:
        few.setattr(buckets, "_FEW", 10**9)
        expected = told(suite.run(data=data, reference=reference))
    assert told(suite.run(data=data, reference=reference)) == expected
    for gate in gates:
        alone = told(mg.GateSuite([gate]).run(data=data, reference=reference))
        assert alone == [one for one in expected if one[0] == gate.name]


BINNED = [mg.Drift("psi"), mg.Drift("psi", bins=5, name="five"), mg.Drift("chi2", bins=7)]


@pytest.mark.parametrize("gates", [BINNED, [BINNED[0], mg.Drift("ks"), *BINNED[1:]]])
def test_short_columns_of_several_gates_are_compared_once(gates, monkeypatch):
    rng = np.random.default_rng(0)
    reference, data = ({f"x{i}": rng.normal(size=n) for i in range(3)} for n in (900, 800))
    compared = []
    compare = distributions.compare_group

    def counted(pairs, *arguments):
        compared.extend(len(pair.current) for pair in pairs)
        return compare(pairs, *arguments)

    monkeypatch.setattr(distributions, "compare_group", counted)
    mg.GateSuite(gates).run(data=data, reference=reference)
    assert compared == [0 if gates is BINNED else 800] * 3


@pytest.mark.parametrize("gates", [BINNED, [BINNED[0], mg.Drift("ks"), *BINNED[1:]]])
@pytest.mark.usefixtures("none_is_small")
def test_columns_of_several_gates_are_put_into_buckets_once_a_side(gates, monkeypatch):
    reference, data = large_columns()
    made = []
    make = Bucketed.__init__

    def counted(self, *arguments, **options):
        made.append(arguments[0].size)
        make(self, *arguments, **options)

    monkeypatch.setattr(Bucketed, "__init__", counted)
    mg.GateSuite(gates).run(data=data, reference=reference)
    # The data need no buckets if only cells are requested.
    assert made.count(5_000) == len(data) * (gates is not BINNED)
    assert made.count(6_000) == len(reference)


@pytest.mark.usefixtures("none_is_small")
def test_gates_request_only_their_own_columns():
    reference, data = large_columns()
    gates = [mg.Drift("ks", columns="same"), mg.Drift("psi", bins=5, exclude="moved")]
    evidence = Evidence({"data": data, "reference": reference})
    for gate in gates:
        gate.request_counts(evidence)
    for profile in (evidence.reference(), evidence.profile()):
        assert NumericSample("same") in profile
        assert NumericSample("moved") not in profile
    # only cells are counted in the data of a column without a gate of values
    assert NumericSample("stamp") in evidence.reference()
    assert NumericSample("stamp") not in evidence.profile()


@pytest.mark.usefixtures("none_is_small")
@pytest.mark.slow
def test_concurrent_runs_against_one_profile_give_the_same_results():
    reference, data = large_columns()
    suites = [
        mg.GateSuite([mg.Drift("ks"), mg.Drift("psi", bins=bins)]) for bins in (4, 7, 10, 12, 20)
    ]

    def runs(profile):
        return lambda suite: told(suite.run(data=data, reference=profile))

    names = ("same", "moved", "stamp", "whole", "far", "elsewhere")
    counters = [NumericSample(name) for name in names]
    alone = [runs(mg.Profile.of(reference, counters))(suite) for suite in suites]
    for _ in range(3):
        with ThreadPoolExecutor(5) as pool:
            assert list(pool.map(runs(mg.Profile.of(reference, counters)), suites)) == alone


@pytest.mark.usefixtures("none_is_small")
def test_one_profile_as_reference_of_several_runs():
    reference, data = large_columns()
    profile = mg.Profile.of(reference, [NumericSample(name) for name in reference])
    suite = mg.GateSuite([mg.Drift("ks"), mg.Drift("wasserstein")])
    for table_ in (data, reference, data):
        known = told(suite.run(data=table_, reference=profile))
        assert known == told(suite.run(data=table_, reference=reference))


@mg.gate
def reference_is_large(reference):
    """Whether the reference has rows enough."""
    return reference.rows > 100


def test_function_gates_get_the_stored_reference(tmp_path):
    for kind in ("profile", "baseline", "baseline path", "baseline name"):
        reference = references(tmp_path)[kind]
        assert reference_is_large.run(reference=reference).verdict is P, kind


def test_excluded_name_may_be_in_the_data_only():
    gate = mg.Drift("ks", exclude="loaded_at")
    reference = {"x": np.arange(100.0)}
    data = {"x": np.arange(100.0), "loaded_at": np.arange(100)}
    assert gate.run(data=data, reference=reference).passed
    refused = gate.run(data={"x": np.arange(100.0)}, reference=reference)
    assert refused.reason.startswith("`loaded_at` in `exclude` is not in the reference")


# Data that are not in memory: counted at the values of the reference

CLOSE = [0.3, 0.1 + 0.2, 1.0, 1 - 2**-40, 1 + 1e-10, 2.0, 3.0, math.inf, -math.inf, 0.0]
VALUES = {
    pa.float64(): st.sampled_from(CLOSE) | st.floats(-4, 4),
    pa.float32(): st.sampled_from([0.5, 0.75, 3.0]) | st.floats(-4, 4, width=32),
    pa.int32(): st.integers(0, 3),
    pa.int64(): st.integers(0, 3) | st.integers(2**53, 2**53 + 2) | st.just(-(2**63)),
    pa.uint64(): st.integers(0, 3) | st.integers(2**64 - 3, 2**64 - 1),
    pa.decimal128(4, 1): st.integers(-30, 30).map(lambda tenths: Decimal(tenths) / 10),
}


def columns_of(types):
    """Return a strategy for columns of one of some types, with repeated and with missing values."""

    def of(type_):
        few = st.lists(VALUES[type_] | st.none(), min_size=1, max_size=9)
        return st.tuples(few, st.lists(st.integers(0, 8), min_size=1, max_size=40)).map(
            lambda drawn: pa.array([drawn[0][i % len(drawn[0])] for i in drawn[1]], type_)
        )

    return st.sampled_from(types).flatmap(of)


DOUBLES = [pa.float64(), pa.float32(), pa.int32(), pa.decimal128(4, 1)]
SAME = {type_: [type_] for type_ in (pa.int64(), pa.uint64())} | dict.fromkeys(DOUBLES, DOUBLES)


@examples(400)
@given(
    st.sampled_from(list(SAME)).flatmap(
        lambda type_: st.tuples(*[columns_of(SAME[type_])] * 2, st.integers(0, 40))
    ),
    st.sampled_from(["ks", "ks psi", "ks psi chi2"]),
    st.sampled_from([1, 400]),
)
def test_files_and_parts_are_judged_as_tables(sides, methods, times):
    reference, data, cut = sides
    reference = pa.concat_arrays([reference] * times)
    gates = [mg.Drift(method, min_samples=1, bins=4) for method in methods.split()]
    suite, reference = mg.GateSuite(gates), {"x": reference}
    local = told(suite.run(data={"x": data}, reference=reference))
    frame = pl.from_arrow(pa.table({"x": data})).lazy()
    plan = suite.plan(data={"x": data}, reference=reference)
    one, two = plan.count({"x": data[:cut]}), plan.count({"x": data[cut:]})
    merged = mg.Profile.from_bytes(one.to_bytes()).merge(two)
    for other in (frame, one.merge(two), merged):
        assert told(suite.run(data=other, reference=reference)) == local


def test_values_of_a_file_are_kept_only_if_they_are_needed(tmp_path):
    rng = np.random.default_rng(0)
    pq.write_table(pa.table({"x": rng.normal(size=2_000)}), tmp_path / "data.parquet")
    for rows, methods, is_kept in (
        (500, ["ks"], False),
        (500, ["ks", "psi"], False),
        (500, ["psi"], False),
        (90, ["ks"], False),
        (90, ["ks", "psi"], True),
        (500, ["ks", "wasserstein"], True),
        (70_000, ["ks"], True),
    ):
        evidence = Evidence(
            {"data": tmp_path / "data.parquet", "reference": {"x": rng.normal(size=rows)}}
        )
        for method in methods:
            mg.Drift(method).request_counts(evidence)
        assert (NumericSample("x") in evidence.profile()) is is_kept, (rows, methods)


def test_slices_of_a_file_are_judged_as_those_of_a_table(tmp_path):
    rng = np.random.default_rng(0)
    reference, data = (
        {"x": rng.normal(size=n), "shop": rng.choice(["a", "b"], n)} for n in (3_000, 2_000)
    )
    pq.write_table(pa.table(data), tmp_path / "data.parquet")
    suite = mg.GateSuite([mg.Drift("ks", by="shop"), mg.Drift("psi", by={"a": "shop == 'a'"})])
    local = told(suite.run(data=data, reference=reference))
    assert told(suite.run(data=tmp_path / "data.parquet", reference=reference)) == local


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example("drift", mg.Drift(), others={"reference": people()}),
    Example(
        "drift-options",
        mg.Drift(
            "ks",
            at_most=0.2,
            columns=["age", "income"],
            exclude="country",
            decide_by="estimate",
            significance=0.01,
            bins=5,
            min_samples=50,
            max_missing_shift=0.05,
            name="ages",
            inconclusive="block",
        ),
        others={"reference": people()},
        ladders={"max_missing_shift": (1.0, 0.5, 0.0), "min_samples": (1, ROWS, ROWS + 1, 10**6)},
    ),
    Example(
        "drift-slices",
        mg.Drift(
            "ks",
            at_most={"age": 0.3, "*": 0.2},
            columns=["age", "income"],
            max_drifted=0.5,
            by="member",
            max_groups=3,
        ),
        others={"reference": people()},
        ladders={"max_groups": (3, 2, 1)},
    ),
    Example(
        "drift-stored",
        mg.Drift("ks", decide_by="estimate", exclude=["id"]),
        others={"reference": mg.Baseline.from_data(people())},
        ladders={
            "at_most": (1.0, 0.1, 0.01, 0.001, 0.0),
            "columns": (("age",), ("age", "income"), ("age", "income", "nobody")),
            "exclude": (("id", "age"), ("id",), ("nobody",)),
            "max_missing_shift": (1.0, 0.01, 0.0),
        },
    ),
)


@pytest.mark.parametrize("method", ["wasserstein", "ks", "psi"])
@pytest.mark.parametrize("stored", [False, True])
def test_integers_and_floats_beyond_2_to_the_53_are_compared_exactly(method, stored):
    whole, real = {"x": np.full(500, 2**60 + 1)}, {"x": np.full(500, 2.0**60)}
    for data, reference in ((whole, real), (real, whole)):
        against = mg.Baseline.from_data(reference) if stored else reference
        assert mg.Drift(method).run(data=data, reference=against).verdict is mg.Verdict.FAIL
        assert mg.Drift(method).run(data=reference, reference=against).verdict is mg.Verdict.PASS


BY_CELLS = ["psi", "jensen_shannon", "hellinger", "total_variation", "chi2"]


def standardised(n, seed):
    """Return 0/1 columns that are standardised in two ways, which differ in the last bit."""
    rng = np.random.default_rng(seed)
    x, y = (rng.integers(0, 2, n).astype(float) for _ in range(2))
    mean, sd = x.mean(), x.std()
    reference, same, other = (x - mean) / sd, (y - mean) / sd, y * (1 / sd) - mean / sd
    assert set(same) != set(other)
    return {"x": reference}, {"x": same}, {"x": other}


@pytest.mark.parametrize("method", [*BY_CELLS, "ks", "wasserstein"])
@pytest.mark.parametrize("n", [300, 2_000, 30_000])
def test_values_that_differ_by_rounding_are_no_drift(method, n):
    reference, same, other = standardised(n, 7)
    for against in (reference, mg.Baseline.from_data(reference)):
        values = {
            round(mg.Drift(method).run(data=data, reference=against).checks[0].value, 12)
            for data in (same, other, pd.DataFrame(other), pa.table(other))
        }
        assert len(values) == 1
        gates = [mg.Drift(method, name="alone"), mg.Drift("ks"), mg.Drift("psi")]
        report = mg.GateSuite(gates).run(data=other, reference=against)
        assert round(report.results[0].checks[0].value, 12) in values
        assert {result.verdict for result in report} == {mg.Verdict.PASS}


@pytest.mark.parametrize(
    ("atoms", "moved", "is_drift"),
    [
        ([0.0, 1.0], 1 + 9e-10, False),
        ([0.0, 1.0], 1 + 2e-9, True),
        ([0.0, 1.0, 1e10], 1 + 9e-10, False),  # the range does not matter
        ([0.0, 1.0, 1e10], 1 + 1e-6, True),
        ([0.0, 1e10], 5.0, False),
        ([0.0, 1e10], 11.0, True),
    ],
)
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("method", ["psi", "ks"])
def test_only_values_near_an_atom_are_that_atom(atoms, moved, is_drift, method, stored):
    reference = {"x": np.repeat(atoms, 500)}
    near = 1.0 if 1.0 in atoms else 0.0
    data = {"x": np.where(reference["x"] == near, moved, reference["x"])}
    against = mg.Baseline.from_data(reference) if stored else reference
    verdict = mg.Drift(method).run(data=data, reference=against).verdict
    assert (verdict is mg.Verdict.FAIL) is is_drift


@pytest.mark.parametrize("stored", [False, True])
def test_atoms_do_not_take_values_that_the_reference_tells_from_them(stored):
    rng = np.random.default_rng(0)
    rest = rng.uniform(0, 5, 200)
    reference = {"x": np.concatenate([np.zeros(900), rest[:80], np.full(1_020, 1e10)])}
    data = {"x": np.concatenate([np.zeros(500), np.repeat(rest, 2)[:480], np.full(1_020, 1e10)])}
    against = mg.Baseline.from_data(reference) if stored else reference
    assert mg.Drift("psi").run(data=data, reference=against).verdict is mg.Verdict.FAIL


@pytest.mark.parametrize("n", [2_000, 250_000])
@pytest.mark.parametrize("stored", [False, True])
def test_rounding_of_an_atom_among_other_values_is_no_drift(n, stored):
    rng = np.random.default_rng(0)
    half = rng.random(n) < 0.5
    reference = {"x": np.where(half, 0.3, rng.normal(size=n))}
    data = {"x": np.where(half, np.nextafter(0.3, 1), reference["x"])}
    against = mg.Baseline.from_data(reference) if stored else reference
    assert mg.Drift("psi").run(data=data, reference=against).checks[0].value < 0.001


@pytest.mark.parametrize("method", EVERY)
def test_a_distance_that_is_rounded_to_the_limit_is_shown_before_rounding(method):
    columns = {"data": {"x": NORMAL + 3}, "reference": {"x": NORMAL}}
    most = 1e9 if method in ("psi", "wasserstein") else 1
    (clear,) = mg.Drift(method, at_most=most).run(**columns).checks
    assert "before_rounding" not in clear.details
    (check,) = mg.Drift(method, at_most=clear.value * (1 - 1e-13)).run(**columns).checks
    assert check.verdict is P
    assert check.details["before_rounding"] == clear.value
    assert (
        f"; the computed value, {clear.value!r}, counts as equal to the limit, because "
        "they differ only by "
        "a rounding error; the limit is" in check.reason
    )
    (beyond,) = mg.Drift(method, at_most=clear.value * (1 - 1e-10)).run(**columns).checks
    assert beyond.verdict is F
    shown, limit = (beyond.reason.partition(after)[2].split()[0] for after in (" is ", "at most "))
    assert float(shown) > float(limit)
