"""The estimators in scikit-learn's own tools, as far as these take texts."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tiny
from emoscope import EMOTIONS, EmotionClassifier
from emoscope.errors import EmoscopeError

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, permutation_test_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

from emoscope.sklearn import EmotionEstimator, EmotionFeatures

ROWS = tiny.examples("all")
TEXTS, LABELS = ROWS.texts, [EMOTIONS[label_id] for label_id in ROWS.label_ids]
NEUTRAL = "the bus leaves at nine"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Recipe of a compact student that trains in a second."""
    for module in ("torch", "transformers", "accelerate", "datasets", "captum"):
        pytest.importorskip(module)
    embeddings = tiny.encoder(tmp_path_factory.mktemp("encoder") / "tiny")
    return {"embeddings": str(embeddings), "epochs": 40, **tiny.COMPACT}


@pytest.fixture(scope="module")
def trained(recipe: dict[str, Any]) -> EmotionEstimator:
    return EmotionEstimator(recipe=recipe).fit(TEXTS, LABELS)


def test_pretrained_model_returns_labels_in_sorted_order() -> None:
    estimator = EmotionEstimator().fit()
    assert estimator.classes_.tolist() == sorted(EMOTIONS)
    assert estimator.predict(["i feel so happy today", "i am so angry with them"]).tolist() == ["joy", "anger"]
    expected = EmotionClassifier.from_pretrained().predict_proba(TEXTS)
    columns = [EMOTIONS.index(name) for name in estimator.classes_]
    np.testing.assert_array_equal(estimator.predict_proba(TEXTS), expected[:, columns])
    assert estimator.score(["i feel so happy today"], ["joy"]) == 1


def test_pretrained_model_needs_no_fit() -> None:
    np.testing.assert_array_equal(EmotionEstimator().predict(TEXTS), EmotionEstimator().fit().predict(TEXTS))


def test_neutral_is_a_class_if_the_labels_have_it() -> None:
    texts, labels = [*TEXTS, NEUTRAL], [*LABELS, "neutral"]
    estimator = EmotionEstimator().fit(texts, labels)
    assert estimator.classes_.tolist() == sorted((*EMOTIONS, "neutral"))
    probabilities = estimator.predict_proba(texts)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    neutral = EmotionClassifier.from_pretrained().neutral_proba(texts)
    np.testing.assert_array_equal(probabilities[:, estimator.classes_.tolist().index("neutral")], neutral)
    assert estimator.predict([NEUTRAL]).tolist() == ["neutral"]


def test_label_that_the_model_lacks_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"the label 'disgust'.*labels are anger, fear.*give a recipe"):
        EmotionEstimator().fit(["a", "b"], ["joy", "disgust"])


def test_missing_text_is_an_error_that_names_it() -> None:
    with pytest.raises(TypeError, match=r"texts\[1\] is missing"):
        EmotionEstimator().predict(["i feel happy", None])


def test_columns_of_other_libraries_are_texts() -> None:
    pd, pl, pa = (pytest.importorskip(name) for name in ("pandas", "polars", "pyarrow"))
    expected = EmotionEstimator().predict(TEXTS).tolist()
    for column in (pd.Series(TEXTS), np.array(TEXTS, object), pl.Series(TEXTS), pa.array(TEXTS)):
        assert EmotionEstimator().predict(column).tolist() == expected


def test_trained_model_learns_its_own_labels(trained: EmotionEstimator) -> None:
    assert trained.classes_.tolist() == sorted(EMOTIONS)
    assert trained.score(TEXTS, LABELS) > 0.9
    assert trained.predict_proba(TEXTS).shape == (len(TEXTS), 6)


def test_labels_may_be_numbers(recipe: dict[str, Any]) -> None:
    numbers = np.array([{"joy": 10, "sadness": 2}.get(label, 3) for label in LABELS])
    estimator = EmotionEstimator(recipe=recipe).fit(TEXTS, numbers)
    assert estimator.classes_.tolist() == [2, 3, 10]
    assert (estimator.predict(TEXTS) == numbers).mean() > 0.9


def test_recipe_may_be_a_file(recipe: dict[str, Any], trained: EmotionEstimator, tmp_path: Path) -> None:
    lines = (f"{name} = {value!r}\n" for name, value in recipe.items())
    (tmp_path / "recipe.toml").write_text("".join(lines))
    estimator = EmotionEstimator(recipe=tmp_path / "recipe.toml").fit(TEXTS, LABELS)
    np.testing.assert_array_equal(estimator.predict_proba(TEXTS), trained.predict_proba(TEXTS))


