"""Bad evidence for `Fairness` and its right verdict; first cases where fairlearn 0.15 returns 0."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

import mlgates as mg

P, U, F, E = "pass", "inconclusive", "fail", "error"
NAN, INF = np.nan, np.inf
N = 200
# two groups of 100, half of each positive
TRUE = np.tile([0, 1], N // 2)
GROUP = np.repeat(["a", "b"], N // 2)
B = GROUP == "b"
RIGHT = TRUE.copy()
# nobody of b is selected
NEVER_B = np.where(B, 0, TRUE)


def parity(limit: float = 0.1, **options: object) -> mg.Fairness:
    return mg.Fairness("demographic_parity_difference", at_most=limit, **options)


def odds(limit: float = 0.1, **options: object) -> mg.Fairness:
    return mg.Fairness("equalized_odds_difference", at_most=limit, **options)


@dataclass(frozen=True)
class Case:
    """Changes of valid evidence, a gate, its verdict and a part of its reason."""

    id: str
    given: Callable[[], dict[str, object]] = field(repr=False)
    verdict: str
    said: str = ""
    gate: mg.Fairness = field(default_factory=parity)

    def run(self) -> mg.GateResult:
        honest = {"y_true": TRUE, "y_pred": RIGHT, "sensitive_features": GROUP}
        return self.gate.run(**(honest | self.given()))


def case(id_: str, verdict: str, said: str = "", gate: mg.Fairness | None = None, **given: object):
    return Case(id_, lambda: given, verdict, said, gate or parity())


def without_positives(where: np.ndarray, y_pred: np.ndarray) -> dict[str, object]:
    return {"y_true": np.where(where, 0, TRUE), "y_pred": y_pred}


EVERYWHERE = np.ones(N, bool)
NINE = np.where(B, np.arange(N) >= N - 9, TRUE).astype(int)
SCORES = np.linspace(0, 1, N)

# fairlearn reports a gap of 0 for all of these
FALSE_PASSES = (
    case("b is never selected", F, y_pred=NEVER_B),
    case("probabilities as labels", E, y_pred=np.where(NEVER_B, 0.9, 0.1), said="scores"),
    case("texts for numbers", E, y_pred=NEVER_B.astype(str)),
    case("one group alone", U, "only group", sensitive_features=np.full(N, "a")),
    case(
        "nobody is selected",
        U,
        "no row of any group is predicted positive",
        y_pred=np.zeros(N, int),
    ),
    case(
        "nobody is selected, ratio",
        U,
        gate=mg.Fairness("demographic_parity_ratio", at_least=0.8),
        y_pred=np.zeros(N, int),
    ),
    case(
        "one class in b, area under the curve",
        U,
        "group=b",
        gate=mg.Fairness("roc_auc_difference", at_most=0.1),
        y_true=np.where(B, 0, TRUE),
        y_score=SCORES,
    ),
    Case(
        "no positives anywhere",
        lambda: without_positives(EVERYWHERE, RIGHT),
        U,
        "no positives",
        odds(),
    ),
    Case(
        "no positives in b, none found in a",
        lambda: without_positives(B, np.zeros(N, int)),
        U,
        "no positives",
        odds(),
    ),
    case("weights of 0 for b", U, "group=b", sample_weight=np.where(B, 0.0, 1.0)),
    case("weights of 0 for all", E, sample_weight=np.zeros(N)),
    case(
        "missing sensitive values are a group",
        F,
        "group=missing",
        y_pred=NEVER_B,
        sensitive_features=np.where(B, None, GROUP),
    ),
)

SIZE = (
    case("honest", P),
    case("no rows", U, "no rows to measure", y_true=[], y_pred=[], sensitive_features=[]),
    case("one row", U, y_true=[1], y_pred=[1], sensitive_features=["a"]),
    case("29 rows of b", U, "29 rows", sensitive_features=np.where(np.arange(N) < 29, "b", "a")),
    case(
        "30 rows of b",
        P,
        sensitive_features=np.where(np.arange(N) < 30, "b", "a"),
        gate=parity(0.3),
    ),
    case("a group of one", U, "1 row,", sensitive_features=np.where(np.arange(N) < 1, "c", GROUP)),
    case(
        "a group of one, left out",
        P,
        "excluded groups: group=c (1 row)",
        parity(small_groups="exclude"),
        sensitive_features=np.where(np.arange(N) < 1, "c", GROUP),
    ),
    case(
        "nine positives of b",
        U,
        "9 positives",
        odds(),
        y_true=NINE,
        y_pred=NINE,
    ),
    case(
        "effective rows of weights",
        U,
        "100 rows that count as 1 because of their weights, at least 30 are needed",
        sample_weight=np.where(B, np.where(np.arange(N) == 150, 1e6, 1.0), 1.0),
    ),
    case(
        "crossed features with thin cells",
        U,
        "no group can be compared",
        sensitive_features={"sex": GROUP, "region": np.arange(N) % 7},
    ),
)

VALUES = (
    case("infinite prediction", E, "finite", y_pred=np.where(np.arange(N) < 1, INF, RIGHT)),
    case("prediction that is NaN", E, y_pred=np.where(np.arange(N) < 1, NAN, RIGHT)),
    case(
        "a label is missing",
        U,
        "1 row has no value in `y_true`; every row needs one",
        y_true=[None, *TRUE[1:].tolist()],
    ),
    case("all labels are missing", U, y_true=[None] * N),
    case("bools are 0 and 1", P, y_true=TRUE.astype(bool)),
    case("floats are 0 and 1", P, y_pred=RIGHT.astype(float)),
    case("labels of three classes", E, "two classes", y_true=np.arange(N) % 3),
    case(
        "accuracy of three classes",
        P,
        gate=mg.Fairness("accuracy_difference", at_most=0.1),
        y_true=np.arange(N) % 3,
        y_pred=np.arange(N) % 3,
    ),
    case(
        "labels of text without the positive one",
        E,
        "pos_label",
        y_true=np.where(TRUE, "y", "n"),
        y_pred=np.where(TRUE, "y", "n"),
    ),
    case(
        "labels of text",
        P,
        y_true=np.where(TRUE, "y", "n"),
        y_pred=np.where(TRUE, "y", "n"),
        pos_label="y",
    ),
    case(
        "labels of -1 and 1 without the positive one",
        E,
        "pos_label",
        y_true=2 * TRUE - 1,
        y_pred=2 * TRUE - 1,
    ),
    case("no predicted label is known", E, y_pred=RIGHT + 7),
    case(
        "a weight is negative", E, "negative", sample_weight=np.where(np.arange(N) < 1, -1.0, 1.0)
    ),
    case("a weight is NaN", E, sample_weight=np.where(np.arange(N) < 1, NAN, 1.0)),
    case("too few weights", E, sample_weight=np.ones(N - 1)),
    case(
        "missing sensitive values where they are errors",
        E,
        "100 rows have no value of `group`",
        parity(missing_group="error"),
        sensitive_features=np.where(B, None, GROUP),
    ),
    case("no missing sensitive value where they are errors", P, gate=parity(missing_group="error")),
    case(
        "different names by a space are two groups",
        U,
        "29 rows",
        sensitive_features=np.where(np.arange(N) < 29, "a ", GROUP),
    ),
)

STRUCTURE = (
    Case(
        "indexes differ",
        lambda: {
            "y_true": pd.Series(TRUE),
            "y_pred": pd.Series(RIGHT, index=np.arange(N)[::-1]),
        },
        E,
        "index",
    ),
    Case(
        "indexes of groups differ",
        lambda: {
            "y_true": pd.Series(TRUE),
            "sensitive_features": pd.Series(GROUP, index=np.arange(N)[::-1]),
        },
        E,
        "index",
    ),
    case("too few predictions", E, y_pred=RIGHT[1:]),
    case("too few groups", E, sensitive_features=GROUP[1:]),
    case("one column of predictions", P, y_pred=RIGHT.reshape(-1, 1)),
    case("two columns of predictions", E, y_pred=np.column_stack([RIGHT, RIGHT])),
    case("predictions in a row", E, y_pred=RIGHT.reshape(1, -1)),
    Case(
        "a declared group is absent",
        lambda: {"sensitive_features": pd.Categorical(GROUP, categories=["a", "b", "c"])},
        U,
        "no rows",
    ),
    case("each row a group", E, "the 200 groups of", sensitive_features=np.arange(N)),
    case("a measured number", E, sensitive_features=np.random.default_rng(0).normal(size=N)),
    case("no sensitive feature", E, "sensitive_features", sensitive_features=None),
    case("no predictions", E, y_pred=None),
    case(
        "no labels",
        E,
        "y_true",
        mg.Fairness("equal_opportunity_difference", at_most=0.1),
        y_true=None,
    ),
    case("a name that is no column", E, sensitive_features="sex"),
)

CASES = (*FALSE_PASSES, *SIZE, *VALUES, *STRUCTURE)


@pytest.mark.parametrize("row", CASES, ids=lambda row: row.id)
def test_verdict_is_right(row):
    result = row.run()
    everything = " ".join([result.reason, *(check.reason for check in result.checks)])
    assert result.verdict == row.verdict, everything
    assert row.said in everything
    for check in result.checks:
        internal = ("KeyError", "TypeError", "ValueError", "IndexError", "AttributeError")
        assert not any(word in check.reason for word in internal), check.reason


def test_ids_are_distinct():
    assert len({row.id for row in CASES}) == len(CASES)


@pytest.mark.parametrize("rule", ["significance", "interval", "estimate"])
@pytest.mark.parametrize("row", FALSE_PASSES, ids=lambda row: row.id)
def test_no_rule_passes_evidence_that_shows_nothing(row, rule):
    import dataclasses

    gate = dataclasses.replace(row.gate, decide_by=rule)
    assert not Case(row.id, row.given, row.verdict, gate=gate).run().passed


@pytest.mark.parametrize("name", ["demographic_parity", "AUC", "recall", "", None, 3])
def test_metric_that_is_unknown_is_refused_when_the_gate_is_built(name):
    with pytest.raises(mg.OptionError, match="`metric`"):
        mg.Fairness(name, at_most=0.1)
