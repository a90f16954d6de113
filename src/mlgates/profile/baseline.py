"""Baseline: a reference kept in a readable file, without a row of it."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import fields as fields_of
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import jsonfile
from mlgates.errors import EvidenceError
from mlgates.jsonfile import fields, items, mapping, number, text, whole
from mlgates.profile.column import ColumnProfile
from mlgates.profile.counters import Distribution
from mlgates.profile.distributions import Ecdf, Frequencies
from mlgates.profile.scan import Profile
from mlgates.profile.sketch import QuantileSketch
from mlgates.tables.field import Field, TableSchema, check_names, is_unicode

__all__ = ["MOST_CATEGORIES", "Baseline", "Reference", "is_identifier"]

FORMAT = "mlgates.baseline"
VERSION = 1
MAX_BYTES = 64 * 2**20
#: A text with more values is no category.
MOST_CATEGORIES = 1_000
#: A longer text is none either.
_LONGEST = 200
_MOST_ROWS = 2**62
_NUMBERS = frozenset({"int", "float", "decimal"})
_CATEGORIES = frozenset({"bool", "string"})
_OTHERS = frozenset({"date", "time", "timestamp", "duration", "binary", "nested", "null"})
_KINDS = _NUMBERS | _CATEGORIES | _OTHERS | {"unreadable"}
_TOP = frozenset({"format", "version", "created", "rows", "fingerprint", "columns", "sha256"})
_COLUMN = frozenset({"field", "counts", "min", "max", "knots", "categories"})
_COUNTS = ("rows", "nulls", "nans", "neg_inf", "pos_inf", "checksum")

_Kept: TypeAlias = QuantileSketch | Frequencies


class Baseline:
    """A reference profile without rows: what drift is measured against, kept in a JSON file.

    Made by `Baseline.from_data` or `Baseline.load`. A numeric column is kept at its order
    statistics ``i / 360``, so that a PSI with bins that divide 360 is the same from the file as
    from the rows, and a KS distance is known to 1/360; a text or bool column by its values and
    their counts, unless they are too many to be categories (more than 1,000, or more than 20 with
    fewer than two rows each) or longer than 200 characters: so names, identifiers and free text are
    not written, save those of 20 rows or fewer, or of two rows each.

    Parameters
    ----------
    rows : int
        Rows of the reference.
    columns : mapping of str to ColumnProfile
        Its columns.
    distributions : mapping of str to QuantileSketch or Frequencies
        Those that were kept.
    fingerprint : str
        SHA-256 of what was scanned of the reference.
    created : str
        When, in ISO form.

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
    ) -> None:
        self.rows = rows
        self.columns: Mapping[str, ColumnProfile] = MappingProxyType(dict(columns))
        self.distributions: Mapping[str, _Kept] = MappingProxyType(dict(distributions))
        self.fingerprint = fingerprint
        self.created = created

    @property
    def schema(self) -> TableSchema:
        """Names and types of the columns."""
        return MappingProxyType({name: known.field for name, known in self.columns.items()})

    @classmethod
    def from_data(cls, data: object, *, n_jobs: int | None = None) -> "Baseline":
        """Return the baseline of a table.

        Parameters
        ----------
        data : table
            Anything that ``data=`` takes.
        n_jobs : int, optional
            Threads for the scan.

        Raises
        ------
        EvidenceError
            When it is no table, or has no rows or no value at all: nothing can be measured against
            nothing.
        """
        profile = data if isinstance(data, Profile) else Profile.of(data, n_jobs=n_jobs)
        if not any(known.valid for known in profile.columns.values()):
            none = "no value" if profile.rows else "no rows"
            msg = f"Baseline.from_data: the table has {none}"
            raise EvidenceError(msg)
        kept: dict[str, _Kept] = {}
        for name, known in profile.columns.items():
            if known.field.kind in _NUMBERS | _CATEGORIES:
                if Distribution(name) not in profile:
                    msg = f"Baseline.from_data: the profile has no distribution of {name!r}"
                    raise EvidenceError(msg)
                found = profile[Distribution(name)]
                if isinstance(found, Ecdf):
                    kept[name] = QuantileSketch.of(found)
                elif not is_identifier(found):
                    kept[name] = found
        created = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(profile.rows, profile.columns, kept, profile.fingerprint, created)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the baseline as JSON, whole or not at all.

        Parameters
        ----------
        path : str or Path
            The file; one that is there is replaced in one step.

        Raises
        ------
        OSError
            When it can't be written; the old file is then as it was.
        EvidenceError
            When the file would be larger than `load` reads, 64 MiB: some 4,000 columns of numbers.
        """
        body = self._body()
        lines = {key: json.dumps(value, allow_nan=False) for key, value in body.items()}
        # A line a key, and a line a column.
        columns = [f"  {json.dumps(column, allow_nan=False)}" for column in body["columns"]]
        lines["columns"] = "[\n" + ",\n".join(columns) + "\n ]"
        lines["sha256"] = json.dumps(_digest(body))
        text_of = ",\n".join(f" {json.dumps(key)}: {line}" for key, line in lines.items())
        written = f"{{\n{text_of}\n}}\n"
        if len(written) > MAX_BYTES:
            msg = f"the baseline has {len(written):,} bytes; at most {MAX_BYTES:,} are read again"
            raise EvidenceError(msg)
        jsonfile.write_atomic(path, written)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Baseline":
        """Return the baseline that `save` wrote.

        Raises
        ------
        EvidenceError
            When the file is absent, larger than 64 MiB, not strict JSON, of a newer version,
            changed since it was written (the SHA-256 shows accidents, it is no protection from an
            attacker), or describes what no table can be.
        """
        data = jsonfile.read(path, max_bytes=MAX_BYTES)
        try:
            return cls._from_dict(data)
        except (EvidenceError, RecursionError) as error:
            why = "nested too deeply" if isinstance(error, RecursionError) else error
            msg = f"{os.fspath(path)}: {why}"
            raise EvidenceError(msg) from error

    def _body(self) -> dict[str, Any]:
        """Return what the file holds, save its SHA-256."""
        columns = []
        for name, known in self.columns.items():
            kept = self.distributions.get(name)
            counts = None
            if isinstance(kept, Frequencies):
                counts = {"values": kept.values.to_pylist(), "counts": kept.counts.tolist()}
            columns.append(
                {
                    "field": {f.name: getattr(known.field, f.name) for f in fields_of(Field)},
                    "counts": {key: getattr(known, key) for key in _COUNTS},
                    "min": _extreme(known.min),
                    "max": _extreme(known.max),
                    "knots": kept.to_dict() if isinstance(kept, QuantileSketch) else None,
                    "categories": counts,
                }
            )
        body = {
            "format": FORMAT,
            "version": VERSION,
            "created": self.created,
            "rows": self.rows,
            "fingerprint": self.fingerprint,
            "columns": columns,
        }
        return mapping(jsonfile.plain(body), "baseline")  # type: ignore[return-value]

    @classmethod
    def _from_dict(cls, data: object) -> "Baseline":
        found = mapping(data, "baseline")
        if found.get("format") != FORMAT:
            msg = f"`format` must be {FORMAT!r}, got {found.get('format')!r}"
            raise EvidenceError(msg)
        if repr(found.get("version")) != str(VERSION):  # neither true nor 1.0
            msg = f"this mlgates reads version {VERSION}, got {found.get('version')!r}"
            raise EvidenceError(msg)
        found = fields(found, _TOP, "baseline")
        body = {key: value for key, value in found.items() if key != "sha256"}
        if found["sha256"] != _digest(body):
            msg = "the SHA-256 does not fit: the file was changed after it was written"
            raise EvidenceError(msg)
        names: list[str] = []
        columns, kept = {}, {}
        for item in items(found["columns"], "columns"):
            known, distribution = _read_column(item)
            name = known.field.name
            names.append(name)
            columns[name] = known
            if distribution is not None:
                kept[name] = distribution
        check_names(names)
        rows = whole(found["rows"], "rows")
        if rows < 1 or any(known.rows != rows for known in columns.values()):
            msg = f"`rows` must be the number of rows of each column, got {found['rows']!r}"
            raise EvidenceError(msg)
        texts = (text(found[key], key) for key in ("fingerprint", "created"))
        return cls(rows, columns, kept, *texts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Baseline):
            return NotImplemented
        ours, theirs = self._body(), other._body()
        return {**ours, "created": ""} == {**theirs, "created": ""}

    def __reduce__(self) -> tuple[object, ...]:
        kept = dict(self.columns), dict(self.distributions)
        return Baseline, (self.rows, *kept, self.fingerprint, self.created)

    def __repr__(self) -> str:
        return f"Baseline({self.rows:,} rows, {len(self.columns)} columns, created {self.created})"


#: What data are compared with.
Reference = Profile | Baseline


def is_identifier(frequencies: Frequencies) -> bool:
    """Whether a column's values are too many to be categories: identifiers, names, free text.

    More than 1,000 of them, or more than 20 of which most stand once; or one that is longer than
    200 characters.

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


