"""The verdicts and messages of `Canary`."""

import math

import pytest
from gate_examples import Example
from hypothesis import given, settings
from hypothesis import strategies as st

import mlgates as mg
from mlgates.cli.arguments import FORMS
from mlgates.render import render
from mlgates.stats import sequential
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR


def one_look(
    candidate, production, *, requests=(10_000, 90_000), share=0.1, traffic=None, look=None
):
    """Return traffic with counts of the event "errors"."""
    return (traffic or mg.Traffic()).add(
        candidate={"requests": requests[0], "errors": candidate},
        production={"requests": requests[1], "errors": production},
        share=share,
        look=look,
    )


def run(*counts, gate=None, **traffic):
    """Return the checks of the split and of "errors"."""
    gate = gate or mg.Canary("errors")
    return gate.run(traffic=one_look(*counts, **traffic)).checks


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": ()}, "`events` must be a name or a non-empty sequence of names, got ()"),
        ({"events": ""}, "`events` must be a non-empty string, got ''"),
        ({"events": ["errors", "errors"]}, "`events` must be names that are all different"),
        ({"events": "requests"}, "`events` must be names other than 'requests'"),
        ({"max_increase": -0.1}, "`max_increase` must be a finite number of at least 0"),
        ({"max_increase": None}, "`max_increase` must be a finite number of at least 0"),
        (
            {"max_decrease": 1},
            "`max_decrease` must be a finite number of at least 0 and at most 0.99",
        ),
        (
            {"max_decrease": 0.1, "max_increase": 0.2},
            (
                "`max_increase` must be left out if `max_decrease` is given, got 0.2; use one gate "
                "for each"
            ),
        ),
        ({"min_requests": 0}, "`min_requests` must be a whole number of at least 1, got 0"),
        ({"min_requests": 10.0}, "`min_requests` must be a whole number of at least 1, got 10.0"),
        ({"rollback_error": 0}, "`rollback_error` must be a finite number of at least 1e-12"),
        ({"promote_error": 0.6}, "`promote_error` must be a finite number of at least 1e-12 and"),
        ({"negligible": 0}, "`negligible` must be a finite number of at least 1e-12"),
        (
            {"negligible": 0.1, "max_decrease": 0.1},
            "`negligible` must be None if `max_decrease` is given, got 0.1",
        ),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Canary(**({"events": "errors"} | options))
    assert str(caught.value).startswith(f"Canary: {message}")


def test_name_and_form():
    gate = mg.Canary(["errors", "slow"])
    assert gate.name == "canary:errors,slow"
    assert mg.Canary("errors") == mg.Canary(("errors",))
    assert repr(mg.Canary("sales", max_decrease=0.05)) == "Canary(('sales',), max_decrease=0.05)"
    suite = mg.GateSuite([gate, mg.Canary("sales", max_decrease=0.05)])
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


# The rule


@pytest.mark.parametrize(
    ("counts", "share", "verdict", "e_worse", "e_not_worse"),
    [
        ((30, 15), 0.5, INCONCLUSIVE, 6.7982122, 0.22691477),
        ((15, 30), 0.5, PASS, 0.12903003, 194.21927),
        ((30, 135), 0.1, INCONCLUSIVE, 56.976039, 0.1338414),
        ((0, 40), 0.1, PASS, 0.2263244, 22.435516),
        ((60, 30), 0.5, INCONCLUSIVE, 63.27139, 0.13632059),
        ((5, 0), 0.1, INCONCLUSIVE, 66.071608, 0.23837784),
        ((6, 0), 0.1, FAIL, 236.19268, 0.20377707),
    ],
)
def test_verdicts_and_evidence(counts, share, verdict, e_worse, e_not_worse):
    requests = (int(100_000 * share), int(100_000 * (1 - share)))
    split, check = run(*counts, share=share, requests=requests)
    assert split.passed
    assert check.verdict is verdict
    assert check.details["e_worse"] == pytest.approx(e_worse, rel=1e-7)
    assert check.details["e_not_worse"] == pytest.approx(e_not_worse, rel=1e-7)
    assert check.p_value == pytest.approx(min(1, 1 / e_worse))
    assert check.confidence == pytest.approx(0.94)


