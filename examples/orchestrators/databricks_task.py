"""The task of a Databricks job that checks data; `databricks_job.yml` is the job.

``python databricks_task.py extract.parquet report.html`` runs the task on any machine.
"""

import sys

import mlgates as mg

SUITE = mg.GateSuite(
    [
        mg.Schema({"age": mg.Column("int", at_least=18, at_most=110), "income": "float"}),
        mg.Completeness(min_rows=100),
    ],
    name="loans",
)


def validate(path: str, report_path: str) -> None:
    """Check a file and save the report. If the report did not pass, the task fails."""
    report = SUITE.run(data=path)
    report.save(report_path)
    print(report)
    report.raise_for_verdict()


if __name__ == "__main__":
    validate(*sys.argv[1:])
