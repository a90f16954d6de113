"""What `import mlgates` may load: modules are counted, not milliseconds, so it never flakes."""

import subprocess
import sys

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
