"""The plot of a comparison."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emoscope.errors import MissingExtraError
from emoscope.evaluation import plot_comparison
from emoscope.evaluation.comparison_plot import _styles


def test_plot_has_content(comparison: dict[str, Any], tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    file = plot_comparison(json.loads(json.dumps(comparison)), tmp_path / "new" / "plot.png")
    pixels = image.imread(file)
    assert min(pixels.shape[:2]) > 600
    assert 0.02 < (pixels[..., :3] < 0.95).any(axis=2).mean() < 0.98


def test_plot_without_published_models(comparison: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert plot_comparison(comparison | {"published": None}, tmp_path / "plot.png").is_file()


def test_extreme_values_can_be_plotted(comparison: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    row = comparison["models"][0]
    row["accuracy"], row["intervals"]["accuracy"] = 1.0, {"low": 1.0, "high": 1.0 - 1e-12}
    row["samples_per_second"] = {"median": 0.01, "low": 0.01, "high": 1e6, "rounds": []}
    assert plot_comparison(comparison, tmp_path / "plot").is_file()


def test_styles_of_thirty_models_differ() -> None:
    styles = _styles()
    assert len({next(styles) for _ in range(30)}) == 30


def test_plot_without_matplotlib_is_an_error(comparison: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emoscope.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="plot"):
        plot_comparison(comparison, "plot.png")
