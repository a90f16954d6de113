"""Scores, probabilities, values and weights: allowed values and containers."""

import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss

import mlgates as mg
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.metrics import METRICS
from mlgates.predictions.outcomes import confusion

Y = [0, 1, 1, 0]
S = [0.1, 0.75, 0.5, 0.25]
THREE = [0, 1, 2, 0]
WIDE = [[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.125, 0.125, 0.75], [0.5, 0.5, 0.0]]


def with_ids(values):
    """Return parameters with unique ids."""
    return [pytest.param(v, id=f"{type(v).__name__}-{i}") for i, v in enumerate(values)]


def outcomes(need="scores", **given):
    return Evidence(given).outcomes(need)


def refusal(need="scores", **given):
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes(need)
    return str(caught.value)


# scores


@pytest.mark.parametrize(
    "score",
    with_ids([
        S, tuple(S), np.array(S), np.array(S).reshape(-1, 1), [[s] for s in S], pd.Series(S),
        pd.array(S, "Float64"), pd.DataFrame({"p": S}), pl.Series(S), pa.array(S),
        pa.chunked_array([S[:1], S[1:]]), pa.table({"p": S}), {"p": S},
        np.array(S, object), [Decimal(str(s)) for s in S], np.ma.array(S),
    ]),
)  # fmt: skip
def test_scores_in_any_container(score):
    found = outcomes(y_true=Y, y_score=score)
    assert found.score.tolist() == S
    assert found.score.dtype == np.float64
    assert (found.pred, found.classes, found.positive) == (None, (0, 1), 1)


def test_half_floats_are_doubles():
    found = outcomes(y_true=Y, y_score=np.array([0.5, 0.25, 2, 4], np.float16))
    assert found.score.dtype == np.float64
    assert found.score.tolist() == [0.5, 0.25, 2, 4]


def test_ranking_takes_any_finite_score():
    assert outcomes(y_true=Y, y_score=[-3, 7, 1e9, 0]).score.tolist() == [-3, 7, 1e9, 0]
    said = "3 of 4 values of `y_score` are outside [0, 1], but probabilities are required"
    assert refusal("probabilities", y_true=Y, y_score=[-3, 7, 1e9, 0]) == said


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ([0.1, None, 0.2, 0.3], "1 of 4 values of `y_score` is missing"),
        ([0.1, np.nan, 0.2, np.nan], "2 of 4 values of `y_score` are missing"),
        ([0.1, np.inf, 0.2, 0.3], "1 of 4 values of `y_score` is infinite"),
        ([0.1, np.inf, np.nan, 0.3], "2 of 4 values of `y_score` are missing or infinite"),
        (["a", "b", "a", "b"], "`y_score` has type string, but numbers are required"),
        ([0.1, 0.2, 0.3], "`y_true` has 4 rows and `y_score` has 3"),
        ([[0.1, 0.2], [0.3], [0.1], [0.1]], "the rows of `y_score` differ in length"),
        ({"a": S, "b": S[:2]}, "the columns of `y_score` differ in length"),
        (np.zeros((4, 2, 2)), "`y_score` has shape (4, 2, 2): give one value per row"),
        (np.zeros((1, 4)), "`y_true` has 4 rows and `y_score` has 1"),
        (np.full((4, 2), 0.5), ("`y_score` has 2 columns: for two classes pass the column of the "
         "positive class, for example y_score[:, 1]")),
        (pd.DataFrame({"no": S, "yes": S}), ("`y_score` has 2 columns: for two classes pass the "
         "column of the positive class; the columns are 'no', 'yes'")),
        (np.full((4, 3), 0.5), ("`y_score` must have one column per label, in the order of the "
         "labels (0, 1), got 3 columns for 2 labels; if a label has no rows, pass all labels as "
         "`classes`")),
        (0.5, ("`y_score` is of type float; give one value per row: a 1-D array, a Series, an "
         "Arrow array or a list")),
    ],
)  # fmt: skip
def test_invalid_scores_are_refused(score, message):
    assert refusal(y_true=Y, y_score=score) == message


def test_scores_of_texts_need_no_pos_label_yet():
    found = outcomes(y_true=["a", "b"], y_score=[0.1, 0.2])
    assert found.positive is None
    assert found.score.tolist() == [0.1, 0.2]


# several classes


@pytest.mark.parametrize(
    "score",
    with_ids([
        WIDE, np.array(WIDE), [np.array(row) for row in WIDE], pd.DataFrame(WIDE),
        pl.DataFrame(np.array(WIDE)), np.array(WIDE, object), np.ma.array(WIDE),
        pa.table([*np.array(WIDE).T], names=["0", "1", "2"]),
    ]),
)  # fmt: skip
@pytest.mark.parametrize("need", ["scores", "probabilities"])
def test_one_column_per_class(score, need):
    found = outcomes(need, y_true=THREE, y_score=score)
    assert found.score.tolist() == WIDE
    assert found.classes == (0, 1, 2)


