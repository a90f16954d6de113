"""Traffic: what is refused, the laws of merging, files, and counts of logs in any container."""

import copy
import dataclasses
import json
import math
import pickle
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg

CANDIDATE = {"requests": 1_000, "errors": 21, "slow": 40}
PRODUCTION = {"requests": 9_000, "errors": 160, "slow": 350}


def add(traffic=None, *, candidate=CANDIDATE, production=PRODUCTION, share=0.1, look=None):
    traffic = mg.Traffic() if traffic is None else traffic
    return traffic.add(candidate=candidate, production=production, share=share, look=look)


def test_traffic_is_a_value():
    empty = mg.Traffic()
    once = add(empty, look="a")
    assert (empty, repr(empty)) == (mg.Traffic(), "Traffic(no looks)")
    assert repr(once) == "Traffic(1 look, requests: 1,000 of 10,000, events: errors, slow)"
    assert repr(add(once)) == "Traffic(2 looks, requests: 2,000 of 20,000, events: errors, slow)"
    assert once.looks[0].of("errors") == (21, 160)
    assert once.looks[0].of("other") is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        once.looks = ()
    for again in (copy.deepcopy(once), pickle.loads(pickle.dumps(once))):
        assert again == once
        assert hash(again) == hash(once)
    assert once != add(empty, look="b")
    assert once != "traffic"


def test_same_look_is_counted_once_and_a_look_without_a_name_each_time():
    once = add(look="10:05")
    assert add(once, look="10:05") == once
    backwards = {name: CANDIDATE[name] for name in reversed(CANDIDATE)}
    assert add(once, candidate=backwards, look="10:05") == once
    assert len(add(add()).looks) == 2
    assert add(add()) != add()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"candidate": CANDIDATE | {"errors": 20}},
            (
                "Traffic: look '10:05' was added before with other counts: `errors` had 21 "
                "(candidate) and 160 (production), got 20 (candidate) and 160 (production); add a "
                "look once, with the counts since the last look"
            ),
        ),
        (
            {"candidate": {"requests": 1_000}, "production": {"requests": 9_000}},
            (
                "Traffic: look '10:05' was added before with other counts: `errors` had 21 "
                "(candidate) and 160 (production), got no counts; add a look once, with the "
                "counts since the last look"
            ),
        ),
        (
            {"share": 0.2},
            "Traffic: look '10:05' was added before with a candidate share of 0.1, got 0.2",
        ),
    ],
)
def test_a_look_can_not_change(changed, message):
    once = add(look="10:05")
    with pytest.raises(mg.EvidenceError) as caught:
        add(once, look="10:05", **changed)
    assert str(caught.value) == message
    for one, other in ((once, add(look="10:05", **changed)), (add(look="10:05", **changed), once)):
        with pytest.raises(mg.EvidenceError, match="was added before"):
            one.merge(other)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"candidate": CANDIDATE | {"errors": -1}},
            "Traffic: `candidate['errors']` must be a whole number of at least 0, got -1",
        ),
        (
            {"production": PRODUCTION | {"slow": math.nan}},
            "Traffic: `production['slow']` must be a whole number of at least 0, got nan",
        ),
        (
            {"production": PRODUCTION | {"slow": True}},
            "Traffic: `production['slow']` must be a whole number of at least 0, got True",
        ),
        (
            {"candidate": CANDIDATE | {"errors": 21.5}},
            "Traffic: `candidate['errors']` must be a whole number of at least 0, got 21.5",
        ),
        (
            {"candidate": CANDIDATE | {"requests": 2**53 + 1}},
            (
                "Traffic: `candidate['requests']` must be at most 9,007,199,254,740,992, "
                "got 9007199254740993"
            ),
        ),
        (
            {"candidate": CANDIDATE | {"errors": 1_001}},
            (
                "Traffic: `errors` of the candidate was counted 1,001 times in 1,000 requests; "
                "count an event once per request"
            ),
        ),
        (
            {"production": {"requests": 9_000, "errors": 160}},
            (
                "Traffic: event `slow` has a count for candidate and none for production; "
                "give the count 0 if it did not happen"
            ),
        ),
        (
            {"candidate": {"errors": 3}},
            (
                "Traffic: `candidate` must be a mapping with the count of 'requests' and the count "
                "of each event, got {'errors': 3}"
            ),
        ),
        (
            {"candidate": 7},
            (
                "Traffic: `candidate` must be a mapping with the count of 'requests' and the count "
                "of each event, got 7"
            ),
        ),
        (
            {"share": 10},
            (
                "Traffic: `share` must be between 0 and 1, got 10; shares are not percentages: "
                "write 0.1"
            ),
        ),
        (
            {"share": math.nan},
            "Traffic: `share` must be a finite number of at least 0 and at most 1, got nan",
        ),
        ({"look": 7}, "Traffic: `look` must be a non-empty string, got 7"),
        ({"look": ""}, "Traffic: `look` must be a non-empty string, got ''"),
        (
            {"look": "1" * 201},
            f"Traffic: `look` must be of at most 200 characters, got {'1' * 201!r}",
        ),
    ],
)
def test_impossible_counts_are_refused(changed, message):
    with pytest.raises(mg.EvidenceError) as caught:
        add(**changed)
    assert str(caught.value) == message