def _digest(body: Mapping[str, object]) -> str:
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _extreme(value: Any) -> object:
    """Return a smallest or largest value as JSON carries it; decimals as doubles."""
    if isinstance(value, bool):
        return int(value)
    return float(value) if isinstance(value, Decimal) else value


def _read_column(data: object) -> tuple[ColumnProfile, _Kept | None]:
    found = fields(data, _COLUMN, "column")
    given = fields(found["field"], frozenset(f.name for f in fields_of(Field)), "field")
    texts = {
        key: None if given[key] is None else text(given[key], key)
        for key in given
        if key != "encoded"
    }
    named = texts["name"] is not None and texts["type"] is not None
    if not named or texts["kind"] not in _KINDS or not isinstance(given["encoded"], bool):
        msg = f"no field of a table: {dict(given)!r}"
        raise EvidenceError(msg)
    field = Field(**texts, encoded=given["encoded"])  # type: ignore[arg-type]
    try:
        counts = fields(found["counts"], frozenset(_COUNTS), "counts")
        sizes = {key: whole(counts[key], key) for key in _COUNTS}
        extremes = {key: number(found[key]) for key in ("min", "max")}
        known = ColumnProfile(field, **sizes, **extremes)  # type: ignore[arg-type]
        return known, _read_distribution(found, known)
    except EvidenceError as error:
        msg = f"column {field.name!r}: {error}"
        raise EvidenceError(msg) from error


