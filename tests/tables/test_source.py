"""The same table from every container, and every error of a whole table."""

import datetime as dt
import math
import types

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.dataset import dataset
from scipy.sparse import csr_matrix

from mlgates.errors import EvidenceError
from mlgates.tables.field import Field
from mlgates.tables.source import Source, as_source

NAN = float("nan")
ACCEPTED = (
    "a table is a pandas, polars or Spark DataFrame, a polars LazyFrame, a DuckDB relation, an "
    "Arrow table, batch or stream, a dict of columns, a list of dicts, a 2-D numpy array, the path "
    "of a Parquet or CSV file or of a folder of these, or a list of paths"
)
COLUMNS = {
    "i": [1, 2, 3],
    "f": [1.5, None, -2.0],
    "b": [True, False, True],
    "s": ["a", None, ""],
    "d": [dt.date(2020, 1, 1), None, dt.date(1960, 1, 1)],
    "t": [dt.datetime(2020, 1, 1), None, dt.datetime(1960, 1, 1)],
    "z": [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), None, dt.datetime(1960, 1, 1, tzinfo=dt.UTC)],
    "e": [None, None, None],
}
KINDS = {
    "i": "int",
    "f": "float",
    "b": "bool",
    "s": "string",
    "d": "date",
    "t": "timestamp",
    "z": "timestamp",
    "e": "null",
}