def test_details_have_counts_and_rates_of_both_models():
    _, check = run(30, 135, requests=(1_000, 9_000))
    assert (check.subject, check.metric, check.value, check.n) == (
        "errors",
        "rate_ratio",
        2,
        10_000,
    )
    assert check.interval == pytest.approx((0.9560664, 3.4038284))
    details = dict(check.details)
    assert details["counts"] == {"candidate": 30, "production": 135}
    assert details["requests"] == {"candidate": 1_000, "production": 9_000}
    assert details["rates"] == {"candidate": 0.03, "production": 0.015}
    assert details["requests_needed"] == 12_000


@pytest.mark.parametrize(
    ("counts", "given", "verdict", "reason"),
    [
        (
            (45, 150),
            {"requests": (1_000, 9_000)},
            FAIL,
            (
                "the rate of `errors` is 2.7 times that of production (45 of 1,000 requests "
                "against 150 of 9,000; 94 % interval 1.47 to 4.277); the limit is at most 1.5"
            ),
        ),
        (
            (30, 135),
            {"requests": (1_000, 9_000)},
            INCONCLUSIVE,
            (
                "the rate of `errors` is 2 times that of production (30 of 1,000 requests against "
                "135 of 9,000; 94 % interval 0.9561 to 3.404); not significant at this sample "
                "size; about 12,000 requests would be enough to decide (limit: at most 1.5)"
            ),
        ),
        (
            (41, 360),
            {"requests": (2_000, 18_000)},
            INCONCLUSIVE,
            (
                "the rate of `errors` is 1.025 times that of production (41 of 2,000 requests "
                "against 360 of 18,000; 94 % interval 0.5605 to 1.589); within the limit, but not "
                "significantly; about 28,000 requests would be enough to decide (limit: at most "
                "1.5)"
            ),
        ),
        (
            (90, 900),
            {"requests": (900, 9_100)},
            INCONCLUSIVE,
            (
                "the rate of `errors` is 0.9 times that of production (90 of 900 requests against "
                "900 of 9,100; 94 % interval 0.6022 to 1.226); the candidate has 900 requests, at "
                "least 1,000 are needed to pass; about 12,000 requests would be enough to decide "
                "(limit: at most 1.5)"
            ),
        ),
        (
            (4, 0),
            {},
            INCONCLUSIVE,
            (
                "`errors` happened only with the candidate (4 of 10,000 requests against 0 of "
                "90,000; the ratio of the rates is infinite, 94 % interval from 0 upwards); a PASS "
                "needs at least one such event in production; about 140,000 requests would be "
                "enough to decide (limit: at most 1.5)"
            ),
        ),
        (
            (6, 0),
            {},
            FAIL,
            (
                "`errors` happened only with the candidate (6 of 10,000 requests against 0 of "
                "90,000; the ratio of the rates is infinite, 94 % interval from 1.596 upwards); "
                "the limit is at most 1.5"
            ),
        ),
        (
            (0, 0),
            {},
            INCONCLUSIVE,
            (
                "`errors` did not happen (0 of 10,000 requests against 0 of 90,000); a ratio of "
                "rates needs at least one event; to allow a PASS without events, set "
                "`negligible` to a rate that is too small to matter (limit: at most 1.5)"
            ),
        ),
        (
            (0, 0),
            {"requests": (0, 0)},
            INCONCLUSIVE,
            ("the rate of `errors` can't be computed; no requests to measure (limit: at most 1.5)"),
        ),
    ],
)
def test_reasons(counts, given, verdict, reason):
    check = run(*counts, **given)[1]
    assert (check.verdict, check.reason) == (verdict, reason)


