"""Type aliases for numpy arrays, named after what their elements are."""

from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
