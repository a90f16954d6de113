"""What a user's function is given of the model half: aligned rows, names looked up, answers."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from mlgates.predictions.groups import are_names
from mlgates.predictions.labels import Labels
from mlgates.predictions.lookup import Given, Lookup, Table
from mlgates.predictions.predictions import Predictions
from mlgates.predictions.reading import as_given, complete, scores_of, truth_of
from mlgates.tables.columns import index_of, same_rows
from mlgates.tables.read_only import lend, rows_of

__all__ = ["OF_ROWS", "check_rows", "lent_rows", "offers"]

#: Evidence that has one value, or one row, for each row of `X`.
OF_ROWS = (
    "X",
    "y_true",
    "y_pred",
    "y_score",
    "production_pred",
    "production_score",
    "sample_weight",
    "sensitive_features",
)
_ANSWERS = {
    "y_pred": False,
    "y_score": False,
    "production_pred": True,
    "production_score": True,
}


def offers(given: Given, name: str) -> bool:
    """Return whether a piece of evidence was given, or can be asked of a model.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> offers(Evidence({"X": {"x": [1]}, "model": len}), "y_pred")
    True
    """
    if name not in _ANSWERS:
        return name in given
    return Predictions(Lookup(given), production=_ANSWERS[name]).offers(name)


def lent_rows(given: Given, name: str) -> Any:
    """Return a value of each row as a user's function gets it.

    Names of columns are looked up, ``(n, 1)`` is squeezed, and what was not given is asked of the
    model.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> lent_rows(Evidence({"y_true": "label", "data": {"label": [0, 1]}}), "y_true")
    [0, 1]
    """
    lookup = Lookup(given)
    if name not in given:
        return _answered(lookup, name)
    value: Any = given[name]
    if name == "X":
        return lend(value)
    if isinstance(value, str):
        return lend(lookup.native(value, f"`{name}`"))
    if name == "sensitive_features" and are_names(lookup, value):
        return {column: lend(lookup.native(column, f"`{name}`")) for column in value}
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 1:
        value = value.reshape(-1)
    return lend(value)


def _answered(lookup: Lookup, name: str) -> Any:
    said = Predictions(lookup, production=_ANSWERS[name])
    if name == said.pred_name:
        pred = said.pred()
        complete(pred)
        return lend(as_given(pred))
    scores, method = said.score()
    truth = Labels("`y_true`", np.empty(0, np.intp), ())
    if "y_true" in lookup.given:
        truth = truth_of(lookup.given, lookup.column("y_true"))
    return lend(scores_of(lookup.given, said, truth, scores, method)[0])


def check_rows(lent: Mapping[str, object], names: Iterable[str] = OF_ROWS) -> None:
    """Raise unless what a function is given is about the same rows.

    Raises
    ------
    EvidenceError
        When two values differ in length, or in their pandas indexes.

    Examples
    --------
    >>> check_rows({"y_true": [0, 1], "y_pred": [0]})
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `y_true` has 2 rows and `y_pred` has 1
    """
    tables = []
    for name in names:
        rows = rows_of(lent[name]) if name in lent else None
        if rows is not None:
            tables.append(Table(f"`{name}`", rows, index_of(lent[name])))
    tables.sort(key=lambda table: table.said == "`X`")  # what the message names first
    indexed = [table for table in tables if table.index is not None]
    for group in (tables, indexed):
        for table in group[1:]:
            same_rows(group[0], table)
