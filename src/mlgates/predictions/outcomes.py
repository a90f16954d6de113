"""Read the labels and predictions of one model as aligned arrays; count confusion matrices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.evidence_names import ALIGNED, MODEL_OF, NAMES
from mlgates.predictions import labels, lookup, numbers
from mlgates.predictions.groups import are_names
from mlgates.predictions.numbers import Floats, Scores
from mlgates.predictions.score_columns import (
    arrange_scores,
    classes_in_order,
    refuse_scores_of_pairs,
)
from mlgates.printable import number_of
from mlgates.stats.retrieval import RankedQueries
from mlgates.tables import encoding
from mlgates.tables.columns import NUMBERS, Column, RowAxis, index_of, require_same_rows, rows_of
from mlgates.tables.containers import kind_of
from mlgates.tables.read_only import read_only

if TYPE_CHECKING:
    from mlgates.evidence import Evidence

__all__ = [
    "Need",
    "Outcomes",
    "check_rows",
    "cluster_codes",
    "confusion",
    "outcomes_of",
    "row_argument",
]

#: Input of a metric: class labels, any scores, probabilities, numbers, intervals of numbers, ranked
#: documents, or values as given.
Need = Literal["labels", "scores", "probabilities", "values", "interval", "relevance", "given"]
#: Maximal number of classes of a confusion matrix: 2,000 classes take 32 MB.
MOST_CLASSES = 2_000
#: Largest value of int64.
_LARGEST_INT = 2**63 - 1
#: Fields of `Outcomes` with one value for each row that has a label.
_ARRAYS = ("true", "pred", "score", "weight", "cluster", "query")
#: Relative rounding error of the effective number of rows.
_ROUNDING = 1e-9

_TARGET = "; for a numeric target use a metric such as mean_absolute_error"
_SCORES = (
    "; if these are scores, pass them as `{score}`, or threshold them, for example score >= 0.5"
)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The labels and predictions of one model, for all rows that have a label.

    The arrays are read-only.

    Parameters
    ----------
    need : {"labels", "scores", "probabilities", "values", "interval", "relevance", "given"}
        Kind of the labels and predictions. "labels": class labels. "scores" and "probabilities":
        class labels with scores or probabilities. "values": numbers. "interval": numbers with
        predicted intervals. "relevance": documents with a relevance and a score. "given": labels
        and predictions as they were given, for metrics that the user has written as a function.
    n : int
        Number of given rows with a label, and length of the arrays.
    dropped : int
        Number of rows without a label.
    kept : array of bool or None
        For each row that was given, whether it has a label and is therefore kept; None if all rows
        are kept.
    true : array
        True labels. For class labels they are positions in `classes`; for "values", "interval" and
        "relevance" they are numbers; for "given" they are the values themselves.
    pred : array or None
        Predictions in the same form as `true`. For "interval" they are the lower and upper ends,
        shape (n, 2).
    score : array or None
        Scores of the positive class, shape (n,). For k > 2 classes, one column of scores per class,
        shape (n, k).
    weight : array or None
        Sample weights. If `counts` is True: how many equal rows each given row represents.
    counts : bool
        Whether each given row represents several equal rows, and `weight` says how many. Then `n`
        still counts each given row once. All other numbers of rows, such as `dropped`, count the
        rows that are represented.
    cluster : array of int or None
        Cluster of each row, from 0. Rows of the same cluster depend on each other. None if all rows
        are independent.
    query : array of int or None
        For ``"relevance"``: the query of each document, from 0.
    classes : tuple
        All labels, sorted, as plain Python values; a class may have no rows. Empty if `need` is
        "values", "interval" or "relevance", and for "given" without scores.
    positive : int or None
        Position of the positive class; None if there is none.
    unseen : tuple
        Predicted labels that are neither in `y_true` nor classes of the model.
    pos_label : object
        For ``need="given"``: the positive label that was given, in the form that the labels in
        `y_true` have.
    missing : array or None
        For each row that was given, whether its label is missing; None if no label is missing. With
        `counts`, the number of rows without a label that it represents.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> outcomes = Evidence({"y_true": [0, 1, 1, None], "y_pred": [0, 1, 0, 1]}).outcomes("labels")
    >>> outcomes.n, outcomes.dropped, outcomes.classes, outcomes.positive
    (3, 1, (0, 1), 1)
    >>> outcomes.cells
    array([[1., 0.],
           [1., 1.]])
    """

    need: Need
    n: int
    dropped: int
    kept: npt.NDArray[np.bool_] | None
    true: npt.NDArray[Any]
    pred: npt.NDArray[Any] | None = None
    score: Floats | None = None
    weight: Floats | None = None
    counts: bool = False
    cluster: npt.NDArray[np.intp] | None = None
    query: npt.NDArray[np.intp] | None = None
    classes: tuple[object, ...] = ()
    positive: int | None = None
    unseen: tuple[object, ...] = ()
    pos_label: object = None
    missing: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        for name in (*_ARRAYS, "kept", "missing"):
            array = getattr(self, name)
            if array is not None:
                view = array.view()  # leaves the caller's array writable
                view.flags.writeable = False
                object.__setattr__(self, name, view)

    def take(self, rows: npt.NDArray[np.bool_]) -> "Outcomes":
        """Return the labels and predictions of some of the rows, with the same classes.

        Parameters
        ----------
        rows : array of bool
            Whether each row is taken, for all rows that were given, including those without a
            label.

        Raises
        ------
        EvidenceError
            If only some of the documents of a query are taken, because they would be another
            ranking.

        Examples
        --------
        >>> from mlgates.evidence import Evidence
        >>> outcomes = Evidence({"y_true": [0, None, 1], "y_pred": [0, 1, 1]}).outcomes("labels")
        >>> part = outcomes.take(np.array([False, True, True]))
        >>> part.n, part.dropped, part.true.tolist()
        (1, 1, [1])
        """
        rows = np.asarray(rows, np.bool_)
        inside = rows if self.kept is None else rows[self.kept]
        missing = None if self.missing is None else self.missing * rows
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        if self.query is not None:
            every, some = (np.bincount(q) for q in (self.query, self.query[inside]))
            some = np.pad(some, (0, len(every) - len(some)))
            split = int(np.count_nonzero((some > 0) & (some < every)))
            if split:
                some_have = number_of(split, "query has", "queries have")
                raise EvidenceError(
                    f"{some_have} rows both inside and outside of a slice or group; a slice or "
                    "group must have all rows of a query or none"
                )
        return replace(
            self,
            n=int(np.count_nonzero(inside)),
            dropped=0 if missing is None else int(missing.sum()),
            kept=rows.copy() if self.kept is None else self.kept & rows,
            missing=missing,
            **{name: array[inside] for name, array in arrays.items() if array is not None},
        )

    @cached_property
    def cells(self) -> Floats:
        """The confusion matrix ``cells[true, pred]``: numbers of rows, or sums of their weights."""
        if self.need != "labels" or self.pred is None:
            raise EvidenceError(
                f"a confusion matrix needs Outcomes with need='labels', got need={self.need!r}"
            )
        counts = confusion(self.true, self.pred, len(self.classes), self.weight)
        counts.flags.writeable = False
        return counts

    @cached_property
    def queries(self) -> RankedQueries:
        """The documents of each query, ranked by their scores, with the largest score first."""
        if self.query is None or self.score is None:
            raise EvidenceError(
                f"a ranking needs Outcomes with need='relevance', got need={self.need!r}"
            )
        return RankedQueries(self.query, self.true, self.score)

    @cached_property
    def judged(self) -> npt.NDArray[np.bool_]:
        """For each query, whether it counts: it has a relevant document and a weight above 0."""
        return (self.queries.relevant > 0) & (self.query_weight > 0)

    @cached_property
    def query_weight(self) -> Floats:
        """The weight of each query of a ranking. All documents of a query have the same weight."""
        if self.weight is None:
            return np.ones(len(self.queries.starts))
        return self.weight[self.queries.order[self.queries.starts]]

    @property
    def empty_queries(self) -> int:
        """The number of queries with a weight above 0 and without a relevant document."""
        return int(np.count_nonzero((self.queries.relevant == 0) & (self.query_weight > 0)))

    @cached_property
    def counted(self) -> int:
        """The number of rows with a weight above 0.

        If `counts` is True, so that a given row represents several equal rows, it is the number of
        rows that are represented. For ranked documents it is the number of queries with a relevant
        document and a weight above 0.
        """
        if self.query is not None:
            return int(np.count_nonzero(self.judged))
        if self.weight is None:
            return self.n
        return int(self.weight.sum() if self.counts else np.count_nonzero(self.weight > 0))

    @property
    def is_weighted(self) -> bool:
        """Whether rows have sample weights, so that `effective` can be less than `counted`.

        It is False with `counts`, where `weight` says how many equal rows each row represents.
        """
        return self.weight is not None and not self.counts

    @cached_property
    def effective(self) -> float:
        """Kish's effective number of rows, ``(sum w)² / sum w²`` for weights w.

        If there are no weights, it is the number of rows. If `counts` is True, it is the number of
        rows that the given rows represent. For ranked documents it is the effective number of
        queries with a relevant document.
        """
        if self.weight is None or self.counts:
            return float(self.counted)
        weight = self.weight if self.query is None else self.query_weight[self.judged]
        largest = float(weight.max(initial=0.0))
        if largest == 0:
            return 0.0
        shares = weight / largest  # squares of small weights would underflow
        return float(shares.sum() ** 2 / (shares**2).sum())

    @property
    def effective_rows(self) -> int:
        """The effective number of rows (see `effective`), rounded down.

        If there are no weights, or if `counts` is True, it is `counted`.
        """
        if not self.is_weighted:
            return self.counted
        return math.floor(self.effective * (1 + _ROUNDING))

    @cached_property
    def clusters(self) -> int | None:
        """The number of clusters that have a row with a weight above 0; None if none were given."""
        if self.cluster is None:
            return None
        counted = self.cluster if self.weight is None else self.cluster[self.weight > 0]
        return int(np.count_nonzero(np.bincount(counted)))

    def binary(self, metric: str) -> int:
        """Return the position of the positive class in `classes`, for a metric of two classes.

        `metric` is the name of the metric in messages.

        Raises
        ------
        EvidenceError
            If there are more than two classes, or if it is not known which class is positive,
            because `pos_label` was not given.
        """
        known = [label for label in self.classes if label not in self.unseen]
        if len(known) > 2:
            advice = "a multiclass metric such as f1_macro"
            if metric in {"precision", "recall", "f1"}:
                advice = f"{metric}_macro, {metric}_micro or {metric}_weighted"
            elif metric == "roc_auc":
                advice = "roc_auc_ovr or roc_auc_ovr_weighted"
            raise EvidenceError(
                f"`{metric}` needs two classes, got {len(known)} ({labels.list_labels(known)}): "
                f"use {advice}"
            )
        if self.positive is None:
            example = labels.label_text(known[-1]) if known else "1"
            listed = labels.list_labels(known) or "missing"
            raise EvidenceError(
                f"`{metric}` needs `pos_label`, for example pos_label={example}; the labels are "
                f"{listed}"
            )
        return self.positive


