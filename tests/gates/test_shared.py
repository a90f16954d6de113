"""Helpers of several gates: checks of counts, confidence, slices, forecasts of rows."""

import math

import pytest

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.gates._shared import (
    confidence_of,
    count_check,
    error_check,
    listed,
    property_check,
    rounded_up,
    rows_needed,
    rows_until_significant,
)
from mlgates.options import slices
from mlgates.profile.counters import Violations
from mlgates.profile.scan import Profile
from mlgates.stats.divergence import psi_chance
from mlgates.stats.twosample import ks_chance
from mlgates.verdict import Limit, Verdict

# Counts


def test_share_of_violations_within_the_limit_passes():
    check = count_check("age", "range", Violations(1, 200, (17,)), "are below 0", at_most=0.005)
    assert check.verdict is Verdict.PASS
    assert (check.value, check.n, check.unit, check.method) == (0.005, 200, "share", "count")
    assert check.details == {"count": 1, "rows": (17,)}
    assert check.reason == (
        "1 of 200 values of `age` (0.5 %) is below 0, first at row 17; the limit is at most 0.5 %"
    )


def test_share_of_violations_beyond_the_limit_fails():
    counted = Violations(2, 3, (0, 2))
    check = count_check("age", "missing", counted, group="sex=f")
    assert check.verdict is Verdict.FAIL
    assert check.group == "sex=f"
    assert check.reason == (
        "2 of 3 cells of `age` where sex=f (66.7 %) are missing, first at rows 0, 2; "
        "the limit is at most 0 %"
    )


@pytest.mark.parametrize(
    ("n", "verdict", "reason"),
    [
        (
            1_000,
            Verdict.PASS,
            (
                "none of the 1,000 cells of `age` are missing (hint: look here); "
                "the limit is at most 0 %"
            ),
        ),
        (0, Verdict.INCONCLUSIVE, "`age` has no cells to judge (hint: look here)"),
    ],
)
def test_hint_is_shown_without_violations(n, verdict, reason):
    check = count_check("age", "missing", Violations(0, n), hint="look here")
    assert (check.verdict, check.reason, check.hint) == (verdict, reason, "look here")


def test_column_without_values_is_inconclusive_for_every_limit():
    check = count_check("age", "range", Violations(0, 0), "below 0", at_most=1.0)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.value is None
    assert not check.by_chance
    assert check.reason == "`age` has no values to judge"
    told = count_check("age", "range", Violations(0, 0), "are below 0", remedy="remove the rule")
    assert told.reason == "`age` has no values to judge; remove the rule"


@pytest.mark.parametrize(("violations", "verdict"), [(0, Verdict.PASS), (3, Verdict.FAIL)])
def test_property_is_a_count_of_violations(violations, verdict):
    check = property_check("age", "type", "`age` is int64", violations=violations, n=0)
    assert (check.verdict, check.value, check.reason) == (verdict, violations, "`age` is int64")


def test_share_is_never_rounded_onto_the_limit_that_it_breaks():
    check = count_check("age", "missing", Violations(50_001, 10**6), at_most=0.05)
    assert check.verdict is Verdict.FAIL
    assert "50,001 of 1,000,000 cells of `age` (5.0001 %) are missing" in check.reason


# Errors


def test_rule_named_like_its_subject_is_named_once():
    check = error_check("accuracy", "accuracy", EvidenceError("No."), group="a")
    assert check.reason == "`accuracy` in slice `a` could not be judged: No."


def test_rule_that_raises_becomes_one_error_without_values():
    check = error_check("age", "range", ValueError("could not convert 'Ann Lee' to float"))
    assert check.verdict is Verdict.ERROR
    assert (check.subject, check.metric, check.limit) == ("age", "range", None)
    assert check.reason == (
        "`range` of `age` could not be judged: ValueError: could not convert '<text>' to float"
    )


def test_own_errors_are_shown_unchanged():
    check = error_check("age", "range", EvidenceError("The pattern takes too long."), group="all")
    assert check.group == "all"
    assert check.reason == (
        "`range` of `age` in slice `all` could not be judged: The pattern takes too long."
    )


@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
@pytest.mark.parametrize(
    "gate", [mg.Schema({"age": "int"}), mg.Completeness(expected={"age": [1]})]
)
def test_an_exception_that_ends_the_program_is_not_caught(monkeypatch, gate, error):
    def raises(self, counter):
        raise error

    monkeypatch.setattr(Profile, "__getitem__", raises)
    with pytest.raises(error):
        gate.run(data={"age": [1]})


def test_long_list_is_shortened():
    assert listed(()) == ""
    assert listed((1,)) == "1"
    assert listed((True, False, 1)) == "True, False, 1"
    assert listed(("a", 2_000)) == "'a', 2,000"
    assert listed(tuple(range(5))) == "0, 1, 2, 3, 4"
    assert listed(tuple(range(6))) == "0, 1, 2, 3, 4 and 1 more"
    assert listed(tuple(range(2_000))) == "0, 1, 2, 3, 4 and 1,995 more"


# Options


def test_slices_are_names_or_pairs():
    assert slices("Gate", "by", "sex") == ("sex",)
    assert slices("Gate", "by", ["sex", "age"]) == ("sex", "age")
    assert slices("Gate", "by", {"old": callable}) == (("old", callable),)
    assert slices("Gate", "by", (("old", callable),)) == (("old", callable),)


