"""Plots of a calibration report: reliability, risk-coverage curve, prediction sets, neutral texts. Needs `plot`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emoscope.calibration.old_keys import with_current_keys
from emoscope.evaluation import drawing
from emoscope.prediction import MIN_NEUTRAL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_calibration(report: Mapping[str, Any], folder: str | Path) -> list[Path]:
    """Draw a calibration report as PNG files.

    Args:
        report: the report of `calibrate` or `calibrate_multi_label`, or the same read back from JSON.
        folder: created if it does not exist; files of the same names are overwritten.

    Returns:
        The files: reliability.png, risk_coverage.png, prediction_sets.png, and neutral.png if neutral texts were
        fitted; of a multi-label model reliability.png and label_f1.png.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    if "thresholds" in report:
        return drawing.save({"reliability.png": _reliability, "label_f1.png": _label_f1}, dict(report), folder)
    drawings = {
        "reliability.png": _reliability,
        "risk_coverage.png": _risk_coverage,
        "prediction_sets.png": _prediction_sets,
    }
    current = with_current_keys(report)
    return drawing.save(drawings | ({"neutral.png": _neutral} if current["neutral"] else {}), current, folder)


def _reliability(report: dict[str, Any]) -> Figure:
    """Two diagrams side by side, or one if the temperature was kept."""
    temperature, multi_label = report["temperature"], "thresholds" in report
    measured, over, counted = (
        ("share", "probability of a label", "rows x labels")
        if multi_label
        else ("accuracy", "highest probability", "rows")
    )
    same = temperature["before"] == temperature["after"]
    times = ["after"] if same else ["before", "after"]
    figure = drawing.new_figure(6.0 if same else 9.6, 5.6)
    panels = figure.subplots(2, len(times), sharex=True, sharey="row", height_ratios=(4, 1), squeeze=False)
    for time, (axes, counts) in zip(times, panels.T, strict=True):
        drawing.draw_reliability(axes, counts, report["curves"]["reliability"][time], measured=measured)
        counts.set(xlabel=over)
        title = "Reliability" if same else f"{time.title()}: temperature {temperature[time]:.3f}"
        drawing.add_title(axes, title, f"calibration error {report['ece'][time]:.4f}, loss {report['loss'][time]:.4f}")
    panels[0, 0].set(ylabel="share that has the label" if multi_label else measured)
    panels[1, 0].set(ylabel=counted)
    drawing.add_legend_below(figure, panels[0, 0])
    return figure


def _risk_coverage(report: dict[str, Any]) -> Figure:
    curve, points = report["curves"]["risk_coverage"], report["selective_prediction"]
    figure = drawing.new_figure(6.8, 4.6)
    axes = figure.subplots()
    axes.plot(curve["coverage"], curve["risk"], color=drawing.BLUE, linewidth=2)
    axes.axhline(1 - report["accuracy"], color=drawing.GREY, linestyle="--", linewidth=1)
    shown = [point for point in points if point["accuracy"] is not None and 0 < point["coverage"] < 1]
    lowest = max(0.0, min(point["coverage"] for point in points) - 0.1)
    for point, following in zip(shown, [*shown[1:], points[-1]], strict=True):
        place = (point["coverage"], 1 - point["accuracy"])
        crowded = 0 < point["coverage"] - following["coverage"] < 0.05 * (1 - lowest)
        offset, side = ((7, -4), "left") if crowded else ((-6, 5), "right")
        axes.plot(*place, "o", color=drawing.ORANGE)
        axes.annotate(f"{point['threshold']:g}", place, xytext=offset, textcoords="offset points", fontsize=9, ha=side)
    axes.set(xlabel="coverage: share of rows answered", ylabel="risk: share of the answers that are wrong")
    axes.set(xlim=(lowest, 1.002), ylim=(0, None))
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.yaxis.set_major_formatter("{x:.1%}")
    caption = "orange: answers at or above a probability; dashed: every row answered"
    drawing.add_title(axes, f"Area under the risk-coverage curve {report['aurc']:.4f}", caption)
    return figure


