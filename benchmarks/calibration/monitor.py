"""How often a `Monitor` raises a false alarm, and how soon it finds a change.

Run it with ``uv run --group bench benchmarks/calibration/monitor.py``; it prints Markdown.

The first table runs a `Monitor` on windows that do not change. The second draws the test statistic
of each window from a normal distribution with a shift of so many standard errors.
"""

import argparse
import tempfile
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy import special

import mlgates as mg
from mlgates.stats.sequential import shiryaev_roberts

SHIFTS = (1.0, 1.5, 2.0, 3.0)
MOST = 20_000  # windows until a change is found


def false_alarms(sequences: int, windows: int, alarm_every: int, seed: int) -> None:
    """Count windows with a FAIL, of a suite of three gates, without any change."""
    print("| rows of the reference | rows of a window | windows | FAIL | slow changes |")
    print("| --- | --- | --- | --- | --- |")
    for times, n in ((20, 500), (200, 500)):
        failed = slow = 0
        for sequence in range(sequences):
            rng = np.random.default_rng([seed, times, sequence])
            with tempfile.TemporaryDirectory() as folder:
                suite = mg.GateSuite(
                    [
                        mg.Drift("psi", at_most=0.0),
                        mg.Drift("ks", at_most=0.0),
                        mg.Fairness("selection_rate_difference", at_most=0.0),
                    ]
                )
                monitor = mg.Monitor(
                    suite,
                    reference=table(rng, times * n),
                    history=f"{folder}/reports.jsonl",
                    alarm_every=alarm_every,
                )
                for window in range(windows):
                    report = monitor.run(
                        data=table(rng, n),
                        y_pred=rng.integers(0, 2, n),
                        y_true=np.zeros(n, int),
                        sensitive_features={"group": rng.choice(["a", "b", "c"], n)},
                        at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=window),
                    )
                    single = any(each.verdict is mg.Verdict.FAIL for each in report.results[:-1])
                    failed += single
                    slow += "slow change found in " in report["monitor"].reason
        cells = [f"{times * n:,}", n, f"{sequences * windows:,}", failed, slow]
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def table(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Return five columns of numbers and one of categories."""
    columns = {f"x{i}": rng.normal(size=n) for i in range(5)}
    return {**columns, "kind": rng.choice(list("abcdef"), n, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])}


def delays(runs: int, alarm_every: int, seed: int) -> None:
    """Print the median number of windows until a change is found, one of `runs` streams."""
    print("\n| shift, standard errors | single window | slow changes |")
    print("| --- | --- | --- |")
    alpha, rng = 1 / (2 * alarm_every), np.random.default_rng(seed)
    for shift in SHIFTS:
        single, slow = [], []
        for _ in range(runs):
            z = rng.normal(shift, size=MOST // 10)
            p_values = 2 * special.ndtr(-np.abs(z))
            found = np.flatnonzero(p_values <= alpha)
            single.append(found[0] + 1 if len(found) else MOST)
            alarms = np.flatnonzero(shiryaev_roberts(p_values[:, None], 2 * alarm_every)[1])
            slow.append(alarms[0] + 1 if len(alarms) else MOST)
        print(f"| {shift} | {np.median(single):.0f} | {np.median(slow):.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=10, help="of windows without a change")
    parser.add_argument("--windows", type=int, default=1_000, help="of each sequence")
    parser.add_argument("--runs", type=int, default=200, help="with a change, for each shift")
    parser.add_argument("--alarm-every", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()
    false_alarms(given.sequences, given.windows, given.alarm_every, given.seed)
    delays(given.runs, given.alarm_every, given.seed)
    print(f"\n`alarm_every={given.alarm_every}`, {(time.perf_counter() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
