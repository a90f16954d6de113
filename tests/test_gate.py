"""Gates as values, gates made from functions, and exceptions of gates."""

import asyncio
import copy
import logging
import math
import pickle
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import ClassVar
from unittest.mock import Mock

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates._gate import FunctionGate, Gate, blocked_result, run_gate
from mlgates.errors import EvidenceError, OptionError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.profile.counters import Missing
from mlgates.redaction import describe, without_secrets
from mlgates.verdict import Check, Limit, Measurement, Verdict

PASS, INCONCLUSIVE, FAIL, ERROR, SKIP = Verdict
LIMIT = Limit(at_most=1)


def good(subject="x"):
    return Check(
        subject=subject, metric="m", verdict=PASS, reason="fine", value=0, limit=LIMIT, n=1
    )


def bad(subject="x"):
    return Check(subject=subject, metric="m", verdict=FAIL, reason="too much", value=2, limit=LIMIT)


@dataclass(frozen=True, repr=False)
class Yields(Gate):
    """A gate that yields the given checks, and raises the given exceptions."""

    needs: ClassVar[frozenset[str]] = frozenset()
    what: object = ()

    def check(self, evidence):
        def yielding() -> Iterator[Check]:
            for item in self.what:
                if isinstance(item, BaseException):
                    raise item
                yield item

        return yielding()


@dataclass(frozen=True, repr=False)
class Returns(Yields):
    """A gate with a `check` that returns the given value instead of an iterator."""

    def check(self, evidence):
        return self.what


# gates are values


def test_default_name_is_kind_and_first_text():
    assert Yields("age").name == "yields:age"
    assert Yields(("age",)).name == "yields"
    assert Yields("age", name="mine").name == "mine"
    assert mg.Freshness("event_time", max_age="24h").name == "freshness:event_time"
    assert mg.Completeness().name == "completeness"
    assert (Yields().kind, mg.Completeness().kind) == ("yields", "completeness")


def test_a_gate_is_frozen_hashable_and_equal_by_value():
    one = Yields("age", after=["schema"], advisory=True)
    assert one == Yields("age", after=("schema",), advisory=True)
    assert hash(one) == hash(Yields("age", after="schema", advisory=True))
    assert one.after == ("schema",)
    assert one != Yields("age")
    assert one != replace(one, name="other")
    with pytest.raises(FrozenInstanceError):
        one.advisory = False
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one


def test_options_are_keywords():
    with pytest.raises(TypeError):
        Yields("age", "name")
    with pytest.raises(TypeError):
        Gate("name")


@pytest.mark.parametrize(
    ("gate", "text"),
    [
        (Yields(), "Yields()"),
        (Yields("age"), "Yields('age')"),
        (Yields("age", name="yields:age"), "Yields('age')"),
        (Yields("age", name="mine", advisory=True), "Yields('age', name='mine', advisory=True)"),
        (Yields(inconclusive="allow", after="a"), "Yields(inconclusive='allow', after=('a',))"),
        (mg.Completeness(max_missing=0.5), "Completeness(max_missing=0.5)"),
        (
            mg.Freshness("t", max_age=timedelta(hours=1)),
            "Freshness('t', max_age=datetime.timedelta(seconds=3600))",
        ),
    ],
    ids=range(7),
)
def test_repr_is_how_one_writes_it(gate, text):
    import datetime as dt

    names = {"Yields": Yields, "datetime": dt, **vars(mg)}
    assert repr(gate) == text
    assert eval(text, names) == gate  # noqa: S307


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ""}, "Yields: `name` must be a non-empty string, got ''"),
        ({"name": 5}, "Yields: `name` must be a non-empty string, got 5"),
        (
            {"name": "a\nb"},
            "Yields: `name` must be printable, at most 200 characters, got 'a\\nb'",
        ),
        (
            {"name": "x" * 201},
            f"Yields: `name` must be printable, at most 200 characters, got {'x' * 201!r}",
        ),
        ({"advisory": 1}, "Yields: `advisory` must be True or False, got 1"),
        (
            {"inconclusive": "maybe"},
            "Yields: `inconclusive` must be one of 'block', 'allow', got 'maybe'",
        ),
        ({"after": 5}, "Yields: `after` must be a name or a sequence of names, got 5"),
        (
            {"after": ("a", "a")},
            "Yields: `after` must be names that are all different, got ('a', 'a')",
        ),
    ],
    ids=range(8),
)
def test_options_that_all_gates_have_are_checked(given, message):
    with pytest.raises(OptionError) as caught:
        Yields(**given)
    assert str(caught.value) == message
    assert Yields(name="x" * 200).name == "x" * 200


def test_the_bare_gate_judges_nothing_and_that_is_an_error():
    found = Gate().run()
    assert (found.verdict, found.reason) == (
        ERROR,
        "`check` of a gate must yield at least one Check, got none",
    )
    assert list(Gate().counts({})) == []


# run_gate


def test_checks_are_kept_in_order_and_the_reason_is_that_of_the_worst():
    found = run_gate(Yields((good("a"), bad("b"), good("c"), bad("d"))), Evidence({}), "full/name")
    assert [c.subject for c in found.checks] == ["a", "b", "c", "d"]
    assert (found.name, found.kind, found.verdict) == ("full/name", "yields", FAIL)
    assert found.reason == "too much (and 1 more of 4 checks did not pass)"
    assert found.seconds >= 0


@pytest.mark.parametrize(
    ("checks", "reason"),
    [
        ((good(),), "fine"),
        ((good(), good()), "all 2 checks passed"),
        ((good(), bad()), "too much"),
        (
            (bad(), Check(subject="y", metric="m", verdict=ERROR, reason="broken")),
            "broken (and 1 more of 2 checks did not pass)",
        ),
    ],
)
def test_the_reason_of_a_gate(checks, reason):
    assert run_gate(Yields(checks), Evidence({})).reason == reason


def test_judge_takes_over_the_options_of_the_gate():
    found = run_gate(Yields((good(),), advisory=True, inconclusive="allow"), Evidence({}))
    assert (found.name, found.advisory, found.inconclusive) == ("yields", True, "allow")
    broken = run_gate(Yields((), advisory=True, inconclusive="allow"), Evidence({}))
    assert (broken.advisory, broken.inconclusive) == (True, "allow")


