"""The text report: worst first, one line per check, and no names that can forge lines."""

import json
import re
import subprocess
import sys
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_examples import report_with_text

import mlgates as mg
from mlgates.errors import OptionError
from mlgates.printable import clean, distinct
from mlgates.render import render
from mlgates.render.text import to_text
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Verdict

LIMIT = Limit(at_most=0.2)
CHANCE = "not significant at this sample size"


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")


def psi(verdict, subject="age", value=0.1, *, because="", **given):
    said = f"`psi` of `{subject}` is {value} (n = 4,012 against 30,162)"
    said += f"; {because} (limit: at most 0.2)" if because else "; the limit is at most 0.2"
    plain = {"metric": "psi", "value": value, "limit": LIMIT, "reason": said, "n": 4_012}
    return Check(**{**plain, "subject": subject, "verdict": verdict, **given})


def missing(subject):
    return Check(
        subject=subject,
        metric="missing",
        verdict="pass",
        reason=f"none of the 4,012 cells of `{subject}` are missing; the limit is at most 0 %",
        value=0,
        limit=Limit(at_most=0),
        unit="share",
    )


def result(*checks, name="drift:psi", kind="drift", **given):
    return GateResult(name=name, kind=kind, checks=checks, **given)


def report(*results, name="nightly", provenance=None):
    return Report(name=name, results=results, provenance=provenance or {})


FULL = report(
    result(*map(missing, ["age", "sex", "income"]), name="schema", kind="schema"),
    result(
        psi("pass"),
        psi("inconclusive", "income", 0.31, because=CHANCE, by_chance=True),
        psi("fail", "hours", 0.9),
        inconclusive="allow",
    ),
    result(
        psi("fail", "demographic_parity_difference", 0.3, group="sex=f, race=Asian-Pac-Islander"),
        name="fairness:demographic_parity_difference",
        advisory=True,
    ),
    result(
        Check(subject="latency:p99", metric="latency", verdict="skip", reason="skipped: no server"),
        name="latency:p99",
    ),
    result(
        Check(
            subject="freshness:t",
            metric="freshness",
            verdict="error",
            reason="`t` is not in the table; did you mean 'ts'?",
        ),
        name="freshness:t",
    ),
    name="credit-release",
    provenance={
        "started": "2026-01-31T12:00:00.500000+00:00",
        "seconds": 12.5,
        "commit": "0123456789abcdef0123456789abcdef01234567",
        "tables": {
            "data": {
                "origin": "dict",
                "rows": 4_012,
                "columns": 15,
                "fingerprint": "ce6e818baa50" * 5,
            },
            "reference": {"origin": "parquet file", "rows": None, "columns": 1},
        },
    },
)

AT_80 = """\
credit-release: ERROR (1 undecided, allowed; 1 advisory; 1 skipped) - 2 of 5 gates block release

VERDICT                 GATE       SUBJECT                 MEASURED  LIMIT
ERROR                   freshness:t
                        `t` is not in the table; did you mean 'ts'?
FAIL                    drift:psi  hours                   psi 0.9   at most 0.2
                        `psi` of `hours` is 0.9 (n = 4,012 against 30,162); the
                        limit is at most 0.2
INCONCLUSIVE (allowed)  drift:psi  income                  psi 0.31  at most 0.2
                        `psi` of `income` is 0.31 (n = 4,012 against 30,162);
                        not significant at this sample size (limit: at most 0.2)
PASS                    drift:psi  age                     psi 0.1   at most 0.2
PASS                    schema     all 3 checks
FAIL (advisory)         fairness:demographic_parity_difference
                                   sex=f, race=Asian-Pac-  psi 0.3   at most 0.2
                                   Islander
                        `psi` of `demographic_parity_difference` is 0.3 (n =
                        4,012 against 30,162); the limit is at most 0.2
SKIP                    latency:p99
                        skipped: no server

data: 4,012 rows x 15 columns, fingerprint ce6e818baa50; reference: 1 column;
run 2026-01-31T12:00:00 UTC in 12.5 s; commit 0123456789ab"""

