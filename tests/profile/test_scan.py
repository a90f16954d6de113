import datetime as dt
import hashlib
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile import scan as module
from mlgates.profile.counter import ColumnCounter, Counter, State
from mlgates.profile.counters import (
    Distribution,
    In,
    Missing,
    NotIn,
    NotMatching,
    NumericSample,
    Outside,
    ValueCounts,
    Violations,
)
from mlgates.profile.distributions import Ecdf, Frequencies
from mlgates.profile.duplicates import Duplicated
from mlgates.profile.groups import MissingBy, MissingWhere
from mlgates.profile.scan import Profile
from mlgates.tables import encoding
from mlgates.tables.source import Source, as_source

NAN, INF = math.nan, math.inf

SCHEMA = pa.schema(
    {
        "f": pa.float64(),
        "i": pa.int64(),
        "s": pa.string(),
        "c": pa.dictionary(pa.int8(), pa.string()),
        "b": pa.bool_(),
        "t": pa.timestamp("ns", "UTC"),
        "n": pa.null(),
    }
)
row = st.fixed_dictionaries(
    {
        "f": st.sampled_from([0.0, -0.0, NAN, INF, -INF, 0.5, None]),
        "i": st.sampled_from([0, 1, 2**53 + 1, -(2**63), None]),
        "s": st.sampled_from(["", "a", "é", "NA", None]),
        "c": st.sampled_from(["x", "y", None]),
        "b": st.sampled_from([True, False, None]),
        "t": st.sampled_from([0, 10**18, None]),
        "n": st.none(),
    }
)
rows = st.lists(row, max_size=15)
COUNTERS = [
    *(Missing(name) for name in SCHEMA.names),
    *(Distribution(name) for name in SCHEMA.names),
    *(Duplicated(name) for name in SCHEMA.names),
    *(ValueCounts(name) for name in SCHEMA.names),
    Outside("f", 0, 1),
    Outside("i", at_most=2**53),
    NotIn("s", ("a",)),
    In("s", ("NA",)),
    NotMatching("s", "a|é"),
    NotIn("c", ("x",)),
    MissingBy(("f", "s"), by=("c", "b")),
    Outside("s", 0, 1),
    Missing("absent"),
]


def table_of(cells):
    return pa.Table.from_pylist(cells, schema=SCHEMA)


def streamed(table, cuts):
    """Return the table as a source of several batches."""
    edges = sorted({0, table.num_rows, *(cut for cut in cuts if cut < table.num_rows)})
    source = as_source(table)

    def read(names):
        (batch,) = source.batches(names)
        starts = edges[:-1] or [0]
        for start, stop in zip(starts, edges[1:] or [0], strict=True):
            yield batch.slice(start, stop - start)

    return Source("batches", source.schema, None, read)


@examples(25)
@given(rows, rows, rows)
def test_profiles_are_a_monoid(x, y, z):
    a, b, c = (Profile.of(table_of(cells), COUNTERS) for cells in (x, y, z))
    whole = Profile.of(table_of([*x, *y, *z]), COUNTERS)
    assert a.merge(b).merge(c) == a.merge(b.merge(c)) == whole
    assert a.merge(b).merge(c).fingerprint == whole.fingerprint
    empty = Profile.of(table_of([]), COUNTERS)
    assert empty.merge(whole) == whole == whole.merge(empty)


@examples(25)
@given(rows, st.lists(st.integers(0, 15)))
def test_profile_does_not_depend_on_batches_and_threads(cells, cuts):
    table = table_of(cells)
    expected = Profile.of(table, COUNTERS, n_jobs=1)
    assert Profile.of(table, COUNTERS, n_jobs=3) == expected
    for n_jobs in (1, 3):
        assert Profile.of(streamed(table, cuts), COUNTERS, n_jobs=n_jobs) == expected


@examples(30)
@given(rows, rows)
def test_without_row_numbers_merging_commutes(x, y):
    a, b = (Profile.of(table_of(cells)) for cells in (x, y))
    assert a.merge(b) == b.merge(a)
    assert a.merge(b).fingerprint == b.merge(a).fingerprint


@dataclass(frozen=True)
class Rows(State):
    """All values, so that a merge takes time linear in the rows."""

    cells: tuple[int, ...]
    merged: ClassVar[list[int]] = []

    def merge(self, other, shift):
        assert shift == len(self.cells)
        self.merged.append(len(self.cells) + len(other.cells))
        return Rows((*self.cells, *other.cells))


@dataclass(frozen=True)
class AllRows(ColumnCounter):
    def count(self, batch):
        return Rows(tuple(batch[self.column].aligned().to_pylist()))


