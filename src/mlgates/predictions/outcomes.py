"""Aligned arrays of one model on one set of rows, and the counts that most metrics read."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.predictions.names import listed, told

__all__ = ["MOST_CLASSES", "Need", "Outcomes", "confusion"]

#: What a metric reads: labels, scores of any kind, probabilities, numbers, or what was given.
Need = Literal["labels", "scores", "probabilities", "values", "given"]
#: More classes than these have no table of counts: it would take more than 32 MB.
MOST_CLASSES = 2_000


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Labels and predictions of one model on the rows that have a label; arrays are read-only.

    Parameters
    ----------
    need : {"labels", "scores", "probabilities", "values", "given"}
        What the arrays hold.
    n : int
        Rows kept, those with a label; the arrays have this length.
    dropped : int
        Rows without a label.
    kept : array of bool or None
        Which of the rows given are kept; None when all are.
    true : array
        Labels: codes into `classes`; for ``"values"`` float64; for ``"given"`` as it was given.
    pred : array or None
        Predictions in the same form.
    score : array or None
        Scores of the positive class, or one column a class where there are more than two.
    weight : array or None
        Weights of the rows.
    classes : tuple
        All labels, sorted, as plain Python values; a class may have no rows. Empty for values.
    positive : int or None
        Code of the positive class; None when it is not known.
    unseen : tuple
        Predicted labels that are neither in `y_true` nor classes of the model.
    missing : array of bool or None
        Which of the rows given have no label; None when all have one.

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
    score: npt.NDArray[np.float64] | None = None
    weight: npt.NDArray[np.float64] | None = None
    classes: tuple[object, ...] = ()
    positive: int | None = None
    unseen: tuple[object, ...] = ()
    missing: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for array in (self.true, self.pred, self.score, self.weight, self.kept, self.missing):
            if array is not None:
                array.flags.writeable = False

    def take(self, rows: npt.NDArray[np.bool_]) -> "Outcomes":
        """Return the outcomes of some rows; classes and the positive one stay as they are.

        Parameters
        ----------
        rows : array of bool
            One for each of the rows given, those without a label too.

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

        def some(array: npt.NDArray[Any] | None) -> npt.NDArray[Any] | None:
            return None if array is None else array[inside]

        missing = None if self.missing is None else self.missing & rows
        return replace(
            self,
            n=int(np.count_nonzero(inside)),
            dropped=0 if missing is None else int(np.count_nonzero(missing)),
            kept=rows.copy() if self.kept is None else self.kept & rows,
            true=self.true[inside],
            pred=some(self.pred),
            score=some(self.score),
            weight=some(self.weight),
            missing=missing,
        )

    def among(self, missing: npt.NDArray[np.bool_]) -> "Outcomes":
        """Return the same outcomes, beside rows given that have no label."""
        return replace(self, dropped=int(np.count_nonzero(missing)), missing=missing.view())

    def over(self, classes: tuple[object, ...]) -> "Outcomes":
        """Return the same labels as codes into more classes, such as those of another model too.

        Parameters
        ----------
        classes : tuple
            Sorted; all of `self.classes` are among them.

        Examples
        --------
        >>> from mlgates.evidence import Evidence
        >>> outcomes = Evidence({"y_true": [1, 2], "y_pred": [2, 2]}).outcomes("labels")
        >>> outcomes.over((0, 1, 2)).true.tolist()
        [1, 2]
        """
        if classes == self.classes:
            return self
        place = np.array([classes.index(label) for label in self.classes], np.intp)
        return replace(
            self,
            true=place[self.true],
            pred=None if self.pred is None else place[self.pred],
            classes=classes,
            positive=None if self.positive is None else int(place[self.positive]),
        )

    @cached_property
    def cells(self) -> npt.NDArray[np.float64]:
        """Rows, or sums of their weights, by true and predicted class: ``cells[true, pred]``."""
        if self.need != "labels" or self.pred is None:
            msg = f"outcomes of {self.need} have no predicted labels to count"
            raise EvidenceError(msg)
        counts = confusion(self.true, self.pred, len(self.classes), self.weight)
        counts.flags.writeable = False
        return counts

    @cached_property
    def effective(self) -> float:
        """Kish's number of rows, ``(sum w)² / sum w²``; all rows where they have no weights."""
        if self.weight is None:
            return float(self.n)
        largest = float(self.weight.max(initial=0.0))
        if largest == 0:
            return 0.0
        shares = self.weight / largest  # squares of small weights would vanish
        return float(shares.sum() ** 2 / (shares**2).sum())

    def binary(self, metric: str) -> int:
        """Return the code of the positive class.

        Parameters
        ----------
        metric : str
            The metric that asks, for the message.

        Raises
        ------
        EvidenceError
            When there are more than two classes, or it is not known which one is positive.
        """
        strays = set(self.unseen)
        known = [label for label in self.classes if label not in strays]
        if len(known) > 2:
            averages = f"{metric}_macro, {metric}_micro or {metric}_weighted"
            several = metric in {"precision", "recall", "f1"}
            advice = averages if several else "a metric of several classes, such as f1_macro"
            if metric == "roc_auc":
                advice = "roc_auc_ovr or roc_auc_ovr_weighted"
            msg = f"`{metric}` is for two classes, and here are {len(known)}"
            msg += f" ({listed(known)}): use {advice}"
            raise EvidenceError(msg)
        if self.positive is None:
            example = told(known[-1]) if known else "1"
            msg = f"`{metric}` needs to know which label is positive: say `pos_label`, such as "
            msg += f"pos_label={example}; the labels are {listed(known) or 'none'}"
            raise EvidenceError(msg)
        return self.positive


def confusion(  # noqa: PLR0917
    true: npt.NDArray[np.intp],
    pred: npt.NDArray[np.intp],
    k: int,
    weight: npt.NDArray[np.float64] | None = None,
    group: npt.NDArray[np.intp] | None = None,
    groups: int = 1,
) -> npt.NDArray[np.float64]:
    """Count rows, or add up their weights, by true and predicted code in one pass.

    Parameters
    ----------
    true, pred : array of int
        Codes from 0 to `k` - 1.
    k : int
        Number of classes.
    weight : array, optional
        Weights of the rows.
    group : array of int, optional
        Group of each row, from 0 to `groups` - 1.
    groups : int
        Number of groups.

    Returns
    -------
    array
        Of shape ``(k, k)``, or ``(groups, k, k)`` with `group`; ``[..., true, pred]``.

    Raises
    ------
    EvidenceError
        For more than 2,000 classes.

    Examples
    --------
    >>> confusion(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    array([[1., 0.],
           [1., 1.]])
    """
    if k > MOST_CLASSES:
        msg = f"there are {k:,} classes; a table of counts is made of at most {MOST_CLASSES:,}"
        raise EvidenceError(msg)
    cell = true * k + pred
    if group is not None:
        cell = cell + group * (k * k)
    counts = np.bincount(cell, weight, minlength=groups * k * k).astype(np.float64, copy=False)
    return counts.reshape((k, k) if group is None else (groups, k, k))
