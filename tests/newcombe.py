"""Newcombe's interval of the difference of two independent proportions, as he wrote it (method 10).

Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions.
Statistics in Medicine 17, 873-890.
"""

import numpy as np
from scipy import stats


def wilson_ends(x, n, z):
    p = x / n
    centre = p + z**2 / (2 * n)
    half = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return (centre - half) / (1 + z**2 / n), (centre + half) / (1 + z**2 / n)


def newcombe_interval(x1, n1, x2, n2, confidence=0.95):
    z = stats.norm.isf((1 - confidence) / 2)
    (l1, u1), (l2, u2) = wilson_ends(x1, n1, z), wilson_ends(x2, n2, z)
    p1, p2 = x1 / n1, x2 / n2
    low = p1 - p2 - np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    return low, p1 - p2 + np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
