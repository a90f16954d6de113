"""Every kind of table gives the same verdict and numbers wherever a table is taken."""

from functools import partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.dataset import dataset
from sampling import in_turn
from scipy import sparse

import mlgates as mg
from mlgates.tables.source import as_source

N = 60
RNG = np.random.default_rng(0)
COLUMNS = {
    "x0": RNG.normal(0, 1, N).round(3).tolist(),
    "x1": [float(i % 2) for i in range(N)],
    "x2": [float(i % 3 == 0) for i in range(N)],
}
SHIFTED = {name: [value + 0.1 for value in values] for name, values in COLUMNS.items()}
MATRIX = np.column_stack(list(COLUMNS.values()))
LABELS = (np.array(COLUMNS["x1"]) > 0).astype(int)


class Exporter:
    """An object that only exports an Arrow stream."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def in_file(folder: Path) -> Path:
    pq.write_table(pa.table(COLUMNS), folder / "t.parquet")
    return folder / "t.parquet"


def in_folder(folder: Path) -> Path:
    for name, part in (("a", pa.table(COLUMNS).slice(0, 25)), ("b", pa.table(COLUMNS).slice(25))):
        pq.write_table(part, folder / f"{name}.parquet")
    return folder


FORMS = {
    "pandas": lambda _: pd.DataFrame(COLUMNS),
    "pandas of one array": lambda _: pd.DataFrame(MATRIX, columns=list(COLUMNS)),
    "pandas nullable": lambda _: pd.DataFrame(COLUMNS).astype("Float64"),
    "pandas arrow": lambda _: pa.table(COLUMNS).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda _: pl.DataFrame(COLUMNS),
    "polars lazy": lambda _: pl.LazyFrame(COLUMNS),
    "table": lambda _: pa.table(COLUMNS),
    "record batch": lambda _: pa.record_batch(COLUMNS),
    "reader": lambda _: pa.table(COLUMNS).to_reader(max_chunksize=25),
    "capsule": lambda _: Exporter(pa.table(COLUMNS)),
    "duckdb": lambda _: duckdb.from_arrow(pa.table(COLUMNS)),
    "dict of lists": lambda _: dict(COLUMNS),
    "dict of tuples": lambda _: {k: tuple(v) for k, v in COLUMNS.items()},
    "dict of arrays": lambda _: {k: np.array(v) for k, v in COLUMNS.items()},
    "dict of series": lambda _: {k: pd.Series(v) for k, v in COLUMNS.items()},
    "dict of polars series": lambda _: {k: pl.Series(v) for k, v in COLUMNS.items()},
    "dict of Arrow arrays": lambda _: {k: pa.array(v) for k, v in COLUMNS.items()},
    "list of dicts": lambda _: pa.table(COLUMNS).to_pylist(),
    "numpy": lambda _: MATRIX.copy(),
    "numpy by column": lambda _: np.asfortranarray(MATRIX),
    "masked array": lambda _: np.ma.array(MATRIX),
    "structured array": lambda _: np.array(
        list(zip(*COLUMNS.values(), strict=True)), dtype=[(name, "f8") for name in COLUMNS]
    ),
    "source": lambda _: as_source(COLUMNS),
    "file": in_file,
    "name of a file": lambda folder: str(in_file(folder)),
    "folder": in_folder,
}


def as_matrix(X):
    """The numbers of whatever container a model or a function gate is called with."""
    if isinstance(X, str | Path):
        X = dataset(X, format="parquet").to_table()
    if isinstance(X, pl.LazyFrame):
        X = X.collect()
    if isinstance(X, pa.Table | pa.RecordBatch):
        return np.column_stack([column.to_numpy(zero_copy_only=False) for column in X.columns])
    if isinstance(X, dict):
        return np.column_stack([np.asarray(values) for values in X.values()])
    if isinstance(X, list):
        return np.array([list(row.values()) for row in X]).reshape(len(X), 3)
    if isinstance(X, np.ndarray) and X.dtype.names:
        return np.column_stack([X[name] for name in X.dtype.names])
    return np.asarray(X, dtype=float)


class Model:
    def predict(self, X):
        return (as_matrix(X)[:, 0] > 0.1).astype(int)


@mg.gate
def reads_data(data):
    return bool(np.isclose(as_matrix(data).sum(), MATRIX.sum()))


@mg.gate
def reads_features(X):
    return bool(np.isclose(as_matrix(X).sum(), MATRIX.sum()))


@mg.gate
def reads_labels(y_true):
    return bool(np.sum(np.asarray(y_true, dtype=float)) == sum(COLUMNS["x1"]))


accuracy = partial(mg.Performance, "accuracy", at_least=0.1)
gap = partial(mg.Fairness, "demographic_parity_difference", at_most=0.9)
shift = mg.Statistic("std", "x0", at_least=0.1, max_change=1, by={"some": "x1 == 1", "all": "true"})
joint = mg.MultivariateDrift(min_samples=20, max_rows=40, folds=2)
tried = mg.Integration(
    empty="untried", unseen="untried", column_order="untried", thread_safe=False, pure=False, rows=6
)
USERS = {
    "schema": lambda t: mg.Schema(dict.fromkeys(COLUMNS, "float")).run(data=t),
    "completeness": lambda t: mg.Completeness().run(data=t),
    "drift": lambda t: mg.Drift("psi").run(data=t, reference=SHIFTED),
    "drift, reference": lambda t: mg.Drift("ks").run(data=SHIFTED, reference=t),
    "statistic": lambda t: shift.run(data=t, reference=SHIFTED),
    "statistic, reference": lambda t: shift.run(data=SHIFTED, reference=t),
    "joint drift": lambda t: joint.run(data=t, reference=SHIFTED),
    "joint drift, reference": lambda t: joint.run(data=SHIFTED, reference=t),
    "features of a model": lambda t: accuracy().run(model=Model(), X=t, y_true=LABELS),
    "features of a function": lambda t: accuracy().run(model=Model().predict, X=t, y_true=LABELS),
    "integration": lambda t: tried.run(model=Model(), X=t),
    "golden rows": lambda t: tried.run(
        model=Model(), X=COLUMNS, golden_X=t, golden_pred=Model().predict(COLUMNS)
    ),
    "label in data": lambda t: accuracy().run(y_true="x1", y_pred=LABELS, data=t),
    "label in features": lambda t: accuracy().run(y_true="x1", y_pred=LABELS, X=t),
    "score in data": lambda t: mg.Performance("roc_auc", at_least=0.1).run(
        y_true=LABELS, y_score="x0", data=t
    ),
    "feature in features": lambda t: gap().run(
        y_true=LABELS, y_pred=LABELS, sensitive_features="x2", X=t
    ),
    "features in data": lambda t: gap().run(
        y_true=LABELS, y_pred=LABELS, sensitive_features=["x1", "x2"], data=t
    ),
    "slices of data": lambda t: accuracy(by="x2").run(y_true=LABELS, y_pred=LABELS, data=t),
    "slices of features": lambda t: accuracy(by="x2").run(y_true=LABELS, y_pred=LABELS, X=t),
    "function": lambda t: reads_data.run(data=t),
    "function of features": lambda t: reads_features.run(X=t),
    "function of a column": lambda t: reads_labels.run(y_true="x1", X=t),
}


def outcome(result):
    def near(value):
        return round(value, 9) if isinstance(value, float) else value

    return result.verdict, [
        (c.subject, c.metric, c.group, c.verdict, near(c.value), near(c.p_value), c.limit)
        for c in result.checks
    ]


@pytest.fixture(scope="module")
def expected():
    return {name: outcome(use(pd.DataFrame(COLUMNS))) for name, use in USERS.items()}


@pytest.mark.parametrize(
    ("form", "use"),
    in_turn({name: name for name in FORMS}, {name: name for name in USERS}, every=8),
)
def test_every_form_gives_the_same_result_to_every_user(form, use, expected, tmp_path):
    result = USERS[use](FORMS[form](tmp_path))
    assert not any(check.verdict is mg.Verdict.ERROR for check in result.checks), result
    assert outcome(result) == expected[use]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_can_be_measured(form, tmp_path):
    gate = mg.Latency("p50", at_most="10 s", calls=5, warmup=0)
    result = gate.run(model=Model(), X=FORMS[form](tmp_path))
    assert result.verdict is not mg.Verdict.ERROR, result


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_sensitive_features(form, tmp_path):
    """As a table of its own, of which a path is a name of a column."""
    table = FORMS[form](tmp_path)
    result = gap().run(y_true=LABELS, y_pred=LABELS, sensitive_features=table)
    assert result.verdict is mg.Verdict.ERROR
    many = "the 60 groups of" if form != "name of a file" else "names column"
    assert many in result.reason or "more than the 50 allowed" in result.reason


@pytest.mark.parametrize("use", USERS)
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: dataset(pa.table(COLUMNS)),
            " must be a table, got pyarrow.InMemoryDataset; call .to_table()",
        ),
        (lambda: "people.csv", "there is no file 'people.csv'"),
    ],
    ids=["dataset", "no file"],
)
def test_values_that_are_no_tables_are_refused_with_one_message(use, make, message):
    result = USERS[use](make())
    assert {check.verdict for check in result.checks} >= {mg.Verdict.ERROR}
    assert message in str([result.reason, *(check.reason for check in result.checks)])


def test_sparse_features_are_for_models_alone():
    X = sparse.csr_matrix(MATRIX)
    assert mg.Completeness().run(data=X).reason == (
        "`data` must be a table, got scipy.csr_matrix; "
        "a sparse matrix must be made dense: call .toarray()"
    )
    model = lambda X: np.asarray(X[:, [0]].toarray()).ravel() > 0.1  # noqa: E731
    assert accuracy().run(model=model, X=X, y_true=LABELS > 0).verdict is not mg.Verdict.ERROR
