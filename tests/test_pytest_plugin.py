"""The pytest plugin: what it prints, and which tests fail.

Most cases run pytest within this process; those about processes and imports start new ones.
"""

import importlib

import pytest
from junitparser.xunit2 import JUnitXml

from mlgates._pytest.collector import Collector
from mlgates.report import SUFFIXES, Report

# `passing` and `failing` count; `advisory`, `chance` and `skipped` do not
LOANS = """
import mlgates as mg

def reports(name, number, **options):
    def measured():
        return number
    measured.__name__ = name
    return mg.gate(at_most=5, **options)(measured)

def by_chance(name):
    class Undecided(mg.Gate):
        def check(self, evidence):
            yield mg.Check.judge("x", "psi", mg.Measurement(0.3, n=50, p_value=0.5),
                                 mg.Limit(at_most=0.2), rule="significance")
    return Undecided(name=name, inconclusive="allow")

RUNS = []

@mg.gate(name="counted")
def counted(data):
    RUNS.append(data)
    return True

PASSING = mg.GateSuite(
    [
        reports("passing", 4),
        reports("advisory", 7, advisory=True),
        reports("skipped", 7),
        by_chance("chance"),
    ],
    name="loans",
).skip("skipped", reason="not this week")
FAILING = PASSING + mg.GateSuite([reports("failing", 7)])
ASIDE = PASSING.only("advisory", "skipped", "chance")
"""


@pytest.fixture(scope="module", autouse=True)
def _extensions():
    """Import extension modules first: pytester unloads later ones, and they load once only."""
    for name in ("numpy", "pandas", "pyarrow.dataset", "scipy.stats", "sklearn.metrics"):
        importlib.import_module(name)


@pytest.fixture
def run(pytester):
    """Run pytest with the plugin, warnings as errors, in this process unless `apart` is true."""
    pytester.makepyfile(loans=LOANS)

    def run(*options, cache=False, apart=False):
        plugins = ["-p", "mlgates.pytest_plugin", "-p", "no:benchmark"]
        plugins += [] if cache else ["-p", "no:cacheprovider"]
        if apart:
            return pytester.runpytest_subprocess(*plugins, "-W", "error", *options, timeout=300)
        # older versions of pytest warn that the plugin was imported before
        imported = "ignore::pytest.PytestAssertRewriteWarning"
        return pytester.runpytest_inprocess(*plugins, "-W", "error", "-W", imported, *options)

    return run


def cases(path):
    """Return the test cases of a JUnit file by name."""
    return {case.name: case for suite in JUnitXml.fromfile(str(path)) for case in suite}


def properties(path, name):
    """Return the properties of a test case."""
    return {p.name: p.value for p in cases(path)[name].properties()}


# the fixture `gates`


