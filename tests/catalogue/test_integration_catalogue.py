"""Models that break a contract, each with its right verdict: FAIL, ERROR or PASS."""

import decimal
import itertools
import locale
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import saboteurs as bad

import mlgates as mg

SLOW = pytest.mark.slow
PASS, FAIL, ERROR = mg.Verdict.PASS, mg.Verdict.FAIL, mg.Verdict.ERROR
INCONCLUSIVE = mg.Verdict.INCONCLUSIVE
#: rows for models in a child process, which then does not import pandas
ARRAY = np.arange(24.0).reshape(12, 2) / 10


def judge(model, X=None, **options) -> mg.GateResult:
    return mg.Integration(**options).run(model=model, X=bad.people() if X is None else X)


def verdicts(result: mg.GateResult) -> dict[tuple[str, str], mg.Verdict]:
    return {(check.subject, check.metric): check.verdict for check in result.checks}


def reason(result: mg.GateResult, subject: str, metric: str) -> str:
    checks = {(check.subject, check.metric): check for check in result.checks}
    return checks[subject, metric].reason


# all checks but those of the answers themselves are disabled
LEAN = {
    "deterministic": False,
    "row_independent": False,
    "pure": False,
    "thread_safe": False,
    "empty": "untried",
    "missing": "untried",
    "unseen": "untried",
    "column_order": "untried",
}
HONEST = [
    ("output", "predict"),
    ("output", "predict_proba"),
    ("finite", "predict"),
    ("finite", "predict_proba"),
    ("output", "labels"),
    ("probabilities", "range"),
    ("probabilities", "sum"),
    ("deterministic", "repeat"),
    ("row_independent", "single_rows"),
    ("row_independent", "order"),
    ("one_row", "output"),
    ("empty", "behaviour"),
    ("missing", "behaviour"),
    ("unseen", "behaviour"),
    ("column_order", "behaviour"),
    ("thread_safe", "concurrent_calls"),
    ("deterministic", "afterwards"),
    ("pure", "memory"),
    ("pure", "inputs"),
    ("pure", "global_state"),
]


def test_an_honest_model_passes_every_property():
    result = judge(bad.Honest(), bad.people(40))
    assert list(verdicts(result)) == HONEST
    assert result.passed, result.reason
    assert result.checks[0].n == 40


@pytest.mark.parametrize("model", [bad.Values, bad.Fills, bad.ByName])
def test_honest_models_of_other_kinds_pass(model):
    result = judge(model())
    assert result.passed, result.reason


@pytest.mark.parametrize("threshold", [0.05, 0.4, 0.95])
def test_own_threshold_is_not_taken_for_another_order_of_columns(threshold):
    class Tuned(bad.Honest):
        def predict(self, X):
            return np.where(self.score(X) > threshold, "yes", "no")

    result = judge(Tuned())
    assert result.passed, result.reason


@pytest.mark.parametrize("order", [[0, 2, 1], [1, 2, 0]])
def test_columns_of_several_classes_in_another_order_fail(order):
    class Three:
        classes_ = np.array(["a", "b", "c"])
        order = (0, 1, 2)

        def chances(self, X):
            age = X["age"].to_numpy(dtype=float)
            sizes = np.column_stack([np.exp(-(((age - at) / 20) ** 2)) for at in (20, 50, 80)])
            return sizes / sizes.sum(axis=1, keepdims=True)

        def predict_proba(self, X):
            return self.chances(X)[:, list(self.order)]

        def predict(self, X):
            return self.classes_[np.argmax(self.chances(X), axis=1)]

    X = bad.people(30)
    assert judge(Three(), X, **LEAN).passed
    model = Three()
    model.order = order
    result = judge(model, X, **LEAN)
    assert verdicts(result)["output", "predict_proba"] is FAIL
    wrong = sum(i != j for i, j in enumerate(order))
    assert f"{wrong} of 3 classes" in reason(result, "output", "predict_proba")


