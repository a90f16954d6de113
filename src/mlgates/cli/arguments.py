"""The arguments of the command line."""

import argparse
import re
import sys
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from mlgates.evidence_names import NAMES

USAGE = 64  # as sysexits.h has it: argparse's own 2 would read as the verdict ERROR
FORMS = ("text", "markdown", "html", "junit", "json")
# evidence that a command line can give: files, and names of columns in them
_GIVEN = [each for each in NAMES.values() if each.on_command_line]
TABLES = tuple(each.name for each in _GIVEN if each.kind in ("table", "features"))
COLUMNS = tuple(each.name for each in _GIVEN if each.kind in ("rows", "log") and not each.several)
OTHERS = tuple(each.name for each in _GIVEN if each.name not in (*TABLES, *COLUMNS))

_CODES = (
    "exit codes: 0 PASS, 1 FAIL, 2 ERROR or the command could not do its work, 3 INCONCLUSIVE, "
    "64 a wrong command line"
)
_INTEGER = re.compile(r"-?[0-9]{1,15}", re.ASCII)


class _Parser(argparse.ArgumentParser):
    """A parser that takes no abbreviations, and exits with 64 where argparse does with 2."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        super().exit(USAGE if status else 0, message)


class _Version(argparse.Action):
    """Print the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        import mlgates

        parser._print_message(f"mlgates {mlgates.__version__}\n", sys.stdout)  # noqa: SLF001
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    about = "Validation gates for machine learning."
    top = _Parser(prog="mlgates", description=about, epilog=_CODES)
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    commands.required = True

    about = "Run a suite and print its report; the exit code is its verdict."
    run = commands.add_parser("run", help="run a suite of gates", description=about, epilog=_CODES)
    text = "gates.toml, or a Python file that holds a GateSuite: gates.py or gates.py:NAME"
    run.add_argument("suite", metavar="SUITE", help=text)
    for name in TABLES:
        or_baseline = ", or the .json of a baseline" if name == "reference" else ""
        text = f"the table `{name}`: a Parquet file or a folder of them{or_baseline}"
        run.add_argument(f"--{name}", type=Path, metavar="PATH", help=text)
    for name in COLUMNS:
        text = f"the column of `X`, or else of `data`, that is `{name}`"
        run.add_argument(f"--{name.replace('_', '-')}", metavar="COLUMN", help=text)
    text = "a column that tells groups apart; may be given several times"
    run.add_argument("--sensitive-features", action="append", metavar="COLUMN", help=text)
    text = "the positive label: a whole number, or a text; in quotes always a text"
    run.add_argument("--pos-label", type=_label, metavar="LABEL", help=text)
    text = "the time by which freshness is judged, with its zone: 2026-01-31T06:00:00+00:00"
    run.add_argument("--now", type=_moment, metavar="TIME", help=text)
    text = "run the gates of this name, kind or pattern alone; may be given several times"
    run.add_argument("--only", action="append", metavar="PATTERN", help=text)
    text = "save the report: .html .md .json .xml (JUnit) .txt; may be given several times"
    run.add_argument(
        "--save", action="append", default=[], type=_report_file, metavar="FILE", help=text
    )
    run.add_argument("--jobs", type=_jobs, metavar="N", help="threads for scanning tables")
    run.add_argument("--progress", action="store_true", help="show which gate is running")

    text = "show a report that was saved"
    about = "Show a report that was saved as JSON; the exit code is its verdict."
    show = commands.add_parser("show", help=text, description=about, epilog=_CODES)
    show.add_argument("report", metavar="REPORT", help="a report's .json file")
    text = "by default text, or what the suffix of -o says"
    show.add_argument("--format", choices=FORMS, help=text)
    show.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to a file")

    text = "keep a table's distribution as a reference"
    about = "Keep a table's distribution, without a row of it, as a reference."
    baseline = commands.add_parser("baseline", help=text, description=about)
    baseline.add_argument("data", type=Path, metavar="DATA", help="a Parquet file or folder")
    baseline.add_argument(
        "-o", "--output", type=_baseline_file, required=True, metavar="FILE", help="its .json file"
    )
    return top


def _label(text: str) -> int | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        msg = f"{text!r} is no time with a zone, such as 2026-01-31T06:00:00+00:00"
        raise argparse.ArgumentTypeError(msg)
    return moment


def _jobs(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) < 1:
        msg = f"{text!r} is no whole number of at least 1"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _report_file(text: str) -> Path:
    from mlgates.report import SUFFIXES

    if Path(text).suffix.lower() not in SUFFIXES:
        msg = f"{text!r} must end in one of {', '.join(SUFFIXES)}"
        raise argparse.ArgumentTypeError(msg)
    return Path(text)


def _baseline_file(text: str) -> Path:
    if not text.endswith(".json"):
        msg = f"{text!r} must end in .json: by that a reference is known as a baseline"
        raise argparse.ArgumentTypeError(msg)
    return Path(text)
