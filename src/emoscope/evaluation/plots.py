"""Plots of an evaluation report: confusion matrix, reliability, scores by label, slices. Needs the extra `plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.evaluation import drawing
from emoscope.evaluation.report import EvaluationReport, dataset_title
from emoscope.terminal import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LABELS_PER_PANEL = 10


def plot_report(report: EvaluationReport, folder: str | Path) -> list[Path]:
    """Draw an evaluation report as PNG files.

    Args:
        report: from `evaluate`, or the same read back from JSON.
        folder: created if it does not exist; files of the same names are overwritten.

    Returns:
        The files: confusion_matrix.png (unless the rows are multi-label), reliability.png, per_label.png, and
        slices.png if the report has slices.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    drawings = {"confusion_matrix.png": _confusion_matrix} if report["confusion"] else {}
    drawings |= {"reliability.png": _reliability, "per_label.png": _per_label}
    if report.get("slices"):
        drawings["slices.png"] = _slices
    return drawing.save(drawings, report, folder)


def _confusion_matrix(report: EvaluationReport) -> Figure:
    labels, counts = report["confusion"]["labels"], np.array(report["confusion"]["matrix"])
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.4 + 0.8 * len(labels)
    figure = drawing.new_figure(side + 0.6, side)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0)
    _write_cells(axes, counts, shares)
    axes.set_xticks(range(len(labels)), labels, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0)
    axes.set(xlabel="predicted label", ylabel="true label")
    bar = figure.colorbar(image, ax=axes, shrink=0.8, label="share of the true label's rows", format="{x:.0%}")
    bar.outline.set_visible(False)
    _title(axes, report, f"Accuracy {report['accuracy']:.2%}")
    axes.spines[:].set_visible(False)
    return figure


def _write_cells(axes: Axes, counts: NDArray[Any], shares: NDArray[Any]) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            share = shares[row, column]
            colour = "white" if share > 0.55 else "black"
            axes.text(column, row, f"{share:.1%}\n{count:,}", ha="center", va="center", color=colour, fontsize=9)


def _reliability(report: EvaluationReport) -> Figure:
    figure = drawing.new_figure(6.0, 6.4)
    axes, counts = figure.subplots(2, sharex=True, height_ratios=(4, 1))
    if report.get("thresholds"):
        drawing.draw_reliability(axes, counts, report["reliability"], measured="share")
        axes.set(ylabel="share with the label")
        counts.set(xlabel="probability of a label", ylabel="rows x labels")
    else:
        drawing.draw_reliability(axes, counts, report["reliability"])
        axes.set(ylabel="accuracy")
        counts.set(xlabel="confidence in the top label", ylabel="rows")
    drawing.add_legend_below(figure, axes)
    _title(axes, report, f"Expected calibration error {report['ece']:.4f}")
    return figure


def _per_label(report: EvaluationReport) -> Figure:
    labels = list(report["per_label"].items())
    panels = [labels[start : start + LABELS_PER_PANEL] for start in range(0, len(labels), LABELS_PER_PANEL)]
    figure = drawing.new_figure(2.6 + 1.1 * len(panels[0]), 1.2 + 3.6 * len(panels))
    all_axes = figure.subplots(len(panels), squeeze=False).ravel()
    for axes, rows in zip(all_axes, panels, strict=True):
        _draw_scores(axes, rows)
        axes.set(xlim=(-0.6, len(panels[0]) - 0.4), ylim=(0, 1.08), yticks=np.linspace(0, 1, 6))
        axes.spines[["top", "right"]].set_visible(False)
    drawing.add_legend_below(figure, all_axes[0])
    _title(all_axes[0], report, f"Macro F1 {report['f1_macro']:.2%}")
    return figure


def _draw_scores(axes: Axes, rows: list[tuple[str, dict[str, Any]]]) -> None:
    """Three bars for each label: precision, recall, F1."""
    positions = np.arange(len(rows))
    for offset, (metric, colour) in enumerate(
        (("precision", drawing.BLUE), ("recall", drawing.ORANGE), ("f1", drawing.GREEN)), start=-1
    ):
        heights = [row[metric] for _, row in rows]
        bars = axes.bar(positions + 0.27 * offset, heights, 0.25, color=colour, label=metric.replace("f1", "F1"))
        axes.bar_label(bars, [f"{height:.2f}" for height in heights], padding=2, fontsize=8)
    axes.set_xticks(positions, [f"{name}\n{row['support']:,} rows" for name, row in rows])
    axes.tick_params(axis="x", length=0)


def _slices(report: EvaluationReport) -> Figure:
    """Accuracy and interval of each slice; filled if it was tested, orange if it differs from the rest."""
    rows = report["slices"]
    firsts = [i for i, row in enumerate(rows) if i == 0 or row["by"] != rows[i - 1]["by"]]
    heights = [-(i + sum(i >= first for first in firsts)) for i in range(len(rows))]
    figure = drawing.new_figure(7.6, 1.6 + 0.27 * (len(rows) + len(firsts)))
    axes = figure.subplots()
    overall = report["accuracy"]
    axes.axvline(overall, color=drawing.GREY, linestyle="--", linewidth=1, label=f"all rows: {overall:.2%}")
    for row, height in zip(rows, heights, strict=True):
        differs = row["p_holm"] is not None and row["p_holm"] < 0.05
        colour = drawing.GREY if row["p"] is None else drawing.ORANGE if differs else drawing.BLUE
        axes.plot((row["low"], row["high"]), (height, height), color=colour, linewidth=2)
        axes.plot(row["accuracy"], height, "o", color=colour, markerfacecolor="white" if row["p"] is None else colour)
    for i in firsts:
        axes.text(0, heights[i] + 1, f"{rows[i]['by']} ", transform=axes.get_yaxis_transform(), ha="right", va="center")
    for colour, name, fill in (
        (drawing.BLUE, "no difference shown", drawing.BLUE),
        (drawing.ORANGE, "differs from the rest", drawing.ORANGE),
        (drawing.GREY, "too few rows to test", "white"),
    ):
        axes.plot([], [], "o-", color=colour, markerfacecolor=fill, label=name)
    axes.set_yticks(heights, [f"{row['slice']} ({row['rows']:,})" for row in rows])
    axes.set(xlabel="accuracy, with Wilson's 95 % interval", ylim=(heights[-1] - 0.7, 0.8))
    axes.tick_params(axis="y", length=0, labelsize=9, labelcolor=drawing.GREY)
    drawing.add_grid(axes, "x")
    drawing.add_legend_below(figure, axes)
    _title(axes, report, "Accuracy by slice")
    return figure


def _title(axes: Axes, report: EvaluationReport, headline: str) -> None:
    dataset, model = report["dataset"], shortened(report["model"], 40, keep_end=True)
    drawing.add_title(axes, headline, f"{model} on {dataset_title(dataset)}, {dataset['rows']:,} rows")
