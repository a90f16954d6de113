"""Compute distances between columns of the reference and of the data, and test them.

In this module, a cell is a bin of numbers or a category of strings, and a side is one of the two
tables: the reference or the data.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mlgates.gates._shared import enough, rows_until_significant
from mlgates.printable import shorten
from mlgates.profile.baseline import is_identifier
from mlgates.profile.column import ColumnProfile
from mlgates.profile.counters import Ordered, Side, cuts_together
from mlgates.profile.distributions import CellCounts, Ecdf, Frequencies
from mlgates.profile.sketch import PARTS, QuantileSketch, quantile_points
from mlgates.stats import counting, divergence, twosample
from mlgates.stats.multiplicity import holm
from mlgates.stats.two_by_two import THIN
from mlgates.verdict import (
    Check,
    Later,
    Limit,
    Measurement,
    Rule,
    Unit,
    before_rounding,
    format_number,
    format_value,
    slice_clause,
    snap_to_limit,
)

Counts = npt.NDArray[np.int64]

NUMBERS = frozenset({"int", "float", "decimal"})
MISSING, ABSENT = "missing_shift", "slice"
#: Why a distance is undefined if one of the tables has no rows or no values.
NOTHING = "nothing can be compared"
#: Method and unit of the changes that are counted in rows.
_OF_ROWS: dict[str, tuple[str, Unit]] = {
    MISSING: ("two proportions", "share"),
    ABSENT: ("two proportions", "violations"),
}
_SHOWN_BINS = 30
#: Longer names of categories are shortened in a report.
_LONGEST = 80
_TIES = 10  # cells whose edges show whether values of a column are frequent
_LOW_LEVEL = 1e-3
_LEAST_EXPECTED = 20  # the smallest expected count of a cell, at a low level
_MANY = 10**9  # rows: effectively infinite
_BELOW_ONE = 1 - 2**-53  # the largest double below 1


@dataclass(frozen=True, slots=True)
class Method:
    """A value of the option `method` of `Drift`, such as "psi": its distance and its defaults.

    `at_most` is the default limit, and `kinds` are the kinds of columns to which the method
    applies. `distance` computes the distance from the counts of both tables in the same bins or
    categories; it is None if the method compares values. `psi_scale` and `psi_power` convert a
    small distance to the population stability index (PSI), which is approximately ``psi_scale *
    distance**psi_power``. For total variation the PSI is at least the result of this formula.
    `least` is the default of the option `min_samples`, and `most` the largest possible distance.
    `known_as` follows the name of the method in messages.
    """

    at_most: float = 0.1
    kinds: frozenset[str] = NUMBERS | {"bool", "string"}
    distance: Callable[[Counts, Counts], float] | None = None
    psi_scale: float = 1.0
    psi_power: int = 2
    least: int = 30
    most: float = 1.0
    known_as: str = ""


METHODS = {
    "psi": Method(0.2, distance=divergence.psi, psi_power=1, least=100, most=math.inf),
    "ks": Method(kinds=NUMBERS),
    "jensen_shannon": Method(distance=divergence.jensen_shannon, psi_scale=8 * math.log(2)),
    "wasserstein": Method(kinds=NUMBERS, most=math.inf),
    "hellinger": Method(distance=divergence.hellinger, psi_scale=8),
    "total_variation": Method(distance=divergence.total_variation, psi_scale=4),
    "chi2": Method(distance=divergence.cramers_v, psi_scale=4, known_as=" (Cramer's V)"),
}


class DriftStatistic(NamedTuple):
    """A distance between two distributions, and its p-value; NaN if undefined.

    If the reference is a stored baseline, the distance is only known to be between `low` and
    `high`, and the p-value to be at least `p_least`. Otherwise `low` and `high` equal `value`, and
    `p_least` equals `p_value`. For "wasserstein", the p-value combines a test of the
    Kolmogorov-Smirnov distance `tested` and a test of the values beyond the reference's range.
    """

    value: float
    p_value: float
    low: float
    high: float
    p_least: float
    tested: float = math.nan


class ColumnDrift(NamedTuple):
    """One measured change of a column: of its distribution, or of its share of missing values.

    `decide_columns` makes a check of each such object: `subject` is the column, `metric` the name
    of what was measured, and `reason` and `details` are those of the check.

    `n` and `m` are the numbers of values in the data and in the reference. `dropped` is the number
    of missing values in the data, and `cells` the number of bins or categories. `group` is the name
    of the slice. `limit` is the limit of the distance in `statistic`. `undefined` says why the
    distance is undefined, and is "" if it is defined.

    A small reference may lack categories that are rare. They occur in the data even without drift,
    and increase the distance. `floor` is the distance that is expected for this reason alone if the
    data have very many rows. It is 0 for columns of numbers.
    """

    subject: str
    metric: str
    limit: Limit
    n: int
    m: int
    statistic: DriftStatistic
    reason: str
    details: Mapping[str, object]
    undefined: str = ""
    dropped: int = 0
    cells: int = 0
    floor: float = 0.0
    group: str | None = None


class BinnedPair(NamedTuple):
    """The numbers of values of the reference and of the data in the same cells.

    A cell is a bin of numbers or a category. `binned_pair` makes an object for each column. It has
    two sets of counts. The distance is computed from those in `cells`. `names` returns the names of
    all cells, including the empty ones that `cells` leaves out. The test of significance uses the
    counts in `test_cells`. These cells can differ from `cells` in two ways:

    - If the reference is small, edges of its bins can be values that are frequent there only by
      chance. So the edges of the bins of `test_cells` are quantiles of the values of both tables
      together.
    - In `cells`, all categories that are not in the reference are one cell. In `test_cells`, each
      of them is a cell of its own.
    """

    cells: counting.Cells
    names: Callable[[], Sequence[str]]
    test_cells: counting.Cells

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each cell in `cells`."""
        names = self.names()
        return tuple(names[position] for position in self.cells.positions.tolist())


