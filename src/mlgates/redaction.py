"""Turn exceptions into messages for reports, without values of the data and without secrets."""

import logging
import re
from collections.abc import Collection, Container, Iterable, Mapping

from mlgates.errors import MlgatesError, suppress_errors
from mlgates.options import did_you_mean

__all__ = ["describe", "without_secrets"]

_LOG = logging.getLogger("mlgates")
# These words are not a part of any other word. ("key" is a part of "monkey", for example.)
_SECRET_WORD = (
    r"(?:pass(?:word|wd|phrase)|pgpass|secret|credential|(?:api|access|private)[_-]?key)s?"
)
_SECRET_END = r"(?:pass|pwd?|auth|authorization|bearer|token|key|(?:access|api|auth)[_-]?tokens)"
# A quotation mark at the end of a word, with punctuation behind it, is not a part of the secret.
_WORD_END = r"(?=['\"]?[;,.:)]*(?:\s|$))"
_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"[a-zA-Z][a-zA-Z0-9+.-]{{0,30}}://\S+?{_WORD_END}"), "<address>"),
    (
        re.compile(
            rf"(?i)({_SECRET_WORD}|(?<![a-z])(?:pass|pwd|authorization|token)|\bkey)"
            rf"(['\"]?\s*[=:]\s*)(?:(?:bearer|basic)\s+)?(['\"]?)\S+?\3{_WORD_END}"
        ),
        r"\1\2<hidden>",
    ),
    # an e-mail address, but no name of a metric such as ndcg@10 or pinball_loss@0.9_difference
    (
        re.compile(r"[^\s@'\"]+@(?!(?:0?\.)?\d+(?:_[a-z_]+)?(?![\w-]|\.\w))[^\s@'\"]+"),
        "<address>",
    ),
    (
        # Tokens of known forms: JWT, AWS, GitHub, GitLab, Slack, Hugging Face, OpenAI.
        re.compile(
            r"\beyJ[\w-]+(?:\.[\w-]*)+|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
            r"|\b(?:gh[opusr]_|github_pat_|glpat-|xox[abprs]-|sk-(?=\D*\d))[\w-]{20,}"
            r"|\bhf_[A-Za-z0-9]{20,}|(?i:\bbearer)\s+[\w.~+/-]{12,}"
        ),
        "<hidden>",
    ),
)
_SECRET_NAME = re.compile(rf"(?i)(?:.*?{_SECRET_WORD}|(?:.*[^a-z])?{_SECRET_END})[0-9]*")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VALUES = (
    (re.compile(r"[0-9][0-9 .-]{5,}[0-9]"), "<number>"),
    (re.compile(r"[A-Za-z0-9+/_=-]{40,}"), "<long text>"),
)
# An apostrophe inside of a word is not a quote. A quotation without an end goes to the end of the
# text.
_QUOTED = re.compile(
    r"(?<!\w)([bru]{0,2})"
    r"(?:'((?:[^'\\]|\\.|'(?=\w))*)(?:'|\\?$)|\"((?:[^\"\\]|\\.|\"(?=\w))*)(?:\"|\\?$))"
)
_NAME = re.compile(r"[A-Za-z_][\w.]{0,60}")
# Messages of these exceptions quote names, attributes and types of the program, not values.
_OF_CODE = (AttributeError, ImportError, NameError, TypeError)
_READ = 2_000
_READ_ONLY = "; the arguments are read-only: change a copy (`X = X.copy()`)"
_DEEPEST = 5  # largest number of causes of an error that are searched
_LONGEST = 300


def describe(error: BaseException, known: Collection[str] = ()) -> str:
    """Return an exception's type and a short message without values of the data, as a string.

    Values, addresses (URLs and e-mail addresses) and secrets (such as passwords) are replaced by
    placeholders such as ``<text>``. The messages of mlgates itself do not contain values of the
    data, so only addresses and secrets are hidden in them. If such a message quotes the message of
    the exception that caused it, values are hidden in the quoted part. The complete exception is
    logged with the level DEBUG by the logger "mlgates".

    If the exception says that an array is read-only, the message is extended by what to do: mlgates
    passes read-only arrays to the user's functions, which must change a copy instead.

    Parameters
    ----------
    error : BaseException
        The exception.
    known : collection of str
        Names that may be shown, such as those of columns. For a KeyError, a similar one of these
        names is suggested.

    Examples
    --------
    >>> describe(ValueError("could not convert string to float: 'Ann Lee, ann@example.org'"))
    "ValueError: could not convert string to float: '<text>'"
    >>> describe(KeyError("age"), known={"age", "income"})
    "KeyError: 'age'"
    >>> describe(KeyError("agee"), known={"age", "income"})
    "KeyError: '<text>', an unknown name; did you mean 'age'?"
    >>> describe(ValueError("output array is read-only"))
    'ValueError: output array is read-only; the arguments are read-only: change a copy
    (`X = X.copy()`)'
    """
    kind = type(error).__name__
    _LOG.debug("%s; reports show it without values", kind, exc_info=error)
    message = other = ""
    with suppress_errors():  # `str(error)` may raise
        message = " ".join(str(error)[:_READ].split())
    cause = error.__cause__
    with suppress_errors():
        other = "" if cause is None or isinstance(cause, MlgatesError) else f"{cause!s:.200}"
    if isinstance(error, MlgatesError):
        if other := " ".join(other.split()):
            hidden = _hidden(other, known, names=isinstance(cause, _OF_CODE))
            message = message.replace(other, hidden)
        message = _without(_SECRETS, message)
    else:
        message = _hidden(message, known, names=isinstance(error, _OF_CODE))
        message = f"{kind}: {message}" if message else kind
        key = error.args[0] if isinstance(error, KeyError) and error.args else None
        # The key can be a value of the data, so show only similar names.
        short = isinstance(key, str) and len(key) <= _LONGEST and len(known) <= _LONGEST
        if short and key not in known and (near := did_you_mean(key, known)):
            message += f", an unknown name{near}"
    if len(message) > _LONGEST:
        message = f"{message[:_LONGEST]}..."
    origin: BaseException | None = error
    with suppress_errors():  # `str(error)` may raise
        for _ in range(_DEEPEST):  # pandas wraps numpy's error in its own
            if isinstance(origin, ValueError) and "read-only" in str(origin)[:_READ]:
                return message if _READ_ONLY in message else message + _READ_ONLY
            origin = None if origin is None else origin.__cause__ or origin.__context__
    return message


def without_secrets(value: object, name: str = "") -> object:
    """Replace URLs, e-mail addresses and secrets in plain values, such as metadata.

    `name` is the key of the value. If it is the name of a secret, such as "api_key", "dbPassword"
    or "credentials", the whole value is hidden.

    Examples
    --------
    >>> without_secrets({"version": "7", "api_key": "abc", "note": "by ann@example.org"})
    {'version': '7', 'api_key': '<hidden>', 'note': 'by <address>'}
    """
    is_secret = _SECRET_NAME.fullmatch(_CAMEL.sub("_", name)) is not None
    if isinstance(value, Mapping):
        return {
            key: without_secrets(item, name if is_secret else key) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return tuple(without_secrets(item, name) for item in value)
    if is_secret and value is not None:
        return "<hidden>"
    return _without(_SECRETS, value) if isinstance(value, str) else value


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
