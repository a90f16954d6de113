"""Join the logs of two models by the ids of the requests, and read the columns to compare."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import Near, Part, parts_of, slice_names
from mlgates.predictions.groups import too_many_groups
from mlgates.predictions.numbers import seconds_of
from mlgates.profile.column import ColumnView
from mlgates.profile.counter import BatchView
from mlgates.profile.groups import columns_of, group_keys
from mlgates.profile.keys import KeyCounter, KeyHashes
from mlgates.stats.arrays import Counts, Floats, Mask
from mlgates.tables import encoding
from mlgates.tables.columns import NUMBERS, Column
from mlgates.tables.field import Field, TableSchema, stored_kind
from mlgates.tables.hashing import row_hashes

LOGS = ("candidate_log", "production_log")


@dataclass(frozen=True, eq=False)
class Answers:
    """The answers of one model to the requests that are in the logs of both models.

    `columns` maps the name of an option of `Shadow`, such as ``"prediction"``, to the column that
    the option names. `failed` says which requests have no answer, because there was an error or the
    prediction is missing. Both are in the order of the candidate's log, as in `Requests`, even if
    the answers are those of production. `order` is a permutation: ``failed[order]`` is in the order
    of the log of the model that gave the answers.
    """

    columns: Mapping[str, Column]
    failed: Mask
    order: Counts

    def seconds(self) -> Floats:
        """Return the latencies in seconds, in the order of the log of this model.

        A request without an answer has an infinite latency.
        """
        found = np.full(len(self.failed), np.inf)
        found[~self.failed] = seconds_of(taken(self.columns["latency"], ~self.failed))
        return found[self.order]


@dataclass(frozen=True, eq=False)
class Requests:
    """The requests that are in both logs, in the order of the candidate's log.

    `rows` has the numbers of rows of the two logs: candidate, production. `slices` has the name of
    each slice and a mask of its requests, or the exception that its condition raised. Without
    slices, it has one item for all requests, whose name is None.
    """

    candidate: Answers
    production: Answers
    rows: tuple[int, int]
    slices: tuple[tuple[str | None, Mask | BaseException], ...]

    @property
    def n(self) -> int:
        """The number of requests that are in both logs."""
        return len(self.candidate.failed)

    @property
    def unmatched(self) -> tuple[int, int]:
        """The number of requests only in the candidate's log, and only in production's log."""
        return self.rows[0] - self.n, self.rows[1] - self.n


def read_requests(
    evidence: Evidence,
    on: str,
    *,
    candidate: Mapping[str, str],
    production: Mapping[str, str],
    by: Any,
    max_groups: int,
) -> Requests:
    """Join both logs by the column `on`, and return the requests that are in both.

    `candidate` and `production` map the names of options, such as ``"prediction"``, to the columns
    to read from each log. `by` defines the slices, as in `Shadow`, and `max_groups` is their
    largest number.

    Raises
    ------
    EvidenceError
        If a column is not in a log or can't be read, if ids are missing or repeated, if the ids of
        the two logs have different types, or if there are more than `max_groups` slices.
    """
    schemas = [evidence.source(log).schema for log in LOGS]
    for log, schema, names in zip(LOGS, schemas, (candidate, production), strict=True):
        _require((on, *names.values()), log, schema)
    parts = list(parts_of(by, schemas[1])) if by else []
    wanted = (candidate.values(), [*production.values(), *_read_by(parts, schemas[1])])
    tables = [
        evidence.source(log).arrow(dict.fromkeys([on, *names]))
        for log, names in zip(LOGS, wanted, strict=True)
    ]
    ids = [_column(evidence, log, on, table) for log, table in zip(LOGS, tables, strict=True)]
    keys = [_keys(log, on, column) for log, column in zip(LOGS, ids, strict=True)]
    if all(column.rows for column in ids):
        _check_comparable(f"the ids in `{on}`", *ids)
    matched = keys[0].shared_with(keys[1])
    sides = []
    for log, table, names, rows in zip(LOGS, tables, (candidate, production), matched, strict=True):
        columns = {
            option: taken(_column(evidence, log, name, table), rows)
            for option, name in names.items()
        }
        failed = missing_in(columns["prediction"])
        if "error" in columns:
            failed |= _errors(columns["error"])
        sides.append(Answers(columns, failed, np.argsort(rows, kind="stable")))
    slices: list[tuple[str | None, Mask | BaseException]] = []
    for part in parts:
        slices += _slices(part, tables[1], schemas[1], matched[1], max_groups)
    # columns of a log without rows make no slices
    everything = ((None, np.ones(len(matched[0]), np.bool_)),)
    sizes = (ids[0].rows, ids[1].rows)
    return Requests(sides[0], sides[1], sizes, tuple(slices) or everything)


def _require(names: Iterable[str], log: str, schema: TableSchema) -> None:
    """Raise EvidenceError, with a hint, if a column is not in a log."""
    for name in names:
        if name not in schema:
            raise EvidenceError(
                f"column `{name}` is not in `{log}`{Near([name], schema).hint(name)}"
            )


def _read_by(parts: Iterable[Part], schema: TableSchema) -> Iterator[str]:
    """Yield the columns from which slices are made, except those that are not in the log."""
    for part in parts:
        names = columns_of(part.slice[1], part.read) if part.slice else part.by
        yield from (name for name in names if name in schema)


def _column(evidence: Evidence, log: str, name: str, table: pa.Table) -> Column:
    """Return a column of a log; raise EvidenceError if it can't be read."""
    field: Field = evidence.source(log).schema[name]
    title = f"column {name!r} of `{log}`"
    if field.kind in ("unreadable", "nested"):
        problem = field.problem or f"column {name!r} is nested; give one value per row"
        raise EvidenceError(f"`{log}`: {problem}")
    array = encoding.decode(table[name])
    return Column(title, len(array), None, array, replace(field, kind=stored_kind(field, array)))


