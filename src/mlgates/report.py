"""What a run found: results of gates, and the report that says whether to go on.

Nothing here is a verdict of its own: results and reports take the worst of their checks.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, final

from mlgates import jsonfile
from mlgates.errors import EvidenceError, GateFailure, OptionError
from mlgates.options import did_you_mean
from mlgates.verdict import Check, Details, Limit, Verdict

if TYPE_CHECKING:
    from typing import Self

    import pandas as pd

__all__ = ["FORMAT", "VERSION", "GateResult", "Report"]

FORMAT = "mlgates.report"
VERSION = 1
_SEVERITY = (Verdict.ERROR, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.SKIP)


def worst_first(verdict: Verdict) -> int:
    """Return a sort key that puts the worst verdict first and SKIP last."""
    return _SEVERITY.index(verdict)


def _draw(thing: "GateResult | Report", form: str) -> str:
    # the one arrow that runs back: drawing is asked for by the reader's hand, so it is found at call time
    from mlgates.render import render

    return render(thing, form)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What one gate found; its verdict is the worst of its checks.

    Parameters
    ----------
    name, kind : str
        The gate's name in its suite, and what sort of gate it is (``"schema"``).
    checks : tuple of Check
        In the gate's order; at least one.
    reason : str
        One sentence for the gate as a whole.
    advisory : bool
        Whether the result is shown but doesn't count.
    inconclusive : {"block", "allow"}
        Whether checks that are undecided by chance alone hold a suite back.
    seconds : float
        How long the gate took; scanning a table that gates share is not part of it.

    Examples
    --------
    >>> check = Check(subject="age", metric="missing", verdict="skip", reason="not asked for")
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

    def __post_init__(self) -> None:
        checks = tuple(self.checks)
        if not checks or any(type(check) is not Check for check in checks):
            msg = f"GateResult: `checks` must be Check objects, at least one, got {self.checks!r}"
            raise ValueError(msg)
        object.__setattr__(self, "checks", checks)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the checks."""
        return Verdict.worst(check.verdict for check in self.checks)

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> bool:
        return self.passed

    @property
    def allowed(self) -> tuple[Check, ...]:
        """The checks that are undecided by chance alone where the user allowed that."""
        forgiven = self.inconclusive == "allow"
        return tuple(check for check in self.checks if forgiven and check.by_chance)

    @property
    def counted(self) -> Verdict | None:
        """The verdict as it counts in a suite; None when the gate stands aside.

        Advisory and skipped gates stand aside, and so do checks undecided by chance where that is
        allowed.
        """
        if self.advisory or self.verdict is Verdict.SKIP:
            return None
        forgiven = self.inconclusive == "allow"
        counted = [check.verdict for check in self.checks if not (forgiven and check.by_chance)]
        return Verdict.worst(counted) if counted else None

    def raise_for_verdict(self) -> "Self":
        """Return the result itself when it passed.

        Raises
        ------
        GateFailure
            With the printed result as message and the result in ``.report``.
        """
        if not self.passed:
            raise GateFailure(self)
        return self

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas DataFrame of one row a check."""
        return _frame([self])

    def to_dict(self) -> dict[str, object]:
        """Return the result as JSON carries it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "verdict": str(self.verdict),
            "reason": self.reason,
            "advisory": self.advisory,
            "inconclusive": self.inconclusive,
            "seconds": self.seconds,
            "checks": [_check_to_dict(check) for check in self.checks],
        }

    def __str__(self) -> str:
        return _draw(self, "text")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a suite found; its verdict is the worst of the results that count.

    Parameters
    ----------
    name : str
        The suite's name.
    results : tuple of GateResult
        In the suite's order.
    provenance : Mapping
        What the run rests on: versions, commit, time, fingerprints of the tables, the suite as written.
    """

    name: str
    results: tuple[GateResult, ...]
    provenance: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "results", tuple(self.results))
        object.__setattr__(self, "provenance", Details(self.provenance))

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of what counts; INCONCLUSIVE when nothing does."""
        counted = [result.counted for result in self.results]
        judged = [verdict for verdict in counted if verdict is not None]
        return Verdict.worst(judged) if judged else Verdict.INCONCLUSIVE

    @property
    def passed(self) -> bool:
        """Whether the verdict is PASS."""
        return self.verdict is Verdict.PASS

    def __bool__(self) -> bool:
        return self.passed

    @property
    def failures(self) -> tuple[GateResult, ...]:
        """The results that hold the release back, worst first."""
        held = [(result.counted, result) for result in self.results]
        holding = [(v, r) for v, r in held if v not in (None, Verdict.PASS)]
        return tuple(
            r for v, r in sorted(holding, key=lambda pair: worst_first(pair[0] or pair[1].verdict))
        )

    def __getitem__(self, name: str) -> GateResult:
        """Return the result of a gate by its name, or by its kind when that is unique."""
        for found in (
            [result for result in self.results if result.name == name],
            [result for result in self.results if result.kind == name],
        ):
            if len(found) == 1:
                return found[0]
        known = [result.name for result in self.results]
        listed = ", ".join(map(repr, known))
        msg = (
            f"no single gate is called {name!r}; the gates are {listed}{did_you_mean(name, known)}"
        )
        raise KeyError(msg)

    def __iter__(self) -> Iterator[GateResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def raise_for_verdict(self) -> "Self":
        """Return the report itself when it passed.

        Raises
        ------
        GateFailure
            An ``AssertionError`` with the printed report as message and the report in ``.report``.
        """
        if not self.passed:
            raise GateFailure(self)
        return self

    def aside(self) -> str:
        """Return what stands aside, as in ``"1 undecided, allowed; 1 advisory"``."""
        counts = Counter(
            undecided=sum(len(r.allowed) for r in self.results if not r.advisory),
            advisory=sum(r.advisory for r in self.results),
            skipped=sum(not r.advisory and r.verdict is Verdict.SKIP for r in self.results),
        )
        words = {"undecided": "undecided, allowed", "advisory": "advisory", "skipped": "skipped"}
        return "; ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key])

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas DataFrame of one row a check, in the suite's order."""
        return _frame(self.results)

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON carries it, by the published schema."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "verdict": str(self.verdict),
            "results": [result.to_dict() for result in self.results],
            "provenance": jsonfile.plain(self.provenance),
        }

    def to_json(self) -> str:
        """Return strict JSON text."""
        return jsonfile.dumps(self.to_dict()) + "\n"

    @classmethod
    def from_dict(cls, data: object) -> "Report":
        """Return the report that `to_dict` wrote.

        Raises
        ------
        EvidenceError
            When keys are missing or unknown, a value is of another type, the version is newer, or the
            verdicts written disagree with the worst of the checks.
        """
        top = _fields(
            data, {"format", "version", "name", "verdict", "results", "provenance"}, "report"
        )
        if top["format"] != FORMAT:
            msg = f"report: `format` must be {FORMAT!r}, got {top['format']!r}"
            raise EvidenceError(msg)
        if top["version"] != VERSION:
            msg = f"report: this mlgates reads version {VERSION}, got {top['version']!r}"
            raise EvidenceError(msg)
        report = cls(
            name=_text(top["name"], "name"),
            results=tuple(_result_from_dict(item) for item in _items(top["results"], "results")),
            provenance=_mapping(top["provenance"], "provenance"),
        )
        _agree(report, top["verdict"], "report")
        return report

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Report":
        """Return the report stored in a JSON file.

        Raises
        ------
        EvidenceError
            When the file is absent, broken, not strict JSON, or disagrees with itself.
        """
        try:
            return cls.from_dict(jsonfile.read(path))
        except EvidenceError as error:
            if str(error).startswith(str(path)):
                raise
            msg = f"{path}: {error}"
            raise EvidenceError(msg) from error

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the report whole or not at all; the suffix says in which form.

        Parameters
        ----------
        path : str or Path
            ``.json`` or ``.txt``.

        Raises
        ------
        OptionError
            For another suffix.
        OSError
            When the file can't be written.
        """
        forms = {".json": self.to_json, ".txt": lambda: f"{self}\n"}
        suffix = Path(path).suffix.lower()
        if suffix not in forms:
            msg = f"report.save: the path must end in {' or '.join(forms)}, got {os.fspath(path)!r}"
            raise OptionError(msg)
        jsonfile.write_atomic(path, forms[suffix]())

    def __str__(self) -> str:
        return _draw(self, "text")


def _frame(results: "list[GateResult] | tuple[GateResult, ...]") -> "pd.DataFrame":
    import pandas as pd

    columns = (
        "subject",
        "group",
        "metric",
        "value",
        "limit",
        "verdict",
        "reason",
        "n",
        "dropped",
        "p_value",
        "method",
    )
    rows = [
        {
            "gate": result.name,
            **{name: getattr(check, name) for name in columns},
            "verdict": str(check.verdict),
            "limit": None if check.limit is None else str(check.limit),
            "interval_low": None if check.interval is None else check.interval[0],
            "interval_high": None if check.interval is None else check.interval[1],
            "advisory": result.advisory,
        }
        for result in results
        for check in result.checks
    ]
    return pd.DataFrame(rows)


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
        "details": check.details,
    }
    return {key: jsonfile.plain(value) for key, value in written.items()}


_CHECK_KEYS = frozenset(
    [
        "subject",
        "group",
        "metric",
        "value",
        "unit",
        "limit",
        "verdict",
        "reason",
        "interval",
        "confidence",
        "n",
        "dropped",
        "p_value",
        "method",
        "by_chance",
        "details",
    ]
)
_RESULT_KEYS = frozenset(
    ["name", "kind", "verdict", "reason", "advisory", "inconclusive", "seconds", "checks"]
)


def _result_from_dict(data: object) -> GateResult:
    found = _fields(data, _RESULT_KEYS, "result")
    name = _text(found["name"], "name")
    if found["inconclusive"] not in ("block", "allow") or not isinstance(found["advisory"], bool):
        msg = f"result {name!r}: `inconclusive` or `advisory` is not of its kind"
        raise EvidenceError(msg)
    try:
        result = GateResult(
            name=name,
            kind=_text(found["kind"], "kind"),
            checks=tuple(_check_from_dict(item) for item in _items(found["checks"], "checks")),
            reason=_text(found["reason"], "reason"),
            advisory=found["advisory"],
            inconclusive=found["inconclusive"],
            seconds=jsonfile.number(found["seconds"]) or 0.0,
        )
    except (TypeError, ValueError) as error:
        msg = f"result {name!r}: {error}"
        raise EvidenceError(msg) from error
    _agree(result, found["verdict"], f"result {name!r}")
    return result


def _check_from_dict(data: object) -> Check:
    found = _fields(data, _CHECK_KEYS, "check")
    limit, interval = found["limit"], found["interval"]
    numbers = {key: jsonfile.number(found[key]) for key in ("value", "confidence", "p_value")}
    bounds = None
    if limit is not None:
        ends = _fields(limit, {"at_least", "at_most"}, "limit")
        bounds = Limit(**{key: jsonfile.number(end) for key, end in ends.items()})
    ends = (
        None
        if interval is None
        else tuple(jsonfile.number(e) for e in _items(interval, "interval"))
    )
    counts = {key: found[key] for key in ("n", "dropped")}
    if (
        any(type(value) is not int for value in counts.values())
        or type(found["by_chance"]) is not bool
    ):
        msg = "check: `n`, `dropped` or `by_chance` is not of its kind"
        raise EvidenceError(msg)
    texts = ("subject", "metric", "reason", "method", "unit", "verdict")
    return Check(
        **{key: _text(found[key], key) for key in texts},  # type: ignore[arg-type]
        group=None if found["group"] is None else _text(found["group"], "group"),
        limit=bounds,
        interval=ends,  # type: ignore[arg-type]
        by_chance=found["by_chance"],  # type: ignore[arg-type]
        details=_mapping(found["details"], "details"),
        **numbers,  # type: ignore[arg-type]
        **counts,  # type: ignore[arg-type]
    )


def _fields(data: object, keys: "frozenset[str] | set[str]", what: str) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        msg = f"{what}: an object was expected, got {type(data).__name__}"
        raise EvidenceError(msg)
    missing, unknown = sorted(keys - set(data)), sorted(set(data) - keys)
    if missing or unknown:
        told = [f"`{name}` is missing" for name in missing[:1]] + [
            f"{name!r} is not known" for name in unknown[:1]
        ]
        raise EvidenceError(f"{what}: {' and '.join(told)}")
    return data


def _text(value: object, what: str) -> str:
    if not isinstance(value, str):
        msg = f"`{what}` must be a text, got {value!r}"
        raise EvidenceError(msg)
    return value


def _items(value: object, what: str) -> list[object]:
    if not isinstance(value, list | tuple):
        msg = f"`{what}` must be a list, got {type(value).__name__}"
        raise EvidenceError(msg)
    return list(value)


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        msg = f"`{what}` must be an object, got {type(value).__name__}"
        raise EvidenceError(msg)
    return value


def _agree(found: GateResult | Report, written: object, what: str) -> None:
    if written != str(found.verdict):
        msg = (
            f"{what}: the verdict written is {written!r}, but its checks say {str(found.verdict)!r}"
        )
        raise EvidenceError(msg)
