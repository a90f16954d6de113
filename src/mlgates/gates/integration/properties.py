"""Tests of answers: their form, that they repeat, and that a row's does not depend on others."""

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlgates.gates.integration.caller import (
    SEED,
    ApplicationCaller,
    Caller,
    ContractError,
    ModelCaller,
    NotTestedError,
    Outcome,
    Positions,
    count_rows,
    sample_positions,
)
from mlgates.runtime.answers import same_value, undefined
from mlgates.runtime.calls import Job, Method

__all__ = [
    "concurrent_calls",
    "finite",
    "finite_responses",
    "global_state",
    "inputs",
    "labels",
    "memory",
    "order",
    "output",
    "output_responses",
    "probability_range",
    "probability_sum",
    "repeated",
    "shuffled",
    "single_rows",
]

#: rows that are also answered one by one
_SINGLES = 32
#: seconds for which concurrent calls are repeated: a short race needs many tries
_CONCURRENT = 0.2
#: calls in each of the phases after which the memory in use is read
_PHASE = 5
#: bytes that a call may leave behind, and more for each column: pandas keeps track of its indexes
_LEFT, _LEFT_A_COLUMN = 16_384, 256
_SUMS = 1e-6
_NEARLY_ALL = 0.9


# The form of answers


def output(caller: ModelCaller, method: Method, classes: tuple[object, ...] | None) -> Outcome:
    """Test that a method gives one answer a row, and the columns of `classes_` in their order."""
    reply = caller.first_reply(method)
    what = f"{caller.n:,} rows" if caller.n > 1 else "1 row"
    if reply.kind != "answer":
        caller.fail(method, reply, what)
    answer, who = reply.answer, caller.called(method)
    details: dict[str, object] = {"sampled": caller.n, "of": caller.given, "seed": SEED}
    if method == "predict":
        kind = "label" if answer.dtype.kind in "USOb" else "number"
        return Outcome(f"{who} gave one {kind} for each of {what}", 0, caller.n, details)
    columns = answer.shape[1]
    text = f"{who} gave {columns:,} numbers for each of {what}"
    if classes is None:
        return Outcome(text, 0, caller.n, details)
    if columns != len(classes):
        msg = f"{who} gave {columns:,} columns for {len(classes):,} classes (`classes_`)"
        raise ContractError(msg)
    if caller.first_reply("predict").kind != "answer":
        return Outcome(text, 0, caller.n, details)
    likeliest = np.argmax(answer, axis=1)
    predicted = caller.first_answer("predict").tolist()
    pairs = zip(likeliest, predicted, strict=True)
    others = sum(not same_value(classes[i], label, 0.0) for i, label in pairs)
    details["otherwise"] = others
    if others:
        text += f"; `predict` gives another class than the likeliest in {others:,}"
    # A class has the probabilities of another one that is the likeliest in nearly all of its own
    # rows. With a threshold, or where classes can hardly be separated, one class is the likeliest
    # in the rows of several: then none counts.
    codes = {label: i for i, label in enumerate(classes)}
    given = np.array([codes.get(label, -1) for label in predicted])
    columns_of = {}
    for code in range(len(classes)):
        own = likeliest[given == code]
        if len(own) > 1 and (counts := np.bincount(own)).max() >= _NEARLY_ALL * len(own):
            columns_of[code] = int(counts.argmax())
    moved = sum(code != column for code, column in columns_of.items())
    if moved > 1 and len(set(columns_of.values())) == len(columns_of):
        some = f"{moved:,} of {len(classes):,} classes the probabilities of another one"
        text = f"{who} gives {some}: its columns are in another order than `classes_`"
        return Outcome(text, others, caller.n, details)
    return Outcome(text, 0, caller.n, details)


def finite(caller: ModelCaller, method: Method) -> Outcome:
    """Test that no answer is missing, NaN or infinite."""
    bad = undefined(caller.first_answer(method))
    who = caller.called(method)
    if not bad.any():
        return Outcome(f"no answer of {who} is missing, NaN or infinite", 0, caller.n)
    counted, rows = count_rows(bad, caller.positions)
    text = f"{who} gave an answer that is missing, NaN or infinite to {counted}"
    return Outcome(text, int(bad.sum()), caller.n, {"rows": rows}, is_error=True)


