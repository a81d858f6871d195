"""The ASGI application: routing, admission, errors, response headers and the access log of every request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from time import perf_counter

from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from emoscope.protocols import Classifier
from emoscope.serving.api_keys import ApiKeys, sent_key
from emoscope.serving.errors import EMOSCOPE, ErrorFormat, RequestError
from emoscope.serving.logs import FIELDS, LOGGER
from emoscope.serving.memory_budget import MemoryBudget
from emoscope.serving.requests import DisconnectedError, Request
from emoscope.serving.responses import RawHeaders, common_headers
from emoscope.serving.routes import ROUTES, Operation
from emoscope.serving.service import Service, overloaded
from emoscope.serving.settings import Settings

logger = logging.getLogger(LOGGER)

UNKNOWN_ROUTE = "unknown"
"""Label in the metrics for requests to paths that do not exist."""
CLIENT_CLOSED_REQUEST = 499
"""Status in metrics and log when the client disconnects before its response is complete, as nginx has it."""
MAX_UNSENT_BYTES = 64 * 1024 * 1024
"""Maximum memory of responses that clients do not read; beyond it, connections that have waited longest are closed."""
MAX_BODIES_BYTES = 64 * 1024 * 1024
"""Maximum memory of the bodies of all requests together, except those that arrive at once; a body beyond it is 429."""
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "authorization, content-encoding, content-type, x-api-key, x-request-id",
    "access-control-max-age": "600",
}


def create_app(
    classifier: Classifier, settings: Settings | None = None, *, model: str = "bundled", keys: ApiKeys | None = None
) -> App:
    """The ASGI application that serves a classifier.

    Args:
        classifier: any classifier.
        settings: limits and behaviour; None for the defaults.
        model: name of the model in responses.
        keys: accepted API keys; None to accept every client.
    """
    return App(Service(classifier, settings or Settings(), model), keys or ApiKeys())


@lru_cache
def _busy(error_format: ErrorFormat) -> Response:
    return error_format.response(overloaded(1))


async def _no_body() -> Message:
    return {"type": "http.disconnect"}


def _route_name(operations: Mapping[str, Operation]) -> str:
    return next((operation.name for operation in operations.values()), UNKNOWN_ROUTE)


class _Path:
    """The ASGI application of a path: Starlette's router calls it, and passes requests for all methods."""

    def __init__(self, app: App, operations: Mapping[str, Operation]) -> None:
        self._app, self._operations = app, operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"scope type {scope['type']!r} is not supported; this application speaks HTTP only")
        is_empty = "" in scope.get("path_params", {}).values()
        await self._app.serve({} if is_empty else self._operations, scope, receive, send)