@pytest.mark.parametrize("columns", [[0, 1], [1, 0]])
@pytest.mark.parametrize("timeout", [None, 60])
def test_probabilities_in_a_table_are_read_by_name(columns, timeout):
    model = bad.Tabular()
    model.columns = columns
    result = judge(model, **LEAN, timeout=timeout)
    assert result.passed, result.reason


# model, the check that reports it, its verdict, words of its reason
ANSWERS = [
    (bad.Raises, "output", "predict", ERROR, "raised RuntimeError: no answer for '<text>'"),
    (bad.TooShort, "output", "predict", ERROR, "gave 11 answers for 12 rows"),
    (bad.Nothing, "output", "predict", ERROR, "gave None"),
    (bad.Frame, "output", "predict", ERROR, "gave an array of shape (12, 2)"),
    (bad.Generator, "output", "predict", ERROR, "gave a generator"),
    (bad.TwoColumns, "output", "predict", ERROR, "gave an array of shape (12, 2)"),
    (bad.Asynchronous, "output", "predict", ERROR, "gave a coroutine"),
    (bad.Scalar, "output", "predict", ERROR, "gave a single value; expected one answer per row"),
    (bad.Objects, "output", "predict", ERROR, "neither numbers nor labels"),
    (bad.EatsMemory, "output", "predict", ERROR, "MemoryError"),
    (bad.TooDeep, "output", "predict", ERROR, "RecursionError"),
    (bad.Exits, "output", "predict", ERROR, "raised SystemExit with code 3"),
    (bad.ThreeColumns, "output", "predict_proba", ERROR, "3 columns for 2 classes"),
    (bad.OtherColumns, "output", "predict_proba", FAIL, "in another order than `classes_`"),
    (bad.SomeNone, "finite", "predict", ERROR, "1 of 12 rows (row 0)"),
    (bad.SomeNaN, "finite", "predict", ERROR, "missing, NaN or infinite"),
    (bad.SomeInfinite, "finite", "predict", ERROR, "missing, NaN or infinite"),
    (bad.OtherLabels, "output", "labels", FAIL, "a label that is not in `classes_`"),
    (bad.BeyondOne, "probabilities", "range", FAIL, "have a probability outside 0 to 1"),
    (bad.OtherSum, "probabilities", "sum", FAIL, "12 of 12 rows"),
    (bad.Noisy, "deterministic", "repeat", FAIL, "12 of 12 rows"),
    (bad.NoisyByAll, "deterministic", "repeat", FAIL, "got a different answer the second time"),
    (bad.NoisyByPython, "deterministic", "repeat", FAIL, "got a different answer the second time"),
    (bad.Learns, "deterministic", "afterwards", FAIL, "after the other tests of this gate"),
    (bad.ByBatch, "row_independent", "single_rows", FAIL, "a different answer alone"),
    (bad.ByPlace, "row_independent", "order", FAIL, "in another order"),
    (bad.ByFirst, "row_independent", "single_rows", FAIL, "a different answer alone"),
    (bad.ByFirst, "row_independent", "order", FAIL, "in another order"),
    (bad.Stops, "empty", "behaviour", FAIL, "the model raised an exception (StopIteration)"),
    (bad.UnsafeAtTimes, "thread_safe", "concurrent_calls", FAIL, "at the same time"),
    (bad.Unsafe, "thread_safe", "concurrent_calls", FAIL, "4 threads called at the same time"),
    (bad.OneForNone, "empty", "behaviour", ERROR, "gave 1 answer for 0 rows"),
    (
        *(bad.Mute, "empty", "behaviour", FAIL),
        'MemoryError, RecursionError or SystemExit; `empty="untried"` skips this test',
    ),
    (bad.NotAlone, "one_row", "output", ERROR, "give more rows"),
    (bad.DropsMissing, "missing", "behaviour", ERROR, "gave 0 answers for 1 row"),
    (
        *(bad.PassesMissing, "missing", "behaviour", ERROR),
        '2 more such cases); `missing="untried"` skips this test',
    ),
    (bad.NaNOfUnseen, "unseen", "behaviour", ERROR, "given an unseen category"),
    (bad.ByPosition, "column_order", "behaviour", FAIL, "a different answer and no exception"),
    (bad.KeepsInputs, "pure", "memory", FAIL, "10 more calls of `predict` each left more than"),
    (bad.Overwrites, "pure", "inputs", FAIL, "the model changed the cells of its input"),
    (bad.AddsColumn, "pure", "inputs", FAIL, "the model changed the columns of its input"),
    (bad.DropsIndex, "pure", "inputs", FAIL, "the model changed the index of its input"),
    (bad.Renames, "pure", "inputs", FAIL, "the model changed the columns of its input"),
    (bad.Casts, "pure", "inputs", FAIL, "the model changed the types of its input"),
    (bad.Seeds, "pure", "global_state", FAIL, "numpy random state"),
    (bad.SeedsPython, "pure", "global_state", FAIL, "random state"),
    (bad.Moves, "pure", "global_state", FAIL, "working directory"),
    (bad.Exports, "pure", "global_state", FAIL, "environment"),
    (bad.Translates, "pure", "global_state", FAIL, "locale"),
    (bad.Ignores, "pure", "global_state", FAIL, "numpy error state"),
    (bad.Silences, "pure", "global_state", FAIL, "warnings filters"),
    (bad.Rounds, "pure", "global_state", FAIL, "decimal context"),
    (bad.Paths, "pure", "global_state", FAIL, "module search path"),
    (bad.Redirects, "pure", "global_state", FAIL, "standard streams"),
    (bad.Recurses, "pure", "global_state", FAIL, "recursion limit"),
]


