"""Define and parse the arguments of the command line."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from glob import has_magic, iglob
from pathlib import Path
from typing import Any, NoReturn

from mlgates.evidence_names import NAMES

USAGE = 64  # EX_USAGE of sysexits.h; the 2 of argparse is the exit code of ERROR here
FORMS = ("text", "markdown", "html", "junit", "json")
# Evidence that can be given as a file, or as the name of a column of a file.
_GIVEN = [each for each in NAMES.values() if each.on_command_line]
TABLES = tuple(each.name for each in _GIVEN if each.kind in ("table", "features"))
COLUMNS = tuple(each.name for each in _GIVEN if each.kind in ("rows", "log") and not each.several)
OTHERS = tuple(each.name for each in _GIVEN if each.name not in (*TABLES, *COLUMNS))
# Evidence that consists of several columns, and its help text.
_SEVERAL = {
    "sensitive_features": "a column that defines groups of people; may be given several times",
    "y_interval": "the column with the lower ends of predicted intervals; give the option a second "
    "time for the column with the upper ends",
    "production_interval": "the same as --y-interval for the model in production",
}

#: Options of `mlgates canary` that are options of `Canary`, and their help texts.
CANARY = {
    "max_increase": "largest increase of the event rate, relative to production; by default 0.5",
    "max_decrease": "largest decrease of the rate of a wanted event, relative to production",
    "min_requests": "requests that each model must have for a PASS; by default 1000",
    "rollback_error": "largest probability of a wrong FAIL; by default 0.01",
    "promote_error": "largest probability of a wrong PASS; by default 0.05",
    "negligible": "an event with a rate below this, as a share of requests, passes",
}

_CODES = (
    "exit codes: 0 PASS; 1 FAIL; 2 ERROR, or the command itself failed; 3 INCONCLUSIVE; "
    "64 wrong command line"
)
_INTEGER = re.compile(r"-?[0-9]{1,15}", re.ASCII)


class _Parser(argparse.ArgumentParser):
    """A parser that refuses abbreviated options.

    The exit code is 64 if the command line is wrong.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        super().exit(USAGE if status else 0, message)


class _Version(argparse.Action):
    """An action that prints the version of mlgates and exits."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        import mlgates

        parser._print_message(f"mlgates {mlgates.__version__}\n", sys.stdout)  # noqa: SLF001
        parser.exit()


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; exit with code 64 if it is wrong.

    In the result, the value of an option that names a table is a path, or a list of several paths.
    ``summary`` is the path of the file to which the report is appended, or None without this
    option.
    """
    top = parser()
    given = top.parse_args(arguments)
    for name in TABLES if given.command == "run" else ("data",):
        if paths := getattr(given, name, None):
            setattr(given, name, _files(paths))
    if given.command == "init" and not given.data and given.ci is None:
        top.error("give DATA to draft a suite, or --ci github")
    if given.command == "run" and given.offending is not None and not given.data:
        top.error("argument --offending: rows of `data` are written; give --data")
    if getattr(given, "summary", None) is not None:
        path = given.summary or os.environ.get("GITHUB_STEP_SUMMARY", "")
        if not path:
            top.error("argument --summary: $GITHUB_STEP_SUMMARY is not set; write --summary=FILE")
        if Path(path).suffix in (".toml", ".py"):
            top.error(f"argument --summary: {path!r} is a suite; write it before --summary")
        given.summary = Path(path)
    return given


