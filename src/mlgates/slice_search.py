"""Find slices, which are subsets of the rows, on which a model makes too many errors.

A slice that was found in some rows is tested on the other rows. If it was tested on the rows in
which it was found, its p-value would be too small, because the largest of many differences is large
by chance.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.evidence import Evidence
from mlgates.expressions.condition import Condition, column_text
from mlgates.metrics import find
from mlgates.metrics.classification import Share
from mlgates.predictions import lookup
from mlgates.profile.column import NUMBERS, ColumnView
from mlgates.profile.counter import BatchView
from mlgates.profile.groups import condition_answers
from mlgates.stats.arrays import Codes, Mask
from mlgates.stats.multiplicity import holm
from mlgates.stats.subgroups import MOST_GROUPS, excess_p_value, overlap, worst_groups
from mlgates.tables.columns import require_same_rows
from mlgates.tables.encoding import to_whole_numbers

__all__ = ["weak_slices"]

_OWNER = "weak_slices"
_SIGNIFICANCE = 0.05
#: Fewest rows of a slice in the half that is searched. Gates need 30 in all rows.
_LEAST = 15
#: Largest number of rows that are searched at once. The other rows are used to test the slices that
#: were found.
_MOST_ROWS = 10_000
_DEEPEST = 4
#: Shares of the values at which columns of numbers and times are cut.
_CUTS = (0.05, *(i / 10 for i in range(1, 10)), 0.95)
#: A cut is a short constant between two quantiles: for a share of 0.5, those at 0.49 and 0.51.
_NEAR = 0.01
#: In a column of whole numbers with at most this many different values, each value is tried, too.
_FEW = 20
#: Number of values of a column of strings that are tried. They are the most frequent ones.
_MOST_TEXTS = 50
_LONGEST_TEXT = 100
_MOST_DIGITS = 17
_WRITTEN = {"timestamp": "timestamp('{}')", "date": "date('{}')"}


def weak_slices(
    X: object,
    y_true: object,
    y_pred: object,
    metric: str,
    *,
    max_depth: int = 2,
    seed: int = 0,
    pos_label: object = None,
) -> dict[str, str]:
    """Return slices (subsets of the rows) on which a metric is significantly worse than elsewhere.

    Parameters
    ----------
    X : table
        A table of the columns that may define slices. The model need not use them.
    y_true, y_pred : array or str
        Labels and predicted labels, as one value per row or as the name of a column of `X`. Such a
        column defines no slices.
    metric : str
        A metric that is a share of rows, such as ``"accuracy"``, ``"recall"`` or
        ``"false_positive_rate"``.
    max_depth : int
        Largest number of conditions that are joined by "and", from 1 to 4.
    seed : int
        Seed of the random choice of the rows for each search.
    pos_label : object, optional
        The label that counts as positive, for metrics such as recall. By default it is 1 or True;
        for labels without 1 or True it is required.

    Returns
    -------
    dict of str to str
        At most three slices, the worst first: keys and values are the condition that defines the
        slice, such as ``"age <= 30"``. Give the dict to a gate as ``by=``. The dict is empty if no
        slice was found, which does not prove that the model is equally good on all slices.

    Raises
    ------
    OptionError
        For a metric that is not a share of rows, and for other invalid options.
    EvidenceError
        If `y_true` or `y_pred` does not have one value for each row of `X`, or names a column that
        `X` lacks. If `X` has no named columns besides these. If the metric needs `pos_label`, and
        it is not known.

    Notes
    -----
    Only the rows in the denominator of the metric are used, such as the positive rows for recall. A
    row is an error if it makes the metric worse: a wrong prediction for accuracy and recall, and a
    predicted positive for the false positive rate. So the error rate of a slice is 1 minus the
    metric, or the metric itself if less is better.

    There are two searches. The first one searches for slices in a random half of the rows, but in
    at most 10,000 rows. The second one searches in as many of the other rows. A condition compares
    numbers, dates or times with a quantile of the column, compares strings, bools or whole numbers
    with one value, or selects the rows in which a value is missing. Each search finds up to three
    candidates. A candidate is a condition, or several conditions joined by "and". Candidates have
    the largest log-likelihood ratios, which compare two hypotheses: different error rates inside
    and outside of the slice, and one error rate for all rows. The rows of earlier candidates are
    left out when the next one is searched for, and at least 15 of its rows must remain. Two
    candidates of the same search share less than half of the rows of the smaller one.

    Each candidate is tested on all rows that its search did not use, without the rows of earlier
    candidates of this search. The p-value is that of the hypergeometric distribution: the
    probability that the slice has at least as many errors if all errors are distributed over the
    rows at random. A candidate is returned if its p-value is at most 0.05 after Holm's correction
    [1]_ for the candidates of the same search, and Bonferroni's correction for two searches. If two
    of the remaining candidates, such as one of each search, share at least half of the rows of the
    smaller one, only the one with the smaller p-value is returned. If errors do not depend on the
    columns, the probability that the result is not empty is at most 5 %. Rows are assumed to be
    independent: if a person has several rows, use only one of them.

    Columns of identifiers or of free text define no slices, because no value is in enough rows.
    With fewer than 60 rows no slice can be found.

    References
    ----------
    .. [1] Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian
       Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> import mlgates as mg
    >>> X = {"age": list(range(20, 80)) * 10, "town": ["Bonn", "Ulm", "Jena"] * 200}
    >>> y_true = [0, 1] * 300
    >>> young = [age < 30 for age in X["age"]]
    >>> y_pred = [1 - y if is_young else y for y, is_young in zip(y_true, young)]
    >>> by = mg.weak_slices(X, y_true, y_pred, "accuracy")
    >>> list(by)
    ['age <= ...']
    >>> mg.Performance("accuracy", at_least=0.8, by=by).run(X=X, y_true=y_true, y_pred=y_pred)
    <GateResult 'performance:accuracy': FAIL, 1 checks>
    """
    share = find(metric, _OWNER)
    if not isinstance(share, Share) or share.overlap or share.greater_is_better is None:
        allowed = "a share of rows, such as 'accuracy' or 'recall'"
        raise options.refuse(_OWNER, "metric", allowed, metric)
    options.count(_OWNER, "max_depth", max_depth, at_least=1)
    if max_depth > _DEEPEST:
        allowed = f"a whole number from 1 to {_DEEPEST}"
        raise options.refuse(_OWNER, "max_depth", allowed, max_depth)
    options.count(_OWNER, "seed", seed, at_least=0)
    evidence = Evidence({"X": X, "y_true": y_true, "y_pred": y_pred, "pos_label": pos_label})
    outcomes = evidence.outcomes("labels")
    among, right = share.row_values(outcomes)
    wrong = right != share.greater_is_better
    labels = {name for name in (y_true, y_pred) if isinstance(name, str)}
    names = [name for name in lookup.column_names(evidence, "X") if name not in labels]
    if not names:
        msg = f"{_OWNER}: `X` has no named columns other than the labels and predictions; slices "
        msg += "are defined by named columns"
        raise EvidenceError(msg)
    given = np.arange(outcomes.n) if outcomes.kept is None else np.flatnonzero(outcomes.kept)
    rows, wrong = given[among], wrong[among]
    order = np.random.default_rng(seed).permutation(len(rows))
    cut = min(len(rows) // 2, _MOST_ROWS)
    table = _Table(evidence, names)
    found: dict[str, tuple[float, float]] = {}
    for start in (0, cut):  # either half is searched, and the other rows test what was found
        is_searched = np.zeros(len(rows), np.bool_)
        is_searched[order[start : start + cut]] = True
        for p, rate, text in _tested(table, rows, wrong, is_searched, max_depth):
            if 2 * p <= _SIGNIFICANCE and p <= found.get(text, (1.0, 0.0))[0]:
                found[text] = p, rate
    chosen: list[tuple[float, str, Mask]] = []
    for text, (_, rate) in sorted(found.items(), key=lambda pair: pair[1][0]):
        mask = table.mask(text, rows)
        if len(chosen) < MOST_GROUPS and not any(overlap(mask, other) for *_, other in chosen):
            chosen.append((rate, text, mask))
    return {text: text for _, text, _ in sorted(chosen, key=lambda one: one[:2], reverse=True)}


def _tested(
    table: "_Table", rows: Codes, wrong: Mask, is_searched: Mask, max_depth: int
) -> Iterator[tuple[float, float, str]]:
    """Yield the slices found in the rows that are searched, as tested on the other rows.

    A slice is a p-value after Holm's correction, the share of errors, and the condition. `wrong`
    says whether each of the `rows` is an error.
    """
    searched, others = rows[is_searched], rows[~is_searched]
    texts, masks = [], []
    for name in table.names:
        for text in _conditions(*table.taken(name, searched)):
            with suppress(OptionError, EvidenceError):  # it can't be written, or overflows
                mask = table.mask(text, searched)
                if _LEAST <= np.count_nonzero(mask) < len(mask):
                    texts.append(text)
                    masks.append(mask)
    groups = worst_groups(masks, wrong[is_searched], max_depth, _LEAST)
    found = [" and ".join(texts[i] for i in group) for group in groups]
    tested, left = wrong[~is_searched], np.ones(len(others), np.bool_)
    p_values, shares = [], []
    for text in found:
        mask = table.mask(text, others)
        counts = (tested & mask & left, mask & left, tested & left, left)
        p_values.append(excess_p_value(*(int(np.count_nonzero(each)) for each in counts)))
        shares.append(float(np.mean(tested[mask])) if mask.any() else 0.0)
        left &= ~mask
    yield from zip(holm(p_values).tolist(), shares, found, strict=True)


class _Table:
    """The columns of `X`, read as gates read them, without columns that can't be read."""

    def __init__(self, evidence: Evidence, names: list[str]) -> None:
        self._columns = {}
        for name in names:
            with suppress(EvidenceError):
                self._columns[name] = lookup.named_column(evidence, name)
        if not self._columns:
            lookup.named_column(evidence, names[0])  # raises
        for column in self._columns.values():
            require_same_rows(lookup.column_of(evidence, "y_true"), column)
        self.names = list(self._columns)
        self._last: tuple[Any, dict[str, ColumnView]] = (None, {})

    def taken(self, name: str, rows: npt.NDArray[np.intp]) -> tuple[str, ColumnView]:
        """Return the name of a column, and the values of this column in some rows."""
        if self._last[0] is not rows and not np.array_equal(self._last[0], rows):
            self._last = rows, {}
        views = self._last[1]
        if name not in views:
            column = self._columns[name]
            views[name] = ColumnView(column.array.take(pa.array(rows)), column.field)
        return name, views[name]

    def mask(self, text: str, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Return whether a condition is true, for each of some rows."""
        condition = Condition(text)
        views = dict(self.taken(name, rows) for name in condition.columns)
        return condition_answers(text, condition, BatchView(views, rows=len(rows)))[0]


def _conditions(name: str, view: ColumnView) -> Iterator[str]:
    """Yield conditions on a column: on missing values, frequent values and quantiles."""
    column, kind = column_text(name), view.field.kind
    if column is None:
        return
    if view.missing:
        yield f"{column} is missing"
    values = view.plain.drop_null()
    if kind == "bool":
        yield column
        yield f"not {column}"
    elif kind == "string":
        counted = sorted(
            (-pair["counts"], pair["values"]) for pair in pc.value_counts(values).to_pylist()
        )
        for _, text in counted[:_MOST_TEXTS]:
            if len(text) <= _LONGEST_TEXT:
                quoted = text.replace("'", "''")
                yield f"{column} == '{quoted}'"
    elif kind in NUMBERS or kind in _WRITTEN:
        if kind == "decimal":
            values = values.cast(pa.float64())
        elif kind != "float":
            values = to_whole_numbers(values)
        numbers = np.sort(values.to_numpy())
        numbers = numbers[~np.isnan(numbers)] if numbers.dtype.kind == "f" else numbers
        distinct, n = np.unique(numbers), len(numbers)
        if kind == "int" and len(distinct) <= _FEW:
            for value in distinct.tolist():
                yield f"{column} == {value}"
        cuts: dict[str, None] = {}
        for share in _CUTS if n else ():
            ends = (math.ceil((share + near) * n) - 1 for near in (-_NEAR, _NEAR))
            low, high = (numbers[min(max(end, 0), n - 1)] for end in ends)
            if low == high:  # cut between this value and the next one
                above = distinct[np.searchsorted(distinct, low, "right") :]
                if not len(above):
                    continue
                high = above[0]
            cuts[_between(low, high, view)] = None
        for cut in cuts:
            yield f"{column} <= {cut}"
            yield f"{column} > {cut}"


def _between(low: Any, high: Any, view: ColumnView) -> str:
    """Return a short constant that is at least the value `low` and less than `high`."""
    kind = view.field.kind
    if kind == "date":
        is_days = view.plain.type == pa.date32()
        return _WRITTEN[kind].format(np.datetime64(int(low), "D" if is_days else "ms").item())
    if kind == "timestamp":
        unit = view.plain.type.unit
        first, last = (np.datetime64(int(each), unit) for each in (low, high))
        midnight = last.astype("datetime64[D]").astype(first.dtype)
        moment = midnight if first <= midnight < last else first
        if moment.astype("datetime64[s]") == moment:
            moment = moment.astype("datetime64[s]")
        return _WRITTEN[kind].format(f"{moment}{'Z' if view.plain.type.tz else ''}")
    middle = float(low) / 2 + float(high) / 2
    for digits in range(1, _MOST_DIGITS):
        shortest = float(f"{middle:.{digits}g}")
        if low <= shortest < high and (kind != "int" or shortest.is_integer()):
            return f"{shortest:.{digits}g}" if kind != "int" else str(int(shortest))
    return str(int(low)) if kind == "int" else repr(float(low))
