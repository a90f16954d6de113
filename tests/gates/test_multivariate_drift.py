"""Drift of rows as a whole: verdicts, reasons, columns, samples, references without rows."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from gate_examples import Example, people
from threadpoolctl import threadpool_info, threadpool_limits

import mlgates as mg
from mlgates.tables.sampling import sampled
from mlgates.tables.source import as_source
from mlgates.verdict import Verdict

PASS, INCONCLUSIVE, FAIL, ERROR = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR


def pairs(n, correlation, seed, columns=1):
    """Two columns with a correlation, and others without any."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=(2, n))
    other = {f"z{i}": rng.normal(size=n) for i in range(columns)}
    return {"x": x, "y": correlation * x + np.sqrt(1 - correlation**2) * noise} | other


def run(data, reference, **options):
    return mg.MultivariateDrift(**options).run(data=data, reference=reference)


def only(result):
    (check,) = result.checks
    return check


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"at_most": 0.4}, "`at_most` must be a finite number of at least 0.5 and at most 1"),
        ({"columns": []}, "`columns` must be"),
        ({"columns": ["a"], "exclude": ["a"]}, "names that are not in `columns`"),
        ({"min_samples": 0}, "`min_samples` must be"),
        ({"max_rows": 100}, "`min_samples` must not be greater than `max_rows`, got 200 and 100"),
        ({"folds": 1}, "`folds` must be a whole number of at least 2"),
        ({"seed": -1}, "`seed` must be"),
        ({"decide_by": "interval"}, "`decide_by` must be one of 'significance', 'estimate'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.MultivariateDrift(**options)
    assert message in str(caught.value)


def test_the_name_is_in_snake_case():
    gate = mg.MultivariateDrift()
    assert (gate.kind, gate.name) == ("multivariate_drift", "multivariate_drift")
    assert mg.GateSuite([gate, mg.Schema({"x": "int"})]).only("multivariate*").names == (gate.name,)


def test_a_correlation_that_turned_fails_and_names_its_columns():
    result = run(pairs(500, -0.9, 1, 4), pairs(500, 0.9, 2, 4))
    check = only(result)
    assert result.verdict is FAIL
    assert check.value > 0.85
    assert check.interval[0] < check.value < check.interval[1]
    assert {item["column"] for item in check.details["columns"][:2]} == {"x", "y"}
    assert "(n = 500 against 500 in the reference), mainly by `" in check.reason
    assert mg.Drift("ks").run(data=pairs(500, -0.9, 1), reference=pairs(500, 0.9, 2)).passed
    assert "rows: columns" in result._repr_html_()


def test_nothing_changed_passes():
    result = run(pairs(500, 0.5, 1), pairs(500, 0.5, 2))
    assert result.verdict is PASS
    assert abs(only(result).value - 0.5) < 0.07


def test_identical_tables_have_an_area_of_one_half():
    table = pairs(300, 0.5, 0)
    assert only(run(table, table)).value == 0.5


def test_repeated_rows_share_a_fold():
    """Otherwise rows that were trained on would be recognised without any change."""
    repeated = [pd.DataFrame(pairs(250, 0.5, seed)).sample(frac=1) for seed in (1, 2)]
    data, reference = (pd.concat([table] * 4) for table in repeated)
    assert abs(only(run(data, reference)).value - 0.5) < 0.1


def test_an_area_beyond_the_limit_by_chance_is_undecided():
    rng = np.random.default_rng(0)
    data, reference = ({"x": rng.normal(0.2 * i, 1, 60)} for i in range(2))
    result = run(data, reference, at_most=0.5, min_samples=40, significance=1e-9)
    check = only(result)
    assert result.verdict is INCONCLUSIVE
    assert check.by_chance
    assert "not significant: values of the ROC AUC up to 0." in check.reason
    gate = mg.MultivariateDrift(
        at_most=0.5, min_samples=40, significance=1e-9, inconclusive="allow"
    )
    report = mg.GateSuite([gate, mg.Completeness()]).run(data=data, reference=reference)
    assert report.passed
    assert run(data, reference, at_most=0.5, min_samples=40, decide_by="estimate").verdict is FAIL


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ((199, 500), "too few rows: 199, at least 200 are needed"),
        ((500, 199), "too few rows in the reference: 199, at least 200 are needed"),
        ((0, 500), "no rows to measure"),
    ],
)
def test_too_few_rows_are_undecided_and_never_allowed(rows, reason):
    tables = [pairs(n, 0, n) for n in rows]
    result = run(*tables, inconclusive="allow")
    assert result.verdict is INCONCLUSIVE
    assert not only(result).by_chance
    assert reason in result.reason


