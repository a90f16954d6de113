"""Measure how often `Canary` rolls back and promotes, next to other rules on the same draws.

Run it with ``uv run --group bench benchmarks/calibration/canary.py``; it prints Markdown. The
e-values of all looks of all draws are computed as arrays, and a sample of them is compared with
those of ``Canary(...).run``. A rollout ends at its first FAIL or PASS.
"""

import argparse
import time

import numpy as np
import numpy.typing as npt
from scipy import special, stats

import mlgates as mg

Floats = npt.NDArray[np.float64]
Cells = list[tuple[Floats, Floats, float]]  # events of both models and the share, cumulated

LOOKS, REQUESTS, SHARE = 60, 1_000, 0.1
LIMIT, WORSE, NOT_WORSE, SPLIT, LEAST = 1.5, 100, 20, 1_000, 1_000
RATIOS = (1.0, 1.2, 1.4, 1.5, 2.0)
RATES = (0.02, 0.005)

PLACES = (np.arange(32) + 0.5) / 32
STEPS = 3 * PLACES**3
WEIGHTS = PLACES**2 * np.exp(-((STEPS / 0.7) ** 2) / 2)
WEIGHTS /= WEIGHTS.sum()


def log_e(cells: Cells, ratio: float, sign: int) -> Floats:
    """Log e-values that the ratio is greater (1) or less (-1) than a number."""
    counts, factors = [], []
    for candidate, production, share in cells:
        theta = share * ratio / (share * ratio + 1 - share)
        counts += [candidate, candidate + production]
        factors += [sign * STEPS, -np.log1p(theta * np.expm1(sign * STEPS))]
    total = np.log(WEIGHTS) + np.stack(np.broadcast_arrays(*counts), axis=-1) @ np.array(factors)
    most = total.max(axis=-1)
    found: Floats = most + np.log(np.exp(total - most[..., None]).sum(axis=-1))
    return found


def estimate(cells: Cells) -> Floats:
    """The ratio at which as many events of the candidate are expected as counted."""
    events = sum(candidate for candidate, *_ in cells)
    low, high = np.full(np.shape(events), -20.0), np.full(np.shape(events), 20.0)
    for _ in range(50):
        middle = (low + high) / 2
        expected = sum(
            (c + p) * special.expit(middle + special.logit(share)) for c, p, share in cells
        )
        below = expected < events
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.exp(high)


def split_e(candidate: Floats, production: Floats, share: float) -> Floats:
    a, b = 2_000 * share, 2_000 * (1 - share)
    log = special.betaln(a + candidate, b + production) - special.betaln(a, b)
    return log - candidate * np.log(share) - production * np.log1p(-share)


def percent(share: float) -> str:
    """A share in percent, with two digits."""
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.2g}"


def first(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """The first look with a flag, or a number beyond all looks."""
    return np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1] + 1)


def higher(candidate: Floats, production: Floats) -> npt.NDArray[np.bool_]:
    """Whether Kayenta classifies a metric as "High" after each look, until it does so first.

    The arguments are the rates of single looks, shape (draws, looks). The metric is high if the
    Mann-Whitney interval of the shift between both models, at a confidence of 0.98, is above
    a quarter of the Hodges-Lehmann estimate of the shift.
    """
    found = np.zeros(candidate.shape, dtype=bool)

    def beyond(one: Floats, other: Floats) -> npt.NDArray[np.bool_]:
        # the lower end of the interval is above 0 if the test on one side is significant
        test = stats.mannwhitneyu(one, other, alternative="greater", method="asymptotic", axis=1)
        flags: npt.NDArray[np.bool_] = test.pvalue < 0.01
        return flags

    for t in range(2, candidate.shape[1] + 1):
        left = np.flatnonzero(~found.any(axis=1))
        left = left[beyond(candidate[left, :t], production[left, :t])] if len(left) else left
        if len(left):
            one, other = candidate[left, :t], production[left, :t]
            shift = np.median(one[:, :, None] - other[:, None, :], axis=(1, 2))
            found[left, t - 1] = beyond(one - shift[:, None] / 4, other)
    return found


