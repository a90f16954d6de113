"""Results and reports: their verdicts, and their JSON form."""

import copy
import json
import math
import pickle
from dataclasses import FrozenInstanceError, replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.errors import EvidenceError, GateFailure, OptionError
from mlgates.jsonfile import plain
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Verdict

PASS, INCONCLUSIVE, FAIL, ERROR, SKIP = Verdict
LIMIT = Limit(at_most=0.2)
VALUES = {PASS: 0.1, FAIL: 0.3, INCONCLUSIVE: None, ERROR: None, SKIP: None}


def check(verdict, *, by_chance=False, **given):
    value = 0.3 if by_chance else VALUES[verdict]
    plain = {"subject": "x", "metric": "psi", "reason": "r", "value": value, "limit": LIMIT}
    return Check(**{**plain, "verdict": verdict, "by_chance": by_chance, **given})


CHANCE = check(INCONCLUSIVE, by_chance=True)


def result(*checks, name="g", **given):
    found = [c if isinstance(c, Check) else check(c) for c in checks]
    return GateResult(**{"name": name, "kind": "k", "checks": tuple(found), **given})


def report(*results, **given):
    named = [replace(r, name=f"{r.name}{i}") for i, r in enumerate(results)]
    return Report(**{"name": "suite", "results": tuple(named), **given})


