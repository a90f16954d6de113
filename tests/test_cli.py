"""The command: exit codes, suites in files, and output that can fail."""

import importlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import mlgates as mg
from mlgates.cli import main
from mlgates.cli.arguments import COLUMNS, FORMS, OTHERS, TABLES, parser
from mlgates.cli.suitefile import load
from mlgates.evidence import VOCABULARY
from mlgates.options import did_you_mean
from mlgates.render import FORMS as DRAWN

LOANS = """
[suite]
name = "loans"

[[gates]]
gate = "Schema"
extra = "allow"
columns.age = { dtype = "int", at_least = 0, at_most = 120 }
columns.income = "float"

[[gates]]
gate = "Completeness"
min_rows = 3
after = ["schema"]

[[gates]]
gate = "Drift"
method = "psi"
at_most = 0.2
exclude = ["income"]
advisory = true
"""

# a suite with the verdict that the only column of its data names
ENDS = """
import mlgates as mg

class Ends(mg.Gate):
    needs = frozenset({"data"})

    def check(self, evidence):
        (verdict,) = evidence.source("data").schema
        if verdict == "pass":
            yield mg.Check.judge("x", "rows", mg.Measurement(1, n=1), mg.Limit(at_least=1))
        elif verdict == "interrupt":
            raise KeyboardInterrupt
        else:
            yield mg.Check(subject="x", metric="rows", verdict=verdict, reason="by the column")

SUITE = mg.GateSuite([Ends()], name="ends \\u2603")
OTHER = SUITE + mg.GateSuite([mg.Completeness()])
"""

LOADED = {"gates", "rows", "beside", "s", "_mlgates_suite_json"}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with suites and tables, in which the command is run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("gates.toml").write_text(LOANS, encoding="utf-8")
    Path("gates.py").write_text(ENDS, encoding="utf-8")
    for name, ages in {"good": [31, 44, 45], "bad": [31, 140, 45]}.items():
        table = pa.table({"age": ages * 100, "income": [2400.0, 3100.0, 1900.0] * 100})
        pq.write_table(table, f"{name}.parquet")
    for verdict in ("pass", "fail", "error", "inconclusive", "interrupt"):
        pq.write_table(pa.table({verdict: [1]}), f"{verdict}.parquet")
    yield tmp_path
    for name, module in [*sys.modules.items()]:
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)) or name in LOADED:
            del sys.modules[name]


def run(*arguments, **options):
    """Run the command in a process of its own."""
    given = {"capture_output": True, "timeout": 300} | options
    command = [sys.executable, "-W", "error", "-m", "mlgates", *arguments]
    return subprocess.run(command, check=False, **given)


@pytest.fixture
def output(capsys):
    """Return a function that gives what was printed since its last call."""

    def read():
        printed = capsys.readouterr()
        return printed.out + printed.err

    return read


# exit codes


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("pass", 0), ("fail", 1), ("error", 2), ("inconclusive", 3), ("interrupt", 130)],
)
def test_the_exit_code_is_the_verdict(place, output, verdict, code):
    assert main(["run", "gates.py", f"--data={verdict}.parquet", "--save=r.json"]) == code
    if code < 4:
        assert f"ends \u2603: {verdict.upper()}" in output()
        # a stored report that is shown says the same
        assert main(["show", "r.json"]) == code
        assert main(["show", "r.json", "-o", "r.html"]) == code


def test_a_run_has_the_metadata_of_its_options(place, output):
    about = ["--metadata", "version=7", "--metadata", "note=a=b", "--metadata", "apiKey=hunter2"]
    assert main(["run", "gates.py", "--data=pass.parquet", "--save=r.json", *about]) == 0
    assert "hunter2" not in output()
    expected = {"version": "7", "note": "a=b", "apiKey": "<hidden>"}
    assert mg.Report.load("r.json").metadata == expected


