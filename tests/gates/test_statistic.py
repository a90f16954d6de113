"""Statistics of columns: values, intervals, changes, verdicts, exactness, slices and baselines."""

import datetime as dt
import json
import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gate_examples import Example, adults, people
from scipy import stats

import mlgates as mg
from mlgates.stats.changes import deviation_interval
from mlgates.stats.means import mean_interval
from mlgates.stats.proportions import wilson_interval
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
RNG = np.random.default_rng(11)
X = RNG.gamma(2.0, 3.0, 200)
Y = RNG.gamma(2.0, 3.0, 300) + 0.2
FINITE = ("mean", "median", "std", "sum", "min", "max", "quantile:0.9")


def check_of(gate, metric=None, group=None, **evidence):
    result = gate.run(**evidence)
    (check,) = [c for c in result.checks if c.metric == (metric or gate.of) and c.group == group]
    return check


def measured(of, values, **options):
    options = options or {"at_least": -(10.0**300) if of not in ("std", "distinct") else 0}
    return check_of(mg.Statistic(of, "x", **options), data={"x": values})


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "avg"}, "`of` must be one of 'mean', 'median', 'std', 'sum'"),
        ({"of": "means"}, "did you mean 'mean' or 'median'?"),
        ({"of": 3}, "'rate' or a quantile such as 'quantile:0.95', got 3"),
        ({"of": "quantile"}, "`of` must be a quantile such as 'quantile:0.95', got 'quantile'"),
        ({"of": "quantile:95"}, "a share above 0 and below 1, such as 'quantile:0.95'"),
        ({"of": "quantile:1"}, "a share above 0 and below 1"),
        ({"of": "quantile:nan"}, "a share above 0 and below 1"),
        ({"column": None}, "'mean' needs `column`, and takes no condition, got neither"),
        ({"column": ""}, "`column` must be a non-empty string"),
        ({"condition": "x > 1"}, "takes no condition, got `column` and `condition`"),
        ({"of": "rows"}, "'rows' takes no column and no condition, got `column`"),
        ({"of": "rate", "column": None}, "'rate' needs either `column` or `condition`, got neit"),
        ({"of": "rate", "condition": "x >"}, "Statistic: `condition`: 'x >' is inco"),
        (
            {"at_least": None},
            "at least one limit is required: `at_least`, `at_most`, `max_change` or `max_relative",
        ),
        ({"at_least": 3, "at_most": 2}, "`at_least` must not be greater than `at_most`"),
        ({"at_least": dt.date(2026, 1, 1)}, "`at_least` must be a finite number"),
        ({"of": "std", "at_least": -1}, "`at_least` must be a finite number of at least 0"),
        ({"of": "rate", "at_least": 20}, "shares are not percentages: write 0.2"),
        ({"max_change": -1}, "`max_change` must be a finite number of at least 0"),
        ({"max_relative_change": math.inf}, "`max_relative_change` must be a finite number"),
        ({"by": {"old": "age >"}}, "Statistic: `by['old']`: 'age >' is incomplete"),
        ({"decide_by": "significance"}, "must be one of 'interval', 'estimate'"),
        ({"confidence": 95}, "shares are not percentages: write 0.95"),
        ({"max_groups": 0}, "`max_groups` must be a whole number of at least 1"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Statistic(**({"of": "mean", "column": "x", "at_least": 0} | options))
    assert message in str(caught.value)


def test_names():
    assert mg.Statistic("mean", "x", at_least=0).name == "statistic:mean:x"
    assert mg.Statistic("quantile:0.95", "x", at_most=1).name == "statistic:quantile:0.95:x"
    assert mg.Statistic("rows", at_least=1).name == "statistic:rows"
    assert mg.Statistic("rate", condition="a * b > 0", at_least=0).name == (
        "statistic:rate:a _ b > 0"
    )


def test_needs_the_reference_for_a_change_alone():
    assert mg.Statistic("mean", "x", at_least=0).needs == {"data"}
    gate = mg.Statistic("mean", "x", max_change=1)
    assert gate.needs == {"data", "reference"}
    assert gate.run(data={"x": [1]}).reason == "the gate needs `reference`, which was not given"


def test_is_written_as_it_is_built():
    gate = mg.Statistic("rate", condition="x > 0", at_least=0.1, by={"old": "age > 60"})
    assert eval(repr(gate), {"Statistic": mg.Statistic}) == gate  # noqa: S307
    suite = mg.GateSuite([gate, mg.Statistic("rows", at_most=9)], name="s")
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


# Values and intervals


def test_values_are_those_of_numpy():
    expected = {
        "mean": X.mean(),
        "median": np.median(X),
        "std": X.std(ddof=1),
        "sum": X.sum(),
        "min": X.min(),
        "max": X.max(),
        "quantile:0.9": np.quantile(X, 0.9, method="inverted_cdf"),
    }
    for of, value in expected.items():
        assert measured(of, X).value == pytest.approx(value, rel=1e-14)
    assert measured("distinct", ["a", "b", "a", None]).value == 2


def test_intervals_are_those_of_the_kernels():
    assert measured("mean", X).interval == pytest.approx(mean_interval(X), rel=1e-12)
    ends = np.array(mean_interval(X)) * len(X)
    assert measured("sum", X).interval == pytest.approx(ends, rel=1e-12)
    powers = [((X - X.mean()) ** order).sum() for order in range(2, 7)]
    ends = deviation_interval(powers, len(X))
    assert measured("std", X).interval == pytest.approx(ends, rel=1e-12)
    ordered = np.sort(X)
    assert measured("median", X).interval == (ordered[85], ordered[114])
    assert measured("min", X).interval is None
    flags = check_of(mg.Statistic("rate", "b", at_least=0), data={"b": [True] * 3 + [False] * 7})
    assert flags.interval == pytest.approx(wilson_interval(3, 10))


def test_level_of_the_interval():
    wide = measured("mean", X, at_least=0, confidence=0.99)
    assert wide.interval == pytest.approx(mean_interval(X, None, 0.99), rel=1e-12)
    assert wide.confidence == 0.99


@pytest.mark.parametrize(
    ("options", "verdict", "reason"),
    [
        (
            {"of": "mean", "at_least": 2.0},
            PASS,
            (
                "`mean` of `x` is 3 (95 % interval 2.802 to 3.198, n = 200); 1 row has a missing "
                "value (not counted); the limit is at least 2"
            ),
        ),
        (
            {"of": "mean", "at_least": 2.9},
            INCONCLUSIVE,
            (
                "`mean` of `x` is 3 (95 % interval 2.802 to 3.198, n = 200); 1 row has a missing "
                "value (not counted); the interval contains the limit; about 1,700 rows would be "
                "enough to decide (limit: at least 2.9)"
            ),
        ),
        ({"of": "mean", "at_least": 2.9, "decide_by": "estimate"}, PASS, "; the limit is at"),
        ({"of": "mean", "at_least": 3.5}, FAIL, "; the limit is at least 3.5"),
        (
            {"of": "sum", "at_least": 600},
            PASS,
            (
                "`sum` of `x` is 600 (95 % interval 560.5 to 639.5, n = 200); 1 row has a missing "
                "value (not counted); the limit is at least 600 and is compared with the value, "
                "not with its confidence interval"
            ),
        ),
        ({"of": "max", "at_most": 5}, PASS, "`max` of `x` is 5 (n = 200); 1 row has a missing"),
        ({"of": "distinct", "at_most": 4}, FAIL, "`distinct` of `x` is 5 (n = 200); 1 row"),
        ({"of": "quantile:0.55", "at_most": 3}, INCONCLUSIVE, "`quantile:0.55` of `x` is 3 (95 %"),
    ],
)
def test_verdict_and_reason(options, verdict, reason):
    data = {"x": [float(1 + i % 5) for i in range(200)] + [None]}
    result = mg.Statistic(column="x", **options).run(data=data)
    assert result.verdict is verdict, str(result)
    assert reason in result.reason
    assert result.checks[0].details["missing"] == 1


def test_rate_of_a_condition():
    data = {"paid": [1, 0, None, 1], "open": [False, True, None, False]}
    check = check_of(mg.Statistic("rate", condition="paid > 0", at_least=0.1), data=data)
    assert (check.subject, check.value, check.n) == ("paid > 0", 2 / 3, 3)
    assert check.reason.startswith("`rate` of `paid > 0` is 66.7 % (95 % interval 20.8 % to 93.9 %")
    odd = {"a`b\n c": [True, None, False]}
    assert check_of(mg.Statistic("rate", "a`b\n c", at_least=0), data=odd).value == 0.5


# Faults


@pytest.mark.parametrize("of", FINITE)
@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (pa.array([], pa.float64()), INCONCLUSIVE),
        (pa.nulls(3), INCONCLUSIVE),
        (pa.nulls(3, pa.int64()), INCONCLUSIVE),
        (pa.array([math.nan] * 40), INCONCLUSIVE),
        (pa.array(["1", "2"]), ERROR),
        (pa.array([[1.0]]), ERROR),
        (pa.array([dt.date(2026, 1, 1)]), ERROR),
        (pa.array([True]), ERROR),
    ],
    ids=str,
)
def test_nothing_to_measure(of, values, verdict):
    result = mg.Statistic(of, "x", at_least=0, inconclusive="allow").run(data={"x": values})
    assert result.verdict is verdict, str(result)


