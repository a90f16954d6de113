"""Reproducibility: what differs between two trainings, by how much, and what is not fixed."""

import json
import os
import random
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from gate_examples import Example, Incomes

import mlgates as mg
from mlgates.verdict import Verdict

X = np.arange(12.0).reshape(6, 2)
P, F, U, E = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.ERROR


@pytest.fixture(autouse=True)
def fixed_environment(monkeypatch):
    """Set the variables that the note is about, so that reasons are those of the checks."""
    monkeypatch.setenv("PYTHONHASHSEED", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def linear(weights):
    return lambda X: X @ np.asarray(weights)


def in_turn(*models):
    """Return a `fit` that returns these models, one after another, and the last one again."""
    calls = []

    def fit():
        calls.append(None)
        return models[min(len(calls), len(models)) - 1]

    fit.calls = calls
    return fit


class Scored:
    """A classifier with given probabilities of the second class."""

    classes_ = np.array(["no", "yes"])

    def __init__(self, *scores):
        self.scores = np.array(scores)

    def predict_proba(self, X):
        return np.column_stack([1 - self.scores, self.scores])

    def predict(self, X):
        return self.classes_[(self.scores > 0.5).astype(int)]


def run(fit, X=X, **options):
    return mg.Reproducibility(**options).run(fit=fit, X=X)


# what is compared


def test_two_equal_models_pass():
    fit = in_turn(Scored(0.1, 0.9), Scored(0.1, 0.9))
    result = run(fit, X[:2])
    assert result.verdict is P
    for check, name in zip(result.checks, ("predict", "predict_proba"), strict=True):
        assert (check.subject, check.metric, check.value, check.n) == (name, "reproducible", 0, 2)
        assert check.reason == f"`{name}` gave the same answers for all 2 rows after both trainings"
    assert len(fit.calls) == 2


def test_what_differs_and_by_how_much():
    result = run(in_turn(Scored(0.1, 0.5, 0.9), Scored(0.1, 0.625, 0.9)), X[:3])
    predict, proba = result.checks
    hint = (
        " (hint: the shared random states of Python and numpy are not the cause; look for a "
        "generator that `fit` does not seed, training data that it changes, and threads)"
    )
    assert result.verdict is F
    assert predict.reason == (
        "1 of 3 rows (row 1) got a different answer from `predict` after the second training" + hint
    )
    assert proba.reason == (
        "1 of 3 rows (row 1) got a different answer from `predict_proba` after the second "
        "training; "
        "the largest difference is 0.125 (relative 0.25)" + hint
    )
    assert proba.value == 1
    assert proba.details["rows"] == (1,)
    assert proba.details["largest_difference"] == 0.125
    assert proba.details["relative_difference"] == 0.25


def test_same_labels_from_other_probabilities():
    result = run(in_turn(Scored(0.1, 0.9), Scored(0.2, 0.9)), X[:2])
    assert [check.verdict for check in result.checks] == [P, F]
    assert "hint" not in result.checks[0].reason


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({}, F),
        ({"rtol": 1e-3}, P),
        ({"rtol": 9e-4}, F),
        ({"atol": 2.1e-3}, P),
        ({"atol": 1.9e-3}, F),
        ({"rtol": 5e-4, "atol": 1.9e-3}, F),
    ],
)
def test_tolerances(options, verdict):
    first, second = np.array([2.0]), np.array([2.002])
    result = run(in_turn(lambda X: first, lambda X: second), X[:1], **options)
    assert result.verdict is verdict
    if verdict is P:
        assert result.checks[0].reason == (
            "`predict` gave the same answer for the only row after both trainings, within the "
            "tolerance: the largest difference is 0.002 (relative 0.001)"
        )


def test_a_single_bit_counts_by_default():
    first, second = np.array([1.0, 2.0]), np.array([1.0, np.nextafter(2.0, 3.0)])
    result = run(in_turn(lambda X: first, lambda X: second), X[:2])
    assert result.verdict is F
    assert result.checks[0].value == 1
    assert result.checks[0].reason.endswith(
        "(hint: such small differences arise when threads add numbers in another order: use one "
        "thread (OMP_NUM_THREADS=1), or allow the differences by `rtol`)"
    )


def test_labels_must_be_equal_whatever_the_tolerance():
    first, second = np.array([1, 2]), np.array([1, 3])
    assert run(in_turn(lambda X: first, lambda X: second), X[:2], rtol=1, atol=9).verdict is F
    texts = np.array(["a", "b"]), np.array(["a", "c"])
    fit = in_turn(*(lambda X, answer=answer: answer for answer in texts))
    assert run(fit, X[:2], rtol=1, atol=9).verdict is F


