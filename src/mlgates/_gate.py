"""Gate, the frozen value that says what must hold; `gate` makes one of a function.

`run_gate` is the one place where an exception of a gate is caught.
"""

import dataclasses
import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import WRAPPER_ASSIGNMENTS
from time import perf_counter
from typing import Any, ClassVar, Literal, NoReturn, Unpack, overload

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.evidence import ROWLESS, Evidence, EvidenceNames, rows_of
from mlgates.limits import Limit, format_value
from mlgates.profile.counters import Counter
from mlgates.redaction import describe
from mlgates.report import GateResult
from mlgates.tables.source import TableSchema
from mlgates.verdict import Check, Measurement, Verdict, worst_first

__all__ = ["FunctionGate", "Gate", "blocked_result", "gate", "run_gate"]

Inconclusive = Literal["block", "allow"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Gate:
    """What must hold: a frozen value that names the evidence it needs and yields checks.

    A gate of one's own kind is a frozen dataclass that inherits from this one, names what it
    `needs` and implements `check`; a data gate says in `counts` what the scan of the table must
    count for it.

    Parameters
    ----------
    name : str, optional
        By default the kind and the first option: ``"freshness:event_time"``.
    advisory : bool
        Whether the result is shown but doesn't count.
    inconclusive : {"block", "allow"}
        "allow" forgives checks that measured something and are undecided by chance alone.
    after : str or sequence of str
        Names, kinds or patterns (``"drift*"``) of earlier gates of the suite that must pass first.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    optional_evidence: ClassVar[frozenset[str]] = frozenset()
    name: str | None = None
    advisory: bool = False
    inconclusive: Inconclusive = "block"
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kind = type(self).__name__
        self._set("name", self.default_name if self.name is None else self._checked_name())
        options.flag(kind, "advisory", self.advisory)
        options.choice(kind, "inconclusive", self.inconclusive, ("block", "allow"))
        self._set("after", options.names(kind, "after", self.after))
        # what a class of the user's own may say wrong; a run could not say so gate by gate
        options.text(kind, "kind", self.kind)
        for option, asked in {
            "needs": self.needs,
            "optional_evidence": self.optional_evidence,
        }.items():
            if not isinstance(asked, frozenset):
                raise options.refuse(kind, option, "a frozenset of names of evidence", asked)

    def _set(self, option: str, value: object) -> None:
        """Set an option to its checked form while the gate is being built."""
        object.__setattr__(self, option, value)

    def _checked_name(self) -> str:
        kind = type(self).__name__
        name = options.text(kind, "name", self.name)
        if not name.isprintable() or len(name) > 200:
            raise options.refuse(kind, "name", "printable, at most 200 characters", name)
        return name

    @property
    def kind(self) -> str:
        """What sort of gate it is: the class's name in lower case."""
        return type(self).__name__.lower()

    @property
    def default_name(self) -> str:
        """The kind, with the first option when that is a text."""
        first = next((f for f in dataclasses.fields(self) if not f.kw_only), None)
        value = None if first is None else getattr(self, first.name)
        return f"{self.kind}:{value}" if isinstance(value, str) else self.kind

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Return what the scan of `reference` must count for this gate; nothing by default."""
        del schema
        return ()

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Return what the scan of `data` must count for this gate; nothing by default."""
        del schema
        return ()

    def request_counts(self, evidence: Evidence) -> None:
        """Ask for what the scans of the tables must count for this gate."""
        evidence.request(self.counts, self.reference_counts)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks, in a fixed order; a gate that yields none is an ERROR."""
        del evidence
        return iter(())

    def note(self, evidence: Evidence) -> str:
        """Return what a reader should know beside the checks; nothing by default."""
        del evidence
        return ""

    def run(self, **evidence: Unpack[EvidenceNames]) -> GateResult:
        """Judge this gate alone; `after` has no meaning here.

        Parameters
        ----------
        **evidence
            Values by name, as in ``GateSuite.run``.

        Returns
        -------
        GateResult
            Bad values are verdicts in it.

        Raises
        ------
        EvidenceError
            For an unknown name.
        """
        given = Evidence(evidence, also=self.needs | self.optional_evidence)
        self.request_counts(given)
        return run_gate(self, given)

    def __repr__(self) -> str:
        return options.written(self, name=self.default_name)


def blocked_result(
    gate: Gate, name: str, verdict: Verdict, reason: str, checks: Iterable[Check] = ()
) -> GateResult:
    """Return the result of a gate that could not be judged further: blocked, skipped or broken.

    Parameters
    ----------
    gate : Gate
        The gate.
    name : str
        Its name in the suite.
    verdict : Verdict
        Anything but PASS.
    reason : str
        Why.
    checks : iterable of Check
        What was judged before it broke; kept.
    """
    stopped = Check(subject=name, metric=gate.kind, verdict=verdict, reason=reason)
    return GateResult(
        name=name,
        kind=gate.kind,
        checks=(*checks, stopped),
        reason=reason,
        advisory=gate.advisory,
        inconclusive=gate.inconclusive,
    )


def run_gate(gate: Gate, evidence: Evidence, name: str | None = None) -> GateResult:
    """Return what a gate finds in the evidence; whatever goes wrong inside it is its ERROR.

    Parameters
    ----------
    gate : Gate
        The gate.
    evidence : Evidence
        What the run was given.
    name : str, optional
        The gate's name in its suite; its own name by default.

    Notes
    -----
    ``KeyboardInterrupt`` and other exceptions that are no ``Exception`` propagate, save
    ``SystemExit``.
    """
    name = name or str(gate.name)
    start = perf_counter()
    checks: list[Check] = []
    try:
        missing = sorted(name for name in gate.needs if not evidence.offers(name))
        if missing:
            _refuse(evidence.lacking(missing))
        for check in gate.check(evidence):
            if type(check) is not Check:
                _refuse(f"a gate must yield Check objects, got {type(check).__name__}")
            if check.verdict is Verdict.SKIP:
                _refuse("a gate can't skip itself: only `suite.skip` does, with a reason")
            checks.append(check)
        if not checks:
            _refuse("the gate yielded no check: nothing was judged")
        note = gate.note(evidence)
        reason = "; ".join(filter(None, [_summary(checks), note]))
    except (Exception, SystemExit) as error:  # noqa: BLE001
        result = blocked_result(gate, name, Verdict.ERROR, describe(error, evidence.known), checks)
        with suppress(Exception):  # an exception whose own text or notes raise
            result = replace(result, error="".join(traceback.format_exception(error)))
        return replace(result, seconds=perf_counter() - start)
    return GateResult(
        name=name,
        kind=gate.kind,
        checks=tuple(checks),
        reason=reason,
        advisory=gate.advisory,
        inconclusive=gate.inconclusive,
        seconds=perf_counter() - start,
        note=note,
    )


def _refuse(message: str) -> NoReturn:
    raise EvidenceError(message)


def _summary(checks: list[Check]) -> str:
    """Return the worst check's reason, and how many checks did not pass."""
    held = sorted((check for check in checks if not check), key=lambda c: worst_first(c.verdict))
    if not held:
        return checks[0].reason if len(checks) == 1 else f"all {len(checks)} checks passed"
    if len(held) == 1:
        return held[0].reason
    return f"{held[0].reason} (and {len(held) - 1} more of {len(checks)} checks did not pass)"


def _signature(function: Callable[..., object]) -> tuple[str, list[inspect.Parameter]]:
    """Return how messages call a function, and its parameters, each a name of evidence."""
    what = f"gate {getattr(function, '__name__', type(function).__name__)}"
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in functions tell none
        parameters = []
        plain = False
    else:
        plain = hasattr(function, "__qualname__") and all(p.kind in named for p in parameters)
    later = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    if not plain or any(is_later(function) for is_later in later):
        allowed = "a plain function with named parameters, each a name of evidence"
        msg = f"{what}: a gate must be {allowed}"
        raise OptionError(msg)
    return what, parameters


@dataclass(frozen=True, kw_only=True, repr=False)
class FunctionGate(Gate):
    """A gate made of a function whose parameters are evidence names; `gate` makes one.

    It gets shallow copies with read-only arrays, and is not called on 0 rows: that is INCONCLUSIVE.
    """

    function: Callable[..., object]
    at_least: float | None = None
    at_most: float | None = None
    _limit: Limit | None = field(init=False, compare=False, default=None)

    def __post_init__(self) -> None:
        what, parameters = _signature(self.function)
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        for option, bound in bounds.items():
            if bound is not None:
                self._set(option, options.number(what, option, bound))
        if set(bounds.values()) != {None}:
            self._set("_limit", Limit(self.at_least, self.at_most))
        # it stands in for the function: help() shows its text, and pickle finds it by its name
        for attribute in (*WRAPPER_ASSIGNMENTS, "__wrapped__"):
            self._set(attribute, getattr(self.function, attribute, self.function))
        needs = frozenset(p.name for p in parameters if p.default is p.empty)
        self._set("needs", needs)
        self._set("optional_evidence", frozenset(p.name for p in parameters) - needs)
        super().__post_init__()

    @property
    def kind(self) -> str:
        """Always ``"function"``."""
        return "function"

    @property
    def default_name(self) -> str:
        """The function's name."""
        return self.function.__name__

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> str:
        return self.function.__qualname__

    def __repr__(self) -> str:
        return self.function.__qualname__

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the one check that the function's answer makes."""
        names = self.needs | self.optional_evidence
        given = evidence.function_arguments(sorted(names))
        sizes = [rows_of(value) for name, value in given.items() if name not in ROWLESS]
        nothing = bool(names) and not given  # all that it asks for has a default
        rows = min((size for size in sizes if size is not None), default=0 if nothing else 1)
        if rows == 0:
            answer: object = Measurement(None, n=0)
        else:
            answer = self.function(**given)
        measurement, limit = self._read(answer, rows)
        yield Check.judge(
            self.default_name,
            "value",
            measurement,
            limit,
            unit="violations" if self._limit is None else "",
            said=self._said(measurement),
        )

    def _said(self, measurement: Measurement) -> str:
        told = (self.function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        told = told or f"`{self.default_name}`"
        n, value = measurement.n, measurement.value
        if self._limit is None and n == 0:  # of nothing, nothing holds
            value = None
        if self._limit is None and value is not None:
            return f"{told}: {'does not hold' if value else 'holds'}"
        return f"{told}: {format_value(value, self._limit or Limit(at_most=0))} (n = {n:,})"

    def _read(self, answer: Any, rows: int) -> tuple[Measurement, Limit]:
        """Return a measurement and its limit for an answer; a bool counts violations, at most 0."""
        if getattr(answer, "shape", None) == ():
            answer = answer.item()
        if isinstance(answer, bool) and self._limit is None:
            return Measurement(int(not answer), n=rows, method="function"), Limit(at_most=0)
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            answer = Measurement(answer, n=rows, method="function")
        if isinstance(answer, Measurement):
            if self._limit is None and answer.n:
                _refuse(
                    "the function returned a number, but the gate has no limit: "
                    "give `at_least` or `at_most`"
                )
            return answer, self._limit or Limit(at_most=0)
        wanted = "a bool" if self._limit is None else "a number (the gate has a limit)"
        msg = f"the function must return {wanted} or a Measurement, got {type(answer).__name__}"
        if rows_of(answer) is not None:
            msg += "; one answer is wanted, not one a row: .all() or .mean() may be missing"
        raise EvidenceError(msg)


@overload
def gate(function: Callable[..., object], /) -> FunctionGate: ...
@overload
def gate(
    *,
    at_least: float | None = ...,
    at_most: float | None = ...,
    name: str | None = ...,
    advisory: bool = ...,
    inconclusive: Inconclusive = ...,
    after: str | tuple[str, ...] = ...,
) -> Callable[[Callable[..., object]], FunctionGate]: ...


def gate(
    function: Any = None, /, **given: Any
) -> FunctionGate | Callable[[Callable[..., object]], FunctionGate]:
    """Make a gate of a function whose parameters are names of evidence.

    The function returns a bool (it holds or not), a number (judged by the limit given here) or a
    `Measurement`. The decorated function is a gate and can still be called.

    Parameters
    ----------
    at_least, at_most : float, optional
        The inclusive limit for a number.
    name, advisory, inconclusive, after
        As in `Gate`.

    Examples
    --------
    >>> @gate(at_least=0.05)
    ... def positive_rate(y_true):
    ...     \"\"\"Share of positive labels.\"\"\"
    ...     return sum(y_true) / len(y_true)
    >>> positive_rate.run(y_true=[0, 0, 0, 1]).verdict
    <Verdict.PASS: 'pass'>
    >>> positive_rate([0, 1])
    0.5
    """
    if function is None:
        return lambda f: FunctionGate(function=f, **given)
    if not callable(function):
        owner = "gate"
        raise options.refuse(owner, "function", "a function; options are given by name", function)
    return FunctionGate(function=function, **given)
