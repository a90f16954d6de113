"""The function `compare`: what changed between two reports."""

import math
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast, final

from mlgates import jsonfile, options
from mlgates.report import GateResult, Report
from mlgates.verdict import Check

__all__ = ["AREAS", "Change", "Comparison", "compare", "started"]

FORMAT = "mlgates.comparison"
VERSION = 1
#: In each area, the parts of the provenance that belong to it.
AREAS: Mapping[str, tuple[str, ...]] = {
    "verdicts": (),
    "numbers": (),
    "data": ("tables", "values"),
    "models": ("models",),
    "code": ("commit", "dirty"),
    "configuration": ("suite", "seed", "seeds", "deselected"),
    "environment": ("versions", "platform"),
}
#: The hash by which two tables, and two models, are compared.
_HASHES = (("data", "tables", "fingerprint"), ("models", "models", "sha256"))

What = Literal["changed", "added", "removed", "unknown"]
_CheckKey = tuple[str, str | None, str, int]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference between two reports, or one value that can't be compared.

    The differences of a `Comparison` are such objects.

    Parameters
    ----------
    area : {"verdicts", "numbers", "data", "models", "code", "configuration", "environment"}
        The part of the reports that differs.
    name : str
        What differs, such as ``"data.fingerprint"``, ``"model.params.C"`` or ``"drift:psi age"``.
    what : {"changed", "added", "removed", "unknown"}
        "changed": both reports have a value, and the values differ. "added": only the new report
        has a value. "removed": only the old report has a value. "unknown": it is not known whether
        the value changed, because a report did not record it. The name ``"dirty"`` (whether a run
        had uncommitted changes) is also "unknown" if it is True in both reports and the commits are
        equal, because the uncommitted changes of the two runs may differ.
    old, new : object
        The value in each report; None if the report has none.
    unit : str
        Unit of the values if they are numbers, as in `Check`; "" otherwise.
    """

    area: str
    name: str
    what: What = "changed"
    old: object = None
    new: object = None
    unit: str = ""


@final
@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison:
    """What changed between two reports, as `compare` returns it.

    Parameters
    ----------
    old, new : Report
        The two reports that were compared.
    changes : tuple of Change
        The differences, in the order of their areas: verdicts, numbers, data, models, code,
        configuration, environment. The times of the runs are not compared.
    """

    old: Report
    new: Report
    changes: tuple[Change, ...]

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of the areas in which the reports differ, such as ``"data"``."""
        found = {each.area for each in self.changes if each.what != "unknown"}
        return tuple(area for area in AREAS if area in found)

    @property
    def unknown(self) -> tuple[str, ...]:
        """The names of the areas, such as ``"data"``, in which some values can't be compared.

        A value can't be compared if one of the reports did not record it. The area ``"code"`` is
        also in the result if both runs had uncommitted changes to the same commit, because these
        changes may differ. An area can be in both `changed` and `unknown`.
        """
        found = {each.area for each in self.changes if each.what == "unknown"}
        return tuple(area for area in AREAS if area in found)

    def to_dict(self) -> dict[str, object]:
        """Return the differences as dicts, lists, strings and numbers, for JSON."""
        return {
            "format": FORMAT,
            "version": VERSION,
            **{
                side: {
                    "name": report.name,
                    "verdict": str(report.verdict),
                    "started": started(report),
                }
                for side, report in (("old", self.old), ("new", self.new))
            },
            "changes": [
                {
                    "area": each.area,
                    "name": each.name,
                    "what": each.what,
                    "old": jsonfile.plain(each.old, quote=True),
                    "new": jsonfile.plain(each.new, quote=True),
                }
                for each in self.changes
            ],
        }

    def to_markdown(self) -> str:
        """Return the differences as Markdown, for a pull request or the summary of a CI job."""
        # imported here, because the renderer imports this module
        from mlgates.render.comparisons import to_markdown

        return to_markdown(self)

    def __str__(self) -> str:
        from mlgates.render.comparisons import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return f"<Comparison {self.old.name!r}: {len(self.changes)} changes>"


