"""The whole life of a model: data, training, release, canary, promotion, drift and retraining.

A post office sorts letters by the digits of their postal codes. The model in use reads digits with
a logistic regression. Two new models are better on the test data. One is promoted after a canary.
The other can't read images with missing pixels, which did not occur in its test before, and is
rolled back. Later the lamp of a scanner gets darker. A monitor finds this, and a new model is
trained.

Run it with `uv run examples/lifecycle.py`. It needs about ten seconds of a processor, and thirty
with MLflow (`uv run --with mlflow examples/lifecycle.py`). With MLflow, models are stored in its
registry, in an SQLite file in a temporary folder. Otherwise a dictionary is the registry. The
images are the 1,797 digits of scikit-learn. The letters are simulated: they are images that no
model was trained on, with the noise and the faults of scanners.
"""

import logging
import textwrap
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

import mlgates as mg

NAME = "digits"
NOW = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
LOOK = 2_000  # letters
DAY = 500  # letters of a window of the monitor
FADING = 10  # the day on which a lamp begins to fade

PIXELS = [f"p{i:02}" for i in range(64)]

# 1. the checks of images before they are used for training
DATA = mg.GateSuite(
    [
        mg.Schema(
            {
                **{name: mg.Column("float", at_least=0, at_most=16) for name in PIXELS},
                "digit": mg.Column("int", isin=list(range(10))),
            }
        ),
        mg.Completeness(min_rows=500, expected={"digit": list(range(10))}),
        mg.Leakage(PIXELS),
    ],
    name="training-data",
)
# 2. the checks of a new model before it is tried on letters, also against the model in use
FIRST = mg.GateSuite([mg.Performance("accuracy", at_least=0.9)], name="first-release")
RELEASE = mg.GateSuite([*FIRST, mg.Regression("accuracy", tolerance=0.02)], name="release")
SERVING = mg.GateSuite(
    [mg.Shadow("letter", max_disagreement=0.1, error="failed", max_error_increase=0.01)],
    name="shadow",
)
# 3. the check while a new model gets a share of the letters
CANARY = mg.GateSuite([mg.Canary("missorted", max_increase=0.25, min_requests=500)], name="canary")
# 4. the check of each day
WATCH = mg.GateSuite([mg.Drift("ks", columns=["ink", "confidence"], at_most=0.15)], name="daily")


class Registry:
    """Versions of a model, and aliases of versions, in a dictionary."""

    where = "MLflow is not installed: the registry is a dictionary"

    def __init__(self) -> None:
        self.models: list[Pipeline] = []
        self.aliases: dict[str, list[int]] = {}

    def register(self, model: Pipeline, reports: list[mg.Report]) -> int:  # noqa: ARG002
        """Add a version, and return its number; the reports are not kept."""
        self.models.append(model)
        return len(self.models)

    def promote(self, report: mg.Report, version: int, alias: str) -> None:
        """Move an alias to a version, if the report passed."""
        report.raise_for_verdict()
        self.aliases.setdefault(alias, []).append(version)

    def rollback(self, alias: str) -> int:
        """Move an alias back, and return the version that has it now."""
        self.aliases[alias].pop()
        return self.aliases[alias][-1]

    def holder(self, alias: str) -> int:
        """Return the version that has an alias."""
        return self.aliases[alias][-1]


class MlflowRegistry(Registry):
    """Versions and aliases in the registry of MLflow, in an SQLite file in a folder."""

    def __init__(self, folder: str) -> None:
        import mlflow

        from mlgates.integrations import mlflow as gates

        super().__init__()
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        self.mlflow, self.gates = mlflow, gates
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.create_experiment(NAME, artifact_location=Path(folder, "artefacts").as_uri())
        mlflow.set_experiment(NAME)
        self.client = mlflow.MlflowClient()
        self.client.create_registered_model(NAME)
        self.where = f"MLflow {mlflow.__version__} on SQLite is the registry"

    def register(self, model: Pipeline, reports: list[mg.Report]) -> int:
        """Log a model and its reports to an MLflow run, and register the model."""
        with self.mlflow.start_run() as run:
            self.mlflow.log_params({"model": model[-1].__class__.__name__, "steps": len(model)})
            info = self.mlflow.sklearn.log_model(
                model,
                name="model",
                pip_requirements=["scikit-learn"],
                serialization_format="cloudpickle",
            )
            for report in reports:
                self.gates.log_report(report)
        version = self.client.create_model_version(NAME, info.model_uri, run.info.run_id)
        self.models.append(model)
        return int(version.version)

    def promote(self, report: mg.Report, version: int, alias: str) -> None:
        """Move an alias to a version, if the report passed."""
        self.gates.promote(report, NAME, version, alias)

    def rollback(self, alias: str) -> int:
        """Move an alias back, and return the version that has it now."""
        return self.gates.rollback(NAME, alias)

    def holder(self, alias: str) -> int:
        """Return the version that has an alias."""
        return int(self.client.get_model_version_by_alias(NAME, alias).version)


