"""Validators for options: each returns the value in its plain form or raises ``OptionError``.

Nothing is guessed: a number given as text, a NaN, a bool where a number belongs are refused when the
gate is built, before any data is seen.
"""

import dataclasses
import math
import re
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

from mlgates.errors import OptionError

__all__ = [
    "choice",
    "count",
    "did_you_mean",
    "duration",
    "flag",
    "names",
    "number",
    "refuse",
    "scalar",
    "seconds",
    "share",
    "text",
    "written",
]

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
# ASCII digits only: float() would also read "1_000" and the digits of every script
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(us|ms|s|min|h|d|w)", re.ASCII)


def refuse(owner: str, option: str, allowed: str, got: object, hint: str = "") -> OptionError:
    """Return the error that says which option is wrong, what was got and what is allowed."""
    return OptionError(f"{owner}: `{option}` must be {allowed}, got {got!r}{hint}")


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known names, or an empty string.

    Examples
    --------
    >>> did_you_mean("refrence", ["data", "reference"])
    "; did you mean 'reference'?"
    """
    folded = {name.casefold(): name for name in known}
    near = get_close_matches(str(word).casefold(), folded, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(folded[name]) for name in near)}?" if near else ""


def number(
    owner: str,
    option: str,
    value: object,
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
) -> float:
    """Return a finite number within bounds as a plain ``int`` or ``float``.

    Raises
    ------
    OptionError
        For a bool, text, an array, NaN, an infinity, or a value outside the bounds.
    """
    bounds = [f"at least {at_least:g}"] if at_least > -math.inf else []
    bounds += [f"at most {at_most:g}"] if at_most < math.inf else []
    allowed = " ".join(["a finite number", " and ".join(bounds)]).strip()
    if isinstance(value, bool) or not isinstance(value, Real):
        raise refuse(owner, option, allowed, value)
    plain: float = int(value) if isinstance(value, Integral) else float(value)
    if not math.isfinite(plain) or not at_least <= plain <= at_most:
        raise refuse(owner, option, allowed, value)
    return plain


def share(owner: str, option: str, value: object) -> float:
    """Return a share from 0 to 1; 95 is refused with the hint that 0.95 was meant."""
    percent = isinstance(value, Real) and not isinstance(value, bool) and 1 < value <= 100
    if percent:
        hint = f"; it is a share, not a percentage: write {float(value) / 100:g}"
        raise refuse(owner, option, "a share from 0 to 1", value, hint)
    return number(owner, option, value, at_least=0, at_most=1)


def count(owner: str, option: str, value: object, *, at_least: int = 0) -> int:
    """Return a whole number of at least `at_least`; a bool or a float is refused."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < at_least:
        raise refuse(owner, option, f"a whole number of at least {at_least}", value)
    return int(value)


def flag(owner: str, option: str, value: object) -> bool:
    """Return a bool; 0, 1 and text are refused."""
    if not isinstance(value, bool):
        raise refuse(owner, option, "True or False", value)
    return value


def choice(owner: str, option: str, value: object, allowed: Iterable[str]) -> str:
    """Return one of the allowed words; the nearest ones are named otherwise."""
    words = tuple(allowed)
    if not isinstance(value, str) or value not in words:
        listed = "one of " + ", ".join(map(repr, words))
        raise refuse(owner, option, listed, value, did_you_mean(value, words))
    return value


def text(owner: str, option: str, value: object) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise refuse(owner, option, "a text that is not empty", value)
    return value


def names(owner: str, option: str, value: object) -> tuple[str, ...]:
    """Return names as a tuple without repetition; a single name stands for itself."""
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, Iterable) or isinstance(given, bytes):
        raise refuse(owner, option, "a name or a sequence of names", value)
    found = tuple(text(owner, option, name) for name in given)
    if len(set(found)) < len(found):
        raise refuse(owner, option, "names that differ", value)
    return found


def seconds(value: Duration) -> float:
    """Return a duration that `duration` accepted, in seconds.

    Examples
    --------
    >>> seconds("20ms"), seconds("24h"), seconds(90)
    (0.02, 86400.0, 90.0)
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if found is None:
            raise ValueError(value)
        return float(found[1]) * _SECONDS[found[2]]
    return float(value)


def scalar(owner: str, option: str, value: Any) -> object:
    """Return a value that can stand in a set of values, numpy scalars in plain form.

    Raises
    ------
    OptionError
        For None, NaN and infinities, and for anything that is no number, text, bool or date.
    """
    item = value.item() if getattr(value, "shape", None) == () else value
    missing = item is None or (isinstance(item, float | Decimal) and not math.isfinite(item))
    if missing or not isinstance(item, str | int | float | bool | Decimal | date):
        allowed = "made of finite numbers, texts, bools, dates or datetimes"
        hint = "; null and NaN always are missing" if missing else ""
        raise refuse(owner, option, allowed, value, hint)
    return item


def duration(owner: str, option: str, value: object, *, zero: bool = False) -> Duration:
    """Return a duration as it was written: ``"20ms"``, ``"24h"``, a ``timedelta`` or seconds.

    Parameters
    ----------
    owner, option : str
        Who asks, for the message.
    value : object
        What was given. Units are us, ms, s, min, h, d and w.
    zero : bool
        Whether a duration of nothing is allowed.
    """
    allowed = "a duration such as '20ms', '24h', '7d', a timedelta or seconds"
    allowed += ", not negative" if zero else ", more than zero"
    known = isinstance(value, timedelta) or (
        bool(_DURATION.fullmatch(value))
        if isinstance(value, str)
        else isinstance(value, Real) and not isinstance(value, bool)
    )
    if not known:
        raise refuse(owner, option, allowed, value)
    written: Duration = value if isinstance(value, str | timedelta) else float(value)  # type: ignore[arg-type]
    length = seconds(written)
    if not math.isfinite(length) or length < 0 or (length == 0 and not zero):
        raise refuse(owner, option, allowed, value)
    if isinstance(value, Integral):
        return int(value)
    return written


def written(value: Any, **defaults: object) -> str:
    """Return a dataclass value as one writes it: what differs from the defaults, mappings as mappings.

    Parameters
    ----------
    value : dataclass instance
        A field with ``metadata={"mapping": True}`` is a tuple of pairs and is written as a dict.
    **defaults
        Defaults that only the value itself knows.
    """
    said = []
    for field in dataclasses.fields(value):
        given, default = getattr(value, field.name), defaults.get(field.name, field.default)
        if given != default or type(given) is not type(default):
            shown = repr(
                dict(given) if field.metadata.get("mapping") and given is not None else given
            )
            said.append(f"{field.name}={shown}" if field.kw_only else shown)
    return f"{type(value).__name__}({', '.join(said)})"
