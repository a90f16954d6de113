"""`mlgates.integrations.wandb`, with offline runs where wandb is installed, else a stand-in."""

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import wandb_stand_in
from report_examples import PAYLOADS, every_kind, report_with_text

import mlgates as mg
from mlgates.errors import OptionError
from mlgates.integrations import NotRecordedWarning
from mlgates.integrations import wandb as mgw
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Measurement

REAL = find_spec("wandb") is not None
PASSED = mg.GateSuite([mg.Completeness()], name="credit").run(data={"x": [1.0]})


@pytest.fixture
def run(tmp_path, monkeypatch):
    """An offline run that keeps in `tables` and `artifacts` what is logged to it."""
    if REAL:
        import wandb

        monkeypatch.setenv("WANDB_SILENT", "true")
        monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path))
        made = wandb.init(project="tests", dir=str(tmp_path), mode="offline")
    else:
        monkeypatch.setitem(sys.modules, "wandb", wandb_stand_in.module(tmp_path))
        made = wandb_stand_in.Run()
    tables, artifacts = {}, []
    log, log_artifact = made.log, made.log_artifact

    def logged(data, **more):
        tables.update(data)
        log(data, **more)

    def logged_artifact(artifact, **more):
        if artifact.type == "mlgates-report":  # wandb makes one of each table
            artifacts.append((artifact, more["aliases"]))
        log_artifact(artifact, **more)

    monkeypatch.setattr(made, "log", logged)
    monkeypatch.setattr(made, "log_artifact", logged_artifact)
    yield made, tables, artifacts
    made.finish()


def check(value, subject="age", **more):
    return Check.judge(subject, "psi", Measurement(value, n=9), Limit(at_most=0.2), **more)


def report_of(*checks, name="credit"):
    return Report(name=name, results=(GateResult(name="g:psi", kind="g", checks=checks),))


def test_a_report_becomes_a_summary_a_table_and_an_artifact(run):
    run, tables, artifacts = run
    report = every_kind()
    assert mgw.log_report(report, run=run) is True
    summary = dict(run.summary)
    assert summary["credit-release/drift/psi/age"] == 0.31
    assert summary["mlgates/verdict"] == summary["mlgates/verdict/credit-release"] == "fail"
    changed = [name for name in summary if "sex_female" in name]
    assert len(changed) == 1
    assert re.fullmatch(r"credit-release/performance/roc_auc/sex_female-[0-9a-f]{8}", changed[0])
    table = tables["credit-release/checks"]
    assert table.columns == [
        *("gate", "subject", "group", "metric", "value", "limit", "verdict", "reason")
    ]
    assert table.data[0][:7] == [
        *("completeness", "city", None, "missing", 0.109, "at most 0.05", "fail")
    ]
    assert len(table.data) == sum(len(result.checks) for result in report)
    [(artifact, aliases)] = artifacts
    assert (artifact.name, artifact.type) == ("mlgates-credit-release", "mlgates-report")
    assert dict(artifact.metadata) == {"verdict": "fail"}
    assert aliases == ["latest", "fail"]
    files = {
        name: Path(entry.local_path).read_text(encoding="utf-8")
        for name, entry in artifact.manifest.entries.items()
    }
    assert Report.from_dict(json.loads(files["report.json"])) == report
    assert files["report.html"].startswith("<!doctype html>")
    assert run.step == 0


def test_the_verdict_of_a_run_is_the_worst_of_its_suites(run):
    run, *_ = run
    mgw.log_report(report_of(check(0.9), name="data"), run=run)
    mgw.log_report(PASSED, run=run)
    assert run.summary["mlgates/verdict"] == "fail"
    assert run.summary["mlgates/verdict/credit"] == "pass"
    mgw.log_report(report_of(check(0.1), name="data"), run=run)
    assert run.summary["mlgates/verdict"] == "pass"


def test_infinite_values_are_kept_and_undefined_ones_left_out(run):
    run, tables, _ = run
    checks = [check(float("inf"), "a"), check(float("nan"), "b"), check(None, "c"), check(0.1)]
    assert mgw.log_report(report_of(*checks), run=run)
    values = {k: v for k, v in dict(run.summary).items() if k.startswith("credit/g/")}
    assert values == {"credit/g/psi/a": float("inf"), "credit/g/psi/age": 0.1}
    assert [row[4] for row in tables["credit/checks"].data] == [float("inf"), None, None, 0.1]


def test_any_text_from_data_is_logged(run):
    run, tables, _ = run
    for text in PAYLOADS:
        report = report_with_text(text)
        tables.clear()
        assert mgw.log_report(report, run=run)
        assert run.summary["mlgates/verdict"] == str(report.verdict)
        kept = text.encode("utf-8", "backslashreplace").decode()
        [table] = tables.values()
        assert kept in {row[1] for row in table.data}


def test_a_report_of_2000_checks_is_logged_completely(run):
    run, tables, _ = run
    names = [f"column[{i}] {'x' * 300}" for i in range(2_000)]
    assert mgw.log_report(report_of(*(check(0.001, name) for name in names)), run=run)
    logged = [name for name in dict(run.summary) if name.startswith("credit/g/psi/column_")]
    assert len(logged) == 2_000
    assert max(map(len, logged)) == 250
    assert [row[1] for row in tables["credit/checks"].data] == names


def test_the_active_run_is_the_default(run, monkeypatch):
    run, *_ = run
    monkeypatch.setattr(sys.modules["wandb"], "run", run)
    assert mgw.log_report(PASSED)
    assert run.summary["mlgates/verdict/credit"] == "pass"


def test_a_run_is_required(run, monkeypatch):
    monkeypatch.setattr(sys.modules["wandb"], "run", None)
    with pytest.raises(OptionError) as caught:
        mgw.log_report(PASSED)
    assert str(caught.value) == (
        "wandb.log_report: `run` must be given, because there is no active run"
    )


def test_a_failure_of_wandb_is_a_warning_and_changes_no_verdict(run):
    run, *_ = run
    run.finish()
    with pytest.warns(NotRecordedWarning) as caught:
        assert mgw.log_report(PASSED, run=run) is False
    assert re.fullmatch(
        r"wandb\.log_report: the report of 'credit' was not recorded, or only in part "
        r"\(UsageError: .*\); its verdict is still PASS",
        str(caught[0].message),
    )
    assert caught[0].filename == __file__


def test_only_whole_reports_are_logged():
    with pytest.raises(OptionError) as caught:
        mgw.log_report(None)
    assert str(caught.value) == "wandb.log_report: `report` must be a Report, got None"


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ImportError) as caught:
        mgw.log_report(PASSED)
    assert str(caught.value) == (
        "wandb.log_report needs wandb: pip install 'mlgates[wandb]' "
        "(import of wandb halted; None in sys.modules)"
    )
