"""A test for each gate: `@pytest.mark.gates(SUITE)` and the fixture `gate_result`."""

from __future__ import annotations

import pkgutil
import unittest
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import pytest

from mlgates import options
from mlgates._gate import Gate
from mlgates._pytest.properties import describe_gate, hand_on
from mlgates.report import GateResult, Report, forgiven
from mlgates.suite import GateSuite
from mlgates.verdict import Verdict

__all__ = ["HOW", "close", "forget", "make_cases", "refuse_unittest", "result_of", "unhide"]

HOW = """\
`gate_result` needs a fixture `evidence`: what the suite is run on, by name. Write one, such as

    @pytest.fixture(scope="module")
    def evidence():
        return {"data": load(), "reference": "baseline.json"}
"""
# how a test leaves that pytest counts as no failure
_WAYS_OUT = (pytest.skip.Exception, pytest.xfail.Exception, unittest.SkipTest)
_ALLOWED = "a GateSuite, a callable that returns one, or its importable name 'package.module:NAME'"


@dataclass(frozen=True)
class Case:
    """A gate of a suite: what one test is about."""

    suite: GateSuite
    name: str


@dataclass(frozen=True, eq=False)
class Run:
    """What a suite found on the evidence that one fixture gave."""

    suite: GateSuite
    evidence: Mapping[str, Any]
    report: Report


_SUITES = pytest.StashKey[list[tuple[object, GateSuite]]]()
_RUNS = pytest.StashKey[list[Run]]()
_RESULT = pytest.StashKey[GateResult]()


def make_cases(metafunc: pytest.Metafunc, mark: pytest.Mark) -> None:
    """Make a test of each gate, under the gate's name.

    Parameters
    ----------
    metafunc : pytest.Metafunc
        The test.
    mark : pytest.Mark
        Its mark, or that of its class or module.
    """
    if "gate_result" not in metafunc.fixturenames:
        if mark in metafunc.definition.own_markers:  # a module's mark may be for its other tests
            what = metafunc.definition.nodeid
            _refuse(f"{what} is marked `gates`, but does not ask for the fixture `gate_result`")
        return
    suite = _suite(metafunc.config, mark, metafunc.definition.nodeid)
    cases = [Case(suite, name) for name in suite.names]
    metafunc.parametrize("gate_result", cases, ids=suite.names, indirect=True)


def refuse_unittest(item: pytest.Item) -> None:
    """Fail a test of `unittest`, which can ask for no fixture, where it or its class is marked."""
    nodes = [item, *([item.parent] if item.parent is not None else [])]
    if any(mark.name == "gates" for node in nodes for mark in node.own_markers):
        instead = "a method can call suite.run(...).raise_for_verdict()"
        _refuse(f"{item.nodeid} is marked `gates`, but tests of unittest get no gate; {instead}")


def _refuse(message: str) -> NoReturn:
    pytest.fail(message, pytrace=False)


def _suite(config: pytest.Config, mark: pytest.Mark, what: str) -> GateSuite:
    """Return a mark's suite; that of a callable is made once."""
    given = [*mark.args, *(mark.kwargs[name] for name in mark.kwargs if name == "suite")]
    if len(given) != 1 or len(mark.args) + len(mark.kwargs) != 1:
        _refuse(f"{what}: the mark `gates` takes one suite: {_ALLOWED}; got {_written(mark)}")
    made = config.stash.setdefault(_SUITES, [])
    found = next((suite for source, suite in made if source is given[0]), None)
    if found is None:
        found = _found(given[0], what)
        made.append((given[0], found))
    return found


def _written(mark: pytest.Mark) -> str:
    named = [f"{name}={options.shown(value)}" for name, value in mark.kwargs.items()]
    return ", ".join([*map(options.shown, mark.args), *named]) or "nothing"