# what a gate says


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([PASS], PASS),
        ([PASS, PASS], PASS),
        ([PASS, SKIP], PASS),
        ([SKIP, SKIP], SKIP),
        ([PASS, INCONCLUSIVE], INCONCLUSIVE),
        ([INCONCLUSIVE, FAIL, PASS], FAIL),
        ([FAIL, ERROR], ERROR),
        ([CHANCE, PASS], INCONCLUSIVE),
    ],
)
def test_a_result_takes_the_worst_of_its_checks(checks, verdict):
    found = result(*checks)
    assert found.verdict is verdict
    assert found.passed is bool(found) is (verdict is PASS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"checks": ()}, "GateResult: `checks` must be one or more Check objects, got ()"),
        (
            {"checks": (True,)},
            "GateResult: `checks` must be one or more Check objects, got (True,)",
        ),
        ({"name": ""}, "GateResult: `name` must be a non-empty string, got ''"),
        ({"kind": None}, "GateResult: `kind` must be a non-empty string, got None"),
        ({"advisory": "no"}, "GateResult: `advisory` must be True or False, got 'no'"),
        (
            {"inconclusive": "alow"},
            (
                "GateResult: `inconclusive` must be one of 'block', 'allow', got 'alow'; "
                "did you mean 'allow'?"
            ),
        ),
        ({"reason": None}, "GateResult: `reason` must be a string, got None"),
        (
            {"seconds": math.nan},
            "GateResult: `seconds` must be a finite number of at least 0, got nan",
        ),
        ({"seconds": -1}, "GateResult: `seconds` must be a finite number of at least 0, got -1"),
    ],
)
def test_a_result_refuses(given, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        GateResult(**{"name": "g", "kind": "k", "checks": (check(PASS),), **given})
    assert str(caught.value) == message


def test_a_result_refuses_a_pass_that_is_not_shown():
    class Passing:
        verdict, passed, by_chance = PASS, True, False

    with pytest.raises(ValueError, match="must be one or more Check objects"):
        GateResult(name="g", kind="k", checks=(Passing(),))


def test_results_are_values():
    one = result(PASS, seconds=1.0)
    assert one == result(PASS, seconds=2.0)
    assert hash(one) == hash(result(PASS, seconds=2.0))
    assert one != result(FAIL)
    assert pickle.loads(pickle.dumps(one)) == copy.deepcopy(one) == one
    with pytest.raises(FrozenInstanceError):
        one.advisory = True
    with pytest.raises(TypeError):
        GateResult("g", "k", (check(PASS),))


# what counts


@pytest.mark.parametrize(
    ("checks", "given", "counted"),
    [
        ([PASS], {}, PASS),
        ([FAIL], {}, FAIL),
        ([SKIP], {}, None),
        ([PASS], {"advisory": True}, None),
        ([ERROR], {"advisory": True}, None),
        ([CHANCE], {}, INCONCLUSIVE),
        ([CHANCE], {"inconclusive": "allow"}, None),
        ([CHANCE, SKIP], {"inconclusive": "allow"}, None),
        ([CHANCE, PASS], {"inconclusive": "allow"}, PASS),
        ([CHANCE, FAIL], {"inconclusive": "allow"}, FAIL),
        # what measured nothing is not undecided by chance
        ([INCONCLUSIVE], {"inconclusive": "allow"}, INCONCLUSIVE),
        ([CHANCE, INCONCLUSIVE, PASS], {"inconclusive": "allow"}, INCONCLUSIVE),
        ([CHANCE, ERROR], {"inconclusive": "allow"}, ERROR),
    ],
)
def test_which_checks_of_a_result_count(checks, given, counted):
    found = result(*checks, **given)
    assert found.counted is counted
    assert found.allowed == (
        tuple(c for c in found.checks if c.by_chance) if given.get("inconclusive") else ()
    )


@pytest.mark.parametrize(
    ("results", "verdict", "aside"),
    [
        ([], INCONCLUSIVE, ""),
        ([result(PASS)], PASS, ""),
        ([result(PASS), result(FAIL), result(INCONCLUSIVE)], FAIL, ""),
        ([result(FAIL), result(ERROR)], ERROR, ""),
        ([result(PASS), result(ERROR, advisory=True)], PASS, "1 advisory"),
        ([result(PASS), result(SKIP)], PASS, "1 skipped"),
        # nothing that counts passed
        ([result(PASS, advisory=True)], INCONCLUSIVE, "no gate counts: 1 advisory"),
        ([result(SKIP)], INCONCLUSIVE, "no gate counts: 1 skipped"),
        ([result(SKIP, advisory=True)], INCONCLUSIVE, "no gate counts: 1 advisory"),
        (
            [result(CHANCE, inconclusive="allow")],
            INCONCLUSIVE,
            "no gate counts: 1 undecided, allowed",
        ),
        (
            [result(CHANCE, SKIP, inconclusive="allow"), result(SKIP)],
            INCONCLUSIVE,
            "no gate counts: 1 undecided, allowed; 1 skipped",
        ),
        ([result(CHANCE, PASS, inconclusive="allow")], PASS, "1 undecided, allowed"),
        ([result(CHANCE, PASS)], INCONCLUSIVE, ""),
        (
            [
                result(PASS),
                result(CHANCE, CHANCE, inconclusive="allow"),
                result(CHANCE, inconclusive="allow", advisory=True),
                result(SKIP),
                result(SKIP),
            ],
            PASS,
            "2 undecided, allowed; 1 advisory; 2 skipped",
        ),
    ],
)
def test_a_report_takes_the_worst_of_what_counts(results, verdict, aside):
    found = report(*results)
    assert found.verdict is verdict
    assert found.passed is bool(found) is (verdict is PASS)
    assert found.aside() == aside
    assert (len(found), list(found)) == (len(results), list(found.results))


RESULTS = st.lists(
    st.builds(
        result,
        *[st.sampled_from([PASS, FAIL, ERROR, INCONCLUSIVE, SKIP, CHANCE])] * 2,
        advisory=st.booleans(),
        inconclusive=st.sampled_from(["block", "allow"]),
    ),
    max_size=5,
)


@given(RESULTS)
def test_a_report_passes_only_if_a_gate_that_counts_passed_and_none_blocks(results):
    held, passed = False, False
    for r in results:
        for c in r.checks:
            aside = r.advisory or c.verdict is SKIP or (c.by_chance and r.inconclusive == "allow")
            held = held or (not aside and c.verdict is not PASS)
            passed = passed or (not aside and c.verdict is PASS)
    found = report(*results)
    assert found.passed is (passed and not held)
    assert bool(found.failures) is held
    assert found.verdict is not SKIP


def test_failures_are_the_blocking_results_worst_first():
    found = Report(
        name="s",
        results=(
            result(FAIL, name="fail"),
            result(PASS, name="pass"),
            result(INCONCLUSIVE, name="undecided"),
            result(ERROR, name="error 1"),
            result(ERROR, name="advisory", advisory=True),
            result(SKIP, name="skipped"),
            result(CHANCE, name="allowed", inconclusive="allow"),
            result(PASS, ERROR, name="error 2"),
        ),
    )
    names = [r.name for r in found.failures]
    assert names == ["error 1", "error 2", "fail", "undecided"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": " "}, "Report: `name` must be a non-empty string, got ' '"),
        ({"results": (1,)}, "Report: `results` must be GateResult objects, got (1,)"),
        (
            {"results": (result(PASS), result(FAIL))},
            "Report: result names must be unique, got 'g' 2 times",
        ),
    ],
)
def test_a_report_refuses(given, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        Report(**{"name": "s", "results": (), **given})
    assert str(caught.value) == message


# finding a gate


FOUND = Report(
    name="s",
    results=(
        result(PASS, name="drift:psi", kind="drift"),
        result(PASS, name="drift:ks", kind="drift"),
        result(PASS, name="schema", kind="schema"),
        result(PASS, name="mine", kind="completeness"),
        # its name is the kind of another
        result(PASS, name="completeness", kind="function"),
    ),
)


def test_a_result_by_name_or_by_unique_kind():
    assert FOUND["drift:psi"] is FOUND.results[0]
    assert FOUND["schema"] is FOUND.results[2]
    assert FOUND["mine"] is FOUND.results[3]
    assert FOUND["completeness"] is FOUND.results[4]
    assert FOUND["function"] is FOUND.results[4]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("drift", "; did you mean 'drift:ks' or 'drift:psi'?"),
        ("shema", "; did you mean 'schema'?"),
        ("weather", ""),
        (0, ""),
    ],
)
def test_a_name_that_means_no_single_gate(name, near):
    with pytest.raises(KeyError) as caught:
        FOUND[name]
    assert caught.value.args[0] == (
        f"{'2 gates are' if name == 'drift' else 'no gate is'} named {name!r}; "
        "the gates are 'drift:psi', 'drift:ks', 'schema', "
        f"'mine', 'completeness'{near}"
    )


