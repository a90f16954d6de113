"""The scripts of `examples` that take long; the other one runs with the examples of the README."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
ROLLOUT = EXAMPLES / "canary_rollout.py"


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


@pytest.mark.slow
def test_the_whole_life_of_a_model(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "88")
    script = runpy.run_path(str(EXAMPLES / "lifecycle.py"))
    monkeypatch.setitem(script["live"].__globals__, "find_spec", lambda _: None)
    script["main"]()
    told = capsys.readouterr().out
    assert told.startswith("MLflow is not installed: the registry is a dictionary\n")
    chapters = re.split(r"\n\n\n\d\. .*\n=+\n\n", told)
    assert len(chapters) == 7
    first, tests, good, bad, days, last = chapters[1:]
    assert first.splitlines() == [
        "training-data: PASS - 3 gates",
        "first-release: PASS - 1 gate",
        "v1 is the champion",
    ]
    assert tests.startswith("release: PASS - 2 gates\nmodel: digits; version: 2\n")
    assert good.rstrip().endswith("In production: v2")
    assert [line.split()[-1] for line in good.splitlines() if " of " in line][-1] == "done"
    assert bad.startswith("release: PASS - 2 gates\nshadow: PASS - 1 gate\n")
    assert [line.split()[-1] for line in bad.splitlines() if "5%" in line] == ["roll_back"]
    assert bad.endswith("In production: v2\nThe alias `canary` is back at v2")
    assert re.search(r"day 1\d: lamp  9\d%, FAIL; .*\nslow change found in `ks` of `ink`", days)
    assert "v4 is the champion" in last
    assert "X.fingerprint" in last
    assert max(map(len, told.splitlines())) <= 110
