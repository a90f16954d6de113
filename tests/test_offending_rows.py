"""`offending_rows`: all rows that break a gate's rule, in a table of the same kind."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import mlgates as mg

N = 50
NOW = datetime(2026, 3, 1, tzinfo=UTC)
RNG = np.random.default_rng(5)
COLUMNS = {
    "id": list(range(N)),
    "x": [None if i % 7 == 0 else float(i % 5) for i in range(N)],
    "y": [float(i % 11) for i in range(N)],
    "c": [None if i % 13 == 0 else "abc"[i % 3] for i in range(N)],
}
X, Y, C = COLUMNS["x"], COLUMNS["y"], COLUMNS["c"]


def of(keep):
    return [i for i in range(N) if keep(i)]


def repeats(keys):
    return [i for i, key in enumerate(keys) if None not in key and key in keys[:i]]


GATES = {
    "rule": (mg.Rule("x <= y"), of(lambda i: X[i] is not None and X[i] > Y[i])),
    "rule that tolerates": (
        mg.Rule("x <= y", max_invalid=1.0),
        of(lambda i: X[i] is not None and X[i] > Y[i]),
    ),
    "rule with missing": (
        mg.Rule("x <= y", missing="invalid"),
        of(lambda i: X[i] is None or X[i] > Y[i]),
    ),
    "rule by value": (
        mg.Rule("x <= y", by="c"),
        of(lambda i: X[i] is not None and X[i] > Y[i]),
    ),
    "rule by condition": (
        mg.Rule("x <= y", by={"few": "y < 3", "b": "c == 'b'"}),
        of(lambda i: X[i] is not None and X[i] > Y[i] and (Y[i] < 3 or C[i] == "b")),
    ),
    "rule of a function": (
        mg.Rule(lambda table: pa.compute.less(table["y"], 9), name="few"),
        of(lambda i: Y[i] >= 9),
    ),
    "schema": (
        mg.Schema(
            {
                "x": mg.Column("float", nullable=True, at_most=3),
                "y": mg.Column("float", unique=True),
                "c": mg.Column("string", isin=["a", "b"]),
            },
            extra="allow",
        ),
        of(lambda i: X[i] == 4 or i >= 11 or C[i] in (None, "c")),
    ),
    "schema of types": (mg.Schema({"x": mg.Column("int", nullable=True)}, extra="allow"), []),
    "schema with a pattern": (
        mg.Schema({"c": mg.Column("string", nullable=True, matches="[ac]")}, extra="allow"),
        of(lambda i: C[i] == "b"),
    ),
    "completeness": (mg.Completeness(), of(lambda i: None in (X[i], C[i]))),
    "completeness of a column": (mg.Completeness("x", max_missing=0.9), of(lambda i: X[i] is None)),
    "completeness with values": (
        mg.Completeness(["x", "y"], missing_values=[7]),
        of(lambda i: X[i] is None or Y[i] == 7),
    ),
    "completeness by value": (mg.Completeness("x", by="y"), of(lambda i: X[i] is None)),
    "unique": (mg.Unique(["x", "c"]), repeats(list(zip(X, C, strict=True)))),
    "unique rows": (mg.Unique(), []),
}


@pytest.mark.parametrize("case", GATES)
def test_all_rows_that_break_the_rule(case):
    gate, rows = GATES[case]
    frame = pd.DataFrame(COLUMNS, index=[f"r{i}" for i in range(N)])
    found = gate.offending_rows(frame)
    pd.testing.assert_frame_equal(found, frame.iloc[rows])
    assert len(rows) == 0 or len(gate.offending_rows(frame.drop(found.index))) == 0


class Exporter:
    """An object that only exports an Arrow stream."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def one_file(folder: Path) -> Path:
    pq.write_table(pa.table(COLUMNS), folder / "t.parquet", row_group_size=7)
    return folder / "t.parquet"


def csv_file(folder: Path) -> Path:
    pa.csv.write_csv(pa.table(COLUMNS), folder / "t.csv")
    return folder / "t.csv"


def many_files(folder: Path) -> Path:
    for start in range(0, N, 6):
        pq.write_table(pa.table(COLUMNS).slice(start, 6), folder / f"{start:03}.parquet")
    return folder


