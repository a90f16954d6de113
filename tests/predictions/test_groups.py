"""Groups of sensitive features, and slices by columns and by conditions."""

from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.predictions.groups import group_name, unique_names
from mlgates.predictions.labels import label_text, list_labels

SEX = ["f", "m", None, "f"]
RACE = [2, 1, 1, 2]


def cases(values):
    """Return parameters with unique ids."""
    return [pytest.param(v, id=f"{type(v).__name__}-{i}") for i, v in enumerate(values)]


def groups(features, **given):
    return Evidence({"sensitive_features": features, **given}).groups()


def slices(by, **given):
    return {part.name: part.rows.tolist() for part in Evidence(given).slices(by)}


def refusal(make, *args, **given):
    with pytest.raises(EvidenceError) as caught:
        make(*args, **given)
    return str(caught.value)


# groups


@pytest.mark.parametrize("features", cases([
    SEX, tuple(SEX), np.array(SEX, object), pd.Series(SEX), pd.Series(SEX, dtype="category"),
    pd.Series(SEX, dtype=object), pd.Categorical(SEX), pl.Series(SEX), pa.array(SEX),
    pa.array(SEX).dictionary_encode(), np.array(SEX, object).reshape(-1, 1),
]))  # fmt: skip
def test_an_unnamed_feature(features):
    found = groups(features)
    assert found.features == ("group",)
    assert found.names == ("group=f", "group=m", "group=missing")
    assert found.codes.tolist() == [0, 1, 2, 0]
    assert found.missing == (False, False, True)


@pytest.mark.parametrize("features", cases([
    pd.Series(SEX, name="sex"), pl.Series("sex", SEX), pd.DataFrame({"sex": SEX}), {"sex": SEX},
    pl.DataFrame({"sex": SEX}), pa.table({"sex": SEX}), pl.DataFrame({"sex": SEX}).lazy(),
]))  # fmt: skip
def test_a_named_feature(features):
    assert groups(features).names == ("sex=f", "sex=m", "sex=missing")


@pytest.mark.parametrize("features", cases([
    {"sex": SEX, "race": RACE}, pd.DataFrame({"sex": SEX, "race": RACE}),
    pl.DataFrame({"sex": SEX, "race": RACE}), pa.table({"sex": SEX, "race": RACE}),
    ["sex", "race"], ("sex", "race"),
]))  # fmt: skip
def test_intersections_that_occur(features):
    found = groups(features, data={"race": RACE}, X=pd.DataFrame({"sex": SEX}))
    assert found.features == ("sex", "race")
    assert found.names == ("sex=f, race=2", "sex=m, race=1", "sex=missing, race=1")
    assert found.codes.tolist() == [0, 1, 2, 0]
    assert found.missing == (False, False, True)


def test_columns_of_an_array():
    found = groups(np.array([[0, 1], [0, 0], [1, 1]]))
    assert found.features == ("x0", "x1")
    assert found.names == ("x0=0, x1=0", "x0=0, x1=1", "x0=1, x1=1")


def test_a_name_is_looked_up_in_x_and_then_in_data():
    given = {"X": pd.DataFrame({"sex": ["x", "x"]}), "data": {"sex": ["y", "z"], "age": [1, 2]}}
    assert groups("sex", **given).names == ("sex=x",)
    assert groups("age", **given).names == ("age=1", "age=2")
    assert Evidence(given).groups("age").names == ("age=1", "age=2")
    assert Evidence(given).groups(["sex", "age"]).names == ("sex=x, age=1", "sex=x, age=2")
    message = "`sensitive_features` names column 'sxe', which was not found in `X` or `data`; "
    assert refusal(groups, "sxe", **given) == f"{message}did you mean 'sex'?"
    message = "`sensitive_features` names column 'b', which was not found in `X` or `data`"
    assert refusal(groups, ["sex", "b", "c"], **given) == message


def test_one_string_per_row_is_not_a_list_of_names():
    given = {"y_true": [0, 1, 0], "X": pd.DataFrame({"f": [1, 2, 3]})}
    assert groups(["f", "m", "f"], **given).names == ("group=f", "group=m")
    assert groups(["f"], **given).names == ("f=1", "f=2", "f=3")


