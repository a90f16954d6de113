"""Drift: check that the values of each column are distributed as in a reference table."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple, Self, cast

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import (
    By,
    Near,
    Part,
    bounded,
    by_column,
    check_limited,
    error_check,
    max_groups_of,
    slices_of,
)
from mlgates.gates.drift import statistics
from mlgates.gates.drift.columns import Candidates, candidates, content
from mlgates.gates.drift.share import drifted_share
from mlgates.gates.drift.slices import (
    SliceCounters,
    drift_slices,
    reference_counters,
    slice_counters,
)
from mlgates.gates.drift.statistics import METHODS, NUMBERS, ColumnDrift
from mlgates.predictions.groups import MAX_GROUPS
from mlgates.profile import counters
from mlgates.profile.baseline import Baseline, Reference
from mlgates.profile.counter import Counter
from mlgates.profile.counters import AtPoints, NumericSample
from mlgates.profile.distributions import Ecdf, compare_together
from mlgates.profile.grouped import Grouped, Several
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import PARTS, QuantileSketch
from mlgates.redaction import describe
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Verdict, slice_clause

__all__ = ["Drift"]


@dataclass(frozen=True, repr=False)
class Drift(Gate):
    """Check that no column's distribution differs from the reference by more than a limit.

    A column FAILs if the distance between its distributions in `data` and `reference` exceeds the
    limit **and** the change is significant. The p-values have Holm's correction for all checks of
    the gate, so that the probability of any false alarm is at most `significance`. A distance
    beyond the limit that is not significant is INCONCLUSIVE. By default this does not block the
    release (`inconclusive` is "allow"), because few changes are significant in a batch of 200 rows.
    A column with fewer than `min_samples` values is INCONCLUSIVE too, and always blocks the
    release.

    Parameters
    ----------
    method : {"psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "total_variation", "chi2"}
        The distance between two distributions. "psi" is the population stability index, and "ks"
        the Kolmogorov-Smirnov distance. "ks" and "wasserstein" apply to numbers, the others to
        numbers, strings and bools. "wasserstein" is divided by a robust standard deviation of the
        reference: the interquartile range divided by 1.349, or the standard deviation if both
        quartiles are equal. It is infinite if all values of the reference are equal and the data
        have others. "chi2" is Cramer's V of the chi-square test.
    at_most : float or mapping of str to float, optional
        Largest distance allowed. Default 0.2 for "psi" and 0.1 for the other methods. A mapping has
        a limit for each column, and ``"*"`` means all other columns: ``{"age": 0.3, "*": 0.2}``.
        Without ``"*"``, the other columns have the default limit.
    columns : str or sequence of str, optional
        Columns to judge. A named column that can't be judged is an ERROR. By default all columns of
        the reference are judged, except those to which the method does not apply (dates, times,
        nested values), columns without values, columns of strings with more than 1,000 different
        values, and columns of strings that a stored baseline did not keep. The reason lists these
        columns.
    exclude : str or sequence of str
        Columns not to judge.
    decide_by : {"significance", "estimate"}
        "significance": a distance beyond the limit is a FAIL if it is significant, otherwise
        INCONCLUSIVE. "estimate": the distance alone is compared with the limit, without a test.
    significance : float
        Largest probability that the gate FAILs although nothing changed.
    bins : int
        Number of bins into which numbers are divided. Each bin has the same share of the values of
        the reference. A value that is as frequent as a whole bin gets its own bin.
    min_samples : int, optional
        Smallest number of values in the data and in the reference: by default 100 for "psi", 30 for
        the others.
    max_missing_shift : float
        Largest change of the share of missing cells in a column, from 0 to 1. It has its own check.
    max_drifted : float, optional
        Largest share of the columns that may drift. If it is given, the columns have one check of
        this share (with `by`, one in each slice) instead of checks of their own, which are in its
        details. Columns that can't be compared are still an ERROR.
    by : str, sequence of str, or mapping of str to condition, optional
        Compare the columns in each slice (subset of the rows) of both tables instead of in all
        rows. Columns, given by name, define one slice for each combination of their values. A
        mapping defines slices by conditions in the language of :doc:`/reference/conditions`, as in
        ``{"eu": "region == 'EU'"}``. A slice that has rows in one table only is a FAIL if chance
        does not explain this. With `by`, the reference must be a table.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    name, advisory, inconclusive, after
        As in `Gate`; by default `inconclusive` is "allow".

    Notes
    -----
    The tests assume that rows are independent. For time series the p-values are too small.

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
        summary="each column has the same distribution as in the reference, by PSI, KS or another "
        "distance",
        metrics={
            "`psi`, `ks` and so on": "distance of the distribution from that in the reference",
            "`missing_shift`": "change of the share of missing cells",
            "`drifted_share`": "share of the columns that drifted, with `max_drifted`",
            "`slice`": "whether a slice has rows in only one of the two tables, with `by`",
        },
        fewest_rows=(
            '100 values in each table for `"psi"`, 30 for other methods (set by `min_samples`)'
        ),
        allowed="a distance beyond the limit that is not significant",
    )
    method: str = "psi"
    _: KW_ONLY
    at_most: float | Mapping[str, float] | tuple[tuple[str, float], ...] | None = field(
        default=None, metadata={"mapping": True}
    )
    columns: str | Iterable[str] | None = None
    exclude: str | Iterable[str] = ()
    decide_by: Literal["significance", "estimate"] = "significance"
    significance: float = 0.05
    bins: int = 10
    min_samples: int | None = None
    max_missing_shift: float = 0.1
    max_drifted: float | None = None
    by: By | None = None
    max_groups: int = MAX_GROUPS
    inconclusive: Literal["block", "allow"] = "allow"

    def __post_init__(self) -> None:
        kind = type(self).__name__
        options.choice(kind, "method", self.method, METHODS)
        limit = partial(bounded, low=0, high=METHODS[self.method].most)
        self._convert("at_most", by_column, limit)
        self._convert("columns", options.some)
        self._convert("exclude", options.names)
        if set(self.exclude) & set(self.columns or ()):
            allowed = "names that are not in `columns`"
            raise options.refuse(kind, "exclude", allowed, self.exclude)
        options.choice(kind, "decide_by", self.decide_by, ("significance", "estimate"))
        self._convert("significance", options.number, at_least=1e-9, at_most=0.5)
        self._convert("bins", options.count, at_least=2)
        self._convert("min_samples", options.count, at_least=1)
        self._convert("max_missing_shift", options.share)
        self._convert("max_drifted", options.share)
        self._convert("by", slices_of)
        self._convert("max_groups", max_groups_of)
        if self.columns is not None:
            check_limited(kind, "at_most", self._limits, map(str, self.columns))
        super().__post_init__()

    @property
    def _limits(self) -> dict[str, float]:
        """The largest allowed distance by column; ``"*"`` is for all other columns."""
        if isinstance(self.at_most, tuple):
            return {"*": METHODS[self.method].at_most, **dict(self.at_most)}
        limit = METHODS[self.method].at_most if self.at_most is None else self.at_most
        return {"*": cast("float", limit)}

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count in the reference: the distribution of each column to judge.

        If the method can't compare values of a column's type, only its missing cells are counted.
        """
        kinds = METHODS[self.method].kinds
        for name in schema if self.columns is None else self.columns:
            if name in schema and name not in self.exclude:
                kind = schema[name].kind
                counter = NumericSample if kind in NUMBERS else counters.Distribution
                yield counter(name) if kind in kinds else counters.Missing(name)

    def request_counts(self, evidence: Evidence) -> None:
        """Register what to count: the distribution of each column in `data` and in `reference`.

        With the option `by`, the distributions are counted in each slice of both tables.
        """
        if self.by is not None:
            evidence.request(
                lambda _: [c.data for c in self._slice_counters(evidence) if c.data is not None],
                lambda schema: [counter for _, counter in self._reference_slices(schema)],
            )
            return
        evidence.register(self)
        evidence.request(
            lambda schema: self._data_counters(self._known(evidence), schema, evidence.each),
            self.reference_counts,
        )

    def _candidates(self, evidence: Evidence) -> Candidates:
        """Return which columns of the reference are judged.

        Gates of a run with equal options share the result.
        """
        key: Any = self.method, self.columns, self.exclude
        make = partial(candidates, evidence.reference(), *key)
        return evidence.cached("candidates", key, make)

    def _known(self, evidence: Evidence) -> "_Known":
        def make() -> _Known:
            columns, gates = self._candidates(evidence), _gates_by_column(evidence)
            return _Known(evidence.reference(), columns, gates, evidence.keeps_data, {})

        return evidence.cached("known", self, make)

    def _known_of(self, reference: Profile, *, keeps: bool) -> "_Known":
        """Return what is known of one slice of the reference, where only this gate is judged."""
        key: Any = self.method, self.columns, self.exclude
        columns = candidates(reference, *key)
        return _Known(reference, columns, dict.fromkeys(columns.judged, (self,)), keeps, {})

    def _data_counters(
        self, known: "_Known", schema: TableSchema, each: Callable[..., list[Counter]]
    ) -> Iterator[Counter]:
        """Yield what to count in the data; this depends on the values of the reference."""
        kinds, comparable = METHODS[self.method].kinds, []
        for name in known.columns.judged:
            if name in schema and schema[name].kind in kinds:
                comparable.append(name)
            elif name in schema:
                yield counters.Missing(name)
        cut = [
            (side, Ecdf(), {gate.bins for gate in known.gates[name]})
            for name in comparable
            if isinstance(side := known.columns.judged[name][1], Ecdf)
            and all(METHODS[gate.method].distance for gate in known.gates[name])
        ]
        compare_together(cut, each)  # for the edges of bins that `_counter` needs
        yield from each(partial(self._counter, known), comparable)

    def _counter(self, known: "_Known", name: str) -> Counter:
        """Return the counter for the column `name` of the data, which is made only once."""
        if name not in known.counters:
            known.counters[name] = self._make_counter(known, name)
        return known.counters[name]

    def _make_counter(self, known: "_Known", name: str) -> Counter:
        """Return the counter (what to count) for the column `name` of the data.

        It counts values in bins if this is enough for all drift gates of the run. Otherwise it
        counts them at the values of the reference, or keeps all of them.
        """
        _, side = known.columns.judged[name]
        # Where another gate needs the values, bins are counted from these.
        needed = known.gates[name] if isinstance(side, Ecdf) else [self]
        methods, bins = ({getattr(gate, of) for gate in needed} for of in ("method", "bins"))
        if any(METHODS[method].distance is None for method in methods):
            edges = side.edges(PARTS) if isinstance(side, QuantileSketch) else None
            counter = counters.current_counter(name, side, edges, in_bins=False)
        else:
            # Of all gates at once, which takes one pass over the values.
            others = bins if isinstance(side, Ecdf) else ()
            counter = counters.current_counter(name, side, side.edges(self.bins, *others))
        if known.keeps or not (isinstance(side, Ecdf) and isinstance(counter, NumericSample)):
            return counter
        # A test of bins needs quantiles of the data if the reference has few values.
        can_count = side.n > PARTS or methods == {"ks"}
        knots = side.knots({PARTS, *bins}) if can_count and "wasserstein" not in methods else None
        return counter if knots is None else AtPoints(name, knots, subsumed_by=counter)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks of each column: its distance and the change of its missing share.

        The distance is between the distributions of the column in the data and in the reference.
        The share of missing values has a check only if values of the column are missing in one of
        the two tables. If `max_drifted` is given, these checks are replaced by one check of the
        share of columns that drifted. With `by`, there are such checks for each slice; a slice
        without rows in one of the tables has a single check instead. A column that can't be
        compared has a check with the verdict ERROR.
        """
        if self.by is None:
            known = self._known(evidence)
            found = list(self._measured(known, evidence.profile(), evidence.each))
        else:
            found = [each for part in self._slices(evidence) for each in part.found]
        yield from (each for each in found if isinstance(each, Check))
        drifts = [each for each in found if isinstance(each, ColumnDrift)]
        least = METHODS[self.method].least if self.min_samples is None else self.min_samples
        checks = list(statistics.decide_columns(drifts, least, self.decide_by, self.significance))
        if self.max_drifted is None:
            yield from checks
            return
        yield from (check for check in checks if check.metric == statistics.ABSENT)
        by_group: dict[str | None, list[Check]] = {}
        for check in checks:
            if check.metric != statistics.ABSENT:
                by_group.setdefault(check.group, []).append(check)
        for group, of_columns in by_group.items():
            yield drifted_share(of_columns, self.max_drifted, group)

    def _reference_slices(self, schema: TableSchema) -> Iterator[tuple[Part, Grouped]]:
        gate = self._of_slice
        names = tuple(schema) if gate.columns is None else cast("tuple[str, ...]", gate.columns)
        wanted = [name for name in names if name not in gate.exclude]
        yield from reference_counters(self.by, wanted, list(gate.reference_counts(schema)), schema)

    def _slice_counters(self, evidence: Evidence) -> list[SliceCounters]:
        """Return what to count in both tables, in each slice; computed once."""
        if isinstance(evidence["reference"], Profile) or isinstance(evidence.reference(), Baseline):
            msg = "the reference is a baseline or a profile, which has no rows to divide by `by`; "
            msg += "pass the table itself"
            raise EvidenceError(msg)
        schema, gate = evidence.source("data").schema, self._of_slice

        def of_data(reference: Profile) -> Several:
            known = gate._known_of(reference, keeps=evidence.keeps_data)  # noqa: SLF001
            named = tuple(name for name in known.columns.judged if name in schema)
            return Several(named, tuple(gate._data_counters(known, schema, evidence.each)))  # noqa: SLF001

        def make() -> list[SliceCounters]:
            reference = self._reference_slices(evidence.source("reference").schema)
            return list(slice_counters(evidence, self.by, reference, of_data))

        return evidence.cached("slice counters", self, make)

    @property
    def _of_slice(self) -> Self:
        """The gate that judges one slice."""
        gate = replace(self, by=None, max_drifted=None)
        if self.columns is not None:
            return gate
        # A column that defines the slices has the same value in all rows of a slice.
        by = [name for name in self.by or () if isinstance(name, str)]
        return replace(gate, exclude=tuple(dict.fromkeys((*self.exclude, *by))))

    def _slices(self, evidence: Evidence) -> list["_Measured"]:
        """Return what was measured in each slice; computed once."""
        return evidence.cached(
            "drift by slice", self, lambda: list(self._measured_slices(evidence))
        )

    def _measured_slices(self, evidence: Evidence) -> Iterator["_Measured"]:
        totals = evidence.profile().rows, evidence.reference().rows
        gate = self._of_slice
        for part in drift_slices(evidence, self._slice_counters(evidence), self.max_groups):
            if isinstance(part, Check):
                yield _Measured((part,), "")
            elif part.data is None or part.reference is None:
                yield _Measured((statistics.absent_slice(part.name, part.rows, totals),), "")
            else:
                with suppress_errors() as caught:  # the other slices are still judged
                    known = gate._known_of(part.reference, keeps=evidence.keeps_data)  # noqa: SLF001
                    measured = gate._measured(known, part.data, evidence.each)  # noqa: SLF001
                    found = tuple(_in_slice(each, part.name) for each in measured)
                if caught.error is None:
                    yield _Measured(found, known.columns.note)
                else:
                    error = error_check("columns", self.method, caught.error, part.name)
                    yield _Measured((error,), "")

    def _measured(
        self, known: "_Known", profile: Profile, each: Callable[..., list[Any]]
    ) -> Iterator[Check | ColumnDrift]:
        """Yield the changes of all columns, and the ERROR checks of those with a problem."""
        reference, columns = known.reference, known.columns
        schema = profile.schema
        if reference.rows == 0:
            raise EvidenceError(
                "the reference has no rows; pass the rows of the training data, or a baseline"
            )
        if not columns.judged and not columns.refused:
            none = f"{self.method!r} applies to no column of the reference"
            if METHODS[self.method].kinds == NUMBERS:
                none += (
                    ", because it needs numbers; 'psi' and 'chi2' also apply to strings and bools"
                )
            raise EvidenceError("; ".join(filter(None, [none, columns.note])))
        for name, problem in columns.refused.items():
            # An excluded column, such as the time of loading, may be in the data only.
            if not (name in schema and name in self.exclude):
                yield self._error(name, problem)
        absent = [name for name in columns.judged if name not in schema]
        if absent:
            near = Near(absent, schema)
            for name in absent:
                hint = near.hint(name) or f"; {self._leave_out}"
                yield self._error(name, f"`{name}` is not in the data{hint}")
        unlisted = [n for n in self._limits if n not in ("*", *columns.judged, *columns.refused)]
        near = Near(unlisted, reference.schema)
        for name in unlisted:
            why = f"can't be judged by {self.method!r}; remove its limit"
            if name in self.exclude:
                why = "is not judged, because it is in `exclude` or `by`; remove its limit"
            elif name not in reference.schema:
                why = f"is not in the reference{near.hint(name)}"
            yield self._error(name, f"`{name}` has a limit in `at_most`, but {why}")
        self._compare_together(known, profile, each)
        limits = {name: Limit(at_most=most) for name, most in self._limits.items()}
        measure = partial(self._measure, profile, known, limits)
        for measured in each(measure, [n for n in columns.judged if n in schema]):
            if isinstance(measured, Check):
                yield measured
            else:
                yield from measured

    def _compare_together(
        self, known: "_Known", profile: Profile, each: Callable[..., list[Any]]
    ) -> None:
        """Compare the samples of all columns of numbers at once."""
        samples = []
        for name, (_, side) in known.columns.judged.items():
            methods = {gate.method for gate in known.gates[name]}
            if not isinstance(side, Ecdf) or "ks" not in methods or "wasserstein" in methods:
                continue
            with suppress_errors():  # reported when the column is measured
                current = profile[self._counter(known, name)]
                if isinstance(current, Ecdf) and current.n:
                    samples.append((side, current, {gate.bins for gate in known.gates[name]}))
        compare_together(samples, each)

    def note(self, evidence: Evidence) -> str:
        """Return a remark that lists the columns that were not judged, and why."""
        if self.by is None:
            return self._candidates(evidence).note
        return "; ".join(dict.fromkeys(part.note for part in self._slices(evidence) if part.note))

    def _measure(
        self, profile: Profile, known: "_Known", limits: Mapping[str, Limit], name: str
    ) -> list[ColumnDrift] | Check:
        """Return the changes of a column's distribution and missing share, or an ERROR check."""
        method, limit = METHODS[self.method], limits.get(name, limits["*"])
        with suppress_errors() as caught:  # the other columns are still judged
            (reference, side), data = known.columns.judged[name], profile.columns[name]
            missing = statistics.missing_shift(reference, data, self.max_missing_shift)
            if data.valid == 0:
                undefined = statistics.DriftStatistic(*[math.nan] * 5)
                reason = f"`{name}` has no values in the data; {self._leave_out}"
                n, details = reference.valid, {"n_reference": reference.valid}
                drift = ColumnDrift(
                    name, self.method, limit, 0, n, undefined, reason, details, statistics.NOTHING
                )
                return [drift, *missing]
            fields = reference.field, data.field
            kinds = {"number" if f.kind in NUMBERS else f.kind for f in fields}
            if len(kinds) > 1:
                now = f", but {content(data.field)} in the data; convert one of them"
                if data.field.problem:
                    now = f"; in the data, {data.field.problem}"
                msg = f"`{name}` holds {content(reference.field)} in the reference{now}"
                return self._error(name, describe(EvidenceError(msg), {name}))
            is_binned = method.distance is not None
            is_cut = isinstance(side, QuantileSketch) and side.n > PARTS
            if is_binned and is_cut and PARTS % self.bins:
                msg = (
                    f"`bins` must be a divisor of {PARTS}, because the stored reference divides "
                    f"the values of `{name}` into {PARTS} parts, got {self.bins}"
                )
                return self._error(name, describe(EvidenceError(msg), {name}))
            current = profile[self._counter(known, name)]
            if isinstance(side, Ecdf) and isinstance(current, Ecdf):
                # For all gates at once.
                methods, bins = zip(*((g.method, g.bins) for g in known.gates[name]), strict=True)
                if "ks" in methods or "wasserstein" in methods:
                    side.compare(current, set(bins), area="wasserstein" in methods)
            edges = side.edges(self.bins)
            pair = statistics.binned_pair(side, current, edges, self.bins, for_test=is_binned)
            drift = statistics.column_drift(
                self.method,
                limit,
                pair,
                columns=(reference, data),
                sides=(side, current),
                significance=self.significance,
            )
        if caught.error is not None:
            return self._error(name, describe(caught.error, {name}))
        return [drift, *missing]

    @property
    def _leave_out(self) -> str:
        """A clause that says how the user can leave a column out."""
        how = "list it in `exclude`" if self.columns is None else "remove it from `columns`"
        return f"to leave the column out, {how}"

    def _error(self, name: str, reason: str) -> Check:
        return Check(subject=name, metric=self.method, verdict=Verdict.ERROR, reason=reason)


