"""Suites: order, composition, `after`, and independence of the gates."""

import copy
import gc
import json
import pickle
import sys
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import ClassVar
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates import evidence as evidence_module
from mlgates import suite as suite_module
from mlgates._gate import Gate
from mlgates.errors import EvidenceError, OptionError
from mlgates.profile.counter import ColumnCounter, Counter
from mlgates.report import Report
from mlgates.verdict import Check, Limit, Verdict

PASS, INCONCLUSIVE, FAIL, ERROR, SKIP = Verdict
NOW = datetime(2024, 1, 31, tzinfo=UTC)


@dataclass(frozen=True, repr=False)
class Says(Gate):
    """A gate with a given verdict."""

    verdict: str = "pass"

    def check(self, evidence) -> Iterator[Check]:
        value = {"pass": 0, "fail": 2}.get(self.verdict)
        limit = Limit(at_most=1)
        yield Check(
            subject="x",
            metric="m",
            verdict=self.verdict,
            reason=f"it says {self.verdict}",
            value=value,
            limit=limit,
        )


def says(name, verdict="pass", **given):
    return Says(verdict, name=name, **given)


def suite(*gates, name="s"):
    return mg.GateSuite(gates, name=name)


def verdicts(report):
    return {result.name: str(result.verdict) for result in report}


# building


def test_an_empty_suite_is_refused():
    with pytest.raises(OptionError) as caught:
        mg.GateSuite([], name="nightly")
    assert str(caught.value) == ("GateSuite 'nightly': at least one gate is needed")


def undecorated(y_true):
    return True


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (says("a"), "GateSuite: `gates` must be a sequence of gates, got Says(name='a')"),
        ("schema", "GateSuite: `gates` must be a sequence of gates, got 'schema'"),
        (None, "GateSuite: `gates` must be a sequence of gates, got None"),
        (["schema"], "GateSuite: `gates` must be gates or suites, got 'schema'"),
        (
            [Says],
            (f"GateSuite: `gates` must be gates or suites, got {Says!r}; call it: Says(...)"),
        ),
        (
            [undecorated],
            (
                f"GateSuite: `gates` must be gates or suites, got {undecorated!r}"
                "; decorate the function with @mlgates.gate"
            ),
        ),
    ],
    ids=range(6),
)
def test_only_gates_make_a_suite(gates, message):
    with pytest.raises(OptionError) as caught:
        mg.GateSuite(gates)
    assert str(caught.value) == message


def test_name_is_a_keyword_and_a_text():
    assert mg.GateSuite(iter([says("a")])).name == "suite"
    with pytest.raises(TypeError):
        mg.GateSuite([says("a")], "nightly")
    with pytest.raises(
        OptionError, match=r"^GateSuite: `name` must be a non-empty string, got ''$"
    ):
        mg.GateSuite([says("a")], name="")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a", "a"),
        ("Schema", "schema"),
        ("straße", "STRASSE"),
        ("\u00e9", "e\u0301"),
    ],
)
def test_two_gates_of_one_name_are_refused(one, other):
    with pytest.raises(OptionError) as caught:
        suite(says(one), says(other))
    assert str(caught.value) == (
        f"GateSuite 's': two gates are named {other!r}; set `name=` on one of them"
    )


def test_a_suite_is_a_value():
    one = suite(says("a"), says("b"))
    assert list(one) == [says("a"), says("b")]
    assert (len(one), one.names) == (2, ("a", "b"))
    assert one == suite(says("a"), says("b"))
    assert hash(one) == hash(suite(says("a"), says("b")))
    for other in (suite(says("a")), suite(says("b"), says("a")), one.only("a"), 5):
        assert one != other
    assert one != suite(says("a"), says("b"), name="t")
    assert one != one.skip("a", reason="r")
    with pytest.raises(AttributeError) as caught:
        one.name = "other"
    assert str(caught.value) == "a GateSuite is immutable: `name` can't be set"