class Exporter:
    """An object that only has a method to export an Arrow stream."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def in_arrow():
    return pa.table(COLUMNS)


def in_chunks():
    table = in_arrow()
    return pa.concat_tables([table.slice(0, 1), table.slice(1)])


def in_numpy():
    return {
        "i": np.array([1, 2, 3]),
        "f": np.array([1.5, NAN, -2.0]),
        "b": np.array([True, False, True]),
        "s": np.array(["a", None, ""], dtype=object),
        "d": np.array(["2020-01-01", "NaT", "1960-01-01"], dtype="M8[D]"),
        "t": np.array(["2020-01-01", "NaT", "1960-01-01"], dtype="M8[us]"),
        "z": np.array(COLUMNS["z"], dtype=object),
        "e": np.array([None] * 3, dtype=object),
    }


CONTAINERS = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "pandas objects": lambda: pd.DataFrame(COLUMNS, dtype=object),
    "pandas nullable": lambda: pd.DataFrame(COLUMNS).astype(
        {"i": "Int64", "f": "Float64", "b": "boolean", "s": "string"}
    ),
    "pandas arrow": lambda: in_arrow().to_pandas(types_mapper=pd.ArrowDtype),
    "pandas with an index": lambda: pd.DataFrame(COLUMNS, index=pd.Index([7, 7, 8], name="id")),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "table": in_arrow,
    "chunked table": in_chunks,
    "record batch": lambda: in_arrow().to_batches()[0],
    "reader": lambda: in_arrow().to_reader(max_chunksize=2),
    "capsule": lambda: Exporter(in_arrow()),
    "capsule of polars": lambda: Exporter(pl.DataFrame(COLUMNS)),
    "dict of lists": lambda: COLUMNS,
    "dict of tuples": lambda: types.MappingProxyType({k: tuple(v) for k, v in COLUMNS.items()}),
    "dict of arrays": in_numpy,
    "dict of series": lambda: {k: pl.Series(v) for k, v in COLUMNS.items()},
    "dict of Arrow arrays": lambda: {k: pa.array(v) for k, v in COLUMNS.items()},
    "list of dicts": lambda: in_arrow().to_pylist(),
}


def is_missing(value):
    return value is None or (isinstance(value, float) and math.isnan(value))


@pytest.fixture(params=[*CONTAINERS, "parquet"])
def container(request, tmp_path):
    if request.param == "parquet":
        pq.write_table(in_arrow(), tmp_path / "t.parquet")
        return tmp_path / "t.parquet"
    return CONTAINERS[request.param]()


def test_every_container_gives_the_same_table(container):
    source = as_source(container)
    assert {name: field.kind for name, field in source.schema.items()} == KINDS
    assert [field.name for field in source.schema.values()] == list(COLUMNS)
    assert (source.schema["z"].zone, source.schema["t"].zone) == ("UTC", None)
    assert source.rows == 3
    (batch,) = source.batches()
    assert batch.column_names == list(COLUMNS)
    for name, cells in COLUMNS.items():
        array = batch.column(name)
        assert isinstance(array, pa.ChunkedArray)
        delivered = array.to_pylist()
        assert [is_missing(value) for value in delivered] == [cell is None for cell in cells]
        assert [value for value in delivered if not is_missing(value)] == [
            cell for cell in cells if cell is not None
        ]


def test_every_container_can_be_read_again_and_in_part(container):
    source = as_source(container)
    for _ in range(2):
        (batch,) = source.batches(["s", "i"])
        assert batch.to_pydict() == {"s": ["a", None, ""], "i": [1, 2, 3]}
    (batch,) = source.batches(column for column in ["i", "i"])
    assert batch.column_names == ["i"]
    (batch,) = source.batches([])
    assert (batch.num_rows, batch.num_columns) == (3, 0)


# a stream may be one that can be read only once
STREAMS = ("reader", "capsule", "capsule of polars")


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name not in STREAMS])
def test_native_is_the_users_own_object(name):
    table = CONTAINERS[name]()
    assert as_source(table).native is table


@pytest.mark.parametrize("name", STREAMS)
def test_native_of_a_stream_is_the_table_read_from_it(name):
    native = as_source(CONTAINERS[name]()).native
    assert isinstance(native, pa.Table)
    assert native.to_pydict() == in_arrow().to_pydict()


@pytest.mark.parametrize(
    ("table", "origin"),
    [
        (pd.DataFrame({"x": [1]}), "pandas.DataFrame"),
        (pl.DataFrame({"x": [1]}), "polars.DataFrame"),
        (pa.table({"x": [1]}), "pyarrow.Table"),
        (pa.record_batch({"x": [1]}), "pyarrow.RecordBatch"),
        (pa.table({"x": [1]}).to_reader(), "pyarrow.RecordBatchReader"),
        ({"x": [1]}, "dict"),
        ([{"x": 1}], "list of dicts"),
        (np.array([[1]]), "numpy.ndarray"),
    ],
)
def test_origin_names_the_container(table, origin):
    assert as_source(table).origin == origin


def test_subclasses_are_tables_too():
    class Frame(pd.DataFrame):
        pass

    assert as_source(Frame({"x": [1]})).origin == "pandas.DataFrame"


def test_source_of_a_source_is_itself():
    source = as_source({"x": [1]})
    assert as_source(source) is source
    assert isinstance(source, Source)


def test_schema_cannot_be_changed():
    source = as_source({"x": [1]})
    with pytest.raises(TypeError):
        source.schema["x"] = Field("x", "float", "double")


def test_repr_shows_origin_rows_and_kinds():
    assert repr(as_source({"x": [1], "y": ["a"]})) == "Source(dict, 1 rows, x: int, y: string)"


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": pd.Series([], dtype="int64")}),
        pl.DataFrame({"x": []}, schema={"x": pl.Int64}),
        pa.table({"x": pa.array([], pa.int64())}),
        pa.schema([("x", pa.int64())]).empty_table().to_reader(),
        {"x": np.array([], dtype="int64")},
    ],
    ids=["pandas", "polars", "table", "reader", "dict"],
)
def test_empty_table_has_kinds_and_one_batch_without_rows(table):
    source = as_source(table)
    (batch,) = source.batches()
    assert isinstance(batch, pa.Table)
    assert (source.rows, batch.num_rows, source.schema["x"].kind) == (0, 0, "int")


def test_missing_columns_are_named():
    source = as_source({"x": [1], "y": [2]})
    with pytest.raises(EvidenceError) as error:
        source.batches(["x", "z"])
    assert str(error.value) == "the table has no column 'z'; it has 'x', 'y'"


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"good": [1, 2], "bad": pd.Series([1, "a"], dtype=object)}),
        pl.DataFrame({"good": [1, 2], "bad": pl.Series([1, "a"], dtype=pl.Object)}),
        {"good": [1, 2], "bad": [1, "a"]},
        [{"good": 1, "bad": 1}, {"good": 2, "bad": "a"}],
    ],
    ids=["pandas", "polars", "dict", "records"],
)
def test_unreadable_column_does_not_affect_others(table):
    source = as_source(table)
    assert source.schema["good"].kind == "int"
    assert source.schema["bad"] == Field(
        "bad",
        "unreadable",
        "mixed (int, str)",
        problem="column 'bad' mixes values of the types int, str; convert them to one type first",
    )
    (batch,) = source.batches()
    assert batch.to_pydict() == {"good": [1, 2], "bad": ["int", "str"]}


# arrays and records


@pytest.mark.parametrize("order", ["C", "F"])
def test_columns_of_a_matrix_are_numbered(order):
    array = np.array([[1.0, 2.0, 3.0], [4.0, NAN, 6.0]], order=order)
    source = as_source(array)
    assert list(source.schema) == ["x0", "x1", "x2"]
    (batch,) = source.batches()
    assert batch.column("x0").to_pylist() == [1.0, 4.0]
    assert batch.column("x2").to_pylist() == [3.0, 6.0]
    assert batch.column("x1").null_count == 0
    assert source.native is array


def test_long_matrix_is_the_same_in_either_order():
    array = np.arange(3 * 10_001.0).reshape(-1, 3)
    (rows,) = as_source(array).batches()
    (columns,) = as_source(np.asfortranarray(array)).batches()
    assert rows == columns
    assert np.array_equal(rows.column("x1").to_numpy(), array[:, 1])


def test_fortran_matrix_shares_memory():
    array = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    (batch,) = as_source(array).batches()
    column = batch.column("x1").chunk(0)
    where = column.buffers()[1].address + 8 * column.offset
    assert where == array[:, 1].ctypes.data


@pytest.mark.parametrize("cut", [slice(None), slice(1, 3), slice(1, None)])
def test_a_frame_of_numbers_of_one_type_and_its_slices_share_memory(cut):
    frame = pd.DataFrame(np.asfortranarray(np.arange(8.0).reshape(4, 2)), columns=["x", "y"])[cut]
    (batch,) = as_source(frame).batches()
    assert batch.to_pydict() == frame.to_dict("list")
    array = batch.column("y").chunk(0)
    where = array.buffers()[1].address + 8 * array.offset
    assert where == frame["y"].to_numpy().ctypes.data


def ordered(frame):
    return frame[["z", "x", "y"]]


def inserted(frame):
    return frame.assign(w=frame["x"])


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1", "?"])
@pytest.mark.parametrize("make", [pd.DataFrame, ordered, inserted, pd.DataFrame.copy])
def test_a_frame_of_one_type_is_read_column_by_column(make, dtype):
    columns = {name: np.array([i, 0, 1], dtype) for i, name in enumerate("xyz")}
    frame = make(pd.DataFrame(columns, index=[5, 5, 7]))
    source = as_source(frame)
    (batch,) = source.batches()
    assert list(source.schema) == list(frame.columns)
    assert batch.to_pydict() == frame.to_dict("list")
    assert {str(column.type) for column in batch.columns} == {
        str(pa.from_numpy_dtype(frame["x"].dtype))
    }
    assert source.native is frame


@pytest.mark.parametrize("cut", [np.s_[::2, :], np.s_[:, ::-1], np.s_[1:, 1:]])
def test_slices_of_a_matrix(cut):
    array = np.arange(12).reshape(4, 3)[cut]
    (batch,) = as_source(array).batches()
    columns = batch.to_pydict()
    assert columns == {f"x{i}": array[:, i].tolist() for i in range(array.shape[1])}


def test_masked_matrix_and_matrix_of_objects():
    masked = np.ma.array([[1, 2], [3, 4]], mask=[[0, 1], [0, 0]])
    (batch,) = as_source(masked).batches()
    assert batch.to_pydict() == {"x0": [1, 3], "x1": [None, 4]}
    source = as_source(np.array([[1, "a"], [2, None]], dtype=object))
    assert [field.kind for field in source.schema.values()] == ["int", "string"]
    with pytest.warns(PendingDeprecationWarning, match="matrix subclass"):
        matrix = np.matrix([[1, 2]])
    (batch,) = as_source(matrix).batches()
    assert batch.to_pydict() == {"x0": [1], "x1": [2]}


def test_matrix_without_rows_has_columns():
    source = as_source(np.empty((0, 2)))
    assert (source.rows, list(source.schema)) == (0, ["x0", "x1"])


def test_columns_of_records_are_all_keys_in_order_of_appearance():
    source = as_source([{"b": 1}, {"a": "x", "b": None}, {}])
    assert list(source.schema) == ["b", "a"]
    (batch,) = source.batches()
    assert batch.to_pydict() == {"b": [1, None, None], "a": [None, "x", None]}
    assert as_source(({"b": 1},)).rows == 1


def test_ragged_records_of_many_keys_take_time_by_cells():
    # each record has keys of its own: 9 million cells of which 3,000 are there
    records = [
        {f"k{i}": i, "all": str(i), f"t{i % 3}": [None, "a", 1.5][i % 3]} for i in range(3_000)
    ]
    source = as_source(records)
    batch = source.arrow()
    assert batch.num_columns == 3_004
    assert batch["all"].to_pylist() == [str(i) for i in range(3_000)]
    assert batch["k2999"].to_pylist() == [None] * 2_999 + [2_999]
    kinds = [source.schema[name].kind for name in ("k0", "all", "t0", "t1", "t2")]
    assert kinds == ["int", "string", "null", "string", "float"]
    assert batch["t1"].null_count == 2_000


def test_unreadable_cells_of_ragged_records_keep_their_rows():
    records = [{"x": 1}, {}, {"y": 1j}, {"y": "a", "x": 2}, {}]
    source = as_source(records)
    assert source.schema["y"].type == "mixed (complex, str)"
    assert source.arrow()["y"].to_pylist() == [None, None, "complex", "str", None]
    assert source.arrow()["x"].to_pylist() == [1, None, None, 2, None]


def test_floats_of_lists_keep_null_and_nan_apart():
    (batch,) = as_source({"x": [1.0, NAN, None]}).batches()
    assert batch.column("x").null_count == 1


def test_source_of_a_reader_can_be_read_twice():
    reader = in_arrow().to_reader()
    source = as_source(reader)
    assert [batch.num_rows for _ in range(2) for batch in source.batches()] == [3, 3]


# whole-table errors


def refusal(table):
    with pytest.raises(EvidenceError) as error:
        as_source(table)
    return str(error.value)


def duplicated():
    frame = pd.DataFrame([[1, 2, 3, 4]])
    frame.columns = ["a", "b", "a", "b"]
    return frame


@pytest.mark.parametrize(
    "table",
    [duplicated(), pa.table([[1], [2], [3], [4]], names=["a", "b", "a", "b"])],
    ids=["pandas", "pyarrow"],
)
def test_duplicate_names(table):
    assert refusal(table) == (
        "the table has several columns named 'a', 'b'; rename or drop all but one"
    )


def test_names_that_are_not_texts():
    remedy = "write df.columns = df.columns.map(str)"
    assert refusal(pd.DataFrame([[1, 2]])) == (
        f"column names must be strings, got int: 0, 1; {remedy}"
    )
    assert refusal(pd.DataFrame(np.zeros((1, 9)))) == (
        f"column names must be strings, got int: 0, 1, 2, 3, 4 and 4 more; {remedy}"
    )
    assert refusal(pd.DataFrame([[1, 2]], columns=["a", None])) == (
        f"column names must be strings, got {type(pd.Index(['a', None])[1]).__name__}: "
        f"{pd.Index(['a', None])[1]!r}; {remedy}"
    )
    assert refusal(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))) == (
        f"column names must be strings, got tuple: ('a', 'b'); {remedy}"
    )
    assert refusal({1: [1], "a": [2]}) == (
        "column names must be strings, got int: 1; "
        "write {str(name): values for name, values in table.items()}"
    )
    assert refusal([{1: 1}]) == (
        "column names must be strings, got int: 1; "
        "write [{str(name): value for name, value in row.items()} for row in rows]"
    )
    assert refusal({"\ud800": [1]}) == (
        r"column names must be valid Unicode, got lone surrogates in '\ud800'"
    )


@pytest.mark.parametrize(
    "table",
    [pd.DataFrame(index=[1]), pl.DataFrame(), pa.table({}), {}, [], [{}], np.empty((3, 0))],
    ids=["pandas", "polars", "pyarrow", "dict", "list", "records", "numpy"],
)
def test_no_columns(table):
    assert refusal(table) == "the table has no columns"


@pytest.mark.parametrize(
    ("table", "name"),
    [
        (None, "None"),
        (3, "int"),
        ({1, 2}, "set"),
        (object(), "object"),
        ((row for row in []), "generator"),
        (pd.Index([1]), "pandas.Index"),
        (dt.datetime(2020, 1, 1), "datetime.datetime"),
        (b"a,b", "bytes"),
    ],
)
def test_not_a_table(table, name):
    if hasattr(table, "__arrow_c_stream__"):
        pytest.skip("this pandas exports it")
    assert refusal(table) == f"got {name}, which is not a table; {ACCEPTED}"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            pd.Series([1]),
            "got pandas.Series, which is not a table; a Series is one column: call .to_frame()",
        ),
        (
            pl.Series([1]),
            "got polars.Series, which is not a table; a Series is one column: call .to_frame()",
        ),
        (
            pa.array([1]),
            (
                "got pyarrow.Int64Array, which is not a table; "
                'an array is one column: call pyarrow.table({"name": array})'
            ),
        ),
        (
            pa.chunked_array([[1]]),
            (
                "got pyarrow.ChunkedArray, which is not a table; "
                'an array is one column: call pyarrow.table({"name": array})'
            ),
        ),
        (
            np.zeros(3),
            (
                "an array must have 2 dimensions to be a table, got shape (3,); for one column "
                "write array.reshape(-1, 1)"
            ),
        ),
        (np.zeros((1, 2, 3)), "an array must have 2 dimensions to be a table, got shape (1, 2, 3)"),
        ([1, "a"], f"got a list of int, str, which is not a table; {ACCEPTED}"),
        ([[1, 2], [3, 4]], f"got a list of list, which is not a table; {ACCEPTED}"),
        ((1, 2), f"got a tuple of int, which is not a table; {ACCEPTED}"),
        ([{"x": 1}, None], f"got a list of None, which is not a table; {ACCEPTED}"),
        (
            {"x": [1, 2], "y": [1]},
            "the columns of the dict differ in length: 'x' has 2, 'y' has 1",
        ),
        (
            {"x": 1},
            (
                "column 'x' must be a 1-D array, a Series, an Arrow array, a list, a tuple or a "
                "range, got int"
            ),
        ),
        ({"x": np.zeros((2, 2))}, "column 'x' must have 1 dimension, got an array of shape (2, 2)"),
    ],
)
def test_values_that_are_almost_tables(table, message):
    assert refusal(table) == message


def test_objects_with_a_method_that_returns_a_table():
    assert refusal(dataset(in_arrow())) == (
        "got pyarrow.InMemoryDataset, which is not a table; call .to_table()"
    )
    assert refusal(csr_matrix([[0, 1]])) == (
        "got scipy.csr_matrix, which is not a table; "
        "a sparse matrix must be made dense: call .toarray()"
    )


def test_stream_that_fails():
    def batches():
        yield pa.record_batch({"x": [1]})
        msg = "connection lost"
        raise OSError(msg)

    reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), batches())
    assert refusal(reader) == "the Arrow stream can't be read: OSError: connection lost"


def test_capsule_of_a_value_that_is_no_table():
    assert refusal(Exporter(pa.chunked_array([[1]]))).startswith("the Arrow stream can't be read: ")
