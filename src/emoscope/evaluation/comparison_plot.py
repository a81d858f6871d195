"""Plot of a comparison: accuracy against speed. Needs the extra `plot`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.errors import require_extra
from emoscope.evaluation import drawing
from emoscope.evaluation.report import dataset_title
from emoscope.terminal import shortened

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from emoscope.evaluation.comparison import Comparison

COLOURS = (drawing.BLUE, drawing.ORANGE, drawing.GREEN, drawing.PINK, drawing.RED, drawing.SKY)
MARKERS = "osD^vP"
MAX_NAME = 48
"""Characters of a model's name in the legend; a longer one keeps its end."""
MEASURED = "measured here"
PUBLISHED = "published: validation split, the model card's GPU"


def plot_comparison(comparison: Comparison, file: str | Path) -> Path:
    """Draw accuracy with its interval against texts per second (logarithmic) as a PNG file.

    Measured models have filled markers; the figures published in the model card, if the comparison has them, hollow
    ones.

    Args:
        comparison: from `compare`, or the same read back from JSON.
        file: overwritten if it exists; its folder is created.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("plot")
    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure = drawing.new_figure(8.6, 5.2 + 0.2 * len(comparison["models"]))
    axes = figure.subplots()
    axes.set_xscale("log")
    measured = [_draw_measured(axes, row, *style) for row, style in zip(comparison["models"], _styles(), strict=False)]
    published = [
        _draw_published(axes, row, marker)
        for row, marker in zip((comparison["published"] or {"models": []})["models"], cycle(MARKERS), strict=False)
    ]
    _finish(axes, comparison)
    style: dict[str, Any] = {"alignment": "left", "frameon": False, "fontsize": 9}
    figure.legend(handles=measured, loc="outside lower left", title=MEASURED, **style)
    if published:
        figure.legend(handles=published, loc="outside lower right", title=PUBLISHED, **style)
    figure.savefig(file, dpi=drawing.DPI, format="png")
    return file


def _styles() -> Iterator[tuple[str, str]]:
    """Colour and marker of one model after another; no two of the first 30 are equal."""
    for turn in cycle(range(len(MARKERS))):
        for index, colour in enumerate(COLOURS):
            yield colour, MARKERS[(index + turn) % len(MARKERS)]


def _draw_measured(axes: Axes, row: Mapping[str, Any], colour: str, marker: str) -> Artist:
    speed, interval = row["samples_per_second"], row["intervals"]["accuracy"]
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 8, "linestyle": "none"}
    axes.errorbar(
        speed["median"],
        row["accuracy"],
        xerr=_error_bar(speed["median"], speed),
        yerr=_error_bar(row["accuracy"], interval),
        capsize=3,
        **style,
    )
    (point,) = axes.plot([], [], label=_name(row), **style)
    return point


def _error_bar(value: float, interval: Mapping[str, float]) -> list[list[float]]:
    return [[max(0.0, value - interval["low"])], [max(0.0, interval["high"] - value)]]


def _draw_published(axes: Axes, row: Mapping[str, Any], marker: str) -> Artist:
    style: dict[str, Any] = {"color": drawing.GREY, "markerfacecolor": "none", "markersize": 8}
    (point,) = axes.plot(row["samples_per_second"], row["accuracy"], marker, label=_name(row), **style)
    return point


def _name(row: Mapping[str, Any]) -> str:
    return shortened(row["model"], MAX_NAME, keep_end=True)


def _finish(axes: Axes, comparison: Comparison) -> None:
    """Axes, grid and title."""
    from matplotlib.ticker import LogLocator, NullFormatter

    dataset, settings = comparison["dataset"], comparison["settings"]
    axes.set(xlabel="texts per second", ylabel="accuracy")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:.1%}")
    axes.margins(0.12)
    drawing.add_grid(axes, "both")
    title = f"measured on {dataset_title(dataset)}, {dataset['rows']:,} rows, {settings['level']:.0%} interval"
    if comparison["published"]:
        title = f"filled: {title}; hollow: published, other hardware"
    drawing.add_title(axes, "Accuracy against speed", title)
