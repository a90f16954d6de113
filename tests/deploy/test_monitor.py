"""`Monitor`: levels over many windows, slow changes, late labels."""

import math
import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.errors import OptionError
from mlgates.stats.sequential import shiryaev_roberts

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
REFERENCE = {"x": np.linspace(-3, 3, 20_001), "y": np.arange(20_001) % 7}


def day(number):
    return FIRST + timedelta(days=number)


def window(shift=0.0, n=500):
    return {"x": np.linspace(-3, 3, n) + shift, "y": np.arange(n) % 7}


@pytest.fixture
def monitor(tmp_path):
    def make(*gates, **given):
        given = {"reference": REFERENCE, "history": tmp_path / "reports.jsonl", **given}
        return mg.Monitor(mg.GateSuite(gates, name="scoring"), **given)

    return make


def outcomes(n, correct, seed=0):
    y_true = np.random.default_rng(seed).integers(0, 2, n)
    return {"y_true": y_true, "y_pred": np.where(np.arange(n) < correct, y_true, 1 - y_true)}


def test_reports_are_judged_kept_and_returned(monitor):
    made = monitor(mg.Completeness(), mg.Drift("ks"))
    report = made.run(data=window(), at=FIRST)
    assert [result.name for result in report] == ["completeness", "drift:ks", "monitor"]
    assert report.passed
    assert list(made.history) == [report]
    assert report["monitor"].reason.startswith("no slow change: Shiryaev-Roberts statistic 0.5, ")


def test_gates_share_half_of_the_false_alarms(monitor):
    gates = [
        mg.Schema({"x": "float"}, extra="allow"),
        mg.Drift("ks", significance=0.05),
        mg.Drift("psi", significance=1e-9),
        mg.Performance("accuracy", at_least=0.5, decide_by="interval"),
        mg.Performance("recall", at_least=0.5),
    ]
    assert monitor(*gates, alarm_every=500).alpha == 1 / (2 * 500 * 3)
    assert monitor(gates[0]).alpha == 1 / 2_000


def test_significance_is_the_lesser_of_its_own_and_the_level_of_the_monitor(monitor):
    data = window(0.5)
    alone = mg.Drift("ks", at_most=0.01, columns="x").run(data=data, reference=REFERENCE)
    p_value = alone.checks[0].p_value
    assert alone.verdict is mg.Verdict.FAIL
    few, many = (
        monitor(mg.Drift("ks", at_most=0.01, columns="x"), alarm_every=alarm_every)
        for alarm_every in (int(0.4 / p_value), int(0.6 / p_value))
    )
    assert few.alpha >= p_value > many.alpha
    assert few.run(data=data, at=day(0))["drift:ks"].verdict is mg.Verdict.FAIL
    result = many.run(data=data, at=day(1))["drift:ks"]
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert result.allowed


@pytest.mark.parametrize(
    ("correct", "alone", "monitored"),
    [(740, "fail", "inconclusive"), (700, "fail", "fail"), (900, "pass", "pass")],
)
def test_an_interval_must_exclude_the_limit_at_a_higher_confidence(
    monitor, correct, alone, monitored
):
    gate = mg.Performance("accuracy", at_least=0.77, decide_by="interval")
    given = outcomes(1_000, correct)
    assert str(gate.run(**given).verdict) == alone
    made = monitor(gate, reference=None)
    result = made.run(at=FIRST, **given)["performance:accuracy"]
    assert str(result.verdict) == monitored
    if monitored == "inconclusive":
        assert result.checks[0].by_chance
        low, high = re.search(
            r"; the monitor allows at most one false alarm in 1,000 windows, and so decides by a "
            r"wider interval, which contains the limit: 99\.9 % interval (\S+) to (\S+)$",
            result.reason,
        ).groups()
        assert float(low) < 0.77 < float(high)


def test_slices_divide_the_level_of_a_gate(monitor):
    given = outcomes(4_000, 2_820)
    gate = mg.Performance("accuracy", at_least=0.77, decide_by="interval", by="g")
    groups = {"g": np.repeat(["a", "b", "c", "d"], 1_000)}
    result = monitor(gate, alarm_every=50).run(at=FIRST, data=groups, **given)
    reasons = [check.reason for check in result["performance:accuracy"].checks]
    assert [check.verdict for check in result["performance:accuracy"].checks].count("fail") == 1
    assert any("the confidence 0.995 " in reason for reason in reasons) == any(
        check.by_chance for check in result["performance:accuracy"].checks
    )


