"""From evidence as it was given to outcomes: rows aligned, labels coded, models asked once."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.predictions.classes import Classes, classes_among
from mlgates.predictions.labels import Labels, coded, mixed_families, recoded
from mlgates.predictions.lookup import Given, Lookup
from mlgates.predictions.numbers import (
    Floats,
    Scores,
    check_probabilities,
    finite,
    values_of,
    weights_of,
)
from mlgates.predictions.outcomes import Need, Outcomes
from mlgates.predictions.predictions import Predictions
from mlgates.predictions.scores import arranged
from mlgates.tables import encoding
from mlgates.tables.columns import NUMBERS, Column, Rows, same_rows

__all__ = ["as_given", "complete", "outcomes_of", "scores_of", "truth_of"]

_TARGET = "; for a target of numbers choose a metric of values, such as mean_absolute_error"
_SCORES = (
    "; these look like scores: give them as `{score}`, or threshold them, such as score >= 0.5"
)
_NO_CLASSES = Classes((), None)


def outcomes_of(given: Given, need: Need, *, production: bool, scores: bool) -> Outcomes:
    """Return the aligned outcomes of a model.

    Parameters
    ----------
    given : Given
        The evidence of a run.
    need : {"labels", "scores", "probabilities", "values", "given"}
        What is to be read.
    production : bool
        Whether of the model in production.
    scores : bool
        For ``"given"``: whether scores are wanted in place of predictions.

    Raises
    ------
    EvidenceError
        For whatever is wrong with the evidence, with what to do.

    Examples
    --------
    >>> from mlgates.evidence import Evidence
    >>> given = Evidence({"y_true": [0.5, 1.5], "model": lambda table: [1, 2], "X": {"x": [1, 2]}})
    >>> outcomes_of(given, "values", production=False, scores=False).pred
    array([1., 2.])
    """
    reading = _Reading(given, production=production)
    if need in ("scores", "probabilities") or (need == "given" and scores):
        return reading.scored(need)
    make = {"labels": reading.labels, "values": reading.values, "given": reading.plain}
    return make[need]()


class _Reading:
    """One model's outcomes in the making."""

    def __init__(self, given: Given, *, production: bool) -> None:
        self._given = given
        self._lookup = Lookup(given)
        self._said = Predictions(self._lookup, production=production)
        self._beside = ("y_pred", "y_score") if production else ()
        if "y_true" not in given:
            msg = "needs `y_true`, which the run was not given"
            raise EvidenceError(msg)
        self._true = self._lookup.column("y_true")

    def labels(self) -> Outcomes:
        """Return labels and predicted labels."""
        pred = self._said.pred()
        self._align(pred)
        truth, guess = truth_of(self._given, self._true), self._guess(pred)
        model = None if self._said.has(self._said.pred_name) else self._said.classes()
        classes = classes_among(truth, guess, model, pos_label(self._given))
        codes = recoded(truth, classes.every)
        return self._made("labels", codes, classes, pred=recoded(guess, classes.every))

    def _guess(self, pred: Column) -> Labels:
        guess = coded(pred, _SCORES.format(score=self._said.score_name))
        complete(pred)
        return guess

    def scored(self, need: Need) -> Outcomes:
        """Return labels and scores."""
        scores, method = self._said.score(probabilities=need == "probabilities")
        self._align(scores)
        truth = truth_of(self._given, self._true)
        found, classes = scores_of(self._given, self._said, truth, scores, method)
        if need == "probabilities":
            check_probabilities(scores.said, found)
        codes = as_given(self._true) if need == "given" else recoded(truth, classes.every)
        return self._made(need, codes, classes, score=found)

    def values(self) -> Outcomes:
        """Return true and predicted numbers."""
        pred = self._said.pred()
        self._align(pred)
        true = values_of(self._true, missing=True)
        return self._made("values", true, _NO_CLASSES, pred=values_of(pred))

    def plain(self) -> Outcomes:
        """Return labels or values beside predictions, as a metric of the user's own reads them."""
        pred = self._said.pred()
        self._align(pred)
        numbers = {column: column.field.kind in NUMBERS for column in (self._true, pred)}
        texts = {column: column.field.kind == "string" for column in (self._true, pred)}
        for one, other in ((self._true, pred), (pred, self._true)):
            if numbers[one] and texts[other]:
                raise mixed_families(one.said, other.said)
        if numbers[self._true]:
            finite(self._true.said, self._true.floats, missing=True)
        complete(pred)
        return self._made("given", as_given(self._true), _NO_CLASSES, pred=as_given(pred))

    def _align(self, found: Rows) -> None:
        """Raise unless all that is read, and what it will be compared with, is of the same rows."""
        rows = [self._true, found]
        if "sample_weight" in self._given:
            rows.append(self._lookup.column("sample_weight"))
        rows += [one for one in map(self._lookup.rows, self._beside) if one is not None]
        for one in rows[1:]:
            same_rows(self._true, one)
        indexed = [one for one in rows if one.index is not None]
        for one in indexed[1:]:
            same_rows(indexed[0], one)

    def _made(
        self,
        need: Need,
        true: npt.NDArray[Any],
        classes: Classes,
        *,
        pred: npt.NDArray[Any] | None = None,
        score: Floats | None = None,
    ) -> Outcomes:
        """Return the outcomes of the rows that have a label."""
        weight = None
        if "sample_weight" in self._given:
            weight = weights_of(self._lookup.column("sample_weight"))
        missing = self._true.missing
        dropped = 0 if missing is None else int(np.count_nonzero(missing))
        whole = Outcomes(
            need=need,
            n=len(true),
            dropped=0,
            kept=None,
            true=true.view(),
            pred=None if pred is None else pred.view(),
            score=None if score is None else score.view(),
            weight=None if weight is None else weight.view(),
            classes=classes.every,
            positive=classes.positive,
            unseen=classes.unseen,
            missing=None if missing is None else missing.view(),
        )
        if missing is None or not dropped:
            return whole
        return whole.take(~missing).among(missing)


