"""Properties of every gate. Gates and their examples are discovered, so that none is forgotten.

A gate of the library is a public module or package of `mlgates.gates`. Beside it there must be
`tests/gates/test_NAME.py` with `EXAMPLES`, `docs/howto/NAME.md` and an entry in the changelog.
"""

import copy
import dataclasses
import datetime as dt
import doctest
import functools
import importlib
import importlib.util
import json
import math
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from gate_examples import NOW, ROWS, Example, people
from register import GATES as FOUND
from sampling import in_turn

import mlgates as mg
from mlgates.evidence_names import NAMES
from mlgates.verdict import Verdict

TESTS = Path(__file__).parent


def examples_of(module: str) -> tuple[Example, ...]:
    """Return the `EXAMPLES` of a gate's test file; none where the file is missing."""
    path = TESTS / "gates" / f"test_{module}.py"
    if not path.is_file():
        return ()
    spec = importlib.util.spec_from_file_location(f"examples_of_{module}", path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return getattr(loaded, "EXAMPLES", ())


EXAMPLES = [example for module in FOUND for example in examples_of(module)]
ALL = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.id)


def marked(*examples: Example) -> pytest.MarkDecorator:
    """Parametrize a test with examples, some of which are marked slow."""
    return pytest.mark.parametrize(
        "example",
        [
            pytest.param(e, id=e.id, marks=pytest.mark.slow if e in examples else ())
            for e in EXAMPLES
        ],
    )


# laws that run each example
RUN = marked(*(e for e in EXAMPLES if e.slow))
JUDGED_ON_TABLES = [e for e in EXAMPLES if e.place and not e.slow]
GATES = pytest.mark.parametrize(
    "gate",
    [gate for gate in FOUND.values() if any(type(e.gate) is gate for e in EXAMPLES)],
    ids=lambda gate: gate.__name__,
)


def each_gate(
    names: str, cases: Mapping[str, object], examples: Iterable[Example], tables: Iterable[str] = ()
) -> pytest.MarkDecorator:
    """Parametrize a law with cases and examples: the examples of each gate take turns.

    `tests` judges each gate in each case once, `slow` each example in each case, and slow examples;
    with tables, each example on each of them.
    """
    partners: dict[type[mg.Gate], dict[str, object]] = {}
    slow: dict[str, object] = {}
    for e in examples:
        mine = slow if e.slow else partners.setdefault(type(e.gate), {})
        mine |= {f"{e.id}-{t}": (e, t) for t in tables} or {e.id: e}
    pairs = [pair for mine in partners.values() for pair in in_turn(cases, mine)]
    pairs += [
        pytest.param(case, partner, id=f"{named}-{name}", marks=pytest.mark.slow)
        for name, case in cases.items()
        for named, partner in slow.items()
    ]
    return pytest.mark.parametrize(names, pairs)


def law(advice: str) -> Callable[[Callable], Callable]:
    """Add a line of advice to the failures of a test."""

    def advised(test: Callable) -> Callable:
        @functools.wraps(test)
        def run(*args: object, **kwargs: object) -> None:
            try:
                test(*args, **kwargs)
            except Exception as error:
                error.add_note(f"Advice: {advice}")
                raise

        return run

    return advised


# What belongs to a gate


@GATES
@law("inherit the constructor of `Gate`, and keep the names of options apart")
def test_a_misspelt_option_raises_with_the_right_name(gate):
    for option in dataclasses.fields(gate):
        if option.init:
            with pytest.raises(TypeError, match=f"{gate.__name__}: unknown option .*{option.name}"):
                gate(**{f"{option.name}_": None})


@pytest.mark.parametrize("module", FOUND)
def test_a_gate_has_a_test_a_page_and_a_changelog_entry(module):
    name, root = FOUND[module].__name__, TESTS.parent
    test, page = f"tests/gates/test_{module}.py", f"docs/howto/{module}.md"
    assert (root / test).is_file(), f"{test} is missing: test `{name}` there, and give EXAMPLES"
    assert examples_of(module), f"{test} has no EXAMPLES: give two, as test_freshness.py does"
    assert (root / page).is_file(), f"{page} is missing: write how to use `{name}`"
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"`{name}`" in changes, f"CHANGELOG.md has no entry: say what `{name}` does"


