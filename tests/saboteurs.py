"""An honest model, and models that each break one contract.

pandas is imported where a table is made: a child process that is given arrays starts without it.
"""

import ctypes
import decimal
import itertools
import locale
import os
import random
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import numpy as np

SHIFTS = {"DE": 0.0, "FR": 0.7, "IT": -0.4}
COUNTRIES = tuple(SHIFTS)
NAMES = ["age", "income", "country"]
ROWS = 12


def people(rows: int = ROWS):
    """Return a pandas data frame."""
    import pandas as pd

    rng = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, rows),
            "income": rng.lognormal(7, 0.5, rows).round(2),
            "country": np.array(rng.choice(COUNTRIES, rows), dtype=object),
        },
        index=[f"r{i}" for i in range(rows)],
    )


def chances(age: np.ndarray, income: np.ndarray, countries: list[str]) -> np.ndarray:
    z = age / 20 - income / 500 + np.array([SHIFTS[one] for one in countries])
    return 1 / (1 + np.exp(-z))


class Honest:
    """A correct model: it refuses unusual tables, and an answer depends only on its row."""

    classes_ = np.array(["no", "yes"])

    def score(self, X) -> np.ndarray:
        if isinstance(X, np.ndarray):
            return 1 / (1 + np.exp(-X.sum(axis=1)))
        if list(X.columns) != NAMES:
            msg = f"columns must be {', '.join(NAMES)}"
            raise ValueError(msg)
        age, income = (X[name].to_numpy(dtype=float) for name in ("age", "income"))
        countries = X["country"].tolist()
        if np.isnan(age + income).any() or not all(isinstance(one, str) for one in countries):
            msg = "a value is missing"
            raise ValueError(msg)
        if not SHIFTS.keys() >= set(countries):
            msg = "a country is not known"
            raise ValueError(msg)
        return chances(age, income, countries)

    def predict_proba(self, X) -> np.ndarray:
        p = self.score(X)
        return np.column_stack([1 - p, p])

    def predict(self, X) -> np.ndarray:
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]


class Tabular(Honest):
    """A correct model that returns probabilities in a table, with columns in any order."""

    columns = (1, 0)

    def predict_proba(self, X):
        import pandas as pd

        table = pd.DataFrame(super().predict_proba(X), columns=self.classes_)
        return table.iloc[:, list(self.columns)]

    def predict(self, X):
        return self.classes_[np.argmax(super().predict_proba(X), axis=1)]


class Values(Honest):
    """A correct model that predicts numbers."""

    classes_ = None
    predict_proba = None

    def predict(self, X):
        return self.score(X)


# Answers


class Raises(Honest):
    def predict(self, X):
        raise RuntimeError("no answer for 'Ann Lee'")


class TooShort(Honest):
    def predict(self, X):
        return super().predict(X)[:-1]


class Nothing(Honest):
    def predict(self, X):
        return None


class Frame(Honest):
    def predict(self, X):
        import pandas as pd

        return pd.DataFrame({"y": super().predict(X), "z": super().predict(X)})


class Generator(Honest):
    def predict(self, X):
        return (label for label in super().predict(X))


class TwoColumns(Honest):
    def predict(self, X):
        return self.predict_proba(X)


class Asynchronous(Honest):
    async def predict(self, X):
        return Honest.predict(self, X)


class Scalar(Honest):
    def predict(self, X):
        return 1


class SomeNone(Honest):
    def predict(self, X):
        return [None, *super().predict(X)[1:]]


class SomeNaN(Values):
    def predict(self, X):
        return np.where(X["age"] > 60, np.nan, super().predict(X))


class SomeInfinite(Values):
    def predict(self, X):
        return np.where(X["age"] > 60, np.inf, super().predict(X))


class Objects(Honest):
    def predict(self, X):
        return [object() for _ in super().predict(X)]


class OtherLabels(Honest):
    def predict(self, X):
        return np.where(super().predict(X) == "yes", "maybe", "no")


class BeyondOne(Honest):
    def predict_proba(self, X):
        return super().predict_proba(X) * [1, -1] + [0, 2]


class OtherSum(Honest):
    def predict_proba(self, X):
        return super().predict_proba(X) * 0.9


class OtherColumns(Honest):
    """Gives the columns of probabilities in another order than `classes_`."""

    def predict_proba(self, X):
        return super().predict_proba(X)[:, ::-1]

    def predict(self, X):
        return np.where(self.score(X) > 0.5, "yes", "no")


