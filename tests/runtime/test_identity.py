"""The class, the parameters and the content hash of models."""

import copy
import functools
import pickle
import statistics
import threading
from collections import OrderedDict
from decimal import Decimal

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from mlgates.runtime import identity
from mlgates.runtime.identity import content_hash, identify

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = (X[:, 0] > 0).astype(int)

MODELS = [
    LogisticRegression,
    lambda: make_pipeline(StandardScaler(), FunctionTransformer(np.abs), Ridge()),
    lambda: RandomForestClassifier(5, random_state=0),
    lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0),
    KNeighborsClassifier,
    SVC,
]


@pytest.mark.parametrize("make", MODELS, ids=range(len(MODELS)))
def test_equal_models_have_equal_hashes(make):
    model = make().fit(X, Y)
    found = content_hash(model)
    assert found is not None
    assert len(found) == 64
    assert content_hash(make().fit(X, Y)) == found
    assert content_hash(pickle.loads(pickle.dumps(model))) == found
    assert content_hash(copy.deepcopy(model)) == found
    assert content_hash(make().fit(X + 1e-9, Y)) != found


class Plain:
    def __init__(self, **state):
        vars(self).update(state)

    def method(self):
        """A function that belongs to the object."""


class Slotted:
    __slots__ = ("x",)

    def __init__(self, x):
        self.x = x


class OwnPickle:
    def __reduce__(self):
        return OwnPickle, ()


DIFFERENT = [
    None, True, 1, 1.0, -0.0, 0.0, float("nan"), 1j, "1", b"1", (), [], {}, set(), (1,), [1], {1},
    frozenset({1}), {1: 2}, {2: 1}, [[1], [2]], [[1, 2]], Decimal(1), np.array([1]),
    np.array([1.0]), np.array([[1]]), np.float64(1), np.float32(1), np.dtype("f8"), range(3),
    Plain(), Plain(a=1), Plain(a=2), Slotted(1), Slotted(2), OrderedDict(a=1), Plain().method,
    np.array(["a", None], object), np.array(["a", "b"], object),
    np.array([(1, 2.0)], dtype=[("a", int), ("b", float)]),
    np.array([(1, 3.0)], dtype=[("a", int), ("b", float)]),
    functools.partial(np.clip, a_min=0), functools.partial(np.clip, a_min=1), [np.abs], [np.sqrt],
    [dict], [list], np.random.RandomState(0), np.random.RandomState(1), np.random.default_rng(0),
]  # fmt: skip


def test_different_contents_have_different_hashes():
    marks = [content_hash(value) for value in DIFFERENT]
    assert None not in marks
    assert len(set(marks)) == len(marks)
    assert [content_hash(copy.deepcopy(value)) for value in DIFFERENT] == marks


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (set("abcdef"), set("fedcba")),
        (np.arange(6).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3))),
        (np.arange(6)[::2], np.array([0, 2, 4])),
        ([Plain(a=1)] * 2, [Plain(a=1), Plain(a=1)]),
    ],
    ids=range(5),
)
def test_equal_contents_have_equal_hashes(one, other):
    assert content_hash(one) == content_hash(other) is not None


def test_padding_between_fields_does_not_count():
    dtype = np.dtype({"names": ["a", "b"], "formats": ["u1", "f8"], "offsets": [0, 8]})
    one, other = np.zeros(3, dtype), np.frombuffer(bytearray(b"\xff" * 48), dtype)
    other["a"], other["b"] = 0, 0
    assert one.tobytes() != other.tobytes()
    assert content_hash(one) == content_hash(other) is not None


def test_an_object_inside_of_itself():
    one, other = Plain(a=1), Plain(a=1)
    one.me, other.me = [one], [other]
    assert content_hash(one) == content_hash(other) is not None
    other.me = [[other]]
    assert content_hash(one) != content_hash(other)