def seen(result: mg.GateResult, *, rows: bool = True) -> list[tuple]:
    """Return a result without its texts, which may name types of the container."""
    return sorted(
        (
            check.subject,
            check.group or "",
            check.metric,
            str(check.verdict),
            repr(check.value),
            check.n,
            repr(check.details) if rows else "",
        )
        for check in result.checks
    )


# The class


def test_gates_are_found():
    assert {gate.__name__ for gate in FOUND.values()} >= {"Schema", "Completeness", "Freshness"}


@GATES
@law("add examples to EXAMPLES in the gate's test file until each option was changed")
def test_has_an_example_with_default_and_one_with_other_options(gate):
    mine = [example.gate for example in EXAMPLES if type(example.gate) is gate]
    changed = [
        {
            f.name
            for f in dataclasses.fields(given)
            if f.default is not dataclasses.MISSING
            and f.name != "name"
            and getattr(given, f.name) != f.default
        }
        for given in mine
    ]
    assert len(mine) >= 2, "EXAMPLES needs two of it"
    # (of which one must be given)
    required = {"at_least", "at_most", "max_slowdown", "column"}
    assert any(options <= required for options in changed), "no example has the default options"
    every = {f.name for f in dataclasses.fields(gate) if f.default is not dataclasses.MISSING}
    own = every - {"name", "advisory", "inconclusive", "after"}
    # (what passes by a real clock alone is no example: it would not be the same twice)
    own -= {"cold_at_most"}
    assert own <= set().union(*changed), "an option is never changed"


@GATES
def test_is_public_and_inherits_from_gate_alone(gate):
    assert gate.__name__ in mg.__all__
    between = gate.__mro__[1 : gate.__mro__.index(mg.Gate)]
    assert all(base.__module__.rpartition(".")[2].startswith("_") for base in between)


@GATES
def test_options_are_given_by_name_save_the_first(gate):
    by_place = [f.name for f in dataclasses.fields(gate) if not f.kw_only]
    # (a statistic is that of a column)
    assert len(by_place) <= 1 or by_place == ["of", "column"]
    assert gate.__dataclass_params__.frozen


@GATES
@law("write numpydoc: Parameters for each option, Notes, Examples that run")
def test_docstring_has_sections_for_every_option_and_examples_that_run(gate):
    doc = gate.__doc__
    for title in ("Parameters", "Notes", "Examples"):
        assert f"    {title}\n    {'-' * len(title)}\n" in doc
    parameters = doc.split("Parameters\n")[1].split("Notes\n")[0]
    for option in dataclasses.fields(gate):
        assert option.name in parameters
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    module = vars(importlib.import_module(gate.__module__))
    for test in doctest.DocTestFinder(recurse=False).find(gate, gate.__name__, globs=dict(module)):
        runner.run(test, out=lambda text: None)
    assert runner.tries > 0
    assert runner.failures == 0


@GATES
@law("declare new names in src/mlgates/evidence_names.py; `optional_evidence` has none of `needs`")
def test_needs_only_names_of_the_vocabulary(gate):
    some = next(example.gate for example in EXAMPLES if type(example.gate) is gate)
    used = some.needs | some.optional_evidence
    assert used, "it uses nothing"
    assert used <= NAMES.keys(), f"undeclared: {', '.join(sorted(used - NAMES.keys()))}"
    assert not some.needs & some.optional_evidence


@GATES
@pytest.mark.parametrize("bad", [object(), math.nan], ids=["object", "nan"])
@law("check each option in __post_init__ by the functions of mlgates.options")
def test_bad_options_raise_an_error_that_names_them(gate, bad):
    example = next(e.gate for e in EXAMPLES if type(e.gate) is gate)
    for option in dataclasses.fields(gate):
        if not option.init:
            continue
        with pytest.raises(mg.OptionError) as caught:
            dataclasses.replace(example, **{option.name: bad})
        assert option.name in str(caught.value)
        assert gate.__name__ in str(caught.value)