def test_named_columns_are_put_in_order():
    table = pd.DataFrame(WIDE, columns=["c", "a", "b"])
    found = outcomes(y_true=["a", "b", "c", "a"], y_score=table)
    assert found.score.tolist() == table[["a", "b", "c"]].to_numpy().tolist()


def test_one_score_for_three_labels():
    said = "`y_score` must have one column per label, got one score per row for 3 labels (0, 1, 2)"
    assert refusal(y_true=THREE, y_score=S) == said


def test_probabilities_add_up_to_one():
    almost = np.array(WIDE)
    almost[0, 0] += 9e-7
    assert outcomes("probabilities", y_true=THREE, y_score=almost).n == 4
    almost[0, 0] += 2e-7
    said = "probabilities must add up to 1 in each row; 1 of 4 rows of `y_score` does not"
    assert refusal("probabilities", y_true=THREE, y_score=almost) == said
    assert outcomes("scores", y_true=THREE, y_score=almost).n == 4
    almost[0, 0] = -0.1
    said = "1 of 12 values of `y_score` is outside [0, 1], but probabilities are required"
    assert refusal("probabilities", y_true=THREE, y_score=almost) == said


@pytest.mark.parametrize("places", [2, 3, 4, 5, 6])
def test_rounded_probabilities_may_miss_one_by_their_rounding(places):
    wide = np.round(np.random.default_rng(7).dirichlet(np.ones(3), 300), places)
    assert np.abs(wide.sum(1) - 1).max() >= 10.0**-places / 2
    assert outcomes("probabilities", y_true=np.arange(300) % 3, y_score=wide).n == 300
    wide[0] = [0.5, 0.5, 3 * 10.0**-places]
    said = "probabilities must add up to 1 in each row; 1 of 300 rows of `y_score` does not"
    assert refusal("probabilities", y_true=np.arange(300) % 3, y_score=wide) == said


@pytest.mark.parametrize("convert", [list, pd.DataFrame, np.asarray, np.float64])
def test_probabilities_of_half_precision_may_miss_one_by_their_rounding(convert):
    wide = np.random.default_rng(7).dirichlet(np.ones(10), 300).astype(np.float16)
    assert np.abs(wide.astype(float).sum(1) - 1).max() > 1e-4
    true = np.arange(300) % 10
    assert outcomes("probabilities", y_true=true, y_score=convert(wide)).n == 300
    wide[0] *= np.float16(1.03)
    assert "1 of 300 rows" in refusal("probabilities", y_true=true, y_score=convert(wide))


def test_log_loss_of_rounded_probabilities_is_scikit_learns():
    rng = np.random.default_rng(7)
    wide, true = rng.dirichlet(np.ones(3), 300).round(4), rng.integers(3, size=300)
    check = mg.Performance("log_loss", at_most=5).run(y_true=true, y_score=wide).checks[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns, and computes
        assert check.value == pytest.approx(log_loss(true, wide), rel=1e-3)


def test_more_columns_than_labels_need_the_classes_of_the_model():
    class Model:
        classes_ = np.array([0, 1, 2])

    found = outcomes(y_true=[0, 1, 1, 0], y_score=WIDE, model=Model())
    assert found.classes == (0, 1, 2)
    assert found.score.tolist() == WIDE
    assert found.positive is None
    # of one score a row, the classes of a model are not asked
    assert outcomes(y_true=Y, y_score=S, model=Model()).positive == 1


# values


@pytest.mark.parametrize("true", with_ids([
    [1, 2.5, 3], np.array([1, 2.5, 3], np.float32), [Decimal(1), Decimal("2.5"), 3],
    pd.Series([1, 2.5, 3], dtype="Float64"), [True, 2.5, 3],
]))  # fmt: skip
def test_values_are_doubles(true):
    found = outcomes("values", y_true=true, y_pred=np.array([1, 2, 3], np.int8))
    assert found.true.tolist() == [1.0, 2.5, 3.0]
    assert found.true.dtype == found.pred.dtype == np.float64
    assert (found.classes, found.positive, found.score) == ((), None, None)
    with pytest.raises(EvidenceError) as caught:
        _ = found.cells
    assert str(caught.value) == (
        "a confusion matrix needs Outcomes with need='labels', got need='values'"
    )


@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([1, 2, "c"], [1, 2, 3], ("`y_true` mixes values of the types int, str; convert them to "
         "one type first")),
        (["a", "b", "c"], [1, 2, 3], "`y_true` has type string, but numbers are required"),
        ([1, 2, 3], ["1", "2", "3"], "`y_pred` has type string, but numbers are required"),
        ([1, 2, np.inf], [1, 2, 3], "1 of 3 values of `y_true` is infinite"),
        ([1, 2, 3], [1, np.nan, 3], "1 of 3 values of `y_pred` is missing"),
        ([1, 2, 3], [1, -np.inf, 3], "1 of 3 values of `y_pred` is infinite"),
        ([1, 2, 3], [None] * 3, "`y_pred` holds only missing values, but numbers are required"),
        (pd.to_datetime(["2020"] * 3), [1, 2, 3],
         "`y_true` has type timestamp[us], but numbers are required"),
    ],
)  # fmt: skip
def test_invalid_values_are_refused(true, pred, message):
    said = refusal("values", y_true=true, y_pred=pred)
    assert said.replace("[ns]", "[us]").replace("[s]", "[us]") == message


