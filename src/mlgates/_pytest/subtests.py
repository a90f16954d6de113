"""The fixture `gates`: a suite is run, each gate told as a subtest, the whole by its table."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from mlgates import options
from mlgates._pytest.properties import describe_report, hand_on
from mlgates.errors import GateFailure, OptionError
from mlgates.report import GateResult, Report
from mlgates.verdict import Verdict

__all__ = ["judge"]

_OWNER = "gates"


def judge(
    request: pytest.FixtureRequest, thing: object, evidence: Mapping[str, Any]
) -> Report | GateResult:
    """Return what was judged when it passed, after a subtest a gate.

    Parameters
    ----------
    request : pytest.FixtureRequest
        Of the fixture.
    thing : GateSuite, Gate, Report or GateResult
        What to run on the evidence, or what was found already.
    evidence : Mapping
        Values by name, for a suite or gate.

    Raises
    ------
    GateFailure
        Unless the report passed; so it does where nothing that counts was judged.
    OptionError
        When it is nothing of these, or a report was given evidence.
    """
    __tracebackhide__ = True
    subtests = _subtests(request)
    report = _report(thing, evidence)
    for result in report:
        if not _tell(subtests, result):
            break
    describe_report(request.node, report)
    hand_on(request.node, report)
    if not report.passed:
        raise GateFailure(report)
    return thing if isinstance(thing, GateResult) else report


def _subtests(request: pytest.FixtureRequest) -> Any:
    with suppress(pytest.FixtureLookupError):
        return request.getfixturevalue("subtests")
    needs = "the fixture `gates` needs pytest 9 or newer, which has subtests"
    instead = "suite.run(...).raise_for_verdict() does without"
    pytest.fail(f"{needs}; this is pytest {pytest.__version__}. {instead}", pytrace=False)


def _report(thing: object, evidence: Mapping[str, Any]) -> Report:
    if isinstance(thing, Report | GateResult):
        if evidence:
            named = ", ".join(evidence)
            msg = f"{_OWNER}: a {type(thing).__name__} has been run already, got {named} beside it"
            raise OptionError(msg)
        if isinstance(thing, GateResult):
            return Report(name=thing.name, results=(thing,))
        return thing
    from mlgates._gate import Gate
    from mlgates.suite import GateSuite

    if isinstance(thing, Gate):
        thing = GateSuite([thing], name=str(thing.name))
    if not isinstance(thing, GateSuite):
        allowed = "a GateSuite, a Gate, a Report or a GateResult"
        raise options.refuse(_OWNER, "suite", allowed, thing)
    return thing.run(**evidence)


def _tell(subtests: Any, result: GateResult) -> bool:
    """Tell a gate as a subtest; False when pytest was told to stop at the first that fails."""
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
