"""Measure how often `Rollout` rolls back and promotes, with constant and with rising shares.

Run it with ``uv run --group bench benchmarks/calibration/rollout.py``; it prints Markdown. All
rollouts of a case are simulated as arrays, look by look. One rollout of each row is repeated with
``Rollout.step``, and an assertion checks that the actions are the same.
"""

import argparse
import time
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from canary import (
    LEAST,
    LIMIT,
    LOOKS,
    NOT_WORSE,
    RATES,
    SPLIT,
    WORSE,
    Cells,
    Floats,
    estimate,
    log_e,
    percent,
    split_e,
)
from scipy import special

import mlgates as mg

RATIOS = (1.0, 1.5, 2.0)
STEPPED = (0.01, 0.05, 0.25, 0.5)
ACTIONS = ("hold", "advance", "roll_back")
HOLD, ADVANCE, ROLL_BACK = range(3)
TICK = timedelta(minutes=10)  # between looks; the shortest time of a stage by default


class Plan(NamedTuple):
    """Shares below 1 of a rollout, and what ends a stage; the last share is followed by 1."""

    name: str
    shares: tuple[float, ...]
    advance_on: Literal["pass", "not_fail"] = "pass"
    min_requests: int = 1_000


PLANS = (
    *(Plan(f"{100 * share:g} %", (share,)) for share in (0.01, 0.1, 0.5)),
    Plan("1, 5, 25, 50 %, on PASS", STEPPED),
    Plan("1, 5, 25, 50 %, `not_fail` after 1,000", STEPPED, "not_fail"),
    Plan("1, 5, 25, 50 %, `not_fail` after 100", STEPPED, "not_fail", 100),
)


Seen = tuple[float, tuple[int, ...], str]


class Ends(NamedTuple):
    """How simulated rollouts ended.

    `back` and `forth` say whether each was rolled back and promoted, and `looks` after how many
    looks, infinite if neither. `first` has the looks of the first one: share, counts and action.
    """

    back: npt.NDArray[np.bool_]
    forth: npt.NDArray[np.bool_]
    looks: Floats
    first: list[Seen]


def actions(counts: Floats, stage: npt.NDArray[np.intp], plan: Plan) -> npt.NDArray[np.intp]:
    """The action after a look.

    `counts` has the shape (rollouts, stages, 4): the sums of events of the candidate and of
    production, and of their requests, in each stage.
    """
    events: Cells = [(counts[:, k, 0], counts[:, k, 1], s) for k, s in enumerate(plan.shares)]
    n, m = counts[..., 2], counts[..., 3]
    # the counts since a stage began are those of this stage and of later ones
    logs = np.array([log_e(events[k:], 1.0, 1) for k in range(len(events))])
    strongest = logs.argmax(axis=0)
    fails = special.logsumexp(logs, axis=0) - np.log(len(logs)) >= np.log(WORSE)
    i = np.flatnonzero(fails)
    of = [(c[i], p[i], share) for c, p, share in events]
    ratios = np.array([estimate(of[k:]) for k in range(len(of))])
    highest = np.maximum(ratios[0], ratios[strongest[i], np.arange(len(i))])
    fails[i] = highest > LIMIT * (1 + 1e-9)  # a ratio of exactly the limit is within it
    passes = log_e(events, LIMIT, -1) >= np.log(NOT_WORSE)
    passes &= (n.sum(axis=1) >= LEAST) & (m.sum(axis=1) >= LEAST)
    splits = [split_e(n[:, k], m[:, k], share) for k, share in enumerate(plan.shares)]
    error = np.sum(splits, axis=0) >= np.log(SPLIT)
    enough = n[np.arange(len(n)), stage] >= plan.min_requests
    early = (plan.advance_on == "not_fail") & (stage < len(plan.shares) - 1)
    advances = enough & (passes | early)
    return np.where(error, HOLD, np.where(fails, ROLL_BACK, np.where(advances, ADVANCE, HOLD)))


