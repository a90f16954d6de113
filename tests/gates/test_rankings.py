"""Metrics of ranked documents: means over queries, their intervals, queries without relevance."""

import itertools

import numpy as np
import pytest
import sklearn.metrics as sk

import mlgates as mg
from mlgates.metrics.retrieval import RETRIEVAL
from mlgates.stats.retrieval import RankedQueries

QUERIES = 80
rng = np.random.default_rng(4)
QUERY = np.repeat(np.arange(QUERIES), 12)
TRUE = rng.choice([0, 0, 0, 1, 3], len(QUERY))
TRUE[::12] = rng.choice([0, 2], QUERIES)
TRUE[1::12] = 1  # each query has a relevant and an irrelevant document
TRUE[2::12] = 0
SCORE = rng.normal(size=len(QUERY)) + TRUE
OTHER = rng.normal(size=len(QUERY)) + 0.6 * TRUE
EMPTY = np.where(QUERY < 5, 0, TRUE)
NAMES = ["ndcg", "map", "precision", "recall", "hit_rate"]
MEASURES = {
    "ndcg": RankedQueries.ndcg,
    "map": RankedQueries.average_precision,
    "precision": RankedQueries.precision,
    "recall": RankedQueries.recall,
    "hit_rate": RankedQueries.hit,
}
NDCG = mg.Performance("ndcg@3", at_least=0.1)
EXCLUDE = mg.Performance("ndcg@3", at_least=0.1, empty_queries="exclude")
GIVEN = {"y_true": TRUE, "y_score": SCORE, "query_id": QUERY}


def outcome(gate, **evidence):
    result = gate.run(**{**GIVEN, **evidence})
    return str(result.verdict), result.reason


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("k", [1, 10])
def test_the_value_is_the_mean_over_queries(name, k):
    values = MEASURES[name](RankedQueries(QUERY, TRUE, SCORE), k)
    result = mg.Performance(f"{name}@{k}", at_least=0).run(**GIVEN)
    check = result.checks[0]
    assert check.value == pytest.approx(values.mean(), abs=1e-12)
    assert check.n == QUERIES
    assert check.interval[0] < check.value <= check.interval[1]
    assert check.method == ("Wilson" if name == "hit_rate" else "t")
    assert result.name == f"performance:{name}@{k}"


def test_ndcg_equals_scikit_learn():
    rows = [q == QUERY for q in range(QUERIES)]
    expected = np.mean([sk.ndcg_score([TRUE[r]], [SCORE[r]], k=3) for r in rows])
    assert NDCG.run(**GIVEN).checks[0].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_rows_and_the_names_of_queries_do_not_matter(name):
    gate = mg.Regression(f"{name}@3", tolerance=0.05)
    check = gate.run(production_score=OTHER, **GIVEN).checks[0]
    order = rng.permutation(len(QUERY))
    names = np.array([f"q{q * 7919 % 101}" for q in QUERY])
    shuffled = gate.run(
        y_true=TRUE[order],
        y_score=SCORE[order],
        production_score=OTHER[order],
        query_id=names[order],
    ).checks[0]
    assert shuffled.value == pytest.approx(check.value, abs=1e-12)
    assert shuffled.interval == pytest.approx(check.interval, abs=1e-9)
    assert shuffled.verdict == check.verdict


@pytest.mark.parametrize("name", NAMES)
def test_the_difference_is_paired_by_query(name):
    here, there = (MEASURES[name](RankedQueries(QUERY, TRUE, s), 3) for s in (SCORE, OTHER))
    gate = mg.Regression(f"{name}@3", tolerance=0.05)
    check = gate.run(production_score=OTHER, **GIVEN).checks[0]
    assert check.value == pytest.approx((here - there).mean(), abs=1e-12)
    assert check.n == QUERIES
    low, high = check.interval
    half = 1.96 * (here - there).std() / np.sqrt(QUERIES)
    assert low < check.value < high
    if name != "hit_rate":  # Tango's interval of few discordant queries is longer
        assert high - low == pytest.approx(2 * half, rel=0.35)
    assert check.verdict == mg.Verdict.PASS


