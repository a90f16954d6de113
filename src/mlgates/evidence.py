"""What one run is given, by name: resolved once, shared by all gates."""

import os
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from os import PathLike
from types import TracebackType
from typing import Any, TypedDict, TypeVar

import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.options import did_you_mean, shown
from mlgates.predictions.arguments import OF_ROWS, check_rows, row_argument
from mlgates.predictions.groups import Groups, Slice, groups_of, slices_of
from mlgates.predictions.models import offers
from mlgates.predictions.outcomes import Need, Outcomes, outcomes_of
from mlgates.profile.baseline import Baseline
from mlgates.profile.counters import Counter
from mlgates.profile.reference import Reference
from mlgates.profile.scan import Profile
from mlgates.tables.read_only import lend, rows_of
from mlgates.tables.source import Source, TableSchema, as_source
from mlgates.tables.threads import MANY_ROWS, each, threads_for

__all__ = ["ROWLESS", "TABLES", "VOCABULARY", "Evidence", "EvidenceNames", "lend", "rows_of"]

T = TypeVar("T")
R = TypeVar("R")
Counts = Callable[[TableSchema], Iterable[Counter]]


class EvidenceNames(TypedDict, total=False):
    """The whole vocabulary of a run; None means not given."""

    data: object
    reference: object
    X: object
    y_true: object
    y_pred: object
    y_score: object
    production_pred: object
    production_score: object
    model: object
    production_model: object
    sensitive_features: object
    sample_weight: object
    pos_label: object
    latencies: object
    production_latencies: object
    golden_X: object
    golden_pred: object
    application: object
    now: datetime | None


VOCABULARY = frozenset(EvidenceNames.__annotations__)
TABLES = ("data", "reference")

# what other libraries call it
_ALSO = {
    "baseline": "reference",
    "candidate": "model",
    "champion": "production_model",
    "df": "data",
    "estimator": "model",
    "predictions": "y_pred",
    "sensitive": "sensitive_features",
    "table": "data",
    "target": "y_true",
    "weights": "sample_weight",
    "y": "y_true",
    "y_proba": "y_score",
    "y_prob": "y_score",
    "y_test": "y_true",
}


# what may have a length that counts no rows: an ensemble has that of its members
ROWLESS = frozenset({"model", "production_model", "application", "pos_label", "now"})


@dataclass(frozen=True, slots=True)
class _Made:
    """A cached value, or the exception raised in its place with its traceback."""

    value: Any
    error: BaseException | None = None
    traceback: TracebackType | None = None


