"""Print one line for each report of a pytest run, and write the reports to files on request.

The reports of gates are attached to pytest's own reports of tests. pytest-xdist sends these to the
main process, where the reports of all workers are written once.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlgates.report import Report

__all__ = ["Collector"]

_NAMED = 3  # gates of one report in the summary
# Parts of the provenance that differ between the runs of one session: times, and the versions of
# the packages that were imported so far.
_VARYING = {"started", "seconds", "now", "versions"}


class Collector:
    """A pytest plugin that collects the reports of all suites of a run in the main process.

    Raises
    ------
    pytest.UsageError
        If the path of ``--mlgates-report`` can't be written.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.path = None
        self._texts: dict[str, list[str]] = {}
        self._runs: dict[str, tuple[list[str], Report]] = {}
        self._written: list[str] = []
        self._problem = ""
        given = config.getoption("--mlgates-report")
        if given is None:
            return
        from mlgates.report import SUFFIXES

        self.path, problem = config.invocation_params.dir / given, ""
        if self.path.is_dir():
            problem = "the path is a folder, expected a file"
        elif self.path.suffix.lower() not in SUFFIXES:
            problem = f"the path must end in one of {', '.join(SUFFIXES)}"
        elif not self.path.parent.is_dir():
            problem = f"the folder {self.path.parent} does not exist"
        if problem:
            raise pytest.UsageError(f"--mlgates-report={given}: {problem}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect the reports of gates that are attached to pytest's report of a test."""
        for where, text in getattr(report, "mlgates_reports", ()):
            self._texts.setdefault(text, []).append(where)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the reports to files; if a file can't be written, the run fails.

        Reports that differ only in times and in the packages that were imported count as equal, and
        are written once. Workers that run the same suite make such reports.
        """
        if self._texts:
            from mlgates import jsonfile
            from mlgates.report import Report

            for text, where in self._texts.items():
                report = Report.from_dict(jsonfile.loads(text))
                rests = {k: v for k, v in report.provenance.items() if k not in _VARYING}
                results = [{**result.to_dict(), "seconds": 0} for result in report]
                same = {**report.to_dict(), "provenance": rests, "results": results}
                self._runs.setdefault(jsonfile.dumps(same), ([], report))[0].extend(where)
        if self.path is None:
            return
        for number, (_, report) in enumerate(self._runs.values(), 1):
            path = self.path.with_stem(f"{self.path.stem}-{number}") if number > 1 else self.path
            try:
                report.save(path)
            except OSError as error:
                self._problem = f"{path} can't be written: {error.strerror or error}"
                if session.exitstatus == pytest.ExitCode.OK:
                    session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
                return
            self._written.append(os.path.relpath(path, session.config.invocation_params.dir))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print a line for each report, and the names of the files that were written."""
        if not self._runs and self.path is None:
            return
        from mlgates.printable import clean, without_commands

        terminalreporter.section("mlgates")
        for where, report in self._runs.values():
            first = str(report).split("\n", 1)[0]
            worst = [f"{clean(r.name, 1_000)} {r.verdict.upper()}" for r in report.failures]
            more = [f"{len(worst) - _NAMED} more"] if len(worst) > _NAMED else []
            named = f": {', '.join([*worst[:_NAMED], *more])}" if worst else ""
            deselected = report.provenance.get("deselected", ())
            count = len(deselected) if isinstance(deselected, tuple) else 0
            first += f", {count} not selected" if count else ""
            tests = list(dict.fromkeys(where))
            others = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
            colours = {"pass": "green", "inconclusive": "yellow"}
            line = f"{first}{named}  ({clean(tests[0], 1_000)}{others})"
            colour = colours.get(str(report.verdict), "red")
            terminalreporter.write_line(without_commands(line), **{colour: True})
        if self._written:
            terminalreporter.write_line(f"written: {', '.join(self._written)}")
        if self._problem:
            terminalreporter.write_line(self._problem, red=True)
        elif self.path is not None and not self._written:
            terminalreporter.write_line(f"{self.path.name} was not written: no suite was run")
