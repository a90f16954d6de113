"""`mlgates.integrations.mlflow`, with MLflow on SQLite where it is installed, else a stand-in."""

import json
import re
import sys
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import mlflow_stand_in
import pytest
from report_examples import PAYLOADS, every_kind, report_with_text

import mlgates as mg
from mlgates.errors import EvidenceError, OptionError
from mlgates.integrations import NotRecordedWarning
from mlgates.integrations import mlflow as mgf
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Measurement

REAL = find_spec("mlflow") is not None
PASSED = mg.GateSuite([mg.Completeness()], name="credit").run(data={"x": [1.0]})
FAILED = mg.GateSuite([mg.Completeness()], name="credit").run(data={"x": [None, 1.0]})


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow")
    if not REAL:
        return mlflow_stand_in.MlflowClient(folder)
    import mlflow

    store = f"sqlite:///{folder}/mlflow.db"
    mlflow.set_tracking_uri(store)
    client = mlflow.MlflowClient()
    client.create_experiment("tests", artifact_location=folder.as_uri())
    return client


@pytest.fixture(autouse=True)
def _mlflow(client, monkeypatch):
    if not REAL:
        monkeypatch.setitem(sys.modules, "mlflow", mlflow_stand_in.module(client))


@pytest.fixture
def run_id(client):
    return client.create_run("1").info.run_id


@pytest.fixture
def model(client, request):
    """A registered model with three versions; none of them has an alias."""
    name = re.sub(r"\W+", "-", request.node.name)
    client.create_registered_model(name)
    for _ in range(3):
        client.create_model_version(name, "/models")
    return name


def report_of(checks, name="credit"):
    return Report(name=name, results=(GateResult(name="g:psi", kind="g", checks=tuple(checks)),))


def check(value, subject="age", **more):
    return Check.judge(subject, "psi", Measurement(value, n=9), Limit(at_most=0.2), **more)


def artifact(client, run_id, path):
    return Path(client.download_artifacts(run_id, path)).read_text(encoding="utf-8")


def refused(*given, **more):
    with pytest.raises((EvidenceError, OptionError)) as caught:
        mgf.promote(*given, **more)
    return str(caught.value)


# log_report


def test_a_report_becomes_metrics_tags_and_artefacts(client, run_id):
    report = every_kind()
    assert mgf.log_report(report, run_id=run_id, client=client) is True
    data = client.get_run(run_id).data
    assert data.metrics["credit-release/drift/psi/age"] == 0.31
    assert data.metrics["credit-release/completeness/city/missing"] == 0.109
    ours = {key: value for key, value in data.tags.items() if key.startswith("mlgates.")}
    names = json.loads(ours.pop("mlgates.names.credit-release"))
    assert ours == {"mlgates.verdict": "fail", "mlgates.verdict.credit-release": "fail"}
    changed = next(name for name in names if "sex_female" in name)
    assert re.fullmatch(r"credit-release/performance/roc_auc/sex_female-[0-9a-f]{8}", changed)
    assert names[changed] == ["credit-release", "performance", "roc_auc", "sex=female"]
    assert data.metrics[changed] == 0.83
    folder = "mlgates/credit-release"
    assert Report.from_dict(json.loads(artifact(client, run_id, f"{folder}/report.json"))) == report
    assert artifact(client, run_id, f"{folder}/report.html").startswith("<!doctype html>")
    assert json.loads(artifact(client, run_id, f"{folder}/names.json")) == names


def test_the_verdict_of_a_run_is_the_worst_of_its_suites(client, run_id):
    def verdicts():
        tags = client.get_run(run_id).data.tags
        return {key: value for key, value in tags.items() if key.startswith("mlgates.verdict")}

    mgf.log_report(report_of([check(0.9)], "data"), run_id=run_id, client=client)
    mgf.log_report(PASSED, run_id=run_id, client=client)
    assert verdicts() == {
        "mlgates.verdict": "fail",
        "mlgates.verdict.data": "fail",
        "mlgates.verdict.credit": "pass",
    }
    mgf.log_report(report_of([check(0.1)], "data"), run_id=run_id, client=client)
    assert verdicts()["mlgates.verdict"] == "pass"
    client.set_tag(run_id, "mlgates.verdict.other", "good")
    mgf.log_report(PASSED, run_id=run_id, client=client)
    assert verdicts()["mlgates.verdict"] == "error"


