"""Reports: the results of gates, the verdict that follows from them, and their JSON form.

The verdict of a result or report is not stored. It is the worst verdict of the checks.
"""

import dataclasses
import math
import os
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, final

from mlgates import jsonfile, options
from mlgates.errors import EvidenceError, GateFailure, OptionError
from mlgates.jsonfile import fields, items, mapping, number, plain, text, unquoted
from mlgates.redaction import without_secrets
from mlgates.verdict import Check, Details, Limit, Verdict, worst_first

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd

__all__ = ["FORMAT", "SUFFIXES", "VERSION", "GateResult", "Report", "plain_metadata", "severity"]

FORMAT = "mlgates.report"
VERSION = 1
_DEEPEST = 20  # levels of metadata; readers of JSON have limits
#: The form of a saved report, by the suffix of the file.
SUFFIXES = {".html": "html", ".md": "markdown", ".json": "json", ".xml": "junit", ".txt": "text"}


def severity(check: Check) -> tuple[int, float, float]:
    """Return a sort key for checks that puts the worst check first.

    Checks are ordered by verdict. Among checks with the same verdict, the value that is farthest
    beyond its limit is first: the distance from the limit is divided by the limit, and a distance
    from a limit of 0 counts as infinite. Equal quotients are ordered by the distance itself. Checks
    without a value are last among those with the same verdict.

    Examples
    --------
    >>> near, far = (
    ...     Check(subject=name, metric="psi", verdict="fail", reason="", value=value,
    ...           limit=Limit(at_most=0.2))
    ...     for name, value in (("age", 0.85), ("income", 5.97))
    ... )
    >>> [check.subject for check in sorted([near, far], key=severity)]
    ['income', 'age']
    """
    value, limit, farthest = check.value, check.limit, (-math.inf, -math.inf)
    if value is not None and limit is not None:
        ends = ((limit.at_least, limit.low - value), (limit.at_most, value - limit.high))
        for bound, over in ends:
            if bound is None or math.isnan(over):  # NaN: an infinite value at an infinite limit
                continue
            relative = over / abs(bound) if bound else over and math.copysign(math.inf, over)
            farthest = max(farthest, (relative, over))
    relative, over = farthest
    return worst_first(check.verdict), -relative, -over


