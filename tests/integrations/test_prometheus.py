"""`mlgates.integrations.prometheus`: the text that Prometheus reads, and what is built on it."""

import json
import re
import shutil
import socket
import stat
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

import prometheus_client
import pytest
from prometheus_client.parser import text_string_to_metric_families
from report_examples import PAYLOADS, every_kind, report_with_text

import mlgates as mg
from mlgates.errors import OptionError
from mlgates.integrations import NotRecordedWarning, prometheus
from mlgates.integrations._series import SAMPLES
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Measurement

EXAMPLES = Path(__file__).parents[2] / "examples" / "prometheus"
PASSED = mg.GateSuite([mg.Completeness()], name="credit").run(data={"x": [1.0]})


def report_of(*checks, name="credit"):
    results = (GateResult(name="g", kind="g", checks=checks),) if checks else ()
    return Report(name=name, results=results)


def check(value, subject="age", limit=None, **more):
    measured = Measurement(value, n=9)
    return Check.judge(subject, "psi", measured, limit or Limit(at_most=0.2), **more)


def parsed(text):
    """The samples of a text, by name and labels."""
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def written(report, tmp_path):
    path = tmp_path / "mlgates.prom"
    assert prometheus.write_textfile(report, path) is True
    return path.read_bytes().decode()


def lint(text):
    """Check a text with promtool, where it is installed."""
    promtool = shutil.which("promtool")
    if promtool is not None:
        run = subprocess.run(
            [promtool, "check", "metrics"], input=text.encode(), capture_output=True, check=False
        )
        assert (run.returncode, run.stdout + run.stderr) == (0, b"")


def test_a_report_becomes_metrics(tmp_path):
    first = check(0.31, limit=Limit(0.1, 0.2))
    second = Check.judge("age", "psi", Measurement(0.01, n=9), Limit(at_most=0.2), group="sex=f")
    report = report_of(first, second)
    text = written(report, tmp_path)
    lint(text)
    age = 'gate="g",group="",metric="psi",subject="age",suite="credit"'
    women = age.replace('""', '"sex=f"')
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'mlgates_suite_verdict{suite="credit",verdict="pass"} 0.0',
        'mlgates_suite_verdict{suite="credit",verdict="inconclusive"} 0.0',
        'mlgates_suite_verdict{suite="credit",verdict="fail"} 1.0',
        'mlgates_suite_verdict{suite="credit",verdict="error"} 0.0',
        'mlgates_suite_verdict{suite="credit",verdict="skip"} 0.0',
        'mlgates_gate_verdict{gate="g",suite="credit",verdict="pass"} 0.0',
        'mlgates_gate_verdict{gate="g",suite="credit",verdict="inconclusive"} 0.0',
        'mlgates_gate_verdict{gate="g",suite="credit",verdict="fail"} 1.0',
        'mlgates_gate_verdict{gate="g",suite="credit",verdict="error"} 0.0',
        'mlgates_gate_verdict{gate="g",suite="credit",verdict="skip"} 0.0',
        f"mlgates_check_value{{{age}}} 0.31",
        f"mlgates_check_value{{{women}}} 0.01",
        f'mlgates_check_limit{{bound="at_least",{age}}} 0.1',
        f'mlgates_check_limit{{bound="at_most",{age}}} 0.2',
        f'mlgates_check_limit{{bound="at_most",{women}}} 0.2',
    ]


def test_the_time_of_the_run_is_exported(tmp_path):
    before = datetime.now(UTC).timestamp()
    report = mg.GateSuite([mg.Completeness()], name="credit").run(data={"x": [1.0]})
    found = parsed(written(report, tmp_path))
    name = "mlgates_suite_last_run_timestamp_seconds"
    assert before <= found[name, ("suite", "credit")] <= datetime.now(UTC).timestamp()


def test_the_file_is_readable_by_others_and_replaced(tmp_path):
    first = written(report_of(check(0.9)), tmp_path)
    second = written(report_of(check(0.1)), tmp_path)
    assert first != second
    assert [path.name for path in tmp_path.iterdir()] == ["mlgates.prom"]
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "mlgates.prom").stat().st_mode) & 0o004


