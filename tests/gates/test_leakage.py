"""Rows that two tables share: verdicts, reasons, types, containers, references without rows."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gate_examples import Example, people

import mlgates as mg
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
TRAIN = {"id": [1, 2, 3], "age": [31, 44, 45], "city": ["Bonn", "Ulm", None]}
TEST = {"id": [4, 2, 5, 3], "age": [52.0, 44.0, 31.0, 45.0], "city": ["Bonn", "Ulm", None, None]}


def run(data=None, reference=None, **options):
    gate = mg.Leakage(**options)
    return gate.run(data=TEST if data is None else data, reference=reference or TRAIN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 3}, "`columns` must be"),
        ({"at_most": 5}, "write 0.05"),
        ({"at_most": -0.1}, "`at_most` must be"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Leakage(**options)
    assert message in str(caught.value)


def test_names():
    assert (mg.Leakage().name, mg.Leakage("id").name) == ("leakage", "leakage:id")


@pytest.mark.parametrize(
    ("options", "verdict", "reason"),
    [
        (
            {},
            FAIL,
            (
                "2 of 4 rows (50 %) are also in the reference: row 1 (row 1 there), row 3 "
                "(row 2 there); the limit is at most 0 %"
            ),
        ),
        ({"at_most": 0.5}, PASS, ""),
        (
            {"columns": "age"},
            FAIL,
            "3 of 4 rows (75 %) have the same `age` as a row of the reference: row 1 (row 1",
        ),
        ({"columns": ["id", "aeg"]}, ERROR, "`aeg` is not in `data`; did you mean 'age'?"),
    ],
)
def test_verdict_and_reason(options, verdict, reason):
    result = run(**options)
    assert result.verdict is verdict, str(result)
    assert reason in result.reason


def test_details_name_the_first_pairs():
    (check,) = run().checks
    assert dict(check.details) == {
        "count": 2,
        "pairs": ((1, 1), (3, 2)),
        "columns": ("age", "city", "id"),
    }


@pytest.mark.parametrize(
    ("data", "reference", "verdict", "reason"),
    [
        ({"id": pa.array([], pa.int64())}, TRAIN, INCONCLUSIVE, "the data has no rows with values"),
        (TEST, {"id": pa.array([], pa.int64())}, INCONCLUSIVE, "the reference has no rows with v"),
        ({"x": [1]}, TRAIN, ERROR, "`data` and `reference` have no column in common"),
        ({"id": [[1]]}, {"id": [[1]]}, ERROR, "'id'"),
    ],
)
def test_without_rows_or_columns_nothing_passes(data, reference, verdict, reason):
    result = mg.Leakage(inconclusive="allow").run(data=data, reference=reference)
    assert result.verdict is verdict, str(result)
    assert not result.passed
    assert reason in result.reason


def test_a_baseline_or_profile_has_no_rows(tmp_path):
    baseline = mg.Baseline.from_data(TRAIN)
    baseline.save(tmp_path / "b.json")
    for reference in (baseline, tmp_path / "b.json", mg.Profile.of(TRAIN)):
        result = mg.Leakage().run(data=TEST, reference=reference)
        assert result.verdict is ERROR
        assert "pass the table itself" in result.reason


@pytest.mark.parametrize("make", ["arrow", "pandas", "polars", "file"])
def test_every_container_gives_the_same(make, tmp_path):
    rng = np.random.default_rng(0)
    train = pa.table({"x": rng.permutation(300_000), "t": rng.choice(["a", "b"], 300_000)})
    data = pa.concat_tables([train.slice(1_000, 10), pa.table({"x": [-1], "t": ["a"]})])
    pq.write_table(train, tmp_path / "t.parquet")
    reference = {
        "arrow": train,
        "pandas": train.to_pandas(),
        "polars": pl.from_arrow(train),
        "file": tmp_path / "t.parquet",
    }[make]
    (check,) = mg.Leakage().run(data=data, reference=reference).checks
    assert check.value == 10 / 11
    assert check.details["pairs"] == tuple((i, 1_000 + i) for i in range(5))


def test_two_gates_share_one_scan():
    suite = mg.GateSuite([mg.Leakage(at_most=0.6), mg.Leakage("id", at_most=0.6), mg.Drift("ks")])
    report = suite.run(data=pd.DataFrame(TEST), reference=pd.DataFrame(TRAIN))
    assert [report[name].verdict for name in ("leakage", "leakage:id")] == [PASS, PASS]


# the laws of all gates (tests/test_every_gate.py)


def strangers() -> pa.Table:
    """A table without rows of the example table, and with one row of its damaged form."""
    table = people()
    ids, countries = np.asarray(table["id"]) + 10_000, table["country"].to_pylist()
    ids[0], countries[0] = table["id"][4].as_py(), table["country"][5].as_py()
    table = table.set_column(0, "id", pa.array(ids))
    return table.set_column(2, "country", pa.array(countries))


EXAMPLES = (
    Example("leakage", mg.Leakage(), others={"reference": strangers()}),
    Example(
        "leakage-options",
        mg.Leakage(["id", "country"], at_most=0.1, name="same_people", after="schema"),
        others={"reference": strangers()},
        ladders={"at_most": (1.0, 0.5, 0.0)},
    ),
)
