import threading

import pytest

from mlgates.data import threads as module
from mlgates.data.threads import each, threads_for


@pytest.mark.parametrize(
    ("rows", "n_jobs", "threads"),
    [(10, None, 1), (99_999, None, 1), (100_000, None, 3), (None, None, 3), (10, 2, 2), (10, 0, 1)],
)
def test_large_tables_and_those_of_unknown_size_get_threads(rows, n_jobs, threads, monkeypatch):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 3)
    assert threads_for(rows, n_jobs) == threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_answers_come_in_the_order_of_the_items(threads):
    assert each(lambda x: 2 * x, range(20), threads) == list(range(0, 40, 2))
    assert each(abs, [], threads) == []


def test_threads_work_side_by_side():
    both = threading.Barrier(2, timeout=10)
    assert sorted(each(lambda _: both.wait(), range(2), 2)) == [0, 1]


def test_what_is_raised_is_raised():
    for threads in (1, 2):
        with pytest.raises(ZeroDivisionError):
            each(lambda x: 1 // x, [1, 0], threads)
