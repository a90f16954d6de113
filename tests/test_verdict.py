"""The rules of the verdict: `decide`, and checks that are refused."""

import math
import operator
import pickle
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from fractions import Fraction
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
import pytest
from example_counts import examples
from hypothesis import example, given
from hypothesis import strategies as st

from mlgates.errors import OptionError
from mlgates.verdict import Check, Decision, Details, Later, Limit, Measurement, Verdict, decide

PASS, INCONCLUSIVE, FAIL, ERROR, SKIP = Verdict
ABOVE = math.nextafter(0.2, 1)
BELOW = math.nextafter(0.2, 0)
ACROSS = "the interval contains the limit"
BY_CHANCE = "not significant at this sample size"
UNBOUNDED = (
    "no confidence interval can be computed; set decide_by='estimate' to decide by the value alone"
)
UNTESTED = (
    "beyond the limit, but no p-value can be computed; set decide_by='estimate' to decide by the "
    "value alone"
)
NOT_SHOWN = "within the limit, but not significantly"
NOT_TESTED = UNTESTED.replace("beyond", "within")


# Verdict


def test_verdicts_are_these_five_words():
    assert [v.value for v in Verdict] == ["pass", "inconclusive", "fail", "error", "skip"]
    assert [str(v) for v in Verdict] == [v.value for v in Verdict]
    assert Verdict("fail") is FAIL


def test_only_pass_is_true():
    assert [bool(v) for v in Verdict] == [True, False, False, False, False]


@pytest.mark.parametrize(
    "compare", [operator.lt, operator.le, operator.gt, operator.ge], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("other", [FAIL, "fail", 1], ids=repr)
def test_verdicts_have_no_order(compare, other):
    with pytest.raises(TypeError) as caught:
        compare(PASS, other)
    assert str(caught.value) == (
        f"verdicts can't be ordered, got <Verdict.PASS: 'pass'> and {other!r}; use Verdict.worst"
    )


def test_verdicts_can_not_be_sorted():
    with pytest.raises(TypeError, match=r"use Verdict\.worst"):
        sorted([FAIL, PASS])


ORDER = [SKIP, PASS, INCONCLUSIVE, FAIL, ERROR]


@pytest.mark.parametrize(("one", "other"), list(product(ORDER, ORDER)), ids=str)
def test_worst_of_two(one, other):
    assert Verdict.worst([one, other]) is ORDER[max(ORDER.index(one), ORDER.index(other))]


@given(st.lists(st.sampled_from(Verdict), min_size=1, max_size=8))
def test_worst_follows_the_documented_order(verdicts):
    assert Verdict.worst(iter(verdicts)) is max(verdicts, key=ORDER.index)


def test_worst_takes_words():
    assert Verdict.worst(["pass", "fail"]) is FAIL
    with pytest.raises(ValueError, match="'great' is not a valid Verdict"):
        Verdict.worst(["great"])


def test_worst_of_nothing_is_undefined():
    with pytest.raises(ValueError, match=r"^Verdict.worst needs at least one verdict$"):
        Verdict.worst([])


# Measurement


def test_measurement_keeps_numbers_plain():
    found = Measurement(
        np.float32(0.5),
        n=np.int64(3),
        dropped=np.uint8(1),
        interval=np.array([0.25, 0.75]),
        confidence=np.float64(0.95),
        p_value=np.float64(0.5),
        details={"rows": np.array(7), "kept": np.bool_(True), "name": np.str_("x")},
    )
    assert found == Measurement(
        0.5, 3, 1, (0.25, 0.75), 0.95, 0.5, details={"rows": 7, "kept": True, "name": "x"}
    )
    assert [type(getattr(found, f.name)) for f in fields(found)] == [
        float,
        int,
        int,
        tuple,
        float,
        float,
        str,
        Details,
    ]
    assert {type(end) for end in found.interval} == {float}
    assert [type(value) for value in found.details.values()] == [int, bool, str]


@pytest.mark.parametrize(
    "nan", [math.nan, np.float64("nan"), np.float32("nan"), None], ids=["nan", "64", "32", "none"]
)
def test_undefined_is_none(nan):
    found = Measurement(nan, n=5, interval=(0.1, nan), p_value=nan, confidence=nan)
    assert found == Measurement(None, n=5)
    assert Measurement(1, n=5, interval=(nan, 0.1)).interval is None


def test_measurement_keeps_large_integers_exact():
    assert Measurement(2**60 + 1, n=1).value == 2**60 + 1
    assert Measurement(Fraction(1, 4), n=1).value == 0.25


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"value": True}, TypeError, "`value` must be a number or None, got True"),
        ({"value": "0.5"}, TypeError, "`value` must be a number or None, got '0.5'"),
        ({"value": 1 + 2j}, TypeError, "`value` must be a number or None, got (1+2j)"),
        (
            {"value": np.timedelta64(5, "s")},
            TypeError,
            f"`value` must be a number or None, got {np.timedelta64(5, 's')!r}",
        ),
        (
            {"value": 10**5_000},
            TypeError,
            (
                "`value` must be a number that a float can hold, of at most 1.79769e+308, got an "
                "integer of 16,610 bits"
            ),
        ),
        ({"p_value": "0.5"}, TypeError, "`p_value` must be a number or None, got '0.5'"),
        ({"confidence": True}, TypeError, "`confidence` must be a number or None, got True"),
        ({"interval": ("0", 1)}, TypeError, "`interval` must be a number or None, got '0'"),
        (
            {"p_value": -0.1},
            OptionError,
            "Measurement: `p_value` must be a finite number of at least 0 and at most 1, got -0.1",
        ),
        (
            {"confidence": 95},
            OptionError,
            (
                "Measurement: `confidence` must be between 0 and 1, got 95; "
                "shares are not percentages: write 0.95"
            ),
        ),
        (
            {"interval": (1, 0)},
            OptionError,
            "Measurement: `interval` must be (low, high), got (1, 0)",
        ),
        ({"interval": (1,)}, OptionError, "Measurement: `interval` must be (low, high), got (1,)"),
        (
            {"interval": (1, 2, 3)},
            OptionError,
            "Measurement: `interval` must be (low, high), got (1, 2, 3)",
        ),
        ({"n": -1}, OptionError, "Measurement: `n` must be a whole number of at least 0, got -1"),
        ({"n": 2.0}, OptionError, "Measurement: `n` must be a whole number of at least 0, got 2.0"),
        (
            {"n": True},
            OptionError,
            "Measurement: `n` must be a whole number of at least 0, got True",
        ),
        (
            {"dropped": -1},
            OptionError,
            "Measurement: `dropped` must be a whole number of at least 0, got -1",
        ),
        ({"method": 5}, OptionError, "Measurement: `method` must be a string, got 5"),
        ({"details": {1: 2}}, TypeError, "details: keys must be strings, got 1"),
        (
            {"details": {"big": 10**309}},
            TypeError,
            (
                "`big` must be a number that a float can hold, of at most 1.79769e+308, got an "
                "integer of 1,027 bits"
            ),
        ),
        (
            {"details": {"at": {"x": [object]}}},
            TypeError,
            (
                "details: `x` must be made of None, bools, numbers, strings, sequences and "
                "mappings, got type"
            ),
        ),
    ],
)
def test_measurement_refuses(given, kind, message):
    with pytest.raises(kind) as caught:
        Measurement(**{"value": 0.5, "n": 5, **given})
    assert str(caught.value) == message


