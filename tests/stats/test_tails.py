"""Tail probabilities equal those of scipy, also where they are tiny."""

import math

import numpy as np
import pytest
from scipy import special

from mlgates.stats.tails import chi_square_sf, kolmogorov_sf, relative_entropy


@pytest.mark.parametrize("freedom", [1, 2, 3, 9, 10, 29, 100, 999, 1_000, 1_001, 50_000])
def test_chi_square_is_that_of_scipy(freedom):
    spread = math.sqrt(2 * freedom)
    values = [1e-300, 1e-9, 0.1, 1.0, *(freedom + spread * np.array([-1, 0, 1, 5, 20])), 1e4, 1e6]
    for value in values:
        expected = special.chdtrc(freedom, value) if value > 0 else 1.0
        assert chi_square_sf(float(value), freedom) == pytest.approx(
            expected, rel=1e-10, abs=1e-300
        )


def test_chi_square_outside_its_range():
    assert chi_square_sf(0.0, 3) == chi_square_sf(-1.0, 3) == 1.0
    assert chi_square_sf(math.inf, 3) == 0.0
    assert math.isnan(chi_square_sf(math.nan, 3))


def test_kolmogorov_is_that_of_scipy():
    for value in [1e-3, 0.02, 0.04, *np.linspace(0.05, 5, 200), 18.0]:
        assert kolmogorov_sf(value) == pytest.approx(special.kolmogorov(value), rel=1e-12)
    assert kolmogorov_sf(0.0) == kolmogorov_sf(-1.0) == 1.0
    assert kolmogorov_sf(math.inf) == 0.0
    assert math.isnan(kolmogorov_sf(math.nan))


def test_relative_entropy_is_that_of_scipy():
    rng = np.random.default_rng(0)
    p, q = rng.integers(0, 4, 500), rng.uniform(0.1, 3, 500)
    q[p == 0] *= rng.integers(0, 2, np.count_nonzero(p == 0))
    np.testing.assert_allclose(relative_entropy(p, q), special.rel_entr(p, q), rtol=1e-12)
