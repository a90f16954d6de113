"""Short columns of floats that are read together: results equal those of single columns."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.profile import scan as together
from mlgates.profile.column import ColumnView
from mlgates.profile.scan import Profile, sweep_together
from mlgates.tables.source import as_source

NAN, INF = float("nan"), float("inf")
CELLS = st.sampled_from([0.0, -0.0, 1.5, -2.25, NAN, INF, -INF, 1e308, 5e-324]) | st.floats(
    width=32
)


def views_of(columns):
    """Return the columns, each read singly."""
    if not columns:
        return []
    source = as_source(pa.table({f"x{i}": column for i, column in enumerate(columns)}))
    (batch,) = source.batches()
    return [ColumnView(batch[name], field) for name, field in source.schema.items()]


def swept(views):
    """Return the columns, read together where that is possible."""
    floats = {view.field.name: view.array for view in views if view.field.kind == "float"}
    sweeps = sweep_together(floats)
    return [ColumnView(view.array, view.field, sweeps.get(view.field.name)) for view in views]


@st.composite
def tables(draw):
    rows, width = draw(st.integers(0, 12)), draw(st.integers(0, 7))
    columns = []
    for _ in range(width):
        cells = draw(st.lists(CELLS, min_size=rows, max_size=rows))
        kind = draw(st.sampled_from([pa.float64(), pa.float32()]))
        if draw(st.booleans()) and rows:
            cells[draw(st.integers(0, rows - 1))] = None
        cut = draw(st.integers(0, rows)) if draw(st.booleans()) else rows
        with np.errstate(over="ignore"):
            parts = [pa.array(part, pa.float64()).cast(kind) for part in (cells[:cut], cells[cut:])]
        columns.append(pa.chunked_array(parts if cut < rows else parts[:1], kind))
    return columns


@given(tables(), st.sampled_from([12, 30, 1 << 16]))
def test_columns_swept_together_equal_columns_swept_singly(columns, values):
    before = together._MATRIX
    together._MATRIX = values
    try:
        views = swept(views_of(columns))
    finally:
        together._MATRIX = before
    for view, alone in zip(views, views_of(columns), strict=True):
        assert repr(view.sweep[1:5]) == repr(alone.sweep[1:5])
        assert (view.missing, view.neg_inf, view.pos_inf) == (
            alone.missing,
            alone.neg_inf,
            alone.pos_inf,
        )
        assert view.values.tobytes() == alone.values.tobytes()
        assert view.values.dtype == alone.values.dtype


def test_which_columns_are_swept_together():
    whole, gap = pa.array([2.0, -0.0]), pa.array([2.0, None])
    columns = [whole, whole, gap, pa.array([2.0, NAN]), pa.array([2.0, 1.0]), whole]
    arrays = {f"x{i}": pa.chunked_array([column]) for i, column in enumerate(columns)}
    assert sorted(sweep_together(arrays)) == ["x0", "x1", "x4", "x5"]


@pytest.mark.parametrize("bits", [0x7FF00000000007A2, 0xFFF0000000000001])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_signalling_nan_does_not_affect_other_columns(bits, dtype):
    x, y = np.linspace(0, 1, 200), np.linspace(0, 1, 200).astype(dtype)
    x.view(np.uint64)[3] = bits
    y.view(np.uint32)[8] = 0x7F800001
    table = {"x": x, "y": y, "z": np.linspace(0, 1, 200)}
    for state in ("warn", "raise"):
        for n_jobs in (1, 2):
            with np.errstate(all=state):
                suite = mg.GateSuite([mg.Drift("ks")])
                assert suite.run(data=table, reference=table, n_jobs=n_jobs).passed


def test_inputs_are_unchanged():
    given_ = np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
    before = given_.copy()
    profile = Profile.of({"a": given_[0], "b": given_[1]})
    assert profile.columns["a"].min == 1.0
    assert np.array_equal(given_, before)


@pytest.mark.parametrize("method", ["psi", "ks", "wasserstein"])
def test_reports_do_not_depend_on_the_size_of_matrices(monkeypatch, method):
    rng = np.random.default_rng(0)
    reference = {f"x{i}": rng.normal(size=500) for i in range(9)}
    data = {f"x{i}": rng.normal(i / 20, size=400).astype("f4") for i in range(9)}
    data["x3"][7] = NAN

    def rows():
        report = mg.GateSuite([mg.Drift(method)]).run(data=data, reference=reference)
        tables_ = report.provenance["tables"]
        prints = [table["fingerprint"] for table in tables_.values()]
        return prints, report.results[0].checks

    whole = rows()
    for values in (600, 1):
        monkeypatch.setattr(together, "_MATRIX", values)
        assert rows() == whole