def simulate(
    plan: Plan, rate: float, ratio: float, draws: int, requests: int, *, looks: int = LOOKS
) -> Ends:
    rng = np.random.default_rng([7, round(1e6 * rate), round(1e3 * ratio)])
    shares = np.array(plan.shares)
    counts = np.zeros((draws, len(shares), 4))
    stage = np.zeros(draws, dtype=np.intp)
    back, forth = np.zeros(draws, dtype=bool), np.zeros(draws, dtype=bool)
    ended = np.full(draws, np.inf)
    first: list[Seen] = []
    for look in range(looks):
        open_ = np.flatnonzero(~(back | forth))
        if not len(open_):
            break
        n = rng.binomial(requests, shares[stage[open_]])
        new = rng.binomial(n, rate * ratio), rng.binomial(requests - n, rate), n, requests - n
        counts[open_, stage[open_]] += np.stack(new, axis=1)
        taken = actions(counts[open_], stage[open_], plan)
        if open_[0] == 0:
            share = float(shares[stage[0]])
            first.append((share, tuple(int(x[0]) for x in new), ACTIONS[taken[0]]))
        back[open_] = taken == ROLL_BACK
        stage[open_[taken == ADVANCE]] += 1
        forth = stage == len(shares)
        ended[open_[(taken == ROLL_BACK) | forth[open_]]] = look + 1
    return Ends(back, forth, ended, first)


def same_actions(plan: Plan, looks: list[Seen]) -> bool:
    """Whether `Rollout.step` takes the same actions in a simulated rollout."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    rollout = mg.Rollout(
        mg.GateSuite([mg.Canary("errors")]),
        candidate="v2",
        production="v1",
        stages=(*plan.shares, 1.0),
        min_requests=plan.min_requests,
        min_time=TICK,
        max_time=TICK * 10_000,
        advance_on=plan.advance_on,
    )
    state, traffic = rollout.start(now=now), mg.Traffic()
    for share, (c, p, n, m), action in looks:
        now += TICK
        traffic = traffic.add(
            candidate={"requests": n, "errors": c},
            production={"requests": m, "errors": p},
            share=share,
        )
        step = rollout.step(state, traffic=traffic, now=now)
        if state.share != share or step.action != action:
            return False
        state = step.state
    if state.share == 1:
        return rollout.step(state, traffic=traffic, now=now + TICK).action == "done"
    return True


def table(draws: int, requests: int) -> None:
    """Print how rollouts of `LOOKS` looks end."""
    ratios = " | ".join(f"ratio {ratio:g}" for ratio in RATIOS)
    print(f"| share of the candidate | errors | {ratios} |\n| --- | --- | --- | --- | --- |")
    rng = np.random.default_rng(requests)
    for plan in PLANS:
        for rate in RATES:
            cells, checked = [], rng.choice(RATIOS)
            for ratio in RATIOS:
                ends = simulate(plan, rate, ratio, draws, requests)
                if ratio == checked:
                    assert same_actions(plan, ends.first), (plan, rate, ratio, requests)
                done = ends.looks[np.isfinite(ends.looks)]
                median = f"{np.median(done) * requests:,.0f}" if len(done) else "none"
                found = (percent(flags.mean()) for flags in (ends.back, ends.forth))
                cells.append(f"{' / '.join(found)} / {median}")
            print(f"| {plan.name} | {100 * rate:g} % | {' | '.join(cells)} |")


def cost(draws: int) -> None:
    """Print the requests until equal candidates have passed."""
    print("| share of the candidate | errors | half have passed | nine of ten have passed |")
    print("| --- | --- | --- | --- |")
    for share in (0.01, 0.05, 0.1, 0.25, 0.5):
        for rate in RATES:
            requests = round(200 / share)
            ends = simulate(Plan("", (share,)), rate, 1.0, draws, requests, looks=200)
            until = np.sort(np.where(ends.forth, ends.looks, np.inf)) * requests
            found = (f"{until[int(part * (draws - 1))]:,.0f}" for part in (0.5, 0.9))
            print(f"| {100 * share:g} % | {100 * rate:g} % | {' | '.join(found)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10_000)
    draws = parser.parse_args().draws
    start = time.perf_counter()
    for requests in (1_000, 10_000):
        print(f"\n## {LOOKS} looks of {requests:,} requests ({draws:,} rollouts each)\n")
        table(draws, requests)
    print("\n## Requests until equal candidates have passed\n")
    cost(draws)
    print(f"\n{time.perf_counter() - start:,.0f} s")


if __name__ == "__main__":
    main()
