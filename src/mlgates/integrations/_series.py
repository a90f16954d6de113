"""The checks of a report as time series, whose names are the same in all reports of a suite."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from mlgates.report import Report, severity
from mlgates.verdict import Check, Verdict

__all__ = ["SAMPLES", "Sample", "Series", "accepted_name", "metric_names", "samples", "series"]


class Series(NamedTuple):
    """A check of a report, and the names that identify it in all reports of the suite.

    A tracker, such as MLflow, makes a time series of the values of a check in successive reports.
    `group` is "" for a check of all rows.
    """

    suite: str
    gate: str
    subject: str
    group: str
    metric: str
    check: Check

    @property
    def parts(self) -> list[str]:
        """The parts of the name of this series: suite, gate, subject, metric, group.

        The gate's name is split at colons. The metric is left out if it is the last part of the
        gate's name, the subject if it equals the metric, and the group if it is "".

        Examples
        --------
        >>> check = Check(subject="age", metric="psi", verdict="skip", reason="-")
        >>> Series("credit", "drift:psi", "age", "", "psi", check).parts
        ['credit', 'drift', 'psi', 'age']
        """
        gate = self.gate.split(":")
        rest = [self.metric] if self.subject == self.metric else [self.subject, self.metric]
        if self.metric == gate[-1]:
            rest.pop()
        return [self.suite, *gate, *rest, *([self.group] if self.group else [])]


def series(report: Report) -> list[Series]:
    """Return the checks of a report as time series.

    There is one series for each gate, subject, group and metric. If several checks have the same
    gate, subject, group and metric, only the worst of them is returned.
    """
    found: dict[tuple[str, ...], Series] = {}
    for result in report:
        for check in result.checks:
            key = (report.name, result.name, check.subject, check.group or "", check.metric)
            if key not in found or severity(check) < severity(found[key].check):
                found[key] = Series(*key, check)
    return list(found.values())


def metric_names(found: Iterable[Series], refused: str, longest: int) -> list[str]:
    r"""Return a name for each series, made only of characters that a tracker accepts.

    `accepted_name` makes each name from the parts of the series. If it changed or cut a name, or if
    several series have the same name, the name ends in a hash of the suite, gate, subject, group
    and metric. Different series therefore have different names. The name of a series is the same in
    all reports with the same checks.

    Parameters
    ----------
    found : iterable of Series
        The series of one report, each with another suite, gate, subject, group or metric.
    refused : str
        Regular expression that matches a character that the tracker refuses. Slashes within a part
        are also replaced.
    longest : int
        Largest number of characters of a name.

    Examples
    --------
    >>> check = Check(subject="age", metric="psi", verdict="skip", reason="-")
    >>> names = ["age", "a[0]"]
    >>> columns = [Series("credit", "drift:psi", name, "", "psi", check) for name in names]
    >>> metric_names(columns, r"[^\w.]", 250)
    ['credit/drift/psi/age', 'credit/drift/psi/a_0_-c9518cde']
    """
    found = list(found)
    names = [accepted_name(each.parts, refused, longest, each[:-1]) for each in found]
    repeated = {name for name, times in Counter(names).items() if times > 1}
    return [
        _hashed(name, each[:-1], longest) if name in repeated else name
        for each, name in zip(found, names, strict=True)
    ]


def accepted_name(
    parts: Sequence[str], refused: str, longest: int, identity: Sequence[str] = ()
) -> str:
    r"""Join the parts of a name by slashes, and replace what a tracker does not accept.

    In each part, a slash or a character that matches the regular expression `refused` becomes
    ``_``. So do two or more dots at the start of a part, and a part that is empty or a single dot.
    If this changes a part, or if the name has more than `longest` characters, a hash is added to
    its end, and the name is cut so that both together have at most `longest` characters. The hash
    is computed from `identity`, by default from the parts.

    Examples
    --------
    >>> accepted_name(["credit (night)"], r"[^\w.]", 250)
    'credit__night_-f37cc5ce'
    """
    unsafe = re.compile(f"{refused}|/")
    # A name can be used as a path, where a part of dots is a folder. MLflow refuses "..x", too.
    safe = [re.sub(r"^(\.+$|$|\.\.+)", "_", unsafe.sub("_", part)) for part in parts]
    name = "/".join(safe)
    changed = safe != [*parts] or len(name) > longest
    return _hashed(name, identity or parts, longest) if changed else name


class Sample(NamedTuple):
    """A number for a monitoring system, such as Prometheus, with its name and its labels.

    `labels` are the values of the labels. ``SAMPLES[name][1]`` has their names, in the same order.
    """

    name: str
    labels: tuple[str, ...]
    value: float


#: For each name of a sample, a description and the names of the labels.
SAMPLES = {
    "suite_verdict": (
        "1 for the verdict of a suite, 0 for the other verdicts",
        ("suite", "verdict"),
    ),
    "suite_last_run_timestamp_seconds": (
        "Time when the last run of a suite started, in seconds since 1970",
        ("suite",),
    ),
    "gate_verdict": (
        "1 for the verdict of a gate, 0 for the other verdicts",
        ("suite", "gate", "verdict"),
    ),
    "check_value": (
        "Measured value of a check",
        ("suite", "gate", "subject", "group", "metric"),
    ),
    "check_limit": (
        "Limit of a check: the value must be at least or at most this",
        ("suite", "gate", "subject", "group", "metric", "bound"),
    ),
}


def samples(report: Report) -> Iterator[Sample]:
    """Yield the numbers of a report for a monitoring system, as `Sample` objects.

    `SAMPLES` describes them. There is no sample for a value or a limit that a check does not have,
    and none for the time of the run if the report does not have it.
    """

    def sample(name: str, *labels: str, value: float) -> Sample:
        # Monitoring systems need UTF-8, which can't encode lone surrogates.
        safe = (label.encode("utf-8", "backslashreplace").decode() for label in labels)
        return Sample(name, tuple(safe), value)

    for verdict in Verdict:
        yield sample("suite_verdict", report.name, verdict, value=float(verdict is report.verdict))
    with suppress(ValueError):  # a report may have no time
        started = datetime.fromisoformat(str(report.provenance.get("started")))
        name = "suite_last_run_timestamp_seconds"
        yield sample(name, report.name, value=started.timestamp())
    for result in report:
        for verdict in Verdict:
            value = float(verdict is result.verdict)
            yield sample("gate_verdict", report.name, result.name, verdict, value=value)
    for *identity, check in series(report):
        if check.value is not None:
            yield sample("check_value", *identity, value=float(check.value))
        for bound in ("at_least", "at_most"):
            if check.limit is not None and (limit := getattr(check.limit, bound)) is not None:
                yield sample("check_limit", *identity, bound, value=float(limit))


def _hashed(name: str, identity: Sequence[str], longest: int) -> str:
    mark = f"-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]}"
    return name[: longest - len(mark)] + mark
