"""Labels as codes: one family of numbers, or texts; never cast from one to the other."""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.predictions.names import listed, told
from mlgates.tables import encoding
from mlgates.tables.columns import Column

__all__ = ["Labels", "coded", "encoded", "family_of", "is_whole", "plain_label", "sorted_labels"]

_OTHERS = {
    "binary": "bytes; decode them first: labels are numbers or texts",
    "timestamp": "timestamps; labels are numbers or texts",
    "date": "dates; labels are numbers or texts",
    "time": "times of day; labels are numbers or texts",
    "duration": "durations; labels are numbers or texts",
}


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of the rows as codes.

    Parameters
    ----------
    said : str
        What messages call them.
    codes : array of int
        Position of each row's label in `values`; -1 where it is missing.
    values : tuple
        The labels that occur, as plain Python values, in no order.
    bools : bool
        Whether they are True and False.
    """

    said: str
    codes: npt.NDArray[np.intp]
    values: tuple[Any, ...]
    bools: bool = False

    @property
    def family(self) -> str | None:
        """``"numbers"`` or ``"texts"``; None when there are none."""
        return family_of(self.values[0]) if self.values else None


def family_of(label: object) -> str:
    """Return which labels a label can be compared with.

    Examples
    --------
    >>> family_of(True), family_of(1.0), family_of("1")
    ('numbers', 'numbers', 'texts')
    """
    return "texts" if isinstance(label, str) else "numbers"


def encoded(column: Column, *, declared: bool = False) -> tuple[npt.NDArray[np.intp], list[Any]]:
    """Return each row's position among the distinct values, -1 where missing, and these values.

    Values that are equal are one: -0.0 and 0.0 too. A category that no row has is kept where the
    column declares it, if `declared` ones are asked for.

    Examples
    --------
    >>> from mlgates.tables.columns import as_column
    >>> codes, values = encoded(as_column("x", ["b", "a", None, "b"]))
    >>> codes.tolist(), values
    ([0, 1, -1, 0], ['b', 'a'])
    """
    if column.field.kind == "null":
        return np.full(column.rows, -1, np.intp), []
    dictionary = encoding.encode(column.array)
    indices = dictionary.indices
    if indices.null_count:
        indices = indices.fill_null(-1)
    codes = indices.to_numpy(zero_copy_only=False).astype(np.intp)
    values = dictionary.dictionary.to_pylist()
    used = np.ones(len(values), np.bool_)
    if not (declared and column.declares):
        used = np.bincount(codes + 1, minlength=len(values) + 1)[1:] > 0
    place: dict[Any, int] = {}
    rank = np.empty(len(values) + 1, np.intp)
    rank[-1] = -1
    for position, value in enumerate(values):
        absent = value is None or value != value or not used[position]  # noqa: PLR0124
        rank[position] = -1 if absent else place.setdefault(value, len(place))
    if not np.array_equal(rank[:-1], np.arange(len(values))):
        codes = rank[codes]
    return codes, list(place)


def coded(column: Column, remedy: str = "") -> Labels:
    """Return the labels of a column as codes.

    Parameters
    ----------
    column : Column
        Of whole numbers, bools or texts.
    remedy : str
        What to do when the numbers are not whole.

    Raises
    ------
    EvidenceError
        For numbers that are not whole or not finite, and for what is no label.

    Examples
    --------
    >>> from mlgates.tables.columns import as_column
    >>> labels = coded(as_column("`y_true`", [1.0, 0.0, float("nan")]))
    >>> labels.codes.tolist(), labels.values
    ([0, 1, -1], (1, 0))
    """
    kind = column.field.kind
    if kind in _OTHERS:
        msg = f"{column.said} holds {_OTHERS[kind]}"
        raise EvidenceError(msg)
    if kind in ("float", "decimal"):
        _refuse_fractions(column, remedy)
    codes, values = encoded(column)
    plain = tuple(map(plain_label, values))
    return Labels(column.said, codes, plain, kind == "bool")


def _refuse_fractions(column: Column, remedy: str) -> None:
    floats = column.floats
    if np.isinf(floats).any():
        msg = f"{column.said} holds infinite values, and labels are due"
        raise EvidenceError(msg)
    if (np.trunc(floats) != floats)[~np.isnan(floats)].any():
        msg = f"{column.said} holds numbers that are not whole, and labels are due{remedy}"
        raise EvidenceError(msg)


def plain_label(label: Any) -> Any:
    """Return a label as a plain Python value; a whole number is an int, a bool stays one.

    Examples
    --------
    >>> plain_label(1.0), plain_label(np.int64(2)), plain_label("a"), plain_label(np.True_)
    (1, 2, 'a', True)
    """
    if getattr(label, "shape", None) == ():
        label = label.item()
    if isinstance(label, np.str_):
        return str(label)
    return int(label) if isinstance(label, float | Decimal) and is_whole(label) else label


def is_whole(number: Any) -> bool:
    """Return whether a number is finite and whole.

    Examples
    --------
    >>> is_whole(2.0), is_whole(Decimal("2.5")), is_whole(float("inf"))
    (True, False, False)
    """
    return math.isfinite(number) and number == int(number)


def sorted_labels(*sets: tuple[Any, ...], bools: bool = False) -> tuple[Any, ...]:
    """Return all labels once, numbers by value and texts by code point.

    Parameters
    ----------
    *sets : tuple
        Labels of one family; of those that are equal the first is kept.
    bools : bool
        Whether 0 and 1 stay False and True.

    Examples
    --------
    >>> sorted_labels((2, 10), (1,)), sorted_labels((True,), (0,))
    ((1, 2, 10), (0, 1))
    """
    union = dict.fromkeys(label for labels in sets for label in labels)
    if not bools:
        union = dict.fromkeys(int(v) if isinstance(v, bool) else v for v in union)
    return tuple(sorted(union))


def same_family(*sides: Labels) -> str | None:
    """Return the family of all labels; raise where texts stand against numbers."""
    said: dict[str, str] = {}
    for side in sides:
        if side.family is not None:
            said.setdefault(side.family, side.said)
    if len(said) > 1:
        raise mixed_families(said["numbers"], said["texts"])
    return next(iter(said), None)


def mixed_families(numbers: str, texts: str) -> EvidenceError:
    """Return the error that says which labels are numbers and which are texts."""
    msg = f"{numbers} holds numbers and {texts} holds texts; labels are never cast: "
    msg += "convert one of them"
    return EvidenceError(msg)


def recoded(labels: Labels, classes: tuple[Any, ...]) -> npt.NDArray[np.intp]:
    """Return the rows' codes into `classes`, which hold all labels; -1 stays -1."""
    place = {label: code for code, label in enumerate(classes)}
    rank = np.array([*(place[label] for label in labels.values), -1], np.intp)
    if np.array_equal(rank[:-1], np.arange(len(labels.values))):
        return labels.codes
    return rank[labels.codes]


def unknown(label: object, classes: tuple[Any, ...]) -> str:
    """Return that `pos_label` is none of the labels, and what may have been meant."""
    near = ""
    for known in classes:
        if family_of(known) != family_of(label) and str(known) == str(label):
            near = f"; {told(known)} is, and is never cast"
        elif str(known).casefold() == str(label).casefold():
            near = f"; did you mean {told(known)}?"
    return f"`pos_label` {told(label)} is none of the labels: {listed(classes)}{near}"