@GATES
def test_unknown_option_raises(gate):
    example = next(e.gate for e in EXAMPLES if type(e.gate) is gate)
    with pytest.raises(TypeError, match="max_mising"):
        dataclasses.replace(example, max_mising=0.1)


# Runs that several laws share

TABLES = {"honest": people, "spoiled": lambda: spoiled(people())}
BY_ID = {example.id: example for example in EXAMPLES}


@functools.cache
def table_of(name: str) -> pa.Table:
    """Return a table that no test changes; Arrow tables are immutable."""
    return TABLES[name]()


@functools.cache
def result_of(example_id: str, table: str = "honest") -> mg.GateResult:
    """Return the result of an example on a table, which is immutable."""
    example = BY_ID[example_id]
    return example.gate.run(**example.evidence(table_of(table)))


@functools.cache
def steps_of(example_id: str, option: str, table: str) -> tuple[Verdict, ...]:
    """Return the verdicts of an example for each value of one of its options, in order."""
    example = BY_ID[example_id]
    make = example.make or (lambda **o: dataclasses.replace(example.gate, name=None, **o))
    evidence = example.evidence(table_of(table) if table in TABLES else DAMAGES[table](people()))
    return tuple(
        make(**{option: value}).run(**evidence).verdict for value in example.ladders[option]
    )


def test_ids_of_examples_are_different():
    assert len(BY_ID) == len(EXAMPLES)


# The value


@ALL
@law("decorate the gate with @dataclass(frozen=True, repr=False)")
def test_is_frozen(example):
    for option in dataclasses.fields(example.gate):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(example.gate, option.name, None)


@ALL
@law("turn mappings and lists into tuples in __post_init__")
def test_is_equal_by_value_and_hashable(example):
    twin = dataclasses.replace(example.gate)
    assert twin == example.gate
    assert hash(twin) == hash(example.gate)
    assert copy.deepcopy(example.gate) == example.gate
    assert dataclasses.replace(example.gate, name="another") != example.gate
    assert {example.gate: 1}[twin] == 1


@RUN
@law("keep no lambda or cached value in a field")
def test_pickles(example):
    again = pickle.loads(pickle.dumps(example.gate))
    assert again == example.gate
    assert again.run(**example.evidence()) == result_of(example.id)


@ALL
@law("keep options in a form that can be written; see options.written")
def test_repr_can_be_evaluated(example):
    if not example.literal:
        assert "adults" in repr(example.gate)
        return
    names = {name: getattr(mg, name) for name in mg.__all__} | {"datetime": dt}
    assert eval(repr(example.gate), names) == example.gate  # noqa: S307


@ALL
@law("yield counters in the order of the schema, not of a set")
def test_asks_for_the_same_counters_each_time(example):
    from mlgates.tables.source import as_source

    schema = as_source(people()).schema
    counters = list(example.gate.counts(schema))
    assert counters == list(example.gate.counts(schema))
    assert all(isinstance(hash(counter), int) for counter in counters)


# The verdict


@RUN
@law("give evidence that passes, and checks with `n` and a reason")
def test_passes_on_its_evidence(example):
    result = result_of(example.id)
    assert result.verdict is Verdict.PASS, result.reason
    assert all(check.n >= 0 and check.reason for check in result.checks)


@RUN
@law("seed what is drawn, and copy what is written to")
def test_is_deterministic_and_leaves_its_input_alone(example):
    table = people().to_pandas()
    evidence = example.evidence(table)
    before = copy.deepcopy(evidence)
    first = example.gate.run(**evidence)
    assert example.gate.run(**evidence) == first
    for name, value in evidence.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, before[name])
        elif name in NAMES and NAMES[name].kind in ("rows", "log", "counts"):
            assert np.array_equal(value, before[name], equal_nan=False), name