AT_200 = """\
credit-release: ERROR (1 undecided, allowed; 1 advisory; 1 skipped) - 2 of 5 gates block release

VERDICT                 GATE                                    SUBJECT                         MEASURED  LIMIT
ERROR                   freshness:t
                        `t` is not in the table; did you mean 'ts'?
FAIL                    drift:psi                               hours                           psi 0.9   at most 0.2
                        `psi` of `hours` is 0.9 (n = 4,012 against 30,162); the limit is at most 0.2
INCONCLUSIVE (allowed)  drift:psi                               income                          psi 0.31  at most 0.2
                        `psi` of `income` is 0.31 (n = 4,012 against 30,162); not significant at this sample size (limit: at most 0.2)
PASS                    drift:psi                               age                             psi 0.1   at most 0.2
PASS                    schema                                  all 3 checks
FAIL (advisory)         fairness:demographic_parity_difference  sex=f, race=Asian-Pac-Islander  psi 0.3   at most 0.2
                        `psi` of `demographic_parity_difference` is 0.3 (n = 4,012 against 30,162); the limit is at most 0.2
SKIP                    latency:p99
                        skipped: no server

data: 4,012 rows x 15 columns, fingerprint ce6e818baa50; reference: 1 column; run 2026-01-31T12:00:00 UTC in 12.5 s; commit 0123456789ab"""  # noqa: E501


@pytest.mark.parametrize(("columns", "table"), [(80, AT_80), (200, AT_200)], ids=[80, 200])
def test_the_table_at_two_widths(monkeypatch, columns, table):
    monkeypatch.setenv("COLUMNS", str(columns))
    assert str(FULL) == table
    assert render(FULL, "text") == table


@pytest.mark.parametrize(
    ("columns", "width"), [(1, 60), (60, 60), (80, 80), (120, 120), (200, 129), (9999, 129)]
)
def test_lines_fit_the_terminal_up_to_a_maximum(monkeypatch, columns, width):
    monkeypatch.setenv("COLUMNS", str(columns))
    reason = "word " * 199 + "end"
    found = str(report(result(psi("fail", reason=reason))))
    under = [line for line in found.splitlines() if line.startswith("      ")]
    assert width - 5 < max(map(len, under)) <= width
    assert " ".join(" ".join(under).split()) == reason


def test_a_result_alone_shows_every_check():
    found = replace(FULL["schema"], reason="all 3 checks passed")
    assert str(found) == (
        "schema: PASS\n"
        "\n"
        "VERDICT  GATE    SUBJECT  MEASURED     LIMIT\n"
        "PASS     schema  age      missing 0 %  at most 0 %\n"
        "PASS     schema  sex      missing 0 %  at most 0 %\n"
        "PASS     schema  income   missing 0 %  at most 0 %"
    )
    many = result(*[psi("fail", f"x{i}", 0.9) for i in range(200)])
    assert str(many).count("FAIL  ") == 200


@pytest.mark.parametrize("verdict", ["pass", "inconclusive", "fail"])
def test_the_note_of_a_result_is_at_its_end(verdict):
    found = result(psi(verdict), note="columns not judged: `day` (dates)")
    assert str(found).endswith("\n\ncolumns not judged: `day` (dates)")


# the header


@pytest.mark.parametrize(
    ("results", "header"),
    [
        ([result(psi("pass"))], "nightly: PASS - 1 gate"),
        (
            [
                result(
                    psi("pass"),
                    psi("inconclusive", value=0.3, by_chance=True),
                    inconclusive="allow",
                ),
                result(psi("fail", value=0.9), name="b", advisory=True),
            ],
            "nightly: PASS (1 undecided, allowed; 1 advisory) - 2 gates",
        ),
        (
            [result(psi("fail", value=0.9)), result(psi("pass"), name="b")],
            "nightly: FAIL - 1 of 2 gates blocks release",
        ),
        (
            [result(psi("fail", value=0.9)), result(psi("error", value=None), name="b")],
            "nightly: ERROR - 2 of 2 gates block release",
        ),
        ([result(psi("skip"))], "nightly: INCONCLUSIVE (no gate counts: 1 skipped) - 1 gate"),
        ([], "nightly: INCONCLUSIVE - 0 gates"),
    ],
    ids=range(6),
)
def test_headers(results, header):
    found = report(*results)
    assert str(found).splitlines()[0] == header
    word = header.removeprefix("nightly: ").split(" ")[0]
    assert word == found.verdict.upper()


