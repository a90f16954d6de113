"""Rule: a condition over the columns of a row holds in every row."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.errors import EvidenceError, OptionError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.expressions.condition import Condition
from mlgates.gates._shared import (
    Near,
    ReadOnlyCondition,
    error_check,
    listed,
    slice_names,
)
from mlgates.predictions.groups import MAX_GROUPS, too_many_groups
from mlgates.profile.counter import Counter
from mlgates.profile.groups import MOST_SLICES
from mlgates.profile.offending import violating_rows
from mlgates.profile.rules import RuleCounter, RuleGroup
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Measurement, format_value

__all__ = ["Rule"]

_OWNER = "Rule"
_LONGEST_NAME = 60
#: Signs that mean something in a pattern of names.
_IN_PATTERNS = str.maketrans(dict.fromkeys("*?[]/", "_"))


@dataclass(frozen=True, repr=False)
class Rule(Gate):
    """Check that a condition over the columns of a row holds in all rows, or in most of them.

    Parameters
    ----------
    condition : str or callable
        A condition on each row, such as ``"start <= end"``, in the language of
        :doc:`/reference/conditions`. Or a function that is called with each batch of rows as a
        `pyarrow.Table` and returns one bool per row, null for a missing answer; `name` is required
        then.
    max_invalid : float
        Largest share of rows in which the condition is false.
    missing : {"ignore", "invalid"}
        How to count rows whose answer is missing, because a value is null or NaN: "ignore" leaves
        them out of the share, "invalid" counts them as false.
    by : str, sequence of str, or mapping of str to condition, optional
        Check each slice instead of all rows: by the values of columns, or by conditions:
        ``{"old": "age > 60"}``.
    max_groups : int
        Largest number of slices that the columns of `by` may make; more are an ERROR.
    name, advisory, inconclusive, after
        As in `Gate`. The default name is ``"rule:"`` and the condition.

    Raises
    ------
    OptionError
        When the condition is not in the language; the message has the place in the text.

    Notes
    -----
    Comparisons with a missing value are missing, as in SQL: in ``status != 'paid' or amount > 0`` a
    row with another status counts as true although its amount is missing. A table in which every
    answer is missing is INCONCLUSIVE with ``missing="ignore"``. A column that is not in the table,
    types that can't be compared, and whole numbers that overflow 64 bits are ERROR.

    Examples
    --------
    >>> table = {"start": [1, 5, 2], "end": [2, 4, None]}
    >>> result = Rule("start <= end").run(data=table)
    >>> print(result.reason)
    1 of 2 rows (50 %) break `start <= end`, first at row 1; 1 row has a missing value (not
    counted); the limit is at most 0 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="a condition over the columns of each row, also by slice",
        metrics={"`rule`": "share of the rows"},
        fewest_rows="one row with an answer",
    )
    condition: str | Callable[..., object]
    _: KW_ONLY
    max_invalid: float = 0.0
    missing: Literal["ignore", "invalid"] = "ignore"
    by: str | Iterable[str] | Mapping[str, str | Callable[..., object]] | tuple[Any, ...] | None = (
        None
    )
    max_groups: int = MAX_GROUPS

    def __post_init__(self) -> None:
        if isinstance(self.condition, str):
            options.text(_OWNER, "condition", self.condition)
            _parsed("condition", self.condition)
        else:
            self._convert("condition", _function)
        if not isinstance(self.condition, str) and self.name is None:
            msg = f"{_OWNER}: `name` is required when `condition` is a function"
            raise OptionError(msg)
        self._convert("max_invalid", options.share)
        self._convert("max_groups", options.count, at_least=1)
        if self.max_groups > MOST_SLICES:
            allowed = f"a whole number from 1 to {MOST_SLICES:,}"
            raise options.refuse(_OWNER, "max_groups", allowed, self.max_groups)
        options.choice(_OWNER, "missing", self.missing, ("ignore", "invalid"))
        self._convert("by", options.slices, texts=True)
        for name, condition in self._slices():
            if isinstance(condition, str):
                _parsed(f"by[{name!r}]", condition)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """``"rule:"`` and the condition, without the signs that mean something in patterns."""
        text = self.condition if isinstance(self.condition, str) else str(self.name)
        printable = "".join(c if c.isprintable() else "_" for c in " ".join(text.split()))
        return f"rule:{printable.translate(_IN_PATTERNS)[:_LONGEST_NAME]}"

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield the counters of this rule; none where a column is not in the table."""
        yield from (
            counter
            for _, counter in self._counters(schema)
            if all(column in schema for column in counter.columns)
        )

    def offending(self, evidence: Evidence) -> Positions:
        """Return the rows in which the condition is false, or missing with ``"invalid"``."""
        source = evidence.source("data")
        counters = [counter for _, counter in self._counters(source.schema)]
        for counter in counters:
            Near.require(counter.columns, source.schema)
        return violating_rows(source, [replace(counter, by=()) for counter in counters])

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield one check, or one for each slice."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        title = self.condition if isinstance(self.condition, str) else str(self.name)
        for slice_name, counter in self._counters(schema):
            with suppress_errors() as caught:  # the other slices are still judged
                Near.require(counter.columns, schema)
                groups = profile[counter].groups
                if len(groups) > self.max_groups:
                    msg = too_many_groups("`by`", len(groups), self.max_groups)
                    raise EvidenceError(msg)
            if caught.error is not None:
                yield error_check(title, "rule", caught.error, slice_name)
                continue
            groups = groups or (RuleGroup((), 0, 0, 0),)
            names: Sequence[str | None] = [slice_name] * len(groups)
            if counter.by and groups[0].key:
                names = slice_names(counter.by, [group.key for group in groups])
            for group, name in zip(groups, names, strict=True):
                yield self._check_of(title, group, name)

    def _check_of(self, title: str, group: RuleGroup, label: str | None) -> Check:
        """Return the check of all rows, or of one slice."""
        invalid, n = group.broken, group.rows - group.missing
        if self.missing == "invalid":
            invalid, n = invalid + group.missing, group.rows
        limit, share = Limit(at_most=self.max_invalid), invalid / n if n else None
        where = "" if label is None else f" where {label}"
        text = f"none of the {n:,} rows{where} breaks `{title}`"
        if invalid:
            rows, breaks = ("row", "breaks") if n == 1 else ("rows", "break")
            percent = format_value(share, limit, "share")
            text = f"{invalid:,} of {n:,} {rows}{where} ({percent}) {breaks} `{title}`"
            if group.first:
                plural = "s" if len(group.first) > 1 else ""
                text += f", first at row{plural} {listed(group.first)}"
        if not n:
            text = f"no row{where} has an answer to `{title}`" if group.rows else f"no rows{where}"
        if group.missing:
            has = "row has" if group.missing == 1 else "rows have"
            counted = "not counted" if self.missing == "ignore" else "counted as broken"
            text += f"; {group.missing:,} {has} a missing value ({counted})"
        details = {"count": invalid, "missing": group.missing, "rows": group.first}
        measured = Measurement(share, n=n, method="count", details=details)
        return Check.judge(title, "rule", measured, limit, group=label, unit="share", said=text)

    def _slices(self) -> tuple[tuple[str, Any], ...]:
        """Return the slices that are declared by conditions."""
        pairs: tuple[Any, ...] = tuple(self.by or ())
        return tuple(pair for pair in pairs if not isinstance(pair, str))

    def _counters(self, schema: TableSchema) -> Iterator[tuple[str | None, RuleCounter]]:
        """Yield counters with the name of their slice."""
        everything = tuple(name for name, field in schema.items() if field.kind != "unreadable")
        invalid = self.missing == "invalid"
        counter = RuleCounter(_compiled(self.condition), read=everything, shows_missing=invalid)
        if self.by is None:
            yield None, counter
        elif slices := self._slices():
            for name, each in slices:
                yield name, replace(counter, slice=(name, _compiled(each)))
        else:
            yield None, replace(counter, by=tuple(map(str, self.by)))


def _function(owner: str, option: str, given: object) -> Callable[..., object]:
    """Return an option that must be a function."""
    if not callable(given):
        raise options.refuse(
            owner, option, "a condition such as 'start <= end', or a function", given
        )
    return given


def _parsed(option: str, text: str) -> Condition:
    """Parse a condition; if it is invalid, the error names the option."""
    try:
        return Condition(text)
    except OptionError as error:
        msg = f"{_OWNER}: `{option}`: {error}"
        raise OptionError(msg) from None


def _compiled(condition: str | Callable[..., object]) -> Condition | ReadOnlyCondition:
    return Condition(condition) if isinstance(condition, str) else ReadOnlyCondition(condition)