def test_an_interval_of_resamples_is_widened_as_a_normal_one(monitor):
    def half(y_true, y_pred):
        return float(np.median(np.abs(y_true - y_pred)))

    rng = np.random.default_rng(0)
    y_true = rng.normal(size=400)
    gate = mg.Performance(half, at_most=0.55, decide_by="interval", greater_is_better=False)
    given = {"y_true": y_true, "y_pred": y_true + rng.normal(size=400)}
    (check,) = gate.run(**given).checks
    assert check.verdict is mg.Verdict.FAIL
    low, _ = check.interval
    z = 3.290526731491926  # of the confidence 0.999
    widened = check.value - z / 1.959963984540054 * (check.value - low)
    verdict = monitor(gate, reference=None).run(at=FIRST, **given)[gate.name].verdict
    assert (verdict is mg.Verdict.FAIL) == (widened > 0.55)
    assert widened < 0.55


def test_a_slow_change_within_the_limit_is_a_remark(monitor):
    made = monitor(mg.Drift("ks", at_most=0.5, columns="x"), alarm_every=100)
    found = [made.run(data=window(0.5, 400), at=day(number)) for number in range(12)]
    within = "alarms start at 200; no value is beyond its limit in this window, so the check passes"
    named = "slow change found in `ks` of `x` (gate `drift:ks`): Shiryaev-Roberts statistic "
    reasons = [each["monitor"].reason for each in found]
    remarks = [i for i, reason in enumerate(reasons) if named in reason and within in reason]
    assert remarks
    assert all(each.passed for each in found)
    p_values = [[each["drift:ks"].checks[0].p_value] for each in found]
    assert remarks == np.flatnonzero(shiryaev_roberts(p_values, 200)[1]).tolist()


def test_a_slow_change_beyond_the_limit_fails(monitor):
    made = monitor(mg.Drift("ks", at_most=0.03, columns="x"), alarm_every=10_000)
    found = [made.run(data=window(0.5, 400), at=day(number)) for number in range(12)]
    failed = [number for number, each in enumerate(found) if not each["monitor"].passed]
    assert failed
    assert all(each["drift:ks"].verdict is mg.Verdict.INCONCLUSIVE for each in found)
    report = found[failed[0]]
    assert report.verdict is mg.Verdict.FAIL
    reason = report["monitor"].reason
    assert "slow change found in `ks` of `x` (gate `drift:ks`): Shiryaev-Roberts" in reason
    assert "start at 20,000; this value is also beyond its limit in this window" in reason
    assert report["monitor"].checks[0].value == 1


def test_without_a_change_the_evidence_stays_low(monitor):
    made = monitor(mg.Drift("ks"))
    for number in range(20):
        report = made.run(data=window(), at=day(number))
    assert report["monitor"].checks[0].details["evidence"] < 1.01
    assert report["monitor"].checks[0].n == 20


def test_a_small_reference_tracks_no_slow_change(monitor):
    report = monitor(mg.Drift("ks")).run(data=window(0, 1_001), at=FIRST)
    result = report["monitor"]
    assert result.verdict is mg.Verdict.SKIP
    assert report.passed
    assert (
        "slow changes in `ks` of `x` (gate `drift:ks`), `ks` of `y` (gate `drift:ks`) are not "
        "tracked, because the ref" in result.reason
    )


def test_gates_by_estimate_are_listed(monitor):
    given = outcomes(100, 90)
    gates = [mg.Performance("accuracy", at_least=0.5), mg.Completeness(), mg.Drift("ks")]
    report = monitor(*gates).run(data=window(), at=FIRST, **given)
    which = "gates that judge by the value, not by an interval or a test,"
    said = f"false alarms of {which} are not limited: performance:accuracy"
    assert report["monitor"].note == said


def test_labels_may_come_later(monitor):
    made = monitor(mg.Drift("ks"), mg.Performance("accuracy", at_least=0.8))
    first = made.run(data=window(), at=day(0), metadata={"model": "7"})
    assert first["performance:accuracy"].verdict is mg.Verdict.SKIP
    assert "`y_true` is not given yet" in first["performance:accuracy"].reason
    assert first.passed
    made.run(data=window(), at=day(1))
    late = made.run(at=day(0), **outcomes(100, 70))
    assert [result.name for result in late] == ["performance:accuracy", "monitor"]
    assert late.verdict is mg.Verdict.FAIL
    merged = made.history.at(day(0))
    assert [result.name for result in merged] == ["drift:ks", "performance:accuracy", "monitor"]
    assert merged.verdict is mg.Verdict.FAIL
    assert merged.metadata == {"model": "7"}
    # the p-values of the data are kept
    kept = [report["monitor"].checks[0].details["p_values"] for report in (first, merged)]
    assert kept[0] == kept[1]
    assert len(made.history) == 2


def test_evidence_that_never_came_is_an_error(monitor):
    report = monitor(mg.Drift("ks")).run(at=FIRST)
    assert report.verdict is mg.Verdict.ERROR


