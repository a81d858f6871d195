"""The handler of each path and method, the API whose error format it uses, and whether it needs an API key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from starlette.responses import Response

from emoscope.serving import compat, handlers
from emoscope.serving.errors import EMOSCOPE, HUGGING_FACE, OPENAI, TEI, ErrorFormat
from emoscope.serving.requests import Request
from emoscope.serving.score import score
from emoscope.serving.service import Service

Handler = Callable[[Service, Request], Awaitable[Response]]


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        handler: returns the response.
        name: label of the path in the metrics.
        error_format: how its API reports errors.
        scores: whether it uses the model, so that it is refused when the server is busy or shutting down.
        is_public: whether it needs no API key.
    """

    handler: Handler
    name: str
    error_format: ErrorFormat = EMOSCOPE
    scores: bool = False
    is_public: bool = False


def _scoring(name: str, handler: Handler, error_format: ErrorFormat = EMOSCOPE) -> Mapping[str, Operation]:
    return {"POST": Operation(handler, name, error_format, scores=True)}


def _get(name: str, handler: Handler, *, is_public: bool = True) -> Mapping[str, Operation]:
    return {"GET": Operation(handler, name, is_public=is_public)}


MODELS = "/models/{model:path}"
"""The name of a model may contain slashes."""
PAGE = "/page/{file:path}"

ROUTES: Mapping[str, Mapping[str, Operation]] = MappingProxyType(
    {
        "/v1/predict": _scoring("/v1/predict", handlers.predict),
        "/": {**_get("/", handlers.page), **_scoring("/", compat.hugging_face, HUGGING_FACE)},
        MODELS: _scoring("/models/{model}", compat.hugging_face, HUGGING_FACE),
        "/predict": _scoring("/predict", compat.tei, TEI),
        "/classify": _scoring("/classify", compat.classify, OPENAI),
        "/v1/classify": _scoring("/v1/classify", compat.vllm, OPENAI),
        "/v1/explain": _scoring("/v1/explain", handlers.explain),
        "/v1/sentences": _scoring("/v1/sentences", handlers.by_sentence),
        "/v1/score": _scoring("/v1/score", score),
        "/health": _get("/health", handlers.health),
        "/health/ready": _get("/health/ready", handlers.ready),
        "/models": _get("/models", handlers.models, is_public=False),
        "/v1/models": _get("/v1/models", handlers.models, is_public=False),
        "/info": _get("/info", handlers.info, is_public=False),
        "/metrics": _get("/metrics", handlers.metrics, is_public=False),
        "/openapi.json": _get("/openapi.json", handlers.openapi),
        "/docs": _get("/docs", handlers.page),
        PAGE: _get("/page/{file}", handlers.page),
    }
)
"""The operations of each path by method; Starlette tries the paths in this order."""
