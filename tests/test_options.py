"""Validators: every one against every kind of wrong value, messages in full."""

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates import options
from mlgates.errors import EvidenceError, MlgatesError, OptionError
from mlgates.evidence import Evidence

ARRAY = np.array([1.0])

# What is a number, or a whole number, or a share, for nobody.
NO_NUMBERS = [
    None,
    True,
    False,
    "0.5",
    "",
    b"1",
    1 + 0j,
    math.nan,
    math.inf,
    -math.inf,
    Decimal("0.5"),
    [1],
    (1,),
    {},
    object,
    ARRAY,
    np.float64("nan"),
    np.bool_(True),
    np.timedelta64(1, "s"),
    10**400,
    -(10**400),
    Fraction(10**400),
    pd.NA,
    pd.NaT,
    timedelta(1),
]
VALIDATORS = {
    "number": (options.number, "a finite number"),
    "share": (options.share, "a finite number of at least 0 and at most 1"),
    "count": (options.count, "a whole number of at least 0"),
    "flag": (options.flag, "True or False"),
    "choice": (lambda *a: options.choice(*a, ("a", "b")), "one of 'a', 'b'"),
    "text": (options.text, "a non-empty string"),
    "duration": (
        options.duration,
        "a duration such as '20ms', '24h', '7d', a timedelta or seconds, greater than 0",
    ),
}


def refusals():
    """Pairs of a validator and a value that it must refuse with its plain message."""
    for name in VALIDATORS:
        for value in NO_NUMBERS:
            fine = {
                "flag": isinstance(value, bool),
                "text": value == "0.5" if isinstance(value, str) else False,
                "duration": isinstance(value, timedelta) and value is not pd.NaT,
            }
            if name == "count" and isinstance(value, int) and not isinstance(value, bool):
                continue  # however large
            if not fine.get(name, False):
                yield name, value


@pytest.mark.parametrize(
    ("name", "value"),
    list(refusals()),
    ids=[f"{i}-{name}-{type(value).__name__}" for i, (name, value) in enumerate(refusals())],
)
def test_validator_refuses_with_owner_option_rule_and_value(name, value):
    validator, allowed = VALIDATORS[name]
    with pytest.raises(OptionError) as caught:
        validator("Drift", "at_most", value)
    is_bool = name == "flag" and isinstance(value, np.bool_)
    hint = ", a numpy bool; convert it by `bool(...)`" if is_bool else ""
    assert str(caught.value) == f"Drift: `at_most` must be {allowed}, got {value!r}{hint}"
    assert isinstance(caught.value, MlgatesError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("value", "plain"),
    [(0, 0), (-3, -3), (0.5, 0.5), (np.int8(3), 3), (np.float32(0.5), 0.5), (Fraction(1, 4), 0.25)],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_number_gives_plain_numbers(value, plain):
    found = options.number("g", "o", value)
    assert (found, type(found)) == (plain, type(plain))


def test_number_keeps_large_integers():
    assert options.number("g", "o", 2**60 + 1) == 2**60 + 1
    assert options.number("g", "o", 10**308) == 10**308


@pytest.mark.parametrize(
    ("bounds", "value", "message"),
    [
        ({"at_least": 0}, -1, "g: `o` must be a finite number of at least 0, got -1"),
        ({"at_most": 1}, 1.5, "g: `o` must be a finite number of at most 1, got 1.5"),
        (
            {"at_least": 0.5, "at_most": 2},
            0.4,
            "g: `o` must be a finite number of at least 0.5 and at most 2, got 0.4",
        ),
    ],
)
def test_number_within_bounds(bounds, value, message):
    with pytest.raises(OptionError) as caught:
        options.number("g", "o", value, **bounds)
    assert str(caught.value) == message
    for bound in bounds.values():
        assert options.number("g", "o", bound, **bounds) == bound


@pytest.mark.parametrize("value", [0, 0.0, 0.5, 1, 1.0])
def test_share_takes_zero_to_one(value):
    assert options.share("g", "o", value) == value


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (95, "write 0.95"),
        (100, "write 1"),
        (math.nextafter(1, 2), "write 0.01"),
        (5.5, "write 0.055"),
    ],
)
def test_share_takes_no_percentage(value, hint):
    with pytest.raises(OptionError) as caught:
        options.share("Completeness", "max_missing", value)
    assert str(caught.value) == (
        f"Completeness: `max_missing` must be between 0 and 1, got {value!r}; "
        f"shares are not percentages: {hint}"
    )


