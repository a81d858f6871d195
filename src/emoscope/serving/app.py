"""The ASGI application: which handler answers what, and what every answer has."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Mapping

from emoscope.classifier import Classifier
from emoscope.serving import handlers
from emoscope.serving.batching import Observer
from emoscope.serving.errors import STATUS, RequestError
from emoscope.serving.messages import (
    SECURITY,
    DisconnectedError,
    Receive,
    Request,
    Response,
    Scope,
    Send,
    error_body,
)
from emoscope.serving.pages import Pages
from emoscope.serving.service import Service, overloaded
from emoscope.serving.settings import Settings

logger = logging.getLogger("emoscope.serving")

Handler = Callable[[Service, Request], Awaitable[Response]]


def create_app(classifier: Classifier, settings: Settings | None = None, *, model: str = "bundled") -> App:
    """The ASGI application that serves a classifier.

    Args:
        classifier: any.
        settings: limits and behaviour; None for the defaults.
        model: how answers call it.
    """
    return App(classifier, settings or Settings(), model)


class App:
    """The ASGI application."""

    def __init__(self, classifier: Classifier, settings: Settings, model: str) -> None:
        self.service = Service(classifier, settings, model, Observer())
        self._pages = Pages()
        self._routes: Mapping[str, Mapping[str, Handler]] = {
            "/": {"GET": self._page("index.html")},
            "/docs": {"GET": self._page("docs.html")},
            "/v1/predict": {"POST": handlers.predict},
            "/v1/explain": {"POST": handlers.explain},
            "/v1/sentences": {"POST": handlers.by_sentence},
            "/health": {"GET": handlers.health},
            "/health/ready": {"GET": handlers.ready},
            "/info": {"GET": handlers.info},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RequestError as problem:
            if problem.code == "internal":
                logger.error("%s", problem.message, exc_info=problem.__cause__)
            response = self._problem(problem)
        except DisconnectedError:
            return None
        except Exception:
            logger.exception("request %s failed", request.id)
            response = self._problem(RequestError("internal", "the server failed; the log has the reason"))
        await self._send(request, response, send)
        return None

    async def _answer(self, request: Request) -> Response:
        methods = self._routes.get(request.path)
        if methods is None:
            if request.path.startswith("/page/"):
                return self._pages(request, request.path.removeprefix("/page/"))
            raise RequestError("not_found", f"nothing at {request.path}; see /docs")
        method = "GET" if request.method == "HEAD" else request.method
        handler = methods.get(method)
        if handler is None:
            allowed = ", ".join(methods)
            raise RequestError(
                "method_not_allowed",
                f"{request.path} takes {allowed}, got {request.method}",
                ((b"allow", allowed.encode()),),
            )
        if method == "POST":
            if self.service.draining:
                raise RequestError(
                    "draining", "the server is going down; ask another one", ((b"connection", b"close"),)
                )
            if self.service.batcher.is_full:
                raise overloaded(self.service.batcher.retry_after)
        return await handler(self.service, request)

    def _page(self, name: str) -> Handler:
        async def page(_: Service, request: Request) -> Response:
            return self._pages(request, name)

        return page

    def _problem(self, problem: RequestError) -> Response:
        body = error_body(problem.code, problem.message)
        return Response(body, STATUS[problem.code], headers=problem.headers)

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        body = response.body
        assert isinstance(body, bytes)
        headers = [
            (b"content-type", response.media_type),
            (b"content-length", b"%d" % len(body)),
            (b"x-request-id", request.id.encode()),
            *SECURITY,
            *response.headers,
        ]
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await asyncio.to_thread(self.service.warm_up)
        gc.collect()
        gc.freeze()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.service.close()
        await send({"type": "lifespan.shutdown.complete"})
