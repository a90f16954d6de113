"""A model on trial: it is called, and all that its calls did is kept for the checks."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, NoReturn

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.gates._shared import error_check, listed
from mlgates.limits import Limit
from mlgates.runtime.answers import undefined
from mlgates.runtime.calls import Job, Method, Reply
from mlgates.runtime.process import Host
from mlgates.tables.rows import Rows
from mlgates.verdict import Check, Measurement, Verdict

__all__ = [
    "CONCURRENT",
    "SEED",
    "Behaviour",
    "Property",
    "Tally",
    "Trial",
    "UntriedError",
    "WrongError",
    "held",
    "judged",
    "of_rows",
    "persistent",
    "purity",
]

SEED = 0
#: seconds for which calls at the same time are made anew
CONCURRENT = 0.2

Behaviour = Literal["either", "answer", "refuse", "untried"]
Mask = npt.NDArray[np.bool_]


class UntriedError(Exception):
    """A property could not be tried: nothing is known of it; a clause says why."""


class WrongError(Exception):
    """A contract was broken while a property was tried; a clause says how."""


class Property(NamedTuple):
    """What is to hold, and who judges it."""

    subject: str
    metric: str
    judge: Callable[[], Check]


def judged(properties: Sequence[Property]) -> Iterator[Check]:
    """Yield a check for each property, whatever happens while it is tried."""
    for wanted in properties:
        yield _judged(*wanted)


def _judged(subject: str, metric: str, judge: Callable[[], Check]) -> Check:
    try:
        return judge()
    except UntriedError as why:
        nothing = Measurement(None, n=0)
        return Check.judge(
            subject, metric, nothing, Limit(at_most=0), min_n=0, insufficient=str(why),
            unit="violations", said=f"`{metric}` of `{subject}` was not tried",
        )  # fmt: skip
    except (WrongError, EvidenceError) as why:
        return Check(subject=subject, metric=metric, verdict=Verdict.ERROR, reason=str(why))
    except Exception as error:  # noqa: BLE001  (one property hides no other)
        return error_check(subject, metric, error)


def held(
    subject: str, metric: str, said: str, *, wrong: int, n: int, min_n: int = 1, **details: object
) -> Check:
    """Return the check that a property holds in all that was tried: violations, at most 0."""
    found = Measurement(wrong, n=n, method="count", details=details)
    limit = Limit(at_most=0)
    return Check.judge(subject, metric, found, limit, min_n=min_n, unit="violations", said=said)


def of_rows(wrong: Mask, where: npt.NDArray[np.intp] | None = None) -> tuple[str, tuple[int, ...]]:
    """Return how many rows are concerned and which first, counted from 0, and their numbers.

    Examples
    --------
    >>> of_rows(np.array([False, True, False, True]))
    ('2 of 4 rows (first 1, 3)', (1, 3))
    """
    found = np.flatnonzero(wrong)
    numbers = tuple(int(i) for i in (found if where is None else where[found])[:10])
    first = listed(numbers[:3])
    return f"{len(found):,} of {len(wrong):,} rows (first {first})", numbers


@dataclass
class Tally:
    """What all calls did beside answering."""

    calls: int = 0
    touched: int = 0
    inputs: dict[str, None] = field(default_factory=dict)
    changing: int = 0
    state: dict[str, None] = field(default_factory=dict)
    printed: int = 0

    def add(self, replies: Sequence[Reply]) -> None:
        """Count the replies to one job; those of a process that ended tell nothing."""
        seen = [reply for reply in replies if reply.kind != "stopped"]
        for reply in seen:
            self.calls += 1
            self.touched += bool(reply.inputs)
            self.changing += bool(reply.state)
            self.inputs |= dict.fromkeys(reply.inputs)
            self.state |= dict.fromkeys(reply.state)
        self.printed += seen[0].printed if seen else 0


def persistent(
    host: Host, job: Job, good: Callable[[int, Reply], bool], seconds: float
) -> list[Reply]:
    """Return the replies to calls at the same time, which are made anew until time is over.

    A race that is short, as in a fast model, needs many tries to be seen. Only the last try is
    returned, the first with something amiss: what is counted must not depend on a clock.

    Parameters
    ----------
    host : Host
        Makes the calls.
    job : Job
        What is called at the same time.
    good : callable
        Whether the answer of the call with a number is the right one.
    seconds : float
        How long to try.
    """
    end = time.monotonic() + seconds
    while True:
        replies = host.perform(job)
        fine = all(
            reply.kind == "answer" and not reply.inputs and not reply.state and good(i, reply)
            for i, reply in enumerate(replies)
        )
        if not fine or time.monotonic() >= end:
            return replies


class Trial:
    """A model and a sample of rows; every call goes through here.

    Parameters
    ----------
    host : Host
        Calls the model.
    rows : Rows
        All rows that were given.
    where : array of int
        Those that are tried, in order.
    methods : tuple of {"predict", "predict_proba"}
        What the model has.
    plain : bool
        Whether the model is a function, which has no method by name.
    """

    def __init__(
        self,
        host: Host,
        rows: Rows,
        where: npt.NDArray[np.intp],
        methods: tuple[Method, ...],
        *,
        plain: bool = False,
    ) -> None:
        self.host = host
        self.where = where
        self.given = rows.n
        self.table = rows if len(where) == rows.n else type(rows)(rows.take(where))
        self.methods = methods
        self.plain = plain
        self.tally = Tally()
        self.known = frozenset(rows.names)
        self._base: dict[Method, Reply] = {}

    @property
    def n(self) -> int:
        """Rows that are tried."""
        return len(self.where)

    def called(self, method: Method) -> str:
        """Return how a sentence calls a method."""
        return "the model" if self.plain else f"`{method}`"

    @property
    def both(self) -> str:
        """Return how a sentence calls all methods."""
        return " and ".join(self.called(method) for method in self.methods)

    def ask(self, job: Job) -> list[Reply]:
        """Return the replies to a job."""
        replies = self.host.perform(job)
        self.tally.add(replies)
        return replies

    def call(self, method: Method, value: Any, rows: int, *, stir: bool = False) -> Reply:
        """Return what a method replies to rows in a container."""
        return self.ask(Job(method, (value,), (rows,), stir=stir, known=self.known))[0]

    def answer(
        self, method: Method, value: Any, rows: int, what: str, *, stir: bool = False
    ) -> npt.NDArray[Any]:
        """Return a method's answer; WrongError, saying to what, when it gives none."""
        reply = self.call(method, value, rows, stir=stir)
        if reply.kind != "answer":
            self.fail(method, reply, what)
        found: npt.NDArray[Any] = reply.answer
        return found

    def fail(self, method: Method, reply: Reply, what: str) -> NoReturn:
        """Raise WrongError for a call that got no answer."""
        subject = "the model's process" if reply.kind == "stopped" else self.called(method)
        said = reply.said.replace("ended its process", "ended")
        if reply.kind == "stopped":
            msg = f"while {self.called(method)} was given {what}, {subject} {said}"
        else:
            msg = f"{subject} {said}, given {what}"
        raise WrongError(msg)

    def first(self, method: Method) -> Reply:
        """Return the reply to all rows tried, asked once."""
        if method not in self._base:
            if self.n == 0:
                msg = "nothing to measure: 0 rows"
                raise UntriedError(msg)
            self._base[method] = self.call(method, self.table.value, self.n)
        return self._base[method]

    def base(self, method: Method) -> npt.NDArray[Any]:
        """Return the answer to all rows tried; UntriedError when there is none to compare with."""
        reply = self.first(method)
        if reply.kind != "answer":
            msg = f"{self.called(method)} gave no answer to compare with"
            raise UntriedError(msg)
        found: npt.NDArray[Any] = reply.answer
        return found

    def some(self, most: int) -> npt.NDArray[np.intp]:
        """Return positions of at most so many of the rows tried, drawn with a fixed seed."""
        return drawn(self.n, most)


