"""Changes of the process state by a block are recorded and restored."""

import io
import os
import random
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import saboteurs as bad

import mlgates as mg
from mlgates.process_state import restored, watched


def test_a_block_without_changes_has_none_recorded():
    with watched() as watch:
        np.random.default_rng(0).normal(size=3)
    assert watch.changed == ()
    assert watch.printed == 0


def test_state_is_restored_when_the_block_raises():
    state, filters = random.getstate(), list(warnings.filters)
    streams = sys.stdout, sys.stderr

    def block():
        with watched():
            random.seed(1)
            warnings.simplefilter("ignore")
            warnings.resetwarnings()
            sys.stdout = io.StringIO()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        block()
    assert random.getstate() == state
    assert warnings.filters == filters
    assert (sys.stdout, sys.stderr) == streams


def test_random_numbers_are_advanced_and_their_state_is_restored():
    def draw(*, advance_rng):
        with watched(advance_rng=advance_rng) as watch:
            drawn = random.random(), np.random.random()  # noqa: NPY002, S311
        assert watch.changed == ("numpy random state", "random state")
        return drawn

    assert draw(advance_rng=False) == draw(advance_rng=False)
    advanced = draw(advance_rng=True)
    assert all(a != b for a, b in zip(draw(advance_rng=False), advanced, strict=True))


def test_other_threads_still_print(capsys):
    started, go = threading.Event(), threading.Event()

    def other():
        started.set()
        go.wait(30)
        sys.stdout.write("from elsewhere")

    thread = threading.Thread(target=other)
    thread.start()
    started.wait(30)
    with watched() as watch:
        sys.stdout.write("held back")
        sys.stdout.buffer.write(b"too")
        go.set()
        thread.join()
    assert capsys.readouterr().out == "from elsewhere"
    assert watch.printed == len("held back") + len("too")


def test_warnings_in_threads_neither_raise_nor_are_shown(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with watched(threads=True) as watch:
            warnings.warn("no", UserWarning, stacklevel=1)
        assert watch.changed == ()
        with pytest.raises(UserWarning):
            warnings.warn("yes", UserWarning, stacklevel=1)
    assert capfd.readouterr().err == ""


def test_filters_added_by_an_imported_module_are_allowed():
    def change(*, load):
        with watched() as watch:
            warnings.simplefilter("ignore")
            if load:
                sys.modules["a_module_of_this_test"] = sys
        sys.modules.pop("a_module_of_this_test", None)
        return watch.changed

    assert change(load=True) == ()
    assert change(load=False) == ("warnings filters",)


def test_state_is_restored_without_a_record():
    state, filters, streams = random.getstate(), list(warnings.filters), (sys.stdout, sys.stderr)

    def block():
        with restored():
            random.seed(1)
            warnings.simplefilter("ignore")
            sys.stdout = io.StringIO()
            os.environ["A_VARIABLE_OF_A_MODEL"] = "1"
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        block()
    assert random.getstate() == state
    assert warnings.filters == filters
    assert (sys.stdout, sys.stderr) == streams
    assert "A_VARIABLE_OF_A_MODEL" not in os.environ


@pytest.mark.parametrize(
    "model", [bad.Moves, bad.Exports, bad.Seeds, bad.SeedsPython, bad.Silences, bad.Ignores]
)
def test_models_called_by_performance_leave_the_process_unchanged(model):
    def state():
        random_state = np.random.get_state()[1].tolist()  # noqa: NPY002
        others = list(warnings.filters), np.geterr(), random.getstate()
        return Path.cwd(), dict(os.environ), random_state, others

    X, gate = bad.people(40), mg.Performance("mean_absolute_error", at_most=1)
    # imports that the gate needs may change the state, once
    gate.run(model=bad.Values(), X=X, y_true=np.zeros(40))
    before = state()
    assert gate.run(model=model(), X=X, y_true=np.zeros(40)).passed
    assert state() == before
