"""Gates pass exactly if an independent oracle allows it."""

import ast
import datetime as dt
import math
from pathlib import Path

import oracle
import polars as pl
import pyarrow as pa
import pytest
from example_counts import examples
from hypothesis import event, given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.verdict import Verdict

UTC = dt.UTC
NOW = dt.datetime(2026, 3, 1, 12, tzinfo=UTC)
HELD = examples(200, derandomize=True)
TYPES = {
    "int": (pa.int8(), pa.int64()),
    "float": (pa.float32(), pa.float64()),
    "bool": (pa.bool_(),),
    "string": (pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())),
    "date": (pa.date32(),),
    "timestamp": (pa.timestamp("us", "UTC"), pa.timestamp("s", "UTC")),
}
DAYS = st.sampled_from([dt.date(2026, 2, 1) + dt.timedelta(days=i) for i in range(4)])
CELLS = {
    "int": st.integers(-2, 3),
    "float": st.sampled_from([-1.5, -0.0, 0.0, 0.5, 1.0, 2.0, math.inf, -math.inf, math.nan]),
    "bool": st.booleans(),
    "string": st.sampled_from(["a", "A", "a ", "ab", "ab\n", "", "NA", "é"]),
    "date": DAYS,
    "timestamp": DAYS.map(lambda day: dt.datetime(day.year, day.month, day.day, tzinfo=UTC)),
}
NAMES = ("x", "X", "y", "z ")


@st.composite
def tables(draw, kinds=tuple(CELLS), min_rows=0):
    """Draw a table, and its columns by name as (kind, cells), mostly without missing cells."""
    rows = draw(st.integers(min_rows, 6))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    plain, columns = {}, {}
    for name in names:
        kind = draw(st.sampled_from(kinds))
        cell = CELLS[kind] if draw(st.booleans()) else st.one_of(st.none(), CELLS[kind])
        cells = draw(st.lists(cell, min_size=rows, max_size=rows))
        plain[name] = (kind, cells)
        values = pa.array(cells, draw(st.sampled_from(TYPES[kind])), from_pandas=False)
        columns[name] = values
    table = pa.table(columns)
    container = draw(st.sampled_from(["pyarrow", "polars", "chunks", "pandas"]))
    event(container)
    if container == "polars":
        return plain, pl.from_arrow(table)
    if container == "chunks":
        return plain, pa.concat_tables([table.slice(0, 1), table.slice(1)])
    if container == "pandas" and not any(
        kind in ("int", "bool") and None in cells for kind, cells in plain.values()
    ):  # pandas turns them into floats and objects
        return plain, table.to_pandas()
    return plain, table


@st.composite
def rules(draw, kind):
    """Draw rules that can be declared for a column of this kind."""
    dtype = draw(st.sampled_from([kind, kind, "any"] + ["number"] * (kind in ("int", "float"))))
    made = {"dtype": dtype}
    flags = ["nullable", "required", "unique", "allow_inf"]
    for flag in draw(st.lists(st.sampled_from(flags), unique=True)):
        made[flag] = flag != "required"
    if draw(st.booleans()):  # more often what can pass
        made |= {"nullable": True, "allow_inf": True}
    made["max_invalid"] = draw(st.sampled_from([0.0, 0.2, 0.25, 0.5, 1.0]))
    known = CELLS[kind].filter(lambda v: not isinstance(v, float) or math.isfinite(v))
    if draw(st.booleans()) and kind not in ("bool", "string"):
        low, high = sorted([draw(known), draw(known)])
        ends = draw(st.sampled_from([("at_least",), ("at_most",), ("at_least", "at_most")]))
        made |= {end: low if end == "at_least" else high for end in ends}
    if draw(st.booleans()):
        made["isin"] = draw(st.lists(known, min_size=1, max_size=6))
    if kind == "string" and draw(st.booleans()):
        made["matches"] = draw(
            st.sampled_from(["a", "^ab$", "[a-zA-Z ]*", ".*", r"\w+", "(?i)A.?"])
        )
    return made


@HELD
@given(st.data())
def test_schema_passes_where_it_may_and_nowhere_else(data):
    plain, table = data.draw(tables())
    kinds = {name: kind for name, (kind, _) in plain.items()}
    declared = {}
    names = list(plain)
    if data.draw(st.integers(0, 2)) == 0:
        names = data.draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    for name in names:
        kind = kinds.get(name, "int")
        if data.draw(st.integers(0, 9)) == 0:
            kind = data.draw(st.sampled_from(sorted(CELLS)))
        declared[name] = data.draw(rules(kind))
    options = {
        "extra": data.draw(st.sampled_from(["forbid", "allow"])),
        "ordered": data.draw(st.booleans()),
    }
    # a rule that the type can't have is undecided: the oracle knows no order of bools and texts
    for name, rule in declared.items():
        kind = kinds.get(name)
        bound = rule.get("at_least", rule.get("at_most"))
        compatible = (
            bound is None
            or (kind in ("int", "float") and not isinstance(bound, dt.date))
            or (kind == "date" and type(bound) is dt.date)
            or (kind == "timestamp" and isinstance(bound, dt.datetime))
        )
        if kind and (not compatible or (rule.get("matches") and kind != "string")):
            return
    gate = mg.Schema({name: mg.Column(**rule) for name, rule in declared.items()}, **options)
    result = gate.run(data=table)
    event(str(result.verdict))
    assert result.passed == oracle.schema_may_pass(plain, declared, **options), result.reason


