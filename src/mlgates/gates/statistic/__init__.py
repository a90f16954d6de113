"""Statistic: check a statistic of a column against limits or against the reference."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError, OptionError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.expressions.condition import Condition
from mlgates.expressions.syntax import Column
from mlgates.gates._shared import (
    By,
    Near,
    Part,
    confidence_of,
    described_type,
    enough,
    error_check,
    max_groups_of,
    named_groups,
    parsed,
    parts_of,
    rows_needed,
    short_name,
    slices_of,
)
from mlgates.gates.statistic.estimates import (
    Estimate,
    Number,
    change,
    counter_of,
    estimate,
    from_baseline,
    kinds_of,
)
from mlgates.predictions.groups import MAX_GROUPS
from mlgates.printable import number_of
from mlgates.profile.baseline import Baseline, Reference
from mlgates.profile.counter import Counter
from mlgates.profile.grouped import GroupedStates
from mlgates.profile.rules import RuleCounts
from mlgates.profile.scan import Profile
from mlgates.stats.multiplicity import holm_levels
from mlgates.tables.field import TableSchema
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Rule,
    Unit,
    before_rounding,
    format_interval,
    format_number,
    format_value,
    slice_clause,
    snap_to_limit,
)

__all__ = ["Statistic"]

_OWNER = "Statistic"
_NAMES = ("mean", "median", "std", "sum", "min", "max", "distinct", "rows", "rate")
#: Statistics without an interval that could decide.
_BY_ESTIMATE = frozenset({"sum", "min", "max", "distinct", "rows"})
_LIMITS = ("at_least", "at_most", "max_change", "max_relative_change")
_NOTHING = Estimate(0, 0)


#: A statistic of some rows, or the exception that it raised.
_Result = Estimate | BaseException


class _Pair(NamedTuple):
    """The statistic of one group of rows, in the data and in the reference.

    All rows of the group have the values in `key` in the columns of `by`. `ours` is the estimate in
    the data, and `theirs` is that in the reference, or None if no reference is compared. In place
    of an estimate there can be the exception that it raised.
    """

    key: tuple[object, ...]
    ours: _Result
    theirs: _Result | None


class _Claim(NamedTuple):
    """What a check of one group needs, except the level of confidence.

    That level depends on the number of all groups. `group` is the name of the group. `ours` is the
    estimate in the data, and `theirs` that in the reference, if the two are compared. `value` is
    compared with `limit`. `interval` is a function of the level that returns the interval of
    `value`. `insufficient` is the reason if the value can't be judged, otherwise "".
    """

    group: str | None
    ours: Estimate
    theirs: Estimate | None
    value: Number | None
    limit: Limit
    interval: Callable[[float], tuple[float, float] | None]
    insufficient: str


@dataclass(frozen=True, repr=False)
class Statistic(Gate):
    """Check that a statistic of a column, such as its mean, is within limits.

    The statistic can also be compared with the same statistic of the reference.

    Parameters
    ----------
    of : str
        The statistic: ``"mean"``, ``"median"``, ``"std"`` (standard deviation), ``"sum"``,
        ``"min"``, ``"max"``, a quantile such as ``"quantile:0.95"``, ``"distinct"`` (the number of
        distinct values), ``"rows"`` (the number of rows of the table), or ``"rate"`` (the share of
        rows in which a column of bools, or a condition, is true).
    column : str, optional
        Name of the column. It must be left out for ``"rows"``, and for ``"rate"`` with a
        `condition`.
    condition : str, optional
        For ``"rate"``: a condition on each row, such as ``"amount > 0"``, in the language of
        :doc:`/reference/conditions`.
    at_least, at_most : float, optional
        Smallest and largest allowed value of the statistic, inclusive. At least one limit of any
        kind is required.
    max_change : float, optional
        Largest difference from the statistic of the reference, in either direction and in units of
        the statistic.
    max_relative_change : float, optional
        Largest difference from the statistic of the reference, as a share of the latter: 0.1 is 10
        %.
    by : str, sequence of str, or mapping of str to condition, optional
        Check each slice (subset of the rows) instead of all rows. Columns, given by name, define
        one slice for each combination of their values. A mapping defines slices by conditions, as
        in ``{"old": "age > 60"}``. A condition is a string, or a function that gets each batch of
        rows as a `pyarrow.Table` and returns one bool per row.
    decide_by : {"interval", "estimate"}
        "interval": PASS if the whole confidence interval is within the limit, FAIL if the whole
        interval is beyond, otherwise INCONCLUSIVE. "estimate": the value itself is compared with
        the limit. For ``"sum"``, ``"min"``, ``"max"``, ``"distinct"`` and ``"rows"``, the value
        itself is always compared.
    confidence : float
        Confidence level of the two-sided interval.
    max_groups : int
        Largest number of slices that the columns of `by` may define; a larger number is an ERROR.
    name, advisory, inconclusive, after
        As in `Gate`. The default name has the statistic and the column: ``"statistic:mean:age"``.

    Raises
    ------
    OptionError
        If no limit is given, for an unknown statistic, and for a condition with a syntax error.

    Notes
    -----
    Null and NaN are left out, and the reason says how many. An infinite value makes a mean, a sum
    or a standard deviation an ERROR. A column without values is INCONCLUSIVE. With
    ``decide_by="interval"``, a statistic without an interval is INCONCLUSIVE too, such as the mean
    or the standard deviation of a single value or of equal values.

    The intervals assume that rows are independent. The mean and the standard deviation have Hall's
    interval [1]_. The interval of a quantile is from order statistics, and that of a rate is
    Wilson's. A change of means has Welch's interval, other changes that of Zou and Donner [2]_, and
    relative changes Fieller's. A relative change is INCONCLUSIVE if the interval of the reference's
    statistic contains 0, and an ERROR if this statistic is 0. With several slices and
    ``decide_by="interval"``, the confidence level is corrected for the number of slices by Holm's
    method: a slice FAILs only if its whole interval at the corrected level is beyond the limit.

    Sums, minima and maxima of integers and decimals are exact. Medians and quantiles need 8 bytes
    of memory for each value, and ``"distinct"`` keeps each distinct value in memory. The memory for
    all other statistics does not grow with the number of rows.

    References
    ----------
    .. [1] Hall, P. (1992). On the removal of skewness by transformation. Journal of the Royal
       Statistical Society B 54, 221-228.
    .. [2] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    >>> orders = {"amount": [float(10 + i % 7) for i in range(200)]}
    >>> print(Statistic("mean", "amount", at_least=12, at_most=14).run(data=orders).reason)
    `mean` of `amount` is 12.97 (95 % interval 12.69 to 13.25, n = 200); the limit is from 12 to 14
    """

    needs: ClassVar[frozenset[str]] = frozenset({"data"})
    info = GateInfo(
        summary="a mean, quantile, rate, sum or other statistic of a column is within limits, or "
        "near that of the reference",
        metrics={
            "`mean`, `median`, `std`, `sum`, `min`, `max`, `quantile:...`, `distinct`, `rate`": (
                "the statistic"
            ),
            "`rows`": "number of rows",
            "`change`": "difference from the statistic of the reference",
            "`relative_change`": "this difference, as a share of the statistic of the reference",
        },
        fewest_rows="one value; two for an interval, and six for the interval of a median",
        allowed="an interval that contains the limit; with `decide_by='estimate'`, nothing",
        uses="`reference`, for `max_change` and `max_relative_change`",
    )
    of: str
    column: str | None = None
    _: KW_ONLY
    condition: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    max_change: float | None = None
    max_relative_change: float | None = None
    by: By | None = None
    decide_by: Literal["interval", "estimate"] = "interval"
    confidence: float = 0.95
    max_groups: int = MAX_GROUPS

    def __post_init__(self) -> None:
        self._convert("of", _statistic)
        self._convert("column", options.text)
        self._convert("condition", parsed)
        self._check_columns()
        least = 0 if self.of in ("std", "distinct", "rows") else -math.inf
        bound = options.share if self.of == "rate" else partial(options.number, at_least=least)
        for option in ("at_least", "at_most"):
            self._convert(option, bound)
        options.in_order(_OWNER, at_least=self.at_least, at_most=self.at_most)
        self._convert("max_change", options.share if self.of == "rate" else _distance)
        self._convert("max_relative_change", _distance)
        if all(getattr(self, option) is None for option in _LIMITS):
            *others, last = (f"`{option}`" for option in _LIMITS)
            raise OptionError(
                f"{_OWNER}: at least one limit is required: {', '.join(others)} or {last}"
            )
        self._convert("by", slices_of)
        self._convert("decide_by", options.choice, ("interval", "estimate"))
        self._convert("confidence", confidence_of)
        self._convert("max_groups", max_groups_of)
        if self._changes:
            self._set("needs", self.needs | {"reference"})
        super().__post_init__()

    def _check_columns(self) -> None:
        """Raise OptionError unless the statistic has the column or the condition that it needs."""
        given = [option for option in ("column", "condition") if getattr(self, option) is not None]
        allowed = [["column"], ["condition"]] if self.of == "rate" else [["column"]]
        if self.of == "rows":
            allowed = [[]]
        if given not in allowed:
            needs = {"rows": "takes no column and no condition"}
            needs["rate"] = "needs either `column` or `condition`"
            got = " and ".join(f"`{option}`" for option in given) or "neither"
            fault = needs.get(self.of, "needs `column`, and takes no condition")
            raise OptionError(f"{_OWNER}: {self.of!r} {fault}, got {got}")

    @property
    def default_name(self) -> str:
        """The kind of the gate, the statistic, and the column or condition.

        For example ``"statistic:mean:age"``.
        """
        subject = self.column or self.condition
        return ":".join([self.kind, self.of, *([short_name(subject)] if subject else [])])

    @property
    def _changes(self) -> dict[str, Limit]:
        """The limits of changes, by metric."""
        found = {"change": self.max_change, "relative_change": self.max_relative_change}
        return {metric: Limit(-most, most) for metric, most in found.items() if most is not None}

    @property
    def _rule(self) -> Rule:
        return "estimate" if self.of in _BY_ESTIMATE else self.decide_by

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count for the statistic, in all rows or in each slice."""
        yield from (counter for _, counter in self._counters(schema))

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Yield what to count in the reference, which is the same as in the data."""
        return self.counts(schema)

    def _counters(self, schema: TableSchema) -> Iterator[tuple[Part, Counter]]:
        column, condition = str(self.column), self.condition
        if self.of == "rows":
            condition = "true"
        elif condition is None and self.of == "rate":
            condition = str(Column(column))
        compiled = None if condition is None else Condition(condition)
        for part in parts_of(self.by, schema):
            yield part, counter_of(self.of, column, compiled, part)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks of the statistic in all rows, or in each slice."""
        schema, profile = evidence.source("data").schema, evidence.profile()
        self._check_kind(schema, "the table")
        reference = self._reference(evidence) if self._changes else None
        claims: dict[str, list[_Claim]] = {}
        for part, counter in self._counters(schema):
            with suppress_errors() as caught:  # the other slices are still judged
                theirs = None if reference is None else self._theirs(reference, part)
                pairs = self._pairs(self._results(profile, counter), theirs)
                named = list(named_groups(part, pairs, self.max_groups))
                found = [each for name, pair in named for each in self._claims(name, pair)]
            if caught.error is not None:
                yield error_check(self._subject, self.of, caught.error, part.name)
                continue
            for metric, claim in found:
                if isinstance(claim, Check):
                    yield claim
                else:
                    claims.setdefault(metric, []).append(claim)
        for metric, of_metric in claims.items():
            levels = (self.confidence,) * len(of_metric)
            if self._rule == "interval":
                levels = holm_levels(
                    [partial(self._is_beyond, claim) for claim in of_metric], self.confidence
                )
            for claim, level in zip(of_metric, levels, strict=True):
                yield self._judge(metric, claim, level)

    @property
    def _subject(self) -> str:
        return self.column or self.condition or self.of

    def _check_kind(self, schema: TableSchema, table: str) -> None:
        """Raise EvidenceError unless the column exists and has values that the statistic is for."""
        if self.column is None:
            return
        if self.column not in schema:
            hint = Near([self.column], schema).hint(self.column)
            raise EvidenceError(f"`{self.column}` is not in {table}{hint}")
        field = schema[self.column]
        if field.kind == "unreadable" and field.problem:
            raise EvidenceError(field.problem)
        if field.kind not in kinds_of(self.of):
            needed = {"rate": "bools", "distinct": "plain values"}.get(self.of, "numbers")
            advice = {
                "bool": "for a bool column use 'rate', the share of true values",
                "date": "check the newest value with `Freshness`, or the range with `Schema`",
                "timestamp": "check the newest value with `Freshness`, or the range with `Schema`",
            }.get(field.kind, "convert the column when the table is loaded")
            msg = f"`{self.of}` needs {needed}, but `{self.column}` of {table} has "
            msg += f"{described_type(field)}; {advice}"
            raise EvidenceError(msg)

    def _reference(self, evidence: Evidence) -> Reference:
        """Return the reference from which the gate reads its statistic.

        A profile (counts of a table) without those of this gate is converted to a baseline. If `by`
        or `condition` is given, a baseline raises EvidenceError, because these options need rows.
        """
        reference = evidence.reference()
        if isinstance(reference, Profile):
            self._check_kind(reference.schema, "the reference")
            if any(counter not in reference for _, counter in self._counters(reference.schema)):
                reference = Baseline.from_data(reference)
        if isinstance(reference, Baseline):
            if self.by is not None or self.condition is not None:
                what = "`by`" if self.by is not None else "`condition`"
                msg = f"the reference is a baseline or a profile, which has no rows for {what}; "
                msg += "pass the table itself"
                raise EvidenceError(msg)
            self._check_kind(reference.schema, "the reference")
        return reference

    def _theirs(self, reference: Reference, part: Part) -> dict[Any, _Result]:
        """Return the estimate (or the exception raised for it) of each group of the reference.

        The keys of the dict are the keys of the groups, and `part` says which rows are counted.
        """
        if isinstance(reference, Baseline):
            return {(): from_baseline(self.of, reference, str(self.column))}
        counters = self._counters(reference.schema)
        counter = next(c for other, c in counters if other.name == part.name)
        return self._results(reference, counter)

    def _results(self, profile: Profile, counter: Counter) -> dict[Any, _Result]:
        """Return the estimate (or the exception raised for it) of each group of rows by its key."""
        found: dict[Any, _Result] = {}
        for key, rows, state in _groups(profile, counter):
            with suppress_errors() as caught:  # the other groups are still judged
                found[key] = estimate(self.of, state, rows)
            if caught.error is not None:
                found[key] = caught.error
        return found

    def _pairs(self, ours: dict[Any, _Result], theirs: dict[Any, _Result] | None) -> list[_Pair]:
        """Pair the estimates of the two tables by group.

        `ours` are the estimates in the data, and `theirs` those in the reference. A group that is
        in only one table gets the estimate of no rows for the other table. If `theirs` is None, no
        reference is compared, and the second estimate of each pair is None.
        """
        empty = estimate("rows", None, 0) if self.of == "rows" else _NOTHING
        if theirs is None:
            return [_Pair(key, one, None) for key, one in ours.items()] or [_Pair((), empty, None)]
        whole = theirs.get((), empty)
        if set(theirs) <= {()} and isinstance(whole, Estimate) and not whole.n:
            what = "rows" if self.of == "rows" else f"values of `{self._subject}`"
            theirs = dict.fromkeys(ours or [()], EvidenceError(f"the reference has no {what}"))
        keys = dict.fromkeys([*ours, *theirs])
        return [_Pair(key, ours.get(key, empty), theirs.get(key, empty)) for key in keys]

    def _claims(self, group: str | None, pair: _Pair) -> Iterator[tuple[str, _Claim | Check]]:
        """Yield pairs of a metric and what is needed to check it in one group of rows.

        The second item is an ERROR check if the metric is not defined in the group.
        """
        ours, theirs = pair.ours, pair.theirs
        if isinstance(ours, BaseException):
            yield self.of, error_check(self._subject, self.of, ours, group)
            return
        if self.at_least is not None or self.at_most is not None:
            limit = Limit(self.at_least, self.at_most)
            why = ""
            if self.of == "std" and ours.n == 1:
                why = "a standard deviation needs at least two values"
            elif self._rule == "interval" and ours.interval(self.confidence) is None:
                why = _no_interval(ours)
            yield self.of, _Claim(group, ours, None, ours.value, limit, ours.interval, why)
        for metric, limit in self._changes.items():
            if isinstance(theirs, BaseException):
                yield metric, error_check(self._subject, metric, theirs, group)
                continue
            with suppress_errors() as caught:
                claim = self._change(metric, limit, group, ours, theirs or _NOTHING)
            if caught.error is not None:
                yield metric, error_check(self._subject, metric, caught.error, group)
            else:
                yield metric, claim

    def _change(
        self, metric: str, limit: Limit, group: str | None, ours: Estimate, theirs: Estimate
    ) -> _Claim:
        """Return what is needed to check the change of the statistic in one group of rows.

        `ours` is the estimate in the data, and `theirs` that in the reference.
        """
        claim = _Claim(group, ours, theirs, None, limit, lambda _: None, "")
        if theirs.value is None:
            return claim._replace(insufficient="the reference has no values to compare with")
        if ours.value is None:
            return claim
        relative = metric == "relative_change"
        value, interval = change(ours, theirs, relative=relative)
        claim = claim._replace(value=value, interval=interval)
        if self._rule == "interval" and interval(self.confidence) is None:
            why = _unbounded(theirs, self.confidence) if relative else ""
            claim = claim._replace(insufficient=why or _no_interval(ours, theirs))
        if theirs.bounds is not None:
            ends = (replace(theirs, value=end) for end in theirs.bounds)
            found = (change(ours, end, relative=relative)[0] for end in ends)
            if len({limit.holds(float(end)) for end in found}) > 1:
                low, high = map(format_number, theirs.bounds)
                why = f"the baseline only shows that `{self.of}` is between {low} and {high}"
                claim = claim._replace(insufficient=why)
        return claim

    def _is_beyond(self, claim: _Claim, level: float) -> bool:
        ends = claim.interval(level)
        known = claim.value is not None and not claim.insufficient and ends is not None
        return known and ends is not None and claim.limit.excludes(ends)

    def _judge(self, metric: str, claim: _Claim, level: float) -> Check:
        group, ours, theirs, exact, limit, interval, insufficient = claim
        is_change = metric in self._changes
        value, details = None, dict[str, object](missing=ours.missing)
        if exact is not None:
            scale = 0.0
            if metric == "change":
                # Both values are exact to 15 digits, so an error of 1e-15 of the larger one is
                # tolerated: 1e-12 (`ROUNDING`) of this scale.
                scale = 1e-3 * max(abs(float(each.value or 0)) for each in (ours, theirs or ours))
            value = _number(exact, limit, scale)
            if isinstance(exact, float):
                details |= before_rounding(exact, value, limit)
        ends = None if value is None else interval(level)
        if is_change and theirs is not None:
            details |= {"reference": _plain(theirs.value), "reference_n": theirs.n}
        measured = Measurement(
            value,
            n=ours.n,
            interval=ends,
            confidence=None if ends is None else level,
            method=ours.method,
            details=details,
        )
        unit: Unit = {"rate": "share", "rows": "rows"}.get(self.of, "")  # type: ignore[assignment]
        if is_change:
            unit = "share" if metric == "relative_change" or self.of == "rate" else ""
        by_interval = self._rule == "interval" and not insufficient
        needed = rows_needed(measured.value, ends, limit, ours.n, level) if by_interval else None
        if needed is not None:
            measured = replace(measured, details={**measured.details, "rows_needed": needed})
        remedy = enough(needed)
        if remedy and is_change:
            remedy += ", provided that the reference grows in the same proportion"
        if self.of.startswith(("median", "quantile")) and any(map(math.isinf, ends or ())):
            remedy = "there are too few values for an interval with two finite ends; pass more rows"
        # a table without rows can fail by their number, but not pass
        if self.of == "rows" and not ours.n and value is not None and limit.holds(value):
            insufficient = f"a {'table' if group is None else 'slice'} without rows can't pass; to "
            insufficient += "make it a FAIL, set `at_least` to 1 or more"
            claim = claim._replace(insufficient=insufficient)
        return Check.judge(
            self._subject,
            metric,
            measured,
            limit,
            rule=self._rule,
            min_n=0 if self.of == "rows" else 1,
            group=group,
            unit=unit,
            insufficient=insufficient,
            remedy=remedy,
            said=self._said(measured, claim, unit, metric),
        )

    def _said(self, measured: Measurement, claim: _Claim, unit: Unit, metric: str) -> str:
        """Return a sentence on what was measured.

        If the `metric` is a change, the sentence also gives both estimates.
        """
        ours, theirs, limit = claim.ours, claim.theirs, claim.limit
        own: Unit = {"rate": "share", "rows": "rows"}.get(self.of, "")  # type: ignore[assignment]
        what = "`rows`" if self.of == "rows" else f"`{self.of}` of `{self._subject}`"
        where = f"{what}{slice_clause(claim.group)}"
        shown = format_value(measured.value, limit, unit)
        interval = ""
        if measured.interval is not None:
            ends = format_interval(measured.interval, measured.confidence, unit, limit)
            interval = f"{ends}, "
        n = f"n = {ours.n:,}"
        text = f"{where} is {shown} ({interval}{n})"
        if metric in self._changes and theirs is not None:
            n += f" against {theirs.n:,} in the reference"
            text = f"{where} can't be compared ({n})"
            if measured.value is not None:
                before, now = (_plain(each.value) or 0 for each in (theirs, ours))
                first, second = _format_both(before, now, own)
                change = "a change"
                if self.of == "rate":
                    change = "an absolute change" if metric == "change" else "a relative change"
                text = f"{where} went from {first} to {second}, {change} of {shown} "
                text += f"({interval}{n})"
        if ours.missing:
            missing = number_of(ours.missing, "row has", "rows have")
            text += f"; {missing} a missing value (not counted)"
        decided = measured.value is not None and math.isfinite(measured.value)
        by_value = self.of in _BY_ESTIMATE and self.decide_by == "interval"
        # with an interval, the check itself says what the limit is compared with
        if by_value and measured.interval is None and decided and not claim.insufficient:
            text += "; decided by the value alone"
        return text