class ThreeColumns(Honest):
    def predict_proba(self, X):
        return np.column_stack([super().predict_proba(X), np.zeros(len(X))])

    def predict(self, X):
        return np.where(self.score(X) > 0.5, "yes", "no")


# Another answer each time


class Noisy(Values):
    def __init__(self):
        self.rng = np.random.default_rng(1)

    def predict(self, X):
        return super().predict(X) + self.rng.normal(size=len(X))


class NoisyByAll(Values):
    """Uses the global random generators."""

    def predict(self, X):
        return super().predict(X) + np.random.normal(size=len(X))  # noqa: NPY002


class NoisyByPython(Values):
    def predict(self, X):
        return super().predict(X) + random.random()  # noqa: S311


class Learns(Values):
    """Gives other answers after it was called without rows."""

    seen = 0.0

    def predict(self, X):
        self.seen += len(X) == 0
        return super().predict(X) + self.seen


class ByBatch(Values):
    def predict(self, X):
        values = super().predict(X)
        return values - values.mean() if len(X) else values


class ByPlace(Values):
    def predict(self, X):
        return super().predict(X) + np.arange(len(X))


class ByFirst(Values):
    """Its answers depend on the first row of the batch."""

    def predict(self, X):
        return super().predict(X) + (len(X) > 1) * 0.01 * X["age"].iloc[:1].sum()


class Unsafe(Values):
    """Stores its input in an attribute that all threads share."""

    def predict(self, X):
        self.buffer = super().predict(X)
        time.sleep(0.002)
        return self.buffer


def in_thread() -> bool:
    return threading.current_thread() is not threading.main_thread()


class UnsafeAtTimes(Values):
    """Gives another answer in one of very many concurrent calls."""

    def __init__(self):
        self.turns = itertools.count()

    def predict(self, X):
        values = super().predict(X)
        return values + 1 if in_thread() and next(self.turns) == 40 else values


# Changes its input


class KeepsInputs(Values):
    def __init__(self):
        self.seen = []

    def predict(self, X):
        self.seen.append(np.zeros(10_000 + len(X)))
        return super().predict(X)


class KeepsNow(Values):
    """Keeps much memory once, near the end of the calls for which memory is measured."""

    def __init__(self):
        self.traced, self.seen = 0, []

    def predict(self, X):
        self.traced += tracemalloc.is_tracing()
        if self.traced == 14:
            self.seen.append(np.zeros(10**6))
        return super().predict(X)


class Caches(Values):
    """Caches the answers for the same rows, so its memory does not grow."""

    def __init__(self):
        self.seen = {}

    def predict(self, X):
        key = X.to_csv()
        if key not in self.seen:
            self.seen[key] = super().predict(X)
        return self.seen[key]


class Overwrites(Values):
    def predict(self, X):
        values = super().predict(X)
        X[(..., 0) if isinstance(X, np.ndarray) else "income"] = 0.0
        return values


class AddsColumn(Values):
    def predict(self, X):
        values = super().predict(X)
        X["ratio"] = 1.0
        return values


class DropsIndex(Values):
    def predict(self, X):
        values = super().predict(X)
        X.index = range(len(X))
        return values


class Renames(Values):
    def predict(self, X):
        values = super().predict(X)
        X.columns = [name.upper() for name in X.columns]
        return values


class Casts(Values):
    def predict(self, X):
        values = super().predict(X)
        X["age"] = X["age"].astype("float64")
        return values


class IntoCells:
    """Changes an object in a cell."""

    def predict(self, X):
        for tags in X["tags"]:
            tags.append("seen")
        return X["age"].to_numpy(dtype=float)


# Changes the process


class Prints(Values):
    def predict(self, X):
        sys.stdout.write("working\n")
        sys.stderr.write("hard\n")
        return super().predict(X)


class Warns(Values):
    def predict(self, X):
        warnings.warn("be careful", UserWarning, stacklevel=1)
        return super().predict(X)


class Seeds(Values):
    def predict(self, X):
        np.random.seed(0)  # noqa: NPY002
        return super().predict(X)


class SeedsPython(Values):
    def predict(self, X):
        random.seed(0)
        return super().predict(X)


class Moves(Values):
    def predict(self, X):
        os.chdir("/")
        return super().predict(X)


class Exports(Values):
    def predict(self, X):
        os.environ["MLGATES_TEST_OF_A_SABOTEUR"] = "1"
        return super().predict(X)


