"""What must hold of an application: each raw request gets its known response, every time."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

from mlgates.gates.integration.golden import aligned
from mlgates.gates.integration.model import ROUNDS, THREADS
from mlgates.gates.integration.trial import (
    CONCURRENT,
    SEED,
    Property,
    Tally,
    UntriedError,
    WrongError,
    drawn,
    held,
    of_rows,
    persistent,
    purity,
)
from mlgates.runtime.calls import Job, Reply
from mlgates.runtime.process import Host
from mlgates.runtime.responses import Likeness
from mlgates.runtime.wire import NotPlainError, plain
from mlgates.tables.containers import is_instance_of
from mlgates.tables.rows import Rows
from mlgates.verdict import Check

__all__ = ["ApplicationTrial", "application_properties", "in_sequence"]

_WHO = "the application"


def in_sequence(given: Any) -> list[Any]:
    """Return requests, or responses, one by one; a row of a table is a dict.

    Examples
    --------
    >>> in_sequence(np.array([[1, 2], [3, 4]]))
    [[1, 2], [3, 4]]
    """
    if isinstance(given, list | tuple):
        return list(given)
    if is_instance_of(given, "pandas", "DataFrame"):
        return [dict(zip(given.columns, row, strict=True)) for row in given.itertuples(index=False)]
    for package, kind, method in (
        ("polars", "DataFrame", "to_dicts"),
        ("pyarrow", "Table", "to_pylist"),
    ):
        if is_instance_of(given, package, kind):
            return list(getattr(given, method)())
    if hasattr(given, "tolist") and getattr(given, "ndim", None) != 0:
        return list(given.tolist())
    if hasattr(given, "to_list"):
        return list(given.to_list())
    kind = type(given).__name__
    msg = f"requests and responses must be a list, an array or a table, got {kind}"
    raise WrongError(msg)


class ApplicationTrial:
    """An application and the requests that it is sent; every call goes through here.

    Parameters
    ----------
    host : Host
        Calls the application.
    requests, responses : object
        As they were given; of more than `most` a sample is tried.
    most : int
        How many are tried.
    """

    def __init__(self, host: Host, requests: Any, responses: Any, most: int) -> None:
        self.host = host
        self.tally = Tally()
        self._given = requests, responses
        self._most = most
        self._requests: list[Any] | None = None
        self._replies: list[Reply] | None = None
        self.where = np.arange(0, dtype=np.intp)
        self.of = 0
        self.expected: list[Any] = []

    @property
    def requests(self) -> list[Any]:
        """The requests that are tried; WrongError when they and the responses don't agree."""
        if self._requests is None:
            given = [in_sequence(value) for value in self._given]
            sizes = [len(values) for values in given]
            if sizes[0] != sizes[1]:
                msg = f"`golden_X` has {sizes[0]:,} requests, `golden_pred` {sizes[1]:,} responses"
                raise WrongError(msg)
            aligned(Rows(self._given[0]), self._given[1])
            self.of, self.where = sizes[0], drawn(sizes[0], self._most)
            self.expected = [given[1][i] for i in self.where]
            self._requests = [given[0][i] for i in self.where]
        return self._requests

    def ask(self, job: Job) -> list[Reply]:
        """Return the replies to a job."""
        replies = self.host.perform(job)
        self.tally.add(replies)
        return replies

    def all(self, *, stir: bool = False) -> list[Reply]:
        """Return a reply for each request, sent one after another; stops where one is stopped."""
        replies: list[Reply] = []
        for request in self.requests:
            replies += self.ask(Job("application", (request,), (1,), stir=stir))
            if replies[-1].kind == "stopped":
                msg = f"given request {int(self.where[len(replies) - 1]):,}, {_WHO} "
                raise WrongError(msg + replies[-1].said)
        return replies

    def output(self) -> list[Reply]:
        """Return the replies to all requests, sent once; WrongError when one got no response."""
        if self._replies is None:
            self._replies = self.all()
        for i, reply in zip(self.where, self._replies, strict=True):
            if reply.kind != "answer":
                msg = f"{_WHO} {reply.said}, given request {int(i):,}"
                raise WrongError(msg)
        return self._replies

    @property
    def base(self) -> list[Any]:
        """The responses to compare with; UntriedError when there are none."""
        try:
            replies = self.output()
        except WrongError:
            msg = f"{_WHO} gave no response to compare with"
            raise UntriedError(msg) from None
        if not replies:
            msg = "nothing to measure: 0 requests"
            raise UntriedError(msg)
        return [reply.answer for reply in replies]


