"""Slice conditions that use the whole table, for every way to store it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import mlgates as mg


def above_the_mean(table):
    x = np.asarray(table["x"])
    return x >= x.mean()


def first_ten(table):
    return np.arange(len(table["x"])) < 10


def test_a_condition_on_all_rows_gives_the_same_result_for_a_file(tmp_path):
    rows = {"x": np.arange(200_000.0), "y": [*[1.0] * 100_000, *[None, 1.0] * 50_000]}
    pq.write_table(pa.table(rows), tmp_path / "x.parquet")
    gate = mg.Completeness("y", max_missing=0.1, by={"above": above_the_mean, "ten": first_ten})
    stored, frame = gate.run(data=tmp_path / "x.parquet"), gate.run(data=pd.DataFrame(rows))
    seen = [[(c.group, c.value, c.n) for c in result.checks] for result in (stored, frame)]
    assert seen[0] == seen[1]
    assert seen[0][1:] == [("above", 0.5, 100_000), ("ten", 0.0, 10)]