def labels(caller: ModelCaller, classes: tuple[object, ...]) -> Outcome:
    """Test that all labels are among `classes_`."""
    known = set(classes)
    predicted = caller.first_answer("predict").tolist()
    wrong = np.array([label not in known for label in predicted], dtype=np.bool_)
    good = f"all labels are among the {len(classes):,} of `classes_`"
    return caller.outcome(wrong, good, "got a label that is not in `classes_`")


def probability_range(caller: ModelCaller) -> Outcome:
    """Test that probabilities are from 0 to 1."""
    answer = caller.first_answer("predict_proba")
    wrong = np.asarray(((answer < 0) | (answer > 1)).any(axis=1))
    return caller.outcome(wrong, "all probabilities are from 0 to 1", "got one beyond 0 and 1")


def probability_sum(caller: ModelCaller) -> Outcome:
    """Test that the probabilities of a row sum to 1, within rounding."""
    answer = caller.first_answer("predict_proba")
    rounding = answer.shape[1] * float(np.finfo(answer.dtype).eps)
    with np.errstate(all="ignore"):
        wrong = ~(np.abs(answer.astype(np.float64).sum(axis=1) - 1) <= _SUMS + rounding)
    good = "the probabilities of each row sum to 1"
    return caller.outcome(wrong, good, "have probabilities of another sum")


def output_responses(caller: ApplicationCaller) -> Outcome:
    """Test that each request gets a response."""
    for i, reply in enumerate(caller.first_replies()):
        if reply.kind != "answer":
            caller.fail("application", reply, f"request {caller.positions[i]:,}")
    n = caller.n
    details: dict[str, object] = {"sampled": n, "of": caller.given, "seed": SEED}
    return Outcome(f"{caller.name} gave a response to each of {n:,} requests", 0, n, details)


def finite_responses(caller: ApplicationCaller) -> Outcome:
    """Test that no number in a response is NaN or infinite."""
    wrong = np.array([not _is_finite(value) for value in caller.first_responses()])
    if wrong.any():
        counted, _ = count_rows(wrong, caller.positions, caller.noun)
        msg = f"{caller.name} gave a number that is NaN or infinite to {counted}"
        raise ContractError(msg)
    n = caller.n
    return Outcome(f"no number in a response is NaN or infinite ({n:,} requests)", 0, n)


def _is_finite(value: Any) -> bool:
    """Return whether all numbers in a plain value are finite."""
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


# The same answers to the same rows


def repeated(caller: Caller, rtol: float, *, at_end: bool = False) -> Outcome:
    """Test that the same rows get the same answer a second time, or after all other calls."""
    noun = caller.answer_noun
    wrong = caller.different(rtol, "the same rows at the end" if at_end else "the same rows again")
    good = f"{caller.name} gave the same {noun}s {'after all other calls' if at_end else 'twice'}"
    bad = f"got another {noun} {'after all other calls' if at_end else 'again'}"
    return caller.outcome(wrong, good, bad)


def single_rows(caller: ModelCaller, rtol: float) -> Outcome:
    """Test that rows get the same answer one by one as in a batch."""
    at = sample_positions(caller.n, _SINGLES)
    same = caller.comparison(rtol)
    wrong = np.zeros(len(at), dtype=np.bool_)
    for method in caller.methods:
        batch = caller.first_answer(method)[at]
        alone = [caller.answer(method, caller.table.take([i]), 1, "one row") for i in at]
        wrong |= ~same(batch, np.concatenate(alone))
    good = f"{caller.name} gave rows one by one the same answers as in a batch of {caller.n:,}"
    return caller.outcome(
        wrong, good, f"got another answer alone than in a batch of {caller.n:,}", at
    )


def order(caller: ModelCaller, rtol: float) -> Outcome:
    """Test that rows get the same answer in another order."""
    caller.need(2)
    at = shuffled(caller.n)
    wrong = caller.different(rtol, "the rows in another order", caller.table.take(at), at)
    good, bad = "rows in another order got the same answers", "got another answer in another order"
    return caller.outcome(wrong, good, bad, at)


def shuffled(n: int) -> Positions:
    """Return positions in an order in which none is where it was, drawn with a fixed seed."""
    circle = np.random.default_rng(SEED).permutation(n)
    positions = np.empty(n, dtype=np.intp)
    positions[circle] = np.roll(circle, 1)
    return positions