@pytest.mark.parametrize(
    ("of", "values", "verdict"),
    [
        *((of, [3.5], INCONCLUSIVE) for of in ("mean", "std", "median", "quantile:0.9")),
        *((of, [3.5] * 50, INCONCLUSIVE) for of in ("mean", "std")),
        *((of, [3.5] * 80, PASS) for of in ("median", "quantile:0.9", "min", "max", "sum")),
        *((of, [1.0, math.inf], ERROR) for of in ("mean", "std", "sum")),
        *((of, [1.0, math.inf], ERROR) for of in ("max",)),
        *((of, [1.0, math.inf], PASS) for of in ("min", "distinct")),
        ("sum", [1e308, 1e308], ERROR),
    ],
)
def test_one_value_a_constant_and_infinities(of, values, verdict):
    assert measured(of, values).verdict is verdict


def test_infinite_values_are_counted():
    result = mg.Statistic("mean", "x", at_least=0).run(data={"x": [1.0, math.inf, -math.inf]})
    assert "2 of 3 values are infinite" in result.reason
    assert measured("max", [1.0, math.inf], at_most=5).verdict is FAIL


def test_a_column_of_another_kind_says_what_to_use():
    data = {"x": [dt.datetime(2026, 1, 1, tzinfo=dt.UTC)], "b": [True]}
    assert mg.Statistic("max", "x", at_most=3).run(data=data).reason == (
        "`max` needs numbers, but `x` of the table has type timestamp[us, tz=UTC]; check the "
        "newest value with `Freshness`, or the range with `Schema`"
    )
    assert (
        mg.Statistic("mean", "b", at_most=3)
        .run(data=data)
        .reason.endswith("use 'rate', the share of true values")
    )
    assert "did you mean 'b'?" in mg.Statistic("rate", "B", at_most=1).run(data=data).reason


