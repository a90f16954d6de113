"""Select the columns of a reference table that a drift gate can judge."""

from collections.abc import Mapping
from typing import NamedTuple, cast

from mlgates.errors import MlgatesError, suppress_errors
from mlgates.gates._shared import Near
from mlgates.gates.drift.statistics import METHODS, NUMBERS
from mlgates.profile.baseline import MOST_CATEGORIES, Baseline, Reference
from mlgates.profile.column import ColumnProfile
from mlgates.profile.counters import NumericSample, Side
from mlgates.profile.distributions import Frequencies
from mlgates.redaction import describe
from mlgates.tables.field import Field, is_unsupported

_CONTENTS = dict.fromkeys(NUMBERS, "numbers") | {
    "bool": "bools",
    "string": "strings",
    "date": "dates",
    "time": "times of day",
    "timestamp": "timestamps",
    "duration": "durations",
    "binary": "bytes",
    "nested": "nested values",
    "null": "no values",
}
#: The profile and the distribution of each column to judge, in the reference.
Judged = Mapping[str, tuple[ColumnProfile, Side]]


class Candidates(NamedTuple):
    """The columns of a reference that are judged, that are refused, and that are left out.

    The function `candidates` returns it. `judged` maps each column that `Drift` judges to its
    profile and its distribution. `refused` maps each refused column, which is an ERROR of the gate,
    to the reason. `note` names the columns that are left out, with the reasons; it is "" if there
    are none.
    """

    judged: Judged
    refused: Mapping[str, str]
    note: str


def candidates(
    reference: Reference, method: str, columns: tuple[str, ...] | None, exclude: tuple[str, ...]
) -> Candidates:
    """Return which columns of a reference are judged, refused or left out.

    A refused column is an ERROR of the gate. The following columns are refused if they are named in
    `columns`, and left out otherwise: columns without values, columns of strings with too many
    different values, and columns with a kind of values to which the `method` does not apply.

    A column is always refused if it can't be read, such as one of strings mixed with numbers, or if
    the reference has no distribution of it. So is a name in `columns` or `exclude` that is not a
    column of the reference.
    """
    schema, kinds = reference.schema, METHODS[method].kinds
    names = tuple(schema) if columns is None else columns
    near = Near([name for name in (*exclude, *names) if name not in schema], schema)
    judged: dict[str, tuple[ColumnProfile, Side]] = {}
    left = []
    refused = {
        name: f"`{name}` in `exclude` is not in the reference{near.hint(name)}"
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
        profile, side = reference.columns.get(name), None
        not_served, problem = "", ""
        if field.kind == "unreadable" and not is_unsupported(field):
            problem = field.problem or ""
        elif field.kind not in kinds:
            not_served = content(field)
        elif profile is not None and profile.valid == 0:
            not_served = "no values"
        else:
            with suppress_errors() as caught:  # the other columns are still judged
                if isinstance(reference, Baseline):
                    side = reference.distributions.get(name)
                else:
                    # If `Distribution` was counted instead, the profile returns its result.
                    sample = NumericSample(name)
                    if sample in reference:
                        side = reference[sample]
            if caught.error is not None:
                problem = describe(caught.error, {name})
            if not isinstance(caught.error, MlgatesError | None):
                refused[name] = f"`{name}` of the reference could not be read: {problem}"
                continue
            has_many = isinstance(side, Frequencies) and len(side) > MOST_CATEGORIES
            # A baseline does not keep the distribution of many different strings.
            not_kept = side is None and not problem and isinstance(reference, Baseline)
            if field.kind == "string" and (has_many or not_kept):
                not_served = "strings with too many different values"
            elif not problem and (side is None or profile is None):
                problem = f"the profile of the reference has no distribution of `{name}`; pass the "
                problem += "rows of the reference, or a baseline"
        if not_served and columns is None:
            left.append(f"`{name}` ({not_served})")
        elif not_served == "no values":
            refused[name] = f"`{name}` has no values in the reference; remove it from `columns`"
        elif not_served:
            refused[name] = f"{method!r} does not apply to `{name}`, which holds {not_served}; "
            other = field.kind in METHODS["psi"].kinds and field.kind not in kinds
            refused[name] += "use 'psi' or 'chi2'" if other else "remove it from `columns`"
        elif problem:
            hint = ""
            if columns is None:
                hint = "; to leave the column out, list it in `exclude`"
            refused[name] = f"{problem}{hint}"
        else:
            judged[name] = cast("tuple[ColumnProfile, Side]", (profile, side))
    return Candidates(judged, refused, f"columns not judged: {', '.join(left)}" if left else "")


def content(field: Field) -> str:
    """Return in words what kind of values a column has, such as "numbers" or "timestamps"."""
    return _CONTENTS.get(field.kind, field.type)
