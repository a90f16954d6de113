"""Match columns of scores to class labels, by their names or by the order of the classes."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.predictions.labels import Classes, Labels, label_text, list_labels, plain_label
from mlgates.predictions.numbers import Floats, Scores

__all__ = [
    "arrange_scores",
    "classes_in_order",
    "column_of_each_label",
    "refuse_scores_of_pairs",
]

#: Names that polars gives to columns without a name; pandas uses the numbers themselves.
_DEFAULT_NAME = re.compile(r"(?:column_)?(\d+)")
#: Column names that have a numeric label in them, such as "proba_1". In other names, such as
#: "fold_0", the number is not a label.
_SCORE_OF_NUMBER = re.compile(r"(?i)(?:p|pr|prob|proba|probability|class|label)[\W_]*-?\d[\d.]*\W*")
#: An integer written as a float, such as the column name "1.0".
_WHOLE_FLOAT = re.compile(r"(-?\d+)\.0+")
#: Fewest rows from which it is inferred that scores are of pairs of classes, not of classes.
_ENOUGH_ROWS = 30
#: Boundary between words in names such as "probDog".
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def classes_in_order(classes: Classes, order: Labels | None) -> tuple[Any, ...]:
    """Return the class labels in the order in which a model returns the columns of its scores.

    This is the order of the model's `classes_`, given as `order`. If `order` is None, the labels
    are sorted.
    """
    return classes.every if order is None else tuple(order.values[code] for code in order.codes)


def arrange_scores(
    name: str,
    scores: Scores,
    classes: Classes,
    order: Labels | None,
    *,
    declared: bool = False,
) -> Floats:
    """Return the scores of the positive class; with more than two classes, a column per class.

    The columns of the result are in the order of the classes. Columns with names are matched to
    labels by name. Columns without names have one of these orders:

    - With ``declared=True``, `order` has the labels in the argument `classes` of the run, and the
      columns are in this order.
    - If the model computed the scores, `order` has the labels in the model's ``classes_``, and the
      columns are in this order. If it is None, they are in the order of the sorted labels.
    - If the user gave the scores, they are in the order of the sorted labels. If the model's
      ``classes_`` have the same labels in another order, an error is raised.

    `name` is the name of the scores, for messages.

    Raises
    ------
    EvidenceError
        If it is not clear which column belongs to which class.
    """
    every, values, given = classes.every, scores.values, scores.method is None
    several, width = len(every) > 2, values.shape[-1]
    if not scores.rows:
        return np.empty((0, len(every))) if several else np.empty(0)
    labels = classes_in_order(classes, order if declared or not given else None)
    if values.ndim == 1:
        if several:
            raise EvidenceError(
                f"{scores.title} must have one column per label, got one score per row for "
                f"{len(every)} labels ({list_labels(every)})"
            )
        _require_positive_name(scores, classes)
        # in scikit-learn a single score is that of the second class
        if given or order is None or labels[-1] == _positive(classes):
            return values
        return -values if scores.method == "decision_function" else 1 - values
    if given and width == 2 and not several and not declared:
        raise _two_columns(name, scores, classes)
    if width != len(labels):
        is_of_pairs = width == len(labels) * (len(labels) - 1) // 2
        in_order = given and not declared and not is_of_pairs
        order_named = ", in the order of the labels" if in_order else ""
        msg = (
            f"{scores.title} must have one column per label{order_named} ({list_labels(labels)}), "
            f"got {width} columns for {len(labels)} labels"
        )
        if is_of_pairs:
            msg += "; if these are scores of pairs of classes, set decision_function_shape='ovr'"
        elif in_order and width > len(labels):
            msg += "; if a label has no rows, pass all labels as `classes`"
        raise EvidenceError(msg)
    named = None
    try:
        named = column_of_each_label(scores.title, scores.names, labels)
    except EvidenceError:
        if not declared:  # with declared classes, the columns can have any names
            raise
    if declared and named is not None and [*named.values()] != [*range(width)]:
        raise EvidenceError(
            f"the columns of {scores.title} are {list_labels(scores.names)}, but `classes` are "
            f"{list_labels(labels)}: give `classes` the order of the columns"
        )
    if named is None and not given and order is None and width == 2 and set(every) != {0, 1}:
        raise EvidenceError(
            f"the columns of {scores.title} can't be matched to labels, because the model has no "
            f"`classes_`: pass a model with `classes_`, or pass `{name}`"
        )
    if named is None and given and order is not None and not declared:
        by_model = classes_in_order(classes, order)
        if set(by_model) == set(every) and by_model != every:
            raise EvidenceError(
                f"the columns of {scores.title} have no names, and their order is ambiguous: the "
                f"labels are {list_labels(every)}, but the `classes_` of the model are "
                f"{list_labels(by_model)}; pass a table whose columns are named after the labels"
            )
    return _by_class(scores, classes, named or {label: at for at, label in enumerate(labels)})


def _by_class(scores: Scores, classes: Classes, places: Mapping[Any, int]) -> Floats:
    """Return one column of scores per class, or for two classes only that of the positive class.

    `places` has the position of the column of each label. A class without a column has probability
    0.
    """
    every = classes.every
    if len(every) <= 2 and (positive := _positive(classes)) in places:
        return scores.values[:, places[positive]]
    absent = [label for label in every if label not in places]
    if absent and scores.method != "predict_proba":
        label = "the label" if len(absent) == 1 else "the labels"
        raise EvidenceError(f"{scores.title} has no column for {label} {list_labels(absent)}")
    found = np.zeros((scores.rows, len(every)))
    for code, label in enumerate(every):
        if label in places:
            found[:, code] = scores.values[:, places[label]]
    return found


def _positive(classes: Classes) -> Any:
    """Return the positive label; raise EvidenceError if there is none."""
    if classes.positive is None:
        raise EvidenceError(
            f"`pos_label` is required: set it to one of the labels {list_labels(classes.every)}"
        )
    return classes.every[classes.positive]


def refuse_scores_of_pairs(scores: Scores, truth: Labels, classes: Classes) -> None:
    """Raise EvidenceError if three columns of scores seem to belong to pairs of classes.

    Three classes have the three pairs (0, 1), (0, 2) and (1, 2), so the shape does not show whether
    the columns belong to classes or to pairs. The scores are refused if they predict the true
    labels (`truth`) much better as scores of pairs than as scores of classes. Depending on the
    library, a positive score is a vote for the first or the second class of a pair; both are tried.
    """
    codes, values = truth.codes, scores.values
    if values.shape != (len(codes), 3) or len(classes.every) != 3 or not (values < 0).any():
        return
    place = {label: at for at, label in enumerate(classes.every)}
    labels = np.array([place[value] for value in truth.values] + [-1])[codes]
    # whether class 0 wins against class 1, class 1 against class 2, and class 2 against class 0
    first = np.stack([values[:, 0] > 0, values[:, 2] > 0, values[:, 1] < 0], axis=1)
    votes = first.astype(int) + ~np.roll(first, 1, axis=1)
    as_classes = np.mean(values.argmax(axis=1) == labels)
    as_pairs = max(np.mean(v.argmax(axis=1) == labels) for v in (votes, 2 - votes))
    if as_pairs > max(0.5, as_classes + 0.25) and len(codes) >= _ENOUGH_ROWS:
        raise EvidenceError(
            f"{scores.title} must have one column per label, but its columns look like scores of "
            f"pairs of labels: if they are read as scores of pairs, {int(100 * as_pairs)} % of the "
            f"labels are predicted right, and if read as scores of labels {int(100 * as_classes)} "
            "%; set decision_function_shape='ovr'"
        )


def _two_columns(name: str, scores: Scores, classes: Classes) -> EvidenceError:
    """Return the error for two columns where one is required; it says which one to pass."""
    msg = f"{scores.title} has 2 columns: for two classes pass the column of the positive class"
    positive = classes.positive
    if not scores.names:
        return EvidenceError(f"{msg}, for example {name}[:, {1 if positive is None else positive}]")
    named = None
    with suppress(EvidenceError):
        named = column_of_each_label(scores.title, scores.names, classes.every)
    if named is not None and positive is not None:
        column = scores.names[named[classes.every[positive]]]
        return EvidenceError(f"{msg}, {name}[{label_text(column)}]")
    if positive is None:
        msg += f" and set `pos_label` to one of the labels {list_labels(classes.every)}"
    return EvidenceError(f"{msg}; the columns are {list_labels(scores.names)}")


def _require_positive_name(scores: Scores, classes: Classes) -> None:
    """Raise EvidenceError if the only column of scores is named after the negative label."""
    if not scores.names or classes.positive is None:
        return
    name, positive = scores.names[0], classes.every[classes.positive]
    if not isinstance(positive, str) and not _SCORE_OF_NUMBER.fullmatch(str(name)):
        return
    inside = _labels_in(name, classes.every)
    if len(inside) == 1 and inside != [positive]:
        raise EvidenceError(
            f"{scores.title} must be the score of the positive label {label_text(positive)}, got "
            f"a column named {label_text(name)}"
        )


def column_of_each_label(
    title: str, names: Sequence[Any], labels: Sequence[Any]
) -> dict[Any, int] | None:
    """Return which column of scores belongs to each label, by the names of the columns.

    The result is None if the columns have no names. A name matches a label if it is the label, or
    if it contains exactly one label as a word or number. Default names of pandas and polars count
    as no names if the labels are strings. `title` is the name of the scores in messages.

    Raises
    ------
    EvidenceError
        If the columns have names that do not match the labels.

    Examples
    --------
    >>> column_of_each_label("`y_score`", ["P(dog)", "P(cat)"], ["cat", "dog"])
    {'dog': 0, 'cat': 1}
    >>> column_of_each_label("`y_score`", ["a", "b"], ["cat", "dog"])
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: each column of `y_score` must be named after one label, got names
    'a', 'b' for the labels 'cat', 'dog'
    """
    if not names:
        return None
    for key in (_plain_name, lambda name: str(_plain_name(name))):
        by_name = {key(name): place for place, name in enumerate(names)}
        if by_name.keys() == {key(label) for label in labels}:
            return {label: by_name[key(label)] for label in labels}
    inside = [_labels_in(name, labels) for name in names]
    if all(len(each) == 1 for each in inside):
        places = {each[0]: place for place, each in enumerate(inside)}
        if len(places) == len(labels):
            return places
    numbers = [_DEFAULT_NAME.fullmatch(str(name)) for name in names]
    is_default = [each and int(each[1]) for each in numbers] == list(range(len(names)))
    if is_default and all(isinstance(label, str) for label in labels):
        return None
    raise EvidenceError(
        f"each column of {title} must be named after one label, got names {list_labels(names)} "
        f"for the labels {list_labels(labels)}"
    )


def _plain_name(name: Any) -> Any:
    """Convert a column name to a label: 1.0 and "1.0" become 1, other strings are normalized."""
    if isinstance(name, str):
        whole = _WHOLE_FLOAT.fullmatch(name)
        return whole[1] if whole else unicodedata.normalize("NFC", name)
    return plain_label(name)


def _labels_in(name: Any, labels: Sequence[Any]) -> list[Any]:
    """Return the labels that occur in the name of a column as words or numbers.

    Upper and lower case are distinguished only if labels differ by case. A label that is part of a
    longer label in the name is not counted.

    Examples
    --------
    >>> _labels_in("probDog", ["dog", "cat"]), _labels_in("p1", [0, 1, 10])
    (['dog'], [1])
    >>> _labels_in("very good", ["good", "very good"]), _labels_in("dogma", ["dog", "cat"])
    (['very good'], [])
    """
    text = _CAMEL_CASE.sub(" ", unicodedata.normalize("NFC", str(name)))
    written = {unicodedata.normalize("NFC", str(label)): label for label in labels}
    flags = re.IGNORECASE if len(set(map(str.casefold, written))) == len(written) else re.NOFLAG
    spans: dict[tuple[int, int], Any] = {}
    for word, label in written.items():
        # a number may follow a letter, as in "p1"; a word may not
        left = r"(?<!\d)" if word[:1].isdigit() else r"(?<![^\W_])"
        right = r"(?!\d)" if word[-1:].isdigit() else r"(?![^\W_])"
        pattern = left + re.escape(_CAMEL_CASE.sub(" ", word)) + right
        spans |= {match.span(): label for match in re.finditer(pattern, text, flags)}
    widest = [
        label
        for (start, end), label in spans.items()
        if not any(a <= start and end <= b and (a, b) != (start, end) for a, b in spans)
    ]
    return list(dict.fromkeys(widest))