def _files(paths: Sequence[str]) -> Path | list[Path]:
    """Return the path of the file to which paths and patterns refer, or a list of several paths."""
    files: list[Path] = []
    for path in paths:
        if has_magic(path) and not Path(path).exists():
            # Use a pattern without a match as a path, so that the gates report it.
            matches = iglob(path, recursive=True)  # noqa: PTH207  (that of Path is relative)
            files += sorted(map(Path, matches)) or [Path(path)]
        else:
            files.append(Path(path))
    return files if len(files) > 1 else files[0]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    about = "Validation gates for machine learning."
    top = _Parser(prog="mlgates", description=about, epilog=_CODES)
    top.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = top.add_subparsers(title="commands", dest="command", metavar="COMMAND")
    commands.required = True

    about = "Run a suite of gates and print the report. The exit code is that of its verdict."
    run = commands.add_parser("run", help="run a suite of gates", description=about, epilog=_CODES)
    text = "a TOML file, or a Python file that defines a GateSuite; gates.py:NAME chooses one of "
    text += "several"
    run.add_argument("suite", metavar="SUITE", help=text)
    for name in TABLES:
        or_baseline = ", or the .json file of a baseline" if name == "reference" else ""
        text = f"{NAMES[name].summary}: a Parquet or CSV file, a folder of Parquet files, or a "
        text += f"pattern in quotes, such as 'part-*.parquet'{or_baseline}; repeat the option for "
        text += "several files"
        option = f"--{name.replace('_', '-')}"
        run.add_argument(option, action="append", metavar="PATH", help=text)
    for name in COLUMNS:
        where = "--X-train" if NAMES[name].side == "training" else "--X, or else of --data"
        text = f"the column with `{name}` ({NAMES[name].summary}), in the table of {where}"
        run.add_argument(f"--{name.replace('_', '-')}", metavar="COLUMN", help=text)
    for name, text in _SEVERAL.items():
        run.add_argument(
            f"--{name.replace('_', '-')}", action="append", metavar="COLUMN", help=text
        )
    text = "the positive label: an integer, true, false, or a string; '1' in quotes is a string"
    run.add_argument("--pos-label", type=_label, metavar="LABEL", help=text)
    text = "a label; give the option once for each column of scores, in the order of the columns"
    run.add_argument("--classes", action="append", type=_label, metavar="LABEL", help=text)
    text = "the time from which ages are measured, with a time zone: 2026-01-31T06:00:00+00:00; by "
    text += "default the current time"
    run.add_argument("--now", type=_moment, metavar="TIME", help=text)
    text = "run only the gates with this name or kind, or whose names match a pattern such as "
    text += "'drift*'; may be given several times"
    run.add_argument("--only", action="append", metavar="PATTERN", help=text)
    text = "the counts of requests and events of two models: a file written by `Traffic.save`"
    run.add_argument("--traffic", type=Path, metavar="FILE", help=text)
    text = "write all rows that break the rules of failed gates to FILE (.parquet or .csv)"
    run.add_argument("--offending", type=_rows_file, metavar="FILE", help=text)
    text = "information about the run to store in the report, such as version=7; may be given "
    text += "several times"
    run.add_argument(
        "--metadata", action="append", default=[], type=_named, metavar="NAME=TEXT", help=text
    )
    _add_outputs(run)
    run.add_argument("--jobs", type=_jobs, metavar="N", help="number of threads for reading tables")
    run.add_argument("--progress", action="store_true", help="show which gate is running")

    text = "judge a new model (the candidate) by events, such as errors, in its traffic"
    about = "Judge a new model (the candidate) by events, such as errors, in its share of the "
    about += "traffic. The exit code is that of the verdict."
    canary = commands.add_parser("canary", help=text, description=about, epilog=_CODES)
    text = "the counts of requests and events of both models: a file written by `Traffic.save`"
    canary.add_argument("--traffic", type=Path, required=True, metavar="FILE", help=text)
    text = "names of the events to judge, separated by commas: errors,slow"
    canary.add_argument("--events", type=_names, required=True, metavar="NAMES", help=text)
    for name, text in CANARY.items():
        kind = int if name == "min_requests" else float
        canary.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="NUMBER", help=text)
    _add_outputs(canary)

    text = "show a saved report"
    about = "Show a report that was saved as JSON. The exit code is that of its verdict."
    show = commands.add_parser("show", help=text, description=about, epilog=_CODES)
    show.add_argument("report", metavar="REPORT", help="the .json file of a report")
    text = "the form of the report; by default it follows from the suffix of -o, else text"
    show.add_argument("--format", choices=FORMS, help=text)
    show.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE")

    _add_compare(commands)
    _add_init(commands)

    text = "save the profile of a table as a reference"
    about = "Save the distributions of a table, without its rows, as a reference for later runs."
    baseline = commands.add_parser("baseline", help=text, description=about)
    text = "Parquet or CSV files, folders of Parquet files, or patterns in quotes"
    baseline.add_argument("data", nargs="+", metavar="DATA", help=text)
    text = "a column to leave out, such as a name or an address; repeat it for several"
    baseline.add_argument("--exclude", action="append", default=[], metavar="COLUMN", help=text)
    baseline.add_argument(
        "-o",
        "--output",
        type=_baseline_file,
        required=True,
        metavar="FILE",
        help="the .json file to write",
    )
    return top