def test_each_gate_is_compared_with_a_pattern_once(monkeypatch):
    compared = Mock(side_effect=suite_module.fnmatchcase)
    monkeypatch.setattr(suite_module, "fnmatchcase", compared)
    count = 400
    gates = [says("g0", "fail"), *(says(f"g{i}", after="g*") for i in range(1, count))]
    patterned = suite(*gates)
    assert compared.call_count <= count
    chain = suite(says("g0"), *(says(f"g{i}", after=f"g{i - 1}") for i in range(1, count)))
    nested = mg.GateSuite([patterned, mg.GateSuite(list(chain), name="chain")], name="outer")
    assert compared.call_count <= 4 * count
    report = patterned.run()
    assert [result.verdict for result in report] == [FAIL, *[INCONCLUSIVE] * (count - 1)]
    assert report["g2"].reason == "not run, because `g0`, `g1` did not pass"
    assert report["g399"].reason.endswith("`g8`, `g9` and 389 more did not pass")
    assert len(nested) == 2 * count
    assert chain.run().passed


def test_repr_is_how_one_writes_it():
    one = suite(mg.Completeness(max_missing=0.5), mg.Schema({"x": "float"}), name="nightly")
    assert repr(one) == (
        "GateSuite([Completeness(max_missing=0.5), Schema({'x': Column('float')})], name='nightly')"
    )
    assert eval(repr(one), vars(mg).copy() | {n: getattr(mg, n) for n in mg.__all__}) == one  # noqa: S307


def test_needs_is_what_its_gates_need():
    one = suite(mg.Completeness(), mg.gate(lambda y_true, y_pred=None: True))
    assert one.needs == {"data", "y_true"}


def test_a_suite_is_pickled_with_what_is_skipped_and_awaited():
    inner = suite(says("a"), says("b", after="a"), name="in").skip("a", reason="later")
    one = suite(inner, says("c", after="in/*"))
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), copy.copy(one)):
        assert again == one
        assert again.names == ("in/a", "in/b", "c")
        assert verdicts(again.run()) == {
            "in/a": "skip",
            "in/b": "inconclusive",
            "c": "inconclusive",
        }


# composing


def test_suites_inside_are_flattened_under_their_name():
    data = suite(says("schema"), says("rows", after="schema"), name="data")
    deep = suite(data, says("model"), name="deep")
    one = suite(says("schema"), deep)
    assert one.names == ("schema", "deep/data/schema", "deep/data/rows", "deep/model")
    report = one.run()
    assert [r.name for r in report] == list(one.names)
    assert {r.kind for r in report} == {"says"}
    with pytest.raises(OptionError, match="two gates are named 'data/schema'"):
        suite(data, data)


def test_waiting_inside_a_suite_stays_inside():
    inner = suite(says("schema", "fail"), says("rows", after="schema"), name="in")
    report = suite(says("schema"), inner).run()
    assert verdicts(report) == {
        "schema": "pass",
        "in/schema": "fail",
        "in/rows": "inconclusive",
    }
    assert report["in/rows"].reason == "not run, because `in/schema` did not pass"


def test_suites_are_joined_by_plus():
    joined = suite(says("a"), name="s") + suite(says("b"), says("c", after="b"), name="t")
    assert (joined.name, joined.names) == ("s", ("a", "b", "c"))
    assert verdicts(joined.run()) == {"a": "pass", "b": "pass", "c": "pass"}
    with pytest.raises(OptionError, match="two gates are named 'a'"):
        suite(says("a")) + suite(says("a"))
    with pytest.raises(TypeError):
        suite(says("a")) + says("b")


SUITE = mg.GateSuite(
    [
        says("drift:psi"),
        says("drift:ks", after="drift:psi"),
        says("schema", after="drift*"),
        mg.Completeness(name="rows"),
    ],
    name="s",
)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("schema",), ("schema",)),
        (("drift*",), ("drift:psi", "drift:ks")),
        (("drift:?s",), ("drift:ks",)),
        (("completeness",), ("rows",)),
        (("says",), ("drift:psi", "drift:ks", "schema")),
        (("schema", "drift:ks"), ("drift:ks", "schema")),
        (("*",), SUITE.names),
    ],
    ids=str,
)
def test_only_takes_names_kinds_and_patterns(patterns, names):
    assert SUITE.only(*patterns).names == names