class Evidence:
    """What a run was given, with every table read at most once.

    Parameters
    ----------
    given : Mapping
        Values by name; None counts as not given.
    also : iterable of str
        Names beyond the vocabulary that function gates ask for.
    n_jobs : int, optional
        Threads for scanning a table; by default as many as there are processors, for large tables.
    progress : bool
        Whether a gate that takes long shows how far it is.

    Raises
    ------
    EvidenceError
        For a name that nothing asks for and the vocabulary lacks. Wrong values never raise here.

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
    ) -> None:
        known = VOCABULARY.union(also)
        for name in given:
            if name not in known:
                msg = f"unknown evidence {name!r}{_near(name, known)}"
                raise EvidenceError(msg)
        self._given = {name: value for name, value in given.items() if value is not None}
        self._counts: dict[str, list[Counts]] = {name: [] for name in TABLES}
        self._requests: list[object] = []
        self._cache: dict[tuple[str, Hashable], _Made] = {}
        self._asked = frozenset(also)
        self._n_jobs = n_jobs
        self.progress = progress
        self._clock = datetime.now(UTC)

    def __contains__(self, name: str) -> bool:
        return name in self._given

    def __getitem__(self, name: str) -> object:
        """Return a value as it was given; EvidenceError when it was not."""
        if name not in self._given:
            msg = f"`{name}` was not given"
            raise EvidenceError(msg)
        return self._given[name]

    @property
    def now(self) -> datetime:
        """The moment of the run, aware; EvidenceError when a naive or another value was given."""
        now = self._given.get("now", self._clock)
        # a moment within a day of the first or the last year has no UTC; a zone can raise anything
        with suppress(Exception):
            if isinstance(now, datetime) and now.utcoffset() is not None:
                return now.astimezone(UTC)
        got = shown(now) if isinstance(now, date | float | int | str) else type(now).__name__
        example = "such as datetime.now(timezone.utc)"
        msg = f"`now` must be an aware datetime, {example}, got {got}"
        raise EvidenceError(msg)

    @property
    def known(self) -> frozenset[str]:
        """Names that a message may show: of evidence, and of columns of tables that were read."""
        sources = [self._made("source", name) for name in ("X", *TABLES)]
        columns = [source.schema for source in sources if source is not None]
        named = self._made("names", "X") or ()
        return VOCABULARY.union(self._given, named, *columns)

    def offers(self, name: str) -> bool:
        """Whether a value was given, or can be asked of a model that was."""
        return offers(self, name)

    def lacking(self, missing: Iterable[str]) -> str:
        """Return that names were not given, and what was given that may have been meant.

        Examples
        --------
        >>> Evidence({"X": {"x": [1.0]}}).lacking(["data"])
        'needs `data`, which the run was not given; `X` was: give that table as `data`'
        """
        names = list(missing)
        said = f"needs {' and '.join(f'`{n}`' for n in names)}, which the run was not given"
        other = {"data": "X", "X": "data"}
        for name in names:
            if name not in VOCABULARY:  # what a function gate calls its parameter
                near = _meant(name, VOCABULARY.union(self._given))
                given = ", ".join(f"`{n}`" for n in sorted(self._given)) or "nothing"
                return f"{said}{near}; parameters name evidence (given: {given})"
            if name in other and other[name] in self._given:
                return f"{said}; `{other[name]}` was: give that table as `{name}`"
        return said

    def request(self, counts: Counts, reference_counts: Counts | None = None) -> None:
        """Ask that what a gate counts be counted when `data` and `reference` are scanned."""
        self._counts["data"].append(counts)
        if reference_counts is not None:
            self._counts["reference"].append(reference_counts)

    def register(self, request: object) -> None:
        """Keep a request that the gates of a run share, such as what they need of a column."""
        self._requests.append(request)

    def registered(self, kind: type[T]) -> tuple[T, ...]:
        """Return the requests of a type, in the order in which gates registered them."""
        return tuple(request for request in self._requests if isinstance(request, kind))

    def source(self, name: str) -> Source:
        """Return a table's re-openable source; EvidenceError when it is no table."""
        found: Source = self.cached("source", name, lambda: as_source(self[name]))
        return found

    def read_only(self, name: str) -> object:
        """Return a value as a user's function gets it: shallow copies with read-only arrays.

        A table that lies in memory is of the type given; a file, and a reader that can be read
        only once, is an Arrow table; the file of a baseline is a `Baseline`. Names of columns are
        looked up, and predictions and scores that were not given are asked of the model.
        """
        if name in OF_ROWS:
            return row_argument(self, name)
        given = self[name]
        if name == "reference" and _is_stored(given):
            return self.reference()
        if name not in TABLES:
            return lend(given)
        source = self.source(name)
        if source.native is not None:
            return lend(source.native)
        return pa.concat_tables([batch.table for batch in source.batches()])

    def outcomes(self, need: Need, *, production: bool = False, scores: bool = False) -> Outcomes:
        """Return labels beside the predictions or scores of a model, aligned and checked.

        Parameters
        ----------
        need : {"labels", "scores", "probabilities", "values", "given"}
            What the arrays are to hold.
        production : bool
            Whether of the model in production.
        scores : bool
            For ``"given"``: scores in the place of predictions.

        Raises
        ------
        EvidenceError
            For whatever is wrong with the evidence, with what to do.

        Examples
        --------
        >>> Evidence({"y_true": ["a", "b"], "y_pred": ["a", "a"]}).outcomes("labels").classes
        ('a', 'b')
        """
        key = (need, production, scores)
        found: Outcomes = self.cached(
            "outcomes",
            key,
            lambda: outcomes_of(self, need, production=production, scores=scores),
        )
        return found

    def slices(self, by: Any) -> tuple[Slice, ...]:
        """Return the slices that columns of `X` or `data`, or conditions, make of the rows.

        Examples
        --------
        >>> slices = Evidence({"data": {"sex": ["m", "f", None]}}).slices("sex")
        >>> [(part.name, part.rows.tolist()) for part in slices][:2]
        [('sex=f', [False, True, False]), ('sex=m', [True, False, False])]
        """
        key = tuple(by.items()) if isinstance(by, Mapping) else by
        key = key if isinstance(key, str) else tuple(key)
        found: tuple[Slice, ...] = self.cached("slices", key, lambda: slices_of(self, key))
        return found

    def groups(self, features: Any = "sensitive_features") -> Groups:
        """Return the groups that sensitive features make of the rows.

        Examples
        --------
        >>> Evidence({"sensitive_features": {"sex": [1, 0, 1]}}).groups().names
        ('sex=0', 'sex=1')
        """
        key = features if isinstance(features, str) else tuple(features)
        found: Groups = self.cached("groups", key, lambda: groups_of(self, key))
        return found

    def function_arguments(self, names: Iterable[str]) -> dict[str, object]:
        """Return values as a user's function gets them, those that there are, of the same rows.

        Raises
        ------
        EvidenceError
            When what must be of the same rows differs in length, or in its pandas indexes.
        """
        found = {name: self.read_only(name) for name in names if self.offers(name)}
        check_rows(found)
        return found

    def profile(self) -> Profile:
        """Return the profile of `data`, scanned once for all that was requested before."""
        found: Profile = self.cached("profile", "data", lambda: self._scan("data"))
        return found

    def reference(self) -> Reference:
        """Return the reference: a baseline or profile as given or loaded, or a table's profile."""
        found: Reference = self.cached("profile", "reference", self._scan_reference)
        return found

    def _scan_reference(self) -> Reference:
        given = self["reference"]
        if isinstance(given, Baseline | Profile):
            return given
        if _is_stored(given):
            return Baseline.load(given)  # type: ignore[arg-type]
        return self._scan("reference")

    def _scan(self, name: str) -> Profile:
        source = self.source(name)
        wanted: dict[Counter, None] = {}
        read: set[str] = set()
        for counts in self._counts[name]:
            # a gate that can't say what it counts says so itself when it reads it; the others go on
            with suppress(Exception, SystemExit):
                asked = tuple(counts(source.schema))
                read.update(name for counter in asked for name in counter.columns)
                if not asked and name == "data":  # it uses the table in a way that no counter tells
                    read.update(source.schema)
                wanted |= dict.fromkeys(asked)
        # what can be read off another counter's state is not counted again
        wanted = {c: None for c in wanted if getattr(c, "finer", None) not in wanted}
        columns = [name for name in source.schema if name in read]
        return Profile.of(source, wanted, columns=columns, n_jobs=self._n_jobs)

    def each(self, do: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """Return what a function gives of each item, over threads where a table is large.

        (Against a stored baseline little is left to do once the data are scanned.)

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

    def cached(self, what: str, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what `make` gave the first time for this key, or raise what it raised then.

        Parameters
        ----------
        what : str
            The kind of value, such as ``"outcomes"``; one caller and one type for each.
        key : hashable
            All that the value depends on besides the evidence. A key without a hash, such as a
            condition of a class of the user's own, is never kept.
        make : callable
            Makes the value.
        """
        try:
            entry = self._cache.get((what, key))
        except TypeError:
            return make()
        if entry is None:
            try:
                entry = _Made(make())
            except (Exception, SystemExit) as error:  # noqa: BLE001
                entry = _Made(None, error, error.__traceback__)
            self._cache[what, key] = entry
        if entry.error is not None:
            raise entry.error.with_traceback(entry.traceback)  # the first one; it doesn't grow
        return entry.value

    def _made(self, what: str, key: Hashable) -> Any:
        """Return a cached value; None when it was not made or its making raised."""
        entry = self._cache.get((what, key))
        return None if entry is None else entry.value

    def tables(self) -> dict[str, object]:
        """Return what is known of the tables that were read: origin, rows, columns, fingerprint.

        `X` is read for that, where a gate asks for it and it is a table.
        """
        if "X" in self and "X" in self._asked:
            with suppress(Exception, SystemExit):  # a sparse matrix, or a list of texts
                self.cached("profile", "X", lambda: Profile.of(self.source("X"), ()))
        return {name: known for name in (*TABLES, "X") if (known := self._table(name)) is not None}

    def _table(self, name: str) -> dict[str, object] | None:
        source, profile = self._made("source", name), self._made("profile", name)
        if source is None and isinstance(profile, Baseline | Profile):
            return {
                "origin": type(profile).__name__.lower(),
                "rows": profile.rows,
                "columns": len(profile.columns),
                "fingerprint": profile.fingerprint,
            }
        if not isinstance(source, Source):
            return None
        known: dict[str, object] = {
            "origin": source.origin,
            "rows": source.rows,
            "columns": len(source.schema),
        }
        if isinstance(profile, Profile):
            known |= {
                "rows": profile.rows,
                "columns_read": len(profile.columns),
                "fingerprint": profile.fingerprint,
            }
        return known


def _near(name: str, known: Iterable[str]) -> str:
    """Return which name may be meant by one that is not known, or all that are."""
    return _meant(name, known) or f"; known are {', '.join(sorted(known))}"


def _meant(name: str, known: Iterable[str]) -> str:
    """Return which name may be meant by one that is not known; an empty text where none is near."""
    return f"; did you mean {_ALSO[name]!r}?" if name in _ALSO else did_you_mean(name, known)


def _is_stored(given: object) -> bool:
    """Whether a reference is a profile or a baseline, or the name of a baseline's file."""
    if isinstance(given, str | PathLike):
        return str(os.fspath(given)).endswith(".json")
    return isinstance(given, Baseline | Profile)
