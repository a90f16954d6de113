"""Parquet files: streamed, readable twice, and refused with a message."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlgates.errors import EvidenceError
from mlgates.tables.source import as_source

ROWS = 150_000


@pytest.fixture
def path(tmp_path):
    table = pa.table(
        {
            "n": pa.array(np.arange(ROWS)),
            "text": pa.array([None if i % 10 == 0 else str(i % 7) for i in range(ROWS)]),
            "category": pa.array(["a", "b", None] * (ROWS // 3)).dictionary_encode(),
            "half": pa.array(np.full(ROWS, 1.5, "f2")),
        }
    )
    file = tmp_path / "table.parquet"
    pq.write_table(table, file, row_group_size=100_000)
    return file


def test_file_is_streamed_in_small_batches(path):
    source = as_source(path)
    assert (source.origin, source.rows) == ("parquet file", ROWS)
    batches = list(source.batches())
    assert len(batches) > 1
    assert max(batch.num_rows for batch in batches) <= 131_072
    assert sum(batch.num_rows for batch in batches) == ROWS
    assert source.native is None
    kinds = {name: (field.kind, field.encoded) for name, field in source.schema.items()}
    assert kinds == {
        "n": ("int", False),
        "text": ("string", False),
        "category": ("string", True),
        "half": ("float", False),
    }
    assert batches[0].schema.field("half").type == pa.float32()


def test_reading_twice_gives_the_same_rows_in_order(path):
    source = as_source(str(path))
    first, second = (
        [batch.column("n").to_numpy() for batch in source.batches(["n"])] for _ in range(2)
    )
    assert np.array_equal(np.concatenate(first), np.arange(ROWS))
    assert np.array_equal(np.concatenate(first), np.concatenate(second))


def test_only_the_columns_asked_for_are_read_in_the_order_asked(path):
    batch = next(as_source(path).batches(["text", "n"]))
    assert batch.column_names == ["text", "n"]


def test_no_columns_still_have_rows(path):
    batches = as_source(path).batches([])
    assert sum(batch.num_rows for batch in batches) == ROWS


def test_names_with_dots_are_not_nested_columns(tmp_path):
    table = pa.table({"a": [{"b": 1}], "a.b": ["dotted"], "c": [2]})
    pq.write_table(table, tmp_path / "t.parquet")
    (batch,) = as_source(tmp_path / "t.parquet").batches(["a.b"])
    assert batch.to_pydict() == {"a.b": ["dotted"]}
    (batch,) = as_source(tmp_path / "t.parquet").batches(["a"])
    assert batch.to_pydict() == {"a": [{"b": 1}]}


def test_empty_file_gives_one_batch_without_rows(tmp_path):
    pq.write_table(pa.table({"x": pa.array([], pa.int64())}), tmp_path / "t.pq")
    source = as_source(tmp_path / "t.pq")
    (batch,) = source.batches()
    assert (source.rows, batch.num_rows, batch.column_names) == (0, 0, ["x"])


def test_file_is_recognised_by_its_first_bytes_whatever_its_name(path):
    other = path.rename(path.with_name("data.bin"))
    assert as_source(other).rows == ROWS


def test_pandas_periods_in_a_file_are_unreadable(tmp_path):
    frame = pd.DataFrame({"p": pd.period_range("2020", periods=2, freq="M"), "x": [1, 2]})
    frame.to_parquet(tmp_path / "t.parquet")
    source = as_source(tmp_path / "t.parquet")
    assert (source.schema["p"].kind, source.schema["x"].kind) == ("unreadable", "int")
    (batch,) = source.batches()
    assert batch.column("p").to_pylist() == ["pandas.period", "pandas.period"]


def test_old_timestamps_do_not_wrap_around(tmp_path):
    late = dt.datetime(9999, 12, 31)
    table = pa.table({"t": [late]})
    pq.write_table(table, tmp_path / "t.parquet", use_deprecated_int96_timestamps=True)
    (batch,) = as_source(tmp_path / "t.parquet").batches()
    assert batch.column("t").to_pylist() == [late]


# refused paths


def refusal(path):
    with pytest.raises(EvidenceError) as error:
        list(as_source(path).batches())
    return str(error.value)


def test_missing_file(tmp_path):
    path = tmp_path / "none.parquet"
    assert refusal(path) == f"there is no file '{path}'"
    assert refusal("none.parquet") == "there is no file 'none.parquet'"
    assert refusal("no\0file") == r"there is no file 'no\x00file'"


def test_text_that_is_no_path():
    assert refusal("x" * 5_000) == f"the file '{'x' * 199} can't be read: OSError"
    assert refusal("a,b\n1,2") == "there is no file 'a,b...'"


def test_folder(tmp_path):
    assert refusal(tmp_path) == f"there is no Parquet file in the folder '{tmp_path}'"


@pytest.mark.parametrize("content", [b"", b"PAR", b"a,b\n1,2\n"])
def test_other_file(tmp_path, content):
    path = tmp_path / "t.txt"
    path.write_bytes(content)
    assert refusal(path) == (
        f"the file '{path}' is not a Parquet file; read it first and give the table"
    )


def test_truncated_file(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == f"the Parquet file '{path}' can't be read: ArrowInvalid"


def test_file_damaged_in_the_middle(path):
    content = bytearray(path.read_bytes())
    content[1_000:60_000] = b"\xff" * 59_000
    path.write_bytes(content)
    assert refusal(path) == f"the Parquet file '{path}' can't be read: OSError"


def test_file_removed_after_it_was_described(path):
    source = as_source(path)
    path.unlink()
    with pytest.raises(EvidenceError) as error:
        next(source.batches())
    assert str(error.value) == f"the Parquet file '{path}' can't be read: FileNotFoundError"


def test_file_replaced_by_one_with_other_columns(path):
    source = as_source(path)
    pq.write_table(pa.table({"n": ["now text"]}), path)
    with pytest.raises(EvidenceError) as error:
        next(source.batches(["n"]))
    assert str(error.value) == f"the columns of '{path}' changed while it was in use; read it anew"


def test_file_with_duplicate_names(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    assert refusal(path) == ("the table has several columns named 'a'; rename or drop all but one")


def test_errors_of_the_caller_are_not_errors_of_the_file(path):
    batches = as_source(path).batches()
    next(batches)
    with pytest.raises(KeyError):
        batches.throw(KeyError("mine"))
