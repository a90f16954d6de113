"""A folder of Parquet files is one table."""

import math
import os
import sys
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import quote

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.tables import parquet
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


def test_hidden_files_are_left_out(tmp_path):
    write(tmp_path, "a.parquet", {"x": [1]})
    write(tmp_path, "_temporary/b.parquet", {"x": [2]})
    write(tmp_path, ".c.parquet", {"x": [3]})
    write(tmp_path, ".day=1/d.parquet", {"x": [4]})
    write(tmp_path, "_k=v.parquet", {"x": [5]})
    (tmp_path / "_SUCCESS").touch()
    assert read(as_source(tmp_path)) == {"x": [1]}


def test_every_visible_parquet_file_counts_whatever_its_name(tmp_path):
    for number, name in enumerate(["000000_0", "b.parq", "c.PARQUET", "d", "e.snappy.x"]):
        write(tmp_path, name, {"x": [number]})
    assert read(as_source(tmp_path)) == {"x": [0, 1, 2, 3, 4]}


def test_keys_that_begin_with_an_underscore_are_columns(tmp_path):
    for year in (2024, 2025):
        write(tmp_path, f"_year={year}/000000_0", {"x": [year]})
    assert read(as_source(tmp_path)) == {"x": [2024, 2025], "_year": [2024, 2025]}


def test_files_and_links_that_may_hold_rows_are_never_left_out(tmp_path):
    write(tmp_path, "a.parquet", {"x": [1]})
    write(tmp_path, "elsewhere/b.parquet", {"x": [2]})
    root = tmp_path / "table"
    write(root, "a.parquet", {"x": [1]})
    (root / "link").symlink_to(tmp_path / "elsewhere")
    assert mg.Completeness().run(data=root).reason == (
        "'link' is a link to a folder; links are not followed, so give the folder itself"
    )
    (root / "link").unlink()
    whole = (root / "a.parquet").read_bytes()
    for content, problem in {
        b"": "is not a Parquet file; a folder may have only Parquet files: move this file away, "
        "or begin its name with '_' to leave it out",
        b"x,y": "is not a Parquet file; a folder may have only Parquet files: move this file away, "
        "or begin its name with '_' to leave it out",
        whole[:-1]: "is not a complete Parquet file (perhaps still being written)",
        b"PAR1": "is not a complete Parquet file (perhaps still being written)",
        b"PARE" + whole[4:]: "is an encrypted Parquet file, which can't be read",
    }.items():
        (root / "b").write_bytes(content)
        assert mg.Completeness().run(data=root).reason == f"'b' {problem}"
    (root / "b").unlink()
    os.mkfifo(root / "b")
    assert mg.Completeness().run(data=root).reason == "'b' is not a regular file"


@pytest.mark.parametrize(
    ("log", "what"),
    [
        ("_delta_log/00000000000000000000.json", "a Delta table"),
        (".hoodie/hoodie.properties", "a Hudi table"),
        ("metadata/00000-1.metadata.json", "an Iceberg table"),
        ("metadata/version-hint.text", "an Iceberg table"),
        ("_spark_metadata/0", "the output of a Spark stream"),
    ],
)
def test_tables_with_a_log_of_their_rows_are_refused(tmp_path, log, what):
    root = tmp_path / "lake" / "table"
    write(root, "data/day=1/a.parquet", {"x": [1]})
    (root / log).parent.mkdir()
    (root / log).touch()
    key = root / "data" / "day=1"
    for path in (root.parent, root, root / "data", key, key / "a.parquet", [key / "a.parquet"]):
        result = mg.Completeness().run(data=path)
        assert result.verdict is mg.Verdict.ERROR
        assert f"{str(root)!r} is {what}" in result.reason
        assert "read the current rows, such as by " in result.reason


def test_a_folder_of_metadata_that_is_no_table_is_not_iceberg(tmp_path):
    write(tmp_path, "metadata/a.parquet", {"x": [1]})
    assert read(as_source(tmp_path)) == {"x": [1]}


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


