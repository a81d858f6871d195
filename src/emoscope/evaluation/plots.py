"""Plots of a report: confusion matrix, reliability diagram, bars a label, slices. Needs the extra `plot`.

Drawn through matplotlib's objects, not through pyplot: no window, no global state. Colours are from
Okabe and Ito's palette, which the colour-blind can tell apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from emoscope.evaluation.report import Report

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#6E6E6E"
DPI = 160
LABELS_A_PANEL = 10


def plot_report(report: Report, folder: str | Path) -> list[Path]:
    """Draw a report as PNG files.

    Args:
        report: from `evaluate`, or the same read back from JSON.
        folder: made where it is missing; files of the same names are replaced.

    Returns:
        The files: confusion_matrix.png (not of multi-label rows), reliability.png, per_label.png, and slices.png if
        the report is broken down.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("plot")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"confusion_matrix.png": _confusion_matrix(report)} if report["confusion"] else {}
    figures |= {"reliability.png": _reliability(report), "per_label.png": _per_label(report)}
    if report.get("slices"):
        figures["slices.png"] = _slices(report)
    for name, figure in figures.items():
        figure.savefig(folder / name, dpi=DPI)
    return [folder / name for name in figures]


def _confusion_matrix(report: Report) -> Figure:
    labels, counts = report["confusion"]["labels"], np.array(report["confusion"]["matrix"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.4 + 0.8 * len(labels)
    figure = _figure(side + 0.6, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    _write_cells(axes, counts, shares)
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set(xlabel="predicted label", ylabel="true label")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true label's rows", format="{x:.0%}")
    bar.outline.set_visible(False)
    _title(axes, report, f"accuracy {report['accuracy']:.2%}")
    return figure


def _write_cells(axes: Axes, counts: NDArray[Any], shares: NDArray[Any]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            share = shares[row, column]
            colour = "white" if share > 0.55 else "black"
            axes.text(column, row, f"{share:.1%}\n{count:,}", ha="center", va="center", color=colour, fontsize=9)


def _reliability(report: Report) -> Figure:
    groups = report["reliability"]
    share, certainty, unit = _reliability_words(report)
    confidence, accuracy, rows = (
        np.array([group[key] for group in groups]) for key in ("confidence", "accuracy", "rows")
    )
    centres = [(group["lower"] + group["upper"]) / 2 for group in groups]
    width = groups[0]["upper"] - groups[0]["lower"]
    figure = _figure(6.0, 6.4)
    axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    axes.bar(centres, accuracy, 0.92 * width, color=BLUE, alpha=0.35, label=f"{share.split()[0]} in the bin")
    axes.plot((0, 1), (0, 1), color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
    axes.plot(confidence, accuracy, "o", color=BLUE, markersize=6, label=f"at the bin's mean {certainty.split()[0]}")
    axes.set(ylabel=share, ylim=(0, 1.02), xlim=(0, 1))
    counts.bar(centres, rows, 0.92 * width, color=GREY)
    counts.set(xlabel=certainty, ylabel=unit, yscale="log", ylim=(0.7, None))
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9, columnspacing=1.2)
    for panel in (axes, counts):
        _open(panel)
    _title(axes, report, f"expected calibration error {report['ece']:.4f}")
    return figure


def _reliability_words(report: Report) -> tuple[str, str, str]:
    """What is right, what is sure, and what is counted."""
    if report.get("thresholds"):
        return "share with the label", "probability of a label", "rows x labels"
    return "accuracy", "confidence in the top label", "rows"


def _per_label(report: Report) -> Figure:
    labels = list(report["per_label"].items())
    panels = [labels[start : start + LABELS_A_PANEL] for start in range(0, len(labels), LABELS_A_PANEL)]
    figure = _figure(2.6 + 1.1 * len(panels[0]), 1.2 + 3.6 * len(panels))
    every = figure.subplots(len(panels), squeeze=False).ravel()
    for axes, rows in zip(every, panels, strict=True):
        _bars(axes, rows)
        axes.set(xlim=(-0.6, len(panels[0]) - 0.4), ylim=(0, 1.08), yticks=np.linspace(0, 1, 6))
        _open(axes)
    figure.legend(*every[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    _title(every[0], report, f"macro F1 {report['f1_macro']:.2%}")
    return figure


def _bars(axes: Axes, rows: list[tuple[str, dict[str, Any]]]) -> None:
    positions = np.arange(len(rows))
    for offset, (metric, colour) in enumerate((("precision", BLUE), ("recall", ORANGE), ("f1", GREEN)), start=-1):
        heights = [row[metric] for _, row in rows]
        bars = axes.bar(positions + 0.27 * offset, heights, 0.25, color=colour, label=metric.replace("f1", "F1"))
        axes.bar_label(bars, [f"{height:.2f}" for height in heights], padding=2, fontsize=8)
    axes.set_xticks(positions, [f"{name}\n{row['support']:,} rows" for name, row in rows])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color="#E4E4E4")
    axes.set_axisbelow(True)


def _slices(report: Report) -> Figure:
    """Accuracy and interval of each slice; filled where it was tested, orange where it differs from the rest."""
    rows = report["slices"]
    firsts = [i for i, row in enumerate(rows) if i == 0 or row["by"] != rows[i - 1]["by"]]
    places = [-(i + sum(i >= first for first in firsts)) for i in range(len(rows))]
    figure = _figure(7.6, 1.6 + 0.27 * (len(rows) + len(firsts)))
    axes = figure.subplots()
    axes.axvline(report["accuracy"], color=GREY, linestyle="--", linewidth=1, label="all rows")
    for row, place in zip(rows, places, strict=True):
        differs = row["p_holm"] is not None and row["p_holm"] < 0.05
        colour = GREY if row["p"] is None else ORANGE if differs else BLUE
        axes.plot((row["low"], row["high"]), (place, place), color=colour, linewidth=2)
        axes.plot(row["accuracy"], place, "o", color=colour, markerfacecolor="white" if row["p"] is None else colour)
    for i in firsts:
        axes.text(0, places[i] + 1, f"{rows[i]['by']} ", transform=axes.get_yaxis_transform(), ha="right", va="center")
    for colour, name, fill in ((BLUE, "like the rest", BLUE), (ORANGE, "differs", ORANGE), (GREY, "few rows", "white")):
        axes.plot([], [], "o-", color=colour, markerfacecolor=fill, label=name)
    axes.set_yticks(places, [f"{row['slice']} ({row['rows']:,})" for row in rows])
    axes.set(xlabel="accuracy, with Wilson's 95 % interval", ylim=(places[-1] - 0.7, 0.8))
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=GREY)
    axes.grid(axis="x", color="#E4E4E4")
    _open(axes)
    figure.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    _title(axes, report, f"accuracy {report['accuracy']:.2%}")
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _open(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)


def _title(axes: Axes, report: Report, headline: str) -> None:
    dataset, model = report["dataset"], report["model"]
    model = model if len(model) <= 40 else f"…{model[-39:]}"
    split = f", {dataset['split']}" if dataset["split"] else ""
    axes.set_title(headline, loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.annotate(
        f"{model} on {dataset['name']}{split}, {dataset['rows']:,} rows",
        (0, 1),
        xytext=(0, 8),
        xycoords="axes fraction",
        textcoords="offset points",
        color=GREY,
    )
