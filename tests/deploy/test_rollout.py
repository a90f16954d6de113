"""Rollouts: what each verdict leads to, faults of callers, and the record."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

import mlgates as mg
from mlgates.verdict import Verdict

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAGES = (0.1, 0.5, 1.0)


def rollout(suite=None, **options):
    suite = mg.GateSuite([mg.Canary("errors")]) if suite is None else suite
    given = {"candidate": "v2", "production": "v1", "stages": STAGES}
    return mg.Rollout(suite, **(given | options))


def look(traffic, share, candidate, production, *, requests=None, name=None):
    """Add a look of the event "errors"."""
    requests = requests or (int(100_000 * share), int(100_000 * (1 - share)))
    return traffic.add(
        candidate={"requests": requests[0], "errors": candidate},
        production={"requests": requests[1], "errors": production},
        share=share,
        look=name,
    )


def at(minutes):
    return START + timedelta(minutes=minutes)


GOOD = look(mg.Traffic(), 0.1, 200, 1_800)
BAD = look(mg.Traffic(), 0.1, 500, 1_800)
UNDECIDED = look(mg.Traffic(), 0.1, 20, 180)
#: twice the stated share
ODD = look(mg.Traffic(), 0.1, 200, 1_800, requests=(20_000, 80_000))


# Decisions


def test_good_candidate_goes_through_all_stages():
    plan = rollout()
    state = plan.start(now=START)
    assert (state.share, state.in_production, state.record) == (0.1, "v1", ())
    step = plan.step(state, traffic=GOOD, now=at(30))
    assert (step.action, step.share, step.report.verdict) == ("advance", 0.5, Verdict.PASS)
    assert step.reason == "all gates passed; the next share is 50 %"
    traffic = look(GOOD, 0.5, 900, 900)
    step = plan.step(step.state, traffic=traffic, now=at(60))
    assert (step.action, step.share) == ("advance", 1.0)
    assert step.state.in_production == "v1"
    step = plan.step(step.state, traffic=traffic, now=at(60))
    assert (step.action, step.share) == ("done", 1.0)
    assert step.state.in_production == "v2"
    again = plan.step(step.state, traffic=look(traffic, 0.5, 9_000, 90), now=at(90))
    assert (again.action, again.state, again.report) == ("done", step.state, None)
    assert again.reason.startswith("the rollout ended at 2026-03-01T13:00:00+00:00: all traffic")


@pytest.mark.parametrize("minutes", [0, 5, 60 * 48])
def test_fail_rolls_back_at_any_time(minutes):
    plan = rollout(min_requests=10**6)
    step = plan.step(plan.start(now=START), traffic=BAD, now=at(minutes))
    assert (step.action, step.share, step.state.in_production) == ("roll_back", 0.0, "v1")
    assert step.reason.startswith("canary:errors: the rate of `errors` is 2.5 times that of")
    again = plan.step(step.state, traffic=GOOD, now=at(minutes + 1))
    assert (again.action, again.share, again.state) == ("roll_back", 0.0, step.state)


def test_stage_lasts_until_it_has_its_requests_and_its_time():
    plan = rollout(min_requests=10_001, min_time="20min")
    step = plan.step(plan.start(now=START), traffic=GOOD, now=at(10))
    assert (step.action, step.share) == ("hold", 0.1)
    assert step.reason == (
        "10,000 requests of the candidate since the stage began, at least 10,001 are needed; "
        "10 min after the stage began, at least 20 min is needed"
    )
    more = look(GOOD, 0.1, 0, 0, requests=(1, 9))
    assert plan.step(step.state, traffic=more, now=at(19)).action == "hold"
    assert plan.step(step.state, traffic=more, now=at(20)).action == "advance"


def test_requests_and_time_are_those_of_the_stage():
    plan = rollout()
    first = plan.step(plan.start(now=START), traffic=GOOD, now=at(30))
    same = plan.step(first.state, traffic=GOOD, now=at(60))
    assert same.action == "hold"
    assert same.reason.startswith("0 requests of the candidate since the stage began")
    few = look(GOOD, 0.5, 20, 20, requests=(2_000, 2_000))
    assert plan.step(first.state, traffic=few, now=at(39)).action == "hold"
    assert plan.step(first.state, traffic=few, now=at(40)).action == "advance"


@pytest.mark.parametrize(
    ("at_deadline", "action", "share"), [("roll_back", "roll_back", 0.0), ("hold", "hold", 0.1)]
)
def test_undecided_stage_ends_at_its_deadline(at_deadline, action, share):
    plan = rollout(at_deadline=at_deadline, max_time="24h")
    state = plan.start(now=START)
    early = plan.step(state, traffic=UNDECIDED, now=at(60 * 24 - 1))
    assert (early.action, early.report.verdict) == ("hold", Verdict.INCONCLUSIVE)
    assert early.reason.startswith("canary:errors: the rate of `errors` is 1 times that of")
    late = plan.step(early.state, traffic=UNDECIDED, now=at(60 * 24))
    assert (late.action, late.share) == (action, share)
    assert late.reason.startswith("24 h after the stage began: canary:errors: the rate of")


def test_stage_without_requests_ends_at_its_deadline():
    """Evidence of earlier stages passes, but nothing was shown at the new share."""
    plan = rollout()
    first = plan.step(plan.start(now=START), traffic=GOOD, now=at(30))
    late = plan.step(first.state, traffic=GOOD, now=at(30 + 60 * 24))
    assert (late.action, late.report.verdict) == ("roll_back", Verdict.PASS)
    nothing = plan.step(plan.start(now=START), traffic=mg.Traffic(), now=at(60 * 24))
    assert nothing.action == "roll_back"


@pytest.mark.parametrize("at_deadline", ["roll_back", "hold"])
def test_error_holds_and_rolls_back_at_the_deadline(at_deadline):
    plan = rollout(at_deadline=at_deadline)
    state = plan.start(now=START)
    early = plan.step(state, traffic=ODD, now=at(60))
    assert (early.action, early.report.verdict) == ("hold", Verdict.ERROR)
    assert "the requests were not divided as stated" in early.reason
    late = plan.step(early.state, traffic=ODD, now=at(60 * 24))
    assert (late.action, late.share) == ("roll_back", 0.0)


def test_undecided_stages_advance_if_no_failure_is_enough():
    plan = rollout(advance_on="not_fail")
    state = plan.start(now=START)
    step = plan.step(state, traffic=UNDECIDED, now=at(10))
    assert (step.action, step.reason) == ("advance", "no gate failed; the next share is 50 %")
    assert plan.step(state, traffic=BAD, now=at(10)).action == "roll_back"
    assert plan.step(state, traffic=ODD, now=at(10)).action == "hold"
    few = look(mg.Traffic(), 0.1, 2, 18, requests=(999, 8_991))
    assert plan.step(state, traffic=few, now=at(10)).action == "hold"


def test_step_to_all_traffic_needs_a_pass_in_any_case():
    for stages in ((0.1, 1.0), (0.1,)):
        plan = rollout(stages=stages, advance_on="not_fail")
        state = plan.start(now=START)
        held = plan.step(state, traffic=UNDECIDED, now=at(60))
        assert (held.action, held.share) == ("hold", 0.1)
        assert plan.step(state, traffic=GOOD, now=at(60)).action in ("advance", "done")


def test_last_stage_of_all_traffic_waits_for_nothing_and_stops_for_failures():
    plan = rollout(stages=(0.1, 1.0))
    state = plan.step(plan.start(now=START), traffic=GOOD, now=at(30)).state
    assert plan.step(state, traffic=GOOD, now=at(30)).action == "done"
    late = look(GOOD, 0.1, 900, 1_800)
    assert plan.step(state, traffic=late, now=at(30)).action == "roll_back"
    odd = look(GOOD, 0.1, 200, 1_800, requests=(30_000, 70_000))
    assert plan.step(state, traffic=odd, now=at(30)).action == "hold"
    assert plan.step(state, traffic=odd, now=at(30 + 60 * 24)).action == "roll_back"


def test_last_stage_of_a_part_of_the_traffic_is_judged():
    plan = rollout(stages=(0.1,))
    state = plan.start(now=START)
    assert plan.step(state, traffic=UNDECIDED, now=at(30)).action == "hold"
    step = plan.step(state, traffic=GOOD, now=at(30))
    assert (step.action, step.share, step.reason) == (
        "done",
        0.1,
        "all gates passed in the last stage",
    )


def test_advisory_gates_and_other_evidence():
    suite = mg.GateSuite(
        [
            mg.Canary("errors"),
            mg.Completeness(min_rows=10, advisory=True),
            mg.Freshness("seen", max_age="1h"),
        ]
    )
    plan = rollout(suite)
    data = {"seen": [START]}
    state = plan.start(now=START)
    assert plan.step(state, traffic=GOOD, now=at(30), data=data).action == "advance"
    step = plan.step(state, traffic=GOOD, now=at(90), data=data)
    assert step.action == "roll_back"
    assert step.reason.startswith("freshness:seen: ")


# Evidence across stages


def test_evidence_is_carried_across_stages():
    plan = rollout(stages=(0.1, 0.2, 0.5))
    state = plan.start(now=START)
    step = plan.step(state, traffic=GOOD, now=at(30))
    few = look(GOOD, 0.2, 21, 80, requests=(1_000, 4_000))
    assert plan.step(step.state, traffic=few, now=at(60)).action == "advance"


def test_harm_that_begins_late_is_found_by_the_evidence_of_its_stage():
    suite = mg.GateSuite([mg.Canary("errors")])
    plan = rollout(suite, stages=(0.1, 0.5))
    traffic = look(mg.Traffic(), 0.1, 2_000, 18_000, requests=(100_000, 900_000))
    state = plan.step(plan.start(now=START), traffic=traffic, now=at(30)).state
    harmed = look(traffic, 0.5, 60, 20, requests=(1_000, 1_000))
    alone = suite.run(traffic=harmed)
    assert alone.passed
    step = plan.step(state, traffic=harmed, now=at(32))
    assert step.action == "roll_back"
    check = step.report.results[0].checks[1]
    assert check.reason.startswith(
        "the rate of `errors` is 3 times that of production, counted since stage 2 began (60 of "
        "1,000 "
        "requests against 20 of 1,000; "
    )
    assert check.details["e_worse"] < 100 <= check.details["e_worse_stages"]
    assert check.details["counts"] == {"candidate": 2_060, "production": 18_020}


def test_mean_over_stages_counts_stages_that_have_not_begun():
    """A mean of e-values over a number that changes would not be one."""
    plan = rollout(stages=(0.01, 0.05, 0.1, 1.0))
    step = plan.step(plan.start(now=START), traffic=look(mg.Traffic(), 0.01, 8, 250), now=at(1))
    details = step.report.results[0].checks[1].details
    assert details["e_worse_stages"] == pytest.approx((details["e_worse"] + 2) / 3)
    assert "e_worse_stages" not in mg.Canary("errors").run(traffic=GOOD).checks[1].details


def test_traffic_that_lost_looks_is_an_error():
    plan = rollout()
    state = plan.step(plan.start(now=START), traffic=GOOD, now=at(30)).state
    step = plan.step(state, traffic=look(mg.Traffic(), 0.5, 900, 900), now=at(60))
    assert (step.action, step.report.verdict) == ("hold", Verdict.ERROR)
    assert (
        "the traffic counts fewer requests or events than at the start of a stage of the rollout"
        in step.reason
    )


# Faults of callers


def test_repeated_step_gives_the_same():
    plan = rollout()
    state = plan.start(now=START)
    for traffic in (GOOD, BAD, UNDECIDED, ODD):
        one, other = (plan.step(state, traffic=traffic, now=at(30)) for _ in range(2))
        assert (one.action, one.reason, one.state) == (other.action, other.reason, other.state)
    held = plan.step(state, traffic=UNDECIDED, now=at(30))
    assert plan.step(held.state, traffic=UNDECIDED, now=at(30)).state == held.state
    named = look(mg.Traffic(), 0.1, 20, 180, name="12:05")
    twice = look(named, 0.1, 20, 180, name="12:05")
    assert (
        plan.step(state, traffic=twice, now=at(30)).state
        == plan.step(state, traffic=named, now=at(30)).state
    )


def test_late_look_of_an_earlier_stage_does_not_end_a_stage():
    plan = rollout(stages=(0.1, 0.2, 0.5))
    first = plan.step(plan.start(now=START), traffic=GOOD, now=at(30))
    late = look(GOOD, 0.1, 200, 1_800, name="12:25")
    step = plan.step(first.state, traffic=late, now=at(60))
    assert (step.action, step.share) == ("hold", 0.2)
    assert step.reason.startswith("0 requests of the candidate since the stage began")
    new = look(late, 0.2, 20, 80, requests=(1_000, 4_000), name="12:55")
    assert plan.step(first.state, traffic=new, now=at(60)).action == "advance"


def test_order_of_looks_does_not_matter():
    plan = rollout()
    state = plan.start(now=START)
    given = [("1", 0.1, 150, 1_800), ("2", 0.1, 700, 1_800), ("3", 0.05, 90, 1_700)]
    steps = []
    for looks in (given, given[::-1]):
        traffic = mg.Traffic()
        for name, share, candidate, production in looks:
            traffic = look(traffic, share, candidate, production, name=name)
        steps.append(plan.step(state, traffic=traffic, now=at(30)))
    assert steps[0].reason == steps[1].reason
    assert steps[0].action == steps[1].action == "roll_back"
    assert steps[0].state == steps[1].state


def test_share_that_changes_within_a_look_is_an_error():
    plan = rollout()
    # half of the look at 10 %, half at 50 %
    traffic = look(mg.Traffic(), 0.1, 600, 1_400, requests=(30_000, 70_000))
    step = plan.step(plan.start(now=START), traffic=traffic, now=at(30))
    assert (step.action, step.report.verdict) == ("hold", Verdict.ERROR)
    assert "the requests were not divided as stated" in step.reason


def test_candidate_without_requests_of_production_does_not_advance():
    plan = rollout(advance_on="not_fail")
    traffic = look(mg.Traffic(), 0.1, 20, 0, requests=(1_000, 0))
    step = plan.step(plan.start(now=START), traffic=traffic, now=at(30))
    assert (step.action, step.share, step.report.verdict) == ("hold", 0.1, Verdict.ERROR)


def test_version_that_was_rolled_back_is_not_the_one_to_go_back_to():
    failed = rollout().step(rollout().start(now=START), traffic=BAD, now=at(30)).state
    following = rollout(candidate="v3", production=failed.in_production)
    step = following.step(following.start(now=at(60)), traffic=BAD, now=at(90))
    assert (step.action, step.state.in_production) == ("roll_back", "v1")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"now": at(-1)}, "Rollout: `now` must not be earlier than the last step at 2026-03-01T12"),
        (
            {"now": datetime(2026, 3, 2)},
            "Rollout: `now` must be a datetime with a time zone, such as datetime.now(timezone.utc",
        ),
        ({"traffic": {}}, "Rollout: `traffic` must be a Traffic, got dict"),
        (
            {"state": {}},
            "Rollout: `state` must be a RolloutState that `start` or `step` returned, got dict",
        ),
        (
            {"state": rollout(candidate="v3").start(now=START)},
            "Rollout: `state` belongs to another rollout: its `candidate` is 'v3', expected 'v2'",
        ),
        (
            {"state": rollout(production="v0").start(now=START)},
            "Rollout: `state` belongs to another rollout: its `production` is 'v0', expected 'v1'",
        ),
        (
            {"state": rollout(stages=(0.2, 1.0)).start(now=START)},
            "Rollout: `state` belongs to another rollout: its `stages` is (0.2, 1.0), expected (",
        ),
    ],
)
def test_wrong_arguments_of_a_step_are_refused(change, message):
    plan = rollout()
    given = {"state": plan.start(now=START), "traffic": GOOD, "now": at(30)} | change
    with pytest.raises(mg.EvidenceError) as caught:
        plan.step(given.pop("state"), **given)
    assert str(caught.value).startswith(message)


def test_rollout_needs_a_version_to_go_back_to():
    with pytest.raises(TypeError, match="production"):
        mg.Rollout(mg.GateSuite([mg.Canary("errors")]), candidate="v2")


def test_time_of_the_start_has_a_time_zone():
    with pytest.raises(mg.EvidenceError, match="`now` must be a datetime with a time zone"):
        rollout().start(now=datetime(2026, 3, 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"suite": mg.Canary("errors")}, "`suite` must be a GateSuite"),
        ({"candidate": ""}, "`candidate` must be a non-empty string"),
        ({"candidate": "v1"}, "`candidate` must be another version than `production`, got 'v1'"),
        ({"production": 1}, "`production` must be a non-empty string, got 1"),
        (
            {"stages": ()},
            "`stages` must be a list of shares in ascending order, above 0 and at most 1",
        ),
        (
            {"stages": (0, 1)},
            "`stages` must be a list of shares in ascending order, above 0 and at most 1",
        ),
        (
            {"stages": (1.0,)},
            "`stages` must be a list of shares in ascending order, above 0 and at most 1",
        ),
        ({"stages": (0.5, 0.1)}, "`stages` must be a list of shares in ascending order, above 0"),
        ({"stages": (0.1, 0.1)}, "`stages` must be a list of shares in ascending order, above 0"),
        ({"stages": (1, 5, 25)}, "`stages` must be between 0 and 1, got 5; shares are not"),
        (
            {"stages": 0.1},
            "`stages` must be a list of shares in ascending order, above 0 and at most 1",
        ),
        (
            {"stages": "0.1"},
            "`stages` must be a list of shares in ascending order, above 0 and at most 1",
        ),
        ({"min_requests": 0}, "`min_requests` must be a whole number of at least 1, got 0"),
        ({"min_time": "soon"}, "`min_time` must be a duration such as"),
        ({"max_time": 0}, "`max_time` must be a duration such as"),
        ({"min_time": "2d"}, "`min_time` must be at most `max_time`, which is '24h', got '2d'"),
        ({"at_deadline": "promote"}, "`at_deadline` must be one of 'roll_back', 'hold', got"),
        ({"advance_on": "inconclusive"}, "`advance_on` must be one of 'pass', 'not_fail', got"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        rollout(**options)
    assert str(caught.value).startswith(f"Rollout: {message}")


def test_unknown_option_names_the_right_one():
    with pytest.raises(TypeError, match="Rollout: unknown option 'min_request'; did you mean"):
        rollout(min_request=1)


# State and record


def test_state_survives_a_file_at_each_step(tmp_path):
    plan = rollout()
    path = tmp_path / "rollout.json"
    state = plan.start(now=START)
    traffic = GOOD
    for minutes, more in ((30, None), (60, (0.5, 900, 900)), (61, None), (62, None)):
        traffic = traffic if more is None else look(traffic, *more)
        state.save(path)
        read = mg.RolloutState.load(path)
        assert read == state
        assert dataclasses.asdict(read)["record"] == dataclasses.asdict(state)["record"]
        one, other = (plan.step(s, traffic=traffic, now=at(minutes)) for s in (state, read))
        assert (one.action, one.state) == (other.action, other.state)
        state = one.state
    assert state.ended == "done"
    infinite = look(mg.Traffic(), 0.1, 6, 0)
    failed = plan.step(plan.start(now=START), traffic=infinite, now=at(1)).state
    failed.save(tmp_path / "other.json")
    assert mg.RolloutState.load(tmp_path / "other.json") == failed


def test_record_says_what_happened():
    plan = rollout()
    held = plan.step(plan.start(now=START), traffic=UNDECIDED, now=at(30))
    step = plan.step(held.state, traffic=look(UNDECIDED, 0.1, 480, 1_620), now=at(60))
    first, last = step.state.record
    assert (first["action"], first["verdict"], first["stage"]) == ("hold", "inconclusive", 0)
    assert last["at"] == "2026-03-01T13:00:00+00:00"
    assert (last["share"], last["action"], last["reason"]) == (0.1, "roll_back", step.reason)
    assert (last["production"], last["in_production"]) == ("v1", "v1")
    split, errors = last["checks"]
    assert (split["subject"], split["verdict"]) == ("split", "pass")
    assert (errors["gate"], errors["value"], errors["limit"]) == (
        "canary:errors",
        2.5,
        "at most 1.5",
    )
    assert errors["e_worse"] > 1e6
    assert errors["counts"] == {"candidate": 500, "production": 1_800}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"format": "mlgates.traffic"},
            "`format` must be 'mlgates.rollout', got 'mlgates.traffic'",
        ),
        (
            {"version": 2},
            "`version` must be 1, got 2, which a newer mlgates wrote; upgrade mlgates",
        ),
        ({"more": 1}, "rollout: the key 'more' is unknown"),
        (
            {"stage": 3},
            "`stage` must be from 0 to 2, and `starts` must have `stage` + 1 items, got `stage` 3",
        ),
        (
            {"stage": 1},
            "`stage` must be from 0 to 2, and `starts` must have `stage` + 1 items, got `stage` 1",
        ),
        ({"ended": "paused"}, "`ended` must be null, 'roll_back' or 'done', got 'paused'"),
        ({"began": "yesterday"}, "`began` must be a time with a time zone, got 'yesterday'"),
        ({"at": "2026-03-01"}, "`at` must be a time with a time zone, got '2026-03-01'"),
        ({"stages": [5]}, "rollout: `stages` must be between 0 and 1, got 5"),
        ({"starts": [{}]}, "`format` must be 'mlgates.traffic', got None"),
        ({"record": [7]}, "`record` must be a JSON object, got int"),
        ({"record": [{}]}, "`record.stage` must be a whole number of at least 0, got None"),
        ({"ended": "done"}, "`ended` must be the last action in `record`, got 'done'"),
    ],
)
def test_damaged_states_are_refused(change, message, tmp_path):
    path = tmp_path / "state.json"
    path.write_text(json.dumps(rollout().start(now=START).to_dict() | change))
    with pytest.raises(mg.EvidenceError) as caught:
        mg.RolloutState.load(path)
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"action": "promote"},
            "`record.action` must be one of 'advance', 'hold', 'roll_back', 'done'",
        ),
        ({"verdict": "green"}, "`record.verdict` must be one of 'pass', "),
        ({"at": "noon"}, "`record.at` must be a time with a time zone, got 'noon'"),
        ({"checks": [3]}, "`record.checks` must be a JSON object, got int"),
        ({"more": 10**400}, "`record`: `more` must be a number that a float can hold, of"),
    ],
)
def test_damaged_entries_of_the_record_are_refused(change, message):
    step = rollout().step(rollout().start(now=START), traffic=UNDECIDED, now=at(30))
    data = step.state.to_dict()
    data["record"][0].update(change)
    with pytest.raises(mg.EvidenceError) as caught:
        mg.RolloutState.from_dict(data)
    assert str(caught.value).startswith(message)


def test_two_processes_can_not_save_two_answers_to_one_state(tmp_path):
    """The second answer, from before the roll-back, would give the candidate its traffic back."""
    plan, path = rollout(), tmp_path / "rollout.json"
    state = plan.start(now=START)
    state.save(path)
    state.save(path)
    first = plan.step(state, traffic=BAD, now=at(30)).state
    second = plan.step(state, traffic=UNDECIDED, now=at(29)).state
    first.save(path)
    first.save(path)
    with pytest.raises(mg.EvidenceError) as caught:
        second.save(path)
    assert str(caught.value) == (
        f"{path}: the file has a step that this state does not have: candidate 'v2', last step at "
        "2026-03-01T12:30:00+00:00; load it and call `step` again, or use another file"
    )
    assert mg.RolloutState.load(path) == first
    # a new rollout may begin in the file of one that ended, but not of one that has not
    state.save(path)
    plan.step(state, traffic=UNDECIDED, now=at(29)).state.save(path)
    other = rollout(candidate="v3").start(now=at(60))
    with pytest.raises(mg.EvidenceError, match="the file has another rollout: candidate 'v2'"):
        other.save(path)
    with pytest.raises(mg.EvidenceError, match="the file has a step that this state does not"):
        state.save(path)


def test_damaged_file_is_not_replaced(tmp_path):
    path = tmp_path / "rollout.json"
    path.write_text("{")
    with pytest.raises(mg.EvidenceError):
        rollout().start(now=START).save(path)
    assert path.read_text() == "{"


RACER = """
import sys
from datetime import UTC, datetime, timedelta
import mlgates as mg
path, number = sys.argv[1], int(sys.argv[2])
plan = mg.Rollout(mg.GateSuite([mg.Canary("errors")]), candidate="v2", production="v1")
print(flush=True)
sys.stdin.readline()
saved = 0
while saved < 15:
    state = mg.RolloutState.load(path)
    now = state.at + timedelta(milliseconds=number)
    try:
        plan.step(state, traffic=mg.Traffic(), now=now).state.save(path)
        saved += 1
    except mg.EvidenceError as error:
        assert "the file has a step that this state does not have" in str(error), error
