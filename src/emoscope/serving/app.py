"""The ASGI application: what happens to every request, and what every answer has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import lru_cache
from time import perf_counter

from emoscope.errors import ModelError
from emoscope.protocols import Classifier
from emoscope.serving.dialects import OWN, Dialect
from emoscope.serving.errors import RequestError
from emoscope.serving.keys import ApiKeys
from emoscope.serving.logs import FIELDS, LOGGER
from emoscope.serving.messages import (
    SECURITY,
    DisconnectedError,
    Headers,
    Message,
    Receive,
    Request,
    Response,
    Scope,
    Send,
)
from emoscope.serving.routes import Route, methods_of
from emoscope.serving.service import Service, overloaded
from emoscope.serving.settings import Settings

logger = logging.getLogger(LOGGER)

UNKNOWN = "unknown"
"""The route of a request to nowhere, in metrics."""
PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-key, x-request-id"),
    (b"access-control-max-age", b"600"),
)


def create_app(
    classifier: Classifier, settings: Settings | None = None, *, model: str = "bundled", keys: ApiKeys | None = None
) -> App:
    """The ASGI application that serves a classifier.

    Args:
        classifier: any.
        settings: limits and behaviour; None for the defaults.
        model: how answers call it.
        keys: who is let in; None for everybody.
    """
    return App(Service(classifier, settings or Settings(), model), keys or ApiKeys())


@lru_cache
def _busy(dialect: Dialect) -> Response:
    return dialect.response(overloaded(1))


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


class App:
    """The ASGI application.

    Attributes:
        service: what answers are made of.
        in_flight: what is being answered; a request whose body is still on its way is not, as long as that may take.
    """

    def __init__(self, service: Service, keys: ApiKeys) -> None:
        self.service = service
        self.in_flight: set[object] = set()
        self._settings = service.settings
        self._keys = keys
        self._origins = {origin.encode() for origin in service.settings.cors_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the life of the application."""
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        if scope["type"] != "http":
            raise RuntimeError(f"no {scope['type']} here")
        started = perf_counter()
        request = Request(scope, receive)
        methods = methods_of(request.path) or {}
        route = methods.get("GET" if request.method == "HEAD" else request.method)
        name = route.name if route else next((other.name for other in methods.values()), UNKNOWN)
        try:
            response = await self._answer(request, route, list(methods))
            status = response.status
            await self._send(request, response, send)
        except DisconnectedError:
            status = 499
        seconds = perf_counter() - started
        self.service.answered(name, status, seconds)
        if self._settings.access_log:
            self._log(request, status, seconds)
        return None

    def turn_away(self, scope: Scope) -> tuple[Response, str] | None:
        """What a request is told that comes while so many are being answered that there is no time for it, and its id.

        Our connections ask this before they read a body, which costs a third of a request that comes this far.
        """
        if self.service.has_time(len(self.in_flight)):
            return None
        route = (methods_of(scope["path"]) or {}).get(scope["method"])
        if route is None or not route.scores:
            return None
        self.service.metrics.answered(route.name, 429)
        self.service.metrics.failed("overloaded").inc()
        response = _busy(route.dialect)
        request = Request(scope, _nothing)
        if self._settings.access_log:
            self._log(request, response.status, 0.0)
        if self._origins:
            response = replace(response, headers=(*response.headers, *self._cross_origin(request)))
        return response, request.id

    async def _answer(self, request: Request, route: Route | None, methods: list[str]) -> Response:
        """What the handler says, or the error in the route's dialect."""
        dialect = route.dialect if route else OWN
        try:
            if route is None:
                return self._without_route(request, methods)
            self._admit(request, route)
            return await route.handler(self.service, request)
        except RequestError as error:
            return self._error(request, error, dialect)
        except DisconnectedError:
            raise
        except Exception as error:
            failed = RequestError("internal", "the server failed; its log has the reason")
            failed.__cause__ = error
            return self._error(request, failed, dialect)

    def _admit(self, request: Request, route: Route) -> None:
        """Refuse before anything is read what is not let in, and what there is no time for."""
        if not route.open and not self._keys.admit(request.headers):
            raise RequestError(
                "unauthorized",
                "an API key is needed; send it as 'Authorization: Bearer KEY'",
                ((b"www-authenticate", b"Bearer"),),
            )
        if route.scores:
            if self._is_foreign(request):
                origin = request.headers[b"origin"].decode("latin-1")
                allow = "let them with --cors-origin"
                raise RequestError("foreign_origin", f"pages of {origin:.200} may not ask; {allow}")
            if self.service.draining:
                headers = ((b"retry-after", b"1"), (b"connection", b"close"))
                raise RequestError("draining", "the server is going down; ask again", headers)
            if self.service.batcher.is_full:
                raise overloaded(self.service.batcher.retry_after)

    def _is_foreign(self, request: Request) -> bool:
        """Whether a page of another origin asks, one that is not let in: some it may send without a preflight.

        As Go's `http.CrossOriginProtection` tells it: by Sec-Fetch-Site, where a browser is too old by Origin and Host.
        """
        origin = request.headers.get(b"origin")
        if origin is None or origin in self._origins or b"*" in self._origins:
            return False
        site = request.headers.get(b"sec-fetch-site")
        if site is not None:
            return site not in (b"same-origin", b"none")
        return origin.partition(b"://")[2] != request.headers.get(b"host")

    def _without_route(self, request: Request, methods: list[str]) -> Response:
        if not methods:
            raise RequestError("not_found", f"nothing at {request.path:.200}; /docs has what there is")
        allowed = ", ".join([*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])])
        allow = ((b"allow", allowed.encode()),)
        if request.method == "OPTIONS":
            return Response(b"", 204, headers=(*allow, *(PREFLIGHT if self._origins else ())))
        raise RequestError("method_not_allowed", f"{request.path} takes {allowed}, got {request.method}", allow)

    def _error(self, request: Request, error: RequestError, dialect: Dialect) -> Response:
        self.service.metrics.failed(error.code).inc()
        if error.code == "internal":
            fields = {FIELDS: {"request_id": request.id, "path": request.path}}
            logger.error("a request failed", exc_info=error.__cause__, extra=fields)
        return dialect.response(error)

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        body = response.body
        headers = [
            (b"content-type", response.media_type),
            (b"x-request-id", request.id.encode()),
            *SECURITY,
            *response.headers,
            *self._cross_origin(request),
        ]
        if isinstance(body, bytes) and response.status not in (204, 304):
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body})
        else:
            await self._stream(request, body, send)

    async def _stream(self, request: Request, body: AsyncGenerator[bytes, None], send: Send) -> None:
        """A long answer; where it fails it is broken off, so that nobody takes it for whole."""
        try:
            async with aclosing(body):
                async for part in body:
                    await send({"type": "http.response.body", "body": part, "more_body": True})
        except RequestError as error:
            self._error(request, error, OWN)
            raise DisconnectedError from error
        await send({"type": "http.response.body", "body": b""})

    def _cross_origin(self, request: Request) -> Headers:
        """What lets a page of another origin read the answer, if it is one of those allowed."""
        if not self._origins:
            return ()
        origin = request.headers.get(b"origin", b"")
        if origin not in self._origins and b"*" not in self._origins:
            return ((b"vary", b"origin"),)
        return (
            (b"access-control-allow-origin", b"*" if b"*" in self._origins else origin),
            (b"access-control-expose-headers", b"x-request-id, retry-after"),
            (b"vary", b"origin"),
        )

    def _log(self, request: Request, status: int, seconds: float) -> None:
        fields = {
            "request_id": request.id,
            "method": request.method,
            "path": request.path,
            "status": status,
            "seconds": round(seconds, 6),
            "client": (request.scope.get("client") or [None])[0],
        }
        if self._settings.log_texts and request.texts is not None:
            fields["texts"] = request.texts
        logger.info("request", extra={FIELDS: fields})

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await asyncio.to_thread(self.service.warm_up)
        except ModelError as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.service.close()
        await send({"type": "lifespan.shutdown.complete"})
