"""Functions that several gates use: for checks, misspelt names and numbers of rows needed.

The parameters `owner` and `option` of functions that check an option are the names of the gate and
of the option, for the message of the error. The parameter `given` is the value of the option.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.evidence import read_only
from mlgates.expressions.condition import Condition
from mlgates.options import did_you_mean
from mlgates.predictions.groups import too_many_groups, unique_names
from mlgates.printable import number_of, shorten
from mlgates.profile.counters import Violations
from mlgates.profile.groups import MOST_SLICES, RowCondition, Slice
from mlgates.redaction import describe
from mlgates.tables.field import Field, TableSchema
from mlgates.verdict import Check, Limit, Measurement, Verdict, format_value, slice_clause

__all__ = [
    "By",
    "Near",
    "Part",
    "ReadOnlyCondition",
    "bounded",
    "by_column",
    "check_limited",
    "compiled",
    "confidence_of",
    "count_check",
    "counted_phrase",
    "described_type",
    "distinct_values",
    "enough",
    "error_check",
    "listed",
    "max_groups_of",
    "named_groups",
    "parsed",
    "parts_of",
    "property_check",
    "rounded_up",
    "rows_needed",
    "rows_until_significant",
    "short_name",
    "slice_names",
    "slices_of",
    "unlabelled",
]

#: How slices are declared, and how a gate keeps them: names, or pairs of name and condition.
By = str | Iterable[str] | Mapping[str, str | Callable[..., object]] | tuple[Any, ...]


def count_check(
    subject: str,
    metric: str,
    counted: Violations,
    verb_phrase: str = "are missing",
    *,
    at_most: float = 0.0,
    group: str | None = None,
    hint: str = "",
    remedy: str = "",
) -> Check:
    """Return the check that the share of cells or rows that violate a rule is at most a limit.

    `counted` has the number of violations, and the number of cells or rows among which they were
    counted. `verb_phrase` says in the reason what violations do, as in "are missing" or "repeat an
    earlier value". `group` is the name of the slice (subset of the rows); None means all rows.
    `hint` names the likely cause, and is added to the reason. If no cell or row was counted, the
    check is INCONCLUSIVE. Its reason then ends with `remedy`, which says what to do. `subject` and
    `metric` are as in `Check`.
    """
    limit = Limit(at_most=at_most)
    cells = "cells" if metric == "missing" else "values"  # a value is a cell that is not missing
    share = counted.count / counted.n if counted.n else None
    where = f"`{subject}`{slice_clause(group)}"
    percent = format_value(share, limit, "share")
    text = counted_phrase(
        counted.count,
        counted.n,
        cells,
        verb_phrase,
        where=f" of {where}",
        percent=percent,
        rows=counted.rows,
    )
    details = {"count": counted.count, "rows": counted.rows}
    measurement = Measurement(share, n=counted.n, method="count", details=details)
    check = Check.judge(
        subject, metric, measurement, limit, group=group, unit="share", said=text, hint=hint
    )
    if counted.n:
        return check
    hint, remedy = f" (hint: {hint})" if hint else "", f"; {remedy}" if remedy else ""
    return replace(check, reason=f"{where} has no {cells} to judge{hint}{remedy}")


def counted_phrase(
    count: int,
    n: int,
    noun: str,
    verb_phrase: str,
    *,
    where: str = "",
    percent: str = "",
    rows: tuple[int, ...] = (),
) -> str:
    """Return a clause that says how many of `n` things have a property, with the right verb form.

    Parameters
    ----------
    count : int
        How many of them have the property.
    n : int
        Number of things, at least 1.
    noun : str
        What they are, in the plural: ``"rows"``.
    verb_phrase : str
        The property, with the verb in the plural: ``"are missing"``, ``"repeat an earlier row"``.
    where : str
        Words that follow the noun: ``" of `x`"``.
    percent : str
        The share in words, which follows in parentheses: ``"16.7 %"``.
    rows : tuple of int
        Row numbers of the first things that have the property. They are left out if they are not
        known.

    Examples
    --------
    >>> counted_phrase(1, 6, "values", "are infinite", where=" of `x`", percent="16.7 %", rows=(3,))
    '1 of 6 values of `x` (16.7 %) is infinite, first at row 3'
    >>> counted_phrase(0, 6, "rows", "repeat an earlier row")
    'none of the 6 rows repeat an earlier row'
    >>> counted_phrase(1, 1, "cells", "are missing", rows=(0,))
    'the only cell (row 0) is missing'
    >>> counted_phrase(0, 1, "rows", "break `a < b`")
    'no row breaks `a < b` (n = 1)'
    """
    verb, _, rest = verb_phrase.partition(" ")
    singular = {"are": "is", "have": "has"}.get(verb, f"{verb}s")
    if n == 1:
        one = f"{noun.removesuffix('s')}{where}"
        if not count:
            return f"no {one} {singular} {rest} (n = 1)"
        at = f" (row {rows[0]:,})" if rows else ""
        return f"the only {one}{at} {singular} {rest}"
    if not count:
        return f"none of the {n:,} {noun}{where} {verb_phrase}"
    percent = f" ({percent})" if percent else ""
    text = f"{count:,} of {n:,} {noun}{where}{percent} {singular if count == 1 else verb} {rest}"
    if rows:
        text += f", first at row{'s' if len(rows) > 1 else ''} {listed(rows)}"
    return text


def property_check(
    subject: str,
    metric: str,
    text: str,
    *,
    violations: int,
    n: int,
    group: str | None = None,
    hint: str = "",
    summary: str = "",
) -> Check:
    """Return the check of a property that holds or does not hold, such as the type of a column.

    The check passes if the number of `violations` is 0. It can also pass for a table without rows,
    because such a table has columns and types. `text` is the reason, to which `hint`, the likely
    cause, is added. `summary` is what reports show in place of the number of violations, such as
    "column not found". `n` is the number of rows. `group` is the name of the slice (subset of the
    rows); None means all rows. `subject` and `metric` are as in `Check`.
    """
    measured, none = Measurement(violations, n=n, method="count"), Limit(at_most=0)
    return Check.judge(
        subject,
        metric,
        measured,
        none,
        group=group,
        min_n=0,
        unit="violations",
        said=text,
        hint=hint,
        summary=summary,
    )


def error_check(
    subject: str, metric: str, error: BaseException, group: str | None = None, *, what: str = ""
) -> Check:
    """Return the check with the verdict ERROR for a rule that raised an exception.

    The reason is `what`, followed by "could not be judged" and a description of `error` without
    values of the data. By default, `what` names the metric, the subject and the slice. `group` is
    the name of the slice (subset of the rows); None means all rows.
    """
    rule = f"`{metric}`" if metric == subject else f"`{metric}` of `{subject}`"
    what = what or f"{rule}{slice_clause(group)}"
    reason = f"{what} could not be judged: {describe(error)}"
    return Check(subject=subject, metric=metric, group=group, verdict=Verdict.ERROR, reason=reason)


def described_type(field: Field) -> str:
    """Return the type of a column in words, by the name that users write for it.

    Examples
    --------
    >>> described_type(Field("x", "float", "double")), described_type(Field("x", "int", "int64"))
    ('type float64 (Arrow double)', 'type int64')
    """
    return f"type {field.type_name}"


def listed(values: tuple[object, ...]) -> str:
    """Return the first five values in words, and how many more there are."""
    shown = ", ".join(
        f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else repr(value)
        for value in values[:5]
    )
    return shown if len(values) <= 5 else f"{shown} and {len(values) - 5:,} more"


# Comparing two names takes about 30 microseconds, and more for long names.
_MOST_PAIRS = 5_000
_LONGEST_NAME = 200


class Near:
    """Finds the known name that is most similar to an unknown name, for hints in messages.

    Normally this is the known name with the most similar spelling. With many names, comparing the
    spellings of all pairs of an unknown and a known name would take too long. Then only a known
    name is found that is equal to the unknown one except for case, blanks and Unicode form.

    Parameters
    ----------
    unknown : iterable of str
        The unknown names. Only their number is used.
    known : iterable of str
        The known names.

    Examples
    --------
    >>> near = Near(unknown=["Age", "incme"], known=["age ", "income"])
    >>> near.hint("Age"), near.hint("incme")
    ("; did you mean 'age '?", "; did you mean 'income'?")
    """

    def __init__(self, unknown: Iterable[str], known: Iterable[str]) -> None:
        names = list(known)
        self._folded = {options.fold(name): name for name in reversed(names)}
        few = len(list(unknown)) * len(names) <= _MOST_PAIRS
        self._compared = [name for name in names if len(name) <= _LONGEST_NAME] if few else []

    @staticmethod
    def require(names: Iterable[str], schema: TableSchema) -> None:
        """Raise EvidenceError if a column is not in the table.

        The message suggests a similar name.
        """
        absent = [name for name in names if name not in schema]
        if absent:
            raise EvidenceError(
                f"`{absent[0]}` is not in the table{Near(absent, schema).hint(absent[0])}"
            )

    def alike(self, name: str) -> str | None:
        """Return the first known name that `options.fold` makes equal to `name`, or None.

        `options.fold` makes names equal that differ only in case, blanks, invisible characters or
        Unicode form.
        """
        return self._folded.get(options.fold(name))

    def hint(self, name: str) -> str:
        """Return a hint such as ``"; did you mean 'x'?"``; it is empty if no name is similar."""
        alike = self.alike(name)
        if alike is not None:
            return did_you_mean(name, [alike])
        return did_you_mean(name, self._compared) if len(name) <= _LONGEST_NAME else ""


def confidence_of(owner: str, option: str, given: object) -> float:
    """Return an option that is a confidence level: from 0.5 to less than 1.

    OptionError is raised for any other value. For a percentage such as 95, its message suggests
    0.95.
    """
    level = options.real(given)
    if level is None or not (0.5 <= level <= 1 - 1e-9 or 1 < level <= 100):
        hint = "; write a number without quotes" if isinstance(given, str) else ""
        raise options.refuse(owner, option, "from 0.5 to less than 1", given, hint)
    return options.share(owner, option, given)


def bounded(owner: str, option: str, given: object, low: float, high: float) -> float:
    """Return an option that is a number from `low` to `high`; raise OptionError otherwise.

    If the range is 0 to 1, the message suggests 0.95 for a percentage such as 95.
    """
    if (low, high) == (0, 1):
        return options.share(owner, option, given)
    return options.number(owner, option, given, at_least=low, at_most=high)


def by_column(
    owner: str, option: str, given: Any, one: Callable[..., float]
) -> float | tuple[tuple[str, float], ...]:
    """Return an option that is one limit for all columns, or a mapping from columns to limits.

    A mapping is returned as pairs. The column ``"*"`` in it means all columns that are not named.
    The function `one` checks a single limit and returns it.
    """
    if not isinstance(given, Mapping | tuple):
        return one(owner, option, given)
    allowed = "a number, or a non-empty mapping of columns to numbers"
    pairs = options.mapping(owner, option, given, allowed)
    if not pairs or not all(isinstance(name, str) for name in pairs):
        raise options.refuse(owner, option, allowed, given)
    return tuple((n, one(owner, f"{option}[{n!r}]", each)) for n, each in pairs.items())


def check_limited(owner: str, option: str, limited: Iterable[str], columns: Iterable[str]) -> None:
    """Raise OptionError if an option has a limit for a column that is not judged.

    `limited` are the columns that have a limit, and `columns` those that are judged.
    """
    named = {*columns, "*"}
    unknown = next((name for name in limited if name not in named), None)
    if unknown is not None:
        near = options.did_you_mean(unknown, named)
        raise OptionError(f"{owner}: `{option}` has {unknown!r}, which is not in `columns`{near}")


def distinct_values(
    owner: str, option: str, given: object, allowed: str, *, least: int = 1
) -> tuple[object, ...]:
    """Return the distinct values of an option, in the given order.

    The values of a set are sorted. `allowed` says in the error which values are valid, and `least`
    is the smallest number of values.
    """
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
        raise options.refuse(owner, option, allowed, given)
    values = tuple(options.scalar(owner, option, value, one_of_several=True) for value in given)
    values = options.ordered(values, given)
    if len(values) < least:
        raise options.refuse(owner, option, allowed, given)
    return options.distinct(values)


#: Power for which numbers of rows are computed with the normal approximation. The intervals are a
#: little wider than this approximation says, so that a power of at least 0.8 is reached.
_POWER = 0.82


def rows_needed(
    estimate: float | None,
    interval: tuple[float, float] | None,
    limit: Limit,
    n: int,
    level: float,
    *,
    error: float | None = None,
) -> int | None:
    """Return how many rows are needed so that the interval no longer contains the limit.

    With this number of rows, about four of five samples give a decision if the true value equals
    the present `estimate`.

    The number is ``n ((z_level + z_power) error / distance)**2``, rounded up to two significant
    digits. ``z_level`` and ``z_power`` are the normal quantiles of the two-sided confidence `level`
    and of the power 0.82. ``distance`` is the distance from `estimate` to the bound of `limit`. If
    the estimate is within two bounds, and the interval contains both of them, the larger of the two
    numbers is returned.

    Parameters
    ----------
    estimate : float or None
        The present value.
    interval : (float, float) or None
        Its confidence interval.
    limit : Limit
        The limit.
    n : int
        The present number of rows.
    level : float
        The confidence level of the interval.
    error : float, optional
        Standard error of the estimate. Give it if the interval shrinks faster than ``1 / sqrt(n)``.
        By default, and if the number computed from `error` is not more than `n`, the standard error
        is ``max(half, arm) / z_level``. Here ``half`` is half the length of the interval, and
        ``arm`` is the distance from the estimate to the end of the interval on the side of the
        limit.

    Returns
    -------
    int or None
        None if there is no finite estimate and interval, if the interval does not contain the
        limit, or if the number would be 1e15 or more, as when the estimate equals the limit.

    Examples
    --------
    >>> rows_needed(0.0, (-0.02, 0.02), Limit(at_least=-0.01), 1_000, 0.95)
    8700
    """
    if estimate is None or interval is None:
        return None
    low, high = interval
    if not all(map(math.isfinite, (estimate, low, high))):
        return None
    from scipy import special

    from mlgates.stats.proportions import rows_to_decide

    z = float(special.ndtri((1 + level) / 2))
    if limit.holds(estimate):
        arms = {limit.low: estimate - low, limit.high: high - estimate}
        crossed = {limit.low: low < limit.low, limit.high: high > limit.high}
    elif estimate < limit.low:
        arms, crossed = {limit.low: high - estimate}, {limit.low: high >= limit.low}
    else:
        arms, crossed = {limit.high: estimate - low}, {limit.high: low <= limit.high}
    needed = 0.0
    for bound, arm in arms.items():
        if crossed[bound]:
            spread = max(arm, (high - low) / 2) / z
            rows = rows_to_decide(n, spread, abs(estimate - bound), level, _POWER)
            exact = error and rows_to_decide(n, error, abs(estimate - bound), level, _POWER)
            needed = max(needed, exact if exact and exact > n else rows)
    return rounded_up(needed) if 0 < needed < 1e15 else None


def rows_until_significant(
    critical: float, limit: float, n: float, reference: float = math.inf
) -> int | None:
    """Return how many rows are needed so that each distance beyond a limit is significant.

    The number is rounded up. `critical` is the smallest distance that is significant with `n` rows.
    It is proportional to ``sqrt(1 / n + 1 / reference)``, where `reference` is the number of rows
    of the reference, which does not change. The result is None if the reference is so small that no
    number of rows of data is enough. Leave `reference` infinite if the reference grows in
    proportion to the data.

    Examples
    --------
    >>> rows_until_significant(0.2, 0.1, 100), rows_until_significant(0.2, 0.1, 100, 20)
    (400, None)
    """
    if not (limit > 0 and 0 <= critical < math.inf and min(n, reference) > 0):
        return None
    if critical == 0:
        return 1
    inverse = (limit / critical) ** 2 * (1 / n + 1 / reference) - 1 / reference
    return rounded_up(1 / inverse) if inverse > 1e-15 else None


def enough(needed: int | None, noun: str = "rows") -> str:
    """Return words that say how many rows would be enough to decide; "" if `needed` is None.

    Examples
    --------
    >>> enough(1_900)
    'about 1,900 rows would be enough to decide'
    """
    return f"about {needed:,} {noun} would be enough to decide" if needed else ""


def unlabelled(dropped: int, noun: str) -> tuple[str, str]:
    """Return a clause on rows or queries without a true value, and why they allow no decision.

    Both are "" if there are none. `noun` is "rows" or "queries".

    Examples
    --------
    >>> unlabelled(2, "rows")
    ('; 2 rows have no value in `y_true`', 'every row needs one')
    """
    if not dropped:
        return "", ""
    if noun == "queries":
        has = number_of(dropped, "query has", "queries have")
        return f"; {has} a document without a value in `y_true`", "every document needs one"
    has = number_of(dropped, "row has", "rows have")
    return f"; {has} no value in `y_true`", "every row needs one"


def rounded_up(rows: float) -> int:
    """Return a number of rows or calls, rounded up to two significant digits.

    Examples
    --------
    >>> rounded_up(1_234)
    1300
    """
    unit = int(10 ** max(len(str(math.ceil(rows))) - 2, 0))
    return math.ceil(rows / unit) * unit


_LONGEST_VALUE = 80


def slice_names(by: Sequence[str], keys: Iterable[Sequence[object]]) -> list[str]:
    """Return the names of slices, made of the columns and their values.

    `by` has the names of the columns, and each key the values of one slice. Repeated names get a
    number.

    Examples
    --------
    >>> slice_names(["sex", "age"], [("f", 31), (None, 44)])
    ['sex=f, age=31', 'sex=(missing), age=44']
    """
    names = []
    for key in keys:
        values = ["(missing)" if value is None else str(value) for value in key]
        cut = [shorten(value, _LONGEST_VALUE) for value in values]
        names.append(", ".join(f"{name}={value}" for name, value in zip(by, cut, strict=True)))
    return list(unique_names(names))


@dataclass(frozen=True)
class ReadOnlyCondition:
    """A condition of the user: a function that is called with a read-only copy of the table."""

    condition: Callable[..., object]

    def __call__(self, table: object) -> object:
        return self.condition(read_only(table))


def compiled(condition: str | Callable[..., object]) -> RowCondition:
    """Convert a condition to a form that counters can evaluate.

    A string becomes a `Condition`. A function becomes a `ReadOnlyCondition`, which calls it with a
    read-only copy of the table. `profile.groups.condition_answers` evaluates both on a batch of
    rows. OptionError is raised if the syntax of the string is invalid.
    """
    return Condition(condition) if isinstance(condition, str) else ReadOnlyCondition(condition)


def parsed(owner: str, option: str, given: object) -> str:
    """Check the syntax of a condition, and return the condition unchanged.

    `given` is the value of the option `option` of the gate `owner`. OptionError is raised if it is
    not a string, or if the syntax is invalid.
    """
    text = options.text(owner, option, given)
    try:
        Condition(text)
    except OptionError as error:
        raise OptionError(f"{owner}: `{option}`: {error}") from None
    return text


def slices_of(owner: str, option: str, given: object) -> tuple[Any, ...]:
    """Return the option `by` in a standard form; raise OptionError if it is invalid.

    The result has names of columns, or pairs of the name of a slice and its condition. A condition
    is a string or a function.
    """
    found = options.slices(owner, option, given)
    for pair in found:
        if not isinstance(pair, str) and isinstance(pair[1], str):
            parsed(owner, f"{option}[{pair[0]!r}]", pair[1])
    return found


def max_groups_of(owner: str, option: str, given: object) -> int:
    """Return the option `max_groups`, which must be a whole number from 1 to 1,000."""
    most = options.count(owner, option, given, at_least=1)
    if most > MOST_SLICES:
        allowed = f"a whole number from 1 to {MOST_SLICES:,}"
        raise options.refuse(owner, option, allowed, given)
    return most


@dataclass(frozen=True)
class Part:
    """A description of the rows of a table in which a gate counts something.

    By default these are all rows. If `by` has names of columns, each combination of their values is
    counted separately. If `slice` is a pair of a name and a condition, only the rows are counted
    for which the condition is true. If the condition is a function, it gets a table of the columns
    in `read`.
    """

    by: tuple[str, ...] = ()
    slice: Slice | None = None
    read: tuple[str, ...] = ()

    @property
    def name(self) -> str | None:
        """The name of the slice that a condition defines.

        It is None if all rows are counted, or if columns define the slices.
        """
        return self.slice[0] if self.slice else None


def parts_of(by: Any, schema: TableSchema) -> Iterator[Part]:
    """Yield the parts of a table for which a gate counts something, given its option `by`.

    For each condition in `by`, there is a part with the rows for which it is true. If `by` has
    names of columns, there is a single part: `Part.by` has these names, and each combination of
    their values is counted separately. If `by` is None, there is a single part with all rows.
    """
    read = tuple(name for name, field in schema.items() if field.kind != "unreadable")
    pairs: tuple[Any, ...] = tuple(by or ())
    names = tuple(pair for pair in pairs if isinstance(pair, str))
    if names == pairs:
        yield Part(names, None, read)
    for name, condition in pairs[len(names) :]:
        yield Part(slice=(name, compiled(condition)), read=read)


def named_groups(part: Part, groups: Sequence[Any], most: int) -> Iterator[tuple[str | None, Any]]:
    """Yield pairs of the name of a slice and the result for this slice.

    `groups` are the results of what was counted in `part`, one for each slice. Each of them has an
    attribute `key` with the values of the columns ``part.by`` in this slice. The name is None if
    `part` has all rows and no slices. EvidenceError is raised if there are more than `most` groups.
    """
    if len(groups) > most:
        raise EvidenceError(too_many_groups("`by`", len(groups), most))
    names: Sequence[str | None] = [part.name] * len(groups)
    keys = [group.key for group in groups]
    if part.by and all(keys):  # without slices, there is one group with an empty key
        names = slice_names(part.by, keys)
    yield from zip(names, groups, strict=True)


_LONGEST_NAME_PART = 60
#: Signs that mean something in a pattern of names.
_IN_PATTERNS = str.maketrans(dict.fromkeys("*?[]/", "_"))


def short_name(text: str) -> str:
    """Return a string in a form that can be a part of a gate's name.

    The result is printable, short and without the wildcards of patterns.

    Examples
    --------
    >>> short_name("a *  b > 0")
    'a _ b > 0'
    """
    printable = "".join(c if c.isprintable() else "_" for c in " ".join(text.split()))
    return printable.translate(_IN_PATTERNS)[:_LONGEST_NAME_PART]
