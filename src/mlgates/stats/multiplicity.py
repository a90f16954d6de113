"""Corrections for several tests or intervals, so that all of them together have one error rate."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Floats

__all__ = ["holm", "holm_levels"]


def holm(pvalues: npt.ArrayLike) -> Floats:
    """Adjust p-values by Holm's method; the result has the same order.

    Let ``p_(j)`` be the j-th smallest of ``m`` p-values. The adjusted value of the i-th smallest is
    ``max_(j <= i) min(1, (m - j + 1) p_(j))``. If all hypotheses with an adjusted p-value of at
    most alpha are rejected, the probability of any false rejection is at most alpha, even if the
    tests are dependent. NaN stands for a test that could not be made. It stays NaN and is not
    counted in ``m``.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
       Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm([0.01, np.nan, 0.04, 0.03]).tolist()
    [0.03, nan, 0.06, 0.06]
    """
    p = np.asarray(pvalues, np.float64)
    order = np.argsort(p, kind="stable")
    m = len(p) - int(np.count_nonzero(np.isnan(p)))
    kept = order[:m]
    adjusted = np.full_like(p, np.nan)
    adjusted[kept] = np.minimum(np.maximum.accumulate(p[kept] * np.arange(m, 0, -1)), 1.0)
    return adjusted


def holm_levels(
    beyond: Sequence[Callable[[float], bool]], confidence: float = 0.95
) -> tuple[float, ...]:
    """Return the confidence level of the interval of each of several claims, by Holm's method.

    A claim is, for example, that the value of a slice is beyond its limit. All ``m`` claims are
    tested at the level ``1 - alpha / m`` with ``alpha = 1 - confidence``. If some claims are
    proved, the other ``k`` claims are tested again at the level ``1 - alpha / k``. This is repeated
    until no further claim is proved. The probability that a false claim is proved is then at most
    alpha.

    To save time, each claim is tested at the level `confidence` beforehand. A claim that is not
    proved at this level can't be proved at the higher levels, and is not tested again.

    Parameters
    ----------
    beyond : sequence of callable
        One function per claim. It takes a confidence level and returns whether the interval at that
        level proves the claim.
    confidence : float
        Level of all claims together, by default 0.95.

    Returns
    -------
    tuple of float
        For each claim, the last level at which it was tested. This is `confidence` for a claim that
        is not even proved at this level.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
       Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> far, near = (lambda level: True), (lambda level: level < 0.97)
    >>> holm_levels([far, near, near]), holm_levels([far, near])
    ((0.983..., 0.975, 0.975), (0.975, 0.95))
    """
    alpha, proven = 1 - confidence, 0
    levels = [confidence] * len(beyond)
    remaining = [i for i, is_beyond in enumerate(beyond) if is_beyond(confidence)]
    while remaining:
        level = 1 - alpha / (len(beyond) - proven) if len(beyond) - proven > 1 else confidence
        holding = {i for i in remaining if beyond[i](level)}
        for i in remaining:
            levels[i] = level
        if not holding:
            break
        proven += len(holding)
        remaining = [i for i in remaining if i not in holding]
    return tuple(levels)