def application_properties(
    trial: ApplicationTrial, rtol: float, *, deterministic: bool, thread_safe: bool, pure: bool
) -> Iterator[Property]:
    """Yield what must hold of an application."""
    yield Property("output", "responses", partial(_output, trial))
    yield Property("finite", "responses", partial(_finite, trial))
    yield Property("golden", "responses", partial(_golden, trial, rtol))
    if deterministic:
        yield Property("deterministic", "repeat", partial(_repeat, trial, rtol))
    if thread_safe:
        yield Property("thread_safe", "concurrent_calls", partial(_concurrent, trial, rtol))
    if pure:
        yield from purity(trial.tally, _WHO)


def _output(trial: ApplicationTrial) -> Check:
    n = len(trial.output())
    said = f"{_WHO} gave a response to each of {n:,} requests"
    return held("output", "responses", said, wrong=0, n=n, sampled=n, of=trial.of, seed=SEED)


def _finite(trial: ApplicationTrial) -> Check:
    wrong = [not _is_finite(response) for response in trial.base]
    if any(wrong):
        told = of_rows(np.array(wrong), trial.where)[0].replace("rows", "requests")
        msg = f"{_WHO} gave a number that is NaN or infinite to {told}"
        raise WrongError(msg)
    n = len(wrong)
    said = f"no number in a response is NaN or infinite ({n:,} requests)"
    return held("finite", "responses", said, wrong=0, n=n)


def _is_finite(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _golden(trial: ApplicationTrial, rtol: float) -> Check:
    base = trial.base
    try:
        expected = [plain(response) for response in trial.expected]
    except NotPlainError as error:
        msg = f"`golden_pred` holds {error}; numbers, texts, lists and mappings are wanted"
        raise WrongError(msg) from None
    likeness = Likeness(expected, rtol)
    wrong = [not likeness.same(a, b) for a, b in zip(expected, base, strict=True)]
    good = "all requests got their known responses"
    bad = "got another response than in `golden_pred`"
    return _requests(trial, "golden", "responses", wrong, good, bad)


def _repeat(trial: ApplicationTrial, rtol: float) -> Check:
    base = trial.base
    again = trial.all(stir=True)
    pairs, likeness = zip(base, again, strict=True), Likeness(base, rtol)
    wrong = [r.kind != "answer" or not likeness.same(a, r.answer) for a, r in pairs]
    good, bad = f"{_WHO} gave the same responses twice", "got another response again"
    return _requests(trial, "deterministic", "repeat", wrong, good, bad)


def _concurrent(trial: ApplicationTrial, rtol: float) -> Check:
    base, requests = trial.base, trial.requests
    threads = min(THREADS, len(requests))
    if threads < 2:
        msg = f"too few requests: {threads:,}, at least 2 are needed"
        raise UntriedError(msg)
    wrong, likeness = [False] * len(requests), Likeness(base, rtol)
    starts = range(0, len(requests) - len(requests) % threads, threads)
    for start in starts:
        some = range(start, start + threads)
        job = Job("application", tuple(requests[i] for i in some), (1,) * threads, rounds=ROUNDS)

        def right(k: int, reply: Reply, start: int = start) -> bool:
            return likeness.same(base[start + k % threads], reply.answer)

        replies = persistent(trial.host, job, right, CONCURRENT / len(starts))
        trial.tally.add(replies)
        for k, reply in enumerate(replies):
            i = start + k % threads
            if reply.kind == "stopped":
                msg = f"given {threads} requests at the same time, {_WHO} {reply.said}"
                raise WrongError(msg)
            wrong[i] |= reply.kind != "answer" or not right(k, reply)
    good = f"{threads} requests at the same time got the same responses as one after another"
    bad = f"got another response when {threads} came at the same time"
    return _requests(trial, "thread_safe", "concurrent_calls", wrong, good, bad)


def _requests(  # noqa: PLR0917  (what is told when it holds, and when not)
    trial: ApplicationTrial, subject: str, metric: str, wrong: list[bool], good: str, bad: str
) -> Check:
    said, numbers = f"{good} ({len(wrong):,} requests)", ()
    if any(wrong):
        told, numbers = of_rows(np.array(wrong), trial.where)  # type: ignore[assignment]
        said = f"{told.replace('rows', 'requests')} {bad}"
    return held(subject, metric, said, wrong=sum(wrong), n=len(wrong), rows=numbers)
