"""Arrow types: their names, and their conversion to plain types."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlgates.tables.field import Field, field_of, from_arrow
from mlgates.tables.source import as_source

PLAIN = [
    (pa.array([1, None], pa.int8()), "int", "int8", "int8"),
    (pa.array([1, None], pa.uint64()), "int", "uint64", "uint64"),
    (pa.array([1.5, None], pa.float32()), "float", "float", "float"),
    (pa.array([1.5, None]), "float", "double", "double"),
    (pa.array([True, None]), "bool", "bool", "bool"),
    (pa.array(["a", None]), "string", "string", "string"),
    (pa.array(["a", None], pa.large_string()), "string", "large_string", "large_string"),
    (pa.array([b"a", None]), "binary", "binary", "binary"),
    (pa.array([b"ab", None], pa.binary(2)), "binary", "fixed_size_binary[2]", None),
    (pa.array([Decimal("1.5"), None]), "decimal", "decimal128(2, 1)", None),
    (pa.array([Decimal("1.5"), None], pa.decimal256(50, 1)), "decimal", "decimal256(50, 1)", None),
    (pa.array([dt.date(2020, 1, 1), None]), "date", "date32[day]", None),
    (pa.array([dt.time(1), None]), "time", "time64[us]", None),
    (pa.array([dt.datetime(2020, 1, 1), None]), "timestamp", "timestamp[us]", None),
    (pa.array([dt.timedelta(1), None]), "duration", "duration[us]", None),
    (pa.array([[1], None]), "nested", "list<item: int64>", None),
    (pa.array([{"a": 1}, None]), "nested", "struct<a: int64>", None),
    (pa.array([None, None]), "null", "null", "null"),
]
NORMALISED = [
    (pa.array(["a", None], pa.string_view()), "string", "string_view", pa.large_string()),
    (pa.array([b"a", None], pa.binary_view()), "binary", "binary_view", pa.large_binary()),
    (pa.array(np.array([1.5, 2], "f2")), "float", "halffloat", pa.float32()),
    (pa.array([dt.date(2020, 1, 1), None], pa.date64()), "date", "date64[ms]", pa.date32()),
    (
        pc.run_end_encode(pa.array([1, 1, None])),
        "int",
        "run_end_encoded<run_ends: int32, values: int64>",
        pa.int64(),
    ),
    (
        pa.array([True, None]).cast(pa.int8()).cast(pa.bool8()),
        "bool",
        "extension<arrow.bool8>",
        pa.bool_(),
    ),
    (
        pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16, None], pa.binary(16))),
        "binary",
        "extension<arrow.uuid>",
        pa.binary(16),
    ),
    (
        pa.DictionaryArray.from_arrays(
            pa.array([0, None], pa.int8()), pa.array(["a"], pa.string_view())
        ),
        "string",
        "dictionary<values=string_view, indices=int8, ordered=0>",
        pa.dictionary(pa.int8(), pa.large_string()),
    ),
]


@pytest.mark.parametrize(("array", "kind", "name", "plain"), PLAIN)
def test_plain_arrays_are_unchanged(array, kind, name, plain):
    column = from_arrow("x", array)
    assert (column.field.name, column.field.kind, column.field.type) == ("x", kind, name)
    assert column.field.problem is None
    assert column.array.type == (array.type if plain is None else column.array.type)
    assert column.array.to_pylist() == array.to_pylist()


@pytest.mark.parametrize(("array", "kind", "name", "plain"), NORMALISED)
@pytest.mark.parametrize("cut", [slice(None), slice(1, None), slice(0, 0)])
def test_slices_of_other_arrays_are_made_plain(array, kind, name, plain, cut):
    array = array[cut]
    field, (values, _) = from_arrow("x", array).field, from_arrow("x", array)
    assert (field.kind, field.type) == (kind, name)
    assert values.type == plain
    expected = array.storage if isinstance(array.type, pa.BaseExtensionType) else array
    assert values.to_pylist() == expected.to_pylist()


@pytest.mark.parametrize(
    ("arrow_type", "name"),
    [
        (pa.float64(), "float64 (Arrow double)"),
        (pa.float32(), "float32 (Arrow float)"),
        (pa.float16(), "float16 (Arrow halffloat)"),
        (pa.int8(), "int8"),
        (pa.string(), "string"),
        (pa.large_string(), "string (Arrow large_string)"),
        (pa.date32(), "date (Arrow date32[day])"),
        (pa.timestamp("us", "UTC"), "timestamp[us, tz=UTC]"),
        (pa.decimal128(5, 2), "decimal128(5, 2)"),
        (pa.dictionary(pa.int8(), pa.string()), "category of string"),
        (pa.dictionary(pa.int8(), pa.float64(), ordered=True), "category of float64"),
        (pa.list_(pa.int64()), "list<item: int64>"),
    ],
    ids=str,
)
def test_types_have_the_names_that_users_write(arrow_type, name):
    assert field_of("x", arrow_type).type_name == name


def test_memory_of_plain_arrays_is_shared():
    array = pa.array(np.arange(10.0))
    assert from_arrow("x", array).array.chunk(0).buffers()[1].address == array.buffers()[1].address


@pytest.mark.parametrize(
    ("arrow_type", "unit", "zone"),
    [
        (pa.timestamp("s"), "s", None),
        (pa.timestamp("ns", "Europe/Berlin"), "ns", "Europe/Berlin"),
        (pa.duration("ms"), "ms", None),
        (pa.time32("s"), "s", None),
        (pa.time64("ns"), "ns", None),
        (pa.date32(), None, None),
        (pa.int64(), None, None),
        (pa.dictionary(pa.int8(), pa.timestamp("us", "UTC")), "us", "UTC"),
    ],
    ids=str,
)
def test_fields_name_unit_and_zone(arrow_type, unit, zone):
    field = field_of("t", arrow_type)
    assert (field.unit, field.zone) == (unit, zone)


def test_fields_are_frozen_values():
    field = Field("x", "int", "int64")
    assert field == Field("x", "int", "int64")
    assert hash(field) == hash(Field("x", "int", "int64"))
    with pytest.raises(AttributeError):
        field.kind = "float"


def test_dictionaries_may_differ_from_chunk_to_chunk():
    first = pa.array(["a", "b"]).dictionary_encode()
    second = pa.array(["b", "c", None]).dictionary_encode()
    column = from_arrow("x", pa.chunked_array([first, second]))
    assert column.field == Field(
        "x", "string", "dictionary<values=string, indices=int32, ordered=0>", encoded=True
    )
    assert column.array.to_pylist() == ["a", "b", "b", "c", None]


def test_null_inside_a_dictionary_becomes_a_missing_cell():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["a", None]))
    assert array.null_count == 1
    values, field = from_arrow("x", array)
    assert (values.null_count, field.encoded) == (2, True)
    assert values.to_pylist() == ["a", None, None, "a"]


def test_null_inside_the_dictionary_of_one_chunk_keeps_the_type_of_all():
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int8()), pa.array(["a", None])),
        pa.DictionaryArray.from_arrays(pa.array([0], pa.int8()), pa.array(["b"]), ordered=False),
    ]
    values, _ = from_arrow("x", pa.chunked_array(chunks))
    assert values.to_pylist() == ["a", None, "b"]


def test_dictionary_without_values_is_null():
    array = pa.DictionaryArray.from_arrays(pa.nulls(2, pa.int8()), pa.nulls(0))
    values, field = from_arrow("x", array)
    assert (field.kind, field.encoded) == ("null", True)
    assert values.null_count == 2


def test_run_ends_of_several_chunks_and_of_views_are_decoded():
    views = pa.RunEndEncodedArray.from_arrays(
        pa.array([2, 3, 6], pa.int32()), pa.array(["a", None, "b"], pa.string_view())
    )
    chunked = pa.chunked_array([views, views[1:4]])
    values, field = from_arrow("x", chunked)
    assert values.to_pylist() == ["a", "a", None, "b", "b", "b", "a", None, "b"]
    assert field.kind == "string"
    assert values.type == pa.large_string()


def test_run_ends_of_dictionaries_are_decoded():
    array = pa.RunEndEncodedArray.from_arrays(
        pa.array([2, 3], pa.int32()), pa.array(["a", "b"]).dictionary_encode()
    )
    values, field = from_arrow("x", array)
    assert values.to_pylist() == ["a", "a", "b"]
    assert (field.kind, field.encoded) == ("string", True)


class Celsius(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.float16(), "test.celsius")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls()


def test_storage_of_a_users_own_extension_type_is_read():
    storage = pa.array(np.array([20.5, 21], "f2"))
    values, field = from_arrow("x", pa.ExtensionArray.from_storage(Celsius(), storage))
    assert (field.kind, values.type) == ("float", pa.float32())
    assert values.to_pylist() == [20.5, 21.0]


def test_opaque_extension_types_are_unreadable():
    opaque = pa.opaque(pa.int64(), "geometry", "PostGIS")
    values, field = from_arrow("x", pa.ExtensionArray.from_storage(opaque, pa.array([1, None])))
    assert (field.kind, field.type) == ("unreadable", "arrow.opaque")
    assert values.to_pylist() == ["arrow.opaque", None]


def test_periods_are_unreadable_even_where_their_type_is_not_registered():
    field = pa.field("x", pa.int64(), metadata={"ARROW:extension:name": "pandas.period"})
    source = as_source(pa.table([pa.array([600, None])], schema=pa.schema([field])))
    assert source.schema["x"].kind == "unreadable"
    (batch,) = source.batches()
    assert batch.column("x").to_pylist() == ["pandas.period", None]


def test_calendar_intervals_are_unreadable():
    field = from_arrow("x", pa.array([(1, 2, 3), None], pa.month_day_nano_interval())).field
    assert field.problem == (
        "column 'x' has type month_day_nano_interval, which can't be read; "
        "convert it to numbers, strings, dates or timestamps"
    )


def test_narrow_decimals_are_widened():
    if not hasattr(pa, "decimal32"):
        pytest.skip("this pyarrow has no narrow decimals")
    values, field = from_arrow("x", pa.array([Decimal("1.5")], pa.decimal32(4, 1)))
    assert (field.type, values.type) == ("decimal32(4, 1)", pa.decimal128(4, 1))
    assert values.to_pylist() == [Decimal("1.5")]


def test_column_without_chunks_keeps_its_kind():
    values, field = from_arrow("x", pa.chunked_array([], pa.string_view()))
    assert (len(values), values.type, field.kind) == (0, pa.large_string(), "string")
