"""Which column of scores belongs to which class."""

from typing import Any

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.predictions.classes import Classes
from mlgates.predictions.labels import Labels
from mlgates.predictions.names import listed, told
from mlgates.predictions.numbers import Floats, Scores

__all__ = ["arranged"]

_TWO = 2


def arranged(
    scores: Scores, classes: Classes, *, method: str | None = None, order: Labels | None = None
) -> Floats:
    """Return the scores of the positive class, or one column a class where there are more than two.

    Parameters
    ----------
    scores : Scores
        As they were given, or answered.
    classes : Classes
        All labels.
    method : str, optional
        The method of the model that answered; None for scores that were given.
    order : Labels, optional
        The classes that the model says it knows, in its own order.

    Raises
    ------
    EvidenceError
        When it is not known which column is whose.
    """
    several = len(classes.every) > _TWO
    if not scores.rows:
        return np.empty((0, len(classes.every))) if several else np.empty(0)
    if scores.values.ndim == 1:
        return _single(scores, classes, method, order)
    if method is None:
        return _given(scores, classes)
    return _answered(scores, classes, method, order)


def _single(scores: Scores, classes: Classes, method: str | None, order: Labels | None) -> Floats:
    if len(classes.every) > _TWO:
        msg = f"{scores.said} has one score a row, and there are {len(classes.every)} labels "
        msg += f"({listed(classes.every)}): one column a label is due"
        raise EvidenceError(msg)
    if method is None or order is None:
        return scores.values
    own = order.values[order.codes[-1]]  # scikit-learn scores the last of two
    if own == _positive(classes):
        return scores.values
    return -scores.values if method == "decision_function" else 1 - scores.values


def _given(scores: Scores, classes: Classes) -> Floats:
    width, every = scores.values.shape[1], classes.every
    if width == _TWO and len(every) <= _TWO:
        column = f"[{told(scores.names[1])}]" if scores.names else "[:, 1]"
        bare = scores.said.split("`")[1]
        msg = f"{scores.said} has 2 columns; for two labels give that of the positive one, "
        msg += f"such as {bare}{column}"
        raise EvidenceError(msg)
    if width != len(every):
        msg = f"{scores.said} has {width} columns and there are {len(every)} labels "
        msg += f"({listed(every)}): one column a label is due, in this order"
        raise EvidenceError(msg)
    places = {str(name): place for place, name in enumerate(scores.names)}
    if set(places) == set(map(str, every)):
        return scores.values[:, [places[str(label)] for label in every]]
    return scores.values


def _answered(scores: Scores, classes: Classes, method: str, order: Labels | None) -> Floats:
    width, every = scores.values.shape[1], classes.every
    labels: tuple[Any, ...] = every
    if order is not None:
        labels = tuple(order.values[code] for code in order.codes)
    elif set(every) != {0, 1} and width == _TWO:
        msg = f"{scores.said} has 2 columns and the model has no `classes_`, so that it is not "
        msg += "known which one is the positive label's: give the model `classes_`, or give scores"
        raise EvidenceError(msg)
    if width != len(labels):
        msg = f"{scores.said} has {width} columns and there are {len(labels)} labels "
        msg += f"({listed(labels)}): one column a label is due"
        raise EvidenceError(msg)
    if len(every) <= _TWO:
        positive = _positive(classes)
        if positive in labels:
            return scores.values[:, labels.index(positive)]
    strangers = [label for label in every if label not in labels]
    if strangers and method != "predict_proba":
        msg = f"{scores.said} has no column for {listed(strangers)}"
        raise EvidenceError(msg)
    found = np.zeros((scores.rows, len(every)))
    for place, label in enumerate(every):
        if label in labels:
            found[:, place] = scores.values[:, labels.index(label)]
    return found


def _positive(classes: Classes) -> Any:
    if classes.positive is None:
        msg = "it is not known which label is positive: say `pos_label`, one of "
        msg += f"{listed(classes.every)}"
        raise EvidenceError(msg)
    return classes.every[classes.positive]
