"""Ranks against exact comparisons in Python."""

from bisect import bisect_left, bisect_right

import numpy as np
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mlgates.stats.counting import ranks_of, round_to

TYPES = ["int8", "uint8", "int64", "uint64", "float16", "float32", "float64"]
EDGES = [0, 1, 2**24 + 1, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1, -1, -(2**63)]


def elements(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        info = np.finfo(dtype)
        special = [float(x) for x in EDGES if abs(x) <= float(info.max)]
        special += [np.inf, -np.inf, 0.5, float(info.max), float(info.tiny)]
        floats = st.floats(allow_nan=False, width=8 * dtype.itemsize)
        return floats | st.sampled_from(special).map(lambda x: float(dtype.type(x)))
    info = np.iinfo(dtype)
    inside = [x for x in EDGES if info.min <= x <= info.max]
    near = st.sampled_from(inside).flatmap(lambda x: st.integers(x - 2, x + 2))
    return near.filter(lambda x: info.min <= x <= info.max) | st.integers(
        int(info.min), int(info.max)
    )


def arrays(dtype):
    return hnp.arrays(dtype, st.integers(0, 12), elements=elements(dtype)).map(np.sort)


typed = st.sampled_from(TYPES).flatmap(arrays)


@examples(60)
@given(typed, typed)
def test_ranks_are_those_of_exact_comparison(values, points):
    exact, at = values.tolist(), points.tolist()
    low, high = ranks_of(values, points)
    assert low.tolist() == [bisect_left(exact, x) for x in at]
    assert high.tolist() == [bisect_right(exact, x) for x in at]


@given(typed, st.sampled_from(TYPES))
def test_rounded_points_are_nearest_on_their_side(points, name):
    dtype = np.dtype(name)
    down, under = round_to(points, dtype, up=False)
    up, above = round_to(points, dtype, up=True)
    assert down.dtype == up.dtype == dtype
    for point, low, none_low, high, none_high in zip(
        points.tolist(), down.tolist(), under, up.tolist(), above, strict=True
    ):
        assert none_low or low <= point
        assert none_high or high >= point
        assert none_low or none_high or low == high == point or low < point < high


@pytest.mark.parametrize("name", TYPES)
def test_empty_arrays(name):
    empty = np.empty(0, name)
    assert [x.tolist() for x in ranks_of(empty, np.array([1.5]))] == [[0], [0]]
    assert [x.tolist() for x in ranks_of(np.array([1.5]), empty)] == [[], []]
