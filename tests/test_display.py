"""Plots with matplotlib show the numbers of the report."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import matplotlib as mpl
import pytest
from report_examples import (
    calibration,
    completeness,
    drift,
    drift_check,
    every_kind,
    fairness,
    interval_check,
    latency,
    missing,
    performance,
    regression,
    skipped,
)
from sampling import in_turn

from mlgates.display import (
    CalibrationDisplay,
    CompletenessDisplay,
    DriftDisplay,
    FairnessDisplay,
    LatencyDisplay,
    PerformanceDisplay,
    RegressionDisplay,
)
from mlgates.errors import EvidenceError, OptionError
from mlgates.report import GateResult

EACH = [
    (DriftDisplay, drift()),
    (FairnessDisplay, fairness()),
    (PerformanceDisplay, performance()),
    (CompletenessDisplay, completeness()),
    (RegressionDisplay, regression()),
    (LatencyDisplay, latency()),
    (CalibrationDisplay, calibration()),
]
IDS = [f"{display.__name__}-{result.kind}" for display, result in EACH]


@pytest.fixture(autouse=True)
def _figures():
    mpl.use("agg")
    from matplotlib import pyplot as plt

    yield
    plt.close("all")


@pytest.mark.parametrize(("display", "result"), EACH, ids=IDS)
def test_plot_returns_itself_with_axes_and_figure(display, result):
    made = display.from_result(result)
    assert not hasattr(made, "ax_")
    assert made.plot() is made
    assert made.ax_.figure is made.figure_
    assert made.ax_.get_title() == made.figure.title
    made.figure_.canvas.draw()


@pytest.mark.parametrize(("display", "result"), EACH, ids=IDS)
def test_plot_draws_on_the_axes_given(display, result):
    from matplotlib.figure import Figure

    figure = Figure()
    ax = figure.subplots()
    made = display.from_result(result).plot(ax=ax)
    assert made.ax_ is ax
    assert made.figure_ is figure


def test_drift_draws_both_sides_and_marks_what_moved():
    made = DriftDisplay.from_result(drift()).plot()
    widths = sorted(round(patch.get_width(), 3) for patch in made.ax_.patches)
    assert widths == sorted([0.1, 0.4, 0.4, 0.1, 0.031, 0.41, 0.313, 0.246])
    assert [text.get_text() for text in made.ax_.texts] == ["▼", "▼", "▲"]
    names = [label.get_text() for label in made.ax_.get_yticklabels()]
    assert names == ["x <= 27", "27 < x <= 40", "40 < x <= 52", "52 < x"]
    legend = [text.get_text() for text in made.ax_.get_legend().get_texts()]
    assert legend == ["reference", "data", "significant change"]


def test_a_figure_is_selected_by_its_title():
    assert DriftDisplay.from_result(drift()).figure.title == "age"
    assert DriftDisplay.from_result(drift(), "hours").figure.title == "hours"
    with pytest.raises(OptionError, match="did you mean 'hours'"):
        DriftDisplay.from_result(drift(), "hour")


def test_spans_are_drawn_against_the_limit():
    ax = RegressionDisplay.from_result(regression()).plot().ax_
    lines = [tuple(map(float, line.get_xdata())) for line in ax.lines]
    assert lines == [(-0.0125, 0.0045), (-0.004,), (0.0, 0.0), (-0.01, -0.01)]
    names = [
        label.get_text()
        for label in FairnessDisplay.from_result(fairness()).plot().ax_.get_yticklabels()
    ]
    assert "sex=f, race=other (undefined)" in names


def test_latency_is_drawn_on_a_logarithmic_axis_in_times():
    ax = LatencyDisplay.from_result(latency()).plot().ax_
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "2 ms",
        "5 ms",
        "10 ms",
        "20 ms",
    ]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["calls", "production", "p99 18.6 ms", "the limit, 20 ms"]


def test_a_reliability_curve_marks_the_bins_that_differ():
    ax = CalibrationDisplay.from_result(calibration()).plot().ax_
    points = [(line.get_xdata(), line.get_ydata()) for line in ax.lines if line.get_marker() == "o"]
    assert [(list(x), list(y)) for x, y in points] == [([0.05, 0.97], [0.06, 1.0])]
    differs = [
        (line.get_xdata(), line.get_ydata()) for line in ax.lines if line.get_marker() == "s"
    ]
    assert [(list(x), list(y)) for x, y in differs] == [([0.45], [0.3])]
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["perfectly calibrated", "observed", "differs"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("mean probability", "observed share")


@pytest.mark.parametrize("display", [display for display, _ in EACH])
def test_a_result_without_figures_is_refused(display):
    message = "the result of 'integration' has no figure to draw; pass a result of `"
    with pytest.raises(EvidenceError, match=message):
        display.from_result(skipped())


def test_a_whole_report_is_refused():
    with pytest.raises(OptionError, match=r"must be a GateResult, such as `report\[.*got 'Report'"):
        DriftDisplay.from_result(every_kind())


def test_dollar_signs_are_escaped():
    from report_examples import BINS

    bins = [(r"$\frac{", *each[1:]) for each in BINS]
    result = GateResult(name="d", kind="drift", checks=(drift_check("$x^{", bins=bins),))
    figure = DriftDisplay.from_result(result).plot().figure_
    figure.canvas.draw()
    drawn = [text.get_text() for text in figure.findobj(lambda part: hasattr(part, "get_text"))]
    assert any(r"\$\frac{" in text for text in drawn)
    assert any(r"\$x^{" in text for text in drawn)


def test_matplotlib_is_loaded_by_plot_alone():
    code = (
        "import sys; import mlgates.display; "
        "print(sorted({'matplotlib', 'jinja2', 'numpy', 'pandas'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_error_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"DriftDisplay.plot needs matplotlib: pip install"):
        DriftDisplay.from_result(drift()).plot()


def many(count):
    """Return results with many categories, slices and columns."""
    names = [f"category {i:03} of many" for i in range(count)]
    bins = [(name, 1 / count, 1 / count, False) for name in names]
    slices = [interval_check(name, 0.9, 0.01) for name in names]
    columns = [missing(name, 0.5) for name in names]
    return [
        DriftDisplay.from_result(result(drift_check(bins=bins), kind="drift")),
        PerformanceDisplay.from_result(result(*slices, kind="performance")),
        CompletenessDisplay.from_result(result(*columns, kind="completeness")),
    ]


def result(*checks, kind):
    return GateResult(name=kind, kind=kind, checks=checks)


SIZES = {"own": None, "usual": (6.4, 4.8), "small": (6, 3)}


@pytest.mark.parametrize(("count", "size"), in_turn({"2": 2, "30": 30, "40": 40}, SIZES))
def test_names_of_rows_do_not_overlap(count, size):
    from matplotlib import pyplot as plt

    for display in many(count):
        ax = None if size is None else plt.subplots(figsize=size, layout="constrained")[1]
        display.plot(ax)
        display.figure_.canvas.draw()
        labels = [label.get_window_extent() for label in display.ax_.get_yticklabels()]
        tops = sorted((label.y0, label.y1) for label in labels)
        assert all(below[1] <= above[0] + 1 for below, above in pairwise(tops))
        assert len({label.get_text() for label in display.ax_.get_yticklabels()}) == len(labels)


def test_completeness_draws_a_bar_per_column_and_the_limit():
    ax = CompletenessDisplay.from_result(completeness()).plot().ax_
    assert [round(patch.get_width(), 3) for patch in ax.patches] == [0.109, 0.034]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["city", "zip"]
    assert [float(line.get_xdata()[0]) for line in ax.lines] == [0.05]


def test_values_without_intervals_are_drawn_for_performance():
    checks = [replace(check, interval=None) for check in performance().checks]
    display = PerformanceDisplay.from_result(result(*checks, kind="performance")).plot()
    assert [span.interval for span in display.figure.spans] == [None] * 3
    assert display.figure.description.startswith("3 values against the limit, 0.8;")