def test_largest_float_is_a_number_and_one_more_digit_is_none():
    largest = int(sys.float_info.max)
    assert Measurement(largest, n=1).value == largest
    with pytest.raises(TypeError):
        Measurement(-(10**309), n=1)


def test_details_are_a_read_only_mapping_of_plain_values():
    inner = {"b": [1, (2.5, None)], "nan": math.nan, "inf": math.inf, "v": FAIL}
    found = Details({"a": inner})
    assert found == {"a": {"b": (1, (2.5, None)), "nan": None, "inf": math.inf, "v": "fail"}}
    assert isinstance(found, Mapping)
    assert type(found["a"]["v"]) is str
    assert repr(found) == "{'a': {'b': (1, (2.5, None)), 'nan': None, 'inf': inf, 'v': 'fail'}}"
    inner["b"].append(3)
    assert found["a"]["b"] == (1, (2.5, None))
    with pytest.raises(TypeError):
        found["a"] = 1
    assert pickle.loads(pickle.dumps(found)) == found
    assert (list(found), len(found)) == (["a"], 1)


def test_details_given_later_are_computed_once_when_they_are_read():
    calls = []

    def make():
        calls.append(1)
        return [math.nan, np.int64(2)]

    found = Details({"n": 3, "later": Later(make)})
    assert (found["n"], len(found), calls) == (3, 2, [])
    check = Check(subject="s", metric="m", verdict=FAIL, reason="r", details=found)
    assert pickle.loads(pickle.dumps(check)).details == {"n": 3, "later": (None, 2)}
    assert found == {"n": 3, "later": (None, 2)}
    assert repr(found) == "{'n': 3, 'later': (None, 2)}"
    assert calls == [1]
    with pytest.raises(TypeError):
        Details({"nested": [Later(make)]})


# decide: the table

MOST, LEAST, BOTH = Limit(at_most=0.2), Limit(at_least=0.8), Limit(0.2, 0.8)

