"""The class `GateSuite`: several gates that run in order on the same tables and models."""

import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from time import perf_counter
from typing import Any, Never, Unpack, final

from mlgates import options
from mlgates._gate import Gate, blocked_result, run_gate
from mlgates.errors import OptionError, suppress_errors
from mlgates.evidence import Evidence, EvidenceNames
from mlgates.profile.plan import Plan
from mlgates.progress import show_progress
from mlgates.provenance import identities, provenance
from mlgates.report import GateResult, Report, plain_metadata
from mlgates.verdict import Verdict

__all__ = ["GateSuite", "changed", "subset"]

_OWNER = "GateSuite"
_WILDCARDS = frozenset("*?[")
_MOST_NAMES = 10  # of the gates that block another


@dataclass(frozen=True, slots=True)
class Entry:
    """A gate in a suite, and its place there.

    `name` is its full name in the suite, such as ``"inner/schema"``. `after` has the full names of
    the gates that must pass before this one runs. `skipped` is the reason why the gate does not
    run, and None if it runs.
    """

    name: str
    gate: Gate
    after: tuple[str, ...] = ()
    skipped: str | None = None

    def matches(self, pattern: str) -> bool:
        """Return whether a pattern selects this gate.

        A pattern is the name of the gate, its kind (the name of its class in snake case, such as
        ``"drift"``), or a name with wildcards as in `fnmatch`.
        """
        return fnmatchcase(self.name, pattern) or pattern in (self.name, self.gate.kind)