def test_names_of_events_are_texts():
    with pytest.raises(mg.EvidenceError, match="with non-empty strings as names of events, got"):
        add(candidate=CANDIDATE | {7: 1}, production=PRODUCTION | {7: 1})


def test_numpy_counts_are_plain():
    counts = {"requests": np.int64(10), "errors": np.int32(1)}
    plain = {"requests": 10, "errors": 1}
    traffic = add(candidate=counts, production=counts, share=np.float64(0.5))
    assert traffic == add(candidate=plain, production=plain, share=0.5)
    assert json.loads(json.dumps(traffic.to_dict())) == traffic.to_dict()


def test_looks_are_in_order_of_their_numbers():
    traffic = mg.Traffic()
    for look in ("look 10", "look 9", None, "look 1"):
        traffic = add(traffic, look=look)
    assert [look.identity for look in traffic.looks] == [None, "look 1", "look 9", "look 10"]


COUNTS = st.tuples(
    st.integers(0, 5), st.integers(0, 5), st.integers(0, 5), st.sampled_from([0.0, 0.1, 0.5, 1.0])
)
#: Looks of the same name have the same counts.
LOOKS = st.lists(st.tuples(st.sampled_from([None, "a", "b", "c", "10", "9"]), COUNTS), max_size=6)


def traffic_of(looks):
    named = {}
    traffic = mg.Traffic()
    for look, counts in looks:
        kept = counts if look is None else (hash_of(look), 3, 2, 0.1)
        named[look] = kept
        errors, more, production, share = kept
        candidate = {"requests": errors + more, "errors": errors}
        served = {"requests": 10 + production, "errors": production}
        traffic = traffic.add(candidate=candidate, production=served, share=share, look=look)
    return traffic


def hash_of(look):
    return sum(map(ord, look)) % 5


@given(LOOKS, LOOKS, LOOKS)
def test_merging_is_commutative_and_associative(a, b, c):
    one, two, three = traffic_of(a), traffic_of(b), traffic_of(c)
    assert one.merge(two) == two.merge(one)
    assert hash(one.merge(two)) == hash(two.merge(one))
    assert one.merge(two).merge(three) == one.merge(two.merge(three))
    assert one.merge(mg.Traffic()) == one == mg.Traffic().merge(one)
    assert traffic_of(a + b) == one.merge(two)
    assert mg.Traffic.from_dict(one.to_dict()) == one


def test_only_traffic_of_the_same_kind_can_be_merged():
    with pytest.raises(
        mg.EvidenceError, match=r"Traffic.merge: `other` must be a Traffic, got dict"
    ):
        add().merge({})
    units = dataclasses.replace(add(), unit="user")
    with pytest.raises(mg.EvidenceError) as caught:
        units.merge(add())
    message = (
        "traffic that counts values of `user` can't be merged with traffic that counts requests"
    )
    assert str(caught.value) == message
    assert mg.Traffic().merge(units) == units
    assert mg.Traffic().merge(units).unit == "user"


# Files


def test_file_is_read_back(tmp_path):
    traffic = add(add(look="a"), share=0.5)
    path = tmp_path / "traffic.json"
    traffic.save(path)
    assert mg.Traffic.load(path) == traffic
    assert mg.Traffic.load(path).looks == traffic.looks
    written = json.loads(path.read_text())
    assert written["format"] == "mlgates.traffic"
    assert written["version"] == 1
    assert written["looks"][1] == {
        "look": "a",
        "share": 0.1,
        "candidate": CANDIDATE,
        "production": PRODUCTION,
        "left_out": 0,
    }


