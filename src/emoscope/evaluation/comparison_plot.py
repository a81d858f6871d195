"""Plot of a comparison: accuracy against speed. Needs the extra `plot`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.errors import require_extra
from emoscope.evaluation.plots import BLUE, DPI, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from emoscope.evaluation.comparison import Comparison

COLOURS = (BLUE, ORANGE, GREEN, "#CC79A7", "#D55E00", "#56B4E9")
MARKERS = "osD^vP"
LONGEST_NAME = 48
MEASURED = "measured here"
PUBLISHED = "published: validation split, the card's GPU"


def plot_comparison(comparison: Comparison, file: str | Path) -> Path:
    """Draw accuracy, with its interval, against samples per second on a logarithmic axis, as PNG.

    What was measured is filled; the model card's own figures are hollow, and labelled as what they are.

    Args:
        comparison: from `compare`, or the same read back from JSON.
        file: replaced if it is there; its folder is made.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("plot")
    from matplotlib.figure import Figure

    file = Path(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(8.6, 5.2 + 0.2 * len(comparison["models"])), layout="constrained")
    axes = figure.subplots()
    axes.set_xscale("log")
    measured = [
        _measured(axes, row, colour, marker)
        for row, (colour, marker) in zip(comparison["models"], _styles(), strict=False)
    ]
    published = [
        _reference(axes, row, marker)
        for row, marker in zip(comparison["published"]["models"], cycle(MARKERS), strict=False)
    ]
    _dress(axes, comparison)
    style: dict[str, Any] = {"alignment": "left", "frameon": False, "fontsize": 9}
    figure.legend(handles=measured, loc="outside lower left", title=MEASURED, **style)
    figure.legend(handles=published, loc="outside lower right", title=PUBLISHED, **style)
    figure.savefig(file, dpi=DPI, format="png")
    return file


def _styles() -> Iterator[tuple[str, str]]:
    """Colour and marker of one model after another; all pairs differ for 30 models."""
    for turn in cycle(range(len(MARKERS))):
        for index, colour in enumerate(COLOURS):
            yield colour, MARKERS[(index + turn) % len(MARKERS)]


def _measured(axes: Axes, row: Mapping[str, Any], colour: str, marker: str) -> Artist:
    speed, interval = row["samples_per_second"], row["intervals"]["accuracy"]
    axes.errorbar(
        speed["median"],
        row["accuracy"],
        xerr=_arms(speed["median"], speed),
        yerr=_arms(row["accuracy"], interval),
        color=colour,
        marker=marker,
        linestyle="none",
        markersize=8,
        capsize=3,
    )
    (point,) = axes.plot([], [], marker, color=colour, markersize=8, label=_short(row["model"]))
    return point


def _arms(value: float, interval: Mapping[str, float]) -> list[list[float]]:
    return [[max(0.0, value - interval["low"])], [max(0.0, interval["high"] - value)]]


def _reference(axes: Axes, row: Mapping[str, Any], marker: str) -> Artist:
    (point,) = axes.plot(
        row["samples_per_second"],
        row["accuracy"],
        marker,
        color=GREY,
        markerfacecolor="none",
        markersize=8,
        label=_short(row["model"]),
    )
    return point


def _dress(axes: Axes, comparison: Comparison) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    dataset, settings = comparison["dataset"], comparison["settings"]
    split = f", {dataset['split']}" if dataset["split"] else ""
    axes.set(xlabel="texts per second", ylabel="accuracy")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.yaxis.set_major_formatter("{x:.1%}")
    axes.margins(0.12)
    axes.grid(color="#E4E4E4")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("accuracy against speed", loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.annotate(
        f"filled: measured on {dataset['name']}{split}, {dataset['rows']:,} rows, {settings['level']:.0%} interval; "
        "hollow: published, other hardware",
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        color=GREY,
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}"
