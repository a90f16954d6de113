r"""Match strings against a Python regular expression from start to end, in linear time.

Python's regular expressions are not used for matching: for some of them the time grows
exponentially with the length of a string, and a match cannot be interrupted. Expressions are
therefore translated to RE2, which is part of Arrow. Expressions that RE2 does not support, or
interprets differently, are refused.

These parts of expressions are supported: literals and escapes of characters, ``.``, classes
``[...]``, ``\d \w \s \D \W \S``, groups, ``|``, greedy and lazy repetitions, ``^``, ``$`` at the
end, ``\A``, ``\Z``, and the flags ``a i s u x`` at the start.

In RE2, a class such as ``\d`` matches only ASCII characters, and RE2 can use another version of
Unicode than Python. So the characters of each class are found with Python's `re`, and are listed in
the translation.
"""

import ast
import re
import sys
from functools import cache, lru_cache
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView

__all__ = ["are_mostly_distinct", "matches", "translate"]

_SAMPLES, _SAMPLE = 16, 256
_FLAGS = re.compile(r"\(\?([a-zA-Z]+)\)")
_PART = re.compile(
    r"""(?P<group>\((?!\?)|\(\?:|\(\?P<\w+>) | (?P<close>[|)])
    | (?P<class>\[\^?\]?(?:\\.|[^]\\])*\]|\\[dDwWsS]) | (?P<dot>\.)
    | (?P<repeat>[*+?]|\{(?!\})[0-9]*(?:,[0-9]*)?\})
    | (?P<start>\^|\\A) | (?P<end>\\Z) | (?P<line>\$)
    | (?P<refused>\(\?[^:]?[=!>]?|\\[bB1-9])
    | (?P<escape>\\(?:x..|u.{4}|U.{8}|N\{[^}]*\}|0[0-7]{0,2}|[afnrtv])) | \\?(?P<literal>.)""",
    re.VERBOSE | re.DOTALL,
)
_BLANK = re.compile(r"\s+|#[^\n]*")
_AROUND = "look-ahead and look-behind are not supported; write a function with `@gate` instead"
_REASONS = {
    **dict.fromkeys(("(?=", "(?!", "(?<=", "(?<!"), _AROUND),
    **dict.fromkeys(
        (r"\b", r"\B"),
        r"`\b` and `\B` are not supported; write the characters allowed there, such as `\W`",
    ),
    "(?>": "atomic groups are not supported; write `(?:...)`",
    "(?(": "conditions are not supported; write both cases with `|`",
    "++": "possessive repetitions are not supported; leave out the second `+`",
    "$": r"`$` is supported only at the end; write `\Z` for the end of the text",
    r"\1": "back-references are not supported; write a function with `@gate` instead",
    "flag": "only the flags `a`, `i`, `s`, `u` and `x` are supported, and only at the start",
}


@lru_cache(maxsize=256)
def translate(pattern: str) -> str:
    r"""Translate a Python regular expression to an RE2 expression that matches entire strings.

    Raises
    ------
    EvidenceError
        If the expression is not valid in Python, or if RE2 has no expression of the same meaning.
        The message gives the reason.

    Examples
    --------
    >>> translate(r"[a-c]+@b\.de")
    '\\A(?:[\\x{61}-\\x{63}]+\\x{40}b\\x{2e}de)\\z'
    >>> translate(r"(a)\1")
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: back-references are not supported; write a function with `@gate`
    instead
    """
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        deep = isinstance(error, RecursionError)
        raise EvidenceError("it is nested too deeply" if deep else str(error)) from error
    flags, at, previous = "", 0, ""
    while found := _FLAGS.match(pattern, at):
        flags, at = flags + found[1], found.end()
    if not set(flags) <= set("aisux"):
        raise EvidenceError(_REASONS["flag"])
    parts: list[str] = []
    lines: list[int] = []
    while part := _PART.match(pattern, at):
        if "x" in flags and (blank := _BLANK.match(pattern, at)):
            at = blank.end()
            continue
        kind, text, at = str(part.lastgroup), part[0], part.end()
        if kind == "refused":
            refused = r"\1" if text[1].isdigit() or text == "(?P=" else text
            raise EvidenceError(_REASONS.get(refused, _REASONS["flag"]))
        if kind == previous == "repeat":
            if text == "+":
                raise EvidenceError(_REASONS["++"])
            # Whether a repetition is lazy or greedy makes no difference if the entire string must
            # match.
            continue
        if kind == "line":
            lines.append(len(parts))
        previous = kind
        parts.append(_to_re2(kind, text, flags, part["literal"]))
    if not all(_is_last(parts[at + 1 :]) for at in lines):
        # In Python, `$` also matches before a newline at the end of a string. In `fullmatch` this
        # makes no difference if nothing follows the `$`.
        raise EvidenceError(_REASONS["$"])
    written = rf"\A(?:{''.join(parts)})\z"
    try:
        pc.match_substring_regex(pa.nulls(1, pa.string()), pattern=written)
    except pa.ArrowInvalid as error:
        raise EvidenceError("repetitions of more than 1,000 times are not supported") from error
    return written


