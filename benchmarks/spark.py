"""Time a suite on a Spark DataFrame, and on the same rows in Parquet files without Spark.

It also times a function that does nothing with the rows that Spark hands over to Python.

Run it with ``uv run --extra spark benchmarks/spark.py``; it needs Java, and prints Markdown.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import SparkSession

import mlgates as mg

FILES = 8
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SUITE = mg.GateSuite(
    [
        mg.Schema({"x0": mg.Column("float", nullable=True), "text": "string", "at": "timestamp"}),
        mg.Completeness(max_missing=0.2),
        mg.Freshness("at", max_age="400d"),
        mg.Rule("x0 < 100 or text == 'a'"),
        mg.Statistic("mean", "x1", at_least=-1),
        mg.Drift("psi", exclude=["at"]),
        mg.Drift("ks", exclude=["at"]),
    ]
)


def table(rng: np.random.Generator, rows: int) -> pa.Table:
    """Draw six columns of floats, two of texts, one of decimals and one of timestamps."""
    columns = {f"x{i}": pa.array(rng.normal(size=rows)) for i in range(6)}
    columns["text"] = pa.array(rng.choice(["a", "b", "c"], rows))
    columns["code"] = pa.array(rng.integers(0, 500, rows).astype(str))
    columns["price"] = pa.array(rng.integers(0, 10**6, rows)).cast(pa.decimal128(20, 0))
    seconds = 1_790_000_000 + rng.integers(0, 10**6, rows)
    columns["at"] = pa.array(seconds * 10**6, pa.timestamp("us", "UTC"))
    return pa.table(columns)


def nothing(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Take all rows of a partition, and return none."""
    for _ in batches:
        pass
    yield from ()


def main() -> None:
    """Print the times of both runs, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    rows = parser.parse_args().rows
    os.environ["PYSPARK_PYTHON"] = sys.executable
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        baseline = mg.Baseline.from_data(table(rng, 100_000))
        for number in range(FILES):
            pq.write_table(table(rng, rows // FILES), Path(folder, f"{number}.parquet"))
        builder = SparkSession.builder.master("local[2]")
        builder = builder.config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.session.timeZone", "UTC")
        builder = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "131072")
        spark = builder.getOrCreate()
        frame = spark.read.parquet(folder)
        SUITE.run(data=frame.limit(10), reference=baseline)  # starts the workers
        seconds, reports = {}, {}
        for name, data in (("Parquet", folder), ("Spark", frame)):
            started = time.perf_counter()
            reports[name] = SUITE.run(data=data, reference=baseline, now=NOW)
            seconds[name] = time.perf_counter() - started
        started = time.perf_counter()
        frame.mapInArrow(nothing, "part binary").collect()
        seconds["handing over"] = time.perf_counter() - started
        spark.stop()
    same = [[(c.verdict, c.value) for c in gate.checks] for gate in reports["Spark"]] == [
        [(c.verdict, c.value) for c in gate.checks] for gate in reports["Parquet"]
    ]
    print(
        "| rows | Parquet (s) | Spark (s) | ratio | handing over alone (s) | ratio "
        "| equal verdicts and values |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    cells = [f"{rows:,}", f"{seconds['Parquet']:.1f}"]
    for name in ("Spark", "handing over"):
        cells += [f"{seconds[name]:.1f}", f"{seconds[name] / seconds['Parquet']:.1f}"]
    print(f"| {' | '.join(cells)} | {same} |")


if __name__ == "__main__":
    main()