def test_only_labels_missing_is_not_a_pass(monitor):
    report = monitor(mg.Performance("accuracy", at_least=0.8)).run(at=FIRST, y_pred=[1])
    assert report.verdict is mg.Verdict.INCONCLUSIVE


def test_windows_may_come_in_any_order(monitor):
    made = monitor(mg.Drift("ks", columns="x"))
    shifts = {2: 0.1, 0: 0.2, 1: 0.05}
    for number, shift in shifts.items():
        last = made.run(data=window(shift), at=day(number))
    # the window of day 1 follows that of day 0 alone
    kept = [made.history.at(day(n))["monitor"].checks[0].details["p_values"] for n in (0, 1)]
    means, _, _ = shiryaev_roberts([list(each.values()) for each in kept], 2_000)
    assert last["monitor"].checks[0].details["evidence"] == means[-1]


def test_a_window_is_judged_at_its_own_time(monitor):
    made = monitor(mg.Freshness("at", max_age="2h"))
    stamps = {"at": [FIRST - timedelta(hours=1)]}
    assert made.run(data=stamps, at=FIRST).passed
    assert not made.run(data=stamps, at=day(1)).passed
    assert not made.run(data=stamps, at=FIRST, now=day(3)).passed


def test_the_state_is_in_the_file(monitor):
    gate = mg.Drift("ks", at_most=0.5, columns="x")
    one = monitor(gate, alarm_every=100)
    shifts = [0.1, 0.2, 0.3, 0.3, 0.2]
    reports = [one.run(data=window(s), at=day(n)) for n, s in enumerate(shifts)]
    again = monitor(gate, alarm_every=100).run(data=window(0.3), at=day(5))
    direct = shiryaev_roberts([[r["drift:ks"].checks[0].p_value] for r in [*reports, again]], 200)[
        0
    ][-1]
    assert math.isclose(again["monitor"].checks[0].details["evidence"], direct)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"suite": mg.Drift()}, "Monitor: `suite` must be a GateSuite"),
        (
            {"suite": mg.GateSuite([mg.Completeness(name="monitor")])},
            "Monitor: `suite` must be a suite without a gate named 'monitor'",
        ),
        ({"alarm_every": 0}, "Monitor: `alarm_every` must be"),
        ({"alarm_every": 0.5}, "Monitor: `alarm_every` must be"),
        ({"history": 3}, "History: `path` must be"),
    ],
)
def test_bad_options_raise(tmp_path, given, message):
    good = {"suite": mg.GateSuite([mg.Drift()]), "history": tmp_path / "h.jsonl"}
    options = {**good, **given}
    with pytest.raises(OptionError) as caught:
        mg.Monitor(options.pop("suite"), **options)
    assert str(caught.value).startswith(message)


def test_at_must_have_a_zone_and_nothing_is_written(monitor):
    made = monitor(mg.Drift("ks"))
    with pytest.raises(OptionError, match="`at` must be a datetime with a time zone"):
        made.run(data=window(), at=datetime(2026, 1, 1))
    assert not made.history.path.exists()


def test_late_labels_keep_the_alarm_of_their_window(monitor):
    drift = mg.Drift("ks", at_most=0.03, columns="x")
    made = monitor(drift, mg.Performance("accuracy", at_least=0.5), alarm_every=10_000)
    for number in range(12):
        report = made.run(data=window(0.5, 400), at=day(number))
        if not report["monitor"].passed:
            break
    assert report["monitor"].verdict is mg.Verdict.FAIL
    late = made.run(at=day(number), **outcomes(100, 90))
    assert late["performance:accuracy"].passed
    assert late["monitor"].reason == report["monitor"].reason
    assert made.history.at(day(number)).verdict is mg.Verdict.FAIL


def test_a_fail_stays_where_the_evidence_can_not_be_read_again(monitor):
    given = outcomes(1_000, 500)
    labels = pa.table({"g": ["a", "b"] * 500})
    gate = mg.Performance("accuracy", at_least=0.9, decide_by="interval", by="g")
    once = pa.RecordBatchReader.from_batches(labels.schema, labels.to_batches())
    result = monitor(gate, reference=None).run(at=FIRST, data=once, **given)
    assert result["performance:accuracy"].verdict is mg.Verdict.FAIL


def test_predictions_of_a_model_count_as_given(monitor):
    @mg.gate(at_most=0.9)
    def positive(y_pred):
        """Share of positive predictions."""
        return float(np.mean(y_pred))

    made = monitor(positive, reference=None)
    first = made.run(at=FIRST, y_pred=[1, 1, 1])
    assert first.verdict is mg.Verdict.FAIL
    again = made.run(at=FIRST, model=lambda X: np.zeros(len(X)), X=np.zeros((3, 1)))
    assert again["positive"].passed