def test_each_gate_is_a_subtest_and_the_test_fails_with_the_table(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import mlgates as mg
        import pytest
        from loans import ASIDE, FAILING, PASSING

        def test_passes(gates):
            report = gates(PASSING)
            assert report.passed
            assert gates(report) is report

        def test_fails(gates):
            gates(FAILING)
            raise RuntimeError("not reached")

        def test_nothing_counts(gates):
            with pytest.raises(mg.GateFailure, match="INCONCLUSIVE") as caught:
                gates(ASIDE)
            assert caught.value.report.verdict is mg.Verdict.INCONCLUSIVE

        def test_of_one_gate(gates):
            result = mg.Completeness().run(data={"x": [1]})
            assert gates(result) is result
            assert gates(mg.Completeness(), data={"x": [1]}).passed

        def test_wrong_use(gates):
            with pytest.raises(mg.OptionError, match="must be a GateSuite, a Gate, a Report or"):
                gates([PASSING])
            with pytest.raises(mg.OptionError, match="evidence can't be given with a Report"):
                gates(PASSING.run(), data={})
            with pytest.raises(mg.EvidenceError, match="did you mean 'data'"):
                gates(PASSING, dat={})
        """
    )
    found = run("-v", "-ra", "--junitxml=j.xml", "--mlgates-report=out.json")
    lines = found.stdout
    lines.fnmatch_lines(
        [
            "*::test_passes SUBPASSED[[]passing]*",
            "*::test_passes SUBPASSED[[]advisory] (advisory='FAIL')*",
            "*::test_passes SUBSKIPPED[[]skipped] (skipped: not this week)*",
            "*::test_passes SUBPASSED[[]chance] (allowed='1 undecided')*",
            "*::test_passes PASSED*",
            "*::test_fails SUBFAILED[[]failing]*",
            "*::test_fails FAILED*",
            "*::test_nothing_counts PASSED*",
            "*::test_of_one_gate PASSED*",
            "*::test_wrong_use PASSED*",
        ]
    )
    lines.fnmatch_lines(
        [
            "FAIL: `failing` is 7 *limit is at most 5",
            "test_loans.py:*: in test_fails",
            "    gates(FAILING)",
            "E * loans: FAIL (*) - 1 of 5 gates blocks release",
            "E   FAIL *failing *7 *at most 5",
            "*= mlgates =*",
            "loans: PASS (*) - 4 gates  (test_loans.py::test_passes)",
            "loans: FAIL (*) - 1 of 5 gates blocks *: failing FAIL  (test_loans.py::test_fails)",
            "written: out.json, out-2.json, out-3.json, out-4.json, out-5.json",
        ]
    )
    lines.no_fnmatch_line("*_pytest*in run_subtests*")
    lines.no_fnmatch_line("*traceback entries are hidden*")
    assert found.ret == pytest.ExitCode.TESTS_FAILED
    assert Report.load(pytester.path / "out.json").passed
    assert Report.load(pytester.path / "out-2.json").failures[0].name == "failing"
    found = properties(pytester.path / "j.xml", "test_fails")
    assert found["mlgates.failing"] == "fail"
    assert found["mlgates.advisory"] == "fail (advisory)"
    assert found["mlgates.chance"] == "inconclusive (undecided, allowed)"


def test_stopping_at_the_first_failure_still_shows_the_table(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import mlgates as mg
        from loans import FAILING, reports

        def test_fails(gates):
            gates(mg.GateSuite([reports("first", 7), reports("second", 8)]))
        """
    )
    found = run("-x")
    found.stdout.fnmatch_lines(["E * 2 of 2 gates block release", "E   FAIL *second*"])


def test_the_error_without_subtests_names_the_version(pytester, run):
    pytester.makepyfile(
        test_loans="from loans import PASSING\ndef test_loans(gates): gates(PASSING)"
    )
    found = run("-p", "no:subtests")
    found.stdout.fnmatch_lines(["*`gates` needs pytest 9 or newer with its subtests, got pytest *"])
    found.assert_outcomes(failed=1)


# assertions


def test_assertions_show_the_table(pytester, run):
    pytester.makepyfile(
        test_loans="""
        from loans import FAILING
        REPORT = FAILING.run()

        def test_call(): assert FAILING.run()
        def test_name(): assert REPORT
        def test_attribute(): assert REPORT.passed
        def test_result(): assert REPORT["failing"]
        def test_verdict(): assert REPORT.verdict == "pass"
        def test_raise(): REPORT.raise_for_verdict()
        def test_other(): assert len(REPORT) == 3
        def test_all_pass(): assert REPORT["passing"]
        """
    )
    found = run("--junitxml=j.xml")
    found.assert_outcomes(failed=7, passed=1)
    shown = {
        n: case.result[0].text for n, case in cases(pytester.path / "j.xml").items() if case.result
    }
    for name in ("call", "name", "attribute", "verdict", "raise"):
        assert "1 of 5 gates blocks release" in shown[f"test_{name}"], name
    assert "failing: FAIL" in shown["test_result"]
    found.stdout.fnmatch_lines(
        ["test_loans.py:*: in test_raise", "    def test_raise*", "E *FAIL*"]
    )
    found.stdout.no_fnmatch_line("*in raise_for_verdict*")


# a test for each gate