@pytest.mark.parametrize(
    ("values", "kind", "cells"),
    [
        (["01", "02", "12"], "int", [1, 2, 12]),
        (["-5", "007"], "int", [-5, 7]),
        ([str(2**63), "1"], "int", [2**63, 1]),
        (["2026-03-02", "2026-03-01"], "date", [date(2026, 3, 2), date(2026, 3, 1)]),
        (["2026-03-02", "2026-02-30"], "string", ["2026-03-02", "2026-02-30"]),
        (["2026-03-02", "7"], "string", ["2026-03-02", "7"]),
        (["10", "unknown"], "string", ["10", "unknown"]),
        (["1.5", "2.5"], "string", ["1.5", "2.5"]),
        (["01", None], "int", [1, None]),
        (["2026-03-02", None], "date", [date(2026, 3, 2), None]),
        ([None], "null", [None]),
        (["", "1"], "string", ["", "1"]),
    ],
)
def test_the_type_of_a_key_fits_all_of_its_folders(tmp_path, values, kind, cells):
    for number, value in enumerate(values):
        name = "__HIVE_DEFAULT_PARTITION__" if value is None else value
        write(tmp_path, f"k={name}/{number}.parquet", {"x": [number]})
    source = as_source(tmp_path)
    assert source.schema["k"].kind == kind
    found = read(source)
    assert dict(zip(found["x"], found["k"], strict=True)) == dict(enumerate(cells))


def keyed(root, *names):
    for number, name in enumerate(names):
        write(root, f"k={name}/{number}.parquet", {"x": [float(number)] * 100})
    return root


@pytest.mark.parametrize(
    ("names", "dtype", "cells"),
    [
        (["01234", "10115"], "string", ["01234", "10115"]),
        (["01234", "10115"], "category", ["01234", "10115"]),
        (["1", "2"], "float", [1.0, 2.0]),
        (["1", "2"], "int8", [1, 2]),
        (["true", "false"], "bool", [True, False]),
        (["2026-03-02", "2026-03-01"], "timestamp", [datetime(2026, 3, 2), datetime(2026, 3, 1)]),
        (["2026-03-02", "2026-03-01"], "string", ["2026-03-02", "2026-03-01"]),
    ],
)
def test_schema_declares_the_type_of_a_key(tmp_path, names, dtype, cells):
    data = keyed(tmp_path, *names)
    schema = mg.Schema({"x": "float", "k": dtype})
    assert schema.run(data=data).passed
    rule = {} if dtype == "bool" else {"isin": cells}
    if dtype in ("string", "category", "float", "int8"):
        assert mg.Schema({"x": "float", "k": mg.Column(dtype, **rule)}).run(data=data).passed
    # other gates of the suite see the same type
    seen = []
    rows = mg.Completeness("x", by={"all": lambda table: seen.extend(table["k"].to_pylist())})
    mg.GateSuite([rows, schema]).run(data=data)
    assert set(seen) >= set(cells)


def test_a_key_that_does_not_fit_the_declared_type_fails(tmp_path):
    result = mg.Schema({"x": "float", "k": "int"}).run(data=keyed(tmp_path, "1", "unknown"))
    assert result.verdict is mg.Verdict.FAIL


@pytest.mark.parametrize("turn", [False, True])
def test_keys_of_two_tables_are_compared_in_the_wider_type(tmp_path, turn):
    sides = keyed(tmp_path / "a", "01", "02"), keyed(tmp_path / "b", "01", "unknown")
    data, reference = sides[::-1] if turn else sides
    gate = mg.Drift("total_variation", at_most=0.4, columns=["k"], decide_by="estimate")
    result = gate.run(data=data, reference=reference)
    assert result.verdict is mg.Verdict.FAIL, result.reason
    assert result.checks[0].value == 0.5


def test_a_key_is_compared_in_the_type_of_a_stored_reference(tmp_path):
    baseline = mg.Baseline.from_data({"k": ["01", "02"] * 100, "x": [1.0] * 200})
    gate = mg.Drift("total_variation", at_most=0.4, columns=["k"], decide_by="estimate")
    data = keyed(tmp_path, "01", "02")
    for reference in (baseline, {"k": ["01", "02"] * 100}):
        result = gate.run(data=data, reference=reference)
        assert (result.verdict, result.checks[0].value) == ("pass", 0.0), result.reason


KEYS = [
    (1, "01"),
    ("01", "01"),
    (True, "true"),
    (date(2026, 3, 2), "2026-03-02"),
    (datetime(2026, 3, 2, 10, 30), "2026-03-02 10:30:00.000000"),
    (Decimal("1.50"), "1.5"),
    (1.5, "1.5"),
    (math.nan, "NaN"),
    (None, "__HIVE_DEFAULT_PARTITION__"),
    (b"ab", "ab"),
]