def _found(given: object, what: str) -> GateSuite:
    thing = given
    if isinstance(thing, str):
        try:
            thing = pkgutil.resolve_name(thing)
        except (AttributeError, ImportError, ValueError) as error:
            _refuse(f"{what}: the mark `gates` names {given!r}, which can't be imported: {error}")
    if callable(thing) and not isinstance(thing, Gate | type):
        thing = thing()
    if not isinstance(thing, GateSuite):
        got = f", got {options.shown(thing)}"
        also = "" if thing is given else f" from {options.shown(given)}"
        _refuse(f"{what}: the mark `gates` takes {_ALLOWED}{got}{also}")
    return thing


def result_of(request: pytest.FixtureRequest, evidence: object) -> GateResult:
    """Return what a test's gate found, of its checks those that count.

    Parameters
    ----------
    request : pytest.FixtureRequest
        Of the fixture.
    evidence : Mapping
        What the suite is run on, once.

    Raises
    ------
    pytest.skip.Exception
        For a gate that was skipped.
    pytest.xfail.Exception
        For one that did not pass but does not count.
    pytest.fail.Exception
        Where nothing that counts was judged, so that no gate's test would tell.
    """
    case = getattr(request, "param", None)
    if not isinstance(case, Case):
        _refuse(f"`gate_result` is for tests marked @pytest.mark.gates(SUITE): {_ALLOWED}")
    item: pytest.Item = request.node
    report = _report(item, case.suite, evidence)
    result = report[case.name]
    describe_gate(item, result)
    if not report.passed and not report.failures:
        _refuse(f"nothing that counts was judged, so this is INCONCLUSIVE:\n{report}")
    if result.verdict is Verdict.SKIP and not result.advisory:
        pytest.skip(result.reason)
    if not result.passed and result.counted is None:
        aside = "advisory" if result.advisory else "undecided, allowed"
        why = f"{aside}, does not count: {result.verdict.upper()}: {result.reason}"
        if item.config.getoption("runxfail"):  # it says what counts of pytest, not of gates
            pytest.skip(why)
        pytest.xfail(why)
    counting = tuple(check for check in result.checks if not forgiven(result, check))
    found = replace(result, checks=counting) if result.counted is not None else result
    item.stash[_RESULT] = found
    return found


def _report(item: pytest.Item, suite: GateSuite, evidence: object) -> Report:
    """Return what the suite finds on the evidence, run once for each value of its fixture."""
    if not isinstance(evidence, Mapping) or not all(isinstance(name, str) for name in evidence):
        allowed = "a mapping of names to values, such as {'data': table}"
        _refuse(f"the fixture `evidence` must return {allowed}, got {type(evidence).__name__}")
    runs = item.config.stash.setdefault(_RUNS, [])
    for run in runs:
        if run.suite is suite and run.evidence is evidence:
            return run.report
    given: Mapping[str, Any] = evidence
    report = suite.run(**given)
    hand_on(item, report)
    runs.append(Run(suite, given, report))
    return report


def forget(config: pytest.Config, fixturedef: pytest.FixtureDef[Any]) -> None:
    """Drop what was found on a fixture's value, which is about to go."""
    runs, kept = config.stash.get(_RUNS, []), fixturedef.cached_result
    if kept is not None:
        runs[:] = [run for run in runs if run.evidence is not kept[0]]


def close(item: pytest.Item, said: str = "") -> None:
    """Fail the test of a gate that did not pass, though its body let it."""
    result = item.stash.get(_RESULT, None)
    if result is not None and not result.passed:
        _refuse("\n".join(filter(None, [said, str(result)])))


def unhide(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Fail the test of a gate that did not pass, though its body or a fixture skipped it.

    Parameters
    ----------
    item : pytest.Item
        The test.
    call : pytest.CallInfo
        Its setup, call or teardown; of one that ended by a skip or an xfail, what it raised is
        replaced.
    """
    left = None if call.excinfo is None else call.excinfo.value
    if not isinstance(left, _WAYS_OUT):
        return
    said = f"the test skipped itself ({left}), but its gate had been judged, and did not pass:"
    failed = pytest.CallInfo.from_call(lambda: close(item, said), call.when)
    call.excinfo = failed.excinfo or call.excinfo
