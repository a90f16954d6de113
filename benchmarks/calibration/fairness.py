"""Measure how often `Fairness` fails equal groups, its coverage, and its numbers of rows.

Run it with ``uv run --group bench benchmarks/calibration/fairness.py``; it prints Markdown. Every
draw is checked by ``Fairness(...).run``. Other rules and limits are applied to the same measurement
with `mlgates.verdict.decide`.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

import mlgates as mg
from mlgates.stats.proportions import pair_level
from mlgates.verdict import Check, Limit, Measurement, Verdict, decide

PARITY = "demographic_parity_difference"
RATIO = "demographic_parity_ratio"
ODDS = "equalized_odds_difference"
LIMIT = 0.1
MOST = 400_000  # rows of a draw
GROUPS = (2, 3, 5, 10)
SIZES = (50, 100, 200, 1_000)
SHARES = (0.5, 0.1, 0.02)


class Case(NamedTuple):
    """Sizes of the groups and the true share of each."""

    sizes: tuple[int, ...]
    shares: tuple[float, ...]

    @property
    def gap(self) -> float:
        return max(self.shares) - min(self.shares)

    @property
    def ratio(self) -> float:
        return min(self.shares) / max(self.shares)

    def rng(self, seed: int) -> np.random.Generator:
        return np.random.default_rng([seed, *self.sizes, *(round(1e6 * s) for s in self.shares)])

    def evidence(self, rng: np.random.Generator) -> dict[str, object]:
        group = np.repeat(np.arange(len(self.sizes)), self.sizes)
        pred = (rng.random(len(group)) < np.array(self.shares)[group]).astype(np.int64)
        # labels are required, although demographic parity ignores them
        true = rng.integers(0, 2, len(group))
        return {"y_true": true, "y_pred": pred, "sensitive_features": group}

    def grown(self, rows: int) -> "Case":
        times = rows / sum(self.sizes)
        return Case(tuple(int(np.ceil(n * times)) for n in self.sizes), self.shares)


def equal_groups(k: int, n: int, share: float) -> Case:
    return Case((n,) * k, (share,) * k)


def checks_of(gate: mg.Fairness, case: Case, draws: int, seed: int) -> Iterator[Check]:
    rng = case.rng(seed)
    for _ in range(draws):
        yield gate.run(**case.evidence(rng)).checks[0]


def verdict(check: Check, rule: str, limit: float) -> Verdict:
    found = Measurement(check.value, n=check.n, interval=check.interval, p_value=check.p_value)
    return decide(found, Limit(at_most=limit), rule).verdict


def share_of(flags: list[bool]) -> str:
    return f"{np.mean(flags):.3f}"


def covers(check: Check, truth: float) -> bool:
    low, high = check.interval or (np.nan, np.nan)
    return bool(low <= truth + 1e-12 and truth <= high + 1e-12)


def rates(checks: list[Check], rule: str) -> str:
    verdicts = [verdict(check, rule, LIMIT) for check in checks]
    return "/".join(
        f"{np.mean([one is v for one in verdicts]):.2f}"
        for v in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.FAIL)
    )


def at_equality(draws: int) -> None:
    print(
        "| groups | rows per group | rate | FAIL at limit 0 | FAIL | gap > 0.1 "
        "| interval contains 0 |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for share in SHARES:
        for k in GROUPS:
            for n in SIZES:
                case = equal_groups(k, n, share)
                # with the limit 0 the p-value is that of the pair that differs most
                checks = list(checks_of(mg.Fairness(PARITY, at_most=0), case, draws, 1))
                defined = [check for check in checks if check.value is not None]
                sizes = [c.p_value <= 0.05 and c.value > 0 for c in defined]
                fails = [c.p_value <= 0.05 and c.value > LIMIT for c in defined]
                beyond = [c.value > LIMIT for c in defined]
                holds = [covers(check, 0.0) for check in defined]
                cells = map(share_of, (sizes, fails, beyond, holds))
                print(f"| {k} | {n:,} | {share} | {' | '.join(cells)} |")


def where_groups_differ(draws: int) -> None:
    print(
        "| sizes | rates | interval contains the gap | interval contains the ratio "
        "| by significance | by interval |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for case in DIFFERENT:
        checks = list(checks_of(mg.Fairness(PARITY, at_most=LIMIT), case, draws, 2))
        ratios = list(checks_of(mg.Fairness(RATIO, at_least=0.8), case, draws, 3))
        cells = [
            ", ".join(f"{n:,}" for n in case.sizes),
            ", ".join(map(str, case.shares)),
            share_of([covers(check, case.gap) for check in checks]),
            share_of([covers(check, case.ratio) for check in ratios if check.value is not None]),
            rates(checks, "significance"),
            rates(checks, "interval"),
        ]
        print(f"| {' | '.join(cells)} |")


DIFFERENT = (
    Case((200, 200), (0.5, 0.5)),
    Case((200, 200), (0.45, 0.5)),
    Case((200, 200), (0.4, 0.5)),
    Case((200, 200), (0.3, 0.5)),
    Case((2_000, 2_000), (0.45, 0.5)),
    Case((2_000, 2_000), (0.4, 0.5)),
    Case((2_000, 2_000), (0.35, 0.5)),
    Case((2_000, 100), (0.3, 0.5)),
    Case((50, 500, 100), (0.02, 0.1, 0.2)),
    Case((300,) * 5, (0.4, 0.425, 0.45, 0.475, 0.5)),
    Case((3_000,) * 5, (0.4, 0.4, 0.4, 0.4, 0.45)),
    Case((3_000,) * 5, (0.4, 0.4, 0.4, 0.4, 0.55)),
    Case((50, 200, 1_000, 5_000) * 2, (0.3, 0.5) * 4),
)

ADVISED = (
    equal_groups(2, 100, 0.5),
    equal_groups(5, 100, 0.5),
    equal_groups(10, 50, 0.5),
    equal_groups(5, 100, 0.1),
    equal_groups(5, 100, 0.02),
    Case((1_000, 40), (0.3, 0.3)),
    Case((1_000, 40), (0.1, 0.1)),
    Case((100, 100), (0.45, 0.5)),
    Case((100, 100), (0.4, 0.5)),
    Case((100, 100), (0.38, 0.5)),
    Case((200, 200, 200), (0.3, 0.35, 0.4)),
    Case((200, 200, 200), (0.3, 0.3, 0.45)),
)


def advice(draws: int) -> None:
    """Draw as many rows as an INCONCLUSIVE check reports, and count how many draws decide."""
    print("| sizes | rates | rule | INCONCLUSIVE | rows reported (median) | decided with them |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in ADVISED:
        for rule in ("significance", "interval"):
            gate = mg.Fairness(PARITY, at_most=LIMIT, decide_by=rule)
            checks = list(checks_of(gate, case, draws, 4))
            reported = [c.details["rows_needed"] for c in checks if "rows_needed" in c.details]
            undecided = sum(check.by_chance for check in checks)
            decided = []
            for number, rows in enumerate(reported[:100]):
                if rows > MOST:
                    continue
                again = next(checks_of(gate, case.grown(int(rows)), 1, 1_000 + number))
                decided.append(again.verdict is not Verdict.INCONCLUSIVE)
            cells = [
                ", ".join(f"{n:,}" for n in case.sizes),
                ", ".join(map(str, case.shares)),
                rule,
                f"{undecided} of {draws}",
                f"{int(np.median(reported)):,}" if reported else "-",
                f"{share_of(decided)} of {len(decided)}" if decided else "-",
            ]
            print(f"| {' | '.join(cells)} |")


def of_odds(draws: int) -> None:
    print(
        "| groups | rows per group | true and false positive rate | FAIL at limit 0 "
        "| interval contains 0 |"
    )
    print("| --- | --- | --- | --- | --- |")
    for k, n, rate in ((2, 200, 0.5), (5, 200, 0.5), (5, 1_000, 0.1), (3, 100, 0.5)):
        checks = list(checks_of(mg.Fairness(ODDS, at_most=0), equal_groups(k, n, rate), draws, 5))
        sizes = share_of([check.verdict is Verdict.FAIL for check in checks])
        print(f"| {k} | {n:,} | {rate} | {sizes} | {share_of([covers(c, 0.0) for c in checks])} |")


def of_strata(draws: int) -> None:
    """Compare equal groups within strata, all pairs or those with a reference group."""
    print("| strata | groups | rows per group | compared | FAIL at limit 0 |")
    print("| --- | --- | --- | --- | --- |")
    for strata, k, n in ((1, 5, 200), (4, 2, 200)):
        for reference in (None, 0):
            gate = mg.Fairness(PARITY, at_most=0, by="stratum", reference_group=reference)
            rng, group = np.random.default_rng([6, strata, k]), np.tile(np.arange(k), strata * n)
            table = {"stratum": np.repeat(np.arange(strata), k * n)}
            fails = [
                gate.run(
                    X=table, y_pred=rng.integers(0, 2, len(group)), sensitive_features=group
                ).verdict
                is Verdict.FAIL
                for _ in range(draws)
            ]
            pairs = "all pairs" if reference is None else "with the reference"
            print(f"| {strata} | {k} | {n} | {pairs} | {share_of(fails)} |")


def against_tukey_kramer(draws: int) -> None:
    """Compare Newcombe's intervals of the largest gap with those of the Tukey-Kramer method.

    Both use the same quantile of the studentized range. In the Tukey-Kramer method, the interval of
    a pair is the difference of its shares plus or minus a multiple of its standard error. The
    shares are the measured ones, or those at the centres of their Wilson intervals.
    """
    print("| sizes | rates | method | contains the gap | contains the measured gap | mean width |")
    print("| --- | --- | --- | --- | --- | --- |")
    for case in PAIRED:
        n, k, rng = np.array(case.sizes), len(case.sizes), case.rng(7)
        z = float(special.ndtri((1 + pair_level(0.95, k)) / 2))
        share = rng.binomial(n, case.shares, (draws, k)) / n
        centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
        error, moved = (z * np.sqrt(p * (1 - p) / m) for p, m in ((share, n), (centre, n + z**2)))
        for method, middle, below, above in (
            ("Newcombe", share, share - (centre - reach), centre + reach - share),
            ("Tukey-Kramer", share, error, error),
            ("Tukey-Kramer, moved shares", centre, moved, moved),
        ):
            gaps = middle[:, :, None] - middle[:, None, :]
            pairs = ~np.eye(k, dtype=bool)
            lower = (gaps - np.hypot(below[:, :, None], above[:, None, :]))[:, pairs].max(1)
            upper = (gaps + np.hypot(above[:, :, None], below[:, None, :]))[:, pairs].max(1)
            contains = [
                f"{np.mean((lower <= gap + 1e-12) & (gap <= upper + 1e-12)):.3f}"
                for gap in (case.gap, np.ptp(share, axis=1))
            ]
            sizes, rates = (", ".join(map(str, each)) for each in case)
            width = f"{np.mean(upper - np.maximum(lower, 0)):.3f}"
            print(f"| {sizes} | {rates} | {method} | {' | '.join(contains)} | {width} |")


PAIRED = (
    equal_groups(10, 10, 0.5),
    equal_groups(10, 50, 0.5),
    Case((50, 2_000) * 5, (0.02,) * 10),
    Case((30, 2_000), (0.02, 0.02)),
    Case((50, 2_000), (0.05, 0.3)),
    Case((50, 200), (0.02, 0.98)),
)

PARTS: dict[str, tuple[str, Callable[[int], None]]] = {
    "equal": ("Equal groups", at_equality),
    "odds": ("Equalized odds of equal groups", of_odds),
    "strata": ("Equal groups within strata", of_strata),
    "different": ("Groups that differ", where_groups_differ),
    "advice": ("Whether the reported number of rows is enough", advice),
    "tukey": ("Newcombe's intervals and the Tukey-Kramer method", against_tukey_kramer),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--only", choices=PARTS, nargs="*", default=list(PARTS))
    given = parser.parse_args()
    start = time.perf_counter()
    print(f"{given.draws:,} draws each.")
    for name in given.only:
        title, measure = PARTS[name]
        print(f"\n## {title}\n")
        measure(max(given.draws // 5, 1) if name == "advice" else given.draws)
    print(f"\n{time.perf_counter() - start:,.0f} s")


if __name__ == "__main__":
    main()