ESTIMATE = [
    (MOST, 0, PASS),
    (MOST, BELOW, PASS),
    (MOST, 0.2, PASS),
    (MOST, ABOVE, FAIL),
    (MOST, 1e300, FAIL),
    (MOST, -1e300, PASS),
    (MOST, math.inf, FAIL),
    (MOST, -math.inf, ERROR),
    (MOST, None, INCONCLUSIVE),
    (MOST, math.nan, INCONCLUSIVE),
    (LEAST, math.nextafter(0.8, 0), FAIL),
    (LEAST, 0.8, PASS),
    (LEAST, math.nextafter(0.8, 1), PASS),
    (LEAST, math.inf, ERROR),
    (LEAST, -math.inf, FAIL),
    (LEAST, math.nan, INCONCLUSIVE),
    (BOTH, BELOW, FAIL),
    (BOTH, 0.2, PASS),
    (BOTH, 0.5, PASS),
    (BOTH, 0.8, PASS),
    (BOTH, math.nextafter(0.8, 1), FAIL),
    (BOTH, math.inf, FAIL),
    (BOTH, -math.inf, FAIL),
    (Limit(at_most=2**53), 2**53 + 1, FAIL),
    (Limit(at_most=2**53), 2**53, PASS),
    (Limit(at_most=0), 0, PASS),
    (Limit(at_most=0), -0.0, PASS),
    (Limit(at_most=0), 1, FAIL),
    (Limit(at_most=0), 5e-324, FAIL),
]


@pytest.mark.parametrize(("limit", "value", "verdict"), ESTIMATE)
def test_estimate_decides(limit, value, verdict):
    wide = Measurement(value, n=1, interval=(-math.inf, math.inf), p_value=1.0)
    bare = Measurement(value, n=1)
    for measurement in (bare, wide):
        found = decide(measurement, limit)
        assert found.verdict is verdict
        assert not found.by_chance
        assert found == decide(measurement, limit, "estimate")


@pytest.mark.parametrize(
    ("value", "p_value", "decision"),
    [
        (0.1, 0.0, Decision(PASS)),
        (0.1, 1.0, Decision(PASS)),
        (0.1, None, Decision(PASS)),
        (0.2, 0.0, Decision(PASS)),
        (ABOVE, 0.0, Decision(FAIL)),
        (ABOVE, 0.05, Decision(FAIL)),
        (ABOVE, math.nextafter(0.05, 1), Decision(INCONCLUSIVE, BY_CHANCE, by_chance=True)),
        (0.9, 1.0, Decision(INCONCLUSIVE, BY_CHANCE, by_chance=True)),
        (0.9, None, Decision(INCONCLUSIVE, UNTESTED)),
        (math.inf, None, Decision(FAIL)),
        (math.inf, 1.0, Decision(FAIL)),
        (-math.inf, 0.0, Decision(ERROR, "an infinite value can't pass")),
        (None, 0.0, Decision(INCONCLUSIVE, "no value can be computed from these rows")),
    ],
)
def test_significance_decides(value, p_value, decision):
    measurement = Measurement(value, n=50, p_value=p_value, interval=(0.3, 0.4))
    found = decide(measurement, MOST, "significance")
    assert found == decision
    assert found.by_chance is decision.by_chance


