"""Many tests at once: p-values adjusted so that the whole family has one error rate."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

__all__ = ["holm", "holm_levels"]

Floats = npt.NDArray[np.float64]


def holm(pvalues: npt.ArrayLike) -> Floats:
    """Holm's adjusted p-values: at most alpha with chance alpha if nothing is there to be found.

    The i-th smallest of m is ``max_(j <= i) min(1, (m - j + 1) p_(j))``. Rejecting those up to
    alpha keeps the chance of any false rejection at alpha, however the tests depend on each other.

    Parameters
    ----------
    pvalues : array_like of float
        One-dimensional. NaN is a test that could not be made: it stays NaN and does not count.

    Returns
    -------
    numpy.ndarray of float64
        In the order given; never below the p-value itself.

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
    """Levels of the intervals of a family of claims by Holm's steps, one claim each.

    Of m claims, each is first held to ``1 - alpha / m`` with ``alpha = 1 - confidence``; when some
    are shown at a level, the others are held to ``1 - alpha / k`` for the ``k`` that are left. The
    chance that any claim is shown wrongly is then at most alpha.

    Parameters
    ----------
    beyond : sequence of callable
        Of a level: whether the interval at it shows the claim.
    confidence : float, default 0.95
        Of an interval that stands alone.

    Returns
    -------
    tuple of float
        For each claim the level that it was last held to; `confidence` for one that is not even
        shown there.

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
