"""Predictions and scores of a model: as they were given, or else asked of it, once."""

from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from mlgates.errors import EvidenceError, MlgatesError
from mlgates.predictions import models
from mlgates.predictions.labels import Labels, coded
from mlgates.predictions.lookup import Lookup
from mlgates.predictions.numbers import Scores, as_scores
from mlgates.redaction import describe
from mlgates.tables.columns import Column, as_column, same_rows
from mlgates.tables.read_only import lend

__all__ = ["Predictions"]


class Predictions:
    """What one model says about the rows.

    Parameters
    ----------
    lookup : Lookup
        The evidence of a run.
    production : bool
        Whether it is the model in production.
    """

    def __init__(self, lookup: Lookup, *, production: bool = False) -> None:
        self._lookup = lookup
        self._given = lookup.given
        self.pred_name = "production_pred" if production else "y_pred"
        self.score_name = "production_score" if production else "y_score"
        self.model_name = "production_model" if production else "model"

    def has(self, name: str) -> bool:
        """Whether something was given."""
        return name in self._given

    @property
    def model(self) -> Any:
        """The model as it was given; None when it was not."""
        return self._given[self.model_name] if self.has(self.model_name) else None

    def offers(self, name: str) -> bool:
        """Whether predictions or scores were given, or can be asked of the model."""
        if self.has(name):
            return True
        asked = self.has("X") and self.has(self.model_name)
        return asked and models.serves(self.model, scores=name == self.score_name)

    def pred(self) -> Column:
        """Return one prediction a row."""
        if self.has(self.pred_name):
            return self._lookup.column(self.pred_name)
        if not self.has(self.model_name):
            if self.has(self.score_name):
                msg = f"labels are due, and only `{self.score_name}` was given: give "
                msg += f"`{self.pred_name}`, such as {self.score_name} >= 0.5"
                raise EvidenceError(msg)
            self._lacks(self.pred_name)
        said = f"`{self.model_name}`"
        method = models.predicting(said, self.model)
        name = f"the answer of {models.called(said, method)}"
        found: Column = self._once(
            "predicted", method, lambda: self._placed(as_column(name, self._ask(method)), method)
        )
        return found

    def score(self, *, probabilities: bool = False) -> tuple[Scores, str | None]:
        """Return scores, and the method of the model that gave them; None for given ones."""
        if self.has(self.score_name):
            return self._lookup.scores(self.score_name), None
        if not self.has(self.model_name):
            self._lacks(self.score_name)
        said = f"`{self.model_name}`"
        method = models.scoring(said, self.model, probabilities=probabilities)
        name = f"the answer of {models.called(said, method)}"
        found: Scores = self._once(
            "scored", method, lambda: self._placed(as_scores(name, self._ask(method)), method)
        )
        return found, method

    def classes(self) -> Labels | None:
        """Return the classes that the model says it knows; None when it says none."""
        known = None if self.model is None else models.classes_of(self.model)
        if not known:
            return None
        try:
            return coded(as_column(f"`{self.model_name}.classes_`", list(known)))
        except EvidenceError:
            return None  # of several outputs, or of bins

    def _lacks(self, name: str) -> NoReturn:
        msg = f"needs `{name}`, or `{self.model_name}` and `X`, which the run was not given"
        raise EvidenceError(msg)

    def _once(self, what: str, method: str, make: Any) -> Any:
        return self._given.cached(what, (id(self.model), method, self.model_name), make)

    def _ask(self, method: str) -> Any:
        """Return the raw answer; the model is asked once, under whatever name it was given."""
        if not self.has("X"):
            msg = f"`{self.model_name}` was given without `X`, the table to ask it about"
            raise EvidenceError(msg)
        return self._given.cached("asked", (id(self.model), method), lambda: self._answer(method))

    def _answer(self, method: str) -> Any:
        table = self._lookup.table("X")
        if "y_true" in self._given and table is not None:
            same_rows(self._lookup.column("y_true"), table)
        if table is not None and table.rows == 0:
            return np.empty(0)
        said, known = f"`{self.model_name}`", self._lookup.names("X")
        try:
            return models.answer(said, self.model, method, lend(self._given["X"]))
        except MlgatesError:
            raise
        except (Exception, SystemExit) as error:
            msg = f"{models.called(said, method)} raised {describe(error, known)}"
            raise EvidenceError(msg) from error

    def _placed(self, answer: Any, method: str) -> Any:
        """Return an answer as about the rows of `X`, whose names it may have forgotten."""
        table = self._lookup.table("X")
        if table is None:
            return answer
        if answer.rows != table.rows:
            what = models.called(f"`{self.model_name}`", method)
            got = f"{answer.rows:,} answer{'' if answer.rows == 1 else 's'}"
            rows = f"{table.rows:,} row{'' if table.rows == 1 else 's'}"
            msg = f"{what} returned {got} for the {rows} of `X`"
            raise EvidenceError(msg)
        own = table.index is None or _is_default(answer.index) or answer.index.equals(table.index)
        if not own:
            msg = f"{answer.said} has another index than `X`; return the answers in the order of "
            msg += "the rows, with the index of `X` or with none"
            raise EvidenceError(msg)
        return replace(answer, index=table.index)


def _is_default(index: Any) -> bool:
    """Whether an index only counts the rows, or there is none."""
    return index is None or (
        type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1
    )