def test_only_no_longer_waits_for_what_is_left_out():
    assert verdicts(SUITE.only("drift:ks").run()) == {"drift:ks": "pass"}
    kept = suite(says("a", "fail"), says("b"), says("c", after=("a", "b"))).only("a", "c")
    assert kept.run()["c"].reason == "not run, because `a` did not pass"


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ((), "GateSuite 's': at least one pattern is needed"),
        (("drfit:psi",), "s: 'drfit:psi' matches no gate; did you mean 'drift:psi' or 'drift:ks'?"),
        (
            ("weather",),
            (
                "s: 'weather' matches no gate; the gates are: 'drift:psi', 'drift:ks', 'schema', "
                "'rows'"
            ),
        ),
        (
            ("schema", "Drift*"),
            "s: 'Drift*' matches no gate; did you mean 'drift:ks' or 'drift:psi'?",
        ),
        ((5,), "GateSuite: `pattern` must be a non-empty string, got 5"),
        (("",), "GateSuite: `pattern` must be a non-empty string, got ''"),
    ],
    ids=range(6),
)
def test_a_pattern_that_matches_no_gate_raises(patterns, message):
    for choose in (SUITE.only, lambda *p: SUITE.skip(*p, reason="r")):
        with pytest.raises(OptionError) as caught:
            choose(*patterns)
        assert str(caught.value) == message


def test_skip_is_reported_with_its_reason():
    skipped = SUITE.skip("drift*", reason="no reference yet")
    assert skipped != SUITE
    report = skipped.only("drift*").run()
    assert verdicts(report) == {"drift:psi": "skip", "drift:ks": "skip"}
    assert report["drift:ks"].reason == "skipped: no reference yet"
    assert [c.reason for c in report["drift:ks"].checks] == ["skipped: no reference yet"]
    assert report.verdict is INCONCLUSIVE
    with pytest.raises(OptionError, match=r"^GateSuite\.skip: `reason` must be a non-empty string"):
        SUITE.skip("schema", reason=" ")
    with pytest.raises(TypeError):
        SUITE.skip("schema")


def test_a_skipped_gate_is_not_run_and_needs_nothing():
    one = suite(mg.Completeness(), says("b")).skip("completeness", reason="r")
    assert verdicts(one.run()) == {"completeness": "skip", "b": "pass"}
    assert one.run().passed


# waiting


@pytest.mark.parametrize("verdict", ["fail", "error", "inconclusive"])
@pytest.mark.parametrize("after", ["first", "says", "fir*", ("first", "second")], ids=str)
def test_a_gate_waits_for_earlier_ones(verdict, after):
    report = suite(
        says("first", verdict),
        says("second"),
        says("third", after=after, inconclusive="allow"),
    ).run()
    assert report["third"].verdict is INCONCLUSIVE
    assert report["third"].reason == "not run, because `first` did not pass"
    # and being blocked is not being undecided by chance
    assert report["third"].counted is INCONCLUSIVE
    passing = suite(says("first"), says("second"), says("third", after=after)).run()
    assert passing.passed


def test_a_gate_waits_for_all_it_names():
    report = suite(
        says("a", "fail"),
        says("b"),
        says("c", "error"),
        says("d", after=("c", "a", "b")),
        says("e", after="d"),
    ).run()
    assert report["d"].reason == "not run, because `c`, `a` did not pass"
    assert report["e"].reason == "not run, because `d` did not pass"


def test_skipped_and_advisory_gates_also_block_gates_after_them():
    one = suite(says("a"), says("b", after="a")).skip("a", reason="r")
    assert one.run()["b"].reason == "not run, because `a` did not pass"
    advisory = suite(says("a", "fail", advisory=True), says("b", after="a")).run()
    assert advisory["b"].reason == "not run, because `a` did not pass"


def test_a_blocked_gate_is_not_run():
    called = []

    @mg.gate(after="a")
    def later(y_true):
        called.append(y_true)
        return True

    report = suite(says("a", "fail"), later).run(y_true=[1])
    assert (called, report["later"].reason) == ([], "not run, because `a` did not pass")


@pytest.mark.parametrize(
    ("gates", "message"),
    [
        (
            [says("a", after="b"), says("b")],
            "a: `after`: 'b' matches no earlier gate; there are no earlier gates",
        ),
        (
            [says("a"), says("b", after="b")],
            "b: `after`: 'b' matches no earlier gate; the earlier gates are: 'a'",
        ),
        (
            [says("schema"), says("b", after="shema")],
            "b: `after`: 'shema' matches no earlier gate; did you mean 'schema'?",
        ),
        (
            [says("x"), says("b", after="drift*")],
            "b: `after`: 'drift*' matches no earlier gate; the earlier gates are: 'x'",
        ),
        (
            [says("x"), says("b", after="completeness"), mg.Completeness()],
            "b: `after`: 'completeness' matches no earlier gate; the earlier gates are: 'x'",
        ),
    ],
    ids=range(5),
)
def test_only_earlier_gates_can_be_waited_for(gates, message):
    with pytest.raises(OptionError) as caught:
        suite(*gates)
    assert str(caught.value) == message


