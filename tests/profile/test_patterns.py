import re
import sys
import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.profile import patterns
from mlgates.profile.patterns import matches, translate


def by_python(pattern, texts):
    match = re.compile(pattern).fullmatch
    return [None if text is None else match(text) is not None for text in texts]


@pytest.fixture
def no_child(monkeypatch):
    def refuse(pattern, texts):
        pytest.fail(f"{pattern!r} was given to a child process")

    monkeypatch.setattr(patterns, "_run_child", refuse)


ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "0",
        " ",
        r"\.",
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        "[ab]",
        "[^a]",
        r"[\s\d]",
        r"[^\w]",
        r"[^\S\n]",
        r"[a-c\-]",
        r"\n",
        r"\x1c",
        "é",
        "[à-ü]",
        "^",
        "$",
        r"\Z",
        r"\A",
        "[^é]",
        r"[\S\s]",
        "k",
    ]
)
expressions = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(inner, inner).map(lambda x: f"(?:{x[0]}|{x[1]})"),
        st.tuples(
            inner, st.sampled_from(["*", "+", "?", "*?", "{2}", "{1,2}", "{,2}", "{1,}"])
        ).map(lambda x: f"({x[0]}){x[1]}"),
    ),
    max_leaves=8,
)
flags = st.sampled_from(["", "", "(?i)", "(?s)", "(?a)", "(?x)"])
texts = st.text(alphabet="aAbBcK k0-.\n\t\x0b\x1c\x1féÉ\u2028\u0660\u212a", max_size=6)


@settings(max_examples=400)
@given(flags, expressions, st.lists(texts, min_size=1, max_size=30))
def test_a_translation_means_the_same(flag, expression, samples):
    pattern = flag + expression
    translation = translate(pattern)
    if translation is None:
        return
    if not translation.any_text:
        samples = [text for text in samples if text.isascii()]
    found = pa.compute.match_substring_regex(
        pa.array(samples, pa.string()), pattern=translation.pattern
    )
    assert found.to_pylist() == by_python(pattern, samples)


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]+",
        r"\d{3}-\d{4}",
        r"^[\w.+-]+@[\w-]+\.[\w.]+$",
        r"(?i)[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}",
        r"\S+",
        "(DE|FR)[0-9]*",
        "(a+)+$",
        "^a|b$",
        "",
        "a{,3}",
        "x*?",
        "[^,]*",
        "\ud800",
    ],
)
def test_common_expressions_are_translated(pattern):
    assert translate(pattern) is not None


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a)\1",
        "(?=a)a",
        "(?<!a)b",
        "(?>a+)b",
        "a++b",
        r"\bab\b",
        r"a\B",
        "(?m)^a$",
        "(?i:a)b",
        "(a$|b)c",
        "a$\n",
        "(a$)*",
        "a{2000}",
        "(?i)é",
        "[",
        "a" * 2000,
    ],
)
def test_what_could_differ_is_not_translated(pattern):
    assert translate(pattern) is None


SPECIAL = ["ab", "ab\n", "", "aa", "é", "aéa", "\n", "a\x1cb", "a b", None, "AB", "\u0661", "K"]


@pytest.mark.parametrize(
    "pattern",
    [
        "ab",
        "ab$",
        "^ab$",
        r"ab\Z",
        r"(a)\1",
        ".*",
        "(?s).*",
        r"a.a",
        r"\d",
        r"a\sb",
        "(?i)ab",
        r"(?=a)a+",
        r"\w+",
        "a$\n",
        "[^a]",
        "",
        "(?i)k",
        r"\bab\b",
        "ab$\n?",
        "é|a",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_matches_are_those_of_python(pattern, chunked):
    array = pa.chunked_array([SPECIAL[:3], SPECIAL[3:]]) if chunked else pa.array(SPECIAL)
    assert matches(pattern, array).to_pylist() == by_python(pattern, SPECIAL)


@pytest.mark.usefixtures("no_child")
def test_a_translation_needs_no_child_process():
    assert matches("[a-zé]+", pa.array(["é", "E"])).to_pylist() == [True, False]
    assert matches(r"\w+", pa.array(["ab", None])).to_pylist() == [True, None]


def test_only_other_than_ascii_texts_go_to_the_child(monkeypatch):
    asked = []
    run = patterns._run_child

    def spy(pattern, texts):
        asked.extend(texts)
        return run(pattern, texts)

    monkeypatch.setattr(patterns, "_run_child", spy)
    found = matches(r"\w+", pa.array(["ab", "é", "-", None, "ß-"]))
    assert found.to_pylist() == [True, True, False, None, False]
    assert asked == ["é", "ß-"]


def test_exponential_expressions_take_linear_time():
    started = time.perf_counter()
    found = matches(r"(a+)+$", pa.array(["a" * 5000 + "b", "aaa"]))
    assert found.to_pylist() == [False, True]
    assert time.perf_counter() - started < 1


def test_what_takes_too_long_is_stopped(monkeypatch):
    monkeypatch.setattr(patterns, "_START", 0.5)
    started = time.perf_counter()
    with pytest.raises(EvidenceError) as caught:
        matches(r"(a+)+(?=c)c", pa.array(["a" * 60 + "b"]))
    assert time.perf_counter() - started < 5
    assert str(caught.value) == (
        "the pattern '(a+)+(?=c)c' took longer than 0.5 s over 1 different texts and was stopped; "
        "write it without nested repetitions"
    )


def test_the_budget_grows_with_the_texts(monkeypatch):
    budgets = []

    class Done:
        stdout = '{"hits": [true, true, true]}'

    def run(*_args, timeout, **_options):
        budgets.append(timeout)
        return Done()

    monkeypatch.setattr(patterns.subprocess, "run", run)
    assert matches(r"(a)\1", pa.array(["aa"] * 3)).to_pylist() == [True] * 3
    assert budgets == [pytest.approx(2 + 3e-5)]


def test_a_pattern_that_python_refuses_is_refused():
    with pytest.raises(EvidenceError, match=r"the pattern '\(' is not valid: missing \)"):
        matches("(", pa.array(["a"]))


def test_no_texts_need_no_child(monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    assert matches(r"(a)\1", pa.array([None], pa.string())).to_pylist() == [None]
    assert matches(r"(a)\1", pa.array([], pa.string())).to_pylist() == []
    with pytest.raises(EvidenceError, match="needs a Python interpreter to run, and there is none"):
        matches(r"(a)\1", pa.array(["aa"]))


def test_a_child_that_fails_is_an_error(monkeypatch):
    monkeypatch.setattr(patterns, "_CHILD", "raise SystemExit(3)")
    with pytest.raises(EvidenceError, match="could not be run: CalledProcessError"):
        matches(r"(a)\1", pa.array(["aa"]))


def test_long_patterns_are_shortened_in_messages():
    pattern = "(" + "a" * 100
    with pytest.raises(EvidenceError, match=r"the pattern '\(a{76}\.\.\.' is not valid"):
        matches(pattern, pa.array(["a"]))


def test_without_pythons_parser_there_is_no_translation(monkeypatch):
    def absent(name):
        raise ImportError(name)

    monkeypatch.setattr(patterns.importlib, "import_module", absent)
    translate.cache_clear()
    try:
        assert translate("ab") is None
    finally:
        translate.cache_clear()
