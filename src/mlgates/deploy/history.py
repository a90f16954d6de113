"""`History`: the reports of one suite over time, in a file with one line per report."""

import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, final, overload

from mlgates import jsonfile, options
from mlgates.errors import EvidenceError
from mlgates.report import Report

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History"]

_OWNER = "History"
FORMAT = "mlgates.history"
VERSION = 1
_AT = "datetime64[us, UTC]"  # the type of the column `at`
_KEYS = frozenset({"format", "version", "at", "report"})


@final
class History:
    """The reports of a suite over time, in a file with one line of JSON per report.

    Each report belongs to a window, such as a day. A window is identified by a time `at`, usually
    its start. A second report of the same window adds its results to those of the first, and
    replaces the results of gates of the same name. This is useful if labels arrive later than data.

    Parameters
    ----------
    path : str or Path
        The file, usually ``*.jsonl``. `append` creates it.

    Notes
    -----
    Several processes can append to the same file: `append` locks the file, and writes the whole
    line before it returns. On file systems that have no locks, only one process may write to a
    file. If a process is killed while it writes, its line can be incomplete. Incomplete lines are
    skipped, and `skipped` has their line numbers. A warning is given for each of them, except for
    an incomplete last line, because another process may be writing it. All other lines are read.

    Reports that were read are kept in memory. Later, only new lines are read.

    Examples
    --------
    >>> import tempfile
    >>> import mlgates as mg
    >>> from datetime import UTC, datetime
    >>> folder = tempfile.TemporaryDirectory()
    >>> history = mg.History(f"{folder.name}/reports.jsonl")
    >>> suite = mg.GateSuite([mg.Completeness(max_missing=0.1)], name="scoring")
    >>> for day, ages in [(1, [31, 54]), (2, [28, None])]:
    ...     history.append(suite.run(data={"age": ages}), at=datetime(2026, 1, day, tzinfo=UTC))
    >>> len(history), history[-1].verdict
    (2, <Verdict.FAIL: 'fail'>)
    >>> history.to_frame()[["at", "subject", "verdict"]].iloc[-1].tolist()
    [Timestamp('2026-01-02 00:00:00+0000', tz='UTC'), 'age', 'fail']
    >>> folder.cleanup()
    """

    __slots__ = (
        *("_broken", "_file", "_lines", "_offset", "_path", "_reports", "_times", "_torn"),
    )

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike):
            raise options.refuse(_OWNER, "path", "a path of a file", path)
        self._path = Path(path)
        self._forget()

    def _forget(self) -> None:
        self._file: tuple[int, int] | None = None  # device and inode
        self._offset = 0
        self._lines = 0
        self._broken: list[int] = []
        self._torn: tuple[int, ...] = ()
        self._reports: dict[datetime, Report] = {}
        self._times: tuple[datetime, ...] = ()

    @property
    def path(self) -> Path:
        """Path of the file with the reports."""
        return self._path

    def append(self, report: Report, *, at: datetime) -> None:
        """Append the report of a window (the period to which it belongs) to the file.

        Parameters
        ----------
        report : Report
            The report of a run of the suite.
        at : datetime
            The time that identifies the window, usually its start. It must have a time zone.

        Raises
        ------
        OptionError
            If `report` is not a `Report`, or `at` has no time zone.
        OSError
            If the file can't be written. It is then unchanged.
        """
        owner = "History.append"
        if not isinstance(report, Report):
            raise options.refuse(owner, "report", "a Report", report)
        line = {
            "format": FORMAT,
            "version": VERSION,
            "at": options.in_utc(f"{_OWNER}: `at`", at).isoformat(),
            "report": report.to_dict(),
        }
        jsonfile.append_line(self._path, jsonfile.dumps(line, indent=None))

    @property
    def times(self) -> tuple[datetime, ...]:
        """The times of the windows in UTC, in ascending order."""
        self._read()
        return self._times

    @property
    def skipped(self) -> tuple[int, ...]:
        """Numbers, from 1, of the lines that were skipped because they are incomplete."""
        self._read()
        return (*self._broken, *self._torn)

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.times)

    @overload
    def __getitem__(self, place: int) -> Report: ...
    @overload
    def __getitem__(self, place: slice) -> list[Report]: ...

    def __getitem__(self, place: int | slice) -> Report | list[Report]:
        """Return the report of the window with this index, in order of time; -1 is the latest.

        A slice returns a list of reports.

        Raises
        ------
        IndexError
            If there is no window with this index.
        """
        return list(self)[place]

    def __iter__(self) -> Iterator[Report]:
        return iter([self._reports[at] for at in self.times])

    def at(self, at: datetime) -> Report | None:
        """Return the report of one window; None if the file has no report of this window.

        `at` is the time with which the report was appended. It must have a time zone, but not
        necessarily the same one. OptionError is raised if it has none.
        """
        self._read()
        return self._reports.get(options.in_utc(f"{_OWNER}: `at`", at))

    def __repr__(self) -> str:
        return f"History({os.fspath(self._path)!r})"

    def to_frame(self) -> "pd.DataFrame":
        """Return a pandas DataFrame with one row for each check of each window.

        A window is the period to which a report belongs, such as a day. The column ``at`` has the
        time with which the report was appended; it is usually the start of the window. The other
        columns are those of ``Report.to_frame()``.
        """
        import pandas as pd

        frames = []
        for at, report in zip(self.times, self, strict=True):
            frame = report.to_frame()
            frame.insert(0, "at", pd.Series([pd.Timestamp(at)] * len(frame), dtype=_AT))
            frames.append(frame)
        if not frames:
            empty = Report(name="history", results=()).to_frame()
            empty.insert(0, "at", pd.Series([], dtype=_AT))
            return empty
        return pd.concat(frames, ignore_index=True)

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write an HTML page with the trend of each check: its values, limits and verdicts.

        The page loads no other files and has no scripts. The checks are sorted by their verdict in
        the latest window, the worst first. Checks that are not in this window are at the end.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        from mlgates.render.trends import to_html

        page = to_html(self._path.name, self.times, list(self), self.skipped)
        jsonfile.write_atomic(path, page)

    def _read(self) -> None:
        """Read the lines that are new since the last call; all lines if the file was replaced."""
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            self._forget()
            return
        with file:
            found = os.fstat(file.fileno())
            identity = (found.st_dev, found.st_ino)
            if identity != self._file or found.st_size < self._offset:
                self._forget()
                self._file = identity
            before, self._torn = len(self._broken), ()
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):  # being written, or incomplete
                    self._torn = (self._lines + 1,)
                    break
                self._lines += 1
                self._offset += len(line)
                self._add(line)
        self._times = tuple(sorted(self._reports))
        for number in self._broken[before:]:
            warnings.warn(
                f"{self._path}: line {number} is incomplete and was skipped",
                stacklevel=3,
            )

    def _add(self, line: bytes) -> None:
        """Add the report in a line of the file to the reports in memory.

        A line that is not valid JSON is incomplete. It is skipped, and its number is stored in
        `skipped`. EvidenceError is raised for a line that is valid JSON but not a report.
        """
        try:
            data = jsonfile.loads(line.decode())
        except (EvidenceError, UnicodeDecodeError):
            self._broken.append(self._lines)
            return
        where = f"{self._path}, line {self._lines}"
        try:
            at, report = _parsed(data)
        except (EvidenceError, ValueError) as error:
            self._forget()
            raise EvidenceError(f"{where}: {error}") from error
        if (earlier := self._reports.get(at)) is not None:
            report = _merged(earlier, report)
        self._reports[at] = report


def _parsed(data: object) -> tuple[datetime, Report]:
    found = jsonfile.fields(jsonfile.versioned(data, "history", FORMAT, VERSION), _KEYS, "history")
    at = datetime.fromisoformat(jsonfile.text(found["at"], "at"))
    return options.in_utc(f"{_OWNER}: `at`", at), Report.from_dict(found["report"])


def _merged(earlier: Report, later: Report) -> Report:
    """Merge two reports of the same window; if a gate is in both, its result in `later` is used."""
    results = {result.name: result for result in (*earlier, *later)}
    provenance = {**earlier.provenance, **later.provenance}
    for section in ("tables", "values", "models", "seeds"):
        parts = (each.provenance.get(section) for each in (earlier, later))
        if maps := [part for part in parts if isinstance(part, Mapping)]:
            provenance[section] = {name: part for each in maps for name, part in each.items()}
    return replace(
        later,
        name=earlier.name,
        results=tuple(results.values()),
        provenance=provenance,
        metadata={**earlier.metadata, **later.metadata},
    )
