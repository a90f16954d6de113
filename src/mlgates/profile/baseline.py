"""Baseline: a summary of the reference table in a JSON file, without the table's rows."""

import hashlib
import json
import math
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial
from types import MappingProxyType
from typing import Any, TypeAlias, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import jsonfile, options
from mlgates.environment import environment
from mlgates.errors import EvidenceError
from mlgates.jsonfile import fields, items, mapping, text, whole
from mlgates.profile.column import ColumnProfile
from mlgates.profile.counters import Distribution
from mlgates.profile.distributions import Ecdf, Frequencies
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import QuantileSketch, number_in_range
from mlgates.redaction import without_secrets
from mlgates.stats.moments import Moments
from mlgates.tables.field import Field, TableSchema, check_names, is_unicode
from mlgates.tables.source import as_source

__all__ = ["MOST_CATEGORIES", "Baseline", "Reference", "is_identifier"]

FORMAT = "mlgates.baseline"
VERSION = 1
MAX_BYTES = 64 * 2**20
#: A string column with more distinct values than this is not categorical.
MOST_CATEGORIES = 1_000
#: A string column with a longer value than this, in characters, is not categorical.
_LONGEST = 200
_MOST_ROWS = 2**62
_MOST_CHECKSUM = 2**64 - 1
_NUMBERS = frozenset({"int", "float", "decimal"})
_CATEGORIES = frozenset({"bool", "string"})
_OTHERS = frozenset({"date", "time", "timestamp", "duration", "binary", "nested", "null"})
_KINDS = _NUMBERS | _CATEGORIES | _OTHERS | {"unreadable"}
_TOP = frozenset({"format", "version", "created", "rows", "fingerprint", "columns", "sha256"})
_OPTIONAL = frozenset({"provenance", "metadata"})
_COLUMN = frozenset({"field", "counts", "min", "max", "knots", "categories"})
#: Matches a sum of numbers, written as a fraction. The denominator of a double has at most 324
#: digits.
_FRACTION = re.compile(r"(-?[0-9]{1,1000})(?:/([1-9][0-9]{0,999}))?", re.ASCII)
_COUNTS = ("rows", "nulls", "nans", "neg_inf", "pos_inf", "checksum")

_Kept: TypeAlias = QuantileSketch | Frequencies


