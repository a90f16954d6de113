"""Count what a model serves, behind any ASGI framework, without keeping requests.

A middleware counts calls, errors and slow answers of two models, and the distributions of their
predictions and answer times. The counts of several servers are merged. Then the gate `Canary`
compares the two models, and other gates compare the predictions with those at the release.

Run it with `uv run --with starlette --with uvicorn examples/serving.py`. It starts two servers on
this machine, sends 8,000 requests to them, and takes less than a minute.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from threading import Lock, Thread
from time import perf_counter, sleep
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlgates as mg

SHARE = 0.5  # of the candidate, v2
SLOW = 1.0  # seconds
SENT = 8_000
FAULT = 0.02  # share of the requests without a measurement, which no model can read

ANSWERS = mg.GateSuite(
    [
        mg.Drift("psi", columns=["prediction"]),
        mg.Statistic("quantile:0.95", "seconds", at_most=SLOW),
    ],
    name="answers",
)
CANARY = mg.GateSuite([mg.Canary("errors", max_increase=1.0)], name="canary")

COLUMNS = {"prediction": [0.5], "seconds": [0.01]}  # what a window counts, with an example

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def recorded(app: App, window: "Window") -> App:
    """Return an ASGI application that passes requests on, and counts the answers of models."""

    async def recorder(scope: Message, receive: Receive, send: Send) -> None:
        answer = scope["answer"] = {}  # the handler adds "version" and "prediction"
        failed, status, began = True, 500, perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await app(scope, receive, watched)
            failed = status >= 500
        finally:
            if "version" in answer:
                window.add(**answer, failed=failed, seconds=perf_counter() - began)

    return recorder


class Window:
    """The calls since the last `take`: events of each version, and a profile of all answers."""

    def __init__(self, plan: Any) -> None:
        self.plan, self.lock = plan, Lock()
        self._clear()

    def add(
        self, version: str, *, failed: bool, seconds: float, prediction: float | None = None
    ) -> None:
        """Count one call."""
        with self.lock:
            events = self.events.setdefault(version, Counter(requests=0, errors=0, slow=0))
            events.update(requests=1, errors=failed, slow=seconds > SLOW)
            if not failed and prediction is not None:
                self.rows.append((prediction, seconds))
            if len(self.rows) == 1_000:  # so that memory does not grow with the number of calls
                self._fold()

    def take(self) -> tuple[dict[str, Counter[str]], mg.Profile]:
        """Return events and profile, and begin a new window."""
        with self.lock:
            self._fold()
            taken = self.events, self.profile
            self._clear()
        return taken

    def _clear(self) -> None:
        self.events: dict[str, Counter[str]] = {}
        self.rows: list[tuple[float, float]] = []
        self.profile = self.plan.count({"prediction": [], "seconds": []})

    def _fold(self) -> None:
        predictions, seconds = np.array(self.rows, float).reshape(-1, 2).T
        part = self.plan.count({"prediction": predictions, "seconds": seconds})
        self.profile, self.rows = self.profile.merge(part), []


X, Y = load_breast_cancer(return_X_y=True)
MODELS = {
    f"v{number}": make_pipeline(StandardScaler(), LogisticRegression(C=strength)).fit(X, Y)
    for number, strength in ((1, 1.0), (2, 0.5))
}


def application(window: Window) -> App:
    """Return an application of Starlette that answers by one of the models."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def predict(request: Request) -> JSONResponse:
        given = await request.json()
        candidate = mg.assign(given["patient"], share=SHARE, salt="v2")
        version = request.scope["answer"]["version"] = "v2" if candidate else "v1"
        row = np.array([given["measurements"]], dtype=float)
        benign = float(MODELS[version].predict_proba(row)[0, 1])  # an error becomes the status 500
        request.scope["answer"]["prediction"] = benign
        return JSONResponse({"benign": benign})

    return recorded(Starlette(routes=[Route("/predict", predict, methods=["POST"])]), window)


@contextmanager
def served(app: App) -> Iterator[int]:
    """Run uvicorn in a thread, and yield its port."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def send(port: int, patients: range) -> int:
    """Send a request for each patient, and return how many were answered."""
    connection, answered = HTTPConnection("127.0.0.1", port), 0
    for patient in patients:
        chance = np.random.default_rng(patient)
        measurements = X[chance.integers(len(X))].tolist()
        if chance.random() < FAULT:
            measurements[0] = None
        request = {"patient": f"patient-{patient}", "measurements": measurements}
        connection.request("POST", "/predict", json.dumps(request))
        response = connection.getresponse()
        response.read()
        if response.status == 200:
            answered += 1
        else:
            connection.close()  # as the server does; the next request opens a new one
    connection.close()
    return answered


def main() -> None:
    """Start the servers, send requests, merge the counts and run the suites."""
    shares = MODELS["v1"].predict_proba(X)[:, 1]
    released = mg.Baseline.from_data({"prediction": shares, "seconds": np.full(len(X), 0.01)})
    windows = [Window(ANSWERS.plan(data=COLUMNS, reference=released)) for _ in range(2)]
    with ExitStack() as running, ThreadPoolExecutor(4) as clients:
        ports = [running.enter_context(served(application(window))) for window in windows]
        parts = [range(start, start + SENT // 4) for start in range(0, SENT, SENT // 4)]
        answered = sum(clients.map(send, ports * 2, parts))

    (events, profile), (others, other) = (window.take() for window in windows)
    for version, counts in others.items():
        events.setdefault(version, Counter()).update(counts)
    for version, counts in sorted(events.items()):
        print(f"{version}: {', '.join(f'{count:,} {event}' for event, count in counts.items())}")
    traffic = mg.Traffic().add(candidate=events["v2"], production=events["v1"], share=SHARE)
    whole = profile.merge(other)
    print(f"{answered:,} answers, in a profile of {len(whole.to_bytes()):,} bytes\n")
    print(CANARY.run(traffic=traffic))
    print()
    print(ANSWERS.run(data=whole, reference=released))


if __name__ == "__main__":
    main()
