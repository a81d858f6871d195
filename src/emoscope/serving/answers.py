"""Responses and errors of every API as msgspec structs, which `openapi.py` describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from emoscope.labels import EMOTIONS

Labels = Annotated[Sequence[str], Meta(description="Names of the labels, in index order.", examples=[list(EMOTIONS)])]
Probability = Annotated[float, Meta(ge=0, le=1)]
Scores = Annotated[Sequence[Probability], Meta(description="One score per label, in the order of `labels`.")]
PredictionSets = Annotated[
    Sequence[Sequence[str]] | None,
    Meta(
        description="Labels of a set that contains the true label in 90 % of cases; null if the model is not "
        "calibrated."
    ),
]


class PredictAnswer(Struct):
    """Every key except `model` and `labels` has one entry per text."""

    model: str
    labels: Labels
    label: Annotated[Sequence[str], Meta(description="The label with the highest score.")]
    score: Sequence[float]
    scores: Sequence[Scores]
    prediction_sets: PredictionSets
    neutral: Annotated[
        Sequence[Probability] | None,
        Meta(description="Probability that each text expresses no emotion; null if the model has no output for it."),
    ]
    sets: Annotated[
        Sequence[Sequence[str]] | None,
        Meta(description="The same as `prediction_sets`.", extra_json_schema={"deprecated": True}),
    ]
    clear: Annotated[
        Sequence[bool] | None,
        Meta(description="Whether `neutral` is below 0.5.", extra_json_schema={"deprecated": True}),
    ]


class Word(Struct):
    """A word, and what it contributed."""

    word: str
    start: int
    end: int
    weight: Annotated[
        float, Meta(description="What the word adds to the probability of the label; negative if it lowers it.")
    ]


class AmbiguousWord(Struct):
    """A deciding word that the training data uses for two labels, with the share of each."""

    word: str
    shares: dict[str, float]


class Explanation(Struct):
    """The contribution of each word to the label of a text."""

    text: str
    label: str
    score: float
    method: str
    words: list[Word]
    ambiguous: AmbiguousWord | None


class ExplainAnswer(Struct):
    """An explanation of each text."""

    explanations: list[Explanation]


class Sentence(Struct, kw_only=True):
    """The scores of a sentence; `start` and `end` are offsets in characters."""

    text: str
    start: int
    end: int
    label: str
    score: float
    scores: Scores
    neutral: Annotated[float | UnsetType, Meta(description="Probability that the sentence expresses no emotion.")] = (
        UNSET
    )


class SentencesAnswer(Struct, kw_only=True):
    """The scores of a text, and of each of its sentences."""

    labels: Labels
    label: str
    score: float
    scores: Scores
    neutral: Annotated[
        float | UnsetType,
        Meta(description="The smallest of the sentences' probabilities; missing if the model has no output for it."),
    ] = UNSET
    sentences: list[Sentence]


class LabelScore(Struct):
    """A label and its score."""

    label: str
    score: float


Ranking = Annotated[Sequence[LabelScore], Meta(description="Labels by score, the highest first.")]


class Usage(Struct):
    """Number of tokens in the texts, as OpenAI's API reports it."""

    prompt_tokens: int
    total_tokens: int


class VllmUsage(Usage):
    """The same, as vLLM reports it."""

    completion_tokens: int = 0
    prompt_tokens_details: dict[str, int] | None = None


class InfinityAnswer(Struct):
    """A response of infinity."""

    object: Literal["classify"]
    data: Sequence[Ranking]
    model: str
    usage: Usage
    id: str
    created: int


class Classification(Struct):
    """The probabilities of a text, in the order of the model's labels."""

    index: int
    label: str
    probs: Sequence[float]
    num_classes: int


class VllmAnswer(Struct):
    """A response of vLLM."""

    id: str
    object: Literal["list"]
    created: int
    model: str
    data: list[Classification]
    usage: VllmUsage


class Health(Struct):
    """The state of the process."""

    status: Literal["ok", "ready", "draining"]


class Model(Struct):
    """A model, as OpenAI lists it."""

    id: str
    object: Literal["model"]
    created: Annotated[int, Meta(description="When the server was started, in seconds since 1970.")]
    owned_by: str


class Models(Struct):
    """A list of models, as OpenAI has it."""

    object: Literal["list"]
    data: list[Model]


class Info(Struct):
    """The model and the limits, with the keys that text-embeddings-inference has for them."""

    model_id: str
    served_model_name: str
    model_sha: str | None
    model_dtype: str
    model_type: dict[str, Any]
    max_concurrent_requests: int
    max_input_length: int
    max_batch_tokens: int
    max_batch_requests: int | None
    max_client_batch_size: int
    auto_truncate: bool
    tokenization_workers: int
    version: str
    sha: str | None
    docker_label: str | None
    labels: Labels
    limits: dict[str, float]


# -- errors

TeiErrorType = Literal["Unhealthy", "Backend", "Overloaded", "Validation", "Empty", "Unauthorized"]


class ErrorDetail(Struct):
    """What is wrong."""

    code: str
    message: Annotated[str, Meta(description="What was found, what is allowed, what to do next.")]


class Error(Struct):
    """An error of emoscope's own API."""

    error: ErrorDetail


class HuggingFaceError(Struct):
    """An error of Hugging Face inference."""

    error: str


class TeiError(Struct):
    """An error of text-embeddings-inference."""

    error: str
    error_type: TeiErrorType


class OpenAiErrorDetail(Struct):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: int


class OpenAiError(Struct):
    """An error of infinity and vLLM."""

    error: OpenAiErrorDetail


EXAMPLES: Mapping[type, Any] = MappingProxyType(
    {
        PredictAnswer: {
            "model": "bundled",
            "labels": list(EMOTIONS),
            "label": ["joy"],
            "score": [0.9987],
            "scores": [[0.0007, 0.9987, 0.0004, 0.0001, 0.0001, 0.0001]],
            "prediction_sets": [["joy"]],
            "neutral": [0.03],
            "sets": [["joy"]],
            "clear": [True],
        },
        ExplainAnswer: {
            "explanations": [
                {
                    "text": "i feel happy",
                    "label": "joy",
                    "score": 0.9987,
                    "method": "loo",
                    "words": [{"word": "happy", "start": 7, "end": 12, "weight": 0.29}],
                    "ambiguous": None,
                }
            ]
        },
    }
)
"""Responses for OpenAPI."""