@dataclass(frozen=True, repr=False)
class Needy(Yields):
    """A gate that needs more evidence than is given."""

    needs: ClassVar[frozenset[str]] = frozenset({"y_true", "y_pred", "data"})


def test_missing_evidence_is_an_error_that_names_it():
    found = Needy((good(),)).run(y_true=[1], y_pred=None)
    assert found.verdict is ERROR
    assert found.reason == "the gate needs `data` and `y_pred`, which were not given"
    assert [c.verdict for c in found.checks] == [ERROR]
    assert Needy((good(),)).run(y_true=[1], y_pred=[1], data={"x": [1]}).passed


class UnprintableError(Exception):
    """An exception whose own text raises."""

    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("no luck"), "the gate raised ValueError: no luck"),
        (ValueError(), "the gate raised ValueError"),
        (ValueError("two\nlines\t "), "the gate raised ValueError: two lines"),
        (EvidenceError("`x` is not in the table"), "`x` is not in the table"),
        (MemoryError(), "the gate raised MemoryError"),
        (RecursionError("too deep"), "the gate raised RecursionError: too deep"),
        (StopIteration("x"), "the gate raised RuntimeError: generator raised StopIteration"),
        (SystemExit(3), "the gate raised SystemExit: 3"),
        (SystemExit(), "the gate raised SystemExit"),
        (AssertionError("x == 1"), "the gate raised AssertionError: x == 1"),
        (
            ExceptionGroup("many", [ValueError("a")]),
            "the gate raised ExceptionGroup: many (1 sub-exception)",
        ),
        (UnprintableError(), "the gate raised UnprintableError"),
        (
            ZeroDivisionError("division by zero"),
            "the gate raised ZeroDivisionError: division by zero",
        ),
    ],
    ids=repr,
)
def test_an_exception_is_the_error_of_its_gate_and_earlier_checks_are_kept(error, reason):
    found = run_gate(Yields((good("a"), bad("b"), error, good("c"))), Evidence({}))
    assert found.verdict is ERROR
    assert found.reason == reason
    assert found.checks[:2] == (good("a"), bad("b"))
    last = found.checks[2:]
    assert [(c.subject, c.metric, c.verdict, c.reason) for c in last] == [
        ("yields", "yields", ERROR, reason)
    ]


def _fails_deep_inside(secret):
    return {}[secret.partition("-")[0]]


class Wrapping(Gate):
    """A gate that raises from another exception."""

    def check(self, evidence):
        try:
            yield _fails_deep_inside("hidden-local")
        except KeyError as error:
            msg = "no luck"
            raise EvidenceError(msg) from error


def test_an_exception_of_a_gate_is_kept_with_its_causes_and_without_locals():
    found = Wrapping().run()
    assert found.reason == "no luck"
    for text in ("Traceback", "_fails_deep_inside(", "KeyError", "direct cause", "no luck"):
        assert text in found.error
    assert "secret = " not in found.error
    assert Yields((good(),)).run().error is None
    assert Yields((UnprintableError(),)).run().verdict is ERROR


def test_the_traceback_is_no_part_of_the_value_of_a_result():
    found = Wrapping().run()
    plain = replace(found, error=None)
    assert found == plain
    assert hash(found) == hash(plain)
    assert repr(found) == repr(plain)
    assert pickle.loads(pickle.dumps(found)).error is None
    assert pickle.loads(pickle.dumps(found)) == found
    report = mg.GateSuite([Wrapping()]).run()
    assert report.results[0].error
    for form in (report.to_json(), str(report), report.to_html(), report.to_markdown()):
        assert "_fails_deep_inside" not in form
        assert "Traceback" not in form
    assert mg.Report.from_dict(report.to_dict()).results[0].error is None


class PanicError(BaseException):
    """What compiled libraries raise; it is no Exception."""

    def __str__(self):
        raise SystemExit(0)


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
def test_an_interrupt_propagates(error):
    with pytest.raises(error):
        run_gate(Yields((good(), error())), Evidence({}))
    with pytest.raises(error):
        Evidence({}).cached("kind", "key", Mock(side_effect=error))
    with pytest.raises(error), suppress_errors():
        raise error


NO_EXCEPTIONS = {
    "skip": lambda: pytest.skip("not on this machine"),
    "importorskip": lambda: pytest.importorskip("no_such_module"),
    "xfail": lambda: pytest.xfail("known"),
    "cancelled": Mock(side_effect=asyncio.CancelledError()),
    "panic": Mock(side_effect=PanicError()),
    "exit": lambda: sys.exit(0),
}


@pytest.mark.parametrize("what", NO_EXCEPTIONS)
def test_an_exception_of_any_kind_is_the_error_of_its_gate(what):
    breaks = NO_EXCEPTIONS[what]

    @mg.gate
    def broken(data):
        return breaks()

    report = mg.GateSuite([broken, mg.Completeness()]).run(data={"x": [1.0]})
    assert [result.verdict for result in report] == [ERROR, PASS]
    assert broken.run(data={"x": [1.0]}).verdict is ERROR
    assert report["broken"].reason.startswith(f"the gate raised {type_name(breaks)}")


def raising_on_small(breaks):
    """Return a function of labels that raises for the slice of two rows."""

    def agreement(y_true, y_pred):
        return breaks() if len(y_true) == 2 else float(np.mean(y_true == y_pred))

    return mg.Performance(agreement, greater_is_better=True, at_least=0.5, min_samples=1, by="g")


SLICED = {
    "condition of performance": lambda breaks: mg.Performance(
        "accuracy",
        at_least=0.5,
        min_samples=1,
        by={"a": lambda _: breaks(), "b": lambda table: table["g"] == "b"},
    ),
    "metric of performance": raising_on_small,
    "condition of completeness": lambda breaks: mg.Completeness(
        ["x"], by={"a": lambda _: breaks(), "b": lambda table: [v == "b" for v in table["g"]]}
    ),
    "condition of rule": lambda breaks: mg.Rule(
        "x > 0",
        by={"a": lambda _: breaks(), "b": lambda t: [v.as_py() == "b" for v in t["g"]]},
    ),
}