def confusion(  # noqa: PLR0917
    true: npt.NDArray[np.intp],
    pred: npt.NDArray[np.intp],
    k: int,
    weight: Floats | None = None,
    group: npt.NDArray[np.intp] | None = None,
    groups: int = 1,
) -> Floats:
    """Return the confusion matrix: the number of rows, or the sum of their weights, in each cell.

    With `group`, there is one matrix for each group.

    Parameters
    ----------
    true, pred : array of int
        Class of each row, from 0 to `k` - 1.
    k : int
        Number of classes, at most 2,000.
    weight : array, optional
        Weights of the rows. By default all rows count 1.
    group : array of int, optional
        Group of each row, from 0 to `groups` - 1. By default all rows are one group, and the result
        is one matrix.
    groups : int
        Number of groups.

    Returns
    -------
    array
        The matrix with the indices ``[true, pred]``, shape ``(k, k)``; with `group`, the matrices,
        shape ``(groups, k, k)``.

    Examples
    --------
    >>> confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1., 0.],
           [1., 1.]])
    """
    if k > MOST_CLASSES:
        raise EvidenceError(
            f"a confusion matrix must have at most {MOST_CLASSES:,} classes, got {k:,}"
        )
    cell = true * k + pred
    if group is not None:
        cell = cell + group * (k * k)
    counts = np.bincount(cell, weight, minlength=groups * k * k).astype(np.float64, copy=False)
    return counts.reshape((k, k) if group is None else (groups, k, k))


