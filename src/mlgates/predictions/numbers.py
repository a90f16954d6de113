"""Values, weights and scores of the rows as float64; values that are not finite are refused."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.predictions.labels import Classes, Labels, label_text, list_labels
from mlgates.tables import columns

Floats = npt.NDArray[np.float64]
#: Methods of a model; the empty one calls the model itself.
Method = Literal["predict", "predict_proba", "decision_function", ""]

_TOLERANCE = 1e-6
#: Of two: squares of weights up to this size are still added up exactly enough.
_LARGEST_POWER = 200


def values_of(column: columns.Column, *, missing: bool = False) -> Floats:
    """Return the numbers of a column; NaN where they are missing, if that is allowed.

    Raises
    ------
    EvidenceError
        For texts and other kinds, infinities, and missing values unless `missing`.
    """
    kind = column.field.kind
    if kind not in columns.NUMBERS and not (kind == "null" and (missing or not column.rows)):
        is_empty = kind == "null"
        held = "nothing but missing values" if is_empty else f"values of type {column.field.type}"
        msg = f"{column.title} holds {held}, and numbers are due"
        raise EvidenceError(msg)
    check_finite(column.title, column.floats, missing=missing)
    return column.floats


def check_finite(name: str, values: Floats, *, missing: bool = False) -> None:
    """Raise unless all values are finite; NaN may be allowed."""
    bad = np.isinf(values) if missing else ~np.isfinite(values)
    count = int(np.count_nonzero(bad))
    if not count:
        return
    infinite = int(np.count_nonzero(np.isinf(values)))
    what = {0: "missing", count: "infinite"}.get(infinite, "missing or infinite")
    msg = f"{name} holds {count:,} of {values.size:,} values that are {what}"
    raise EvidenceError(msg)


def weights_of(column: columns.Column) -> Floats:
    """Return weights: finite, none negative, not all zero.

    They are scaled by a power of two where their squares or sums would overflow or vanish.
    """
    weights = values_of(column)
    negative = int(np.count_nonzero(weights < 0))
    if negative:
        msg = f"{column.title} holds {negative:,} of {weights.size:,} weights that are negative"
        raise EvidenceError(msg)
    if weights.size and not weights.any():
        msg = f"{column.title} holds nothing but zeros: no row would count"
        raise EvidenceError(msg)
    power = int(np.frexp(weights.max(initial=0.0))[1])
    return np.ldexp(weights, -power) if abs(power) > _LARGEST_POWER else weights


@dataclass(frozen=True, eq=False)
class Scores(columns.RowAxis):
    """Finite scores of the rows."""

    #: of shape (n,), or (n, k) with one column per class
    values: Floats
    #: names of the columns of a table; empty otherwise
    names: tuple[Any, ...] = ()
    #: method of the model that returned them; None for scores that were given
    method: Method | None = None


def as_scores(name: str, value: Any) -> Scores:
    """Return scores of any container.

    Raises
    ------
    EvidenceError
        For anything but one column or a table of finite numbers.
    """
    if columns.is_table(value) and len(inside := columns.columns_of(name, value)) > 1:
        parts = [values_of(columns.as_column(name, column)) for column in inside.values()]
        if len(set(map(len, parts))) > 1:
            msg = f"the columns of {name} differ in length"
            raise EvidenceError(msg)
        matrix = np.column_stack(parts)
        return Scores(name, len(matrix), columns.index_of(value), matrix, tuple(inside))
    is_list, array = isinstance(value, list | tuple), None
    if is_list and value and isinstance(value[0], list | tuple | np.ndarray):
        if len({np.shape(row) for row in value}) > 1:
            msg = f"the rows of {name} differ in length"
            raise EvidenceError(msg)
        array = columns.as_array(name, value)
    elif not is_list and hasattr(value, "__array__"):
        array = columns.as_array(name, value)
    if array is None or array.ndim != 2 or array.shape[1] < 2:
        column = columns.as_column(name, value)
        return Scores(name, column.rows, column.index, values_of(column))
    if array.dtype.kind not in "biuf":
        array = np.column_stack([values_of(columns.as_column(name, column)) for column in array.T])
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(np.float64), np.nan)
    matrix = np.asarray(array, np.float64)
    check_finite(name, matrix)
    return Scores(name, len(matrix), None, matrix)


def arrange_scores(name: str, scores: Scores, classes: Classes, order: Labels | None) -> Floats:
    """Return the scores of the positive class, or one column per class if there are more than two.

    `name` is the evidence to correct, and `order` the model's own classes in the order of its
    columns.

    Raises
    ------
    EvidenceError
        When it can't be determined which column belongs to which class.
    """
    every, values, given = classes.every, scores.values, scores.method is None
    several, width = len(every) > 2, values.shape[-1]
    if not scores.rows:
        return np.empty((0, len(every))) if several else np.empty(0)
    labels: tuple[Any, ...] = every
    if not given and order is not None:
        labels = tuple(order.values[code] for code in order.codes)
    if values.ndim == 1:
        if several:
            msg = f"{scores.title} has one score a row, and there are {len(every)} labels "
            msg += f"({list_labels(every)}): one column a label is due"
            raise EvidenceError(msg)
        # scikit-learn scores the last of two classes
        if given or order is None or labels[-1] == _positive(classes):
            return values
        return -values if scores.method == "decision_function" else 1 - values
    if given and width == 2 and not several:
        column = f"[{label_text(scores.names[1])}]" if scores.names else "[:, 1]"
        msg = f"{scores.title} has 2 columns; for two labels give that of the positive one, "
        msg += f"such as {name}{column}"
        raise EvidenceError(msg)
    if not given and order is None and width == 2 and set(every) != {0, 1}:
        msg = f"{scores.title} has 2 columns and the model has no `classes_`, so that it is not "
        msg += "known which one is the positive label's: give the model `classes_`, or give scores"
        raise EvidenceError(msg)
    if width != len(labels):
        msg = f"{scores.title} has {width} columns and there are {len(labels)} labels "
        msg += f"({list_labels(labels)}): one column a label is due"
        raise EvidenceError(f"{msg}, in this order" if given else msg)
    if given:
        places = {str(name): place for place, name in enumerate(scores.names)}
        is_named = set(places) == set(map(str, every))
        return values[:, [places[str(label)] for label in every]] if is_named else values
    return _model_columns(scores, classes, labels)


def _model_columns(scores: Scores, classes: Classes, labels: tuple[Any, ...]) -> Floats:
    """Return a model's scores by class: 0 for the probability of a class that it lacks."""
    every = classes.every
    if len(every) <= 2 and (positive := _positive(classes)) in labels:
        return scores.values[:, labels.index(positive)]
    absent = [label for label in every if label not in labels]
    if absent and scores.method != "predict_proba":
        msg = f"{scores.title} has no column for {list_labels(absent)}"
        raise EvidenceError(msg)
    found = np.zeros((scores.rows, len(every)))
    for place, label in enumerate(every):
        if label in labels:
            found[:, place] = scores.values[:, labels.index(label)]
    return found


def _positive(classes: Classes) -> Any:
    """Return the positive label; raise when it is not known."""
    if classes.positive is None:
        msg = "it is not known which label is positive: say `pos_label`, one of "
        msg += f"{list_labels(classes.every)}"
        raise EvidenceError(msg)
    return classes.every[classes.positive]


def check_probabilities(name: str, score: Floats) -> None:
    """Raise unless scores are probabilities: within [0, 1], and rows of several adding up to 1."""
    outside = int(np.count_nonzero((score < 0) | (score > 1)))
    if outside:
        msg = f"{name} holds {outside:,} of {score.size:,} values outside [0, 1], and "
        msg += "probabilities are due"
        raise EvidenceError(msg)
    if score.ndim == 2:
        odd = int(np.count_nonzero(np.abs(score.sum(axis=1) - 1) > _TOLERANCE))
        if odd:
            msg = f"{name} holds {odd:,} of {len(score):,} rows whose probabilities do not add up "
            msg += "to 1"
            raise EvidenceError(msg)
