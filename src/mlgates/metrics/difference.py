"""What a metric is for one model minus what it is for another, on the same rows.

Always paired: rows that both models take alike tell nothing about which one is better, and to
leave them out of the error makes it several times smaller than that of two samples.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics.averages import MeanOfShares, of_mean
from mlgates.metrics.change import Change, Ends, of_cells, of_functions, of_rows
from mlgates.metrics.counts import CountMetric
from mlgates.metrics.functions import FunctionMetric
from mlgates.metrics.losses import LossMetric
from mlgates.metrics.metric import Metric, RowMetric, rows, scores
from mlgates.metrics.ranking import RocAuc, RocAucOneVsRest, effective_sizes, inflation
from mlgates.predictions import Outcomes
from mlgates.stats.means import mean_interval
from mlgates.stats.proportions import mcnemar, square_and_add, tango_interval
from mlgates.stats.ranking import auc_difference, hanley_interval, same_ranking

__all__ = ["Difference", "difference"]

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: The four cells of two classes, each with one row: ``[true, predicted]``.
_UNITS = np.eye(4).reshape(4, 2, 2)
#: From so many discordant rows on, the standard error of their difference is told.
_MANY = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class Difference:
    """A candidate's value minus production's on the same rows.

    Parameters
    ----------
    candidate, production : float or None
        The two values; None where the metric is undefined.
    n, dropped : int
        Rows that both models were measured on (with weights, what they are worth), and rows
        without a label.
    undefined : str
        Why there is no difference, as a clause.
    lacking : str
        What the rows lack for a decision, as a clause.
    change : Change
        Interval and test.
    """

    candidate: float | None
    production: float | None
    n: int
    dropped: int
    undefined: str
    lacking: str
    change: Change

    @property
    def value(self) -> float | None:
        """The candidate's value minus production's; None where one of them is undefined."""
        if self.candidate is None or self.production is None:
            return None
        exact = self.change.value
        return self.candidate - self.production if exact is None else exact

    @property
    def identical(self) -> bool:
        """Whether both models answer alike on every row, as far as the metric sees."""
        return self.change.method.startswith("identical")


def difference(
    metric: Metric, candidate: Outcomes, production: Outcomes, *, seed: int = 0
) -> Difference:
    """Return how a metric differs between two models on the same rows.

    Parameters
    ----------
    metric : Metric
        What is measured.
    candidate, production : Outcomes
        Of the kind that the metric needs, with the same rows.
    seed : int, default 0
        Where the interval is had by resampling.

    Returns
    -------
    Difference
        Shares whose denominator is the same for both models (accuracy, recall, a false positive
        rate) have Tango's interval from the discordant rows, and a mean of such shares (balanced
        accuracy) has that of theirs; an area under the ROC curve DeLong's,
        means of losses Student's of the differences row by row, everything else a bootstrap of
        rows, the same ones for both models.

    Raises
    ------
    EvidenceError
        For a value that is not possible, and for outcomes that the metric can't read.
    """
    here = metric.measure(candidate, confidence=0)
    try:
        there = metric.measure(production, confidence=0)
    except EvidenceError as error:
        msg = f"in production {error}"
        raise EvidenceError(msg) from error
    sides = {"": here, " in production": there}
    undefined = "; ".join(
        f"undefined{side}: {found.details.get('undefined', 'for these rows')}"
        for side, found in sides.items()
        if found.value is None
    )
    change = _NOTHING if undefined else _change(metric, candidate, production, seed)
    lacks = [str(found.details["lacking"]) for found in (here, there) if "lacking" in found.details]
    return Difference(
        candidate=here.value,
        production=there.value,
        n=rows(candidate),
        dropped=candidate.dropped,
        undefined=undefined,
        lacking="; ".join(dict.fromkeys(lacks)),
        change=change,
    )


_NOTHING = Change(method="", ends=lambda _: None)


def _no_change(what: str) -> Change:
    return Change(method=what, ends=lambda _: (0.0, 0.0), value=0.0, p_value=1.0)


def _change(metric: Metric, candidate: Outcomes, production: Outcomes, seed: int) -> Change:
    """How the difference of two defined values is spread."""
    if _alike(candidate, production):
        return _no_change("identical")
    for kind, spread in _FAMILIES:
        if isinstance(metric, kind):
            return spread(metric, candidate, production, seed)
    return Change(method="difference", ends=lambda _: None)  # of two extremes, say


def _counts(metric: CountMetric, candidate: Outcomes, production: Outcomes, seed: int) -> Change:
    here, there = _success(metric, candidate), _success(metric, production)
    if here is not None and there is not None:
        return _shares(here, there, candidate)
    if isinstance(metric, MeanOfShares) and metric.of == "true":
        return _mean_of_shares(candidate, production)
    return of_cells(metric, candidate, production, seed)


def _alike(candidate: Outcomes, production: Outcomes) -> bool:
    """Whether both models answer the same on every row that counts."""
    weight = candidate.weight
    counts = slice(None) if weight is None else weight > 0
    pairs = ((candidate.score, production.score), (_answers(candidate), _answers(production)))
    given = [(mine, theirs) for mine, theirs in pairs if mine is not None and theirs is not None]
    return bool(given) and all(
        np.array_equal(mine[counts], theirs[counts]) for mine, theirs in given
    )


def _answers(outcomes: Outcomes) -> npt.NDArray[Any] | None:
    """Predictions; of labels, as objects, for two models may have different codes for one label."""
    if outcomes.need != "labels" or outcomes.pred is None:
        return outcomes.pred
    labels = np.empty(len(outcomes.classes), object)
    labels[:] = outcomes.classes
    return np.asarray(labels[outcomes.pred])


# shares of the same rows for both models


def _success(metric: CountMetric, outcomes: Outcomes) -> tuple[Mask, Mask] | None:
    """Which rows a share is of, and which of them it counts; None where predictions decide both."""
    parts = metric.fraction(_UNITS, 1)
    if parts is None or outcomes.pred is None:
        return None
    counted, among = (np.asarray(part, np.float64).reshape(2, 2) > 0 for part in parts)
    if np.any(among[:, 0] != among[:, 1]):
        return None
    positive = metric.positive(outcomes)
    if positive is not None:
        true, pred = outcomes.true == positive, outcomes.pred == positive
        return among[true.astype(np.intp), 0], counted[true.astype(np.intp), pred.astype(np.intp)]
    if not (among.all() and np.array_equal(counted, np.eye(2, dtype=bool))):
        return None
    return np.ones(outcomes.n, np.bool_), outcomes.true == outcomes.pred


def _shares(here: tuple[Mask, Mask], there: tuple[Mask, Mask], outcomes: Outcomes) -> Change:
    """Tango's interval and McNemar's test, from the rows that one model alone has counted."""
    among, mine, theirs = here[0], here[1], there[1]
    weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
    kept = np.where(among, weight, 0.0)
    total = float(kept.sum())
    n = total * (total / float(np.dot(kept, kept)))
    b = n * (float(kept[mine & ~theirs].sum()) / total)
    c = n * (float(kept[theirs & ~mine].sum()) / total)
    if outcomes.weight is None:
        n, b, c = round(n), round(b), round(c)
    tests = mcnemar(b, c)
    details: dict[str, object] = {"b": b, "c": c, "rows_compared": n, "p_value_mid": tests.mid}
    if b + c >= _MANY:
        details["standard_error"] = math.sqrt(b + c - (b - c) ** 2 / n) / n
    return Change(
        method="Tango",
        ends=partial(_tango, b, c, n),
        value=(b - c) / n,
        p_value=tests.exact,
        details=details,
    )


def _tango(b: float, c: float, n: float, confidence: float) -> Ends:
    low, high = tango_interval(b, c, n, confidence)
    return float(low), float(high)


def _mean_of_shares(candidate: Outcomes, production: Outcomes) -> Change:
    """Tango's intervals of the classes, combined, and McNemar's test over all of them.

    Where no class has a changed share, the sum of ``(b - c) / n`` over the classes has the variance
    ``sum((b + c) / n**2)``.
    """
    true, weight, k = candidate.true, candidate.weight, len(candidate.classes)
    mine, theirs = (side.true == side.pred for side in (candidate, production))
    weight = np.ones(candidate.n) if weight is None else weight
    rows, squares, gained, lost = (
        np.bincount(true, each, k)
        for each in (weight, weight**2, weight * (mine & ~theirs), weight * (theirs & ~mine))
    )
    some = rows > 0
    worth = rows[some] / squares[some]
    n, b, c = rows[some] * worth, gained[some] * worth, lost[some] * worth
    change = (b - c) / n

    def ends(confidence: float) -> Ends:
        return of_mean(change, *tango_interval(b, c, n, confidence))

    details: dict[str, object] = {}
    if (b + c).sum() >= _MANY:
        error = math.sqrt(float(((b + c - (b - c) ** 2 / n) / n**2).sum())) / len(n)
        details["standard_error"] = error
    spread = math.sqrt(float(((b + c) / n**2).sum()))
    z = abs(float(change.sum())) / spread if spread else 0.0
    return Change(
        method="Tango, combined",
        ends=ends,
        value=float(change.mean()),
        p_value=math.erfc(z / math.sqrt(2)),
        details=details,
    )


# areas, and means of losses


def _areas(metric: RocAuc, candidate: Outcomes, production: Outcomes, seed: int) -> Change:
    """DeLong's interval and test; where all placements change alike, an interval by size."""
    del seed
    true = candidate.true == candidate.binary(metric.name)
    weight = candidate.weight
    mine, theirs = scores(candidate), scores(production)
    found = auc_difference(true, mine, theirs, weight)
    if found.variance > 0:
        return _normal("DeLong", found.auc - found.other, math.sqrt(found.variance))
    counts = np.ones(candidate.n, np.bool_) if weight is None else weight > 0
    if same_ranking(mine[counts], theirs[counts]):
        return _no_change("identical ranking")
    if math.isnan(found.variance):
        return Change(method="DeLong", ends=lambda _: None)
    sizes = effective_sizes(true, weight)
    if found.auc == found.other and found.auc not in (0, 1):
        # no row has another place among those of the other class: as no discordant row
        return Change(method="Tango", ends=partial(_tango, 0, 0, min(sizes)), p_value=1.0)
    return Change(method="Hanley", ends=partial(_by_size, found.auc, found.other, sizes))


