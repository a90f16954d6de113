"""No text in a name, a reason or a detail changes the structure of a report.

Parsed back, every form has the same elements in the same order as with a harmless text.
"""

import json
import re
from xml.etree import ElementTree as ET

import html5lib
import pytest
from example_counts import examples
from hypothesis import Phase, given
from hypothesis import strategies as st
from markdown_readers import READERS
from report_examples import PAYLOADS, report_with_text
from sampling import in_turn

from mlgates.printable import clean
from mlgates.render import render
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
    """Return the tags in order with the names of their attributes, except for code."""
    return [
        (tag, sorted(element.attrib))
        for element in root.iter()
        if (tag := str(element.tag).removeprefix(HTML).removeprefix(SVG)) != "code"
    ]


def alike(one, other):
    """Return whether two documents have the same elements."""
    return elements(one) == elements(other)


def harmless(text):
    """Return a harmless text as long as the text is when shown, with the same spaces."""
    return "".join(" " if c == " " else "h" for c in clean(text, 100_000))


def check_markup(root):
    for element in root.iter():
        tag = str(element.tag).removeprefix(HTML).removeprefix(SVG)
        assert tag not in HARMFUL
        for name, value in element.attrib.items():
            assert not str(name).lower().startswith("on")
            # (a column of a Markdown table)
            assert name != "style" or value.replace(" ", "").rstrip(";") == "text-align:right"
            assert str(name) not in {"src", "srcset", "action", "formaction", "xlink:href"}
            if name == "href":
                assert re.fullmatch(r"#gate-\d+", value)


def html(text):
    return page(render(report_with_text(text), "html"))


def body(thing):
    return page(f"<!doctype html><title>x</title>{thing._repr_html_()}")


def markdown(text, reader="commonmark"):
    written = render(report_with_text(text), "markdown")
    return html5lib.parse(READERS[reader](written)), written


def check_html(payload):
    found = html(payload)
    check_markup(found)
    assert alike(found, html(harmless(payload)))
    found = "".join(found.itertext())
    assert clean(payload)[:150].replace("`", "") in found.replace("`", "")


def check_body(payload):
    found = report_with_text(payload)
    whole, *parts = (body(thing) for thing in (found, found.results[0], found.results[-1]))
    for root in (whole, *parts):
        check_markup(root)
    assert alike(whole, body(report_with_text(harmless(payload))))
    assert [e for e in whole.iter() if "id" in e.attrib] == []


@pytest.mark.parametrize(
    ("payload", "check"),
    in_turn(
        dict(zip(IDS, PAYLOADS, strict=True)),
        {"page": check_html, "body for notebooks": check_body},
    ),
)
def test_html_keeps_its_elements(payload, check):
    check(payload)


@pytest.mark.parametrize(
    ("payload", "reader"),
    in_turn(dict(zip(IDS, PAYLOADS, strict=True)), {name: name for name in READERS}),
)
def test_markdown_keeps_its_elements(payload, reader):
    found, written = markdown(payload, reader)
    check_markup(found)
    assert alike(found, markdown(harmless(payload), reader)[0])
    assert {str(e.tag).removeprefix(HTML) for e in found.iter()}.isdisjoint({"a", "img", "h1"})
    assert all(c.isprintable() or c in "\n\u200b" for c in written)


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_markdown_mentions_nobody_and_links_nowhere(payload):
    found = "".join(markdown(payload, "commonmark")[0].itertext())
    assert not re.search(r"@\w|#\d|://|www\.", found)


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_junit_keeps_its_elements(payload):
    found = ET.fromstring(render(report_with_text(payload), "junit").encode())  # noqa: S314  (our own)
    usual = ET.fromstring(render(report_with_text(harmless(payload)), "junit").encode())  # noqa: S314  (our own)
    assert [e.tag for e in found.iter() if e.tag != "property"] == [
        e.tag for e in usual.iter() if e.tag != "property"
    ]
    assert clean(payload, 1_000) in found[0][-1].get("name")


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_json_is_strict_and_gives_the_same_report(payload):
    found = report_with_text(payload)

    def refuse(token):
        pytest.fail(f"{token} is no JSON")

    data = json.loads(render(found, "json"), parse_constant=refuse)
    assert Report.from_dict(data) == found
    assert render(found, "json").isascii()


@pytest.mark.parametrize("payload", PAYLOADS, ids=IDS)
def test_text_has_one_line_per_check(payload):
    shown = rows(render(report_with_text(payload), "text"))
    assert all(line.isprintable() for line in shown)
    usual = rows(render(report_with_text(harmless(payload)), "text"))
    assert verdicts(shown) == verdicts(usual)


def rows(text):
    lines = text.split("\n")
    return lines[3 : lines.index("", 3)]


def verdicts(lines):
    return [line.split(" ")[0] for line in lines if not line.startswith(" ")]


@examples(10, phases=[Phase.explicit, Phase.generate])
@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=60))
def test_no_text_breaks_any_form(text):
    found = html(text)
    check_markup(found)
    assert alike(found, html(harmless(text)))
    for reader in READERS:
        check_markup(markdown(text, reader)[0])
    ET.fromstring(render(report_with_text(text), "junit").encode())  # noqa: S314  (our own)