# raising


def test_raise_for_verdict_returns_what_passed():
    passing = report(result(PASS))
    assert passing.raise_for_verdict() is passing
    assert passing.results[0].raise_for_verdict() is passing.results[0]


@pytest.mark.parametrize("verdict", [FAIL, ERROR, INCONCLUSIVE, SKIP])
def test_raise_for_verdict_raises_unless_pass(verdict):
    for held in (report(result(verdict)), result(verdict)):
        with pytest.raises(AssertionError) as caught:
            held.raise_for_verdict()
        assert type(caught.value) is GateFailure
        assert isinstance(caught.value, mg.MlgatesError)
        assert caught.value.report is held
        assert str(caught.value) == str(held)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), again.report) == (GateFailure, held)


# one row a check


def test_frame_has_one_row_per_check():
    found = report(
        result(PASS, check(FAIL, group="sex=f", interval=(0.1, math.inf), n=7, p_value=0.5)),
        result(SKIP, advisory=True),
    )
    frame = found.to_frame()
    assert list(frame.columns) == [
        "gate",
        "kind",
        "subject",
        "group",
        "metric",
        "value",
        "unit",
        "limit",
        "verdict",
        "reason",
        "n",
        "dropped",
        "p_value",
        "method",
        "interval_low",
        "interval_high",
        "confidence",
        "advisory",
    ]
    assert frame["gate"].tolist() == ["g0", "g0", "g1"]
    assert frame["verdict"].tolist() == ["pass", "fail", "skip"]
    assert {type(v) for v in frame["verdict"]} == {str}
    assert frame["limit"].tolist() == ["at most 0.2"] * 3
    assert frame["advisory"].tolist() == [False, False, True]
    assert frame.loc[1, "interval_high"] == math.inf
    assert frame["value"].isna().tolist() == [False, False, True]
    pd.testing.assert_frame_equal(found.results[0].to_frame(), frame[:2], check_dtype=False)


def test_frame_holds_names_that_are_no_unicode():
    found = report(result(FAIL, check(FAIL, subject="a\ud800", reason="a\ud800 é")))
    frame = found.to_frame()
    assert frame["subject"].tolist()[-1] == "a\\ud800"
    assert frame["reason"].tolist()[-1] == "a\\ud800 é"


def test_frame_of_nothing_has_its_columns():
    assert report().to_frame().shape == (0, 18)


# the JSON form


