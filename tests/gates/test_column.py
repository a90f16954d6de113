"""The options of `Column`, and the types that each family accepts."""

import datetime as dt
import math
import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.tables.field import field_of

UTC = dt.UTC
KNOWN = (
    "Column: `dtype` must be one of 'int', 'float', 'number', 'bool', 'string', 'category', "
    "'date', 'timestamp', 'any' or the name of an Arrow type, got "
)

TYPES = {
    "int8": pa.int8(),
    "int64": pa.int64(),
    "uint64": pa.uint64(),
    "halffloat": pa.float16(),
    "float": pa.float32(),
    "double": pa.float64(),
    "decimal128(10, 2)": pa.decimal128(10, 2),
    "bool": pa.bool_(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "dictionary<string>": pa.dictionary(pa.int8(), pa.string()),
    "dictionary<int64>": pa.dictionary(pa.int8(), pa.int64()),
    "date32": pa.date32(),
    "date64": pa.date64(),
    "timestamp[ns]": pa.timestamp("ns"),
    "timestamp[us, tz=UTC]": pa.timestamp("us", "UTC"),
    "time64": pa.time64("us"),
    "duration": pa.duration("s"),
    "binary": pa.binary(),
    "list": pa.list_(pa.int64()),
    "struct": pa.struct([("a", pa.int64())]),
    "null": pa.null(),
}
ACCEPTED = {
    "int": {"int8", "int64", "uint64"},
    "float": {"halffloat", "float", "double"},
    "number": {
        "int8",
        "int64",
        "uint64",
        "halffloat",
        "float",
        "double",
        "decimal128(10, 2)",
    },
    "bool": {"bool"},
    "string": {"string", "large_string", "string_view", "dictionary<string>"},
    "category": {"dictionary<string>", "dictionary<int64>"},
    "date": {"date32", "date64"},
    "timestamp": {"timestamp[ns]", "timestamp[us, tz=UTC]"},
    "any": set(TYPES),
}


def test_table_of_families_is_complete():
    listed = KNOWN.partition(" or the name")[0]
    assert sorted(re.findall(r"'(\w+)'", listed)) == sorted(ACCEPTED)


@pytest.mark.parametrize("family", ACCEPTED)
@pytest.mark.parametrize("name", TYPES)
def test_family_accepts_its_kinds_and_no_others(family, name):
    found = field_of("x", TYPES[name])
    # a dictionary of integers holds integers too
    expected = name in ACCEPTED[family] or (
        name == "dictionary<int64>" and family in ("int", "number")
    )
    assert mg.Column(family).accepts(found) is expected


@pytest.mark.parametrize(
    ("declared", "arrow"),
    [
        ("int64", pa.int64()),
        ("float64", pa.float64()),
        ("double", pa.float64()),
        ("float32", pa.float32()),
        ("float16", pa.float16()),
        ("large_string", pa.large_string()),
        ("date32", pa.date32()),
        ("timestamp[us]", pa.timestamp("us")),
        ("timestamp[us, tz=UTC]", pa.timestamp("us", "UTC")),
        ("timestamp[ns, tz=Europe/Berlin]", pa.timestamp("ns", "Europe/Berlin")),
        ("decimal128(10, 2)", pa.decimal128(10, 2)),
        ("decimal128(10,2)", pa.decimal128(10, 2)),
        ("list<item: int64>", pa.list_(pa.int64())),
        ("fixed_size_list<item: int64>[3]", pa.list_(pa.int64(), 3)),
        ("fixed_size_binary[4]", pa.binary(4)),
    ],
)
def test_name_of_an_arrow_type_is_exact(declared, arrow):
    column = mg.Column(declared)
    assert column.accepts(field_of("x", arrow))
    others = [other for other in TYPES.values() if other != arrow]
    assert not any(column.accepts(field_of("x", other)) for other in others)


@pytest.mark.parametrize("arrow", [t for t in TYPES.values() if t != pa.null()], ids=str)
def test_arrow_type_itself_is_exact_and_kept_as_its_name(arrow):
    column = mg.Column(arrow)
    assert isinstance(column.dtype, str)
    assert column.accepts(field_of("x", arrow))
    assert eval(repr(column), {"Column": mg.Column}) == column  # noqa: S307
    assert sum(column.accepts(field_of("x", other)) for other in TYPES.values()) == 1


def test_arrow_float_is_not_the_family():
    assert mg.Column(pa.float32()).dtype == "float32"
    assert mg.Column(pa.string()).dtype == "utf8"
    assert not mg.Column(pa.float32()).accepts(field_of("x", pa.float64()))
    assert mg.Column("float").accepts(field_of("x", pa.float64()))


@pytest.mark.parametrize(
    ("dtype", "hint"),
    [
        ("flaot", "; did you mean 'float'"),
        ("integer", "; did you mean 'int'?"),
        ("str", "; did you mean 'string'?"),
        ("object", "; did you mean 'string'?"),
        ("datetime64[ns]", "; did you mean 'timestamp'?"),
        ("timestamp_us", "; did you mean 'timestamp'?"),
        ("decimal", ""),
        ("list", ""),
        ("", ""),
        (int, ""),
        (None, ""),
        (np.dtype("int64"), ""),
    ],
)
def test_unknown_type_is_refused_with_a_suggestion(dtype, hint):
    with pytest.raises(mg.OptionError) as caught:
        mg.Column(dtype)
    assert str(caught.value).startswith(f"{KNOWN}{dtype!r}")
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("dtype", "options", "message"),
    [
        ("int", {"at_least": "0"}, "`at_least` must be a finite number, got '0'"),
        ("int", {"at_least": True}, "`at_least` must be a finite number, got True"),
        ("int", {"at_most": math.nan}, "`at_most` must be a finite number, got nan"),
        ("float", {"at_most": math.inf}, "`at_most` must be a finite number, got inf"),
        (
            "number",
            {"at_most": Decimal("NaN")},
            "`at_most` must be a finite number, got Decimal('NaN')",
        ),
        ("string", {"at_least": 1}, "`at_least` must be left out for type 'string', got 1"),
        ("bool", {"at_least": 0}, "`at_least` must be left out for type 'bool', got 0"),
        (
            "int",
            {"at_least": dt.date(2020, 1, 1)},
            (
                "`at_least` must be a bound that fits type 'int', got datetime.date(2020, 1, 1); "
                "this bound fits columns of type 'date'"
            ),
        ),
        (
            "date",
            {"at_most": dt.datetime(2020, 1, 1)},
            (
                "`at_most` must be a bound that fits type 'date', got "
                "datetime.datetime(2020, 1, 1, 0, 0); this bound fits columns of type 'timestamp'"
            ),
        ),
        (
            "int",
            {"at_least": 2, "at_most": 1},
            "`at_least` must not be greater than `at_most`, got 2 and 1",
        ),
        (
            "timestamp",
            {"at_least": dt.datetime(2020, 1, 1), "at_most": dt.datetime(2021, 1, 1, tzinfo=UTC)},
            (
                "`at_least` must not be greater than `at_most`, got "
                "datetime.datetime(2020, 1, 1, 0, 0) and "
                "datetime.datetime(2021, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)"
            ),
        ),
        ("string", {"isin": "abc"}, "`isin` must be a non-empty sequence of values, got 'abc'"),
        ("string", {"isin": []}, "`isin` must be a non-empty sequence of values, got []"),
        ("string", {"isin": {"a": 1}}, "`isin` must be a non-empty sequence of values"),
        ("string", {"isin": [1]}, "`isin` must be values of type 'string', got [1]"),
        ("int", {"isin": ["1"]}, "`isin` must be values of type 'int', got ['1']"),
        ("uint8", {"isin": ["1"]}, "`isin` must be values of type 'uint8', got ['1']"),
        ("int", {"isin": [True]}, "`isin` must be values of type 'int', got [True]"),
        ("bool", {"isin": [1]}, "`isin` must be values of type 'bool', got [1]"),
        ("date", {"isin": ["2020-01-01"]}, "`isin` must be values of type 'date'"),
        ("date", {"isin": [dt.datetime(2020, 1, 1)]}, "`isin` must be values of type 'date'"),
        ("timestamp", {"isin": [dt.date(2020, 1, 1)]}, "`isin` must be values of type 'timestamp'"),
        (
            "float",
            {"isin": [1.0, None]},
            (
                "each value of `isin` must be a finite number, string, bool, date or datetime, got "
                "None; null and NaN always count as missing"
            ),
        ),
        ("any", {"isin": [[1]]}, "each value of `isin` must be a finite number, string"),
        ("int", {"matches": "a"}, "`matches` must be left out for type 'int', got 'a'"),
        ("string", {"matches": 7}, "`matches` must be a string, got 7"),
        (
            "string",
            {"matches": "(a"},
            "`matches` must be a regular expression, got '(a'; missing )",
        ),
        ("string", {"matches": "a" * 10_001}, f"got '{'a' * 40}...'"),
        ("int", {"required": 1}, "`required` must be True or False, got 1"),
        ("int", {"nullable": "no"}, "`nullable` must be True or False, got 'no'"),
        ("int", {"unique": None}, "`unique` must be True or False, got None"),
        ("int", {"allow_inf": 0}, "`allow_inf` must be True or False, got 0"),
        (
            "int",
            {"max_invalid": 5},
            (
                "`max_invalid` must be between 0 and 1, got 5; shares are not percentages"
                ": write 0.05"
            ),
        ),
        (
            "int",
            {"max_invalid": -0.1},
            "`max_invalid` must be a finite number of at least 0 and at",
        ),
        ("int", {"max_invalid": True}, "`max_invalid` must be a finite number"),
    ],
)
def test_bad_option_is_refused(dtype, options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Column(dtype, **options)
    assert str(caught.value).startswith("Column: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("pattern", ["a{99999999999}", "(?P<a>x)(?P<a>y)"])
def test_pattern_that_python_can_not_compile_is_refused(pattern):
    with pytest.raises(mg.OptionError, match="`matches` must be a regular expression"):
        mg.Column("string", matches=pattern)


def test_options_are_converted_to_plain_values():
    column = mg.Column("int", at_least=np.int8(1), at_most=np.float64(2.5), isin=np.array([1, 2]))
    assert (column.at_least, column.at_most, column.isin) == (1, 2.5, (1, 2))
    assert type(column.at_least) is int
    assert type(column.at_most) is float
    assert repr(column) == "Column('int', at_least=1, at_most=2.5, isin=(1, 2))"


def test_set_is_ordered_and_without_repetitions():
    assert mg.Column("string", isin={"b", "c", "a"}).isin == ("a", "b", "c")
    assert mg.Column("string", isin=["b", "a", "b"]).isin == ("b", "a")
    assert mg.Column("string", isin=(c for c in "ab")).isin == ("a", "b")


def test_true_is_not_one():
    assert mg.Column("any", isin=[1, True, 1.0, 0]).isin == (1, True, 0)


def test_decimal_bound_is_kept_exactly():
    assert mg.Column("number", at_most=Decimal("0.1")).at_most == Decimal("0.1")


@pytest.mark.parametrize(
    "column",
    [
        mg.Column("int"),
        mg.Column("float", at_least=0.5, nullable=True, max_invalid=0.01, allow_inf=True),
        mg.Column("string", isin=["a"], matches="[a-z]+", unique=True, required=False),
        mg.Column("date", at_least=dt.date(2020, 1, 1)),
        mg.Column("timestamp[us, tz=UTC]", at_most=dt.datetime(2020, 1, 1, tzinfo=UTC)),
        mg.Column("number", at_most=Decimal("1.10")),
    ],
    ids=repr,
)
def test_repr_can_be_evaluated(column):
    names = {"Column": mg.Column, "datetime": dt, "Decimal": Decimal}
    again = eval(repr(column), names)  # noqa: S307
    assert again == column
    assert hash(again) == hash(column)
    assert repr(again) == repr(column)