@pytest.mark.parametrize(("value", "name"), KEYS, ids=repr)
def test_a_key_that_the_files_hold_too_is_taken_once(tmp_path, value, name):
    write(tmp_path, f"k={quote(name)}/a.parquet", {"k": [value, value], "x": [1, 2]})
    source = as_source(tmp_path)
    assert list(source.schema) == ["k", "x"]
    assert str(read(source)["k"]) == str([value, value])
    assert mg.Completeness(max_missing=1.0).run(data=tmp_path).passed


@pytest.mark.parametrize("other", [0, "a", None, False, date(2026, 3, 1), 2.5, b"b"], ids=repr)
def test_a_key_that_differs_from_the_files_is_an_error(tmp_path, other):
    write(tmp_path, "k=1/a.parquet", {"k": [other], "x": [1]})
    assert mg.Completeness(max_missing=1.0).run(data=tmp_path).reason == (
        "'k=1/a.parquet' holds values of 'k' other than '1', the value in the name of its folder"
    )
    # a gate that does not read the key is not affected
    assert mg.Completeness("x").run(data=tmp_path).passed


def test_one_row_of_many_that_differs_from_the_key_is_an_error(tmp_path):
    write(tmp_path, "k=1/a.parquet", {"k": [1] * 999 + [2]})
    assert mg.Completeness().run(data=tmp_path).verdict is mg.Verdict.ERROR
    write(tmp_path, "k=1/a.parquet", {"k": [1] * 999 + [None]})
    assert mg.Completeness(max_missing=1.0).run(data=tmp_path).verdict is mg.Verdict.ERROR


def test_a_key_that_only_some_files_hold_is_an_error(tmp_path):
    write(tmp_path, "k=1/a.parquet", {"k": [1], "x": [1]})
    write(tmp_path, "k=2/a.parquet", {"x": [1]})
    assert "have different columns or types: 'k'" in mg.Completeness().run(data=tmp_path).reason


def test_a_key_twice_on_the_way_to_a_file_is_an_error(tmp_path):
    write(tmp_path, "k=1/k=2/a.parquet", {"x": [1]})
    assert mg.Completeness().run(data=tmp_path).reason == (
        "two folders in the path 'k=1/k=2/a.parquet' have the same key 'k'"
    )


@pytest.mark.parametrize("inside", [False, True], ids=["in the path", "in both"])
def test_folders_that_duckdb_partitions(tmp_path, inside):
    rows = {"day": [date(2026, 3, 1), date(2026, 3, 2)], "zip": ["01234", None], "x": [1, 2]}
    connection = duckdb.connect()
    connection.register("rows", pa.table(rows))
    columns = "write_partition_columns true" if inside else "write_partition_columns false"
    connection.execute(
        f"copy (from rows) to '{tmp_path}/t' (format parquet, partition_by (day, zip), {columns})"
    )
    source = as_source(tmp_path / "t")
    assert read(source, ["day", "x"]) == {"day": rows["day"], "x": rows["x"]}
    # older versions of DuckDB write another name than Hive's for null
    null = any((tmp_path / "t").glob("*/zip=__HIVE_DEFAULT_PARTITION__"))
    assert source.schema["zip"].kind == ("string" if inside or not null else "int")


def test_a_folder_that_polars_partitions(tmp_path):
    rows = {"day": [date(2026, 3, 1), date(2026, 3, 2)], "zip": ["01234", None], "x": [1, 2]}
    pl.DataFrame(rows).write_parquet(tmp_path, partition_by=["day", "zip"])
    assert read(as_source(tmp_path), ["day", "zip", "x"]) == rows


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
            "the files 'a.parquet' and 'b.parquet' have different columns or types: 'x'; all files",
        ),
        (
            {"a.parquet": {"x": [1]}, "b.parquet": {"y": [1]}},
            "the files 'a.parquet' and 'b.parquet' have different columns or types: 'x', 'y'",
        ),
        ({"k=1/a.parquet": {"x": [1]}, "a.parquet": {"x": [1]}}, "have different keys"),
        ({"x=2/a.parquet": {"x": [1]}}, "other than '2', the value in the name of its folder"),
    ],
)
def test_folders_that_are_no_table_are_an_error_of_the_gates(tmp_path, files, reason):
    for path, rows in files.items():
        write(tmp_path, path, rows)
    result = mg.Completeness().run(data=tmp_path)
    assert result.verdict is mg.Verdict.ERROR
    assert reason in result.reason


