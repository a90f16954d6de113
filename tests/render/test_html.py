"""The HTML page loads nothing, runs nothing, and repeats pictures in words."""

import base64
import hashlib
import re
import sys
from dataclasses import replace
from functools import partial
from importlib import resources
from itertools import product

import html5lib
import pytest
from report_examples import (
    advisory,
    drift,
    drift_check,
    every_kind,
    fairness,
    performance,
    regression,
    skipped,
)

from mlgates.render.html import to_html
from mlgates.render.rows import GLYPHS
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit, Measurement, Verdict

to_fragment = partial(to_html, fragment=True)
STYLE = (resources.files("mlgates.render") / "templates" / "report.css").read_text("utf-8").strip()


def read(text):
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    root = parser.parse(text)
    assert parser.errors == []
    return root


def find(root, tag, name=""):
    return [e for e in root.iter(tag) if name in ["", *e.get("class", "").split()]]


def text_of(element):
    return " ".join("".join(element.itertext()).split())


# what the page loads and runs


def test_the_policy_allows_only_its_own_style():
    root = read(to_html(every_kind()))
    policy = next(m for m in find(root, "meta") if m.get("http-equiv")).get("content")
    (style,) = find(root, "style")
    digest = base64.b64encode(hashlib.sha256(style.text.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert style.text == STYLE


@pytest.mark.parametrize("form", [to_html, to_fragment])
def test_nothing_is_loaded_and_nothing_runs(form):
    text = form(every_kind())
    root = read(text if form is to_html else f"<!doctype html><title>x</title>{text}")
    for element in root.iter():
        assert element.tag not in {"script", "link", "img", "iframe", "object"}
        for name, value in element.attrib.items():
            assert name not in {"src", "style", "srcset"}
            assert not name.startswith("on")
            assert "//" not in value
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_every_rule_is_scoped_to_one_class():
    bare = re.sub(r"@(media|container)[^{]*\{", "", STYLE)
    selectors = [
        one.strip()
        for rule in re.findall(r"([^{}]+)\{", bare)
        for one in re.split(r",(?![^(]*\))", rule)
    ]
    assert len(selectors) > 60
    assert [one for one in selectors if not re.match(r"\.mlgates(?![\w-])", one)] == []


def test_a_notebook_gets_the_body_without_ids():
    for thing in (every_kind(), drift()):
        shown = thing._repr_html_()
        assert shown == to_fragment(thing)
        assert shown.startswith('<div class="mlgates">')
        root = read(f"<!doctype html><title>x</title>{shown}")
        assert [e for e in root.iter() if "id" in e.attrib or e.tag == "a"] == []
        assert len(find(root, "style")) == 1


# what the page shows


def test_the_top_lists_the_gates_that_block_release():
    root = read(to_html(every_kind()))
    assert text_of(find(root, "title")[0]) == "FAIL: credit-release"
    assert text_of(find(root, "p", "mg-badge")[0]) == "✗ FAIL"
    assert [text_of(h) for h in find(root, "h1")] == ["credit-release"]
    assert text_of(find(root, "p", "mg-summary")[0]) == (
        "6 of 8 gates block release · 1 advisory; 1 skipped"
    )
    blocking = [text_of(item) for item in find(find(root, "ul", "mg-blocking")[0], "li")]
    assert blocking == [
        "✗ FAIL completeness city missing 10.9 %, at most 5 %",
        "✗ FAIL drift:psi age psi 0.31, at most 0.2",
        (
            "✗ FAIL fairness:demographic_parity_difference 0.14 (95 % interval 0.08 to 0.19), "
            "at most 0.1 (sex=m, race=white against sex=f, race=black)"
        ),
        "✗ FAIL performance:roc_auc sex=male 0.79 (95 % interval 0.775 to 0.805), at least 0.8",
        "? INCONCLUSIVE latency:p99 p99 18.6 ms (95 % interval 17.1 ms to 20.3 ms), at most 20 ms",
        (
            "? INCONCLUSIVE regression:roc_auc -0.004 (95 % interval -0.0125 to 0.0045), "
            "at least -0.01"
        ),
    ]


def test_a_gate_that_passed_has_its_value_in_the_line_of_its_fold():
    slices = tuple(replace(check, verdict="pass") for check in performance().checks[::2])
    (difference,) = regression().checks
    gates = [
        replace(performance(), checks=slices),
        replace(regression(), checks=(replace(difference, verdict="pass", by_chance=False),)),
        replace(drift(), checks=drift().checks[1:]),
    ]
    root = read(to_html(Report(name="r", results=tuple(gates))))
    lines = [text_of(line) for line in find(root, "span", "mg-measured")]
    assert lines == [
        "closest to its limit: sex=female 0.83 (95 % interval 0.81 to 0.85), at least 0.8",
        "-0.004 (95 % interval -0.0125 to 0.0045), at least -0.01",
        "closest to its limit: sex psi 0.02, at most 0.2",
    ]


def test_more_than_eight_blocking_gates_are_counted_at_the_top():
    gates = tuple(replace(drift(), name=f"g{i}") for i in range(11))
    items = find(find(read(to_html(Report(name="r", results=gates))), "ul", "mg-blocking")[0], "li")
    assert len(items) == 9
    assert text_of(items[-1]) == "and 3 more gates below"


def test_a_reason_can_be_read_without_scrolling_sideways():
    (why,) = find(read(to_html(drift())), "tr", "mg-why")
    assert [(cell.get("colspan"), [inside.tag for inside in cell]) for cell in why] == [
        ("5", ["div"])
    ]
    assert ".mg-why > * > div { position: sticky; left: 0; max-width: 100cqw; }" in STYLE


def test_links_lead_to_the_gates():
    root = read(to_html(every_kind()))
    places = {e.get("id"): e for e in root.iter() if "id" in e.attrib}
    links = find(root, "a")
    assert len(links) == 6
    for link in links:
        assert text_of(link) in text_of(places[link.get("href").removeprefix("#")])


def test_gates_that_passed_or_were_skipped_are_folded():
    root = read(to_html(every_kind()))
    gates = {
        text_of(find(g, "h2")[0]): "open" in g.attrib for g in find(root, "details", "mg-gate")
    }
    assert gates == {
        "completeness": True,
        "drift:psi": True,
        "performance:roc_auc": True,
        "fairness:demographic_parity_difference": True,
        "regression:roc_auc": True,
        "latency:p99": True,
        "freshness:at": True,
        "integration": False,
    }
    steady = GateResult(name="a", kind="k", checks=drift().checks[1:])
    (gate,) = find(read(to_html(Report(name="r", results=(steady,)))), "details", "mg-gate")
    assert "open" not in gate.attrib


def test_the_page_of_one_gate_has_its_name_and_verdict_once():
    root = read(to_html(drift()))
    assert find(root, "details", "mg-gate") == find(root, "section")[0].findall(".//h2") == []
    assert text_of(find(root, "header")[0]).startswith("✗ FAIL drift:psi 1 fail · ")


def test_tables_have_captions_heads_and_scopes():
    root = read(to_html(every_kind()))
    tables = find(root, "table")
    assert len(tables) > 12
    for table in tables:
        assert len(find(table, "caption")) == 1
        for cell in find(table, "th"):
            assert cell.get("scope") in {"row", "col"}
        head = find(find(table, "thead")[0], "th")
        for row in find(find(table, "tbody")[0], "tr"):
            assert sum(int(cell.get("colspan", 1)) for cell in row) == len(head)


def test_tables_of_a_notebook_have_no_th():
    shown = to_fragment(every_kind())
    root = read(f"<!doctype html><title>x</title>{shown}")
    assert find(root, "th") == []
    table = find(root, "table")[0]
    heads = [text_of(cell) for cell in find(table, "td") if cell.get("role") == "columnheader"]
    assert heads == ["verdict", "subject", "measured", "limit", "n"]
    rows = [row for row in find(find(table, "tbody")[0], "tr") if row.get("class") != "mg-why"]
    for row in rows:
        assert [cell.get("role") for cell in row] == [None, "rowheader", None, None, None]


def test_landmarks_and_language():
    root = read(to_html(every_kind()))
    assert root.get("lang") == "en"
    assert len(find(root, "main")) == len(find(root, "article")) == 1
    assert len(find(root, "section")) == 8
    for part in (*find(root, "section"), *find(root, "article")):
        assert part.get("aria-label")


def test_each_verdict_has_a_word_and_a_sign():
    root = read(to_html(every_kind()))
    for verdict in find(root, "span", "mg-verdict"):
        sign, word = text_of(verdict).split(" ")[:2]
        assert sign in GLYPHS.values()
        assert word in {"PASS", "INCONCLUSIVE", "FAIL", "ERROR", "SKIP"}
        assert verdict[0].get("aria-hidden") == "true"


def test_a_reason_is_below_each_check_that_did_not_pass():
    root = read(to_html(drift()))
    (why,) = find(root, "tr", "mg-why")
    assert text_of(why).startswith("psi of age is 0.31 (n = 4,012 against 30,162); the limit is")
    assert "moved: 52 < x from 10 % to 24.6 %" in text_of(why)
    assert "columns not judged: day (dates)" in text_of(root)


def test_the_footer_has_the_provenance():
    foot = text_of(find(read(to_html(every_kind())), "footer")[0])
    assert "data: 4,012 rows x 6 columns, fingerprint ce6e818baa50" in foot
    assert "run 2026-01-31T12:00:00 UTC in 12.5 s" in foot
    assert "python 3.11.7, mlgates 0.1.0" in foot
    assert "Completeness(max_missing=0.05)" in foot
    assert find(read(to_html(Report(name="r", results=()))), "footer") == []


@pytest.mark.parametrize("odd", [5, None, "x", {"a": 1}, {"a": {"b": "c"}}, ("x",)])
def test_odd_provenance_is_left_out(odd):
    known = dict.fromkeys(("versions", "suite", "tables", "started", "commit", "seconds"), odd)
    root = read(to_html(Report(name="r", results=(drift(),), provenance=known)))
    assert text_of(find(root, "tr", "mg-why")[0]).startswith("psi of age is 0.31")


# many columns


def wide(count):
    checks = [drift_check(f"x{i:03}") for i in range(count)]
    steady = [drift_check(f"y{i:03}", 0.01) for i in range(count)]
    return GateResult(name="drift:psi", kind="drift", checks=(*checks, *steady))


def test_of_many_rows_twelve_are_open_and_drawn():
    root = read(to_html(Report(name="r", results=(wide(200),))))
    inside = find(root, "div", "mg-inside")[0]
    first, more, passed = find(inside, "table")[:3]
    assert len(find(first, "tr")) == 1 + 2 * 12
    assert text_of(find(inside, "summary")[0]) == "188 more: 188 fail"
    assert len(find(more, "tr")) == 1 + 2 * 188
    assert text_of(find(inside, "summary")[1]) == "200 checks passed"
    assert len(find(passed, "tr")) == 1 + 200
    assert len(find(inside, "figure")) == 12
    assert "The worst 12 are drawn." in text_of(inside)
    (item,) = find(find(root, "ul", "mg-blocking")[0], "li")
    assert text_of(item).endswith(
        "x000 psi 0.31, at most 0.2; x001 psi 0.31, at most 0.2; x002 psi 0.31, at most 0.2; "
        "197 more"
    )


def test_sixteen_rows_are_not_folded():
    text = text_of(read(to_html(Report(name="r", results=(wide(16),)))))
    assert "more: " not in text


def test_folded_rows_are_counted_by_verdict():
    fails = [drift_check(f"x{i}") for i in range(20)]
    short = Check(subject="s", metric="m", verdict="inconclusive", reason="too few rows")
    root = read(to_html(GateResult(name="a", kind="k", checks=(*fails, *[short] * 5))))
    folded = [text_of(s) for s in find(find(root, "div", "mg-inside")[0], "summary")]
    assert folded[0] == "13 more: 8 fail, 5 inconclusive"


def test_more_rows_than_a_page_holds_are_counted():
    check = Check(subject="x", metric="m", verdict="error", reason="r")
    result = GateResult(name="a", kind="k", checks=(check,) * 1_003)
    more = "3 more: 3 error; {} lists them all."
    assert more.format("the report saved as JSON") in text_of(read(to_html(result)))
    shown = read(f"<!doctype html><title>x</title>{to_fragment(result)}")
    assert more.format("to_frame()") in text_of(shown)


def test_similar_undecided_checks_share_a_row():
    short = Check(subject="x", metric="m", verdict="inconclusive", reason="too few rows")
    result = GateResult(name="a", kind="k", checks=(short,) * 30)
    root = read(to_html(result))
    assert len(find(root, "tr", "mg-why")) == 1
    assert "30 checks" in text_of(root)


def test_advisory_and_skipped_gates_are_marked():
    root = read(to_html(Report(name="r", results=(advisory(), skipped()))))
    assert "! ERROR advisory" in text_of(root)
    assert f"{GLYPHS[Verdict.SKIP]} SKIP" in text_of(root)


# contrast, by the rule of WCAG 2.2


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(ink, paper, share):
    """A colour of which a share covers the paper."""
    both = [
        round(share * int(ink[i : i + 2], 16) + (1 - share) * int(paper[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    return "#{:02x}{:02x}{:02x}".format(*both)


def long(colour):
    return colour if len(colour) == 7 else "#" + "".join(2 * c for c in colour[1:])


NAMED = {name: long(value) for name, value in re.findall(r"--mg-(\w+): (#[0-9a-f]+);", STYLE)}
PAGES = [
    (long(ink), long(paper))
    for ink, paper in re.findall(r"--mg-ink: (#\w+); background: (#\w+)", STYLE)
]
QUIET = int(re.search(r"--mg-quiet: color-mix\(in srgb, var\(--mg-ink\) (\d+)%", STYLE)[1]) / 100
NOTEBOOKS = ["#ffffff", "#111111", "#1e1e1e"]  # Jupyter light and dark, VS Code dark


def test_colours_are_found():
    assert len(PAGES) == 3
    assert {"pass", "fail", "error", "open", "skip", "blue", "orange"} <= set(NAMED)


@pytest.mark.parametrize("name", ["pass", "fail", "error", "open", "skip"])
def test_signs_have_enough_contrast_on_every_page(name):
    assert contrast("#ffffff", NAMED[name]) >= 4.5
    for paper in (*NOTEBOOKS, *(page[1] for page in PAGES)):
        assert contrast(NAMED[name], paper) >= 3


@pytest.mark.parametrize("page", PAGES)
def test_text_has_enough_contrast(page):
    ink, paper = page
    assert contrast(ink, paper) >= 7
    assert contrast(mixed(ink, paper, QUIET), paper) >= 4.5


@pytest.mark.parametrize(
    ("name", "paper"), [*product(["blue", "orange", "fail"], [*NOTEBOOKS, "#14171c"])]
)
def test_pictures_have_enough_contrast(name, paper):
    assert contrast(NAMED[name], paper) >= 3


def test_figures_of_fairness_and_performance_are_in_the_page():
    for result in (fairness(), performance()):
        root = read(to_html(result))
        (figure,) = find(root, "figure")
        assert text_of(find(figure, "table")[0]).count("sex=") >= 3


def number_of_calls(function):
    """Return how many functions a call of a function calls, at any depth."""
    calls = [0]

    def count(frame, event, arg):
        calls[0] += event == "call"

    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(None)
    return calls[0]


@pytest.mark.parametrize("form", ["to_html", "to_markdown", "to_junit_xml", "to_json", "__str__"])
def test_the_work_for_a_form_is_linear_in_the_checks(form):
    def calls(checks):
        measured = Measurement(0.5, n=100)
        found = [Check.judge(f"x{i}", "ks", measured, Limit(at_most=0.2)) for i in range(checks)]
        report = Report(
            name="r", results=(GateResult(name="g", kind="drift", checks=tuple(found)),)
        )
        getattr(report, form)()
        return number_of_calls(getattr(report, form))

    few, more, most = map(calls, (100, 200, 400))
    assert most - more < 2.2 * (more - few) + 100
