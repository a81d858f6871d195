"""Which handler answers what, in which dialect, and who may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from emoscope.serving import compat, handlers
from emoscope.serving.dialects import HUGGING_FACE, OPENAI, OWN, TEI, Dialect
from emoscope.serving.messages import Request, Response
from emoscope.serving.score import score
from emoscope.serving.service import Service

Handler = Callable[[Service, Request], Awaitable[Response]]


@dataclass(frozen=True)
class Route:
    """What answers one method of one path.

    Attributes:
        handler: gives the answer.
        name: of the path, in metrics.
        dialect: of its errors.
        scores: whether it asks the model, and is refused when the server is busy or going down.
        open: whether it needs no API key.
    """

    handler: Handler
    name: str
    dialect: Dialect = OWN
    scores: bool = False
    open: bool = False


def _scoring(name: str, handler: Handler, dialect: Dialect = OWN) -> Route:
    return Route(handler, name, dialect, scores=True)


MODELS = "/models/"
"""Behind it stands the name of a model, which may hold slashes."""
PAGE = "/page/"

ROUTES: Mapping[str, Mapping[str, Route]] = MappingProxyType(
    {
        "/": {
            "GET": Route(handlers.page, "/", open=True),
            "POST": _scoring("/", compat.hugging_face, HUGGING_FACE),
        },
        MODELS: {"POST": _scoring("/models/{model}", compat.hugging_face, HUGGING_FACE)},
        "/predict": {"POST": _scoring("/predict", compat.tei, TEI)},
        "/classify": {"POST": _scoring("/classify", compat.infinity, OPENAI)},
        "/v1/classify": {"POST": _scoring("/v1/classify", compat.vllm, OPENAI)},
        "/v1/predict": {"POST": _scoring("/v1/predict", handlers.predict)},
        "/v1/explain": {"POST": _scoring("/v1/explain", handlers.explain)},
        "/v1/sentences": {"POST": _scoring("/v1/sentences", handlers.by_sentence)},
        "/v1/score": {"POST": _scoring("/v1/score", score)},
        "/health": {"GET": Route(handlers.health, "/health", open=True)},
        "/health/ready": {"GET": Route(handlers.ready, "/health/ready", open=True)},
        "/info": {"GET": Route(handlers.info, "/info")},
        "/metrics": {"GET": Route(handlers.metrics, "/metrics")},
        "/openapi.json": {"GET": Route(handlers.openapi, "/openapi.json", open=True)},
        "/docs": {"GET": Route(handlers.page, "/docs", open=True)},
        PAGE: {"GET": Route(handlers.page, "/page/{file}", open=True)},
    }
)


def methods_of(path: str) -> Mapping[str, Route] | None:
    """The routes of a path by method; None where there is nothing."""
    found = ROUTES.get(path)
    if found and not path.endswith(("models/", "page/")):
        return found
    prefix = next((prefix for prefix in (MODELS, PAGE) if path.startswith(prefix) and path != prefix), None)
    return ROUTES[prefix] if prefix else None