def test_infinite_values_are_kept_and_undefined_ones_left_out(client, run_id):
    checks = [check(float("inf"), "a"), check(float("nan"), "b"), check(None, "c"), check(0.1)]
    assert mgf.log_report(report_of(checks), run_id=run_id, client=client)
    assert client.get_run(run_id).data.metrics == {
        "credit/g/psi/a": sys.float_info.max,
        "credit/g/psi/age": 0.1,
    }


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_any_text_from_data_is_logged(client, run_id, text):
    report = report_with_text(text)
    assert mgf.log_report(report, run_id=run_id, client=client)
    tags = client.get_run(run_id).data.tags
    assert tags["mlgates.verdict"] == str(report.verdict)


@pytest.mark.parametrize("name", [".", "..", "...", "..x", "../../x", "x" * 10_000, "\0", "latest"])
def test_any_name_of_a_suite_is_logged(client, run_id, name):
    assert mgf.log_report(report_of([check(0.1)], name), run_id=run_id, client=client)
    data = client.get_run(run_id).data
    assert data.tags["mlgates.verdict"] == "pass"
    assert len(data.metrics) == 1


class Flaky:
    """A client whose connection is lost after some calls."""

    def __init__(self, client, calls):
        self.client, self.calls = client, calls

    def __getattr__(self, name):
        self.calls -= 1
        if self.calls < 0:
            raise ConnectionError("lost")
        return getattr(self.client, name)


def test_a_connection_that_is_lost_leaves_no_better_verdict(client):
    for calls in range(20):
        run_id = client.create_run("1").info.run_id
        mgf.log_report(report_of([check(0.1)]), run_id=run_id, client=client)
        bad = report_of([check(0.9), check(0.9, "b[0]")])
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            logged = mgf.log_report(bad, run_id=run_id, client=Flaky(client, calls))
        assert bad.verdict is mg.Verdict.FAIL
        assert [each.category for each in caught] == ([] if logged else [NotRecordedWarning])
        tags = client.get_run(run_id).data.tags
        assert tags["mlgates.verdict"] == ("pass" if calls < 2 else "fail")
        if logged:
            break
    assert calls == 8


def test_a_report_of_2000_checks_is_logged_completely(client, run_id):
    report = report_of([check(0.001, f"column[{i}] {'x' * 300}") for i in range(2_000)])
    assert mgf.log_report(report, run_id=run_id, client=client)
    data = client.get_run(run_id).data
    assert len(data.metrics) == 2_000
    assert max(map(len, data.metrics)) == 250
    assert data.tags["mlgates.names.credit"] == "in mlgates/credit/names.json"
    names = json.loads(artifact(client, run_id, "mlgates/credit/names.json"))
    assert set(names) == set(data.metrics)
    assert {parts[-1] for parts in names.values()} == {c.subject for r in report for c in r.checks}


def test_metrics_and_verdicts_are_linked_to_the_only_model_of_a_run(client):
    run_id = client.create_run("1").info.run_id
    logged = [client.create_logged_model("1", source_run_id=run_id)]
    if REAL:
        from mlflow.entities import LoggedModelOutput

        client.log_outputs(run_id, [LoggedModelOutput(logged[0].model_id, 0)])
    mgf.log_report(PASSED, run_id=run_id, client=client)
    found = client.get_logged_model(logged[0].model_id)
    assert {metric.key: metric.value for metric in found.metrics} == {
        "credit/completeness/x/missing": 0.0,
        "credit/completeness/rows": 1.0,
    }
    assert found.tags["mlgates.verdict"] == found.tags["mlgates.verdict.credit"] == "pass"


