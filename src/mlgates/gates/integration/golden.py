"""What must hold between a model and what was kept of it: golden rows, and the stored model."""

import os
import tempfile
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.gates.integration.trial import Property, Trial, WrongError, held, of_rows
from mlgates.redaction import describe
from mlgates.runtime.answers import (
    MalformedError,
    alike,
    predictions,
    probabilities,
    undefined,
)
from mlgates.runtime.calls import Method
from mlgates.runtime.process import START, Apart, Stored, by_name
from mlgates.runtime.state import watched
from mlgates.tables.containers import is_instance_of
from mlgates.tables.rows import Rows, rows_like
from mlgates.verdict import Check

__all__ = ["aligned", "golden", "round_trip"]


def aligned(golden: Rows, expected: Any) -> None:
    """Raise WrongError unless pandas objects have equal indexes."""
    indexes = [
        value.index
        for value in (golden.value, expected)
        if any(is_instance_of(value, "pandas", kind) for kind in ("DataFrame", "Series"))
    ]
    if len(indexes) == 2 and not indexes[0].equals(indexes[1]):
        msg = "the indexes of `golden_X` and `golden_pred` differ: whose answer is whose?"
        raise WrongError(msg)


def golden(trial: Trial, given: Any, expected: Any, rtol: float) -> Property:
    """Return that known rows get their known answers."""
    return Property("golden", "predictions", partial(_golden, trial, given, expected, rtol))


def _golden(trial: Trial, given: Any, expected: Any, rtol: float) -> Check:
    rows = rows_like(given)
    aligned(rows, expected)
    method, wanted = _wanted(trial, expected, rows.n)
    if undefined(wanted).any():
        msg = "`golden_pred` holds an answer that is missing, NaN or infinite"
        raise WrongError(msg)
    if not rows.n:
        return held("golden", "predictions", "`golden_X` has no rows", wrong=0, n=0)
    got = trial.answer(method, rows.value, rows.n, "the golden rows")
    kinds = ["text" if a.dtype.kind in "US" else "number" for a in (got, wanted)]
    if kinds[0] != kinds[1] and "O" not in (got.dtype.kind, wanted.dtype.kind):
        who = trial.called(method)
        msg = f"{who} gave {kinds[0]}s where `golden_pred` has {kinds[1]}s"
        raise WrongError(msg)
    wrong = ~alike(wanted, got, rtol)
    said, numbers = f"all {rows.n:,} golden rows got their known answers", ()
    if wrong.any():
        told, numbers = of_rows(wrong)  # type: ignore[assignment]
        said = f"{told} of `golden_X` got another answer than in `golden_pred`"
        if got.dtype.kind != "f" and wanted.dtype.kind == "f":
            said += "; for probabilities give all columns of `predict_proba`"
    return held("golden", "predictions", said, wrong=int(wrong.sum()), n=rows.n, rows=numbers)


def _wanted(trial: Trial, expected: Any, n: int) -> tuple[Method, npt.NDArray[Any]]:
    """Return which method the golden answers are of, and the answers."""
    for package in ("pandas", "polars"):
        if is_instance_of(expected, package, "DataFrame"):
            expected = expected.to_numpy()
    shape = np.shape(expected) if isinstance(expected, list | tuple | np.ndarray) else ()
    try:
        if len(shape) == 2 and shape[1] > 1 and "predict_proba" in trial.methods:
            return "predict_proba", probabilities(expected, n)
        return "predict", predictions(expected, n)
    except MalformedError as error:
        msg = f"`golden_pred` {error} of `golden_X`"
        raise WrongError(msg.replace("gave", "has", 1)) from None


def round_trip(
    trial: Trial, model: object, names: tuple[str, str], timeout: float | None, rtol: float
) -> Property:
    """Return that a model saved here and loaded in a fresh process gives the same answers."""
    return Property(
        "round_trip", "predictions", partial(_round_trip, trial, model, names, timeout, rtol)
    )


def _round_trip(
    trial: Trial, model: object, names: tuple[str, str], timeout: float | None, rtol: float
) -> Check:
    before = {method: trial.base(method) for method in trial.methods}
    with tempfile.TemporaryDirectory(prefix="mlgates-") as folder:
        path = os.path.join(folder, "model")  # noqa: PTH118  (a text, as `save` expects it)
        _save(model, names[0], path)
        there = Apart(Stored(names[1], path), START if timeout is None else timeout)
        try:
            wrong = _compare(trial, there, before, rtol)
        finally:
            there.close()
    said = f"the model loaded in a fresh process gave the same answers to {trial.n:,} rows"
    numbers: tuple[int, ...] = ()
    if wrong.any():
        told, numbers = of_rows(wrong, trial.where)
        said = f"{told} got another answer from the model loaded in a fresh process"
    return held("round_trip", "predictions", said, wrong=int(wrong.sum()), n=trial.n, rows=numbers)


def _save(model: object, name: str, path: str) -> None:
    save = by_name(name)
    try:
        with watched():
            save(model, path)
    except (Exception, SystemExit) as error:
        msg = f"the model could not be saved by `{name}`: {describe(error)}"
        raise WrongError(msg) from error
    if not os.path.exists(path):  # noqa: PTH110
        msg = f"`{name}` wrote nothing at the path that it was given"
        raise WrongError(msg)


def _compare(
    trial: Trial, there: Apart, before: dict[Method, npt.NDArray[Any]], rtol: float
) -> npt.NDArray[np.bool_]:
    loaded = Trial(there, trial.table, np.arange(trial.n), trial.methods, plain=trial.plain)
    wrong = np.zeros(trial.n, dtype=np.bool_)
    for method, answer in before.items():
        reply = loaded.first(method)
        if reply.kind != "answer":
            loaded.fail(method, reply, f"{trial.n:,} rows in a fresh process")
        wrong |= ~alike(answer, reply.answer, rtol)
    return wrong
