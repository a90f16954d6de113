"""Integration: check that a model or an application answers calls as its callers expect."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any, ClassVar, cast

import numpy as np

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError, suppress_errors
from mlgates.evidence import Evidence
from mlgates.gates.integration import properties as test
from mlgates.gates.integration.caller import ApplicationCaller, Caller, ModelCaller, run_test
from mlgates.gates.integration.properties import Behaviour
from mlgates.options import Duration, seconds
from mlgates.progress import Progress, show_progress
from mlgates.runtime.calls import Job, Reply
from mlgates.runtime.process import Serve, by_name, served
from mlgates.tables.retyping import TARGETS, Target
from mlgates.tables.rows import rows_like
from mlgates.verdict import Check

__all__ = ["Integration"]

_OWNER = "Integration"
_BEHAVIOURS = ("either", "answer", "refuse", "untried")
_ALTERED = ("missing_column", "extra_column")
_NAMED = "two functions, `save` and `load`, or their names as 'module:function'"


@dataclass(frozen=True, repr=False)
class Integration(Gate):
    """Check that a model or an application answers calls as its callers expect.

    The gate tests one property after another. Each property has its own check, and its value is the
    number of violations.

    Parameters
    ----------
    deterministic : bool
        Whether the same rows must get the same answers again, both immediately and after the other
        tests.
    row_independent : bool
        Whether a row must get the same answer alone, in a batch, and in a batch with another order
        of rows.
    pure : bool
        Whether calls must leave their input and the state of the process unchanged. The state is:
        error state and random state of numpy, random state of Python, environment, working
        directory, locale, warnings filters, decimal context, module search path, recursion limit,
        root logger, garbage collector, standard streams. The gate restores the state in any case.
        If true, repeated calls must also not use more and more memory of Python or numpy.
    thread_safe : bool
        Whether calls from several threads at the same time must get the same answers as calls one
        after another.
    rtol : float
        Largest relative difference between two numbers that count as the same answer. A difference
        within the rounding error of the largest answer is allowed too. Labels and integers must be
        equal.
    empty, missing, unseen, column_order : {"either", "answer", "refuse", "untried"}
        Expected behaviour for a table without rows, for a missing value in each column, for an
        unseen category in each column of strings, and for columns in another order. "answer": one
        finite answer per row is expected; for columns in another order, the same answer. "refuse":
        an exception with a message is expected, other than `MemoryError`, `RecursionError` or
        `SystemExit`. "either": both are allowed. "untried": the test is left out.
    missing_column, extra_column : {"untried", "either", "answer", "refuse"}
        Expected behaviour for rows without one of their columns (up to 32 columns are left out, one
        after another), and with an additional column. "answer": the same answers as for the
        unchanged rows are expected. The other values are as above.
    changed_dtype : {"untried", "either", "answer", "refuse"} or mapping
        Expected behaviour if values are given in another type: "text" (numbers, bools, times and
        categories as strings), "float" (whole numbers as floats), "float32" (floats of 64 bits,
        rounded, as floats of 32 bits) or "int" (bools as 0 and 1). In a table, up to 32 columns are
        converted, one after another. An array is converted as a whole. A mapping, such as
        ``{"text": "refuse", "float": "answer"}``, has a behaviour for each type. Types that are
        not in the mapping are not tested. The behaviours mean the same as for `missing_column`.
    predict_is_argmax : bool
        Whether ``predict`` must return the class with the largest probability. Leave it False for a
        model that predicts by its own threshold.
    round_trip : (save, load), optional
        Two functions that save and load a model: ``save(model, path)`` is called in this process
        and ``load(path)`` in a new one. The loaded model must give the same answers. The functions
        must be importable; their names can be given instead, as in ``("joblib:dump",
        "joblib:load")``.
    timeout : str, timedelta or float, optional
        Longest allowed duration of one call, such as "5s"; a number means seconds. If it is given,
        the model runs in a child process. A hang, a crash or an exit of the process is then an
        ERROR of one property, and the other properties are still tested. By default there is no
        time limit, and the model runs in this process.
    rows : int
        Largest number of rows to test with. If `X` has more rows, a sample is drawn with a fixed
        seed.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    To test a model, give `model` and `X` (or `golden_X` instead of `X`). To test an application,
    give `application`, `golden_X` (the requests) and `golden_pred` (the expected responses). Both
    can be tested in one run. If `golden_X` and `golden_pred` are given for a model, its answers to
    the rows of `golden_X` must be those in `golden_pred`.

    A property that does not hold is a FAIL. In the tests with an expected behaviour (`empty` to
    `changed_dtype`), this includes an exception where "answer" is expected, and an answer where
    "refuse" is expected. An exception for unchanged rows is an ERROR, except in the test of
    `thread_safe`, where it is a FAIL. A hang, an answer of a wrong length or form, and a NaN or
    infinite answer are an ERROR. A property that can't be tested because another one does not hold
    is INCONCLUSIVE.

    Without `timeout`, this process ends if the model calls ``os._exit`` or if its compiled code
    crashes.

    Examples
    --------
    >>> import numpy as np
    >>> def model(X):
    ...     X -= X.mean(axis=0)
    ...     return X.sum(axis=1)
    >>> gate = Integration(empty="untried", missing="untried")
    >>> result = gate.run(model=model, X=np.arange(12.0).reshape(6, 2))
    >>> for check in result.checks:
    ...     if not check:
    ...         print(check.reason)
    6 of 6 rows (first at rows 0, 1, 2) got a different answer alone than in a batch of 6; ...
    the model changed the cells of its input in 31 of 31 calls
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {"model", "X", "golden_X", "golden_pred", "application"}
    )
    info = GateInfo(
        summary="an application can use the model: it gives the same answers when it is called "
        "again, with single rows, and after saving and loading",
        metrics={"names of properties": "*holds* or *violated*, or a number of violations"},
        fewest_rows="one row",
        needs="`model` and `X`, or `application`, `golden_X` and `golden_pred`",
        uses="with a model also `golden_X` and `golden_pred`",
    )
    _: KW_ONLY
    deterministic: bool = True
    row_independent: bool = True
    pure: bool = True
    thread_safe: bool = True
    rtol: float = 1e-6
    empty: Behaviour = "either"
    missing: Behaviour = "either"
    unseen: Behaviour = "either"
    column_order: Behaviour = "either"
    missing_column: Behaviour = "untried"
    extra_column: Behaviour = "untried"
    changed_dtype: Behaviour | Mapping[str, Behaviour] | tuple[tuple[str, Behaviour], ...] = field(
        default="untried", metadata={"mapping": True}
    )
    predict_is_argmax: bool = False
    round_trip: tuple[str | Callable[..., Any], str | Callable[..., Any]] | None = None
    timeout: Duration | None = None
    rows: int = 256

    def __post_init__(self) -> None:
        flags = ("deterministic", "row_independent", "pure", "thread_safe", "predict_is_argmax")
        for option in flags:
            options.flag(_OWNER, option, getattr(self, option))
        self._set("rtol", options.number(_OWNER, "rtol", self.rtol, at_least=0, at_most=1))
        for option in ("empty", "missing", "unseen", "column_order", *_ALTERED):
            options.choice(_OWNER, option, getattr(self, option), _BEHAVIOURS)
        self._convert("changed_dtype", _by_target)
        if self.round_trip is not None:
            self._set("round_trip", _function_names(self.round_trip))
        if self.timeout is not None:
            self._set("timeout", options.duration(_OWNER, "timeout", self.timeout))
        options.count(_OWNER, "rows", self.rows, at_least=1)
        super().__post_init__()

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield a check for each tested property of the model, and then of the application.

        For example, one property is that the same input gets the same answer again.
        """
        _require_evidence(evidence)
        with show_progress(None, unit="call", shown=evidence.progress) as shown:
            shown.describe(str(self.name))
            for check in self._checks(evidence, shown):
                shown.describe(f"{self.name}, {check.subject} tested")
                yield check

    def _checks(self, evidence: Evidence, shown: Progress) -> Iterator[Check]:
        if "model" in evidence:
            yield from self._model_checks(evidence, shown)
        if "application" in evidence:
            group = "application" if "model" in evidence else None
            with served(evidence["application"], self._seconds) as serve:
                requests, responses = evidence["golden_X"], evidence["golden_pred"]
                counted = _counted(serve, shown)
                caller = ApplicationCaller(counted, requests, responses, self.rows)
                for check in self._application_checks(caller):
                    yield replace(check, group=group)

    def note(self, evidence: Evidence) -> str:
        """Return a remark that names the properties that can't be tested on the given rows."""
        if "model" not in evidence:
            return ""
        rows = rows_like(evidence.in_memory("X" if "X" in evidence else "golden_X"))
        if not rows.n:
            return ""
        gaps = []
        if self.missing == "either" and not rows.names:
            gaps.append("a missing value, because the input is not a table with columns")
        if self.unseen == "either" and not any(map(rows.is_text, range(len(rows.names)))):
            gaps.append("an unseen category, because there is no column of strings")
        if self.column_order != "untried" and not (rows.named and len(rows.names) > 1):
            gaps.append("another order of columns, which needs two or more columns with names")
        return f"not tested: {', '.join(gaps)}" if gaps else ""

    @property
    def _seconds(self) -> float | None:
        return None if self.timeout is None else seconds(self.timeout)

    def _model_checks(self, evidence: Evidence, shown: Progress) -> Iterator[Check]:
        model: Any = evidence["model"]
        if not callable(getattr(model, "predict", model)):
            raise EvidenceError(
                f"`model` must have `predict` or be callable, got {type(model).__name__}"
            )
        rows = rows_like(evidence.in_memory("X" if "X" in evidence else "golden_X"))
        rows.require_distinct_names()
        classes, rtol, check = _classes(model), self.rtol, run_test
        with served(model, self._seconds) as serve:
            caller = ModelCaller(_counted(serve, shown), model, rows, self.rows)
            for method in caller.methods:
                yield from check("output", method, test.output, caller, method, classes)
            for method in caller.methods:
                yield from check("finite", method, test.finite, caller, method)
            if classes is not None:
                yield from check("output", "labels", test.labels, caller, classes)
            if "predict_proba" in caller.methods:
                yield from check("probabilities", "range", test.probability_range, caller)
                yield from check("probabilities", "sum", test.probability_sum, caller)
            if self.deterministic:
                yield from check("deterministic", "repeat", test.repeated, caller, rtol)
            if self.row_independent:
                yield from check("row_independent", "single_rows", test.single_rows, caller, rtol)
                yield from check("row_independent", "order", test.order, caller, rtol)
            yield from check("one_row", "output", test.one_row, caller)
            yield from check("empty", "behaviour", test.empty_table, caller, self.empty)
            for subject, declared in (("missing", self.missing), ("unseen", self.unseen)):
                yield from check(subject, "behaviour", test.odd_cells, caller, subject, declared)
            declared, reordered = self.column_order, test.reordered_columns
            yield from check("column_order", "behaviour", reordered, caller, declared, rtol)
            for subject in _ALTERED:
                altered, declared = test.altered_columns, getattr(self, subject)
                yield from check(subject, "behaviour", altered, caller, subject, declared, rtol)
            yield from self._type_checks(caller)
            if self.predict_is_argmax:
                yield from check("predict_is_argmax", "labels", test.argmax, caller, classes or ())
            if "golden_pred" in evidence and "application" not in evidence:
                given = evidence.in_memory("golden_X"), evidence["golden_pred"]
                yield from check("golden", "predictions", test.golden_answers, caller, *given, rtol)
            if self.thread_safe:
                yield from check("thread_safe", "concurrent_calls", test.concurrent, caller, rtol)
            if self.round_trip is not None:
                save, load = (str(name) for name in self.round_trip)
                what = (model, (save, load), self._seconds, rtol)
                yield from check("round_trip", "predictions", test.round_trip, caller, *what)
            if self.deterministic:
                yield from check("deterministic", "afterwards", test.at_end, caller, rtol)
            if self.pure:
                yield from check("pure", "memory", test.memory, caller)
                yield from _purity_checks(caller)

    def _type_checks(self, caller: ModelCaller) -> Iterator[Check]:
        """Yield a check for each type to which columns are converted."""
        declared = self.changed_dtype
        pairs = [(target, declared) for target in TARGETS]
        if isinstance(declared, tuple):
            pairs = list(declared)  # type: ignore[arg-type]
        for target, behaviour in cast("list[tuple[Target, Behaviour]]", pairs):
            asked = caller, target, behaviour, self.rtol
            required = target == "text" or isinstance(declared, tuple)
            yield from run_test(
                "changed_dtype", target, test.changed_types, *asked, required=required
            )

    def _application_checks(self, caller: ApplicationCaller) -> Iterator[Check]:
        rtol, check = self.rtol, run_test
        yield from check("output", "responses", test.output_responses, caller)
        yield from check("finite", "responses", test.finite_responses, caller)
        yield from check("golden", "responses", test.golden_responses, caller, rtol)
        if self.deterministic:
            yield from check("deterministic", "repeat", test.repeated, caller, rtol)
        if self.thread_safe:
            yield from check("thread_safe", "concurrent_calls", test.concurrent, caller, rtol)
        if self.pure:
            yield from _purity_checks(caller)


