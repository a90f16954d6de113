"""The page of a `RolloutState`: the share over time, and what each step did and why."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from report_examples import PAYLOADS

import mlgates as mg

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
UNDECIDED = 130  # errors, of 2,000 requests
SUITE = mg.GateSuite([mg.Canary("errors")])


def page(state, tmp_path):
    state.to_html(tmp_path / "rollout.html")
    return (tmp_path / "rollout.html").read_text()


def rolled_out(*errors):
    """Take a step every 30 minutes with these counts of errors of the candidate."""
    plan = mg.Rollout(SUITE, candidate="v2", production="v1", stages=(0.1, 0.5, 1.0))
    state, traffic = plan.start(now=START), mg.Traffic()
    for number, count in enumerate(errors, 1):
        n = int(20_000 * state.share)
        traffic = traffic.add(
            candidate={"requests": n, "errors": count},
            production={"requests": 20_000 - n, "errors": (20_000 - n) // 20},
            share=state.share,
        )
        state = plan.step(state, traffic=traffic, now=START + timedelta(minutes=30 * number)).state
    return state


def points(text):
    """Return the shares that the points of the picture show, from the left."""
    heights = re.findall(r'<circle class="mg-current"[^>]*><title>([^<]*)</title>', text)
    return [height.partition(": ")[2] for height in heights]


def test_done_rollout_is_drawn_as_steps(tmp_path):
    text = page(rolled_out(100, 500, 1_000), tmp_path)
    assert "DONE" in text
    assert "3 steps · 2026-03-01 12:30 to 2026-03-01 13:30 (UTC) · stages 10 %, 50 %, 100 %" in text
    assert points(text) == ["10 %", "50 %", "50 %", "100 %", "100 %"]
    assert text.index("<td>done</td>") < text.index("<td>advance</td>")
    assert "all gates passed; the next share is 50\u00a0%" in text
    assert "errors rate_ratio 1 (at most 1.5), e-value worse " in text


def test_roll_back_ends_at_no_share(tmp_path):
    text = page(rolled_out(100, 1_500), tmp_path)
    assert "ROLLED BACK" in text
    assert points(text) == ["10 %", "50 %", "50 %"]
    assert re.findall(r'<rect class="mg-beyond"[^>]*><title>([^<]*)', text) == [
        "2026-03-01 13:00: 0 %"
    ]
    assert "the rate of <code" in text


@pytest.mark.parametrize("errors", [(), (UNDECIDED,)])
def test_rollout_that_goes_on_has_a_page(errors, tmp_path):
    text = page(rolled_out(*errors), tmp_path)
    assert "IN PROGRESS" in text
    assert f"{len(errors)} step" in text


def test_latest_400_steps_are_shown(tmp_path):
    state = rolled_out(UNDECIDED)
    data = state.to_dict()
    data["record"] *= 450
    text = page(mg.RolloutState.from_dict(data), tmp_path)
    assert text.count("<td>hold</td>") == 400
    assert "50 earlier steps are not shown" in text


@pytest.mark.parametrize("evil", PAYLOADS)
def test_versions_and_reasons_can_not_add_markup(evil, tmp_path):
    data = rolled_out(UNDECIDED).to_dict()
    data["candidate"] = evil
    data["record"][0]["reason"] = evil
    data["record"][0]["checks"] = [{"subject": evil, "metric": evil, "value": 1, "limit": evil}]
    text = page(mg.RolloutState.from_dict(data), tmp_path)
    plain = page(rolled_out(UNDECIDED), tmp_path)
    assert set(re.findall(r"<[a-z]+", text)) <= set(re.findall(r"<[a-z]+", plain)) | {"<code"}
    assert "##" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("value", ["much", None, True, float("inf"), float("nan"), [1]])
def test_measured_values_of_any_kind_have_a_page(value, tmp_path):
    data = rolled_out(UNDECIDED).to_dict()
    check = {"subject": value, "value": value, "limit": value, "e_not_worse": value}
    data["record"][0]["checks"] = [check, {}]
    assert "<td>hold</td>" in page(mg.RolloutState.from_dict(data), tmp_path)