class Letters:
    """Simulated letters: images of digits with noise, and the correct digits."""

    def __init__(self, images: pd.DataFrame, digits: pd.Series) -> None:
        self.images, self.digits = images.to_numpy(), digits.to_numpy()
        self.chance, self.count = np.random.default_rng(4), 0

    def take(
        self, count: int, light: float = 1.0, dead: float = 0.0
    ) -> tuple[list[str], pd.DataFrame, np.ndarray]:
        """Return names, images and digits of the next letters.

        `light` is the brightness of the scanner's lamp, and `dead` the share of images from a
        scanner without one column of pixels.
        """
        rows = self.chance.integers(len(self.images), size=count)
        noise = self.chance.normal(0, 0.5, (count, 64))
        images = np.clip(light * (self.images[rows] + noise), 0, 16)
        images[np.ix_(self.chance.random(count) < dead, range(7, 64, 8))] = np.nan
        self.count += count
        names = [f"letter-{i}" for i in range(self.count - count, self.count)]
        return names, pd.DataFrame(images, columns=PIXELS), self.digits[rows]


def answers(model: Pipeline, images: pd.DataFrame) -> np.ndarray:
    """Return the digit that a model reads in each image; None if it raises an exception."""
    found = np.full(len(images), None)
    whole = images.notna().all(axis=1).to_numpy()
    if whole.any():
        found[whole] = model.predict(images[whole])
    for row in np.flatnonzero(~whole):
        try:
            found[row] = model.predict(images.iloc[[row]])[0]
        except ValueError:
            continue
    return found


def title(text: str) -> None:
    """Print the title of a chapter."""
    print(f"\n\n{text}\n{'=' * len(text)}\n")


def tell(text: str) -> None:
    """Print a paragraph."""
    print(textwrap.fill(text, 88, break_on_hyphens=False))


def first_line(report: mg.Report) -> str:
    """Return the first line of a report and, if it did not pass, its first reason."""
    failures = report.failures
    return str(report).splitlines()[0] + (f"\n  {failures[0].reason}" if failures else "")