def test_decrease_of_a_wanted_event():
    gate = mg.Canary("errors", max_decrease=0.05)
    for counts, e_worse, e_not_worse in (
        ((30, 15), 0.12903003, 9.569876),
        ((15, 30), 6.7982122, 0.13691964),
    ):
        check = run(*counts, gate=gate, share=0.5, requests=(50_000, 50_000))[1]
        assert check.verdict is INCONCLUSIVE
        assert check.details["e_worse"] == pytest.approx(e_worse, rel=1e-7)
        assert check.details["e_not_worse"] == pytest.approx(e_not_worse, rel=1e-7)
        assert str(check.limit) == "at least 0.95"
    assert run(30, 135, gate=gate)[1].verdict is PASS
    assert run(20, 400, gate=gate)[1].verdict is FAIL
    # without an event in production there is nothing that the candidate could reach
    alone = run(100, 0, gate=gate)[1]
    assert alone.verdict is INCONCLUSIVE
    assert "a PASS needs at least one such event in production (limit" in alone.reason
    assert run(0, 400, gate=gate)[1].verdict is FAIL


def test_rollback_error_is_divided_among_events_and_promotion_is_not():
    traffic = one_look(6, 0)
    both = mg.Traffic().add(
        candidate=dict(traffic.to_dict()["looks"][0]["candidate"], slow=15),
        production=dict(traffic.to_dict()["looks"][0]["production"], slow=300),
        share=0.1,
    )
    alone = mg.Canary("errors").run(traffic=both)
    result = mg.Canary(["slow", "errors"]).run(traffic=both)
    assert [check.subject for check in result.checks] == ["split", "slow", "errors"]
    assert alone.verdict is FAIL
    assert alone.checks[1].p_value == pytest.approx(1 / 236.19268)
    three = mg.Canary(["slow", "errors", "more"]).run(
        traffic=mg.Traffic().add(
            candidate={"requests": 10_000, "errors": 6, "slow": 15, "more": 0},
            production={"requests": 90_000, "errors": 0, "slow": 300, "more": 40},
            share=0.1,
        )
    )
    assert [check.verdict for check in three.checks] == [PASS, PASS, INCONCLUSIVE, PASS]
    assert three.checks[2].p_value == pytest.approx(3 / 236.19268)
    assert three.checks[2].confidence == pytest.approx(1 - 0.01 / 3 - 0.05)


COUNTS = st.tuples(st.integers(0, 400), st.integers(0, 400), st.sampled_from([0.01, 0.1, 0.5]))


@given(st.lists(COUNTS, min_size=1, max_size=3), st.sampled_from([None, 0.0, 0.05, 0.3]))
@settings(max_examples=60, deadline=None)
def test_verdict_follows_from_the_interval(looks, decrease):
    """FAIL and PASS never coincide; PASS is an interval that ends before the limit."""
    traffic = mg.Traffic()
    for candidate, production, share in looks:
        requests = int(1e6 * share), int(1e6 * (1 - share))
        traffic = one_look(candidate, production, share=share, requests=requests, traffic=traffic)
    gate = mg.Canary("errors", max_decrease=decrease)
    check = gate.run(traffic=traffic).checks[1]
    columns = list(zip(*looks, strict=True))
    estimate = sequential.ratio_estimate(*columns)
    if math.isnan(estimate):
        assert check.verdict is INCONCLUSIVE
        return
    low, high = sequential.ratio_interval(
        *columns,
        **({"lower": 100, "upper": 20} if decrease is None else {"lower": 20, "upper": 100}),
    )
    assert check.interval == (low, high)
    if decrease is None:
        worse, within = low >= 1 and estimate > 1.5, high <= 1.5
    else:
        worse = high <= 1 and estimate < 1 - decrease
        within = low >= 1 - decrease and estimate < math.inf
    assert not (worse and within)
    # (ends are computed to 13 digits)
    if min(abs(low - 1), abs(high - 1.5), abs(high - 1), abs(low - 1 + (decrease or 0))) > 1e-9:
        assert check.verdict is (FAIL if worse else PASS if within else INCONCLUSIVE)