def outcomes_of(
    evidence: "Evidence",
    need: Need,
    *,
    production: bool,
    scores: bool,
    label: object = None,
    uses_labels: bool = True,
) -> Outcomes:
    """Return the labels and predictions of the candidate model, or of the production model.

    `need` is the kind of values, see `Outcomes`. `scores` has an effect only with ``need="given"``:
    the model's scores are read instead of its predictions. If a `label` is given, there are two
    classes: this label, which is the positive one, and all others. With ``uses_labels=False`` and
    without `y_true`, the predicted labels are used as true labels.

    Raises
    ------
    EvidenceError
        If a value is missing or invalid, or if the values do not have the same rows.
    """
    if need == "given" and label is not None:  # the function gets 0 and 1
        kind: Need = "scores" if scores else "labels"
        of_label = outcomes_of(evidence, kind, production=production, scores=scores, label=label)
        return replace(of_label, need="given", pos_label=1)
    names = lookup.PRODUCTION if production else lookup.CANDIDATE
    true = _true_column(evidence, names, uses_labels=uses_labels)
    query = _query_of(evidence) if need == "relevance" else None
    answers = _answers_of(evidence, names, need, scores=scores)
    rows: list[RowAxis] = [true, answers, *([] if query is None else [query])]
    of_rows = [name for name in ("sample_weight", "row_counts", "clusters") if name in evidence]
    if "row_counts" in of_rows:
        _check_counts(need, of_rows)
    columns = {name: lookup.column_of(evidence, name) for name in of_rows}
    rows += columns.values()
    for name in (lookup.CANDIDATE.pred, lookup.CANDIDATE.score) if production else ():
        other = lookup.rows_of_evidence(evidence, name)
        rows += [] if other is None else [other]
    require_same_rows(*rows)

    truth: npt.NDArray[Any]
    pred: npt.NDArray[Any] | None = None
    score, classes, pos_label = None, labels.Classes(), None
    if need in ("interval", "relevance") and isinstance(answers, Scores):
        truth, pred, score = _numbers_of(need, true, answers)
    elif isinstance(answers, Scores):
        coded = _true_labels(evidence, true)
        score, classes = _scores_by_class(evidence, names, coded, answers, label)
        if need == "probabilities":
            numbers.check_probabilities(answers.title, score)
        truth = labels.recode(coded, classes.every)
        if need == "given":
            truth, pos_label = _plain_values(true), _given_positive(evidence, classes)
    elif need == "labels":
        score_name = evidence.title(names.score).strip("`")
        guess = labels.code_labels(answers, _SCORES.format(score=score_name))
        coded = _true_labels(evidence, true) if "y_true" in evidence else guess
        if (guess.codes < 0).any():
            _check_complete(answers)
        known = None if names.pred in evidence else lookup.model_classes(evidence, names)
        classes = _known_classes(evidence, coded, guess, known)
        truth, pred = labels.recode(coded, classes.every), labels.recode(guess, classes.every)
    elif need == "values":
        truth, pred = numbers.values_of(true, missing=True), numbers.values_of(answers)
    else:
        for one, other in ((true, answers), (answers, true)):
            if one.field.kind in NUMBERS and other.field.kind == "string":
                raise labels.mixed_types(numbers=one.title, strings=other.title)
        if true.field.kind in NUMBERS:
            numbers.check_finite(true.title, true.floats, missing=True)
        _check_complete(answers)
        truth, pred = _plain_values(true), _plain_values(answers)
        named = _labels_if_any(evidence, true) if "pos_label" in evidence else None
        if named is not None:
            found = labels.find_classes(named, None, None, _pos_label(evidence))
            pos_label = _given_positive(evidence, found)
    weights, counts = columns.get("sample_weight"), columns.get("row_counts")
    clusters = columns.get("clusters")
    weight = None if weights is None else numbers.weights_of(weights)
    number = partial(cluster_codes, clusters) if clusters is not None else lambda: None
    every = Outcomes(
        need=need,
        n=len(truth),
        dropped=0,
        kept=None,
        true=truth,
        pred=pred,
        score=score,
        weight=weight if counts is None else numbers.counts_of(counts),
        counts=counts is not None,
        cluster=evidence.cached("cluster codes", "clusters", number),
        classes=classes.every,
        positive=classes.positive,
        unseen=classes.unseen,
        pos_label=pos_label,
    )
    if label is not None:
        every = _one_against_rest(every, label)
    if query is not None:
        return _ranked_outcomes(every, labels.encode(query)[0], true.missing)
    return labelled(every, true.missing)