def test_a_failure_of_mlflow_is_a_warning_and_changes_no_verdict(client):
    with pytest.warns(NotRecordedWarning) as caught:
        assert mgf.log_report(FAILED, run_id="none", client=client) is False
    assert re.fullmatch(
        r"mlflow\.log_report: the report of 'credit' was not recorded, or only in part "
        r"\(MlflowException: Run with id=none not found\); its verdict is still FAIL",
        str(caught[0].message),
    )
    assert caught[0].filename == __file__


def test_a_server_that_can_not_be_used_is_a_warning(client, monkeypatch):
    def unusable():
        raise OSError("no such store")

    monkeypatch.setattr(sys.modules["mlflow"], "MlflowClient", unusable)
    with pytest.warns(NotRecordedWarning, match="OSError: no such store"):
        assert mgf.log_report(PASSED, run_id="1") is False


def test_a_run_is_required(client):
    with pytest.raises(OptionError) as caught:
        mgf.log_report(PASSED, client=client)
    assert str(caught.value) == (
        "mlflow.log_report: `run_id` must be given, because there is no active run"
    )


def test_the_active_run_and_the_current_server_are_the_defaults(client, run_id, monkeypatch):
    active = SimpleNamespace(info=SimpleNamespace(run_id=run_id))
    monkeypatch.setattr(sys.modules["mlflow"], "active_run", lambda: active)
    assert mgf.log_report(PASSED)
    assert client.get_run(run_id).data.tags["mlgates.verdict.credit"] == "pass"


def test_only_whole_reports_are_logged():
    with pytest.raises(OptionError) as caught:
        mgf.log_report(PASSED["completeness"], run_id="1")
    assert str(caught.value) == (
        "mlflow.log_report: `report` must be a Report, got "
        "<GateResult 'completeness': PASS, 2 checks>"
    )


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError) as caught:
        mgf.log_report(PASSED, run_id="1")
    assert str(caught.value) == (
        "mlflow.log_report needs MLflow: pip install 'mlgates[mlflow]' "
        "(import of mlflow halted; None in sys.modules)"
    )


# promote and rollback


def holder(client, model, alias="champion"):
    return client.get_registered_model(model).aliases.get(alias)


def tags(client, model, version):
    return dict(client.get_model_version(model, version).tags)


def test_a_version_is_promoted_and_rolled_back(client, model):
    assert mgf.promote(PASSED, model=model, version=1, client=client) is None
    assert mgf.promote(PASSED, model=model, version="2", client=client) == 1
    assert holder(client, model) == 2
    assert tags(client, model, 1) == {}
    assert tags(client, model, 2) == {"mlgates.replaces": "1"}
    assert mgf.rollback(model, client=client) == 1
    assert holder(client, model) == 1
    assert tags(client, model, 2) == {"mlgates.replaces": "1", "mlgates.rolled_back": "true"}


@pytest.mark.parametrize(
    "report",
    [
        FAILED,
        report_of([check(None)]),
        report_of([check(0.1, min_n=10)]),
        Report(name="e", results=()),
    ],
)
def test_only_a_report_that_passed_promotes(client, model, report):
    with pytest.raises(mg.GateFailure) as caught:
        mgf.promote(report, model=model, version=1, client=client)
    assert caught.value.report is report
    assert holder(client, model) is None
    assert tags(client, model, 1) == {}


@pytest.mark.parametrize("passed", [True, None, mg.Verdict.PASS, {"verdict": "pass"}], ids=range(4))
def test_nothing_but_a_report_promotes(client, model, passed):
    assert refused(passed, model, 1, client=client) == (
        f"mlflow.promote: `report` must be a Report, got {passed!r}"
    )


def test_a_report_on_another_model_or_version_does_not_promote(client, model):
    suite = mg.GateSuite([mg.Completeness()])

    def about(**metadata):
        return suite.run(data={"x": [1.0]}, metadata=metadata)

    assert refused(about(model="other"), model, 1, client=client) == (
        "mlflow.promote: the report is about model 'other' by its metadata, "
        f"so it can't promote model {model!r}"
    )
    assert refused(about(model=model, version="1"), model, 2, client=client) == (
        "mlflow.promote: the report is about version '1' by its metadata, "
        "so it can't promote version 2"
    )
    assert holder(client, model) is None
    assert mgf.promote(about(model=model, version=2), model, 2, client=client) is None
    assert holder(client, model) == 2