def test_the_same_ranking_did_not_change_and_equal_values_have_an_interval():
    gate = mg.Regression("hit_rate@3", tolerance=0.01)
    good, as_good = TRUE + 0.1 * SCORE, TRUE + 0.1 * OTHER
    assert outcome(gate, y_score=good, production_score=3 * good + 1) == (
        "pass",
        (
            "`hit_rate@3` did not change: candidate and production rank all rows in the same "
            "order (1 for both, n = 80 queries); the limit is at least -0.01"
        ),
    )
    assert outcome(gate, y_score=good, production_score=as_good) == (
        "inconclusive",
        (
            "`hit_rate@3` changed by 0 (1 against 1 in production; 95 % interval -0.04582 to "
            "0.04582, n = 80 queries); the interval contains the limit; about 3,700 "
            "queries would be enough to decide (limit: at least -0.01)"
        ),
    )


def test_equal_values_of_all_queries_have_wilsons_interval():
    check = mg.Performance("ndcg@3", at_least=0.9).run(**{**GIVEN, "y_score": TRUE}).checks[0]
    assert check.value == 1
    assert check.interval == pytest.approx((0.9542, 1.0), abs=1e-4)


def test_queries_without_a_relevant_document_are_inconclusive_or_excluded_and_always_counted():
    value = np.nanmean(RankedQueries(QUERY, EMPTY, SCORE).ndcg(3))
    for gate, verdict in ((NDCG, "inconclusive"), (EXCLUDE, "pass")):
        result = gate.run(**{**GIVEN, "y_true": EMPTY})
        assert str(result.verdict) == verdict
        assert result.checks[0].value == pytest.approx(value, abs=1e-12)
        assert result.checks[0].n == QUERIES - 5
        assert result.checks[0].details["empty_queries"] == 5
        assert "n = 75 queries and 5 without a relevant document)" in result.reason
    assert NDCG.run(**{**GIVEN, "y_true": EMPTY}).reason.endswith(
        "; queries without a relevant document can't be judged; empty_queries='exclude' leaves "
        "them out (limit: at least 0.1)"
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("empty", ["inconclusive", "exclude"])
def test_if_no_query_has_a_relevant_document_the_metric_is_undefined(name, empty):
    gate = mg.Performance(f"{name}@3", at_least=0, empty_queries=empty)
    assert outcome(gate, y_true=0 * TRUE) == (
        "inconclusive",
        (
            f"`{name}@3` is undefined (n = 0 queries and 80 without a relevant document); no "
            "queries to measure (limit: at least 0)"
        ),
    )


def test_no_rows():
    assert outcome(NDCG, y_true=[], y_score=[], query_id=[]) == (
        "inconclusive",
        ("`ndcg@3` is undefined (n = 0 queries); no queries to measure (limit: at least 0.1)"),
    )


def test_one_query_is_too_few():
    assert outcome(NDCG, query_id=0 * QUERY)[1].endswith(
        "n = 1 query); too few queries: 1, at least 30 are needed (limit: at least 0.1)"
    )


def test_queries_in_which_no_order_is_better_show_nothing():
    alone = outcome(mg.Performance("ndcg@3", at_least=0.1), y_true=0 * TRUE + 1)
    assert alone[0] == "inconclusive"
    assert (
        "; no queries (of 80) in which the order of the documents can change `ndcg@3`, at least 10 "
        "are needed (" in alone[1]
    )
    singles = NDCG.run(y_true=[1] * 50, y_score=rng.normal(size=50), query_id=range(50))
    assert singles.verdict == mg.Verdict.INCONCLUSIVE
    few = np.where(QUERY < 1, TRUE, 1)
    assert (
        "; 1 query (of 80) in which the order of the documents can change `ndcg@3`, at least 10 are"
        in outcome(NDCG, y_true=few)[1]
    )


@pytest.mark.parametrize("gate", [mg.Performance, mg.Regression])
@pytest.mark.parametrize(
    ("metric", "k", "verdict"),
    [
        *((name, 11, "pass") for name in ("ndcg", "map", "precision", "recall")),
        *((name, 12, "pass") for name in ("ndcg", "map")),
        *((name, 12, "inconclusive") for name in ("precision", "recall", "hit_rate")),
        ("hit_rate", 3, "pass"),
        ("hit_rate", 4, "inconclusive"),
    ],
)
def test_the_first_k_of_no_more_documents_show_nothing(gate, metric, k, verdict):
    limit = {"at_least": 0} if gate is mg.Performance else {"tolerance": 1}
    three_irrelevant = np.where(np.arange(len(QUERY)) % 12 < 9, 1, 0)
    true = three_irrelevant if metric == "hit_rate" else TRUE
    found = outcome(gate(f"{metric}@{k}", **limit), y_true=true, production_score=OTHER)
    assert found[0] == verdict
    lacking = (
        f" in which the order of the documents can change `{metric}@{k}`, at least 10 are needed"
    )
    assert (lacking in found[1]) == (verdict == "inconclusive")


def test_what_an_order_can_change_is_found_by_trying_all_orders():
    for relevance in itertools.product([0, 1, 2], repeat=4):
        orders = [*itertools.permutations(range(4))]
        ranked = [RankedQueries([0] * 4, relevance, order) for order in orders]
        for name, k in itertools.product(NAMES, range(1, 6)):
            values = {round(float(MEASURES[name](each, k)[0]), 9) for each in ranked}
            varies = RETRIEVAL[name].varies(ranked[0], k)[0]
            assert varies == (sum(relevance) > 0 and len(values) > 1), (name, k, relevance)


def test_a_query_with_a_missing_relevance_is_dropped():
    true = TRUE.astype(float)
    true[[3, 25, 26]] = np.nan
    verdict, reason = outcome(NDCG, y_true=true)
    assert verdict == "inconclusive"
    assert reason.endswith(
        "n = 78 queries); 2 queries have a document without a value in `y_true`; every "
        "document needs one (limit: at least 0.1)"
    )


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"y_true": -TRUE}, (f"{(TRUE > 0).sum()} of 960 values of `y_true` are negative; the "
         "relevance of a document must be at least 0")),
        ({"y_true": np.where(QUERY == 0, np.inf, TRUE)},
         "12 of 960 values of `y_true` are infinite"),
        ({"y_true": ["a"] * 960}, "`y_true` has type string, but numbers are required"),
        ({"y_score": np.where(QUERY == 0, np.nan, SCORE)},
         "12 of 960 values of `y_score` are missing"),
        ({"query_id": np.where(QUERY == 0, np.nan, QUERY)},
         "12 of 960 values of `query_id` are missing"),
        ({"query_id": [None, *QUERY[1:]]}, "1 of 960 values of `query_id` is missing"),
        ({"query_id": None},
         "the gate needs `query_id`, the query of each row, which was not given"),
        ({"query_id": QUERY[:-1]}, "`y_true` has 960 rows and `query_id` has 959"),
        ({"y_score": None}, "the gate needs `y_score`, or `model` and `X`; neither was given"),
        ({"y_score": np.column_stack([SCORE, SCORE])},
         "`y_score` must have one score per row for a ranking, got 2 columns"),
        ({"sample_weight": 1 + np.arange(960) % 2},
         ("80 queries have rows with different `sample_weight`; all rows of a query must have the "
          "same value")),
        ({"clusters": np.where(np.arange(960) == 5, 1, 0)},
         ("1 query has rows with different `clusters`; all rows of a query must have the same "
          "value")),
    ],
)  # fmt: skip
def test_invalid_evidence_is_an_error(evidence, message):
    assert outcome(NDCG, **evidence) == ("error", message)


