"""The classifier two-sample test against scikit-learn and its formula."""

import numpy as np
import pytest
from scipy import stats
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from mlgates.stats.classifier import classifier_test
from mlgates.stats.clusters import cluster_variance
from mlgates.stats.ranking import auc_influence, delong


def test_area_error_and_p_value_follow_the_formula():
    rng = np.random.default_rng(0)
    features, positive, fold = rng.normal(size=(300, 2)), rng.random(300) < 0.4, np.arange(300) % 3
    features[positive] += 0.3
    found = classifier_test(features, positive, fold, np.zeros(2, bool))
    areas, variances = [], []
    for k in range(3):
        train, held = fold != k, fold == k
        model = HistGradientBoostingClassifier(
            max_iter=50, max_leaf_nodes=15, early_stopping=False
        ).fit(features[train], positive[train])
        scores = model.decision_function(features[held])
        areas.append(roc_auc_score(positive[held], scores))
        variances.append(delong(positive[held], [scores])[1][0, 0])
    error = 1.5 * np.sqrt(np.sum(variances)) / 3
    assert found.area == pytest.approx(np.mean(areas))
    assert found.error == pytest.approx(error)
    assert found.p_value == pytest.approx(stats.norm.sf((np.mean(areas) - 0.5) / error))


def test_clusters_have_their_variance_and_satterthwaites_degrees_of_freedom():
    rng = np.random.default_rng(0)
    cluster = np.repeat(np.arange(60), 10)
    positive, fold = cluster % 2 == 0, cluster // 2 % 3
    features = rng.normal(size=(60, 2))[cluster] + 0.2 * rng.normal(size=(600, 2))
    given = features, positive, fold, np.zeros(2, bool)
    alone, found = classifier_test(*given), classifier_test(*given, cluster=cluster)
    variances, freedoms = [], []
    for k in range(3):
        train, held = fold != k, fold == k
        scores = (
            HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=15, early_stopping=False)
            .fit(features[train], positive[train])
            .decision_function(features[held])
        )
        influence = auc_influence(positive[held], scores, np.ones(200))[1]
        each = cluster_variance(influence, cluster[held], np.ones(200), positive[held].astype(int))
        variances.append(each.variance)
        freedoms.append(each.freedom)
    freedom = sum(variances) ** 2 / sum(np.square(variances) / freedoms)
    error = 1.5 * np.sqrt(np.sum(variances)) / 3
    assert found.area == alone.area
    assert found.error == pytest.approx(error)
    assert found.error > 2 * alone.error
    assert (found.freedom, alone.freedom) == (pytest.approx(freedom), np.inf)
    assert found.p_value == pytest.approx(stats.t.sf((found.area - 0.5) / error, freedom))


def test_clusters_never_make_the_error_smaller():
    """Each cluster has a row of both sides with nearly equal scores, so that the two balance."""
    rng = np.random.default_rng(0)
    cluster, positive = np.repeat(np.arange(300), 2), np.arange(600) % 2 == 0
    fold = cluster % 3
    features = (rng.normal(size=300)[cluster] + 0.001 * rng.normal(size=600))[:, None]
    given = features, positive, fold, np.zeros(1, bool)
    alone, found = classifier_test(*given), classifier_test(*given, cluster=cluster)
    assert found.error == alone.error
    assert found.p_value >= alone.p_value


def test_a_single_cluster_of_one_side_in_a_fold_is_undefined():
    rng = np.random.default_rng(0)
    positive = np.arange(200) % 2 == 0
    fold = np.arange(200) // 100
    cluster = np.where(positive, fold, 2 + np.arange(200))
    found = classifier_test(
        rng.normal(size=(200, 1)), positive, fold, np.zeros(1, bool), cluster=cluster
    )
    assert np.isnan([found.area, found.error, found.p_value, *found.drops, found.freedom]).all()


def test_constant_scores_are_one_half_without_significance():
    positive = np.arange(200) % 2 == 0
    found = classifier_test(np.zeros((200, 1)), positive, np.arange(200) // 40, np.zeros(1, bool))
    assert (found.area, found.error, found.p_value) == (0.5, 0.0, 1.0)


def test_a_perfect_classifier_has_a_p_value_of_0():
    positive = np.arange(200) % 2 == 0
    features = positive[:, None].astype(float)
    found = classifier_test(features, positive, np.arange(200) // 40, np.zeros(1, bool))
    assert (found.area, found.error, found.p_value) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("fold", [[0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]])
def test_a_fold_without_rows_of_one_side_is_undefined(fold):
    found = classifier_test(np.ones((4, 1)), np.array([1, 1, 0, 0], bool), np.array(fold), [False])
    assert np.isnan([found.area, found.error, found.p_value, *found.drops]).all()


def test_categories_need_no_order():
    rng = np.random.default_rng(0)
    codes, positive = rng.integers(0, 40, 800), rng.random(800) < 0.5
    codes = np.where(positive, codes // 2 * 2, codes // 2 * 2 + 1).astype(float)
    features = np.column_stack([codes, rng.normal(size=800)])
    found = classifier_test(features, positive, np.arange(800) % 4, np.array([True, False]))
    assert found.area > 0.95
    assert found.drops[0] > 10 * abs(found.drops[1])
