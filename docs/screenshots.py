"""Make the screenshots of `docs/howto/reading-a-report.md`: ``python docs/screenshots.py``.

A report on generated data is rendered by headless Chromium, which must be on the PATH, in a light
and a dark theme. The pictures are committed; make them again when the look of reports changes.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import mlgates as mg

FOLDER = Path(__file__).parent / "_static"
SIZE = (960, 1240)
THEMES = {"light": 1, "dark": 0}  # as Chromium numbers them


def customers(seed: int, n: int, older: float = 0) -> dict[str, np.ndarray]:
    """Return generated customers; of the older ones, a tenth has no income."""
    rng = np.random.default_rng(seed)
    income = rng.lognormal(10, 0.5, n).round()
    if older:
        income[rng.random(n) < 0.09] = np.nan
    return {
        "age": rng.normal(40 + older, 12, n).clip(18, 90).round(),
        "income": income,
        "country": rng.choice(["DE", "FR", "IT"], n, p=[0.5, 0.3, 0.2]),
        "sex": rng.choice(["f", "m"], n),
    }


def report() -> mg.Report:
    """Return a report with several kinds of gates, pictures and verdicts."""
    rng = np.random.default_rng(0)
    reference, data = customers(1, 20_000), customers(2, 4_000, older=6)
    y_true = rng.integers(0, 2, 4_000)
    score = np.clip(0.5 + 0.25 * (y_true - 0.5) + rng.normal(0, 0.18, 4_000), 0, 1)
    favoured = (score > 0.5) | ((data["sex"] == "m") & (rng.random(4_000) < 0.2))
    suite = mg.GateSuite(
        [
            mg.Completeness(max_missing=0.05),
            mg.Drift("psi", columns=["age", "country"]),
            mg.Performance("roc_auc", at_least=0.7, by="sex"),
            mg.Fairness("demographic_parity_difference", at_most=0.05),
            mg.Latency("p95", at_most="20ms"),
        ],
        name="credit-release",
    )
    return suite.run(
        data=data,
        reference=reference,
        y_true=y_true,
        y_score=score,
        y_pred=favoured.astype(int),
        sensitive_features={"sex": data["sex"]},
        latencies=rng.lognormal(-4.9, 0.45, 3_000),
    )


def photograph(page: Path, picture: Path, theme: int) -> None:
    """Save a screenshot of a page."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("docs/screenshots.py needs chromium on the PATH")
    options = [
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--window-size={SIZE[0]},{SIZE[1]}",
    ]
    options += [f"--blink-settings=preferredColorScheme={theme}", f"--screenshot={picture}"]
    subprocess.run([chromium, *options, page.as_uri()], check=True, capture_output=True)


def main() -> None:
    """Make the screenshots."""
    FOLDER.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        report().save(page)
        for name, theme in THEMES.items():
            photograph(page, FOLDER / f"report-{name}.png", theme)


if __name__ == "__main__":
    main()