def test_a_promotion_that_is_repeated_changes_nothing(client, model):
    mgf.promote(PASSED, model, 1, client=client)
    mgf.promote(PASSED, model, 2, client=client)
    assert mgf.promote(PASSED, model, 2, client=client) == 1
    assert tags(client, model, 2) == {"mlgates.replaces": "1"}
    assert mgf.rollback(model, client=client) == 1
    assert mgf.promote(PASSED, model, 1, client=client) is None
    client.set_model_version_tag(model, "1", "mlgates.replaces", "unknown")
    assert mgf.promote(PASSED, model, 1, client=client) is None


def test_each_alias_has_its_own_version_to_go_back_to(client, model):
    for version in (1, 2):
        mgf.promote(PASSED, model, version, client=client)
    for version in (3, 2):
        mgf.promote(PASSED, model, version, alias="staging", client=client)
    assert tags(client, model, 2) == {"mlgates.replaces": "1", "mlgates.replaces.staging": "3"}
    assert mgf.rollback(model, alias="staging", client=client) == 3
    assert mgf.rollback(model, client=client) == 1
    assert (holder(client, model), holder(client, model, "staging")) == (1, 3)


def test_the_first_version_of_an_alias_forgets_what_it_once_replaced(client, model):
    mgf.promote(PASSED, model, 1, client=client)
    mgf.promote(PASSED, model, 2, client=client)
    client.delete_registered_model_alias(model, "champion")
    assert mgf.promote(PASSED, model, 2, client=client) is None
    assert tags(client, model, 2) == {}


def test_no_rollback_returns_to_a_version_that_was_rolled_back(client, model):
    for version in (1, 2):
        mgf.promote(PASSED, model, version, client=client)
    mgf.rollback(model, client=client)  # 2 is bad, 1 is in production
    client.set_model_version_tag(model, "1", "mlgates.replaces", "2")
    with pytest.raises(EvidenceError) as caught:
        mgf.rollback(model, client=client)
    assert str(caught.value) == (
        f"mlflow.rollback: version 1 of {model!r} has the alias 'champion' and replaced version 2, "
        "which was rolled back: set the alias by hand"
    )
    assert holder(client, model) == 1
    mgf.promote(PASSED, model, 2, client=client)
    assert tags(client, model, 2) == {"mlgates.replaces": "1"}


def rollback_error(client, *given):
    with pytest.raises(EvidenceError) as caught:
        mgf.rollback(*given, client=client)
    return str(caught.value)


def test_promote_and_rollback_can_be_repeated_after_a_lost_connection(client, model):
    def attempts(function, *given):
        """Return how many calls failed before one was completed, and its result."""
        for calls in range(20):
            with suppress(ConnectionError):
                return calls, function(*given, client=Flaky(client, calls))
        return None

    assert attempts(mgf.promote, PASSED, model, 1) == (3, None)
    assert attempts(mgf.promote, PASSED, model, 2) == (4, 1)
    assert attempts(mgf.promote, PASSED, model, 3) == (4, 2)
    assert attempts(mgf.rollback, model) == (5, 2)
    assert holder(client, model) == 2
    assert tags(client, model, 2) == {"mlgates.replaces": "1"}
    assert attempts(mgf.promote, PASSED, model, 3) == (5, 2)
    assert tags(client, model, 3) == {"mlgates.replaces": "2"}


def test_a_promotion_after_half_a_rollback_takes_it_back(client, model):
    for version in (1, 2):
        mgf.promote(PASSED, model, version, client=client)
    with pytest.raises(ConnectionError):
        mgf.rollback(model, client=Flaky(client, 4))
    assert holder(client, model) == 2
    assert "mlgates.rolled_back" in tags(client, model, 2)
    assert mgf.promote(PASSED, model, 2, client=client) == 1
    assert tags(client, model, 2) == {"mlgates.replaces": "1"}


