"""Check the options of gates: each function returns a valid value or raises `OptionError`.

The parameters `owner` and `option` of these functions are the names of the class and of the option,
for the message of the error.

Functions that expect a number refuse NaN, bools, and strings such as ``"5"``.
"""

import dataclasses
import inspect
import math
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from mlgates.errors import MlgatesError, OptionError, suppress_errors

__all__ = [
    "OptionsByName",
    "by_name_only",
    "choice",
    "count",
    "did_you_mean",
    "distinct",
    "duration",
    "flag",
    "fold",
    "in_order",
    "in_utc",
    "label",
    "mapping",
    "names",
    "number",
    "ordered",
    "real",
    "refuse",
    "scalar",
    "seconds",
    "share",
    "shown",
    "slices",
    "some",
    "text",
    "written",
]

if TYPE_CHECKING:
    from typing import Self

Duration = str | float | timedelta

_SECONDS = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "min": 60.0,
    "h": 3_600.0,
    "d": 86_400.0,
    "w": 604_800.0,
}
_LONGEST = 500  # characters of a value in a message
# no column holds longer integers, and no message could show them
_MOST_DIGITS = 10**100
# ASCII digits only: float() also accepts "1_000" and digits of other scripts
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(us|ms|s|min|h|d|w)", re.ASCII)


def refuse(owner: str, option: str, allowed: str, got: object, hint: str = "") -> OptionError:
    """Return the error for an invalid option: what is allowed, what was given, and a hint."""
    return OptionError(f"{owner}: `{option}` must be {allowed}, got {shown(got)}{hint}")


def shown(value: object) -> str:
    """Return a value as a string for a message: its repr, cut after 500 characters.

    If repr raises an exception, the string names the type of the value.
    """
    with suppress_errors():  # repr can raise anything; it does for an int of over 4,300 digits
        written = repr(value)
        return written if len(written) <= _LONGEST else f"{written[:_LONGEST]}..."
    if type(value) is int:
        return "an integer of too many digits to be shown"
    return f"a value of type {type(value).__name__}"


