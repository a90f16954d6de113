"""Train in Dagster only on data that pass an asset check.

``python dagster_assets.py extract.parquet`` materializes the assets in this process, after
``pip install mlgates dagster``.
"""

import sys

import dagster as dg

import mlgates as mg

SUITE = mg.GateSuite(
    [
        mg.Schema({"age": mg.Column("int", at_least=18, at_most=110), "income": "float"}),
        mg.Completeness(min_rows=100),
    ],
    name="loans",
)


class Source(dg.Config):
    """Where the data are."""

    path: str


@dg.asset
def extract(config: Source) -> str:
    """Path of the data."""
    return config.path


# It blocks at the severity ERROR, which is the default; with WARN the model would be trained.
@dg.asset_check(asset=extract, blocking=True)
def gates(extract: str) -> dg.AssetCheckResult:
    """Judge the data; what depends on them is not materialized unless they pass."""
    report = SUITE.run(data=extract)
    metadata = {"report": dg.MetadataValue.md(report.to_markdown())}
    return dg.AssetCheckResult(passed=report.passed, metadata=metadata)


@dg.asset
def model(extract: str) -> str:
    """Train the model."""
    return f"a model of {extract}"


if __name__ == "__main__":
    done = dg.materialize(
        [extract, gates, model],
        run_config={"ops": {"extract": {"config": {"path": sys.argv[1]}}}},
        raise_on_error=False,
    )
    sys.exit(0 if done.success else 1)
