"""Integration: a model works within the application, whatever it is given and however it runs."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar

from mlgates import options
from mlgates._gate import Gate, GateInfo
from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence
from mlgates.gates.integration.application import ApplicationTrial, application_properties
from mlgates.gates.integration.behaviour import behaviours, column_order, one_row
from mlgates.gates.integration.golden import golden, round_trip
from mlgates.gates.integration.model import (
    afterwards,
    concurrency,
    forms,
    independence,
    known_classes,
    memory,
    repetition,
)
from mlgates.gates.integration.trial import Behaviour, Property, Trial, drawn, judged, purity
from mlgates.options import Duration, seconds
from mlgates.runtime.calls import Method
from mlgates.runtime.process import Apart, Here, Host, Live
from mlgates.tables.rows import rows_like
from mlgates.verdict import Check

__all__ = ["Integration"]

_OWNER = "Integration"
_BEHAVIOURS = ("either", "answer", "refuse", "untried")
_NAMED = "two functions that save and load, as they are or as 'module:function'"


@dataclass(frozen=True, repr=False)
class Integration(Gate):
    """A model answers as an application needs it: each property that this takes is a check.

    Parameters
    ----------
    deterministic : bool
        Whether the same rows must get the same answers again, at once and after all other calls.
    row_independent : bool
        Whether a row must get the same answer alone, in a batch, and in whatever order of rows.
    pure : bool
        Whether a call may change neither its input nor the state of the process: error states and
        random states of numpy, random numbers of Python, environment, working directory, locale,
        filters of warnings, decimal context, module search path, recursion limit, root logger,
        garbage collector, standard streams. What is changed is put back in any case. Nor may calls
        with the same rows go on leaving memory of Python or numpy in use.
    thread_safe : bool
        Whether calls from several threads at the same time must give what serial calls give.
    rtol : float
        Largest relative difference of two numbers that count as the same; labels and integers
        must be equal. A difference that rounding of the largest answer explains is forgiven.
    empty, missing, unseen, column_order : {"either", "answer", "refuse", "untried"}
        What is declared for a table without rows, for a missing value in each column, for a
        category that was never seen in each column of texts, and for columns in another order:
        an answer (one finite answer a row, for columns the same one), a refusal (an exception
        with a message), either of them, or that it is not tried.
    round_trip : (save, load), optional
        Functions that can be imported, called as ``save(model, path)`` and ``load(path)``, or
        their names as in ``("joblib:dump", "joblib:load")``. The model that `load` gives in a
        fresh process must give the same answers. They are kept as names.
    timeout : str, timedelta or float, optional
        Longest time of one call. With it the model runs in a process of its own, so that a hang, a
        crash or an exit is an ERROR of the property that was tried, and the rest goes on.
    rows : int
        How many rows are tried at most; a sample of `X`, drawn with a fixed seed.
    name, advisory, inconclusive, after
        As in `Gate`.

    Notes
    -----
    Needs `model` and `X` (or `golden_X` in its place), or `application` with `golden_X` as raw
    requests and `golden_pred` as their responses; or both. With `golden_X` and `golden_pred` the
    model's answers to known rows are held to known answers.

    An exception, a hang, an answer of wrong length or form, and one that is NaN or infinite where
    an answer is due is an ERROR; a property that does not hold is a FAIL. What could not be tried
    because another property broke first is INCONCLUSIVE.

    Without `timeout` the model is called in this process, and nothing can stop it from ending the
    process by ``os._exit`` or by a crash of compiled code.

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
    6 of 6 rows (first 0, 1, 2) got another answer alone than in a batch of 6
    the model changed its input (cells) in 31 of 31 calls
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    optional_evidence: ClassVar[frozenset[str]] = frozenset(
        {"model", "X", "golden_X", "golden_pred", "application"}
    )
    info = GateInfo(
        summary="the model keeps what an application takes for granted: same twice, row by row, "
        "after loading",
        metrics={"names of properties": "*holds* or *violated*"},
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
    round_trip: tuple[str | Callable[..., Any], str | Callable[..., Any]] | None = None
    timeout: Duration | None = None
    rows: int = 256

    def __post_init__(self) -> None:
        for option in ("deterministic", "row_independent", "pure", "thread_safe"):
            options.flag(_OWNER, option, getattr(self, option))
        self._set("rtol", options.number(_OWNER, "rtol", self.rtol, at_least=0, at_most=1))
        for option in ("empty", "missing", "unseen", "column_order"):
            options.choice(_OWNER, option, getattr(self, option), _BEHAVIOURS)
        if self.round_trip is not None:
            self._set("round_trip", _names(self.round_trip))
        if self.timeout is not None:
            self._set("timeout", options.duration(_OWNER, "timeout", self.timeout))
        options.count(_OWNER, "rows", self.rows, at_least=1)
        super().__post_init__()

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield a check for each property of the model, then of the application."""
        _enough(evidence)
        apart = "application" in evidence
        if "model" in evidence:
            yield from self._of_model(evidence, pairs=not apart)
        if apart:
            group = "application" if "model" in evidence else None
            for check in self._of_application(evidence):
                yield replace(check, group=group)

    def note(self, evidence: Evidence) -> str:
        """Return what was to be tried, but can't be with this kind of rows."""
        if "model" not in evidence:
            return ""
        rows = rows_like(evidence["X" if "X" in evidence else "golden_X"])
        if not rows.n:
            return ""
        gaps = []
        if self.missing == "either" and not rows.names:
            gaps.append("a missing value, as rows have no columns")
        if self.unseen == "either" and not any(map(rows.is_text, range(len(rows.names)))):
            gaps.append("an unseen category, as no column holds texts")
        if self.column_order != "untried" and not (rows.named and len(rows.names) > 1):
            gaps.append("another order of columns, as these have no names")
        return f"not tried: {'; '.join(gaps)}" if gaps else ""

    def _host(self, model: object) -> Host:
        limit = self._seconds
        return Here(model) if limit is None else Apart(Live(model), limit)

    @property
    def _seconds(self) -> float | None:
        return None if self.timeout is None else seconds(self.timeout)

    def _of_model(self, evidence: Evidence, *, pairs: bool) -> Iterator[Check]:
        model: Any = evidence["model"]
        methods = _methods(model)
        rows = rows_like(evidence["X" if "X" in evidence else "golden_X"])
        if len(set(rows.names)) < len(rows.names):
            twice = next(name for name in rows.names if rows.names.count(name) > 1)
            msg = f"two columns of the rows given to the model are named {twice!r}"
            raise EvidenceError(msg)
        host = self._host(model)
        plain = not hasattr(model, "predict")
        try:
            trial = Trial(host, rows, drawn(rows.n, self.rows), methods, plain=plain)
            yield from judged(list(self._properties(trial, model, evidence, pairs=pairs)))
        finally:
            host.close()

    def _properties(
        self, trial: Trial, model: object, evidence: Evidence, *, pairs: bool
    ) -> Iterator[Property]:
        yield from forms(trial, known_classes(model))
        if self.deterministic:
            yield repetition(trial, self.rtol)
        if self.row_independent:
            yield from independence(trial, self.rtol)
        yield one_row(trial)
        yield from behaviours(trial, empty=self.empty, missing=self.missing, unseen=self.unseen)
        columns = column_order(trial, self.column_order, self.rtol)
        if columns is not None:
            yield columns
        if pairs and "golden_pred" in evidence:
            yield golden(trial, evidence["golden_X"], evidence["golden_pred"], self.rtol)
        if self.thread_safe:
            yield concurrency(trial, self.rtol)
        if self.round_trip is not None:
            names: Any = self.round_trip
            yield round_trip(trial, model, names, self._seconds, self.rtol)
        if self.deterministic:
            yield afterwards(trial, self.rtol)
        if self.pure:
            yield memory(trial)
            yield from purity(trial.tally, "the model")

    def _of_application(self, evidence: Evidence) -> Iterator[Check]:
        host = self._host(evidence["application"])
        requests, responses = evidence["golden_X"], evidence["golden_pred"]
        try:
            trial = ApplicationTrial(host, requests, responses, self.rows)
            yield from judged(
                list(
                    application_properties(
                        trial,
                        self.rtol,
                        deterministic=self.deterministic,
                        thread_safe=self.thread_safe,
                        pure=self.pure,
                    )
                )
            )
        finally:
            host.close()


def _enough(evidence: Evidence) -> None:
    """Raise unless a model or an application was given with what it is tried on."""
    given = {name for name in ("model", "X", "golden_X", "golden_pred") if name in evidence}
    lacks = ""
    if "application" in evidence:
        if not {"golden_X", "golden_pred"} <= given:
            lacks = "`application` needs `golden_X` (requests) and `golden_pred` (responses)"
        elif not callable(evidence["application"]):
            kind = type(evidence["application"]).__name__
            lacks = f"`application` must be callable, got {kind}"
        elif "model" in given and "X" not in given:
            lacks = "with `application`, `golden_X` is for it; `model` needs `X`"
    elif "model" not in given:
        lacks = "needs `model` and `X`, or `application`, `golden_X` and `golden_pred`"
    elif not given & {"X", "golden_X"}:
        lacks = evidence.lacking(["X"])
    elif ("golden_X" in given) != ("golden_pred" in given):
        lacks = "`golden_X` and `golden_pred` go together; only one of them was given"
    if lacks:
        raise EvidenceError(lacks)


def _methods(model: Any) -> tuple[Method, ...]:
    """Return what can be asked of a model."""
    if not callable(getattr(model, "predict", model)):
        msg = f"`model` must have `predict` or be callable, got {type(model).__name__}"
        raise EvidenceError(msg)
    both = hasattr(model, "predict") and callable(getattr(model, "predict_proba", None))
    return ("predict", "predict_proba") if both else ("predict",)


def _names(given: Any) -> tuple[str, str]:
    """Return the names by which a pair of functions can be imported elsewhere."""
    pair = tuple(given) if isinstance(given, tuple | list) else ()
    if len(pair) != 2:
        raise options.refuse(_OWNER, "round_trip", _NAMED, given)
    save, load = (_name(item, given) for item in pair)
    return save, load


def _name(item: Any, given: object) -> str:
    if isinstance(item, str):
        module, _, path = item.partition(":")
        if all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
            return item
        raise options.refuse(_OWNER, "round_trip", _NAMED, given)
    module, path = (str(getattr(item, name, "")) for name in ("__module__", "__qualname__"))
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if not callable(item) or found is not item or module == "__main__":
        hint = "; a fresh process must be able to import them: define them in a module"
        raise options.refuse(_OWNER, "round_trip", _NAMED, given, hint)
    return f"{module}:{path}"
