"""Requests as handlers see them and the answers they give: a thin layer over ASGI."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import count
from re import compile as regex
from secrets import token_hex
from typing import Any
from urllib.parse import parse_qs

from emoscope.serving.errors import RequestError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

JSON = b"application/json"
POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY: Headers = (
    (b"content-security-policy", POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""Of every answer."""
_REQUEST_ID = regex(rb"[\w.:/+=-]{1,128}")
_PROCESS = token_hex(6)
_NUMBERS = count(1)


def next_id() -> str:
    """A name for a request, of this process and its own."""
    return f"{_PROCESS}-{next(_NUMBERS):x}"


class DisconnectedError(Exception):
    """The client has gone away."""


class Request:
    """One request.

    Attributes:
        method: GET, POST ...
        path: decoded.
        headers: by lower-case name; the last one of a name.
        id: the client's X-Request-Id if it is a sensible one, else one of our own.
        texts: what is to be scored, when it is known.
        is_whole: whether its body was read to the end.
    """

    __slots__ = ("_receive", "headers", "id", "is_whole", "method", "path", "scope", "texts")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id")
        self.id = given.decode() if given and _REQUEST_ID.fullmatch(given) else next_id()
        self.texts: Sequence[str] | None = None
        self.is_whole = False
        self._receive = receive

    @property
    def query(self) -> dict[str, str]:
        """Parameters of the query string; the last one of a name."""
        pairs = parse_qs(self.scope.get("query_string", b"").decode("ascii", "replace"), keep_blank_values=True)
        return {name: values[-1] for name, values in pairs.items()}

    @property
    def media_type(self) -> str:
        """Of the body, in lower case and without parameters."""
        return self.headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")

    async def body(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            RequestError: it is longer than `limit` bytes.
            DisconnectedError: the client went away.
        """
        length = self.headers.get(b"content-length", b"")
        if length.isdigit() and int(length[:20]) > limit:
            raise _too_large(limit)
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            self.is_whole = True
            body: bytes = message.get("body", b"")
            if len(body) > limit:
                raise _too_large(limit)
            return body
        return b"".join([chunk async for chunk in self._chunks(message, limit)])

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it comes.

        Raises:
            DisconnectedError: the client went away.
        """
        async for chunk in self._chunks(await self._receive(), None):
            yield chunk

    async def _chunks(self, message: Message, limit: int | None) -> AsyncIterator[bytes]:
        size = 0
        while message["type"] == "http.request":
            chunk = message.get("body", b"")
            size += len(chunk)
            if limit is not None and size > limit:
                raise _too_large(limit)
            self.is_whole = not message.get("more_body")
            yield chunk
            if self.is_whole:
                return
            message = await self._receive()
        raise DisconnectedError

    async def disconnected(self) -> None:
        """Return when the client has gone away or has its answer; only of a request that is whole."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def json(self, limit: int) -> Any:
        """The body as JSON.

        Raises:
            RequestError: it is not JSON in UTF-8, not said to be, or too long.
            DisconnectedError: the client went away.
        """
        if self.media_type != "application/json":
            got = self.media_type or "none"
            raise RequestError(
                "unsupported_media_type",
                f"the Content-Type is {got!r}; send JSON with 'Content-Type: application/json'",
            )
        body = await self.body(limit)
        try:
            return json.loads(body.decode())
        except UnicodeDecodeError as error:
            raise RequestError(
                "invalid_utf8", f"byte 0x{body[error.start]:02x} at offset {error.start} of the body is not UTF-8"
            ) from None
        except RecursionError:
            raise RequestError("invalid_json", "the JSON is nested too deep; texts stand in a list") from None
        except ValueError as error:
            raise RequestError("invalid_json", f"the body is not JSON: {error}") from None


def _too_large(limit: int) -> RequestError:
    message = f"the body is larger than {limit:,} bytes; send fewer texts at once, or stream them to /v1/score"
    return RequestError("body_too_large", message, ((b"connection", b"close"),))


@dataclass(frozen=True)
class Response:
    """One answer.

    Attributes:
        body: all of it, or as it comes.
        status: HTTP status.
        media_type: the Content-Type.
        headers: further ones.
    """

    body: bytes | AsyncGenerator[bytes, None]
    status: int = 200
    media_type: bytes = JSON
    headers: Headers = ()


_encode = json.JSONEncoder(separators=(",", ":")).encode


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """JSON in ASCII, so that any text can stand in it."""
    return Response(_encode(value).encode(), status, JSON, headers)