class Baseline:
    """A summary of a reference table, without its rows; it can be saved as a JSON file.

    Create it by `Baseline.from_data` or `Baseline.load`, and give it, or the path of its file, as
    ``reference=`` of a run.

    For each numeric column, the baseline has the quantiles at 0, 1/360, 2/360, ..., 1. If 360 is a
    multiple of the number of bins, a PSI computed from the baseline equals the PSI computed from
    the rows. A KS distance is known to within 1/360.

    For a string or bool column, the baseline has the distinct values and their counts only if the
    column is categorical. A column is categorical if none of its strings has more than 200
    characters and one of two conditions holds: it has at most 20 distinct values; or it has at most
    1,000 distinct values, and each of them occurs in two rows or more on average. Names,
    identifiers and free text are therefore not stored, unless their column is categorical by this
    rule.

    Parameters
    ----------
    rows : int
        Number of rows of the reference.
    columns : mapping of str to ColumnProfile
        Counts, smallest and largest value of each column.
    distributions : mapping of str to QuantileSketch or Frequencies
        Distributions of the numeric and the categorical columns.
    fingerprint : str
        SHA-256 of the profile of the reference.
    created : str
        Time of creation, in ISO 8601 format.
    moments : mapping of str to Moments
        Exact sums and central moments of the numeric columns, without infinite values. Empty if the
        file was written by an older version.
    provenance : mapping of str to object
        Commit, uncommitted changes, versions and platform when the baseline was created. Empty if
        the file was written by an older version.
    metadata : mapping of str to object
        Information that the user gave about the table, such as its version.

    Examples
    --------
    >>> baseline = Baseline.from_data({"age": [31, 44, 27], "sex": ["f", "m", "f"]})
    >>> baseline.rows, baseline.columns["age"].max
    (3, 44)
    """

    def __init__(
        self,
        rows: int,
        columns: Mapping[str, ColumnProfile],
        distributions: Mapping[str, _Kept],
        fingerprint: str,
        created: str,
        *,
        moments: Mapping[str, Moments] = MappingProxyType({}),
        provenance: Mapping[str, object] = MappingProxyType({}),
        metadata: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self.rows = rows
        self.columns: Mapping[str, ColumnProfile] = MappingProxyType(dict(columns))
        self.distributions: Mapping[str, _Kept] = MappingProxyType(dict(distributions))
        self.fingerprint = fingerprint
        self.created = created
        self.moments: Mapping[str, Moments] = MappingProxyType(dict(moments))
        self.provenance: Mapping[str, object] = MappingProxyType(dict(provenance))
        self.metadata: Mapping[str, object] = MappingProxyType(dict(metadata))

    @property
    def schema(self) -> TableSchema:
        """Names and types of the columns of the reference, as a `TableSchema`."""
        return MappingProxyType({name: column.field for name, column in self.columns.items()})

    @classmethod
    def from_data(
        cls,
        data: object,
        *,
        exclude: str | Iterable[str] = (),
        n_jobs: int | None = None,
        metadata: Mapping[str, object] | None = None,
    ) -> "Baseline":
        """Build the baseline of a table.

        Parameters
        ----------
        data : table or Profile
            Any table that ``data=`` of a run takes.
        exclude : str or sequence of str
            Columns to leave out. They are not read, and nothing about them is stored. Default:
            none.
        n_jobs : int, optional
            Number of threads for the scan. By default one for each processor if the table is large.
        metadata : Mapping, optional
            Information about the table to store, such as its version. Keys are names. Values are
            None, bools, numbers, strings, lists and mappings. URLs, e-mail addresses and secrets in
            them are hidden.

        Returns
        -------
        Baseline

        Raises
        ------
        EvidenceError
            If `data` is not a table, has no rows, has only missing values, or lacks a column that
            `exclude` names.
        OptionError
            If `exclude` is not a sequence of different names, or if `metadata` has values of other
            types than those above.
        """
        about = _plain_metadata({} if metadata is None else metadata)
        excluded = options.names("Baseline.from_data", "exclude", exclude)
        source = data if isinstance(data, Profile) else as_source(data)
        for name in excluded:
            if name not in source.schema:
                hint = options.did_you_mean(name, source.schema)
                raise EvidenceError(
                    f"Baseline.from_data: `exclude` has {name!r}, which is not in the table{hint}"
                )
        kept_names = [name for name in source.schema if name not in excluded]
        if isinstance(source, Profile):
            profile = source.select(kept_names)
        else:
            profile = Profile.of(source, columns=kept_names, n_jobs=n_jobs)
        if not any(column.valid for column in profile.columns.values()):
            none = "only missing values" if profile.rows else "no rows"
            none = none if profile.columns else "no columns"
            raise EvidenceError(f"Baseline.from_data: the table must have values, got {none}")
        kept: dict[str, _Kept] = {}
        moments: dict[str, Moments] = {}
        for name, column in profile.columns.items():
            if column.field.kind in _NUMBERS | _CATEGORIES:
                if Distribution(name) not in profile:
                    raise EvidenceError(
                        f"Baseline.from_data: the profile lacks the distribution of column {name!r}"
                    )
                distribution = profile[Distribution(name)]
                if isinstance(distribution, Ecdf):
                    kept[name] = QuantileSketch.of(distribution)
                    values = distribution.values
                    finite = values[column.neg_inf : len(values) - column.pos_inf]
                    moments[name] = Moments.of(finite, squares=True).without_squares()
                elif not is_identifier(distribution):
                    kept[name] = distribution
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(
            profile.rows,
            profile.columns,
            kept,
            profile.fingerprint,
            created,
            moments=moments,
            provenance=environment(),
            metadata=about,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the baseline to a JSON file.

        The file is written completely or not at all.

        Parameters
        ----------
        path : str or Path
            The file. An existing file is replaced in one step.

        Raises
        ------
        OSError
            If the file cannot be written; an existing file is then unchanged.
        EvidenceError
            If the file would be larger than 64 MiB, because `load` refuses such files. 64 MiB are
            enough for some 4,000 columns of numbers.
        """
        body = self._body()
        lines = {key: json.dumps(value, allow_nan=False) for key, value in body.items()}
        # Write one line per key and one per column, so that a diff of two files shows what changed.
        columns = [f"  {json.dumps(column, allow_nan=False)}" for column in body["columns"]]
        lines["columns"] = "[\n" + ",\n".join(columns) + "\n ]"
        lines["sha256"] = json.dumps(_digest(body))
        text_of = ",\n".join(f" {json.dumps(key)}: {line}" for key, line in lines.items())
        written = f"{{\n{text_of}\n}}\n"
        if len(written) > MAX_BYTES:
            raise EvidenceError(
                f"the file of a baseline must have at most {MAX_BYTES:,} bytes, got "
                f"{len(written):,}; leave columns out with `exclude`"
            )
        jsonfile.write_atomic(path, written)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Baseline":
        """Read a baseline from a file that `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file.

        Returns
        -------
        Baseline

        Raises
        ------
        EvidenceError
            If the file does not exist, is larger than 64 MiB, is not strict JSON, is of another
            version, was changed since it was written, or has numbers that no table can have. The
            SHA-256 in the file detects accidental changes. It does not protect from an attacker.
        """
        data = jsonfile.read(path, max_bytes=MAX_BYTES)
        try:
            return cls._from_dict(data)
        except (EvidenceError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else error
            raise EvidenceError(f"{os.fspath(path)}: {why}") from error

    def _body(self) -> dict[str, Any]:
        """Return the contents of the file, without their SHA-256, as JSON values."""
        columns = []
        for name, column in self.columns.items():
            kept = self.distributions.get(name)
            counts = None
            if isinstance(kept, Frequencies):
                counts = {"values": kept.values.to_pylist(), "counts": kept.counts.tolist()}
            columns.append(
                {
                    "field": {f.name: getattr(column.field, f.name) for f in fields_of(Field)},
                    "counts": {key: getattr(column, key) for key in _COUNTS},
                    "min": _to_json_number(column.min),
                    "max": _to_json_number(column.max),
                    "knots": kept.to_dict() if isinstance(kept, QuantileSketch) else None,
                    "categories": counts,
                    "moments": _written_moments(self.moments.get(name)),
                }
            )
        body = {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "rows": self.rows,
            "fingerprint": self.fingerprint,
            **({"provenance": self.provenance} if self.provenance else {}),
            **({"metadata": self.metadata} if self.metadata else {}),
            "columns": columns,
        }
        return mapping(jsonfile.plain(body), "baseline")  # type: ignore[return-value]

    @classmethod
    def _from_dict(cls, data: object) -> "Baseline":
        given = jsonfile.versioned(data, "baseline", FORMAT, VERSION)
        given = fields(given, _TOP, "baseline", _OPTIONAL)
        body = {key: value for key, value in given.items() if key != "sha256"}
        if given["sha256"] != _digest(body):
            raise EvidenceError(
                "the SHA-256 does not match: the file was changed after it was written"
            )
        names: list[str] = []
        columns, kept, moments = {}, {}, {}
        for index, item in enumerate(items(given["columns"], "columns")):
            column, distribution, of_column = _read_column(item, f"columns[{index}]")
            name = column.field.name
            names.append(name)
            columns[name] = column
            if distribution is not None:
                kept[name] = distribution
            if of_column is not None:
                moments[name] = of_column
        check_names(names)
        rows = whole(given["rows"], "rows")
        if rows < 1 or any(column.rows != rows for column in columns.values()):
            raise EvidenceError(
                f"`rows` must equal the number of rows that every column has, got {given['rows']!r}"
            )
        texts = (text(given[key], key) for key in ("fingerprint", "created"))
        return cls(
            rows,
            columns,
            kept,
            *texts,
            moments=moments,
            provenance=mapping(given.get("provenance", {}), "provenance"),
            metadata=mapping(given.get("metadata", {}), "metadata"),
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Baseline):
            return NotImplemented
        ours, theirs = self._body(), other._body()
        apart = dict.fromkeys(("created", "provenance"))
        return {**ours, **apart} == {**theirs, **apart}

    def __reduce__(self) -> tuple[object, ...]:
        kept = dict(self.columns), dict(self.distributions)
        make = partial(
            Baseline,
            moments=dict(self.moments),
            provenance=dict(self.provenance),
            metadata=dict(self.metadata),
        )
        return make, (self.rows, *kept, self.fingerprint, self.created)

    def __repr__(self) -> str:
        return f"Baseline({self.rows:,} rows, {len(self.columns)} columns, created {self.created})"


#: The reference of a comparison.
Reference = Profile | Baseline


def is_identifier(frequencies: Frequencies) -> bool:
    """Return whether the values of a column are identifiers, names or free text, not categories.

    Such values are not stored in a baseline. The result is True in three cases: there are more than
    1,000 distinct values; or there are more than 20 distinct values, and each occurs on average in
    fewer than two rows; or a string has more than 200 characters.

    `frequencies` has the distinct values of the column and their counts.

    Examples
    --------
    >>> is_identifier(Frequencies.of(pa.array(["f", "m", "f"])))
    False
    >>> is_identifier(Frequencies.of(pa.array([f"patient {i}" for i in range(50)])))
    True
    """
    distinct = len(frequencies)
    if distinct > MOST_CATEGORIES or (distinct > 20 and 2 * distinct > frequencies.n):
        return True
    values = frequencies.values
    if not pa.types.is_large_string(values.type):
        return False
    return (pc.max(pc.utf8_length(values)).as_py() or 0) > _LONGEST


def _plain_metadata(given: object) -> Mapping[str, object]:
    """Return metadata as JSON values in which secrets are hidden.

    OptionError is raised for values that are not None, bools, numbers, strings, lists or mappings.
    """
    allowed = "a mapping of names to None, bools, numbers, strings, lists and mappings"
    with suppress(TypeError, RecursionError):
        found = jsonfile.plain(given)
        if isinstance(given, Mapping) and isinstance(found, dict):
            return cast("Mapping[str, object]", jsonfile.plain(without_secrets(found)))
    owner = "Baseline.from_data"
    raise options.refuse(owner, "metadata", allowed, given)


def _digest(body: Mapping[str, object]) -> str:
    """Return the SHA-256 of the contents of a baseline file, written as JSON with sorted keys."""
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _to_json_number(value: Any) -> object:
    """Convert the smallest or the largest value of a column to a JSON number.

    Bools become 0 and 1, and decimals are rounded to doubles. None, for a column without values,
    stays None.
    """
    if isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Decimal) else value


def _read_column(data: object, place: str) -> tuple[ColumnProfile, _Kept | None, Moments | None]:
    """Read the profile, the distribution and the moments of a column from JSON values.

    The distribution and the moments are None if they are not stored. `place` is the place of the
    column in the file, such as "columns[3]", for messages.
    """
    given = fields(data, _COLUMN, place, optional=frozenset({"moments"}))
    field = _read_field(given["field"], f"{place}.field")
    try:
        counts = fields(given["counts"], frozenset(_COUNTS), "counts")
        sizes = {key: _size(counts[key], key) for key in _COUNTS}
        extremes = {key: number_in_range(given[key], key) for key in ("min", "max")}
        column = ColumnProfile(field, **sizes, **extremes)  # type: ignore[arg-type]
        return column, _read_distribution(given, column), _read_moments(given, column)
    except EvidenceError as error:
        raise EvidenceError(f"column {field.name!r}: {error}") from error


def _read_field(data: object, place: str) -> Field:
    """Read the name and type of a column from JSON values.

    `place` is the place of these values in the file, such as "columns[3].field", for messages.
    """
    given = fields(data, frozenset(f.name for f in fields_of(Field)), place)
    name, kind, type_ = (text(given[key], f"{place}.{key}") for key in ("name", "kind", "type"))
    unit, zone, problem = (
        None if given[key] is None else text(given[key], f"{place}.{key}")
        for key in ("unit", "zone", "problem")
    )
    encoded = given["encoded"]
    if kind not in _KINDS:
        raise EvidenceError(
            f"`{place}.kind` must be one of {', '.join(map(repr, sorted(_KINDS)))}, got {kind!r}"
        )
    if not isinstance(encoded, bool):
        raise EvidenceError(f"`{place}.encoded` must be true or false, got {encoded!r}")
    return Field(name, kind, type_, encoded=encoded, unit=unit, zone=zone, problem=problem)


def _size(value: object, name: str) -> int:
    """Read a number of rows, or a checksum, from a JSON value; `name` is its key in the file."""
    size, most = whole(value, name), _MOST_CHECKSUM if name == "checksum" else _MOST_ROWS
    if size > most:
        raise EvidenceError(f"`{name}` must be at most {most:,}, got a larger integer")
    return size


def _read_distribution(given: Mapping[str, object], column: ColumnProfile) -> _Kept | None:
    """Read the distribution of a column from JSON values; None if the column has none."""
    if column.infinite > column.valid:
        raise EvidenceError(
            "`counts` must not have more missing and infinite values than rows, got "
            f"{column.missing + column.infinite:,} such values in {column.rows:,} rows"
        )
    kept: _Kept | None = None
    fits = True
    if given["knots"] is not None:
        kept = QuantileSketch.from_dict(given["knots"])
        infinite = column.neg_inf, column.pos_inf
        fits = column.field.kind in _NUMBERS and kept.ends == (column.valid, *infinite)
    elif given["categories"] is not None:
        kept = _read_categories(given["categories"], column.field.kind)
        fits = column.field.kind in _CATEGORIES and kept.n == column.valid
    if not fits or (given["knots"] and given["categories"]):
        raise EvidenceError("the stored distribution and `counts` have different numbers of values")
    return kept


def _written_moments(moments: Moments | None) -> dict[str, object] | None:
    """Convert moments to JSON values; None if there are none.

    The exact sum becomes a string. Each element of `powers` that is not finite becomes None.
    """
    if moments is None:
        return None
    powers = [power if math.isfinite(power) else None for power in moments.powers]
    return {"sum": str(moments.total), "powers": powers}


def _read_moments(given: Mapping[str, object], column: ColumnProfile) -> Moments | None:
    """Read the moments of a column from JSON values; None if the column has none."""
    if given.get("moments") is None:
        return None
    found = fields(given["moments"], frozenset({"sum", "powers"}), "moments")
    written = _FRACTION.fullmatch(text(found["sum"], "sum"))
    if written is None:
        raise EvidenceError(
            "`sum` must be a string with a whole number or a quotient of two whole numbers, such "
            'as "7" or "7/4", got another string'
        )
    total = Fraction(int(written[1]), int(written[2] or 1))
    powers = [number_in_range(power, "powers") for power in items(found["powers"], "powers")]
    known = tuple(math.nan if power is None else float(power) for power in powers)
    n, low, high = column.valid - column.infinite, column.min, column.max
    fits = column.field.kind in _NUMBERS and len(known) == len(Moments().powers)
    fits &= not any(power < 0 for power in known[::2])
    if n and low is not None and high is not None:
        fits &= low <= total / n <= high
    else:
        fits &= total == 0
    if not fits:
        raise EvidenceError("`moments` do not agree with `counts`, `min` and `max`")
    return Moments(n, total, None, known)


def _read_categories(data: object, kind: str) -> Frequencies:
    """Read how often each value of a string or bool column occurs from JSON values."""
    given = fields(data, frozenset({"values", "counts"}), "categories")
    values, counts = items(given["values"], "values"), items(given["counts"], "counts")
    class_ = bool if kind == "bool" else str
    sizes = [whole(count, "counts") for count in counts]
    if (
        len(values) != len(sizes)
        or not all(isinstance(value, class_) and is_unicode(str(value)) for value in values)
        or len(set(values)) < len(values)
        or not all(0 < size <= _MOST_ROWS for size in sizes)
    ):
        raise EvidenceError("`categories` must have distinct values, each with a count above 0")
    type_ = pa.bool_() if kind == "bool" else pa.large_string()
    return Frequencies.counted(pa.array(values, type_), np.array(sizes, dtype=np.int64))
