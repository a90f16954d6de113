"""Timestamps are counted, and their gaps measured, as plain arithmetic on all of them does."""

import subprocess
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile import times as module
from mlgates.profile.scan import Profile
from mlgates.profile.times import Gap, Spans, Timestamps, TimestampState

LATEST, OLDEST = 1_000, 200


def counted(ticks, longest=None, parts=(), **options):
    """The state of ticks that are counted in consecutive parts and merged."""
    counter = Timestamps("at", LATEST, OLDEST, longest, **options)
    ends = [0, *sorted(parts), len(ticks)]
    states = [
        Profile.of({"at": pa.array(ticks[start:end], pa.timestamp("us", "UTC"))}, [counter])[
            counter
        ]
        for start, end in pairwise(ends)
    ]
    state = states[0]
    for other in states[1:]:
        state = state.merge(other)
    return state


def gap_of(ticks):
    """The largest gap and the tick before it, from the definition."""
    past = sorted(tick for tick in ticks if tick <= LATEST)
    if len(past) < 2:
        return None
    length, after = max((b - a, -a) for a, b in pairwise(past))
    return length, -after


ticks = st.lists(st.integers(-300, 1_200), max_size=60)


@examples(150)
@given(ticks, st.integers(0, 400), st.lists(st.integers(0, 60), max_size=3))
def test_counts_and_gaps_of_all_timestamps(ticks, longest, parts):
    parts = [min(part, len(ticks)) for part in parts]
    state = counted(ticks, longest, parts)
    past = [tick for tick in ticks if tick <= LATEST]
    assert (state.n, state.future) == (len(ticks), len(ticks) - len(past))
    assert state.fresh == sum(tick >= OLDEST for tick in past)
    assert state.newest == max(past, default=None)
    assert state.furthest == max(ticks, default=None)
    expected = gap_of(ticks)
    assert state.gap() == (expected and Gap(*expected, exact=True))
    assert state == counted(ticks, longest)


@examples(300)
@given(ticks, st.integers(0, 400), st.lists(st.integers(0, 60), max_size=3), st.randoms())
def test_gaps_are_bounded_when_spans_are_joined(ticks, longest, parts, random):
    parts = [min(part, len(ticks)) for part in parts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", 7)
        patch.setattr(module, "_MOST_SPANS", 4)
        state = counted(ticks, longest, parts)
        again = TimestampState.from_bytes(state.to_bytes())
        gap, expected = state.gap(), gap_of(ticks)
        assert (again.gap(), again) == (gap, state)
        # the order of the rows, and how they are divided, makes no difference
        random.shuffle(ticks)
        assert counted(ticks, longest) == state
        # only gaps that are longer than allowed need memory
        past = sorted({tick for tick in ticks if tick <= LATEST})
        too_long = sum(b - a > longest for a, b in pairwise(past))
        assert spans_of(state) <= max(4, too_long + 1)
    if expected is None:
        assert gap is None
    elif gap.exact or expected[0] > longest:
        assert gap == Gap(*expected, exact=True)
    else:
        assert expected[0] <= gap.length <= longest


def spans_of(state):
    """Number of the spans that a state keeps."""
    return len(Spans.from_parts(*state.to_parts()[-1]).first)


def test_memory_is_bounded_by_gaps_that_are_too_long(monkeypatch):
    monkeypatch.setattr(module, "_MOST_SPANS", 64)
    monkeypatch.setattr(module, "_BLOCK", 256)
    rng = np.random.default_rng(0)
    ticks = rng.permutation(100_000) - 100_000
    near = counted(ticks, longest=50)
    assert (near.gap().exact, spans_of(near)) == (False, 1)
    assert near.gap().length == 50
    far = counted(ticks[ticks % 1_000 < 10], longest=50)
    assert far.gap() == Gap(991, -99_991, exact=True)
    # a gap that is allowed is exact, too, if it is longer than a cell of the grid
    outage = counted(ticks[(ticks < -40_000) | (ticks > -35_002)], longest=8_000)
    assert outage.gap() == Gap(5_000, -40_001, exact=True)
    assert spans_of(outage) <= 64


def test_a_state_of_another_clock():
    ticks = [100, 300, 900]
    state = counted(ticks, longest=1_000)
    assert state.at(LATEST, OLDEST) is state
    later = state.at(5_000, 4_000)
    assert (later.future, later.fresh, later.newest) == (0, 0, 900)
    assert state.at(5_000, 500).fresh is None
    assert state.at(950, OLDEST).fresh == 2
    unknown = (
        "the timestamps were counted at another time than `now`, and some of them were in the "
        "future at that time; give that time as `now`"
    )
    with pytest.raises(EvidenceError, match=f"^{unknown}$"):
        state.at(800, OLDEST)
    ahead = counted([*ticks, 1_500])
    assert ahead.at(950, OLDEST).future == 1
    with pytest.raises(EvidenceError, match=f"^{unknown}$"):
        ahead.at(2_000, OLDEST)


def test_states_of_two_clocks_are_merged_at_the_later_one():
    days = [
        Profile.of({"at": pa.array(ticks, pa.timestamp("us", "UTC"))}, [counter])[counter]
        for ticks, counter in (
            ([900, 950], Timestamps("at", 1_000, 800)),
            ([1_900, 1_700], Timestamps("at", 2_000, 1_800)),
        )
    ]
    whole = days[0].merge(days[1])
    assert whole == days[1].merge(days[0])
    assert (whole.n, whole.future, whole.fresh, whole.newest) == (4, 0, 1, 1_900)
    assert (whole.latest, whole.oldest) == (2_000, 1_800)


def test_distance_of_two_ends_of_64_bits():
    ends = [-(2**63), 2**63 - 1]
    counter = Timestamps("at", 2**70, -(2**70), 5)
    state = Profile.of({"at": pa.array(ends, pa.timestamp("us", "UTC"))}, [counter])[counter]
    assert (state.future, state.fresh) == (0, 2)
    assert state.gap() == Gap(2**64 - 1, -(2**63), exact=True)
    before = Timestamps("at", -(2**70), -(2**70), 5)
    state = Profile.of({"at": pa.array(ends, pa.timestamp("us", "UTC"))}, [before])[before]
    assert (state.future, state.newest, state.gap()) == (2, None, None)


SCRIPT = """
import datetime as dt
import sys
import mlgates as mg

def peak():
    return int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) / 1024

options = {"max_gap": "1h"} if sys.argv[2] == "gap" else {}
gate = mg.Freshness("at", max_age="1000d", **options)
now = dt.datetime(2026, 3, 1, tzinfo=dt.timezone.utc)
gate.run(data={"at": [now, now]}, now=now)
before = peak()
result = gate.run(data=sys.argv[1], now=now)
assert result.passed, result.reason
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "most"), [("none", 60), ("gap", 100)])
def test_memory_of_freshness_does_not_grow_with_rows(gap, most, tmp_path):
    rows, end = 5_000_000, 1_772_323_200 * 10**6  # 40 MB of timestamps
    writer = None
    for seed in range(5):
        ticks = end - np.random.default_rng(seed).integers(0, 86_400 * 10**6, rows // 5)
        table = pa.table({"at": pa.array(ticks, pa.timestamp("us", "UTC"))})
        writer = writer or pq.ParquetWriter(tmp_path / "t.parquet", table.schema)
        writer.write_table(table)
    writer.close()
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "t.parquet"), gap]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < most
