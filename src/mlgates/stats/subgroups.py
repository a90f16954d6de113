"""Search for groups of rows with many errors, and test whether a group has too many."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import special

from mlgates.stats.arrays import Floats, Mask

__all__ = ["MOST_GROUPS", "excess_p_value", "overlap", "worst_groups"]

#: Largest number of groups that are returned.
MOST_GROUPS = 3
#: Number of groups with the same number of conditions that are extended by one more condition.
_BEAM = 300
#: Largest number of conditions that are combined with each other.
_CONDITIONS = 1_000
#: Amount by which each further condition must at least increase the log-likelihood ratio.
_COST = 2.0


def worst_groups(
    masks: Sequence[Mask], wrong: Mask, depth: int, least: int
) -> list[tuple[int, ...]]:
    """Return up to three groups of rows with the largest excess of errors.

    A group has one or more conditions, at most `depth`, and consists of the rows for which all of
    them are true. Groups are ranked by a log-likelihood ratio, minus 2 for each condition after the
    first. The ratio compares two hypotheses: different error rates inside and outside of the group,
    and one error rate for all rows. When the second and the third group are searched
    for, the rows of the groups that were found before are left out. Otherwise a group could rank
    high only because it overlaps with an earlier one.

    Not all combinations are tried: only the best 1,000 conditions are combined, and only the best
    300 groups with the same number of conditions are extended by one more condition.

    Parameters
    ----------
    masks : sequence of arrays of bool
        One array per condition: whether the condition is true in each row.
    wrong : array of bool
        Whether each row is an error.
    depth : int
        Largest number of conditions of a group.
    least : int
        A group must have at least this many rows that are in no earlier group.

    Returns
    -------
    list of tuple of int
        At most three groups. A group is a tuple of the positions of its conditions in `masks`. Two
        groups share less than half of the rows of the smaller one. A group is returned only if its
        error rate is higher than that of the other rows; rows of earlier groups are not counted.

    Examples
    --------
    >>> first, second = np.arange(40) % 2 == 0, np.arange(40) < 20
    >>> worst_groups([first, ~first, second], first & second, 2, 5)
    [(0, 2)]
    """
    if not len(masks) or not len(wrong):
        return []
    every = np.array(masks, np.bool_)
    chosen: list[tuple[tuple[int, ...], Mask]] = []
    left = np.ones(len(wrong), np.bool_)
    for _ in range(MOST_GROUPS):
        for group in _ranked(every[:, left].astype(np.float32), wrong[left], depth, least):
            rows = np.logical_and.reduce(every[list(group)])
            if not any(overlap(rows, other) for _, other in chosen):
                break
        else:
            break
        chosen.append((group, rows))
        left &= ~rows
    return [group for group, _ in chosen]


def _ranked(every: Floats, wrong: Mask, depth: int, least: int) -> Iterator[tuple[int, ...]]:
    """Yield the groups with a higher error rate than the other rows, the largest excess first.

    `worst_groups` describes the search. `every` has one row per condition.
    """
    n, errors = len(wrong), wrong.astype(np.float32)
    total = float(errors.sum())
    ratios = _excess(every @ errors, every.sum(1), total, n, least)
    items = np.argsort(-ratios, kind="stable")[:_CONDITIONS]
    every, level = every[items], ratios[items]
    groups: list[tuple[int, ...]] = [(i,) for i in range(len(items))]
    found = list(zip(level.tolist(), groups, strict=True))
    for deeper in range(1, depth):
        groups = [groups[i] for i in np.argsort(-level, kind="stable")[:_BEAM]]
        inside = np.array([every[list(group)].min(axis=0) for group in groups])
        table = _excess((inside * errors) @ every.T, inside @ every.T, total, n, least)
        pairs: dict[tuple[int, ...], tuple[int, int]] = {}
        for at in np.argsort(-table, axis=None, kind="stable")[: 4 * _BEAM].tolist():
            i, j = divmod(at, len(items))
            if j not in groups[i]:
                pairs.setdefault(tuple(sorted((*groups[i], j))), (i, j))
        if not pairs:
            break
        level = np.array([table[at] for at in pairs.values()])
        groups = list(pairs)
        found += zip((level - deeper * _COST).tolist(), groups, strict=True)
    found.sort(key=lambda pair: -pair[0])
    for ratio, group in found:
        if ratio > 0:
            yield tuple(sorted(items[list(group)].tolist()))


def overlap(one: Mask, other: Mask) -> bool:
    """Return whether two groups share at least half of the rows of the smaller group."""
    sizes = np.count_nonzero(one), np.count_nonzero(other)
    return bool(2 * np.count_nonzero(one & other) >= min(sizes))


def excess_p_value(inside_wrong: int, inside: int, wrong: int, n: int) -> float:
    """Return the one-sided p-value for the number of errors in a group of rows.

    It is the probability that a group of `inside` rows has at least `inside_wrong` errors if
    `wrong` errors are distributed at random over all `n` rows. This is the upper tail of the
    hypergeometric distribution.

    Examples
    --------
    >>> round(excess_p_value(3, 3, 5, 10), 4)
    0.0833
    """
    from scipy import stats

    return float(stats.hypergeom.sf(inside_wrong - 1, n, wrong, inside))


def _excess(errors: Floats, rows: Floats, wrong: float, n: int, least: int) -> Floats:
    """Return the log-likelihood ratio of each group, see `worst_groups`.

    `errors` and `rows` are the numbers of errors and of rows of the groups. `wrong` and `n` are
    those of all rows. The ratio is 0 for a group with fewer than `least` rows, and for a group
    whose error rate is not higher than that of the other rows.
    """
    errors, rows = np.asarray(errors, np.float64), np.asarray(rows, np.float64)
    outside, others = n - rows, wrong - errors
    with np.errstate(divide="ignore", invalid="ignore"):
        here, there, overall = errors / rows, others / outside, wrong / n
        ratio = (
            special.xlogy(errors, here / overall)
            + special.xlogy(rows - errors, (1 - here) / (1 - overall))
            + special.xlogy(others, there / overall)
            + special.xlogy(outside - others, (1 - there) / (1 - overall))
        )
        usable = (rows >= least) & (outside > 0) & (here > there)
    return np.where(usable, ratio, 0.0)
