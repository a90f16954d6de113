"""Progress: a bar in a terminal, plain lines in a log, and nothing unless requested."""

import io
import sys

import pytest
from tqdm.std import tqdm

import mlgates as mg
from mlgates.progress import show_progress


class Stream(io.StringIO):
    """A stream that is a terminal or not."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture
def outside_pytest(monkeypatch):
    """Let the library run as if pytest were not loaded."""
    monkeypatch.delitem(sys.modules, "pytest")
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


@pytest.fixture
def shown(monkeypatch, outside_pytest):
    """Run a suite and return what it wrote to standard error, a terminal or a log."""

    def shown(*gates, terminal=False, **evidence):
        stream = Stream(terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        suite = mg.GateSuite(gates, name="nightly")
        report = suite.run(progress=True, **evidence)
        found = stream.getvalue()
        assert report.verdict is suite.run(**evidence).verdict
        assert stream.getvalue() == found
        return found

    return shown


GATES = (mg.Schema({"x": "float"}), mg.Completeness(min_rows=9))
DATA = {"x": [0.5]}


def test_a_bar_names_the_gates(shown):
    found = shown(*GATES, terminal=True, data=DATA)
    assert "reading tables" in found
    assert "schema" in found
    assert "completeness: 100%" in found
    assert "2/2" in found


def test_a_log_gets_a_line_per_gate(shown):
    assert shown(*GATES, data=DATA) == (
        "mlgates: gate 1 of 2: schema\nmlgates: gate 2 of 2: completeness\n"
    )


def test_a_log_has_no_line_per_call(shown):
    gates = (mg.Latency("p50", at_most="1s", calls=80), mg.Integration())
    evidence = {"model": len, "X": {"x": [0.5] * 40}}
    found = shown(*gates, **evidence)
    assert found == "mlgates: gate 1 of 2: latency:p50\nmlgates: gate 2 of 2: integration\n"


def test_integration_has_a_bar_of_calls(shown):
    def model(X):
        return [0.0] * len(X["x"])

    found = shown(mg.Integration(), terminal=True, model=model, X={"x": [0.5] * 40})
    assert "integration" in found
    assert "row_independent tested" in found
    assert "call" in found


@pytest.mark.parametrize("name", ["a\n::error::b", "##vso[task.complete]", "\x1b[31mred\r"])
def test_names_are_safe_in_a_log(shown, name):
    found = shown(mg.Freshness(name, max_age="1h"), data={"x": [1]})
    assert found.count("\n") == 1
    assert found.rstrip("\n").isprintable()
    assert "##vso[" not in found


def test_nothing_is_shown_unless_requested_and_possible(capsys, monkeypatch, outside_pytest):
    suite = mg.GateSuite(GATES)
    suite.run(data=DATA)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    monkeypatch.setattr(sys, "stderr", terminal := Stream(terminal=True))
    suite.run(data=DATA, progress=True)
    monkeypatch.setattr(sys, "stderr", None)
    suite.run(data=DATA, progress=True)
    assert terminal.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def test_nothing_is_shown_in_pytest(capfd):
    mg.GateSuite([mg.Completeness()]).run(data={"x": [0.5]}, progress=True)
    assert capfd.readouterr() == ("", "")


def test_a_notebook_gets_a_bar(monkeypatch, outside_pytest):
    monkeypatch.setitem(sys.modules, "ipykernel", io)
    monkeypatch.setitem(sys.modules, "tqdm.auto", type("auto", (), {"tqdm": tqdm}))
    monkeypatch.setattr(sys, "stderr", stream := Stream(terminal=False))
    with show_progress(1) as shown:
        shown.begin("schema")
        shown.step()
    assert "schema: 100%" in stream.getvalue()
