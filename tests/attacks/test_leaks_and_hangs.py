"""Values that leak into reports, inputs that take very long, and names that are confused."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from difflib import SequenceMatcher

import pandas as pd
import pyarrow as pa
import pytest

import mlgates as mg

ERROR = mg.Verdict.ERROR


class OneShot:
    """A stream that can be exported once, as those of some databases."""

    def __init__(self, table):
        self.reader = table.to_reader()

    def __arrow_c_stream__(self, requested_schema=None):
        return self.reader.__arrow_c_stream__(requested_schema)


class Broken:
    def __arrow_c_stream__(self, requested_schema=None):
        msg = "no row of 'Ann Lee', password=hunter2, ann@example.org"
        raise ValueError(msg)


def test_a_stream_that_can_be_read_once_is_passed_on_as_a_table():
    @mg.gate
    def positive(data):
        """Every value is positive."""
        return all(value > 0 for value in pa.table(data)["x"].to_pylist())

    # drained, it would have no value that is not positive
    negative = pa.table({"x": [-1.0]})
    assert positive.run(data=OneShot(negative)).verdict is mg.Verdict.FAIL
    report = mg.GateSuite([mg.Completeness(), positive]).run(data=OneShot(negative))
    assert report["positive"].verdict is mg.Verdict.FAIL


@pytest.mark.parametrize(
    "data",
    [
        "postgresql://ann:hunter2@db/prod",
        "https://ann:hunter2@example.org/x.parquet?token=abc",
        "s3://bucket/x?password=hunter2",
        "name,secret\nAnn Lee,hunter2",
        Broken(),
    ],
    ids=range(5),
)
def test_no_secret_of_what_was_given_for_a_table_is_in_the_report(data):
    report = mg.GateSuite([mg.Completeness()]).run(data=data)
    assert report.verdict is ERROR
    for secret in ("hunter2", "Ann Lee", "ann@example.org"):
        assert secret not in report.to_json() + str(report)


def test_the_name_of_a_file_and_the_kind_of_error_are_shown():
    assert (
        "there is no file 'absent.parquet'" in mg.Completeness().run(data="absent.parquet").reason
    )
    assert "ValueError: no row of '<text>'" in mg.Completeness().run(data=Broken()).reason


@pytest.fixture
def compared(monkeypatch):
    """Record the pairs of names that are compared, which takes 30 microseconds or more each."""
    pairs = []
    compare = SequenceMatcher.real_quick_ratio

    def recorded(matcher):
        pairs.append((matcher.a, matcher.b))
        return compare(matcher)

    monkeypatch.setattr(SequenceMatcher, "real_quick_ratio", recorded)
    return pairs


def test_a_few_names_are_compared(compared):
    mg.Schema({"income": "float"}).run(data={"incme": [1.0]})
    assert {frozenset(pair) for pair in compared} == {frozenset({"income", "incme"})}


def test_thousands_of_renamed_columns_are_not_compared_in_pairs(compared):
    declared = {f"customer_attribute_{i:05}": "int" for i in range(2_000)}
    table = pa.table({f"client_attribute_{i:05}": [1] for i in range(2_000)})
    result = mg.Schema(declared).run(data=table)
    mg.Completeness(tuple(declared)).run(data=table)
    assert len(compared) <= 2 * 5_000  # of four million pairs
    assert len(result.checks) == 4_001


def test_names_of_thousands_of_characters_are_not_compared(compared):
    declared = {"x" * 3_000 + f"{i}": "int" for i in range(40)}
    result = mg.Schema(declared).run(data={"y" + "x" * 3_000 + f"{i}": [1] for i in range(40)})
    assert result.verdict is mg.Verdict.FAIL
    assert compared == []


def test_case_is_noticed_among_a_thousand_renamed_columns():
    declared = {f"COLUMN_{i}": mg.Column("int", required=False) for i in range(300)}
    result = mg.Schema(declared).run(data={f"column_{i}": [1] for i in range(300)})
    assert result.verdict is mg.Verdict.FAIL
    assert "`COLUMN_7` is not in the table; did you mean 'column_7'?" in {
        check.reason for check in result.checks
    }


@pytest.mark.parametrize(
    ("build", "option"),
    [
        (lambda: mg.Schema([("x", "int"), ("x", "float")]), "columns"),
        (lambda: mg.Completeness(expected=[("x", ["a"]), ("x", ["b"])]), "expected"),
        (lambda: mg.Completeness(by=(("a", len), ("a", max))), "by"),
    ],
    ids=range(3),
)
def test_a_name_given_twice_is_refused(build, option):
    with pytest.raises(
        mg.OptionError, match=rf"`{option}` has .* more than once; give each name once"
    ):
        build()


def test_no_bound_is_missing():
    with pytest.raises(mg.OptionError, match=r"`at_least` must be .* got NaT"):
        mg.Column("timestamp", at_least=pd.NaT)


def test_a_set_of_times_with_and_without_zone_is_one_of_values():
    naive, aware = datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)
    assert set(mg.Column("timestamp", isin={naive, aware}).isin) == {naive, aware}


def test_sets_are_written_in_one_order():
    code = """
import mlgates as mg
print(mg.Completeness(missing_values={"?", "NA", "-", 7, 10}))
print(mg.Column("any", isin={"b", 10, 9, "a"}))
print(mg.Completeness(expected={"s": {"a", "b", "c"}}).run(data={"s": ["a"]}).reason)
"""
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(2)
    }
    assert len(said) == 1
    assert "isin=(9, 10, 'a', 'b')" in said.pop()


@pytest.mark.parametrize("depth", [99, 400, 900, 100_000])
def test_json_nested_too_deep_is_refused_or_can_be_used(tmp_path, depth):
    report = mg.GateSuite([mg.Completeness()]).run(data={"x": [1]})
    text = report.to_json().replace('"seed": null', f'"seed": {"[" * depth}{"]" * depth}')
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(mg.EvidenceError, match="nested too deeply"):
        mg.Report.load(path)
    path.write_text(text.replace("[" * depth, "[" * 50).replace("]" * depth, "]" * 50))
    loaded = mg.Report.load(path)
    assert mg.Report.from_dict(loaded.to_dict()) == loaded
