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
    """

    low: Counts
    high: Counts
    n: int


def ks_between(reference: Known, current: Known) -> Between:
    """Kolmogorov-Smirnov distance of two sides counted at the same sorted points.

    It is at least the largest difference at, and just below, a point. Between two points ``F`` is
    at least ``F(a)`` and at most ``F(b-)``, and so is ``G``: the distance there is at most
    ``max(F(b-) - G(a), G(b-) - F(a))``.

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
    low_f, high_f = reference.low / n, reference.high / n
    low_g, high_g = current.low / m, current.high / m
    seen = np.abs(np.concatenate([low_f - low_g, high_f - high_g, [0.0]])).max()
    start_f, stop_f = np.append(0.0, high_f), np.append(low_f, 1.0)
    start_g, stop_g = np.append(0.0, high_g), np.append(low_g, 1.0)
    # where one side has nothing between two points, what is seen at them is all there is
    open_f, open_g = stop_f > start_f, stop_g > start_g
    gaps = np.maximum(stop_f - start_g, stop_g - start_f)[open_f & open_g]
    most = float(max(seen, gaps.max(initial=0.0)))
    return Between(float(seen), float(seen), most)


def wasserstein_between(
    points: npt.NDArray[Any], reference: Known, current: Known, ends: tuple[float, float]
) -> Between:
    """Wasserstein distance ``integral |F - G|`` of two sides counted at the same sorted points.

    Between two points both functions are taken to rise evenly; the bounds hold however they rise.

    Parameters
    ----------
    points : numpy.ndarray
        Sorted, finite, each once.
    reference, current : Known
        Counts at the points.
    ends : (float, float)
        The smallest and the largest value of both sides; NaN or infinite: undefined.

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
    >>> x = Known(np.array([0, 1]), np.array([1, 2]), 2)  # 0 and 1
    >>> y = Known(np.array([0, 0]), np.array([0, 1]), 2)  # 1 and 2
    >>> wasserstein_between(np.array([0.0, 1.0]), x, y, (0.0, 2.0))
    Between(value=0.75, low=0.5, high=1.0)
    """
    n, m = reference.n, current.n
    if n == 0 or m == 0 or not all(map(math.isfinite, ends)):
        return Between(math.nan, math.nan, math.nan)
    first, last = ends
    x = np.concatenate([[min(first, *points[:1])], points, [max(last, *points[-1:])]]).astype(float)
    width = np.diff(x)
    start_f, stop_f = _rises(reference)
    start_g, stop_g = _rises(current)
    a, b = start_f - start_g, stop_f - stop_g
    crossing = a * b < 0
    size = np.abs(a) + np.abs(b)
    mean = np.where(crossing, (a * a + b * b) / np.where(crossing, 2 * size, 1.0), size / 2)
    least = np.maximum(np.maximum(start_f - stop_g, start_g - stop_f), 0.0)
    most = np.maximum(stop_f - start_g, stop_g - start_f)
    return Between(float(width @ mean), float(width @ least), float(width @ most))


def _rises(side: Known) -> tuple[Floats, Floats]:
    """The distribution function just after the start, and just before the end, of each gap."""
    start = np.append(0.0, side.high / side.n)
    stop = np.append(side.low / side.n, 1.0)
    return start, stop
