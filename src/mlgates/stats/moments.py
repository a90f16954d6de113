"""Exact sums of numbers, and central moments of a sample that can be merged over its parts."""

import math
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Floats, Values

__all__ = ["Moments", "sum_of_units"]

#: Number of values that are added at once. They fit into the processor's cache.
_BLOCK = 1 << 14
#: Highest power of the deviations from the mean that is summed.
_ORDER = 6
#: Number of binary digits of a double.
_DIGITS = 53
#: Factor that splits a double into two halves of 26 binary digits.
_SPLIT = 2.0**27 + 1
#: Numbers that are larger than ``2**_LARGE`` or smaller than ``2**_SMALL`` are scaled before they
#: are added or squared.
_LARGE, _SMALL = 250, -250


class Moments(NamedTuple):
    """The exact sum of a sample, and sums of powers of the deviations from its mean.

    The moments of several parts of a sample can be merged. Mean, variance and skewness are computed
    from them.

    Attributes
    ----------
    n : int
        Number of values. All of them are finite.
    total : Fraction
        Exact sum of the values.
    squares : Fraction or None
        Exact sum of the squares of the values, after the values were converted to doubles. None if
        it was not computed.
    powers : tuple of float
        Sums of powers of the deviations from the mean: of the second and third powers, and also of
        the fourth to sixth if `squares` is not None.

    References
    ----------
    .. [1] Rump, S. M., Ogita, T. and Oishi, S. (2008). Accurate floating-point summation part I:
       faithful rounding. SIAM Journal on Scientific Computing 31, 189-224 (the exact sum).
    .. [2] Dekker, T. J. (1971). A floating-point technique for extending the available precision.
       Numerische Mathematik 18, 224-242 (the exact squares).
    .. [3] Pebay, P. (2008). Formulas for robust, one-pass parallel computation of covariances and
       arbitrary-order statistical moments. Sandia report SAND2008-6212.

    Examples
    --------
    >>> sample = Moments.of(np.array([1e16, 1.0, -1e16, 4.0]), squares=True)
    >>> sample.mean, sample.total
    (1.25, Fraction(5, 1))
    >>> Moments.of(np.array([1, 2])).merge(Moments.of(np.array([6]))).powers[0]
    14.0
    """

    n: int = 0
    total: Fraction = Fraction(0)
    squares: Fraction | None = Fraction(0)
    powers: tuple[float, ...] = (0.0,) * (_ORDER - 1)

    @classmethod
    def of(
        cls, values: Values, *, squares: bool = False, total: Fraction | None = None
    ) -> "Moments":
        """Return the moments of an array of finite integers or floats.

        The result has the number of values, their exact sum, and the sums of the second and third
        powers of their deviations from the mean. With ``squares=True``, it also has the exact sum
        of the squares, and the sums of the fourth to sixth powers of the deviations.

        If `values` were rounded, for example from decimals, give the exact sum of the unrounded
        numbers as `total`. The result then has this sum instead of the sum of `values`.
        """
        sample = cls(squares=Fraction(0) if squares else None)
        for start in range(0, len(values), _BLOCK):
            sample = sample.merge(_of_block(values[start : start + _BLOCK], squares=squares))
        return sample if total is None else sample._replace(total=total)

    @property
    def sum(self) -> float:
        """The exact sum, rounded to the nearest double; infinite if too large for a double."""
        return _nearest(self.total)

    @property
    def mean(self) -> float:
        """The exact mean, rounded to the nearest double; NaN if there are no values."""
        total = self.total
        return total.numerator / (total.denominator * self.n) if self.n else math.nan

    @property
    def variance(self) -> float:
        """The variance with the divisor ``n - 1``; NaN for fewer than two values.

        The divided number is the sum of the squared deviations from the mean. It is computed
        exactly from `squares` and then rounded. If `squares` is None, the first element of `powers`
        is used as this sum, which is less precise.
        """
        return self.without_squares().powers[0] / (self.n - 1) if self.n > 1 else math.nan

    @property
    def skewness(self) -> float:
        """Third central moment, divided by the cubed standard deviation; NaN if that is 0."""
        m2, m3 = self.powers[:2]
        spread = m2 * math.sqrt(m2)
        return math.sqrt(self.n) * m3 / spread if spread else math.nan

    def without_squares(self) -> "Moments":
        """Return a copy in which `squares`, the exact sum of the squares, is None.

        The first of the copy's `powers`, the sum of the squared deviations from the mean, is
        computed exactly from the `squares` of this object and rounded to the nearest double. If
        `squares` is None already, the copy has the same `powers`.
        """
        if self.squares is None or not self.n:
            return self._replace(squares=None)
        m2 = _nearest(self.squares - self.total * self.total / self.n)
        return self._replace(squares=None, powers=(m2, *self.powers[1:]))

    def merge(self, other: "Moments") -> "Moments":
        """Return the moments of the values of both samples together.

        The result has sums of squares only if both samples have them.
        """
        if not (self.n and other.n):
            return other if other.n else self
        a, b = self, other
        n, d = a.n + b.n, b.mean - a.mean
        # Distances of the mean of each sample from the mean of both.
        p, q = d * a.n / n, -d * b.n / n
        powers = []
        for order in range(2, min(len(a.powers), len(b.powers)) + 2):
            total, left, right = 0.0, 1.0, 1.0
            for k in range(order - 1):
                pair = left * a.powers[order - k - 2] + right * b.powers[order - k - 2]
                total += math.comb(order, k) * pair
                left, right = left * q, right * p
            powers.append(total + left * q * a.n + right * p * b.n)
        both = None
        if a.squares is not None and b.squares is not None:
            both = a.squares + b.squares
        return Moments(n, a.total + b.total, both, tuple(powers))


