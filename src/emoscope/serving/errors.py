"""Errors that clients get: the status of each code, and the shape of the body in each API that the server speaks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from msgspec import Struct

from emoscope.serving.answers import (
    Error,
    ErrorDetail,
    HuggingFaceError,
    OpenAiError,
    OpenAiErrorDetail,
    TeiError,
    TeiErrorType,
)
from emoscope.serving.responses import JSONResponse

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "invalid_utf8": 400,
        "invalid_json": 400,
        "invalid_http": 400,
        "unauthorized": 401,
        "foreign_origin": 403,
        "foreign_host": 403,
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
        "insufficient_storage": 507,
    }
)
"""HTTP status of each error code."""


class RequestError(Exception):
    """A request that gets an error instead of what it asked for.

    Attributes:
        code: a key of STATUS.
        message: what was found, what is allowed, what to do next.
        headers: headers that the response has in addition.
    """

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = headers


@dataclass(frozen=True, eq=False)
class ErrorFormat:
    """How one API reports errors.

    Attributes:
        name: name of the API in the OpenAPI document.
        kind: type of the JSON body.
        body: turns status and error into the JSON body.
        statuses: statuses that differ from STATUS, by code.
    """

    name: str
    kind: type[Struct]
    body: Callable[[int, RequestError], Struct]
    statuses: Mapping[str, int] = field(default_factory=dict)

    def status(self, code: str) -> int:
        """The status of an error code."""
        return self.statuses.get(code, STATUS[code])

    def response(self, error: RequestError) -> JSONResponse:
        """The response to a request with this error."""
        status = self.status(error.code)
        return JSONResponse(self.body(status, error), status, error.headers)


_TEI_TYPES: Mapping[int, TeiErrorType] = {424: "Backend", 429: "Overloaded", 503: "Unhealthy"}
_OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "internal_error", 503: "unavailable_error"}


def _tei(status: int, error: RequestError) -> TeiError:
    return TeiError(error.message, "Empty" if error.code == "empty" else _TEI_TYPES.get(status, "Validation"))


def _openai(status: int, error: RequestError) -> OpenAiError:
    error_type = _OPENAI_TYPES.get(status, "invalid_request_error")
    return OpenAiError(OpenAiErrorDetail(error.message, error_type, None, status))


EMOSCOPE = ErrorFormat("Own", Error, lambda status, error: Error(ErrorDetail(error.code, error.message)))
HUGGING_FACE = ErrorFormat(
    "HuggingFace",
    HuggingFaceError,
    lambda status, error: HuggingFaceError(error.message),
    {"invalid_request": 400, "empty": 400, "deadline_exceeded": 503},
)
TEI = ErrorFormat("Tei", TeiError, _tei, {"empty": 400, "internal": 424, "deadline_exceeded": 503})
OPENAI = ErrorFormat("OpenAi", OpenAiError, _openai, {"deadline_exceeded": 503})