def test_declared_categories_without_rows_are_groups():
    declared = pd.Categorical(["a", "c"], categories=["c", "b", "a"])
    found = groups(declared)
    assert found.names == ("group=a", "group=b", "group=c")
    assert found.codes.tolist() == [0, 2]
    found = groups(pl.Series(["a", "c"], dtype=pl.Enum(["c", "b", "a"])))
    assert sorted(found.names) == ["group=a", "group=b", "group=c"]  # newer polars tells the order
    assert [found.names[code] for code in found.codes] == ["group=a", "group=c"]
    # neither a dictionary nor an intersection declares anything
    part = pa.array(["a", "b", "c"]).dictionary_encode().slice(0, 2)
    assert groups(part).names == ("group=a", "group=b")
    found = groups(pd.DataFrame({"x": declared, "y": [1, 2]}))
    assert found.names == ("x=a, y=1", "x=c, y=2")


MANY = (
    "the {1:,} groups of {0} are more than the {2} allowed: bin the values first, or raise "
    "`max_groups`"
)


@pytest.mark.parametrize("of", [int, float, str, lambda i: i / 7, Decimal], ids=range(5))
def test_more_groups_than_the_option_allows_are_refused(of):
    values = [of(i % 51) for i in range(5_000)]
    assert refusal(groups, values) == MANY.format("`sensitive_features`", 51, 50)
    named = "column 'age' of `sensitive_features`"
    assert refusal(groups, {"age": values}) == MANY.format(named, 51, 50)
    evidence = Evidence({"sensitive_features": values})
    assert len(evidence.groups(max_groups=51).names) == 51
    assert len(groups(values[:50]).names) == 50
    with pytest.raises(EvidenceError, match="more than the 20 allowed"):
        evidence.groups(max_groups=20)


def test_declared_categories_count_as_groups():
    declared = pd.Categorical(["a"] * 100, categories=["a", *map(str, range(50))])
    assert refusal(groups, declared) == MANY.format("`sensitive_features`", 51, 50)


def test_crossed_groups_are_counted_where_they_have_rows():
    rows = np.arange(5_000)
    crossed = {"a": rows % 40, "b": rows % 41}
    named = "column 'a' of `sensitive_features` and column 'b' of `sensitive_features`"
    assert refusal(groups, crossed) == MANY.format(named, 1_640, 50)
    assert len(groups({"a": rows % 40, "b": rows % 40}).names) == 40


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([1, 0], "`y_true` has 3 rows and `sensitive_features` has 2"),
        ({"a": [1, 0]}, "`y_true` has 3 rows and column 'a' of `sensitive_features` has 2"),
        ({}, ("`sensitive_features` must have at least one column, got a table without columns")),
        ({"a": [[1], [2], [3, 4]]}, ("column 'a' of `sensitive_features` holds lists or dicts; "
         "give one value per row: a 1-D array, a Series, an Arrow array or a list")),
        (iter([1, 0, 1]), ("`sensitive_features` is of type list_iterator, which can be read only "
         "once; give a list or an array")),
        ("sex", ("`sensitive_features` names column 'sex', which was not found: neither `X` nor "
         "`data` was given")),
        ([1, "a", 2], ("`sensitive_features` mixes values of the types int, str; convert them to "
         "one type first")),
        (pd.Series([1, 0, 1], index=[2, 1, 0]), ("the indexes of `y_true` and `sensitive_features` "
         "differ, so that it is not known which rows belong together: they hold the same labels in "
         "another order; write sensitive_features.loc[y_true.index]")),
    ],
)  # fmt: skip
def test_invalid_features_are_refused(features, message):
    assert refusal(groups, features, y_true=pd.Series([0, 1, 0])) == message


def test_without_an_index_of_labels_that_of_predictions_or_x_counts():
    moved = pd.Series([1, 0], index=[5, 6])
    plain = pd.Series([1, 0])
    for other in ({"y_pred": plain}, {"y_score": plain}, {"X": pd.DataFrame({"a": plain})}):
        assert refusal(groups, moved, y_true=[0, 1], **other).startswith("the indexes of `")
    # a table with other rows is another matter
    assert groups(moved, y_true=[0, 1], X=pd.DataFrame({"a": [1, 2, 3]})).names[0] == "group=0"