class Ranker:
    def predict(self, X):
        return X[:, 0]


class Classifier:
    classes_ = (0, 1)

    def predict(self, X):
        raise AssertionError

    def predict_proba(self, X):
        probability = 1 / (1 + np.exp(-X[:, 0]))
        return np.column_stack([1 - probability, probability])


@pytest.mark.parametrize("model", [Ranker(), Classifier(), lambda X: X[:, 0]])
def test_scores_of_models(model):
    result = NDCG.run(y_true=TRUE, query_id=QUERY, X=SCORE[:, None], model=model)
    assert result.checks[0].value == NDCG.run(**GIVEN).checks[0].value


def test_weights_are_those_of_queries():
    weight = 1.0 + QUERY % 3
    values = RankedQueries(QUERY, TRUE, SCORE).ndcg(3)
    check = NDCG.run(sample_weight=weight, **GIVEN).checks[0]
    assert check.value == pytest.approx(np.average(values, weights=weight[::12]), abs=1e-12)
    zero = np.where(QUERY < 40, 0, 1)
    check = NDCG.run(sample_weight=zero, **GIVEN).checks[0]
    assert check.value == pytest.approx(values[40:].mean(), abs=1e-12)
    assert check.n == 40


@pytest.mark.parametrize("name", ["ndcg", "hit_rate"])
def test_queries_in_clusters_have_a_longer_interval(name):
    twice = np.repeat(np.arange(60), 12)  # each query twice, with the same documents
    rows = np.flatnonzero(QUERY < 60)
    true, score, other = (np.tile(each[rows], 2) for each in (TRUE, SCORE, OTHER))
    query, users = np.concatenate([twice, twice + 60]), np.tile(twice, 2)
    given = {"y_true": true, "y_score": score, "query_id": query}
    gate = mg.Performance(f"{name}@1", at_least=0.1)
    alone = gate.run(**given).checks[0]
    result = gate.run(clusters=users, **given)
    check = result.checks[0]
    assert check.value == pytest.approx(alone.value)
    assert "n = 120 queries in 60 clusters)" in result.reason
    low, high = check.interval
    ratio = (high - low) / (alone.interval[1] - alone.interval[0])
    assert ratio == pytest.approx(2**0.5, rel=0.12)
    paired = mg.Regression(f"{name}@1", tolerance=0.5)
    given["production_score"] = other
    ends = [paired.run(**given, **more).checks[0].interval for more in ({}, {"clusters": users})]
    ratio = np.diff(ends[1])[0] / np.diff(ends[0])[0]
    assert ratio == pytest.approx(2**0.5, rel=0.15)


