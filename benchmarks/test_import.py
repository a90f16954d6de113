"""What `import mlgates` costs over a bare interpreter, and what its field's first import costs."""

import subprocess
import sys
from collections.abc import Callable

import pytest

pytestmark = pytest.mark.benchmark(group="import, a whole process")


@pytest.mark.parametrize(
    "code", ["pass", "import mlgates", "import numpy", "import pandera.pandas"]
)
def test_import(benchmark: Callable, code: str) -> None:
    command = [sys.executable, "-c", code]
    benchmark.pedantic(
        lambda: subprocess.run(command, check=True),  # noqa: S603
        rounds=10,
        warmup_rounds=1,
    )
