"""Many tests or intervals at once: adjusted so that the whole family has one error rate."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Floats

__all__ = ["holm", "holm_levels"]


def holm(pvalues: npt.ArrayLike) -> Floats:
    """Return Holm's adjusted p-values, in the order given.

    The i-th smallest of m is ``max_(j <= i) min(1, (m - j + 1) p_(j))``. Rejecting those up to
    alpha keeps the chance of any false rejection at alpha, however the tests depend on each other.
    NaN is a test that could not be made: it stays NaN and does not count.

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
    """Return the levels of the intervals of a family of claims, one each, by Holm's steps.

    Of m claims, each is first held to ``1 - alpha / m`` with ``alpha = 1 - confidence``; when some
    are shown at a level, the others are held to ``1 - alpha / k`` for the ``k`` that are left. The
    chance that any claim is shown wrongly is then at most alpha. Each callable returns whether the
    interval at a level shows the claim; the last level used is returned, `confidence` for a claim
    that is not shown even at that.

    Examples
    --------
    >>> far, near = (lambda level: True), (lambda level: level < 0.97)
    >>> holm_levels([far, near, near]), holm_levels([far, near])
    ((0.983..., 0.975, 0.975), (0.975, 0.95))
    """
    alpha, shown = 1 - confidence, 0
    levels = [confidence] * len(beyond)
    left = [i for i, is_beyond in enumerate(beyond) if is_beyond(confidence)]
    while left:
        level = 1 - alpha / (len(beyond) - shown) if len(beyond) - shown > 1 else confidence
        found = {i for i in left if beyond[i](level)}
        for i in left:
            levels[i] = level
        if not found:
            break
        shown += len(found)
        left = [i for i in left if i not in found]
    return tuple(levels)