@pytest.mark.parametrize("rows", [0, 5])
def test_number_of_rows(rows):
    data = {"x": pa.array([1.0] * rows)}
    assert mg.Statistic("rows", at_least=1).run(data=data).verdict is (PASS if rows else FAIL)
    at_most = mg.Statistic("rows", at_most=9).run(data=data)
    assert at_most.verdict is (PASS if rows else INCONCLUSIVE)


# Exactness


BIG = 2**60


@pytest.mark.parametrize(
    ("of", "values", "limit", "holds"),
    [
        ("max", pa.array([BIG + 1, 5]), BIG + 1, True),
        ("max", pa.array([BIG + 1, 5]), BIG, False),
        ("sum", pa.array([BIG, 1]), BIG + 1, True),
        ("sum", pa.array([BIG, 1]), BIG, False),
        ("sum", pa.array([2**63 - 1] * 40), 40 * (2**63 - 1), True),
        ("sum", pa.array([2**64 - 1] * 40, pa.uint64()), 40 * (2**64 - 1) - 1, False),
        ("max", pa.array([Decimal("0.10")]), 0.1, True),
        ("max", pa.array([Decimal("0.10000000000000000001")]), 0.1, False),
        ("sum", pa.array([Decimal("0.1")] * 3), 0.3, True),
        ("sum", pa.array([Decimal("0.1")] * 3 + [Decimal("1e-20")]), 0.3, False),
        ("sum", pa.array([0.1] * 10), 1.0, True),
        ("mean", pa.array([0.1, 0.2, 0.3]), 0.2, True),
        ("max", pa.array([Decimal(10**30 + 1)], pa.decimal128(38, 0)), 10**30, False),
        ("sum", pa.array([Decimal(-1), Decimal(10) ** 40], pa.decimal256(60, 0)), 10**40 - 1, True),
    ],
)
def test_limits_are_compared_exactly(of, values, limit, holds):
    gate = mg.Statistic(of, "x", at_most=limit, decide_by="estimate")
    check = check_of(gate, data=pa.table({"x": values}))
    assert check.verdict is (PASS if holds else FAIL), check.reason


