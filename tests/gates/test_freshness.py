"""The verdicts and messages of `Freshness`."""

import datetime as dt
import itertools
import math
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_counts import examples
from gate_examples import NOW, Example
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
UTC = dt.UTC
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def run(values, now=NOW, **options):
    return mg.Freshness("at", **({"max_age": "24h"} | options)).run(data={"at": values}, now=now)


def check_of(result, metric):
    (check,) = [c for c in result.checks if c.metric == metric]
    return check


def verdicts(result):
    return {check.metric: check.verdict for check in result.checks}


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"column": ""}, "`column` must be a non-empty string, got ''"),
        ({"column": 1}, "`column` must be a non-empty string, got 1"),
        ({"by": {"a": "x >"}}, "Freshness: `by['a']`: 'x >' is incomplete"),
        ({"by": 7}, "`by` must be names of columns, or a mapping"),
        ({"max_groups": 0}, "`max_groups` must be a whole number of at least 1, got 0"),
        ({"max_groups": 5000}, "`max_groups` must be a whole number from 1 to 1,000, got 5000"),
        ({"max_age": 0}, "`max_age` must be a duration such as '20ms', '24h', '7d', a timedelta"),
        ({"max_age": "1 day"}, "`max_age` must be a duration"),
        ({"max_age": "-1h"}, "`max_age` must be a duration"),
        ({"max_age": math.nan}, "`max_age` must be a duration"),
        ({"max_age": math.inf}, "`max_age` must be a duration"),
        ({"max_age": True}, "`max_age` must be a duration"),
        ({"max_age": -DAY}, "`max_age` must be a duration"),
        ({"max_gap": "0s"}, "`max_gap` must be a duration"),
        ({"clock_skew": "-5min"}, "`clock_skew` must be a duration"),
        ({"clock_skew": None}, "`clock_skew` must be a duration"),
        (
            {"assume_timezone": "Berlin"},
            (
                "`assume_timezone` must be the name of a time zone, such as 'UTC' or "
                "'Europe/Berlin', got 'Berlin'"
            ),
        ),
        ({"assume_timezone": "../etc"}, "`assume_timezone` must be the name of a time zone"),
        ({"assume_timezone": UTC}, "`assume_timezone` must be the name of a time zone"),
        ({"min_fresh_share": 95}, "shares are not percentages: write 0.95"),
        ({"min_fresh_share": math.nan}, "`min_fresh_share` must be a finite number"),
    ],
)
def test_bad_option_is_refused(options, message):
    given_options = {"column": "at", "max_age": "24h"} | options
    with pytest.raises(mg.OptionError) as caught:
        mg.Freshness(**given_options)
    assert str(caught.value).startswith("Freshness: ")
    assert message in str(caught.value)


def test_max_age_is_required():
    with pytest.raises(TypeError, match="max_age"):
        mg.Freshness("at")


def test_durations_are_kept_as_written():
    gate = mg.Freshness("at", max_age="24h", max_gap=DAY, clock_skew=0)
    assert repr(gate) == (
        "Freshness('at', max_age='24h', max_gap=datetime.timedelta(days=1), clock_skew=0)"
    )
    assert gate.name == "freshness:at"


# Age


