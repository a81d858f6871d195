"""What the rest of the package expects of a model: `Classifier`, `Runtime`, and capabilities that a model may have.

Evaluation, scoring, audit and serving take any `Classifier`. A capability is a small protocol that a classifier may
implement as well; its accessor returns what the classifier has, or the value for one without. Nothing else asks a
classifier or a runtime whether it has an attribute. Knows no tokenizer, no ONNX and no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from emoscope.tokenization import TokenBatch

Keywords = Mapping[str, Mapping[str, float]]
"""Word -> label -> share of the training rows that the word decides."""


class Classifier(Protocol):
    """A model as its users see it: texts in, probabilities out."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in index order."""
        ...

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (len(texts), len(labels)); a row does not depend on the other texts."""
        ...


def predict_distinct(classifier: Classifier, texts: Sequence[str]) -> NDArray[np.float32]:
    """Probabilities of texts, float32 (len(texts), len(labels)); equal texts are scored once."""
    places: dict[str, int] = {}
    index = [places.setdefault(text, len(places)) for text in texts]
    return classifier.predict_proba(list(places))[index]


class Runtime(Protocol):
    """The part of a model that turns token ids into logits, such as `runtime.OnnxModel`."""

    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row of the batch, float32 (rows, labels)."""
        ...


class SupportsMultiLabel(Protocol):
    """A classifier that knows whether it is multi-label."""

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid) rather than one distribution (softmax)."""
        ...


def is_multi_label(classifier: Classifier | SupportsMultiLabel, *, default: bool = False) -> bool:
    """Whether a classifier is multi-label; `default` for one that does not say."""
    return bool(getattr(classifier, "multi_label", default))


class SupportsThresholds(Protocol):
    """A multi-label classifier with decision thresholds."""

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """Probability from which each label applies, in index order; None for a single-label model."""
        ...


def thresholds_of(classifier: Classifier | SupportsThresholds) -> tuple[float, ...] | None:
    """Decision thresholds of a multi-label classifier; None for any other."""
    thresholds: tuple[float, ...] | None = getattr(classifier, "thresholds", None)
    return thresholds


class SupportsPredictionSets(Protocol):
    """A classifier with conformal prediction sets."""

    def prediction_sets(self, probabilities: NDArray[Any], coverage: float = 0.9) -> NDArray[np.bool_] | None:
        """Labels in the prediction set of each row, bool (rows, labels); None if the model was not calibrated."""
        ...


def prediction_sets_of(
    classifier: Classifier | SupportsPredictionSets, probabilities: NDArray[Any], coverage: float = 0.9
) -> NDArray[np.bool_] | None:
    """Labels in the prediction set of each row, bool (rows, labels); None for a classifier without prediction sets.

    Args:
        classifier: the classifier.
        probabilities: (rows, labels), what its `predict_proba` returned.
        coverage: share of texts whose set contains the true label.
    """
    method: Callable[..., NDArray[np.bool_] | None] | None = getattr(classifier, "prediction_sets", None)
    return method(probabilities, coverage) if method else None


class SupportsNeutral(Protocol):
    """A classifier that recognizes neutral texts."""

    def neutral(self, texts: Sequence[str], probabilities: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Whether each text shows no emotion clearly, bool (len(texts),); None if the model was not fitted for it."""
        ...


def neutral_of(
    classifier: Classifier | SupportsNeutral, texts: Sequence[str], probabilities: NDArray[Any]
) -> NDArray[np.bool_] | None:
    """Whether each text shows no emotion clearly, bool (len(texts),); None for a classifier that cannot tell.

    Args:
        classifier: the classifier.
        texts: the texts.
        probabilities: (texts, labels), what its `predict_proba` returned for them.
    """
    method: Callable[..., NDArray[np.bool_] | None] | None = getattr(classifier, "neutral", None)
    return method(texts, probabilities) if method else None


class SupportsLogits(Protocol):
    """A classifier that returns logits too."""

    def predict_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of each text, before temperature and softmax or sigmoid, float32 (len(texts), len(labels))."""
        ...


def logits_function(
    classifier: Classifier | SupportsLogits,
) -> Callable[[Sequence[str]], NDArray[np.float32]] | None:
    """The method `predict_logits` of a classifier; None for one without."""
    function: Callable[[Sequence[str]], NDArray[np.float32]] | None = getattr(classifier, "predict_logits", None)
    return function


class SupportsTokenCounts(Protocol):
    """A classifier that counts tokens."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens included."""
        ...


def token_counter(classifier: Classifier | SupportsTokenCounts) -> Callable[[Sequence[str]], list[int]] | None:
    """The method `token_counts` of a classifier; None for one without."""
    function: Callable[[Sequence[str]], list[int]] | None = getattr(classifier, "token_counts", None)
    return function


class SupportsKeywords(Protocol):
    """A classifier that knows which words of its training data are ambiguous."""

    @property
    def ambiguous_keywords(self) -> Keywords:
        """Words that the training data uses for several labels, with the share of each label."""
        ...


def keywords_of(classifier: Classifier | SupportsKeywords) -> Keywords:
    """Ambiguous keywords of a classifier's training data; empty where they are not known."""
    keywords: Keywords = getattr(classifier, "ambiguous_keywords", {})
    return keywords


class SupportsParameters(Protocol):
    """A classifier or runtime that knows its size."""

    @property
    def parameters(self) -> int | None:
        """Number of parameters; None if it was not recorded."""
        ...


def parameters_of(model: Classifier | Runtime | SupportsParameters) -> int | None:
    """Number of parameters of a classifier or runtime; None where it is not known."""
    parameters: int | None = getattr(model, "parameters", None)
    return parameters


class SupportsTokensRead(Protocol):
    """A classifier or runtime that counts the tokens it has processed."""

    @property
    def tokens_read(self) -> tuple[int, int]:
        """Number of tokens processed so far, and of padding tokens added to them."""
        ...


def tokens_read_of(model: Classifier | Runtime | SupportsTokensRead) -> tuple[int, int]:
    """Tokens that a classifier or runtime has processed so far, and padding tokens; (0, 0) if it does not count."""
    tokens: tuple[int, int] = getattr(model, "tokens_read", (0, 0))
    return tokens
