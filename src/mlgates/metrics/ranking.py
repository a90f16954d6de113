"""Metrics of scores: areas under curves, and the calibration of probabilities."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics.clustered import Linear, clustered_change
from mlgates.metrics.difference import Change, Ends, normal_change, tango_ends, unchanged
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, few, scores, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.predictions.labels import label_text, list_labels
from mlgates.stats import ranking
from mlgates.stats.arrays import Codes, Floats, Mask, Values
from mlgates.stats.proportions import square_and_add, wilson_interval
from mlgates.stats.resampling import MANY, RESAMPLES, SEED, row_counts

#: Bins of probabilities, of equal width.
BINS = 10
_EDGES = np.arange(1, BINS) / BINS
#: Digits of the shares of a bin in reports.
_DIGITS = 12
_ONE = "only one class in `y_true`"
#: Areas are computed to 1e-14: a smaller variance or difference of areas is rounding error.
_ROUNDING = 1e-14
#: An area within this distance of 0 or 1, and within this many standard errors of it, gets its
#: interval on the logit scale: DeLong's is too short there and may reach beyond 0 or 1.
_NEAR = 0.2
_ERRORS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class _Area(Metric):
    """Base class of areas under ROC curves: their difference for rows in clusters."""

    need: Need = "scores"

    def clustered_change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between the areas of two models.

        An area is that under the ROC curve of one model. The rows are in clusters: rows of the same
        cluster, such as those of one user, may depend on each other.
        """
        weight = candidate.weight
        return _same_ranking(scores(candidate), scores(production), weight) or clustered_change(
            self.name,
            self.linear(candidate),
            self.linear(production),
            candidate,
            widest=1.0,
            unseen=lambda moved: _unseen_variance(candidate.true, moved, weight),
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class RocAuc(_Area):
    """The area under the ROC curve of two classes, with DeLong's interval.

    `Metric` describes the fields.
    """

    interval: str = "DeLong; on the logit scale near 0 and 1"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the area under the ROC curve and its confidence interval."""
        true, score, weight = _binary(self.name, outcomes)
        sizes = _effective_sizes(true, weight)
        if min(sizes) == 0:
            return undefined(_ONE)
        details = _small_class(sizes)
        if not confidence:
            return Estimate(ranking.auc(true, score, weight), details=details)
        areas, covariance = ranking.delong(true, score[None], weight)
        area, variance = float(areas[0]), float(covariance[0, 0])
        by_size = ranking.hanley_interval(area, sizes[0], sizes[1], confidence)
        if variance <= _ROUNDING**2:  # all placements are equal
            return Estimate(area, by_size, "Hanley and McNeil", details)
        ends = _area_interval(area, variance, min(sizes), confidence)
        if ends is None or _is_far(area, math.sqrt(variance), confidence):
            return Estimate(area, ends, "DeLong", details)
        # Near 0 or 1 the end towards 0.5 is the mean of DeLong's and of the interval by sizes: a
        # small class often has none of the rare badly ranked rows, so that DeLong's is too short.
        (low, high), (lower, upper) = ends, by_size
        ends = ((low + lower) / 2, high) if area > 0.5 else (low, (high + upper) / 2)
        return Estimate(area, ends, "DeLong (logit)", details)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the difference of the areas of two models, with its interval and test by DeLong.

        The placement of a row is the share of the rows of the other class that the model ranks
        correctly against this row. If it differs between the models in few rows only, the interval
        is made longer, because other rows could show a larger difference. If all placements differ
        by the same amount, DeLong's variance is 0; the interval is then computed from the class
        sizes only.
        """
        true, score, weight = _binary(self.name, candidate)
        other_score = scores(production)
        (area, other), variance, unseen = ranking.area_difference(true, score, other_score, weight)
        if variance > _ROUNDING**2:
            return normal_change("DeLong", area - other, variance, unseen)
        same = _same_ranking(score, other_score, weight)
        if same is not None:
            return same
        if math.isnan(variance):
            return Change("DeLong")
        sizes = _effective_sizes(true, weight)
        is_equal = abs(area - other) <= _ROUNDING
        if is_equal and _ROUNDING < area < 1 - _ROUNDING:
            return _no_discordance(score, other_score, weight, sizes)

        by_size = _difference_by_size(area, other, sizes)
        if is_equal:
            return _no_discordance(score, other_score, weight, sizes, ("Hanley", by_size))
        return Change("Hanley", by_size)

    def linear(self, outcomes: Outcomes) -> Linear:
        """Return the area under the curve, and the influence of each row on it.

        The influence of a row is ``weight * (placement - area) / sum(weights)``, where the sum is
        over the rows of the same class. The placement of a row is the share of the rows of the
        other class against which it is ranked correctly (DeLong's component). `Metric.linear`
        explains the use of the influences.
        """
        true, score, weight = _binary(self.name, outcomes)
        weight = np.ones(outcomes.n) if weight is None else weight
        area, influence = ranking.auc_influence(true, score, weight)
        return Linear(area, influence, weight, true.astype(np.intp), "logit")


@dataclass(frozen=True, eq=False, kw_only=True)
class RocAucOneVsRest(_Area):
    """The area under the ROC curve of one class against all others, as a mean over the classes.

    With `by_size`, the classes are weighted by their numbers of rows. `Metric` describes the other
    fields.
    """

    by_size: bool = False
    interval: str = "DeLong of the mean; on the logit scale near 0 and 1"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the area under the ROC curve as a mean over the classes, and its interval."""
        sizes = self.sizes(outcomes)
        if min(sizes) == 0:
            absent = [name for name, n in zip(outcomes.classes, sizes, strict=True) if not n]
            has = "class {} has no row" if len(absent) == 1 else "classes {} have no rows"
            return undefined(f"the {has.format(list_labels(absent))} in `y_true`")
        area, influence = self.influence(outcomes)
        variance = float(np.dot(influence, influence)) * _inflation(sizes)
        smallest = min(sizes)
        label = outcomes.classes[sizes.index(smallest)]
        details = _small_class(sizes, f"rows of class {label_text(label)}")
        if confidence and variance <= _ROUNDING**2:  # all placements are equal
            rest = sum(sizes) - smallest
            ends = ranking.hanley_interval(area, smallest, rest, confidence)
            return Estimate(area, ends, "Hanley and McNeil", details)
        return Estimate(
            area, _area_interval(area, variance, smallest, confidence), "DeLong", details
        )

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models.

        Both use DeLong's variance, computed from the influence of each row on the difference.
        """
        area, influence = self.influence(candidate)
        other, other_influence = self.influence(production)
        moved = influence - other_influence
        if abs(area - other) <= _ROUNDING and np.abs(moved).max() <= _ROUNDING:
            both, sizes = (scores(candidate), scores(production)), self.sizes(candidate)
            same = _same_ranking(*both, candidate.weight)
            return same or _no_discordance(*both, candidate.weight, sizes)
        variance = float(np.dot(moved, moved)) * _inflation(self.sizes(candidate))
        if variance <= _ROUNDING**2:  # all placements change by the same amount
            sizes = self.sizes(candidate)
            smallest, rest = min(sizes), sum(sizes) - min(sizes)
            return Change("Hanley", _difference_by_size(area, other, (smallest, rest)))
        unseen = _unseen_variance(candidate.true, moved, candidate.weight)
        return normal_change("DeLong", area - other, variance, unseen)

    def linear(self, outcomes: Outcomes) -> Linear:
        """Return the area under the ROC curve as a mean over the classes, and each row's influence.

        The influence of a row is the derivative of this mean with respect to the weight of the row,
        times that weight. `Metric.linear` explains its use.
        """
        area, influence = self.influence(outcomes)
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight
        return Linear(area, influence, weight, outcomes.true, "logit")

    def sizes(self, outcomes: Outcomes) -> tuple[float, ...]:
        """Return the number of rows of each class; if rows have weights, the effective number."""
        width = scores(outcomes).shape[1:]
        classes = range(width[0] if width else 2)
        return tuple(_effective_sizes(outcomes.true == c, outcomes.weight)[0] for c in classes)

    def influence(self, outcomes: Outcomes) -> tuple[float, Floats]:
        """Return the area under the ROC curve as a mean over the classes, and each row's influence.

        The influence of a row is the derivative of this mean with respect to the weight of the row,
        times that weight.
        """
        score, weight = scores(outcomes), outcomes.weight
        if score.ndim == 1:
            positive = outcomes.binary(self.name)
            score = np.column_stack([score if c == positive else -score for c in (0, 1)])
        rows = np.ones(outcomes.n) if weight is None else weight
        k = score.shape[1]
        totals = np.bincount(outcomes.true, rows, minlength=k)
        shares = totals / totals.sum() if self.by_size else np.full(k, 1 / k)
        mean, influence = 0.0, np.zeros(outcomes.n)
        for c in range(k):
            area, moved = ranking.auc_influence(outcomes.true == c, score[:, c], rows)
            mean += shares[c] * area
            influence += shares[c] * moved
            if self.by_size:  # the share of the class is an estimate too
                influence += rows / rows.sum() * ((outcomes.true == c) - shares[c]) * area
        return mean, influence


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePrecision(RowMetric):
    """The average precision: the mean of the precisions at each positive row.

    The interval is Student's t on the logit scale, with the size of the smaller class as the number
    of rows [1]_. The variance is the sum of the squared influences of the rows (infinitesimal
    jackknife). The influence of a row is the derivative of the average precision with respect to
    the row's weight, times that weight. If the smaller class is small, this interval contains the
    true value more reliably than one from resampling.

    If the average precision is 1, all positives are ranked above all negatives, and this variance
    is 0. The upper end is then 1, and the lower end is the product of two numbers. The first is
    Wilson's lower bound of the share of positives that are ranked above all negatives. The second
    is the precision ``positives / (positives + above)``, where ``above`` is Wilson's upper bound of
    the number of negatives that are ranked above the positives.

    References
    ----------
    .. [1] Boyd, K., Eng, K. H. and Page, C. D. (2013). Area under the precision-recall curve: point
       estimates and confidence intervals. ECML PKDD 2013, 451-466.
    """

    need: Need = "scores"
    interval: str = "linearized, Student's t on the logit scale"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the average precision and its confidence interval."""
        true, score, weight = _binary(self.name, outcomes)
        sizes = _effective_sizes(true, weight)
        if min(sizes) == 0:
            return undefined(_ONE)
        curve = ranking.precision_curve(true, score, weight)
        value, details = curve.value(), _small_class(sizes)
        if not confidence:
            return Estimate(value, details=details)
        positives, negatives = sizes
        if value >= 1:
            on_top = float(wilson_interval(positives, positives, confidence)[0])
            above = negatives * float(wilson_interval(0, negatives, confidence)[1])
            ends = on_top * positives / (positives + above), 1.0
            return Estimate(value, ends, "Wilson, combined", details)
        if min(sizes) <= 1:
            return Estimate(value, None, "linearized", details)
        influence = curve.influence()
        error = math.sqrt(float(np.dot(influence, influence)) * _inflation(sizes))
        t = float(special.stdtrit(min(sizes) - 1, (1 + confidence) / 2))
        return Estimate(value, _on_logits(value, t * error), "linearized", details)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models, by resampling rows.

        If both models put all pairs of a positive and a negative row in the same order, the
        difference is 0. `_no_discordance` then computes its interval.
        """
        true, score, weight = _binary(self.name, candidate)
        other_score = scores(production)
        same = _same_ranking(score, other_score, weight)
        if same is not None:
            return same
        change, sizes = super().change(candidate, production), _effective_sizes(true, weight)
        if change.value == 0:
            (area, other), variance, _ = ranking.area_difference(true, score, other_score, weight)
            if abs(area - other) <= _ROUNDING and variance <= _ROUNDING**2:
                return _no_discordance(score, other_score, weight, sizes)
        if min(sizes) <= 1:
            return change
        moved = np.zeros(len(true))
        for sign, ranked in ((1, score), (-1, other_score)):
            curve = ranking.precision_curve(true, ranked, weight)
            moved[curve.order] += sign * curve.influence()
        unseen = _unseen_variance(true, moved, weight)

        def ends(confidence: float) -> Ends:
            """Return the bootstrap's interval, widened if few rows differ between the models."""
            found, value = change.ends(confidence), change.value or 0.0
            if found is None or not unseen:
                return found
            more = float(special.ndtri((1 + confidence) / 2)) * math.sqrt(unseen)
            return value - math.hypot(value - found[0], more), value + math.hypot(
                found[1] - value, more
            )

        return replace(change, ends=ends)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return a function that computes the metric on resamples of the rows.

        Its argument is a matrix of the shape (number of resamples, number of rows), which says how
        often each row is drawn in each resample. It returns an array with the metric of each
        resample, NaN if undefined.
        """
        true, score, weight = _binary(self.name, outcomes)
        curve = ranking.precision_curve(true, score, weight)
        return lambda counts: curve.values(counts[:, curve.order])


def _unseen_variance(classes: Values, moved: Floats, weight: Floats | None) -> float:
    """Return the variance to add if two models differ on few rows, see `ranking.unseen_variance`.

    `classes` has the class of each row. `moved` is the influence of each row on the metric of the
    one model minus that on the metric of the other. Rows of weight 0 are ignored.
    """
    counted = np.ones(len(moved), np.bool_) if weight is None else weight > 0
    rows = counted.astype(np.float64) if weight is None else weight
    present = [(classes == c) & counted for c in np.unique(classes[counted])]
    totals = [float(rows[mask].sum()) for mask in present]
    squares = [float((rows[mask] ** 2).sum()) for mask in present]
    sizes = [total**2 / square for total, square in zip(totals, squares, strict=True)]
    moves = [moved[mask] * total / rows[mask] for total, mask in zip(totals, present, strict=True)]
    return ranking.unseen_variance(moves, sizes)


def _difference_by_size(
    area: float, other: float, sizes: tuple[float, float]
) -> Callable[[float], Ends]:
    """Return a function from a confidence level to the interval of the difference of two areas.

    `sizes` are the numbers of rows of the two classes. The intervals of the two areas are computed
    from the areas and these sizes only, and are then combined.
    """

    def ends(confidence: float) -> Ends:
        both = (ranking.hanley_interval(each, *sizes, confidence) for each in (area, other))
        low, high = square_and_add(area, next(both), other, next(both))
        return max(float(low), -1.0), min(float(high), 1.0)

    return ends


def _same_ranking(score: Floats, other: Floats, weight: Floats | None) -> Change | None:
    """Return a change of 0 if both scores put the rows in the same order; None otherwise.

    Rows of weight 0 are ignored.
    """
    counted = np.ones(len(score), np.bool_) if weight is None else weight > 0
    columns = zip(np.atleast_2d(score.T), np.atleast_2d(other.T), strict=True)
    if all(ranking.same_ranking(one[counted], two[counted]) for one, two in columns):
        return unchanged("identical ranking", "rankings")
    return None


def _no_discordance(
    score: Floats,
    other: Floats,
    weight: Floats | None,
    sizes: tuple[float, ...],
    widest: tuple[str, Callable[[float], Ends]] | None = None,
) -> Change:
    """Return a change of 0, for scores that order all pairs of a positive and a negative row alike.

    The two scores may order rows of one class differently. In other data, such rows could also
    change their order with rows of another class. The interval therefore usually has a width above
    0. `widest` gives an interval that depends on the class sizes only, as the name of its method
    and a function from a confidence level to the interval. The default is Tango's interval for the
    smallest class, with no discordant rows.

    This interval is cut off at a distance from 0: the mean difference of a row's two ranks, divided
    by the number of rows. Both ends are 0 if one pair of rows in another order would change the
    area by more than this distance.
    """
    method, ends_by_size = widest or ("Tango", tango_ends(0, 0, min(sizes)))
    counted = np.ones(len(score), np.bool_) if weight is None else weight > 0
    kept = None if weight is None else weight[counted]
    columns = zip(np.atleast_2d(score.T), np.atleast_2d(other.T), strict=True)
    moved = [
        np.average(
            np.abs(ranking.mid_ranks(one[counted]) - ranking.mid_ranks(two[counted])), weights=kept
        )
        for one, two in columns
    ]
    distance = float(np.mean(moved)) / int(np.count_nonzero(counted))
    smallest = min(sizes)
    if distance * smallest * (sum(sizes) - smallest) < 1:
        distance = 0.0

    def ends(confidence: float) -> Ends:
        low, high = ends_by_size(confidence) or (-distance, distance)
        return max(float(low), -distance) or 0.0, min(float(high), distance)

    return Change(method, ends, 0.0, p_value=1.0)


def _area_interval(
    area: float, variance: float, smallest: float, confidence: float
) -> tuple[float, float] | None:
    """Return the confidence interval of an area; None if the variance is 0 or undefined.

    Near 0 and 1 it is Student's t on the logit scale, with the size of the smallest class as the
    number of rows.
    """
    if not (confidence and variance > _ROUNDING**2):
        return None
    error = math.sqrt(variance)
    if _is_far(area, error, confidence):
        z = float(special.ndtri((1 + confidence) / 2))
        return area - z * error, area + z * error
    return _on_logits(area, error * float(special.stdtrit(smallest - 1, (1 + confidence) / 2)))


def _is_far(area: float, error: float, confidence: float) -> bool:
    """Return whether an area is so far from 0 and 1 that a symmetric interval fits."""
    distance = min(area, 1 - area)
    z = float(special.ndtri((1 + confidence) / 2))
    return distance > min(_NEAR, _ERRORS * error) and distance > z * error


def _on_logits(share: float, half_width: float) -> tuple[float, float]:
    """Return an interval around a share that is symmetric on the logit scale.

    `half_width` is its half width on the plain scale.
    """
    centre, half = float(special.logit(share)), half_width / (share * (1 - share))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def _inflation(sizes: tuple[float, ...]) -> float:
    """Return the factor ``n / (n - 1)`` that makes a variance unbiased; NaN if ``n`` is at most 1.

    ``n`` is the number of rows of the smallest class.
    """
    return min(sizes) / (min(sizes) - 1) if min(sizes) > 1 else math.nan


def _binary(name: str, outcomes: Outcomes) -> tuple[Mask, Floats, Floats | None]:
    """Return for two classes a mask of the positive rows, the scores and the weights.

    EvidenceError is raised unless there is one score per row. `name` is that of the metric.
    """
    positive, score = outcomes.binary(name), scores(outcomes)
    if score.ndim != 1:
        raise EvidenceError(
            f"`{name}` needs two classes with one score per row, got {score.shape[1]} scores"
        )
    return outcomes.true == positive, score, outcomes.weight


def _effective_sizes(positive: Mask, weight: Floats | None) -> tuple[float, float]:
    """Return the numbers of positive and of negative rows; with weights, the effective numbers."""
    if weight is None:
        return float(np.count_nonzero(positive)), float(np.count_nonzero(~positive))
    sides = weight[positive], weight[~positive]
    sizes = [float(w.sum()) ** 2 / float((w**2).sum()) if w.sum() > 0 else 0.0 for w in sides]
    return sizes[0], sizes[1]


def _small_class(sizes: tuple[float, ...], what: str = "") -> dict[str, object]:
    """Return a dict with the reason "lacking" if a class has too few rows, else an empty dict.

    `sizes` are the numbers of rows of the classes; `what` says in the plural what the rows are.
    """
    smallest = min(sizes)
    why = few(smallest, what or ("positives" if smallest == sizes[0] else "negatives"))
    return {"lacking": why} if why else {}


RANKING: tuple[Metric, ...] = (
    RocAuc(name="roc_auc", greater_is_better=True, binary=True),
    RocAucOneVsRest(name="roc_auc_ovr", greater_is_better=True),
    RocAucOneVsRest(name="roc_auc_ovr_weighted", greater_is_better=True, by_size=True),
    AveragePrecision(name="average_precision", greater_is_better=True, binary=True),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationError(RowMetric):
    """The expected calibration error of probabilities, in 10 bins of equal width.

    It is ``sum_b (n_b / n) |mean probability in b - share of positives in b|``, where ``n_b`` of
    the ``n`` rows are in the bin ``b``. The bins are ``[0, 0.1], (0.1, 0.2], ..., (0.9, 1]``. With
    more than two classes, the probability is the highest of the row, and the share is that of rows
    whose predicted class is right.

    The value is too large on average, and the value of a resample of the rows is too large by about
    twice as much. The basic bootstrap interval corrects for that. Its lower end is twice the value
    minus the upper quantile of the resamples' values, and its upper end is twice the value minus
    their lower quantile. The lower end is reduced further, if necessary, to the value minus the
    error that perfectly calibrated probabilities would have by chance.
    """

    need: Need = "probabilities"
    interval: str = (
        "basic bootstrap of the rows; a calibrated model also shows some error by chance, so the "
        "lower end is at most the value minus this error"
    )

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the calibration error and its confidence interval."""
        _, starts, probability, weight, gaps = self._binned(outcomes)
        errors = _errors(gaps, weight, starts)
        value = float(errors(np.ones((1, outcomes.n)))[0])
        curve = {"reliability": _reliability(starts, probability, weight, gaps, confidence or 0.95)}
        if not confidence:
            return Estimate(value, details=curve)
        rng, resamples = np.random.default_rng(SEED), self.resamples or RESAMPLES
        if outcomes.n < MANY:
            batches = row_counts(outcomes.n, resamples, rng)
            draws = np.concatenate([errors(batch) for batch in batches])
        else:  # the sum of each bin is nearly normal
            spread = np.sqrt(np.add.reduceat(gaps**2, starts))
            sums = np.add.reduceat(gaps, starts)
            sums = sums + spread * rng.standard_normal((resamples, len(starts)))
            draws = np.abs(sums).sum(1) / weight.sum()
        # the errors of perfectly calibrated probabilities
        spread = np.sqrt(np.add.reduceat(weight**2 * (probability * (1 - probability)), starts))
        noise = np.abs(rng.standard_normal((resamples, len(starts))) * spread).sum(1) / weight.sum()
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.quantile(draws, tails)
        lower = min(2 * value - float(high), value - float(np.quantile(noise, tails[1])))
        ends = max(0.0, lower), max(value, 2 * value - float(low))
        details = {"seed": SEED, "resamples": resamples, "bins": BINS, **curve}
        return Estimate(value, ends, "bootstrap (basic)", details)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return a function that computes the calibration error on resamples of the rows.

        Its argument is a matrix of the shape (number of resamples, number of rows), which says how
        often each row is drawn in each resample. It returns an array with the calibration error of
        each resample, NaN if undefined.
        """
        order, starts, _, weight, gaps = self._binned(outcomes)
        errors = _errors(gaps, weight, starts)
        return lambda counts: errors(counts[:, order])

    def _binned(self, outcomes: Outcomes) -> tuple[Codes, Codes, Floats, Floats, Floats]:
        """Sort the rows by bin of their probability, and return five arrays.

        The first is the order: the number of each sorted row. The second has the position of the
        first row of each bin that has rows. The others have one value per sorted row: the
        probability, the weight, and the weight times the difference of the probability and the
        answer, which is 1 if the predicted class is right and 0 if not. For two classes, the
        probability is that of the positive class, and the answer is 1 for positive rows.
        """
        score = scores(outcomes)
        if score.ndim == 1:
            right = outcomes.true == outcomes.binary(self.name)
        else:
            best = np.argmax(score, axis=1)
            score, right = score[np.arange(len(score)), best], best == outcomes.true
        bins = np.searchsorted(_EDGES, score)
        order = np.argsort(bins, kind="stable")
        starts = np.unique(bins[order], return_index=True)[1]
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight[order]
        gaps = weight * (score - right.astype(np.float64))[order]
        return order, starts, score[order], weight, gaps


def _reliability(
    starts: Codes, probability: Floats, weight: Floats, gaps: Floats, confidence: float
) -> tuple[dict[str, object], ...]:
    """Return the points of the reliability curve: one for each bin that has rows.

    The arguments are those of `CalibrationError._binned`. Each point has the mean probability, the
    observed share with Wilson's interval, and the number of rows.
    """
    rows = np.diff(starts, append=len(weight))
    largest = np.maximum.reduceat(weight, starts)
    unit = np.repeat(np.where(largest > 0, largest, 1.0), rows)
    scaled = weight / unit  # squares of small weights would underflow
    weights, squares, sums, differences = (
        np.add.reduceat(each, starts)
        for each in (scaled, scaled**2, scaled * probability, gaps / unit)
    )
    points = []
    for at in np.flatnonzero(weights > 0).tolist():
        mean, n = sums[at] / weights[at], weights[at] ** 2 / squares[at]
        share = round(float(np.clip(mean - differences[at] / weights[at], 0, 1)), _DIGITS)
        low, high = wilson_interval(share * n, n, confidence)
        place = int(np.searchsorted(_EDGES, probability[starts[at]]))
        points.append(
            {
                "bin": f"{place / BINS:g} to {(place + 1) / BINS:g}",
                "probability": round(float(mean), _DIGITS),
                "share": share,
                "low": float(low),
                "high": float(high),
                "n": int(rows[at]),
            }
        )
    return tuple(points)


def _errors(gaps: Floats, weight: Floats, starts: Codes) -> Statistic:
    """Return a function that computes the calibration error, given how often each row is drawn.

    The rows are sorted by bin, and `starts` has the position of the first row of each bin. `gaps`
    are, for each row, its weight times the difference of its probability and its answer (1 if the
    predicted class is right, else 0).
    """

    def errors(counts: Values) -> Floats:
        sums = np.add.reduceat(counts * gaps, starts, axis=1)
        total = counts @ weight
        return np.asarray(np.abs(sums).sum(1) / np.where(total > 0, total, np.nan))

    return errors


CALIBRATION: tuple[Metric, ...] = (
    CalibrationError(name="expected_calibration_error", greater_is_better=False, binary=True),
)