def test_fresh_table_in_full():
    result = run(
        [NOW - HOUR, NOW - 3 * HOUR, NOW - 2 * HOUR],
        max_gap="1h",
        min_fresh_share=0.9,
    )
    assert result.verdict is PASS
    assert [(c.subject, c.metric, c.value, c.n, c.reason) for c in result.checks] == [
        (
            "at",
            "missing",
            0.0,
            3,
            "none of the 3 cells of `at` are missing; the limit is at most 0 %",
        ),
        ("at", "future", 0, 3, "no timestamp of `at` is more than 5 min in the future"),
        (
            "at",
            "age",
            3600.0,
            3,
            (
                "the newest timestamp of `at` is 1 h old (2026-03-01T11:00:00Z); "
                "the limit is at most 24 h"
            ),
        ),
        (
            "at",
            "gap",
            3600.0,
            3,
            (
                "the largest gap between timestamps of `at` is 1 h, after 2026-03-01T09:00:00Z; "
                "the limit is at most 1 h"
            ),
        ),
        (
            "at",
            "fresh_share",
            1.0,
            3,
            "3 of 3 rows have a timestamp at most 24 h old; the limit is at least 90 %",
        ),
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (DAY, PASS),
        (DAY + dt.timedelta(seconds=1), FAIL),
        (365 * DAY, FAIL),
        (0 * DAY, PASS),
        (-5 * dt.timedelta(minutes=1), PASS),
    ],
)
def test_age_is_inclusive_in_every_unit(unit, age, verdict):
    values = pa.array([NOW - age], pa.timestamp(unit, "UTC"))
    assert run(values).verdict is verdict


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_part_of_a_second_counts(unit):
    now = NOW + dt.timedelta(microseconds=1)
    result = run(pa.array([NOW - DAY], pa.timestamp(unit, "UTC")), now=now)
    assert check_of(result, "age").value == 86_400.000001
    assert result.verdict is FAIL
    share = run(pa.array([NOW - DAY], pa.timestamp(unit, "UTC")), now=now, min_fresh_share=0.1)
    assert check_of(share, "fresh_share").value == 0.0


def test_newest_is_by_time_not_by_row():
    stale, fresh = NOW - 30 * DAY, NOW - HOUR
    for values in ([stale, fresh], [fresh, stale]):
        assert check_of(run(values), "age").value == 3600.0


def test_stale_table_reports_its_age():
    result = run([NOW - 30 * DAY])
    assert verdicts(result) == {"missing": PASS, "future": PASS, "age": FAIL}
    assert result.reason == (
        "the newest timestamp of `at` is 30 d old (2026-01-30T12:00:00Z); the limit is at most 24 h"
    )


@pytest.mark.parametrize(
    "values",
    [
        [],
        [None, None],
        np.array([], "M8[us]"),
        np.array(["NaT", "NaT"], "M8[ns]"),
        pd.Series([pd.NaT, pd.NaT]),
        pa.array([None, None], pa.timestamp("us", "UTC")),
        pl.Series([None], dtype=pl.Datetime("us", "UTC")),
    ],
    ids=["empty list", "nulls", "empty", "NaT", "pandas", "arrow", "polars"],
)
def test_column_without_timestamps_fails(values):
    result = run(values, assume_timezone="UTC", min_fresh_share=0.5, max_gap="1h")
    assert result.verdict is FAIL
    age = check_of(result, "age")
    assert (age.verdict, age.value, age.n) == (FAIL, math.inf, 0)
    assert age.reason == (
        "`at` has no timestamps, so the age counts as infinite; the limit is at most 24 h"
    )
    assert check_of(result, "gap").verdict is INCONCLUSIVE
    assert check_of(result, "fresh_share").verdict is not PASS


def test_missing_timestamp_among_fresh_ones_fails():
    result = run([NOW, None, NOW])
    assert verdicts(result) == {"missing": FAIL, "future": PASS, "age": PASS}
    assert result.reason == (
        "1 of 3 cells of `at` (33.3 %) is missing, first at row 1; the limit is at most 0 %"
    )


# The future


@pytest.mark.parametrize(
    ("ahead", "skew", "verdict"),
    [
        (dt.timedelta(minutes=5), "5min", PASS),
        (dt.timedelta(minutes=5, microseconds=1), "5min", FAIL),
        (dt.timedelta(microseconds=1), 0, FAIL),
        (dt.timedelta(0), "0s", PASS),
        (dt.timedelta(hours=2), "2h", PASS),
        (365 * DAY, "5min", FAIL),
    ],
)
def test_timestamp_beyond_the_skew_fails(ahead, skew, verdict):
    result = run([NOW - HOUR, NOW + ahead], clock_skew=skew)
    assert check_of(result, "future").verdict is verdict
    # a timestamp in the future never counts as fresh
    assert check_of(result, "age").verdict is PASS


