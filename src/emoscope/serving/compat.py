"""The requests that other servers' clients send, and the answers that they expect.

Whatever name a client gives the model, this server's only model answers. Long texts are read whole, so that to truncate
means to cut what is over the limit of characters, where a text would be refused otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import numpy as np

from emoscope.probabilities import probabilities
from emoscope.protocols import is_multi_label
from emoscope.serving.errors import RequestError
from emoscope.serving.messages import Request, Response, json_response
from emoscope.serving.service import LOGITS, PROBABILITIES, Service
from emoscope.serving.texts import choice, flag, json_object, kind, text_list

HF = '{"inputs": "i feel happy"}'
TEI = '{"inputs": "i feel happy"} or {"inputs": [["i feel happy"], ["i feel sad"]]}'
CLASSIFY = '{"model": "emoscope", "input": ["i feel happy"]}'
FUNCTIONS = ("softmax", "sigmoid", "none")

Scores = Sequence[Sequence[float]]


async def hugging_face(service: Service, request: Request) -> Response:
    """`POST /` and `POST /models/{id}`: text classification of the Hugging Face inference API."""
    body = json_object(await request.json(service.settings.max_body_bytes), HF)
    given = body.get("parameters")
    parameters = {} if given is None else json_object(given, '{"top_k": 2}', "parameters")
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
        got = f"{value!r:.40}" if is_number else kind(value)
        raise RequestError("invalid_request", f"top_k must be a whole number from 1, or null for all, got {got}")
    return int(value)


async def tei(service: Service, request: Request) -> Response:
    """`POST /predict`: text-embeddings-inference."""
    body = json_object(await request.json(service.settings.max_body_bytes), TEI)
    inputs = body.get("inputs")
    batch = isinstance(inputs, list) and bool(inputs) and isinstance(inputs[0], list)
    listed = [_single(value, in_batch=True) for value in inputs or ()] if batch else [_single(inputs)]
    texts = _texts(listed, "inputs", service, flag(body, "truncate"))
    scores = await _scores(service, request, texts, "none" if flag(body, "raw_scores") else None)
    ranked = [_ranked(service, row) for row in scores]
    return json_response(ranked if batch else ranked[0])


def _single(value: Any, *, in_batch: bool = False) -> Any:
    """The text of an input, which may stand in a list of one."""
    if not isinstance(value, list):
        if isinstance(value, str) and not in_batch:
            return value
        raise RequestError("invalid_request", f"inputs must be a text or a list of lists of a text, got {kind(value)}")
    if not value:
        raise RequestError("empty", "inputs is an empty list; give one text at least")
    if len(value) > 1:
        raise RequestError(
            "invalid_request",
            "a list of several texts is a pair here, and this model reads single texts; for several write "
            '[["one"], ["another"]]',
        )
    return value[0]


async def infinity(service: Service, request: Request) -> Response:
    """`POST /classify`: infinity."""
    body = json_object(await request.json(service.settings.max_body_bytes), CLASSIFY)
    if isinstance(body.get("input"), str):
        raise RequestError(
            "invalid_request", "input must be a list of strings, got a string; vLLM's clients ask /v1/classify"
        )
    texts = _texts(body.get("input"), "input", service, False)
    scores = await _scores(service, request, texts, "none" if flag(body, "raw_scores") else None)
    return json_response(
        {
            "object": "classify",
            "data": [_ranked(service, row) for row in scores],
            "model": service.model,
            "usage": _usage(service, texts),
            "id": f"infinity-{uuid4()}",
            "created": int(time.time()),
        }
    )


async def vllm(service: Service, request: Request) -> Response:
    """`POST /v1/classify`: vLLM, whose clients are given this server's address with `/v1` behind it."""
    body = json_object(await request.json(service.settings.max_body_bytes), CLASSIFY)
    given = body.get("input")
    truncate = body.get("truncate_prompt_tokens") is not None
    texts = _texts([given] if isinstance(given, str) else given, "input", service, truncate)
    activations = [flag(body, name, True) for name in ("use_activation", "activation", "softmax")]
    scores = await _scores(service, request, texts, None if all(activations) else "none")
    usage = _usage(service, texts)
    return json_response(
        {
            "id": f"classify-{uuid4().hex}",
            "object": "list",
            "created": int(time.time()),
            "model": service.model,
            "data": [
                {
                    "index": index,
                    "label": service.labels[int(np.argmax(row))],
                    "probs": row,
                    "num_classes": len(row),
                }
                for index, row in enumerate(scores)
            ],
            "usage": {**usage, "completion_tokens": 0, "prompt_tokens_details": None},
        }
    )


def _texts(value: Any, name: str, service: Service, truncate: bool) -> list[str]:
    if truncate and isinstance(value, list):
        most = service.settings.max_characters
        value = [text[:most] if isinstance(text, str) else text for text in value]
    return text_list(value, name, service.settings)


async def _scores(service: Service, request: Request, texts: list[str], function: str | None) -> Scores:
    """What the model says of the texts, as logits, or as the function makes probabilities of them.

    Without one they are the model's own probabilities, those of `/v1/predict`. They are those of "softmax" too, or for
    a model of several labels a text those of "sigmoid".
    """
    multi_label = is_multi_label(service.classifier)
    if function is None or function == ("sigmoid" if multi_label else "softmax"):
        return [scores for scores, *_ in await service.rows(request, texts, score=PROBABILITIES)]
    if not service.has_logits:
        raise RequestError("invalid_request", "this model gives probabilities alone, no logits")
    logits = [scores for scores, *_ in await service.rows(request, texts, score=LOGITS)]
    if function == "none":
        return logits
    array = np.array(logits, np.float32).reshape(len(texts), -1)
    rows: list[list[float]] = probabilities(array, multi_label=function == "sigmoid").tolist()
    return rows


def _ranked(service: Service, row: Sequence[float]) -> list[dict[str, Any]]:
    pairs = sorted(zip(row, service.labels, strict=True), key=lambda pair: -pair[0])
    return [{"label": label, "score": score} for score, label in pairs]


def _usage(service: Service, texts: list[str]) -> dict[str, int]:
    """Tokens of the texts."""
    tokens = service.tokens(texts)
    return {"prompt_tokens": tokens, "total_tokens": tokens}