def concurrent_calls(caller: Caller, rtol: float) -> Outcome:
    """Test that calls at the same time give the same answers as calls in turn.

    They are repeated for a time. Only the last try counts, the first with something wrong: the
    numbers in a report must not depend on a clock.
    """
    groups = caller.concurrent_calls()
    same = caller.comparison(rtol)
    wrong = np.zeros(caller.n, dtype=np.bool_)
    problems, calls, threads = [], 0, len(groups[0].parts)
    for job, parts, expected in groups:
        end = time.monotonic() + _CONCURRENT / len(groups)
        while True:
            replies = caller.host.perform(job)
            right = [
                same(expected[i % threads], reply.answer) if reply.kind == "answer" else False
                for i, reply in enumerate(replies)
            ]
            pure = not any(reply.changed_inputs or reply.changed_state for reply in replies)
            if not pure or not all(map(np.all, right)) or time.monotonic() >= end:
                break
        caller.tally.add(replies)
        for i, reply in enumerate(replies):
            if reply.kind == "stopped":
                caller.fail(job.method, reply, f"{threads} {caller.inputs_noun} at the same time")
            wrong[parts[i % threads]] |= ~np.asarray(right[i])
        problems += [reply.problem for reply in replies if reply.kind != "answer"]
        calls += len(replies)
    noun = caller.answer_noun
    good = f"{threads} threads at the same time got the same {noun}s as one after another"
    bad = f"got another {noun} when {threads} threads called at the same time"
    if problems:
        bad += f"; {len(problems):,} of {calls:,} calls failed, the first {problems[0]:.150}"
    return caller.outcome(wrong, good, bad)


# Side effects


def memory(caller: ModelCaller) -> Outcome:
    """Test that calls leave no memory behind that goes on growing."""
    method = caller.methods[0]
    caller.first_answer(method)
    table, names = caller.table, caller.column_names
    job = Job(method, (table.value,), (caller.n,), phase=_PHASE, column_names=names)
    reply = caller.host.perform(job)[0]  # not in the tally: its inputs are not compared
    if reply.kind != "answer":
        caller.fail(method, reply, "the same rows again and again")
    early, late = (np.diff(reply.answer) / _PHASE).tolist()
    calls, left = 2 * _PHASE, _LEFT + _LEFT_A_COLUMN * len(table.names)
    many = f"{calls:,} more calls of {caller.called(method)}"
    if late <= left:
        return Outcome(f"{many} left no more memory in use", 0, calls)
    if early <= left:
        msg = "memory grew only after some of the calls: whether it goes on is not known"
        raise NotTestedError(msg)
    text = f"each of {many} left memory in use, more than {left:,} bytes a call"
    return Outcome(text, 1, calls)


def inputs(caller: Caller) -> Outcome:
    """Test that no call changed its input."""
    tally, who = caller.tally, f"the {caller.kind}"
    text = f"none of {tally.calls:,} calls changed what {who} was given"
    if tally.changing_inputs:
        some = f"({' and '.join(tally.inputs)}) in {tally.changing_inputs:,}"
        text = f"{who} changed its input {some} of {tally.calls:,} calls"
    return _of_calls(caller, text, tally.changing_inputs)


def global_state(caller: Caller) -> Outcome:
    """Test that no call changed the state of the process."""
    tally = caller.tally
    text = f"none of {tally.calls:,} calls changed the state of the process"
    if tally.changing_state:
        some = f"in {tally.changing_state:,} of {tally.calls:,} calls"
        states = ", ".join(tally.state)
        text = f"the {caller.kind} changed the {states} of the process {some}; it was put back"
    if tally.printed:
        text += f"; it printed {tally.printed:,} characters, which were held back"
    return _of_calls(caller, text, tally.changing_state)


def _of_calls(caller: Caller, text: str, violations: int) -> Outcome:
    tally = caller.tally
    if not tally.calls:
        msg = "no call came to an end"
        raise NotTestedError(msg)
    details: dict[str, object] = {
        "printed": tally.printed,
        "inputs": tuple(tally.inputs),
        "state": tuple(tally.state),
    }
    return Outcome(text, violations, tally.calls, details)
