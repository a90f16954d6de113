"""Plots of the results of gates with matplotlib, used like scikit-learn's Display objects.

``DriftDisplay.from_result(result).plot()`` draws a plot. Its axes and figure are then in the
attributes ``ax_`` and ``figure_``. Only `plot` needs matplotlib: ``pip install "mlgates[plot]"``.
"""

from typing import TYPE_CHECKING, ClassVar

from mlgates import options
from mlgates.errors import EvidenceError
from mlgates.printable import distinct
from mlgates.render.figures import (
    Bins,
    Figure,
    Histogram,
    Levels,
    Reliability,
    Spans,
    figures,
    shares,
)
from mlgates.report import GateResult, Report
from mlgates.verdict import format_number

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.figure import SubFigure

__all__ = [
    "CalibrationDisplay",
    "CompletenessDisplay",
    "DriftDisplay",
    "FairnessDisplay",
    "LatencyDisplay",
    "PerformanceDisplay",
    "RegressionDisplay",
]

_LETTERS = 40  # of the name of a row
# Height of one row, and height of the space above and below all rows together, in inches.
_INCHES, _MARGIN = 0.24, 1.3
_POINTS = 15  # height of a row at which names have their usual size
_LEGEND = 0.5  # inches between axes and legend
_REFERENCE, _DATA, _MOVED, _BEYOND = "#c9ccd1", "#3d80c5", "#c9711a", "#c93540"


class _Display:
    """Base class of the displays, which draw the figures of a result with matplotlib."""

    _kind: ClassVar[type[Figure]]
    _gate: ClassVar[str]
    ax_: "Axes"
    figure_: "Canvas | SubFigure"

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    @classmethod
    def from_result(cls, result: GateResult | Report, title: str | None = None) -> "Self":
        """Make a display from the result of a gate, without drawing it.

        Parameters
        ----------
        result : GateResult
            The result of ``gate.run``, or a part of a report such as ``report["drift:psi"]``.
        title : str, optional
            Title of the figure, if the result has several: a column or a metric, as shown in the
            HTML report. By default the figure with the worst check is drawn.

        Raises
        ------
        OptionError
            When `result` is not a GateResult, or no figure has this title.
        EvidenceError
            When the result has no figure that this class draws.
        """
        owner = cls.__name__
        if not isinstance(result, GateResult):
            allowed = 'a GateResult, such as `report["drift:psi"]`'
            raise options.refuse(owner, "result", allowed, type(result).__name__)
        drawable = [figure for figure in figures(result) if isinstance(figure, cls._kind)]
        if not drawable:
            msg = f"{owner}: the result of {result.name!r} has no figure to draw; pass a result of "
            msg += f"`{cls._gate}` that has measurements"
            raise EvidenceError(msg)
        if title is None:
            return cls(drawable[0])
        by_title = {figure.title: figure for figure in reversed(drawable)}
        options.choice(owner, "title", title, by_title)
        return cls(by_title[title])

    def plot(self, ax: "Axes | None" = None) -> "Self":
        """Draw the plot on the given axes, or on new ones.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on; by default new axes are made.

        Returns
        -------
        Display
            The display itself.

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        if ax is None:
            try:
                from matplotlib import pyplot as plt
            except ImportError as error:
                raise ImportError(
                    f"{type(self).__name__}.plot needs matplotlib: pip install 'mlgates[plot]'",
                    name="matplotlib",
                ) from error
            width, height = plt.rcParams["figure.figsize"]
            size = (width, max(height, _INCHES * len(self._rows()) + _MARGIN))
            _, ax = plt.subplots(figsize=size, layout="constrained")
        self._draw(ax)
        ax.set_title(_plain(self.figure.title))
        ax.spines[["top", "right"]].set_visible(False)
        if ax.get_legend_handles_labels()[0]:  # below the axes, so that it covers no data
            below = -_LEGEND / (ax.bbox.height / ax.figure.dpi)  # the same distance at any height
            ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, below), ncols=4)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: "Axes") -> None:
        raise NotImplementedError

    def _rows(self) -> list[str]:
        """Return the labels of the rows of the plot; an empty list if it has no rows."""
        return []

    def _name_rows(self, ax: "Axes") -> None:
        """Write the labels of the rows, in a size at which they don't overlap."""
        names = self._rows()
        short = distinct(names, _LETTERS)
        ax.set_yticks(range(len(names)), [_plain(short[name]) for name in names])
        height = 72 * ax.bbox.height / ax.figure.dpi / max(len(names), 1)  # points of a row
        if height < _POINTS:
            ax.tick_params(axis="y", labelsize=max(height / 1.8, 1))
        ax.set_ylim(len(names) - 0.4, -0.6)


