"""A small stand-in for wandb, with its rules for artifacts, where it is not installed.

`tests/integrations/test_wandb.py` runs against wandb itself in the session `integrations`.
"""

import re
from contextlib import contextmanager
from types import SimpleNamespace


class UsageError(Exception):
    pass


class Table:
    def __init__(self, columns, data):
        self.columns, self.data = columns, data


class Artifact:
    def __init__(self, name, type, metadata):  # noqa: A002
        if not re.fullmatch(r"[a-zA-Z0-9_\-.]{1,128}", name):
            message = f"Artifact name may only contain alphanumeric characters: {name!r}"
            raise ValueError(message)
        self.name, self.type, self.metadata = name, type, metadata
        self.manifest = SimpleNamespace(entries={})
        self.folder = None

    @contextmanager
    def new_file(self, name, encoding):
        path = self.folder / name
        with path.open("w", encoding=encoding) as file:
            yield file
        self.manifest.entries[name] = SimpleNamespace(local_path=path)


class Run:
    def __init__(self):
        self.summary, self.step, self.finished = {}, 0, False

    def log(self, data, commit=True):
        for key in data:  # each table becomes an artifact
            Artifact("run-abcdefgh-" + re.sub(r"[^a-zA-Z0-9_\-.]", "", key), "run_table", {})
        self._refuse_finished()
        self.step += commit

    def log_artifact(self, artifact, aliases):
        del artifact, aliases
        self._refuse_finished()

    def finish(self):
        self.finished = True

    def _refuse_finished(self):
        if self.finished:
            raise UsageError("the run is finished")


def module(folder):
    """Return a module `wandb` without an active run, which keeps artifacts in a folder."""

    def artifact(*args, **kwargs):
        made = Artifact(*args, **kwargs)
        made.folder = folder
        return made

    return SimpleNamespace(Table=Table, Artifact=artifact, run=None)
