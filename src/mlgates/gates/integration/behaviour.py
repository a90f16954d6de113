"""What a model does with no rows, one row, missing values, new categories, other columns first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from mlgates.gates.integration.trial import (
    Behaviour,
    Property,
    Trial,
    UntriedError,
    WrongError,
    drawn,
    has_gap,
    held,
    of_rows,
)
from mlgates.runtime.answers import alike, undefined
from mlgates.runtime.calls import Method
from mlgates.tables.rows import Rows
from mlgates.verdict import Check

__all__ = ["behaviours", "column_order", "one_row"]

#: columns in which a missing value, or an unseen category, is tried
COLUMNS = 32
_LONGEST = 150


class _Case(NamedTuple):
    """Rows that are odd in one place, such as one of the columns."""

    method: Method
    value: Any
    rows: int


@dataclass
class _Found:
    """How a model met the cases of one kind."""

    answered: int = 0
    refused: int = 0
    silent: int = 0
    wrong: list[str] = field(default_factory=list)
    gaps: bool = False
    message: str = ""

    @property
    def n(self) -> int:
        return self.answered + self.refused + self.silent


def one_row(trial: Trial) -> Property:
    """Return that one row gets one answer."""

    def judge() -> Check:
        for method in trial.methods:
            trial.base(method)
            answer = trial.answer(method, trial.table.take([0]), 1, "one row")
            if has_gap(answer):
                msg = f"{trial.called(method)} gave no finite answer to one row"
                raise WrongError(msg)
        said = f"{trial.both} gave one row one answer"
        return held("one_row", "output", said, wrong=0, n=1)

    return Property("one_row", "output", judge)


def behaviours(
    trial: Trial, *, empty: Behaviour, missing: Behaviour, unseen: Behaviour
) -> Iterator[Property]:
    """Yield how a table without rows, a missing value and an unseen category are met.

    What can't be tried, because no column can hold it, is left out unless it was declared.
    """
    names = trial.table.names
    if empty != "untried":
        nothing = [_Case(method, trial.table.take([]), 0) for method in trial.methods]
        judge = partial(_behave, trial, "empty", "a table without rows", empty, nothing)
        yield Property("empty", "behaviour", judge)
    columns = [int(i) for i in drawn(len(names), COLUMNS)]
    texts = [i for i in range(len(names)) if trial.n and trial.table.is_text(i)]
    kinds: tuple[tuple[str, str, Behaviour, Sequence[int], Callable[[Rows, int], Any]], ...] = (
        ("missing", "a missing value", missing, columns, lambda row, i: row.missing(i)),
        (
            "unseen",
            "an unseen category",
            unseen,
            [texts[i] for i in drawn(len(texts), COLUMNS)],
            lambda row, i: row.unseen(i),
        ),
    )
    for subject, what, declared, tried, vary in kinds:
        if declared == "untried" or not trial.n:
            continue
        where = [i for i in tried if vary(_one(trial, 0), i) is not None]
        if where or declared != "either":
            judge = partial(_odd, trial, subject, what, declared, partial(_varied, where, vary))
            yield Property(subject, "behaviour", judge)


def _one(trial: Trial, i: int) -> Rows:
    return type(trial.table)(trial.table.take([i]))


def _varied(columns: Sequence[int], vary: Callable[[Rows, int], Any], row: Rows) -> list[_Case]:
    return [_Case("predict", vary(row, i), 1) for i in columns]


def _odd(
    trial: Trial,
    subject: str,
    what: str,
    declared: Behaviour,
    cases: Callable[[Rows], list[_Case]],
) -> Check:
    """Judge variations of a row that the model answers as it is."""
    answered = np.flatnonzero(~undefined(trial.base("predict")))
    if not len(answered):
        msg = f"{trial.called('predict')} gave no row a finite answer"
        raise UntriedError(msg)
    return _behave(trial, subject, what, declared, cases(_one(trial, int(answered[0]))))


def _behave(
    trial: Trial, subject: str, what: str, declared: Behaviour, cases: Sequence[_Case]
) -> Check:
    found = _Found()
    for case in cases:
        _meet(trial, case, what, found)
    if found.wrong:
        more = f" (and {len(found.wrong) - 1:,} more such cases)" if len(found.wrong) > 1 else ""
        leave = f"; {_untried(subject)}" if found.gaps else ""
        raise WrongError(found.wrong[0] + more + leave)
    wrong = found.silent
    wrong += found.refused if declared == "answer" else 0
    wrong += found.answered if declared == "refuse" else 0
    said = _told(found, what, len(cases))
    if wrong:
        due = {
            "either": _unclear(subject),
            "answer": "declared is an answer",
            "refuse": _unclear(subject) if found.silent else "declared is a refusal that says why",
        }[declared]
        said += f"; {due}"
    counts = {"answered": found.answered, "refused": found.refused}
    return held(subject, "behaviour", said, wrong=wrong, n=found.n, **counts)


def _unclear(subject: str) -> str:
    """Return what a refusal lacks that a caller could not understand."""
    return f"a refusal must say why, in the exception's message; {_untried(subject)}"


def _untried(subject: str) -> str:
    return f'`{subject}="untried"` leaves this out'


def _meet(trial: Trial, case: _Case, what: str, found: _Found) -> None:
    reply = trial.call(case.method, case.value, case.rows)
    if reply.kind == "stopped":
        trial.fail(case.method, reply, what)
    if reply.kind == "malformed":
        found.wrong.append(f"{trial.called(case.method)} {reply.said}, given {what}")
    elif reply.kind == "answer" and has_gap(reply.answer):
        gap = "an answer that is missing, NaN or infinite"
        found.gaps = True
        found.wrong.append(f"{trial.called(case.method)} gave {gap}, given {what}")
    elif reply.kind == "answer":
        found.answered += 1
    else:
        found.message = found.message or reply.said
        found.refused += reply.clear
        found.silent += not reply.clear


def _told(found: _Found, what: str, cases: int) -> str:
    if not cases:
        return f"no column can hold {what}"
    parts = []
    if found.answered:
        parts.append(
            "answered" + (f" in {found.answered:,} of {cases:,} cases" if cases > 1 else "")
        )
    if refused := found.refused + found.silent:
        short = found.message.removeprefix("raised ")
        short = short if len(short) <= _LONGEST else f"{short[:_LONGEST]}..."
        of = f" in {refused:,} of {cases:,} cases" if cases > 1 else ""
        parts.append(f"refused{of} ({short})")
    return f"{what} is {' and '.join(parts)}"


def column_order(trial: Trial, declared: Behaviour, rtol: float) -> Property | None:
    """Return that columns in another order change no answer, or are refused.

    None when columns have no names, or there is only one.
    """
    names = trial.table.names
    if declared == "untried" or not trial.table.named or len(names) < 2 or not trial.n:
        return None
    return Property("column_order", "behaviour", partial(_columns, trial, declared, rtol))


def _columns(trial: Trial, declared: Behaviour, rtol: float) -> Check:
    order = [*range(1, len(trial.table.names)), 0]
    wrong = np.zeros(trial.n, dtype=np.bool_)
    what = "columns in another order"
    for method in trial.methods:
        before = trial.base(method)
        reply = trial.call(method, trial.table.reordered(order), trial.n)
        if reply.kind == "raised":
            return _refused(trial, declared, reply.said, clear=reply.clear)
        if reply.kind != "answer":
            trial.fail(method, reply, what)
        wrong |= ~alike(before, reply.answer, rtol)
    if wrong.any():
        told, numbers = of_rows(wrong, trial.where)
        said = f"{told} got another answer with {what}, and nothing was refused"
        return held(
            "column_order", "behaviour", said, wrong=int(wrong.sum()), n=trial.n, rows=numbers
        )
    said = f"{what} changed no answer"
    if declared == "refuse":
        said += "; declared is a refusal"
    bad = trial.n if declared == "refuse" else 0
    return held("column_order", "behaviour", said, wrong=bad, n=trial.n)


def _refused(trial: Trial, declared: Behaviour, said: str, *, clear: bool) -> Check:
    short = said.removeprefix("raised ")
    short = short if len(short) <= _LONGEST else f"{short[:_LONGEST]}..."
    told = f"columns in another order are refused ({short})"
    if declared == "answer":
        told += "; declared is an answer"
    elif not clear:
        told += f"; {_unclear('column_order')}"
    bad = declared == "answer" or not clear
    return held("column_order", "behaviour", told, wrong=trial.n if bad else 0, n=trial.n)