@pytest.mark.parametrize("what", NO_EXCEPTIONS)
@pytest.mark.parametrize("where", SLICED)
def test_an_exception_of_any_kind_is_the_error_of_its_slice(where, what):
    breaks = NO_EXCEPTIONS[what]
    table = pd.DataFrame({"g": ["a", "a", "b", "b", "b"], "x": [1.0] * 5})
    labels = np.array([0, 1, 0, 1, 1])
    given = {"y_true": labels, "y_pred": labels, "X": table, "data": table}
    result = SLICED[where](breaks).run(**given)
    verdicts = {check.group: check.verdict for check in result.checks if check.group}
    slices = ("g=a", "g=b") if "g=a" in verdicts else ("a", "b")
    assert verdicts == dict(zip(slices, (ERROR, PASS), strict=True))
    (error,) = (check for check in result.checks if check.verdict is ERROR)
    assert type_name(breaks) in error.reason


@pytest.mark.parametrize("what", NO_EXCEPTIONS)
def test_an_exception_of_any_kind_is_a_failed_call_or_the_answer_of_a_model(what):
    breaks, calls = NO_EXCEPTIONS[what], iter(range(1_000))

    def predict(X):
        return breaks() if next(calls) == 60 else np.zeros(len(X))

    X = np.ones((20, 1))
    result = mg.Latency("p50", at_most="10min", calls=30, warmup=50).run(model=predict, X=X)
    (failed,) = (check for check in result.checks if check.metric == "failed")
    assert failed.reason.startswith("1 of 30 calls failed")
    assert type_name(breaks) in failed.reason

    class Particular:
        def predict(self, X):
            return breaks() if len(X) == 1 else np.zeros(len(X))

    checks = mg.Integration().run(model=Particular(), X=X).checks
    assert {c.subject for c in checks if c.verdict is ERROR} == {"row_independent", "one_row"}
    assert len(checks) > 10


def type_name(breaks):
    try:
        breaks()
    except BaseException as error:  # noqa: BLE001
        return type(error).__name__


class Exits:
    """A table, model or metric whose every use ends the program."""

    def __getattribute__(self, name):
        sys.exit(0)

    def __repr__(self):
        sys.exit(0)

    def __call__(self, *args):
        sys.exit(0)


@pytest.mark.parametrize("name", ["data", "reference", "y_true", "y_score", "model", "X", "now"])
def test_evidence_that_exits_is_an_error_of_the_gates_that_need_it(name):
    given = {
        "data": {"x": [1.0, 2.0]},
        "reference": {"x": [1.0, 2.0]},
        "X": {"x": [1.0, 2.0]},
        "y_true": [0, 1],
        "y_score": [0.1, 0.9],
    }
    gates = [
        mg.Schema({"x": "float"}),
        mg.Drift("ks"),
        mg.Performance("roc_auc", at_least=0.5),
        mg.Freshness("x", max_age="1h"),
        mg.gate(lambda X: True, name="rows"),
    ]
    report = mg.GateSuite(gates).run(**given | {name: Exits()})
    assert len(report) == len(gates)
    assert report.verdict is ERROR


class Sneaky(tzinfo):
    def utcoffset(self, moment):
        sys.exit(0)

    def __repr__(self):
        sys.exit(0)


def test_a_time_zone_that_exits_is_an_error():
    gate = mg.Freshness("at", max_age="1h")
    now = datetime(2026, 3, 1, tzinfo=UTC)
    found = gate.run(data={"at": [now]}, now=now.replace(tzinfo=Sneaky()))
    assert found.verdict is ERROR
    assert found.reason == "`now` can't be converted to UTC, got a value of type datetime"


def test_a_metric_whose_repr_exits_does_not_end_the_run():
    class Metric:
        __name__ = "metric"

        def __call__(self, y_true, y_pred):
            return 1.0

        def __repr__(self):
            sys.exit(0)

    gate = mg.Performance(Metric(), at_least=0.5, decide_by="estimate", greater_is_better=True)
    report = mg.GateSuite([gate]).run(y_true=[0, 1] * 20, y_pred=[0, 1] * 20)
    assert len(report) == 1
    assert "repr raised SystemExit" in report.provenance["suite"]


@dataclass(frozen=True, repr=False)
class BadRequest(Gate):
    """Fails before it is asked for checks, and needs no counters for them."""

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    where: str = "counts"
    reads: bool = False

    def counts(self, schema):
        if self.where == "counts":
            msg = "no counters today"
            raise ValueError(msg)
        return [object()] if self.where == "junk" else []

    def request_counts(self, evidence):
        if self.where == "request_counts":
            msg = "no counters today"
            raise ValueError(msg)
        super().request_counts(evidence)

    def check(self, evidence):
        if self.reads:
            evidence.profile()[Missing("x")]
        yield good()


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("counts", "the gate raised ValueError: no counters today"),
        ("request_counts", "the gate raised ValueError: no counters today"),
        ("junk", "`counts` of a gate must return objects of type Counter, got object"),
    ],
)
def test_a_failed_request_is_the_error_of_its_gate(where, reason, reads):
    gate, data = BadRequest(where, reads), {"x": [1.0]}
    report = mg.GateSuite([gate, mg.Completeness()]).run(data=data)
    assert [result.verdict for result in report] == [ERROR, PASS]
    for found in (gate.run(data=data), report.results[0]):
        assert (found.verdict, found.reason) == (ERROR, reason)
        assert "in counts" in found.error or "in request_counts" in found.error or where == "junk"


def test_evidence_without_a_name_is_refused():
    said = "evidence is given by name, as in `data=`, got a positional argument of type dict"
    with pytest.raises(TypeError) as caught:
        mg.Completeness().run({"x": [1]})
    assert str(caught.value) == f"Completeness.run: {said}"
    with pytest.raises(TypeError) as caught:
        mg.GateSuite([mg.Completeness()]).run({"x": [1]})
    assert str(caught.value) == f"GateSuite.run: {said}"


