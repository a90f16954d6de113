"""Where a model runs: here, in a fresh interpreter, in a fork; and what is seen of its end."""

import os
import sys
import threading
import time

import numpy as np
import pytest
import saboteurs as bad

from mlgates.errors import EvidenceError
from mlgates.runtime.calls import Job
from mlgates.runtime.process import Stored, SubprocessHost, by_name, served

X = bad.people(6)


def job(method="predict", **options) -> Job:
    return Job(method, (X,), **options)


@pytest.fixture
def apart():
    hosts = []

    def make(source, timeout=20.0) -> SubprocessHost:
        hosts.append(SubprocessHost(source, timeout))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


def test_here_and_apart_answer_the_same():
    for method in ("predict", "predict_proba"):
        replies = in_both(bad.Honest(), job(method))
        assert [reply.kind for reply in replies] == ["answer", "answer"]
        np.testing.assert_array_equal(replies[0].answer, replies[1].answer)


def in_both(model, asked):
    with served(model, None) as here, served(model, 20.0) as there:
        return [serve(asked)[0] for serve in (here, there)]


def test_side_effects_and_exceptions_come_back_from_a_child():
    replies = in_both(bad.Moves(), job())
    assert [list(reply.changed_state) for reply in replies] == [["working directory"]] * 2
    replies = in_both(bad.Raises(), job())
    assert [reply[:4] for reply in replies] == [replies[0][:4]] * 2
    assert replies[1].explained is True


def test_a_child_that_ended_is_followed_by_another(apart):
    host = apart(bad.LeavesOnNothing())
    nothing = Job("predict", (X.iloc[:0],))
    kinds = [host.perform(asked)[0].kind for asked in (job(), nothing, job())]
    assert kinds == ["answer", "stopped", "answer"]


def test_all_that_a_child_started_is_killed_with_it(apart, tmp_path):
    class Starts:
        def predict(self, X):
            if os.fork() == 0:
                time.sleep(6)
                (tmp_path / "survived").touch()
                os._exit(0)
            time.sleep(60)

    start = time.monotonic()
    reply = apart(Starts(), timeout=1.0).perform(job())[0]
    assert reply.kind == "stopped"
    assert reply.problem.startswith("took longer than 1 s and was stopped")
    assert "define" not in reply.problem
    assert time.monotonic() - start < 30
    time.sleep(max(0.0, 7 - (time.monotonic() - start)))
    assert not (tmp_path / "survived").exists()


def test_what_is_stored_is_loaded_by_its_function(apart, tmp_path):
    path = tmp_path / "model"
    bad.write(bad.Values(), str(path))
    host = apart(Stored("saboteurs:read", str(path)))
    np.testing.assert_array_equal(host.perform(job())[0].answer, bad.Values().predict(X))


def test_what_can_not_be_loaded_is_said(apart):
    host = apart(Stored("saboteurs:read_nothing", "x"))
    with pytest.raises(EvidenceError, match="OSError: no such format"):
        host.perform(job())


def test_where_there_are_no_forks_it_is_said_what_to_do(apart, monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(EvidenceError, match="in a module that can be imported"):
        apart(lambda X: X).perform(job())


def test_without_an_interpreter_it_is_said(apart, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(EvidenceError, match="there is none to start"):
        apart(bad.Values()).perform(job())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:f", "ModuleNotFoundError"),
        ("os.path:no_such_function", "AttributeError"),
        ("os:sep", "is a str"),
    ],
)
def test_a_name_that_stands_for_nothing_is_refused(name, words):
    with pytest.raises(EvidenceError, match=words):
        by_name(name)


def test_calls_at_the_same_time_are_made_from_as_many_threads():
    seen = []
    barrier = threading.Barrier(3, timeout=30)

    def model(X):
        barrier.wait()  # which nobody passes alone
        seen.append(threading.get_ident())
        return np.zeros(len(X))

    with served(model, None) as serve:
        replies = serve(Job("predict", (X, X, X), rounds=2))
    assert [reply.kind for reply in replies] == ["answer"] * 6
    assert len(seen) == 6
    assert threading.get_ident() not in seen
