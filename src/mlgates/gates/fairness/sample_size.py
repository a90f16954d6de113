"""How many times the rows would decide, of values known only as well as these rows tell."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

__all__ = ["decisive_growth", "growth_of", "shrunk"]

Floats = npt.NDArray[np.float64]

#: Pairs or groups near the limit that are looked at for the rows that decide.
_NEAREST = 20
#: Share of draws that should be decided with the rows told; a little more than the four of five
#: that are promised, for the normal approximation.
_DECIDED = 0.85
#: How well a value is known, as a share of its standard error: it is drawn towards the others, too.
_SPREAD = 0.7
#: Nodes and weights for the mean over what the value may truly be.
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_MEAN = _WEIGHTS / _WEIGHTS.sum()


def shrunk(values: npt.ArrayLike, errors: npt.ArrayLike) -> Floats:
    """Values of groups, drawn towards their mean by as much as their spread is chance.

    The largest of several values is large by chance, too: of groups that are alike nothing but
    chance is left of their gap. Each is ``mean + (value - mean) t / (t + error**2)`` with the
    variance ``t`` between groups of DerSimonian's and Laird's method of moments.

    Parameters
    ----------
    values, errors : array_like of float
        Of each group the value and its standard error, which is above 0.

    References
    ----------
    .. [1] DerSimonian, R. and Laird, N. (1986). Meta-analysis in clinical trials. Controlled
       Clinical Trials 7, 177-188.

    Examples
    --------
    >>> shrunk([0.4, 0.5], [0.1, 0.1]).round(3).tolist()
    [0.45, 0.45]
    >>> shrunk([0.2, 0.6], [0.05, 0.05]).round(3).tolist()
    [0.206, 0.594]
    """
    v, variance = np.asarray(values, np.float64), np.asarray(errors, np.float64) ** 2
    weight = 1 / variance
    mean = (weight * v).sum() / weight.sum()
    spread = float((weight * (v - mean) ** 2).sum())
    between = (spread - (len(v) - 1)) / (weight.sum() - (weight**2).sum() / weight.sum())
    kept = max(float(between), 0.0)
    return np.asarray(mean + (v - mean) * kept / (kept + variance))


def decisive_growth(beyond: float, error: float, quantile: float, farthest: float) -> float:
    """How many times the rows an interval needs to leave its limit, in four of five draws.

    With ``f`` times the rows, the interval of what truly lies ``d`` from its limit leaves it with
    chance ``Phi(|d| sqrt(f) / error - quantile)``; where it is within, so must all others be, and
    the farthest of their errors is to be taken off too. What ``d`` is, is itself known no better
    than to `error`: the chance is averaged over most of that.

    Parameters
    ----------
    beyond : float
        How far the value seems to lie beyond its limit; negative within.
    error : float
        Its standard error now.
    quantile : float
        Normal quantile of the interval.
    farthest : float
        Median of the farthest of all errors, in standard errors.

    Returns
    -------
    float
        Infinite where more than a million times the rows would be needed.

    Examples
    --------
    >>> decisive_growth(-0.1, 0.05, 1.96, 0.67) < decisive_growth(-0.05, 0.05, 1.96, 0.67)
    True
    """
    true = beyond + _SPREAD * _NODES * error
    least = quantile + np.where(true < 0, farthest, 0.0)

    def decided(growth: float) -> float:
        return float(_MEAN @ special.ndtr(np.abs(true) * np.sqrt(growth) / error - least))

    low, high = -4.0, 14.0  # logarithms
    if decided(np.exp(high)) < _DECIDED:
        return np.inf
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if decided(np.exp(middle)) >= _DECIDED else (middle, high)
    return float(np.exp(high))


def growth_of(beyond: Floats, errors: Floats, quantile: float, farthest: float) -> float | None:
    """Return how many times the rows decide, of what lies so far beyond a limit, or within it.

    One that is shown to be beyond decides; of those within, all must be shown.
    """
    far = beyond / errors
    near = np.argsort(-far)[: 1 if far.max() > 0 else _NEAREST]
    times = [decisive_growth(float(beyond[g]), float(errors[g]), quantile, farthest) for g in near]
    return max(times) if math.isfinite(max(times)) else None
