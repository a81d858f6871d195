"""Verification of a model folder, and the decisions that it compares."""

import json
import shutil

import numpy as np
import pytest

from emoscope.errors import ModelError
from emoscope.manifest import MANIFEST
from emoscope.model_folder import BUNDLED
from emoscope.verification import decisions, margins, verify

ROWS = np.array([[0.75, 0.25], [0.375, 0.5]], np.float32)


def test_the_bundled_model_passes():
    result = verify()
    assert result.passed and result.texts == 40
    assert result.largest_difference < result.tolerance == 1e-4


def test_other_probabilities_fail(tmp_path):
    folder = shutil.copytree(BUNDLED, tmp_path / "model")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["verification"]["probabilities"][0][0] += 0.25
    (folder / MANIFEST).write_text(json.dumps(manifest))
    result = verify(folder)
    assert (result.passed, result.equal_labels) == (False, 1)
    assert result.largest_difference == pytest.approx(0.25, abs=1e-3)


def test_a_folder_without_reference_texts_is_an_error(tmp_path):
    folder = shutil.copytree(BUNDLED, tmp_path / "model")
    (folder / MANIFEST).unlink()
    with pytest.raises(ModelError, match="no reference texts; export its checkpoint again"):
        verify(folder)


@pytest.mark.parametrize(
    ("thresholds", "given", "distances"),
    [
        (None, [[1, 0], [0, 1]], [0.5, 0.125]),
        ((0.5, 0.5), [[1, 0], [0, 1]], [0.25, 0]),
        ((0.25, 1.0), [[1, 0], [1, 0]], [0.5, 0.125]),
    ],
)
def test_decisions_and_margins(thresholds, given, distances):
    assert decisions(ROWS, thresholds).astype(int).tolist() == given
    assert margins(ROWS, thresholds).tolist() == distances
