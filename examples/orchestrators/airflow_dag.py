"""An Airflow DAG that trains a model only if its data pass a suite of gates.

``python airflow_dag.py extract.parquet`` runs the DAG once in this process. If a scheduler runs it,
the path of the data is a parameter of the run. Install it with
``pip install mlgates apache-airflow``.
"""

import sys

from airflow.sdk import Param, dag, task
from airflow.sdk.exceptions import AirflowFailException

import mlgates as mg

SUITE = mg.GateSuite(
    [
        mg.Schema({"age": mg.Column("int", at_least=18, at_most=110), "income": "float"}),
        mg.Completeness(min_rows=100),
    ],
    name="loans",
)


@dag(schedule=None, params={"path": Param("extract.parquet", type="string")})
def training() -> None:
    """Check the data, then train."""

    @task(retries=2)
    def validate(params: dict[str, str]) -> str:
        report = SUITE.run(data=params["path"])
        print(report)
        if not report.passed:
            # After any other exception Airflow runs the task again, on the same data.
            message = f"loans: {report.verdict.upper()}"
            raise AirflowFailException(message)
        return params["path"]

    @task
    def train(path: str) -> str:
        return f"a model of {path}"

    train(validate())


training_dag = training()

if __name__ == "__main__":
    run = training_dag.test(run_conf={"path": sys.argv[1]})
    sys.exit(0 if run.state == "success" else 1)
