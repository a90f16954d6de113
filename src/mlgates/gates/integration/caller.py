"""Call the model or the application under test, and turn test results into checks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, NoReturn, ParamSpec

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError, suppress_errors
from mlgates.gates._shared import error_check, listed
from mlgates.runtime.answers import (
    difference_of_numbers,
    first_difference,
    largest_floats,
    same_answers,
    same_value,
)
from mlgates.runtime.calls import Job, Method, Reply
from mlgates.runtime.process import Serve
from mlgates.tables.containers import kind_of
from mlgates.tables.rows import Rows
from mlgates.verdict import Check, Limit, Measurement, Verdict

SEED = 0
_THREADS = 4
_ROUNDS = 4

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.intp]
Array = npt.NDArray[Any]
P = ParamSpec("P")


class NotTestedError(Exception):
    """Raised if a property can't be tested; its check is then INCONCLUSIVE.

    The message of the exception becomes the reason of the check.
    """


class ContractError(Exception):
    """Raised if the model gives no usable answer in a test; the check is then an ERROR.

    The message of the exception becomes the reason of the check.
    """


class Outcome(NamedTuple):
    """What the test of a property found: `violations` of `n` rows, calls or cases violate it.

    `text` and `details` are the reason and the details of the check. If `is_error` is true, the
    verdict is ERROR.
    """

    text: str
    violations: int
    n: int
    details: Mapping[str, object] | None = None
    is_error: bool = False


def run_test(
    subject: str, metric: str, test: Callable[P, Outcome | None], *args: P.args, **options: P.kwargs
) -> list[Check]:
    """Run the test of a property, and return its check in a list.

    `subject` is the name of the property, such as ``"deterministic"``, and `metric` the name of one
    test of it, such as ``"repeat"``. ``test(*args, **options)`` returns an `Outcome`, or None if
    the test does not apply to this model; the list is then empty. If `test` raises an exception,
    the check is an ERROR; for a `NotTestedError` it is INCONCLUSIVE.
    """
    least, insufficient = 1, ""
    with suppress_errors() as caught:  # the other properties are still tested
        outcome = test(*args, **options)
    error = caught.error
    if isinstance(error, NotTestedError):
        text = f"the test `{metric}` of the property `{subject}` has no result"
        least, insufficient = 0, str(error)
        outcome = Outcome(text, 0, 0)
    elif isinstance(error, ContractError | EvidenceError):
        return [Check(subject=subject, metric=metric, verdict=Verdict.ERROR, reason=str(error))]
    elif error is not None:
        return [error_check(subject, metric, error)]
    if outcome is None:
        return []
    text, violations, n, details, is_error = outcome
    value, method = (None, "") if insufficient else (violations, "count")
    check = Check.judge(
        subject,
        metric,
        Measurement(value, n=n, method=method, details=details or {}),
        Limit(at_most=0),
        min_n=least,
        insufficient=insufficient,
        unit="violations",
        said=text,
    )
    return [replace(check, verdict=Verdict.ERROR, reason=text) if is_error else check]


def count_rows(wrong: Mask, at: Positions, noun: str = "rows") -> tuple[str, tuple[int, ...]]:
    """Return the number of wrong rows in words, and the row numbers of the first ten.

    `wrong` has one bool per tested row, and `at` has the row numbers of the tested rows. `noun` is
    the word for them.

    Examples
    --------
    >>> count_rows(np.array([False, True, False, True]), np.arange(4))
    ('2 of 4 rows (first at rows 1, 3)', (1, 3))
    """
    numbers = at[wrong]
    first = tuple(numbers[:10].tolist())
    place = f"first at {noun} {listed(first[:3])}" if len(first) > 1 else f"{noun[:-1]} {first[0]}"
    return f"{len(numbers):,} of {len(wrong):,} {noun} ({place})", first


def row_outcome(wrong: Mask, at: Positions, good: str, bad: str, noun: str = "rows") -> Outcome:
    """Return the `Outcome` of a test that marks wrong rows.

    Its text is `good` if no row is wrong. Otherwise it is the number of wrong rows, followed by
    `bad`. The other arguments are those of `count_rows`.
    """
    if not wrong.any():
        return Outcome(good, 0, len(wrong), {"rows": ()})
    counted, rows = count_rows(wrong, at, noun)
    return Outcome(f"{counted} {bad}", int(wrong.sum()), len(wrong), {"rows": rows})


def sample_positions(n: int, most: int) -> Positions:
    """Return at most `most` of the numbers 0 to n - 1, drawn with a fixed seed and sorted."""
    if n <= most:
        return np.arange(n, dtype=np.intp)
    drawn = np.random.default_rng(SEED).choice(n, size=most, replace=False)
    return np.sort(drawn).astype(np.intp)


def require_same_index(requests: Any, responses: Any) -> None:
    """Raise EvidenceError if both arguments are pandas objects and their indexes differ."""
    frames = [v for v in (requests, responses) if kind_of(v) in ("pandas", "pandas column")]
    indexes = [frame.index for frame in frames if hasattr(frame, "index")]
    if len(indexes) == 2 and not indexes[0].equals(indexes[1]):
        raise EvidenceError("`golden_X` and `golden_pred` must have the same index")


class Differences:
    """Compares answers with expected answers, and describes the differences found so far in words.

    `rtol` is the allowed relative difference of numbers. A difference within the rounding error of
    the largest expected number is allowed too. The method `rows` compares all answers of a model at
    once. The method `response` compares one response of an application with the expected one. To
    use `response`, pass the expected responses to all requests as `expected` when the object is
    created: the largest expected number is taken from them.
    """

    def __init__(self, rtol: float, expected: Sequence[Any] = ()) -> None:
        self.rtol = rtol
        self._largest = largest_floats(expected)
        self._absolute = self._relative = 0.0
        self._first = ""
        self._failed, self._problem = 0, ""

    def rows(self, expected: Array, answer: Array) -> Mask:
        """Return for each row whether its answer differs from the expected answer."""
        wrong = ~same_answers(expected, answer, self.rtol)
        if wrong.any() and expected.shape == answer.shape:
            found = difference_of_numbers(expected[wrong], answer[wrong])
            self._absolute = max(self._absolute, found[0])
            self._relative = max(self._relative, found[1])
        return wrong

    def response(self, expected: Any, reply: Reply) -> bool:
        """Return whether a reply has no response, or one that differs from the `expected` one."""
        if reply.kind != "answer":
            self.failed(reply)
            return True
        same = same_value(expected, reply.answer, self.rtol, self._largest)
        if not same and not self._first:
            self._first = first_difference(expected, reply.answer, self.rtol)
        return not same

    def failed(self, reply: Reply) -> None:
        """Count a call that gave no answer, and keep the problem of the first such call.

        Both are in the text that `described` returns.
        """
        self._failed += 1
        self._problem = self._problem or reply.problem

    @property
    def any_failed(self) -> bool:
        """Whether at least one call gave no answer."""
        return self._failed > 0

    def described(self, noun: str) -> str:
        """Return the differences and the failed calls in words; "" if there are none.

        `noun` is the word for what a call should return, such as "answer".
        """
        text = ""
        if self._relative:
            text += f"; the largest difference is {self._absolute:.3g} (relative "
            text += f"{self._relative:.2g}, `rtol` is {self.rtol:g})"
        if self._first:
            text += f"; the first difference is in {self._first}"
        if self._failed:
            calls = "call" if self._failed == 1 else "calls"
            text += f"; {self._failed:,} {calls} got no {noun}, the first {self._problem:.150}"
        return text


class _ConcurrentCalls(NamedTuple):
    """Calls to make at the same time, each on a part of the sample, and the answers expected.

    `job` has the calls, and `parts` the positions of the rows or requests of each part. `expected`
    has the answers that the same calls got one after another.
    """

    job: Job
    parts: Sequence[Positions]
    expected: Sequence[Any]


class _Caller:
    """Calls a model or an application with a sample of rows or requests.

    `serve` is a function that makes the calls of a `Job` (a set of calls) and returns the replies.
    `given` is the number of rows or requests that the user gave, and `positions` are those of the
    sample. In messages, `kind` is the word for what is called, `noun` for its inputs, and
    `answer_noun` for what it returns. `methods` are the called methods of the model.
    """

    kind: Literal["model", "application"]
    noun: Literal["rows", "requests"]
    answer_noun: Literal["answer", "response"]
    methods: tuple[Method, ...] = ("application",)
    is_function = True

    def __init__(self, serve: Serve, given: int, positions: Positions) -> None:
        self.serve = serve
        self.given = given
        self.positions = positions
        self.n = len(positions)
        #: parts of the input, and of the state of the process, that each call changed
        self.changes: list[tuple[Sequence[str], Sequence[str]]] = []
        self.printed = 0

    @property
    def name(self) -> str:
        """The called methods as words, such as "`predict` and `predict_proba`"."""
        return " and ".join(map(self.called, self.methods))

    def called(self, method: Method) -> str:
        """Return a method as words: "`predict`", "the model" or "the application"."""
        return f"the {self.kind}" if self.is_function else f"`{method}`"

    def perform(self, job: Job) -> list[Reply]:
        """Make the calls that `job` lists, record their side effects, and return the replies."""
        replies = self.serve(job)
        self.record(replies)
        return replies

    def record(self, replies: Sequence[Reply]) -> None:
        """Record the side effects of calls, except of calls that ended their process."""
        ended = [reply for reply in replies if reply.kind != "stopped"]
        self.changes += [(reply.changed_inputs, reply.changed_state) for reply in ended]
        self.printed += ended[0].printed if ended else 0

    def need(self, n: int) -> None:
        """Raise NotTestedError unless the sample has at least n rows or requests."""
        if self.n < n:
            few = f"too few {self.noun}: {self.n:,}, at least {n:,} are needed"
            raise NotTestedError(few if self.n else f"there are no {self.noun}")

    def fail(self, method: Method, reply: Reply, given: str) -> NoReturn:
        """Raise ContractError for a call that got no answer; `given` describes its input."""
        who = self.called(method)
        if reply.kind == "stopped":
            msg = f"while {who} was given {given}, the {self.kind}'s process {reply.problem}"
        else:
            msg = f"given {given}, {who} {reply.problem}"
        raise ContractError(msg)

    def outcome(
        self,
        wrong: Mask,
        good: str,
        bad: str,
        at: Positions | None = None,
        differences: Differences | None = None,
    ) -> Outcome:
        """Return the outcome of a test of rows or requests.

        `wrong` has one bool for each tested row or request, true if it violates the property. `at`
        has the positions of the tested ones in the sample; by default all were tested. The clause
        of the outcome is `good` without violations. With violations it is `bad`, followed by a
        description of `differences`.
        """
        at = self.positions if at is None else self.positions[at]
        if differences is not None:
            noun = self.answer_noun
            if differences.any_failed:  # an error must not read as another answer
                bad = bad.replace(f"a different {noun}", f"no {noun} or a different one", 1)
            bad += differences.described(noun)
        sampled = f" of {self.n:,}" if len(wrong) < self.n else ""
        good += f" ({len(wrong):,}{sampled} {self.noun if self.n > 1 else self.noun[:-1]})"
        return row_outcome(wrong, at, good, bad, self.noun)


class ModelCaller(_Caller):
    """Calls a model with at most `most` of the given rows, drawn with a fixed seed.

    `serve` is a function that makes the calls of a `Job` (a set of calls) and returns the replies.
    The reply to the first call of each method is kept, to compare later replies with it.
    """

    kind, noun, answer_noun = "model", "rows", "answer"

    def __init__(self, serve: Serve, model: object, rows: Rows, most: int) -> None:
        super().__init__(serve, rows.n, sample_positions(rows.n, most))
        self.is_function = not hasattr(model, "predict")
        self.methods = ("predict",)
        if not self.is_function and callable(getattr(model, "predict_proba", None)):
            self.methods = ("predict", "predict_proba")
        self.table = rows if self.n == rows.n else type(rows)(rows.take(self.positions))
        self.column_names = frozenset(rows.names)
        self._first: dict[Method, Reply] = {}

    def call(self, method: Method, value: Any, *, advance_rng: bool = False) -> Reply:
        """Call a method of the model with a table, an array or a list of rows; return the reply.

        With ``advance_rng=True``, the random states of Python and numpy differ from those of the
        call before. A model that uses them then gives another answer.
        """
        names = self.column_names
        return self.perform(Job(method, (value,), advance_rng=advance_rng, column_names=names))[0]

    def answer(self, method: Method, value: Any, given: str, *, advance_rng: bool = False) -> Array:
        """Call a method of the model and return its answer; raise ContractError if it gave none.

        `given` describes the input in the message. `advance_rng` has the same meaning as in `call`.
        """
        reply = self.call(method, value, advance_rng=advance_rng)
        if reply.kind != "answer":
            self.fail(method, reply, given)
        return np.asarray(reply.answer)

    def first_reply(self, method: Method) -> Reply:
        """Return the reply to the first call of a method of the model with the whole sample.

        The call is made when the reply is first requested, and the reply is kept. NotTestedError is
        raised if the sample has no rows.
        """
        if method not in self._first:
            self.need(1)
            self._first[method] = self.call(method, self.table.value)
        return self._first[method]

    def first_answer(self, method: Method) -> Array:
        """Return the answers to the first call of a method of the model with the whole sample.

        There is one answer for each row. NotTestedError is raised if the call gave no answer.
        """
        reply = self.first_reply(method)
        if reply.kind != "answer":
            raise NotTestedError(f"{self.called(method)} gave no answer to compare with")
        return np.asarray(reply.answer)

    def different(self, differences: Differences, given: str, at: Positions | None = None) -> Mask:
        """Call the model a second time, and return for each row whether its answer changed.

        `at` has the order of the rows in the second call, as positions in the sample. By default
        the order is the same. `differences` compares the answers, and keeps the differences for
        ``differences.described``. `given` names the input in the message of an error.
        """
        value = self.table.value if at is None else self.table.take(at)
        wrong = np.zeros(self.n, dtype=np.bool_)
        for method in self.methods:
            first = self.first_answer(method)
            now = self.answer(method, value, given, advance_rng=True)
            wrong |= differences.rows(first if at is None else first[at], now)
        return wrong

    def concurrent_calls(self) -> list[_ConcurrentCalls]:
        """Return the calls for the test of calls from several threads at the same time.

        The list has one element, a group of calls that are made at the same time. The sample is
        divided into as many parts as there are threads, and each thread calls the model with one
        part.
        """
        self.need(2)
        method = self.methods[-1]
        self.first_answer(method)
        parts = np.array_split(np.arange(self.n, dtype=np.intp), min(_THREADS, self.n))
        tables = tuple(self.table.take(part) for part in parts)
        expected = [self.answer(method, table, "a part of the rows") for table in tables]
        job = Job(method, tables, rounds=_ROUNDS, column_names=self.column_names)
        return [_ConcurrentCalls(job, parts, expected)]

    def differences(self, rtol: float) -> Differences:
        """Return a new `Differences`, which compares answers with the relative tolerance `rtol`."""
        return Differences(rtol)

    def is_wrong(self, differences: Differences, expected: Any, reply: Reply) -> Mask:
        """Return a mask that is True for each row without an answer, or with an unexpected one.

        `reply` is the reply to a call, and `expected` has the expected answer of each row.
        `differences` compares the two, and keeps the differences for ``differences.described``.
        """
        if reply.kind != "answer":
            differences.failed(reply)
            return np.ones(len(expected), dtype=np.bool_)
        return differences.rows(expected, reply.answer)


class ApplicationCaller(_Caller):
    """Sends at most `most` of the given requests, drawn with a fixed seed, to an application.

    `serve` is a function that makes the calls of a `Job` (a set of calls) and returns the replies.
    The first reply to each request is kept, to compare later replies with it. `responses` are the
    expected responses. Requests and responses are lists, arrays or tables of the same length.
    """

    kind, noun, answer_noun = "application", "requests", "response"

    def __init__(self, serve: Serve, requests: Any, responses: Any, most: int) -> None:
        items = [_as_list(value) for value in (requests, responses)]
        n, other = map(len, items)
        if n != other:
            raise EvidenceError(
                f"`golden_X` has {n:,} requests, but `golden_pred` has {other:,} responses"
            )
        require_same_index(requests, responses)
        positions = sample_positions(n, most)
        super().__init__(serve, n, positions)
        self.requests, self.expected = ([values[i] for i in positions] for values in items)

    def _send_all(self, *, advance_rng: bool = False) -> list[Reply]:
        """Return the replies to all requests, sent in order until one ends the process.

        `advance_rng` is explained in `ModelCaller.call`.
        """
        replies: list[Reply] = []
        for request in self.requests:
            replies += self.perform(Job("application", (request,), advance_rng=advance_rng))
            if replies[-1].kind == "stopped":
                break
        return replies

    @cached_property
    def first_replies(self) -> list[Reply]:
        """The reply to each request of the sample when it was sent for the first time.

        The requests are sent in order. If one of them ends the process, the list ends with its
        reply.
        """
        return self._send_all()

    def first_responses(self) -> list[Any]:
        """Return the response to each request when it was sent for the first time.

        NotTestedError is raised if a response is missing.
        """
        replies = self.first_replies
        if any(reply.kind != "answer" for reply in replies):
            raise NotTestedError(f"{self.name} gave no response to compare with")
        self.need(1)
        return [reply.answer for reply in replies]

    def different(self, differences: Differences, given: str) -> Mask:
        """Send all requests a second time, and return for each whether its response changed.

        A request without a response counts as changed. `differences` compares the responses, and
        keeps the differences for ``differences.described``. `given` names the input in the message
        of an error.
        """
        first = self.first_responses()
        replies = self._send_all(advance_rng=True)
        if replies[-1].kind == "stopped":
            self.fail("application", replies[-1], given)
        pairs = zip(first, replies, strict=True)
        return np.array([differences.response(value, reply) for value, reply in pairs])

    def concurrent_calls(self) -> list[_ConcurrentCalls]:
        """Return the calls for the test of calls from several threads at the same time.

        Each element of the list is a group of requests that are sent at the same time, one from
        each thread.
        """
        first = self.first_responses()
        self.need(2)
        threads = min(_THREADS, self.n)
        groups = []
        for start in range(0, self.n - self.n % threads, threads):
            group = slice(start, start + threads)
            job = Job("application", tuple(self.requests[group]), rounds=_ROUNDS)
            parts = np.arange(start, start + threads).reshape(threads, 1)
            groups.append(_ConcurrentCalls(job, list(parts), first[group]))
        return groups

    def differences(self, rtol: float) -> Differences:
        """Return a new `Differences`, which compares responses with the relative tolerance `rtol`.

        The expected responses are those that `first_responses` returns.
        """
        return Differences(rtol, self.first_responses())

    def is_wrong(self, differences: Differences, expected: Any, reply: Reply) -> Mask:
        """Return an array with one bool: True if the response is missing or not as expected.

        `reply` is the reply to one request, and `expected` the expected response. `differences`
        compares the two, and keeps the differences for ``differences.described``.
        """
        return np.array([differences.response(expected, reply)])


Caller = ModelCaller | ApplicationCaller


def _as_list(given: Any) -> list[Any]:
    """Return requests, or responses, as a list; a row of a table becomes a dict."""
    kind = kind_of(given)
    if kind == "sequence":
        return list(given)
    if kind == "pandas":
        return [dict(zip(given.columns, row, strict=True)) for row in given.itertuples(index=False)]
    methods = {"polars": "to_dicts", "arrow": "to_pylist", "polars column": "to_list"}
    method = methods.get(kind, "tolist")
    if not hasattr(given, method) or getattr(given, "ndim", None) == 0:
        name = type(given).__name__
        raise EvidenceError(
            f"requests and responses must be a list, an array or a table, got {name}"
        )
    return list(getattr(given, method)())
