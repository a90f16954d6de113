"""Figures show the details of a report, and no details make a picture fail."""

import math
import re
from dataclasses import replace

import html5lib
import pytest
from example_counts import examples
from hypothesis import given
from hypothesis import strategies as st
from report_examples import (
    BINS,
    GROUPS,
    calibration,
    canary,
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

from mlgates.render.figures import (
    Bins,
    Histogram,
    Levels,
    Reliability,
    Spans,
    Trend,
    bins,
    figures,
    number,
)
from mlgates.render.html import to_html
from mlgates.render.svg import WIDTH, draw, ticks
from mlgates.report import GateResult, Report
from mlgates.verdict import Check, Limit


def only(result):
    (figure,) = figures(result)
    return figure


def with_details(check, **details):
    return GateResult(name="g", kind="k", checks=(replace(check, details=details),))


def with_shapes(figure, tag, name):
    picture = draw(figure)
    return [
        shape
        for shape in picture.shapes
        if shape.tag == tag and name in shape.attributes.get("class", "").split()
    ]


# what is drawn of each gate


def test_drift_has_a_figure_per_column_worst_first():
    found = list(figures(drift()))
    assert [figure.title for figure in found] == ["age", "sex", "hours"]
    age = found[0]
    assert type(age) is Bins
    assert [tuple(each) for each in age.bins] == BINS
    assert age.description == (
        "Shares of 4 bins or categories in the reference and in the data; "
        "3 changed significantly: x <= 27, 40 < x <= 52, 52 < x."
    )
    assert age.head == ("bin or category", "reference", "data", "")
    assert age.rows[0] == ("x <= 27", "10 %", "3.1 %", "moved")
    signs = [shape.text for shape in with_shapes(age, "text", "mg-sign")]
    assert signs == ["▼", "▼", "▲"]
    assert len(with_shapes(age, "rect", "mg-moved")) == 3
    assert len(with_shapes(age, "rect", "mg-reference")) == 4


def test_long_names_keep_their_ends_and_only_bins_get_a_sign():
    names = [
        "27.1 < x <= 31.5",
        "0 <= <200 DM",
        *(f"sex=female, foreign-permit={x}yes" for x in "yn"),
    ]
    details = [{"bin": x, "reference": 0.25, "current": 0.25, "moved": False} for x in names]
    figure = only(with_details(drift().checks[0], bins=details))
    shown = [shape.text for shape in draw(figure).shapes if shape.tag == "text"]
    assert {"27.1 < x ≤ 31.5", "0 <= <200 DM"} <= set(shown)
    assert {"sex=female, forei...rmit=yyes", "sex=female, forei...rmit=nyes"} <= set(shown)


def test_bars_are_as_long_as_shares():
    age = next(figures(drift()))
    lengths = [
        float(shape.attributes["width"]) for shape in with_shapes(age, "rect", "mg-reference")
    ]
    assert lengths == pytest.approx(
        [lengths[1] / 4, lengths[1], lengths[1], lengths[1] / 4], abs=0.1
    )


def test_fairness_draws_the_limit_at_its_value_among_the_groups():
    figure = only(fairness())
    assert type(figure) is Spans
    assert [span.label for span in figure.spans if span.beyond] == ["sex=f, race=black"]
    (line,) = figure.lines
    assert line.value == pytest.approx(0.38 - 0.1)
    assert line.label == "at most 0.1 below the highest"
    assert ("sex=f, race=other", "undefined", "", "8", "too few rows") in figure.rows


@pytest.mark.parametrize(
    ("value", "limit", "at", "beyond"),
    [
        (0.24 / 0.38, Limit(at_least=0.8), 0.38 * 0.8, ["sex=f, race=black", "sex=m, race=other"]),
        (0.24, Limit(at_least=0.3), 0.3, ["sex=f, race=black", "sex=m, race=other"]),
        (0.38, Limit(at_most=0.35), 0.35, ["sex=m, race=white"]),
        (0.2, Limit(at_most=0.1), None, []),
        (None, Limit(at_most=0.1), None, []),
    ],
)
def test_the_line_of_a_gap_follows_from_the_values(value, limit, at, beyond):
    figure = only(fairness(GROUPS, value, limit))
    assert [line.value for line in figure.lines] == ([] if at is None else [pytest.approx(at)])
    assert [span.label for span in figure.spans if span.beyond] == beyond


def test_slices_share_a_figure():
    figure = only(performance())
    assert [span.label for span in figure.spans] == ["sex=male", "sex=female", "sex=missing"]
    assert [span.beyond for span in figure.spans] == [True, False, False]
    assert [(line.value, line.label) for line in figure.lines] == [(0.8, "the limit, 0.8")]
    assert len(with_shapes(figure, "circle", "mg-current")) == 2
    assert len(with_shapes(figure, "rect", "mg-beyond")) == 1
    assert [shape.text for shape in with_shapes(figure, "text", "mg-sign")] == ["✗"]


def test_regression_has_lines_at_the_tolerance_and_at_zero():
    figure = only(regression())
    assert figure.title == "roc_auc, candidate minus production"
    assert [line.value for line in figure.lines] == [0, -0.01]
    (span,) = figure.spans
    assert (span.value, span.interval) == (-0.004, (-0.0125, 0.0045))
    assert figure.description == (
        "1 value with its interval against no difference, the limit, -0.01; none is beyond."
    )


def test_latency_has_a_histogram_with_quantile_and_limit():
    figure = only(latency())
    assert type(figure) is Histogram
    assert (figure.value, figure.low, figure.high, figure.limit) == (0.0186, 0.0171, 0.0203, 0.02)
    assert len(figure.counts) == len(figure.production) == 40
    assert figure.ticks == (0.002, 0.005, 0.01, 0.02)
    for name in ("mg-value", "mg-limit"):
        assert len(with_shapes(figure, "line", name)) == 1
    assert len(with_shapes(figure, "rect", "mg-band")) == 1
    assert len(with_shapes(figure, "polyline", "mg-other")) == 1
    assert figure.head == ("from", "to", "calls", "production")


def test_calibration_has_a_reliability_curve_and_its_value_with_the_limit():
    value, curve = figures(calibration())
    assert type(value) is Spans
    assert type(curve) is Reliability
    assert curve.title == "expected_calibration_error: reliability"
    assert curve.description == (
        "Observed shares against mean probabilities in 3 bins; different in 0.4 to 0.5."
    )
    assert curve.rows == [
        ("0 to 0.1", "5 %", "6 %", "4 % to 10 %", "400", ""),
        ("0.4 to 0.5", "45 %", "30 %", "20 % to 40 %", "90", "differs"),
        ("0.9 to 1", "97 %", "100 %", "90 % to 100 %", "70", ""),
    ]
    assert len(with_shapes(curve, "circle", "mg-current")) == 2
    assert len(with_shapes(curve, "rect", "mg-beyond")) == 1
    assert draw(curve).legend == [("current", "observed share"), ("beyond", "differs")]
    check_shapes(draw(curve))


def test_slices_have_a_reliability_curve_each():
    checks = [*calibration(group="sex=f").checks, *calibration(group="sex=m").checks]
    titles = [f.title for f in figures(replace(calibration(), checks=tuple(checks)))]
    assert titles == [
        "expected_calibration_error",
        "expected_calibration_error [sex=f]: reliability",
        "expected_calibration_error [sex=m]: reliability",
    ]


def test_points_that_are_no_shares_are_not_drawn():
    point = {"bin": "0 to 0.1", "probability": 0.1, "share": 0.2, "low": 0.1, "high": 0.3, "n": 9}
    odd = [{**point, name: 1.5} for name in ("probability", "share", "low", "high")]
    odd += [{**point, "n": "9"}, {**point, "share": None}, {**point, "low": 0.4}]
    assert [type(f) for f in figures(calibration(odd))] == [Spans]
    assert len(list(figures(calibration([*odd, point])))) == 2


def test_an_interval_without_an_upper_end_reaches_to_the_end():
    check = replace(latency().checks[0], interval=(0.015, math.inf))
    figure = only(GateResult(name="g", kind="k", checks=(check,)))
    assert (figure.low, figure.high) == (0.015, None)
    (band,) = with_shapes(figure, "rect", "mg-band")
    end = float(band.attributes["x"]) + float(band.attributes["width"])
    assert end == pytest.approx(WIDTH - 14, abs=0.2)


def test_the_title_names_the_rate_of_the_groups():
    check = fairness().checks[0]
    result = with_details(check, groups=check.details["groups"], rate="selection_rate")
    assert only(result).title == "selection_rate of each group"


def test_latency_beyond_its_limit_has_a_sign():
    labels = [shape.text for shape in draw(only(latency(at_most=0.01))).shapes]
    assert "the limit, 10 ms ✗" in labels
    assert "p99 18.6 ms" in labels


def test_completeness_has_a_bar_per_column_largest_first():
    figure = only(completeness())
    assert type(figure) is Levels
    assert [(level.label, level.value, level.beyond) for level in figure.levels] == [
        ("city", 0.109, True),
        ("zip", 0.034, False),
    ]
    assert figure.note == "1 more column has no missing cells"
    assert figure.limit.value == 0.05


def test_results_without_numbers_have_no_figure():
    assert list(figures(skipped())) == []
    whole = GateResult(name="c", kind="completeness", checks=[missing("x", 0.0)])
    assert list(figures(whole)) == []


def test_rows_beyond_the_maximum_are_counted():
    slices = [interval_check(f"s{i}", 0.9, 0.01) for i in range(70)]
    figure = only(GateResult(name="p", kind="performance", checks=slices))
    assert len(figure.spans) == 40
    assert figure.note == "30 more are not drawn"
    columns = [missing(f"c{i}", 0.5) for i in range(70)]
    figure = only(GateResult(name="c", kind="completeness", checks=columns))
    assert len(figure.levels) == 24
    assert figure.note == "46 more are not drawn"


def test_canary_has_a_figure_over_its_looks():
    figure = only(canary())
    assert type(figure) is Trend
    assert figure.title == "errors: rate_ratio"
    assert figure.rows[0] == ("10:00", "1.4", "from 0.3 upwards")
    assert [point.limits for point in figure.points] == [(1.5,)] * 4
    # early intervals are cut off, so that later ones can be seen
    assert figure.note == "cut off at 3.02"
    assert [point.interval[1] for point in figure.points] == [3.02, 3.02, 2.1, 1.51]
    assert len(with_shapes(figure, "circle", "mg-current")) == 4
    assert len(with_shapes(figure, "line", "mg-interval")) == 4
    assert "10:03" in to_html(Report(name="r", results=(canary(),)))


@pytest.mark.parametrize(
    "looks",
    [
        7,
        [7],
        [{"look": "a", "value": 1.0}],
        [{"look": 7, "value": "x"}, {"value": None, "low": "a", "high": -math.inf}],
        [{"value": 1e300, "low": 1e300, "high": 1}, {"value": True, "low": 2, "high": 1}],
        [{"value": 0, "low": 0, "high": 0}] * 1_000,
    ],
)
def test_looks_of_another_origin_never_raise(looks):
    for limit in (Limit(at_most=1.5), Limit(at_least=0.95), None):
        check = replace(canary().checks[0], verdict="error", by_chance=False, limit=limit)
        for figure in figures(with_details(check, looks=looks)):
            check_shapes(draw(figure))


# numbers


@pytest.mark.parametrize(
    "figure",
    [f for r in (*every_kind(), canary()) for f in figures(r)],
    ids=lambda f: f.title,
)
def test_each_figure_has_a_title_a_description_and_a_table(figure):
    assert figure.title
    assert figure.description.endswith(".")
    assert figure.rows
    assert {len(row) for row in figure.rows} == {len(figure.head)}
    check_shapes(draw(figure))


def check_shapes(picture):
    for shape in picture.shapes:
        for name, value in shape.attributes.items():
            if name in {"x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "width", "height"}:
                assert re.fullmatch(r"-?\d+\.\d", value)
                assert -50 <= float(value) <= 2_000
    assert 0 < picture.height < 2_000


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (True, None),
        ("1", None),
        (None, None),
        (math.inf, None),
        (math.nan, None),
        (10**400, None),
        (1e300, None),
        (5e-324, 0.0),
        (-1e-99, -1e-99),
        ("Infinity", None),
    ],
)
def test_only_numbers_that_can_be_drawn_are_kept(value, found):
    assert number(value) == found


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e9))
def test_ticks_are_round_and_within(least, size):
    most = least + size
    found = ticks(least, most)
    assert len(found) <= 6
    assert all(least - 1e-9 <= tick <= most + 1e-9 for tick in found)
    assert found == sorted(found)