def _counted(serve: Serve, shown: Progress) -> Serve:
    """Wrap `serve` so that the progress bar advances by one step after each job.

    A job is a set of calls of one method.
    """

    def counted(job: Job) -> list[Reply]:
        replies = serve(job)
        shown.step()
        return replies

    return counted


def _purity_checks(caller: Caller) -> Iterator[Check]:
    yield from run_test("pure", "inputs", test.side_effects, caller, "inputs")
    yield from run_test("pure", "global_state", test.side_effects, caller, "state")


def _require_evidence(evidence: Evidence) -> None:
    """Raise unless a model or an application was given with the rows or requests to test it on."""
    given = {name for name in ("model", "X", "golden_X", "golden_pred") if name in evidence}
    problem = ""
    if "application" in evidence:
        if not {"golden_X", "golden_pred"} <= given:
            problem = "`application` needs `golden_X` (requests) and `golden_pred` (responses)"
        elif not callable(evidence["application"]):
            kind = type(evidence["application"]).__name__
            problem = f"`application` must be callable, got {kind}"
        elif "model" in given and "X" not in given:
            problem = "`model` needs `X`, because `golden_X` has the requests of `application`"
    elif "model" not in given:
        problem = "the gate needs `model` and `X`, or `application`, `golden_X` and `golden_pred`"
    elif not given & {"X", "golden_X"}:
        problem = evidence.lacking(["X"])
    elif ("golden_X" in given) != ("golden_pred" in given):
        problem = "`golden_X` and `golden_pred` must be given together"
    if problem:
        raise EvidenceError(problem)