def test_the_form_in_full():
    found = Report(
        name="nightly",
        results=(
            GateResult(
                name="drift:psi",
                kind="drift",
                reason="it moved",
                inconclusive="allow",
                seconds=0.25,
                checks=(
                    Check(
                        subject="age",
                        group="sex=f",
                        metric="psi",
                        verdict="fail",
                        reason="it moved",
                        value=math.inf,
                        limit=Limit(at_most=2**53 + 1),
                        interval=(-math.inf, 0.5),
                        confidence=0.95,
                        n=2**60,
                        dropped=3,
                        p_value=0.5,
                        method="bins",
                        unit="share",
                        details={"edges": [1, math.inf, None], "of": {"a": True}},
                    ),
                ),
            ),
        ),
        provenance={"commit": None, "versions": {"python": "3.11.7"}},
    )
    written = {
        "format": "mlgates.report",
        "version": 1,
        "name": "nightly",
        "verdict": "fail",
        "results": [
            {
                "name": "drift:psi",
                "kind": "drift",
                "verdict": "fail",
                "reason": "it moved",
                "advisory": False,
                "inconclusive": "allow",
                "seconds": 0.25,
                "checks": [
                    {
                        "subject": "age",
                        "group": "sex=f",
                        "metric": "psi",
                        "value": "Infinity",
                        "unit": "share",
                        "limit": {"at_least": None, "at_most": "9007199254740993"},
                        "verdict": "fail",
                        "reason": "it moved",
                        "interval": ["-Infinity", 0.5],
                        "confidence": 0.95,
                        "n": "1152921504606846976",
                        "dropped": 3,
                        "p_value": 0.5,
                        "method": "bins",
                        "by_chance": False,
                        "details": {"edges": [1, "Infinity", None], "of": {"a": True}},
                    }
                ],
            }
        ],
        "provenance": {"commit": None, "versions": {"python": "3.11.7"}},
    }
    assert found.to_dict() == written
    assert json.loads(found.to_json(), parse_constant=pytest.fail) == written
    again = Report.from_dict(written)
    assert again.to_dict() == written
    assert again.results[0].checks[0].value == math.inf
    assert again.results[0].checks[0].n == 2**60


def test_details_are_the_same_when_they_are_loaded(tmp_path):
    details = {"edges": [-math.inf, 0.5, math.inf], "worst": ["Infinity", "sex=f"], "big": 2**60}
    found = report(result(check(FAIL, details=details)))
    found.save(tmp_path / "r.json")
    again = Report.load(tmp_path / "r.json")
    assert again == found
    assert again.results[0].checks[0].details["edges"] == (-math.inf, 0.5, math.inf)
    assert again.results[0].checks[0].details["worst"] == ("Infinity", "sex=f")


TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
FINITE = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = FINITE | st.sampled_from([math.inf, -math.inf, 0, -0.0])
SHARES = st.none() | st.floats(0, 1)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | TEXTS
    | st.sampled_from(["Infinity", "-Infinity", "'Infinity", "''-Infinity", "'", "Infinity "])
    | st.sampled_from([str(2**60), f"'{2**60}", "0" * 15 + "1", "9" * 15 + "7", "\u0661" * 16])
    | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
DETAILS = st.dictionaries(TEXTS, PLAIN, max_size=3)


@st.composite
def limits(draw):
    low, high = draw(st.none() | FINITE), draw(st.none() | FINITE)
    if low is None and high is None:
        return None
    if low is not None and high is not None and low > high:
        low, high = high, low
    return Limit(low, high)


@st.composite
def checks(draw):
    value, limit = draw(st.none() | NUMBERS), draw(limits())
    finite = value is not None and math.isfinite(value)
    verdict = draw(st.sampled_from(Verdict))
    if verdict is PASS and not (finite and limit and limit.holds(value)):
        verdict = FAIL
    interval = draw(st.none() | st.tuples(NUMBERS, NUMBERS))
    return Check(
        subject=draw(TEXTS),
        metric=draw(TEXTS),
        verdict=verdict,
        reason=draw(TEXTS),
        group=draw(st.none() | TEXTS),
        value=value,
        limit=limit,
        interval=None if interval is None else sorted(interval),
        confidence=draw(SHARES),
        n=draw(st.integers(0, 2**60)),
        dropped=draw(st.integers(0, 2**60)),
        p_value=draw(SHARES),
        method=draw(TEXTS),
        unit=draw(st.sampled_from(["", "share", "s", "rows"])),
        by_chance=finite and verdict is INCONCLUSIVE and draw(st.booleans()),
        details=draw(DETAILS),
    )


NAMES = TEXTS.filter(str.strip)
REPORTS = st.builds(
    Report,
    name=NAMES,
    provenance=DETAILS,
    results=st.lists(
        st.builds(
            GateResult,
            name=NAMES,
            kind=NAMES,
            checks=st.lists(checks(), min_size=1, max_size=3).map(tuple),
            reason=TEXTS,
            advisory=st.booleans(),
            inconclusive=st.sampled_from(["block", "allow"]),
            seconds=st.floats(0, 1e6),
        ),
        max_size=3,
        unique_by=lambda r: r.name,
    ).map(tuple),
)