def test_timestamps_in_the_future_are_not_fresh():
    result = run([NOW + DAY, NOW + 2 * DAY], min_fresh_share=0.5)
    assert verdicts(result) == {
        "missing": PASS,
        "future": FAIL,
        "age": FAIL,
        "fresh_share": FAIL,
    }
    assert check_of(result, "future").reason == (
        "2 of 2 timestamps of `at` are more than 5 min in the future: the furthest is 2 d ahead"
    )


def test_timestamp_within_the_skew_is_reported_as_ahead():
    result = run([NOW + dt.timedelta(minutes=3)])
    assert check_of(result, "age").value == -180.0
    assert result.checks[2].reason == (
        "the newest timestamp of `at` is 3 min in the future (2026-03-01T12:03:00Z); "
        "the limit is at most 24 h"
    )


# Zones


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("values", [[NOW.replace(tzinfo=None)], [dt.date(2026, 3, 1)]], ids=repr)
def test_timestamps_without_a_zone_are_an_error(values):
    result = run(values)
    assert result.verdict is ERROR
    assert result.reason == (
        "the timestamps of `at` have no time zone; set `assume_timezone`, for example to 'UTC'"
    )
    assert run(values, assume_timezone="UTC").verdict is PASS


@pytest.mark.parametrize(
    ("zone", "age"), [("UTC", 0), ("Europe/Berlin", 3600), ("Asia/Kathmandu", 20_700)]
)
def test_naive_timestamps_are_read_in_the_assumed_zone(zone, age):
    assert check_of(run([NOW.replace(tzinfo=None)], assume_timezone=zone), "age").value == age


def test_assumed_zone_does_not_change_aware_timestamps():
    values = [NOW - HOUR]
    assert run(values, assume_timezone="Asia/Kathmandu") == run(values)


@pytest.mark.parametrize(
    "values",
    [
        [(NOW - HOUR).astimezone(BERLIN), (NOW - 2 * HOUR).astimezone(ZoneInfo("Asia/Tokyo"))],
        pd.Series([NOW - HOUR, NOW - 2 * HOUR]).dt.tz_convert("Asia/Kathmandu"),
        pl.Series([NOW - HOUR, NOW - 2 * HOUR]).dt.convert_time_zone("America/New_York"),
    ],
    ids=["mixed", "pandas", "polars"],
)
def test_aware_timestamps_of_any_zone_are_compared_in_utc(values):
    assert check_of(run(values), "age").value == 3600.0


def test_day_of_25_hours_does_not_flip_the_verdict():
    # from 00:00 to 24:00 of the local clock
    start = dt.datetime(2026, 10, 25, tzinfo=BERLIN)
    now = dt.datetime(2026, 10, 26, tzinfo=BERLIN)
    result = run([start], now=now)
    assert check_of(result, "age").value == 25 * 3600
    assert result.verdict is FAIL
    naive = run([start.replace(tzinfo=None)], now=now, assume_timezone="Europe/Berlin")
    assert check_of(naive, "age").value == 25 * 3600


def test_day_of_23_hours_does_not_flip_the_verdict():
    start, now = dt.datetime(2026, 3, 29, tzinfo=BERLIN), dt.datetime(2026, 3, 30, tzinfo=BERLIN)
    assert check_of(run([start], now=now), "age").value == 23 * 3600


def test_repeated_hour_is_read_as_the_earlier():
    now = dt.datetime(2026, 10, 25, 3, tzinfo=UTC)
    result = run([dt.datetime(2026, 10, 25, 2, 30)], now=now, assume_timezone="Europe/Berlin")
    assert check_of(result, "age").value == 2.5 * 3600  # 00:30, not 01:30, in UTC


