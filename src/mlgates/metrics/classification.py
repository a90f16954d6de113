"""Metrics computed from the confusion matrix: shares of rows, and averages over classes."""

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from mlgates.errors import EvidenceError
from mlgates.metrics.clustered import Linear
from mlgates.metrics.difference import Change, Ends, resampled_change, tango_change
from mlgates.metrics.metric import Estimate, Metric, few, undefined
from mlgates.predictions import Need, Outcomes, confusion
from mlgates.predictions.labels import label_text, list_labels
from mlgates.stats import resampling
from mlgates.stats.arrays import Codes, Floats, Mask
from mlgates.stats.proportions import tango_interval, wilson_interval

__all__ = ["CountMetric", "Share"]

#: Maps cells ``(..., k, k)`` and the positive class to numerators and denominators.
Fraction = Callable[[Floats, Any], tuple[Floats, Floats]]
#: Maps correct, true and predicted rows by class, each ``(..., k)``, to values.
Formula = Callable[[Floats, Floats, Floats], Floats]

#: Confusion matrices with one row in one of the four cells: ``[true, predicted]``.
_UNITS = np.eye(4).reshape(4, 2, 2)
#: Minimal number of discordant rows for a standard error of the difference.
_MANY = 10
#: Numbers in the confusion matrices of one step of resampling.
_BATCH = 1 << 22
#: Maximal number of classes for smoothing, if all rows are correct.
_MOST_CLASSES = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class CountMetric(Metric):
    """Base class of metrics computed from the confusion matrix ``cells[true, predicted]``.

    Parameters
    ----------
    strict : bool
        Whether EvidenceError is raised for predicted labels that are not in `y_true`. Otherwise a
        misspelt positive label would count as a negative prediction.
    equal_weights : bool
        Whether the metric gives all classes the same weight, whatever their numbers of rows.
    counted : str
        The word for the rows in the denominator in messages, in the plural, such as "positives".
    undefined_reason : str
        The reason to report if the metric is undefined. By default it is "no" followed by
        `counted`, such as "no rows".
    need, greater_is_better
        As in `Metric`.
    """

    need: Need = "labels"
    greater_is_better: bool | None = True
    strict: bool = False
    equal_weights: bool = False
    counted: str = "rows"
    undefined_reason: str = ""

    @abstractmethod
    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the value of the metric for each of many confusion matrices; NaN where undefined.

        `cells` has the shape ``(..., k, k)`` for k classes, and the result the shape ``(...)``.
        `positive` is the position of the positive class.
        """

    def positive(self, outcomes: Outcomes) -> int | None:
        """Return the position of the positive class in `classes`.

        It is None if the metric has no positive class. EvidenceError is raised for predicted labels
        that the metric refuses.
        """
        if self.strict and outcomes.unseen:
            raise EvidenceError(
                f"`{self.name}` needs predicted labels that are in `y_true`, got "
                f"{list_labels(outcomes.unseen)}, which may be a misspelt positive label"
            )
        return outcomes.binary(self.name) if self.binary else None

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value of the metric and its confidence interval."""
        value = float(self.of_cells(outcomes.cells, self.positive(outcomes)))
        if np.isnan(value):
            return undefined(self.undefined_reason or f"no {self.counted}")
        n, counted = self.smallest(outcomes)
        lacking = few(n, counted) if counted else ""
        found = self.bounded(value, outcomes, confidence) if confidence else Estimate(value)
        return found._replace(details={**found.details, "lacking": lacking}) if lacking else found

    @abstractmethod
    def smallest(self, outcomes: Outcomes) -> tuple[float, str]:
        """Return the number of rows in the denominator, and a name for these rows in messages.

        The name is, for example, "positives". If the denominator is the number of all rows, the
        name is "", because each gate checks the number of all rows itself. An average over classes
        has one denominator per class; the smallest is returned. If rows have weights, the effective
        number of rows is returned.
        """

    @abstractmethod
    def bounded(self, value: float, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the given value of the metric, with its confidence interval."""

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models, from resampled counts.

        The rows are counted by true label and both predictions, and these counts are resampled.
        First, one row is added to the counts, because the resamples would vary too little if there
        are few rows that exactly one of the models gets right. Half of it is added to the rows that
        only the candidate gets right, and half to those that only production gets right. Both
        halves are divided among the true classes in proportion to their numbers of rows. With
        `equal_weights`, one row is added to each class instead. Agresti and Min do the same for
        paired shares [1]_.

        References
        ----------
        .. [1] Agresti, A. and Min, Y. (2005). Simple improved confidence intervals for comparing
           matched proportions. Statistics in Medicine 24, 729-740.
        """
        codes = {label: code for code, label in enumerate(candidate.classes)}
        own = [codes.setdefault(label, len(codes)) for label in production.classes]
        k, theirs = len(codes), np.array(own, np.intp)[production.pred]
        joint = (candidate.true * k + candidate.pred) * k + theirs
        cells, at = np.unique(joint, return_inverse=True)
        sums = np.bincount(at.ravel(), candidate.weight, minlength=len(cells))
        cells, counts = cells[sums > 0], sums[sums > 0] * (candidate.effective / sums.sum())
        here = cells // k  # cell in the confusion matrix of the candidate
        there = here // k * k + cells % k
        positive = self.positive(candidate)

        def changes(counts: Floats, here: Codes, there: Codes) -> Floats:
            step, parts = max(1, _BATCH // k**2), []
            for start in range(0, len(counts), step):
                part = counts[start : start + step]
                mine, other = (
                    self.of_cells(_sums(part, side, k**2).reshape(-1, k, k), positive)
                    for side in (here, there)
                )
                parts.append(mine - other)
            return np.concatenate(parts)

        value = float(changes(counts[None], here, there)[0])
        # add half a row that only the candidate predicts correctly and half a row that only
        # production does, split over the true classes; as the wrong prediction take the most
        # frequent wrong prediction of either model for that class
        rows = np.bincount(here // k, counts, minlength=k)
        wrong = np.bincount(here, counts, k * k) + np.bincount(there, counts, k * k)
        wrong = wrong.reshape(k, k)
        wrong += 1e-9 * wrong.sum(0) + 1e-18  # without errors: the class predicted most often
        np.fill_diagonal(wrong, 0.0)
        half = (rows > 0) / 2 if self.equal_weights else rows / rows.sum() / 2
        present = np.flatnonzero(half > 0)
        correct, missed = present * k + present, present * k + wrong.argmax(1)[present]
        here = np.concatenate([here, correct, missed])
        there = np.concatenate([there, missed, correct])
        counts = np.concatenate([counts, half[present], half[present]])
        batches = resampling.multinomial_cells(counts, self.resamples or resampling.RESAMPLES)
        draws = np.concatenate([changes(batch, here, there) for batch in batches])
        return resampled_change(value, draws, "multinomial")


def _sums(counts: Floats, codes: Codes, k: int) -> Floats:
    """Add up the columns of ``(b, m)`` counts that have the same code, giving shape ``(b, k)``.

    `codes` has one code from 0 to k - 1 for each column.
    """
    order = np.argsort(codes, kind="stable")
    filled, starts = np.unique(codes[order], return_index=True)
    sums = np.zeros((len(counts), k))
    sums[:, filled] = np.add.reduceat(counts[:, order], starts, axis=1)
    return sums


@dataclass(frozen=True, eq=False, kw_only=True)
class Share(CountMetric):
    """A metric that is a share of rows, such as recall, with Wilson's confidence interval.

    Parameters
    ----------
    share : callable
        A function of confusion matrices, shape ``(..., k, k)``, and the position of the positive
        class. It returns the numerators and the denominators.
    overlap : bool
        Whether the metric is F1. F1 equals ``2 j / (1 + j)``, where ``j`` is the share of true
        positives among the rows that are positive or predicted positive. So its interval is
        computed from Wilson's interval for ``j``.
    """

    share: Fraction = field(repr=False)
    overlap: bool = False
    interval: str = "Wilson"

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the metric for each confusion matrix; NaN where the denominator is 0.

        The metric is the numerator divided by the denominator. For F1, this quotient is the Jaccard
        index ``j``, and the metric is ``2 j / (1 + j)``. `positive` is the position of the positive
        class; None if there is none.
        """
        return self._value(*self.share(cells, positive))

    def _value(self, part: Floats | float, whole: Floats | float) -> Floats:
        return _divided(2 * part, whole + part) if self.overlap else _divided(part, whole)

    def smallest(self, outcomes: Outcomes) -> tuple[float, str]:
        """Return the number of rows in the denominator, and a name for these rows in messages.

        If rows have weights, the effective number of rows is returned. The name, such as "predicted
        positives", is "" if the denominator is the number of all rows.
        """
        positive = self.positive(outcomes)
        n = whole = float(self.share(outcomes.cells, positive)[1])
        if outcomes.is_weighted:
            n = whole**2 / float(self.share(_squared_cells(outcomes), positive)[1])
        return n, "" if self.counted == "rows" else self.counted

    def bounded(self, value: float, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the given value with Wilson's confidence interval."""
        part, whole = map(float, self.share(outcomes.cells, self.positive(outcomes)))
        n, _ = self.smallest(outcomes)
        ends = wilson_interval(n if part == whole else part * (n / whole), n, confidence)
        low, high = (float(self._value(end, 1.0)) for end in ends)
        return Estimate(value, (low, high), "Wilson", {"denominator": n})

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the difference of the metric between two models, with its interval and test.

        The interval is Tango's, and the test is McNemar's. Both are computed from the three numbers
        that `discordant` returns. If it returns None, the counts are resampled, as in
        `CountMetric.change`.
        """
        counts = self.discordant(candidate, production)
        if counts is None:
            return super().change(candidate, production)
        b, c, n = counts
        return tango_change(b, c, n)

    def linear(self, outcomes: Outcomes) -> Linear:
        """Return the share, and the influence of each row on it.

        The influence is the derivative of the share with respect to the weight of the row, times
        that weight. Intervals for rows in clusters are computed from the sums of the influences in
        each cluster.

        F1 is not a share. For F1, the returned share is the Jaccard index ``j``: the number of true
        positives, divided by the number of rows that are positive or predicted positive. The
        function `to_metric` of the result converts ``j`` to F1, which is ``2 j / (1 + j)``.
        """
        positive, true, pred = self.positive(outcomes), outcomes.true, outcomes.pred
        if positive is None:  # a share of right or wrong rows
            cell = (true != pred).astype(np.intp)
        else:
            cell = 2 * (true == positive) + (pred == positive)
        part, whole = (each[cell] for each in self.share(_UNITS, None if positive is None else 1))
        weight = whole if outcomes.weight is None else whole * outcomes.weight
        value = float(np.average(part, weights=weight))
        influence = weight * (part - value) / weight.sum()
        slope = 2 / (1 + value) ** 2 if self.overlap else 1.0
        of_share = partial(self._value, whole=1.0)
        return Linear(
            value,
            influence,
            weight,
            scale="share",
            to_metric=lambda share: float(of_share(share)),
            slope=slope,
        )

    def discordant(
        self, candidate: Outcomes, production: Outcomes
    ) -> tuple[float, float, float] | None:
        """Return three numbers of rows ``(b, c, n)`` for paired tests of the share.

        ``n`` is the number of rows in the denominator. ``b`` is the number of rows that are in the
        numerator for the candidate, but not for production, and ``c`` the number of rows for which
        the opposite is true. With weights, all three are effective numbers. The result is None if
        the denominator depends on the predictions, as for precision and F1.
        """
        here, there = self._counted_rows(candidate), self._counted_rows(production)
        if here is None or there is None:
            return None
        (among, mine), (_, theirs) = here, there
        weight = np.ones(candidate.n) if candidate.weight is None else candidate.weight
        kept = np.where(among, weight, 0.0)
        total = n = float(kept.sum())
        if candidate.is_weighted:
            n = total * (total / float(np.dot(kept, kept)))
        b = n * (float(kept[mine & ~theirs].sum()) / total)
        c = n * (float(kept[theirs & ~mine].sum()) / total)
        return (b, c, n) if candidate.is_weighted else (round(b), round(c), round(n))

    def _counted_rows(self, outcomes: Outcomes) -> tuple[Mask, Mask] | None:
        """Return a mask of the rows in the denominator, and one of those in the numerator.

        Returns None if the denominator depends on the predictions.
        """
        among = self.share(_UNITS, 1)[1].reshape(2, 2) > 0
        if self.overlap or outcomes.pred is None or np.any(among[:, 0] != among[:, 1]):
            return None
        return self.row_values(outcomes)

    def row_values(self, outcomes: Outcomes) -> tuple[Mask, Mask]:
        """Return a mask of the rows in the denominator, and a mask of those in the numerator.

        For F1 they are those of the share ``j``, see `Share`: the rows that are positive or
        predicted positive, and the true positives.
        """
        counted, among = (part.reshape(2, 2) > 0 for part in self.share(_UNITS, 1))
        positive = self.positive(outcomes)
        if positive is not None:
            true, pred = (
                np.asarray(each == positive).astype(np.intp)
                for each in (outcomes.true, outcomes.pred)
            )
            return among[true, pred], counted[true, pred]
        same = np.asarray(outcomes.true == outcomes.pred)
        return np.ones(len(same), np.bool_), same == counted[0, 0]


def _squared_cells(outcomes: Outcomes) -> Floats:
    """Return the sum of squared weights in each cell of the confusion matrix.

    Without weights, these are the counts.
    """
    if outcomes.weight is None or outcomes.pred is None or outcomes.counts:
        return outcomes.cells
    k = len(outcomes.classes)
    return confusion(outcomes.true, outcomes.pred, k, outcomes.weight**2)


def _divided(numerator: Floats | float, denominator: Floats | float) -> Floats:
    """Divide two arrays; the quotient is NaN where the denominator is 0."""
    return np.asarray(numerator / np.where(np.asarray(denominator) > 0, denominator, np.nan))


class Support(NamedTuple):
    """How to count the rows from which the value of each class is computed.

    The counts are used to check that each class has enough rows. `rows` is a function that takes a
    confusion matrix of shape ``(k, k)`` and returns one count for each of the k classes. `what` is
    the name of these rows in messages, such as "rows of class {}", where ``{}`` stands for the
    label of the class.
    """

    rows: Callable[[Floats], Floats]
    what: str


@dataclass(frozen=True, eq=False, kw_only=True)
class MarginMetric(CountMetric):
    """A metric that `formula` computes from three numbers of rows for each class.

    The cost of its interval does not depend on the number of rows, because it is computed from the
    confusion matrix. For a plain mean over classes, Wilson's intervals of the classes are combined.
    For any other metric, many confusion matrices are drawn at random, and the metric is computed
    from each. With two classes they are drawn from the posterior distribution with Jeffreys' prior.
    With more classes they are drawn from the multinomial distribution, and the interval is a BCa
    interval. If all these draws are equal, for example because all rows are right, and there are at
    most 64 classes, they are drawn from a Dirichlet distribution, as with two classes.

    Parameters
    ----------
    formula : callable
        A function of three arrays of shape ``(..., k)`` for k classes. The first array has the
        number of rows of each class that are predicted correctly. The second has the number of rows
        with the class as true label. The third has the number of rows predicted as the class. The
        function returns the values of the metric, an array of shape ``(...)``.
    support : Support, optional
        How to count the rows from which the value of each class is computed.
    mean_of : {"true", "pred"} or None
        For a plain mean of shares over the classes: which rows are the denominator of the share of
        a class, "true" for the rows with this true label and "pred" for the rows predicted as this
        class. None for any other metric.
    """

    formula: Formula = field(repr=False)
    support: Support | None = field(default=None, repr=False)
    mean_of: Literal["true", "pred"] | None = None
    interval: str = (
        "resampled confusion matrices: Dirichlet draws (two classes), BCa (more classes)"
    )

    def of_cells(self, cells: Floats, positive: int | None) -> Floats:
        """Return the value of the metric for each of many confusion matrices.

        `cells` has the shape ``(..., k, k)`` for k classes, and the result the shape ``(...)``.
        `formula` computes the value from three numbers of rows per class: the rows of the class
        that are predicted correctly (the diagonal of `cells`), the rows with the class as true
        label, and the rows predicted as the class. `positive` is not used.
        """
        del positive
        right = np.diagonal(cells, axis1=-2, axis2=-1)
        return self.formula(right, cells.sum(-1), cells.sum(-2))

    def smallest(self, outcomes: Outcomes) -> tuple[float, str]:
        """Return the number of rows of the class that has the fewest, and a name for these rows.

        `support` counts the rows of each class, and gives the name for messages. Classes that are
        the true label of no row are left out. If rows have weights, the effective number of rows is
        returned. If `support` is None, the result is infinity and "".
        """
        if self.support is None:
            return math.inf, ""
        present = outcomes.cells.sum(1) > 0  # a class without rows has no value
        tables = outcomes.cells, _squared_cells(outcomes)
        sums, squares = (self.support.rows(table)[present] for table in tables)
        sizes = sums**2 / squares
        label = outcomes.classes[np.flatnonzero(present)[sizes.argmin()]]
        return float(sizes.min()), self.support.what.format(label_text(label))

    def bounded(self, value: float, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the given value with its confidence interval.

        For a plain mean over classes, Wilson's intervals of the classes are combined. For other
        metrics, confusion matrices are drawn at random, as `MarginMetric` describes. The metric is
        computed from each matrix, and the interval is computed from these values of the metric.
        """
        if self.mean_of is not None:
            axis = 1 if self.mean_of == "true" else 0
            rows = outcomes.cells.sum(axis)
            part, whole = np.diagonal(outcomes.cells)[rows > 0], rows[rows > 0]
            n = whole**2 / _squared_cells(outcomes).sum(axis)[rows > 0]
            hits = np.where(part == whole, n, part * (n / whole))
            low, high = wilson_interval(hits, n, confidence)
            return Estimate(value, of_mean(part / whole, low, high), "Wilson, combined")
        cells = outcomes.cells * (outcomes.effective / outcomes.cells.sum())
        resamples = self.resamples or resampling.RESAMPLES
        drawn: dict[str, object] = {"seed": resampling.SEED, "resamples": resamples}
        k = len(cells)
        if k > 2:
            true, pred = np.nonzero(cells)  # with many classes most cells are empty
            right = true == pred

            def of_filled(counts: Floats) -> Floats:
                hits = np.zeros((len(counts), k))
                hits[:, true[right]] = counts[:, right]
                return self.formula(hits, _sums(counts, true, k), _sums(counts, pred, k))

            found = resampling.cells_interval(of_filled, cells[true, pred], confidence, resamples)
            if found.how != "degenerate" or k > _MOST_CLASSES:
                return Estimate(value, found.interval, f"multinomial ({found.how})", drawn)
            # all resamples are equal (all rows correct, or none): smooth as with two classes
        batches = resampling.smoothed_cells(cells, resamples)
        draws = np.concatenate([self.of_cells(tables, None) for tables in batches])
        ends = resampling.bca_interval(value, draws, None, confidence).interval
        if ends is not None:
            ends = min(ends[0], value), max(ends[1], value)
        return Estimate(value, ends, "multinomial (smoothed)", drawn)

    def linear(self, outcomes: Outcomes) -> Linear | None:
        """Return the metric and the influence of each row on it, if it is a mean over the classes.

        The result is None if `mean_of` is None. The influence is the derivative of the metric with
        respect to the weight of the row, times that weight. Intervals for rows in clusters are
        computed from the sums of the influences in each cluster.
        """
        if self.mean_of is None or outcomes.pred is None:
            return None
        part = outcomes.true if self.mean_of == "true" else outcomes.pred
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        right = weight * (outcomes.true == outcomes.pred)
        rows = np.bincount(part, weight)
        shares = np.bincount(part, right) / np.where(rows > 0, rows, 1.0)
        classes = np.count_nonzero(rows)
        influence = (right - weight * shares[part]) / (rows[part] * classes)
        return Linear(float(shares.sum()) / classes, influence, weight, part, "share")

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models on the same rows.

        Balanced accuracy and `recall_macro` are means of the recalls of the classes. For these two
        metrics, ``n`` is the number of rows of a class, ``b`` the number of its rows that only the
        candidate predicts correctly, and ``c`` the number of those that only production predicts
        correctly. With weights, all three are effective numbers. The recalls of the two models in
        the class differ by ``(b - c) / n``.

        - The difference of the metric is the mean of ``(b - c) / n`` over the classes.
        - `of_mean` computes its interval from Tango's interval of ``(b - c) / n`` in each class.
        - The p-value is ``2 Phi(-|z|)`` with ``z = sum((b - c) / n) / sqrt(sum((b + c) / n**2))``.
          With one class, this is McNemar's test.

        For other metrics, the counts of rows by true label and both predictions are resampled, as
        in `CountMetric.change`.
        """
        if self.mean_of != "true":
            return super().change(candidate, production)
        true, k = candidate.true, len(candidate.classes)
        mine, theirs = (side.true == side.pred for side in (candidate, production))
        weight = np.ones(candidate.n) if candidate.weight is None else candidate.weight
        square = weight if candidate.counts else weight**2
        rows, squares, gained, lost = (
            np.bincount(true, each, k)
            for each in (weight, square, weight * (mine & ~theirs), weight * (theirs & ~mine))
        )
        present = rows > 0
        ratio = rows[present] / squares[present]  # effective rows per unit of weight
        n, b, c = rows[present] * ratio, gained[present] * ratio, lost[present] * ratio
        change = (b - c) / n

        def ends(confidence: float) -> Ends:
            return of_mean(change, *tango_interval(b, c, n, confidence))

        details: dict[str, object] = {}
        if (b + c).sum() >= _MANY:
            error = math.sqrt(float(((b + c - (b - c) ** 2 / n) / n**2).sum())) / len(n)
            details["standard_error"] = error
        spread = math.sqrt(float(((b + c) / n**2).sum()))
        z = abs(float(change.sum())) / spread if spread else 0.0
        value, p_value = float(change.mean()), math.erfc(z / math.sqrt(2))
        return Change("Tango, combined", ends, value, p_value=p_value, details=details)


def of_mean(parts: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    """Return the confidence interval of a mean of independent values, from their intervals.

    `parts` has k values, and `low` and `high` the ends of their intervals. With the mean ``m``, the
    interval is ``m - sqrt(sum((parts - low)**2)) / k`` to ``m + sqrt(sum((high - parts)**2)) / k``.
    This is the method of variance estimates recovery (MOVER) [1]_.

    The metrics use it for means of one share per class, such as its recall. These shares are
    independent, given the number of rows of each class.

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> low, high = of_mean(np.array([0.8, 0.6]), np.array([0.74, 0.52]), np.array([0.86, 0.68]))
    >>> round(low, 3), round(high, 3)
    (0.65, 0.75)
    """
    mean, k = float(parts.mean()), len(parts)
    down, up = float(np.hypot.reduce(parts - low)) / k, float(np.hypot.reduce(high - parts)) / k
    return mean - down, mean + up


# shares for a positive class p: cells are ``[..., true, predicted]``


def _recall(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return cells[..., p, p], cells[..., p, :].sum(-1)


def _specificity(cells: Floats, p: int) -> tuple[Floats, Floats]:
    negatives = np.delete(cells, p, axis=-2)
    return np.delete(negatives, p, axis=-1).sum((-2, -1)), negatives.sum((-2, -1))


def _fpr(cells: Floats, p: int) -> tuple[Floats, Floats]:
    negatives = np.delete(cells, p, axis=-2)
    return negatives[..., p].sum(-1), negatives.sum((-2, -1))


def _jaccard(cells: Floats, p: int) -> tuple[Floats, Floats]:
    both = cells[..., p, p]
    return both, cells[..., p, :].sum(-1) + cells[..., p].sum(-1) - both


def _fnr(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return np.delete(cells[..., p, :], p, axis=-1).sum(-1), cells[..., p, :].sum(-1)


def _correct(cells: Floats, p: int) -> tuple[Floats, Floats]:
    del p
    return np.trace(cells, axis1=-2, axis2=-1), cells.sum((-2, -1))


def _precision(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return cells[..., p, p], cells[..., p].sum(-1)


def _selected(cells: Floats, p: int) -> tuple[Floats, Floats]:
    return cells[..., p].sum(-1), cells.sum((-2, -1))


_POSITIVES = "positives in `y_true`"
_NEGATIVES = "negatives in `y_true`"
# with one label per row, all of these are the share of correct rows
_ACCURACY = ("accuracy", "precision_micro", "recall_micro", "f1_micro", "recall_weighted")
_binary = partial(Share, binary=True)
_strict = partial(Share, binary=True, strict=True)

COUNTS: tuple[CountMetric, ...] = (
    *(Share(name=name, share=_correct) for name in _ACCURACY),
    _binary(name="precision", share=_precision, counted="predicted positives"),
    _binary(name="recall", share=_recall, counted=_POSITIVES),
    _binary(name="true_positive_rate", share=_recall, counted=_POSITIVES),
    _binary(
        name="false_negative_rate",
        greater_is_better=False,
        share=_fnr,
        counted=_POSITIVES,
    ),
    _strict(name="specificity", share=_specificity, counted=_NEGATIVES),
    _strict(name="true_negative_rate", share=_specificity, counted=_NEGATIVES),
    _strict(
        name="false_positive_rate",
        greater_is_better=False,
        share=_fpr,
        counted=_NEGATIVES,
    ),
    _strict(name="selection_rate", greater_is_better=None, share=_selected, uses_labels=False),
    _binary(
        name="f1",
        share=_jaccard,
        overlap=True,
        counted="positives in `y_true` or among the predictions",
        interval="Wilson for the Jaccard index, converted to F1",
    ),
)


# averages over classes, computed from correct, true and predicted rows by class


def _mean(parts: Floats, true: Floats, pred: Floats) -> Floats:
    """Return the mean of `parts`, one value per class, over all classes that have rows.

    A class has rows if it occurs among the true or the predicted labels, which `true` and `pred`
    count. The mean is NaN if the value of such a class is undefined.
    """
    present = true + pred > 0
    return _divided(np.where(present, parts, 0.0).sum(-1), present.sum(-1))


def _weighted(parts: Floats, true: Floats) -> Floats:
    return _divided(np.where(true > 0, true * parts, 0.0).sum(-1), true.sum(-1))


def _balanced_accuracy(right: Floats, true: Floats, pred: Floats) -> Floats:
    del pred
    classes = (true > 0).sum(-1)
    shares = np.where(true > 0, _divided(right, true), 0.0).sum(-1)
    return _divided(shares, np.where(classes > 1, classes, 0))


def _matthews(right: Floats, true: Floats, pred: Floats) -> Floats:
    n = true.sum(-1)
    shared = right.sum(-1) * n - (true * pred).sum(-1)
    spread = n**2 - (true**2).sum(-1), n**2 - (pred**2).sum(-1)
    # with one class the spread is 0 up to rounding errors
    alone = ((true > 0).sum(-1) < 2) | ((pred > 0).sum(-1) < 2)
    return _divided(shared, np.where(alone, 0.0, np.sqrt(spread[0]) * np.sqrt(spread[1])))


_TRUE = Support(lambda cells: cells.sum(1), "rows of class {}")
_PREDICTED = Support(lambda cells: cells.sum(0), "rows predicted as class {}")
_EITHER = Support(
    lambda cells: cells.sum(1) + cells.sum(0) - np.diagonal(cells),
    "rows of class {} (true or predicted)",
)
# Small classes do no harm, because classes are weighted by their rows. But there must be enough
# rows outside of the largest class.
_OUTSIDE = Support(lambda cells: cells.sum() - cells.sum(1), "rows outside the largest class")
_combined = partial(MarginMetric, interval="Wilson per class, combined")

AVERAGES: tuple[CountMetric, ...] = (
    _combined(
        name="balanced_accuracy",
        formula=_balanced_accuracy,
        support=_TRUE,
        mean_of="true",
        undefined_reason="only one class in `y_true`",
    ),
    _combined(
        name="precision_macro",
        formula=lambda right, true, pred: _mean(_divided(right, pred), true, pred),
        support=_PREDICTED,
        equal_weights=True,
        mean_of="pred",
        undefined_reason="a class is never predicted",
    ),
    _combined(
        name="recall_macro",
        formula=lambda right, true, pred: _mean(_divided(right, true), true, pred),
        support=_TRUE,
        mean_of="true",
        undefined_reason="a predicted class is not in `y_true`",
    ),
    MarginMetric(
        name="f1_macro",
        formula=lambda right, true, pred: _mean(_divided(2 * right, true + pred), true, pred),
        support=_EITHER,
        equal_weights=True,
    ),
    MarginMetric(
        name="precision_weighted",
        formula=lambda right, true, pred: _weighted(_divided(right, pred), true),
        support=_PREDICTED,
        undefined_reason="a class is never predicted",
    ),
    MarginMetric(
        name="f1_weighted",
        formula=lambda right, true, pred: _weighted(_divided(2 * right, true + pred), true),
    ),
    MarginMetric(
        name="matthews_corrcoef",
        low=-1.0,
        formula=_matthews,
        support=_OUTSIDE,
        equal_weights=True,
        undefined_reason="only one class in `y_true`, or only one predicted",
    ),
)
