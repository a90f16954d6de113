"""Show reports of gates in pytest's output: as JUnit properties, and below failed assertions."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from mlgates import jsonfile
from mlgates.errors import GateFailure
from mlgates.report import GateResult, Report
from mlgates.verdict import worst_first

__all__ = ["extend_report"]

_MOST_CHECKS = 50  # of one gate, as properties
_MOST_TABLES = 3  # below one assertion
_WORD = re.compile(r"\w+")
_ENOUGH = 60  # characters of a repr to look for, because pytest shortens long ones

# pairs of a test's id and the JSON of its report, because xdist can't transfer objects
_MADE = pytest.StashKey[list[tuple[str, str]]]()


def keep_report(node: pytest.Item, report: Report) -> None:
    """Store a report on a test, for pytest's summary and for the option ``--mlgates-report``."""
    where = f"{node.parent.nodeid}::{getattr(node, 'originalname', node.name)}"  # type: ignore[union-attr]
    node.stash.setdefault(_MADE, []).append((where, report.to_json()))


def describe_report(node: pytest.Item, report: Report) -> None:
    """Add JUnit properties to a test: the metadata of a report, and the verdict of each gate."""
    describe_metadata(node, report.metadata)
    for result in report:
        node.user_properties.append((f"mlgates.{result.name}", _verdict(result)))


def describe_metadata(node: pytest.Item, metadata: Mapping[str, object]) -> None:
    """Add a JUnit property to a test for each item of the metadata of a report."""
    for name, value in metadata.items():
        shown = value if isinstance(value, str) else json.dumps(jsonfile.plain(value))
        node.user_properties.append((f"mlgates.metadata.{name}", shown))


def describe_gate(node: pytest.Item, result: GateResult) -> None:
    """Add JUnit properties to a test: the verdict and reason of a gate, and its worst checks."""
    properties = node.user_properties
    properties += [("mlgates.gate", result.name), ("mlgates.verdict", _verdict(result))]
    properties += [("mlgates.reason", result.reason)] if result.reason else []
    checks = sorted(result.checks, key=lambda check: worst_first(check.verdict))
    for check in checks[:_MOST_CHECKS]:
        metric = "" if check.metric == check.subject else check.metric
        name = " ".join(filter(None, [check.subject, metric, check.group]))
        value = "" if check.value is None else f"{check.value:.17g}"
        limit = "" if check.limit is None else str(check.limit)
        properties += [(f"value[{name}]", value), (f"limit[{name}]", limit)]
        properties += [(f"verdict[{name}]", str(check.verdict))]
    if len(checks) > _MOST_CHECKS:
        properties.append(("mlgates.checks", f"the worst {_MOST_CHECKS} of {len(checks)}"))


def _verdict(result: GateResult) -> str:
    """Return the verdict of a gate and why a suite ignores it, as in ``"fail (advisory)"``."""
    aside = " (advisory)" if result.advisory else " (undecided, allowed)" if result.allowed else ""
    return f"{result.verdict}{aside}"


def extend_report(
    item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
) -> None:
    """Attach reports of gates to pytest's report of a test.

    If an assertion failed, the gate reports and results that it is about are printed below it. They
    are chosen from the variables of the function with the assertion and the globals of its module.
    A variable is printed if its repr is part of the message of the assertion. If there is no such
    variable, those with a name that occurs in the source code of the assertion are printed.
    """
    made = item.stash.get(_MADE, None)
    if made:
        report.mlgates_reports = [*made]  # type: ignore[attr-defined]
        made.clear()
    excinfo = call.excinfo
    if excinfo is None or report.outcome != "failed":
        return
    if isinstance(excinfo.value, GateFailure):
        if isinstance(item, pytest.Function) and item.config.getoption("tbstyle") == "auto":
            # the failing line and the table, instead of the source of the whole test
            report.longrepr = pytest.Item.repr_failure(item, excinfo, "short")
        return
    add = getattr(report.longrepr, "addsection", None)  # (None if a plugin replaced it by a string)
    if add is None or not isinstance(excinfo.value, AssertionError):
        return
    message, entry = str(excinfo.value), excinfo.traceback[-1]
    variables = {**entry.frame.f_globals, **entry.frame.f_locals}
    there = {k: thing for k, thing in variables.items() if type(thing) in (Report, GateResult)}
    about = [thing for thing in there.values() if repr(thing)[:_ENOUGH] in message]
    if there and not about:
        words = set(_WORD.findall(str(entry.statement)))
        about = [thing for name, thing in there.items() if name in words]
    for thing in list({id(thing): thing for thing in about}.values())[:_MOST_TABLES]:
        add("mlgates", str(thing))
