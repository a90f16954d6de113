"""Columns that are hard to measure: decimals, large integers, infinities, values far outside."""

import hashlib
import json
import pickle
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.stats import twosample
from mlgates.stats.twosample import Bounded, PointCounts, ks_between
from mlgates.tables.encoding import to_doubles

METHODS = ["psi", "ks", "wasserstein", "chi2"]


def decimals(values, scale, type_=pa.decimal128, precision=30):
    exact = (None if x is None else round(Decimal(repr(float(x))), scale) for x in values)
    return pa.array(exact, type_(precision, scale))


@pytest.mark.parametrize("method", METHODS)
def test_number_is_equal_in_every_scale_and_as_a_double(method, tmp_path):
    # Arrow casts 0.3 with one decimal place to 0.30000000000000004
    x = np.random.default_rng(0).choice([0.1, 0.3, 0.7, 1.1], 500)
    columns = [x, *(decimals(x, scale) for scale in (1, 2, 20)), decimals(x, 1, pa.decimal256)]
    mg.Baseline.from_data({"x": columns[1]}).save(tmp_path / "x.json")
    for column in columns:
        for other in columns:
            result = mg.Drift(method).run(data={"x": column}, reference={"x": other})
            assert [check.value for check in result.checks] == [0]
        result = mg.Drift(method).run(data={"x": column}, reference=tmp_path / "x.json")
        assert [check.value for check in result.checks] == [0]


@pytest.mark.parametrize("type_", [pa.decimal128, pa.decimal256])
@pytest.mark.parametrize(("precision", "scale"), [(3, 1), (18, 2), (38, 0), (38, 18), (38, 30)])
def test_decimals_are_the_nearest_doubles(type_, precision, scale):
    rng = np.random.default_rng(scale)
    digits = rng.integers(1, precision + 1, 200)
    units = [int("".join(map(str, rng.integers(0, 10, size)))) for size in digits]
    units += [2**53, 2**53 + 1, -(2**53) - 1, 2**63, -(2**63), -(2**64), 0]
    units += [-unit for unit in units]
    fitting = [unit for unit in units if abs(unit) < 10**precision]
    values = [None, *(Decimal(f"{unit}E-{scale}") for unit in fitting)]
    array = pa.array(values, type_(precision, scale))
    for part in (pa.chunked_array([array]), pa.chunked_array([array[:9], array[9:9], array[9:]])):
        assert to_doubles(part).tolist() == [float(x) for x in values[1:]]
    one = pa.chunked_array([array[5:6]])
    assert to_doubles(one).tolist() == [float(values[5])]
    assert to_doubles(pa.chunked_array([], array.type)).tolist() == []


@pytest.mark.parametrize(
    ("start", "type_"), [(2**62, np.int64), (-(2**62), np.int64), (2**63 + 2**62, np.uint64)]
)
@pytest.mark.parametrize("by", [0, 7, 300, -7, -300])
def test_large_integers_beyond_a_stored_reference_are_measured_exactly(start, type_, by):
    # their doubles are 512 or more apart
    rng = np.random.default_rng(by % 1000)
    before, now = (
        np.array([start + by * side + x for x in rng.integers(0, 50, 400).tolist()], type_)
        for side in (0, 1)
    )
    rows = mg.Drift("wasserstein").run(data={"x": now}, reference={"x": before})
    baseline = mg.Baseline.from_data({"x": before})
    stored = mg.Drift("wasserstein").run(data={"x": now}, reference=baseline)
    (exact,), (check,) = rows.checks, stored.checks
    low, high = check.details.get("bounds", (check.value, check.value))
    assert low <= exact.value * (1 + 1e-12)
    assert high >= exact.value * (1 - 1e-12)
    assert exact.verdict == check.verdict


def test_infinite_values_against_a_stored_reference_are_exact():
    rng = np.random.default_rng(0)

    def sides(seed, negative, positive):
        x = np.random.default_rng(seed).normal(size=2_000)
        chance = rng.random(2_000)
        return np.where(chance < negative, -np.inf, np.where(chance > 1 - positive, np.inf, x))

    reference = sides(1, 0.1, 0.2)
    baseline = mg.Baseline.from_data({"x": reference})
    for data in (sides(2, 0.1, 0.2), sides(3, 0, 0.2), sides(4, 0.1, 0), sides(5, 0.3, 0.3)):
        (exact,) = mg.Drift("ks").run(data={"x": data}, reference={"x": reference}).checks
        (check,) = mg.Drift("ks").run(data={"x": data}, reference=baseline).checks
        low, high = check.details.get("bounds", (check.value, check.value))
        assert low <= exact.value <= high <= low + 1 / 360


def test_infinite_values_between_points_are_counted():
    # -inf and 2 against 1 and 2, at the one point 2
    x = PointCounts(np.array([1]), np.array([2]), 2, neg_inf=1)
    y = PointCounts(np.array([1]), np.array([2]), 2)
    assert ks_between(x, y) == ks_between(y, x) == Bounded(0.5, 0.5, 0.5)
    none = np.zeros(0, int)
    both = PointCounts(none, none, 3, 1, 2), PointCounts(none, none, 3, 3, 0)
    assert ks_between(*both) == pytest.approx((2 / 3, 2 / 3, 2 / 3))


