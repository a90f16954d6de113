"""The workflows that `mlgates init --ci github` writes, and their steps, run in a repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import mlgates as mg
from mlgates.cli import main

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "ci"
NAMES = ("data-gates.yml", "model-gates.yml")
FOLDER = Path(".github", "workflows")


def test_init_writes_the_workflows_of_the_examples(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--ci", "github"]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        f"mlgates: wrote {FOLDER / name}; edit its paths" for name in NAMES
    ]
    for name in NAMES:
        assert Path(FOLDER, name).read_bytes() == (EXAMPLES / name).read_bytes()
    assert sorted(path.name for path in FOLDER.iterdir()) == list(NAMES)


def test_init_replaces_no_workflow(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    FOLDER.mkdir(parents=True)
    Path(FOLDER, "model-gates.yml").write_text("mine")
    assert main(["init", "--ci", "github"]) == 2
    message = f"mlgates: {FOLDER / 'model-gates.yml'}: the file exists; remove it first\n"
    assert capsys.readouterr().err == message
    assert [path.name for path in FOLDER.iterdir()] == ["model-gates.yml"]
    assert Path(FOLDER, "model-gates.yml").read_text() == "mine"


def test_init_drafts_a_suite_beside_the_workflows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pq.write_table(pa.table({"x": range(300)}), "x.parquet")
    assert main(["init", "x.parquet", "--ci", "github"]) == 0
    assert isinstance(mg.GateSuite.from_toml(capsys.readouterr().out), mg.GateSuite)
    assert Path(FOLDER, "data-gates.yml").exists()


def test_init_needs_data_or_ci(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["init"])
    assert caught.value.code == 64
    assert "give DATA to draft a suite, or --ci github" in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_workflows_have_least_privileges_and_time_limits(name):
    workflow = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 120
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")  # no text of a pull request becomes a command
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


# the steps, run in a repository


def people(rows, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, rows)
    return pa.table(
        {
            "age": rng.integers(18, 80, rows),
            "income": rng.lognormal(10 + shift, 0.4, rows),
            "label": label,
            "score": np.clip(0.5 * label + 0.7 * rng.random(rows) - 0.1, 0, 1),
            "production_score": np.clip(0.5 * label + 0.7 * rng.random(rows) - 0.1, 0, 1),
        }
    )


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with gates, a baseline and data, in two commits."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for folder in ("gates", "data"):
        Path(folder).mkdir()
    for suite in ("data.toml", "model.toml"):
        shutil.copy(EXAMPLES / suite, "gates")
    reference = people(2_000, 0)
    pq.write_table(reference, "reference.parquet")
    assert main(["baseline", "reference.parquet", "-o", "gates/baseline.json"]) == 0
    pq.write_table(people(2_000, 1), "data/current.parquet")
    pq.write_table(people(2_000, 2), "scored.parquet")
    Path("train.py").write_text("")
    git = [
        "git",
        "-c",
        "user.name=n",
        "-c",
        "user.email=n@example.org",
        "-c",
        "init.defaultBranch=m",
    ]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm1"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "commit", "-qm2", "--allow-empty"], check=True)
    return tmp_path


def run_steps(name):
    """Run the steps of a workflow as GitHub does; return exit code and output by step."""
    workflow = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    (job,) = workflow["jobs"].values()
    summary = Path("summary.md")
    summary.write_text("")
    environment = {**os.environ, **workflow["env"], "GITHUB_STEP_SUMMARY": str(summary)}
    done = {}
    for step in job["steps"]:
        command = step.get("run", "")
        failed = any(code for code, _ in done.values())
        skipped = failed and "always()" not in step.get("if", "")
        if command and "pip install" not in command and not skipped:
            found = subprocess.run(
                [shutil.which("bash"), "--noprofile", "--norc", "-eo", "pipefail", "-c", command],
                env=environment,
                check=False,
                capture_output=True,
                text=True,
            )
            done[step.get("name", command)] = (found.returncode, found.stdout + found.stderr)
    return done, summary.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kind"), [(NAMES[0], "data"), (NAMES[1], "model")])
def test_steps_of_a_good_change(repository, name, kind):
    done, summary = run_steps(name)
    assert {step: code for step, (code, _) in done.items()} == dict.fromkeys(done, 0), done
    assert "::warning" not in done["Point out changed gates"][1]
    assert "### ✓ PASS" in summary
    report = mg.Report.load(f"reports/{kind}.json")
    assert report.passed
    assert report.provenance["dirty"] is False
    assert sorted(path.name for path in Path("reports").iterdir()) == [
        f"{kind}.html",
        f"{kind}.json",
        f"{kind}.xml",
    ]


@pytest.mark.slow
def test_steps_of_bad_data_with_changed_gates_and_an_accepted_report(repository):
    run_steps("data-gates.yml")
    shutil.copy("reports/data.json", "gates/data-report.json")
    pq.write_table(people(2_000, 3, shift=1.0), "data/current.parquet")
    Path("gates", "data.toml").write_text(
        Path("gates", "data.toml").read_text().replace("min_rows = 100", "min_rows = 10")
    )
    done, summary = run_steps("data-gates.yml")
    assert {step: code for step, (code, _) in done.items()} == {
        "Point out changed gates": 0,
        "Run the gates": 1,
        "Say what changed since the last accepted report": 0,
    }
    assert "::warning title=Gates changed::" in done["Point out changed gates"][1]
    assert "### ✗ FAIL" in summary
    assert "PASS to FAIL" in summary
    assert "| data.fingerprint |" in summary


@pytest.mark.slow
def test_steps_of_data_that_are_absent(repository):
    Path("data", "current.parquet").unlink()
    done, summary = run_steps("data-gates.yml")
    assert done["Run the gates"][0] == 2
    assert "### ! ERROR" in summary
