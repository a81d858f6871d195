"""Figures that others published for models fine-tuned on `emotion`: a reference, not measured here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

EMOTION = "dair-ai/emotion"
EMOTION_VALIDATION = "535c0f48f905a13cccc2531258b9caba01393bc01fb666be1b1e1f24e36adfe1"
"""Fingerprint of the 2,000 validation rows of that data set, configuration `split`."""

CARD = "published, validation split, best epoch chosen on the same rows"
"""Origin of the accuracy, weighted F1 and speed below."""

TEST = "published, verified by the Hub on the true test split"
"""Origin of the figures named `test_...`."""


@dataclass(frozen=True)
class PublishedResult:
    """One row of the model card's comparison table; shares are in [0, 1], None means not published.

    Attributes:
        model: Hub id.
        accuracy: accuracy on the validation split.
        f1_weighted: weighted F1 on the validation split.
        samples_per_second: speed on the card's GPU.
        test_accuracy: accuracy on the real test split, like every `test_...`.
        test_f1_macro: macro F1.
        test_f1_weighted: weighted F1.
        test_loss: log loss, in nats.
        source: source of the validation figures and the speed.
        test_source: source of the `test_...` figures.
    """

    model: str
    accuracy: float
    f1_weighted: float
    samples_per_second: float
    test_accuracy: float | None = None
    test_f1_macro: float | None = None
    test_f1_weighted: float | None = None
    test_loss: float | None = None
    source: str = (
        "comparison table of the model card of bhadresh-savani/distilbert-base-uncased-emotion, where it is called "
        "test; its training notebook predicts on the validation split, at the best of 8 epochs chosen on the same "
        "rows; samples per second on a Colab GPU"
    )
    test_source: str | None = "verified evaluation results of the Hub for this model on the test split of emotion"


PUBLISHED = (
    # model, accuracy, f1_weighted, samples_per_second, test_accuracy, test_f1_macro, test_f1_weighted, test_loss
    PublishedResult(
        "bhadresh-savani/distilbert-base-uncased-emotion", 0.938, 0.9379, 398.69, 0.927, 0.8825, 0.9269, 0.174
    ),
    PublishedResult("bhadresh-savani/bert-base-uncased-emotion", 0.9405, 0.9406, 190.152, 0.9265),
    PublishedResult("bhadresh-savani/roberta-base-emotion", 0.9395, 0.9397, 195.639, 0.931, 0.8821),
    PublishedResult("bhadresh-savani/albert-base-v2-emotion", 0.936, 0.9365, 182.794, test_source=None),
)
"""The model card's own table, in its order."""


def is_emotion(dataset: Mapping[str, Any]) -> bool:
    """Whether a dataset of `describe_dataset` is the one that the published models were measured on."""
    return bool(dataset["name"] == EMOTION or dataset["fingerprint"] == EMOTION_VALIDATION)


def published() -> dict[str, Any]:
    """The reference as plain JSON: `note`, `test_note`, and `models`, a list of `PublishedResult`."""
    return {"note": CARD, "test_note": TEST, "models": [asdict(result) for result in PUBLISHED]}