@final
class GateSuite(options.OptionsByName):
    """A suite of gates, which run in order on the same tables and models and give one report.

    Parameters
    ----------
    gates : iterable of Gate or GateSuite
        The gates, at least one. The gates of an inner suite become gates of this suite; their names
        are ``inner/gate``.
    name : str
        Name of the suite.

    Raises
    ------
    OptionError
        If there are no gates, if two gates have the same name, or if the option `after` of a gate
        matches no earlier gate.

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
        earlier = _Earlier(entries)
        items: Iterable[object] = gates
        for item in items:
            if isinstance(item, GateSuite):
                full = {name: f"{item.name}/{name}" for name in item.names}
                for entry in item._entries:  # noqa: SLF001
                    after = tuple(full[name] for name in entry.after)
                    entries.append(replace(entry, name=full[entry.name], after=after))
                continue
            if not isinstance(item, Gate):
                hint = "; decorate the function with @mlgates.gate" if callable(item) else ""
                if isinstance(item, type) and issubclass(item, Gate):
                    hint = f"; call it: {item.__name__}(...)"
                raise options.refuse(_OWNER, "gates", "gates or suites", item, hint)
            entries.append(Entry(str(item.name), item, earlier.names_after(item)))
        self._fill(options.text(_OWNER, "name", name), entries)

    def _fill(self, name: str, entries: list[Entry]) -> None:
        if not entries:
            raise OptionError(f"GateSuite {name!r}: at least one gate is needed")
        seen: set[str] = set()
        for entry in entries:
            key = unicodedata.normalize("NFC", entry.name).casefold()
            if key in seen:
                twice = f"two gates are named {entry.name!r}"
                raise OptionError(f"GateSuite {name!r}: {twice}; set `name=` on one of them")
            seen.add(key)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "_entries", tuple(entries))

    def __setattr__(self, option: str, value: object) -> None:
        raise AttributeError(f"a GateSuite is immutable: `{option}` can't be set")

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
        """Whether a gate, or a gate of that name, is in the suite."""
        return any(gate in (entry.gate, entry.name) for entry in self._entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GateSuite):
            return NotImplemented
        return (self.name, self._entries) == (other.name, other._entries)

    def __hash__(self) -> int:
        return hash((self.name, self._entries))

    def __repr__(self) -> str:
        return f"GateSuite([{', '.join(map(repr, self))}], name={self.name!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the gates in this suite, in order."""
        return tuple(entry.name for entry in self._entries)

    @property
    def needs(self) -> frozenset[str]:
        """The names of the arguments of `run` that the gates require, such as ``"data"``."""
        return frozenset().union(*(gate.needs for gate in self))

    def __add__(self, other: "GateSuite") -> "GateSuite":
        """Return a suite with the gates of both suites and the name of the first."""
        if not isinstance(other, GateSuite):
            return NotImplemented
        return GateSuite._of(self.name, [*self._entries, *other._entries])

    def only(self, *patterns: str) -> "GateSuite":
        """Return a suite of the gates that match at least one of the given patterns.

        A pattern is the name of a gate, its kind (``"drift"`` for all gates of the class `Drift`),
        or a name with wildcards such as ``"drift*"``. If the option `after` of a gate names a gate
        that is left out, the gate does not wait for it.

        Raises
        ------
        OptionError
            If a pattern matches no gate.
        """
        return subset(self, {entry.name for entry in self._matched(patterns)})

    def skip(self, *patterns: str, reason: str) -> "GateSuite":
        """Return a suite in which the gates that match a pattern do not run; their verdict is SKIP.

        A pattern is the name of a gate, its kind (``"drift"`` for all gates of the class `Drift`),
        or a name with wildcards such as ``"drift*"``. The report shows the `reason`.

        Raises
        ------
        OptionError
            If a pattern matches no gate, or if the reason is empty.
        """
        reason = options.text("GateSuite.skip", "reason", reason)
        skipped = {entry.name for entry in self._matched(patterns)}
        return GateSuite._of(
            self.name,
            [replace(e, skipped=reason) if e.name in skipped else e for e in self._entries],
        )

    def offending_rows(self, name: str, data: Any, **evidence: object) -> Any:
        """Return all rows of a table that break the rule of one gate of this suite.

        The result has the form that `Gate.offending_rows` describes: normally a table of the same
        type.

        Parameters
        ----------
        name : str
            The name of a gate, or its kind or a name with wildcards, as in `only`, if exactly one
            gate matches.
        data : table
            Anything that ``data=`` takes.
        **evidence
            Further arguments of `run` that the gate needs, such as ``reference=``.

        Raises
        ------
        OptionError
            If the name matches no gate or several gates, or if the gate has no rule for single
            rows.
        EvidenceError
            As in `Gate.offending_rows`.

        Examples
        --------
        >>> import mlgates as mg
        >>> suite = mg.GateSuite([mg.Rule("start <= end"), mg.Completeness()])
        >>> suite.offending_rows("rule:start <= end", {"start": [1, 5], "end": [2, 4]})
        {'start': [5], 'end': [4]}
        """
        owner = "GateSuite.offending_rows"
        options.text(owner, "name", name)
        exact = [entry for entry in self._entries if entry.name == name]
        found = exact or _matching(list(self._entries), name, owner)
        if len(found) > 1:
            names = ", ".join(repr(entry.name) for entry in found)
            raise OptionError(
                f"{owner}: {name!r} matches several gates ({names}); name one of them"
            )
        return found[0].gate.offending_rows(data, **evidence)

    @classmethod
    def from_toml(cls, text: str) -> "GateSuite":
        r"""Make a suite from a string in TOML, such as `to_toml` returns.

        Parameters
        ----------
        text : str
            A table ``[suite]`` with the name of the suite, and a table ``[[gates]]`` for each gate
            with its class and options. The key ``suite = "inner"`` puts a gate into an inner suite,
            and the key ``skip = "reason"`` skips a gate.

        Raises
        ------
        OptionError
            For a string that is not TOML, for an unknown key or gate (the message suggests a
            similar name), and for an invalid value of an option.

        Examples
        --------
        >>> GateSuite.from_toml('[[gates]]\ngate = "Completeness"')
        GateSuite([Completeness()], name='suite')
        """
        from mlgates.suite_toml import read_suite

        if not isinstance(text, str):
            raise options.refuse(_OWNER, "text", "a text in TOML", text)
        name, gates = read_suite(text)
        entries: list[Entry] = []
        # For each suite, by its name ("" for the whole): its gates so far, by their names in it.
        earlier = {"": _Earlier(entries)}
        for gate, suite, skip in gates:
            prefix = f"{suite}/" if suite else ""
            names = earlier.setdefault(suite, _Earlier([])).names_after(gate)
            after = tuple(f"{prefix}{name}" for name in names)
            entry = Entry(f"{prefix}{gate.name}", gate, after, skip)
            entries.append(entry)
            parts = entry.name.split("/")
            for i in range(1, len(parts)):
                inner = earlier.setdefault("/".join(parts[:i]), _Earlier([]))
                inner.entries.append(replace(entry, name="/".join(parts[i:])))
        return cls._of(options.text(_OWNER, "name", name), entries)

    def to_toml(self) -> str:
        """Return the suite as a string in TOML, from which `from_toml` makes an equal suite.

        Raises
        ------
        OptionError
            If the suite has something that can't be written in TOML: a function, a gate class of
            your own, or a gate whose option `after` names a gate that `only` left out.

        Examples
        --------
        >>> import mlgates as mg
        >>> print(mg.GateSuite([mg.Drift("psi", at_most=0.2)], name="nightly").to_toml())
        [suite]
        name = "nightly"
        <BLANKLINE>
        [[gates]]
        gate = "Drift"
        at_most = 0.2
        <BLANKLINE>
        """
        from mlgates.suite_toml import WrittenGate, write_suite

        gates = []
        for entry in self._entries:
            suite = entry.name.removesuffix(str(entry.gate.name)).removesuffix("/")
            gates.append(WrittenGate(entry.gate, suite, entry.skipped))
        text = write_suite(self.name, gates)
        try:
            again = GateSuite.from_toml(text)
        except OptionError as error:
            raise OptionError(
                f"GateSuite {self.name!r} can't be written in TOML: {error}"
            ) from error
        for ours, theirs in zip(self._entries, again._entries, strict=True):  # noqa: SLF001
            if ours != theirs:
                raise OptionError(
                    f"GateSuite {self.name!r} can't be written in TOML: the gate {ours.name!r} "
                    "would differ after it is read again"
                )
        return text

    def _matched(self, patterns: tuple[str, ...]) -> list[Entry]:
        if not patterns:
            raise OptionError(f"GateSuite {self.name!r}: at least one pattern is needed")
        for pattern in patterns:
            _matching(list(self._entries), options.text(_OWNER, "pattern", pattern), self.name)
        return [e for e in self._entries if any(e.matches(pattern) for pattern in patterns)]

    def run(
        self,
        *positional: Never,
        n_jobs: int | None = None,
        progress: bool = False,
        metadata: Mapping[str, object] | None = None,
        **evidence: Unpack[EvidenceNames],
    ) -> Report:
        """Run all gates in order and return a report with their results.

        Parameters
        ----------
        n_jobs : int, optional
            Number of threads that read a table. By default it is the number of processors if the
            table is large, and 1 otherwise.
        progress : bool
            Whether to show which gate is running: in a terminal or a notebook by a progress bar of
            ``tqdm``, in a log by a line for each gate. In pytest nothing is shown.
        metadata : Mapping, optional
            What the report shall say about the run, such as ``{"model": "credit", "version":
            "7"}``. The values can be None, bools, numbers, strings, sequences and mappings. Every
            form of the report shows them, but hides URLs, e-mail addresses and secrets in them.
        **evidence
            What the gates judge, by name: tables, labels, predictions and models as ``data=``,
            ``reference=``, ``y_true=``, ``model=``, ... None means that the value is not given.

        Returns
        -------
        Report
            The results of all gates. If a value that a gate needs is missing or invalid, or if a
            gate raises an exception, its verdict is ERROR, and the other gates still run.

        Raises
        ------
        EvidenceError
            For an unknown name of an argument.
        OptionError
            For an invalid `n_jobs`, `progress` or `metadata`.
        TypeError
            For a value that is given without a name.
        """
        options.by_name_only("GateSuite.run", positional)
        if n_jobs is not None:
            options.count("GateSuite.run", "n_jobs", n_jobs, at_least=1)
        options.flag("GateSuite.run", "progress", progress)
        about = plain_metadata("GateSuite.run", {} if metadata is None else metadata)
        started, start = datetime.now(UTC), perf_counter()
        used = frozenset().union(*(e.gate.needs | e.gate.optional_evidence for e in self._entries))
        given = Evidence(evidence, also=used, n_jobs=n_jobs, progress=progress)
        models = identities(given)
        results: dict[str, GateResult] = {}
        not_passed: set[str] = set()
        with show_progress(len(self._entries), shown=progress) as shown:
            # all tables are scanned first, so that the seconds of gates do not include it
            shown.describe("reading tables")
            for entry in self._entries:
                if entry.skipped is None:
                    given.collect_requests(entry.name, entry.gate.request_counts)
            given.scan()
            for entry in self._entries:
                gate, name = entry.gate, entry.name
                shown.begin(name)
                blockers = [other for other in entry.after if other in not_passed]
                if entry.skipped is not None:
                    said = f"skipped: {entry.skipped}"
                    results[name] = blocked_result(gate, name, Verdict.SKIP, said)
                elif blockers:
                    more = len(blockers) - _MOST_NAMES
                    names = (f"`{name}`" for name in blockers[:_MOST_NAMES])
                    said = f"not run, because {', '.join(names)}"
                    said += f" and {more:,} more" if more > 0 else ""
                    said += " did not pass"
                    results[name] = blocked_result(gate, name, Verdict.INCONCLUSIVE, said)
                else:
                    results[name] = run_gate(gate, given, name)
                if not results[name].passed:
                    not_passed.add(name)
                shown.step()
        seconds = perf_counter() - start
        seeds: dict[str, int] = {}
        for name, result in results.items():
            for check in result.checks:
                seed = check.details.get("seed")
                if isinstance(seed, int):
                    seeds.setdefault(name, seed)
        return Report(
            name=self.name,
            results=tuple(results.values()),
            provenance=provenance(
                given, self._written(), started, seconds, seeds=seeds, models=models
            ),
            metadata=about,
        )

    def plan(self, *, data: object, reference: object = None, now: datetime | None = None) -> Plan:
        """Return a plan to count the parts of a table, and to judge them together as one table.

        Each part can be counted on another machine or on another day: ``plan.count(part)`` returns
        its profile, which has the counts that the gates need. Merge the profiles and give the
        result to `run` as ``data=``. The verdicts are those of a run on all rows.

        Parameters
        ----------
        data : table or pyarrow.Schema
            One part of the table, with or without rows, or its schema.
        reference : table, Baseline or path, optional
            The reference, as in `run`. A `Baseline` (stored statistics of a reference) is better
            than a table: with a large table, some gates need all values of the data, and the size
            of the profiles grows with the number of rows.
        now : datetime, optional
            The time, with a time zone, relative to which the age of timestamps is computed; by
            default the present time. Give the same time to `run`.

        Returns
        -------
        Plan
            The plan, which can be pickled. Its method ``count`` returns the profile of a part.
            Gates that need more than counts, such as functions of the whole table, are left out; in
            `run` their verdict is ERROR.

        Raises
        ------
        EvidenceError
            If `data` is not a table, or if `reference` or `now` is invalid.

        Examples
        --------
        >>> import mlgates as mg
        >>> suite = mg.GateSuite([mg.Schema({"x": mg.Column("int", at_least=0)})])
        >>> plan = suite.plan(data={"x": [1]})
        >>> whole = plan.count({"x": [5, 7]}).merge(plan.count({"x": [-2]}))
        >>> suite.run(data=whole).results[0].reason
        '1 of 3 values of `x` (33.3 %) is below 0; the limit is at most 0 %'
        """
        is_schema = type(data).__module__ == "pyarrow.lib" and hasattr(data, "empty_table")
        table = data.empty_table() if is_schema else data  # type: ignore[attr-defined]
        given = Evidence({"data": table, "reference": reference, "now": now}, in_parts=True)
        for entry in self._entries:
            if entry.skipped is None:
                given.collect_requests(entry.name, entry.gate.request_counts)
        return given.plan()

    def _written(self) -> str:
        """Return the repr of the suite; a gate with a repr that raises is shown by its kind."""
        written = []
        for entry in self._entries:
            with suppress_errors() as caught:
                written.append(repr(entry.gate))
            if caught.error is not None:
                kind, why = entry.gate.kind, type(caught.error).__name__
                written.append(f"<{kind} {entry.gate.name!r}, repr raised {why}>")
        return f"GateSuite([{', '.join(written)}], name={self.name!r})"