MARKED = """
import mlgates as mg
import pytest
from loans import FAILING, RUNS, counted

SUITE = FAILING + mg.GateSuite([counted])

@pytest.fixture(scope="module")
def evidence():
    return {"data": {"x": [1]}}

@pytest.mark.gates(SUITE)
def test_raises(gate_result):
    gate_result.raise_for_verdict()

@pytest.mark.gates(suite=lambda: SUITE)
def test_asserts(gate_result):
    assert gate_result

@pytest.mark.gates("loans:FAILING")
def test_forgets(gate_result):
    pass

def test_ran_once_for_each_suite():
    assert len(RUNS) == 1
"""


def test_each_gate_is_a_test(pytester, run):
    pytester.makepyfile(test_loans=MARKED)
    found = run("-v", "-ra", "--junitxml=j.xml", "--mlgates-report=out.html", cache=True)
    for test in ("test_raises", "test_asserts", "test_forgets"):
        found.stdout.fnmatch_lines(
            [
                f"*::{test}[[]passing] PASSED*",
                f"*::{test}[[]advisory] XFAIL (advisory, *",
                f"*::{test}[[]skipped] SKIPPED (skipped: not this week)*",
                f"*::{test}[[]chance] XFAIL (undecided, *",
                f"*::{test}[[]failing] FAILED*",
            ]
        )
        aside = f"XFAIL *test_loans.py::{test}"
        found.stdout.fnmatch_lines([f"{aside}* - advisory, does not count: FAIL: *limit is at*"])
        found.stdout.fnmatch_lines([f"{aside}* - undecided, allowed, does not count: INC*: *"])
    found.assert_outcomes(failed=3, passed=6, skipped=3, xfailed=6)
    found.stdout.fnmatch_lines(
        [
            "*_ test_raises[[]failing] _*",
            "test_loans.py:*: in test_raises",
            "E   *GateFailure: failing: FAIL",
            "*= mlgates =*",
            "loans: FAIL * of 6 gates *: failing FAIL  (test_loans.py::test_raises)",
            "loans: FAIL * of 5 gates *: failing FAIL  (test_loans.py::test_forgets)",
            "written: out.html, out-2.html",
        ]
    )
    found = properties(pytester.path / "j.xml", "test_raises[failing]")
    assert found["mlgates.verdict"] == "fail"
    assert (found["value[failing value]"], found["verdict[failing value]"]) == ("7", "fail")
    assert found["limit[failing value]"] == "at most 5"

    # what failed last, of these what is called so; then one by its node id
    assert run("--lf", "-k", "raises", cache=True).parseoutcomes() == {"failed": 1, "deselected": 2}
    run("test_loans.py::test_raises[passing]").assert_outcomes(passed=1)


def test_only_the_gates_of_selected_tests_run(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import mlgates as mg
        import pytest
        from loans import FAILING, RUNS, counted

        @mg.gate(name="counted[*]", after="failing")
        def other(data):
            RUNS.append(data)
            return True

        SUITE = mg.GateSuite([*FAILING, counted, other], name="release")

        @pytest.fixture(scope="module")
        def evidence():
            return {"data": {"x": [1]}}

        @pytest.mark.gates(SUITE)
        def test_gate(gate_result): ...

        @pytest.mark.gates(SUITE)
        def test_other(gate_result): ...

        def test_runs():
            assert len(RUNS) == 1
        """
    )
    summary = "release: {} - 1 gate, 6 not selected*(test_loans.py::test_{})"
    found = run("-k", "test_gate and passing", "--mlgates-report=out.json")
    found.assert_outcomes(passed=1, deselected=14)
    found.stdout.fnmatch_lines([summary.format("PASS", "gate")])
    found.stdout.no_fnmatch_line("*FAIL*")
    report = Report.load(pytester.path / "out.json")
    assert [result.name for result in report] == ["passing"]
    assert "6 gates not selected in pytest: " in report.to_markdown()

    # by node id; a name is no pattern, and no gate waits for one that is not selected
    found = run("test_loans.py::test_other[counted[*]]", "test_loans.py::test_runs")
    found.assert_outcomes(passed=2)
    found.stdout.fnmatch_lines([summary.format("PASS", "other")])

    found = run("-k", "test_gate and advisory")
    found.assert_outcomes(xfailed=1, deselected=14)
    found.stdout.fnmatch_lines(
        [summary.format("INCONCLUSIVE (no gate counts: 1 advisory)", "gate")]
    )

    # gates of two tests on one suite run together
    found = run("-k", "(test_gate and passing) or (test_other and failing)")
    found.assert_outcomes(passed=1, failed=1, deselected=13)
    found.stdout.fnmatch_lines(
        ["release: FAIL - 1 of 2 gates blocks release, 5 not selected: failing FAIL *"]
    )


def test_names_and_reasons_can_not_give_commands(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import mlgates as mg
        import pytest

        class Hostile(mg.Gate):
            def check(self, evidence):
                yield mg.Check(subject="x", metric="y", verdict="fail",
                               reason="a\\n::error::b \\x1b[31m ##vso[task.complete]")

        SUITE = mg.GateSuite([Hostile(name="::g"), Hostile(name="h", advisory=True)],
                             name="::stop-commands::x")

        def test_fixture(gates): gates(SUITE)

        @pytest.fixture
        def evidence(): return {}

        @pytest.mark.gates(SUITE)
        def test_mark(gate_result): ...
        """
    )
    found = run("-v", "-rA", "--color=no")
    found.assert_outcomes(failed=3, xfailed=1)
    shown = [line.removeprefix("E ").strip() for line in found.outlines]
    assert not [line for line in shown if line.startswith("::") or "##vso[" in line]
    assert "\x1b" not in "".join(shown)


