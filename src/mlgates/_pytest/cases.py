"""Run gates as tests marked `gates`, or as subtests by the fixture `gates`."""

from __future__ import annotations

import pkgutil
import unittest
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

import pytest

from mlgates import options
from mlgates._gate import Gate
from mlgates._pytest.reporting import (
    describe_gate,
    describe_metadata,
    describe_report,
    keep_report,
)
from mlgates.errors import GateFailure, OptionError
from mlgates.printable import clean, without_commands
from mlgates.report import GateResult, Report
from mlgates.suite import GateSuite, subset
from mlgates.verdict import Verdict

__all__ = [
    "fail_skipped",
    "fail_unless_passed",
    "forget",
    "make_cases",
    "result_of",
    "run_subtests",
]

# exceptions that end a test without failing it
_SKIPS = (pytest.skip.Exception, pytest.xfail.Exception, unittest.SkipTest)
_ALLOWED = "a GateSuite, a callable that returns one, or its importable name 'package.module:NAME'"


class Case(NamedTuple):
    """The parameter of the test of one gate: the suite, and the name of the gate in it."""

    suite: GateSuite
    name: str


class Run(NamedTuple):
    """A suite, the value of the fixture `evidence` that it ran on, and the report of that run."""

    suite: GateSuite
    evidence: Mapping[str, Any]
    report: Report


_SUITES = pytest.StashKey[list[tuple[object, GateSuite]]]()
_RUNS = pytest.StashKey[list[Run]]()
_RESULT = pytest.StashKey[GateResult]()


def make_cases(metafunc: pytest.Metafunc, mark: pytest.Mark) -> None:
    """Make one test for each gate of the suite that a mark names; the ids are the gates' names.

    The suite can be given as a function that returns it, which is called once. The mark can be on
    the test, its class or its module.
    """
    what = metafunc.definition.nodeid
    if "gate_result" not in metafunc.fixturenames:
        if mark in metafunc.definition.own_markers:  # a module's mark may be for other tests
            _refuse(f"{what} is marked `gates`, but does not use the fixture `gate_result`")
        return
    given = [*mark.args, *(mark.kwargs[name] for name in mark.kwargs if name == "suite")]
    if len(given) != 1 or len(mark.args) + len(mark.kwargs) != 1:
        named = [f"{name}={options.shown(value)}" for name, value in mark.kwargs.items()]
        got = ", ".join([*map(options.shown, mark.args), *named]) or "nothing"
        _refuse(f"{what}: the mark `gates` takes one suite: {_ALLOWED}; got {got}")
    made = metafunc.config.stash.setdefault(_SUITES, [])
    suite = next((suite for source, suite in made if source is given[0]), None)
    if suite is None:
        thing = given[0]
        if isinstance(thing, str):
            try:
                thing = pkgutil.resolve_name(thing)
            except (AttributeError, ImportError, ValueError) as error:
                _refuse(
                    f"{what}: the mark `gates` names {given[0]!r}, which can't be imported: {error}"
                )
        if callable(thing) and not isinstance(thing, Gate | type):
            thing = thing()
        if not isinstance(thing, GateSuite):
            also = "" if thing is given[0] else f" from {options.shown(given[0])}"
            _refuse(f"{what}: the mark `gates` takes {_ALLOWED}, got {options.shown(thing)}{also}")
        suite = thing
        made.append((given[0], suite))
    cases = [Case(suite, name) for name in suite.names]
    metafunc.parametrize("gate_result", cases, ids=suite.names, indirect=True)


def _one_line(reason: str) -> str:
    """Return a reason as one line, with control characters from the data escaped."""
    return without_commands(clean(reason, 2_000))


def _refuse(message: str) -> NoReturn:
    pytest.fail(message, pytrace=False)


def result_of(request: pytest.FixtureRequest, evidence: object) -> GateResult:
    """Return the result of the gate that a test is for, or end the test.

    The first call with a value of the fixture `evidence` runs the gates of all selected tests.
    Later calls with this value use the report of that run.

    A check is called allowed here if it is INCONCLUSIVE only because more rows are needed, and its
    gate has ``inconclusive="allow"``. The result is returned without allowed checks.

    The function ends the test, by an exception of pytest, in the first of these cases that applies:

    - The test fails if the tests of all gates of the suite were selected, and each gate is
      advisory, was skipped, or has only allowed checks. Such a run verifies nothing.
    - The test is skipped if its gate was skipped and is not advisory.
    - The test is an expected failure (xfail) if its gate is advisory and did not pass, or if it has
      only allowed checks. With pytest's option ``--runxfail``, the test is skipped.
    """
    case = getattr(request, "param", None)
    if not isinstance(case, Case):
        _refuse(f"`gate_result` is for tests marked @pytest.mark.gates(SUITE): {_ALLOWED}")
    if not isinstance(evidence, Mapping) or not all(isinstance(name, str) for name in evidence):
        allowed = "a mapping of names to values, such as {'data': table}"
        _refuse(f"the fixture `evidence` must return {allowed}, got {type(evidence).__name__}")
    item: pytest.Item = request.node
    runs = item.config.stash.setdefault(_RUNS, [])
    same = [run for run in runs if run.suite is case.suite and run.evidence is evidence]
    if not same:
        same = [Run(case.suite, evidence, _run_selected(item, case, evidence))]
        keep_report(item, same[0].report)
        runs += same
    report = same[0].report
    result = report[case.name]
    describe_metadata(item, report.metadata)
    describe_gate(item, result)
    is_whole = len(report) == len(case.suite)
    if is_whole and not report.passed and not report.failures:
        why = "no gate counts, because each is skipped, advisory, or undecided and allowed to be"
        _refuse(f"{why}, so the verdict is INCONCLUSIVE:\n{report}")
    if result.verdict is Verdict.SKIP and not result.advisory:
        pytest.skip(_one_line(result.reason))
    if not result.passed and result.counted is None:
        aside = "advisory" if result.advisory else "undecided, allowed"
        why = f"{aside}, does not count: {result.verdict.upper()}: {_one_line(result.reason)}"
        if item.config.getoption("runxfail"):  # under this option pytest.xfail does nothing
            pytest.skip(why)
        pytest.xfail(why)
    allow = result.inconclusive == "allow"
    counting = tuple(check for check in result.checks if not (allow and check.by_chance))
    if result.counted is not None:
        result = replace(result, checks=counting)
    item.stash[_RESULT] = result
    return result