@ALL
@law("list in `needs` what every run needs")
def test_needs_what_it_says(example):
    evidence = example.evidence()
    for name in example.gate.needs:
        without = {key: value for key, value in evidence.items() if key != name}
        result = example.gate.run(**without)
        assert result.verdict is Verdict.ERROR
        assert result.reason == f"the gate needs `{name}`, which was not given"


@each_gate(
    "table, example",
    TABLES | {"no rows": lambda: people().slice(0, 0)},
    EXAMPLES,
)
@law("keep plain values in the details of checks")
def test_report_survives_json(table, example):
    report = mg.GateSuite([dataclasses.replace(example.gate, after=())]).run(
        **example.evidence(table())
    )
    assert mg.Report.from_dict(json.loads(report.to_json())) == report


# Hostile evidence


def put(table: pa.Table, name: str, values: object) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, values)


def spoiled(table: pa.Table) -> pa.Table:
    """A table with missing cells, infinities, values out of place, a repetition, a future stamp."""
    seen = table["seen"].to_pylist()
    seen[7] = NOW + dt.timedelta(minutes=10)
    ages = [-1, *table["age"].to_pylist()[1:]]
    income = table["income"].to_pylist()
    income[:3] = [None, math.inf, math.nan]
    country = [None, "XX", "?", *table["country"].to_pylist()[3:]]
    ids = table["id"].to_pylist()
    ids[5] = ids[4]
    table = put(table, "age", pa.array(ages, pa.int64()))
    table = put(table, "seen", pa.array(seen, pa.timestamp("us", "UTC")))
    table = put(table, "income", pa.array(income, pa.float64()))
    table = put(table, "country", pa.array(country, pa.string()))
    return put(table, "id", pa.array(ids, pa.int64()))


def all_missing(table: pa.Table) -> pa.Table:
    return pa.table({f.name: pa.nulls(table.num_rows, f.type) for f in table.schema})


def constant(table: pa.Table) -> pa.Table:
    return table.take(pa.array([0] * table.num_rows))


def floats(value: float) -> Callable[[pa.Table], pa.Table]:
    return lambda table: pa.table({name: [value] * table.num_rows for name in table.column_names})


def twice_named(table: pa.Table) -> pa.Table:
    return pa.Table.from_arrays(
        [*table.columns, table.column(0)], names=[*table.column_names, table.column_names[0]]
    )


def mixed_objects(table: pa.Table) -> dict[str, list[object]]:
    cells = [1, "a", None, (1,), {"k": 1}, object()]
    return dict.fromkeys(table.column_names, cells)


def as_text(table: pa.Table) -> pa.Table:
    return pa.table({name: pc.cast(table[name], pa.string()) for name in table.column_names})


def unhashable(table: pa.Table) -> dict[str, list[list[int]]]:
    return {name: [[i] for i in range(table.num_rows)] for name in table.column_names}


NOTHING_SHOWN = {
    "no rows": lambda table: table.slice(0, 0),
    "no rows in pandas": lambda table: table.slice(0, 0).to_pandas(),
    "no rows in lists": lambda table: {name: [] for name in table.column_names},
    "all missing": all_missing,
    "all None": lambda table: {name: [None] * 3 for name in table.column_names},
    "all NaN": floats(math.nan),
    "a name twice": twice_named,
    "no columns": lambda table: pd.DataFrame(index=range(3)),
    "a text": lambda table: "no such file",
    "a number": lambda table: 7,
    "a vector": lambda table: np.arange(3),
    "a cube": lambda table: np.zeros((2, 2, 2)),
    "names of numbers": lambda table: pd.DataFrame({0: [1], 1: [2]}),
    "ragged": lambda table: {"id": [1], "age": [1, 2]},
}
ODD = {
    "other columns": lambda table: {"other": [1, 2, 3]},
    "one row": lambda table: table.slice(0, 1),
    "constant": constant,
    "all infinite": floats(math.inf),
    "all minus infinite": floats(-math.inf),
    "mixed objects": mixed_objects,
    "texts": as_text,
    "unhashable": unhashable,
    "bools": lambda table: {name: [True, False] for name in table.column_names},
    "spoiled": spoiled,
    "fewer columns": lambda table: table.select(["id"]),
    "an extra column": lambda table: table.append_column("odd\n\x00\x1b[31m", pa.nulls(ROWS)),
}


