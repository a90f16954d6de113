"""Run a command, write its output, and return the exit code."""

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlgates.cli.arguments import CANARY, COLUMNS, OTHERS, TABLES, parse
from mlgates.errors import EvidenceError, MlgatesError
from mlgates.printable import number_of

if TYPE_CHECKING:
    from argparse import Namespace

    from mlgates.report import Report

_CODES = {"pass": 0, "fail": 1, "error": 2, "inconclusive": 3}
_ERROR = _CODES["error"]
_INTERRUPTED = 130  # 128 + SIGINT, as in shells


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The arguments after the name of the command. By default those of the process.

    Returns
    -------
    int
        0 for PASS, 1 for FAIL, 2 for ERROR or if the command itself failed, 3 for INCONCLUSIVE, 130
        if interrupted.

    Raises
    ------
    SystemExit
        With exit code 64 for a wrong command line, and with 0 after ``--help`` or ``--version``.
    """
    for stream in (sys.stdout, sys.stderr):  # escape characters that the encoding lacks
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    given = parse(arguments)
    try:
        if given.command == "run":
            from mlgates.cli.suitefile import load

            suite = load(given.suite)
            if given.only:
                suite = suite.only(*given.only)
            names = (*TABLES, *COLUMNS, *OTHERS)
            evidence: dict[str, Any] = {name: getattr(given, name) for name in names}
            report = suite.run(
                n_jobs=given.jobs,
                progress=given.progress,
                metadata=dict(given.metadata),
                **evidence,
            )
            saved = [(path, None) for path in given.save]
            code = _write_report(report, (None, None), *saved, summary=given.summary)
            if given.offending is not None:
                from mlgates.cli.offending import write_offending

                try:
                    for problem in write_offending(suite, report, evidence, given.offending):
                        _print_error(problem)
                except (MlgatesError, OSError) as error:
                    _print_error(error, given.offending)
                    code = code or _ERROR
            return code
        if given.command == "canary":
            from mlgates.gates.canary import Canary
            from mlgates.suite import GateSuite

            chosen: dict[str, Any] = {name: getattr(given, name) for name in CANARY}
            chosen = {name: value for name, value in chosen.items() if value is not None}
            suite = GateSuite([Canary(given.events, **chosen)], name="canary")
            report = suite.run(traffic=given.traffic)
            saved = [(path, None) for path in given.save]
            return _write_report(report, (None, None), *saved, summary=given.summary)
        if given.command == "show":
            from mlgates.report import Report

            return _write_report(Report.load(given.report), (given.output, given.format))
        if given.command == "compare":
            return _compare(given)
        if given.command == "init":
            if given.ci is not None:
                _write_workflows()
            if not given.data:
                return 0
            from mlgates.infer import draft_toml

            text = draft_toml(given.data, y_true=given.y_true, name=given.name)
            if given.output is None:
                _print(text)
            else:
                from mlgates import jsonfile

                jsonfile.write_atomic(given.output, text)
            return 0

        from mlgates.profile.baseline import Baseline

        baseline = Baseline.from_data(given.data, exclude=given.exclude)
        baseline.save(given.output)
        rows, columns = baseline.rows, len(baseline.columns)
        shape = f"{number_of(rows, 'row')}, {columns:,} column"
        _print(f"{given.output}: {shape}{'' if columns == 1 else 's'}")
    except KeyboardInterrupt:
        _print_error("interrupted")
        return _INTERRUPTED
    except (MlgatesError, OSError) as error:
        _print_error(error)
        return _ERROR
    except BaseException:  # noqa: BLE001  (Python would exit with 1, the code of FAIL)
        _print_error(traceback.format_exc())
        return _ERROR
    return 0


def _write_workflows() -> None:
    """Write the workflows for GitHub Actions into the working folder; existing files are kept."""
    folder = Path(".github", "workflows")
    templates = sorted(Path(__file__).with_name("workflows").glob("*.yml"))
    for template in templates:
        if (folder / template.name).exists():
            raise EvidenceError(f"{folder / template.name}: the file exists; remove it first")
    folder.mkdir(parents=True, exist_ok=True)
    for template in templates:
        with (folder / template.name).open("x", encoding="utf-8", newline="\n") as file:
            file.write(template.read_text(encoding="utf-8"))
        _print_error(f"wrote {folder / template.name}; edit its paths")


def _compare(given: "Namespace") -> int:
    """Compare two reports, print or write the comparison, and return the exit code."""
    from mlgates import jsonfile
    from mlgates.comparison import compare

    comparison = compare(given.old, given.new)
    if given.summary is not None:
        _append(given.summary, comparison.to_markdown())
    if given.format == "json":
        text = jsonfile.dumps(comparison.to_dict()) + "\n"
    else:
        text = comparison.to_markdown() if given.format == "markdown" else f"{comparison}\n"
    if given.output is None:
        _print(text)
    else:
        jsonfile.write_atomic(given.output, text)
    return int(given.exit_code and bool(comparison.changes))


def _append(path: Path, text: str) -> None:
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"{text}\n")


def _write_report(
    report: "Report", *targets: tuple[Path | None, str | None], summary: Path | None = None
) -> int:
    """Write a report to all targets and return the exit code of its verdict.

    A target is a pair of a path and a form. If the path is None, the report is written to standard
    output. If the form is None, it follows from the suffix of the path. Text on a terminal has
    colours. The report is also appended to the file `summary`, in Markdown. If a target can't be
    written, a report that passed gets the exit code of ERROR.
    """
    from mlgates import jsonfile
    from mlgates.render import render

    code = _CODES[report.verdict]
    for path, form in (*targets, *([(summary, "summary")] if summary else [])):
        try:
            if path is None:
                colour = sys.stdout is not None and sys.stdout.isatty()
                _print(render(report, form or "text", colour=colour))
            elif form == "summary":
                _append(path, report.to_markdown())
            elif form is None:
                report.save(path)
            else:
                jsonfile.write_atomic(path, render(report, form))
        except (MlgatesError, OSError) as error:
            _print_error(error, path)
            code = code or _ERROR
    return code


def _print(text: str) -> None:
    """Write a string to standard output; a closed pipe is ignored, other OSErrors are raised."""
    stream: IO[str] | None = sys.stdout
    if stream is None:  # closed before the command started
        return
    try:
        stream.write(text if text.endswith("\n") else f"{text}\n")
        stream.flush()
    except OSError as error:
        # At exit, Python flushes the stream again. If this failed, the exit code would be replaced.
        with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def _print_error(problem: Exception | str, path: Path | None = None) -> None:
    """Write an error message to standard error; `path` is a file that could not be written."""
    if isinstance(problem, OSError) and problem.strerror:
        problem = f"{problem.filename or path or 'standard output'}: {problem.strerror}"
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"mlgates: {problem}\n")
        sys.stderr.flush()