def test_exact_values_are_reported():
    assert measured("sum", pa.array([BIG, 1])).value == BIG + 1
    assert measured("max", pa.array([BIG + 1])).value == BIG + 1
    assert "1,152,921,504,606,846,977" in measured("max", pa.array([BIG + 1])).reason


@pytest.mark.parametrize("of", [*FINITE, "distinct"])
@pytest.mark.parametrize("scale", [1.0, 1e-200, 1e200])
def test_order_and_batches_make_no_difference(of, scale, tmp_path):
    values = np.concatenate([RNG.normal(1e6, 1.0, 70_000), RNG.lognormal(0, 3, 5_000)]) * scale
    pq.write_table(pa.table({"x": values[::-1]}), tmp_path / "t.parquet", row_group_size=9_000)
    whole, streamed = (
        measured(of, values),
        check_of(mg.Statistic(of, "x", at_least=0), data=tmp_path / "t.parquet"),
    )
    assert whole.value == streamed.value
    assert (whole.n, streamed.n) == (75_000, 75_000)
    if whole.interval is not None:
        assert whole.interval == pytest.approx(streamed.interval, rel=1e-9)


# Changes


def run_change(of, ours, theirs, metric="change", **options):
    options = options or {"max_change": 1.0}
    gate = mg.Statistic(of, "x", **options)
    return check_of(gate, metric, data={"x": ours}, reference={"x": theirs})


def test_change_of_a_mean_has_the_interval_of_welch():
    check = run_change("mean", X, Y)
    expected = stats.ttest_ind(X, Y, equal_var=False).confidence_interval()
    assert check.interval == pytest.approx((expected.low, expected.high), rel=1e-10)
    assert check.value == pytest.approx(X.mean() - Y.mean())
    assert check.details["reference_n"] == 300


def test_relative_change_of_a_mean_has_the_interval_of_fieller():
    check = run_change("mean", X, Y, "relative_change", max_relative_change=0.5)
    ratio = X.mean() / Y.mean()
    v, w = X.var(ddof=1) / len(X), Y.var(ddof=1) / len(Y)
    freedom = (v + ratio**2 * w) ** 2 / (v**2 / 199 + ratio**4 * w**2 / 299)
    t2 = stats.t.ppf(0.975, freedom) ** 2
    # the ratios r with (mean1 - r mean2)**2 <= t**2 (v + r**2 w)
    a, b, c = Y.mean() ** 2 - t2 * w, X.mean() * Y.mean(), X.mean() ** 2 - t2 * v
    root = math.sqrt(b * b - a * c)
    ends = (b - root) / a - 1, (b + root) / a - 1
    assert check.interval == pytest.approx(ends, rel=1e-10)
    assert check.value == pytest.approx(ratio - 1)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_direction_of_a_relative_change(sign):
    up = run_change("mean", sign * X, sign * Y, "relative_change", max_relative_change=0.01)
    low, high = up.interval
    assert math.copysign(1, up.value) == math.copysign(1, sign * (X.mean() - Y.mean()))
    assert low < up.value < high


