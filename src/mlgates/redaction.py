"""What an exception may say in a report: its type and a message without raw values or secrets."""

import logging
import re
from collections.abc import Collection, Container, Iterable
from contextlib import suppress

from mlgates.errors import MlgatesError
from mlgates.options import did_you_mean

__all__ = ["describe"]

_LOG = logging.getLogger("mlgates")
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]{0,30}://\S+"), "<address>"),
    (
        re.compile(
            r"(?i)\b(pass(?:word|wd|phrase)?|pwd|token|secret|authorization|(?:api[_-]?)?key)"
            r"(\s*[=:]\s*)(?:(?:bearer|basic)\s+)?\S+"
        ),
        r"\1\2<hidden>",
    ),
    (re.compile(r"[^\s@'\"]+@[^\s@'\"]+"), "<address>"),
    (re.compile(r"\beyJ[\w-]+(?:\.[\w-]*)+|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), "<hidden>"),
)
_VALUES = (
    (re.compile(r"[0-9][0-9 .-]{5,}[0-9]"), "<number>"),
    (re.compile(r"[A-Za-z0-9+/_=-]{40,}"), "<long text>"),
)
# an apostrophe within a word opens and closes nothing; a quotation cut off lasts to the end
_QUOTED = re.compile(
    r"(?<!\w)([bru]{0,2})"
    r"(?:'((?:[^'\\]|\\.|'(?=\w))*)(?:'|\\?$)|\"((?:[^\"\\]|\\.|\"(?=\w))*)(?:\"|\\?$))"
)
_NAME = re.compile(r"[A-Za-z_][\w.]{0,60}")
# what these quote is the program's: names, attributes and types
_OF_CODE = (AttributeError, ImportError, NameError, TypeError)
_READ = 2_000
_READ_ONLY = "; what it is given is read-only: change a copy (`X = X.copy()`)"
_DEEPEST = 5  # errors that an error came of
_LONGEST = 300


def describe(error: BaseException, known: Collection[str] = ()) -> str:
    """Return an exception's type and a short message in which raw values are hidden.

    The messages of mlgates' own errors carry no values of the data, but may carry an address that
    was given, and what another error said, from which they were raised. The whole exception is
    logged for who asks for it, at the level DEBUG of the logger "mlgates".

    Parameters
    ----------
    error : BaseException
        What was raised.
    known : iterable of str
        Names that may be shown, such as those of columns; of a KeyError the nearest are told.

    Examples
    --------
    >>> describe(ValueError("could not convert string to float: 'Ann Lee, ann@example.org'"))
    "ValueError: could not convert string to float: '<text>'"
    >>> describe(KeyError("age"), known={"age", "income"})
    "KeyError: 'age'"
    >>> describe(KeyError("agee"), known={"age", "income"})
    "KeyError: '<text>', which is no known name; did you mean 'age'?"
    >>> describe(ValueError("output array is read-only"))
    'ValueError: output array is read-only; what it is given is read-only: change a copy
    (`X = X.copy()`)'
    """
    kind = type(error).__name__
    _LOG.debug("a report tells of %s without values", kind, exc_info=error)
    try:
        message = " ".join(str(error)[:_READ].split())
        cause = error.__cause__
        other = "" if cause is None or isinstance(cause, MlgatesError) else f"{cause!s:.200}"
    except Exception:  # noqa: BLE001  # an exception that can't be printed is still one
        return kind
    if isinstance(error, MlgatesError):
        if other := " ".join(other.split()):
            hidden = _hidden(other, known, names=isinstance(cause, _OF_CODE))
            message = message.replace(other, hidden)
        message = _without(_SECRETS, message)
    else:
        message = _hidden(message, known, names=isinstance(error, _OF_CODE))
        message = f"{kind}: {message}" if message else kind
        message += _near(error, known)
    message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}..."
    return message if _READ_ONLY in message else message + _wrote(error)


def _wrote(error: BaseException) -> str:
    """Return that a copy is needed where code wrote into what it was lent."""
    came: BaseException | None = error
    with suppress(Exception):  # one that can't be printed
        for _ in range(_DEEPEST):  # (pandas says something else of the error that numpy raised)
            if isinstance(came, ValueError) and "read-only" in str(came)[:_READ]:
                return _READ_ONLY
            came = None if came is None else came.__cause__ or came.__context__
    return ""


def _near(error: BaseException, known: Collection[str]) -> str:
    """Return what a wrong key may have meant, without saying the key: it can be a value."""
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    if not isinstance(key, str) or key in known or len(key) > _LONGEST or len(known) > _LONGEST:
        return ""
    near = did_you_mean(key, known)
    return f", which is no known name{near}" if near else ""


def _hidden(message: str, known: Container[str], *, names: bool) -> str:
    def shown(found: re.Match[str]) -> str:
        mark, inner = ("'", found[2]) if found[3] is None else ('"', found[3])
        kept = inner in known or (names and _NAME.fullmatch(inner))
        return found[0] if kept else f"{mark}<text>{mark}"

    return _without((*_SECRETS, *_VALUES), _QUOTED.sub(shown, message))


def _without(secrets: Iterable[tuple[re.Pattern[str], str]], message: str) -> str:
    for pattern, instead in secrets:
        message = pattern.sub(instead, message)
    return message
