"""Columns of numpy, pandas and polars, in every dtype they have."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlgates.errors import EvidenceError
from mlgates.tables.containers import from_numpy, from_pandas, from_polars, from_sequence

NAN = float("nan")
DAY = "2020-01-01"


def types_of(column):
    """Kind, delivered type, and the Arrow type of what is delivered."""
    return column.field.kind, column.field.type, str(column.array.type)


def cells_of(column):
    return column.array.to_pylist()


def category(values, **options):
    return pd.Series(pd.Categorical(values, **options))


# numpy


@pytest.mark.parametrize(
    "dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "<i4", ">i4", ">f8"]
)
def test_numpy_numbers(dtype):
    array = np.array([1, 2, 3], dtype=dtype)
    column = from_numpy("x", array)
    assert column.field.kind == ("float" if array.dtype.kind == "f" else "int")
    assert column.array.type == pa.from_numpy_dtype(array.dtype.newbyteorder("="))
    assert cells_of(column) == [1, 2, 3]


def test_numpy_floats_keep_nan_and_share_memory():
    array = np.array([1.5, NAN, np.inf])
    column = from_numpy("x", array)
    assert column.array.null_count == 0
    assert column.array.chunk(0).buffers()[1].address == array.ctypes.data


def test_numpy_half_floats_are_widened():
    column = from_numpy("x", np.array([1.5, NAN, 65504], dtype="f2"))
    assert types_of(column) == ("float", "halffloat", "float")
    assert column.array.null_count == 0
    assert cells_of(column)[::2] == [1.5, 65504.0]


def test_numpy_strides_and_order_do_not_matter():
    array = np.arange(10)
    assert cells_of(from_numpy("x", array[::-2])) == [9, 7, 5, 3, 1]


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        ("M8[Y]", ("date", "date32[day]", "date32[day]")),
        ("M8[M]", ("date", "date32[day]", "date32[day]")),
        ("M8[W]", ("date", "date32[day]", "date32[day]")),
        ("M8[D]", ("date", "date32[day]", "date32[day]")),
        ("M8[h]", ("timestamp", "timestamp[s]", "timestamp[s]")),
        ("M8[m]", ("timestamp", "timestamp[s]", "timestamp[s]")),
        ("M8[s]", ("timestamp", "timestamp[s]", "timestamp[s]")),
        ("M8[ms]", ("timestamp", "timestamp[ms]", "timestamp[ms]")),
        ("M8[ns]", ("timestamp", "timestamp[ns]", "timestamp[ns]")),
        (">M8[ns]", ("timestamp", "timestamp[ns]", "timestamp[ns]")),
        ("M8[25s]", ("timestamp", "timestamp[s]", "timestamp[s]")),
        ("m8[W]", ("duration", "duration[s]", "duration[s]")),
        ("m8[D]", ("duration", "duration[s]", "duration[s]")),
        ("m8[h]", ("duration", "duration[s]", "duration[s]")),
        ("m8[us]", ("duration", "duration[us]", "duration[us]")),
    ],
)
def test_numpy_times_of_every_unit(dtype, expected):
    array = np.array([1, "NaT"], dtype=dtype)
    column = from_numpy("x", array)
    assert types_of(column) == expected
    assert column.array.null_count == 1
    plain = column.array.chunk(0).to_numpy(zero_copy_only=False)
    assert plain[0] == array[0]


def test_numpy_days_as_durations_keep_their_length():
    column = from_numpy("x", np.array([2], dtype="m8[D]"))
    assert cells_of(column) == [dt.timedelta(days=2)]


@pytest.mark.parametrize(
    ("array", "label", "cells"),
    [
        (np.array([1j, complex(NAN)]), "complex128", ["complex128", None]),
        (np.array([1.5, NAN], dtype="g"), str(np.dtype("g")), ["longdouble", None]),
        (np.array([1, "NaT"], dtype="m8[M]"), "timedelta64[M]", ["timedelta64", None]),
        (np.array([1, "NaT"], dtype="M8[ps]"), "datetime64[ps]", ["datetime64", None]),
        (np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]), None, ["void"]),
        (np.array(["\ud800"]), "<U1", ["str_"]),
    ],
    ids=["complex", "longdouble", "months", "picoseconds", "structured", "surrogates"],
)
def test_numpy_dtypes_without_a_plain_form_are_unreadable(array, label, cells):
    column = from_numpy("x", array)
    label = label or str(array.dtype)
    assert types_of(column) == ("unreadable", label, "string")
    assert cells_of(column) == cells
    assert column.field.problem == (
        f"column 'x' has type {label}, which can't be read; "
        "convert it to numbers, strings, dates or timestamps"
    )


def test_numpy_texts_bytes_bools_and_objects():
    assert types_of(from_numpy("x", np.array(["nan", ""])))[0] == "string"
    assert from_numpy("x", np.array(["nan", ""])).array.null_count == 0
    assert types_of(from_numpy("x", np.array([b"a"])))[0] == "binary"
    assert types_of(from_numpy("x", np.array([True])))[0] == "bool"
    assert types_of(from_numpy("x", np.array(["a", None], dtype=object)))[0] == "string"
    assert types_of(from_numpy("x", np.array(["a", 1], dtype=object)))[1] == "mixed (int, str)"


@pytest.mark.skipif(not hasattr(np, "dtypes") or np.__version__ < "2", reason="numpy 2")
def test_numpy_variable_width_strings():
    array = np.array(["a", NAN], dtype=np.dtypes.StringDType(na_object=NAN))
    column = from_numpy("x", array)
    assert (column.field.kind, cells_of(column)) == ("string", ["a", None])


def test_masked_cells_are_null_and_nan_is_not():
    column = from_numpy("x", np.ma.array([1.0, NAN, 3.0], mask=[True, False, False]))
    assert column.array.null_count == 1
    assert cells_of(column)[0] is None
    assert cells_of(column)[2] == 3.0
    assert from_numpy("x", np.ma.array([1, 2])).array.null_count == 0
    objects = np.ma.array(["a", "b"], mask=[False, True], dtype=object)
    assert cells_of(from_numpy("x", objects)) == ["a", None]
    complexes = np.ma.array([1j, 2j, complex(NAN)], mask=[True, False, False])
    assert cells_of(from_numpy("x", complexes)) == [None, "complex128", None]


@pytest.mark.parametrize("shape", [(), (2, 1), (1, 1, 1)])
def test_numpy_column_has_one_dimension(shape):
    with pytest.raises(EvidenceError) as error:
        from_numpy("x", np.zeros(shape))
    assert str(error.value) == (f"column 'x' must have 1 dimension, got an array of shape {shape}")


# pandas


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint64", "float32", "float64", "bool"])
def test_pandas_numpy_dtypes_share_memory(dtype):
    series = pd.Series(np.array([1, 0, 1], dtype=dtype))
    column = from_pandas("x", series)
    assert (
        column.field.kind == {"i": "int", "u": "int", "f": "float", "b": "bool"}[series.dtype.kind]
    )
    assert cells_of(column) == [1, 0, 1]
    if dtype != "bool":
        address = column.array.chunk(0).buffers()[1].address
        assert address == series.to_numpy().ctypes.data


def test_pandas_floats_keep_nan():
    for dtype in ("float64", "float32", "float16"):
        assert from_pandas("x", pd.Series([1.0, NAN], dtype=dtype)).array.null_count == 0


@pytest.mark.parametrize(
    ("dtype", "cells", "kind"),
    [
        ("Int8", [1, None], "int"),
        ("UInt64", [2**64 - 1, None], "int"),
        ("Float32", [1.5, None], "float"),
        ("Float64", [1.5, None], "float"),
        ("boolean", [True, None], "bool"),
        ("string", ["a", None], "string"),
        ("string[python]", ["a", None], "string"),
        ("string[pyarrow]", ["a", None], "string"),
        ("str", ["a", None], "string"),
    ],
)
def test_pandas_nullable_dtypes(dtype, cells, kind):
    if dtype == "str" and pd.__version__ < "3":
        pytest.skip('before pandas 3 "str" is object, with the text "None"')
    column = from_pandas("x", pd.Series(cells, dtype=dtype))
    assert (column.field.kind, column.field.encoded) == (kind, False)
    assert cells_of(column) == cells


@pytest.mark.parametrize(
    ("arrow_type", "cells", "kind", "plain"),
    [
        (pa.int32(), [1, None], "int", pa.int32()),
        (pa.string(), ["a", None], "string", pa.string()),
        (pa.string_view(), ["a", None], "string", pa.large_string()),
        (pa.date32(), [dt.date(2020, 1, 1), None], "date", pa.date32()),
        (pa.decimal128(5, 2), [Decimal("1.50"), None], "decimal", pa.decimal128(5, 2)),
        (pa.list_(pa.int8()), [[1], None], "nested", pa.list_(pa.int8())),
        (pa.null(), [None, None], "null", pa.null()),
    ],
    ids=str,
)
def test_pandas_arrow_dtypes(arrow_type, cells, kind, plain):
    array = pa.chunked_array([pa.array(cells[:1], arrow_type), pa.array(cells[1:], arrow_type)])
    column = from_pandas("x", pd.Series(pd.arrays.ArrowExtensionArray(array)))
    assert (column.field.kind, column.field.type) == (kind, str(arrow_type))
    assert column.array.type == plain
    assert cells_of(column) == cells


def test_pandas_arrow_floats_keep_null_and_nan_apart():
    array = pa.array([1.5, NAN, None])
    column = from_pandas("x", pd.Series(pd.arrays.ArrowExtensionArray(array)))
    assert column.array.null_count == 1


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_pandas_timestamps(unit, zone):
    series = pd.Series(np.array([DAY, "NaT"], dtype=f"M8[{unit}]")).dt.tz_localize(zone)
    column = from_pandas("x", series)
    assert (column.field.kind, column.field.unit, column.field.zone) == ("timestamp", unit, zone)
    assert column.array.null_count == 1
    assert column.array[0].value == series[0].as_unit(unit)._value


def test_pandas_timestamps_beyond_nanoseconds():
    series = pd.Series(np.array(["0001-01-01", "9999-12-31"], dtype="M8[s]"))
    assert cells_of(from_pandas("x", series)) == [dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_pandas_durations(unit):
    column = from_pandas("x", pd.Series(np.array([1, "NaT"], dtype=f"m8[{unit}]")))
    assert (column.field.kind, column.field.unit) == ("duration", unit)
    assert column.array.null_count == 1


@pytest.mark.parametrize(
    ("series", "label", "cell"),
    [
        (pd.Series(pd.PeriodIndex([DAY, None], freq="D")), "period[D]", "Period"),
        (
            pd.Series(pd.arrays.IntervalArray.from_tuples([(0, 1), None])),
            "interval[float64, right]",
            "Interval",
        ),
        (pd.Series([1j, complex(NAN)]), "complex128", "complex128"),
    ],
    ids=["period", "interval", "complex"],
)
def test_pandas_dtypes_without_a_plain_form_are_unreadable(series, label, cell):
    column = from_pandas("x", series)
    assert types_of(column) == ("unreadable", label, "string")
    assert cells_of(column) == [cell, None]
    assert column.field.problem == (
        f"column 'x' has type {label}, which can't be read; "
        "convert it to numbers, strings, dates or timestamps"
    )


def test_pandas_sparse_columns_are_made_dense():
    floats = from_pandas("x", pd.Series(pd.arrays.SparseArray([1.5, NAN, NAN])))
    assert floats.field.kind == "float"
    assert len(floats.array) == 3
    assert floats.array.null_count == 0
    ints = from_pandas("x", pd.Series(pd.arrays.SparseArray([0, 0, 7])))
    assert (ints.field.kind, cells_of(ints)) == ("int", [0, 0, 7])


def test_pandas_objects_are_read_by_their_types():
    column = from_pandas("x", pd.Series(["a", None, NAN, pd.NA, pd.NaT], dtype=object))
    assert (column.field.kind, cells_of(column)) == ("string", ["a", None, None, None, None])
    assert from_pandas("x", pd.Series([NAN, None], dtype=object)).field.kind == "null"
    assert from_pandas("x", pd.Series([], dtype=object)).field.kind == "null"
    assert from_pandas("x", pd.Series([1, "a"], dtype=object)).field.kind == "unreadable"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["b", "a", None], "string"),
        ([2, 1, None], "int"),
        ([1.5, 2.5, None], "float"),
        ([True, False, None], "bool"),
        ([dt.date(2020, 1, 1), None], "date"),
        ([Decimal("1.5"), None], "decimal"),
    ],
    ids=["string", "int", "float", "bool", "date", "decimal"],
)
def test_pandas_categories_have_the_kind_of_their_values(values, kind):
    column = from_pandas("x", category(values))
    assert (column.field.kind, column.field.encoded) == (kind, True)
    assert pa.types.is_dictionary(column.array.type)
    assert cells_of(column) == values


def test_pandas_categories_keep_order_and_unused_ones():
    column = from_pandas("x", category(["a"], categories=["b", "a", "c"], ordered=True))
    assert column.array.type.ordered
    assert column.array.chunk(0).dictionary.to_pylist() == ["b", "a", "c"]
    assert cells_of(column) == ["a"]


def test_pandas_timestamps_as_categories():
    stamps = pd.to_datetime([DAY, "2021-01-01"]).tz_localize("UTC")
    field = from_pandas("x", category(stamps)).field
    assert (field.kind, field.zone, field.encoded) == ("timestamp", "UTC", True)


@pytest.mark.parametrize("values", [[], [None, None]])
def test_pandas_categories_of_nothing_are_null(values):
    column = from_pandas("x", category(values))
    assert (column.field.kind, column.field.encoded) == ("null", True)
    assert column.array.null_count == len(values)


@pytest.mark.parametrize(
    ("values", "label", "cells"),
    [
        ([1, "a", None], "category of mixed (int, str)", ["int", "str", None]),
        ([True, "a", None], "category of mixed (bool, str)", ["bool", "str", None]),
        ([pd.Period(DAY, "D"), None], "category of period[D]", ["Period", None]),
    ],
    ids=["mixed", "bools", "periods"],
)
def test_pandas_categories_that_cannot_be_read(values, label, cells):
    column = from_pandas("x", category(values))
    assert types_of(column) == ("unreadable", label, "string")
    assert cells_of(column) == cells
    assert column.field.problem.startswith("column 'x' ")


def test_pandas_categories_that_are_cut_into_intervals_are_unreadable():
    column = from_pandas("x", pd.cut(pd.Series([1, 2, NAN]), 2))
    assert types_of(column) == ("unreadable", "category of interval[float64, right]", "string")
    assert cells_of(column) == ["Interval", "Interval", None]


def test_pandas_extension_arrays_that_arrow_does_not_know_are_unreadable():
    class Metres(pd.api.extensions.ExtensionDtype):
        name = "metres"
        type = float

        @classmethod
        def construct_array_type(cls):
            return MetresArray

    class MetresArray(pd.api.extensions.ExtensionArray):
        dtype = Metres()

        def __init__(self, values):
            self.values = np.asarray(values, dtype=float)

        def __len__(self):
            return len(self.values)

        def __getitem__(self, item):
            return self.values[item] if np.isscalar(item) else MetresArray(self.values[item])

        def __arrow_array__(self, type=None):  # noqa: A002
            raise NotImplementedError

        def isna(self):
            return np.isnan(self.values)

        def copy(self):
            return self

    column = from_pandas("x", pd.Series(MetresArray([1, NAN])))
    assert types_of(column) == ("unreadable", "metres", "string")
    assert cells_of(column) == ["float", None]


# polars

INT128 = ([1, None], [2**63, None], [2**100, None], [2**127 - 1, -(2**127)], [None, None])
POLARS = [
    (pl.Int8, [1, None], "int", "int8"),
    (pl.UInt64, [2**64 - 1, None], "int", "uint64"),
    (pl.Float32, [1.5, None], "float", "float"),
    (pl.Float64, [1.5, None], "float", "double"),
    (pl.Boolean, [True, None], "bool", "bool"),
    (pl.String, ["a", None], "string", "large_string"),
    (pl.Binary, [b"a", None], "binary", "large_binary"),
    (pl.Date, [dt.date(2020, 1, 1), None], "date", "date32[day]"),
    (pl.Time, [dt.time(1), None], "time", "time64[ns]"),
    (pl.Datetime("us"), [dt.datetime(2020, 1, 1), None], "timestamp", "timestamp[us]"),
    (pl.Duration("ms"), [dt.timedelta(1), None], "duration", "duration[ms]"),
    (pl.Decimal(10, 1), [Decimal("1.5"), None], "decimal", "decimal128(10, 1)"),
    (pl.List(pl.Int64), [[1], None], "nested", "large_list<item: int64>"),
    (pl.Array(pl.Int8, 1), [[1], None], "nested", None),
    (pl.Struct({"a": pl.Int8}), [{"a": 1}, None], "nested", "struct<a: int8>"),
    (pl.Null, [None, None], "null", "null"),
    *((pl.Int128, cells, "int", "decimal256(76, 0)") for cells in INT128),
    (pl.Decimal(10, 0), [Decimal(2), None], "int", "decimal128(10, 0)"),
]


@pytest.mark.parametrize(("dtype", "cells", "kind", "plain"), POLARS)
def test_polars_dtypes(dtype, cells, kind, plain):
    column = from_polars("x", pl.Series(cells, dtype=dtype))
    assert (column.field.kind, column.field.encoded) == (kind, False)
    assert str(column.array.type) == (plain or str(column.array.type))
    assert cells_of(column) == cells


def test_polars_floats_keep_null_and_nan_apart():
    assert from_polars("x", pl.Series([1.5, NAN, None])).array.null_count == 1


def test_polars_zones():
    series = pl.Series([dt.datetime(2020, 1, 1), None]).dt.replace_time_zone("Europe/Berlin")
    field = from_polars("x", series).field
    assert (field.kind, field.unit, field.zone) == ("timestamp", "us", "Europe/Berlin")


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["b", "a"])], ids=["Cat", "Enum"])
def test_polars_categories(dtype):
    column = from_polars("x", pl.Series(["a", None, "b"], dtype=dtype))
    assert (column.field.kind, column.field.encoded) == ("string", True)
    assert column.array.type.value_type == pa.large_string()
    assert cells_of(column) == ["a", None, "b"]


def test_polars_objects_are_read_by_their_types_never_as_addresses():
    mixed = from_polars("x", pl.Series([1, "a", None], dtype=pl.Object))
    assert types_of(mixed) == ("unreadable", "mixed (int, str)", "string")
    assert cells_of(mixed) == ["int", "str", None]
    sets = from_polars("x", pl.Series([{1}, None], dtype=pl.Object))
    assert (sets.field.type, cells_of(sets)) == ("set", ["set", None])


def test_polars_texts_in_several_chunks():
    series = pl.concat([pl.Series(["a"]), pl.Series([None, "b"])], rechunk=False)
    assert cells_of(from_polars("x", series)) == ["a", None, "b"]


# columns of a dict


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        (1, 2),
        range(1, 3),
        np.array([1, 2]),
        pd.Series([1, 2], index=[5, 5]),
        pd.Index([1, 2]),
        pd.array([1, 2]),
        pl.Series([1, 2]),
        pa.array([1, 2]),
        pa.chunked_array([[1], [2]]),
    ],
    ids=lambda v: f"{type(v).__module__}.{type(v).__name__}",
)
def test_columns_of_every_sequence(values):
    column = from_sequence("x", values)
    assert types_of(column) == ("int", "int64", "int64")
    assert cells_of(column) == [1, 2]


def test_categorical_is_a_column():
    column = from_sequence("x", pd.Categorical(["a", None]))
    assert (column.field.kind, column.field.encoded) == ("string", True)


def test_array_that_exports_itself_is_a_column():
    class Exporter:
        def __arrow_c_array__(self, requested_schema=None):
            return pa.array([1, None]).__arrow_c_array__(requested_schema)

    assert cells_of(from_sequence("x", Exporter())) == [1, None]


@pytest.mark.parametrize(
    ("values", "name"),
    [("abc", "str"), (b"abc", "bytes"), (1, "int"), (None, "NoneType"), ({1, 2}, "set")],
)
def test_other_values_are_no_columns(values, name):
    with pytest.raises(EvidenceError) as error:
        from_sequence("x", values)
    assert str(error.value) == (
        "column 'x' must be a 1-D array, a Series, an Arrow array, a list, a tuple or a range, "
        f"got {name}"
    )
