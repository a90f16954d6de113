"""Dagster assets: a model is trained only if its data pass a suite of gates.

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
    """The path of the data."""

    path: str


@dg.asset
def extract(config: Source) -> str:
    """Return the path of the data."""
    return config.path


# The check blocks only with the severity ERROR, which is the default, and not with WARN.
@dg.asset_check(asset=extract, blocking=True)
def gates(extract: str) -> dg.AssetCheckResult:
    """Check the data. If they don't pass, assets that depend on them are not materialized."""
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
