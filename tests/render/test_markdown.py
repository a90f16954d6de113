"""Markdown as a pull request shows it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_examples import advisory, drift, every_kind

from mlgates.render import clean, split_code
from mlgates.render.markdown import escape, sentence
from mlgates.render.rows import GLYPHS
from mlgates.report import Report

DRIFT = """\
### ✗ FAIL <code>drift:psi</code>

| verdict | gate | subject | measured | limit |
| --- | --- | --- | ---: | ---: |
| ✗ FAIL | <code>drift:psi</code> | <code>age</code> | psi 0.31 | at most 0.2 |
| ✓ PASS | <code>drift:psi</code> | <code>2 checks</code> |  |  |

<details><summary>Reasons</summary>

- **✗ FAIL** <code>drift:psi</code>, <code>age</code>: <code>psi</code> of <code>age</code> is \
0.31 \\(n = 4,012 against 30,162\\); the limit is at most 0.2; moved: <code>52 \\< x</code> from 10 % \
to 24.6 %, <code>40 \\< x \\<= 52</code> from 40 % to 31.3 %, <code>x \\<= 27</code> from 10 % to 3.1 %
- **✓ PASS** <code>drift:psi</code>, <code>2 checks</code>: not judged: <code>day</code> \\(dates\\)

</details>
"""  # noqa: E501


def read(text):
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(text)


def test_one_result():
    assert drift().to_markdown() == DRIFT


def test_a_report_has_a_headline_and_its_rows_worst_first():
    shown = every_kind().to_markdown()
    lines = shown.splitlines()
    assert lines[0] == "### ✗ FAIL <code>credit-release</code>"
    assert lines[2] == "6 of 8 gates block release; 1 advisory; 1 skipped"
    words = [
        line.split("|")[1].split()[1]
        for line in lines
        if line.startswith("| ") and line[2] in GLYPHS.values()
    ]
    counted = words[: words.index("ERROR")]
    order = ["FAIL", "INCONCLUSIVE"]
    assert words[-1] == "SKIP"
    firsts = [word for word in counted if word != "PASS"]
    assert firsts == sorted(firsts, key=order.index)


def test_every_row_of_a_table_has_as_many_cells():
    rows = re.findall(r"<tr>.*?</tr>", read(every_kind().to_markdown()), re.DOTALL)
    assert {len(re.findall(r"<t[dh]", row)) for row in rows} == {5}
    assert len(rows) == 1 + every_kind().to_markdown().count("\n| ") - 2


def test_details_are_folded():
    shown = read(every_kind().to_markdown())
    assert shown.count("<details><summary>") == shown.count("</details>") == 2
    assert "fingerprint ce6e818baa50" in shown
    assert "commit 0123456789ab" in shown


def test_nothing_is_folded_without_reasons():
    assert "<details>" not in Report(name="r", results=()).to_markdown()
    assert "(advisory)" in advisory().to_markdown()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("`psi` of `age`", "<code>psi</code> of <code>age</code>"),
        ("a ` b", r"a \` b"),
        ("``", ""),
        ("no code", "no code"),
        ("`a|b`", r"<code>a\|b</code>"),
    ],
)
def test_text_between_backticks_is_code(text, shown):
    assert sentence(text) == shown


def test_a_sentence_is_split_at_its_backticks():
    assert split_code("") == []
    assert split_code("a") == [("a", False)]
    assert split_code("`a` `b") == [("`a` `b", False)]


@given(
    st.text(st.characters(exclude_categories=()), max_size=60).map(lambda text: clean(text, 500))
)
def test_escaped_text_is_shown_unchanged(text):
    stripped = text.strip()
    shown = read(f"x {escape(stripped)} x")
    found = (
        shown.replace("\u200b", "")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", '"')
        .replace("&amp;", "&")
    )
    assert found == f"<p>x {stripped} x</p>\n"
