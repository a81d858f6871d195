"""A classifier in other processes: pickled by its folder and checksum, copied, forked and spawned."""

from __future__ import annotations

import copy
import json
import multiprocessing
import pickle
import re
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emoscope import EmotionClassifier
from emoscope.errors import ChecksumError, ModelError
from emoscope.model_folder import BUNDLED

TEXTS = ["i feel so happy today", "I'm heartbroken.", "they make me furious"]


@pytest.fixture(scope="module")
def classifier() -> EmotionClassifier:
    return EmotionClassifier.from_pretrained()


def loaded_again(classifier: EmotionClassifier) -> EmotionClassifier:
    again: EmotionClassifier = pickle.loads(pickle.dumps(classifier))
    return again


def test_a_pickled_classifier_predicts_the_same(classifier: EmotionClassifier) -> None:
    again = loaded_again(classifier)
    assert again.predict(TEXTS) == classifier.predict(TEXTS)
    assert repr(again) == repr(classifier)
    assert len(pickle.dumps(classifier)) < 20_000
    assert loaded_again(again).predict(TEXTS) == classifier.predict(TEXTS)


def test_unpickling_twice_loads_the_model_once(classifier: EmotionClassifier) -> None:
    first, second = loaded_again(classifier), loaded_again(classifier)
    assert first is not second and first._model.runtime is second._model.runtime


def test_a_changed_calibration_is_pickled_and_stays_apart(classifier: EmotionClassifier) -> None:
    changed = copy.copy(classifier)
    changed.calibration = replace(classifier.calibration, temperature=9.0)
    again = loaded_again(changed)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), changed.predict_proba(TEXTS))
    assert loaded_again(classifier).calibration.temperature == classifier.calibration.temperature != 9.0


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_share_the_model(classifier: EmotionClassifier, duplicate: object) -> None:
    copied = duplicate({"model": classifier})["model"] if duplicate is copy.deepcopy else copy.copy(classifier)
    assert copied is not classifier and copied._model is classifier._model
    assert copied.predict(TEXTS) == classifier.predict(TEXTS)


def test_another_model_in_the_folder_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(BUNDLED, folder)
    (folder / "emoscope.json").unlink()
    pickled = pickle.dumps(EmotionClassifier.from_pretrained(folder))
    config = json.loads((folder / "config.json").read_text())
    *labels, neutral = config["id2label"].values()
    names = [*reversed(labels), neutral]
    (folder / "config.json").write_text(json.dumps(config | {"id2label": dict(enumerate(names))}))
    with pytest.raises(ChecksumError, match=f"the model in {re.escape(str(folder))} is not the one that was pickled"):
        pickle.loads(pickled)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="no model at"):
        pickle.loads(pickled)


def test_a_composed_classifier_is_an_error(classifier: EmotionClassifier) -> None:
    composed = EmotionClassifier(classifier.labels, classifier._model.preprocessor, classifier._model.runtime)
    with pytest.raises(TypeError, match="only a classifier that EmotionClassifier.from_pretrained loaded"):
        pickle.dumps(composed)
    assert copy.deepcopy(composed).labels == classifier.labels


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_process_pool_predicts_the_same(classifier: EmotionClassifier, method: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no start method {method} here")
    expected = classifier.predict_proba(TEXTS)
    with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
        for result in pool.map(classifier.predict_proba, [TEXTS, TEXTS[::-1]]):
            np.testing.assert_allclose(np.sort(result, axis=0), np.sort(expected, axis=0), atol=1e-6)
        predictions = pool.submit(classifier.predict, TEXTS).result()
    assert predictions == classifier.predict(TEXTS)
    assert predictions[0].prediction_set(0.9) == classifier.predict(TEXTS)[0].prediction_set(0.9)


def test_joblib_predicts_the_same(classifier: EmotionClassifier) -> None:
    joblib = pytest.importorskip("joblib")
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(classifier.predict_proba)([text]) for text in TEXTS)
    np.testing.assert_allclose(np.concatenate(results), classifier.predict_proba(TEXTS), atol=1e-6)