def scores_of(
    given: Given, said: Predictions, truth: Labels, scores: Scores, method: str | None
) -> tuple[Floats, Classes]:
    """Return scores in the order of the labels, and these.

    Parameters
    ----------
    given : Given
        The evidence of a run.
    said : Predictions
        What the model says.
    truth : Labels
        The labels of the rows; without values where there are none.
    scores : Scores
        As they were given, or answered.
    method : str or None
        The method of the model that answered them.
    """
    # of scores that were given, only the number of columns can need the classes of a model
    asked = method is not None or scores.values.ndim > 1
    order = said.classes() if asked else None
    classes = classes_among(truth, None, order, pos_label(given))
    return arranged(scores, classes, method=method, order=order), classes


def truth_of(given: Given, true: Column) -> Labels:
    """Return the labels of the rows as codes, found once."""
    found: Labels = given.cached("labels", "y_true", lambda: coded(true, _TARGET))
    return found


def pos_label(given: Given) -> object:
    """Return the label that was said to be positive; None when none was."""
    return given["pos_label"] if "pos_label" in given else None  # noqa: SIM401


def complete(pred: Column) -> None:
    """Raise for predictions that are missing or infinite."""
    if pred.field.kind in NUMBERS:
        finite(pred.said, pred.floats)
    elif pred.missing is not None:
        finite(pred.said, np.where(pred.missing, np.nan, 0.0))


def as_given(column: Column) -> npt.NDArray[Any]:
    """Return values as a user's own metric gets them: numbers, texts as objects, times.

    Floats are float64. Where a value is missing stands anything.

    Examples
    --------
    >>> from mlgates.tables.columns import as_column
    >>> as_given(as_column("`y_true`", ["a", "b"]))
    array(['a', 'b'], dtype=object)
    """
    kind = column.field.kind
    if kind in ("float", "decimal"):
        return column.floats
    plain = encoding.decode(column.array)
    if kind in ("bool", "int"):
        plain = plain.fill_null(False if kind == "bool" else 0)
    return np.asarray(plain.to_numpy())