@pytest.mark.parametrize("verdict", ["pass", "fail", "error", "inconclusive"])
def test_a_report_that_cannot_be_written_is_an_error(place, output, verdict):
    code = main(["run", "gates.py", f"--data={verdict}.parquet", "--save=no/r.md", "--save=r.md"])
    assert code == {"pass": 2, "fail": 1, "error": 2, "inconclusive": 3}[verdict]
    assert "mlgates: no/r.md: No such file or directory" in output()
    assert Path("r.md").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["ran"], "invalid choice: 'ran'"),
        (["run"], "the following arguments are required: SUITE"),
        (["run", "gates.toml", "--dat", "x"], "unrecognized arguments: --dat"),
        (
            ["run", "gates.toml", "--save", "r.pdf"],
            "the file must end in .html, .md, .json, ",
        ),
        (["run", "gates.toml", "--now", "2026-01-31"], "must be a time with a zone"),
        (["run", "gates.toml", "--now", "today"], "must be a time with a zone"),
        (
            ["run", "gates.toml", "--metadata", "7"],
            "argument --metadata: must be a name and a value, such as version=7",
        ),
        (["run", "gates.toml", "--jobs", "0"], "must be an integer of at least 1, got '0'"),
        (["run", "gates.toml", "--jobs", "1_0"], "must be an integer of at least 1, got '1_0'"),
        (["show", "r.json", "--format", "pdf"], "invalid choice: 'pdf'"),
        (
            ["run", "gates.toml", "--data", "good.parquet", "--offending", "rows.json"],
            "the file must end in .parquet or .csv, got 'rows.json'",
        ),
        (
            ["run", "gates.toml", "--offending", "rows.csv"],
            "argument --offending: rows of `data` are written; give --data",
        ),
        (["canary", "--events", "errors"], "the following arguments are required: --traffic"),
        (["canary", "--traffic", "t.json"], "the following arguments are required: --events"),
        (
            ["canary", "--traffic", "t.json", "--events", "errors", "--max-increase", "half"],
            "argument --max-increase: invalid float value: 'half'",
        ),
        (["baseline", "good.parquet"], "the following arguments are required: -o/--output"),
        (
            ["baseline", "good.parquet", "-o", "b.parquet"],
            "a baseline is a .json file, got",
        ),
    ],
)
def test_a_wrong_command_line_is_64(place, output, arguments, expected):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 64
    assert expected in output()


