"""Columns of Python objects: converted if of one family of types, else unreadable."""

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import pytz
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

from mlgates.tables.objects import from_objects, is_missing

UTC = dt.UTC
PLUS_2 = dt.timezone(dt.timedelta(hours=2))
BERLIN = ZoneInfo("Europe/Berlin")
NOON = dt.datetime(2020, 1, 1, 12)
MISSING = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT]


def objects(*cells):
    array = np.empty(len(cells), dtype=object)
    for i, cell in enumerate(cells):
        array[i] = cell
    return array


class Code(str):
    __slots__ = ()


class Level(enum.IntEnum):
    LOW = 1


class Colour(enum.StrEnum):
    RED = "red"


READABLE = [
    ([1, 2], "int", "int64"),
    ([np.int8(1), np.int64(2)], "int", "int64"),
    ([Level.LOW, 2], "int", "int64"),
    ([2**63, 1], "int", "uint64"),
    ([np.uint64(2**63), 1], "int", "uint64"),
    ([2**63, -1], "int", "decimal128(38, 0)"),
    ([-(2**70)], "int", "decimal128(38, 0)"),
    ([1.5, 2.5], "float", "double"),
    ([1, 2.5], "float", "double"),
    ([2.5, 1], "float", "double"),
    ([np.float16(1.5), np.float32(2.5), np.int8(1)], "float", "double"),
    ([np.float32(1.5), np.float32(2)], "float", "float"),
    ([np.float16(1.5)], "float", "halffloat"),
    ([np.float32(1.5), 1], "float", "double"),
    ([True, False], "bool", "bool"),
    ([np.True_, False], "bool", "bool"),
    (["a", "b"], "string", "string"),
    ([Code("a"), np.str_("b"), Colour.RED], "string", "string"),
    (["a\0b"], "string", "string"),
    ([b"a", bytearray(b"b")], "binary", "binary"),
    ([Decimal("1.5"), Decimal(2)], "decimal", "decimal128(2, 1)"),
    ([Decimal("1.5"), 2], "decimal", "decimal128(2, 1)"),
    ([Decimal(2), 3], "decimal", "decimal128(1, 0)"),
    ([dt.date(1, 1, 1), dt.date(9999, 12, 31)], "date", "date32[day]"),
    ([dt.time(1, 2, 3)], "time", "time64[us]"),
    ([NOON, dt.datetime(9999, 1, 1)], "timestamp", "timestamp[us]"),
    ([dt.timedelta(1)], "duration", "duration[us]"),
    ([{"a": 1}, {"b": 2}], "nested", "struct<a: int64, b: int64>"),
    ([[1], [2, 3]], "nested", "list<item: int64>"),
    ([np.array([1, 2]), (3,)], "nested", "list<item: int64>"),
    ([pd.Timestamp("2020-01-01")], "timestamp", "timestamp[us]"),
    ([pd.Timestamp("2020-01-01"), NOON], "timestamp", "timestamp[us]"),
    ([np.datetime64("2020-01-01T00:00:00", "ns")], "timestamp", "timestamp[ns]"),
    ([np.timedelta64(1, "s")], "duration", "duration[s]"),
]
MIXED = [
    ([1, "a"], "mixed (int, str)"),
    (["a", 1], "mixed (int, str)"),
    ([True, 1], "mixed (bool, int)"),
    ([1, True], "mixed (bool, int)"),
    ([1.5, True], "mixed (bool, float)"),
    (["a", 1.5], "mixed (float, str)"),
    (["a", b"b"], "mixed (bytes, str)"),
    ([b"a", "b"], "mixed (bytes, str)"),
    ([dt.date(2020, 1, 1), NOON], "mixed (date, datetime)"),
    ([NOON, dt.date(2020, 1, 1)], "mixed (date, datetime)"),
    ([Decimal("1.5"), 1.5], "mixed (Decimal, float)"),
    (["a", [1]], "mixed (list, str)"),
    ([{"a": 1}, [1]], "mixed (dict, list)"),
    ([1, "a", b"c", 1.5], "mixed (bytes, float, int, str)"),
]


def cells_of(column):
    return column.array.to_pylist()


@pytest.mark.parametrize(("cells", "kind", "name"), READABLE)
@pytest.mark.parametrize("missing", MISSING)
def test_one_family_is_read_and_missing_cells_are_null(cells, kind, name, missing):
    column = from_objects("x", objects(*cells, missing))
    assert (column.field.kind, column.field.type, column.field.problem) == (kind, name, None)
    assert column.array.null_count == 1
    assert not column.array[-1].is_valid
    assert from_objects("x", [missing, *cells]).field == column.field