def _prediction_sets(report: dict[str, Any]) -> Figure:
    """Coverage of each label against the nominal one, and the sizes of the sets."""
    percents, names = list(report["prediction_sets"]), list(report["rows"])
    figure = drawing.new_figure(10.6, 4.8)
    axes, sizes = figure.subplots(1, 2, width_ratios=(3, 2))
    for column, percent in enumerate(percents):
        spreads = report["prediction_sets"][percent]["label_coverage"]
        known = [position for position, name in enumerate(names) if spreads[name]["mean"] is not None]
        mean, deviation = ([spreads[names[at]][key] for at in known] for key in ("mean", "standard_deviation"))
        colour = (drawing.BLUE, drawing.ORANGE, drawing.GREEN, drawing.GREY)[column % 4]
        positions = np.array(known) + 0.16 * (column - (len(percents) - 1) / 2)
        axes.errorbar(positions, mean, deviation, fmt="o", color=colour, capsize=3, label=f"{percent} %")
        axes.axhline(int(percent) / 100, color=colour, linestyle=":", linewidth=1)
    axes.set_xticks(range(len(names)), [f"{name}\n{report['rows'][name]:,} rows" for name in names])
    axes.set(ylabel="measured coverage", ylim=(None, 1.02))
    axes.legend(frameon=False, fontsize=9, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    repeats = report["prediction_sets"][percents[0]]["repeats"]
    drawing.add_title(
        axes,
        "Coverage of prediction sets",
        f"of held-out halves, {repeats} random splits; bars: ± 1 SD; dotted: nominal",
    )
    _sizes(sizes, report)
    return figure


def _sizes(axes: Axes, report: dict[str, Any]) -> None:
    """Shares of sets with no label, with one, with several."""
    sets = report["prediction_sets"]
    for position, quality in enumerate(sets.values()):
        empty, multiple = quality["empty"]["mean"], quality["multiple"]["mean"]
        parts = {
            "no label": (empty, drawing.GREY),
            "one": (1 - empty - multiple, drawing.BLUE),
            "several": (multiple, drawing.ORANGE),
        }
        start = 0.0
        for name, (width, colour) in parts.items():
            axes.barh(position, width, 0.6, start, color=colour, label=None if position else name)
            start += width
    axes.set_yticks(range(len(sets)), [f"{percent} %" for percent in sets])
    axes.set(xlabel="share of the sets", xlim=(0, 1))
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    drawing.add_title(axes, "Labels per set", "by nominal coverage")


def _label_f1(report: dict[str, Any]) -> Figure:
    """F1 of each label of a multi-label model, with the thresholds before and after."""
    names = [name for name, f1 in report["half_splits"]["label_f1"].items() if f1["after"]["mean"] is not None]
    figure = drawing.new_figure(8.0, 2.0 + 0.34 * len(names))
    axes = figure.subplots()
    for time, colour, shift in (("before", drawing.GREY, -0.13), ("after", drawing.BLUE, 0.13)):
        spreads = [report["half_splits"]["label_f1"][name][time] for name in names]
        mean, deviation = ([spread[key] for spread in spreads] for key in ("mean", "standard_deviation"))
        heights = np.arange(len(names)) + shift
        axes.errorbar(mean, heights, xerr=deviation, fmt="o", color=colour, capsize=2, label=f"thresholds {time}")
    axes.set_yticks(range(len(names)), [f"{name} ({report['rows'][name]:,} rows)" for name in names])
    axes.invert_yaxis()
    axes.set(xlabel="F1", xlim=(0, 1))
    drawing.add_grid(axes, "x")
    drawing.add_legend_below(figure, axes)
    repeats = report["half_splits"]["repeats"]
    drawing.add_title(axes, "F1 by label", f"of held-out halves, {repeats} random splits; bars: ± 1 SD")
    return figure


def _neutral(report: dict[str, Any]) -> Figure:
    auroc, histogram = report["neutral"]["auroc"], report["curves"]["neutral"]
    edges = np.array(histogram["edges"])
    figure = drawing.new_figure(6.8, 4.6)
    axes = figure.subplots()
    for kind, colour in (("neutral", drawing.GREY), ("emotional", drawing.BLUE)):
        shares = np.array(histogram[kind]) / sum(histogram[kind])
        axes.stairs(shares, edges, fill=True, color=colour, alpha=0.45)
        axes.stairs(shares, edges, color=colour, label=f"{sum(histogram[kind]):,} {kind} texts")
    axes.axvline(MIN_NEUTRAL, color="black", linewidth=1, label="predicted neutral from here")
    axes.set(xlabel="probability of neutral", ylabel="share of the texts", xlim=(0, 1))
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False, fontsize=9)
    neutral, highest = (f"{auroc[score]:.3f}" for score in ("neutral", "max_probability"))
    caption = f"AUROC of this probability {neutral}, of the highest of a label {highest}"
    drawing.add_title(axes, "Neutral and emotional texts", caption)
    return figure