def test_intervals_of_pandas_are_groups_in_their_order():
    age = pd.cut(pd.Series([150, 5, 50, None]), [0, 30, 100, 200, 300])
    found = groups({"age": age})
    assert found.names == (
        "age=(0, 30]", "age=(30, 100]", "age=(100, 200]", "age=(200, 300]", "age=missing",
    )  # fmt: skip
    assert found.codes.tolist() == [2, 0, 1, 4]
    plain = pd.arrays.IntervalArray.from_tuples([(0, 1), None, (0, 1)])
    for values in (plain, pd.Series(plain), pd.IntervalIndex(plain)):
        assert groups(values).names[-1] == "group=missing"
        assert groups(values).codes.tolist() == [0, 1, 0]
    assert list(slices("age", X=pd.DataFrame({"age": age})))[1] == "age=(30, 100]"


def test_ordered_categories_keep_their_order():
    sizes = pd.Categorical(["high", "low"], categories=["low", "mid", "high"], ordered=True)
    assert groups(sizes).names == ("group=low", "group=mid", "group=high")


def test_no_columns():
    said = "at least one column is required to make groups"
    assert refusal(slices, (), X={"a": [1]}) == said


def test_a_condition_need_not_be_hashable():
    class Old:
        __hash__ = None

        def __call__(self, table):
            return [True, False]

    assert slices({"old": Old()}, X={"a": [1, 2]}) == {"old": [True, False]}


def test_no_rows():
    found = groups([], y_true=[])
    assert (found.names, found.codes.tolist()) == ((), [])
    found = groups({"a": [], "b": []})
    assert (found.names, found.features) == ((), ("a", "b"))


def test_groups_are_found_once_and_read_only():
    evidence = Evidence({"sensitive_features": SEX})
    assert evidence.groups() is evidence.groups()
    with pytest.raises(ValueError, match="read-only"):
        evidence.groups().codes[0] = 1


# slices


def test_slices_of_a_column():
    table = pd.DataFrame({"pclass": [3.0, 1.0, np.nan, 3.0], "fare": [0.5, 7, 7, 0.5]})
    assert slices("pclass", X=table) == {
        "pclass=1": [False, True, False, False],
        "pclass=3": [True, False, False, True],
        "pclass=missing": [False, False, True, False],
    }
    assert list(slices("fare", X=table)) == ["fare=0.5", "fare=7"]
    assert slices(("fare", "pclass"), X=table) == {
        "fare=0.5, pclass=3": [True, False, False, True],
        "fare=7, pclass=1": [False, True, False, False],
        "fare=7, pclass=missing": [False, False, True, False],
    }
    assert slices(["fare"], X=table) == slices("fare", X=table)


@pytest.mark.parametrize("table", cases([
    pd.DataFrame({"s": SEX}), pl.DataFrame({"s": SEX}), pl.DataFrame({"s": SEX}).lazy(),
    pa.table({"s": SEX}), pa.record_batch({"s": SEX}), {"s": SEX}, [{"s": value} for value in SEX],
]))  # fmt: skip
@pytest.mark.parametrize("name", ["X", "data"])
def test_slices_of_any_table(table, name):
    assert slices("s", y_true=[0, 1, 0, 1], **{name: table}) == {
        "s=f": [True, False, False, True],
        "s=m": [False, True, False, False],
        "s=missing": [False, False, True, False],
    }


def test_slices_of_an_array_and_of_a_file(tmp_path):
    assert slices("x1", X=np.array([[0, 1], [0, 2]])) == {
        "x1=1": [True, False], "x1=2": [False, True],
    }  # fmt: skip
    path = tmp_path / "rows.parquet"
    pd.DataFrame({"s": [1, 2]}).to_parquet(path)
    assert list(slices("s", data=path, y_true=[0, 1])) == ["s=1", "s=2"]
    # what the model takes need not be a table
    assert list(slices("s", X=np.zeros((2, 2, 2)), data=path)) == ["s=1", "s=2"]
    assert list(slices("s", X=["text", "text"], data=path)) == ["s=1", "s=2"]


def test_slices_of_missing_columns_are_refused():
    message = "column 'sx' was not found in `X`; did you mean 'sex'?"
    assert refusal(slices, "sx", X=pd.DataFrame({"sex": [1]})) == message
    assert refusal(slices, "sx") == "column 'sx' was not found: neither `X` nor `data` was given"


