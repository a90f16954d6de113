"""A folder of Parquet files is one table."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.tables.source import as_source


def write(root, path, rows):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows if isinstance(rows, pa.Table) else pa.table(rows), file)


def read(source, columns=None):
    return pa.concat_tables(source.batches(columns)).to_pydict()


def test_files_are_read_in_the_order_of_their_paths(tmp_path):
    write(tmp_path, "b.parquet", {"x": [3, None]})
    write(tmp_path, "a.parquet", {"x": [1, 2]})
    write(tmp_path, "c/d.pq", {"x": [5]})
    source = as_source(tmp_path)
    assert (source.origin, source.rows) == ("folder of parquet files", 5)
    assert read(source) == {"x": [1, 2, 3, None, 5]}
    assert read(as_source(str(tmp_path))) == read(source)
    assert mg.Profile.of(tmp_path).columns["x"].missing == 1


def test_hidden_files_and_others_are_left_out(tmp_path):
    write(tmp_path, "a.parquet", {"x": [1]})
    write(tmp_path, "_temporary/b.parquet", {"x": [2]})
    write(tmp_path, ".c.parquet", {"x": [3]})
    (tmp_path / "notes.txt").write_text("x")
    assert read(as_source(tmp_path)) == {"x": [1]}


def test_files_and_links_that_may_hold_rows_are_never_left_out(tmp_path):
    write(tmp_path, "a.parquet", {"x": [1]})
    write(tmp_path, "elsewhere/b.parquet", {"x": [2]})
    root = tmp_path / "table"
    write(root, "a.parquet", {"x": [1]})
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert mg.Completeness().run(data=root).reason == (
        "'link' is a link to a folder, which is not followed"
    )
    (root / "link").unlink()
    for content in (b"", b"half written"):
        (root / "b.parquet").write_bytes(content)
        assert mg.Completeness().run(data=root).reason == (
            "'b.parquet' is not a complete Parquet file (perhaps still being written)"
        )


def test_keys_of_folders_are_columns(tmp_path):
    write(tmp_path, "year=2024/land=DE/a.parquet", {"x": [1.5]})
    write(tmp_path, "year=2025/land=__HIVE_DEFAULT_PARTITION__/a.parquet", {"x": [2.5, 3.5]})
    source = as_source(tmp_path)
    assert {n: (f.kind, f.type) for n, f in source.schema.items()} == {
        "x": ("float", "double"),
        "year": ("int", "int64"),
        "land": ("string", "large_string"),
    }
    assert read(source) == {
        "x": [1.5, 2.5, 3.5],
        "year": [2024, 2025, 2025],
        "land": ["DE", None, None],
    }
    assert read(source, ["land", "x"]) == {"land": ["DE", None, None], "x": [1.5, 2.5, 3.5]}
    assert read(source, ["year"]) == {"year": [2024, 2025, 2025]}
    assert sum(batch.num_rows for batch in source.batches([])) == 3


def test_escaped_keys_and_values_are_decoded(tmp_path):
    lands = ["New York", "a/b", "x=y", "50%", "Zürich", None]
    table = pa.table({"x": range(6), "land of birth": lands})
    pq.write_to_dataset(table, tmp_path, partition_cols=["land of birth"])
    found = read(as_source(tmp_path))
    assert sorted(zip(found["x"], found["land of birth"], strict=True)) == list(enumerate(lands))
    write(tmp_path, "land%20of%20birth=%FF/a.parquet", {"x": [1]})
    assert mg.Completeness().run(data=tmp_path).reason == (
        "'%FF' in the name of a folder is not valid UTF-8"
    )


def test_empty_files_count_as_files(tmp_path):
    write(tmp_path, "a.parquet", pa.table({"x": pa.array([], pa.int64())}))
    write(tmp_path, "b.parquet", {"x": [1]})
    assert read(as_source(tmp_path)) == {"x": [1]}
    result = mg.Completeness().run(data=tmp_path)
    assert result.passed


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "there is no Parquet file in the folder "),
        (
            {"a.parquet": {"x": [1]}, "b.parquet": {"x": ["1"]}},
            "the files 'a.parquet' and 'b.parquet' differ in 'x'; all must have one schema",
        ),
        (
            {"a.parquet": {"x": [1]}, "b.parquet": {"y": [1]}},
            "the files 'a.parquet' and 'b.parquet' differ in 'x', 'y'; all must have one schema",
        ),
        ({"k=1/a.parquet": {"x": [1]}, "a.parquet": {"x": [1]}}, "have different keys"),
        ({"x=1/a.parquet": {"x": [1]}}, "several columns named 'x'"),
    ],
)
def test_folders_that_are_no_table_are_an_error_of_the_gates(tmp_path, files, reason):
    for path, rows in files.items():
        write(tmp_path, path, rows)
    result = mg.Completeness().run(data=tmp_path)
    assert result.verdict is mg.Verdict.ERROR
    assert reason in result.reason
