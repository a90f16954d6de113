"""Given latencies: values that are not positive numbers of seconds are refused."""

from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.predictions.numbers import seconds_of
from mlgates.tables.columns import as_column

INF = float("inf")


def read(values):
    return seconds_of(as_column("`latencies`", values))


@pytest.mark.parametrize(
    "values",
    [
        [0.5, 2.0, INF],
        (0.5, 2, INF),
        np.array([0.5, 2.0, INF]),
        np.array([[0.5], [2.0], [INF]]),
        np.array([0.5, 2.0, INF], np.float32),
        pd.Series([0.5, 2.0, INF], index=[7, 8, 9]),
        pd.Series([0.5, 2.0, INF], dtype="Float64"),
        pl.Series([0.5, 2.0, INF]),
        pa.array([0.5, 2.0, INF]),
        pd.DataFrame({"seconds": [0.5, 2.0, INF]}),
    ],
    ids=[
        "list",
        "tuple",
        "array",
        "column",
        "float32",
        "Series",
        "Float64",
        "polars",
        "arrow",
        "frame",
    ],
)
def test_seconds_are_read_from_any_container(values):
    assert read(values).tolist() == [0.5, 2.0, INF]


@pytest.mark.parametrize(
    "values",
    [
        [timedelta(milliseconds=500), timedelta(seconds=2)],
        np.array([500, 2_000], "m8[ms]"),
        pd.to_timedelta([0.5, 2], unit="s"),
        pl.Series([timedelta(milliseconds=500), timedelta(seconds=2)]),
        [Decimal("0.5"), Decimal(2)],
    ],
)
def test_durations_are_converted_from_their_unit(values):
    assert read(values).tolist() == [0.5, 2.0]


def test_no_latencies_give_an_empty_array():
    assert read([]).tolist() == []
    assert read(np.empty(0)).tolist() == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            [0.5, np.nan],
            r"1 of 2 values of `latencies` is missing; write infinity for a failed request",
        ),
        ([0.5, None], r"1 of 2 values of `latencies` is missing"),
        (pd.Series([timedelta(1), pd.NaT]), r"1 of 2 values of `latencies` is missing"),
        ([None, None], r"`latencies` has values of type null, expected seconds"),
        (
            [0.5, -0.1, -INF],
            r"2 of 3 values of `latencies` are negative; a latency must be greater than 0",
        ),
        ([timedelta(-1)], r"1 of 1 values of `latencies` is negative"),
        (
            [0.5, 0.0],
            r"1 of 2 values of `latencies` is zero: the clock that measured the latencies is",
        ),
        ([0, 0, 1], r"2 of 3 values of `latencies` are zero"),
        (["20ms"], r"`latencies` has values of type string, expected seconds"),
        ([True, True], r"`latencies` has values of type bool"),
        ([1 + 2j], r"complex"),
        (np.ones((2, 2)), r"shape \(2, 2\)"),
        (0.5, r"`latencies`"),
        ({"a": 1}, r"`latencies`"),
        ((x for x in [0.5]), r"`latencies`"),
        ([[0.5], [1.0, 2.0]], r"`latencies`"),
    ],
)
def test_values_that_are_not_latencies_are_refused(values, said):
    with pytest.raises(mg.EvidenceError, match=said):
        read(values)
