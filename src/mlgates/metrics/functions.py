"""Metrics that are functions, of the user or of another library."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from mlgates import options
from mlgates.errors import EvidenceError, OptionError, suppress_errors
from mlgates.metrics.difference import Change, resampled_change
from mlgates.metrics.metric import Estimate, Metric, rows_left
from mlgates.predictions import Need, Outcomes
from mlgates.redaction import describe
from mlgates.stats.arrays import Codes, Counts, Floats, Values
from mlgates.stats.resampling import RESAMPLES, SEED, THIN, bca_interval, row_indices
from mlgates.stats.response_surface import resampled_statistic
from mlgates.verdict import format_number

Function = Callable[..., Any]
#: Fewer resamples give no interval of 95 %.
FEWEST_RESAMPLES = 40
#: Calls of the function on resamples for a decision by interval, from 10,000 rows on.
_DRAWS_OF_MANY = 500
_MANY = 10_000
#: Calls of the function on resamples for an interval that is only shown.
_DRAWS_SHOWN = 200
#: Number of resamples per block of rows that the jackknife leaves out to estimate the skewness, and
#: the largest number of blocks.
_JACKKNIFE = 4
_MOST_BLOCKS = 200
#: With at most this many distinct rows, resamples are drawn as counts of equal rows.
_MOST_CELLS = 50
#: Largest relative rounding error of a function if its rows are sorted.
_ROUNDING = 1e-9
PosLabel = Literal["no", "fixed", "optional", "required"]

#: Columns with more distinct values than these are not treated as classes.
_MOST_CLASSES = 20
_ROLES = {"y_true": "true", "y_pred": "pred", "y_score": "score", "sample_weight": "weight"}


@dataclass(frozen=True, eq=False, kw_only=True)
class FunctionMetric(Metric):
    """A metric that is a function of true values, and of predictions or scores.

    The function is called with arguments by name.

    Parameters
    ----------
    function : callable
        The function. It is called with arrays, and must return one finite number.
    roles : mapping
        A mapping from each parameter of the function to the array of `Outcomes` that it gets:
        "true", "pred", "score" or "weight".
    pos_label : {"no", "fixed", "optional", "required"}
        How the function gets the positive label. "no": it has no parameter for it. "optional" and
        "required": it has a parameter for it, with or without a default. "fixed": it is a
        `functools.partial` that already sets the positive label, or that sets an average over
        classes, which needs no positive label.
    on_calls : callable, optional
        Called to report progress, with the number of calls of `function` since the last report. The
        method ``calls(n)`` returns the expected number of calls for ``n`` rows. If fewer were
        needed, the difference is reported at the end, so that a progress bar reaches its end.
    need, binary, low, high, interval
        As in `Metric`.
    """

    function: Function = field(repr=False)
    roles: Mapping[str, str] = field(repr=False)
    pos_label: PosLabel = field(default="no", repr=False)
    on_calls: Callable[[int], object] = field(default=int, repr=False)
    need: Need = "given"
    binary: bool = True
    low: float = -math.inf
    high: float = math.inf
    interval: str = "BCa bootstrap of the rows"
    _draws: WeakKeyDictionary[Outcomes, "_Resamples"] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False
    )

    def calls(self, n: int) -> int:
        """Return how many calls of `function` the interval for `n` rows needs, for a progress bar.

        This is one call for each bootstrap resample, and one for each block of rows that the
        jackknife leaves out to correct the interval for skewness. If most rows are equal to other
        rows, usually fewer calls are made; the result does not take this into account.
        """
        draws = self._resamples(n)
        return draws + (min(n, _blocks(draws)) if n > 1 else 0)

    def _resamples(self, n: int) -> int:
        if self.resamples is not None:
            return self.resamples
        if not self.decides:
            return _DRAWS_SHOWN
        return RESAMPLES if n < _MANY else _DRAWS_OF_MANY

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value of `function`, and a confidence interval from resampled rows."""
        value = self._number(*self._arguments(outcomes))
        if not confidence:
            return Estimate(value)
        if outcomes not in self._draws:  # the same resamples give intervals of all levels
            self._draws[outcomes] = self._resampled(value, self.of_rows(outcomes), outcomes)
        drawn = self._draws[outcomes]
        found = bca_interval(value, drawn.values, drawn.left_out, confidence, drawn.times)
        details: dict[str, object] = {"seed": SEED, "resamples": len(drawn.values)}
        low, high = found.interval or (value, value)
        slack = _ROUNDING * max(1.0, abs(value))
        if not low - slack <= value <= high + slack:
            ends = f"{format_number(low)} to {format_number(high)}"
            details["no_interval"] = (
                f"resampling gives no interval for it: the value computed from all rows is outside "
                f"the interval of the resamples ({ends}); set decide_by='estimate'"
            )
            return Estimate(value, details=details)
        return Estimate(value, found.interval, f"bootstrap ({found.how})", details)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models, by the bootstrap.

        The same rows are resampled for both models.
        """
        here, there = self.of_rows(candidate), self.of_rows(production)

        def of_both(rows: Values) -> float:
            return here(rows) - there(rows)

        value = of_both(np.ones(candidate.n, np.bool_))
        drawn = self._resampled(value, of_both, candidate, production)
        return resampled_change(
            value, drawn.values, "paired bootstrap", drawn.left_out, drawn.times
        )

    def _resampled(
        self, value: float, of_rows: Callable[[Values], float], *models: Outcomes
    ) -> "_Resamples":
        """Compute the function `of_rows` on resamples, and on the rows without each block of rows.

        `value` is the result of `of_rows` for all rows. If most rows are equal to other rows, and
        their order makes no difference, the result depends only on how often each row occurs. Then
        resamples are drawn as tables of counts, and `of_rows` is called for few of them.
        """
        n, called = models[0].n, 0
        draws = self._resamples(n)

        def call(rows: Values) -> float:
            nonlocal called
            value = of_rows(rows)
            called += 1
            self.on_calls(1)
            return value

        strata = _rare_classes(models[0])
        arrays = [array for each in models for array in self._arguments(each)[0].values()]
        cells = _equal_rows(arrays, n)
        if cells is not None and math.isclose(
            call(np.argsort(cells, kind="stable")), value, rel_tol=_ROUNDING, abs_tol=_ROUNDING
        ):
            found = self._of_tables(call, cells, strata)
        else:
            batches = row_indices(n, draws, np.random.default_rng(SEED), strata)
            values = [call(rows) for batch in batches for rows in batch]
            left_out = [call(rows) for rows in rows_left(n, _blocks(draws))]
            found = _Resamples(np.array(values), np.array(left_out), np.ones(len(left_out)))
        self.on_calls(max(0, self.calls(n) - called))
        return found

    def _of_tables(
        self, call: Callable[[Values], float], cells: Codes, strata: Codes | None
    ) -> "_Resamples":
        """Compute the function `call` on resampled tables, which count equal rows.

        `cells` has one code per row, the same for equal rows. `strata` has the class of each row,
        if rows are resampled within each class; otherwise it is None. `left_out` of the result has
        one element for each group of equal rows, computed without one of them.
        """
        _, row, counts = np.unique(cells, return_index=True, return_counts=True)
        parts = np.zeros(len(row), np.intp) if strata is None else strata[row]
        draws, resamples = self._resamples(len(cells)), self.resamples or RESAMPLES
        tables = np.zeros((resamples, len(row)), np.int64)
        rng = np.random.default_rng(SEED)
        for part in np.unique(parts):
            among = np.flatnonzero(parts == part)
            size = counts[among].sum()
            tables[:, among] = rng.multinomial(size, counts[among] / size, resamples)

        def of_table(table: Counts) -> float:
            return call(np.repeat(row, table))

        values = resampled_statistic(of_table, tables, draws, len(np.unique(parts)))
        without = np.eye(len(row), dtype=np.int64)
        left_out = [of_table(counts - one) for one in without] if len(cells) > 1 else []
        return _Resamples(values, np.array(left_out), counts[: len(left_out)].astype(np.float64))

    def of_rows(self, outcomes: Outcomes) -> Callable[[Values], float]:
        """Return a function that computes the metric on some of the rows.

        Its argument has the numbers of the rows, which can be repeated, or is a mask of the rows.
        It returns NaN if the user's function raises an exception.
        """
        arrays, constants = self._arguments(outcomes)

        def of_rows(rows: Values) -> float:
            with suppress_errors():  # a user's function may fail on resampled rows
                part = {name: array[rows] for name, array in arrays.items()}
                return self._number(part, constants)
            return math.nan

        return of_rows

    def _arguments(self, outcomes: Outcomes) -> tuple[dict[str, Values], dict[str, object]]:
        """Return the arguments of the user's function.

        The first dict has the arguments with one value per row. The second one has `pos_label`, or
        is empty.
        """
        if outcomes.weight is not None and "weight" not in self.roles.values():
            raise EvidenceError(
                f"`sample_weight` was given, but `{self.name}` has no parameter `sample_weight`"
            )
        given = {name: getattr(outcomes, role) for name, role in self.roles.items()}
        arrays = {name: array for name, array in given.items() if array is not None}
        label = outcomes.pos_label
        if self.pos_label == "no" and self.scores and label is not None and outcomes.positive == 0:
            raise EvidenceError(
                f"the scores are those of the label {label!r}, but `{self.name}` has no parameter "
                f"`pos_label` and expects scores of the other label: pass `y_true` as 0 and 1, "
                f"with 1 for {label!r}"
            )
        if self.pos_label in ("no", "fixed") or (label is None and self.pos_label == "optional"):
            return arrays, {}
        if label is None:
            raise EvidenceError(f"`{self.name}` needs `pos_label`")
        return arrays, {"pos_label": label}

    def _number(self, arrays: Mapping[str, Values], constants: Mapping[str, object]) -> float:
        """Call the user's function; raise EvidenceError unless the result is a finite number."""
        with suppress_errors() as caught:
            answer = self.function(**arrays, **constants)
        if caught.error is not None:
            raise EvidenceError(
                f"the function `{self.name}` raised {describe(caught.error)}"
            ) from caught.error
        item = answer.item() if getattr(answer, "shape", None) == () else answer
        number = options.real(item)
        if number is None or not math.isfinite(number):
            got = type(answer).__name__ if number is None else number
            raise EvidenceError(f"`{self.name}` must return one finite number, got {got}")
        return float(number)


