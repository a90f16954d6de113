"""Models in this process, in a new interpreter and in a fork, and how their process ends."""

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

X = np.arange(12.0).reshape(6, 2) / 10


def job(method="predict", **options) -> Job:
    return Job(method, (X,), **options)


@pytest.fixture
def in_child():
    hosts = []

    def make(source, timeout=60.0) -> SubprocessHost:
        hosts.append(SubprocessHost(source, timeout))
        return hosts[-1]

    yield make
    for host in hosts:
        host.close()


def test_answers_of_a_child_are_the_same():
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


def test_a_child_that_ended_is_followed_by_another(in_child):
    host = in_child(bad.LeavesOnNothing())
    nothing = Job("predict", (X[:0],))
    kinds = [host.perform(asked)[0].kind for asked in (job(), nothing, job())]
    assert kinds == ["answer", "stopped", "answer"]


def test_processes_started_by_a_child_are_killed_with_it(in_child):
    reader, writer = os.pipe()  # it ends when no process has the writer any more

    class Starts:
        def predict(self, X):
            if os.fork() == 0:
                os.write(writer, b"started")
            time.sleep(600)

    reply = in_child(Starts(), timeout=3.0).perform(job())[0]
    os.close(writer)
    assert reply.kind == "stopped"
    assert reply.problem.startswith("took longer than 3 s and was stopped")
    assert "define" not in reply.problem
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"started"


def test_a_stored_model_is_loaded_by_its_function(in_child, tmp_path):
    path = tmp_path / "model"
    bad.write(bad.Values(), str(path))
    host = in_child(Stored("saboteurs:read", str(path)))
    np.testing.assert_array_equal(host.perform(job())[0].answer, bad.Values().predict(X))


def test_a_model_that_can_not_be_loaded_is_an_error(in_child):
    host = in_child(Stored("saboteurs:read_nothing", "x"))
    with pytest.raises(EvidenceError, match="OSError: no such format"):
        host.perform(job())


def test_without_forks_the_error_gives_advice(in_child, monkeypatch):
    monkeypatch.delattr(os, "fork")
    with pytest.raises(EvidenceError, match="in a module that can be imported"):
        in_child(lambda X: X).perform(job())


def test_without_an_interpreter_it_is_an_error(in_child, monkeypatch):
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(EvidenceError, match=r"`sys\.executable` is empty"):
        in_child(bad.Values()).perform(job())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:f", "ModuleNotFoundError"),
        ("os.path:no_such_function", "AttributeError"),
        ("os:sep", "is a str"),
    ],
)
def test_a_name_that_can_not_be_imported_is_refused(name, words):
    with pytest.raises(EvidenceError, match=words):
        by_name(name)


def test_concurrent_calls_are_made_from_threads():
    seen = []
    barrier = threading.Barrier(3, timeout=30)

    def model(X):
        barrier.wait()  # passed by three threads together
        seen.append(threading.get_ident())
        return np.zeros(len(X))

    with served(model, None) as serve:
        replies = serve(Job("predict", (X, X, X), rounds=2))
    assert [reply.kind for reply in replies] == ["answer"] * 6
    assert len(seen) == 6
    assert threading.get_ident() not in seen