def _check_counts(need: Need, of_rows: list[str]) -> None:
    """Raise EvidenceError if `row_counts` can't be used for the kind of values `need`.

    `of_rows` has the names of all arguments of the run that are weights, counts or clusters.
    """
    if need != "labels":
        raise EvidenceError(
            "`row_counts` needs a metric of labels that counts rows, such as accuracy or recall; "
            "for other metrics, repeat the rows, for example with `numpy.repeat`"
        )
    for name in of_rows:
        if name != "row_counts":
            raise EvidenceError(
                f"`{name}` can't be given with `row_counts`; repeat the rows instead"
            )


def labelled(every: Outcomes, missing: npt.NDArray[np.bool_] | None) -> Outcomes:
    """Return the labels and predictions of the rows that have a label.

    `every` has all rows. The mask `missing` is True for the rows without a label; None if all rows
    have a label.
    """
    if missing is None:
        return every
    lost = missing * every.weight if every.counts and every.weight is not None else missing
    return replace(every.take(~missing), dropped=int(lost.sum()), missing=lost)


def _answers_of(
    evidence: "Evidence", names: lookup.ModelNames, need: Need, *, scores: bool
) -> Column | Scores:
    """Return what a model answered for each row: its predictions, scores or intervals.

    `need` is the kind of values, see `Outcomes`, and decides which of them are returned. For
    ``need="given"``, `scores` says whether scores or predictions are returned. `names` has the
    names of the arguments of the run that belong to this model.
    """
    if need == "relevance":
        return lookup.document_scores(evidence, names)
    if need == "interval":
        return _interval_ends(evidence, names.interval)
    if need in ("scores", "probabilities") or (need == "given" and scores):
        return lookup.scored(evidence, names, probabilities=need == "probabilities")
    return lookup.predicted(evidence, names)