# running


def test_the_report_has_a_result_for_every_gate_in_order():
    gates = [says(f"g{i}", v) for i, v in enumerate(["fail", "pass", "error", "inconclusive"])]
    report = suite(*gates, name="nightly").run()
    assert type(report) is Report
    assert report.name == "nightly"
    assert [r.name for r in report.results] == ["g0", "g1", "g2", "g3"]
    assert report.verdict is ERROR


def test_unknown_evidence_raises_before_anything_runs():
    called = []

    @mg.gate
    def mine(budget, y_true):
        called.append(1)
        return True

    with pytest.raises(EvidenceError) as caught:
        suite(mine, says("a")).run(budget=1, y_true=[1], refrence=None)
    assert str(caught.value) == "unknown evidence 'refrence'; did you mean 'reference'?"
    assert called == []
    assert suite(mine).run(budget=1, y_true=[1]).passed
    with pytest.raises(EvidenceError, match=r"^unknown evidence 'budget'"):
        suite(says("a")).run(budget=1)


def test_evidence_that_is_missing_none_or_not_needed():
    report = suite(mg.Completeness(), says("a")).run(data=None, y_true=[1], model=object())
    assert verdicts(report) == {"completeness": "error", "a": "pass"}
    assert report["completeness"].reason == "the gate needs `data`, which was not given"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n_jobs": 0}, "GateSuite.run: `n_jobs` must be a whole number of at least 1, got 0"),
        ({"n_jobs": 2.0}, "GateSuite.run: `n_jobs` must be a whole number of at least 1, got 2.0"),
        (
            {"n_jobs": True},
            "GateSuite.run: `n_jobs` must be a whole number of at least 1, got True",
        ),
        ({"progress": 1}, "GateSuite.run: `progress` must be True or False, got 1"),
    ],
)
def test_options_of_run_are_checked(given, message):
    with pytest.raises(OptionError) as caught:
        suite(says("a")).run(**given)
    assert str(caught.value) == message


def test_bad_values_never_raise():
    gates = [
        mg.Schema({"x": "float"}),
        mg.Completeness(),
        mg.Freshness("x", max_age="1h"),
        mg.gate(name="mine")(undecorated),
    ]
    for data in (5, "absent.parquet", [], {}, {"x": [1], "y": [1, 2]}, pd.DataFrame(), object()):
        for now in (NOW, datetime(2024, 1, 1), "today", 5, datetime.max.replace(tzinfo=UTC)):
            report = mg.GateSuite(gates).run(data=data, now=now, y_true=object())
            assert not report.passed
            assert report["completeness"].verdict is ERROR


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_reports_depend_on_neither_threads_nor_progress(progress, n_jobs, monkeypatch):
    data = pa.table({"x": np.arange(1_000.0), "t": ["a", "b"] * 500})
    gates = [mg.Schema({"x": "float", "t": "string"}), mg.Completeness()]
    plain = mg.GateSuite(gates).run(data=data)
    # (without tqdm there is no progress to be shown, and no error either)
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    found = mg.GateSuite(gates).run(data=data, n_jobs=n_jobs, progress=progress)
    assert found.results == plain.results


# each table once


class Reading:
    """Counts how often each table is opened, and how often its batches are read."""

    def __init__(self, monkeypatch):
        self.opened, self.read = [], []
        as_source = evidence_module.as_source

        def opening(table, *names):
            source = as_source(table, *names)
            batches = source.batches
            self.opened.append(source.origin)

            def reading(columns=None):
                self.read.append(source.origin)
                return batches(columns)

            object.__setattr__(source, "batches", reading)
            return source

        monkeypatch.setattr(evidence_module, "as_source", opening)


