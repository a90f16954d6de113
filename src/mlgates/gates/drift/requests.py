"""What the drift gates of a run ask of a column together, so that one look at it serves all."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mlgates.evidence import Evidence

__all__ = ["Asked", "announce", "asked_together"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of both sides of a column; of texts and bools only the first plays a part.

    Parameters
    ----------
    bins : tuple of int
        Into how many cells the reference is cut, each number once.
    whole : bool
        Whether the data's values are asked for, and not only how many lie in each cell.
    in_order : bool
        Whether they are asked for sorted.

    Examples
    --------
    >>> Asked((10,)) | Asked((5,), whole=True) | Asked((10,))
    Asked(bins=(5, 10), whole=True, in_order=False)
    """

    bins: tuple[int, ...] = ()
    whole: bool = False
    in_order: bool = False

    def __or__(self, other: "Asked") -> "Asked":
        bins = tuple(sorted({*self.bins, *other.bins}))
        return Asked(bins, self.whole or other.whole, self.in_order or other.in_order)


def announce(evidence: Evidence, asked: Asked, judged: Callable[[], Iterable[str]]) -> None:
    """Say what a gate will ask of columns, which are told when the reference is read.

    Examples
    --------
    >>> evidence = Evidence({})
    >>> announce(evidence, Asked((10,)), lambda: ["x", "y"])
    >>> announce(evidence, Asked((5,), whole=True), lambda: ["x"])
    >>> asked_together(evidence)["x"]
    Asked(bins=(5, 10), whole=True, in_order=False)
    """
    evidence.cached("drift", "gates", list).append((asked, judged))


def asked_together(evidence: Evidence) -> Mapping[str, Asked]:
    """Return what all gates ask of each column; first called when all of them have said so."""

    def make() -> dict[str, Asked]:
        found: dict[str, Asked] = {}
        for asked, judged in evidence.cached("drift", "gates", list):
            for name in judged():
                found[name] = found.get(name, Asked()) | asked
        return found

    together: Mapping[str, Asked] = evidence.cached("drift", "asked", make)
    return together
