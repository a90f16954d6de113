"""Which labels there are, and which one is positive."""

from dataclasses import dataclass
from typing import Any

from mlgates.errors import EvidenceError
from mlgates.options import shown
from mlgates.predictions.labels import (
    Labels,
    family_of,
    plain_label,
    same_family,
    sorted_labels,
    unknown,
)
from mlgates.predictions.names import listed

__all__ = ["Classes", "classes_among"]

_BINARY = frozenset({0, 1})


@dataclass(frozen=True)
class Classes:
    """The labels of one model on one set of rows.

    Parameters
    ----------
    every : tuple
        All labels, sorted.
    positive : int or None
        Position of the positive one; None when it is not known.
    unseen : tuple
        Those that are only predicted.
    """

    every: tuple[Any, ...]
    positive: int | None
    unseen: tuple[Any, ...] = ()

    @property
    def known(self) -> tuple[Any, ...]:
        """All that are not only predicted."""
        return tuple(label for label in self.every if label not in self.unseen)


def classes_among(
    true: Labels, pred: Labels | None = None, model: Labels | None = None, said: object = None
) -> Classes:
    """Return all labels, the positive one, and those that only predictions have.

    Parameters
    ----------
    true : Labels
        Of the rows.
    pred : Labels, optional
        Predicted.
    model : Labels, optional
        The classes that the model says it knows.
    said : object
        `pos_label` as it was given; None when it was not.

    Raises
    ------
    EvidenceError
        For numbers beside texts, for predicted labels none of which is known, and for a
        `pos_label` that is no label.

    Examples
    --------
    >>> import numpy as np
    >>> classes_among(Labels("`y_true`", np.array([0]), (0,)))
    Classes(every=(0, 1), positive=1, unseen=())
    """
    sides = [side for side in (true, pred, model) if side is not None]
    same_family(*sides)
    bools = all(side.bools or not side.values for side in sides)
    known = {*true.values, *(model.values if model else ())}
    predicted = set(pred.values) if pred else set()
    positive = None if said is None else _label(said)
    if positive is not None:
        if known | predicted and _is_unknown(positive, known, predicted):
            raise EvidenceError(
                unknown(positive, sorted_labels(tuple(known | predicted), bools=bools))
            )
        known.add(positive)
    if known | predicted <= _BINARY:  # (no labels at all are in need of none)
        known |= {False, True} if bools else _BINARY
    if pred is not None and true.values and predicted and not predicted & known:
        msg = f"{pred.said} holds no label of {true.said}: {listed(sorted(predicted))} "
        msg += f"against {listed(sorted(known))}"
        raise EvidenceError(msg)
    if positive is None and known == _BINARY:
        positive = 1
    every = sorted_labels(tuple(known), tuple(predicted), bools=bools)
    unseen = tuple(label for label in every if label not in known)
    return Classes(every, None if positive is None else every.index(positive), unseen)


def _is_unknown(positive: Any, known: set[Any], predicted: set[Any]) -> bool:
    """Whether a positive label can't be one: of the other family, or beside two that are known."""
    family = family_of(next(iter(known | predicted)))
    stray = positive not in predicted and len(known | predicted) > 1
    return family_of(positive) != family or (positive not in known and (stray or len(known) > 1))


def _label(said: object) -> Any:
    label = plain_label(said)
    if not isinstance(label, str | int):
        msg = f"`pos_label` must be a label, a text or a whole number, got {shown(said)}"
        raise EvidenceError(msg)
    return label