def binned_pair(
    reference: Side, current: Any, edges: counting.Edges | None, bins: int, *, for_test: bool = True
) -> BinnedPair:
    """Count the values of the reference and of the data in the same bins or categories.

    The bins and categories are those of the reference; see `BinnedPair` for values of the data in
    other categories. `reference` is the distribution of the column in the reference. For the data,
    `current_counter` returns a counter, and `current` is the result of this counter. `edges` are
    the edges of `bins` bins of the reference; None for strings and bools.

    With ``for_test=False``, no other bins are computed for the test of significance. The fields
    `cells` and `test_cells` of the result are then the same for numbers.
    """
    if isinstance(reference, Frequencies) or edges is None:
        return _binned_categories(reference, current)  # type: ignore[arg-type]
    counts = current.counts if isinstance(current, CellCounts) else current.count(edges)
    cells = counting.Cells.of(reference.count(edges), counts, ordered=True)
    names = partial(_names_of_bins, edges)
    together = for_test and cuts_together(reference, edges)
    if not together:
        return BinnedPair(cells, names, cells)
    return BinnedPair(cells, names, _cut_together(reference, current, edges, bins))


def _names_of_bins(edges: counting.Edges) -> Sequence[str]:
    """Return a name for each bin, with as many digits as are needed to distinguish the edges."""
    points: list[Any] = edges.points.tolist()
    for form in [f",.{n}g" for n in range(6, 18)] if edges.points.dtype.kind == "f" else [","]:
        texts = [format(x, form) for x in points]
        if len(set(texts)) == len(texts):
            break
    return edges.labels(texts)