def test_slices_of_other_rows():
    said = "`y_true` has 2 rows and column 'a' of `data` has 3"
    assert refusal(slices, "a", y_true=[0, 1], data={"a": [1, 2, 3]}) == said
    said = "`y_true`, column 'y' of `X`, has 2 rows and column 'a' of `data` has 3"
    assert refusal(slices, "a", y_true="y", X={"y": [0, 1]}, data={"a": [1, 2, 3]}) == said
    said = refusal(slices, "a", y_true=pd.Series([0, 1]), X=pd.DataFrame({"a": [1, 2]}, [1, 0]))
    assert said.startswith("the indexes of `y_true` and column 'a' of `X` differ")


def test_too_many_slices():
    for values in (np.arange(51), np.arange(51) / 7):
        assert refusal(slices, "a", X={"a": values}) == MANY.format("column 'a' of `X`", 51, 50)
        assert len(Evidence({"X": {"a": values}}).slices("a", 51)) == 51
    assert len(slices("a", X={"a": np.arange(50)})) == 50
    conditions = {str(i): lambda table: table["a"] > 1 for i in range(60)}
    assert len(slices(conditions, X={"a": np.arange(3)})) == 60


@pytest.mark.parametrize("make", cases([dict, lambda pairs: tuple(dict(pairs).items())]))
def test_slices_by_conditions(make):
    by = make({"old": lambda table: table["age"] > 60, "none": lambda table: table["age"] > 99})
    table = pd.DataFrame({"age": [61, 20, 70]})
    assert slices(by, X=table) == {"old": [True, False, True], "none": [False] * 3}


def test_a_null_is_not_in_a_slice():
    table = pl.DataFrame({"age": [61, None, 7]})
    by = {"old": lambda table: table["age"] > 60}
    assert slices(by, data=table, y_true=[1, 0, 1]) == {"old": [True, False, False]}


def test_a_condition_that_raises_on_x_is_evaluated_on_data():
    by = {"old": lambda table: table["age"] > 60}
    given = {"X": np.zeros((2, 3)), "data": pd.DataFrame({"age": [61, 7]}), "y_true": [0, 1]}
    assert slices(by, **given) == {"old": [True, False]}
    said = "the condition of slice 'old' raised KeyError: '<text>'"
    assert refusal(slices, by, X=pd.DataFrame({"a": [1]})) == said
    assert refusal(slices, by, **given | {"data": pd.DataFrame({"a": [1]})}) == said
    said = "slice 'old' needs a table for its condition: pass `X` or `data`"
    assert refusal(slices, by, y_true=[0, 1]) == said


def test_slices_by_texts():
    table = pd.DataFrame({"age": [61, 20, None], "net pay": [1.0, 2.0, 3.0]})
    by = {"old": "age > 60", "rest": "not age > 60", "all": "`net pay` > 0", "none": "1 > 2"}
    assert slices(by, X=table) == {
        "old": [True, False, False],
        "rest": [False, True, False],
        "all": [True] * 3,
        "none": [False] * 3,
    }


@pytest.mark.parametrize("make", cases([
    pd.DataFrame, pl.DataFrame, pa.table, dict, lambda t: pl.DataFrame(t).lazy(),
    lambda t: pd.DataFrame(t).astype({"city": "category"}),
]))  # fmt: skip
def test_texts_on_any_table(make):
    table = make({"city": ["Bonn", None, "Ulm"], "age": [1, 2, 3]})
    by = {"young in Bonn": "city == 'Bonn' and age < 2"}
    assert slices(by, X=table) == {"young in Bonn": [True, False, False]}


def test_columns_of_a_text_are_looked_up_in_x_and_then_in_data():
    given = {"X": {"a": [1, 2]}, "data": {"a": [9, 9], "b": [5, 7]}, "y_true": [0, 1]}
    assert slices({"s": "a == 2 and b == 7"}, **given) == {"s": [False, True]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("agee > 1", "column 'agee' was not found in `X`; did you mean 'age'?"),
        ("age > 'a'", "`age > 'a'`: can't compare a value of type int64 with a string"),
        ("b > 1", "`y_true` has 2 rows and column 'b' of `data` has 3"),
        ("age", "`age` is a value of type int64; a condition must be true or false"),
    ],
)
def test_texts_that_do_not_fit_the_table(text, message):
    given = {"X": {"age": [1, 2]}, "y_true": [0, 1]}
    given |= {"data": {"b": [1, 2, 3]}} if text == "b > 1" else {}
    assert refusal(slices, {"s": text}, **given) == f"the condition of slice 's': {message}"


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (lambda _: True, "must return one bool per row, got bool"),
        (lambda _: [1, 0], "must return one bool per row, got list of int64 values"),
        (lambda _: [True], "must return one bool per row, got 1 value for 2 rows"),
    ],
)
def test_invalid_conditions_are_refused(condition, message):
    said = f"the condition of slice 's' {message}"
    assert refusal(slices, {"s": condition}, X=pd.DataFrame({"a": [1, 2]})) == said