def test_many_batches_are_merged_in_pairs():
    Rows.merged.clear()
    table = table_of([{"i": i} for i in range(300)])
    profile = Profile.of(streamed(table, range(1, 300)), [AllRows("i")])
    assert profile[AllRows("i")].cells == tuple(range(300))
    assert len(Rows.merged) == 299
    # one after another it would be 45,000
    assert sum(Rows.merged) <= 300 * 10


@pytest.mark.parametrize("values", [["a", "b", None], [1, 2, 3], [1.5, NAN, 2.0]])
def test_merging_many_profiles_does_not_read_their_values_again(values, monkeypatch):
    column = pa.array(values)
    part = Profile.of(pa.table({"x": column}), [Distribution("x"), Duplicated("x")])
    whole, read = part, []
    encode = encoding.encode
    monkeypatch.setattr(encoding, "encode", lambda array: read.append(len(array)) or encode(array))
    monkeypatch.setattr(np, "concatenate", lambda parts: read.append(len(parts)))
    for _ in range(200):
        whole = whole.merge(part)
    assert read == []
    monkeypatch.undo()
    assert whole[Distribution("x")].n == 201 * part[Distribution("x")].n


def test_row_numbers_are_those_of_the_whole_table():
    cells = [{"i": None if k % 3 == 0 else 1} for k in range(20)]
    table = pa.Table.from_pylist(cells, schema=pa.schema({"i": pa.int64()}))
    profile = Profile.of(streamed(table, [7, 14]), [Missing("i"), Duplicated("i")])
    assert profile[Missing("i")] == Violations(7, 20, (0, 3, 6, 9, 12))
    assert profile[Duplicated("i")].rows == (2, 4, 5, 7, 8)


def test_rows_schema_and_columns_of_a_profile():
    profile = Profile.of({"x": [1.5, NAN], "s": ["a", None]})
    assert profile.rows == 2
    assert list(profile.schema) == list(profile.columns) == ["x", "s"]
    assert profile.columns["x"].nans == profile.columns["s"].nulls == 1
    assert repr(profile) == "Profile(2 rows, 2 of 2 columns, 2 counters)"


def test_default_counters_are_distributions():
    table = {
        "i": [1],
        "s": ["a"],
        "b": [True],
        "n": [None],
        "l": [[1]],
        "y": [b"a"],
        "d": [dt.date(2024, 1, 1)],
        "mixed": [1],
    }
    profile = Profile.of(table)
    kinds = {n: type(profile[Distribution(n)]) for n in table if Distribution(n) in profile}
    assert kinds == {
        "i": Ecdf,
        "s": Frequencies,
        "b": Frequencies,
        "n": Ecdf,
        "d": Ecdf,
        "mixed": Ecdf,
    }


def test_only_the_requested_columns_are_profiled_and_read():
    read = []

    class Spy(Source):
        def batches(self, columns=None):
            read.extend(columns)
            return super().batches(columns)

    source = as_source({"a": [1], "b": [2], "c": [3]})
    spy = Spy("spy", source.schema, 1, source.read)
    profile = Profile.of(spy, [Missing("c")], columns=["b"])
    assert sorted(read) == ["b", "c"]
    assert list(profile.columns) == ["b"]
    assert list(profile.schema) == ["a", "b", "c"]
    assert profile[Missing("c")] == Violations(0, 1)


def test_rows_are_counted_without_counters():
    profile = Profile.of(pa.table({"a": [1, 2]}), [], columns=[])
    assert (profile.rows, dict(profile.columns)) == (2, {})


def test_state_of_another_counter_is_a_key_error():
    profile = Profile.of({"x": [1]}, [Missing("x")])
    assert Missing("x") in profile
    with pytest.raises(KeyError):
        profile[Distribution("x")]


def test_failing_counter_does_not_affect_others():
    bad = MissingWhere(("x",), (("s", lambda table: 1 / 0),))
    profile = Profile.of({"x": [1, None]}, [Missing("x"), bad, NotMatching("x", "a")])
    assert profile[Missing("x")].count == 1
    with pytest.raises(
        EvidenceError, match=r"condition of slice 's' raised ZeroDivisionError: division by zero$"
    ):
        profile[bad]
    with pytest.raises(EvidenceError, match="which cannot be matched with a regular expression"):
        profile[NotMatching("x", "a")]
    again = profile.merge(profile)
    with pytest.raises(EvidenceError, match="ZeroDivisionError"):
        again[bad]