@pytest.mark.parametrize("value", [-0.1, 100.1, 1_000])
def test_share_out_of_reach_of_a_percentage(value):
    with pytest.raises(OptionError) as caught:
        options.share("g", "o", value)
    assert str(caught.value) == (
        f"g: `o` must be a finite number of at least 0 and at most 1, got {value!r}"
    )


def test_count():
    assert options.count("g", "o", 0) == 0
    found = options.count("g", "o", np.int64(7), at_least=7)
    assert (found, type(found)) == (7, int)
    for value in (6, 7.0):
        with pytest.raises(OptionError) as caught:
            options.count("g", "o", value, at_least=7)
        assert str(caught.value) == f"g: `o` must be a whole number of at least 7, got {value!r}"


def test_flag_and_choice_and_text_return_what_was_given():
    assert options.flag("g", "o", True) is True
    assert options.flag("g", "o", False) is False
    assert options.choice("g", "o", "b", iter("ab")) == "b"
    assert options.text("g", "o", " x ") == " x "
    with pytest.raises(OptionError, match="got '  '"):
        options.text("g", "o", "  ")


def test_choice_names_the_nearest_words():
    with pytest.raises(OptionError) as caught:
        options.choice("Drift", "method", "PSi", ("psi", "ks"))
    assert str(caught.value) == (
        "Drift: `method` must be one of 'psi', 'ks', got 'PSi'; did you mean 'psi'?"
    )


def test_names():
    assert options.names("g", "o", "age") == ("age",)
    assert options.names("g", "o", ["age", "sex"]) == ("age", "sex")
    assert options.names("g", "o", (name for name in "ab")) == ("a", "b")
    assert options.names("g", "o", ()) == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "a name or a sequence of names, got 5"),
        (None, "a name or a sequence of names, got None"),
        (b"ab", "a name or a sequence of names, got b'ab'"),
        ({"b"}, "a name or a sequence of names, got {'b'}"),
        (frozenset("b"), "a name or a sequence of names, got frozenset({'b'})"),
        ({"a": 1}, "a name or a sequence of names, got {'a': 1}"),
        (OrderedDict(), "a name or a sequence of names, got OrderedDict()"),
        ("", "a non-empty string, got ''"),
        (["a", "a"], "names that are all different, got ['a', 'a']"),
    ],
)
def test_names_refuse(value, message):
    with pytest.raises(OptionError) as caught:
        options.names("g", "after", value)
    assert str(caught.value) == f"g: `after` must be {message}"


def test_names_say_which_name_is_wrong():
    with pytest.raises(OptionError, match=r"^g: `after\[1\]` must be a non-empty string, got 5$"):
        options.names("g", "after", ["a", 5])