@pytest.mark.parametrize(
    ("start", "before", "now"),
    [
        (2**62, np.int64, np.uint64),
        (2**62, np.uint64, np.int64),
        (-(2**62), np.int64, np.int64),
        (2**63 + 2**62, np.uint64, np.uint64),
        (2**31 - 200, np.int32, np.uint64),
    ],
)
def test_large_integers_of_two_types_are_subtracted_exactly(start, before, now):
    x = [start + i for i in range(100)]
    reference, data = np.array(x, before), np.array([i + 50 for i in x], now)
    for sides in ((reference, data), (data, reference)):
        result = mg.Drift("wasserstein").run(data={"x": sides[0]}, reference={"x": sides[1]})
        (check,) = result.checks
        assert check.value == pytest.approx(50 / (50 / 1.349))
        assert check.verdict is mg.Verdict.FAIL


def test_integers_without_a_common_type_are_subtracted_as_doubles():
    sides = {"x": np.full(50, -(2**62))}, {"x": np.full(50, 2**63 + 5, np.uint64)}
    result = mg.Drift("wasserstein", at_most=1e30).run(data=sides[0], reference=sides[1])
    assert [check.value for check in result.checks] == [np.inf]


def test_file_with_a_category_of_invalid_unicode_is_refused(tmp_path):
    path = tmp_path / "x.json"
    mg.Baseline.from_data({"x": ["a", "b"] * 9}).save(path)
    body = json.loads(path.read_text())
    body["columns"][0]["categories"]["values"][0] = "\ud800"
    del body["sha256"]
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    path.write_text(json.dumps({**body, "sha256": hashlib.sha256(canonical.encode()).hexdigest()}))
    with pytest.raises(mg.EvidenceError, match=r"x\.json: column 'x': `categories` must have"):
        mg.Baseline.load(path)


def test_values_far_outside_are_significant():
    rng = np.random.default_rng(0)
    reference, data = rng.normal(40, 10, 20_000), rng.normal(40, 10, 5_000)
    data[:50] *= 1_000
    gate = mg.Drift("wasserstein")
    stored = mg.Baseline.from_data({"x": reference})
    for kept in ({"x": reference}, stored):
        result = gate.run(data={"x": data}, reference=kept)
        assert result.verdict is mg.Verdict.FAIL
    # one outlier makes a large distance, but can occur by chance
    honest = rng.normal(40, 10, 5_000)
    honest[0] = 1e6
    assert gate.run(data={"x": honest}, reference=stored).verdict is mg.Verdict.INCONCLUSIVE


def test_values_beyond_the_ends_keep_the_level():
    rng = np.random.default_rng(1)
    found = 0
    for _ in range(400):
        x, y = np.sort(rng.normal(size=60)), np.sort(rng.normal(size=40))
        beyond = (int((y < x[0]).sum()), int((y > x[-1]).sum()))
        found += twosample.beyond_pvalue(*beyond, 40, 60) <= 0.05
    assert found <= 30  # 20 expected at most; more than 30 has a chance of 0.01


def test_bins_that_a_stored_reference_does_not_have_are_an_error():
    x = np.random.default_rng(0).normal(size=5_000)
    stored = mg.Baseline.from_data({"x": x})
    for bins in (7, 720):
        result = mg.Drift(bins=bins).run(data={"x": x}, reference=stored)
        assert result.reason == (
            "`bins` must be a divisor of 360, because the stored reference divides the values of "
            "`x` into 360 parts, "
            f"got {bins}"
        )
    assert mg.Drift(bins=12).run(data={"x": x}, reference=stored).passed
    few = {"x": x[:300]}
    assert mg.Drift(bins=7).run(data=few, reference=mg.Baseline.from_data(few)).passed


def test_identifiers_are_not_shown_as_cells():
    emails = [f"ann{i}@example.org" for i in range(500)]
    suite = mg.GateSuite([mg.Drift("psi")])
    report = suite.run(data={"x": emails}, reference={"x": emails})
    assert report.passed
    assert "example.org" not in report.to_json()


def test_a_baseline_can_be_pickled():
    stored = mg.Baseline.from_data({"x": [1, 2, 3], "s": ["a", "b", "a"]})
    assert pickle.loads(pickle.dumps(stored)) == stored


EVERY = ["psi", "ks", "wasserstein", "jensen_shannon", "hellinger", "total_variation", "chi2"]


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("whole", "double"),
    [(2**60 + 1, 2.0**60), (2**63 + 1, 2.0**63), (2**53 + 1, 2.0**53), (-(2**60) - 1, -(2.0**60))],
)
def test_integers_are_not_equal_to_the_nearest_double(method, stored, whole, double):
    integers = np.full(200, whole, np.uint64 if whole > 2**63 else np.int64)
    doubles = np.full(200, double)
    for data, reference in ((integers, doubles), (doubles, integers)):
        table = {"x": reference}
        known = mg.Baseline.from_data(table) if stored else table
        check = mg.Drift(method).run(data={"x": data}, reference=known).checks[0]
        assert str(check.verdict) == "fail", check.reason
        same = mg.Drift(method).run(data={"x": reference}, reference=known)
        assert str(same.verdict) == "pass"
