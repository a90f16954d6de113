"""Changes of the process state by a block are recorded and restored."""

import io
import random
import sys
import threading
import warnings

import numpy as np
import pytest

from mlgates.runtime.state import watched


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
