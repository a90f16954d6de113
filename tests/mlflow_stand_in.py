"""A small stand-in for MLflow, with its rules for names and values, where it is not installed.

`tests/integrations/test_mlflow.py` runs against MLflow itself in the session `integrations`, so the
rules here are those of MLflow.
"""

import math
import re
import sys
from pathlib import Path
from types import SimpleNamespace


class MlflowException(Exception):
    def __init__(self, message, error_code="INVALID_PARAMETER_VALUE"):
        super().__init__(message)
        self.error_code = error_code


class Metric(SimpleNamespace):
    def __init__(self, key, value, timestamp, step, model_id=None):
        super().__init__(key=key, value=value, timestamp=timestamp, step=step, model_id=model_id)


def _check_name(name, most=250):
    whole = re.fullmatch(r"[/\w.\- :]*", name)
    parts = name.split("/")
    if not whole or {"", ".", ".."} & set(parts) or name.startswith("..") or len(name) > most:
        raise MlflowException(f"Invalid value {name!r} for parameter 'name' supplied")


class MlflowClient:
    """Runs, logged models, registered models and artefacts, in memory."""

    def __init__(self, folder):
        self._folder = Path(folder)
        self._runs, self._models, self._registry = {}, {}, {}

    def create_run(self, experiment_id):
        del experiment_id
        info = SimpleNamespace(run_id=f"run{len(self._runs)}")
        data = SimpleNamespace(tags={}, metrics={})
        outputs = SimpleNamespace(model_outputs=[])
        self._runs[info.run_id] = SimpleNamespace(info=info, data=data, outputs=outputs)
        return self._runs[info.run_id]

    def get_run(self, run_id):
        if run_id not in self._runs:
            raise MlflowException(f"Run with id={run_id} not found", "RESOURCE_DOES_NOT_EXIST")
        return self._runs[run_id]

    def set_tag(self, run_id, key, value):
        _check_name(key)
        value.encode()
        self.get_run(run_id).data.tags[key] = value[:8_000]

    def log_batch(self, run_id, metrics=()):
        for metric in metrics:
            _check_name(metric.key)
            if metric.value is None:
                raise MlflowException("Missing value for required parameter 'value'.")
            finite = max(-sys.float_info.max, min(sys.float_info.max, metric.value))
            value = metric.value if math.isnan(metric.value) else finite
            self.get_run(run_id).data.metrics[metric.key] = value
            if metric.model_id is not None:
                self._models[metric.model_id].metrics.append(metric)

    def log_text(self, run_id, text, artifact_file):
        path = self._folder / self.get_run(run_id).info.run_id / artifact_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def download_artifacts(self, run_id, path):
        return str(self._folder / run_id / path)

    def create_logged_model(self, experiment_id, source_run_id):
        del experiment_id
        name = f"m-{len(self._models)}"
        self._models[name] = SimpleNamespace(model_id=name, tags={}, metrics=[])
        self._runs[source_run_id].outputs.model_outputs.append(self._models[name])
        return self._models[name]

    def get_logged_model(self, model_id):
        return self._models[model_id]

    def set_logged_model_tags(self, model_id, tags):
        self._models[model_id].tags.update(tags)

    def create_registered_model(self, name):
        self._registry[name] = SimpleNamespace(aliases={}, versions={})

    def get_registered_model(self, name):
        if name not in self._registry:
            message = f"Registered Model with name={name} not found"
            raise MlflowException(message, "RESOURCE_DOES_NOT_EXIST")
        return self._registry[name]

    def create_model_version(self, name, source):
        del source
        versions = self._registry[name].versions
        number = max(versions, default=0) + 1
        versions[number] = SimpleNamespace(version=number, tags={}, status="READY")
        return versions[number]

    def get_model_version(self, name, version):
        versions = self.get_registered_model(name).versions
        if int(version) not in versions:
            message = f"Model Version (name={name}, version={version}) not found"
            raise MlflowException(message, "RESOURCE_DOES_NOT_EXIST")
        return versions[int(version)]

    def delete_model_version(self, name, version):
        model = self.get_registered_model(name)
        del model.versions[int(version)]
        model.aliases = {k: v for k, v in model.aliases.items() if v != int(version)}

    def delete_registered_model_alias(self, name, alias):
        self._registry[name].aliases.pop(alias, None)

    def set_model_version_tag(self, name, version, key, value):
        _check_name(key)
        self.get_model_version(name, version).tags[key] = value

    def delete_model_version_tag(self, name, version, key):
        self.get_model_version(name, version).tags.pop(key, None)

    def set_registered_model_alias(self, name, alias, version):
        if re.fullmatch(r"(?i)latest|v\d+", alias) or not re.fullmatch(r"[\w-]+", alias):
            raise MlflowException(f"Invalid alias name: {alias!r}")
        self.get_registered_model(name).aliases[alias] = self.get_model_version(
            name, version
        ).version


def module(client):
    """Return a module `mlflow` with this client and no active run."""
    return SimpleNamespace(
        MlflowClient=lambda: client,
        MlflowException=MlflowException,
        active_run=lambda: None,
        entities=SimpleNamespace(Metric=Metric),
    )
