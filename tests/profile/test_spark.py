"""Spark DataFrames as evidence, with Spark where it is installed, else a stand-in."""

import datetime as dt
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import spark_stand_in

import mlgates as mg
from mlgates.verdict import Verdict

REAL = find_spec("pyspark") is not None
NOW = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
ROWS = 4_000


def table(seed=0, rows=ROWS, shift=0.0):
    """Columns of all the types that Spark and Parquet share."""
    rng = np.random.default_rng(seed)
    x, text = rng.normal(shift, 1, rows), rng.choice(["a", "b", "é"], rows)
    seen = NOW - dt.timedelta(hours=1) - rng.integers(0, 10**6, rows) * dt.timedelta(seconds=1)
    columns = {
        "x": pa.array(np.where(rng.random(rows) < 0.05, np.nan, x)),
        "single": pa.array(x.astype(np.float32)),
        "count": pa.array(rng.integers(-5, 5, rows), mask=rng.random(rows) < 0.1),
        "small": pa.array(rng.integers(0, 9, rows), pa.int16()),
        "text": pa.array(text, mask=rng.random(rows) < 0.2),
        "a.b `c`": pa.array(rng.random(rows) < 0.5),
        "price": pa.array([Decimal(int(v)) / 100 for v in 1000 * x], pa.decimal128(12, 2)),
        "seen": pa.array(seen, pa.timestamp("us", "UTC")),
        "local": pa.array([s.replace(tzinfo=None) for s in seen], pa.timestamp("us")),
        "day": pa.array([s.date() for s in seen]),
        "list": pa.array([[1, 2]] * rows),
        "empty": pa.array([None] * rows, pa.string()),
    }
    return pa.table(columns)


@pytest.fixture(scope="module")
def session():
    if not REAL:
        yield spark_stand_in.Session()
        return
    from real_spark import Session

    with Session() as real:
        yield real


@pytest.fixture(scope="module")
def baseline():
    return mg.Baseline.from_data(table(1))


SUITE = mg.GateSuite(
    [
        mg.Schema(
            {
                "x": mg.Column("float", nullable=True, at_least=-3),
                "count": mg.Column("int", nullable=True, isin=range(-4, 5)),
                "text": mg.Column("string", nullable=True, matches="a|b"),
                "price": mg.Column("number", at_most=Decimal("20.5")),
                "small": mg.Column("int", unique=True),
                "seen": "timestamp",
                "local": "timestamp",
                "list": "any",
            }
        ),
        mg.Completeness(max_missing={"x": 0.1, "*": 1.0}, by="text"),
        mg.Freshness("seen", max_age="2h", max_gap="1h"),
        mg.Rule("x > 0 or count < 3"),
        mg.Unique(["count", "small"]),
        mg.Statistic("mean", "x", at_least=-0.1),
        mg.Drift("psi", exclude=["seen", "local", "day", "list"]),
        mg.Drift("ks", columns=["x", "single", "count"]),
    ]
)


def outcome(report):
    """What the verdict rests on; a local run has row numbers, and Spark has none."""
    return {
        (result.name, c.subject, c.metric, c.group): (c.verdict, c.value, c.n, c.dropped, c.p_value)
        for result in report
        for c in result.checks
    }


@pytest.mark.parametrize("shift", [0.0, 0.5])
@pytest.mark.parametrize("partitions", [1, 5])
def test_verdicts_are_those_of_the_same_parquet(session, baseline, tmp_path, partitions, shift):
    data = table(2, shift=shift)
    pq.write_table(data, tmp_path / "data.parquet")
    local = SUITE.run(data=tmp_path / "data.parquet", reference=baseline, now=NOW)
    report = SUITE.run(data=session.frame(data, partitions), reference=baseline, now=NOW)
    assert outcome(report) == outcome(local)
    ours, theirs = (each.provenance["tables"]["data"] for each in (report, local))
    assert ours["fingerprint"] == theirs["fingerprint"]
    assert (ours["origin"], ours["rows"]) == ("pyspark.DataFrame", ROWS)
    assert ours["columns"] == theirs["columns"]


def test_partitions_and_tables_without_rows(session, baseline):
    few = session.frame(table(2, rows=3), 6)
    report = SUITE.run(data=few, reference=baseline, now=NOW)
    assert outcome(report) == outcome(SUITE.run(data=table(2, rows=3), reference=baseline, now=NOW))
    nothing = session.frame(table(2).slice(0, 0), 2)
    report = SUITE.run(data=nothing, reference=baseline, now=NOW)
    assert outcome(report) == outcome(
        SUITE.run(data=table(2).slice(0, 0), reference=baseline, now=NOW)
    )


