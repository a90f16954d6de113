"""Column: the type of one column of a schema, and the rules for its values."""

import re
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.gates._shared import distinct_values
from mlgates.profile.patterns import translate
from mlgates.tables.field import Field

__all__ = ["FAMILIES", "Column"]

_OWNER = "Column"

FAMILIES: dict[str, frozenset[str]] = {
    "int": frozenset({"int"}),
    "float": frozenset({"float"}),
    "number": frozenset({"int", "float", "decimal"}),
    "bool": frozenset({"bool"}),
    "string": frozenset({"string"}),
    "category": frozenset(),
    "date": frozenset({"date"}),
    "timestamp": frozenset({"timestamp"}),
    "any": frozenset(),
}
# names of Arrow types that carry parameters, as Arrow writes them; no alias spells them out
_PARAMETRIC = re.compile(
    r"decimal(32|64|128|256)\([0-9]+, -?[0-9]+\)|fixed_size_binary\[[0-9]+\]"
    r"|timestamp\[(s|ms|us|ns), tz=[^\]]+\]"
    r"|((large_|fixed_size_)?list|(large_)?list_view|map|struct|dictionary|run_end_encoded"
    r"|(dense|sparse)_union|extension)<.+>(\[[0-9]+\])?"
)
# what Python, numpy and pandas call them
_MEANT = (("str", "string"), ("object", "string"), ("datetime", "timestamp"), ("text", "string"))
_LONGEST_PATTERN = 10_000
# what the values of a set can be, where the type says
_MEMBERS: dict[str, tuple[type, ...]] = {
    "int": (int, float, Decimal),
    "float": (int, float, Decimal),
    "number": (int, float, Decimal),
    "bool": (bool,),
    "string": (str,),
    "date": (date,),
    "timestamp": (datetime,),
}
Bound = int | float | Decimal | date