def _statistic(owner: str, option: str, given: object) -> str:
    """Return the name of a statistic; raise OptionError for an unknown one.

    `owner` and `option` are the names of the gate and of the option, for the message.
    """
    if isinstance(given, str) and given.startswith("quantile:"):
        share: object = given.removeprefix("quantile:")
        with suppress_errors():
            share = float(str(share))
        if not isinstance(share, float) or not 0 < share < 1:
            allowed = "'quantile:' and a share above 0 and below 1, such as 'quantile:0.95'"
            raise options.refuse(owner, option, allowed, given)
        return given
    if given == "quantile":
        raise options.refuse(owner, option, "a quantile such as 'quantile:0.95'", given)
    if not isinstance(given, str) or given not in _NAMES:
        known = (*_NAMES, "quantile:0.95")
        listed = f"one of {', '.join(map(repr, _NAMES))} or a quantile such as 'quantile:0.95'"
        raise options.refuse(owner, option, listed, given, options.did_you_mean(given, known))
    return given


def _distance(owner: str, option: str, given: object) -> float:
    return options.number(owner, option, given, at_least=0)


def _groups(profile: Profile, counter: Counter) -> list[tuple[Any, int, Any]]:
    """Return for each group of rows its key, its number of rows, and the result of `counter`.

    `counter` says what was counted. The key is the tuple of the group's values in the columns `by`.
    """
    state = profile[counter]
    if isinstance(state, RuleCounts):
        return [(group.key, group.rows, group) for group in state.groups]
    if isinstance(state, GroupedStates):
        return list(state.groups)
    return [((), profile.rows, state)]


