"""What one run is given, by name: resolved once, shared by all gates."""

import copy
import os
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
)
from contextlib import suppress
from datetime import UTC, date, datetime
from os import PathLike
from typing import Any, TypedDict

import numpy as np
import pyarrow as pa

from mlgates.data.baseline import Baseline
from mlgates.data.containers import is_instance_of
from mlgates.data.counters import Counter
from mlgates.data.profile import Profile
from mlgates.data.reference import Reference
from mlgates.data.source import Source, TableSchema, as_source
from mlgates.errors import EvidenceError
from mlgates.options import did_you_mean, shown

__all__ = ["ROWLESS", "TABLES", "VOCABULARY", "Evidence", "EvidenceNames", "lend", "rows_of"]

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


# what may have a length that counts no rows: an ensemble has that of its members
ROWLESS = frozenset({"model", "production_model", "application", "pos_label", "now"})


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
        self, given: Mapping[str, object], *, also: Iterable[str] = (), n_jobs: int | None = None
    ) -> None:
        known = VOCABULARY.union(also)
        for name in given:
            if name not in known:
                near = did_you_mean(name, known) or f"; known are {', '.join(sorted(known))}"
                msg = f"unknown evidence {name!r}{near}"
                raise EvidenceError(msg)
        self._given = {name: value for name, value in given.items() if value is not None}
        self._counts: dict[str, list[Counts]] = {name: [] for name in TABLES}
        self._kept: dict[tuple[str, str], object] = {}
        self._n_jobs = n_jobs
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
        sources = [self._kept.get(("source", name)) for name in TABLES]
        columns = [source.schema for source in sources if isinstance(source, Source)]
        return VOCABULARY.union(self._given, *columns)

    def request(self, counts: Counts, reference_counts: Counts | None = None) -> None:
        """Ask that what a gate counts be counted when `data` and `reference` are scanned."""
        self._counts["data"].append(counts)
        if reference_counts is not None:
            self._counts["reference"].append(reference_counts)

    def source(self, name: str) -> Source:
        """Return a table's re-openable source; EvidenceError when it is no table."""
        found: Source = self._once("source", name, lambda: as_source(self[name]))
        return found

    def lent(self, name: str) -> object:
        """Return a value as a user's function gets it: shallow copies with read-only arrays.

        A table that lies in memory is of the type given; a file, and a reader that can be read
        only once, is an Arrow table; the file of a baseline is a `Baseline`.
        """
        given = self[name]
        if name == "reference" and _is_stored(given):
            return self.reference()
        if name not in TABLES:
            return lend(given)
        source = self.source(name)
        if source.native is not None:
            return lend(source.native)
        return pa.concat_tables([batch.table for batch in source.batches()])

    def profile(self) -> Profile:
        """Return the profile of `data`, scanned once for all that was requested before."""
        found: Profile = self._once("profile", "data", lambda: self._scan("data"))
        return found

    def reference(self) -> Reference:
        """Return the reference: a baseline or profile as given or loaded, or a table's profile."""
        found: Reference = self._once("profile", "reference", self._scan_reference)
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

    def _once(self, what: str, name: str, make: Callable[[], object]) -> Any:
        if (what, name) not in self._kept:
            try:
                self._kept[what, name] = make()
            except (Exception, SystemExit) as error:  # noqa: BLE001
                self._kept[what, name] = error
        kept = self._kept[what, name]
        if isinstance(kept, BaseException):
            raise kept.with_traceback(None)
        return kept

    def tables(self) -> dict[str, object]:
        """Return what is known of the tables that were read: origin, rows, columns, fingerprint."""
        found: dict[str, object] = {}
        for name in TABLES:
            source, profile = self._kept.get(("source", name)), self._kept.get(("profile", name))
            if source is None and isinstance(profile, Baseline | Profile):
                found[name] = {
                    "origin": type(profile).__name__.lower(),
                    "rows": profile.rows,
                    "columns": len(profile.columns),
                    "fingerprint": profile.fingerprint,
                }
            if isinstance(source, Source):
                known = {
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
                found[name] = known
        return found


def _is_stored(given: object) -> bool:
    """Whether a reference is a profile or a baseline, or the name of a baseline's file."""
    if isinstance(given, str | PathLike):
        return str(os.fspath(given)).endswith(".json")
    return isinstance(given, Baseline | Profile)


def rows_of(value: object) -> int | None:
    """Return how many rows a table or array has; None for what has no rows, such as a model.

    Examples
    --------
    >>> rows_of([1, 2, 3]), rows_of({"x": [1, 2]}), rows_of("label")
    (3, 2, None)
    """
    if isinstance(value, str | bytes):
        return None
    if isinstance(value, Mapping):
        sizes = [rows_of(item) for item in value.values()]
        known = [size for size in sizes if size is not None]
        return min(known, default=None if sizes else 0)  # no columns, no rows
    if isinstance(value, Source):
        return value.rows
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:  # a sparse matrix has a shape, but no length
        return int(shape[0])
    try:
        return len(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def lend(value: Any) -> Any:
    """Return a shallow copy that a user's function can't write through to the caller's data.

    numpy arrays become read-only views, containers of them are copied around such views; what is
    immutable, or no data at all (a model), is returned as it is. Python objects in the cells of an
    array are not copied.

    Raises
    ------
    EvidenceError
        For a generator and whatever else can be read only once: the next gate would find nothing.
    """
    if isinstance(value, Iterator):
        kind = type(value).__name__
        msg = f"got a {kind}, which can be read only once; give a list or an array"
        raise EvidenceError(msg)
    return next((lender(value) for accepts, lender in _LENDERS if accepts(value)), value)


def _lend_array(value: Any) -> Any:
    # a view of a masked array would share its mask
    view = value.copy() if isinstance(value, np.ma.MaskedArray) else value.view()
    view.flags.writeable = False
    return view


def _lend_named(value: Any) -> Any:
    return value._make(map(_lend_item, value)) if hasattr(value, "_make") else value


def _lend_item(item: Any) -> Any:
    plain = type(item) in (int, float, str, bool)  # lists may have millions of these
    return item if plain else lend(item)


def _lend_pandas(value: Any) -> Any:
    import pandas as pd

    def column(series: Any) -> Any:
        # (of objects a copy: pandas 2 can't compare texts that lie in a read-only array)
        if isinstance(series.dtype, np.dtype) and series.dtype != object:
            frozen = lend(series.to_numpy())
            return pd.Series(frozen, index=index, name=series.name, copy=False)
        return series.copy()

    index = value.index.copy()  # shares its labels, but has names of its own
    if type(value) is pd.Series:
        return column(value)
    if type(value) is not pd.DataFrame or not value.columns.is_unique:
        return value.copy()
    lent = pd.DataFrame(
        {name: column(value[name]) for name in value.columns}, index=index, copy=False
    )
    lent.columns = value.columns.copy()
    lent.attrs = dict(value.attrs)
    return lent


def _of(package: str, *kinds: str) -> Callable[[object], bool]:
    return lambda value: any(is_instance_of(value, package, kind) for kind in kinds)


# what is lent, and how; the first that accepts it does
_LENDERS: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (lambda value: isinstance(value, np.ndarray), _lend_array),
    (lambda value: isinstance(value, dict), lambda v: {key: lend(item) for key, item in v.items()}),
    (lambda value: type(value) in (list, tuple), lambda v: type(v)(map(_lend_item, v))),
    (lambda value: isinstance(value, tuple), _lend_named),
    (_of("pandas", "DataFrame", "Series"), _lend_pandas),
    (_of("polars", "DataFrame", "Series"), lambda v: v.clone()),
    # what has no view that can't be written through
    (_of("pandas", "ExtensionArray"), lambda v: v.copy()),
    (_of("scipy", "_spbase"), lambda v: v.copy()),
    (lambda value: isinstance(value, MutableSequence | MutableSet | MutableMapping), copy.copy),
)
