"""What the package expects of a model: `Classifier`, `Runtime`, and capabilities that only some models have.

Evaluation, scoring, audit and serving accept any `Classifier`. A capability is a small protocol, which a classifier may
implement as well, with one accessor function, which returns a default for other classifiers. No other module asks a
classifier or a runtime which attributes it has. Knows no tokenizer, no ONNX and no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from emoscope.tokenization import TokenBatch

Keywords = Mapping[str, Mapping[str, float]]
"""Word -> label -> share of the training rows that the word decides."""
PredictProba = Callable[[Sequence[str]], NDArray[np.float32]]
PredictLogits = Callable[[Sequence[str]], NDArray[np.float32]]
CountTokens = Callable[[Sequence[str]], list[int]]
Steps = Iterator[NDArray[np.float32] | None]
"""None after each step, and then the result."""


class Classifier(Protocol):
    """A model as its users see it: texts in, probabilities out."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names in index order."""

    def predict_proba(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities, float32 (len(texts), len(labels)); a row does not depend on the other texts."""


class Runtime(Protocol):
    """The part of a model that turns token ids into logits, such as `runtime.OnnxModel`."""

    def logits(self, batch: TokenBatch) -> NDArray[np.float32]:
        """Logits of every row of the batch, float32 (rows, outputs): the labels and, in some models, neutral."""


class SupportsHidden(Protocol):
    """A runtime that returns hidden vectors too."""

    def hidden(self, batch: TokenBatch) -> NDArray[np.float32] | None:
        """The vector of every row before the last layer, float32 (rows, units); None if the model has none."""


def hidden_of(runtime: Runtime, batch: TokenBatch) -> NDArray[np.float32] | None:
    """The vector of every row before the last layer, float32 (rows, units); None for a runtime without it."""
    return cast(SupportsHidden, runtime).hidden(batch) if hasattr(runtime, "hidden") else None


def predict_distinct(predict: PredictProba, texts: Sequence[str]) -> NDArray[np.float32]:
    """What a function returns for texts, float32 (len(texts), columns); equal texts are scored once."""
    places: dict[str, int] = {}
    index = [places.setdefault(text, len(places)) for text in texts]
    return predict(list(places))[index]


class SupportsMultiLabel(Protocol):
    """A classifier that knows whether it is multi-label."""

    @property
    def multi_label(self) -> bool:
        """Whether each label has a probability of its own (sigmoid) rather than one distribution (softmax)."""


def is_multi_label(classifier: Classifier, *, default: bool = False) -> bool:
    """Whether a classifier is multi-label; `default` if it does not say."""
    return cast(SupportsMultiLabel, classifier).multi_label if hasattr(classifier, "multi_label") else default


class SupportsThresholds(Protocol):
    """A multi-label classifier with decision thresholds."""

    @property
    def thresholds(self) -> tuple[float, ...] | None:
        """Probability from which each label applies, in index order; None for a single-label model."""


def thresholds_of(classifier: Classifier) -> tuple[float, ...] | None:
    """Decision thresholds of a multi-label classifier; None for any other."""
    return cast(SupportsThresholds, classifier).thresholds if hasattr(classifier, "thresholds") else None


class SupportsPredictionSets(Protocol):
    """A classifier with conformal prediction sets."""

    def prediction_sets(
        self, probabilities: NDArray[Any], coverage: float, *, texts: Sequence[str]
    ) -> NDArray[np.bool_] | None:
        """Labels in the prediction set of each text, bool (texts, labels); None if the model was not calibrated."""


def prediction_sets_of(
    classifier: Classifier, probabilities: NDArray[Any], texts: Sequence[str], coverage: float = 0.9
) -> NDArray[np.bool_] | None:
    """Labels in the prediction set of each text, bool (texts, labels); None for a classifier without them."""
    if not hasattr(classifier, "prediction_sets"):
        return None
    return cast(SupportsPredictionSets, classifier).prediction_sets(probabilities, coverage, texts=texts)


class SupportsNeutral(Protocol):
    """A classifier that detects texts without an emotion."""

    def predict_with_neutral(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Probabilities of the labels and, last, of neutral, float32 (len(texts), len(labels) + 1), for no texts too.

        Without the last column if the model has no output for neutral texts.
        """


def neutral_predictor(classifier: Classifier) -> PredictProba:
    """The method `predict_with_neutral` of a classifier; `predict_proba` of one without it."""
    if hasattr(classifier, "predict_with_neutral"):
        return cast(SupportsNeutral, classifier).predict_with_neutral
    return classifier.predict_proba


def has_neutral(classifier: Classifier) -> bool:
    """Whether a classifier returns the probability of neutral."""
    if not hasattr(classifier, "predict_with_neutral"):
        return False
    return bool(cast(SupportsNeutral, classifier).predict_with_neutral([]).shape[1] > len(classifier.labels))


def split_neutral(rows: NDArray[Any], labels: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """The columns of the labels of what a `neutral_predictor` returned, and that of neutral or None."""
    return rows[:, :labels], rows[:, labels] if rows.shape[1] > labels else None


class SupportsLogits(Protocol):
    """A classifier that returns logits too."""

    def predict_logits(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Logits of each text, before temperature and softmax or sigmoid, float32 (len(texts), len(labels))."""


def logits_function(classifier: Classifier) -> PredictLogits | None:
    """The method `predict_logits` of a classifier; None for one without it."""
    return cast(SupportsLogits, classifier).predict_logits if hasattr(classifier, "predict_logits") else None


class SupportsSteps(Protocol):
    """A classifier that can score a long text in several steps, between which it can score other texts."""

    def predict_in_steps(self, text: str, max_tokens: int, *, logits: bool = False) -> Steps:
        """What `predict_with_neutral` returns for one long text, or `predict_logits`, in several steps.

        Args:
            text: the text.
            max_tokens: maximum number of tokens that the model reads in a step; a window may have more.
            logits: whether to return logits.

        Yields:
            None after each step, and then the row, float32 (1, columns).
        """


def steps_function(classifier: Classifier) -> Callable[..., Steps] | None:
    """The method `predict_in_steps` of a classifier; None for one without it."""
    return cast(SupportsSteps, classifier).predict_in_steps if hasattr(classifier, "predict_in_steps") else None


class SupportsTokenCounts(Protocol):
    """A classifier that counts tokens."""

    def token_counts(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens of each text, special tokens included."""


def token_counter(classifier: Classifier) -> CountTokens | None:
    """The method `token_counts` of a classifier; None for one without it."""
    return cast(SupportsTokenCounts, classifier).token_counts if hasattr(classifier, "token_counts") else None


class SupportsKeywords(Protocol):
    """A classifier that knows the ambiguous keywords of its training data."""

    @property
    def ambiguous_keywords(self) -> Keywords:
        """Words that the training data uses for two labels, with the share of each label."""


def keywords_of(classifier: Classifier) -> Keywords:
    """Ambiguous keywords of a classifier's training data; empty if they are not known."""
    return cast(SupportsKeywords, classifier).ambiguous_keywords if hasattr(classifier, "ambiguous_keywords") else {}


class SupportsParameters(Protocol):
    """A classifier or runtime that knows its size."""

    @property
    def parameters(self) -> int | None:
        """Number of parameters; None if it was not recorded."""


def parameters_of(model: Classifier | Runtime) -> int | None:
    """Number of parameters of a classifier or runtime; None if it is not known."""
    return cast(SupportsParameters, model).parameters if hasattr(model, "parameters") else None


class SupportsTokensRead(Protocol):
    """A classifier or runtime that counts the tokens it processes."""

    @property
    def tokens_read(self) -> tuple[int, int]:
        """Number of tokens processed so far, and of padding tokens added to them."""


def tokens_read_of(model: Classifier | Runtime) -> tuple[int, int]:
    """Tokens that a classifier or runtime has processed so far, and padding tokens; (0, 0) if it does not count."""
    return cast(SupportsTokensRead, model).tokens_read if hasattr(model, "tokens_read") else (0, 0)
