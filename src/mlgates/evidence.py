"""The evidence of a run: the tables, labels and models that it is given by name.

Each value is read at most once, for all gates of the run.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import TracebackType
from typing import Any, NoReturn, TypedDict, TypeVar, cast

import pyarrow as pa

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence_names import ALIASES, ALIGNED, MODEL_OF, NAMES, ROWLESS, TABLES
from mlgates.options import did_you_mean, in_utc
from mlgates.predictions import Need, Outcomes
from mlgates.predictions.groups import MAX_GROUPS, Groups, Slice, groups_of, slices_of
from mlgates.predictions.lookup import offers
from mlgates.predictions.outcomes import check_rows, outcomes_of, row_argument
from mlgates.profile.baseline import Baseline, Reference
from mlgates.profile.counter import Counter
from mlgates.profile.plan import Plan
from mlgates.profile.scan import MANY_ROWS, Profile, each, threads_for
from mlgates.tables.columns import in_memory, is_table, rows_of
from mlgates.tables.containers import kind_of
from mlgates.tables.field import Field, TableSchema
from mlgates.tables.hashing import row_hashes
from mlgates.tables.read_only import read_only
from mlgates.tables.source import Source, as_source

__all__ = [
    "ALIGNED",
    "ROWLESS",
    "TABLES",
    "VOCABULARY",
    "Evidence",
    "EvidenceNames",
    "read_only",
    "rows_of",
]

T = TypeVar("T")
R = TypeVar("R")
Counts = Callable[[TableSchema], Iterable[Counter]]


class EvidenceNames(TypedDict, total=False):
    """The types of the arguments of a run, such as ``data=`` and ``y_true=``, for type checkers.

    The names are those in `evidence_names.NAMES`. None means that a value was not given.
    """

    data: object
    reference: object
    X: object
    y_true: object
    y_pred: object
    y_score: object
    production_pred: object
    production_score: object
    y_interval: object
    production_interval: object
    model: object
    production_model: object
    sample_weight: object
    row_counts: object
    clusters: object
    query_id: object
    sensitive_features: object
    metric_frame: object
    pos_label: object
    classes: object
    latencies: object
    production_latencies: object
    golden_X: object
    golden_pred: object
    X_train: object
    y_train: object
    train_pred: object
    train_score: object
    fit: object
    application: object
    traffic: object
    candidate_log: object
    production_log: object
    now: datetime | None


VOCABULARY = frozenset(NAMES)
#: The table that a table is compared with.
_OTHER = {
    "data": "reference",
    "reference": "data",
    "candidate_log": "production_log",
    "production_log": "candidate_log",
}
#: Options of `GateSuite.run` and `Gate.run`, for hints.
_RUN_OPTIONS = frozenset({"n_jobs", "progress", "metadata"})


@dataclass(frozen=True, slots=True)
class _Cached:
    """A computed value, or the exception that was raised instead, with its traceback."""

    value: Any = None
    error: BaseException | None = None
    traceback: TracebackType | None = None


def _failure(error: BaseException) -> _Cached:
    return _Cached(error=error, traceback=error.__traceback__)


@dataclass(frozen=True)
class DeclaredTypes:
    """The types that a gate declares for columns that are made from names of folders.

    For example, all rows of a file in the folder ``year=2026`` have the value 2026 in the column
    ``year``. `types` maps the name of each such column to its Arrow type. A gate passes this object
    to `Evidence.register` before the table is read, so that the column gets this type.
    """

    types: Mapping[str, pa.DataType]


#: Arrow type for a column whose values are in the names of folders (``year=2024``), by the kind of
#: the column with this name in the other table.
_TYPES = {
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
    "string": pa.large_string(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


class Evidence:
    """The evidence of a run: the tables, labels and models that it is given by name.

    Each value is read at most once, when a gate first needs it.

    Parameters
    ----------
    given : Mapping
        The values by name, such as ``{"data": table}``. None means that the value is not given.
    also : iterable of str
        Names that are allowed in addition to the built-in ones: names of values that gates of the
        run use.
    n_jobs : int, optional
        Number of threads that read a table. By default it is the number of processors if the table
        is large, and 1 otherwise.
    progress : bool
        Whether gates that take long show a progress bar.
    in_parts : bool
        Whether the evidence is for `GateSuite.plan`. The parts of `data` are then counted later,
        one by one, so gates can't use all of its rows at once.
    shown : Mapping, optional
        Names that messages show in place of the names in `given`, such as ``{"X": "X_train"}``.

    Raises
    ------
    EvidenceError
        For an unknown name. Invalid values do not raise here, but when they are read.

    Examples
    --------
    >>> evidence = Evidence({"data": {"x": [1.0, 2.0]}, "reference": None})
    >>> "data" in evidence, "reference" in evidence
    (True, False)
    >>> Evidence({"refrence": None})
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: unknown evidence 'refrence'; did you mean 'reference'?
    """

    def __init__(
        self,
        given: Mapping[str, object],
        *,
        also: Iterable[str] = (),
        n_jobs: int | None = None,
        progress: bool = False,
        in_parts: bool = False,
        shown: Mapping[str, str] | None = None,
    ) -> None:
        self._shown = {} if shown is None else shown
        self._used = frozenset(also)
        known = VOCABULARY | self._used
        for name in given:
            if name not in known:
                near = (
                    _meant(name, known | _RUN_OPTIONS)
                    or f"; known names: {', '.join(sorted(known))}"
                )
                raise EvidenceError(f"unknown evidence {name!r}{near}")
        self._given = {name: value for name, value in given.items() if value is not None}
        #: whether the reference is a baseline, a profile, or the file of a baseline, not a table;
        #: a Spark DataFrame becomes a baseline
        self._stored = False
        with suppress_errors():  # methods of a user's class can raise anything
            reference = self._given.get("reference")
            self._stored = isinstance(reference, Baseline | Profile)
            self._stored |= kind_of(reference) == "spark"
            self._stored |= os.fspath(cast("str", reference)).endswith(".json")
        # the requests of counters, and what they raised, by the name of the gate
        self._counts: dict[str, list[tuple[str, Counts]]] = {name: [] for name in TABLES}
        self._gate = ""
        self._failed: dict[str, _Cached] = {}
        self._requests: list[object] = []
        self._cache: dict[tuple[str, Hashable], _Cached] = {}
        self._n_jobs = n_jobs
        self._in_parts = in_parts
        self.progress = progress
        self._clock = datetime.now(UTC)

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def __getitem__(self, name: str) -> object:
        """Return a value as it was given; raise EvidenceError if it was not given."""
        if name not in self._given:
            raise EvidenceError(f"{self.title(name)} was not given")
        return self._given[name]

    def title(self, name: str) -> str:
        """Return the name of an argument as messages show it, such as "`y_true`"."""
        return f"`{self._shown.get(name, name)}`"

    @property
    def now(self) -> datetime:
        """The time of the run in UTC: the evidence ``now``, by default the present time.

        EvidenceError is raised if ``now`` is not a datetime with a time zone.
        """
        return in_utc("`now`", self._given.get("now", self._clock), EvidenceError)

    @property
    def known(self) -> frozenset[str]:
        """The names that messages of exceptions may show, because they are not values of the data.

        These are the names of evidence, and the columns of the tables that were read so far.
        """
        keys = [("names", "X"), *(("source", name) for name in ("X", *TABLES))]
        found = [entry.value for key in keys if (entry := self._cache.get(key)) is not None]
        columns = [v.schema if isinstance(v, Source) else v for v in found if v is not None]
        return VOCABULARY.union(self._given, *columns)

    def offers(self, name: str) -> bool:
        """Return whether a value was given, or can be computed by a model that was given.

        For example, a model can compute `y_pred`.
        """
        return name in self._given or (name in MODEL_OF and offers(self, name))

    def uses(self, name: str) -> bool:
        """Return whether the value `name` was given and at least one gate of the run uses it."""
        return name in self._given and name in self._used

    def lacking(self, missing: Iterable[str]) -> str:
        """Return the message that the values with the names `missing` were not given.

        The message ends with a hint if the user probably gave the value under another name.

        Examples
        --------
        >>> Evidence({"X": {"x": [1.0]}}).lacking(["data"])
        'the gate needs `data`, which was not given; `X` was given: pass that table as `data`'
        """
        names = list(missing)
        was = "was" if len(names) == 1 else "were"
        said = f"the gate needs {' and '.join(f'`{n}`' for n in names)}, which {was} not given"
        other = {"data": "X", "X": "data"}
        for name in names:
            if name not in VOCABULARY:  # a parameter of a function gate
                near = _meant(name, VOCABULARY.union(self._given))
                given = ", ".join(f"`{n}`" for n in sorted(self._given)) or "nothing"
                said += f"{near}; parameters of a gate function are names of evidence"
                return f"{said} (given: {given})"
            if name in other and other[name] in self._given:
                return f"{said}; `{other[name]}` was given: pass that table as `{name}`"
        return said

    def request(self, counts: Counts, reference_counts: Counts | None = None) -> None:
        """Register what a gate needs to be counted in `data` and in `reference`.

        A gate calls this method before the two tables are read. Each argument is a function. It
        takes the names and types of the columns of its table, and returns what to count in the
        table, as `Counter` objects.
        """
        self._counts["data"].append((self._gate, counts))
        if reference_counts is not None:
            self._counts["reference"].append((self._gate, reference_counts))

    def collect_requests(self, gate: str, request: Callable[["Evidence"], object]) -> None:
        """Call the method `request_counts` of a gate; keep an exception instead of raising it.

        So the other gates of the run are not affected. `gate` is the name of the gate, and
        `request` is the method. `raise_failed_request` raises the exception later, when this gate
        is run.
        """
        self._gate = gate
        with suppress_errors() as caught:
            request(self)
        self._gate = ""
        if caught.error is not None:
            self._failed[gate] = _failure(caught.error)

    def raise_failed_request(self, gate: str) -> None:
        """Raise the exception that a gate raised when it registered what to count, if there is one.

        `collect_requests` kept it. `gate` is the name of the gate.
        """
        failed = self._failed.get(gate)
        if failed is not None and failed.error is not None:
            raise failed.error.with_traceback(failed.traceback)

    def register(self, request: object) -> None:
        """Keep an object for other gates of the run; `registered` returns all of these objects.

        For example, each drift gate registers itself. If several of them judge the same column,
        its values are then counted only once, in the bins of all these gates.
        """
        self._requests.append(request)

    def registered(self, kind: type[T]) -> tuple[T, ...]:
        """Return all objects of the type `kind` that were given to `register`, in their order."""
        return tuple(request for request in self._requests if isinstance(request, kind))

    def cached(self, what: str, key: Hashable, make: Callable[[], T]) -> T:
        """Return the result of ``make()``, which is called only the first time for this key.

        Later calls with the same `what` and `key` return the same result. If `make` raised an
        exception, they raise it again. `what` is the kind of result, such as ``"outcomes"``. `key`
        is everything that the result depends on besides the evidence. If the key can't be hashed,
        `make` is called each time.
        """
        try:
            entry = self._cache.get((what, key))
        except TypeError:
            return make()
        if entry is None:
            value = None
            with suppress_errors() as caught:
                value = make()
            entry = _Cached(value) if caught.error is None else _failure(caught.error)
            self._cache[what, key] = entry
        if entry.error is not None:
            raise entry.error.with_traceback(entry.traceback)  # the traceback of the first call
        return cast("T", entry.value)

    def source(self, name: str) -> Source:
        """Return a table as a `Source`, which yields batches of its rows.

        `name` is the evidence name of the table. EvidenceError is raised if the value is not a
        table.
        """
        return self.cached("source", name, partial(self._open, name))

    @property
    def keeps_data(self) -> bool:
        """Whether `data` is a table in memory, with all its values, during the whole run.

        It is False for files, queries, profiles and Spark DataFrames, and for a plan, which counts
        parts of the table. Arrow streams are read into memory, so it is True for them.
        """
        native = self.source("data").native
        return native is not None and kind_of(native) != "spark" and not self._in_parts

    def _open(self, name: str) -> Source:
        """Open a table, and choose the types of columns that come from the names of its folders.

        Such a column gets the first of these types that applies:

        - The type that a gate declares for the column.
        - If the column has another kind in the other table (such as the reference, if this is the
          data): strings if the type of that column was inferred from names of folders, too, and
          otherwise the type of that column.
        - The type that is inferred from the names of the folders.
        """
        if isinstance(self[name], Profile):
            profile = cast("Profile", self[name])
            return Source("profile", profile.schema, profile.rows, partial(_no_rows, name))
        if name == "reference" and self._stored:
            raise EvidenceError(
                "the reference is a baseline, which has no rows; pass the table itself"
            )
        source = as_source(self[name], self.title(name))
        if name not in TABLES or source.retype is None:
            return source
        types = {key: source.schema[key].kind for key in source.inferred}
        wanted: dict[str, pa.DataType] = {}
        other, inferred = self._other_fields(name)
        for key, kind in types.items():
            if key in other and other[key].kind not in (kind, "null"):
                both = key in inferred and kind != "null"
                wanted[key] = pa.large_string() if both else _TYPES.get(other[key].kind)
        for declared in self.registered(DeclaredTypes):
            wanted |= {key: type_ for key, type_ in declared.types.items() if key in types}
        wanted = {key: type_ for key, type_ in wanted.items() if type_ is not None}
        return source.retype(wanted) if wanted else source

    def _other_fields(self, name: str) -> tuple[Mapping[str, Field], Collection[str]]:
        """Return the columns of the table with which the table `name` is compared.

        `data` is compared with `reference`, one log with the other, and the reverse. The second
        result has the names of the columns with types that were inferred from names of folders.
        Both are empty if there is no such table, or it can't be read.
        """
        other = _OTHER[name]
        if other not in self._given:
            return {}, ()
        with suppress_errors():  # they are raised where that table is read
            if other == "reference" and self._stored:
                columns = self.reference().columns
                return {key: column.field for key, column in columns.items()}, ()
            source = as_source(self[other])
            return source.schema, source.inferred
        return {}, ()

    def in_memory(self, name: str) -> Any:
        """Return the table `name` in a form that models take.

        Models can't take files and streams, so these are read into an Arrow table, once for all
        gates. Other values are returned as they were given.

        Examples
        --------
        >>> Evidence({"X": {"x": [1.0]}}).in_memory("X")
        {'x': [1.0]}
        """
        given = self[name]
        return self.cached("in memory", name, lambda: in_memory(given, partial(self.source, name)))

    def profile(self) -> Profile:
        """Return everything that the gates of the run count in the table `data`.

        The table is read only once. If the user gave a `Profile` as `data`, it is returned.
        """
        return self.cached("profile", "data", partial(self._scan, "data"))

    def reference(self) -> Reference:
        """Return the reference: the `Baseline` or `Profile` that the user gave.

        If the user gave a table, the profile of that table is returned. The table is read once.
        """
        return self.cached("profile", "reference", self._read_reference)

    def _read_reference(self) -> Reference:
        given = self._given.get("reference")
        if not self._stored:
            return self._scan("reference")
        if isinstance(given, Baseline | Profile):
            return given
        read = Baseline.from_data if kind_of(given) == "spark" else Baseline.load
        return read(cast("str", given))

    def scan(self) -> None:
        """Read `reference` and then `data`, and count in each what the gates requested.

        What is counted in the data can depend on the reference. A table in which nothing is to be
        counted is not read. An exception is not raised here, but in the gates that use the counts
        of this table.
        """
        for name, read in (("reference", self.reference), ("data", self.profile)):
            if name in self._given and self._counts[name]:
                with suppress_errors():
                    read()
        # These functions refer to this object, so without them it is freed right after the run.
        for requests in self._counts.values():
            requests.clear()

    def _scan(self, name: str) -> Profile:
        source = self.source(name)
        if name == "data" and isinstance(self[name], Profile):
            return self._checked(cast("Profile", self[name]))
        if kind_of(source.native) == "spark":
            self._refuse_functions()
        counted, names = self._requested(name)
        return Profile.of(source, counted, columns=names, n_jobs=self._n_jobs)

    def _requests_by_gate(self, name: str) -> Iterator[tuple[str, dict[Counter, Counter | None]]]:
        """Yield pairs of a gate and the counters that it requests for a table."""
        schema = self.source(name).schema
        for gate, counts in self._counts[name]:
            with suppress_errors() as caught:  # other gates are not affected
                counters = _checked_counters(counts(schema))
            if caught.error is None:
                yield gate, counters
            else:
                self._failed.setdefault(gate, _failure(caught.error))

    def _requested(self, name: str) -> tuple[list[Counter], list[str]]:
        """Return the counters for a table, and the names of the columns to profile."""
        schema, wanted = self.source(name).schema, dict[Counter, Counter | None]()
        columns: set[str] = set()
        for _, counters in self._requests_by_gate(name):
            read = {column for counter in counters for column in counter.columns}
            # a gate without counters may read any column
            columns.update(schema if not counters and name == "data" else read)
            wanted |= counters
        # a counter whose result follows from another one is not counted
        counted = [counter for counter, other in wanted.items() if other not in wanted]
        return counted, [column for column in schema if column in columns]

    def _checked(self, profile: Profile) -> Profile:
        """Return a profile given as `data`, after a check that it has what each gate requests.

        The gates for which something is lacking become ERROR.
        """
        comparing = set[str]()
        if "reference" in self._given and profile.reference is not None:
            comparing = {gate for gate, _ in self._counts["reference"]}
        for gate, counters in self._requests_by_gate("data"):
            problem, remedy = "", "make the profile with the `plan` of this suite and reference"
            if any(counter.needs_all_rows for counter in counters):
                problem = (
                    "the gate calls a function with the whole table, which a profile does not have"
                )
                remedy = "pass the table itself"
            elif any(counter not in profile for counter in counters):
                problem = "the profile was made for another suite, reference or table"
            elif gate in comparing and self.reference().fingerprint != profile.reference:
                problem = "the profile was made for another reference"
            if problem:
                msg = f"`data` is a profile that this gate can't use: {problem}; {remedy}"
                self._failed.setdefault(gate, _failure(EvidenceError(msg)))
        return profile

    def can_judge_parts(self) -> bool:
        """Return whether each row of `data` can be judged without the other rows.

        If so, the rows that violate a rule can be found in each part of the table separately. The
        result is False if a gate of the run compares rows with each other, for example to find
        duplicates, or calls a function with the whole table.
        """
        counters = [c for _, each in self._requests_by_gate("data") for c in each]
        return not any(counter.needs_all_rows or counter.compares_rows for counter in counters)

    def _refuse_functions(self) -> None:
        """Make the gates ERROR that call functions with the whole of a Spark DataFrame."""
        for gate, counters in self._requests_by_gate("data"):
            if any(counter.needs_all_rows for counter in counters):
                msg = "`data` is a Spark DataFrame, but this gate calls a function with the whole "
                msg += "table; write the condition as a string, or pass df.toArrow()"
                self._failed.setdefault(gate, _failure(EvidenceError(msg)))

    def plan(self) -> Plan:
        """Return a `Plan` of what to count in each part of `data`.

        With the plan, parts can be counted on several machines. This object must have been created
        with ``in_parts=True``. EvidenceError is raised if `data` or the reference can't be read, or
        if `now` is invalid.
        """
        known = self.reference().fingerprint if "reference" in self._given else None
        counted, names = self._requested("data")
        # a function that needs the whole table can't be called with its parts
        counters = tuple(counter for counter in counted if not counter.needs_all_rows)
        return Plan(counters, tuple(names), self.now, known)

    def _scan_all(self, name: str) -> Profile:
        return Profile.of(self.source(name), (), n_jobs=self._n_jobs)

    def each(self, do: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Call a function for each item, and return the results in the order of the items.

        The number of threads is `n_jobs` of the run. By default it is the number of processors if
        the reference is a table, and `data` or the reference has at least 100,000 rows. Otherwise
        it is 1. If the reference is a stored baseline, more threads would not save time, because
        the calls are short.

        Examples
        --------
        >>> table = {"x": [1.0, 2.0]}
        >>> Evidence({"data": table, "reference": table}).each(abs, [-2, 1])
        [2, 1]
        """
        known = self.reference()
        stored = isinstance(known, Baseline)
        rows = 0 if stored else max(known.rows, self.source("data").rows or 0)
        return each(do, items, threads_for(self._n_jobs, is_large=rows >= MANY_ROWS))

    def tables(self) -> dict[str, object]:
        """Return facts about each table that was read, for the report, by evidence name.

        The facts are the kind of container, the numbers of rows and columns, and a hash of the
        values (the fingerprint). If a gate uses `X`, `candidate_log` or `production_log`, the whole
        table is read to compute its hash.
        """
        for name in ("X", "candidate_log", "production_log"):
            if self.uses(name):
                with suppress_errors():  # sparse matrices and lists of strings have no profile
                    self.cached("profile", name, partial(self._scan_all, name))
        found: dict[str, object] = {}
        for name in (*TABLES, "X"):
            source, profile = (
                self._cache.get((what, name), _Cached()).value for what in ("source", "profile")
            )
            if source is not None:
                table = {"origin": source.origin, "rows": source.rows}
                table["columns"] = len(source.schema)
                if profile is not None:
                    table |= {"rows": profile.rows, "columns_read": len(profile.columns)}
            elif profile is not None:  # a profile or a baseline as given
                table = {"origin": type(profile).__name__.lower(), "rows": profile.rows}
                table["columns"] = len(profile.columns)
            else:
                continue
            if profile is not None:
                table["fingerprint"] = profile.fingerprint
            found[name] = table
        return found

    def values(self) -> dict[str, object]:
        """Return the number of rows and the SHA-256 of labels, predictions and similar values.

        The result has one item for each of the following arguments that a gate of the run uses:

        - arguments with one value per row or request, such as `y_true` or `latencies`,
        - `golden_X` and `golden_pred`, which are rows with known predictions.

        The hash depends on the order of the rows, but not on the kind of container. An argument
        that was given as the name of a column is left out, because the hash of its table covers it.
        """
        found: dict[str, object] = {}
        for name, known in NAMES.items():
            of_rows = known.kind in ("rows", "log") or known.side == "golden"
            if not of_rows or not self.uses(name):
                continue
            rows, hasher = 0, hashlib.sha256()
            with suppress_errors():  # values that can't be read are errors of the gates
                given = self[name]
                if isinstance(given, str):
                    continue
                whole = is_table(given) or getattr(given, "ndim", 1) == 2
                source = as_source(given if whole else {name: given})
                for batch in source.batches():
                    columns = [(batch[key], field) for key, field in source.schema.items()]
                    hasher.update(row_hashes(columns).T.tobytes())
                    rows += batch.num_rows
                found[name] = {"rows": rows, "sha256": hasher.hexdigest()}
        return found

    def outcomes(
        self,
        need: Need,
        *,
        production: bool = False,
        scores: bool = False,
        label: object = None,
        uses_labels: bool = True,
    ) -> Outcomes:
        """Return the labels of the rows with a model's predictions or scores, checked and aligned.

        `need` is the kind of values, such as "labels", "scores" or "values" (numbers);
        `mlgates.predictions.outcomes.Outcomes` explains all kinds. The kind "given" is for metrics
        that the user has written as a function. It leaves labels and predictions as they were
        given. With this kind, ``scores=True`` reads scores instead of predictions.

        With ``production=True``, the predictions or scores are those of the production model. If a
        `label` is given, there are only two classes: this label and "all other labels". With
        ``uses_labels=False``, `y_true` may be absent. EvidenceError is raised if a value is
        invalid.

        Examples
        --------
        >>> Evidence({"y_true": ["a", "b"], "y_pred": ["a", "a"]}).outcomes("labels").classes
        ('a', 'b')
        """
        uses_labels |= "y_true" in self
        options = {"production": production, "scores": scores, "uses_labels": uses_labels}
        make = partial(outcomes_of, self, need, **options, label=label)
        return self.cached("outcomes", (need, label, *options.values()), make)

    def slices(self, by: Any, max_groups: int = MAX_GROUPS) -> tuple[Slice, ...]:
        """Return slices, which are named subsets of the rows.

        `by` defines the slices. It is the name of a column of `X` or `data`, several such names, or
        a mapping from names of slices to conditions. Columns define one slice for each combination
        of their values. EvidenceError is raised if columns define more than `max_groups` slices.

        Examples
        --------
        >>> slices = Evidence({"data": {"sex": ["m", "f", None]}}).slices("sex")
        >>> [(part.name, part.rows.tolist()) for part in slices][:2]
        [('sex=f', [False, True, False]), ('sex=m', [True, False, False])]
        """
        key = tuple(by.items()) if isinstance(by, Mapping) else by
        key = key if isinstance(key, str) else tuple(key)
        make = partial(slices_of, self, key, max_groups)
        return self.cached("slices", (key, max_groups), make)

    def groups(
        self,
        features: Any = "sensitive_features",
        names: tuple[str, ...] = (),
        by: Any = None,
        max_groups: int = MAX_GROUPS,
    ) -> Groups:
        """Return the groups of rows that have equal values of the sensitive features.

        `features` is the name of the argument of the run that has the features, or a tuple of names
        of columns of `X` or `data`. By default all of these features are used. If `names` are
        given, only the features with these names are used; a name that is not among the features is
        looked up as a column of `X` or `data`.

        `by` divides the rows into strata (subsets that are judged separately); it is the name of a
        column, several names, or a mapping from names of strata to conditions. EvidenceError is
        raised for more than `max_groups` groups or strata.

        Examples
        --------
        >>> Evidence({"sensitive_features": {"sex": [1, 0, 1]}}).groups().names
        ('sex=0', 'sex=1')
        """
        key = features if isinstance(features, str) else tuple(features)
        make = partial(groups_of, self, key, names, by, max_groups)
        return self.cached("groups", (key, names, by, max_groups), make)

    def read_only(self, name: str) -> object:
        """Return an argument of the run as a read-only copy; files are read.

        A table in memory keeps its type. A file or a stream becomes an Arrow table, and the file of
        a baseline becomes a `Baseline`. If the value was given as the name of a column, such as
        ``y_true="label"``, the values of the column are returned. Predictions and scores that were
        not given are computed by the model.
        """
        if name in ALIGNED:
            return row_argument(self, name)
        given = self[name]
        if name == "reference" and self._stored:
            return self.reference()
        if name in TABLES:
            return read_only(self.source(name).whole(), self.title(name))
        is_features = name in NAMES and NAMES[name].kind == "features"
        return read_only(self.in_memory(name) if is_features else given, self.title(name))

    def _argument(self, name: str) -> object:
        """Return a value for an argument of a user's function, see `function_arguments`."""
        is_path = name in TABLES and kind_of(self[name]) == "path"
        if is_path and not (name == "reference" and self._stored):
            return read_only(self[name], self.title(name))
        return self.read_only(name)

    def argument_rows(self, name: str, argument: object) -> int | None:
        """Return the number of rows of an argument of a user's function.

        The result is None if the argument is not a table or an array, for example if it is a model.
        `argument` is the value, and `name` is its evidence name.
        """
        if name in TABLES and kind_of(argument) == "path":
            return self.source(name).rows
        return None if name in ROWLESS else rows_of(argument)

    def function_arguments(self, names: Iterable[str]) -> dict[str, object]:
        """Return the arguments for a user's function, by name, as read-only copies.

        `names` are the names of the parameters of the function. Values that were not given and that
        no model can compute are left out. If `data`, `reference`, `candidate_log` or
        `production_log` was given as a path, the file is not read, and the function gets the path.
        But if this is the file of a stored baseline, the function gets a `Baseline`. The files of
        all other arguments are read, as in `read_only`.

        EvidenceError is raised if values that must have the same rows have different lengths or
        pandas indexes.
        """
        found = {name: self._argument(name) for name in names if self.offers(name)}
        check_rows(found)
        return found


def _no_rows(name: str, columns: object) -> NoReturn:
    """Raise EvidenceError, because a table that was given as a profile has no rows to read."""
    del columns
    raise EvidenceError(
        f"`{name}` is a profile, which has counts and no rows; pass the table itself"
    )


def _checked_counters(given: Iterable[object]) -> dict[Counter, Counter | None]:
    """Check that `given` are counters; return for each the one that replaces it, or None.

    A counter is replaced by one that counts the same and more, if a gate requests that one, too.
    EvidenceError is raised for objects that are no counters.
    """
    counters: dict[Counter, Counter | None] = {}
    for counter in given:
        if not isinstance(counter, Counter):
            got = type(counter).__name__
            raise EvidenceError(
                f"`counts` of a gate must return objects of type Counter, got {got}"
            )
        counters[counter] = counter.subsumed_by
    return counters


def _meant(name: str, known: Iterable[str]) -> str:
    """Return a hint at the known name that an unknown one may mean, or an empty string."""
    return f"; did you mean {ALIASES[name]!r}?" if name in ALIASES else did_you_mean(name, known)
