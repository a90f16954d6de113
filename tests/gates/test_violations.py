"""How counts become checks."""

import pytest

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.gates._shared import as_said, broken, guarded, listed, share_check, yes_or_no
from mlgates.profile.counters import Violations
from mlgates.verdict import Verdict


def test_share_of_violations_within_the_limit_passes():
    check = share_check("age", "range", Violations(1, 200, (17,)), "below 0", at_most=0.005)
    assert check.verdict is Verdict.PASS
    assert (check.value, check.n, check.unit, check.method) == (0.005, 200, "share", "count")
    assert check.details == {"count": 1, "rows": (17,)}
    assert check.reason == (
        "1 of 200 values of `age` (0.5 %) are below 0, first at row 17; the limit is at most 0.5 %"
    )


def test_share_of_violations_beyond_the_limit_fails():
    found = Violations(2, 3, (0, 2))
    check = share_check("age", "missing", found, "missing", cells="cells", group="sex=f")
    assert check.verdict is Verdict.FAIL
    assert check.group == "sex=f"
    assert check.reason == (
        "2 of 3 cells of `age` where sex=f (66.7 %) are missing, first at rows 0, 2; "
        "the limit is at most 0 %"
    )


def test_no_violations_pass_with_the_hint_that_goes_with_them():
    check = share_check("age", "missing", Violations(0, 1_000), "missing", hint="look here")
    assert check.verdict is Verdict.PASS
    assert check.reason == (
        "none of the 1,000 values of `age` are missing (hint: look here); the limit is at most 0 %"
    )


def test_nothing_to_judge_is_inconclusive_even_without_a_limit():
    check = share_check("age", "range", Violations(0, 0), "below 0", at_most=1.0)
    assert check.verdict is Verdict.INCONCLUSIVE
    assert check.value is None
    assert not check.by_chance
    assert check.reason == "`age` has no values to judge"


@pytest.mark.parametrize(("broken_rules", "verdict"), [(0, Verdict.PASS), (3, Verdict.FAIL)])
def test_property_without_a_number_counts_violations(broken_rules, verdict):
    check = yes_or_no("age", "type", "`age` is int64", broken=broken_rules, n=0)
    assert (check.verdict, check.value, check.reason) == (verdict, broken_rules, "`age` is int64")


def test_share_is_never_rounded_onto_the_limit_that_it_breaks():
    check = share_check("age", "missing", Violations(50_001, 10**6), "missing", at_most=0.05)
    assert check.verdict is Verdict.FAIL
    assert "50,001 of 1,000,000 values of `age` (5.0001 %) are missing" in check.reason


def test_rule_that_is_its_own_subject_is_named_once():
    check = broken("accuracy", "accuracy", EvidenceError("No."), group="a")
    assert check.reason == "`accuracy` could not be judged: No."


def test_reason_alone_is_changed():
    check = yes_or_no("age", "type", "one", broken=1, n=7)
    assert as_said(check, "two") == mg.Check(
        subject="age",
        metric="type",
        verdict="fail",
        reason="two",
        value=1,
        unit="violations",
        n=7,
        limit=mg.Limit(at_most=0),
        method="count",
    )


def test_rule_that_raises_becomes_one_error_without_values():
    def judge():
        msg = "could not convert 'Ann Lee' to float"
        raise ValueError(msg)

    check = guarded("age", "range", judge)
    assert check.verdict is Verdict.ERROR
    assert (check.subject, check.metric, check.limit) == ("age", "range", None)
    assert check.reason == (
        "`range` of `age` could not be judged: ValueError: could not convert '<text>' to float"
    )


def test_error_of_ours_stands_as_it_is():
    check = broken("age", "range", EvidenceError("The pattern takes too long."), group="all")
    assert check.group == "all"
    assert check.reason == "`range` of `age` could not be judged: The pattern takes too long."


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_ends_the_program_is_not_caught(error):
    def judge():
        raise error

    with pytest.raises(error):
        guarded("age", "range", judge)


def test_rule_that_holds_is_returned_as_it_is():
    check = yes_or_no("age", "type", "fine", broken=0, n=1)
    assert guarded("age", "type", lambda: check) is check


def test_list_is_cut():
    assert listed(()) == ""
    assert listed((1,)) == "1"
    assert listed((True, False, 1)) == "True, False, 1"
    assert listed(("a", 2_000)) == "'a', 2,000"
    assert listed(tuple(range(5))) == "0, 1, 2, 3, 4"
    assert listed(tuple(range(6))) == "0, 1, 2, 3, 4 and 1 more"
    assert listed(tuple(range(2_000)), most=1) == "0 and 1,999 more"
