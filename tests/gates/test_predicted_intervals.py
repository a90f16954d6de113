"""Metrics of predicted intervals and quantiles."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

import mlgates as mg
from mlgates.stats.proportions import tango_interval, wilson_interval

N = 200
rng = np.random.default_rng(5)
TRUE = rng.normal(size=N)
ENDS = TRUE[:, None] + np.sort(rng.normal(size=(N, 2)) + np.array([-1.5, 1.5]), axis=1)
OTHER = TRUE[:, None] + np.sort(rng.normal(size=(N, 2)) + np.array([-1, 1]), axis=1)
COVERED = (ENDS[:, 0] <= TRUE) & (ENDS[:, 1] >= TRUE)
COVERAGE = mg.Performance("interval_coverage", at_least=0.5)


def test_coverage_is_a_share_with_wilsons_interval():
    check = COVERAGE.run(y_true=TRUE, y_interval=ENDS).checks[0]
    assert check.value == COVERED.mean()
    assert check.interval == pytest.approx(wilson_interval(COVERED.sum(), N))
    assert (check.n, check.method) == (N, "Wilson")


def test_the_ends_belong_to_the_interval():
    ends = np.column_stack([TRUE, TRUE])
    assert COVERAGE.run(y_true=TRUE, y_interval=ends).checks[0].value == 1


def test_width_is_a_mean():
    result = mg.Performance("interval_width", at_most=9).run(y_true=TRUE, y_interval=ENDS)
    assert result.checks[0].value == pytest.approx(np.diff(ENDS, axis=1).mean())
    assert result.checks[0].method == "t"


def test_weights():
    weight = rng.uniform(0.5, 2, N)
    check = COVERAGE.run(y_true=TRUE, y_interval=ENDS, sample_weight=weight).checks[0]
    assert check.value == pytest.approx(np.average(COVERED, weights=weight))
    n = weight.sum() ** 2 / (weight**2).sum()
    assert check.interval == pytest.approx(wilson_interval(check.value * n, n))


@pytest.mark.parametrize("quantile", ["0.1", "0.5", ".95"])
def test_pinball_loss_equals_scikit_learn(quantile):
    gate = mg.Performance(f"pinball_loss@{quantile}", at_most=9)
    expected = sk.mean_pinball_loss(TRUE, ENDS[:, 1], alpha=float(quantile))
    result = gate.run(y_true=TRUE, y_pred=ENDS[:, 1])
    assert result.checks[0].value == pytest.approx(expected, abs=1e-12)
    assert result.name == f"performance:pinball_loss@{quantile}"


def test_differences_are_paired():
    other = (OTHER[:, 0] <= TRUE) & (OTHER[:, 1] >= TRUE)
    given = {"y_true": TRUE, "y_interval": ENDS, "production_interval": OTHER}
    check = mg.Regression("interval_coverage", tolerance=0.05).run(**given).checks[0]
    assert check.value == pytest.approx(COVERED.mean() - other.mean())
    gained, lost = (COVERED & ~other).sum(), (other & ~COVERED).sum()
    assert check.interval == pytest.approx(tango_interval(gained, lost, N))
    check = mg.Regression("interval_width", tolerance=9).run(**given).checks[0]
    assert check.value == pytest.approx((np.diff(ENDS) - np.diff(OTHER)).mean())
    shifted = {**given, "production_interval": ENDS + 0.5}
    check = mg.Regression("interval_width", tolerance=0).run(**shifted).checks[0]
    assert (check.value, check.interval) == (0, (0, 0))
    loss = mg.Regression("pinball_loss@0.9", tolerance=9)
    check = loss.run(y_true=TRUE, y_pred=ENDS[:, 1], production_pred=OTHER[:, 1]).checks[0]
    both = [sk.mean_pinball_loss(TRUE, ends[:, 1], alpha=0.9) for ends in (ENDS, OTHER)]
    assert check.value == pytest.approx(both[0] - both[1])


def test_groups_and_slices_of_coverage():
    sex = np.where(np.arange(N) % 2, "f", "m")
    gate = mg.Performance("interval_coverage", at_least=0.5, by="sex")
    result = gate.run(y_true=TRUE, y_interval=ENDS, data={"sex": sex})
    expected = [COVERED[sex == each].mean() for each in "fm"]
    assert sorted(check.value for check in result.checks) == sorted(expected)
    gate = mg.Fairness("interval_coverage_difference", at_most=0.3)
    result = gate.run(y_true=TRUE, y_interval=ENDS, sensitive_features={"sex": sex})
    assert result.checks[0].value == pytest.approx(abs(expected[0] - expected[1]))


@pytest.mark.parametrize(
    "ends",
    [
        ENDS.tolist(),
        [tuple(row) for row in ENDS],
        pd.DataFrame(ENDS, columns=["low", "high"]),
        {"low": ENDS[:, 0], "high": ENDS[:, 1]},
        ("low", "high"),
        ["low", "high"],
    ],
    ids=["lists", "tuples", "frame", "dict", "names", "list of names"],
)
def test_forms_of_intervals(ends):
    data = {"low": ENDS[:, 0], "high": ENDS[:, 1]}
    assert COVERAGE.run(y_true=TRUE, y_interval=ends, data=data).checks[0].value == COVERED.mean()


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        ({"y_interval": ENDS[:, ::-1]}, ("200 of 200 rows of `y_interval` have a lower end that is "
         "greater than the upper end")),
        ({"y_interval": np.where(np.arange(N)[:, None] == [0, -1], 99, ENDS)},
         "1 of 200 rows of `y_interval` has a lower end that is greater than the upper end"),
        ({"y_interval": ENDS[:, :1]},
         "`y_interval` must have two columns, the lower and the upper ends, got 1 column"),
        ({"y_interval": np.hstack([ENDS, ENDS])},
         "`y_interval` must have two columns, the lower and the upper ends, got 4 columns"),
        ({"y_interval": "low", "data": {"low": ENDS[:, 0]}},
         "`y_interval` must have two columns, the lower and the upper ends, got 1 column"),
        ({"y_interval": np.where(np.arange(N)[:, None] == [-1, 0], np.inf, ENDS)},
         "1 of 400 values of `y_interval` is infinite"),
        ({"y_interval": np.where(np.arange(N)[:, None] == [0, 1], np.nan, ENDS)},
         "2 of 400 values of `y_interval` are missing"),
        ({}, ("the gate needs `y_interval`, the lower and upper ends of predicted intervals, which "
         "was not given")),
        ({"y_interval": ENDS[:50]}, "`y_true` has 200 rows and `y_interval` has 50"),
        ({"y_interval": ENDS, "y_true": ["a"] * N},
         "`y_true` has type string, but numbers are required"),
    ],
)  # fmt: skip
def test_invalid_intervals_are_an_error(evidence, message):
    result = COVERAGE.run(**{"y_true": TRUE, **evidence})
    assert (str(result.verdict), result.reason) == ("error", message)


def test_missing_labels_and_no_rows():
    true = np.where(np.arange(N) < 3, np.nan, TRUE)
    result = COVERAGE.run(y_true=true, y_interval=ENDS)
    assert result.verdict == mg.Verdict.INCONCLUSIVE
    assert "3 rows have no value in `y_true`; every row needs one" in result.reason
    assert COVERAGE.run(y_true=[], y_interval=[]).reason == (
        "`interval_coverage` is undefined (n = 0); no rows to measure (limit: at least 0.5)"
    )


@pytest.mark.parametrize(
    "metric", ["pinball_loss", "pinball_loss@1", "pinball_loss@0", "pinball_loss@.0"]
)
def test_quantiles_are_between_0_and_1(metric):
    with pytest.raises(mg.OptionError) as caught:
        mg.Performance(metric, at_most=1)
    assert str(caught.value) == (
        f"Performance: `metric` must be the name of a metric or a function, got {metric!r}; did "
        "you mean 'pinball_loss@0.9'?"
    )
