import copy
import datetime as dt
import math
import numbers as numbers_of
from decimal import Decimal
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView, Counter
from mlgates.profile.counters import (
    Distribution,
    Fractional,
    In,
    Infinite,
    Missing,
    NotIn,
    NotMatching,
    Occurrences,
    Outside,
    ValueCounts,
    Violations,
)
from mlgates.profile.distributions import Ecdf, Frequencies
from mlgates.profile.duplicates import Duplicated
from mlgates.profile.groups import MissingBy, MissingWhere
from mlgates.profile.scan import Profile
from mlgates.tables.field import Field
from mlgates.tables.source import as_source

NAN, INF = math.nan, math.inf
UTC = dt.UTC


def view_of(values, type_=None):
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, type_)
    source = as_source(pa.table({"x": array}))
    (batch,) = source.batches()
    return ColumnView(batch["x"], source.schema["x"])


def count(counter, values, type_=None):
    return counter.count(BatchView({"x": view_of(values, type_)}))


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


def violations(values, offends):
    """Oracle: row by row."""
    valid = [(i, v) for i, v in enumerate(values) if not is_missing(v)]
    rows = [i for i, v in valid if offends(v)]
    return Violations(len(rows), len(valid), tuple(rows[:5]))


# Columns of every kind: their type, and cells as Python compares them

KINDS = {
    "int8": (pa.int8(), st.integers(-128, 127)),
    "int64": (pa.int64(), st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)])),
    "uint64": (pa.uint64(), st.sampled_from([0, 1, 2**53 + 1, 2**63, 2**64 - 1])),
    "float32": (
        pa.float32(),
        st.sampled_from([0.0, -0.0, NAN, INF, -INF, 0.5, 1.0]) | st.floats(width=32),
    ),
    "float64": (
        pa.float64(),
        st.sampled_from([0.0, -0.0, NAN, INF, -INF, 0.1, 2.0**53]) | st.floats(),
    ),
    "decimal": (pa.decimal128(20, 2), st.decimals(-100, 100, places=2)),
    "bool": (pa.bool_(), st.booleans()),
    "string": (pa.string(), st.sampled_from(["", "a", "b", "é", "NA"])),
    "binary": (pa.binary(), st.sampled_from([b"", b"a", b"b"])),
    "timestamp": (
        pa.timestamp("us"),
        st.sampled_from([dt.datetime(2024, 1, d) for d in (1, 2, 3)]),
    ),
    "date": (pa.date32(), st.sampled_from([dt.date(2024, 1, d) for d in (1, 2, 3)])),
    "null": (pa.null(), st.none()),
}
NUMBERS = ("int8", "int64", "uint64", "float32", "float64", "decimal")


@st.composite
def columns(draw, kinds=tuple(KINDS)):
    """Return a type, cells, and an array of them in random chunks, dictionary-encoded or not."""
    type_, cells = KINDS[draw(st.sampled_from(kinds))]
    values = draw(st.lists(st.none() | cells, max_size=30))
    cut = draw(st.integers(0, len(values)))
    array = pa.chunked_array([pa.array(values[:cut], type_), pa.array(values[cut:], type_)])
    if type_ != pa.null() and draw(st.booleans()):
        array = array.dictionary_encode()
    return type_, values, array


numbers = st.one_of(
    st.integers(-130, 130),
    st.sampled_from([2**53, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 2**70, 10**400, -(10**400)]),
    st.floats(allow_nan=False),
    st.sampled_from([INF, -INF, 0.1, -0.0, 1e300]),
    st.decimals(-101, 101, places=3),
    st.fractions(-3, 3),
)


def exactly(number):
    infinite = isinstance(number, float) and math.isinf(number)
    return number if infinite else Fraction(number)


def stored(number, type_):
    """Return a written number as a column of this type stores it, exactly."""
    if isinstance(number, float) and math.isinf(number):
        return number
    if pa.types.is_decimal(type_):
        return Fraction(repr(number) if isinstance(number, float) else number)
    number = Fraction(number)
    if pa.types.is_floating(type_):
        try:
            with np.errstate(over="ignore"):
                nearest = float(type_.to_pandas_dtype()(float(number)))
        except OverflowError:
            return number
        return number if math.isinf(nearest) else Fraction(nearest)
    return number


