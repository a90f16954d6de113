"""Distances of counts against scipy and formulas, and the size of the test."""

import itertools
import math

import numpy as np
import pytest
from arrays import count_in, ordered_cells
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sampling import in_turn
from scipy import stats
from scipy.spatial import distance
from scipy.stats import contingency

from mlgates.stats.counting import Edges, category_cells
from mlgates.stats.divergence import (
    cells_together,
    chi_square_pvalue,
    cramers_v,
    hellinger,
    jensen_shannon,
    psi,
    psi_chance,
    total_variation,
)

MEASURES = [psi, jensen_shannon, hellinger, total_variation, cramers_v]
BOUNDED = MEASURES[1:]


@st.composite
def sides(draw, low=1, high=30, largest=1_000):
    size = draw(st.integers(low, high))
    counts = hnp.arrays(np.int64, size, elements=st.integers(0, largest))
    reference, current = draw(counts), draw(counts)
    reference[0] += 1
    current[-1] += 1
    kept = reference + current > 0
    return reference[kept], current[kept]


@given(sides())
def test_jensen_shannon_is_scipys(counts):
    theirs = distance.jensenshannon(*counts, base=2)
    # scipy returns NaN where rounding makes the sum negative.
    if not math.isnan(theirs):
        assert jensen_shannon(*counts) == pytest.approx(theirs, abs=1e-8)


@given(sides(low=2))
def test_cramers_v_is_scipys_for_equal_sides(counts):
    reference, current = counts
    reference, current = reference * current.sum(), current * reference.sum()
    theirs = contingency.association(np.array([reference, current]), method="cramer")
    if len(reference) > 1:
        assert cramers_v(reference, current) == pytest.approx(theirs, abs=1e-12)


def test_cramers_v_does_not_depend_on_the_sizes():
    half, most = np.array([500, 500]), np.array([900, 100])
    assert cramers_v(half * 1_000, most) == pytest.approx(cramers_v(half, most))
    plain = contingency.association(np.array([half * 1_000, most]), method="cramer")
    assert plain < 0.03
    assert cramers_v(half, most) > 0.4


@given(sides())
def test_hellinger_and_total_variation_by_their_formulas(counts):
    p, q = (side / side.sum() for side in counts)
    overlap = np.sqrt(p * q).sum()
    assert hellinger(*counts) ** 2 == pytest.approx(1 - overlap, abs=1e-12)
    assert total_variation(*counts) == pytest.approx(np.maximum(p - q, 0).sum(), abs=1e-12)


@given(sides(), st.randoms())
def test_measures_do_not_depend_on_the_order_of_sides_and_cells(counts, random):
    reference, current = counts
    order = list(range(len(reference)))
    random.shuffle(order)
    for measure in MEASURES:
        value = measure(reference, current)
        assert value >= 0
        assert measure(current, reference) == pytest.approx(value, abs=1e-12)
        assert measure(reference[order], current[order]) == pytest.approx(value, abs=1e-7)
        assert measure(reference, reference) == pytest.approx(0, abs=1e-7)
    for measure in BOUNDED:
        value = measure(reference, current)
        assert value <= 1
        assert measure(3 * reference, 5 * current) == pytest.approx(value, abs=1e-7)


@pytest.mark.parametrize("measure", BOUNDED)
def test_sides_without_a_common_cell_are_one_apart(measure):
    assert measure(np.array([5, 0, 1]), np.array([0, 9, 0])) == pytest.approx(1)


@pytest.mark.parametrize("measure", MEASURES)
def test_an_empty_side_has_no_distance(measure):
    nothing, something = np.array([0, 0]), np.array([3, 2])
    assert math.isnan(measure(nothing, something))
    assert math.isnan(measure(something, nothing))
    assert math.isnan(measure(np.zeros(0, int), np.zeros(0, int)))


