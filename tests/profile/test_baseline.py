"""Baselines: the same verdicts as from the rows, and errors for damaged files."""

import hashlib
import json
import math
import os
import pickle
import threading
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.profile import baseline as module
from mlgates.profile.baseline import is_identifier
from mlgates.profile.distributions import Frequencies
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import QuantileSketch
from mlgates.tables.source import Source, as_source
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR
RNG = np.random.default_rng(7)


def people(rows=400):
    return pa.table(
        {
            "age": pa.array(RNG.integers(18, 80, rows)),
            "income": pa.array(RNG.lognormal(10, 1, rows), mask=RNG.random(rows) < 0.05),
            "price": pa.array([Decimal(i) / 4 for i in range(rows)], pa.decimal128(12, 2)),
            "member": pa.array(RNG.random(rows) < 0.3),
            "country": pa.array(RNG.choice(["DE", "FR", "é\n\u2028"], rows)).dictionary_encode(),
            "seen": pa.array(range(rows), pa.timestamp("us", "UTC")),
            "id": [f"canary-{i}" for i in range(rows)],
            "empty": pa.nulls(rows),
            "nan": pa.array([math.nan] * rows),
            "inf": pa.array([math.inf, -math.inf, 1.0, None] * (rows // 4)),
        }
    )


@pytest.fixture(scope="module")
def table():
    return people()


@pytest.fixture(scope="module")
def baseline(table):
    return mg.Baseline.from_data(table)


@pytest.fixture
def path(baseline, tmp_path):
    baseline.save(tmp_path / "baseline.json")
    return tmp_path / "baseline.json"


# Contents


def test_kept_distributions(baseline, table):
    assert baseline.rows == 400
    assert list(baseline.schema) == list(baseline.columns) == table.column_names
    assert baseline.fingerprint == mg.Profile.of(table).fingerprint
    kinds = {name: type(found) for name, found in baseline.distributions.items()}
    assert kinds == {
        **dict.fromkeys(["age", "income", "price", "nan", "inf"], QuantileSketch),
        **dict.fromkeys(["member", "country"], Frequencies),
    }
    assert repr(baseline) == f"Baseline(400 rows, 10 columns, created {baseline.created})"
    with pytest.raises(TypeError):
        baseline.columns["age"] = None


def test_baseline_of_a_profile_equals_that_of_the_rows(baseline, table):
    assert mg.Baseline.from_data(mg.Profile.of(table)) == baseline
    parts = (mg.Profile.of(part) for part in (table[:150], table[150:150], table[150:]))
    first, second, third = parts
    assert mg.Baseline.from_data(first.merge(second).merge(third)) == baseline
    assert mg.Baseline.from_data(table, n_jobs=2) == baseline
    assert baseline != mg.Baseline.from_data(table[:399])
    assert baseline != "baseline"


@pytest.mark.parametrize(
    ("nothing", "got"),
    [
        ({"x": []}, "no rows"),
        ({"x": [None, None], "y": [math.nan] * 2}, "only missing values"),
    ],
)
def test_tables_without_values_are_refused(nothing, got):
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Baseline.from_data(nothing)
    assert str(caught.value) == f"Baseline.from_data: the table must have values, got {got}"


@pytest.mark.parametrize("what", [None, 7, "no such file", object()])
def test_other_objects_than_tables_are_refused(what):
    with pytest.raises(mg.EvidenceError):
        mg.Baseline.from_data(what)


@pytest.mark.parametrize("exclude", ["email", ["email"], ("email", "age")])
def test_excluded_columns_are_not_in_the_baseline(exclude):
    rows = {"email": ["a@x", "b@x"], "age": [31, 44], "sex": ["f", "m"]}
    names = [exclude] if isinstance(exclude, str) else exclude
    left = {name: values for name, values in rows.items() if name not in names}
    for data in (rows, Profile.of(rows), pa.table(rows)):
        baseline = mg.Baseline.from_data(data, exclude=exclude)
        assert baseline == mg.Baseline.from_data(left)
        assert baseline.fingerprint == mg.Baseline.from_data(left).fingerprint


def test_excluded_columns_are_not_read():
    read = []

    class Spy(Source):
        def batches(self, columns=None):
            read.extend(columns)
            return super().batches(columns)

    source = as_source({"email": ["a@x"], "age": [31]})
    mg.Baseline.from_data(Spy("spy", source.schema, 1, source.read), exclude="email")
    assert read == ["age"]


def test_unknown_and_wrong_excluded_columns_are_refused():
    data = {"email": ["a@x"], "age": [31]}
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Baseline.from_data(data, exclude="emial")
    assert str(caught.value) == (
        "Baseline.from_data: `exclude` has 'emial', which is not in the table; "
        "did you mean 'email'?"
    )
    with pytest.raises(mg.OptionError, match=r"Baseline\.from_data: `exclude` must be"):
        mg.Baseline.from_data(data, exclude=7)
    with pytest.raises(mg.EvidenceError, match="the table must have values, got no columns"):
        mg.Baseline.from_data(data, exclude=["email", "age"])


def test_profile_without_distributions_is_refused():
    with pytest.raises(mg.EvidenceError, match="the profile lacks the distribution of column 'x'"):
        mg.Baseline.from_data(mg.Profile.of({"x": [1.0]}, []))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["a", "b"], False),
        ([f"c{i}" for i in range(20)], False),
        ([f"c{i}" for i in range(21)], True),
        ([f"c{i}" for i in range(30)] * 2, False),
        ([f"c{i}" for i in range(30)] + ["c0"] * 29, True),
        ([f"c{i}" for i in range(1_000)] * 2, False),
        ([f"c{i}" for i in range(1_001)] * 9, True),
        (["x" * 200] * 9, False),
        (["x" * 201, *["y"] * 9], True),
        (["é" * 200], False),
        ([], False),
    ],
)
def test_is_identifier(texts, expected):
    assert is_identifier(Frequencies.of(pa.array(texts, pa.string()))) is expected


