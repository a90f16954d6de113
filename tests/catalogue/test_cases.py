"""The catalogue of bad inputs and their right verdicts."""

import json

import numpy as np
import pandas as pd
import pytest
from catalogue.cases import CASES, NOW, complete, fresh, schema

import mlgates as mg
from mlgates.verdict import Verdict


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(case):
    suite = mg.GateSuite([case.gate, mg.gate(always)])
    report = suite.run(data=case.table(), now=NOW, y_true=[1])
    result = report[str(case.gate.name)]
    assert str(result.verdict) == case.verdict, result.reason
    if case.check is not None:
        subject, metric, verdict = case.check
        found = {
            str(c.verdict) for c in result.checks if (c.subject, c.metric) == (subject, metric)
        }
        assert found == {verdict}
    # no input affects another gate or breaks the report
    assert report["always"].verdict is Verdict.PASS
    assert report.passed is (case.verdict == "pass")
    assert mg.Report.from_dict(json.loads(report.to_json())) == report
    assert "\x1b" not in str(report)


def always(y_true):
    return True


def test_names_of_cases_differ():
    names = [case.id for case in CASES]
    assert len(set(names)) == len(names)


def test_every_verdict_of_every_gate_is_in_the_catalogue():
    found = {(case.gate.kind, case.verdict) for case in CASES}
    assert found == {
        (kind, verdict)
        for kind in ("schema", "completeness", "freshness")
        for verdict in ("pass", "inconclusive", "fail", "error")
    }


# Every gate against every kind of bad table


class Unhashable:
    __hash__ = None


INPUTS = {
    "0 rows": {"x": np.array([], float)},
    "1 row": {"x": [1.5]},
    "all null": {"x": [None] * 4},
    "inf": {"x": [np.inf] * 4},
    "NaN": {"x": [np.nan] * 4},
    "wrong dtype": {"x": [b"a"] * 4},
    "duplicate column": pd.DataFrame([[1.5, 2.5]], columns=["x", "x"]),
    "missing column": {"y": [1.5] * 4},
    "extra column": {"x": [1.5] * 4, "y": [1.5] * 4},
    "mixed object": {"x": [1.5, "a", None, 2]},
    "unhashable": {"x": [Unhashable(), [1], {"a": 2}, {3}]},
    "text numbers": {"x": ["1.5", "2.5", "1_000", "\u0663"]},
}
GATES = {
    "schema": schema(at_least=0),
    "completeness": complete(columns="x", max_missing=0.1),
    "freshness": fresh(),
}
MATRIX = {
    #                    schema          completeness  freshness
    "0 rows": ("inconclusive", "fail", "error"),
    "1 row": ("pass", "pass", "error"),
    "all null": ("fail", "fail", "fail"),
    "inf": ("fail", "pass", "error"),
    "NaN": ("fail", "fail", "error"),
    "wrong dtype": ("fail", "pass", "error"),
    "duplicate column": ("error", "error", "error"),
    "missing column": ("fail", "error", "error"),
    "extra column": ("fail", "pass", "error"),
    "mixed object": ("fail", "fail", "error"),
    "unhashable": ("fail", "pass", "error"),
    "text numbers": ("fail", "pass", "error"),
}


def test_matrix_has_no_blank_cell():
    assert list(MATRIX) == list(INPUTS)
    assert {len(row) for row in MATRIX.values()} == {len(GATES)}


@pytest.mark.parametrize("table", INPUTS)
@pytest.mark.parametrize("gate", GATES)
def test_matrix(table, gate):
    expected = MATRIX[table][list(GATES).index(gate)]
    assert str(GATES[gate].run(data=INPUTS[table], now=NOW).verdict) == expected


# Names of columns in another form of Unicode

FORMS = [("b\u00e9", "be\u0301"), ("be\u0301", "b\u00e9")]