def test_help_and_version_are_0(output):
    for asked in (
        ["--help"],
        ["run", "--help"],
        ["canary", "--help"],
        ["show", "--help"],
        ["--version"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(asked)
        assert caught.value.code == 0
    assert f"mlgates {mg.__version__}" in output()


# from a table to a report


def test_a_suite_in_toml_runs_against_a_baseline(place, output):
    assert main(["baseline", "good.parquet", "-o", "base.json"]) == 0
    assert output() == "base.json: 300 rows, 2 columns\n"
    expected = ["--reference=base.json", "--save=r.html", "--save=r.json"]
    assert main(["run", "gates.toml", "--data=good.parquet", *expected]) == 0
    assert output().startswith("loans: PASS (1 advisory) - 3 gates\n")
    assert mg.Report.load("r.json").name == "loans"
    assert main(["run", "gates.toml", "--data=bad.parquet", *expected]) == 1
    assert (
        mg.Report.load("r.json")["completeness"].reason == "not run, because `schema` did not pass"
    )
    # one gate alone
    assert main(["run", "gates.toml", "--data=bad.parquet", "--only=compl*"]) == 0
    assert main(["run", "gates.toml", "--data=bad.parquet", "--only=shema"]) == 2
    assert "'shema' matches no gate; did you mean 'schema'?" in output()


def test_a_file_that_is_no_report_is_refused(place, output):
    main(["run", "gates.py", "--data=pass.parquet", "--save=r.html"])
    main(["baseline", "pass.parquet", "-o", "b.json"])
    Path("broken.json").write_text("<", encoding="utf-8")
    only = "; only a report saved as .json can be read"
    for path, expected in {
        "r.html": only,
        "b.json": "got 'mlgates.baseline'; a report is a .json file written by `Report.save`",
    }.items():
        output()
        assert main(["show", path]) == 2
        assert output().strip().endswith(expected)
    assert main(["show", "broken.json"]) == 2
    assert only not in output()


def test_a_report_is_shown_in_every_form(place, output):
    main(["run", "gates.py", "--data=pass.parquet", "--save=r.json"])
    report = mg.Report.load("r.json")
    assert FORMS == DRAWN
    heads = {"markdown": "### ", "html": "<!doctype html>", "junit": "<?xml", "json": "{"}
    for form in FORMS:
        output()
        assert main(["show", "r.json", "--format", form]) == 0
        assert output().startswith(heads.get(form, "ends"))
        assert main(["show", "r.json", "--format", form, "-o", "out"]) == 0
        written = Path("out").read_text(encoding="utf-8")
        assert written.startswith(heads.get(form, "ends"))
    assert main(["show", "r.json", "-o", "out.json"]) == 0
    assert Path("out.json").read_text(encoding="utf-8") == report.to_json()
    assert main(["show", "r.json", "-o", "out.pdf"]) == 2
    assert main(["show", "absent.json"]) == 2
    Path("r.json").write_text(report.to_json().replace('"pass"', '"fail"', 1), encoding="utf-8")
    output()
    assert main(["show", "r.json"]) == 2
    assert "the stored verdict is 'fail', but its checks give 'pass'" in output()


def test_evidence_is_given_by_its_names(place, monkeypatch):
    given = {}

    def capture(suite, **evidence):
        given.clear()
        given.update((name, value) for name, value in evidence.items() if value is not None)
        return mg.Report(name=suite.name, results=())

    monkeypatch.setattr(mg.GateSuite, "run", capture)
    options = ["--data=d", "--reference=r.json", "--X=x", "--y-true=t", "--y-pred=p"]
    options += ["--y-score=s", "--production-pred=q", "--production-score=u", "--sample-weight=w"]
    options += ["--latencies=l", "--production-latencies=m", "--jobs=2"]
    options += ["--sensitive-features=sex", "--sensitive-features=race", "--pos-label=1"]
    assert main(["run", "gates.py", *options, "--now=2026-01-31T06:00:00Z"]) == 3
    assert given.pop("now").isoformat() == "2026-01-31T06:00:00+00:00"
    assert given == {
        "data": Path("d"),
        "reference": Path("r.json"),
        "X": Path("x"),
        "y_true": "t",
        "y_pred": "p",
        "y_score": "s",
        "production_pred": "q",
        "production_score": "u",
        "sample_weight": "w",
        "latencies": "l",
        "production_latencies": "m",
        "sensitive_features": ["sex", "race"],
        "pos_label": 1,
        "n_jobs": 2,
        "metadata": {},
        "progress": False,
    }
    labels = {"-1": -1, "yes": "yes", "'1'": "1", '"no"': "no", "1.0": "1.0"}
    for label, meant in (labels | {"true": True, "False": False, "'true'": "true"}).items():
        main(["run", "gates.py", f"--pos-label={label}", "--progress"])
        assert given["pos_label"] == meant
        assert given["progress"] is True
    assert {*TABLES, *COLUMNS, *OTHERS} <= VOCABULARY
    assert set(vars(parser().parse_args(["run", "gates.py"]))) >= {*TABLES, *COLUMNS, *OTHERS}


@pytest.mark.parametrize(
    ("counts", "requests", "code"),
    [
        ((0, 40), (1_000, 9_000), 0),
        ((9, 0), (1_000, 9_000), 1),
        ((0, 40), (1_500, 8_500), 2),
        ((30, 135), (1_000, 9_000), 3),
    ],
)
def test_a_canary_exits_with_its_verdict(place, output, counts, requests, code):
    traffic = mg.Traffic().add(
        candidate={"requests": requests[0], "errors": counts[0], "slow": 0},
        production={"requests": requests[1], "errors": counts[1], "slow": 45},
        share=0.1,
    )
    traffic.save("t.json")
    given = ["canary", "--traffic", "t.json", "--events", "errors, slow"]
    assert main([*given, "--save", "report.json", "--save", "report.html"]) == code
    assert "canary: " in output()
    assert main(["show", "report.json"]) == code
    report = mg.Report.load("report.json")
    assert [check.subject for check in report.results[0].checks] == ["split", "errors", "slow"]
    Path("canary.toml").write_text('[[gates]]\ngate = "Canary"\nevents = ["errors", "slow"]\n')
    assert main(["run", "canary.toml", "--traffic", "t.json"]) == code


def test_logs_of_mirrored_requests_are_files(place, output):
    log = pa.table({"request_id": range(400), "prediction": ["yes"] * 400})
    pq.write_table(log, "live.parquet")
    pyarrow.csv.write_csv(log, "candidate.csv")
    Path("shadow.toml").write_text('[[gates]]\ngate = "Shadow"\n')
    given = ["run", "shadow.toml", "--candidate-log", "candidate.csv"]
    assert main([*given, "--production-log", "live.parquet"]) == 0
    assert output().startswith("suite: PASS - 1 gate")
    assert main(given) == 2
    assert "the gate needs `production_log`, which was not given" in output()


def test_options_of_a_canary(place, output):
    mg.Traffic().save("t.json")
    given = ["canary", "--traffic", "t.json", "--events", "sales"]
    options = ["--max-decrease", "0.1", "--min-requests", "500", "--promote-error", "0.1"]
    options += ["--rollback-error", "0.02", "--save", "r.json"]
    assert main([*given, *options]) == 3
    gate = mg.Canary(
        "sales", max_decrease=0.1, min_requests=500, promote_error=0.1, rollback_error=0.02
    )
    assert repr(gate) in mg.Report.load("r.json").provenance["suite"]
    assert main([*given, "--max-increase", "-1"]) == 2
    assert "Canary: `max_increase` must be a finite number of at least 0" in output()
    assert main([*given, "--negligible", "2"]) == 2
    assert main(["canary", "--traffic", "none.json", "--events", "sales"]) == 2
    assert "none.json: No such file" in output()


def test_a_table_can_be_several_files_and_patterns(place, output):
    Path("more.csv").write_text("age,income\n50,1000.5\n", encoding="utf-8")
    for number in (1, 2):
        pq.write_table(pa.table({"age": [number], "income": [1.0]}), f"part-{number}.parquet")
    rows = "[[gates]]\ngate = 'Completeness'\nmin_rows = {0}\nmax_rows = {0}\n"
    Path("rows.toml").write_text(rows.format(303), encoding="utf-8")
    data = ["--data=good.parquet", "--data=part-*.parquet", "--data", "more.csv"]
    assert main(["run", "rows.toml", *data]) == 0
    assert main(["baseline", "good.parquet", "part-*.parquet", "more.csv", "-o", "b.json"]) == 0
    assert "b.json: 303 rows, 2 columns" in output()
    # a pattern without a match is the ERROR of each gate, as a file that is not there
    assert main(["run", "rows.toml", "--data=none-*.parquet", "--save=r.json"]) == 2
    assert "there is no file 'none-*.parquet'" in mg.Report.load("r.json")["completeness"].reason
    Path("[x].csv").write_text("age\n1\n", encoding="utf-8")  # a name that looks like a pattern
    assert main(["run", "rows.toml", "--data=[x].csv"]) == 1


def test_two_reports_are_compared(place, output):
    for name in ("good", "bad"):
        main(
            [
                "run",
                "gates.toml",
                f"--data={name}.parquet",
                "--reference=good.parquet",
                f"--save={name}.json",
            ]
        )
    output()
    comparison = mg.compare("good.json", "bad.json")
    assert comparison.changed[:3] == ("verdicts", "numbers", "data")
    assert main(["compare", "good.json", "bad.json"]) == 0
    assert output() == f"{comparison}\n"
    assert main(["compare", "good.json", "bad.json", "--format=markdown", "--summary=s.md"]) == 0
    assert output() == comparison.to_markdown()
    assert Path("s.md").read_text(encoding="utf-8") == f"{comparison.to_markdown()}\n"
    assert main(["compare", "good.json", "bad.json", "--format=json", "-o", "c.json"]) == 0
    assert json.loads(Path("c.json").read_text(encoding="utf-8")) == comparison.to_dict()
    assert output() == ""


def test_compare_exits_with_1_for_changes_if_asked(place, output):
    report = mg.GateSuite([mg.Completeness()]).run(data={"x": [1]})
    known = mg.Report(
        name="r",
        results=report.results,
        provenance={**report.provenance, "commit": "a" * 40, "dirty": False},
    )
    known.save("one.json")
    replace(known, provenance={**known.provenance, "seeds": {"latency": 1}}).save("other.json")
    assert main(["compare", "one.json", "one.json", "--exit-code"]) == 0
    assert main(["compare", "one.json", "other.json", "--exit-code"]) == 1
    replace(known, provenance={**known.provenance, "dirty": None}).save("unknown.json")
    assert main(["compare", "one.json", "unknown.json", "--exit-code"]) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "two.json: No such file or directory"),
        ("", "two.json: not readable as JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            '{"format": "mlgates.baseline"}',
            "two.json: report: `format` must be 'mlgates.report', got",
        ),
    ],
    ids=["absent", "empty", "baseline"],
)
def test_files_that_are_no_reports_are_not_compared(place, output, text, message):
    mg.GateSuite([mg.Completeness()]).run(data={"x": [1]}).save("one.json")
    if text is not None:
        Path("two.json").write_text(text, encoding="utf-8")
    assert main(["compare", "one.json", "two.json"]) == 2
    assert f"mlgates: {message}" in output()