def state() -> list[object]:
    """Return the state of the process that other code depends on."""
    decimals = decimal.getcontext()
    return [
        np.geterr(),
        np.random.get_state()[1].tolist(),  # noqa: NPY002
        random.getstate(),
        dict(os.environ),
        Path.cwd(),
        locale.setlocale(locale.LC_ALL),
        list(warnings.filters),
        (decimals.prec, decimals.rounding),
        list(sys.path),
        sys.getrecursionlimit(),
        (sys.stdout, sys.stderr),
    ]


@pytest.mark.parametrize(
    ("model", "subject", "metric", "verdict", "words"),
    ANSWERS,
    ids=[f"{case[0].__name__}-{case[2]}" for case in ANSWERS],
)
def test_saboteur_gets_its_verdict_and_its_changes_are_restored(
    model, subject, metric, verdict, words
):
    X = bad.people()
    before = state()
    # calls from threads and repeated calls take the most time and add nothing to the other cases
    options = {name: subject == name for name in ("thread_safe", "pure")}
    result = judge(model(), X, **options)
    assert state() == before
    pd.testing.assert_frame_equal(X, bad.people())
    assert verdicts(result)[subject, metric] is verdict
    assert words in reason(result, subject, metric)
    assert result.verdict in (FAIL, ERROR)
    assert "Ann Lee" not in str(result)


def test_a_cache_is_no_leak_and_a_single_growth_is_inconclusive():
    options = LEAN | {"pure": True}
    assert judge(bad.Caches(), **options).passed
    wide = pd.DataFrame(np.ones((40, 100)), columns=[f"x{i}" for i in range(100)])
    each = judge(lambda X: sum(X[c].fillna(0).rename("x") for c in X).to_numpy(), wide, **options)
    assert verdicts(each)["pure", "memory"] is PASS
    result = judge(bad.KeepsNow(), **options)
    assert verdicts(result)["pure", "memory"] is result.verdict is INCONCLUSIVE
    assert "memory in use grew in some of the calls only" in reason(result, "pure", "memory")
    in_child = judge(bad.KeepsInputs(), ARRAY, timeout="30s", **options)
    assert verdicts(in_child)["pure", "memory"] is FAIL


PURE = [case for case in ANSWERS if case[1] == "pure"]