def _normal(method: str, change: float, error: float) -> Change:
    """The change of a difference from -1 to 1 that is normally spread."""
    if not error > 0:
        return Change(method=method, ends=lambda _: None)

    def ends(confidence: float) -> Ends:
        half = float(special.ndtri((1 + confidence) / 2)) * error
        return max(change - half, -1.0), min(change + half, 1.0)

    p_value = math.erfc(abs(change) / error / math.sqrt(2))
    return Change(method=method, ends=ends, p_value=p_value, details={"standard_error": error})


def _by_size(
    area: float, other: float, sizes: tuple[float, float], confidence: float
) -> tuple[float, float]:
    """Newcombe's square-and-add of the intervals that areas have by their sizes alone."""
    here, there = (hanley_interval(each, *sizes, confidence) for each in (area, other))
    low, high = square_and_add(area, here, other, there)
    return max(float(low), -1.0), min(float(high), 1.0)


def _losses(metric: LossMetric, candidate: Outcomes, production: Outcomes, seed: int) -> Change:
    """Student's interval of the mean difference row by row; of roots, by the delta method."""
    del seed
    mine, theirs = metric.losses(candidate), metric.losses(production)
    weight = candidate.weight
    if weight is not None:
        mine, theirs, weight = mine[weight > 0], theirs[weight > 0], weight[weight > 0]
    if metric.root:
        mine, theirs = _influence(mine, weight), _influence(theirs, weight)
    change = mine - theirs
    mean = float(np.average(change, weights=weight))

    def ends(confidence: float) -> Ends:
        # rows that all differ by the same have no spread
        return mean_interval(change, weight, confidence) or (mean, mean)

    n = candidate.effective
    spread = float(np.average((change - mean) ** 2, weights=weight))
    if n < 2:
        return Change(method="t", ends=lambda _: None)
    error = math.sqrt(spread / (n - 1))
    settled = not error > 1e-12 * abs(mean)
    t = math.copysign(math.inf, mean) if settled else mean / error
    p_value = 1.0 if mean == 0 else 2 * float(special.stdtr(n - 1, -abs(t)))
    return Change(method="t", ends=ends, p_value=p_value, details={"standard_error": error})


def _influence(losses: Floats, weight: Floats | None) -> Floats:
    """Numbers a row whose mean is the root of the mean, and whose spread is that of the root."""
    root = math.sqrt(float(np.average(losses, weights=weight)))
    return losses / (2 * root) + root / 2 if root else losses


# everything else


def _mean_areas(
    metric: RocAucOneVsRest, candidate: Outcomes, production: Outcomes, seed: int
) -> Change:
    """DeLong's interval of a mean of areas, by how much each row moves it."""
    del seed
    (area, moves), (other, moved) = metric.influence(candidate), metric.influence(production)
    spread = moves - moved
    variance = float(np.dot(spread, spread)) * inflation(metric.sizes(candidate))
    return _normal("DeLong", area - other, math.sqrt(variance))


#: How each kind of metric's difference is measured.
_FAMILIES: tuple[tuple[type[Metric], Callable[[Any, Outcomes, Outcomes, int], Change]], ...] = (
    (CountMetric, _counts),
    (LossMetric, _losses),
    (RocAuc, _areas),
    (RocAucOneVsRest, _mean_areas),
    (RowMetric, of_rows),
    (FunctionMetric, of_functions),
)