def _nearest(number: Fraction) -> float:
    """Return the double that is nearest to a fraction; infinite if the fraction is too large."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _of_block(values: Values, *, squares: bool) -> Moments:
    """Return the moments of a small array of values."""
    n, origin = len(values), 0
    if values.dtype.kind == "f":
        numbers = values.astype(np.float64, copy=False)
        total = _exact_sum(numbers)
    else:
        # Differences from the smallest value are exact as doubles up to 2**53.
        origin = int(values.min())
        wide = values if values.dtype == np.uint64 else values.astype(np.int64).view(np.uint64)
        apart = wide - np.uint64(origin % 2**64)
        halves = (int((apart >> np.uint64(32)).sum()), int((apart & np.uint64(2**32 - 1)).sum()))
        total = Fraction(halves[0] * 2**32 + halves[1] + n * origin)
        numbers = apart.astype(np.float64)
    exact = None
    if squares:
        exact = _exact_squares(numbers) + origin * (2 * total - n * origin)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        deviations = numbers - _nearest(total / n - origin)
        power = deviations * deviations
        powers = [float(np.add.reduce(power))]
        for _ in range(3, (_ORDER if squares else 3) + 1):
            power *= deviations
            powers.append(float(np.add.reduce(power)))
    return Moments(n, total, exact, tuple(powers))


def _exact_sum(numbers: Floats) -> Fraction:
    """Return the exact sum of doubles.

    Each step takes the leading digits of all numbers and adds them. The leading digits of a number
    are what is left after a large power of two was added and subtracted again. Their sum has at
    most 53 binary digits, so it is exact in any order. The next step does the same with the
    remaining digits.
    """
    numbers, power = _scaled(numbers)
    largest = float(max(numbers.max(), -numbers.min()))
    if not largest:
        return Fraction(0)
    bits = len(numbers).bit_length()
    exponent = math.frexp(largest)[1] + bits
    rest, leading = numbers.copy(), np.empty_like(numbers)
    total = Fraction(0)
    while True:
        large = math.ldexp(1.0, exponent)
        np.add(rest, large, out=leading)
        leading -= large
        total += Fraction(float(np.add.reduce(leading)))
        rest -= leading
        if not rest.any():
            return total * Fraction(2) ** power
        exponent += bits - _DIGITS


def _exact_squares(numbers: Floats) -> Fraction:
    """Return the exact sum of the squares of doubles.

    Both the sum of the rounded squares and the sum of their rounding errors are exact.
    """
    numbers, power = _scaled(numbers)
    high = numbers * _SPLIT
    high -= high - numbers
    low = numbers - high
    squares = numbers * numbers
    errors = high * high - squares
    errors += 2 * high * low
    errors += low * low
    return (_exact_sum(squares) + _exact_sum(errors)) * Fraction(4) ** power


def _scaled(numbers: Floats) -> tuple[Floats, int]:
    """Divide numbers by a power of two, so that they are neither very large nor very small.

    Returns the quotients and the exponent of the power. If this is not necessary, the numbers are
    returned unchanged, with the exponent 0.
    """
    exponent = math.frexp(float(np.abs(numbers).max(initial=0.0)))[1]
    if _SMALL <= exponent <= _LARGE:
        return numbers, 0
    with np.errstate(under="ignore"):
        return np.ldexp(numbers, -exponent), exponent


def sum_of_units(data: npt.NDArray[np.uint8], width: int) -> int:
    """Return the exact sum of signed little-endian integers of `width` bytes each.

    `data` has the bytes of all integers. Arrow stores decimals as such integers: 1.25 with two
    decimals is stored as 125.

    Examples
    --------
    >>> sum_of_units(np.array([-1, 2**62], "<i8").view(np.uint8), 8) == 2**62 - 1
    True
    """
    limbs = data.view("<u4").reshape(-1, width // 4)
    *lower, last = (limbs[:, i] for i in range(width // 4))
    total = sum(int(limb.sum(dtype=np.uint64)) << 32 * i for i, limb in enumerate(lower))
    return total + (int(last.view("<i4").sum(dtype=np.int64)) << 32 * len(lower))
