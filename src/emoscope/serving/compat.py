"""The APIs of other servers, so that their clients work here unchanged.

Any model name in a request is accepted; the server's only model answers. Long texts are read whole, so there is nothing
to truncate: where a client asks for truncation, texts over the limit of characters are cut instead of rejected.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np

from emoscope.pipeline import FUNCTIONS, KEYWORDS, apply_function, function_name
from emoscope.protocols import is_multi_label
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request
from emoscope.serving.responses import Response, json_response
from emoscope.serving.schemas import choice, flag, json_body, json_object, json_type, known_fields, text_list
from emoscope.serving.service import LOGITS, PROBABILITIES, Service
from emoscope.text import expanded_size

HUGGING_FACE = '{"inputs": "i feel happy"}'
TEI = '{"inputs": "i feel happy"} or {"inputs": [["i feel happy"], ["i feel sad"]]}'
CLASSIFY = '{"model": "emoscope", "input": ["i feel happy"]}'
ACTIVATIONS = ("use_activation", "activation", "softmax")
"""Names of one field in several versions of vLLM."""
VLLM_FIELDS = {*ACTIVATIONS, "truncate_prompt_tokens", "truncation_side", "add_special_tokens", "priority", "user"}
"""Fields of vLLM's requests that infinity does not have."""

Scores = Sequence[Sequence[float]]


async def hugging_face(service: Service, request: Request) -> Response:
    """`POST /` and `POST /models/{id}`: text classification of the Hugging Face inference API."""
    body = await json_body(request, service.settings, HUGGING_FACE)
    parameters = body.get("parameters")
    parameters = {} if parameters is None else json_object(parameters, '{"top_k": 2}', "parameters")
    known_fields(parameters, *KEYWORDS, "truncate")
    inputs = body.get("inputs")
    truncate = flag(parameters, "truncation") or flag(parameters, "truncate")
    texts = _texts([inputs] if isinstance(inputs, str) else inputs, "inputs", service, truncate)
    top_k = _top_k(parameters.get("top_k"))
    function = parameters.get("function_to_apply")
    function = None if function is None else choice(function, "function_to_apply", FUNCTIONS)
    scores = await _scores(service, request, texts, function)
    return json_response([_ranked(service, row)[:top_k] for row in scores])


def _top_k(value: Any) -> int | None:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value < 1 or (isinstance(value, float) and not value.is_integer()):
        got = f"{value!r:.40}" if is_number else json_type(value)
        raise RequestError("invalid_request", f"top_k must be a positive whole number, or null for all; got {got}")
    return int(value)


async def tei(service: Service, request: Request) -> Response:
    """`POST /predict`: text-embeddings-inference."""
    body = await json_body(request, service.settings, TEI)
    inputs = body.get("inputs")
    is_batch = isinstance(inputs, list) and bool(inputs) and isinstance(inputs[0], list)
    values = [_single(value, in_batch=True) for value in inputs or ()] if is_batch else [_single(inputs)]
    if "" in values:
        raise RequestError("empty", "inputs has an empty text; leave it out, or send a text")
    texts = _texts(values, "inputs", service, flag(body, "truncate"))
    scores = await _scores(service, request, texts, "none" if flag(body, "raw_scores") else None)
    ranked = [_ranked(service, row) for row in scores]
    return json_response(ranked if is_batch else ranked[0])


def _single(value: Any, *, in_batch: bool = False) -> Any:
    """The text of an input, which may be in a list of one."""
    if not isinstance(value, list):
        if isinstance(value, str) and not in_batch:
            return value
        raise RequestError(
            "invalid_request",
            f'inputs must be a string or a list of lists of one string, got {json_type(value)}; write "one" or '
            '[["one"], ["another"]]',
        )
    if not value:
        raise RequestError("empty", "inputs is an empty list; send at least one text")
    if len(value) > 1:
        raise RequestError(
            "invalid_request",
            "a list of several texts is a pair in this API, and the model reads single texts; for several texts write "
            '[["one"], ["another"]]',
        )
    return value[0]