def test_rows_of_many_joined_files_keep_the_keys_of_their_folders(tmp_path):
    empty = pa.table({"x": pa.array([], pa.int64())})
    expected = {"x": [], "day": []}
    for i in range(30):
        rows = list(range(i, i + i % 4))
        write(tmp_path, f"day={i % 7}/{i:02}.parquet", pa.table({"x": rows}) if rows else empty)
    for i in sorted(range(30), key=lambda i: (i % 7, i)):
        expected["x"] += range(i, i + i % 4)
        expected["day"] += [i % 7] * (i % 4)
    source = as_source(tmp_path)
    assert read(source) == expected
    assert [day for batch in source.batches(["day"]) for day in batch["day"].to_pylist()] == (
        expected["day"]
    )


def test_rows_are_counted_from_footers_that_arrow_does_not_read(tmp_path, monkeypatch):
    sizes = [1, 0, 63, 64, 127, 128, 8_191, 8_192, 20_000]
    for i, size in enumerate(sizes):
        texts = pa.array(["a"] * size, pa.string())
        write(tmp_path, f"{i}.parquet", {"x": pa.array(range(size), pa.int64()), "y": texts})
    opened = []
    open_footer = parquet._opened
    monkeypatch.setattr(parquet, "_opened", lambda path: opened.append(path) or open_footer(path))
    assert as_source(tmp_path).rows == sum(sizes)
    assert opened == [str(tmp_path / "0.parquet")]


def test_a_file_with_damaged_row_groups_is_an_error(tmp_path):
    for name in "ab":
        write(tmp_path, f"{name}.parquet", {"x": [1, 2]})
    content = bytearray((tmp_path / "b.parquet").read_bytes())
    footer = parquet.footer_of(str(tmp_path / "b.parquet"))[1]
    contents = parquet.described(str(tmp_path / "b.parquet"), footer)
    first, last = len(contents.start) + 8, len(footer) - len(contents.end) - 8
    at = len(content) - 8 - len(footer)
    content[at + first : at + last] = b"\xff" * (last - first)
    (tmp_path / "b.parquet").write_bytes(content)
    assert (
        mg.Completeness()
        .run(data=tmp_path)
        .reason.startswith(f"the Parquet file '{tmp_path / 'b.parquet'}' can't be read: ")
    )


def test_types_that_only_the_schema_of_arrow_tells_apart(tmp_path):
    write(tmp_path, "a.parquet", {"x": pa.array([1], pa.duration("s"))})
    write(tmp_path, "b.parquet", {"x": pa.array([1], pa.int64())})
    pq.write_table(pa.table({"x": [1]}), tmp_path / "c.parquet", store_schema=False)
    assert "have different columns or types: 'x'" in mg.Completeness().run(data=tmp_path).reason
    (tmp_path / "a.parquet").unlink()
    assert read(as_source(tmp_path)) == {"x": [1, 1]}


def test_files_whose_schemas_differ_in_metadata_alone_are_one_table(tmp_path):
    for i in range(9):
        field = pa.field("x", pa.int64(), nullable=i % 2 == 0, metadata={"note": f"{i % 3}"})
        write(tmp_path, f"{i}.parquet", pa.table({"x": [i]}, schema=pa.schema([field])))
    assert read(as_source(tmp_path)) == {"x": list(range(9))}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems allow no such names")
def test_a_file_with_a_name_that_is_no_text(tmp_path):
    write(tmp_path, "a.parquet", {"x": [1]})
    (tmp_path / "a.parquet").rename(tmp_path / os.fsdecode(b"\xff"))
    assert read(as_source(tmp_path)) == {"x": [1]}


def test_structs_of_other_names_are_not_taken_for_each_other(tmp_path):
    # Without Arrow's own schema, which pyarrow would write into the file.
    for name, column in {"a": "first", "b": "second"}.items():
        table = pa.table({column: [{"x": 1}], "y": [2]})
        pq.write_table(table, tmp_path / f"{name}.parquet", store_schema=False)
    reason = mg.Completeness().run(data=tmp_path).reason
    assert reason.startswith(
        "the files 'a.parquet' and 'b.parquet' have different columns or types: 'first', 'second'"
    )


def test_a_name_is_not_taken_for_the_number_of_rows(tmp_path):
    name = "a\x16\x02\x19"  # the bytes of the number 1 in a footer
    for file, column in {"a": {"b": [1]}, "b": {"c": ["other"]}}.items():
        table = pa.table({name: [1], **column})
        pq.write_table(table, tmp_path / f"{file}.parquet", store_schema=False)
    result = mg.Completeness(columns=[name]).run(data=tmp_path)
    assert "have different columns or types: 'b', 'c'" in result.reason
