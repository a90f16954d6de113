"""Metrics given as functions, a user's own or those of another library."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.metrics.difference import Change, resampled_change
from mlgates.metrics.metric import Estimate, Metric, rows_left
from mlgates.predictions import Need, Outcomes
from mlgates.stats.arrays import Counts, Values
from mlgates.stats.resampling import SEED, THIN, bca_interval, row_indices

Function = Callable[..., Any]
#: Bootstrap resamples; fewer from 10,000 rows on, because each calls the function once.
_DRAWS = 2_000
_DRAWS_OF_MANY = 500
_MANY = 10_000
#: Columns with more distinct values than these are not treated as classes.
_MOST_CLASSES = 20
_ROLES = {"y_true": "true", "y_pred": "pred", "y_score": "score", "sample_weight": "weight"}


@dataclass(frozen=True, eq=False, kw_only=True)
class FunctionMetric(Metric):
    """A function of true values and predictions or scores, which are passed by name.

    Parameters
    ----------
    function : callable
        Called with arrays; must return one finite number.
    roles : mapping
        For each parameter the array of `Outcomes` to pass: "true", "pred", "score" or "weight".
    """

    function: Function = field(repr=False)
    roles: Mapping[str, str] = field(repr=False)
    need: Need = "given"
    low: float = -math.inf
    high: float = math.inf
    interval: str = "bootstrap of the rows, BCa"

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the value of the function, and its interval by resampling the rows."""
        value = self._number(self._arrays(outcomes))
        if not confidence:
            return Estimate(value)
        of_rows = self.of_rows(outcomes)
        resampled = [of_rows(rows) for rows in _drawn_rows(outcomes)]
        left = [of_rows(rows) for rows in rows_left(outcomes.n)]
        found = bca_interval(value, resampled, left, confidence)
        details = {"seed": SEED, "resamples": len(resampled)}
        return Estimate(value, found.interval, f"bootstrap ({found.how})", details)

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Bootstrap the difference, with the same resampled rows for both models."""
        here, there = self.of_rows(candidate), self.of_rows(production)
        draws = [here(some) - there(some) for some in _drawn_rows(candidate)]
        left = [here(some) - there(some) for some in rows_left(candidate.n)]
        every = np.ones(candidate.n, np.bool_)
        value = here(every) - there(every)
        return resampled_change(value, np.array(draws), "paired bootstrap", np.array(left))

    def of_rows(self, outcomes: Outcomes) -> Callable[[Values], float]:
        """Return the metric as a function of rows; NaN if the user's function fails on them."""
        arrays = self._arrays(outcomes)

        def of_rows(rows: Values) -> float:
            try:
                return self._number({name: array[rows] for name, array in arrays.items()})
            except Exception:  # noqa: BLE001  (a user's function may fail on resampled rows)
                return math.nan

        return of_rows

    def _arrays(self, outcomes: Outcomes) -> dict[str, Values]:
        """Return the arguments of the function by name."""
        if outcomes.weight is not None and "weight" not in self.roles.values():
            msg = f"`sample_weight` was given, but `{self.name}` has no parameter `sample_weight`"
            raise EvidenceError(msg)
        given = {name: getattr(outcomes, role) for name, role in self.roles.items()}
        return {name: array for name, array in given.items() if array is not None}

    def _number(self, arrays: Mapping[str, Values]) -> float:
        """Return the value of the function; raise unless it is a finite number."""
        answer = self.function(**arrays)
        item = answer.item() if getattr(answer, "shape", None) == () else answer
        number = options.real(item)
        if number is None or not math.isfinite(number):
            got = type(answer).__name__ if number is None else number
            msg = f"`{self.name}` must return one finite number, got {got}"
            raise EvidenceError(msg)
        return float(number)


def _drawn_rows(outcomes: Outcomes) -> Iterator[Counts]:
    """Yield the row numbers of each resample, drawn within each class if one is rare."""
    draws = _DRAWS if outcomes.n <= _MANY else _DRAWS_OF_MANY
    strata, true = None, outcomes.true
    if true.ndim == 1 and true.dtype.kind != "f":
        try:
            _, codes, sizes = np.unique(true, return_inverse=True, return_counts=True)
        except TypeError:  # labels of several types
            pass
        else:
            if len(sizes) <= _MOST_CLASSES and sizes.min() < THIN:
                strata = codes.ravel()
    for batch in row_indices(outcomes.n, draws, np.random.default_rng(SEED), strata):
        yield from batch


def function_metric(
    function: Function, owner: str, *, greater_is_better: bool | None
) -> FunctionMetric:
    """Return the metric of a function, after checking its signature.

    Raises
    ------
    OptionError
        If it has no parameter ``y_true``, neither ``y_pred`` nor ``y_score`` (``y_prob``,
        ``y_proba``), or a required parameter other than these and ``sample_weight``.
    """
    inside = getattr(function, "func", function)  # of a partial function
    names = (getattr(each, "__name__", None) for each in (function, inside))
    name = next((each for each in names if isinstance(each, str)), type(inside).__name__)
    allowed = "a function with parameters `y_true`, `y_pred` or `y_score`, and `sample_weight`"
    try:
        parameters = inspect.signature(function).parameters.values()
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
    if needed - set(roles) or "true" not in roles.values() or len(answers) != 1:
        signature = f"`{name}({', '.join(p.name for p in parameters)})`"
        msg = f"{owner}: `metric` must be {allowed}, got {signature}"
        raise OptionError(msg)
    return FunctionMetric(
        name=name,
        greater_is_better=greater_is_better,
        function=function,
        roles=roles,
        scores=roles[answers[0]] == "score",
    )
