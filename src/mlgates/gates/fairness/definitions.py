"""Notions of fairness: which rates of the groups are compared, and how."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates import metrics, options
from mlgates.limits import Limit
from mlgates.metrics import Metric
from mlgates.metrics.classification import Share

__all__ = ["Notion", "Over", "limit_of", "notion"]

Over = Literal["difference", "ratio", "group_min", "group_max"]
OVERS: tuple[Over, ...] = ("difference", "ratio", "group_min", "group_max")

#: Named notions: the rates of which the worst gap counts.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
}
_SIDE: Mapping[Over, str] = {
    "difference": "at_most",
    "ratio": "at_least",
    "group_min": "at_least",
    "group_max": "at_most",
}
_WHY: Mapping[Over, str] = {
    "difference": "a difference is 0 where all groups are alike",
    "ratio": "a ratio is 1 where all groups are alike",
    "group_min": "it is the smallest value of any group",
    "group_max": "it is the largest value of any group",
}


class Notion(NamedTuple):
    """What is compared between groups: one rate, or several of which the worst counts."""

    name: str
    over: Over
    rates: tuple[Metric, ...]


def _wrong(
    cells: npt.NDArray[np.float64], positive: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    del positive
    rows = cells.sum((-2, -1))
    return rows - np.trace(cells, axis1=-2, axis2=-1), rows


_ZERO_ONE_LOSS = Share(
    name="zero_one_loss",
    greater_is_better=False,
    share=_wrong,
)


def notion(
    metric: object,
    owner: str,
    greater_is_better: bool | None = None,  # noqa: FBT001
) -> Notion:
    """Return the notion of this name; of a function its difference between groups.

    Parameters
    ----------
    metric : str or callable
        ``"demographic_parity_difference"``, ``"<metric>_<difference|ratio|group_min|group_max>"``,
        or a metric as a function.
    owner : str
        Who asks, for the message.
    greater_is_better : bool, optional
        The direction of a function.

    Raises
    ------
    OptionError
        For an unknown name, with the nearest ones.

    Examples
    --------
    >>> found = notion("equalized_odds_ratio", "Fairness")
    >>> found.over, [rate.name for rate in found.rates]
    ('ratio', ['true_positive_rate', 'false_positive_rate'])
    >>> notion("demographic_parity", "Fairness")
    Traceback (most recent call last):
    mlgates.errors.OptionError: Fairness: `metric` must be ...; did you mean 'demographic_parity...
    """
    if not isinstance(metric, str) and callable(metric):
        wrapped = metrics.find(metric, owner, greater_is_better)
        return Notion(f"{wrapped.name}_difference", "difference", (wrapped,))
    if isinstance(metric, str):
        for over in OVERS:
            name = metric.removesuffix(f"_{over}")
            if name != metric and _is_offered(name, over):
                rates = _rates(name, owner, greater_is_better)
                if rates:
                    return Notion(metric, over, rates)
    allowed = "'demographic_parity_difference' or another notion, '<metric>_difference', "
    allowed += "'<metric>_ratio', '<metric>_group_min', '<metric>_group_max', or a function"
    raise options.refuse(owner, "metric", allowed, metric, options.did_you_mean(metric, _known()))


def _is_offered(name: str, over: Over) -> bool:
    """Whether a notion is compared in this way: the smallest of two rates says nothing."""
    return over in ("difference", "ratio") or name not in _NAMED


def _rates(name: str, owner: str, better: bool | None) -> tuple[Metric, ...]:  # noqa: FBT001
    """Return the rates of a notion or the metric of a name, scikit-learn's and fairlearn's too."""
    if name in _NAMED:
        if better is not None:
            raise options.refuse(owner, "greater_is_better", f"left out for `{name}`", better)
        return tuple(metrics.find(rate, owner) for rate in _NAMED[name])
    if name == _ZERO_ONE_LOSS.name:
        return (_ZERO_ONE_LOSS,)
    for spelling in (name, name.removesuffix("_score"), name.removesuffix("_loss")):
        if spelling in metrics.NAMES:
            return (metrics.find(spelling, owner, better),)
    return ()


def _known() -> list[str]:
    named = [f"{name}_{over}" for name in _NAMED for over in ("difference", "ratio")]
    return named + [f"{name}_{over}" for name in metrics.NAMES for over in OVERS]


def limit_of(notion: Notion, owner: str, at_least: object, at_most: object) -> Limit:
    """Return the limit of a notion, which has one side only.

    Raises
    ------
    OptionError
        For a limit on the other side, none, or one that no value could reach.

    Examples
    --------
    >>> limit_of(notion("demographic_parity_ratio", "Fairness"), "Fairness", 0.8, None)
    Limit(at_least=0.8, at_most=None)
    """
    given = {"at_least": at_least, "at_most": at_most}
    side = _SIDE[notion.over]
    other = next(name for name in given if name != side)
    if given[other] is not None:
        hint = f"; `{notion.name}` takes `{side}`: {_WHY[notion.over]}"
        raise options.refuse(owner, other, "left out", given[other], hint)
    if given[side] is None:
        hint = f"; `{notion.name}` has no default limit"
        raise options.refuse(owner, side, "given", None, hint)
    return Limit(**{side: _reachable(notion, owner, side, given[side])})


def _reachable(notion: Notion, owner: str, side: str, value: object) -> float:
    """Return a limit that a value can lie on both sides of; 10 for 10 % is refused with a hint."""
    low = max(rate.low for rate in notion.rates)
    high = min(rate.high for rate in notion.rates)
    if notion.over in ("difference", "ratio"):
        low, high = 0.0, 1.0 if notion.over == "ratio" else high - low
    if (low, high) == (0, 1):
        return options.share(owner, side, value)
    high = math.inf if math.isnan(high) else high
    return options.number(owner, side, value, at_least=low, at_most=high)