def _cut_together(
    reference: Ordered, current: Ordered, edges: counting.Edges, bins: int
) -> counting.Cells:
    """Return the counts of both tables in cells for the test of significance.

    The edges of the cells are quantiles of the values of both tables together, because quantiles of
    the reference alone tend to be values that are frequent there by chance. If the reference has
    more values than a stored baseline keeps, the edges are chosen among the quantiles that a
    baseline would keep. The reference and its baseline then give the same cells.
    """
    sketch = reference
    if not isinstance(sketch, QuantileSketch):
        sketch = QuantileSketch.at(quantile_points(sketch), sketch)
    data = current.snapped(edges)
    if isinstance(data, Ecdf):
        if reference.n <= PARTS:
            points = quantile_points(data)
            # A common type of two types might not represent all points: then only those of the
            # reference are used.
            if points.dtype == sketch.points.dtype:
                sketch = QuantileSketch.at(np.union1d(sketch.points, points), sketch.whole)
        data = QuantileSketch.at(sketch.points, data)
    each = counting.Edges(sketch.points, np.ones(len(sketch.points), np.bool_))
    return divergence.cells_together(sketch.count(each), data.count(each), bins)


def _binned_categories(reference: Frequencies, current: Frequencies) -> BinnedPair:
    """Count each category of the reference in both tables, and all other categories as one."""
    counts = np.zeros(len(reference.counts), np.int64)
    positions = pc.index_in(current.values, value_set=reference.values)
    where = np.asarray(positions.fill_null(-1).to_numpy(), np.int64)
    counts[where[where >= 0]] = current.counts[where >= 0]
    unseen = current.counts[where < 0]
    cells = counting.category_cells(reference.counts, counts, unseen)
    names = [str(value) for value in reference.values.to_pylist()]
    if is_identifier(reference):
        # Identifiers, such as names of persons, must not appear in a report.
        names = [f"text {i}" for i in range(1, len(names) + 1)]
    names = [shorten(name, _LONGEST) for name in names]
    names.append("(not in the reference)")
    test_cells = counting.category_cells(reference.counts, counts, unseen, together=False)
    return BinnedPair(cells, lambda: names, test_cells)


def column_drift(
    name: str,
    limit: Limit,
    pair: BinnedPair,
    *,
    columns: tuple[ColumnProfile, ColumnProfile],
    sides: tuple[Side, Any],
    significance: float,
) -> ColumnDrift:
    """Return the measured drift of one column.

    `name` is the method, such as "psi". `columns` are the profiles of the column in the reference
    and in the data, and `sides` the distributions of its values. A value that differs from the
    limit only by a rounding error is set to the limit. `significance` is the level at which bins or
    categories are reported as changed, corrected for their number.
    """
    method, cells, (reference, data) = METHODS[name], pair.cells, columns
    a, b, n, m, floor = cells.reference, cells.current, data.valid, reference.valid, 0.0
    if method.distance is None:
        statistic = _value_statistic(name, *sides)
        known, current = sides
        may_differ = name == "ks" and not limit.holds(statistic.value)
        if may_differ and isinstance(known, Ecdf) and known.edges(_TIES).tied:
            # values that differ from a frequent one by rounding alone are no change
            statistic = _value_statistic(name, known, current.snapped(known.edges(PARTS)))
    else:
        distance, test = method.distance(a, b), pair.test_cells
        # the test rejects too often at low levels where cells are thin
        least = _LEAST_EXPECTED if significance <= _LOW_LEVEL else THIN
        p_value = divergence.chi_square_pvalue(
            test.reference, test.current, ordered=test.ordered, least=least
        )
        if test is not cells and test.ordered:
            # Cells defined by both sides can hide a change in a cell of the reference.
            bound = divergence.largest_change_pvalue(a, b, int(a.sum()), int(b.sum()))
            p_value = min(p_value, bound)
        statistic = DriftStatistic(distance, p_value, distance, distance, p_value)
        # Good and Turing estimate the share of unseen categories by those that occur once.
        lacking = _MANY * int(np.count_nonzero(a == 1)) // m
        if lacking and not cells.ordered:
            floor = method.distance(np.array([m, 0]), np.array([_MANY - lacking, lacking]))
    exact = statistic.value
    value, low, high = (
        snap_to_limit(x, limit, scale=1.0) for x in (exact, statistic.low, statistic.high)
    )
    statistic = DriftStatistic(value, statistic.p_value, low, high, *statistic[4:])
    shown = format_value(None if math.isnan(value) else value, limit)
    reason = (
        f"`{name}`{method.known_as} of `{reference.field.name}` is {shown} (n = {n:,} against "
        f"{m:,} in the reference)"
    )
    undefined = ""
    if math.isnan(value) and reference.infinite + data.infinite:
        reason += (
            f" because of infinite values, {data.infinite:,} in the data and "
            f"{reference.infinite:,} in the reference"
        )
        undefined = "remove them, or use the method 'ks', which allows infinite values"
    if value == math.inf:
        reason += (
            ", because the distance is divided by the spread of the reference, where all values "
            "are equal"
        )
    described = Later(partial(_described_bins, pair, significance))
    details = {"n_reference": m, "p_value_alone": statistic.p_value, "bins": described}
    details |= before_rounding(exact, value, limit)
    if low < high:
        details["bounds"] = (low, high)
    return ColumnDrift(
        reference.field.name,
        name,
        limit,
        n,
        m,
        statistic,
        reason,
        details,
        undefined,
        dropped=data.missing,
        cells=len(cells.positions),
        floor=floor,
    )


