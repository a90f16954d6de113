"""A table on which all gates pass, and the class of the examples of gates.

Each gate's test file in `tests/gates` ends in `EXAMPLES`, at least two: one with the default
options, others until each option was changed. `test_every_gate.py` holds them to the laws.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa

import mlgates as mg

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = 120


@cache
def people() -> pa.Table:
    """A table on which every example passes."""
    rows = range(ROWS)
    return pa.table(
        {
            "id": pa.array([1000 + i for i in rows], pa.int64()),
            "age": pa.array([18 + (7 * i) % 60 for i in rows], pa.int64()),
            "country": pa.array([("DE", "FR", "IT")[i % 3] for i in rows], pa.string()),
            "income": pa.array([1200.5 + 31 * i for i in rows], pa.float64()),
            "member": pa.array([i % 2 == 0 for i in rows], pa.bool_()),
            "joined": pa.array([date(2020, 1, 1) + timedelta(days=15 * i) for i in rows]),
            "seen": pa.array(
                [NOW - timedelta(minutes=60 + 36 * i) for i in rows], pa.timestamp("us", "UTC")
            ),
        }
    )


def ages(table) -> list[object]:
    """Values of the column "age" of any table."""
    if isinstance(table, list):
        return [row["age"] for row in table]
    column = table["age"]
    for method in ("to_pylist", "to_list", "tolist"):
        if hasattr(column, method):
            return getattr(column, method)()
    return list(column)


def adults(table) -> list[bool]:
    return [age is not None and age >= 30 for age in ages(table)]


def younger(table) -> list[bool]:
    return [not adult for adult in adults(table)]


class NoIncome(Exception):
    """Raised by the model for rows without an income."""


class Incomes:
    """A model that reads one column of any table, and refuses rows without it."""

    def predict(self, table) -> np.ndarray:
        try:
            records = isinstance(table, list)
            column = [row["income"] for row in table] if records else table["income"]
            found = next((m for m in ("to_pylist", "tolist", "to_list") if hasattr(column, m)), "")
            cells = getattr(column, found)() if found else list(column)
            incomes = np.array([float(cell) for cell in cells])
        except Exception:  # noqa: BLE001  (whatever a table without that column raises)
            msg = "every row needs an income"
            raise NoIncome(msg) from None
        if np.isnan(incomes).any():
            msg = "an income is missing"
            raise NoIncome(msg)
        return 2 * incomes


class HighIncomes(Incomes):
    """A classifier of the same column."""

    classes_ = np.array(["high", "low"])

    def predict_proba(self, table) -> np.ndarray:
        incomes = super().predict(table)
        high = incomes / (incomes + 4_000)
        return np.column_stack([high, 1 - high])

    def predict(self, table) -> np.ndarray:
        return self.classes_[self.predict_proba(table).argmax(axis=1)]


def write(model: Incomes, path: str) -> None:
    Path(path).write_text(type(model).__name__)


def read(path: str) -> Incomes:
    return {"Incomes": Incomes}[Path(path).read_text()]()


@dataclass(frozen=True)
class Example:
    """A gate, and the evidence with which it passes, in addition to the table of people."""

    id: str
    gate: mg.Gate
    others: Mapping[str, object] = field(default_factory=dict)
    # whether repr(gate) can be evaluated: functions can't be written as literals
    literal: bool = True
    # whether the order of the columns is judged
    ordered: bool = False
    # option -> values from the loosest to the tightest
    ladders: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    make: Callable[..., mg.Gate] | None = None
    # the name of evidence that the table of people is given as; "" for a gate without a table
    place: str = "data"
    # whether a run starts a process, so that it is not judged on every table
    slow: bool = False

    def evidence(self, table: object | None = None) -> dict[str, object]:
        """Return the evidence with this table; by default with the table of people."""
        if not self.place:
            return dict(self.others)
        return {self.place: people() if table is None else table, **self.others}
