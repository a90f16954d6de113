"""MultivariateDrift: check that a classifier can't tell the data from the reference."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Literal, NamedTuple, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, described_type, enough, rows_until_significant
from mlgates.predictions.outcomes import cluster_codes
from mlgates.printable import number_of
from mlgates.profile import counters
from mlgates.profile.counter import Counter
from mlgates.profile.scan import Profile
from mlgates.stats.arrays import Codes, Counts, Floats
from mlgates.tables import encoding
from mlgates.tables.columns import Column
from mlgates.tables.exact import NANOSECONDS
from mlgates.tables.field import Field, TableSchema, is_unsupported
from mlgates.tables.hashing import mixed, row_hashes
from mlgates.tables.sampling import sampled
from mlgates.verdict import Check, Limit, Measurement, Verdict, format_value, snap_to_limit

__all__ = ["MultivariateDrift"]

_METRIC = "roc_auc"
_TIMES = frozenset({"date", "time", "timestamp", "duration"})
_KINDS = _TIMES | {"int", "float", "decimal", "bool", "string", "null"}
#: Largest number of codes of a column of categories. The last code is for all rare categories.
_CATEGORIES = 255
_CONFIDENCE = 0.95
#: Types of numbers, by Arrow's name, to which the other table's numbers are rounded.
_NARROW = {"float": np.float32, "halffloat": np.float16}
#: Columns named in the reason, and those listed in the details.
_NAMED, _LISTED = 3, 20
#: Fewest clusters of each table in a fold.
_FEWEST_CLUSTERS = 4
#: With a greater p-value the area is too low to be chance.
_TOO_LOW = 0.999


class _Columns(NamedTuple):
    """The names of the columns to compare, and what is wrong with other columns.

    `problems` has the message of each column that should be compared but can't be. `note` names the
    columns that are left out because their values can't be compared; it is "" if there are none.
    """

    names: tuple[str, ...]
    problems: dict[str, str]
    note: str


class _Clusters(NamedTuple):
    """The clusters of the rows of both tables, those of the data first.

    `codes` has the cluster of each row, from 0, and `fold` the fold of each row in the
    cross-validation. `numbers` has the number of clusters in the data and in the reference.
    """

    codes: Codes
    fold: Counts
    numbers: tuple[int, int]


@dataclass(frozen=True, repr=False)
class MultivariateDrift(Gate):
    """Check that a classifier can't tell rows of `data` from rows of `reference`.

    The classifier, gradient-boosted trees, is trained on rows of both tables to predict from which
    table a row comes. It is judged by the area under the ROC curve, on rows that it was not trained
    on. The area is about 0.5 if both tables have the same distribution, and 1 if the classifier is
    right about every row. So the gate also finds changes that no single column shows, such as a
    changed correlation.

    Parameters
    ----------
    at_most : float
        Largest area under the ROC curve, from 0.5 to 1.
    columns : str or sequence of str, optional
        Columns to compare. By default these are all columns of the reference that have numbers,
        bools, strings, dates or times. A named column with other values is an ERROR.
    exclude : str or sequence of str
        Columns to leave out, such as ids and times.
    min_samples : int
        Smallest number of rows in each table. With fewer, the verdict is INCONCLUSIVE. For a PASS,
        each table must also have this number of distinct rows (equal rows count once).
    max_rows : int
        Largest number of rows of each table that are used. From a larger table, this number of rows
        is drawn at random.
    folds : int
        Number of folds of the cross-validation.
    seed : int
        Seed of the random generator that divides the rows into folds and draws rows.
    decide_by : {"significance", "estimate"}
        "significance": an area beyond the limit is a FAIL if it is significantly above 0.5, and
        INCONCLUSIVE otherwise. "estimate": the area alone is compared with the limit, without a
        test.
    significance : float
        Largest probability that the gate FAILs although nothing changed.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The area has the standard error ``1.5 sqrt(sum(v)) / folds``, where ``v`` are DeLong's variances
    in the folds. The factor 1.5 corrects for the training rows that the folds have in common [1]_.
    Equal rows are always in the same fold, so the classifier is never tested on a row that it was
    trained on. A table with few distinct rows, such as a table of two columns of bools, therefore
    can't PASS (see `min_samples`): what the classifier learns from some of these rows does not help
    it with the others, so it would not find a change.

    A missing cell counts as a separate value. Of a column of strings, the 254 most frequent values
    are compared, and all others count as one value. If the tables differ, the area grows with the
    number of rows, because the classifier learns more. If the values of a column grow with time, as
    an id does, and the data are newer than the reference, the area is near 1; exclude such columns.

    If rows depend on each other, such as the visits of one patient, give the name of a column of
    both tables as the evidence `clusters`; otherwise the p-value is too small. All rows of a
    cluster are then in the same fold. The variance ``v`` of a fold is DeLong's variance or that of
    Obuchowski for rows in clusters [2]_, whichever is larger. Student's t distribution replaces the
    normal distribution. With fewer than ``4 * folds`` clusters in a table, the verdict is
    INCONCLUSIVE. The column of the clusters is compared only if `columns` names it.

    The reference must be a table: a `Baseline` or a `Profile` has statistics of a table instead of
    its rows, and is an ERROR.

    References
    ----------
    .. [1] Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine
       Learning 52, 239-281.
    .. [2] Obuchowski, N. A. (1997). Nonparametric analysis of clustered ROC curve data. Biometrics
       53, 567-578.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x, noise = rng.normal(size=1_000), rng.normal(size=1_000)
    >>> train, now = {"x": x, "y": x + noise}, {"x": x, "y": noise - x}
    >>> result = MultivariateDrift().run(data=now, reference=train)
    >>> print(result.verdict, result.checks[0].value > 0.8)
    fail True
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data", "reference"})
    optional_evidence: ClassVar[frozenset[str]] = frozenset({"clusters"})
    info = GateInfo(
        summary="a classifier can't distinguish the rows of the data from those of the reference",
        metrics={"`roc_auc`": "area under the ROC curve of the classifier; 0.5 if it only guesses"},
        fewest_rows="200 rows in each table (set by `min_samples`)",
        allowed="an area beyond the limit that is not significantly above 0.5",
    )
    _: KW_ONLY
    at_most: float = 0.6
    columns: str | Iterable[str] | None = None
    exclude: str | Iterable[str] = ()
    min_samples: int = 200
    max_rows: int = 50_000
    folds: int = 5
    seed: int = 0
    decide_by: Literal["significance", "estimate"] = "significance"
    significance: float = 0.05

    def __post_init__(self) -> None:
        kind = type(self).__name__
        self._convert("at_most", options.number, at_least=0.5, at_most=1)
        self._convert("columns", options.some)
        self._convert("exclude", options.names)
        if set(self.exclude) & set(self.columns or ()):
            allowed = "names that are not in `columns`"
            raise options.refuse(kind, "exclude", allowed, self.exclude)
        self._convert("min_samples", options.count, at_least=1)
        self._convert("max_rows", options.count, at_least=1)
        options.in_order(kind, min_samples=self.min_samples, max_rows=self.max_rows)
        self._convert("folds", options.count, at_least=2)
        self._convert("seed", options.count)
        options.choice(kind, "decide_by", self.decide_by, ("significance", "estimate"))
        self._convert("significance", options.number, at_least=1e-9, at_most=0.5)
        super().__post_init__()

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count: missing cells in the compared columns.

        The gate reads the rows itself. Counting only makes sure that the hash of the table in the
        report (its fingerprint) covers these columns.
        """
        for name in schema if self.columns is None else self.columns:
            if name in schema and name not in self.exclude:
                yield counters.Missing(name)

    reference_counts = counts

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check of how well a classifier tells rows of `data` from those of `reference`.

        If columns of `data` can't be compared with those of `reference`, yield a check with the
        verdict ERROR for each of these columns instead.
        """
        theirs = evidence.reference()
        if isinstance(evidence["reference"], Profile) or not isinstance(theirs, Profile):
            msg = "the reference is a baseline or a profile, which has no rows; "
            msg += "pass the table itself"
            raise EvidenceError(msg)
        is_clustered = "clusters" in evidence
        if is_clustered and not isinstance(evidence["clusters"], str):
            kind = type(evidence["clusters"]).__name__
            raise EvidenceError(
                "`clusters` must be the name of a column that is in both `data` and `reference`, "
                f"got a value of type {kind}, which can't hold the clusters of both tables"
            )
        names, problems, note = self._columns(evidence)
        for name, problem in problems.items():
            yield Check(subject=name, metric=_METRIC, verdict=Verdict.ERROR, reason=problem)
        if problems:
            return
        if not names:
            msg = "the reference has no column with values that can be compared"
            raise EvidenceError("; ".join(filter(None, [msg, note])))
        limit = Limit(at_most=self.at_most)
        sizes = [profile.rows for profile in (evidence.profile(), theirs)]
        n, m = (min(size, self.max_rows) for size in sizes)
        if min(n, m) < self.min_samples:
            few = ""
            if m < self.min_samples <= n:
                few = f"too few rows in the reference: {m:,}, at least {self.min_samples:,} "
                few += "are needed"
            text = (
                f"the rows of both tables were not compared (n = {n:,} against {m:,} in the "
                "reference)"
            )
            measured = Measurement(None, n=n, details={"n_reference": m})
            least = self.min_samples
            yield Check.judge(
                "rows", _METRIC, measured, limit, min_n=least, insufficient=few, said=text
            )
            return
        sources = [evidence.source(name) for name in ("data", "reference")]
        sides, pair = [], []
        cluster = [str(evidence["clusters"])] if is_clustered else []
        read = list(dict.fromkeys([*names, *cluster]))
        for source, size in zip(sources, sizes, strict=True):
            table = sampled(source, read, size, self.max_rows, self.seed)
            side = {
                name: Column(name, len(table), None, table[name], source.schema[name])
                for name in read
            }
            sides.append([side[name] for name in names])
            pair += [side[name] for name in cluster]
        clusters = _clusters(pair, self.folds, self.seed) if pair else None
        yield self._judged(sides, limit, clusters)

    def note(self, evidence: Evidence) -> str:
        """Return a remark that lists the columns that were not compared, and why."""
        return self._columns(evidence).note

    def _columns(self, evidence: Evidence) -> _Columns:
        """Return the columns to compare, in alphabetical order, and the problems with others.

        Gates with equal options share the result.
        """
        ours, theirs = (evidence.source(name).schema for name in ("data", "reference"))
        wanted = theirs if self.columns is None else cast("tuple[str, ...]", self.columns)
        given = evidence["clusters"] if "clusters" in evidence else None  # noqa: SIM401
        clusters = {given} if isinstance(given, str) else set()
        left, names, problems = [], [], {}
        near = Near([n for n in (*self.exclude, *wanted, *clusters) if n not in theirs], theirs)
        for name in self.exclude:
            if name not in theirs and name not in ours:
                problems[name] = f"`{name}` in `exclude` is not in the reference{near.hint(name)}"
        lost = Near([name for name in (*wanted, *clusters) if name not in ours], ours)
        for name in sorted(set(wanted) - set(self.exclude) | clusters):
            field, other = theirs.get(name), ours.get(name)
            title, leave_out = f"`{name}`", "remove it from `columns`"
            if name in clusters:
                title = f"`{name}`, the column of `clusters`,"
                leave_out = "give another column"
            elif self.columns is None:
                leave_out = "to leave the column out, list it in `exclude`"
            if field is None:
                problems[name] = f"{title} is not in the reference{near.hint(name)}"
            elif (self.columns is None and name not in clusters) and (
                field.kind in ("nested", "binary") or is_unsupported(field)
            ):
                left.append(f"`{name}` ({field.type})")
            elif field.kind not in _KINDS:
                problem = f"{title} holds {field.kind} values"
                problem = f"{field.problem}; otherwise" if field.problem else f"{problem};"
                problems[name] = f"in the reference, {problem} {leave_out}"
            elif other is None:
                hint = lost.hint(name) or f"; {leave_out}"
                problems[name] = f"{title} is not in the data{hint}"
            elif other.kind not in _KINDS:
                problem = f"{title} holds {other.kind} values"
                problem = f"{other.problem}; otherwise" if other.problem else f"{problem};"
                problems[name] = f"in the data, {problem} {leave_out}"
            elif len({_family(f) for f in (field, other)} - {"null"}) > 1:
                problems[name] = (
                    f"{title} has {described_type(field)} in the reference, but "
                    f"{described_type(other)} in the data; convert one of them"
                )
            elif name not in clusters or name in (self.columns or ()):
                names.append(name)
            elif name in wanted and name not in self.exclude:
                left.append(f"`{name}` (the clusters)")
        return _Columns(
            tuple(names), problems, f"columns not judged: {', '.join(left)}" if left else ""
        )

    def _judged(
        self, sides: Sequence[Sequence[Column]], limit: Limit, clusters: _Clusters | None
    ) -> Check:
        """Return the check of the area under the ROC curve.

        `sides` has the compared columns of the data and those of the reference, in the same order.
        `clusters` is None if the rows are independent.
        """
        from scipy import special

        from mlgates.stats.classifier import classifier_test

        n, m = (side[0].rows for side in sides)
        columns = list(zip(*sides, strict=True))
        categorical = [any(column.field.kind == "string" for column in pair) for pair in columns]
        encoded = [
            _categories(pair) if is_text else _numbers(pair)
            for pair, is_text in zip(columns, categorical, strict=True)
        ]
        features = np.column_stack(encoded)
        hashes = np.full(n + m, self.seed % (1 << 64), np.uint64)
        for values in encoded:
            codes = np.where(np.isnan(values), -1, values).astype(np.int64)
            hashes = mixed(hashes + codes.view(np.uint64))
        positive = np.arange(n + m) < n
        different = [len(np.unique(hashes[side])) for side in (positive, ~positive)]
        # an order that does not depend on the order of the rows
        fold, keys = (hashes % np.uint64(self.folds)).astype(np.int64), [positive, hashes]
        if clusters is not None:
            fold, keys = clusters.fold, [clusters.codes, *keys]
        order = np.lexsort(keys)
        found = classifier_test(
            features[order],
            positive[order],
            fold[order],
            np.array(categorical),
            seed=self.seed,
            cluster=None if clusters is None else clusters.codes[order],
        )
        names = [column.title for column in sides[0]]
        ranked = sorted(zip(found.drops.tolist(), names, strict=True), key=lambda x: (-x[0], x[1]))
        tell = [(name, drop) for drop, name in ranked if drop > max(0.1 * ranked[0][0], 0)][
            :_LISTED
        ]
        value = snap_to_limit(found.area, limit)
        arm = float(special.stdtrit(found.freedom, (1 + _CONFIDENCE) / 2)) * found.error
        level = float(special.stdtrit(found.freedom, 1 - self.significance)) * found.error
        details: dict[str, object] = {
            "n_reference": m,
            "different_rows": different,
            "seed": self.seed,
            "columns": [{"column": name, "value": drop} for name, drop in tell],
        }
        sizes, noun = [f"{n:,}", f"{m:,}"], "rows"
        enough_rows = rows_until_significant(level, self.at_most - 0.5, n, m)
        few_clusters = ""
        if clusters is not None:
            details["clusters"] = clusters.numbers
            sizes = [
                f"{size} in {number_of(number, 'cluster')}"
                for size, number in zip(sizes, clusters.numbers, strict=True)
            ]
            noun = "clusters"
            enough_rows = rows_until_significant(level, self.at_most - 0.5, *clusters.numbers)
            fewest, needed = min(clusters.numbers), _FEWEST_CLUSTERS * self.folds
            if fewest < needed:
                few_clusters = (
                    f"too few clusters in the {_which(clusters.numbers)}: {fewest:,}, at least "
                    f"{needed:,} are needed"
                )
        measured = Measurement(
            value,
            n=n,
            interval=(max(found.area - arm, 0.0), min(found.area + arm, 1.0)),
            confidence=_CONFIDENCE,
            p_value=found.p_value,
            method=f"{self.folds}-fold cross-validation of gradient-boosted trees",
            details=details,
        )
        shown = format_value(None if math.isnan(value) else value, limit)
        text = f"a classifier distinguishes the data from the reference with a ROC AUC of {shown}"
        if math.isnan(value):
            text = "no classifier could be trained to distinguish the data from the reference"
        text += f" (n = {' against '.join(sizes)} in the reference)"
        if tell and not limit.holds(value):
            listed = ", ".join(f"`{name}`" for name, _ in tell[:_NAMED])
            text += f", mainly by {listed}"
        least, kept_from_pass = min(different), ""
        if least < self.min_samples:
            kept_from_pass = (
                f"only {least:,} distinct rows in the {_which(different)}, at least "
                f"{self.min_samples:,} are needed; compare columns with few values by `Drift`"
            )
        elif clusters is not None and found.area < 0.5 and found.p_value > _TOO_LOW:
            kept_from_pass = (
                "the ROC AUC is far below 0.5, perhaps because equal rows are in different "
                "clusters; give a cluster the same name in both tables"
            )
        return Check.judge(
            "rows",
            _METRIC,
            measured,
            limit,
            rule=self.decide_by,
            min_n=self.min_samples,
            significance=self.significance,
            insufficient=few_clusters or (kept_from_pass if math.isnan(value) else ""),
            insufficient_for_pass=kept_from_pass,
            said=text,
            chance=""
            if math.isnan(level)
            else f"values of the ROC AUC up to {format_value(0.5 + level, limit)}",
            remedy=enough(enough_rows, noun),
        )