def test_infinite_values_are_exported_and_undefined_ones_left_out(tmp_path):
    checks = [check(float("inf"), "a"), check(float("nan"), "b"), check(None, "c"), check(0.1)]
    text = written(report_of(*checks), tmp_path)
    lint(text)
    values = {
        dict(labels)["subject"]: value
        for (name, *labels), value in parsed(text).items()
        if name == "mlgates_check_value"
    }
    assert values == {"a": float("inf"), "age": 0.1}
    assert 'mlgates_suite_verdict{suite="credit",verdict="pass"} 0.0' in text


@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_any_text_from_data_is_a_label(tmp_path, payload):
    text = written(report_with_text(payload), tmp_path)
    lint(text)
    kept = payload.encode("utf-8", "backslashreplace").decode()
    # the parser splits lines where Python does, Prometheus only at line feeds
    if len(kept.splitlines()) < 2:
        assert kept in {dict(labels).get("subject") for _, *labels in parsed(text)}


def test_every_kind_of_gate_is_exported(tmp_path):
    text = written(every_kind(), tmp_path)
    lint(text)
    assert {name for name, *_ in parsed(text)} == {f"mlgates_{name}" for name in SAMPLES}


def test_a_report_of_2000_checks_is_exported_completely(tmp_path):
    text = written(report_of(*(check(0.001, f"c{i}") for i in range(2_000))), tmp_path)
    lint(text)
    assert text.count("\nmlgates_check_value{") == 2_000


def test_a_check_that_occurs_twice_is_exported_once_with_its_worst_value(tmp_path):
    text = written(report_of(check(0.1), check(0.9), check(0.3)), tmp_path)
    lint(text)
    assert [line for line in text.splitlines() if line.startswith("mlgates_check_value")] == [
        'mlgates_check_value{gate="g",group="",metric="psi",subject="age",suite="credit"} 0.9'
    ]


def test_a_file_that_can_not_be_written_is_a_warning_and_changes_no_verdict(tmp_path):
    with pytest.warns(NotRecordedWarning) as caught:
        assert prometheus.write_textfile(PASSED, tmp_path / "no" / "mlgates.prom") is False
    assert re.fullmatch(
        r"prometheus\.write_textfile: the report of 'credit' was not recorded, or only in part "
        r"\(FileNotFoundError: .*\); its verdict is still PASS",
        str(caught[0].message),
    )
    assert caught[0].filename == __file__


def test_a_registry_has_the_last_report_of_each_suite():
    registry = prometheus_client.CollectorRegistry()

    def subjects():
        text = prometheus_client.generate_latest(registry).decode()
        lint(text)
        return {
            (dict(labels)["suite"], dict(labels)["subject"]): value
            for (name, *labels), value in parsed(text).items()
            if name == "mlgates_check_value"
        }

    assert prometheus.collect(report_of(check(0.1, "a"), check(0.2, "b")), registry) is True
    prometheus.collect(report_of(check(0.3), name="data"), registry)
    assert subjects() == {("credit", "a"): 0.1, ("credit", "b"): 0.2, ("data", "age"): 0.3}
    prometheus.collect(report_of(check(0.4, "a")), registry)
    assert subjects() == {("credit", "a"): 0.4, ("data", "age"): 0.3}


def test_registries_do_not_share_reports():
    first, second = (prometheus_client.CollectorRegistry() for _ in range(2))
    prometheus.collect(report_of(check(0.1)), first)
    assert prometheus_client.generate_latest(second) == b""


def test_a_registry_in_which_the_names_are_in_use_is_a_warning():
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Gauge("mlgates_check_value", "another", registry=registry)
    with pytest.warns(NotRecordedWarning, match="its verdict is still PASS"):
        assert prometheus.collect(PASSED, registry) is False
    with pytest.warns(NotRecordedWarning):
        assert prometheus.collect(PASSED, registry) is False


def test_only_whole_reports_are_exported(tmp_path):
    with pytest.raises(OptionError) as caught:
        prometheus.write_textfile(PASSED["completeness"], tmp_path / "x.prom")
    assert str(caught.value) == (
        "prometheus.write_textfile: `report` must be a Report, got "
        "<GateResult 'completeness': PASS, 2 checks>"
    )


