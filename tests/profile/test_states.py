"""States of all counters as bytes: they merge like states that were not converted."""

import datetime as dt
import hashlib
import math
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from mlgates.errors import EvidenceError
from mlgates.expressions.condition import Condition
from mlgates.profile import counters as module
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView, ColumnCounter, Counter, State
from mlgates.profile.counters import (
    AtPoints,
    BinCounts,
    Distribution,
    In,
    Missing,
    NotIn,
    NotMatching,
    NumericSample,
    Occurrences,
    Outside,
    ValueCounts,
    Violations,
)
from mlgates.profile.distributions import Ecdf
from mlgates.profile.duplicates import Duplicated
from mlgates.profile.grouped import Grouped, Several
from mlgates.profile.groups import GroupMissing, MissingBy, MissingWhere
from mlgates.profile.keys import KeyCounter
from mlgates.profile.rules import RuleCounter
from mlgates.profile.scan import Profile
from mlgates.profile.summaries import Extremes, MomentCounter
from mlgates.profile.times import Timestamps
from mlgates.tables.source import as_source

NAN, INF = math.nan, math.inf
STAMPS = [dt.datetime(2024, 1, 1, 1, 2, 3, 4), None, dt.datetime(2024, 1, 1, 1, 2, 3, 4)]
COLUMNS = {
    "float": pa.array([0.0, -0.0, NAN, INF, -INF, None, 1.5, 2.0]),
    "single": pa.array([0.5, 2.5, None, 2.5], pa.float32()),
    "int": pa.array([2**53 + 1, 3, None, 3]),
    "large": pa.array([2**64 - 1, 3, 0], pa.uint64()),
    "small": pa.array([1, 2, 2, None], pa.int8()),
    "decimal": pa.array([Decimal("1.50"), None, Decimal("-7.25")], pa.decimal128(20, 2)),
    "bool": pa.array([True, None, False, True]),
    "text": pa.array(["a", "é", None, "a", "A "]),
    "category": pa.array(["a", None, "b", "a"]).dictionary_encode(),
    "bytes": pa.array([b"a", None, b"\xff"]),
    "fixed": pa.array([b"ab", None, b"ab"], pa.binary(2)),
    "date": pa.array([dt.date(2024, 1, 1), None, dt.date(2024, 1, 1)]),
    "time": pa.array([dt.time(1, 2), None], pa.time64("us")),
    "stamp": pa.array(STAMPS, pa.timestamp("us")),
    "zoned": pa.array([1, None, 10**18 + 1], pa.timestamp("ns", "Europe/Berlin")),
    "span": pa.array([1, None, 1, 7], pa.duration("ns")),
    "null": pa.nulls(3),
}
COUNTERS = (
    Missing("x"),
    module.Infinite("x"),
    module.Fractional("x"),
    Outside("x", 0, 1),
    NotIn("x", (0, 1, "a", True)),
    In("x", (0, 1, "a", True)),
    NotMatching("x", "a|é"),
    Duplicated("x"),
    Distribution("x"),
    NumericSample("x"),
    ValueCounts("x"),
    Occurrences("x", (0, 1, "a", True, 2.5)),
    AtPoints("x", (0.5, 2.0), tails=True),
    BinCounts("x", (1.0, 2.0), (False, True)),
    MissingBy(("x",), ("x",)),
    KeyCounter(("x",), missing_is_value=True),
    Timestamps("x", latest=10**17, oldest=3, longest=7),
    RuleCounter(Condition("x is missing"), by=("x",)),
    Grouped(Distribution("x"), by=("x",)),
    Several(("x",), (Missing("x"), Distribution("x"))),
    MomentCounter("x", squares=True),
    Extremes("x"),
    MissingWhere(("x",), (("odd", lambda rows: [r % 2 == 1 for r in rows]),), ("a", 0)),
)


def view_of(array):
    source = as_source(pa.table({"x": array}))
    (batch,) = source.batches()
    return ColumnView(batch["x"], source.schema["x"])


def state_of(counter, array):
    return counter.count(BatchView({"x": view_of(array)}, list(range(len(array)))))


def sent(state):
    return type(state).from_bytes(state.to_bytes())


def every(cls):
    return {cls, *(each for sub in cls.__subclasses__() for each in every(sub))}


def test_every_counter_is_tried():
    ours = {c for c in every(Counter) if c.__module__.startswith("mlgates.") and c.__doc__}
    public = {c for c in ours if not c.__name__.startswith("_")}
    assert public - {Counter, ColumnCounter} == {type(counter) for counter in COUNTERS}


@pytest.mark.parametrize("counter", COUNTERS, ids=lambda c: type(c).__name__)
def test_states_are_the_same_as_bytes(counter):
    tried = 0
    for name, array in COLUMNS.items():
        try:
            a, b, none = (state_of(counter, part) for part in (array[:2], array[2:], array[:0]))
        except EvidenceError:
            continue
        tried += 1
        for state in (a, b, none, a.merge(b, 2)):
            again = sent(state)
            assert type(again) is type(state), name
            assert again == state, name
            assert repr(again) == repr(state), name
            assert again.to_bytes() == state.to_bytes(), name
        for left, right in ((a, b), (none, a), (b, none)):
            merged = sent(left).merge(sent(right), 2)
            merged.finalize()
            assert merged == left.merge(right, 2), name
        a.finalize()
        assert sent(a) == a, name
    assert tried