@pytest.mark.parametrize(
    ("of", "samples", "options", "verdict", "reason"),
    [
        ("mean", (X, X), {"max_change": 0.1}, INCONCLUSIVE, "the interval contains the limit"),
        ("mean", (X, X), {"max_change": 5}, PASS, "a change of 0 (95 % interval"),
        ("mean", (X + 9, X), {"max_change": 5}, FAIL, "a change of 9 (95 % interval"),
        ("std", (3 * X, X), {"max_change": 1}, FAIL, ""),
        ("median", (X + 9, X), {"max_change": 5}, FAIL, ""),
        ("sum", ([1, 2], [1, 2]), {"max_change": 0}, PASS, "`sum` of `x` went from 3 to 3, a ch"),
        (
            "max",
            ([0.4], [0.3]),
            {"max_change": 0.1},
            PASS,
            "the computed value, 0.10000000000000003, counts as equal to the limit",
        ),
        ("max", ([BIG + 1], [BIG]), {"max_change": 0}, FAIL, "a change of 1 ("),
        (
            "max",
            ([1e9 + 0.0015], [1e9]),
            {"max_change": 0.001},
            FAIL,
            "went from 1,000,000,000 to 1,000,000,000.0015, a change of 0.0015",
        ),
        (
            "rate",
            ([True] * 300 + [False] * 100, [True] * 200 + [False] * 200),
            {"max_change": 0.1},
            FAIL,
            "went from 50 % to 75 %, an absolute change of 25 % (95 % interval 18.",
        ),
        ("distinct", (["a", "b"], ["a"]), {"max_change": 0}, FAIL, "went from 1 to 2"),
        ("distinct", ([1, 2, 3], [1, 2]), {"max_relative_change": 0.5}, PASS, "a change of 50 %"),
        (
            "mean",
            (X, X - X.mean()),
            {"max_relative_change": 1},
            INCONCLUSIVE,
            "contains 0, so the r",
        ),
        (
            "mean",
            (X, [1.0, -1.0]),
            {"max_relative_change": 1},
            ERROR,
            "of the reference is 0, so a",
        ),
        ("mean", (X, []), {"max_change": 1}, ERROR, "the reference has no values of `x`"),
        ("mean", (X, [None]), {"max_change": 1}, ERROR, "the reference has no values of `x`"),
        ("mean", ([None], X), {"max_change": 1}, INCONCLUSIVE, "no rows to measure"),
        (
            "mean",
            ([1.0] * 9, [1.0] * 9),
            {"max_change": 1},
            INCONCLUSIVE,
            "all values of the data are equal, so no confidence interval can be computed; set",
        ),
        (
            "mean",
            ([1.0], X),
            {"max_change": 99},
            INCONCLUSIVE,
            "there is only one value of the data, so no confidence interval can be computed",
        ),
        ("mean", (X, ["a"]), {"max_change": 1}, ERROR, "`x` of the reference has type string"),
        ("mean", (X, [math.inf, 1.0]), {"max_change": 1}, ERROR, "1 of 2 values is infinite"),
    ],
)
def test_changes(of, samples, options, verdict, reason):
    ours, theirs = ({"x": values} for values in samples)
    result = mg.Statistic(of, "x", **options).run(data=ours, reference=theirs)
    assert result.verdict is verdict, str(result)
    assert reason in result.reason


def test_an_undefined_change_hides_no_other_check():
    gate = mg.Statistic("mean", "x", at_least=1, max_change=99, max_relative_change=1)
    result = gate.run(data={"x": X}, reference={"x": [1.0, -1.0]})
    assert {check.metric: check.verdict for check in result.checks} == {
        "relative_change": ERROR,
        "mean": PASS,
        "change": PASS,
    }


@pytest.mark.parametrize("theirs", [[], [None], [math.inf]])
def test_an_unusable_reference_hides_no_other_check(theirs):
    gate = mg.Statistic("mean", "x", at_least=1, max_change=99)
    result = gate.run(data={"x": X}, reference={"x": theirs})
    assert {c.metric: c.verdict for c in result.checks} == {"mean": PASS, "change": ERROR}