def test_another_number_of_classes():
    class Wider(Scored):
        classes_ = np.array(["no", "yes", "who"])

        def predict_proba(self, X):
            return np.column_stack([super().predict_proba(X), np.zeros(len(X))])

    result = run(in_turn(Scored(0.1, 0.9), Wider(0.1, 0.9)), X[:2])
    assert result.verdict is F
    assert result.checks[1].reason.startswith(
        "2 of 2 rows (first at rows 0, 1) got a different answer from `predict_proba` after the "
        "second "
        "training: 3 columns instead of 2 (hint: "
    )


def test_the_same_object_trained_twice_is_compared_before_it_changes():
    class Growing:
        size = 0.0

        def fit(self):
            self.size += 1
            return self

        def predict(self, X):
            return X[:, 0] + self.size

    assert run(Growing().fit).verdict is F


@pytest.mark.parametrize("make", [pd.DataFrame, lambda table: table.tolist()])
def test_any_table(make):
    def fit():
        return lambda rows: np.asarray(rows)[:, 0]

    assert run(fit, make(X)).verdict is P


# what is not fixed


def numpy_draw():
    return linear(np.random.normal(size=2))  # noqa: NPY002


def python_draw():
    return linear([random.random(), 1.0])  # noqa: S311


def both_draws():
    return linear([random.random(), np.random.random()])  # noqa: NPY002, S311


@pytest.mark.parametrize(
    ("fit", "named"),
    [
        (numpy_draw, "the random state of numpy"),
        (python_draw, "the random state of Python"),
        (both_draws, "the random state of numpy and the random state of Python"),
    ],
)
def test_a_random_state_without_a_seed_is_named(fit, named):
    result = run(fit)
    assert result.verdict is F
    assert result.reason.endswith(f"(hint: the training uses {named} without a seed)")


def test_a_seed_in_the_training_makes_it_reproducible():
    def fit():
        np.random.seed(7)  # noqa: NPY002
        random.seed(7)
        return both_draws()

    assert run(fit).verdict is P


def test_a_generator_of_its_own_is_not_blamed_on_the_shared_states():
    def fit():
        np.random.random()  # noqa: NPY002
        return linear(np.random.default_rng().normal(size=2))

    assert "the shared random states of Python and numpy are not the cause" in run(fit).reason


def test_a_random_model_counts_like_a_random_training():
    def fit():
        return lambda X: np.random.random(len(X))  # noqa: NPY002

    assert run(fit).reason.endswith("the training uses the random state of numpy without a seed)")