def test_worst_first_and_gates_that_do_not_count_last():
    order = ["error", "fail", "inconclusive", "pass"]
    values = {"pass": 0.1, "fail": 0.9, "inconclusive": 0.9, "error": None}
    results = [result(psi(v, value=values[v]), name=f"g {v}") for v in reversed(order)]
    aside = [
        result(psi("error", value=None), name="g advisory", advisory=True),
        result(psi("skip", value=None), name="g skipped"),
    ]
    lines = str(report(*aside, *results)).splitlines()
    rows = [line.split("  ")[0] for line in lines[3:] if not line.startswith(" ")]
    assert rows == ["ERROR", "FAIL", "INCONCLUSIVE", "PASS", "ERROR (advisory)", "SKIP"]


def test_allowed_checks_come_after_those_that_block():
    undecided = psi("inconclusive", value=0.3, by_chance=True)
    found = report(
        result(psi("pass"), undecided, name="allowed", inconclusive="allow"),
        result(psi("pass"), name="passed"),
        result(undecided, name="held"),
    )
    lines = str(found).splitlines()[3:]
    rows = [line.split()[:3] for line in lines if line and not line.startswith(" ")]
    assert rows[:4] == [
        ["INCONCLUSIVE", "held", "age"],
        ["INCONCLUSIVE", "(allowed)", "allowed"],
        ["PASS", "allowed", "age"],
        ["PASS", "passed", "age"],
    ]


def test_checks_of_one_gate_worst_first_and_passes_folded():
    found = report(
        result(
            psi("pass", "a"),
            psi("fail", "b", 0.9),
            psi("pass", "c"),
            psi("error", "d", None),
        )
    )
    rows = [line.split() for line in str(found).splitlines()[3:] if not line.startswith(" ")]
    assert [row[:3] for row in rows] == [
        ["ERROR", "drift:psi", "d"],
        ["FAIL", "drift:psi", "b"],
        ["PASS", "drift:psi", "2"],
    ]
    advisory = report(result(psi("pass", "a"), psi("pass", "b"), advisory=True))
    assert "PASS (advisory)  drift:psi  all 2 checks" in str(advisory)


def test_a_passing_check_has_no_reason_under_it_unless_it_hints():
    found = str(report(result(psi("pass"))))
    assert "n = 4,012" not in found
    fine = psi("pass", reason="fine (hint: many are '?')", hint="many are '?'")
    assert "fine (hint: many are '?')" in str(report(result(fine)))
    assert "fine" not in str(report(result(psi("pass", reason="fine, `hint` is whole"))))


def test_200_failing_checks_stay_readable():
    found = report(result(*[psi("fail", f"x{i:03}", 0.9) for i in range(200)]))
    lines = str(found).splitlines()
    assert len(lines) < 50
    assert sum(line.startswith("FAIL") for line in lines) == 20
    assert lines[-2:] == [
        "         drift:psi  ... 180 more",
        "         to_frame() lists them all",
    ]
    assert len(found.to_frame()) == 200


def test_200_failing_gates_have_a_row_each():
    found = report(*[result(psi("fail", "x", 0.9), name=f"g{i}") for i in range(200)])
    lines = str(found).splitlines()
    assert sum(line.startswith("FAIL") for line in lines) == 200
    assert len(lines) == 3 + 2 * 200


# control characters in names and reasons

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;http://example.org\x07link\x1b]8;;\x07",
    "\x1b]52;c;cm0gLXJm\x07",
    "a\rPASS     schema",
    "a\nPASS     schema",
    "a\u2028PASS",
    "a\x85PASS",
    "\u202eevil\u202c",
    "\u200b\u200d\ufeff",
    "\x00\x07\x08\x7f\x9b31m",
    "\ud800",
    "tab\there",
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_control_characters_are_escaped_everywhere(text):
    check = psi("fail", text, 0.9, group=text, reason=text, metric=text)
    found = Report(
        name=f"x{text}",
        results=(GateResult(name=f"x{text}", kind="k", checks=(check,)),),
        provenance={
            "started": text,
            "seconds": 1.0,
            "commit": text,
            "tables": {text: {"rows": 1, "columns": text, "fingerprint": text}},
        },
    )
    for drawn in (str(found), str(found.results[0])):
        assert all(c.isprintable() for line in drawn.split("\n") for c in line)
        drawn.encode("utf-8")
        rows = [line for line in drawn.split("\n")[3:] if line and not line.startswith(" ")]
        assert [row for row in rows if row.startswith("PASS")] == []
        assert rows[0].startswith("FAIL")