@dataclass(frozen=True, repr=False)
class Column:
    """Declare the type of one column and the rules for its values.

    Parameters
    ----------
    dtype : str
        A family: "int", "float", "number" (int, float or decimal), "bool", "string"
        (dictionary-encoded text too), "category" (dictionary-encoded), "date", "timestamp", "any";
        or the name of an Arrow type for exactness, such as "int64" or "timestamp[us, tz=UTC]".
    required : bool
        Whether the column must exist.
    nullable : bool
        Whether cells may be missing (null or NaN).
    at_least, at_most : number, date or datetime, optional
        Inclusive range of the values.
    isin : sequence, optional
        The values allowed; missing cells are judged by `nullable`.
    matches : str, optional
        A regular expression in Python's syntax that each text must match whole. Look-around,
        back-references and word boundaries are refused: they can't be matched in linear time.
    unique : bool
        Whether each value may occur only once; missing cells are not values.
    allow_inf : bool
        Whether infinite values are allowed.
    max_invalid : float
        Share of the non-missing values that may break the value rules (not type, presence,
        nullability).

    Raises
    ------
    OptionError
        For an unknown type (the nearest are named), a rule that the type can't have, a broken
        pattern.

    Examples
    --------
    >>> Column("int", at_least=0, at_most=120)
    Column('int', at_least=0, at_most=120)
    """

    dtype: str
    _: KW_ONLY
    required: bool = True
    nullable: bool = False
    at_least: Bound | None = None
    at_most: Bound | None = None
    isin: Iterable[Any] | None = None
    matches: str | None = None
    unique: bool = False
    allow_inf: bool = False
    max_invalid: float = 0.0

    def __post_init__(self) -> None:
        self._set("dtype", _checked_type(self.dtype))
        for option in ("required", "nullable", "unique", "allow_inf"):
            options.flag(_OWNER, option, getattr(self, option))
        for option in ("at_least", "at_most"):
            if getattr(self, option) is not None:
                self._set(option, self._checked_bound(option, getattr(self, option)))
        low, high = self.at_least, self.at_most
        if low is not None and high is not None:
            try:
                ordered = low <= high  # type: ignore[operator]
            except TypeError:
                ordered = False
            if not ordered:
                got = f"got {low!r} and {high!r}"
                msg = f"Column: `at_least` must not be greater than `at_most`, {got}"
                raise OptionError(msg)
        if self.isin is not None:
            allowed = "a sequence of at least one value"
            values = distinct_values(_OWNER, "isin", self.isin, allowed)
            is_whole = self.dtype.startswith(("int", "uint"))
            types = _MEMBERS.get("int" if is_whole else self.dtype, (object,))
            for value in values if types != (object,) else ():
                # a bool is an int too, and a datetime a date
                odd_bool = isinstance(value, bool) and self.dtype != "bool"
                odd_date = isinstance(value, datetime) and self.dtype == "date"
                if odd_bool or odd_date or not isinstance(value, types):
                    allowed = f"values of type {self.dtype!r}"
                    raise options.refuse(_OWNER, "isin", allowed, self.isin)
            self._set("isin", values)
        if self.matches is not None:
            pattern: object = self.matches
            texts = ("string", "category", "large_string", "dictionary", "utf8", "large_utf8")
            if not self._is(*texts):
                allowed = f"left out for type {self.dtype!r}"
                raise options.refuse(_OWNER, "matches", allowed, pattern)
            if not isinstance(pattern, str) or len(pattern) > _LONGEST_PATTERN:
                allowed = f"a pattern in a text of at most {_LONGEST_PATTERN:,} characters"
                shown = f"{pattern[:40]}..." if isinstance(pattern, str) else pattern
                raise options.refuse(_OWNER, "matches", allowed, shown)
            try:
                translate(pattern)
            except EvidenceError as error:
                allowed, hint = "a regular expression", f"; {error}"
                raise options.refuse(_OWNER, "matches", allowed, pattern, hint) from None
        self._set("max_invalid", options.share(_OWNER, "max_invalid", self.max_invalid))

    def _set(self, option: str, value: object) -> None:
        object.__setattr__(self, option, value)

    def _is(self, *names: str) -> bool:
        return self.dtype.startswith((*names, "any"))

    def _checked_bound(self, option: str, value: object) -> object:
        """Return an end of the range, which must fit the type."""
        if isinstance(value, date):
            options.scalar(_OWNER, option, value)  # pandas.NaT is a date too
            wanted = "timestamp" if isinstance(value, datetime) else "date"
            if not self._is(wanted):
                allowed = f"a bound for type {self.dtype!r}"
                hint = f"; that is a bound for {wanted!r} columns"
                raise options.refuse(_OWNER, option, allowed, value, hint)
            return value
        if self.dtype.startswith(("date", "timestamp")):
            kind = "date" if self.dtype.startswith("date") else "datetime"
            raise options.refuse(_OWNER, option, f"a {kind} for type {self.dtype!r}", value)
        if not self._is("int", "uint", "float", "double", "half", "number", "decimal"):
            raise options.refuse(_OWNER, option, f"left out for type {self.dtype!r}", value)
        if isinstance(value, Decimal) and value.is_finite():
            return value
        return options.number(_OWNER, option, value)

    @property
    def range(self) -> str:
        """The inclusive range in words."""
        if self.at_least is None:
            return f"above {self.at_most}"
        if self.at_most is None:
            return f"below {self.at_least}"
        return f"outside {self.at_least} to {self.at_most}"

    def accepts(self, field: Field) -> bool:
        """Whether a column of a table is of this type."""
        if self.dtype == "any":
            return True
        if self.dtype == "category":
            return field.encoded
        if self.dtype in FAMILIES:
            return field.kind in FAMILIES[self.dtype]
        try:
            return field.type == str(pa.type_for_alias(self.dtype))  # "float64" is "double"
        except ValueError:
            return field.type == self.dtype

    def __repr__(self) -> str:
        return options.written(self)


def _checked_type(dtype: object) -> str:
    """Return the name of a family or of an Arrow type, in its usual spelling."""
    if isinstance(dtype, pa.DataType):
        dtype = str(dtype)
        # "float" and "bool" of Arrow are exact types; the family of the same name is not
        return {"float": "float32", "string": "utf8"}.get(dtype, dtype)
    if isinstance(dtype, str) and dtype != "str":  # Arrow's other name for one of the text types
        spaced = re.sub(r"(?<=[0-9]),(?=-?[0-9])", ", ", dtype)  # "decimal128(10,2)"
        if dtype in FAMILIES:
            return dtype
        if _PARAMETRIC.fullmatch(spaced):
            return spaced
        try:
            pa.type_for_alias(dtype)
        except ValueError:
            pass
        else:
            return dtype
    known = [*FAMILIES, "int64", "int32", "float64", "float32", "large_string", "date32", "binary"]
    meant = next((ours for theirs, ours in _MEANT if str(dtype).startswith(theirs)), None)
    near = f"; did you mean {meant!r}?" if meant else options.did_you_mean(dtype, known)
    allowed = f"one of {', '.join(map(repr, FAMILIES))} or the name of an Arrow type"
    raise options.refuse(_OWNER, "dtype", allowed, dtype, near)