def _classes(model: object) -> tuple[object, ...] | None:
    """Return the labels in `classes_` of a model; None when they can't be read."""
    with suppress_errors():  # a property of the user's model can raise anything
        classes = np.asarray(getattr(model, "classes_", None))
        return tuple(classes.tolist()) if classes.ndim == 1 and len(classes) else None
    return None


def _by_target(owner: str, option: str, given: Any) -> str | tuple[tuple[str, str], ...]:
    """Return the expected behaviour for all types of columns, or pairs of a type and behaviour.

    OptionError is raised for any other value. `owner` and `option` are the names of the gate and of
    the option, for the message.
    """
    if not isinstance(given, Mapping | tuple):
        return options.choice(owner, option, given, _BEHAVIOURS)
    words, types = (", ".join(map(repr, names)) for names in (_BEHAVIOURS, TARGETS))
    allowed = f"one of {words}, or a mapping of one or more types ({types}) to these words"
    pairs = options.mapping(owner, option, given, allowed)
    for target in pairs:
        if target not in TARGETS:
            near = options.did_you_mean(target, TARGETS)
            raise options.refuse(owner, option, allowed, given, near)
    if not pairs:
        raise options.refuse(owner, option, allowed, given)
    return tuple(
        (target, options.choice(owner, f"{option}[{target!r}]", each, _BEHAVIOURS))
        for target, each in pairs.items()
    )


def _function_names(given: Any) -> tuple[str, str]:
    """Return two functions as names that another process can import, or raise OptionError."""
    names, hint = [], ""
    for item in given if isinstance(given, tuple | list) and len(given) == 2 else ():
        name = item
        if not isinstance(item, str):
            parts = (getattr(item, part, "") for part in ("__module__", "__qualname__"))
            name, function = ":".join(map(str, parts)), None
            with suppress(EvidenceError):
                function = by_name(name)
            if function is not item or name.startswith("__main__:"):
                hint = "; define them in a module, so that a new process can import them"
                break
        module, _, path = name.partition(":")
        if all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
            names.append(name)
    if len(names) != 2:
        raise options.refuse(_OWNER, "round_trip", _NAMED, given, hint)
    return names[0], names[1]
