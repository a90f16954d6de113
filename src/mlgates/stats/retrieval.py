"""Measures of ranked documents, for many queries at once: gains, precisions, recalls, hits."""

from functools import cached_property

import numpy as np
import numpy.typing as npt

from mlgates.stats.arrays import Codes, Floats, Mask, Values

__all__ = ["RankedQueries"]


class RankedQueries:
    """The documents of several queries, ranked by score within each query.

    If several documents have the same score, each measure is its mean over all orders of these
    documents [1]_, as in scikit-learn's ``ndcg_score``.

    A document is relevant if its relevance is above 0. All measures are NaN for a query that has no
    relevant document. Each method returns one value per query.

    Parameters
    ----------
    query : array_like of int, shape (n,)
        The query of each document, an integer of at least 0.
    relevance : array_like of shape (n,)
        Relevance of each document, at least 0.
    score : array_like of shape (n,)
        Score of each document. Documents with higher scores are ranked first.

    Attributes
    ----------
    order : ndarray of int, shape (n,)
        Positions of the ranked documents in the given arrays. The documents of the first query come
        first, from the highest score to the lowest, then those of the second query, and so on.
    starts : ndarray of int, shape (q,)
        Position in `order` of the first document of each query. Here and in all results, queries
        are in ascending order.
    sizes : ndarray of int, shape (q,)
        Number of documents of each query.
    ties : ndarray of int, shape (t,)
        For each group of documents of a query with the same score, the position in `order` of the
        first of them. A document with a score of its own is a group of one.
    relevant : ndarray of shape (q,)
        Number of relevant documents of each query.

    References
    ----------
    .. [1] McSherry, F. and Najork, M. (2008). Computing information retrieval performance measures
       efficiently in the presence of tied scores. ECIR 2008, 414-421.

    Examples
    --------
    >>> queries = RankedQueries([0, 0, 0, 1, 1], [0, 1, 0, 0, 0], [0.9, 0.8, 0.1, 0.5, 0.4])
    >>> queries.precision(2).tolist(), queries.recall(1).tolist()
    ([0.5, nan], [0.0, nan])
    """

    def __init__(
        self, query: npt.ArrayLike, relevance: npt.ArrayLike, score: npt.ArrayLike
    ) -> None:
        queries, gain = np.asarray(query, np.intp), np.asarray(relevance, np.float64)
        scores = np.asarray(score, np.float64)
        self.order = _descending(queries, scores)
        queries, scores, self._gain = queries[self.order], scores[self.order], gain[self.order]
        n = len(queries)
        is_first = np.ones(n, np.bool_)
        is_first[1:] = queries[1:] != queries[:-1]
        self.starts: Codes = np.flatnonzero(is_first)
        self.sizes: Codes = np.diff(self.starts, append=n)
        self._rank = np.arange(n) - np.repeat(self.starts, self.sizes)
        self._query = np.repeat(np.arange(len(self.starts)), self.sizes)
        is_first[1:] |= scores[1:] != scores[:-1]
        self.ties: Codes = np.flatnonzero(is_first)
        self._tied = np.diff(self.ties, append=n)
        self._is_relevant = (self._gain > 0).astype(np.float64)
        self.relevant: Floats = self._by_query(self._is_relevant)

    def ranks_like(self, other: "RankedQueries") -> bool:
        """Return whether another ranking has the same order and the same ties for each query.

        Both rankings must be of the same documents. The order of tied documents is arbitrary, so if
        there are ties, the result can be False although only tied documents are in another order.
        """
        same_ties = np.array_equal(self.ties, other.ties)
        return same_ties and np.array_equal(self.order, other.order)

    @cached_property
    def varied(self) -> Mask:
        """For each query, whether its documents have different relevances.

        If not, each order of the documents is equally good.
        """
        if not len(self.starts):
            return np.zeros(0, np.bool_)
        least = np.minimum.reduceat(self._gain, self.starts)
        return np.asarray(least < np.maximum.reduceat(self._gain, self.starts))

    def found_varies(self, k: int) -> Mask:
        """Return for each query whether its precision and recall at `k` depend on the ranking.

        If the query has at most `k` documents, all of them are among the first `k` in every order,
        so precision and recall do not depend on the ranking.
        """
        return np.asarray(self._fewest_found(k) < np.minimum(self.relevant, k))

    def hit_varies(self, k: int) -> Mask:
        """Return for each query whether the result of ``hit(k)`` depends on the ranking.

        The result is False for a query without relevant documents, and for a query with so many
        that one of them is among the first `k` in every order of the documents.
        """
        return np.asarray((self._fewest_found(k) == 0) & (self.relevant > 0))

    def ndcg(self, k: int) -> Floats:
        """Return, for each query, the normalized discounted cumulative gain at `k`.

        The gain of a document at rank ``r`` is ``relevance / log2(r + 1)``; ranks count from 1. The
        sum of the gains of the first `k` documents is divided by the largest sum that an order of
        the documents can give. The result is NaN for a query without a relevant document.

        References
        ----------
        .. [1] Jarvelin, K. and Kekalainen, J. (2002). Cumulated gain-based evaluation of IR
           techniques. ACM Transactions on Information Systems 20, 422-446.
        """
        discount = np.where(self._rank < k, 1 / np.log2(self._rank + 2), 0.0)
        gains = self._by_query(self._mean_of_ties(self._gain) * discount)
        return self._divided(gains, self._by_query(self._ideal * discount))

    def average_precision(self, k: int) -> Floats:
        """Return, for each query, the average precision of the first `k` documents.

        This is the sum of the precisions at the ranks of the relevant documents among the first
        `k`, divided by the number of relevant documents, or by `k` if there are more than `k`. It
        is NaN for a query without a relevant document.
        """
        # Each document has place j, from 0, among s documents with its score; r of these are
        # relevant.
        r, s = (np.repeat(each, self._tied) for each in (self._relevant_ties, self._tied))
        j = np.arange(len(self._rank)) - np.repeat(self.ties, self._tied)
        before = np.cumsum(self._relevant_ties) - self._relevant_ties
        at_start = np.cumsum(self.relevant) - self.relevant
        before = np.repeat(before, self._tied) - at_start[self._query]
        # Expected number of relevant documents up to this one, if this one is relevant.
        found = before + 1 + j * (r - 1) / np.maximum(s - 1, 1)
        precision = np.where(self._rank < k, r / s * found / (self._rank + 1), 0.0)
        return self._divided(self._by_query(precision), np.minimum(self.relevant, k))

    def precision(self, k: int) -> Floats:
        """Return, for each query, the share of relevant documents among the first `k`.

        Their number is divided by `k` even if the query has fewer documents. The result is NaN for
        a query without a relevant document.
        """
        return self._divided(self._found(k), np.where(self.relevant > 0, k, 0))

    def recall(self, k: int) -> Floats:
        """Return, for each query, the share of its relevant documents that are in the first `k`.

        The result is NaN for a query without a relevant document.
        """
        return self._divided(self._found(k), self.relevant)

    def hit(self, k: int) -> Floats:
        """Return for each query 1 if a relevant document is among the first `k`, and 0 otherwise.

        If only some of the documents with the same score can be among the first `k`, the result is
        the probability of a relevant document over all orders of these documents. It is NaN for a
        query without a relevant document.
        """
        from scipy import special  # only suites with rankings load it

        drawn = np.clip(k - self._rank[self.ties], 0, self._tied)
        none = np.where((drawn > 0) & (self._relevant_ties > 0), 0.0, 1.0)
        # If m of s documents are drawn at random and r of the s are relevant, the probability that
        # none of the drawn documents is relevant is C(s - r, m) / C(s, m).
        irrelevant = self._tied - self._relevant_ties
        some = np.flatnonzero((none == 0) & (drawn <= irrelevant))
        s, rest, m = self._tied[some], irrelevant[some], drawn[some]
        logs = special.gammaln(rest + 1) - special.gammaln(rest - m + 1)
        none[some] = np.exp(logs + special.gammaln(s - m + 1) - special.gammaln(s + 1))
        first_ties = np.searchsorted(self.ties, self.starts)
        missed = np.multiply.reduceat(none, first_ties) if len(none) else none
        return np.where(self.relevant > 0, 1 - missed, np.nan)

    @cached_property
    def _relevant_ties(self) -> Floats:
        """Number of relevant documents in each group of documents with the same score."""
        return self._sums(self._is_relevant, self.ties)

    @cached_property
    def _ideal(self) -> Floats:
        """The relevances of each query's documents, from the largest to the smallest."""
        return self._gain[_descending(self._query, self._gain)]

    def _fewest_found(self, k: int) -> Floats:
        """Return for each query how few relevant documents can be among the first `k`."""
        return np.maximum(np.minimum(k, self.sizes) - (self.sizes - self.relevant), 0.0)

    def _found(self, k: int) -> Floats:
        """Return for each query the number of relevant documents among the first `k`."""
        return self._by_query(np.where(self._rank < k, self._mean_of_ties(self._is_relevant), 0.0))

    def _mean_of_ties(self, values: Floats) -> Floats:
        """Return for each document the mean of `values` over all documents with the same score."""
        if len(self.ties) == len(values):
            return values
        return np.repeat(self._sums(values, self.ties) / self._tied, self._tied)

    def _by_query(self, values: Floats) -> Floats:
        return self._sums(values, self.starts)

    @staticmethod
    def _sums(values: Values, starts: Codes) -> Floats:
        return np.add.reduceat(values, starts) if len(starts) else np.zeros(0)

    def _divided(self, numerator: Floats, denominator: Values) -> Floats:
        """Divide two arrays; the result is NaN for a query without relevant documents."""
        return np.asarray(numerator / np.where(self.relevant > 0, denominator, np.nan))


def _descending(query: Codes, values: Floats) -> Codes:
    """Return the order that sorts rows by query, and within each query by descending value.

    The queries are sorted by 16 of their bits at a time, which is faster than sorting the numbers
    directly.
    """
    order = np.argsort(-values)
    for shift in range(0, int(query.max(initial=0)).bit_length(), 16):
        digits = (query[order] >> shift).astype(np.uint16)
        order = order[np.argsort(digits, kind="stable")]
    return order
