"""The pytest plugin: gates as subtests, as tests of their own, and in pytest's summary.

It is loaded by every run of pytest where mlgates is installed, so that it imports pytest alone;
what it does is in `mlgates._pytest`, imported when the first gate is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from typing import Any

import pytest

__all__ = ["evidence", "gate_result", "gates"]

_NAMES = {"mlgates", "mlgates.pytest_plugin"}


def pytest_plugin_registered(plugin: object, manager: pytest.PytestPluginManager) -> None:
    """Let it be asked for by ``-p`` too: who comes first under one name blocks the other."""
    if plugin is sys.modules[__name__]:
        for name in _NAMES - {manager.get_name(plugin)}:
            manager.set_blocked(name)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--mlgates-report``."""
    parser.getgroup("mlgates").addoption(
        "--mlgates-report",
        metavar="PATH",
        help=(
            "write the report of the suite that was run; the suffix says in which form (.html "
            ".json .md .txt .xml); of several, the second goes to PATH-2, and so on"
        ),
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and in the process that has the terminal what gathers the reports."""
    config.addinivalue_line(
        "markers",
        "gates(suite): make a test of each gate of a GateSuite, of a callable that returns one, or "
        "of 'package.module:NAME'; the test asks for `gate_result`, the suite runs on `evidence`",
    )
    if not hasattr(config, "workerinput"):
        from mlgates._pytest.collector import Gathered

        config.pluginmanager.register(Gathered(config), "mlgates-gathered")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each gate of the suite that a test is marked with."""
    mark = metafunc.definition.get_closest_marker("gates")
    if mark is not None:
        from mlgates._pytest.cases import make_cases

        make_cases(metafunc, mark)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a marked test that `pytest_generate_tests` never sees: no gate would be judged."""
    if getattr(item, "nofuncargs", False) and item.get_closest_marker("gates") is not None:
        from mlgates._pytest.cases import refuse_unittest

        refuse_unittest(item)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail the test of a gate that did not pass, whatever its body asked."""
    answer = yield
    if "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import close

        close(pyfuncitem)
    return answer


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say what gates found where a test failed by them; hand reports on to who has the terminal.

    A test that skips itself fails where its gate had been judged and did not pass.
    """
    if "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import unhide

        unhide(item, call)
    found = yield
    if "mlgates.report" in sys.modules:
        from mlgates._pytest.reporting import tell

        tell(item, call, found)
    return found


def pytest_fixture_post_finalizer(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> None:
    """Forget what was found on evidence that is gone."""
    if fixturedef.argname == "evidence" and "mlgates._pytest.cases" in sys.modules:
        from mlgates._pytest.cases import forget

        forget(request.config, fixturedef)


@pytest.fixture
def gates(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Judge: ``gates(suite, **evidence)`` or ``gates(report)``, each gate a subtest.

    The test fails with the printed report unless that passed; otherwise the report is returned.
    """
    from mlgates._pytest.subtests import judge

    def gates(thing: object, /, **evidence: object) -> object:
        __tracebackhide__ = True  # the test that calls it is what is shown
        return judge(request, thing, evidence)

    return gates


@pytest.fixture
def evidence() -> Mapping[str, object]:
    """What the suite of ``@pytest.mark.gates`` is run on: a mapping of names to values.

    Write one of your own, of any scope; this one only says so.
    """
    from mlgates._pytest.cases import HOW

    pytest.fail(HOW, pytrace=False)


@pytest.fixture
def gate_result(request: pytest.FixtureRequest, evidence: Mapping[str, object]) -> Any:
    """What the gate of this test found, in a test marked ``@pytest.mark.gates(SUITE)``."""
    from mlgates._pytest.cases import result_of

    return result_of(request, evidence)
