"""GateSuite: gates in order, one run, one report. No mathematics."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from time import perf_counter
from typing import Unpack, final

from mlgates import options
from mlgates._gate import Gate, blocked_result, run_gate
from mlgates.errors import OptionError
from mlgates.evidence import Evidence, EvidenceNames
from mlgates.progress import progress_bar
from mlgates.provenance import provenance
from mlgates.report import GateResult, Report
from mlgates.verdict import Verdict

__all__ = ["GateSuite"]

_OWNER = "GateSuite"


@dataclass(frozen=True, slots=True)
class Entry:
    """A gate in a suite: under its full name, with the names it waits for and why it is skipped."""

    name: str
    gate: Gate
    after: tuple[str, ...] = ()
    skipped: str | None = None

    def matches(self, pattern: str) -> bool:
        """Whether a name, a kind or a pattern means this gate."""
        return fnmatchcase(self.name, pattern) or pattern in (self.name, self.gate.kind)


@final
class GateSuite:
    """Gates in order; running them gives a report.

    Parameters
    ----------
    gates : iterable of Gate or GateSuite
        At least one. The gates of a suite inside become gates of this one, named ``inner/gate``.
    name : str
        The suite's name.

    Raises
    ------
    OptionError
        When it is empty, two gates bear one name, or `after` names no earlier gate.

    Examples
    --------
    >>> import mlgates as mg
    >>> suite = mg.GateSuite([mg.Schema({"x": "float"}), mg.Completeness()], name="nightly")
    >>> report = suite.run(data={"x": [0.5, 1.5]})
    >>> report.verdict
    <Verdict.PASS: 'pass'>
    >>> [result.name for result in report.results]
    ['schema', 'completeness']
    """

    __slots__ = ("_entries", "name")

    name: str
    _entries: tuple[Entry, ...]

    def __init__(self, gates: "Iterable[Gate | GateSuite]", *, name: str = "suite") -> None:
        if isinstance(gates, Gate | str) or not isinstance(gates, Iterable):
            raise options.refuse(_OWNER, "gates", "a sequence of gates", gates)
        entries: list[Entry] = []
        for item in gates:
            entries.extend(_entries_of(item, entries))
        self._fill(options.text(_OWNER, "name", name), entries)

    def _fill(self, name: str, entries: list[Entry]) -> None:
        if not entries:
            why = "an empty suite would pass on nothing"
            msg = f"GateSuite {name!r}: at least one gate is needed; {why}"
            raise OptionError(msg)
        seen: dict[str, str] = {}
        for entry in entries:
            key = unicodedata.normalize("NFC", entry.name).casefold()
            if key in seen:
                twice = f"two gates are called {entry.name!r}"
                msg = f"GateSuite {name!r}: {twice}; give one of them a `name=`"
                raise OptionError(msg)
            seen[key] = entry.name
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_entries", tuple(entries))

    def __setattr__(self, option: str, value: object) -> None:
        msg = f"a GateSuite is a value: `{option}` can't be set"
        raise AttributeError(msg)

    @classmethod
    def _of(cls, name: str, entries: list[Entry]) -> "GateSuite":
        suite = cls.__new__(cls)
        suite._fill(name, entries)  # noqa: SLF001
        return suite

    def __reduce__(self) -> tuple[object, ...]:
        return GateSuite._of, (self.name, list(self._entries))

    def __iter__(self) -> Iterator[Gate]:
        return (entry.gate for entry in self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, gate: object) -> bool:
        """Whether a gate, or one of that name, is in the suite."""
        return any(gate in (entry.gate, entry.name) for entry in self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GateSuite):
            return NotImplemented
        return (self.name, self._entries) == (other.name, other._entries)

    def __hash__(self) -> int:
        return hash((self.name, self._entries))

    def _written(self) -> str:
        """Return the suite as written, for the report; what can't be written breaks no run."""
        try:
            return repr(self)
        except Exception:  # noqa: BLE001  (an option whose repr raises)
            return f"GateSuite([{', '.join(map(_written, self))}], name={self.name!r})"

    def __repr__(self) -> str:
        return f"GateSuite([{', '.join(map(repr, self))}], name={self.name!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """The gates' names in this suite, in order."""
        return tuple(entry.name for entry in self._entries)

    @property
    def needs(self) -> frozenset[str]:
        """The names of evidence that the gates need."""
        return frozenset().union(*(gate.needs for gate in self))

    def __add__(self, other: "GateSuite") -> "GateSuite":
        """Return a suite of both, named after the first."""
        if not isinstance(other, GateSuite):
            return NotImplemented
        return GateSuite._of(self.name, [*self._entries, *other._entries])

    def only(self, *patterns: str) -> "GateSuite":
        """Return a suite of the gates meant, by name, kind or pattern.

        A gate kept no longer waits for one that is left out.

        Raises
        ------
        OptionError
            When a pattern means no gate.
        """
        kept = self._meant(patterns)
        names = {entry.name for entry in kept}
        return GateSuite._of(
            self.name,
            [replace(e, after=tuple(n for n in e.after if n in names)) for e in kept],
        )

    def skip(self, *patterns: str, reason: str) -> "GateSuite":
        """Return a suite in which the gates meant are not run but reported as SKIP.

        Raises
        ------
        OptionError
            When a pattern means no gate, or the reason is empty.
        """
        reason = options.text("GateSuite.skip", "reason", reason)
        skipped = {entry.name for entry in self._meant(patterns)}
        return GateSuite._of(
            self.name,
            [replace(e, skipped=reason) if e.name in skipped else e for e in self._entries],
        )

    def _meant(self, patterns: tuple[str, ...]) -> list[Entry]:
        if not patterns:
            msg = f"GateSuite {self.name!r}: name at least one gate"
            raise OptionError(msg)
        for pattern in patterns:
            _matching(self._entries, options.text(_OWNER, "pattern", pattern), self.name)
        return [e for e in self._entries if any(e.matches(pattern) for pattern in patterns)]

    def run(
        self,
        *,
        n_jobs: int | None = None,
        progress: bool = False,
        **evidence: Unpack[EvidenceNames],
    ) -> Report:
        """Run every gate in order and return the report.

        Parameters
        ----------
        n_jobs : int, optional
            Threads for scanning tables; by default one a processor for large tables.
        progress : bool
            Whether to show which gate is running, by ``tqdm`` when that is installed; never in
            pytest.
        **evidence
            Values by name: ``data=``, ``reference=``, ``y_true=``, ... None counts as not given.

        Returns
        -------
        Report
            Bad values are verdicts in it: no gate's trouble hides another's result.

        Raises
        ------
        EvidenceError
            For an unknown name of evidence.
        OptionError
            For bad `n_jobs` or `progress`.
        """
        if n_jobs is not None:
            options.count("GateSuite.run", "n_jobs", n_jobs, at_least=1)
        options.flag("GateSuite.run", "progress", progress)
        started, clock = datetime.now(UTC), perf_counter()
        used: frozenset[str] = frozenset().union(*(g.needs | g.optional_evidence for g in self))
        given = Evidence(evidence, also=used, n_jobs=n_jobs, progress=progress)
        taken = [entry.gate for entry in self._entries if entry.skipped is None]
        reading = [gate for gate in taken if "data" in gate.needs | gate.optional_evidence]
        results: dict[str, GateResult] = {}
        with progress_bar(len(self._entries), wanted=progress) as bar:
            # before the gates, so that no gate's seconds include the scans; errors are reported
            # by the gates
            if bar is not None:
                bar.set_description_str("reading tables")
            for gate in reading:
                with suppress(Exception, SystemExit):  # it lacks what it did not ask for
                    gate.request_counts(given)
            if "data" in given and reading:
                with suppress(Exception, SystemExit):
                    given.profile()
            for entry in self._entries:
                if bar is not None:
                    bar.set_description_str(entry.name)
                results[entry.name] = _result(entry, given, results)
                if bar is not None:
                    bar.update()
        seconds = perf_counter() - clock
        return Report(
            name=self.name,
            results=tuple(results.values()),
            provenance=provenance(given, self._written(), started, seconds, _seed(results)),
        )


