"""The pytest plugin: gates as subtests, as tests of their own, and in pytest's summary.

Every run of pytest where mlgates is installed loads it, so it imports pytest alone. The rest is in
`mlgates._pytest`, imported when a test first uses gates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest

__all__ = ["evidence", "gate_result", "gates"]

_NAMES = {"mlgates", "mlgates.pytest_plugin"}
_HOW = """\
`gate_result` needs a fixture `evidence`: what the suite is run on, by name. Write one, such as

    @pytest.fixture(scope="module")
    def evidence():
        return {"data": load(), "reference": "baseline.json"}
"""


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Allow ``-p`` beside the entry point: the first name that loads blocks the other."""
    if plugin is sys.modules[__name__]:
        for name in _NAMES - {manager.get_name(plugin)}:
            manager.set_blocked(name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--mlgates-report``."""
    text = (
        "write the report of the suite that was run; the suffix says in which form (.html "
        ".json .md .txt .xml); of several, the second goes to PATH-2, and so on"
    )
    parser.getgroup("mlgates").addoption("--mlgates-report", metavar="PATH", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and the collector in the process that has the terminal."""
    config.addinivalue_line(
        "markers",
        "gates(suite): make a test of each gate of a GateSuite, of a callable that returns one, or "
        "of 'package.module:NAME'; the test asks for `gate_result`, the suite runs on `evidence`",
    )
    if not hasattr(config, "workerinput"):
        from mlgates._pytest.collector import Collector

        config.pluginmanager.register(Collector(config), "mlgates-collector")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each gate of the suite that a test is marked with."""
    mark = metafunc.definition.get_closest_marker("gates")
    if mark is not None:
        from mlgates._pytest.cases import make_cases

        make_cases(metafunc, mark)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test of `unittest`, which gets no fixture, where it or its class is marked."""
    nodes = [item, *([item.parent] if item.parent is not None else [])]
    if getattr(item, "nofuncargs", False) and any(
        mark.name == "gates" for node in nodes for mark in node.own_markers
    ):
        why = f"{item.nodeid} is marked `gates`, but tests of unittest get no gate"
        instead = "a method can call suite.run(...).raise_for_verdict()"
        pytest.fail(f"{why}; {instead}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail the test of a gate that did not pass, whatever its body does."""
    answer = yield
    if "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import fail_unless_passed

        fail_unless_passed(pyfuncitem)
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add reports of gates to pytest's report of a test.

    A test that skips itself fails if its gate was run and did not pass.
    """
    if "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import fail_skipped

        fail_skipped(item, call)
    report = yield
    if "mlgates.report" in sys.modules:
        from mlgates._pytest.reporting import extend_report

        extend_report(item, call, report)
    return report


def pytest_fixture_post_finalizer(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> None:
    """Drop the reports on evidence that is gone."""
    if fixturedef.argname == "evidence" and "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import forget

        forget(request.config, fixturedef)


@pytest.fixture
def gates(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Run a suite: ``gates(suite, **evidence)`` or ``gates(report)``, each gate a subtest.

    The test fails with the printed report unless that passed; otherwise the report is returned.
    """
    from mlgates._pytest.cases import run_subtests

    def gates(thing: object, /, **evidence: object) -> object:
        __tracebackhide__ = True  # the test that calls it is shown
        return run_subtests(request, thing, evidence)

    return gates


@pytest.fixture
def evidence() -> Mapping[str, object]:
    """Return the evidence of ``@pytest.mark.gates``: a mapping of names to values.

    Write one of your own, of any scope; this one fails and explains how.
    """
    pytest.fail(_HOW, pytrace=False)


@pytest.fixture
def gate_result(request: pytest.FixtureRequest, evidence: Mapping[str, object]) -> Any:
    """Return the result of this test's gate, in a test marked ``@pytest.mark.gates(SUITE)``."""
    from mlgates._pytest.cases import result_of

    return result_of(request, evidence)