def rolled_out(
    registry: Registry, candidate: int, letters: Letters, now: datetime
) -> mg.RolloutState:
    """Give a candidate a growing share of the letters, and print a line for each look."""
    production = registry.holder("champion")
    rollout = mg.Rollout(
        CANARY,
        stages=(0.05, 0.25, 1.0),
        min_requests=200,
        min_time="1h",
        max_time="7d",
        candidate=f"v{candidate}",
        production=f"v{production}",
    )
    models = {True: registry.models[candidate - 1], False: registry.models[production - 1]}
    state, traffic = rollout.start(now=now), mg.Traffic()
    print(f"hour  share  {'missorted':>21}        e-value")
    print(f"{'':12} {f'v{candidate}':>13} {f'v{production}':>13}   worse  not worse  action")
    while state.ended is None:
        now += timedelta(hours=1)
        names, images, digits = letters.take(LOOK, dead=0.08)
        chosen = np.array([mg.assign(n, share=state.share, salt=f"v{candidate}") for n in names])
        counts: dict[bool, Counter[str]] = {}
        for arm, model in models.items():
            read = answers(model, images[chosen == arm])
            wrong = int(np.sum(read != digits[chosen == arm]))
            counts[arm] = Counter(requests=len(read), missorted=wrong)
        traffic = traffic.add(candidate=counts[True], production=counts[False], share=state.share)
        step = rollout.step(state, traffic=traffic, now=now)
        entry: dict[str, Any] = dict(step.state.record[-1])
        event = next(each for each in entry["checks"] if each["subject"] == "missorted")
        cells = [f"{c['missorted']:>4} of {c['requests']:>5}" for c in counts.values()]
        values = f"{event['e_worse_stages']:>7.2g}  {event['e_not_worse']:>9.2g}"
        hour = int((now - NOW).total_seconds() // 3600)
        shares = f"{hour:>4}  {entry['share']:>5.0%} {cells[0]:>13} {cells[1]:>13}"
        print(f"{shares} {values}  {step.action}")
        state = step.state
    print()
    tell(step.reason)
    print(f"In production: {state.in_production}")
    return state


def tried(
    registry: Registry, model: Pipeline, test: pd.DataFrame, digits: pd.Series
) -> tuple[int, mg.Report]:
    """Compare a new model with the model in use, register it, and return version and report."""
    version = len(registry.models) + 1
    report = RELEASE.run(
        X=test,
        y_true=digits,
        model=model,
        production_model=registry.models[registry.holder("champion") - 1],
        metadata={"model": NAME, "version": version},
    )
    print(report if len(registry.models) == 1 else first_line(report))
    return registry.register(model, [report]), report


def shadowed(registry: Registry, version: int, letters: Letters) -> mg.Report:
    """Let a new model read the same letters as the model in use, from one scanner."""
    names, images, _ = letters.take(LOOK)
    logs = []
    for each in (version, registry.holder("champion")):
        read = answers(registry.models[each - 1], images)
        failed = np.array([answer is None for answer in read])
        logs.append(
            pd.DataFrame({"letter": names, "prediction": read.astype(float), "failed": failed})
        )
    report = SERVING.run(candidate_log=logs[0], production_log=logs[1])
    print(first_line(report))
    return report


def seen(model: Pipeline, images: pd.DataFrame) -> pd.DataFrame:
    """Return the two numbers of each letter that the monitor checks."""
    margins = np.sort(model.decision_function(images), axis=1)
    return pd.DataFrame({"ink": images.mean(axis=1), "confidence": margins[:, -1] - margins[:, -2]})


def live(folder: str) -> None:
    """Run all chapters, and print what happens."""
    registry = MlflowRegistry(folder) if find_spec("mlflow") else Registry()
    print(registry.where)
    bunch = load_digits(as_frame=True)
    images, digits = bunch.data.set_axis(PIXELS, axis=1), bunch.target.rename("digit")
    X, X_rest, y, y_rest = train_test_split(images, digits, test_size=0.6, random_state=1)
    X_test, X_live, y_test, y_live = train_test_split(X_rest, y_rest, test_size=0.4, random_state=1)
    letters = Letters(X_live, y_live)

    title("1. Data, and the first model")
    data = DATA.run(data=X_test.assign(digit=y_test), reference=X.assign(digit=y))
    print(first_line(data))
    v1 = make_pipeline(MinMaxScaler(), SimpleImputer(), LogisticRegression()).fit(X, y)
    about = {"model": NAME, "version": 1}
    report = FIRST.run(X=X_test, y_true=y_test, model=v1, metadata=about)
    print(first_line(report))
    registry.promote(report, registry.register(v1, [data, report]), "champion")
    print("v1 is the champion")

    title("2. Two candidates, both better on the test data")
    v2 = make_pipeline(MinMaxScaler(), SimpleImputer(), SVC(C=10)).fit(X, y)
    v3 = make_pipeline(MinMaxScaler(), SVC(C=5)).fit(X, y)  # without SimpleImputer
    second, accepted = tried(registry, v2, X_test, y_test)
    shadowed(registry, second, letters).raise_for_verdict()

    title("3. A canary of the first candidate")
    registry.promote(accepted, second, "canary")
    if rolled_out(registry, second, letters, NOW).ended == "done":
        registry.promote(accepted, second, "champion")

    title("4. A canary of the second candidate")
    third, report = tried(registry, v3, X_test, y_test)
    shadowed(registry, third, letters).raise_for_verdict()
    tell(
        "The shadow test had letters of one scanner. Another scanner has a dead column of pixels, "
        "which v3 can't read."
    )
    print()
    registry.promote(report, third, "canary")
    if rolled_out(registry, third, letters, NOW + timedelta(days=7)).ended == "roll_back":
        print(f"The alias `canary` is back at v{registry.rollback('canary')}")

    title("5. Every day, until something drifts")
    champion = registry.models[registry.holder("champion") - 1]
    baseline = Path(folder, "baseline.json")
    _, images, _ = letters.take(20 * DAY)
    mg.Baseline.from_data(seen(champion, images), metadata={"model": "v2"}).save(baseline)
    monitor = mg.Monitor(
        WATCH, reference=baseline, history=Path(folder, "daily.jsonl"), alarm_every=1_000
    )
    for day in range(1, 60):
        light = 1 - 0.01 * max(0, day - FADING)
        _, images, digits = letters.take(DAY, light=light)
        daily = monitor.run(data=seen(champion, images), at=NOW + timedelta(days=14 + day))
        if day % 5 == 0 or not daily.passed:
            accuracy = np.mean(champion.predict(images) == digits)
            print(f"day {day:>2}: lamp {light:>4.0%}, {daily.verdict.upper()}", end="; ")
            print(f"accuracy, known weeks later: {accuracy:.1%}")
        if daily.verdict is mg.Verdict.FAIL:
            break
    tell(daily.failures[0].reason)

    title("6. A new model, for darker images")
    shades = [0.7, 0.85, 1.0]
    X_new, y_new = pd.concat([X * shade for shade in shades]), pd.concat([y] * len(shades))
    print(
        first_line(DATA.run(data=X_test.assign(digit=y_test), reference=X_new.assign(digit=y_new)))
    )
    v4 = make_pipeline(MinMaxScaler(), SimpleImputer(), SVC(C=10)).fit(X_new, y_new)
    fourth, latest = tried(registry, v4, X_test * light, y_test)
    registry.promote(latest, fourth, "champion")
    print(f"v{registry.holder('champion')} is the champion\n")
    print(mg.compare(accepted, latest))


def main() -> None:
    """Run in a temporary folder."""
    with TemporaryDirectory() as folder:
        live(folder)


if __name__ == "__main__":
    main()
