"""Labels: allowed values, equality, and the positive label."""

from datetime import date, time, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.predictions.labels import (
    Labels,
    code_labels,
    encode,
    find_classes,
    plain_label,
    recode,
    sorted_labels,
)
from mlgates.tables.columns import as_column

Y = [0, 1, 1, 0]
TEXTS = ["no", "yes", "yes", "no"]
# strings of numpy 2
NEWER_TEXTS = [np.array(TEXTS, np.dtypes.StringDType())] if np.__version__ >= "2" else []


def with_ids(values):
    """Return parameters with unique ids."""
    return [pytest.param(v, id=f"{type(v).__name__}-{i}") for i, v in enumerate(values)]


def labels(**given):
    return Evidence(given).outcomes("labels")


def refusal(need="labels", **given):
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes(need)
    return str(caught.value)


# equal labels


@pytest.mark.parametrize(
    "pred",
    with_ids([
        [0, 1, 1, 0],
        [False, True, True, False],
        [0.0, 1.0, 1.0, -0.0],
        [False, 1, 1.0, 0],
        [Decimal(0), Decimal("1.0"), Decimal(1), Decimal("-0")],
        [Decimal(0), 1, True, 0],
        [Decimal(0), 1.0, True, 0],
        np.array([0, 1, 1, 0], np.uint8),
        np.array([0, 1, 1, 0], np.float16),
        np.array([0, 1, 1, 0], ">i4"),
        np.array([False, 1, np.int8(1), 0.0], object),
        pd.Series([0, 1, 1, 0], dtype="Int8"),
        pd.Series([0, 1, 1, 0], dtype="boolean"),
        pd.Series([0, 1, 1, 0], dtype="category"),
        pd.Series([0.0, 1, 1, 0], dtype="Float32"),
        pd.Series([0, 1, 1, 0], dtype=pd.ArrowDtype(pa.int64())),
        pd.Series([0, 1, 1, 0], dtype=pd.SparseDtype("int64", 0)),
        pd.Index([0, 1, 1, 0]),
        pd.array([0, 1, 1, 0]),
        pd.Categorical([0, 1, 1, 0]),
        pl.Series([0, 1, 1, 0]),
        pl.Series([False, True, True, False]),
        pa.array([0, 1, 1, 0]),
        pa.chunked_array([[0, 1], [1, 0]]),
        pa.array([0, 1, 1, 0]).dictionary_encode(),
    ]),
)  # fmt: skip
def test_numbers_that_are_equal_are_one_label(pred):
    found = labels(y_true=Y, y_pred=pred)
    assert found.pred.tolist() == Y
    assert found.classes == (0, 1)
    assert found.positive == 1
    assert found.unseen == ()


@pytest.mark.parametrize(
    "pred",
    with_ids([
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS)[::-1][::-1],
        np.array(TEXTS, ">U3"),
        np.array(TEXTS, object),
        *NEWER_TEXTS,
        pd.Series(TEXTS),
        pd.Series(TEXTS, dtype=object),
        pd.Series(TEXTS, dtype="category"),
        pd.Series(TEXTS, dtype=pd.ArrowDtype(pa.large_string())),
        pl.Series(TEXTS),
        pl.Series(TEXTS, dtype=pl.Categorical),
        pa.array(TEXTS, pa.string_view()),
        pa.array(TEXTS).dictionary_encode(),
        np.array(TEXTS).reshape(-1, 1),
        [["no"], ["yes"], ["yes"], ["no"]],
        pd.DataFrame({"label": TEXTS}),
        pl.DataFrame({"label": TEXTS}),
        pa.table({"label": TEXTS}),
        {"label": TEXTS},
    ]),
)  # fmt: skip
def test_texts_in_any_container(pred):
    found = labels(y_true=TEXTS, y_pred=pred)
    assert found.pred.tolist() == [0, 1, 1, 0]
    assert found.classes == ("no", "yes")
    assert found.positive is None


def test_a_range_is_a_sequence():
    assert labels(y_true=[0, 1], y_pred=range(2)).pred.tolist() == [0, 1]