@pytest.mark.parametrize("ordered", [True, False])
def test_an_empty_side_cannot_be_tested(ordered):
    nothing, something = np.array([0, 0]), np.array([3, 2])
    assert math.isnan(chi_square_pvalue(nothing, something, ordered=ordered))
    assert math.isnan(chi_square_pvalue(something, nothing, ordered=ordered))
    assert chi_square_pvalue(np.array([3]), np.array([900]), ordered=ordered) == 1


def test_psi_by_its_formula():
    a, b = np.array([30, 50, 20]), np.array([100, 80, 20])
    p, q = (a + 0.5) / 101.5, (b + 0.5) / 201.5
    assert psi(a, b) == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q))


def test_another_rare_category_hardly_changes_psi():
    """If empty shares had a minimum, one rare row would change the PSI from 0.31 to 1.0."""
    reference, current = np.array([4_000, 6_000, 0]), np.array([3_800, 5_700, 500])
    before = psi(reference, current)
    after = psi(np.append(reference, 1), np.append(current, 1))
    assert 0.2 < before < 0.6
    assert after == pytest.approx(before, rel=0.01)


def test_psi_does_not_jump_when_a_cell_empties():
    reference = np.array([5_000, 5_000])
    values = [psi(reference, np.array([1_000 - k, k])) for k in (3, 2, 1, 0)]
    steps = np.diff(values)
    assert (steps > 0).all()
    assert steps.max() < 0.6


def test_rare_shares_count():
    """With a minimum of one percent for each share, the PSI would be 0 here."""
    reference, current = np.array([99_990, 10]), np.array([99_100, 900])
    assert psi(reference, current) > 0.03
    assert psi(np.array([100_000, 0]), np.array([99_100, 900])) > 0.06


def test_total_replacement_is_drift():
    ids = category_cells(np.full(50, 20), np.zeros(50, int), unseen=np.full(50, 20))
    assert cramers_v(ids.reference, ids.current) == 1
    assert psi(ids.reference, ids.current) > 5
    each = category_cells(
        np.full(50, 20), np.zeros(50, int), unseen=np.full(50, 20), together=False
    )
    assert chi_square_pvalue(each.reference, each.current, ordered=False) < 1e-100


def test_one_outlier_neither_makes_nor_hides_drift():
    rng = np.random.default_rng(1)
    x, y = np.sort(rng.normal(size=5_000)), np.sort(rng.normal(size=5_000))
    for outlier in (1e6, np.inf):
        wild = y.copy()
        wild[-1] = outlier
        alike = ordered_cells(x, wild, 10)
        assert psi(alike.reference, alike.current) < 0.02
        moved = ordered_cells(x, np.sort(np.append(y + 0.5, outlier)), 10)
        assert psi(moved.reference, moved.current) > 0.2
        spoilt = x.copy()
        spoilt[-1] = outlier
        moved = ordered_cells(spoilt, y + 0.5, 10)
        assert psi(moved.reference, moved.current) > 0.2


def test_psi_of_chance_without_drift():
    # Yurdakul and Naranjo: (cells - 1) (1 / n + 1 / m) on average.
    rng = np.random.default_rng(7)
    shares = np.full(10, 0.1)
    draws = [
        psi(rng.multinomial(2_000, shares), rng.multinomial(1_000, shares)) for _ in range(2_000)
    ]
    assert np.mean(draws) == pytest.approx(9 * (1 / 1_000 + 1 / 2_000), rel=0.03)
    beyond = np.mean(np.array(draws) > psi_chance(10, 1_000, 2_000, 0.05))
    assert beyond == pytest.approx(0.05, abs=0.015)


def test_cramers_v_of_chance_without_drift():
    rng = np.random.default_rng(8)
    shares = np.full(10, 0.1)
    limit = math.sqrt(psi_chance(10, 1_000, 20_000, 0.05)) / 2
    draws = [
        cramers_v(rng.multinomial(20_000, shares), rng.multinomial(1_000, shares))
        for _ in range(2_000)
    ]
    assert np.mean(np.array(draws) > limit) == pytest.approx(0.05, abs=0.015)


