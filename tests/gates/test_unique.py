"""Repeated keys: verdicts, reasons, missing values, types, containers and streams."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gate_examples import Example
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.profile.keys import KeyCounter, KeyHashes
from mlgates.profile.scan import Profile
from mlgates.tables.hashing import row_hashes
from mlgates.tables.source import as_source
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
VISITS = {"patient": [1, 1, 2, 1, None], "day": ["mo", "tu", "mo", "mo", "mo"]}


def hashes(**columns):
    source = as_source(pa.table(columns))
    (batch,) = source.batches()
    return row_hashes([(batch.column(name), source.schema[name]) for name in columns])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 3}, "`columns` must be"),
        ({"columns": []}, "`columns` must be"),
        ({"max_duplicates": 5}, "write 0.05"),
        ({"missing": "drop"}, "`missing` must be one of 'ignore', 'value', got 'drop'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Unique(**options)
    assert message in str(caught.value)


def test_names():
    assert mg.Unique().name == "unique"
    assert mg.Unique(["id", "day"]).name == "unique:id,day"


@pytest.mark.parametrize(
    ("options", "verdict", "reason"),
    [
        (
            {"columns": ["patient", "day"]},
            FAIL,
            (
                "1 of 4 rows (25 %) repeats the values of `patient`, `day` in an earlier row, "
                "first at row 3; 1 row has a missing value (not counted); the limit is at most 0 %"
            ),
        ),
        ({"columns": ["patient", "day"], "max_duplicates": 0.25}, PASS, ""),
        ({"columns": "patient"}, FAIL, "2 of 4 rows (50 %) repeat the values of `patient`"),
        ({"columns": "day", "missing": "value"}, FAIL, "3 of 5 rows (60 %) repeat the values of"),
        ({"columns": "patient", "missing": "value"}, FAIL, "; 1 row has no value (not counted); "),
        ({}, FAIL, "1 of 4 rows (25 %) repeats an earlier row, first at row 3"),
        ({"missing": "value"}, FAIL, "1 of 5 rows (20 %) repeats an earlier row, first at row 3;"),
        ({"columns": ["patient", "dya"]}, ERROR, "`dya` is not in the table; did you mean 'day'?"),
    ],
)
def test_verdict_and_reason(options, verdict, reason):
    result = mg.Unique(**options).run(data=VISITS)
    assert result.verdict is verdict, str(result)
    assert reason in result.reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            {"id": pa.array([], pa.int64())},
            "`duplicates` of `id` is undefined (n = 0); no rows to measure",
        ),
        ({"id": [None, None]}, "(n = 0); all 2 rows have a missing value in `id` (limit"),
        ({"id": [float("nan")]}, "; the only row has a missing value in `id` (limit: at most 0 %)"),
    ],
)
def test_nothing_to_judge_is_inconclusive(data, reason):
    result = mg.Unique("id", inconclusive="allow").run(data=data)
    assert result.verdict is INCONCLUSIVE
    assert not result.passed
    assert reason in result.reason


def test_a_nested_column_is_an_error_that_names_it():
    result = mg.Unique().run(data=pa.table({"x": [[1], [1]]}))
    assert result.verdict is ERROR
    assert "'x'" in result.reason


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (pa.array([1], pa.int8()), pa.array([1.0]), True),
        (pa.array([1], pa.uint64()), pa.array([Decimal("1.00")]), True),
        (pa.array([2**63], pa.uint64()), pa.array([2.0**63]), True),
        (pa.array([2**53 + 1]), pa.array([2.0**53]), False),
        (pa.array([2**53 + 1]), pa.array([Decimal(2**53 + 1)]), True),
        (pa.array([-(2**63)]), pa.array([-(2.0**63)]), True),
        (pa.array([-0.0]), pa.array([0]), True),
        (pa.array([0.5]), pa.array([Decimal("0.5")]), True),
        (pa.array([0.1]), pa.array([Decimal("0.10")]), True),
        (pa.array([float("inf")]), pa.array([float("-inf")]), False),
        (pa.array([float("nan")]), pa.nulls(1), True),
        (pa.array([0]), pa.nulls(1), False),
        (pa.array([1]), pa.array([True]), False),
        (pa.array([1]), pa.array(["1"]), False),
        (pa.array(["a"]), pa.array(["a"]).dictionary_encode(), True),
        (pa.array(["a"]), pa.array(["a"], pa.string_view()), True),
        (pa.array(["a"]), pa.array([b"a"]), False),
        (pa.array([""]), pa.nulls(1, pa.string()), False),
        (pa.array(["a" * 8]), pa.array(["a" * 9]), False),
        (pa.array(["a\x00"]), pa.array(["a"]), False),
        (pa.array(["x" * 200 + "a"]), pa.array(["x" * 200 + "b"]), False),
        (pa.array([1], pa.timestamp("s")), pa.array([10**9], pa.timestamp("ns")), True),
        (pa.array([1], pa.timestamp("s")), pa.array([1], pa.timestamp("s", "UTC")), False),
        (pa.array([dt.date(2026, 1, 1)]), pa.array([dt.datetime(2026, 1, 1)]), True),
        (pa.array([1], pa.duration("s")), pa.array([1000], pa.duration("ms")), True),
    ],
)
def test_rows_are_compared_by_value(left, right, equal):
    same = np.array_equal(hashes(x=left), hashes(x=right))
    assert same is equal


def test_columns_do_not_swap():
    assert not np.array_equal(hashes(a=[1], b=[2]), hashes(a=[2], b=[1]))
    assert not np.array_equal(hashes(a=["x"], b=["yz"]), hashes(a=["xy"], b=["z"]))


values = st.none() | st.integers(-3, 3) | st.sampled_from([0.5, 1.5, 2.0**60, -1.0])
rows = st.lists(st.tuples(values, st.sampled_from(["", "a", "b", "long text " * 5])), max_size=30)


@given(rows, st.integers(0, 30), st.sampled_from(["ignore", "value"]))
def test_repeats_equal_a_slow_count_however_the_rows_are_split(table, cut, missing):
    x = pa.array([None if row[0] is None else float(row[0]) for row in table], pa.float64())
    arrow = pa.table({"x": x, "t": pa.array([row[1] for row in table], pa.string())})
    seen, repeats = set(), []
    for place, row in enumerate(table):
        if missing == "ignore" and row[0] is None:  # (the text is never missing)
            continue
        if row in seen:
            repeats.append(place)
        seen.add(row)
    counter = KeyCounter(("x", "t"), missing_is_value=missing == "value")
    whole = Profile.of(arrow, [counter])[counter]
    first, second = (Profile.of(part, [counter])[counter] for part in (arrow[:cut], arrow[cut:]))
    merged = first.merge(second, shift=min(cut, len(table)))
    for state in (whole, merged, KeyHashes.from_bytes(merged.to_bytes())):
        assert (state.count, state.rows) == (len(repeats), tuple(repeats[:5]))
    assert merged == whole


@pytest.mark.parametrize("make", ["arrow", "pandas", "polars", "file"])
def test_every_container_gives_the_same(make, tmp_path):
    table = pa.table({"x": [1, 2, 1] * 60_000, "y": ["a", "b", None] * 60_000})
    pq.write_table(table, tmp_path / "t.parquet")
    data = {
        "arrow": table,
        "pandas": table.to_pandas(),
        "polars": pl.from_arrow(table),
        "file": tmp_path / "t.parquet",
    }[make]
    result = mg.Unique(["x", "y"], missing="value").run(data=data)
    assert result.checks[0].details["rows"] == (3, 4, 5, 6, 7)
    assert result.checks[0].value == (180_000 - 3) / 180_000


def test_pandas_objects_are_compared_by_their_values():
    assert mg.Unique().run(data=pd.DataFrame({"x": ["a", "b"], "y": [1, 1]})).passed


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example("unique", mg.Unique()),
    Example(
        "unique-options",
        mg.Unique(
            ["country", "age"], max_duplicates=0.9, missing="value", name="visits", after="schema"
        ),
        ladders={"max_duplicates": (1.0, 0.9, 0.5, 0.1, 0.0)},
    ),
)