class _Earlier:
    """The gates of a suite so far, while it is made, to find those that an option `after` names.

    The caller appends gates to `entries`. The matches of each pattern are kept, so that only new
    gates are compared with it.
    """

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self._indexed = 0
        self._named: dict[str, list[str]] = {}
        self._matched: dict[str, tuple[int, list[str]]] = {}

    def names_after(self, gate: Gate) -> tuple[str, ...]:
        """Return the names of the earlier gates that must pass before a gate, by its `after`."""
        names: dict[str, None] = {}
        for pattern in gate.after:
            found = self._find(pattern)
            if not found:
                raise _no_match(self.entries, pattern, f"{gate.name}: `after`", "earlier gate")
            names |= dict.fromkeys(found)
        return tuple(names)

    def _find(self, pattern: str) -> list[str]:
        for entry in self.entries[self._indexed :]:
            for key in {entry.name, entry.gate.kind}:
                self._named.setdefault(key, []).append(entry.name)
        self._indexed = len(self.entries)
        if not _WILDCARDS.intersection(pattern):
            return self._named.get(pattern, [])
        compared, names = self._matched.get(pattern, (0, []))
        names += [entry.name for entry in self.entries[compared:] if entry.matches(pattern)]
        self._matched[pattern] = self._indexed, names
        return names


