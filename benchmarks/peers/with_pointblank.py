"""Pointblank on polars: a `Validate` plan; `DataScan.compare` gives KS and PSI at once."""

from collections.abc import Callable
from pathlib import Path

import pointblank as pb
import polars as pl
from common import LIMITS, PATTERNS, RANGES, SETS, UNIQUE, broken, drifted, main


def compare(folder: Path) -> Callable[[], str]:
    reference = pl.read_parquet(folder / "reference.parquet")
    data = pl.read_parquet(folder / "data.parquet")

    def work() -> str:
        found = pb.DataScan(data).compare(pb.DataScan(reference)).column_diffs
        scores = [column.drift_scores for column in found]
        beyond = [
            score.get("ks_statistic", 0) > LIMITS["ks"] or score.get("psi", 0) > LIMITS["psi"]
            for score in scores
        ]
        return drifted(sum(beyond), len(scores))

    return work


def answer(plan: pb.Validate) -> str:
    made = plan.interrogate(collect_extracts=False)
    failed = sum(count > 0 for count in made.n_failed().values())
    return broken(failed or not made.all_passed())


def schema(folder: Path) -> Callable[[], str]:
    data = pl.read_parquet(folder / "data.parquet")

    def work() -> str:
        plan = pb.Validate(data).col_schema_match(
            pb.Schema(columns=[(name, str(dtype)) for name, dtype in data.schema.items()]),
            in_order=False,
        )
        plan = plan.col_vals_not_null(data.columns)
        for name, (low, high) in RANGES.items():
            plan = plan.col_vals_between(name, low, high)
        for name, values in SETS.items():
            plan = plan.col_vals_in_set(name, values)
        for name, pattern in PATTERNS.items():
            plan = plan.col_vals_regex(name, f"^(?:{pattern})$")
        return answer(plan.rows_distinct([UNIQUE]))

    return work


def completeness(folder: Path) -> Callable[[], str]:
    data = pl.read_parquet(folder / "data.parquet")
    return lambda: answer(pb.Validate(data).col_vals_not_null(data.columns))


if __name__ == "__main__":
    main(
        ["pointblank", "polars", "scipy"],
        {"ks": compare, "mixed": compare, "schema": schema, "completeness": completeness},
    )