def test_whole_numbers_beyond_doubles_are_exact():
    big = [2**53, 2**53 + 1, 2**63 + 5]
    found = labels(y_true=np.array(big, np.uint64), y_pred=big)
    assert found.classes == tuple(big)
    assert found.cells.tolist() == np.eye(3).tolist()


def test_numbers_beyond_64_bits_are_exact():
    assert labels(y_true=[10**30, 1], y_pred=[1, 10**30]).classes == (1, 10**30)


def test_labels_are_sorted_by_value_and_by_code_point():
    assert labels(y_true=[10, 9, -1], y_pred=[9, 10, -1]).classes == (-1, 9, 10)
    assert labels(y_true=["b", "B", "ä"], y_pred=["b", "B", "ä"]).classes == ("B", "b", "ä")


def test_bools_stay_bools_and_mixed_become_ints():
    assert repr(labels(y_true=[True, False], y_pred=[True, True]).classes) == "(False, True)"
    assert repr(labels(y_true=[True, False], y_pred=[1, 0]).classes) == "(0, 1)"
    assert repr(labels(y_true=[1.0, 2.0], y_pred=[1, 1]).classes) == "(1, 2)"


def test_empty_texts_and_trailing_spaces_are_labels_of_their_own():
    found = labels(y_true=np.array(["", "a", "a "]), y_pred=["", "a ", "a "])
    assert found.classes == ("", "a", "a ")
    assert found.pred.tolist() == [0, 2, 2]


def test_categories_without_rows_are_no_labels():
    true = pd.Categorical(["a", "b"], categories=["a", "b", "c"])
    assert labels(y_true=true, y_pred=["a", "b"]).classes == ("a", "b")


# values that are not labels

ALLOWED = "class labels must be integers, booleans or strings"
SEVERAL = (
    "has 2 columns, expected one. For several labels or outputs per row, make a long table: repeat "
    "each row once for each label, write the name of the label to a column `label` of `data`, and "
    "use by='label'"
)
NESTED = (
    "holds lists or dicts; give one value per row: a 1-D array, a Series, an Arrow array or a list"
    + SEVERAL.removeprefix("has 2 columns, expected one")
)


@pytest.mark.parametrize(
    ("true", "message"),
    [
        ([0.5, 1, 0, 1], ("holds non-integer numbers, but class labels are required; for a numeric "
         "target use a metric such as mean_absolute_error")),
        ([np.inf, 1, 0, 1], "holds infinite values, but class labels are required"),
        ([b"a", b"b", b"a", b"b"], f"holds bytes: decode them first; {ALLOWED}"),
        (np.array(["a", "b", "a", "b"], "S1"), f"holds bytes: decode them first; {ALLOWED}"),
        (pd.to_datetime(["2020"] * 4), f"holds timestamps; {ALLOWED}"),
        (np.array(["2020-01-01"] * 4, "M8[D]"), f"holds dates; {ALLOWED}"),
        ([date(2020, 1, 1)] * 4, f"holds dates; {ALLOWED}"),
        ([time(1)] * 4, f"holds times of day; {ALLOWED}"),
        ([timedelta(1)] * 4, f"holds durations; {ALLOWED}"),
        ([[1, 2]] * 4, SEVERAL),
        (np.zeros((4, 2)), SEVERAL),
        (pd.DataFrame({"a": [0] * 4, "b": [1] * 4}), SEVERAL),
        ([(1, 2)] * 4, SEVERAL),
        ([{"a": 1}] * 4, NESTED),
        ([["a"], ["a", "b"]] * 2, NESTED),
        (pd.Series([["a"], [], ["a", "b"], ["b"]]), NESTED),
        (pa.array([["a"], [], ["a", "b"], ["b"]]), NESTED),
        ([1, "a", 1, 0], "mixes values of the types int, str; convert them to one type first"),
        ([1j] * 4, "holds Python objects of type complex; convert them to numbers or text first"),
        ([object()] * 4, ("holds Python objects of type object; convert them to numbers or text "
         "first")),
        (np.array([1j] * 4), ("has type complex128, which can't be read; "
         "convert it to numbers, strings, dates or timestamps")),
    ],
)  # fmt: skip
def test_invalid_labels_are_refused(true, message):
    assert refusal(y_true=true, y_pred=Y) == f"`y_true` {message}"