class App:
    """The ASGI application.

    Attributes:
        service: the classifier and everything the handlers share.
        in_flight: requests that are being answered; a request counts only once its body is complete.
        unsent: memory of responses that clients do not read, and of requests that wait for them.
        bodies: memory of the bodies of requests.
    """

    def __init__(self, service: Service, keys: ApiKeys) -> None:
        self.service = service
        self.in_flight: set[object] = set()
        self.unsent = MemoryBudget(MAX_UNSENT_BYTES)
        self.bodies = MemoryBudget(max(MAX_BODIES_BYTES, service.settings.max_body_bytes))
        self._log_texts = service.settings.log_texts
        self._logs_requests = service.settings.access_log or self._log_texts
        self._keys = keys
        self._hosts = {host.lower().encode() for host in service.settings.allowed_hosts}
        self._origins = {origin.encode() for origin in service.settings.cors_origins}
        self._routes = [(Route(path, _Path(self, operations)), operations) for path, operations in ROUTES.items()]
        self._router = Router(
            [route for route, _ in self._routes],
            redirect_slashes=False,
            default=_Path(self, {}),
            lifespan=self._lifespan,
        )
        self._asgi: ASGIApp = self._router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or start and stop with the server."""
        await self._asgi(scope, receive, send)

    def wrap(self, middleware: Callable[[ASGIApp], ASGIApp]) -> None:
        """Let a middleware have every request first."""
        self._asgi = middleware(self._asgi)

    def route_name(self, scope: Scope) -> str:
        """Label of the path of a request, as in the metrics."""
        return _route_name(self._operations(scope))

    def _operations(self, scope: Scope) -> Mapping[str, Operation]:
        found = (operations for route, operations in self._routes if route.matches(scope)[0] is not Match.NONE)
        return next(found, {})

    @asynccontextmanager
    async def _lifespan(self, _: object) -> AsyncIterator[None]:
        await asyncio.to_thread(self.service.warm_up)
        yield
        self.service.close()

    async def serve(self, operations: Mapping[str, Operation], scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request to a path with these operations, by method."""
        started = perf_counter()
        request = Request(scope, receive, self.bodies)
        operation = operations.get("GET" if request.method == "HEAD" else request.method)
        name = _route_name(operations)
        try:
            response = await self._respond(request, operation, list(operations))
            status = response.status_code
            await self._send(request, response, send)
        except DisconnectedError:
            status = CLIENT_CLOSED_REQUEST
        finally:
            self.bodies.hold(request, 0)
        seconds = perf_counter() - started
        self.service.count_response(name, status, seconds)
        if self._logs_requests:
            self._log(request, status, seconds)

    def shed_load(self, scope: Scope) -> tuple[Response, RawHeaders] | None:
        """The 429 response and its headers for a request that would exceed the limit in flight; None if it fits.

        The connection asks before it reads the body, which costs a third of running the application.
        """
        if self.service.concurrency_limit.has_room(len(self.in_flight)):
            return None
        operation = self._operations(scope).get(scope["method"])
        if operation is None or not operation.scores:
            return None
        self.service.metrics.count_response(operation.name, 429)
        self.service.metrics.errors("overloaded").inc()
        response = _busy(operation.error_format)
        request = Request(scope, _no_body)
        if self._logs_requests:
            self._log(request, response.status_code, 0.0)
        return response, self._headers(request, response)

    def _headers(self, request: Request, response: Response) -> RawHeaders:
        """All headers of a response."""
        return (*response.raw_headers, *common_headers(request.id), *self._cors_headers(request))

    async def _respond(self, request: Request, operation: Operation | None, methods: list[str]) -> Response:
        """The handler's response, or the error in the format of the operation's API."""
        error_format = operation.error_format if operation else EMOSCOPE
        try:
            self._check_host(request)
            if operation is None:
                return self._without_operation(request, methods)
            self._admit(request, operation)
            return await operation.handler(self.service, request)
        except RequestError as error:
            return self._error(request, error, error_format)
        except (DisconnectedError, asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # the panic of a tokenizer is no Exception
            internal = RequestError("internal", "the server failed; see its log for the reason")
            internal.__cause__ = error
            return self._error(request, internal, error_format)

    def _check_host(self, request: Request) -> None:
        """Reject a request for a name that is not allowed: a web page can point its own name at this machine."""
        host = request.headers.get(b"host")
        if host is None or not self._hosts or b"*" in self._hosts:
            return
        name = host.lower().rpartition(b"]")[0] + b"]" if host.startswith(b"[") else host.lower().partition(b":")[0]
        if name.rstrip(b".") not in self._hosts:
            shown = host.decode("latin-1")
            raise RequestError("foreign_host", f"the Host {shown!r:.200} is not allowed; allow it with --allowed-host")

    def _admit(self, request: Request, operation: Operation) -> None:
        """Reject, before the body is read, a request that is not allowed or for which there is no capacity."""
        if not operation.is_public and not self._keys.accepts(request.headers):
            raise RequestError(
                "unauthorized",
                "unknown API key; check it, or ask for one whose hash this server has"
                if sent_key(request.headers)
                else "an API key is needed; send it as 'Authorization: Bearer KEY'",
                {"www-authenticate": "Bearer"},
            )
        if operation.scores:
            if self._is_cross_origin(request):
                origin = request.headers[b"origin"].decode("latin-1")
                raise RequestError(
                    "foreign_origin", f"pages of {origin:.200} may not use this server; allow them with --cors-origin"
                )
            if self.service.draining:
                headers = {"retry-after": "1", "connection": "close"}
                raise RequestError("draining", "the server is shutting down; try again", headers)
            if self.service.batcher.is_full:
                raise overloaded(self.service.batcher.retry_after)

    def _is_cross_origin(self, request: Request) -> bool:
        """Whether a page of another origin, one that is not allowed, sent the request; some need no preflight.

        Decided as Go's `http.CrossOriginProtection` does: by Sec-Fetch-Site, or in older browsers by Origin and Host.
        """
        origin = request.headers.get(b"origin")
        if origin is None or origin in self._origins or b"*" in self._origins:
            return False
        site = request.headers.get(b"sec-fetch-site")
        if site is not None:
            return site not in (b"same-origin", b"none")
        return origin.partition(b"://")[2] != request.headers.get(b"host")

    def _without_operation(self, request: Request, methods: list[str]) -> Response:
        if not methods:
            raise RequestError("not_found", f"there is nothing at {request.path:.200}; see /docs for all paths")
        allowed = ", ".join([*methods, "OPTIONS", *(["HEAD"] if "GET" in methods else [])])
        allow = {"allow": allowed}
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=allow | (PREFLIGHT if self._origins else {}))
        raise RequestError("method_not_allowed", f"{request.path} does not take {request.method}; use {allowed}", allow)

    def _error(self, request: Request, error: RequestError, error_format: ErrorFormat) -> Response:
        self.service.metrics.errors(error.code).inc()
        if error.code == "internal":
            fields = {FIELDS: {"request_id": request.id, "path": request.path}}
            logger.error("a request failed", exc_info=error.__cause__, extra=fields)
        return error_format.response(error)

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        """Send a response; if a streamed one fails, break off the connection, so that no one takes it for complete."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headers(request, response)
            await send(message)

        try:
            await response(request.scope, _no_body, send_with_headers)
        except RequestError as error:
            self._error(request, error, EMOSCOPE)
            raise DisconnectedError from error

    def _cors_headers(self, request: Request) -> RawHeaders:
        """The headers that let a page of an allowed origin read the response."""
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
        if self._log_texts and request.texts is not None:
            fields["texts"] = request.texts
        logger.info("request", extra={FIELDS: fields})
