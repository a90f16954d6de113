"""The smallest or the largest value of any group, with an interval that holds for all groups."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from mlgates.gates.fairness.definitions import Over
from mlgates.gates.fairness.pairwise import Gap, Rule, settled
from mlgates.gates.fairness.rates import Rates, normal
from mlgates.gates.fairness.sample_size import growth_of, shrunk
from mlgates.stats.multiplicity import group_level

__all__ = ["worst_group"]

Floats = npt.NDArray[np.float64]


def worst_group(rates: Rates, over: Over, rule: Rule) -> Gap:
    """Return the smallest or the largest value of any group.

    Each group has its interval at the level at which those of all groups hold together; the worst
    is between the worst of the lower and of the upper ends.
    """
    k, limit = len(rates.groups), rule.limit
    at_least = over == "group_min"
    worst = int(np.argmin(rates.value) if at_least else np.argmax(rates.value))
    bound = limit.low if at_least else limit.high
    values = settled(rates.value, bound)
    value = float(values[worst])
    level = group_level(rule.confidence, k)
    low, high = rates.limits(level)
    extreme = np.min if at_least else np.max
    ends = float(extreme(low)), float(extreme(high))
    alone = _against(rates, bound, low, high, level)
    beyond = values < bound if at_least else values > bound
    p_value = float(np.min(alone[beyond] if beyond.any() else alone))
    reach = int(np.argmin(low) if at_least else np.argmax(high))
    return Gap(
        rates,
        value,
        None if math.isnan(sum(ends)) else (min(ends[0], value), max(ends[1], value)),
        -math.expm1(k * math.log1p(-p_value)) if p_value < 1 else 1.0,
        (worst, worst),
        (reach, reach),
        None,
        lambda: _group_growth(rates, rule, (low, high), level),
    )


def _against(rates: Rates, limit: float, low: Floats, high: Floats, level: float) -> Floats:
    """p-values of each group's value against the limit; of shares by the score test."""
    distance = np.abs(rates.value - limit)
    if rates.share:
        spread = max(limit * (1 - limit), 0.0)
        error = np.sqrt(spread / rates.denominator)
    else:
        arm = np.where(rates.value < limit, high - rates.value, rates.value - low)
        error = arm / normal(level)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = distance / error
    return np.where(distance > 0, 2 * special.ndtr(-z), 1.0)


def _group_growth(
    rates: Rates, rule: Rule, ends: tuple[Floats, Floats], level: float
) -> float | None:
    """Return how many times these rows would decide, if the groups are as they seem."""
    errors = (ends[1] - ends[0]) / (2 * normal(level))
    if not (np.isfinite(errors) & (errors > 0)).all():
        return None
    true, limit = shrunk(rates.value, errors), rule.limit
    beyond = limit.low - true if limit.at_least is not None else true - limit.high
    farthest = float(special.ndtri(0.5 ** (1 / len(true))))
    return growth_of(beyond, errors, normal(level), farthest)
