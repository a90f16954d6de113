"""May this extract be used? Real data before training: an honest extract, then a spoiled one.

Both are compared with the patients that the model in use was trained on, of whom a baseline file
is kept.

Run it with `uv run examples/release_gate.py`. The data are the 442 patients of scikit-learn's
diabetes study, in their own units; the time of extraction is added, for the study states none.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import mlgates as mg

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


@mg.gate(at_least=0.25)
def smaller_sex_share(data: pd.DataFrame) -> float:
    """Share of the rarer sex: a model is not released for a group it hardly saw."""
    return float(data["sex"].value_counts(normalize=True).reindex(["1", "2"], fill_value=0).min())


SUITE = mg.GateSuite(
    [
        mg.Schema(
            {
                "age": mg.Column("number", at_least=18, at_most=110),
                "sex": mg.Column("string", isin=["1", "2"]),
                "bmi": mg.Column("float", at_least=12, at_most=70, nullable=True),
                "bp": mg.Column("float", at_least=40, at_most=180),  # mean arterial pressure, mmHg
                **{f"s{i}": mg.Column("float", at_least=0, nullable=True) for i in range(1, 7)},
                "progression": mg.Column("number", at_least=0),
                "extracted_at": mg.Column("timestamp"),
            }
        ),
        mg.Completeness(max_missing=0.05, min_rows=100, expected={"sex": ["1", "2"]}),
        mg.Freshness("extracted_at", max_age="24h", max_gap="1h"),
        mg.Drift("psi"),
        mg.Drift("ks"),
        smaller_sex_share,
    ],
    name="diabetes-extract",
)


def load() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the patients to train on and those that came last, as a warehouse would give them."""
    bunch = load_diabetes(scaled=False, as_frame=True)
    patients = bunch.data.assign(
        sex=bunch.data["sex"].astype(int).astype(str),
        progression=bunch.target,
    )
    return tuple(train_test_split(patients, test_size=0.4, random_state=0))


def stamped(patients: pd.DataFrame, newest: datetime) -> pd.DataFrame:
    """Add the minute at which each row was extracted."""
    minutes = [newest - timedelta(minutes=minute) for minute in range(len(patients))]
    return patients.assign(extracted_at=pd.to_datetime(minutes[::-1], utc=True))


def spoiled(patients: pd.DataFrame) -> pd.DataFrame:
    """Spoil an extract the way reality does."""
    worse = stamped(patients, NOW - timedelta(days=3))  # the nightly job did not run
    worse["bp"] *= 0.133322  # the clinic's new monitors report kPa
    worse.loc[worse.index[::2], "s1"] = None  # a join lost half of a laboratory's values
    worse.loc[worse.index[:4], "sex"] = "U"  # a form offers a new answer
    return worse


def main() -> None:
    """Judge an honest extract and a spoiled one, and print both reports."""
    training, latest = load()
    with TemporaryDirectory() as folder:
        baseline = Path(folder, "baseline.json")
        mg.Baseline.from_data(training).save(baseline)
        print("An honest extract\n")
        honest = stamped(latest, NOW - timedelta(hours=2))
        print(SUITE.run(data=honest, reference=baseline, now=NOW))
        print("\n\nThe same extract, spoiled\n")
        print(SUITE.run(data=spoiled(latest), reference=baseline, now=NOW))


if __name__ == "__main__":
    main()
