"""Train in an Airflow DAG only on data that pass.

``python airflow_dag.py extract.parquet`` runs it once in this process; a scheduler takes the path
from the parameters of the run. Install it with ``pip install mlgates apache-airflow``.
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
    """Validate, then train."""

    @task(retries=2)
    def validate(params: dict[str, str]) -> str:
        report = SUITE.run(data=params["path"])
        print(report)
        if not report.passed:
            # any other exception would be retried, and the same data would give the same verdict
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
