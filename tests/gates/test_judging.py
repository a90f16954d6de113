"""Options and rows needed of gates that judge a metric by its interval."""

import math

import pytest

import mlgates as mg
from mlgates.gates._shared import confidence_of, rows_needed
from mlgates.options import slices
from mlgates.verdict import Limit


def test_slices_are_names_or_pairs():
    assert slices("Gate", "by", "sex") == ("sex",)
    assert slices("Gate", "by", ["sex", "age"]) == ("sex", "age")
    assert slices("Gate", "by", {"old": callable}) == (("old", callable),)
    assert slices("Gate", "by", (("old", callable),)) == (("old", callable),)


@pytest.mark.parametrize("bad", [[], (), {}, {"old": 3}, {1: callable}, 7, [1], object(), math.nan])
def test_other_slices_are_refused(bad):
    with pytest.raises(mg.OptionError, match="Gate: `by` must be"):
        slices("Gate", "by", bad)


@pytest.mark.parametrize("bad", [0.4, 1, 1.0, 95, -1, math.nan, "0.95", True, None, 1 - 1e-12])
def test_other_levels_are_refused(bad):
    with pytest.raises(mg.OptionError, match="Gate: `confidence` must be"):
        confidence_of("Gate", bad)
    assert confidence_of("Gate", 0.5) == 0.5


def test_rows_needed_count_the_side_that_is_crossed():
    least, most = Limit(at_least=-0.01), Limit(at_most=0.01)
    # (z_a + z_b)^2 0.04 / 0.01^2 = 3,307 for a power of 0.82, from an interval at 500 rows
    half = 1.959964 * math.sqrt(0.04 / 500)
    assert rows_needed(0.0, (-half, half), least, 500, 0.95) == 3_400
    assert rows_needed(0.0, (-half, half), most, 500, 0.95) == 3_400
    assert rows_needed(0.0, (-half, half / 2), least, 500, 0.95) == 3_400
    assert rows_needed(-0.02, (-0.02, half - 0.02), least, 500, 0.95) == 3_400
    assert rows_needed(0.02, (0.02 - half, 0.02), most, 500, 0.95) == 3_400
    # the shorter side of a skewed interval grows to its half
    assert rows_needed(0.0, (-half / 2, half * 1.5), Limit(at_least=-0.005), 500, 0.95) == 14_000
    both = Limit(at_least=-0.02, at_most=0.01)
    assert rows_needed(0.0, (-half, half), both, 500, 0.95) == 3_400


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        (0.0, (-0.005, 0.9)),
        (-0.2, (-0.3, -0.1)),
        (-0.01, (-0.02, 0.0)),
        (None, (-0.02, 0.0)),
        (0.0, None),
        (0.0, (-math.inf, 0.0)),
        (0.0, (0.0, 0.0)),
    ],
    ids=["within", "beyond", "on the limit", "undefined", "no interval", "infinite", "identical"],
)
def test_no_rows_are_needed_or_none_decide(value, interval):
    assert rows_needed(value, interval, Limit(at_least=-0.01), 500, 0.95) is None


def test_nobody_asks_for_more_rows_than_there_are():
    assert rows_needed(-0.01 + 1e-16, (-0.5, 0.5), Limit(at_least=-0.01), 10**6, 0.95) is None
    assert rows_needed(0.0, (-0.0101, 0.0), Limit(at_least=-0.01), 7, 0.95) == 16
