"""Limits, and how numbers are shown."""

import math
import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from example_counts import examples
from hypothesis import example, given
from hypothesis import strategies as st

from mlgates.errors import OptionError
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    before_rounding,
    format_limit,
    format_number,
    format_value,
    snap_to_limit,
)

UNITS = st.sampled_from(["", "share", "s"])


def test_limit_is_inclusive():
    assert Limit(at_most=0.2).holds(0.2)
    assert not Limit(at_most=0.2).holds(math.nextafter(0.2, 1))
    assert Limit(at_least=0.2).holds(0.2)
    assert not Limit(at_least=0.2).holds(math.nextafter(0.2, 0))
    assert Limit(0.2, 0.2).holds(0.2)


def test_limit_of_minus_zero_is_zero():
    assert str(Limit(at_least=-0.0)) == "at least 0.0"
    assert format_limit(Limit(at_most=-0.0), "") == "at most 0"


@pytest.mark.parametrize("limit", [Limit(at_most=1), Limit(at_least=-1), Limit(-1, 1)])
def test_nan_never_holds(limit):
    assert not limit.holds(math.nan)
    assert not limit.excludes((math.nan, math.nan))


def test_limit_excludes_what_lies_wholly_beyond():
    limit = Limit(1, 2)
    assert limit.excludes((2.1, 3))
    assert limit.excludes((0, 0.9))
    assert not limit.excludes((2, 3))
    assert not limit.excludes((0, 1))
    assert not limit.excludes((0, 3))
    assert not Limit(at_most=2).excludes((-math.inf, 1))
    assert not Limit(at_least=1).excludes((2, math.inf))


def test_open_ends_are_infinite():
    assert (Limit(at_most=1).low, Limit(at_most=1).high) == (-math.inf, 1)
    assert (Limit(at_least=1).low, Limit(at_least=1).high) == (1, math.inf)


def test_limit_takes_any_real_number_and_keeps_it_plain():
    limit = Limit(np.int8(1), Fraction(5, 2))
    assert (limit.at_least, limit.at_most) == (1, 2.5)
    assert (type(limit.at_least), type(limit.at_most)) == (int, float)
    assert hash(limit) == hash(Limit(1.0, 2.5))
    assert eval(repr(limit)) == pickle.loads(pickle.dumps(limit)) == limit  # noqa: S307
    with pytest.raises(FrozenInstanceError):
        limit.at_most = 3


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Limit: `at_least` or `at_most` must be given"),
        (
            {"at_least": 0.3, "at_most": 0.2},
            "Limit: `at_least` must not be greater than `at_most`, got 0.3 and 0.2",
        ),
        ({"at_most": math.nan}, "Limit: `at_most` must be a finite number, got nan"),
        ({"at_most": math.inf}, "Limit: `at_most` must be a finite number, got inf"),
        ({"at_least": -math.inf}, "Limit: `at_least` must be a finite number, got -inf"),
        ({"at_least": True}, "Limit: `at_least` must be a finite number, got True"),
        ({"at_least": "0.2"}, "Limit: `at_least` must be a finite number, got '0.2'"),
    ],
)
def test_limit_refuses(given, message):
    with pytest.raises(OptionError) as caught:
        Limit(**given)
    assert str(caught.value) == message


def test_limit_as_text():
    assert str(Limit(at_most=0.2)) == "at most 0.2"
    assert str(Limit(at_least=1_000)) == "at least 1,000"
    assert str(Limit(0.1, 2_000)) == "from 0.1 to 2,000"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "", "0"),
        (1_234_567, "", "1,234,567"),
        (10**15, "", "1,000,000,000,000,000"),
        (1_000, "rows", "1,000"),
        (0.1234567, "", "0.1235"),
        (9_999.4, "", "9,999"),
        (9_999.5, "", "10,000"),
        (12_345.6, "", "12,346"),
        (-12_345.6, "", "-12,346"),
        (123_456_789.1, "", "123,456,789"),
        (9.99e14, "", "999,000,000,000,000"),
        (1e15, "", "1e+15"),
        (1e-9, "", "1e-09"),
        (math.inf, "", "infinite"),
        (-math.inf, "", "minus infinity"),
        (math.inf, "share", "infinite"),
        (math.inf, "s", "infinite"),
        (0.05, "share", "5 %"),
        (0.07, "share", "7 %"),
        (1, "share", "100 %"),
        (1 - 1e-15, "share", "100 %"),
        (179_997 / 180_000, "share", "99.998 %"),
        (-0.99999, "share", "-99.999 %"),
        (1e-9, "share", "1e-07 %"),
        (12.5, "share", "1,250 %"),
        (0.33333, "share", "33.3 %"),
        (0, "s", "0 s"),
        (0.00001, "s", "10 us"),
        (1e-9, "s", "1 ns"),
        (0.0019, "s", "1.9 ms"),
        (0.001, "s", "1 ms"),
        (0.002, "s", "2 ms"),
        (0.02, "s", "20 ms"),
        (1.5, "s", "1.5 s"),
        (2, "s", "2 s"),
        (119, "s", "119 s"),
        (120, "s", "2 min"),
        (-120, "s", "-2 min"),
        (3_600, "s", "1 h"),
        (60, "s", "1 min"),
        (7_199, "s", "120 min"),
        (0, "violations", "holds"),
        (1, "violations", "violated"),
        (3, "violations", "3 violations"),
        (7_200, "s", "2 h"),
        (93_600, "s", "26 h"),
        (172_799, "s", "48 h"),
        (172_800, "s", "2 d"),
        (86_400 * 3_650, "s", "3,650 d"),
    ],
)
def test_quantities(value, unit, text):
    assert format_number(value, unit) == text