BIG = 2**53 + 1
NOT_EXACT = (
    "1 of 2 values of `{}` is beyond 2**53 and not exact as float64: subtract the same constant "
    "from all labels and predictions, or round them by converting them to float"
)


@pytest.mark.parametrize(
    "big",
    with_ids([
        [BIG, 1], np.array([BIG, 1]), np.array([BIG, 1], np.uint64), np.array([BIG, 1], object),
        pd.Series([BIG, 1]), pd.array([BIG, 1], "Int64"), pd.Categorical([BIG, 1]),
        pl.Series([BIG, 1]), pl.Series([BIG, 1], dtype=pl.Int128), pa.array([BIG, 1]),
        pa.array([BIG, 1]).dictionary_encode(), [2**70 + 1, 1], [-BIG, 1],
        [Decimal(BIG), Decimal(1)], [Decimal(BIG) + Decimal("0.5"), Decimal(1)],
    ]),
)  # fmt: skip
def test_integers_that_are_not_doubles_are_refused(big):
    for name in ("y_true", "y_pred"):
        given = {"y_true": [0, 1], "y_pred": [0, 1]} | {name: big}
        assert refusal("values", **given) == NOT_EXACT.format(name)
    given = {"y_true": [0, 1], "y_pred": [0, 1], "production_pred": big}
    with pytest.raises(EvidenceError) as caught:
        Evidence(given).outcomes("values", production=True)
    assert str(caught.value) == NOT_EXACT.format("production_pred")
    assert refusal("scores", y_true=[0, 1], y_score=big) == NOT_EXACT.format("y_score")
    wide = np.array([[BIG, 0, 0], [0, 0, 0]])
    assert refusal("scores", y_true=[0, 1], y_score=wide) == NOT_EXACT.format("y_score")


def test_large_integers_that_are_doubles_are_values():
    found = outcomes("values", y_true=[2**60, None], y_pred=[2**53, 2**54])
    assert (found.true.tolist(), found.pred.tolist()) == ([2.0**60], [2.0**53])
    assert outcomes("given", y_true=[BIG, 1], y_pred=[BIG, 1]).true.tolist() == [BIG, 1]
    for name in METRICS:
        if METRICS[name].need == "values":
            gate = (
                mg.Performance(name, at_most=1)
                if name != "r2"
                else mg.Performance(name, at_least=0)
            )
            result = gate.run(y_true=np.arange(BIG, BIG + 40), y_pred=np.arange(40))
            assert result.verdict == "error", name


def test_values_without_a_row():
    found = outcomes("values", y_true=[], y_pred=[])
    assert (found.n, found.dropped) == (0, 0)
    found = outcomes("values", y_true=[None, None], y_pred=[1, 2])
    assert (found.n, found.dropped) == (0, 2)


# as given


def test_values_for_a_users_own_metric():
    found = outcomes("given", y_true=["b", "a", None], y_pred=["a", "a", "b"])
    assert found.true.tolist() == ["b", "a"]
    assert found.true.dtype == object
    found = outcomes("given", y_true=[1, None, 2], y_pred=[1.5, 2, 3])
    assert found.true.tolist() == [1, 2]
    assert found.true.dtype == np.int64
    assert found.pred.dtype == np.float64
    found = outcomes("given", y_true=[True, None], y_pred=np.array([1, 2], np.float16))
    assert found.true.dtype == np.bool_
    assert found.pred.dtype == np.float64
    assert refusal("given", y_true=[1, 2], y_pred=[1, np.inf]) == (
        "1 of 2 values of `y_pred` is infinite"
    )
    assert refusal("given", y_true=["a", "b"], y_pred=["a", None]) == (
        "1 of 2 values of `y_pred` is missing"
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.uint32, np.uint64, np.int64])
def test_differences_of_integers_do_not_overflow(dtype):
    def error(y_true, y_pred):
        return abs(y_true - y_pred).mean()

    gate = mg.Performance(error, at_most=1, confidence=None)
    result = gate.run(y_true=np.zeros(40, dtype), y_pred=np.ones(40, dtype))
    assert result.checks[0].value == 1
    huge = outcomes("given", y_true=np.array([2**64 - 1], np.uint64), y_pred=[1])
    assert huge.true.tolist() == [2**64 - 1]