def taken(column: Column, rows: Counts | Mask) -> Column:
    """Return the given rows of a column; `rows` has row numbers or is a mask."""
    numbers = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    if len(numbers) == column.rows and np.array_equal(numbers, np.arange(column.rows)):
        return column
    # (taking from many chunks is slow)
    array = (
        pa.chunked_array([pa.concat_arrays(column.array.chunks)]) if column.rows else column.array
    )
    return replace(column, rows=len(numbers), array=array.take(pa.array(numbers)))


def _keys(log: str, on: str, ids: Column) -> KeyHashes:
    """Return the hashes of the ids of a log; raise EvidenceError if ids are missing or repeated."""
    keys = KeyCounter((on,)).count(BatchView({on: ColumnView(ids.array, ids.field)}))
    if keys.missing:
        first = int(np.flatnonzero(missing_in(ids))[0])
        has = "has no id" if keys.missing == 1 else "have no id"
        rows = f"{keys.missing:,} of {ids.rows:,} rows"
        raise EvidenceError(f"{rows} of `{log}` {has} in `{on}`, the first is row {first:,}")
    if keys.count:
        repeats = "row repeats" if keys.count == 1 else "rows repeat"
        msg = f"{keys.count:,} {repeats} the `{on}` of an earlier row of `{log}`, the first is row "
        msg += f"{keys.rows[0]:,}; keep one row per request, for example the last try of each"
        raise EvidenceError(msg)
    return keys


def missing_in(column: Column) -> Mask:
    """Return a mask of the rows of a column that have no value."""
    return np.zeros(column.rows, np.bool_) if column.missing is None else column.missing.copy()


def _family(field: Field) -> str:
    """Return the kind of a column's values; columns of the same kind can be compared."""
    if field.kind in NUMBERS:
        return "bools" if field.kind == "bool" else "numbers"
    if field.kind in ("date", "timestamp"):
        return "times with a time zone" if field.zone else "times without a time zone"
    return {"string": "strings"}.get(field.kind, f"values of kind {field.kind}")


