"""Samples of numbers of many shapes: small ones for Hypothesis, and large ones drawn by numpy."""

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

TIED = st.integers(-4, 4).map(float) | st.sampled_from([np.inf, -np.inf, 0.0, -0.0, 1e300, 5e-324])
FLOATS = st.floats(allow_nan=False)

#: How to draw large samples, by the shape of their distribution.
SHAPES = {
    "normal": lambda rng, n: rng.normal(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "two hills": lambda rng, n: rng.normal(size=n) + 16 * rng.integers(0, 2, n),
    "float32": lambda rng, n: rng.normal(size=n).astype(np.float32),
    "float16": lambda rng, n: rng.normal(size=n).astype(np.float16),
    "integers": lambda rng, n: rng.integers(-(10**9), 10**9, n),
    "unsigned": lambda rng, n: rng.integers(0, 60_000, n).astype(np.uint16),
    "beyond 2**53": lambda rng, n: 2**60 + rng.integers(0, 5_000, n),
    "levels": lambda rng, n: rng.integers(0, 100, n).astype(float),
    "an atom": lambda rng, n: np.maximum(rng.normal(size=n), 0),
    "mostly zeros": lambda rng, n: np.where(rng.uniform(size=n) < 0.995, 0.0, rng.normal(size=n)),
    "constant": lambda rng, n: np.full(n, 3.5) + 0 * rng.normal(size=n),
    "Cauchy": lambda rng, n: rng.standard_cauchy(n),
    "lognormal": lambda rng, n: rng.lognormal(0, 3, n),
    "an outlier": lambda rng, n: np.append(rng.normal(size=n - 1), 1e12),
    "an enormous outlier": lambda rng, n: np.append(rng.normal(size=n - 1), 1e300),
    "huge": lambda rng, n: rng.normal(size=n) * 1e306,
    "denormal": lambda rng, n: rng.integers(0, 10**6, n) * 5e-324,
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "far from zero": lambda rng, n: 1.7e9 + rng.normal(size=n),
    "sorted": lambda rng, n: np.sort(rng.normal(size=n)),
}


def samples(elements=FLOATS | TIED, dtype=np.float64, low=1, high=40):
    return hnp.arrays(dtype, st.integers(low, high), elements=elements)
