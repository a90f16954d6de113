"""E-values of counts: known values, exact expectations under the null, and extreme counts."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlgates.stats.sequential import (
    beta_log_e,
    rate_log_e,
    rate_scale_needed,
    ratio_estimate,
    ratio_interval,
    ratio_log_e,
    ratio_scale_needed,
    shiryaev_roberts,
)

LOOKS = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 50), st.sampled_from([0.01, 0.1, 0.5])),
    min_size=1,
    max_size=5,
)
HUGE = 10**12


def e_ratio(candidate, production, share, ratio=1.0, *, side):
    return math.exp(ratio_log_e([candidate], [production], [share], ratio, side=side))


@pytest.mark.parametrize(
    ("counts", "worse", "not_worse"),
    [
        ((30, 15, 0.5), 6.7982122, 0.22691477),
        ((15, 30, 0.5), 0.12903003, 194.21927),
        ((30, 135, 0.1), 56.976039, 0.1338414),
        ((0, 40, 0.1), 0.2263244, 22.435516),
        ((60, 30, 0.5), 63.27139, 0.13632059),
        ((5, 0, 0.1), 66.071608, 0.23837784),
        ((6, 0, 0.1), 236.19268, 0.20377707),
    ],
)
def test_known_values_of_increases(counts, worse, not_worse):
    assert e_ratio(*counts, side="greater") == pytest.approx(worse, rel=1e-7)
    assert e_ratio(*counts, 1.5, side="less") == pytest.approx(not_worse, rel=1e-7)


@pytest.mark.parametrize(
    ("counts", "worse", "not_worse"),
    [
        ((30, 15, 0.5), 0.12903003, 9.569876),
        ((15, 30, 0.5), 6.7982122, 0.13691964),
        ((30, 135, 0.1), 0.078355118, 108.5164),
    ],
)
def test_known_values_of_decreases(counts, worse, not_worse):
    assert e_ratio(*counts, side="less") == pytest.approx(worse, rel=1e-7)
    assert e_ratio(*counts, 0.95, side="greater") == pytest.approx(not_worse, rel=1e-7)


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        ((15, 30, 0.5), (0.152474, 1.1638043)),
        ((30, 135, 0.1), (0.9560664, 3.4038284)),
        ((0, 40, 0.1), (0, 1.4501533)),
        ((6, 0, 0.1), (1.5963365, math.inf)),
    ],
)
def test_known_intervals(counts, interval):
    ends = ratio_interval(*([each] for each in counts), lower=100, upper=20)
    assert ends == pytest.approx(interval, rel=1e-6)


@pytest.mark.parametrize(
    ("share", "events"), [(0.01, 5), (0.05, 5), (0.1, 6), (0.25, 8), (0.5, 14)]
)
def test_events_needed_without_any_in_production(share, events):
    assert e_ratio(events, 0, share, side="greater") >= 100
    assert e_ratio(events - 1, 0, share, side="greater") < 100


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.5])
@pytest.mark.parametrize("side", ["greater", "less"])
def test_expectation_at_most_one_under_null(share, ratio, side):
    """Of n events, those of the candidate are binomial; the expectation is exact."""
    n = np.arange(13)

    def expectation(true):
        theta = share * true / (share * true + 1 - share)
        e = [e_ratio(int(x), int(12 - x), share, ratio, side=side) for x in n]
        return float(np.dot(stats.binom.pmf(n, 12, theta), e))

    assert expectation(ratio) == pytest.approx(1, abs=1e-12)
    for further in (1.01, 1.5, 10):
        assert expectation(ratio / further if side == "greater" else ratio * further) < 1


@given(LOOKS, st.sampled_from(["greater", "less"]))
def test_looks_add_up_by_share(looks, side):
    """The mixture is over the product of all looks, in any order and in any parts."""
    columns = [list(column) for column in zip(*looks, strict=True)]
    whole = ratio_log_e(*columns, side=side)
    backwards = [column[::-1] for column in columns]
    assert ratio_log_e(*backwards, side=side) == pytest.approx(whole, abs=1e-9)
    idle = [
        column + more for column, more in zip(columns, ([7, 7], [9, 9], [0.0, 1.0]), strict=True)
    ]
    assert ratio_log_e(*idle, side=side) == whole
    assert ratio_estimate(*idle) == pytest.approx(ratio_estimate(*columns), nan_ok=True)
    shares = sorted(set(columns[2]))
    pooled = [[sum(look[i] for look in looks if look[2] == s) for s in shares] for i in (0, 1)]
    assert ratio_log_e(*pooled, shares, side=side) == pytest.approx(whole, abs=1e-9)


@given(LOOKS)
def test_estimate_solves_its_equation_and_lies_within_the_interval(looks):
    candidate, production, share = (np.array(column) for column in zip(*looks, strict=True))
    estimate = ratio_estimate(candidate, production, share)
    low, high = ratio_interval(candidate, production, share, lower=100, upper=20)
    if not candidate.any() and not production.any():
        assert math.isnan(estimate)
        assert (low, high) == (0, math.inf)
        return
    assert low <= estimate <= high
    if 0 < estimate < math.inf:
        theta = share * estimate / (share * estimate + 1 - share)
        assert ((candidate + production) * theta).sum() == pytest.approx(candidate.sum())
    else:
        assert estimate == (0 if production.any() else math.inf)
    for end, side, e in ((low, "greater", 100), (high, "less", 20)):
        if 0 < end < math.inf:
            log_e = ratio_log_e(candidate, production, share, end, side=side)
            assert log_e == pytest.approx(math.log(e), abs=1e-8)


def test_base_rate_that_rises_with_the_share_does_not_bias_the_estimate():
    # production's rate rises from 1 % to 4 % while the share rises from 1 % to 50 %
    candidate, production = [1, 200], [99, 200]
    assert ratio_estimate(candidate, production, [0.01, 0.5]) == pytest.approx(1)
    assert ratio_log_e(candidate, production, [0.01, 0.5], side="greater") < 0


def test_small_differences_are_found_in_many_events():
    """A grid of evenly spaced ratios misses those within 2.4 %."""
    assert ratio_log_e([505_000], [495_000], [0.5], side="greater") > math.log(1e6)


@pytest.mark.parametrize("share", [1e-300, 1e-12, 0.1, 0.5, 1 - 1e-12])
@pytest.mark.parametrize("candidate", [0, 1, HUGE])
@pytest.mark.parametrize("production", [0, 1, HUGE])
def test_extreme_counts_and_shares_are_finite(candidate, production, share):
    counts = [candidate], [production], [share]
    for side, ratio in (("greater", 1.0), ("less", 1.5), ("less", 1.0), ("greater", 0.95)):
        assert math.isfinite(ratio_log_e(*counts, ratio, side=side))
        scale = ratio_scale_needed(*counts, ratio, side=side, e_value=20)
        assert scale is None or scale > 0
    low, high = ratio_interval(*counts, lower=100, upper=20)
    assert 0 <= low <= high
    assert math.isnan(ratio_estimate(*counts)) == (candidate == production == 0)
    for side in ("both", "greater", "less"):
        assert math.isfinite(beta_log_e(candidate, production, share, side=side))
    assert math.isfinite(beta_log_e(candidate, production, share, (2e3 * share, 2e3)))


def test_huge_counts_are_precise():
    assert ratio_estimate([HUGE], [9 * HUGE], [0.1]) == pytest.approx(1)
    low, high = ratio_interval([HUGE], [9 * HUGE], [0.1], lower=100, upper=20)
    assert 0 < 1 - low < 1e-5
    assert 0 < high - 1 < 1e-5


def test_no_events_say_nothing():
    for side in ("greater", "less"):
        assert ratio_log_e([0, 0], [0, 0], [0.1, 0.5], side=side) == 0
        assert ratio_log_e([], [], [], side=side) == 0
        assert ratio_scale_needed([0], [0], [0.1], side=side, e_value=20) is None
    assert math.isnan(ratio_estimate([], [], []))
    assert ratio_interval([], [], [], lower=100, upper=20) == (0, math.inf)


def test_scale_needed():
    counts = [41], [360], [0.1]
    scale = ratio_scale_needed(*counts, 1.5, side="less", e_value=20)
    assert scale == pytest.approx(1.382, abs=5e-4)
    grown = [[scale * counts[0][0]], [scale * counts[1][0]], [0.1]]
    assert ratio_log_e(*grown, 1.5, side="less") == pytest.approx(math.log(20))
    assert ratio_scale_needed(*counts, 1.01, side="greater", e_value=20) > 1_000
    assert ratio_scale_needed([20], [360], [0.1], 1.5, side="greater", e_value=20) is None
    assert ratio_scale_needed([80], [360], [0.1], side="greater", e_value=20) < 1


@pytest.mark.parametrize(
    ("first", "second", "share", "e_value"),
    [
        (1_000, 9_000, 0.1, 0.40810499),
        (1_100, 8_900, 0.1, 36.172973),
        (1_150, 8_850, 0.1, 9004.541),
        (5_200, 4_800, 0.5, 321.33165),
        (150, 9_850, 0.01, 3811.9803),
    ],
)
def test_known_values_of_splits(first, second, share, e_value):
    prior = (2_000 * share, 2_000 * (1 - share))
    assert math.exp(beta_log_e(first, second, share, prior)) == pytest.approx(e_value, rel=1e-7)


@pytest.mark.parametrize(
    ("counts", "e_value"),
    [((10, 0), 93.0909), ((60, 40), 0.91305), ((120, 80), 4.85329), ((300, 200), 1292.54)],
)
def test_known_values_of_splits_with_a_uniform_prior(counts, e_value):
    assert math.exp(beta_log_e(*counts, 0.5)) == pytest.approx(e_value, rel=1e-5)


@pytest.mark.parametrize(
    ("counts", "worse"),
    [
        ((30, 15, 0.5), 4.37834),
        ((60, 30, 0.5), 40.3885),
        ((15, 30, 0.5), 0.0574346),
        ((30, 135, 0.1), 13.2395),
    ],
)
def test_known_values_of_the_uniform_count_test(counts, worse):
    assert math.exp(beta_log_e(*counts, side="greater")) == pytest.approx(worse, rel=1e-5)
    # it has less power than the mixture over ratios
    if worse > 1:
        assert e_ratio(*counts, side="greater") > worse


@pytest.mark.parametrize(
    ("counts", "not_worse"),
    [((30, 15), 0.0850472), ((60, 30), 0.0494779), ((15, 30), 193.777)],
)
def test_known_values_of_the_uniform_count_test_at_a_limit(counts, not_worse):
    at_limit = 0.5 * 1.5 / (0.5 * 1.5 + 0.5)
    e_value = math.exp(beta_log_e(*counts, at_limit, side="less"))
    assert e_value == pytest.approx(not_worse, rel=1e-5)


@pytest.mark.parametrize("side", ["both", "greater", "less"])
def test_expectation_of_beta_mixture_is_one(side):
    n = np.arange(21)
    e = [math.exp(beta_log_e(int(x), int(20 - x), 0.1, (20, 180), side=side)) for x in n]
    assert float(np.dot(stats.binom.pmf(n, 20, 0.1), e)) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("events", [900, 1_250, 1_300])
def test_far_tails_continue_near_ones(events):
    """The expansion that replaces the tail agrees with a numeric integral."""
    total, share = 10_000, 0.5
    places = np.linspace(share, share + 0.02, 200_001)
    log_ratios = events * np.log(places / share)
    log_ratios += (total - events) * np.log((1 - places) / (1 - share))
    mean = math.fsum(np.exp(log_ratios)) * (places[1] - places[0]) / (1 - share)
    found = beta_log_e(events, total - events, share, side="greater")
    assert found == pytest.approx(math.log(mean), abs=5e-3)


def test_rate_below_a_limit():
    for limit in (1e-6, 1e-3, 0.1):
        needed = next(
            n
            for n in range(int(5 / limit), int(7 / limit), max(1, int(0.01 / limit)))
            if rate_log_e(0, n, limit) >= math.log(20)
        )
        assert needed * limit == pytest.approx(5.83, abs=0.4 if limit > 0.01 else 0.02)
        scale = rate_scale_needed(0, 1_000, limit, e_value=20)
        assert rate_log_e(0, 1_000 * scale, limit) == pytest.approx(math.log(20))
    assert rate_scale_needed(0, 0, 0.1, e_value=20) is None
    assert rate_scale_needed(50, 100, 0.1, e_value=20) is None
    assert rate_log_e(0, 0, 0.5) == pytest.approx(0, abs=1e-12)
    assert math.isfinite(rate_log_e(HUGE, HUGE, 1e-9))
    assert math.isfinite(rate_log_e(0, HUGE, 1 - 1e-9))


@pytest.mark.parametrize("limit", [0.01, 0.3])
def test_expectation_of_rate_test_is_one_at_its_limit(limit):
    n = np.arange(31)
    e = [math.exp(rate_log_e(int(x), 30, limit)) for x in n]
    assert float(np.dot(stats.binom.pmf(n, 30, limit), e)) == pytest.approx(1, abs=1e-12)
    assert float(np.dot(stats.binom.pmf(n, 30, min(1, 2 * limit)), e)) < 1


def test_statistics_of_a_detector_start_again_after_an_alarm():
    means, alarms, last = shiryaev_roberts([[0.25, 0.25], [1e-4, np.nan], [0.25, 0.25]], 20)
    assert means.tolist() == pytest.approx([1, (2 * 50 + 1) / 2, 1])
    assert alarms.tolist() == [False, True, False]
    assert last.tolist() == [1, 1]
    means, alarms, _ = shiryaev_roberts(np.empty((2, 0)), 20)
    assert (means.tolist(), alarms.tolist()) == ([0, 0], [False, False])
    assert shiryaev_roberts(np.empty((0, 3)), 20)[1].tolist() == []


def test_detector_survives_p_values_of_zero():
    means, alarms, _ = shiryaev_roberts([[0.0]] * 3, 1e9)
    assert np.isfinite(means).all()
    assert alarms.all()


def test_run_length_of_a_detector_without_a_change():
    """The expected number of windows to an alarm is at least the threshold."""
    rng = np.random.default_rng(0)
    for streams in (1, 4):
        p_values = rng.random((20_000, streams))
        alarms = shiryaev_roberts(p_values, 25)[1]
        assert alarms.sum() > 50
        assert len(alarms) / alarms.sum() >= 25


@pytest.mark.parametrize(("shift", "windows"), [(1, 26), (1.5, 10), (2, 6), (3, 3)])
def test_windows_until_a_change_is_found(shift, windows):
    rng = np.random.default_rng(1)
    found = []
    for _ in range(150):
        p_values = 2 * stats.norm.sf(np.abs(rng.normal(shift, size=(150, 1))))
        found.append(1 + int(np.argmax(shiryaev_roberts(p_values, 1_000)[1])))
    assert np.median(found) == pytest.approx(windows, abs=1 + 0.1 * windows)
