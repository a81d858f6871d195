"""Responses of handlers: Starlette's, with JSON that msgspec writes, and the headers that every response has."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

RawHeaders = tuple[tuple[bytes, bytes], ...]

CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: RawHeaders = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""Headers of every response."""
_encode = msgspec.json.Encoder().encode


class JSONResponse(Response):
    """A struct or a plain value as JSON; a text with a lone surrogate makes it ASCII with escapes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The body."""
        try:
            return _encode(content)
        except UnicodeEncodeError:
            return json.dumps(msgspec.to_builtins(content), separators=(",", ":")).encode()


class TableResponse(StreamingResponse):
    """A table that is sent while its request is received: only the generator of its body reads from the connection."""

    body_iterator: AsyncGenerator[bytes, None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; the generator is closed in any case."""
        async with aclosing(self.body_iterator):
            await self.stream_response(send)


def common_headers(request_id: str) -> RawHeaders:
    """The headers that every response to a request has."""
    return ((b"x-request-id", request_id.encode()), *SECURITY_HEADERS)
