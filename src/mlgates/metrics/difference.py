"""A metric of one model minus that of another on the same rows, always paired.

Rows on which both models answer alike don't show which one is better; to leave them out of the
error makes it several times smaller than that of two samples.
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
from mlgates.stats.proportions import tango_interval
from mlgates.stats.resampling import SEED, bca_interval

if TYPE_CHECKING:
    from mlgates.metrics.metric import Metric

__all__ = ["Difference", "difference"]

Ends = tuple[float, float] | None


@dataclass(frozen=True, eq=False)
class Change:
    """Interval and test of a difference between two models.

    Parameters
    ----------
    method : str
        How the interval is computed.
    ends : callable
        The interval at a level; None where there is none.
    value : float, optional
        The difference, where it is known without the rounding of a subtraction.
    p_value : float, optional
        Of the test that there is no difference.
    details : mapping
        For the report.
    alike : {"answers", "rankings"} or None
        What is the same for both models on every row, if anything is.
    """

    method: str
    ends: Callable[[float], Ends] = lambda _: None
    value: float | None = None
    p_value: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    alike: Literal["answers", "rankings"] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", cache(self.ends))  # a level is needed more than once


def unchanged(method: str, alike: Literal["answers", "rankings"]) -> Change:
    """Return the change between models that answer, or rank, all rows alike."""
    return Change(method, lambda _: (0.0, 0.0), value=0.0, p_value=1.0, alike=alike)


def normal_change(method: str, change: float, error: float) -> Change:
    """Return the change of a difference from -1 to 1 that is normally distributed."""
    if not error > 0:
        return Change(method)

    def ends(confidence: float) -> Ends:
        half = float(special.ndtri((1 + confidence) / 2)) * error
        return max(change - half, -1.0), min(change + half, 1.0)

    p_value = math.erfc(abs(change) / error / math.sqrt(2))
    return Change(method, ends, p_value=p_value, details={"standard_error": error})


def resampled_change(
    value: float, draws: Floats, what: str, left_out: Floats | None = None
) -> Change:
    """Return the change that resamples show; BCa with values without one row (or block) each."""
    known = draws[~np.isnan(draws)]
    fewer = int(min(np.count_nonzero(known <= 0), np.count_nonzero(known >= 0)))

    def ends(confidence: float) -> Ends:
        found = bca_interval(value, draws, left_out, confidence).interval
        # which is made to contain the difference itself
        return None if found is None else (min(found[0], value), max(found[1], value))

    p_value = min(1.0, 2 * (fewer + 1) / (len(known) + 1))
    details = {"seed": SEED, "resamples": len(draws)}
    how = bca_interval(value, draws, left_out).how
    return Change(f"{what} ({how})", ends, p_value=p_value, details=details)


def tango_ends(b: float, c: float, n: float) -> Callable[[float], Ends]:
    """Return Tango's interval for `b` rows gained and `c` lost of `n`, at any level."""

    def ends(confidence: float) -> Ends:
        low, high = tango_interval(b, c, n, confidence)
        return float(low), float(high)

    return ends


@dataclass(frozen=True, eq=False, kw_only=True)
class Difference:
    """A candidate's value minus production's on the same rows.

    Parameters
    ----------
    candidate, production : float or None
        The two values; None where the metric is undefined.
    value : float or None
        The first minus the second.
    n, dropped : int
        Rows that both models were measured on (with weights, the effective number), and rows
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
    value: float | None
    n: int
    dropped: int
    undefined: str
    lacking: str
    change: Change


def difference(metric: "Metric", candidate: Outcomes, production: Outcomes) -> Difference:
    """Return how a metric differs between two models on the same rows.

    Parameters
    ----------
    metric : Metric
        What is measured.
    candidate, production : Outcomes
        Of the kind that the metric needs, with the same rows.

    Returns
    -------
    Difference
        Shares whose denominator is the same for both models (accuracy, recall, a false positive
        rate) have Tango's interval from the discordant rows, and a mean of such shares (balanced
        accuracy) combines theirs; an area under the ROC curve has DeLong's, means of losses
        Student's of the differences row by row, everything else a bootstrap of the same rows.

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
    if undefined:
        change = Change("")
    elif _answer_alike(candidate, production):
        change = unchanged("identical", "answers")
    else:
        change = metric.change(candidate, production)
    value = change.value
    if value is None and here.value is not None and there.value is not None:
        value = here.value - there.value
    lacks = [str(found.details["lacking"]) for found in (here, there) if "lacking" in found.details]
    return Difference(
        candidate=here.value,
        production=there.value,
        value=value,
        n=candidate.effective_rows,
        dropped=candidate.dropped,
        undefined=undefined,
        lacking="; ".join(dict.fromkeys(lacks)),
        change=change,
    )


def _answer_alike(candidate: Outcomes, production: Outcomes) -> bool:
    """Return whether both models answer the same on every row that has weight."""
    counts = slice(None) if candidate.weight is None else candidate.weight > 0
    sides: list[tuple[Any, Any]] = [(one.score, one.pred) for one in (candidate, production)]
    if candidate.need == "labels":  # two models may have different codes for one label
        models = (candidate, production)
        sides = [(None, np.array(one.classes, object)[one.pred]) for one in models]
    given = [pair for pair in zip(*sides, strict=True) if pair[0] is not None]
    return bool(given) and all(np.array_equal(a[counts], b[counts]) for a, b in given)
