"""Handlers of emoscope's own API, of the page, and of the paths that report the server's state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from starlette.responses import Response

from emoscope import __version__
from emoscope.labels import Labels
from emoscope.prediction import MIN_NEUTRAL
from emoscope.protocols import is_multi_label
from emoscope.serving.answers import Health, Info, Model, Models, PredictAnswer, Sentence, SentencesAnswer
from emoscope.serving.checks import check_explained, check_lengths, check_texts, sentence_list
from emoscope.serving.metrics import CONTENT_TYPE
from emoscope.serving.requests import Request
from emoscope.serving.responses import JSONResponse
from emoscope.serving.schemas import ExplainRequest, PredictRequest, SentencesRequest
from emoscope.serving.service import Service
from emoscope.serving.static_files import OPENAPI
from emoscope.timeline import combine, combine_neutral


async def predict(service: Service, request: Request) -> JSONResponse:
    """`POST /v1/predict`: labels and scores of texts, in columns."""
    settings = service.settings
    texts = (await request.json(PredictRequest, settings.max_body_bytes)).texts
    check_texts(texts, "texts", settings)
    rows = await service.rows(request, texts)
    labels = service.labels
    scores, best, prediction_sets, neutral = zip(*rows, strict=True)
    sets = prediction_sets if prediction_sets[0] is not None else None
    knows_neutral = neutral[0] is not None
    return JSONResponse(
        PredictAnswer(
            model=service.model,
            labels=labels,
            label=[labels[index] for index in best],
            score=[row[index] for row, index in zip(scores, best, strict=True)],
            scores=scores,
            prediction_sets=sets,
            neutral=neutral if knows_neutral else None,
            # The names of 0.1, for one release.
            sets=sets,
            clear=[each < MIN_NEUTRAL for each in neutral] if knows_neutral else None,
        )
    )


async def explain(service: Service, request: Request) -> JSONResponse:
    """`POST /v1/explain`: how much each word contributes to the label of its text."""
    settings = service.settings
    body = await request.json(ExplainRequest, settings.max_body_bytes)
    check_texts(body.texts, "texts", settings)
    check_explained(body.texts, body.method, settings)
    explanations = await service.explain(request, body.texts, body.method)
    return JSONResponse({"explanations": [explanation.to_json() for explanation in explanations]})


async def by_sentence(service: Service, request: Request) -> JSONResponse:
    """`POST /v1/sentences`: the scores of each sentence of a text, and of the sentences together."""
    text = (await request.json(SentencesRequest, service.settings.max_body_bytes)).text
    check_lengths([text], "text", service.settings)
    found = sentence_list(text, service.settings)
    rows = await service.rows(request, [sentence.text for sentence in found] or [text])
    scores = np.array([row[0] for row in rows], np.float32)
    multi_label = is_multi_label(service.classifier)
    counts = np.array([len(scores)])
    combined = combine(scores, counts, multi_label=multi_label)[0].tolist()
    neutral = [row[3] for row in rows]
    least = None if neutral[0] is None else float(combine_neutral(np.array(neutral, np.float32), counts)[0])
    scored = [
        Sentence(**sentence._asdict(), **_scored(service, row[0], row[3]))
        for sentence, row in zip(found, rows, strict=False)
    ]
    return JSONResponse(SentencesAnswer(labels=service.labels, **_scored(service, combined, least), sentences=scored))


def _scored(service: Service, scores: Sequence[float], neutral: float | None) -> dict[str, Any]:
    score = max(scores)
    scored = {"label": service.labels[scores.index(score)], "score": score, "scores": scores}
    return scored if neutral is None else scored | {"neutral": neutral}


async def health(service: Service, request: Request) -> JSONResponse:
    """`GET /health`: the process is alive."""
    return JSONResponse(Health("ok"))


async def ready(service: Service, request: Request) -> JSONResponse:
    """`GET /health/ready`: whether the server accepts requests."""
    if service.draining:
        return JSONResponse(Health("draining"), 503)
    return JSONResponse(Health("ready"))


async def page(service: Service, request: Request) -> Response:
    """`GET /`, `GET /docs` and `GET /page/...`: files of the page."""
    names = {"/": "index.html", "/docs": "docs.html"}
    return service.static_files(request, names.get(request.path) or request.path.removeprefix("/page/"))


async def openapi(service: Service, request: Request) -> Response:
    """`GET /openapi.json`: the description of the API."""
    return service.static_files(request, OPENAPI)


async def metrics(service: Service, request: Request) -> Response:
    """`GET /metrics`: the metrics for Prometheus."""
    service.refresh_metrics()
    return Response(service.metrics.exposition(), media_type=CONTENT_TYPE)


async def models(service: Service, request: Request) -> JSONResponse:
    """`GET /v1/models` and `GET /models`: the only model, in the shape of OpenAI's list."""
    model = Model(service.model, "model", service.started_at, "emoscope")
    return JSONResponse(Models("list", [model]))


async def info(service: Service, request: Request) -> JSONResponse:
    """`GET /info`: the model and the limits, with the keys that text-embeddings-inference has for them."""
    names, settings = Labels(service.labels), service.settings
    return JSONResponse(
        Info(
            model_id=service.model,
            served_model_name=service.model,
            model_sha=None,
            model_dtype="float32",
            model_type={"classifier": {"id2label": names.id2label, "label2id": names.label2id}},
            max_concurrent_requests=settings.max_connections,
            max_input_length=settings.max_characters,
            max_batch_tokens=settings.max_batch_tokens,
            max_batch_requests=None,
            max_client_batch_size=settings.max_texts,
            auto_truncate=False,
            tokenization_workers=1,
            version=__version__,
            sha=None,
            docker_label=None,
            labels=names.names,
            limits={
                "body_bytes": settings.max_body_bytes,
                "texts": settings.max_texts,
                "characters": settings.max_characters,
                "explained_texts": settings.max_explained,
                "explained_tokens": settings.max_explained_tokens,
                "waiting_tokens": service.batcher.max_waiting_tokens,
                "requests_in_flight": service.concurrency_limit.max_in_flight,
                "timeout_seconds": settings.timeout,
                "target_latency_seconds": service.batcher.target_latency,
            },
        )
    )
