"""The models of a cross-validation as one classifier, and its folder: whole, of emoscope 0.1, or broken."""

import shutil

import numpy as np
import pytest

for module in ("torch", "transformers", "accelerate", "safetensors"):
    pytest.importorskip(module)

import emoscope.training
from emoscope.errors import ModelError
from emoscope.evaluation import evaluate
from emoscope.training import FoldEnsemble


def test_new_texts_get_the_mean_and_training_texts_their_out_of_fold_probabilities(cross_validated):
    ensemble, train = FoldEnsemble(cross_validated.folder), cross_validated.splits["train"]
    out_of_fold = np.load(cross_validated.folder / "out_of_fold.npy")
    new = ["i feel like nothing of this was in the data", "so be it"]
    mean = np.mean([member.predict_proba(new) for member in ensemble.members], axis=0)
    np.testing.assert_allclose(ensemble.predict_proba(new), mean)
    rows = [7, 3, 150]
    texts = [new[0], *(train.texts[row] for row in rows), new[1]]
    scored = ensemble.out_of_fold(texts)
    assert scored.dtype == np.float32
    np.testing.assert_allclose(scored[[0, 4]], mean, atol=1e-6)
    np.testing.assert_array_equal(scored[1:4], out_of_fold[rows])
    assert np.abs(ensemble.predict_proba(texts[1:4]) - out_of_fold[rows]).max() > 1e-3
    superset = ensemble.out_of_fold([*new, *train.texts])
    np.testing.assert_allclose(superset[2:], out_of_fold, atol=1e-6)
    np.testing.assert_allclose(superset[:2], mean, atol=1e-6)


def test_ensemble_is_a_classifier_that_can_be_evaluated(cross_validated):
    report = evaluate(FoldEnsemble(cross_validated.folder), cross_validated.splits["validation"], model_name="folds")
    assert report["accuracy"] > 0.5


@pytest.fixture
def copied(cross_validated, tmp_path):
    """A copy of the folder, to be changed."""
    return shutil.copytree(cross_validated.folder, tmp_path / "copied")


def test_names_of_emoscope_0_1_warn(cross_validated):
    with pytest.warns(DeprecationWarning, match="FoldEnsemble"):
        ensemble = emoscope.training.CrossFitted(cross_validated.folder)
    with pytest.warns(DeprecationWarning, match="out_of_fold"):
        ensemble.held_out(["so be it"])
    assert isinstance(ensemble, FoldEnsemble)


@pytest.mark.parametrize("missing", ["out_of_fold.npy", "fold-1", "fold-2/config.json"])
def test_incomplete_folder_is_an_error(copied, missing):
    (shutil.rmtree if (copied / missing).is_dir() else lambda path: path.unlink())(copied / missing)
    with pytest.raises(ModelError, match=missing.split("/")[0]):
        FoldEnsemble(copied)


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', '{"folds": 3}'])
def test_broken_record_of_the_folds_is_an_error(copied, content):
    (copied / "folds.json").write_text(content)
    with pytest.raises(ModelError, match=r"folds\.json"):
        FoldEnsemble(copied)


def test_out_of_fold_probabilities_of_other_rows_are_an_error(copied):
    np.save(copied / "out_of_fold.npy", np.load(copied / "out_of_fold.npy")[1:])
    with pytest.raises(ModelError, match=r"shape \(239, 6\), but there are 240 rows"):
        FoldEnsemble(copied)
