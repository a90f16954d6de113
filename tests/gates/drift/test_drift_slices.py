"""Limits by column, the share of drifted columns, and slices of `Drift`."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.evidence import Evidence
from mlgates.verdict import Verdict

P, U, F, E = Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL, Verdict.ERROR


def shops(seed, rows=3_000, shift=0.0, names=("a", "b", "c")):
    """Rows of shops; in shop b, x is shifted."""
    rng = np.random.default_rng(seed)
    shop, x = rng.choice(names, rows), rng.normal(size=rows)
    x[shop == "b"] += shift
    return {
        "shop": shop,
        "x": x,
        "y": rng.normal(size=rows),
        "kind": rng.choice(["u", "v"], rows),
    }


TRAIN = shops(1)


def run(data, reference=None, method="psi", **options):
    gate = mg.Drift(method, **options)
    return gate.run(data=data, reference=TRAIN if reference is None else reference)


def found(result):
    return {(c.subject, c.group, c.metric): c.verdict for c in result.checks}


# options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"at_most": {}},
            "`at_most` must be a number, or a non-empty mapping of columns to numbers",
        ),
        ({"at_most": {"x": -1}}, "`at_most['x']` must be"),
        ({"at_most": {"x": 2}, "method": "ks"}, "`at_most['x']` must be between 0 and 1"),
        ({"at_most": {"z": 1}, "columns": ["zz"]}, "has 'z', which is not in `columns`; did you"),
        ({"max_drifted": 20}, "write 0.2"),
        ({"by": {"old": "age >"}}, "`by['old']`"),
        ({"max_groups": 0}, "`max_groups` must be"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Drift(**options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [{"at_most": {"x": 0.1, "*": 0.3}, "max_drifted": 0.2}, {"by": {"b": "shop == 'b'"}}],
)
def test_gates_can_be_written_and_read(options):
    gate = mg.Drift(**options)
    assert eval(repr(gate), {"Drift": mg.Drift}) == gate  # noqa: S307
    suite = mg.GateSuite([gate])
    assert mg.GateSuite.from_toml(suite.to_toml()) == suite


# limits by column


def test_each_column_has_its_limit():
    data = shops(2, shift=3)
    limits = {check.subject: check.limit.high for check in run(data, at_most={"x": 2}).checks}
    assert limits == {"shop": 0.2, "x": 2, "y": 0.2, "kind": 0.2}
    assert run(data).verdict is F
    assert run(data, at_most={"x": 2}).verdict is P
    assert run(data, at_most={"y": 2, "*": 3}).verdict is P
    assert run(data, at_most={"y": 2, "*": 0.1}).verdict is F


@pytest.mark.parametrize(
    ("name", "options", "reason"),
    [
        ("yy", {}, "is not in the reference; did you mean 'y'?"),
        ("kind", {"method": "ks"}, "can't be judged by 'ks'; remove its limit"),
        (
            "x",
            {"exclude": "x"},
            "is not judged, because it is in `exclude` or `by`; remove its limit",
        ),
    ],
)
def test_a_limit_of_a_column_that_is_not_judged_is_an_error(name, options, reason):
    result = run(shops(2), at_most={name: 0.1}, **options)
    assert result.verdict is E
    (check,) = [check for check in result.checks if check.verdict is E]
    assert check.reason == f"`{name}` has a limit in `at_most`, but {reason}"


# the share of drifted columns


def test_the_share_of_drifted_columns_decides():
    data = shops(2, shift=3)
    for most, verdict in ((0.25, P), (0.2, F), (0, F), (1, P)):
        (check,) = run(data, max_drifted=most).checks
        assert check.verdict is verdict
        assert (check.subject, check.metric, check.value, check.n) == (
            "columns",
            "drifted_share",
            0.25,
            4,
        )
        assert check.limit.high == most
    first, *others = check.details["columns"]
    assert (first["column"], first["metric"], first["note"]) == ("x", "psi", "psi, fail")
    assert first["value"] > first["limit"] == 0.2
    assert [each["note"] for each in others] == ["psi, pass"] * 3
    text = str(run(data, max_drifted=0.5))
    assert "drifted_share 25 % (`x` (psi 0.5" in text.replace("\n", " ")
    page = run(data, max_drifted=0.5)._repr_html_()
    assert "columns: columns" in page
    assert run(data, max_drifted=0.2).reason.startswith(
        "1 of 4 columns drifted (25 %): `x` (psi 0.5"
    )


def test_missing_cells_count_for_their_column():
    data = shops(2) | {"y": [np.nan] * 1_000 + [0.0] * 2_000}
    (check,) = run(data, max_drifted=0.25).checks
    assert check.value == 0.25
    assert check.verdict is P


def test_errors_of_columns_stay_errors():
    data = shops(2)
    del data["y"]
    result = run(data, max_drifted=1.0)
    assert found(result)["y", None, "psi"] is E
    assert result.verdict is E


def test_undecided_columns_never_pass_alone():
    few = {name: values[:20] for name, values in shops(2).items()}
    result = run(few, max_drifted=0.9)
    assert result.verdict is U
    (check,) = result.checks
    assert not check.by_chance
    assert "; the check of `x` says: '`psi` of `x` is " in check.reason
    assert "at least 100 are needed" in check.reason
    end = "; so the share of the columns that drifted is unknown (limit: at most 90 %)"
    assert check.reason.endswith(end)


def test_undecided_columns_that_could_change_the_verdict_block_it():
    rng = np.random.default_rng(0)
    reference = {f"x{i}": rng.normal(size=40) for i in range(4)}
    data = {name: rng.normal(size=40) for name in reference}
    data |= {"x0": rng.normal(4, 1, 40), "x3": reference["x3"]}
    options = {"method": "ks", "inconclusive": "allow"}
    alone = found(run(data, reference, **options))
    undecided = sum(verdict is U for verdict in alone.values())
    assert alone["x0", None, "ks"] is F
    assert 0 < undecided < 3
    (check,) = run(data, reference, max_drifted=0.25, **options).checks
    assert check.verdict is U
    assert check.by_chance
    assert run(data, reference, max_drifted=0.75, **options).verdict is P
    assert run(data, reference, max_drifted=0.2, **options).verdict is F


# slices


def test_a_change_within_one_slice_is_found_there():
    data = shops(2, shift=1)
    result = run(data, by="shop")
    verdicts = found(result)
    assert {key for key, verdict in verdicts.items() if verdict is F} == {("x", "shop=b", "psi")}
    assert len(verdicts) == 9  # three columns in three shops
    assert result.reason.startswith("where shop=b, `psi` of `x` is 0.7")
    by_rows = pd.DataFrame(data)[data["shop"] == "b"], pd.DataFrame(TRAIN)[TRAIN["shop"] == "b"]
    (alone,) = run(*by_rows, columns="x").checks
    (sliced,) = [c for c in result.checks if (c.subject, c.group) == ("x", "shop=b")]
    assert sliced.value == alone.value
    assert sliced.details["p_value_alone"] == alone.details["p_value_alone"]
    assert sliced.p_value == pytest.approx(9 * alone.p_value)  # Holm's correction for all checks


def test_conditions_and_functions_make_slices():
    def of_b(table):
        return [shop == "b" for shop in table["shop"].to_pylist()]

    result = run(shops(2, shift=1), by={"b": of_b, "not b": "shop != 'b'"}, columns=["x", "y"])
    assert found(result) == {
        ("x", "b", "psi"): F,
        ("y", "b", "psi"): P,
        ("x", "not b", "psi"): P,
        ("y", "not b", "psi"): P,
    }


def test_a_slice_that_is_new_or_vanished_is_a_finding():
    data = shops(2, names=("a", "b", "d"))
    verdicts = found(run(data, by="shop"))
    assert verdicts["rows", "shop=c", "slice"] is F
    assert verdicts["rows", "shop=d", "slice"] is F
    assert verdicts["x", "shop=a", "psi"] is P
    result = run(data, by="shop", max_drifted=0.5)
    assert {c.metric: c.verdict for c in result.checks if c.group == "shop=c"} == {"slice": F}
    assert (
        "there are no rows in the data, but 1,016 in the reference (33.9 % of all)" in result.reason
    )


def test_a_rare_slice_may_be_absent_by_chance():
    reference = shops(1)
    reference["shop"][:3] = "z"
    (check,) = [c for c in run(shops(2), reference, by="shop").checks if c.metric == "slice"]
    assert (check.verdict, check.group) == (U, "shop=z")
    assert check.by_chance
    assert run(shops(2), reference, by="shop", decide_by="estimate").verdict is F


def test_a_slice_without_rows_in_both_tables_is_undecided():
    result = run(shops(2), by={"none": "x > 100", "all": "x < 100"})
    assert found(result)["rows", "none", "slice"] is U
    (check,) = (check for check in result.checks if check.group == "none")
    assert check.reason == (
        "in slice `none`, there are no rows in either table; nothing can be compared"
    )
    assert not result.passed


def test_a_slice_of_data_without_rows_is_undecided():
    result = run({name: values[:0] for name, values in shops(2).items()}, by={"all": "x < 100"})
    assert found(result)["rows", "all", "slice"] is U
    (check,) = (check for check in result.checks if check.group == "all")
    assert check.reason == "in slice `all`, the data has no rows; nothing can be compared"


def test_small_slices_are_undecided():
    data, reference = shops(2), shops(1)
    for table in (data, reference):
        table["shop"][:50] = "s"
    verdicts = found(run(data, reference, by="shop"))
    assert verdicts["x", "shop=s", "psi"] is U
    assert verdicts["x", "shop=a", "psi"] is P


def test_the_share_of_drifted_columns_is_judged_in_each_slice():
    result = run(shops(2, shift=1), by="shop", max_drifted=0.3)
    assert found(result) == {
        ("columns", "shop=a", "drifted_share"): P,
        ("columns", "shop=b", "drifted_share"): F,
        ("columns", "shop=c", "drifted_share"): P,
    }


def test_a_stored_reference_has_no_slices(tmp_path):
    mg.Baseline.from_data(TRAIN).save(tmp_path / "b.json")
    for reference in (mg.Baseline.from_data(TRAIN), mg.Profile.of(TRAIN), tmp_path / "b.json"):
        result = run(shops(2), reference, by="shop")
        assert result.verdict is E
        assert "has no rows to divide by `by`; pass the table itself" in result.reason


@pytest.mark.parametrize(
    ("by", "data", "reason"),
    [
        ("shp", {}, "`shp` is not in the data; did you mean 'shop'?"),
        ({"old": "age > 3"}, {}, "`age` is not in the data"),
        ("x", {}, "at most 1,000 are allowed"),
        ("shop", {"shop": np.arange(3_000) % 3}, "`shop` has type string in the reference, but"),
        (
            {"bad": lambda table: 1 / 0},
            {},
            "the condition of slice 'bad' raised ZeroDivisionError: division by zero",
        ),
    ],
)
def test_slices_that_cannot_be_formed_are_an_error(by, data, reason):
    result = run(shops(2) | data, by=by)
    assert result.verdict is E
    assert reason in result.reason


def test_too_many_slices_are_an_error():
    assert run(shops(2), by="shop", max_groups=3).verdict is P
    result = run(shops(2), by="shop", max_groups=2)
    assert "more than the 2 allowed" in result.reason


def test_problems_within_slices_name_them():
    data = shops(2)
    del data["y"]
    result = run(data, by="shop")
    errors = {c.reason for c in result.checks if c.verdict is E}
    assert (
        "where shop=a, `y` is not in the data; to leave the column out, list it in `exclude`"
        in errors
    )
    assert len(errors) == 3


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, dict], ids=["pd", "pl", "dict"])
def test_every_container_gives_the_same(make, tmp_path):
    data = shops(2, shift=1)
    expected = run(data, by="shop")
    assert run(make(data), make(TRAIN), by="shop").checks == expected.checks
    pq.write_table(pa.table(TRAIN), tmp_path / "t.parquet", row_group_size=100)
    assert run(make(data), tmp_path / "t.parquet", by="shop").checks == expected.checks


def test_columns_that_are_not_judged_are_listed_once():
    days = pa.array(range(3_000), pa.date32())
    result = run(shops(2) | {"day": days}, TRAIN | {"day": days}, by="shop")
    assert result.note == "columns not judged: `day` (dates)"


@pytest.mark.parametrize("method", ["psi", "ks", "wasserstein"])
def test_slices_are_counted_batch_by_batch(method, tmp_path):
    sizes = []

    def odd(batch):
        sizes.append(len(batch))
        return [x > 0 for x in batch["x"].to_pylist()]

    data, by = shops(2, rows=140_000, shift=1), {"odd": odd, "b": "shop == 'b'"}
    expected = run(data, method=method, by=by, columns=["x", "y"])
    sizes.clear()
    for name, table in (("data", data), ("reference", TRAIN)):
        pq.write_table(pa.table(table), tmp_path / f"{name}.parquet", row_group_size=10_000)
    files = [tmp_path / "data.parquet", tmp_path / "reference.parquet"]
    assert run(*files, method=method, by=by, columns=["x", "y"]).checks == expected.checks
    assert len(sizes) == 3  # two batches of the data


def test_the_data_are_kept_as_counts_in_slices():
    gate = mg.Drift("psi", by="shop", columns=["x"])
    evidence = Evidence({"data": shops(20), "reference": shops(1, rows=60_000)})
    evidence.collect_requests("drift", gate.request_counts)
    evidence.scan()
    (counters,) = gate._slice_counters(evidence)
    groups = evidence.profile()[counters.data].groups
    kept = [[type(state).__name__ for state in group.state.states] for group in groups]
    assert kept == [["CellCounts"]] * 3