OUTCOMES = """
import mlgates as mg
import pytest
import unittest

@mg.gate
def skips(data):
    pytest.skip("no service")

@mg.gate
def imports(data):
    return pytest.importorskip("no_such_module")

@mg.gate
def expects(data):
    pytest.xfail("known")

@mg.gate
def exits(data):
    pytest.exit("enough", returncode=0)

@mg.gate
def raises(data):
    raise unittest.SkipTest("later")

SUITE = mg.GateSuite([skips, imports, expects, exits, raises], name="release")

def test_fixture(gates):
    gates(SUITE, data={"x": [1]})

def test_verdict():
    SUITE.run(data={"x": [1]}).raise_for_verdict()

@pytest.fixture(scope="module")
def evidence():
    return {"data": {"x": [1]}}

@pytest.mark.gates(SUITE)
def test_mark(gate_result): ...
"""


def test_a_skip_within_a_gate_is_the_error_of_that_gate(pytester, run):
    pytester.makepyfile(test_loans=OUTCOMES)
    found = run("-v")
    assert found.ret == pytest.ExitCode.TESTS_FAILED
    outcomes = found.parseoutcomes()
    assert outcomes["failed"] == 5 + 2 + 5  # subtests, tests, tests of the mark
    assert not outcomes.keys() & {"skipped", "xfailed", "passed", "errors"}
    found.stdout.fnmatch_lines(["release: ERROR - 5 of 5 gates block release: skips ERROR, *"])


SKIPPING = """
import unittest
import pytest
from loans import FAILING

SUITE = FAILING.only("passing", "failing")

@pytest.fixture(scope="module")
def evidence():
    return {}

@pytest.fixture
def lacks_something(gate_result):
    pytest.skip("no such service")

@pytest.mark.gates(SUITE)
def test_skips(gate_result):
    pytest.skip("not on this machine")

@pytest.mark.gates(SUITE)
def test_imports(gate_result):
    pytest.importorskip("no_such_module")

@pytest.mark.gates(SUITE)
def test_raises(gate_result):
    raise unittest.SkipTest("not today")

@pytest.mark.gates(SUITE)
def test_expects(gate_result):
    pytest.xfail("known to fail")

@pytest.mark.gates(SUITE)
def test_by_fixture(gate_result, lacks_something):
    pass

@pytest.mark.gates(SUITE)
@pytest.mark.skip(reason="not run at all")
def test_marked(gate_result):
    pass
"""


