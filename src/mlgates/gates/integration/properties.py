"""Tests of the properties of a model or an application; each returns the violations it found."""

import math
import os
import tempfile
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from mlgates.errors import suppress_errors
from mlgates.gates.integration.caller import (
    SEED,
    ApplicationCaller,
    Caller,
    ContractError,
    Differences,
    ModelCaller,
    NotTestedError,
    Outcome,
    Positions,
    count_rows,
    require_same_index,
    row_outcome,
    sample_positions,
)
from mlgates.process_state import watched
from mlgates.redaction import describe
from mlgates.runtime import answers
from mlgates.runtime.calls import Job, Method, Reply
from mlgates.runtime.process import START, Stored, by_name, served
from mlgates.runtime.wire import NotPlainError, plain
from mlgates.tables.containers import kind_of
from mlgates.tables.retyping import Target
from mlgates.tables.rows import UNSEEN, rows_like

Behaviour = Literal["either", "answer", "refuse", "untried"]

_INPUTS = {
    "empty": "a table without rows",
    "missing": "a missing value",
    "unseen": "an unseen category",
}
_ALTERED = {
    "missing_column": "rows without one of their columns",
    "extra_column": "rows with one more column",
}
#: altered rows as in `Converted`: what was altered, the rows, and what else to compare them with
_Variant = tuple[str, Any, Any]
#: most columns in which a missing value, or an unseen category, is tested
_COLUMNS = 32
_LONGEST = 150
#: most rows that are also tested one by one
_SINGLES = 32
#: repetitions of concurrent calls: a short race needs many. They are counted, not timed, so that a
#: busy machine makes as many as a quiet one.
_REPEATS = 8
#: calls in each of the phases after which the memory in use is read
_PHASE = 5
#: bytes that a call may leave in use, and more for each column: pandas tracks its indexes
_LEFT, _LEFT_A_COLUMN = 16_384, 256
_SUMS = 1e-6
_NEARLY_ALL = 0.9


# The form of answers


def output(caller: ModelCaller, method: Method, classes: tuple[object, ...] | None) -> Outcome:
    """Test that a method gives one answer per row, and one probability for each of `classes_`."""
    reply = caller.first_reply(method)
    what, who = f"{caller.n:,} rows" if caller.n > 1 else "1 row", caller.called(method)
    if reply.kind == "malformed":  # the problem has the number of rows
        raise ContractError(f"{who} {reply.problem}")
    if reply.kind != "answer":
        caller.fail(method, reply, what)
    answer = reply.answer
    details: dict[str, object] = {"sampled": caller.n, "of": caller.given, "seed": SEED}
    if method == "predict":
        kind = "label" if answer.dtype.kind in "USOb" else "number"
        return Outcome(f"{who} gave one {kind} for each of {what}", 0, caller.n, details)
    columns = answer.shape[1]
    text = f"{who} gave {columns:,} numbers for each of {what}"
    if classes is not None and columns != len(classes):
        raise ContractError(
            f"{who} gave {columns:,} columns for {len(classes):,} classes (`classes_`)"
        )
    if classes is None or caller.first_reply("predict").kind != "answer":
        return Outcome(text, 0, caller.n, details)
    likeliest = np.argmax(answer, axis=1)
    predicted = caller.first_answer("predict").tolist()
    pairs = zip(likeliest, predicted, strict=True)
    others = sum(not answers.same_value(classes[i], label, 0.0) for i, label in pairs)
    details["otherwise"] = others
    if others:
        text += f"; in {others:,} of them `predict` does not give the most probable class"
    # A column belongs to another class if it is the most probable one in nearly all rows that
    # `predict` gives to that class. With a threshold, or with classes that can hardly be separated,
    # one column is the most probable for several classes: then none counts as moved.
    codes = {label: i for i, label in enumerate(classes)}
    given = np.array([codes.get(label, -1) for label in predicted])
    columns_of = {}
    for code in range(len(classes)):
        own = likeliest[given == code]
        if len(own) > 1 and (counts := np.bincount(own)).max() >= _NEARLY_ALL * len(own):
            columns_of[code] = int(counts.argmax())
    moved = sum(code != column for code, column in columns_of.items())
    in_order = moved < 2 or len(set(columns_of.values())) < len(columns_of)
    if not in_order:
        some = f"{moved:,} of {len(classes):,} classes have the probabilities of another class"
        text = f"{some}: the columns of {who} are in another order than `classes_`"
    return Outcome(text, 0 if in_order else others, caller.n, details)