def fold(name: str) -> str:
    r"""Return a name in a form that is equal for names that look alike.

    Names give the same result if they differ only in case, in blanks at the ends or repeated
    blanks, in invisible characters or in Unicode form.

    Examples
    --------
    >>> fold(" Bé")
    'bé'
    >>> fold("be\u0301") == fold("b\u00e9")  # "é" as two characters, and as one
    True
    """
    if name.isascii():
        return " ".join(name.casefold().split())
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join("".join(c for c in plain if unicodedata.category(c) != "Cf").split())


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return a hint with the most similar name, such as ``"; did you mean 'x'?"``.

    If no name in `known` is similar to `word`, the hint is empty.

    Examples
    --------
    >>> did_you_mean("refrence", ["data", "reference"])
    "; did you mean 'reference'?"
    """
    folded = {fold(name): name for name in known}
    key = fold(str(word))
    near = [key] if key in folded else get_close_matches(key, folded, n=3, cutoff=0.6)
    shown = " or ".join(_distinct_from(folded[name], str(word)) for name in near)
    return f"; did you mean {shown}?" if near else ""


def _distinct_from(name: str, word: str) -> str:
    """Return a name for a message, with escapes if it would look the same as the misspelt word.

    Both are equal if the word was made by `str` from an object that is not a string.
    """
    if name == word:
        return repr(name)
    hidden = next((c for c in word if unicodedata.category(c) == "Cf" and c not in name), "")
    if hidden:
        return f"{name!r} (without the invisible character {hidden!a})"
    if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", word):
        return f"{name!a} (another Unicode form)"
    return repr(name)


def real(value: object) -> int | float | None:
    """Convert a real number to ``int`` or ``float``; return None for any other value.

    NaN and infinities count as numbers. Bools and numpy timedeltas do not.
    """
    if type(value) is float or type(value) is int:
        return value
    kind = getattr(getattr(value, "dtype", None), "kind", "")
    if isinstance(value, bool) or not isinstance(value, Real) or kind == "m":
        return None
    try:
        return int(value) if isinstance(value, Integral) else float(value)
    except OverflowError:
        return None


def number(
    owner: str,
    option: str,
    value: object,
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> float:
    """Return an option that must be a finite number in a range, as ``int`` or ``float``.

    `at_least` and `at_most` are the inclusive bounds of the range. OptionError is raised for any
    other value.
    """
    plain = real(value)
    # not `math.isfinite`, which raises for integers that are too large for a float
    if plain is None or not abs(plain) <= sys.float_info.max or not at_least <= plain <= at_most:
        bounds = [f"at least {at_least:g}"] if at_least > -math.inf else []
        bounds += [f"at most {at_most:g}"] if at_most < math.inf else []
        allowed = f"a finite number of {' and '.join(bounds)}" if bounds else "a finite number"
        raise refuse(owner, option, allowed, value)
    return plain or abs(plain)  # 0 for -0.0


def share(owner: str, option: str, value: object) -> float:
    """Return an option that must be a number from 0 to 1; raise OptionError otherwise.

    For a percentage such as 95, the message suggests 0.95.
    """
    plain = real(value)
    if plain is not None and 1 < plain <= 100:
        hint = f"; shares are not percentages: write {plain / 100:g}"
        raise refuse(owner, option, "between 0 and 1", value, hint)
    return number(owner, option, value, at_least=0, at_most=1)


def count(owner: str, option: str, value: object, *, at_least: int = 0) -> int:
    """Return an option that must be an integer of at least `at_least`; raise OptionError otherwise.

    Bools and floats are refused.
    """
    plain = real(value)
    if not isinstance(plain, int) or plain < at_least:
        raise refuse(owner, option, f"a whole number of at least {at_least}", value)
    return plain


def flag(owner: str, option: str, value: object) -> bool:
    """Return an option that must be True or False; raise OptionError for 0, 1 and other values."""
    if not isinstance(value, bool):
        numpy = type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")
        hint = ", a numpy bool; convert it by `bool(...)`" if numpy else ""
        raise refuse(owner, option, "True or False", value, hint)
    return value


def choice(owner: str, option: str, value: object, allowed: Iterable[str]) -> str:
    """Return an option that must be one of the `allowed` words; raise OptionError otherwise.

    The message of the error suggests the most similar word.
    """
    words = tuple(allowed)
    if not isinstance(value, str) or value not in words:
        listed = "one of " + ", ".join(map(repr, words))
        raise refuse(owner, option, listed, value, did_you_mean(value, words))
    return value


def text(owner: str, option: str, value: object) -> str:
    """Return an option that must be a non-empty string; raise OptionError otherwise.

    A string of white space counts as empty.
    """
    if not isinstance(value, str) or not value.strip():
        raise refuse(owner, option, "a non-empty string", value)
    return value


def names(owner: str, option: str, value: object) -> tuple[str, ...]:
    """Return an option that is a name or a sequence of different names, as a tuple of names.

    An empty sequence is allowed. OptionError is raised for any other value.
    """
    # a set has no order, so two runs of one program would differ
    if not isinstance(value, Iterable) or isinstance(value, bytes | Mapping | AbstractSet):
        raise refuse(owner, option, "a name or a sequence of names", value)
    if isinstance(value, str):
        return (text(owner, option, value),)
    found = tuple(text(owner, f"{option}[{i}]", name) for i, name in enumerate(value))
    if len(set(found)) < len(found):
        raise refuse(owner, option, "names that are all different", value)
    return found


def some(owner: str, option: str, value: object) -> tuple[str, ...]:
    """Return an option as a tuple of names.

    The value must be a name, or one or more names that are all different. OptionError is raised for
    any other value.
    """
    found = names(owner, option, value)
    if not found:
        raise refuse(owner, option, "a name or a non-empty sequence of names", value)
    return found


def label(owner: str, option: str, value: Any) -> int | str:
    """Return an option that must be a class label, as a plain Python value.

    Labels are integers, bools and strings; a float such as 1.0 is returned as 1. OptionError is
    raised for any other value.
    """
    item = value.item() if getattr(value, "shape", None) == () else value
    if isinstance(item, str | bool):
        return str(item) if isinstance(item, str) else item
    plain = real(item)
    if plain is None or not abs(plain) < _MOST_DIGITS or plain != int(plain):
        raise refuse(owner, option, "an integer, a boolean or a string", value)
    return int(plain)


def slices(owner: str, option: str, given: object) -> tuple[Any, ...]:
    """Return an option that defines slices (subsets of the rows of a table), in a standard form.

    The result has names of columns, or pairs of the name of a slice and its condition. A column
    defines one slice for each of its values. A condition is a string or a function; it defines the
    slice of the rows for which it is true.
    """
    is_pairs = isinstance(given, tuple) and given and isinstance(given[0], tuple)
    if not (isinstance(given, Mapping) or is_pairs):
        try:
            return some(owner, option, given)
        except OptionError:
            if isinstance(given, str | list | tuple):
                raise
        # the repr of a column or a function is long and less useful than its type
        forms = "names of columns, or a mapping of slice names to conditions"
        raise OptionError(
            f"{owner}: `{option}` must be {forms}, got a value of type {type(given).__name__}"
        )
    allowed = "a non-empty mapping of slice names to conditions, which are strings such as "
    allowed += "'age > 60' or functions"
    pairs = mapping(owner, option, given, allowed)
    if not pairs:
        raise refuse(owner, option, allowed, given)
    for name, condition in pairs.items():
        if not isinstance(name, str):
            raise OptionError(
                f"{owner}: names of slices in `{option}` must be strings, got {shown(name)}"
            )
        if not (callable(condition) or isinstance(condition, str)):
            of_slice = f"{option}[{shown(name)}]"
            raise refuse(owner, of_slice, "a condition such as 'age > 60' or a function", condition)
    return tuple(pairs.items())


def seconds(value: Duration) -> float:
    """Convert a duration in one of the forms that `duration` accepts to seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if found is None:
            raise ValueError(value)
        return float(found[1]) * _SECONDS[found[2]]
    return float(value)


