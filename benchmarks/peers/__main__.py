"""Time the same checks with mlgates and other packages, and write `benchmarks/RESULTS.md`.

    uvx nox -s peers [-- --rows-scale 0.01 --only ks,schema --output results.md]

The tables are made once and written as Parquet. Every package gets a virtual environment of its
own, made by uv, and answers every question in a process of its own (`with_NAME.py`).
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
from workloads import mixed, orders, pair  # noqa: E402

LOADING = 180  # seconds a process may take for all that is not timed


@dataclass(frozen=True)
class Peer:
    """A package, the script that uses it, and what is installed for it (nothing: this Python)."""

    name: str
    script: str
    requirements: tuple[str, ...] = ()
    table: str = "pandas"
    needs: str = ""


# Evidently 0.7.23 can't be imported with pandas 3. whylogs 1.6.4 uses names that numpy 2 removed,
# and newer versions of pandas and pyarrow need numpy 2. Pointblank computes KS by scipy if it can.
PEERS = [
    Peer("mlgates, pandas", "with_mlgates.py"),
    Peer("mlgates, polars", "with_mlgates.py", table="polars"),
    Peer("Evidently", "with_evidently.py", ("evidently", "pandas<3", "pyarrow")),
    Peer("whylogs", "with_whylogs.py", ("whylogs[viz]", "numpy<2", "pandas<3", "pyarrow<22")),
    Peer("pandera, pandas", "with_pandera.py", ("pandera[pandas]", "pyarrow")),
    Peer("pandera, polars", "with_pandera.py", ("pandera[polars]",), table="polars"),
    Peer("Pointblank, polars", "with_pointblank.py", ("pointblank[pl]", "scipy"), table="polars"),
    Peer(
        "Great Expectations, pandas",
        "with_great_expectations.py",
        ("great_expectations", "pyarrow"),
    ),
    Peer("SQL in DuckDB", "with_duckdb.py", ("duckdb",)),
    Peer("SQL in Spark", "with_spark.py", ("pyspark",), needs="java"),
]


def five_of_each(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    names = [f"x{i}" for i in range(5)] + [f"kind_{i}" for i in range(0, 10, 2)]
    reference, data = mixed(rows)
    return reference[names], data[names]


def small_reference(rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    reference, data = pair(rows, 20)
    return reference.iloc[: rows // 10], data


def one_table(rows: int) -> tuple[None, pd.DataFrame]:
    return None, orders(rows)


@dataclass(frozen=True)
class Row:
    """A question on tables of a size."""

    title: str
    question: str
    rows: int
    make: Callable[[int], tuple[pd.DataFrame | None, pd.DataFrame]]


def of_width(width: int) -> Callable[[int], tuple[pd.DataFrame, pd.DataFrame]]:
    return lambda rows: pair(rows, width)


ROWS = [
    Row("KS, 1 M x 10", "ks", 1_000_000, of_width(10)),
    Row("PSI, 1 M x 10", "psi", 1_000_000, of_width(10)),
    Row("Wasserstein, 1 M x 10", "wasserstein", 1_000_000, of_width(10)),
    Row("KS, 20 k x 200", "ks", 20_000, of_width(200)),
    Row("PSI, 20 k x 200", "psi", 20_000, of_width(200)),
    Row("KS, 10 k x 20", "ks", 10_000, of_width(20)),
    Row("KS, 1 k x 20", "ks", 1_000, of_width(20)),
    Row("KS of 5 numbers and PSI of 5 texts, 500 k rows", "mixed", 500_000, five_of_each),
    Row("Schema of 59 rules, 1 M x 20", "schema", 1_000_000, one_table),
    Row("No missing cell, 1 M x 20", "completeness", 1_000_000, one_table),
    Row("PSI of a Parquet file, 2 M x 20", "parquet", 2_000_000, small_reference),
]

HEAD = """# The same checks with mlgates and other packages

Measured on {date} by `{command}`.

{machine}

What is timed: from tables in memory to the answer, least of at least three runs, or of fewer once
they have taken 10 seconds together. Imports and loading are not timed, except in the row of the
Parquet file, where reading is part of the check. An answer that takes over {limit:.0f}
seconds is not waited for. The peak is that of the whole process with imports and tables (`VmHWM`;
for Spark with its Java process). The ratio is the time divided by that of mlgates on the same kind
of table: polars for those that take polars, else pandas. Every package uses its default number of
threads.

Nothing drifts and no rule is broken in these tables. The packages do not compute the same:

- mlgates: missing cells are compared, p-values are corrected over all columns, provenance and
  fingerprints of the tables are in its report. Drift needs a distance over the limit (KS 0.1, PSI
  0.2) that chance does not explain.
- Evidently calls p < 0.05 of one column drift, without correction (KS), and PSI or the normed
  Wasserstein distance of 0.1.
- whylogs computes KS from sketches with p < 0.05, and chi-square instead of PSI.
- Pointblank gives KS and PSI in one call, listed under KS; both from lists of Python. Drift is a KS
  distance over 0.1 or a PSI over 0.2. Its saved scans contain no rows to compare with.
- Great Expectations answers true or false, and returns no counts (`BOOLEAN_ONLY`).
- SQL in DuckDB: exact KS and PSI by deciles without p-values; rules as aggregations in one pass, on
  a table in its own format. SQL in Spark: the same rules on a cached table, which is how Deequ
  computes them. PyDeequ itself is not run: it needs a
  Java archive that its package does not contain.
