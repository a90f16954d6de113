"""How a difference between two models is spread, where it is had from resamples of the rows."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.metrics.counts import CountMetric
from mlgates.metrics.functions import FunctionMetric, drawn_rows, rows_left
from mlgates.metrics.metric import Metric, RowMetric
from mlgates.predictions import Outcomes
from mlgates.stats.resampling import (
    RESAMPLES,
    THIN,
    Resampled,
    bca_interval,
    multinomial_cells,
    percentile_interval,
    row_counts,
)

__all__ = ["Change", "Ends", "of_cells", "of_functions", "of_rows"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Ends = tuple[float, float] | None

#: Numbers in the tables that one step of resampling makes.
_BATCH = 1 << 22
#: Rows of a subset that stands for many rows, rows of its smallest class, and how many subsets.
_SUBSET = 10_000
_OF_A_CLASS = 200
_SUBSETS = 10


@dataclass(frozen=True, eq=False, kw_only=True)
class Change:
    """How a difference is spread: its interval at any level, and the test that it is nothing.

    The value is given where it can be had without the rounding of a subtraction.
    """

    method: str
    ends: Callable[[float], Ends]
    value: float | None = None
    p_value: float | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", cache(self.ends))  # a level is asked for more than once


def of_cells(metric: CountMetric, candidate: Outcomes, production: Outcomes, seed: int) -> Change:
    """A multinomial draw over the cells of (true, candidate's, production's label).

    One row is added, half of it gained and half lost, as Agresti and Min do for paired shares:
    where few rows are discordant, draws of these alone vary too little. Where a rare class counts
    for as much as the others, one row is added to each.
    """
    joint = _Joint.of(candidate, production)
    positive = metric.positive(candidate)
    value = float(joint.difference(metric, positive, joint.counts[None])[0])
    more = joint.with_a_row(each=metric.alike)
    batches = multinomial_cells(more.counts, RESAMPLES, np.random.default_rng(seed))
    draws = np.concatenate([more.difference(metric, positive, batch) for batch in batches])
    return _Draws(value, draws).change("multinomial", seed)


@dataclass(frozen=True, eq=False)
class _Joint:
    """The filled cells of (true, candidate's, production's label), and the rows in each."""

    k: int
    counts: Floats
    candidate: Codes  # of each filled cell: its cell of the candidate's table
    production: Codes

    @classmethod
    def of(cls, candidate: Outcomes, production: Outcomes) -> "_Joint":
        true, mine = candidate.true, candidate.pred
        theirs, k = _recoded(production, candidate)
        cells, at = np.unique((true * k + mine) * k + theirs, return_inverse=True)
        sums = np.bincount(at.ravel(), candidate.weight, minlength=len(cells))
        counts = sums * (candidate.effective / sums.sum())
        filled = counts > 0
        pair, q = np.divmod(cells[filled], k)
        return cls(k, counts[filled], pair, pair // k * k + q)

    def with_a_row(self, *, each: bool) -> "_Joint":
        """The cells with half a row more that the candidate alone has right, and half a row less.

        They are shared out to the true classes as the rows are, or given to each of them; the model
        that is wrong tells the class that is most often told wrongly there, by either model.
        """
        true = np.arange(self.k)
        rows = np.bincount(self.candidate // self.k, self.counts, minlength=self.k)
        told = np.zeros((self.k, self.k))
        for cell in (self.candidate, self.production):
            np.add.at(told, (cell // self.k, cell % self.k), self.counts)
        told += 1e-9 * told.sum(0) + 1e-18  # where none is wrong, the class that is told most
        np.fill_diagonal(told, 0.0)
        right, wrong = true * self.k + true, true * self.k + told.argmax(1)
        half = (rows > 0) / 2 if each else rows / rows.sum() / 2
        some = half > 0
        return _Joint(
            self.k,
            np.concatenate([self.counts, half[some], half[some]]),
            np.concatenate([self.candidate, right[some], wrong[some]]),
            np.concatenate([self.production, wrong[some], right[some]]),
        )

    def difference(self, metric: CountMetric, positive: int | None, counts: Floats) -> Floats:
        """The metric of the candidate minus that of production, for each row of counts."""
        step = max(1, _BATCH // self.k**2)
        found = [
            self._values(metric, positive, counts[start : start + step], self.candidate)
            - self._values(metric, positive, counts[start : start + step], self.production)
            for start in range(0, len(counts), step)
        ]
        return np.concatenate(found)

    def _values(
        self, metric: CountMetric, positive: int | None, counts: Floats, cell: Codes
    ) -> Floats:
        order = np.argsort(cell, kind="stable")
        filled, starts = np.unique(cell[order], return_index=True)
        tables = np.zeros((len(counts), self.k**2))
        tables[:, filled] = np.add.reduceat(counts[:, order], starts, axis=1)
        return metric.of_cells(tables.reshape(-1, self.k, self.k), positive)


def _recoded(production: Outcomes, candidate: Outcomes) -> tuple[Codes, int]:
    """Production's predictions by the candidate's codes, and how many classes there are in all."""
    codes = {label: code for code, label in enumerate(candidate.classes)}
    own = [codes.setdefault(label, len(codes)) for label in production.classes]
    return np.array(own, np.intp)[production.pred], len(codes)


@dataclass(frozen=True, eq=False)
class _Draws:
    """A difference, and what it is in resamples; without one row (or block of rows) each."""

    value: float
    draws: Floats
    left_out: Floats | None = None

    def change(self, what: str, seed: int) -> Change:
        """The change that these show."""
        known = self.draws[~np.isnan(self.draws)]
        fewer = min(np.count_nonzero(known <= 0), np.count_nonzero(known >= 0))
        return Change(
            method=f"{what} ({self._found(0.95).how})",
            ends=self.ends,
            p_value=min(1.0, 2 * (int(fewer) + 1) / (len(known) + 1)),
            details={"seed": seed, "resamples": len(self.draws)},
        )

    def ends(self, confidence: float) -> Ends:
        """The interval at a level, which holds the difference itself."""
        ends = self._found(confidence).interval
        return None if ends is None else (min(ends[0], self.value), max(ends[1], self.value))

    def _found(self, confidence: float) -> Resampled:
        if self.left_out is not None:
            return bca_interval(self.value, self.draws, self.left_out, confidence)
        return percentile_interval(self.draws, confidence)


def of_rows(metric: RowMetric, candidate: Outcomes, production: Outcomes, seed: int) -> Change:
    """A bootstrap of the rows, the same ones for both models; of many rows, one of subsets."""
    both = _Both(metric, candidate, production)
    rng = np.random.default_rng(seed)
    size = _subset(metric, candidate)
    if 2 * size <= candidate.n:
        return _Draws(both.value, _of_subsets(both, size, rng)).change("paired bootstrap", seed)
    left = [rows_of_one[None].astype(np.uint8) for rows_of_one in rows_left(candidate.n)]
    left_out = np.concatenate([np.empty(0), *map(both.of, left)])
    return _Draws(both.value, both.draws(RESAMPLES, rng), left_out).change("paired bootstrap", seed)


class _Both:
    """A metric of two models on resamples of the same rows."""

    def __init__(self, metric: RowMetric, candidate: Outcomes, production: Outcomes) -> None:
        self.metric, self.candidate, self.production = metric, candidate, production
        self._here, self._there = metric.of_counts(candidate), metric.of_counts(production)
        self.value = float(self.of(np.ones((1, candidate.n), np.uint8))[0])

    def of(self, counts: npt.NDArray[Any]) -> Floats:
        """The difference in resamples, by how often each row came up."""
        return np.asarray(self._here(counts) - self._there(counts))

    def draws(self, resamples: int, rng: np.random.Generator) -> Floats:
        """The difference in so many resamples."""
        thin = _thin(self.metric, self.candidate)
        batches = row_counts(self.candidate.n, resamples, rng, thin)
        return np.concatenate([self.of(batch) for batch in batches])


def _subset(metric: Metric, outcomes: Outcomes) -> int:
    """How many rows tell as much of the spread as all; more where a class is rare."""
    if metric.need not in ("scores", "probabilities"):
        return _SUBSET
    sizes = np.bincount(outcomes.true)
    return max(_SUBSET, math.ceil(_OF_A_CLASS * outcomes.n / np.min(sizes[sizes > 0])))


def _of_subsets(both: _Both, size: int, rng: np.random.Generator) -> Floats:
    """The difference in resamples of all rows, by those of random subsets of them.

    About its mean, the spread in a subset of ``m`` of ``n`` rows is ``sqrt(n / m)`` times that of
    all.

    References
    ----------
    .. [1] Kleiner, A., Talwalkar, A., Sarkar, P. and Jordan, M. I. (2014). A scalable bootstrap
       for massive data. Journal of the Royal Statistical Society B 76, 795-816.
    """
    n, kept = both.candidate.n, both.candidate.kept
    given = np.arange(n) if kept is None else np.flatnonzero(kept)
    subsets, order = min(n // size, _SUBSETS), rng.permutation(n)
    draws = []
    for start in range(0, subsets * size, size):
        rows = np.zeros(n if kept is None else len(kept), np.bool_)
        rows[given[order[start : start + size]]] = True
        part = _Both(both.metric, both.candidate.take(rows), both.production.take(rows))
        drawn = part.draws(RESAMPLES // subsets, rng)
        known = drawn[~np.isnan(drawn)]
        centre = known.mean() if len(known) else math.nan
        draws.append(both.value + (drawn - centre) * math.sqrt(size / n))
    return np.concatenate(draws)


def _thin(metric: Metric, outcomes: Outcomes) -> Codes | None:
    """Classes, where one of them has so few rows that a resample might lack it."""
    if metric.need not in ("scores", "probabilities"):
        return None
    sizes = np.bincount(outcomes.true)
    return outcomes.true if np.min(sizes[sizes > 0]) < THIN else None


def of_functions(
    metric: FunctionMetric, candidate: Outcomes, production: Outcomes, seed: int
) -> Change:
    """A bootstrap of the rows, the same ones for both models, of a user's function."""
    here, there = metric.of_rows(candidate), metric.of_rows(production)
    draws = [here(some) - there(some) for some in drawn_rows(candidate, seed)]
    left = [here(some) - there(some) for some in rows_left(candidate.n)]
    every = np.ones(candidate.n, np.bool_)
    spread = _Draws(here(every) - there(every), np.array(draws), np.array(left))
    return spread.change("paired bootstrap", seed)
