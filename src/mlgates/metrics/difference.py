"""The difference of a metric between two models on the same rows: value, interval and test.

Every comparison is paired: rows on which both models agree do not add to the standard error. So it
is usually much smaller than that of two separate samples.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.errors import EvidenceError
from mlgates.predictions import Outcomes
from mlgates.stats.arrays import Floats
from mlgates.stats.proportions import mcnemar, tango_interval
from mlgates.stats.resampling import SEED, bca_interval

if TYPE_CHECKING:
    from mlgates.metrics.metric import Metric

__all__ = ["Difference", "difference"]

Ends = tuple[float, float] | None
#: Minimal number of discordant rows for a standard error of the difference.
MANY = 10
#: A difference below this, that all resamples share, is rounding error.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Change:
    """The confidence interval and the test of the difference of a metric between two models.

    `Metric.change` returns it.

    Parameters
    ----------
    method : str
        Name of the statistical method of the interval, for reports.
    ends : callable
        A function of a confidence level. It returns the interval, or None if there is no interval.
    value : float, optional
        The difference, if it can be computed without the rounding error of a subtraction; otherwise
        None.
    p_value : float, optional
        The p-value of the hypothesis that the two models do not differ; None if there is no test.
    details : mapping
        Further values for the report.
    alike : {"answers", "rankings"} or None
        "answers" if both models predict the same on every row, "rankings" if their scores put the
        rows in the same order; otherwise None.
    """

    method: str
    ends: Callable[[float], Ends] = lambda _: None
    value: float | None = None
    p_value: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    alike: Literal["answers", "rankings"] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", cache(self.ends))  # gates ask for a level repeatedly


def unchanged(method: str, alike: Literal["answers", "rankings"]) -> Change:
    """Return a difference of exactly 0, for models with equal answers or rankings on all rows.

    `method` is the name of the method for reports.
    """
    return Change(method, lambda _: (0.0, 0.0), value=0.0, p_value=1.0, alike=alike)


def normal_change(method: str, change: float, variance: float, unseen: float = 0.0) -> Change:
    """Return a difference with a normal confidence interval and its p-value.

    `change` is the difference of the metric, and `variance` the variance of `change`. The interval
    is cut off at -1 and 1. `method` is the name of the method that computed the variance, for
    reports. If `variance` is 0 or NaN, there is neither an interval nor a p-value.

    `unseen` is added to the variance for the interval. It is more than 0 if the models differ on
    few rows only: a sample may contain none of such rows, and its variance is then too small. See
    `mlgates.stats.ranking.unseen_variance`. The p-value is computed without it, because the null
    hypothesis is that the models do not differ.
    """
    if not variance > 0:
        return Change(method)
    error = math.sqrt(variance)

    def ends(confidence: float) -> Ends:
        half = float(special.ndtri((1 + confidence) / 2)) * math.sqrt(variance + unseen)
        return max(change - half, -1.0), min(change + half, 1.0)

    p_value = math.erfc(abs(change) / error / math.sqrt(2))
    return Change(method, ends, p_value=p_value, details={"standard_error": error})


def resampled_change(
    value: float,
    draws: Floats,
    what: str,
    left_out: Floats | None = None,
    times: npt.ArrayLike = 1.0,
) -> Change:
    """Return the bootstrap interval and p-value of the difference of a metric between two models.

    Parameters
    ----------
    value : float
        The difference, computed from all rows.
    draws : ndarray of shape (r,)
        The difference, computed from each resample; NaN where it is undefined.
    what : str
        Name of the resampling method, for the report.
    left_out : ndarray, optional
        The difference, computed without one row, for each row, or without one block of rows, for
        each block. It is needed for the BCa interval. By default the interval has no correction.
    times : array_like
        Number of equal rows that each element of `left_out` counts for. Default 1.

    Returns
    -------
    Change
        The interval is that of `bca_interval`, widened to contain `value`. If all draws are equal,
        both ends are `value`. There is no interval if more than 10 % of the draws are NaN. The
        p-value is ``min(1, 2 (k + 1) / (m + 1))``. Here ``m`` is the number of draws that are not
        NaN, and ``k`` the smaller one of two numbers: the draws of at most 0, and the draws of at
        least 0.
    """
    defined = draws[~np.isnan(draws)]
    how = bca_interval(value, draws, left_out, times=times).how
    if how == "degenerate" and abs(value) <= _ROUNDING:
        value, defined = 0.0, np.zeros_like(defined)
    fewer = int(min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0)))

    def ends(confidence: float) -> Ends:
        if how == "degenerate":  # all resamples differ by the same amount
            return value, value
        interval = bca_interval(value, draws, left_out, confidence, times).interval
        # widened to contain the difference itself
        return None if interval is None else (min(interval[0], value), max(interval[1], value))

    p_value = min(1.0, 2 * (fewer + 1) / (len(defined) + 1))
    details = {"seed": SEED, "resamples": len(draws)}
    return Change(f"{what} ({how})", ends, value, p_value=p_value, details=details)


def tango_ends(b: float, c: float, n: float) -> Callable[[float], Ends]:
    """Return a function that computes Tango's interval of a paired difference of two shares.

    The function takes a confidence level. `n`, `b` and `c` are as in `tango_change`.
    """

    def ends(confidence: float) -> Ends:
        low, high = tango_interval(b, c, n, confidence)
        return float(low), float(high)

    return ends


def tango_change(b: float, c: float, n: float) -> Change:
    """Return the difference of a share between two models, with its interval and test.

    The share, such as the accuracy, is of the same rows for both models. The difference is the
    first model's share minus the second model's. The interval is Tango's, and the test is
    McNemar's. `n` is the number of rows. `b` rows are in the numerator for the first model only,
    and `c` rows for the second model only.
    """
    exact, mid = mcnemar(b, c)
    details: dict[str, object] = {"b": b, "c": c, "rows_compared": n, "p_value_mid": mid}
    if b + c >= MANY:
        details["standard_error"] = math.sqrt(b + c - (b - c) ** 2 / n) / n
    return Change("Tango", tango_ends(b, c, n), (b - c) / n, p_value=exact, details=details)


@dataclass(frozen=True, eq=False, kw_only=True)
class Difference:
    """The value of a metric for the candidate minus that for production, on the same rows.

    The function `difference` returns it.

    Parameters
    ----------
    candidate, production : float or None
        The value of the metric for each model; None if it is undefined.
    value : float or None
        The candidate's value minus production's; None if one of them is undefined.
    n : int
        Number of rows on which both models were measured; if rows have weights, the effective
        number.
    dropped : int
        Number of rows that were left out because they have no label.
    undefined : str
        Why the difference is undefined, as part of a sentence; empty if it is defined.
    lacking : str
        Why the rows are too few for a decision, as part of a sentence; empty if they are enough.
    change : Change
        Confidence interval and test of the difference.
    """

    candidate: float | None
    production: float | None
    value: float | None
    n: int
    dropped: int
    undefined: str
    lacking: str
    change: Change


def difference(
    metric: "Metric", candidate: Outcomes, production: Outcomes, *, interval: bool = True
) -> Difference:
    """Return the difference of a metric between two models on the same rows, and its interval.

    Parameters
    ----------
    metric : Metric
        The metric to compare.
    candidate, production : Outcomes
        Labels and predictions of each model, of the kind that the metric needs and with the same
        rows.
    interval : bool
        Whether to compute the interval and the test, which can need resampling.

    Returns
    -------
    Difference
        The difference. Shares with the same denominator for both models (accuracy, recall, a false
        positive rate) have Tango's interval. For means of such shares over the classes (balanced
        accuracy), the intervals of the classes are combined. An area under the ROC curve has
        DeLong's interval, and a mean of losses has Student's t interval of the differences per row.
        For all other metrics, the same rows of both models are resampled.

    Raises
    ------
    EvidenceError
        If a value is outside the range of the metric, or if the outcomes are of a wrong kind.
    """
    here = metric.measure(candidate, confidence=0)
    try:
        there = metric.measure(production, confidence=0)
    except EvidenceError as error:
        raise EvidenceError(f"for the predictions of production, {error}") from error
    sides = {"the candidate": here, "production": there}
    undefined = "; ".join(
        f"undefined for {side}: {measured.details.get('undefined', 'for these rows')}"
        for side, measured in sides.items()
        if measured.value is None
    )
    if undefined or not interval:
        change = Change("")
    elif _same_answers(candidate, production):
        change = unchanged("identical", "answers")
    elif candidate.cluster is not None:
        change = metric.clustered_change(candidate, production)
    else:
        change = metric.change(candidate, production)
    value = change.value
    if value is None and here.value is not None and there.value is not None:
        value = here.value - there.value
    lacking = [str(side.details["lacking"]) for side in (here, there) if "lacking" in side.details]
    return Difference(
        candidate=here.value,
        production=there.value,
        value=value,
        n=candidate.effective_rows,
        dropped=candidate.dropped,
        undefined=undefined,
        lacking="; ".join(dict.fromkeys(lacking)),
        change=change,
    )


def _same_answers(candidate: Outcomes, production: Outcomes) -> bool:
    """Return whether both models give the same answer on every row that has weight."""
    models = (candidate, production)
    counted = slice(None) if candidate.weight is None else candidate.weight > 0
    answers: list[tuple[Any, Any]] = [(model.score, model.pred) for model in models]
    if candidate.need == "labels":  # two models may have different codes for the same label
        answers = [(None, np.array(model.classes, object)[model.pred]) for model in models]
    given = [pair for pair in zip(*answers, strict=True) if pair[0] is not None]
    return bool(given) and all(np.array_equal(a[counted], b[counted]) for a, b in given)