@pytest.mark.parametrize("model", [case[0] for case in PURE], ids=lambda model: model.__name__)
def test_changes_are_restored_with_pure_false_too(model):
    before = state()
    X = bad.people()
    result = judge(model(), X, **LEAN)
    assert result.passed, result.reason
    assert state() == before
    pd.testing.assert_frame_equal(X, bad.people())


@pytest.mark.parametrize("option", ["deterministic", "row_independent", "thread_safe"])
def test_a_disabled_property_is_not_tested(option):
    result = judge(bad.Honest(), **{option: False})
    assert option not in {check.subject for check in result.checks}
    assert result.passed


def test_global_random_numbers_fail_though_their_state_is_restored():
    result = judge(bad.NoisyByAll(), pure=False)
    assert verdicts(result)["deterministic", "repeat"] is FAIL


def test_a_changed_object_in_a_cell_is_reported():
    X = pd.DataFrame({"age": [1.0, 2.0, 3.0], "tags": [["a"], ["b"], []]})
    result = judge(bad.IntoCells(), X, missing="untried")
    assert verdicts(result)["pure", "inputs"] is FAIL
    assert X["tags"].tolist() == [["a"], ["b"], []]


def test_printed_text_is_suppressed_and_counted(capfd):
    result = judge(bad.Prints())
    assert result.passed
    assert "which are not shown" in reason(result, "pure", "global_state")
    assert capfd.readouterr() == ("", "")


def script(code: str) -> str:
    """Return what a script without `if __name__ == "__main__":` prints, on both streams."""
    head = "import sys; sys.path[:0] = " + repr([str(Path(bad.__file__).parent)])
    run = subprocess.run(
        [sys.executable, "-"], input=f"{head}\n{code}", capture_output=True, text=True, check=True
    )
    return run.stdout + run.stderr


def test_warnings_are_suppressed():
    printed = script(
        "import numpy as np, saboteurs as bad, mlgates as mg\n"
        "gate = mg.Integration(missing='untried')\n"
        "print(gate.run(model=bad.Warns(), X=np.ones((30, 2))).passed)"
    )
    assert printed == "True\n"


UNGUARDED = """
import os
import numpy as np

import mlgates as mg
import saboteurs as bad

print("once")

class Mine(bad.Values):
    def predict(self, X):
        if len(X) == 0:
            os._exit(6)
        return super().predict(X)

options = dict.fromkeys(["deterministic", "row_independent", "pure", "thread_safe"], False)
options["missing"] = "untried"
round_trip = ("saboteurs:write", "saboteurs:read")
gates = [
    mg.Integration(timeout="60s", **options),
    mg.Integration(timeout="60s", round_trip=round_trip, **options),
]
for gate, model in zip(gates, (bad.Values(), Mine())):
    for check in gate.run(model=model, X=np.ones((30, 2))).checks:
        if not check:
            print(check.subject, check.reason)
"""
ENDED = (
    "empty while `predict` was given a table without rows, the model's process ended with "
    "exit code 6"
)


def test_a_script_without_a_main_guard_is_not_run_again(tmp_path):
    path = tmp_path / "release.py"
    path.write_text(UNGUARDED)
    search = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, check=True, env=search
    )
    lines = run.stdout.splitlines()
    assert lines[:2] == ["once", ENDED]
    assert lines[2].startswith("round_trip ")  # no such model in a new process
    assert len(lines) == 3
    assert run.stderr == ""


@pytest.mark.slow
def test_code_that_is_in_no_file_is_not_run_again():
    assert script(UNGUARDED).splitlines()[:2] == ["once", ENDED]


def test_without_an_answer_the_other_checks_are_inconclusive():
    result = judge(bad.Raises())
    assert list(verdicts(result)) == HONEST
    assert verdicts(result)["deterministic", "repeat"] is INCONCLUSIVE
    text = reason(result, "deterministic", "repeat")
    assert text == (
        "the test `repeat` of the property `deterministic` has no result; `predict` gave no "
        "answer to compare with"
    )


# In a process of its own


