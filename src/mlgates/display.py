"""Plots of results with matplotlib, in the manner of scikit-learn's Display objects.

``DriftDisplay.from_result(result).plot()`` draws on new axes or on given ones, and keeps them in
``ax_`` and ``figure_``. Only `plot` needs matplotlib: ``pip install "mlgates[plot]"``.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from mlgates import options
from mlgates.errors import EvidenceError
from mlgates.render.figures import Cells, Figure, Histogram, Spans, figures, shares
from mlgates.report import GateResult, Report
from mlgates.verdict import format_number

if TYPE_CHECKING:
    from typing import Self

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas
    from matplotlib.figure import SubFigure

__all__ = ["DriftDisplay", "FairnessDisplay", "LatencyDisplay", "RegressionDisplay"]

_REFERENCE, _DATA, _MOVED, _BEYOND = "#c9ccd1", "#3d80c5", "#c9711a", "#c93540"


class _Display:
    """Base class of the displays."""

    _kind: ClassVar[type[Figure]]
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
            HTML report. By default the worst.

        Raises
        ------
        OptionError
            When `result` is not a GateResult, or no figure has this title.
        EvidenceError
            When the result has no figure of this kind.
        """
        owner = cls.__name__
        if not isinstance(result, GateResult):
            allowed = 'a GateResult, such as `report["drift:psi"]`'
            raise options.refuse(owner, "result", allowed, type(result).__name__)
        drawable = [figure for figure in figures(result) if isinstance(figure, cls._kind)]
        if not drawable:
            msg = f"{owner}: the result of {result.name!r} has no figure of this kind"
            raise EvidenceError(msg)
        if title is None:
            return cls(drawable[0])
        by_title = {figure.title: figure for figure in reversed(drawable)}
        options.choice(owner, "title", title, by_title)
        return cls(by_title[title])

    def plot(self, ax: "Axes | None" = None) -> "Self":
        """Draw the figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on; new ones by default.

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
                msg = f"{type(self).__name__}.plot needs matplotlib: pip install 'mlgates[plot]'"
                raise ImportError(msg, name="matplotlib") from error
            _, ax = plt.subplots(layout="constrained")
        self._draw(ax)
        ax.set_title(_plain(self.figure.title))
        ax.spines[["top", "right"]].set_visible(False)
        if ax.get_legend_handles_labels()[0]:  # below the axes, so that it covers no data
            ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: "Axes") -> None:
        raise NotImplementedError


class DriftDisplay(_Display):
    """Plot of the distribution of a column in the reference and in the data.

    Bins or categories whose share changed significantly have another colour and an arrow.

    Attributes
    ----------
    figure : Cells
        The numbers of the plot.
    ax_ : matplotlib Axes
        The axes of the last `plot`.
    figure_ : matplotlib Figure
        The figure of these axes.

    Examples
    --------
    >>> import mlgates as mg
    >>> reference = {"city": ["Bonn"] * 60 + ["Lyon"] * 40}
    >>> data = {"city": ["Bonn"] * 95 + ["Lyon"] * 5}
    >>> result = mg.Drift("psi").run(data=data, reference=reference)
    >>> display = DriftDisplay.from_result(result)
    >>> [cell.label for cell in display.figure.cells]
    ['Bonn', 'Lyon']
    """

    figure: Cells
    _kind = Cells

    def _draw(self, ax: "Axes") -> None:
        cells = self.figure.cells
        places = range(len(cells))
        ax.barh(places, [c.reference for c in cells], 0.8, color=_REFERENCE, label="reference")
        for moved, colour, label in ((False, _DATA, "data"), (True, _MOVED, "significant change")):
            own = {place: cell.current for place, cell in enumerate(cells) if cell.moved is moved}
            if own:
                ax.barh([*own], [*own.values()], 0.4, color=colour, label=label)
        for place, cell in enumerate(cells):
            if cell.moved:
                sign = "▲" if cell.current > cell.reference else "▼"
                end = (max(cell.reference, cell.current), place)
                ax.annotate(sign, end, xytext=(4, 0), textcoords="offset points", va="center")
        _name_rows(ax, [cell.label for cell in cells])
        ax.xaxis.set_major_formatter(lambda x, _: format_number(round(x, 9), "share"))
        ax.set_xlabel("share")


class _SpansDisplay(_Display):
    """Base class of plots of values with intervals, a row each, and vertical lines."""

    figure: Spans
    _kind = Spans

    def _draw(self, ax: "Axes") -> None:
        names = []
        for place, span in enumerate(self.figure.spans):
            names.append(span.label if span.value is not None else f"{span.label} (undefined)")
            if span.value is not None:
                colour, marker = (_BEYOND, "s") if span.beyond else (_DATA, "o")
                if span.interval:
                    ax.plot(span.interval, [place, place], color=colour)
                ax.plot([span.value], [place], marker, color=colour)
        for line in self.figure.lines:
            style, label = "--" if line.value else "-", _plain(line.label)
            ax.axvline(line.value, color="0.4", linestyle=style, linewidth=1, label=label)
        _name_rows(ax, names)
        ax.locator_params(axis="x", nbins=6)


class FairnessDisplay(_SpansDisplay):
    """Plot of the value of each group with its interval, and of the limit.

    Attributes
    ----------
    figure : Spans
        The numbers of the plot; `ax_` and `figure_` are as in `DriftDisplay`.
    """


class RegressionDisplay(_SpansDisplay):
    """Plot of the difference between candidate and production, with the tolerance.

    Attributes
    ----------
    figure : Spans
        The numbers of the plot; `ax_` and `figure_` are as in `DriftDisplay`.
    """


class LatencyDisplay(_Display):
    """Plot of the times of calls, with the measured quantile, its interval and the limit.

    Attributes
    ----------
    figure : Histogram
        The numbers of the plot; `ax_` and `figure_` are as in `DriftDisplay`.
    """

    figure: Histogram
    _kind = Histogram

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


def _name_rows(ax: "Axes", labels: Sequence[str]) -> None:
    ax.set_yticks(range(len(labels)), [_plain(label) for label in labels])
    ax.invert_yaxis()


def _plain(text: str) -> str:
    """Escape dollar signs, which matplotlib reads as the start of a formula."""
    return text.replace("$", r"\$")
