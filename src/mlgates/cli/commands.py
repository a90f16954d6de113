"""The commands: calls of the library, exit codes, and output that may not be taken."""

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlgates.cli.arguments import COLUMNS, OTHERS, TABLES, parser
from mlgates.errors import MlgatesError

if TYPE_CHECKING:
    from mlgates.report import Report

_CODES = {"pass": 0, "fail": 1, "error": 2, "inconclusive": 3}
_ERROR = _CODES["error"]
_INTERRUPTED = 130  # as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        0 for PASS, 1 for FAIL, 2 for ERROR and for a command that could not do its work, 3 for
        INCONCLUSIVE. A wrong command line exits with 64.
    """
    for stream in (sys.stdout, sys.stderr):  # write as an escape what an encoding lacks
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
    asked = parser().parse_args(arguments)
    try:
        if asked.command == "run":
            from mlgates.cli.suitefile import load

            suite = load(asked.suite)
            if asked.only:
                suite = suite.only(*asked.only)
            names = (*TABLES, *COLUMNS, *OTHERS)
            evidence: dict[str, Any] = {name: getattr(asked, name) for name in names}
            report = suite.run(n_jobs=asked.jobs, progress=asked.progress, **evidence)
            return _deliver(report, (None, None), *((path, None) for path in asked.save))
        if asked.command == "show":
            from mlgates.report import Report

            return _deliver(Report.load(asked.report), (asked.output, asked.format))

        from mlgates.profile.baseline import Baseline

        baseline = Baseline.from_data(asked.data)
        baseline.save(asked.output)
        _print(f"{asked.output}: {baseline.rows:,} rows, {len(baseline.columns):,} columns")
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except (MlgatesError, OSError) as error:
        _complain(error)
        return _ERROR
    except Exception:  # noqa: BLE001  (Python's own code for it is 1, which would read as FAIL)
        _complain(traceback.format_exc())
        return _ERROR
    return 0


def _deliver(report: "Report", *targets: tuple[Path | None, str | None]) -> int:
    """Print or write a report and return its exit code; a PASS that can't be written is an ERROR.

    A target is a path, or None for standard output, and a form, or None for that of the path's
    suffix. On a terminal text has colours.
    """
    from mlgates import jsonfile
    from mlgates.render import render

    code = _CODES[report.verdict]
    for path, form in targets:
        try:
            if path is None:
                colour = sys.stdout is not None and sys.stdout.isatty()
                _print(render(report, form or "text", colour=colour))
            elif form is None:
                report.save(path)
            else:
                jsonfile.write_atomic(path, render(report, form))
        except (MlgatesError, OSError) as error:
            _complain(error)
            code = code or _ERROR
    return code


def _print(text: str) -> None:
    """Write a text to standard output, whose reader may have gone; raise other OSErrors."""
    stream: IO[str] | None = sys.stdout
    if stream is None:  # closed before the command began
        return
    try:
        stream.write(text if text.endswith("\n") else f"{text}\n")
        stream.flush()
    except OSError as error:
        # or Python would try again at its end, and take that failure for the exit code
        with suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
        if not isinstance(error, BrokenPipeError):
            raise


def _complain(problem: Exception | str) -> None:
    """Write a line to standard error, if there is one."""
    if isinstance(problem, OSError) and problem.strerror:
        problem = f"{problem.filename or 'standard output'}: {problem.strerror}"
    with suppress(OSError, AttributeError):
        sys.stderr.write(f"mlgates: {problem}\n")
        sys.stderr.flush()
