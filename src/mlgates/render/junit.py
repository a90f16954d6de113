"""JUnit XML: a test suite a gate, a test case a check, as CI servers read it.

FAIL is a failure, ERROR and INCONCLUSIVE are errors of that type, SKIP is skipped. What stands
aside (advisory, or undecided and allowed) is a passed case that says so in a property.
"""

from collections import Counter
from collections.abc import Iterator
from xml.etree import ElementTree as ET  # only written with, never read with

from mlgates.limits import format_limit
from mlgates.render.clean import clean
from mlgates.render.rows import aside
from mlgates.report import GateResult, Report, forgiven
from mlgates.verdict import Check, Verdict

__all__ = ["to_junit_xml"]

_NAME, _REASON = 1_000, 10_000
_TAGS = {
    Verdict.FAIL: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "error",
    Verdict.SKIP: "skipped",
}


def to_junit_xml(thing: Report | GateResult) -> str:
    """Return a report, or one gate's result, as JUnit XML.

    Parameters
    ----------
    thing : Report or GateResult
        What to write. Names and reasons are cleaned: an XML 1.0 document can't hold every
        character, not even as a reference.
    """
    results = [thing] if isinstance(thing, GateResult) else list(thing.results)
    provenance = thing.provenance if isinstance(thing, Report) else {}
    started, seconds = provenance.get("started"), provenance.get("seconds")
    when = clean(started[:19]) if isinstance(started, str) else ""
    root = ET.Element("testsuites", name=clean(thing.name, _NAME))
    for result in results:
        root.append(_suite(result, clean(thing.name, _NAME), when))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    spent = seconds if isinstance(seconds, float) else sum(result.seconds for result in results)
    root.set("time", f"{spent:.3f}")
    ET.indent(root, " ")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(result: GateResult, owner: str, when: str) -> ET.Element:
    suite = ET.Element("testsuite", name=clean(result.name, _NAME))
    told = {"kind": result.kind, "verdict": str(result.verdict), "reason": result.reason}
    if result.advisory:
        told["aside"] = "advisory"
    _properties(suite, told)
    tags = Counter[str]()
    for name, check in zip(_names(result), result.checks, strict=True):
        case = ET.SubElement(suite, "testcase", name=name, classname=f"{owner}.{suite.get('name')}")
        # what a gate took can't be shared out among its checks
        case.set("time", f"{result.seconds if len(result.checks) == 1 else 0:.3f}")
        tags[_case(case, result, check)] += 1
    suite.set("tests", str(len(result.checks)))
    for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(count, str(tags[tag]))
    suite.set("time", f"{result.seconds:.3f}")
    if when:
        suite.set("timestamp", when)
    return suite


def _case(case: ET.Element, result: GateResult, check: Check) -> str:
    """Fill a test case; return the tag of its outcome, empty when it passed."""
    standing = aside(result) or ("allowed" if forgiven(result, check) else "")
    _properties(case, dict(_told(check)) | ({"aside": standing} if standing else {}))
    skipped = check.verdict is Verdict.SKIP
    tag = _TAGS.get(check.verdict, "") if skipped or not standing else ""
    reason = clean(check.reason, _REASON)
    if tag:
        outcome = ET.SubElement(case, tag, message=reason)
        if not skipped:
            outcome.set("type", str(check.verdict))
            outcome.text = reason
    elif reason:
        ET.SubElement(case, "system-out").text = reason
    return tag


def _names(result: GateResult) -> Iterator[str]:
    """Yield a name a check; readers take two of one name for one test run twice."""
    seen = Counter[str]()
    for check in result.checks:
        where = "" if check.group is None else f" [{check.group}]"
        metric = "" if check.metric == check.subject else f" {check.metric}"
        name = clean(f"{check.subject}{where}{metric}", _NAME)
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} ({seen[name]})"


def _told(check: Check) -> Iterator[tuple[str, str]]:
    yield "verdict", str(check.verdict)
    yield "metric", check.metric
    if check.value is not None:
        yield "value", repr(check.value)
    if check.limit is not None:
        yield "limit", format_limit(check.limit, check.unit) or str(check.limit)
    if check.unit:
        yield "unit", check.unit
    yield "n", str(check.n)
    if check.dropped:
        yield "dropped", str(check.dropped)
    if check.interval is not None:
        yield "interval", " ".join(map(repr, check.interval))
    for name in ("confidence", "p_value"):
        if getattr(check, name) is not None:
            yield name, repr(getattr(check, name))
    if check.method:
        yield "method", check.method


def _properties(parent: ET.Element, told: dict[str, str]) -> None:
    properties = ET.SubElement(parent, "properties")
    for name, value in told.items():
        if value:
            ET.SubElement(properties, "property", name=name, value=clean(value, _REASON))
