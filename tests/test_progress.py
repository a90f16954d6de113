"""What a long run shows, and that it shows nothing where nobody asked."""

import subprocess
import sys

import mlgates as mg

SUITE = """
import sys
import mlgates as mg
if "without" in sys.argv:
    sys.modules["tqdm"] = sys.modules["tqdm.auto"] = None
suite = mg.GateSuite([mg.Schema({"x": "float"}), mg.Completeness(min_rows=9)], name="nightly")
report = suite.run(data={"x": [0.5]}, progress="progress" in sys.argv)
assert report.verdict is mg.Verdict.FAIL
"""


def told(*words):
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", SUITE, *words],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    assert run.stdout == ""
    return run.stderr


def test_progress_names_the_gates():
    shown = told("progress")
    assert "reading tables" in shown
    assert "schema" in shown
    assert "completeness: 100%" in shown
    assert "2/2" in shown


def test_nothing_is_shown_unasked_or_without_tqdm():
    assert told() == ""
    assert told("progress", "without") == ""


def test_nothing_is_shown_in_pytest(capfd):
    mg.GateSuite([mg.Completeness()]).run(data={"x": [0.5]}, progress=True)
    assert capfd.readouterr() == ("", "")