@pytest.mark.parametrize("path", [None, b"x.prom", 5])
def test_a_file_needs_a_path(path):
    with pytest.raises(OptionError) as caught:
        prometheus.write_textfile(PASSED, path)
    assert str(caught.value) == (f"prometheus.write_textfile: `path` must be a path, got {path!r}")


def test_a_missing_package_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(ImportError) as caught:
        prometheus.write_textfile(PASSED, tmp_path / "x.prom")
    assert str(caught.value) == (
        "prometheus.write_textfile needs prometheus-client: pip install 'mlgates[prometheus]' "
        "(import of prometheus_client halted; None in sys.modules)"
    )


# the dashboard and the alerts


def expressions():
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in dashboard["templating"]["list"]:
        yield variable.get("definition", "")
    alerts = (EXAMPLES / "alerts.yml").read_text(encoding="utf-8")
    yield from re.findall("expr: (.*)", alerts)


def test_dashboard_and_alerts_use_metrics_and_labels_that_exist():
    used = set()
    for expression in expressions():
        for name, selected in re.findall(r"mlgates_(\w+)(?:\{([^}]*)\})?", expression):
            used.add(name)
            labels = set(re.findall(r"(\w+)[=!]", selected))
            assert labels <= set(SAMPLES[name][1]), (name, labels)
    assert used == set(SAMPLES)


def test_promtool_accepts_the_alerts_and_sees_them_fire():
    promtool = shutil.which("promtool")
    text = (EXAMPLES / "alerts.yml").read_text(encoding="utf-8")
    assert text.count("- alert:") == 3
    if promtool is not None:
        subprocess.run([promtool, "check", "rules", EXAMPLES / "alerts.yml"], check=True)
        subprocess.run([promtool, "test", "rules", EXAMPLES / "alerts_test.yml"], check=True)


def panels():
    """Return the expressions of each panel for all suites, gates and subjects, by its title."""
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text(encoding="utf-8"))
    variables = {each["name"]: each.get("allValue") for each in dashboard["templating"]["list"]}
    return {
        panel["title"]: [
            re.sub(r"\$(\w+)", lambda found: variables[found[1]], target["expr"])
            for target in panel["targets"]
        ]
        for panel in dashboard["panels"]
    }


def test_every_panel_shows_data_of_a_real_prometheus(tmp_path):
    assert [len(each) for each in panels().values()] == [1, 1, 1, 2]
    program = shutil.which("prometheus")
    if program is None:
        return
    registry = prometheus_client.CollectorRegistry()
    odd = check(0.9, 'a"b\\c {x}\n')
    for report in (every_kind(), report_of(odd, name='(odd) "suite"'), PASSED):
        prometheus.collect(report, registry)
    exporter, _ = prometheus_client.start_http_server(0, addr="127.0.0.1", registry=registry)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = tmp_path / "prometheus.yml"
    config.write_text(
        f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: mlgates
    static_configs: [{{targets: ["127.0.0.1:{exporter.server_port}"]}}]
""",
        encoding="utf-8",
    )

    def series(expression):
        query = urllib.parse.urlencode({"query": expression})
        url = f"http://127.0.0.1:{port}/api/v1/query?{query}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return [each["metric"] for each in json.load(answer)["data"]["result"]]

    options = [f"--storage.tsdb.path={tmp_path}", f"--web.listen-address=127.0.0.1:{port}"]
    server = subprocess.Popen(
        [program, f"--config.file={config}", *options], stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(600):
            with suppress(OSError):
                if series("mlgates_suite_verdict"):
                    break
            sleep(0.1)
        found = {title: list(map(series, each)) for title, each in panels().items()}
    finally:
        server.terminate()
        server.wait()
        exporter.shutdown()
        exporter.server_close()
    passed, failed, timeless = "credit", "credit-release", '(odd) "suite"'
    assert {
        title: {each["suite"] for result in results for each in result}
        for title, results in found.items()
    } == {
        "Verdict of each suite": {passed, failed, timeless},
        "Time since the last run": {passed, failed},
        "Gates that do not pass": {failed, timeless},
        "Value and limit of each check": {passed, failed, timeless},
    }
    assert all(result for results in found.values() for result in results)
    assert odd.subject in {each["subject"] for each in found["Value and limit of each check"][0]}