def test_a_counter_that_failed_is_not_tried_again():
    tried = []

    class Breaking(Counter):
        columns = ("i",)

        def count(self, batch):
            tried.append(batch["i"].rows)
            raise ValueError("broken")

    counter = Breaking()
    table = table_of([{"i": 1}] * 10)
    profile = Profile.of(streamed(table, range(1, 10)), [counter], n_jobs=1)
    assert tried == [1]
    with pytest.raises(ValueError, match="broken"):
        profile[counter]


def test_interrupts_are_raised():
    def interrupt(table):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Profile.of({"x": [1]}, [MissingWhere(("x",), (("s", interrupt),))])


def test_unknown_columns():
    with pytest.raises(EvidenceError, match=r"the table has no column 'z'; it has 'x'$"):
        Profile.of({"x": [1]}, columns=["z"])
    profile = Profile.of({"x": [1]}, [Missing("z")])
    with pytest.raises(EvidenceError, match=r"the table has no column 'z'; it has 'x'$"):
        profile[Missing("z")]


def test_conditions_get_the_users_own_table():
    frame = pd.DataFrame({"x": [1.0, None], "g": ["a", "b"]})
    counter = MissingWhere(("x",), (("b", lambda table: table["g"] == "b"),))
    assert Profile.of(frame, [counter])[counter].groups == ((("b",), 1, (1,)),)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"y": [1]}, "only one of them has the columns 'x', 'y'$"),
        ({"x": ["a"]}, "column 'x' has int values"),
    ],
)
def test_other_tables_do_not_merge(other, message):
    with pytest.raises(EvidenceError, match=message):
        Profile.of({"x": [1]}, []).merge(Profile.of(other, []))


def test_other_counters_do_not_merge():
    a, b = Profile.of({"x": [1]}, [Missing("x")]), Profile.of({"x": [1]}, [])
    with pytest.raises(EvidenceError, match=r"has results of \"Missing\(column='x'\)\"$"):
        a.merge(b)
    c = Profile.of({"x": [1]}, [], columns=[])
    with pytest.raises(EvidenceError, match="has counts of the column 'x'"):
        b.merge(c)


def test_a_column_without_values_merges_with_any_kind():
    nothing = Profile.of({"x": [None]})
    for values in (["a"], [1.5], [True], [dt.date(2024, 1, 1)]):
        some = Profile.of({"x": values})
        for merged in (nothing.merge(some), some.merge(nothing)):
            assert merged.schema["x"].kind == some.schema["x"].kind
            assert merged[Distribution("x")] == some[Distribution("x")]
            assert merged.columns["x"].nulls == 1


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ([1, 2, 2], [1.5, NAN, 2.0], "float"),
        ([1, 2, 2], [1.0, None, 3.0], "float"),
        ([2**53, 0], [0.5], "float"),
        ([1, 2], [Decimal("1.5"), None], "decimal"),
        ([0.5, 2.0], [Decimal("1.5"), Decimal("0.5")], "float"),
    ],
)
def test_integers_and_other_numbers_merge(first, second, kind):
    counters = [Distribution("x"), NumericSample("x"), Missing("x"), Outside("x", 1, 2)]
    counters += [Duplicated("x")] if "decimal" not in kind else []
    if any(isinstance(value, Decimal) for value in second):
        counters = counters[:4]
    a, b = (Profile.of(pa.table({"x": pa.array(part)}), counters) for part in (first, second))
    whole = [x if x is None else float(x) for x in (*first, *second)]
    expected = Profile.of(pa.table({"x": pa.array(whole)}), counters)
    for merged in (a.merge(b), b.merge(a)):
        assert merged.schema["x"].kind == merged.columns["x"].field.kind == kind
        assert (merged.columns["x"].min, merged.columns["x"].max) == (
            expected.columns["x"].min,
            expected.columns["x"].max,
        )
        for counter in counters:
            if counter != Missing("x") and not isinstance(counter, Outside | Duplicated):
                assert merged[counter] == expected[counter]
            assert merged[counter].n == expected[counter].n
        for counter in counters[2:]:
            assert merged[counter].count == expected[counter].count


def test_integers_that_no_float_represents_do_not_merge_silently():
    a, b = (Profile.of({"x": values}) for values in ([2**53 + 1], [0.5]))
    merged = a.merge(b)
    with pytest.raises(EvidenceError, match=r"integers beyond 2\*\*53 cannot be merged"):
        _ = merged[Distribution("x")].values  # noqa: PD011
    repeated = [Profile.of({"x": v}, [Duplicated("x")]) for v in ([2**53 + 1], [2.0**53])]
    with pytest.raises(EvidenceError, match=r"integers beyond 2\*\*53 cannot be merged"):
        _ = repeated[0].merge(repeated[1])[Duplicated("x")].count


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([1], [True]),
        ([1.5], ["a"]),
        ([dt.date(2024, 1, 1)], [dt.datetime(2024, 1, 1)]),
        ([1], [dt.date(2024, 1, 1)]),
    ],
)
def test_numbers_do_not_merge_with_other_kinds(first, second):
    with pytest.raises(EvidenceError, match="profiles cannot be merged: column 'x' has"):
        Profile.of({"x": first}).merge(Profile.of({"x": second}))