# Against plain Python


@examples(60)
@given(columns(NUMBERS), st.none() | numbers, st.none() | numbers)
def test_outside_against_plain_python(column, low, high):
    type_, values, array = column

    def offends(value):
        value = exactly(value)
        below = low is not None and value < stored(low, type_)
        return below or (high is not None and value > stored(high, type_))

    assert count(Outside("x", low, high), array) == violations(values, offends)


@examples(60)
@given(
    columns(), st.lists(numbers | st.sampled_from(["", "a", "NA", True, False, b"a", NAN, None]))
)
def test_members_against_plain_python(column, wanted):
    type_, values, array = column

    def same(a, b):
        if isinstance(a, bool) or isinstance(b, bool):
            return a is b
        if is_missing(b):
            return False
        if all(isinstance(x, numbers_of.Number) for x in (a, b)):
            return exactly(a) == stored(b, type_)
        return a == b

    def is_in(value):
        return any(same(value, x) for x in wanted)

    view = {"x": view_of(array)}
    wanted = tuple(wanted)
    assert In("x", wanted).count(BatchView(view)) == violations(values, is_in)
    assert NotIn("x", wanted).count(BatchView(view)) == violations(values, lambda v: not is_in(v))
    if type_ == pa.string():
        _ = view["x"].encoded
        assert In("x", wanted).count(BatchView(view)) == violations(values, is_in)
    found = Occurrences("x", wanted).count(BatchView(view)).counts.tolist()
    assert found == [sum(same(v, x) for v in values if not is_missing(v)) for x in wanted]


@given(columns())
def test_missing_and_infinite_against_plain_python(column):
    _, values, array = column
    rows = [i for i, v in enumerate(values) if is_missing(v)]
    assert count(Missing("x"), array) == Violations(len(rows), len(values), tuple(rows[:5]))
    infinite = violations(values, lambda v: v in {INF, -INF})
    assert count(Infinite("x"), array) == infinite


@given(columns(NUMBERS))
def test_fractional_against_plain_python(column):
    _, values, array = column
    found = count(Fractional("x"), array)
    assert found == violations(values, lambda v: math.isinf(v) or v != int(v))


@examples(60)
@given(columns(), st.integers(0, 30), st.integers(0, 30))
def test_duplicates_against_plain_python(column, i, j):
    _, values, array = column
    seen, rows = set(), []
    for row, value in enumerate(values):
        if not is_missing(value):
            if value in seen:
                rows.append(row)
            seen.add(value)
    expected = (len(rows), sum(not is_missing(v) for v in values), tuple(rows[:5]))
    whole = count(Duplicated("x"), array)
    assert (whole.count, whole.n, whole.rows) == expected
    i, j = sorted((min(i, len(values)), min(j, len(values))))
    a, b, c = (count(Duplicated("x"), part) for part in (array[:i], array[i:j], array[j:]))
    left = a.merge(b, i).merge(c, j)
    right = a.merge(b.merge(c, j - i), i)
    assert left == right == whole
    assert (left.count, left.n, left.rows) == expected


@given(columns())
def test_distributions_against_plain_python(column):
    type_, values, array = column
    valid = [v for v in values if not is_missing(v)]
    counts = count(ValueCounts("x"), array)
    assert isinstance(counts, Frequencies)
    assert {v: counts[v] for v in valid} == {v: valid.count(v) for v in valid}
    if type_ == pa.binary():
        with pytest.raises(EvidenceError, match="which cannot be summarized as a distribution"):
            count(Distribution("x"), array)
        return
    distribution = count(Distribution("x"), array)
    assert distribution.n == len(valid)
    if type_ in {pa.bool_(), pa.string()}:
        assert distribution == counts
    else:
        assert isinstance(distribution, Ecdf)
        assert len(distribution.values) == len(valid)