def finite(caller: ModelCaller, method: Method) -> Outcome:
    """Test that no answer is missing, NaN or infinite."""
    bad = answers.undefined(caller.first_answer(method))
    who = caller.called(method)
    if not bad.any():
        return Outcome(f"no answer of {who} is missing, NaN or infinite", 0, caller.n)
    counted, rows = count_rows(bad, caller.positions)
    text = f"for {counted}, {who} gave an answer that is missing, NaN or infinite"
    return Outcome(text, int(bad.sum()), caller.n, {"rows": rows}, is_error=True)


def labels(caller: ModelCaller, classes: tuple[object, ...]) -> Outcome:
    """Test that all predicted labels are among the attribute `classes_` of the model."""
    allowed = set(classes)
    predicted = caller.first_answer("predict").tolist()
    wrong = np.array([label not in allowed for label in predicted], dtype=np.bool_)
    good = f"all labels are among the {len(classes):,} of `classes_`"
    return caller.outcome(wrong, good, "got a label that is not in `classes_`")


def probability_range(caller: ModelCaller) -> Outcome:
    """Test that all probabilities are from 0 to 1."""
    answer = caller.first_answer("predict_proba")
    wrong = np.asarray(((answer < 0) | (answer > 1)).any(axis=1))
    return caller.outcome(
        wrong, "all probabilities are from 0 to 1", "have a probability outside 0 to 1"
    )


def probability_sum(caller: ModelCaller) -> Outcome:
    """Test that the probabilities of each row sum to 1, apart from rounding errors."""
    answer = caller.first_answer("predict_proba")
    rounding = answer.shape[1] * float(np.finfo(answer.dtype).eps)
    with np.errstate(all="ignore"):
        wrong = ~(np.abs(answer.astype(np.float64).sum(axis=1) - 1) <= _SUMS + rounding)
    good = "the probabilities of each row sum to 1"
    return caller.outcome(wrong, good, "have probabilities that do not sum to 1")


def output_responses(caller: ApplicationCaller) -> Outcome:
    """Test that each request gets a response."""
    for i, reply in enumerate(caller.first_replies):
        if reply.kind != "answer":
            caller.fail("application", reply, f"request {caller.positions[i]:,}")
    n = caller.n
    details = {"sampled": n, "of": caller.given, "seed": SEED}
    return Outcome(f"{caller.name} gave a response to each of {n:,} requests", 0, n, details)


def finite_responses(caller: ApplicationCaller) -> Outcome:
    """Test that no number in a response is NaN or infinite."""
    wrong = np.array([not answers.is_finite(value) for value in caller.first_responses()])
    if wrong.any():
        counted, _ = count_rows(wrong, caller.positions, caller.noun)
        raise ContractError(f"for {counted}, {caller.name} gave a number that is NaN or infinite")
    n = caller.n
    return Outcome(f"no number in a response is NaN or infinite ({n:,} requests)", 0, n)


# The same answers to the same rows


def repeated(caller: Caller, rtol: float) -> Outcome:
    """Test that the same rows get the same answer a second time."""
    noun = caller.answer_noun
    differences = caller.differences(rtol)
    wrong = caller.different(differences, f"the same {caller.noun} again")
    good = f"{caller.name} gave the same {noun}s twice"
    bad = f"got a different {noun} the second time"
    return caller.outcome(wrong, good, bad, differences=differences)


def at_end(caller: ModelCaller, rtol: float) -> Outcome:
    """Call the model again after all other tests, and test that its answers have not changed."""
    differences = caller.differences(rtol)
    wrong = caller.different(differences, "the same rows again after the other tests")
    good = f"{caller.name} gave the same answers again after the other tests of this gate"
    bad = "got a different answer after the other tests of this gate"
    return caller.outcome(wrong, good, bad, differences=differences)


