"""A Prefect flow that trains a model only if its data pass a suite of gates.

Run it with ``python prefect_flow.py extract.parquet``, after ``pip install mlgates prefect``.
"""

import sys

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

import mlgates as mg

SUITE = mg.GateSuite(
    [
        mg.Schema({"age": mg.Column("int", at_least=18, at_most=110), "income": "float"}),
        mg.Completeness(min_rows=100),
    ],
    name="loans",
)


@task  # without retries: the same data would give the same verdict
def validate(path: str) -> None:
    """Check the data and save the report as an artifact. If they don't pass, the task fails."""
    report = SUITE.run(data=path)
    create_markdown_artifact(key="loans-report", markdown=report.to_markdown())
    report.raise_for_verdict()


@task
def train(path: str) -> str:
    """Train the model."""
    return f"a model of {path}"


@flow
def training(path: str) -> str:
    """Check the data, then train."""
    validate(path)
    return train(path)


if __name__ == "__main__":
    print(training(sys.argv[1]))
