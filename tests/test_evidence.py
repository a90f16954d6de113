"""The evidence of a run: names, the time, tables that are read once, read-only copies."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from mlgates import evidence
from mlgates.errors import EvidenceError
from mlgates.evidence import VOCABULARY, Evidence, read_only, rows_of
from mlgates.evidence_names import ALIASES, ALIGNED, MODEL_OF, NAMES, ROWLESS, TABLES
from mlgates.predictions.lookup import CANDIDATE, PRODUCTION
from mlgates.profile.counters import Missing, NotIn

ROWS = {"x": [1.0, None, 3.0], "t": ["a", "b", "a"]}

# names


def test_names_of_evidence_in_the_registry():
    promised = [
        "X",
        "application",
        "data",
        "golden_X",
        "golden_pred",
        "latencies",
        "model",
        "now",
        "pos_label",
        "production_latencies",
        "production_model",
        "production_pred",
        "production_score",
        "reference",
        "sample_weight",
        "sensitive_features",
        "y_pred",
        "y_score",
        "y_true",
    ]
    assert VOCABULARY.issuperset(promised)


def test_every_name_of_the_registry_is_declared_for_type_checkers():
    declared = evidence.EvidenceNames.__annotations__
    absent = [name for name in NAMES if name not in declared]
    assert not absent, f"add {absent} to EvidenceNames in evidence.py"
    unknown = [name for name in declared if name not in NAMES]
    assert not unknown, f"add {unknown} to _DECLARED in evidence_names.py"
    assert list(declared) == list(NAMES), "give EvidenceNames the order of _DECLARED"


def test_names_of_the_registry_are_read_by_their_kind():
    assert set(TABLES) == {"data", "reference", "candidate_log", "production_log"}
    assert ALIGNED == (
        "X",
        "y_true",
        "y_pred",
        "y_score",
        "production_pred",
        "production_score",
        "y_interval",
        "production_interval",
        "sample_weight",
        "row_counts",
        "clusters",
        "query_id",
        "sensitive_features",
    )
    assert ROWLESS.issuperset({"model", "production_model", "application", "pos_label", "now"})
    assert not ROWLESS.intersection((*TABLES, *ALIGNED))
    assert {
        name: names.model for names in (CANDIDATE, PRODUCTION) for name in (names.pred, names.score)
    } == MODEL_OF
    assert not ALIASES.keys() & NAMES.keys()
    assert all(each.summary for each in NAMES.values())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("refrence", "; did you mean 'reference'?"),
        ("Y_TRUE", "; did you mean 'y_true'?"),
        ("x", "; did you mean 'X'?"),
        ("budgte", "; did you mean 'budget'?"),
        ("y", "; did you mean 'y_true'?"),
        ("y_proba", "; did you mean 'y_score'?"),
        ("df", "; did you mean 'data'?"),
        ("champion", "; did you mean 'production_model'?"),
    ],
)
def test_an_unknown_name_raises_with_the_near_ones(name, near):
    with pytest.raises(EvidenceError) as caught:
        Evidence({name: None}, also=["budget"])
    assert str(caught.value) == f"unknown evidence {name!r}{near}"


def test_an_unknown_name_without_near_ones_raises_with_all():
    with pytest.raises(EvidenceError) as caught:
        Evidence({"qqq": 1}, also=["budget"])
    known = sorted([*VOCABULARY, "budget"])
    assert str(caught.value) == f"unknown evidence 'qqq'; known names: {', '.join(known)}"


def test_none_is_not_given_and_anything_else_is():
    given = Evidence({"y_true": None, "y_pred": 0, "X": [], "pos_label": False})
    assert [name in given for name in ("y_true", "y_pred", "X", "pos_label", "data")] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert given["y_pred"] == 0
    with pytest.raises(EvidenceError, match=r"^`y_true` was not given$"):
        given["y_true"]


def test_names_that_messages_may_show():
    given = Evidence({"data": ROWS, "budget": 1}, also=["budget"])
    assert given.known == VOCABULARY | {"budget"}
    given.source("data")
    assert given.known == VOCABULARY | {"budget", "x", "t"}


# the moment


def test_now_is_the_clock_unless_given():
    before = datetime.now(UTC)
    given = Evidence({})
    assert before <= given.now <= datetime.now(UTC)
    assert given.now is not None
    assert given.now is given.now
    moment = datetime(2024, 1, 31, 12, tzinfo=timezone(timedelta(hours=2)))
    found = Evidence({"now": moment}).now
    assert (found, found.tzinfo) == (moment, UTC)
    assert Evidence({"now": pd.Timestamp("2024-01-31", tz="UTC")}).now.day == 31


# tables


class Reads:
    """Counts how often tables are opened and their batches read."""

    def __init__(self, monkeypatch):
        self.opened, self.columns = 0, []
        as_source = evidence.as_source

        def opening(table, *names):
            self.opened += 1
            source = as_source(table, *names)
            read = source.batches

            def reading(columns=None):
                self.columns.append(columns if columns is None else sorted(columns))
                return read(columns)

            object.__setattr__(source, "batches", reading)
            return source

        monkeypatch.setattr(evidence, "as_source", opening)


@pytest.fixture
def reads(monkeypatch):
    return Reads(monkeypatch)


def test_a_table_is_opened_once_and_scanned_once(reads):
    given = Evidence({"data": pa.table(ROWS)})
    given.request(lambda schema: [Missing("x")])
    given.request(lambda schema: [Missing("x"), NotIn("t", ("a",))])
    assert given.source("data") is given.source("data")
    profile = given.profile()
    assert profile is given.profile()
    assert (profile[Missing("x")].count, profile[NotIn("t", ("a",))].count) == (1, 1)
    assert (reads.opened, reads.columns) == (1, [["t", "x"]])


def test_only_columns_that_are_counted_are_read(reads):
    given = Evidence({"data": pa.table(ROWS)})
    given.request(lambda schema: [Missing("t")])
    assert list(given.profile().columns) == ["t"]
    assert reads.columns == [["t"]]


def test_requests_see_the_schema():
    seen = []
    given = Evidence({"data": ROWS})
    given.request(lambda schema: seen.append({n: f.kind for n, f in schema.items()}) or ())
    assert given.profile().rows == 3
    assert seen == [{"x": "float", "t": "string"}]


def bad_iterator(schema):
    yield Missing("x")
    msg = "half way"
    raise ValueError(msg)


def exits(schema):
    raise SystemExit(3)


@pytest.mark.parametrize(
    "counts",
    [
        bad_iterator,
        exits,
        lambda schema: None,
        lambda schema: [5],
        lambda schema: ["x"],
        lambda schema: [[]],
        lambda schema: [Missing("absent")],
        lambda schema: schema["absent"],
    ],
    ids=range(8),
)
def test_a_bad_request_affects_no_other(counts):
    given = Evidence({"data": ROWS})
    given.request(counts)
    given.request(lambda schema: [Missing("x")])
    assert given.profile()[Missing("x")].count == 1


def test_values_that_are_no_table_raise_the_same_error_each_time():
    given = Evidence({"data": 5})
    with pytest.raises(EvidenceError) as first:
        given.profile()
    with pytest.raises(EvidenceError) as second:
        given.source("data")
    assert str(first.value) == str(second.value)
    assert second.value is first.value
    with pytest.raises(EvidenceError, match=r"^`reference` was not given$"):
        given.source("reference")


def test_names_of_columns_are_known():
    given = Evidence({"data": ROWS, "reference": pa.table(ROWS)})
    assert given.tables() == {}
    given.source("data")
    assert given.tables() == {"data": {"origin": "dict", "rows": 3, "columns": 2}}
    given.request(lambda schema: [Missing("x")])
    fingerprint = given.profile().fingerprint
    given.source("reference")
    assert given.tables() == {
        "data": {
            "origin": "dict",
            "rows": 3,
            "columns": 2,
            "columns_read": 1,
            "fingerprint": fingerprint,
        },
        "reference": {"origin": "pyarrow.Table", "rows": 3, "columns": 2},
    }
    assert len(fingerprint) == 64


# rows


class Sparse:
    """A matrix that has a shape but refuses to have a length, as scipy's do."""

    shape = (5, 2)

    def __len__(self):
        msg = "sparse array length is ambiguous"
        raise TypeError(msg)


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        ([1, 2, 3], 3),
        ((), 0),
        (np.zeros((4, 2)), 4),
        (np.array(5), None),
        (np.float64(5), None),
        (pd.DataFrame({"x": [1, 2]}), 2),
        (pd.Series([1, 2]), 2),
        (pl.DataFrame({"x": [1, 2]}), 2),
        (pa.table(ROWS), 3),
        (pa.array([1]), 1),
        (Sparse(), 5),
        ({"x": [1, 2], "y": [1, 2, 3]}, 2),
        ({"x": 5, "y": "abc"}, None),
        ({}, 0),
        ("label", None),
        (b"abc", None),
        (5, None),
        (None, None),
        (object(), None),
    ],
    ids=range(19),
)
def test_rows_of(value, rows):
    assert rows_of(value) == rows


