"""What `import mlgates` may load: modules are counted, not milliseconds, so it never flakes."""

import inspect
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mlgates as mg

HEAVY = {
    "fairlearn",
    "jinja2",
    "matplotlib",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "scipy",
    "sklearn",
}
SLOW_IN_THE_STANDARD_LIBRARY = {"asyncio", "importlib.metadata", "subprocess", "typing"}


def loaded_after(statement: str) -> set[str]:
    """Modules that a statement adds to those of a bare interpreter."""
    script = f"import sys; bare = set(sys.modules); {statement}; print(*(set(sys.modules) - bare))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True, timeout=60
    )
    return set(run.stdout.split())


def test_importing_mlgates_loads_no_heavy_package():
    loaded = loaded_after("import mlgates")
    assert "mlgates" in loaded
    assert loaded & HEAVY == set()


def test_importing_mlgates_loads_no_slow_part_of_the_standard_library():
    assert loaded_after("import mlgates") & SLOW_IN_THE_STANDARD_LIBRARY == set()


def test_importing_mlgates_loads_none_of_its_own_modules():
    assert {name for name in loaded_after("import mlgates") if name.startswith("mlgates")} == {
        "mlgates"
    }


def test_listing_the_public_names_loads_no_heavy_package():
    assert loaded_after("import mlgates; dir(mlgates); mlgates.__all__") & HEAVY == set()


def test_data_gates_load_no_scipy_sklearn_or_pandas():
    code = (
        "import sys, mlgates as mg; mg.Schema, mg.Completeness, mg.Freshness, mg.GateSuite; "
        "print(sorted({'pandas', 'scipy', 'sklearn', 'fairlearn'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[]"


def test_integrations_load_no_package_before_they_are_called():
    modules = ("mlflow", "opentelemetry", "prometheus", "wandb")
    statement = "; ".join(f"import mlgates.integrations.{module}" for module in modules)
    loaded = loaded_after(statement)
    assert "mlgates.integrations.mlflow" in loaded
    assert loaded & (HEAVY | {*modules, "prometheus_client"}) == set()


def test_the_pytest_plugin_loads_nothing_heavy_and_none_of_the_library():
    loaded = loaded_after("import mlgates.pytest_plugin")
    assert "pytest" in loaded
    assert loaded & HEAVY == set()
    own = {name for name in loaded if name.startswith("mlgates")}
    assert own == {"mlgates", "mlgates.pytest_plugin"}


def test_showing_a_report_loads_nothing_heavy(tmp_path):
    path = tmp_path / "report.json"
    (mg.GateSuite([mg.Completeness()]).run(data={"x": [1]})).save(path)
    shown = f"import io; sys.stdout = io.StringIO(); m.main(['show', {str(path)!r}])"
    loaded = loaded_after(f"import mlgates.cli as m; out = sys.stdout; {shown}; sys.stdout = out")
    assert "mlgates.render.text" in loaded
    assert loaded & HEAVY == set()


#: What gates import besides numpy and pyarrow, from the lightest to the heaviest. The tables are
#: Arrow's, and other values numpy arrays.
IMPORTS = {
    "Schema({'x': 'float'}, extra='allow').run(data=table)": (),
    "Completeness().run(data=table)": (),
    "Freshness('t', max_age='9999d').run(data=table)": (),
    "Rule('x >= 0').run(data=table)": (),
    "Unique('x').run(data=table)": (),
    "Leakage('x').run(data=table, reference=other)": (),
    "Drift('ks', columns=['x']).run(data=table, reference=table)": (),
    "Statistic('mean', 'x', at_least=0).run(data=table)": ("scipy",),
    "Latency('p50', at_most='20ms').run(latencies=0.01 + y)": ("scipy",),
    "Performance('roc_auc', at_least=0).run(y_true=y, y_score=y * 0.5)": ("scipy",),
    "Regression('recall', tolerance=1).run(y_true=y, y_pred=y, production_pred=y)": ("scipy",),
    "Generalization('recall', max_gap=1).run(y_true=y, y_pred=y, y_train=y, train_pred=y)": (
        "scipy",
    ),
    "Fairness('recall_difference', at_most=1, sensitive='s').run(data=table, y_true=y, y_pred=y)": (
        "scipy",
    ),
    "Shadow(on='x', prediction='s').run(candidate_log=table, production_log=table)": ("scipy",),
    "Canary('errors').run(traffic=traffic)": ("scipy",),
    "Integration().run(model=model, X=table)": ("pandas", "scipy"),
    "Reproducibility().run(fit=lambda: model, X=table)": ("pandas", "scipy"),
    "MultivariateDrift(columns=['x']).run(data=table, reference=table)": (
        "pandas",
        "scipy",
        "sklearn",
    ),
    "Performance('jaccard', at_least=0, resamples=40).run(y_true=y, y_pred=y)": (
        "pandas",
        "scipy",
        "sklearn",
    ),
    "Fairness('recall_difference', at_most=1).metric_frame("
    "y_true=y, y_pred=y, sensitive_features=y)": ("fairlearn", "pandas", "scipy", "sklearn"),
}
SCRIPT = """
import io, json, sys
import numpy as np
from pyarrow.csv import read_csv
import mlgates as mg

# read from text, because Arrow imports pandas when it converts lists
def table_of(start):
    rows = [f"{start + i}.0,{'abc'[i % 3]},2026-01-01T00:00:00Z" for i in range(300)]
    return read_csv(io.BytesIO("\\n".join(["x,s,t", *rows]).encode()))

y = np.arange(300) % 2
table, other = table_of(0), table_of(1_000)
counts = {"requests": 100, "errors": 1}
traffic = mg.Traffic().add(candidate=counts, production=counts, share=0.5)
model = lambda X: np.zeros(len(X))
for code in json.loads(sys.argv[1]):
    result = eval("mg." + code)
    loaded = {"fairlearn", "jinja2", "pandas", "polars", "scipy", "sklearn"} & set(sys.modules)
    print(json.dumps([code, str(getattr(result, "reason", "")), sorted(loaded)]))
"""


@pytest.mark.slow
def test_what_each_gate_imports():
    # one interpreter, from the lightest gate to the heaviest: what is loaded adds up
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(list(IMPORTS))],
        capture_output=True,
        check=True,
        text=True,
        timeout=600,
    )
    found = [json.loads(line) for line in run.stdout.splitlines()]
    assert [(code, loaded) for code, _, loaded in found] == [
        (code, list(names)) for code, names in IMPORTS.items()
    ]


def test_every_dependency_is_imported_somewhere():
    root = Path(__file__).parent.parent
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    modules = {re.split("[><=]", each)[0] for each in declared}
    modules = {{"scikit-learn": "sklearn"}.get(name, name) for name in modules}
    source = "\n".join(path.read_text() for path in (root / "src").rglob("*.py"))
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", source, re.MULTILINE))
    assert modules <= imported


def test_each_gate_is_in_the_list_of_imports():
    gates = {name for name in mg.__all__ if inspect.isclass(getattr(mg, name))}
    gates = {name for name in gates if issubclass(getattr(mg, name), mg.Gate)} - {"Gate"}
    assert gates == {code.partition("(")[0] for code in IMPORTS}