@pytest.mark.parametrize(
    "value",
    [
        len,
        Plain,
        lambda: 1,
        [lambda: 1],
        Plain(f=lambda: 1),
        threading.Lock(),
        Plain(lock=threading.Lock()),
        OwnPickle(),
        [OwnPickle()],
        (i for i in range(3)),
        functools.reduce(lambda inner, _: [inner], range(300), []),
        functools.reduce(lambda inner, _: [inner], range(100_000), []),
    ],
    ids=range(12),
)
def test_contents_that_can_not_be_hashed(value):
    assert content_hash(value) is None
    while isinstance(value, list) and value:  # freeing a deep list recursively would be slow
        value = value.pop()


def test_large_contents_are_not_hashed(monkeypatch):
    monkeypatch.setattr(identity, "_MOST_BYTES", 2_000)
    assert content_hash(np.zeros(100)) is not None
    assert content_hash(np.zeros(1_000)) is None
    assert content_hash(np.zeros(1_000)[::2]) is None
    assert content_hash("x" * 3_000) is None
    assert content_hash([np.zeros(100)] + [np.ones(100) * i for i in range(9)]) is None
    monkeypatch.setattr(identity, "_MOST_OBJECTS", 100)
    assert content_hash(list(range(50))) is not None
    assert content_hash(list(range(500))) is None


class Estimator(BaseEstimator):
    def __init__(self, **given):
        self.given = given

    def get_params(self, deep=True):
        return self.given


PARAMS = [
    (None, None),
    (True, True),
    (3, 3),
    (0.5, 0.5),
    (float("nan"), "nan"),
    (float("inf"), float("inf")),
    (np.float32(0.5), 0.5),
    (np.int64(3), 3),
    (np.str_("a"), "a"),
    (10**400, "int"),
    ("l2", "l2"),
    ("x" * 201, f"{'x' * 131}...{'x' * 66}"),
    ("a\nb\x1b", "a\\nb\\x1b"),
    ((1, "a", None), (1, "a", None)),
    ([0.1, [0.2]], (0.1, (0.2,))),
    ({0: 1.0, "b": [2]}, {"0": 1.0, "b": (2,)}),
    (list(range(51)), "list of 51 items"),
    ([[[[1]]]], ((("list of 1 items",),),)),
    (np.zeros((2, 3)), "array (2, 3) float64, sha256 f16184a7d0f8"),
    (np.array([lambda: 1]), "array (1,) object"),
    (np.abs, "numpy.ufunc"),
    (len, "len"),
    (Plain, f"{__name__}.Plain"),
    (Plain().method, f"{__name__}.Plain.method"),
    (lambda: 1, f"{__name__}.<lambda>"),
    (Ridge(), "sklearn.linear_model._ridge.Ridge"),
    ([("ridge", Ridge())], (("ridge", "sklearn.linear_model._ridge.Ridge"),)),
    (Decimal(1), "decimal.Decimal"),
    ({"password": "x"}, {"password": "<hidden>"}),
    ("postgresql://ann:pw@db/x", "<address>"),
]


@pytest.mark.parametrize(("given", "shown"), PARAMS, ids=range(len(PARAMS)))
def test_parameters_are_plain_values(given, shown):
    found = identify(Estimator(p=given))["params"]
    assert found == {"p": shown}
    assert type(found["p"]) is type(shown)


def test_parameters_are_sorted_and_bounded():
    params = identify(Estimator(**{f"p{i:03}": i for i in reversed(range(250))}))["params"]
    assert list(params) == [f"p{i:03}" for i in range(200)] + ["..."]
    assert params["..."] == "50 more"


@pytest.mark.parametrize("returned", [None, 5, ["C"]])
def test_get_params_that_returns_no_mapping_gives_none(returned):
    class Odd:
        def get_params(self):
            return returned

    assert identify(Odd())["params"] is None


def test_a_function_has_a_name_alone():
    assert identify(statistics.mean) == {"class": "statistics.mean", "params": None, "sha256": None}


def test_the_run_that_autologging_writes_into_a_model_is_no_content():
    model = Plain(coef=1.0)
    found = content_hash(model)
    model._mlflow_run_id = "5e1a"
    assert content_hash(model) == found