FORMS = {
    "pandas": (lambda _: pd.DataFrame(COLUMNS), pd.DataFrame),
    "polars": (lambda _: pl.DataFrame(COLUMNS), pl.DataFrame),
    "polars lazy": (lambda _: pl.LazyFrame(COLUMNS), pl.DataFrame),
    "table": (lambda _: pa.table(COLUMNS), pa.Table),
    "record batch": (lambda _: pa.record_batch(COLUMNS), pa.RecordBatch),
    "reader": (lambda _: pa.table(COLUMNS).to_reader(max_chunksize=9), pa.Table),
    "capsule": (lambda _: Exporter(pa.table(COLUMNS)), pa.Table),
    "duckdb": (lambda _: duckdb.from_arrow(pa.table(COLUMNS)), pa.Table),
    "dict of lists": (lambda _: dict(COLUMNS), dict),
    "dict of others": (
        lambda _: {
            "id": range(N),
            "x": pa.chunked_array([X]),
            "y": np.array(Y),
            "c": Exporter(pa.chunked_array([C])),
        },
        dict,
    ),
    "dict of series": (
        lambda _: {"id": pd.Series(range(N)), "x": pl.Series(X), "y": tuple(Y), "c": C},
        dict,
    ),
    "list of dicts": (lambda _: pa.table(COLUMNS).to_pylist(), list),
    "structured array": (
        lambda _: np.array(
            [(i, np.nan if X[i] is None else X[i], Y[i]) for i in range(N)],
            dtype=[("id", "i8"), ("x", "f8"), ("y", "f8")],
        ),
        np.ndarray,
    ),
    "file": (one_file, pa.Table),
    "csv": (csv_file, pa.Table),
    "folder": (many_files, pa.Table),
    "list of files": (lambda folder: sorted(many_files(folder).iterdir()), pa.Table),
}


def ids(table):
    if isinstance(table, list):
        return [row["id"] for row in table]
    return [int(value.as_py() if isinstance(value, pa.Scalar) else value) for value in table["id"]]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", ["rule", "unique rows"])
def test_the_rows_are_in_a_table_of_the_same_kind(form, case, tmp_path):
    make, kind = FORMS[form]
    gate, rows = GATES[case]
    found = gate.offending_rows(make(tmp_path))
    assert isinstance(found, kind)
    assert ids(found) == rows
    if kind is dict:
        assert [len(column) for column in found.values()] == [len(rows)] * 4


def test_a_matrix_keeps_its_columns():
    matrix = np.array([[1.0, 2.0], [5.0, 4.0], [3.0, 1.0]])
    assert mg.Rule("x0 <= x1").offending_rows(matrix).tolist() == [[5, 4], [3, 1]]


def test_a_file_is_never_held_as_a_whole(tmp_path, monkeypatch):
    path = one_file(tmp_path)
    read = []
    concat = pa.concat_tables

    def counting(tables, **options):
        tables = list(tables)
        read.append(sum(map(len, tables)))
        return concat(tables, **options)

    monkeypatch.setattr("mlgates.tables.source.pa.concat_tables", counting)
    found = mg.Schema({"y": mg.Column("float", at_most=9)}, extra="allow").offending_rows(path)
    assert ids(found) == of(lambda i: Y[i] == 10)
    assert read[-1] == len(found)


QUERIES = {
    "duckdb": lambda: duckdb.sql("select range as x from range(2000) order by random()"),
    "polars": lambda: pl.LazyFrame({"x": range(2000)}).select(pl.col("x").shuffle()),
}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_whose_rows_have_no_fixed_order_is_run_once(name):
    gate = mg.Schema({"x": mg.Column("int", at_most=1899)})
    assert sorted(gate.offending_rows(QUERIES[name]())["x"].to_pandas()) == [*range(1900, 2000)]


INDEXES = {
    "duplicates": [0] * N,
    "several levels": pd.MultiIndex.from_arrays([range(N), ["a"] * N], names=["i", "j"]),
    "times": pd.date_range("2026-01-01", periods=N, tz="UTC"),
}


@pytest.mark.parametrize("name", INDEXES)
def test_any_index_is_kept(name):
    frame = pd.DataFrame(COLUMNS).set_index(pd.Index(INDEXES[name]))
    gate, rows = GATES["rule"]
    pd.testing.assert_frame_equal(gate.offending_rows(frame), frame.iloc[rows])


def test_types_are_kept():
    frame = pl.DataFrame(
        {"x": [1, -1], "c": ["a", "b"], "d": [[1], [2]]},
        schema_overrides={"x": pl.Int8, "c": pl.Categorical},
    )
    gate = mg.Rule("x > 0")
    assert gate.offending_rows(frame).schema == frame.schema
    assert gate.offending_rows(frame.lazy()).schema == frame.schema
    table = pa.table(
        {"x": pa.array([1, -1], pa.int8()), "c": pa.array(["a", "b"]).dictionary_encode()}
    )
    assert gate.offending_rows(table).schema == table.schema


def test_a_table_without_rows_has_none():
    empty = pd.DataFrame(COLUMNS).head(0)
    for gate in (mg.Completeness(), mg.Unique(), mg.Schema({"x": "float"}, extra="allow")):
        assert gate.offending_rows(empty).equals(empty)


def test_keys_of_folders_are_columns(tmp_path):
    for key in ("1", "2"):
        (tmp_path / f"k={key}").mkdir()
        pq.write_table(pa.table({"x": [1, -int(key), 3]}), tmp_path / f"k={key}" / "part.parquet")
    found = mg.Schema({"x": mg.Column("int", at_least=0), "k": "string"}).offending_rows(tmp_path)
    assert found.select(["x", "k"]).to_pydict() == {"x": [-1, -2], "k": ["1", "2"]}