def test_short_form_of_a_look_can_be_read():
    look = {"share": 0.1, "candidate": CANDIDATE, "production": PRODUCTION}
    written = {"format": "mlgates.traffic", "version": 1, "looks": [look]}
    assert mg.Traffic.from_dict(written) == add()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: [d], "`traffic` must be a JSON object, got list"),
        (lambda d: d | {"format": "mlgates.report"}, "`format` must be 'mlgates.traffic', got"),
        (
            lambda d: d | {"version": 2},
            "`version` must be 1, got 2, which a newer mlgates wrote; upgrade mlgates",
        ),
        (lambda d: d | {"version": True}, "`version` must be 1, got True"),
        (lambda d: d | {"more": 1}, "traffic: the key 'more' is unknown"),
        (lambda d: d | {"unit": 7}, "`unit` must be a string, got 7"),
        (lambda d: d | {"looks": {}}, "`looks` must be a list, got dict"),
        (lambda d: d | {"looks": [7]}, "`looks[0]` must be a JSON object, got int"),
        (lambda d: d | {"looks": [{}]}, "looks[0]: the key `candidate` is missing"),
        (
            lambda d: changed(d, candidate={"requests": "many"}),
            "`candidate['requests']` must be a number, got 'many'",
        ),
        (lambda d: changed(d, candidate={"requests": 1.5}), "must be a whole number of at least 0"),
        (lambda d: changed(d, candidate={"requests": None}), "must be a whole number of at least"),
        (lambda d: changed(d, candidate=CANDIDATE | {"slow": 2_000}), "was counted 2,000 times in"),
        (lambda d: changed(d, share=2), "`share` must be between 0 and 1, got 2"),
        (lambda d: changed(d, left_out=-1), "`left_out` must be a whole number of at least 0"),
        (
            lambda d: changed(d, candidate=CANDIDATE | {"slow": 2_000}) | {"unit": "user"},
            "`slow` of the candidate was counted 2,000 times in 1,000 requests",
        ),
    ],
)
def test_damaged_files_are_refused(change, message, tmp_path):
    path = tmp_path / "traffic.json"
    path.write_text(json.dumps(change(add().to_dict())))
    with pytest.raises(mg.EvidenceError) as caught:
        mg.Traffic.load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def changed(data, **values):
    return data | {"looks": [data["looks"][0] | values]}


def test_file_that_is_missing_or_cut_is_refused(tmp_path):
    with pytest.raises(mg.EvidenceError, match="No such file"):
        mg.Traffic.load(tmp_path / "none.json")
    path = tmp_path / "traffic.json"
    add().save(path)
    path.write_text(path.read_text()[:-20])
    with pytest.raises(mg.EvidenceError, match="not readable as JSON"):
        mg.Traffic.load(path)


# Logs

LOG = pa.table(
    {
        "variant": ["v1", "v2", "v1", "v1", "v2", "v1", None, "v0"],
        "failed": [False, True, False, True, False, False, True, None],
        "latency": [0.1, 0.3, 0.2, 0.5, 0.1, 0.26, 0.1, 0.1],
        "share": [0.1, 0.1, 0.1, 0.1, 0.5, 0.5, None, 0.1],
        "hour": [1, 1, 1, 1, 2, 2, 2, None],
        "user": ["a", "b", "a", "c", "b", "a", "d", "e"],
    }
)
OPTIONS = {
    "arm": "variant",
    "candidate": "v2",
    "production": "v1",
    "share": 0.1,
    "events": {"errors": "failed", "slow": "latency > 0.25"},
}


def from_log(log=LOG, **options):
    return mg.Traffic.from_log(log, **(OPTIONS | options))


def counts(traffic):
    return [(look.identity, look.share, look.left_out, *look.counts) for look in traffic.looks]