def test_few_different_rows_cannot_pass():
    """Rows of two bools are held out whole, so that the classifier has nothing to learn from."""
    rng = np.random.default_rng(0)
    a = rng.random(2_000) < 0.5
    turned = {"a": a, "b": ~a}, {"a": a, "b": a}
    for data, reference in (turned, turned[::-1], ({"a": [True] * 300}, {"a": a[:300]})):
        result = run(data, reference)
        assert result.verdict in (INCONCLUSIVE, FAIL), str(result)
    assert "only 1 distinct rows in the data, at least 200 are needed" in result.reason


def test_missing_cells_texts_bools_and_times_count():
    rng, n = np.random.default_rng(0), 400
    base = {"x": rng.normal(size=n)}
    changed = {
        "missing": (
            np.where(rng.random(n) < 0.5, np.nan, base["x"]),
            rng.normal(size=n),
        ),
        "text": (rng.choice(["a", "b"], n, p=[0.1, 0.9]), rng.choice(["a", "b"], n)),
        "bool": (rng.random(n) < 0.9, rng.random(n) < 0.3),
        "date": tuple(
            [dt.date(year, 1, 1) + dt.timedelta(int(d)) for d in rng.integers(0, 300, n)]
            for year in (2025, 2024)
        ),
        "timestamp": tuple(
            pa.array(start + rng.integers(0, 10**6, n), pa.timestamp(unit))
            for start, unit in ((10**6, "s"), (0, "s"))
        ),
    }
    for name, (now, before) in changed.items():
        data = base | {name: now}
        result = run(data, {"x": rng.normal(size=n), name: before})
        assert result.verdict is FAIL, name
        assert only(result).details["columns"][0]["column"] == name


def test_the_same_values_in_other_types_are_no_drift():
    rng, n = np.random.default_rng(0), 300
    x, t = rng.integers(0, 10, n) / 10, rng.integers(0, 10**6, n)
    z = rng.normal(size=n)
    ours = {
        "x": pa.array(x.astype(np.float32)),
        "i": pa.array(t, pa.int64()),
        "s": pa.array([f"t{i % 300}" for i in t]).dictionary_encode(),
        "t": pa.array(t, pa.timestamp("s")),
        "n": pa.nulls(n),
        "z": z,
    }
    theirs = {
        "x": pa.array(x),
        "i": pa.array(t.astype(float)),
        "s": pa.array([f"t{i % 300}" for i in t]),
        "t": pa.array(t * 10**6, pa.timestamp("us")),
        "n": pa.nulls(n, pa.float64()),
        "z": z,
    }
    assert only(run(pa.table(ours), pa.table(theirs))).value == 0.5


def test_infinities_and_columns_without_values():
    rng, n = np.random.default_rng(0), 300
    data, reference = (
        {
            "x": rng.choice([-np.inf, np.inf, 0, 1], n),
            "y": rng.normal(size=n),
            "empty": [np.nan] * n,
            "rare": [1.0 if i == 7 else np.nan for i in range(n)],
        }
        for _ in range(2)
    )
    assert run(data, reference).verdict is PASS


