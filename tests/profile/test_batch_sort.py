"""Columns looked at together are what each is alone."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mlgates as mg
from mlgates.profile import batch_sort as together
from mlgates.profile.batch_sort import look_together
from mlgates.profile.column import ColumnView
from mlgates.profile.scan import Profile
from mlgates.tables.field import from_arrow

NAN, INF = float("nan"), float("inf")
CELLS = st.sampled_from([0.0, -0.0, 1.5, -2.25, NAN, INF, -INF, 1e308, 5e-324]) | st.floats(
    width=32
)


def views_of(columns):
    arrays = {f"x{i}": column for i, column in enumerate(columns)}
    return [ColumnView(*from_arrow(name, array)) for name, array in arrays.items()]


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


@given(tables(), st.integers(0, 3), st.sampled_from([1, 2, 3]), st.sampled_from([12, 30, 1 << 16]))
def test_what_is_seen_together_is_what_is_seen_alone(columns, unsorted, threads, values):
    before = together._VALUES
    together._VALUES = values
    try:
        views = views_of(columns)
        names = {view.field.name for view in views[unsorted:]}
        look_together(views, names, threads)
    finally:
        together._VALUES = before
    for view, alone in zip(views, views_of(columns), strict=True):
        assert view.is_ordered <= (view.field.name in names)
        assert repr(view.swept) == repr(alone.swept)
        assert (view.missing, view.neg_inf, view.pos_inf) == (
            alone.missing,
            alone.neg_inf,
            alone.pos_inf,
        )
        assert view.ordered.tobytes() == alone.ordered.tobytes()
        assert view.ordered.dtype == alone.ordered.dtype
        assert not view.ordered.flags.writeable


def test_columns_of_floats_without_gaps_are_looked_at_together():
    whole, gap = pa.array([2.0, -0.0]), pa.array([2.0, None])
    views = views_of([whole, whole, gap, pa.array([2.0, NAN]), pa.array([2, 1]), whole])
    look_together(views, {"x0", "x2", "x3", "x4"})
    assert [view.is_ordered for view in views] == [True, False, False, False, False, False]
    assert ["swept" in vars(view) for view in views] == [True, True, False, False, False, True]
    assert views[0].ordered.tolist() == [0.0, 2.0]


@pytest.mark.parametrize("bits", [0x7FF00000000007A2, 0xFFF0000000000001])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_signalling_nan_spoils_no_other_column(bits, dtype):
    x, y = np.linspace(0, 1, 200), np.linspace(0, 1, 200).astype(dtype)
    x.view(np.uint64)[3] = bits
    y.view(np.uint32)[8] = 0x7F800001
    table = {"x": x, "y": y, "z": np.linspace(0, 1, 200)}
    for state in ("warn", "raise"):
        for n_jobs in (1, 2):
            with np.errstate(all=state):
                suite = mg.GateSuite([mg.Drift("ks")])
                assert suite.run(data=table, reference=table, n_jobs=n_jobs).passed


def test_what_was_given_stays_as_it_was():
    given_ = np.array([[3.0, 1.0, 2.0], [6.0, 5.0, 4.0]])
    before = given_.copy()
    profile = Profile.of({"a": given_[0], "b": given_[1]})
    assert profile.columns["a"].min == 1.0
    assert np.array_equal(given_, before)


@pytest.mark.parametrize("method", ["psi", "ks", "wasserstein"])
def test_a_report_does_not_tell_how_many_columns_were_looked_at_together(monkeypatch, method):
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
        monkeypatch.setattr(together, "_VALUES", values)
        assert rows() == whole