class _Judged(ABC):
    """Base class of `GateResult` and `Report`: the verdict as a bool, and the output formats."""

    __slots__ = ()

    @property
    @abstractmethod
    def verdict(self) -> Verdict:
        """The worst verdict among those that count."""

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Return the JSON form: dicts, lists, strings and numbers."""

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> bool:
        return self.passed

    def raise_for_verdict(self) -> "Self":
        """Raise GateFailure unless the verdict is PASS; otherwise return this object.

        Raises
        ------
        GateFailure
            If the verdict is not PASS. The exception is an ``AssertionError``. Its message is the
            printed table, and its attribute ``report`` is this object.
        """
        __tracebackhide__ = True  # pytest then shows the table, not this line
        if not self.passed:
            raise GateFailure(self)  # type: ignore[arg-type]
        return self

    def _render(self, form: str) -> str:
        # imported here, because renderers import this module
        from mlgates.render import render

        return render(self, form)  # type: ignore[arg-type]

    def to_json(self) -> str:
        """Return the JSON form as a string of strict JSON, which has no NaN and no infinity."""
        # printed in the log of a CI server, "##[" and "##vso[" would be commands
        return re.sub("#(?=#)", r"\\u0023", jsonfile.dumps(self.to_dict())) + "\n"

    def to_markdown(self) -> str:
        """Return the report as Markdown, for a pull request or the summary of a CI job."""
        return self._render("markdown")

    def to_html(self) -> str:
        """Return the report as one HTML page that needs no scripts and no other files."""
        return self._render("html")

    def to_junit_xml(self) -> str:
        """Return the report as JUnit XML: a test suite per gate, and a test case per check."""
        return self._render("junit")

    def __str__(self) -> str:
        return self._render("text")

    def _repr_html_(self) -> str:
        return self._render("fragment")


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class GateResult(_Judged):
    """The result of one gate: its checks, and as its verdict the worst verdict of the checks.

    `Gate.run` and, for each gate of a suite, `GateSuite.run` return such objects. From the worst to
    the best, the order of verdicts is ERROR, FAIL, INCONCLUSIVE, PASS; SKIP is ignored.

    Parameters
    ----------
    name, kind : str
        The name of the gate in its suite, and its kind: the name of its class in snake case, such
        as ``"schema"``.
    checks : tuple of Check
        The checks in the order of the gate; at least one.
    reason : str
        One sentence for the whole gate.
    advisory : bool
        If true, the result is shown, but a suite ignores it in its verdict.
    inconclusive : {"block", "allow"}
        Whether a check that is INCONCLUSIVE only because more rows are needed blocks the release.
        With "allow", such a check does not count in the verdict of a suite.
    seconds : float
        Duration of the gate. It does not include reading the tables, because that is done once for
        all gates.
    note : str
        What the gate left out, such as columns that were not compared. It is also at the end of
        `reason`.
    metadata : Mapping
        What the user said about the run, as in `Report`, if the gate ran alone.
    error : str, optional
        The traceback of the exception that ended the gate, for debugging. It is not shown, saved or
        pickled, and does not count when results are compared.

    Examples
    --------
    >>> check = Check(subject="age", metric="missing", verdict="skip", reason="not required")
    >>> GateResult(name="completeness", kind="completeness", checks=(check,)).verdict
    <Verdict.SKIP: 'skip'>
    """

    name: str
    kind: str
    checks: tuple[Check, ...]
    reason: str = ""
    advisory: bool = False
    inconclusive: Literal["block", "allow"] = "block"
    seconds: float = field(default=0.0, compare=False)
    note: str = ""
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)
    error: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        owner = "GateResult"
        options.text(owner, "name", self.name)
        options.text(owner, "kind", self.kind)
        options.flag(owner, "advisory", self.advisory)
        options.choice(owner, "inconclusive", self.inconclusive, ("block", "allow"))
        options.number(owner, "seconds", self.seconds, at_least=0)
        for option in ("reason", "note"):
            if not isinstance(getattr(self, option), str):
                raise options.refuse(owner, option, "a string", getattr(self, option))
        checks = tuple(self.checks)
        if not checks or any(type(check) is not Check for check in checks):
            raise ValueError(
                f"GateResult: `checks` must be one or more Check objects, got {self.checks!r}"
            )
        object.__setattr__(self, "checks", checks)
        object.__setattr__(self, "metadata", plain_metadata(owner, self.metadata))

    def __getstate__(self) -> list[object]:
        values = [getattr(self, option.name) for option in dataclasses.fields(self)[:-1]]
        return [*values, None]  # without `error`, which may contain code and data of this process

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks: ERROR, FAIL, INCONCLUSIVE, PASS, in this order.

        Checks with the verdict SKIP are ignored, unless all have it.
        """
        return Verdict.worst(check.verdict for check in self.checks)

    @property
    def allowed(self) -> tuple[Check, ...]:
        """The INCONCLUSIVE checks that a suite ignores because of ``inconclusive="allow"``.

        They are INCONCLUSIVE only because more rows are needed to decide: the interval contains the
        limit, or the p-value is too large. With ``inconclusive="block"``, no check is ignored, and
        the result is empty.
        """
        if self.inconclusive == "block":
            return ()
        return tuple(check for check in self.checks if check.by_chance)

    @property
    def counted(self) -> Verdict | None:
        """The verdict that this gate contributes to the verdict of a suite; None if it has none.

        It is the worst verdict of the checks. With ``inconclusive="allow"``, checks that are
        INCONCLUSIVE only because more rows are needed are ignored. It is None if the gate is
        advisory, if its verdict is SKIP, or if all checks are ignored.
        """
        if self.advisory:
            return None
        allow = self.inconclusive == "allow"
        counted = [
            check.verdict
            for check in self.checks
            if check.verdict is not Verdict.SKIP and not (allow and check.by_chance)
        ]
        return Verdict.worst(counted) if counted else None

    def to_frame(self) -> "pd.DataFrame":
        """Return the checks as a pandas DataFrame with one row for each check."""
        return _frame([self])

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form of the result: dicts, lists, strings and numbers."""
        return {
            "name": self.name,
            "kind": self.kind,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "advisory": self.advisory,
            "inconclusive": self.inconclusive,
            "seconds": self.seconds,
            "checks": [_check_to_dict(check) for check in self.checks],
            **({"note": self.note} if self.note else {}),
            **_metadata_to_dict(self.metadata),
        }

    def __repr__(self) -> str:
        return f"<GateResult {self.name!r}: {self.verdict.upper()}, {len(self.checks)} checks>"


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Report(_Judged):
    """The results of all gates of a suite and one verdict, which is the worst of the results.

    `GateSuite.run` returns a report, and `load` reads one from a file. From the worst to the best,
    the order of verdicts is ERROR, FAIL, INCONCLUSIVE, PASS. The verdict of the report ignores
    advisory gates and skipped gates. It also ignores checks that are INCONCLUSIVE only because more
    rows are needed, if their gate has ``inconclusive="allow"``.

    Parameters
    ----------
    name : str
        The name of the suite.
    results : tuple of GateResult
        The results in the order of the suite.
    provenance : Mapping
        How the results were made: versions of packages, commit, time, hashes of the tables, and the
        repr of the suite.
    metadata : Mapping
        What the user said about the run, such as ``{"model": "credit", "version": "7"}``. The
        values can be None, bools, numbers, strings, sequences and mappings. URLs, e-mail addresses
        and secrets in them are hidden.
    """

    name: str
    results: tuple[GateResult, ...]
    provenance: Mapping[str, object] = field(default_factory=dict, hash=False)
    metadata: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        options.text("Report", "name", self.name)
        results = tuple(self.results)
        if any(type(result) is not GateResult for result in results):
            raise ValueError(f"Report: `results` must be GateResult objects, got {self.results!r}")
        for name, times in Counter(result.name for result in results).items():
            if times > 1:
                raise ValueError(f"Report: result names must be unique, got {name!r} {times} times")
        object.__setattr__(self, "results", results)
        object.__setattr__(self, "provenance", Details(self.provenance))
        object.__setattr__(self, "metadata", plain_metadata("Report", self.metadata))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the gates: ERROR, FAIL, INCONCLUSIVE, PASS, in this order.

        Advisory gates and skipped gates are ignored. So are checks that are INCONCLUSIVE only
        because more rows are needed, if their gate has ``inconclusive="allow"``. If nothing
        remains, the verdict is INCONCLUSIVE.
        """
        counted = [verdict for result in self.results if (verdict := result.counted) is not None]
        return Verdict.worst(counted) if counted else Verdict.INCONCLUSIVE

    @property
    def failures(self) -> tuple[GateResult, ...]:
        """The results that block the release, with the worst result first.

        They are the results with the verdict ERROR, FAIL or INCONCLUSIVE, except those of advisory
        gates. In a gate with ``inconclusive="allow"``, checks that are INCONCLUSIVE only because
        more rows are needed do not count. If its other checks passed, the gate does not block the
        release.
        """
        counted = [(result.counted, result) for result in self.results]
        blocking = [(v, r) for v, r in counted if v is not None and v is not Verdict.PASS]
        # Of gates with the same verdict, the one with the check farthest beyond its limit is first.
        blocking.sort(key=lambda b: (worst_first(b[0]), min(map(severity, b[1].checks))[1]))
        return tuple(result for _, result in blocking)

    def __getitem__(self, name: str) -> GateResult:
        """Return the result of a gate by its name, or by its kind if that is unique."""
        of_kind = [result for result in self.results if result.kind == name]
        matching = [result for result in self.results if result.name == name] or of_kind
        if len(matching) == 1:
            return matching[0]
        names = [result.name for result in self.results]
        listed, near = ", ".join(map(repr, names)), options.did_you_mean(name, names)
        count = f"{len(matching)} gates are" if matching else "no gate is"
        raise KeyError(f"{count} named {name!r}; the gates are {listed}{near}")

    def __iter__(self) -> Iterator[GateResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def aside(self) -> str:
        """Return in words how many checks and gates the verdict ignores; "" if there are none.

        For example, ``"1 undecided, allowed; 2 advisory"`` means one INCONCLUSIVE check that the
        option ``inconclusive="allow"`` of its gate allows, and two advisory gates. Skipped gates
        are counted too. If the verdict ignores all gates, the result begins with
        ``"no gate counts: "``, because the verdict is INCONCLUSIVE for this reason.
        """
        counts = {
            "undecided, allowed": sum(len(r.allowed) for r in self.results if not r.advisory),
            "advisory": sum(r.advisory for r in self.results),
            "skipped": sum(not r.advisory and r.verdict is Verdict.SKIP for r in self.results),
        }
        shown = "; ".join(f"{count} {word}" for word, count in counts.items() if count)
        is_ignored = bool(shown) and all(result.counted is None for result in self.results)
        return f"no gate counts: {shown}" if is_ignored else shown

    def to_frame(self) -> "pd.DataFrame":
        """Return all checks as a pandas DataFrame: one row per check, in the order of the suite."""
        return _frame(self.results)

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form of the report: dicts, lists, strings and numbers."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "verdict": str(self.verdict),
            "results": [result.to_dict() for result in self.results],
            "provenance": plain(self.provenance, quote=True),
            **_metadata_to_dict(self.metadata),
        }

    @classmethod
    def from_dict(cls, data: object) -> "Report":
        """Make a report from its JSON form, as `to_dict` returns it.

        Raises
        ------
        EvidenceError
            If a key is missing or unknown, if a value has a wrong type, if the form was written by
            a newer version, or if a stored verdict is not the verdict that follows from the checks.
        """
        if (
            isinstance(data, Mapping) and data.get("format", FORMAT) != FORMAT
        ):  # another kind of file
            got = f"got {data['format']!r}; a report is a .json file written by `Report.save`"
            raise EvidenceError(f"report: `format` must be {FORMAT!r}, {got}")
        top = fields(data, _REPORT_KEYS, "report", frozenset({"metadata"}))
        if type(top["version"]) is not int or top["version"] != VERSION:
            raise EvidenceError(
                f"report: this version of mlgates reads the format version {VERSION}, got "
                f"{top['version']!r}"
            )
        results = [_result_from_dict(item) for item in items(top["results"], "results")]
        try:
            report = cls(
                name=text(top["name"], "name"),
                results=tuple(results),
                provenance=unquoted(mapping(top["provenance"], "provenance")),
                metadata=unquoted(mapping(top.get("metadata", {}), "metadata")),
            )
        except (TypeError, ValueError) as error:
            raise EvidenceError(f"report: {error}") from error
        _refuse_other_verdict(report, top["verdict"], "report")
        return report

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Report":
        """Read a report from a JSON file that `save` wrote.

        Raises
        ------
        EvidenceError
            If the file is missing, is not strict JSON, or is not the JSON form of a report.
        """
        try:
            return jsonfile.load(path, cls.from_dict)
        except EvidenceError as error:
            if Path(path).suffix.lower() not in SUFFIXES.keys() - {".json"}:
                raise
            raise EvidenceError(f"{error}; only a report saved as .json can be read") from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report to a file, in the format that the suffix of the name selects.

        If writing fails, an existing file of this name stays as it was.

        Parameters
        ----------
        path : str or Path
            ``.html`` (one page), ``.md`` (Markdown), ``.json``, ``.xml`` (JUnit) or ``.txt``.

        Raises
        ------
        OptionError
            For any other suffix.
        OSError
            If the file can't be written.
        """
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            *most, last = SUFFIXES
            allowed = f"{', '.join(most)} or {last}"
            raise OptionError(
                f"report.save: the path must end in {allowed}, got {os.fspath(path)!r}"
            )
        jsonfile.write_atomic(path, self._render(SUFFIXES[suffix]).removesuffix("\n") + "\n")

    def __repr__(self) -> str:
        return f"<Report {self.name!r}: {self.verdict.upper()}, {len(self)} gates>"


def plain_metadata(owner: str, given: object) -> Details:
    """Convert the option `metadata` to plain values, and hide secrets in it.

    OptionError is raised for values other than None, bools, numbers, strings, sequences and
    mappings. `owner` is the name of the class or function, for the message.
    """
    if type(given) is Details:
        return given
    allowed = "a mapping of names to None, bools, numbers, strings, sequences and mappings"
    try:
        if isinstance(given, Mapping):
            found = Details(cast("Mapping[str, object]", without_secrets(Details(given))))
            if _depth(found) <= _DEEPEST:
                return found
            allowed += f", nested at most {_DEEPEST} levels deep"
    except RecursionError:
        allowed += f", nested at most {_DEEPEST} levels deep"
    except TypeError as error:
        raise OptionError(f"{owner}: `metadata` must be {allowed}; {error}") from error
    raise options.refuse(owner, "metadata", allowed, given)


def _depth(value: object) -> int:
    if not isinstance(value, Mapping | tuple):
        return 0
    parts: Iterable[object] = value.values() if isinstance(value, Mapping) else value
    return 1 + max(map(_depth, parts), default=0)


def _metadata_to_dict(metadata: Mapping[str, object]) -> dict[str, object]:
    return {"metadata": plain(metadata, quote=True)} if metadata else {}


_FRAME_COLUMNS = (
    *("gate", "kind", "subject", "group", "metric", "value", "unit", "limit", "verdict", "reason"),
    *("n", "dropped", "p_value", "method", "interval_low", "interval_high", "confidence"),
    "advisory",
)


def _frame(results: Iterable[GateResult]) -> "pd.DataFrame":
    import pandas as pd

    rows = []
    for result in results:
        for check in result.checks:
            low, high = check.interval or (None, None)
            special = {
                "gate": result.name,
                "kind": result.kind,
                "advisory": result.advisory,
                "limit": None if check.limit is None else str(check.limit),
                "verdict": str(check.verdict),
                "interval_low": low,
                "interval_high": high,
            }
            row = [
                special[name] if name in special else getattr(check, name)
                for name in _FRAME_COLUMNS
            ]
            # pandas can't store half of a surrogate pair in a column of strings
            rows.append(
                [
                    cell.encode("utf-8", "backslashreplace").decode()
                    if isinstance(cell, str)
                    else cell
                    for cell in row
                ]
            )
    return pd.DataFrame(rows, columns=list(_FRAME_COLUMNS))


_REPORT_KEYS = frozenset({"format", "version", "name", "verdict", "results", "provenance"})
_RESULT_KEYS = frozenset(
    {"name", "kind", "verdict", "reason", "advisory", "inconclusive", "seconds", "checks"}
)
_CHECK_TEXTS = ("subject", "metric", "reason", "method", "unit", "verdict")
_CHECK_NUMBERS = ("value", "confidence", "p_value", "n", "dropped")
_CHECK_KEYS = frozenset(
    {*_CHECK_TEXTS, *_CHECK_NUMBERS, "group", "limit", "interval", "by_chance", "details"}
)


def _check_to_dict(check: Check) -> dict[str, object]:
    limit = check.limit
    written = {
        "subject": check.subject,
        "group": check.group,
        "metric": check.metric,
        "value": check.value,
        "unit": check.unit,
        "limit": None if limit is None else {"at_least": limit.at_least, "at_most": limit.at_most},
        "verdict": str(check.verdict),
        "reason": check.reason,
        "interval": check.interval,
        "confidence": check.confidence,
        "n": check.n,
        "dropped": check.dropped,
        "p_value": check.p_value,
        "method": check.method,
        "by_chance": check.by_chance,
        "details": plain(check.details, quote=True),
        **({"hint": check.hint} if check.hint else {}),
        **({"summary": check.summary} if check.summary else {}),
    }
    return {key: plain(value) for key, value in written.items()}


def _check_from_dict(data: object) -> Check:
    found = fields(data, _CHECK_KEYS, "check", frozenset({"hint", "summary"}))
    if not isinstance(found["by_chance"], bool):
        raise EvidenceError(f"`by_chance` must be true or false, got {found['by_chance']!r}")
    group, interval, limit = found["group"], found["interval"], found["limit"]
    given: dict[str, Any] = {
        **{key: text(found[key], key) for key in _CHECK_TEXTS},
        **{key: number(found[key], key) for key in _CHECK_NUMBERS},
        "group": None if group is None else text(group, "group"),
        "by_chance": found["by_chance"],
        "details": unquoted(mapping(found["details"], "details")),
        "hint": text(found.get("hint", ""), "hint"),
        "summary": text(found.get("summary", ""), "summary"),
    }
    if interval is not None:
        given["interval"] = tuple(number(end, "interval") for end in items(interval, "interval"))
    try:
        if limit is not None:
            ends = fields(limit, frozenset({"at_least", "at_most"}), "limit")
            given["limit"] = Limit(**{key: number(end, key) for key, end in ends.items()})
        return Check(**given)
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"check of {given['subject']!r}: {error}") from error


def _result_from_dict(data: object) -> GateResult:
    found = fields(data, _RESULT_KEYS, "result", frozenset({"note", "metadata"}))
    what = f"result {text(found['name'], 'name')!r}"
    given: dict[str, Any] = {key: found[key] for key in _RESULT_KEYS - {"verdict"}}
    try:
        given["checks"] = tuple(map(_check_from_dict, items(found["checks"], "checks")))
        given["seconds"] = number(found["seconds"], "seconds")
        given["note"] = text(found.get("note", ""), "note")
        given["metadata"] = unquoted(mapping(found.get("metadata", {}), "metadata"))
        result = GateResult(**given)
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"{what}: {error}") from error
    _refuse_other_verdict(result, found["verdict"], what)
    return result


def _refuse_other_verdict(judged: GateResult | Report, written: object, what: str) -> None:
    """Raise EvidenceError if a stored verdict differs from the verdict that the checks give.

    `written` is the stored verdict, and `what` names the result or the report in the error.
    """
    computed = str(judged.verdict)
    if written != computed:
        raise EvidenceError(
            f"{what}: the stored verdict is {written!r}, but its checks give {computed!r}"
        )