def test_a_draft_is_printed_or_written_and_passes(place, output):
    assert main(["init", "good.parquet", "--y-true=age", "--name=loans"]) == 0
    text = output()
    assert text.startswith("# A draft from 300 rows.")
    suite = mg.GateSuite.from_toml(text)
    assert suite == mg.infer_suite(Path("good.parquet"), y_true="age", name="loans")
    given = ["init", "good.parquet", "--y-true", "age", "--name", "loans", "-o", "draft.toml"]
    assert main(given) == 0
    assert Path("draft.toml").read_text(encoding="utf-8") == text
    for data, code in (("good", 0), ("bad", 1)):
        tables = [f"--data={data}.parquet", "--reference=good.parquet"]
        assert main(["run", "draft.toml", *tables]) == code
    output()
    assert main(["init", "absent.parquet"]) == 2
    assert "mlgates: there is no file 'absent.parquet'" in output()
    assert main(["init", "good.parquet", "--y-true=agee"]) == 2
    assert "did you mean 'age'?" in output()


def test_a_baseline_leaves_columns_out(place, output):
    assert main(["baseline", "good.parquet", "-o", "b.json", "--exclude", "income"]) == 0
    assert output() == "b.json: 300 rows, 1 column\n"
    assert "income" not in Path("b.json").read_text(encoding="utf-8")
    assert main(["baseline", "good.parquet", "-o", "b.json", "--exclude", "incme"]) == 2
    assert "did you mean 'income'?" in output()