@pytest.mark.parametrize("bad", [[], (), {}, {"old": 3}, {1: callable}, 7, [1], object(), math.nan])
def test_invalid_slices_are_refused(bad):
    said = r"Gate: (names of slices in )?`by(\[.*\])?` must be"
    with pytest.raises(mg.OptionError, match=said):
        slices("Gate", "by", bad)


@pytest.mark.parametrize("bad", [0.4, 1, 1.0, 95, -1, math.nan, "0.95", True, None, 1 - 1e-12])
def test_invalid_levels_are_refused(bad):
    allowed = "between 0 and 1, .*: write 0.95" if bad == 95 else "from 0.5 to less than 1, got"
    with pytest.raises(mg.OptionError, match=f"Gate: `confidence` must be {allowed}"):
        confidence_of("Gate", "confidence", bad)
    assert confidence_of("Gate", "confidence", 0.5) == 0.5


# Rows needed


def test_rows_needed_use_the_crossed_limit():
    least, most = Limit(at_least=-0.01), Limit(at_most=0.01)
    # (z_a + z_b)^2 0.04 / 0.01^2 = 3,307 for a power of 0.82, from an interval at 500 rows
    half = 1.959964 * math.sqrt(0.04 / 500)
    assert rows_needed(0.0, (-half, half), least, 500, 0.95) == 3_400
    assert rows_needed(0.0, (-half, half), most, 500, 0.95) == 3_400
    assert rows_needed(0.0, (-half, half / 2), least, 500, 0.95) == 3_400
    assert rows_needed(-0.02, (-0.02, half - 0.02), least, 500, 0.95) == 3_400
    assert rows_needed(0.02, (0.02 - half, 0.02), most, 500, 0.95) == 3_400
    # the shorter arm of a skewed interval counts as half its width
    assert rows_needed(0.0, (-half / 2, half * 1.5), Limit(at_least=-0.005), 500, 0.95) == 14_000
    both = Limit(at_least=-0.02, at_most=0.01)
    assert rows_needed(0.0, (-half, half), both, 500, 0.95) == 3_400


def test_standard_error_replaces_the_interval_unless_it_already_decides():
    least, wide = Limit(at_least=-0.01), (-0.1, 0.1)
    error = math.sqrt(0.04 / 500)
    assert rows_needed(0.0, wide, least, 500, 0.95, error=error) == 3_400
    for small in (0.0, 1e-4):
        assert rows_needed(0.0, wide, least, 500, 0.95, error=small) == rows_needed(
            0.0, wide, least, 500, 0.95
        )


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        (0.0, (-0.005, 0.9)),
        (-0.2, (-0.3, -0.1)),
        (-0.01, (-0.02, 0.0)),
        (None, (-0.02, 0.0)),
        (0.0, None),
        (0.0, (-math.inf, 0.0)),
        (0.0, (0.0, 0.0)),
    ],
    ids=["within", "beyond", "on the limit", "undefined", "no interval", "infinite", "identical"],
)
def test_no_number_where_none_is_needed_or_none_is_enough(value, interval):
    assert rows_needed(value, interval, Limit(at_least=-0.01), 500, 0.95) is None


def test_rows_needed_exceed_the_given_rows():
    assert rows_needed(-0.01 + 1e-16, (-0.5, 0.5), Limit(at_least=-0.01), 10**6, 0.95) is None
    assert rows_needed(0.0, (-0.0101, 0.0), Limit(at_least=-0.01), 7, 0.95) == 16


def test_rows_are_rounded_up_to_two_digits():
    rows = (8_115.2, 8_200, 7.1, 99.01, 100)
    assert [rounded_up(each) for each in rows] == [8_200, 8_200, 8, 100, 100]


def test_rows_until_significant_against_a_sample_of_fixed_size():
    # the critical value is 0.2 sqrt(1 / n + 1 / 400) / sqrt(1 / 100 + 1 / 400)
    assert rows_until_significant(0.2, 0.1, 100, 400) == 1_600
    assert rows_until_significant(0.2, 0.1, 100) == 400
    assert (
        rows_until_significant(0.2, 0.1, 100, 100) is None
    )  # 2 (1 / 4) / 100 is less than 1 / 100
    assert rows_until_significant(0.0, 0.1, 100) == 1
    for critical, limit, n in ((0.2, 0.0, 9), (math.inf, 0.1, 9), (0.2, 0.1, 0), (math.nan, 1, 9)):
        assert rows_until_significant(critical, limit, n) is None
    assert rows_until_significant(0.2, 0.1, 9, 0) is None
    assert rows_until_significant(0.2, math.nan, 9) is None


@pytest.mark.parametrize(
    ("chance", "limit", "m"),
    [
        (lambda n, m: ks_chance(n, m, 0.01), 0.1, 5_000),
        (lambda n, m: ks_chance(n, m, 0.01), 0.05, 100_000),
        (lambda n, m: ks_chance(n, m, 0.01), 0.2, 200),
        (lambda n, m: math.sqrt(psi_chance(10, n, m, 0.01)), math.sqrt(0.2), 5_000),
        (lambda n, m: math.sqrt(psi_chance(40, n, m, 0.01)), math.sqrt(0.1), 100_000),
        (lambda n, m: math.sqrt(psi_chance(2, n, m, 0.01)), math.sqrt(0.5), 30),
    ],
)
def test_forecast_rows_keep_chance_within_the_limit(chance, limit, m):
    n = rows_until_significant(chance(50, m), limit, 50, m)
    assert chance(n, m) <= limit < chance(math.floor(n / 1.1) - 1, m)
