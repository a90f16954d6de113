"""Examples of every gate, with evidence that passes: what `test_every_gate.py` holds to the laws.

A new gate needs two examples here: one with its default options, one with others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

import mlgates as mg

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROWS = 120


def people() -> pa.Table:
    """A table that every example passes on."""
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
    """What the model says of rows it can't answer."""


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


def write(model: Incomes, path: str) -> None:
    Path(path).write_text(type(model).__name__)


def read(path: str) -> Incomes:
    return {"Incomes": Incomes}[Path(path).read_text()]()


@dataclass(frozen=True)
class Example:
    """A gate, and what it passes on beside the table of people."""

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
    # which evidence the table is
    place: str = "data"
    # whether a run starts a process, so that it is not judged on every table
    slow: bool = False

    def evidence(self, table: object | None = None) -> dict[str, object]:
        """Evidence with this table, or with the honest one."""
        return {self.place: people() if table is None else table, **self.others}


AGE = {"at_least": 18, "at_most": 80}
TYPES = {
    "id": "int",
    "age": "int",
    "country": "string",
    "income": "float",
    "member": "bool",
    "joined": "date",
    "seen": "timestamp",
}
RULES = {
    "id": mg.Column("int64", unique=True),
    "age": mg.Column("int", **AGE),
    "country": mg.Column("string", isin=["DE", "FR", "IT"], matches="[A-Z]{2}"),
    "income": mg.Column("float", at_least=0, max_invalid=0.1),
    "seen": mg.Column("timestamp", at_most=NOW),
    "nickname": mg.Column("string", required=False),
}


def one_rule(**options: object) -> mg.Schema:
    """A schema of one column, to tighten its rules."""
    rules = {"at_least": 0, "at_most": 80, "max_invalid": 0.0} | options
    return mg.Schema({"age": mg.Column("int", **rules)}, extra="allow")


def one_set(**options: object) -> mg.Schema:
    return mg.Schema({"country": mg.Column("string", **options)}, extra="allow")


