"""Plots of results with matplotlib, after scikit-learn's convention of Display objects.

``DriftDisplay.from_result(result).plot()`` draws on axes of its own or on those given, and keeps
them in ``ax_`` and ``figure_``. Making a display needs no matplotlib; drawing it does:
``pip install "mlgates[plot]"``.
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
    """What the displays share: they are made from a result, and draw on axes."""

    _kind: ClassVar[type[Figure]]
    ax_: "Axes"
    figure_: "Canvas | SubFigure"

    def __init__(self, figure: Figure) -> None:
        self.figure = figure

    @classmethod
    def from_result(cls, result: GateResult | Report, title: str | None = None) -> "Self":
        """Return the display of a gate's result; nothing is drawn yet.

        Parameters
        ----------
        result : GateResult
            What ``gate.run`` returned, or ``report["drift:psi"]``; a whole report is refused.
        title : str, optional
            Which of several figures to take: its column, metric or group. By default the worst.

        Raises
        ------
        OptionError
            When `result` is no GateResult, or `title` is none of its figures.
        EvidenceError
            When there is nothing to draw in it.
        """
        owner = cls.__name__
        if not isinstance(result, GateResult):
            allowed = 'a GateResult, such as `report["drift:psi"]`'
            raise options.refuse(owner, "result", allowed, type(result).__name__)
        drawable = [figure for figure in figures(result) if isinstance(figure, cls._kind)]
        if not drawable:
            msg = f"{owner}: there is nothing to draw in the result of {result.name!r}"
            raise EvidenceError(msg)
        if title is None:
            return cls(drawable[0])
        by_title = {figure.title: figure for figure in reversed(drawable)}
        options.choice(owner, "title", title, by_title)
        return cls(by_title[title])

    def plot(self, ax: "Axes | None" = None) -> "Self":
        """Draw, and return the display itself.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; axes of its own by default.

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
        if ax.get_legend_handles_labels()[0]:  # under the axes, where it hides nothing
            ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def _draw(self, ax: "Axes") -> None:
        raise NotImplementedError


class DriftDisplay(_Display):
    """The distribution of a column in the reference and in the data, over the same cells.

    Cells whose share moved beyond chance are marked by colour and by an arrow. At most the 30 cells
    that changed most are in a report.

    Attributes
    ----------
    figure : Cells
        The numbers drawn.
    ax_ : matplotlib Axes
        Where it was drawn.
    figure_ : matplotlib Figure
        The figure of the axes.

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
        for moved, colour, label in ((False, _DATA, "data"), (True, _MOVED, "moved beyond chance")):
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
    """Values with intervals, one above the other, against lines."""

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
    """The value of each group with its interval, and the line where the limit lies.

    Attributes
    ----------
    figure : Spans
        The numbers drawn; the other attributes are those of `DriftDisplay`.
    """


class RegressionDisplay(_SpansDisplay):
    """The difference between candidate and production with its interval, against the tolerance.

    Attributes
    ----------
    figure : Spans
        The numbers drawn; the other attributes are those of `DriftDisplay`.
    """


class LatencyDisplay(_Display):
    """The times of calls, with the quantile, its interval and the limit.

    Attributes
    ----------
    figure : Histogram
        The numbers drawn; the other attributes are those of `DriftDisplay`.
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
    """Return text in which a dollar sign begins no formula of matplotlib."""
    return text.replace("$", r"\$")
