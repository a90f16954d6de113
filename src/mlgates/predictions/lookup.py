"""Evidence about rows: as given, columns of `X` and `data` by name, or answers of a model.

A method of a model is called at most once.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from mlgates.errors import EvidenceError, MlgatesError
from mlgates.options import did_you_mean
from mlgates.predictions.labels import Labels, code_labels
from mlgates.predictions.numbers import Method, Scores, as_scores, values_of
from mlgates.redaction import describe
from mlgates.tables import columns
from mlgates.tables.containers import kind_of, names_of_columns
from mlgates.tables.read_only import read_only

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = ["column_of", "offers", "prediction_method"]


class ModelNames(NamedTuple):
    """Names of the evidence about one model."""

    model: str
    pred: str
    score: str


CANDIDATE = ModelNames("model", "y_pred", "y_score")
PRODUCTION = ModelNames("production_model", "production_pred", "production_score")
#: Methods that return scores, the best first; the second returns no probabilities.
_SCORING: tuple[Method, ...] = ("predict_proba", "decision_function")
_TABLES = ("X", "data")


def column_of(evidence: "Evidence", name: str) -> columns.Column:
    """Return a piece of evidence as one value per row; a string names a column of a table."""
    value = evidence[name]
    read = partial(columns.as_column, f"`{name}`", value)
    if isinstance(value, str):
        read = partial(named_column, evidence, value, name)
    return cast("columns.Column", evidence.cached("column", name, read))


def named_column(evidence: "Evidence", column: str, role: str = "") -> columns.Column:
    """Return a column of `X`, or else of `data`; `role` is the evidence that names it.

    Raises
    ------
    EvidenceError
        When neither table has the column.
    """
    table = _table_with(evidence, column, role)
    read = partial(_read_column, evidence, table, column)
    found = cast("columns.Column", evidence.cached("named", (table, column), read))
    return replace(found, title=f"`{role}`, column {column!r} of `{table}`,") if role else found


def native_column(evidence: "Evidence", column: str, role: str) -> Any:
    """Return a column of `X`, or else of `data`, in the container that the table uses."""
    table = _table_with(evidence, column, role)
    value: Any = evidence[table]
    if names_of_columns(value) is not None:
        return columns.columns_of(f"`{table}`", value, [column])[column]
    found = named_column(evidence, column, role)
    return found.array.to_numpy() if found.rows else np.empty(0)


def _table_with(evidence: "Evidence", column: str, role: str) -> str:
    """Return which table has a column: ``"X"`` or ``"data"``; raise when neither has."""
    tables = [table for table in _TABLES if table in evidence]
    known: list[str] = []
    for table in tables:
        names = column_names(evidence, table)
        if column in names:
            return table
        known += names
    missing = f"`{role}` names the column {column!r}" if role else f"there is no column {column!r}"
    reason = "neither `X` nor `data` has it"
    if len(tables) < len(_TABLES):
        reason = f"`{tables[0]}` lacks it" if tables else "neither `X` nor `data` was given"
    msg = f"{missing}: {reason}{did_you_mean(column, known)}"
    raise EvidenceError(msg)


def column_names(evidence: "Evidence", table: str) -> list[str]:
    """Return a table's column names that are strings; none for a value that is not a table."""
    return cast("list[str]", evidence.cached("names", table, partial(_read_names, evidence, table)))


def _read_names(evidence: "Evidence", table: str) -> list[str]:
    value: Any = evidence[table]
    names = names_of_columns(value)
    if names is not None:
        return [name for name in names if isinstance(name, str)]
    try:
        return list(evidence.source(table).schema)
    except EvidenceError:
        kinds = ("path", "reader", "lazy", "duckdb", "unopened")
        if table == "data" or kind_of(value) in kinds:
            raise
        return []  # a model's input need not be a table


def _read_column(evidence: "Evidence", table: str, column: str) -> columns.Column:
    title, value = f"column {column!r} of `{table}`", evidence[table]
    if names_of_columns(value) is None:
        return columns.as_column(title, evidence.source(table).arrow([column]).column(column))
    found = columns.as_column(title, columns.columns_of(f"`{table}`", value, [column])[column])
    return replace(found, index=columns.index_of(value))


def rows_of_evidence(evidence: "Evidence", name: str) -> columns.RowAxis | None:
    """Return length and index of evidence; None if it was not given or has no known length."""
    if name not in evidence:
        return None
    value = evidence[name]
    if isinstance(value, str) and name not in _TABLES:
        return column_of(evidence, name)
    if name == "X":  # (the rows of a file are counted without reading it)
        is_file = kind_of(value) == "path"
        value = evidence.source(name) if is_file else evidence.in_memory(name)
    rows = columns.rows_of(value)
    return None if rows is None else columns.RowAxis(f"`{name}`", rows, columns.index_of(value))


def anchor_rows(evidence: "Evidence") -> columns.RowAxis | None:
    """Return the rows that groups and slices must match, preferably some with a pandas index."""
    names = ("y_true", "y_pred", "y_score", "X")
    given = [rows for name in names if (rows := rows_of_evidence(evidence, name)) is not None]
    alike = [rows for rows in given if rows.rows == given[0].rows]
    return next((rows for rows in alike if rows.index is not None), given[0] if given else None)


def offers(evidence: "Evidence", name: str) -> bool:
    """Return whether predictions or scores can be computed with the model given."""
    names = PRODUCTION if name in PRODUCTION else CANDIDATE
    if "X" not in evidence or names.model not in evidence:
        return False
    methods: tuple[Method, ...] = _SCORING if name == names.score else ("predict",)
    return _method(evidence[names.model], methods) is not None