def _value_statistic(name: str, reference: Any, current: Any) -> DriftStatistic:
    """Return the statistic of a method that compares values: "ks" or "wasserstein" (`name`).

    `reference` and `current` have the values of the two tables, or counts of them at some points.
    """
    n, m = current.n, reference.n
    if isinstance(current, QuantileSketch):
        known = reference
        if isinstance(reference, Ecdf):
            known = QuantileSketch.at(current.points, reference)
        first, second = (
            twosample.PointCounts(side.low, side.high, *side.ends) for side in (known, current)
        )
        ks = twosample.ks_between(first, second)
    else:
        exact = reference.compare(current, area=name != "ks")
        ks = twosample.Bounded(exact.ks, exact.ks, exact.ks)
    p_value = twosample.ks_pvalue(ks.low, m, n)
    p_least = p_value if ks.high == ks.low else twosample.ks_pvalue(ks.high, m, n)
    if name == "ks":
        return DriftStatistic(ks.value, p_value, ks.low, ks.high, p_least)
    if isinstance(reference, QuantileSketch):
        under, above = 0, n
        if len(current.low):
            under, above = int(current.low[0]), n - int(current.high[-1])
        infinite = any(side.ends.neg_inf + side.ends.pos_inf for side in (reference, current))
        beyond = math.nan if infinite else current.beyond
        distances = twosample.wasserstein_between(reference.points, first, second, beyond)
        unit = reference.spread
    else:
        distances, unit = twosample.Bounded(exact.area, exact.area, exact.area), exact.spread
        under, above = exact.beyond
    # In units of the reference's spread; if that is 0, infinite unless both sides are equal.
    unit = unit if math.isfinite(unit) else math.nan
    value, low, high = (math.inf if unit == 0 and x > 0 else x / (unit or 1.0) for x in distances)
    # A few values far outside increase the mean distance, but tests of the whole distribution do
    # not detect them. So the number of values beyond the reference's range is tested as well, at a
    # twentieth of the level.
    extreme = twosample.beyond_pvalue(under, above, n, m)
    p_value, p_least = (min(1.0, p / 0.95, extreme / 0.05) for p in (p_value, p_least))
    return DriftStatistic(value, p_value, low, high, p_least, tested=ks.value)