def test_a_skip_after_a_gate_that_did_not_pass_fails(pytester, run):
    pytester.makepyfile(test_loans=SKIPPING)
    found = run("-v", "-rs")
    for test, outcome, then in [
        ("skips", "SKIPPED", "FAILED"),
        ("imports", "SKIPPED", "FAILED"),
        # (not every pytest takes this one for a skip outside of unittest's classes)
        ("raises", "[SF]*", "FAILED"),
        ("expects", "XFAIL", "FAILED"),
        ("by_fixture", "SKIPPED", "ERROR"),
        ("marked", "SKIPPED", "SKIPPED"),
    ]:
        found.stdout.fnmatch_lines([f"*::test_{test}[[]passing] {outcome}*"])
        found.stdout.fnmatch_lines([f"*::test_{test}[[]failing] {then}*"])
    found.stdout.fnmatch_lines(
        [
            "*_ test_skips[[]failing] _*",
            "the test was skipped (not on this machine) after its gate did not pass:",
            "failing: FAIL*",
        ]
    )


def test_a_skip_after_the_fixture_gates_hides_no_failure(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import pytest
        from loans import FAILING, PASSING

        def test_fails(gates):
            try:
                gates(FAILING)
            finally:
                pytest.skip("after all")

        def test_passes(gates):
            gates(PASSING)
            pytest.skip("after all")
        """
    )
    found = run("-v")
    found.stdout.fnmatch_lines(["*::test_fails SUBFAILED[[]failing]*", "*::test_passes SKIPPED*"])
    assert found.ret == pytest.ExitCode.TESTS_FAILED


def test_evidence_of_any_scope_runs_the_suite_once_each(pytester, run):
    pytester.makepyfile(
        test_each="""
        import mlgates as mg
        import pytest
        from loans import PASSING, RUNS, counted
        SUITE = PASSING.only("passing") + mg.GateSuite([counted])
        GIVEN = {}

        class TestFunction:
            @pytest.fixture
            def evidence(self):
                GIVEN["data"] = {"x": [len(RUNS)]}  # the same object, made anew
                return GIVEN

            @pytest.mark.gates(SUITE)
            def test_gate(self, gate_result):
                assert RUNS.pop() is not None and not RUNS

        @pytest.fixture(scope="module", params=["jan", "feb"])
        def evidence(request):
            return {"data": {"x": [request.param]}}

        @pytest.mark.gates(SUITE)
        def test_gate(gate_result): ...

        @pytest.mark.gates(SUITE)
        def test_again(gate_result): ...

        def test_ran():
            assert len(RUNS) == 2
        """
    )
    found = run("-v", "--mlgates-report=out.json")
    found.assert_outcomes(passed=2 + 4 + 4 + 1)
    # (the same suite on the same evidence is one report)
    assert len(list(pytester.path.glob("out*.json"))) == 3


def test_a_suite_in_which_no_gate_counts_fails(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import pytest
        from loans import ASIDE, PASSING

        @pytest.fixture
        def evidence(): return {}

        @pytest.mark.gates(ASIDE)
        def test_aside(gate_result): ...

        @pytest.mark.gates(PASSING)
        def test_passing(gate_result): gate_result.raise_for_verdict()
        """
    )
    found = run("--runxfail")
    found.assert_outcomes(errors=3, passed=1, skipped=3)
    found.stdout.fnmatch_lines(["no gate counts, because each is *so the verdict is INCONCLUSIVE:"])


def test_errors_for_wrong_use_of_the_mark(pytester, run):
    head = "import pytest\nfrom loans import PASSING, counted\n"
    body = "\ndef test_gate(gate_result): ...\n"
    pytester.makepyfile(
        test_1=f"{head}@pytest.mark.gates{body}",
        test_2=f"{head}@pytest.mark.gates(3){body}",
        test_3=f"{head}@pytest.mark.gates('loans:PASING'){body}",
        test_4=f"{head}@pytest.mark.gates(PASSING)\ndef test_gate(): ...",
        test_5=f"{head}@pytest.mark.gates.with_args(counted){body}",
        test_6=f"{head}@pytest.mark.gates(PASSING, reason=1){body}",
        test_7=f"{head}@pytest.mark.gates(lambda: None){body}",
    )
    found = run("--strict-markers")
    found.assert_outcomes(errors=7)
    takes = "the mark `gates` takes a GateSuite, a callable that returns one, or its importable *"
    found.stdout.fnmatch_lines(
        [
            "test_1.py::test_gate: the mark `gates` takes one suite: *; got nothing",
            f"test_2.py::test_gate: {takes}, got 3",
            "test_3.py::test_gate: *names 'loans:PASING', which can't be imported: *PASING*",
            "test_4.py::test_gate is marked `gates`, but does not use the fixture `gate_result`",
            f"test_5.py::test_gate: {takes}, got counted",
            "test_6.py::test_gate: the mark `gates` takes one suite: *reason=1",
            f"test_7.py::test_gate: {takes}, got None from <function <lambda>*",
        ]
    )


