"""Which column of scores belongs to which label: by name, by `classes_`, never by pairs."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence

RNG = np.random.default_rng(7)
TRUE = RNG.integers(2, size=400)
P = np.clip(RNG.normal(0.35 + 0.3 * TRUE, 0.2), 0, 1)
X = pd.DataFrame({"a": P})
TABLES = {
    "pandas": pd.DataFrame,
    "polars": lambda columns: pl.DataFrame({str(name): v for name, v in columns.items()}),
    "arrow": lambda columns: pa.table({str(name): v for name, v in columns.items()}),
    "dict": dict,
    "rows": lambda columns: pd.DataFrame(columns).rename(columns=str).to_dict("records"),
}


class Scorer:
    """A model with given scores, named or not, and perhaps `classes_`."""

    def __init__(self, scores, classes=None, method="predict_proba", predict=None):
        setattr(self, method, lambda table: scores)
        self.predict = lambda table: predict
        if classes is not None:
            self.classes_ = classes


def scores_of(need="scores", **given):
    return Evidence(given).outcomes(need).score


def refusal(need="scores", **given):
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes(need)
    return str(caught.value)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("names", [(0, 1), (1, 0)])
@pytest.mark.parametrize("classes", [None, [0, 1], [1, 0]])
@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_a_table_from_a_model_is_read_by_name(table, names, classes, method):
    columns = {name: P if name else 1 - P for name in names}
    model = Scorer(TABLES[table](columns), classes, method)
    assert scores_of(X=X, y_true=TRUE, model=model) == pytest.approx(P)
    value = mg.Performance("roc_auc", at_least=0.5).run(X=X, y_true=TRUE, model=model)
    assert value.checks[0].value == pytest.approx(roc_auc_score(TRUE, P))


def test_regression_and_fairness_read_the_same_columns():
    worse = Scorer(pd.DataFrame({1: 1 - P, 0: P}))
    better = Scorer(pd.DataFrame({1: P, 0: 1 - P}))
    gate = mg.Regression("roc_auc", tolerance=0.05)
    assert gate.run(X=X, y_true=TRUE, model=worse, production_model=better).verdict == "fail"
    assert gate.run(X=X, y_true=TRUE, model=better, production_model=worse).verdict == "pass"
    gate = mg.Fairness("roc_auc_group_min", at_least=0.5)
    groups = np.arange(400) % 2
    result = gate.run(X=X, y_true=TRUE, model=better, sensitive_features=groups)
    assert result.passed
    assert not gate.run(X=X, y_true=TRUE, model=worse, sensitive_features=groups).passed


WIDE = RNG.dirichlet(np.ones(3), 400)
ANIMALS = np.array(["bird", "cat", "dog"])[RNG.integers(3, size=400)]
SHUFFLED = WIDE[:, [2, 0, 1]]


@pytest.mark.parametrize(
    "names",
    [
        ["dog", "bird", "cat"],
        ["prob_dog", "prob_bird", "prob_cat"],
        ["P(dog)", "P(bird)", "P(cat)"],
        ["Dog", "Bird", "CAT"],
        ["probDog", "probBird", "probCat"],
        [("p", "dog"), ("p", "bird"), ("p", "cat")],
    ],
)
def test_names_that_contain_one_label_each_are_matched(names):
    table = pd.DataFrame(SHUFFLED)
    table.columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    assert np.array_equal(scores_of(y_true=ANIMALS, y_score=table), WIDE)
    model = Scorer(table, np.array(["bird", "cat", "dog"]))
    assert np.array_equal(scores_of(X=X, y_true=ANIMALS, model=model), WIDE)


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["p2", "p0", "p1"], [0, 1, 2]),
        ([2.0, 0.0, 1.0], [0, 1, 2]),
        (["2.0", "0.0", "1.0"], ["0", "1", "2"]),
        (["class_-1", "class_10", "class_1"], [10, 1, -1]),
        (["very good", "good", "bad"], ["good", "bad", "very good"]),
        (["p_e\u0301", "p_a", "p_o"], ["a", "o", "\u00e9"]),
        (["p(a)", "p(A)", "p(b)"], ["A", "b", "a"]),
    ],
)
def test_names_of_other_labels(names, labels):
    codes = RNG.integers(3, size=400)
    true = np.array(labels)[codes]
    found = Evidence({"y_true": true, "y_score": pd.DataFrame(SHUFFLED, columns=names)})
    outcomes = found.outcomes("scores")
    expected = {label: WIDE[:, at] for at, label in enumerate(labels)}
    assert set(outcomes.classes) == set(labels)
    for code, label in enumerate(outcomes.classes):
        assert np.array_equal(outcomes.score[:, code], expected[label])


@pytest.mark.parametrize(
    "names",
    [["a", "b", "c"], ["dog", "bird", "cats"], ["dog", "bird_dog", "cat"], ["dog", "dog ", "cat"]],
)
def test_names_that_do_not_match_are_refused(names):
    table = pd.DataFrame(WIDE, columns=names)
    message = "each column of {} must be named after one label, got names "
    message += f"{', '.join(map(repr, names))} for the labels 'bird', 'cat', 'dog'"
    assert refusal(y_true=ANIMALS, y_score=table) == message.format("`y_score`")
    model = Scorer(table, np.array(["bird", "cat", "dog"]))
    found = refusal(X=X, y_true=ANIMALS, model=model)
    assert found == message.format("the output of `model.predict_proba`")


def test_default_names_say_nothing_about_strings_and_are_labels_among_numbers():
    for table in (pd.DataFrame(WIDE), pl.DataFrame(WIDE)):
        assert np.array_equal(scores_of(y_true=ANIMALS, y_score=table), WIDE)
        model = Scorer(table, np.array(["cat", "dog", "bird"]))
        assert np.array_equal(scores_of(X=X, y_true=ANIMALS, model=model), SHUFFLED)
    codes = RNG.integers(3, size=400)
    assert "must be named" in refusal(y_true=codes + 1, y_score=pd.DataFrame(WIDE))
    model = Scorer(pd.DataFrame(SHUFFLED, columns=[2, 0, 1]), [2, 1, 0])
    assert np.array_equal(scores_of(X=X, y_true=codes, model=model), WIDE)


def test_two_named_columns_are_refused_with_the_positive_one():
    message = "`y_score` has 2 columns: for two classes pass the column of the positive class"
    for names in ((1, 0), (0, 1)):
        table = pd.DataFrame(dict.fromkeys(names, P))
        assert refusal(y_true=TRUE, y_score=table) == f"{message}, y_score[1]"
    texts = np.array(["no", "yes"])[TRUE]
    table = pd.DataFrame({"prob_yes": P, "prob_no": 1 - P})
    for positive in ("yes", "no"):
        found = refusal(y_true=texts, y_score=table, pos_label=positive)
        assert found == f"{message}, y_score['prob_{positive}']"
    assert refusal(y_true=texts, y_score=table) == (
        f"{message} and set `pos_label` to one of the labels 'no', 'yes'; the columns are "
        "'prob_yes', 'prob_no'"
    )
    pair = np.column_stack([P, 1 - P])
    found = refusal(y_true=texts, y_score=pair, pos_label="no")
    assert found == f"{message}, for example y_score[:, 0]"


def test_one_column_named_after_the_negative_label_is_refused():
    texts = np.array(["no", "yes"])[TRUE]
    message = "`y_score` must be the score of the positive label 'yes', got a column named 'p_no'"
    for score in (pd.Series(P, name="p_no"), pd.DataFrame({"p_no": P}), pl.Series("p_no", P)):
        assert refusal(y_true=texts, y_score=score, pos_label="yes") == message
        assert scores_of(y_true=texts, y_score=score, pos_label="no").tolist() == P.tolist()
    found = refusal(y_true=texts, data={"no": P}, y_score="no", pos_label="yes")
    assert found.endswith("got a column named 'no'")
    for name in ("p", "notes", None):
        series = pd.Series(P, name=name)
        assert scores_of(y_true=texts, y_score=series, pos_label="yes").tolist() == P.tolist()


@pytest.mark.parametrize("name", ["p_0", "P(0)", "prob_0", "class 0", "label:0", "proba_0.0", "p0"])
def test_one_column_named_after_the_negative_number_is_refused(name):
    class OneColumn:
        classes_ = np.array([0, 1])

        def predict(self, X):
            return np.zeros(len(X))

        def predict_proba(self, X):
            return pd.DataFrame({name: P})

    found = refusal(y_true=TRUE, y_score=pd.Series(P, name=name))
    assert found.endswith(f"the score of the positive label 1, got a column named '{name}'")
    rows = pd.DataFrame({"x": P})
    assert "positive label 1" in refusal(y_true=TRUE, X=rows, model=OneColumn())
    assert scores_of(y_true=TRUE, y_score=pd.Series(P, name=name), pos_label=0).tolist()
    # such names count models or columns; a table of one column without a name has 0, too
    for other in ("fold_0", "score_v0", "column_0", "0", 0, "p_10", name.replace("0", "1")):
        assert scores_of(y_true=TRUE, y_score=pd.Series(P, name=other)).tolist() == P.tolist()


def test_an_array_next_to_classes_in_another_order_is_refused():
    model = Scorer(None, np.array(["dog", "bird", "cat"]))
    found = refusal(y_true=ANIMALS, y_score=SHUFFLED, model=model)
    assert found == (
        "the columns of `y_score` have no names, and their order is ambiguous: the labels are "
        "'bird', 'cat', 'dog', but the `classes_` of the model are 'dog', 'bird', 'cat'; pass a "
        "table whose columns are named after the labels"
    )
    table = pd.DataFrame(SHUFFLED, columns=["dog", "bird", "cat"])
    assert np.array_equal(scores_of(y_true=ANIMALS, y_score=table, model=model), WIDE)


# scores of pairs of classes


@pytest.fixture(scope="module")
def three():
    made = make_classification(
        240, 5, n_informative=4, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    return pd.DataFrame(made[0]).rename(columns=str), made[1]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda svc: svc,
        lambda svc: make_pipeline(StandardScaler(), svc),
        lambda svc: GridSearchCV(svc, {"C": [1.0]}, cv=2),
    ],
    ids=["plain", "pipeline", "search"],
)
def test_scores_of_pairs_are_refused(three, wrap):
    table, true = three
    model = wrap(SVC(decision_function_shape="ovo")).fit(table, true)
    assert refusal(X=table, y_true=true, model=model) == (
        "the output of `model.decision_function` must have one column per label, got one column "
        "per pair of labels (3 columns for 3 labels): set decision_function_shape='ovr', or pass "
        "`y_score`"
    )
    model = wrap(SVC()).fit(table, true)
    assert np.array_equal(
        scores_of(X=table, y_true=true, model=model), model.decision_function(table)
    )
    gate = mg.Performance("roc_auc_ovr", at_least=0.9)
    assert gate.run(X=table, y_true=true, model=model).passed


def test_given_scores_of_pairs_are_refused_where_they_predict_the_labels(three):
    table, true = three
    pairs = SVC(decision_function_shape="ovo").fit(table, true).decision_function(table)
    message = "but its columns look like scores of pairs of labels: if they are read as "
    for scores in (pairs, -pairs):
        assert message in refusal(y_true=true, y_score=scores)
    result = mg.Regression("roc_auc_ovr", tolerance=0.01).run(
        y_true=true, y_score=pairs, production_score=pairs
    )
    assert (result.verdict, message in result.reason) == ("error", True)
    for model in (SVC(), LinearSVC(), RidgeClassifier(), LogisticRegression()):
        scores = model.fit(table, true).decision_function(table)
        assert np.array_equal(scores_of(y_true=true, y_score=scores), scores)
    noise = np.random.default_rng(0).normal(size=(len(true), 3))
    assert np.array_equal(scores_of(y_true=true, y_score=noise), noise)


def test_scores_of_pairs_of_four_labels_are_refused():
    true = np.arange(40) % 4
    table = pd.DataFrame(np.eye(4)[true])
    model = SVC(decision_function_shape="ovo").fit(table, true)
    found = refusal(X=table, y_true=true, model=model)
    assert "got one column per pair of labels (6 columns for 4 labels)" in found
    found = refusal(y_true=true, y_score=np.zeros((40, 6)))
    assert found.endswith(
        "; if these are scores of pairs of classes, set decision_function_shape='ovr'"
    )


def test_three_columns_of_an_unknown_model_must_agree_with_its_predictions(three):
    table, true = three
    for model in (LinearSVC(), RidgeClassifier()):
        model.fit(table, true)
        found = scores_of(X=table, y_true=true, model=model)
        assert np.array_equal(found, model.decision_function(table))
    pairs = SVC(decision_function_shape="ovo").fit(table, true)
    scores, predict = pairs.decision_function(table), pairs.predict(table)
    model = Scorer(scores, [0, 1, 2], "decision_function", predict)
    found = refusal(X=table, y_true=true, model=model)
    assert "do not seem to be one per label: the label with the largest score is" in found
    del model.predict
    assert "is the predicted label in only 0 % of the rows" in refusal(
        X=table, y_true=true, model=model
    )


def test_probabilities_are_preferred_to_a_decision_function(three):
    table, true = three
    model = LogisticRegression().fit(table, true)
    found = scores_of(X=table, y_true=true, model=model)
    assert np.array_equal(found, model.predict_proba(table))