async def classify(service: Service, request: Request) -> Response:
    """`POST /classify`, a path of both infinity and vLLM.

    A string, which infinity does not take, or a field of vLLM alone gets the response of vLLM.
    """
    body = await json_body(request, service.settings, CLASSIFY)
    is_vllm = isinstance(body.get("input"), str) or not VLLM_FIELDS.isdisjoint(body)
    return await (_vllm if is_vllm else _infinity)(service, request, body)


async def _infinity(service: Service, request: Request, body: dict[str, Any]) -> Response:
    texts = _texts(body.get("input"), "input", service, False)
    scores = await _scores(service, request, texts, "none" if flag(body, "raw_scores") else None)
    return json_response(
        {
            "object": "classify",
            "data": [_ranked(service, row) for row in scores],
            "model": service.model,
            "usage": await _usage(service, texts),
            "id": f"infinity-{uuid4()}",
            "created": int(time.time()),
        }
    )


async def vllm(service: Service, request: Request) -> Response:
    """`POST /v1/classify`: vLLM, whose clients get this server's address with `/v1` appended."""
    return await _vllm(service, request, await json_body(request, service.settings, CLASSIFY))


async def _vllm(service: Service, request: Request, body: dict[str, Any]) -> Response:
    value = body.get("input")
    truncate = body.get("truncate_prompt_tokens") is not None
    texts = _texts([value] if isinstance(value, str) else value, "input", service, truncate)
    activations = [flag(body, name, True) for name in ACTIVATIONS]
    scores = await _scores(service, request, texts, None if all(activations) else "none")
    return json_response(
        {
            "id": f"classify-{uuid4().hex}",
            "object": "list",
            "created": int(time.time()),
            "model": service.model,
            "data": [
                {"index": index, "label": service.labels[int(np.argmax(row))], "probs": row, "num_classes": len(row)}
                for index, row in enumerate(scores)
            ],
            "usage": await _usage(service, texts) | {"completion_tokens": 0, "prompt_tokens_details": None},
        }
    )


def _texts(value: Any, name: str, service: Service, truncate: bool) -> list[str]:
    if truncate and isinstance(value, list):
        limit = service.settings.max_characters
        value = [_truncated(text, limit) if isinstance(text, str) else text for text in value]
    return text_list(value, name, service.settings)


def _truncated(text: str, limit: int) -> str:
    """The beginning of a text, with at most so many characters once all of them are written out."""
    while (size := expanded_size(text).characters) > limit:
        text = text[: len(text) * limit // size]
    return text


async def _scores(service: Service, request: Request, texts: list[str], function: str | None) -> Scores:
    """Scores of the texts: the model's logits, or what a function turns them into.

    Without a function they are the model's own probabilities, those of `/v1/predict`. So they are with "softmax", or
    with "sigmoid" for a multi-label model.
    """
    name = function_name(function, multi_label=is_multi_label(service.classifier))
    if name is None:
        return [scores for scores, *_ in await service.rows(request, texts, scorer=PROBABILITIES)]
    if not service.has_logits:
        raise RequestError("invalid_request", "this model has only probabilities, no logits; request probabilities")
    logits = [scores for scores, *_ in await service.rows(request, texts, scorer=LOGITS)]
    rows: Scores = apply_function(name, np.array(logits, np.float32).reshape(len(texts), -1)).tolist()
    return rows


def _ranked(service: Service, row: Sequence[float]) -> list[dict[str, Any]]:
    pairs = sorted(zip(row, service.labels, strict=True), key=lambda pair: -pair[0])
    return [{"label": label, "score": score} for score, label in pairs]


async def _usage(service: Service, texts: list[str]) -> dict[str, int]:
    """Number of tokens in the texts, as OpenAI's API reports it."""
    tokens = await service.count_tokens(texts)
    return {"prompt_tokens": tokens, "total_tokens": tokens}
