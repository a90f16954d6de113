"""`mlgates.integrations.opentelemetry`, with the SDK and a reader in memory."""

import re
import sys

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from report_examples import PAYLOADS, every_kind, report_with_text

import mlgates as mg
from mlgates.errors import OptionError
from mlgates.integrations import NotRecordedWarning, opentelemetry
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Measurement

PASSED = mg.GateSuite([mg.Completeness()], name="credit").run(data={"x": [1.0]})


@pytest.fixture
def reader():
    return InMemoryMetricReader()


@pytest.fixture
def provider(reader):
    provider = MeterProvider([reader])
    yield provider
    provider.shutdown()


def check(value, subject="age", **more):
    return Check.judge(subject, "psi", Measurement(value, n=9), Limit(at_most=0.2), **more)


def report_of(*checks):
    return Report(name="credit", results=(GateResult(name="g", kind="g", checks=checks),))


def points(reader):
    """The points of each metric: its unit, and the values by their attributes."""
    found = reader.get_metrics_data()
    return {
        metric.name: (
            metric.unit,
            {tuple(point.attributes.values()): point.value for point in metric.data.data_points},
        )
        for resource in found.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_a_report_becomes_gauges(reader, provider):
    women = Check.judge("age", "psi", Measurement(0.3, n=9), Limit(0.1, 0.2), group="sex=f")
    assert opentelemetry.record(report_of(check(0.1), women), meter_provider=provider) is True
    verdicts = {"pass": 0.0, "inconclusive": 0.0, "fail": 1.0, "error": 0.0, "skip": 0.0}
    assert points(reader) == {
        "mlgates.suite.verdict": ("", {("credit", key): on for key, on in verdicts.items()}),
        "mlgates.gate.verdict": ("", {("credit", "g", key): on for key, on in verdicts.items()}),
        "mlgates.check.value": (
            "",
            {("credit", "g", "age", "", "psi"): 0.1, ("credit", "g", "age", "sex=f", "psi"): 0.3},
        ),
        "mlgates.check.limit": (
            "",
            {
                ("credit", "g", "age", "", "psi", "at_most"): 0.2,
                ("credit", "g", "age", "sex=f", "psi", "at_least"): 0.1,
                ("credit", "g", "age", "sex=f", "psi", "at_most"): 0.2,
            },
        ),
    }


def test_the_time_of_the_run_is_recorded_in_seconds(reader, provider):
    opentelemetry.record(every_kind(), meter_provider=provider)
    assert points(reader)["mlgates.suite.last_run_timestamp"] == (
        "s",
        {("credit-release",): 1769860800.5},
    )


def test_the_next_report_replaces_the_last(reader, provider, caplog):
    for value in (0.1, 0.3):
        opentelemetry.record(report_of(check(value)), meter_provider=provider)
    found = points(reader)
    assert found["mlgates.check.value"][1] == {("credit", "g", "age", "", "psi"): 0.3}
    assert found["mlgates.suite.verdict"][1]["credit", "fail"] == 1
    assert found["mlgates.suite.verdict"][1]["credit", "pass"] == 0
    assert caplog.records == []  # the SDK warns of instruments that differ


def test_infinite_values_are_recorded_and_undefined_ones_left_out(reader, provider):
    checks = [check(float("inf"), "a"), check(float("nan"), "b"), check(None, "c"), check(0.1)]
    opentelemetry.record(report_of(*checks), meter_provider=provider)
    values = {key[2]: value for key, value in points(reader)["mlgates.check.value"][1].items()}
    assert values == {"a": sys.float_info.max, "age": 0.1}


@pytest.mark.parametrize("text", PAYLOADS, ids=range(len(PAYLOADS)))
def test_any_text_from_data_is_an_attribute(reader, provider, text):
    assert opentelemetry.record(report_with_text(text), meter_provider=provider)
    kept = text.encode("utf-8", "backslashreplace").decode()
    assert kept in {key[2] for key in points(reader)["mlgates.check.value"][1]}


def test_a_report_of_2000_checks_is_recorded_completely(reader, provider):
    report = report_of(*(check(0.001, f"c{i}") for i in range(2_000)))
    opentelemetry.record(report, meter_provider=provider)
    found = points(reader)
    assert len(found["mlgates.check.value"][1]) == 2_000
    assert len(found["mlgates.check.limit"][1]) == 2_000


def test_without_an_sdk_nothing_happens():
    assert opentelemetry.record(PASSED) is True


def test_a_failure_of_the_sdk_is_a_warning_and_changes_no_verdict():
    class Broken:
        def get_meter(self, *args, **kwargs):
            raise RuntimeError("no meter")

    with pytest.warns(NotRecordedWarning) as caught:
        assert opentelemetry.record(PASSED, meter_provider=Broken()) is False
    assert re.fullmatch(
        r"opentelemetry\.record: the report of 'credit' was not recorded, or only in part "
        r"\(RuntimeError: no meter\); its verdict is still PASS",
        str(caught[0].message),
    )
    assert caught[0].filename == __file__


def test_only_whole_reports_are_recorded():
    with pytest.raises(OptionError) as caught:
        opentelemetry.record("pass")
    assert str(caught.value) == "opentelemetry.record: `report` must be a Report, got 'pass'"


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.metrics", None)
    with pytest.raises(ImportError) as caught:
        opentelemetry.record(PASSED)
    assert str(caught.value) == (
        "opentelemetry.record needs opentelemetry-api: pip install 'mlgates[opentelemetry]' "
        "(import of opentelemetry.metrics halted; None in sys.modules)"
    )