@given(REPORTS)
def test_any_report_comes_back_as_it_was(found):
    text = found.to_json()
    assert text.isascii()
    again = Report.from_dict(json.loads(text, parse_constant=pytest.fail))
    assert again == found
    assert again.to_json() == text
    assert [r.seconds for r in again] == [r.seconds for r in found]
    assert again.verdict is found.verdict
    assert pickle.loads(pickle.dumps(found)) == found
    assert "\x1b" not in str(found)


@given(REPORTS)
def test_any_report_follows_the_published_schema_but_for_its_provenance(report_schema, found):
    errors = list(report_schema.iter_errors(json.loads(found.to_json())))
    assert [e for e in errors if list(e.path)[:1] != ["provenance"]] == []


WHOLE = report(result(PASS, check(FAIL, group="a", interval=(0, 1)), name="g")).to_dict()


def broken(path, value):
    """The whole form with the value at a path replaced; ``...`` takes it away."""
    data = json.loads(json.dumps(WHOLE))
    at = data
    for key in path[:-1]:
        at = at[key]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return data


RESULT = ("results", 0)
CHECK = (*RESULT, "checks", 1)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            ("format",),
            "mlgates.baseline",
            (
                "report: `format` must be 'mlgates.report', got 'mlgates.baseline'; "
                "a report is a .json file written by `Report.save`"
            ),
        ),
        (("version",), 2, "report: this version of mlgates reads the format version 1, got 2"),
        (
            ("version",),
            True,
            "report: this version of mlgates reads the format version 1, got True",
        ),
        (("version",), 1.0, "report: this version of mlgates reads the format version 1, got 1.0"),
        (("version",), "1", "report: this version of mlgates reads the format version 1, got '1'"),
        (("name",), 5, "report: `name` must be a string, got 5"),
        (("name",), "", "report: Report: `name` must be a non-empty string, got ''"),
        (("name",), ..., "report: the key `name` is missing"),
        (("extra",), 1, "report: the key 'extra' is unknown"),
        (("results",), None, "`results` must be a list, got NoneType"),
        (("results",), {}, "`results` must be a list, got dict"),
        (("results",), "g", "`results` must be a list, got str"),
        (("provenance",), None, "report: `provenance` must be a JSON object, got NoneType"),
        (("provenance",), [], "report: `provenance` must be a JSON object, got list"),
        (
            ("provenance",),
            {"x": {1, 2}},
            (
                "report: details: `x` must be made of None, bools, numbers, strings, sequences and "
                "mappings, got set"
            ),
        ),
        (
            ("verdict",),
            "pass",
            "report: the stored verdict is 'pass', but its checks give 'fail'",
        ),
        (("verdict",), None, "report: the stored verdict is None, but its checks give 'fail'"),
        (RESULT, 5, "`result` must be a JSON object, got int"),
        ((*RESULT, "seconds"), ..., "result: the key `seconds` is missing"),
        ((*RESULT, "colour"), 1, "result: the key 'colour' is unknown"),
        ((*RESULT, "name"), None, "`name` must be a string, got None"),
        (
            (*RESULT, "verdict"),
            "pass",
            "result 'g0': the stored verdict is 'pass', but its checks give 'fail'",
        ),
        (
            (*RESULT, "advisory"),
            1,
            "result 'g0': GateResult: `advisory` must be True or False, got 1",
        ),
        (
            (*RESULT, "inconclusive"),
            [],
            "result 'g0': GateResult: `inconclusive` must be one of 'block', 'allow', got []",
        ),
        (
            (*RESULT, "seconds"),
            None,
            "result 'g0': GateResult: `seconds` must be a finite number of at least 0, got None",
        ),
        (
            (*RESULT, "seconds"),
            "Infinity",
            "result 'g0': GateResult: `seconds` must be a finite number of at least 0, got inf",
        ),
        ((*RESULT, "reason"), 5, "result 'g0': GateResult: `reason` must be a string, got 5"),
        (
            (*RESULT, "checks"),
            [],
            "result 'g0': GateResult: `checks` must be one or more Check objects, got ()",
        ),
        ((*RESULT, "checks"), "x", "result 'g0': `checks` must be a list, got str"),
        (CHECK, None, "result 'g0': `check` must be a JSON object, got NoneType"),
        ((*CHECK, "n"), ..., "result 'g0': check: the key `n` is missing"),
        ((*CHECK, "size"), 1, "result 'g0': check: the key 'size' is unknown"),
        (
            (*CHECK, "verdict"),
            "great",
            "result 'g0': check of 'x': 'great' is not a valid Verdict",
        ),
        (
            (*CHECK, "verdict"),
            "pass",
            (
                "result 'g0': check of 'x': a PASS needs a finite value within its limit, "
                "got 0.3 (limit: at most 0.2)"
            ),
        ),
        ((*CHECK, "subject"), None, "result 'g0': `subject` must be a string, got None"),
        ((*CHECK, "group"), 5, "result 'g0': `group` must be a string, got 5"),
        ((*CHECK, "value"), "0.3", "result 'g0': `value` must be a number, got '0.3'"),
        ((*CHECK, "value"), True, "result 'g0': `value` must be a number, got True"),
        (
            (*CHECK, "n"),
            None,
            (
                "result 'g0': check of 'x': Check: `n` must be a whole number of "
                "at least 0, got None"
            ),
        ),
        (
            (*CHECK, "n"),
            1.0,
            ("result 'g0': check of 'x': Check: `n` must be a whole number of at least 0, got 1.0"),
        ),
        (
            (*CHECK, "dropped"),
            -1,
            (
                "result 'g0': check of 'x': Check: `dropped` must be a whole "
                "number of at least 0, got -1"
            ),
        ),
        (
            (*CHECK, "p_value"),
            2,
            (
                "result 'g0': check of 'x': Check: `p_value` must be "
                "between 0 and 1, got 2; shares are not percentages: write 0.02"
            ),
        ),
        (
            (*CHECK, "limit"),
            0.2,
            "result 'g0': check of 'x': `limit` must be a JSON object, got float",
        ),
        (
            (*CHECK, "limit"),
            {"at_most": 1},
            "result 'g0': check of 'x': limit: the key `at_least` is missing",
        ),
        (
            (*CHECK, "limit"),
            {"at_least": None, "at_most": None},
            "result 'g0': check of 'x': Limit: `at_least` or `at_most` must be given",
        ),
        (
            (*CHECK, "limit"),
            {"at_least": None, "at_most": "Infinity"},
            "result 'g0': check of 'x': Limit: `at_most` must be a finite number, got inf",
        ),
        ((*CHECK, "interval"), 5, "result 'g0': `interval` must be a list, got int"),
        (
            (*CHECK, "interval"),
            [1, 0],
            "result 'g0': check of 'x': Check: `interval` must be (low, high), got (1, 0)",
        ),
        ((*CHECK, "by_chance"), 0, "result 'g0': `by_chance` must be true or false, got 0"),
        (
            (*CHECK, "by_chance"),
            True,
            (
                "result 'g0': check of 'x': `by_chance` must be False unless the check is "
                "INCONCLUSIVE with a finite value"
            ),
        ),
        ((*CHECK, "details"), [], "result 'g0': `details` must be a JSON object, got list"),
        (
            (*CHECK, "unit"),
            "km",
            (
                "result 'g0': check of 'x': Check: `unit` must be one of '', "
                "'share', 's', 'rows', 'violations', got 'km'"
            ),
        ),
    ],
)
def test_a_broken_form_is_refused(path, value, message):
    data = broken(path, value)
    with pytest.raises(EvidenceError) as caught:
        Report.from_dict(data)
    assert str(caught.value) == message


