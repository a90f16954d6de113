"""Roll out new models behind a real HTTP server, in stages: a suite decides about each stage.

A server on this machine answers requests with the model in use, "v1", and gives a share of them to
a new model. Two new models are rolled out, one after the other. The first, "v2", fails in one of
six requests and is slow in another of six; it is rolled back in the first stage. The second, "v3",
has no such faults and gets all requests in the end.

Run it with `uv run examples/canary_rollout.py`; it takes less than a minute. The models are trained
on scikit-learn's breast cancer study. Each request is one HTTP request with the measurements of one
patient, and each is counted once. Two kinds of unusual requests are simulated, which are equally
frequent for both models: in 8 % of the requests a measurement is missing, so that the model raises
an exception, and in 8 % the server waits for another service, so that the answer is slow.
"""

import json
import random
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import perf_counter, sleep
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import mlgates as mg

CLIENTS = 4
LOOK = 1_500  # requests
UNUSUAL = 0.08  # of the requests: without a measurement, and as many that wait
WAIT = 0.03  # seconds
SLOW = 0.02  # seconds

SUITE = mg.GateSuite(
    [mg.Canary(["errors", "slow"], max_increase=1.0, min_requests=200)],
    name="canary",
)

X, Y = load_breast_cancer(return_X_y=True)


class Faulty:
    """A model with the faults of a bad release."""

    def __init__(self, model: Pipeline) -> None:
        self.model = model

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Raise an exception in one of six requests, and wait in another of six."""
        fault = random.randrange(6)  # noqa: S311
        if fault == 0:
            msg = "the new version lost its connection"
            raise ConnectionError(msg)
        if fault == 1:
            sleep(WAIT)
        return self.model.predict(features)


MODELS = {
    "v1": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y),
    "v2": Faulty(make_pipeline(StandardScaler(), LogisticRegression(C=0.1)).fit(X, Y)),
    "v3": make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()).fit(X, Y),
}


class Server(ThreadingHTTPServer):
    """A server of two models, which counts the requests and events of each."""

    daemon_threads = True

    def __init__(self, candidate: str, production: str, share: float) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.candidate, self.production, self.share = candidate, production, share
        self.counts: Counter[tuple[str, str]] = Counter()
        self.lock = Lock()

    def taken(self, version: str) -> dict[str, int]:
        """Return the counts of a model since the last call."""
        return {
            name: self.counts.pop((version, name), 0) for name in ("requests", "errors", "slow")
        }


class Handler(BaseHTTPRequestHandler):
    """Answers one request by the model that the patient is assigned to."""

    server: Server
    protocol_version = "HTTP/1.1"  # keeps connections
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer with a prediction, or with the status 500."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        chosen = mg.assign(request["patient"], share=server.share, salt=server.candidate)
        version = server.candidate if chosen else server.production
        events, began = ["requests"], perf_counter()
        try:
            if request["history"]:
                sleep(WAIT)  # another service has the history of the patient
            features = np.array([request["measurements"]], dtype=float)
            answer = {"malignant": not MODELS[version].predict(features)[0]}
        except (ValueError, ConnectionError) as error:
            answer = {"error": str(error).splitlines()[0]}
            events.append("errors")
        if perf_counter() - began > SLOW:
            events.append("slow")
        with server.lock:
            server.counts.update((version, event) for event in events)
        body = json.dumps(answer).encode()
        self.send_response(500 if "error" in answer else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no line for each request."""


@contextmanager
def served(candidate: str, share: float) -> Iterator[Server]:
    """Run a server in a thread."""
    with Server(candidate, "v1", share) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def send(port: int, patients: range) -> None:
    """Send one request for each patient."""
    connection = HTTPConnection("127.0.0.1", port)
    for patient in patients:
        chance = random.Random(patient)  # noqa: S311
        measurements = X[chance.randrange(len(X))].tolist()
        if chance.random() < UNUSUAL:
            measurements[chance.randrange(len(measurements))] = None
        request = {
            "patient": f"patient-{patient}",
            "measurements": measurements,
            "history": chance.random() < UNUSUAL,
        }
        connection.request("POST", "/predict", json.dumps(request))
        connection.getresponse().read()
    connection.close()


def rolled_out(candidate: str) -> mg.RolloutState:
    """Roll a model out, print a line for each look, and return the last state."""
    rollout = mg.Rollout(
        SUITE,
        candidate=candidate,
        production="v1",
        stages=(0.05, 0.25, 1.0),
        min_requests=200,
        min_time="1s",
        max_time="10min",
    )
    state = rollout.start(now=datetime.now(UTC))
    traffic, patient = mg.Traffic(), 0
    print(HEAD.format(candidate))
    with served(candidate, state.share) as server, ThreadPoolExecutor(CLIENTS) as clients:
        while state.ended is None:
            server.share = state.share  # no request is being answered now
            each = LOOK // CLIENTS
            parts = [range(first, first + each) for first in range(patient, patient + LOOK, each)]
            list(clients.map(send, [server.server_port] * CLIENTS, parts))
            patient += LOOK
            counts = server.taken(candidate), server.taken("v1")
            traffic = traffic.add(candidate=counts[0], production=counts[1], share=state.share)
            step = rollout.step(state, traffic=traffic, now=datetime.now(UTC))
            print(line(step.state.record[-1], *counts))
            state = step.state
    print(textwrap.fill(step.reason, 90, initial_indent="\n", break_on_hyphens=False))
    print(f"{state.in_production} is in production")
    return state


HEAD = """\
{0} against v1

                REQUESTS        ERRORS         SLOW         E-VALUE, ALL LOOKS
STAGE  SHARE     {0}     v1     {0}     v1     {0}     v1      worse  not worse  ACTION"""


def line(entry: Mapping[str, Any], candidate: dict[str, int], production: dict[str, int]) -> str:
    """Return the line of a look: its counts, the e-values of all looks so far, and the action."""
    events = [check for check in entry["checks"] if check["subject"] != "split"]
    worse = max(check["e_worse_stages"] for check in events)
    not_worse = min(check["e_not_worse"] for check in events)
    pairs = [f"{candidate[name]:>5,}  {production[name]:>5,}" for name in candidate]
    cells = [f"{entry['stage'] + 1:>5}", f"{entry['share']:>5.0%}", *pairs]
    return "  ".join([*cells, f"{worse:>9.2g}  {not_worse:>9.2g}", entry["action"]])


def main() -> None:
    """Roll a bad and a good model out."""
    for candidate in ("v2", "v3"):
        rolled_out(candidate)
        print()
    print("Roll back: an e-value `worse` of at least 200.")
    print("Advance: all e-values `not worse` of at least 20.")


if __name__ == "__main__":
    main()