ENDS = [
    pytest.param(bad.Hangs, "took longer than 3 s and was stopped", marks=SLOW),
    pytest.param(bad.HangsInC, "took longer than 3 s and was stopped", id="HangsInC"),
    pytest.param(bad.Leaves, "exit code 5", marks=SLOW),
    pytest.param(bad.Crashes, "signal 11 (SIGSEGV)", id="Crashes"),
    pytest.param(bad.Exits, "raised SystemExit with code 3", marks=SLOW),
]


@pytest.mark.parametrize(("model", "words"), ENDS)
def test_a_crash_or_a_hang_is_an_error_and_the_suite_continues(model, words):
    timeout = "3s" if issubclass(model, bad.Hangs | bad.HangsInC) else "60s"
    gates = [mg.Integration(timeout=timeout, **LEAN), mg.Completeness()]
    report = mg.GateSuite(gates).run(model=model(), X=ARRAY, data=bad.people())
    assert verdicts(report["integration"])["output", "predict"] is ERROR
    assert words in reason(report["integration"], "output", "predict")
    assert report["completeness"].passed


def test_a_crash_on_no_rows_affects_no_other_check():
    result = judge(bad.LeavesOnNothing(), ARRAY, timeout="60s", missing="untried")
    held_back = {key for key, verdict in verdicts(result).items() if verdict is not PASS}
    assert held_back == {("empty", "behaviour")}
    assert reason(result, "empty", "behaviour") == (
        "while `predict` was given a table without rows, the model's process ended with exit code 5"
    )


@pytest.mark.slow
def test_a_hang_on_one_row_affects_only_checks_on_one_row():
    options = LEAN | {"row_independent": True, "deterministic": True}
    result = judge(bad.HangsAlone(), ARRAY, timeout="3s", **options)
    wrong = {key for key, verdict in verdicts(result).items() if verdict is not PASS}
    assert wrong == {("row_independent", "single_rows"), ("one_row", "output")}


@pytest.mark.parametrize(
    "model",
    [bad.Overwrites, *(pytest.param(model, marks=SLOW) for model in (bad.Honest, bad.Unsafe))],
)
def test_verdicts_in_a_child_process_are_the_same(model):
    here, in_child = (verdicts(judge(model(), ARRAY, timeout=t)) for t in (None, "60s"))
    assert here == in_child


def test_a_model_that_can_not_be_pickled_runs_in_a_fork():
    class Local(bad.Values):
        def predict(self, X):
            if len(X) == 0:
                os._exit(4)
            return super().predict(X)

    result = judge(Local(), ARRAY, timeout="60s")
    assert verdicts(result)["empty", "behaviour"] is ERROR
    assert "exit code 4" in reason(result, "empty", "behaviour")
    assert verdicts(result)["deterministic", "repeat"] is PASS


def test_no_process_is_left_behind():
    children = set(living_children())
    for model in (bad.StartsThreads(), bad.Hangs()):
        judge(model, ARRAY, timeout="3s", **LEAN)
    assert set(living_children()) <= children


def living_children() -> list[str]:
    path = Path(f"/proc/self/task/{os.getpid()}/children")  # of Linux
    return path.read_text().split() if path.exists() else []


# Kept and fetched


ROUND_TRIPS = [
    ("write", "read", PASS, "the model loaded in a new process gave the same answers"),
    ("write", "read_another", FAIL, "a different answer from the model loaded in a new process"),
    (
        *("write", "read_nothing", ERROR),
        "a new process can't load the model: OSError: no such format",
    ),
    pytest.param("write", "read_text", ERROR, "raised TypeError", marks=SLOW),
    pytest.param("write", "read_and_leave", ERROR, "exit code 9", marks=SLOW),
    pytest.param("write", "read_what_is_not_there", ERROR, "can't be imported", marks=SLOW),
    ("write_nothing", "read", ERROR, "wrote nothing"),
    ("write_what_is_not_there", "read", ERROR, "can't be imported"),
]