def _fails(message):
    raise EvidenceError(message)


def test_an_exception_is_raised_again_with_its_first_traceback():
    evidence = Evidence({})
    calls = []

    def make():
        calls.append(1)
        _fails("broken")

    depths = []
    for _ in range(3):
        with pytest.raises(EvidenceError, match="broken") as caught:
            evidence.cached("thing", 1, make)
        frames = [entry.name for entry in caught.traceback]
        assert frames[-2:] == ["make", "_fails"]
        depths.append(len(frames))
    assert len(calls) == 1
    assert depths[1] == depths[2]


def test_a_key_without_a_hash_is_not_cached():
    made = []
    for _ in range(2):
        Evidence({}).cached("thing", [1], lambda: made.append(1))
    assert made == [1, 1]


def test_requests_are_found_by_their_type():
    evidence = Evidence({})
    for request in (1, "a", 2, 1):
        evidence.register(request)
    assert evidence.registered(int) == (1, 2, 1)
    assert evidence.registered(str) == ("a",)
    assert evidence.registered(bytes) == ()


# read-only values


def test_arrays_become_read_only_views_without_a_copy():
    array = np.arange(5)
    view = read_only(array)
    assert np.shares_memory(view, array)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 9
    assert array.flags.writeable


def test_containers_are_copied_around_such_views():
    array = np.arange(3)
    given = {"a": array, "b": [1, [2]], "c": (array, {"d": array}), "e": [{"f": 1}]}
    copied = read_only(given)
    assert copied.keys() == given.keys()
    copied["b"][1].append(3)
    copied["e"][0]["f"] = 2
    copied["new"] = 1
    for view in (copied["a"], copied["c"][0], copied["c"][1]["d"]):
        assert np.shares_memory(view, array)
        assert not view.flags.writeable
    assert given["b"] == [1, [2]]
    assert given["e"] == [{"f": 1}]
    assert "new" not in given


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2024", "2025"])}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.Categorical(["x", "y"])}),
        pd.DataFrame({"a": pd.array([1, 2], dtype="int64[pyarrow]")}),
        pd.DataFrame({"a": [1, 2]}, index=["r", "s"]),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
        pd.DataFrame({1: [1, 2], ("a", "b"): [3, 4]}),
        pd.DataFrame({"a": []}),
        pd.DataFrame(index=[1, 2]),
    ],
    ids=range(8),
)
def test_pandas_copies_are_equal_and_do_not_write_to_the_original(frame):
    kept = frame.copy(deep=True)
    view = read_only(frame)
    pd.testing.assert_frame_equal(view, kept)
    for column in range(view.shape[1]):
        try:
            view.iloc[0, column] = view.iloc[1, column]
            view.iloc[:, column].to_numpy()[0] = view.iloc[1, column]
        except (ValueError, IndexError, TypeError, AssertionError):  # the last by pandas 2.2
            continue
    view["new"] = 1
    pd.testing.assert_frame_equal(frame, kept)


