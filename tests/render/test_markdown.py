"""Markdown as a pull request shows it."""

import re

import html5lib
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from markdown_readers import READERS
from report_examples import advisory, drift, every_kind

from mlgates.printable import clean
from mlgates.render import split_code
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
<ul>
<li><b>✗ FAIL</b> <code>drift:psi</code>, <code>age</code>: <code>psi</code> of <code>age</code> is \
0.31 (n = 4,012 against 30,162); the limit is at most 0.2; moved: <code>52 &lt; x</code> from 10 % to \
24.6 %, <code>40 &lt; x &lt;= 52</code> from 40 % to 31.3 %, <code>x &lt;= 27</code> from 10 % to 3.1 %</li>
<li><b>✓ PASS</b> <code>drift:psi</code>, <code>2 checks</code>: columns not judged: <code>day</code> (dates)</li>
</ul>
</details>
"""  # noqa: E501


@pytest.fixture(params=READERS)
def read(request):
    """Return a reader of Markdown."""
    return READERS[request.param]


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


def test_every_row_of_a_table_has_as_many_cells(read):
    rows = re.findall(r"<tr>.*?</tr>", read(every_kind().to_markdown()), re.DOTALL)
    assert {len(re.findall(r"<t[dh]", row)) for row in rows} == {5}
    assert len(rows) == 1 + every_kind().to_markdown().count("\n| ") - 2


def test_details_are_folded(read):
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
        ("a ` b", "a &#96; b"),
        ("``", ""),
        ("no code", "no code"),
        ("`a|b`", "<code>a&#124;b</code>"),
    ],
)
def test_text_between_backticks_is_code(text, shown):
    assert sentence(text) == shown


def test_a_sentence_is_split_at_its_backticks():
    assert split_code("") == []
    assert split_code("a") == [("a", False)]
    assert split_code("`a` `b") == [("`a` `b", False)]


@examples(60)
@given(
    st.text(st.characters(exclude_categories=()), max_size=60).map(lambda text: clean(text, 500))
)
@pytest.mark.parametrize("reader", READERS)
def test_escaped_text_is_shown_unchanged(reader, text):
    stripped = text.strip()
    assert shown_text(reader, f"x {escape(stripped)} x") == f"x {stripped} x"


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "text",
    [
        "*a* _b_ **c** __d__ ~~e~~ ==f== ++g++ ^^h^^ ^i^ ~j~ --k--",
        "[a](javascript:x) ![b](c) [d][e] [^f] [[g]] <http://h> {: onclick=i }",
        "`a` ``b`` $c$ $$d$$ {{ e }} {% f %} &lt; &#60; a\\*b",
        r"\<b\> \| \&",
        "*[HTML]: x",
        ">! a !< [a(b)] - [ ] x",
        "_a_b_ __c_d__ a_b_c a__b__c _a__b_ *a_b*c_d é_a_é 1_2_3",
    ],
)
def test_every_syntax_is_escaped(reader, text):
    stripped = clean(text)
    assert shown_text(reader, f"x {escape(stripped)} x") == f"x {stripped} x"
    for tag in ("em", "strong", "a", "img", "del", "mark", "ins", "sup", "sub", "code", "b"):
        assert f"<{tag}" not in READERS[reader](f"x {escape(stripped)} x")


def shown_text(reader, text):
    """Return the text that a browser shows, without spaces that have no width."""
    root = html5lib.parse(READERS[reader](text), namespaceHTMLElements=False)
    return "".join(root.itertext()).replace("\u200b", "").strip()
