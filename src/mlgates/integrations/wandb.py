"""Log reports to Weights & Biases.

Install the client with ``pip install "mlgates[wandb]"``. It is imported when a function is called.
"""

from typing import TYPE_CHECKING, Any

from mlgates.errors import OptionError
from mlgates.integrations._recording import attempt, checked, load, run_verdicts
from mlgates.integrations._series import accepted_name, metric_names, series
from mlgates.report import Report

if TYPE_CHECKING:
    from wandb import Run

__all__ = ["log_report"]

# A dot in a name would make a nested summary.
_REFUSED, _LONGEST_NAME = r"[^A-Za-z0-9_\- ]", 250
_LONGEST_SUITE = 60  # names of artifacts, which wandb makes of tables, have at most 128 characters
_REFUSED_IN_ARTIFACT, _LONGEST_ARTIFACT = r"[^A-Za-z0-9_.\-]", 100
_COLUMNS = ("gate", "subject", "group", "metric", "value", "limit", "verdict", "reason")


def log_report(report: Report, run: "Run | None" = None) -> bool:
    """Log the report of a suite to a Weights & Biases run, online or offline.

    The run gets

    - a number in its summary for each check that has a value. Its name is
      ``SUITE/GATE/SUBJECT/METRIC/GROUP``; colons in GATE become slashes. METRIC is left out if GATE
      ends in it, SUBJECT if it equals METRIC, and GROUP if the check is of all rows. For example,
      ``credit/drift/psi/age`` is the check of the column ``age`` by the gate ``drift:psi`` of the
      suite ``credit``. In each part, characters other than letters, digits, blanks, ``_`` and ``-``
      become ``_``. Names that are too long are cut. A name that was cut, or in which characters
      were replaced, ends in a hash of the original name.
    - in its summary, the verdict of this suite as ``mlgates/verdict/SUITE``, and the worst verdict
      of all suites that were logged to the run as ``mlgates/verdict``.
    - the table ``SUITE/checks``, with a row for each check and the original names.
    - the artifact ``mlgates-SUITE``, with ``report.json`` and ``report.html``. Its aliases are
      ``latest`` and the verdict.

    The step counter of the run does not change.

    Parameters
    ----------
    report : Report
        The report.
    run : wandb.Run, optional
        The run. By default the active run.

    Returns
    -------
    bool
        Whether everything was logged. If wandb raises an exception, the result is False, and a
        `NotRecordedWarning` is given.

    Raises
    ------
    ImportError
        If wandb is not installed.
    OptionError
        If `report` is not a Report, or there is neither a `run` nor an active one.
    """
    owner = "wandb.log_report"
    report = checked(owner, report)
    wandb = load(owner, "wandb", "wandb")
    to = wandb.run if run is None else run
    if to is None:
        raise OptionError(f"{owner}: `run` must be given, because there is no active run")
    return attempt(owner, report, lambda: _log(wandb, to, report))


def _log(wandb: Any, run: Any, report: Report) -> None:
    found = series(report)
    suite = accepted_name([report.name], _REFUSED, _LONGEST_SUITE)
    # Log the verdicts first: a FAIL must not be missing because something else could not be logged.
    run.summary.update(run_verdicts(report, "mlgates/verdict/", suite, dict(run.summary)))
    names = metric_names(found, _REFUSED, _LONGEST_NAME)
    values = zip(names, (each.check.value for each in found), strict=True)
    run.summary.update({name: float(value) for name, value in values if value is not None})
    frame = report.to_frame()[list(_COLUMNS)]
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    table = wandb.Table(columns=list(_COLUMNS), data=rows)
    run.log({f"{suite}/checks": table}, commit=False)
    name = accepted_name([f"mlgates-{report.name}"], _REFUSED_IN_ARTIFACT, _LONGEST_ARTIFACT)
    verdict = str(report.verdict)
    artifact = wandb.Artifact(name, type="mlgates-report", metadata={"verdict": verdict})
    for file, text in {"report.json": report.to_json(), "report.html": report.to_html()}.items():
        with artifact.new_file(file, encoding="utf-8") as written:
            written.write(text)
    run.log_artifact(artifact, aliases=["latest", verdict])