def test_looks_keep_their_own_share():
    """The base rate rises while the share does: pooled rates would show four times the errors."""
    traffic = one_look(10, 990, requests=(1_000, 99_000), share=0.01)
    traffic = one_look(2_000, 2_000, requests=(50_000, 50_000), share=0.5, traffic=traffic)
    check = mg.Canary("errors").run(traffic=traffic).checks[1]
    assert check.verdict is PASS
    assert check.value == pytest.approx(1)
    pooled = check.details["rates"]
    assert pooled["candidate"] / pooled["production"] > 1.9


def test_looks_without_a_comparison_do_not_count():
    traffic = one_look(15, 30, share=0.5, requests=(900, 900))
    for share in (0.0, 1.0):
        traffic = one_look(500, 0, share=share, requests=(50_000, 40_000), traffic=traffic)
    split, check = mg.Canary("errors").run(traffic=traffic).checks
    assert split.n == check.n == 1_800
    assert check.verdict is INCONCLUSIVE
    assert "the candidate has 900 requests, at least 1,000 are needed" in check.reason


def test_order_of_looks_makes_no_difference():
    parts = [(10, 50, 0.1), (5, 3, 0.5), (0, 9, 0.01)]

    def result(looks):
        traffic = mg.Traffic()
        for candidate, production, share in looks:
            traffic = one_look(
                candidate,
                production,
                share=share,
                requests=(int(1e6 * share), int(1e6 * (1 - share))),
                traffic=traffic,
            )
        return mg.Canary("errors").run(traffic=traffic).checks[1]

    one, other = result(parts), result(parts[::-1])
    assert one.verdict is other.verdict
    assert one.value == pytest.approx(other.value)
    assert one.details["e_worse"] == pytest.approx(other.details["e_worse"])


# The split


@pytest.mark.parametrize(
    ("requests", "share", "e_value", "verdict"),
    [
        ((1_000, 9_000), 0.1, 0.40810499, PASS),
        ((1_100, 8_900), 0.1, 36.172973, PASS),
        ((1_150, 8_850), 0.1, 9_004.541, ERROR),
        ((5_200, 4_800), 0.5, 321.33165, PASS),
        ((150, 9_850), 0.01, 3_811.9803, ERROR),
    ],
)
def test_split(requests, share, e_value, verdict):
    split, check = run(0, 40, requests=requests, share=share)
    assert (split.subject, split.metric, split.verdict) == ("split", "e_value", verdict)
    assert split.value == pytest.approx(e_value)
    assert split.n == 10_000
    if verdict is ERROR:
        assert check.verdict is INCONCLUSIVE
        assert "the requests were not divided as stated" in check.reason


def test_production_without_requests_is_not_compared():
    _, check = run(20, 0, requests=(1_000, 0))
    assert check.verdict is INCONCLUSIVE
    assert check.reason.startswith(
        "`errors` can't be compared, because production has no requests (20 of 1,000 requests "
        "against 0 of 0); the "
    )
    assert "; the requests were not divided as stated, see the check `split` (" in check.reason


def test_wrong_split_names_both_shares():
    split, _ = run(20, 180, requests=(1_150, 8_850))
    assert split.reason == (
        "11.5 % of 10,000 requests went to the candidate, the stated share is 10 %: the "
        "requests were not divided as stated (e-value 9,005, limit 1,000); check the routing, and "
        "the share of the candidate that was given with the counts"
    )
    assert split.details["shares"] == ({"stated": 0.1, "observed": 0.115, "n": 10_000},)


def test_evidence_against_the_split_is_multiplied_over_shares():
    traffic = one_look(0, 40, requests=(1_100, 8_900))
    traffic = one_look(0, 40, requests=(5_200, 4_800), share=0.5, traffic=traffic)
    split = mg.Canary("errors").run(traffic=traffic).checks[0]
    assert split.value == pytest.approx(36.172973 * 321.33165)
    assert split.verdict is ERROR
    # looks of one share are pooled
    traffic = one_look(0, 40, requests=(600, 4_400))
    traffic = one_look(0, 40, requests=(500, 4_500), traffic=traffic)
    assert mg.Canary("errors").run(traffic=traffic).checks[0].value == pytest.approx(36.172973)


