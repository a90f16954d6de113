"""Metrics of scores: areas under curves, and the calibration of probabilities."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.metrics.difference import Change, Ends, normal_change, tango_ends, unchanged
from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, few, scores, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.stats import ranking
from mlgates.stats.arrays import Codes, Floats, Mask, Values
from mlgates.stats.proportions import square_and_add, wilson_interval
from mlgates.stats.resampling import MANY, RESAMPLES, SEED, row_counts

#: Bins of probabilities, of equal width.
BINS = 10
_ONE = "only one class in `y_true`"
#: This near to 0 and 1, and within so many standard errors of them, the interval of an area is had
#: on the logit scale: there DeLong's covers too seldom, and reaches beyond what is possible.
_NEAR = 0.2
_ERRORS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class RocAuc(Metric):
    """The area under the ROC curve of two classes, with DeLong's interval."""

    need: Need = "scores"
    interval: str = "DeLong; on the logit scale near 0 and 1"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the area and its interval."""
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
        if area in (0.0, 1.0):  # all placements are alike
            return Estimate(area, by_size, "Hanley and McNeil", details)
        ends = _area_interval(area, variance, min(sizes), confidence)
        if ends is None or _is_far(area, math.sqrt(variance), confidence):
            return Estimate(area, ends, "DeLong", details)
        # near 0 or 1 the inner end is halfway to that of the area's size alone: the variance of
        # placements misses the few badly ranked rows that a small class does not show
        (low, high), (lower, upper) = ends, by_size
        ends = ((low + lower) / 2, high) if area > 0.5 else (low, (high + upper) / 2)
        return Estimate(area, ends, "DeLong (logit)", details)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return DeLong's interval and test; where all placements change alike, one by size."""
        true, mine, weight = _binary(self.name, candidate)
        theirs = scores(production)
        areas, variances = ranking.delong(true, (mine, theirs), weight, difference=True)
        (area, other), variance = areas.tolist(), float(variances[0, 0])
        if variance > 0:
            return normal_change("DeLong", area - other, math.sqrt(variance))
        counts = np.ones(candidate.n, np.bool_) if weight is None else weight > 0
        if ranking.same_ranking(mine[counts], theirs[counts]):
            return unchanged("identical ranking", "rankings")
        if math.isnan(variance):
            return Change("DeLong")
        sizes = _effective_sizes(true, weight)
        if area == other and area not in (0, 1):
            # no row has another place among those of the other class: as no discordant row
            return Change("Tango", tango_ends(0, 0, min(sizes)), p_value=1.0)

        def by_size(confidence: float) -> Ends:
            """Return Newcombe's square-and-add of intervals that follow from sizes alone."""
            here, there = (
                ranking.hanley_interval(one, *sizes, confidence) for one in (area, other)
            )
            low, high = square_and_add(area, here, other, there)
            return max(float(low), -1.0), min(float(high), 1.0)

        return Change("Hanley", by_size)