def single_rows(caller: ModelCaller, rtol: float) -> Outcome:
    """Test that a row gets the same answer alone as together with the other rows."""
    at = sample_positions(caller.n, _SINGLES)
    differences = caller.differences(rtol)
    wrong = np.zeros(len(at), dtype=np.bool_)
    for method in caller.methods:
        batch = caller.first_answer(method)[at]
        alone = [caller.answer(method, caller.table.take([i]), "one row") for i in at]
        wrong |= differences.rows(batch, np.concatenate(alone))
    good = "rows predicted one by one got the same answers as in one batch"
    bad = f"got a different answer alone than in a batch of {caller.n:,}"
    return caller.outcome(wrong, good, bad, at, differences)


def order(caller: ModelCaller, rtol: float) -> Outcome:
    """Test that each row gets the same answer if the rows are in another order."""
    caller.need(2)
    at = shuffled(caller.n)
    differences = caller.differences(rtol)
    wrong = caller.different(differences, "the rows in another order", at)
    good = "rows in another order got the same answers"
    bad = "got a different answer in another order"
    return caller.outcome(wrong, good, bad, at, differences)


def shuffled(n: int) -> Positions:
    """Return the numbers 0 to n - 1 in an order in which none is at its own position.

    The order is drawn with a fixed seed.
    """
    circle = np.random.default_rng(SEED).permutation(n)
    positions = np.empty(n, dtype=np.intp)
    positions[circle] = np.roll(circle, 1)
    return positions


def concurrent(caller: Caller, rtol: float) -> Outcome:
    """Test that calls from several threads get the same answers as calls one after another.

    The calls are repeated a fixed number of times, or until an answer is wrong.
    """
    groups = caller.concurrent_calls()
    differences = caller.differences(rtol)
    wrong = np.zeros(caller.n, dtype=np.bool_)
    threads = len(groups[0].parts)
    given = f"{caller.noun} in {threads} threads at the same time"
    for job, parts, expected in groups:
        for _ in range(math.ceil(_REPEATS / len(groups))):
            replies = caller.serve(job)
            bad = [
                caller.is_wrong(differences, expected[i % threads], reply)
                for i, reply in enumerate(replies)
            ]
            pure = not any(reply.changed_inputs or reply.changed_state for reply in replies)
            if not pure or any(map(np.any, bad)):
                break
        caller.record(replies)
        for i, reply in enumerate(replies):
            if reply.kind == "stopped":
                caller.fail(job.method, reply, given)
            wrong[parts[i % threads]] |= bad[i]
    noun = caller.answer_noun
    good = f"calls from {threads} threads at the same time got the same {noun}s as calls one after "
    good += "another"
    text = f"got a different {noun} when {threads} threads called at the same time"
    return caller.outcome(wrong, good, text, differences=differences)


# Golden rows and the stored model


def golden_answers(caller: ModelCaller, given: Any, expected: Any, rtol: float) -> Outcome:
    """Test that the rows of `golden_X` get the answers in `golden_pred`."""
    rows = rows_like(given)
    require_same_index(given, expected)
    if kind_of(expected) in ("pandas", "polars"):
        expected = expected.to_numpy()
    shape = np.shape(expected) if isinstance(expected, list | tuple | np.ndarray) else ()
    several = len(shape) == 2 and shape[1] > 1 and "predict_proba" in caller.methods
    method: Method = "predict_proba" if several else "predict"
    try:
        wanted = (answers.probabilities if several else answers.predictions)(expected, rows.n)
    except answers.MalformedError as error:
        raise ContractError(f"`golden_pred` has {error} of `golden_X`") from None
    if answers.undefined(wanted).any():
        raise ContractError("`golden_pred` has an answer that is missing, NaN or infinite")
    if not rows.n:
        raise NotTestedError("`golden_X` has no rows")
    answer = caller.answer(method, rows.value, "the golden rows")
    kinds = ["text" if a.dtype.kind in "US" else "number" for a in (answer, wanted)]
    if kinds[0] != kinds[1] and "O" not in (answer.dtype.kind, wanted.dtype.kind):
        raise ContractError(
            f"{caller.called(method)} gave {kinds[0]}s where `golden_pred` has {kinds[1]}s"
        )
    bad = "of `golden_X` got a different answer than in `golden_pred`"
    if answer.dtype.kind != "f" and wanted.dtype.kind == "f":
        bad += "; give probabilities as all columns of `predict_proba`"
    good = f"all {rows.n:,} golden rows got their expected answers"
    differences = caller.differences(rtol)
    wrong = differences.rows(wanted, answer)
    bad += differences.described("answer")
    return row_outcome(wrong, np.arange(rows.n), good, bad)


