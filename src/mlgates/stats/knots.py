"""Two distribution functions known at the same points: their distances, with bounds.

Between two neighbouring points the number of values is known, but not where they lie. So a distance
lies between two bounds, which are the error that knowing only the points can make.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["Between", "Known", "ks_between", "wasserstein_between"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

#: Products of counts below are 64-bit integers, their differences too; larger ones are Python's.
_WHOLE = 1 << 62


class Between(NamedTuple):
    """A distance, and bounds that hold whatever lies between the points.

    Attributes
    ----------
    value : float
        The distance as it is known best; NaN when undefined.
    low, high : float
        The least and the greatest that it can be.
    """

    value: float
    low: float
    high: float


class Known(NamedTuple):
    """What is known of one side.

    Attributes
    ----------
    low, high : numpy.ndarray of int64
        How many values are below, and up to, each of the points.
    n : int
        Number of values.
    neg_inf, pos_inf : int
        How many of them are infinite.
    """

    low: Counts
    high: Counts
    n: int
    neg_inf: int = 0
    pos_inf: int = 0


def ks_between(reference: Known, current: Known) -> Between:
    """Kolmogorov-Smirnov distance of two sides counted at the same sorted points.

    It is at least the largest difference at, and just below, a point, or at an infinity. Between
    two points ``F`` is at least ``F(a)`` and at most ``F(b-)``, and so is ``G``: the distance there
    is at most ``max(F(b-) - G(a), G(b-) - F(a))``.

    Parameters
    ----------
    reference, current : Known
        Counts at the same points.

    Returns
    -------
    Between
        Its value is the least: what was seen. Undefined when a side has no value.

    Examples
    --------
    >>> x = Known(np.array([0, 2]), np.array([1, 4]), 4)
    >>> y = Known(np.array([0, 0]), np.array([0, 2]), 4)
    >>> ks_between(x, y)
    Between(value=0.5, low=0.5, high=0.5)
    """
    n, m = reference.n, current.n
    if n == 0 or m == 0:
        return Between(math.nan, math.nan, math.nan)
    # In whole numbers, as ``n * m * F``: a distance of 0.1 is not beyond a limit of 0.1.
    kind = np.int64 if n * m < _WHOLE else np.object_
    low_f, high_f, first_f, last_f = _times(m, reference, kind)
    low_g, high_g, first_g, last_g = _times(n, current, kind)
    ends = [first_f - first_g, last_f - last_g]
    seen = int(np.abs(np.concatenate([low_f - low_g, high_f - high_g, ends])).max())
    start_f, stop_f = np.append(first_f, high_f), np.append(low_f, last_f)
    start_g, stop_g = np.append(first_g, high_g), np.append(low_g, last_g)
    # where one side has nothing between two points, what is seen at them is all there is
    open_f, open_g = stop_f > start_f, stop_g > start_g
    gaps = np.maximum(stop_f - start_g, stop_g - start_f)[open_f & open_g]
    most = int(gaps.max(initial=seen))
    least = seen / (n * m)
    return Between(least, least, most / (n * m))


def _times(size: int, side: Known, kind: Any) -> tuple[Counts, Counts, Any, Any]:
    """Counts below and up to each point, at -inf and before inf, so many times."""
    ends = np.array([side.neg_inf, side.n - side.pos_inf], kind) * size
    return side.low.astype(kind) * size, side.high.astype(kind) * size, ends[0], ends[1]


def wasserstein_between(
    points: npt.NDArray[Any], reference: Known, current: Known, beyond: float = 0.0
) -> Between:
    """Wasserstein distance ``integral |F - G|`` of two sides counted at the same sorted points.

    Between two points both functions are taken to rise evenly; the bounds hold however they rise.
    Outside of the points there is nothing of the reference, so that the area there is known: it is
    the current side's mean distance from them.

    Parameters
    ----------
    points : numpy.ndarray
        Sorted, finite, each once; the least and the greatest value of the reference are the first
        and the last of them.
    reference, current : Known
        Counts at the points.
    beyond : float
        Sum of the distances of the current side's values from the points, of those that are less
        than the first or greater than the last; NaN or infinite: undefined.

    Returns
    -------
    Between
        In the unit of the points.

    References
    ----------
    .. [1] Vallender, S. S. (1974). Calculation of the Wasserstein distance between probability
       distributions on the line. Theory of Probability and Its Applications 18, 784-786.

    Examples
    --------
    >>> x = Known(np.array([0, 3]), np.array([1, 4]), 4)  # 0, two between, 4
    >>> y = Known(np.array([0, 2]), np.array([2, 2]), 4)  # 0, 0, 6, 6
    >>> wasserstein_between(np.array([0.0, 4.0]), x, y, beyond=4.0)
    Between(value=1.5, low=1.0, high=2.0)
    """
    n, m = reference.n, current.n
    if n == 0 or m == 0 or len(points) == 0 or not math.isfinite(beyond):
        return Between(math.nan, math.nan, math.nan)
    width, outside = _widths(points), beyond / m
    start_f, stop_f = _rises(reference)
    start_g, stop_g = _rises(current)
    a, b = start_f - start_g, stop_f - stop_g
    crossing = a * b < 0
    size = np.abs(a) + np.abs(b)
    mean = np.where(crossing, (a * a + b * b) / np.where(crossing, 2 * size, 1.0), size / 2)
    least = np.maximum(np.maximum(start_f - stop_g, start_g - stop_f), 0.0)
    most = np.maximum(stop_f - start_g, stop_g - start_f)
    # By a power of two, so that only what would be lost below the least double is another number.
    power = math.frexp(width.max(initial=0.0))[1] - 1
    unit, scaled = math.ldexp(1.0, power), np.ldexp(width, -power)
    areas = (float(scaled @ height) * unit for height in (mean, least, most))
    found = Between(*(area + outside for area in areas))
    return found if math.isfinite(found.high) else Between(math.nan, math.nan, math.nan)


def _widths(points: npt.NDArray[Any]) -> Floats:
    """The gaps between neighbouring points; of integers they are exact before they are rounded."""
    if points.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return np.diff(points)
    return np.diff(points.astype(np.uint64)).astype(np.float64)


def _rises(side: Known) -> tuple[Floats, Floats]:
    """The distribution function just after the start, and just before the end, of each gap."""
    return side.high[:-1] / side.n, side.low[1:] / side.n
