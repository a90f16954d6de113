"""What changed between two reports, as changes, text, Markdown and JSON."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import mlgates as mg
from mlgates.comparison import AREAS, Change
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit

SHA, OTHER = "a" * 40, "b" * 40
PROVENANCE = {
    "started": "2026-01-31T12:00:00.000000+00:00",
    "seconds": 1.5,
    "now": "2026-01-31T12:00:00+00:00",
    "commit": SHA,
    "dirty": False,
    "versions": {"python": "3.11.7", "numpy": "2.0"},
    "platform": "linux x86_64",
    "tables": {"data": {"rows": 10, "columns": 1, "fingerprint": "c" * 64}},
    "values": {"y_true": {"rows": 10, "sha256": "d" * 64}},
    "models": {"model": {"class": "m.M", "params": {"C": 1.0}, "sha256": "e" * 64}},
    "seed": 0,
    "seeds": {"latency": 0},
    "suite": "GateSuite([Completeness()], name='nightly')",
}


def check(value=0.1, verdict="pass", subject="age", limit=0.2, **options):
    given = {"metric": "missing", "reason": "r", "n": 10, "limit": Limit(at_most=limit)}
    return Check(subject=subject, value=value, verdict=verdict, **(given | options))


def report(*checks, name="nightly", gate="completeness", metadata=(), **provenance):
    checks = checks or (check(),)
    results = (GateResult(name=gate, kind="completeness", checks=checks),)
    known = {
        key: value for key, value in (PROVENANCE | provenance).items() if value is not Ellipsis
    }
    return Report(name=name, results=results, provenance=known, metadata=dict(metadata))


def changes(old, new):
    return list(mg.compare(old, new).changes)


def test_the_same_report_has_no_changes():
    comparison = mg.compare(report(), report())
    assert comparison.changes == ()
    assert (comparison.changed, comparison.unknown) == ((), ())
    assert str(comparison) == (
        "nightly: PASS - no changes\n"
        "old: run 2026-01-31T12:00:00 UTC\n"
        "new: run 2026-01-31T12:00:00 UTC\n"
        "\n"
        "the same: verdicts, numbers, data, models, code, configuration, environment"
    )


def test_times_are_not_compared():
    later = {"started": "2027-01-31T12:00:00+00:00", "seconds": 9.0, "now": None}
    assert changes(report(), report(**later)) == []


DIFFERENCES = [
    ({"commit": OTHER}, "code", "commit", "changed", SHA, OTHER),
    ({"dirty": True}, "code", "dirty", "changed", False, True),
    ({"platform": "win32 AMD64"}, "environment", "platform", "changed", "linux x86_64",
     "win32 AMD64"),
    ({"versions": {"python": "3.11.7", "numpy": "2.1"}}, "environment", "numpy", "changed", "2.0",
     "2.1"),
    ({"versions": {"python": "3.11.7"}}, "environment", "numpy", "removed", "2.0", None),
    ({"versions": {"python": "3.11.7", "numpy": "2.0", "torch": "3"}}, "environment", "torch",
     "added", None, "3"),
    ({"seeds": ..., "seed": None}, "configuration", "seed", "removed", 0, None),
    ({"seeds": {"latency": 1}}, "configuration", "seeds.latency", "changed", 0, 1),
    ({"seeds": {"latency": 0, "a.b": 1}}, "configuration", "seeds.'a.b'", "added", None, 1),
    ({"seeds": ..., "seed": 1}, "configuration", "seed", "changed", 0, 1),
    ({"metadata": {"seeds": {"numpy": 7}}}, "configuration", "metadata.seeds.numpy", "added", None,
     7),
    ({"suite": "GateSuite([])"}, "configuration", "suite", "changed", PROVENANCE["suite"],
     "GateSuite([])"),
    ({"deselected": ("drift",)}, "configuration", "deselected", "added", None, ("drift",)),
    ({"metadata": {"v": {"x": 1}}}, "configuration", "metadata.v.x", "added", None, 1),
    ({"name": "weekly"}, "configuration", "name", "changed", "nightly", "weekly"),
    ({"tables": {"data": {"rows": 10, "columns": 1, "fingerprint": "f" * 64}}}, "data",
     "data.fingerprint", "changed", "c" * 64, "f" * 64),
    ({"values": {"y_true": {"rows": 10, "sha256": "f" * 64}}}, "data", "y_true.sha256", "changed",
     "d" * 64, "f" * 64),
    ({"models": {"model": {"class": "m.M", "params": {"C": 2.0}, "sha256": "e" * 64}}}, "models",
     "model.params.C", "changed", 1.0, 2.0),
    ({"models": {"model": {"class": "m.M", "params": {"C": 1.0}, "sha256": None}}}, "models",
     "model.sha256", "unknown", "e" * 64, None),
    ({"commit": None}, "code", "commit", "unknown", SHA, None),
    ({"dirty": None}, "code", "dirty", "unknown", False, None),
    ({"models": ...}, "models", "models", "unknown", PROVENANCE["models"], None),
    ({"values": ...}, "data", "values", "unknown", PROVENANCE["values"], None),
    ({"platform": ...}, "environment", "platform", "unknown", "linux x86_64", None),
    ({"tables": {"data": {"rows": 10, "columns": 1}}}, "data", "data.fingerprint", "unknown",
     "c" * 64, None),
]  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENCES, ids=range(len(DIFFERENCES)))
def test_one_difference_of_the_provenance_is_one_change(case):
    options, area, name, what, old, new = case
    change = Change(area=area, name=name, what=what, old=old, new=new)
    assert changes(report(), report(**options)) == [change]
    reverse = {"added": "removed", "removed": "added"}.get(what, what)
    back = Change(area=area, name=name, what=reverse, old=new, new=old)
    assert changes(report(**options), report()) == [back]


def test_uncommitted_changes_in_both_may_differ():
    change = Change(area="code", name="dirty", what="unknown", old=True, new=True)
    assert changes(report(dirty=True), report(dirty=True)) == [change]
    commit = Change(area="code", name="commit", old=SHA, new=OTHER)
    assert changes(report(dirty=True), report(dirty=True, commit=OTHER)) == [commit]


def test_results():
    old = report(check(), check(subject="city"), check(subject="gone"))
    new = report(
        check(0.4, "fail", n=12),
        check(0.1 * (1 + 1e-14), subject="city", limit=0.3),
        check(subject="fresh", verdict="skip", value=None),
    )
    assert changes(old, new) == [
        Change(area="verdicts", name="the report", old="pass", new="fail"),
        Change(area="verdicts", name="completeness", old="pass", new="fail"),
        Change(area="verdicts", name="completeness age missing", old="pass", new="fail"),
        Change(area="verdicts", name="completeness gone missing", what="removed", old="pass"),
        Change(area="verdicts", name="completeness fresh missing", what="added", new="skip"),
        Change(area="numbers", name="completeness age missing", old=0.1, new=0.4),
        Change(area="numbers", name="completeness age missing, n", old=10, new=12),
        Change(
            area="configuration",
            name="completeness city missing, limit",
            old="at most 0.2",
            new="at most 0.3",
        ),
    ]


def test_numbers_that_moved_most_come_first():
    old = report(*(check(0.1, subject=name) for name in "abcd"))
    values = {"a": 0.11, "b": 0.2, "c": 0.1, "d": None}
    new = report(
        *(
            check(value, "pass" if value else "inconclusive", subject=name)
            for name, value in values.items()
        )
    )
    numbers = [each.name for each in changes(old, new) if each.area == "numbers"]
    assert numbers == ["completeness d missing", "completeness b missing", "completeness a missing"]


def test_checks_that_are_repeated_are_matched_in_order():
    old, new = report(check(0.1), check(0.2)), report(check(0.1), check(0.15))
    name = "completeness age missing"
    assert changes(old, new) == [Change(area="numbers", name=name, old=0.2, new=0.15)]


def test_reports_of_other_suites():
    new = report(name="weekly", gate="other", suite="S")
    assert [(each.name, each.what) for each in changes(report(), new)] == [
        ("completeness", "removed"),
        ("other", "added"),
        ("suite", "changed"),
        ("name", "changed"),
    ]
    assert str(mg.compare(report(), new)).splitlines()[0] == "nightly and weekly: PASS - 4 changes"


def test_a_report_without_results_and_provenance():
    empty = Report(name="nightly", results=())
    comparison = mg.compare(empty, empty)
    assert comparison.changed == ()
    assert set(comparison.unknown) == {"data", "models", "code", "configuration", "environment"}
    assert "run" not in str(comparison)


def test_a_real_run():
    X = pd.DataFrame({"a": np.linspace(-1, 1, 60)})
    y = (X["a"] > 0).astype(int)
    suite = mg.GateSuite([mg.Completeness(), mg.Performance("accuracy", at_least=0.9)])
    now = datetime(2026, 1, 31, tzinfo=UTC)

    def run(strength=1.0, labels=y, **metadata):
        model = LogisticRegression(C=strength).fit(X, y)
        return suite.run(data=X, X=X, y_true=labels, model=model, now=now, metadata=metadata)

    assert mg.compare(run(), run()).changed == ()
    names = [each.name for each in changes(run(), run(2.0)) if each.what != "unknown"]
    assert names == ["model.params.C", "model.sha256"]
    comparison = mg.compare(run(data_version="v1"), run(labels=1 - y, data_version="v2"))
    assert comparison.changed == ("verdicts", "numbers", "data", "configuration")


def test_files_are_read(tmp_path):
    path = tmp_path / "report.json"
    report().save(path)
    assert changes(path, str(path)) == []
    torn = tmp_path / "torn.json"
    torn.write_text(path.read_text()[:200])
    with pytest.raises(mg.EvidenceError, match=r"torn\.json: not readable as JSON"):
        mg.compare(path, torn)
    newer = tmp_path / "newer.json"
    newer.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    with pytest.raises(mg.EvidenceError) as caught:
        mg.compare(newer, path)
    assert (
        str(caught.value)
        == f"{newer}: report: this version of mlgates reads the format version 1, got 2"
    )


@pytest.mark.parametrize("wrong", [None, 5, [], {}])
def test_anything_but_reports_and_paths_is_refused(wrong):
    with pytest.raises(mg.OptionError) as caught:
        mg.compare(report(), wrong)
    start = "compare: `new` must be a report or the path of its .json file, got "
    assert str(caught.value).startswith(start)


TEXT = """\
nightly: PASS to FAIL - 11 changes
old: run 2026-01-31T12:00:00 UTC
new: run 2026-01-31T12:00:00 UTC