def _check_comparable(subject: str, one: Column, other: Column) -> None:
    """Raise EvidenceError if the types of two columns are such that no values can be equal.

    `subject` names the columns in the error.
    """
    families = _family(one.field), _family(other.field)
    if "null" in (one.field.kind, other.field.kind) or families[0] == families[1]:
        return
    ours, theirs = (f"{family} in `{log}`" for family, log in zip(families, LOGS, strict=True))
    msg = f"{subject} are {ours}, but {theirs}: convert one log to the type of the other"
    if "strings" in families:
        msg += ", for example numbers to strings by .astype(str)"
    raise EvidenceError(msg)


def _errors(column: Column) -> Mask:
    """Return a mask of the rows with an error.

    These are the rows with true in a column of bools. In a column of strings, they are those with a
    string that is neither missing nor blank.
    """
    missing = missing_in(column)
    if column.field.kind == "null":
        return ~missing
    if column.field.kind == "string":
        filled = pc.fill_null(pc.utf8_trim_whitespace(column.array), "")
        return encoding.to_numpy(pc.not_equal(filled, "")).astype(np.bool_)
    if column.field.kind != "bool":
        msg = f"{column.title} has type {column.field.type_name}, expected bools, or strings "
        msg += (
            "with the error (missing or empty if there was none); convert status codes to bools, "
        )
        msg += "for example by status >= 500"
        raise EvidenceError(msg)
    if count := int(np.count_nonzero(missing)):
        are = "is" if count == 1 else "are"
        msg = f"{count:,} of {column.rows:,} values of {column.title} {are} missing; write false "
        msg += "where there was no error"
        raise EvidenceError(msg)
    return encoding.to_numpy(column.array).astype(np.bool_)


def _slices(
    part: Part, table: pa.Table, schema: TableSchema, matched: Counts, max_groups: int
) -> Iterator[tuple[str | None, Mask | BaseException]]:
    """Yield the name of each slice of production's log, and a mask of its requests.

    The mask has one bool for each request that is in both logs (`matched`). Slices without such a
    request are yielded, too. If a condition raises, the exception is yielded in place of the mask.
    """
    with suppress_errors() as caught:  # the other slices are still judged
        read = columns_of(part.slice[1], part.read) if part.slice else part.by
        _require(read, LOGS[1], schema)
        views = {name: ColumnView(table[name], schema[name]) for name in read}
        batch = BatchView(views, table, len(table))
        numbers, keys = group_keys(batch, part.by, part.slice, part.read)
        if len(keys) > max_groups:
            raise EvidenceError(too_many_groups("`by`", len(keys), max_groups))
    if caught.error is not None:
        yield part.name, caught.error
        return
    names = [part.name] if part.slice else slice_names(part.by, keys)
    of_request = numbers[matched]
    for number, name in enumerate(names):
        yield name, of_request == number


def same_answers(candidate: Answers, production: Answers, rtol: float) -> Mask:
    """Return a mask of the requests to which both models gave the same answer.

    If `rtol` is above 0 and the answers of at least one model are floats or decimals, two answers
    are the same if they differ by at most the share `rtol` of the larger one. Otherwise they must
    be equal. Numbers of different types can be equal: 1 equals 1.0.
    """
    one, other = (side.columns["prediction"] for side in (candidate, production))
    both = ~candidate.failed & ~production.failed
    if not both.any():
        return both
    _check_comparable("the predictions", one, other)
    if rtol and {"float", "decimal"} & {one.field.kind, other.field.kind}:
        a, b = one.floats, other.floats
        with np.errstate(invalid="ignore", over="ignore"):
            gap = np.abs(a - b)
            near = (a == b) | (np.isfinite(gap) & (gap <= rtol * np.maximum(abs(a), abs(b))))
    else:
        ours, theirs = (row_hashes([(column.array, column.field)]) for column in (one, other))
        near = (ours == theirs).all(axis=0)
    same: Mask = both & near
    return same
