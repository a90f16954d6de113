"""Metrics that are a user's function, or one of another library."""

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.metrics.metric import Estimate, Metric
from mlgates.predictions import Need, Outcomes
from mlgates.stats.resampling import THIN, bca_interval, row_indices

__all__ = ["FunctionMetric", "drawn_rows", "function_metric", "rows_left"]

Function = Callable[..., Any]
#: Draws: of few rows, and of many, where a function of the user's may take its time.
_DRAWS = 2_000
_DRAWS_OF_MANY = 500
_MANY = 10_000
#: Blocks of rows that are left out in turn, where there are more rows than that.
_BLOCKS = 200
#: More different values than these are no classes.
_MOST_CLASSES = 20


@dataclass(frozen=True, eq=False, kw_only=True)
class FunctionMetric(Metric):
    """A function of truth and predictions, or scores, which are passed by name.

    Parameters
    ----------
    function : callable
        Gives one finite number.
    roles : mapping
        What each of its parameters is given: "true", "pred", "score" or "weight".
    """

    function: Function = field(repr=False)
    roles: Mapping[str, str] = field(repr=False)
    need: Need = "given"
    low: float = -math.inf
    high: float = math.inf
    interval: str = "bootstrap of the rows, BCa"

    def estimate(self, outcomes: Outcomes, confidence: float, seed: int) -> Estimate:
        """Return what the function says, and its interval by resampling the rows."""
        value = self._number(self._call(self._arrays(outcomes)))
        if not confidence:
            return Estimate(value)
        told = self.of_rows(outcomes)
        resampled = [told(rows) for rows in drawn_rows(outcomes, seed)]
        left = [told(rows) for rows in rows_left(outcomes.n)]
        found = bca_interval(value, resampled, left, confidence)
        details = {"seed": seed, "resamples": len(resampled)}
        return Estimate(value, found.interval, f"bootstrap ({found.how})", details)

    def of_rows(self, outcomes: Outcomes) -> Callable[[npt.NDArray[Any]], float]:
        """Return what the function says of some rows; NaN where it can't say."""
        arrays = self._arrays(outcomes)
        return lambda rows: self._tried(arrays, rows)

    def _arrays(self, outcomes: Outcomes) -> dict[str, npt.NDArray[Any]]:
        known = {
            "true": outcomes.true,
            "pred": outcomes.pred,
            "score": outcomes.score,
            "weight": outcomes.weight,
        }
        if outcomes.weight is not None and "weight" not in self.roles.values():
            msg = f"`{self.name}` has no parameter `sample_weight`, and `sample_weight` was given"
            raise EvidenceError(msg)
        found = {name: known[role] for name, role in self.roles.items()}
        return {name: array for name, array in found.items() if array is not None}

    def _call(self, arrays: Mapping[str, npt.NDArray[Any]]) -> Any:
        return self.function(**arrays)

    def _number(self, answer: Any) -> float:
        item = answer.item() if getattr(answer, "shape", None) == () else answer
        number = options.real(item)
        if number is None:
            self._refuse(f"got {type(answer).__name__}")
        if not math.isfinite(number):
            self._refuse(f"got {number}")
        return float(number)

    def _refuse(self, got: str) -> NoReturn:
        msg = f"`{self.name}` must return one finite number, {got}"
        raise EvidenceError(msg)

    def _tried(self, arrays: Mapping[str, npt.NDArray[Any]], rows: npt.NDArray[Any]) -> float:
        """Return the number of some rows; NaN where it can't be had."""
        try:
            return self._number(self._call({name: array[rows] for name, array in arrays.items()}))
        except Exception:  # noqa: BLE001  (what resampled rows do to a user's function)
            return math.nan


def drawn_rows(outcomes: Outcomes, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of each resample: 2,000 of few rows, 500 of many."""
    draws = _DRAWS if outcomes.n <= _MANY else _DRAWS_OF_MANY
    rng = np.random.default_rng(seed)
    for batch in row_indices(outcomes.n, draws, rng, _strata(outcomes.true)):
        yield from batch


def rows_left(n: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Yield which rows are left without one of them each, or of many without one block each."""
    blocks = np.arange(n) % min(n, _BLOCKS)
    for block in range(min(n, _BLOCKS) if n > 1 else 0):
        yield blocks != block


def _strata(true: npt.NDArray[Any]) -> npt.NDArray[np.intp] | None:
    """Return codes of the classes where one of them is thin; None for numbers and thick ones."""
    if true.ndim != 1 or true.dtype.kind == "f":
        return None
    try:
        _, codes, sizes = np.unique(true, return_inverse=True, return_counts=True)
    except TypeError:  # labels of several types
        return None
    classes = len(sizes) <= _MOST_CLASSES and sizes.min() < THIN
    return codes.ravel() if classes else None


def _role(parameter: str) -> str:
    if parameter in ("y_true", "y_pred", "sample_weight"):
        return {"y_true": "true", "y_pred": "pred", "sample_weight": "weight"}[parameter]
    return "score" if parameter == "y_score" or parameter.startswith("y_prob") else ""


def function_metric(
    function: Function, owner: str, *, greater_is_better: bool | None
) -> FunctionMetric:
    """Return the metric that a function makes; its signature is read here, once.

    Raises
    ------
    OptionError
        For a function that asks for anything but ``y_true``, ``y_pred`` or ``y_score`` (``y_prob``,
        ``y_proba``), and ``sample_weight``.
    """
    name = _name(function)
    allowed = "a function with parameters `y_true`, `y_pred` or `y_score`, and `sample_weight`"
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        raise options.refuse(owner, "metric", allowed, function) from None
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    roles = {p.name: _role(p.name) for p in parameters if p.kind in named and _role(p.name)}
    asked = {p.name for p in parameters if p.default is p.empty and p.kind not in _MORE}
    told = [p for p, role in roles.items() if role in ("pred", "score")]
    if len(told) > 1:  # the one without a default, or the first
        needed = [p for p in told if p in asked] or told[:1]
        roles = {p: role for p, role in roles.items() if p not in told or p in needed}
        told = needed
    if asked - set(roles) or "true" not in roles.values() or len(told) != 1:
        said = f"`{name}({', '.join(p.name for p in parameters)})`"
        msg = f"{owner}: `metric` must be {allowed}, got {said}"
        raise OptionError(msg)
    return FunctionMetric(
        name=name,
        greater_is_better=greater_is_better,
        function=function,
        roles=roles,
        scores=roles[told[0]] == "score",
    )


_MORE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _name(function: Any) -> str:
    """Return a function's name; of a partial one, that of the function inside."""
    name = getattr(function, "__name__", None)
    if isinstance(name, str):
        return name
    inside = getattr(function, "func", None)
    return type(function).__name__ if inside is None else _name(inside)