def test_hour_that_does_not_exist_is_read_as_the_moment_of_the_change():
    now = dt.datetime(2026, 3, 29, 3, tzinfo=UTC)
    result = run([dt.datetime(2026, 3, 29, 2, 30)], now=now, assume_timezone="Europe/Berlin")
    assert check_of(result, "age").value == pytest.approx(2 * 3600, abs=1)
    assert result.verdict is PASS


def test_order_is_that_of_utc_when_the_local_clock_goes_back():
    # 02:00 occurs twice and is read as the first, so gaps stay positive
    naive = [dt.datetime(2026, 10, 25, hour, 30) for hour in (0, 1, 2, 3, 4)]
    now = dt.datetime(2026, 10, 25, 4, tzinfo=UTC)
    result = run(naive, now=now, assume_timezone="Europe/Berlin", max_gap="2h")
    gap = check_of(result, "gap")
    assert (gap.value, gap.verdict) == (2 * 3600, PASS)  # from 02:30 summer to 03:30 winter time


def test_leap_day():
    now = dt.datetime(2028, 3, 1, tzinfo=UTC)
    assert check_of(run([dt.datetime(2028, 2, 29, tzinfo=UTC)], now=now), "age").value == 86_400


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_dates_are_read_as_midnight(zone):
    result = run([dt.date(2026, 2, 27), dt.date(2026, 3, 1)], assume_timezone=zone, max_gap="3d")
    assert check_of(result, "age").value == (43_200 if zone == "UTC" else 46_800)
    assert check_of(result, "gap").value == 2 * 86_400
    assert result.verdict is PASS


@pytest.mark.parametrize(
    ("ages", "options", "metric", "said"),
    [
        ([24 * 3600 + 120], {}, "age", "is 24.03 h old"),
        ([24 * 3600], {}, "age", "is 24 h old"),
        ([0, 7201, 7202], {"max_gap": "2h"}, "gap", "is 2.0003 h, after"),
        ([0, -301], {}, "future", "is more than 5 min in the future: it is 5.017 min ahead"),
        ([0, -300.001], {}, "future", "in the future: it is 5.000017 min ahead"),
    ],
)
def test_a_value_is_never_rounded_onto_the_limit_that_it_breaks(ages, options, metric, said):
    stamps = [NOW - dt.timedelta(seconds=age) for age in ages]
    assert said in check_of(run(stamps, **options), metric).reason


# Distant times and wrong units


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    ("stamp", "metric", "year"),
    [
        ("0000-01-05", "age", "0"),
        ("0001-06-01", "age", "1"),
        ("1969-12-30", "age", "1969"),
        ("2262-04-12", "future", "2262"),
        ("9999-12-30", "future", "9999"),
        ("12000-06-01", "future", "12,000"),
    ],
)
def test_distant_times_are_judged(unit, zone, stamp, metric, year):
    values = np.array([stamp], f"M8[{unit}]")
    result = run(values, assume_timezone=zone, max_gap="1h")
    check = check_of(result, metric)
    assert (result.verdict, check.verdict) == (FAIL, FAIL)
    assert f"(hint: the year {year} suggests an epoch read in the wrong unit" in check.reason


def test_extremes_of_64_bits_are_judged():
    low, high = -(2**63) + 1, 2**63 - 1
    for unit in ("s", "us", "ns"):
        values = (
            pa.array([low, 0, high], pa.int64())
            .cast(pa.timestamp(unit))
            .cast(pa.timestamp(unit, "UTC"))
        )
        result = run(values, max_age="9000000w", max_gap="1s", clock_skew="9000000w")
        assert result.verdict is FAIL
        assert check_of(result, "gap").value >= 2**63 / 10**9


def test_gap_wider_than_64_bits_is_not_wrapped():
    values = pa.array([-(2**63) + 1, 1_700_000_000], pa.timestamp("s", "UTC"))
    result = run(values, max_gap="1h", max_age="52000w")
    assert check_of(result, "gap").value == float(2**63 + 1_700_000_000 - 1)
    assert check_of(result, "gap").verdict is FAIL