def test_scores_given_as_predictions_are_refused():
    said = "`{}` holds non-integer numbers, but class labels are required; if these are scores, "
    said += "pass them as `{}`, or threshold them, for example score >= 0.5"
    pred = [0.2, 0.7, 0.9, 0.1]
    assert refusal(y_true=Y, y_pred=pred) == said.format("y_pred", "y_score")
    pred = [Decimal("0.5")] * 4
    assert refusal(y_true=Y, y_pred=pred) == said.format("y_pred", "y_score")
    with pytest.raises(EvidenceError) as caught:
        Evidence({"y_true": Y, "production_pred": [0.5] * 4}).outcomes("labels", production=True)
    assert str(caught.value) == said.format("production_pred", "production_score")


@pytest.mark.parametrize(
    "pred",
    with_ids(
        [[None, 1, 1, 0], [np.nan, 1, 1, 0], np.ma.array(Y, mask=[1, 0, 0, 0]), ["a", None] * 2]
    ),
)
def test_a_missing_prediction_is_refused(pred):
    true = TEXTS if isinstance(pred[0], str) else Y
    count = "2 of 4 values of `y_pred` are" if pred[0] == "a" else "1 of 4 values of `y_pred` is"
    said = f"{count} missing"
    assert refusal(y_true=true, y_pred=pred) == said


def test_all_predictions_missing():
    assert refusal(y_true=Y, y_pred=[None] * 4) == "4 of 4 values of `y_pred` are missing"


def test_an_infinite_prediction_is_refused():
    said = "`y_pred` holds infinite values, but class labels are required"
    assert refusal(y_true=Y, y_pred=[np.inf, 1, 0, 1]) == said


def test_strings_are_not_compared_with_numbers():
    said = "`{}` holds numbers but `{}` holds strings: convert one to the type of the other"
    assert refusal(y_true=Y, y_pred=["0", "1", "1", "0"]) == said.format("y_true", "y_pred")
    assert refusal(y_true=["0", "1", "1", "0"], y_pred=Y) == said.format("y_pred", "y_true")
    assert refusal(y_true=[True] * 4, y_pred=["True"] * 4) == said.format("y_true", "y_pred")
    assert refusal("given", y_true=Y, y_pred=["0"] * 4) == said.format("y_true", "y_pred")
    assert refusal("given", y_true=["0"] * 4, y_pred=Y) == said.format("y_pred", "y_true")


# missing labels


@pytest.mark.parametrize(
    "true",
    with_ids([
        [0, None, 1, None],
        [0.0, np.nan, 1, None],
        np.array([0, np.nan, 1, np.nan]),
        np.ma.array([0, 1, 1, 0], mask=[0, 1, 0, 1]),
        [Decimal(0), Decimal("NaN"), Decimal(1), None],
        pd.Series([0, None, 1, None], dtype="Int64"),
        pd.Series([0, None, 1, None], dtype="category"),
        pl.Series([0, None, 1, None]),
        pa.array([0.0, None, 1.0, float("nan")]),
        [False, pd.NA, True, pd.NaT],
    ]),
)  # fmt: skip
@pytest.mark.parametrize("need", ["labels", "values", "given", "scores"])
def test_rows_without_a_label_are_dropped_and_counted(true, need):
    found = Evidence({"y_true": true, "y_pred": [0, 1, 1, 1], "y_score": [0.1, 0.2, 0.3, 0.4],
                      "sample_weight": [1, 2, 3, 4]}).outcomes(need)  # fmt: skip
    assert (found.n, found.dropped) == (2, 2)
    assert found.kept.tolist() == [True, False, True, False]
    assert [float(v) for v in found.true.tolist()] == [0.0, 1.0]
    assert found.weight.tolist() == [1.0, 3.0]
    answer = found.score if need == "scores" else found.pred
    assert answer.tolist() == ([0.1, 0.3] if need == "scores" else [0, 1])