def test_a_marked_test_of_unittest_fails(run, pytester):
    pytester.makepyfile(
        """
        import unittest
        import pytest
        from loans import FAILING

        pytestmark = pytest.mark.gates(FAILING)

        class TestByModule(unittest.TestCase):
            def test_of_something_else(self):
                pass

        @pytest.mark.gates(FAILING)
        class TestByClass(unittest.TestCase):
            def test_gate(self):
                pass

        class TestByMethod(unittest.TestCase):
            @pytest.mark.gates(FAILING)
            def test_gate(self):
                pass
        """
    )
    found = run()
    found.assert_outcomes(passed=1, errors=2)
    found.stdout.fnmatch_lines(
        ["*::TestByClass::test_gate is marked `gates`, but tests of unittest can't use fixtures; *"]
    )


def test_errors_for_missing_or_wrong_evidence(pytester, run):
    head = "import pytest\nfrom loans import PASSING\n"
    body = "@pytest.mark.gates(PASSING.only('passing'))\ndef test_gate(gate_result): ...\n"
    pytester.makepyfile(
        test_1=f"{head}{body}",
        test_2=f"{head}@pytest.fixture\ndef evidence(): return [1]\n{body}",
        test_3=f"{head}@pytest.fixture\ndef evidence(): return {{'dat': 1}}\n{body}",
        test_4="def test_gate(gate_result): ...",
        test_5="def test_gate(gate_result): ...\nimport pytest\n"
        "@pytest.fixture\ndef evidence(): return {}",
    )
    found = run()
    found.assert_outcomes(errors=5)
    found.stdout.fnmatch_lines(
        [
            "`gate_result` needs a fixture `evidence` that returns *, such as",
            '    @pytest.fixture(scope="module")',
            "the fixture `evidence` must return a mapping of names to values, *, got list",
            "E * unknown evidence 'dat'; did you mean 'data'?",
            "`gate_result` is for tests marked @pytest.mark.gates(SUITE): *",
        ]
    )


# reports and processes


@pytest.mark.slow
def test_reports_of_xdist_workers_are_collected(pytester, run):
    pytester.makepyfile(
        test_loans=MARKED,
        test_more="""
        from loans import PASSING
        def test_gates(gates): gates(PASSING)
        def test_asserts(): assert not PASSING.run()
        """,
    )
    found = run(
        "-n2",
        "--deselect=test_loans.py::test_ran_once_for_each_suite",
        "--mlgates-report=o.md",
        apart=True,
    )
    found.assert_outcomes(failed=4, passed=6, skipped=3, xfailed=6)
    # however the tests were spread, each suite has one line and one file
    assert sum(line.startswith("loans: ") for line in found.outlines if "(test_" in line) == 3
    assert sorted(path.name for path in pytester.path.glob("o*.md")) == ["o-2.md", "o-3.md", "o.md"]
    assert sum("loans: PASS" in line for line in found.outlines) == 2  # one of them an assertion's


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("out.pdf", "the path must end in one of .html, .md, .json, .xml, .txt"),
        ("out", "the path must end in one of"),
        ("absent/out.json", "the folder .* does not exist"),
        (".", "the path is a folder, expected a file"),
    ],
)
def test_a_path_that_can_not_be_written_is_refused_at_the_start(pytester, path, message):
    config = pytester.parseconfig("-p", "mlgates.pytest_plugin", f"--mlgates-report={path}")
    with pytest.raises(pytest.UsageError, match=f"^--mlgates-report={path}: .*{message}"):
        Collector(config)


