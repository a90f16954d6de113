"""What is seen of small columns of floats: many at a time, one by one, and what numpy alone takes.

Seen are ends, missing cells and a checksum, and the values are sorted. The last column of the
printed table is the ratio to the fastest of its group.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from mlgates.profile.column import ColumnView, float_sums, mixed_sum
from mlgates.profile.scan import sweep_together
from mlgates.tables.field import Field

SIZES = [
    pytest.param(rows, width, marks=pytest.mark.benchmark(group=f"{rows:,} rows x {width}"))
    for rows, width in [(20_000, 500), (1_000, 100), (100, 100)]
]


@cache
def columns(rows: int, width: int) -> list[tuple[Field, pa.Array]]:
    rng = np.random.default_rng(rows)
    fields = [Field(f"x{i}", "float", "double") for i in range(width)]
    return [(field, pa.array(rng.normal(size=rows))) for field in fields]


def views(rows: int, width: int) -> list[ColumnView]:
    return [ColumnView(array, field) for field, array in columns(rows, width)]


@pytest.mark.parametrize(("rows", "width"), SIZES)
def test_together(benchmark: Callable, rows: int, width: int) -> None:
    arrays = {field.name: pa.chunked_array([array]) for field, array in columns(rows, width)}
    benchmark.pedantic(lambda: sweep_together(arrays), rounds=9, warmup_rounds=1)


@pytest.mark.parametrize(("rows", "width"), SIZES)
def test_one_by_one(benchmark: Callable, rows: int, width: int) -> None:
    def look() -> list:
        return [view.sweep for view in views(rows, width)]

    benchmark.pedantic(look, rounds=9, warmup_rounds=1)


CHECKSUM = pytest.mark.benchmark(group="checksum of 1 M doubles")


@CHECKSUM
def test_checksum_of_floats(benchmark: Callable) -> None:
    x = np.random.default_rng(0).normal(size=(1, 1_000_000))
    benchmark.pedantic(lambda: float_sums(x, np.empty_like(x)), rounds=15, warmup_rounds=1)


@CHECKSUM
def test_checksum_of_their_bits(benchmark: Callable) -> None:
    bits = np.random.default_rng(0).normal(size=1_000_000).view(np.uint64)
    benchmark.pedantic(lambda: mixed_sum(bits), rounds=15, warmup_rounds=1)


@CHECKSUM
def test_sum_alone(benchmark: Callable) -> None:
    x = np.random.default_rng(0).normal(size=1_000_000)
    benchmark.pedantic(lambda: np.add.reduce(x), rounds=15, warmup_rounds=1)
