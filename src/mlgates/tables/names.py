"""Names of columns: texts, all different, and never none at all."""

from collections.abc import Iterable

from mlgates.errors import EvidenceError

__all__ = ["check_names", "few", "is_unicode"]


def check_names(names: Iterable[object], remedy: str = "rename them") -> None:
    """Raise unless the names are different texts and there is at least one.

    Parameters
    ----------
    names : iterable
        Names of the columns of a table.
    remedy : str, optional
        What makes texts of names that are none.

    Raises
    ------
    EvidenceError
        Naming the names that are wrong.

    Examples
    --------
    >>> check_names(["a", "b"])
    >>> check_names(["a", "b", "a"])
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: the table has several columns named 'a'; ...
    """
    names = list(names)
    if not names:
        msg = "the table has no columns"
        raise EvidenceError(msg)
    odd = [name for name in names if not isinstance(name, str)]
    if odd:
        kinds = ", ".join(sorted({type(name).__name__ for name in odd}))
        msg = f"names of columns must be str, got {kinds}: {few(odd)}; {remedy}"
        raise EvidenceError(msg)
    twice = _repeated(names)
    if twice:
        msg = f"the table has several columns named {few(twice)}; rename or drop all but one"
        raise EvidenceError(msg)
    broken = [name for name in names if not is_unicode(str(name))]
    if broken:
        msg = f"names of columns must be valid Unicode, got lone surrogates in {few(broken)}"
        raise EvidenceError(msg)


def few(names: Iterable[object], most: int = 5) -> str:
    """Return the first of these names as literals, shortened, and how many more there are.

    Examples
    --------
    >>> few("abcdefg")
    "'a', 'b', 'c', 'd', 'e' and 2 more"
    """
    names = list(names)
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(f"{name!r:.80}" for name in names[:most]) + rest


def _repeated(names: Iterable[object]) -> list[object]:
    seen: dict[object, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    return [name for name, count in seen.items() if count > 1]


def is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which no column of Arrow can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
