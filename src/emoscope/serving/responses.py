"""Responses as handlers return them, and the headers that every response has. Knows no ASGI."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import msgspec

Headers = tuple[tuple[bytes, bytes], ...]

WITHOUT_BODY = (204, 304)
JSON = b"application/json"
CONTENT_SECURITY_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS: Headers = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
"""Headers of every response."""


@dataclass(frozen=True)
class Response:
    """One response.

    Attributes:
        body: the whole body, or a generator that streams it.
        status: HTTP status.
        media_type: value of Content-Type.
        headers: headers other than Content-Type, Content-Length and SECURITY_HEADERS.
    """

    body: bytes | AsyncGenerator[bytes, None]
    status: int = 200
    media_type: bytes = JSON
    headers: Headers = ()

    def all_headers(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """The headers of the response to a request, without those that depend on the connection and on CORS."""
        headers = [(b"content-type", self.media_type), (b"x-request-id", request_id.encode())]
        if isinstance(self.body, bytes) and self.status not in WITHOUT_BODY:
            headers.append((b"content-length", b"%d" % len(self.body)))
        return [*headers, *SECURITY_HEADERS, *self.headers]


_encode = msgspec.json.Encoder().encode


def json_response(value: Any, status: int = 200, headers: Headers = ()) -> Response:
    """A JSON response of a struct or a plain value; a text with a lone surrogate makes it ASCII with escapes."""
    try:
        body = _encode(value)
    except UnicodeEncodeError:
        body = json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()
    return Response(body, status, JSON, headers)
