"""Gates: the base class `Gate`, the decorator `gate`, and the function `run_gate`.

A gate is a rule that data or a model must satisfy. If a gate raises an exception, `run_gate` gives
it the verdict ERROR.
"""

import dataclasses
import inspect
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import WRAPPER_ASSIGNMENTS, partial
from time import perf_counter
from typing import Any, ClassVar, Literal, Never, NoReturn, Unpack, overload

import numpy as np
import numpy.typing as npt

from mlgates import options
from mlgates.errors import EvidenceError, MlgatesError, OptionError, suppress_errors
from mlgates.evidence import ALIGNED, Evidence, EvidenceNames, rows_of
from mlgates.profile.counter import Counter
from mlgates.redaction import describe
from mlgates.report import GateResult, plain_metadata, severity
from mlgates.tables.containers import kind_of
from mlgates.tables.field import TableSchema
from mlgates.verdict import (
    RULES,
    UNITS,
    Check,
    Limit,
    Measurement,
    Rule,
    Unit,
    Verdict,
    format_measurement,
)

__all__ = [
    "FunctionGate",
    "Gate",
    "GateInfo",
    "Positions",
    "blocked_result",
    "gate",
    "reason_of",
    "run_gate",
]

Inconclusive = Literal["block", "allow"]
Positions = npt.NDArray[np.int64]
#: Row numbers of a measurement that a reason names.
_SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class GateInfo:
    """The description of a gate in the tables of the documentation, as strings in Markdown.

    The command ``nox -s register`` writes the tables. Gates with equal strings share a row of a
    table.

    Parameters
    ----------
    summary : str
        What the gate checks.
    metrics : mapping of str to str
        Names of metrics, such as ``"`age`, `gap`"``, and the meaning of their values.
    fewest_rows : str
        How many rows the gate requires by default, in words.
    allowed : str
        Which INCONCLUSIVE checks do not block a release if the gate has the option
        ``inconclusive="allow"``. By default there are none.
    rule : str
        How the gate decides, such as "estimate" or "significance", if it has no option `decide_by`.
    needs, uses : str
        The arguments of `run` that the gate requires, and those that it uses if they are given. By
        default these are the names in `Gate.needs` and in `Gate.optional_evidence`.
    """

    summary: str
    metrics: Mapping[str, str]
    fewest_rows: str
    allowed: str = "none: no check of these gates is undecided by chance"
    rule: str = "estimate"
    needs: str = ""
    uses: str = ""


