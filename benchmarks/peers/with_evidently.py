"""Evidently: one `ValueDrift` a column, which takes a third of the time of `DataDriftPreset`."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from common import Question, broken, drifted, main
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import MissingValueCount, ValueDrift
from evidently.tests import eq


def dataset(frame: pd.DataFrame) -> Dataset:
    texts = [name for name in frame if frame[name].dtype == object]
    numbers = [name for name in frame if name not in texts]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=texts)
    return Dataset.from_pandas(frame, definition)


def failed(report: Report, *datasets: Dataset) -> tuple[int, int]:
    """Return how many tests failed, and how many there were."""
    results = report.run(*datasets).tests_results
    return sum(test.status.value != "SUCCESS" for test in results), len(results)


def drift(numbers: str, texts: str = "psi") -> Question:
    def question(folder: Path) -> Callable[[], str]:
        reference = pd.read_parquet(folder / "reference.parquet")
        data = dataset(pd.read_parquet(folder / "data.parquet"))
        metrics = [
            ValueDrift(column=name, method=texts if reference[name].dtype == object else numbers)
            for name in reference
        ]
        report, both = Report(metrics, include_tests=True), (data, dataset(reference))
        return lambda: drifted(*failed(report, *both))

    return question


def completeness(folder: Path) -> Callable[[], str]:
    frame = pd.read_parquet(folder / "data.parquet")
    report = Report([MissingValueCount(column=name, tests=[eq(0)]) for name in frame])
    data = Dataset.from_pandas(frame)
    return lambda: broken(failed(report, data)[0])


def parquet(folder: Path) -> Callable[[], str]:
    """Read the rows of both sides: there is no saved baseline."""

    def work() -> str:
        return drift("psi")(folder)()

    return work


if __name__ == "__main__":
    asked: dict[str, Question] = {name: drift(name) for name in ("ks", "psi", "wasserstein")}
    asked |= {"mixed": drift("ks"), "completeness": completeness, "parquet": parquet}
    main(["evidently", "numpy", "pandas"], asked)