def test_escapes_are_readable():
    assert clean("age\x1b[31m") == r"age\x1b[31m"
    assert clean("a\nb\tc\u202ed") == r"a\nb\tc\u202ed"
    assert clean("\ud800") == r"\ud800"
    assert clean("äöü €") == "äöü €"
    assert clean("🐍") == "🐍"


def test_very_long_names_and_reasons_are_cut_in_the_middle():
    assert clean("x" * 48, 48) == "x" * 48
    assert clean("x" * 24 + "y" * 25, 48) == "x" * 24 + "y" * 5 + "..." + "y" * 16
    assert clean("\n" * 30, 48) == r"\n" * 14 + "\\..." + r"\n" * 8
    assert len(clean("\n" * 10**7, 1_000)) == 1_000
    huge = psi("fail", "x" * 10**7, 0.9, reason="y " * 10**7)
    assert len(str(report(result(huge)))) < 4_000


@given(st.text(st.characters(exclude_categories=()), max_size=80), st.integers(4, 100))
def test_clean_is_one_printable_line(text, most):
    found = clean(text, most)
    assert found.isprintable()
    assert len(found) <= most


# footers, also of reports read from a file


@pytest.mark.parametrize(
    ("provenance", "footer"),
    [
        ({}, None),
        ({"tables": {}}, None),
        ({"tables": 5, "started": 5, "seconds": "x", "commit": 5}, None),
        ({"tables": {"data": 5}}, None),
        ({"tables": {"data": {"rows": "x", "columns": None}}}, "data: "),
        ({"tables": {"data": {"rows": 1, "columns": 1}}}, "data: 1 row x 1 column"),
        ({"commit": "0123456789abcdef"}, "commit 0123456789ab"),
        ({"commit": "0123456789abcdef", "dirty": False}, "commit 0123456789ab"),
        (
            {"commit": "0123456789abcdef", "dirty": True},
            "commit 0123456789ab with uncommitted changes",
        ),
        ({"started": "2026-01-31T12:00:00+00:00"}, None),
        (
            {"started": "2026-01-31T12:00:00+00:00", "seconds": 2.5},
            "run 2026-01-31T12:00:00 UTC in 2.5 s",
        ),
    ],
    ids=range(11),
)
def test_footers(provenance, footer):
    lines = str(report(result(psi("pass")), provenance=provenance)).splitlines()
    assert lines[4:] == ([] if footer is None else ["", footer.rstrip()])


def test_a_run_prints_its_report():
    suite = mg.GateSuite([mg.Completeness(max_missing=0.2)], name="nightly")
    lines = str(suite.run(data={"bmi": [21.5, None, 30.1]})).splitlines()
    assert lines[:6] == [
        "nightly: FAIL - 1 of 1 gate blocks release",
        "",
        "VERDICT  GATE          SUBJECT  MEASURED        LIMIT",
        "FAIL     completeness  bmi      missing 33.3 %  at most 20 %",
        (
            "         1 of 3 cells of `bmi` (33.3 %) is missing, first at row 1; "
            "the limit is at most 20 %"
        ),
        "PASS     completeness  rows     3               at least 1",
    ]
    assert lines[7].startswith("data: 3 rows x 1 column, fingerprint ")


def test_printing_to_a_terminal_without_unicode():
    code = (
        "import mlgates as mg\n"
        "print(mg.GateSuite([mg.Completeness()], name='n').run(data={'x\\x1b': [None]}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONIOENCODING": "ascii", "PYTHONPATH": ":".join(sys.path)},
    )
    assert r"x\x1b" in done.stdout


