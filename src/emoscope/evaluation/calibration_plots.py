"""Plots of a calibration: reliability, risk against coverage, sets of labels, distances. Needs the extra `plot`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emoscope.errors import require_extra
from emoscope.evaluation.plots import BLUE, DPI, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_calibration(report: dict[str, Any], folder: str | Path) -> list[Path]:
    """Draw a calibration as PNG files.

    Args:
        report: of `calibrate`, or the same read back from JSON.
        folder: made where it is missing; files of the same names are replaced.

    Returns:
        The files: reliability.png, risk_coverage.png, prediction_sets.png, and clearness.png where it was fitted.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    require_extra("plot")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[dict[str, Any]], Figure]] = {
        "reliability.png": _reliability,
        "risk_coverage.png": _risk_coverage,
        "prediction_sets.png": _prediction_sets,
    }
    if report["clearness"]:
        drawings["clearness.png"] = _clearness
    for name, draw in drawings.items():
        draw(report).savefig(folder / name, dpi=DPI)
    return [folder / name for name in drawings]


def _reliability(report: dict[str, Any]) -> Figure:
    """Two diagrams side by side, or one where the temperature stayed."""
    temperature = report["temperature"]
    whens = ["before", "after"] if temperature["before"] != temperature["after"] else ["after"]
    figure = _figure(0.8 + 4.4 * len(whens), 5.6)
    panels = figure.subplots(2, len(whens), sharex=True, sharey="row", height_ratios=(4, 1), squeeze=False)
    for when, (axes, counts) in zip(whens, panels.T, strict=True):
        groups = report["curves"]["reliability"][when]
        centres = [(group["lower"] + group["upper"]) / 2 for group in groups]
        confidence, accuracy, rows = ([group[key] for group in groups] for key in ("confidence", "accuracy", "rows"))
        width = 0.92 * (groups[0]["upper"] - groups[0]["lower"])
        axes.bar(centres, accuracy, width, color=BLUE, alpha=0.35, label="accuracy in the bin")
        axes.plot((0, 1), (0, 1), color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
        axes.plot(confidence, accuracy, "o", color=BLUE, label="at the bin's mean confidence")
        counts.bar(centres, rows, width, color=GREY)
        counts.set(xlabel="highest probability", yscale="log", ylim=(0.7, None), xlim=(0, 1))
        title = f"{when}: temperature {temperature[when]:.3f}" if len(whens) > 1 else "reliability"
        _title(axes, title, f"calibration error {report['ece'][when]:.4f}, loss {report['loss'][when]:.4f}")
    panels[0, 0].set(ylabel="accuracy", ylim=(0, 1.02))
    panels[1, 0].set(ylabel="rows")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    return figure


def _risk_coverage(report: dict[str, Any]) -> Figure:
    curve = report["curves"]["risk_coverage"]
    figure = _figure(6.4, 4.6)
    axes = figure.subplots()
    axes.plot(curve["answered"], curve["risk"], color=BLUE, linewidth=2)
    axes.axhline(1 - report["accuracy"], color=GREY, linestyle="--", linewidth=1)
    shown = [point for point in report["abstention"] if point["accuracy"] is not None and 0 < point["answered"] < 1]
    for left, point in zip(cycle((True, False)), shown, strict=False):
        place, away, side = (
            (point["answered"], 1 - point["accuracy"]),
            (-6, 5) if left else (7, -4),
            "right" if left else "left",
        )
        axes.plot(*place, "o", color=ORANGE)
        axes.annotate(
            f"{point['at_least']:g}",
            place,
            xytext=away,
            textcoords="offset points",
            fontsize=9,
            ha=side,
        )
    axes.set(
        xlabel="share of rows answered",
        ylabel="share of the answers that are wrong",
        xlim=(_first(report), 1.002),
        ylim=(0, None),
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:.0%}" if axis is axes.xaxis else "{x:.1%}")
    under = f"orange: answers from that probability on; dashed: every row answered; area {report['aurc']:.4f}"
    _title(axes, "fewer answers, fewer errors", under)
    return figure


def _first(report: dict[str, Any]) -> float:
    """Where the axis of answered rows begins: a little before the fewest of the table."""
    fewest: float = min(point["answered"] for point in report["abstention"])
    return max(0.0, fewest - 0.1)


def _prediction_sets(report: dict[str, Any]) -> Figure:
    """Coverage of each label against the one asked, and how many labels sets have."""
    percents = list(report["prediction_sets"])
    figure = _figure(10.6, 4.8)
    axes, sizes = figure.subplots(1, 2, width_ratios=(3, 2))
    names = list(report["rows"])
    for column, percent in enumerate(percents):
        spreads = report["prediction_sets"][percent]["labels"]
        known = [place for place, name in enumerate(names) if spreads[name]["mean"] is not None]
        mean, deviation = ([spreads[names[place]][key] for place in known] for key in ("mean", "standard_deviation"))
        colour = (BLUE, ORANGE, GREEN, GREY)[column % 4]
        places = np.array(known) + 0.16 * (column - (len(percents) - 1) / 2)
        axes.errorbar(places, mean, deviation, fmt="o", color=colour, capsize=3, label=f"{percent} % asked")
        axes.axhline(int(percent) / 100, color=colour, linestyle=":", linewidth=1)
    axes.set_xticks(range(len(names)), [f"{name}\n{report['rows'][name]:,} rows" for name in names])
    axes.set(ylabel="coverage on the other half", ylim=(None, 1.02))
    axes.legend(frameon=False, fontsize=9, ncols=4, loc="lower center", bbox_to_anchor=(0.5, -0.26))
    halves = report["prediction_sets"][percents[0]]["halves"]
    _title(
        axes, "sets of labels", f"fitted on one half of {report['dataset']['rows']:,} rows, {halves} times; bars: 1 sd"
    )
    _sizes(sizes, report)
    return figure


def _sizes(axes: Axes, report: dict[str, Any]) -> None:
    """Shares of sets without a label, with one, with several."""
    shares = {
        percent: (quality["empty"]["mean"], quality["several"]["mean"])
        for percent, quality in report["prediction_sets"].items()
    }
    for place, (empty, several) in enumerate(shares.values()):
        for start, width, colour in (
            (0.0, empty, GREY),
            (empty, 1 - empty - several, BLUE),
            (1 - several, several, ORANGE),
        ):
            axes.barh(place, width, 0.6, start, color=colour)
    for name, colour in (("no label", GREY), ("one", BLUE), ("several", ORANGE)):
        axes.barh(0, 0, color=colour, label=name)
    axes.set_yticks(range(len(shares)), [f"{percent} %" for percent in shares])
    axes.set(xlabel="share of the sets", xlim=(0, 1))
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="lower center", bbox_to_anchor=(0.5, -0.32))
    _title(axes, "labels a set", "at each coverage asked")


def _clearness(report: dict[str, Any]) -> Figure:
    found, distances = report["clearness"], report["curves"]["distances"]
    edges = np.array(distances["edges"])
    figure = _figure(6.8, 4.6)
    axes = figure.subplots()
    for kind, colour in (("neutral", GREY), ("emotional", BLUE)):
        heights = np.array(distances[kind]) / sum(distances[kind])
        axes.stairs(heights, edges, fill=True, color=colour, alpha=0.45)
        axes.stairs(heights, edges, color=colour, label=f"{sum(distances[kind]):,} {kind} texts")
    axes.axvline(distances["threshold"], color="black", linewidth=1, label="threshold: clear from here on")
    axes.set(xlabel="distance from the neutral texts' mean", ylabel="share of the texts", xlim=(0, edges[-1]))
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.legend(frameon=False, fontsize=9)
    auroc = found["auroc"]
    under = f"AUROC {auroc['distance']:.3f}; of the highest probability {auroc['highest_probability']:.3f}"
    _title(axes, "no clear emotion", under)
    return figure


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _title(axes: Axes, title: str, under: str) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title, loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.annotate(
        under, (0, 1), xytext=(0, 8), xycoords="axes fraction", textcoords="offset points", color=GREY, fontsize=9
    )
