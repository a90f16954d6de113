"""What gates share that judge a metric by its interval: options, and the rows that decide."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from scipy import special

from mlgates import options
from mlgates.gates.violations import broken
from mlgates.kernels.paired import rows_to_decide
from mlgates.limits import Limit, settle
from mlgates.outcomes import Slice
from mlgates.verdict import Check, Measurement

__all__ = [
    "By",
    "checked",
    "confidence_of",
    "in_slices",
    "rounded_up",
    "rows_needed",
    "settled",
]

Found = TypeVar("Found")

#: Chance of a decision that is aimed at, so that at least 0.8 is reached: intervals are a little
#: wider than z errors.
_POWER = 0.82

#: How slices are declared, and how a gate keeps them: names, or pairs of name and condition.
By = str | Iterable[str] | Mapping[str, Callable[..., object]] | tuple[Any, ...]


def checked(owner: str, gate: Any, rules: tuple[str, ...]) -> dict[str, object]:
    """Return in their checked form the options that every gate of a metric has."""
    options.choice(owner, "decide_by", gate.decide_by, rules)
    return {
        "by": None if gate.by is None else options.slices(owner, "by", gate.by),
        "min_samples": options.count(owner, "min_samples", gate.min_samples, at_least=1),
        "confidence": confidence_of(owner, gate.confidence),
    }


def in_slices(
    name: str, slices: tuple[Slice, ...], measure: Callable[[Slice | None], Found]
) -> tuple[list[Found], list[Check]]:
    """Return what was measured of each slice, and an ERROR for each that broke.

    Where there are none, none were asked for or there are no rows: all rows are measured.
    """
    if not slices:
        return [measure(None)], []
    found: list[Found] = []
    wrong: list[Check] = []
    for part in slices:
        try:
            found.append(measure(part))
        except Exception as error:  # noqa: BLE001  (a slice that breaks hides no other)
            wrong.append(broken(name, name, error, group=part.name))
    return found, wrong


def confidence_of(owner: str, given: object) -> float:
    """Return a level of confidence: from 0.5 to less than 1; 95 is refused with a hint."""
    level = options.share(owner, "confidence", given)
    if not 0.5 <= level <= 1 - 1e-9:
        raise options.refuse(owner, "confidence", "from 0.5 to less than 1", given)
    return level


def settled(measured: Measurement, limit: Limit, scale: float = 0.0) -> Measurement:
    """Return a measurement whose value, and whose ends, lie on the limit if only rounding differs.

    Examples
    --------
    >>> settled(Measurement(0.4 - 0.3, n=9), Limit(at_most=0.1), scale=0.4).value
    0.1
    """
    value, ends = measured.value, measured.interval
    if value is None:
        return measured
    return replace(
        measured,
        value=settle(value, limit, scale),
        interval=ends and (settle(ends[0], limit, scale), settle(ends[1], limit, scale)),
    )


def rows_needed(
    value: float | None,
    interval: tuple[float, float] | None,
    limit: Limit,
    n: int,
    level: float,
) -> int | None:
    """Return how many rows decide in four of five samples where an interval reaches across a limit.

    Parameters
    ----------
    value, interval, n
        What was measured, its interval and the rows it rests on.
    limit : Limit
        The side that the interval reaches across counts.
    level : float
        Of the interval.

    Returns
    -------
    int or None
        Rounded up to two digits; None where the interval decides already, where nothing is
        known, and where the value lies on the limit, so that no number of rows decides.

    Examples
    --------
    >>> rows_needed(0.0, (-0.02, 0.02), Limit(at_least=-0.01), 1_000, 0.95)
    8700
    """
    if value is None or interval is None or not all(map(math.isfinite, (value, *interval))):
        return None
    low, high = interval
    needed = 0.0
    if limit.holds(value):
        spans = [(value - low, value - limit.low), (high - value, limit.high - value)]
        across = [low < limit.low, high > limit.high]
    else:
        below = value < limit.low
        span = (high - value, limit.low - value) if below else (value - low, value - limit.high)
        spans, across = [span], [span[0] >= span[1]]
    z = float(special.ndtri((1 + level) / 2))
    # with more rows an interval loses its skewness: its shorter side tells too little
    half = (high - low) / 2
    for (reach, distance), is_across in zip(spans, across, strict=True):
        if is_across:
            rows = rows_to_decide(n, max(reach, half) / z, distance, level, _POWER)
            needed = max(needed, rows)
    return rounded_up(needed) if 0 < needed < 1e15 else None


def rounded_up(rows: float) -> int:
    """Return two digits of a number of rows or calls: all that such an estimate is good for.

    Examples
    --------
    >>> rounded_up(8_115.2), rounded_up(7.1)
    (8200, 8)
    """
    unit = int(10 ** max(len(str(math.ceil(rows))) - 2, 0))
    return math.ceil(rows / unit) * unit
