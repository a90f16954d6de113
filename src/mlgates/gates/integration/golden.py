"""Tests against what was kept: golden rows, golden responses, and the stored model."""

import os
import tempfile
from typing import Any

import numpy as np

from mlgates.gates.integration.caller import (
    ApplicationCaller,
    ContractError,
    ModelCaller,
    Outcome,
    count_rows,
    same_index,
)
from mlgates.redaction import describe
from mlgates.runtime.answers import (
    MalformedError,
    ResponseComparison,
    predictions,
    probabilities,
    same_answers,
    undefined,
)
from mlgates.runtime.calls import Method
from mlgates.runtime.process import START, Stored, SubprocessHost, by_name
from mlgates.runtime.state import watched
from mlgates.runtime.wire import NotPlainError, plain
from mlgates.tables.containers import kind_of
from mlgates.tables.rows import rows_like

__all__ = ["golden_answers", "golden_responses", "round_trip"]


def golden_answers(caller: ModelCaller, given: Any, expected: Any, rtol: float) -> Outcome:
    """Test that golden rows get their expected answers."""
    rows = rows_like(given)
    if not same_index(given, expected):
        msg = "the indexes of `golden_X` and `golden_pred` differ: whose answer is whose?"
        raise ContractError(msg)
    if kind_of(expected) in ("pandas", "polars"):
        expected = expected.to_numpy()
    shape = np.shape(expected) if isinstance(expected, list | tuple | np.ndarray) else ()
    several = len(shape) == 2 and shape[1] > 1 and "predict_proba" in caller.methods
    method: Method = "predict_proba" if several else "predict"
    try:
        wanted = (probabilities if several else predictions)(expected, rows.n)
    except MalformedError as error:
        msg = f"`golden_pred` has {error} of `golden_X`"
        raise ContractError(msg) from None
    if undefined(wanted).any():
        msg = "`golden_pred` holds an answer that is missing, NaN or infinite"
        raise ContractError(msg)
    if not rows.n:
        return Outcome("`golden_X` has no rows", 0, 0)
    answer = caller.answer(method, rows.value, rows.n, "the golden rows")
    kinds = ["text" if a.dtype.kind in "US" else "number" for a in (answer, wanted)]
    if kinds[0] != kinds[1] and "O" not in (answer.dtype.kind, wanted.dtype.kind):
        msg = f"{caller.called(method)} gave {kinds[0]}s where `golden_pred` has {kinds[1]}s"
        raise ContractError(msg)
    wrong = ~same_answers(wanted, answer, rtol)
    text, numbers = f"all {rows.n:,} golden rows got their known answers", ()
    if wrong.any():
        counted, numbers = count_rows(wrong, np.arange(rows.n))  # type: ignore[assignment]
        text = f"{counted} of `golden_X` got another answer than in `golden_pred`"
        if answer.dtype.kind != "f" and wanted.dtype.kind == "f":
            text += "; for probabilities give all columns of `predict_proba`"
    return Outcome(text, int(wrong.sum()), rows.n, {"rows": numbers})


def golden_responses(caller: ApplicationCaller, rtol: float) -> Outcome:
    """Test that golden requests get their expected responses."""
    responses = caller.first_responses()
    try:
        expected = [plain(response) for response in caller.expected]
    except NotPlainError as error:
        msg = f"`golden_pred` holds {error}; numbers, texts, lists and mappings are wanted"
        raise ContractError(msg) from None
    same = ResponseComparison(expected, rtol).same
    wrong = np.array([not same(a, b) for a, b in zip(expected, responses, strict=True)])
    bad = "got another response than in `golden_pred`"
    return caller.outcome(wrong, "all requests got their known responses", bad)


def round_trip(
    caller: ModelCaller,
    model: object,
    functions: tuple[str, str],
    timeout: float | None,
    rtol: float,
) -> Outcome:
    """Test that the model saved here and loaded in a fresh process gives the same answers."""
    first = {method: caller.first_answer(method) for method in caller.methods}
    save, load = functions
    n, wrong = caller.n, np.zeros(caller.n, dtype=np.bool_)
    with tempfile.TemporaryDirectory(prefix="mlgates-") as folder:
        path = os.path.join(folder, "model")  # noqa: PTH118  (a text, as `save` expects it)
        function = by_name(save)
        try:
            with watched():
                function(model, path)
        except (Exception, SystemExit) as error:
            msg = f"the model could not be saved by `{save}`: {describe(error)}"
            raise ContractError(msg) from error
        if not os.path.exists(path):  # noqa: PTH110
            msg = f"`{save}` wrote nothing at the path that it was given"
            raise ContractError(msg)
        host = SubprocessHost(Stored(load, path), START if timeout is None else timeout)
        try:
            positions, is_function = np.arange(n, dtype=np.intp), caller.is_function
            loaded = ModelCaller(
                host, caller.table, positions, caller.methods, is_function=is_function
            )
            for method, answer in first.items():
                reply = loaded.first_reply(method)
                if reply.kind != "answer":
                    loaded.fail(method, reply, f"{n:,} rows in a fresh process")
                wrong |= ~same_answers(answer, reply.answer, rtol)
        finally:
            host.close()
    text = f"the model loaded in a fresh process gave the same answers to {n:,} rows"
    rows: tuple[int, ...] = ()
    if wrong.any():
        counted, rows = count_rows(wrong, caller.positions)
        text = f"{counted} got another answer from the model loaded in a fresh process"
    return Outcome(text, int(wrong.sum()), n, {"rows": rows})
