"""Schema against pandera: 1 M rows x 20 columns, 59 rules, both sides in one run.

Types, missing cells, ranges, sets, uniqueness and two regular expressions. The side of mlgates also
looks for infinities and returns counts, shares and first offenders. The last column of the printed
table is the ratio to the fastest.
"""

from collections.abc import Callable

import pandas as pd
import pandera.pandas as pap
import pandera.polars as pal
import polars as pl
import pytest
from workloads import orders

import mlgates as mg

ROUNDS = 5
CODE, EMAIL = r"(DE|FR)-[0-9]{4}", r"[a-z0-9]+@[a-z]+\.org"
SETS = {f"kind_{i}": [f"value {v}" for v in range(n)] for i, n in enumerate((3, 8, 20, 50))}

pytestmark = pytest.mark.benchmark(group="schema, 1 M x 20, 59 rules")


def ours() -> mg.Schema:
    return mg.Schema(
        {
            **{f"amount_{i}": mg.Column("float", at_least=0, at_most=1e5) for i in range(8)},
            "order_id": mg.Column("int", at_least=0, at_most=10**7, unique=True),
            **{f"count_{i}": mg.Column("int", at_least=0, at_most=99) for i in range(3)},
            **{name: mg.Column("string", isin=values) for name, values in SETS.items()},
            "code": mg.Column("string", matches=CODE),
            "email": mg.Column("string", matches=EMAIL),
            "paid": "bool",
            "at": "timestamp",
        }
    )


def theirs(module: object, types: dict[str, object]) -> object:
    column, check = module.Column, module.Check
    return module.DataFrameSchema(
        {
            **{f"amount_{i}": column(types["float"], check.in_range(0, 1e5)) for i in range(8)},
            "order_id": column(types["int"], check.in_range(0, 10**7), unique=True),
            **{f"count_{i}": column(types["int"], check.in_range(0, 99)) for i in range(3)},
            **{n: column(types["text"], check.isin(values)) for n, values in SETS.items()},
            "code": column(types["text"], check.str_matches(f"^(?:{CODE})$")),
            "email": column(types["text"], check.str_matches(f"^(?:{EMAIL})$")),
            "paid": column(types["bool"]),
            "at": column(types["time"]),
        },
        strict=True,
    )


@pytest.mark.parametrize("n_jobs", [1, None], ids=["one thread", "all threads"])
def test_mlgates(benchmark: Callable, n_jobs: int | None) -> None:
    data, suite = orders(), mg.GateSuite([ours()])
    report = benchmark.pedantic(
        lambda: suite.run(data=data, n_jobs=n_jobs), rounds=ROUNDS, warmup_rounds=1
    )
    assert report.passed


def test_mlgates_polars(benchmark: Callable) -> None:
    data, suite = pl.from_pandas(orders()), mg.GateSuite([ours()])
    report = benchmark.pedantic(lambda: suite.run(data=data), rounds=ROUNDS, warmup_rounds=1)
    assert report.passed


def test_pandera_pandas(benchmark: Callable) -> None:
    data = orders()
    types = {
        "float": "float64",
        "int": "int64",
        "text": pd.StringDtype(na_value=float("nan")),
        "bool": "bool",
        "time": "datetime64[us]",
    }
    schema = theirs(pap, types)
    benchmark.pedantic(lambda: schema.validate(data, lazy=True), rounds=ROUNDS, warmup_rounds=1)


def test_pandera_polars(benchmark: Callable) -> None:
    data = pl.from_pandas(orders())
    types = {
        "float": pl.Float64,
        "int": pl.Int64,
        "text": pl.String,
        "bool": pl.Boolean,
        "time": pl.Datetime("us"),
    }
    schema = theirs(pal, types)
    benchmark.pedantic(lambda: schema.validate(data, lazy=True), rounds=ROUNDS, warmup_rounds=1)
