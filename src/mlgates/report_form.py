"""How checks stand in the JSON of a report, and the reading of it, strict to the key."""

from collections.abc import Mapping
from typing import Any

from mlgates import jsonfile
from mlgates.errors import EvidenceError
from mlgates.jsonfile import fields, items, mapping, text
from mlgates.limits import Limit
from mlgates.verdict import Check

__all__ = ["check_from_dict", "check_to_dict", "details_from_dict", "details_to_dict"]

_TEXTS = ("subject", "metric", "reason", "method", "unit", "verdict")
_NUMBERS = ("value", "confidence", "p_value")
_COUNTS = ("n", "dropped")
_OTHERS = ("group", "limit", "interval", "by_chance", "details")
_KEYS = frozenset({*_TEXTS, *_NUMBERS, *_COUNTS, *_OTHERS})
_OPTIONAL = frozenset({"hint"})


def check_to_dict(check: Check) -> dict[str, object]:
    """Return a check as JSON carries it."""
    limit = check.limit
    written = {
        "subject": check.subject,
        "group": check.group,
        "metric": check.metric,
        "value": check.value,
        "unit": check.unit,
        "limit": None if limit is None else {"at_least": limit.at_least, "at_most": limit.at_most},
        "verdict": str(check.verdict),
        "reason": check.reason,
        "interval": check.interval,
        "confidence": check.confidence,
        "n": check.n,
        "dropped": check.dropped,
        "p_value": check.p_value,
        "method": check.method,
        "by_chance": check.by_chance,
        "details": _quoted(check.details),
        **({"hint": check.hint} if check.hint else {}),
    }
    return {key: jsonfile.plain(value) for key, value in written.items()}


def check_from_dict(data: object) -> Check:
    """Return the check that `check_to_dict` wrote.

    Raises
    ------
    EvidenceError
        When keys are missing or unknown, a value is of another type, or no check can be like that.
    """
    found = fields(data, _KEYS, "check", _OPTIONAL)
    if not isinstance(found["by_chance"], bool):
        msg = f"`by_chance` must be true or false, got {found['by_chance']!r}"
        raise EvidenceError(msg)
    given: dict[str, Any] = {
        **{key: text(found[key], key) for key in _TEXTS},
        **{key: jsonfile.number(found[key]) for key in (*_NUMBERS, *_COUNTS)},
        "group": None if found["group"] is None else text(found["group"], "group"),
        "interval": _interval(found["interval"]),
        "by_chance": found["by_chance"],
        "details": details_from_dict(found["details"], "details"),
        "hint": text(found.get("hint", ""), "hint"),
    }
    try:
        return Check(**given, limit=_limit(found["limit"]))
    except (TypeError, ValueError) as error:
        msg = f"check of {given['subject']!r}: {error}"
        raise EvidenceError(msg) from error


def details_to_dict(details: Mapping[str, object]) -> object:
    """Return details, or what a report knows of its origin, as JSON carries them.

    Any key may hold a number or a text there, so a text that looks like a number too odd for JSON
    gets a quote before it.

    Examples
    --------
    >>> details_to_dict({"edges": (0.5, float("inf")), "worst": "Infinity"})
    {'edges': [0.5, 'Infinity'], 'worst': "'Infinity"}
    """
    return jsonfile.plain(_quoted(details))


def details_from_dict(data: object, what: str) -> Mapping[str, object]:
    """Return what `details_to_dict` wrote.

    Raises
    ------
    EvidenceError
        When it is no object.
    """
    return {key: _unquoted(value) for key, value in mapping(data, what).items()}


def _quoted(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _quoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_quoted(item) for item in value]
    return f"'{value}" if isinstance(value, str) and _is_like_a_number(value) else value


def _unquoted(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _unquoted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_unquoted(item) for item in value]
    if not isinstance(value, str) or not _is_like_a_number(value):
        return value
    return value[1:] if value.startswith("'") else jsonfile.number(value)


def _is_like_a_number(text: str) -> bool:
    """Whether a text would be read as the number it looks like, or is quoted because of it."""
    return jsonfile.is_numeral(text.lstrip("'"))


def _limit(data: object) -> Limit | None:
    if data is None:
        return None
    ends = fields(data, frozenset({"at_least", "at_most"}), "limit")
    return Limit(jsonfile.number(ends["at_least"]), jsonfile.number(ends["at_most"]))


def _interval(data: object) -> tuple[float | None, ...] | None:
    if data is None:
        return None
    return tuple(jsonfile.number(end) for end in items(data, "interval"))
