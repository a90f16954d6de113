"""Evidence about rows as the arguments of a user's function: looked up, computed, read-only."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mlgates.evidence_names import ALIGNED
from mlgates.predictions.groups import are_names
from mlgates.predictions.labels import Labels
from mlgates.predictions.lookup import TableRows, column_of, native_column
from mlgates.predictions.models import CANDIDATE, PRODUCTION, predicted, scored
from mlgates.predictions.outcomes import check_complete, plain_values, scores_by_class, true_labels
from mlgates.tables.columns import index_of, rows_of, same_rows
from mlgates.tables.read_only import lend

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = ["check_rows", "row_argument"]


def row_argument(evidence: "Evidence", name: str) -> Any:
    """Return evidence with one value per row as a user's function receives it, read-only.

    Names of columns are looked up, ``(n, 1)`` becomes ``(n,)``, and predictions and scores that
    were not given are computed with the model.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> row_argument(Evidence({"y_true": "label", "data": {"label": [0, 1]}}), "y_true")
    [0, 1]
    """
    names = next((names for names in (CANDIDATE, PRODUCTION) if name in names[1:]), None)
    if name not in evidence and names is not None:
        if name == names.pred:
            column = predicted(evidence, names)
            check_complete(column)
            return lend(plain_values(column))
        scores = scored(evidence, names)
        truth = Labels("`y_true`", np.empty(0, np.intp), ())
        if "y_true" in evidence:
            truth = true_labels(evidence, column_of(evidence, "y_true"))
        return lend(scores_by_class(evidence, names, truth, scores)[0])
    value: Any = evidence.in_memory(name) if name == "X" else evidence[name]
    if isinstance(value, str) and name != "X":
        value = native_column(evidence, value, name)
    elif name == "sensitive_features" and are_names(evidence, value):
        value = {column: native_column(evidence, column, name) for column in value}
    elif isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 1 and name != "X":
        value = value.reshape(-1)
    return lend(value)


def check_rows(arguments: Mapping[str, object], names: Iterable[str] = ALIGNED) -> None:
    """Raise unless the arguments of a function that have rows have the same ones.

    Raises
    ------
    EvidenceError
        When two values differ in length, or in their pandas indexes.
    """
    tables = []
    for name in sorted(names, key="X".__eq__):  # messages name the other first
        rows = rows_of(arguments[name]) if name in arguments else None
        if rows is not None:
            tables.append(TableRows(f"`{name}`", rows, index_of(arguments[name])))
    indexed = [table for table in tables if table.index is not None]
    for group in (tables, indexed):
        for table in group[1:]:
            same_rows(group[0], table)
