"""Units are assigned by a stable hash that is monotone in the share."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg

KNOWN = [7, 49, 59, 63, 104, 123, 141, 174, 175, 193]


def test_assignment_never_changes():
    assigned = [i for i in range(200) if mg.assign(f"user-{i}", share=0.05, salt="v2")]
    assert assigned == KNOWN
    assert mg.assign(42, share=0.5, salt="v2") is mg.assign("42", share=0.5, salt="v2")
    assert mg.assign(np.int64(42), share=0.5, salt="v2") is mg.assign(42, share=0.5, salt="v2")


@given(st.text(min_size=1) | st.integers(), st.floats(0, 1), st.floats(0, 1))
def test_larger_share_keeps_who_is_assigned(unit, one, other):
    small, large = sorted([one, other])
    assert mg.assign(unit, share=small, salt="v2") <= mg.assign(unit, share=large, salt="v2")
    assert mg.assign(unit, share=1, salt="v2")
    assert not mg.assign(unit, share=0, salt="v2")


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_share_is_reached_and_salts_are_independent(share):
    n = 20_000
    one, other = ({i for i in range(n) if mg.assign(i, share=share, salt=s)} for s in ("v2", "v3"))
    spread = 4 * math.sqrt(n * share)
    assert len(one) == pytest.approx(n * share, abs=spread)
    assert len(one & other) == pytest.approx(n * share**2, abs=spread)


def test_salt_and_unit_are_kept_apart():
    pairs = [("a", "bc"), ("ab", "c"), ("", "abc"), ("1:a", "bc")]
    shares = np.linspace(0, 1, 1_001)
    found = {
        tuple(mg.assign(unit, share=share, salt=salt) for share in shares)
        for salt, unit in pairs
        if salt
    }
    assert len(found) == 3


@pytest.mark.parametrize(
    ("unit", "options", "message"),
    [
        ("", {}, "assign: `unit` must be a non-empty string or an integer, got ''"),
        (1.5, {}, "assign: `unit` must be a non-empty string or an integer, got 1.5"),
        (True, {}, "assign: `unit` must be a non-empty string or an integer, got True"),
        (None, {}, "assign: `unit` must be a non-empty string or an integer, got None"),
        ("a", {"share": 5}, "assign: `share` must be between 0 and 1, got 5; shares are not"),
        ("a", {"share": math.nan}, "assign: `share` must be a finite number"),
        ("a", {"salt": ""}, "assign: `salt` must be a non-empty string, got ''"),
    ],
)
def test_bad_arguments_are_refused(unit, options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.assign(unit, **({"share": 0.1, "salt": "v2"} | options))
    assert str(caught.value).startswith(message)
