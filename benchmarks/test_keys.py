"""Leakage and Unique against pandas: rows compared by value, both sides in one run."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import mlgates as mg

ROWS = 1_000_000


def table(seed: int) -> pd.DataFrame:
    """1 M rows of five floats, three integers and two texts."""
    rng = np.random.default_rng(seed)
    columns: dict[str, object] = {f"x{i}": rng.normal(size=ROWS) for i in range(5)}
    columns |= {f"n{i}": rng.integers(0, 1_000, ROWS) for i in range(3)}
    words = np.array([f"word {i}" for i in range(10_000)])
    columns |= {f"t{i}": words[rng.integers(0, len(words), ROWS)] for i in range(2)}
    return pd.DataFrame(columns)


TRAIN, TEST = table(0), table(1)
TEST.iloc[:10] = TRAIN.iloc[100:110]


@pytest.mark.benchmark(group="leakage, 1 M against 1 M rows x 10")
@pytest.mark.parametrize("side", ["mlgates", "pandas merge"])
def test_leakage(benchmark: Callable, side: str) -> None:
    if side == "mlgates":
        gate = mg.Leakage()
        result = benchmark.pedantic(lambda: gate.run(data=TEST, reference=TRAIN), rounds=3)
        assert result.checks[0].details["count"] == 10
    else:
        shared = benchmark.pedantic(lambda: TEST.merge(TRAIN.drop_duplicates()), rounds=3)
        assert len(shared) == 10


@pytest.mark.benchmark(group="unique, 1 M rows x 10")
@pytest.mark.parametrize("side", ["mlgates", "pandas duplicated"])
def test_unique(benchmark: Callable, side: str) -> None:
    if side == "mlgates":
        assert benchmark.pedantic(lambda: mg.Unique().run(data=TRAIN), rounds=3).passed
    else:
        assert not benchmark.pedantic(lambda: TRAIN.duplicated().any(), rounds=3)
