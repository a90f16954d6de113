"""Parquet files: streamed, readable twice, and refused with a message."""

import datetime as dt
import re
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.tables import parquet, source
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
    assert max(batch.num_rows for batch in batches) <= 98_304
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


def test_only_the_requested_columns_are_read_in_the_requested_order(path):
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
        f"the file '{path}' is not a Parquet file; read the file yourself and give the table"
    )


def test_truncated_file(path):
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert refusal(path) == (
        f"the file '{path}' is not a complete Parquet file (perhaps still being written)"
    )
    path.write_bytes(b"PAR1" + b"\xff" * 100 + b"PAR1")
    assert refusal(path).startswith(f"the Parquet file '{path}' can't be read: ")


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
    changed = f"the columns of '{path}' changed while it was in use"
    assert str(error.value) == f"{changed}; read the file again"


def test_file_replaced_by_one_with_fewer_rows(path):
    source = as_source(path)
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(EvidenceError) as error:
        list(source.batches())
    changed = f"the number of rows of '{path}' changed from 150,000 to 149,999"
    assert str(error.value) == f"{changed} while it was in use; read the file again"


def test_no_row_is_lost_from_a_file_with_a_damaged_footer(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"b": list(range(40)), "t": [0.5] * 40})
    pq.write_table(table, path, row_group_size=20)
    intact = path.read_bytes()
    footer = len(intact) - 8 - int.from_bytes(intact[-8:-4], "little")
    reasons = set()
    for position in range(footer, len(intact) - 8):
        damaged = bytearray(intact)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        try:
            source = as_source(path)
            rows = sum(len(batch) for batch in source.batches(["b", "t"]))
        except EvidenceError as error:
            reasons.add(re.sub(r"\d+", "N", str(error).partition(f"'{path}' ")[2]))
        except KeyError:  # a damaged name of a column
            pass
        else:
            assert rows == source.rows == 40
    assert any(reason.startswith("is damaged: by its footer, it has N rows") for reason in reasons)


def test_file_with_duplicate_names(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([[1], [2]], names=["a", "a"]), path)
    assert refusal(path) == ("the table has several columns named 'a'; rename or drop all but one")


def test_errors_of_the_caller_are_not_errors_of_the_file(path):
    batches = as_source(path).batches()
    next(batches)
    with pytest.raises(KeyError):
        batches.throw(KeyError("mine"))


# memory


def layouts():
    texts = [f"t{i % 7}" * (1 + 40 * (i % 50 == 3)) for i in range(300)]
    texts[100] = "long" * 2_000
    nulls = [None if i % 3 else text for i, text in enumerate(texts)]
    return pa.table(
        {
            "text": pa.array(nulls, pa.large_string()),
            "bytes": pa.array([text.encode() for text in texts]),
            "category": pa.array(texts).dictionary_encode(),
            "number": pa.array(range(300), pa.int16()),
            "decimal": pa.array([Decimal(i) / 4 for i in range(300)]),
            "fixed": pa.array([b"%04d" % i for i in range(300)], pa.binary(4)),
            "flag": pa.array([i % 2 == 0 for i in range(300)]),
            "list": pa.array([texts[i : i + i % 4] for i in range(300)]),
            "struct": pa.array([{"a": {"b": text}, "c": 1} for text in texts]),
            "map": pa.array([[(text, 1)] for text in texts], pa.map_(pa.string(), pa.int8())),
            "null": pa.nulls(300),
        }
    )


@pytest.mark.parametrize("size", [2_000, 1 << 25])
@pytest.mark.parametrize("rows", [7, 1_000])
@pytest.mark.parametrize("encoding", ["dictionary", "plain", "DELTA_BYTE_ARRAY"])
def test_batches_of_bounded_bytes_have_the_rows_of_the_file(
    tmp_path, monkeypatch, size, rows, encoding
):
    for module in (parquet, source):
        monkeypatch.setattr(module, "BATCH_BYTES", size)
    table = layouts()
    is_delta = encoding.startswith("DELTA")
    pq.write_table(
        table,
        tmp_path / "t.parquet",
        row_group_size=rows,
        use_dictionary=encoding == "dictionary",
        column_encoding={"bytes": encoding, "text": encoding} if is_delta else None,
    )
    batches = list(as_source(tmp_path / "t.parquet").batches())
    found = {
        name: [cell for batch in batches for cell in batch.column(name).to_pylist()]
        for name in table.column_names
    }
    assert found == table.to_pydict()
    assert all(batch.num_rows for batch in batches)
    # one row of the long text exceeds the smallest batch
    texts = [sum(map(len, filter(None, batch["text"].to_pylist()))) for batch in batches]
    assert max(texts) <= 4 * max(size, 8_000)


PEAK = """
import sys
import mlgates as mg
print(mg.Completeness().run(data=sys.argv[1]).verdict)
with open("/proc/self/status") as status:
    print(next(line for line in status if line.startswith("VmHWM")).split()[1])
"""


def documents(path):
    with pq.ParquetWriter(path, pa.schema({"doc": pa.string()}), compression="zstd") as writer:
        for start in range(0, 66_000, 3_000):
            texts = [f"{start + i:020}" * 1_000 for i in range(3_000)]
            writer.write_table(pa.table({"doc": texts}))


def repeated(path):
    codes = pa.array(np.zeros(20_000, np.int32))
    texts = pa.DictionaryArray.from_arrays(codes, pa.array(["a" * 1_000_000]))
    pq.write_table(pa.table({"doc": texts}), path, store_schema=False)


def prefixes(path):
    texts = pa.array(["ab" * 200_000] * 1_000)
    pq.write_table(
        pa.table({"doc": pa.chunked_array([texts] * 4)}),
        path,
        use_dictionary=False,
        column_encoding={"doc": "DELTA_BYTE_ARRAY"},
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("write", [documents, repeated, prefixes], ids=lambda f: f.__name__)
def test_files_that_unpack_to_many_times_their_size_need_little_memory(tmp_path, write):
    path = tmp_path / "t.parquet"
    write(path)
    command = [sys.executable, "-c", PEAK, str(path)]
    verdict, peak = subprocess.run(
        command, capture_output=True, text=True, check=True
    ).stdout.split()
    assert verdict == "pass"
    assert int(peak) < 1 << 20  # KiB


def test_a_row_that_does_not_fit_into_memory_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_MOST_ROW_BYTES", 1_000)
    pq.write_table(pa.table({"x": [list(range(200))] * 3}), tmp_path / "t.parquet")
    assert refusal(tmp_path / "t.parquet") == (
        f"rows of the Parquet file '{tmp_path / 't.parquet'}' take 0.0 GiB of memory each; only "
        "rows of at most 1 GiB can be read"
    )


def test_a_damaged_page_is_found_by_its_checksum(tmp_path):
    path = tmp_path / "t.parquet"
    table = pa.table({"x": np.arange(1_000.0)})
    pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, compression="none")
    content = bytearray(path.read_bytes())
    at = content.index(np.float64(500).tobytes())
    content[at + 6] ^= 1
    path.write_bytes(content)
    assert mg.Completeness().run(data=path).reason == (
        f"the Parquet file '{path}' can't be read: OSError (a page does not match its checksum: "
        "the file is damaged)"
    )