COUNTERS = (
    Missing("x"),
    Infinite("x"),
    Outside("x", 0, 1),
    NotIn("x", (0, 1, "a", True)),
    In("x", (0, 1, "a", True)),
    NotMatching("x", "a|é"),
    Duplicated("x"),
    Fractional("x"),
    Distribution("x"),
    ValueCounts("x"),
    Occurrences("x", (0, 1, "a", True, 2.5)),
    MissingBy(("x",), ("x",)),
    MissingWhere(("x",), (("odd", lambda rows: [r % 2 == 1 for r in rows]),), ("a", 0)),
)


@examples(60)
@given(columns(), st.sampled_from(COUNTERS), st.integers(0, 30), st.integers(0, 30))
def test_states_merge(column, counter, i, j):
    _, values, array = column
    n = len(values)
    i, j = sorted((min(i, n), min(j, n)))

    def of(start, stop):
        return counter.count(BatchView({"x": view_of(array[start:stop])}, list(range(start, stop))))

    try:
        whole = of(0, n)
    except EvidenceError:
        return
    a, b, c = of(0, i), of(i, j), of(j, n)
    assert a.merge(b, i).merge(c, j) == a.merge(b.merge(c, j - i), i) == whole
    assert whole.merge(of(0, 0), n) == whole == of(0, 0).merge(whole, 0)


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda c: type(c).__name__)
def test_counters_are_hashable_values(counter):
    assert isinstance(counter, Counter)
    assert counter.columns == ("x",)
    again = copy.deepcopy(counter)
    assert (again, hash(again)) == (counter, hash(counter))
    assert counter != Missing("y")


# Cases


def test_only_the_first_five_rows_are_kept():
    assert count(Missing("x"), [None] * 9) == Violations(9, 9, (0, 1, 2, 3, 4))
    repeated = count(Duplicated("x"), [7] * 9)
    assert (repeated.count, repeated.n, repeated.rows) == (8, 9, (1, 2, 3, 4, 5))


def test_limits_of_large_integers_are_exact():
    values = [2**53, 2**53 + 1, 2**53 + 2]
    assert count(Outside("x", at_most=2**53 + 1), values).rows == (2,)
    assert count(Outside("x", at_most=2.0**53), values).rows == (1, 2)
    assert count(Outside("x", at_least=2**64), [2**64 - 1], pa.uint64()).count == 1
    assert count(Outside("x", at_least=-1), [0], pa.uint64()).count == 0
    assert count(Outside("x", at_most=-1), [0], pa.uint64()).count == 1
    assert count(Outside("x", at_most=300), [127], pa.int8()).count == 0
    assert count(Outside("x", at_least=300), [127], pa.int8()).count == 1


class Compared(str):
    """A text that counts how often it is compared."""

    __slots__ = ()
    times: ClassVar[list[int]] = [0]

    def __eq__(self, other):
        self.times[0] += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


@pytest.mark.parametrize("counter", [NotIn, In, Occurrences])
def test_many_values_are_compared_in_linear_time(counter):
    allowed = tuple(Compared(f"allowed {i}") for i in range(1_000))
    Compared.times[0] = 0
    state = counter("x", allowed).count(BatchView({"x": view_of([f"x{i}" for i in range(1_000)])}))
    assert Compared.times[0] <= 5_000
    assert state.n == (0 if counter is Occurrences else 1_000)


HALF = pa.array(np.array([0.1, -999.99], np.float16))


@pytest.mark.parametrize("value", [0.1, Decimal("0.1"), Fraction(1, 10)])
@pytest.mark.parametrize(
    "column",
    [
        pa.array([0.1, -999.99], pa.float64()),
        pa.array([0.1, -999.99], pa.float32()),
        HALF,
        pa.DictionaryArray.from_arrays(pa.array([0, 1]), HALF),
        pa.array([Decimal("0.1"), Decimal("-999.99")], pa.decimal128(9, 2)),
        pa.array([Decimal("0.1"), Decimal("-999.99")], pa.decimal256(60, 4)),
    ],
    ids=lambda column: str(column.type),
)
def test_written_numbers_mean_the_value_that_the_column_stores(column, value):
    assert count(Outside("x", at_most=value), column).count == 0
    assert count(Outside("x", at_least=value), column).rows == (1,)
    assert count(NotIn("x", (value, -999.99)), column).count == 0
    assert count(In("x", (-999.99,)), column).rows == (1,)
    assert count(Occurrences("x", (value, 7, -999.99)), column).counts.tolist() == [1, 0, 1]
    batch = BatchView({"x": view_of(column)})
    assert MissingBy(("x",), ("x",), (value,)).count(batch).groups[0][1:] == (1, (1,))


