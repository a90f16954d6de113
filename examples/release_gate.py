"""Decide on real data whether an extract can be used for training and whether a model can ship.

An extract is compared with a stored baseline of the patients that the model in use was trained on:
first a correct extract, then one with errors. A new model is compared with the model in use, on
patients that neither was trained on: first a good model, then one whose training data had the blood
pressure of one sex in another unit. The error of the second model is small over all patients, but
large for this sex.

Run it with `uv run examples/release_gate.py`. The data are the 442 patients of scikit-learn's
diabetes study, in their own units. The time of extraction is added, because the study has none.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression, RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import mlgates as mg

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
KPA = 0.133322  # of a mmHg


@mg.gate(at_least=0.25)
def smaller_sex_share(data: pd.DataFrame) -> float:
    """Share of the rarer sex."""
    return float(data["sex"].value_counts(normalize=True).reindex(["1", "2"], fill_value=0).min())


EXTRACT = mg.GateSuite(
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

RELEASE = mg.GateSuite(
    [
        mg.Performance("mean_absolute_error", at_most=55),
        mg.Fairness("mean_absolute_error_difference", at_most=15),
        mg.Regression("mean_absolute_error", tolerance=3, by="sex"),
    ],
    name="diabetes-release",
)

SERVING = mg.GateSuite(
    [mg.Latency("p95", at_most="250ms"), mg.Integration(rows=64)],
    name="diabetes-serving",
)


def load() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the patients of the training data and of the latest extract."""
    bunch = load_diabetes(scaled=False, as_frame=True)
    patients = bunch.data.assign(
        sex=bunch.data["sex"].astype(int).astype(str),
        progression=bunch.target,
    )
    return tuple(train_test_split(patients, test_size=0.4, random_state=2))


def stamped(patients: pd.DataFrame, newest: datetime) -> pd.DataFrame:
    """Add the minute at which each row was extracted."""
    minutes = [newest - timedelta(minutes=minute) for minute in range(len(patients))]
    return patients.assign(extracted_at=pd.to_datetime(minutes[::-1], utc=True))


def with_errors(patients: pd.DataFrame) -> pd.DataFrame:
    """Return an extract with errors that occur in practice."""
    worse = stamped(patients, NOW - timedelta(days=3))  # the nightly job did not run
    worse["bp"] *= KPA  # the clinic's new monitors report kPa
    worse.loc[worse.index[::2], "s1"] = None  # a join lost half of a laboratory's values
    worse.loc[worse.index[:4], "sex"] = "U"  # a form has a new answer
    return worse


def features(patients: pd.DataFrame) -> pd.DataFrame:
    """Return the features of the models, as numbers."""
    return patients.drop(columns="progression").astype(float)


def trained(patients: pd.DataFrame) -> Pipeline:
    """Train a new model."""
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 3, 20)))
    return model.fit(features(patients), patients["progression"])


def compared(model: Pipeline, champion: Pipeline, patients: pd.DataFrame) -> mg.Report:
    """Compare a new model with the model in use, and return the report."""
    X = features(patients)
    return RELEASE.run(
        X=X,
        y_true=patients["progression"],
        model=model,
        production_model=champion,
        sensitive_features=X[["sex"]],
    )


def main() -> None:
    """Print the reports of good and bad extracts and models."""
    training, latest = load()
    with TemporaryDirectory() as folder:
        baseline = Path(folder, "baseline.json")
        mg.Baseline.from_data(training).save(baseline)
        print("A correct extract\n")
        correct = stamped(latest, NOW - timedelta(hours=2))
        print(EXTRACT.run(data=correct, reference=baseline, now=NOW))
        print("\n\nThe same extract with errors\n")
        print(EXTRACT.run(data=with_errors(latest), reference=baseline, now=NOW))

    champion = make_pipeline(StandardScaler(), LinearRegression())
    champion.fit(features(training), training["progression"])
    candidate = trained(training)
    print("\n\nA new model\n")
    print(compared(candidate, champion, latest))
    print("\n\nThe same model in service\n")
    print(SERVING.run(X=features(latest), model=candidate))
    print("\n\nA new model, trained on data with the blood pressure of one sex in kPa\n")
    worse = training.assign(bp=training["bp"].where(training["sex"] == "1", training["bp"] * KPA))
    print(compared(trained(worse), champion, latest))


if __name__ == "__main__":
    main()