@pytest.mark.parametrize(("save", "load", "verdict", "words"), ROUND_TRIPS)
def test_round_trip(save, load, verdict, words):
    names = (f"saboteurs:{save}", f"saboteurs:{load}")
    result = judge(bad.Values(), ARRAY, round_trip=names, **LEAN)
    assert verdicts(result)["round_trip", "predictions"] is verdict
    assert words in reason(result, "round_trip", "predictions")
    assert result.verdict is verdict


def test_a_model_whose_class_is_in_the_script_gets_advice(monkeypatch):
    class Local(bad.Values):
        pass

    Local.__module__, Local.__qualname__ = "__main__", "Local"
    monkeypatch.setattr(sys.modules["__main__"], "Local", Local, raising=False)
    result = judge(Local(), ARRAY, round_trip=("joblib:dump", "joblib:load"), **LEAN)
    text = reason(result, "round_trip", "predictions")
    assert text.startswith("a new process can't load the model: AttributeError: ")
    assert text.endswith(
        "; define the class of the model (or, if the model is a function, the function) in a "
        "module that can be imported"
    )


# Golden rows


def golden(expected, X=None, model=None, **options) -> mg.GateResult:
    X = bad.people(6) if X is None else X
    return mg.Integration(**LEAN, **options).run(
        model=model or bad.Honest(), X=bad.people(), golden_X=X, golden_pred=expected
    )


def known(n: int = 6) -> np.ndarray:
    return bad.Honest().predict(bad.people(n))


def test_golden_rows():
    values, rows = bad.Values().predict(bad.people(6)), bad.people(6)
    cases = [
        (golden(known()), PASS, "all 6 golden rows"),
        (golden(list(known())), PASS, "all 6 golden rows"),
        (golden(bad.Honest().predict_proba(rows)), PASS, "all 6 golden rows"),
        (golden(values * (1 + 1e-9), model=bad.Values()), PASS, "all 6 golden rows"),
        (golden(values * (1 + 1e-3), model=bad.Values()), FAIL, "6 of 6 rows"),
        (golden(values * (1 + 1e-3), model=bad.Values(), rtol=0.01), PASS, "all 6 golden rows"),
        (golden(np.where(np.arange(6) == 4, "else", known())), FAIL, "1 of 6 rows (row 4)"),
        (golden(known(5)), ERROR, "has 5 answers for 6 rows of `golden_X`"),
        (golden(values), ERROR, "gave texts where `golden_pred` has numbers"),
        (golden([*known(5), None]), ERROR, "has an answer that is missing"),
        (golden(pd.Series(known(), index=rows.index[::-1])), ERROR, "same index"),
        (golden(pd.Series(known(), index=rows.index)), PASS, "all 6 golden rows"),
        (golden([], X=rows[:0]), INCONCLUSIVE, "has no result; `golden_X` has no rows"),
    ]
    for result, verdict, words in cases:
        assert verdicts(result)["golden", "predictions"] is verdict, reason(
            result, "golden", "predictions"
        )
        assert words in reason(result, "golden", "predictions")


def test_golden_rows_replace_x():
    result = mg.Integration().run(model=bad.Honest(), golden_X=bad.people(6), golden_pred=known())
    assert result.passed
    assert result.checks[0].n == 6


# Applications


def serve(application, golden_X=None, golden_pred=None, **options) -> mg.GateResult:
    requests = bad.requests() if golden_X is None else golden_X
    if golden_pred is None:
        golden_pred = [bad.application(dict(request)) for request in bad.requests()]
    return mg.Integration(**options).run(
        application=application, golden_X=requests, golden_pred=golden_pred
    )


def test_an_honest_application_passes():
    for options in ({}, {"timeout": "60s"}):
        result = serve(bad.application, **options)
        assert result.passed, result.reason
        assert list(verdicts(result)) == [
            ("output", "responses"),
            ("finite", "responses"),
            ("golden", "responses"),
            ("deterministic", "repeat"),
            ("thread_safe", "concurrent_calls"),
            ("pure", "inputs"),
            ("pure", "global_state"),
        ]