EXAMPLES = (
    Example("schema", mg.Schema(TYPES)),
    Example(
        "schema-rules",
        mg.Schema(RULES, extra="allow", ordered=True, name="rules", advisory=True),
        ordered=True,
    ),
    Example(
        "schema-range",
        one_rule(),
        make=one_rule,
        ladders={
            "at_least": (-5, 0, 18, 30, 79),
            "at_most": (10**6, 100, 80, 40, 0),
            "max_invalid": (1.0, 0.5, 0.1, 0.01, 0.0),
        },
    ),
    Example(
        "schema-set",
        one_set(isin=["DE", "FR", "IT"]),
        make=one_set,
        ladders={
            "isin": (["DE", "FR", "IT", "ES"], ["DE", "FR", "IT"], ["DE", "FR"], ["ES"]),
            "unique": (False, True),
            "nullable": (True, False),
            "matches": (None, ".*", "[A-Z]+", "[DF].", "X"),
        },
    ),
    Example(
        "completeness",
        mg.Completeness(),
        ladders={
            "max_missing": (1.0, 0.5, 0.1, 0.01, 0.0),
            "min_rows": (0, 1, ROWS - 1, ROWS, ROWS + 1, 1000),
            "max_rows": (None, 10**6, ROWS, ROWS - 1, 5),
        },
    ),
    Example(
        "completeness-options",
        mg.Completeness(
            ["country", "income"],
            max_missing=0.2,
            min_rows=10,
            max_rows=1_000,
            missing_values=["?", -999],
            expected={"country": ["DE", "FR", "IT"]},
            name="delivery",
            inconclusive="allow",
        ),
        ladders={
            "missing_values": ((), ("?",), ("?", -999), ("?", -999, "DE")),
            "expected": ({"country": ["DE"]}, {"country": ["DE", "FR"]}, {"country": ["XX"]}),
        },
    ),
    Example("completeness-by", mg.Completeness("income", by=["country", "member"])),
    Example(
        "completeness-where",
        mg.Completeness(by={"adults": adults, "younger": younger}),
        literal=False,
    ),
    Example(
        "freshness",
        mg.Freshness("seen", max_age="24h"),
        others={"now": NOW},
        ladders={
            "max_age": ("52w", "24h", "2h", "1h", "59min", 1),
            "clock_skew": ("24h", "5min", "1s", 0),
            "max_gap": (None, "24h", "36min", "35min", timedelta(seconds=1)),
            "min_fresh_share": (None, 0.0, 0.1, 0.5, 1.0),
        },
    ),
    Example(
        "freshness-options",
        mg.Freshness(
            "joined",
            max_age=timedelta(days=2000),
            max_gap="31d",
            clock_skew=0,
            assume_timezone="Europe/Berlin",
            min_fresh_share=0.5,
            name="customers",
            after="schema",
        ),
        others={"now": NOW},
    ),
    Example("drift", mg.Drift(), others={"reference": people()}),
    Example(
        "drift-options",
        mg.Drift(
            "ks",
            at_most=0.2,
            columns=["age", "income"],
            exclude="country",
            decide_by="estimate",
            significance=0.01,
            bins=5,
            min_samples=50,
            max_missing_shift=0.05,
            name="ages",
            inconclusive="block",
        ),
        others={"reference": people()},
        ladders={"max_missing_shift": (1.0, 0.5, 0.0), "min_samples": (1, ROWS, ROWS + 1, 10**6)},
    ),
    Example(
        "drift-stored",
        mg.Drift("ks", decide_by="estimate", exclude=["id"]),
        others={"reference": mg.Baseline.from_data(people())},
        ladders={
            "at_most": (1.0, 0.1, 0.01, 0.001, 0.0),
            "columns": (("age",), ("age", "income"), ("age", "income", "nobody")),
            "exclude": (("id", "age"), ("id",), ("nobody",)),
            "max_missing_shift": (1.0, 0.01, 0.0),
        },
    ),
    Example(
        "performance",
        mg.Performance("accuracy", at_least=0.4),
        others={"y_true": "member", "y_pred": [True] * ROWS},
        ladders={
            "at_least": (0, 0.3, 0.5, 0.6, 1.0),
            "min_samples": (1, ROWS, ROWS + 1, 10**6),
        },
    ),
    Example(
        "performance-options",
        mg.Performance(
            "selection_rate",
            at_least=0.4,
            at_most=1,
            by=["country", "member"],
            min_samples=20,
            decide_by="interval",
            confidence=0.9,
            greater_is_better=True,
            name="told",
            after="schema",
        ),
        others={"y_true": "member", "y_pred": [True] * ROWS},
        ladders={"at_least": (0.0, 0.8, 0.9, 1.0), "confidence": (0.5, 0.9, 1 - 1e-9)},
    ),
    Example(
        "performance-values",
        mg.Performance(
            "r2", at_least=0.9, min_samples=20, by={"adults": adults, "younger": younger}
        ),
        others={"y_true": "income", "y_pred": "income"},
        literal=False,
    ),
    Example(
        "regression",
        mg.Regression("accuracy", tolerance=0.05),
        others={"y_true": "member", "y_pred": "member", "production_pred": "member"},
        ladders={"min_samples": (1, ROWS, ROWS + 1, 10**6)},
    ),
    Example(
        "regression-options",
        mg.Regression(
            "selection_rate",
            tolerance=0.4,
            by=["country"],
            min_samples=20,
            decide_by="significance",
            confidence=0.9,
            greater_is_better=False,
            name="told",
            after="schema",
        ),
        others={"y_true": "member", "y_pred": "member", "production_pred": [True] * ROWS},
    ),
    Example(
        "regression-loss",
        mg.Regression(
            "mean_absolute_error",
            tolerance=1e4,
            by={"old": adults, "young": younger},
            min_samples=20,
        ),
        others={"y_true": "age", "y_pred": "income", "production_pred": "age"},
        literal=False,
        ladders={"tolerance": (1e5, 1e4, 2e3, 100.0, 0), "confidence": (0.5, 0.9, 0.999)},
    ),
    Example(
        "fairness",
        mg.Fairness("demographic_parity_difference", at_most=0.1),
        others={"y_true": "member", "y_pred": "member", "sensitive_features": "country"},
        ladders={
            "min_group_size": (1, 40, 41, 10**6),
            "small_groups": ("exclude", "inconclusive"),
        },
    ),
    Example(
        "fairness-options",
        mg.Fairness(
            "selection_rate_ratio",
            at_least=0.5,
            min_group_size=25,
            small_groups="exclude",
            missing_group="error",
            decide_by="interval",
            significance=0.01,
            confidence=0.9,
            greater_is_better=True,
            name="chosen",
            after="schema",
        ),
        others={"y_true": "member", "y_pred": "member", "sensitive_features": ["country"]},
        ladders={
            "at_least": (0.0, 0.5, 0.99, 1.0),
            "confidence": (0.5, 0.9, 1 - 1e-9),
            "missing_group": ("own", "error"),
        },
    ),
    Example(
        "fairness-values",
        mg.Fairness("mean_absolute_error_group_max", at_most=1e4),
        others={"y_true": "age", "y_pred": "income", "sensitive_features": ["member"]},
        ladders={"at_most": (1e6, 1e4, 100.0, 0.0)},
    ),
    Example(
        "integration",
        mg.Integration(),
        others={"model": Incomes()},
        place="X",
        ladders={
            "missing": ("untried", "refuse", "answer"),
            "column_order": ("either", "answer", "refuse"),
        },
    ),
    Example(
        "integration-options",
        mg.Integration(
            deterministic=False,
            row_independent=False,
            pure=False,
            thread_safe=False,
            rtol=1e-3,
            empty="answer",
            missing="untried",
            unseen="answer",
            column_order="answer",
            rows=64,
            name="served",
            after="schema",
        ),
        others={"model": Incomes()},
        place="X",
    ),
    Example(
        "integration-apart",
        mg.Integration(timeout="60s", round_trip=("gate_examples:write", "gate_examples:read")),
        others={"model": Incomes()},
        place="X",
        slow=True,
    ),
    Example(
        "latency",
        mg.Latency("p50", at_most=60),
        others={"latencies": "age"},
        ladders={
            "at_most": ("1h", 80, "60s", 45.0, timedelta(seconds=1)),
            "confidence": (0.5, 0.95, 0.999, 1 - 1e-9),
            "decide_by": ("estimate", "interval"),
            "expected_interval": (None, "60s", "20s", "1s"),
        },
    ),
    Example(
        "latency-options",
        mg.Latency(
            "p90",
            at_most="80s",
            max_slowdown=0.5,
            calls=500,
            warmup=5,
            batch_size=32,
            rate=100,
            decide_by="estimate",
            confidence=0.9,
            max_failed=0.0,
            seed=7,
            disable_gc=True,
            name="waiting",
            after="schema",
        ),
        others={"latencies": "age", "production_latencies": "age"},
        ladders={"at_most": ("1h", "80s", "1s"), "max_slowdown": (1.0, 0.5, 0.0)},
    ),
    Example(
        "latency-slowdown",
        mg.Latency("p50", max_slowdown=0.5, expected_interval="60s"),
        others={"latencies": "age", "production_latencies": "age"},
        ladders={"max_slowdown": (1.0, 0.5, 0.01, 0.0)},
    ),
)
