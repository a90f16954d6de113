"""What a model answers: each of its methods is called at most once in a run."""

from collections.abc import Callable
from typing import Any

from mlgates.errors import EvidenceError

__all__ = ["answer", "classes_of", "scoring", "serves"]

#: Methods that give scores, the best first; the second gives no probabilities.
_SCORING = ("predict_proba", "decision_function")


def serves(model: Any, scores: bool = False) -> bool:  # noqa: FBT001, FBT002
    """Return whether a model can give predictions, or scores.

    Examples
    --------
    >>> serves(len), serves(object())
    (True, False)
    """
    if isinstance(model, type):
        return False
    names = _SCORING if scores else ("predict",)
    if any(_has(model, name) for name in names):
        return True
    return callable(model) and not _has(model, "predict")


def scoring(said: str, model: Any, *, probabilities: bool = False) -> str:
    """Return the method of a model that gives scores; ``""`` when it is called itself.

    Raises
    ------
    EvidenceError
        When it has none.
    """
    names = _SCORING[:1] if probabilities else _SCORING
    for name in names:
        if _has(model, name):
            return name
    if callable(model) and not _has(model, "predict") and not isinstance(model, type):
        return ""
    due = "probabilities" if probabilities else "scores"
    score = _score_name(said)
    lacks = " and no ".join(names)
    msg = f"{said} has no {lacks}, and {due} are due: give `{score}`"
    raise EvidenceError(_class_given(said, model) or msg)


def predicting(said: str, model: Any) -> str:
    """Return the method of a model that gives predictions; ``""`` when it is called itself."""
    if not isinstance(model, type):
        if _has(model, "predict"):
            return "predict"
        if callable(model):
            return ""
    msg = f"{said} is of type {type(model).__name__}; a model has `predict`, or is callable"
    raise EvidenceError(_class_given(said, model) or msg)


def _class_given(said: str, model: Any) -> str:
    if not isinstance(model, type):
        return ""
    return f"{said} is the class {model.__name__}; give an instance that is fitted"


def _score_name(said: str) -> str:
    return "production_score" if "production" in said else "y_score"


def _has(model: Any, name: str) -> bool:
    """Whether a model has a method (scikit-learn's `available_if` can raise anything)."""
    try:
        return callable(getattr(model, name, None))
    except Exception:  # noqa: BLE001
        return False


def called(said: str, method: str) -> str:
    """Return what messages call a method: ``"`model.predict`"``."""
    return f"{said[:-1]}.{method}`" if method else said


def answer(said: str, model: Any, method: str, table: Any) -> Any:
    """Return what a model answers about a table.

    Raises
    ------
    EvidenceError
        When it answers nothing; whatever the model raises itself.
    """
    ask: Callable[[Any], Any] = getattr(model, method) if method else model
    found = ask(table)
    if found is None:
        msg = f"{called(said, method)} returned None; one answer a row is due"
        raise EvidenceError(msg)
    return found


def classes_of(model: Any) -> tuple[Any, ...] | None:
    """Return the classes that a model says it knows, in its own order; None when it doesn't."""
    try:
        found = getattr(model, "classes_", None)  # (of a pipeline that is not fitted it raises)
        return None if found is None else tuple(getattr(found, "tolist", lambda: found)())
    except Exception:  # noqa: BLE001
        return None