def _described_bins(pair: BinnedPair, significance: float) -> list[dict[str, object]]:
    """Return for each bin the shares of both tables, and whether they differ significantly.

    The level `significance` has Bonferroni's correction over all bins. Of more than 30 bins, the 30
    with the largest changes are returned, and a last bin "(other)" has the sum of the rest.
    """
    a, b = pair.cells.reference, pair.cells.current
    m, n = int(a.sum()), int(b.sum())
    p, q, expected = a / m, b / n, a / m
    if not pair.cells.ordered:
        # Good and Turing estimate the share of unseen categories by those that occur once.
        expected = np.where(a == 0, np.count_nonzero(a == 1) / m, expected)
    labels, tests = list(pair.labels), len(p)
    if tests > _SHOWN_BINS:
        order = np.argsort(-np.abs(q - p), kind="stable")
        kept, others = np.sort(order[:_SHOWN_BINS]), order[_SHOWN_BINS:]
        labels = [*(labels[i] for i in kept.tolist()), "(other)"]
        p, q, expected = (np.append(side[kept], side[others].sum()) for side in (p, q, expected))
    pooled = np.minimum((m * expected + n * q) / (m + n), 1.0)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    moved = (
        np.abs(q - expected)
        > NormalDist().inv_cdf(min(1 - significance / (2 * tests), _BELOW_ONE)) * deviation
    )
    return [
        {"bin": label, "reference": before, "current": now, "moved": has_moved}
        for label, before, now, has_moved in zip(
            labels, p.tolist(), q.tolist(), moved.tolist(), strict=True
        )
    ]


def missing_shift(reference: ColumnProfile, data: ColumnProfile, most: float) -> list[ColumnDrift]:
    """Return the change of a column's share of missing values, as a list with one item.

    `most` is the largest allowed change. The list is empty if no value is missing in either table.
    """
    if not reference.missing and not data.missing:
        return []
    name, limit = reference.field.name, Limit(at_most=most)
    before = reference.missing / reference.rows
    now = data.missing / data.rows if data.rows else math.nan
    exact = abs(now - before)
    value = snap_to_limit(exact, limit, scale=1.0)
    sides = (np.array([side.missing, side.rows - side.missing]) for side in (reference, data))
    p_value = divergence.chi_square_pvalue(*sides, ordered=False)
    reason = f"{format_number(before, 'share')} of `{name}` is missing in the reference"
    if data.rows:
        shift = format_value(value, limit, "share")
        reason += f", {format_number(now, 'share')} in the data: an absolute change of {shift}"
    else:
        reason += ", but the data has no rows"
    m = reference.rows
    details = {"n_reference": m, "p_value_alone": p_value, "before": before, "now": now}
    details |= before_rounding(exact, value, limit)
    statistic = DriftStatistic(value, p_value, value, value, p_value)
    nothing = "" if data.rows else NOTHING
    return [ColumnDrift(name, MISSING, limit, data.rows, m, statistic, reason, details, nothing)]


def absent_slice(group: str, rows: tuple[int, int], totals: tuple[int, int]) -> ColumnDrift:
    """Return the drift of a slice that has no rows in at least one of the two tables.

    `group` is the name of the slice. `rows` has its numbers of rows in the data and in the
    reference, and `totals` the numbers of rows of the whole tables. If the slice has rows in one
    table, the drift is 1, and the limit is 0. The p-value is that of a chi-square test of whether
    the slice has the same share of the rows in both tables. The drift and the p-value are undefined
    (NaN) if the slice has rows in neither table, or if a table has no rows at all.
    """
    (k, before), (n, m) = rows, totals
    sides = (np.array([part, whole - part]) for part, whole in ((before, m), (k, n)))
    value = p_value = math.nan
    reason = "there are no rows in either table"
    if (k or before) and not (n and m):
        reason = f"the {'reference' if n else 'data'} has no rows"
    elif k or before:
        value, p_value = 1.0, divergence.chi_square_pvalue(*sides, ordered=False)
        share = format_number(max(k / n, before / m), "share")
        have, lack = ("data", "reference") if k else ("reference", "data")
        reason = (
            f"there are no rows in the {lack}, but {k or before:,} in the {have} ({share} of all)"
        )
    statistic = DriftStatistic(value, p_value, value, value, p_value)
    details = {"n_reference": m, "p_value_alone": p_value}
    limit, nothing = Limit(at_most=0), NOTHING if math.isnan(value) else ""
    return ColumnDrift(
        "rows", ABSENT, limit, n, m, statistic, reason, details, nothing, group=group
    )