def assert_said_in_a_sentence(result: mg.GateResult) -> None:
    """Assert that the reason of an ERROR is a sentence, and not an internal exception."""
    internal = ("KeyError", "TypeError", "AttributeError", "ValueError", "IndexError")
    internal += ("ArrowInvalid", "ArrowNotImplemented")
    for check in result.checks:
        of_the_user = "the condition of slice" in check.reason
        assert of_the_user or not any(word in check.reason for word in internal), check.reason


@each_gate("damage, example", NOTHING_SHOWN, JUDGED_ON_TABLES)
@law("return PASS only from `decide`, with the rows that were seen as `n`")
def test_never_passes_where_nothing_was_shown(damage, example):
    result = example.gate.run(**example.evidence(damage(people())))
    assert result.verdict is not Verdict.PASS
    assert result.verdict is not Verdict.SKIP
    assert str(result)
    assert_said_in_a_sentence(result)


@each_gate("damage, example", ODD, JUDGED_ON_TABLES)
@law("raise EvidenceError with a sentence that says what to do")
def test_has_a_verdict_for_odd_evidence(damage, example):
    result = example.gate.run(**example.evidence(damage(people())))
    assert result.verdict is not Verdict.SKIP
    assert "Traceback" not in str(result)
    assert_said_in_a_sentence(result)


NO_CLOCKS = {repr(now): now for now in (dt.datetime(2026, 3, 1), "now", 7, pd.NaT)}


@each_gate("now, example", NO_CLOCKS, [e for e in EXAMPLES if not e.slow])
def test_clock_that_is_none_is_no_pass(now, example):
    result = example.gate.run(**(example.evidence() | {"now": now}))
    asked = "now" in example.gate.optional_evidence
    assert result.verdict is (Verdict.ERROR if asked else Verdict.PASS)


# Evidence damaged by its kind


def raising(*_: object) -> None:
    msg = "no answer today"
    raise RuntimeError(msg)


def table_of_nothing(value: object) -> object:
    return {"id": []}


def only(traffic: mg.Traffic, share: float, n: int) -> mg.Traffic:
    """Return traffic with n times each count of the candidate, and none of production."""
    empty = mg.Traffic()
    for look in traffic.looks:
        candidate = {name: n * count for name, count, _ in look.counts}
        production = dict.fromkeys(candidate, 0)
        empty = empty.add(candidate=candidate, production=production, share=share)
    return empty


#: kind -> what shows nothing, or is no evidence of that kind; a gate that uses it can't pass
DAMAGED_BY_KIND = {
    "table": {
        "a text": lambda value: "no such file",
        "a number": lambda value: 7,
        "a vector": lambda value: np.arange(3),
        "no rows": table_of_nothing,
    },
    "features": {"a number": lambda value: 7, "a text": lambda value: "no such file"},
    "rows": {
        "none": lambda value: [],
        "too few": lambda value: [1],
        "all missing": lambda value: [None] * ROWS,
        "a number": lambda value: 7,
        "another column": lambda value: "no such column",
    },
    "log": {
        "none": lambda value: [],
        "all missing": lambda value: [None] * ROWS,
        "all NaN": lambda value: [math.nan] * ROWS,
        "all infinite": lambda value: [math.inf] * ROWS,
        "below 0": lambda value: [-1.0] * ROWS,
        "texts": lambda value: ["fast"] * ROWS,
        "a number": lambda value: 7,
    },
    "counts": {
        "none": lambda value: mg.Traffic(),
        "all 0": lambda value: only(value, 0.5, 0),
        "one model alone": lambda value: only(value, 1.0, 1),
        "a dict": lambda value: value.to_dict(),
        "a text": lambda value: "no such file",
        "a number": lambda value: 7,
    },
    "model": {
        "a number": lambda value: 7,
        "raises": lambda value: raising,
        "answers nothing": lambda value: lambda rows: [],
        "answers None": lambda value: lambda rows: None,
    },
    "frame": {
        "a number": lambda value: 7,
        "a table": lambda value: value.by_group,
    },
    "moment": {"a text": lambda value: "now", "NaT": lambda value: pd.NaT},
    "free": {},
}


