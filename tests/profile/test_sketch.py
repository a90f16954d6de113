"""Sketches of a reference at its order statistics, and counts of other data at these points."""

import json
import math
import warnings

import numpy as np
import pyarrow as pa
import pytest
from arrays import count_in, quantile_edges
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile.counters import AtPoints
from mlgates.profile.distributions import Ecdf
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import PARTS, QuantileSketch
from mlgates.stats.counting import count_stored, stored_edges

INF, NAN = math.inf, math.nan


def knots_of(values):
    return QuantileSketch.of(Ecdf.of(np.asarray(values)))


numbers = st.lists(
    st.integers(-9, 9) | st.floats(allow_nan=False) | st.sampled_from([INF, -INF, -0.0]),
    max_size=80,
)


@given(numbers)
def test_few_values_are_represented_exactly(values):
    values = np.array(values, float)
    knots = knots_of(values)
    finite = values[np.isfinite(values)] + 0.0
    assert knots.points.tolist() == np.unique(finite).tolist()
    assert knots.low.tolist() == [int((values < x).sum()) for x in knots.points]
    assert knots.high.tolist() == [int((values <= x).sum()) for x in knots.points]
    assert tuple(knots.ends) == (len(values), (values == -INF).sum(), (values == INF).sum())


@pytest.mark.parametrize("n", [359, 360, 361, 720, 10_007])
def test_points_are_the_order_statistics(n):
    values = np.random.default_rng(n).normal(size=n)
    knots = knots_of(values)
    ordered = np.sort(values)
    wanted = {ordered[max(-(-i * n // PARTS), 1) - 1] for i in range(PARTS + 1)}
    assert set(knots.points.tolist()) == {ordered[0], *wanted}
    assert len(knots.points) <= PARTS + 1
    assert np.diff(knots.high / n).max() <= 1 / PARTS + 1 / n


def test_the_least_and_the_greatest_finite_values_are_points():
    values = np.concatenate([[-INF] * 500, np.arange(1_000), [INF] * 500])
    knots = knots_of(values)
    assert (knots.points[0], knots.points[-1]) == (0, 999)
    assert repr(knots) == f"QuantileSketch(n=2,000, {len(knots.points)} points)"


@given(
    st.lists(st.integers(-50, 50) | st.floats(-50, 50), min_size=1, max_size=900),
    st.sampled_from([b for b in range(2, 41) if PARTS % b == 0]),
)
def test_edges_from_knots_are_those_of_the_values(values, bins):
    values = np.sort(np.array(values, float)) + 0.0
    knots = knots_of(values)
    exact, stored = (
        quantile_edges(values, bins),
        stored_edges(knots.points, knots.low, knots.high, knots.ends, bins),
    )
    assert stored.points.tolist() == exact.points.tolist()
    assert stored.atoms.tolist() == exact.atoms.tolist()
    at = np.searchsorted(knots.points, stored.points)
    counts = count_stored(knots.low[at], knots.high[at], knots.ends, stored)
    assert counts.tolist() == count_in(values, exact).tolist()


# JSON


@given(numbers)
def test_json_round_trip(values):
    knots = knots_of(np.array(values, float))
    text = json.dumps(knots.to_dict(), allow_nan=False)
    again = QuantileSketch.from_dict(json.loads(text))
    assert again == knots
    assert again.points.dtype == knots.points.dtype
    assert again.spread == pytest.approx(knots.spread, nan_ok=True) or math.isinf(knots.spread)


@pytest.mark.parametrize(
    "values",
    [
        np.array([2**63 - 1, 2**63 - 2, -(2**63)], np.int64),
        np.array([2**64 - 1, 2**64 - 2], np.uint64),
        np.array([2**53, 2**53 + 1], np.int64),
    ],
)
def test_json_keeps_large_integers(values):
    knots = knots_of(values)
    again = QuantileSketch.from_dict(json.loads(json.dumps(knots.to_dict())))
    assert again.points.tolist() == sorted(values.tolist())
    assert again == knots


def written(**changes):
    good = {
        "points": [1.0, 2.0, 4.0],
        "low": [0, 1, 3],
        "high": [1, 3, 4],
        "n": 5,
        "neg_inf": 0,
        "pos_inf": 1,
        "spread": 1.5,
    }
    return good | changes


def test_dict_round_trip():
    assert QuantileSketch.from_dict(written()).ends == (5, 0, 1)
    assert math.isnan(QuantileSketch.from_dict(written(spread=None)).spread)
    nothing = {"points": [], "low": [], "high": [], "n": 0, "pos_inf": 0, "spread": None}
    assert len(QuantileSketch.from_dict(written(**nothing)).points) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": [1.0, 1.0, 4.0]}, "`points` must be finite and increasing"),
        ({"points": [2.0, 1.0, 4.0]}, "`points` must be finite and increasing"),
        ({"points": [1.0, None, 4.0]}, "`points` must be finite and increasing"),
        ({"points": [1.0, 2.0, "Infinity"]}, "`points` must be finite and increasing"),
        ({"points": ["a", 2.0, 4.0]}, "`points` must be a number, got 'a'"),
        ({"points": [True, 2.0, 4.0]}, "`points` must be a number, got True"),
        ({"points": 7}, "`points` must be a list, got int"),
        ({"points": [1, 2, 10**30]}, "`points` must be numbers of at most 64 bits, got a larger"),
        ({"points": [1, 2]}, "`low` must have one count per point (2), got 3"),
        ({"low": [0, 1, 2, 3]}, "`low` must have one count per point (3), got 4"),
        ({"low": [0, 1, -1]}, "`low` must be a whole number of at least 0, got -1"),
        ({"low": [0, 1, 0.5]}, "`low` must be a whole number of at least 0, got 0.5"),
        ({"high": [1, 3, 2**70]}, "`high` must be counts of rows, got a number beyond 64 bits"),
        ({"low": [0, 1, 4]}, "`low` and `high` must be cumulative"),  # a point that no value is at
        (
            {"low": [0, 0, 3]},
            "`low` and `high` must be cumulative",
        ),  # fewer below than up to the one before
        ({"low": [1, 1, 3]}, "`low` and `high` must be cumulative"),  # a value below the least
        ({"n": 6}, "`low` and `high` must be cumulative"),  # a value above the greatest
        ({"n": 4}, "`low` and `high` must be cumulative"),
        ({"neg_inf": 1}, "`low` and `high` must be cumulative"),
        ({"pos_inf": 2**65}, "`low` and `high` must be cumulative"),
        ({"spread": -1.5}, "`spread` must be finite and at least 0, got -1.5"),
        ({"spread": "Infinity"}, "`spread` must be finite and at least 0, got inf"),
        ({"spread": "wide"}, "`spread` must be a number, got 'wide'"),
        ({"more": 1}, "knots: the key 'more' is unknown"),
    ],
)
def test_invalid_dicts_are_refused(changes, message):
    with pytest.raises(EvidenceError) as caught:
        QuantileSketch.from_dict(written(**changes))
    assert str(caught.value).startswith(message)


def test_missing_keys_are_refused():
    for key in written():
        with pytest.raises(EvidenceError, match=f"knots: the key `{key}` is missing"):
            QuantileSketch.from_dict({k: v for k, v in written().items() if k != key})


# Counting at knots


@given(
    st.lists(st.none() | st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from([NAN, INF, -INF])),
    st.lists(st.integers(-10, 10), unique=True),
    st.integers(0, 40),
)
def test_counts_at_points_against_plain_python(values, points, cut):
    counter = AtPoints("x", tuple(sorted(points)), tails=True)
    values = [value if value is None else float(value) for value in values]
    whole = pa.table({"x": pa.array(values, pa.float64())})
    state = Profile.of(whole, [counter])[counter]
    kept = [value for value in values if value is not None and not math.isnan(value)]
    assert state.low.tolist() == [sum(v < p for v in kept) for p in counter.points]
    assert state.high.tolist() == [sum(v <= p for v in kept) for p in counter.points]
    assert tuple(state.ends) == (len(kept), kept.count(-INF), kept.count(INF))
    if points:
        far = sum(max(min(points) - v, v - max(points), 0) for v in kept)
        assert state.beyond == pytest.approx(far)
    parts = [Profile.of(part, [counter])[counter] for part in (whole[:cut], whole[cut:])]
    merged = parts[0].merge(parts[1], cut)
    assert merged == state
    assert merged.beyond == pytest.approx(state.beyond, nan_ok=True)


@pytest.mark.parametrize("type_", [pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(9, 2)])
def test_counts_of_every_type_of_number(type_):
    counter = AtPoints("x", (1, 3))
    state = Profile.of(pa.table({"x": pa.array([1, 2, None, 3, 5], type_)}), [counter])[counter]
    assert (state.low.tolist(), state.high.tolist(), state.ends.n) == ([0, 2], [1, 3], 4)
    assert math.isnan(state.beyond)


def test_overflowing_distances_are_infinite_without_a_warning():
    counter = AtPoints("x", (-1e308, 1e308), tails=True)
    values = np.repeat([-1.7e308, 1.7e308], 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        state = Profile.of({"x": values}, [counter])[counter]
    assert state.beyond == INF


def test_columns_without_numbers():
    counter = AtPoints("x", (1.0,), tails=True)
    state = Profile.of({"x": [None, None]}, [counter])[counter]
    assert (state.low.tolist(), state.ends.n, state.beyond) == ([0], 0, 0.0)
    with pytest.raises(EvidenceError, match="column 'x' must have numbers, got string values"):
        _ = Profile.of({"x": ["a"]}, [counter])[counter]


def test_counts_at_other_points_are_not_added():
    a = Profile.of({"x": [1.0]}, [AtPoints("x", (1.0,))])[AtPoints("x", (1.0,))]
    b = Profile.of({"x": [1.0]}, [AtPoints("x", (2.0,))])[AtPoints("x", (2.0,))]
    with pytest.raises(EvidenceError, match="only if their cut points are equal; these differ"):
        a.merge(b)
    assert a != b
    assert a != "knots"


def test_integers_beyond_doubles_are_counted_exactly():
    counter = AtPoints("x", (2**53 + 1,))
    state = Profile.of({"x": np.array([2**53, 2**53 + 1, 2**53 + 2])}, [counter])[counter]
    assert (state.low.tolist(), state.high.tolist()) == ([1], [2])