@dataclass(frozen=True, kw_only=True, repr=False)
class Gate(options.OptionsByName):
    """Base class of gates: a gate compares measurements of data or of a model with limits.

    A new kind of gate is a frozen dataclass that inherits from this class. It implements `check`,
    which yields one `Check` for each comparison with a limit. The class attribute `needs` has the
    names of the arguments of `run` that the gate requires, such as ``"data"``, and
    `optional_evidence` the names of those that it uses if they are given. A gate that reads the
    table `data` also implements `counts`. This method returns counters: objects that count
    something in a table, such as missing cells, while the table is read once for all gates.

    Parameters
    ----------
    name : str, optional
        Name of the gate. By default it is the kind (`kind`) and the first option, such as
        ``"freshness:event_time"``.
    advisory : bool
        If true, the result is shown, but a suite ignores it in its verdict.
    inconclusive : {"block", "allow"}
        Whether an INCONCLUSIVE check blocks the release. With "allow", it does not if it is
        INCONCLUSIVE only because more rows are needed to decide: the confidence interval contains
        the limit, or the p-value is too large. Other INCONCLUSIVE checks always block.
    after : str or sequence of str
        Earlier gates in the suite that must pass before this gate runs, by name, by kind
        (``"drift"``) or by a name with wildcards (``"drift*"``). If one of them does not pass, this
        gate does not run and is INCONCLUSIVE.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    optional_evidence: ClassVar[frozenset[str]] = frozenset()
    info: ClassVar[GateInfo | None] = None
    name: str | None = None
    advisory: bool = False
    inconclusive: Inconclusive = "block"
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kind = type(self).__name__
        name = self.default_name if self.name is None else options.text(kind, "name", self.name)
        if self.name is not None and (not name.isprintable() or len(name) > 200):
            raise options.refuse(kind, "name", "printable, at most 200 characters", name)
        self._set("name", name)
        options.flag(kind, "advisory", self.advisory)
        options.choice(kind, "inconclusive", self.inconclusive, ("block", "allow"))
        self._set("after", options.names(kind, "after", self.after))
        # a user's class may declare these with a wrong type
        options.text(kind, "kind", self.kind)
        for option, names in (("needs", self.needs), ("optional_evidence", self.optional_evidence)):
            if not isinstance(names, frozenset):
                raise options.refuse(kind, option, "a frozenset of evidence names", names)

    def _set(self, option: str, value: object) -> None:
        """Set an option while the gate, a frozen dataclass, is created."""
        object.__setattr__(self, option, value)

    def _convert(
        self, option: str, plain: Callable[..., object], *args: object, **bounds: object
    ) -> None:
        """Replace the value of an option by the value that the function `plain` returns.

        `plain` checks and converts a value, like the functions in `options`. It is called with the
        name of the class, the name of the option, its value, `args` and `bounds`. An option that is
        None, and None by default, is left as it is.
        """
        given = getattr(self, option)
        if given is not None or getattr(type(self), option, ...) is not None:
            self._set(option, plain(type(self).__name__, option, given, *args, **bounds))

    @property
    def kind(self) -> str:
        """The name of the class in snake case, such as ``"multivariate_drift"``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def default_name(self) -> str:
        """The kind of the gate, and the first option if it is a string.

        For example ``"freshness:event_time"``.
        """
        first = next((f for f in dataclasses.fields(self) if not f.kw_only), None)
        value = None if first is None else getattr(self, first.name)
        return f"{self.kind}:{value}" if isinstance(value, str) else self.kind

    def missing_evidence(self, evidence: Evidence) -> list[str]:
        """Return the sorted names of the arguments of `run` that the gate needs and does not get.

        These are the arguments that were not given and that no given model can compute. For
        example, a model can compute `y_pred`.
        """
        return sorted(name for name in self.needs if not evidence.offers(name))

    def reference_counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Return what to count in the table `reference` for this gate, such as the missing cells.

        Each counter counts one thing while the table is read. `schema` has the names and types of
        the columns of the table. By default nothing is counted.
        """
        del schema
        return ()

    def counts(self, schema: TableSchema) -> Iterable[Counter]:
        """Return what to count in the table `data` for this gate, such as the missing cells.

        Each counter counts one thing while the table is read. `schema` has the names and types of
        the columns of the table. By default nothing is counted.
        """
        del schema
        return ()

    def request_counts(self, evidence: Evidence) -> None:
        """Register what this gate needs to count in `data` and `reference`.

        It is called before the tables are read, so that each is read once for all gates.
        """
        used = self.needs | self.optional_evidence
        if "data" in used:
            evidence.request(self.counts, self.reference_counts if "reference" in used else None)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the checks of this gate, always in the same order.

        `evidence` has the arguments of `run`. If no check is yielded, the verdict of the gate is
        ERROR.
        """
        del evidence
        return iter(())

    def note(self, evidence: Evidence) -> str:
        """Return a remark about what the gate left out, such as columns that were not compared.

        It is added to the end of the reason of the result. By default it is "".
        """
        del evidence
        return ""

    def run(
        self,
        *positional: Never,
        metadata: Mapping[str, object] | None = None,
        **evidence: Unpack[EvidenceNames],
    ) -> GateResult:
        """Run this gate alone and return its result; the option `after` is ignored.

        Parameters
        ----------
        metadata : Mapping, optional
            What the result shall say about the run, such as ``{"model": "credit"}``; see
            ``GateSuite.run``.
        **evidence
            What the gate judges, by name: ``data=``, ``reference=``, ``y_true=``, ...; see
            ``GateSuite.run``.

        Returns
        -------
        GateResult
            The verdict with its checks. An invalid value does not raise: it makes the verdict
            ERROR.

        Raises
        ------
        EvidenceError
            For an unknown name of an argument.
        TypeError
            For a value that is given without a name.
        """
        options.by_name_only(f"{type(self).__name__}.run", positional)
        about = plain_metadata(f"{type(self).__name__}.run", {} if metadata is None else metadata)
        given = Evidence(evidence, also=self.needs | self.optional_evidence)
        name = str(self.name)
        given.collect_requests(name, self.request_counts)
        given.scan()
        return replace(run_gate(self, given, name), metadata=about)

    @property
    def judges_rows(self) -> bool:
        """Whether the gate has a rule for single rows, so that `offending_rows` can be called."""
        return type(self).offending is not Gate.offending

    def offending(self, evidence: Evidence) -> Positions:
        """Return the row numbers, from 0, of all rows of `data` that break the rule of this gate.

        Gates that judge single rows implement this method, and `offending_rows` calls it.
        """
        raise NotImplementedError

    def offending_rows(self, data: Any, **evidence: object) -> Any:
        """Return all rows of a table that break the rule of this gate; a report names only five.

        Parameters
        ----------
        data : table
            Anything that ``data=`` takes.
        **evidence
            Further arguments of `run` that the gate needs, such as ``reference=``.

        Returns
        -------
        table
            The rows that break the rule, in their order, as a table of the same type. A pandas
            frame keeps its index. A file or a stream is read in batches, so it need not fit into
            memory; its rows are returned as an Arrow table. A query is run once, into memory: a
            polars LazyFrame gives a DataFrame, a DuckDB relation an Arrow table. A Spark DataFrame
            gives a Spark DataFrame, whose rows Spark finds when it is computed; gates that compare
            rows with each other, such as `Unique`, raise an EvidenceError for it. The rows are
            returned even if they are so few that the gate passes. If no row breaks the rule, the
            table has no rows.

        Raises
        ------
        OptionError
            If the gate has no rule for single rows, such as `Drift`.
        EvidenceError
            For an unknown argument, if `data` is not a table, and for a column that is not in the
            table or can't be compared. A rule of `Schema` that does not apply to the type of its
            column does not raise: no row is returned for it.

        Examples
        --------
        >>> import mlgates as mg
        >>> table = {"start": [1, 5, 2], "end": [2, 4, None]}
        >>> mg.Rule("start <= end").offending_rows(table)
        {'start': [5], 'end': [4]}
        """
        if not self.judges_rows:
            import mlgates

            public = [getattr(mlgates, name) for name in mlgates.__all__]
            gates = [each for each in public if inspect.isclass(each) and issubclass(each, Gate)]
            able = [each.__name__ for each in gates if each.offending is not Gate.offending]
            msg = f"{self.name}: `offending_rows` is for gates that judge each row "
            msg += f"({', '.join(able)}), not for {type(self).__name__}"
            raise OptionError(msg)
        from mlgates.tables.rows import run_query, take_rows

        data = run_query(data)
        given = Evidence({"data": data, **evidence}, also=self.needs | self.optional_evidence)
        missing = self.missing_evidence(given)
        if missing:
            _refuse(given.lacking(missing))
        name = str(self.name)
        given.collect_requests(name, self.request_counts)
        if kind_of(data) == "spark":
            if not given.can_judge_parts():
                raise EvidenceError(
                    f"{name}: on a Spark DataFrame, `offending_rows` works only for gates that "
                    "judge each row by itself, and this gate compares rows; if the rows fit into "
                    "memory, give df.toArrow()"
                )
            from mlgates.profile.spark import chosen_rows

            if "now" in self.optional_evidence:
                evidence["now"] = given.now  # the same for all tasks
            return chosen_rows(data, partial(self.offending_rows, **evidence))
        rows = self.offending(given)
        given.raise_failed_request(name)
        return take_rows(data, given.source("data"), np.unique(rows))

    def __repr__(self) -> str:
        return options.written(self, name=self.default_name)


