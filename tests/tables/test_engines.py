"""Lazy tables: polars LazyFrames and DuckDB relations."""

import duckdb
import polars as pl
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.tables import containers
from mlgates.tables.source import as_source, through_narwhals

ROWS = {"x": [1.5, None, 3.5], "s": ["a", "b", None], 'we"ird': [1, 2, 3]}
KINDS = {"x": "float", "s": "string", 'we"ird': "int"}


def relation(rows=ROWS):
    return duckdb.from_arrow(pa.table(rows))


def read(source, columns=None):
    return pa.concat_tables(source.batches(columns)).to_pydict()


@pytest.mark.parametrize("make", [pl.LazyFrame, relation], ids=["polars", "duckdb"])
def test_a_lazy_table_is_described_and_read_like_its_table(make):
    source = as_source(make(ROWS))
    assert {name: field.kind for name, field in source.schema.items()} == KINDS
    assert source.rows is None
    assert read(source) == ROWS
    assert read(source) == ROWS  # the query runs again
    assert read(source, ['we"ird', "x"]) == {'we"ird': [1, 2, 3], "x": [1.5, None, 3.5]}
    assert sum(batch.num_rows for batch in source.batches([])) == 3


@pytest.mark.parametrize("make", [pl.LazyFrame, relation], ids=["polars", "duckdb"])
def test_a_lazy_table_without_rows_has_one_batch_with_its_columns(make):
    empty = pa.table({"x": pa.array([], pa.float64()), "s": pa.array([], pa.string())})
    plan = pl.from_arrow(empty).lazy() if make is pl.LazyFrame else duckdb.from_arrow(empty)
    source = as_source(plan)
    assert [field.kind for field in source.schema.values()] == ["float", "string"]
    assert read(source) == {"x": [], "s": []}
    assert mg.Completeness().run(data=plan).verdict is mg.Verdict.FAIL


def test_more_rows_than_a_batch_holds_arrive_in_order():
    numbers = pl.LazyFrame({"x": range(300_000)})
    batches = list(as_source(numbers).batches())
    assert len(batches) > 1 or not hasattr(pl.LazyFrame, "collect_batches")
    assert pa.concat_tables(batches)["x"].to_pylist() == list(range(300_000))


@pytest.mark.parametrize("make", [pl.LazyFrame, relation], ids=["polars", "duckdb"])
def test_the_verdict_is_that_of_the_table(make):
    suite = mg.GateSuite(
        [
            mg.Completeness(max_missing=0.4),
            mg.Schema(
                {
                    "x": mg.Column("float", nullable=True),
                    "s": mg.Column("string", nullable=True),
                    'we"ird': "int",
                }
            ),
        ]
    )
    plan, table = suite.run(data=make(ROWS)), suite.run(data=pa.table(ROWS))
    assert plan.passed
    seen = [
        [(c.subject, c.metric, c.value, c.n) for r in x for c in r.checks] for x in (plan, table)
    ]
    assert seen[0] == seen[1]


def test_a_polars_query_that_fails_is_an_error_of_the_gates():
    broken = pl.LazyFrame({"x": ["1", "Ann Lee"]}).select(pl.col("x").cast(pl.Int64))
    result = mg.Completeness().run(data=broken)
    assert result.verdict is mg.Verdict.ERROR
    assert result.reason.startswith("polars can't run the query: InvalidOperationError; ")
    assert "Ann" not in str(result)
    absent = pl.LazyFrame({"x": [1]}).select("y")
    assert mg.Completeness().run(data=absent).reason == (
        "polars can't run the query: ColumnNotFoundError; run the query alone to see the whole "
        "message, which may contain data"
    )


def test_a_duckdb_query_that_fails_is_an_error_of_the_gates():
    broken = duckdb.sql("select cast(t.v as int) as x from (values ('1'), ('Ann Lee')) t(v)")
    result = mg.Completeness().run(data=broken)
    assert result.verdict is mg.Verdict.ERROR
    assert result.reason.startswith("DuckDB can't run the query: ")
    assert "Ann" not in str(result)


def test_function_gates_get_a_lazy_table_as_an_arrow_table():
    seen = []

    @mg.gate
    def look(data):
        seen.append(data)
        return True

    assert look.run(data=pl.LazyFrame(ROWS)).passed
    assert seen[0].to_pydict() == ROWS


@pytest.mark.parametrize("make", [pl.DataFrame, pl.LazyFrame], ids=["eager", "lazy"])
def test_narwhals_is_the_last_resort(make, monkeypatch):
    table = through_narwhals(make({"x": [1, 2]}))
    assert table.to_pydict() == {"x": [1, 2]}
    monkeypatch.setattr(containers, "kind_of", lambda value: "other")
    monkeypatch.delattr(pl.DataFrame, "__arrow_c_stream__")
    source = as_source(make({"x": [1, 2]}))
    assert (source.origin, read(source)) == (f"polars.{make.__name__}", {"x": [1, 2]})


def test_objects_that_narwhals_does_not_support_are_no_tables():
    assert through_narwhals(object()) is None
    with pytest.raises(mg.EvidenceError, match="got object, which is not a table; a table is"):
        as_source(object())