@pytest.mark.parametrize("container", ["arrow", "pandas", "polars", "dict", "records", "parquet"])
def test_log_in_any_container(container, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(LOG, path, row_group_size=2)
    log = {
        "arrow": lambda: LOG,
        "pandas": LOG.to_pandas,
        "polars": lambda: pl.from_arrow(LOG),
        "dict": LOG.to_pydict,
        "records": LOG.to_pylist,
        "parquet": lambda: path,
    }[container]()
    assert counts(from_log(log)) == [
        (None, 0.1, 0, ("requests", 2, 4), ("errors", 1, 1), ("slow", 1, 2))
    ]


def test_looks_and_shares_of_a_log():
    by_share = from_log(share="share")
    assert counts(by_share) == [
        (None, 0.1, 0, ("requests", 1, 3), ("errors", 1, 1), ("slow", 1, 1)),
        (None, 0.5, 0, ("requests", 1, 1), ("errors", 0, 0), ("slow", 0, 1)),
    ]
    by_look = from_log(share="share", look="hour")
    assert [look[:3] for look in counts(by_look)] == [("1", 0.1, 0), ("2", 0.5, 0)]
    assert [look.counts for look in by_look.looks] == [look.counts for look in by_share.looks]
    # a part of the log that is read again is not counted again
    assert by_look.merge(from_log(LOG.slice(0, 4), share="share", look="hour")) == by_look


def test_times_as_looks_have_iso_names():
    stamp = datetime(2026, 11, 29, 10, tzinfo=UTC)
    log = LOG.append_column("at", pa.array([stamp] * len(LOG), pa.timestamp("us", "UTC")))
    assert from_log(log, look="at").looks[0].identity == "2026-11-29T10:00:00+00:00"


def test_batches_of_a_log_add_up(tmp_path):
    rng = np.random.default_rng(0)
    n = 5_000
    log = pd.DataFrame(
        {
            "arm": rng.choice(["new", "old"], n, p=[0.2, 0.8]),
            "failed": rng.random(n) < 0.1,
            "user": rng.integers(0, 900, n),
            "hour": np.arange(n) // 1_000,
        }
    )
    path = tmp_path / "log.parquet"
    log.to_parquet(path, row_group_size=333)
    options = {
        "arm": "arm",
        "candidate": "new",
        "production": "old",
        "share": 0.2,
        "events": {"errors": "failed"},
        "look": "hour",
    }
    found = mg.Traffic.from_log(path, **options)
    assert found == mg.Traffic.from_log(log, **options)
    grouped = log.groupby(["hour", "arm"])["failed"].agg(["size", "sum"])
    for look in found.looks:
        rows = grouped.loc[int(look.identity)]
        assert look.of("requests") == tuple(rows["size"])
        assert look.of("errors") == tuple(rows["sum"])
    # units, counted slowly
    first, had, wanted = {}, set(), {}
    for hour, arm, user, failed in log[["hour", "arm", "user", "failed"]].itertuples(index=False):
        cells = wanted.setdefault(str(hour), np.zeros((2, 2), int))
        place = ("new", "old").index(arm)
        if user not in first:
            first[user] = arm
            cells[0, place] += 1
        if first[user] == arm and failed and user not in had:
            had.add(user)
            cells[1, place] += 1
    units = mg.Traffic.from_log(path, **options, unit="user")
    assert units.unit == "user"
    for look in units.looks:
        found = [look.of("requests"), look.of("errors")]
        assert found == [tuple(row) for row in wanted[look.identity]]
    assert sum(look.left_out for look in units.looks) == sum(
        first[user] != arm for user, arm in log[["user", "arm"]].itertuples(index=False)
    )


def test_unit_counts_once_in_the_look_of_its_first_row_and_event():
    log = {
        "variant": ["v2", "v1", "v2", "v2", "v1"],
        "failed": [False, False, True, True, True],
        "user": ["a", "b", "a", "a", "b"],
        "hour": [1, 1, 2, 3, 3],
    }
    traffic = from_log(log, events={"errors": "failed"}, unit="user", look="hour")
    assert counts(traffic) == [
        ("1", 0.1, 0, ("requests", 1, 1), ("errors", 0, 0)),
        ("2", 0.1, 0, ("requests", 0, 0), ("errors", 1, 0)),
        ("3", 0.1, 0, ("requests", 0, 0), ("errors", 0, 1)),
    ]
    assert mg.Traffic.from_dict(traffic.to_dict()) == traffic
    assert repr(traffic) == "Traffic(3 looks, units: 1 of 2, events: errors)"


def test_unit_keeps_its_first_arm_and_share():
    log = {
        "variant": ["v1", "v2", "v1", "v1", "v2"],
        "failed": [False, True, True, True, True],
        "user": ["a", "a", "a", "b", "b"],
        "share": [0.1, 0.1, 0.1, 0.1, 0.5],
    }
    traffic = from_log(log, events={"errors": "failed"}, unit="user", share="share")
    assert counts(traffic) == [
        (None, 0.1, 1, ("requests", 0, 2), ("errors", 0, 2)),
        (None, 0.5, 1, ("requests", 0, 0), ("errors", 0, 0)),
    ]
    # an event at another share is left out also in the same arm
    log["variant"] = ["v1"] * 5
    log["failed"] = [False, False, False, False, True]
    traffic = from_log(
        log | {"variant": ["v1", "v1", "v1", "v2", "v2"]},
        unit="user",
        events={"errors": "failed"},
        share="share",
    )
    assert counts(traffic)[1] == (None, 0.5, 1, ("requests", 0, 0), ("errors", 0, 0))


def test_arms_may_be_bools_or_numbers():
    log = {"variant": [True, False, False], "failed": [True, False, True], "latency": [0, 0, 0]}
    assert counts(from_log(log, candidate=True, production=False))[0][3] == ("requests", 1, 2)
    log["variant"] = [1, 0, 0]
    assert counts(from_log(log, candidate=1, production=0))[0][3] == ("requests", 1, 2)
    with pytest.raises(mg.EvidenceError, match="no row of the log has True \\(candidate\\)"):
        from_log(log, candidate=True, production=False)


def test_arm_without_rows_yet_has_no_requests():
    assert counts(from_log(LOG.slice(2, 2)))[0][3] == ("requests", 0, 2)
    assert from_log(LOG.slice(0, 0)).looks == ()
    with pytest.raises(mg.EvidenceError) as caught:
        from_log(candidate="v-2")
    message = "no row of the log has 'v-2' (candidate) in column 'variant'; did you mean 'v2'?"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arm": "variants"}, "the table has no column 'variants'; did you mean 'variant'?"),
        ({"events": {"errors": "failed_ == true"}}, "the table has no column 'failed_'; did you"),
        (
            {"events": {"errors": "latency"}},
            (
                "event `errors`: column 'latency' must have bools, got float64 (Arrow double); "
                "write a condition, such as 'latency > 0'"
            ),
        ),
        ({"share": "variant"}, "column 'variant' has string values"),
        ({"share": 10}, "Traffic.from_log: `share` must be between 0 and 1, got 10"),
        (
            {"share": "hour"},
            "column 'hour' of the log must have shares from 0 to 1, got 2",
        ),
        (
            {"share": "latency", "look": "hour"},
            "in column 'hour' (the same look) have the shares 0.1 and 0.2 in column 'latency'",
        ),
    ],
)
def test_logs_that_can_not_be_counted(options, message):
    with pytest.raises(mg.EvidenceError) as caught:
        from_log(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize("column", ["share", "hour", "user", "failed", "latency"])
def test_missing_values_in_rows_of_an_arm_are_refused(column):
    values = [None, *LOG[column].to_pylist()[1:]]
    log = LOG.set_column(LOG.column_names.index(column), column, [values])
    with pytest.raises(mg.EvidenceError) as caught:
        from_log(log, share="share", look="hour", unit="user")
    assert str(caught.value) == {
        "failed": "event `errors` depends on a missing value in 1 row of the log; write 'failed or "
        "failed is missing' to count it as an event",
        "latency": "event `slow` depends on a missing value in 1 row of the log; write "
        "'latency > 0.25 or latency is missing' to count it as an event",
    }.get(
        column,
        f"column '{column}' of the log must not have missing values in rows of the candidate and "
        "production; fill them, or remove the rows that have them",
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"arm": 7}, "Traffic.from_log: `arm` must be a non-empty string, got 7"),
        ({"candidate": "v1"}, "`candidate` must be another value than `production`, got 'v1'"),
        (
            {"candidate": None},
            "`candidate` must be a finite number, string, bool, date or datetime, got",
        ),
        ({"events": {}}, "`events` must be a mapping of event names to columns of bools or to"),
        ({"events": {"errors": 7}}, "`events` must be a mapping of event names"),
        ({"events": ["errors"]}, "`events` must be a mapping of event names"),
        ({"events": {"requests": "failed"}}, "`events` must be names other than 'requests'"),
        (
            {"events": {"errors": "latency >"}},
            "Traffic.from_log: `events['errors']` is neither a column of the log nor a condition: ",
        ),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        from_log(**options)
    assert message in str(caught.value)


def test_column_of_any_name_can_be_an_event():
    log = LOG.rename_columns([{"failed": "is `bad`, 5xx"}.get(n, n) for n in LOG.column_names])
    traffic = from_log(log, events={"errors": "is `bad`, 5xx"})
    assert traffic.looks[0].of("errors") == (1, 1)
