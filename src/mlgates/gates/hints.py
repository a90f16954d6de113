"""Which name was meant: told for a few columns, not for a thousand that were all renamed."""

from collections.abc import Iterable

from mlgates.options import did_you_mean

__all__ = ["Near"]

# comparing two names takes some 30 microseconds, and more for long ones
_MOST_PAIRS = 5_000
_LONGEST = 200


class Near:
    """Hints at the names that others may be a misspelling of.

    Parameters
    ----------
    unknown, known : iterable of str
        Names that are not known, and those that they may stand for. When there are too many of
        both to be compared one by one, only a difference in case or outer blanks is noticed.

    Examples
    --------
    >>> near = Near(["Age", "incme"], ["age ", "income"])
    >>> near.hint("Age"), near.hint("incme")
    ("; did you mean 'age '?", "; did you mean 'income'?")
    """

    def __init__(self, unknown: Iterable[str], known: Iterable[str]) -> None:
        names = list(known)
        self._alike = {_folded(name): name for name in reversed(names)}
        few = len(list(unknown)) * len(names) <= _MOST_PAIRS
        self._compared = [name for name in names if len(name) <= _LONGEST] if few else []

    def alike(self, name: str) -> str | None:
        """Return the known name that differs in case and outer blanks alone."""
        return self._alike.get(_folded(name))

    def hint(self, name: str) -> str:
        """Return ``"; did you mean 'x'?"``, or an empty text."""
        alike = self.alike(name)
        if alike is not None:
            return f"; did you mean {alike!r}?"
        return did_you_mean(name, self._compared) if len(name) <= _LONGEST else ""


def _folded(name: str) -> str:
    return name.strip().casefold()
