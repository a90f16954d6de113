import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from mlgates.profile import scan as module
from mlgates.profile.scan import each, threads_for
from mlgates.tables.source import as_source


@pytest.mark.parametrize(
    ("n_jobs", "is_large", "threads"),
    [(None, False, 1), (None, True, 3), (2, False, 2), (2, True, 2), (0, True, 1)],
)
def test_default_number_of_threads(n_jobs, is_large, threads, monkeypatch):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 3)
    assert threads_for(n_jobs, is_large=is_large) == threads


@pytest.mark.parametrize(("rows", "threads"), [(9, 1), (10, 3), (None, 3)])
def test_tables_that_are_large_or_of_unknown_size_get_threads(rows, threads, monkeypatch):
    monkeypatch.setattr(module.os, "cpu_count", lambda: 3)
    monkeypatch.setattr(module, "MANY_ROWS", 10)
    made = []
    monkeypatch.setattr(
        module, "ThreadPoolExecutor", lambda n: made.append(n) or ThreadPoolExecutor(n)
    )
    source = as_source({"x": range(rows or 5), "y": range(rows or 5)})
    source = replace(source, rows=rows)
    assert module.Profile.of(source).rows == (rows or 5)
    assert made == [threads] * (threads > 1)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_results_are_in_the_order_of_items(threads):
    assert each(lambda x: 2 * x, range(20), threads) == list(range(0, 40, 2))
    assert each(abs, [], threads) == []


def test_threads_run_concurrently():
    both = threading.Barrier(2, timeout=60)
    assert sorted(each(lambda _: both.wait(), range(2), 2)) == [0, 1]


def test_exceptions_are_raised():
    for threads in (1, 2):
        with pytest.raises(ZeroDivisionError):
            each(lambda x: 1 // x, [1, 0], threads)
