"""Plots are written, and show the given report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from emoscope.data import Examples
from emoscope.errors import MissingExtraError
from emoscope.evaluation import evaluate, plot_report, plots
from emoscope.labels import EMOTIONS

NAMES = ["confusion_matrix.png", "reliability.png", "per_label.png"]


@pytest.fixture
def report(classifier: Any, examples: Examples) -> dict[str, Any]:
    return evaluate(classifier, examples, model_name="fake")


def test_plots_are_png_files_with_content(report: dict[str, Any], tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    files = plot_report(json.loads(json.dumps(report)), tmp_path / "new" / "folder")
    assert [file.name for file in files] == NAMES
    for file in files:
        pixels = image.imread(file)
        assert min(pixels.shape[:2]) > 400
        assert 0.02 < (pixels[..., :3] < 0.95).any(axis=2).mean() < 0.98


def test_plots_leave_global_state_alone(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    settings = dict(matplotlib.rcParams)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    plot_report(report, tmp_path)
    assert dict(matplotlib.rcParams) == settings


def _words(figure: Any) -> set[str]:
    text = pytest.importorskip("matplotlib.text")
    figure.draw_without_rendering()
    return {found.get_text() for found in figure.findobj(text.Text)}


def test_confusion_matrix_shows_counts_and_shares(report: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    words = _words(plots._confusion_matrix(report))
    row = report["confusion"]["matrix"][0]
    assert f"{row[0] / sum(row):.1%}\n{row[0]}" in words
    assert set(EMOTIONS) <= words
    assert "fake on sentences, validation, 300 rows" in words


def test_bars_show_every_score_and_support(report: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    words = _words(plots._per_label(report))
    for name, row in report["per_label"].items():
        assert f"{name}\n{row['support']} rows" in words
        assert {f"{row[metric]:.2f}" for metric in ("precision", "recall", "f1")} <= words


def test_reliability_diagram_has_one_bar_for_each_bin(report: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    axes, counts = plots._reliability(report).axes
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == [group["accuracy"] for group in report["reliability"]]
    assert [bar.get_height() for bar in counts.patches] == [group["rows"] for group in report["reliability"]]


def test_plots_without_matplotlib_are_an_error_that_names_the_extra(
    report: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'emoscope\[plot\]'"):
        plot_report(report, tmp_path / "plots")
    assert not (tmp_path / "plots").exists()


def test_plots_of_multi_label_rows(multi_label_classifier: Any, several_labels: Examples, tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    report = evaluate(multi_label_classifier, several_labels, model_name="fake", thresholds=(0.4,) * 5)
    files = plot_report(json.loads(json.dumps(report)), tmp_path)
    assert [file.name for file in files] == NAMES[1:]
    for file in files:
        assert 0.02 < (image.imread(file)[..., :3] < 0.95).any(axis=2).mean() < 0.98
    words = _words(plots._reliability(report))
    assert {"probability of a label", "share with the label", "rows x labels"} <= words
    assert "confidence in the top label" not in words


def test_many_labels_are_drawn_in_several_panels(report: dict[str, Any]) -> None:
    pytest.importorskip("matplotlib")
    rows = {f"label {i}": report["per_label"]["joy"] | {"support": i} for i in range(23)}
    figure = plots._per_label(report | {"per_label": rows})
    assert [len(axes.get_xticks()) for axes in figure.axes] == [10, 10, 3]
    assert {f"label {i}\n{i} rows" for i in range(23)} <= _words(figure)