@pytest.mark.parametrize(("verdict", "code"), [("pass", 0), ("fail", 1), ("inconclusive", 3)])
def test_the_summary_is_appended_and_the_exit_code_stays(place, monkeypatch, verdict, code):
    Path("step").write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place / "step"))
    command = ["run", "gates.py", f"--data={verdict}.parquet", "--save=r.json"]
    for option, path in {"--summary": "step", "--summary=own.md": "own.md"}.items():
        before = "before\n" if path == "step" else ""
        assert main([*command, option]) == code
        markdown = mg.Report.load("r.json").to_markdown()
        assert Path(path).read_text(encoding="utf-8") == f"{before}{markdown}\n"
    assert main([*command, "--summary=no/where.md"]) == (code or 2)


ROWS = """
import mlgates as mg

SUITE = mg.GateSuite([
    mg.Rule("age < 120"),
    mg.Rule("income > 2000", advisory=True),
    mg.Rule("age > 0"),
    mg.Rule("ages > 0"),
    mg.Leakage("age", at_most=0.5),
    mg.Unique("age", max_duplicates=1.0),
])
"""


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_all_offending_rows_are_written_with_their_gate(place, output, suffix):
    Path("rows.py").write_text(ROWS, encoding="utf-8")
    path = f"rows.{suffix}"
    given = ["rows.py", "--data=bad.parquet", "--reference=good.parquet", f"--offending={path}"]
    assert main(["run", *given]) == 2
    said = f"mlgates: {path}: no rows of rule:ages > 0: `ages` is not in the table"
    assert said in output()
    table = pq.read_table(path) if suffix == "parquet" else pa.csv.read_csv(path)
    assert table.column_names == ["mlgates_gate", "age", "income"]
    expected = [("rule:age < 120", 140)] * 100 + [("rule:income > 2000", 45)] * 100
    expected += [("leakage:age", age) for _ in range(100) for age in (31, 45)]
    found = zip(table["mlgates_gate"].to_pylist(), table["age"].to_pylist(), strict=True)
    assert [*found] == expected