def _seed(results: Mapping[str, GateResult]) -> int | None:
    """Return the seed of what gates drew at random; None where they drew nothing."""
    details = (check.details for result in results.values() for check in result.checks)
    seeds = (told.get("seed") for told in details)
    return next((seed for seed in seeds if isinstance(seed, int)), None)


def _written(gate: Gate) -> str:
    try:
        return repr(gate)
    except Exception as error:  # noqa: BLE001
        return f"<{gate.kind} {gate.name!r}, not to be written: {type(error).__name__}>"


def _entries_of(item: object, earlier: list[Entry]) -> list[Entry]:
    """Return a gate as an entry, or a suite's entries under its name."""
    if isinstance(item, GateSuite):
        return [
            replace(
                e, name=f"{item.name}/{e.name}", after=tuple(f"{item.name}/{n}" for n in e.after)
            )
            for e in item._entries  # noqa: SLF001
        ]
    if not isinstance(item, Gate):
        hint = "; decorate the function with @mlgates.gate" if callable(item) else ""
        if isinstance(item, type) and issubclass(item, Gate):
            hint = f"; call it: {item.__name__}(...)"
        raise options.refuse(_OWNER, "gates", "gates or suites", item, hint)
    name = str(item.name)
    after = {
        entry.name: None
        for pattern in item.after
        for entry in _matching(earlier, pattern, f"{name}: `after`", "earlier gate")
    }
    return [Entry(name, item, tuple(after))]


def _matching(
    entries: Iterable[Entry], pattern: str, owner: str, what: str = "gate"
) -> list[Entry]:
    """Return the entries that a name, kind or pattern means; one that means none is an error."""
    entries = list(entries)
    found = [entry for entry in entries if entry.matches(pattern)]
    if not found:
        known = [entry.name for entry in entries]
        there = f"there are {', '.join(map(repr, known))}" if known else "there is none before it"
        listed = f"; {there}"
        near = options.did_you_mean(pattern, known) or listed
        msg = f"{owner}: {pattern!r} means no {what}{near}"
        raise OptionError(msg)
    return found


def _result(entry: Entry, evidence: Evidence, earlier: dict[str, GateResult]) -> GateResult:
    if entry.skipped is not None:
        return blocked_result(entry.gate, entry.name, Verdict.SKIP, f"skipped: {entry.skipped}")
    blockers = [name for name in entry.after if not earlier[name].passed]
    if blockers:
        return blocked_result(
            entry.gate, entry.name, Verdict.INCONCLUSIVE, f"blocked by {', '.join(blockers)}"
        )
    return run_gate(entry.gate, evidence, entry.name)
