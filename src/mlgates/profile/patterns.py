"""Full matches of a Python regular expression over many texts, in bounded time.

Python's engine backtracks: some expressions take time exponential in the length of a text, and
nothing in the same process can stop it. So an expression is translated to RE2, which Arrow brings
and which takes linear time, where the translation provably means the same; whatever else runs in a
child process that is killed when it takes too long.
"""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError
from mlgates.profile.column import ColumnView
from mlgates.tables import encoding

__all__ = ["Translation", "is_worth_each_row", "matches", "translate"]

#: Seconds for the child process to start, and for each text.
_START, _EACH = 2.0, 1e-5
#: Longer expressions take their time to compile: in the child process.
_LONGEST = 1000
_SAMPLES, _SAMPLE = 16, 256

_CHILD = """
import json, re, sys
job = json.load(sys.stdin)
try:
    match = re.compile(job["pattern"]).fullmatch
except (re.error, OverflowError, RecursionError) as problem:
    answer = {"problem": str(problem)}
else:
    answer = {"hits": [match(text) is not None for text in job["texts"]]}
json.dump(answer, sys.stdout)
"""


class Translation(NamedTuple):
    """An expression in the syntax of RE2, that matches whole texts.

    Parameters
    ----------
    pattern : str
        Expression for `pyarrow.compute.match_substring_regex`.
    any_text : bool
        Whether it means the same for every text, or only for pure ASCII.
    """

    pattern: str
    any_text: bool


class _Unlike(Exception):
    """A part of the expression that RE2 lacks or understands in another way."""


@lru_cache(maxsize=256)
def translate(pattern: str) -> Translation | None:
    r"""Translation of a Python expression to RE2; None where it would not mean the same.

    Parameters
    ----------
    pattern : str
        Regular expression in Python's syntax.

    Returns
    -------
    Translation or None
        Every operation of the parsed expression is one of a short list that both engines
        understand alike; no list, no translation.

    Examples
    --------
    >>> translate(r"[a-z]+@b\.de")
    Translation(pattern='\\A(?:(?:[a-z])+\\x{40}b\\x{2e}de)\\z', any_text=True)
    >>> translate(r"(a)\1") is None
    True
    """
    if len(pattern) > _LONGEST:
        return None
    try:
        # Private to Python: where it is missing or speaks otherwise, there is no translation.
        parser: Any = importlib.import_module("re._parser")
        tree = parser.parse(pattern)
        writer = _Writer(tree.state.flags)
        body = writer.sequence(tree, last=True)
        written = rf"{writer.head}\A(?:{body})\z"
        pc.match_substring_regex(pa.array([""]), pattern=written)
    except _NO_TRANSLATION:
        return None
    return Translation(written, writer.any_text)


#: What tells that there is none: among them RE2's own limits on repetitions and characters.
_NO_TRANSLATION = (
    _Unlike,
    AttributeError,
    ImportError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    Warning,
    re.error,
    pa.ArrowInvalid,
)
_ALIKE = re.UNICODE | re.ASCII | re.DOTALL | re.VERBOSE | re.IGNORECASE


class _Writer:
    """Writes the parsed form of a Python expression in the syntax of RE2."""

    def __init__(self, flags: int) -> None:
        if flags & ~_ALIKE:
            raise _Unlike
        self.ignore_case = bool(flags & re.IGNORECASE)
        self.head = "(?i)" if self.ignore_case else ""
        self.any_text = not self.ignore_case
        self.dot = "(?s:.)" if flags & re.DOTALL else "[^\\n]"
        # Python's white space has four control characters more, unless the flag ASCII is set.
        more = not flags & re.ASCII
        self.categories = {
            "CATEGORY_DIGIT": "0-9",
            "CATEGORY_NOT_DIGIT": r"\D",
            "CATEGORY_WORD": "0-9A-Za-z_",
            "CATEGORY_NOT_WORD": r"\W",
            "CATEGORY_SPACE": r"\t-\r\x{1c}- " if more else r"\t-\r ",
            "CATEGORY_NOT_SPACE": (
                r"\x{0}-\x{8}\x{e}-\x{1b}!-\x{7f}" if more else r"\x{0}-\x{8}\x{e}-\x{1f}!-\x{7f}"
            ),
        }

    def sequence(self, nodes: Iterable[tuple[Any, Any]], *, last: bool) -> str:
        """The parts one after another; `last` when nothing comes behind them."""
        parts = list(nodes)
        end = len(parts) - 1
        return "".join(
            self.node(str(op), value, last=last and i == end) for i, (op, value) in enumerate(parts)
        )

    def node(self, op: str, value: Any, *, last: bool) -> str:
        """One part."""
        match op:
            case "LITERAL":
                written = self.literal(value)
            case "NOT_LITERAL":
                written = f"[^{self.literal(value)}]"
            case "ANY":
                written = self.dot
            case "IN":
                written = self.one_of(value)
            case "BRANCH":
                branches = (self.sequence(branch, last=last) for branch in value[1])
                written = f"(?:{'|'.join(branches)})"
            case "SUBPATTERN" if not value[1] and not value[2]:
                written = f"(?:{self.sequence(value[3], last=last)})"
            case "MAX_REPEAT" | "MIN_REPEAT":
                written = self.repeat(*value)
            case "AT":
                written = self.place(str(value), last=last)
            case _:
                raise _Unlike
        return written

    def one_of(self, items: Sequence[tuple[Any, Any]]) -> str:
        """A class of characters."""
        written = []
        for op, value in items:
            if str(op) == "LITERAL":
                written.append(self.literal(value))
            elif str(op) == "RANGE":
                written.append(f"{self.literal(value[0])}-{self.literal(value[1])}")
            elif str(op) == "CATEGORY":
                written.append(self.category(str(value)))
            elif str(op) == "NEGATE":
                written.append("^")
            else:
                raise _Unlike
        return f"[{''.join(written)}]"

    def category(self, name: str) -> str:
        """Digits, letters and spaces: more characters in Python than in RE2, beyond ASCII."""
        self.any_text = False
        if name not in self.categories:
            raise _Unlike
        return self.categories[name]

    def repeat(self, least: int, most: Any, inner: Iterable[tuple[Any, Any]]) -> str:
        """So many times; greedy or not is the same where all is to be matched."""
        if str(most) == "MAXREPEAT":
            times = {0: "*", 1: "+"}.get(least, f"{{{least},}}")
        else:
            times = f"{{{least},{most}}}"
        return f"(?:{self.sequence(inner, last=False)}){times}"

    def place(self, name: str, *, last: bool) -> str:
        """A position. Python's ``$`` is also before a last newline: alike only at the very end."""
        if name in {"AT_BEGINNING", "AT_BEGINNING_STRING"}:
            return r"\A"
        if name == "AT_END_STRING" or (name == "AT_END" and last):
            return r"\z"
        raise _Unlike

    def literal(self, code: int) -> str:
        """One character."""
        character = chr(code)
        if character.isascii() and character.isalnum():
            return character
        if self.ignore_case and not character.isascii():
            raise _Unlike
        return f"\\x{{{code:x}}}"


