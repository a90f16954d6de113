"""Rule: check that a condition on the columns of a row is true in every row."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Literal

from mlgates import options
from mlgates._gate import Gate, GateInfo, Positions
from mlgates.errors import OptionError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import (
    By,
    Near,
    Part,
    compiled,
    counted_phrase,
    error_check,
    max_groups_of,
    named_groups,
    parsed,
    parts_of,
    short_name,
    slices_of,
)
from mlgates.predictions.groups import MAX_GROUPS
from mlgates.printable import number_of
from mlgates.profile.counter import Counter
from mlgates.profile.offending import violating_rows
from mlgates.profile.rules import RuleCounter, RuleGroup
from mlgates.tables.field import TableSchema
from mlgates.verdict import Check, Limit, Measurement, format_value, slice_clause

__all__ = ["Rule"]

_OWNER = "Rule"


@dataclass(frozen=True, repr=False)
class Rule(Gate):
    """Check that a condition on the columns of a row is true in all rows, or in most of them.

    Parameters
    ----------
    condition : str or callable
        A condition on each row, such as ``"start <= end"``, in the language of
        :doc:`/reference/conditions`. It can also be a function that gets each batch of rows as a
        `pyarrow.Table` and returns one bool per row, or null if the condition can't be decided; the
        option `name` is then required.
    max_invalid : float
        Largest share of rows in which the condition may be false.
    missing : {"ignore", "invalid"}
        What happens with rows in which the condition is neither true nor false, because a value is
        null or NaN. "ignore": they are not counted. "invalid": they count as false.
    by : str, sequence of str, or mapping of str to condition, optional
        Check each slice (subset of the rows) instead of all rows. Columns, given by name, define
        one slice for each combination of their values. A mapping defines slices by conditions, as
        in ``{"old": "age > 60"}``.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    name, advisory, inconclusive, after
        As in `Gate`. The default name is ``"rule:"`` and the condition.

    Raises
    ------
    OptionError
        If the condition has a syntax error; the message shows its position.

    Notes
    -----
    A comparison with a missing value is neither true nor false, as in SQL. But the condition
    ``status != 'paid' or amount > 0`` is true in a row whose status is not 'paid', even if its
    amount is missing. With ``missing="ignore"``, the verdict is INCONCLUSIVE if there is no row in
    which the condition is true or false. A column that is not in the table, types that can't be
    compared, and whole numbers that overflow 64 bits are an ERROR.

    Examples
    --------
    >>> table = {"start": [1, 5, 2], "end": [2, 4, None]}
    >>> result = Rule("start <= end").run(data=table)
    >>> print(result.reason)
    1 of 2 rows (50 %) breaks `start <= end`, first at row 1; 1 row has a missing value (not
    counted); the limit is at most 0 %
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="a condition on the columns of each row, such as `start <= end`",
        metrics={"`rule`": "share of the rows that break the condition"},
        fewest_rows="one row for which the condition is true or false",
    )
    condition: str | Callable[..., object]
    _: KW_ONLY
    max_invalid: float = 0.0
    missing: Literal["ignore", "invalid"] = "ignore"
    by: By | None = None
    max_groups: int = MAX_GROUPS

    def __post_init__(self) -> None:
        if isinstance(self.condition, str):
            parsed(_OWNER, "condition", self.condition)
        else:
            self._convert("condition", _function)
        if not isinstance(self.condition, str) and self.name is None:
            raise OptionError(f"{_OWNER}: `name` is required when `condition` is a function")
        self._convert("max_invalid", options.share)
        self._convert("max_groups", max_groups_of)
        options.choice(_OWNER, "missing", self.missing, ("ignore", "invalid"))
        self._convert("by", slices_of)
        super().__post_init__()

    @property
    def default_name(self) -> str:
        """``"rule:"`` and the condition, with "_" in place of wildcards such as "*" and "?".

        In a pattern that selects gates by their names, wildcards would have another meaning.
        """
        text = self.condition if isinstance(self.condition, str) else str(self.name)
        return f"{self.kind}:{short_name(text)}"

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield counters of the rows that break the rule: one for each part that `by` defines.

        A counter that needs a column that is not in the table is left out.
        """
        yield from (
            counter
            for _, counter in self._counters(schema)
            if all(column in schema for column in counter.columns)
        )

    def offending(self, evidence: Evidence) -> Positions:
        """Return the numbers of the rows in which the condition is false.

        With ``missing="invalid"``, rows in which it is neither true nor false are included.
        """
        source = evidence.source("data")
        counters = [counter for _, counter in self._counters(source.schema)]
        for counter in counters:
            Near.require(counter.columns, source.schema)
        return violating_rows(source, [replace(counter, by=()) for counter in counters])

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check of all rows, or one check for each slice."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        title = self.condition if isinstance(self.condition, str) else str(self.name)
        for part, counter in self._counters(schema):
            with suppress_errors() as caught:  # the other slices are still judged
                Near.require(counter.columns, schema)
                groups = profile[counter].groups or (RuleGroup((), 0, 0, 0),)
                named = list(named_groups(part, groups, self.max_groups))
            if caught.error is not None:
                yield error_check(
                    title,
                    "rule",
                    caught.error,
                    part.name,
                    what=f"the rule `{title}`{slice_clause(part.name)}",
                )
                continue
            for name, group in named:
                yield self._check_of(title, group, name)

    def _check_of(self, title: str, group: RuleGroup, label: str | None) -> Check:
        """Return the check of all rows, or of one slice.

        `title` is the condition if it is a string, and the gate's name if it is a function. `group`
        has the counts of rows, and `label` is the name of the slice or None.
        """
        invalid, n = group.broken, group.rows - group.missing
        if self.missing == "invalid":
            invalid, n = invalid + group.missing, group.rows
        limit, share = Limit(at_most=self.max_invalid), invalid / n if n else None
        where = slice_clause(label)
        is_left_out = group.missing > 0 and self.missing == "ignore"
        text = counted_phrase(
            invalid,
            n,
            "rows",
            f"break `{title}`",
            where=f" without a missing value{where}"
            if is_left_out and n == 1 == invalid
            else where,
            percent=format_value(share, limit, "share"),
            rows=group.first,
        )
        if is_left_out:
            missing = number_of(group.missing, "row has", "rows have")
            text += f"; {missing} a missing value (not counted)"
        elif group.missing:
            who = "it has" if invalid == 1 else f"{group.missing:,} of them have"
            who = "1 of them has" if group.missing == 1 < invalid else who
            text += f"; {who} a missing value, which counts as breaking the rule"
        details = {"count": invalid, "missing": group.missing, "rows": group.first}
        measured = Measurement(share, n=n, method="count", details=details)
        check = Check.judge(title, "rule", measured, limit, group=label, unit="share", said=text)
        if n:
            return check
        remedy = "pass a table with at least one row"
        if label is not None:
            remedy = "pass rows of this slice, or leave it out"
        reason = f"there are no rows{where} to judge; {remedy}"
        if group.rows:
            which = counted_phrase(
                group.rows, group.rows, "rows", "have a missing value", where=where
            )
            which = (
                which if group.rows == 1 else f"all {group.rows:,} rows{where} have a missing value"
            )
            reason = f"`{title}` can't be judged: {which}"
        return replace(check, reason=reason)

    def _counters(self, schema: TableSchema) -> Iterator[tuple[Part, RuleCounter]]:
        """Yield pairs of a part of the table (all rows or a slice) and what to count in it."""
        condition, invalid = compiled(self.condition), self.missing == "invalid"
        for part in parts_of(self.by, schema):
            counter = RuleCounter(condition, part.by, part.slice, part.read)
            yield part, replace(counter, shows_missing=invalid)


def _function(owner: str, option: str, given: object) -> Callable[..., object]:
    """Return the given function; raise OptionError if it is not callable.

    `owner` and `option` are the names of the gate and of the option, for the message.
    """
    if not callable(given):
        raise options.refuse(
            owner, option, "a condition such as 'start <= end', or a function", given
        )
    return given
