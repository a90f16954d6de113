"""What must hold of a model's answers: their form, that they repeat, and that rows are alone."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from mlgates.gates.integration.trial import (
    CONCURRENT,
    SEED,
    Property,
    Trial,
    UntriedError,
    WrongError,
    held,
    of_rows,
    persistent,
)
from mlgates.limits import Limit
from mlgates.runtime.answers import alike, alike_leaves, undefined
from mlgates.runtime.calls import Job, Method, Reply
from mlgates.verdict import Check, Verdict

__all__ = [
    "afterwards",
    "concurrency",
    "forms",
    "independence",
    "known_classes",
    "memory",
    "repetition",
    "shuffled",
]

#: rows that are also asked one by one
SINGLES = 32
THREADS = 4
#: calls in each of the phases after which the memory in use is read
_PHASE = 5
#: bytes that a call may leave behind, and more for each column: pandas keeps track of its indexes
_LEFT, _LEFT_A_COLUMN = 16_384, 256
ROUNDS = 4
_SUMS = 1e-6
_NEARLY_ALL = 0.9

Mask = npt.NDArray[np.bool_]


def known_classes(model: object) -> tuple[object, ...] | None:
    """Return the labels that a model says it knows; None when it says none that can be read."""
    try:
        classes = np.asarray(getattr(model, "classes_", None))
    except Exception:  # noqa: BLE001  (a property of the user's model can raise anything)
        return None
    return tuple(classes.tolist()) if classes.ndim == 1 and len(classes) else None


def forms(trial: Trial, classes: tuple[object, ...] | None) -> Iterator[Property]:
    """Yield what the answers must look like."""
    for method in trial.methods:
        yield Property("output", method, partial(_output, trial, method, classes))
    for method in trial.methods:
        yield Property("finite", method, partial(_finite, trial, method))
    if classes is not None:
        yield Property("output", "labels", partial(_labels, trial, classes))
    if "predict_proba" in trial.methods:
        yield Property("probabilities", "range", partial(_range, trial))
        yield Property("probabilities", "sum", partial(_sum, trial))


def _output(trial: Trial, method: Method, classes: tuple[object, ...] | None) -> Check:
    reply = trial.first(method)
    what = f"{trial.n:,} rows" if trial.n > 1 else "1 row"
    if reply.kind != "answer":
        trial.fail(method, reply, what)
    answer = reply.answer
    who, details = trial.called(method), {"sampled": trial.n, "of": trial.given, "seed": SEED}
    if method == "predict":
        kind = "label" if answer.dtype.kind in "USOb" else "number"
        said = f"{who} gave one {kind} for each of {what}"
        return held("output", method, said, wrong=0, n=trial.n, **details)
    columns = answer.shape[1]
    if classes is not None and columns != len(classes):
        msg = f"{who} gave {columns:,} columns for {len(classes):,} classes (`classes_`)"
        raise WrongError(msg)
    said = f"{who} gave {columns:,} numbers for each of {what}"
    if classes is not None and trial.first("predict").kind == "answer":
        best = [classes[i] for i in np.argmax(answer, axis=1)]
        predicted = trial.base("predict").tolist()
        pairs = zip(best, predicted, strict=True)
        details["otherwise"] = sum(not alike_leaves(a, b, 0.0) for a, b in pairs)
        if details["otherwise"]:
            said += (
                f"; `predict` gives another class than the likeliest in {details['otherwise']:,}"
            )
        if backwards := _backwards(answer, classes, predicted):
            told = f"{backwards:,} of {len(classes):,} classes the probabilities of another one"
            said = f"{who} gives {told}: its columns are in another order than `classes_`"
            return held("output", method, said, wrong=details["otherwise"], n=trial.n, **details)
    return held("output", method, said, wrong=0, n=trial.n, **details)


def _backwards(
    answer: npt.NDArray[Any], classes: Sequence[object], predicted: Sequence[object]
) -> int:
    """Return how many classes have the probabilities of another one, as each has its own of them.

    A class has those of another that is the likeliest in nearly all of its own rows. With a
    threshold of one's own, or where the classes can hardly be told apart, one class is the
    likeliest in the rows of several: then none counts.
    """
    codes = {label: i for i, label in enumerate(classes)}
    given = np.array([codes.get(label, -1) for label in predicted])
    likeliest = np.argmax(answer, axis=1)
    whose = {}
    for code in range(len(classes)):
        own = likeliest[given == code]
        if len(own) > 1 and (counts := np.bincount(own)).max() >= _NEARLY_ALL * len(own):
            whose[code] = int(counts.argmax())
    each_its_own = len(set(whose.values())) == len(whose)
    found = sum(code != other for code, other in whose.items())
    return found if each_its_own and found > 1 else 0


def _finite(trial: Trial, method: Method) -> Check:
    bad = undefined(trial.base(method))
    who = trial.called(method)
    if not bad.any():
        said = f"no answer of {who} is missing, NaN or infinite"
        return held("finite", method, said, wrong=0, n=trial.n)
    where, numbers = of_rows(bad, trial.where)
    return Check(
        subject="finite",
        metric=method,
        verdict=Verdict.ERROR,
        reason=f"{who} gave an answer that is missing, NaN or infinite to {where}",
        value=int(bad.sum()),
        limit=Limit(at_most=0),
        n=trial.n,
        unit="violations",
        details={"rows": numbers},
    )


def _labels(trial: Trial, classes: tuple[object, ...]) -> Check:
    given = trial.base("predict").tolist()
    known = set(classes)
    wrong = np.array([value not in known for value in given], dtype=np.bool_)
    said = f"all labels are among the {len(classes):,} of `classes_`"
    return _rows(trial, "output", "labels", wrong, said, "got a label that is not in `classes_`")


def _range(trial: Trial) -> Check:
    answer = trial.base("predict_proba")
    wrong = np.asarray(((answer < 0) | (answer > 1)).any(axis=1))
    said = "all probabilities are from 0 to 1"
    return _rows(trial, "probabilities", "range", wrong, said, "got one beyond 0 and 1")


def _sum(trial: Trial) -> Check:
    answer = trial.base("predict_proba")
    rounding = answer.shape[1] * float(np.finfo(answer.dtype).eps)
    with np.errstate(all="ignore"):
        wrong = ~(np.abs(answer.astype(np.float64).sum(axis=1) - 1) <= _SUMS + rounding)
    said = "the probabilities of each row sum to 1"
    return _rows(trial, "probabilities", "sum", wrong, said, "have probabilities of another sum")


def _rows(  # noqa: PLR0917  (what is told when it holds, and when not)
    trial: Trial,
    subject: str,
    metric: str,
    wrong: Mask,
    good: str,
    bad: str,
    where: npt.NDArray[np.intp] | None = None,
) -> Check:
    """Return the check that no row is wrong; `where` are positions among the rows tried."""
    numbers: tuple[int, ...] = ()
    said = f"{good} ({len(wrong):,} rows)"
    if wrong.any():
        at = trial.where if where is None else trial.where[where]
        told, numbers = of_rows(wrong, at)
        said = f"{told} {bad}"
    return held(subject, metric, said, wrong=int(wrong.sum()), n=len(wrong), rows=numbers)


def repetition(trial: Trial, rtol: float) -> Property:
    """Return that the same rows get the same answer a second time."""

    def judge() -> Check:
        wrong = _again(trial, trial.table.value, None, "the same rows again", rtol)
        said = f"{trial.both} gave the same answers twice"
        return _rows(trial, "deterministic", "repeat", wrong, said, "got another answer again")

    return Property("deterministic", "repeat", judge)


def afterwards(trial: Trial, rtol: float) -> Property:
    """Return that the same rows get the same answer after everything else was tried."""

    def judge() -> Check:
        wrong = _again(trial, trial.table.value, None, "the same rows at the end", rtol)
        said = f"{trial.both} gave the same answers after all other calls"
        bad = "got another answer after all other calls"
        return _rows(trial, "deterministic", "afterwards", wrong, said, bad)

    return Property("deterministic", "afterwards", judge)


def _again(
    trial: Trial, value: Any, where: npt.NDArray[np.intp] | None, what: str, rtol: float
) -> Mask:
    """Return which rows get another answer than at first; `where` says which rows were given."""
    n = trial.n if where is None else len(where)
    wrong = np.zeros(n, dtype=np.bool_)
    for method in trial.methods:
        before = trial.base(method)
        now = trial.answer(method, value, n, what, stir=True)
        wrong |= ~alike(before if where is None else before[where], now, rtol)
    return wrong


def independence(trial: Trial, rtol: float) -> Iterator[Property]:
    """Yield that a row gets the same answer alone, and in whatever order."""
    yield Property("row_independent", "single_rows", partial(_single_rows, trial, rtol))
    yield Property("row_independent", "order", partial(_order, trial, rtol))


def _single_rows(trial: Trial, rtol: float) -> Check:
    where = trial.some(SINGLES)
    wrong = np.zeros(len(where), dtype=np.bool_)
    for method in trial.methods:
        batch = trial.base(method)[where]
        alone = [trial.answer(method, trial.table.take([i]), 1, "one row") for i in where]
        wrong |= ~alike(batch, np.concatenate(alone), rtol)
    said = f"{trial.both} gave rows one by one the same answers as in a batch of {trial.n:,}"
    bad = f"got another answer alone than in a batch of {trial.n:,}"
    return _rows(trial, "row_independent", "single_rows", wrong, said, bad, where)


def _order(trial: Trial, rtol: float) -> Check:
    if trial.n < 2:
        msg = f"too few rows: {trial.n:,}, at least 2 are needed"
        raise UntriedError(msg)
    order = shuffled(trial.n)
    wrong = _again(trial, trial.table.take(order), order, "the rows in another order", rtol)
    said = "rows in another order got the same answers"
    bad = "got another answer in another order"
    return _rows(trial, "row_independent", "order", wrong, said, bad, order)


def shuffled(n: int) -> npt.NDArray[np.intp]:
    """Return positions in an order in which none is where it was, drawn with a fixed seed."""
    circle = np.random.default_rng(SEED).permutation(n)
    order = np.empty(n, dtype=np.intp)
    order[circle] = np.roll(circle, 1)
    return order


def concurrency(trial: Trial, rtol: float) -> Property:
    """Return that calls at the same time give what calls one after another give."""
    return Property("thread_safe", "concurrent_calls", partial(_concurrent, trial, rtol))


def _concurrent(trial: Trial, rtol: float) -> Check:
    threads = min(THREADS, trial.n)
    if threads < 2:
        msg = f"too few rows: {trial.n:,}, at least 2 are needed"
        raise UntriedError(msg)
    method = trial.methods[-1]
    trial.base(method)
    parts = np.array_split(np.arange(trial.n, dtype=np.intp), threads)
    tables = tuple(trial.table.take(part) for part in parts)
    serial = [
        trial.answer(method, table, len(part), "a part of the rows")
        for part, table in zip(parts, tables, strict=True)
    ]
    sizes = tuple(len(part) for part in parts)
    job = Job(method, tables, sizes, rounds=ROUNDS, known=trial.known)

    def good(i: int, reply: Reply) -> bool:
        return bool(np.all(alike(serial[i % threads], reply.answer, rtol)))

    replies = persistent(trial.host, job, good, CONCURRENT)
    trial.tally.add(replies)
    wrong = np.zeros(trial.n, dtype=np.bool_)
    raised = [reply.said for reply in replies if reply.kind in ("raised", "malformed")]
    for i, reply in enumerate(replies):
        if reply.kind == "stopped":
            trial.fail(method, reply, f"{threads} tables at the same time")
        part = i % threads
        same = reply.kind == "answer" and alike(serial[part], reply.answer, rtol)
        wrong[parts[part]] |= ~np.asarray(same)
    said = f"{threads} threads at the same time got the same answers as one after another"
    bad = f"got another answer when {threads} threads called at the same time"
    if raised:
        bad += f"; {len(raised):,} of {len(replies):,} calls failed, the first {raised[0]:.150}"
    return _rows(trial, "thread_safe", "concurrent_calls", wrong, said, bad)


def memory(trial: Trial) -> Property:
    """Return that calls leave no memory behind that goes on growing."""
    return Property("pure", "memory", partial(_memory, trial))


def _memory(trial: Trial) -> Check:
    method = trial.methods[0]
    trial.base(method)
    job = Job(method, (trial.table.value,), (trial.n,), phase=_PHASE, known=trial.known)
    # (what these calls change is not compared with what they were given)
    reply = trial.host.perform(job)[0]
    if reply.kind != "answer":
        trial.fail(method, reply, "the same rows again and again")
    early, late = (np.diff(reply.answer) / _PHASE).tolist()
    calls, left = 2 * _PHASE, _LEFT + _LEFT_A_COLUMN * len(trial.table.names)
    grew = early > left and late > left
    said = f"{calls:,} more calls of {trial.called(method)} left no more memory in use"
    if grew:
        said = f"each of {calls:,} more calls of {trial.called(method)} left memory in use"
        said += f", more than {left:,} bytes a call"
    elif late > left:
        msg = "memory grew only after some of the calls: whether it goes on is not known"
        raise UntriedError(msg)
    return held("pure", "memory", said, wrong=int(grew), n=calls)