def _which(numbers: Sequence[int]) -> str:
    """Return which table has the smaller one of two numbers, that of the data being the first."""
    return "data" if numbers[0] <= numbers[1] else "reference"


def _clusters(pair: Sequence[Column], folds: int, seed: int) -> _Clusters:
    """Return the clusters of both tables, and divide them into folds.

    `pair` has the clusters of the rows of the data, and of the reference. Each fold gets the same
    number of clusters that are only in the data, only in the reference, and in both, up to one.

    Raises
    ------
    EvidenceError
        If a row has no cluster.
    """
    numbers = []
    for column, table in zip(pair, ("data", "reference"), strict=True):
        codes = cluster_codes(replace(column, title=f"`{column.title}` of the {table}"))
        numbers.append(int(codes.max()) + 1)
    hashes = np.concatenate([row_hashes([(c.array, c.field)])[0] for c in pair])
    # sorted by their hashes, the clusters are in a random order that depends on the seed
    known, cluster = np.unique(mixed(hashes + np.uint64(seed % (1 << 64))), return_inverse=True)
    is_data = np.arange(len(cluster)) < pair[0].rows
    tables = np.zeros(len(known), np.int64)
    for number, rows in ((1, is_data), (2, ~is_data)):
        tables[np.unique(cluster[rows])] += number
    fold = np.empty(len(known), np.int64)
    fold[np.argsort(tables, kind="stable")] = np.arange(len(known)) % folds
    return _Clusters(cluster, fold[cluster], (numbers[0], numbers[1]))