class LyingCheck(Check):
    """A subclass of Check that claims to have passed."""

    passed = True


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (True, "bool"),
        (None, "NoneType"),
        ("pass", "str"),
        (PASS, "Verdict"),
        (Measurement(0, n=1), "Measurement"),
        ((good(),), "tuple"),
    ],
)
def test_junk_among_the_checks_is_an_error(item, kind):
    found = run_gate(Yields((good(), item, good())), Evidence({}))
    assert found.reason == f"`check` of a gate must yield Check objects, got {kind}"
    assert [c.verdict for c in found.checks] == [PASS, ERROR]


def test_a_subclass_of_check_is_no_check():
    lie = LyingCheck(subject="x", metric="m", verdict=FAIL, reason="r")
    assert lie.passed
    found = run_gate(Yields((lie,)), Evidence({}))
    assert (found.verdict, found.reason) == (
        ERROR,
        "`check` of a gate must yield Check objects, got LyingCheck",
    )


def test_a_gate_can_not_skip_itself():
    skip = Check(subject="x", metric="m", verdict=SKIP, reason="not today")
    found = run_gate(Yields((good(), skip)), Evidence({}))
    assert found.verdict is ERROR
    assert found.reason == "a gate can't return SKIP: use `suite.skip(..., reason=...)`"
    assert found.counted is ERROR


@pytest.mark.parametrize("what", [(), []], ids=["tuple", "list"])
def test_no_check_is_an_error(what):
    for gate in (Yields(what), Returns(what)):
        found = run_gate(gate, Evidence({}))
        assert (found.verdict, found.reason) == (
            ERROR,
            "`check` of a gate must yield at least one Check, got none",
        )


@pytest.mark.parametrize("what", [None, True, good(), 5])
def test_checks_that_are_no_iterator_are_an_error(what):
    found = run_gate(Returns(what), Evidence({}))
    assert found.verdict is ERROR
    assert (
        found.reason == f"the gate raised TypeError: '{type(what).__name__}' object is not iterable"
    )


def test_a_blocked_result_gives_the_reason_and_can_not_pass():
    found = blocked_result(
        Yields("age", advisory=True), "in/a", INCONCLUSIVE, "blocked by b", [bad()]
    )
    assert (found.name, found.kind, found.reason) == ("in/a", "yields", "blocked by b")
    assert found.advisory
    assert [c.verdict for c in found.checks] == [FAIL, INCONCLUSIVE]
    with pytest.raises(ValueError, match="a PASS needs"):
        blocked_result(Yields(), "a", PASS, "because")


def test_unknown_evidence_raises_at_once():
    with pytest.raises(EvidenceError) as caught:
        Yields((good(),)).run(refrence=1)
    assert str(caught.value) == "unknown evidence 'refrence'; did you mean 'reference'?"


# what an exception may say


CANARIES = [
    "Ann Lee",
    "Smith",
    "O'Neil",
    "ann.lee@example.org",
    "hunter2",
    "CANARY-4711",
    "078-05-1120",
    "4111 1111 1111 1111",
    "+49 170 5550123",
    "s3cr3t/key",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1",
    "ghp_" + "x" * 36,
]


@pytest.mark.parametrize("canary", CANARIES)
@pytest.mark.parametrize(
    "template",
    [
        "could not convert string to float: {!r}",
        "can't find {!r} here, doesn't help",
        "y contains previously unseen labels: [{!r}, 'b']",
        'time data "{}" does not match format',
        "row {{'name': {!r}, 'age': 5}}",
        "array([{!r}], dtype=object)",
        "got b{!r} instead",
        "cut off: {!r:.4000}, 'and {!r}",
    ],
    ids=range(8),
)
def test_no_quoted_value_reaches_the_report(canary, template):
    quoted = template.format(canary, canary) if "and" in template else template.format(canary)
    for error in (ValueError(quoted), OSError(quoted), KeyError(canary), RuntimeError(quoted)):
        shown = describe(error)
        assert canary not in shown
        assert shown.startswith(f"{type(error).__name__}: ")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("password=hunter2 was wrong", "password=<hidden> was wrong"),
        ("api_key: abc123, please", "api_key: <hidden>, please"),
        ("Authorization: Bearer abc.def", "Authorization: <hidden>"),
        ("token = abc", "token = <hidden>"),
        ("at postgres://ann:pw@db/x now", "at <address> now"),
        ("sent to ann@example.org", "sent to <address>"),
        ("sent to ann@10.0.0.1, ann@1and1", "sent to <address> <address>"),
        ("`ndcg@10` and map@5_difference.", "`ndcg@10` and map@5_difference."),
        ("pinball_loss@0.9_group_max, hit_rate@3.", "pinball_loss@0.9_group_max, hit_rate@3."),
        ("card 4111 1111 1111 1111!", "card <number>!"),
        ("key AKIAIOSFODNN7EXAMPLE", "key <hidden>"),
        ("client_secret=hunter2 PGPASSWORD=hunter2", "client_secret=<hidden> PGPASSWORD=<hidden>"),
        ("sent Bearer abc.def-ghi.jkl", "sent <hidden>"),
        (f"used hf_{'aB3' * 8} and sk-{'aB3' * 8}", "used <hidden> and <hidden>"),
        (f"used ghp_{'aB3' * 8}", "used <hidden>"),
        (f"digest {'a' * 64}", "digest <long text>"),
        # and what helps is kept
        ("shapes (1000,20) (21,) not aligned", "shapes (1000,20) (21,) not aligned"),
        ("it can't be, it isn't", "it can't be, it isn't"),
        ("3 keys passed: all", "3 keys passed: all"),
        ("sort_key=day compass=north", "sort_key=day compass=north"),
        ("the bearer of this", "the bearer of this"),
    ],
)
def test_what_else_is_hidden(message, shown):
    assert describe(ValueError(message)) == f"ValueError: {shown}"


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("no file 's3://bucket/x'; name another", "no file '<address>'; name another"),
        ("no file 'x?password=b'; name another", "no file 'x?password=<hidden>'; name another"),
        ("with password='b', or another", "with password=<hidden>, or another"),
        ("see https://x.org/?q='a'&token=b.", "see <address>."),
    ],
)
def test_the_quotation_mark_behind_a_secret_is_kept(message, shown):
    assert without_secrets(message) == shown


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            AttributeError("'NoneType' object has no attribute 'mean'"),
            "AttributeError: 'NoneType' object has no attribute 'mean'",
        ),
        (NameError("name 'np' is not defined"), "NameError: name 'np' is not defined"),
        (
            TypeError("unsupported operand type(s) for -: 'str' and 'int'"),
            "TypeError: unsupported operand type(s) for -: 'str' and 'int'",
        ),
        (
            ImportError("No module named 'sklearn.foo'"),
            "ImportError: No module named 'sklearn.foo'",
        ),
        (TypeError("bad 'Ann Lee'"), "TypeError: bad '<text>'"),
    ],
)
def test_names_of_the_program_are_kept(error, shown):
    assert describe(error) == shown