def test_rollbacks_go_back_one_version_each(client, model):
    for version in (1, 2, 3):
        mgf.promote(PASSED, model, version, client=client)
    assert [mgf.rollback(model, client=client) for _ in range(2)] == [2, 1]
    assert rollback_error(client, model) == (
        f"mlflow.rollback: version 1 of {model!r} has the alias 'champion', but it replaced no "
        "version: set the alias by hand"
    )


def test_rollbacks_that_lead_nowhere_are_refused(client, model):
    start = f"mlflow.rollback: version 2 of {model!r} has the alias 'champion'"
    assert rollback_error(client, model) == (
        f"mlflow.rollback: no version of {model!r} has the alias 'champion'; it has no aliases"
    )
    client.set_registered_model_alias(model, "champion", "2")
    assert rollback_error(client, model, "champoin") == (
        f"mlflow.rollback: no version of {model!r} has the alias 'champoin'; its aliases are "
        "'champion'; did you mean 'champion'?"
    )
    assert rollback_error(client, model) == (
        f"{start}, but it replaced no version: set the alias by hand"
    )
    client.set_model_version_tag(model, "2", "mlgates.replaces", "two")
    assert rollback_error(client, model) == (
        f"{start}, but the tag 'mlgates.replaces' is 'two': set the alias by hand"
    )
    client.set_model_version_tag(model, "2", "mlgates.replaces", "2")
    assert rollback_error(client, model) == (
        f"{start} and in the tag 'mlgates.replaces' its own number: set the alias by hand"
    )
    client.set_model_version_tag(model, "2", "mlgates.replaces", "1")
    client.delete_model_version(model, "1")
    assert rollback_error(client, model) == (
        f"mlflow.rollback: {model!r} has no version 1 in the registry"
    )
    assert holder(client, model) == 2
    assert rollback_error(client, "none") == (
        "mlflow.rollback: there is no model 'none' in the registry"
    )


def test_promotions_of_versions_that_do_not_exist_are_refused(client, model):
    assert refused(PASSED, model, 9, client=client) == (
        f"mlflow.promote: {model!r} has no version 9 in the registry"
    )
    assert refused(PASSED, model, "newest", client=client) == (
        "mlflow.promote: `version` must be a whole number of at least 1, got 'newest'"
    )
    assert refused(PASSED, model, 0, client=client) == (
        "mlflow.promote: `version` must be a whole number of at least 1, got 0"
    )
    assert refused(PASSED, "", 1, client=client) == (
        "mlflow.promote: `model` must be a non-empty string, got ''"
    )


def test_a_version_that_is_not_ready_is_refused(client, model, monkeypatch):
    pending = SimpleNamespace(status="PENDING_REGISTRATION", tags={})
    monkeypatch.setattr(client, "get_model_version", lambda *_: pending)
    assert refused(PASSED, model, 1, client=client) == (
        f"mlflow.promote: version 1 of {model!r} must have the status READY, "
        "got PENDING_REGISTRATION"
    )


def test_an_alias_that_mlflow_refuses_leaves_the_registry_usable(client, model):
    with pytest.raises(Exception, match="alias name") as caught:
        mgf.promote(PASSED, model, 1, alias="latest", client=client)
    assert type(caught.value).__name__ == "MlflowException"
    assert mgf.promote(PASSED, model, 1, client=client) is None


def test_what_is_replaced_is_known_before_the_alias_moves(client, model, monkeypatch):
    mgf.promote(PASSED, model, 1, client=client)

    def unreachable(*_):
        raise ConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(client, "set_registered_model_alias", unreachable)
        with pytest.raises(ConnectionError):
            mgf.promote(PASSED, model, 2, client=client)
    assert holder(client, model) == 1
    assert tags(client, model, 2) == {"mlgates.replaces": "1"}
    assert mgf.promote(PASSED, model, 2, client=client) == 1
    assert mgf.rollback(model, client=client) == 1