@pytest.mark.parametrize(("cells", "label"), MIXED)
def test_mixed_families_are_unreadable_and_no_value_is_shown(cells, label):
    column = from_objects("x", objects(*cells, None))
    assert (column.field.kind, column.field.type) == ("unreadable", label)
    listed = label.removeprefix("mixed (").removesuffix(")")
    assert column.field.problem == (
        f"column 'x' mixes values of the types {listed}; convert them to one type first"
    )
    assert cells_of(column) == [*(type(cell).__name__ for cell in cells), None]


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        (1 + 2j, "complex"),
        (object(), "object"),
        ({1}, "set"),
        (frozenset(), "frozenset"),
        (pd.Period("2020-01"), "Period"),
        (pd.Interval(0, 1), "Interval"),
        (enum.Enum("Side", "LEFT").LEFT, "Side"),
        (uuid.UUID(int=1), "UUID"),
        (np.clongdouble(1), "clongdouble"),
    ],
)
def test_python_objects_are_unreadable(cell, label):
    column = from_objects("x", objects(cell, None, cell))
    assert (column.field.kind, column.field.type) == ("unreadable", label)
    assert column.field.problem == (
        f"column 'x' holds Python objects of type {label}; convert them to numbers or text first"
    )
    assert cells_of(column) == [label, None, label]


@pytest.mark.parametrize("cells", [[], [None, None], [None, float("nan")], [pd.NaT, pd.NA]])
def test_cells_without_values_have_no_type(cells):
    column = from_objects("x", objects(*cells))
    assert (column.field.kind, column.field.type) == ("null", "null")
    assert column.array.null_count == len(cells)


def test_nan_is_kept_only_on_request_and_only_among_floats():
    nan = float("nan")
    kept = from_objects("x", [1.5, nan, None], keep_nan=True)
    assert kept.array.null_count == 1
    assert from_objects("x", [1.5, nan, None]).array.null_count == 2
    assert from_objects("x", [nan, nan], keep_nan=True).field.kind == "float"
    integers = from_objects("x", [2**60 + 1, nan], keep_nan=True)
    assert cells_of(integers) == [2**60 + 1, None]


@pytest.mark.parametrize("big", [2**53 + 1, 2**60, 10**400])
def test_integers_beyond_the_range_of_floats_are_never_rounded(big):
    column = from_objects("x", [big, 1.5, None])
    assert (column.field.kind, column.field.type) == ("unreadable", "mixed (float, int)")
    assert column.field.problem == (
        "column 'x' holds integers beyond 2**53 among floats, which no float can represent "
        "exactly; convert all to Decimal, or to float if the loss doesn't matter"
    )
    assert cells_of(column) == ["int", "float", None]


def test_integers_are_exact_to_76_digits_and_unreadable_beyond():
    for largest in (10**38 - 1, 10**76 - 1):
        column = from_objects("x", [largest, None])
        assert (column.field.kind, cells_of(column)) == ("int", [Decimal(largest), None])
    column = from_objects("x", [10**76, None])
    assert (column.field.kind, column.field.type) == ("unreadable", "int")
    assert column.field.problem == (
        "column 'x' holds integers of more than 76 digits; convert them to text or float"
    )


def test_decimals_that_are_nan_are_missing_and_infinite_ones_unreadable():
    column = from_objects("x", [Decimal("1.5"), Decimal("NaN"), Decimal("sNaN"), None])
    assert cells_of(column) == [Decimal("1.5"), None, None, None]
    column = from_objects("x", [Decimal("1.5"), Decimal("Infinity"), None])
    assert (column.field.kind, column.field.type) == ("unreadable", "Decimal")
    assert column.field.problem == (
        "column 'x' holds Decimal values that Arrow can't represent (infinite, or of more than "
        "76 digits); convert them to float"
    )
    assert cells_of(column) == ["Decimal", "Decimal", None]


def test_lone_surrogates_are_unreadable():
    column = from_objects("x", ["a", "\ud800", None])
    assert (column.field.kind, column.field.type) == ("unreadable", "str with lone surrogates")
    assert column.field.problem == (
        "column 'x' holds text that is not valid Unicode (lone surrogates); clean it first"
    )
    assert cells_of(column) == ["str", "str", None]


@pytest.mark.parametrize(
    ("cells", "zone"),
    [
        ([NOON.replace(tzinfo=UTC)], "UTC"),
        ([NOON.replace(tzinfo=BERLIN), NOON.replace(month=7, tzinfo=BERLIN)], "Europe/Berlin"),
        ([NOON.replace(tzinfo=PLUS_2)], "+02:00"),
        ([NOON.replace(tzinfo=UTC), NOON.replace(tzinfo=PLUS_2)], "UTC"),
        ([NOON.replace(tzinfo=PLUS_2), NOON.replace(tzinfo=BERLIN)], "UTC"),
    ],
)
def test_aware_timestamps_keep_their_instants(cells, zone):
    column = from_objects("x", objects(*cells, None))
    assert (column.field.kind, column.field.zone, column.field.unit) == ("timestamp", zone, "us")
    assert cells_of(column) == [*cells, None]