@dataclass(frozen=True, eq=False, kw_only=True)
class RocAucOneVsRest(Metric):
    """The mean over classes of the area under the ROC curve of one class against the rest."""

    need: Need = "scores"
    by_size: bool = False
    interval: str = "DeLong of the mean; on the logit scale near 0 and 1"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the mean area and its interval."""
        sizes = self.sizes(outcomes)
        if min(sizes) == 0:
            return undefined("a class is not in `y_true`")
        area, moves = self.influence(outcomes)
        variance = float(np.dot(moves, moves)) * _inflation(sizes)
        ends = _area_interval(area, variance, min(sizes), confidence)
        return Estimate(area, ends, "DeLong", _small_class(sizes, "rows of a class"))

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return DeLong's interval of a mean of areas, by how much each row moves it."""
        (area, moves), (other, moved) = self.influence(candidate), self.influence(production)
        spread = moves - moved
        variance = float(np.dot(spread, spread)) * _inflation(self.sizes(candidate))
        return normal_change("DeLong", area - other, math.sqrt(variance))

    def sizes(self, outcomes: Outcomes) -> tuple[float, ...]:
        """Return the effective number of rows of each class."""
        width = scores(outcomes).shape[1:]
        classes = range(width[0] if width else 2)
        return tuple(_effective_sizes(outcomes.true == c, outcomes.weight)[0] for c in classes)

    def influence(self, outcomes: Outcomes) -> tuple[float, Floats]:
        """Return the mean area, and by how much each row moves it."""
        score, weight = scores(outcomes), outcomes.weight
        if score.ndim == 1:
            positive = outcomes.binary(self.name)
            score = np.column_stack([score if c == positive else -score for c in (0, 1)])
        rows = np.ones(outcomes.n) if weight is None else weight
        k = score.shape[1]
        totals = np.bincount(outcomes.true, rows, minlength=k)
        shares = totals / totals.sum() if self.by_size else np.full(k, 1 / k)
        area, moves = 0.0, np.zeros(outcomes.n)
        for c in range(k):
            one, moved = ranking.auc_influence(outcomes.true == c, score[:, c], rows)
            area += shares[c] * one
            moves += shares[c] * moved
            if self.by_size:  # the share of the class is observed too
                moves += rows / rows.sum() * ((outcomes.true == c) - shares[c]) * one
        return area, moves


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePrecision(RowMetric):
    """The mean of the precisions at each positive row, with a linearized interval.

    The variance is the sum of the squares of what each row moves (the infinitesimal jackknife, as
    of DeLong's); the interval is Student's on the logit scale, with the rows of the smaller class,
    which covers better than resampling where they are few. Of an average precision of 1, where
    nothing varies, the lower end is the product of two bounds: the share of positive rows that are
    as well ranked, by Wilson, and their precision if as many negative rows lie above them as
    Wilson's bound of none allows.

    References
    ----------
    .. [1] Boyd, K., Eng, K. H. and Page, C. D. (2013). Area under the precision-recall curve: point
       estimates and confidence intervals. ECML PKDD 2013, 451-466.
    """

    need: Need = "scores"
    interval: str = "linearized, t on the logit scale"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the average precision and its interval."""
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
            well = float(wilson_interval(positives, positives, confidence)[0])
            above = negatives * float(wilson_interval(0, negatives, confidence)[1])
            ends = well * positives / (positives + above), 1.0
            return Estimate(value, ends, "Wilson, combined", details)
        if min(sizes) <= 1:
            return Estimate(value, None, "linearized", details)
        moves = curve.influence()
        error = math.sqrt(float(np.dot(moves, moves)) * _inflation(sizes))
        t = float(special.stdtrit(min(sizes) - 1, (1 + confidence) / 2))
        return Estimate(value, _on_logits(value, t * error), "linearized", details)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the average precisions of resamples."""
        true, score, weight = _binary(self.name, outcomes)
        curve = ranking.precision_curve(true, score, weight)
        return lambda counts: curve.values(counts[:, curve.order])


def _area_interval(
    area: float, variance: float, smallest: float, confidence: float
) -> tuple[float, float] | None:
    """Return the interval of an area; None where the variance is 0 or undefined.

    Near 0 and 1 it is Student's on the logit scale, with the rows of the smallest class.
    """
    if not variance > 0:
        return None
    error = math.sqrt(variance)
    if _is_far(area, error, confidence):
        z = float(special.ndtri((1 + confidence) / 2))
        return area - z * error, area + z * error
    return _on_logits(area, error * float(special.stdtrit(smallest - 1, (1 + confidence) / 2)))


def _is_far(area: float, error: float, confidence: float) -> bool:
    """Return whether an area is so far from 0 and 1 that its interval is symmetric."""
    room = min(area, 1 - area)
    z = float(special.ndtri((1 + confidence) / 2))
    return room > min(_NEAR, _ERRORS * error) and room > z * error


def _on_logits(share: float, half_width: float) -> tuple[float, float]:
    """Return the interval of a share on the logit scale from its half-width on the plain scale."""
    centre, half = float(special.logit(share)), half_width / (share * (1 - share))
    return float(special.expit(centre - half)), float(special.expit(centre + half))


def _inflation(sizes: tuple[float, ...]) -> float:
    """Return the factor from squares of influences to a variance; NaN for one row."""
    return min(sizes) / (min(sizes) - 1) if min(sizes) > 1 else math.nan


def _binary(name: str, outcomes: Outcomes) -> tuple[Mask, Floats, Floats | None]:
    """Return whether each row is positive, its score and its weight, of two classes."""
    positive, score = outcomes.binary(name), scores(outcomes)
    if score.ndim != 1:
        msg = f"`{name}` is for two classes and one score a row, got {score.shape[1]} a row"
        raise EvidenceError(msg)
    return outcomes.true == positive, score, outcomes.weight


def _effective_sizes(positive: Mask, weight: Floats | None) -> tuple[float, float]:
    """Return the effective numbers of positive and negative rows."""
    if weight is None:
        return float(np.count_nonzero(positive)), float(np.count_nonzero(~positive))
    sides = weight[positive], weight[~positive]
    sizes = [float(w.sum()) ** 2 / float((w**2).sum()) if w.sum() > 0 else 0.0 for w in sides]
    return sizes[0], sizes[1]