@HELD
@given(st.data())
def test_completeness_passes_where_it_may_and_nowhere_else(data):
    plain, table = data.draw(tables())
    some = st.lists(st.sampled_from([*plain, *plain, "gone"]), min_size=1, max_size=2, unique=True)
    options = {
        "columns": data.draw(st.one_of(st.none(), some)),
        "max_missing": data.draw(st.sampled_from([0.0, 0.2, 0.5, 0.5, 1.0])),
        "min_rows": data.draw(st.sampled_from([0, 1, 1, 3])),
        "max_rows": data.draw(st.sampled_from([None, None, 4])),
        "missing_values": data.draw(
            st.sampled_from([(), (), ("NA", ""), (0,), (False,), (-1.5, "a")])
        ),
        "by": data.draw(st.one_of(st.none(), st.none(), some)),
    }
    name = data.draw(st.sampled_from(sorted(plain)))
    _, cells = plain[name]
    usable = [c for c in cells if not oracle.is_missing(c) and c not in (math.inf, -math.inf)]
    if usable and data.draw(st.booleans()):
        options["expected"] = {name: data.draw(st.lists(st.sampled_from(usable), min_size=1))}
        if data.draw(st.integers(0, 4)) == 0:
            options["expected"][name].append("never there")
    result = mg.Completeness(**options).run(data=table)
    event(str(result.verdict))
    assert result.passed == oracle.completeness_may_pass(plain, **options), result.reason


@HELD
@given(st.data())
def test_freshness_passes_where_it_may_and_nowhere_else(data):
    unit = data.draw(st.sampled_from(["s", "ms", "us", "ns"]))
    aware = data.draw(st.booleans())
    zone = data.draw(st.sampled_from([None, "UTC", "Etc/GMT-5"]))
    minutes = st.integers(-12, 40 * 60) | st.integers(0, 90)
    moment = minutes.map(lambda m: NOW - dt.timedelta(minutes=m))
    cell = moment if data.draw(st.booleans()) else st.one_of(st.none(), *[moment] * 9)
    cells = data.draw(st.lists(cell, max_size=6))
    options = {
        "max_age": data.draw(st.sampled_from([3600, 86_400])),
        "max_gap": data.draw(st.sampled_from([None, None, 3600, 43_200])),
        "clock_skew": data.draw(st.sampled_from([0, 300, 600])),
        "min_fresh_share": data.draw(st.sampled_from([None, None, 0.5, 1.0])),
    }
    plain = cells if aware else [c if c is None else c.replace(tzinfo=None) for c in cells]
    if not aware and data.draw(st.booleans()):
        plain = [c if c is None else c.date() for c in cells]
        stamps = pa.array(plain, pa.date32())
    else:
        stamps = pa.array(plain, pa.timestamp(unit, "UTC" if aware else None))
    gate = mg.Freshness("at", assume_timezone=zone, **options)
    result = gate.run(data=pa.table({"at": stamps}), now=NOW)
    event(str(result.verdict))
    hours = {None: None, "UTC": 0, "Etc/GMT-5": 5}[zone]
    allowed = oracle.freshness_may_pass(plain, NOW, zone=hours, **options)
    assert result.passed == allowed, result.reason


@HELD
@given(st.data())
def test_suite_passes_where_every_gate_does(data):
    plain, table = data.draw(tables())
    gates = [
        mg.Completeness(max_missing=data.draw(st.sampled_from([0.0, 0.5, 1.0]))),
        mg.Schema({n: mg.Column(kind, nullable=True) for n, (kind, _) in plain.items()}),
    ]
    report = mg.GateSuite(gates).run(data=table)
    alone = [gate.run(data=table) for gate in gates]
    assert list(report.results) == alone
    assert report.passed is all(result.passed for result in alone)
    assert report.verdict is Verdict.worst(result.verdict for result in alone)


def test_oracle_is_independent():
    tree = ast.parse(Path(oracle.__file__).read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
    }
    assert imported == {"datetime", "fractions", "itertools", "math", "re"}


@pytest.mark.parametrize(
    ("allowed", "table"),
    [
        (True, {"x": ("int", [1, 2])}),
        (False, {"x": ("int", [])}),
        (False, {"x": ("int", [None])}),
        (False, {"x": ("string", ["1"])}),
        (False, {"x": ("int", [9])}),
        (False, {"x": ("int", [1]), "y": ("int", [1])}),
        (False, {"X": ("int", [1])}),
    ],
)
def test_oracle_says_what_the_specification_says(allowed, table):
    assert oracle.schema_may_pass(table, {"x": {"dtype": "int", "at_most": 5}}) is allowed