def _family(field: Field) -> str:
    """Return the kind of a column's values; two columns can be compared if their kinds are equal.

    All numbers have the kind "number", and all times with a time zone the kind "zoned".
    """
    if field.kind in ("int", "float", "decimal"):
        return "number"
    return "zoned" if field.zone else field.kind


def _numbers(pair: Sequence[Column]) -> Floats:
    """Return the values of a column of both tables as ranks from 0; NaN where missing.

    `pair` has the column of the data and that of the reference. Equal values have the same rank.
    """
    parts = []
    for column in pair:
        field, array = column.field, column.array
        if field.kind in _TIMES:
            array = encoding.to_whole_numbers(encoding.decode(array))
            field = replace(field, kind="int")
        scale = NANOSECONDS[field.unit] if field.unit else 1
        parts.append(replace(column, array=array, field=field).floats * scale)
    values = np.concatenate(parts)
    for name, dtype in _NARROW.items():
        if any(column.field.type == name for column in pair):
            # Round to the narrower type, so that numbers that differ only by this rounding are
            # equal. Numbers beyond the range of this type become infinite.
            with np.errstate(over="ignore"):
                values = values.astype(dtype).astype(np.float64)
    known = ~np.isnan(values)
    values[known] = np.unique(values[known], return_inverse=True)[1]
    return values


def _categories(pair: Sequence[Column]) -> Floats:
    """Return the strings of a column of both tables as codes; NaN where missing.

    The most frequent string has the code 0. All rare strings share the largest code. `pair` has the
    column of the data and that of the reference.
    """
    text = pa.large_string()
    chunks = [c.cast(text) for column in pair for c in encoding.decode(column.array).chunks]
    encoded = encoding.encode(pa.chunked_array(chunks, text))
    codes = np.asarray(encoded.indices.fill_null(-1))
    counts = np.bincount(codes + 1, minlength=len(encoded.dictionary) + 1)[1:]
    known = pa.table({"count": counts, "text": encoded.dictionary})
    order = pc.sort_indices(known, [("count", "descending"), ("text", "ascending")])
    rank = np.full(len(known) + 1, np.nan)  # the last one is of missing cells, whose code is -1
    rank[np.asarray(order)] = np.minimum(np.arange(len(known)), _CATEGORIES - 1)
    return np.asarray(rank[codes])