class _Resamples(NamedTuple):
    """The values of a function on resamples, and on the rows without each block of rows.

    `times` has the number of equal rows that each element of `left_out` counts for.
    """

    values: Floats
    left_out: Floats
    times: Floats


def _blocks(draws: int) -> int:
    """Return the number of blocks of rows that the jackknife leaves out in turn.

    The jackknife estimates the skewness for a BCa interval. The number of blocks grows with the
    number of resamples, `draws`, up to a maximum.
    """
    return min(_MOST_BLOCKS, draws // _JACKKNIFE)


def _rare_classes(outcomes: Outcomes) -> Codes | None:
    """Return the class of each row as a code if a class is rare, and None otherwise.

    Rows are then resampled within each class.
    """
    true = outcomes.true
    if true.ndim == 1 and true.dtype.kind != "f":
        _, codes, sizes = np.unique(true, return_inverse=True, return_counts=True)
        if len(sizes) <= _MOST_CLASSES and sizes.min() < THIN:
            return codes.ravel()
    return None


def _equal_rows(arrays: Iterable[Values], n: int) -> Codes | None:
    """Return one code per row, the same for equal rows; None if too many rows differ."""
    codes = np.zeros(n, np.intp)
    for array in arrays:
        if array.ndim != 1:
            return None
        more = np.unique(array, return_inverse=True)[1].ravel()
        codes = np.unique(codes * (int(more.max()) + 1) + more, return_inverse=True)[1].ravel()
        if codes.max() >= _MOST_CELLS:
            return None
    return codes


def function_metric(
    function: Function, owner: str, *, greater_is_better: bool | None
) -> FunctionMetric:
    """Return the metric for a function of the user, after checking the function's parameters.

    `owner` is the name of the gate, for messages.

    Raises
    ------
    OptionError
        If the function has no parameter ``y_true``, if it has none of the parameters ``y_pred``,
        ``y_score``, ``y_prob`` and ``y_proba`` or requires more than one of them, or if it requires
        any parameter other than these, ``sample_weight`` and ``pos_label``.
    """
    inside = getattr(function, "func", function)  # of a partial function
    names = (getattr(each, "__name__", None) for each in (function, inside))
    name = next((each for each in names if isinstance(each, str)), type(inside).__name__)
    allowed = (
        "a function with the parameter `y_true`, one of `y_pred` and `y_score`, and optionally "
        "`sample_weight` and `pos_label`"
    )
    try:
        parameters = tuple(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise options.refuse(owner, "metric", allowed, function) from None
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = {p.name for p in parameters if p.default is p.empty and p.kind not in variadic}
    roles: dict[str, str] = {}
    for p in parameters:
        role = "score" if p.name.startswith("y_prob") else _ROLES.get(p.name)
        if role is not None and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            roles[p.name] = role
    answers = [p for p, role in roles.items() if role in ("pred", "score")]
    if len(answers) > 1:  # keep the required one, or the first
        kept = [p for p in answers if p in needed] or answers[:1]
        roles = {p: role for p, role in roles.items() if p not in answers or p in kept}
        answers = kept
    if needed - {*roles, "pos_label"} or "true" not in roles.values() or len(answers) != 1:
        signature = f"`{name}({', '.join(p.name for p in parameters)})`"
        raise OptionError(f"{owner}: `metric` must be {allowed}, got {signature}")
    return FunctionMetric(
        name=name,
        greater_is_better=greater_is_better,
        function=function,
        roles=roles,
        pos_label=takes_pos_label(function, parameters),
        scores=roles[answers[0]] == "score",
    )


def takes_pos_label(function: Function, parameters: Iterable[inspect.Parameter]) -> PosLabel:
    """Return whether a function has the parameter `pos_label`: "no", "optional" or "required".

    The result is "fixed" for a `functools.partial` that sets `pos_label`, or that sets `average` to
    an average over classes. With such an average, scikit-learn's functions do not use `pos_label`,
    and warn if it is given.
    """
    fixed = getattr(function, "keywords", None) or {}
    if "pos_label" in fixed or fixed.get("average", "binary") != "binary":
        return "fixed"
    for p in parameters:
        if p.name == "pos_label" and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
            return "required" if p.default is p.empty else "optional"
    return "no"