@pytest.mark.parametrize(
    "now", [dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, tzinfo=UTC)]
)
@pytest.mark.parametrize("unit", ["s", "ns"])
def test_clock_beyond_what_the_column_can_hold_is_judged(now, unit):
    values = pa.array([NOW], pa.timestamp(unit, "UTC"))
    result = run(values, now=now, min_fresh_share=0.5)
    assert result.verdict is FAIL
    assert check_of(result, "future").verdict is (FAIL if now.year == 1 else PASS)


EPOCH = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("values", "metric", "year"),
    [
        (np.array([EPOCH], "M8[ms]"), "age", "1970"),  # seconds read as milliseconds
        (np.array([EPOCH * 1_000], "M8[ns]"), "age", "1970"),
        (np.array([EPOCH * 1_000], "M8[s]"), "future", "58,134"),
        (np.array([EPOCH * 10**6], "M8[s]"), "future", "56,166,025"),
    ],
)
def test_epoch_in_the_wrong_unit_fails_with_a_hint(values, metric, year):
    result = run(values, assume_timezone="UTC")
    check = check_of(result, metric)
    assert check.verdict is FAIL
    assert (
        f"(hint: the year {year} suggests an epoch read in the wrong unit, such as ms instead of s)"
        in (check.reason)
    )


@pytest.mark.parametrize(
    ("stamp", "odd"),
    [("1979-12-31", True), ("1980-01-01", False), ("2200-12-31", False), ("2201-01-01", True)],
)
def test_only_implausible_years_get_a_hint(stamp, odd):
    result = run(np.array([stamp], "M8[s]"), assume_timezone="UTC")
    assert ("hint" in " ".join(check.reason for check in result.checks)) is odd


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (
            ["2026-03-01T11:00:00Z"],
            (
                "`at` has type string, expected timestamps or dates; strings are not parsed; "
                "convert the column when the table is loaded"
            ),
        ),
        (
            [EPOCH],
            (
                "`at` has type int64, expected timestamps or dates; convert epoch times, with "
                "their unit, to timestamps when the table is loaded"
            ),
        ),
        ([float(EPOCH)], "`at` has type float64 (Arrow double), expected timestamps or dates"),
        ([dt.time(12)], "`at` has type time64[us], expected timestamps or dates"),
        ([True], "`at` has type bool, expected timestamps or dates"),
        (
            [NOW, "x"],
            "expected timestamps or dates, but column 'at' mixes values of the types datetime, ",
        ),
        (
            [NOW, NOW.replace(tzinfo=None)],
            "expected timestamps or dates, but column 'at' mixes timestamps with and without a ",
        ),
    ],
    ids=["text", "epoch", "float", "time", "bool", "mixed", "naive and aware"],
)
def test_other_types_are_an_error_with_a_remedy(values, reason):
    result = run(values)
    assert result.verdict is ERROR
    assert result.reason.startswith(reason)


def test_absent_column_is_an_error_with_a_similar_name():
    result = mg.Freshness("event_tmie", max_age="1h").run(data={"event_time": [NOW]}, now=NOW)
    assert result.verdict is ERROR
    assert result.reason == "`event_tmie` is not in the table; did you mean 'event_time'?"


@pytest.mark.parametrize(
    ("named", "column", "hint"),
    [
        (
            "event\u200b_time",
            "event_time",
            "'event_time' (without the invisible character '\\u200b')",
        ),
        ("event_time", "\ufeffevent_time", "'\\ufeffevent_time'"),
    ],
)
def test_a_hint_shows_invisible_characters_in_the_name_of_a_column(named, column, hint):
    result = mg.Freshness(named, max_age="1h").run(data={column: [NOW]}, now=NOW)
    assert result.verdict is ERROR
    assert result.reason == f"`{named}` is not in the table; did you mean {hint}?"