def test_a_form_with_two_results_of_one_name_is_refused():
    data = json.loads(json.dumps(WHOLE))
    data["results"].append(data["results"][0])
    with pytest.raises(EvidenceError) as caught:
        Report.from_dict(data)
    assert str(caught.value) == "report: Report: result names must be unique, got 'g0' 2 times"


def test_keys_that_are_no_texts_are_refused():
    with pytest.raises(EvidenceError, match=r"^report: the key 'z' is unknown$"):
        Report.from_dict({**WHOLE, 5: 1, "z": 2})


@pytest.mark.parametrize("data", [None, 5, "x", [], [WHOLE]], ids=range(5))
def test_values_that_are_no_json_form_are_refused(data):
    with pytest.raises(EvidenceError, match=r"^`report` must be a JSON object, got \w+$"):
        Report.from_dict(data)


def as_json_carries(value):
    """Numbers that JSON lacks as texts; what is a text stays as it is."""
    if isinstance(value, dict):
        return {key: as_json_carries(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json_carries(item) for item in value]
    return value if isinstance(value, str) else plain(value)


@given(st.data())
def test_a_form_with_any_value_replaced_is_refused_or_read_and_never_crashes(data):
    whole = json.loads(json.dumps(WHOLE))
    at = whole
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at)))
        key = data.draw(st.sampled_from(keys))
        if not at[key] or not isinstance(at[key], dict | list) or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(PLAIN)
    try:
        found = Report.from_dict(whole)
    except EvidenceError:
        return
    assert found.to_dict() == as_json_carries(whole)
    assert isinstance(str(found), str)


