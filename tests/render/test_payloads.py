"""Whatever stands in a name, a reason or a detail, a report stays a report: parsed back, every form
has the same elements in the same order as one with a harmless text.
"""

import json
import re
from xml.etree import ElementTree as ET

import html5lib
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from report_examples import PAYLOADS, told_in_every_text

from mlgates.render import clean, render
from mlgates.report import Report

HTML = "{http://www.w3.org/1999/xhtml}"
SVG = "{http://www.w3.org/2000/svg}"
HARMFUL = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "input", "image"}
HARMFUL |= {"foreignObject", "use", "animate", "set", "video", "audio", "b-", "frame", "button"}
IDS = [f"{i}-{payload[:12]!a}" for i, payload in enumerate(PAYLOADS)]


def page(text):
    parser = html5lib.HTMLParser()
    root = parser.parse(text)
    assert parser.errors == []
    return root


def elements(root):
    """Tags in order with the names of their attributes, without what only marks a piece as code."""
    return [
        (tag, sorted(element.attrib))
        for element in root.iter()
        if (tag := str(element.tag).removeprefix(HTML).removeprefix(SVG)) != "code"
    ]


def alike(one, other):
    """Whether two have the same elements; a text that is empty leaves some out."""
    return elements(one) == elements(other)


def harmless(text):
    """A text as long as another is when it is shown, and of as many blanks."""
    return "".join(" " if c == " " else "h" for c in clean(text, 100_000))


def check_markup(root):
    for element in root.iter():
        tag = str(element.tag).removeprefix(HTML).removeprefix(SVG)
        assert tag not in HARMFUL
        for name, value in element.attrib.items():
            assert not str(name).lower().startswith("on")
            assert name != "style" or value == "text-align:right"  # a column of a Markdown table
            assert str(name) not in {"src", "srcset", "action", "formaction", "xlink:href"}
            if name == "href":
                assert re.fullmatch(r"#gate-\d+", value)


def html(text):
    return page(render(told_in_every_text(text), "html"))


def markdown(text):
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    written = render(told_in_every_text(text), "markdown")
    return html5lib.parse(reader.render(written)), written


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_html_keeps_its_elements(payload):
    found = html(payload)
    check_markup(found)
    assert alike(found, html(harmless(payload)))
    told = "".join(found.itertext())
    assert clean(payload, 40).removesuffix("...").replace("`", "") in told.replace("`", "")


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_the_body_for_notebooks_keeps_its_elements(payload):
    found = told_in_every_text(payload)
    for thing in (found, found.results[0], found.results[-1]):
        root = page(f"<!doctype html><title>x</title>{thing._repr_html_()}")
        check_markup(root)
    once, again = (
        page(f"<!doctype html><title>x</title>{told_in_every_text(text)._repr_html_()}")
        for text in (payload, harmless(payload))
    )
    assert alike(once, again)
    assert [e for e in once.iter() if "id" in e.attrib] == []


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_markdown_keeps_its_elements(payload):
    found, written = markdown(payload)
    check_markup(found)
    assert alike(found, markdown(harmless(payload))[0])
    assert {str(e.tag).removeprefix(HTML) for e in found.iter()}.isdisjoint({"a", "img", "h1"})
    assert all(c.isprintable() or c in "\n\u200b" for c in written)


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_markdown_mentions_nobody_and_links_nowhere(payload):
    told = "".join(markdown(payload)[0].itertext())
    assert not re.search(r"@\w|#\d|://|www\.", told)


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_junit_keeps_its_elements(payload):
    found = ET.fromstring(render(told_in_every_text(payload), "junit").encode())  # noqa: S314  (our own)
    usual = ET.fromstring(render(told_in_every_text(harmless(payload)), "junit").encode())  # noqa: S314  (our own)
    assert [e.tag for e in found.iter() if e.tag != "property"] == [
        e.tag for e in usual.iter() if e.tag != "property"
    ]
    assert clean(payload, 1_000) in found[0][-1].get("name")


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_json_is_strict_and_says_the_same(payload):
    found = told_in_every_text(payload)

    def refuse(token):
        pytest.fail(f"{token} is no JSON")

    data = json.loads(render(found, "json"), parse_constant=refuse)
    assert Report.from_dict(data) == found
    assert render(found, "json").isascii()


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_text_has_a_line_a_finding(payload):
    shown = rows(render(told_in_every_text(payload), "text"))
    assert all(line.isprintable() for line in shown)
    usual = rows(render(told_in_every_text(harmless(payload)), "text"))
    assert verdicts(shown) == verdicts(usual)


def rows(text):
    lines = text.split("\n")
    return lines[3 : lines.index("", 3)]


def verdicts(lines):
    return [line.split(" ")[0] for line in lines if not line.startswith(" ")]


@settings(max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=60))
def test_any_text_keeps_all_forms_whole(text):
    found = html(text)
    check_markup(found)
    assert alike(found, html(harmless(text)))
    check_markup(markdown(text)[0])
    ET.fromstring(render(told_in_every_text(text), "junit").encode())  # noqa: S314  (our own)
