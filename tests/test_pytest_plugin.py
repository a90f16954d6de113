"""Gates in pytest, each case in a pytest of its own: what it says, and when it is green."""

import pytest
from junitparser.xunit2 import JUnitXml

from mlgates._pytest.collector import Collector
from mlgates.report import SUFFIXES, Report

# `passing` and `failing` are gates; `advisory`, `allowed` and `skipped` stand aside
LOANS = """
import mlgates as mg

def says(name, number, **options):
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
        says("passing", 4),
        says("advisory", 7, advisory=True),
        says("skipped", 7),
        by_chance("chance"),
    ],
    name="loans",
).skip("skipped", reason="not this week")
FAILING = PASSING + mg.GateSuite([says("failing", 7)])
ASIDE = PASSING.only("advisory", "skipped", "chance")
"""


@pytest.fixture
def run(pytester):
    """Run pytest with the plugin, all warnings errors, in a process of its own."""
    pytester.makepyfile(loans=LOANS)

    def run(*options):
        plugins = ("-p", "mlgates.pytest_plugin", "-p", "no:benchmark", "-p", "no:cacheprovider")
        if "--lf" in options or "cache" in options:
            plugins = plugins[:-2]
        asked = [option for option in options if option != "cache"]
        return pytester.runpytest_subprocess(*plugins, "-W", "error", *asked, timeout=300)

    return run


def cases(path):
    """The test cases by name, as a JUnit reader has them."""
    return {case.name: case for suite in JUnitXml.fromfile(str(path)) for case in suite}


def properties(path, name):
    """The properties of a test case."""
    return {p.name: p.value for p in cases(path)[name].properties()}


# the fixture `gates`


def test_gates_are_subtests_and_the_test_fails_with_the_table(pytester, run):
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
            with pytest.raises(mg.OptionError, match="has been run already, got data beside it"):
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
            "FAIL: `failing`: 7 *limit is at most 5",
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
    told = properties(pytester.path / "j.xml", "test_fails")
    assert told["mlgates.failing"] == "fail"
    assert told["mlgates.advisory"] == "fail (advisory)"
    assert told["mlgates.chance"] == "inconclusive (undecided, allowed)"


def test_stopping_at_the_first_failure_still_shows_the_table(pytester, run):
    pytester.makepyfile(
        test_loans="""
        import mlgates as mg
        from loans import FAILING, says

        def test_fails(gates):
            gates(mg.GateSuite([says("first", 7), says("second", 8)]))
        """
    )
    found = run("-x")
    found.stdout.fnmatch_lines(["E * 2 of 2 gates block release", "E   FAIL *second*"])


def test_without_subtests_it_says_what_is_needed(pytester, run):
    pytester.makepyfile(
        test_loans="from loans import PASSING\ndef test_loans(gates): gates(PASSING)"
    )
    found = run("-p", "no:subtests")
    found.stdout.fnmatch_lines(["*`gates` needs pytest 9 or newer, which has subtests; this is *"])
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
    told = {
        n: case.result[0].text for n, case in cases(pytester.path / "j.xml").items() if case.result
    }
    for name in ("call", "name", "attribute", "verdict", "raise"):
        assert "1 of 5 gates blocks release" in told[f"test_{name}"], name
    assert "failing: FAIL" in told["test_result"]
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
    found = run("cache", "-v", "-ra", "--junitxml=j.xml", "--mlgates-report=out.html")
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
    told = properties(pytester.path / "j.xml", "test_raises[failing]")
    assert told["mlgates.verdict"] == "fail"
    assert (told["value[failing value]"], told["verdict[failing value]"]) == ("7", "fail")
    assert told["limit[failing value]"] == "at most 5"

    # what failed last, of these what is called so; then one by its node id
    assert run("--lf", "-k", "raises").parseoutcomes() == {"failed": 1, "deselected": 2}
    run("test_loans.py::test_raises[passing]").assert_outcomes(passed=1)


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
@pytest.mark.skip(reason="not judged at all")
def test_marked(gate_result):
    pass
