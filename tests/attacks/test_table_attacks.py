"""Cells that would crash the process, overflow, or affect the other columns."""

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASS, FAIL, ERROR = mg.Verdict.PASS, mg.Verdict.FAIL, mg.Verdict.ERROR


def test_cells_nested_too_deep_do_not_crash_the_process():
    # Arrow recurses in C, so this runs in a process of its own.
    code = """
import mlgates as mg, pandas as pd
deep, ring, table = [], [], {}
for _ in range(100_000):
    deep = [deep]
ring += [ring, ring]
table["a"] = table
for cell in (deep, ring, table, {"a": deep}, (deep,)):
    for data in ({"bad": [cell], "x": [1]}, pd.DataFrame({"bad": [cell], "x": [1]})):
        result = mg.Schema({"bad": "any", "x": "int"}).run(data=data)
        print(*(check.verdict for check in result.checks if check.subject == "x"))
        result = mg.Completeness("x", by={"all": lambda table: [cell]}).run(data={"x": [1]})
        print(result.verdict)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert done.stdout.split("\n")[:-1] == ["pass pass", "error"] * 10


def test_cells_nested_less_deep_are_values():
    table = {"x": [[[1.0], []], None, [[2.0]]], "y": [{"a": [{"b": 1}]}, None, {}]}
    result = mg.Schema({"x": mg.Column("any", nullable=True), "y": mg.Column("any", nullable=True)})
    assert result.run(data=table).passed


# The right hour, day and nanosecond, 2**64 hours, 2**32 days and 2**64 nanoseconds later.
WRAPPED = [
    np.array([492_299 + 2**60], "M8[h]"),
    np.array([20_513 + 2**32], "M8[D]"),
    [np.datetime64("2026-03-01T11", "ns"), np.datetime64("2610-09-20", "D")],
    [np.datetime64(20_513 + 2**32, "D")],
]


@pytest.mark.parametrize("stamps", WRAPPED, ids=range(4))
def test_times_out_of_range_are_never_wrapped_into_it(stamps):
    gate = mg.Freshness("at", max_age="24h", assume_timezone="UTC")
    result = gate.run(data={"at": stamps}, now=NOW)
    assert result.verdict is ERROR


@pytest.mark.parametrize(
    "stamps",
    [
        np.array(["2026-03-01T11", "NaT"], "M8[h]"),
        np.array(["2026-03-01", "NaT"], "M8[D]"),
        np.array(["2026-03", "NaT"], "M8[M]"),
        np.array(["2026", "0001"], "M8[Y]"),
        [np.datetime64("2026-03-01T11", "ns"), np.datetime64("2026-02-28", "D"), None],
        [np.datetime64("2026-03-01T11", "h")],
        np.array([5, "NaT"], "m8[h]"),
    ],
    ids=range(7),
)
def test_times_in_range_are_read_in_every_unit(stamps):
    result = mg.Schema({"at": mg.Column("any", nullable=True, unique=True)}).run(
        data={"at": stamps}
    )
    assert result.passed, result.reason


def test_a_date64_that_is_no_day_affects_no_other_column():
    odd = pa.array([1, None], pa.int64()).view(pa.date64())
    table = pa.table({"odd": odd, "x": [1, 2]})
    result = mg.Schema({"odd": mg.Column("date", nullable=True), "x": "int"}).run(data=table)
    assert {(c.subject, c.metric): c.verdict for c in result.checks if c.subject != "columns"} == {
        ("odd", "type"): FAIL,
        ("x", "type"): PASS,
        ("x", "missing"): PASS,
    }
    assert (
        "column 'odd' of type date64[ms] has a value that is not a whole day or not in the range "
        "of dates; correct the value, or cast the column to timestamp[ms]"
    ) in str(result.reason)
    assert mg.Completeness(max_missing=0.5).run(data=table).passed


def test_decimals_of_a_negative_scale_are_compared_exactly():
    cells = pa.array([Decimal(1200), Decimal(300)], pa.decimal128(5, -2))
    rules = {"isin": [1200, 300.0], "at_least": 250, "at_most": 1_200.5}
    assert mg.Schema({"x": mg.Column("number", **rules)}).run(data={"x": cells}).passed
    rules = {"isin": [1200, 3], "at_least": 301}
    result = mg.Schema({"x": mg.Column("number", **rules)}).run(data={"x": cells})
    counts = {c.metric: c.details["count"] for c in result.checks if not c.passed}
    assert counts == {"range": 1, "isin": 1}


@pytest.mark.parametrize("answer", [{True, False}, {True: 1, False: 0}], ids=["set", "dict"])
def test_a_condition_that_returns_no_order_is_an_error(answer):
    gate = mg.Completeness("x", by={"some": lambda table: answer})
    assert gate.run(data=pd.DataFrame({"x": [1, 2]})).verdict is ERROR


BIG = [3, 2**53 + 1, 2**100, None]
INTEGERS = {
    "list": lambda cells: {"x": cells},
    "polars": lambda cells: pl.DataFrame({"x": pl.Series(cells, dtype=pl.Int128)}),
    "lazy": lambda cells: pl.LazyFrame({"x": pl.Series(cells, dtype=pl.Int128)}),
    "arrow": lambda cells: pa.table({"x": pa.array(cells, pa.decimal128(38, 0))}),
    "duckdb": lambda cells: duckdb.from_arrow(
        pa.table({"x": pa.array(cells, pa.decimal128(38, 0))})
    ),
    "pandas": lambda cells: pd.DataFrame(
        {"x": pd.array(cells, dtype=pd.ArrowDtype(pa.decimal128(38, 0)))}
    ),
}


@pytest.mark.parametrize("cells", [[1, 2, 2, None], BIG], ids=["small", "large"])
@pytest.mark.parametrize("make", INTEGERS.values(), ids=INTEGERS)
def test_integers_beyond_64_bits_are_integers_whatever_their_values(make, cells):
    table = make(cells)
    assert dict(mg.Schema.infer(table).columns)["x"] == mg.Column("int", nullable=True)
    most = max(filter(None, cells))
    rules = {"at_least": 1, "at_most": most, "isin": [1, 2, *BIG[:3]], "nullable": True}
    assert mg.Schema({"x": mg.Column("int", **rules)}).run(data=table).passed
    rules = {"at_most": most - 1, "isin": cells[:2], "nullable": True, "unique": True}
    result = mg.Schema({"x": mg.Column("int", **rules)}).run(data=table)
    small = cells is not BIG
    counts = {c.metric: c.details["count"] for c in result.checks if not c.passed}
    assert counts == ({"range": 2, "unique": 1} if small else {"range": 1, "isin": 1})
    profile = mg.Profile.of(table, ())
    assert (profile.columns["x"].min, profile.columns["x"].max) == (cells[0], most)
    assert type(profile.columns["x"].max) is int
    float_ = mg.Schema({"x": mg.Column("float", nullable=True)}).run(data=table)
    assert float_.verdict is FAIL


def test_sums_of_duckdb_are_integers():
    sums = duckdb.sql("select sum(range) as s, range % 3 as g from range(1000) group by g")
    assert mg.Schema({"s": "int", "g": "int"}).run(data=sums).passed
    result = mg.Schema({"s": "string", "g": "int"}).run(data=sums)
    assert "int (Arrow decimal128(38, 0))" in result.checks[0].reason


def latin(cells):
    """Return texts in Latin-1 that Arrow takes for UTF-8."""
    array = pa.array([cell if cell is None else cell.encode("latin-1") for cell in cells])
    return pa.Array.from_buffers(pa.string(), len(array), array.buffers(), array.null_count)


LATIN = latin(["Bonn", None, "Zürich", "Köln"])
UNDECODABLE = {
    "arrow": pa.table({"city": LATIN, "x": [1, 2, 3, 4]}),
    "slice": pa.table({"city": pa.concat_arrays([pa.array(["a"]), LATIN]), "x": [1] * 5})[1:],
    "chunks": pa.table({"city": pa.chunked_array([LATIN[:2], LATIN[2:]]), "x": [1] * 4}),
    "category": pa.table(
        {
            "city": pa.DictionaryArray.from_arrays(pa.array([0, None, 2, 3]), LATIN.fill_null("")),
            "x": [1, 2, 3, 4],
        }
    ),
    "pandas": pd.DataFrame({"x": [1, 2, 3, 4], "city": pd.arrays.ArrowExtensionArray(LATIN)}),
}


@pytest.mark.parametrize("form", [*UNDECODABLE, "parquet"])
def test_text_that_is_not_utf8_is_an_error_of_everything_that_reads_it(form, tmp_path):
    data = UNDECODABLE["arrow" if form == "parquet" else form]
    if form == "parquet":
        pq.write_table(data, tmp_path / "t.parquet")
        data = tmp_path / "t.parquet"
    nullable = mg.Column("category" if form == "category" else "string", nullable=True)
    gates = [
        mg.Completeness(max_missing=1.0),
        mg.Schema({"city": nullable}, extra="allow"),
        mg.Schema({"city": mg.Column("any", isin=["Bonn"], max_invalid=1.0)}, extra="allow"),
        mg.Completeness("x", by="city"),
        mg.Completeness(expected={"city": ["Bonn"]}),
        mg.Drift("psi", at_most=0.2, columns=["city"]),
    ]
    expected = "column 'city' holds text that is not valid UTF-8 in row 2; decode it with its own "
    expected += "encoding, such as Latin-1, when you create the table"
    for gate in gates:
        result = gate.run(data=data, reference=data)
        assert (result.verdict, result.reason) == (ERROR, expected)
    for use in (mg.Schema.infer, mg.Baseline.from_data, mg.Profile.of):
        with pytest.raises(mg.EvidenceError, match=expected):
            use(data)
    # other columns are not affected
    assert mg.Completeness("x").run(data=data).passed
    assert mg.Schema({"x": "int"}, extra="allow").run(data=data).passed


def test_text_that_is_not_utf8_as_evidence_of_rows_is_an_error():
    result = mg.Performance("accuracy", at_least=0.0).run(y_true=LATIN[2:], y_pred=LATIN[2:])
    assert result.verdict is ERROR
    assert "`y_true` holds text that is not valid UTF-8 in row 0" in result.reason
    given = {"y_true": [0, 1], "y_pred": [0, 1], "sensitive_features": {"city": LATIN[2:]}}
    result = mg.Fairness("accuracy_difference", at_most=1.0).run(**given)
    assert "is not valid UTF-8" in result.reason


def overwritten(type_, valid, invalid, dtype=np.int32):
    """Return an array of three strings whose offsets (or views) are overwritten afterwards."""
    numbers = np.array(valid, dtype)
    array = pa.Array.from_buffers(
        type_, 3, [None, pa.py_buffer(numbers), pa.py_buffer(b"abcdefghij")]
    )
    numbers[:] = invalid
    return array


OFFSETS = [0, 2, 5, 8]
VIEWS = [[1, 97, 0, 0]] * 3
CODES = pa.array([0, 1, 2])
MALFORMED = {
    "decreasing offsets": overwritten(pa.string(), OFFSETS, [0, 5, 3, 8]),
    "decreasing offsets of 64 bits": overwritten(
        pa.large_string(), OFFSETS, [0, 5, 3, 8], np.int64
    ),
    "an offset beyond the end": overwritten(pa.string(), OFFSETS, [0, 800, 6, 8]),
    "bytes with decreasing offsets": overwritten(pa.binary(), OFFSETS, [0, 5, 3, 8]),
    "a view beyond the end": overwritten(pa.string_view(), VIEWS, [*VIEWS[:2], [20, 0, 0, 500]]),
    "a view without a buffer": overwritten(pa.string_view(), VIEWS, [*VIEWS[:2], [20, 0, 7, 0]]),
    "a negative length": overwritten(pa.string_view(), VIEWS, [*VIEWS[:2], [-5, 0, 0, 0]]),
    "a code beyond the dictionary": pa.DictionaryArray.from_arrays(CODES, ["a", "b"], safe=False),
    "a negative code": pa.DictionaryArray.from_arrays([0, -1, 1], ["a", "b"], safe=False),
    "a code beyond a dictionary of numbers": pa.DictionaryArray.from_arrays(
        CODES, [1, 2], safe=False
    ),
    "a dictionary with decreasing offsets": pa.DictionaryArray.from_arrays(
        CODES, overwritten(pa.string(), OFFSETS, [0, 5, 3, 8])
    ),
}


def test_a_union_with_wrong_type_codes_is_an_error():
    codes = np.array([0, 1, 0], np.int8)
    union = pa.UnionArray.from_sparse(pa.array(codes), [pa.array([1, 2, 3]), pa.array(list("abc"))])
    assert mg.Completeness().run(data=pa.table({"x": union})).passed
    codes[1] = 99
    for gate in (mg.Completeness(), mg.Unique("x"), mg.Schema({"x": "any"})):
        result = gate.run(data=pa.table({"x": union}))
        assert result.verdict is ERROR
        assert "column 'x' is a malformed Arrow array" in result.reason


@pytest.mark.parametrize("array", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_arrow_array_is_an_error(array):
    said = "is a malformed Arrow array: offsets or indices point outside of its values; create it "
    said += "again, and check it by its method validate(full=True)"
    gates = [
        mg.Unique("x"),
        mg.Schema({"x": mg.Column("any", isin=["a"], max_invalid=1.0)}),
        mg.Completeness(max_missing=1.0),
        mg.Rule("x == 'a'", max_invalid=1.0),
        mg.Drift("psi", at_most=9.0),
    ]
    report = mg.GateSuite(gates).run(data=pa.table({"x": array}), reference={"x": ["a", "b"] * 99})
    for result in report:
        assert result.verdict is ERROR
        assert f"column 'x' {said}" in result.reason
    result = mg.Performance("accuracy", at_least=0.0).run(y_true=array, y_pred=["a", "b", "c"])
    assert result.verdict is ERROR
    assert said in result.reason


def test_runs_of_repeated_values_must_have_ascending_ends():
    ends = np.array([1, 2, 3], np.int32)
    runs = pa.RunEndEncodedArray.from_arrays(
        pa.Array.from_buffers(pa.int32(), 3, [None, pa.py_buffer(ends)]), pa.array(["a", "b", "c"])
    )
    assert mg.Completeness().run(data={"x": runs}).passed
    ends[:] = [2, 1, 3]
    result = mg.Completeness().run(data={"x": runs})
    assert result.verdict is ERROR
    assert "column 'x' is a malformed Arrow array" in result.reason


def test_a_csv_file_that_is_not_utf8_is_an_error(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("x,city\n1,Zürich\n".encode("latin-1"))
    result = mg.Completeness().run(data=path)
    assert result.verdict is ERROR
    assert "column 'city' of the CSV file" in result.reason


def test_bytes_behind_missing_texts_need_not_be_utf8():
    bits = pa.array([True, True, False, False]).buffers()[1]
    hidden = pa.Array.from_buffers(pa.string(), 4, [bits, *LATIN.buffers()[1:]])
    assert mg.Schema({"city": mg.Column("string", nullable=True)}).run(data={"city": hidden}).passed


def test_a_name_of_a_column_that_is_not_utf8_is_an_error():
    table = pa.table([[1]], schema=pa.schema([pa.field(b"\xff", pa.int64())]))
    assert mg.Completeness().run(data=table).reason == (
        "column names must be valid UTF-8; rename the columns when you create the table"
    )


def test_dates_of_python_are_dates():
    assert mg.Schema({"d": "date"}).run(data={"d": [date(2026, 3, 1), date(1, 1, 1)]}).passed


class Odd(list):
    """A list that can't be read."""

    def __init__(self, method):
        super().__init__([1])
        self.method = method

    def __len__(self):
        return self.raised("len") or super().__len__()

    def __iter__(self):
        self.raised("iter")
        return super().__iter__()

    def raised(self, method):
        if self.method == method:
            raise RuntimeError


