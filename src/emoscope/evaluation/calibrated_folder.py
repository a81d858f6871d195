"""What `calibrate` fitted, written into a model folder or into a copy of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emoscope.errors import ModelError
from emoscope.evaluation.calibration import Calibration
from emoscope.evaluation.calibration_card import section, with_section
from emoscope.files import require_free, staged_folder
from emoscope.model_folder import BUNDLED, MANIFEST, ModelFolder, write_manifest
from emoscope.probabilities import temperature_scaled


def check_target(folder: ModelFolder, output: Path | None, *, own: bool) -> None:
    """Refuse to write where it would do harm, before anything takes time.

    Args:
        folder: the model.
        output: folder for a copy; None to write into the model's own.
        own: whether the model was named by its path, not as "bundled" or by a Hub id.

    Raises:
        ModelError: the package or the Hub's cache would change, or the output cannot be written.
    """
    if output is None and (not own or folder.path.resolve() == BUNDLED.resolve()):
        raise ModelError(
            f"{folder.path} belongs to the package or to the Hub's cache; name a folder for a copy: --output"
        )
    if output:
        require_free(output, ModelError)


def write_calibrated(folder: ModelFolder, calibration: Calibration, output: Path | None = None) -> Path:
    """Write the fitted numbers and the checksums into `emoscope.json`, and a section into the card, if there is one.

    Args:
        folder: the model.
        calibration: what was fitted for it.
        output: folder for a copy, not there or empty; None to write into the model's own.

    Returns:
        The folder written.
    """
    if output is None:
        _write(folder.path, folder, calibration)
        return folder.path
    with staged_folder(output) as staged:
        shutil.copytree(folder.path, staged)
        _write(staged, folder, calibration)
    return output


def _write(path: Path, folder: ModelFolder, calibration: Calibration) -> None:
    values = asdict(folder.manifest)
    neutral, record = calibration.neutral, _record(calibration.report, folder.manifest.calibration)
    values |= {
        "temperature": calibration.temperature,
        "prediction_sets": {str(percent): row for percent, row in calibration.prediction_sets.thresholds.items()},
        "neutral": neutral and asdict(neutral),
        "calibration": record,
        "verification": _verification(folder, calibration.temperature / folder.manifest.temperature),
    }
    write_manifest(path, **{key: value for key, value in values.items() if key not in ("files", "format")})
    card = path / "README.md"
    if card.is_file():
        card.write_text(with_section(card.read_text(encoding="utf-8"), section(record)), encoding="utf-8")


def _record(report: dict[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """The report without what only plots need; clearness that was not fitted again keeps its record."""
    record = {key: _rounded(value) for key, value in report.items() if key not in ("model", "curves")}
    return record | {"clearness": record["clearness"] or previous.get("clearness")}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def _verification(folder: ModelFolder, ratio: float) -> dict[str, Any] | None:
    """The reference probabilities at the new temperature."""
    test = folder.manifest.verification
    if test is None or ratio == 1:
        return test if test is None else dict(test)
    try:
        rows = temperature_scaled(np.array(test["probabilities"], np.float64), ratio).astype(float).round(7)
        return {**test, "probabilities": rows.tolist(), "tolerance": test["tolerance"] * max(1.0, 1.0 / ratio)}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder.path / MANIFEST}: verification cannot be read ({error}); export again") from error