def _run_selected(item: pytest.Item, case: Case, evidence: Mapping[str, Any]) -> Report:
    """Run those gates of a suite that have a test in this run of pytest.

    Options such as ``-k`` and ``--lf`` can deselect the tests of the others.
    """
    selected = {case.name}
    for other in item.session.items:
        its = getattr(getattr(other, "callspec", None), "params", {}).get("gate_result")
        if isinstance(its, Case) and its.suite is case.suite:
            selected.add(its.name)
    report = subset(case.suite, selected).run(**evidence)
    left_out = [name for name in case.suite.names if name not in selected]
    if not left_out:
        return report
    return replace(report, provenance={**report.provenance, "deselected": left_out})


def forget(config: pytest.Config, fixturedef: pytest.FixtureDef[Any]) -> None:
    """Delete the reports of all runs that used the present value of a fixture such as `evidence`.

    It is called when the fixture is torn down, so that the value is not kept in memory.
    """
    runs, kept = config.stash.get(_RUNS, []), fixturedef.cached_result
    if kept is not None:
        runs[:] = [run for run in runs if run.evidence is not kept[0]]


def fail_unless_passed(item: pytest.Item, reason: str = "") -> None:
    """Fail the test of a gate if the gate did not pass, even if the test function passed.

    The message is the result of the gate. `reason` is the line above it, if it is not empty.
    """
    result = item.stash.get(_RESULT, None)
    if result is not None and not result.passed:
        _refuse("\n".join(filter(None, [reason, str(result)])))


def fail_skipped(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Fail the test of a gate that did not pass, even if the test was skipped afterwards."""
    raised = None if call.excinfo is None else call.excinfo.value
    if isinstance(raised, _SKIPS):
        why = f"the test was skipped ({raised}) after its gate did not pass:"
        failed = pytest.CallInfo.from_call(lambda: fail_unless_passed(item, why), call.when)
        call.excinfo = failed.excinfo or call.excinfo


def run_subtests(
    request: pytest.FixtureRequest, thing: object, evidence: Mapping[str, Any]
) -> Report | GateResult:
    """Run a suite or a gate, and report each gate as a subtest.

    `thing` is a GateSuite or a Gate. It can also be a Report or a GateResult; then nothing is run,
    and its results are reported.

    Returns
    -------
    Report or GateResult
        The report, or `thing` itself if it is a GateResult.

    Raises
    ------
    GateFailure
        If the verdict of the report is not PASS. It is INCONCLUSIVE if each gate is skipped or
        advisory, or has only INCONCLUSIVE checks that ``inconclusive="allow"`` allows.
    OptionError
        If `thing` is of another type, or if evidence is given together with a report or a result.
    """
    __tracebackhide__ = True
    try:
        subtests = request.getfixturevalue("subtests")
    except pytest.FixtureLookupError:
        needs = f"pytest 9 or newer with its subtests, got pytest {pytest.__version__}"
        instead = "call suite.run(...).raise_for_verdict() instead"
        pytest.fail(f"the fixture `gates` needs {needs}; {instead}", pytrace=False)

    if evidence and isinstance(thing, Report | GateResult):
        named = ", ".join(evidence)
        raise OptionError(
            f"gates: evidence can't be given with a {type(thing).__name__}, got {named}"
        )
    if isinstance(thing, Report):
        report = thing
    elif isinstance(thing, GateResult):
        report = Report(name=thing.name, results=(thing,), metadata=thing.metadata)
    elif isinstance(thing, Gate):
        report = GateSuite([thing], name=str(thing.name)).run(**evidence)
    elif isinstance(thing, GateSuite):
        report = thing.run(**evidence)
    else:
        owner, allowed = "gates", "a GateSuite, a Gate, a Report or a GateResult"
        raise options.refuse(owner, "suite", allowed, thing)

    for result in report:
        if not _report_gate(subtests, result):
            break
    describe_report(request.node, report)
    keep_report(request.node, report)
    if not report.passed:
        raise GateFailure(report)
    return thing if isinstance(thing, GateResult) else report


def _report_gate(subtests: Any, result: GateResult) -> bool:
    """Report a gate as a subtest; return False if pytest has to stop at the first failure.

    The skip must not be raised in `run_subtests`: pytest shows where a test was skipped, and finds
    no place if all functions in the traceback are hidden from it, as `run_subtests` is.
    """
    counted, aside = result.counted, {}
    if result.advisory and not result.passed:
        aside = {"advisory": result.verdict.upper()}
    elif result.allowed:
        aside = {"allowed": f"{len(result.allowed)} undecided"}
    try:
        with subtests.test(result.name, **aside):
            if counted is None and result.verdict is Verdict.SKIP:
                pytest.skip(_one_line(result.reason))
            if counted is not None and counted is not Verdict.PASS:
                pytest.fail(f"{counted.upper()}: {_one_line(result.reason)}", pytrace=False)
    except pytest.fail.Exception:
        return False
    return True
