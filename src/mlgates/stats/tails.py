"""Tail probabilities of the chi-square and the Kolmogorov distribution, without scipy.

These functions exist because importing `scipy.special` takes longer than comparing two tables of
10,000 rows.
"""

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Floats

__all__ = ["chi_square_sf", "kolmogorov_sf", "relative_entropy"]

#: Largest number of degrees of freedom for which the sum is computed here. Above it, scipy is
#: faster.
_MOST_TERMS = 1_000
#: The two series of the Kolmogorov distribution converge equally fast at this value.
_BETWEEN = 1.18
_TERMS = 4


def chi_square_sf(statistic: float, freedom: int) -> float:
    """Return the probability that a chi-square variable is at least `statistic`.

    Parameters
    ----------
    statistic : float
        The value. If it is NaN, the result is NaN.
    freedom : int
        Degrees of freedom, at least 1.

    Notes
    -----
    If the degrees of freedom are a whole number, the probability is a finite sum of positive terms.
    So it is exact up to rounding, even if it is tiny.

    References
    ----------
    .. [1] Abramowitz, M. and Stegun, I. A. (1964). Handbook of Mathematical Functions, 26.4.4 and
       26.4.5. National Bureau of Standards.

    Examples
    --------
    >>> round(chi_square_sf(3.841, 1), 4), round(chi_square_sf(18.307, 10), 4)
    (0.05, 0.05)
    """
    if not 0 < statistic < math.inf:
        return math.nan if math.isnan(statistic) else float(statistic <= 0)
    if freedom > _MOST_TERMS:
        from scipy import special

        return float(special.chdtrc(freedom, statistic))
    half, is_odd = statistic / 2, freedom % 2
    powers = [j + is_odd / 2 for j in range(freedom // 2)]
    log = math.log(half)
    terms = (math.exp(power * log - math.lgamma(power + 1) - half) for power in powers)
    rest = math.erfc(math.sqrt(half)) if is_odd else 0.0
    return min(1.0, rest + math.fsum(terms))


def kolmogorov_sf(x: float) -> float:
    """Return the probability that a variable with the Kolmogorov distribution is at least `x`.

    ``sqrt(n * m / (n + m))`` times the Kolmogorov-Smirnov distance of two large samples has this
    distribution if both samples are from one continuous distribution. `n` and `m` are the sizes of
    the samples. The result is NaN if `x` is NaN.

    References
    ----------
    .. [1] Feller, W. (1948). On the Kolmogorov-Smirnov limit theorems for empirical distributions.
       Annals of Mathematical Statistics 19, 177-189.

    Examples
    --------
    >>> round(kolmogorov_sf(1.3581), 4), kolmogorov_sf(0.0)
    (0.05, 1.0)
    """
    if not x > 0:
        return math.nan if math.isnan(x) else 1.0
    numbers = range(1, _TERMS + 1)
    if x < _BETWEEN:
        odd = ((2 * k - 1) ** 2 for k in numbers)
        share = math.fsum(math.exp(-each * (math.pi / x) ** 2 / 8) for each in odd)
        return 1 - math.sqrt(2 * math.pi) / x * share
    return 2 * math.fsum((-1) ** (k - 1) * math.exp(-2 * (k * x) ** 2) for k in numbers)


def relative_entropy(p: npt.NDArray[Any], q: npt.NDArray[np.floating]) -> Floats:
    """Return ``p * log(p / q)`` for each element, and 0 where `p` is 0.

    The sum over all elements is the Kullback-Leibler divergence. The elements of `p` and `q` are at
    least 0, and `q` is positive where `p` is.

    Examples
    --------
    >>> relative_entropy(np.array([0.0, 1.0]), np.array([0.5, 0.5])).round(4).tolist()
    [0.0, 0.6931]
    """
    ratio = np.divide(p, q, out=np.ones(np.shape(p)), where=p > 0)
    entropy: Floats = p * np.log(ratio)
    return entropy