@pytest.mark.parametrize("number", [1e20, 10**20, -99_999_999, 2**53 + 1, 1e-50, Decimal("1e-9")])
def test_numbers_with_too_many_digits_are_rounded_as_those_of_the_column(number):
    for type_ in (pa.float32(), pa.float64()):
        column = pa.array(np.array([float(number)], type_.to_pandas_dtype()))
        assert count(In("x", (number,)), column).count == 1
        assert count(Outside("x", number, number), column).count == 0


def test_numbers_beyond_the_range_of_a_type_equal_no_value():
    column = pa.array(np.array([65504, np.inf, -np.inf], np.float16))
    assert count(In("x", (1e10, -1e10, 10**400)), column).count == 0
    assert count(Outside("x", -1e10, 1e10), column).rows == (1, 2)
    assert count(Outside("x", -(10**400), 10**400), column.cast(pa.float32())).rows == (1, 2)


def test_floats_and_integers_of_equal_value_are_different_counters():
    column = pa.array([Decimal(10**23)], pa.decimal128(38, 0))
    counters = [In("x", (1e23,)), In("x", (int(1e23),))]
    profile = Profile.of(pa.table({"x": column}), counters)
    assert [profile[counter].count for counter in counters] == [1, 0]


def test_decimals_are_compared_exactly():
    cents = pa.array([Decimal("0.10"), Decimal("0.11")], pa.decimal128(5, 2))
    assert count(Outside("x", at_most=Decimal("0.1")), cents).rows == (1,)
    assert count(Outside("x", at_least=0.1), cents).count == 0
    assert count(Outside("x", at_most=10**30), cents).count == 0
    assert count(Outside("x", at_least=10**30), cents).count == 2
    assert count(In("x", (Decimal("0.1"), 10**30)), cents).rows == (0,)
    assert count(Fractional("x"), cents).count == 2
    wide = pa.array([Decimal(10**49), None], pa.decimal256(60, 5))
    assert count(Outside("x", at_most=10**49 - 1), wide) == Violations(1, 1, (0,))


def test_times_are_compared_with_times():
    stamps = pa.array([0, 1_000_001, None], pa.timestamp("us"))
    second = dt.datetime(1970, 1, 1, 0, 0, 1)
    assert count(Outside("x", at_most=second), stamps) == Violations(1, 2, (1,))
    assert count(Outside("x", at_most=np.datetime64(1, "s")), stamps).rows == (1,)
    assert count(Outside("x", at_least=dt.date(1970, 1, 2)), stamps).count == 2
    assert count(Outside("x", at_most=pd.Timestamp(1_000_001_000)), stamps).count == 0
    assert count(Outside("x", at_most=pd.Timestamp(1_000_000_999)), stamps).count == 1
    aware = stamps.cast(pa.timestamp("us", "Europe/Berlin"))
    berlin = dt.timezone(dt.timedelta(hours=1))
    assert count(
        Outside("x", at_most=dt.datetime(1970, 1, 1, 1, 0, 1, tzinfo=berlin)), aware
    ).rows == (1,)
    days = pa.array([0, 1], pa.date32())
    assert count(Outside("x", at_most=dt.datetime(1970, 1, 1, 23)), days).rows == (1,)
    assert count(NotIn("x", (dt.date(1970, 1, 1), dt.date(1970, 1, 2))), days).count == 0
    clock = pa.array([3600], pa.time32("s"))
    assert count(Outside("x", at_least=dt.time(1, 0, 1)), clock).count == 1
    assert count(In("x", (dt.time(1),)), clock).count == 1
    spans = pa.array([1500, None], pa.duration("ms"))
    assert count(Outside("x", at_most=dt.timedelta(seconds=1.5)), spans).count == 0
    assert count(Outside("x", at_most=np.timedelta64(1499, "ms")), spans).count == 1
    assert count(Outside("x", at_most=pd.Timedelta(1_499_999_999)), spans).count == 1


