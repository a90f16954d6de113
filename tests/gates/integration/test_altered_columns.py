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
    ("subject", "what", "more"),
    [
        ("missing_column", "rows without column `a`", " (likewise for 1 other column)"),
        ("extra_column", "rows with one more column", ""),
    ],
)
def test_refusals_and_answers(subject, what, more):
    refused = f"given {what}, the model raised ValueError: expected the numbers a and b"
    answered = f"given {what}, the model gave the same answers"
    for declared in ("refuse", "either"):
        check = check_of(strict, subject, declared)
        assert (str(check.verdict), check.reason) == ("pass", f"{refused}{more}")
    check = check_of(strict, subject, "answer")
    assert (str(check.verdict), check.value) == ("fail", 3)
    assert check.reason == f"{refused}; expected an answer"
    for declared in ("answer", "either"):
        check = check_of(tolerant, subject, declared)
        assert (str(check.verdict), check.reason) == ("pass", f"{answered}{more}")
    check = check_of(tolerant, subject, "refuse")
    assert (str(check.verdict), check.value) == ("fail", 3)
    assert check.reason == f"{answered}{more}; expected an exception with a message"


@pytest.mark.parametrize("declared", ["answer", "either", "refuse"])
@pytest.mark.parametrize(
    ("subject", "what"),
    [
        ("missing_column", "rows without column `a`"),
        ("extra_column", "rows with one more column"),
    ],
)
def test_another_answer_without_an_exception_fails(subject, what, declared):
    check = check_of(positional, subject, declared)
    assert str(check.verdict) == "fail"
    assert check.reason.startswith(
        f"3 of 3 rows (first at rows 0, 1, 2) got a different answer and no exception when the "
        f"model was given {what}"
    )


def test_some_columns_may_be_refused_and_others_not():
    def needs_a(X):
        if "a" not in X:
            msg = "a is required"
            raise ValueError(msg)
        return X["a"].to_numpy()

    answered = "given rows without column `b`, the model gave the same answers"
    refused = "given rows without column `a`, the model raised ValueError: a is required"
    for declared, verdict, reason in (
        ("either", "pass", f"{answered}; {refused}"),
        ("refuse", "fail", f"{answered}; expected an exception with a message"),
        ("answer", "fail", f"{refused}; expected an answer"),
    ):
        check = check_of(needs_a, "missing_column", declared)
        assert (str(check.verdict), check.reason) == (verdict, reason)


@pytest.mark.parametrize(
    "declared",
    [
        {"missing_column": "refuse"},
        {"extra_column": "refuse"},
        {"changed_dtype": {"text": "refuse"}},
    ],
)
def test_an_answer_of_one_method_is_no_refusal(declared):
    class Half:
        """Refuse altered columns in one of two methods."""

        classes_ = np.array([0, 1])

        def predict(self, X):
            return np.zeros(len(X), dtype=int)

        def predict_proba(self, X):
            strict(X)
            return np.tile([0.9, 0.1], (len(X), 1))

    ((subject, behaviour),) = declared.items()
    check = check_of(Half(), subject, behaviour)
    assert str(check.verdict) == "fail"
    assert check.reason.endswith("; expected an exception with a message")


def test_a_refusal_needs_a_message():
    def silent(X):
        if len(X.columns) != 2:
            raise ValueError
        return X["a"].to_numpy()

    check = check_of(silent, "extra_column", "refuse")
    assert str(check.verdict) == "fail"
    assert check.reason == (
        "given rows with one more column, the model raised ValueError; if the model does not "
        "answer, it must raise an exception with a message, other than MemoryError, RecursionError "
        "or SystemExit; "
        '`extra_column="untried"` skips this test'
    )


def test_what_can_not_be_altered_is_not_tested():
    X = pd.DataFrame({"a": ["x", "y", "z"]})

    def model(X):
        return np.arange(len(X))

    for subject, why in (
        ("missing_column", "the given rows have only one column, at least 2 are needed"),
        ("changed_dtype", "no column can be converted to text"),
    ):
        check = check_of(model, subject, "either", X)
        assert str(check.verdict) == "inconclusive"
        assert why in check.reason


TYPES = pd.DataFrame(
    {
        "age": [30, 41, 52],
        "income": [0.1, 1.5, np.nan],
        "member": [True, False, True],
        "town": pd.Categorical(["Ulm", "Bonn", "Ulm"]),
        "since": pd.to_datetime(["2026-01-31", "2026-02-01", "2026-03-01"]),
        "name": ["a", "b", "c"],
    }
)


def types_of(model, declared, X=TYPES):
    result = mg.Integration(**QUIET, changed_dtype=declared).run(model=model, X=X)
    return {c.metric: c for c in result.checks if c.subject == "changed_dtype"}


@pytest.mark.parametrize(
    ("target", "column", "what"),
    [
        ("text", "age", "column `age` (int64) as text"),
        ("text", "income", "column `income` (float64) as text"),
        ("text", "member", "column `member` (bool) as text"),
        ("text", "town", "column `town` (category) as text"),
        ("text", "since", f"column `since` ({TYPES['since'].dtype}) as text"),
        ("float", "age", "column `age` (int64) as float64"),
        ("float32", "income", "column `income` (float64) as float32"),
        ("int", "member", "column `member` (bool) as int64"),
    ],
)
def test_each_change_of_a_type_names_its_column_and_both_types(target, column, what):
    dtype = TYPES[column].dtype

    def strict_about_one(X):
        if X[column].dtype != dtype:
            msg = "another type"
            raise TypeError(msg)
        return np.arange(len(X))

    def wrong(X):
        return np.arange(len(X)) + (X[column].dtype != dtype)

    X = TYPES[[column]]
    check = types_of(strict_about_one, {target: "refuse"}, X)[target]
    assert (check.verdict, check.reason) == (
        "pass",
        f"given {what}, the model raised TypeError: another type",
    )
    check = types_of(strict_about_one, {target: "answer"}, X)[target]
    assert (check.verdict, check.value) == ("fail", 3)
    assert check.reason == (
        f"given {what}, the model raised TypeError: another type; expected an answer"
    )
    for declared in ("answer", "refuse", "either"):
        check = types_of(wrong, {target: declared}, X)[target]
        assert check.verdict == "fail"
        said = f"got a different answer and no exception when the model was given {what}"
        assert said in check.reason


