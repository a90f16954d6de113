"""Render JUnit XML for CI servers: one test suite per gate, one test case per check.

The verdict of a check becomes an element of its test case: ``failure`` for FAIL, ``skipped`` for
SKIP, and ``error`` for ERROR and INCONCLUSIVE, with the verdict as its ``type``. A check that does
not count (because its gate is advisory, or because of ``inconclusive="allow"``) is a passed test
case with the property "aside". ElementTree escapes markup, and `clean` escapes characters that XML
1.0 does not allow.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping
from xml.etree import ElementTree as ET  # only for writing

from mlgates.jsonfile import plain
from mlgates.printable import clean
from mlgates.render.rows import aside
from mlgates.report import GateResult, Report, severity
from mlgates.verdict import Verdict, format_limit

_NAME, _REASON = 1_000, 10_000
_TAGS = {
    Verdict.FAIL: "failure",
    Verdict.ERROR: "error",
    Verdict.INCONCLUSIVE: "error",
    Verdict.SKIP: "skipped",
}
_COUNTS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


def to_junit_xml(thing: Report | GateResult) -> str:
    """Return a report, or the result of one gate, as JUnit XML."""
    results = [thing] if isinstance(thing, GateResult) else thing.results
    provenance = thing.provenance if isinstance(thing, Report) else {}
    started, seconds = provenance.get("started"), provenance.get("seconds")
    owner = clean(thing.name, _NAME)
    root = ET.Element("testsuites", name=owner)
    totals = Counter[str]()
    for result in results:
        gate = clean(result.name, _NAME)
        suite = ET.SubElement(root, "testsuite", name=gate)
        facts: dict[str, object] = {
            "kind": result.kind,
            "verdict": str(result.verdict),
            "reason": result.reason,
        }
        for key, value in thing.metadata.items():
            shown = value if isinstance(value, str) else json.dumps(plain(value))
            facts[clean(f"metadata.{key}", _NAME)] = shown
        _add_properties(suite, facts | {"aside": aside(result)})
        tags, seen = Counter[str](), Counter[str]()
        for check in sorted(result.checks, key=severity):
            where = "" if check.group is None else f" [{check.group}]"
            metric = "" if check.metric == check.subject else f" {check.metric}"
            name = clean(f"{check.subject}{where}{metric}", _NAME)
            seen[name] += 1
            if seen[name] > 1:  # two cases of one name would look like two runs of one test
                name = f"{name} ({seen[name]})"
            uncounted, limit = aside(result, check), check.limit
            case = ET.SubElement(suite, "testcase", name=name, classname=f"{owner}.{gate}")
            # The time of a gate can't be divided between its checks.
            case.set("time", f"{result.seconds if len(result.checks) == 1 else 0:.3f}")
            about = {
                "verdict": str(check.verdict),
                "metric": check.metric,
                "value": check.value,
                "limit": limit and (format_limit(limit, check.unit, check.value) or str(limit)),
                "unit": check.unit,
                "n": check.n,
                "dropped": check.dropped or None,
                "interval": " ".join(map(repr, check.interval or ())),
                "confidence": check.confidence,
                "p_value": check.p_value,
                "method": check.method,
                "aside": uncounted,
            }
            _add_properties(case, about)
            skipped, reason = check.verdict is Verdict.SKIP, clean(check.reason, _REASON)
            tag = _TAGS.get(check.verdict, "") if skipped or not uncounted else ""
            tags[tag] += 1
            if tag:
                outcome = ET.SubElement(case, tag, message=reason)
                if not skipped:
                    outcome.set("type", str(check.verdict))
                    outcome.text = reason
            elif reason:
                ET.SubElement(case, "system-out").text = reason
        suite.set("tests", str(len(result.checks)))
        for count, tag in _COUNTS.items():
            suite.set(count, str(tags[tag]))
        suite.set("time", f"{result.seconds:.3f}")
        if isinstance(started, str) and started:
            suite.set("timestamp", clean(started[:19]))
        totals += tags
    root.set("tests", str(totals.total()))
    for count, tag in _COUNTS.items():
        root.set(count, str(totals[tag]))
    spent = seconds if isinstance(seconds, float) else sum(result.seconds for result in results)
    root.set("time", f"{spent:.3f}")
    ET.indent(root, " ")
    # In the log of a CI server, "##[" and "##vso[" would be commands.
    text = re.sub("#(?=#)", "&#35;", ET.tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'


def _add_properties(parent: ET.Element, about: Mapping[str, object]) -> None:
    """Add properties to a test suite or test case; numbers are written with all digits."""
    properties = ET.SubElement(parent, "properties")
    for name, value in about.items():
        if value is not None and value != "":
            shown = clean(value if isinstance(value, str) else repr(value), _REASON)
            ET.SubElement(properties, "property", name=name, value=shown)