def test_times_far_from_today_are_compared():
    early = pa.array([-62_135_596_800 - 86_400], pa.timestamp("s"))
    assert count(Outside("x", at_least=dt.datetime(1, 1, 1)), early).count == 1
    assert count(Outside("x", at_least=np.datetime64("-0001-01-01")), early).count == 0
    assert count(Outside("x", at_least=np.datetime64("2000", "Y")), early).count == 1


@pytest.mark.parametrize(
    ("values", "limit", "message"),
    [
        (
            ["a"],
            1,
            r"column 'x' has string values \(string\), which cannot be compared with limits$",
        ),
        ([True], 1, r"column 'x' has bool values \(bool\), which cannot be compared with limits$"),
        ([1], "a", r"has int values \(int64\), which cannot be compared with the limit 'a'$"),
        ([1], True, "which cannot be compared with the limit True"),
        ([1.5], NAN, "which cannot be compared with the limit nan"),
        ([1], dt.date(2024, 1, 1), "which cannot be compared with the limit datetime.date"),
        ([dt.date(2024, 1, 1)], 5, "which cannot be compared with the limit 5"),
        ([dt.date(2024, 1, 1)], pd.NaT, "which cannot be compared with the limit NaT"),
        (
            [dt.datetime(2024, 1, 1, tzinfo=UTC)],
            dt.datetime(2024, 1, 1),
            "the given value 2024-01-01 00:00:00 has no time zone, but the times of the column",
        ),
        (
            [dt.datetime(2024, 1, 1)],
            dt.datetime(2024, 1, 1, tzinfo=UTC),
            r"the given value 2024-01-01 00:00:00\+00:00 has a time zone, but the times of the",
        ),
    ],
)
def test_limits_of_another_kind_are_refused(values, limit, message):
    with pytest.raises(EvidenceError, match=message):
        count(Outside("x", at_least=limit), values)


def test_values_of_other_types_are_not_equal():
    assert count(NotIn("x", (1, 0)), [True, False]).count == 2
    assert count(NotIn("x", (True,)), [1]).count == 1
    assert count(NotIn("x", ("1",)), [1]).count == 1
    assert count(In("x", (-999, "NA")), ["-999", "NA"]).rows == (1,)
    assert count(In("x", (-999,)), [-999.0, 1.5, None]) == Violations(1, 2, (0,))
    assert count(In("x", (np.int64(7), np.float32(8), np.bool_(True))), [7, 8, 1]).rows == (0, 1)
    assert count(NotIn("x", (0,)), [-0.0, 0.0]).count == 0
    assert count(NotIn("x", ()), ["a", None]) == Violations(1, 1, (0,))
    assert count(In("x", ("\ud800",)), ["a"]).count == 0
    assert count(In("x", (b"ab", b"a")), [b"ab", None], pa.binary(2)).rows == (0,)


def test_unused_categories_are_not_counted():
    dictionary = pa.array(["a", "unused", "b"])
    array = pa.DictionaryArray.from_arrays(pa.array([0, None, 2, 2]), dictionary)
    assert count(NotIn("x", ("a",)), array) == Violations(2, 3, (2, 3))
    assert count(In("x", ("unused",)), array) == Violations(0, 3)
    assert count(NotMatching("x", "a|b"), array) == Violations(0, 3)


def test_patterns_match_whole_texts():
    assert count(NotMatching("x", "ab?"), ["a", "ab", "abc", None, "ab\n", "a"]) == Violations(
        2, 5, (2, 4)
    )
    assert count(NotMatching("x", "a"), [None, None], pa.null()) == Violations(0, 0)
    with pytest.raises(EvidenceError, match="which cannot be matched with a regular expression"):
        count(NotMatching("x", "a"), [1])


