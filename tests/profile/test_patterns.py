import re
import sys

import numpy as np
import pyarrow as pa
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.profile.patterns import matches, translate


def by_python(pattern, texts):
    match = re.compile(pattern).fullmatch
    return [None if text is None else match(text) is not None for text in texts]


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
flags = st.sampled_from(["", "", "(?i)", "(?s)", "(?a)", "(?x)", "(?ai)"])
texts = st.text(
    alphabet="aAbBcK k0-.\n\t\x0b\x1c\x1féÉ\u2028\u0660\u212a\u0131\u017fsS", max_size=6
)


@examples(120)
@given(flags, expressions, st.lists(texts, min_size=1, max_size=30))
def test_a_translation_means_the_same(flag, expression, samples):
    pattern = flag + expression
    try:
        translate(pattern)
    except EvidenceError:
        return
    found = matches(pattern, pa.array(samples, pa.string()))
    assert found.to_pylist() == by_python(pattern, samples)


CHARACTERS = [chr(i) for i in range(sys.maxunicode + 1) if not 0xD800 <= i < 0xE000]
# all scripts of living languages but Chinese and Korean, and every 97th of the others
SOME = CHARACTERS[:0x3100] + CHARACTERS[0x3100::97]
RANGES = pytest.mark.parametrize(
    "characters",
    [pytest.param(SOME, id="some"), pytest.param(CHARACTERS, id="all", marks=pytest.mark.slow)],
)
CLASSES = [r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"[^\w.]", r"[\W\d]", "[^a-zé]", "[à-ü]", "."]
SENSITIVE = ["k", "[^k]", "s", "i", "[h-j]", "[^I]", "ß", "é", "ͅ", "[\u0391-\u03a9]", "µ"]


@pytest.mark.parametrize("flag", ["", "(?a)"])
@pytest.mark.parametrize("part", CLASSES)
@RANGES
def test_classes_match_the_same_characters(part, flag, characters):
    found = np.asarray(matches(flag + part, pa.array(characters)))
    expected = np.array(by_python(flag + part, characters))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("part", SENSITIVE)
@RANGES
def test_case_is_ignored_for_the_same_characters(part, characters):
    found = np.asarray(matches("(?i)" + part, pa.array(characters)))
    expected = np.array(by_python("(?i)" + part, characters))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z]+",
        r"\d{3}-\d{4}",
        r"^[\w.+-]+@[\w-]+\.[\w.]+$",
        r"(?i)[a-f0-9]{8}(-[a-f0-9]{4}){3}-[a-f0-9]{12}",
        r"\S+",
        r"\D\W",
        "(DE|FR)[0-9]*",
        "(a+)+$",
        "^a|b$",
        "((a$)|(b|c$))",
        "",
        "a{,3}",
        "a{,}",
        "a{",
        "a{}",
        "a{1,x}",
        "x*?",
        "[^,]*",
        "[]a]",
        "[^]a]",
        r"[\]a]",
        r"[^\s\S]?",
        "\ud800?",
        "(?P<year>[0-9]{4})",
        r"\x41\u00e9\U0001f600\n\t\0\07\N{BULLET}",
        "(?x) a  b # blanks \n [ ]",
        "(?i)straße",
        "(?i)(?s).",
    ],
)
def test_common_expressions_mean_the_same(pattern):
    texts = ["", "a", "b", "c", "ab", "aa", "aaaa", "a{", "a{}", "a{1,x}", "FR07", "123-4567"]
    texts += ["é-", "a@b.de", "]", "^", "\\", "2024", "ab ", "STRASSE", "stra\u017fe", "\n", "xx"]
    texts += ["Aé\U0001f600\n\t\0\07•", "0123abcd-0123-0123-0123-0123456789AB", "a" * 50, "é"]
    assert matches(pattern, pa.array(texts)).to_pylist() == by_python(pattern, texts)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a)\1", "back-references are not supported"),
        ("(?P<a>a)(?P=a)", "back-references are not supported"),
        ("(?=a)a", "look-ahead and look-behind are not supported"),
        ("(?!a)b", "look-ahead and look-behind are not supported"),
        ("(?<=a)b", "look-ahead and look-behind are not supported"),
        ("(?<!a)b", "look-ahead and look-behind are not supported"),
        ("(?>a+)b", r"atomic groups are not supported; write `\(\?:...\)`"),
        ("a++b", "possessive repetitions are not supported"),
        ("(a)?(?(1)b|c)", "conditions are not supported"),
        (r"\bab\b", r"`\\b` and `\\B` are not supported"),
        (r"a\B", r"`\\b` and `\\B` are not supported"),
        ("(?m)^a$", "only the flags `a`, `i`, `s`, `u` and `x` are supported"),
        ("(?i:a)b", "only the flags `a`, `i`, `s`, `u` and `x` are supported"),
        ("(a$|b)c", r"`\$` is supported only at the end; write `\\Z`"),
        ("a$\n", r"`\$` is supported only at the end"),
        ("(a$)*", r"`\$` is supported only at the end"),
        ("((a$)|b)c", r"`\$` is supported only at the end"),
        ("a{2000}", "repetitions of more than 1,000 times are not supported"),
        ("[", "unterminated character set"),
        ("(", "missing \\), unterminated subpattern"),
        ("(" * 5_000, "maximum recursion|missing|too"),
    ],
)
def test_unsupported_patterns_are_refused_with_a_reason(pattern, reason):
    with pytest.raises(EvidenceError, match=reason):
        translate(pattern)
    with pytest.raises(mg.OptionError, match=reason):
        mg.Column("string", matches=pattern)


SPECIAL = ["ab", "ab\n", "", "aa", "é", "aéa", "\n", "a\x1cb", "a b", None, "AB", "\u0661", "K"]


@pytest.mark.parametrize(
    "pattern",
    ["ab", "ab$", "^ab$", r"ab\Z", ".*", "(?s).*", "a.a", r"\d", r"a\sb", "(?i)ab", r"\w+", "[^a]"],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_matches_are_those_of_python(pattern, chunked):
    array = pa.chunked_array([SPECIAL[:3], SPECIAL[3:]]) if chunked else pa.array(SPECIAL)
    assert matches(pattern, array).to_pylist() == by_python(pattern, SPECIAL)


def test_exponential_expressions_end():
    """Python's engine would take longer than the age of the universe."""
    found = matches(r"(a+)+$", pa.array(["a" * 5000 + "b", "aaa"]))
    assert found.to_pylist() == [False, True]


def test_long_patterns_are_shortened_in_messages():
    pattern = "(" + "a" * 100
    with pytest.raises(
        EvidenceError, match=r"the pattern '\(a{76}\.\.\.' is not supported: missing"
    ):
        matches(pattern, pa.array(["a"]))