def _numbers_of(
    need: Need, true: Column, answers: Scores
) -> tuple[Floats, Floats | None, Floats | None]:
    """Return true values, predictions and scores as numbers; None for what `need` does not use.

    `need` is "relevance" or "interval". For "relevance", `true` has the relevance of the documents,
    `answers` has their scores, and there are no predictions. For "interval", `answers` has the ends
    of the predicted intervals. They are returned as the predictions, and there are no scores.
    """
    if need == "relevance":
        return numbers.relevance_of(true), None, answers.values
    ends = answers.values if answers.rows else np.empty((0, 2))
    return numbers.values_of(true, missing=True), ends, None


def _ranked_outcomes(
    every: Outcomes, query: npt.NDArray[np.intp], missing: npt.NDArray[np.bool_] | None
) -> Outcomes:
    """Return the labels and scores of ranked documents, with the query of each document.

    `every` has all documents, and `query` has the number of each document's query. If the relevance
    of one document is missing, all documents of its query are left out, because the other documents
    alone would be another ranking. `missing` is the mask of the documents without a relevance; None
    if there are none. In the result, `dropped` is the number of queries that were left out, and the
    mask `missing` is True only for the first document of each of them. EvidenceError is raised if
    documents of one query have different weights or clusters.
    """
    for name, values in (("sample_weight", every.weight), ("clusters", every.cluster)):
        if values is None:
            continue
        of_query = np.zeros(int(query.max(initial=-1)) + 1, values.dtype)
        of_query[query] = values
        differ = len(np.unique(query[of_query[query] != values]))
        if differ:
            queries_have = number_of(differ, "query has", "queries have")
            msg = f"{queries_have} rows with different `{name}`; all rows of a query must have the "
            msg += "same value"
            raise EvidenceError(msg)
    if missing is None:
        return replace(every, query=query)
    lost = np.isin(query, query[missing])
    first = np.zeros(len(query), np.bool_)
    first[np.flatnonzero(lost)[np.unique(query[lost], return_index=True)[1]]] = True
    dropped = int(np.count_nonzero(first))
    return replace(every.take(~lost), dropped=dropped, missing=first, query=query[~lost])


