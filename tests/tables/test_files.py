"""CSV files and lists of files as tables."""

import gzip

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.tables.source import as_source


def kinds(source):
    return {name: field.kind for name, field in source.schema.items()}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_types_of_a_csv_file_follow_from_all_rows(tmp_path):
    rows = 400_000  # several blocks of the reader: the last row changes the type
    path = write(tmp_path / "t.csv", "x,y\n" + "1,2\n" * rows + "1.5,\n")
    source = as_source(path)
    assert (source.origin, source.rows) == ("csv file", rows + 1)
    assert kinds(source) == {"x": "float", "y": "int"}
    assert source.arrow(["y"]).column("y").null_count == 1


def test_cells_of_a_csv_file(tmp_path):
    lines = ["n,name,day,at,ok", "1,NA,2026-01-31,2026-01-31 06:00:00,true", "NA,,,,", "2,Ann,,,"]
    source = as_source(str(write(tmp_path / "t.csv", "\n".join(lines) + "\n")))
    expected = {"n": "int", "name": "string", "day": "date", "at": "timestamp", "ok": "bool"}
    assert kinds(source) == expected
    # NA is a text in a column of texts, and missing in a column of numbers
    assert source.arrow().column("name").to_pylist() == ["NA", None, "Ann"]
    assert source.arrow().column("n").to_pylist() == [1, None, 2]


def test_a_tsv_file_and_a_compressed_file(tmp_path):
    tabs = as_source(write(tmp_path / "t.tsv", "a\tb\n1\tx,y\n"))
    assert tabs.arrow().to_pylist() == [{"a": 1, "b": "x,y"}]
    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert as_source(packed).arrow().to_pylist() == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "can't be read: Empty CSV file"), ("a,b\n1,2\n3\n", "can't be read: CSV parse error")],
)
def test_a_broken_csv_file_is_the_error_of_each_gate(tmp_path, text, message):
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(EvidenceError, match=message):
        as_source(path)
    report = mg.GateSuite([mg.Completeness(), mg.Schema({"a": "int"})]).run(data=path)
    assert [result.verdict for result in report.results] == ["error", "error"]


def test_a_csv_file_that_is_not_there(tmp_path):
    with pytest.raises(EvidenceError, match="there is no file"):
        as_source(tmp_path / "t.csv")


def test_several_files_are_one_table_in_their_order(tmp_path):
    paths = [tmp_path / f"{name}.parquet" for name in "ba"]
    for start, path in enumerate(paths):
        pq.write_table(pa.table({"x": [start * 10, start * 10 + 1]}), path)
    csv = write(tmp_path / "c.csv", "x\n7\n")
    source = as_source([*paths, csv])
    assert (source.origin, source.rows) == ("3 files", 5)
    assert source.arrow().column("x").to_pylist() == [0, 1, 10, 11, 7]
    assert mg.Completeness(min_rows=5).run(data=[*paths, csv]).passed
    assert as_source([csv]).origin == "csv file"


def test_files_that_differ_in_their_columns_are_refused(tmp_path):
    first, second = (
        write(tmp_path / "a.csv", "x,y\n1,2\n"),
        write(tmp_path / "b.csv", "x,z\n1.5,2\n"),
    )
    with pytest.raises(EvidenceError, match="differ in 'x', 'y', 'z'; all must have one schema"):
        as_source([first, second])


def test_models_are_given_the_rows_of_a_csv_file(tmp_path):
    frame = pd.DataFrame({"x": [0.0, 1.0] * 50, "y": [0, 1] * 50})
    frame.to_csv(tmp_path / "t.csv", index=False)
    gate = mg.Performance("accuracy", at_least=0.9)
    result = gate.run(data=tmp_path / "t.csv", y_true="y", y_pred="x")
    assert result.passed, str(result)
