"""The pytest plugin: it runs gates as tests or subtests, and shows their reports in the summary.

If mlgates is installed, pytest loads this module in every run, so it imports only pytest. The
implementation is in `mlgates._pytest`, which is imported when a test first uses gates.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest

__all__ = ["evidence", "gate_result", "gates"]

_NAMES = {"mlgates", "mlgates.pytest_plugin"}
_HOW = """\
`gate_result` needs a fixture `evidence` that returns the evidence of the suite by name, such as

    @pytest.fixture(scope="module")
    def evidence():
        return {"data": load(), "reference": "baseline.json"}
"""


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Load this plugin only once, even if both ``-p`` and the entry point name it."""
    if plugin is sys.modules[__name__]:
        for name in _NAMES - {manager.get_name(plugin)}:
            manager.set_blocked(name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the command-line option ``--mlgates-report PATH``: the file for the report of a suite."""
    text = (
        "write the report of the suite to this file; the suffix selects the form (.html .json "
        ".md .txt .xml); with several suites, the second report goes to PATH-2, and so on"
    )
    parser.getgroup("mlgates").addoption("--mlgates-report", metavar="PATH", help=text)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker `gates`, and the plugin that collects reports.

    Reports are collected only in the main process, not in the workers of pytest-xdist.
    """
    config.addinivalue_line(
        "markers",
        "gates(suite): run the test once per gate of a GateSuite, a callable that returns one, or "
        "'package.module:NAME'; the test uses the fixture `gate_result`, and the suite is run on "
        "the fixture `evidence`",
    )
    if not hasattr(config, "workerinput"):
        from mlgates._pytest.collector import Collector

        config.pluginmanager.register(Collector(config), "mlgates-collector")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make one test for each gate of the suite in a mark ``@pytest.mark.gates(SUITE)``."""
    mark = metafunc.definition.get_closest_marker("gates")
    if mark is not None:
        from mlgates._pytest.cases import make_cases

        make_cases(metafunc, mark)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test in a `unittest.TestCase` with the mark `gates`: it can't use fixtures."""
    nodes = [item, *([item.parent] if item.parent is not None else [])]
    if getattr(item, "nofuncargs", False) and any(
        mark.name == "gates" for node in nodes for mark in node.own_markers
    ):
        why = f"{item.nodeid} is marked `gates`, but tests of unittest can't use fixtures"
        instead = "call suite.run(...).raise_for_verdict() in the test"
        pytest.fail(f"{why}; {instead}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail the test of a gate if the gate did not pass, even if the test function passed."""
    outcome = yield
    if "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import fail_unless_passed

        fail_unless_passed(pyfuncitem)
    return outcome


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the reports of gates to pytest's report of a test.

    A test that is skipped after its gate did not pass becomes a failure.
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
    """When the fixture `evidence` is torn down, delete the reports of all runs that used it."""
    if fixturedef.argname == "evidence" and "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import forget

        forget(request.config, fixturedef)


@pytest.fixture
def gates(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return the function ``gates(suite, **evidence)``, which runs each gate as a subtest.

    It returns the report if the verdict of the suite is PASS. Otherwise the test fails and shows
    the report. Called as ``gates(report)``, it runs nothing, and shows each result of the report as
    a subtest.
    """
    from mlgates._pytest.cases import run_subtests

    def gates(thing: object, /, **evidence: object) -> object:
        __tracebackhide__ = True  # the test that calls it is shown
        return run_subtests(request, thing, evidence)

    return gates


@pytest.fixture
def evidence() -> Mapping[str, object]:
    """Return the arguments of the run for ``@pytest.mark.gates``, as a mapping by name.

    Define a fixture of this name, in any scope, that returns for example ``{"data": table}``. The
    mapping may also have the ``metadata`` of the run. Without your own fixture, the test fails, and
    the message shows an example of one.
    """
    pytest.fail(_HOW, pytrace=False)


@pytest.fixture
def gate_result(request: pytest.FixtureRequest, evidence: Mapping[str, object]) -> Any:
    """Return the result of one gate, for a test marked ``@pytest.mark.gates(SUITE)``.

    The test runs once for each gate of the suite.
    """
    from mlgates._pytest.cases import result_of

    return result_of(request, evidence)
