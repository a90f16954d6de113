"""Which columns of a reference a measure of drift can judge, and why not the others."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mlgates.gates._shared import Near
from mlgates.profile.baseline import MOST_CATEGORIES, Baseline
from mlgates.profile.frequencies import Frequencies
from mlgates.profile.reference import Reference, distribution_of
from mlgates.redaction import describe
from mlgates.tables.field import Field

__all__ = ["Candidates", "family", "held", "sort_out"]

_NUMBERS = frozenset({"int", "float", "decimal"})
_WORDS = {
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
#: Of these a gate can't say that they are as they were: they have no order and no categories.
_NEVER = frozenset({"nested", "unreadable"})
_MANY = "texts, too many to be categories"


class Candidates(NamedTuple):
    """The columns of a reference, by what can be said of them.

    Attributes
    ----------
    judged : tuple of str
        Those that can be judged.
    refused : mapping of str to str
        Those that must be and can't, with why: a sentence.
    left : mapping of str to str
        Those that nobody asked for and that can't, with what they hold.
    """

    judged: tuple[str, ...]
    refused: Mapping[str, str]
    left: Mapping[str, str]

    @property
    def remark(self) -> str:
        """Which are left aside, as a reader is told."""
        listed = ", ".join(f"`{name}` ({what})" for name, what in self.left.items())
        return f"not judged: {listed}" if listed else ""


def held(field: Field) -> str:
    """Return what a column holds, as a person says it.

    Examples
    --------
    >>> held(Field("x", "int", "int8")), held(Field("x", "timestamp", "timestamp[us]"))
    ('numbers', 'timestamps')
    """
    return _WORDS.get(field.kind, "numbers" if field.kind in _NUMBERS else field.type)


def family(field: Field) -> str:
    """Return the kind of a column where whole numbers, floats and decimals are one."""
    return "number" if field.kind in _NUMBERS else field.kind


def sort_out(
    reference: Reference,
    method: str,
    kinds: frozenset[str],
    columns: Iterable[str] | None = None,
    exclude: Iterable[str] = (),
) -> Candidates:
    """Return which columns of the reference can be judged.

    Parameters
    ----------
    reference : Profile or Baseline
        The reference.
    method : str
        The measure, for messages.
    kinds : frozenset of str
        Kinds of columns that it serves.
    columns : iterable of str, optional
        Those asked for: each that can't be judged is refused. By default all.
    exclude : iterable of str
        Those that nobody asks for. One that the reference lacks is refused: its name is wrong.
    """
    schema, excluded = reference.schema, tuple(exclude)
    asked = tuple(schema if columns is None else columns)
    near = Near([name for name in (*excluded, *asked) if name not in schema], schema)
    judged: list[str] = []
    refused = {
        name: f"`{name}` is excluded, but not in the reference{near.hint(name)}"
        for name in excluded
        if name not in schema
    }
    left = {}
    for name in asked:
        if name in excluded:
            continue
        field = schema.get(name)
        if field is None:
            refused[name] = f"`{name}` is not in the reference{near.hint(name)}"
            continue
        what = "" if field.kind in kinds | _NEVER | {"null"} else held(field)
        what = what or (_MANY if _has_no_categories(reference, field) else "")
        if what and columns is None:
            left[name] = what
        elif what:
            refused[name] = f"`{name}` can't be judged by {method!r}: it holds {what}"
        elif why := _unfit(reference, field, method):
            refused[name] = why if columns is not None else f"{why}; `exclude` leaves it out"
        else:
            judged.append(name)
    return Candidates(tuple(judged), refused, left)


def _has_no_categories(reference: Reference, field: Field) -> bool:
    """Whether a column has more than 1,000 texts, or was kept from a baseline's file."""
    if field.kind != "string":
        return False
    try:
        side = distribution_of(reference, field.name)
    except Exception:  # noqa: BLE001  (why it can't be read is said by `_unfit`)
        return False
    if side is None:
        return isinstance(reference, Baseline)
    return isinstance(side, Frequencies) and len(side) > MOST_CATEGORIES


def _unfit(reference: Reference, field: Field, method: str) -> str:
    """Return why a column that should be judged can't be; an empty text when it can."""
    name = field.name
    if field.kind in _NEVER:
        return field.problem or f"`{name}` can't be judged by {method!r}: it holds {held(field)}"
    known = reference.columns.get(name)
    if known is not None and known.valid == 0:
        return f"`{name}` has no value in the reference"
    try:
        side = distribution_of(reference, name)
    except Exception as error:  # noqa: BLE001  (one bad column is one finding)
        return describe(error, {name})
    if side is None or known is None:
        return f"the reference was profiled without the distribution of `{name}`"
    return ""