@pytest.mark.parametrize(
    ("value", "length"),
    [
        ("1us", 1e-6),
        ("20ms", 0.02),
        ("1.5s", 1.5),
        ("5 min", 300),
        ("24h", 86_400),
        ("7d", 604_800),
        ("2w", 1_209_600),
        (90, 90),
        (0.25, 0.25),
        (np.int64(3), 3),
        (Fraction(1, 2), 0.5),
        (timedelta(hours=1), 3_600),
        (timedelta(microseconds=1), 1e-6),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_durations_stay_as_written(value, length):
    found = options.duration("g", "o", value)
    assert found == value
    assert type(found) in (str, int, float, timedelta)
    assert options.seconds(found) == pytest.approx(length, rel=1e-15)


@pytest.mark.parametrize(
    "value",
    [
        "20",
        "ms",
        "-5s",
        "+5s",
        "1_000s",
        "٣s",
        "1e3s",
        ".5s",
        "5.s",
        "5  s",
        "5s ",
        " 5s",
        "5S",
        "5m",
        "5 hours",
        "infs",
        "nan",
        "5s\n",
        f"{'9' * 400}d",
        0,
        0.0,
        -1,
        timedelta(0),
        timedelta(-1),
        "0s",
        "0.000ms",
    ],
)
def test_durations_refused(value):
    with pytest.raises(OptionError) as caught:
        options.duration("Freshness", "max_age", value)
    assert str(caught.value) == (
        "Freshness: `max_age` must be a duration such as '20ms', '24h', '7d', a timedelta or "
        f"seconds, greater than 0, got {value!r}"
    )


@pytest.mark.parametrize(
    "value", [0, 0.0, "0s", timedelta(0)], ids=lambda value: f"{type(value).__name__} {value!r}"
)
def test_a_duration_of_nothing_where_it_is_allowed(value):
    assert options.duration("g", "o", value, zero=True) == value
    with pytest.raises(OptionError) as caught:
        options.duration("g", "o", -1, zero=True)
    assert str(caught.value) == (
        "g: `o` must be a duration such as '20ms', '24h', '7d', a timedelta or seconds, "
        "not negative, got -1"
    )


def test_seconds_of_no_duration():
    with pytest.raises(ValueError, match="soon"):
        options.seconds("soon")


NOW = datetime(2024, 1, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("x", "x"),
        ("", ""),
        (True, True),
        (-999, -999),
        (0.5, 0.5),
        (2**60, 2**60),
        (Decimal("1.5"), Decimal("1.5")),
        (Decimal("1e400"), Decimal("1e400")),
        (date(2024, 1, 31), date(2024, 1, 31)),
        (NOW, NOW),
        (np.int8(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("x"), "x"),
        (np.datetime64("2024-01-31"), date(2024, 1, 31)),
        (np.array(3), 3),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_scalar(value, plain):
    found = options.scalar("g", "o", value)
    assert found == plain
    assert isinstance(found, type(plain))


@pytest.mark.parametrize(
    "value",
    [
        None,
        math.nan,
        math.inf,
        -math.inf,
        np.float32("nan"),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        pd.NaT,
        np.datetime64("NaT"),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_scalar_refuses_what_is_missing(value):
    with pytest.raises(OptionError) as caught:
        options.scalar("Column", "isin", value, one_of_several=True)
    assert str(caught.value) == (
        "Column: each value of `isin` must be a finite number, string, bool, date or datetime, "
        f"got {value!r}; null and NaN always count as missing"
    )


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        [1],
        (1,),
        object,
        1j,
        timedelta(1),
        ARRAY,
        np.datetime64("2024-01-31T00:00:00.000000000"),
        np.timedelta64(1, "ns"),
    ],
    ids=lambda value: f"{type(value).__name__} {value!r}",
)
def test_scalar_refuses_what_is_no_value(value):
    with pytest.raises(OptionError) as caught:
        options.scalar("Column", "isin", value, one_of_several=True)
    assert str(caught.value) == (
        "Column: each value of `isin` must be a finite number, string, bool, date or datetime, "
        f"got {value!r}"
    )


def test_did_you_mean():
    known = ["data", "reference", "y_true", "y_pred", "y_score"]
    assert options.did_you_mean("refrence", known) == "; did you mean 'reference'?"
    assert options.did_you_mean("Y_TRUE", known) == "; did you mean 'y_true'?"
    assert options.did_you_mean("y_tru", known) == "; did you mean 'y_true'?"
    assert options.did_you_mean("agee", ["age", "aged", "sex"]) == "; did you mean 'age' or 'aged'?"
    assert options.did_you_mean("weather", known) == ""
    assert options.did_you_mean(5, []) == ""
    assert options.did_you_mean(np.dtype("int64"), ["int64"]) == "; did you mean 'int64'?"


@pytest.mark.parametrize(
    ("name", "other", "shown"),
    [
        ("b\u00e9", "be\u0301", "'be\\u0301' (another Unicode form)"),
        ("be\u0301", "b\u00e9", "'b\\xe9' (another Unicode form)"),
        ("\u00e9", "E\u0301", "'E\u0301'"),
        ("id", "\ufeffid", "'\\ufeffid'"),
        ("first name", "First\u00a0 Name ", "'First\\xa0 Name '"),
        ("stra\u00dfe", "STRASSE", "'STRASSE'"),
        ("\uff41ge", "age", "'age'"),
        ("ag\u200be", "age", "'age' (without the invisible character '\\u200b')"),
        ("\ufeffid", "id", "'id' (without the invisible character '\\ufeff')"),
        ("ag\u200be", "Ag\u200be", "'Ag\\u200be'"),
    ],
)
def test_names_that_look_alike_are_equal_when_folded(name, other, shown):
    assert options.fold(name) == options.fold(other)
    assert options.did_you_mean(name, [other, "weather"]) == f"; did you mean {shown}?"


@pytest.mark.parametrize(
    ("name", "other"), [("first name", "firstname"), ("a_b", "ab"), ("e", "\u00e9"), ("", "x")]
)
def test_other_names_differ_when_folded(name, other):
    assert options.fold(name) != options.fold(other)


@dataclass(frozen=True)
class Sample:
    """A value with every kind of field that `written` tells apart."""

    first: object = None
    pairs: tuple = field(default=(), metadata={"mapping": True}, kw_only=True)
    level: float = field(default=1, kw_only=True)
    name: str = field(default="x", kw_only=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Sample(), "Sample()"),
        (Sample("a"), "Sample('a')"),
        (Sample(pairs=(("k", 1),)), "Sample(pairs={'k': 1})"),
        (Sample(pairs=None), "Sample(pairs=None)"),
        # True == 1 == 1.0, and yet they are written differently
        (Sample(level=True), "Sample(level=True)"),
        (Sample(level=1.0), "Sample(level=1.0)"),
        (Sample("a", level=2, name="y"), "Sample('a', level=2, name='y')"),
    ],
    ids=str,
)
def test_written(value, text):
    assert options.written(value) == text


def test_written_with_a_default_of_its_own():
    assert options.written(Sample(name="y"), name="y") == "Sample()"
    assert options.written(Sample(), name="y") == "Sample(name='x')"


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70))
def test_finite_numbers_are_kept_exactly(value):
    assert options.number("g", "o", value) == options.real(value) == value


