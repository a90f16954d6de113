"""Ranks in sorted arrays, exact whatever the two types of number.

Comparing a 64-bit integer with a double, or a signed with an unsigned integer, numpy casts both to
doubles, which merges values beyond 2**53. Here a point is rounded to the next value that the array
can hold, up or down as the comparison asks, which leaves every comparison as it was.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["alike", "below", "in_order", "round_down", "round_up", "upto"]

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

#: Every integer up to here is a double.
_WHOLE = 2**53


def in_order(numbers: Values) -> Values:
    """Numbers sorted, without NaN, with one zero of the two; not to be written to.

    Integers as int64, as uint64 where that is too narrow; floats as float64.

    Parameters
    ----------
    numbers : numpy.ndarray
        Integers or floats. They are neither changed nor kept.

    Examples
    --------
    >>> in_order(np.array([3.0, -0.0, np.nan, 1.0]))
    array([0., 1., 3.])
    """
    values = np.sort(numbers, axis=None)
    if values.dtype.kind == "f":
        # NaN is sorted behind inf.
        values = values[: values.searchsorted(values.dtype.type(np.nan))]
        values = values.astype(np.float64, copy=False)
        # Written where they stand, for another copy takes longer.
        values[values.searchsorted(0.0) : values.searchsorted(0.0, side="right")] = 0.0
    elif values.dtype != np.uint64 or not len(values) or values[-1] <= np.iinfo(np.int64).max:
        values = values.astype(np.int64, copy=False)
    values.flags.writeable = False
    return values


def below(values: Values, points: Values) -> Counts:
    """Count of `values` less than each point.

    Parameters
    ----------
    values : numpy.ndarray
        Sorted integers or floats, infinities allowed, without NaN.
    points : numpy.ndarray
        Integers or floats without NaN, in any order, of any type.

    Returns
    -------
    numpy.ndarray of int64
        As many as points.

    Examples
    --------
    >>> big = np.array([2**53, 2**53 + 1])
    >>> below(big, np.array([2.0**53, 2.0**53 + 2, 0.5])).tolist()
    [0, 2, 0]
    """
    if values.dtype == points.dtype:
        return values.searchsorted(points, side="left")
    keys, above = round_up(points, values.dtype)
    return np.where(above, len(values), values.searchsorted(keys, side="left"))


def upto(values: Values, points: Values) -> Counts:
    """Count of `values` less than or equal to each point; parameters as of `below`.

    Examples
    --------
    >>> upto(np.array([1, 2, 3]), np.array([2.5, 2.0, np.inf, -1.0])).tolist()
    [2, 2, 3, 0]
    """
    if values.dtype == points.dtype:
        return values.searchsorted(points, side="right")
    keys, under = round_down(points, values.dtype)
    return np.where(under, 0, values.searchsorted(keys, side="right"))


def round_down(points: Values, dtype: np.dtype[Any]) -> tuple[Values, Mask]:
    """The largest value of `dtype` that is at most each point, and where there is none.

    Parameters
    ----------
    points : numpy.ndarray
        Integers or floats without NaN.
    dtype : numpy.dtype
        Of integers or floats.

    Returns
    -------
    keys : numpy.ndarray of `dtype`
        The smallest value of `dtype` where there is none.
    under : numpy.ndarray of bool
        Where the point is less than every value of `dtype`.

    Examples
    --------
    >>> round_down(np.array([2.7, -0.5]), np.dtype("uint8"))
    (array([2, 0], dtype=uint8), array([False,  True]))
    """
    if points.dtype == dtype:
        return points, np.zeros(points.shape, np.bool_)
    if dtype.kind == "f":
        keys, side = _to_float(points, dtype)
        return _next(keys, side > 0, -np.inf), np.zeros(points.shape, np.bool_)
    points = np.floor(points, dtype=np.float64) if points.dtype.kind == "f" else points
    least, greatest, under, above = _range(points, dtype)
    inside = np.where(under | above, points.dtype.type(0), points).astype(dtype)
    return np.where(under, least, np.where(above, greatest, inside)), under


def round_up(points: Values, dtype: np.dtype[Any]) -> tuple[Values, Mask]:
    """The smallest value of `dtype` that is at least each point, and where there is none.

    The mirror of `round_down`: the largest value of `dtype` stands where there is none.

    Examples
    --------
    >>> round_up(np.array([2.3, 300.0]), np.dtype("uint8"))
    (array([  3, 255], dtype=uint8), array([False,  True]))
    """
    if points.dtype == dtype:
        return points, np.zeros(points.shape, np.bool_)
    if dtype.kind == "f":
        keys, side = _to_float(points, dtype)
        return _next(keys, side < 0, np.inf), np.zeros(points.shape, np.bool_)
    points = np.ceil(points, dtype=np.float64) if points.dtype.kind == "f" else points
    least, greatest, under, above = _range(points, dtype)
    inside = np.where(under | above, points.dtype.type(0), points).astype(dtype)
    return np.where(under, least, np.where(above, greatest, inside)), above


def alike(x: Values, y: Values) -> tuple[Values, Values]:
    """Two sorted arrays in one type, each value of one comparing with those of the other as before.

    The values are kept where one type holds both arrays exactly. Where none does (64-bit integers
    beyond 2**53 beside fractions, negative ones beside those beyond 2**63) each value ``v``
    becomes ``below(w, v) + upto(w, v)`` for the integers ``w`` of one array: the values of the
    other that lie between the same two of these become one.

    Parameters
    ----------
    x, y : numpy.ndarray
        Sorted integers or floats without NaN.

    Returns
    -------
    tuple of numpy.ndarray
        Both of one type.

    Examples
    --------
    >>> alike(np.array([1, 2]), np.array([1.5]))
    (array([1., 2.]), array([1.5]))
    >>> alike(np.array([2**53, 2**53 + 1]), np.array([0.5, 2.0**53]))
    (array([1, 3]), array([0, 1]))
    """
    if x.dtype == y.dtype:
        return x, y
    common = np.promote_types(x.dtype, y.dtype)
    if common.kind != "f" or (x.dtype.kind == y.dtype.kind == "f"):
        return x.astype(common, copy=False), y.astype(common, copy=False)
    if _are_doubles(x) and _are_doubles(y):
        return x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    if x.dtype.kind == "f":
        codes, others = alike(y, x)
        return others, codes
    return below(x, x) + upto(x, x), below(x, y) + upto(x, y)


def _are_doubles(values: Values) -> bool:
    """Whether each value is a double, told from the ends."""
    if values.dtype.kind == "f" or len(values) == 0:
        return True
    return int(values[0]) >= -_WHOLE and int(values[-1]) <= _WHOLE


def _to_float(points: Values, dtype: np.dtype[Any]) -> tuple[Values, npt.NDArray[np.int8]]:
    """The nearest floats, and whether each is above (1), at (0) or below (-1) its point."""
    with np.errstate(over="ignore"):
        keys = points.astype(dtype)
    if points.dtype.kind == "f":
        return keys, _sign(keys, points)
    _, _, under, above = _range(keys, points.dtype)
    whole = np.where(under | above, keys.dtype.type(0), keys).astype(points.dtype)
    return keys, np.where(above, 1, np.where(under, -1, _sign(whole, points))).astype(np.int8)


def _next(keys: Values, where: Mask, towards: float) -> Values:
    """The floats behind some of these."""
    with np.errstate(over="ignore", under="ignore"):
        return np.where(where, np.nextafter(keys, keys.dtype.type(towards)), keys)


def _sign(a: Values, b: Values) -> npt.NDArray[np.int8]:
    return np.greater(a, b).astype(np.int8) - np.less(a, b).astype(np.int8)


def _range(points: Values, dtype: np.dtype[Any]) -> tuple[Any, Any, Mask, Mask]:
    """Ends of an integer type, and which whole points lie below and above them."""
    info = np.iinfo(dtype)
    ends = dtype.type(info.min), dtype.type(info.max)
    if points.dtype.kind == "f":
        # The greatest integer may be no float, but the next one is a power of two.
        points = points.astype(np.float64, copy=False)
        return *ends, points < float(info.min), points >= float(int(info.max) + 1)
    own = np.iinfo(points.dtype)
    none = np.zeros(points.shape, np.bool_)
    under = points < points.dtype.type(info.min) if own.min < info.min else none
    above = points > points.dtype.type(info.max) if own.max > info.max else none
    return *ends, under, above
