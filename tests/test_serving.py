"""The middleware of `examples/serving.py`, without a server: what it counts, and that it merges."""

import asyncio
import runpy
from collections import Counter
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import mlgates as mg


@pytest.fixture(scope="module")
def example():
    return runpy.run_path(str(Path(__file__).parents[1] / "examples" / "serving.py"))


VALUES = np.random.default_rng(0).random(4_000).round(3)
REFERENCE = mg.Baseline.from_data({"prediction": VALUES, "seconds": np.full(4_000, 0.25)})


@pytest.fixture
def plan(example):
    return example["ANSWERS"].plan(data=example["COLUMNS"], reference=REFERENCE)


@pytest.fixture
def window(example, plan):
    return example["Window"](plan)


class Stops(BaseException):
    """What a server raises to cancel a request."""


def application(*, version="v1", prediction=0.5, status=200, error=None, late=None):
    async def answer(scope, receive, send):
        if version:
            scope["answer"]["version"] = version
        if error:
            raise error
        scope["answer"]["prediction"] = prediction
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})
        if late:
            raise late

    return answer


def call(example, window, app, scope=None):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http"} if scope is None else scope
    asyncio.run(example["recorded"](app, window)(scope, None, send))
    return sent


def test_calls_are_passed_on_and_counted(example, window):
    sent = call(example, window, application())
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    call(example, window, application(version="v2", prediction=0.75))
    events, profile = window.take()
    one = Counter(requests=1, errors=0, slow=0)
    assert events == {"v1": one, "v2": one}
    assert profile.rows == 2
    assert (profile.columns["prediction"].min, profile.columns["prediction"].max) == (0.5, 0.75)
    assert profile.columns["seconds"].min >= 0
    assert window.take()[0] == {}


@pytest.mark.parametrize("how", ["raised", "late", "stopped", "status"])
def test_errors_are_counted_and_passed_on(example, window, how):
    raised = Stops() if how == "stopped" else ValueError("x")
    options = {
        "raised": {"error": raised},
        "late": {"late": raised},
        "stopped": {"error": raised},
        "status": {"status": 503},
    }
    app = application(**options[how])
    if how == "status":
        call(example, window, app)
    else:
        with pytest.raises(type(raised)):
            call(example, window, app)
    events, profile = window.take()
    assert events == {"v1": Counter(requests=1, errors=1, slow=0)}
    assert profile.rows == 0


def test_requests_without_a_version_are_not_counted(example, window):
    call(example, window, application(version=None))
    assert window.take()[0] == {}


def test_errors_of_the_client_are_no_errors_of_the_model(example, window):
    call(example, window, application(status=422, prediction=None))
    events, profile = window.take()
    assert events == {"v1": Counter(requests=1, errors=0, slow=0)}
    assert profile.rows == 0


def test_windows_of_threads_and_processes_add_up(example, plan):
    windows = [example["Window"](plan) for _ in range(2)]

    def work(part):
        for place in range(part, 4_000, 4):
            windows[part % 2].add("v1", failed=False, seconds=0.25, prediction=VALUES[place])

    threads = [Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (events, one), (others, other) = (window.take() for window in windows)
    assert events["v1"] + others["v1"] == Counter(requests=4_000)
    merged = one.merge(mg.Profile.from_bytes(other.to_bytes()))
    whole = plan.count({"prediction": VALUES, "seconds": np.full(4_000, 0.25)})
    assert merged.fingerprint == whole.fingerprint
    suite = example["ANSWERS"]
    reports = [suite.run(data=data, reference=REFERENCE) for data in (merged, whole)]
    assert [report.verdict for report in reports] == [mg.Verdict.PASS] * 2