def test_a_small_change_of_large_values_is_no_rounding():
    gate = mg.Statistic("mean", "x", max_change=0.001, decide_by="estimate")
    data, reference = {"x": [1e9 + 0.0015] * 2}, {"x": [1e9] * 2}
    assert gate.run(data=data, reference=reference).verdict is FAIL


def test_change_of_the_number_of_rows():
    few, many = {"x": [1] * 40}, {"x": [1] * 100}
    gate = mg.Statistic("rows", max_relative_change=0.5)
    assert gate.run(data=few, reference=many).reason == (
        "`rows` went from 100 to 40, a change of -60 % (n = 40 against 100 in the reference); "
        "decided by the value alone; "
        "the limit is from -50 % to 50 %"
    )
    assert gate.run(data=many, reference=many).passed


# Slices

SHOPS = {
    "x": [1.0, 2.0, 3.0, 40.0, 50.0, 60.0, None],
    "shop": ["a", "a", "a", "b", "b", "b", None],
    "good": [True, True, None, False, False, True, True],
}


def by_group(gate, metric=None, data=SHOPS, **evidence):
    result = gate.run(data=data, **evidence)
    return {c.group: c for c in result.checks if c.metric == (metric or gate.of)}


def test_slices_by_columns():
    checks = by_group(mg.Statistic("mean", "x", at_least=0, by="shop"))
    assert {group: check.value for group, check in checks.items()} == {
        "shop=a": 2.0,
        "shop=b": 50.0,
        "shop=(missing)": None,
    }
    for of in ("median", "std", "sum", "min", "max", "distinct", "quantile:0.5"):
        found = by_group(mg.Statistic(of, "x", at_least=0, by="shop"))
        alone = check_of(mg.Statistic(of, "x", at_least=0), data={"x": SHOPS["x"][3:6]})
        assert found["shop=b"].value == alone.value
        assert found["shop=b"].n == 3
    assert by_group(mg.Statistic("rows", at_least=0, by="shop"))["shop=a"].value == 3
    rates = by_group(mg.Statistic("rate", "good", at_least=0, by=["shop"]))
    assert [rates[f"shop={shop}"].value for shop in "ab"] == [1.0, 1 / 3]


def test_an_infinite_value_spoils_its_slice_alone():
    data = {"x": [1.0, 2.0, math.inf, 3.0], "g": ["a", "a", "b", "b"]}
    gate = mg.Statistic("sum", "x", at_least=0, max_change=9, by="g")
    result = gate.run(data=data, reference=data | {"x": [1.0, math.inf, 2.0, 3.0]})
    assert {(c.group, c.metric): c.verdict for c in result.checks} == {
        ("g=a", "sum"): PASS,
        ("g=a", "change"): ERROR,
        ("g=b", "sum"): ERROR,
    }


def test_slices_by_conditions():
    def late(table):
        return [value is not None and value > 45 for value in table["x"].to_pylist()]

    slices = {"b": "shop == 'b'", "late": late, "none": "x > 99", "wrong": "shp == 'b'"}
    checks = by_group(mg.Statistic("sum", "x", at_least=0, by=slices))
    assert (checks["b"].value, checks["late"].value) == (150, 110)
    assert checks["none"].verdict is INCONCLUSIVE
    assert checks["wrong"].verdict is ERROR
    assert "did you mean 'shop'?" in checks["wrong"].reason
    rows = by_group(mg.Statistic("rows", at_least=1, by={"none": "x > 99"}))
    assert rows["none"].verdict is FAIL


def test_a_slice_of_either_table_is_judged():
    reference = {"x": [1.0, 2.0, 3.5, 7.0, 8.0], "shop": ["a", "a", "a", "c", "c"]}
    gate = mg.Statistic("mean", "x", max_change=5, by="shop")
    checks = by_group(gate, "change", reference=reference)
    assert set(checks) == {"shop=a", "shop=b", "shop=c", "shop=(missing)"}
    assert checks["shop=b"].reason.startswith("`mean` of `x` where shop=b can't be compared")
    assert {checks[f"shop={shop}"].verdict for shop in "bc"} == {INCONCLUSIVE}
    rows = by_group(mg.Statistic("rows", max_change=1, by="shop"), "change", reference=reference)
    assert (rows["shop=c"].value, rows["shop=c"].verdict) == (-2, FAIL)


