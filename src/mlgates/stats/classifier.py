"""The classifier two-sample test: can a classifier distinguish the rows of two tables?"""

import math
from typing import NamedTuple

import numpy as np
from scipy import special

from mlgates.stats.arrays import Codes, Counts, Floats, Mask
from mlgates.stats.clusters import cluster_variance
from mlgates.stats.ranking import auc, auc_influence, delong

__all__ = ["ClassifierTest", "classifier_test"]

#: Factor of the standard error. It is more than 1 because the folds share training rows.
_INFLATION = 1.5
#: Largest number of rows of a fold in which the values of columns are permuted.
_PERMUTED = 2_000


class ClassifierTest(NamedTuple):
    """How well a classifier distinguished two sets of rows; the result of `classifier_test`.

    The classifier is cross-validated: the rows are divided into folds, and the rows of each fold
    are scored by a classifier that was trained on all other folds.

    `area` is the mean of the folds' areas under the ROC curve, and `error` its standard error.
    `p_value` is one-sided; it is small if the area is significantly above 0.5. `drops` has for each
    column how much the area decreases if the values of the column are permuted. `freedom` is the
    number of degrees of freedom of `error`. It is infinite if rows are independent, and finite if
    rows of the same cluster may depend on each other.

    All fields are NaN in three cases: all rows of a fold are from one set, all rows outside of a
    fold are from one set, or all rows of one set in a fold are in the same cluster.
    """

    area: float
    error: float
    p_value: float
    drops: Floats
    freedom: float


def classifier_test(
    features: Floats,
    positive: Mask,
    fold: Counts,
    categorical: Mask,
    *,
    seed: int = 0,
    cluster: Codes | None = None,
) -> ClassifierTest:
    """Measure by cross-validation how well gradient-boosted trees distinguish two sets of rows.

    The measure is the mean of the areas under the ROC curve in ``k`` folds. Its standard error is
    1.5 times ``sqrt(sum(v)) / k``, where ``v`` are DeLong's variances in the folds. The factor 1.5
    is needed because the folds share training rows and are not independent [1]_. If the scores are
    constant in each fold, the area is 0.5 and the p-value is 1.

    For rows in clusters, two variances of a fold are computed: DeLong's variance, and the variance
    from the sums of DeLong's components in each cluster [4]_. The larger one is used. The p-value
    is then computed from Student's t distribution with Satterthwaite's degrees of freedom,
    ``sum(v)**2 / sum(v**2 / f)``, where ``f`` are the degrees of freedom of the folds.

    Parameters
    ----------
    features : ndarray of shape (n, columns)
        The columns: finite numbers, or codes of categories from 0 to 254. Missing values are NaN.
    positive : ndarray of bool, shape (n,)
        Whether each row is from the first of the two sets of rows.
    fold : ndarray of int, shape (n,)
        The fold of each row, from 0. Equal rows must be in the same fold.
    categorical : ndarray of bool, shape (columns,)
        Whether each column has codes of categories.
    seed : int
        Seed of the random permutations for `drops`: how much the area decreases if the values of a
        column are permuted [2]_. In each fold, at most about 2,000 rows are used for this.
    cluster : ndarray of int, shape (n,), optional
        The cluster of each row, from 0. All rows of a cluster must be in the same fold. By default
        rows are independent.

    Returns
    -------
    ClassifierTest

    References
    ----------
    .. [1] Nadeau, C. and Bengio, Y. (2003). Inference for the generalization error. Machine
       Learning 52, 239-281.
    .. [2] Breiman, L. (2001). Random forests. Machine Learning 45, 5-32.
    .. [3] Lopez-Paz, D. and Oquab, M. (2017). Revisiting classifier two-sample tests. ICLR 2017.
    .. [4] Obuchowski, N. A. (1997). Nonparametric analysis of clustered ROC curve data. Biometrics
       53, 567-578.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> features, positive = rng.normal(size=(600, 2)), np.arange(600) < 300
    >>> features[positive, 1] += 2
    >>> found = classifier_test(features, positive, np.arange(600) % 3, np.zeros(2, bool))
    >>> found.area > 0.8, found.p_value < 1e-6, int(found.drops.argmax())
    (True, True, 1)
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    rng, columns = np.random.default_rng(seed), features.shape[1]
    undefined = ClassifierTest(math.nan, math.nan, math.nan, np.full(columns, math.nan), math.nan)
    areas, variances, drops, freedoms = [], [], [], []
    # Use one thread: with several threads, sums would be computed in another order, and the threads
    # of other processes would slow them down.
    with threadpool_limits(1, "openmp"):
        for part in range(int(fold.max(initial=-1)) + 1):
            out = fold == part
            if any(len(np.unique(positive[rows])) < 2 for rows in (out, ~out)):
                return undefined
            train, held, true = features[~out], features[out], positive[out]
            empty = np.isnan(train).all(axis=0)  # the trees need a value in each column
            train[:, empty] = held[:, empty] = 0
            model = HistGradientBoostingClassifier(
                max_iter=50,
                max_leaf_nodes=15,
                early_stopping=False,
                categorical_features=categorical,
                random_state=0,
            ).fit(train, positive[~out])
            scores = model.decision_function(held)
            of_fold, covariance = delong(true, [scores])
            areas.append(float(of_fold[0]))
            variances.append(float(covariance[0, 0]))
            if cluster is not None:
                every = np.ones(len(true))
                influence = auc_influence(true, scores, every)[1]
                of_clusters = cluster_variance(influence, cluster[out], every, true.astype(np.intp))
                if not of_clusters.freedom:
                    return undefined
                variances[-1] = max(variances[-1], of_clusters.variance)
                freedoms.append(of_clusters.freedom)
            step = -(-len(held) // _PERMUTED)
            few = np.concatenate([np.flatnonzero(side)[::step] for side in (true, ~true)])
            held, true = held[few], true[few]
            whole = auc(true, scores[few])
            for column in range(columns):
                permuted = held.copy()
                permuted[:, column] = rng.permutation(held[:, column])
                drops.append(whole - auc(true, model.decision_function(permuted)))
    area = float(np.mean(areas))
    error = _INFLATION * math.sqrt(sum(variances)) / len(areas)
    freedom = math.inf
    if cluster is not None and error:
        squares = sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
        freedom = sum(variances) ** 2 / squares
    p_value = float(special.stdtr(freedom, (0.5 - area) / error)) if error else float(area <= 0.5)
    mean_drops = np.reshape(drops, (-1, columns)).mean(axis=0)
    return ClassifierTest(area, error, p_value, mean_drops, freedom)
