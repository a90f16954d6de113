"""Latencies of the models of a run: as they were given, or measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlgates.errors import EvidenceError
from mlgates.evidence import Evidence, rows_of
from mlgates.gates.latency.statistics import Latencies
from mlgates.limits import format_number
from mlgates.predictions.lookup import column_of
from mlgates.predictions.models import prediction_method
from mlgates.progress import progress_bar
from mlgates.runtime.measure import Measured, Plan, Subject, measure
from mlgates.stats.quantiles import corrected_for_omission
from mlgates.tables import encoding
from mlgates.tables.columns import NUMBERS, Column

__all__ = ["MODELS", "Series", "latencies_of", "read_series"]

Floats = npt.NDArray[np.float64]

#: The model that is measured where latencies are not given.
MODELS = {"latencies": "model", "production_latencies": "production_model"}
#: Calls are enough when they are worth so many times the independent ones that are needed.
_ROOM = 1.25
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True, eq=False)
class Series:
    """Latencies of one model.

    Parameters
    ----------
    found : Latencies
        With those added for calls that were not sent.
    how : str
        How they were measured, for the method of a check.
    calls : int
        Calls that were made.
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

    @property
    def saturated(self) -> str:
        """Why latencies of an open loop have no meaning, as a clause; empty when they have."""
        timing = None if self.measured is None else self.measured.timing
        if timing is None or not timing.saturated:
            return ""
        served, rate = format_number(timing.achieved), format_number(timing.rate)
        kept = f"{served} of {rate} calls a second were served"
        return f"saturated: {kept}, so latencies grow as long as one measures"


def read_series(
    evidence: Evidence,
    names: Sequence[str],
    make: Callable[[Floats], Latencies],
    plan: Plan,
    expected_interval: float | None,
) -> dict[str, Series]:
    """Return latencies by name: given ones as they are, all others measured in turns.

    Parameters
    ----------
    evidence : Evidence
        Of the run.
    names : sequence of str
        ``"latencies"``, and ``"production_latencies"`` where they are compared.
    make : callable
        Gives seconds the statistic and the confidence of the gate.
    plan : Plan
        Options of a measurement.
    expected_interval : float, optional
        Seconds between two calls of a sender, to correct for those not sent.
    """
    rest = [name for name in names if name not in evidence]
    lacking = [name for name in rest if not (MODELS[name] in evidence and "X" in evidence)]
    if lacking:
        needed = " and ".join(f"`{name}`, or `{MODELS[name]}` and `X`" for name in lacking)
        msg = f"needs {needed}, which the run was not given"
        raise EvidenceError(msg)

    def enough(latencies: Floats) -> bool:
        found = make(latencies)
        return found.dependence.effective >= _ROOM * found.least

    measured: dict[str, Measured] = {}
    if rest and rows_of(evidence.in_memory("X")) != 0:
        subjects = []
        for name in rest:
            model: Any = evidence[MODELS[name]]
            method = prediction_method(MODELS[name], model)
            predict = getattr(model, method) if method else model
            subjects.append(Subject(f"`{MODELS[name]}`", predict))
        with progress_bar(plan.calls * len(rest), wanted=evidence.progress, unit="call") as bar:
            if bar is not None:
                bar.set_description_str(f"latency of {' and '.join(MODELS[n] for n in rest)}")
            step = (lambda: None) if bar is None else bar.update
            found = measure(subjects, evidence.in_memory("X"), plan, enough=enough, step=step)
        measured = dict(zip(rest, found, strict=True))
    series = {}
    for name in names:
        details: dict[str, object] = {"loop": "given"}
        how, one = "given latencies", measured.get(name)
        if name in evidence:
            latencies = latencies_of(column_of(evidence, name))
        else:
            latencies = np.empty(0) if one is None else one.timing.latencies
            details, how = {"loop": "closed"}, "service time (closed loop)"
            if plan.rate is not None:
                rate = format_number(plan.rate)
                details, how = {"loop": "open"}, f"open loop at {rate} calls a second, one server"
        calls = len(latencies)
        if one is not None:
            details |= one.details
        if expected_interval is not None:
            try:
                latencies = corrected_for_omission(latencies, expected_interval)
            except ValueError as error:
                msg = f"`expected_interval` is too short: {error}"
                raise EvidenceError(msg) from None
            interval = format_number(expected_interval, "s")
            how += f", corrected by {interval} for calls that were not sent"
            details["omitted"] = len(latencies) - calls
        series[name] = Series(make(latencies), how, calls, details, one)
    return series


def latencies_of(column: Column) -> Floats:
    """Return given latencies in seconds; an infinite one is a request that failed.

    Durations have a unit of their own, which is heeded.

    Raises
    ------
    EvidenceError
        For values that are no positive numbers: missing ones, negative ones, zeros.

    Examples
    --------
    >>> from mlgates.tables.columns import as_column
    >>> latencies_of(as_column("`latencies`", [0.02, 0.03, float("inf")])).tolist()
    [0.02, 0.03, inf]
    >>> latencies_of(as_column("`latencies`", [0.02, 0.0]))
    Traceback (most recent call last):
    mlgates.errors.EvidenceError: `latencies` holds 1 of 2 values that are zero: no answer takes ...
    """
    kind = column.field.kind
    empty = kind == "null" and not column.rows
    if kind == "bool" or (kind not in NUMBERS | {"duration"} and not empty):
        held = f"values of type {column.field.type}" if column.rows else "no numbers"
        msg = f"{column.said} holds {held}; seconds are due, infinite for a request that failed"
        raise EvidenceError(msg)
    if kind == "duration":
        plain: Any = encoding.decode(column.array)
        ticks = np.asarray(plain.cast(pa.int64()).fill_null(0)).astype(np.float64)
        values = ticks / _UNITS[column.field.unit or "us"]
        values = np.where(encoding.is_null(plain), np.nan, values)
    else:
        values = column.floats
    for bad, what in (
        (np.isnan(values), "missing: a request that failed is infinite"),
        (values < 0, "negative: no answer comes before its request"),
        (
            values == 0,
            "zero: no answer takes no time, so the clock they were taken with is too coarse",
        ),
    ):
        if count := int(np.count_nonzero(bad)):
            msg = f"{column.said} holds {count:,} of {len(bad):,} values that are {what}"
            raise EvidenceError(msg)
    return values
