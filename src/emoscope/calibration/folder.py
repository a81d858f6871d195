"""Write fitted numbers into a model folder, or into a copy of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from emoscope.calibration.card import section, with_section
from emoscope.calibration.old_keys import with_current_keys
from emoscope.calibration.report import CalibrationResult
from emoscope.errors import ModelError
from emoscope.files import require_free, staged_folder
from emoscope.manifest import MANIFEST, write_manifest
from emoscope.model_folder import BUNDLED, ModelFolder
from emoscope.probabilities import temperature_scaled


def require_writable(folder: ModelFolder, output: Path | None, *, named_by_path: bool) -> None:
    """Reject a target that must not or cannot be written, before anything takes time.

    Args:
        folder: the model.
        output: folder for a copy; None to write into the model's own folder.
        named_by_path: whether the user named the model by its path, not as "bundled" or by a Hub id.

    Raises:
        ModelError: the package or the Hub's cache would change, or the output cannot be written.
    """
    if output is None and (not named_by_path or folder.path.resolve() == BUNDLED.resolve()):
        raise ModelError(
            f"{folder.path} belongs to the package or to the Hub's cache; name a folder for a copy: --output"
        )
    if output:
        require_free(output, ModelError)


def write_calibrated(folder: ModelFolder, result: CalibrationResult, output: Path | None = None) -> Path:
    """Write the fitted numbers and new checksums into `emoscope.json`, and a section into the model card if it exists.

    Args:
        folder: the model.
        result: what was fitted for it.
        output: folder for a copy, missing or empty; None to write into the model's own folder.

    Returns:
        The folder that was written.
    """
    if output is None:
        _write(folder.path, folder, result)
        return folder.path
    with staged_folder(output) as staged:
        shutil.copytree(folder.path, staged)
        _write(staged, folder, result)
    return output


def _write(path: Path, folder: ModelFolder, result: CalibrationResult) -> None:
    manifest, fitted = folder.manifest, result.calibration
    record = _record(result.report, manifest.calibration_report)
    verification = _verification(folder, fitted.temperature / manifest.calibration.temperature)
    write_manifest(path, replace(manifest, calibration=fitted, calibration_report=record, verification=verification))
    card = path / "README.md"
    if card.is_file():
        card.write_text(with_section(card.read_text(encoding="utf-8"), section(record)), encoding="utf-8")


def _record(report: dict[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """The report without what only plots need; if neutral texts were not fitted again, their previous report stays."""
    kept = {key: value for key, value in report.items() if key not in ("model", "curves")}
    record: dict[str, Any] = json.loads(json.dumps(kept), parse_float=lambda digits: round(float(digits), 6))
    return record | {"neutral": record["neutral"] or with_current_keys(previous).get("neutral")}


def _verification(folder: ModelFolder, ratio: float) -> dict[str, Any] | None:
    """The recorded verification, its probabilities at the new temperature."""
    record = folder.manifest.verification
    if record is None or ratio == 1:
        return record if record is None else dict(record)
    try:
        rows = temperature_scaled(np.array(record["probabilities"], np.float64), ratio).astype(float).round(7)
        return {**record, "probabilities": rows.tolist(), "tolerance": record["tolerance"] * max(1.0, 1.0 / ratio)}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder.path / MANIFEST}: verification cannot be read ({error}); export again") from error