def test_no_label_at_all():
    found = labels(y_true=[None, None], y_pred=[0, 1])
    assert (found.n, found.dropped, found.classes, found.positive) == (0, 2, (0, 1), 1)
    assert found.cells.tolist() == [[0, 0], [0, 0]]
    found = labels(y_true=[], y_pred=[])
    assert (found.n, found.dropped, found.binary("recall")) == (0, 0, 1)


# classes


def test_unknown_predicted_labels_are_kept_and_listed():
    found = labels(y_true=[0, 1, 1], y_pred=[0, 2, 1])
    assert (found.classes, found.unseen, found.positive) == ((0, 1, 2), (2,), 1)
    assert found.cells.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert found.binary("recall") == 1


def test_predictions_without_a_known_label_are_refused():
    said = "`y_pred` and `y_true` have no label in common: 2, 3 against 0, 1"
    assert refusal(y_true=Y, y_pred=[2, 3, 2, 3]) == said
    said = "`y_pred` and `y_true` have no label in common: 'N', 'Y' against 'no', 'yes'"
    assert refusal(y_true=TEXTS, y_pred=["N", "Y", "N", "N"]) == said
    # one class of 0 and 1 is enough to know both
    assert labels(y_true=[0, 0], y_pred=[1, 1]).cells.tolist() == [[0, 2], [0, 0]]


def test_long_labels_are_cut():
    said = refusal(y_true=["a" * 60] * 2, y_pred=["b" * 60] * 2)
    labels = f"'{'b' * 38}... against '{'a' * 38}..."
    assert said == f"`y_pred` and `y_true` have no label in common: {labels}"
    many = [f"{i:03}" for i in range(30)]
    said = refusal(y_true=["a"] * 30, y_pred=many)
    assert said.startswith("`y_pred` and `y_true` have no label in common: '000', '001', ")
    assert said.endswith("'009' and 20 more against 'a'")


def test_minus_one_and_one_need_pos_label():
    found = labels(y_true=[-1, 1], y_pred=[1, 1])
    assert found.positive is None
    with pytest.raises(EvidenceError) as caught:
        found.binary("recall")
    said = "`recall` needs `pos_label`, for example pos_label=1; "
    assert str(caught.value) == f"{said}the labels are -1, 1"
    assert labels(y_true=[-1, 1], y_pred=[1, 1], pos_label=-1).binary("recall") == 0


@pytest.mark.parametrize(
    "said", with_ids([1, True, 1.0, np.int64(1), np.float32(1), np.True_, Decimal(1)])
)
def test_pos_label_of_any_type_of_number(said):
    assert labels(y_true=Y, y_pred=Y, pos_label=said).positive == 1


@pytest.mark.parametrize("said", with_ids(["yes", np.str_("yes")]))
def test_pos_label_of_texts(said):
    assert labels(y_true=TEXTS, y_pred=TEXTS, pos_label=said).positive == 1


@pytest.mark.parametrize(
    ("true", "said", "message"),
    [
        (TEXTS, "Yes", "one of the labels 'no', 'yes', got 'Yes'; did you mean 'yes'?"),
        (TEXTS, "maybe", "one of the labels 'no', 'yes', got 'maybe'"),
        (TEXTS, 1, "one of the labels 'no', 'yes', got 1"),
        (Y, "1", "one of the labels 0, 1, got '1'; did you mean the number 1?"),
        (Y, 2, "one of the labels 0, 1, got 2"),
        (["a", "a"], 0, "'a', the only label, got 0"),
    ],
)
def test_unknown_pos_label_is_refused(true, said, message):
    found = refusal(y_true=true, y_pred=true, pos_label=said)
    assert found == f"`pos_label` must be {message}"


@pytest.mark.parametrize("said", with_ids([[1], 0.5, np.nan, {"a": 1}, b"a"]))
def test_invalid_pos_label_is_refused(said):
    message = f"`pos_label` must be an integer, a boolean or a string, got {said!r}"
    assert refusal(y_true=Y, y_pred=Y, pos_label=said) == message


