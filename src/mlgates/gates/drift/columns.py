"""Which columns of a reference a drift gate can judge."""

from collections.abc import Mapping
from typing import NamedTuple, cast

from mlgates.gates._shared import Near
from mlgates.gates.drift.statistics import METHODS, NUMBERS
from mlgates.profile.baseline import MOST_CATEGORIES, Baseline, Reference
from mlgates.profile.column import ColumnProfile
from mlgates.profile.counters import Distribution, NumericSample, Side
from mlgates.profile.distributions import Frequencies
from mlgates.redaction import describe
from mlgates.tables.field import Field

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


#: Columns of a reference to judge, each with its profile and its distribution.
Judged = Mapping[str, tuple[ColumnProfile, Side]]


class Candidates(NamedTuple):
    """Columns to judge, refused ones with the reason, and a note on those left out."""

    judged: Judged
    refused: Mapping[str, str]
    note: str


def candidates(
    reference: Reference, method: str, columns: tuple[str, ...] | None, exclude: tuple[str, ...]
) -> Candidates:
    """Sort the columns of a reference into judged, refused and left out.

    Named `columns` are refused where they can't be judged, others left out.
    An excluded name that the reference lacks is refused as a misspelling.
    """
    schema, kinds = reference.schema, METHODS[method].kinds
    names = tuple(schema) if columns is None else columns
    near = Near([name for name in (*exclude, *names) if name not in schema], schema)
    judged: dict[str, tuple[ColumnProfile, Side]] = {}
    left = []
    refused = {
        name: f"`{name}` is excluded, but not in the reference{near.hint(name)}"
        for name in exclude
        if name not in schema
    }
    for name in names:
        if name in exclude:
            continue
        field = schema.get(name)
        if field is None:
            refused[name] = f"`{name}` is not in the reference{near.hint(name)}"
            continue
        unserved, problem = "", ""
        if field.kind in _NEVER:
            problem = f"`{name}` can't be judged by {method!r}: it holds {content(field)}"
            problem = field.problem or problem
        elif field.kind not in kinds | {"null"}:
            unserved = content(field)
        else:
            known, side = reference.columns.get(name), None
            try:
                if isinstance(reference, Baseline):
                    side = reference.distributions.get(name)
                else:
                    counters = (Distribution(name), NumericSample(name))
                    side = next((reference[c] for c in counters if c in reference), None)
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
        if unserved and columns is None:
            left.append(f"`{name}` ({unserved})")
        elif unserved:
            refused[name] = f"`{name}` can't be judged by {method!r}: it holds {unserved}"
        elif problem:
            hint = "; `exclude` leaves it out" if columns is None else ""
            refused[name] = f"{problem}{hint}"
        else:
            judged[name] = cast("tuple[ColumnProfile, Side]", (known, side))
    return Candidates(judged, refused, f"not judged: {', '.join(left)}" if left else "")


def content(field: Field) -> str:
    """Return what a column holds, in words such as "numbers" and "timestamps"."""
    return _CONTENTS.get(field.kind, field.type)
