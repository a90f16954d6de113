"""Drift of a Parquet file larger than memory should be, against a saved baseline: peak and speed.

Each side runs in a process of its own, so that its peak memory is its own: reading the file in
batches and doing nothing with them, and judging it by PSI. Both print seconds and the peak of the
resident set, less what importing takes, as Linux tells it. `ROWS` can be lowered for a quick look.
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
import mlgates as mg
suite = mg.GateSuite([mg.Drift("psi")])
def work():
    report = suite.run(data=path, reference=baseline)
    assert report.passed, str(report)
"""
CHILD = """
import json, pathlib, sys, time
path, baseline, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
import numpy, pyarrow.parquet, scipy.special, mlgates.gates.drift
{work}
def peak():
    # Of this program alone: `getrusage` counts what its parent took as well.
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
before = peak()
clock = time.perf_counter()
work()
seconds = time.perf_counter() - clock
print(json.dumps({{"seconds": seconds, "peak": peak(), "more": peak() - before}}))
"""


def table(rows: int, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({f"x{i}": rng.normal(i, 1 + i, rows) for i in range(WIDTH)})


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A file of many rows, and the baseline of others of the same distribution."""
    folder = tmp_path_factory.mktemp("parquet")
    data, baseline = folder / "data.parquet", folder / "baseline.json"
    mg.Baseline.from_data(table(200_000, 0)).save(baseline)
    with pq.ParquetWriter(data, table(0, 0).schema) as writer:
        for seed, start in enumerate(range(0, ROWS, GROUP), start=1):
            writer.write_table(table(min(GROUP, ROWS - start), seed))
    return data, baseline


def measured(work: str, files: tuple[Path, Path]) -> dict[str, float]:
    command = [sys.executable, "-c", CHILD.format(work=work), *map(str, files), str(ROWS)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(told.stdout)


def test_parquet_against_a_baseline(files: tuple[Path, Path]) -> None:
    reading, judging = measured(READ, files), measured(JUDGE, files)
    print(f"\n{ROWS:,} rows x {WIDTH}, {files[0].stat().st_size / 2**30:.2f} GiB")
    for name, told in {"reading": reading, "judging": judging}.items():
        print(
            f"{name}: {told['seconds']:.2f} s, peak {told['peak']:.0f} MiB "
            f"({told['more']:.0f} MiB above its imports)"
        )
    print(f"judging takes {judging['seconds'] / reading['seconds']:.2f} times as long as reading")