class Draws:
    """Cumulated counts, shape (draws, looks), of a canary with a constant share."""

    def __init__(self, draws: int, rate: float, ratio: float, seed: int) -> None:
        rng = np.random.default_rng([seed, round(1e6 * rate), round(1e3 * ratio)])
        n = rng.binomial(REQUESTS, SHARE, (draws, LOOKS))
        self.events = rng.binomial(n, rate * ratio), rng.binomial(REQUESTS - n, rate)
        self.requests = n, REQUESTS - n
        self.c, self.p = (np.cumsum(each, axis=1).astype(float) for each in self.events)
        self.n, self.m = (np.cumsum(each, axis=1).astype(float) for each in self.requests)

    def rules(self) -> dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]]:
        """Whether each rule rolls back, and whether it promotes, at each look."""
        cells = [(self.c, self.p, SHARE)]
        ratio = np.divide(
            self.c * (1 - SHARE), self.p * SHARE, out=np.full_like(self.c, np.inf), where=self.p > 0
        )
        enough = (self.n >= LEAST) & (self.m >= LEAST)
        beyond = (ratio > LIMIT) & (self.c + self.p > 0)
        ours = (
            beyond & (log_e(cells, 1.0, 1) >= np.log(WORSE)),
            enough & (log_e(cells, LIMIT, -1) >= np.log(NOT_WORSE)),
        )
        one, other = self.c / self.n, self.p / self.m
        # the usual test of two rates at each look, at the same levels
        pooled = (self.c + self.p) / (self.n + self.m)
        error = np.sqrt(pooled * (1 - pooled) * (1 / self.n + 1 / self.m))
        gap = np.sqrt(one * (1 - one) / self.n + LIMIT**2 * other * (1 - other) / self.m)
        with np.errstate(divide="ignore", invalid="ignore"):
            worse = (one - other) / error > stats.norm.isf(1 / WORSE)
            within = (one - LIMIT * other) / gap < -stats.norm.isf(1 / NOT_WORSE)
        peeked = beyond & worse, enough & within
        # five looks beyond the limit, each by its own rates
        of_look = self.events[0] / self.requests[0], self.events[1] / self.requests[1]
        late = np.zeros_like(enough)
        late[:, -1] = True
        points = np.cumsum(of_look[0] > LIMIT * of_look[1], axis=1) >= 5, late
        # an asymptotic confidence sequence of the difference of the rates
        smooth = np.sqrt(
            (-2 * np.log(0.05) + np.log(1 - 2 * np.log(0.05))) / (LOOKS * REQUESTS / 2)
        )
        t = self.n + self.m
        radius = np.sqrt(2 * (t * smooth**2 + 1) / (t**2 * smooth**2))

        def widths(alpha: float, scale: float) -> Floats:
            spread = np.sqrt(
                t * (one * (1 - one) / self.n + scale**2 * other * (1 - other) / self.m)
            )
            return spread * radius * np.sqrt(np.log(np.sqrt(t * smooth**2 + 1) / alpha))

        sequence = (
            beyond & (one - other > widths(1 / WORSE, 1.0)),
            enough & (one - LIMIT * other < -widths(1 / NOT_WORSE, LIMIT)),
        )
        return {
            "`Canary`": ours,
            "test of two rates at each look": peeked,
            "five looks beyond the limit, else promote": points,
            "Kayenta's Mann-Whitney test at each look, else promote": (higher(*of_look), late),
            "asymptotic confidence sequence": sequence,
        }