def predicted(evidence: "Evidence", names: ModelNames) -> columns.Column:
    """Return one prediction per row."""
    if names.pred in evidence:
        return column_of(evidence, names.pred)
    if names.model not in evidence:
        if names.score in evidence:
            msg = f"labels are due, and only `{names.score}` was given: give `{names.pred}`, "
            msg += f"such as {names.score} >= 0.5"
            raise EvidenceError(msg)
        raise _not_given(names.pred, names.model)
    method = prediction_method(names.model, evidence[names.model])
    return cast("columns.Column", _answer(evidence, names.model, method, columns.as_column))


def scored(evidence: "Evidence", names: ModelNames, *, probabilities: bool = False) -> Scores:
    """Return scores of the rows, one each or one per class."""
    if names.score in evidence:
        given = evidence[names.score]
        if isinstance(given, str):
            column = column_of(evidence, names.score)
            return Scores(column.title, column.rows, column.index, values_of(column))
        read = partial(as_scores, f"`{names.score}`", given)
        return cast("Scores", evidence.cached("scores", names.score, read))
    if names.model not in evidence:
        raise _not_given(names.score, names.model)
    model, methods = evidence[names.model], _SCORING[:1] if probabilities else _SCORING
    method = _method(model, methods)
    if method is None:
        needed = "probabilities" if probabilities else "scores"
        lacks = " and no ".join(methods)
        msg = f"`{names.model}` has no {lacks}, and {needed} are due: give `{names.score}`"
        raise EvidenceError(_is_class(names.model, model) or msg)
    scores: Scores = _answer(evidence, names.model, method, as_scores)
    return replace(scores, method=method)


def model_classes(evidence: "Evidence", names: ModelNames) -> Labels | None:
    """Return a model's `classes_` in its own order; None where they can't be read as labels."""
    if names.model not in evidence:
        return None
    try:
        found: Any = getattr(evidence[names.model], "classes_", None)
        classes = [] if found is None else list(getattr(found, "tolist", lambda: found)())
        return (
            code_labels(columns.as_column(f"`{names.model}.classes_`", classes))
            if classes
            else None
        )
    except Exception:  # noqa: BLE001  (a pipeline that is not fitted, several outputs, bins)
        return None


def prediction_method(name: str, model: Any) -> Method:
    """Return the method of a model that returns predictions; ``""`` when it is called itself."""
    method = _method(model, ("predict",))
    if method is None:
        msg = f"`{name}` is of type {type(model).__name__}; a model has `predict`, or is callable"
        raise EvidenceError(_is_class(name, model) or msg)
    return method


def _method(model: Any, methods: tuple[Method, ...]) -> Method | None:
    """Return the first of some methods that a model has; ``""`` for a function, None without."""
    if isinstance(model, type):
        return None

    def has(name: Method) -> bool:
        try:
            return callable(getattr(model, name, None))
        except Exception:  # noqa: BLE001  (scikit-learn's `available_if` can raise anything)
            return False

    found = next((name for name in methods if has(name)), None)
    return "" if found is None and callable(model) and not has("predict") else found


def _is_class(name: str, model: Any) -> str:
    """Return the error for a class in the place of a model; an empty string for anything else."""
    if not isinstance(model, type):
        return ""
    return f"`{name}` is the class {model.__name__}; give an instance that is fitted"


def _not_given(name: str, model: str) -> EvidenceError:
    return EvidenceError(f"needs `{name}`, or `{model}` and `X`, which the run was not given")


def _answer(
    evidence: "Evidence", name: str, method: Method, read: Callable[[str, Any], Any]
) -> Any:
    """Return a model's answer for the rows of `X`, with the index of `X`.

    A method is called once, also when the same model is given as the one in production.
    """
    if "X" not in evidence:
        msg = f"`{name}` was given without `X`, the table to ask it about"
        raise EvidenceError(msg)
    model = evidence[name]
    call = f"`{name}.{method}`" if method else f"`{name}`"

    def call_model() -> Any:
        table = rows_of_evidence(evidence, "X")
        if "y_true" in evidence and table is not None:
            columns.require_same_rows(column_of(evidence, "y_true"), table)
        if table is not None and table.rows == 0:
            return np.empty(0)
        predict: Any = getattr(model, method) if method else model
        try:
            answer = predict(read_only(evidence.in_memory("X")))
        except MlgatesError:
            raise
        except (Exception, SystemExit) as error:
            msg = f"{call} raised {describe(error, column_names(evidence, 'X'))}"
            raise EvidenceError(msg) from error
        if answer is None:
            msg = f"{call} returned None; one answer a row is due"
            raise EvidenceError(msg)
        return answer

    def align() -> Any:
        raw = evidence.cached("raw answer", (id(model), method), call_model)
        answer = read(f"the answer of {call}", raw)
        table = rows_of_evidence(evidence, "X")
        if table is None:
            return answer
        if answer.rows != table.rows:
            got = f"{answer.rows:,} answer{'' if answer.rows == 1 else 's'}"
            rows = f"{table.rows:,} row{'' if table.rows == 1 else 's'}"
            msg = f"{call} returned {got} for the {rows} of `X`"
            raise EvidenceError(msg)
        index = answer.index
        plain = type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)
        if not (index is None or plain or table.index is None or index.equals(table.index)):
            msg = f"{answer.title} has another index than `X`; return the answers in the order of "
            msg += "the rows, with the index of `X` or with none"
            raise EvidenceError(msg)
        return replace(answer, index=table.index)

    return evidence.cached("answer", (read, id(model), method, name), align)