def test_leakage_needs_the_reference():
    gate = mg.Leakage("x")
    data, reference = {"x": [1.0, 2.0, 3.0, 2.0]}, {"x": [2, 3, 9]}
    assert gate.offending_rows(data, reference=reference) == {"x": [2.0, 3.0, 2.0]}
    with pytest.raises(
        mg.EvidenceError, match=r"^the gate needs `reference`, which was not given$"
    ):
        gate.offending_rows(data)
    with pytest.raises(mg.EvidenceError, match="the reference is a baseline"):
        gate.offending_rows(data, reference=mg.Baseline.from_data(data))


@pytest.mark.parametrize(("share", "rows"), [(None, [1, 3]), (0.5, [1, 2, 3])])
def test_freshness_finds_missing_future_and_old_timestamps(share, rows):
    ages = [timedelta(hours=1), None, timedelta(hours=30), timedelta(hours=-3), timedelta(0)]
    stamps = [None if age is None else NOW - age for age in ages]
    gate = mg.Freshness("at", max_age="24h", min_fresh_share=share)
    found = gate.offending_rows({"row": [0, 1, 2, 3, 4], "at": stamps}, now=NOW)
    assert found["row"] == rows


def test_completeness_by_condition_finds_rows_of_its_slices():
    gate = mg.Completeness("x", by={"late": lambda table: table["id"] > 20})
    found = gate.offending_rows(pd.DataFrame(COLUMNS))
    assert found["id"].to_list() == of(lambda i: i > 20 and X[i] is None)


@pytest.mark.parametrize("gate", [mg.Drift("psi"), mg.Performance("accuracy", at_least=0.5)])
def test_a_gate_that_judges_no_rows_names_those_that_do(gate):
    with pytest.raises(mg.OptionError) as caught:
        gate.offending_rows({"x": [1]}, **{key: {"x": [1]} for key in gate.needs - {"data"}})
    assert str(caught.value) == (
        f"{gate.name}: `offending_rows` is for gates that judge each row (Completeness, "
        f"Freshness, Leakage, Rule, Schema, Unique), not for {type(gate).__name__}"
    )


@pytest.mark.parametrize(
    ("gate", "message"),
    [
        (mg.Rule("xx < 1"), "`xx` is not in the table; did you mean 'x'?"),
        (mg.Unique("idd"), "`idd` is not in the table; did you mean 'id'?"),
        (mg.Completeness("xx"), "`xx` is not in the table; did you mean 'x'?"),
        (mg.Freshness("at", max_age="1h"), "`at` is not in the table"),
        (
            mg.Freshness("y", max_age="1h"),
            (
                "`y` has type float64 (Arrow double), expected timestamps or dates; convert "
                "epoch times, with their unit, to timestamps when the table is loaded"
            ),
        ),
    ],
    ids=["rule", "unique", "completeness", "freshness", "freshness of numbers"],
)
def test_a_column_that_can_not_be_judged_raises(gate, message):
    with pytest.raises(mg.EvidenceError) as caught:
        gate.offending_rows(COLUMNS)
    assert str(caught.value) == message


def test_what_is_no_table_and_unknown_evidence_raise():
    gate = mg.Rule("x < 1")
    with pytest.raises(mg.EvidenceError, match="`data` must be a table, got int"):
        gate.offending_rows(5)
    with pytest.raises(mg.EvidenceError, match="the gate needs `data`, which was not given"):
        gate.offending_rows(None)
    with pytest.raises(mg.EvidenceError, match="did you mean 'reference'"):
        gate.offending_rows(COLUMNS, refrence=COLUMNS)


def test_a_suite_finds_its_gate():
    rule = mg.Rule("x <= y")
    suite = mg.GateSuite(
        [rule, mg.Completeness("x"), mg.GateSuite([mg.Completeness("c")], name="inner")]
    )
    expected = rule.offending_rows(COLUMNS)
    for name in ("rule:x <= y", "rule", "rule:*"):
        assert suite.offending_rows(name, COLUMNS) == expected
    found = suite.offending_rows("inner/completeness", COLUMNS)
    assert found["id"] == of(lambda i: C[i] is None)
    assert suite.offending_rows("completeness", COLUMNS)["id"] == of(lambda i: X[i] is None)
    with pytest.raises(mg.OptionError) as caught:
        suite.offending_rows("rul", COLUMNS)
    assert "'rul' matches no gate" in str(caught.value)
    with pytest.raises(mg.OptionError) as caught:
        suite.offending_rows("*completeness", COLUMNS)
    assert str(caught.value) == (
        "GateSuite.offending_rows: '*completeness' matches several gates "
        "('completeness', 'inner/completeness'); name one of them"
    )


def test_row_numbers_are_right_over_many_batches(tmp_path):
    for part in range(3):
        values = RNG.permutation(90_000).astype(float)
        pq.write_table(pa.table({"x": values}), tmp_path / f"{part}.parquet")
    whole = pq.read_table(tmp_path)["x"].to_numpy()
    gate = mg.Schema({"x": mg.Column("float", at_least=50)})
    assert gate.offending_rows(tmp_path)["x"].to_pylist() == whole[whole < 50].tolist()
    found = mg.Unique("x").offending_rows(tmp_path)["x"].to_numpy()
    assert np.array_equal(found, whole[90_000:])