def test_bools_are_not_identifiers():
    assert not is_identifier(Frequencies.of(pa.array([True, False])))


def test_file_has_no_rows_and_no_identifiers(tmp_path):
    rows = 3_000
    names = [f"Canary{i} Smith" for i in range(rows)]
    table = {
        "name": names,
        "mail": pd.Series([f"canary{i}@example.org" for i in range(rows)], dtype="category"),
        "often": [f"canary-{i % 1_400}" for i in range(rows)],
        "note": ["short", "Canary said: " + "word " * 60] * (rows // 2),
        "raw": [b"canary"] * rows,
        "nested": [{"who": "canary"}] * rows,
        "mixed": ["canary", 1, None] * (rows // 3),
        "x": range(rows),
        "secret": 10_000_000 + RNG.permutation(10**6)[:rows],
    }
    baseline = mg.Baseline.from_data(table)
    baseline.save(tmp_path / "baseline.json")
    text = (tmp_path / "baseline.json").read_text()
    assert "canary" not in text.casefold()
    assert "canary" not in repr(baseline).casefold()
    written = sum(str(number) in text for number in table["secret"].tolist())
    assert written <= 361  # of many numbers, the knots
    shown = json.dumps(mg.Drift("psi").run(data=table, reference=baseline).to_dict())
    assert "canary" not in shown.casefold()


# The file


def test_round_trip_through_a_file(baseline, path):
    again = mg.Baseline.load(path)
    assert again == baseline
    assert again.created == baseline.created
    assert dict(again.schema) == dict(baseline.schema)
    assert mg.Baseline.load(str(path)) == baseline
    again.save(path.with_name("again.json"))
    assert path.with_name("again.json").read_bytes() == path.read_bytes()


cells = {
    "int": st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
    "float": st.lists(st.none() | st.floats(), min_size=1),
    "text": st.lists(st.none() | st.text(), min_size=1),
    "bool": st.lists(st.none() | st.booleans(), min_size=1),
    "date": st.lists(st.none() | st.dates(), min_size=1),
}


@examples(60)
@given(st.sampled_from(sorted(cells)).flatmap(cells.get))
def test_round_trip_of_any_column(tmp_path_factory, values):
    table = {"x": values, "one": [1] * len(values)}
    baseline = mg.Baseline.from_data(table)
    path = tmp_path_factory.getbasetemp() / "any.json"
    baseline.save(path)
    assert mg.Baseline.load(path) == baseline


def test_file_is_strict_readable_json(path, table):
    text = path.read_text(encoding="ascii")
    data = json.loads(text, parse_constant=pytest.fail)
    assert data["format"] == "mlgates.baseline"
    assert data["version"] == 1
    assert [column["field"]["name"] for column in data["columns"]] == table.column_names
    body = {key: value for key, value in data.items() if key != "sha256"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    assert data["sha256"] == hashlib.sha256(canonical.encode()).hexdigest()
    # one line for each column
    assert len(text.splitlines()) == len(table.column_names) + 11
    assert text.endswith("}\n")


def test_size_of_a_column_of_numbers(tmp_path):
    mg.Baseline.from_data({"x": RNG.normal(size=100_000)}).save(tmp_path / "b.json")
    assert (tmp_path / "b.json").stat().st_size < 16_000


def test_save_replaces_the_file_completely_or_not_at_all(path, baseline, monkeypatch):
    before = path.read_bytes()
    other = mg.Baseline.from_data({"x": [1.0]})
    for call in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            owner = os if call == "fsync" else type(path)

            def broken(*args):
                raise OSError(28, "No space left on device")

            patch.setattr(owner, call, broken)
            with pytest.raises(OSError, match="No space left"):
                other.save(path)
        assert path.read_bytes() == before
        assert [file.name for file in path.parent.iterdir()] == [path.name]
    other.save(path)
    assert mg.Baseline.load(path) == other


def test_save_refuses_a_baseline_that_is_too_large(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(module, "MAX_BYTES", 1_000)
    with pytest.raises(
        mg.EvidenceError, match="the file of a baseline must have at most 1,000 bytes, got"
    ):
        mg.Baseline.from_data({"x": range(300)}).save(path)
    assert path.read_bytes() == before


def test_concurrent_readers_never_read_half_a_file(tmp_path):
    path = tmp_path / "baseline.json"
    each = [mg.Baseline.from_data({"x": RNG.normal(size=400) + i}) for i in range(2)]
    each[0].save(path)
    stop = threading.Event()

    def write(baseline):
        while not stop.is_set():
            baseline.save(path)

    writers = [threading.Thread(target=write, args=(baseline,)) for baseline in each]
    for writer in writers:
        writer.start()
    try:
        assert all(mg.Baseline.load(path) in each for _ in range(40))
    finally:
        stop.set()
        for writer in writers:
            writer.join()


# Damaged files


def signed(data):
    """Return the text of a file with a valid checksum."""
    body = {key: value for key, value in data.items() if key != "sha256"}
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return json.dumps({**body, "sha256": hashlib.sha256(canonical.encode()).hexdigest()})


def refused(path, text):
    """Return the message of the error for a file with this text."""
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Baseline.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def test_moments_are_kept_and_older_files_have_none(path, baseline):
    assert set(baseline.moments) == {"age", "income", "price", "nan", "inf"}
    assert mg.Baseline.load(path).moments == baseline.moments
    data = json.loads(path.read_text())
    for column in data["columns"]:
        del column["moments"]
    path.write_text(signed(data))
    assert mg.Baseline.load(path).moments == {}


@pytest.mark.parametrize(
    "moments",
    [
        {"sum": "1e9999999", "powers": [1, 0, 1, 0, 1]},
        {"sum": "1/0", "powers": [1, 0, 1, 0, 1]},
        {"sum": "nan", "powers": [1, 0, 1, 0, 1]},
        {"sum": "9" * 2_000, "powers": [1, 0, 1, 0, 1]},
        {"sum": 4.0, "powers": [1, 0, 1, 0, 1]},
        {"sum": "9", "powers": [1, 0, 1, 0, 1]},
        {"sum": "4", "powers": [-1, 0, 1, 0, 1]},
        {"sum": "4", "powers": [1, 0, 1]},
        {"sum": "4", "powers": ["1", 0, 1, 0, 1]},
        {"sum": "4"},
        [4],
    ],
    ids=str,
)
def test_impossible_moments_are_refused(tmp_path, moments):
    path = tmp_path / "b.json"
    mg.Baseline.from_data({"x": [1.5, 2.5]}).save(path)
    data = json.loads(path.read_text())
    data["columns"][0]["moments"] = moments
    assert refused(path, signed(data)).startswith("column 'x': ")


def test_provenance_and_metadata_are_kept_and_older_files_have_none(path, table, tmp_path):
    about = {"version": 7, "lake": {"snapshot": 2**60}, "url": "https://u:p@host/x", "api_key": "k"}
    made = mg.Baseline.from_data(table, metadata=about)
    hidden = {
        "version": 7,
        "lake": {"snapshot": str(2**60)},
        "url": "<address>",
        "api_key": "<hidden>",
    }
    assert made.metadata == hidden
    assert set(made.provenance) == {"commit", "dirty", "versions", "platform"}
    made.save(path)
    loaded = mg.Baseline.load(path)
    assert (loaded.metadata, loaded.provenance) == (hidden, made.provenance)
    assert loaded == made == pickle.loads(pickle.dumps(made))
    assert pickle.loads(pickle.dumps(made)).provenance == made.provenance
    assert made != mg.Baseline.from_data(table)
    body = json.loads(path.read_text())
    del body["provenance"], body["metadata"], body["sha256"]
    path.write_text(json.dumps({**body, "sha256": module._digest(body)}))
    older = mg.Baseline.load(path)
    assert (older.metadata, older.provenance) == ({}, {})
    assert older == mg.Baseline.from_data(table)


@pytest.mark.parametrize("key", ["provenance", "metadata"])
def test_provenance_and_metadata_of_another_type_are_refused(path, key):
    body = json.loads(path.read_text())
    del body["sha256"]
    body[key] = [1]
    path.write_text(json.dumps({**body, "sha256": module._digest(body)}))
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Baseline.load(path)
    assert str(caught.value) == f"{path}: `{key}` must be a JSON object, got list"


@pytest.mark.parametrize("wrong", [5, [1], {"a": object()}, {"a": float("nan")}, {1: 2}])
def test_wrong_metadata_is_refused(wrong):
    allowed = "a mapping of names to None, bools, numbers, strings, lists and mappings"
    with pytest.raises(mg.OptionError) as caught:
        mg.Baseline.from_data({"x": [1]}, metadata=wrong)
    start = f"Baseline.from_data: `metadata` must be {allowed}, got "
    assert str(caught.value).startswith(start)


def test_truncated_files_are_refused(tmp_path):
    path = tmp_path / "b.json"
    mg.Baseline.from_data({"x": [1.5, 2.5], "c": ["a", "b"]}).save(path)
    whole = path.read_bytes().rstrip()
    for size in range(0, len(whole), 10):
        assert refused(path, whole[:size])
    assert refused(path, b"")


def test_flipped_bits_are_refused(tmp_path):
    path = tmp_path / "b.json"
    mg.Baseline.from_data({"x": [1.5, 2.5], "c": ["a", "b"]}).save(path)
    whole = path.read_bytes()
    meaning = json.loads(whole)
    for place in range(0, len(whole), 3):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        try:
            same = json.loads(flipped) == meaning
        except ValueError:
            same = False
        if not same:  # (a space may have become another blank)
            assert refused(path, bytes(flipped))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "`format` must be 'mlgates.baseline', got None"),
        ("[]", "`baseline` must be a JSON object, got list"),
        ("null", "`baseline` must be a JSON object, got NoneType"),
        ('{"format": "mlgates.report"}', "`format` must be 'mlgates.baseline'"),
        ('{"format": 1, "format": 1}', "not strict JSON: the key 'format' occurs twice"),
        ('{"x": NaN}', "not strict JSON: numbers must be finite, got NaN"),
        ('{"x": -Infinity}', "not strict JSON: numbers must be finite, got -Infinity"),
        ('{"x": 1e999}', "not strict JSON: the number 1e999 is too large for a float"),
        ("[" * 100_000, "not readable as JSON: nested too deeply"),
        ('{"format": "mlgates.baseline", "version": 1, "x": ' + "9" * 5_000 + "}", "not readable"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"PAR1", "not readable as JSON"),
        (b"\0" * 100, "not readable as JSON"),
    ],
    ids=range(13),
)
def test_other_files_are_refused(tmp_path, text, message):
    assert refused(tmp_path / "b.json", text).startswith(message)


def test_deeply_nested_file_with_a_checksum_is_refused(path):
    for depth in range(800, 1_000, 7):
        text = path.read_text().replace('"rows": 400', '"rows": ' + "[" * depth + "]" * depth)
        assert refused(path, text)


def test_missing_file_directory_and_large_file_are_refused(tmp_path, path, monkeypatch):
    with pytest.raises(mg.EvidenceError, match="No such file"):
        mg.Baseline.load(tmp_path / "none.json")
    with pytest.raises(mg.EvidenceError, match="directory"):
        mg.Baseline.load(tmp_path)
    monkeypatch.setattr(module, "MAX_BYTES", 1_000)
    with pytest.raises(mg.EvidenceError, match="bytes, at most 1,000 are allowed"):
        mg.Baseline.load(path)


def test_change_without_a_new_checksum_is_refused(path):
    data = json.loads(path.read_text())
    data["columns"][0]["knots"]["low"][5] -= 1
    message = refused(path, json.dumps(data))
    assert message == "the SHA-256 does not match: the file was changed after it was written"


@pytest.mark.parametrize("version", [2, 0, "1", 1.0, True, None, [1]])
def test_other_versions_are_refused(path, version):
    data = json.loads(path.read_text()) | {"version": version}
    hint = ", which a newer mlgates wrote; upgrade mlgates" if version == 2 else ""
    assert refused(path, signed(data)) == f"`version` must be 1, got {version!r}{hint}"


def change(data, *keys, to):
    """Replace the value at these keys."""
    *where, last = keys
    for key in where:
        data = data[key]
    data[last] = to


AGE, INCOME, MEMBER, COUNTRY, ID = 0, 1, 3, 4, 6
NONSENSE = [
    (("columns", AGE, "counts", "rows"), 10**400, "column 'age': `rows` must be at most"),
    (("columns", AGE, "counts", "checksum"), 2**64, "column 'age': `checksum` must be at most"),
    (("columns", AGE, "max"), 10**400, "column 'age': `max` must be a number between -1.8e308"),
    (("columns", AGE, "min"), -(10**400), "column 'age': `min` must be a number between -1.8e308"),
    (("columns", AGE, "knots", "spread"), 10**400, "column 'age': `spread` must be a number betw"),
    (("columns", INCOME, "knots", "points", 0), -(10**400), "column 'income': `points` must be"),
    (("rows",), 0, "`rows` must equal the number of rows that every column has"),
    (("rows",), 399, "`rows` must equal the number of rows that every column has"),
    (("rows",), -1, "`rows` must be a whole number of at least 0"),
    (("rows",), "400", "`rows` must be a whole number of at least 0, got '400'"),
    (("rows",), None, "`rows` must be a whole number"),
    (("columns",), {}, "`columns` must be a list, got dict"),
    (("columns",), [], "the table has no columns"),
    (("columns", AGE), 7, "`columns[0]` must be a JSON object, got int"),
    (("created",), 7, "`created` must be a string, got 7"),
    (("fingerprint",), None, "`fingerprint` must be a string"),
    (("more",), 1, "baseline: the key 'more' is unknown"),
    (("columns", AGE, "more"), 1, "columns[0]: the key 'more' is unknown"),
    (("columns", AGE, "field", "name"), "income", "the table has several columns named 'income'"),
    (("columns", AGE, "field", "name"), "\ud800", "column names must be valid Unicode"),
    (("columns", AGE, "field", "name"), None, "`columns[0].field.name` must be a string"),
    (("columns", AGE, "field", "kind"), "number", "`columns[0].field.kind` must be one of 'b"),
    (("columns", AGE, "field", "type"), 7, "`columns[0].field.type` must be a string, got 7"),
    (("columns", AGE, "field", "encoded"), 0, "`columns[0].field.encoded` must be true or"),
    (("columns", AGE, "field", "kind"), "string", "column 'age': the stored distribution and"),
    (("columns", AGE, "counts", "nulls"), 1, "column 'age': the stored distribution and"),
    (("columns", AGE, "counts", "neg_inf"), 1, "column 'age': the stored distribution and"),
    (("columns", AGE, "counts", "pos_inf"), 401, "column 'age': `counts` must not have more"),
    (("columns", AGE, "counts", "nans"), 401, "column 'age': `counts` must not have more"),
    (("columns", ID, "counts", "nulls"), 2**70, "column 'id': `nulls` must be at most"),
    (("columns", AGE, "counts", "rows"), -3, "column 'age': `rows` must be a whole number"),
    (("columns", AGE, "min"), "low", "column 'age': `min` must be a number, got 'low'"),
    (
        ("columns", AGE, "knots", "points", 0),
        10**40,
        "column 'age': `points` must be numbers of at most 64 bits",
    ),
    (("columns", AGE, "knots", "low", 0), 7, "column 'age': `low` and `high` must be cumu"),
    (("columns", AGE, "categories"), {"values": ["a"], "counts": [400]}, "column 'age': the stor"),
    (("columns", MEMBER, "categories", "values"), [0, 1], "column 'member': `categories` must"),
    (("columns", COUNTRY, "categories", "values", 0), "FR", "column 'country': `categories` must"),
    (
        ("columns", COUNTRY, "categories", "values", 0),
        ["FR"],
        "column 'country': `categories` must",
    ),
    (("columns", COUNTRY, "categories", "values", 0), None, "column 'country': `categories` must"),
    (("columns", COUNTRY, "categories", "counts", 0), 0, "column 'country': `categories` must"),
    (
        ("columns", COUNTRY, "categories", "counts", 0),
        1,
        "column 'country': the stored distribution",
    ),
    (("columns", COUNTRY, "categories", "counts", 0), 2**80, "column 'country': `categories` must"),
    (("columns", COUNTRY, "categories", "counts"), [400], "column 'country': `categories` must"),
    (("columns", COUNTRY, "categories", "counts"), None, "column 'country': `counts` must be a"),
]


@pytest.mark.parametrize(
    ("where", "to", "message"),
    NONSENSE,
    ids=[f"{'.'.join(map(str, w))}-{t!r:.20}" for w, t, _ in NONSENSE],
)
def test_impossible_tables_are_refused(path, where, to, message):
    data = json.loads(path.read_text())
    # Large integers are written as texts, and may stand in a file as numbers.
    as_text = isinstance(to, int) and 2**53 <= abs(to) < 10**100
    change(data, *where, to=str(to) if as_text else to)
    assert refused(path, signed(data)).startswith(message)


@examples(60)
@given(st.data())
def test_any_contents_raise_only_evidence_errors(tmp_path_factory, data):
    base = tmp_path_factory.getbasetemp() / "fuzz.json"
    if not base.with_name("fuzz-good.json").exists():
        mg.Baseline.from_data(people(40)).save(base.with_name("fuzz-good.json"))
    found = json.loads(base.with_name("fuzz-good.json").read_text())
    place = found
    while isinstance(place, dict | list) and place:
        keys = sorted(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            junk = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
            junk |= st.text(max_size=5) | st.just([]) | st.just({}) | st.just("9" * 30)
            place[key] = data.draw(
                junk.filter(lambda x: not isinstance(x, float) or abs(x) < 1e300)
            )
            break
        place = place[key]
    base.write_text(signed(found))
    try:
        baseline = mg.Baseline.load(base)
    except mg.EvidenceError:
        return
    for method in ("psi", "ks", "wasserstein"):
        result = mg.Drift(method, min_samples=1).run(data=people(40), reference=baseline)
        assert result.verdict in (P, U, F, E)


# Inside a run


def broken_files(tmp_path, whole):
    yield "absent", tmp_path / "none.json"
    text = whole.read_text()
    for name, content in {
        "empty": "",
        "truncated": text[: len(text) // 2],
        "other": '{"verdict": "pass"}',
        "newer": signed(json.loads(text) | {"version": 2}),
        "tampered": text.replace('"low": [0', '"low": [1', 1),
    }.items():
        path = tmp_path / f"{name}.json"
        path.write_text(content)
        yield name, path


def test_broken_file_is_an_error_of_the_gates_that_need_it(tmp_path, path, table):
    suite = mg.GateSuite([mg.Completeness("age"), mg.Drift("psi"), mg.Drift("ks"), seen_reference])
    for name, broken in broken_files(tmp_path, path):
        for reference in (broken, str(broken)):
            report = suite.run(data=table, reference=reference)
            assert report.verdict is E, name
            assert report["completeness"].verdict is P
            for gate in ("drift:psi", "drift:ks", "seen_reference"):
                assert report[gate].verdict is E
                assert report[gate].reason.startswith(f"{broken}: "), report[gate].reason
            assert mg.Report.from_dict(json.loads(report.to_json())) == report


@mg.gate
def seen_reference(reference):
    return True


def test_baseline_of_other_columns_or_types(baseline):
    result = mg.Drift("psi", columns=["age", "country"]).run(
        data={"age": ["30"] * 200, "land": ["DE"] * 200}, reference=baseline
    )
    assert {check.subject: check.verdict for check in result.checks} == {"age": E, "country": E}


# The same verdict from the file as from the rows

BINS = st.sampled_from([2, 3, 4, 5, 6, 8, 9, 10, 12, 15, 18, 20])
floats = st.lists(
    st.integers(-5, 5) | st.floats(-50, 50) | st.sampled_from([math.inf, -math.inf, None]),
    min_size=1,
    max_size=500,
).filter(lambda values: any(value is not None for value in values))


def checks(gate, data, reference):
    return gate.run(data=data, reference=reference).checks


@examples(30)
@given(floats, floats, BINS)
def test_binned_distances_are_those_of_the_rows(reference, data, bins):
    for method in ("psi", "jensen_shannon", "hellinger", "total_variation", "chi2"):
        gate = mg.Drift(method, bins=bins, min_samples=1)
        sides = {"x": pa.array(data, pa.float64())}, {"x": pa.array(reference, pa.float64())}
        stored = mg.Baseline.from_data(sides[1])
        assert checks(gate, sides[0], stored) == checks(gate, *sides)


@examples(40)
@given(st.lists(st.sampled_from("abcd"), min_size=1), st.lists(st.sampled_from("abxy"), min_size=1))
def test_distances_of_categories_are_those_of_the_rows(reference, data):
    for method in ("psi", "jensen_shannon", "hellinger", "total_variation", "chi2"):
        gate = mg.Drift(method, min_samples=1)
        stored = mg.Baseline.from_data({"c": reference})
        assert checks(gate, {"c": data}, stored) == checks(gate, {"c": data}, {"c": reference})


@examples(30)
@given(st.integers(1, 2_000), st.integers(1, 400), st.floats(-1, 1), st.integers(0, 3))
def test_ks_and_wasserstein_lie_within_the_stated_bounds(m, n, by, digits):
    rng = np.random.default_rng(m * 1_000 + n)
    reference = rng.normal(size=m).round(digits)
    data = (rng.normal(size=n) + by).round(digits)
    stored = mg.Baseline.from_data({"x": reference})
    for method in ("ks", "wasserstein"):
        gate = mg.Drift(method, min_samples=1, decide_by="estimate")
        (rows,) = checks(gate, {"x": data}, {"x": reference})
        (file,) = checks(gate, {"x": data}, stored)
        low, high = file.details.get("bounds", (file.value, file.value))
        if math.isinf(rows.value):
            assert file.value == math.inf
            continue
        assert low - 1e-9 <= rows.value <= high + 1e-9
        assert low <= file.value <= high
        if method == "ks":
            assert rows.value - file.value <= 1 / 360 + 1 / m + 1 / n
        assert file.verdict is rows.verdict or (file.verdict is U and low <= 0.1 < high)


def test_ks_bounds_of_a_large_reference_differ_by_a_360th():
    reference = {"x": np.random.default_rng(1).normal(size=100_000)}
    stored = mg.Baseline.from_data(reference)
    for by in (0.0, 0.1, 0.3, 5.0):
        data = {"x": np.random.default_rng(2).normal(size=20_000) + by}
        (rows,) = checks(mg.Drift("ks"), data, reference)
        (file,) = checks(mg.Drift("ks"), data, stored)
        assert 0 <= rows.value - file.value <= 1 / 360
        assert file.verdict is rows.verdict


def test_wasserstein_depends_on_the_distance_of_values_beyond_the_reference():
    reference = {"x": np.arange(1_000.0)}
    stored = mg.Baseline.from_data(reference)
    for data in (
        {"x": np.append(np.arange(1_000.0), [1e7] * 100)},
        {"x": np.append(np.arange(1_000.0), [-1e7] * 100)},
        {"x": np.arange(1_000.0) + 1e5},
    ):
        (rows,) = checks(mg.Drift("wasserstein"), data, reference)
        (file,) = checks(mg.Drift("wasserstein"), data, stored)
        assert rows.verdict is file.verdict is F
        assert file.value == pytest.approx(rows.value, rel=1e-3)


def test_limit_within_the_bounds_is_inconclusive():
    rng = np.random.default_rng(3)
    reference, data = {"x": rng.normal(size=50_000)}, {"x": rng.normal(size=50_000) + 0.25}
    stored = mg.Baseline.from_data(reference)
    (rows,) = checks(mg.Drift("ks"), data, reference)
    (file,) = checks(mg.Drift("ks"), data, stored)
    low, high = file.details["bounds"]
    limit = (low + high) / 2
    gate = mg.Drift("ks", at_most=limit)
    (open_,) = checks(gate, data, stored)
    assert (open_.verdict, open_.value, open_.by_chance) == (U, low, False)
    assert f"is between {low:.4g} and {high:.4g}; pass the rows of the reference" in open_.reason
    assert (low, high) != (rows.value, rows.value)
    assert mg.GateSuite([gate]).run(data=data, reference=stored).verdict is U


def test_limit_within_the_bounds_is_allowed_if_chance_explains_both():
    rng = np.random.default_rng(4)
    stored = mg.Baseline.from_data({"x": rng.normal(size=5_000)})
    data = {"x": rng.normal(size=60)}
    (file,) = checks(mg.Drift("ks"), data, stored)
    low, high = file.details["bounds"]
    gate = mg.Drift("ks", at_most=(low + high) / 2)
    (open_,) = checks(gate, data, stored)
    assert (open_.verdict, open_.by_chance) == (U, True)
    suite = mg.GateSuite([gate, mg.Completeness("x")])
    assert suite.run(data=data, reference=stored).verdict is P