def test_reports_can_be_written_in_every_form(pytester):
    for suffix in SUFFIXES:
        config = pytester.parseconfig(
            "-p", "mlgates.pytest_plugin", f"--mlgates-report=out{suffix.upper()}"
        )
        assert Collector(config).path == pytester.path / f"out{suffix.upper()}"


def test_a_report_that_could_not_be_written_fails_the_run(pytester, run):
    pytester.makepyfile(
        test_loans="""
        from loans import PASSING
        def test_gates(gates, pytestconfig):
            gates(PASSING)
            (pytestconfig.invocation_params.dir / "out.json").mkdir()
        """
    )
    found = run("--mlgates-report=out.json")
    assert found.ret == pytest.ExitCode.INTERNAL_ERROR
    found.stdout.fnmatch_lines(["*out.json can't be written: *", "*1 passed*"])


def test_other_tests_load_nothing_heavy_and_print_nothing(pytester, run):
    pytester.makepyfile(
        test_plain="""
        import sys
        def test_plain(pytestconfig):
            heavy = {"numpy", "pandas", "pyarrow", "scipy", "sklearn", "fairlearn", "jinja2"}
            loaded = {name for name in sys.modules if name.startswith("mlgates")}
            assert not heavy & set(sys.modules)
            if pytestconfig.getoption("--mlgates-report") is None:
                assert loaded == {"mlgates", "mlgates.pytest_plugin", "mlgates._pytest",
                                  "mlgates._pytest.collector"}
        """
    )
    found = run("-p", "no:hypothesispytest", apart=True)
    found.assert_outcomes(passed=1)
    found.stdout.no_fnmatch_line("*mlgates ==*")
    found = run("-p", "no:hypothesispytest", "--mlgates-report=out.json", apart=True)
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(["*== mlgates ==*", "out.json was not written: no suite was run"])
    assert not (pytester.path / "out.json").exists()


def test_the_plugin_may_also_be_loaded_by_name(pytester):
    pytester.makefile(
        ".txt", **{"more-1.dist-info/entry_points": "[pytest11]\nmlgates = mlgates.pytest_plugin\n"}
    )
    (pytester.path / "more-1.dist-info" / "METADATA").write_text("Name: more\nVersion: 1\n")
    pytester.syspathinsert()
    pytester.makepyfile("def test_it(gates): assert gates")
    for asked in ([], ["-p", "mlgates.pytest_plugin"]):
        found = pytester.runpytest_subprocess(*asked, "-W", "error", "--markers", timeout=300)
        found.stdout.fnmatch_lines(["@pytest.mark.gates(suite): run the test once per gate*"])
        assert found.ret == 0


# metadata of a run


def test_metadata_is_in_the_reports_and_properties_of_both_ways_to_run_gates(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import mlgates as mg
        import pytest
        from loans import PASSING

        ABOUT = {"model": "credit", "params": {"depth": 3}}

        @pytest.fixture(scope="module")
        def evidence():
            return {"data": {"x": [1]}, "metadata": ABOUT}

        @pytest.mark.gates(PASSING.only("passing"))
        def test_each(gate_result):
            assert gate_result.passed

        def test_suite(gates):
            assert gates(PASSING, metadata=ABOUT).metadata == ABOUT

        def test_gate(gates):
            gates(mg.Completeness(), data={"x": [1]}, metadata=ABOUT)

        def test_result(gates):
            gates(mg.Completeness().run(data={"x": [1]}, metadata=ABOUT))
        """
    )
    run("--junitxml=j.xml", "--mlgates-report=out.json").assert_outcomes(passed=4)
    about = {"model": "credit", "params": {"depth": 3}}
    for name in ("out", "out-2", "out-3", "out-4"):
        assert Report.load(pytester.path / f"{name}.json").metadata == about
    for test in ("test_each[passing]", "test_suite", "test_gate", "test_result"):
        found = properties(pytester.path / "j.xml", test)
        assert found["mlgates.metadata.model"] == "credit"
        assert found["mlgates.metadata.params"] == '{"depth": 3}'
