"""Malicious or broken evidence: objects that can be read only once, are changed, or raise."""

import collections
import dataclasses
from array import array
from datetime import UTC, datetime, tzinfo

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import mlgates as mg

ERROR, INCONCLUSIVE = mg.Verdict.ERROR, mg.Verdict.INCONCLUSIVE
ROWS = {"x": [1.0, 2.0]}


@mg.gate
def positive(y_true):
    """Every label is positive."""
    return all(value > 0 for value in y_true)


@mg.gate
def negative(y_true):
    """Every label is negative."""
    return all(value < 0 for value in y_true)


@pytest.mark.parametrize("given", [iter([]), (v for v in [1, 2]), map(int, "12")])
def test_what_can_be_read_only_once_is_an_error(given):
    # the second gate would find nothing, and `all` of nothing is True
    report = mg.GateSuite([positive, negative]).run(y_true=given)
    assert [result.verdict for result in report] == [ERROR, ERROR]
    said = f"`y_true` has a value of type {type(given).__name__}, which can be read only once"
    assert said in report.results[0].reason


def test_a_table_without_columns_has_no_rows():
    assert mg.gate(lambda X: all(X.values())).run(X={}).verdict is INCONCLUSIVE


def test_a_gate_that_was_given_nothing_it_asks_for_is_not_called():
    called = []
    gate = mg.gate(lambda y_true=None: called.append(1) or True)
    assert gate.run().verdict is INCONCLUSIVE
    assert called == []
    assert mg.gate(lambda: True).run().passed  # it asks for nothing


class Frame(pd.DataFrame):
    @property
    def _constructor(self):
        return Frame


Pair = collections.namedtuple("Pair", "a")  # noqa: PYI024


def masked():
    return np.ma.masked_array([1.0, 2.0], [False, True])


def first_to_nine(value):
    value[0] = 9


@pytest.mark.parametrize(
    ("given", "change"),
    [
        (array("d", [1, 2]), first_to_nine),
        (collections.deque([1, 2]), first_to_nine),
        (bytearray(b"ab"), first_to_nine),
        (collections.UserList([1, 2]), first_to_nine),
        (collections.UserDict(x=[1]), lambda v: v.clear()),
        ({1, 2}, lambda v: v.clear()),
        (pd.array([1, 2]), first_to_nine),
        (pd.Categorical([1, 9]), lambda v: v.__setitem__(0, 9)),
        (masked(), lambda v: v.__setitem__(0, np.ma.masked)),
        (masked(), lambda v: v.mask.__setitem__(0, True)),
        (sparse.csr_matrix(np.eye(2)), lambda v: v.data.fill(9)),
        (Frame({"a": [1, 2]}), lambda v: v.__setitem__("a", 9)),
        (pd.DataFrame({"a": [1, 2]}), lambda v: setattr(v.index, "name", "changed")),
        (pd.DataFrame({"a": [1, 2]}), lambda v: setattr(v.columns, "name", "changed")),
        (Pair(np.array([1, 2])), lambda v: v.a.__setitem__(0, 9)),
        ([pd.Series([1, 2])], lambda v: v[0].__setitem__(0, 9)),
    ],
    ids=range(16),
)
def test_a_function_can_not_change_what_the_next_gate_is_given(given, change):
    def seen(X):
        if sparse.issparse(X):
            return repr(X.toarray())
        names = (X.index.name, X.columns.name) if isinstance(X, pd.DataFrame) else ()
        return repr((X, names))

    before = seen(given)
    mg.gate(lambda X: change(X) or True).run(X=given)
    assert seen(given) == before


class NoOffset(tzinfo):
    """A zone that says nothing, as the base class does."""


class Unprintable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 1, 1, tzinfo=NoOffset()),
        Unprintable(),
        pd.NaT,
        pd.DataFrame({"name": ["Ann"]}),
    ],
    ids=["zone", "repr", "NaT", "frame"],
)
def test_no_moment_breaks_a_run_or_is_shown(now):
    report = mg.GateSuite(
        [mg.Completeness(), mg.Freshness("x", max_age="1h")],
    ).run(data={"x": [datetime(2026, 1, 1, tzinfo=UTC)]}, now=now)
    assert report["completeness"].passed
    assert report["freshness"].verdict is ERROR
    assert "Ann" not in report.to_json()


@dataclasses.dataclass(frozen=True)
class Holds(mg.Gate):
    """A gate of a user's own, with whatever option."""

    option: object = None

    def check(self, evidence):
        yield mg.Check.judge("all", "all", mg.Measurement(0, n=1), mg.Limit(at_most=0))


class Remarks(Holds):
    def note(self, evidence):
        return 5


def test_a_note_that_is_no_text_is_an_error_of_the_gate():
    report = mg.GateSuite([Remarks(), mg.Completeness()]).run(data=ROWS)
    assert [result.verdict for result in report] == [ERROR, mg.Verdict.PASS]


def test_options_that_can_not_be_written_break_no_run():
    suite = mg.GateSuite([Holds(option=Unprintable()), mg.Completeness()])
    report = suite.run(data=ROWS)
    assert report.passed
    assert "Completeness()" in report.provenance["suite"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("needs", "data"), ("needs", None), ("needs", {"data"}), ("kind", 5), ("kind", "")],
)
def test_a_class_that_says_wrong_what_it_is_is_refused(attribute, value):
    wrong = type("Wrong", (Holds,), {attribute: value})
    with pytest.raises(mg.OptionError, match=attribute):
        wrong(name="wrong")


def test_an_integer_beside_a_float_limit_of_the_same_digits_fails():
    gate = mg.gate(at_most=9007199254740992.0)(lambda y_true: 9007199254740993)
    result = gate.run(y_true=[1])
    assert result.verdict is mg.Verdict.FAIL
    assert "9,007,199,254,740,993" in str(result)


@pytest.mark.parametrize(
    "build",
    [
        lambda: mg.Column("int", isin=[10**5000]),
        lambda: mg.Column("int", at_most=10**5000),
        lambda: mg.Completeness(missing_values=[-(10**5000)]),
        lambda: mg.Completeness(expected={"x": [10**5000]}),
    ],
    ids=range(4),
)
def test_integers_that_python_does_not_print_are_refused(build):
    # the report writes the suite down, and would break after the run
    with pytest.raises(
        mg.OptionError, match=r"got (a longer one|an integer of too many digits to be shown)$"
    ):
        build()


def test_a_message_shows_the_beginning_of_a_long_value():
    with pytest.raises(mg.OptionError) as caught:
        mg.Column("string", matches="(" * 5_000)
    assert len(str(caught.value)) < 700
