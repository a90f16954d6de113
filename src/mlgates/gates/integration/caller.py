"""Call the model or the application under test, and turn tests of properties into checks."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, NoReturn, ParamSpec

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.gates._shared import error_check, listed
from mlgates.limits import Limit
from mlgates.runtime.answers import ResponseComparison, same_answers
from mlgates.runtime.calls import Job, Method, Reply
from mlgates.runtime.process import Host
from mlgates.tables.containers import kind_of
from mlgates.tables.rows import Rows
from mlgates.verdict import Check, Measurement, Verdict

__all__ = [
    "SEED",
    "ApplicationCaller",
    "Behaviour",
    "Caller",
    "ConcurrentCalls",
    "ContractError",
    "Mask",
    "ModelCaller",
    "NotTestedError",
    "Outcome",
    "Positions",
    "Tally",
    "count_rows",
    "run_test",
    "same_index",
    "sample_positions",
]

SEED = 0
_THREADS = 4
_ROUNDS = 4

Behaviour = Literal["either", "answer", "refuse", "untried"]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]
P = ParamSpec("P")


class NotTestedError(Exception):
    """A property could not be tested, which is INCONCLUSIVE; the message is a clause."""


class ContractError(Exception):
    """The contract was broken while a property was tested, which is an ERROR."""


class Outcome(NamedTuple):
    """Violations of a property, of n rows, calls or cases, described by a clause."""

    text: str
    violations: int
    n: int
    details: dict[str, object] | None = None
    is_error: bool = False


def run_test(
    subject: str,
    metric: str,
    test: Callable[P, Outcome | None],
    *args: P.args,
    **options: P.kwargs,
) -> Iterator[Check]:
    """Yield the check of a property; none when its test does not apply and returns None."""
    limit = Limit(at_most=0)
    try:
        outcome = test(*args, **options)
    except NotTestedError as error:
        nothing, said = Measurement(None, n=0), f"`{metric}` of `{subject}` was not tried"
        yield Check.judge(
            *(subject, metric, nothing, limit),
            min_n=0,
            insufficient=str(error),
            unit="violations",
            said=said,
        )
    except (ContractError, EvidenceError) as error:
        yield Check(subject=subject, metric=metric, verdict=Verdict.ERROR, reason=str(error))
    except Exception as error:  # noqa: BLE001  (one property hides no other)
        yield error_check(subject, metric, error)
    else:
        if outcome is not None and outcome.is_error:
            yield Check(
                subject=subject,
                metric=metric,
                verdict=Verdict.ERROR,
                reason=outcome.text,
                value=outcome.violations,
                limit=limit,
                n=outcome.n,
                unit="violations",
                details=outcome.details or {},
            )
        elif outcome is not None:
            measured = Measurement(
                outcome.violations, n=outcome.n, method="count", details=outcome.details or {}
            )
            text = outcome.text
            yield Check.judge(subject, metric, measured, limit, unit="violations", said=text)


def count_rows(wrong: Mask, at: Positions, noun: str = "rows") -> tuple[str, tuple[int, ...]]:
    """Return how many rows are wrong and which first, as a clause, and their first numbers.

    Examples
    --------
    >>> count_rows(np.array([False, True, False, True]), np.arange(4))
    ('2 of 4 rows (first 1, 3)', (1, 3))
    """
    numbers = at[wrong]
    first = tuple(numbers[:10].tolist())
    return f"{len(numbers):,} of {len(wrong):,} {noun} (first {listed(first[:3])})", first


def sample_positions(n: int, most: int) -> Positions:
    """Return at most so many of the positions from 0 to n, in order, drawn with a fixed seed."""
    if n <= most:
        return np.arange(n, dtype=np.intp)
    drawn = np.random.default_rng(SEED).choice(n, size=most, replace=False)
    return np.sort(drawn).astype(np.intp)


def same_index(left: Any, right: Any) -> bool:
    """Return whether two values have equal indexes, unless one is no pandas object."""
    frames = [v for v in (left, right) if kind_of(v) in ("pandas", "pandas column")]
    indexes = [frame.index for frame in frames if hasattr(frame, "index")]
    return len(indexes) < 2 or bool(indexes[0].equals(indexes[1]))


@dataclass
class Tally:
    """Side effects of all calls, except those that ended their process."""

    calls: int = 0
    changing_inputs: int = 0
    changing_state: int = 0
    inputs: dict[str, None] = field(default_factory=dict)
    state: dict[str, None] = field(default_factory=dict)
    printed: int = 0

    def add(self, replies: Sequence[Reply]) -> None:
        """Add the side effects of one job."""
        ended = [reply for reply in replies if reply.kind != "stopped"]
        for reply in ended:
            self.calls += 1
            self.changing_inputs += bool(reply.changed_inputs)
            self.changing_state += bool(reply.changed_state)
            self.inputs |= dict.fromkeys(reply.changed_inputs)
            self.state |= dict.fromkeys(reply.changed_state)
        self.printed += ended[0].printed if ended else 0


class ConcurrentCalls(NamedTuple):
    """Calls to make at the same time: each on a part of the rows, with its serial answer."""

    job: Job
    parts: Sequence[Positions]
    expected: Sequence[Any]


class Caller(ABC):
    """A model or an application, and the sample of rows or requests that it is called with.

    Parameters
    ----------
    host : Host
        Makes the calls.
    given : int
        Rows or requests that were given.
    positions : array of int
        Those of the sample, in order.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]
    answer_noun: ClassVar[str]
    inputs_noun: ClassVar[str]

    def __init__(self, host: Host, given: int, positions: Positions) -> None:
        self.host = host
        self.given = given
        self.positions = positions
        self.n = len(positions)
        self.tally = Tally()

    def perform(self, job: Job) -> list[Reply]:
        """Return the replies to a job, with their side effects added to the tally."""
        replies = self.host.perform(job)
        self.tally.add(replies)
        return replies

    def need(self, n: int) -> None:
        """Raise NotTestedError unless the sample has at least n rows or requests."""
        if self.n == 0:
            msg = f"nothing to measure: 0 {self.noun}"
            raise NotTestedError(msg)
        if self.n < n:
            msg = f"too few {self.noun}: {self.n:,}, at least {n:,} are needed"
            raise NotTestedError(msg)

    def fail(self, method: Method, reply: Reply, given: str) -> NoReturn:
        """Raise ContractError for a call that got no answer."""
        if reply.kind == "stopped":
            process = f"the {self.kind}'s process {reply.problem}"
            msg = f"while {self.called(method)} was given {given}, {process}"
        else:
            msg = f"{self.called(method)} {reply.problem}, given {given}"
        raise ContractError(msg)

    def outcome(self, wrong: Mask, good: str, bad: str, at: Positions | None = None) -> Outcome:
        """Return an outcome with one clause where no row is wrong, another where some are.

        `at` has the positions in the sample of the rows tested; by default all are.
        """
        text, rows = f"{good} ({len(wrong):,} {self.noun})", ()
        if wrong.any():
            where = self.positions if at is None else self.positions[at]
            counted, rows = count_rows(wrong, where, self.noun)  # type: ignore[assignment]
            text = f"{counted} {bad}"
        return Outcome(text, int(wrong.sum()), len(wrong), {"rows": rows})

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of all its methods in a sentence."""

    @abstractmethod
    def called(self, method: Method) -> str:
        """Return the name of a method in a sentence."""

    @abstractmethod
    def different(self, rtol: float, given: str) -> Mask:
        """Return which rows of the sample get another answer than at first."""

    @abstractmethod
    def concurrent_calls(self) -> list[ConcurrentCalls]:
        """Return the calls that are made at the same time."""

    @abstractmethod
    def comparison(self, rtol: float) -> Callable[[Any, Any], Any]:
        """Return a function of two answers that returns whether they, or their rows, are equal."""


class ModelCaller(Caller):
    """A model and a sample of its rows.

    Parameters
    ----------
    host : Host
        Calls the model.
    rows : Rows
        All rows that were given.
    positions : array of int
        Those of the sample, in order.
    methods : tuple of {"predict", "predict_proba"}
        The model's methods.
    is_function : bool
        Whether the model is a function, without methods.
    """

    kind, noun, answer_noun, inputs_noun = "model", "rows", "answer", "tables"

    def __init__(
        self,
        host: Host,
        rows: Rows,
        positions: Positions,
        methods: tuple[Method, ...],
        *,
        is_function: bool = False,
    ) -> None:
        super().__init__(host, rows.n, positions)
        self.table = rows if self.n == rows.n else type(rows)(rows.take(positions))
        self.methods = methods
        self.is_function = is_function
        self.column_names = frozenset(rows.names)
        self._first: dict[Method, Reply] = {}

    @property
    def name(self) -> str:
        """The names of all methods in a sentence."""
        return " and ".join(self.called(method) for method in self.methods)

    def called(self, method: Method) -> str:
        """Return the name of a method in a sentence."""
        return "the model" if self.is_function else f"`{method}`"

    def call(self, method: Method, value: Any, rows: int, *, advance_rng: bool = False) -> Reply:
        """Return the reply to one call with a container of rows."""
        names = self.column_names
        job = Job(method, (value,), (rows,), advance_rng=advance_rng, column_names=names)
        return self.perform(job)[0]

    def answer(
        self, method: Method, value: Any, rows: int, given: str, *, advance_rng: bool = False
    ) -> npt.NDArray[Any]:
        """Return the answer to one call; raise ContractError when there is none."""
        reply = self.call(method, value, rows, advance_rng=advance_rng)
        if reply.kind != "answer":
            self.fail(method, reply, given)
        answer: npt.NDArray[Any] = reply.answer
        return answer

    def first_reply(self, method: Method) -> Reply:
        """Return the reply to the whole sample; it is called once."""
        if method not in self._first:
            self.need(1)
            self._first[method] = self.call(method, self.table.value, self.n)
        return self._first[method]

    def first_answer(self, method: Method) -> npt.NDArray[Any]:
        """Return the answer to the whole sample; raise NotTestedError when there is none."""
        reply = self.first_reply(method)
        if reply.kind != "answer":
            msg = f"{self.called(method)} gave no answer to compare with"
            raise NotTestedError(msg)
        answer: npt.NDArray[Any] = reply.answer
        return answer

    def different(
        self, rtol: float, given: str, value: Any = None, at: Positions | None = None
    ) -> Mask:
        """Return which rows get another answer than at first; by default the sample's."""
        rows = np.arange(self.n) if at is None else at
        value = self.table.value if at is None else value
        wrong = np.zeros(len(rows), dtype=np.bool_)
        for method in self.methods:
            first = self.first_answer(method)[rows]
            now = self.answer(method, value, len(rows), given, advance_rng=True)
            wrong |= ~same_answers(first, now, rtol)
        return wrong

    def concurrent_calls(self) -> list[ConcurrentCalls]:
        """Return calls of the last method on as many parts of the sample as there are threads."""
        self.need(2)
        method = self.methods[-1]
        self.first_answer(method)
        parts = np.array_split(np.arange(self.n, dtype=np.intp), min(_THREADS, self.n))
        tables = tuple(self.table.take(part) for part in parts)
        expected = [
            self.answer(method, table, len(part), "a part of the rows")
            for part, table in zip(parts, tables, strict=True)
        ]
        sizes, names = tuple(len(part) for part in parts), self.column_names
        job = Job(method, tables, sizes, rounds=_ROUNDS, column_names=names)
        return [ConcurrentCalls(job, parts, expected)]

    def comparison(self, rtol: float) -> Callable[[Any, Any], Mask]:
        """Return a function that returns which rows of two answers are equal."""
        return lambda expected, answer: same_answers(expected, answer, rtol)