def test_pandas_keeps_its_names_and_attributes():
    frame = pd.DataFrame({"a": [1]})
    frame.columns.name = "features"
    frame.attrs["source"] = "here"
    view = read_only(frame)
    assert (view.columns.name, view.attrs) == ("features", {"source": "here"})
    view.attrs["source"] = "there"
    assert frame.attrs == {"source": "here"}
    series = pd.Series([1.5], name="score", index=["r"])
    pd.testing.assert_series_equal(read_only(series), series)


def test_polars_and_arrow_copies_are_equal():
    frame = pl.DataFrame({"a": [1, 2]})
    view = read_only(frame)
    view[0, "a"] = 9
    assert frame["a"].to_list() == [1, 2]
    series = pl.Series([1, 2])
    copied = read_only(series)
    copied[0] = 9
    assert series.to_list() == [1, 2]
    table = pa.table(ROWS)
    assert read_only(table) is table


def test_values_that_are_no_data_are_passed_on_unchanged():
    model = object()
    for value in (model, "label", 5, None, len):
        assert read_only(value) is value


def test_features_that_a_gate_needs_are_fingerprinted():
    X = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]})
    asked = Evidence({"X": X}, also={"X", "model"}).tables()
    assert asked == {
        "X": {
            "origin": "pandas.DataFrame",
            "rows": 2,
            "columns": 2,
            "columns_read": 2,
            "fingerprint": asked["X"]["fingerprint"],
        }
    }
    other = Evidence({"X": X.assign(a=[2.0, 2.0])}, also={"X"}).tables()
    assert other["X"]["fingerprint"] != asked["X"]["fingerprint"]
    assert Evidence({"X": X}).tables() == {}  # no gate asks for it: it is not read
    assert Evidence({"X": ["a text", "another"]}, also={"X"}).tables() == {}  # no table
