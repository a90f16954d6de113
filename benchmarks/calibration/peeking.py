"""Measure how often an equal candidate is called worse, by the number of looks at the same draws.

Run it with ``uv run --group bench benchmarks/calibration/peeking.py``. It prints Markdown and draws
`docs/_static/peeking.svg`. Each look has 1,000 requests, of which the candidate gets 10 %; 2 % of
the requests of both models are errors. Both rules allow 1 %.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from canary import Floats, log_e
from scipy import stats

LOOKS, REQUESTS, SHARE, RATE, LEVEL = 500, 1_000, 0.1, 0.02, 0.01
SHOWN = (1, 5, 20, 60, 100, 200, 500)
PICTURE = Path(__file__).parents[2] / "docs" / "_static" / "peeking.svg"
INK = "#808890"  # can be read on white and on black


def alarms(draws: int, seed: int) -> tuple[Floats, Floats]:
    """Whether each rule has called the candidate worse up to each look; shape (draws, looks)."""
    rng = np.random.default_rng(seed)
    n = rng.binomial(REQUESTS, SHARE, (draws, LOOKS))
    events = rng.binomial(n, RATE), rng.binomial(REQUESTS - n, RATE)
    c, p = (np.cumsum(each, axis=1).astype(float) for each in events)
    n, m = np.cumsum(n, axis=1), np.cumsum(REQUESTS - n, axis=1)
    pooled = (c + p) / (n + m)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    z = np.divide(c / n - p / m, error, out=np.zeros_like(c), where=error > 0)
    return tuple(
        np.maximum.accumulate(each, axis=1).astype(float)
        for each in (z > stats.norm.isf(LEVEL), log_e([(c, p, SHARE)], 1.0, 1) >= -np.log(LEVEL))
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    draws = parser.parse_args().draws
    parts = [alarms(500, seed) for seed in range(draws // 500)]
    peeked, ours = (
        100 * np.mean([rule.mean(axis=0) for rule in each], axis=0)
        for each in zip(*parts, strict=True)
    )
    print("| looks | test of two rates at each look | e-value |\n| --- | --- | --- |")
    for look in SHOWN:
        print(f"| {look} | {peeked[look - 1]:.2g} % | {ours[look - 1]:.2g} % |")

    plt.rcParams |= {"svg.hashsalt": "peeking", "svg.fonttype": "none", "font.size": 10}
    plt.rcParams |= dict.fromkeys(
        ("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), INK
    )
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    looks = np.arange(1, LOOKS + 1)
    for line, name, colour, above in (
        (peeked, "test of two rates", "#d1603d", 0),
        (np.full(LOOKS, 100 * LEVEL), "allowed", INK, 5),
        (ours, "e-value", "#3d7cc9", -5),
    ):
        axes.plot(looks, line, color=colour, linewidth=2)
        place = {"xytext": (6, above), "textcoords": "offset points", "va": "center"}
        axes.annotate(name, (LOOKS, line[-1]), color=colour, annotation_clip=False, **place)
    axes.set(
        xscale="log", xlim=(1, LOOKS), ylim=(0, None), xlabel="looks", ylabel="false alarms, %"
    )
    axes.set_xticks(SHOWN, map(str, SHOWN))
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    figure.savefig(PICTURE, transparent=True, metadata={"Date": None})


if __name__ == "__main__":
    main()