def test_cells_that_raise_affect_no_other_column():
    # Arrow ignores the exception and reads invalid memory.
    for method in ("len", "iter"):
        result = mg.Schema({"bad": "string", "x": "int"}).run(data={"bad": [Odd(method)], "x": [1]})
        assert {c.metric for c in result.checks if c.subject == "x" and c.passed} == {
            "type",
            "missing",
        }


@pytest.mark.parametrize("by", [None, "g", {"all": lambda table: [True] * 3}], ids=range(3))
def test_missing_values_of_a_column_of_mixed_types_are_an_error(by):
    table = {"age": ["?", "?", 31], "g": [1, 1, 1], "x": [1, 2, 3]}
    columns = ["age", "x"]
    result = mg.Completeness(columns, missing_values=["?"], by=by, max_missing=0.1).run(data=table)
    assert {c.subject: c.verdict for c in result.checks} == {"rows": PASS, "age": ERROR, "x": PASS}
    # without such values, what is there is not missing
    assert mg.Completeness(columns, by=by).run(data=table).passed


def test_a_missing_value_after_a_blank_gets_a_hint():
    # like the Adult census data
    table = {"workclass": ["Private", " ?", " ?", "State-gov"]}
    result = mg.Completeness(missing_values=["?"]).run(data=table)
    assert "list them in `missing_values`" in result.checks[1].reason