def in_order(owner: str, **bounds: Any) -> None:
    """Raise OptionError if the first of two bounds is greater than the second.

    The bounds are given as two keyword arguments with the names of their options, such as
    ``in_order("Range", at_least=1, at_most=5)``. None means that there is no such bound.
    """
    (low, first), (high, last) = bounds.items()
    if first is None or last is None:
        return
    try:
        ordered = first <= last
    except TypeError:
        ordered = False
    if not ordered:
        raise OptionError(
            f"{owner}: `{low}` must not be greater than `{high}`, got {first!r} and {last!r}"
        )


def scalar(owner: str, option: str, value: Any, *, one_of_several: bool = False) -> object:
    """Return an option that must be a finite number, string, bool or date, as a Python object.

    OptionError is raised for any other value. With ``one_of_several=True``, the option is a list of
    such values, and `value` is one of them; only the message of the error differs.
    """
    item = value.item() if getattr(value, "shape", None) == () else value
    allowed_type = isinstance(item, str | int | float | Decimal | date)
    if getattr(getattr(value, "dtype", None), "kind", "") in ("m", "M") and isinstance(item, int):
        allowed_type = False  # numpy returns nanoseconds as an integer
    what = f"each value of `{option}`" if one_of_several else f"`{option}`"
    if isinstance(item, int) and abs(item) >= _MOST_DIGITS:
        raise OptionError(
            f"{owner}: {what} must be an integer of at most 100 digits, got a longer one"
        )
    if isinstance(item, Decimal):  # a signaling NaN raises when it is compared
        finite = item.is_finite()
    else:
        is_inf = isinstance(item, float) and math.isinf(item)
        finite = bool(item == item) and not is_inf  # noqa: PLR0124
    missing = item is None or (allowed_type and not finite)
    if missing or not allowed_type:
        hint = "; null and NaN always count as missing" if missing and one_of_several else ""
        msg = f"{owner}: {what} must be a finite number, string, bool, date or datetime, got "
        msg += f"{shown(value)}{hint}"
        raise OptionError(msg)
    return item


def mapping(owner: str, option: str, given: Any, allowed: str) -> dict[Any, Any]:
    """Return the value of an option as a dict.

    `given` must be a mapping, or an iterable of (key, value) pairs in which no key occurs twice.
    OptionError is raised for anything else. `allowed` says in its message what is allowed.
    """
    try:
        pairs = list(given.items() if isinstance(given, Mapping) else given)
        found = dict(pairs)
    except (TypeError, ValueError):
        raise refuse(owner, option, allowed, given) from None
    if len(found) < len(pairs):  # dict() keeps the last of equal keys
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise OptionError(
            f"{owner}: `{option}` has {shown(twice)} more than once; give each name once"
        )
    return found


def ordered(values: tuple[object, ...], given: object) -> tuple[object, ...]:
    """Return the `values` of an option in an order that is the same in each run.

    The values are sorted if the option was `given` as a set, because a set has no order. Otherwise
    their order is kept.
    """
    if not isinstance(given, AbstractSet):
        return values
    try:
        return tuple(sorted(values, key=lambda value: (type(value).__name__, value)))
    except TypeError:  # datetimes with and without a time zone
        return tuple(sorted(values, key=repr))


def distinct(values: Iterable[object]) -> tuple[object, ...]:
    """Return the distinct values in the order in which they first occur.

    True and 1 count as different.
    """
    kept: dict[tuple[bool, object], object] = {}
    for value in values:
        kept.setdefault((isinstance(value, bool), value), value)
    return tuple(kept.values())


def duration(owner: str, option: str, value: object, *, zero: bool = False) -> Duration:
    """Return an option that must be a duration, unchanged; raise OptionError otherwise.

    A duration is a string such as ``"20ms"`` or ``"24h"``, a ``timedelta``, or a number of seconds.
    The units are us, ms, s, min, h, d and w. A duration of 0 is allowed only if `zero` is true.
    """
    allowed = "a duration such as '20ms', '24h', '7d', a timedelta or seconds"
    allowed += ", not negative" if zero else ", greater than 0"
    plain: Duration | None
    length: float | None
    if isinstance(value, timedelta) or (isinstance(value, str) and _DURATION.fullmatch(value)):
        plain, length = value, seconds(value)
    else:
        plain = length = real(value)
    if plain is None or length is None or not 0 <= length <= sys.float_info.max:
        raise refuse(owner, option, allowed, value)
    if length == 0 and not zero:
        raise refuse(owner, option, allowed, value)
    return plain