def test_numbers_of_responses_are_equal_within_rounding():
    known = [bad.application(dict(request)) for request in bad.requests()]
    known[0]["score"] = 0.0

    def application(request):
        answer = bad.application(dict(request))
        return {**answer, "score": 1e-18} if request == bad.requests()[0] else answer

    assert verdicts(serve(application, golden_pred=known))["golden", "responses"] is PASS


def test_requests_can_be_rows_of_a_table():
    rows = pd.DataFrame(bad.requests())
    assert serve(bad.application, rows).passed


TURNS = itertools.count()


class Applications:
    """Applications that break a contract; `answer` is the response of an honest one."""

    @staticmethod
    def other_number(answer, request):
        return {**answer, "score": answer["score"] + 1e-3}

    @staticmethod
    def no_bool(answer, request):
        return {**answer, "tags": [True, None]}

    @staticmethod
    def unsafe_at_times(answer, request):
        return {**answer, "version": "2"} if bad.in_thread() and next(TURNS) == 40 else answer

    @staticmethod
    def other_text(answer, request):
        return {**answer, "version": "2"}

    @staticmethod
    def other_shape(answer, request):
        return {**answer, "tags": [1]}

    @staticmethod
    def raises(answer, request):
        raise RuntimeError("no")

    @staticmethod
    def thing(answer, request):
        return object()

    @staticmethod
    def not_finite(answer, request):
        return {**answer, "score": float("nan")}

    @staticmethod
    def random_number(answer, request):
        return {**answer, "score": random.random()}  # noqa: S311

    @staticmethod
    def overwrites(answer, request):
        request["age"] = 0
        return answer

    @staticmethod
    def exits(answer, request):
        sys.exit(1)


SERVED = [
    (Applications.other_number, "golden", "responses", FAIL, "8 of 8 requests"),
    (Applications.no_bool, "golden", "responses", FAIL, "8 of 8 requests"),
    (
        Applications.unsafe_at_times,
        "thread_safe",
        "concurrent_calls",
        FAIL,
        "when 4 threads called at the same time",
    ),
    (Applications.other_text, "golden", "responses", FAIL, "8 of 8 requests"),
    (Applications.other_shape, "golden", "responses", FAIL, "8 of 8 requests"),
    (
        Applications.raises,
        "output",
        "responses",
        ERROR,
        "given request 0, the application raised RuntimeError: no",
    ),
    (Applications.thing, "output", "responses", ERROR, "gave a value of type object"),
    (Applications.not_finite, "finite", "responses", ERROR, "NaN or infinite"),
    (
        Applications.random_number,
        "deterministic",
        "repeat",
        FAIL,
        "a different response the second time",
    ),
    (Applications.overwrites, "pure", "inputs", FAIL, "the application changed its input"),
    (Applications.exits, "output", "responses", ERROR, "raised SystemExit with code 1"),
]


@pytest.mark.parametrize(
    ("sabotage", "subject", "metric", "verdict", "words"),
    SERVED,
    ids=[case[0].__name__ for case in SERVED],
)
def test_application_gets_its_verdict(sabotage, subject, metric, verdict, words):
    result = serve(lambda request: sabotage(bad.application(dict(request)), request))
    assert verdicts(result)[subject, metric] is verdict
    assert words in reason(result, subject, metric)
    assert not result


def test_a_difference_is_shown_with_its_tolerance():
    def rounded(X):
        return (X.sum(axis=1) * (1 + 4e-6 * (len(X) > 1))).astype(np.float32)

    result = judge(rounded, ARRAY, **LEAN | {"row_independent": True})
    text = reason(result, "row_independent", "single_rows")
    assert text.startswith(
        "9 of 12 rows (first at rows 3, 4, 5) got a different answer alone than in a batch"
    )
    assert "; the largest difference is 1.8" in text
    assert text.endswith("(relative 4.1e-06, `rtol` is 1e-06)")
    assert judge(rounded, ARRAY, **LEAN | {"row_independent": True}, rtol=1e-5).passed