def test_conditions_on_other_rows():
    by = {"s": lambda table: table["a"] > 1}
    given = {"y_true": [0, 1], "X": pd.DataFrame({"a": [1, 2, 3]})}
    assert refusal(slices, by, **given) == "`y_true` has 2 rows and `X` has 3"
    given = {"y_true": pd.Series([0, 1]), "X": pd.DataFrame({"a": [1, 2]}, [5, 6])}
    assert refusal(slices, by, **given).startswith("the indexes of `y_true` and `X` differ")


def test_conditions_must_keep_the_order_of_rows():
    table = pd.DataFrame({"a": [3, 1, 2]}, index=[7, 8, 9])
    said = "the condition of slice 's' must return a Series with the index of the table, "
    said += "got another index"
    assert refusal(slices, {"s": lambda got: got.sort_values("a")["a"] > 1}, X=table) == said
    for condition in (
        lambda got: got["a"] > 1,
        lambda got: got.reset_index()["a"] > 1,
        lambda got: (got["a"] > 1).to_numpy(),
        lambda got: pl.Series(got["a"].to_numpy()) > 1,
    ):
        assert slices({"s": condition}, X=table) == {"s": [True, False, True]}


def test_a_condition_cannot_write_to_the_table():
    table = pd.DataFrame({"a": [1, 2]})

    def spoil(got):
        got["a"] = 0
        return [True, False]

    assert slices({"s": spoil}, X=table) == {"s": [True, False]}
    assert table["a"].tolist() == [1, 2]


def test_declared_categories_without_rows_are_slices():
    table = pd.DataFrame({"c": pd.Categorical(["a"], categories=["a", "b"])})
    assert slices("c", X=table) == {"c=a": [True], "c=b": [False]}


# names


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (True, "True"),
        (Decimal("1.50"), "1.50"),
        (None, "missing"),
        ("missing", "'missing'"),
        ("", "''"),
        (" f", "' f'"),
        ("a\nb", "'a\\nb'"),
        ("a" * 60 + "b" * 41, "a" * 60 + "b" * 4 + "..." + "b" * 33),
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3), "2020-01-02T03:00:00"),
        (10**150, "1" + "0" * 63 + "..." + "0" * 33),
    ],
)
def test_names_of_values(value, name):
    assert group_name("x", value) == f"x={name}"


def test_names_differ():
    long = ["a" * 80 + end + "b" * 80 for end in "12"]
    shown = f"group={'a' * 64}...{'b' * 33}"
    assert groups(long).names == (shown, f"{shown} (2)")
    ends = ["a" * 150 + "1", "a" * 150 + "2"]
    assert len({name[-1] for name in groups(ends).names}) == 2
    assert unique_names(["a", "a", "a (2)", "a"]) == ("a", "a (2)", "a (2) (2)", "a (3)")
    assert label_text("a" * 39) == f"'{'a' * 38}..."
    assert list_labels(range(12)) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"


@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", None]),
            st.sampled_from([1, 2, 3, None]),
            st.sampled_from([True, False]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_each_row_is_in_exactly_one_group(rows):
    columns = {name: list(side) for name, side in zip("xyz", zip(*rows, strict=True), strict=True)}
    found = groups(columns)
    for row, code in zip(rows, found.codes.tolist(), strict=True):
        assert found.names[code] == ", ".join(
            group_name(name, value) for name, value in zip("xyz", row, strict=True)
        )
        assert found.missing[code] is (None in row)
    assert set(found.codes.tolist()) == set(range(len(found.names)))
    order = {"a": 0, "b": 1, None: 9}
    assert list(found.names) == [
        ", ".join(group_name(name, value) for name, value in zip("xyz", row, strict=True))
        for row in sorted(set(rows), key=lambda row: (order[row[0]], row[1] or 9, row[2]))
    ]
    parts = Evidence({"X": columns}).slices(("x", "y", "z"))
    assert tuple(part.name for part in parts) == found.names
    assert np.sum([part.rows for part in parts], axis=0).tolist() == [1] * len(rows)
