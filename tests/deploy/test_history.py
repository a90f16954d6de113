"""`History`: one line per report, merged by window, also after writers were killed."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta, timezone

import pytest

import mlgates as mg
from mlgates import jsonfile
from mlgates.errors import EvidenceError, OptionError

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DATA = mg.GateSuite([mg.Completeness(max_missing=0.1)], name="scoring")
LABELS = mg.GateSuite([mg.Performance("accuracy", at_least=0.5, min_samples=1)], name="labels")


def report(*cells, **more):
    return DATA.run(data={"x": list(cells)}, **more)


def day(number):
    return FIRST + timedelta(days=number)


@pytest.fixture
def history(tmp_path):
    return mg.History(tmp_path / "reports.jsonl")


def test_a_file_that_does_not_exist_is_an_empty_history(history):
    assert len(history) == 0
    assert list(history) == []
    assert history.times == ()
    assert history.skipped == ()
    assert list(history.to_frame().columns[:3]) == ["at", "gate", "kind"]
    with pytest.raises(IndexError):
        history[-1]


def test_reports_are_read_as_they_were_appended(history):
    reports = [report(1, 2), report(1, None), report(3)]
    for number, each in enumerate(reports):
        history.append(each, at=day(number))
    assert list(history) == reports
    assert history[-1] == reports[-1]
    assert history[-2:] == reports[-2:]
    assert history.at(day(1)) == reports[1]
    assert history.at(day(9)) is None
    assert list(mg.History(history.path)) == reports
    assert len(history.path.read_text().splitlines()) == 3


def test_windows_are_in_order_of_time_and_in_utc(history):
    history.append(report(1), at=day(5))
    early = report(1, 2)
    history.append(early, at=datetime(2026, 1, 2, 1, tzinfo=timezone(timedelta(hours=2))))
    assert history.times == (datetime(2026, 1, 1, 23, tzinfo=UTC), day(5))
    assert history[0] == early


def test_a_second_report_of_a_window_adds_its_gates(history):
    early = report(1, None, metadata={"model": "7"})
    late = LABELS.run(y_true=[1, 0], y_pred=[1, 0])
    history.append(early, at=FIRST)
    history.append(late, at=FIRST)
    (merged,) = history
    assert [result.name for result in merged] == ["completeness", "performance:accuracy"]
    assert (merged.name, merged.metadata) == ("scoring", {"model": "7"})
    assert merged.verdict is mg.Verdict.FAIL
    assert set(merged.provenance["tables"]) == {"data"}
    assert set(merged.provenance["values"]) == {"y_pred", "y_true"}
    again = report(1, 2)
    history.append(again, at=FIRST)
    assert history[0]["completeness"] == again["completeness"]
    assert history[0].verdict is mg.Verdict.PASS


@pytest.mark.parametrize("cut", [1, 20, 2_000])
def test_a_torn_line_is_skipped_and_nothing_else_is_lost(history, cut):
    for number in range(3):
        history.append(report(number), at=day(number))
    whole = history.path.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    history.path.write_bytes(whole[: -min(cut, last - 1)])
    found = mg.History(history.path)
    assert (len(found), found.skipped) == (2, (3,))
    added = report(7)
    found.append(added, at=day(7))
    if cut > 1:  # else only the end of the line was missing
        with pytest.warns(UserWarning, match="line 3 is incomplete and was skipped"):
            assert len(found) == 3
        assert found.skipped == (3,)
    else:
        assert (len(found), found.skipped) == (4, ())
    assert found[-1] == added
    found.to_html(history.path.with_suffix(".html"))
    page = history.path.with_suffix(".html").read_text()
    assert ("1 incomplete line skipped: 3" in page) == (cut > 1)


def test_only_new_lines_are_read(history, monkeypatch):
    parsed = []
    monkeypatch.setattr(jsonfile, "loads", lambda text: parsed.append(text) or json.loads(text))
    for number in range(5):
        history.append(report(number), at=day(number))
        assert len(history) == number + 1
    assert len(parsed) == 5


def test_a_file_that_was_replaced_is_read_again(history):
    for number in range(3):
        history.append(report(number), at=day(number))
    assert len(history) == 3
    history.path.unlink()
    assert len(history) == 0
    history.append(report(1), at=day(9))
    assert history.times == (day(9),)


def other_version(line):
    return {**line, "version": 2}


def other_format(line):
    return {**line, "format": "mlgates.report"}


def without_time(line):
    return {key: value for key, value in line.items() if key != "at"}


def without_zone(line):
    return {**line, "at": "2026-01-01T00:00:00"}


def other_verdict(line):
    return {**line, "report": {**line["report"], "verdict": "fail"}}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            other_version,
            "line 2: `version` must be 1, got 2, which a newer mlgates wrote; upgrade mlgates",
        ),
        (other_format, "line 2: `format` must be 'mlgates.history', got 'mlgates.report'"),
        (without_time, "line 2: history: the key `at` is missing"),
        (without_zone, "line 2: History: `at` must be a datetime with a time zone"),
        (other_verdict, "line 2: report: the stored verdict is 'fail', but its checks give 'pass'"),
    ],
)
def test_a_line_of_another_kind_raises(history, damage, message):
    for number in range(3):
        history.append(report(number), at=day(number))
    lines = history.path.read_text().splitlines()
    lines[1] = json.dumps(damage(json.loads(lines[1])))
    history.path.write_text("\n".join(lines) + "\n")
    for _ in range(2):
        with pytest.raises(EvidenceError) as caught:
            len(mg.History(history.path))
        assert message in str(caught.value)


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), "2026-01-01", None, 0])
def test_a_time_needs_a_zone(history, at):
    with pytest.raises(OptionError, match="History: `at` must be a datetime with a time zone"):
        history.append(report(1), at=at)
    assert not history.path.exists()


def test_what_is_not_a_report_is_refused(history):
    with pytest.raises(OptionError, match=r"History\.append: `report` must be a Report"):
        history.append(report(1).results[0], at=FIRST)
    with pytest.raises(OptionError, match="History: `path` must be a path of a file"):
        mg.History(3)


def test_the_frame_has_a_row_for_each_check(history):
    history.append(report(1, None), at=FIRST)
    history.append(report(1), at=day(1))
    frame = history.to_frame()
    assert frame["at"].tolist() == [FIRST, FIRST, day(1), day(1)]
    assert frame["verdict"].tolist() == ["pass", "fail", "pass", "pass"]


def test_names_of_the_data_can_not_add_markup(history):
    evil = mg.GateSuite([mg.Completeness()], name="<script>alert(1)</script>")
    history.append(evil.run(data={"<img src=x onerror=alert(1)>": [1, None]}), at=FIRST)
    history.to_html(history.path.with_suffix(".html"))
    page = history.path.with_suffix(".html").read_text()
    assert "<script" not in page
    assert "<img" not in page
    assert "default-src 'none'" in page


def test_the_page_has_a_trend_for_each_check_and_each_verdict(history):
    for number, cells in enumerate([(1, 2), (1, None), (), (3,)]):
        history.append(report(*cells), at=day(number))
    history.to_html(history.path.with_suffix(".html"))
    page = history.path.with_suffix(".html").read_text()
    assert "4 windows · 2026-01-01 to 2026-01-04 (UTC) · 2 of them passed" in page
    assert "completeness: x missing" in page
    assert "completeness: rows" in page
    labels = [f"2026-01-0{number + 1}: {verdict}" for number, verdict in enumerate(
        ["PASS", "FAIL", "FAIL", "PASS"]
    )]  # fmt: skip
    assert all(page.count(f'aria-label="{label}"') == 2 for label in labels)


def test_an_empty_history_has_a_page(history, tmp_path):
    history.to_html(tmp_path / "empty.html")
    assert "no windows" in (tmp_path / "empty.html").read_text()


WRITER = """
import sys
from datetime import UTC, datetime, timedelta
import mlgates as mg
path, start = sys.argv[1], int(sys.argv[2])
report = mg.GateSuite([mg.Completeness()]).run(data={"x": [1]})
for number in range(start, start + 20):
    mg.History(path).append(report, at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(number))
"""


@pytest.mark.slow
def test_processes_append_to_one_file(history):
    command = [sys.executable, "-c", WRITER, str(history.path)]
    writers = [subprocess.Popen([*command, start]) for start in ("0", "20")]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert history.times == tuple(map(day, range(40)))
    assert history.skipped == ()


def append_for_ever(path, same):
    history, number = mg.History(path), 0
    while True:
        history.append(same, at=day(number))
        number += 1


@pytest.mark.slow
def test_a_killed_writer_loses_at_most_its_last_line(history):
    same = report(1)
    for kill in range(10):
        child = os.fork()
        if child == 0:
            try:
                append_for_ever(history.path, same)
            finally:
                os._exit(1)
        before = history.path.stat().st_size if history.path.exists() else 0
        while (
            not history.path.exists() or history.path.stat().st_size <= before + 3_000 + 97 * kill
        ):
            time.sleep(0.0005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = mg.History(history.path)
            times = found.times
        assert times == tuple(map(day, range(len(times))))
        assert len(found.skipped) <= kill + 1
