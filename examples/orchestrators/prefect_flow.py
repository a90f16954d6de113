"""Train in a Prefect flow only on data that pass.

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
    """Judge the data; the task fails unless they pass, and the report is an artifact of the run."""
    report = SUITE.run(data=path)
    create_markdown_artifact(key="loans-report", markdown=report.to_markdown())
    report.raise_for_verdict()


@task
def train(path: str) -> str:
    """Train the model."""
    return f"a model of {path}"


@flow
def training(path: str) -> str:
    """Validate, then train."""
    validate(path)
    return train(path)


if __name__ == "__main__":
    print(training(sys.argv[1]))
