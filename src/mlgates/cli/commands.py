"""The commands: what each calls of the library, and which exit code its verdict is."""

import argparse
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlgates.cli.arguments import COLUMNS, OTHERS, TABLES, parser
from mlgates.cli.output import be_lenient, complain, say
from mlgates.errors import MlgatesError

if TYPE_CHECKING:
    from mlgates.report import Report

__all__ = ["main"]

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
        0 for PASS, 1 for FAIL, 2 for ERROR and for whatever kept the command from its work, 3 for
        INCONCLUSIVE. A wrong command line exits with 64.
    """
    be_lenient()
    asked = parser().parse_args(arguments)
    commands = {"run": _run, "show": _show, "baseline": _baseline}
    try:
        return commands[asked.command](asked)
    except KeyboardInterrupt:
        complain("interrupted")
        return _INTERRUPTED
    except (MlgatesError, OSError) as error:
        complain(_told(error))
    except Exception:  # noqa: BLE001  (Python's own code for it is 1, which would read as FAIL)
        complain(traceback.format_exc())
    return _ERROR


def _run(asked: argparse.Namespace) -> int:
    from mlgates.cli.suitefile import load

    suite = load(asked.suite)
    if asked.only:
        suite = suite.only(*asked.only)
    names = (*TABLES, *COLUMNS, *OTHERS)
    evidence: dict[str, Any] = {name: getattr(asked, name) for name in names}
    report = suite.run(n_jobs=asked.jobs, progress=asked.progress, **evidence)
    return _hand_out(report, lambda: say(_drawn(report)), *(_saver(report, p) for p in asked.save))


def _show(asked: argparse.Namespace) -> int:
    from mlgates import jsonfile
    from mlgates.render import render
    from mlgates.report import Report

    report, path = Report.load(asked.report), asked.output
    if path is None:
        return _hand_out(report, lambda: say(_drawn(report, asked.format)))
    if asked.format is None:
        return _hand_out(report, _saver(report, path))
    return _hand_out(report, lambda: jsonfile.write_atomic(path, render(report, asked.format)))


def _baseline(asked: argparse.Namespace) -> int:
    from mlgates.profile.baseline import Baseline

    baseline = Baseline.from_data(asked.data)
    baseline.save(asked.output)
    say(f"{asked.output}: {baseline.rows:,} rows, {len(baseline.columns):,} columns")
    return 0


def _drawn(report: "Report", form: str | None = None) -> str:
    """Return a report as it is printed: coloured on a terminal alone."""
    from mlgates.render import render

    form = form or "text"
    colour = form == "text" and sys.stdout is not None and sys.stdout.isatty()
    return render(report, form, colour=colour)


def _saver(report: "Report", path: Path) -> Callable[[], None]:
    return lambda: report.save(path)


def _hand_out(report: "Report", *ways: Callable[[], None]) -> int:
    """Hand a report out in every way, and return its exit code; a way that failed betters none."""
    code = _CODES[report.verdict]
    for way in ways:
        try:
            way()
        except (MlgatesError, OSError) as error:
            complain(_told(error))
            code = code or _ERROR
    return code


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'standard output'}: {error.strerror}"
    return str(error)