def test_containers_of_the_same_values_have_the_same_fingerprint(tmp_path):
    whole = {
        "i": [1, 2, 3],
        "f": [0.5, -0.0, 2.0],
        "s": ["a", "é", "a"],
        "t": [dt.datetime(2024, 1, d) for d in (1, 2, 3)],
    }
    table = pa.table(whole)
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    narrow = table.set_column(0, "i", pa.array([1, 2, 3], pa.int8()))
    categories = table.set_column(2, "s", pa.array(whole["s"]).dictionary_encode())
    seconds = table.set_column(3, "t", table["t"].cast(pa.timestamp("s")))
    frame = pd.DataFrame(whole)
    tables = [table, tmp_path / "t.parquet", narrow, categories, seconds, frame, table[::1]]
    prints = {Profile.of(t, []).fingerprint for t in tables}
    assert len(prints) == 1
    assert len(prints.pop()) == 64


@pytest.mark.parametrize(
    "other",
    [
        {"x": [1, 2, 4]},
        {"x": [1, 2]},
        {"x": [1, 2, None]},
        {"x": [1.0, 2.0, 3.0]},
        {"y": [1, 2, 3]},
        {"x": [1, 2, 3], "y": [1, 2, 3]},
        {"x": ["1", "2", "3"]},
        {"x": [1.0, 2.0, INF]},
    ],
)
def test_other_tables_have_other_fingerprints(other):
    assert Profile.of({"x": [1, 2, 3]}).fingerprint != Profile.of(other).fingerprint


def test_contents_of_the_fingerprint():
    one = float.hex(1.5)
    checksum = Profile.of({"x": [1.5]}).columns["x"].checksum
    seen = [3, [["x", "float", 1, 1, 0, 0, one, one, str(checksum)]]]
    expected = hashlib.sha256(json.dumps(seen).encode()).hexdigest()
    assert Profile.of(pa.table({"x": [1.5, None, NAN]})).fingerprint == expected


def test_large_tables_are_scanned_by_threads(monkeypatch):
    asked = []

    class Spy(module.ThreadPoolExecutor):
        def __init__(self, threads):
            asked.append(threads)
            super().__init__(threads)

    monkeypatch.setattr(module, "ThreadPoolExecutor", Spy)
    monkeypatch.setattr(module.os, "cpu_count", lambda: 3)
    large = Profile.of({"x": np.arange(100_000)})
    assert asked == [3]
    assert large == Profile.of({"x": np.arange(100_000)}, n_jobs=1)
    Profile.of({"x": np.arange(99_999)})
    Profile.of({"x": np.arange(10)}, n_jobs=2)
    assert asked == [3, 2]


def test_profiles_equal_only_profiles():
    profile = Profile.of({"x": [1]})
    assert profile == Profile.of({"x": [1]})
    assert profile != Profile.of({"x": [2]})
    assert profile != Profile.of({"y": [1]})
    assert profile != "profile"


def test_pandas_columns_of_every_dtype():
    frame = pd.DataFrame(
        {
            "float": [1.5, NAN, 3.0],
            "Int": pd.array([1, None, 3], "Int64"),
            "str": pd.array(["a", None, "b"], "str") if pd.__version__ >= "3" else ["a", None, "b"],
            "cat": pd.Categorical(["u", None, "v"], categories=["unused", "u", "v"]),
            "when": pd.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "mixed": [1, None, "a"],
        }
    )
    profile = Profile.of(frame, [*(Missing(name) for name in frame), Distribution("cat")])
    assert {name: profile[Missing(name)] for name in frame} == dict.fromkeys(
        frame, Violations(1, 3, (1,))
    )
    assert profile.columns["float"].nans == 1
    categories = profile[Distribution("cat")]
    assert (len(categories), categories["u"], categories["unused"]) == (2, 1, 0)


def test_counters_of_bools_and_of_numbers_are_different():
    numbers, bools, numpys = (NotIn("b", v) for v in ((1, 0), (True, False), (np.True_, np.False_)))
    profile = Profile.of({"b": [True, False]}, [bools, numbers, numpys])
    assert (profile[bools].count, profile[numbers].count, profile[numpys].count) == (0, 2, 0)
