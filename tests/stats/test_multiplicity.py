"""Adjusted p-values: published ones, and their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.stats.multiplicity import holm, holm_levels

# Benjamini and Hochberg (1995), section 3.2.
PUBLISHED = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1),
]
FAMILIES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_holm_of_published_values():
    adjusted = holm(PUBLISHED)
    assert adjusted[:6] == pytest.approx([0.0015, 0.0056, 0.0247, 0.114, 0.2211, 0.278])
    assert (adjusted <= 0.05).sum() == 3


@given(FAMILIES, st.sampled_from([0.5, 0.9, 0.95]))
def test_levels_and_adjusted_pvalues_agree(family, confidence):
    def claim(p_value):
        return lambda level: p_value <= 1 - level

    claims = [claim(p_value) for p_value in family]
    levels = holm_levels(claims, confidence)
    shown = [claim(level) for claim, level in zip(claims, levels, strict=True)]
    # equal up to rounding where a p-value is equal to the level of a step
    alpha, m = 1 - confidence, len(family)
    steps = alpha / np.arange(1, m + 1)
    if np.min(np.abs(np.subtract.outer(family, steps))) > 1e-9:
        assert shown == (holm(family) <= alpha).tolist()
    assert all(confidence <= level <= 1 - alpha / m + 1e-12 for level in levels)


def test_levels_of_unconfirmed_claims():
    assert holm_levels([lambda level: False] * 3, 0.9) == (0.9, 0.9, 0.9)
    assert holm_levels([]) == ()


@given(FAMILIES, st.randoms())
def test_holm_steps_down(family, random):
    adjusted = holm(family)
    m = len(family)
    assert ((adjusted >= family) & (adjusted <= np.minimum(1, m * np.array(family)))).all()
    worst = 0.0
    for step, p in enumerate(sorted(family)):
        worst = max(worst, (m - step) * p)
        assert sorted(adjusted)[step] == pytest.approx(min(1, worst))
    order = list(range(m))
    random.shuffle(order)
    assert holm([family[i] for i in order]).tolist() == adjusted[order].tolist()


def test_tests_that_could_not_be_made_do_not_count():
    adjusted = holm([np.nan, 0.02, np.nan, 0.01])
    assert np.isnan(adjusted[[0, 2]]).all()
    assert adjusted[[1, 3]].tolist() == holm([0.02, 0.01]).tolist()
    assert np.isnan(holm([np.nan])).all()
    assert holm([]).tolist() == []
