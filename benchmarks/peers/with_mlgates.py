"""mlgates: gates of a suite on two tables, or on a Parquet file and a saved baseline."""

import os
from collections.abc import Callable
from pathlib import Path

from common import INTS, PATTERNS, RANGES, SETS, TEXTS, UNIQUE, Question, main

import mlgates as mg

if os.environ.get("TABLE") == "polars":
    from polars import read_parquet
else:
    from pandas import read_parquet


def suite(gates: list[mg.Gate], data: object, reference: object = None) -> Callable[[], str]:
    made = mg.GateSuite(gates)
    return lambda: str(made.run(data=data, reference=reference).verdict).upper()


def drift(method: str) -> Question:
    def question(folder: Path) -> Callable[[], str]:
        reference = read_parquet(folder / "reference.parquet")
        return suite([mg.Drift(method)], read_parquet(folder / "data.parquet"), reference)

    return question


def mixed(folder: Path) -> Callable[[], str]:
    reference = read_parquet(folder / "reference.parquet")
    texts = [name for name in reference.columns if name.startswith("kind")]
    gates = [mg.Drift("ks", exclude=texts), mg.Drift("psi", columns=texts)]
    return suite(gates, read_parquet(folder / "data.parquet"), reference)


def column(name: str) -> mg.Column:
    low, high = RANGES.get(name, (None, None))
    return mg.Column(
        "int" if name in INTS else "string" if name in TEXTS else "float",
        at_least=low,
        at_most=high,
        isin=SETS.get(name),
        matches=PATTERNS.get(name),
        unique=name == UNIQUE,
    )


def schema(folder: Path) -> Callable[[], str]:
    columns = {name: column(name) for name in (*RANGES, *TEXTS)}
    gate = mg.Schema({**columns, "paid": "bool", "at": "timestamp"})
    return suite([gate], read_parquet(folder / "data.parquet"))


def completeness(folder: Path) -> Callable[[], str]:
    return suite([mg.Completeness(max_missing=0)], read_parquet(folder / "data.parquet"))


def parquet(folder: Path) -> Callable[[], str]:
    path = folder / "baseline.json"
    mg.Baseline.from_data(read_parquet(folder / "reference.parquet")).save(path)
    return suite([mg.Drift("psi")], folder / "data.parquet", path)


if __name__ == "__main__":
    questions: dict[str, Question] = {name: drift(name) for name in ("ks", "psi", "wasserstein")}
    questions |= {"mixed": mixed, "schema": schema, "completeness": completeness}
    if os.environ.get("TABLE") != "polars":
        questions["parquet"] = parquet
    main(["mlgates", "numpy", os.environ.get("TABLE", "pandas")], questions)