def blocked_result(
    gate: Gate, name: str, verdict: Verdict, reason: str, checks: Iterable[Check] = ()
) -> GateResult:
    """Return the result of a gate that did not run, or that raised an exception.

    The result has the given verdict and reason in an additional last check. `checks` are the checks
    that the gate yielded before it raised the exception.
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
    """Run a gate and return its result under `name`; an exception gives the verdict ERROR.

    Only ``KeyboardInterrupt`` and ``GeneratorExit`` are raised. Before the call, the method
    `request_counts` of the gate must have been called, and the tables must have been read
    (`Evidence.scan`).
    """
    name = name or str(gate.name)
    start = perf_counter()
    checks: list[Check] = []
    with suppress_errors() as caught:
        missing = gate.missing_evidence(evidence)
        if missing:
            _refuse(evidence.lacking(missing))
        try:
            for check in gate.check(evidence):
                if type(check) is not Check:
                    _refuse(
                        f"`check` of a gate must yield Check objects, got {type(check).__name__}"
                    )
                if check.verdict is Verdict.SKIP:
                    _refuse("a gate can't return SKIP: use `suite.skip(..., reason=...)`")
                checks.append(check)
        except (EvidenceError, KeyError):
            # A counter can lack a result because its request failed. Then that error is raised.
            evidence.raise_failed_request(name)
            raise
        evidence.raise_failed_request(name)
        if not checks:
            _refuse("`check` of a gate must yield at least one Check, got none")
        note = gate.note(evidence)
        if not isinstance(note, str):
            _refuse(f"the note of a gate must be a string, got {type(note).__name__}")
    if caught.error is not None:
        error = caught.error
        reason = describe(error, evidence.known)
        if not isinstance(error, MlgatesError):
            reason = f"the gate raised {reason}"
        result = blocked_result(gate, name, Verdict.ERROR, reason, checks)
        with suppress_errors():  # an exception whose message or notes raise
            result = replace(result, error="".join(traceback.format_exception(error)))
        return replace(result, seconds=perf_counter() - start)
    return GateResult(
        name=name,
        kind=gate.kind,
        checks=tuple(checks),
        reason=reason_of(checks, note),
        advisory=gate.advisory,
        inconclusive=gate.inconclusive,
        seconds=perf_counter() - start,
        note=note,
    )


def reason_of(checks: Sequence[Check], note: str) -> str:
    """Return the reason of a gate's result: the reason of its worst check, then its note."""
    worst = sorted((c for c in checks if not c.passed), key=severity)
    reason = f"all {len(checks)} checks passed"
    if worst or len(checks) == 1:
        reason = (worst or checks)[0].reason
    if len(worst) > 1:
        reason += f" (and {len(worst) - 1} more of {len(checks)} checks did not pass)"
    return f"{reason}; {note}" if note else reason