@pytest.mark.parametrize(
    ("candidate", "production", "verdicts"),
    [
        (10**12, 0, [PASS, FAIL]),
        (0, 10**12, [PASS, PASS]),
        (10**9, 9 * 10**9, [PASS, PASS]),
        (0, 0, [PASS, INCONCLUSIVE]),
    ],
)
def test_extreme_counts_have_a_verdict(candidate, production, verdicts):
    given = {"requests": (10**12, 9 * 10**12)}
    for gate in (mg.Canary("errors"), mg.Canary("errors", negligible=1e-15 * 1e4)):
        checks = run(candidate, production, gate=gate, **given)
        if candidate:
            assert [check.verdict for check in checks] == verdicts
        assert not any("Error" in check.reason for check in checks)


# Negligible events


def test_event_that_never_happens_passes_only_as_negligible():
    gate = mg.Canary("errors", negligible=1e-3)
    few, many = (
        run(0, 0, gate=gate, requests=(5_800, 52_200))[1],
        run(0, 0, gate=gate, requests=(5_850, 52_650))[1],
    )
    assert few.verdict is INCONCLUSIVE
    assert few.reason == (
        "`errors` did not happen (0 of 5,800 requests against 0 of 52,200); a ratio of "
        "rates needs at least one event; if there is still none when the candidate has about 5,900 "
        "requests in total, its rate is below 0.1 % (`negligible`), which is a PASS (limit: at "
        "most 1.5)"
    )
    assert (many.verdict, many.metric, many.unit, many.value) == (PASS, "rate", "share", 0)
    assert many.reason == (
        "the rate of `errors` is negligible: 0 % (0 of 5,850 requests against 0 of 52,650); the "
        "limit is at most 0.1 %"
    )
    assert many.details["e_negligible"] >= 20
    assert run(0, 0, requests=(5_850, 52_650))[1].verdict is INCONCLUSIVE


def test_negligible_event_passes_whatever_its_ratio():
    counts, requests = (8, 0), (100_000, 900_000)
    assert run(*counts, requests=requests)[1].verdict is FAIL
    check = run(*counts, requests=requests, gate=mg.Canary("errors", negligible=1e-3))[1]
    assert (check.verdict, check.metric) == (PASS, "rate")
    assert check.details["e_worse"] > 100


def test_negligible_event_needs_requests_of_both_models():
    gate = mg.Canary("errors", negligible=0.1, min_requests=1_000)
    check = run(0, 0, gate=gate, requests=(950, 950), share=0.5)[1]
    assert check.verdict is INCONCLUSIVE
    assert "the candidate has 950 requests, at least 1,000 are needed" in check.reason
    common = run(400, 3_600, gate=gate)[1]
    assert (common.metric, common.verdict) == ("rate", PASS)
    often = run(2_000, 18_000, gate=gate)[1]
    assert (often.metric, often.verdict) == ("rate_ratio", PASS)


# Traffic that does not fit


def test_event_that_was_not_counted_is_an_error_of_its_own():
    result = mg.Canary(["errors_", "errors"]).run(traffic=one_look(15, 300))
    assert [check.verdict for check in result.checks] == [PASS, ERROR, PASS]
    assert result.checks[1].reason == (
        "`rate_ratio` of `errors_` could not be judged: `errors_` was not counted in the traffic; "
        "did you mean 'errors'?"
    )
    other = mg.Canary("clicks").run(traffic=one_look(15, 300))
    assert other.reason.endswith("`clicks` was not counted in the traffic; it has `errors`")


def test_event_that_stops_can_fail_and_can_not_pass():
    silent = {"candidate": {"requests": 1_000}, "production": {"requests": 9_000}, "share": 0.1}
    for counts, verdict in (((0, 400), INCONCLUSIVE), ((60, 0), FAIL)):
        traffic = one_look(*counts)
        assert mg.Canary("errors").run(traffic=traffic).verdict is not INCONCLUSIVE
        check = mg.Canary("errors").run(traffic=traffic.add(**silent)).checks[1]
        assert check.verdict is verdict
        assert check.n == 100_000
    assert (
        "`errors` was counted in only 1 of 2 periods; add its counts for the other period, or "
        "leave the period without counts out of the traffic (limit: at most 1.5)"
        in mg.Canary("errors").run(traffic=one_look(0, 400).add(**silent)).checks[1].reason
    )