def test_unknown_forms_are_refused():
    message = r"^render: `form` must be one of 'text'.*, got 'txet'; did you mean 'text'\?$"
    with pytest.raises(OptionError, match=message):
        render(FULL, "txet")
    assert to_text(FULL) == render(FULL, "text")
    assert Verdict.worst(r.verdict for r in FULL) is Verdict.ERROR


def test_the_hint_of_a_passed_check_is_shown():
    table = {"x": ["?", "a"] * 50, "y": ["a"] * 100, "z": ["b"] * 100}
    shown = str(mg.GateSuite([mg.Completeness()]).run(data=table))
    assert "PASS     completeness  x         missing 0 %  at most 0 %" in shown
    assert "(hint: 50 % of the values" in " ".join(shown.split())
    assert "PASS     completeness  3 checks" in shown


def test_many_columns_without_rows_are_one_row():
    names = [f"c{i}" for i in range(12)]
    shown = str(mg.GateSuite([mg.Completeness()]).run(data={name: [] for name in names}))
    assert "INCONCLUSIVE  completeness  12 checks" in shown
    assert (
        "`c0` has no cells to judge; pass a table with at least one row; also undecided: `c1`, "
        "`c2`, `c3`, `c4`, `c5`, `c6`, `c7`, `c8` and 3 more"
    ) in " ".join(shown.split())
    assert len(shown.splitlines()) < 12


def few(gate, **evidence):
    """Return each form of the report of a gate whose groups have few rows."""
    group = list("bcdef") * 5 + ["a"] * 75
    report = mg.GateSuite([gate]).run(
        data={"group": group}, y_true=[0, 1] * 50, y_pred=[0, 1] * 50, **evidence
    )
    return [" ".join(render(report, form).split()) for form in ("text", "markdown", "html")]


def test_slices_with_few_rows_are_named():
    names = [f"group={name} (n = 5)" for name in "cdef"]
    for shown in few(mg.Performance("accuracy", at_least=0.5, by="group")):
        listed = f"also undecided: {', '.join(names)}"
        assert listed in shown.replace("\\", "")


def test_groups_with_few_rows_are_named_with_their_rate():
    gate = mg.Fairness("equalized_odds_difference", at_most=0.5)
    shown = few(gate, sensitive_features="group")[0]
    assert "`true_positive_rate` where group=c (n = " in shown
    gate = mg.Fairness("demographic_parity_difference", at_most=0.5)
    assert "undecided: group=b (n = 5), group=c (n = 5)" in few(gate, sensitive_features="group")[0]


def test_columns_of_empty_slices_are_named_with_their_slice():
    gate = mg.Completeness(by={"x": lambda t: [False] * 2, "y": lambda t: [False] * 2})
    shown = " ".join(str(mg.GateSuite([gate]).run(data={"a": [1, 2], "b": [1, 2]})).split())
    assert "undecided: `b` where x (n = 0), `a` where y (n = 0), `b` where y (n = 0)" in shown


def test_a_few_columns_without_rows_are_a_row_each():
    shown = str(mg.GateSuite([mg.Completeness()]).run(data={"a": [], "b": [], "c": []}))
    assert shown.count("has no cells to judge") == 3


# colours, for terminals


def test_colours_are_optional():
    assert "\x1b" not in str(FULL)
    for thing in (FULL, FULL["drift:psi"]):
        shown = render(thing, "text", colour=True)
        assert "\x1b[1;31mFAIL" in shown
        assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == str(thing)