def compare(
    old: Report | str | os.PathLike[str], new: Report | str | os.PathLike[str]
) -> Comparison:
    """Return what changed between two reports: results, data, models, code and settings.

    Parameters
    ----------
    old, new : Report, str or Path
        The reports, or the paths of their ``.json`` files.

    Returns
    -------
    Comparison
        The differences. A check of one report is compared with the check of the other that has the
        same gate, subject, slice and metric. Numbers that differ only in the 12th digit or beyond
        count as equal.

    Raises
    ------
    EvidenceError
        If a file is missing or is not a saved report.
    OptionError
        If an argument is neither a report nor a path.

    Examples
    --------
    >>> import mlgates as mg
    >>> suite = mg.GateSuite([mg.Completeness(max_missing=0.2)])
    >>> old, new = (suite.run(data={"x": x}) for x in ([1, 2], [1, None]))
    >>> comparison = mg.compare(old, new)
    >>> comparison.changed
    ('verdicts', 'numbers', 'data')
    >>> comparison.changes[0]
    Change(area='verdicts', name='the report', what='changed', old='pass', new='fail', unit='')
    """
    before, after = _report("old", old), _report("new", new)
    changes = [*_results(before, after), *_provenance(before, after)]
    places = {area: place for place, area in enumerate(AREAS)}
    changes.sort(key=lambda each: places[each.area])
    return Comparison(old=before, new=after, changes=tuple(changes))


def started(report: Report) -> str | None:
    """Return the time at which the run of a report began, as a string; None if not recorded."""
    found = report.provenance.get("started")
    return found if isinstance(found, str) else None


def _report(option: str, given: object) -> Report:
    if type(given) is Report:
        return given
    if isinstance(given, str | os.PathLike):
        return Report.load(given)
    owner = "compare"
    raise options.refuse(owner, option, "a report or the path of its .json file", given)


def _results(old: Report, new: Report) -> Iterator[Change]:
    """Yield the changes of verdicts, of numbers, and of limits."""
    yield from _differences("verdicts", {"the report": old.verdict}, {"the report": new.verdict})
    ours, theirs = ({result.name: result for result in report} for report in (old, new))
    for name in {**ours, **theirs}:
        pair = [results.get(name) for results in (ours, theirs)]
        yield from _differences(
            "verdicts", *({name: r.verdict} if r is not None else {} for r in pair)
        )
        before, after = pair
        if before is not None and after is not None:
            yield from _checks(before, after)


def _checks(old: GateResult, new: GateResult) -> Iterator[Change]:
    """Yield the changes of the checks of one gate."""
    ours, theirs = _by_key(old), _by_key(new)
    numbers: list[tuple[float, Change]] = []
    for key in {**ours, **theirs}:
        subject, group, metric, _ = key
        repeated = subject in (old.name, old.kind, metric)
        parts = (old.name, "" if repeated else subject, group or "", metric)
        name = " ".join(part for part in parts if part)
        before, after = ours.get(key), theirs.get(key)
        verdicts = [{} if check is None else {name: check.verdict} for check in (before, after)]
        yield from _differences("verdicts", *verdicts)
        if before is None or after is None:
            continue
        limits = [
            {} if c.limit is None else {f"{name}, limit": str(c.limit)} for c in (before, after)
        ]
        yield from _differences("configuration", *limits)
        change = Change(
            area="numbers", name=name, old=before.value, new=after.value, unit=after.unit
        )
        moved = _distance(before.value, after.value)
        if moved:
            numbers.append((moved, change))
        if before.n != after.n:
            rows = Change(area="numbers", name=f"{name}, n", old=before.n, new=after.n)
            numbers.append((0.0, rows))
    numbers.sort(key=lambda each: -each[0])
    yield from (change for _, change in numbers)


def _by_key(result: GateResult) -> dict[_CheckKey, Check]:
    """Return the checks by subject, slice, metric and a number, which counts repetitions."""
    found: dict[_CheckKey, Check] = {}
    seen: Counter[tuple[str, str | None, str]] = Counter()
    for check in result.checks:
        key = (check.subject, check.group, check.metric)
        found[*key, seen[key]] = check
        seen[key] += 1
    return found