def test_many_different_texts_are_matched_row_by_row():
    texts = [f"user{i}" for i in range(5000)]
    texts[4321] = "admin"
    texts[77] = None
    view = {"x": view_of(pa.chunked_array([texts[:10], texts[10:]]))}
    assert NotMatching("x", r"user\d+").count(BatchView(view)) == Violations(1, 4999, (4321,))
    assert not view["x"].is_encoded


def test_duplicates_far_from_each_other():
    values = np.arange(100_000)
    values[-1] = 0
    values[70_000] = 3
    late = count(Duplicated("x"), pa.array(values))
    assert (late.count, late.rows) == (2, (70_000, 99_999))
    spread = count(Duplicated("x"), pa.array(values * 1_000_003))
    assert (spread.count, spread.rows) == (2, (70_000, 99_999))
    assert repr(spread) == "Duplicates(count=2, n=100000, rows=(70000, 99999))"


def test_duplicates_do_not_change_with_the_data():
    numbers = np.array([1, 2, 3])
    state = count(Duplicated("x"), pa.array(numbers))
    numbers[:] = 1
    assert state.merge(count(Duplicated("x"), [3]), 3).rows == (3,)


def test_duplicates_over_types_are_exact():
    big = count(Duplicated("x"), [2**64 - 1], pa.uint64())
    assert big.merge(count(Duplicated("x"), [-1]), 1).count == 0
    assert big.merge(count(Duplicated("x"), [2**64 - 1], pa.uint64()), 1).rows == (1,)
    text = count(Duplicated("x"), ["a"])
    assert text.merge(count(Duplicated("x"), ["a"], pa.large_string()), 1).rows == (1,)
    money = count(Duplicated("x"), [Decimal("1.5")])
    assert money.merge(count(Duplicated("x"), [Decimal("1.50")]), 1).rows == (1,)
    assert big != Violations(0, 1)
    with pytest.raises(TypeError, match="can be merged with Duplicates only, got Violations"):
        big.merge(Violations(0, 1), 1)


UNREADABLE = ColumnView(
    pa.array(["int", None, "str"]),
    Field("x", "unreadable", "mixed", problem="it mixes int and str"),
)


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda c: type(c).__name__)
def test_counters_of_an_unreadable_column(counter):
    if isinstance(counter, Missing | MissingWhere):
        batch = BatchView({"x": UNREADABLE}, [0, 1, 2])
        assert counter.count(batch) in {Violations(1, 3, (1,)), counter.count(batch)}
        return
    with pytest.raises(EvidenceError, match="it mixes int and str"):
        counter.count(BatchView({"x": UNREADABLE}))


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda c: type(c).__name__)
def test_nested_columns_have_missing_cells_and_no_values(counter):
    view = {"x": view_of([[1], None, [2]])}
    if isinstance(counter, Missing | In | Infinite | Fractional | MissingWhere):
        state = counter.count(BatchView(view, [0, 1, 2]))
        if not isinstance(counter, MissingWhere):
            assert state.count == (1 if isinstance(counter, Missing) else 0)
        return
    with pytest.raises(EvidenceError, match=r"column 'x' has nested values \(list<"):
        counter.count(BatchView(view))


# Groups

rows_of_groups = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from([0.0, -0.0, NAN, None, 1.5]),
        st.sampled_from([1, -999, None]),
    ),
    max_size=20,
)


def key_of(value):
    return None if is_missing(value) else value


@given(rows_of_groups, st.booleans())
def test_groups_against_plain_python(rows, coded):
    values = (-999,) if coded else ()
    texts, floats, cells = ([row[i] for row in rows] for i in range(3))
    views = {
        "text": view_of(texts, pa.string()),
        "float": view_of(floats, pa.float64()),
        "cell": view_of(cells, pa.int64()),
    }
    expected = {}
    for text, number, cell in rows:
        key = (key_of(text), key_of(number))
        count, missing, texts_missing = expected.get(key, (0, 0, 0))
        gone = cell is None or cell in values
        expected[key] = (count + 1, missing + gone, texts_missing + (text is None))
    counter = MissingBy(("cell", "text"), by=("text", "float"), values=values)
    found = counter.count(BatchView(views))
    assert found.groups == tuple((key, n, (m, t)) for key, (n, m, t) in expected.items())


