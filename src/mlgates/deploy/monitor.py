"""`Monitor`: run a suite on each window of production data, with few false alarms over time."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import chain
from statistics import NormalDist
from typing import Any, Never, Unpack, cast, final

import numpy as np

from mlgates import options
from mlgates._gate import Gate, blocked_result, reason_of
from mlgates.deploy.history import History
from mlgates.evidence import Evidence, EvidenceNames
from mlgates.report import GateResult, Report
from mlgates.stats.sequential import shiryaev_roberts
from mlgates.suite import GateSuite, changed, subset
from mlgates.verdict import (
    Check,
    Limit,
    Measurement,
    Verdict,
    format_interval,
    format_number,
    slice_clause,
)

__all__ = ["Monitor"]

_OWNER = "Monitor"
_NAME = "monitor"
_LISTED = 5
#: Slow changes are tracked if the reference has at least this many times the rows of a window.
_ENOUGH = 20


@final
class Monitor:
    """Run a suite on each window of production data, and store the reports.

    A window is a period of production data, such as a day. If a suite has a false alarm in one of
    20 runs, and is run every three minutes, there is a false alarm every hour. A monitor limits the
    rate of false alarms: if nothing changes, at most one FAIL is expected in `alarm_every` windows.
    This applies to the gates that decide by significance or by an interval.

    A monitor also detects changes that are too slow to be seen in a single window. The result of
    this test is added to each report under the name "monitor".

    Parameters
    ----------
    suite : GateSuite
        The suite to run. None of its gates may be named "monitor".
    reference : table, path, Baseline or Profile, optional
        The reference with which all windows are compared. By default there is none.
    history : History, str or Path
        The history to which reports are appended, or the path of its file.
    alarm_every : int
        Number of windows in which at most one false alarm is expected. With the default, 1,000, and
        one window per hour, this is at most one false alarm in about 42 days.

    Raises
    ------
    OptionError
        If an option is invalid.

    Notes
    -----
    Let ``A`` be `alarm_every`, and ``G`` the number of gates that decide by significance or by an
    interval. Each of these gates may have a false FAIL in a window with a probability of at most
    ``alpha = 1 / (2 A G)``:

    - A gate that decides by significance uses alpha as its level, or its own level if that is
      smaller.
    - For a gate that decides by an interval and has k checks, a check is FAIL only if the interval
      at the higher confidence ``1 - 2 alpha / k`` also excludes the limit. Otherwise the check is
      INCONCLUSIVE. For PASS, the gate's own confidence is used. A bootstrap interval is not
      computed again, but widened by the ratio of the normal quantiles of both levels.
    - The rate of false alarms of a gate that judges by the value alone, not by an interval or a
      test, is not known. The result "monitor" lists such gates.

    These rules use half of the allowed false alarms. The other half is for slow changes. They are
    detected with the Shiryaev-Roberts statistic [1]_, which adds up evidence over all windows:

    - Each column or metric with a p-value has a number ``R``, which is 0 at first. With the p-value
      ``p`` of a window, ``R`` becomes ``(R + 1) / (2 sqrt(p))``.
    - If the mean of all ``R`` reaches ``2 A``, an alarm is raised, and every ``R`` is set to 0
      again. If nothing changes, at least ``2 A`` windows are expected until an alarm.
    - At an alarm, the result "monitor" is a FAIL if a column or metric with an ``R`` of at least
      ``2 A`` is also beyond its limit in this window. Otherwise it is a PASS, and its reason
      mentions the alarm.

    If the reference of a check has fewer than 20 times as many rows as the window, this check is
    not tested for slow changes, and the result "monitor" says so. The sampling error of such a
    reference is the same in all windows, and would look like a slow change.

    Windows must not overlap. If a window has no labels yet, the gates that need `y_true` have the
    verdict SKIP. Run the monitor again with the same `at` when the labels have arrived.

    References
    ----------
    .. [1] Shin, J., Ramdas, A. and Rinaldo, A. (2024). E-detectors: a nonparametric framework for
       sequential change detection. New England Journal of Statistics in Data Science 2, 229-260.

    Examples
    --------
    >>> import tempfile
    >>> import mlgates as mg
    >>> from datetime import UTC, datetime
    >>> folder = tempfile.TemporaryDirectory()
    >>> train = {"x": range(100_000)}
    >>> suite = mg.GateSuite([mg.Drift("ks")])
    >>> monitor = mg.Monitor(suite, reference=train, history=f"{folder.name}/reports.jsonl")
    >>> report = monitor.run(data={"x": range(0, 100_000, 50)}, at=datetime(2026, 1, 1, tzinfo=UTC))
    >>> report.verdict, report["monitor"].reason
    (<Verdict.PASS: 'pass'>, 'no slow change: ...')
    >>> folder.cleanup()
    """

    __slots__ = ("alarm_every", "history", "reference", "suite")

    suite: GateSuite
    reference: object
    history: History
    alarm_every: int

    def __init__(
        self,
        suite: GateSuite,
        *,
        history: History | str | os.PathLike[str],
        reference: object = None,
        alarm_every: int = 1_000,
    ) -> None:
        if not isinstance(suite, GateSuite):
            raise options.refuse(_OWNER, "suite", "a GateSuite", suite)
        if _NAME in suite.names:
            allowed = (
                f"a suite without a gate named {_NAME!r}, the name of the monitor's own result"
            )
            raise options.refuse(_OWNER, "suite", allowed, list(suite.names))
        self.suite, self.reference = suite, reference
        self.history = history if isinstance(history, History) else History(history)
        self.alarm_every = options.count(_OWNER, "alarm_every", alarm_every, at_least=1)

    def __repr__(self) -> str:
        return f"Monitor({self.suite!r}, {self.history!r}, alarm_every={self.alarm_every})"

    @property
    def alpha(self) -> float:
        """Allowed probability of a false FAIL of one gate in one window, as `Monitor` says."""
        covered = sum(_rule(gate) != "estimate" for gate in self.suite)
        return 1 / (2 * self.alarm_every * max(covered, 1))

    def run(
        self,
        *positional: Never,
        at: datetime,
        metadata: Mapping[str, object] | None = None,
        **evidence: Unpack[EvidenceNames],
    ) -> Report:
        """Run the suite on a window, append the report to the history, and return it.

        Parameters
        ----------
        at : datetime
            The time that identifies the window, usually its start. It must have a time zone. If the
            history already has a report of this window, only the gates whose inputs are given are
            run, and their results are added to this report.
        metadata : Mapping, optional
            As in ``GateSuite.run``.
        **evidence
            The inputs, as in ``GateSuite.run``: ``data=``, ``y_true=``, ... The input ``now=``, the
            time from which gates compute ages, is `at` by default. So a later run on the same
            window computes the same ages.

        Returns
        -------
        Report
            The results of the suite, and a result named "monitor" for slow changes.

        Raises
        ------
        EvidenceError
            If the name of an input is unknown, or the history can't be read.
        OptionError
            If `at` has no time zone.
        OSError
            If the history can't be written.
        """
        options.by_name_only("Monitor.run", positional)
        at = options.in_utc(f"{_OWNER}: `at`", at)
        given: dict[str, Any] = {"reference": self.reference, "now": at}
        given.update((name, value) for name, value in evidence.items() if value is not None)
        suite = changed(self.suite, self._strict)
        known, waiting = self.history.at(at), []
        offered = Evidence(given, also=suite.needs.union(*(g.optional_evidence for g in suite)))
        names = list(suite.names)
        for name, gate in zip(suite.names, suite, strict=True):
            absent = gate.missing_evidence(offered)
            if known is not None and absent and name in {result.name for result in known}:
                names.remove(name)  # judged before; its input is not given now
            elif "y_true" in absent:
                names.remove(name)
                said = (
                    "`y_true` is not given yet: run the monitor again for this window when it is "
                    "known"
                )
                waiting.append(blocked_result(gate, name, Verdict.SKIP, f"skipped: {said}"))
        results: list[GateResult] = []
        provenance: Mapping[str, object] = {}
        if names:
            report = subset(suite, names).run(metadata=metadata, **given)
            results, provenance = list(report), report.provenance
        gates = dict(zip(suite.names, suite, strict=True))
        results = [self._confirmed(gates[result.name], result, given) for result in results]
        judged = {result.name: result for result in (*results, *waiting)}
        found = [judged[name] for name in suite.names if name in judged]
        report = Report(
            name=suite.name,
            results=(*found, self._slow_changes(found, known, at)),
            provenance=provenance,
            metadata={} if metadata is None else metadata,
        )
        self.history.append(report, at=at)
        return report

    def _strict(self, gate: Gate) -> Gate:
        """Return a gate whose level is at most `alpha`, if it decides by significance.

        Other gates are returned unchanged.
        """
        if _rule(gate) != "significance":
            return gate
        own: Any = gate
        return cast("Gate", replace(own, significance=min(own.significance, self.alpha)))

    def _confirmed(self, gate: Gate, result: GateResult, given: Mapping[str, Any]) -> GateResult:
        """Return the result, in which each FAIL that may be a false alarm is INCONCLUSIVE.

        The results of gates that do not decide by an interval are returned unchanged. A FAIL is
        kept only if the interval at a higher confidence also excludes the limit. This confidence
        follows from `alpha` and the number of checks. To compute the interval, the gate is run
        again with the inputs `given`. A bootstrap interval is widened instead. A FAIL is also kept
        if the second run has the verdict ERROR, for example because a stream can be read only once.
        """
        failed = [check for check in result.checks if check.verdict is Verdict.FAIL]
        if _rule(gate) != "interval" or not failed:
            return result
        own: Any = gate
        confidence = 1 - 2 * self.alpha / len(result.checks)
        again: dict[str, Check] = {}
        if not all("resamples" in check.details for check in failed):
            stricter = replace(own, confidence=max(confidence, own.confidence)).run(**given)
            again = {_title(stricter, check): check for check in stricter.checks}
        checks = []
        for check in result.checks:
            if check.verdict is not Verdict.FAIL:
                checks.append(check)
                continue
            wider = again.get(_title(result, check))
            ends, level = (None, None) if wider is None else (wider.interval, wider.confidence)
            if check.limit is not None and "resamples" in check.details:
                ends, level = _widened(check, confidence), confidence
                beyond = check.limit.excludes(ends)
            else:
                beyond = wider is None or wider.verdict is not Verdict.INCONCLUSIVE
            reason = check.reason
            if not beyond:
                few = f"at most one false alarm in {self.alarm_every:,} windows"
                reason += f"; the monitor allows {few}, and so decides by a wider interval, "
                reason += "which contains the limit"
                if ends is not None:
                    reason += f": {format_interval(ends, level, check.unit, check.limit)}"
            verdict = Verdict.FAIL if beyond else Verdict.INCONCLUSIVE
            checks.append(replace(check, verdict=verdict, by_chance=not beyond, reason=reason))
        return replace(result, checks=tuple(checks), reason=reason_of(checks, result.note))

    def _slow_changes(
        self, results: Sequence[GateResult], known: Report | None, at: datetime
    ) -> GateResult:
        """Return the result "monitor": whether small changes add up over all windows until `at`.

        `results` are those of this window. `known` is an earlier report of the same window, with
        the results of gates that are not run again; it is None for a new window.
        """
        earlier = () if known is None else known.results
        window = (*earlier, *results)  # results of this run replace earlier ones
        rules = {name: _rule(gate) for name, gate in zip(self.suite.names, self.suite, strict=True)}
        p_values: dict[str, float] = {} if known is None else _p_values(known)
        small: list[str] = []
        for result in results:
            for check in result.checks if rules[result.name] == "significance" else ():
                p_value = check.details.get("p_value_alone", check.p_value)
                rows = check.details.get("n_reference")
                if isinstance(rows, int) and rows < _ENOUGH * check.n:
                    small.append(_in_words(result, check))
                elif isinstance(p_value, float | int) and p_value == p_value:  # noqa: PLR0124
                    p_values[_title(result, check)] = float(p_value)
        notes = []
        if small:
            few = f"the reference has fewer than {_ENOUGH} times the rows of the window"
            notes.append(f"slow changes in {_list(small)} are not tracked, because {few}")
        unlimited = [
            name
            for name, gate in zip(self.suite.names, self.suite, strict=True)
            if hasattr(gate, "decide_by") and rules[name] == "estimate"
        ]
        if unlimited:
            which = "gates that judge by the value, not by an interval or a test,"
            notes.append(f"false alarms of {which} are not limited: {_list(unlimited)}")
        history = zip(self.history.times, self.history, strict=True)
        windows = [*(_p_values(report) for time, report in history if time < at), p_values]
        streams = list(dict.fromkeys(name for window in windows for name in window))
        if p_values:
            check = self._judged(windows, streams, window)
        else:
            said = "slow changes can't be tracked: no check of this window has a p-value"
            check = Check(subject="slow change", metric="alarms", verdict=Verdict.SKIP, reason=said)
        note = "; ".join(notes)
        reason = reason_of([check], note)
        return GateResult(name=_NAME, kind=_NAME, checks=(check,), reason=reason, note=note)

    def _judged(
        self, windows: list[dict[str, float]], streams: list[str], results: Sequence[GateResult]
    ) -> Check:
        """Return the check "slow change" after the last of `windows`.

        `results` are those of the last window.
        """
        threshold = 2 * self.alarm_every
        table = [[window.get(name, math.nan) for name in streams] for window in windows]
        means, alarms, last = shiryaev_roberts(np.array(table), threshold)
        statistic = format_number(float(means[-1]))
        mean = f"Shiryaev-Roberts statistic {statistic}, alarms start at {threshold:,}"
        said, beyond = f"no slow change: {mean}", 0
        if alarms[-1]:
            checks = {_title(result, check): check for result in results for check in result.checks}
            words = {
                _title(result, check): _in_words(result, check)
                for result in (*chain.from_iterable(self.history), *results)
                for check in result.checks
            }
            strong = [
                name
                for name, evidence in zip(streams, last.tolist(), strict=True)
                if evidence >= threshold
            ]
            failed = [
                name
                for name in strong
                if (check := checks.get(name)) is not None
                and check.value is not None
                and check.limit is not None
                and not check.limit.holds(check.value)
            ]
            beyond = len(failed)
            found = [words.get(name, f"`{name}`") for name in failed or strong]
            said = f"slow change found in {_list(found)}: {mean}"
            if not failed:
                said += "; no value is beyond its limit in this window, so the check passes"
            elif beyond == 1:
                said += "; this value is also beyond its limit in this window"
            else:
                said += "; these values are also beyond their limits in this window"
        return Check.judge(
            "slow change",
            "alarms",
            Measurement(
                beyond,
                n=len(windows),
                method="Shiryaev-Roberts",
                details={"evidence": float(means[-1]), "p_values": windows[-1]},
            ),
            Limit(at_most=0),
            unit="violations",
            said=said,
            noun="windows",
        )


def _rule(gate: Gate) -> str:
    """Return the option `decide_by` of a gate, or "estimate" if it has no level that can be set.

    The level is the option `significance` for a gate that decides by significance, and `confidence`
    for one that decides by an interval.
    """
    rule = getattr(gate, "decide_by", "estimate")
    option = {"significance": "significance", "interval": "confidence"}.get(rule)
    return rule if option and hasattr(gate, option) else "estimate"


def _title(result: GateResult, check: Check) -> str:
    """Return the key of a check under which its p-values are stored."""
    where = "" if check.group is None else f" [{check.group}]"
    return f"{result.name}: {check.subject}{where} {check.metric}"


def _in_words(result: GateResult, check: Check) -> str:
    """Return what a check measures, for a message, such as "`ks` of `age` (gate `drift`)"."""
    metric = "" if check.metric == check.subject else f"`{check.metric}` of "
    where = slice_clause(check.group)
    return f"{metric}`{check.subject}`{where} (gate `{result.name}`)"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:_LISTED]) + (", ..." if len(names) > _LISTED else "")


def _p_values(report: Report) -> dict[str, float]:
    """Return the p-values stored in the result "monitor" of a report; {} if there are none.

    A key has the names of the gate, of the column or metric, and of the slice.
    """
    for result in report:
        if result.name == _NAME:
            kept = result.checks[0].details.get("p_values")
            if isinstance(kept, Mapping):
                return {str(name): float(value) for name, value in kept.items()}
    return {}


def _widened(check: Check, confidence: float) -> tuple[float, float]:
    """Return the interval of a check, widened to another level of confidence.

    The distances of both ends from the value are multiplied by the ratio of the normal quantiles of
    the two levels. This is exact for a normal distribution. If the check has no interval, the
    result is infinite.
    """
    if check.interval is None or check.value is None or check.confidence is None:
        return -math.inf, math.inf
    low, high = check.interval
    own, other = (NormalDist().inv_cdf(0.5 + level / 2) for level in (check.confidence, confidence))
    factor = other / own
    return check.value - factor * (check.value - low), check.value + factor * (high - check.value)