def decide_columns(
    drifts: Sequence[ColumnDrift], least: int, rule: Rule, significance: float
) -> Iterator[Check]:
    """Yield the check of each item of `drifts`, with p-values that have Holm's correction.

    A check is INCONCLUSIVE if one of the tables has fewer than `least` values. By the rule
    "significance", a value beyond its limit is a FAIL only if it is significant. If nothing
    drifted, the probability that there is any FAIL is at most `significance`.
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
        method, unit = _OF_ROWS.get(drift.metric, (drift.metric, ""))
        of_rows, insufficient, chance, remedy = drift.metric in _OF_ROWS, drift.undefined, "", ""
        if drift.m < least:
            noun = "rows" if of_rows else "values"
            insufficient = (
                f"too few {noun} in the reference: {drift.m:,}, at least {least:,} are needed"
            )
        elif drift.n >= least and is_open:
            ends = f"between {format_number(low)} and {format_number(high)}"
            insufficient = f"the stored baseline only shows that the distance is {ends}; "
            insufficient += "pass the rows of the reference to decide"
        elif drift.n >= least and value == math.inf and may_be_chance:
            insufficient = (
                "only a few values of the data differ from this value, which can be by chance; "
                "pass more rows to decide"
            )
        elif drift.n >= least and may_be_chance and not of_rows:
            chance, remedy = _chance_and_remedy(drift, alpha)
        yield Check.judge(
            drift.subject,
            drift.metric,
            Measurement(
                value,
                n=drift.n,
                dropped=drift.dropped,
                p_value=p_value,
                method=method,
                details=drift.details,
            ),
            drift.limit,
            rule=rule,
            min_n=least,
            max_dropped=1.0,  # missing cells have a check of their own
            significance=significance,
            insufficient=insufficient,
            # More rows help if even the largest possible distance may be by chance. Otherwise the
            # rows of the reference are needed, because the baseline only gives two bounds.
            insufficient_by_chance=drift.m >= least and is_open and may_be_chance_at_best,
            group=drift.group,
            unit=unit,
            said=(
                drift.reason
                if drift.group is None
                else f"{slice_clause(drift.group).lstrip()}, {drift.reason}"
            ),
            summary="only one table has rows" if drift.metric == ABSENT and value == 1 else "",
            chance=chance,
            remedy=remedy,
        )


def _chance_and_remedy(drift: ColumnDrift, alpha: float) -> tuple[str, str]:
    """Return a clause on how large a distance can be by chance, and one on the rows needed.

    `alpha` is the level of the test of this column. The first clause is "" if the distance is
    larger than it can be by chance. Both are "" if it is within the limit or undefined.
    """
    value, method = drift.statistic.value, METHODS[drift.metric]
    tested, which = "", "differences"
    if math.isnan(value) or drift.limit.holds(value):
        return "", ""
    target = drift.limit.high
    if drift.statistic.tested >= 0:
        value = target = drift.statistic.tested
        tested = f"the test uses `ks`, which is {format_number(value)}, and "
        which = "differences of `ks`"
    if method.distance is None:
        level = twosample.ks_chance(drift.n, drift.m, alpha)
        needed = rows_until_significant(level, target, drift.n, drift.m)
    else:
        scale, power = method.psi_scale, method.psi_power
        chance = divergence.psi_chance(drift.cells, drift.n, drift.m, alpha) / scale
        level, excess = chance ** (1 / power), target**power - drift.floor**power
        # PSI is quadratic in the change: its root shrinks as the other distances do
        roots = math.sqrt(chance), math.sqrt(max(excess, 0.0))
        needed = rows_until_significant(*roots, drift.n, drift.m)
    # A value above the level can still be insignificant, because only the test allows for thin
    # cells and for categories that a small reference lacks.
    gives = f"{tested}{which} up to {format_number(level)}" if value <= level else ""
    if needed is None and target > 0:
        return gives, "more rows can't decide this, because the reference is too small"
    return gives, enough(needed if needed and needed > drift.n else None)