@pytest.mark.parametrize(
    ("limit", "unit", "text"),
    [
        (Limit(at_most=0.2), "", "at most 0.2"),
        (Limit(at_most=0.123456), "", "at most 0.123456"),
        (Limit(at_most=0.05), "share", "at most 5 %"),
        (Limit(at_most=0.0001), "share", "at most 0.01 %"),
        (Limit(at_least=1_000), "rows", "at least 1,000"),
        (Limit(10, 20), "rows", "from 10 to 20"),
        (Limit(at_most=0.02), "s", "at most 20 ms"),
        (Limit(at_most=3_600), "s", "at most 1 h"),
        (Limit(at_most=0), "violations", ""),
        (Limit(at_most=86_400), "s", "at most 24 h"),
        (Limit(at_most=100_000), "s", "at most 27.777778 h"),
    ],
)
def test_limits_are_shown_with_the_digits_given(limit, unit, text):
    assert format_limit(limit, unit) == text


@pytest.mark.parametrize(
    ("value", "limit", "unit", "text"),
    [
        (None, Limit(at_most=1), "", "undefined"),
        (0.31234, Limit(at_most=0.2), "", "0.3123"),
        (0.2, Limit(at_most=0.2), "", "0.2"),
        (0.200001, Limit(at_most=0.2), "", "0.200001"),
        (0.0500001, Limit(at_most=0.05), "share", "5.00001 %"),
        (0.799999, Limit(at_least=0.8), "", "0.799999"),
        (0.799999, Limit(0.5, 0.8), "", "0.799999"),
        (0.500001, Limit(0.5, 0.8), "", "0.500001"),
        (86_400.5, Limit(at_most=86_400), "s", "24.0001 h"),
        (0.12345, Limit(at_most=0.123456), "", "0.12345"),
        (0.123456, Limit(at_most=0.123456), "", "0.123456"),
        (0.05, Limit(at_most=0.05), "share", "5 %"),
        (0.01000499, Limit(at_most=0.01), "share", "1.0005 %"),
        (0, Limit(at_least=1), "", "0"),
        (0.0, Limit(at_most=1e-9), "", "0"),
        (12_345.6, Limit(at_most=12_345.8), "", "12,345.6"),
        (10**17 + 1, Limit(at_most=10**17), "", "100,000,000,000,000,001"),
        (2**53 + 1, Limit(at_most=2.0**53), "", "9,007,199,254,740,993"),
        (2**53 + 1, Limit(at_most=2.0**53), "s", "104,249,991,374.31705 d"),
        (1.1, Limit(at_most=2.1), "", "1.1"),
        (math.inf, Limit(at_least=1), "", "infinite"),
        (-math.inf, Limit(at_least=1), "s", "minus infinity"),
        (math.nextafter(0.2, 1), Limit(at_most=0.2), "", "0.20000000000000004"),
    ],
)
def test_a_value_is_shown_with_enough_digits_to_differ_from_its_limit(value, limit, unit, text):
    assert format_value(value, limit, unit) == text


@pytest.mark.parametrize(
    ("value", "scale", "settled"),
    [
        (0.4 - 0.3, 0.4, 0.1),
        (0.1 - 1e-14, 0, 0.1),
        (0.1 + 1e-9, 0.4, 0.1 + 1e-9),
        (0.3 - 0.2, 0, 0.1),
        (1e-15, 0, 1e-15),
        (math.inf, 0, math.inf),
        (-math.inf, 0, -math.inf),
        (0.2, 0.4, 0.2),
    ],
)
def test_a_value_that_differs_from_the_limit_by_rounding_equals_it(value, scale, settled):
    assert snap_to_limit(value, Limit(at_most=0.1), scale) == settled
    assert snap_to_limit(value, Limit(0.1, 0.9), scale) == settled
    assert math.isnan(snap_to_limit(math.nan, Limit(at_most=0.1)))


NUMBERS = st.floats(-1e6, 1e6) | st.integers(-1_000, 1_000).map(lambda k: k / 100)


