"""Which columns of a reference a drift gate can judge, and what all gates need of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from mlgates.evidence import Evidence
from mlgates.gates._shared import Near
from mlgates.profile.baseline import MOST_CATEGORIES, Baseline
from mlgates.profile.distributions import Frequencies
from mlgates.profile.reference import Reference, distribution_of
from mlgates.redaction import describe
from mlgates.tables.field import Field

__all__ = [
    "NUMBERS",
    "Candidates",
    "ColumnRequest",
    "DriftRequest",
    "candidates",
    "content",
    "merged_requests",
]

NUMBERS = frozenset({"int", "float", "decimal"})
_CONTENTS = dict.fromkeys(NUMBERS, "numbers") | {
    "bool": "bools",
    "string": "texts",
    "date": "dates",
    "time": "times of day",
    "timestamp": "timestamps",
    "duration": "durations",
    "binary": "bytes",
    "nested": "nested values",
    "null": "no values",
}
#: Kinds without order and categories: no method can compare them.
_NEVER = frozenset({"nested", "unreadable"})


@dataclass(frozen=True, slots=True)
class DriftRequest:
    """What one drift gate judges: `kinds` of columns that its method serves, among `columns`."""

    method: str
    kinds: frozenset[str]
    columns: tuple[str, ...] | None
    exclude: tuple[str, ...]
    bins: int
    needs_values: bool
    needs_sorted: bool


class ColumnRequest(NamedTuple):
    """What all drift gates of a run together need of one column.

    Attributes
    ----------
    bins : tuple of int
        NumericSample of cells into which the reference is cut, ascending.
    needs_values : bool
        Whether the values of the data are needed, not only their counts in cells.
    needs_sorted : bool
        Whether they are needed sorted.
    """

    bins: tuple[int, ...] = ()
    needs_values: bool = False
    needs_sorted: bool = False


class Candidates(NamedTuple):
    """Columns to judge, refused ones with the reason, and a note on those left out."""

    judged: tuple[str, ...]
    refused: Mapping[str, str]
    note: str


def merged_requests(evidence: Evidence) -> Mapping[str, ColumnRequest]:
    """Return what all drift gates need of each column; first called when all have registered."""

    def merge() -> dict[str, ColumnRequest]:
        merged: dict[str, ColumnRequest] = {}
        for request in evidence.registered(DriftRequest):
            for name in candidates(evidence, request).judged:
                other = merged.get(name, ColumnRequest())
                merged[name] = ColumnRequest(
                    tuple(sorted({*other.bins, request.bins})),
                    other.needs_values or request.needs_values,
                    other.needs_sorted or request.needs_sorted,
                )
        return merged

    columns: Mapping[str, ColumnRequest] = evidence.cached("drift", "requests", merge)
    return columns


def candidates(evidence: Evidence, request: DriftRequest) -> Candidates:
    """Return which columns of the reference a gate judges."""
    key = (request.method, request.columns, request.exclude)
    chosen: Candidates = evidence.cached(
        "candidates", key, lambda: _choose(evidence.reference(), request)
    )
    return chosen


def _choose(reference: Reference, request: DriftRequest) -> Candidates:
    """Sort the columns of a reference into judged, refused and left out.

    Columns that are named in the request are refused where they can't be judged, others left out.
    An excluded name that the reference lacks is refused as a misspelling.
    """
    schema, method, excluded = reference.schema, request.method, request.exclude
    names = tuple(schema) if request.columns is None else request.columns
    near = Near([name for name in (*excluded, *names) if name not in schema], schema)
    judged, left = [], []
    refused = {
        name: f"`{name}` is excluded, but not in the reference{near.hint(name)}"
        for name in excluded
        if name not in schema
    }
    for name in names:
        if name in excluded:
            continue
        field = schema.get(name)
        if field is None:
            refused[name] = f"`{name}` is not in the reference{near.hint(name)}"
            continue
        unserved, problem = "", ""
        if field.kind in _NEVER:
            problem = f"`{name}` can't be judged by {method!r}: it holds {content(field)}"
            problem = field.problem or problem
        elif field.kind not in request.kinds | {"null"}:
            unserved = content(field)
        else:
            side, known = None, reference.columns.get(name)
            try:
                side = distribution_of(reference, name)
            except Exception as error:  # noqa: BLE001  (one bad column is one finding)
                problem = describe(error, {name})
            has_many = isinstance(side, Frequencies) and len(side) > MOST_CATEGORIES
            # A baseline keeps no distribution of so many texts.
            not_kept = side is None and not problem and isinstance(reference, Baseline)
            if field.kind == "string" and (has_many or not_kept):
                unserved = "texts, too many to be categories"
            elif known is not None and known.valid == 0:
                problem = f"`{name}` has no value in the reference"
            elif not problem and (side is None or known is None):
                problem = f"the reference was profiled without the distribution of `{name}`"
        if unserved and request.columns is None:
            left.append(f"`{name}` ({unserved})")
        elif unserved:
            refused[name] = f"`{name}` can't be judged by {method!r}: it holds {unserved}"
        elif problem:
            hint = "; `exclude` leaves it out" if request.columns is None else ""
            refused[name] = f"{problem}{hint}"
        else:
            judged.append(name)
    return Candidates(tuple(judged), refused, f"not judged: {', '.join(left)}" if left else "")


def content(field: Field) -> str:
    """Return what a column holds, in words.

    Examples
    --------
    >>> content(Field("x", "int", "int8")), content(Field("x", "timestamp", "timestamp[us]"))
    ('numbers', 'timestamps')
    """
    return _CONTENTS.get(field.kind, field.type)
