"""Draft a suite of gates from a reference table, for a person to review."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import permutations, product
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.types import is_decimal

from mlgates import options
from mlgates._gate import Gate
from mlgates.errors import EvidenceError, OptionError
from mlgates.expressions.condition import column_text
from mlgates.gates.completeness import Completeness
from mlgates.gates.drift import Drift
from mlgates.gates.performance import Performance
from mlgates.gates.rule import Rule
from mlgates.gates.schema import Column, Schema
from mlgates.gates.unique import Unique
from mlgates.printable import clean, number_of
from mlgates.profile.scan import Profile
from mlgates.suite import GateSuite
from mlgates.tables.encoding import to_whole_numbers
from mlgates.tables.field import Field, TableSchema
from mlgates.tables.rows import rows_like
from mlgates.tables.source import Source, as_source
from mlgates.verdict import format_number

__all__ = ["draft_toml", "infer_suite"]

_OWNER = "infer_suite"
#: Shares that a person would write.
_SHARES = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, *(i / 20 for i in range(1, 21)))
#: A value in this many rows of a table is in only one of two random halves in 1 of 64 draws.
_UNSEEN = 7
#: Whole numbers within a span of this size are codes, such as an hour of the day.
_WIDEST_CODES = 31
#: The set of strings is closed if each string has at least this many rows on average.
_FEWEST_A_VALUE = 10
#: A column with more different strings is free text.
_MOST_TEXTS = 100
_FEWEST_FOR_DRIFT = 200
#: With fewer rows, it may be a coincidence that two columns have an order or that no row is
#: repeated.
_FEWEST_FOR_RULE = 100
#: A column must have more different values than this to be compared with others for an order, and
#: at least this many to be an identifier.
_FEW = 20
#: Largest number of columns that are compared in pairs.
_MOST_ORDERED = 20
#: An order is no coincidence if it has this log-probability in rows that are paired at random.
_LOG_SURE = math.log(1e-9)
_PSI = 0.2
_AFTER = ("columns",)
_ID = re.compile(r"(^|[_ ])(id|key|uuid|index)$|Id$", re.IGNORECASE)


class _Drafted(NamedTuple):
    """A gate of the draft, and its comment in TOML, which says where its limits come from."""

    gate: Gate
    notes: list[str]


def infer_suite(
    reference: object, *, y_true: object = None, model: object = None, name: str = "suite"
) -> GateSuite:
    """Return a draft of a suite for tables like the reference, for a person to review.

    Parameters
    ----------
    reference : table
        A table of data that are known to be good, with at least one row, in any form that
        `GateSuite.run` takes as ``data=``. The gates of the draft pass on this table.
    y_true : str or array, optional
        The labels, as the name of a column of the reference or as one value per row. If it is a
        column, the draft has a separate drift gate for it, and tables without this column also
        pass, because labels often arrive later than features.
    model : object, optional
        A model. The draft then has a gate of its performance on the reference, and `y_true` is
        required. The features are the reference without the column `y_true`. The model must not be
        trained on the reference; otherwise the limit of this gate is too strict.
    name : str
        Name of the suite.

    Returns
    -------
    GateSuite
        The draft. It can contain these gates:

        - `Schema` under the name ``columns``, with the type of each column and whether its cells
          may be missing.
        - `Schema` under the name ``values``, with a range or a list of allowed values for each of
          these columns:

          - A column of numbers gets a range, unless it has identifiers or infinities, or all its
            values are equal. For whole numbers of which the largest is at most 31 more than the
            smallest, it is the range of the reference. For floats from 0 to 1 of which the largest
            is above 0.5, it is 0 to 1. Any other range is that of the reference, extended on each
            side by a quarter of its width and then to the next round number. If the reference has
            no negative numbers, the range has none, either. The same holds for positive numbers.
          - A column of strings gets a list of its values, if there are at most 20 distinct ones
            and, on average, at least 10 rows with each of them.

          The reference may lack rare values, so a small share of the values may break a rule. This
          share is 7 divided by the number of values in the column, rounded up to a round number
          such as 2 % or 15 %.
        - `Completeness` with limits for the number of rows and for missing cells. At least half the
          number of rows of the reference is required, rounded down. The share of missing cells in a
          column may be at most its share in the reference plus four standard errors, rounded up.
        - `Unique` for each column of identifiers. If there is no such column, `Unique` for whole
          rows, provided that the reference has at least 100 rows and no two are equal.
        - `Rule` for the order of two columns of times or whole numbers, such as ``start <= end``,
          if the order holds in all rows and is unlikely to hold by chance.
        - `Drift` by the population stability index (PSI) with a limit of 0.2, if the reference has
          at least 200 rows. Identifiers, columns of free text and columns that grow from row to row
          are left out.
        - `Performance`, if a model is given. For a classifier the metric is ROC AUC or, if this
          can't be measured, balanced accuracy. For a model that predicts numbers it is the mean
          absolute error. The limit lies beyond the worse end of the confidence interval: it is 1.5
          times as far from the value as this end, and is then rounded away from the value.

        Gates that name columns run only if the gate ``columns`` passes, because a column that is
        missing or of another type can't be compared. There is no `Freshness` gate, because an old
        reference would fail it, and no `Fairness` gate, because people must decide on its limit.

    Raises
    ------
    OptionError
        If `model` is given without `y_true`, if the column `y_true` is not in the reference, if the
        reference has no column names, or if `name` is invalid.
    EvidenceError
        If the reference is not a table or has no rows, or if no metric of the model can be
        measured.

    Examples
    --------
    >>> import mlgates as mg
    >>> trips = {"id": range(100, 160), "bikes": [1, 2, 3] * 20, "town": ["Bonn", "Ulm"] * 30}
    >>> suite = mg.infer_suite(trips)
    >>> suite.names
    ('columns', 'values', 'completeness', 'unique:id')
    >>> print(next(iter(suite.only("values"))).rules["bikes"])
    Column('int', at_least=1, at_most=3, max_invalid=0.15)
    >>> suite.run(data=trips).passed
    True
    """
    _, drafted = _drafted(reference, y_true, model)
    return GateSuite([gate for gate, _ in drafted], name=name)


def draft_toml(reference: object, *, y_true: object = None, name: str = "suite") -> str:
    """Return the draft of `infer_suite` as TOML, with comments that explain each limit.

    Examples
    --------
    >>> print(draft_toml({"town": ["Bonn", "Ulm"] * 30}))
    # A draft from 60 rows. Review each limit: the data show what was, not what is right.
    <BLANKLINE>
    [suite]
    name = "suite"
    ...
    """
    source = as_source(reference)
    rows, drafted = _drafted(source, y_true, None)
    written = GateSuite([gate for gate, _ in drafted], name=name).to_toml()
    head, *blocks = written.split("\n[[gates]]\n")
    text = f"# A draft from {number_of(rows, 'row')}. Review each limit: "
    text += f"the data show what was, not what is right.\n\n{head}"
    for block, (_, notes) in zip(blocks, drafted, strict=True):
        text += "".join(f"\n# {note}" for note in notes) + f"\n[[gates]]\n{block}"
    times = [name for name, field in source.schema.items() if field.kind == "timestamp"]
    if times:
        names = ", ".join(f"`{clean(each)}`" for each in times)
        text += f"\n# {names}: consider a Freshness gate, which old data would fail.\n"
    return text


def _drafted(reference: object, y_true: object, model: object) -> tuple[int, list[_Drafted]]:
    """Return the number of rows of the reference, and the drafted gates in their order."""
    source = as_source(reference)
    label = y_true if isinstance(y_true, str) else None
    if model is not None and y_true is None:
        raise OptionError(f"{_OWNER}: `y_true` is required with `model`")
    if label is not None and label not in source.schema:
        near = options.did_you_mean(label, source.schema)
        raise OptionError(
            f"{_OWNER}: `y_true` must be a column of the reference, got {label!r}{near}"
        )
    profile, sample = Profile.of(source, ()), next(source.batches())
    columns = {}
    for each, column in Schema.infer(source).rules.items():
        # that no value is infinite can't be judged in a column without values
        empty = column.dtype == "float" and profile.columns[each].missing == profile.rows
        columns[each] = replace(column, required=each != label, allow_inf=column.allow_inf or empty)
    notes = ["The type of each column, and whether it may have missing cells."]
    if label is not None:
        notes.append("The labels may be absent, because they often arrive later than features.")
    types = {name: replace(column, isin=None) for name, column in columns.items()}
    drafted = [
        _Drafted(Schema(types, name="columns"), notes),
        *_values(columns, profile, sample),
        _completeness(profile),
    ]
    drafted += _kept(source, _candidates(source.schema, sample, label))
    if model is not None:
        # a stream was read by `as_source`, and can't be read again
        X, truth = reference if source.native is None else source.native, y_true
        if label is not None:
            table = rows_like(X)
            if not table.named:
                raise OptionError(
                    f"{_OWNER}: `y_true` must be an array if columns of the reference have no names"
                )
            X = table.reordered([i for i, name in enumerate(table.names) if name != label])
            truth = source.arrow([label])[label]
        drafted.append(_performance(X, truth, model))
    return profile.rows, drafted


def _values(types: Mapping[str, Column], profile: Profile, sample: pa.Table) -> list[_Drafted]:
    """Return the gate of ranges of numbers and of allowed strings, in a list.

    `types` has the type of each column and the strings that occur in it, and `sample` has the first
    rows. The list is empty if no column has a range or a set of strings.
    """
    columns: dict[str, Column | str] = {}
    notes = [
        "Ranges are those of the reference with a margin of a quarter, rounded. Whole numbers",
        f"with a span of at most {_WIDEST_CODES}, and texts with few values, have no margin.",
        f"max_invalid is the share of {_UNSEEN} values of the reference: values so rare may be",
        "absent by chance. Smallest and largest values in the reference:",
    ]
    for name, column in types.items():
        seen, limits = profile.columns[name], dict[str, Any]()
        present = seen.rows - seen.missing
        if column.isin is not None:
            if len(tuple(column.isin)) * _FEWEST_A_VALUE <= present:
                limits = {"isin": column.isin}
        elif seen.min is not None and not _is_identifier(name, seen.field, sample[name]):
            bounds = _bounds(seen.min, seen.max, column.dtype)
            if bounds is not None:
                limits = {"at_least": bounds[0], "at_most": bounds[1]}
                notes.append(f"  {clean(name)}: {_number(seen.min)} to {_number(seen.max)}")
        if limits:
            rare = _share_above(_UNSEEN / present)
            columns[name] = replace(column, max_invalid=rare, **limits)
    if not columns:
        return []
    return [_Drafted(Schema(columns, extra="allow", name="values", after=_AFTER), notes)]


def _bounds(low: Any, high: Any, dtype: str) -> tuple[int, int] | tuple[float, float] | None:
    """Return an allowed range for numbers, from the smallest (`low`) and the largest (`high`).

    The range has a margin of a quarter of ``high - low`` on both sides, and its ends are round
    numbers. Integers with few possible values get no margin, and numbers that look like shares get
    0 to 1. The result is None if all values are equal or are not numbers, or if an end is infinite.
    """
    whole = dtype == "int"
    if dtype not in ("int", "float", "number") or low == high:
        return None
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    low, high = Fraction(low), Fraction(high)
    span = high - low
    if whole and span <= _WIDEST_CODES:
        return int(low), int(high)
    if not whole and low >= 0 and Fraction(1, 2) < high <= 1:  # a share, or scaled to 1
        return 0.0, 1.0
    # the largest of 1, 2 and 5 times a power of ten that is at most an eighth of the span
    eighth = span / 8
    exponent = len(str(eighth.numerator)) - len(str(eighth.denominator))
    powers = (Fraction(10) ** (exponent - 1), Fraction(10) ** exponent)
    step = max(n * power for n in (1, 2, 5) for power in powers if n * power <= eighth)
    step = max(step, Fraction(1)) if whole else step
    least = math.floor((low - span / 4) / step) * step
    most = math.ceil((high + span / 4) / step) * step
    if low >= 0:
        least = max(least, Fraction(0))
    if high <= 0:
        most = min(most, Fraction(0))
    if whole:
        return int(least), int(most)
    try:
        return float(least), float(most)
    except OverflowError:
        return None


def _completeness(profile: Profile) -> _Drafted:
    """Return the gate of missing cells and of the number of rows."""
    n, limits, notes = profile.rows, dict[str, float](), []
    for name, column in profile.columns.items():
        if column.missing:
            share = column.missing / n
            limits[name] = _share_above(share + 4 * math.sqrt(share * (1 - share) / n))
            notes.append(f"  {clean(name)}: {format_number(share, 'share')} missing")
    unit = 10 ** max(0, math.floor(math.log10(n / 2)) if n > 1 else 0)
    least = max(1, n // 2 // unit * unit)
    head = [f"min_rows is about half the {n:,} rows of the reference."]
    if limits:
        head += ["max_missing is the share of missing cells + four standard errors, rounded up:"]
    gate = Completeness(min_rows=least)
    if limits:  # it names columns, which must be there
        gate = replace(gate, max_missing=limits | {"*": 0.0}, after=_AFTER)
    return _Drafted(gate, [*head, *notes])


def _candidates(schema: TableSchema, sample: pa.Table, label: str | None) -> list[_Drafted]:
    """Return the gates that hold in the first rows (`sample`), to be tried on all rows.

    These are `Unique`, `Rule` and `Drift`. `label` is the column of labels, or None.
    """
    names = [
        name
        for name, field in schema.items()
        if name != label and _is_identifier(name, field, sample[name])
    ]
    drafted = [
        _Drafted(Unique(name, after=_AFTER), ["No value is repeated in the reference."])
        for name in names
    ]
    if not names and len(sample) >= _FEWEST_FOR_RULE:
        drafted.append(_Drafted(Unique(after=_AFTER), ["No row is repeated in the reference."]))
    notes = ["This holds in all rows of the reference, and would not if the values were shuffled."]
    drafted += [
        _Drafted(Rule(each, after=_AFTER), notes) for each in _orders(schema, sample, label)
    ]
    if len(sample) < _FEWEST_FOR_DRIFT:
        return drafted
    left_out = [
        name
        for name, field in schema.items()
        if name in names or _is_free_text(field, sample[name]) or _grows(field, sample[name])
    ]
    features = [name for name in left_out if name != label]
    notes = [f"A PSI above {_PSI} is usually taken as a major change."]
    if features:
        notes += ["Left out: identifiers, free texts, and columns that grow from row to row."]
    exclude = tuple(features)
    if label is not None:
        notes += ["The labels have a Drift gate of their own."]
        exclude = (*features, label)
    drafted.append(_Drafted(Drift("psi", at_most=_PSI, exclude=exclude, after=_AFTER), notes))
    if label is not None and label not in left_out:
        gate = Drift("psi", at_most=_PSI, columns=[label], name="label_drift", after=_AFTER)
        notes = ["A gate of its own, because labels often arrive later than features."]
        drafted.append(_Drafted(gate, notes))
    return drafted


def _kept(source: Source, drafted: list[_Drafted]) -> list[_Drafted]:
    """Return those of the drafted gates that pass when the reference is compared with itself.

    All its rows are read. Columns that `Drift` can't decide on are added to its option `exclude`.
    """
    if not drafted:
        return []
    # names that differ only in case are one name for a suite
    distinct = {str(each.gate.name).casefold(): each for each in reversed(drafted)}
    drafted = [*reversed(distinct.values())]
    gates = [replace(each.gate, after=()) for each in drafted]
    report = GateSuite(gates).run(data=source, reference=source)
    kept = []
    for each, result in zip(drafted, report.results, strict=True):
        gate = each.gate
        if isinstance(gate, Drift) and gate.columns is None:
            undecided = {check.subject for check in result.checks if not check.passed}
            if undecided >= {check.subject for check in result.checks}:
                continue
            gate = replace(gate, exclude=(*gate.exclude, *sorted(undecided)))
        elif not result.passed:
            continue
        kept.append(_Drafted(gate, each.notes))
    return kept


def _orders(schema: TableSchema, sample: pa.Table, label: str | None) -> list[str]:
    """Return conditions ``a <= b`` on two columns that hold in all rows of `sample`.

    A condition is left out if it would probably also hold after the values of one column are
    shuffled, or if it follows from two others, as ``a <= c`` does from ``a <= b`` and ``b <= c``.
    Columns of few different values and the column `label` are not compared.
    """
    values: dict[str, Any] = {}
    for name, field in schema.items():
        operand = None if name == label else column_text(name)
        # integers beyond 64 bits are stored as decimals
        ordered = field.kind in ("int", "timestamp", "date") and not is_decimal(sample[name].type)
        if operand is None or not ordered:
            continue
        if len(values) < _MOST_ORDERED and len(sample[name].unique()) > _FEW:
            values[operand] = to_whole_numbers(sample[name]).to_numpy(), field
    found: dict[tuple[str, str], None] = {}
    for (a, (left, one)), (b, (right, other)) in permutations(values.items(), 2):
        both = ~(np.isnan(left) | np.isnan(right))
        smaller, larger = left[both], right[both]
        kept = len(smaller) >= _FEWEST_FOR_RULE and bool(np.all(smaller <= larger))
        # a count that is never equal to its total is probably no part of it
        touches = one.kind != "int" or bool(np.any(smaller == larger))
        if one.type != other.type or not kept or not touches or np.array_equal(smaller, larger):
            continue
        by_chance = np.searchsorted(np.sort(smaller), larger, "right").mean() / len(smaller)
        if len(smaller) * math.log(by_chance) < _LOG_SURE:
            found[a, b] = None
    reached = {(a, c) for (a, b), (other, c) in product(found, found) if b == other}
    return [f"{a} <= {b}" for a, b in found if (a, b) not in reached]


def _is_identifier(name: str, field: Field, column: pa.ChunkedArray) -> bool:
    """Return whether a column looks like an identifier in the first rows: no value repeats.

    A string must not contain white space. The span of whole numbers must be less than ten times the
    number of rows, or the name of the column must say that it is an identifier, as ``user_id``
    does.
    """
    if field.kind not in ("int", "string") or len(column) < _FEW or column.null_count:
        return False
    if len(column.unique()) < len(column):
        return False
    if field.kind == "string":
        return not pc.any(pc.match_substring_regex(column.cast(pa.large_string()), r"\s")).as_py()
    ends = pc.min_max(column).as_py()
    return ends["max"] - ends["min"] < 10 * len(column) or bool(_ID.search(name))


def _is_free_text(field: Field, column: pa.ChunkedArray) -> bool:
    """Return whether a column has too many different strings for a comparison by `Drift`."""
    return field.kind == "string" and len(column.unique()) > min(_MOST_TEXTS, len(column) // 5)


def _grows(field: Field, column: pa.ChunkedArray) -> bool:
    """Return whether the numbers of a column never fall from row to row, as those of a counter.

    The result is False for a column with few different values.
    """
    if field.kind not in ("int", "float") or len(column.unique()) <= len(column) // 10:
        return False
    values = column.drop_null().to_numpy()
    return bool(np.all(values[1:] >= values[:-1]))


def _performance(X: object, y_true: Any, model: object) -> _Drafted:
    """Return a `Performance` gate for the first metric that can be measured with the model.

    Its limit is a little worse than the interval of the metric on the reference.
    """
    names: tuple[str, ...] = ("roc_auc", "balanced_accuracy", "mean_absolute_error")
    if not (hasattr(model, "predict_proba") or hasattr(model, "classes_")):
        names = ("mean_absolute_error", "balanced_accuracy")
    for name in names:
        lower = name != "mean_absolute_error"
        # the widest limit, so that the metric is only measured
        widest: dict[str, Any] = {"at_least": 0.0} if lower else {"at_most": 1e300}
        check = Performance(name, **widest).run(X=X, y_true=y_true, model=model).checks[0]
        if check.value is None or check.interval is None or not check.passed:
            reason = check.reason
            continue
        end = check.interval[0 if lower else 1]
        limit = end + (end - check.value) / 2
        step = 0.01 if lower else 10.0 ** (math.floor(math.log10(limit)) - 1)
        rounded = round((math.floor if lower else math.ceil)(limit / step) * step, 12)
        bound: dict[str, Any] = {"at_least" if lower else "at_most": max(rounded, 0.0)}
        low, high = map(_number, check.interval)
        note = f"{name} is {_number(check.value)} on the reference, interval {low} to {high}."
        return _Drafted(Performance(name, **bound), [note])
    raise EvidenceError(
        f"{_OWNER}: no metric of `model` can be measured on the reference: {reason}"
    )


def _share_above(share: float) -> float:
    """Return the smallest of the shares in `_SHARES` that is at least `share`, or 1."""
    return next(each for each in _SHARES if each >= share or each == 1)


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{float(value):.6g}"
