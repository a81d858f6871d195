"""What all plots share: colours, figures, titles, and the reliability diagram. Needs the extra `plot`.

Plots are drawn with matplotlib's objects, not with pyplot: no window, no global state. The colours are from Okabe and
Ito's palette, which colour-blind people can tell apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY, LIGHT_GREY = "#0072B2", "#E69F00", "#009E73", "#6E6E6E", "#E4E4E4"
PINK, RED, SKY = "#CC79A7", "#D55E00", "#56B4E9"
DPI = 160


def save(drawings: Mapping[str, Callable[[Any], Figure]], report: dict[str, Any], folder: str | Path) -> list[Path]:
    """Draw a report as PNG files of these names in a folder, which is created; existing files are overwritten.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("plot")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in drawings.items():
        draw(report).savefig(folder / name, dpi=DPI)
    return [folder / name for name in drawings]


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def add_title(axes: Axes, title: str, subtitle: str) -> None:
    """Put a bold title and a grey line below it over the axes, and remove the frame at the top and right."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.annotate(
        subtitle, (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points", color=GREY, fontsize=9
    )


def add_grid(axes: Axes, axis: str) -> None:
    """Draw grid lines of one axis ("x", "y" or "both") behind everything else."""
    axes.grid(axis=axis, color=LIGHT_GREY)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def add_legend_below(figure: Figure, axes: Axes) -> None:
    """Put the legend of the axes in one row below the figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9, columnspacing=1.2
    )


def draw_reliability(
    axes: Axes, counts: Axes, bins: Sequence[Mapping[str, float]], *, measured: str = "accuracy"
) -> None:
    """Reliability diagram: accuracy against confidence in `axes`, rows of each bin in `counts`.

    Args:
        axes: where accuracy and confidence are drawn.
        counts: where the rows are counted, on a logarithmic axis.
        bins: as `emoscope.evaluation.reliability` has them, as mappings.
        measured: what the height of a bar is called.
    """
    centres = [(group["lower"] + group["upper"]) / 2 for group in bins]
    confidence, accuracy, rows = ([group[key] for group in bins] for key in ("confidence", "accuracy", "rows"))
    width = 0.92 * (bins[0]["upper"] - bins[0]["lower"])
    axes.bar(centres, accuracy, width, color=BLUE, alpha=0.35, label=f"{measured} in the bin")
    axes.plot((0, 1), (0, 1), color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
    axes.plot(confidence, accuracy, "o", color=BLUE, clip_on=False, zorder=3, label="mean confidence of the bin")
    axes.set(xlim=(0, 1), ylim=(0, 1.02))
    counts.bar(centres, rows, width, color=GREY)
    counts.set(yscale="log", ylim=(0.7, None))
    counts.yaxis.set_major_formatter("{x:,.0f}")
    counts.spines[["top", "right"]].set_visible(False)