def drawn(n: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most so many of the positions from 0 to n, in order, drawn with a fixed seed."""
    if n <= most:
        return np.arange(n, dtype=np.intp)
    chosen = np.random.default_rng(SEED).choice(n, size=most, replace=False)
    return np.sort(chosen).astype(np.intp)


def has_gap(answer: npt.NDArray[Any]) -> bool:
    """Whether an answer holds what is missing, NaN or infinite."""
    return bool(undefined(answer).any())


def purity(tally: Tally, who: str) -> list[Property]:
    """Return that no call changed what it was given, or what the process's parts share."""
    return [
        Property("pure", "inputs", partial(_inputs, tally, who)),
        Property("pure", "global_state", partial(_state, tally, who)),
    ]


def _inputs(tally: Tally, who: str) -> Check:
    said = f"none of {tally.calls:,} calls changed what {who} was given"
    if tally.touched:
        what = " and ".join(tally.inputs)
        said = f"{who} changed its input ({what}) in {tally.touched:,} of {tally.calls:,} calls"
    return _of_calls("inputs", said, tally.touched, tally)


def _state(tally: Tally, who: str) -> Check:
    said = f"none of {tally.calls:,} calls changed the state of the process"
    if tally.changing:
        what = ", ".join(tally.state)
        of = f"in {tally.changing:,} of {tally.calls:,} calls"
        said = f"{who} changed the {what} of the process {of}; it was put back"
    if tally.printed:
        said += f"; it printed {tally.printed:,} characters, which were held back"
    return _of_calls("global_state", said, tally.changing, tally)


def _of_calls(metric: str, said: str, wrong: int, tally: Tally) -> Check:
    if not tally.calls:
        msg = "no call came to an end"
        raise UntriedError(msg)
    return held(
        "pure", metric, said, wrong=wrong, n=tally.calls, printed=tally.printed,
        inputs=tuple(tally.inputs), state=tuple(tally.state),
    )  # fmt: skip