def _read_distribution(found: Mapping[str, object], known: ColumnProfile) -> _Kept | None:
    if known.infinite > known.valid:
        msg = "more cells are missing or infinite than there are rows"
        raise EvidenceError(msg)
    kept: _Kept | None = None
    fits = True
    if found["knots"] is not None:
        kept = QuantileSketch.from_dict(found["knots"])
        infinite = known.neg_inf, known.pos_inf
        fits = known.field.kind in _NUMBERS and kept.ends == (known.valid, *infinite)
    elif found["categories"] is not None:
        kept = _read_categories(found["categories"], known.field.kind)
        fits = known.field.kind in _CATEGORIES and kept.n == known.valid
    if not fits or (found["knots"] and found["categories"]):
        msg = "the distribution does not fit the counts of the column"
        raise EvidenceError(msg)
    return kept


def _read_categories(data: object, kind: str) -> Frequencies:
    found = fields(data, frozenset({"values", "counts"}), "categories")
    values, counts = items(found["values"], "values"), items(found["counts"], "counts")
    wanted = bool if kind == "bool" else str
    sizes = [whole(count, "counts") for count in counts]
    if (
        len(values) != len(sizes)
        or not all(isinstance(value, wanted) and is_unicode(str(value)) for value in values)
        or len(set(values)) < len(values)
        or not all(0 < size <= _MOST_ROWS for size in sizes)
    ):
        msg = "categories must be values that differ, each with a count above 0"
        raise EvidenceError(msg)
    type_ = pa.bool_() if kind == "bool" else pa.large_string()
    return Frequencies.counted(pa.array(values, type_), np.array(sizes, dtype=np.int64))