def matches(pattern: str, texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Whether the whole of each text is matched, as ``re.fullmatch`` tells.

    Parameters
    ----------
    pattern : str
        Regular expression in Python's syntax and meaning.
    texts : pyarrow.Array or pyarrow.ChunkedArray
        Texts; best each one once.

    Returns
    -------
    pyarrow.Array or pyarrow.ChunkedArray
        Bools; null where the text is null.

    Raises
    ------
    EvidenceError
        If Python refuses the expression, or takes too long over the texts.

    Examples
    --------
    >>> matches("a+", pa.array(["aa", "aab", None])).to_pylist()
    [True, False, None]
    """
    translation = translate(pattern)
    if translation is None:
        return _by_python(pattern, texts)
    hits = pc.match_substring_regex(texts, pattern=translation.pattern)
    if translation.any_text or encoding.is_ascii(texts):
        return hits
    others = pc.invert(pc.string_is_ascii(texts)).fill_null(False)  # noqa: FBT003
    asked = _by_python(pattern, texts.filter(others))
    return pc.replace_with_mask(_one_chunk(hits), _one_chunk(others), asked)


def _one_chunk(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _by_python(pattern: str, texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    known = [text for text in texts.to_pylist() if text is not None]
    hits = np.asarray(_run_child(pattern, known), np.bool_)
    if texts.null_count == 0:
        return pa.array(hits)
    valid: npt.NDArray[np.bool_] = np.asarray(pc.is_valid(texts))
    every = np.zeros(len(texts), np.bool_)
    every[valid] = hits
    return pa.array(every, mask=~valid)


def _run_child(pattern: str, texts: list[str]) -> list[bool]:
    """Python's answer for each text, from a process that is killed when its time is over."""
    if not texts:
        return []
    if not sys.executable:
        msg = f"the pattern {_short(pattern)} needs a Python interpreter to run, and there is none"
        raise EvidenceError(msg)
    budget = _START + _EACH * len(texts)
    try:
        done = subprocess.run(  # noqa: S603  (this interpreter, fixed code, data on its input)
            [sys.executable, "-I", "-S", "-W", "ignore", "-c", _CHILD],
            input=json.dumps({"pattern": pattern, "texts": texts}),
            capture_output=True,
            text=True,
            timeout=budget,
            check=True,
        )
    except subprocess.TimeoutExpired:
        msg = (
            f"the pattern {_short(pattern)} took longer than {budget:.1f} s over {len(texts):,} "
            "different texts and was stopped; write it without nested repetitions"
        )
        raise EvidenceError(msg) from None
    except (OSError, subprocess.CalledProcessError) as error:
        msg = f"the pattern {_short(pattern)} could not be run: {type(error).__name__}"
        raise EvidenceError(msg) from error
    answer = json.loads(done.stdout)
    if "problem" in answer:
        msg = f"the pattern {_short(pattern)} is not valid: {answer['problem']}"
        raise EvidenceError(msg)
    hits: list[bool] = answer["hits"]
    return hits


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= 80 else pattern[:77] + "...")


def is_worth_each_row(pattern: str, view: ColumnView) -> bool:
    """Whether matching every row is quicker than finding the different texts first.

    It is when most texts of a sample differ; and only in linear time.
    """
    translation = translate(pattern)
    if translation is None or not (translation.any_text or encoding.is_ascii(view.array)):
        return False
    rows = view.rows
    step = max(rows // _SAMPLES, _SAMPLE)
    starts = range(0, rows, step)
    sample = pa.chunked_array(
        [chunk for i in starts for chunk in view.array.slice(i, _SAMPLE).chunks],
        type=view.array.type,
    )
    return len(pc.unique(sample)) > len(sample) // 2
