"""A large Parquet file against a baseline or a small table: peak memory, and time of reading it.

Each side runs in a process of its own: reading the file in batches, and judging it by several
gates, with one method of drift at a time. Each prints its seconds, on the clock and of the
processors, and the peak of its resident set. `ROWS` can be lowered for a quick look.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg

ROWS = int(os.environ.get("ROWS", "10_000_000"))
WIDTH = 20
GROUP = 1_000_000

READ = """
import pyarrow.parquet as pq
file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
def work():
    assert sum(batch.num_rows for batch in file.iter_batches(65_536)) == rows
"""
JUDGE = """
import datetime
import mlgates as mg
now = datetime.datetime.fromtimestamp(1_790_000_000, datetime.UTC)
floats = dict.fromkeys([f"x{{i}}" for i in range({floats})], "float")
suite = mg.GateSuite([
    mg.Schema(floats | {{"at": "timestamp"}}),
    mg.Completeness(),
    mg.Freshness("at", max_age="1h", max_gap="1h"),
    mg.Drift({method!r}, exclude="at"),
])
def work():
    report = suite.run(data=path, reference=reference, now=now)
    assert report.passed, str(report)
"""
CHILD = """
import json, pathlib, sys, time
path, reference, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
import numpy, pyarrow.parquet, scipy.special, mlgates.gates.drift
{work}
def peak():
    # Of this program alone: `getrusage` counts what its parent took as well.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
before = peak()
clock, spent = time.perf_counter(), time.process_time()
work()
seconds, cpu = time.perf_counter() - clock, time.process_time() - spent
print(json.dumps({{"seconds": seconds, "cpu": cpu, "peak": peak(), "more": peak() - before}}))
"""


def table(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns = {f"x{i}": pa.array(rng.normal(i, 1 + i, rows)) for i in range(WIDTH - 1)}
    # each part of the file has the seconds of one hour
    seconds = 1_790_000_000 - 3600 * seed - np.sort(rng.integers(0, 3600, rows))[::-1]
    columns["at"] = pa.array(seconds * 10**6, pa.timestamp("us", "UTC"))
    return pa.table(columns)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of many rows, and references of the same distribution: a baseline and a table."""
    folder = tmp_path_factory.mktemp("parquet")
    data, baseline, small = (folder / name for name in ("data.parquet", "ref.json", "ref.parquet"))
    mg.Baseline.from_data(table(200_000, 0)).save(baseline)
    pq.write_table(table(20_000, 0), small)
    with pq.ParquetWriter(data, table(0, 0).schema) as writer:
        for seed, start in enumerate(range(0, ROWS, GROUP), start=1):
            writer.write_table(table(min(GROUP, ROWS - start), seed))
    return {"data": data, "baseline": baseline, "20,000 rows": small}


def measured(work: str, *paths: Path) -> dict[str, float]:
    command = [sys.executable, "-c", CHILD.format(work=work), *map(str, paths), str(ROWS)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(told.stdout)


@pytest.mark.parametrize(
    ("method", "reference"), [("psi", "baseline"), ("ks", "baseline"), ("ks", "20,000 rows")]
)
def test_parquet_against(files: dict[str, Path], method: str, reference: str) -> None:
    work = JUDGE.format(floats=WIDTH - 1, method=method)
    paths = files["data"], files[reference]
    reading, judging = measured(READ, *paths), measured(work, *paths)
    size = paths[0].stat().st_size / 1e9
    print(f"\n{ROWS:,} rows x {WIDTH}, {size:.2f} GB, {method} against {reference}")
    for name, told in {"reading": reading, "judging": judging}.items():
        print(
            f"{name}: {told['seconds']:.2f} s ({told['cpu']:.2f} s of processors), "
            f"peak {told['peak']:.0f} MB ({told['more']:.0f} MB above its imports)"
        )
    for clock in ("seconds", "cpu"):
        print(f"judging takes {judging[clock] / reading[clock]:.2f} times the {clock} of reading")