def test_a_spark_reference_becomes_a_baseline(session, baseline):
    gate = mg.Drift("psi", exclude=["seen", "local", "day", "list"])
    expected = gate.run(data=table(2), reference=baseline)
    report = gate.run(data=session.frame(table(2), 3), reference=session.frame(table(1), 4))
    assert report.checks == expected.checks
    made = mg.Baseline.from_data(session.frame(table(1), 4))
    assert made.fingerprint == baseline.fingerprint
    assert made.distributions == baseline.distributions


def test_a_plan_can_be_made_from_a_spark_frame(session, baseline):
    frame = session.frame(table(2), 2)
    plan = SUITE.plan(data=frame, reference=baseline, now=NOW)
    assert plan == SUITE.plan(data=table(2), reference=baseline, now=NOW)
    whole = plan.count(frame)
    assert whole.fingerprint == plan.count(table(2)).fingerprint
    report = SUITE.run(data=whole, reference=baseline, now=NOW)
    assert outcome(report) == outcome(SUITE.run(data=table(2), reference=baseline, now=NOW))


def test_gates_that_need_rows_are_errors_and_leave_the_others_alone(session, baseline):
    def odd(data):
        return [True] * len(data)

    suite = mg.GateSuite(
        [
            mg.MultivariateDrift(),
            mg.Completeness(by={"odd": odd}, name="odd"),
            mg.Completeness(max_missing=1.0),
        ]
    )
    report = suite.run(data=session.frame(table(2), 2), reference=table(1))
    verdicts = [result.verdict for result in report]
    assert verdicts == [Verdict.ERROR, Verdict.ERROR, Verdict.PASS]
    assert report["multivariate_drift"].reason == (
        "the rows of a Spark DataFrame are counted by Spark and not collected, but they are needed "
        "here; if they fit into memory, give df.toArrow()"
    )
    assert report["odd"].reason == (
        "`data` is a Spark DataFrame, but this gate calls a function with the whole table; write "
        "the condition as a string, or pass df.toArrow()"
    )


BY_ROW = [
    mg.Rule("x > 0 or count < 3"),
    mg.Completeness(max_missing={"x": 0.1, "*": 1.0}, by="text"),
    mg.Freshness("seen", max_age="2h", min_fresh_share=0.5),
    mg.Schema({"x": mg.Column("float", at_least=-3), "a.b `c`": "bool", "price": "number"}),
]


@pytest.mark.parametrize("gate", BY_ROW, ids=lambda gate: gate.kind)
def test_offending_rows_are_those_of_the_table(session, gate):
    data = table(2).drop_columns(["list", "empty"]).append_column("row", pa.array(range(ROWS)))
    expected = gate.offending_rows(data, now=NOW) if "now" in gate.optional_evidence else None
    if expected is None:
        expected, found = gate.offending_rows(data), gate.offending_rows(session.frame(data, 3))
    else:
        found = gate.offending_rows(session.frame(data, 3), now=NOW)
    found = found.toArrow().sort_by("row")
    assert 0 < len(expected) < ROWS
    assert found.column_names == expected.column_names
    assert found.drop_columns("x").to_pylist() == expected.drop_columns("x").to_pylist()


def test_offending_rows_of_rules_that_compare_rows_are_refused(session):
    def odd(data):
        return [True] * len(data)

    frame = session.frame(table(2), 3)
    unique = mg.Schema({"small": mg.Column("int", unique=True)}, name="unique")
    for gate in (mg.Unique("small"), unique, mg.Completeness(by={"odd": odd})):
        with pytest.raises(mg.EvidenceError) as caught:
            gate.offending_rows(frame)
        assert str(caught.value) == (
            f"{gate.name}: on a Spark DataFrame, `offending_rows` works only for gates that judge "
            "each row by itself, and this gate compares rows; if the rows fit into memory, give "
            "df.toArrow()"
        )
    with pytest.raises(mg.EvidenceError, match="`absent` is not in"):
        mg.Rule("absent > 0").offending_rows(frame)


def test_workers_without_the_library_are_an_error():
    cannot_import = (
        "the Python of Spark's workers can't import mlgates; install it there, for example in the "
        "environment of the cluster, or set PYSPARK_PYTHON"
    )
    reasons = {
        "ModuleNotFoundError: No module named 'mlgates'": cannot_import,
        "lost": "Spark could not count the DataFrame: RuntimeError",
    }
    for text, reason in reasons.items():
        error = RuntimeError(text)
        frame = spark_stand_in.DataFrame([table(2)], error=error)
        result = mg.Completeness().run(data=frame)
        assert result.verdict is Verdict.ERROR
        assert result.reason == reason


def test_frames_without_arrow_are_refused():
    class DataFrame:
        """As pandas-on-Spark."""

    DataFrame.__module__ = "pyspark.pandas.frame"
    result = mg.Completeness().run(data=DataFrame())
    assert result.reason == (
        "got a pandas-on-Spark DataFrame, or a DataFrame of Spark 3; call .to_spark() on the "
        "first, or upgrade to Spark 4 or later"
    )