def _small_class(sizes: tuple[float, ...], what: str = "") -> dict[str, object]:
    """Return the detail for a class that is too small to decide by; empty otherwise."""
    smallest = min(sizes)
    why = few(smallest, what or ("positives" if smallest == sizes[0] else "negatives"))
    return {"lacking": why} if why else {}


RANKING: tuple[Metric, ...] = (
    RocAuc(name="roc_auc", greater_is_better=True),
    RocAucOneVsRest(name="roc_auc_ovr", greater_is_better=True),
    RocAucOneVsRest(name="roc_auc_ovr_weighted", greater_is_better=True, by_size=True),
    AveragePrecision(name="average_precision", greater_is_better=True),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationError(RowMetric):
    """The mean distance, over 10 bins of equal width, of the mean probability from the share.

    ``sum_b (n_b / n) |mean probability in b - share of b that came true|``, the bins being
    ``[0, 0.1], (0.1, 0.2], ..., (0.9, 1]``. With two classes the probability is that of the
    positive class; with more, the highest of the row, which comes true where its class is right.

    The error is biased upwards, and that of resamples twice so. The basic interval takes the bias
    off: from twice the value minus the draws' upper quantile to twice the value minus the lower
    one. The lower end is no higher than the value minus what chance alone would give.
    """

    need: Need = "probabilities"
    interval: str = "bootstrap of the rows, basic, widened by chance"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the error and its interval."""
        _, starts, probability, weight, gaps = self._binned(outcomes)
        errors = _errors(gaps, weight, starts)
        value = float(errors(np.ones((1, outcomes.n)))[0])
        if not confidence:
            return Estimate(value)
        rng = np.random.default_rng(SEED)
        if outcomes.n < MANY:
            batches = row_counts(outcomes.n, RESAMPLES, rng)
            draws = np.concatenate([errors(batch) for batch in batches])
        else:  # each bin's sum has a normal law by then
            spread = np.sqrt(np.add.reduceat(gaps**2, starts))
            sums = np.add.reduceat(gaps, starts)
            sums = sums + spread * rng.standard_normal((RESAMPLES, len(starts)))
            draws = np.abs(sums).sum(1) / weight.sum()
        # what probabilities that are right would give by chance
        spread = np.sqrt(np.add.reduceat(weight**2 * (probability * (1 - probability)), starts))
        noise = np.abs(rng.standard_normal((RESAMPLES, len(starts))) * spread).sum(1) / weight.sum()
        tails = [(1 - confidence) / 2, (1 + confidence) / 2]
        low, high = np.quantile(draws, tails)
        lower = min(2 * value - float(high), value - float(np.quantile(noise, tails[1])))
        ends = max(0.0, lower), max(value, 2 * value - float(low))
        details = {"seed": SEED, "resamples": RESAMPLES, "bins": BINS}
        return Estimate(value, ends, "bootstrap (basic)", details)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the calibration errors of resamples."""
        order, starts, _, weight, gaps = self._binned(outcomes)
        errors = _errors(gaps, weight, starts)
        return lambda counts: errors(counts[:, order])

    def _binned(self, outcomes: Outcomes) -> tuple[Codes, Codes, Floats, Floats, Floats]:
        """Return the order of rows by bins and where each bin starts.

        Of the ordered rows also the probabilities, the weights and the weighted gaps.
        """
        score = scores(outcomes)
        if score.ndim == 1:
            right = outcomes.true == outcomes.binary(self.name)
        else:
            best = np.argmax(score, axis=1)
            score, right = score[np.arange(len(score)), best], best == outcomes.true
        bins = np.searchsorted(np.arange(1, BINS) / BINS, score)
        order = np.argsort(bins, kind="stable")
        starts = np.unique(bins[order], return_index=True)[1]
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight[order]
        gaps = weight * (score - right.astype(np.float64))[order]
        return order, starts, score[order], weight, gaps


def _errors(gaps: Floats, weight: Floats, starts: Codes) -> Statistic:
    """Return the calibration error as a function of resamples of rows in the order of bins."""

    def errors(counts: Values) -> Floats:
        sums = np.add.reduceat(counts * gaps, starts, axis=1)
        total = counts @ weight
        return np.asarray(np.abs(sums).sum(1) / np.where(total > 0, total, np.nan))

    return errors


CALIBRATION: tuple[Metric, ...] = (
    CalibrationError(name="expected_calibration_error", greater_is_better=False),
)
