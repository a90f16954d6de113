"""Reproducibility: check that training a model twice gives models with the same answers."""

import inspect
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates._shared import listed
from mlgates.process_state import unset_variables, watched
from mlgates.redaction import describe
from mlgates.runtime.answers import difference_of_numbers, same_answers, undefined
from mlgates.runtime.calls import Job, Method, perform
from mlgates.tables.rows import Rows, rows_like
from mlgates.verdict import Check, Limit, Measurement

__all__ = ["Reproducibility"]

_OWNER = "Reproducibility"
_METRIC = "reproducible"
#: Rows that a report names.
_SHOWN = 10
#: A relative difference up to this may come from the order in which numbers are added.
_ROUNDING = 1e-6
#: Kinds of state that a training may draw from, as `watched` names them and as reports do.
_RANDOM = {
    "numpy random state": "the random state of numpy",
    "random state": "the random state of Python",
}
#: What environment variables fix for every process.
_SETTINGS = {
    "PYTHONHASHSEED": "the hash order of strings",
    "OMP_NUM_THREADS": "the number of threads",
}


@dataclass(frozen=True, repr=False)
class Reproducibility(Gate):
    """Check that training a model twice gives the same predictions and the same probabilities.

    Parameters
    ----------
    rtol : float
        Largest relative difference between two numbers that count as equal, from 0 to 1: the
        difference divided by the larger number.
    atol : float
        Largest absolute difference between two numbers that count as equal. A difference is allowed
        if it is within `rtol` or within `atol`. By default both are 0: the numbers must be
        identical.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    The evidence `fit` is a function without arguments that trains a model and returns it. The gate
    calls it twice, calls both models with the rows of `X`, and compares their answers: those of
    ``predict`` (or of the model itself, if it is a function) and those of ``predict_proba``, if the
    model has it. Labels and integers must be equal.

    Before the second training, the random states of Python and numpy are changed. A training that
    uses random numbers without a seed then gives another model. If the answers differ, `fit` is
    called a third time, with the random states of the first training. If the answers are then those
    of the first model, the reason names the random state that is not fixed. After each training,
    the gate restores the random states, the environment, the working directory and the other state
    of the process that `Integration` lists. Output that the training prints is not shown.

    In another process, the order of sets of strings and the number of threads can differ, and so
    can the model. This gate can't test that, because both trainings run in one process. The reason
    says so, unless the environment variables PYTHONHASHSEED and OMP_NUM_THREADS are set.

    An exception in `fit` or in a model, and an answer that is missing, NaN or infinite, is an
    ERROR. If `X` has no rows, the gate is INCONCLUSIVE, and nothing is trained.

    Examples
    --------
    >>> import numpy as np
    >>> def fit():
    ...     weights = np.random.normal(size=2)
    ...     return lambda X: X @ weights
    >>> result = Reproducibility().run(fit=fit, X=np.arange(12.0).reshape(6, 2))
    >>> print(result.checks[0].reason)
    6 of 6 rows (first at rows 0, 1, 2) got a different answer from `predict` after the second ...
    (hint: the training uses the random state of numpy without a seed)
    """

    needs: ClassVar[frozenset[str]] = frozenset({"fit", "X"})
    info = GateInfo(
        summary="training twice gives models with the same answers",
        metrics={
            "`reproducible`": "number of rows with another answer after the second training",
        },
        fewest_rows="one row",
    )
    _: KW_ONLY
    rtol: float = 0.0
    atol: float = 0.0

    def __post_init__(self) -> None:
        self._set("rtol", options.number(_OWNER, "rtol", self.rtol, at_least=0, at_most=1))
        self._set("atol", options.number(_OWNER, "atol", self.atol, at_least=0))
        super().__post_init__()

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield a check of the predictions, and one of the probabilities if the models give any."""
        fit: Any = evidence["fit"]
        _require_callable(fit)
        rows = rows_like(evidence.in_memory("X"))
        rows.require_distinct_names()
        if not rows.n:
            nothing, text = Measurement(None, n=0), "the answers were not compared"
            yield Check.judge("predict", _METRIC, nothing, Limit(at_most=0), said=text)
            return
        first = _train(fit, rows, "first")
        second = _train(fit, rows, "second", advance_rng=True)
        if first.answers.keys() != second.answers.keys():
            raise EvidenceError(
                "only one of the two models that `fit` returned has `predict_proba`"
            )
        hint = "" if self._same(first, second) else self._cause(fit, rows, first, second)
        for method, one in first.answers.items():
            yield self._compared(method, one, second.answers[method], hint)

    def note(self, evidence: Evidence) -> str:
        """Return a remark that names environment variables that are not set.

        They are PYTHONHASHSEED and OMP_NUM_THREADS. Unless they are set, `fit` can return a model
        with other answers in another process. The remark is empty if both are set.
        """
        del evidence
        unset = [f"{_SETTINGS[name]} ({name} is not set)" for name in unset_variables(_SETTINGS)]
        return f"not fixed for another process: {' and '.join(unset)}" if unset else ""

    def _compared(
        self, method: Method, one: npt.NDArray[Any], other: npt.NDArray[Any], hint: str
    ) -> Check:
        wrong = ~same_answers(one, other, self.rtol, self.atol)
        n, rows = len(one), tuple(np.flatnonzero(wrong)[:_SHOWN].tolist())
        largest, relative = (
            difference_of_numbers(one, other) if one.shape == other.shape else (0.0, 0.0)
        )
        who = f"`{method}`"
        same = "answer for the only row" if n == 1 else f"answers for all {n:,} rows"
        text = f"{who} gave the same {same} after both trainings"
        if largest and not rows:
            text += f", within the tolerance: the largest difference is {largest:.3g}"
            text += f" (relative {relative:.2g})"
        if rows:
            at = f"first at rows {listed(rows[:3])}" if len(rows) > 1 else f"row {rows[0]}"
            counted = f"{wrong.sum():,} of {n:,} rows ({at})"
            text = f"{counted} got a different answer from {who} after the second training"
            if largest:
                text += f"; the largest difference is {largest:.3g} (relative {relative:.2g})"
            elif one.shape != other.shape:
                text += f": {other.shape[1]:,} columns instead of {one.shape[1]:,}"
        measured = Measurement(
            int(wrong.sum()),
            n=n,
            method="count",
            details={"rows": rows, "largest_difference": largest, "relative_difference": relative},
        )
        return Check.judge(
            method,
            _METRIC,
            measured,
            Limit(at_most=0),
            unit="violations",
            said=text,
            hint=hint if rows else "",
        )

    def _same(self, one: "_Training", other: "_Training") -> bool:
        """Return whether two models gave the same answers."""
        return all(
            same_answers(answer, other.answers[method], self.rtol, self.atol).all()
            for method, answer in one.answers.items()
            if method in other.answers
        )

    def _cause(self, fit: Any, rows: Rows, first: "_Training", second: "_Training") -> str:
        """Train again as the first time, and return a hint at what is not fixed."""
        used = [text for name, text in _RANDOM.items() if name in first.state]
        if used and self._same(first, _train(fit, rows, "third")):
            return f"the training uses {' and '.join(used)} without a seed"
        relative = max(
            difference_of_numbers(answer, second.answers[method])[1]
            for method, answer in first.answers.items()
        )
        if 0 < relative <= _ROUNDING:
            return (
                "such small differences arise when threads add numbers in another order: use one "
                "thread (OMP_NUM_THREADS=1), or allow the differences by `rtol`"
            )
        return (
            "the shared random states of Python and numpy are not the cause; look for a generator "
            "that `fit` does not seed, training data that it changes, and threads"
        )


class _Training(NamedTuple):
    """The answers of a trained model, and what else the training changed.

    `answers` has the answers by method of the model. `state` has the names of the parts of the
    process's global state that the training changed, such as "random state".
    """

    answers: Mapping[Method, npt.NDArray[Any]]
    state: AbstractSet[str]


def _require_callable(fit: Any) -> None:
    """Raise EvidenceError unless `fit` can be called without arguments."""
    problem = "" if callable(fit) else f"got {type(fit).__name__}"
    with suppress_errors() as caught:  # a compiled function may have no signature
        signature = inspect.signature(fit) if not problem else inspect.Signature()
    if not problem and caught.error is None:
        try:
            signature.bind()
        except TypeError:
            problem = "it has parameters without a default"
    if problem:
        raise EvidenceError(f"`fit` must be callable without arguments, {problem}")


def _train(fit: Any, rows: Rows, which: str, *, advance_rng: bool = False) -> _Training:
    """Train a model and return its answers; the state of the process is restored.

    With `advance_rng`, the random states of Python and numpy are changed before. `which`
    names the training in errors: "first", "second" or "third".
    """
    names, found = frozenset(rows.names), dict[Method, npt.NDArray[Any]]()
    changed: set[str] = set()
    with watched(advance_rng=advance_rng) as watch:
        with suppress_errors() as caught:
            model = fit()
        if caught.error is not None:
            raise EvidenceError(
                f"the {which} call of `fit` raised {describe(caught.error, names)}"
            ) from caught.error
        if isinstance(model, type) or not callable(getattr(model, "predict", model)):
            got = f"the class {model.__name__}" if isinstance(model, type) else type(model).__name__
            raise EvidenceError(
                f"`fit` must return a model with `predict`, or a function, got {got}"
            )
        methods: tuple[Method, ...] = ("predict", "predict_proba")
        has_scores = hasattr(model, "predict") and callable(getattr(model, "predict_proba", None))
        for method in methods if has_scores else methods[:1]:
            reply = perform(model, Job(method, (rows.value,), column_names=names))[0]
            changed.update(reply.changed_state)
            after = f"`{method}` after the {which} training"
            if reply.kind != "answer":
                raise EvidenceError(f"{after} {reply.problem}")
            found[method] = np.asarray(reply.answer)
            if bad := int(undefined(found[method]).sum()):
                msg = f"for {bad:,} of {rows.n:,} rows, {after} gave an answer that is missing, "
                msg += "NaN or infinite"
                raise EvidenceError(msg)
    return _Training(found, changed.union(watch.changed))
