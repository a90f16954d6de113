"""Numbers of rows, and read-only copies."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from mlgates.errors import EvidenceError
from mlgates.tables.columns import rows_of
from mlgates.tables.read_only import read_only
from mlgates.tables.source import as_source


def test_rows_of_tables_and_arrays():
    assert rows_of(np.zeros((3, 2))) == 3
    assert rows_of(pd.DataFrame({"x": [1, 2]})) == 2
    assert rows_of(pa.table({"x": [1, 2]})) == 2
    assert rows_of(as_source({"x": [1, 2]})) == 2
    assert rows_of({"x": [1, 2], "y": [1]}) == 1
    assert rows_of({}) == 0
    assert rows_of("text") is None
    assert rows_of(object()) is None


def test_a_copy_is_read_only_and_the_original_is_not():
    array = np.zeros(2)
    with pytest.raises(ValueError, match="read-only"):
        read_only(array)[0] = 1
    array[0] = 1
    frame = pd.DataFrame({"x": [1, 2]})
    copied = read_only(frame)
    copied["y"] = 1
    assert list(frame) == ["x"]


def test_values_that_can_be_read_only_once_are_refused():
    with pytest.raises(EvidenceError) as caught:
        read_only(iter([1]))
    said = "has a value of type list_iterator, which can be read only once; give a list or an array"
    assert str(caught.value) == f"the argument {said}"
