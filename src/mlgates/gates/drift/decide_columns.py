"""The decision on all columns of a drift gate: beyond the limit, and more than chance gives."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from mlgates.gates._shared import rows_until_significant
from mlgates.gates.drift.statistics import METHODS, MISSING, ColumnDrift
from mlgates.stats.divergence import psi_chance
from mlgates.stats.multiplicity import holm
from mlgates.stats.twosample import ks_chance
from mlgates.verdict import Check, Measurement, Rule, format_number


def decide_columns(
    drifts: Sequence[ColumnDrift], least: int, rule: Rule, significance: float
) -> Iterator[Check]:
    """Yield a check of each, significant or not after Holm's correction for all of them.

    Fewer than `least` values per side decide nothing. By the rule "significance" a change must be
    significant to FAIL, and `significance` is the chance of any FAIL without a change.
    """
    p_values = holm([drift.statistic.p_value for drift in drifts])
    p_leasts = holm([drift.statistic.p_least for drift in drifts])
    alpha = significance / max(int(np.count_nonzero(~np.isnan(p_values))), 1)
    for drift, p_value, p_least in zip(drifts, p_values.tolist(), p_leasts.tolist(), strict=True):
        value, _, low, high, *_ = drift.statistic
        may_be_chance, may_be_chance_at_best = (
            rule == "significance" and not p <= significance for p in (p_value, p_least)
        )
        is_open = drift.limit.holds(low) and not drift.limit.holds(high)
        lack, note = "", ""
        if drift.m < least:
            what = "rows" if drift.metric == MISSING else "values"
            lack = f"too few {what} in the reference: {drift.m:,}, at least {least:,} are needed"
        elif drift.n >= least and is_open:
            ends = f"from {format_number(low)} to {format_number(high)}"
            lack = f"from the stored reference it is known to be {ends}, which leaves it open"
        elif drift.n >= least and value == math.inf and may_be_chance:
            lack = "all of the reference is one value; so few others can be chance"
        elif drift.n >= least and may_be_chance and drift.metric != MISSING:
            note = _chance_note(drift, alpha)
        is_missing = drift.metric == MISSING
        yield Check.judge(
            drift.subject,
            drift.metric,
            Measurement(
                value,
                n=drift.n,
                dropped=drift.dropped,
                p_value=p_value,
                method="two proportions" if is_missing else drift.metric,
                details=drift.details,
            ),
            drift.limit,
            rule=rule,
            min_n=least,
            max_dropped=1.0,  # missing cells have a check of their own
            significance=significance,
            insufficient=lack,
            # On whichever side of the limit it lies, chance alone could have brought it there.
            insufficient_by_chance=drift.m >= least and is_open and may_be_chance_at_best,
            unit="share" if is_missing else "",
            said=drift.reason + note,
        )


def _chance_note(drift: ColumnDrift, alpha: float) -> str:
    """Return what chance gives and how many rows decide, where a column is beyond its limit."""
    value, method, text = drift.statistic.value, METHODS[drift.metric], ""
    if math.isnan(value) or drift.limit.holds(value):
        return ""
    target = drift.limit.high
    if drift.statistic.tested >= 0:
        value = target = drift.statistic.tested
        text = f"`ks` is {format_number(value)}, "
    if method.distance is None:
        level = ks_chance(drift.n, drift.m, alpha)
        needed = rows_until_significant(level, target, drift.n, drift.m)
    else:
        scale, power = method.psi_scale, method.psi_power
        chance = psi_chance(drift.cells, drift.n, drift.m, alpha) / scale
        level, excess = chance ** (1 / power), target**power - drift.floor**power
        # PSI is a square: its root shrinks as other distances do
        roots = math.sqrt(chance), math.sqrt(max(excess, 0.0))
        needed = rows_until_significant(*roots, drift.n, drift.m)
    # Beyond it lie thin cells, and categories that so small a reference lacks: the test allows for
    # both, the level does not.
    if value <= level:
        text += f"chance alone gives up to {format_number(level)} here, "
    if needed is None and target > 0:
        text += f"{'and ' if text else ''}against so small a reference no number of rows decides"
    elif needed and needed > drift.n:
        text += f"{needed:,} rows would decide"
    return f"; {text.removesuffix(', ')}" if text else ""
