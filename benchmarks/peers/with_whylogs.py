"""whylogs: a profile of each side, then drift scores of the two (KS from sketches, chi-square)."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import whylogs as why
from common import broken, drifted, main
from whylogs.core.constraints import ConstraintsBuilder
from whylogs.core.constraints.factories import no_missing_values
from whylogs.core.view.dataset_profile_view import DatasetProfileView
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores


def scored(data: DatasetProfileView, reference: DatasetProfileView) -> str:
    scores = calculate_drift_scores(data, reference, with_thresholds=True)
    return drifted(
        sum(score is None or score["drift_category"] == "DRIFT" for score in scores.values()),
        len(scores),
    )


def drift(folder: Path) -> Callable[[], str]:
    reference = pd.read_parquet(folder / "reference.parquet")
    data = pd.read_parquet(folder / "data.parquet")
    return lambda: scored(why.log(data).view(), why.log(reference).view())


def completeness(folder: Path) -> Callable[[], str]:
    data = pd.read_parquet(folder / "data.parquet")

    def work() -> str:
        builder = ConstraintsBuilder(dataset_profile_view=why.log(data).view())
        for name in data:
            builder.add_constraint(no_missing_values(name))
        results = builder.build().generate_constraints_report()
        return broken(sum(result.failed > 0 for result in results))

    return work


def parquet(folder: Path) -> Callable[[], str]:
    """Profile the file in batches against a saved profile; drift is KS, as there is no PSI."""
    saved = folder / "reference.bin"
    why.log(pd.read_parquet(folder / "reference.parquet")).view().write(str(saved))

    def work() -> str:
        batches = pq.ParquetFile(folder / "data.parquet").iter_batches(65_536)
        profile = why.log(next(batches).to_pandas()).profile()
        for batch in batches:
            profile.track(batch.to_pandas())
        return scored(profile.view(), DatasetProfileView.read(str(saved)))

    return work


if __name__ == "__main__":
    main(
        ["whylogs", "numpy", "pandas"],
        {"ks": drift, "mixed": drift, "completeness": completeness, "parquet": parquet},
    )
