"""What `import mlgates` may load: modules are counted, not milliseconds, so it never flakes."""

import subprocess
import sys

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
