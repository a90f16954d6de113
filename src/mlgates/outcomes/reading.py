"""From evidence as it was given to outcomes: rows aligned, models asked once."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.data import encoding
from mlgates.errors import EvidenceError
from mlgates.outcomes.classes import Classes, classes_among
from mlgates.outcomes.columns import NUMBERS, Column, Rows, same_rows
from mlgates.outcomes.labels import Labels, coded, recoded, same_family
from mlgates.outcomes.lookup import Given, Lookup
from mlgates.outcomes.numbers import (
    check_probabilities,
    finite,
    values_of,
    weights_of,
)
from mlgates.outcomes.outcomes import Need, Outcomes
from mlgates.outcomes.predictions import Predictions
from mlgates.outcomes.scores import arranged

__all__ = ["outcomes_of"]

_TARGET = "; for a target of numbers choose a metric of values, such as mean_absolute_error"
_SCORES = (
    "; these look like scores: give them as `{score}`, or threshold them, such as score >= 0.5"
)


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
    """
    return _Reading(given, production=production).outcomes(need, scores=scores)


class _Reading:
    """One model's outcomes in the making."""

    def __init__(self, given: Given, *, production: bool) -> None:
        self._given = given
        self._lookup = Lookup(given)
        self._said = Predictions(self._lookup, production=production)

    def outcomes(self, need: Need, *, scores: bool) -> Outcomes:
        """Return what was asked for."""
        if "y_true" not in self._given:
            msg = "needs `y_true`, which the run was not given"
            raise EvidenceError(msg)
        true = self._lookup.column("y_true")
        if need in ("scores", "probabilities") or (need == "given" and scores):
            return self._scored(need, true)
        if need == "values":
            return self._values(true)
        return self._labels(true) if need == "labels" else self._raw(true)

    def _labels(self, true: Column) -> Outcomes:
        pred = self._said.pred()
        self._aligned(true, pred)
        truth, guess = self._truth(true), self._guess(pred)
        model = None if self._said.has(self._said.pred_name) else self._said.classes()
        classes = classes_among(truth, guess, model, self._pos_label)
        codes = recoded(guess, classes.every)
        return self._made("labels", true, recoded(truth, classes.every), classes, pred=codes)

    def _truth(self, true: Column) -> Labels:
        found: Labels = self._given.once("labels", "y_true", lambda: coded(true, _TARGET))
        return found

    def _guess(self, pred: Column) -> Labels:
        guess = coded(pred, _SCORES.format(score=self._said.score_name))
        finite(pred.said, np.where(guess.codes < 0, np.nan, 0.0))
        return guess

    def _scored(self, need: Need, true: Column) -> Outcomes:
        scores, method = self._said.score(probabilities=need == "probabilities")
        self._aligned(true, scores)
        truth = self._truth(true)
        order = self._said.classes()
        classes = classes_among(truth, None, order, self._pos_label)
        found = arranged(scores, classes, method=method, order=order)
        if need == "probabilities":
            check_probabilities(scores.said, found)
        codes: npt.NDArray[Any] = recoded(truth, classes.every)
        if need == "given":
            codes = _as_given(true)
        return self._made(need, true, codes, classes, score=found)

    def _values(self, true: Column) -> Outcomes:
        pred = self._said.pred()
        self._aligned(true, pred)
        return self._made(
            "values", true, values_of(true, missing=True), Classes((), None), pred=values_of(pred)
        )

    def _raw(self, true: Column) -> Outcomes:
        pred = self._said.pred()
        self._aligned(true, pred)
        _comparable(true, pred)
        values = _as_given(true), _as_given(pred)
        return self._made("given", true, values[0], Classes((), None), pred=values[1])

    @property
    def _pos_label(self) -> object:
        return self._given["pos_label"] if "pos_label" in self._given else None

    def _aligned(self, true: Column, found: Rows) -> None:
        same_rows(true, found)
        if "sample_weight" in self._given:
            weight = self._lookup.column("sample_weight")
            same_rows(true, weight)
            same_rows(found, weight)

    def _made(
        self,
        need: Need,
        true: Column,
        values: npt.NDArray[Any],
        classes: Classes,
        *,
        pred: npt.NDArray[Any] | None = None,
        score: npt.NDArray[np.float64] | None = None,
    ) -> Outcomes:
        weight = None
        if "sample_weight" in self._given:
            weight = weights_of(self._lookup.column("sample_weight"))
        missing = true.missing
        kept = None if missing is None else ~missing

        def some(array: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
            if array is None:
                return None
            return array.view() if kept is None else array[kept]

        found = some(values)
        return Outcomes(
            need=need,
            n=len(values) if kept is None else int(np.count_nonzero(kept)),
            dropped=0 if missing is None else int(np.count_nonzero(missing)),
            kept=kept,
            true=values if found is None else found,
            pred=some(pred),
            score=some(score),
            weight=some(weight),
            classes=classes.every,
            positive=classes.positive,
            unseen=classes.unseen,
            missing=None if missing is None else missing.copy(),
        )


def _as_given(column: Column) -> npt.NDArray[Any]:
    """Return values as a user's metric gets them: numbers, texts as objects, times."""
    plain = encoding.decode(column.array)
    if column.field.kind in ("bool", "int") and column.missing is not None:
        filled = plain.fill_null(0 if column.field.kind == "int" else False)
        return np.asarray(filled.to_numpy())
    if column.field.kind == "decimal":
        return column.floats
    return np.asarray(plain.to_numpy())


def _comparable(true: Column, pred: Column) -> None:
    """Raise for numbers against texts, and for predictions that are missing or infinite."""
    kinds = {column: column.field.kind for column in (true, pred)}
    for one, other in ((true, pred), (pred, true)):
        if kinds[one] in NUMBERS and kinds[other] == "string":
            same_family(
                *(Labels(c.said, np.empty(0, np.intp), (l,)) for c, l in ((one, 0), (other, "")))
            )
    if kinds[pred] in NUMBERS:
        finite(pred.said, pred.floats)
    elif pred.missing is not None:
        finite(pred.said, np.where(pred.missing, np.nan, 0.0))