def test_complete_exceptions_are_logged_at_level_debug(caplog):
    def told(data):
        raise ValueError("Ann Lee is 34")

    gate = mg.gate(told)
    gate.run(data={"x": [1]})
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, "mlgates"):
        result = gate.run(data={"x": [1]})
    (record,) = caplog.records
    assert "Ann Lee is 34" in caplog.text
    assert record.exc_info[2].tb_next is not None
    assert "ValueError; reports show it without values" in caplog.text
    assert result.verdict is Verdict.ERROR


def test_known_names_are_kept():
    assert describe(KeyError("age"), {"age"}) == "KeyError: 'age'"
    near = "KeyError: '<text>', an unknown name; did you mean 'age'?"
    assert describe(KeyError("aged"), {"age"}) == near
    assert describe(KeyError("Ann Lee"), {"age"}) == "KeyError: '<text>'"
    found = needs_a_column.run(data={"age": [1], "sex": ["f"]})
    assert found.reason == "the gate raised ValueError: 'age' and 'data' are fine, '<text>' is not"


@mg.gate
def needs_a_column(data):
    msg = "'age' and 'data' are fine, 'Ann' is not"
    raise ValueError(msg)


def test_long_messages_are_cut():
    assert describe(ValueError("x y " * 1_000)) == f"ValueError: {'x y ' * 72}..."
    assert len(describe(EvidenceError("x " * 1_000))) == 303


def test_a_huge_message_takes_no_time():
    for filler in ("a", "'", '"', "@", "1 ", "://", "\\"):
        shown = describe(ValueError(filler * 1_000_000))
        assert len(shown) <= 303


# gates made of functions


@mg.gate
def any_rows(y_true):
    """There are rows."""
    return len(y_true) > 0


@mg.gate(at_least=0.05, at_most=0.5, name="share", advisory=True, after="schema")
def positive_rate(y_true):
    """Share of positive labels.

    More is told here.
    """
    return (np.asarray(y_true) == 1).mean()


@mg.gate(at_most=1)
def with_default(y_true, y_score=None, *, strict=5):
    return 0 if y_score is None else 2


def test_a_function_becomes_a_gate_and_stays_a_function():
    assert isinstance(any_rows, Gate)
    assert (any_rows.name, any_rows.kind) == ("any_rows", "function")
    assert any_rows([1]) is True
    assert positive_rate(y_true=[0, 1]) == 0.5
    assert positive_rate.__name__ == "positive_rate"
    assert positive_rate.__doc__.startswith("Share of positive labels.")
    assert positive_rate.__module__ == __name__
    assert (positive_rate.name, positive_rate.advisory) == ("share", True)
    assert positive_rate.after == ("schema",)
    assert repr(positive_rate) == "positive_rate"
    assert eval(repr(positive_rate)) == positive_rate  # noqa: S307


def test_parameters_are_evidence():
    assert (positive_rate.needs, positive_rate.optional_evidence) == ({"y_true"}, frozenset())
    assert with_default.needs == {"y_true"}
    assert with_default.optional_evidence == {"y_score", "strict"}
    assert with_default.run(y_true=[1]).passed
    assert with_default.run(y_true=[1], y_score=[1]).verdict is FAIL
    assert with_default.run(y_true=[1], y_score=None, strict=1).passed


def test_a_function_gate_can_need_evidence_of_any_name():
    @mg.gate
    def enough_money(budget):
        return budget > 5

    assert enough_money.run(budget=6).passed
    assert enough_money.run(budget=5).verdict is FAIL
    said = (
        "the gate needs `budget`, which was not given; parameters of a gate function are names "
        "of evidence "
    )
    assert enough_money.run().reason == f"{said}(given: nothing)"
    assert enough_money.run(y_true=[1], X=[1]).reason == f"{said}(given: `X`, `y_true`)"
    with pytest.raises(EvidenceError) as caught:
        enough_money.run(budgte=6)
    assert str(caught.value) == "unknown evidence 'budgte'; did you mean 'budget'?"


@pytest.mark.parametrize(
    ("function", "near"),
    [
        (lambda y_tru: True, "did you mean 'y_true' or 'y_train'?"),
        (lambda df: True, "did you mean 'data'?"),
        (lambda y: True, "did you mean 'y_true'?"),
    ],
    ids=["misspelt", "df", "y"],
)
def test_a_misspelt_parameter_is_reported_with_the_nearest_name(function, near):
    reason = mg.gate(function).run(y_true=[1]).reason
    assert reason.endswith(
        f"; {near}; parameters of a gate function are names of evidence (given: `y_true`)"
    )


def test_a_table_given_under_another_name_is_reported():
    table = {"x": [1.0]}
    said = "the gate needs `data`, which was not given; `X` was given: pass that table as `data`"
    assert mg.Completeness().run(X=table).reason == said
    said = "the gate needs `X`, which was not given; `data` was given: pass that table as `X`"
    assert mg.gate(lambda X: True).run(data=table).reason == said


def writes(X):
    X["x"].to_numpy()[0] = 5
    return True


def moves_time(X):
    X.loc[0, "t"] = pd.Timestamp("2021-01-01")
    return True


@pytest.mark.parametrize("function", [writes, moves_time])
def test_a_function_that_writes_to_its_arguments_gets_a_hint_to_copy(function):
    table = pd.DataFrame({"x": [1, 2], "t": pd.to_datetime(["2020-01-01"] * 2)})
    told = "the arguments are read-only: change a copy (`X = X.copy()`)"
    assert mg.gate(function).run(X=table).reason.endswith(told)


