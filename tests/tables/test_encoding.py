"""Arrow columns as numpy arrays: nulls, slices, types, and no import of pandas."""

import subprocess
import sys
from decimal import Context, Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgates.tables.encoding import (
    byte_weights,
    bytes_sum,
    distinct_as_doubles,
    filled,
    null_mask,
    offsets_and_bytes,
    to_floats,
    to_numpy,
)

TYPES = [pa.bool_(), pa.int8(), pa.uint16(), pa.int32(), pa.uint64(), pa.float32(), pa.float64()]


@given(
    st.sampled_from(TYPES),
    st.lists(st.lists(st.sampled_from([None, 0, 1]), max_size=40), max_size=3),
    st.integers(0, 20),
)
def test_values_nulls_and_slices_of_chunks(type_, parts, start):
    exact = bool if type_ == pa.bool_() else int
    parts = [[None if cell is None else exact(cell) for cell in part] for part in parts]
    array = pa.chunked_array([pa.array(part, type_) for part in parts], type_).slice(start)
    cells = [cell for part in parts for cell in part][start:]
    found = to_numpy(array)
    assert found.dtype == type_.to_pandas_dtype()
    assert found.tolist() == [cell for cell in cells if cell is not None]
    assert null_mask(array).tolist() == [cell is None for cell in cells]
    if type_ == pa.bool_():
        return
    whole = np.concatenate([[], *(filled(chunk, 7) for chunk in array.chunks)])
    assert whole.tolist() == [7 if cell is None else cell for cell in cells]
    if pa.types.is_floating(type_):
        floats = to_floats(array)
        assert floats.dtype == type_.to_pandas_dtype()
        expected = [np.nan if cell is None else cell for cell in cells]
        assert np.array_equal(floats, expected, equal_nan=True)


@pytest.mark.parametrize("type_", TYPES[1:], ids=str)
def test_numbers_without_nulls_are_not_copied(type_):
    array = pa.chunked_array([pa.array(range(9), type_).slice(2, 5)])
    where = array.chunk(0).buffers()[1].address + 2 * type_.bit_width // 8
    assert to_numpy(array).ctypes.data == where
    assert not to_numpy(array).flags.writeable


@pytest.mark.parametrize(
    ("scale", "units", "distinct"),
    [
        (0, [], True),
        (0, [None, 2**53, -(2**53)], True),
        (0, [2**60, 2**100], True),
        (0, [-(2**53) - 1], False),
        (-2, [10**18], True),
        (-2, [10**18 + 1], False),
        (2, [10**15, -(10**15)], True),
        (18, [333_333_333_333_333_333, 666_666_666_666_666_667, None], True),
        (18, [333_333_333_333_333_333, 333_333_333_333_333_334], False),
    ],
)
def test_decimals_that_are_distinct_as_doubles(scale, units, distinct):
    exactly = Context(prec=40)
    cells = [unit if unit is None else Decimal(unit).scaleb(-scale, exactly) for unit in units]
    for size in (pa.decimal128(38, scale), pa.decimal256(60, scale)):
        assert distinct_as_doubles(pa.chunked_array([pa.array(cells, size)])) is distinct


def test_numbers_of_files_against_a_stored_baseline_load_no_pandas(tmp_path):
    script = f"""
import pathlib
import sys
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import mlgates as mg
# By their names: older versions of Arrow load pandas when they are asked for numpy's type.
def column(type, name, *more):
    return pa.Array.from_buffers(type, 200, [*more, pa.py_buffer(np.arange(200).astype(name))])
valid = pa.py_buffer(np.full(25, 0b11110111, np.uint8))
arrays = [
    column(pa.float64(), "float64", None),
    column(pa.float32(), "float32", valid),
    column(pa.int32(), "int32", valid),
]
fields = pa.schema(list(zip("xyz", (array.type for array in arrays))))
table = pa.Table.from_arrays(arrays, schema=fields)
root = pathlib.Path({str(tmp_path)!r})
for key in ("0", "1", "__HIVE_DEFAULT_PARTITION__"):
    (root / "t" / f"k={{key}}").mkdir(parents=True)
    pq.write_table(table, root / "t" / f"k={{key}}" / "t.parquet")
mg.Baseline.from_data(root / "t").save(root / "b.json")
report = mg.GateSuite([mg.Drift("psi"), mg.Drift("ks")]).run(
    data=root / "t", reference=root / "b.json"
)
print(report.verdict, "pandas" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.stderr) == ("pass False", "")


@pytest.mark.parametrize("long", ["", "x" * 20_000, "é" * 9_000])
def test_weights_of_texts_add_up_to_the_sum_of_bytes(long):
    texts = pa.array(["a", "", long, "bc"])[1:]
    assert int(byte_weights(texts).sum()) == bytes_sum(offsets_and_bytes(texts)[1])