def _query_of(evidence: "Evidence") -> Column:
    """Return the argument `query_id` of a run: the query of each ranked document.

    EvidenceError is raised if it was not given, or if a document has no query.
    """
    if "query_id" not in evidence:
        raise EvidenceError("the gate needs `query_id`, the query of each row, which was not given")
    column = lookup.column_of(evidence, "query_id")
    if column.missing is not None:
        numbers.refuse_where(column.missing, column.title, "missing")
    return column


def _interval_ends(evidence: "Evidence", name: str) -> Scores:
    """Return the lower and upper ends of predicted intervals, shape (n, 2).

    `name` is their name among the arguments of a run. They can be given as a table or an array with
    two columns, or as the names of two columns of `X` or `data`.

    Raises
    ------
    EvidenceError
        If an end is missing or infinite, or if a lower end is above the upper one.
    """
    if name not in evidence:
        raise EvidenceError(
            f"the gate needs `{name}`, the lower and upper ends of predicted intervals, which "
            "was not given"
        )
    value: Any = evidence[name]
    value = [value] if isinstance(value, str) else value
    if are_names(evidence, value):
        named = [lookup.named_column(evidence, column, name) for column in value]
        require_same_rows(*named)
        ends = np.column_stack([numbers.values_of(column) for column in named])
        found = Scores(f"`{name}`", named[0].rows, named[0].index, ends)
    else:
        found = numbers.as_scores(f"`{name}`", evidence.in_memory(name))
    numbers.check_intervals(found)
    return found


def _one_against_rest(every: Outcomes, label: object) -> Outcomes:
    """Return the outcomes for two classes: one label, which is the positive one, and all others.

    If there is a column of scores for each class, the column of the label has its scores. If there
    is one score per row, and it is the score of the other label, one minus this score is used, or
    the negative score if it is not a probability. EvidenceError is raised if the label is not one
    of the classes.
    """
    place, score = 0, every.score
    is_labelled = bool((every.true >= 0).any())
    if is_labelled:
        classes = labels.Classes(every.classes, every.positive, every.unseen)
        place = labels.position_of(label, classes)
    if score is not None and score.ndim == 2:
        score = score[:, place]
    elif score is not None and is_labelled and place != every.binary("label"):
        score = 1 - score if every.need == "probabilities" else -score
    return replace(
        every,
        true=(every.true == place).astype(np.intp),
        pred=None if every.pred is None else (every.pred == place).astype(np.intp),
        score=score,
        classes=(False, True),
        positive=1,
    )


def _true_column(evidence: "Evidence", names: lookup.ModelNames, *, uses_labels: bool) -> Column:
    """Return `y_true`; if it was not given and the labels are not used, the predicted labels."""
    if "y_true" in evidence:
        return lookup.column_of(evidence, "y_true")
    if uses_labels:
        raise EvidenceError(f"the gate needs {evidence.title('y_true')}, which was not given")
    return lookup.predicted(evidence, names)