def test_a_model_that_writes_to_its_input_gets_a_hint_to_copy():
    def model(X):
        X += 1
        return [0, 1]

    given = {"model": model, "X": np.zeros((2, 2)), "y_true": [0, 1]}
    reason = mg.Performance("accuracy", at_least=0.5, min_samples=1).run(**given).reason
    assert reason.count("are read-only: change a copy (`X = X.copy()`)") == 1


def test_a_message_about_another_dtype_is_no_hint_to_copy():
    def mistypes(X):
        X.loc[0, "x"] = "a"

    reason = mg.gate(mistypes).run(X=pd.DataFrame({"x": [1, 2]})).reason
    assert "copy" not in reason


def test_a_function_gate_is_pickled_by_its_name():
    for gate in (any_rows, positive_rate):
        assert pickle.loads(pickle.dumps(gate)) is gate
        assert copy.deepcopy(gate) is gate
    assert b"positive_rate" in pickle.dumps(positive_rate)

    @mg.gate
    def local(y_true):
        return True

    with pytest.raises((pickle.PicklingError, AttributeError), match="local"):
        pickle.dumps(local)


def test_function_gates_are_equal_by_function_and_options():
    def f(y_true):
        return True

    assert mg.gate(f) == mg.gate(f)
    assert hash(mg.gate(f)) == hash(mg.gate(f))
    assert mg.gate(f) != mg.gate(at_most=1)(f)
    with pytest.raises(FrozenInstanceError):
        mg.gate(f).name = "x"


def answer(value, **options):
    @mg.gate(**options)
    def answering(y_true):
        """What it says."""
        return value

    return answering.run(y_true=[1, 0, 1])


@pytest.mark.parametrize(
    "value",
    [True, np.bool_(True), np.array(True)],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_true_passes(value):
    found = answer(value)
    assert found.checks == (
        Check(
            subject="answering",
            metric="value",
            verdict=PASS,
            reason="What it says: returned True",
            value=0,
            limit=Limit(at_most=0),
            n=3,
            method="function",
            unit="violations",
            summary="returned True",
        ),
    )


@pytest.mark.parametrize(
    "value", [False, np.bool_(False)], ids=lambda value: f"{type(value).__name__} {value!r}"
)
def test_false_fails(value):
    found = answer(value)
    assert (found.verdict, found.checks[0].value) == (FAIL, 1)
    assert found.reason == "What it says: returned False"


@pytest.mark.parametrize(
    ("value", "options", "verdict", "reason"),
    [
        (0.5, {"at_most": 0.5}, PASS, "0.5 (n = 3); the limit is at most 0.5"),
        (np.float32(0.5), {"at_most": 0.5}, PASS, "0.5 (n = 3); the limit is at most 0.5"),
        (np.array(2), {"at_most": 1}, FAIL, "2 (n = 3); the limit is at most 1"),
        (1, {"at_least": 2, "at_most": 3}, FAIL, "1 (n = 3); the limit is from 2 to 3"),
        (
            math.nan,
            {"at_most": 1},
            INCONCLUSIVE,
            "undefined (n = 3); no value can be computed from these rows (limit: at most 1)",
        ),
        (math.inf, {"at_most": 1}, FAIL, "infinite (n = 3); the limit is at most 1"),
        (
            -math.inf,
            {"at_most": 1},
            ERROR,
            "minus infinity (n = 3); an infinite value can't pass (limit: at most 1)",
        ),
        (Measurement(0.5, n=7), {"at_most": 1}, PASS, "0.5 (n = 7); the limit is at most 1"),
        (
            Measurement(0.5, n=0),
            {"at_most": 1},
            INCONCLUSIVE,
            "0.5 (n = 0); no rows to measure (limit: at most 1)",
        ),
        (
            Measurement(0.5, n=5, dropped=1),
            {"at_most": 1},
            INCONCLUSIVE,
            ("0.5 (n = 5); 1 of 6 rows (16.7 %) could not be used (limit: at most 1)"),
        ),
    ],
)
def test_numbers_and_measurements_are_judged(value, options, verdict, reason):
    found = answer(value, **options)
    assert (found.verdict, found.reason) == (verdict, f"What it says: {reason}")


ONE = "; it must return one value, not one per row: use .all() or .mean()"
NO_LIMIT = "the function returned a number, but the gate has no limit: give `at_least` or `at_most`"


@pytest.mark.parametrize(
    ("value", "options", "reason"),
    [
        (0.5, {}, NO_LIMIT),
        (1, {}, NO_LIMIT),
        (Measurement(0.5, n=1), {}, NO_LIMIT),
        (None, {}, "the function must return a bool or a Measurement, got NoneType"),
        ("pass", {}, "the function must return a bool or a Measurement, got str"),
        (PASS, {}, "the function must return a bool or a Measurement, got Verdict"),
        (good(), {}, "the function must return a bool or a Measurement, got Check"),
        ([True], {}, "the function must return a bool or a Measurement, got list" + ONE),
        (
            np.array([True]),
            {},
            "the function must return a bool or a Measurement, got ndarray" + ONE,
        ),
        (pd.NA, {}, "the function must return a bool or a Measurement, got NAType"),
        (1j, {}, "the function must return a bool or a Measurement, got complex"),
        (
            True,
            {"at_most": 1},
            "the function must return a number (the gate has a limit) or a Measurement, got bool",
        ),
        (
            None,
            {"at_most": 1},
            (
                "the function must return a number (the gate has a limit) or a Measurement, "
                "got NoneType"
            ),
        ),
    ],
    ids=range(13),
)
def test_any_other_answer_is_an_error(value, options, reason):
    found = answer(value, **options)
    assert (found.verdict, found.reason) == (ERROR, reason)


@pytest.mark.parametrize(
    ("value", "rule", "verdict"),
    [
        (Measurement(0.3, n=9, interval=(0.2, 0.4)), "estimate", PASS),
        (Measurement(0.3, n=9, interval=(0.2, 0.4)), "interval", PASS),
        (Measurement(0.3, n=9, interval=(0.2, 0.6)), "interval", INCONCLUSIVE),
        (Measurement(0.7, n=9, interval=(0.6, 0.8)), "interval", FAIL),
        (0.3, "interval", INCONCLUSIVE),
        (Measurement(0.7, n=9, p_value=0.01), "significance", FAIL),
        (Measurement(0.7, n=9, p_value=0.3), "significance", INCONCLUSIVE),
        (0.7, "significance", INCONCLUSIVE),
    ],
)
def test_the_rule_of_a_function_gate(value, rule, verdict):
    assert answer(value, at_most=0.5, decide_by=rule).verdict is verdict


def test_the_unit_of_a_function_gate_is_that_of_its_value_and_limit():
    found = answer(0.125, at_most=0.1, unit="share")
    assert found.reason == "What it says: 12.5 % (n = 3); the limit is at most 10 %"
    assert found.checks[0].unit == "share"
    found = answer(0.004, at_most=0.02, unit="s")
    assert found.reason == "What it says: 4 ms (n = 3); the limit is at most 20 ms"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([3, 7_000], ", first at rows 3, 7,000"),
        ([3], ", first at row 3"),
        (list(np.arange(9)), ", first at rows 0, 1, 2, 3, 4"),
        ([], ""),
        (["Ann", "Bea"], ""),
        ("Ann", ""),
        (3, ""),
        (None, ""),
    ],
    ids=range(8),
)
def test_row_numbers_of_a_measurement_are_in_the_reason_and_other_values_are_not(rows, said):
    measured = Measurement(2, n=9, details={"rows": rows})
    assert (
        answer(measured, at_most=0).reason
        == f"What it says: 2 (n = 9){said}; the limit is at most 0"
    )