def test_the_level_of_slices_that_fail_is_corrected():
    data = {"x": np.tile(X, 5), "g": np.repeat(np.arange(5), 200)}
    checks = by_group(mg.Statistic("mean", "x", at_least=20, by="g"), data=data)
    assert {check.confidence for check in checks.values()} == {1 - (1 - 0.95) / 5}
    assert (
        by_group(mg.Statistic("mean", "x", at_least=2, by="g"), data=data)["g=0"].confidence == 0.95
    )


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        ("shp", "did you mean 'shop'?"),
        ("x", "the 7 groups of `by` are more than the 2 allowed"),
    ],
)
def test_columns_that_make_no_slices(by, reason):
    result = mg.Statistic("mean", "x", at_least=0, by=by, max_groups=2).run(data=SHOPS)
    assert result.verdict is ERROR
    assert reason in result.reason


# Baselines


@pytest.mark.parametrize("of", ["mean", "std", "sum", "min", "max", "quantile:0.95", "median"])
@pytest.mark.parametrize("form", ["rows", "file", "profile"])
def test_a_baseline_answers_as_its_rows_do(of, form, tmp_path):
    theirs = {"x": np.append(Y, np.nan), "g": ["a"] * 301}
    reference = {"rows": theirs, "profile": mg.Profile.of(theirs)}.get(form)
    if form == "file":
        reference = tmp_path / "baseline.json"
        mg.Baseline.from_data(theirs).save(reference)
    gate = mg.Statistic(of, "x", max_change=0.5)
    check = check_of(gate, "change", data={"x": X}, reference=reference)
    rows = check_of(gate, "change", data={"x": X}, reference={"x": Y})
    assert (check.value, check.reason) == (rows.value, rows.reason)
    assert check.interval == (rows.interval and pytest.approx(rows.interval, rel=1e-12))


def test_rates_and_rows_of_a_baseline():
    theirs = {"b": [True, False, None, True]}
    baseline = mg.Baseline.from_data(theirs)
    for gate in (mg.Statistic("rate", "b", max_change=1), mg.Statistic("rows", max_change=9)):
        ours = {"b": [True] * 9 + [False] * 3}
        assert gate.run(data=ours, reference=baseline) == gate.run(data=ours, reference=theirs)


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        (mg.Statistic("distinct", "x", max_change=1), "does not have `distinct` of `x`; pass the"),
        (mg.Statistic("mean", "x", max_change=1, by="g"), "which has no rows for `by`; pass t"),
        (mg.Statistic("rate", condition="x > 1", max_change=1), "has no rows for `condition`"),
        (mg.Statistic("mean", "y", max_change=1), "`y` is not in the table"),
        (mg.Statistic("mean", "z", max_change=1), "`z` is not in the reference"),
        (mg.Statistic("mean", "g", max_change=1), "`mean` needs numbers, but `g`"),
    ],
)
def test_what_a_baseline_can_not_answer_is_an_error(gate, reason):
    data = {"x": X, "g": ["a", "b"] * 100}
    result = gate.run(data=data | {"z": X}, reference=mg.Baseline.from_data(data))
    assert result.verdict is ERROR
    assert reason in result.reason


def test_a_quantile_between_two_knots_has_an_error():
    ours, theirs = {"x": np.arange(2_000.0)}, mg.Baseline.from_data({"x": np.arange(10_000.0)})
    gate = mg.Statistic("quantile:0.99", "x", max_change=7_920, decide_by="estimate")
    check = check_of(gate, "change", data=ours, reference=theirs)
    assert check.verdict is INCONCLUSIVE
    assert "the baseline only shows that `quantile:0.99` is between 9,888 and 9,916" in check.reason
    wide = mg.Statistic("quantile:0.99", "x", max_change=8_000, decide_by="estimate")
    assert wide.run(data=ours, reference=theirs).passed