def test_an_error_among_responses_is_not_another_response():
    turns = itertools.count()

    def unavailable(request):
        if next(turns) > 10:
            raise TimeoutError("503 Service Unavailable")
        return bad.application(dict(request))

    def status(request):
        return {**bad.application(dict(request)), "status": 200 if next(turns) % 12 else 503}

    known = [{**bad.application(dict(r)), "status": 200} for r in bad.requests()]
    result = serve(unavailable)
    text = reason(result, "deterministic", "repeat")
    assert text == (
        "5 of 8 requests (first at requests 3, 4, 5) got no response or a different one the second "
        "time; 5 calls got no response, the first raised TimeoutError: 503 Service Unavailable"
    )
    turns = itertools.count(1)
    text = reason(serve(status, golden_pred=known), "deterministic", "repeat")
    assert text.endswith(
        "the second time; the first difference is in `status`: expected 200, got 503"
    )


def test_requests_without_a_response_each_are_an_error():
    result = serve(bad.application, golden_pred=[1, 2])
    assert "has 8 requests, but `golden_pred` has 2 responses" in result.checks[0].reason
    assert result.verdict is ERROR


def test_model_and_application_have_groups_of_checks():
    result = mg.Integration().run(
        model=bad.Honest(),
        X=bad.people(),
        application=bad.application,
        golden_X=bad.requests(),
        golden_pred=[bad.application(dict(request)) for request in bad.requests()],
    )
    assert result.passed
    assert {check.group for check in result.checks} == {None, "application"}


# What was given


@pytest.mark.parametrize(
    ("evidence", "words"),
    [
        ({}, "the gate needs `model` and `X`, or `application`, `golden_X` and `golden_pred`"),
        ({"model": bad.Honest()}, "the gate needs `X`, which was not given"),
        ({"X": bad.people()}, "needs `model` and `X`"),
        ({"application": bad.application}, "`application` needs `golden_X`"),
        ({"application": 7, "golden_X": [1], "golden_pred": [1]}, "must be callable, got int"),
        ({"model": 7, "X": bad.people()}, "must have `predict` or be callable, got int"),
        ({"model": bad.Honest(), "X": "people.csv"}, "there is no file 'people.csv'"),
        (
            {"model": bad.Honest(), "X": {"a": [1], "b": [1, 2]}},
            "differ in length: 'a' has 1, 'b' has 2",
        ),
        (
            {"model": bad.Honest(), "X": pd.DataFrame([[1, 2]], columns=["a", "a"])},
            "the rows for the model have two columns named 'a'",
        ),
        (
            {"model": bad.Honest(), "X": bad.people(), "golden_X": bad.people()},
            "`golden_X` and `golden_pred` must be given together",
        ),
    ],
)
def test_missing_or_wrong_evidence_is_an_error(evidence, words):
    result = mg.Integration().run(**evidence)
    assert result.verdict is ERROR
    assert words in result.reason


def test_no_rows_are_inconclusive():
    result = judge(bad.Honest(), bad.people(0))
    assert result.verdict is INCONCLUSIVE
    assert set(verdicts(result).values()) <= {INCONCLUSIVE, PASS}
    assert verdicts(result)["output", "predict"] is INCONCLUSIVE


def test_order_is_inconclusive_for_one_row():
    result = judge(bad.Honest(), bad.people(1))
    assert verdicts(result)["row_independent", "order"] is INCONCLUSIVE
    assert verdicts(result)["output", "predict"] is PASS


@pytest.mark.parametrize("model", [bad.Overwrites, bad.Seeds, bad.Moves, bad.Exits, bad.Raises])
def test_other_gates_are_not_affected_by_the_saboteur(model):
    X = bad.people()
    others = [mg.Completeness(), mg.Schema({"age": "int", "income": "float", "country": "string"})]
    alone = mg.GateSuite(others).run(data=X)
    beside = mg.GateSuite([mg.Integration(), *others]).run(data=X, X=X, model=model())
    for result in alone.results:
        assert beside[result.name] == result
    assert not beside["integration"]