class Translates(Values):
    def predict(self, X):
        locale.setlocale(locale.LC_ALL, "C")
        locale.setlocale(locale.LC_NUMERIC, "C.UTF-8")
        return super().predict(X)


class Ignores(Values):
    def predict(self, X):
        np.seterr(over="raise", under="raise")
        return super().predict(X)


class Silences(Values):
    def predict(self, X):
        warnings.simplefilter("ignore")
        return super().predict(X)


class Rounds(Values):
    def predict(self, X):
        decimal.getcontext().prec = 3
        return super().predict(X)


class Paths(Values):
    def predict(self, X):
        sys.path.insert(0, "/nowhere")
        return super().predict(X)


class Redirects(Values):
    def predict(self, X):
        sys.stdout = sys.__stderr__
        return super().predict(X)


class Recurses(Values):
    def predict(self, X):
        sys.setrecursionlimit(5_000)
        return super().predict(X)


# Ends, or does not


class Hangs(Values):
    def predict(self, X):
        while True:
            time.sleep(0.01)


class HangsAlone(Values):
    """Waits for ever when it is given one row."""

    def predict(self, X):
        while len(X) == 1:
            time.sleep(0.01)
        return super().predict(X)


class HangsInC(Values):
    """Holds the interpreter's lock, so that no thread could stop it."""

    def predict(self, X):
        ctypes.PyDLL(None).sleep(60)


class Exits(Values):
    def predict(self, X):
        sys.exit(3)


class Leaves(Values):
    def predict(self, X):
        os._exit(5)


class LeavesOnNothing(Values):
    def predict(self, X):
        if len(X) == 0:
            os._exit(5)
        return super().predict(X)


class Crashes(Values):
    def predict(self, X):
        ctypes.string_at(0)


class EatsMemory(Values):
    def predict(self, X):
        raise MemoryError


class TooDeep(Values):
    def predict(self, X):
        return self.predict(X)


class StartsThreads(Values):
    """Leaves a thread behind that would keep a process alive."""

    def predict(self, X):
        threading.Thread(target=time.sleep, args=(60,)).start()
        return super().predict(X)


# The edges


class OneForNone(Values):
    def predict(self, X):
        return np.zeros(1) if len(X) == 0 else super().predict(X)


class Mute(Values):
    def predict(self, X):
        if len(X) == 0:
            raise ValueError
        return super().predict(X)


class Stops(Values):
    """Raises StopIteration without a message for a table without rows."""

    def predict(self, X):
        if len(X) == 0:
            raise StopIteration
        return super().predict(X)


class NotAlone(Values):
    def predict(self, X):
        if len(X) == 1:
            raise ValueError("give more rows")
        return super().predict(X)


class DropsMissing(Values):
    def predict(self, X):
        return super().predict(X.dropna())


class PassesMissing(Values):
    def predict(self, X):
        full = X.notna().all(axis=1).to_numpy()
        values = np.full(len(X), np.nan)
        values[full] = super().predict(X[full])
        return values


class Fills(Values):
    def predict(self, X):
        return super().predict(X.fillna({"age": 40, "income": 1_000.0, "country": "DE"}))


class NaNOfUnseen(Values):
    def predict(self, X):
        known = X["country"].isin(COUNTRIES).to_numpy() | X["country"].isna().to_numpy()
        return np.where(known, super().predict(X.assign(country="DE")), np.nan)


class ByPosition(Values):
    """Takes columns by their place, whatever they are called."""

    def predict(self, X):
        numbers = X.select_dtypes("number").to_numpy(dtype=float)
        if np.isnan(numbers).any() or X.isna().any().any():
            raise ValueError("a value is missing")
        return numbers @ np.array([1.0, 0.001])


class ByName(Values):
    def predict(self, X):
        return super().predict(X[NAMES])


# Kept and fetched


def write(model, path: str) -> None:
    Path(path).write_text(type(model).__name__)


def read(path: str):
    return globals()[Path(path).read_text()]()


def read_another(path: str):
    return ByPlace()


def read_nothing(path: str):
    raise OSError("no such format")


def read_text(path: str) -> str:
    return Path(path).read_text()


def read_and_leave(path: str):
    os._exit(9)


def write_nothing(model, path: str) -> None:
    pass


# Applications


def application(request: dict) -> dict:
    """A response to one raw request."""
    (score,) = chances(request["age"], request["income"], [request["country"]])
    return {"score": float(score), "version": "1", "tags": [1, None]}


def requests(n: int = 8) -> list[dict]:
    return people(n).to_dict("records")
