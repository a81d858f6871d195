"""Write fitted numbers into a model folder, or into a copy of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emoscope.calibrated import Calibration
from emoscope.calibration.card import section, with_section
from emoscope.calibration.old_keys import with_current_keys
from emoscope.calibration.report import CalibrationResult
from emoscope.errors import ModelError
from emoscope.files import require_free, staged_folder, write_atomically
from emoscope.manifest import MANIFEST, write_manifest
from emoscope.model_folder import BUNDLED, ModelFolder
from emoscope.probabilities import temperature_scaled
from emoscope.text import are_written
from emoscope.verification import VerificationRecord, margins

RECORDED_DIGITS = 7
"""Decimal places of the probabilities that the verification records."""


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

    The thresholds of a multi-label model are in its `config.json`, where training writes them.

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
    record = _record(result, manifest.calibration_report)
    verification = _verification(folder, fitted)
    if fitted.thresholds:
        config = {**folder.config, "thresholds": fitted.thresholds}
        write_atomically(path / "config.json", json.dumps(config, indent=2) + "\n")
    write_manifest(path, replace(manifest, calibration=fitted, calibration_report=record, verification=verification))
    card = path / "README.md"
    if card.is_file():
        card.write_text(with_section(card.read_text(encoding="utf-8"), section(record)), encoding="utf-8")


def _record(result: CalibrationResult, previous: Mapping[str, Any]) -> dict[str, Any]:
    """The report without what only plots need; if neutral texts were not fitted again, their previous report stays."""
    kept = {key: value for key, value in result.report.items() if key not in ("model", "curves")}
    record: dict[str, Any] = json.loads(json.dumps(kept), parse_float=lambda digits: round(float(digits), 6))
    if result.calibration.multi_label:
        return record
    return record | {"neutral": record["neutral"] or with_current_keys(previous).get("neutral")}


def _verification(folder: ModelFolder, fitted: Calibration) -> dict[str, Any] | None:
    """The recorded verification, its probabilities at the new temperature; None if no text can be used any more."""
    record, old = folder.manifest.verification, folder.calibration
    ratio = fitted.temperature / old.temperature
    of_written = fitted.written.temperature_factor / old.written.temperature_factor
    if record is None or (ratio == of_written == 1 and not fitted.multi_label):
        return record if record is None else dict(record)
    try:
        before = np.array(record["probabilities"], np.float64)
        tolerance = record["tolerance"] * max(1.0, 1.0 / ratio, 1.0 / (ratio * of_written))
        if fitted.multi_label:
            return _multi_label_verification(record["texts"], before, tolerance, ratio, fitted)
        rows, written = temperature_scaled(before, ratio), are_written(record["texts"])
        rows[written] = temperature_scaled(before[written], ratio * of_written)
        return {**record, "probabilities": rows.astype(float).round(RECORDED_DIGITS).tolist(), "tolerance": tolerance}
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{folder.path / MANIFEST}: verification cannot be read ({error}); export again") from error


def _multi_label_verification(
    texts: list[str], before: NDArray[np.float64], tolerance: float, ratio: float, fitted: Calibration
) -> dict[str, Any] | None:
    """The record without the texts that are close to a new threshold.

    At a higher temperature, the last recorded digit of a probability near 0 or 1 makes a difference that may exceed the
    tolerance, which grows by it.
    """

    def scaled(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        same = ratio == 1
        return rows if same else temperature_scaled(rows.clip(0.0, 1.0), ratio, multi_label=True).astype(np.float64)

    rows, digit = scaled(before), 10.0**-RECORDED_DIGITS
    if ratio > 1:
        tolerance += max(float(np.abs(scaled(before + step) - rows).max()) for step in (-digit, digit))
    stable = np.flatnonzero(margins(rows.astype(np.float32), fitted.thresholds) > 2 * tolerance)
    if not len(stable):
        return None
    probabilities = rows[stable].round(RECORDED_DIGITS).tolist()
    return asdict(VerificationRecord([texts[row] for row in stable], probabilities, tolerance))