def in_utc(name: str, value: object, error: type[MlgatesError] = OptionError) -> datetime:
    """Convert a datetime with a time zone to UTC; any other value raises an exception.

    Parameters
    ----------
    name : str
        The name of the value for the message, such as ``"History: `at`"``.
    value : object
        The value.
    error : type
        The type of the exception.

    Raises
    ------
    MlgatesError
        Of the type `error`, if the value is not a datetime with a time zone, or can't be converted
        to UTC, such as the first hours of year 1 and the last hours of year 9999 in some zones.

    Examples
    --------
    >>> in_utc("`now`", datetime.fromisoformat("2026-03-01T12:00+02:00"))
    datetime.datetime(2026, 3, 1, 10, 0, tzinfo=datetime.timezone.utc)
    """
    got = type(value).__name__
    with suppress_errors() as caught:  # the class of a value and its tzinfo can raise anything
        if isinstance(value, date | float | int | str):  # other objects can have a long repr
            got = shown(value)
        if isinstance(value, datetime) and value.utcoffset() is not None:
            return value.astimezone(UTC)
    problem = "must be a datetime with a time zone, such as datetime.now(timezone.utc)"
    if caught.error is not None:
        problem = "can't be converted to UTC"
    raise error(f"{name} {problem}, got {got}")


def written(value: Any, **defaults: object) -> str:
    """Return the repr of a dataclass instance: the call that creates an equal instance.

    Fields that are equal to their default are left out. If the default of a field depends on the
    instance, such as a name that is made from other fields, it is given in `defaults` under the
    name of the field. A tuple of pairs is written as a dict if its field has ``metadata={"mapping":
    True}``.
    """
    arguments = []
    # positional fields come first, also before inherited options
    for field in sorted(dataclasses.fields(value), key=lambda field: field.kw_only is True):
        given, default = getattr(value, field.name), defaults.get(field.name, field.default)
        if given != default or type(given) is not type(default):
            pairs = field.metadata.get("mapping") and isinstance(given, tuple)
            shown = repr(dict(given) if pairs else given)
            arguments.append(f"{field.name}={shown}" if field.kw_only else shown)
    return f"{type(value).__name__}({', '.join(arguments)})"


class OptionsByName:
    """Base class whose constructor suggests the right name if an option is misspelt.

    Raises
    ------
    TypeError
        For an unknown option, a missing one, or too many positional arguments.
    """

    __slots__ = ()

    def __new__(cls, *positional: object, **given: object) -> "Self":  # noqa: D102
        # pickle and copy call this without arguments
        if positional or given:
            _check_arguments(cls, positional, given)
        return super().__new__(cls)


@cache
def _parameters(function: Any) -> tuple[inspect.Parameter, ...]:
    return tuple(inspect.signature(function).parameters.values())[1:]


def _check_arguments(owner: type, positional: tuple[object, ...], given: Iterable[str]) -> None:
    """Raise TypeError unless a class can be called with these arguments; suggest other names.

    `owner` is the class. `positional` has the positional arguments, and `given` the names of the
    others.
    """
    parameters = _parameters(owner.__init__)  # type: ignore[misc]
    kinds = {parameter.kind for parameter in parameters}
    named = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    places = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    for name in given:
        if name not in named and inspect.Parameter.VAR_KEYWORD not in kinds:
            near = did_you_mean(name, named) or f"; options are {', '.join(named)}"
            raise TypeError(f"{owner.__name__}: unknown option {name!r}{near}")
    if len(positional) > len(places) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        allowed = " and ".join(f"`{name}`" for name in places) or "no option"
        raise TypeError(
            f"{owner.__name__}: only {allowed} can be given without a name, "
            f"got {len(positional)} positional arguments"
        )
    missing = (name for name, p in named.items() if p.default is p.empty)
    for name in missing:
        if name not in given and name not in places[: len(positional)]:
            raise TypeError(f"{owner.__name__}: `{name}` is required")


def by_name_only(owner: str, positional: tuple[object, ...]) -> None:
    """Raise TypeError if the tuple `positional` is not empty: evidence is given by name only.

    `owner` is the name of the function that was called, for the message.
    """
    if positional:
        raise TypeError(
            f"{owner}: evidence is given by name, as in `data=`, "
            f"got a positional argument of type {type(positional[0]).__name__}"
        )
