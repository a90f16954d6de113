"""When gates may pass, in plain Python: written from the documentation, without mlgates.

A table is a mapping of names to ``(kind, cells)``; cells are Python values, None or NaN where
missing.
"""

import math
import re
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import pairwise

FAMILIES = {
    "int": {"int"},
    "float": {"float"},
    "number": {"int", "float"},
    "bool": {"bool"},
    "string": {"string"},
    "date": {"date"},
    "timestamp": {"timestamp"},
    "any": {"int", "float", "bool", "string", "date", "timestamp"},
}


def is_missing(cell):
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def same(a, b):
    """Return whether two values are equal; bools, texts, numbers, dates and datetimes differ."""
    if isinstance(a, bool) or isinstance(b, bool):
        return isinstance(a, bool) and isinstance(b, bool) and a is b
    if isinstance(a, str) or isinstance(b, str):
        return isinstance(a, str) and isinstance(b, str) and a == b
    if isinstance(a, date) or isinstance(b, date):
        return type(a) is type(b) and a == b
    return a == b


def before(a, b):
    """Whether a value is below another, compared exactly."""
    if isinstance(a, date):
        return a < b
    if isinstance(a, float) and math.isinf(a):
        return a < 0
    return Fraction(a) < Fraction(b)


def broken_values(values, rules):
    """How many values break each of the rules that a column has."""
    low, high = rules.get("at_least"), rules.get("at_most")
    if low is not None or high is not None:
        yield sum(
            (low is not None and before(v, low)) or (high is not None and before_or_above(v, high))
            for v in values
        )
    if rules.get("isin") is not None:
        yield sum(not any(same(v, allowed) for allowed in rules["isin"]) for v in values)
    if rules.get("matches") is not None:
        yield sum(re.fullmatch(rules["matches"], v) is None for v in values)
    if rules.get("unique"):
        firsts = []
        for value in values:
            if not any(same(value, first) for first in firsts):
                firsts.append(value)
        yield len(values) - len(firsts)


def before_or_above(value, high):
    """Whether a value is above a bound."""
    if isinstance(value, float) and math.isinf(value):
        return value > 0
    return before(high, value) if not isinstance(value, date) else high < value


def column_may_pass(kind, cells, rules):
    if kind not in FAMILIES[rules["dtype"]]:
        return False
    values = [cell for cell in cells if not is_missing(cell)]
    if len(values) < len(cells) and not rules.get("nullable", False):
        return False
    counts = []
    if kind == "float" and not rules.get("allow_inf", False):
        counts.append(sum(math.isinf(v) for v in values))
    counts += broken_values(values, rules)
    if counts and not values:
        return False
    return all(count / len(values) <= rules.get("max_invalid", 0.0) for count in counts)


def schema_may_pass(table, columns, *, extra="forbid", ordered=False):
    rows = {len(cells) for _, cells in table.values()}
    if rows == {0}:
        return False
    there = [name for name in columns if name in table]
    undeclared = [name for name in table if name not in columns]
    if not there or (undeclared and extra == "forbid"):
        return False
    if ordered and there != [name for name in table if name in columns]:
        return False
    for name, rules in columns.items():
        if name in table:
            if not column_may_pass(*table[name], rules):
                return False
        elif rules.get("required", True) or any(
            other.strip().casefold() == name.strip().casefold() for other in undeclared
        ):
            return False
    return True


def completeness_may_pass(
    table,
    *,
    columns=None,
    max_missing=0.0,
    min_rows=1,
    max_rows=None,
    missing_values=(),
    expected=None,
    by=None,
):
    rows = max(len(cells) for _, cells in table.values())
    if rows == 0 or rows < min_rows or (max_rows is not None and rows > max_rows):
        return False
    if not all(name in table for name in [*(columns or ()), *(expected or ()), *(by or ())]):
        return False

    def gone(cell):
        return is_missing(cell) or any(same(cell, value) for value in missing_values)

    def enough(cells):
        return sum(map(gone, cells)) / len(cells) <= max_missing

    keys = [
        tuple("" if is_missing(table[name][1][i]) else repr(table[name][1][i]) for name in by or ())
        for i in range(rows)
    ]
    for name in columns or table:
        cells = table[name][1]
        whole = by is None or name in by
        parts = [cells] if whole else [pick(cells, keys, key) for key in keys]
        if not all(map(enough, parts)):
            return False
    return all(holds_all(table[name][1], values) for name, values in (expected or {}).items())


def pick(cells, keys, key):
    """Cells of the rows that have this key."""
    return [cell for cell, own in zip(cells, keys, strict=True) if own == key]


def holds_all(cells, values):
    """Whether each of the values has a row."""
    there = [cell for cell in cells if not is_missing(cell)]
    return all(any(same(cell, value) for cell in there) for value in values)


def freshness_may_pass(
    cells, now, *, max_age, max_gap=None, clock_skew=300, min_fresh_share=None, zone=None
):
    """Durations in seconds; `zone` is a fixed offset in hours for naive stamps, or None."""
    if not cells or any(is_missing(cell) for cell in cells):
        return False
    moments = []
    for cell in cells:
        moment = cell
        if not isinstance(moment, datetime):
            moment = datetime(cell.year, cell.month, cell.day)
        if moment.tzinfo is None:
            if zone is None:
                return False
            moment = (moment - timedelta(hours=zone)).replace(tzinfo=now.tzinfo)
        moments.append(moment)
    moments.sort()
    ages = [(now - moment) / timedelta(microseconds=1) for moment in moments]
    if any(age < -clock_skew * 1e6 for age in ages) or ages[-1] > max_age * 1e6:
        return False
    if max_gap is not None:
        gaps = [older - newer for older, newer in pairwise(ages)]
        if not gaps or max(gaps) > max_gap * 1e6:
            return False
    fresh = sum(age <= max_age * 1e6 for age in ages)
    return min_fresh_share is None or fresh / len(ages) >= min_fresh_share
