"""Tests of unusual input: no rows, one row, missing values, new categories, reordered columns."""

from typing import Any, Literal

import numpy as np

from mlgates.gates.integration.caller import (
    Behaviour,
    ContractError,
    ModelCaller,
    NotTestedError,
    Outcome,
    count_rows,
    sample_positions,
)
from mlgates.runtime.answers import same_answers, undefined
from mlgates.runtime.calls import Method, Reply
from mlgates.tables.rows import Rows

__all__ = ["empty_table", "odd_cells", "one_row", "reordered_columns"]

#: columns in which a missing value, or an unseen category, is tried
_COLUMNS = 32
_LONGEST = 150


def one_row(caller: ModelCaller) -> Outcome:
    """Test that one row gets one finite answer."""
    for method in caller.methods:
        caller.first_answer(method)
        answer = caller.answer(method, caller.table.take([0]), 1, "one row")
        if undefined(answer).any():
            msg = f"{caller.called(method)} gave no finite answer to one row"
            raise ContractError(msg)
    return Outcome(f"{caller.name} gave one row one answer", 0, 1)


def empty_table(caller: ModelCaller, declared: Behaviour) -> Outcome | None:
    """Test that a table without rows is met as declared."""
    if declared == "untried":
        return None
    cases = [(method, caller.table.take([]), 0) for method in caller.methods]
    return _behaviour(caller, "empty", "a table without rows", declared, cases)


def odd_cells(
    caller: ModelCaller, subject: Literal["missing", "unseen"], declared: Behaviour
) -> Outcome | None:
    """Test that a missing value, or an unseen category, in each column is met as declared.

    The row is one that the model answers as it is. None when no column can hold such a value,
    unless the behaviour is declared.
    """
    table = caller.table
    if declared == "untried" or not caller.n:
        return None

    def odd(row: Rows, column: int) -> Any:
        return row.missing(column) if subject == "missing" else row.unseen(column)

    columns = [i for i in range(len(table.names)) if subject == "missing" or table.is_text(i)]
    columns = [columns[i] for i in sample_positions(len(columns), _COLUMNS)]
    first = type(table)(table.take([0]))
    columns = [i for i in columns if odd(first, i) is not None]
    if not columns and declared == "either":
        return None
    answered = np.flatnonzero(~undefined(caller.first_answer("predict")))
    if not len(answered):
        msg = f"{caller.called('predict')} gave no row a finite answer"
        raise NotTestedError(msg)
    row = type(table)(table.take([int(answered[0])]))
    cases: list[tuple[Method, Any, int]] = [("predict", odd(row, i), 1) for i in columns]
    what = "a missing value" if subject == "missing" else "an unseen category"
    return _behaviour(caller, subject, what, declared, cases)


def _behaviour(
    caller: ModelCaller,
    subject: str,
    what: str,
    declared: Behaviour,
    cases: list[tuple[Method, Any, int]],
) -> Outcome:
    """Call with each case of unusual input, and count what differs from the declared behaviour.

    Parameters
    ----------
    caller : ModelCaller
        The model.
    subject, what : str
        The option that declares the behaviour, and a name of the input for a sentence.
    declared : {"either", "answer", "refuse"}
        The declared behaviour.
    cases : list of (method, value, rows)
        What is called, and how many answers it must give.
    """
    answered, refusals, wrong, undefined_ones = 0, list[Reply](), list[str](), False
    for method, value, rows in cases:
        reply, who = caller.call(method, value, rows), caller.called(method)
        if reply.kind == "stopped":
            caller.fail(method, reply, what)
        elif reply.kind == "raised":
            refusals.append(reply)
        elif reply.kind == "malformed":
            wrong.append(f"{who} {reply.problem}, given {what}")
        elif undefined(reply.answer).any():
            undefined_ones = True
            wrong.append(f"{who} gave an answer that is missing, NaN or infinite, given {what}")
        else:
            answered += 1
    if wrong:
        more = f" (and {len(wrong) - 1:,} more such cases)" if len(wrong) > 1 else ""
        leave = f"; {_leave_out(subject)}" if undefined_ones else ""
        raise ContractError(wrong[0] + more + leave)
    refused = len(refusals)
    silent = sum(not reply.explained for reply in refusals)
    parts = []
    if answered:
        of = f" in {answered:,} of {len(cases):,} cases" if len(cases) > 1 else ""
        parts.append(f"answered{of}")
    if refused:
        of = f" in {refused:,} of {len(cases):,} cases" if len(cases) > 1 else ""
        parts.append(f"refused{of} ({_shortened(refusals[0])})")
    text = f"{what} is {' and '.join(parts)}" if cases else f"no column can hold {what}"
    violations = silent
    if declared == "answer":
        violations, due = refused, "declared is an answer"
    elif declared == "refuse" and not silent:
        violations, due = answered, "declared is a refusal that says why"
    else:
        violations += answered if declared == "refuse" else 0
        due = _unexplained(subject)
    if violations:
        text += f"; {due}"
    counts: dict[str, object] = {"answered": answered, "refused": refused - silent}
    return Outcome(text, violations, answered + refused, counts)


def _leave_out(subject: str) -> str:
    return f'`{subject}="untried"` leaves this out'


def _unexplained(subject: str) -> str:
    return f"a refusal must say why, in the exception's message; {_leave_out(subject)}"


def _shortened(refusal: Reply) -> str:
    """Return the exception of a refusal, cut where it is long."""
    text = refusal.problem.removeprefix("raised ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def reordered_columns(caller: ModelCaller, declared: Behaviour, rtol: float) -> Outcome | None:
    """Test that columns in another order change no answer, or are refused, as declared.

    None when columns have no names, or there is only one.
    """
    table, n = caller.table, caller.n
    if declared == "untried" or not table.named or len(table.names) < 2 or not n:
        return None
    other_order = table.reordered([*range(1, len(table.names)), 0])
    wrong, what = np.zeros(n, dtype=np.bool_), "columns in another order"
    for method in caller.methods:
        first = caller.first_answer(method)
        reply = caller.call(method, other_order, n)
        if reply.kind == "raised":
            text = f"{what} are refused ({_shortened(reply)})"
            if declared == "answer":
                return Outcome(f"{text}; declared is an answer", n, n)
            if not reply.explained:
                return Outcome(f"{text}; {_unexplained('column_order')}", n, n)
            return Outcome(text, 0, n)
        if reply.kind != "answer":
            caller.fail(method, reply, what)
        wrong |= ~same_answers(first, reply.answer, rtol)
    if wrong.any():
        counted, rows = count_rows(wrong, caller.positions)
        text = f"{counted} got another answer with {what}, and nothing was refused"
        return Outcome(text, int(wrong.sum()), n, {"rows": rows})
    if declared == "refuse":
        return Outcome(f"{what} changed no answer; declared is a refusal", n, n)
    return Outcome(f"{what} changed no answer", 0, n)
