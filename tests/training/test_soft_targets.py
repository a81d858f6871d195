import json

import numpy as np
import pytest

for module in ("torch", "safetensors"):
    pytest.importorskip(module)

from keyword_teacher import KeywordTeacher

import tiny
from emoscope.labels import Labels
from emoscope.training.objective import soften
from emoscope.training.soft_targets import CHUNK, soft_targets
from emoscope.training.teachers import find_teachers

TEXTS = tiny.examples("train").texts


class CertainTeacher(KeywordTeacher):
    """Gives the third label to every text."""

    def predict_proba(self, texts):
        return np.tile(np.eye(6, dtype=np.float32)[2], (len(texts), 1))


def test_soft_targets_are_the_mean_of_the_softened_probabilities(tmp_path):
    steps = []
    teachers = find_teachers(["a", "b"], Labels(), {"a": KeywordTeacher(), "b": CertainTeacher()})
    targets = soft_targets(teachers, TEXTS, 4.0, tmp_path / "scores", steps.append)
    expected = (soften(KeywordTeacher().predict_proba(TEXTS), 4.0) + np.eye(6)[2]) / 2
    np.testing.assert_allclose(targets, expected, atol=1e-6)
    assert [(step.stage, step.done, step.total, step.unit, step.loss) for step in steps] == [
        *(("teacher 1/2", 0, 120, "text", None), ("teacher 1/2", 120, 120, "text", None)),
        *(("teacher 2/2", 0, 120, "text", None), ("teacher 2/2", 120, 120, "text", None)),
    ]


def test_stored_chunks_are_not_scored_again(tmp_path):
    log, steps = tmp_path / "log", []
    (teacher,) = find_teachers(["a"], Labels(), {"a": KeywordTeacher(log=log)})
    texts = [f"text {number}" for number in range(2 * CHUNK)]
    first = soft_targets([teacher], texts[:CHUNK], 1.0, tmp_path / "scores", steps.append)
    both = soft_targets([teacher], texts, 1.0, tmp_path / "scores", steps.append)
    np.testing.assert_array_equal(both[:CHUNK], first)
    assert [json.loads(line) for line in log.read_text().splitlines()] == texts
    assert [step.done for step in steps] == [0, CHUNK, 0, CHUNK, 2 * CHUNK]


def test_teacher_whose_scores_are_stored_is_not_loaded(tmp_path):
    (teacher,) = find_teachers(["a"], Labels(), {"a": KeywordTeacher()})
    expected = soft_targets([teacher], TEXTS, 1.0, tmp_path, lambda step: None)

    class UnloadableError(Exception):
        pass

    def load():
        raise UnloadableError

    object.__setattr__(teacher, "load", load)
    np.testing.assert_array_equal(soft_targets([teacher], TEXTS, 1.0, tmp_path, lambda step: None), expected)
    with pytest.raises(UnloadableError):
        soft_targets([teacher], ["something new"], 1.0, tmp_path, lambda step: None)