def golden_responses(caller: ApplicationCaller, rtol: float) -> Outcome:
    """Test that the requests in `golden_X` get the responses in `golden_pred`."""
    first = caller.first_responses()
    try:
        expected = [plain(response) for response in caller.expected]
    except NotPlainError as error:
        raise ContractError(
            f"`golden_pred` has {error}; expected numbers, strings, lists and mappings"
        ) from None
    differences, pairs = Differences(rtol, expected), zip(expected, first, strict=True)
    wrong = np.array([differences.response(a, Reply("answer", b)) for a, b in pairs])
    good, bad = "all requests got their expected responses", "got a different response than in "
    return caller.outcome(wrong, good, f"{bad}`golden_pred`", differences=differences)


def round_trip(
    caller: ModelCaller, model: object, names: tuple[str, str], timeout: float | None, rtol: float
) -> Outcome:
    """Test that the model gives the same answers after it was saved and loaded again.

    The model is saved in this process and loaded in a new one. `names` has the names of the
    function that saves it and of the function that loads it. The new process is stopped after
    `timeout` seconds.
    """
    first = {method: caller.first_answer(method) for method in caller.methods}
    save, load = names
    n, wrong, differences = caller.n, np.zeros(caller.n, dtype=np.bool_), Differences(rtol)
    with tempfile.TemporaryDirectory(prefix="mlgates-") as folder:
        path = os.path.join(folder, "model")  # noqa: PTH118  (a string, as `save` expects it)
        function = by_name(save)
        with suppress_errors() as caught, watched():
            function(model, path)
        if caught.error is not None:
            raise ContractError(
                f"the model could not be saved by `{save}`: {describe(caught.error)}"
            ) from caught.error
        if not os.path.exists(path):  # noqa: PTH110
            raise ContractError(f"`{save}` wrote nothing to its path")
        with served(Stored(load, path), START if timeout is None else timeout) as perform:
            for method, answer in first.items():
                job = Job(method, (caller.table.value,), column_names=caller.column_names)
                reply = perform(job)[0]
                if reply.kind != "answer":
                    caller.fail(method, reply, f"{n:,} rows in a new process")
                wrong |= differences.rows(answer, reply.answer)
    good = f"the model loaded in a new process gave the same answers to {n:,} rows"
    bad = "got a different answer from the model loaded in a new process"
    bad += differences.described("answer")
    return row_outcome(wrong, caller.positions, good, bad)


# Unusual input


def one_row(caller: ModelCaller) -> Outcome:
    """Test that a single row gets one finite answer."""
    for method in caller.methods:
        caller.first_answer(method)
        answer = caller.answer(method, caller.table.take([0]), "one row")
        if answers.undefined(answer).any():
            raise ContractError(f"given one row, {caller.called(method)} gave no finite answer")
    return Outcome(f"{caller.name} gave one row one answer", 0, 1)


def empty_table(caller: ModelCaller, declared: Behaviour) -> Outcome | None:
    """Test what the model does with a table without rows.

    `declared` says what it must do: return an answer without rows ("answer"), raise an exception
    with a message ("refuse"), or one of the two ("either"). If `declared` is "untried", nothing is
    tested and the result is None.
    """
    if declared == "untried":
        return None
    cases = [(method, caller.table.take([])) for method in caller.methods]
    return _behaviour(caller, "empty", declared, cases)


