"""Responses are the same leaf by leaf, within rounding of what stands at the same place."""

import math

import pytest

from mlgates.runtime.responses import Likeness

KNOWN = [
    {"id": 1e12, "score": 0.0, "p": [0.0, 1.0], "ok": True, "n": 1},
    {"id": 2e12, "score": 0.7, "p": [0.5, 0.5], "ok": False, "n": 10**400},
]
LIKENESS = Likeness(KNOWN, 1e-6)


def same(**changed):
    return LIKENESS.same(KNOWN[0], {**KNOWN[0], **changed})


@pytest.mark.parametrize(
    "changed",
    [{}, {"score": 1e-18}, {"score": -1e-16}, {"p": [1e-17, 1.0]}, {"n": 1.0}, {"id": 1e12 + 1}],
)
def test_alike(changed):
    assert same(**changed)


@pytest.mark.parametrize(
    "changed",
    [
        {"score": 1e-9},  # much less than rounding of the ids
        {"score": math.nan},
        {"score": None},
        {"score": "0.0"},
        {"score": False},
        {"p": [0.0]},
        {"p": [1.0, 0.0]},
        {"p": {"0": 0.0}},
        {"ok": 1},
        {"ok": 1.0},
        {"ok": False},
        {"n": True},
        {"n": 2},
        {"n": 10**400},
        {"score": 10**400},
        {"more": 1},
    ],
)
def test_unlike(changed):
    assert not same(**changed)


def test_what_is_not_finite_is_itself():
    odd = {"a": math.inf, "b": math.nan}
    likeness = Likeness([odd], 1e-6)
    assert likeness.same(odd, {"a": math.inf, "b": math.nan})
    assert not likeness.same(odd, {"a": -math.inf, "b": math.nan})
    assert not likeness.same(odd, {"a": 1.0, "b": math.nan})
