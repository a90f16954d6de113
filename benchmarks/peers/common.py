"""What the scripts of all peers share: the questions, and how an answer is timed.

Every environment imports this file, so it imports the standard library alone.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

#: An answer is repeated until one second is spent, three times at least, and not after this many
#: seconds.
ENOUGH = 10.0

# The 59 rules of "schema": 20 types, no missing cell in 20 columns, and these 19.
RANGES = {
    **{f"amount_{i}": (0, 100_000) for i in range(8)},
    "order_id": (0, 10_000_000),
    **{f"count_{i}": (0, 99) for i in range(3)},
}
SETS = {f"kind_{i}": [f"value {v}" for v in range(n)] for i, n in enumerate((3, 8, 20, 50))}
PATTERNS = {"code": "(DE|FR)-[0-9]{4}", "email": r"[a-z0-9]+@[a-z]+\.org"}
UNIQUE = "order_id"
FLOATS = [f"amount_{i}" for i in range(8)]
INTS = ["order_id", "count_0", "count_1", "count_2"]
TEXTS = [*SETS, *PATTERNS]

#: What is "drift" where a peer leaves the limit to its user.
LIMITS = {"ks": 0.1, "psi": 0.2}

#: Load the tables of a folder, and return the work to time, which returns the answer.
Question = Callable[[Path], Callable[[], str]]


def drifted(count: int, columns: int) -> str:
    """Return the answer to a question about drift."""
    return f"drift in {count} of {columns} columns"


def broken(count: int) -> str:
    """Return the answer to a question about rules."""
    return f"{count} broken rules" if count else "all rules hold"


def peak_kib(process: int) -> int:
    """Return the peak of the resident set of a process, and of the processes it started."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    peak = int(status.split("VmHWM:")[1].split()[0])
    children: list[str] = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that has ended
            children += path.read_text(encoding="utf-8").split()
    for child in children:
        with contextlib.suppress(OSError, IndexError):
            peak += peak_kib(int(child))
    return peak


def main(packages: list[str], questions: dict[str, Question]) -> None:
    """Answer one question and print JSON, or without a question print what can be answered."""
    parser = argparse.ArgumentParser()
    parser.add_argument("question", nargs="?", choices=questions)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--limit", type=float, default=120.0, help="seconds")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable()
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a peer prints is not the answer

    def say(**values: object) -> None:
        out.write(json.dumps(values) + "\n")
        out.flush()

    if options.question is None:
        say(questions=list(questions), versions={name: version(name) for name in packages})
        return
    work = questions[options.question](options.folder)

    def give_up() -> None:
        say(seconds=None, peak_mb=peak_kib(os.getpid()) / 1024, verdict="")
        os._exit(0)

    timer = threading.Timer(options.limit, give_up)
    timer.daemon = True
    timer.start()
    times: list[float] = []
    verdict = ""
    while len(times) < 3 or (sum(times) < 1 and len(times) < 25):
        start = time.perf_counter()
        verdict = work()
        times.append(time.perf_counter() - start)
        timer.cancel()
        if sum(times) > ENOUGH:
            break
    say(seconds=min(times), peak_mb=peak_kib(os.getpid()) / 1024, verdict=verdict)
    sys.stdout.flush()