def test_problems_of_columns_are_errors_that_name_them():
    rng = np.random.default_rng(0)
    reference = {"age": rng.normal(size=300), "income": rng.normal(size=300), "n": [[1]] * 300}
    reference["seen"] = pa.array(range(300), pa.timestamp("us", "UTC"))
    data = {"age": ["a"] * 300, "incme": rng.normal(size=300), "n": [[1]] * 300}
    data["seen"] = pa.array(range(300), pa.timestamp("us"))
    result = run(data, reference)
    assert {check.subject: check.reason for check in result.checks} == {
        "age": "`age` has type float64 (Arrow double) in the reference, but type string in the "
        "data; convert one of them",
        "income": "`income` is not in the data; did you mean 'incme'?",
        "seen": "`seen` has type timestamp[us, tz=UTC] in the reference, but type timestamp[us] in "
        "the data; convert one of them",
    }
    assert {check.verdict for check in result.checks} == {ERROR}
    assert result.note == "columns not judged: `n` (list<item: int64>)"
    named = run(data, reference, columns=["n", "agee"])
    assert [check.reason for check in named.checks] == [
        "`agee` is not in the reference; did you mean 'age'?",
        "in the reference, `n` holds nested values; remove it from `columns`",
    ]
    excluded = run(data, reference, exclude=["age", "income", "seen"])
    assert excluded.verdict is ERROR
    assert excluded.reason.startswith(
        "the reference has no column with values that can be compared; columns not judged: `n`"
    )
    assert "`sen` in `exclude` is not in the reference; did you mean 'seen'?" in str(
        [check.reason for check in run(data, reference, exclude="sen").checks]
    )


def test_a_baseline_or_profile_has_no_rows(tmp_path):
    table = pairs(300, 0, 0)
    mg.Baseline.from_data(table).save(tmp_path / "b.json")
    for reference in (mg.Baseline.from_data(table), tmp_path / "b.json", mg.Profile.of(table)):
        result = run(table, reference)
        assert result.verdict is ERROR
        assert "has no rows; pass the table itself" in result.reason


def test_the_sample_depends_on_values_and_seed_alone():
    rng = np.random.default_rng(0)
    table = pa.table({"x": rng.integers(0, 50, 3_000), "t": rng.choice(["a", "b"], 3_000)})
    shuffled = table.take(pa.array(rng.permutation(3_000)))
    draws = [
        sorted(map(tuple, (row.values() for row in each.to_pylist())))
        for each in (
            sampled(as_source(table), ["x", "t"], 3_000, 500, 1),
            sampled(as_source(shuffled.to_reader(max_chunksize=100)), ["x", "t"], 3_000, 500, 1),
            sampled(as_source(table), ["x", "t"], 3_000, 500, 2),
        )
    ]
    assert draws[0] == draws[1] != draws[2]
    assert len(draws[0]) == 500
    # repeated rows are drawn one by one: each of 100 different rows about five times
    counts = np.unique([f"{x}{t}" for x, t in draws[0]], return_counts=True)[1]
    assert len(counts) > 90
    assert counts.max() < 20


def test_large_tables_are_sampled():
    result = run(pairs(900, 0, 1), pairs(700, 0, 2), max_rows=300)
    assert only(result).n == 300
    assert only(result).details["n_reference"] == 300
    assert result == run(pairs(900, 0, 1), pairs(700, 0, 2), max_rows=300)


def test_threads_of_the_process_change_nothing():
    data, reference = pairs(210, 0.5, 1), pairs(210, 0.5, 2)
    alone = run(data, reference)
    with threadpool_limits(3):
        assert run(data, reference) == alone
        threads = [x["num_threads"] for x in threadpool_info() if x["user_api"] == "openmp"]
    assert set(threads) == {3}


# rows in clusters