def _add_compare(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "show what changed between two reports"
    about = "Show what changed between two reports that were saved as JSON."
    codes = "exit codes: 0 compared; 1 changes were found, with --exit-code; 2 the command failed"
    compare = commands.add_parser("compare", help=text, description=about, epilog=codes)
    compare.add_argument("old", metavar="OLD", help="the .json file of the earlier report")
    compare.add_argument("new", metavar="NEW", help="the .json file of the later report")
    text = "the form of the comparison; by default text"
    compare.add_argument("--format", choices=("text", "markdown", "json"), help=text)
    compare.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to FILE")
    _add_summary(compare, "comparison")
    text = "exit with 1 if something other than times changed, or if this can't be determined"
    compare.add_argument("--exit-code", action="store_true", help=text)


def _add_init(commands: "argparse._SubParsersAction[_Parser]") -> None:
    text = "draft a suite from a table, or write workflows for CI"
    about = "Draft a suite from data that are known to be good, and print it as TOML for a review. "
    about += "With --ci, also write workflows for the CI of a repository."
    init = commands.add_parser("init", help=text, description=about)
    text = "Parquet or CSV files, folders of Parquet files, or patterns in quotes; without any "
    text += "and with --ci, only the workflows are written"
    init.add_argument("data", nargs="*", metavar="DATA", help=text)
    text = "the column with the labels; it gets its own drift gate"
    init.add_argument("--y-true", metavar="COLUMN", help=text)
    text = "the name of the suite; by default 'suite'"
    init.add_argument("--name", default="suite", metavar="NAME", help=text)
    text = "write to FILE"
    init.add_argument("-o", "--output", type=Path, metavar="FILE", help=text)
    text = "write .github/workflows/data-gates.yml and model-gates.yml; existing files are kept"
    init.add_argument("--ci", choices=("github",), help=text)


def _add_outputs(command: argparse.ArgumentParser) -> None:
    """Add the options for files that a command writes in addition to its output."""
    text = "save the report to FILE, in the form of its suffix: .html .md .json .xml (JUnit) .txt; "
    text += "may be given several times"
    command.add_argument(
        "--save", action="append", default=[], type=_report_file, metavar="FILE", help=text
    )
    _add_summary(command, "report")


def _add_summary(command: argparse.ArgumentParser, what: str) -> None:
    text = f"append the {what} as Markdown to FILE, by default to the file $GITHUB_STEP_SUMMARY"
    command.add_argument("--summary", nargs="?", const="", metavar="FILE", help=text)


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign):
        # Do not show the string, because it may be a secret.
        raise argparse.ArgumentTypeError("must be a name and a value, such as version=7")
    return name, value


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _label(text: str) -> bool | int | str:
    """Convert a label to a value.

    `1` is an integer, `true` is a bool, `yes` and `'1'` are strings.
    """
    if _INTEGER.fullmatch(text):
        return int(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() is None:
        raise argparse.ArgumentTypeError(
            f"must be a time with a zone, such as 2026-01-31T06:00:00+00:00, got {text!r}"
        )
    return moment


def _jobs(text: str) -> int:
    if not _INTEGER.fullmatch(text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be an integer of at least 1, got {text!r}")
    return int(text)


def _report_file(text: str) -> Path:
    from mlgates.report import SUFFIXES

    if Path(text).suffix.lower() not in SUFFIXES:
        raise argparse.ArgumentTypeError(
            f"the file must end in {', '.join(SUFFIXES)}, got {text!r}"
        )
    return Path(text)


def _rows_file(text: str) -> Path:
    if Path(text).suffix not in (".parquet", ".csv"):
        raise argparse.ArgumentTypeError(f"the file must end in .parquet or .csv, got {text!r}")
    return Path(text)


def _baseline_file(text: str) -> Path:
    if not text.endswith(".json"):
        raise argparse.ArgumentTypeError(f"a baseline is a .json file, got {text!r}")
    return Path(text)
