"""Seeded workloads, made once a process; nothing is downloaded."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd

ROWS = 1_000_000


@cache
def orders(rows: int = ROWS) -> pd.DataFrame:
    """Twenty columns of an order table: floats, ints, texts of few and of many values, a time."""
    rng = np.random.default_rng(20)
    columns: dict[str, object] = {f"amount_{i}": rng.gamma(2.0, 50.0, rows) for i in range(8)}
    columns["order_id"] = rng.permutation(rows)
    columns |= {f"count_{i}": rng.integers(0, 100, rows) for i in range(3)}
    for i, size in enumerate((3, 8, 20, 50)):
        names = np.array([f"value {value}" for value in range(size)], dtype=object)
        columns[f"kind_{i}"] = pd.array(names[rng.integers(0, size, rows)], dtype="str")
    codes = np.array([f"{a}-{b:04d}" for a in ("DE", "FR") for b in range(2_500)], dtype=object)
    columns["code"] = pd.array(codes[rng.integers(0, len(codes), rows)], dtype="str")
    columns["email"] = pd.array([f"user{i}@example.org" for i in range(rows)], dtype="str")
    columns["paid"] = rng.integers(0, 2, rows).astype(bool)
    start = np.datetime64("2026-01-01", "us")
    columns["at"] = start + rng.integers(0, 10**12, rows).astype("timedelta64[us]")
    return pd.DataFrame(columns)


@cache
def pair(rows: int, width: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference and data without drift: normal, skewed, of few levels, heavy-tailed columns."""
    rng = np.random.default_rng(rows + width)
    kinds: tuple[Callable[[], np.ndarray], ...] = (
        lambda: rng.normal(size=rows),
        lambda: rng.gamma(2.0, 50.0, rows),
        lambda: rng.integers(0, 100, rows).astype(np.float64),
        lambda: rng.standard_t(3, rows),
    )
    sides = ({f"x{i}": kinds[i % 4]() for i in range(width)} for _ in range(2))
    reference, data = map(pd.DataFrame, sides)
    return reference, data


@cache
def mixed(rows: int = 500_000) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A reference and data without drift: ten columns of numbers, ten of texts."""
    rng = np.random.default_rng(10)
    names = np.array([f"value {value}" for value in range(500)], dtype=object)
    levels = (3, 5, 8, 12, 20, 30, 50, 100, 200, 500)

    def side() -> pd.DataFrame:
        columns: dict[str, object] = {f"x{i}": rng.gamma(2.0, 50.0, rows) for i in range(10)}
        for i, size in enumerate(levels):
            columns[f"kind_{i}"] = pd.array(names[rng.integers(0, size, rows)], dtype="str")
        return pd.DataFrame(columns)

    return side(), side()