@examples(500)
@given(value=NUMBERS, bound=st.integers(-1_000, 1_000).map(lambda k: k / 100), unit=UNITS)
@example(0.12345, 0.123456, "")
@example(0.0, 0.1, "share")
@example(5e-324, 0.67, "")
def test_a_value_is_shown_on_its_side_of_the_limit(value, bound, unit):
    words = format_value(value, Limit(at_most=bound), unit).split()
    read = float(words[0].replace(",", ""))
    scale = {"%": 0.01, "d": 86_400, "h": 3_600, "min": 60, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
    read *= scale.get(words[-1], 1)
    if math.isclose(value, bound, rel_tol=1e-12):
        assert math.isclose(read, bound, rel_tol=1e-7)
    else:
        assert (read > bound) is (value > bound)


def read_back(text):
    """Return a formatted number, or "at most" one, as a number in the unit without a prefix."""
    words = text.removeprefix("at most ").split()
    scales = {"%": "0.01", "d": "86400", "h": "3600", "min": "60", "ms": "0.001", "us": "0.000001"}
    return Fraction(words[0].replace(",", "")) * Fraction(scales.get(words[-1], "1"))


BOUNDS = st.floats(1e-5, 1e8) | st.integers(1, 1_000_000).map(lambda k: k / 1_000)


@examples(1_000)
@given(
    bound=BOUNDS,
    step=st.integers(-3, 3) | st.floats(-1e-6, 1e-6),
    unit=st.sampled_from(["", "share", "s"]),
)
@example(0.27099999997290003, 1e-10, "")
@example(0.02, 1, "s")
@example(0.57, 1, "share")
@example(0.29, -1, "share")
@example(169.0, 1e-9, "s")
def test_a_value_and_its_limit_are_never_shown_alike(bound, step, unit):
    value = bound * (1 + step)
    if isinstance(step, int):
        value = bound
        for _ in range(abs(step)):
            value = math.nextafter(value, math.copysign(math.inf, step))
    limit = Limit(at_most=bound)
    shown, allowed = format_value(value, limit, unit), format_limit(limit, unit, value)
    assert (shown == allowed.removeprefix("at most ")) is (value == bound)
    if value != bound and "(" not in shown and not math.isclose(value, bound, rel_tol=1e-15):
        assert (read_back(shown) > read_back(allowed)) is (value > bound)
    check = Check.judge("x", "m", Measurement(value, n=9), limit, unit=unit)
    assert allowed in check.reason
    assert f" is {shown} (n = 9)" in check.reason


def test_a_value_that_rounding_brought_to_its_limit_is_shown_before_rounding():
    limit, exact = Limit(at_most=0.1), 0.4 - 0.3
    details = before_rounding(exact, snap_to_limit(exact, limit, scale=0.4), limit)
    check = Check.judge("x", "m", Measurement(0.1, n=9, details=details), limit)
    assert check.passed
    assert check.reason == (
        "`m` of `x` is 0.1 (n = 9); the computed value, 0.10000000000000003, "
        "counts as equal to the limit, because they differ only by a rounding error; "
        "the limit is at most 0.1"
    )
    assert before_rounding(0.1 - 1e-14, 0.1, limit) == {}
    assert before_rounding(0.3, 0.3, limit) == {}


def test_what_counts_as_rounding_is_said_by_the_sizes_of_the_numbers():
    none = Limit(at_most=0)
    assert (
        snap_to_limit(1e-13, none) == 1e-13
    )  # no number is known that it could be the rounding of
    assert snap_to_limit(1e-12, none, 1.0) == 0.0
    assert snap_to_limit(1.1e-12, none, 1.0) == 1.1e-12


@pytest.mark.parametrize(
    ("value", "bound", "unit", "shown", "allowed"),
    [
        (0.0, 0.1, "share", "0 %", "at most 10 %"),
        (math.nextafter(0.805, 0), 0.805, "share", "80.5 % (0.8049999999999999)", "at most 80.5 %"),
        (
            math.nextafter(0.1007, 1),
            0.1007,
            "s",
            "100.7 ms (0.10070000000000001)",
            "at most 100.7 ms",
        ),
        (169.000000169, 169.0, "s", "2.816666669 min", "at most 2.816666667 min"),
        (math.nextafter(0.7558, 1), 0.7558, "s", "755.80000000000007 ms", "at most 755.8 ms"),
        (
            math.nextafter(0.025445860993, 1),
            0.025445860993,
            "share",
            "2.5445860993 % (0.025445860993000002)",
            "at most 2.5445860993 %",
        ),
        (0.123456789102, 0.1234567891, "", "0.123456789102", "at most 0.1234567891"),
        (9_000.0, 9_000.0, "s", "2.5 h", "at most 2.5 h"),
    ],
)
def test_values_near_their_limit_in_full(value, bound, unit, shown, allowed):
    limit = Limit(at_most=bound)
    assert format_value(value, limit, unit) == shown
    assert format_limit(limit, unit, value) == allowed


def test_a_check_keeps_its_summary():
    given = {"limit": Limit(at_most=0), "summary": "column not found"}
    assert Check.judge("x", "m", Measurement(1, n=1), **given).summary == "column not found"