def visits(seed, patients=30, first=0, shift=0.0):
    """About 20 visits of each patient, whose values are alike."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(patients), rng.integers(1, 40, patients))
    own, shared = rng.normal(size=(3, len(patient))), rng.normal(size=(3, patients))[:, patient]
    columns = {f"x{i}": values for i, values in enumerate(0.4 * own + shared + shift)}
    return columns | {"patient": patient + first}


def test_patients_that_are_in_one_table_only_are_no_drift():
    """Without clusters the classifier recognises the patients that it was trained on."""
    data, reference = visits(1, first=100), visits(2)
    alone, check = (
        only(mg.MultivariateDrift(exclude="patient").run(data=data, reference=reference)),
        only(mg.MultivariateDrift().run(data=data, reference=reference, clusters="patient")),
    )
    assert (alone.verdict, alone.value > 0.7, "clusters" in alone.details) == (FAIL, True, False)
    assert check.verdict is not FAIL
    assert check.p_value > 0.05
    assert check.details["clusters"] == (30, 30)
    n, m = len(data["x0"]), len(reference["x0"])
    assert (
        f"(n = {n:,} in 30 clusters against {m:,} in 30 clusters in the reference)" in check.reason
    )
    # the interval is longer, because there are fewer clusters than rows
    lengths = [each.interval[1] - each.interval[0] for each in (alone, check)]
    assert lengths[0] < lengths[1]


def test_a_change_of_all_patients_fails_and_leaves_out_the_clusters():
    gate = mg.MultivariateDrift()
    result = gate.run(data=visits(1, 60, 100, shift=2), reference=visits(2, 60), clusters="patient")
    check = only(result)
    assert (result.verdict, check.value > 0.8) == (FAIL, True)
    assert result.note == "columns not judged: `patient` (the clusters)"
    assert {item["column"] for item in check.details["columns"]} <= {"x0", "x1", "x2"}
    named = mg.MultivariateDrift(columns=["x0", "patient"]).run(
        data=visits(1, 60, 100), reference=visits(2, 60), clusters="patient"
    )
    assert named.note == ""
    assert only(named).details["columns"][0]["column"] == "patient"


def test_patients_in_both_tables_share_a_fold():
    """Otherwise the classifier could recognise their visits in the other table."""
    data, reference = visits(1), visits(1)
    data["x0"] = data["x0"] + np.random.default_rng(0).normal(0, 0.01, len(data["x0"]))
    check = only(mg.MultivariateDrift().run(data=data, reference=reference, clusters="patient"))
    assert abs(check.value - 0.5) < 0.1


def test_single_rows_as_clusters_give_no_shorter_interval():
    data, reference = pairs(400, 0.5, 1), pairs(400, 0.5, 2)
    data["id"], reference["id"] = np.arange(400), np.arange(400, 800)
    check = only(mg.MultivariateDrift().run(data=data, reference=reference, clusters="id"))
    assert check.verdict is PASS
    error = (check.interval[1] - check.value) / 1.96
    assert 0.8 < error / (1.5 * np.sqrt(1 / 3 / 800)) < 1.5


def test_order_and_type_of_clusters_do_not_matter():
    data, reference = visits(1, first=10), visits(2)
    rng = np.random.default_rng(0)
    found = mg.MultivariateDrift().run(data=data, reference=reference, clusters="patient")
    shuffled = pd.DataFrame(data).sample(frac=1, random_state=0)
    other = pd.DataFrame(reference).astype({"patient": float})
    other = other.iloc[rng.permutation(len(other))]
    again = mg.MultivariateDrift().run(data=shuffled, reference=other, clusters="patient")
    assert only(again) == only(found)


@pytest.mark.parametrize(("patients", "table"), [((19, 30), "data"), ((30, 19), "reference")])
def test_few_clusters_are_undecided_and_never_allowed(patients, table):
    data, reference = (visits(i, k, 100 * i, 3 * i) for i, k in enumerate(patients))
    gate = mg.MultivariateDrift(inconclusive="allow", decide_by="estimate")
    check = only(gate.run(data=data, reference=reference, clusters="patient"))
    assert (check.verdict, check.by_chance) == (INCONCLUSIVE, False)
    assert f"; too few clusters in the {table}: 19, at least 20 are needed (limit" in check.reason
    one = reference | {"patient": np.zeros(len(reference["x0"]))}
    check = only(gate.run(data=data, reference=one, clusters="patient"))
    assert (check.verdict, check.value) == (INCONCLUSIVE, None)
    assert "too few clusters in the reference: 1, at least 20 are needed" in check.reason


@pytest.mark.parametrize(
    ("clusters", "data", "reference", "message"),
    [
        (
            np.arange(300),
            {},
            {},
            (
                "`clusters` must be the name of a column that is in both `data` and `reference`, "
                "got a value of type ndarray, which can't hold the clusters of both tables"
            ),
        ),
        (
            "pateint",
            {},
            {},
            "`pateint`, the column of `clusters`, is not in the reference; did you mean 'patient'?",
        ),
        (
            "patient",
            {"patient": None},
            {},
            "`patient`, the column of `clusters`, is not in the data; give another column",
        ),
        (
            "patient",
            {"patient": [f"p{i}" for i in range(300)]},
            {},
            (
                "`patient`, the column of `clusters`, has type int64 in the reference, but type "
                "string in the data; convert one of them"
            ),
        ),
        (
            "patient",
            {"patient": [[i] for i in range(300)]},
            {},
            (
                "in the data, `patient`, the column of `clusters`, holds nested values; give "
                "another column"
            ),
        ),
        (
            "patient",
            {},
            {"patient": [[i] for i in range(300)]},
            (
                "in the reference, `patient`, the column of `clusters`, holds nested values; "
                "give another column"
            ),
        ),
        (
            "patient",
            {},
            {"patient": [None, *range(299)]},
            (
                "`patient` of the reference has no value in 1 row: leave out the rows without a "
                "cluster, or give each of them a cluster of its own if they are independent"
            ),
        ),
    ],
)
def test_problems_of_clusters_are_errors(clusters, data, reference, message):
    tables = []
    for seed, change in enumerate((data, reference)):
        table = pairs(300, 0, seed) | {"patient": np.arange(300)} | change
        tables.append({name: column for name, column in table.items() if column is not None})
    result = mg.MultivariateDrift().run(data=tables[0], reference=tables[1], clusters=clusters)
    check = only(result)
    assert (check.verdict, check.reason) == (ERROR, message)


def test_clusters_of_large_tables_are_sampled():
    data, reference = visits(1, 60, 100), visits(2, 60)
    gate = mg.MultivariateDrift(max_rows=300)
    check = only(gate.run(data=data, reference=reference, clusters="patient"))
    assert (check.n, check.details["n_reference"]) == (300, 300)
    assert all(40 < number <= 60 for number in check.details["clusters"])


# the laws of all gates (tests/test_every_gate.py)


def others() -> pa.Table:
    """People of whom some have another income than in the examples."""
    table = people()
    incomes = np.asarray(table["income"])
    return table.set_column(3, "income", pa.array(np.where(incomes > 3_500, 9_000, incomes)))


EXAMPLES = (
    Example(
        "multivariate-drift",
        mg.MultivariateDrift(),
        others={"data": pairs(210, 0.5, 1), "reference": pairs(205, 0.5, 2)},
        place="",
    ),
    Example(
        "multivariate-drift-columns",
        mg.MultivariateDrift(columns=["income", "country"], min_samples=20, folds=2, at_most=0.9),
        others={"reference": others()},
        ladders={"at_most": (1.0, 0.9, 0.5)},
    ),
    Example(
        "multivariate-drift-options",
        mg.MultivariateDrift(
            at_most=0.8,
            exclude=["id", "seen"],
            min_samples=30,
            max_rows=1_000,
            folds=2,
            seed=1,
            decide_by="estimate",
            significance=0.01,
            name="joint",
            after="schema",
        ),
        others={"data": people(), "reference": people()},
        place="",
    ),
)


def test_equal_rows_in_renamed_clusters_do_not_pass():
    reference = visits(2, 60)
    renamed = {**reference, "patient": [name + 10_000 for name in reference["patient"]]}
    result = mg.MultivariateDrift().run(data=renamed, reference=reference, clusters="patient")
    assert result.verdict is mg.Verdict.INCONCLUSIVE
    assert (
        "the ROC AUC is far below 0.5, perhaps because equal rows are in different clusters"
        in result.reason
    )