class _Known(NamedTuple):
    """What is known before the data are counted.

    These are the reference, its columns to judge, and the drift gates of the run that judge each of
    them. `keeps` says whether all values of the data are kept in memory anyway. `counters` has the
    counters of the data that were made so far, by column.
    """

    reference: Reference
    columns: Candidates
    gates: "GatesByColumn"
    keeps: bool
    counters: dict[str, Counter]


class _Measured(NamedTuple):
    """What was measured in a slice, and a note on the columns that were left out.

    `found` has the changes of columns, and an ERROR check for each column that can't be judged.
    """

    found: tuple[Check | ColumnDrift, ...]
    note: str


def _in_slice(each: Check | ColumnDrift, group: str) -> Check | ColumnDrift:
    if isinstance(each, ColumnDrift):
        return each._replace(group=group)
    return replace(each, group=group, reason=f"{slice_clause(group).lstrip()}, {each.reason}")


#: The drift gates of a run that judge a column.
GatesByColumn = Mapping[str, Sequence[Drift]]


def _gates_by_column(evidence: Evidence) -> GatesByColumn:
    """Return a mapping from each column to the drift gates of the run that judge it."""
    gates: dict[str, list[Drift]] = {}
    for gate in evidence.registered(Drift):
        for name in gate._candidates(evidence).judged:  # noqa: SLF001
            gates.setdefault(name, []).append(gate)
    return gates