def test_zone_without_a_name_in_arrow_becomes_utc():
    class Own(dt.tzinfo):
        def utcoffset(self, when):
            return dt.timedelta(hours=1)

        def dst(self, when):
            return None

        def tzname(self, when):
            return "Own"

    column = from_objects("x", [NOON.replace(tzinfo=Own())])
    assert column.field.zone == "UTC"
    assert cells_of(column) == [dt.datetime(2020, 1, 1, 11, tzinfo=UTC)]


def test_pytz_zones_are_one_zone_on_both_sides_of_a_clock_change():
    zone = pytz.timezone("Europe/Berlin")
    cells = [zone.localize(NOON), zone.localize(NOON.replace(month=7))]
    assert cells[0].tzinfo is not cells[1].tzinfo
    column = from_objects("x", cells)
    assert column.field.zone == "Europe/Berlin"
    assert cells_of(column) == cells


def test_naive_and_aware_timestamps_together_are_unreadable():
    for cells in ([NOON, NOON.replace(tzinfo=UTC)], [NOON.replace(tzinfo=UTC), NOON]):
        column = from_objects("x", [*cells, pd.NaT])
        assert column.field.kind == "unreadable"
        assert column.field.type == "mixed (naive datetime, aware datetime)"
        assert column.field.problem == (
            "column 'x' mixes timestamps with and without a time zone; "
            "give all of them one, or none"
        )
        assert cells_of(column) == ["datetime", "datetime", None]


def test_times_of_day_with_a_zone_are_unreadable():
    column = from_objects("x", [dt.time(1, tzinfo=UTC), None])
    assert (column.field.kind, column.field.type) == ("unreadable", "time with zone")
    assert column.field.problem == (
        "column 'x' holds times of day with a time zone, which Arrow can't store; remove the zone"
    )


def test_nanoseconds_are_kept():
    stamp = pd.Timestamp("2020-01-01T00:00:00.000000001")
    column = from_objects("x", [stamp, pd.NaT])
    assert column.field.type == "timestamp[ns]"
    assert column.array[0].value == stamp.value
    aware = from_objects("x", [stamp.tz_localize("Europe/Berlin")])
    assert (aware.field.unit, aware.field.zone) == ("ns", "Europe/Berlin")
    assert aware.array[0].value == stamp.tz_localize("Europe/Berlin").value
    column = from_objects("x", [pd.Timedelta(1, "ns"), None])
    assert (column.field.type, column.array[0].value) == ("duration[ns]", 1)


def test_text_is_never_converted_to_dates_or_numbers():
    for cells in (["2020-01-01"], ["1", "2"], ["true"]):
        assert from_objects("x", cells).field.kind == "string"


def test_values_that_arrow_refuses_are_unreadable():
    column = from_objects("x", [[1], ["a"], None])
    assert (column.field.kind, column.field.type) == ("unreadable", "list")
    assert column.field.problem == (
        "column 'x' holds values of type list that Arrow can't represent; convert them to another "
        "type first"
    )
    assert cells_of(column) == ["list", "list", None]


@pytest.mark.parametrize("value", [*MISSING, Decimal("NaN"), complex("nan"), np.datetime64("NaT")])
def test_missing_values_are_recognised(value):
    assert is_missing(value) is True


@pytest.mark.parametrize(
    "value", ["", "NA", 0, False, float("inf"), Decimal(0), [], np.array([1.0, np.nan]), {}]
)
def test_values_are_not_missing(value):
    assert is_missing(value) is False


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(alphabet=st.characters(codec=None), max_size=3),
    st.binary(max_size=3),
    st.decimals(),
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.datetimes(timezones=st.sampled_from([None, UTC, BERLIN])),
    st.sampled_from([pd.NA, pd.NaT]),
    st.lists(st.integers(), max_size=2),
)


@examples(300)
@given(st.lists(SCALARS, max_size=6), st.booleans())
def test_any_cells_give_a_column_with_the_same_missing_cells(cells, keep_nan):
    column = from_objects("x", cells, keep_nan=keep_nan)
    missing = [
        value is None or (isinstance(value, float) and math.isnan(value))
        for value in cells_of(column)
    ]
    assert missing == [is_missing(cell) for cell in cells]
    assert (column.field.problem is None) == (column.field.kind != "unreadable")
