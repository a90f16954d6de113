"""The reports of one run of pytest: a line each in the terminal, a file each where one was asked.

They come with pytest's own reports of the tests, so that those made by the workers of xdist arrive
in the one process that has the terminal, and are written once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlgates.report import Report

__all__ = ["Gathered"]

_NAMED = 3  # gates of one report in the summary
_OF_THE_MOMENT = {"started", "seconds", "now"}


class Gathered:
    """What suites found in this run; a plugin of its own.

    Parameters
    ----------
    config : pytest.Config
        Of the process that has the terminal.

    Raises
    ------
    pytest.UsageError
        When ``--mlgates-report`` can't be written to.
    """

    def __init__(self, config: pytest.Config) -> None:
        given = config.getoption("--mlgates-report")
        self.path = None if given is None else _checked(config.invocation_params.dir, given)
        self._texts: dict[str, list[str]] = {}
        self._runs: dict[str, tuple[list[str], Report]] = {}
        self._written: list[str] = []
        self._trouble = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the reports of a test."""
        for where, text in getattr(report, "mlgates_reports", ()):
            self._texts.setdefault(text, []).append(where)

    def _read(self) -> None:
        """Read the reports; one that was made again of the same, by another worker, counts once."""
        if not self._texts:
            return
        from mlgates import jsonfile
        from mlgates.report import Report

        for text, where in self._texts.items():
            report = Report.from_dict(jsonfile.loads(text))
            self._runs.setdefault(_without_times(report), ([], report))[0].extend(where)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports; a file that can't be written fails the run."""
        self._read()
        if self.path is None:
            return
        for number, (_, report) in enumerate(self._runs.values(), 1):
            path = self.path.with_stem(f"{self.path.stem}-{number}") if number > 1 else self.path
            try:
                report.save(path)
            except OSError as error:
                self._trouble = f"{path} can't be written: {error.strerror or error}"
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
                return
            self._written.append(os.path.relpath(path, session.config.invocation_params.dir))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show a line for each run of a suite, and where it was written to."""
        if not self._runs and self.path is None:
            return
        terminalreporter.section("mlgates")
        for where, report in self._runs.values():
            terminalreporter.write_line(_line(where, report), **_markup(report))
        if self._written:
            terminalreporter.write_line(f"written: {', '.join(self._written)}")
        if self._trouble:
            terminalreporter.write_line(self._trouble, red=True)
        elif self.path is not None and not self._written:
            terminalreporter.write_line(f"no suite was run: {self.path.name} was not written")


def _checked(folder: Path, given: str) -> Path:
    """Return a path that reports can be written to."""
    from mlgates.report import SUFFIXES

    option, path = f"--mlgates-report={given}", folder / given
    if path.is_dir():
        message = f"{option}: is a folder; name a file"
    elif path.suffix.lower() not in SUFFIXES:
        message = f"{option}: the path must end in one of {', '.join(SUFFIXES)}"
    elif not path.parent.is_dir():
        message = f"{option}: there is no folder {path.parent}"
    else:
        return path
    raise pytest.UsageError(message)


def _without_times(report: Report) -> str:
    """Return what tells a report from others but for when it was made, and how long that took."""
    from mlgates import jsonfile

    told = report.to_dict()
    rests = {k: v for k, v in report.provenance.items() if k not in _OF_THE_MOMENT}
    results = [{**result.to_dict(), "seconds": 0} for result in report]
    return jsonfile.dumps({**told, "provenance": rests, "results": results})


def _line(where: list[str], report: Report) -> str:
    first = str(report).split("\n", 1)[0]
    worst = [f"{_plain(result.name)} {result.verdict.upper()}" for result in report.failures]
    more = [f"{len(worst) - _NAMED} more"] if len(worst) > _NAMED else []
    named = f": {', '.join([*worst[:_NAMED], *more])}" if worst else ""
    tests = list(dict.fromkeys(where))
    others = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
    return f"{first}{named}  ({_plain(tests[0])}{others})"


def _plain(text: str) -> str:
    """Return a text on one line, what can't be printed as escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def _markup(report: Report) -> dict[str, bool]:
    colours = {"pass": "green", "inconclusive": "yellow"}
    return {colours.get(str(report.verdict), "red"): True}