def test_each_table_is_scanned_once_however_many_gates(monkeypatch):
    reading = Reading(monkeypatch)

    @mg.gate
    def mine(data):
        return len(data) > 0

    gates = [
        mg.Schema({"x": mg.Column("float", unique=True, at_least=0)}, extra="allow"),
        mg.Completeness(),
        mg.Completeness(by="t", name="by t"),
        mg.Completeness(expected={"t": ["a"]}, missing_values=["?"], name="expected"),
        mg.Freshness("when", max_age="1h"),
        mine,
    ]
    data = pa.table(
        {
            "x": [1.0, 2.0],
            "t": ["a", "b"],
            "when": pa.array([NOW, NOW], pa.timestamp("us", "UTC")),
        }
    )
    report = mg.GateSuite(gates).run(data=data, now=NOW)
    assert report.passed, str(report)
    assert reading.opened == ["pyarrow.Table"]
    assert reading.read == ["pyarrow.Table"]


def test_a_table_that_no_gate_wants_is_not_opened(monkeypatch):
    reading = Reading(monkeypatch)
    assert suite(says("a")).run(data={"x": [1]}).passed
    skipped = suite(mg.Completeness(), says("a")).skip("completeness", reason="r")
    assert skipped.run(data={"x": [1]}).passed
    assert reading.read == []


# no gate spoils another


class Junk:
    """Not a counter."""


@dataclass(frozen=True)
class BadCounter(ColumnCounter):
    """A counter that raises what it is told to."""

    error: type[BaseException]

    def count(self, batch):
        msg = "bad counter"
        raise self.error(msg)


@dataclass(frozen=True)
class NoCounter:
    """Has columns as a counter does, and is none."""

    columns: tuple[str, ...] = ("x",)
    subsumed_by: None = None


@dataclass(frozen=True, repr=False)
class Saboteur(Gate):
    """Breaks in one of many ways."""

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    how: object = None

    def counts(self, schema) -> list[Counter]:
        if self.how == "junk counter":
            return [Junk()]
        if self.how == "no counter":
            return [NoCounter()]
        if self.how == "no counters":
            return 5
        if self.how == "counts raises":
            raise ValueError
        if self.how == "counts exits":
            sys.exit(3)
        if isinstance(self.how, BadCounter):
            return [self.how]
        return []

    def check(self, evidence):
        if self.how == "exits":
            sys.exit(0)
        if self.how == "returns junk":
            return [True, None, "pass"]
        if self.how == "returns none":
            return None
        if self.how == "clears evidence":
            evidence._given.clear()
            evidence._cache.clear()
            return []
        if self.how == "memory":
            raise MemoryError
        if self.how == "recursion":
            return self.check(evidence)
        if isinstance(self.how, BadCounter):
            evidence.profile()[self.how]
        msg = "no good"
        raise ValueError(msg)


@mg.gate(name="saboteur")
def mutating(data, y_true):
    y_true.sort()
    data.clear()
    return True


@mg.gate(name="saboteur")
def numbing(y_true):
    np.asarray(y_true)[:] = 0
    return True


@mg.gate(name="saboteur")
def exiting(y_true):
    raise SystemExit


@mg.gate
def mean_label(y_true):
    return abs(np.asarray(y_true).mean() - 0.5) < 1e-9


HEALTHY = [
    mg.Schema({"x": "float", "t": mg.Column("string", isin=["a", "b"])}),
    mg.Completeness(max_missing=0.2),
    mean_label,
]
SABOTEURS = [
    *(
        Saboteur(how, name="saboteur")
        for how in (
            None,
            "junk counter",
            "no counter",
            "no counters",
            "counts raises",
            "counts exits",
            "exits",
            "returns junk",
            "returns none",
            "memory",
            "recursion",
            BadCounter("x", ValueError),
            BadCounter("x", MemoryError),
            BadCounter("absent", ValueError),
        )
    ),
    mutating,
    numbing,
    exiting,
]


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("saboteur", SABOTEURS, ids=[f"{i}" for i in range(len(SABOTEURS))])
def test_a_saboteur_leaves_the_others_as_they_were(saboteur, place):
    def given():
        return {
            "data": {"x": np.array([1.0, 2.0, np.nan, 4.0]), "t": ["a", "b", "a", "c"]},
            "y_true": np.array([1, 0, 1, 0]),
            "now": NOW,
        }

    alone = mg.GateSuite(HEALTHY).run(**given())
    gates = [*HEALTHY[:place], saboteur, *HEALTHY[place:]]
    evidence = given()
    kept = copy.deepcopy(evidence)
    report = mg.GateSuite(gates).run(**evidence)
    assert report["saboteur"].verdict is ERROR
    assert [r.name for r in report] == [g.name for g in gates]

    def form(results):
        return json.dumps([replace(r, seconds=0).to_dict() for r in results])

    assert form(r for r in report if r.name != "saboteur") == form(alone)
    np.testing.assert_array_equal(evidence["y_true"], kept["y_true"])
    np.testing.assert_array_equal(evidence["data"]["x"], kept["data"]["x"])
    assert evidence["data"]["t"] == kept["data"]["t"]


