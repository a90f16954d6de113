"""The slices (subsets of the rows) of both tables in which a drift gate compares columns."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, cast

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import (
    Near,
    Part,
    described_type,
    error_check,
    named_groups,
    parts_of,
)
from mlgates.gates.drift.statistics import NUMBERS
from mlgates.profile.counter import Counter
from mlgates.profile.grouped import Grouped, GroupState, Several
from mlgates.profile.groups import columns_of
from mlgates.profile.scan import Profile
from mlgates.tables.field import TableSchema
from mlgates.tables.source import Source
from mlgates.verdict import Check

__all__ = ["DriftSlice", "SliceCounters", "drift_slices", "reference_counters", "slice_counters"]


class DriftSlice(NamedTuple):
    """The rows of both tables in one slice (subset of the rows), for a comparison by `Drift`.

    `name` is the name of the slice. `rows` has the number of rows in the data, and that in the
    reference. `data` and `reference` are profiles: counts and distributions of the columns in the
    slice. A profile is None if the table has no rows in the slice.
    """

    name: str
    rows: tuple[int, int]
    data: Profile | None
    reference: Profile | None


class SliceCounters(NamedTuple):
    """What to count in the data and in the reference, in each slice (subset of the rows).

    `part` says what defines the slices: all columns in the option `by`, or one condition. `data`
    and `reference` say what to count in each of the two tables. If the rows of the slices can't be
    counted, `error` is the exception, and both are None.
    """

    part: Part
    data: Grouped | None
    reference: Grouped | None
    error: BaseException | None = None


def reference_counters(
    by: Any, columns: Sequence[str], counters: Sequence[Counter], schema: TableSchema
) -> Iterator[tuple[Part, Grouped]]:
    """Yield what to count in the slices of the reference, as pairs of a `Part` and a counter.

    A `Part` defines slices. `by` is the option of `Drift`. If `by` has names of columns, there is
    one pair, and each combination of their values is a slice. If `by` has conditions, there is one
    pair for each condition, and the rows for which the condition is true are a slice.

    The counter of a pair has these results for each slice:

    - for each of the `columns` that is in `schema`: the number of missing values, the extremes and
      the checksum
    - the result of each of the `counters`
    """
    profiled = tuple(name for name in columns if name in schema)
    for part in parts_of(by, schema):
        of_slice = Several(profiled, tuple(counters))
        yield part, Grouped(of_slice, part.by, part.slice, part.read)


def slice_counters(
    evidence: Evidence,
    by: Any,
    of_reference: Iterable[tuple[Part, Grouped]],
    data_counter: Callable[[Profile], Several],
) -> Iterator[SliceCounters]:
    """Yield what to count in the slices of the data and of the reference, once for each part.

    A part defines slices: either all columns in `by` together, or one condition. The reference is
    counted first, because what to count in the data depends on it. For example, the edges of bins
    are quantiles of the reference.

    `of_reference` is what `reference_counters` yields. `data_counter` is a function: it takes the
    profile (the counts) of the reference in a slice, and returns what to count in the data in this
    slice.
    """
    data, reference = evidence.source("data"), evidence.source("reference")
    profile = cast("Profile", evidence.reference())
    for part, (theirs, counter) in zip(parts_of(by, data.schema), of_reference, strict=True):
        with suppress_errors() as caught:  # the other slices are still compared
            _check_columns(theirs, data, reference)
            several = cast("Several", counter.counter)
            special = tuple(
                (group.key, data_counter(several.profile(group.state, profile.schema)))
                for group in profile[counter].groups
            )
            ours = Grouped(Several(()), part.by, part.slice, part.read, special)
        if caught.error is None:
            yield SliceCounters(theirs, ours, counter)
        else:
            yield SliceCounters(theirs, None, None, caught.error)


def drift_slices(
    evidence: Evidence, counters: Iterable[SliceCounters], most: int
) -> Iterator[DriftSlice | Check]:
    """Yield the slices of both tables, those of the reference first.

    If the slices can't be formed, for example because there are more than `most`, a check with the
    verdict ERROR is yielded instead.
    """
    for part, of_data, of_reference, error in counters:
        with suppress_errors() as caught:  # the other slices are still compared
            if error is not None:
                raise error
            sides = [
                _by_key(cast("Profile", profile), cast("Grouped", counter))
                for profile, counter in (
                    (evidence.profile(), of_data),
                    (evidence.reference(), of_reference),
                )
            ]
            ours, theirs = sides
            keys = dict.fromkeys((*theirs, *ours))
            groups = [GroupState(key, 0, (ours.get(key), theirs.get(key))) for key in keys]
            named = list(named_groups(part, groups, most))
        if caught.error is not None:
            yield error_check("by", "drift", caught.error, part.name, what="the slices of `by`")
            continue
        for name, group in named:
            n, m = (0 if side is None else side.rows for side in group.state)
            yield DriftSlice(str(name), (n, m), *group.state)


def _by_key(profile: Profile, counter: Grouped) -> dict[tuple[object, ...], Profile | None]:
    """Return the profile of each group by its key; None for a slice without rows."""
    special, found = dict(counter.special), {}
    for key, rows, state in profile[counter].groups:
        several = cast("Several", special.get(key, counter.counter))
        found[key] = several.profile(state, profile.schema) if rows else None
    return found


def _check_columns(part: Part, data: Source, reference: Source) -> None:
    """Raise EvidenceError if a table can't be divided into the slices of `part`.

    This is so if a column of the slices is missing in a table, or has values of different kinds in
    the two tables.
    """
    needed = (*part.by, *(columns_of(part.slice[1]) if part.slice else ()))
    for name in needed:
        for table, source in (("data", data), ("reference", reference)):
            if name not in source.schema:
                hint = Near([name], source.schema).hint(name)
                raise EvidenceError(f"`{name}` is not in the {table}{hint}")
    for name in part.by:
        fields = reference.schema[name], data.schema[name]
        if len({"number" if field.kind in NUMBERS else field.kind for field in fields}) > 1:
            theirs, ours = map(described_type, fields)
            raise EvidenceError(
                f"`{name}` has {theirs} in the reference, but {ours} in the data; convert one of "
                "them"
            )