def test_the_state_of_the_process_is_restored(tmp_path, capsys):
    def fit():
        np.random.seed(3)  # noqa: NPY002
        random.seed(3)
        os.chdir(tmp_path)
        os.environ["A_VARIABLE_OF_A_TRAINING"] = "1"
        print("epoch 1")  # noqa: T201
        return linear([1.0, 2.0])

    folder, numpy_state = os.getcwd(), np.random.get_state(legacy=False)  # noqa: NPY002, PTH109
    state = random.getstate()
    assert run(fit).verdict is P
    assert os.getcwd() == folder  # noqa: PTH109
    assert "A_VARIABLE_OF_A_TRAINING" not in os.environ
    assert random.getstate() == state
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert np.array_equal(after["state"]["key"], numpy_state["state"]["key"])
    assert after["state"]["pos"] == numpy_state["state"]["pos"]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("variables", "note"),
    [
        ({"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "4"}, ""),
        (
            {"PYTHONHASHSEED": "random", "OMP_NUM_THREADS": "4"},
            (
                "; not fixed for another process: the hash order of strings (PYTHONHASHSEED is not "
                "set)"
            ),
        ),
        (
            {},
            (
                "; not fixed for another process: the hash order of strings (PYTHONHASHSEED is not "
                "set) and the number of threads (OMP_NUM_THREADS is not set)"
            ),
        ),
    ],
)
def test_what_another_process_may_change_is_noted(monkeypatch, variables, note):
    for name in ("PYTHONHASHSEED", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name)
        if name in variables:
            monkeypatch.setenv(name, variables[name])
    result = run(lambda: linear([1.0, 2.0]))
    assert result.verdict is P
    assert result.reason == (
        f"`predict` gave the same answers for all 6 rows after both trainings{note}"
    )


#: Trains on the order of a set of texts, and prints the weights and what the gate says.
BY_HASH_ORDER = """
import json
import numpy as np
import mlgates as mg

def fit():
    order = [int(name[1:]) for name in {f"f{i}" for i in range(20)}]
    return lambda X: X @ np.array(order, float)

result = mg.Reproducibility().run(fit=fit, X=np.eye(20))
print(json.dumps([fit()(np.eye(20)).tolist(), str(result.verdict), result.note]))
"""


def trained_by_hash_order(**variables):
    """Return the weights, the verdict and the note of a process with these variables."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONHASHSEED"}
    done = subprocess.run(
        [sys.executable, "-c", BY_HASH_ORDER],
        env=kept | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_a_training_by_hash_order_is_reproducible_where_the_note_is_empty():
    fixed = [trained_by_hash_order(PYTHONHASHSEED="1") for _ in range(2)]
    assert fixed[0] == fixed[1] == [fixed[0][0], "pass", ""]
    assert trained_by_hash_order(PYTHONHASHSEED="2")[0] != fixed[0][0]
    # without the variable two processes differ, which the note of each of them says
    free = [trained_by_hash_order() for _ in range(2)]
    assert free[0][0] != free[1][0]
    text = "not fixed for another process: the hash order of strings (PYTHONHASHSEED is not set)"
    assert [each[1:] for each in free] == [["pass", text]] * 2


def in_threads(parts, combined):
    """Return a `fit` of two threads, which end in another order in every second training."""
    trainings = []

    def fit():
        order = [0, 1] if len(trainings) % 2 else [1, 0]
        trainings.append(order)
        done, ended = list[float](), [threading.Event(), threading.Event()]

        def work(i):
            if order.index(i):
                ended[1 - i].wait()
            done.append(parts[i])
            ended[i].set()

        threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return linear([combined(done), 1.0])

    return fit


def test_a_sum_in_the_order_of_threads_is_a_difference_as_small_as_rounding():
    fit = in_threads([0.1, 0.2], lambda parts: 0.3 + parts[0] + parts[1])
    (check,) = run(fit).checks
    assert check.verdict is F
    assert 0 < check.details["relative_difference"] < 1e-12
    assert check.hint == (
        "such small differences arise when threads add numbers in another order: use one thread "
        "(OMP_NUM_THREADS=1), or allow the differences by `rtol`"
    )
    assert run(fit, rtol=1e-9).verdict is P


def test_a_training_that_keeps_what_the_last_thread_found_fails():
    (check,) = run(in_threads([1.0, 2.0], lambda parts: parts[-1])).checks
    assert (check.verdict, check.value) == (F, 6 - 1)  # the first row has a 0
    assert check.hint.endswith("training data that it changes, and threads")


# what is no training, and no answer


def broken():
    msg = "no data for 'Ann Lee'"
    raise ValueError(msg)


@pytest.mark.parametrize(
    ("fit", "message"),
    [
        (7, "`fit` must be callable without arguments, got int"),
        (
            lambda X: X,
            ("`fit` must be callable without arguments, it has parameters without a default"),
        ),
        (broken, "the first call of `fit` raised ValueError: no data for '<text>'"),
        (lambda: None, "`fit` must return a model with `predict`, or a function, got NoneType"),
        (
            lambda: Incomes,
            ("`fit` must return a model with `predict`, or a function, got the class Incomes"),
        ),
        (lambda: lambda X: [1.0], "`predict` after the first training gave 1 answer for 6 rows"),
        (
            lambda: lambda X: [float("nan"), np.inf, 1, 2, 3, 4],
            (
                "for 2 of 6 rows, `predict` after the first training gave an answer that is "
                "missing, NaN or infinite"
            ),
        ),
        (
            in_turn(linear([1.0, 2.0]), None),
            ("`fit` must return a model with `predict`, or a function, got NoneType"),
        ),
        (
            in_turn(linear([1.0, 2.0]), lambda X: broken()),
            ("`predict` after the second training raised ValueError: no data for '<text>'"),
        ),
        (
            in_turn(Scored(*range(6)), linear([1.0, 2.0])),
            ("only one of the two models that `fit` returned has `predict_proba`"),
        ),
    ],
)
def test_what_can_not_be_compared_is_an_error(fit, message):
    result = run(fit)
    assert result.verdict is E
    assert result.reason == message


def test_without_rows_nothing_is_trained():
    result = run(broken, X[:0])
    assert result.verdict is U
    assert result.reason == ("the answers were not compared; no rows to measure (limit: at most 0)")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtol": -1}, "`rtol` must be a finite number of at least 0 and at most 1, got -1"),
        ({"rtol": 2}, "`rtol` must be a finite number of at least 0 and at most 1, got 2"),
        ({"atol": -0.1}, "`atol` must be a finite number of at least 0, got -0.1"),
    ],
)
def test_invalid_options_are_refused(options, message):
    with pytest.raises(mg.OptionError) as caught:
        mg.Reproducibility(**options)
    assert str(caught.value) == f"Reproducibility: {message}"


# the laws of all gates (tests/test_every_gate.py)

EXAMPLES = (
    Example("reproducibility", mg.Reproducibility(), others={"fit": Incomes}, place="X"),
    Example(
        "reproducibility-options",
        mg.Reproducibility(rtol=1e-9, atol=1e-9, name="again", after="schema"),
        others={"fit": Incomes},
        place="X",
    ),
)
