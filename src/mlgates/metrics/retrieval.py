"""Metrics of ranked documents: means of one value per query, from its first k documents."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from mlgates.metrics.clustered import Linear
from mlgates.metrics.difference import Change, tango_ends, unchanged
from mlgates.metrics.losses import LossMetric, RowShare
from mlgates.metrics.metric import Estimate, Metric, few, undefined
from mlgates.predictions import Need, Outcomes
from mlgates.stats.arrays import Floats, Mask
from mlgates.stats.retrieval import RankedQueries

__all__ = ["RETRIEVAL", "QueryMetric"]

_T = "Student's t over queries, corrected for skewness"


def _values(queries: Outcomes) -> Floats:
    """Return the measure of each query, which `_of_queries` stored as a prediction."""
    return np.asarray(queries.pred, np.float64)


_MEAN = LossMetric(name="mean", row=_values)
_SHARE = RowShare(name="share", row=_values)


@dataclass(frozen=True, eq=False, kw_only=True)
class QueryMetric(Metric):
    """A metric of ranked documents: the mean of one value per query, such as NDCG.

    The value of a query is a measure of its first k documents.

    Queries without a relevant document are left out of the mean, because the measure is 0 or
    undefined for every model. If there are such queries, the metric allows no decision, unless
    `exclude_empty` is true.

    Parameters
    ----------
    measure_of : callable
        A function of `RankedQueries` with q queries, and of `k`. It returns q values from 0 to 1.
    varies : callable
        A function of the same arguments. It returns for each query whether the measure depends on
        the order of the documents.
    k : int
        Number of documents at the top of a ranking that count.
    is_share : bool
        Whether the measure is 0 or 1 for each query, so that its mean is a share of the queries.
    exclude_empty : bool
        Whether a decision is allowed if queries without a relevant document are left out.
    need, greater_is_better, interval
        As in `Metric`.
    """

    need: Need = "relevance"
    greater_is_better: bool | None = True
    noun: ClassVar[str] = "queries"
    measure_of: Callable[[RankedQueries, int], Floats] = field(repr=False)
    varies: Callable[[RankedQueries, int], Mask] = field(repr=False)
    k: int = 10
    is_share: bool = False
    exclude_empty: bool = False
    interval: str = _T

    def estimate(self, outcomes: Outcomes, confidence: float) -> Estimate:
        """Return the mean over the queries and its confidence interval.

        For a share of the queries, the interval is Wilson's. For other means it is Student's t. If
        all queries have the same value, Student's t would have the length 0, so Wilson's interval
        is used. It assumes that each value is 0 or 1. Among all numbers from 0 to 1 with the same
        mean, zeros and ones have the largest variance. So the interval may be too long, but not too
        short.
        """
        values = self._of_queries(outcomes)
        found = (_SHARE if self.is_share else _MEAN).estimate(values, confidence)
        if confidence and found.interval is None:
            found = _SHARE.estimate(values, confidence)
        return found._replace(details={**found.details, **self._empty(outcomes)})

    def without_rows(self, outcomes: Outcomes) -> Estimate:
        """Return the estimate for rankings in which no query has a relevant document.

        It has no value, only the reason why the metric is undefined.
        """
        found = undefined("no query has a relevant document")
        return found._replace(details={**found.details, **self._empty(outcomes)})

    def is_short_of_labels(self, outcomes: Outcomes) -> bool:
        """Return whether there are too few queries for the metric, whatever a model predicts.

        Only those queries are counted in which the order of the documents can change the metric.
        """
        return bool(self._uniform(outcomes))

    def change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference between two models, over the queries.

        Both are computed from the differences of the queries: the value of the candidate minus that
        of production. If all differences are 0 although the rankings differ, the interval is
        Tango's interval for paired shares. Each query then counts as a pair of equal results.
        """
        if candidate.queries.ranks_like(production.queries):
            return unchanged("identical ranking", "rankings")
        sides = self._of_queries(candidate), self._of_queries(production)
        if np.array_equal(_values(sides[0]), _values(sides[1])):
            return Change("Tango", tango_ends(0, 0, candidate.effective), 0.0, p_value=1.0)
        return (_SHARE if self.is_share else _MEAN).change(*sides)

    def clustered_change(self, candidate: Outcomes, production: Outcomes) -> Change:
        """Return the interval and test of the difference of two models, for queries in clusters.

        Queries of the same cluster, such as those of one user, may depend on each other.
        """
        if candidate.queries.ranks_like(production.queries):
            return unchanged("identical ranking", "rankings")
        return super().clustered_change(candidate, production)

    def discordant(
        self, candidate: Outcomes, production: Outcomes
    ) -> tuple[float, float, float] | None:
        """Return three numbers of queries ``(b, c, n)`` for paired tests of a share of queries.

        ``n`` is the number of judged queries. ``b`` is the number of queries with the value 1 for
        the candidate and 0 for production, and ``c`` the number of queries for which the opposite
        is true. With weights, all three are effective numbers. The result is None unless
        `is_share` is true.
        """
        if not self.is_share:
            return None
        return _SHARE.discordant(self._of_queries(candidate), self._of_queries(production))

    def linear(self, outcomes: Outcomes) -> Linear:
        """Return the mean over the queries, and the influence of each row on it.

        The influence of a query is ``weight * (value - mean) / sum(weights)``, with the values and
        weights of the queries. It is assigned to the first row of the query; the other rows have 0.
        `Metric.linear` explains the use of the influences.
        """
        of_queries = _SHARE.linear(self._of_queries(outcomes))
        first = outcomes.queries.order[outcomes.queries.starts[outcomes.judged]]
        influence, weight = np.zeros((2, outcomes.n))
        influence[first], weight[first] = of_queries.influence, of_queries.weight
        return of_queries._replace(influence=influence, weight=weight)

    def _uniform(self, outcomes: Outcomes) -> str:
        """Return the reason if there are too few queries for the metric, or "".

        Only those queries are counted in which the order of the documents can change the metric. It
        can't, for example, if all documents of a query are relevant.
        """
        varied = int(np.count_nonzero(self.varies(outcomes.queries, self.k)[outcomes.judged]))
        if varied >= outcomes.counted:
            return ""
        what = f"queries (of {outcomes.counted:,}) in which the order of the documents can change"
        return few(varied, f"{what} `{self.name}`")

    def _empty(self, outcomes: Outcomes) -> dict[str, object]:
        """Return details about queries without a relevant document.

        These are the number of such queries and, if no decision is possible, the reason.
        """
        details: dict[str, object] = {}
        lacking = self._uniform(outcomes)
        if empty := outcomes.empty_queries:
            details["empty_queries"] = empty
            if not self.exclude_empty:
                lacking = (
                    "queries without a relevant document can't be judged; empty_queries='exclude' "
                    "leaves them out"
                )
        return {**details, "lacking": lacking} if lacking else details

    def _of_queries(self, outcomes: Outcomes) -> Outcomes:
        """Return outcomes with one row per judged query; its prediction is the measure."""
        values = self.measure_of(outcomes.queries, self.k)[outcomes.judged]
        weight = None if outcomes.weight is None else outcomes.query_weight[outcomes.judged]
        n = len(values)
        return Outcomes("values", n, 0, None, np.zeros(n), pred=values, weight=weight)


#: Metrics by the part of their name before the "@"; the number after it is k.
RETRIEVAL: dict[str, QueryMetric] = {
    metric.name: metric
    for metric in (
        QueryMetric(name="ndcg", measure_of=RankedQueries.ndcg, varies=lambda of, _: of.varied),
        QueryMetric(
            name="map",
            measure_of=RankedQueries.average_precision,
            varies=lambda of, _: of.found_varies(1),
        ),
        QueryMetric(
            name="precision", measure_of=RankedQueries.precision, varies=RankedQueries.found_varies
        ),
        QueryMetric(
            name="recall", measure_of=RankedQueries.recall, varies=RankedQueries.found_varies
        ),
        QueryMetric(
            name="hit_rate",
            measure_of=RankedQueries.hit,
            varies=RankedQueries.hit_varies,
            is_share=True,
            interval="Wilson over queries",
        ),
    )
}
