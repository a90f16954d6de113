"""How a drift gate decides of what it found: beyond the limit, and more than chance gives."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mlgates.gates.drift.column_drift import MISSING, Found
from mlgates.gates.drift.statistics import METHODS
from mlgates.limits import format_number
from mlgates.stats.multiplicity import holm
from mlgates.verdict import Check, Measurement, Rule, Unit

__all__ = ["Deciding"]


@dataclass(frozen=True, slots=True)
class Deciding:
    """The rule by which one gate decides.

    Parameters
    ----------
    method : str
        Name of the distance.
    least : int
        Fewest values a side.
    decide_by : {"significance", "estimate"}
        Whether a change must be significant, too.
    significance : float
        Chance of a FAIL without any change, of all that was found.
    """

    method: str
    least: int
    decide_by: Rule
    significance: float

    def checks(self, found: Sequence[Found]) -> Iterator[Check]:
        """Yield a check of each, significant or not after Holm's correction for all of them."""
        adjusted, least = holm([each.p_value for each in found]), holm([e.p_least for e in found])
        tests = max(int(np.count_nonzero(~np.isnan(adjusted))), 1)
        for each, p_value, p_least in zip(found, adjusted.tolist(), least.tolist(), strict=True):
            yield self._judged(each, p_value, p_least, tests)

    def _judged(self, found: Found, p_value: float, p_least: float, tests: int) -> Check:
        unit: Unit = "share" if found.metric == MISSING else ""
        lack = self._lacking(found, p_value)
        said = found.said + ("" if lack else self._chance(found, p_value, tests))
        measurement = Measurement(
            found.value,
            n=found.n,
            dropped=found.dropped,
            p_value=p_value,
            method="two proportions" if unit else self.method,
            details=found.details,
        )
        enough = min(found.n, found.m) >= self.least
        return Check.judge(
            found.subject,
            found.metric,
            measurement,
            found.limit,
            rule=self.decide_by,
            min_n=self.least,
            max_dropped=1.0,  # what is missing has a check of its own
            significance=self.significance,
            insufficient=lack,
            # on whichever side of the limit it lies, chance alone could have brought it there
            insufficient_by_chance=enough and found.is_vague and self._is_chance(p_least),
            unit=unit,
            said=said,
        )

    def _lacking(self, found: Found, p_value: float) -> str:
        """Return why nothing can be decided, where `decide` could not know."""
        least, shift = self.least, found.shift
        if found.m < least:
            what = "values" if found.metric == self.method else "rows"
            return f"too few {what} in the reference: {found.m:,}, at least {least:,} are needed"
        if found.n < least or shift is None:
            return ""
        if found.is_vague:
            ends = f"from {format_number(shift.low)} to {format_number(shift.high)}"
            return f"from the stored reference it is known to be {ends}, which leaves it open"
        if found.value == math.inf and self._is_chance(p_value):
            return "all of the reference is one value; so few others can be chance"
        return ""

    def _is_chance(self, p_value: float) -> bool:
        return self.decide_by == "significance" and not p_value <= self.significance

    def _chance(self, found: Found, p_value: float, tests: int) -> str:
        """Return what chance gives and how many rows decide, where the column is undecided."""
        beyond = found.value is not None and not found.limit.holds(found.value)
        shift, method = found.shift, METHODS[self.method]
        if shift is None or not beyond or found.n < self.least or not self._is_chance(p_value):
            return ""
        alpha = self.significance / tests
        level = method.chance(found.cells, found.n, found.m, alpha)
        value, decided, told = float(found.value or 0), found.limit.high, ""
        if shift.tested >= 0:
            value = decided = shift.tested
            told = f"`ks` is {format_number(value)}, "
        # Beyond it lie thin cells, and categories that so small a reference lacks: the test allows
        # for both, the level does not.
        if value <= level:
            told += f"chance alone gives up to {format_number(level)} here, "
        needed = method.needed(decided, found.cells, found.m, alpha, found.floor)
        if needed is None and decided > 0:
            told += (
                f"{'and ' if told else ''}against so small a reference no number of rows decides"
            )
        elif needed and needed > found.n:
            told += f"{needed:,} rows would decide"
        return f"; {told.removesuffix(', ')}" if told else ""