@pytest.mark.parametrize("now", [NOW.replace(tzinfo=None), "2026-03-01", 1.5, NOW.date()], ids=repr)
def test_clock_without_a_zone_is_an_error(now):
    result = run([NOW], now=now)
    assert result.verdict is ERROR
    assert result.reason == (
        "`now` must be a datetime with a time zone, such as datetime.now(timezone.utc), "
        f"got {now!r}"
    )


def test_clock_is_the_present_by_default():
    fresh, stale = dt.datetime.now(UTC), dt.datetime.now(UTC) - 2 * DAY
    gate = mg.Freshness("at", max_age="24h")
    assert gate.run(data={"at": [fresh]}).verdict is PASS
    assert gate.run(data={"at": [stale]}).verdict is FAIL


def test_clock_may_be_of_any_zone_and_of_pandas():
    for now in (
        NOW.astimezone(BERLIN),
        pd.Timestamp(NOW),
        pd.Timestamp(NOW).tz_convert("Asia/Tokyo"),
    ):
        assert check_of(run([NOW - HOUR], now=now), "age").value == 3600.0


# Share and gap


@pytest.mark.parametrize(
    ("stale", "missing", "share", "verdict"),
    [
        (1, 0, 0.9, PASS),
        (1, 0, 0.91, FAIL),
        (9, 0, 0.2, FAIL),
        (0, 1, 0.95, FAIL),
        (0, 0, 1.0, PASS),
    ],
)
def test_share_of_fresh_rows(stale, missing, share, verdict):
    fresh = 10 - stale - missing
    values = [NOW] * fresh + [NOW - 365 * DAY] * stale + [None] * missing
    check = check_of(run(values, min_fresh_share=share), "fresh_share")
    assert (check.verdict, check.value, check.n) == (verdict, fresh / 10, 10)


def test_one_fresh_row_passes_only_without_a_share():
    values = [NOW] + [NOW - 365 * DAY] * 99
    assert run(values).verdict is PASS
    assert run(values, min_fresh_share=0.5).verdict is FAIL


@pytest.mark.parametrize(
    ("values", "gap", "verdict"),
    [
        ([NOW, NOW - HOUR, NOW - 2 * HOUR], 3600.0, PASS),
        ([NOW, NOW - 3 * HOUR, NOW - HOUR], 7200.0, FAIL),
        ([NOW, NOW], 0.0, PASS),
        ([NOW], None, INCONCLUSIVE),
        ([NOW, None], None, INCONCLUSIVE),
        ([NOW, NOW + DAY], None, INCONCLUSIVE),
    ],
    ids=["held", "wide", "equal", "one", "one and missing", "one and future"],
)
def test_gap(values, gap, verdict):
    check = check_of(run(values, max_gap="1h"), "gap")
    assert (check.verdict, check.value) == (verdict, gap)
    if verdict is INCONCLUSIVE:
        ahead = " (those in the future are left out)" if NOW + DAY in values else ""
        assert check.reason == (
            f"no gap between timestamps of `at` can be measured{ahead}; too few timestamps: 1, at "
            "least 2 are needed (limit: at most 1 h)"
        )


# Laws


def microseconds(low, high):
    return st.integers(low, high).map(lambda us: NOW + dt.timedelta(microseconds=us))