"""


def test_a_skip_by_the_body_hides_no_gate_that_did_not_pass(pytester, run):
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
            "the test skipped itself (not on this machine), but its gate had been judged, and *",
            "failing: FAIL*",
        ]
    )


def test_a_skip_that_the_fixture_gates_comes_before_hides_nothing(pytester, run):
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


def test_what_a_skipped_or_undecided_suite_shows_is_not_green(pytester, run):
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
    found.stdout.fnmatch_lines(["nothing that counts was judged, so this is INCONCLUSIVE:"])


def test_wrong_use_of_the_mark_is_told(pytester, run):
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
            "test_4.py::test_gate is marked `gates`, but does not ask for the * `gate_result`",
            f"test_5.py::test_gate: {takes}, got counted",
            "test_6.py::test_gate: the mark `gates` takes one suite: *reason=1",
            f"test_7.py::test_gate: {takes}, got None from <function <lambda>*",
        ]
    )


def test_a_marked_test_of_unittest_is_told_that_it_judges_nothing(run, pytester):
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
        ["*::TestByClass::test_gate is marked `gates`, but tests of unittest get no gate; *"]
    )


def test_missing_evidence_is_told_with_an_example(pytester, run):
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
            "`gate_result` needs a fixture `evidence`: *",
            '    @pytest.fixture(scope="module")',
            "the fixture `evidence` must return a mapping of names to values, *, got list",
            "E * unknown evidence 'dat'; did you mean 'data'?",
            "`gate_result` is for tests marked @pytest.mark.gates(SUITE): *",
        ]
    )


# reports and processes


def test_workers_of_xdist_hand_their_reports_over(pytester, run):
    pytester.makepyfile(
        test_loans=MARKED,
        test_more="""
        from loans import PASSING
        def test_gates(gates): gates(PASSING)
        def test_asserts(): assert not PASSING.run()
        """,
    )
    found = run(
        "-n2", "--deselect=test_loans.py::test_ran_once_for_each_suite", "--mlgates-report=o.md"
    )
    found.assert_outcomes(failed=4, passed=6, skipped=3, xfailed=6)
    # however the tests were spread, each suite has one line and one file
    assert sum(line.startswith("loans: ") for line in found.outlines if "(test_" in line) == 3
    assert sorted(path.name for path in pytester.path.glob("o*.md")) == ["o-2.md", "o-3.md", "o.md"]
    assert sum("loans: PASS" in line for line in found.outlines) == 2  # one of them an assertion's


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("out.pdf", "the path must end in one of .html, .md, .json, .xml, .txt"),
        ("out", "the path must end in one of"),
        ("absent/out.json", "there is no folder "),
        (".", "is a folder; name a file"),
    ],
)
def test_a_report_that_can_not_be_written_is_told_first(pytester, path, told):
    config = pytester.parseconfig("-p", "mlgates.pytest_plugin", f"--mlgates-report={path}")
    with pytest.raises(pytest.UsageError, match=f"^--mlgates-report={path}: .*{told}"):
        Collector(config)


def test_every_form_of_report_can_be_asked_for(pytester):
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


def test_other_tests_load_nothing_heavy_and_hear_nothing(pytester, run):
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
    found = run("-p", "no:hypothesispytest")
    found.assert_outcomes(passed=1)
    found.stdout.no_fnmatch_line("*mlgates ==*")
    found = run("-p", "no:hypothesispytest", "--mlgates-report=out.json")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(["*== mlgates ==*", "no suite was run: out.json was not written"])
    assert not (pytester.path / "out.json").exists()


def test_it_may_be_asked_for_beside_its_entry_point(pytester):
    pytester.makefile(
        ".txt", **{"more-1.dist-info/entry_points": "[pytest11]\nmlgates = mlgates.pytest_plugin\n"}
    )
    (pytester.path / "more-1.dist-info" / "METADATA").write_text("Name: more\nVersion: 1\n")
    pytester.syspathinsert()
    pytester.makepyfile("def test_it(gates): assert gates")
    for asked in ([], ["-p", "mlgates.pytest_plugin"]):
        found = pytester.runpytest_subprocess(*asked, "-W", "error", "--markers", timeout=300)
        found.stdout.fnmatch_lines(["@pytest.mark.gates(suite): make a test of each gate*"])
        assert found.ret == 0