"""


@pytest.mark.slow
def test_no_step_is_lost_between_processes(tmp_path):
    path = tmp_path / "rollout.json"
    rollout(stages=(0.01, 0.05, 0.25, 1.0)).start(now=START).save(path)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(path), number], **pipes)
        for number in ("1", "2")
    ]
    for racer in racers:
        racer.stdout.readline()
    for racer in racers:
        racer.communicate(b"\n", timeout=120)
    assert [racer.returncode for racer in racers] == [0, 0]
    record = mg.RolloutState.load(path).record
    assert len(record) == 30
    times = [entry["at"] for entry in record]
    assert times == sorted(set(times))
    assert datetime.fromisoformat(times[-1]) == START + timedelta(milliseconds=15 * (1 + 2))


@pytest.mark.slow
def test_killed_while_saving_leaves_an_old_or_a_new_state(tmp_path):
    plan, path = rollout(), tmp_path / "rollout.json"
    state = plan.start(now=START)
    states, traffic = [state], mg.Traffic()
    for number in range(40):
        traffic = look(traffic, 0.1, 2, 18, requests=(100, 900), name=str(number))
        states.append(plan.step(states[-1], traffic=traffic, now=at(number)).state)
    for saved in range(1, len(states) + 1):
        state.save(path)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                for each in states:
                    each.save(path)
                    os.write(writing, b".")
            finally:
                os._exit(0)
        os.close(writing)
        assert all(os.read(reading, 1) for _ in range(saved))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reading)
        left = mg.RolloutState.load(path)
        assert len(left.record) + 1 >= saved
        assert left == states[len(left.record)]
        path.unlink()
    state.save(path)
    assert list(tmp_path.iterdir()) == [path]


def test_rollout_is_a_value():
    assert rollout() == rollout()
    assert rollout(min_time="1min") != rollout()
    with pytest.raises(dataclasses.FrozenInstanceError):
        rollout().stages = (1.0,)
    assert rollout(stages=[0.1, 1]).stages == (0.1, 1)