def odd_cells(caller: ModelCaller, subject: str, declared: Behaviour) -> Outcome | None:
    """Test that the model treats a missing value or an unseen category as `declared`.

    `subject` is "missing" or "unseen". `declared` says what the model must do: "answer" the row,
    "refuse" it by an exception, or "either" of them. The value is put into one column after another
    of a row that the model answers. The returned `Outcome` has the number of columns for which the
    model did something else, and says in words what it did.

    Returns None in three cases: `declared` is "untried"; there are no rows; or `declared` is
    "either" and no column can hold such a value.
    """
    table = caller.table
    if declared == "untried" or not caller.n:
        return None

    cell = None if subject == "missing" else UNSEEN
    columns = [i for i in range(len(table.names)) if subject == "missing" or table.is_text(i)]
    columns = [columns[i] for i in sample_positions(len(columns), _COLUMNS)]
    first = type(table)(table.take([0]))
    columns = [i for i in columns if first.constant(i, cell) is not None]
    if not columns and declared == "either":
        return None
    answered = np.flatnonzero(~answers.undefined(caller.first_answer("predict")))
    if not len(answered):
        raise NotTestedError(f"{caller.called('predict')} gave a finite answer to none of the rows")
    row = type(table)(table.take([int(answered[0])]))
    cases: list[tuple[Method, Any]] = [("predict", row.constant(i, cell)) for i in columns]
    return _behaviour(caller, subject, declared, cases)


def _behaviour(
    caller: ModelCaller, subject: str, declared: Behaviour, cases: list[tuple[Method, Any]]
) -> Outcome:
    """Call the model with cases of unusual input, and count those not handled as declared.

    `cases` are pairs of a method and its input. `subject` names the kind of input.
    """
    what = _INPUTS[subject]
    answered, refusals, wrong, undefined_ones = 0, list[Reply](), list[str](), False
    for method, value in cases:
        reply, who = caller.call(method, value), caller.called(method)
        if reply.kind == "stopped":
            caller.fail(method, reply, what)
        elif reply.kind == "raised":
            refusals.append(reply)
        elif reply.kind == "malformed":
            wrong.append(f"given {what}, {who} {reply.problem}")
        elif answers.undefined(reply.answer).any():
            undefined_ones = True
            wrong.append(f"given {what}, {who} gave an answer that is missing, NaN or infinite")
        else:
            answered += 1
    if wrong:
        rest = len(wrong) - 1
        more = f" (and {rest:,} more such case{'s' if rest > 1 else ''})" if rest else ""
        skip = f"; {_skip(subject)}" if undefined_ones else ""
        raise ContractError(wrong[0] + more + skip)
    refused = len(refusals)
    silent = sum(not reply.explained for reply in refusals)
    parts = []
    kind = "calls" if subject == "empty" else "columns"  # each case is another method or column
    if answered:
        of = f" in {answered:,} of {len(cases):,} {kind}" if len(cases) > 1 else ""
        parts.append(f"answered{of}")
    if refused:
        of = f" in {refused:,} of {len(cases):,} {kind}" if len(cases) > 1 else ""
        parts.append(f"raised an exception{of} ({_shortened(refusals[0])})")
    text = f"no column can hold {what}"
    if cases:
        text = f"given {what}, the model {' and '.join(parts)}"
        text += (
            "; both are allowed" if len(parts) > 1 and declared == "either" and not silent else ""
        )
    violations = silent
    if declared == "answer":
        violations, expected = refused, "expected an answer"
    elif declared == "refuse" and not silent:
        violations, expected = answered, "expected an exception with a message"
    else:
        violations += answered if declared == "refuse" else 0
        expected = _unexplained(subject)
    if violations:
        text += f"; {expected}"
    counts = {"answered": answered, "refused": refused - silent}
    return Outcome(text, violations, answered + refused, counts)


def _skip(subject: str) -> str:
    return f'`{subject}="untried"` skips this test'


def _unexplained(subject: str) -> str:
    needs = "an exception with a message, other than MemoryError, RecursionError or SystemExit"
    return f"if the model does not answer, it must raise {needs}; {_skip(subject)}"


