"""Requests of every API as msgspec structs: they check bodies, and `openapi.py` describes them.

A field that is `Any` with a schema of its own is checked by its handler. The limits in descriptions are the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from emoscope.serving.settings import Settings

MAX_TEXT = f"Up to {Settings.max_characters:,} characters."
MAX_TEXTS = f"Up to {Settings.max_texts:,} texts of up to {Settings.max_characters:,} characters."
TRUNCATE = "Cut texts that are over the limit of characters, instead of rejecting them."
_TEI_TEXT = {"type": "string", "minLength": 1, "description": MAX_TEXT}
_TEI_ONE = {"type": "array", "items": _TEI_TEXT, "minItems": 1, "maxItems": 1}

Text = Annotated[str, Meta(description=MAX_TEXT)]
Texts = Annotated[list[str], Meta(description=MAX_TEXTS, extra_json_schema={"minItems": 1})]
ExplainedTexts = Annotated[
    list[str], Meta(description=f"Up to {Settings.max_explained} texts.", extra_json_schema={"minItems": 1})
]
TeiInputs = Annotated[
    Any, Meta(extra_json_schema={"oneOf": [_TEI_TEXT, _TEI_ONE, {"type": "array", "items": _TEI_ONE, "minItems": 1}]})
]
TopK = Annotated[
    Any,
    Meta(
        description="Number of labels to return; default: all.",
        extra_json_schema={"type": "integer", "nullable": True, "minimum": 1},
    ),
]
Ignored = Annotated[Any, Meta(description="Ignored.")]
Logits = Annotated[bool | None, Meta(description="Logits instead of probabilities.")]
Truncate = Annotated[bool | None, Meta(description=TRUNCATE)]
Activation = Annotated[bool | UnsetType | None, Meta(description="False for logits.")]
ModelName = Annotated[Any, Meta(description="Any name; it is ignored.")]


class PredictRequest(Struct, forbid_unknown_fields=True):
    """Texts to score."""

    texts: Texts


class ExplainRequest(Struct, forbid_unknown_fields=True):
    """Texts to explain."""

    texts: ExplainedTexts
    method: Literal["loo", "shapley"] = "loo"


class SentencesRequest(Struct, forbid_unknown_fields=True):
    """A text to score sentence by sentence."""

    text: Text


class HuggingFaceParameters(Struct, forbid_unknown_fields=True):
    """The keywords of a call of the pipeline."""

    top_k: TopK = None
    function_to_apply: Annotated[
        Literal["softmax", "sigmoid", "none"] | None,
        Meta(description="`none` for logits; default: the model's own probabilities."),
    ] = None
    return_all_scores: Annotated[Any, Meta(description="Ignored: all scores are returned unless `top_k` is given.")] = (
        None
    )
    batch_size: Ignored = None
    max_length: Annotated[Any, Meta(description="Ignored: texts are read whole.")] = None
    num_workers: Ignored = None
    padding: Ignored = None
    truncate: Truncate = None
    truncation: Truncate = None


class HuggingFaceRequest(Struct):
    """A request to Hugging Face inference."""

    inputs: Text | Texts
    parameters: HuggingFaceParameters | None = None


class TeiRequest(Struct):
    """A request to text-embeddings-inference."""

    inputs: TeiInputs
    raw_scores: Logits = None
    truncate: Truncate = None


class VllmRequest(Struct):
    """A request to vLLM; `use_activation` has had three names."""

    input: Text | Texts
    model: ModelName = None
    use_activation: Activation = UNSET
    activation: Activation = UNSET
    softmax: Activation = UNSET
    truncate_prompt_tokens: Annotated[
        Any, Meta(description="If present, texts that are over the limit of characters are cut.")
    ] = UNSET
    truncation_side: Ignored = UNSET
    add_special_tokens: Ignored = UNSET
    priority: Ignored = UNSET
    user: Ignored = UNSET

    @property
    def is_of_vllm(self) -> bool:
        """Whether infinity would not take it: it has a string, or a field that only vLLM has."""
        of_vllm = (
            *(self.use_activation, self.activation, self.softmax, self.truncate_prompt_tokens),
            *(self.truncation_side, self.add_special_tokens, self.priority, self.user),
        )
        return isinstance(self.input, str) or any(value is not UNSET for value in of_vllm)


class ClassifyRequest(VllmRequest):
    """A request to infinity, or to vLLM."""

    raw_scores: Logits = None


class ScoreQuery(Struct, forbid_unknown_fields=True):
    """The query of `/v1/score`."""

    text_column: Annotated[
        str,
        Meta(
            description="Name of the column with the texts; for a CSV without a header its number, from 0.",
            examples=["review"],
            extra_json_schema={"minLength": 1},
        ),
    ]
    columns: Annotated[
        str | None,
        Meta(description="Columns to add, separated by commas; default: all.", examples=["emotion,emotion_score"]),
    ] = None
    neutral: Annotated[
        Literal["column", "label"],
        Meta(
            description="With `label`, `emotion` is `neutral`, and `emotion_score` the probability of it, where that "
            "is at least 0.5; with `column`, `emotion` is always a label."
        ),
    ] = "column"
    format: Annotated[
        Literal["csv", "jsonl"] | None, Meta(description="`csv` or `jsonl`; default: as the Content-Type says.")
    ] = None
    allow_rejected: Annotated[
        Literal["true", "false"],
        Meta(description="Whether to return a table of whose first 256 rows more than half cannot be read."),
    ] = "false"


EXAMPLES: Mapping[type, tuple[Any, ...]] = MappingProxyType(
    {
        PredictRequest: ({"texts": ["i feel so happy today", "why would you do that to me"]},),
        ExplainRequest: ({"texts": ["i feel so happy today"], "method": "loo"},),
        SentencesRequest: ({"text": "I was sad. Now I am so happy!"},),
        HuggingFaceRequest: (
            {"inputs": "i feel so happy today"},
            {"inputs": ["i feel so happy", "why would you do that"], "parameters": {"top_k": 2}},
        ),
        HuggingFaceParameters: ({"top_k": 2},),
        TeiRequest: (
            {"inputs": "i feel so happy today"},
            {"inputs": [["i feel so happy"], ["why would you do that"]]},
        ),
        VllmRequest: ({"model": "emoscope", "input": ["i feel so happy today"]},),
        ClassifyRequest: ({"model": "emoscope", "input": ["i feel so happy today"]},),
    }
)
"""Valid requests, for messages and for OpenAPI."""