@examples(200, derandomize=True)
@given(
    st.lists(
        st.one_of(st.none(), microseconds(-(10**12), 10**10), st.just(NOW), st.just(NOW - DAY)),
        max_size=8,
    ),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from([0, 300]),
)
def test_verdicts_equal_plain_arithmetic(moments, unit, skew):
    step = dt.timedelta(microseconds={"s": 10**6, "ms": 10**3}.get(unit, 1))
    epoch = dt.datetime(1970, 1, 1, tzinfo=UTC)
    moments = [m if m is None else epoch + (m - epoch) // step * step for m in moments]
    values = pa.array(moments, pa.timestamp(unit, "UTC"))
    result = run(values, clock_skew=skew, max_gap="6h", min_fresh_share=0.5)
    known = sorted(m for m in moments if m is not None)
    past = [m for m in known if m <= NOW + dt.timedelta(seconds=skew)]
    gaps = [b - a for a, b in itertools.pairwise(past)]
    expected = {
        "missing": (FAIL if None in moments else PASS) if moments else INCONCLUSIVE,
        "future": PASS if len(past) == len(known) else FAIL,
        "age": PASS if past and NOW - past[-1] <= DAY else FAIL,
        "gap": (PASS if max(gaps) <= 6 * HOUR else FAIL) if gaps else INCONCLUSIVE,
        "fresh_share": INCONCLUSIVE,
    }
    if moments:
        fresh = sum(NOW - m <= DAY for m in past)
        expected["fresh_share"] = PASS if 2 * fresh >= len(moments) else FAIL
    assert verdicts(result) == expected


@examples(60, derandomize=True)
@given(
    st.lists(
        st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2030, 1, 1)), min_size=1, max_size=6
    ),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_naive_timestamps_equal_the_standard_library(moments, name):
    zone = ZoneInfo(name)
    aware = [m.replace(tzinfo=zone, fold=0) for m in moments]
    # times that the local clock skips have no unique answer
    if any(
        a.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != m
        for a, m in zip(aware, moments, strict=True)
    ):
        return
    result = run(pa.array(moments, pa.timestamp("us")), assume_timezone=name, clock_skew="52000w")
    newest = max(a.astimezone(UTC) for a in aware)
    assert check_of(result, "age").value == pytest.approx((NOW - newest).total_seconds(), abs=1e-5)


# Slices

SENSORS = {
    "at": [NOW - h * HOUR for h in (1, 2, 30, 40)] + [None],
    "sensor": ["a", "a", "b", "b", "b"],
    "room": [1, 2, None, 1, 1],
}


def of_sensors(data=SENSORS, **options):
    result = mg.Freshness("at", **({"max_age": "24h"} | options)).run(data=data, now=NOW)
    return {(check.group, check.metric): check for check in result.checks}


def test_each_value_of_a_column_is_judged_alone():
    checks = of_sensors(by="sensor", max_gap="2h", min_fresh_share=0.5)
    assert {key: check.verdict for key, check in checks.items()} == {
        ("sensor=a", "missing"): PASS,
        ("sensor=a", "future"): PASS,
        ("sensor=a", "age"): PASS,
        ("sensor=a", "gap"): PASS,
        ("sensor=a", "fresh_share"): PASS,
        ("sensor=b", "missing"): FAIL,
        ("sensor=b", "future"): PASS,
        ("sensor=b", "age"): FAIL,
        ("sensor=b", "gap"): FAIL,
        ("sensor=b", "fresh_share"): FAIL,
    }
    metrics = ("missing", "age", "gap", "fresh_share")
    reasons = "\n".join(checks["sensor=b", metric].reason for metric in metrics)
    assert (
        reasons
        == """\
1 of 3 cells of `at` where sensor=b (33.3 %) is missing; the limit is at most 0 %
the newest timestamp of `at` where sensor=b is 30 h old (2026-02-28T06:00:00Z); the limit is at \
most 24 h
the largest gap between timestamps of `at` where sensor=b is 10 h, after 2026-02-27T20:00:00Z; \
the limit is at most 2 h
none of the 3 rows where sensor=b have a timestamp at most 24 h old; the limit is at least 50 %"""
    )