def _unbounded(theirs: Estimate, confidence: float) -> str:
    """Return why a relative change has no interval, if the reference may be 0.

    The result is a clause. It is "" if the interval of the reference's statistic, `theirs`, does
    not contain 0.
    """
    ends = theirs.interval(confidence)
    if ends is None or not ends[0] <= 0 <= ends[1]:
        return ""
    low, high = map(format_number, ends)
    return (
        f"the interval of the reference, {low} to {high}, contains 0, so the relative change has "
        "no interval"
    )


def _no_interval(ours: Estimate, theirs: Estimate | None = None) -> str:
    """Return why a statistic or its change has no interval; "" if the cause is not known.

    `ours` is the estimate in the data, and `theirs` that in the reference, if they are compared.
    """
    for side, where in (
        (ours, "" if theirs is None else " of the data"),
        (theirs, " of the reference"),
    ):
        if side is None or side.value is None:
            continue
        why = "all values{} are equal" if side.is_constant else ""
        why = "there is only one value{}" if side.n == 1 else why
        if why:
            return (
                f"{why.format(where)}, so no confidence interval can be computed; set "
                "decide_by='estimate' to decide by the value alone"
            )
    return ""


def _format_both(before: float, now: float, unit: Unit) -> tuple[str, str]:
    """Return two values as strings, with enough digits to show whether they differ."""
    if before == now or not (math.isfinite(before) and math.isfinite(now)):
        return format_number(before, unit), format_number(now, unit)
    first = format_value(before, Limit(at_most=now), unit)
    return first, format_value(now, Limit(at_most=before), unit)


def _number(exact: Number, limit: Limit, scale: float) -> int | float:
    """Convert an exact value to an int or a float without moving it across the limit.

    A float that differs from the limit only by rounding, relative to `scale`, is replaced by the
    limit. Integers and fractions are compared exactly: a limit of 0.1 then means one tenth.
    """
    if isinstance(exact, int):
        return exact
    if isinstance(exact, float):
        return snap_to_limit(exact, limit, scale)
    low, high = (Fraction(repr(e)) if math.isfinite(e) else e for e in (limit.low, limit.high))
    nearest = float(exact)
    if exact > high:
        return max(nearest, math.nextafter(limit.high, math.inf))
    if exact < low:
        return min(nearest, math.nextafter(limit.low, -math.inf))
    return min(max(nearest, limit.low), limit.high)


def _plain(value: Number | None) -> int | float | None:
    return float(value) if isinstance(value, Fraction) else value