def test_scores_for_a_users_own_metric():
    evidence = Evidence({"y_true": ["n", "y", "y", "n"], "y_score": S, "pos_label": "y"})
    found = evidence.outcomes("given", scores=True)
    assert found.true.tolist() == ["n", "y", "y", "n"]
    assert found.score.tolist() == S
    assert (found.classes, found.positive, found.pred) == (("n", "y"), 1, None)


def test_arrays_are_read_only_and_the_users_stay_writable():
    true, score, weight = np.array(Y), np.array(S), np.ones(4)
    for need in ("scores", "given"):
        found = Evidence(
            {"y_true": true, "y_score": score, "y_pred": true, "sample_weight": weight}
        ).outcomes(need, scores=True)  # fmt: skip
        for array in (found.true, found.score, found.weight):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
    for array in (true, score, weight):
        array[0] = 1


# weights


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1, -1, -2, 1], ("2 of 4 values of `sample_weight` are negative; weights must be at least "
         "0")),
        ([1, np.nan, 1, 1], "1 of 4 values of `sample_weight` is missing"),
        ([1, None, 1, 1], "1 of 4 values of `sample_weight` is missing"),
        ([1, np.inf, 1, 1], "1 of 4 values of `sample_weight` is infinite"),
        ([0, 0, 0, 0], "all values of `sample_weight` are 0; at least one weight must be positive"),
        ([1, 1, 1], "`y_true` has 4 rows and `sample_weight` has 3"),
        (["1"] * 4, "`sample_weight` has type string, but numbers are required"),
        (np.ones((4, 2)), ("`sample_weight` has shape (4, 2): give one value per row, for example "
         "one column of the 4x2 array")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("need", ["labels", "scores", "values"])
def test_invalid_weights_are_refused(weight, message, need):
    assert refusal(need, y_true=Y, y_pred=Y, y_score=S, sample_weight=weight) == message


@pytest.mark.parametrize("size", [1e-320, 1e-300, 1e-170, 1e170, 1e308])
def test_weights_of_any_magnitude_are_equivalent(size):
    found = outcomes(y_true=Y, y_score=S, sample_weight=[size, size / 2, 0, size])
    assert found.weight.tolist() == pytest.approx(
        (found.weight[0] * np.array([1, 0.5, 0, 1])).tolist()
    )
    assert np.isfinite(1 / (found.weight[:2] ** 2)).all()
    assert np.isfinite(found.weight.sum() ** 2)
    plain = outcomes(y_true=Y, y_score=S, sample_weight=[0.1, 1e-6, 0, 1e9])
    assert plain.weight.tolist() == [0.1, 1e-6, 0, 1e9]


def test_effective_number_of_rows():
    assert outcomes(y_true=Y, y_score=S).effective == 4
    assert outcomes(y_true=Y, y_score=S, sample_weight=[2, 2, 2, 2]).effective == 4
    assert outcomes(y_true=Y, y_score=S, sample_weight=[0, 2, 2, 0]).effective == 2
    assert outcomes(y_true=Y, y_score=S, sample_weight=[1, 2, 3, 4]).effective == 100 / 30
    tiny = outcomes(y_true=Y, y_score=S, sample_weight=[1e-200] * 4)
    assert tiny.effective == 4
    assert tiny.take(np.zeros(4, bool)).effective == 0
    half = outcomes(y_true=Y, y_score=S, sample_weight=[0, 0, 1, 1])
    assert half.take(np.array([True, True, False, False])).effective == 0


@given(weight=st.lists(st.floats(0, 1e6), min_size=1, max_size=30).filter(any))
def test_the_effective_number_is_between_one_and_all(weight):
    found = outcomes(y_true=[0] * len(weight), y_score=[0.5] * len(weight), sample_weight=weight)
    assert 1 - 1e-9 <= found.effective <= sum(map(bool, weight)) + 1e-9


# cells


def test_cells_by_group():
    true, pred = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    group = np.array([0, 0, 2, 2])
    found = confusion(true, pred, 2, group=group, groups=3)
    assert found.tolist() == [[[1, 0], [0, 1]], [[0, 0], [0, 0]], [[1, 0], [1, 0]]]
    found = confusion(true, pred, 2, np.array([0.5, 1, 2, 3]), group, 3)
    assert found.sum() == 6.5
    assert confusion(true, pred, 2).dtype == np.float64


def test_too_many_classes_to_count():
    found = Evidence({"y_true": range(2_001), "y_pred": range(2_001)}).outcomes("labels")
    with pytest.raises(EvidenceError) as caught:
        _ = found.cells
    said = "a confusion matrix must have at most 2,000 classes, got 2,001"
    assert str(caught.value) == said