def test_a_mapping_makes_a_check_for_each_key():
    found = answer(
        {"age": Measurement(0.5, n=7), "sex": 0.1, "city": None, "job": np.float64(2)}, at_most=1
    )
    assert [(check.subject, check.verdict) for check in found.checks] == [
        ("age", PASS),
        ("sex", PASS),
        ("city", ERROR),
        ("job", FAIL),
    ]
    assert found.checks[0].reason == "What it says of `age`: 0.5 (n = 7); the limit is at most 1"
    assert found.checks[1].n == 3
    assert found.checks[2].reason == (
        "`city`: the function must return a number (the gate has a limit) or a Measurement, "
        "got NoneType"
    )
    assert found.verdict is ERROR


def test_a_mapping_of_bools_needs_no_limit():
    found = answer({"age": True, "sex": False})
    assert [check.reason for check in found.checks] == [
        "What it says of `age`: returned True",
        "What it says of `sex`: returned False",
    ]
    assert found.verdict is FAIL


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "the function returned no measurements: the mapping is empty"),
        (
            {1: 0.5},
            "the keys of the mapping that the function returned must be non-empty strings",
        ),
        (
            {"": 0.5},
            "the keys of the mapping that the function returned must be non-empty strings",
        ),
    ],
)
def test_a_mapping_that_names_nothing_is_an_error(value, reason):
    found = answer(value, at_most=1)
    assert (found.verdict, found.reason) == (ERROR, reason)


def test_without_a_docstring_the_reason_has_the_name():
    @mg.gate
    def silent(y_true):
        return True

    assert silent.run(y_true=[1]).reason == "`silent` returned True"


EMPTY = {
    "y_true": [[], np.array([]), np.empty((0, 3)), pd.Series(dtype=float), pl.Series([]), ()],
    "data": [{"x": []}, pd.DataFrame({"x": []}), pa.table({"x": []}), pl.DataFrame({"x": []})],
    "X": [np.empty((0, 3)), pd.DataFrame({"x": []}), {"x": []}],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in EMPTY.items() for value in values],
    ids=range(13),
)
def test_a_function_is_not_called_on_0_rows(name, value):
    called = []

    def f(**given):
        called.append(given)
        return True

    # `all([])` is True, and so would this be
    gate = {
        "y_true": mg.gate(lambda y_true: f(y=y_true)),
        "data": mg.gate(lambda data: f(d=data)),
        "X": mg.gate(lambda X: f(X=X)),
    }[name]
    found = gate.run(**{name: value})
    assert called == []
    assert found.verdict is INCONCLUSIVE
    assert found.reason == "`<lambda>` is undefined (n = 0); no rows to measure"
    assert found.counted is INCONCLUSIVE


def test_functions_on_0_rows_are_inconclusive():
    @mg.gate
    def empty():
        return Measurement(0.0, n=0)

    found = empty.run()
    assert found.verdict is INCONCLUSIVE
    assert found.reason == "`empty` is undefined (n = 0); no rows to measure"


def test_n_counts_the_rows_of_the_data_or_of_aligned_values():
    @mg.gate
    def on_data(data, codes):
        return True

    @mg.gate
    def aligned(y_true, latencies):
        return True

    @mg.gate
    def other(latencies, codes):
        return True

    table, codes = {"x": [1.0, 2.0, 3.0]}, {"code": ["a", "b"]}
    assert on_data.run(data=table, codes=codes).checks[0].n == 3
    assert on_data.run(data=table, codes={"code": []}).verdict is INCONCLUSIVE
    assert aligned.run(y_true=[1, 2], latencies=[]).verdict is INCONCLUSIVE
    assert aligned.run(y_true=[1, 2], latencies=[1]).checks[0].n == 2
    assert other.run(latencies=[1, 2, 3], codes=codes).checks[0].n == 2


def test_aligned_values_of_different_lengths_are_an_error():
    @mg.gate
    def both(y_true, y_pred):
        return True

    found = both.run(y_true=[1, 2], y_pred=[1])
    assert found.verdict is ERROR
    assert found.reason == "`y_true` has 2 rows and `y_pred` has 1"


