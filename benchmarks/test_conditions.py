"""Conditions against the same written by hand with pyarrow.compute: 1 M rows, both in one run.

The limit is twice the time by hand for integers and eight times for floats, where NaN is missing
here and a value there. The last column of the printed table is the ratio.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mlgates.expressions.condition import Condition

ROWS = 1_000_000
_rng = np.random.default_rng(0)
_noise = _rng.normal(size=(2, ROWS))
_noise[1, ::50] = np.nan
TABLE = {
    "a": pa.array(_rng.integers(0, 100, ROWS)),
    "b": pa.array(_rng.integers(0, 100, ROWS)),
    "x": pa.array(_noise[0]),
    "y": pa.array(_noise[1]),
    "s": pa.array(np.array(["open", "paid", "void"])[_rng.integers(0, 3, ROWS)]),
}
A, B, X, Y, S = TABLE.values()
CASES: dict[str, Callable[[], object]] = {
    "a <= b and a + b < 150": lambda: pc.and_kleene(
        pc.less_equal(A, B), pc.less(pc.add_checked(A, B), 150)
    ),
    "a in (1, 2, 50)": lambda: pc.is_in(A, value_set=pa.array([1, 2, 50])),
    "a % 7 == 3": lambda: pc.equal(pc.subtract(A, pc.multiply(pc.divide(A, 7), 7)), 3),
    "x < 1.0": lambda: pc.less(X, 1.0),
    "x <= y or x * 2 < 1.5": lambda: pc.or_kleene(
        pc.less_equal(X, Y), pc.less(pc.multiply(X, 2.0), 1.5)
    ),
    "s != 'paid' or x > 0": lambda: pc.or_kleene(pc.not_equal(S, "paid"), pc.greater(X, 0.0)),
}


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("side", ["mlgates", "by hand"])
def test_condition(benchmark: Callable, text: str, side: str) -> None:
    benchmark.group = text
    condition = Condition(text)
    run = CASES[text] if side == "by hand" else lambda: condition.evaluate(TABLE, ROWS)
    benchmark.pedantic(run, rounds=15, warmup_rounds=2)