VERDICTS                     OLD                         NEW
the report                   ✓ PASS                      ✗ FAIL
completeness                 ✓ PASS                      ✗ FAIL
completeness age missing     ✓ PASS                      ✗ FAIL

NUMBERS                      OLD                         NEW
completeness age missing     10 %                        40 %
completeness age missing, n  10                          1,200

DATA                         OLD                         NEW
data.rows                    10                          1,200
data.fingerprint             cccccccccccc                ffffffffffff

MODELS                       OLD                         NEW
model.params.C               1                           -

CODE                         OLD                         NEW
commit                       aaaaaaaaaaaa                bbbbbbbbbbbb

CONFIGURATION                OLD                         NEW
suite                        ...pleteness()], name='...  ...pleteness(max_missi...)], name='...
metadata.tag                 -                           ::error::x

NOT KNOWN                    OLD                         NEW
model.sha256                 eeeeeeeeeeee                -

the same: environment"""


def reports():
    old = report(check(unit="share"))
    new = report(
        check(0.4, "fail", n=1_200, unit="share"),
        commit=OTHER,
        tables={"data": {"rows": 1_200, "columns": 1, "fingerprint": "f" * 64}},
        models={"model": {"class": "m.M", "params": None, "sha256": None}},
        suite="GateSuite([Completeness(max_missing=0.2)], name='nightly')",
        metadata={"tag": "::error::x"},
    )
    return old, new


def test_text():
    assert str(mg.compare(*reports())) == TEXT


def test_text_has_no_commands_to_ci_servers_and_no_control_characters():
    metadata = {"::error::a": "##[error]", "b\x1b[31m": "x\n::warning::y"}
    lines = str(mg.compare(report(), report(metadata=metadata))).splitlines()
    assert not any(line.startswith("::") or "\x1b" in line or "##[" in line for line in lines)
    assert not any(line.startswith("::warning") for line in lines)


def test_long_lists_are_cut():
    versions = {f"p{i:03}": "1" for i in range(70)}
    text = str(mg.compare(report(), report(versions=versions)))
    assert "\np027 " in text
    assert "\np028 " not in text
    assert "\n42 more" in text


def test_parameters_of_another_kind_of_model_share_a_row():
    def of(params):
        return report(models={"model": {"class": "m.M", "params": params, "sha256": "e" * 64}})

    old = of({"C": 1.0, **dict.fromkeys("defgh", 1)})
    new = of({"C": 2.0, "x": 1})
    lines = str(mg.compare(old, new)).splitlines()
    assert lines[4:7] == [
        "MODELS          OLD       NEW",
        "model.params.C  1         2",
        "model.params    5 others  1 other",
    ]
    assert len(mg.compare(old, new).changes) == 7
    few = str(mg.compare(of({"C": 1.0, "d": 1}), new)).splitlines()
    assert few[5:8] == [
        "model.params.C  1    2",
        "model.params.d  1    -",
        "model.params.x  -    1",
    ]


def test_markdown():
    shown = mg.compare(*reports()).to_markdown()
    assert shown.startswith(
        "### nightly: PASS to FAIL - 11 changes\n\nold: run 2026-01-31T12:00:00"
    )
    assert (
        "| verdicts | old | new |\n| --- | --- | --- |\n| the report | ✓ PASS | ✗ FAIL |" in shown
    )
    assert "| model.sha256 | eeeeeeeeeeee | - |" in shown
    assert shown.endswith("The same: environment.\n")
    cell = mg.compare(report(), report(metadata={"a|b": "<img>"})).to_markdown()
    assert "| metadata.a&#124;b | - | &lt;img&gt; |" in cell


def test_json():
    old, new = reports()
    written = mg.compare(old, new).to_dict()
    assert json.loads(json.dumps(written, allow_nan=False)) == written
    assert (written["format"], written["version"]) == ("mlgates.comparison", 1)
    started = "2026-01-31T12:00:00.000000+00:00"
    assert written["old"] == {"name": "nightly", "verdict": "pass", "started": started}
    hashes = [each for each in written["changes"] if each["name"] == "model.sha256"]
    unknown = {"area": "models", "name": "model.sha256", "what": "unknown"}
    assert hashes == [{**unknown, "old": "e" * 64, "new": None}]
    assert {each["area"] for each in written["changes"]} <= set(AREAS)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=9) | st.sampled_from(sorted(PROVENANCE)), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@examples(60)
@given(
    *[st.dictionaries(st.sampled_from(sorted(PROVENANCE)), PLAIN) for _ in "ab"],
)
def test_any_provenance_can_be_compared(one, other):
    old, new = (Report(name="r", results=(), provenance=known) for known in (one, other))
    comparison = mg.compare(old, new)
    json.dumps(comparison.to_dict(), allow_nan=False)
    assert str(comparison)
    assert comparison.to_markdown()
    assert not [each for each in changes(old, old) if each.what != "unknown"]


def test_a_name_with_a_dot_is_not_taken_for_a_nested_one():
    old, new = (
        mg.Report(name="a", results=(), metadata={"a.b": value, "a": {"b": 0}}) for value in (1, 2)
    )
    changes = [each for each in mg.compare(old, new).changes if each.what == "changed"]
    assert changes == [Change(area="configuration", name="metadata.'a.b'", old=1, new=2)]