def subset(suite: GateSuite, names: Collection[str]) -> GateSuite:
    """Return a suite of the gates with the given names.

    If the option `after` of a gate names a gate that is left out, the gate does not wait for it.
    """
    kept = [
        replace(entry, after=tuple(name for name in entry.after if name in names))
        for entry in suite._entries  # noqa: SLF001
        if entry.name in names
    ]
    return GateSuite._of(suite.name, kept)  # noqa: SLF001


def changed(suite: GateSuite, change: Callable[[Gate], Gate]) -> GateSuite:
    """Return a suite in which each gate is replaced by ``change(gate)``, under the same name."""
    entries = [replace(entry, gate=change(entry.gate)) for entry in suite._entries]  # noqa: SLF001
    return GateSuite._of(suite.name, entries)  # noqa: SLF001


def _matching(entries: list[Entry], pattern: str, owner: str) -> list[Entry]:
    """Return the entries that match a pattern; raise OptionError if there are none.

    `owner` is the name of the suite or of the method, for the message.
    """
    found = [entry for entry in entries if entry.matches(pattern)]
    if not found:
        raise _no_match(entries, pattern, owner, "gate")
    return found


def _no_match(entries: list[Entry], pattern: str, owner: str, what: str) -> OptionError:
    """Return the error for a pattern that matches no gate, with the most similar names.

    `owner` is the method or option that got the pattern, and `what` describes what was searched.
    """
    names = [entry.name for entry in entries]
    there = (
        f"; the {what}s are: {', '.join(map(repr, names))}"
        if names
        else "; there are no earlier gates"
    )
    near = options.did_you_mean(pattern, names) or there
    return OptionError(f"{owner}: {pattern!r} matches no {what}{near}")