def _refuse(message: str) -> NoReturn:
    raise EvidenceError(message)


@dataclass(frozen=True, kw_only=True, repr=False)
class FunctionGate(Gate):
    """A gate made from a function by the decorator `gate`.

    The names of the parameters of the function are arguments of `run`, such as `data` or `y_true`.
    The function gets copies of these values, whose arrays are read-only. If one of them has 0 rows,
    the function is not called and the verdict is INCONCLUSIVE.
    """

    info = GateInfo(
        summary="whatever the function checks",
        metrics={
            "`value`": "the number that the function returned; 0 if it returned True, 1 if False"
        },
        fewest_rows="one value",
        needs="its parameters without a default",
        uses="its parameters with a default",
    )
    function: Callable[..., object]
    at_least: float | None = None
    at_most: float | None = None
    decide_by: Rule = "estimate"
    unit: Unit = ""
    _limit: Limit | None = field(init=False, compare=False, default=None)

    def __post_init__(self) -> None:
        what = f"gate {getattr(self.function, '__name__', type(self.function).__name__)}"
        parameters = _parameters(self.function)
        if parameters is None:
            msg = (
                f"{what}: a gate must be a plain function whose parameters are names of evidence, "
            )
            msg += "such as `data`; *args, **kwargs and parameters before / are not allowed"
            raise OptionError(msg)
        bounds = {"at_least": self.at_least, "at_most": self.at_most}
        for option, bound in bounds.items():
            if bound is not None:
                self._set(option, options.number(what, option, bound))
        if set(bounds.values()) != {None}:
            self._set("_limit", Limit(self.at_least, self.at_most))
        options.choice(what, "decide_by", self.decide_by, RULES)
        options.choice(what, "unit", self.unit, UNITS)
        for option in ("decide_by", "unit"):
            given, default = getattr(self, option), getattr(FunctionGate, option)
            if given != default and self._limit is None:
                allowed = f"{default!r} if there is no `at_least` and no `at_most`"
                raise options.refuse(what, option, allowed, given)
        # as functools.wraps does: help() shows the docstring, and pickle finds the function
        for attribute in (*WRAPPER_ASSIGNMENTS, "__wrapped__"):
            self._set(attribute, getattr(self.function, attribute, self.function))
        needs = frozenset(p.name for p in parameters if p.default is p.empty)
        self._set("needs", needs)
        self._set("optional_evidence", frozenset(p.name for p in parameters) - needs)
        super().__post_init__()

    @property
    def kind(self) -> str:
        """The kind of every gate made from a function: ``"function"``."""
        return "function"

    @property
    def default_name(self) -> str:
        """The name of the function."""
        return self.function.__name__

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Call the function itself."""
        return self.function(*args, **kwargs)

    def __reduce__(self) -> str:
        return self.function.__qualname__

    def __repr__(self) -> str:
        return self.function.__qualname__

    def request_counts(self, evidence: Evidence) -> None:
        """Register that `data` is used, so that the report has its number of rows and its hash.

        This is done only if the function of the gate has the parameter `data`. Nothing is counted
        in the table for this gate, because the function gets the table itself.
        """
        if "data" in self.needs | self.optional_evidence:
            evidence.request(self.counts)

    def check(self, evidence: Evidence) -> Iterator[Check]:
        """Yield the check of what the function returns, or one check for each key of a mapping."""
        names = self.needs | self.optional_evidence
        given = evidence.function_arguments(sorted(names))
        found = {name: evidence.argument_rows(name, value) for name, value in given.items()}
        sizes = {name: size for name, size in found.items() if size is not None}
        nothing = bool(names) and not given  # no required parameters, and no optional one was given
        fewest = min(sizes.values(), default=0 if nothing else 1)
        # other arguments, such as a lookup table, have rows of their own
        rows = next((sizes[name] for name in ("data", *ALIGNED) if name in sizes), fewest)
        answer = self.function(**given) if fewest > 0 else Measurement(None, n=0)
        if not isinstance(answer, Mapping):
            yield self._judged(self._measured(answer, rows))
            return
        if not answer:
            _refuse("the function returned no measurements: the mapping is empty")
        if not all(isinstance(key, str) and key for key in answer):
            _refuse("the keys of the mapping that the function returned must be non-empty strings")
        for key, each in answer.items():
            try:
                yield self._judged(self._measured(each, rows), key)
            except EvidenceError as error:  # the other measurements are still judged
                reason = f"`{key}`: {error}"
                yield Check(subject=key, metric="value", verdict=Verdict.ERROR, reason=reason)

    def _judged(self, measurement: Measurement, key: str | None = None) -> Check:
        """Return the check of a measurement; `key` is its key in the mapping, if there is one."""
        limit, value, summary = self._limit or Limit(at_most=0), measurement.value, ""
        title = (self.function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        colon, is_ = (":", "") if title else ("", "is ")
        title = title or f"`{self.default_name}`"
        title += "" if key is None else f" of `{key}`"
        if self._limit is None and value is not None and measurement.n:
            summary = f"returned {not value}"
            said = f"{title}{colon} {summary}"
        else:
            shown = measurement if self._limit else Measurement(None, n=measurement.n)
            said = f"{title}{colon} {is_}{format_measurement(shown, limit, self.unit)}"
        given = measurement.details.get("rows")
        # row numbers alone: other values may come from the data
        numbers = [row for row in given if type(row) is int] if isinstance(given, Sequence) else []
        if numbers:
            first = ", ".join(f"{row:,}" for row in numbers[:_SHOWN_ROWS])
            said += f", first at row{'s' if len(numbers) > 1 else ''} {first}"
        return Check.judge(
            self.default_name if key is None else key,
            "value",
            measurement,
            limit,
            unit="violations" if self._limit is None else self.unit,
            said=said,
            summary=summary,
            rule=self.decide_by,
        )

    def _measured(self, answer: Any, rows: int) -> Measurement:
        """Convert the function's result to a measurement.

        False is converted to 1 violation and True to 0. `rows` is the number of rows of the
        evidence.
        """
        if getattr(answer, "shape", None) == ():
            answer = answer.item()
        if isinstance(answer, bool) and self._limit is None:
            return Measurement(int(not answer), n=rows, method="function")
        if isinstance(answer, int | float) and not isinstance(answer, bool):
            answer = Measurement(answer, n=rows, method="function")
        if not isinstance(answer, Measurement):
            wanted = "a bool" if self._limit is None else "a number (the gate has a limit)"
            msg = f"the function must return {wanted} or a Measurement, got {type(answer).__name__}"
            if rows_of(answer) is not None:
                msg += "; it must return one value, not one per row: use .all() or .mean()"
            raise EvidenceError(msg)
        if self._limit is None and answer.n:
            _refuse(
                "the function returned a number, but the gate has no limit: "
                "give `at_least` or `at_most`"
            )
        return answer


def _parameters(function: Callable[..., object]) -> list[inspect.Parameter] | None:
    """Return the parameters of a function, or None if they can't all be passed by name."""
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    later = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)
    if not hasattr(function, "__qualname__") or any(is_later(function) for is_later in later):
        return None
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some built-in functions have none
        return None
    return parameters if all(p.kind in named for p in parameters) else None


