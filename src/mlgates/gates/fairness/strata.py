"""One stratum (subset of the rows): its groups, its reference group and their comparison."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlgates import options
from mlgates.errors import EvidenceError
from mlgates.gates.fairness.comparison import Comparison, Rule, compare
from mlgates.gates.fairness.rates import Floats, GroupRates
from mlgates.options import did_you_mean
from mlgates.predictions.groups import group_name
from mlgates.printable import first_of

__all__ = ["Reference", "Stratum", "find_reference", "reference_option"]

#: Largest number of names of groups in one sentence.
_MOST_NAMED = 5


@dataclass(frozen=True)
class Reference:
    """The reference group: the group with which all others are compared.

    `group` is its index; None if all pairs are compared. If the group that the user named has no
    rows, `absent` says so in words.
    """

    group: int | None = None
    absent: str = ""


@dataclass(frozen=True, eq=False)
class Stratum:
    """The measured rates of the groups in one stratum, which is a subset of the rows.

    `Fairness` compares the groups within each stratum. Without the option `by`, there is one
    stratum of all rows, and its `name` is None. `rates` has an item for each metric that is
    compared, and `reference` is the group with which the others are compared.

    `size` has the number of rows of each group; with weights, the effective number. `dropped` is
    the number of rows without a label. `empty_queries` is the number of queries without a relevant
    document, for metrics of rankings.
    """

    name: str | None
    rates: tuple[GroupRates, ...]
    reference: Reference
    size: Floats
    dropped: int = 0
    empty_queries: int = 0

    def named(self, group: str) -> str:
        """Return the name of a group, with the name of the stratum in front."""
        return group if self.name is None else f"{self.name}, {group}"

    def compare(self, rule: Rule) -> list[Comparison]:
        """Return the comparison of the groups for each item of `rates`.

        `rule` says how groups are compared: by difference or ratio, with which limit, and by an
        interval, a test or the values alone.
        """
        if self.reference.absent:
            return [Comparison(rates, None, (0, 0)) for rates in self.rates]
        return [compare(rates, rule) for rates in self.rates]

    def insufficient(self, rates: GroupRates) -> str:
        """Return in words why the groups can't be compared; "" if they can."""
        group, comparable = self.reference.group, np.count_nonzero(rates.comparable)
        if self.reference.absent:
            return self.reference.absent
        if group is not None and not rates.comparable[group]:
            name = rates.groups[group]
            return f"the reference group {name} can't be compared: {rates.insufficient[group]}"
        if comparable < 2:
            whys = {why for why, rows in zip(rates.insufficient, rates.rows, strict=True) if rows}
            if rates.clusters is not None and len(whys) == 1 and not comparable:
                return f"no group can be compared: {whys.pop()}"
            return f"{'only one' if comparable else 'no'} group can be compared; two are needed"
        return ""

    @property
    def too_small(self) -> bool:
        """Whether too few groups remain for a comparison if groups with few rows are excluded."""
        left = [~rates.small for rates in self.rates]
        group = self.reference.group
        if group is not None and not any(each[group] for each in left):
            return True
        return all(np.count_nonzero(each) < 2 for each in left)


def reference_option(
    owner: str, option: str, given: object, sensitive: Sequence[str] | None
) -> object:
    """Check the option `reference_group`, and return it.

    Parameters
    ----------
    owner, option : str
        Name of the gate and of the option, for the message of the exception.
    given : object
        The reference group as the user passed it, in one of three forms: the value of the only
        sensitive feature (``"f"``), the name of a group (``"sex=f"``), or a mapping of each
        sensitive feature to a value (``{"sex": "f", "region": "north"}``). A mapping is returned as
        a tuple of pairs (feature, value), anything else unchanged.
    sensitive : sequence of str, optional
        Names of the sensitive features, which must be the keys of a mapping.

    Raises
    ------
    OptionError
        If `given` has another form, or a mapping has other keys.
    """
    allowed = "a value, the name of a group, or a mapping of each sensitive feature to a value"
    if not isinstance(given, Mapping | tuple):
        if isinstance(given, list | set | frozenset):
            raise options.refuse(owner, option, allowed, given)
        return options.scalar(owner, option, given)
    pairs = options.mapping(owner, option, given, allowed)
    if not pairs or not all(isinstance(name, str) for name in pairs):
        raise options.refuse(owner, option, allowed, given)
    if sensitive is not None and set(pairs) != set(sensitive):
        listed = ", ".join(map(repr, sensitive))
        allowed = f"a mapping with one value for each name in `sensitive` ({listed})"
        raise options.refuse(owner, option, allowed, given)
    return tuple((n, options.scalar(owner, f"{option}[{n!r}]", v)) for n, v in pairs.items())


def find_reference(
    given: Any,
    features: Sequence[str],
    names: Sequence[str],
    groups: Sequence[tuple[Any, ...]],
) -> Reference:
    """Return the group that the option `reference_group` of `Fairness` names.

    Parameters
    ----------
    given : object
        The option, as `reference_option` returns it: the name of a group, the value of the only
        sensitive feature, or a tuple of pairs (feature, value). None if the option is not given.
    features : sequence of str
        Names of the sensitive features.
    names : sequence of str
        Names of the groups.
    groups : sequence of tuple
        For each group, the values of the features, in the order of `features`.

    Returns
    -------
    Reference
        If no group has this name or these values, its field `absent` says so. If `given` is None,
        all pairs of groups are compared.

    Raises
    ------
    EvidenceError
        If `given` has pairs, but not exactly one for each feature. If there are several features,
        and `given` is neither the name of a group nor pairs.
    """
    if given is None:
        return Reference()
    if isinstance(given, tuple):
        values = dict(given)
        if set(values) != set(features):
            msg = "`reference_group` must have one value of each sensitive feature "
            msg += f"({', '.join(features)}), got values of {', '.join(values)}"
            raise EvidenceError(msg)
        wanted = tuple(values[feature] for feature in features)
    elif given in names:
        return Reference(names.index(given))
    elif len(features) > 1:
        msg = f"`reference_group` must be one group of {' and '.join(features)}: pass a mapping of "
        msg += f"each feature to a value, or the name of a group, got {options.shown(given)}"
        raise EvidenceError(msg)
    else:
        wanted = (given,)
    if wanted in groups:
        return Reference(groups.index(wanted))
    name = ", ".join(map(group_name, features, wanted))
    listed = first_of(names, _MOST_NAMED)
    near = did_you_mean(given, [str(v[0]) for v in groups]) if len(wanted) == 1 else ""
    return Reference(None, f"the reference group {name} has no rows; the groups are {listed}{near}")