def test_psi_chance():
    assert psi_chance(10, 100, 100, 0.05) == pytest.approx(stats.chi2.isf(0.05, 9) / 50)
    assert psi_chance(1, 100, 100, 0.05) == 0
    assert math.isnan(psi_chance(10, 0, 100, 0.05))


@given(sides(low=2), st.booleans())
def test_chi_square_is_scipys_where_no_cell_is_thin(counts, ordered):
    reference, current = ((side + 20) * 9 for side in counts)
    theirs = stats.chi2_contingency([reference, current], correction=False)
    p = chi_square_pvalue(reference, current, ordered=ordered)
    if theirs.expected_freq.min() >= 100:
        assert p == pytest.approx(theirs.pvalue, rel=1e-9, abs=1e-300)
    elif len(reference) == 2:
        fishers = stats.fisher_exact([reference, current]).pvalue
        assert p == pytest.approx(fishers, rel=1e-7, abs=1e-300)
    else:
        other = stats.chi2_contingency([reference, current], correction=False, lambda_=1 / 3)
        greater = max(theirs.pvalue, other.pvalue)
        assert p == pytest.approx(greater, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("pooled", [[9_690, 255, 255], [7_200, 2_400, 600], [5_100, 3_570, 1_530]])
def test_rejections_at_low_levels_are_at_most_nominal(pooled):
    # every table of 200 rows against 10,000 with these sums, and how probable it is
    pooled, m = np.array(pooled), 200
    tables = np.array([(m - b - c, b, c) for b in range(m + 1) for c in range(m + 1 - b)])
    chances = stats.multivariate_hypergeom(m=pooled, n=m).pmf(tables)
    tables, chances = tables[chances > 1e-12], chances[chances > 1e-12]
    p = np.array([chi_square_pvalue(a, pooled - a, ordered=False) for a in tables])
    for alpha in (0.01, 1e-3, 2.5e-4, 1e-4):
        # Pearson's statistic alone would reject up to five times as often
        assert chances[p <= alpha].sum() <= 1.2 * alpha


@given(sides(low=2, largest=12))
def test_the_test_does_not_depend_on_the_order_of_sides(counts):
    for ordered in (True, False):
        p = chi_square_pvalue(*counts, ordered=ordered)
        assert 0 <= p <= 1
        assert chi_square_pvalue(*counts[::-1], ordered=ordered) == pytest.approx(p, rel=1e-9)


def test_small_ordered_cells_are_merged_with_neighbours():
    reference = np.array([50, 50, 2, 50, 3, 1, 1])
    current = np.array([40, 30, 3, 60, 2, 1, 0])
    merged = [[50, 50, 52, 5], [40, 30, 63, 3]]
    joined = [[50, 50, 57], [40, 30, 66]]
    theirs = stats.chi2_contingency(joined, correction=False).pvalue
    assert np.array(merged).sum() == reference.sum() + current.sum()
    assert chi_square_pvalue(reference, current, ordered=True) == pytest.approx(theirs)


def test_small_categories_are_merged_by_frequency():
    reference, current = np.array([2, 300, 7, 200, 1, 6]), np.array([1, 250, 9, 260, 3, 8])
    joined = [[300, 200, 7, 6, 3], [250, 260, 9, 8, 4]]
    expected = np.array(joined).sum(axis=0) * np.array([[516], [531]]) / 1_047
    assert (expected[:, :4] > 5).all()
    # The two rarest together are still too few, and are merged with the next.
    joined = [[300, 200, 7, 9], [250, 260, 9, 12]]
    theirs = stats.chi2_contingency(joined, correction=False).pvalue
    assert chi_square_pvalue(reference, current, ordered=False) == pytest.approx(theirs)


@pytest.mark.parametrize("ordered", [True, False])
def test_small_tables_of_two_cells_use_fishers_test(ordered):
    theirs = stats.fisher_exact([[997, 3], [48, 2]]).pvalue
    pair = np.array([997, 3]), np.array([48, 2])
    assert chi_square_pvalue(*pair, ordered=ordered) == pytest.approx(theirs)
    if ordered:
        three = np.array([997, 2, 1]), np.array([48, 1, 1])
        assert chi_square_pvalue(*three, ordered=True) == pytest.approx(theirs)
    few = chi_square_pvalue(np.array([1, 0, 2]), np.array([0, 3, 0]), ordered=ordered)
    assert 0.09 < few <= 1


def at_each_value(x, y):
    """Return the counts of both sides at each value of the first and between these values."""
    points = np.unique(x[np.isfinite(x)])
    each = Edges(points, np.ones(len(points), np.bool_))
    return count_in(np.sort(x), each), count_in(np.sort(y), each)


@pytest.mark.parametrize(
    ("levels", "m"),
    [
        (5, 100),
        *(
            pytest.param(*pair, marks=pytest.mark.slow)
            for pair in itertools.product((5, 12, 18), (100, 1_000))
            if pair != (5, 100)
        ),
    ],
)
def test_equal_values_that_are_many_by_chance_are_no_false_alarm(levels, m):
    rng = np.random.default_rng(levels + m)

    def draw():
        counts = at_each_value(rng.integers(0, levels, m), rng.integers(0, levels, 10 * m))
        cells = cells_together(*counts, 10)
        return chi_square_pvalue(cells.reference, cells.current, ordered=True)

    # with cells of the reference alone, 18 levels give a false alarm in 9 of 100 cases
    assert rejected(draw, 0.05, 2_000) < 0.063


@pytest.mark.parametrize(("before", "now"), [(0.0, -1e-3), (0.0, 1e-3), (-1e-3, 0.0), (-9.0, -8.0)])
@pytest.mark.parametrize("sizes", [(100, 100), (200, 1_000), (1_000, 200), (100, 20_000)])
def test_moves_of_equal_values_within_a_cell_are_significant(before, now, sizes):
    rng = np.random.default_rng(0)

    def side(rows, value):
        return np.where(np.arange(rows) < 0.15 * rows, value, rng.normal(size=rows))

    cells = cells_together(*at_each_value(side(sizes[0], before), side(sizes[1], now)), 10)
    assert chi_square_pvalue(cells.reference, cells.current, ordered=True) < 1e-3


def test_values_where_the_reference_has_none_are_a_cell():
    x, y = np.arange(200.0), np.append(np.arange(0, 200, 0.1), np.full(400, 55.5))
    cells = cells_together(*at_each_value(x, y), 10)
    there = cells.current >= 400
    assert cells.reference[there].tolist() == [0]
    assert chi_square_pvalue(cells.reference, cells.current, ordered=True) < 1e-5


def test_counts_of_billions():
    many = np.array([5_000_000_000] * 3)
    assert chi_square_pvalue(many, many, ordered=True) == 1


def test_infinities_are_cells_of_their_own():
    x, y = np.array([-np.inf, 1.0, 2.0, 3.0, 4.0]), np.array([0.0, 1.0, 9.0, np.inf, np.inf])
    cells = cells_together(*at_each_value(x, y), 2)
    assert (cells.reference[0], cells.current[0]) == (1, 0)
    assert (cells.reference[-1], cells.current[-1]) == (0, 2)
    assert cells_together(*at_each_value(x[:1], y), 2).current.tolist() == [0, 3, 2]


@given(sides(low=3, largest=2))
def test_cells_together_are_symmetric(counts):
    # With so few values no cell is significant. (The 2 k + 3 cells: infinities, values and gaps.)
    pad = [
        np.append(side, [0] * (3 - len(side) if len(side) < 3 else 1 - len(side) % 2))
        for side in counts
    ]
    one, other = cells_together(*pad, 4), cells_together(*pad[::-1], 4)
    assert one.reference.tolist() == other.current.tolist()
    assert one.current.tolist() == other.reference.tolist()
    assert one.reference.sum() == counts[0].sum()
    assert one.current.sum() == counts[1].sum()


def rejected(draw, alpha, repeats):
    return np.mean([draw() <= alpha for _ in range(repeats)])


ZIPF = 1 / np.arange(1, 1_001) / (1 / np.arange(1, 1_001)).sum()


@pytest.mark.parametrize(
    ("m", "n"),
    [
        (1_000, 30),
        (1_000, 200),
        pytest.param(20_000, 200, marks=pytest.mark.slow),
        pytest.param(200, 20_000, marks=pytest.mark.slow),
    ],
)
def test_size_of_the_test_with_a_thousand_categories(m, n):
    rng = np.random.default_rng(m + n)

    def draw():
        reference, current = rng.multinomial(m, ZIPF), rng.multinomial(n, ZIPF)
        seen = reference > 0
        cells = category_cells(reference[seen], current[seen], current[~seen], together=False)
        return chi_square_pvalue(cells.reference, cells.current, ordered=False)

    assert rejected(draw, 0.05, 1_000) < 0.075


@pytest.mark.parametrize(
    ("sizes", "levels"),
    in_turn(
        {f"{m}-{n}": (m, n) for m, n in ((1_000, 30), (30, 1_000), (200, 200), (5_000, 200))},
        {"20": 20, "10**9": 10**9},
    ),
)
def test_size_of_the_test_with_quantile_cells(sizes, levels):
    rng = np.random.default_rng(sum(sizes))

    def draw():
        sides = [np.sort(rng.integers(0, levels, size)) for size in sizes]
        cells = ordered_cells(*sides, 10)
        return chi_square_pvalue(cells.reference, cells.current, ordered=True)

    assert 0.02 < rejected(draw, 0.05, 1_000) < 0.075


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize(("m", "n"), [(100_000, 200), (200, 100_000), (2_000, 200)])
def test_moves_between_small_cells_are_significant(m, n, ordered):
    reference, current = np.array([0, 15 * m, 85 * m]), np.array([15 * n, 0, 85 * n])
    assert chi_square_pvalue(reference // 100, current // 100, ordered=ordered) < 1e-20
    assert chi_square_pvalue(current // 100, reference // 100, ordered=ordered) < 1e-20


def test_few_new_values_are_significant_only_against_many_rows():
    cells = np.array([0, 50_000, 50_000]), np.array([5, 95, 100])
    assert chi_square_pvalue(*cells, ordered=True) < 1e-6
    assert chi_square_pvalue(cells[0] // 500, cells[1], ordered=True) > 1e-2


@pytest.mark.parametrize(("m", "n"), [(100, 5_000), (5_000, 100), (300, 300), (50_000, 50)])
def test_largest_change_pvalue_of_equal_distributions(m, n):
    rng = np.random.default_rng(m + n)
    shares = 1 / np.arange(1, 401)
    shares /= shares.sum()
    for _ in range(300):
        counts = np.array([rng.multinomial(size, shares) for size in (m, n)])
        both = counts[:, counts.sum(0) > 0]
        for ordered in (True, False):
            assert chi_square_pvalue(*both, ordered=ordered) > 1e-6


def test_cells_can_be_merged_up_to_a_larger_expected_count():
    reference = np.array([10_000, 10_000, 300, 200])
    current = np.array([500, 500, 8, 17])
    merged = chi_square_pvalue(
        np.array([10_000, 10_000, 500]), np.array([500, 500, 25]), ordered=True
    )
    assert chi_square_pvalue(reference, current, ordered=True, least=20) == merged
    assert chi_square_pvalue(reference, current, ordered=True) < merged
