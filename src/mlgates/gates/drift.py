"""Drift: each column is distributed as in the reference, as far as chance lets one tell."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from scipy import special

from mlgates import options
from mlgates.base import Gate, describe
from mlgates.data.baseline import MOST_CATEGORIES, is_identifier
from mlgates.data.counters import Counter, Distribution
from mlgates.data.field import Field, TableSchema
from mlgates.data.frequencies import Frequencies
from mlgates.data.reference import Cut, Reference, current_counter, cut, distribution_of
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates.distances import METHODS, Method, Shift
from mlgates.kernels.multiplicity import holm
from mlgates.kernels.proportions import two_proportions_pvalue
from mlgates.limits import quantity
from mlgates.verdict import Check, Limit, Measurement, Verdict

__all__ = ["Drift"]

_SHOWN_CELLS = 30


class Found(NamedTuple):
    """What was measured of one column, before p-values are adjusted for all of them."""

    subject: str
    metric: str
    n: int
    m: int
    value: float | None
    p_value: float
    details: dict[str, object]
    said: str
    cells: int = 0
    broken: str = ""
    vague: bool = False


@dataclass(frozen=True, repr=False)
class Drift(Gate):
    """No column of the data is distributed otherwise than in the reference, beyond a limit.

    A column FAILs when its distance is beyond the limit **and** a change is significant after
    Holm's correction over all that the gate looks at: `significance` is the chance of any false
    alarm of the gate. Beyond the limit but within chance is INCONCLUSIVE, which this gate allows by
    default, for a batch of 200 rows can't be told from chance in most columns.

    Parameters
    ----------
    method : {"psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "total_variation", "chi2"}
        The distance. "ks" and "wasserstein" (in units of the reference's spread) serve numbers, the
        others numbers, texts and bools; "chi2" is Cramer's V of the chi-square test.
    at_most : float, optional
        The inclusive limit: by default 0.2 for "psi", 0.1 for the others.
    columns : str or sequence of str, optional
        Columns to judge. By default those of the reference that the method serves; the others,
        and texts with more than 1,000 values or nearly as many values as rows, are listed as not
        judged.
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
            self._set("at_most", options.number(kind, "at_most", self.at_most, at_least=0))
        if self.columns is not None:
            self._set("columns", options.names(kind, "columns", self.columns))
            if not self.columns:
                raise options.refuse(kind, "columns", "at least one name", self.columns)
        self._set("exclude", options.names(kind, "exclude", self.exclude))
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

    @property
    def _least(self) -> int:
        return self._measure.least if self.min_samples is None else self.min_samples

    @property
    def _limit(self) -> Limit:
        return Limit(at_most=self._measure.at_most if self.at_most is None else self.at_most)

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield the distributions of the reference's columns that may be judged."""
        for name in self._candidates(schema):
            if name in schema and schema[name].kind in self._measure.kinds:
                yield Distribution(name)

    def ask(self, evidence: Evidence) -> None:
        """Ask for the distributions of both sides, of `data` at the knots of a stored reference."""

        def counts(schema: TableSchema) -> Iterable[Counter]:
            return self._counts_against(evidence.reference(), schema)

        evidence.request(counts, self.reference_counts)

    def _counts_against(self, reference: Reference, schema: TableSchema) -> Iterable[Counter]:
        bins = self.bins if self._measure.binned else None
        for name in self._candidates(reference.schema):
            if name in schema and schema[name].kind in self._measure.kinds:
                yield current_counter(name, distribution_of(reference, name), bins)

    def _candidates(self, schema: TableSchema) -> tuple[str, ...]:
        names = schema if self.columns is None else self.columns
        return tuple(name for name in names if name not in self.exclude)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the distance of each column, and the shift of its missing share where any is."""
        reference = evidence.reference()
        profile, schema = evidence.profile(), evidence.source("data").schema
        judged, refused, _ = self._sorted_out(reference)
        yield from (_error(name, self.method, why) for name, why in refused.items())
        found: list[Found] = []
        for name in judged:
            if name not in schema:
                near = options.did_you_mean(name, schema)
                yield _error(name, self.method, f"`{name}` is not in the data{near}")
                continue
            try:
                found.append(self._shift(name, reference, profile))
                found.extend(self._missing_shift(name, reference, profile))
            except Exception as error:  # noqa: BLE001  (one bad column is one finding)
                yield _error(name, self.method, describe(error))
        adjusted = holm([each.p_value for each in found])
        tests = max(int(np.count_nonzero(~np.isnan(adjusted))), 1)
        for each, p_value in zip(found, adjusted.tolist(), strict=True):
            yield self._judged(each, p_value, tests)
        if not judged and not refused:
            msg = f"no column of the reference can be judged by {self.method!r}"
            raise EvidenceError(msg)

    def remark(self, evidence: Evidence) -> str:
        """Return which columns were not judged."""
        _, _, left = self._sorted_out(evidence.reference())
        return (
            f"not judged: {'; '.join(f'`{n}` ({why})' for n, why in left.items())}" if left else ""
        )

    def _sorted_out(self, reference: Reference) -> tuple[list[str], dict[str, str], dict[str, str]]:
        """Return the columns to judge, those asked for in vain, and those left aside, with why."""
        schema = reference.schema
        named = self.columns is not None
        judged, refused, left = [], {}, {}
        for name in self._candidates(schema):
            why = self._unfit(name, schema.get(name), reference)
            if not why:
                judged.append(name)
            elif named:
                refused[name] = why
            else:
                left[name] = why
        for name in self.exclude:
            if name not in schema:
                near = options.did_you_mean(name, schema)
                refused[name] = f"`{name}` is excluded, but not in the reference{near}"
        return judged, refused, left

    def _unfit(self, name: str, field: Field | None, reference: Reference) -> str:
        """Return why a column can't be judged; an empty text when it can."""
        if field is None:
            near = options.did_you_mean(name, reference.schema)
            return f"`{name}` is not in the reference{near}"
        if field.kind not in self._measure.kinds:
            return field.problem or f"{field.type} is not served by {self.method!r}"
        side = distribution_of(reference, name)
        if side is None:
            return "identifiers or free text"
        if isinstance(side, Frequencies) and is_identifier(side):
            many = f"more than {MOST_CATEGORIES:,} texts"
            return many if len(side) > MOST_CATEGORIES else "identifiers or free text"
        return ""

    def _shift(self, name: str, reference: Reference, profile: Any) -> Found:
        side = distribution_of(reference, name)
        known, data = reference.columns[name], profile.columns[name]
        if side is None or known.valid == 0:
            msg = f"`{name}` has no value in the reference"
            raise EvidenceError(msg)
        bins = self.bins if self._measure.binned else None
        field = data.field
        served = field.kind in self._measure.kinds
        alike = (field.kind in {"bool", "string"}) == (known.field.kind in {"bool", "string"})
        if data.valid and not (served and alike):
            msg = f"`{name}` is {known.field.type} in the reference, but {field.type} in the data"
            raise EvidenceError(msg)
        if data.valid == 0:
            said = f"`{name}` has no value in the data"
            nothing: dict[str, object] = {"n_reference": known.valid}
            return Found(name, self.method, 0, known.valid, None, math.nan, nothing, said)
        current = profile[current_counter(name, side, bins)]
        both = cut(side, current, self.bins)
        shift: Shift = self._measure.measure(both, side, current)
        sizes = f"n = {data.valid:,} against {known.valid:,}"
        value = None if math.isnan(shift.value) else shift.value
        shown = "undefined" if value is None else quantity(value)
        details = {
            "n_reference": known.valid,
            "p_value_alone": shift.p_value,
            **({} if shift.low == shift.high else {"at_least": shift.low, "at_most": shift.high}),
            "cells": _cells(both, self.significance),
        }
        edge = self._limit.high
        return Found(
            name,
            self.method,
            data.valid,
            known.valid,
            value,
            shift.p_value,
            details,
            f"`{self.method}` of `{name}` is {shown} ({sizes})",
            cells=len(both.labels),
            vague=shift.low <= edge < shift.high,
        )

    def _missing_shift(self, name: str, reference: Reference, profile: Any) -> Iterator[Found]:
        known, data = reference.columns[name], profile.columns[name]
        if not known.missing and not data.missing:
            return
        before, now = (
            known.missing / known.rows,
            data.missing / data.rows if data.rows else math.nan,
        )
        p_value = two_proportions_pvalue(data.missing, data.rows, known.missing, known.rows)
        value = None if math.isnan(now) else abs(now - before)
        said = f"{quantity(before, 'share')} of `{name}` was missing in the reference"
        if value is not None:
            said += f", {quantity(now, 'share')} is in the data"
        details = {
            "n_reference": known.rows,
            "p_value_alone": p_value,
            "before": before,
            "now": now,
        }
        metric = "missing_shift"
        yield Found(name, metric, data.rows, known.rows, value, p_value, details, said)

    def _judged(self, found: Found, p_value: float, tests: int) -> Check:
        shift = found.metric == self.method
        limit = self._limit if shift else Limit(at_most=self.max_missing_shift)
        least = self._least
        few = found.m < least
        said = found.said
        if few:
            said += f"; too few values in the reference: {found.m:,}, at least {least:,} are needed"
        elif found.vague:
            said += "; the stored reference leaves open whether that is beyond"
        elif shift and found.n >= least and found.value is not None:
            said += self._chance(found, p_value, tests)
        measurement = Measurement(
            None if few or found.vague else found.value,
            n=found.n,
            p_value=p_value,
            method=self.method if shift else "two proportions",
            details=found.details,
        )
        return Check.judge(
            found.subject,
            found.metric,
            measurement,
            limit,
            rule=self.decide_by,
            min_n=least,
            significance=self.significance,
            unit="" if shift else "share",
            said=said,
        )

    def _chance(self, found: Found, p_value: float, tests: int) -> str:
        """Return what chance gives and how many rows decide, where the column is undecided."""
        beyond = found.value is not None and not self._limit.holds(found.value)
        if not beyond or p_value <= self.significance or math.isnan(p_value):
            return ""
        alpha = self.significance / tests
        level = self._measure.chance(found.cells, found.n, found.m, alpha)
        told = f"; chance alone gives up to {quantity(level)} here"
        needed = self._measure.needed(self._limit.high, found.cells, found.m, alpha)
        if needed is None:
            return f"{told}, and against so small a reference no number of rows decides"
        return f"{told}, {needed:,} rows would decide" if needed > found.n else told


def _error(name: str, metric: str, why: str) -> Check:
    return Check(subject=name, metric=metric, verdict=Verdict.ERROR, reason=why)


def _cells(both: Cut, significance: float) -> list[dict[str, object]]:
    """Return the cells with both shares, and which moved: the largest changes, in order of cells.

    A cell moved when its share differs beyond what chance gives any of the cells (Bonferroni).
    """
    a, b = both.cells.reference, both.cells.current
    m, n = int(a.sum()), int(b.sum())
    p, q, pooled = a / m, b / n, (a + b) / (m + n)
    deviation = np.sqrt(pooled * (1 - pooled) * (1 / m + 1 / n))
    z = np.divide(np.abs(q - p), deviation, out=np.zeros(len(p)), where=deviation > 0)
    moved = z > special.ndtri(1 - significance / (2 * len(p)))
    largest = np.sort(np.argsort(-np.abs(q - p), kind="stable")[:_SHOWN_CELLS])
    return [
        {
            "cell": both.labels[i],
            "reference": float(p[i]),
            "current": float(q[i]),
            "moved": bool(moved[i]),
        }
        for i in largest.tolist()
    ]