def test_a_run_without_offending_rows_writes_an_empty_file(place, output):
    Path("rows.py").write_text("import mlgates as mg\nSUITE = mg.GateSuite([mg.Rule('age > 0')])")
    pq.write_table(pa.table({"old": [1]}), "rows.parquet")
    assert main(["run", "rows.py", "--data=bad.parquet", "--offending=rows.parquet"]) == 0
    table = pq.read_table("rows.parquet")
    assert (table.num_rows, table.column_names) == (0, ["mlgates_gate", "age", "income"])


def test_offending_rows_that_cannot_be_written_are_an_error_of_a_pass(place, output):
    for rule, code in (("age > 0", 2), ("age > 40", 1)):
        text = f"import mlgates as mg\nSUITE = mg.GateSuite([mg.Rule({rule!r})])"
        Path("rows.py").write_text(text, encoding="utf-8")
        given = ["run", "rows.py", "--data=bad.parquet", "--save=r.json"]
        assert main([*given, "--offending=no/rows.csv"]) == code
        assert "mlgates: no/rows.csv: No such file or directory" in output()
        del sys.modules["rows"]
    pq.write_table(pa.table({"age": [-1], "mlgates_gate": ["a"]}), "odd.parquet")
    assert main(["run", "rows.py", "--data=odd.parquet", "--offending=rows.csv"]) == 1
    assert "rows.csv: the data must not have a column `mlgates_gate`" in output()
    nested = pa.table({"age": [-1], "list": [[1, 2]]})
    pq.write_table(nested, "odd.parquet")
    assert main(["run", "rows.py", "--data=odd.parquet", "--offending=rows.csv"]) == 1
    assert "rows.csv: the rows can't be written: ArrowInvalid" in output()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["gates.py", "--summary"], "$GITHUB_STEP_SUMMARY is not set; write --summary=FILE"),
        (["x", "--summary", "gates.py"], "'gates.py' is a suite; write it before --summary"),
    ],
)
def test_a_summary_without_a_file_is_a_wrong_command_line(
    place, monkeypatch, output, options, message
):
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    with pytest.raises(SystemExit) as caught:
        main(["run", *options])
    assert caught.value.code == 64
    assert message in output()


# suites in files


def test_the_gates_of_a_toml_file_are_those_written(place):
    assert load("gates.toml") == mg.GateSuite(
        [
            mg.Schema(
                {"age": mg.Column("int", at_least=0, at_most=120), "income": "float"}, extra="allow"
            ),
            mg.Completeness(min_rows=3, after="schema"),
            mg.Drift("psi", at_most=0.2, exclude=["income"], advisory=True),
        ],
        name="loans",
    )


