"""Everything that may be wrong with a request: one table from code to status. A dialect gives it its shape."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "invalid_utf8": 400,
        "invalid_json": 400,
        "invalid_http": 400,
        "unauthorized": 401,
        "foreign_origin": 403,
        "not_found": 404,
        "method_not_allowed": 405,
        "request_timeout": 408,
        "body_too_large": 413,
        "too_many_texts": 413,
        "text_too_long": 413,
        "unsupported_media_type": 415,
        "empty": 422,
        "invalid_request": 422,
        "overloaded": 429,
        "headers_too_large": 431,
        "internal": 500,
        "draining": 503,
        "too_many_connections": 503,
        "deadline_exceeded": 504,
    }
)


class RequestError(Exception):
    """A request that is not answered with what it asked for.

    Attributes:
        code: a key of STATUS.
        message: what was got, what is allowed, what to do next.
        headers: further headers of the answer.
    """

    def __init__(self, code: str, message: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers
