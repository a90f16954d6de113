"""Definitions of fairness: which rates of the groups are compared, how, and against what limit."""

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np

from mlgates import metrics, options
from mlgates.gates._shared import bounded
from mlgates.metrics import Metric
from mlgates.metrics.classification import Share
from mlgates.verdict import Limit

__all__ = ["Definition", "Over", "definition", "limit_of"]

Over = Literal["difference", "ratio", "group_min", "group_max"]
OVERS: tuple[Over, ...] = ("difference", "ratio", "group_min", "group_max")

#: Named definitions: the rates of which the worst gap counts.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "demographic_parity": ("selection_rate",),
    "equalized_odds": ("true_positive_rate", "false_positive_rate"),
    "equal_opportunity": ("true_positive_rate",),
}
#: The side of the limit, and why it is that one.
_SIDES: Mapping[Over, tuple[str, str]] = {
    "difference": ("at_most", "a difference is 0 where all groups are alike"),
    "ratio": ("at_least", "a ratio is 1 where all groups are alike"),
    "group_min": ("at_least", "it is the smallest value of any group"),
    "group_max": ("at_most", "it is the largest value of any group"),
}


class Definition(NamedTuple):
    """What is compared between groups: one rate, or several of which the worst counts."""

    name: str
    over: Over
    rates: tuple[Metric, ...]


_ZERO_ONE_LOSS = Share(
    name="zero_one_loss",
    greater_is_better=False,
    share=lambda cells, _: (
        cells.sum((-2, -1)) - np.trace(cells, axis1=-2, axis2=-1),
        cells.sum((-2, -1)),
    ),
)


def definition(
    metric: object,
    owner: str,
    greater_is_better: bool | None = None,  # noqa: FBT001
) -> Definition:
    """Return the definition of this name; of a function its difference between groups.

    A name is that of a definition or a metric (scikit-learn's and fairlearn's spellings too), with
    ``_difference``, ``_ratio``, ``_group_min`` or ``_group_max``. `owner` is named in errors.

    Examples
    --------
    >>> odds = definition("equalized_odds_ratio", "Fairness")
    >>> odds.over, [rate.name for rate in odds.rates]
    ('ratio', ['true_positive_rate', 'false_positive_rate'])
    >>> definition("demographic_parity", "Fairness")
    Traceback (most recent call last):
    mlgates.errors.OptionError: Fairness: `metric` must be ...; did you mean 'demographic_parity...
    """
    if not isinstance(metric, str) and callable(metric):
        wrapped = metrics.find(metric, owner, greater_is_better)
        return Definition(f"{wrapped.name}_difference", "difference", (wrapped,))
    for over in OVERS if isinstance(metric, str) else ():
        name = str(metric).removesuffix(f"_{over}")
        # the smallest of two different rates has no meaning
        if name == metric or (name in _NAMED and over in ("group_min", "group_max")):
            continue
        if name in _NAMED:
            if greater_is_better is not None:
                allowed = f"left out for `{name}`"
                raise options.refuse(owner, "greater_is_better", allowed, greater_is_better)
            rates = tuple(metrics.find(rate, owner) for rate in _NAMED[name])
            return Definition(str(metric), over, rates)
        if name == _ZERO_ONE_LOSS.name:
            return Definition(str(metric), over, (_ZERO_ONE_LOSS,))
        for spelling in (name, name.removesuffix("_score"), name.removesuffix("_loss")):
            if spelling in metrics.NAMES:
                rate = metrics.find(spelling, owner, greater_is_better)
                return Definition(str(metric), over, (rate,))
    names = [f"{name}_{over}" for name in _NAMED for over in ("difference", "ratio")]
    names += [f"{name}_{over}" for name in metrics.NAMES for over in OVERS]
    allowed = "'demographic_parity_difference' or another notion, '<metric>_difference', "
    allowed += "'<metric>_ratio', '<metric>_group_min', '<metric>_group_max', or a function"
    raise options.refuse(owner, "metric", allowed, metric, options.did_you_mean(metric, names))


def limit_of(defined: Definition, owner: str, at_least: object, at_most: object) -> Limit:
    """Return the limit of a definition, which has one side only.

    A limit on the other side, none, and one that no value could reach are refused.

    Examples
    --------
    >>> limit_of(definition("demographic_parity_ratio", "Fairness"), "Fairness", 0.8, None)
    Limit(at_least=0.8, at_most=None)
    """
    given = {"at_least": at_least, "at_most": at_most}
    side, why = _SIDES[defined.over]
    other = "at_most" if side == "at_least" else "at_least"
    if given[other] is not None:
        hint = f"; `{defined.name}` takes `{side}`: {why}"
        raise options.refuse(owner, other, "left out", given[other], hint)
    if given[side] is None:
        hint = f"; `{defined.name}` has no default limit"
        raise options.refuse(owner, side, "given", None, hint)
    low = max(rate.low for rate in defined.rates)
    high = min(rate.high for rate in defined.rates)
    if defined.over in ("difference", "ratio"):
        low, high = 0.0, 1.0 if defined.over == "ratio" else high - low
    high = math.inf if math.isnan(high) else high
    return Limit(**{side: bounded(owner, side, given[side], low, high)})