def test_a_toml_file_may_begin_with_a_byte_order_mark(place):
    Path("marked.toml").write_bytes(b"\xef\xbb\xbf" + Path("gates.toml").read_bytes())
    assert load("marked.toml") == load("gates.toml")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", "`gates` must be one or more tables, [[gates]], got None"),
        ("gates = 1", "`gates` must be one or more tables, [[gates]], got 1"),
        ("[gates]\ngate = 'Drift'", "`gates` must be one or more tables"),
        ("[[gate]]\ngate = 'Drift'", "top level: unknown key 'gate'; did you mean 'gates'?"),
        ("suite = 'x'\n[[gates]]\ngate='Drift'", "`suite` must be a table, [suite], got 'x'"),
        ("[suite]\ntitle = 'x'\n[[gates]]", "[suite]: unknown key 'title'; allowed: name"),
        ("[suite]\nname = 3\n[[gates]]\ngate='Drift'", "`name` must be a non-empty string"),
        ("[[gates]]\nmethod = 'psi'", "gate 1: `gate` is missing"),
        ("[[gates]]\ngate = 'Drif'", "gate 1: `gate` must name a gate, got 'Drif'; did you mean"),
        ("[[gates]]\ngate = 'Gate'", "gate 1: `gate` must name a gate, got 'Gate'"),
        ("[[gates]]\ngate = 'Report'", "gate 1: `gate` must name a gate, got 'Report'"),
        ("[[gates]]\ngate = 'os'", "gate 1: `gate` must name a gate, got 'os'; gates are "),
        (
            "[[gates]]\ngate = 'Drift'\nat_mots = 0.2",
            "gate 1 (Drift): unknown key 'at_mots'; did you mean 'at_most'",
        ),
        (
            "[[gates]]\ngate = 'Drift'\nat_most = '0.2'",
            "gate 1 (Drift): Drift: `at_most` must be a",
        ),
        (
            "[[gates]]\ngate = 'Drift'\nat_most = nan",
            "gate 1 (Drift): Drift: `at_most` must be a f",
        ),
        ("[[gates]]\ngate = 'Drift'\nat_most = true", "`at_most` must be a finite number"),
        (
            "[[gates]]\ngate = 'Drift'\nadvisory = 'no'",
            "`advisory` must be True or False, got 'no'",
        ),
        ("[[gates]]\ngate = 'Freshness'\ncolumn = 't'", "(Freshness): `max_age` is missing"),
        ("[[gates]]\ngate = 'Schema'", "(Schema): `columns` is missing"),
        (
            "[[gates]]\ngate = 'Schema'\ncolumns.age = { dtype = 'int', atleast = 0 }",
            "gate 1 (Schema): column 'age': unknown key 'atleast'; did you mean 'at_least'",
        ),
        (
            "[[gates]]\ngate = 'Schema'\ncolumns.age = { at_least = 0 }",
            "gate 1 (Schema): column 'age': `dtype` is missing",
        ),
        ("[[gates]]\ngate = 'Schema'\ncolumns.age = 'itn'", "must be"),
        ("[[gates]]\ngate = 'Schema'\ncolumns.age = 3", "must be"),
        (
            "[[gates]]\ngate = 'Completeness'\n[[gates]]\ngate = 'Completeness'",
            "two gates are named 'completeness'; set `name=` on one of them",
        ),
        ("[[gates]]\ngate = 'Drift'\ngate = 'Drift'", "not readable as TOML: Cannot overwrite"),
        ("gates = [", "not readable as TOML: "),
        ("x = " + "9" * 5_000, "not readable as TOML: "),
        ("x = " + "[" * 20_000, "not readable as TOML: "),
        ("#" * (2**20 + 1), "the file has 1,048,577 bytes, at most 1,048,576 are allowed"),
        (b"\xff\xfe", "not UTF-8 text"),
    ],
)
def test_a_wrong_toml_file_is_refused_with_the_reason(place, output, written, expected):
    raw = written if isinstance(written, bytes) else written.encode()
    Path("wrong.toml").write_bytes(raw)
    assert main(["run", "wrong.toml"]) == 2
    found = output()
    assert found.startswith("mlgates: wrong.toml: ")
    assert expected in found
    assert len(found) < 1_000


def test_the_documented_file_is_a_suite(tmp_path):
    page = Path(__file__).parents[1] / "docs" / "howto" / "command-line.md"
    written = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "gates.toml").write_text(written, encoding="utf-8")
    assert load(str(tmp_path / "gates.toml")).names == ("schema", "completeness", "drift:psi")


def test_every_gate_can_be_written_in_toml():
    known = [name for name in mg.__all__ if isinstance(getattr(mg, name), type)]
    gates = {name for name in known if issubclass(getattr(mg, name), mg.Gate)} - {"Gate"}
    assert {"Schema", "Completeness", "Freshness", "Drift"} <= gates
    for name in gates:
        with pytest.raises(mg.OptionError, match=f"gate 1 \\({name}\\): unknown key 'nam'"):
            mg.GateSuite.from_toml(f'[[gates]]\ngate = "{name}"\nnam = "x"')
    assert did_you_mean("nam", ["name"]) != ""


