"""What is written from the registries of gates and evidence is current."""

import pytest
from register import FILES, GATES, ROOT, renewed

import mlgates as mg
from mlgates._gate import GateInfo


@pytest.mark.parametrize("path", FILES)
def test_what_is_written_from_the_registries_is_current(path):
    text = (ROOT / path).read_text(encoding="utf-8")
    assert renewed(path, text) == text, f"{path} is out of date: run `uvx nox -s register`"


def test_a_file_without_its_marks_is_reported():
    with pytest.raises(ValueError, match=r"README.md has no region between '<!-- written by"):
        renewed("README.md", "")


@pytest.mark.parametrize("gate", GATES.values(), ids=GATES)
def test_a_gate_describes_itself(gate):
    assert isinstance(gate.info, GateInfo), f"{gate.__name__} needs `info = GateInfo(...)`"
    assert gate.info.summary
    assert gate.info.metrics
    assert not any("\n" in cell or "|" in cell for cell in gate.info.metrics.values())
    assert gate.__name__ in mg.__all__, "run `uvx nox -s register`"
