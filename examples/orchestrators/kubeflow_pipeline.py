"""A Kubeflow pipeline that trains a model only if its data pass a suite of gates.

``python kubeflow_pipeline.py extract.parquet`` runs the pipeline on this machine, without
containers, after ``pip install mlgates kfp``. On a cluster, set an image in which mlgates is
installed: ``@dsl.component(base_image=...)``.
"""

import sys

from kfp import dsl, local


@dsl.component
def validate(path: str, report: dsl.Output[dsl.Markdown]) -> None:
    """Check the data and save the report as an artifact. If they don't pass, the step fails."""
    from pathlib import Path  # Kubeflow runs only the code inside this function

    import mlgates as mg

    suite = mg.GateSuite(
        [
            mg.Schema({"age": mg.Column("int", at_least=18, at_most=110), "income": "float"}),
            mg.Completeness(min_rows=100),
        ],
        name="loans",
    )
    judged = suite.run(data=path)
    Path(report.path).write_text(judged.to_markdown(), encoding="utf-8")
    judged.raise_for_verdict()


@dsl.component
def train(path: str) -> str:
    """Train the model."""
    return f"a model of {path}"


@dsl.pipeline
def training(path: str) -> str:
    """Check the data, then train."""
    validated = validate(path=path)
    return train(path=path).after(validated).output


if __name__ == "__main__":
    local.init(local.SubprocessRunner(use_venv=False))
    print(training(path=sys.argv[1]).output)