def _shortened(refusal: Reply) -> str:
    """Return the message of the exception of a refusal, shortened if it is long."""
    text = refusal.problem.removeprefix("raised ")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def reordered_columns(caller: ModelCaller, declared: Behaviour, rtol: float) -> Outcome | None:
    """Test what the model does if the columns are in another order.

    `declared` says what it must do: give the same answers ("answer"), raise an exception with a
    message ("refuse"), or one of the two ("either"). If `declared` is "untried", nothing is tested
    and the result is None. It is also None if the columns have no names, or if there are no rows or
    only one column.
    """
    table = caller.table
    if declared == "untried" or not table.named or len(table.names) < 2 or not caller.n:
        return None
    other = table.reordered([*range(1, len(table.names)), 0])
    inputs = [("columns in another order", other, None)]
    return _altered(caller, "column_order", declared, rtol, inputs)


def altered_columns(
    caller: ModelCaller, subject: str, declared: Behaviour, rtol: float
) -> Outcome | None:
    """Test what the model does if a column is missing, or if there is one more column.

    With the `subject` "missing_column", the model gets rows without one of their columns, for one
    column after another (at most 32, drawn with a fixed seed). With "extra_column", it gets rows
    with one more column.

    `declared` says what it must do: give the same answers ("answer"), raise an exception with a
    message ("refuse"), or one of the two ("either"). If `declared` is "untried", nothing is tested
    and the result is None. NotTestedError is raised if there are no rows, or too few columns.
    """
    if declared == "untried":
        return None
    table, what, inputs = caller.table, _ALTERED[subject], list[_Variant]()
    caller.need(1)
    fewest = 1 if subject == "extra_column" else 2
    if len(table.names) < fewest:
        have = "only one column" if table.names else "no columns"
        raise NotTestedError(
            f"the given rows have {have}, at least {fewest} {'are' if fewest > 1 else 'is'} needed"
        )
    if subject == "extra_column":
        inputs = [(what, table.extended(), None)]
    else:
        columns = sample_positions(len(table.names), _COLUMNS).tolist()
        inputs = [
            (f"rows without column `{table.names[i]}`", table.without(i), None) for i in columns
        ]
    return _altered(caller, subject, declared, rtol, inputs)


def changed_types(
    caller: ModelCaller, target: Target, declared: Behaviour, rtol: float, *, required: bool
) -> Outcome | None:
    """Test what the model does if a column has another type.

    Each column that can have the type `target` is converted alone; an array without names is
    converted as a whole. Of more than 32 columns, 32 are drawn with a fixed seed. If the conversion
    rounds values, the answers are compared with those for the rounded values in the old type.

    `declared` says what the model must do: give the same answers ("answer"), raise an exception
    with a message ("refuse"), or one of the two ("either"). If `declared` is "untried", nothing is
    tested and the result is None. If no column can be converted, the result is None too; with
    ``required=True``, NotTestedError is raised instead, so that the check is INCONCLUSIVE. It is
    also raised if there are no rows.
    """
    if declared == "untried":
        return None
    caller.need(1)
    table = caller.table
    columns = sample_positions(len(table.names), _COLUMNS).tolist()
    inputs = [each for i in columns if (each := table.converted(i, target)) is not None]
    if not inputs and required:
        raise NotTestedError(f"no column can be converted to {target}")
    return _altered(caller, "changed_dtype", declared, rtol, inputs) if inputs else None


def _altered(
    caller: ModelCaller,
    subject: str,
    declared: Behaviour,
    rtol: float,
    inputs: Sequence[_Variant],
) -> Outcome:
    """Call the model with altered rows, and test that it does what is `declared`.

    It must give the same answers ("answer"), raise an exception with a message ("refuse"), or one
    of the two ("either").
    """
    n = caller.n
    answered, refused = dict[str, None](), list[str]()
    for what, rows, rounded in inputs:
        for method in caller.methods:
            expected = caller.first_answer(method)
            if rounded is not None:
                before = caller.call(method, rounded)
                if before.kind != "answer":
                    caller.fail(method, before, "rounded numbers")
                expected = before.answer
            reply = caller.call(method, rows)
            if reply.kind == "raised":
                refused.append(f"given {what}, the model raised {_shortened(reply)}")
                if declared == "answer" or not reply.explained:
                    why = "expected an answer" if declared == "answer" else _unexplained(subject)
                    return Outcome(f"{refused[-1]}; {why}", n, n)
                break
            if reply.kind != "answer":
                caller.fail(method, reply, what)
            differences = caller.differences(rtol)
            wrong = differences.rows(expected, reply.answer)
            if wrong.any():
                bad = f"got a different answer and no exception when the model was given {what}"
                bad += differences.described("answer")
                return row_outcome(wrong, caller.positions, "", bad)
            # recorded now, because it is reported even if the next method refuses these rows
            answered[f"given {what}, the model gave the same answers"] = None
    text = _first_of(list(answered))
    if answered and declared == "refuse":
        return Outcome(f"{text}; expected an exception with a message", n, n)
    return Outcome("; ".join(filter(None, [text, _first_of(refused)])), 0, n)


