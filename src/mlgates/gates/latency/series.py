"""Latencies of the models of a run: as they were given, or measured for the gate that asks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence, rows_of
from mlgates.gates.latency.statistics import Latencies, Statistic
from mlgates.limits import format_number
from mlgates.predictions.lookup import column_of
from mlgates.predictions.models import prediction_method
from mlgates.progress import progress_bar
from mlgates.runtime.latency_input import latencies_of
from mlgates.runtime.measure import Measured, Plan, Subject, measure
from mlgates.stats.quantiles import corrected_for_omission

__all__ = ["MODELS", "Asked", "Series", "series_of"]

Floats = npt.NDArray[np.float64]

#: Which model is measured where latencies are not given.
MODELS = {"latencies": "model", "production_latencies": "production_model"}
#: Calls are enough when they are worth so many times the independent ones that are needed.
_ROOM = 1.25


@dataclass(frozen=True)
class Asked:
    """What is asked of latencies, and how to measure them.

    Parameters
    ----------
    statistic : Statistic
        What they are judged by.
    confidence : float
        Of its interval.
    plan : Plan
        How to measure.
    expected_interval : float, optional
        Seconds between two calls of a sender, to correct for those not sent.
    """

    statistic: Statistic
    confidence: float
    plan: Plan
    expected_interval: float | None = None

    def is_enough(self, latencies: Floats) -> bool:
        """Whether calls are worth as many independent ones as the statistic needs."""
        found = Latencies(latencies, self.statistic, self.confidence)
        return found.dependence.effective >= _ROOM * self.statistic.least(self.confidence)


@dataclass(frozen=True, eq=False)
class Series:
    """The latencies of one model, and how they were had.

    Parameters
    ----------
    found : Latencies
        With what was added for calls that were not sent.
    how : str
        As the method of a check says it.
    calls : int
        That were made.
    details : dict
        For the report.
    measured : Measured, optional
        None where they were given.
    """

    found: Latencies
    how: str
    calls: int
    details: dict[str, object] = field(default_factory=dict)
    measured: Measured | None = None

    @cached_property
    def saturated(self) -> str:
        """Why an open loop tells nothing, as a clause; empty when it does tell."""
        timing = None if self.measured is None else self.measured.timing
        if timing is None or not timing.saturated:
            return ""
        served, asked = format_number(timing.achieved), format_number(timing.rate)
        kept = f"{served} of {asked} calls a second were served"
        return f"saturated: {kept}, so latencies grow as long as one measures"


def series_of(evidence: Evidence, names: Iterable[str], asked: Asked) -> dict[str, Series]:
    """Return latencies by name: given ones as they are, all others measured in turns.

    Parameters
    ----------
    evidence : Evidence
        Of the run.
    names : iterable of str
        ``"latencies"``, and ``"production_latencies"`` where they are compared.
    asked : Asked
        What is asked of them.

    Raises
    ------
    EvidenceError
        For what is lacking or wrong.
    """
    wanted = list(names)
    lacking = [n for n in wanted if n not in evidence and not _is_measurable(evidence, n)]
    if lacking:
        needed = " and ".join(f"`{name}`, or `{MODELS[name]}` and `X`" for name in lacking)
        msg = f"needs {needed}, which the run was not given"
        raise EvidenceError(msg)
    given = {name: _given(evidence, name, asked) for name in wanted if name in evidence}
    rest = [name for name in wanted if name not in given]
    return given | (_measured(evidence, rest, asked) if rest else {})


def _is_measurable(evidence: Evidence, name: str) -> bool:
    return MODELS[name] in evidence and "X" in evidence


def _given(evidence: Evidence, name: str, asked: Asked) -> Series:
    latencies = latencies_of(column_of(evidence, name))
    return _made(asked, latencies, "given latencies", {"loop": "given"})


def _measured(evidence: Evidence, names: list[str], asked: Asked) -> dict[str, Series]:
    rate, loop, how = asked.plan.rate, "closed", "service time (closed loop)"
    if rate is not None:
        loop, how = "open", f"open loop at {format_number(rate)} calls a second, one server"
    if rows_of(evidence["X"]) == 0:
        return {name: _made(asked, np.empty(0, np.float64), how, {"loop": loop}) for name in names}
    subjects = [_subject(MODELS[name], evidence[MODELS[name]]) for name in names]
    steps = asked.plan.calls * len(subjects)
    with progress_bar(steps, wanted=evidence.progress, unit="call") as bar:
        if bar is not None:
            bar.set_description_str(f"latency of {' and '.join(MODELS[name] for name in names)}")
        step = (lambda: None) if bar is None else bar.update
        measured = measure(subjects, evidence["X"], asked.plan, enough=asked.is_enough, step=step)
    return {
        name: _made(asked, one.timing.latencies, how, {"loop": loop, **one.details}, one)
        for name, one in zip(names, measured, strict=True)
    }


def _subject(name: str, model: object) -> Subject:
    method = prediction_method(name, model)
    predict = getattr(model, method) if method else model
    return Subject(f"`{name}`", cast("Callable[[Any], object]", predict))


def _made(
    asked: Asked,
    latencies: Floats,
    how: str,
    details: dict[str, object],
    measured: Measured | None = None,
) -> Series:
    calls, interval = len(latencies), asked.expected_interval
    if interval is not None:
        try:
            latencies = corrected_for_omission(latencies, interval)
        except ValueError as error:
            msg = f"`expected_interval` is too short: {error}"
            raise EvidenceError(msg) from None
        how += f", corrected by {format_number(interval, 's')} for calls that were not sent"
        details = {**details, "omitted": len(latencies) - calls}
    found = Latencies(latencies, asked.statistic, asked.confidence)
    return Series(found, how, calls, details, measured)