def test_too_many_groups_are_refused_before_all_values_are_read():
    counter = MissingBy(("x",), ("x",))
    view = view_of(list(range(20_000)))
    with pytest.raises(EvidenceError, match="`by` makes more than 1,000 slices; at most 1,000"):
        counter.count(BatchView({"x": view}))
    assert not view.is_encoded
    rare = view_of([0] * 10_000 + list(range(2_000)))
    with pytest.raises(EvidenceError, match="more than 1,000 slices"):
        counter.count(BatchView({"x": rare}))
    pairs = {
        "x": view_of([i % 40 for i in range(2_000)]),
        "y": view_of([i // 40 for i in range(2_000)]),
    }
    with pytest.raises(EvidenceError, match="more than 1,000 slices"):
        MissingBy(("x",), ("x", "y")).count(BatchView(pairs))


def test_too_many_groups_of_several_batches_are_refused():
    parts = [Profile.of({"x": list(range(i, i + 600))}, [MissingBy((), ("x",))]) for i in (0, 600)]
    merged = parts[0].merge(parts[1])
    with pytest.raises(EvidenceError, match="more than 1,000 slices"):
        merged[MissingBy((), ("x",))]
    assert len(parts[0].merge(parts[0])[MissingBy((), ("x",))].groups) == 600


def test_many_combinations_of_groups_do_not_overflow():
    n = 3000
    names = [f"g{i}" for i in range(8)]
    views = {name: view_of(np.arange(n).astype(str).tolist()) for name in names}
    numbers, first = BatchView(views).groups(names)
    assert numbers.tolist() == first.tolist() == list(range(n))


@pytest.mark.parametrize(
    "answer",
    [
        [True, None, False],
        np.array([True, False, False]),
        pa.array([True, None, False]),
        pa.chunked_array([[True], [None, False]]),
        pd.Series([True, False, False], index=[5, 6, 7]),
        pd.Series([True, None, False], dtype="boolean"),
        pd.Series([True, None, False], dtype="object"),
        (True, False, False),
    ],
    ids=["list", "numpy", "arrow", "chunked", "pandas", "nullable", "object", "tuple"],
)
def test_conditions_may_return_any_container(answer):
    counter = MissingWhere(
        ("x",), (("first", lambda table: answer), ("none", lambda t: [None] * 3))
    )
    found = counter.count(BatchView({"x": view_of([None, 1, 2])}, "table"))
    assert found.groups == ((("first",), 1, (1,)), (("none",), 0, (0,)))


def test_polars_conditions():
    counter = MissingWhere(("x",), (("first", lambda t: pl.Series([True, None, False])),))
    assert counter.count(BatchView({"x": view_of([None, 1, 2])})).groups == ((("first",), 1, (1,)),)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (lambda t: t["absent"], "the condition of slice 's' raised TypeError"),
        (lambda t: [True], r"must return one bool per row, got 1 value for 3 rows$"),
        (lambda t: [0, 1, 0], "must return one bool per row, got list of int64 values$"),
        (lambda t: True, "must return one bool per row, got bool$"),
        (lambda t: "abc", "must return one bool per row, got str$"),
        (lambda t: np.ones((3, 1), bool), "must return one bool per row, got ndarray$"),
        (lambda t: pd.DataFrame({"x": [True, False, True]}), "one bool per row, got DataFrame"),
        (lambda t: None, "must return one bool per row, got NoneType$"),
    ],
)
def test_other_results_of_conditions_are_refused(condition, message):
    counter = MissingWhere(("x",), (("s", condition),))
    with pytest.raises(EvidenceError, match=message):
        counter.count(BatchView({"x": view_of([None, 1, 2])}, 5))
