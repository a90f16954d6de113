"""Profiles of parts: their size, and the time to read, merge and judge them; folders of many files.

`HOURS` is the number of profiles that are merged, and `FILES` that of the files of the folder.
"""

import os
import time
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg

HOURS = int(os.environ.get("HOURS", "8_760"))
FILES = int(os.environ.get("FILES", "2_000"))
ROWS = 1_000_000


def table(rows: int, columns: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table({f"x{i}": rng.normal(size=rows) for i in range(columns)})


@pytest.mark.parametrize("methods", [("psi",), ("psi", "ks")], ids="+".join)
def test_profiles_of_200_columns(methods: tuple[str, ...]) -> None:
    baseline = mg.Baseline.from_data(table(5_000, 200))
    suite = mg.GateSuite([mg.Completeness(), *map(mg.Drift, methods)])
    plan = suite.plan(data=table(1, 200), reference=baseline)
    hours = [plan.count(table(400, 200, seed)).to_bytes() for seed in range(24)]
    spent = {"read": 0.0, "merge": 0.0}
    whole: mg.Profile | None = None
    for i in range(HOURS):
        clock = time.perf_counter()
        profile = mg.Profile.from_bytes(hours[i % 24])
        spent["read"] += time.perf_counter() - clock
        clock = time.perf_counter()
        whole = profile if whole is None else whole.merge(profile)
        spent["merge"] += time.perf_counter() - clock
    clock = time.perf_counter()
    report = suite.run(data=whole, reference=baseline)
    spent["judge"] = time.perf_counter() - clock
    assert report.provenance["tables"]["data"]["rows"] == 400 * HOURS
    shown = ", ".join(f"{step} {seconds:.2f} s" for step, seconds in spent.items())
    print(f"\n{HOURS:,} profiles of {len(hours[0]):,} bytes, {'+'.join(methods)}: {shown}")


@pytest.mark.parametrize("methods", [("psi",), ("psi", "ks")], ids="+".join)
def test_a_year_of_which_the_months_were_merged(methods: tuple[str, ...]) -> None:
    baseline = mg.Baseline.from_data(table(5_000, 200))
    suite = mg.GateSuite([mg.Completeness(), *map(mg.Drift, methods)])
    plan = suite.plan(data=table(1, 200), reference=baseline)
    months = [plan.count(table(400 * 24, 200, seed)).to_bytes() for seed in range(12)]
    clock, of_process = time.perf_counter(), time.process_time()
    year = reduce(mg.Profile.merge, map(mg.Profile.from_bytes, months))
    report = suite.run(data=year, reference=baseline)
    spent = time.perf_counter() - clock
    cpu = time.process_time() - of_process
    assert report.provenance["tables"]["data"]["rows"] == 400 * 24 * 12
    print(f"\n12 months, {'+'.join(methods)}: {spent:.2f} s ({cpu:.2f} s of processors)")


def test_a_folder_of_many_files(tmp_path: Path) -> None:
    whole = table(ROWS, 10)
    baseline = mg.Baseline.from_data(whole)
    suite = mg.GateSuite([mg.Completeness(), mg.Drift("psi")])
    spent, cpu = {}, {}
    for files in (1, FILES):
        folder = tmp_path / str(files)
        for i, start in enumerate(range(0, ROWS, ROWS // files)):
            inner = folder / f"month={i % 12 + 1}" / f"day={i % 28 + 1}"
            inner.mkdir(parents=True, exist_ok=True)
            pq.write_table(whole.slice(start, ROWS // files), inner / f"{i}.parquet")
        clock, of_process = time.perf_counter(), time.process_time()
        report = suite.run(data=folder, reference=baseline)
        spent[files] = time.perf_counter() - clock
        cpu[files] = time.process_time() - of_process
        assert report.provenance["tables"]["data"]["rows"] == ROWS // files * files
    of_process = time.process_time()
    for path in sorted(folder.rglob("*.parquet")):
        with pq.ParquetFile(path, pre_buffer=False) as file:
            file.read(use_threads=False)
    alone = time.process_time() - of_process
    ratio = spent[FILES] / spent[1]
    print(f"\n1 file {spent[1]:.2f} s, {FILES:,} files {spent[FILES]:.2f} s: {ratio:.1f} x")
    print(
        f"seconds of processors: 1 file {cpu[1]:.2f}, {FILES:,} files {cpu[FILES]:.2f}, "
        f"reading them by pyarrow alone {alone:.2f}"
    )