def _to_re2(kind: str, text: str, flags: str, literal: str | None) -> str:
    """Translate one token of a Python regular expression to the syntax of RE2.

    `text` is the token, and `kind` is the name of the group of `_PART` that matched it. `flags` are
    the letters of the expression's flags, such as "is". If the token is a plain or an escaped
    character, `literal` is that character. Otherwise `literal` is None or empty.
    """
    fixed = {"group": "(?:", "close": text, "start": r"\A", "end": r"\z", "line": r"\z"}
    if kind in fixed:
        return fixed[kind]
    if kind == "repeat":
        return "*" if text == "{,}" else text.replace("{,", "{0,")
    if kind == "dot":
        return r"[\x{0}-\x{10ffff}]" if "s" in flags else r"[^\x{a}]"
    if kind == "class":
        return _characters(flags, text)
    character: str = literal or ast.literal_eval(f'"{text}"')
    if "i" in flags and (character.lower() != character or character.upper() != character):
        return _characters(flags, re.escape(character))
    is_plain = character.isascii() and character.isalnum()
    return character if is_plain else f"\\x{{{ord(character):x}}}"


def _is_last(parts: list[str]) -> bool:
    """Return whether nothing is matched after a ``$`` of an expression.

    `parts` are the tokens after the ``$``, in the syntax of RE2. The result is True if all of them
    are ends of groups or belong to alternatives that begin with ``|``. An alternative is matched
    instead of the ``$`` and not after it.
    """
    depth = 0
    for part in parts:
        if part == "|" and depth == 0:
            # Skip the other branches, up to the end of this group.
            depth = 1
        elif depth:
            depth += (part == "(?:") - (part == ")")
        elif part != ")":
            return False
    return True


@lru_cache(maxsize=1024)
def _characters(flags: str, part: str) -> str:
    """Return an RE2 character class with all characters that one token of an expression matches.

    `part` is the token, and `flags` are the letters of the expression's flags, such as "is".
    """
    characters = _every_character()
    if "i" not in flags and "\\" not in part and part[1] != "^":
        characters = "".join(map(chr, range(ord(min(part)), ord(max(part)) + 1)))
    expression = re.compile(f"(?{flags}){part}+" if flags else f"{part}+")
    runs = (found[0] for found in expression.finditer(characters))
    ranges = "".join(f"\\x{{{ord(run[0]):x}}}-\\x{{{ord(run[-1]):x}}}" for run in runs)
    return f"[{ranges}]" if ranges else r"[^\x{0}-\x{10ffff}]"


@cache
def _every_character() -> str:
    # All characters except surrogates.
    return "".join(map(chr, chain(range(0xD800), range(0xE000, sys.maxunicode + 1))))


def matches(pattern: str, texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return for each string whether the expression `pattern` matches it from start to end.

    The result is that of Python's ``re.fullmatch``. A null stays null.

    Raises
    ------
    EvidenceError
        If the expression cannot be translated to RE2.

    Examples
    --------
    >>> matches("a+", pa.array(["aa", "aab", None])).to_pylist()
    [True, False, None]
    """
    try:
        translation = translate(pattern)
    except EvidenceError as error:
        shown = repr(pattern if len(pattern) <= 80 else pattern[:77] + "...")
        raise EvidenceError(f"the pattern {shown} is not supported: {error}") from error
    return pc.match_substring_regex(texts, pattern=translation)


def are_mostly_distinct(view: ColumnView) -> bool:
    """Return whether more than half of the strings in a sample of a column are distinct.

    If so, it is faster to match each row than to find the distinct strings and match each of them
    once.
    """
    step = max(view.rows // _SAMPLES, _SAMPLE)
    sample = pa.chunked_array(
        [c for i in range(0, view.rows, step) for c in view.array.slice(i, _SAMPLE).chunks],
        type=view.array.type,
    )
    return len(pc.unique(sample)) > len(sample) // 2