def test_slices_have_whole_queries():
    gate = mg.Performance("ndcg@3", at_least=0.1, by="part")
    result = gate.run(data={"part": QUERY % 2}, **GIVEN)
    values = RankedQueries(QUERY, TRUE, SCORE).ndcg(3)
    assert [c.value for c in result.checks] == pytest.approx(
        [values[::2].mean(), values[1::2].mean()]
    )
    assert [c.n for c in result.checks] == [40, 40]
    split = gate.run(data={"part": np.arange(960) % 2}, **GIVEN)
    assert split.checks[0].reason == (
        "`ndcg@3` where part=0 could not be judged: 80 queries have rows both inside and outside "
        "of a slice or group; a slice or group must have all rows of a query or none"
    )


def test_small_slices_are_excluded_but_not_those_with_empty_queries():
    part = np.where(QUERY < 10, "small", np.where(QUERY < 45, "empty", "rest"))
    gate = mg.Performance("ndcg@3", at_least=0.1, by="part", small_slices="exclude")
    true = np.where(QUERY == 39, 0, TRUE)
    result = gate.run(data={"part": part}, **{**GIVEN, "y_true": true})
    verdicts = {check.group: str(check.verdict) for check in result.checks}
    assert verdicts == {"part=empty": "inconclusive", "part=rest": "pass"}
    assert "; excluded slices: part=small (10 queries)" in result.reason


@pytest.mark.parametrize(
    ("metric", "hint"),
    [
        ("ndcg", "'ndcg@10'"),
        ("ndcg@0", "'ndcg@10'"),
        ("ndcg@-1", "'ndcg@10'"),
        ("recall@", "'recall@10'"),
        ("hit_rate@1.5", "'hit_rate@10'"),
        ("map", "'map@10'"),
        ("NDCG@5", "'ndcg@10'"),
    ],
)
def test_names_without_a_valid_number_are_refused(metric, hint):
    with pytest.raises(mg.OptionError) as caught:
        mg.Performance(metric, at_least=0.1)
    assert str(caught.value) == (
        f"Performance: `metric` must be the name of a metric or a function, got {metric!r}; did "
        f"you mean {hint}?"
    )


def test_the_option_for_empty_queries_is_for_rankings():
    with pytest.raises(mg.OptionError) as caught:
        mg.Performance("recall", at_least=0.1, empty_queries="exclude")
    assert str(caught.value) == (
        "Performance: `empty_queries` must be left out for `recall`, which is not measured by "
        "query, got 'exclude'"
    )
