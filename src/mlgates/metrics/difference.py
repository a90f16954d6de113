"""The difference of a metric between two models on the same rows: value, interval and test.

Every comparison is paired. Rows on which both models agree do not count towards the standard
error, so that it is several times smaller than that of two separate samples.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
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
    """Confidence interval and test of the difference of a metric between two models.

    Parameters
    ----------
    method : str
        Name of the method that the interval comes from.
    ends : callable
        Takes a level of confidence and returns the interval, or None if there is no interval.
    value : float, optional
        The exact difference, where it can be computed without the rounding of a subtraction.
    p_value : float, optional
        The p-value of the hypothesis that the two models do not differ; None without a test.
    details : mapping
        Plain values for the report.
    alike : {"answers", "rankings"} or None
        "answers" where both models predict the same on every row, "rankings" where their scores
        put the rows in the same order.
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
    """Return a change of exactly 0, for models with the same answers or rankings on all rows."""
    return Change(method, lambda _: (0.0, 0.0), value=0.0, p_value=1.0, alike=alike)


def normal_change(method: str, change: float, variance: float, unseen: float = 0.0) -> Change:
    """Return a change with a normal confidence interval, cut off at -1 and 1, and its p-value.

    `change` is the difference of the metric, and `variance` the variance of `change`. `method` is
    the name of the method that computed the variance, for reports. `unseen` is a variance to add
    for rows that a sample may lack, see `mlgates.stats.ranking.unseen_variance`. It makes the
    interval longer. The p-value is computed without it, because under its null hypothesis the
    models do not differ. If `variance` is 0 or NaN, the change has neither an interval nor a
    p-value.
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
    value: float, draws: Floats, what: str, left_out: Floats | None = None
) -> Change:
    """Return a change with a bootstrap confidence interval.

    Parameters
    ----------
    value : float
        The difference on all rows.
    draws : ndarray
        The difference of each resample; NaN where it is undefined. If all are equal, so are the
        ends of the interval.
    what : str
        Name of the resampling method, for the report.
    left_out : ndarray, optional
        The difference without one row, or one block of rows, for the BCa correction.
    """
    defined = draws[~np.isnan(draws)]
    how = bca_interval(value, draws, left_out).how
    if how == "degenerate" and abs(value) <= _ROUNDING:
        value, defined = 0.0, np.zeros_like(defined)
    fewer = int(min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0)))

    def ends(confidence: float) -> Ends:
        if how == "degenerate":  # all resamples differ by the same amount
            return value, value
        interval = bca_interval(value, draws, left_out, confidence).interval
        # widened to contain the difference itself
        return None if interval is None else (min(interval[0], value), max(interval[1], value))

    p_value = min(1.0, 2 * (fewer + 1) / (len(defined) + 1))
    details = {"seed": SEED, "resamples": len(draws)}
    return Change(f"{what} ({how})", ends, value, p_value=p_value, details=details)


def tango_ends(b: float, c: float, n: float) -> Callable[[float], Ends]:
    """Return a function from a confidence level to Tango's interval of a paired difference.

    `b` of `n` rows are right for the first model only, and `c` for the second model only.
    """

    def ends(confidence: float) -> Ends:
        low, high = tango_interval(b, c, n, confidence)
        return float(low), float(high)

    return ends


def tango_change(b: float, c: float, n: float) -> Change:
    """Return a change of a share of `n` rows, with Tango's interval and McNemar's test.

    `b` rows are in the numerator for the first model only, and `c` rows for the second model only.
    """
    exact, mid = mcnemar(b, c)
    details: dict[str, object] = {"b": b, "c": c, "rows_compared": n, "p_value_mid": mid}
    if b + c >= MANY:
        details["standard_error"] = math.sqrt(b + c - (b - c) ** 2 / n) / n
    return Change("Tango", tango_ends(b, c, n), (b - c) / n, p_value=exact, details=details)


@dataclass(frozen=True, eq=False, kw_only=True)
class Difference:
    """The value of a metric for the candidate minus that for production, on the same rows.

    Parameters
    ----------
    candidate, production : float or None
        The two values; None where the metric is undefined.
    value : float or None
        The candidate's minus production's.
    n : int
        Rows that both models were measured on; with weights, the effective number.
    dropped : int
        Rows without a label.
    undefined : str
        Why there is no difference, as part of a sentence; empty if there is one.
    lacking : str
        Why the rows are too few for a decision, as part of a sentence; empty if they are enough.
    change : Change
        Interval and test of the difference.
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
    """Compare a metric between two models on the same rows.

    Parameters
    ----------
    metric : Metric
        The metric to compare.
    candidate, production : Outcomes
        Of the kind that the metric needs, with the same rows.
    interval : bool
        Whether to compute interval and test, which may need resampling.

    Returns
    -------
    Difference
        Shares with the same denominator for both models (accuracy, recall, a false positive
        rate) have Tango's interval from the discordant rows, and means of such shares (balanced
        accuracy) combine the intervals of the classes. An area under the ROC curve has DeLong's
        interval, and a mean of losses Student's t interval of the differences per row. All other
        metrics resample the same rows of both models.

    Raises
    ------
    EvidenceError
        For a value outside the range of the metric, and for outcomes of the wrong kind.
    """
    here = metric.measure(candidate, confidence=0)
    try:
        there = metric.measure(production, confidence=0)
    except EvidenceError as error:
        msg = f"in production {error}"
        raise EvidenceError(msg) from error
    sides = {"": here, " in production": there}
    undefined = "; ".join(
        f"undefined{side}: {measured.details.get('undefined', 'for these rows')}"
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