# details of any sort


def test_bins_in_reports_of_earlier_versions_are_drawn():
    entry = {"reference": 0.5, "current": 0.25, "moved": True}
    earlier = replace(drift_check(), details={"cells": [{"cell": "a", **entry}]})
    assert bins(earlier) == bins(replace(earlier, details={"bins": [{"bin": "a", **entry}]}))
    result = GateResult(name="drift", kind="drift", checks=(earlier,))
    assert [type(figure) for figure in figures(result)] == [Bins]


def test_malformed_bins_are_left_out():
    odd = [
        5,
        {},
        {"bin": "a", "reference": "x", "current": 0.5},
        {"bin": "a", "reference": 0.5, "current": 1.5},
        {"bin": "a", "reference": -0.5, "current": 0.5},
        {"bin": None, "reference": 0.5, "current": 0.5, "moved": 1},
    ]
    found = bins(replace(drift_check(), details={"bins": odd}))
    assert [(each.label, each.moved) for each in found] == [("?", False)]


@pytest.mark.parametrize(
    "histogram",
    [
        None,
        5,
        {},
        {"edges": (1, 2)},
        {"edges": (1, 2), "counts": ()},
        {"edges": (1,), "counts": ()},
        {"edges": (1, 2), "counts": (0,)},
        {"edges": (1, 2), "counts": (-1,)},
        {"edges": (2, 1), "counts": (1,)},
        {"edges": (1, 1), "counts": (1,)},
        {"edges": (-1, 1), "counts": (1,)},
        {"edges": (1, "Infinity"), "counts": (1,)},
        {"edges": (1, 2), "counts": ("x",)},
        {"edges": (1, 2, 3), "counts": (1,)},
        {"edges": tuple(range(500)), "counts": (1,) * 499},
    ],
    ids=str,
)
def test_a_malformed_histogram_is_not_drawn(histogram):
    found = [f for f in figures(latency(histogram=histogram)) if type(f) is Histogram]
    assert found == []
    ends = {"edges": (0, 0.01, 0.02), "counts": (1, 2)}
    figure = only(latency(histogram=ends, histogram_production=histogram))
    assert figure.production == ()
    check_shapes(draw(figure))