class Ensemble:
    """A model that has a length, as scikit-learn's pipelines and ensembles do."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        if self.size is None:
            raise AttributeError
        return self.size


@pytest.mark.parametrize("size", [0, 3, None])
def test_the_length_of_a_model_counts_no_rows(size):
    @mg.gate
    def fits(model, y_true):
        return model.size == size

    assert fits.run(model=Ensemble(size), y_true=[1] * 9).checks[0].n == 9


def test_a_function_gets_read_only_views_and_shallow_copies():
    given = {
        "y_true": np.arange(3),
        "y_pred": [1, 2, 3],
        "X": {"a": np.arange(3), "b": [1, 2, 3]},
        "data": pd.DataFrame({"a": [1, 2, 3], "t": ["x", "y", "z"]}),
        "y_score": pd.Series([0.1, 0.2, 0.3]),
        "reference": [{"a": 1}, {"a": 2}],
    }
    kept = copy.deepcopy(given)
    done = []

    def attempt(what):
        try:
            what()
        except (ValueError, TypeError):
            done.append("refused")
        else:
            done.append("done on a copy")

    @mg.gate
    def vandal(*, y_true, y_pred, X, data, y_score, reference):
        def write(at, key):
            at[key] = 99

        attempt(lambda: write(y_true, 0))
        attempt(y_true.sort)
        attempt(y_pred.clear)
        attempt(lambda: write(X["a"], 0))
        attempt(lambda: write(X["b"], 0))
        attempt(lambda: X.pop("a"))
        attempt(lambda: write(data.iloc[:, 0].to_numpy(), 0))
        attempt(lambda: write(data, "a"))
        attempt(lambda: data.pop("t"))
        attempt(lambda: write(y_score.to_numpy(), 0))
        attempt(lambda: write(y_score, 0))
        attempt(lambda: write(reference[0], "a"))
        return True

    assert vandal.run(**given).passed
    assert len(done) == 12
    assert done.count("refused") >= 4
    np.testing.assert_array_equal(given["y_true"], kept["y_true"])
    np.testing.assert_array_equal(given["X"]["a"], kept["X"]["a"])
    assert given["y_true"].flags.writeable
    assert (given["y_pred"], given["reference"]) == (kept["y_pred"], kept["reference"])
    assert (list(given["X"]), given["X"]["b"]) == (["a", "b"], kept["X"]["b"])
    pd.testing.assert_frame_equal(given["data"], kept["data"])
    pd.testing.assert_series_equal(given["y_score"], kept["y_score"])


def f_positional(y_true, /): ...
def f_args(*y_true): ...
def f_kwargs(**given): ...
async def f_async(y_true): ...
async def f_async_generator(y_true):
    yield True


def f_generator(y_true):
    yield True


class Callable:
    def __call__(self, y_true):
        return True


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (f_positional, "f_positional"),
        (f_args, "f_args"),
        (f_kwargs, "f_kwargs"),
        (f_async, "f_async"),
        (f_async_generator, "f_async_generator"),
        (f_generator, "f_generator"),
        (Callable(), "Callable"),
        (max, "max"),
        (len, "len"),
    ],
    ids=lambda v: v if isinstance(v, str) else "f",
)
def test_only_plain_functions_become_gates(function, name):
    with pytest.raises(OptionError) as caught:
        mg.gate(function)
    assert str(caught.value) == (
        f"gate {name}: a gate must be a plain function whose parameters are names of evidence, "
        "such as `data`; *args, **kwargs and parameters before / are not allowed"
    )


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: mg.gate(0.5),
            "gate: `function` must be a function (give the options by name), got 0.5",
        ),
        (
            lambda: mg.gate(at_most=math.nan)(any_rows.function),
            "gate any_rows: `at_most` must be a finite number, got nan",
        ),
        (
            lambda: mg.gate(at_least=1, at_most=0)(any_rows.function),
            "Limit: `at_least` must not be greater than `at_most`, got 1 and 0",
        ),
        (
            lambda: mg.gate(name="")(any_rows.function),
            "FunctionGate: `name` must be a non-empty string, got ''",
        ),
        (
            lambda: mg.gate(at_most=1, decide_by="intervals")(any_rows.function),
            (
                "gate any_rows: `decide_by` must be one of 'estimate', 'significance', 'interval', "
                "got 'intervals'; did you mean 'interval'?"
            ),
        ),
        (
            lambda: mg.gate(at_most=1, unit="percent")(any_rows.function),
            (
                "gate any_rows: `unit` must be one of '', 'share', 's', 'rows', 'violations', "
                "got 'percent'"
            ),
        ),
        (
            lambda: mg.gate(decide_by="interval")(any_rows.function),
            (
                "gate any_rows: `decide_by` must be 'estimate' if there is no `at_least` and no "
                "`at_most`, "
                "got 'interval'"
            ),
        ),
        (
            lambda: mg.gate(unit="s")(any_rows.function),
            "gate any_rows: `unit` must be '' if there is no `at_least` and no `at_most`, got 's'",
        ),
    ],
    ids=range(8),
)
def test_options_of_function_gates_are_checked_when_built(build, message):
    with pytest.raises(OptionError) as caught:
        build()
    assert str(caught.value) == message


def test_unknown_options_of_function_gates_are_refused():
    with pytest.raises(TypeError, match="at_mots"):
        mg.gate(at_mots=1)(any_rows.function)


def test_a_function_without_parameters_is_a_gate():
    @mg.gate
    def switch():
        return True

    assert switch.run().passed
    assert switch.needs == frozenset()


def test_an_exception_of_a_function_is_the_error_of_its_gate():
    @mg.gate
    def broken(y_true):
        msg = "Ann has no label: 'Ann Lee'"
        raise ValueError(msg)

    found = broken.run(y_true=[1])
    assert (found.verdict, found.reason) == (
        ERROR,
        "the gate raised ValueError: Ann has no label: '<text>'",
    )
    assert type(broken) is FunctionGate


def test_the_reason_is_that_of_the_check_farthest_beyond_its_limit():
    class Two(mg.Gate):
        def check(self, evidence):
            for subject, value in (("near", 0.85), ("far", 5.97)):
                measured = mg.Measurement(value, n=9)
                yield mg.Check.judge(subject, "psi", measured, mg.Limit(at_most=0.2))

    result = Two(name="two").run()
    assert [check.subject for check in result.checks] == ["near", "far"]
    assert result.reason.startswith("`psi` of `far` is 5.97")