def test_no_traffic_is_inconclusive_and_no_traffic_object_is_an_error(tmp_path):
    gate = mg.Canary("errors")
    nothing = gate.run(traffic=mg.Traffic())
    assert [check.verdict for check in nothing.checks] == [INCONCLUSIVE, INCONCLUSIVE]
    for other in ({}, 7, [1, 2]):
        result = gate.run(traffic=other)
        assert result.verdict is ERROR
        assert "`traffic` must be a Traffic or the path of its file, got" in result.reason
    path = tmp_path / "traffic.json"
    assert gate.run(traffic=path).verdict is ERROR
    one_look(0, 40).save(path)
    assert gate.run(traffic=path).verdict is gate.run(traffic=str(path)).verdict is PASS


def test_units_are_named_and_rows_left_out_are_counted():
    log = {
        "arm": ["new", "old", "old", "new", "old"],
        "failed": [True, False, True, True, False],
        "user": ["a", "b", "b", "b", "c"],
    }
    traffic = mg.Traffic.from_log(
        log,
        arm="arm",
        candidate="new",
        production="old",
        share=0.4,
        events={"errors": "failed"},
        unit="user",
    )
    result = mg.Canary("errors").run(traffic=traffic)
    assert "(1 of 1 units against 1 of 2; " in result.reason
    why = "because the model or the share of the unit had changed"
    assert result.note == f"1 row of the log was not counted, {why}"
    assert result.reason.endswith(result.note)


def test_history_over_looks_ends_with_the_measurement():
    traffic = mg.Traffic()
    for i in range(100):
        traffic = one_look(i % 3, 13, requests=(100, 900), traffic=traffic, look=f"10:{i:02}")
    check = mg.Canary("errors").run(traffic=traffic).checks[1]
    looks = check.details["looks"]
    assert (len(looks), looks[0]["look"], looks[-1]["look"]) == (41, "10:00", "10:99")
    assert looks[-1]["value"] == check.value
    assert (looks[-1]["low"], looks[-1]["high"]) == check.interval
    assert "looks" not in run(15, 300)[1].details


def test_every_form_of_a_report_shows_it():
    report = mg.GateSuite([mg.Canary(["errors", "slow"]), mg.Canary("none")]).run(traffic=TRAFFIC)
    for form in FORMS:
        text = render(report, form)
        assert "rate_ratio" in text
        assert "split" in text
    assert "2:00" in report.to_html()


TRAFFIC = mg.Traffic()
for hour in range(3):
    TRAFFIC = TRAFFIC.add(
        candidate={"requests": 4_000, "errors": 80, "slow": 190, "sales": 800},
        production={"requests": 36_000, "errors": 720, "slow": 1_800, "sales": 7_200},
        share=0.1,
        look=f"{hour}:00",
    )

EXAMPLES = (
    Example(
        "canary",
        mg.Canary("errors"),
        others={"traffic": TRAFFIC},
        place="",
        ladders={
            "max_increase": (2.0, 0.5, 0.3, 0.0),
            "min_requests": (1, 1_000, 100_000),
            "promote_error": (0.5, 0.05, 1e-6, 1e-12),
        },
    ),
    Example(
        "canary-options",
        mg.Canary(
            ["errors", "slow"],
            max_increase=1.0,
            min_requests=500,
            rollback_error=0.05,
            promote_error=0.1,
            negligible=0.01,
            name="first hours",
            after="schema",
        ),
        others={"traffic": TRAFFIC},
        place="",
    ),
    Example(
        "canary-decrease",
        mg.Canary("sales", max_decrease=0.1),
        others={"traffic": TRAFFIC},
        place="",
        ladders={"max_decrease": (0.5, 0.1, 0.01, 0.0)},
    ),
)