def test_reading_a_sample_before_sending_it():
    sample = state_of(NumericSample("x"), pa.array([3.0, 1.0]))
    assert sample.values.tolist() == sent(sample).values.tolist() == [1.0, 3.0]
    assert sent(sample).merge(sent(sample)).n == 4


@pytest.mark.parametrize("values", [["a", None], [1, 2**64 - 1], [0.5, None], [True, False]])
def test_keys_of_groups_are_kept(values):
    state = GroupMissing(tuple(((value,), 1, (0,)) for value in values))
    assert sent(state).groups == state.groups


# Damaged bytes


WHOLE = state_of(Distribution("x"), COLUMNS["float"]).to_bytes()


@pytest.mark.parametrize("at", range(0, len(WHOLE), 7))
def test_changed_bytes_are_refused(at):
    changed = bytearray(WHOLE)
    changed[at] ^= 1
    with pytest.raises(EvidenceError):
        Ecdf.from_bytes(bytes(changed))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the bytes are not a state written by `to_bytes`$"),
        (b"\x80\x04K\x01.", "the bytes are not a state written by `to_bytes`$"),
        (
            WHOLE[:-1],
            "the SHA-256 of the state does not match: its bytes were changed or truncated$",
        ),
        (
            WHOLE.replace(b"state 1", b"state 2", 1),
            "the state has format version 2, this mlgates reads version 1$",
        ),
        (WHOLE.replace(b"state 1", b"state \xff", 1), "the state has format version"),
    ],
)
def test_other_bytes_are_refused(data, message):
    with pytest.raises(EvidenceError, match=message):
        Ecdf.from_bytes(data)


def test_from_bytes_of_another_class_is_refused():
    with pytest.raises(
        EvidenceError, match=r"the bytes must be a state of class Violations, got Ecdf$"
    ):
        Violations.from_bytes(WHOLE)


@pytest.mark.parametrize("stream", [b"", b"abc", b"\xff" * 40])
def test_other_contents_with_a_valid_digest_are_refused(stream):
    head = WHOLE[: WHOLE.index(b"\n") + 1]
    with pytest.raises(EvidenceError, match="the bytes are not a state written by `to_bytes`"):
        Violations.from_bytes(head + hashlib.sha256(stream).digest() + stream)


# Counters of users


@dataclass(frozen=True)
class Total(State):
    """Sum and number."""

    total: float
    n: int
    largest: tuple[float, ...] = ()

    def merge(self, other, shift):
        return Total(self.total + other.total, self.n + other.n, (*self.largest, *other.largest))


@dataclass(frozen=True)
class Sum(ColumnCounter):
    """Sum of a column."""

    def count(self, batch):
        view = batch[self.column]
        return Total(float(view.values.sum()), view.valid, (float(view.max),))


@dataclass(frozen=True)
class Greater(Counter):
    """Rows in which one column is greater than another."""

    left: str
    right: str

    @property
    def columns(self):
        return (self.left, self.right)

    def count(self, batch):
        a, b = (batch[name].aligned() for name in self.columns)
        hits = np.asarray(pa.compute.greater(a, b).fill_null(False))
        return Violations(int(hits.sum()), int((~batch.missing(*self.columns)).sum()))


def test_counters_of_a_user_are_scanned_and_sent():
    table = {"a": [1.5, NAN, 4.0], "b": [1, 2, 3]}
    total, greater = Sum("a"), Greater("a", "b")
    profile = Profile.of(table, [total, greater])
    assert profile[total] == sent(profile[total]) == Total(5.5, 2, (4.0,))
    assert profile[greater] == Violations(2, 2)
    assert profile.merge(profile)[total] == Total(11.0, 4, (4.0, 4.0))
    assert profile.merge(profile)[greater] == Violations(4, 4)


def test_states_of_other_types_cannot_be_written():
    with pytest.raises(TypeError, match=r"numbers, strings, arrays and tuples of these, got set$"):
        Total({1}, 2).to_bytes()


def test_the_base_classes_count_nothing():
    counter = Counter()
    assert (counter.needs_all_rows, counter.subsumed_by) == (False, None)
    for read in (lambda: counter.columns, lambda: counter.count(None)):
        with pytest.raises(NotImplementedError):
            read()
    assert State().finalize() is None
    with pytest.raises(NotImplementedError):
        State().merge(State(), 0)


def test_rows_are_grouped_by_first_appearance():
    views = {
        name: view_of(pa.array(values))
        for name, values in {"a": ["x", None, "y", "x"], "b": [1, 1, 2, 1]}.items()
    }
    numbers, first = BatchView(views).groups(["a", "b"])
    assert numbers.tolist() == [0, 1, 2, 0]
    assert first.tolist() == [0, 1, 2]
