"""Make strings from data safe to print.

`clean` and `visible` return one line without control characters. `distinct` also keeps different
names different. `without_commands` escapes lines of a log that a CI server would run as commands.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["clean", "distinct", "first_of", "number_of", "shorten", "visible", "without_commands"]

_NAME = 500  # largest number of characters of a name
# Commands that CI servers find anywhere in a line of a log: ##[error], ##vso[...], ##teamcity[...].
_COMMAND = re.compile(r"(?<=#)#(?=\w*\[)")
# Commands that CI servers find at the start of a line: ::error::, and Buildkite's ---, +++, ~~~,
# ^^^.
_LINE_COMMAND = re.compile(r"^(\s*)(?=::|---|\+\+\+|~~~|\^\^\^)(.)")


def number_of(n: int, one: str, many: str = "") -> str:
    """Return a number with the noun `one` for 1, and with `many` (by default `one` + s) otherwise.

    Examples
    --------
    >>> number_of(1, "row"), number_of(1_200, "row"), number_of(2, "query has", "queries have")
    ('1 row', '1,200 rows', '2 queries have')
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def first_of(names: Sequence[str], most: int) -> str:
    """Return at most `most` of some names in words, and how many more there are.

    Examples
    --------
    >>> first_of(["a", "b", "c", "d"], 2)
    'a, b and 2 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def clean(text: str, most: int = _NAME) -> str:
    r"""Return a string as one line in which unprintable characters are escaped.

    If the result has more than `most` characters, its middle is left out.

    Examples
    --------
    >>> print(clean("age\x1b[31m"))
    age\x1b[31m
    >>> clean("fairness:demographic_parity_ratio", 22)
    'fairness:dem...y_ratio'
    """
    # An escape is at least as long as its character, so only both ends of a long string are needed.
    ends = [text] if len(text) <= 2 * most else [text[:most], text[-most:]]
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for end in ends for c in end
    )
    return shorten(shown, most)


def shorten(text: str, most: int) -> str:
    """Shorten a string to at most `most` characters by leaving out its middle.

    Examples
    --------
    >>> shorten("region=north-east, channel=partner", 22)
    'region=north...partner'
    """
    tail = most // 3
    if len(text) <= most:
        return text
    return f"{text[: most - 3 - tail]}...{text[len(text) - tail :]}"


def distinct(names: Iterable[str], most: int = _NAME) -> dict[str, str]:
    r"""Return for each name a string to print, so that no two strings look the same.

    Parameters
    ----------
    names : iterable of str
        Names that are shown together. Repeated names count once.
    most : int
        Largest number of characters of a string. A longer name is shortened. If names differ only
        in the part that would be left out, this part is shown. Names that still look the same get a
        number.

    Examples
    --------
    >>> slices = ["city=Bonn, age=30 to 40, sex=f", "city=Bonn, age=50 to 60, sex=f"]
    >>> list(distinct(slices, 22).values())
    ['...30 to 40, sex=f', '...50 to 60, sex=f']
    >>> print(*distinct(["", "a", "a ", "a\n", r"a\n"]).values(), sep=" | ")
    (empty) | a | a\x20 | a\n | a\n (2)
    """
    shown = {name: visible(name, most) for name in names}
    alike: dict[str, list[str]] = {}
    for name, short in shown.items():
        alike.setdefault(short, []).append(name)
    for group in (group for group in alike.values() if len(group) > 1):
        # All names between the first and the last in sorted order have the prefix of these two.
        first, last = min(group), max(group)
        ends = enumerate(zip(first, last, strict=False))
        start = next((i for i, (a, b) in ends if a != b), 0)
        for name in group:
            if len(name) > most:
                shown[name] = f"...{visible(name[start:], most - 3)}"
    used: set[str] = set()
    for name, short in shown.items():
        numbered, number = short, 1
        while (key := unicodedata.normalize("NFC", numbered)) in used:
            number += 1
            mark = f" ({number})"
            numbered = f"{short[: most - len(mark)]}{mark}"
        used.add(key)
        shown[name] = numbered
    return shown


def visible(name: str, most: int = _NAME) -> str:
    """Return a name as one line in which all characters are visible.

    Spaces at its ends are escaped, and an empty name becomes "(empty)".
    """
    if name.startswith(" "):
        name = rf"\x20{name[1:]}"
    if name.endswith(" "):
        name = rf"{name[:-1]}\x20"
    return clean(name, most) or "(empty)"


def without_commands(line: str) -> str:
    r"""Escape characters in a line of a log so that CI servers find no commands in it.

    Examples
    --------
    >>> print(without_commands("::error::x"), without_commands("age ##vso[task.complete]"))
    \x3a:error::x age #\x23vso[task.complete]
    """
    line = _LINE_COMMAND.sub(lambda match: f"{match[1]}\\x{ord(match[2]):02x}", line)
    return _COMMAND.sub(r"\\x23", line)
