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
from msgspec import UNSET

from emoscope.pipeline import apply_function, function_name
from emoscope.protocols import is_multi_label
from emoscope.serving.answers import Classification, InfinityAnswer, LabelScore, Usage, VllmAnswer, VllmUsage
from emoscope.serving.checks import check_texts
from emoscope.serving.decoding import json_type
from emoscope.serving.errors import RequestError
from emoscope.serving.requests import Request
from emoscope.serving.responses import JSONResponse
from emoscope.serving.schemas import ClassifyRequest, HuggingFaceParameters, HuggingFaceRequest, TeiRequest, VllmRequest
from emoscope.serving.service import LOGITS, PROBABILITIES, Service
from emoscope.text import expanded_size

Scores = Sequence[Sequence[float]]


async def hugging_face(service: Service, request: Request) -> JSONResponse:
    """`POST /` and `POST /models/{id}`: text classification of the Hugging Face inference API."""
    body = await request.json(HuggingFaceRequest, service.settings.max_body_bytes)
    parameters = body.parameters or HuggingFaceParameters()
    truncate = bool(parameters.truncation or parameters.truncate)
    texts = _texts(body.inputs, "inputs", service, truncate)
    top_k = _top_k(parameters.top_k)
    scores = await _scores(service, request, texts, parameters.function_to_apply)
    return JSONResponse([_ranked(service, row)[:top_k] for row in scores])


def _top_k(value: Any) -> int | None:
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or value < 1 or (isinstance(value, float) and not value.is_integer()):
        got = f"{value!r:.40}" if is_number else json_type(value)
        raise RequestError("invalid_request", f"top_k must be a positive whole number, or null for all; got {got}")
    return int(value)


async def tei(service: Service, request: Request) -> JSONResponse:
    """`POST /predict`: text-embeddings-inference."""
    body = await request.json(TeiRequest, service.settings.max_body_bytes)
    inputs = body.inputs
    is_batch = isinstance(inputs, list) and bool(inputs) and isinstance(inputs[0], list)
    texts = [_single(value, f"inputs[{i}]") for i, value in enumerate(inputs)] if is_batch else [_single(inputs)]
    if "" in texts:
        raise RequestError("empty", "inputs has an empty text; leave it out, or send a text")
    texts = _texts(texts, "inputs", service, bool(body.truncate))
    scores = await _scores(service, request, texts, "none" if body.raw_scores else None)
    ranked = [_ranked(service, row) for row in scores]
    return JSONResponse(ranked if is_batch else ranked[0])


def _single(value: Any, place: str | None = None) -> str:
    """The text of an input, which may be in a list of one; `place` is where it is in a batch."""
    if not isinstance(value, list):
        if isinstance(value, str) and place is None:
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
    if not isinstance(value[0], str):
        raise RequestError("invalid_request", f"{place or 'inputs[0]'} must be a string, got {json_type(value[0])}")
    return value[0]


async def classify(service: Service, request: Request) -> JSONResponse:
    """`POST /classify`, a path of both infinity and vLLM.

    A string, which infinity does not take, or a field of vLLM alone gets the response of vLLM.
    """
    body = await request.json(ClassifyRequest, service.settings.max_body_bytes)
    return await (_vllm if body.is_of_vllm else _infinity)(service, request, body)


async def _infinity(service: Service, request: Request, body: ClassifyRequest) -> JSONResponse:
    texts = _texts(body.input, "input", service, False)
    scores = await _scores(service, request, texts, "none" if body.raw_scores else None)
    return JSONResponse(
        InfinityAnswer(
            object="classify",
            data=[_ranked(service, row) for row in scores],
            model=service.model,
            usage=Usage(*await _usage(service, texts)),
            id=f"infinity-{uuid4()}",
            created=int(time.time()),
        )
    )


async def vllm(service: Service, request: Request) -> JSONResponse:
    """`POST /v1/classify`: vLLM, whose clients get this server's address with `/v1` appended."""
    return await _vllm(service, request, await request.json(VllmRequest, service.settings.max_body_bytes))


async def _vllm(service: Service, request: Request, body: VllmRequest) -> JSONResponse:
    texts = _texts(body.input, "input", service, body.truncate_prompt_tokens not in (None, UNSET))
    has_activation = False not in (body.use_activation, body.activation, body.softmax)
    scores = await _scores(service, request, texts, None if has_activation else "none")
    return JSONResponse(
        VllmAnswer(
            id=f"classify-{uuid4().hex}",
            object="list",
            created=int(time.time()),
            model=service.model,
            data=[
                Classification(index, service.labels[int(np.argmax(row))], row, len(row))
                for index, row in enumerate(scores)
            ],
            usage=VllmUsage(*await _usage(service, texts)),
        )
    )


def _texts(value: str | list[str], name: str, service: Service, truncate: bool) -> list[str]:
    """The texts of an input within the limits, cut to them if the client asks for that."""
    texts = [value] if isinstance(value, str) else value
    if truncate:
        texts = [_truncated(text, service.settings.max_characters) for text in texts]
    check_texts(texts, name, service.settings)
    return texts


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


def _ranked(service: Service, row: Sequence[float]) -> list[LabelScore]:
    pairs = sorted(zip(row, service.labels, strict=True), key=lambda pair: -pair[0])
    return [LabelScore(label, score) for score, label in pairs]


async def _usage(service: Service, texts: list[str]) -> tuple[int, int]:
    """Number of tokens in the texts, and of all tokens: there are no others."""
    tokens = await service.count_tokens(texts)
    return tokens, tokens