@pytest.mark.parametrize(
    ("written", "where", "expected"),
    [
        ("", "s.py", "s.py: no GateSuite is defined; define one, such as SUITE = mg.Ga"),
        (
            "A, B = x.only('c*'), x.only('c*')",
            "s.py",
            "several suites are defined: A, B, x; choose one: s.py:NAME",
        ),
        ("SUITE = 3", "s.py", "s.py: SUITE must be a GateSuite, got 3"),
        ("y = x", "s.py:z", "s.py: 'z' is not defined; suites are x, y"),
        ("1 / 0", "s.py", "s.py: line 3: ZeroDivisionError: division by zero"),
        ("raise SystemExit(0)", "s.py", "s.py: line 3: SystemExit: 0"),
        ("raise BaseException('out')", "s.py", "s.py: line 3: BaseException: out"),
        ("def", "s.py", "s.py: SyntaxError: "),
        ("import nothing_of_this_name", "s.py", "ModuleNotFoundError: No module named"),
        ("", "t.py", "t.py: file not found"),
        ("", "t.toml", "t.toml: file not found"),
        (
            "",
            "s.txt",
            "or a name in a .py file, such as gates.py:NAME, got 's.txt'",
        ),
        ("", "s", "SUITE must be a .toml file, a .py file, or"),
    ],
)
def test_a_wrong_python_file_is_refused_with_the_reason(place, output, written, where, expected):
    head = "import mlgates as mg\nx = mg.GateSuite([mg.Completeness()])\n" if written else "\n\n"
    Path("s.py").write_text(f"{head}{written}\n", encoding="utf-8")
    assert main(["run", where]) == 2
    assert expected in output()


def test_a_suite_file_can_import_files_of_its_folder(place):
    Path("inner").mkdir()
    Path("inner/beside.py").write_text("AT_MOST = 0.3\n", encoding="utf-8")
    Path("inner/json.py").write_text(
        "import mlgates as mg\nfrom beside import AT_MOST\n"
        "one = two = mg.GateSuite([mg.Drift('ks', at_most=AT_MOST)])\n",
        encoding="utf-8",
    )
    assert repr(load("inner/json.py")) == "GateSuite([Drift('ks', at_most=0.3)], name='suite')"
    assert importlib.import_module("json") is json
    # after it was read, nothing there replaces an installed module
    assert sys.path.index(str(Path("inner").resolve())) == len(sys.path) - 1
    assert load("gates.py:OTHER").names == ("ends", "completeness")
    assert load("gates.py").names == ("ends",)


# output streams


def test_characters_that_the_console_lacks_are_escaped(place):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    found = run("run", "gates.py", "--data=fail.parquet", env=environment)
    assert found.returncode == 1
    assert found.stdout.startswith(b"ends \\u2603: FAIL")
    assert b"\x1b[" not in found.stdout


def test_a_closed_pipe_does_not_change_the_exit_code(place):
    assert main(["run", "gates.py", "--data=inconclusive.parquet", "--save=r.json"]) == 3
    reader, writer = os.pipe()
    os.close(reader)
    found = run("show", "r.json", capture_output=False, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (found.returncode, found.stderr) == (3, b"")


def test_output_that_cannot_be_written_is_an_error(place, monkeypatch, capsys):
    class Full(io.StringIO):
        def flush(self):
            raise OSError(28, "No space left on device")

    for verdict, code in {"pass": 2, "fail": 1}.items():
        monkeypatch.setattr(sys, "stdout", Full())
        assert main(["run", "gates.py", f"--data={verdict}.parquet"]) == code
        assert "mlgates: standard output: No space left on device" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["run", "gates.py", "--data=pass.parquet"]) == 0


def test_a_full_disk_names_the_file(place, monkeypatch, output):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlgates.jsonfile.write_atomic", full)
    assert main(["run", "gates.py", "--data=pass.parquet", "--save=r.md"]) == 2
    assert "mlgates: r.md: No space left on device" in output()


def test_text_on_a_terminal_has_colours(place, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    main(["run", "gates.py", "--data=fail.parquet", "--save=r.json"])
    for form, coloured in {"text": True, "markdown": False}.items():
        monkeypatch.setattr(sys, "stdout", Terminal())
        main(["show", "r.json", "--format", form])
        assert ("\x1b[" in sys.stdout.getvalue()) is coloured


def test_an_unexpected_exception_is_an_error(place, monkeypatch, output):
    for kind in (ZeroDivisionError, SystemExit, type("Panic", (BaseException,), {})):

        def broken(*_, kind=kind, **__):
            raise kind

        monkeypatch.setattr(mg.GateSuite, "run", broken)
        assert main(["run", "gates.py", "--data=pass.parquet"]) == 2
        assert kind.__name__ in output()