def _distance(old: float | None, new: float | None) -> float:
    """Return the relative difference of two numbers; 0 if they are equal."""
    if old is None or new is None:
        return 0.0 if old is new else math.inf
    if old == new or math.isclose(old, new, rel_tol=1e-12):
        return 0.0
    if math.isinf(old) or math.isinf(new):
        return math.inf
    return abs(new - old) / max(abs(old), abs(new))


def _provenance(old: Report, new: Report) -> Iterator[Change]:
    """Yield the changes of data, models, code, configuration and environment."""
    ours, theirs = dict(old.provenance), dict(new.provenance)
    # `seed` is the first of `seeds`, which reports of older versions lack
    repeated = "seed" if "seeds" in ours and "seeds" in theirs else "seeds"
    for side in (ours, theirs):
        side.pop(repeated, None)
    unknown = list(_unknown(ours, theirs))
    yield from unknown
    skipped = {(each.area, each.name) for each in unknown}
    for area, sections in AREAS.items():
        for section in sections:
            parts = []
            for side in (ours, theirs):
                found = side.get(section)
                prefix = "" if isinstance(found, Mapping) and section != "seeds" else section
                parts.append(dict(_leaves(prefix, found)))
            for change in _differences(area, *parts):
                if (area, change.name) not in skipped and (area, section) not in skipped:
                    yield change
    about = [{"name": each.name, "metadata": each.metadata} for each in (old, new)]
    yield from _differences("configuration", *(dict(_leaves("", each)) for each in about))


#: Parts of the provenance that a report can lack. For "commit" and "dirty", `_unknown` has further
#: rules.
_OPTIONAL = frozenset({"commit", "dirty", "seed", "seeds", "deselected"})


def _unknown(old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Change]:
    """Yield an "unknown" change for each value that can't be compared.

    These are the values that one of the reports lacks. "dirty" (whether a run had uncommitted
    changes) is also one of them if it is True in both reports and the commits are equal.
    """
    for area, sections in AREAS.items():
        for section in sections:
            # reports of older versions lack whole sections
            if section not in _OPTIONAL and (section not in old or section not in new):
                before, after = old.get(section), new.get(section)
                yield Change(area=area, name=section, what="unknown", old=before, new=after)
    for area, section, leaf in _HASHES:
        ours, theirs = old.get(section), new.get(section)
        if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
            for name in ours:
                sides = ours[name], theirs.get(name)
                if all(isinstance(side, Mapping) for side in sides):
                    marks = [cast("Mapping[str, object]", side).get(leaf) for side in sides]
                    if None in marks:
                        before, after = marks
                        full = f"{name}.{leaf}"
                        yield Change(area=area, name=full, what="unknown", old=before, new=after)
    commits = old.get("commit"), new.get("commit")
    dirty = old.get("dirty"), new.get("dirty")
    if None in commits:
        yield Change(area="code", name="commit", what="unknown", old=commits[0], new=commits[1])
    if None in dirty or (dirty == (True, True) and commits[0] == commits[1]):
        yield Change(area="code", name="dirty", what="unknown", old=dirty[0], new=dirty[1])


def _leaves(name: str, value: object) -> Iterator[tuple[str, object]]:
    """Yield the values in nested mappings, except None, with their keys joined by dots."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            part = f"'{key}'" if "." in key else key  # {"a.b": 1} differs from {"a": {"b": 1}}
            yield from _leaves(f"{name}.{part}" if name else part, item)
    elif value is not None:
        yield name, value


def _differences(
    area: str, old: Mapping[str, object], new: Mapping[str, object]
) -> Iterable[Change]:
    """Yield a change for each name that has different values or is missing on one side."""
    for name in {**old, **new}:
        before, after = old.get(name), new.get(name)
        if name not in old:
            yield Change(area=area, name=name, what="added", new=_plain(after))
        elif name not in new:
            yield Change(area=area, name=name, what="removed", old=_plain(before))
        elif before != after:
            yield Change(area=area, name=name, old=_plain(before), new=_plain(after))


def _plain(value: object) -> object:
    return str(value) if isinstance(value, str) else value  # a verdict as a string
