"""Outcomes made by hand, for tests of metrics."""

import numpy as np

from mlgates.predictions import Outcomes


def outcomes(need, true, pred=None, *, score=None, weight=None, k=2) -> Outcomes:
    """Outcomes of codes (or values) as they are; two classes have 1 as the positive one.

    Intervals are made from `pred`: they are longer for larger values.
    """
    if need == "interval":
        pred = np.column_stack([np.array(pred, float) - 0.5, 2 * np.array(pred, float) + 0.5])
    classes = tuple(range(k)) if need in ("labels", "scores", "probabilities") else ()
    whole = np.intp if classes else np.float64
    return Outcomes(
        need=need,
        n=len(true),
        dropped=0,
        kept=None,
        true=np.array(true, whole),
        pred=None if pred is None else np.array(pred, whole),
        score=None if score is None else np.array(score, np.float64),
        weight=None if weight is None else np.array(weight, np.float64),
        classes=classes,
        positive=1 if k == 2 else None,
    )
