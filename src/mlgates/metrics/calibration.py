"""Expected calibration error: how far probabilities are from the shares that came true."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.metrics.metric import Estimate, Metric, RowMetric, Statistic, scores
from mlgates.predictions import Need, Outcomes
from mlgates.stats.resampling import MANY, RESAMPLES, row_counts

__all__ = ["BINS", "CALIBRATION", "CalibrationError"]

Floats = npt.NDArray[np.float64]
#: Bins of equal width.
BINS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibrationError(RowMetric):
    """The mean distance, over 10 bins of equal width, of the mean probability from the share.

    ``sum_b (n_b / n) |mean probability in b - share of b that came true|``, the bins being
    ``[0, 0.1], (0.1, 0.2], ..., (0.9, 1]``. With two classes the probability is that of the
    positive class; with more, the highest of the row, which comes true where its class is right.
    """

    need: Need = "probabilities"
    interval: str = "bootstrap of the rows, basic, widened by chance"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return the error and its interval."""
        told, came = told_and_came(self.name, outcomes)
        order, starts = _binned(told)
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight[order]
        gaps = weight * (told - came)[order]
        errors = _errors(gaps, weight, starts)
        value = float(errors(np.ones((1, outcomes.n)))[0])
        if not confidence:
            return Estimate(value)
        rng = np.random.default_rng(seed)
        if outcomes.n < MANY:
            batches = row_counts(outcomes.n, RESAMPLES, rng)
            draws = np.concatenate([errors(batch) for batch in batches])
        else:  # each bin's sum has a normal law by then
            spread = np.sqrt(np.add.reduceat(gaps**2, starts))
            sums = np.add.reduceat(gaps, starts)
            sums = sums + spread * rng.standard_normal((RESAMPLES, len(starts)))
            draws = np.abs(sums).sum(1) / weight.sum()
        # what probabilities that are right would give by chance
        spread = np.sqrt(np.add.reduceat(weight**2 * (told * (1 - told))[order], starts))
        noise = np.abs(rng.standard_normal((RESAMPLES, len(starts))) * spread).sum(1)
        ends = _ends(value, draws, noise / weight.sum(), confidence)
        details = {"seed": seed, "resamples": RESAMPLES, "bins": BINS}
        return Estimate(value, ends, "bootstrap (basic)", details)

    def of_counts(self, outcomes: Outcomes) -> Statistic:
        """Return the calibration errors of resamples."""
        told, came = told_and_came(self.name, outcomes)
        order, starts = _binned(told)
        weight = np.ones(outcomes.n) if outcomes.weight is None else outcomes.weight[order]
        errors = _errors(weight * (told - came)[order], weight, starts)
        return lambda counts: errors(counts[:, order])


def _ends(value: float, draws: Floats, noise: Floats, confidence: float) -> tuple[float, float]:
    """Return the interval of an error that is biased upwards, and whose resamples are once more.

    The basic interval takes the bias off: from twice the value minus the draws' upper quantile to
    twice the value minus the lower one. The lower end is no higher than what is left of the value
    when chance alone is taken off.
    """
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    low, high = np.quantile(draws, tails)
    by_chance = float(np.quantile(noise, tails[1]))
    lower = min(2 * value - float(high), value - by_chance)
    return max(0.0, lower), max(value, 2 * value - float(low))


def _binned(told: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows in the order of their bins, and where each bin that has rows starts."""
    bins = np.searchsorted(np.arange(1, BINS) / BINS, told)
    order = np.argsort(bins, kind="stable")
    return order, np.unique(bins[order], return_index=True)[1]


def _errors(gaps: Floats, weight: Floats, starts: npt.NDArray[np.intp]) -> Statistic:
    """The error of resamples of rows that lie bin by bin."""

    def errors(counts: npt.NDArray[Any]) -> Floats:
        sums = np.add.reduceat(counts * gaps, starts, axis=1)
        total = counts @ weight
        return np.asarray(np.abs(sums).sum(1) / np.where(total > 0, total, np.nan))

    return errors


def told_and_came(name: str, outcomes: Outcomes) -> tuple[Floats, Floats]:
    """Return the probability told in each row, and 1 where it came true."""
    score = scores(outcomes)
    if score.ndim == 1:
        return score, (outcomes.true == outcomes.binary(name)).astype(np.float64)
    best = np.argmax(score, axis=1)
    return score[np.arange(len(score)), best], (best == outcomes.true).astype(np.float64)


CALIBRATION: tuple[Metric, ...] = (
    CalibrationError(name="expected_calibration_error", greater_is_better=False),
)