def _scores_by_class(
    evidence: "Evidence",
    names: lookup.ModelNames,
    truth: labels.Labels,
    scores: Scores,
    label: object = None,
) -> tuple[Floats, labels.Classes]:
    """Return the scores in the order of the classes, and the classes.

    With more than two classes there is a column for each class; with two classes, there are the
    scores of the positive class. `truth` has the true labels and can be empty. `names` has the
    names of the arguments of the run that belong to this model. If there are two columns for two
    classes, and no positive label is known, the column of `label` is chosen.
    """
    # for given scores `classes_` matters only if they have several columns
    needs_order = scores.method is not None or scores.values.ndim > 1
    order, declared = None, lookup.declared_classes(evidence)
    if needs_order and (declared is None or scores.method is not None):
        order = lookup.model_classes(evidence, names)
    classes = _known_classes(evidence, truth, None, order)
    is_declared = declared is not None and order is None
    if label is not None and classes.positive is None and scores.values.shape[1:] == (2,):
        classes = classes._replace(positive=labels.position_of(label, classes))
    if scores.method == "decision_function" and scores.values.ndim > 1 and not scores.names:
        lookup.require_class_scores(evidence, names, scores, classes_in_order(classes, order))
    if scores.method is None and not scores.names:
        refuse_scores_of_pairs(scores, truth, classes)
    order = declared if is_declared else order
    shown = evidence.title(names.score).strip("`")
    return arrange_scores(shown, scores, classes, order, declared=is_declared), classes


def _known_classes(
    evidence: "Evidence",
    true: labels.Labels,
    pred: labels.Labels | None,
    model: labels.Labels | None,
) -> labels.Classes:
    """Return all classes: those in `y_true`, of the model, and in the argument `classes` of a run.

    `true` are the labels in `y_true`, `pred` the predicted labels, and `model` the `classes_` of
    the model; the latter two are None if not known. If `classes` was given, EvidenceError is raised
    if it lacks a label of `true` or `model`.
    """
    declared = lookup.declared_classes(evidence)
    if declared is None:
        return labels.find_classes(true, pred, model, _pos_label(evidence))
    found = labels.find_classes(true, pred, declared, _pos_label(evidence))
    for side in (true,) if model is None else (true, model):
        unknown = [label for label in side.values if label not in declared.values]
        if unknown:
            raise EvidenceError(
                f"{side.title} has {labels.list_labels(unknown)}, which "
                f"{'is' if len(unknown) == 1 else 'are'} not in `classes` "
                f"({labels.list_labels(declared.values)})"
            )
    return found


def _pos_label(evidence: "Evidence") -> object:
    return evidence["pos_label"] if "pos_label" in evidence else None  # noqa: SIM401


def _labels_if_any(evidence: "Evidence", true: Column) -> labels.Labels | None:
    """Return the encoded true labels; None if the target is numeric, so that it has no labels."""
    try:
        return _true_labels(evidence, true)
    except EvidenceError:
        return None


def _given_positive(evidence: "Evidence", classes: labels.Classes) -> object:
    """Return the argument `pos_label` of a run as it occurs in `y_true`.

    For example, ``pos_label="true"`` becomes True if the labels are bools. The result is None if
    `pos_label` was not given. `classes` are all classes of the run.
    """
    if "pos_label" not in evidence or classes.positive is None:
        return None
    return classes.every[classes.positive]


def _true_labels(evidence: "Evidence", true: Column) -> labels.Labels:
    """Return the labels in `y_true`, encoded as integers.

    `true` is the column of these labels. It is encoded once for all gates of a run.
    """
    code = partial(labels.code_labels, true, _TARGET)
    return evidence.cached("labels", "y_true", code)


