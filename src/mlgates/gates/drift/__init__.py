"""Drift: each column is distributed as in the reference, up to what chance explains."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any, ClassVar, Literal, cast

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, bounded
from mlgates.gates.drift import statistics
from mlgates.gates.drift.columns import Candidates, Judged, candidates, content
from mlgates.gates.drift.statistics import METHODS, NUMBERS, ColumnDrift
from mlgates.profile import counters
from mlgates.profile.counter import Counter
from mlgates.profile.distributions import Sample
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import PARTS, QuantileSketch
from mlgates.redaction import describe
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Verdict

__all__ = ["Drift"]


@dataclass(frozen=True, repr=False)
class Drift(Gate):
    """No column's distribution differs from that of the reference by more than a limit.

    A column FAILs when its distance is beyond the limit **and** a change is significant after
    Holm's correction over all that the gate looks at: `significance` is the chance of any false
    alarm of the gate. Beyond the limit but within chance is INCONCLUSIVE, which this gate allows by
    default, because in a batch of 200 rows most changes can't be told from chance. Fewer values
    than `min_samples` are INCONCLUSIVE too, and always block: too little was looked at.

    Parameters
    ----------
    method : {"psi", "ks", "jensen_shannon", "wasserstein", "hellinger", "total_variation", "chi2"}
        The distance. "ks" and "wasserstein" serve numbers, the others numbers, texts and bools.
        "wasserstein" is in units of the reference's spread, and infinite where all of the reference
        is one value and the data are not; "chi2" is Cramer's V of the chi-square test.
    at_most : float, optional
        The inclusive limit: by default 0.2 for "psi", 0.1 for the others.
    columns : str or sequence of str, optional
        Columns to judge. By default all of the reference, except those that the method does not
        serve (dates, times), texts of more than 1,000 values, and those that a stored baseline
        did not keep: these are listed as not judged.
    exclude : str or sequence of str
        Columns not to judge.
    decide_by : {"significance", "estimate"}
        "estimate": the distance alone decides.
    significance : float
        Chance of a FAIL without any change, for the gate as a whole.
    bins : int
        Number of cells of equal size in the reference. A value that holds a cell's share is a cell
        of its own.
    min_samples : int, optional
        Fewest values per side: by default 100 for "psi", 30 for the others.
    max_missing_shift : float
        Largest change of the share of missing cells, which is a separate check.
    name, advisory, inconclusive, after
        As in `Gate`; `inconclusive` is "allow".

    Notes
    -----
    Rows are taken as independent. For rows in order of time the p-values are too small.

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
        kind = type(self).__name__
        options.choice(kind, "method", self.method, METHODS)
        self._convert("at_most", bounded, 0, METHODS[self.method].most)
        self._convert("columns", options.some)
        self._convert("exclude", options.names)
        if set(self.exclude) & set(self.columns or ()):
            allowed = "names that `columns` does not ask for"
            raise options.refuse(kind, "exclude", allowed, self.exclude)
        options.choice(kind, "decide_by", self.decide_by, ("significance", "estimate"))
        self._convert("significance", options.number, at_least=1e-9, at_most=0.5)
        self._convert("bins", options.count, at_least=2)
        self._convert("min_samples", options.count, at_least=1)
        self._convert("max_missing_shift", options.share)
        super().__post_init__()

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield the distributions of the reference's columns that may be judged."""
        kinds = METHODS[self.method].kinds
        for name in schema if self.columns is None else self.columns:
            if name in schema and name not in self.exclude:
                kind = schema[name].kind
                counter = counters.NumericSample if kind in NUMBERS else counters.Distribution
                yield counter(name) if kind in kinds else counters.Missing(name)

    def request_counts(self, evidence: Evidence) -> None:
        """Request the distributions of both sides, of `data` at the knots of a stored reference."""
        evidence.register(self)
        evidence.request(partial(self._current_counts, evidence), self.reference_counts)

    def _candidates(self, evidence: Evidence) -> Candidates:
        """Return which columns of the reference are judged, found once for all gates alike."""
        key: Any = self.method, self.columns, self.exclude
        make = partial(candidates, evidence.reference(), *key)
        return cast("Candidates", evidence.cached("candidates", key, make))

    def _current_counts(self, evidence: Evidence, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count of the data, once the reference has been read."""
        kinds, served = METHODS[self.method].kinds, []
        judged = self._candidates(evidence).judged
        for name in judged:
            if name in schema and schema[name].kind in kinds:
                served.append(name)
            elif name in schema:
                yield counters.Missing(name)
        counter = partial(self._counter, judged, gates_by_column(evidence))
        yield from evidence.each(counter, served)

    def _counter(self, judged: Judged, gates: "GatesByColumn", name: str) -> Counter:
        """Return what to count of a column of the data: its values, or how many are in cells."""
        _, side = judged[name]
        # Where another gate needs the values, cells are counted from them.
        needed = gates[name] if isinstance(side, Sample) else [self]
        if any(METHODS[gate.method].distance is None for gate in needed):
            return counters.current_counter(name, side)
        edges = side.edges(self.bins)
        if isinstance(side, Sample):
            # For all gates, before the buckets are released.
            for gate in needed:
                side.edges(gate.bins)
            side.release()
        return counters.current_counter(name, side, edges)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the distance of each column, and the shift of its missing share where any is."""
        reference, profile = evidence.reference(), evidence.profile()
        schema = evidence.source("data").schema
        if reference.rows == 0:
            msg = "the reference has no rows"
            raise EvidenceError(msg)
        columns = self._candidates(evidence)
        if not columns.judged and not columns.refused:
            none = f"no column of the reference can be judged by {self.method!r}"
            raise EvidenceError("; ".join(filter(None, [none, columns.note])))
        for name, why in columns.refused.items():
            # An excluded column may be in the data alone, such as the time of loading.
            if not (name in schema and name in self.exclude):
                yield self._error(name, why)
        absent = [name for name in columns.judged if name not in schema]
        if absent:
            near = Near(absent, schema)
            for name in absent:
                yield self._error(name, f"`{name}` is not in the data{near.hint(name)}")
        drifts: list[ColumnDrift] = []
        measure = partial(self._measure, profile, columns.judged, gates_by_column(evidence))
        for measured in evidence.each(measure, [n for n in columns.judged if n in schema]):
            if isinstance(measured, Check):
                yield measured
            else:
                drifts += measured
        least = METHODS[self.method].least if self.min_samples is None else self.min_samples
        yield from statistics.decide_columns(drifts, least, self.decide_by, self.significance)

    def note(self, evidence: Evidence) -> str:
        """Return which columns were not judged."""
        return self._candidates(evidence).note

    def _measure(
        self, profile: Profile, judged: Judged, gates: "GatesByColumn", name: str
    ) -> list[ColumnDrift] | Check:
        """Measure a column and its missing share; an error of one column is one check."""
        method = METHODS[self.method]
        limit = Limit(at_most=method.at_most if self.at_most is None else self.at_most)
        try:
            (known, side), data = judged[name], profile.columns[name]
            missing = statistics.missing_shift(known, data, self.max_missing_shift)
            if data.valid == 0:
                nothing = statistics.DriftStatistic(*[math.nan] * 5)
                why = f"`{name}` has no value in the data"
                n, details = known.valid, {"n_reference": known.valid}
                drift = ColumnDrift(name, self.method, limit, 0, n, nothing, why, details)
                return [drift, *missing]
            kinds = {"number" if x.field.kind in NUMBERS else x.field.kind for x in (known, data)}
            if len(kinds) > 1:
                now = data.field.problem or f"it holds {content(data.field)} in the data"
                msg = f"`{name}` holds {content(known.field)} in the reference; {now}"
                return self._error(name, describe(EvidenceError(msg), {name}))
            is_binned = method.distance is not None
            is_cut = isinstance(side, QuantileSketch) and side.n > PARTS
            if is_binned and is_cut and PARTS % self.bins:
                kept = f"the {PARTS} parts that are kept of `{name}` in the stored reference"
                cut = f"can't be cut into {self.bins} bins; take a number that divides {PARTS}"
                return self._error(name, describe(EvidenceError(f"{kept} {cut}"), {name}))
            current = profile[self._counter(judged, gates, name)]
            if isinstance(side, Sample) and isinstance(current, Sample):
                needs = [METHODS[gate.method] for gate in gates[name]]
                if any(need.distance is None for need in needs):
                    bins = {gate.bins for gate in gates[name]}
                    side.precompute(current, bins, sort=any(need.needs_sorted for need in needs))
            edges = side.edges(self.bins)
            pair = statistics.binned_pair(side, current, edges, self.bins, for_test=is_binned)
            drift = statistics.column_drift(
                self.method,
                limit,
                pair,
                columns=(known, data),
                sides=(side, current),
                significance=self.significance,
            )
        except Exception as error:  # noqa: BLE001  (one bad column is one finding)
            return self._error(name, describe(error, {name}))
        return [drift, *missing]

    def _error(self, name: str, why: str) -> Check:
        return Check(subject=name, metric=self.method, verdict=Verdict.ERROR, reason=why)


#: The drift gates of a run that judge a column.
GatesByColumn = Mapping[str, Sequence[Drift]]


def gates_by_column(evidence: Evidence) -> GatesByColumn:
    """Return the drift gates of a run by the columns that they judge."""
    gates: dict[str, list[Drift]] = {}
    for gate in evidence.registered(Drift):
        for name in gate._candidates(evidence).judged:  # noqa: SLF001
            gates.setdefault(name, []).append(gate)
    return gates
