"""The fixture `gates`: a suite is run, and each gate reported as a subtest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mlgates import options
from mlgates._gate import Gate
from mlgates._pytest.reporting import describe_report, hand_on
from mlgates.errors import GateFailure, OptionError
from mlgates.report import GateResult, Report
from mlgates.suite import GateSuite
from mlgates.verdict import Verdict

__all__ = ["run_subtests"]

_OWNER = "gates"


def run_subtests(
    request: pytest.FixtureRequest, thing: object, evidence: Mapping[str, Any]
) -> Report | GateResult:
    """Run a suite or gate, or take a report or result; return it when it passed.

    Raises
    ------
    GateFailure
        Unless the report passed; one in which nothing counts has not.
    OptionError
        For any other thing, or a report with evidence.
    """
    __tracebackhide__ = True
    try:
        subtests = request.getfixturevalue("subtests")
    except pytest.FixtureLookupError:
        needs = "the fixture `gates` needs pytest 9 or newer, which has subtests"
        instead = "suite.run(...).raise_for_verdict() does without"
        pytest.fail(f"{needs}; this is pytest {pytest.__version__}. {instead}", pytrace=False)

    if evidence and isinstance(thing, Report | GateResult):
        named = ", ".join(evidence)
        msg = f"{_OWNER}: a {type(thing).__name__} has been run already, got {named} beside it"
        raise OptionError(msg)
    if isinstance(thing, Report):
        report = thing
    elif isinstance(thing, GateResult):
        report = Report(name=thing.name, results=(thing,))
    elif isinstance(thing, Gate):
        report = GateSuite([thing], name=str(thing.name)).run(**evidence)
    elif isinstance(thing, GateSuite):
        report = thing.run(**evidence)
    else:
        allowed = "a GateSuite, a Gate, a Report or a GateResult"
        raise options.refuse(_OWNER, "suite", allowed, thing)

    for result in report:
        if not _report_gate(subtests, result):
            break
    describe_report(request.node, report)
    hand_on(request.node, report)
    if not report.passed:
        raise GateFailure(report)
    return thing if isinstance(thing, GateResult) else report


def _report_gate(subtests: Any, result: GateResult) -> bool:
    """Report a gate as a subtest; return False if pytest is to stop at the first failure.

    This is no part of `run_subtests`, because pytest wants a traceback entry of a skip.
    """
    counted, aside = result.counted, {}
    if result.advisory and not result.passed:
        aside = {"advisory": result.verdict.upper()}
    elif result.allowed:
        aside = {"allowed": f"{len(result.allowed)} undecided"}
    try:
        with subtests.test(result.name, **aside):
            if counted is None and result.verdict is Verdict.SKIP:
                pytest.skip(result.reason)
            if counted is not None and counted is not Verdict.PASS:
                pytest.fail(f"{counted.upper()}: {result.reason}", pytrace=False)
    except pytest.fail.Exception:
        return False
    return True