def test_slices_of_several_columns_and_by_conditions():
    assert {group for group, _ in of_sensors(by=["sensor", "room"])} == {
        *("sensor=a, room=1", "sensor=a, room=2", "sensor=b, room=(missing)", "sensor=b, room=1")
    }

    def in_b(table):
        return [sensor == "b" for sensor in table["sensor"].to_pylist()]

    slices = {"a": "sensor == 'a'", "b": in_b, "none": "room > 9", "wrong": "rom > 9"}
    checks = of_sensors(by=slices)
    assert checks["a", "age"].verdict is PASS
    assert checks["b", "age"].value == 30 * 3600
    assert checks["none", "age"].verdict is FAIL
    assert checks["none", "age"].reason.startswith(
        "`at` in slice `none` has no timestamps, so the age counts as infinite"
    )
    assert checks["wrong", "age"].verdict is ERROR
    assert "did you mean 'room'?" in checks["wrong", "age"].reason


@pytest.mark.parametrize(
    ("data", "by", "verdict", "reason"),
    [
        ({"at": pa.array([], pa.timestamp("s", "UTC")), "k": []}, "k", FAIL, "has no timestamps"),
        ({"at": pa.nulls(2), "k": [1, 2]}, "k", FAIL, "`at` where k=1"),
        ({"at": [NOW], "k": [[1]]}, "k", ERROR, "cannot be grouped by value"),
        ({"at": [NOW], "k": [1]}, "q", ERROR, "the table has no column 'q'"),
        ({"at": [NOW] * 51, "k": range(51)}, "k", ERROR, "the 51 groups of `by`"),
    ],
)
def test_slices_that_can_not_be_judged(data, by, verdict, reason):
    result = mg.Freshness("at", max_age="1h", by=by).run(data=data, now=NOW)
    assert result.verdict is verdict
    assert reason in " ".join(check.reason for check in result.checks)


def test_rows_outside_the_slices_do_not_offend():
    gate = mg.Freshness("at", max_age="1h", by={"a": "sensor == 'a'"}, min_fresh_share=1.0)
    assert gate.offending_rows(SENSORS, now=NOW)["room"] == [2]
    gate = mg.Freshness("at", max_age="1h", by="sensor", min_fresh_share=1.0)
    assert gate.offending_rows(SENSORS, now=NOW)["room"] == [2, None, 1, 1]


def test_slices_of_a_streamed_table_are_those_of_the_whole(tmp_path):
    rows = 200_000
    at = pa.array([NOW - dt.timedelta(seconds=7 * (i * 7919 % rows)) for i in range(rows)])
    table = pa.table({"at": at, "k": [f"k{i % 7}" for i in range(rows)]})
    pq.write_table(table, tmp_path / "t.parquet")
    gate = mg.Freshness("at", max_age="1s", max_gap="1min", by="k")
    whole, streamed = (gate.run(data=d, now=NOW) for d in (table, tmp_path / "t.parquet"))
    assert len(whole.checks) == 28
    by_key = [
        {(c.group, c.metric): (c.verdict, c.value, c.n) for c in r.checks}
        for r in (whole, streamed)
    ]
    assert by_key[0] == by_key[1]


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example(
        "freshness",
        mg.Freshness("seen", max_age="24h"),
        others={"now": NOW},
        ladders={
            "max_age": ("52w", "24h", "2h", "1h", "59min", 1),
            "clock_skew": ("24h", "5min", "1s", 0),
            "max_gap": (None, "24h", "36min", "35min", dt.timedelta(seconds=1)),
            "min_fresh_share": (None, 0.0, 0.1, 0.5, 1.0),
        },
    ),
    Example(
        "freshness-options",
        mg.Freshness(
            "joined",
            max_age=dt.timedelta(days=2000),
            max_gap="31d",
            clock_skew=0,
            assume_timezone="Europe/Berlin",
            min_fresh_share=0.5,
            name="customers",
            after="schema",
        ),
        others={"now": NOW},
    ),
    Example(
        "freshness-by",
        mg.Freshness("seen", max_age="24h", by={"old": "age >= 40"}),
        others={"now": NOW},
        ladders={"by": (None, "country", {"few": "age > 100"})},
    ),
    Example(
        "freshness-groups",
        mg.Freshness("seen", max_age="24h", by=["country", "member"], max_groups=20),
        others={"now": NOW},
    ),
)
