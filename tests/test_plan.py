"""Parts of a table that are counted apart, and merged, are judged as the whole table."""

import pickle
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gate_examples import NOW
from test_every_gate import EXAMPLES

import mlgates as mg
from mlgates.profile import serialization
from mlgates.profile.counters import Distribution

ROWS = 3_000


def table(rows=ROWS, seed=0):
    """A table of all kinds of columns, with missing cells, infinities and repeated keys."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    x[rng.random(rows) < 0.01], x[:2] = np.nan, np.inf
    seen = [NOW - timedelta(seconds=int(s)) for s in rng.integers(0, 40_000, rows)]
    return pa.table(
        {
            "x": x,
            "half": pa.array(rng.normal(size=rows).astype(np.float32)),
            "k": pa.array(rng.integers(0, 50, rows), mask=rng.random(rows) < 0.05),
            "c": pa.array(rng.choice(["a", "b", "ä"], rows)).dictionary_encode(),
            "s": pa.array([f"{i % 40}" if i % 7 else None for i in range(rows)]),
            "price": pa.array([Decimal(i) / 4 for i in range(rows)], pa.decimal128(12, 2)),
            "on": pa.array(rng.random(rows) < 0.5),
            "seen": pa.array(seen, pa.timestamp("us", "UTC")),
            "local": pa.array([t.replace(tzinfo=None) for t in seen], pa.timestamp("ms")),
            "day": pa.array(range(rows), pa.date32()),
            "none": pa.nulls(rows),
            "nested": pa.array([[1]] * rows),
        }
    )


COLUMNS = {
    "x": mg.Column("float", at_least=-3),
    "half": "float",
    "k": mg.Column("int", isin=[1, 2], nullable=True),
    "c": mg.Column("string", isin=["a", "b"]),
    "s": mg.Column("string", matches="[0-9]+", unique=True, nullable=True),
    "price": mg.Column("number", at_most=500, unique=True),
    "on": mg.Column("bool", isin=[True]),
    "seen": "timestamp",
    "day": mg.Column("date", at_least=datetime(1971, 1, 1).date()),
}
SUITE = mg.GateSuite(
    [
        mg.Schema(COLUMNS, extra="allow"),
        mg.Completeness(missing_values=[7, "3"], max_row_change=0.5),
        mg.Completeness(by="c", name="completeness by c"),
        mg.Completeness(by={"many": "k > 30"}, name="completeness of a slice"),
        mg.Freshness("seen", max_age="5min", max_gap="1h", min_fresh_share=0.1),
        mg.Freshness("local", max_age="1h", by="c", assume_timezone="Europe/Berlin"),
        mg.Drift("psi"),
        mg.Drift("ks"),
        mg.Drift("wasserstein", exclude="x"),
        mg.Drift("chi2", bins=20),
        mg.Statistic("mean", "half", at_least=0),
        mg.Statistic("std", "half", max_relative_change=0.1),
        mg.Statistic("max", "price", at_most=700),
        mg.Statistic("rate", "on", at_least=0.4),
        mg.Rule("x > -2 and s == '3'", by="s"),
        mg.Rule("price >= 2.5", name="price"),
        mg.Unique(["k", "s"], name="keys"),
    ]
)
BASELINE = mg.Baseline.from_data(table(2_000, seed=1))


def measured(report):
    """What a report says of each check, without the order of checks and row numbers.

    Intervals can depend on the order of the rows by rounding.
    """
    return {
        (result.name, check.subject, check.metric, check.group): (
            check.verdict,
            check.value,
            check.n,
            check.interval and tuple(f"{end:.9g}" for end in check.interval),
            check.p_value,
            check.limit,
            check.dropped,
        )
        for result in report.results
        for check in result.checks
    }


def merged(profiles):
    whole, *rest = profiles
    for profile in rest:
        whole = whole.merge(profile)
    return whole


def parts_of(whole, ends=(0, 700, 700, 701, 2_000, ROWS)):
    """Consecutive parts of a table; one has no rows, and one has a single row."""
    return [whole.slice(start, end - start) for start, end in pairwise(ends)]


def test_merged_parts_give_the_verdicts_and_values_of_the_whole_table():
    whole = table()
    plan = pickle.loads(pickle.dumps(SUITE.plan(data=whole.schema, reference=BASELINE, now=NOW)))
    assert len(pickle.dumps(plan)) < 40_000
    parts = [plan.count(part).to_bytes() for part in parts_of(whole)]
    local = SUITE.run(data=whole, reference=BASELINE, now=NOW)
    expected = measured(local)
    for order in (parts, parts[::-1], [parts[i] for i in (3, 0, 4, 2, 1)]):
        profile = merged(map(mg.Profile.from_bytes, order))
        report = SUITE.run(data=profile, reference=BASELINE, now=NOW)
        assert [r.verdict for r in report.results] == [r.verdict for r in local.results]
        assert measured(report) == expected
        found, wanted = (r.provenance["tables"]["data"] for r in (report, local))
        assert dict(found) == {**wanted, "origin": "profile"}
    assert not any(v[0] is mg.Verdict.ERROR for v in expected.values())


def test_merging_is_commutative_and_associative():
    plan = SUITE.plan(data=table(5), reference=BASELINE, now=NOW)
    a, b, c, d, e = (plan.count(part) for part in parts_of(table()))
    assert a.merge(d) == d.merge(a)
    assert a.merge(d).merge(e) == a.merge(d.merge(e)) == e.merge(a).merge(d)
    assert a.merge(b) == a
    assert b.merge(c) == c
    assert merged([e, d, c, b, a]) == plan.count(table())


def test_a_profile_survives_its_bytes():
    for rows in (0, 1, 500):
        profile = SUITE.plan(data=table(5), reference=BASELINE, now=NOW).count(table(rows))
        again = mg.Profile.from_bytes(profile.to_bytes())
        assert again == profile
        assert again.fingerprint == profile.fingerprint
        assert again.to_bytes() == profile.to_bytes()


def test_the_profile_of_a_table_survives_its_bytes_without_row_numbers():
    profile = mg.Profile.of(table())
    again = mg.Profile.from_bytes(profile.to_bytes())
    assert again == profile.planned()
    assert again[Distribution("x")] == profile[Distribution("x")]
    assert mg.Baseline.from_data(again) == mg.Baseline.from_data(table())


def test_a_part_is_small():
    rng = np.random.default_rng(2)
    rows = 30_000
    stamps = [NOW - timedelta(milliseconds=int(ms)) for ms in rng.integers(0, 10**8, rows)]
    part = pa.table(
        {
            "x": rng.normal(size=rows),
            "c": rng.choice(["a", "b", "c"], rows),
            "seen": pa.array(stamps, pa.timestamp("us", "UTC")),
        }
    )
    baseline = mg.Baseline.from_data(part)
    suite = mg.GateSuite(
        [
            mg.Schema({"x": mg.Column("float", at_least=-9), "c": "string", "seen": "timestamp"}),
            mg.Completeness(),
            mg.Freshness("seen", max_age="24h", max_gap="1h"),
            mg.Drift("psi"),
            mg.Drift("ks"),
            mg.Drift("wasserstein"),
        ]
    )
    size = len(suite.plan(data=part, reference=baseline).count(part).to_bytes())
    assert size < 150_000


def test_a_part_without_values_in_a_column():
    suite = mg.GateSuite([mg.Completeness(max_missing=0.9), mg.Drift("psi", min_samples=2)])
    whole = {"x": [None, None, 1.5, 2.5], "c": [None, None, "a", "b"]}
    baseline = mg.Baseline.from_data(whole)
    plan = suite.plan(data=whole, reference=baseline)
    parts = [plan.count({name: cells[i : i + 2] for name, cells in whole.items()}) for i in (0, 2)]
    local = suite.run(data=whole, reference=baseline)
    for order in (parts, parts[::-1]):
        report = suite.run(data=merged(order), reference=baseline)
        assert measured(report) == measured(local)


def test_parts_of_pandas_where_integers_became_floats():
    suite = mg.GateSuite([mg.Completeness(max_missing=0.9), mg.Drift("ks", min_samples=2)])
    whole = pd.DataFrame({"k": [1, 2, None, 4]})
    baseline = mg.Baseline.from_data(whole)
    plan = suite.plan(data=whole, reference=baseline)
    one, two = plan.count(pd.DataFrame({"k": [1, 2]})), plan.count(whole.iloc[2:])
    report = suite.run(data=one.merge(two), reference=baseline)
    assert measured(report) == measured(suite.run(data=whole, reference=baseline))


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if "data" in e.gate.needs], ids=lambda e: e.id
)
def test_a_gate_judges_merged_parts_as_the_whole_table_or_says_why_not(example):
    suite = mg.GateSuite([replace(example.gate, after=())])
    given = {"now": NOW, **example.evidence()}
    data = given.pop("data")
    local = suite.run(data=data, **given)
    plan = suite.plan(data=data, reference=given.get("reference"), now=given["now"])
    whole = pa.table(data) if not isinstance(data, str | Path) else pq.read_table(data)
    parts = [plan.count(part) for part in parts_of(whole, (0, 1, 50, 50, len(whole)))]
    report = suite.run(data=merged(parts[::-1]), **given)
    if report.verdict is mg.Verdict.ERROR is not local.verdict:
        needs_rows = (
            "`data` is a profile, which has counts and no rows; pass the table itself",
            "the gate calls a function with the whole table, which a profile does not have",
        )
        assert any(said in report.results[0].reason for said in needs_rows)
    else:
        assert measured(report) == measured(local)


def test_workers_load_neither_pandas_nor_models():
    folder = Path(sys.executable).parent
    plan = SUITE.plan(data=table(5), reference=BASELINE, now=NOW)
    code = (
        "import pickle, sys; plan = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "import pyarrow as pa; part = pa.ipc.open_stream(bytes.fromhex(sys.stdin.read()));"
        "counted = plan.count(part.read_all()); data = counted.to_bytes();"
        "type(counted).from_bytes(data).merge(counted);"
        "heavy = {'pandas', 'scipy', 'sklearn', 'fairlearn', 'matplotlib', 'narwhals', 'polars'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    sink = pa.BufferOutputStream()
    whole = table()
    with pa.ipc.new_stream(sink, whole.schema) as writer:
        writer.write_table(whole)
    found = subprocess.run(
        [str(folder / Path(sys.executable).name), "-c", code, pickle.dumps(plan).hex()],
        input=sink.getvalue().to_pybytes().hex(),
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == "[]"


# Profiles that don't belong to the run

DRIFT = mg.GateSuite([mg.Completeness(max_row_change=0.9), mg.Drift("psi"), mg.Drift("ks")])


def verdicts(report):
    return [result.verdict for result in report.results]


def test_a_profile_for_another_reference_is_an_error_of_the_gates_that_compare():
    data = table().select(["half", "c"])
    other = mg.Baseline.from_data(table(2_000, seed=5).select(["half", "c"]))
    same = mg.Baseline.from_data(table(2_000, seed=1).select(["half", "c"]))
    profile = DRIFT.plan(data=data, reference=other).count(data)
    report = DRIFT.run(data=profile, reference=same)
    assert verdicts(report) == [mg.Verdict.ERROR] * 3
    assert report.results[0].reason == (
        "`data` is a profile that this gate can't use: the profile was made for another reference; "
        "make the profile with the `plan` of this suite and reference"
    )
    assert report.results[1].reason == (
        "`data` is a profile that this gate can't use: the profile was made for another suite, "
        "reference or table; make the profile with the `plan` of this suite and reference"
    )


def test_a_profile_for_the_same_values_in_another_reference_is_an_error():
    """The counts of texts do not depend on the reference, but the plan names it."""
    data = {"c": ["a"] * 50 + ["b"] * 50}
    suite = mg.GateSuite([mg.Drift("psi")])
    first, second = (mg.Baseline.from_data({"c": ["a", "b"] * n}) for n in (50, 60))
    profile = suite.plan(data=data, reference=first).count(data)
    assert suite.run(data=profile, reference=first).verdict is mg.Verdict.PASS
    report = suite.run(data=profile, reference=second)
    assert report.verdict is mg.Verdict.ERROR
    assert "the profile was made for another reference" in report.results[0].reason


def test_a_profile_for_another_suite_is_an_error():
    plan = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1, 2]})
    suite = mg.GateSuite([mg.Schema({"x": mg.Column("int", at_least=0)}), mg.Completeness()])
    report = suite.run(data=plan.count({"x": [1, 2]}))
    assert verdicts(report) == [mg.Verdict.ERROR, mg.Verdict.PASS]
    assert report.results[0].reason == (
        "`data` is a profile that this gate can't use: the profile was made for another suite, "
        "reference or table; make the profile with the `plan` of this suite and reference"
    )


def test_checks_that_a_profile_was_not_made_for_say_what_it_lacks():
    plan = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1, 2]})
    report = mg.GateSuite([mg.Completeness(missing_values=[7])]).run(data=plan.count({"x": [1]}))
    assert report.results[0].checks[1].reason == (
        "`missing` of `x` could not be judged: the profile has no counts of `x` for this gate: it "
        "was made for another suite or table; make it with the `plan` of this suite, or pass the "
        "rows"
    )
    assert report.verdict is mg.Verdict.ERROR


def test_repeated_keys_of_merged_parts_have_no_row_numbers():
    suite = mg.GateSuite([mg.Unique("x")])
    plan = suite.plan(data={"x": [1]})
    report = suite.run(data=plan.count({"x": [1, 2]}).merge(plan.count({"x": [1, 3]})))
    assert report.results[0].reason == (
        "1 of 4 rows (25 %) repeats the values of `x` in an earlier row; the limit is at most 0 %"
    )


def test_rules_that_differ_only_in_a_function_are_told_apart():
    def suite(most):
        return mg.GateSuite(
            [mg.Rule(lambda table: [x < most for x in table["x"].to_pylist()], name="few")]
        )

    one, other = (suite(most) for most in (5, 2))
    profile = one.plan(data={"x": [1]}).count({"x": [1, 3]})
    assert one.run(data=profile).verdict is mg.Verdict.PASS
    assert suite(5).run(data=profile).verdict is mg.Verdict.PASS
    assert other.run(data=profile).verdict is mg.Verdict.ERROR


def test_gates_that_need_rows_say_so():
    @mg.gate
    def positive(data):
        return min(data["x"]) > 0

    suite = mg.GateSuite([mg.Completeness(), positive, mg.MultivariateDrift()])
    rows = {"x": [1.0, 2.0] * 200, "c": ["a", "b"] * 200}
    profile = suite.plan(data=rows, reference=rows).count(rows)
    report = suite.run(data=profile, reference=rows)
    assert verdicts(report) == [mg.Verdict.PASS, mg.Verdict.ERROR, mg.Verdict.ERROR]
    said = "`data` is a profile, which has counts and no rows; pass the table itself"
    assert [result.reason for result in report.results[1:]] == [said, said]


def test_a_function_of_the_whole_table_is_not_called_with_parts():
    gate = mg.Completeness(by={"all": lambda table: [True] * len(table["x"])})
    suite = mg.GateSuite([gate])
    report = suite.run(data=suite.plan(data={"x": [1]}).count({"x": [1]}))
    assert report.results[0].reason == (
        "`data` is a profile that this gate can't use: the gate calls a function with the whole "
        "table, which a profile does not have; pass the table itself"
    )


def test_an_exception_of_a_counter_is_an_error_after_merging():
    suite = mg.GateSuite([mg.Completeness(), mg.Rule("name > 3")])
    rows = {"name": ["a", "b"]}
    plan = suite.plan(data=rows)
    profile = mg.Profile.from_bytes(plan.count(rows).to_bytes()).merge(plan.count(rows))
    assert verdicts(suite.run(data=profile)) == [mg.Verdict.PASS, mg.Verdict.ERROR]
    assert suite.run(data=profile).results[1].reason == suite.run(data=rows).results[1].reason


# Time


def test_a_profile_of_yesterday_is_judged_now():
    suite = mg.GateSuite([mg.Freshness("seen", max_age="24h")])
    rows = pa.table({"seen": pa.array([NOW - timedelta(hours=2)], pa.timestamp("us", "UTC"))})
    profile = suite.plan(data=rows, now=NOW).count(rows)
    assert suite.run(data=profile, now=NOW).verdict is mg.Verdict.PASS
    late = suite.run(data=profile, now=NOW + timedelta(days=1)).results[0]
    assert late.reason == (
        "the newest timestamp of `seen` is 26 h old (2026-03-01T10:00:00Z); the "
        "limit is at most 24 h"
    )
    assert suite.run(data=profile).verdict is mg.Verdict.FAIL


def test_the_share_of_fresh_rows_is_known_for_the_time_of_the_plan():
    suite = mg.GateSuite([mg.Freshness("seen", max_age="24h", min_fresh_share=0.5)])
    rows = pa.table({"seen": pa.array([NOW - timedelta(hours=2)], pa.timestamp("us", "UTC"))})
    plan = suite.plan(data=rows, now=NOW)
    profile = plan.count(rows)
    assert suite.run(data=profile, now=plan.now).verdict is mg.Verdict.PASS
    report = suite.run(data=profile, now=NOW + timedelta(hours=1))
    assert report.verdict is mg.Verdict.ERROR
    assert report.results[0].reason == (
        "`data` is a profile that was made at another time, so it is not known how many timestamps "
        "are recent now; pass the time of the profile as `now`"
    )


# Bytes

GOLDEN = Path(__file__).parent / "data" / "profiles"


def golden():
    """The suite, the table and the time of the golden files."""
    return SUITE, table(), NOW


def test_golden_files_of_this_version_are_read_for_ever():
    suite, whole, now = golden()
    baseline = mg.Baseline.load(GOLDEN / "baseline.json")
    names = ("part-1.bin", "part-2.bin")
    parts = [mg.Profile.from_bytes((GOLDEN / name).read_bytes()) for name in names]
    local = suite.run(data=whole, reference=baseline, now=now)
    report = suite.run(data=merged(parts), reference=baseline, now=now)
    assert measured(report) == measured(local)
    assert merged(parts) == suite.plan(data=whole, reference=baseline, now=now).count(whole)


def damaged(data, at):
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


GOOD = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1]}).count({"x": [1]}).to_bytes()
FOREIGN = "the bytes are not a profile written by `to_bytes`"
CHANGED = "the SHA-256 of the profile does not match: its bytes were changed or truncated"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", FOREIGN),
        (b"PAR1 something", FOREIGN),
        (pickle.dumps({}), FOREIGN),
        ("text", f"{FOREIGN}: got str, expected bytes"),
        (None, f"{FOREIGN}: got NoneType, expected bytes"),
        (GOOD[:-1], CHANGED),
        (GOOD[:100], CHANGED),
        (damaged(GOOD, -9), CHANGED),
        (damaged(GOOD, 25), CHANGED),
        (
            GOOD.replace(b"mlgates profile 1", b"mlgates profile 2", 1),
            "the profile has format version 2, this mlgates reads version 1",
        ),
        (serialization.to_bytes("state", ("Ecdf", ())), FOREIGN),
        (
            serialization.to_bytes("profile", (1, 2)),
            f"{FOREIGN}: not enough values to unpack (expected 5, got 2)",
        ),
    ],
)
def test_damaged_foreign_and_newer_bytes_are_refused(data, message):
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Profile.from_bytes(data)
    assert str(caught.value) == message


def test_states_of_unknown_classes_are_refused():
    profile = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1]}).count({"x": [1]})
    parts = serialization.from_bytes("profile", profile.to_bytes())
    named = (*parts[:-1], tuple((key, "Foreign", state) for key, _, state in parts[-1]))
    message = "the Python class 'Foreign' of a stored result is not known; import the module that "
    message += "defines the class"
    with pytest.raises(mg.EvidenceError, match=f"^{message}$"):
        mg.Profile.from_bytes(serialization.to_bytes("profile", named))


# Calls that raise


def test_a_plan_needs_a_table_and_a_reference_that_can_be_read(tmp_path):
    suite = mg.GateSuite([mg.Completeness(), mg.Drift("psi")])
    with pytest.raises(
        mg.EvidenceError,
        match=r"^`data` must be a table, got int; a table is a pandas, polars or Spark DataFrame",
    ):
        suite.plan(data=7)
    with pytest.raises(mg.EvidenceError, match="No such file"):
        suite.plan(data={"x": [1]}, reference=tmp_path / "absent.json")
    with pytest.raises(mg.EvidenceError, match=r"^`now` must be a datetime with a time zone"):
        suite.plan(data={"x": [1]}, now=datetime(2026, 1, 1))


def test_profiles_of_different_plans_are_not_merged():
    rows = {"x": [1.5, 2.5]}
    suite = mg.GateSuite([mg.Completeness()])
    one = suite.plan(data=rows).count(rows)
    with pytest.raises(mg.EvidenceError, match="their plans were made with different references"):
        one.merge(suite.plan(data=rows, reference=mg.Baseline.from_data(rows)).count(rows))
    other = mg.GateSuite([mg.Schema({"x": mg.Column("float", at_least=0)})]).plan(data=rows)
    with pytest.raises(mg.EvidenceError, match="only one of them has results of 'In x "):
        one.merge(other.count(rows))


def test_a_profile_merges_with_profiles_only():
    profile = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1]}).count({"x": [1]})
    with pytest.raises(
        mg.EvidenceError, match=r"^Profile.merge: `other` must be a Profile, got bytes$"
    ):
        profile.merge(profile.to_bytes())


def test_a_part_that_lacks_a_column_is_refused():
    plan = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1], "y": [2]})
    with pytest.raises(mg.EvidenceError, match="'y'"):
        plan.count({"x": [1]})


def test_the_clock_of_a_plan_is_the_present():
    before = datetime.now(UTC)
    now = mg.GateSuite([mg.Completeness()]).plan(data={"x": [1]}).now
    assert before <= now <= datetime.now(UTC)


if __name__ == "__main__":  # writes the golden files of this version
    GOLDEN.mkdir(parents=True, exist_ok=True)
    BASELINE.save(GOLDEN / "baseline.json")
    suite, whole, now = golden()
    plan = suite.plan(data=whole.schema, reference=GOLDEN / "baseline.json", now=now)
    for i, part in enumerate(parts_of(whole, (0, 1_000, ROWS)), 1):
        (GOLDEN / f"part-{i}.bin").write_bytes(plan.count(part).to_bytes())
