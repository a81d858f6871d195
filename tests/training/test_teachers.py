"""Teachers in memory, on disk and as fold ensembles: what identifies them and how their labels are mapped."""

import json
import shutil

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

from keyword_teacher import KeywordTeacher

import tiny
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import LabelError, ModelError, RecipeError
from emoscope.labels import Labels
from emoscope.training.teachers import find_teachers
from hub.repositories import ARCHITECTURES

TEXTS = tiny.examples("train").texts


def test_columns_are_mapped_to_the_labels_of_the_data():
    reversed_labels = KeywordTeacher(EMOTIONS[::-1])
    expected = KeywordTeacher().predict_proba(TEXTS)
    assert not np.allclose(reversed_labels.predict_proba(TEXTS), expected)
    for teacher in find_teachers(["a", "b"], Labels(), {"a": KeywordTeacher(), "b": reversed_labels}):
        np.testing.assert_array_equal(teacher.probabilities(teacher.load(), TEXTS), expected)


def test_fold_ensemble_scores_its_training_texts_out_of_fold(cross_validated):
    (teacher,) = find_teachers([str(cross_validated.folder)], Labels(), {})
    scored = teacher.probabilities(teacher.load(), [cross_validated.splits["train"].texts[5], "something new"])
    np.testing.assert_allclose(scored[0], np.load(cross_validated.folder / "out_of_fold.npy")[5], atol=1e-6)
    members = [EmotionClassifier.from_pretrained(cross_validated.folder / f"fold-{fold}") for fold in range(3)]
    mean = np.mean([member.predict_proba(["something new"])[0] for member in members], axis=0)
    np.testing.assert_allclose(scored[1], mean, atol=1e-6)


def checksum(folder):
    return find_teachers([str(folder)], Labels(), {})[0].checksum


def test_checksum_of_a_checkpoint_depends_on_its_weights_and_not_on_its_card(compact_run, tmp_path):
    folder = shutil.copytree(compact_run.folder, tmp_path / "teacher")
    before = checksum(folder)
    (folder / "README.md").write_text("another card")
    assert checksum(folder) == before
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"temperature": 3.0}))
    assert checksum(folder) != before


@pytest.mark.parametrize("changed", ["out_of_fold.npy", "folds.json", "fold-1/config.json"])
def test_checksum_of_a_fold_ensemble_depends_on_folds_and_members(cross_validated, tmp_path, changed):
    folder = shutil.copytree(cross_validated.folder, tmp_path / "teacher")
    before = checksum(folder)
    assert before == checksum(cross_validated.folder)
    (folder / "report.json").write_text("another report")
    assert checksum(folder) == before
    with (folder / changed).open("ab") as file:
        file.write(b" ")
    assert checksum(folder) != before


def refused(error, match, name, classifier=None):
    with pytest.raises(error, match=match):
        find_teachers([name] if name else [], Labels(), {name: classifier} if classifier else {})


def test_teachers_that_cannot_be_used_are_an_error(hub, tmp_path):
    refused(RecipeError, "has no teachers; .*--teachers MODEL", None)
    refused(ModelError, r"no model at '\.\./nowhere'", "../nowhere")
    disgusted = KeywordTeacher([*EMOTIONS[:5], "disgust"])
    refused(LabelError, "teacher keywords has the labels .*disgust, but the data has", "keywords", disgusted)
    several = shutil.copytree(hub.repository(ARCHITECTURES[0].fine_tuned).folder, tmp_path / "several")
    settings = json.loads((several / "config.json").read_text()) | {"problem_type": "multi_label_classification"}
    (several / "config.json").write_text(json.dumps(settings))
    refused(ModelError, "several labels per text", str(several))


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (np.full((2, 5), 0.2, np.float32), r"teacher odd returned .* \(2, 5\), expected \(2, 6\)"),
        (np.ones((2, 6), np.float32), "teacher odd returned rows that are not probabilities: they do not sum to 1"),
        (np.array([[2, -1, 0, 0, 0, 0]] * 2, np.float32), "teacher odd returned rows that are not probabilities"),
    ],
)
def test_scores_that_are_not_probabilities_are_an_error(scores, message):
    class Odd(KeywordTeacher):
        def predict_proba(self, texts):
            return scores

    (teacher,) = find_teachers(["odd"], Labels(), {"odd": Odd()})
    with pytest.raises(ModelError, match=message):
        teacher.probabilities(teacher.load(), ["one", "two"])
