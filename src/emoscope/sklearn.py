"""scikit-learn: a classifier of texts, and a transformer of texts to numbers, for its pipelines and model selection.

Needs the extra `sklearn`; training needs the extra `train` as well. Knows no tokenizer and no graph: a model is an
`EmotionClassifier`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from emoscope.errors import ModelError, require_extra

require_extra("sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_consistent_length, column_or_1d

from emoscope.classifier import EmotionClassifier
from emoscope.inputs import as_texts
from emoscope.labels import NEUTRAL
from emoscope.neutral import joint
from emoscope.protocols import has_neutral

if TYPE_CHECKING:
    from emoscope.training.config import AnyConfig

VALIDATION_SHARE = 0.1
"""Share of the rows that training holds out for its report; every label at the same share."""
Files = Mapping[str, bytes]
"""Names of the files of a folder, to their contents."""
FEATURES = ("probabilities", "logits", "hidden")
"""What `EmotionFeatures` can return."""


class EmotionEstimator(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of texts for scikit-learn: a pretrained model, or one that `fit` trains from a recipe.

    Without a recipe, the model may be used before `fit`, which only loads it and compares its labels with `y`. If `y`
    has the label "neutral" and the model has an output for it, neutral is one of the classes.

    >>> from emoscope.sklearn import EmotionEstimator
    >>> EmotionEstimator().predict(["i feel so happy today"])
    array(['joy'], dtype='<U8')
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        recipe: Mapping[str, Any] | str | Path | None = None,
        device: str = "cpu",
    ) -> None:
        """Keep the parameters; nothing is loaded yet.

        Args:
            model: as for `EmotionClassifier.from_pretrained`; not used with a recipe.
            recipe: None for the pretrained model. Keys of a recipe, or a TOML file with them, to train on the rows of
                `fit`; without the key `kind`, or with none of its own, it is that of the compact student.
            device: where the model runs, as for `EmotionClassifier.from_pretrained`.
        """
        self.model = model
        self.recipe = recipe
        self.device = device

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels in sorted order, as scikit-learn expects them, (classes,); raises the errors of `predict`."""
        classifier = self._classifier()
        return self._fitted_classes if "_fitted_classes" in self.__dict__ else _classes(classifier, None)

    def fit(self, X: Any = None, y: Any = None) -> EmotionEstimator:  # noqa: N803
        """Train on the rows, or keep the pretrained model.

        Args:
            X: texts, as for `EmotionClassifier.predict_proba`; without a recipe they are not read.
            y: a label for each text; without a recipe it may be left out.

        Raises:
            ValueError: `y` is missing, or has a label that the pretrained model cannot return.
            TypeError: `X` is not a sequence of texts.
            EmoscopeError: the model cannot be loaded, or the recipe cannot be trained.
        """
        if self.recipe is None:
            self._fitted_classes = _classes(self._classifier(), y)
            return self
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None; give a label for each text")
        texts, y = as_texts(X), column_or_1d(y)
        check_consistent_length(texts, y)
        classes, label_ids = np.unique(y, return_inverse=True)
        self._checkpoint = _train(self.recipe, texts, label_ids, tuple(map(str, classes.tolist())))
        self._fitted_classes = classes
        self._trained: EmotionClassifier | None = None
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """Probability of each class for each text.

        Args:
            X: texts, as for `EmotionClassifier.predict_proba`; a missing value is an error.

        Returns:
            float32 (len(X), len(classes_)), columns in the order of `classes_`; rows sum to 1.

        Raises:
            TypeError: `X` is not a sequence of texts.
            NotFittedError: there is a recipe, and `fit` was not called.
        """
        classifier = self._classifier()
        columns = dict(zip(classifier.labels, range(len(classifier.labels)), strict=True))
        names = list(map(str, self.classes_.tolist()))
        if NEUTRAL not in names or NEUTRAL in columns:
            return classifier.predict_proba(X)[:, [columns[name] for name in names]]
        rows = joint(classifier.predict_with_neutral(X))
        return rows[:, [columns.get(name, len(columns)) for name in names]]

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Class with the highest probability for each text, (len(X),); same arguments and errors as `predict_proba`."""
        probabilities = self.predict_proba(X)
        predicted: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return predicted

    def _classifier(self) -> EmotionClassifier:
        """The model, loaded when it is first needed.

        Raises:
            NotFittedError: there is a recipe, and `fit` was not called.
            ModelError: the model is multi-label.
        """
        if self.recipe is None:
            return _single_label(_pretrained(self.model, self.device))
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this {type(self).__name__} has a recipe but no model yet; call fit(X, y) first")
        self._trained = self._trained or _unpacked(self._checkpoint, self.device)
        return self._trained

    def __getstate__(self) -> dict[str, Any]:
        """A trained model is pickled as the files of its checkpoint."""
        return {**super().__getstate__(), **({"_trained": None} if "_trained" in self.__dict__ else {})}

    def __sklearn_is_fitted__(self) -> bool:
        """Whether `predict` works: always for a pretrained model."""
        return self.recipe is None or "_checkpoint" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.recipe is not None
        return _of_texts(tags, requires_fit=self.recipe is not None)


class EmotionFeatures(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A transformer of texts to numbers, for pipelines of scikit-learn; there is nothing to fit.

    >>> from emoscope.sklearn import EmotionFeatures
    >>> EmotionFeatures().transform(["i feel so happy today"]).shape
    (1, 7)
    """

    def __init__(
        self, model: str | Path | None = None, *, features: str = "probabilities", device: str = "cpu"
    ) -> None:
        """Keep the parameters; nothing is loaded yet.

        Args:
            model: as for `EmotionClassifier.from_pretrained`.
            features: "probabilities" of the labels and, if the model has an output for it, of neutral; "logits"
                of the labels; or the "hidden" vector from which the bundled model computes them.
            device: where the model runs, as for `EmotionClassifier.from_pretrained`.
        """
        self.model = model
        self.features = features
        self.device = device

    def fit(self, X: Any = None, y: Any = None) -> EmotionFeatures:  # noqa: N803
        """Load the model; the rows are not read.

        Raises:
            ValueError: there are no such features.
            EmoscopeError: the model cannot be loaded.
        """
        if self.features not in FEATURES:
            raise ValueError(f"features is {self.features!r}; allowed: {', '.join(FEATURES)}")
        _pretrained(self.model, self.device)
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:  # noqa: N803
        """The features of each text.

        Args:
            X: texts, as for `EmotionClassifier.predict_proba`; a missing value is an error.

        Returns:
            float32 (len(X), features), as named by `get_feature_names_out`.

        Raises:
            TypeError: `X` is not a sequence of texts.
        """
        classifier = self.fit()._classifier()
        functions = (classifier.predict_with_neutral, classifier.predict_logits, classifier.hidden_vectors)
        return dict(zip(FEATURES, functions, strict=True))[self.features](X)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns: the labels in index order and, of probabilities, "neutral"; or "hidden0" and so on."""
        classifier = self.fit()._classifier()
        if self.features == "hidden":
            return np.array([f"hidden{unit}" for unit in range(classifier.hidden_vectors([]).shape[1])], object)
        neutral = [NEUTRAL] * (self.features == "probabilities" and has_neutral(classifier))
        return np.array([*classifier.labels, *neutral], object)

    def _classifier(self) -> EmotionClassifier:
        return _pretrained(self.model, self.device)

    def __sklearn_is_fitted__(self) -> bool:
        """It is: there is nothing to fit."""
        return True

    def __sklearn_tags__(self) -> Any:
        return _of_texts(super().__sklearn_tags__(), requires_fit=False)


def _of_texts(tags: Any, *, requires_fit: bool) -> Any:
    """The tags of an estimator whose rows are texts."""
    tags.input_tags.string = tags.input_tags.one_d_array = True
    tags.input_tags.two_d_array = False
    tags.no_validation = True
    tags.requires_fit = requires_fit
    return tags


@lru_cache(maxsize=4)
def _pretrained(model: str | Path | None, device: str) -> EmotionClassifier:
    """A pretrained model, which the copies of an estimator share."""
    return EmotionClassifier.from_pretrained(model, device=device)


def _single_label(classifier: EmotionClassifier) -> EmotionClassifier:
    if classifier.multi_label:
        raise ModelError(
            "the model gives any number of labels per text, and EmotionEstimator returns one class; use "
            "EmotionFeatures, or a model of one label per text"
        )
    return classifier


def _classes(classifier: EmotionClassifier, y: Any) -> NDArray[Any]:
    """The classes of a pretrained model in sorted order, with neutral if `y` has it.

    Raises:
        ValueError: `y` has a label that the model cannot return.
    """
    given = set() if y is None else set(column_or_1d(y).tolist())
    classes = {*classifier.labels, *([NEUTRAL] if NEUTRAL in given and has_neutral(classifier) else [])}
    if unknown := sorted(map(repr, given - classes)):
        raise ValueError(
            f"y has the label {unknown[0]}, which the model cannot return; its labels are "
            f"{', '.join(sorted(classes))}; leave these rows out, or give a recipe to train a model on them"
        )
    return np.array(sorted(classes))


def _train(recipe: Any, texts: Sequence[str], label_ids: NDArray[np.int64], names: tuple[str, ...]) -> Files:
    """The files of a checkpoint that is trained on the rows."""
    from emoscope.data import Examples, hold_out
    from emoscope.labels import Labels
    from emoscope.training import train

    config = _config(recipe)
    rows = Examples(list(texts), label_ids.astype(np.int64), Labels(names), "rows of fit", "train")
    splits = hold_out({"train": rows}, VALIDATION_SHARE, config.seed)
    with TemporaryDirectory() as folder:
        checkpoint = Path(folder, "checkpoint")
        train(config, splits, checkpoint)
        return {file.name: file.read_bytes() for file in checkpoint.iterdir() if file.is_file()}


def _config(recipe: Any) -> AnyConfig:
    from emoscope.training.config import configure, read_recipe

    values = recipe if isinstance(recipe, Mapping) else read_recipe(Path(recipe))
    return configure({"kind": "compact", **values})


def _unpacked(files: Files, device: str) -> EmotionClassifier:
    """The model of a checkpoint's files."""
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        return EmotionClassifier.from_pretrained(folder, device=device)