def test_colours_begin_and_end_on_a_line():
    for line in render(FULL, "text", colour=True).splitlines():
        codes = re.findall(r"\x1b\[([0-9;]*)m", line)
        assert codes[1::2] == ["0"] * (len(codes) // 2)
        assert len(codes) % 2 == 0


# cells that changed, and columns that were not judged


def test_cells_that_changed_are_listed_largest_first():
    shares = [("a", 0.1, 0.2), ("b", 0.2, 0.5), ("c", 0.3, 0.1), ("d", 0.3, 0.15), ("e", 0.1, 0.05)]
    bins = [
        {"bin": each, "reference": before, "current": now, "moved": each != "e"}
        for each, before, now in shares
    ]
    found = " ".join(str(result(psi("fail", value=0.9, details={"bins": bins}))).split())
    assert found.endswith(
        "moved: `b` from 20 % to 50 %, `c` from 30 % to 10 %, `d` from 30 % to 15 %, 1 more"
    )
    assert "moved" not in str(result(psi("pass", details={"bins": bins})))


def test_a_share_stays_on_a_line():
    found = str(report(result(psi("fail", value=0.9, reason="12.5 % " * 60))))
    assert not any(line.strip().startswith("%") for line in found.splitlines())


def test_a_long_note_is_cut_at_the_end_of_an_item():
    listed = ", ".join(f"`column_{i:02}` (dates)" for i in range(60))
    note = f"columns not judged: {listed}"
    checks = (psi("pass"), psi("pass", "hours"))
    shown = " ".join(str(report(result(*checks, note=note))).split())
    assert re.search(
        r"columns not judged: `column_00` \(dates\), .* `column_05` \(dates\) and 54 more", shown
    )
    brief = "columns not judged: `day` (dates), `id` (strings with too many different values)"
    assert brief in " ".join(str(report(result(*checks, note=brief))).split())


def test_templates_are_loaded_for_html_alone():
    code = (
        "import sys\n"
        "from mlgates.report import GateResult, Report\n"
        "from mlgates.verdict import Check\n"
        "check = Check(subject='x', metric='m', verdict='skip', reason='r')\n"
        "report = Report(name='r', results=(GateResult(name='g', kind='k', checks=(check,)),))\n"
        "str(report), report.to_markdown(), report.to_junit_xml(), report.to_json()\n"
        "assert 'jinja2' not in sys.modules\n"
        "report.to_html()\n"
        "assert 'jinja2' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_note_is_shown_whatever_the_verdict(monkeypatch):
    monkeypatch.setenv("COLUMNS", "90")
    gate = mg.Fairness(
        "demographic_parity_difference", at_most=0.1, small_groups="exclude", name="parity"
    )
    answers = [1, 0] * 400 + [1] * 5
    sexes = ["f"] * 400 + ["m"] * 400 + ["x"] * 5
    report = mg.GateSuite([gate]).run(y_true=answers, y_pred=answers, sensitive_features=sexes)
    assert report.passed
    assert "         excluded groups: group=x (5 rows)" in str(report).splitlines()


# long names

REGIONS = [
    f"customer_segment=premium, region=north-{side}, channel=web" for side in ("east", "west")
]
OWN_METRIC = "performance:root_mean_squared_error_of_log_returns"


@pytest.mark.parametrize("columns", [60, 80, 100, 200])
@pytest.mark.parametrize("form", ["text", "markdown", "html", "junit"])
def test_no_name_of_a_gate_or_slice_is_shortened(monkeypatch, columns, form):
    monkeypatch.setenv("COLUMNS", str(columns))
    slices = [psi("fail", "roc_auc", 0.9, group=region) for region in REGIONS]
    gate = result(*slices, name=OWN_METRIC, kind="own")  # (without a picture)
    shown = render(report(gate, result(psi("pass"), name="inner/drift:psi")), form)
    assert "..." not in shown
    if form == "text":
        assert sum(OWN_METRIC in line for line in shown.splitlines()) == 2
        assert "inner/drift:psi" in shown
        first, *lines = shown.splitlines()[2:]
        start, end = first.index("SUBJECT"), first.index("MEASURED")
        shown += "".join(line[start:end] for line in lines)
    letters = re.sub(r"\s|&[^;]*;|[-=_,:\u200b]", "", shown)
    for name in (*REGIONS, OWN_METRIC):
        assert re.sub(r"\s|[-=_,:]", "", name) in letters


LOOKALIKES = [
    ["x" * 600 + "a" + "y" * 600, "x" * 600 + "b" + "y" * 600],
    ["é", "e\u0301"],
    ["a\n", r"a\n"],
    ["a", "a ", " a"],
    ["", "(empty)"],
    ["x" * 10**6 + end for end in "abc"],
]


@pytest.mark.parametrize("names", LOOKALIKES, ids=range(len(LOOKALIKES)))
def test_rows_of_different_names_look_different(names):
    found = list(distinct(names).values())
    assert len({unicodedata.normalize("NFC", name) for name in found}) == len(names)
    assert max(map(len, found)) <= 503
    shown = result(*[psi("fail", name, 0.9) for name in names]).to_markdown()
    rows = [line for line in shown.splitlines() if line.startswith("| ✗")]
    assert len(set(rows)) == len(rows) == len(names)


@given(st.lists(st.text("ab\n\\n é", max_size=12), unique=True), st.integers(8, 12))
def test_short_names_are_as_distinct_as_the_names(names, most):
    assert len(set(distinct(names, most).values())) == len(names)


def test_a_column_named_like_its_gate_is_named():
    gate = result(missing("completeness"), missing("x"), name="completeness", kind="completeness")
    assert "PASS     completeness  completeness  missing 0 %" in str(gate)


def test_wide_characters_take_two_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    lines = str(result(psi("pass", "列" * 25), psi("pass", "x"))).splitlines()
    assert len({line.index("psi 0.1") + line.count("列") for line in lines[3:]}) == 1


# the order of findings


def test_within_a_verdict_the_farthest_from_the_limit_is_first():
    checks = [psi("fail", "a", 0.85), psi("fail", "b", 5.97), psi("fail", "c", 0.3)]
    found = report(result(*checks))
    for form in ("text", "markdown", "html", "junit"):
        shown = render(found, form)
        places = [shown.index(f"{name}") for name in ("5.97", "0.85", "0.3")]
        assert places == sorted(places), form
    assert found.results[0].checks[0].subject == "a"


def test_gates_of_a_verdict_are_ordered_by_their_worst_check():
    near, far = result(psi("fail", value=0.3)), result(psi("fail", value=9.0), name="far")
    assert [gate.name for gate in report(near, far).failures] == ["far", "drift:psi"]


# commands to CI servers


COMMAND = re.compile(r"##\w*\[|^\s*(::|---|\+\+\+|~~~|\^\^\^)", re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(
    "name",
    [
        "::stop-commands::x",
        "::error::" * 20,
        "a" * 13 + " ::add-mask::x" * 9,
        "##[error]x ##vso[task.complete result=Succeeded;] ##teamcity[buildStop]",
        "x" * 59 + "##[endgroup]",
        "###[x] ####vso[y]",
        "--- fold",
        "+++ x ~~~ y ^^^ z",
    ],
)
def test_names_can_not_give_commands_to_a_ci_server(monkeypatch, columns, name):
    monkeypatch.setenv("COLUMNS", str(columns))
    found = report_with_text(name)
    found = replace(found, name=name)
    for thing in (found, *found.results):
        for colour in (False, True):
            shown = re.sub(r"\x1b\[[0-9;]*m", "", render(thing, "text", colour=colour))
            assert not COMMAND.search(shown)
    for form in ("markdown", "html", "junit", "json"):
        assert not re.search(r"##\w*\[|^\s*::", render(found, form), re.MULTILINE)
    assert Report.from_dict(json.loads(found.to_json())) == found


def test_a_gate_that_passed_shows_the_check_closest_to_its_limit():
    gate = result(psi("pass", "age", 0.03), psi("pass", "income", 0.19), psi("pass", "sex", 0.1))
    assert to_text(report(gate)).splitlines()[3:5] == [
        "PASS     drift:psi  all 3 checks",
        "         closest to its limit: income psi 0.19, at most 0.2",
    ]
    # where nothing was found, and below checks that failed, there is none
    for others in ([psi("pass", "age", 0.0), psi("pass", "sex", 0.0)], [psi("fail", value=0.31)]):
        checks = [*others, *map(missing, ["age", "sex"])]
        assert "closest" not in to_text(report(result(*checks)))


def test_of_many_failed_checks_five_have_a_reason():
    found = [psi("fail", f"x{i:02}", 6 - i / 10) for i in range(20)]
    text = to_text(report(result(*found, psi("error", "y", None, because="it raised"))))
    assert [f"is {6 - i / 10} (n" in text for i in range(5)] == [True] * 4 + [False]
    assert [f"x{i:02}" in text for i in range(20)] == [True] * 19 + [False]
    assert "... 1 more" in text
    assert len(text.splitlines()) == 3 + 5 * 2 + 15 + 2