def cluster_codes(column: Column) -> npt.NDArray[np.intp]:
    """Return the number of the cluster of each row, from 0.

    The clusters are numbered in the order of their first rows. So the result does not depend on the
    type of the values in the column.

    Raises
    ------
    EvidenceError
        If a row has no cluster.
    """
    codes, _ = labels.encode(column)
    missing = int(np.count_nonzero(codes < 0))
    if missing:
        rows = number_of(missing, "row")
        raise EvidenceError(
            f"{column.title} has no value in {rows}: leave out the rows without a cluster, or give "
            "each of them a cluster of its own if they are independent"
        )
    first, order = np.unique(codes, return_index=True)
    place = np.empty(int(first.max(initial=-1)) + 1, np.intp)
    place[first[np.argsort(order)]] = np.arange(len(first))
    return place[codes]


def _check_complete(column: Column) -> None:
    """Raise EvidenceError if a prediction in a column is missing or infinite."""
    if column.field.kind in NUMBERS:
        numbers.check_finite(column.title, column.floats)
    elif column.missing is not None:
        numbers.refuse_where(column.missing, column.title, "missing")


def _plain_values(column: Column) -> npt.NDArray[Any]:
    """Return the values of a column as the array that a metric of the user receives.

    Strings have dtype object. Floats are float64, and integers are int64 if they fit. If a value is
    missing, any value can be in its place.
    """
    kind = column.field.kind
    if kind in ("float", "decimal"):
        numbers.check_exact(column)
        return column.floats
    plain = encoding.decode(column.array)
    if kind in ("bool", "int"):
        plain = plain.fill_null(False if kind == "bool" else 0)
    values = np.asarray(plain.to_numpy())
    if kind == "int" and (values.dtype != np.uint64 or values.max(initial=0) <= _LARGEST_INT):
        return values.astype(np.int64)  # differences of short or unsigned integers would overflow
    return values


def row_argument(evidence: "Evidence", name: str) -> Any:
    """Return an argument of a run with one value per row, as it is passed to a user's function.

    The result is read-only. If the argument was given as the name of a column, the values of the
    column are returned. An array of shape (n, 1) becomes one of shape (n,). Predictions and scores
    that were not given are computed by the model.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> row_argument(Evidence({"y_true": "label", "data": {"label": [0, 1]}}), "y_true")
    [0, 1]
    """
    if name not in evidence and name in MODEL_OF:
        names = lookup.PRODUCTION if name in lookup.PRODUCTION else lookup.CANDIDATE
        if name == names.pred:
            column = lookup.predicted(evidence, names)
            _check_complete(column)
            return read_only(_plain_values(column))
        scores = lookup.scored(evidence, names)
        truth = labels.Labels("`y_true`", np.empty(0, np.intp), ())
        if "y_true" in evidence:
            truth = _true_labels(evidence, lookup.column_of(evidence, "y_true"))
        return read_only(_scores_by_class(evidence, names, truth, scores)[0])
    value: Any = evidence[name]
    is_file = kind_of(value) == "path" and not isinstance(value, str)
    if name == "X" or is_file:
        value = evidence.in_memory(name)
    if is_file and name not in ("X", "sensitive_features") and value.num_columns == 1:
        value = value.column(0).to_numpy()
    if isinstance(value, str) and name != "X":
        value = lookup.native_column(evidence, value, name)
    elif NAMES[name].several and are_names(evidence, value):
        value = {column: lookup.native_column(evidence, column, name) for column in value}
    elif isinstance(value, np.ndarray) and value.ndim == 2 and value.shape[1] == 1 and name != "X":
        value = value.reshape(-1)
    return read_only(value, evidence.title(name))


def check_rows(arguments: Mapping[str, object]) -> None:
    """Raise EvidenceError unless the arguments with one value per row have the same rows.

    `arguments` has the arguments of a user's function by name. Arguments such as `X` and `y_true`
    are compared, and those without rows, such as `pos_label`, are ignored.

    Raises
    ------
    EvidenceError
        If two arguments differ in length or in their pandas indexes.
    """
    found = [name for name in sorted(ALIGNED, key="X".__eq__) if name in arguments]
    counts = {name: rows_of(arguments[name]) for name in found}  # messages name "X" last
    with_rows = [(name, rows) for name, rows in counts.items() if rows is not None]
    require_same_rows(
        *(RowAxis(f"`{name}`", rows, index_of(arguments[name])) for name, rows in with_rows)
    )