class ApplicationCaller(Caller):
    """An application and a sample of its requests, with their expected responses.

    Parameters
    ----------
    host : Host
        Calls the application.
    requests, responses : object
        As they were given: lists, arrays or tables.
    most : int
        Size of the sample.

    Raises
    ------
    EvidenceError
        When they are of different sizes, or of a kind that has no items.
    """

    kind, noun, answer_noun, inputs_noun = "application", "requests", "response", "requests"
    name = "the application"

    def __init__(self, host: Host, requests: Any, responses: Any, most: int) -> None:
        items = [_listed_items(value) for value in (requests, responses)]
        sizes = [len(values) for values in items]
        if sizes[0] != sizes[1]:
            msg = f"`golden_X` has {sizes[0]:,} requests, `golden_pred` {sizes[1]:,} responses"
            raise EvidenceError(msg)
        if not same_index(requests, responses):
            msg = "the indexes of `golden_X` and `golden_pred` differ: whose answer is whose?"
            raise EvidenceError(msg)
        super().__init__(host, sizes[0], sample_positions(sizes[0], most))
        self.requests, self.expected = ([values[i] for i in self.positions] for values in items)
        self._first: list[Reply] | None = None

    def called(self, method: Method) -> str:
        """Return the name of the application in a sentence."""
        del method
        return self.name

    def _send_all(self, *, advance_rng: bool = False) -> list[Reply]:
        """Return a reply for each request, sent in turn; the last one may be stopped."""
        replies: list[Reply] = []
        for request in self.requests:
            replies += self.perform(Job("application", (request,), (1,), advance_rng=advance_rng))
            if replies[-1].kind == "stopped":
                break
        return replies

    def first_replies(self) -> list[Reply]:
        """Return the replies to the sample, sent once."""
        if self._first is None:
            self._first = self._send_all()
        return self._first

    def first_responses(self) -> list[Any]:
        """Return the responses to the sample; raise NotTestedError when there are not all."""
        replies = self.first_replies()
        if any(reply.kind != "answer" for reply in replies):
            msg = f"{self.name} gave no response to compare with"
            raise NotTestedError(msg)
        self.need(1)
        return [reply.answer for reply in replies]

    def different(self, rtol: float, given: str) -> Mask:
        """Return which requests get another response than at first, or none."""
        del given
        first, same = self.first_responses(), self.comparison(rtol)
        replies = self._send_all(advance_rng=True)
        if replies[-1].kind == "stopped":
            at = self.positions[len(replies) - 1]
            self.fail("application", replies[-1], f"request {at:,}")
        pairs = zip(first, replies, strict=True)
        return np.array([r.kind != "answer" or not same(value, r.answer) for value, r in pairs])

    def concurrent_calls(self) -> list[ConcurrentCalls]:
        """Return calls on as many requests at a time as there are threads."""
        first = self.first_responses()
        self.need(2)
        threads = min(_THREADS, self.n)
        groups = []
        for start in range(0, self.n - self.n % threads, threads):
            group = range(start, start + threads)
            inputs = tuple(self.requests[i] for i in group)
            job = Job("application", inputs, (1,) * threads, rounds=_ROUNDS)
            parts = [np.array([i], dtype=np.intp) for i in group]
            groups.append(ConcurrentCalls(job, parts, [first[i] for i in group]))
        return groups

    def comparison(self, rtol: float) -> Callable[[Any, Any], bool]:
        """Return a function that returns whether two responses are equal."""
        return ResponseComparison(self.first_responses(), rtol).same


def _listed_items(given: Any) -> list[Any]:
    """Return requests, or responses, as a list; a row of a table becomes a dict."""
    if isinstance(given, list | tuple):
        return list(given)
    kind = kind_of(given)
    if kind == "pandas":
        return [dict(zip(given.columns, row, strict=True)) for row in given.itertuples(index=False)]
    if kind == "polars":
        return list(given.to_dicts())
    if kind in ("arrow", "arrow column"):
        return list(given.to_pylist())
    for method in ("tolist", "to_list"):
        if hasattr(given, method) and getattr(given, "ndim", None) != 0:
            return list(getattr(given, method)())
    msg = f"requests and responses must be a list, an array or a table, got {type(given).__name__}"
    raise EvidenceError(msg)
