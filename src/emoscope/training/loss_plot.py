"""The picture of a run's losses, `loss.png`, drawn from its log, `history.json`. Needs matplotlib (extra `plot`)."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emoscope.evaluation import drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HISTORY_FILE, PLOT_FILE = "history.json", "loss.png"


def plot_losses(folder: Path) -> None:
    """Draw the log in a folder into the same folder; nothing if matplotlib is not installed."""
    if find_spec("matplotlib"):
        history = json.loads((folder / HISTORY_FILE).read_text(encoding="utf-8"))
        drawing.save({PLOT_FILE: _losses}, {"history": history}, folder)


def mean_losses(history: Sequence[Mapping[str, Any]], key: str) -> dict[int, float]:
    """Mean of the losses that a log has under a key in each epoch, the first of which is 1."""
    losses = defaultdict(list)
    for entry in history:
        if key in entry:
            losses[math.ceil(entry["epoch"])].append(entry[key])
    return {epoch: sum(values) / len(values) for epoch, values in sorted(losses.items())}


def _losses(report: dict[str, Any]) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure = drawing.new_figure(6, 4)
    axes = figure.add_subplot()
    drawing.add_title(axes, "Loss", "mean of each epoch")
    drawing.add_grid(axes, "y")
    for key, label, colour in (("loss", "training", drawing.BLUE), ("eval_loss", "validation", drawing.ORANGE)):
        if losses := mean_losses(report["history"], key):
            axes.plot(list(losses), list(losses.values()), marker="o", color=colour, label=label)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)
    return figure