# times


class BrokenZone(tzinfo):
    def utcoffset(self, moment):
        msg = "no offset today"
        raise ValueError(msg)

    def __repr__(self):
        return "BrokenZone()"


HOUR = timedelta(hours=1)
OUTSIDE_UTC = {
    "NaT": pd.NaT,
    "year 10000": datetime.max.replace(tzinfo=timezone(-HOUR)),
    "year 0": datetime.min.replace(tzinfo=timezone(HOUR)),
    "broken zone": datetime(2024, 1, 31, tzinfo=BrokenZone()),
}
NO_TIMES = [datetime(2024, 1, 31), "2024-01-31T00:00:00+00:00", 1_706_659_200, date(2024, 1, 31)]


def test_times_are_converted_to_utc():
    moment = datetime(2024, 1, 31, 12, tzinfo=timezone(2 * HOUR))
    found = options.in_utc("`at`", moment)
    assert (found, found.tzinfo) == (moment, UTC)
    assert options.in_utc("`at`", pd.Timestamp("2024-01-31", tz="UTC")).day == 31


@pytest.mark.parametrize("value", NO_TIMES, ids=range(4))
def test_a_time_is_a_datetime_with_a_zone(value):
    with pytest.raises(EvidenceError) as caught:
        options.in_utc("Rollout: `now`", value, EvidenceError)
    assert str(caught.value) == (
        "Rollout: `now` must be a datetime with a time zone, such as datetime.now(timezone.utc), "
        f"got {value!r}"
    )


def test_objects_are_not_shown_in_place_of_a_time():
    with pytest.raises(OptionError, match=r"got DataFrame$"):
        options.in_utc("`now`", pd.DataFrame({"name": ["Ann"]}))


@pytest.mark.parametrize("value", OUTSIDE_UTC.values(), ids=OUTSIDE_UTC)
def test_a_time_must_exist_in_utc(value, tmp_path):
    history = mg.History(tmp_path / "reports.jsonl")
    suite = mg.GateSuite([mg.Canary("errors")])
    report = suite.run(traffic=mg.Traffic())
    uses = {
        "`now`": lambda: Evidence({"now": value}).now,
        "Rollout: `now`": lambda: mg.Rollout(suite, candidate="2", production="1").start(now=value),
        "History: `at`": lambda: history.append(report, at=value),
        "Monitor: `at`": lambda: mg.Monitor(suite, history=history).run(at=value),
    }
    for name, use in uses.items():
        with pytest.raises(MlgatesError) as caught:
            use()
        assert str(caught.value) == f"{name} can't be converted to UTC, got {value!r}"
    with pytest.raises(OptionError, match=r"^History: `at` can't be converted"):
        history.at(value)
    assert not history.path.exists()