def test_recipe_without_labels_or_fit_is_an_error(recipe: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="requires y to be passed"):
        EmotionEstimator(recipe=recipe).fit(TEXTS)
    with pytest.raises(NotFittedError, match=r"call fit\(X, y\) first"):
        EmotionEstimator(recipe=recipe).predict(TEXTS)
    with pytest.raises(EmoscopeError, match="unknown keys"):
        EmotionEstimator(recipe={"speed": 1}).fit(TEXTS, LABELS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EmotionEstimator(recipe=recipe).fit(TEXTS, LABELS[:-1])


@pytest.mark.parametrize("copy", [pickle.dumps, None])
def test_copies_predict_the_same(trained: EmotionEstimator, copy: Callable[..., bytes] | None) -> None:
    for estimator in (trained, EmotionEstimator(), EmotionEstimator().fit(), EmotionFeatures()):
        copied = pickle.loads(copy(estimator)) if copy else clone(FrozenEstimator(estimator))
        method = "transform" if isinstance(estimator, EmotionFeatures) else "predict_proba"
        np.testing.assert_array_equal(getattr(copied, method)(TEXTS), getattr(estimator, method)(TEXTS))


def test_clone_is_not_fitted(trained: EmotionEstimator) -> None:
    copied = clone(trained)
    assert copied.get_params() == trained.get_params()
    with pytest.raises(NotFittedError):
        copied.predict(TEXTS)


def test_cross_validation_and_permutation_test(recipe: dict[str, Any]) -> None:
    scores = cross_val_score(EmotionEstimator(recipe=recipe), TEXTS, LABELS, cv=2, scoring="neg_log_loss")
    assert np.isfinite(scores).all()
    score, _, p_value = permutation_test_score(EmotionEstimator(), TEXTS, LABELS, cv=2, n_permutations=19)
    assert score > 0.5
    assert p_value == 0.05


def test_calibration_of_a_pretrained_model() -> None:
    calibrated = CalibratedClassifierCV(FrozenEstimator(EmotionEstimator())).fit(TEXTS, LABELS)
    assert calibrated.classes_.tolist() == sorted(EMOTIONS)
    np.testing.assert_allclose(calibrated.predict_proba(TEXTS).sum(axis=1), 1)


@pytest.mark.parametrize(("features", "columns"), [("probabilities", 7), ("logits", 6), ("hidden", 256)])
def test_features_in_a_pipeline(features: str, columns: int) -> None:
    pipeline = make_pipeline(EmotionFeatures(features=features), LogisticRegression())
    assert pipeline.fit(TEXTS, LABELS).score(TEXTS, LABELS) > 0.8
    names = pipeline[0].get_feature_names_out()
    assert (len(names), len(set(names))) == (columns, columns)
    assert pipeline[0].transform(TEXTS).shape == (len(TEXTS), columns)
    assert pipeline[0].transform([]).shape == (0, columns)


def test_features_are_chosen_by_a_search() -> None:
    pipeline = make_pipeline(EmotionFeatures(), LogisticRegression())
    search = GridSearchCV(pipeline, {"emotionfeatures__features": ["probabilities", "logits"]}, cv=2)
    assert search.fit(TEXTS, LABELS).best_params_["emotionfeatures__features"] in ("probabilities", "logits")
    with pytest.raises(ValueError, match=r"features is 'words'; allowed: probabilities, logits, hidden"):
        EmotionFeatures(features="words").fit()


def test_features_as_a_data_frame() -> None:
    pd = pytest.importorskip("pandas")
    frame = EmotionFeatures().set_output(transform="pandas").transform(pd.Series(TEXTS[:2], index=[5, 7]))
    assert frame.columns.tolist() == [*EMOTIONS, "neutral"]
    assert frame.index.tolist() == [5, 7]


def test_multi_label_model_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmotionClassifier, "multi_label", property(lambda self: True))
    with pytest.raises(EmoscopeError, match="use EmotionFeatures"):
        EmotionEstimator().fit()


CHECKS = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_mixin_order",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
)
"""The checks of scikit-learn that make no matrix of numbers: for estimators of texts it skips all others itself."""


@pytest.mark.parametrize("estimator", [EmotionEstimator(), EmotionEstimator(recipe={}), EmotionFeatures()], ids=repr)
@pytest.mark.parametrize("check", CHECKS)
def test_checks_of_estimators(estimator: Any, check: str) -> None:
    getattr(estimator_checks, check)(type(estimator).__name__, estimator)
