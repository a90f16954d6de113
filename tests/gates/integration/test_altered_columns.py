"""Integration on missing and extra columns, changed types, and labels that are not the argmax."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import mlgates as mg
from mlgates.tables.rows import EXTRA, rows_like

COLUMNS = {"a": [1, 2, 3], "b": [0.5, 1.5, 2.5]}
QUIET = {
    **dict.fromkeys(("deterministic", "row_independent", "pure", "thread_safe"), False),
    **dict.fromkeys(("empty", "missing", "unseen", "column_order"), "untried"),
}


def strict(X):
    """Answer exactly these columns of numbers."""
    if list(X.columns) != ["a", "b"] or not all(kind.kind in "iuf" for kind in X.dtypes):
        msg = "expected the numbers a and b"
        raise ValueError(msg)
    return X["a"] + X["b"].to_numpy()


def tolerant(X):
    """Answer by the column a alone, whatever its type."""
    return X["a"].astype(float).to_numpy() if "a" in X else np.array([1.0, 2.0, 3.0])


def positional(X):
    """Answer whatever is given, without an exception."""
    return X.sum(axis=1).to_numpy()


def check_of(model, subject, declared, X=None):
    gate = mg.Integration(**QUIET, **{subject: declared})
    result = gate.run(model=model, X=pd.DataFrame(COLUMNS) if X is None else X)
    (check,) = [check for check in result.checks if check.subject == subject]
    return check


@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("missing_column", "rows without one of their columns"),
        ("extra_column", "rows with one more column"),
        ("changed_dtype", "rows with numbers as texts"),
    ],
)
def test_refusals_and_answers(subject, what):
    refused = f"{what} are refused (ValueError: expected the numbers a and b)"
    for declared in ("refuse", "either"):
        check = check_of(strict, subject, declared)
        assert (str(check.verdict), check.reason) == ("pass", refused)
    check = check_of(strict, subject, "answer")
    assert (str(check.verdict), check.value) == ("fail", 3)
    assert check.reason == f"{refused}; expected an answer"
    for declared in ("answer", "either"):
        check = check_of(tolerant, subject, declared)
        assert (str(check.verdict), check.reason) == ("pass", f"{what} changed no answer")
    check = check_of(tolerant, subject, "refuse")
    assert (str(check.verdict), check.value) == ("fail", 3)
    assert check.reason == f"{what} changed no answer; expected a refusal"


@pytest.mark.parametrize("declared", ["answer", "either", "refuse"])
@pytest.mark.parametrize("subject", ["missing_column", "extra_column"])
def test_another_answer_without_an_exception_fails(subject, declared):
    check = check_of(positional, subject, declared)
    assert str(check.verdict) == "fail"
    assert check.reason.startswith("3 of 3 rows (first 0, 1, 2) got another answer with rows with")


def test_some_columns_may_be_refused_and_others_not():
    def needs_a(X):
        if "a" not in X:
            msg = "a is required"
            raise ValueError(msg)
        return X["a"].to_numpy()

    assert check_of(needs_a, "missing_column", "either").reason == (
        "rows without one of their columns changed no answer, or are refused (ValueError: a is "
        "required)"
    )
    assert str(check_of(needs_a, "missing_column", "refuse").verdict) == "fail"
    assert str(check_of(needs_a, "missing_column", "answer").verdict) == "fail"


def test_a_refusal_needs_a_message():
    def silent(X):
        if len(X.columns) != 2:
            raise ValueError
        return X["a"].to_numpy()

    check = check_of(silent, "extra_column", "refuse")
    assert str(check.verdict) == "fail"
    assert check.reason == (
        "rows with one more column are refused (ValueError); a refusal must be an exception with a "
        "message, other than MemoryError, RecursionError or SystemExit; "
        '`extra_column="untried"` skips this test'
    )


def test_what_can_not_be_altered_is_not_tested():
    X = pd.DataFrame({"a": ["x", "y", "z"]})

    def model(X):
        return np.arange(len(X))

    for subject, what in (
        ("missing_column", "rows without one of their columns"),
        ("changed_dtype", "rows with numbers as texts"),
    ):
        check = check_of(model, subject, "either", X)
        assert str(check.verdict) == "inconclusive"
        assert f"the rows can't be given with {what}" in check.reason


def test_by_default_nothing_is_altered():
    result = mg.Integration(**QUIET).run(model=strict, X=pd.DataFrame(COLUMNS))
    subjects = {"missing_column", "extra_column", "changed_dtype", "predict_is_argmax"}
    assert not subjects & {check.subject for check in result.checks}


# the tables


def cells(table):
    """Return a table as a list of rows."""
    if isinstance(table, dict):
        return [list(row) for row in zip(*table.values(), strict=True)]
    if isinstance(table, list):
        return [list(row.values()) if isinstance(row, dict) else list(row) for row in table]
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    if isinstance(table, pa.Table):
        return [list(row.values()) for row in table.to_pylist()]
    rows = table.rows() if isinstance(table, pl.DataFrame) else np.asarray(table).tolist()
    return [list(row) for row in rows]


STRUCTURED = np.array([(1, 0.5), (2, 1.5), (3, 2.5)], dtype=[("a", "i8"), ("b", "f8")])


@pytest.mark.parametrize("table", [
    pd.DataFrame(COLUMNS), pl.DataFrame(COLUMNS), pl.DataFrame(COLUMNS).lazy(), pa.table(COLUMNS),
    COLUMNS, pa.table(COLUMNS).to_pylist(), [[1, 0.5], [2, 1.5], [3, 2.5]],
    np.array([[1, 0.5], [2, 1.5], [3, 2.5]]), STRUCTURED,
], ids=[
    "pandas", "polars", "lazy", "arrow", "dict", "records", "lists", "array", "structured",
])  # fmt: skip
def test_any_table_can_be_altered(table):
    rows = rows_like(table)
    before = cells(table)
    assert cells(rows.without(0)) == [[0.5], [1.5], [2.5]]
    assert cells(rows.extended()) == [[1, 0.5, 1], [2, 1.5, 2], [3, 2.5, 3]]
    texts = cells(rows.as_texts(1))
    assert [row[1] for row in texts] == ["0.5", "1.5", "2.5"]
    assert cells(table) == before
    if rows.named:
        assert rows_like(rows.extended()).names == ("a", "b", EXTRA)


def test_texts_have_no_numbers():
    rows = rows_like(pd.DataFrame({"t": ["x"], "flag": [True], "gap": [np.nan]}))
    assert [rows.as_texts(i) for i in range(3)] == [None] * 3
    with_gap = rows_like(pd.DataFrame({"x": [1.5, np.nan]})).as_texts(0)
    assert with_gap["x"].tolist()[0] == "1.5"
    assert with_gap["x"].isna().tolist() == [False, True]


# the most probable class


GOOD = "`predict` gives the most probable class of `predict_proba` (4 rows)"


class Thresholded:
    classes_ = np.array(["no", "yes"])
    scores = np.array([0.1, 0.4, 0.5, 0.9])

    def __init__(self, threshold):
        self.threshold = threshold

    def predict_proba(self, X):
        return np.column_stack([1 - self.scores, self.scores])

    def predict(self, X):
        return self.classes_[(self.scores >= self.threshold).astype(int)]


@pytest.mark.parametrize(
    ("model", "verdict", "reason"),
    [
        (Thresholded(0.5), "pass", GOOD),
        (Thresholded(0.6), "pass", GOOD),
        (
            Thresholded(0.3),
            "fail",
            "1 of 4 rows (first 1) got another label than the most probable class",
        ),
    ],
)
def test_predict_is_the_most_probable_class(model, verdict, reason):
    gate = mg.Integration(**QUIET, predict_is_argmax=True)
    result = gate.run(model=model, X=np.zeros((4, 2)))
    (check,) = [check for check in result.checks if check.subject == "predict_is_argmax"]
    assert (str(check.verdict), check.metric, check.reason) == (verdict, "labels", reason)


def test_a_model_without_probabilities_has_no_most_probable_class():
    gate = mg.Integration(**QUIET, predict_is_argmax=True)
    result = gate.run(model=strict, X=pd.DataFrame(COLUMNS))
    (check,) = [check for check in result.checks if check.subject == "predict_is_argmax"]
    assert str(check.verdict) == "inconclusive"
    assert "the model has no `predict_proba`" in check.reason
