"""pandera: a `DataFrameSchema` with lazy validation, on pandas or on polars."""

import os
from collections.abc import Callable
from pathlib import Path

from common import FLOATS, INTS, PATTERNS, RANGES, SETS, TEXTS, UNIQUE, broken, main

if os.environ.get("TABLE") == "polars":
    import pandera.polars as pa
    import polars as pl

    read_parquet = pl.read_parquet
    TYPES = [pl.Float64, pl.Int64, pl.String, pl.Boolean, pl.Datetime("us")]
else:
    import pandas as pd
    import pandera.pandas as pa

    read_parquet = pd.read_parquet
    text = pd.StringDtype(na_value=float("nan"))
    TYPES = ["float64", "int64", text, "bool", "datetime64[us]"]


def judged(columns: dict[str, pa.Column], folder: Path) -> Callable[[], str]:
    made = pa.DataFrameSchema(columns, strict=True)
    data = read_parquet(folder / "data.parquet")

    def work() -> str:
        try:
            made.validate(data, lazy=True)
        except pa.errors.SchemaErrors as error:
            return broken(len(error.schema_errors))
        return broken(0)

    return work


def schema(folder: Path) -> Callable[[], str]:
    columns = {}
    for names, dtype in zip((FLOATS, INTS, TEXTS, ["paid"], ["at"]), TYPES, strict=True):
        for name in names:
            checks = [pa.Check.in_range(*RANGES[name])] if name in RANGES else []
            checks += [pa.Check.isin(SETS[name])] if name in SETS else []
            if name in PATTERNS:
                checks.append(pa.Check.str_matches(f"^(?:{PATTERNS[name]})$"))
            columns[name] = pa.Column(dtype, checks, unique=name == UNIQUE)
    return judged(columns, folder)


def completeness(folder: Path) -> Callable[[], str]:
    names = (*FLOATS, *INTS, *TEXTS, "paid", "at")
    return judged({name: pa.Column(nullable=False) for name in names}, folder)


if __name__ == "__main__":
    main(
        ["pandera", os.environ.get("TABLE", "pandas")],
        {"schema": schema, "completeness": completeness},
    )