# files


def test_save_and_load(tmp_path):
    found = report(result(PASS))
    found.save(tmp_path / "r.json")
    assert Report.load(tmp_path / "r.json") == Report.load(str(tmp_path / "r.json")) == found
    assert (tmp_path / "r.json").read_text() == found.to_json()
    found.save(tmp_path / "R.TXT")
    assert (tmp_path / "R.TXT").read_text() == f"{found}\n"
    for suffix, form in (
        (".html", found.to_html()),
        (".md", found.to_markdown()),
        (".xml", found.to_junit_xml()),
    ):
        found.save(tmp_path / f"r{suffix}")
        assert (tmp_path / f"r{suffix}").read_text(encoding="utf-8") == form


@pytest.mark.parametrize("name", ["r.pdf", "r", ".json", "r.json.gz"])
def test_save_knows_its_suffixes(tmp_path, name):
    with pytest.raises(
        OptionError, match=r"^report\.save: the path must end in \.html, .* or \.txt"
    ):
        report(result(PASS)).save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_save_that_fails_raises(tmp_path):
    with pytest.raises(FileNotFoundError):
        report(result(PASS)).save(tmp_path / "absent" / "r.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        ("", "not readable as JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "`report` must be a JSON object, got list"),
        (
            '{"verdict": "fail", "verdict": "pass"}',
            "not strict JSON: the key 'verdict' occurs twice",
        ),
        (
            json.dumps({**WHOLE, "verdict": "pass"}),
            "report: the stored verdict is 'pass', but its checks give 'fail'",
        ),
        (
            json.dumps(WHOLE).replace("0.3", "NaN"),
            "not strict JSON: numbers must be finite, got NaN",
        ),
    ],
    ids=range(6),
)
def test_load_names_the_file(tmp_path, content, message):
    path = tmp_path / "r.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(EvidenceError) as caught:
        Report.load(path)
    assert str(caught.value) == f"{path}: {message}"


def test_every_truncation_of_a_file_is_refused(tmp_path):
    path = tmp_path / "r.json"
    text = report(result(PASS)).to_json().rstrip()
    for size in range(0, len(text), 7):
        path.write_text(text[:size])
        with pytest.raises(EvidenceError, match=r"not readable as JSON|must be a JSON object"):
            Report.load(path)


def test_reports_are_values():
    one = report(result(PASS), provenance={"commit": None})
    assert one == report(result(PASS), provenance={"commit": None})
    assert hash(one) == hash(report(result(PASS)))
    assert one != report(result(PASS), provenance={"commit": "x"})
    assert one != report(result(FAIL), provenance={"commit": None})
    with pytest.raises(FrozenInstanceError):
        one.name = "other"
    with pytest.raises(TypeError):
        one.provenance["commit"] = "x"


def test_hints_and_notes_are_optional_in_json():
    check = Check(subject="x", metric="m", verdict="fail", reason="no", hint="sort it")
    result = GateResult(name="g", kind="g", checks=(check,), note="columns not judged: `y`")
    report = Report(name="s", results=(result,))
    written = report.to_dict()
    assert written["results"][0]["note"] == "columns not judged: `y`"
    assert written["results"][0]["checks"][0]["hint"] == "sort it"
    assert Report.from_dict(written) == report
    del written["results"][0]["note"], written["results"][0]["checks"][0]["hint"]
    plain = Report.from_dict(written)
    assert (plain.results[0].note, plain.results[0].checks[0].hint) == ("", "")
    assert "note" not in plain.to_dict()["results"][0]
    for wrong in (3, None):
        with pytest.raises(EvidenceError, match="`note` must be a string"):
            Report.from_dict({**written, "results": [{**written["results"][0], "note": wrong}]})


# metadata

METADATA = {
    "model": "credit",
    "version": "7",
    "auc": 0.91,
    "seeds": [1, 2],
    "large": 2**60,
    "text": "Infinity",
    "bound": math.inf,
    "owner": None,
    "training": {"rows": 5, "final": True},
}