def damages() -> Iterator[object]:
    """Each example with one value of its evidence damaged in each way of its kind.

    In `tests` the examples of a gate that use the value take turns.
    """
    users: dict[tuple[type[mg.Gate], str], list[Example]] = {}
    for example in EXAMPLES:
        for name in () if example.slow else example.evidence():
            users.setdefault((type(example.gate), name), []).append(example)
    for (_, name), examples in users.items():
        ways = DAMAGED_BY_KIND[NAMES[name].kind] if name in NAMES else {}
        labels = {f"{example.id}-{name}": example for example in examples}
        for (damage, example), marks, label in in_turn(ways, labels):
            yield pytest.param(example, name, damage, id=label, marks=marks)


@pytest.mark.parametrize(("example", "name", "damage"), list(damages()))
@law("raise EvidenceError when a value is unusable; PASS needs a finite value within its limit")
def test_never_passes_on_damaged_evidence_of_any_kind(example, name, damage):
    evidence = example.evidence()
    result = example.gate.run(**(evidence | {name: damage(evidence[name])}))
    assert result.verdict is not Verdict.PASS
    assert result.verdict is not Verdict.SKIP
    assert str(result)
    assert_said_in_a_sentence(result)


def test_every_kind_of_evidence_is_damaged():
    assert DAMAGED_BY_KIND.keys() == {"counts", *(each.kind for each in NAMES.values())}


# Metamorphic laws


def as_pandas(table, folder):
    return table.to_pandas()


def as_polars(table, folder):
    return pl.from_arrow(table)


def as_dict(table, folder):
    return table.to_pydict()


def as_records(table, folder):
    return table.to_pylist()


def as_parquet(table, folder):
    path = folder / "people.parquet"
    pq.write_table(table, path, row_group_size=7)
    return path


def as_chunks(table, folder):
    return pa.concat_tables([table.slice(0, 11), table.slice(11, 0), table.slice(11)])


def as_reader(table, folder):
    return table.to_reader(max_chunksize=9)


CONTAINERS = {
    container.__name__: container
    for container in (
        as_pandas,
        as_polars,
        as_dict,
        as_records,
        as_parquet,
        as_chunks,
        as_reader,
    )
}


ON_A_TABLE = pytest.mark.parametrize(
    ("example", "table"),
    in_turn({e.id: e for e in JUDGED_ON_TABLES}, {name: name for name in TABLES}),
)


@each_gate("container, given", CONTAINERS, JUDGED_ON_TABLES, TABLES)
@law("read tables by counters or `evidence.outcomes`, not by their methods")
def test_container_makes_no_difference(container, given, tmp_path):
    example, table = given
    result = example.gate.run(**example.evidence(container(table_of(table), tmp_path)))
    assert seen(result) == seen(result_of(example.id, table))


@ON_A_TABLE
@law("don't let the order of rows reach a verdict or a value")
def test_order_of_rows_makes_no_difference(example, table):
    backwards = table_of(table).take(pa.array(range(ROWS - 1, -1, -1)))
    result = example.gate.run(**example.evidence(backwards))
    assert seen(result, rows=False) == seen(result_of(example.id, table), rows=False)


@ON_A_TABLE
@law("look columns up by name")
def test_order_of_columns_makes_no_difference(example, table):
    given = table_of(table)
    result = example.gate.run(**example.evidence(given.select(given.column_names[::-1])))
    if example.ordered:
        assert result.verdict is Verdict.FAIL
    else:
        assert seen(result) == seen(result_of(example.id, table))


