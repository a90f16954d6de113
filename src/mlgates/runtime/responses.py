"""Whether an application's responses are the same, leaf by leaf."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlgates.runtime.answers import ROUNDING, alike_leaves

__all__ = ["Likeness"]

_Place = tuple[str | int | None, ...]
_EPS = 2.0**-52


class Likeness:
    """What counts as the same response: texts and bools exactly, numbers within `rtol`.

    Beyond it a difference of numbers is forgiven when rounding explains it: of the largest number
    that stands at the same place in any known response. The items of a list of floats, such as
    probabilities, share a place; bools are no numbers.

    Parameters
    ----------
    known : sequence
        Plain values: the responses that others are held against.
    rtol : float
        Largest difference, relative to the larger of two numbers.

    Examples
    --------
    >>> likeness = Likeness([{"p": 0.0}, {"p": 0.7}], 1e-6)
    >>> likeness.same({"p": 0.0}, {"p": 1e-18}), likeness.same({"p": 1}, {"p": True})
    (True, False)
    """

    def __init__(self, known: Sequence[Any], rtol: float) -> None:
        self._rtol = rtol
        self._largest: dict[_Place, float] = {}
        for response in known:
            for place, number in _floats(response, ()):
                self._largest[place] = max(self._largest.get(place, 0.0), abs(number))

    def same(self, known: Any, given: Any) -> bool:
        """Whether a response is the known one."""
        return self._same(known, given, ())

    def _same(self, known: Any, given: Any, place: _Place) -> bool:
        if isinstance(known, Mapping) and isinstance(given, Mapping):
            return known.keys() == given.keys() and all(
                self._same(known[key], given[key], (*place, key)) for key in known
            )
        if isinstance(known, list) and isinstance(given, list):
            pairs = zip(_places(known, place), known, given, strict=False)
            return len(known) == len(given) and all(self._same(a, b, at) for at, a, b in pairs)
        if isinstance(known, bool) or isinstance(given, bool):
            return known is given
        return alike_leaves(known, given, self._rtol) or self._rounded(known, given, place)

    def _rounded(self, known: Any, given: Any, place: _Place) -> bool:
        if not (isinstance(known, float) and isinstance(given, float)):
            return False
        difference = abs(known - given)
        most = ROUNDING * _EPS * self._largest.get(place, 0.0)
        return math.isfinite(difference) and difference <= most


def _floats(value: Any, place: _Place) -> Iterator[tuple[_Place, float]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _floats(item, (*place, key))
    elif isinstance(value, list):
        for at, item in zip(_places(value, place), value, strict=True):
            yield from _floats(item, at)
    elif isinstance(value, float) and math.isfinite(value):
        yield place, value


def _places(items: list[Any], place: _Place) -> list[_Place]:
    shared = all(isinstance(item, float) for item in items)
    return [(*place, None if shared else i) for i in range(len(items))]