@pytest.mark.parametrize(("name", "there"), FORMS)
@pytest.mark.parametrize(
    "gate",
    [
        lambda name: mg.Schema({name: mg.Column("float", required=False)}, extra="allow"),
        mg.Completeness,
        lambda name: mg.Completeness("x", by=name),
        lambda name: mg.Completeness("x", expected={name: [1]}),
        lambda name: mg.Freshness(name, max_age="1h"),
        lambda name: mg.Drift("ks", columns=name),
        lambda name: mg.Drift("ks", exclude=name),
        lambda name: mg.Performance("accuracy", at_least=0.5, by=name),
    ],
    ids=["schema", "completeness", "by", "expected", "freshness", "drift", "exclude", "slices"],
)
def test_column_in_another_form_of_unicode_is_suggested(name, there, gate):
    table = {"x": np.arange(50.0), there: np.arange(50) % 2}
    labels = {"y_true": table[there], "y_pred": table[there], "X": table}
    result = gate(name).run(data=table, reference=table, **labels)
    assert str(result.verdict) in ("fail", "error")
    assert f"; did you mean {there!a} (another Unicode form)?" in result.reason


@pytest.mark.parametrize(("name", "there"), FORMS)
def test_drift_of_a_column_in_another_form_of_unicode_is_an_error(name, there):
    values = np.arange(50.0)
    result = mg.Drift("ks").run(data={there: values}, reference={name: values})
    assert str(result.verdict) == "error"
    assert result.reason == (
        f"`{name}` is not in the data; did you mean {there!a} (another Unicode form)?"
    )


# Suites


def test_empty_suite_is_refused():
    with pytest.raises(mg.OptionError, match="at least one gate is needed"):
        mg.GateSuite([])


@pytest.mark.parametrize(
    "suite",
    [
        mg.GateSuite([complete()]).skip("*", reason="not today"),
        mg.GateSuite([complete(advisory=True)]),
        mg.GateSuite([complete(advisory=True), fresh()]).skip("freshness:x", reason="not today"),
    ],
    ids=["skipped", "advisory", "both"],
)
def test_suite_without_counting_gates_is_inconclusive(suite):
    report = suite.run(data={"x": [1]})
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not report.passed
    with pytest.raises(mg.GateFailure):
        report.raise_for_verdict()


@pytest.mark.parametrize("name", ["completeness", "COMPLETENESS", "completene\u017fs"])
def test_repeated_name_is_refused(name):
    with pytest.raises(mg.OptionError, match="set `name=` on one of them"):
        mg.GateSuite([mg.Completeness(), mg.Completeness(name=name)])


@pytest.mark.parametrize("verdict", [True, "pass", None, Verdict.PASS, 1.5], ids=repr)
def test_gate_can_not_claim_to_have_passed(verdict):
    class Liar(mg.Gate):
        passed = True
        verdict = Verdict.PASS

        def check(self, evidence):
            yield verdict

    report = mg.GateSuite([Liar(), complete()]).run(data={"x": [1]})
    assert [r.verdict for r in report] == [Verdict.ERROR, Verdict.PASS]
    assert report.verdict is Verdict.ERROR


def test_gate_that_checks_nothing_is_an_error():
    class Silent(mg.Gate):
        pass

    assert Silent().run().reason == "`check` of a gate must yield at least one Check, got none"


@pytest.mark.parametrize("table", [{"x": []}, {"x": [None]}, {"y": [1]}, None, 7])
def test_gate_after_a_failed_gate_is_inconclusive(table):
    suite = mg.GateSuite([complete(columns="x"), mg.Schema({"x": "int"}, after="completeness")])
    report = suite.run(data=table)
    assert report["schema"].verdict is Verdict.INCONCLUSIVE
    assert report["schema"].reason == "not run, because `completeness` did not pass"


def test_order_of_gates_changes_no_verdict():
    gates = [schema(at_least=0), complete(max_missing=0.1), fresh()]
    table = {"x": [1.5, None, -1.0, np.inf]}
    one = mg.GateSuite(gates).run(data=table, now=NOW)
    other = mg.GateSuite(gates[::-1]).run(data=table, now=NOW)
    assert all(other[result.name] == result for result in one)
    assert [result.name for result in other] == [result.name for result in one][::-1]


@pytest.mark.parametrize("n_jobs", [2, 7])
def test_number_of_threads_changes_no_verdict(n_jobs):
    rng = np.random.default_rng(0)
    table = {f"c{i}": rng.normal(size=500) for i in range(7)}
    suite = mg.GateSuite(
        [mg.Schema(dict.fromkeys(table, mg.Column("float", at_most=2, unique=True))), complete()]
    )
    expected = suite.run(data=table, n_jobs=1).results
    assert [str(result.verdict) for result in expected] == ["fail", "pass"]
    assert suite.run(data=table, n_jobs=n_jobs).results == expected
