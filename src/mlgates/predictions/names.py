"""How labels and groups stand in messages and reports: short, printable, told apart."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time

from mlgates.options import shown

__all__ = ["apart", "listed", "told", "value_name"]

_LONGEST = 40
_MOST = 10
MISSING = "missing"


def told(label: object) -> str:
    """Return a label as one writes it in Python, at most 40 characters.

    Examples
    --------
    >>> told("yes"), told(1), told("x" * 50)
    ("'yes'", '1', "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...")
    """
    said = shown(label)
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}..."


def listed(labels: Iterable[object]) -> str:
    """Return labels beside each other, ten at most.

    Examples
    --------
    >>> listed(["no", "yes"])
    "'no', 'yes'"
    """
    every = list(labels)
    more = f" and {len(every) - _MOST:,} more" if len(every) > _MOST else ""
    return ", ".join(map(told, every[:_MOST])) + more


def value_name(feature: str, value: object) -> str:
    """Return a group's name, ``"sex=f"``; None is the group of missing values.

    Examples
    --------
    >>> value_name("sex", "f"), value_name("pclass", 1.0), value_name("sex", None)
    ('sex=f', 'pclass=1', 'sex=missing')
    >>> value_name("sex", "missing"), value_name("sex", " f")
    ("sex='missing'", "sex=' f'")
    """
    return f"{feature}={_plain(value)}"


def _plain(value: object) -> str:
    if value is None:
        return MISSING
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if not isinstance(value, str):
        said = shown(value) if isinstance(value, bool | int | float) else str(value)
        return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."
    plain = value.isprintable() and value == value.strip() and value not in ("", MISSING)
    if not plain:
        return told(value)
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."


def apart(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of which none is another's: the second of two equal ones gets a number.

    Examples
    --------
    >>> apart(["a", "b", "a"])
    ('a', 'b', 'a (2)')
    """
    taken: set[str] = set()
    found = []
    for name in names:
        new, number = name, 1
        while new in taken:
            number += 1
            new = f"{name} ({number})"
        taken.add(new)
        found.append(new)
    return tuple(found)
