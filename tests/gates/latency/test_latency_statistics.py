"""Names and values of the statistics of latencies, and their tables and histograms."""

import math
from fractions import Fraction

import numpy as np
import pytest

import mlgates as mg
from mlgates.gates.latency.latencies import Latencies, histograms, quantile_share, table

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("p50", Fraction(1, 2)),
        ("p95", Fraction(19, 20)),
        ("p99.9", Fraction(999, 1_000)),
        ("p0.1", Fraction(1, 1_000)),
        ("p99.999", Fraction(99_999, 100_000)),
        ("mean", None),
        ("max", None),
    ],
)
def test_names(name, share):
    assert quantile_share(name) == share


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ("p0", ""),
        ("p0.0", ""),
        ("p100", "; did you mean 'max'?"),
        ("p101", ""),
        ("P99", "; did you mean 'p99'?"),
        ("99", "; did you mean 'p99'?"),
        ("99%", "; did you mean 'p99'?"),
        ("median", "; did you mean 'p50'?"),
        ("Max", "; did you mean 'max'?"),
        (0.99, "; did you mean 'p99'?"),
        (99, "; did you mean 'p99'?"),
        (True, ""),
        (None, ""),
        (math.nan, ""),
        ("", ""),
        ("p99.", ""),
        ("p٩٩", ""),
        (["p99"], ""),
    ],
    ids=repr,
)
def test_other_names_are_refused_with_a_suggestion(given, hint):
    with pytest.raises(mg.OptionError) as caught:
        quantile_share(given)
    allowed = "a quantile such as 'p95', 'p99' or 'p99.9', or 'mean' or 'max'"
    assert str(caught.value) == f"Latency: `quantile` must be {allowed}, got {given!r}{hint}"


def test_least_calls():
    named = [found(name, []) for name in ("p50", "p95", "p99", "p99.9", "mean", "max")]
    assert [one.least for one in named] == [6, 72, 368, 3_688, 30, 30]


def found(name, seconds, confidence=0.95):
    return Latencies(np.asarray(seconds, float), name, confidence)


def test_values_and_intervals():
    seconds = RNG.permutation(np.arange(1.0, 1_001.0))
    p99 = found("p99", seconds)
    assert (p99.value, p99.interval, p99.n) == (990.0, (983.0, 997.0), 1_000)
    mean = found("mean", seconds)
    assert mean.value == 500.5
    assert mean.interval == pytest.approx((482.6, 518.4), abs=0.1)
    largest = found("max", seconds)
    assert (largest.value, largest.interval) == (1_000.0, None)
    for name in ("p99", "mean", "max"):
        nothing = found(name, [])
        assert (nothing.value, nothing.interval, nothing.n) == (None, None, 0)


def test_failed_calls_are_infinite():
    seconds = [1.0, math.inf, 1.0]
    assert found("p50", seconds).value == 1.0
    for name in ("p99", "mean", "max"):
        assert found(name, seconds).value == math.inf
    assert found("mean", seconds).interval is None
    assert found("p50", seconds).failed == 1


@pytest.mark.parametrize(
    ("seconds", "is_sorted"),
    [
        ([1.0, 2.0, 3.0], True),
        ([3.0, 2.0, 2.0], True),
        ([1.0, 3.0, 2.0], False),
        ([1.0, 1.0, 1.0], False),
        ([1.0, 2.0], False),
        ([], False),
    ],
)
def test_sorted_latencies_are_detected(seconds, is_sorted):
    assert found("p50", seconds).is_sorted is is_sorted


def test_table_of_nothing_is_empty():
    assert table(np.empty(0)) == {}


def test_histograms_share_their_edges_and_count_what_is_finite():
    fast, slow = RNG.lognormal(0, 1, 10_000), np.append(RNG.lognormal(1, 1, 100), math.inf)
    first, second = histograms(fast, slow)
    assert first["edges"] == second["edges"]
    assert len(first["edges"]) == 61
    assert (sum(first["counts"]), sum(second["counts"])) == (10_000, 100)
    ratios = np.diff(np.log(first["edges"]))
    assert ratios == pytest.approx(np.full(60, ratios[0]))
    assert all(isinstance(count, int) for count in first["counts"])


def test_histogram_of_one_value_and_of_none():
    (one,) = histograms(np.array([0.5, 0.5]))
    assert sum(one["counts"]) == 2
    assert one["edges"][0] < 0.5 < one["edges"][-1]
    assert histograms(np.array([math.inf])) == [{}]
    assert histograms(np.empty(0), np.empty(0)) == [{}, {}]