- The Parquet file: mlgates, whylogs and DuckDB compare it with a saved baseline; Evidently has
  none and reads the rows of the reference, a tenth of those of the file.
"""


@dataclass
class Side:
    """A peer that is installed, or why it is not."""

    peer: Peer
    python: str
    questions: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def call(self, *args: str, seconds: float) -> dict:
        """Run the script; an error is the last line that it printed."""
        command = [self.python, str(HERE / self.peer.script), *args]
        environment = os.environ | {"TABLE": self.peer.table, "PYSPARK_PYTHON": self.python}
        try:
            done = subprocess.run(  # noqa: S603
                command,
                capture_output=True,
                text=True,
                timeout=seconds,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"no answer in {seconds:.0f} s"}
        if done.returncode or not done.stdout.strip():
            return {"error": last_line(done.stderr)}
        return json.loads(done.stdout.splitlines()[-1])


def last_line(text: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no output")


def installed(peer: Peer, folder: Path) -> Side:
    """Make the environment of a peer and ask what its script can answer."""
    side = Side(peer, sys.executable)
    if peer.needs and shutil.which(peer.needs) is None:
        side.error = f"needs {peer.needs}"
        return side
    if peer.requirements:
        place = folder / peer.name.lower().replace(", ", "-").replace(" ", "-")
        side.python = str(place / "bin" / "python")
        make = ["uv", "venv", "-q", "--allow-existing", "--python", sys.executable, str(place)]
        install = ["uv", "pip", "install", "-q", "--python", side.python, *peer.requirements]
        for command in (make, install):
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode:
                side.error = last_line(done.stderr)
                return side
    told = side.call(seconds=LOADING)
    side.questions = told.get("questions", [])
    side.versions = told.get("versions", {})
    side.error = told.get("error", "")
    return side


def machine() -> str:
    """Return what this computer is, and how busy."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    load = os.getloadavg()[0]
    return (
        f"Machine: {model or platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()}; Python {platform.python_version()}, numpy {np.__version__}. "
        f"Load average before the run: {load:.1f}."
    )


def seconds(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def table_of(row: Row, sides: list[Side], folder: Path, limit: float) -> list[str]:
    """Ask one question of all that can answer it."""
    lines = ["| | seconds | ratio | peak, MB | answer |", "| --- | --: | --: | --: | --- |"]
    ours: dict[str, float] = {}
    others = {s.peer.table for s in sides if row.question in s.questions and s.peer.requirements}
    for side in sides:
        peer = side.peer
        if row.question not in side.questions or peer.table not in others:
            continue
        told = side.call(row.question, str(folder), f"--limit={limit}", seconds=limit + LOADING)
        print(f"{row.title}: {peer.name}: {told}", flush=True)
        if "error" in told:
            lines.append(f"| {peer.name} | | | | {told['error'][:160].replace('|', ' ')} |")
            continue
        taken, sign = told["seconds"] or limit, "" if told["seconds"] else "> "
        if not peer.requirements:
            ours[peer.table] = taken
        ratio = f"{sign}{taken / ours[peer.table]:.1f}" if peer.table in ours else ""
        lines.append(
            f"| {peer.name} | {sign}{seconds(taken)} | {ratio} | {told['peak_mb']:.0f} "
            f"| {told['verdict']} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows-scale", type=float, default=1.0, help="a share of the rows")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one answer")
    parser.add_argument("--only", help="questions, as in ks,schema")
    parser.add_argument("--environments", type=Path, help="a folder to keep the environments in")
    parser.add_argument("--output", type=Path, default=HERE.parent / "RESULTS.md")
    options = parser.parse_args()
    if options.only and not set(options.only.split(",")) <= {row.question for row in ROWS}:
        parser.error(f"--only takes {', '.join(dict.fromkeys(row.question for row in ROWS))}")
    # folders change no result
    given = {k: v for k, v in vars(options).items() if k not in {"environments", "output"}}
    changed = [
        f"--{k} {v}".replace("_", "-") for k, v in given.items() if v != parser.get_default(k)
    ]
    command = " ".join(["uvx nox -s peers", *(["--", *changed] if changed else [])])
    about = machine()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        environments = options.environments or folder / "environments"
        sides = [installed(peer, environments.resolve()) for peer in PEERS]
        lines = [
            HEAD.format(
                date=f"{datetime.now(UTC):%Y-%m-%d}",
                command=command,
                machine=about,
                limit=options.limit,
            ),
            "| | installed | versions |",
            "| --- | --- | --- |",
        ]
        for side in sides:
            versions = side.error or ", ".join(f"{k} {v}" for k, v in side.versions.items())
            wanted = ", ".join(f"`{name}`" for name in side.peer.requirements) or "this project"
            lines.append(f"| {side.peer.name} | {wanted} | {versions[:300]} |")
        print("\n".join(lines[1:]), flush=True)
        for row in ROWS:
            if options.only and row.question not in options.only.split(","):
                continue
            rows = max(int(row.rows * options.rows_scale), 1_000)
            tables = dict(zip(("reference", "data"), row.make(rows), strict=True))
            for name, table in tables.items():
                (folder / f"{name}.parquet").unlink(missing_ok=True)
                if table is not None:
                    table.to_parquet(folder / f"{name}.parquet", index=False)
            del tables
            fewer = "" if options.rows_scale == 1 else f" (here {rows:,} rows)"
            lines += ["", f"## {row.title}{fewer}", ""]
            lines += table_of(row, sides, folder, options.limit)
            for workload in (mixed, orders, pair):
                workload.cache_clear()
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