DAMAGES = {"constant": constant, **NOTHING_SHOWN}


LADDERS = {e.id: e for e in EXAMPLES if e.ladders}


@pytest.mark.parametrize(
    ("example", "table"),
    [
        *in_turn(LADDERS, {name: name for name in TABLES}, every=1),
        *in_turn(LADDERS, {name: name for name in DAMAGES}),
    ],
)
@law("compare with the limit by `decide`, whose limits are monotone")
def test_tighter_option_never_turns_another_verdict_into_pass(example, table):
    for option in example.ladders:
        verdicts = steps_of(example.id, option, table)
        passed = [verdict is Verdict.PASS for verdict in verdicts]
        assert passed == sorted(passed, reverse=True), (option, verdicts)


@pytest.mark.parametrize("example", LADDERS.values(), ids=LADDERS)
def test_every_ladder_has_two_ends(example):
    """A ladder on which every step passes, or none, would show nothing."""
    for option in example.ladders:
        verdicts = {verdict for table in TABLES for verdict in steps_of(example.id, option, table)}
        assert Verdict.PASS in verdicts, option
        assert len(verdicts) > 1, option


# Sabotage: what one gate does never changes what another finds


class Saboteurs:
    """Functions that break the rules for gates."""

    @staticmethod
    def raises(data):
        msg = "no"
        raise RuntimeError(msg)

    @staticmethod
    def leaves(data):
        raise SystemExit(3)

    @staticmethod
    def returns_nothing(data):
        return None

    @staticmethod
    def returns_text(data):
        return "pass"

    @staticmethod
    def returns_nan(data):
        return math.nan

    @staticmethod
    def overwrites(data):
        data["income"].to_numpy()[:] = 0.0
        return True

    @staticmethod
    def assigns(data):
        data["income"] = 0.0
        return True

    @staticmethod
    def deletes(data):
        for name in list(data.columns):
            del data[name]
        return True

    @staticmethod
    def renames(data):
        data.index = data.index[::-1]
        data.columns = [name.upper() for name in data.columns]
        return True

    @staticmethod
    def recurses(data):
        return Saboteurs.recurses(data)

    @staticmethod
    def eats_memory(data):
        raise MemoryError

    @staticmethod
    def lies(data):
        return mg.Measurement(0.0, n=0)


SABOTEURS = {
    name: [value.__func__] for name, value in vars(Saboteurs).items() if not name.startswith("_")
}


@functools.cache
def healthy() -> tuple[list[mg.Gate], dict[str, object]]:
    """Return all examples as gates of one suite, and evidence for them without the data."""
    gates = [dataclasses.replace(example.gate, name=example.id, after=()) for example in EXAMPLES]
    others = {name: value for e in EXAMPLES for name, value in e.others.items() if name != "data"}
    return gates, others


@functools.cache
def healthy_report() -> mg.Report:
    gates, others = healthy()
    return mg.GateSuite(gates).run(data=table_of("spoiled").to_pandas(), **others)


@pytest.mark.parametrize(
    "saboteurs",
    [
        pytest.param([each for (each,) in SABOTEURS.values()], id="all"),
        *(pytest.param(one, id=name, marks=pytest.mark.slow) for name, one in SABOTEURS.items()),
    ],
)
def test_saboteurs_change_no_other_result(saboteurs):
    gates, others = healthy()
    evidence, alone = {"data": table_of("spoiled").to_pandas(), **others}, healthy_report()
    evil = [mg.gate(saboteur) for saboteur in saboteurs]
    again = [dataclasses.replace(each, name=f"{each.name} again") for each in evil]
    beside = mg.GateSuite([*evil, *gates[:4], *again, *gates[4:]])
    report = beside.run(**evidence)
    for result in alone.results:
        assert report[result.name] == result
    assert len(report) == len(alone) + 2 * len(evil)
    assert report.verdict is not Verdict.PASS
