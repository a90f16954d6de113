"""Log reports to MLflow, and move an alias of a registered model if a report passed.

Install MLflow with ``pip install "mlgates[mlflow]"``. It is imported when a function is called.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlgates import options
from mlgates.errors import EvidenceError, OptionError
from mlgates.integrations._recording import attempt, checked, load, run_verdicts
from mlgates.integrations._series import accepted_name, metric_names, series
from mlgates.options import did_you_mean
from mlgates.report import Report

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["log_report", "promote", "rollback"]

# MLflow also allows ":", but not on Windows.
_REFUSED = r"[^\w.\- ]"
_LONGEST_NAME, _LONGEST_SUITE, _LONGEST_TAG = 250, 200, 5_000
_BATCH = 1_000  # largest number of metrics in one request


def log_report(
    report: Report, run_id: str | None = None, client: "MlflowClient | None" = None
) -> bool:
    """Log the report of a suite to an MLflow run.

    The run gets

    - an MLflow metric for each check that has a value. Its name is
      ``SUITE/GATE/SUBJECT/METRIC/GROUP``; colons in GATE become slashes. METRIC is left out if GATE
      ends in it, SUBJECT if it equals METRIC, and GROUP if the check is of all rows. For example,
      ``credit/drift/psi/age`` is the check of the column ``age`` by the gate ``drift:psi`` of the
      suite ``credit``. In each part, characters that MLflow does not allow become ``_``. Names that
      are too long are cut. A name that was cut, or in which characters were replaced, ends in a
      hash of the original name.
    - the tag ``mlgates.verdict.SUITE`` with the verdict of this suite, and the tag
      ``mlgates.verdict`` with the worst verdict of all suites that were logged to the run.
    - the artefacts ``mlgates/SUITE/report.json`` and ``report.html``. If names of metrics were
      changed, the original names are in ``names.json``, and in the tag ``mlgates.names.SUITE`` if
      they fit into a tag.

    If the run logged exactly one model, the metrics and verdicts are linked to this model, too.

    Parameters
    ----------
    report : Report
        The report.
    run_id : str, optional
        Identifier of the run. By default the active run.
    client : mlflow.MlflowClient, optional
        By default a client of the current tracking server.

    Returns
    -------
    bool
        Whether everything was logged. If MLflow raises an exception, the result is False, and a
        `NotRecordedWarning` is given.

    Raises
    ------
    ImportError
        If MLflow is not installed.
    OptionError
        If `report` is not a Report, or there is neither a `run_id` nor an active run.
    """
    owner = "mlflow.log_report"
    report = checked(owner, report)
    mlflow = load(owner, "mlflow", "MLflow")
    if run_id is None:
        active = mlflow.active_run()
        if active is None:
            raise OptionError(f"{owner}: `run_id` must be given, because there is no active run")
        run_id = active.info.run_id
    run = options.text(owner, "run_id", run_id)
    return attempt(owner, report, lambda: _log(mlflow, client, run, report))


def _log(mlflow: Any, client: Any, run_id: str, report: Report) -> None:
    client = mlflow.MlflowClient() if client is None else client
    run = client.get_run(run_id)
    found = series(report)
    named = list(zip(metric_names(found, _REFUSED, _LONGEST_NAME), found, strict=True))
    suite = accepted_name([report.name], _REFUSED, _LONGEST_SUITE)
    verdicts = run_verdicts(report, "mlgates.verdict.", suite, run.data.tags)
    models = run.outputs.model_outputs if run.outputs else []
    model_id = models[0].model_id if len(models) == 1 else None

    # Log the verdicts first: a FAIL must not be missing because something else could not be logged.
    for key, value in verdicts.items():
        client.set_tag(run_id, key, value)
    if model_id is not None:
        client.set_logged_model_tags(model_id, verdicts)
    client.log_text(run_id, report.to_json(), f"mlgates/{suite}/report.json")
    client.log_text(run_id, report.to_html(), f"mlgates/{suite}/report.html")
    originals = {name: each.parts for name, each in named if name != "/".join(each.parts)}
    if originals:
        text = json.dumps(originals)
        client.log_text(run_id, text, f"mlgates/{suite}/names.json")
        where = text if len(text) <= _LONGEST_TAG else f"in mlgates/{suite}/names.json"
        client.set_tag(run_id, f"mlgates.names.{suite}", where)
    now = int(time.time() * 1_000)
    metrics = [
        mlflow.entities.Metric(name, float(each.check.value), now, 0, model_id=model_id)
        for name, each in named
        if each.check.value is not None
    ]
    for start in range(0, len(metrics), _BATCH):
        client.log_batch(run_id, metrics=metrics[start : start + _BATCH])


def promote(
    report: Report,
    model: str,
    version: int | str,
    alias: str = "champion",
    *,
    client: "MlflowClient | None" = None,
) -> int | None:
    """Move an alias of a registered model to a new version if the report on it passed.

    If the report did not pass, GateFailure is raised, and nothing is changed. Otherwise the new
    version first gets a tag with the number of the version that it replaces, which `rollback`
    reads. Then it gets the alias. The tag is ``mlgates.replaces``; for another alias than
    "champion" it is ``mlgates.replaces.ALIAS``. If the version already has the alias, nothing is
    changed.

    Don't run two promotions at the same time. MLflow can't compare and set an alias in one step, so
    both would succeed and one would be lost. A concurrency group of the CI server, for example, can
    run them one after another.

    Parameters
    ----------
    report : Report
        The report on this version. If its metadata has ``model`` or ``version``, the value must
        equal the argument.
    model : str
        Name of the registered model.
    version : int or str
        The version that gets the alias.
    alias : str
        The alias of the version in production, by default "champion".
    client : mlflow.MlflowClient, optional
        By default a client of the current registry.

    Returns
    -------
    int or None
        The version that had the alias before. None if there was none.

    Raises
    ------
    GateFailure
        If the report did not pass.
    OptionError
        If an argument is invalid, or the report is about another model or version.
    EvidenceError
        If the version does not exist or is not ready.
    ImportError
        If MLflow is not installed. Exceptions of MLflow itself are raised, too.
    """
    owner = "mlflow.promote"
    report = checked(owner, report)
    registry = _Registry(owner, model, alias, client)
    number = _version(owner, version)
    report.raise_for_verdict()
    for key, promoted in (("model", model), ("version", number)):
        if str(report.metadata.get(key, promoted)) != str(promoted):
            raise OptionError(
                f"{owner}: the report is about {key} {report.metadata[key]!r} by its metadata, "
                f"so it can't promote {key} {promoted!r}"
            )
    found = registry.version(number)
    if found.status != "READY":
        raise EvidenceError(
            f"{owner}: version {number} of {model!r} must have the status READY, got {found.status}"
        )
    replaced = registry.holder()
    tagged = model, str(number)
    if replaced == number:
        before = found.tags.get(registry.replaces, "")
        replaced = int(before) if before.isdecimal() else None
    else:
        if replaced is not None:
            registry.client.set_model_version_tag(*tagged, registry.replaces, str(replaced))
        elif registry.replaces in found.tags:
            registry.client.delete_model_version_tag(*tagged, registry.replaces)
        registry.client.set_registered_model_alias(model, alias, str(number))
    if registry.withdrawn in found.tags:
        registry.client.delete_model_version_tag(*tagged, registry.withdrawn)
    return replaced


def rollback(model: str, alias: str = "champion", *, client: "MlflowClient | None" = None) -> int:
    """Move an alias back to the version that had it before the last promotion.

    The version that loses the alias gets the tag ``mlgates.rolled_back`` (for another alias than
    "champion", ``mlgates.rolled_back.ALIAS``). Later rollbacks do not return to a version with this
    tag. `promote` removes the tag.

    Parameters
    ----------
    model, alias, client
        As in `promote`.

    Returns
    -------
    int
        The version that has the alias now.

    Raises
    ------
    EvidenceError
        If no version has the alias. If the version to return to is not known, already has the
        alias, does not exist any more, or was itself rolled back.
    OptionError
        If an argument is invalid.
    ImportError
        If MLflow is not installed. Exceptions of MLflow itself are raised, too.
    """
    owner = "mlflow.rollback"
    registry = _Registry(owner, model, alias, client)
    current = registry.holder()
    if current is None:
        names = list(registry.aliases())
        listed = f"its aliases are {', '.join(map(repr, names))}" if names else "it has no aliases"
        near = did_you_mean(alias, names)
        raise EvidenceError(
            f"{owner}: no version of {model!r} has the alias {alias!r}; {listed}{near}"
        )
    before = registry.version(current).tags.get(registry.replaces, "")
    where = f"{owner}: version {current} of {model!r} has the alias {alias!r}"
    if not before.isdecimal():
        got = f"the tag {registry.replaces!r} is {before!r}" if before else "it replaced no version"
        raise EvidenceError(f"{where}, but {got}: set the alias by hand")
    target = int(before)
    if target == current:
        raise EvidenceError(
            f"{where} and in the tag {registry.replaces!r} its own number: set the alias by hand"
        )
    if registry.withdrawn in registry.version(target).tags:
        raise EvidenceError(
            f"{where} and replaced version {target}, which was rolled back: set the alias by hand"
        )
    # the tag first: if the alias can't be moved, a second call must not go back two versions
    registry.client.set_model_version_tag(model, str(current), registry.withdrawn, "true")
    registry.client.set_registered_model_alias(model, alias, str(target))
    return target


class _Registry:
    """A registered model, one of its aliases, and the tags that belong to this alias."""

    def __init__(self, owner: str, model: str, alias: str, client: Any) -> None:
        self._owner = owner
        self._model = options.text(owner, "model", model)
        self._alias = options.text(owner, "alias", alias)
        self._mlflow = load(owner, "mlflow", "MLflow")
        self.client = self._mlflow.MlflowClient() if client is None else client
        suffix = "" if alias == "champion" else f".{alias}"
        self.replaces, self.withdrawn = f"mlgates.replaces{suffix}", f"mlgates.rolled_back{suffix}"

    def aliases(self) -> dict[str, int]:
        """Return the version of each alias; raise EvidenceError if there is no such model."""
        with self._refuse_missing(f"there is no model {self._model!r}"):
            found = self.client.get_registered_model(self._model)
        return {name: int(version) for name, version in found.aliases.items()}

    def holder(self) -> int | None:
        """Return the version that has the alias; None if there is none."""
        return self.aliases().get(self._alias)

    def version(self, number: int) -> Any:
        """Return a version of the model; raise EvidenceError if it does not exist."""
        with self._refuse_missing(f"{self._model!r} has no version {number}"):
            return self.client.get_model_version(self._model, str(number))

    @contextmanager
    def _refuse_missing(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise EvidenceError(f"{self._owner}: {what} in the registry") from error


def _version(owner: str, version: object) -> int:
    if isinstance(version, str) and version.isdecimal():
        return int(version)
    return options.count(owner, "version", version, at_least=1)