def test_an_interrupt_ends_the_run():
    @mg.gate
    def interrupted(y_true):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        suite(says("a"), interrupted).run(y_true=[1])


def test_the_same_report_from_many_threads():
    data = {"x": [1.0, None], "t": ["a", "b"]}
    one = mg.GateSuite(HEALTHY)
    plain = one.run(data=data, y_true=[0, 1]).results
    with ThreadPoolExecutor(8) as pool:
        runs = [pool.submit(one.run, data=data, y_true=[0, 1]) for _ in range(32)]
        assert all(run.result().results == plain for run in runs)


# provenance


def test_provenance_of_a_run():
    one = suite(mg.Completeness(), name="nightly")
    before, begun = datetime.now(UTC), perf_counter()
    report = one.run(data={"x": [1, 2]}, now=NOW)
    found = report.provenance
    assert set(found) == {
        "started",
        "seconds",
        "now",
        "commit",
        "dirty",
        "versions",
        "platform",
        "tables",
        "values",
        "models",
        "seed",
        "seeds",
        "suite",
    }
    assert before <= datetime.fromisoformat(found["started"]) <= datetime.now(UTC)
    assert 0 <= found["seconds"] <= perf_counter() - begun
    assert found["now"] == "2024-01-31T00:00:00+00:00"
    assert found["suite"] == "GateSuite([Completeness()], name='nightly')"
    assert found["versions"]["mlgates"] == mg.__version__
    assert found["tables"]["data"]["rows"] == 2
    assert len(found["tables"]["data"]["fingerprint"]) == 64
    assert found["seed"] is None
    assert one.run(data={"x": [1, 2]}, now="today").provenance["now"] is None


def test_the_fingerprint_is_that_of_the_rows():
    one = suite(mg.Completeness())

    def mark(data):
        return one.run(data=data).provenance["tables"]["data"]["fingerprint"]

    assert mark({"x": [1, 2]}) == mark(pa.table({"x": [1, 2]})) != mark({"x": [1, 3]})


# the example of the documentation


def test_a_parquet_file(tmp_path):
    import pyarrow.parquet as pq

    path = Path(tmp_path, "x.parquet")
    pq.write_table(pa.table({"x": [0.5, 1.5]}), path)
    gates = [mg.Schema({"x": "float"}), mg.Completeness(), mg.gate(reads_rows)]
    for data in (path, str(path)):
        report = mg.GateSuite(gates).run(data=data)
        assert report.passed, str(report)
        assert report.provenance["tables"]["data"]["origin"] == "parquet file"


def reads_rows(data):
    return True


def test_the_seeds_of_all_gates_are_in_the_provenance():
    column = np.arange(400.0)
    suite = mg.GateSuite(
        [
            mg.Completeness(),
            mg.MultivariateDrift(seed=3),
            mg.Performance("expected_calibration_error", at_most=0.5),
        ]
    )
    report = suite.run(
        data={"x": column}, reference={"x": column}, y_true=[0, 1] * 40, y_score=[0.2, 0.7] * 40
    )
    found = report.provenance
    assert found["seeds"] == {"multivariate_drift": 3, "performance:expected_calibration_error": 0}
    assert found["seed"] == 3
    assert Report.from_dict(report.to_dict()).provenance == found


@pytest.mark.parametrize("gate", [mg.Drift("ks"), mg.Drift("psi", by="shop"), mg.Completeness()])
def test_tables_are_freed_right_after_the_run(gate):
    class Frame(pd.DataFrame):
        """A table that can be watched."""

    table = Frame({"x": np.arange(400.0), "shop": ["a", "b"] * 200})
    alive = weakref.ref(table)
    gc.disable()
    try:
        report = mg.GateSuite([gate]).run(data=table, reference=table.copy())
        del table
        assert alive() is None
    finally:
        gc.enable()
    assert report.passed