def test_significance_is_an_option():
    measurement = Measurement(0.9, n=50, p_value=0.02)
    assert decide(measurement, MOST, "significance", significance=0.02).verdict is FAIL
    assert decide(measurement, MOST, "significance", significance=0.01).verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    ("limit", "value", "interval", "decision"),
    [
        (MOST, 0.1, (0.0, 0.2), Decision(PASS)),
        (MOST, 0.1, (0.0, ABOVE), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (MOST, 0.1, (-math.inf, 0.2), Decision(PASS)),
        (MOST, 0.1, (0.0, math.inf), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (MOST, 0.3, (ABOVE, 0.4), Decision(FAIL)),
        (MOST, 0.3, (0.2, 0.4), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (MOST, 0.1, None, Decision(INCONCLUSIVE, UNBOUNDED)),
        (MOST, 0.3, None, Decision(INCONCLUSIVE, UNBOUNDED)),
        (MOST, 0.1, (math.nan, 0.2), Decision(INCONCLUSIVE, UNBOUNDED)),
        # estimates that their own interval leaves out prove nothing
        (MOST, 0.3, (0.0, 0.1), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (MOST, 0.1, (0.3, 0.4), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (MOST, math.inf, (0.1, math.inf), Decision(INCONCLUSIVE, ACROSS)),
        (MOST, math.inf, (ABOVE, math.inf), Decision(FAIL)),
        (LEAST, -math.inf, (-math.inf, 0.8), Decision(INCONCLUSIVE, ACROSS)),
        (MOST, math.inf, None, Decision(FAIL)),
        (MOST, -math.inf, (-math.inf, 0.1), Decision(ERROR, "an infinite value can't pass")),
        (LEAST, 0.9, (0.8, 1.0), Decision(PASS)),
        (LEAST, 0.9, (0.79, 1.0), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (LEAST, 0.7, (0.6, 0.79), Decision(FAIL)),
        (LEAST, 0.7, (0.6, 0.8), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (LEAST, math.inf, (0.9, math.inf), Decision(ERROR, "an infinite value can't pass")),
        (BOTH, 0.5, (0.2, 0.8), Decision(PASS)),
        (BOTH, 0.5, (0.1, 0.8), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (BOTH, 0.5, (0.2, 0.9), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
        (BOTH, 0.1, (0.0, 0.19), Decision(FAIL)),
        (BOTH, 0.9, (0.81, 1.0), Decision(FAIL)),
        (BOTH, 0.9, (0.1, 0.95), Decision(INCONCLUSIVE, ACROSS, by_chance=True)),
    ],
)
def test_interval_decides(limit, value, interval, decision):
    found = decide(Measurement(value, n=50, interval=interval), limit, "interval")
    assert found == decision
    assert found.by_chance is decision.by_chance


@pytest.mark.parametrize("rule", ["estimate", "significance", "interval"])
@pytest.mark.parametrize(
    ("given", "options", "because"),
    [
        ({"n": 0}, {}, "no rows to measure"),
        ({"n": 0}, {"min_n": 30}, "no rows to measure"),
        ({"n": 29}, {"min_n": 30}, "too few rows: 29, at least 30 are needed"),
        ({"n": 1_999}, {"min_n": 2_000}, "too few rows: 1,999, at least 2,000 are needed"),
        ({"n": 1, "value": None}, {}, "no value can be computed from these rows"),
        ({"n": 0, "value": None}, {}, "no rows to measure"),
        ({"n": 5, "value": None, "dropped": 5}, {}, "no value can be computed from these rows"),
        (
            {"n": 999, "dropped": 1},
            {},
            "1 of 1,000 rows (0.1 %) could not be used",
        ),
        (
            {"n": 42, "dropped": 58},
            {"max_dropped": 0.57},
            "58 of 100 rows (58 %) could not be used, more than the allowed 57 %",
        ),
        (
            {"n": 0, "dropped": 7},
            {"min_n": 0, "max_dropped": 0.5},
            "7 of 7 rows (100 %) could not be used, more than the allowed 50 %",
        ),
        ({"n": 40}, {"insufficient": "too few positives: 4"}, "too few positives: 4"),
        ({"n": 40, "value": None}, {"insufficient": "one class"}, "one class"),
        ({"n": 40, "dropped": 1}, {"insufficient": "one class"}, "one class"),
        (
            {"n": 29},
            {"insufficient": "one class", "min_n": 30},
            "too few rows: 29, at least 30 are needed",
        ),
    ],
)
def test_too_little_evidence_is_inconclusive(rule, given, options, because):
    # all else speaks for PASS or for FAIL, and neither may be said
    for value, ends, p_value in ((0.1, (0.0, 0.15), 1.0), (0.9, (0.8, 1.0), 0.0)):
        measurement = Measurement(**{"value": value, "interval": ends, "p_value": p_value, **given})
        assert decide(measurement, MOST, rule, **options) == Decision(INCONCLUSIVE, because)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"n": 1}, {}),
        ({"n": 30}, {"min_n": 30}),
        ({"n": 0}, {"min_n": 0}),
        # as floats, 0.57 * 100 is 56.99999999999999
        ({"n": 43, "dropped": 57}, {"max_dropped": 0.57}),
        ({"n": 9, "dropped": 1}, {"max_dropped": 0.1}),
        ({"n": 1, "dropped": 10**9}, {"max_dropped": 1}),
    ],
)
def test_just_enough_evidence_decides(given, options):
    assert decide(Measurement(0.1, **given), MOST, **options) == Decision(PASS)
    assert decide(Measurement(0.3, **given), MOST, **options) == Decision(FAIL)


@pytest.mark.parametrize(
    ("rule", "options", "message"),
    [
        (
            "guess",
            {},
            "decide: `rule` must be one of 'estimate', 'significance', 'interval', got 'guess'",
        ),
        (
            "Interval",
            {},
            (
                "decide: `rule` must be one of 'estimate', 'significance', 'interval', "
                "got 'Interval'"
                "; did you mean 'interval'?"
            ),
        ),
        (
            "estimate",
            {"min_n": math.nan},
            "decide: `min_n` must be a whole number of at least 0, got nan",
        ),
        (
            "estimate",
            {"min_n": -1},
            "decide: `min_n` must be a whole number of at least 0, got -1",
        ),
        (
            "estimate",
            {"max_dropped": math.nan},
            "decide: `max_dropped` must be a finite number of at least 0 and at most 1, got nan",
        ),
        (
            "estimate",
            {"max_dropped": 5},
            (
                "decide: `max_dropped` must be between 0 and 1, got 5; "
                "shares are not percentages: write 0.05"
            ),
        ),
        (
            "significance",
            {"significance": math.nan},
            "decide: `significance` must be a finite number of at least 0 and at most 1, got nan",
        ),
    ],
)
def test_decide_refuses_options_that_would_weaken_it(rule, options, message):
    with pytest.raises(OptionError) as caught:
        decide(Measurement(0.1, n=5), MOST, rule, **options)
    assert str(caught.value) == message


# decide: the property, against an oracle written from the design alone


class Case(NamedTuple):
    """One measurement, one limit, one rule."""

    value: float | None
    n: int
    dropped: int
    interval: tuple[float, float] | None
    p_value: float | None
    bounds: tuple[float | None, float | None]
    rule: str
    min_n: int
    percent_dropped: int
    significance: float
    pass_p_value: float | None = None
    pass_significance: float | None = None
    insufficient_for_pass: str = ""


def within(x, low, high):
    if math.isinf(x):
        return high is None if x > 0 else low is None
    above = low is None or Fraction(x) >= Fraction(low)
    return above and (high is None or Fraction(x) <= Fraction(high))


def oracle(case):  # noqa: PLR0911
    """Return the verdict by the documented rules, in exact arithmetic."""
    value, (low, high) = case.value, case.bounds
    if case.n < case.min_n:
        return "inconclusive"
    if value is None or math.isnan(value):
        return "inconclusive"
    rows = case.n + case.dropped
    if case.dropped and Fraction(case.dropped, rows) > Fraction(case.percent_dropped, 100):
        return "inconclusive"
    holds = within(value, low, high)
    passes = "inconclusive" if case.insufficient_for_pass else "pass"
    if math.isinf(value) and holds:
        return "error"
    if math.isinf(value) and not (case.rule == "interval" and case.interval):
        return "fail"
    if case.rule == "estimate":
        return passes if holds else "fail"
    if case.rule == "significance":
        if holds and case.pass_significance is not None:
            p_value = 2 if case.pass_p_value is None else case.pass_p_value
            return passes if p_value <= case.pass_significance else "inconclusive"
        if holds:
            return passes
        tested = case.p_value is not None
        return "fail" if tested and case.p_value <= case.significance else "inconclusive"
    if case.interval is None:
        return "inconclusive"
    left, right = case.interval
    if holds and within(left, low, high) and within(right, low, high):
        return passes
    beyond = (low is not None and right < low) or (high is not None and left > high)
    return "fail" if not holds and beyond else "inconclusive"


GRID = [-1e300, -1, 0, 0.1, BELOW, 0.2, ABOVE, 0.5, 0.8, 1, 2**53, 2**53 + 1, 1e300]
NUMBERS = st.sampled_from(GRID) | st.floats(-2, 2) | st.integers(-3, 3)
VALUES = st.none() | st.just(math.nan) | st.sampled_from([math.inf, -math.inf]) | NUMBERS
ENDS = st.tuples(NUMBERS | st.just(-math.inf) | st.just(math.inf), NUMBERS | st.just(math.inf)).map(
    lambda pair: tuple(sorted(pair))
)
BOUNDS = st.tuples(st.none() | NUMBERS, st.none() | NUMBERS).filter(
    lambda b: b != (None, None) and (None in b or b[0] <= b[1])
)


LEVELS = st.sampled_from([0.0, 0.01, 0.05, 0.1, 1.0])
CASES = st.builds(
    Case,
    value=VALUES,
    n=st.integers(0, 60),
    dropped=st.integers(0, 60),
    interval=st.none() | ENDS,
    p_value=st.none() | st.sampled_from([0, 0.01, 0.05, 0.1, 1]) | st.floats(0, 1),
    bounds=BOUNDS,
    rule=st.sampled_from(["estimate", "significance", "interval"]),
    min_n=st.integers(0, 60),
    percent_dropped=st.integers(0, 100),
    significance=LEVELS,
    pass_p_value=st.none() | LEVELS,
    pass_significance=st.none() | LEVELS,
    insufficient_for_pass=st.sampled_from(["", "fewer than 10 events"]),
)


@examples(1_000)
@given(CASES)
@example(Case(0.1, 30, 0, None, None, (None, 0.2), "interval", 1, 0, 0.05))
@example(Case(math.inf, 30, 0, None, None, (0, None), "estimate", 1, 0, 0.05))
@example(Case(2**53, 30, 0, None, None, (None, 2**53 + 1), "estimate", 1, 0, 0.05))
def test_pass_only_if_shown(case):
    expected, limit = oracle(case), Limit(*case.bounds)
    measurement = Measurement(
        case.value, case.n, case.dropped, interval=case.interval, p_value=case.p_value
    )
    options = {
        "rule": case.rule,
        "min_n": case.min_n,
        "max_dropped": case.percent_dropped / 100,
        "significance": case.significance,
        "pass_p_value": case.pass_p_value,
        "pass_significance": case.pass_significance,
        "insufficient_for_pass": case.insufficient_for_pass,
    }
    if case.rule != "significance" and case.pass_significance is not None:
        with pytest.raises(OptionError, match="`pass_significance` must be None"):
            decide(measurement, limit, **options)
        return
    found = decide(measurement, limit, **options)
    assert found.verdict.value == expected
    assert not found.by_chance or (found.verdict is INCONCLUSIVE and case.n >= case.min_n)
    assert bool(found.because) is (found.verdict in (INCONCLUSIVE, ERROR))
    check = Check.judge("x", "m", measurement, limit, **options)
    assert (check.verdict, check.by_chance) == (found.verdict, found.by_chance)
    assert check.passed is bool(check) is (expected == "pass")


@given(value=NUMBERS, bound=NUMBERS, step=st.floats(0, 10), rule=st.sampled_from(["estimate"]))
def test_a_tighter_limit_never_turns_fail_into_pass(value, bound, step, rule):
    loose = decide(Measurement(value, n=5), Limit(at_most=bound), rule).verdict
    tight = decide(Measurement(value, n=5), Limit(at_most=bound - step), rule).verdict
    assert Verdict.worst([loose, tight]) is tight


# Check


def test_check_refuses_a_pass_that_is_not_shown():
    refused = [
        (0.3, Limit(at_most=0.2), "got 0.3 (limit: at most 0.2)"),
        (None, Limit(at_most=0.2), "got None (limit: at most 0.2)"),
        (math.nan, Limit(at_most=0.2), "got None (limit: at most 0.2)"),
        (0.1, None, "got 0.1 (limit: none)"),
        (math.inf, Limit(at_least=1), "got inf (limit: at least 1)"),
        (-math.inf, Limit(at_most=1), "got -inf (limit: at most 1)"),
    ]
    for value, limit, why in refused:
        for verdict in (PASS, "pass"):
            with pytest.raises(ValueError) as caught:  # noqa: PT011
                Check(
                    subject="x", metric="m", verdict=verdict, reason="r", value=value, limit=limit
                )
            assert str(caught.value) == f"a PASS needs a finite value within its limit, {why}"


def test_check_keeps_any_other_verdict():
    for verdict in (INCONCLUSIVE, FAIL, ERROR, SKIP):
        check = Check(subject="x", metric="m", verdict=str(verdict), reason="r")
        assert check.verdict is verdict
        assert not check
        assert not check.passed


@pytest.mark.parametrize(
    ("verdict", "value"),
    [
        (FAIL, 1.0),
        (ERROR, 1.0),
        (PASS, 0.1),
        (SKIP, 1.0),
        (INCONCLUSIVE, None),
        (INCONCLUSIVE, math.inf),
    ],
)
def test_only_a_measured_inconclusive_can_be_undecided_by_chance(verdict, value):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Check(
            subject="x",
            metric="m",
            verdict=verdict,
            reason="r",
            value=value,
            limit=MOST,
            by_chance=True,
        )
    assert str(caught.value) == (
        "`by_chance` must be False unless the check is INCONCLUSIVE with a finite value"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subject": 5}, "Check: `subject` must be a string, got 5"),
        ({"metric": None}, "Check: `metric` must be a string, got None"),
        ({"reason": None}, "Check: `reason` must be a string, got None"),
        ({"group": 1}, "Check: `group` must be a string, got 1"),
        (
            {"unit": "km"},
            "Check: `unit` must be one of '', 'share', 's', 'rows', 'violations', got 'km'",
        ),
        ({"n": 2.5}, "Check: `n` must be a whole number of at least 0, got 2.5"),
        ({"interval": (2, 1)}, "Check: `interval` must be (low, high), got (2, 1)"),
        ({"verdict": "good"}, "'good' is not a valid Verdict"),
        ({"limit": 0.2}, "Check: `limit` must be a Limit or None, got 0.2"),
        ({"by_chance": 1}, "Check: `by_chance` must be True or False, got 1"),
    ],
)
def test_check_refuses_what_no_report_could_carry(given, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Check(**{"subject": "x", "metric": "m", "verdict": FAIL, "reason": "r", **given})
    assert str(caught.value) == message


def test_check_brings_numbers_to_their_plain_form():
    check = Check(
        subject="x",
        metric="m",
        verdict=FAIL,
        reason="r",
        value=np.float32(0.5),
        n=np.int64(3),
        interval=[np.float64(0.25), 0.75],
        p_value=math.nan,
        details={"a": np.int8(1)},
    )
    assert (check.value, check.n, check.interval, check.p_value) == (0.5, 3, (0.25, 0.75), None)
    assert [type(x) for x in (check.value, check.n, *check.interval)] == [float, int, float, float]
    assert hash(check) == hash(pickle.loads(pickle.dumps(check)))


def test_check_is_frozen_and_keyword_only():
    check = Check(subject="x", metric="m", verdict=FAIL, reason="r")
    with pytest.raises(FrozenInstanceError):
        check.verdict = PASS
    with pytest.raises(TypeError):
        Check("x", "m", FAIL, "r")
    assert pickle.loads(pickle.dumps(check)) == check


def test_judge_carries_everything_over():
    measurement = Measurement(
        0.31, 40, 2, (0.25, 0.4), 0.9, 0.03, method="by hand", details={"bins": 10}
    )
    found = Check.judge(
        "age", "psi", measurement, MOST, max_dropped=0.05, group="sex=f", unit="share"
    )
    assert found == Check(
        subject="age",
        metric="psi",
        verdict=FAIL,
        reason="`psi` of `age` where sex=f is 31 % (90 % interval 25 % to 40 %, n = 40); the limit "
        "is at most 20 %",
        group="sex=f",
        value=0.31,
        limit=MOST,
        interval=(0.25, 0.4),
        confidence=0.9,
        n=40,
        dropped=2,
        p_value=0.03,
        method="by hand",
        unit="share",
        details={"bins": 10},
    )


@pytest.mark.parametrize(
    ("value", "p_value", "pass_p_value", "decision"),
    [
        (0.1, 0.9, 0.05, Decision(PASS)),
        (0.1, 0.9, 0.051, Decision(INCONCLUSIVE, NOT_SHOWN, by_chance=True)),
        (0.1, 0.9, None, Decision(INCONCLUSIVE, NOT_TESTED)),
        (0.1, 0.001, 0.05, Decision(PASS)),
        (0.3, 0.01, 0.9, Decision(FAIL)),
        (0.3, 0.02, 0.9, Decision(INCONCLUSIVE, BY_CHANCE, by_chance=True)),
        (0.3, None, 0.001, Decision(INCONCLUSIVE, UNTESTED)),
        (0.3, 0.02, 0.001, Decision(INCONCLUSIVE, BY_CHANCE, by_chance=True)),
    ],
)
def test_pass_and_fail_have_levels_of_their_own(value, p_value, pass_p_value, decision):
    measurement = Measurement(value, n=50, p_value=p_value)
    levels = {"significance": 0.01, "pass_p_value": pass_p_value, "pass_significance": 0.05}
    assert decide(measurement, MOST, "significance", **levels) == decision


@pytest.mark.parametrize("rule", ["estimate", "interval", "significance"])
def test_insufficient_for_pass_does_not_prevent_a_fail(rule):
    lack = {"rule": rule, "insufficient_for_pass": "9 of 10 events"}
    good = Measurement(0.1, n=50, interval=(0.0, 0.2), p_value=0.01)
    bad = Measurement(0.3, n=50, interval=(0.25, 0.4), p_value=0.01)
    assert decide(good, MOST, **lack) == Decision(INCONCLUSIVE, "9 of 10 events")
    assert decide(bad, MOST, **lack) == Decision(FAIL)


def test_insufficient_by_chance_counts_as_undecided_by_chance():
    lack = {"insufficient": "known within bounds", "insufficient_by_chance": True}
    open_ = Decision(INCONCLUSIVE, "known within bounds", by_chance=True)
    assert decide(Measurement(0.1, n=50), MOST, **lack) == open_
    for value in (None, math.inf):
        assert not decide(Measurement(value, n=50), MOST, **lack).by_chance
    assert not decide(Measurement(0.1, n=50), MOST, insufficient="one class").by_chance
    assert not decide(Measurement(0.1, n=50), MOST, **lack, min_n=51).by_chance


def test_reasons_name_what_was_counted():
    calls = {"noun": "calls", "min_n": 30}
    assert decide(Measurement(1, n=0), MOST, **calls).because == "no calls to measure"
    few = "too few calls: 9, at least 30 are needed"
    assert decide(Measurement(1, n=9), MOST, **calls).because == few
    dropped = decide(Measurement(1, n=50, dropped=50), MOST, **calls)
    assert dropped.because == "50 of 100 calls (50 %) could not be used"
    assert (
        decide(Measurement(None, n=50), MOST, **calls).because
        == "no value can be computed from these calls"
    )


@pytest.mark.parametrize("option", ["pass_p_value", "pass_significance"])
@pytest.mark.parametrize("wrong", [-0.1, 1.1, "0.05", True, math.nan])
def test_levels_of_pass_are_shares(option, wrong):
    with pytest.raises(OptionError, match=f"^decide: `{option}` must be"):
        decide(Measurement(0.1, n=50), MOST, "significance", **{option: wrong})


@pytest.mark.parametrize("rule", ["estimate", "interval"])
def test_a_level_of_pass_needs_the_rule_of_significance(rule):
    with pytest.raises(OptionError) as caught:
        decide(Measurement(0.1, n=50), MOST, rule, pass_significance=0.05)
    assert str(caught.value) == (
        f"decide: `pass_significance` must be None unless rule='significance', got {rule!r}"
    )


def test_judge_puts_a_hint_behind_what_was_measured():
    check = Check.judge("x", "m", Measurement(0.31, n=40), MOST, said="x is 0.31", hint="sort it")
    assert check.hint == "sort it"
    assert check.reason == "x is 0.31 (hint: sort it); the limit is at most 0.2"
    assert Check.judge("x", "m", Measurement(0.31, n=40), MOST).hint == ""


def test_judge_applies_the_options_of_decide():
    measurement = Measurement(0.31, 40, 2, interval=(0.1, 0.4), p_value=0.03)
    judge = {"subject": "x", "metric": "m", "measurement": measurement, "limit": MOST}
    assert Check.judge(**judge).verdict is INCONCLUSIVE
    assert Check.judge("x", "m", Measurement(0.1, n=1), MOST).verdict is PASS
    ample = {**judge, "max_dropped": 0.05}
    assert Check.judge(**ample).verdict is FAIL
    assert Check.judge(**ample, min_n=41).verdict is INCONCLUSIVE
    assert Check.judge(**ample, insufficient="one class").verdict is INCONCLUSIVE
    assert Check.judge(**ample, rule="interval").by_chance
    assert Check.judge(**ample, rule="significance").verdict is FAIL
    assert Check.judge(**ample, rule="significance", significance=0.02).by_chance


@pytest.mark.parametrize(
    ("given", "options", "reason"),
    [
        (
            {"value": 0.31, "n": 4_012},
            {},
            "`psi` of `age` is 0.31 (n = 4,012); the limit is at most 0.2",
        ),
        (
            {"value": None, "n": 4},
            {},
            (
                "`psi` of `age` is undefined (n = 4); no value can be computed from these rows "
                "(limit: at most 0.2)"
            ),
        ),
        (
            {"value": 0.25, "n": 9},
            {"min_n": 30},
            (
                "`psi` of `age` is 0.25 (n = 9); too few rows: 9, at least 30 are needed "
                "(limit: at most 0.2)"
            ),
        ),
        (
            {"value": 0.1, "n": 9},
            {"rule": "interval"},
            f"`psi` of `age` is 0.1 (n = 9); {UNBOUNDED} (limit: at most 0.2)",
        ),
        (
            {"value": -math.inf, "n": 9},
            {},
            (
                "`psi` of `age` is minus infinity (n = 9); an infinite value can't pass "
                "(limit: at most 0.2)"
            ),
        ),
        (
            {"value": 0.31, "n": 9, "p_value": 0.2},
            {"rule": "significance", "chance": "differences up to 0.4", "remedy": "20 would do"},
            (
                "`psi` of `age` is 0.31 (n = 9); not significant: differences up to 0.4 are "
                "expected by chance at this sample size; 20 would do (limit: at most 0.2)"
            ),
        ),
        (
            {"value": 0.31, "n": 9, "interval": (0.1, 0.4)},
            {"rule": "interval", "chance": "differences up to 0.4", "remedy": "20 would do"},
            (
                "`psi` of `age` is 0.31 (interval 0.1 to 0.4, n = 9); the interval contains the "
                "limit; 20 would do (limit: at most 0.2)"
            ),
        ),
        (  # more rows don't help where nothing is tested
            {"value": 0.31, "n": 9},
            {"rule": "interval", "remedy": "20 would do"},
            f"`psi` of `age` is 0.31 (n = 9); {UNBOUNDED} (limit: at most 0.2)",
        ),
        (
            {"value": 0.31, "n": 9},
            {"said": "it moved"},
            "it moved; the limit is at most 0.2",
        ),
        (
            {"value": 0.31, "n": 9},
            {"subject": "rows", "metric": "rows"},
            "`rows` is 0.31 (n = 9); the limit is at most 0.2",
        ),
        # so near the limit that four digits would hide on which side
        (
            {"value": ABOVE, "n": 9},
            {},
            "`psi` of `age` is 0.20000000000000004 (n = 9); the limit is at most 0.2",
        ),
    ],
)
def test_reasons_in_full(given, options, reason):
    found = Check.judge(
        **{
            "subject": "age",
            "metric": "psi",
            "measurement": Measurement(**given),
            "limit": MOST,
            **options,
        }
    )
    assert found.reason == reason


def test_all_orders_of_gates_give_one_worst():
    for verdicts in permutations([PASS, SKIP, INCONCLUSIVE, FAIL]):
        assert Verdict.worst(verdicts) is FAIL


@pytest.mark.parametrize(
    ("interval", "rule", "end"),
    [
        (
            (0.75, 0.96),
            "estimate",
            (
                "; the limit is at least 0.8 and is compared with the value, not with its "
                "confidence interval"
            ),
        ),
        ((0.75, 0.96), "significance", "; the limit is at least 0.8"),
        ((0.81, 0.96), "estimate", "; the limit is at least 0.8"),
        (None, "estimate", "; the limit is at least 0.8"),
    ],
)
def test_reason_says_if_an_interval_is_ignored(interval, rule, end):
    measured = Measurement(0.9, n=100, interval=interval, p_value=0.001)
    check = Check.judge("x", "x", measured, Limit(at_least=0.8), rule=rule, said="`x` is 0.9")
    assert check.reason == f"`x` is 0.9{end}"
