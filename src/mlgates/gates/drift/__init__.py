"""Drift: each column is distributed as in the reference, as far as chance lets one tell."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import ClassVar, Literal, cast

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near
from mlgates.gates.drift.binned_pair import Cut, cut
from mlgates.gates.drift.column_drift import Found, missing_shift
from mlgates.gates.drift.columns import Candidates, family, held, sort_out
from mlgates.gates.drift.decide_columns import Deciding
from mlgates.gates.drift.requests import Asked, announce, asked_together
from mlgates.gates.drift.statistics import METHODS, NUMBERS, Method, Shift, told_cells
from mlgates.limits import format_value, snap_to_limit
from mlgates.profile.column import ColumnProfile
from mlgates.profile.counters import Counter, Distribution, Missing, Numbers
from mlgates.profile.knots import PARTS, Knots
from mlgates.profile.lazy import lazy
from mlgates.profile.reference import (
    Reference,
    Side,
    counted,
    current_counter,
    distribution_of,
    edges_of,
)
from mlgates.profile.sample import Sample
from mlgates.profile.scan import Profile
from mlgates.redaction import describe
from mlgates.stats.counting import Edges
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Verdict

__all__ = ["Drift"]


@dataclass(frozen=True, repr=False)
class Drift(Gate):
    """No column of the data is distributed otherwise than in the reference, beyond a limit.

    A column FAILs when its distance is beyond the limit **and** a change is significant after
    Holm's correction over all that the gate looks at: `significance` is the chance of any false
    alarm of the gate. Beyond the limit but within chance is INCONCLUSIVE, which this gate allows by
    default, for a batch of 200 rows can't be told from chance in most columns. Fewer values than
    `min_samples` are INCONCLUSIVE too, and block nevertheless: too little was looked at.

    Parameters
    ----------
    method : {"psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "total_variation", "chi2"}
        The distance. "ks" and "wasserstein" serve numbers, the others numbers, texts and bools.
        "wasserstein" is in units of the reference's spread, and infinite where all of the reference
        is one value and the data are not; "chi2" is Cramer's V of the chi-square test.
    at_most : float, optional
        The inclusive limit: by default 0.2 for "psi", 0.1 for the others.
    columns : str or sequence of str, optional
        Columns to judge. By default all of the reference, save those that the method does not
        serve (dates, times), texts of more than 1,000 values, and those that a stored baseline
        did not keep: these are listed as not judged.
    exclude : str or sequence of str
        Columns not to judge.
    decide_by : {"significance", "estimate"}
        "estimate": the distance alone decides.
    significance : float
        Chance of a FAIL without any change, for the gate as a whole.
    bins : int
        Cells of equal size in the reference. A value that holds a cell's share is one of its own.
    min_samples : int, optional
        Fewest values a side: by default 100 for "psi", 30 for the others.
    max_missing_shift : float
        Largest change of the share of missing cells, a check of its own.
    name, advisory, inconclusive, after
        As in `Gate`; `inconclusive` is "allow".

    Notes
    -----
    Rows are taken as independent. Rows in order of time are not: there the p-values are too small.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> reference = {"age": rng.normal(40, 10, 5_000)}
    >>> older = {"age": rng.normal(50, 10, 2_000)}
    >>> print(Drift("ks").run(data=older, reference=reference).verdict)
    fail
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data", "reference"})
    info = GateInfo(
        summary="each column is distributed as in the reference: PSI, KS and five others",
        metrics={
            "`psi`, `ks` and the like": "distance from the reference",
            "`missing_shift`": "change of the share of missing cells",
        },
        fewest_rows='100 values a side for `"psi"`, 30 for the others: `min_samples`',
        forgives="a column beyond the limit, but not significantly",
    )
    method: str = "psi"
    _: KW_ONLY
    at_most: float | None = None
    columns: str | Iterable[str] | None = None
    exclude: str | Iterable[str] = ()
    decide_by: Literal["significance", "estimate"] = "significance"
    significance: float = 0.05
    bins: int = 10
    min_samples: int | None = None
    max_missing_shift: float = 0.1
    inconclusive: Literal["block", "allow"] = "allow"

    def __post_init__(self) -> None:
        kind = "Drift"
        options.choice(kind, "method", self.method, METHODS)
        if self.at_most is not None:
            if self._measure.most == 1:
                self._set("at_most", options.share(kind, "at_most", self.at_most))
            else:
                self._set("at_most", options.number(kind, "at_most", self.at_most, at_least=0))
        if self.columns is not None:
            self._set("columns", options.some(kind, "columns", self.columns))
        self._set("exclude", options.names(kind, "exclude", self.exclude))
        if set(self.exclude) & set(self.columns or ()):
            allowed = "names that `columns` does not ask for"
            raise options.refuse(kind, "exclude", allowed, self.exclude)
        options.choice(kind, "decide_by", self.decide_by, ("significance", "estimate"))
        level = options.number(kind, "significance", self.significance, at_least=1e-9, at_most=0.5)
        self._set("significance", level)
        self._set("bins", options.count(kind, "bins", self.bins, at_least=2))
        if self.min_samples is not None:
            least = options.count(kind, "min_samples", self.min_samples, at_least=1)
            self._set("min_samples", least)
        share = options.share(kind, "max_missing_shift", self.max_missing_shift)
        self._set("max_missing_shift", share)
        super().__post_init__()

    @property
    def _measure(self) -> Method:
        return METHODS[self.method]

    @lazy
    def _limit(self) -> Limit:
        return Limit(at_most=self._measure.at_most if self.at_most is None else self.at_most)

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield the distributions of the reference's columns that may be judged."""
        for name in schema if self.columns is None else self.columns:
            if name in schema and name not in self.exclude:
                kind = schema[name].kind
                counter = Numbers if kind in NUMBERS else Distribution
                yield counter(name) if kind in self._measure.kinds else Missing(name)

    def request_counts(self, evidence: Evidence) -> None:
        """Ask for the distributions of both sides, of `data` at the knots of a stored reference."""
        measure = self._measure
        asked = Asked((self.bins,), whole=not measure.binned, in_order=measure.sorts)
        announce(evidence, asked, lambda: self._columns(evidence).judged)

        def counts(schema: TableSchema) -> Iterable[Counter]:
            return self._counts_against(evidence, schema)

        evidence.request(counts, self.reference_counts)

    def _counts_against(self, evidence: Evidence, schema: TableSchema) -> Iterable[Counter]:
        names = [name for name in self._columns(evidence).judged if name in schema]
        kinds = self._measure.kinds
        yield from (Missing(name) for name in names if schema[name].kind not in kinds)
        served = [name for name in names if schema[name].kind in kinds]
        count = partial(self._counter_of, evidence.reference(), asked_together(evidence))
        yield from evidence.each(count, served)

    def _counter_of(
        self, reference: Reference, together: Mapping[str, Asked], name: str
    ) -> Counter:
        side, asked = distribution_of(reference, name), together[name]
        if self._is_whole(side, asked):
            return current_counter(name, side)
        edges = edges_of(side, self.bins)
        if isinstance(side, Sample):
            # For all gates, before the buckets are let go.
            for bins in asked.bins:
                side.edges(bins)
            side.release()
        return current_counter(name, side, edges)

    def _is_whole(self, side: Side | None, asked: Asked) -> bool:
        """Whether the distribution of the data is counted, and not only what lies in each cell."""
        # Where another gate asks for it, the cells are read off it.
        return not self._measure.binned or (isinstance(side, Sample) and asked.whole)

    def _columns(self, evidence: Evidence) -> Candidates:
        def make() -> Candidates:
            kinds = self._measure.kinds
            return sort_out(evidence.reference(), self.method, kinds, self.columns, self.exclude)

        key = (self.method, self.columns, self.exclude)
        found: Candidates = evidence.cached("candidates", key, make)
        return found

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the distance of each column, and the shift of its missing share where any is."""
        reference = evidence.reference()
        profile, schema = evidence.profile(), evidence.source("data").schema
        if reference.rows == 0:
            msg = "the reference has no rows"
            raise EvidenceError(msg)
        columns = self._columns(evidence)
        if not columns.judged and not columns.refused:
            none = f"no column of the reference can be judged by {self.method!r}"
            raise EvidenceError("; ".join(filter(None, [none, columns.remark])))
        for name, why in columns.refused.items():
            # the time of loading, say: the data have it, and nobody asks for it
            if name in schema and name in self.exclude:
                continue
            yield _error(name, self.method, why)
        near = Near([name for name in columns.judged if name not in schema], schema)
        for name in columns.judged:
            if name not in schema:
                yield _error(name, self.method, f"`{name}` is not in the data{near.hint(name)}")
        there = [name for name in columns.judged if name in schema]
        found: list[Found] = []
        look = partial(self._looked_at, reference, profile, asked_together(evidence))
        for one in evidence.each(look, there):
            if isinstance(one, Check):
                yield one
            else:
                found += one
        least = self._measure.least if self.min_samples is None else self.min_samples
        yield from Deciding(self.method, least, self.decide_by, self.significance).checks(found)

    def note(self, evidence: Evidence) -> str:
        """Return which columns were not judged."""
        return self._columns(evidence).remark

    def _looked_at(
        self, reference: Reference, profile: Profile, together: Mapping[str, Asked], name: str
    ) -> list[Found] | Check:
        try:
            return self._found(name, reference, profile, together[name])
        except Exception as error:  # noqa: BLE001  (one bad column is one finding)
            return _error(name, self.method, describe(error, {name}))

    def _found(
        self, name: str, reference: Reference, profile: Profile, asked: Asked
    ) -> list[Found]:
        known, data = reference.columns[name], profile.columns[name]
        missing = missing_shift(known, data, self.max_missing_shift)
        if data.valid == 0:
            said = f"`{name}` has no value in the data"
            details: dict[str, object] = {"n_reference": known.valid}
            sizes = 0, known.valid
            nothing = Found(name, self.method, self._limit, *sizes, None, math.nan, details, said)
            return [nothing, *missing]
        if family(data.field) != family(known.field):
            held_now = data.field.problem or f"it holds {held(data.field)} in the data"
            msg = f"`{name}` holds {held(known.field)} in the reference; {held_now}"
            raise EvidenceError(msg)
        # without a distribution `sort_out` would have refused it
        side = cast("Side", distribution_of(reference, name))
        edges = None if self._is_whole(side, asked) else self._edges(name, side)
        current = counted(profile, current_counter(name, side, edges))
        if asked.whole and isinstance(side, Sample) and isinstance(current, Sample):
            side.meet(current, asked.bins, sort=asked.in_order)
        both = cut(side, current, edges or self._edges(name, side), self.bins)
        shift = self._settled(self._measure.measure(both, side, current))
        return [self._distance(known, data, both, shift), *missing]

    def _settled(self, shift: Shift) -> Shift:
        """Put what misses the limit by rounding alone on it."""
        value, low, high = (
            snap_to_limit(x, self._limit, scale=1.0) for x in (shift.value, shift.low, shift.high)
        )
        return shift._replace(value=value, low=low, high=high)

    def _edges(self, name: str, side: Side) -> Edges | None:
        uneven = self._measure.binned and PARTS % self.bins > 0
        if uneven and isinstance(side, Knots) and side.ends.n > PARTS:
            kept = f"the {PARTS} parts that are kept of `{name}` in the stored reference"
            msg = f"{kept} can't be cut into {self.bins} bins; take a number that divides {PARTS}"
            raise EvidenceError(msg)
        return edges_of(side, self.bins)

    def _distance(
        self, known: ColumnProfile, data: ColumnProfile, both: Cut, shift: Shift
    ) -> Found:
        name, value = known.field.name, None if math.isnan(shift.value) else shift.value
        shown, sizes = format_value(value, self._limit), f"{data.valid:,} against {known.valid:,}"
        said = f"`{self.method}` of `{name}` is {shown} (n = {sizes})"
        if value is None and known.infinite + data.infinite:
            said += f"; {data.infinite:,} values are infinite, {known.infinite:,} in the reference"
        details: dict[str, object] = {
            "n_reference": known.valid,
            "p_value_alone": shift.p_value,
            "cells": told_cells(both, self.significance),
        }
        if shift.low < shift.high:
            details["bounds"] = (shift.low, shift.high)
        return Found(
            name,
            self.method,
            self._limit,
            data.valid,
            known.valid,
            value,
            shift.p_value,
            details,
            said,
            dropped=data.missing,
            cells=len(both.labels),
            shift=shift,
            floor=self._floor(both, known.valid),
        )

    def _floor(self, both: Cut, m: int) -> float:
        """Return the distance that rare categories give without drift, whatever the rows."""
        if both.cells.ordered or self._measure.unseen is None:
            return 0.0
        return self._measure.unseen(int(np.count_nonzero(both.cells.reference == 1)), m)


def _error(name: str, metric: str, why: str) -> Check:
    return Check(subject=name, metric=metric, verdict=Verdict.ERROR, reason=why)
