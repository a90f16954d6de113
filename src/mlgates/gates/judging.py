"""What gates share that judge a metric by its interval: options, and the rows that decide."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from scipy import special

from mlgates import options
from mlgates.kernels.paired import rows_to_decide
from mlgates.limits import Limit, settle
from mlgates.verdict import Measurement

__all__ = ["By", "confidence_of", "rounded_up", "rows_needed", "settled", "slices_of"]

#: Chance of a decision that is aimed at, so that at least 0.8 is reached: intervals are a little
#: wider than z errors.
_POWER = 0.82

#: How slices are declared, and how a gate keeps them: names, or pairs of name and condition.
By = str | Iterable[str] | Mapping[str, Callable[..., object]] | tuple[Any, ...]


def slices_of(owner: str, given: object) -> tuple[Any, ...]:
    """Return declared slices as a gate keeps them: names of columns, or (name, condition) pairs.

    Raises
    ------
    OptionError
        For anything else, and for no slice at all.

    Examples
    --------
    >>> slices_of("Performance", ["sex", "age"]), slices_of("Performance", "sex")
    (('sex', 'age'), ('sex',))
    """
    if isinstance(given, Mapping) or (
        isinstance(given, tuple) and given and isinstance(given[0], tuple)
    ):
        allowed = "a mapping of names to conditions on the table"
        pairs = options.mapping(owner, "by", given, allowed)
        if not pairs or not all(isinstance(n, str) and callable(c) for n, c in pairs.items()):
            raise options.refuse(owner, "by", allowed, given)
        return tuple(pairs.items())
    names = options.names(owner, "by", given)
    if not names:
        raise options.refuse(owner, "by", "at least one name", given)
    return names


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
