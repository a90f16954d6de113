"""The script of `examples` that takes long; the other one runs with the examples of the README."""

import runpy
from pathlib import Path

import pytest

ROLLOUT = Path(__file__).parents[1] / "examples" / "canary_rollout.py"


@pytest.mark.slow
def test_rollout_behind_a_server(capsys):
    rolled_out = runpy.run_path(str(ROLLOUT))["rolled_out"]
    bad, good = rolled_out("v2"), rolled_out("v3")
    assert (bad.ended, bad.stage, bad.in_production) == ("roll_back", 0, "v1")
    assert {entry["share"] for entry in bad.record} == {0.05}
    assert (good.ended, good.share, good.in_production) == ("done", 1.0, "v3")
    actions = [entry["action"] for entry in good.record if entry["action"] != "hold"]
    assert actions == ["advance", "advance", "done"]
    lines = capsys.readouterr().out.splitlines()
    shown = [line.split()[-1] for line in lines if line.split()[1:2] in (["5%"], ["25%"], ["100%"])]
    assert shown == [entry["action"] for state in (bad, good) for entry in state.record]
    for state in (bad, good):
        for entry in state.record:
            counts = entry["checks"][1]["requests"]
            assert sum(counts.values()) % 1_500 == 0