def test_a_positive_class_may_have_no_rows():
    found = labels(y_true=["no", "no"], y_pred=["no", "yes"], pos_label="yes")
    assert (found.classes, found.positive, found.unseen) == (("no", "yes"), 1, ())
    found = labels(y_true=["no", "no"], y_pred=["no", "no"], pos_label="yes")
    assert (found.classes, found.positive) == (("no", "yes"), 1)
    said = "`pos_label` must be one of the labels 'no', 'yes', got 'Yes'; did you mean 'yes'?"
    assert refusal(y_true=["no", "no"], y_pred=["no", "yes"], pos_label="Yes") == said


@pytest.mark.parametrize(
    ("metric", "advice"),
    [
        ("recall", "recall_macro, recall_micro or recall_weighted"),
        ("roc_auc", "roc_auc_ovr or roc_auc_ovr_weighted"),
        ("brier_score", "a multiclass metric such as f1_macro"),
    ],
)
def test_binary_metrics_refuse_more_classes(metric, advice):
    found = labels(y_true=[0, 1, 2], y_pred=[0, 1, 2], pos_label=1)
    with pytest.raises(EvidenceError) as caught:
        found.binary(metric)
    said = f"`{metric}` needs two classes, got 3 (0, 1, 2): use {advice}"
    assert str(caught.value) == said


# laws

LABELS = st.one_of(
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=30),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=30),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=30),
)


@given(values=LABELS)
def test_codes_decode_to_the_values(values):
    codes, distinct = encode(as_column("y", values))
    assert [None if code < 0 else distinct[code] for code in codes.tolist()] == values
    assert len(set(distinct)) == len(distinct)
    assert set(codes.tolist()) - {-1} == set(range(len(distinct)))


@given(values=st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=30))
def test_texts_of_fixed_width_are_read_like_texts(values):
    array = np.array(values)  # (numpy drops the NULs at the end)
    codes, distinct = encode(as_column("y", array))
    assert [distinct[code] for code in codes.tolist()] == array.tolist()


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50),
    weighted=st.booleans(),
)
def test_cells_are_scikit_learns_confusion_matrix(rows, weighted):
    true, pred = (list(side) for side in zip(*rows, strict=True))
    weight = [0.5 + i for i in range(len(rows))] if weighted else None
    if not {*pred} & {*true} and not {*pred, *true} <= {0, 1}:
        return
    found = labels(y_true=true, y_pred=pred, sample_weight=weight)
    if len({*true, *pred}) < 2:  # (scikit-learn warns)
        return
    wanted = confusion_matrix(true, pred, labels=list(found.classes), sample_weight=weight)
    assert found.cells.tolist() == wanted.tolist()


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.sampled_from("ab"), st.booleans()),
        min_size=1,
        max_size=40,
    )
)
def test_confusion_matrices_of_parts_add_up(rows):
    true, pred, part = (list(side) for side in zip(*rows, strict=True))
    if not {*pred} & {*true} and {*true} != {None}:
        return
    inside = np.array(part)
    whole = labels(y_true=true, y_pred=pred, sample_weight=list(range(1, len(rows) + 1)))
    one, other = whole.take(inside), whole.take(~inside)
    assert one.n + other.n == whole.n
    assert one.dropped + other.dropped == whole.dropped
    assert (one.cells + other.cells).tolist() == whole.cells.tolist()
    again = one.take(np.ones(len(rows), bool))
    assert (again.n, again.dropped, again.true.tolist()) == (one.n, one.dropped, one.true.tolist())
    assert one.classes == whole.classes


def test_small_helpers():
    assert plain_label(np.float64(3)) == 3
    assert plain_label("a") == "a"
    assert np.isnan(plain_label(np.nan))
    assert sorted_labels([True, False], bools=True) == (False, True)
    sides = Labels("a", np.array([0]), (5,)), Labels("b", np.array([0]), ())
    assert find_classes(*sides).every == (5,)
    assert recode(code_labels(as_column("y", [5, None, 3])), (3, 5)).tolist() == [1, -1, 0]