def _first_of(texts: list[str]) -> str:
    """Return the first clause, and for how many other columns it holds; "" if there are none."""
    rest = len(texts) - 1
    more = f" (likewise for {rest:,} other column{'s' if rest > 1 else ''})" if rest else ""
    return f"{texts[0]}{more}" if texts else ""


def argmax(caller: ModelCaller, classes: tuple[object, ...]) -> Outcome:
    """Test that `predict` returns the class with the largest probability."""
    if "predict_proba" not in caller.methods:
        raise NotTestedError("the model has no `predict_proba`")
    scores, predicted = (caller.first_answer(method) for method in ("predict_proba", "predict"))
    if scores.shape[1] != len(classes):
        raise NotTestedError("the columns of `predict_proba` are not those of `classes_`")
    codes = {label: code for code, label in enumerate(classes)}
    given = np.array([codes.get(label, -1) for label in predicted.tolist()])
    # two classes may be equally probable
    wrong = (given < 0) | (scores[np.arange(caller.n), given] < scores.max(axis=1))
    good = "`predict` gives the most probable class of `predict_proba`"
    return caller.outcome(wrong, good, "got a label other than the most probable class")


# Side effects


def memory(caller: ModelCaller) -> Outcome:
    """Test that repeated calls do not use more and more memory."""
    method = caller.methods[0]
    caller.first_answer(method)
    table, names = caller.table, caller.column_names
    job = Job(method, (table.value,), phase=_PHASE, column_names=names)
    reply = caller.serve(job)[0]  # not recorded: its inputs are not compared
    if reply.kind != "answer":
        caller.fail(method, reply, "the same rows again and again")
    early, late = (np.diff(reply.answer) / _PHASE).tolist()
    calls, left = 2 * _PHASE, _LEFT + _LEFT_A_COLUMN * len(table.names)
    many = f"{calls:,} more calls of {caller.called(method)}"
    if late <= left:
        return Outcome(f"memory in use did not grow in {many}", 0, calls)
    if early <= left:
        raise NotTestedError(
            "memory in use grew in some of the calls only, so a leak is not certain"
        )
    text = f"{many} each left more than {left:,} bytes of memory in use"
    return Outcome(text, 1, calls)


def side_effects(caller: Caller, where: Literal["inputs", "state"]) -> Outcome:
    """Test that no call changed its input, or the state of the process.

    `where` says which of the two: "inputs" or "state".
    """
    if not caller.changes:
        raise NotTestedError("no call ended")
    inputs, state = zip(*caller.changes, strict=True)  # of each call
    names = {
        "inputs": tuple(dict.fromkeys(name for changed in inputs for name in changed)),
        "state": tuple(dict.fromkeys(name for changed in state for name in changed)),
    }
    calls, who = len(inputs), f"the {caller.kind}"
    violations = sum(map(bool, inputs if where == "inputs" else state))
    some = f"in {violations:,} of {calls:,} calls"
    if where == "inputs":
        text = f"none of {calls:,} calls changed the input"
        if violations:
            parts = f"the {' and '.join(names['inputs'])} of " if caller.kind == "model" else ""
            text = f"{who} changed {parts}its input {some}"
    else:
        text = f"none of {calls:,} calls changed the state of the process"
        if violations:
            what = ", ".join(names["state"])
            text = f"{who} changed the {what} of the process {some}; the gate restored the state "
            text += "after each call"
        if caller.printed:
            text += f"; {who} printed {caller.printed:,} characters, which are not shown"
    return Outcome(text, violations, calls, {"printed": caller.printed, **names})