class DriftDisplay(_Display):
    """Plot a result of the gate `Drift`: a column's distribution in the reference and the data.

    A bin or category whose share changed significantly has another colour and an arrow.

    Attributes
    ----------
    figure : Bins
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.

    Examples
    --------
    >>> import mlgates as mg
    >>> reference = {"city": ["Bonn"] * 60 + ["Lyon"] * 40}
    >>> data = {"city": ["Bonn"] * 95 + ["Lyon"] * 5}
    >>> result = mg.Drift("psi").run(data=data, reference=reference)
    >>> display = DriftDisplay.from_result(result)
    >>> [each.label for each in display.figure.bins]
    ['Bonn', 'Lyon']
    """

    figure: Bins
    _kind = Bins
    _gate = "Drift"

    def _draw(self, ax: "Axes") -> None:
        bins = self.figure.bins
        places = range(len(bins))
        ax.barh(places, [c.reference for c in bins], 0.8, color=_REFERENCE, label="reference")
        for moved, colour, label in ((False, _DATA, "data"), (True, _MOVED, "significant change")):
            own = {place: each.current for place, each in enumerate(bins) if each.moved is moved}
            if own:
                ax.barh([*own], [*own.values()], 0.4, color=colour, label=label)
        for place, each in enumerate(bins):
            if each.moved:
                sign = "▲" if each.current > each.reference else "▼"
                end = (max(each.reference, each.current), place)
                ax.annotate(sign, end, xytext=(4, 0), textcoords="offset points", va="center")
        self._name_rows(ax)
        _share_axis(ax)

    def _rows(self) -> list[str]:
        return [each.label for each in self.figure.bins]


class _SpansDisplay(_Display):
    """Base class of plots with a value and its interval per row, and limits as vertical lines."""

    figure: Spans
    _kind = Spans

    def _draw(self, ax: "Axes") -> None:
        for place, span in enumerate(self.figure.spans):
            if span.value is not None:
                colour, marker = (_BEYOND, "s") if span.beyond else (_DATA, "o")
                if span.interval:
                    ax.plot(span.interval, [place, place], color=colour)
                ax.plot([span.value], [place], marker, color=colour)
        for line in self.figure.lines:
            style, label = "--" if line.value else "-", _plain(line.label)
            ax.axvline(line.value, color="0.4", linestyle=style, linewidth=1, label=label)
        self._name_rows(ax)
        ax.locator_params(axis="x", nbins=6)

    def _rows(self) -> list[str]:
        return [
            span.label if span.value is not None else f"{span.label} (undefined)"
            for span in self.figure.spans
        ]


class FairnessDisplay(_SpansDisplay):
    """Plot a result of the gate `Fairness`: the metric of each group.

    The plot also shows the confidence interval of each group, and the limit.

    Attributes
    ----------
    figure : Spans
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.
    """

    _gate = "Fairness"


class RegressionDisplay(_SpansDisplay):
    """Plot a result of the gate `Regression`: the difference between candidate and production.

    The plot also shows the confidence interval of the difference, and the tolerance.

    Attributes
    ----------
    figure : Spans
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.
    """

    _gate = "Regression"


class PerformanceDisplay(_SpansDisplay):
    """Plot a result of the gate `Performance`: the metric in each slice (subset of the rows).

    The plot also shows the confidence interval in each slice, and the limit.

    Attributes
    ----------
    figure : Spans
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.

    Examples
    --------
    >>> import mlgates as mg
    >>> data = {"sex": ["f", "m"] * 50}
    >>> answers = {"y_true": [0, 1] * 50, "y_pred": [0, 1, 0, 0] * 25}
    >>> result = mg.Performance("accuracy", at_least=0.7, by="sex").run(data=data, **answers)
    >>> display = PerformanceDisplay.from_result(result)
    >>> [(span.label, span.value, span.beyond) for span in display.figure.spans]
    [('sex=m', 0.5, True), ('sex=f', 1.0, False)]
    """

    _gate = "Performance"