def test_a_baseline_of_an_older_version_is_an_error_that_says_what_to_do(tmp_path):
    from mlgates.profile import baseline as module

    mg.Baseline.from_data({"x": X}).save(tmp_path / "b.json")
    body = json.loads((tmp_path / "b.json").read_text())
    del body["columns"][0]["moments"], body["sha256"]
    body["sha256"] = module._digest(body)
    (tmp_path / "b.json").write_text(json.dumps(body))
    old = mg.Baseline.load(tmp_path / "b.json")
    assert old.moments == {}
    result = mg.Statistic("mean", "x", max_change=1).run(data={"x": X}, reference=old)
    assert result.verdict is ERROR
    assert "an older mlgates wrote it; write it again from its table" in result.reason
    assert mg.Statistic("median", "x", max_change=9).run(data={"x": X}, reference=old).passed


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example("statistic", mg.Statistic("mean", "age", at_least=30)),
    Example(
        "statistic-rows",
        mg.Statistic("rows", at_least=100, by={"known": "country is not missing"}),
        ladders={"at_least": (0, 100, 120, 121), "at_most": (None, 1_000, 120, 100)},
    ),
    Example(
        "statistic-mean",
        mg.Statistic("mean", "age", at_least=42, at_most=60, confidence=0.9, name="age"),
        ladders={"at_least": (20, 30, 46, 47, 60), "confidence": (0.5, 0.9, 0.999)},
    ),
    Example(
        "statistic-change",
        mg.Statistic("mean", "income", max_change=900, max_relative_change=0.5, after=("schema",)),
        others={"reference": people()},
        ladders={"max_change": (2_000, 900, 100, 0), "max_relative_change": (2.0, 0.5, 0.0)},
    ),
    *(
        Example(f"statistic-{of.partition(':')[0]}", mg.Statistic(of, "age", at_most=9_000))
        for of in ("std", "quantile:0.9", "distinct")
    ),
    Example(
        "statistic-rate",
        mg.Statistic("rate", condition="age >= 30", at_least=0.5, by=["country"], max_groups=9),
        ladders={"decide_by": ("estimate", "interval"), "at_least": (0.0, 0.5, 0.8, 1.0)},
    ),
    Example(
        "statistic-where",
        mg.Statistic("rate", "member", at_least=0.1, by={"old": "age > 40", "adults": adults}),
        literal=False,
    ),
    Example(
        "statistic-min",
        mg.Statistic("min", "id", at_least=1_000, by="member", decide_by="estimate"),
    ),
)


def test_a_table_without_rows_says_how_to_make_it_fail():
    (check,) = mg.Statistic("rows", at_most=9).run(data={"x": np.array([], float)}).checks
    assert check.verdict is INCONCLUSIVE
    assert check.reason == (
        "`rows` is 0 (n = 0); a table without rows can't pass; to make it a FAIL, set `at_least` "
        "to 1 or more (limit: at most 9)"
    )


@pytest.mark.parametrize(
    ("of", "values", "reason"),
    [
        ("sum", [], "`sum` of `x` is undefined (n = 0); no rows to measure (limit: at most 9)"),
        (
            "std",
            [4.0],
            (
                "`std` of `x` is undefined (n = 1); a standard deviation needs at least two values "
                "(limit: at most 9)"
            ),
        ),
        (
            "std",
            [4.0] * 50,
            (
                "`std` of `x` is 0 (n = 50); all values are equal, so no confidence interval can "
                "be "
                "computed; set decide_by='estimate' to decide by the value alone (limit: at most 9)"
            ),
        ),
        (
            "median",
            [4.0],
            (
                "`median` of `x` is 4 (95 % interval minus infinity to infinity, n = 1); the "
                "interval "
                "contains the limit; there are too few values for an interval with two finite "
                "ends; "
                "pass more rows (limit: at most 9)"
            ),
        ),
    ],
)
def test_an_undecided_statistic_says_why(of, values, reason):
    data = {"x": np.array(values, dtype=float)}
    (check,) = mg.Statistic(of, "x", at_most=9).run(data=data).checks
    assert (check.verdict, check.reason) == (INCONCLUSIVE, reason)
