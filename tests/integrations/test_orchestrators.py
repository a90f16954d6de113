"""The examples of orchestrators: with the package where it is installed, else with a stand-in.

Examples on pages that need a package which is not installed are compiled.
"""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pyarrow as pa
import pytest
from pyarrow import parquet

import mlgates as mg
from mlgates.integrations import mlflow, wandb

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "orchestrators"
PAGES = [ROOT / "docs" / "howto" / f"{name}.md" for name in ("feast", "mlflow", "wandb")]
PACKAGES = {
    "airflow_dag": "airflow",
    "dagster_assets": "dagster",
    "kubeflow_pipeline": "kfp",
    "prefect_flow": "prefect",
}


@pytest.fixture
def extracts(tmp_path):
    """Paths of data that pass, and of data that don't."""
    paths = {}
    for name, age in (("good", 31), ("bad", 131)):
        paths[name] = str(tmp_path / f"{name}.parquet")
        table = pa.table({"age": [age] + [40] * 149, "income": [2_000.0] * 150})
        parquet.write_table(table, paths[name])
    return paths


def decorator(*given, **_):
    """A decorator without an effect, with or without options."""
    return given[0] if given and callable(given[0]) else lambda function: function


def load(name, monkeypatch, **modules):
    """Run the file of an example with stand-ins for modules, and return its names."""
    for full, content in modules.items():
        module = ModuleType(full.replace("__", "."))
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    return runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="example")


def prefect_flow(path, monkeypatch):
    artifacts = {}
    names = load(
        "prefect_flow",
        monkeypatch,
        prefect={"flow": decorator, "task": decorator},
        prefect__artifacts={"create_markdown_artifact": lambda **given: artifacts.update(given)},
    )
    try:
        assert names["training"](path) == f"a model of {path}"
    finally:
        assert re.fullmatch(r"[a-z0-9-]+", artifacts["key"])  # Prefect takes no other keys
        assert artifacts["markdown"].startswith("### ")


def airflow_dag(path, monkeypatch):
    tasks, retried = {}, []

    class FailedError(Exception):
        pass

    def task(*given, retries=0):
        def keep(function):
            tasks[function.__name__] = function
            retried.extend([function.__name__] * bool(retries))
            return lambda *_: None

        return keep(*given) if given else keep

    sdk = {"Param": lambda default, **_: default, "dag": decorator, "task": task}
    exceptions = {"AirflowFailException": FailedError}
    load("airflow_dag", monkeypatch, airflow__sdk=sdk, airflow__sdk__exceptions=exceptions)
    assert retried == ["validate"]
    assert tasks["train"](tasks["validate"]({"path": path})) == f"a model of {path}"


def dagster_assets(path, monkeypatch):
    content = {
        "Config": object,
        "MetadataValue": SimpleNamespace(md=str),
        "AssetCheckResult": SimpleNamespace,
        "asset": decorator,
        "asset_check": decorator,
    }
    names = load("dagster_assets", monkeypatch, dagster=content)
    extract = names["extract"](SimpleNamespace(path=path))
    result = names["gates"](extract)
    assert type(result.passed) is bool
    if not result.passed:
        raise RuntimeError(result.metadata["report"])
    assert names["model"](extract) == f"a model of {path}"


def kubeflow_pipeline(path, monkeypatch):
    dsl = SimpleNamespace(component=decorator, pipeline=decorator, Output=list, Markdown=object)
    names = load("kubeflow_pipeline", monkeypatch, kfp={"dsl": dsl, "local": None})
    report = Path(path).with_suffix(".md")
    try:
        names["validate"](path, SimpleNamespace(path=str(report)))
    finally:
        assert report.read_text(encoding="utf-8").startswith("### ")
    assert names["train"](path) == f"a model of {path}"


def run_for_real(name, path, folder):
    """Run an example as a user does; it keeps its database in the folder."""
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "DO_NOT_TRACK": "1",
        "PREFECT_HOME": str(folder),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "300",
    }
    folder.joinpath("dags").mkdir(exist_ok=True)  # Airflow runs what is in this folder
    file = shutil.copy(EXAMPLES / f"{name}.py", folder / "dags")
    if name == "airflow_dag":
        migrate = [Path(sys.executable).with_name("airflow"), "db", "migrate"]
        subprocess.run(migrate, env=env, check=True, capture_output=True)
    subprocess.run([sys.executable, file, path], env=env, cwd=folder, check=True)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_model_is_trained_only_on_data_that_pass(name, extracts, monkeypatch, tmp_path):
    def run(path):
        if find_spec(PACKAGES[name]) is None:
            globals()[name](path, monkeypatch)
        else:
            run_for_real(name, path, tmp_path)

    run(extracts["good"])
    with pytest.raises(Exception) as caught:  # noqa: PT011  (of each package its own)
        run(extracts["bad"])
    assert not isinstance(caught.value, AssertionError) or isinstance(caught.value, mg.GateFailure)


def test_the_task_of_databricks_fails_unless_the_data_pass(extracts, tmp_path, capsys):
    validate = runpy.run_path(str(EXAMPLES / "databricks_task.py"))["validate"]
    validate(extracts["good"], tmp_path / "good.html")
    with pytest.raises(mg.GateFailure):
        validate(extracts["bad"], tmp_path / "bad.html")
    assert all((tmp_path / f"{name}.html").stat().st_size for name in extracts)
    assert "loans: FAIL" in capsys.readouterr().out


def test_the_job_of_databricks_uses_files_that_exist():
    job = (EXAMPLES / "databricks_job.yml").read_text(encoding="utf-8")
    files = re.findall(r"python_file: \./(\S+\.py)(.*)", job)
    assert files == [("databricks_task.py", ""), ("train.py", " # your own script")]
    assert (EXAMPLES / "databricks_task.py").is_file()


def code_of(path):
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return "".join(blocks) if path.suffix == ".md" else text


@pytest.mark.parametrize("path", [*sorted(EXAMPLES.glob("*.py")), *PAGES], ids=lambda p: p.stem)
def test_examples_use_names_that_exist(path):
    tree = ast.parse(code_of(path))
    used = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    names = {attribute for name, attribute in used if name == "mg"}
    assert "GateSuite" in names
    assert names <= set(mg.__all__)
    assert {attribute for name, attribute in used if name == "report"} <= {*dir(mg.Report), "path"}
    for module, alias in ((mlflow, "mgf"), (wandb, "mgw")):
        assert {attribute for name, attribute in used if name == alias} <= set(module.__all__)
