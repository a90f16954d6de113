"""Two models on the same rows: intervals and tests of what changed, and how many rows decide.

Where each row is right or wrong, all that tells the models apart are the discordant rows: `gained`,
right with the first model alone, and `lost`, right with the second alone. With weights, counts are
shares of the weight times the effective number of rows, and so no whole numbers.
"""

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = [
    "McNemar",
    "mcnemar",
    "rows_to_decide",
    "tango_interval",
]

Floats = npt.NDArray[np.float64]

#: Halvings of an interval of length 1: its ends are known to the last bit.
_HALVINGS = 60


def tango_interval(
    gained: npt.ArrayLike, lost: npt.ArrayLike, rows: npt.ArrayLike, confidence: float = 0.95
) -> tuple[Floats, Floats]:
    """Tango's score interval of a paired difference: all that a score test does not reject.

    The ends ``d`` solve ``(b - c - n d) / sqrt(n (2 q + d (1 - d))) = +-z``, where ``q`` is the
    most likely share of rows that are lost, given ``d``: ``q = (sqrt(B**2 - 4 A C) - B) / (2 A)``
    with ``A = 2 n``, ``B = -b - c + (2 n - b + c) d`` and ``C = -c d (1 - d)``.

    Parameters
    ----------
    gained, lost, rows : array_like of float
        ``b``, ``c`` and ``n``; arrays broadcast.
    confidence : float, default 0.95
        Of the two-sided interval.

    Returns
    -------
    low, high : numpy.ndarray of float64
        Scalars for scalars. NaN where there is no row.

    References
    ----------
    .. [1] Tango, T. (1998). Equivalence test and confidence interval for the difference in
       proportions for the paired-sample design. Statistics in Medicine 17, 891-908.

    Examples
    --------
    >>> low, high = tango_interval(12, 2, 50)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0611, 0.3447)
    """
    b, c, n = _counts(gained, lost, rows)
    z2 = float(special.ndtri((1 + confidence) / 2)) ** 2
    high = _upper(b, c, n, z2)
    return -_upper(c, b, n, z2)[()], high[()]


def _upper(b: Floats, c: Floats, n: Floats, z2: float) -> Floats:
    """The largest difference that is not rejected."""
    if b.ndim == 0:
        return np.asarray(_upper_of_one(float(b), float(c), float(n), z2))
    inside, outside = (b - c) / n, np.ones_like(n)
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        far = _is_rejected(middle, b, c, n, z2)
        inside, outside = np.where(far, inside, middle), np.where(far, middle, outside)
    # all rows are gained: no difference is larger
    return np.where(np.isnan(n), np.nan, np.where(b == n, 1.0, (inside + outside) / 2))


def _upper_of_one(b: float, c: float, n: float, z2: float) -> float:
    """The same of plain floats, which are a hundred times as fast as arrays of one."""
    if math.isnan(n) or b == n:
        return math.nan if math.isnan(n) else 1.0
    inside, outside = (b - c) / n, 1.0
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        far = _is_rejected(middle, b, c, n, z2)
        inside, outside = (inside, middle) if far else (middle, outside)
    return (inside + outside) / 2


def _is_rejected(difference: Any, b: Any, c: Any, n: Any, z2: float) -> Any:
    """Whether the score test rejects a difference, of floats or of arrays."""
    spread = difference * (1 - difference)
    linear = (2 * n - b + c) * difference - b - c
    twice_q = (linear * linear + 8 * n * c * spread) ** 0.5 - linear
    twice_q = (twice_q + abs(twice_q)) / (4 * n)
    return (b - c - n * difference) ** 2 > z2 * n * (twice_q + spread)


def _counts(b: npt.ArrayLike, c: npt.ArrayLike, n: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Counts as doubles of one shape; no rows are NaN, so that a share of them is."""
    rows = np.asarray(n, np.float64)
    counts = np.asarray(b, np.float64), np.asarray(c, np.float64), np.where(rows > 0, rows, np.nan)
    first, second, third = np.broadcast_arrays(*counts)
    return first, second, third


class McNemar(NamedTuple):
    """P-values of no change, two-sided, and the chi-square statistics behind two of them."""

    exact: float
    mid: float
    chi2: float
    chi2_p: float
    corrected: float
    corrected_p: float


def mcnemar(gained: float, lost: float) -> McNemar:
    """McNemar's tests that as many rows are gained as are lost.

    Exact: twice the chance of ``min(b, c)`` or less among ``b + c`` tosses of a fair coin, at most
    1; the mid p-value takes the chance of ``min(b, c)`` itself once. Chi-square:
    ``(b - c)**2 / (b + c)``, corrected ``(abs(b - c) - 1)**2 / (b + c)``.

    Parameters
    ----------
    gained, lost : float
        ``b`` and ``c``.

    Returns
    -------
    McNemar
        P-values of 1 where nothing is discordant.

    References
    ----------
    .. [1] McNemar, Q. (1947). Note on the sampling error of the difference between correlated
       proportions or percentages. Psychometrika 12, 153-157.
    .. [2] Fagerland, M. W., Lydersen, S. and Laake, P. (2013). The McNemar test for binary
       matched-pairs data: mid-p and asymptotic are better than exact conditional. BMC Medical
       Research Methodology 13, 91.

    Examples
    --------
    >>> found = mcnemar(11, 1)
    >>> round(found.exact, 7), round(found.mid, 7), round(found.chi2, 3), found.corrected
    (0.0063477, 0.003418, 8.333, 6.75)
    """
    tosses, fewer = gained + lost, min(gained, lost)
    if tosses <= 0:
        return McNemar(1.0, 1.0, 0.0, 1.0, 0.0, 1.0)
    upto = 2 * float(special.betainc(tosses - fewer, fewer + 1, 0.5))
    log_chance = -math.log1p(tosses) - special.betaln(fewer + 1, tosses - fewer + 1)
    itself = math.exp(float(log_chance) - tosses * math.log(2))
    apart = abs(gained - lost)
    chi2 = apart**2 / tosses
    corrected = max(apart - 1, 0) ** 2 / tosses
    return McNemar(
        exact=min(1.0, upto),
        mid=min(1.0, upto - itself),
        chi2=chi2,
        chi2_p=math.erfc(math.sqrt(chi2 / 2)),
        corrected=corrected,
        corrected_p=math.erfc(math.sqrt(corrected / 2)),
    )


def rows_to_decide(
    rows: float, error: float, distance: float, confidence: float = 0.95, power: float = 0.8
) -> float:
    """Rows with which an interval leaves the limit aside with the chance `power`.

    ``n ((z_a + z_b) se / distance)**2``, for a value that stays where it is.

    Parameters
    ----------
    rows : float
        Rows that gave the standard error.
    error : float
        Standard error of the value.
    distance : float
        From the value to the limit.
    confidence : float, default 0.95
        Of the two-sided interval.
    power : float, default 0.8
        Chance of a decision.

    Returns
    -------
    float
        Infinite where the value lies on the limit.

    Examples
    --------
    >>> round(rows_to_decide(1_000, 0.0063, 0.01))
    3115
    """
    if distance == 0:
        return math.inf
    z = _z(1 - (1 - confidence) / 2) + _z(power)
    return rows * (z * error / distance) ** 2


def _z(chance: float) -> float:
    return float(special.ndtri(chance))