def ended(
    rolled: npt.NDArray[np.bool_], promoted: npt.NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Shares of rollouts that were rolled back and promoted, and the median look of the end."""
    back, forth = first(rolled), first(promoted)
    fails = (back <= forth) & (back < rolled.shape[1])
    passes = (forth < back) & (forth < rolled.shape[1])
    looks = np.minimum(back, forth)[fails | passes] + 1
    median = float(np.median(looks)) if len(looks) else np.nan
    return float(fails.mean()), float(passes.mean()), median


def compare_with_gate(data: Draws, sample: int) -> int:
    """The number of looks, drawn at random, at which the gate says something else."""
    rng = np.random.default_rng(0)
    gate, (rolled, promoted) = mg.Canary("errors"), data.rules()["`Canary`"]
    wrong = 0
    for _ in range(sample):
        i, look = int(rng.integers(len(data.c))), int(rng.integers(LOOKS))
        (c, p), (n, m) = (
            (int(one[i, look]), int(other[i, look]))
            for one, other in ((data.c, data.p), (data.n, data.m))
        )
        traffic = mg.Traffic().add(
            candidate={"requests": n, "errors": c},
            production={"requests": m, "errors": p},
            share=SHARE,
        )
        split, check = gate.run(traffic=traffic).checks
        expected = "fail" if rolled[i, look] else "pass" if promoted[i, look] else "inconclusive"
        wrong += split.passed and check.verdict != expected
    return wrong


def rates(draws: int) -> None:
    print("| errors in production | true ratio | rolled back | promoted | median requests |")
    print("| --- | --- | --- | --- | --- |")
    wrong = 0
    for rate in RATES:
        for ratio in RATIOS:
            data = Draws(draws, rate, ratio, seed=1)
            fails, passes, looks = ended(*data.rules()["`Canary`"])
            wrong += compare_with_gate(data, 50)
            median = f"{looks * REQUESTS:,.0f}"
            cells = f"{100 * rate:g} % | {ratio:g} | {percent(fails)} % | {percent(passes)} %"
            print(f"| {cells} | {median} |")
    print(f"\nThe gate gave another verdict at {wrong} of {50 * len(RATES) * len(RATIOS)} looks.")


def rivals(draws: int) -> None:
    cases = [(rate, ratio) for rate in RATES for ratio in (1.0, 1.5, 2.0)]
    found: dict[str, list[str]] = {}
    for rate, ratio in cases:
        for name, rule in Draws(draws, rate, ratio, seed=1).rules().items():
            fails, passes, _ = ended(*rule)
            found.setdefault(name, []).append(f"{percent(fails)} / {percent(passes)}")
    head = [f"{ratio:g} at {100 * rate:g} %" for rate, ratio in cases]
    print(f"| rule | {' | '.join(head)} |\n| --- |{' --- |' * len(cases)}")
    for name, cells in found.items():
        print(f"| {name} | {' | '.join(cells)} |")


def stages(draws: int) -> None:
    """Base rates that rise while the share does, with equal models."""
    shares, looks = (0.01, 0.05, 0.25, 0.5), 15
    rng = np.random.default_rng(2)
    every = np.repeat(shares, looks)
    base = np.linspace(0.01, 0.04, len(every))
    n = rng.binomial(REQUESTS, every, (draws, len(every)))
    events = rng.binomial(n, base), rng.binomial(REQUESTS - n, base)
    cells: Cells = []
    for share in shares:
        own = np.where(every == share, 1, 0)
        c, p = (np.cumsum(each * own, axis=1).astype(float) for each in events)
        cells.append((c, p, share))
    own_share = (estimate(cells) > LIMIT) & (log_e(cells, 1.0, 1) >= np.log(WORSE))
    c, p = (np.cumsum(each, axis=1).astype(float) for each in events)
    sums = np.cumsum(every) / np.arange(1, len(every) + 1)
    pooled = np.zeros_like(own_share)
    for look, share in enumerate(sums):
        cell: Cells = [(c[:, look], p[:, look], float(share))]
        log = log_e(cell, 1.0, 1)
        ratio = c[:, look] * (1 - share) / np.maximum(p[:, look] * share, 1e-9)
        pooled[:, look] = (ratio > LIMIT) & (log >= np.log(WORSE))
    print("| counts | equal models rolled back |\n| --- | --- |")
    for name, flags in (("each look with its own share", own_share), ("all looks pooled", pooled)):
        print(f"| {name} | {percent(flags.any(axis=1).mean())} % |")


def users(draws: int) -> None:
    """2,000 users with 30 requests each, who are alike (an intraclass correlation of 0.1)."""
    people, each, rate, icc = 2_000, 30, 0.02, 0.1
    rng = np.random.default_rng(3)
    found: dict[str, list[tuple[bool, bool]]] = {"requests": [], "users, once": []}
    for _ in range(draws):
        chosen = rng.random(people) < SHARE
        chance = rng.beta(rate * (1 - icc) / icc, (1 - rate) * (1 - icc) / icc, people)
        n = rng.multinomial(each, np.full(LOOKS, 1 / LOOKS), people)
        x = rng.binomial(n, chance[:, None])
        once = [
            np.cumsum(np.eye(LOOKS)[a[a.any(axis=1)].astype(bool).argmax(axis=1)].sum(axis=0))
            for part in (n, x)
            for a in (part[chosen], part[~chosen])
        ]
        all_of = [np.cumsum(part[arm].sum(axis=0)) for part in (n, x) for arm in (chosen, ~chosen)]
        for name, (nc, npr, xc, xp) in (("requests", all_of), ("users, once", once)):
            cells: Cells = [(xc.astype(float), xp.astype(float), SHARE)]
            ratio = xc * (1 - SHARE) / np.maximum(xp * SHARE, 1e-9)
            fails = (ratio > LIMIT) & (log_e(cells, 1.0, 1) >= np.log(WORSE))
            splits = split_e(nc.astype(float), npr.astype(float), SHARE) >= np.log(SPLIT)
            found[name].append((bool(fails.any()), bool(splits.any())))
    print("| counted | rolled back | ERROR of the split |\n| --- | --- | --- |")
    for name, flags in found.items():
        fails, splits = map(percent, np.mean(flags, axis=0))
        print(f"| {name} | {fails} % | {splits} % |")


def moved(draws: int) -> None:
    """Users who return while the share rises, so that some of them move to the candidate."""
    people, each, looks, shares = 3_000, 10, 45, (0.01, 0.1, 0.5)
    every = np.repeat(shares, looks // len(shares))
    names = ("are counted, with the new share", "are left out if the user came before the change")
    print("| true ratio | events after a change of the share | rolled back | promoted |")
    print("| --- | --- | --- | --- |")
    for true in (1.0, 1.5, 2.0):
        rng = np.random.default_rng([6, round(10 * true)])
        ends: dict[str, list[tuple[bool, bool]]] = {name: [] for name in names}
        for _ in range(draws):
            new = rng.random(people)[:, None] < every
            chance = rng.beta(0.18, 8.82, people)[:, None]
            came = rng.multinomial(each, np.full(looks, 1 / looks), people) > 0
            start = came.argmax(axis=1)
            arm = new[np.arange(people), start]
            event = came & (rng.random(came.shape) < np.minimum(np.where(new, true, 1) * chance, 1))
            event &= new == arm[:, None]
            own = event & (every == every[start][:, None])
            for name, flags in zip(names, (event, own), strict=True):
                had, at = flags.any(axis=1), flags.argmax(axis=1)
                cells: Cells = []
                for share in shares:
                    of = [at[had & who & (every[at] == share)] for who in (arm, ~arm)]
                    c, p = (np.cumsum(np.bincount(o, minlength=looks)).astype(float) for o in of)
                    cells.append((c, p, share))
                back = (estimate(cells) > LIMIT) & (log_e(cells, 1.0, 1) >= np.log(WORSE))
                forth = log_e(cells, LIMIT, -1) >= np.log(NOT_WORSE)
                fails, passes, _ = ended(back[None], forth[None])
                ends[name].append((bool(fails), bool(passes)))
        for name, flags in ends.items():
            fails, passes = map(percent, np.mean(flags, axis=0))
            print(f"| {true:g} | {name} | {fails} % | {passes} % |")


def split(draws: int) -> None:
    print("| true share | ERROR of the split within 60,000 requests | peeked chi-square at 0.001 |")
    print("| --- | --- | --- |")
    for true in (0.1, 0.105, 0.11):
        rng = np.random.default_rng([4, round(1e4 * true)])
        n = np.cumsum(rng.binomial(REQUESTS, true, (draws, LOOKS)), axis=1).astype(float)
        total = REQUESTS * np.arange(1, LOOKS + 1)
        ours = (split_e(n, total - n, SHARE) >= np.log(SPLIT)).any(axis=1).mean()
        z = np.abs(n - SHARE * total) / np.sqrt(SHARE * (1 - SHARE) * total)
        chi = (z > stats.norm.isf(0.0005)).any(axis=1).mean()
        print(f"| {100 * true:g} % | {percent(ours)} % | {percent(chi)} % |")


def late(draws: int) -> None:
    """Harm that begins with the last stage: requests until it is found."""
    shares, before, after, step = (0.1, 0.25, 0.5), 20_000, 60_000, 250
    rng = np.random.default_rng(5)
    done: Cells = []
    for share in shares[:-1]:
        n = rng.binomial(before, share, draws)
        counts = rng.binomial(n, 0.02), rng.binomial(before - n, 0.02)
        done.append((*(x[:, None].astype(float) for x in counts), share))
    n = rng.binomial(step, shares[-1], (draws, after // step))
    c = np.cumsum(rng.binomial(n, 0.04), axis=1).astype(float)
    p = np.cumsum(rng.binomial(step - n, 0.02), axis=1).astype(float)
    new: Cells = [(c, p, shares[-1])]
    logs = [log_e([*done[i:], *new], 1.0, 1) for i in range(len(shares))]
    mean = special.logsumexp(logs, axis=0) - np.log(len(logs))
    whole, since = estimate([*done, *new]), estimate(new)
    carried = (whole > LIMIT) & (logs[0] >= np.log(WORSE))
    ours = (np.maximum(whole, since) > LIMIT) & (mean >= np.log(WORSE))
    print(
        "| evidence for a roll-back | found within 60,000 | median requests |\n| --- | --- | --- |"
    )
    for name, flags in (("carried from the first stage", carried), ("mean over stages", ours)):
        found = flags.any(axis=1)
        median = np.median(first(flags)[found] + 1) * step if found.any() else np.nan
        print(f"| {name} | {percent(found.mean())} % | {median:,.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    draws = parser.parse_args().draws
    start = time.perf_counter()
    few = max(draws // 10, 1)
    print(f"{draws:,} rollouts each.\n\n## How often it rolls back and promotes\n")
    rates(draws)
    print("\n## Other rules on the same rollouts\n")
    rivals(draws)
    print(f"\n## Stages of a rollout ({few:,} draws)\n")
    stages(few)
    print(f"\n## Harm that begins late ({few:,} draws)\n")
    late(few)
    print(f"\n## Users who return ({few:,} draws)\n")
    users(few)
    print(f"\n## Users who move ({max(few // 5, 1):,} draws)\n")
    moved(max(few // 5, 1))
    print("\n## The split\n")
    split(draws)
    print(f"\n{time.perf_counter() - start:,.0f} s")


if __name__ == "__main__":
    main()
