"""What drift measures of a column before it is judged beside all others."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from mlgates.gates.drift.statistics import Shift
from mlgates.limits import Limit, format_number, format_value, snap_to_limit
from mlgates.profile.column import ColumnProfile
from mlgates.stats.divergence import chi_square_pvalue

__all__ = ["MISSING", "Found", "missing_shift"]

MISSING = "missing_shift"


class Found(NamedTuple):
    """What was measured of one column, before p-values are adjusted for all of them."""

    subject: str
    metric: str
    limit: Limit
    n: int
    m: int
    value: float | None
    p_value: float
    details: dict[str, object]
    said: str
    dropped: int = 0
    cells: int = 0
    shift: Shift | None = None
    floor: float = 0.0

    @property
    def p_least(self) -> float:
        """The least p-value that there can be, where the distance is known only within bounds."""
        return self.p_value if self.shift is None else self.shift.p_least

    @property
    def is_vague(self) -> bool:
        """Whether the limit lies within what is known of the distance."""
        shift, limit = self.shift, self.limit
        return shift is not None and limit.holds(shift.low) and not limit.holds(shift.high)


def missing_shift(known: ColumnProfile, data: ColumnProfile, most: float) -> Iterator[Found]:
    """Yield how the missing share changed; nothing where none is missing on a side.

    Parameters
    ----------
    known, data : ColumnProfile
        The column of the reference and of the data.
    most : float
        The largest change that is allowed.
    """
    if not known.missing and not data.missing:
        return
    name, before, limit = known.field.name, known.missing / known.rows, Limit(at_most=most)
    now = data.missing / data.rows if data.rows else math.nan
    value = snap_to_limit(abs(now - before), limit, scale=1.0) if data.rows else None
    sides = (np.array([side.missing, side.rows - side.missing]) for side in (known, data))
    p_value = chi_square_pvalue(*sides, ordered=False)
    said = f"{format_number(before, 'share')} of `{name}` was missing in the reference"
    if data.rows:
        shift = format_value(value, limit, "share")
        said += f", {format_number(now, 'share')} is in the data: a shift of {shift}"
    details: dict[str, object] = {
        "n_reference": known.rows,
        "p_value_alone": p_value,
        "before": before,
        "now": now,
    }
    yield Found(name, MISSING, limit, data.rows, known.rows, value, p_value, details, said)