def test_a_histogram_of_a_ratio_has_no_lines():
    check = latency().checks[0]
    figure = only(with_details(replace(check, unit=""), **check.details))
    assert (figure.value, figure.low, figure.high, figure.limit) == (None, None, None, None)
    check_shapes(draw(figure))


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**6), 10**6),
    st.floats(allow_nan=False),
    st.text(max_size=5),
)
KEYS = ["bin", "reference", "current", "moved", "group", "value", "low", "high", "n", "note"]
KEYS += ["edges", "counts", "bin", "probability", "share"]
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5), st.dictionaries(st.sampled_from(KEYS), inner, max_size=8)
    ),
    max_leaves=30,
)
DETAILS = [
    "bins",
    "cells",
    "groups",
    "histogram",
    "histogram_production",
    "looks",
    "tolerance",
    "reliability",
]


@examples(150)
@given(
    st.dictionaries(st.sampled_from(DETAILS), ANYTHING),
    st.sampled_from([drift_check(), latency().checks[0], *performance().checks, missing("x", 0.1)]),
    st.sampled_from(["drift", "completeness"]),
)
def test_no_details_make_drawing_fail(details, check, kind):
    odd = replace(check, details=details)
    result = GateResult(name="g", kind=kind, checks=(odd, check))
    for figure in figures(result):
        check_shapes(draw(figure))
    again = Report.from_dict(Report(name="r", results=(result,)).to_dict())
    assert to_html(again.results[0])


@examples(60)
@given(
    st.lists(st.floats(), min_size=3, max_size=3), st.floats(allow_nan=False, allow_infinity=False)
)
def test_no_value_or_interval_makes_drawing_fail(values, bound):
    low, high = sorted(0.0 if math.isnan(v) else v for v in values[:2])
    check = Check(
        subject="x",
        metric="m",
        verdict="inconclusive",
        reason="r",
        value=values[2],
        interval=(low, high),
        confidence=0.95,
        limit=Limit(at_most=bound),
    )
    result = GateResult(name="g", kind="k", checks=(check,))
    for figure in figures(result):
        check_shapes(draw(figure))
    parser = html5lib.HTMLParser()
    parser.parse(to_html(result))
    assert parser.errors == []