def described_suite():
    return mg.GateSuite([mg.Completeness()], name="loans")


def test_metadata_is_kept_by_reports_results_and_json(tmp_path, report_schema):
    report = described_suite().run(data={"x": [1.0]}, metadata=METADATA)
    result = mg.Completeness().run(data={"x": [1.0]}, metadata=METADATA)
    for thing in (report, result):
        assert thing.metadata == {**METADATA, "seeds": (1, 2)}
    assert report.to_dict()["metadata"]["large"] == str(2**60)
    assert mg.Report(name="r", results=(result,)).results[0].metadata == result.metadata
    report.save(tmp_path / "r.json")
    loaded = Report.load(tmp_path / "r.json")
    assert loaded == report
    assert loaded.metadata == report.metadata
    alone = mg.Report(name="r", results=(result,), provenance=report.provenance)
    report_schema.validate(alone.to_dict())
    assert Report.from_dict(alone.to_dict()) == alone
    assert pickle.loads(pickle.dumps(result)) == result
    assert hash(report) == hash(replace(report, metadata={}))


def test_every_form_shows_metadata():
    report = described_suite().run(data={"x": [1.0]}, metadata=METADATA)
    assert str(report).splitlines()[1].startswith("model: credit; version: 7; auc: 0.91")
    assert "\n\nmodel: credit; version: 7; auc: 0.91" in report.to_markdown()
    assert "model: credit · version: 7 · auc: 0.91" in report.to_html()
    assert '<property name="metadata.version" value="7" />' in report.to_junit_xml()
    assert "metadata" not in described_suite().run(data={"x": [1.0]}).to_dict()


def test_long_metadata_is_shortened_and_gives_no_commands_to_a_ci_server():
    many = {f"name{i}": "##[error]<script>" for i in range(100)}
    report = described_suite().run(data={"x": [1.0]}, metadata=many)
    assert "80 more" in str(report)
    assert "##[error]" not in str(report)
    assert "<script>" not in report.to_html() + report.to_markdown() + report.to_junit_xml()


def test_secrets_in_metadata_are_hidden():
    given = {
        "api_key": "abcdef",
        "note": "ask ann@example.org, token=abc",
        "store": "s3://user:word@host/model",
        "inner": [{"password": 5, "token": None}],
        "keyboard": "qwerty",
        "settings": '{"db_password": "hunter2"}',
    }
    kept = described_suite().run(data={"x": [1.0]}, metadata=given).metadata
    assert kept == {
        "api_key": "<hidden>",
        "note": "ask <address> token=<hidden>",
        "store": "<address>",
        "inner": ({"password": "<hidden>", "token": None},),
        "keyboard": "qwerty",
        "settings": '{"db_password": <hidden>',
    }


@pytest.mark.parametrize(
    "name",
    [
        *(
            "apiKey",
            "apikey",
            "accessKey0",
            "AWS_SECRET_ACCESS_KEY",
            "clientSecret",
            "PGPASSWORD",
        ),
        *("passwords", "db_password2", "dbPassword", "credentials", "auth", "bearer", "pw"),
        *("access_tokens", "private-key", "hf.token"),
    ],
)
def test_values_under_the_name_of_a_secret_are_hidden_with_all_they_contain(name):
    given = {name: {"user": "hunter2", "more": ["hunter2"]}, "plain": {name: "hunter2"}}
    report = described_suite().run(data={"x": [1.0]}, metadata=given)
    assert "hunter2" not in report.to_json()
    assert report.metadata["plain"] == {name: "<hidden>"}


def test_names_that_only_resemble_those_of_secrets_are_shown():
    given = {"monkey": 1, "author": "Ann", "max_tokens": 4, "keywords": "a", "bypass": True}
    assert described_suite().run(data={"x": [1.0]}, metadata=given).metadata == given


def nested(levels):
    return {"a": nested(levels - 1)} if levels else 1


CYCLE = {}
CYCLE["a"] = CYCLE


@pytest.mark.parametrize(
    "bad",
    [5, "", 0, [("a", 1)], {1: 2}, {"a": object()}, {"a": {1, 2}}, CYCLE, nested(21)],
    ids=range(9),
)
def test_bad_metadata_raises(bad):
    for run in (described_suite().run, mg.Completeness().run):
        with pytest.raises(OptionError, match="`metadata` must be a mapping of names to None"):
            run(data={"x": [1.0]}, metadata=bad)
    assert described_suite().run(data={"x": [1.0]}, metadata=nested(20)).passed