@overload
def gate(function: Callable[..., object], /) -> FunctionGate: ...
@overload
def gate(
    *,
    at_least: float | None = ...,
    at_most: float | None = ...,
    decide_by: Rule = ...,
    unit: Unit = ...,
    name: str | None = ...,
    advisory: bool = ...,
    inconclusive: Inconclusive = ...,
    after: str | tuple[str, ...] = ...,
) -> Callable[[Callable[..., object]], FunctionGate]: ...


def gate(
    function: Any = None, /, **given: Any
) -> FunctionGate | Callable[[Callable[..., object]], FunctionGate]:
    """Make a gate from a function whose parameters are arguments of `Gate.run`.

    The function returns a bool (True passes), a number (which is compared with `at_least` and
    `at_most`) or a `Measurement`. It can also return a mapping from names to such values; the gate
    then has a check for each name. The decorated function is a gate and can still be called like a
    function.

    Parameters
    ----------
    at_least, at_most : float, optional
        Smallest and largest allowed number; both are inclusive.
    decide_by : {"estimate", "significance", "interval"}
        How the verdict follows from the number. "estimate": the number alone is compared with the
        limit. "significance": a number beyond the limit is a FAIL if its p-value is at most 0.05,
        otherwise INCONCLUSIVE. "interval": PASS if the whole confidence interval is within the
        limit, FAIL if the whole interval is beyond, otherwise INCONCLUSIVE. For "significance" the
        function returns a `Measurement` with a `p_value`, for "interval" one with an `interval`. If
        the function returns several p-values, it must correct them for multiple tests itself.
    unit : {"", "share", "s", "rows", "violations"}
        Unit of the number in messages: a "share" is shown in percent, "s" (seconds) as a time.
        "violations" means that the number counts violations, and the limit is not shown.
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

    The next gate makes a check for each column. The detail "rows" has the numbers of the rows that
    the reason names:

    >>> @gate(at_most=1)
    ... def negative(data):
    ...     \"\"\"Negative values.\"\"\"
    ...     rows = {key: [i for i, x in enumerate(data[key]) if x < 0] for key in data}
    ...     return {key: Measurement(len(r), n=4, details={"rows": r}) for key, r in rows.items()}
    >>> print(negative.run(data={"x": [1, -2, 3, -4], "y": [1, 2, 3, 4]}).reason)
    Negative values of `x`: 2 (n = 4), first at rows 1, 3; the limit is at most 1
    """
    if function is None:
        return lambda f: FunctionGate(function=f, **given)
    if not callable(function):
        owner = "gate"
        raise options.refuse(owner, "function", "a function (give the options by name)", function)
    return FunctionGate(function=function, **given)
