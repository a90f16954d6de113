"""Encode class labels as integer codes, without converting numbers to strings or the reverse."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.arrow_arrays import filled
from mlgates.errors import EvidenceError
from mlgates.options import shown
from mlgates.tables import encoding
from mlgates.tables.columns import Column

__all__ = ["list_labels"]

_BINARY = frozenset({0, 1})
_LONGEST_LABEL = 40
_MOST_LISTED = 10
_NOT_LABELS = {
    "binary": "bytes: decode them first; class labels must be integers, booleans or strings",
    "timestamp": "timestamps; class labels must be integers, booleans or strings",
    "date": "dates; class labels must be integers, booleans or strings",
    "time": "times of day; class labels must be integers, booleans or strings",
    "duration": "durations; class labels must be integers, booleans or strings",
}


@dataclass(frozen=True, eq=False)
class Labels:
    """The class labels of the rows, encoded as integers; `code_labels` creates it.

    Parameters
    ----------
    title : str
        The name of the labels in messages, such as "`y_true`".
    codes : array of int
        For each row, the position of its label in `values`; -1 for a missing label.
    values : tuple
        Distinct labels as plain Python values, in order of appearance.
    bools : bool
        Whether the labels are booleans.
    """

    title: str
    codes: npt.NDArray[np.intp]
    values: tuple[Any, ...]
    bools: bool = False


class Classes(NamedTuple):
    """All class labels of a run, sorted, and which of them is the positive class.

    `find_classes` returns it. `every` has all labels of the rows and of the model. `positive` is
    the position of the positive label in `every`, or None if there is none. `unseen` has the labels
    that the model predicted, but that are neither in `y_true` nor among the classes of the model.
    """

    every: tuple[Any, ...] = ()
    positive: int | None = None
    unseen: tuple[Any, ...] = ()


def encode(column: Column, *, declared: bool = False) -> tuple[npt.NDArray[np.intp], list[Any]]:
    """Return an integer code for each row of a column, and the list of its distinct values.

    The code is a position in the list; it is -1 if the value is missing. Values that compare equal,
    such as -0.0 and 0.0, have the same code. If `declared` is True and the column is categorical,
    the list has all of its categories, even those without rows.
    """
    if column.field.kind == "null":
        return np.full(column.rows, -1, np.intp), []
    dictionary = encoding.encode(column.array)
    codes = filled(dictionary.indices, -1).astype(np.intp)
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


def code_labels(column: Column, advice: str = "") -> Labels:
    """Return the class labels in a column, encoded as integers.

    `advice` is added to the message of the error for numbers that are not integers.

    Raises
    ------
    EvidenceError
        If a label is a number that is infinite or not an integer, or has a type that can't be a
        label.
    """
    kind = column.field.kind
    if kind in _NOT_LABELS:
        raise EvidenceError(f"{column.title} holds {_NOT_LABELS[kind]}")
    if kind in ("float", "decimal"):
        floats = column.floats
        if np.isinf(floats).any():
            raise EvidenceError(
                f"{column.title} holds infinite values, but class labels are required"
            )
        if (np.trunc(floats) != floats)[~np.isnan(floats)].any():
            raise EvidenceError(
                f"{column.title} holds non-integer numbers, but class labels are required{advice}"
            )
    codes, values = encode(column)
    return Labels(column.title, codes, tuple(map(plain_label, values)), kind == "bool")


def plain_label(label: Any) -> Any:
    """Return a label as a plain Python value; 1.0 becomes 1, and booleans stay booleans."""
    if getattr(label, "shape", None) == ():
        label = label.item()
    return int(label) if isinstance(label, float | Decimal) and is_whole(label) else label


def is_whole(number: Any) -> bool:
    """Return whether a number is a finite integer."""
    return math.isfinite(number) and number == int(number)


def sorted_labels(labels: Iterable[Any], *, bools: bool = False) -> tuple[Any, ...]:
    """Return the distinct labels in ascending order.

    True and False become 1 and 0, unless `bools` is true.
    """
    plain = labels if bools else (int(v) if isinstance(v, bool) else v for v in labels)
    return tuple(sorted(dict.fromkeys(plain)))


def mixed_types(numbers: str, strings: str) -> EvidenceError:
    """Return the error for labels that are numbers in one place and strings in another.

    `numbers` and `strings` are the names of the two places, such as "`y_true`" and "`y_pred`".
    """
    msg = (
        f"{numbers} holds numbers but {strings} holds strings: convert one to the type of the other"
    )
    return EvidenceError(msg)


def find_classes(
    true: Labels, pred: Labels | None = None, model: Labels | None = None, pos_label: object = None
) -> Classes:
    """Return all classes: the labels in `y_true`, the predicted ones, and a model's `classes_`.

    `true`, `pred` and `model` are these labels; the latter two are None if not known. `pos_label`
    is the positive label. By default it is 1 or True, if all labels are 0 and 1, or bools;
    otherwise there is no positive label.

    Raises
    ------
    EvidenceError
        If some labels are numbers and others strings, if `y_true` and the predictions have no label
        in common, or if `pos_label` is not one of the labels.
    """
    sides = [side for side in (true, pred, model) if side is not None and side.values]
    by_type = {isinstance(side.values[0], str): side.title for side in reversed(sides)}
    if len(by_type) > 1:
        raise mixed_types(numbers=by_type[False], strings=by_type[True])
    bools = all(side.bools for side in sides)
    known = {*true.values, *(() if model is None else model.values)}
    predicted = set(() if pred is None else pred.values)
    positive = (
        None if pos_label is None else _boolean_as_label(plain_label(pos_label), known | predicted)
    )
    if positive is not None:
        if not isinstance(positive, str | int):
            got = shown(pos_label)
            raise EvidenceError(f"`pos_label` must be an integer, a boolean or a string, got {got}")
        every = known | predicted
        # the positive class may have no rows if there is one other class
        stray = positive not in predicted and len(every) > 1
        absent = positive not in known and (stray or len(known) > 1)
        if every and (isinstance(positive, str) not in by_type or absent):
            raise _unknown_label(positive, sorted_labels(every, bools=bools))
        known.add(positive)
    if known | predicted <= _BINARY:
        known |= {False, True} if bools else _BINARY
    if pred is not None and true.values and predicted and not predicted & known:
        raise EvidenceError(
            f"{pred.title} and {true.title} have no label in common: "
            f"{list_labels(sorted(predicted))} against {list_labels(sorted(known))}"
        )
    if positive is None and known == _BINARY:
        positive = 1
    labels = sorted_labels(known | predicted, bools=bools)
    unseen = tuple(label for label in labels if label not in known)
    return Classes(labels, None if positive is None else labels.index(positive), unseen)


def _boolean_as_label(label: Any, labels: Iterable[Any]) -> Any:
    """Convert a boolean `pos_label` to the form of the labels; return other values unchanged.

    The string "true" becomes True if the labels are booleans. A bool becomes the one label that is
    written like it in upper or lower case: True becomes "TRUE", for example.
    """
    if isinstance(label, bool):
        alike = [each for each in labels if str(each).casefold() == str(label).casefold()]
        return alike[0] if len(alike) == 1 else label
    is_boolean = isinstance(label, str) and label.casefold() in ("true", "false")
    if is_boolean and any(isinstance(each, bool) for each in labels):
        return label.casefold() == "true"
    return label


def position_of(label: Any, classes: Classes) -> int:
    """Return the position of a label among the classes.

    `label` is the value of the option `label` of a gate. EvidenceError is raised if it is not one
    of the classes.
    """
    found = _boolean_as_label(plain_label(label), classes.every)
    if found not in classes.every:
        raise _unknown_label(found, classes.every, name="label")
    return classes.every.index(found)


def _unknown_label(
    label: object, classes: tuple[Any, ...], name: str = "pos_label"
) -> EvidenceError:
    """Return the error for a label that is not in the data, with the most similar label.

    `name` is the option or evidence that has the label.
    """
    near = ""
    for known in classes:
        if isinstance(known, str) != isinstance(label, str) and str(known) == str(label):
            kind = "string" if isinstance(known, str) else "number"
            near = f"; did you mean the {kind} {label_text(known)}?"
        elif str(known).casefold() == str(label).casefold():
            near = f"; did you mean {label_text(known)}?"
    if not near and name == "label":
        near = "; if no row has it, give all labels as `classes`"
    allowed = f"one of the labels {list_labels(classes)}"
    if len(classes) == 1:
        allowed = f"{label_text(classes[0])}, the only label"
    msg = f"`{name}` must be {allowed}, got {label_text(label)}{near}"
    return EvidenceError(msg)


def recode(labels: Labels, classes: tuple[Any, ...]) -> npt.NDArray[np.intp]:
    """Return for each row the position of its label in `classes`; -1 if the label is missing.

    `classes` must contain all labels.
    """
    place = {label: code for code, label in enumerate(classes)}
    rank = np.array([*(place[label] for label in labels.values), -1], np.intp)
    if np.array_equal(rank[:-1], np.arange(len(labels.values))):
        return labels.codes
    return rank[labels.codes]


def label_text(label: object) -> str:
    """Return a label as text for a message, in the form of its repr, with at most 40 characters."""
    text = shown(label)
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}..."


def list_labels(labels: Iterable[object]) -> str:
    """Return up to ten labels as text for a message, and how many labels are left out."""
    every = list(labels)
    more = f" and {len(every) - _MOST_LISTED:,} more" if len(every) > _MOST_LISTED else ""
    return ", ".join(map(label_text, every[:_MOST_LISTED])) + more
