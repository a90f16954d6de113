"""Read inputs of a run that have one value per row: arrays, named columns, or a model's output.

Each method of a model is called at most once.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from mlgates.errors import EvidenceError, MlgatesError, suppress_errors
from mlgates.options import did_you_mean
from mlgates.predictions.labels import Labels, code_labels, label_text
from mlgates.predictions.numbers import Method, Scores, as_scores, values_of
from mlgates.printable import number_of
from mlgates.process_state import restored
from mlgates.redaction import describe
from mlgates.tables import columns
from mlgates.tables.containers import kind_of, names_of_columns
from mlgates.tables.read_only import read_only

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = ["column_of", "offers", "prediction_method"]


class ModelNames(NamedTuple):
    """The names of the arguments of a run that belong to one model.

    `model` is the name of the model itself, `pred` that of its predictions, `score` that of its
    scores, and `interval` that of its predicted intervals. For the candidate model they are
    ``"model"``, ``"y_pred"``, ``"y_score"`` and ``"y_interval"``.
    """

    model: str
    pred: str
    score: str
    interval: str = ""


CANDIDATE = ModelNames("model", "y_pred", "y_score", "y_interval")
PRODUCTION = ModelNames(
    "production_model", "production_pred", "production_score", "production_interval"
)
#: Methods that return scores, in order of preference; only the first returns probabilities.
_SCORING: tuple[Method, ...] = ("predict_proba", "decision_function")
_TABLES = ("X", "data")
#: Evidence with labels or predicted values, and the name of the scores of the same model.
_OF_LABELS = {"y_true": "", "y_pred": "y_score", "production_pred": "production_score"}
#: What to do with several labels or outputs per row.
_LONG_FORM = (
    ". For several labels or outputs per row, make a long table: repeat each row once for each "
    "label, write the name of the label to a column `label` of `data`, and use by='label'"
)
#: Share of rows in which the largest class score belongs to the predicted label; ties may differ.
_CLASS_SCORES = 0.99
#: Largest number of nested models (pipelines and searches) that are looked into.
_DEEPEST = 10


def column_of(evidence: "Evidence", name: str) -> columns.Column:
    """Return an argument of a run as a column with one value per row.

    `name` is the name of the argument. If its value is a string, such as in ``y_true="label"``, the
    column of `X` or `data` with this name is returned.
    """
    value = evidence[name]
    read = partial(columns.as_column, evidence.title(name), value)
    if name in _OF_LABELS:
        score = _OF_LABELS[name] and evidence.title(_OF_LABELS[name])
        read = partial(_label_column, evidence.title(name), value, score)
    if isinstance(value, str):
        read = partial(named_column, evidence, value, name)
    return evidence.cached("column", name, read)


def _label_column(title: str, value: Any, score: str | None = None) -> columns.Column:
    """Return labels or predictions as a column with one value per row.

    Raises EvidenceError for several labels per row, as columns of an array or as lists. `title` is
    the name of the values in messages, and `score` that of the model's scores, which several
    columns may be. It is "" for labels; by default it follows from `title`.
    """
    shape = getattr(value, "shape", ())
    width = shape[1] if isinstance(shape, tuple) and len(shape) == 2 else 1
    if isinstance(value, list | tuple) and value:
        width = np.size(value[0]) if isinstance(value[0], list | tuple | np.ndarray) else 1
    if width > 1 and columns.rows_of(value) != 1:
        if score is None:
            score = "`production_score`" if "production" in title else "`y_score`"
        scores = f". If the columns are scores of classes, pass them as {score}" if score else ""
        raise EvidenceError(f"{title} has {width} columns, expected one{_LONG_FORM}{scores}")
    return columns.as_column(title, value, _LONG_FORM)


def named_column(evidence: "Evidence", column: str, role: str = "") -> columns.Column:
    """Return the column `column` of `X`, or of `data` if `X` does not have it.

    `role` is the argument, such as `y_true`, that names the column; messages show it.

    Raises
    ------
    EvidenceError
        If neither table has the column.
    """
    table = _table_with(evidence, column, role)
    read = partial(_read_column, evidence, table, column)
    found = evidence.cached("named", (table, column), read)
    if role:
        title = f"{evidence.title(role)}, column {column!r} of {evidence.title(table)},"
        return replace(found, title=title)
    return found


def native_column(evidence: "Evidence", column: str, role: str) -> Any:
    """Return a column of `X` or `data` as an object of the library of the table.

    For example, a column of a pandas frame is a pandas Series. `column` is its name, and `role` is
    the argument that names it, such as `y_true`, for messages.
    """
    table = _table_with(evidence, column, role)
    value: Any = evidence[table]
    if names_of_columns(value) is not None:
        return columns.columns_of(evidence.title(table), value, [column])[column]
    found = named_column(evidence, column, role)
    return found.array.to_numpy() if found.rows else np.empty(0)


def _table_with(evidence: "Evidence", column: str, role: str) -> str:
    """Return ``"X"`` or ``"data"``, the first of them that has a column.

    Raises EvidenceError if neither has it. `role` is the evidence that names the column.
    """
    tables = [table for table in _TABLES if table in evidence]
    known: list[str] = []
    for table in tables:
        names = column_names(evidence, table)
        if column in names:
            return table
        known += names
    named = f"column {column!r} was"
    if role:
        named = f"{evidence.title(role)} names column {column!r}, which was"
    searched = " or ".join(map(evidence.title, tables))
    msg = f"{named} not found in {searched}{did_you_mean(column, known)}"
    if not tables:
        searched = " nor ".join(map(evidence.title, _TABLES))
        msg = f"{named} not found: neither {searched} was given"
    raise EvidenceError(msg)


def column_names(evidence: "Evidence", table: str) -> list[str]:
    """Return the names of the columns of a table; names that are not strings are left out.

    `table` is ``"X"`` or ``"data"``. The list is empty if this argument is not a table.
    """
    return evidence.cached("names", table, partial(_read_names, evidence, table))


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
        return []  # the input of a model may be something else than a table


def _read_column(evidence: "Evidence", table: str, column: str) -> columns.Column:
    title, value = f"column {column!r} of {evidence.title(table)}", evidence[table]
    if names_of_columns(value) is None:
        return columns.as_column(title, evidence.source(table).arrow([column]).column(column))
    found = columns.as_column(
        title, columns.columns_of(evidence.title(table), value, [column])[column]
    )
    return replace(found, index=columns.index_of(value))


def rows_of_evidence(evidence: "Evidence", name: str) -> columns.RowAxis | None:
    """Return the number of rows of an argument of a run, and its pandas index if it has one.

    `name` is the name of the argument. The result is None if it was not given, or if it is not a
    table or an array.
    """
    if name not in evidence:
        return None
    value = evidence[name]
    if isinstance(value, str) and name not in _TABLES:
        return column_of(evidence, name)
    if kind_of(value) == "path":  # a file has its number of rows in its metadata
        value = evidence.source(name)
    elif name == "X":
        value = evidence.in_memory(name)
    rows = columns.rows_of(value)
    if rows is None:
        return None
    return columns.RowAxis(evidence.title(name), rows, columns.index_of(value))


def anchor_rows(evidence: "Evidence") -> columns.RowAxis | None:
    """Return the number of rows of the model's data, and the pandas index of the rows, if any.

    The columns of groups and slices must have this number of rows. It is taken from the first of
    `y_true`, `y_pred`, `y_score` and `X` that was given. The index is taken from the first of them
    that has a pandas index and this number of rows. The result is None if none of them was given.
    """
    names = ("y_true", "y_pred", "y_score", "X")
    given = [rows for name in names if (rows := rows_of_evidence(evidence, name)) is not None]
    alike = [rows for rows in given if rows.rows == given[0].rows]
    return next((rows for rows in alike if rows.index is not None), given[0] if given else None)


def offers(evidence: "Evidence", name: str) -> bool:
    """Return whether a model that was given can compute the predictions or scores `name`."""
    names = PRODUCTION if name in PRODUCTION else CANDIDATE
    if "X" not in evidence or names.model not in evidence:
        return False
    methods: tuple[Method, ...] = _SCORING if name == names.score else ("predict",)
    return _method(evidence[names.model], methods) is not None


def predicted(evidence: "Evidence", names: ModelNames) -> columns.Column:
    """Return one prediction per row: the given predictions, or those that the model computes.

    `names` has the names of the arguments of the run that belong to this model.
    """
    if names.pred in evidence:
        return column_of(evidence, names.pred)
    if names.model not in evidence:
        if names.score in evidence:
            pred, score = map(evidence.title, (names.pred, names.score))
            raise EvidenceError(
                f"class labels are required, but only {score} was given: pass {pred}, for example "
                f"{score.strip('`')} >= 0.5"
            )
        raise _not_given(evidence, names.pred, names.model)
    method = prediction_method(names.model, evidence[names.model])
    return cast("columns.Column", _output(evidence, names.model, method, _label_column))


def scored(evidence: "Evidence", names: ModelNames, *, probabilities: bool = False) -> Scores:
    """Return the scores of a model: those that were given, or those that the model computes.

    The result has one score per row, or for each row one score per class. `names` has the names of
    the arguments of the run that belong to this model. Given scores are used if there are any.
    Otherwise the model computes them with its method ``predict_proba``, or if it has none, with
    ``decision_function``. With ``probabilities=True``, ``decision_function`` is not used.
    EvidenceError is raised if there are no given scores, and no model with such a method.
    """
    if names.score in evidence:
        given = evidence[names.score]
        if isinstance(given, str):
            column = column_of(evidence, names.score)
            return Scores(column.title, column.rows, column.index, values_of(column), (given,))
        read = partial(as_scores, evidence.title(names.score), evidence.in_memory(names.score))
        return evidence.cached("scores", names.score, read)
    if names.model not in evidence:
        raise _not_given(evidence, names.score, names.model)
    model, methods = evidence[names.model], _SCORING[:1] if probabilities else _SCORING
    method = _method(model, methods)
    if method is None:
        needed = "probabilities" if probabilities else "scores"
        absent = " or ".join(f"`{method}`" for method in methods)
        score = evidence.title(names.score)
        msg = f"{needed} are required, but `{names.model}` has no {absent}: pass {score}"
        raise EvidenceError(_class_problem(names.model, model) or msg)
    scores: Scores = _output(evidence, names.model, method, as_scores)
    return replace(scores, method=method)


def document_scores(evidence: "Evidence", names: ModelNames) -> Scores:
    """Return one score per document of a ranking: given, or computed by the model.

    Given scores are used if there are any. If the model has neither ``predict_proba`` nor
    ``decision_function``, as a regressor or a ranker, its predictions are the scores. Otherwise one
    of these methods computes them. If it returns a column for each of the classes 0 and 1, the
    column of class 1 is used. EvidenceError is raised for any other scores with several columns.
    `names` has the names of the arguments of the run that belong to this model.
    """
    is_given = names.score in evidence or names.model not in evidence
    if is_given or _method(evidence[names.model], _SCORING):
        scores = scored(evidence, names)
    else:
        column = predicted(evidence, names)
        scores = Scores(column.title, column.rows, column.index, values_of(column))
    if scores.values.ndim == 1:
        return scores
    classes = None if scores.method is None else model_classes(evidence, names)
    width = scores.values.shape[1]
    if classes is None or classes.values != (0, 1) or width != 2:
        raise EvidenceError(
            f"{scores.title} must have one score per row for a ranking, got {width} columns"
        )
    return replace(scores, values=scores.values[:, 1])


def require_class_scores(
    evidence: "Evidence", names: ModelNames, scores: Scores, labels: tuple[Any, ...]
) -> None:
    """Raise EvidenceError if the scores of a decision function belong to pairs of classes.

    There must be one column of scores for each class in `labels`, but some models return one for
    each pair of classes. With three classes, the number of columns does not show which is the case,
    because there are also three pairs. Then the attribute `decision_function_shape` of the model
    decides. Without this attribute, the columns are accepted if for almost every row the predicted
    class is that with the largest score.
    """
    width, k = scores.values.shape[1], len(labels)
    if k < 3 or width != k * (k - 1) // 2:
        return
    shape = _decision_function_shape(evidence[names.model])
    if width == k and shape == "ovr":
        return
    advice = f"set decision_function_shape='ovr', or pass {evidence.title(names.score)}"
    if width != k or shape == "ovo":
        raise EvidenceError(
            f"{scores.title} must have one column per label, got one column per pair of labels "
            f"({width} columns for {k} labels): {advice}"
        )
    try:
        column = predicted(evidence, ModelNames(names.model, "", ""))
        guess = code_labels(column)
    except EvidenceError:
        same = 0.0
    else:
        best = [labels[at] for at in scores.values.argmax(axis=1)]
        pairs = zip(best, guess.codes.tolist(), strict=True)
        same = sum(label == guess.values[code] for label, code in pairs) / max(1, scores.rows)
    if same < _CLASS_SCORES:
        raise EvidenceError(
            f"the columns of {scores.title} do not seem to be one per label: the label with the "
            f"largest score is the predicted label in only {100 * same:.0f} % of the rows; if the "
            f"columns are scores of pairs of labels, {advice}"
        )


def _decision_function_shape(model: Any) -> object:
    """Return the attribute `decision_function_shape` of a model, or of the model inside it.

    Pipelines and searches such as GridSearchCV have a model inside. Returns None if neither has the
    attribute.
    """
    for _ in range(_DEEPEST):
        with suppress_errors() as caught:  # a search that is not fitted; steps of another form
            shape = getattr(model, "decision_function_shape", None)
            if shape is not None:
                return shape
            inner = getattr(model, "best_estimator_", None) or getattr(model, "estimator_", None)
            model = model.steps[-1][1] if inner is None else inner
        if caught.error is not None:
            return None
    return None


def declared_classes(evidence: "Evidence") -> Labels | None:
    """Return the labels in the argument `classes` of a run, in their order; None if not given.

    EvidenceError is raised unless there are at least two labels, all different.
    """
    if "classes" not in evidence:
        return None
    return evidence.cached("labels", "classes", partial(_read_classes, evidence))


def _read_classes(evidence: "Evidence") -> Labels:
    given = evidence["classes"]
    if isinstance(given, str | bytes | Mapping | AbstractSet):
        raise EvidenceError(
            "`classes` must be a list of labels in the order of the columns of scores, got a value "
            f"of type {type(given).__name__}"
        )
    found = code_labels(columns.as_column("`classes`", given))
    counts = np.bincount(found.codes[found.codes >= 0], minlength=len(found.values))
    problem = ""
    if (found.codes < 0).any():
        problem = "a missing value"
    elif len(found.values) < 2:
        problem = f"{len(found.codes)} label{'' if len(found.codes) == 1 else 's'}"
    elif counts.max() > 1:
        problem = f"{label_text(found.values[counts.argmax()])} {counts.max():,} times"
    if problem:
        raise EvidenceError(
            "`classes` must have at least two labels, each of them once and none of them missing, "
            f"got {problem}"
        )
    return found


def model_classes(evidence: "Evidence", names: ModelNames) -> Labels | None:
    """Return the `classes_` of a model, in their order, as `Labels`.

    `names` has the names of the arguments of the run that belong to this model. The result is None
    if the model was not given, or has no `classes_` that can be used as labels.
    """
    if names.model not in evidence:
        return None
    with suppress_errors():  # a pipeline that is not fitted, or several outputs
        found: Any = getattr(evidence[names.model], "classes_", None)
        classes = [] if found is None else list(getattr(found, "tolist", lambda: found)())
        if classes:
            return code_labels(columns.as_column(f"`{names.model}.classes_`", classes))
    return None


def prediction_method(name: str, model: Any) -> Method:
    """Return the name of the method of a model that predicts; "" if the model itself is called.

    `name` is the name of the model in messages. EvidenceError is raised if the model has no such
    method and is not callable.
    """
    method = _method(model, ("predict",))
    if method is None:
        msg = (
            f"`{name}` must have a `predict` method or be callable, got an object of type "
            f"{type(model).__name__}"
        )
        raise EvidenceError(_class_problem(name, model) or msg)
    return method


def _method(model: Any, methods: tuple[Method, ...]) -> Method | None:
    """Return the first of these methods that a model has.

    Returns ``""`` for a function, which is called itself, and None if the model has no such method.
    """
    if isinstance(model, type):
        return None

    def has(name: Method) -> bool:
        with suppress_errors():  # scikit-learn's `available_if` can raise anything
            return callable(getattr(model, name, None))
        return False

    found = next((name for name in methods if has(name)), None)
    return "" if found is None and callable(model) and not has("predict") else found


def _class_problem(name: str, model: Any) -> str:
    """Return the message for a class given instead of a fitted model; else an empty string."""
    if not isinstance(model, type):
        return ""
    return f"`{name}` must be a fitted instance, got the class {model.__name__}"


def _not_given(evidence: "Evidence", name: str, model: str) -> EvidenceError:
    name, model, table = map(evidence.title, (name, model, "X"))
    return EvidenceError(f"the gate needs {name}, or {model} and {table}; neither was given")


def _output(
    evidence: "Evidence", name: str, method: Method, read: Callable[[str, Any], Any]
) -> Any:
    """Call a model with the rows of `X` and return its output, with the index of `X`.

    `read` converts the output. A method is called only once, even if the same object is both the
    candidate and the production model.
    """
    if "X" not in evidence:
        table = evidence.title("X")
        raise EvidenceError(
            f"{evidence.title(name)} was given without {table}, the table to predict on"
        )
    model = evidence[name]
    call = f"`{name}.{method}`" if method else f"`{name}`"

    def call_model() -> Any:
        table = rows_of_evidence(evidence, "X")
        if "y_true" in evidence and table is not None:
            columns.require_same_rows(column_of(evidence, "y_true"), table)
        if table is not None and table.rows == 0:
            return np.empty(0)
        predict: Any = getattr(model, method) if method else model
        with suppress_errors() as caught, restored():
            output = predict(read_only(evidence.in_memory("X")))
        if isinstance(caught.error, MlgatesError):
            raise caught.error
        if caught.error is not None:
            raise EvidenceError(
                f"{call} raised {describe(caught.error, column_names(evidence, 'X'))}"
            ) from caught.error
        if output is None:
            raise EvidenceError(f"{call} returned None, expected one prediction per row")
        return output

    def align() -> Any:
        raw = evidence.cached("raw output", (id(model), method), call_model)
        output = read(f"the output of {call}", raw)
        table = rows_of_evidence(evidence, "X")
        if table is None:
            return output
        if output.rows != table.rows:
            raise EvidenceError(
                f"{call} returned {number_of(output.rows, 'row')}, but "
                f"{table.title} has {table.rows:,}"
            )
        index = output.index
        plain = type(index).__name__ == "RangeIndex" and (index.start, index.step) == (0, 1)
        if not (index is None or plain or table.index is None or index.equals(table.index)):
            raise EvidenceError(
                f"{output.title} has a different index from {table.title}: return one row for "
                f"each row of {table.title}, in the same order, with the index of {table.title} "
                "or without an index"
            )
        return replace(output, index=table.index)

    return evidence.cached("output", (read, id(model), method, name), align)
