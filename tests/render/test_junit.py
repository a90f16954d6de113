"""JUnit XML as CI servers read it: correct counts, and elements in the order of its schema."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import junitparser
import pytest
from report_examples import advisory, drift_check, every_kind, performance

from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit

CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase"],
    "testcase": ["properties", "skipped", "error", "failure", "system-out"],
    "properties": ["property"],
}
REQUIRED = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testcase": {"name", "classname", "time"},
    "property": {"name", "value"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
}
OPTIONAL = {"testsuite": {"timestamp"}}


def check_structure(root):
    """Check the rules of the schemas of Jenkins and xunit2 for the elements that are used."""
    assert root.tag == "testsuites"
    for element in root.iter():
        order = CHILDREN.get(element.tag, [])
        places = [order.index(child.tag) for child in element]
        assert places == sorted(places)
        required = REQUIRED.get(element.tag, set())
        assert required <= set(element.attrib) <= required | OPTIONAL.get(element.tag, set())
    for suite in root:
        outcomes = [child.tag for case in suite.iter("testcase") for child in case]
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(count)) == outcomes.count(tag)
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        names = [case.get("name") for case in suite.iter("testcase")]
        assert len(set(names)) == len(names)
    for count in ("tests", "failures", "errors", "skipped"):
        assert int(root.get(count)) == sum(int(suite.get(count)) for suite in root)


def read(thing):
    root = ET.fromstring(thing.to_junit_xml().encode())  # noqa: S314  (our own)
    check_structure(root)
    return root


def outcomes(thing):
    return {
        (case.get("name"), child.tag, child.get("type"))
        for case in read(thing).iter("testcase")
        for child in case
        if child.tag in {"failure", "error", "skipped"}
    }


def test_each_check_is_a_test_case_with_its_verdict():
    report = every_kind()
    root = read(report)
    assert [suite.get("name") for suite in root] == [result.name for result in report.results]
    assert int(root.get("tests")) == sum(len(result.checks) for result in report.results)
    assert root.get("time") == "12.500"
    assert outcomes(report) == {
        ("city missing", "failure", "fail"),
        ("age psi", "failure", "fail"),
        ("roc_auc [sex=male]", "failure", "fail"),
        ("demographic_parity_difference", "failure", "fail"),
        ("roc_auc", "error", "inconclusive"),
        ("latency p99", "error", "inconclusive"),
        ("integration", "skipped", None),
    }


def test_a_reader_finds_the_same():
    report = every_kind()
    xml = junitparser.JUnitXml.fromstring(report.to_junit_xml().encode())
    assert (xml.tests, xml.failures, xml.errors, xml.skipped) == (14, 4, 2, 1)
    suite = next(suite for suite in xml if suite.name == "drift:psi")
    case = next(case for case in suite if case.name == "age psi")
    assert case.classname == "credit-release.drift:psi"
    assert case.result[0].type == "fail"
    assert case.result[0].message == report["drift:psi"].checks[0].reason
    found = {prop.name: prop.value for prop in case.child(junitparser.Properties)}
    assert found["value"] == "0.31"
    assert found["limit"] == "at most 0.2"
    assert found["verdict"] == "fail"
    assert found["n"] == "4012"
    assert found["p_value"] == "1e-09"
    assert float(suite.time) == 0.004


def test_intervals_are_properties():
    suite = read(performance())[0]
    found = {prop.get("name"): prop.get("value") for prop in suite[1].iter("property")}
    low, high = found["interval"].split(" ")
    assert (float(low), float(high)) == pytest.approx((0.775, 0.805))
    assert found["confidence"] == "0.95"
    assert found["method"] == "DeLong"


@pytest.mark.parametrize("verdict", ["fail", "error", "inconclusive"])
def test_checks_that_do_not_count_pass_with_a_property(verdict):
    value = None if verdict == "error" else 0.3
    check = Check(
        subject="x",
        metric="psi",
        verdict=verdict,
        reason="r",
        value=value,
        limit=Limit(at_most=0.2),
    )
    aside = GateResult(name="a", kind="drift", checks=(check,), advisory=True)
    assert outcomes(Report(name="r", results=(aside,))) == set()
    found = [(p.get("name"), p.get("value")) for p in read(aside).iter("property")]
    assert found.count(("aside", "advisory")) == 2
    assert ("verdict", verdict) in found


def test_an_allowed_check_passes_with_a_property():
    check = replace(drift_check(), verdict="inconclusive", by_chance=True)
    for inconclusive, found in (
        ("allow", set()),
        ("block", {("age psi", "error", "inconclusive")}),
    ):
        result = GateResult(name="a", kind="drift", checks=(check,), inconclusive=inconclusive)
        assert outcomes(result) == found
        listed = [(p.get("name"), p.get("value")) for p in read(result).iter("property")]
        assert (("aside", "allowed") in listed) is (inconclusive == "allow")


def test_an_advisory_gate_that_is_skipped_is_skipped():
    check = Check(subject="x", metric="x", verdict="skip", reason="no server")
    result = GateResult(name="a", kind="x", checks=(check,), advisory=True)
    assert outcomes(result) == {("x", "skipped", None)}


def test_an_undefined_value_has_no_property():
    found = [prop.get("name") for prop in read(advisory()).iter("property")]
    assert "value" not in found
    assert "limit" not in found


def test_two_checks_of_one_name_are_two_cases():
    result = GateResult(name="a", kind="drift", checks=(drift_check(), drift_check()))
    assert [case.get("name") for case in read(result).iter("testcase")] == [
        "age psi",
        "age psi (2)",
    ]


def test_a_report_without_gates_is_read():
    root = read(Report(name="r", results=()))
    assert root.get("tests") == "0"
    assert root.get("time") == "0.000"


def test_the_time_of_a_gate_is_not_divided_among_its_checks():
    suites = read(every_kind())
    times = {suite.get("name"): [c.get("time") for c in suite.iter("testcase")] for suite in suites}
    assert times["completeness"] == ["0.000"] * 3
    assert times["latency:p99"] == ["3.200"]
    assert suites[0].get("timestamp") == "2026-01-31T12:00:00"