class CompletenessDisplay(_Display):
    """Plot a result of the gate `Completeness`: the share of missing cells in each column.

    The plot also shows the limit. The column with the largest share comes first. At most 24 columns
    are drawn. Columns without missing cells are left out.

    Attributes
    ----------
    figure : Levels
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.

    Examples
    --------
    >>> import mlgates as mg
    >>> data = {"age": [31, None, 45, 28], "city": ["Bonn", "Lyon", None, None]}
    >>> result = mg.Completeness(max_missing=0.3).run(data=data)
    >>> display = CompletenessDisplay.from_result(result)
    >>> [(level.label, level.value) for level in display.figure.levels]
    [('city', 0.5), ('age', 0.25)]
    """

    figure: Levels
    _kind = Levels
    _gate = "Completeness"

    def _draw(self, ax: "Axes") -> None:
        for place, level in enumerate(self.figure.levels):
            ax.barh([place], [level.value or 0], 0.7, color=_BEYOND if level.beyond else _DATA)
        if self.figure.limit is not None:
            label = _plain(self.figure.limit.label)
            ax.axvline(self.figure.limit.value, color="0.4", linestyle="--", label=label)
        self._name_rows(ax)
        _share_axis(ax)

    def _rows(self) -> list[str]:
        return [level.label for level in self.figure.levels]


class LatencyDisplay(_Display):
    """Plot a result of the gate `Latency`: a histogram of the durations of calls.

    The plot also shows the measured quantile with its confidence interval, and the limit.

    Attributes
    ----------
    figure : Histogram
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.
    """

    figure: Histogram
    _kind = Histogram
    _gate = "Latency"

    def _draw(self, ax: "Axes") -> None:
        figure = self.figure
        ax.stairs(shares(figure.counts), figure.edges, fill=True, color=_DATA, label="calls")
        if figure.production:
            ax.stairs(shares(figure.production), figure.edges, color="0.2", label="production")
        if figure.low is not None:
            end = figure.shown[1] if figure.high is None else figure.high
            ax.axvspan(figure.low, end, color=_MOVED, alpha=0.3, linewidth=0)
        if figure.value is not None:
            label = f"{_plain(figure.label)} {format_number(figure.value, 's')}"
            ax.axvline(figure.value, color=_MOVED, label=label)
        if figure.limit is not None:
            label = f"the limit, {format_number(figure.limit, 's', 8)}"
            ax.axvline(figure.limit, color="0.2", linestyle="--", label=label)
        ax.set_xscale("log")
        ax.set_xlim(*figure.shown)
        ax.set_xticks(figure.ticks, [format_number(tick, "s") for tick in figure.ticks])
        ax.set_xticks([], minor=True)
        ax.set_ylabel("share of calls")


class CalibrationDisplay(_Display):
    """Plot the observed share of positives against the mean predicted probability.

    This reliability curve is for a result of ``Performance("expected_calibration_error", ...)``.
    The probabilities are divided into 10 bins, and each bin that has rows is a point with a
    confidence interval. If the gate has slices, there is one curve for each; the argument `title`
    of `from_result` chooses one, such as ``"expected_calibration_error [sex=f]: reliability"``.

    Attributes
    ----------
    figure : Reliability
        The title and the numbers that `plot` draws, not a figure of matplotlib.
    ax_ : matplotlib Axes
        The axes on which `plot` drew. They are set by `plot`, not before.
    figure_ : matplotlib Figure
        The figure of matplotlib that has these axes. It is set by `plot`, not before.

    Examples
    --------
    >>> import mlgates as mg
    >>> answers = {"y_true": [0, 0, 0, 1, 1] * 20, "y_score": [0.2, 0.2, 0.2, 0.2, 0.9] * 20}
    >>> result = mg.Performance("expected_calibration_error", at_most=0.2).run(**answers)
    >>> display = CalibrationDisplay.from_result(result)
    >>> [(point.label, point.value) for point in display.figure.points]
    [('0.1 to 0.2', 0.25), ('0.8 to 0.9', 1.0)]
    """

    figure: Reliability
    _kind = Reliability
    _gate = 'Performance("expected_calibration_error", ...)'

    def _draw(self, ax: "Axes") -> None:
        ax.plot([0, 1], [0, 1], "--", color="0.4", linewidth=1, label="perfectly calibrated")
        for beyond, colour, label in ((False, _DATA, "observed"), (True, _BEYOND, "differs")):
            own = [point for point in self.figure.points if point.beyond is beyond]
            for point in own:
                if point.interval:
                    ax.plot([point.place] * 2, point.interval, color=colour)
            if own:
                values = [point.value or 0.0 for point in own]
                marker = "s" if beyond else "o"
                ax.plot([point.place for point in own], values, marker, color=colour, label=label)
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        ax.set_xlabel("mean probability")
        ax.set_ylabel("observed share")


def _share_axis(ax: "Axes") -> None:
    ax.xaxis.set_major_formatter(lambda x, _: format_number(round(x, 9), "share"))
    ax.set_xlabel("share")


def _plain(text: str) -> str:
    """Escape dollar signs, which matplotlib reads as the start of a formula."""
    return text.replace("$", r"\$")
