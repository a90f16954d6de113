"""Measures of ranked documents agree with scikit-learn and with definitions written as loops."""

import itertools
import math
import warnings

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from mlgates.stats.retrieval import RankedQueries


def ndcg(relevance, k):
    def dcg(gains):
        return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains[:k]))

    return dcg(relevance) / dcg(sorted(relevance, reverse=True))


def average_precision(relevance, k):
    relevant, found, total = sum(r > 0 for r in relevance), 0, 0.0
    for rank, r in enumerate(relevance[:k], start=1):
        if r > 0:
            found += 1
            total += found / rank
    return total / min(relevant, k)


def precision(relevance, k):
    return sum(r > 0 for r in relevance[:k]) / k


def recall(relevance, k):
    return sum(r > 0 for r in relevance[:k]) / sum(r > 0 for r in relevance)


def hit(relevance, k):
    return float(any(r > 0 for r in relevance[:k]))


#: Each takes the relevances of one query in the order of their ranks.
DEFINITIONS = {each.__name__: each for each in (ndcg, average_precision, precision, recall, hit)}


def slow(definition, relevance, score, k):
    """Return the mean of a measure over all orders of documents with the same score."""
    if not any(r > 0 for r in relevance):
        return math.nan
    ties = [
        [r for r, s in zip(relevance, score, strict=True) if s == value]
        for value in sorted(set(score), reverse=True)
    ]
    orders = itertools.product(*(itertools.permutations(tie) for tie in ties))
    values = [definition(list(itertools.chain(*order)), k) for order in orders]
    return sum(values) / len(values)


QUERIES = st.lists(
    st.lists(st.tuples(st.sampled_from([0, 0, 1, 3]), st.integers(0, 3)), min_size=1, max_size=5),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("name", DEFINITIONS)
@given(QUERIES, st.integers(1, 7), st.randoms(use_true_random=False))
def test_a_measure_is_the_mean_over_all_orders_of_ties(name, queries, k, random):
    rows = [(q, *pair) for q, pairs in enumerate(queries) for pair in pairs]
    random.shuffle(rows)  # rows of a query need not be together
    query, relevance, score = zip(*rows, strict=True)
    found = getattr(RankedQueries(query, relevance, score), name)(k)
    expected = [
        slow(DEFINITIONS[name], [r for r, _ in pairs], [s for _, s in pairs], k)
        for pairs in queries
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("k", [1, 3, 10, 100])
@pytest.mark.parametrize("ties", [False, True])
def test_ndcg_equals_scikit_learn_query_by_query(k, ties):
    rng = np.random.default_rng(k)
    query = np.repeat(np.arange(60), rng.integers(2, 40, 60))
    relevance = rng.choice([0, 0, 0, 1, 2, 5], len(query))
    score = rng.normal(size=len(query)) + relevance
    if ties:
        score = np.round(score)
    found = RankedQueries(query, relevance, score).ndcg(k)
    for q in range(60):
        rows = query == q
        if not relevance[rows].any():
            assert math.isnan(found[q])
            continue
        expected = sk.ndcg_score([relevance[rows]], [score[rows]], k=k)
        assert found[q] == pytest.approx(expected, abs=1e-12)


def test_average_precision_of_all_documents_equals_scikit_learn_without_ties():
    rng = np.random.default_rng(0)
    query, relevance = np.repeat(np.arange(50), 20), rng.integers(0, 2, 1_000)
    score = rng.normal(size=1_000)
    found = RankedQueries(query, relevance, score).average_precision(1_000)
    for q in range(50):
        rows = query == q
        expected = sk.average_precision_score(relevance[rows], score[rows])
        assert found[q] == pytest.approx(expected, abs=1e-12)


def test_a_perfect_order_has_the_value_1_and_the_reverse_less():
    query, relevance = np.repeat([0, 1], 4), np.array([3, 1, 1, 0] * 2)
    perfect, reverse = (RankedQueries(query, relevance, s * relevance) for s in (1, -1))
    for name in ("ndcg", "average_precision", "hit"):
        assert getattr(perfect, name)(2).tolist() == [1.0, 1.0]
        assert max(getattr(reverse, name)(1)) < 1
    assert perfect.precision(3).tolist() == [1.0, 1.0]
    assert perfect.recall(3).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("name", DEFINITIONS)
def test_no_documents_one_document_and_none_relevant(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert getattr(RankedQueries([], [], []), name)(5).tolist() == []
        one = getattr(RankedQueries([7], [1], [0.5]), name)(5).tolist()
        assert one == [0.2 if name == "precision" else 1.0]
        assert math.isnan(getattr(RankedQueries([7, 7], [0, 0], [1, 2]), name)(1)[0])


def test_ties_of_many_documents_have_no_overflow():
    queries = RankedQueries(np.zeros(20_000), np.arange(20_000) < 2_000, np.zeros(20_000))
    assert queries.hit(10)[0] == pytest.approx(1 - math.comb(18_000, 10) / math.comb(20_000, 10))
    assert queries.precision(10)[0] == pytest.approx(0.1)