def test_floats_of_32_bits_are_compared_with_the_rounded_floats_of_64_bits():
    def is_a_tenth(X):
        return (X["x"].to_numpy().astype(float) == 0.1).astype(int)

    X = pd.DataFrame({"x": [0.1, 0.5, 1.5]})
    check = types_of(is_a_tenth, {"float32": "answer"}, X)["float32"]
    assert (check.verdict, check.reason) == (
        "pass",
        "given column `x` (float64) as float32, the model gave the same answers",
    )


def test_one_behaviour_is_declared_for_all_types():
    def model(X):
        return np.arange(len(X))

    checks = types_of(model, "answer")
    assert list(checks) == ["text", "float", "float32", "int"]
    assert all(check.verdict == "pass" for check in checks.values())
    assert checks["text"].reason == (
        "given column `age` (int64) as text, the model gave the same answers (likewise for 4 other "
        "columns)"
    )
    check = types_of(model, "refuse")["int"]
    assert (check.verdict, check.reason) == (
        "fail",
        (
            "given column `member` (bool) as int64, the model gave the same answers; expected an "
            "exception with a message"
        ),
    )
    assert types_of(model, {"float": "untried"}) == {}


def test_a_declared_type_that_no_column_can_have_is_not_tested():
    check = types_of(lambda X: np.arange(len(X)), {"int": "answer"}, TYPES[["age"]])["int"]
    assert check.verdict == "inconclusive"
    assert "no column can be converted to int" in check.reason


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"flot": "answer"},
            "a mapping of one or more types .*; did you mean 'float' or 'float32'?",
        ),
        ({}, "a mapping of one or more types"),
        (
            {"float": "answered"},
            r"`changed_dtype\['float'\]` must be one of .*did you mean 'answer'",
        ),
        ("answered", "`changed_dtype` must be one of .*did you mean 'answer'"),
    ],
)
def test_wrong_types_and_behaviours_are_refused(given, message):
    with pytest.raises(mg.OptionError, match=message):
        mg.Integration(changed_dtype=given)


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


def column_cells(table, i):
    """Return the cells of a column, which keep their type in a table of several types."""
    if isinstance(table, pd.DataFrame):
        return table.iloc[:, i].tolist()
    return [row[i] for row in cells(table)]


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
    texts = cells(
        rows.converted(0 if isinstance(table, np.ndarray) and not rows.named else 1, "text").rows
    )
    assert [row[1] for row in texts] == ["0.5", "1.5", "2.5"]
    assert cells(table) == before
    if rows.named:
        assert rows_like(rows.extended()).names == ("a", "b", EXTRA)


def test_columns_without_numbers_or_exact_values_are_not_converted():
    rows = rows_like(pd.DataFrame({"t": ["x"], "gap": [np.nan], "large": [2**53 + 1]}))
    assert [rows.converted(i, "text") for i in range(2)] == [None] * 2
    assert rows.converted(2, "float") is None
    assert rows_like(pd.DataFrame({"x": [1e300]})).converted(0, "float32") is None
    assert rows_like(pd.DataFrame({"x": [True, None]})).converted(0, "int") is None
    with_gap = rows_like(pd.DataFrame({"x": [1.5, np.nan]})).converted(0, "text").rows
    assert with_gap["x"].tolist()[0] == "1.5"
    assert with_gap["x"].isna().tolist() == [False, True]


@pytest.mark.parametrize("target", ["text", "float", "float32", "int"])
@pytest.mark.parametrize("table", [
    pd.DataFrame({"i": [1, 2], "f": [0.1, 2], "b": [True, False]}),
    pl.DataFrame({"i": [1, 2], "f": [0.1, 2], "b": [True, False]}),
    pa.table({"i": [1, 2], "f": [0.1, 2], "b": [True, False]}),
    {"i": [1, 2], "f": np.array([0.1, 2]), "b": [True, False]},
    np.array([(1, 0.1, True), (2, 2, False)], dtype=[("i", "i8"), ("f", "f8"), ("b", "?")]),
    [{"i": 1, "f": 0.1, "b": True}, {"i": 2, "f": 2.0, "b": False}],
], ids=["pandas", "polars", "arrow", "dict", "structured", "records"])  # fmt: skip
def test_each_container_converts_the_same_columns(table, target):
    rows, before = rows_like(table), cells(table)
    found = [rows.converted(i, target) for i in range(3)]
    expected = {"text": "ifb", "float": "i", "float32": "f", "int": "b"}[target]
    assert [name for name, each in zip("ifb", found, strict=True) if each] == list(expected)
    for i, each in enumerate(found):
        if each is not None:
            values = column_cells(each.rows, i)
            wanted = [row[i] for row in before]
            if target == "float32":
                assert values == np.float32(wanted).tolist()
                assert column_cells(each.rounded, i) == values
            else:
                assert values == [str(w) if target == "text" else w for w in wanted]
            kind = {"text": str, "int": int | np.integer}.get(target, float | np.floating)
            assert all(isinstance(value, kind) for value in values)
    assert cells(table) == before


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
            "1 of 4 rows (row 1) got a label other than the most probable class",
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
